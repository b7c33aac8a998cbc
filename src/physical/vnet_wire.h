/* The virtio-net header as bytes, little-endian (VIRTIO 1.1 5.1.6; Linux: IFF_VNET_HDR with TUNSETVNETLE).
 * What it says of a frame is believed only where it fits the frame. */
#ifndef VT_PHYSICAL_VNET_WIRE_H
#define VT_PHYSICAL_VNET_WIRE_H

#include <vitro/errno.h>
#include "base/pbuf.h"

#define VT_VNET_HLEN 10u

enum vt_vnet_flags {
    VT_VNET_NEEDS_CSUM = 1,
    VT_VNET_DATA_VALID = 2,
};
enum vt_vnet_gso {
    VT_VNET_GSO_NONE = 0,
    VT_VNET_GSO_TCPV4 = 1,
};

struct vt_vnet_hdr {
    uint8_t flags, gso_type;
    uint16_t hdr_len;     /* a hint only: never believed */
    uint16_t gso_size;    /* payload of each segment */
    uint16_t csum_start;  /* from the frame's start */
    uint16_t csum_offset; /* of the field, from csum_start */
};

static inline uint16_t vt_vnet_get(const uint8_t *b)
{
    return (uint16_t)(b[0] | b[1] << 8);
}
static inline void vt_vnet_put(uint8_t *b, uint16_t v)
{
    b[0] = (uint8_t)v;
    b[1] = (uint8_t)(v >> 8);
}

/* Reads and writes the header's 10 bytes. */
static inline void vt_vnet_parse(struct vt_vnet_hdr *h, const uint8_t *b)
{
    h->flags = b[0];
    h->gso_type = b[1];
    h->hdr_len = vt_vnet_get(b + 2);
    h->gso_size = vt_vnet_get(b + 4);
    h->csum_start = vt_vnet_get(b + 6);
    h->csum_offset = vt_vnet_get(b + 8);
}
static inline void vt_vnet_build(uint8_t *b, const struct vt_vnet_hdr *h)
{
    b[0] = h->flags;
    b[1] = h->gso_type;
    vt_vnet_put(b + 2, h->hdr_len);
    vt_vnet_put(b + 4, h->gso_size);
    vt_vnet_put(b + 6, h->csum_start);
    vt_vnet_put(b + 8, h->csum_offset);
}

/* Gives a frame the offload facts of its header. -VT_EINVAL when they do not fit it: a checksum outside the
 * frame, or a super-segment that is none of TCP over IPv4, the only kind that was asked for. */
int vt_vnet_apply(struct vt_pbuf *p, const struct vt_vnet_hdr *h);
/* The header that goes with a frame. */
void vt_vnet_describe(struct vt_vnet_hdr *h, struct vt_pbuf *p);

#endif

/* The UDP header (RFC 768): bytes to a checked struct and back. */
#ifndef VT_TRANSPORT_UDP_WIRE_H
#define VT_TRANSPORT_UDP_WIRE_H

#include <vitro/types.h>

#define VT_UDP_HEADER      8
#define VT_UDP_CSUM_OFFSET 6

struct vt_udp_hdr {
    uint16_t sport, dport;
    uint16_t len;  /* header and payload */
    uint16_t csum; /* 0: none was made (RFC 768) */
};

/* Reads the header of a datagram of which `avail` bytes came; `b` holds at least eight of them, when that
 * many came. False when it is cut short, or says it is shorter than its header or longer than what came
 * (V41). */
static inline bool vt_udp_parse(struct vt_udp_hdr *h, const uint8_t *b, uint32_t avail)
{
    if (avail < VT_UDP_HEADER)
        return false;
    h->sport = vt_get16(b);
    h->dport = vt_get16(b + 2);
    h->len = vt_get16(b + 4);
    h->csum = vt_get16(b + 6);
    return h->len >= VT_UDP_HEADER && h->len <= avail;
}

static inline void vt_udp_write(uint8_t *b, const struct vt_udp_hdr *h)
{
    vt_put16(b, h->sport);
    vt_put16(b + 2, h->dport);
    vt_put16(b + 4, h->len);
    vt_put16(b + 6, h->csum);
}

#endif

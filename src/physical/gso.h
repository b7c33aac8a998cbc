/* Super-segments: one TCP segment that stands for many frames of gso_size payload each (VIRTIO 1.1 5.1.6). */
#ifndef VT_PHYSICAL_GSO_H
#define VT_PHYSICAL_GSO_H

#include "base/core.h"

#define VT_GSO_MIN_SIZE \
    8 /* under this a super-segment is an attack: 64 KB would become thousands of frames */

/* Where the headers of a super-segment lie, counted from the frame's start. */
struct vt_gso_parts {
    uint32_t l3;      /* the IPv4 header: 14, or 0 of a raw IP packet */
    uint32_t l4;      /* the TCP header */
    uint32_t payload; /* its data: how much header each frame gets */
    uint32_t end;     /* the end of the IP packet */
};

/* Finds them. False when p is no super-segment of TCP over IPv4 with whole headers and a sound segment size.
 */
bool vt_gso_find(struct vt_pbuf *p, bool raw_ip, struct vt_gso_parts *g);
/* The longest frame that a super-segment stands for. */
uint32_t vt_gso_frame_len(const struct vt_pbuf *p, const struct vt_gso_parts *g);

#endif

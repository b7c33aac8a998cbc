/* ARP packets as bytes: RFC 826, for Ethernet and IPv4.
 *
 *     0       2       4    5    6     8              14           18             24           28
 *     | htype | ptype | hl | pl | op  | sender's MAC | sender's IP | target's MAC | target's IP |
 */
#ifndef VT_LINK_ARP_WIRE_H
#define VT_LINK_ARP_WIRE_H

#include <vitro/event.h>

#define VT_ARP_LEN 28u

enum vt_arp_op {
    VT_ARP_REQUEST = 1,
    VT_ARP_REPLY = 2,
};

struct vt_arp {
    uint16_t op; /* enum vt_arp_op */
    struct vt_mac sender_mac, target_mac;
    struct vt_ip sender_ip, target_ip;
};

/* Reads an ARP packet of `len` bytes, padding included; `b` holds the first 28 of them, or may be NULL when
 * there are fewer. Returns VT_DROP_NONE, or why it is none (V02) or nobody can have sent it. */
static inline enum vt_drop vt_arp_parse(struct vt_arp *a, const uint8_t *b, uint32_t len)
{
    if (b == NULL || len < VT_ARP_LEN)
        return VT_DROP_ARP_SHORT;
    if (vt_get16(b) != 1 || vt_get16(b + 2) != 0x0800 || b[4] != 6 || b[5] != 4)
        return VT_DROP_ARP_FORMAT;
    a->op = vt_get16(b + 6);
    if (a->op != VT_ARP_REQUEST && a->op != VT_ARP_REPLY)
        return VT_DROP_ARP_FORMAT;
    memcpy(a->sender_mac.b, b + 8, 6);
    a->sender_ip = vt_ip_from4(vt_get32(b + 14));
    memcpy(a->target_mac.b, b + 18, 6);
    a->target_ip = vt_ip_from4(vt_get32(b + 24));
    /* V07. A sender of 0.0.0.0 is a probe (RFC 5227 2.1.1), and only ever asks. */
    if (vt_mac_is_group(a->sender_mac) || vt_mac_is_zero(a->sender_mac))
        return VT_DROP_ARP_BAD_SENDER;
    if (vt_ip_is_any(a->sender_ip) ? a->op == VT_ARP_REPLY
                                   : (a->sender_ip.b[12] == 0 || vt_ip_is_multicast(a->sender_ip) ||
                                      vt_ip_is_loopback(a->sender_ip) || a->sender_ip.b[12] >= 240))
        return VT_DROP_ARP_BAD_SENDER;
    return VT_DROP_NONE;
}

/* Writes the packet's 28 bytes. */
static inline void vt_arp_build(uint8_t *b, const struct vt_arp *a)
{
    static const uint8_t head[6] = {0, 1, 8, 0, 6, 4};
    memcpy(b, head, 6);
    vt_put16(b + 6, a->op);
    memcpy(b + 8, a->sender_mac.b, 6);
    memcpy(b + 14, a->sender_ip.b + 12, 4);
    memcpy(b + 18, a->target_mac.b, 6);
    memcpy(b + 24, a->target_ip.b + 12, 4);
}

#endif

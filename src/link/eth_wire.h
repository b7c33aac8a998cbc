/* Ethernet frames as bytes: IEEE 802.3 3.1, Ethernet II types, RFC 894. The frame check sequence and the
 * preamble are the cable's: they are not here.
 *
 *     0                 6                 12        14
 *     | destination     | source          | type    | payload, perhaps with padding behind it ...
 */
#ifndef VT_LINK_ETH_WIRE_H
#define VT_LINK_ETH_WIRE_H

#include <vitro/event.h>

#define VT_ETH_HLEN 14u
#define VT_ETH_MIN                                                                           \
    60u /* the least frame on a wire, FCS not counted: shorter ones are padded (802.3 3.2.8) \
         */
#define VT_ETH_FCS      4u
#define VT_VLAN_HLEN    4u
#define VT_ETH_TYPE_MIN 0x0600u /* from here on the field is a type, below it is a length (802.3 3.2.6) */
#define VT_ETH_LEN_MAX  1500u

enum vt_ethertype {
    VT_ETHERTYPE_IPV4 = 0x0800,
    VT_ETHERTYPE_ARP = 0x0806,
    VT_ETHERTYPE_VLAN = 0x8100,
    VT_ETHERTYPE_IPV6 = 0x86dd,
    VT_ETHERTYPE_QINQ = 0x88a8,
};

struct vt_eth_hdr {
    struct vt_mac dst, src;
    uint16_t type; /* below VT_ETH_TYPE_MIN: the length of an 802.3 frame's payload */
};

/* Reads the header of a frame of `len` bytes; `b` holds the first 14 of them, or may be NULL when there are
 * fewer. Returns VT_DROP_NONE, or why this is no frame (V01). */
static inline enum vt_drop vt_eth_parse(struct vt_eth_hdr *h, const uint8_t *b, uint32_t len)
{
    if (b == NULL || len < VT_ETH_HLEN)
        return VT_DROP_ETH_RUNT;
    memcpy(h->dst.b, b, 6);
    memcpy(h->src.b, b + 6, 6);
    h->type = vt_get16(b + 12);
    /* What 802.3 3.2.6 leaves undefined, 1501 to 1535, cannot be true either. */
    if (h->type < VT_ETH_TYPE_MIN && (h->type > VT_ETH_LEN_MAX || h->type > len - VT_ETH_HLEN))
        return VT_DROP_ETH_LENGTH;
    /* V07: no card has a group address, nor none. */
    if (vt_mac_is_group(h->src) || vt_mac_is_zero(h->src))
        return VT_DROP_ETH_SOURCE;
    return VT_DROP_NONE;
}

/* Writes the header's 14 bytes. */
static inline void vt_eth_build(uint8_t *b, const struct vt_eth_hdr *h)
{
    memcpy(b, h->dst.b, 6);
    memcpy(b + 6, h->src.b, 6);
    vt_put16(b + 12, h->type);
}

/* 01:80:C2:00:00:00 to :0F: for the bridge next door, never passed on (802.1D 7.12.6). */
static inline bool vt_mac_is_reserved(struct vt_mac m)
{
    static const uint8_t prefix[5] = {0x01, 0x80, 0xc2, 0x00, 0x00};
    return memcmp(m.b, prefix, 5) == 0 && m.b[5] < 0x10;
}

/* The group address of an IPv4 multicast address: its low 23 bits behind 01:00:5e (RFC 1112 6.4). */
static inline struct vt_mac vt_mac_multicast(struct vt_ip ip)
{
    return (struct vt_mac){{0x01, 0x00, 0x5e, (uint8_t)(ip.b[13] & 0x7f), ip.b[14], ip.b[15]}};
}

#endif

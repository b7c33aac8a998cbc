/* IPv4 on the wire (RFC 791 3.1): bytes to a checked small struct, and back. Holds no state.
 *
 *     0               8               16              24            31
 *     | ver 4 |  ihl  |  type of service |          total length      |
 *     |         identification           |0 DF MF|  fragment offset   |
 *     |  time to live |    protocol      |       header checksum      |
 *     |                         source address                        |
 *     |                       destination address                     |
 *     |                  options, padded to 32 bits                   |
 */
#ifndef VT_NETWORK_IPV4_WIRE_H
#define VT_NETWORK_IPV4_WIRE_H

#include <vitro/event.h>

#define VT_IPV4_HEADER     20u
#define VT_IPV4_HEADER_MAX 60u
#define VT_IPV4_OPTIONS    40u
#define VT_IPV4_MAX        65535u
#define VT_IPV4_MTU_MIN    68u /* RFC 791 3.2: what every link must carry whole */

enum vt_ipv4_option_kind {
    VT_IPOPT_END = 0,
    VT_IPOPT_NOP = 1,
    VT_IPOPT_RECORD_ROUTE = 7,
    VT_IPOPT_TIMESTAMP = 68,
    VT_IPOPT_LSRR = 131,
    VT_IPOPT_SSRR = 137,
};
#define VT_IPOPT_COPIED 0x80 /* RFC 791 3.1: goes into every fragment */

struct vt_ipv4_hdr {
    struct vt_ip src, dst;
    uint16_t header_len; /* bytes, options included: 20 to 60 */
    uint16_t total_len;  /* bytes of the packet, header included */
    uint16_t ident;
    uint16_t offset; /* of this fragment's data in the datagram's, in bytes */
    uint16_t checksum;
    uint8_t tos, ttl, protocol;
    bool df, mf;
};

/* The header checksum's partial sum over `len` bytes, a multiple of 4: two words at a time, folded together
 * (RFC 1071 2). */
static inline uint32_t vt_ipv4_sum(const uint8_t *b, unsigned len)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < len; i += 4)
        sum += vt_get32(b + i);
    return (uint32_t)((sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32));
}
static inline uint16_t vt_ipv4_fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)(sum + (sum >> 16));
}
/* True when the checksum of a header of `len` bytes is right. */
static inline bool vt_ipv4_sum_ok(const uint8_t *b, unsigned len)
{
    return vt_ipv4_fold(vt_ipv4_sum(b, len)) == 0xffff;
}

/* Reads the 20 bytes at `b`; `len` is the length of the packet that they begin, and may be more. Checks what
 * those bytes can tell: version, header length and total length against `len`. The checksum and the options
 * are the caller's, once header_len bytes are at hand. Returns VT_DROP_NONE, or why the packet is none. */
static inline enum vt_drop vt_ipv4_parse(struct vt_ipv4_hdr *h, const uint8_t *b, uint32_t len)
{
    uint16_t frag;

    if (b[0] >> 4 != 4)
        return VT_DROP_IP_VERSION;
    h->header_len = (uint16_t)((b[0] & 15) * 4);
    if (h->header_len < VT_IPV4_HEADER || h->header_len > len)
        return VT_DROP_IP_IHL;
    h->total_len = vt_get16(b + 2);
    if (h->total_len < h->header_len || h->total_len > len)
        return VT_DROP_IP_LENGTH;
    h->tos = b[1];
    h->ident = vt_get16(b + 4);
    frag = vt_get16(b + 6);
    h->df = (frag & 0x4000) != 0;
    h->mf = (frag & 0x2000) != 0;
    h->offset = (uint16_t)((frag & 0x1fff) << 3);
    h->ttl = b[8];
    h->protocol = b[9];
    h->checksum = vt_get16(b + 10);
    h->src = vt_ip_from4(vt_get32(b + 12));
    h->dst = vt_ip_from4(vt_get32(b + 16));
    return VT_DROP_NONE;
}

/* Writes a header of h->header_len bytes at `b`, checksum filled in; `options` are header_len - 20 bytes,
 * NULL when there are none. h->checksum is not looked at. */
static inline void vt_ipv4_build(uint8_t *b, const struct vt_ipv4_hdr *h, const uint8_t *options)
{
    b[0] = (uint8_t)(0x40 | h->header_len / 4);
    b[1] = h->tos;
    vt_put16(b + 2, h->total_len);
    vt_put16(b + 4, h->ident);
    vt_put16(b + 6, (uint16_t)((h->df ? 0x4000 : 0) | (h->mf ? 0x2000 : 0) | h->offset >> 3));
    b[8] = h->ttl;
    b[9] = h->protocol;
    vt_put16(b + 10, 0);
    memcpy(b + 12, h->src.b + 12, 4);
    memcpy(b + 16, h->dst.b + 12, 4);
    if (options != NULL)
        memcpy(b + VT_IPV4_HEADER, options, h->header_len - VT_IPV4_HEADER);
    vt_put16(b + 10, (uint16_t)~vt_ipv4_fold(vt_ipv4_sum(b, h->header_len)));
}

/* One option: its kind, and all its bytes, the kind and the length included. */
struct vt_ipv4_option {
    const uint8_t *bytes;
    uint8_t kind, len;
};

/* Steps over the options of `len` bytes at `b`, *at being where the walk stands (0 at first). Returns 1 with
 * an option, 0 at the end, -1 when the next one's length is 0, 1 or beyond the header (V13): *at then is the
 * offset of that option. END and padding are not returned. */
static inline int vt_ipv4_option_next(struct vt_ipv4_option *o, const uint8_t *b, unsigned len, unsigned *at)
{
    while (*at < len && b[*at] == VT_IPOPT_NOP)
        ++*at;
    if (*at >= len || b[*at] == VT_IPOPT_END)
        return 0;
    if (len - *at < 2 || b[*at + 1] < 2 || b[*at + 1] > len - *at)
        return -1;
    o->bytes = b + *at;
    o->kind = b[*at];
    o->len = b[*at + 1];
    *at += o->len;
    return 1;
}

/* Writes into `to` (40 bytes) those options that belong into every fragment, padded to a multiple of 4, and
 * returns their length (RFC 791 3.1, the copied flag). The options are well formed. */
static inline unsigned vt_ipv4_options_copied(uint8_t *to, const uint8_t *b, unsigned len)
{
    struct vt_ipv4_option o;
    unsigned at = 0, n = 0;

    while (vt_ipv4_option_next(&o, b, len, &at) == 1) {
        if ((o.kind & VT_IPOPT_COPIED) == 0)
            continue;
        memcpy(to + n, o.bytes, o.len);
        n += o.len;
    }
    while (n % 4 != 0)
        to[n++] = VT_IPOPT_END;
    return n;
}

/* 240/4, and 255.255.255.255 in it. */
static inline bool vt_ipv4_is_class_e(struct vt_ip ip)
{
    return (ip.b[12] & 0xf0) == 0xf0;
}
/* 0/8: "this network" (RFC 1122 3.2.1.3 (a), (b)), 0.0.0.0 included. */
static inline bool vt_ipv4_is_this_net(struct vt_ip ip)
{
    return ip.b[12] == 0;
}
/* 169.254/16 (RFC 3927). */
static inline bool vt_ipv4_is_link_local(struct vt_ip ip)
{
    return ip.b[12] == 169 && ip.b[13] == 254;
}

#endif

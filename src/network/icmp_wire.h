/* ICMP on the wire (RFC 792): the eight bytes that every message begins with. Holds no state.
 *
 *     |     type      |     code      |           checksum            |
 *     |   identifier, or unused       |   sequence, or next-hop MTU   |
 */
#ifndef VT_NETWORK_ICMP_WIRE_H
#define VT_NETWORK_ICMP_WIRE_H

#include <vitro/types.h>

#define VT_ICMP_HEADER 8u

enum vt_icmp_type {
    VT_ICMP_ECHO_REPLY = 0,
    VT_ICMP_UNREACHABLE = 3,
    VT_ICMP_SOURCE_QUENCH = 4,
    VT_ICMP_REDIRECT = 5,
    VT_ICMP_ECHO = 8,
    VT_ICMP_ROUTER_ADVERT = 9,
    VT_ICMP_ROUTER_SOLICIT = 10,
    VT_ICMP_TIME_EXCEEDED = 11,
    VT_ICMP_PARAMETER = 12,
    VT_ICMP_TIMESTAMP = 13,
    VT_ICMP_TIMESTAMP_REPLY = 14,
    VT_ICMP_INFO = 15,
    VT_ICMP_INFO_REPLY = 16,
    VT_ICMP_MASK = 17,
    VT_ICMP_MASK_REPLY = 18,
};

/* Codes of destination unreachable and time exceeded (RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1). */
enum vt_icmp_code {
    VT_ICMP_NET = 0,
    VT_ICMP_HOST = 1,
    VT_ICMP_PROTOCOL = 2,
    VT_ICMP_PORT = 3,
    VT_ICMP_FRAG_NEEDED = 4,
    VT_ICMP_TTL = 0,
    VT_ICMP_REASSEMBLY = 1,
};

struct vt_icmp_hdr {
    uint8_t type, code;
    uint16_t checksum;
    uint16_t ident, seq; /* the last four bytes; `seq` is the MTU of fragmentation needed (RFC 1191 4) */
};

/* Reads the 8 bytes at `b`. Any 8 bytes are a header. */
static inline void vt_icmp_parse(struct vt_icmp_hdr *h, const uint8_t *b)
{
    h->type = b[0];
    h->code = b[1];
    h->checksum = vt_get16(b + 2);
    h->ident = vt_get16(b + 4);
    h->seq = vt_get16(b + 6);
}
/* Writes the 8 bytes, the checksum as it stands in `h`. */
static inline void vt_icmp_build(uint8_t *b, const struct vt_icmp_hdr *h)
{
    b[0] = h->type;
    b[1] = h->code;
    vt_put16(b + 2, h->checksum);
    vt_put16(b + 4, h->ident);
    vt_put16(b + 6, h->seq);
}

/* True for messages that ask or answer. Everything else counts as an error, the unknown included: about an
 * error no error is sent (RFC 1122 3.2.2). */
static inline bool vt_icmp_is_query(uint8_t type)
{
    switch (type) {
    case VT_ICMP_ECHO_REPLY:
    case VT_ICMP_ECHO:
    case VT_ICMP_ROUTER_ADVERT:
    case VT_ICMP_ROUTER_SOLICIT:
    case VT_ICMP_TIMESTAMP:
    case VT_ICMP_TIMESTAMP_REPLY:
    case VT_ICMP_INFO:
    case VT_ICMP_INFO_REPLY:
    case VT_ICMP_MASK:
    case VT_ICMP_MASK_REPLY: return true;
    default: return false;
    }
}

#endif

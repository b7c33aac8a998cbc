/* The small types that every floor shares: bytes in network order, sequence numbers, time, addresses.
 *
 * A type stops a mistake before it is made: a sequence number has no `<`, a network-order field cannot be
 * added to, and one address type holds IPv4 and IPv6 alike.
 */
#ifndef VITRO_TYPES_H
#define VITRO_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Time in nanoseconds since the clock's own origin; a span is a difference of two times. The core never
 * reads a clock: it is told the time. */
typedef uint64_t vt_time;
typedef int64_t vt_span;

#define VT_NEVER UINT64_MAX
#define VT_NSEC  INT64_C(1)
#define VT_USEC  INT64_C(1000)
#define VT_MSEC  INT64_C(1000000)
#define VT_SEC   INT64_C(1000000000)

/* Adds a span to a time; a sum past the end of time is VT_NEVER. Spans below zero count as zero. */
static inline vt_time vt_time_add(vt_time t, vt_span d)
{
    if (d <= 0)
        return t;
    return t > VT_NEVER - (vt_time)d ? VT_NEVER : t + (vt_time)d;
}

static inline vt_time vt_time_min(vt_time a, vt_time b)
{
    return a < b ? a : b;
}

/* Fields as they lie on the wire, most significant byte first, at any alignment. */
struct vt_be16 {
    uint8_t b[2];
};
struct vt_be32 {
    uint8_t b[4];
};

static inline uint16_t vt_be16_get(struct vt_be16 x)
{
    return (uint16_t)(x.b[0] << 8 | x.b[1]);
}
static inline uint32_t vt_be32_get(struct vt_be32 x)
{
    return (uint32_t)x.b[0] << 24 | (uint32_t)x.b[1] << 16 | (uint32_t)x.b[2] << 8 | x.b[3];
}
static inline struct vt_be16 vt_be16_of(uint16_t v)
{
    return (struct vt_be16){{(uint8_t)(v >> 8), (uint8_t)v}};
}
static inline struct vt_be32 vt_be32_of(uint32_t v)
{
    return (struct vt_be32){{(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v}};
}

/* The same from and to raw bytes, for the `*_wire.h` parsers. */
static inline uint16_t vt_get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t vt_get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline void vt_put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void vt_put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* A TCP sequence number: arithmetic modulo 2^32 (RFC 9293 3.4). Two numbers may be compared when they are
 * less than 2^31 apart; `<` is not to be had. */
struct vt_seq {
    uint32_t v;
};

static inline struct vt_seq vt_seq(uint32_t v)
{
    return (struct vt_seq){v};
}
static inline struct vt_seq vt_seq_add(struct vt_seq a, uint32_t n)
{
    return (struct vt_seq){a.v + n};
}
static inline struct vt_seq vt_seq_sub(struct vt_seq a, uint32_t n)
{
    return (struct vt_seq){a.v - n};
}
/* The signed distance from b to a: positive when a is later. */
static inline int32_t vt_seq_diff(struct vt_seq a, struct vt_seq b)
{
    return (int32_t)(a.v - b.v);
}
static inline bool vt_seq_eq(struct vt_seq a, struct vt_seq b)
{
    return a.v == b.v;
}
static inline bool vt_seq_lt(struct vt_seq a, struct vt_seq b)
{
    return vt_seq_diff(a, b) < 0;
}
static inline bool vt_seq_le(struct vt_seq a, struct vt_seq b)
{
    return vt_seq_diff(a, b) <= 0;
}
static inline bool vt_seq_gt(struct vt_seq a, struct vt_seq b)
{
    return vt_seq_diff(a, b) > 0;
}
static inline bool vt_seq_ge(struct vt_seq a, struct vt_seq b)
{
    return vt_seq_diff(a, b) >= 0;
}
static inline struct vt_seq vt_seq_max(struct vt_seq a, struct vt_seq b)
{
    return vt_seq_gt(a, b) ? a : b;
}
static inline struct vt_seq vt_seq_min(struct vt_seq a, struct vt_seq b)
{
    return vt_seq_lt(a, b) ? a : b;
}
/* True when low <= x < low + size. */
static inline bool vt_seq_in(struct vt_seq x, struct vt_seq low, uint32_t size)
{
    return x.v - low.v < size;
}

/* A link address: 48 bits, the first three bytes the vendor's. */
struct vt_mac {
    uint8_t b[6];
};

#define VT_MAC_BROADCAST ((struct vt_mac){{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}})

static inline bool vt_mac_eq(struct vt_mac a, struct vt_mac b)
{
    return memcmp(a.b, b.b, 6) == 0;
}
static inline bool vt_mac_is_group(struct vt_mac m)
{
    return (m.b[0] & 1) != 0;
}
static inline bool vt_mac_is_zero(struct vt_mac m)
{
    return (m.b[0] | m.b[1] | m.b[2] | m.b[3] | m.b[4] | m.b[5]) == 0;
}

/* An internet address, 16 bytes. IPv4 a.b.c.d is ::ffff:a.b.c.d, so that IPv4's 0.0.0.0 is ::ffff:0.0.0.0 and
 * `::` alone is the wildcard of both families. */
struct vt_ip {
    uint8_t b[16];
};

#define VT_IP_ANY ((struct vt_ip){{0}})
#define VT_IP4(a, b, c, d) \
    ((struct vt_ip){       \
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, (uint8_t)(a), (uint8_t)(b), (uint8_t)(c), (uint8_t)(d)}})
#define VT_IP4_ANY       VT_IP4(0, 0, 0, 0)
#define VT_IP4_LOOPBACK  VT_IP4(127, 0, 0, 1)
#define VT_IP4_BROADCAST VT_IP4(255, 255, 255, 255)

static inline bool vt_ip_eq(struct vt_ip a, struct vt_ip b)
{
    uint64_t x[2], y[2];
    memcpy(x, a.b, 16);
    memcpy(y, b.b, 16);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}
static inline bool vt_ip_is4(struct vt_ip a)
{
    static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(a.b, prefix, 12) == 0;
}
/* An IPv4 address from its 32 bits in host order, and back (the low four bytes, whatever the family). */
static inline struct vt_ip vt_ip_from4(uint32_t v)
{
    return VT_IP4((v >> 24) & 255, (v >> 16) & 255, (v >> 8) & 255, v & 255);
}
static inline uint32_t vt_ip_to4(struct vt_ip a)
{
    return vt_get32(a.b + 12);
}
/* True for `::` and for 0.0.0.0: an address that stands for "any". */
static inline bool vt_ip_is_any(struct vt_ip a)
{
    return vt_ip_eq(a, VT_IP_ANY) || vt_ip_eq(a, VT_IP4_ANY);
}
/* True for 127/8 (RFC 1122 3.2.1.3(g)) and ::1. */
static inline bool vt_ip_is_loopback(struct vt_ip a)
{
    static const uint8_t one[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return vt_ip_is4(a) ? a.b[12] == 127 : memcmp(a.b, one, 16) == 0;
}
/* True for 224/4 and ff00::/8. */
static inline bool vt_ip_is_multicast(struct vt_ip a)
{
    return vt_ip_is4(a) ? (a.b[12] & 0xf0) == 0xe0 : a.b[0] == 0xff;
}

/* A socket's address. `scope` is the interface index for addresses that exist on each interface (fe80::/10),
 * else 0. `port` is in host order. */
struct vt_addr {
    struct vt_ip ip;
    uint32_t scope;
    uint16_t port;
};

static inline bool vt_addr_eq(struct vt_addr a, struct vt_addr b)
{
    return a.port == b.port && a.scope == b.scope && vt_ip_eq(a.ip, b.ip);
}

/* Where memory comes from. `alloc` returns zeroed memory or NULL; `free` is told the size that was asked for.
 * Both may be called at any time from within any call into the library. */
struct vt_allocator {
    void *(*alloc)(void *ctx, size_t size);
    void (*free)(void *ctx, void *p, size_t size);
    void *ctx;
};

/* A span of bytes in memory, for scatter and gather. */
struct vt_iovec {
    void *base;
    size_t len;
};

#endif

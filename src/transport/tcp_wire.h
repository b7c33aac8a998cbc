/* TCP's header and options: bytes into a checked small struct, and back (RFC 9293 3.1, 3.2; RFC 7323; RFC
 * 2018).
 */
#ifndef VT_TRANSPORT_TCP_WIRE_H
#define VT_TRANSPORT_TCP_WIRE_H

#include <vitro/errno.h>
#include <vitro/event.h>
#include "base/ranges.h"

#define VT_TCP_HLEN      20
#define VT_TCP_HLEN_MAX  60
#define VT_TCP_MAX_SACKS 4
#define VT_TCP_MAX_SHIFT 14 /* RFC 7323 2.3 */

struct vt_tcp_hdr {
    uint16_t sport, dport;
    struct vt_seq seq, ack;
    uint16_t flags; /* enum vt_tcp_flags */
    uint16_t wnd;   /* as it stands, not scaled */
    uint16_t checksum;
    uint16_t urgent;
    uint8_t hlen; /* 20 to 60 */
};

/* The segment carries a signature, right or not. */
enum {
    VT_TCP_SIGNED_MD5 = 1,
    VT_TCP_SIGNED_AO = 2,
};

#define VT_TCP_FO_MIN   4 /* RFC 7413 4.1.1: a cookie has 4 to 16 bytes, an even number */
#define VT_TCP_FO_MAX   16
#define VT_TCP_FO_MAGIC 0xf989 /* of the experimental option (RFC 6994, RFC 7413 7) */

/* A Fast Open option: a cookie, or, of length 0, the request for one. */
struct vt_tcp_cookie {
    bool ok;  /* there is such an option, and it is well formed */
    bool exp; /* in the experimental form */
    uint8_t len;
    uint8_t b[VT_TCP_FO_MAX];
};

/* The AccECN option (RFC 9768 3.2.3): bytes by codepoint, modulo 2^24. */
struct vt_tcp_acc_opt {
    uint8_t fields; /* how many of them it has; of e1b, ceb, e0b the first ones */
    uint8_t least;  /* building: fields that may not be left out for want of room */
    uint32_t e0b, ceb, e1b;
};

/* What the options say; absent ones are zero. */
struct vt_tcp_opts {
    bool mss_ok, wscale_ok, sack_ok, ts_ok;
    uint8_t wscale; /* at most 14 */
    uint8_t nsacks;
    uint8_t signature; /* VT_TCP_SIGNED_* bits */
    uint8_t reserved;  /* building: bytes that a signature will take, multiple of 4 */
    uint16_t mss;
    uint32_t tsval, tsecr;
    struct vt_tcp_acc_opt acc;
    struct vt_range sack[VT_TCP_MAX_SACKS];
    struct vt_tcp_cookie fo;
};

/* The first 20 bytes of a segment of `len` bytes. -VT_EINVAL: the data offset is under 5 words or beyond the
 * segment (V42). */
static inline int vt_tcp_parse(const uint8_t *b, uint32_t len, struct vt_tcp_hdr *h)
{
    h->sport = vt_get16(b);
    h->dport = vt_get16(b + 2);
    h->seq = vt_seq(vt_get32(b + 4));
    h->ack = vt_seq(vt_get32(b + 8));
    h->hlen = (uint8_t)((b[12] >> 4) * 4);
    h->flags = (uint16_t)((b[12] & 1) << 8 | b[13]);
    h->wnd = vt_get16(b + 14);
    h->checksum = vt_get16(b + 16);
    h->urgent = vt_get16(b + 18);
    return h->hlen < VT_TCP_HLEN || h->hlen > len ? -VT_EINVAL : 0;
}

/* Writes 20 bytes; h->hlen counts the options that follow. The checksum is written as given. */
static inline void vt_tcp_build(uint8_t *b, const struct vt_tcp_hdr *h)
{
    vt_put16(b, h->sport);
    vt_put16(b + 2, h->dport);
    vt_put32(b + 4, h->seq.v);
    vt_put32(b + 8, h->ack.v);
    b[12] = (uint8_t)(h->hlen / 4 << 4 | (h->flags >> 8 & 1));
    b[13] = (uint8_t)h->flags;
    vt_put16(b + 14, h->wnd);
    vt_put16(b + 16, h->checksum);
    vt_put16(b + 18, h->urgent);
}

enum vt_tcp_opt_kind {
    VT_TCPOPT_END = 0,
    VT_TCPOPT_NOP = 1,
    VT_TCPOPT_MSS = 2,
    VT_TCPOPT_WSCALE = 3,
    VT_TCPOPT_SACK_PERMITTED = 4,
    VT_TCPOPT_SACK = 5,
    VT_TCPOPT_TIMESTAMPS = 8,
    VT_TCPOPT_MD5 = 19, /* RFC 2385 */
    VT_TCPOPT_AO = 29,  /* RFC 5925 2.2 */
    VT_TCPOPT_FASTOPEN = 34,
    VT_TCPOPT_ACCECN0 = 172, /* RFC 9768 3.2.3: e0b, ceb, e1b */
    VT_TCPOPT_ACCECN1 = 174, /* the other way round */
    VT_TCPOPT_EXPERIMENT = 254,
};

/* The cookie that an option holds. One of a wrong length is none (RFC 7413 4.1.1); which form it had is told
 * all the same. */
static inline void vt_tcp_parse_cookie(const uint8_t *b, uint32_t len, bool exp, struct vt_tcp_cookie *c)
{
    if (len % 2 != 0)
        return;
    c->exp = exp;
    c->ok = len == 0 || (len >= VT_TCP_FO_MIN && len <= VT_TCP_FO_MAX);
    c->len = c->ok ? (uint8_t)len : 0;
    memcpy(c->b, b, c->len);
}

static inline uint32_t vt_get24(const uint8_t *b)
{
    return (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2];
}

static inline void vt_put24(uint8_t *b, uint32_t v)
{
    b[0] = (uint8_t)(v >> 16);
    vt_put16(b + 1, (uint16_t)v);
}

static inline void vt_tcp_parse_accecn(const uint8_t *b, uint8_t len, struct vt_tcp_acc_opt *o)
{
    if (len < 5 || len > 11 || (len - 2) % 3 != 0) /* one without fields says nothing */
        return;
    o->fields = (uint8_t)((len - 2) / 3);
    uint32_t first = vt_get24(b + 2), last = o->fields > 2 ? vt_get24(b + 8) : 0;
    o->ceb = o->fields > 1 ? vt_get24(b + 5) : 0;
    o->e0b = b[0] == VT_TCPOPT_ACCECN0 ? first : last;
    o->e1b = b[0] == VT_TCPOPT_ACCECN0 ? last : first;
}

/* One option of `len` bytes at b, kind and length included. A wrong length makes it one that is ignored
 * (V45). */
static inline void vt_tcp_parse_opt(const uint8_t *b, uint8_t len, bool syn, struct vt_tcp_opts *o)
{
    switch (b[0]) {
    case VT_TCPOPT_MSS: /* RFC 9293 3.7.1: in SYN segments only */
        if (syn && len == 4) {
            o->mss_ok = true;
            o->mss = vt_get16(b + 2);
        }
        break;
    case VT_TCPOPT_WSCALE:
        if (syn && len == 3) {
            o->wscale_ok = true;
            o->wscale = b[2] > VT_TCP_MAX_SHIFT ? VT_TCP_MAX_SHIFT : b[2];
        }
        break;
    case VT_TCPOPT_SACK_PERMITTED:
        if (syn && len == 2)
            o->sack_ok = true;
        break;
    case VT_TCPOPT_TIMESTAMPS:
        if (len == 10) {
            o->ts_ok = true;
            o->tsval = vt_get32(b + 2);
            o->tsecr = vt_get32(b + 6);
        }
        break;
    case VT_TCPOPT_SACK:
        if (len < 10 || (len - 2) % 8 != 0 || syn)
            break;
        o->nsacks = 0;
        for (unsigned i = 2; i + 8 <= len && o->nsacks < VT_TCP_MAX_SACKS; i += 8)
            o->sack[o->nsacks++] = (struct vt_range){vt_seq(vt_get32(b + i)), vt_seq(vt_get32(b + i + 4))};
        break;
    case VT_TCPOPT_MD5:
        if (len == 18)
            o->signature |= VT_TCP_SIGNED_MD5;
        break;
    case VT_TCPOPT_AO:
        if (len >= 4)
            o->signature |= VT_TCP_SIGNED_AO;
        break;
    case VT_TCPOPT_FASTOPEN:
        if (syn)
            vt_tcp_parse_cookie(b + 2, len - 2u, false, &o->fo);
        break;
    case VT_TCPOPT_ACCECN0:
    case VT_TCPOPT_ACCECN1: vt_tcp_parse_accecn(b, len, &o->acc); break;
    case VT_TCPOPT_EXPERIMENT:
        if (syn && len >= 4 && vt_get16(b + 2) == VT_TCP_FO_MAGIC)
            vt_tcp_parse_cookie(b + 4, len - 4u, true, &o->fo);
        break;
    default: /* MUST-6: an option that is not known is stepped over */ break;
    }
}

/* Reads `len` bytes of options. Parsing ends at END, and at a length that is impossible (MUST-7, V43). */
static inline void vt_tcp_parse_opts(const uint8_t *b, uint32_t len, bool syn, struct vt_tcp_opts *o)
{
    memset(o, 0, offsetof(struct vt_tcp_opts, sack));
    o->fo.ok = o->fo.exp = false;
    /* RFC 7323 appendix A: two NOPs and the timestamps, as nearly every segment has them. */
    if (len == 12 && !syn && b[0] == VT_TCPOPT_NOP && b[1] == VT_TCPOPT_NOP && b[2] == VT_TCPOPT_TIMESTAMPS &&
        b[3] == 10) {
        o->ts_ok = true;
        o->tsval = vt_get32(b + 4);
        o->tsecr = vt_get32(b + 8);
        return;
    }
    uint32_t i = 0;
    while (i < len && b[i] != VT_TCPOPT_END) {
        if (b[i] == VT_TCPOPT_NOP) {
            i++;
            continue;
        }
        if (i + 1 >= len || b[i + 1] < 2 || i + b[i + 1] > len)
            return;
        vt_tcp_parse_opt(b + i, b[i + 1], syn, o);
        i += b[i + 1];
    }
}

/* What a Fast Open option takes, padded to a multiple of 4. */
static inline uint32_t vt_tcp_cookie_room(const struct vt_tcp_cookie *c)
{
    return ((c->exp ? 4u : 2u) + c->len + 3u) & ~3u;
}

/* Writes it, without the padding. */
static inline uint32_t vt_tcp_build_cookie(uint8_t *b, const struct vt_tcp_cookie *c)
{
    uint32_t head = c->exp ? 4 : 2;
    b[0] = c->exp ? VT_TCPOPT_EXPERIMENT : VT_TCPOPT_FASTOPEN;
    b[1] = (uint8_t)(head + c->len);
    if (c->exp)
        vt_put16(b + 2, VT_TCP_FO_MAGIC);
    memcpy(b + head, c->b, c->len);
    return head + c->len;
}

/* Each writes its option at b + n, when it is set, and returns where the next may begin. */
static inline uint32_t vt_tcp_build_mss(uint8_t *b, uint32_t n, const struct vt_tcp_opts *o)
{
    if (!o->mss_ok)
        return n;
    b[n] = VT_TCPOPT_MSS;
    b[n + 1] = 4;
    vt_put16(b + n + 2, o->mss);
    return n + 4;
}

static inline uint32_t vt_tcp_build_wscale(uint8_t *b, uint32_t n, const struct vt_tcp_opts *o)
{
    if (!o->wscale_ok)
        return n;
    b[n] = VT_TCPOPT_NOP;
    b[n + 1] = VT_TCPOPT_WSCALE;
    b[n + 2] = 3;
    b[n + 3] = o->wscale;
    return n + 4;
}

static inline uint32_t vt_tcp_build_sacks(uint8_t *b, uint32_t n, const struct vt_tcp_opts *o)
{
    uint32_t room = 40 - n - o->reserved;
    uint32_t fit = room < 12 ? 0 : (room - 4) / 8;
    uint32_t sacks = o->nsacks < fit ? o->nsacks : fit;
    if (sacks == 0)
        return n;
    b[n] = VT_TCPOPT_NOP;
    b[n + 1] = VT_TCPOPT_NOP;
    b[n + 2] = VT_TCPOPT_SACK;
    b[n + 3] = (uint8_t)(2 + 8 * sacks);
    n += 4;
    for (uint32_t i = 0; i < sacks; i++, n += 8) {
        vt_put32(b + n, o->sack[i].from.v);
        vt_put32(b + n + 4, o->sack[i].to.v);
    }
    return n;
}

/* As many fields as there is room for, and not fewer than must be; returns the bytes written. */
static inline uint32_t vt_tcp_build_accecn(uint8_t *b, uint32_t room, const struct vt_tcp_acc_opt *o)
{
    const uint32_t field[] = {o->e1b, o->ceb, o->e0b};
    uint32_t k = o->fields, n = 2;
    while (k != 0 && (2 + 3 * k + 3) / 4 * 4 > room)
        k--;
    if (k == 0 || k < o->least)
        return 0;
    b[0] = VT_TCPOPT_ACCECN1;
    b[1] = (uint8_t)(2 + 3 * k);
    for (uint32_t i = 0; i < k; i++, n += 3)
        vt_put24(b + n, field[i]);
    while (n % 4 != 0)
        b[n++] = VT_TCPOPT_NOP;
    return n;
}

/* Writes the options that are set in the order that Linux has them; returns the bytes written, a multiple of
 * 4, at most 40. SACK blocks that do not fit are left out. */
static inline uint32_t vt_tcp_build_opts(uint8_t *b, const struct vt_tcp_opts *o)
{
    uint32_t n = 0;
    n = vt_tcp_build_mss(b, n, o);
    if (o->ts_ok) {
        b[n] = o->sack_ok ? VT_TCPOPT_SACK_PERMITTED : VT_TCPOPT_NOP;
        b[n + 1] = o->sack_ok ? 2 : VT_TCPOPT_NOP;
        b[n + 2] = VT_TCPOPT_TIMESTAMPS;
        b[n + 3] = 10;
        vt_put32(b + n + 4, o->tsval);
        vt_put32(b + n + 8, o->tsecr);
        n += 12;
    }
    n += vt_tcp_build_accecn(b + n, 40 - n - o->reserved, &o->acc);
    if (!o->ts_ok && o->sack_ok) {
        b[n] = VT_TCPOPT_NOP;
        b[n + 1] = VT_TCPOPT_NOP;
        b[n + 2] = VT_TCPOPT_SACK_PERMITTED;
        b[n + 3] = 2;
        n += 4;
    }
    n = vt_tcp_build_wscale(b, n, o);
    if (o->fo.ok && n + vt_tcp_cookie_room(&o->fo) + o->reserved <= 40) {
        n += vt_tcp_build_cookie(b + n, &o->fo);
        while (n % 4 != 0)
            b[n++] = VT_TCPOPT_NOP;
    }
    return vt_tcp_build_sacks(b, n, o);
}

/* The same in FreeBSD's order: each option at its own alignment, what is left at the end filled with END. */
static inline uint32_t vt_tcp_build_opts_bsd(uint8_t *b, const struct vt_tcp_opts *o)
{
    uint32_t n = 0;
    n = vt_tcp_build_mss(b, n, o);
    n = vt_tcp_build_wscale(b, n, o);
    if (o->sack_ok) {
        b[n] = VT_TCPOPT_SACK_PERMITTED;
        b[n + 1] = 2;
        n += 2;
    }
    if (o->ts_ok) {
        while (n % 4 != 2)
            b[n++] = VT_TCPOPT_NOP;
        b[n] = VT_TCPOPT_TIMESTAMPS;
        b[n + 1] = 10;
        vt_put32(b + n + 2, o->tsval);
        vt_put32(b + n + 6, o->tsecr);
        n += 10;
    }
    if (o->fo.ok && n + vt_tcp_cookie_room(&o->fo) + o->reserved <= 40)
        n += vt_tcp_build_cookie(b + n, &o->fo);
    while (n % 4 != 0)
        b[n++] = VT_TCPOPT_END;
    n += vt_tcp_build_accecn(b + n, 40 - n - o->reserved, &o->acc);
    return vt_tcp_build_sacks(b, n, o);
}

#endif

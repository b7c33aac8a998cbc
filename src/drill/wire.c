#include "wire.h"

#include "base/sums.h"
#include "network/ipv4_wire.h"
#include "network/network.h"
#include "transport/tcp_wire.h"

#define ICMP_HEADER 8
#define UDP_HEADER  8
#define TTL         255 /* of what comes in */

/* ---- Options ---- */

unsigned drill_option_next(const struct drill_packet *k, unsigned *at, uint8_t const **option)
{
    const uint8_t *b = k->options + *at;
    unsigned left = k->noptions - *at, len = 1;

    if (left == 0)
        return 0;
    if (b[0] != VT_TCPOPT_NOP && b[0] != VT_TCPOPT_END) {
        if (left < 2 || b[1] < 2 || b[1] > left)
            return 0;
        len = b[1];
    }
    *option = b;
    *at += len;
    return len;
}

uint8_t *drill_option_ts(struct drill_packet *k)
{
    unsigned at = 0, len;
    const uint8_t *o;

    while ((len = drill_option_next(k, &at, &o)) != 0)
        if (o[0] == VT_TCPOPT_TIMESTAMPS && len == 10)
            return k->options + (o - k->options);
    return NULL;
}

/* ---- Writing ---- */

static void put_sum(uint8_t *field, uint8_t protocol, const struct drill_tuple *t, const uint8_t *b,
                    size_t len)
{
    uint32_t sum = protocol == VT_PROTO_ICMP ? 0 : vt_sum_pseudo(t->src, t->dst, protocol, (uint32_t)len);
    uint16_t check;

    vt_put16(field, 0);
    check = vt_sum_finish(vt_sums_portable.add(sum, b, len));
    vt_put16(field, check == 0 && protocol == VT_PROTO_UDP ? 0xffff : check);
}

static size_t write_tcp(const struct drill_packet *k, const struct drill_tuple *t, const uint8_t *payload,
                        uint8_t *b)
{
    const struct vt_tcp_hdr h = {
        .sport = t->sport,
        .dport = t->dport,
        .seq = vt_seq(k->seq),
        .ack = vt_seq(k->ack),
        .flags = k->flags,
        .wnd = k->win,
        .urgent = k->urg,
        .hlen = (uint8_t)(VT_TCP_HLEN + k->noptions),
    };

    vt_tcp_build(b, &h);
    memcpy(b + VT_TCP_HLEN, k->options, k->noptions);
    if (k->len != 0)
        memcpy(b + h.hlen, payload, k->len);
    put_sum(b + 16, VT_PROTO_TCP, t, b, h.hlen + k->len);
    return h.hlen + k->len;
}

static size_t write_udp(const struct drill_packet *k, const struct drill_tuple *t, const uint8_t *payload,
                        uint8_t *b)
{
    vt_put16(b, t->sport);
    vt_put16(b + 2, t->dport);
    vt_put16(b + 4, (uint16_t)(UDP_HEADER + k->len));
    if (k->len != 0)
        memcpy(b + UDP_HEADER, payload, k->len);
    put_sum(b + 6, VT_PROTO_UDP, t, b, UDP_HEADER + k->len);
    return UDP_HEADER + k->len;
}

/* RFC 792: the header of the packet that it is about, and 8 bytes more. That one went the other way. */
static size_t write_quoted(const struct drill_packet *k, const struct drill_tuple *t, uint8_t *b)
{
    uint32_t header = k->quoted == VT_PROTO_TCP ? VT_TCP_HLEN : UDP_HEADER;
    uint8_t *p = b + VT_IPV4_HEADER;

    vt_ipv4_build(b,
                  &(struct vt_ipv4_hdr){
                      .src = t->dst,
                      .dst = t->src,
                      .header_len = VT_IPV4_HEADER,
                      .total_len = (uint16_t)(VT_IPV4_HEADER + header + k->quoted_len),
                      .ttl = 64,
                      .protocol = k->quoted,
                      .df = true,
                  },
                  NULL);
    vt_put16(p, t->dport);
    vt_put16(p + 2, t->sport);
    if (k->quoted == VT_PROTO_TCP)
        vt_put32(p + 4, k->quoted_seq);
    else
        vt_put32(p + 4, (uint32_t)(UDP_HEADER + k->quoted_len) << 16);
    return VT_IPV4_HEADER + 8;
}

static size_t write_icmp(const struct drill_packet *k, const struct drill_tuple *t, const uint8_t *payload,
                         uint8_t *b)
{
    size_t len = k->quoted != 0 ? ICMP_HEADER : k->len;

    memset(b, 0, ICMP_HEADER);
    b[0] = k->type;
    b[1] = k->code;
    if (k->mtu >= 0)
        vt_put16(b + 6, (uint16_t)k->mtu);
    if (k->id != 0)
        vt_put16(b + 4, k->id);
    if (k->quoted != 0)
        len += write_quoted(k, t, b + ICMP_HEADER);
    else if (len > ICMP_HEADER)
        memcpy(b + ICMP_HEADER, payload, len - ICMP_HEADER);
    put_sum(b + 2, VT_PROTO_ICMP, t, b, len);
    return len;
}

size_t drill_wire_write(const struct drill_packet *k, const struct drill_tuple *t, const uint8_t *payload,
                        uint8_t *out)
{
    uint8_t *b = out + VT_IPV4_HEADER;
    size_t len;

    if (k->len > DRILL_WIRE_MAX - VT_IPV4_HEADER - VT_TCP_HLEN_MAX)
        return 0;
    switch (k->protocol) {
    case VT_PROTO_TCP: len = write_tcp(k, t, payload, b); break;
    case VT_PROTO_UDP: len = write_udp(k, t, payload, b); break;
    default: len = write_icmp(k, t, payload, b); break;
    }
    vt_ipv4_build(out,
                  &(struct vt_ipv4_hdr){
                      .src = t->src,
                      .dst = t->dst,
                      .header_len = VT_IPV4_HEADER,
                      .total_len = (uint16_t)(VT_IPV4_HEADER + len),
                      .tos = k->tos,
                      .ttl = k->ttl != 0 ? k->ttl : TTL,
                      .protocol = k->protocol,
                      .df = true,
                  },
                  NULL);
    return VT_IPV4_HEADER + len;
}

/* ---- Reading ---- */

static bool sum_ok(const struct drill_live *l, uint8_t protocol, const uint8_t *b, size_t len)
{
    uint32_t sum = protocol == VT_PROTO_ICMP
                       ? 0
                       : vt_sum_pseudo(l->tuple.src, l->tuple.dst, protocol, (uint32_t)len);

    return vt_sum_finish(vt_sums_portable.add(sum, b, len)) == 0;
}

static void read_tcp(struct drill_live *l, const uint8_t *b, size_t len)
{
    struct drill_packet *k = &l->k;
    struct vt_tcp_hdr h;

    if (len < VT_TCP_HLEN || vt_tcp_parse(b, (uint32_t)len, &h) != 0) {
        l->bad = "its TCP header is cut short";
        return;
    }
    l->tuple.sport = h.sport;
    l->tuple.dport = h.dport;
    k->flags = h.flags;
    k->seq = h.seq.v;
    k->ack = h.ack.v;
    k->win = h.wnd;
    k->urg = h.urgent;
    k->noptions = (uint8_t)(h.hlen - VT_TCP_HLEN);
    memcpy(k->options, b + VT_TCP_HLEN, k->noptions);
    k->len = (uint32_t)(len - h.hlen);
    l->payload = b + h.hlen;
    if ((b[12] & 0x0e) != 0)
        l->bad = "its reserved bits are not zero (RFC 9293 3.1)";
    if (!sum_ok(l, VT_PROTO_TCP, b, len))
        l->bad = "its TCP checksum is wrong";
}

static void read_udp(struct drill_live *l, const uint8_t *b, size_t len)
{
    if (len < UDP_HEADER || vt_get16(b + 4) != len) {
        l->bad = "its UDP length is wrong";
        return;
    }
    l->tuple.sport = vt_get16(b);
    l->tuple.dport = vt_get16(b + 2);
    l->k.len = (uint32_t)(len - UDP_HEADER);
    l->payload = b + UDP_HEADER;
    if (vt_get16(b + 6) != 0 && !sum_ok(l, VT_PROTO_UDP, b, len))
        l->bad = "its UDP checksum is wrong";
}

static void read_icmp(struct drill_live *l, const uint8_t *b, size_t len)
{
    struct drill_packet *k = &l->k;

    if (len < ICMP_HEADER) {
        l->bad = "its ICMP header is cut short";
        return;
    }
    k->type = b[0];
    k->code = b[1];
    k->len = (uint32_t)len;
    if (k->type == 3 && k->code == 4)
        k->mtu = vt_get16(b + 6);
    if (k->type == 0 || k->type == 8)
        k->id = vt_get16(b + 4);
    else if (len >= ICMP_HEADER + VT_IPV4_HEADER + 8)
        k->quoted = b[ICMP_HEADER + 9];
    l->payload = b + ICMP_HEADER;
    if (!sum_ok(l, VT_PROTO_ICMP, b, len))
        l->bad = "its ICMP checksum is wrong";
}

void drill_wire_read(struct drill_live *l, const uint8_t *bytes, size_t len)
{
    struct vt_ipv4_hdr h;

    l->k = (struct drill_packet){.mtu = -1, .tos_check = DRILL_TOS_BYTE};
    l->payload = bytes;
    if (len < VT_IPV4_HEADER || vt_ipv4_parse(&h, bytes, (uint32_t)len) != VT_DROP_NONE) {
        l->bad = "it is no IPv4 packet";
        return;
    }
    l->k.protocol = h.protocol;
    l->k.tos = h.tos;
    l->k.ttl = h.ttl;
    l->tuple.src = h.src;
    l->tuple.dst = h.dst;
    if (!vt_ipv4_sum_ok(bytes, h.header_len)) {
        l->bad = "its IP header checksum is wrong";
        return;
    }
    if (h.mf || h.offset != 0) {
        l->bad = "it is a fragment";
        return;
    }
    bytes += h.header_len;
    len = (size_t)h.total_len - h.header_len;
    switch (h.protocol) {
    case VT_PROTO_TCP: read_tcp(l, bytes, len); break;
    case VT_PROTO_UDP: read_udp(l, bytes, len); break;
    case VT_PROTO_ICMP: read_icmp(l, bytes, len); break;
    default: l->bad = "nobody here speaks its protocol"; break;
    }
}

#include "gso.h"
#include "physical.h"
#include "network/ipv4_wire.h"
#include "transport/tcp_wire.h"
#include "link/eth_wire.h"

#define GSO_PROTO_TCP   6
#define GSO_HEADERS_MAX (VT_ETH_HLEN + VT_IPV4_HEADER_MAX + VT_TCP_HLEN_MAX)

bool vt_gso_find(struct vt_pbuf *p, bool raw_ip, struct vt_gso_parts *g)
{
    if (p->gso != VT_GSO_TCP4 || p->gso_size < VT_GSO_MIN_SIZE)
        return false;
    g->l3 = raw_ip ? 0 : VT_ETH_HLEN;
    const uint8_t *b = vt_pbuf_peek(p, g->l3 + VT_IPV4_HEADER);
    if (b == NULL || (!raw_ip && vt_get16(b + 12) != VT_ETHERTYPE_IPV4))
        return false;
    struct vt_ipv4_hdr ip;
    if (vt_ipv4_parse(&ip, b + g->l3, p->len - g->l3) != VT_DROP_NONE)
        return false;
    if (ip.protocol != GSO_PROTO_TCP || ip.offset != 0 || ip.mf)
        return false;
    g->l4 = g->l3 + ip.header_len;
    g->end = g->l3 + ip.total_len;
    if (g->end - g->l4 < VT_TCP_HLEN)
        return false;
    b = vt_pbuf_peek(p, g->l4 + VT_TCP_HLEN);
    struct vt_tcp_hdr tcp;
    if (b == NULL || vt_tcp_parse(b + g->l4, g->end - g->l4, &tcp) != 0)
        return false;
    g->payload = g->l4 + tcp.hlen;
    return vt_pbuf_peek(p, g->payload) != NULL;
}

uint32_t vt_gso_frame_len(const struct vt_pbuf *p, const struct vt_gso_parts *g)
{
    uint32_t data = g->end - g->payload;
    return g->payload + (data < p->gso_size ? data : p->gso_size);
}

/* The headers that all frames of a super-segment share, to be written before each. */
struct gso_template {
    struct vt_gso_parts g;
    struct vt_ip src, dst;
    uint16_t ident, flags;
    uint32_t seq;
    uint8_t bytes[GSO_HEADERS_MAX];
};

/* Writes the headers of the frame that carries `len` bytes from `off` on, in front of `seg`. */
static void gso_headers(const struct vt_sums *sums, const struct gso_template *t, struct vt_pbuf *seg,
                        uint32_t index, uint32_t off, uint32_t len)
{
    const struct vt_gso_parts *g = &t->g;
    uint8_t *b = vt_pbuf_push(seg, g->payload);
    memcpy(b, t->bytes, g->payload);

    uint8_t *ip = b + g->l3;
    vt_put16(ip + 2, (uint16_t)(g->payload - g->l3 + len));
    vt_put16(ip + 4, (uint16_t)(t->ident + index));
    vt_put16(ip + 10, 0);
    vt_put16(ip + 10, vt_sum_finish(sums->add(0, ip, g->l4 - g->l3)));

    /* What says "the last" goes with the last frame, and CWR with the first (RFC 3168 6.1.2). */
    uint16_t flags = t->flags;
    if (off + len < g->end - g->payload)
        flags &= (uint16_t) ~(VT_FIN | VT_PSH);
    if (index != 0)
        flags &= (uint16_t)~VT_CWR;
    uint8_t *tcp = b + g->l4;
    vt_put32(tcp + 4, t->seq + off);
    tcp[13] = (uint8_t)flags;
    vt_put16(tcp + 16, 0);
    uint32_t span = g->payload - g->l4 + len;
    uint32_t sum = vt_sum_pseudo(t->src, t->dst, GSO_PROTO_TCP, span);
    vt_put16(tcp + 16, vt_sum_finish(vt_pbuf_sum(sums, seg, g->l4, span, sum)));
}

int vt_gso_cut(struct vt_core *core, struct vt_pbuf *p, bool raw_ip, struct vt_pbufq *out)
{
    struct gso_template t;
    if (!vt_gso_find(p, raw_ip, &t.g)) {
        vt_drop(core, p, VT_DROP_BAD_OFFLOAD, 0, 0);
        return -VT_EINVAL;
    }
    memcpy(t.bytes, vt_pbuf_peek(p, t.g.payload), t.g.payload);
    const uint8_t *ip = t.bytes + t.g.l3, *tcp = t.bytes + t.g.l4;
    t.src = vt_ip_from4(vt_get32(ip + 12));
    t.dst = vt_ip_from4(vt_get32(ip + 16));
    t.ident = vt_get16(ip + 4);
    t.seq = vt_get32(tcp + 4);
    t.flags = tcp[13];

    uint32_t data = t.g.end - t.g.payload, off = 0, index = 0;
    do { /* once for a super-segment without data, too */
        uint32_t len = data - off < p->gso_size ? data - off : p->gso_size;
        struct vt_pbuf *seg = vt_pbuf_slice(p, t.g.payload + off, len);
        if (seg == NULL) {
            vt_drop(core, p, VT_DROP_NO_MEMORY, 0, 0);
            return -VT_ENOMEM;
        }
        gso_headers(core->sums, &t, seg, index++, off, len);
        seg->csum = VT_CSUM_VALID;
        seg->gso = VT_GSO_NONE;
        seg->gso_size = 0;
        seg->mark = p->mark;
        seg->ev = p->ev;
        seg->stamp = p->stamp;
        vt_pbufq_push(out, seg);
        off += len;
    } while (off < data);
    vt_pbuf_free(p);
    return 0;
}

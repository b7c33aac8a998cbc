/* Sending: the first hop, the header, and fragments where they must be (RFC 791 3.2, RFC 1122 3.3). */
#include <vitro/errno.h>

#include "network/net.h"

/* Works out the way from out->src to out->dst. 0, or a negative error and *why. */
static int flow_make(struct vt_net *net, struct vt_flow *f, const struct vt_ip_out *out, enum vt_drop *why)
{
    uint64_t hash;

    f->generation = 0;
    *why = VT_DROP_IP_NO_ROUTE;
    f->nif = vt_ip_is4(out->src) ? vt_net_first_hop(net, out->src, out->dst, &f->next_hop) : NULL;
    if (f->nif == NULL || vt_ipv4_is_this_net(out->dst))
        return -VT_ENETUNREACH;
    if (vt_ip_is_loopback(out->src) && (f->nif->flags & VT_IFF_LOOPBACK) == 0) {
        /* RFC 1122 3.2.1.3 (g): 127/8 is never seen outside a host. */
        *why = VT_DROP_IP_MARTIAN;
        return -VT_EINVAL;
    }
    hash = vt_net_hash(net, VT_HASH_IDENT, out->src, out->dst, out->protocol, 0);
    f->ident = &net->ident[hash % VT_IDENTS];
    f->ident_offset = (uint16_t)(hash >> 48);
    f->broadcast = vt_netif_is_broadcast(f->nif, out->dst) && f->nif != &net->lo;
    f->pmtu = vt_pmtu_get(net, out->dst, &f->pmtu_until);
    f->src = out->src;
    f->dst = out->dst;
    f->protocol = out->protocol;
    f->generation = net->generation;
    return 0;
}

static inline bool flow_good(const struct vt_net *net, const struct vt_flow *f, const struct vt_ip_out *out)
{
    return f->generation == net->generation && vt_ip_eq(f->dst, out->dst) && vt_ip_eq(f->src, out->src) &&
           f->protocol == out->protocol && net->core->now < f->pmtu_until && (f->nif->flags & VT_IFF_UP) != 0;
}

static inline struct vt_flow *flow_slot(struct vt_net *net, const struct vt_ip_out *out)
{
    unsigned h = out->dst.b[15] ^ out->dst.b[14] ^ out->src.b[15] ^ out->protocol;
    return &net->flow[h % VT_FLOWS];
}

uint32_t vt_ip_unit(struct vt_pbuf *p, uint32_t skip)
{
    const uint8_t *tcp;

    if (p->gso == VT_GSO_NONE)
        return p->len;
    /* The segments that this stands for: headers as long as here, gso_size of payload each. */
    tcp = vt_pbuf_peek(p, skip + 13);
    return tcp == NULL ? p->len : skip + (uint32_t)(tcp[skip + 12] >> 4) * 4 + p->gso_size;
}

/* Takes the packet that cannot be sent, and says why. */
static int refuse(struct vt_net *net, struct vt_pbuf *p, enum vt_drop why, const struct vt_netif *nif,
                  int err)
{
    vt_drop(net->core, p, why, nif != NULL ? nif->index : 0, 0);
    return err;
}

/* The next identification of a flow; a super-segment takes one for each segment (RFC 6864 4.1 asks no more
 * than that datagrams which may be fragmented do not repeat one soon). */
static inline uint16_t next_ident(const struct vt_flow *f, const struct vt_pbuf *p)
{
    uint16_t ident = (uint16_t)(*f->ident + f->ident_offset);

    *f->ident += p->gso == VT_GSO_NONE ? 1 : p->len / (p->gso_size + 1u) + 1;
    return ident;
}

int vt_ip_output(struct vt_net *net, struct vt_pbuf *p, const struct vt_ip_out *out)
{
    struct vt_flow *f = flow_slot(net, out);
    struct vt_ipv4_hdr h;
    uint32_t mtu;

    net->stats.out_requests++;
    if (!flow_good(net, f, out)) {
        enum vt_drop why;
        int err = flow_make(net, f, out, &why);
        if (err != 0)
            return refuse(net, p, why, f->nif, err);
    }
    if (f->broadcast && !out->broadcast)
        return refuse(net, p, VT_DROP_IP_BROADCAST, f->nif, -VT_EACCES);
    if (p->len > VT_IPV4_MAX - VT_IPV4_HEADER)
        return refuse(net, p, VT_DROP_TX_TOO_BIG, f->nif, -VT_EMSGSIZE);

    h.src = out->src;
    h.dst = out->dst;
    h.header_len = VT_IPV4_HEADER;
    h.total_len = (uint16_t)(p->len + VT_IPV4_HEADER);
    h.ident = next_ident(f, p);
    h.offset = 0;
    h.tos = out->tos;
    h.ttl = out->ttl != 0 ? out->ttl : net->config.ttl;
    h.protocol = out->protocol;
    h.df = out->df;
    h.mf = false;

    mtu = f->nif->mtu < f->pmtu || out->hop_mtu ? f->nif->mtu : f->pmtu;
    if (vt_ip_unit(p, 0) + VT_IPV4_HEADER > mtu) {
        /* A super-segment is cut by TCP's rules or not at all. */
        if (out->df || p->gso != VT_GSO_NONE)
            return refuse(net, p, VT_DROP_IP_DF, f->nif, -VT_EMSGSIZE);
        return vt_ipv4_fragment(net, p, &h, NULL, &(struct vt_hop){f->nif, f->next_hop, mtu});
    }
    vt_ipv4_build(vt_pbuf_push(p, VT_IPV4_HEADER), &h, NULL);
    return f->nif->output(f->nif, p, f->next_hop);
}

/* ---- Fragmentation ---- */

/* Sends bytes [off, off + len) of p's data as a fragment. */
static int send_fragment(struct vt_net *net, const struct vt_pbuf *p, uint32_t off, uint32_t len,
                         const struct vt_ipv4_hdr *h, const uint8_t *options, const struct vt_hop *hop)
{
    struct vt_pbuf *q = vt_pbuf_slice(p, off, len);

    if (q == NULL)
        return -VT_ENOMEM;
    vt_ipv4_build(vt_pbuf_push(q, h->header_len), h, options);
    net->stats.frag_created++;
    return hop->nif->output(hop->nif, q, hop->next_hop);
}

int vt_ipv4_fragment(struct vt_net *net, struct vt_pbuf *p, const struct vt_ipv4_hdr *h,
                     const uint8_t *options, const struct vt_hop *hop)
{
    uint8_t later[VT_IPV4_OPTIONS];
    struct vt_ipv4_hdr f = *h;

    if (hop->mtu < h->header_len + 8u)
        return refuse(net, p, VT_DROP_TX_TOO_BIG, hop->nif, -VT_EMSGSIZE);
    /* A sum over the whole datagram cannot be completed in any one fragment. */
    if (p->csum == VT_CSUM_PARTIAL && vt_pbuf_complete_csum(net->core->sums, p) != 0)
        return refuse(net, p, VT_DROP_NO_MEMORY, hop->nif, -VT_ENOMEM);
    vt_net_event_ip(net, VT_EV_IP_FRAGMENT, VT_DOC_RFC791, hop->nif, p, h);

    for (uint32_t off = 0, len; off < p->len; off += len) {
        len = (hop->mtu - f.header_len) & ~7u;
        if (len > p->len - off)
            len = p->len - off;
        f.mf = h->mf || off + len < p->len;
        f.offset = (uint16_t)(h->offset + off);
        f.total_len = (uint16_t)(f.header_len + len);
        if (send_fragment(net, p, off, len, &f, options, hop) != 0)
            return refuse(net, p, VT_DROP_NO_MEMORY, hop->nif, -VT_ENOMEM);
        if (off == 0 && options != NULL) {
            unsigned n = vt_ipv4_options_copied(later, options, h->header_len - VT_IPV4_HEADER);
            f.header_len = (uint16_t)(VT_IPV4_HEADER + n);
            options = later;
        }
    }
    net->stats.frag_ok++;
    vt_pbuf_free(p);
    return 0;
}

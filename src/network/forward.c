/* A router's way of a packet that is not its own (RFC 1812 5.2.1, 5.3): the steps in their order. */
#include "network/net.h"

/* Addresses that no router carries a packet from or to. */
static bool may_forward(struct vt_net *net, const struct vt_ipv4_hdr *h, const struct vt_ip_in *in)
{
    /* RFC 1812 5.3.4: what came as a link-layer broadcast stays where it was said. */
    if (in->group)
        return false;
    /* RFC 2644 2: nor to all of a network; groups would need a multicast routing protocol. */
    if (vt_ip_is_multicast(h->dst) || vt_net_is_broadcast(net, h->dst))
        return false;
    /* RFC 3927 2.7. 127/8 and class E have not come so far. */
    if (vt_ipv4_is_link_local(h->src) || vt_ipv4_is_link_local(h->dst))
        return false;
    return vt_net_is_unicast(net, h->src);
}

/* Writes the header anew in a copy of our own: the block may be shared. */
static bool decrement_ttl(struct vt_pbuf *p, struct vt_ipv4_hdr *h)
{
    uint8_t *b = vt_pbuf_own(p, h->header_len);
    uint16_t was;

    if (b == NULL)
        return false;
    was = vt_get16(b + 8);
    b[8] = --h->ttl;
    vt_put16(b + 10, vt_sum_update(vt_get16(b + 10), was, vt_get16(b + 8)));
    return true;
}

/* Sends what is bigger than the link in pieces. Takes p, IP header in front. */
static void forward_cut(struct vt_net *net, struct vt_pbuf *p, const struct vt_ipv4_hdr *h,
                        const struct vt_hop *hop)
{
    uint8_t options[VT_IPV4_OPTIONS];
    const uint8_t *b = vt_pbuf_pull(p, h->header_len);

    memcpy(options, b + VT_IPV4_HEADER, h->header_len - VT_IPV4_HEADER);
    (void)vt_ipv4_fragment(net, p, h, h->header_len > VT_IPV4_HEADER ? options : NULL, hop);
}

void vt_ipv4_forward(struct vt_net *net, struct vt_pbuf *p, struct vt_ipv4_hdr *h, const struct vt_ip_in *in)
{
    struct vt_core *core = net->core;
    const struct vt_route *r;
    struct vt_hop hop;
    bool too_big;

    if (!may_forward(net, h, in)) {
        vt_drop(core, p, VT_DROP_IP_NO_FORWARD, in->nif->index, 0);
        return;
    }
    r = vt_fib_lookup(&net->fib, h->dst);
    if (r == NULL) {
        vt_icmp_error_send(net, p, in, VT_ICMP_UNREACHABLE, VT_ICMP_NET, 0);
        vt_drop(core, p, VT_DROP_IP_NO_ROUTE, in->nif->index, 0);
        return;
    }
    hop = (struct vt_hop){r->nif, vt_ip_is_any(r->via) ? h->dst : r->via, r->nif->mtu};
    if (h->ttl <= 1) {
        vt_icmp_error_send(net, p, in, VT_ICMP_TIME_EXCEEDED, VT_ICMP_TTL, 0);
        vt_drop(core, p, VT_DROP_IP_TTL, in->nif->index, 0);
        return;
    }
    too_big = vt_ip_unit(p, h->header_len) > hop.mtu;
    if (too_big && (h->df || p->gso != VT_GSO_NONE)) {
        vt_icmp_error_send(net, p, in, VT_ICMP_UNREACHABLE, VT_ICMP_FRAG_NEEDED, hop.mtu);
        vt_drop(core, p, VT_DROP_IP_DF, in->nif->index, 0);
        return;
    }
    if (!decrement_ttl(p, h)) {
        vt_drop(core, p, VT_DROP_NO_MEMORY, in->nif->index, 0);
        return;
    }
    net->stats.forwarded++;
    vt_net_event_ip(net, VT_EV_IP_FORWARD, VT_DOC_RFC1812_5_3_1, hop.nif, p, h);
    if (too_big)
        forward_cut(net, p, h, &hop);
    else
        (void)hop.nif->output(hop.nif, p, hop.next_hop);
}

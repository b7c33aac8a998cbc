/* Receiving: what RFC 1122 3.2.1 and RFC 1812 5.2.2 ask of a packet, a step a function, in their order; then
 * here or onward. */
#include "network/net.h"

/* Step 1: the header can be read, and is what was sent. */
static enum vt_drop check_header(const struct vt_netif *nif, struct vt_pbuf *p, struct vt_ipv4_hdr *h)
{
    const uint8_t *b = vt_pbuf_peek(p, VT_IPV4_HEADER);
    enum vt_drop why;

    if (b == NULL)
        return VT_DROP_IP_SHORT;
    why = vt_ipv4_parse(h, b, p->len);
    if (why != VT_DROP_NONE)
        return why;
    b = vt_pbuf_peek(p, h->header_len);
    if (b == NULL)
        return VT_DROP_IP_IHL;
    /* What never left memory cannot have been damaged on a wire. */
    if ((nif->flags & VT_IFF_LOOPBACK) == 0 && !vt_ipv4_sum_ok(b, h->header_len))
        return VT_DROP_IP_CHECKSUM;
    return VT_DROP_NONE;
}

/* Step 2: the addresses may stand in a packet on a wire (RFC 1122 3.2.1.3, RFC 1812 5.3.7). */
static enum vt_drop check_addresses(struct vt_net *net, const struct vt_netif *nif,
                                    const struct vt_ipv4_hdr *h)
{
    if ((nif->flags & VT_IFF_LOOPBACK) != 0)
        return VT_DROP_NONE;
    if (vt_ip_is_loopback(h->src) || vt_ip_is_multicast(h->src) || vt_netif_is_broadcast(nif, h->src))
        return VT_DROP_IP_SOURCE;
    /* 0.0.0.0 is for a host that asks for its address, and asks everybody (RFC 1122 3.2.1.3 (a)). */
    if (vt_ipv4_is_this_net(h->src) && !(vt_ip_eq(h->src, VT_IP4_ANY) && vt_ip_eq(h->dst, VT_IP4_BROADCAST)))
        return VT_DROP_IP_SOURCE;
    if (vt_ipv4_is_class_e(h->src) || vt_ip_is_loopback(h->dst) || vt_ipv4_is_this_net(h->dst) ||
        (vt_ipv4_is_class_e(h->dst) && !vt_ip_eq(h->dst, VT_IP4_BROADCAST)))
        return VT_DROP_IP_MARTIAN;
    if (vt_net_is_local(net, h->src))
        return VT_DROP_IP_LAND;
    return VT_DROP_NONE;
}

/* Step 3: the options. None of them asks for anything that we do; all must be well formed, and a source route
 * is refused. *at is the offset in the header of the one that is wrong. */
static enum vt_drop check_options(struct vt_pbuf *p, const struct vt_ipv4_hdr *h, unsigned *at)
{
    const uint8_t *b = vt_pbuf_peek(p, h->header_len);
    struct vt_ipv4_option o;
    unsigned len = h->header_len - VT_IPV4_HEADER;
    int more;

    *at = 0;
    while ((more = vt_ipv4_option_next(&o, b + VT_IPV4_HEADER, len, at)) == 1) {
        /* RFC 7126 4.3, 4.4 */
        if (o.kind == VT_IPOPT_LSRR || o.kind == VT_IPOPT_SSRR)
            return VT_DROP_IP_SOURCE_ROUTE;
    }
    *at += VT_IPV4_HEADER;
    return more < 0 ? VT_DROP_IP_OPTION : VT_DROP_NONE;
}

enum whither {
    HERE,
    HERE_GROUP, /* one of the addresses that all share */
    ONWARD,
};

/* Step 4: whose it is. A host takes what is sent to any of its addresses, by whichever interface it comes
 * (the weak model of RFC 1122 3.3.4.2), to the broadcast addresses of the interface, and to all hosts. */
static enum whither whither(struct vt_net *net, const struct vt_netif *nif, struct vt_ip dst)
{
    if (vt_net_is_local(net, dst))
        return HERE;
    if (vt_netif_is_broadcast(nif, dst))
        return HERE_GROUP;
    /* RFC 1112 4: 224.0.0.1; no other group is joined. */
    return vt_ip_eq(dst, VT_IP4(224, 0, 0, 1)) ? HERE_GROUP : ONWARD;
}

static struct vt_way_in *way_in_slot(struct vt_net *net, const struct vt_ipv4_hdr *h)
{
    unsigned hash = h->src.b[15] ^ h->src.b[14] ^ h->dst.b[15];
    return &net->way_in[hash % VT_WAYS_IN];
}

/* True when the packet's addresses were found good before, and its destination ours. */
static bool way_in_known(struct vt_net *net, const struct vt_netif *nif, const struct vt_ipv4_hdr *h)
{
    const struct vt_way_in *w = way_in_slot(net, h);
    return w->generation == net->generation && w->nif == nif && vt_ip_eq(w->src, h->src) &&
           vt_ip_eq(w->dst, h->dst);
}

/* Step 6: to its protocol. Takes p, IP header in front. */
static void deliver(struct vt_net *net, struct vt_pbuf *p, const struct vt_ip_in *in)
{
    unsigned slot = net->proto_slot[in->protocol];
    const struct vt_proto_ops *ops = slot != 0 ? &net->proto[slot - 1] : NULL;

    if (in->protocol != VT_PROTO_ICMP && (ops == NULL || ops->input == NULL)) {
        /* RFC 1122 3.2.2.1: code 2. IP in IP ends here too: nothing is unwrapped unasked (V23). */
        vt_icmp_error_send(net, p, in, VT_ICMP_UNREACHABLE, VT_ICMP_PROTOCOL, 0);
        vt_drop(net->core, p, VT_DROP_IP_PROTOCOL, in->nif->index, 0);
        return;
    }
    net->stats.in_delivers++;
    (void)vt_pbuf_pull(p, in->header);
    if (in->protocol == VT_PROTO_ICMP)
        vt_icmp_input(net, p, in);
    else
        ops->input(ops->ctx, p, in);
}

/* Steps 4 to 6; `known`: its addresses are. Takes p, IP header in front. */
static void route_in(struct vt_net *net, struct vt_pbuf *p, struct vt_ipv4_hdr *h, struct vt_ip_in *in,
                     bool known)
{
    enum whither where = known ? HERE : whither(net, in->nif, h->dst);

    switch (where) {
    case ONWARD:
        if (net->config.forward)
            vt_ipv4_forward(net, p, h, in);
        else
            vt_drop(net->core, p, VT_DROP_IP_NOT_OURS, in->nif->index, 0);
        return;
    case HERE_GROUP: in->group = true; break;
    case HERE:
        if (!known)
            *way_in_slot(net, h) = (struct vt_way_in){h->src, h->dst, in->nif, net->generation};
        break;
    }
    /* Step 5: fragments wait for each other. */
    if (h->mf || h->offset != 0) {
        p = vt_frag_input(net, p, h, in);
        if (p == NULL)
            return;
    }
    deliver(net, p, in);
}

void vt_ipv4_input(struct vt_netif *nif, struct vt_pbuf *p, bool group)
{
    struct vt_net *net = nif->net;
    struct vt_ipv4_hdr h;
    struct vt_ip_in in;
    enum vt_drop why;
    unsigned at = 0;
    bool known = false;

    net->core->ev.cause = p->ev;
    net->stats.in_receives++;
    why = check_header(nif, p, &h);
    if (why == VT_DROP_NONE) {
        known = way_in_known(net, nif, &h);
        why = known ? VT_DROP_NONE : check_addresses(net, nif, &h);
    }
    if (why != VT_DROP_NONE) {
        vt_drop(net->core, p, why, nif->index, 0);
        return;
    }
    vt_pbuf_trim(p, h.total_len); /* Ethernet's padding (V12) */
    in = (struct vt_ip_in){
        .src = h.src,
        .dst = h.dst,
        .nif = nif,
        .header = h.header_len,
        .protocol = h.protocol,
        .ttl = h.ttl,
        .tos = h.tos,
        .group = group,
    };
    if (h.header_len > VT_IPV4_HEADER) {
        why = check_options(p, &h, &at);
        if (why == VT_DROP_IP_OPTION) /* RFC 1122 3.2.2.5 */
            vt_icmp_error_send(net, p, &in, VT_ICMP_PARAMETER, 0, at);
        if (why != VT_DROP_NONE) {
            vt_drop(net->core, p, why, nif->index, 0);
            return;
        }
    }
    route_in(net, p, &h, &in, known);
}

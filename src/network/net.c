/* The object of the network floor: interfaces, addresses, the loopback, and what is asked about them. */
#include <vitro/errno.h>

#include "network/net.h"

void vt_net_changed(struct vt_net *net)
{
    if (++net->generation == 0)
        net->generation = 1;
}

/* ---- The loopback ---- */

/* Packets to ourselves wait for vt_net_run(): were they delivered here, a conversation with ourselves would
 * nest one call in another without end. */
static int lo_output(struct vt_netif *nif, struct vt_pbuf *p, struct vt_ip next_hop)
{
    struct vt_net *net = nif->link;

    (void)next_hop;
    if (net->loop.count >= VT_LOOP_MAX || net->loop.bytes + p->len > VT_LOOP_BYTES) {
        vt_drop(net->core, p, VT_DROP_TX_BUSY, nif->index, 0);
        return 0; /* to who sends it is as if it were lost on the way */
    }
    nif->tx_packets++;
    nif->tx_bytes += p->len;
    vt_pbufq_push(&net->loop, p);
    return 0;
}

bool vt_net_run(struct vt_net *net)
{
    /* Only what waits now: answers to it are the next run's, so that the host sees to its timers between. */
    uint32_t n = net->loop.count;

    for (uint32_t i = 0; i < n; i++) {
        struct vt_pbuf *p = vt_pbufq_pop(&net->loop);
        net->lo.rx_packets++;
        net->lo.rx_bytes += p->len;
        vt_ipv4_input(&net->lo, p, false);
    }
    return n != 0;
}

/* ---- The object ---- */

static void fill_defaults(struct vt_net_config *c)
{
    if (c->ttl == 0)
        c->ttl = 64; /* RFC 1122 3.2.1.7, and the number of the day */
    if (c->frag_max_bytes == 0)
        c->frag_max_bytes = UINT32_C(4) << 20;
    if (c->frag_max_queues == 0)
        c->frag_max_queues = 256;
    if (c->frag_max_parts == 0)
        c->frag_max_parts = 64;
    if (c->frag_time <= 0)
        c->frag_time = 60 * VT_SEC; /* RFC 1122 3.3.2: between 60 and 120 seconds */
    if (c->icmp_rate == 0)
        c->icmp_rate = 10;
    if (c->routes_max == 0)
        c->routes_max = 1024;
    if (c->routes_max > UINT16_MAX)
        c->routes_max = UINT16_MAX;
    if (c->frag_max_parts > UINT16_MAX)
        c->frag_max_parts = UINT16_MAX;
}

struct vt_net *vt_net_new(struct vt_core *core, const struct vt_net_config *config)
{
    struct vt_net *net = vt_alloc(core, sizeof *net);

    if (net == NULL)
        return NULL;
    net->core = core;
    if (config != NULL)
        net->config = *config;
    fill_defaults(&net->config);
    net->generation = 1;
    net->fib.max = net->config.routes_max;

    memcpy(net->lo.name, "lo", sizeof "lo");
    net->lo.core = core;
    net->lo.flags = VT_IFF_UP | VT_IFF_LOOPBACK | VT_IFF_CARRIER;
    net->lo.features = VT_DEV_TX_CSUM | VT_DEV_TX_TSO4 | VT_DEV_RX_CSUM | VT_DEV_RX_GSO | VT_DEV_RAW_IP;
    net->lo.mtu = VT_LO_MTU;
    net->lo.output = lo_output;
    net->lo.link = net;
    net->lo.net = net;
    net->lo.input = vt_ipv4_input;
    net->netifs = &net->lo;
    if (vt_net_add_addr(net, &net->lo, VT_IP4_LOOPBACK, 8) != 0) {
        vt_net_free(net);
        return NULL;
    }
    return net;
}

void vt_net_free(struct vt_net *net)
{
    if (net == NULL)
        return;
    vt_pbufq_clear(&net->loop);
    vt_frag_free_all(net);
    vt_fib_free(net);
    vt_free(net->core, net, sizeof *net);
}

struct vt_core *vt_net_core(struct vt_net *net)
{
    return net->core;
}

const struct vt_net_stats *vt_net_stats(const struct vt_net *net)
{
    return &net->stats;
}

uint32_t vt_net_generation(const struct vt_net *net)
{
    return net->generation;
}

void vt_net_register(struct vt_net *net, uint8_t protocol, const struct vt_proto_ops *ops)
{
    unsigned slot = net->proto_slot[protocol];

    if (slot == 0) {
        VT_ASSERT(net->protos < VT_PROTOS);
        slot = ++net->protos;
        net->proto_slot[protocol] = (uint8_t)slot;
    }
    net->proto[slot - 1] = *ops;
}

/* ---- Interfaces and addresses ---- */

void vt_net_add_netif(struct vt_net *net, struct vt_netif *nif)
{
    struct vt_netif **end = &net->netifs;
    uint32_t highest = 0;

    for (; *end != NULL; end = &(*end)->next) {
        if ((*end)->index > highest)
            highest = (*end)->index;
    }
    if (nif->index == 0)
        nif->index = highest + 1;
    nif->next = NULL;
    nif->net = net;
    nif->input = vt_ipv4_input;
    nif->unreachable = vt_icmp_neighbour_failed;
    nif->flags |= VT_IFF_UP;
    *end = nif;
    vt_net_changed(net);
}

void vt_net_remove_netif(struct vt_net *net, struct vt_netif *nif)
{
    struct vt_netif **at = &net->netifs;

    while (*at != nif)
        at = &(*at)->next;
    *at = nif->next;
    vt_fib_remove_netif(net, nif);
    vt_net_changed(net);
}

struct vt_netif *vt_net_netif(struct vt_net *net, uint32_t index)
{
    struct vt_netif *nif = net->netifs;

    while (nif != NULL && nif->index != index)
        nif = nif->next;
    return nif;
}

struct vt_netif *vt_net_netifs(struct vt_net *net)
{
    return net->netifs;
}

/* The route to an interface's own network. A second interface in the same network stands behind the first. */
static int add_network_route(struct vt_net *net, struct vt_netif *nif, struct vt_ip ip, uint8_t prefix)
{
    struct vt_route r = {.dst = ip, .prefix = prefix, .via = VT_IP_ANY, .nif = nif};
    int err;

    if (prefix == 32)
        return 0; /* the address itself, which is ours */
    err = vt_net_route_add(net, &r);
    if (err == -VT_EEXIST) {
        r.metric = nif->index;
        err = vt_net_route_add(net, &r);
    }
    return err == -VT_EEXIST ? 0 : err;
}

int vt_net_add_addr(struct vt_net *net, struct vt_netif *nif, struct vt_ip ip, uint8_t prefix)
{
    struct vt_event *e;
    int err;

    if (!vt_ip_is4(ip) || prefix > 32 || vt_ipv4_is_this_net(ip) || vt_ip_is_multicast(ip) ||
        vt_ipv4_is_class_e(ip))
        return -VT_EINVAL;
    if (vt_ip_is_loopback(ip) && nif != &net->lo)
        return -VT_EINVAL;
    for (struct vt_netif *other = net->netifs; other != NULL; other = other->next) {
        if (vt_netif_has(other, ip))
            return -VT_EEXIST;
    }
    if (nif->naddrs == VT_NETIF_ADDRS)
        return -VT_ENOSPC;
    err = add_network_route(net, nif, ip, prefix);
    if (err != 0)
        return err;
    nif->addr[nif->naddrs++] = (struct vt_ifaddr){.ip = ip, .prefix = prefix};
    vt_net_changed(net);

    e = vt_event_begin(&net->core->ev, VT_EV_ADDR, VT_DOC_RFC791);
    if (e != NULL) {
        e->iface = nif->index;
        memcpy(e->u.ifaddr.ip, ip.b, 16);
        e->u.ifaddr.prefix = prefix;
        vt_event_end(&net->core->ev, e, NULL, 0);
    }
    return 0;
}

bool vt_net_is_local(struct vt_net *net, struct vt_ip ip)
{
    if (vt_ip_is4(ip) && vt_ip_is_loopback(ip))
        return true; /* RFC 1122 3.2.1.3 (g): all of 127/8 */
    for (const struct vt_netif *nif = net->netifs; nif != NULL; nif = nif->next) {
        if (vt_netif_has(nif, ip))
            return true;
    }
    return false;
}

bool vt_net_is_broadcast(struct vt_net *net, struct vt_ip ip)
{
    if (vt_ip_eq(ip, VT_IP4_BROADCAST))
        return true;
    for (const struct vt_netif *nif = net->netifs; nif != NULL; nif = nif->next) {
        if (vt_netif_is_broadcast(nif, ip))
            return true;
    }
    return false;
}

bool vt_net_is_unicast(struct vt_net *net, struct vt_ip ip)
{
    return vt_ip_is4(ip) && !vt_ipv4_is_this_net(ip) && !vt_ip_is_multicast(ip) && !vt_ipv4_is_class_e(ip) &&
           !vt_net_is_broadcast(net, ip);
}

/* Where a packet to a group leaves: by the interface that its source address names, else by the route, else
 * by the first that is up (RFC 1122 3.3.1.1 leaves the choice to us). */
static struct vt_netif *group_netif(struct vt_net *net, struct vt_ip src, struct vt_ip dst)
{
    const struct vt_route *r = vt_fib_lookup(&net->fib, dst);
    struct vt_netif *first = r != NULL ? r->nif : NULL;

    for (struct vt_netif *nif = net->netifs; nif != NULL; nif = nif->next) {
        if ((nif->flags & VT_IFF_UP) == 0 || (nif->flags & VT_IFF_LOOPBACK) != 0)
            continue;
        if (vt_netif_has(nif, src))
            return nif;
        if (first == NULL)
            first = nif;
    }
    return first;
}

/* The way to one host, by the loopback or by the routes. */
static struct vt_netif *host_netif(struct vt_net *net, struct vt_ip dst, struct vt_ip *next_hop)
{
    const struct vt_route *r;

    if (vt_net_is_local(net, dst))
        return &net->lo;
    r = vt_fib_lookup(&net->fib, dst);
    if (r == NULL)
        return NULL;
    if (!vt_ip_is_any(r->via))
        *next_hop = r->via;
    return r->nif;
}

struct vt_netif *vt_net_first_hop(struct vt_net *net, struct vt_ip src, struct vt_ip dst,
                                  struct vt_ip *next_hop)
{
    struct vt_cached_hop *c = &net->hop[(dst.b[15] ^ dst.b[14] ^ dst.b[13]) % VT_HOPS];
    struct vt_netif *nif;

    *next_hop = dst;
    if (!vt_ip_is4(dst))
        return NULL;
    if (vt_ip_is_multicast(dst) || vt_ip_eq(dst, VT_IP4_BROADCAST))
        return group_netif(net, src, dst);
    if (c->generation == net->generation && vt_ip_eq(c->dst, dst) && (c->nif->flags & VT_IFF_UP) != 0) {
        *next_hop = c->next_hop;
        return c->nif;
    }
    nif = host_netif(net, dst, next_hop);
    c->generation = 0;
    if (nif != NULL)
        *c = (struct vt_cached_hop){dst, *next_hop, nif, net->generation};
    return nif;
}

int vt_net_source(struct vt_net *net, struct vt_ip dst, struct vt_ip *src)
{
    const struct vt_ifaddr *a;
    struct vt_netif *nif;
    struct vt_ip next_hop;

    nif = vt_net_first_hop(net, VT_IP_ANY, dst, &next_hop);
    if (nif == NULL)
        return -VT_ENETUNREACH;
    if (nif == &net->lo) {
        *src = dst;
        return 0;
    }
    a = vt_netif_on_link(nif, next_hop);
    if (a == NULL && nif->naddrs != 0)
        a = &nif->addr[0];
    if (a == NULL)
        return -VT_ENETUNREACH;
    *src = a->ip;
    return 0;
}

uint32_t vt_net_path_mtu(struct vt_net *net, struct vt_ip dst)
{
    struct vt_ip next_hop;
    struct vt_netif *nif = vt_net_first_hop(net, VT_IP_ANY, dst, &next_hop);
    uint32_t known, mtu;
    vt_time until;

    if (nif == NULL)
        return 576; /* RFC 1122 3.3.3: what every host accepts */
    known = vt_pmtu_get(net, dst, &until);
    mtu = nif->mtu < known ? nif->mtu : known;
    return mtu < VT_IPV4_MTU_MIN ? VT_IPV4_MTU_MIN : mtu;
}

uint32_t vt_net_hop_mtu(struct vt_net *net, struct vt_ip dst)
{
    struct vt_ip next_hop;
    const struct vt_netif *nif = vt_net_first_hop(net, VT_IP_ANY, dst, &next_hop);

    return nif == NULL ? 576 : nif->mtu < VT_IPV4_MTU_MIN ? VT_IPV4_MTU_MIN : nif->mtu;
}

uint32_t vt_net_features(struct vt_net *net, struct vt_ip dst)
{
    struct vt_ip next_hop;
    const struct vt_netif *nif = vt_net_first_hop(net, VT_IP_ANY, dst, &next_hop);

    return nif == NULL ? 0 : nif->features;
}

/* ---- What the files of this floor share ---- */

uint64_t vt_net_hash(const struct vt_net *net, enum vt_net_hash_use use, struct vt_ip src, struct vt_ip dst,
                     uint8_t a, uint16_t b)
{
    uint8_t bytes[36];

    memcpy(bytes, src.b, 16);
    memcpy(bytes + 16, dst.b, 16);
    bytes[32] = (uint8_t)use;
    bytes[33] = a;
    vt_put16(bytes + 34, b);
    return vt_siphash(&net->core->key, bytes, sizeof bytes);
}

void vt_net_event_ip(struct vt_net *net, enum vt_event_kind kind, enum vt_doc doc, const struct vt_netif *nif,
                     struct vt_pbuf *p, const struct vt_ipv4_hdr *h)
{
    struct vt_events *ev = &net->core->ev;
    struct vt_event *e = vt_event_begin(ev, kind, doc);

    if (e != NULL) {
        e->cause = p->ev.n;
        e->cause_node = p->ev.node;
        e->iface = nif->index;
        e->mark = p->mark;
        memcpy(e->u.ip.src, h->src.b, 16);
        memcpy(e->u.ip.dst, h->dst.b, 16);
        e->u.ip.protocol = h->protocol;
        e->u.ip.ttl = h->ttl;
        e->u.ip.ident = h->ident;
        e->u.ip.len = h->total_len;
        e->u.ip.offset = h->offset;
        vt_event_end(ev, e, NULL, 0);
    }
    p->ev = vt_events_last(ev);
}

/* The ground of the fuzzers of the network floor: a router with two interfaces, whose packets out are looked
 * at and freed, and which must be empty when it goes. */
#ifndef VT_FUZZ_NETWORK_H
#define VT_FUZZ_NETWORK_H

#include "fuzz.h"

#include "network/net.h"

struct ground {
    struct vt_core core;
    struct vt_net *net;
    struct vt_netif nif[2];
    uint32_t seen; /* bytes that came up, so that they are read */
    bool known;    /* what error() answers */
};

static void *ground_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return calloc(1, size);
}
static void ground_mem_free(void *ctx, void *p, size_t size)
{
    (void)ctx;
    (void)size;
    free(p);
}

/* Whatever came in, what goes out is a good packet that fits. */
static int ground_output(struct vt_netif *nif, struct vt_pbuf *p, struct vt_ip next_hop)
{
    struct vt_ipv4_hdr h;
    const uint8_t *b = vt_pbuf_peek(p, VT_IPV4_HEADER);

    (void)next_hop;
    FUZZ_CHECK(b != NULL && vt_ipv4_parse(&h, b, p->len) == VT_DROP_NONE);
    b = vt_pbuf_peek(p, h.header_len);
    FUZZ_CHECK(b != NULL && vt_ipv4_sum_ok(b, h.header_len));
    FUZZ_CHECK(h.total_len == p->len && p->len <= nif->mtu);
    FUZZ_CHECK(h.ttl != 0);
    FUZZ_CHECK(!vt_ip_is_loopback(h.src) && !vt_ip_is_loopback(h.dst));
    vt_pbuf_free(p);
    return 0;
}

static void ground_input(void *ctx, struct vt_pbuf *p, const struct vt_ip_in *in)
{
    struct ground *g = ctx;
    uint8_t bytes[512];

    for (uint32_t off = 0, n; (n = vt_pbuf_read(p, off, bytes, sizeof bytes)) != 0; off += n)
        g->seen += bytes[n - 1];
    /* As UDP does for a port without a socket. */
    if (in->protocol == VT_PROTO_UDP)
        vt_icmp_unreachable(g->net, p, in, VT_ICMP_PORT);
    g->core.delivered++;
    vt_pbuf_free(p);
}

static bool ground_error(void *ctx, const struct vt_icmp_error *err)
{
    struct ground *g = ctx;

    FUZZ_CHECK(err->quote_len >= 8 && err->quote_len <= 60);
    for (uint32_t i = 0; i < err->quote_len; i++)
        g->seen += err->quote[i];
    FUZZ_CHECK(vt_net_is_local(g->net, err->src));
    FUZZ_CHECK(err->mtu == 0 || err->mtu >= VT_PMTU_FLOOR);
    return g->known;
}

static void ground_up(struct ground *g)
{
    struct vt_allocator mem = {ground_alloc, ground_mem_free, NULL};
    struct vt_net_config config = {.forward = true, .echo_broadcast = true};
    struct vt_proto_ops ops = {.input = ground_input, .error = ground_error, .ctx = g};
    struct vt_route r = {.dst = VT_IP4_ANY, .via = VT_IP4(10, 0, 2, 2)};

    memset(g, 0, sizeof *g);
    g->known = true;
    g->core = (struct vt_core){.now = (vt_time)VT_SEC, .name = "fuzz", .mem = mem, .sums = &vt_sums_portable};
    g->core.pool = vt_pool_new(&(struct vt_pool_config){.mem = mem});
    g->core.ev.now = &g->core.now;
    g->core.ev.node = 1;
    vt_wheel_init(&g->core.wheel, g->core.now);
    vt_rng_seed(&g->core.rng, 1, 1);
    g->net = vt_net_new(&g->core, &config);
    FUZZ_CHECK(g->net != NULL);
    for (unsigned i = 0; i < 2; i++) {
        g->nif[i].core = &g->core;
        g->nif[i].mtu = i == 0 ? 1500 : 576;
        g->nif[i].output = ground_output;
        vt_net_add_netif(g->net, &g->nif[i]);
        FUZZ_CHECK(vt_net_add_addr(g->net, &g->nif[i], VT_IP4(10, 0, i + 1, 1), 24) == 0);
    }
    FUZZ_CHECK(vt_net_route_add(g->net, &r) == 0);
    vt_net_register(g->net, VT_PROTO_UDP, &ops);
    vt_net_register(g->net, VT_PROTO_TCP, &ops);
    vt_net_register(g->net, VT_PROTO_ICMP, &ops);
}

static void ground_put(struct ground *g, unsigned nif, const uint8_t *b, uint32_t len, bool group)
{
    struct vt_pbuf *p = vt_pbuf_from(g->core.pool, b, len);

    FUZZ_CHECK(p != NULL);
    p->ev = vt_event_reserve(&g->core.ev);
    g->nif[nif].input(&g->nif[nif], p, group);
    while (vt_net_run(g->net))
        ;
}

static void ground_down(struct ground *g)
{
    g->core.now += 61 * VT_SEC;
    vt_wheel_run(&g->core.wheel, g->core.now);
    FUZZ_CHECK(g->core.wheel.armed == 0);
    FUZZ_CHECK(vt_pool_live_pbufs(g->core.pool) == 0);
    FUZZ_CHECK(vt_pool_live_blocks(g->core.pool) == 0);
    vt_net_free(g->net);
    FUZZ_CHECK(g->core.mem_used == 0);
    vt_pool_release(g->core.pool);
}

#endif

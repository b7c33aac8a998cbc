#include "tcp_node.h"

#include "network/ipv4_wire.h"

static void *mem_alloc(void *ctx, size_t size)
{
    struct memory *m = ctx;
    m->calls++;
    if (m->fail_at != 0 && (m->calls == m->fail_at || (m->for_good && m->calls > m->fail_at)))
        return NULL;
    void *p = calloc(1, size);
    assert_non_null(p);
    m->live += size;
    return p;
}

static void mem_free(void *ctx, void *p, size_t size)
{
    struct memory *m = ctx;
    if (p != NULL)
        m->live -= size;
    free(p);
}

static void on_event(void *ctx, const struct vt_event *ev, const void *extra)
{
    struct tcp_node *n = ctx;
    (void)extra;
    n->events[ev->kind]++;
    n->last[ev->kind] = *ev;
    if (ev->kind == VT_EV_TCP_TX)
        n->why[ev->u.seg.why]++;
}

static int output(struct vt_netif *nif, struct vt_pbuf *p, struct vt_ip next_hop)
{
    struct tcp_node *n = nif->link;
    struct packet *c = malloc(sizeof(*c) + p->len);
    (void)next_hop;
    assert_non_null(c);
    c->next = NULL;
    c->at = n->core.now;
    c->len = p->len;
    c->gso = p->gso != VT_GSO_NONE ? p->gso_size : 0;
    c->partial = p->csum == VT_CSUM_PARTIAL;
    vt_pbuf_read(p, 0, c->bytes, p->len);
    vt_pbuf_free(p);
    *n->out_tail = c;
    n->out_tail = &c->next;
    return 0;
}

/* The socket above, which has nothing but a place to note what it was told: its user pointer is the node's.
 */
static void ready(void *user, unsigned events)
{
    struct tcp_node *n = user;
    n->ready_calls++;
    n->ready_events |= events;
}

void tcp_node_init(struct tcp_node *n, struct vt_ip ip, uint64_t seed, uint32_t features, uint32_t mtu)
{
    memset(n, 0, sizeof(*n));
    n->ip = ip;
    n->out_tail = &n->out;
    n->up.ready = ready;
    n->allocator = (struct vt_allocator){mem_alloc, mem_free, &n->memory};
    n->core = (struct vt_core){.now = NODE_BIRTH, .name = "n", .mem = n->allocator};
    n->core.sums = &vt_sums_portable;
    n->core.pool = vt_pool_new(&(struct vt_pool_config){.mem = n->allocator});
    n->core.ev.now = &n->core.now;
    n->core.ev.node = 1;
    n->core.ev.stream = &n->stream;
    assert_int_equal(vt_stream_init(&n->stream, &n->allocator, 1 << 16, true), 0);
    vt_stream_listen(&n->stream, (struct vt_listener){on_event, n});
    vt_wheel_init(&n->core.wheel, n->core.now);
    vt_rng_seed(&n->core.rng, seed, 1);
    n->core.key = (struct vt_sipkey){{vt_rng_u64(&n->core.rng), vt_rng_u64(&n->core.rng)}};
    n->net = vt_net_new(&n->core, &(struct vt_net_config){0});
    assert_non_null(n->net);
    memcpy(n->nif.name, "eth0", 5);
    n->nif.core = &n->core;
    n->nif.flags = VT_IFF_BROADCAST | VT_IFF_CARRIER;
    n->nif.mtu = mtu != 0 ? mtu : 1500;
    n->nif.features = features;
    n->nif.output = output;
    n->nif.link = n;
    vt_net_add_netif(n->net, &n->nif);
    assert_int_equal(vt_net_add_addr(n->net, &n->nif, ip, 24), 0);
    n->tcp = vt_tcp_new(&n->core, n->net, &n->up);
    assert_non_null(n->tcp);
}

void tcp_node_fini(struct tcp_node *n)
{
    tcp_node_settle(n);
    /* Every packet has one fate: what came is what was delivered and what was dropped. Packets to ourselves
     * and packets that failed on their way out are counted too, so that more is no error then. */
    assert_true(n->core.delivered + tcp_node_drops(n) >= n->injected);
    vt_tcp_free(n->tcp);
    vt_net_free(n->net);
    tcp_node_forget(n);
    assert_int_equal(n->core.mem_used, 0);
    assert_int_equal(n->core.wheel.armed, 0);
    assert_int_equal(vt_pool_live_pbufs(n->core.pool), 0);
    assert_int_equal(vt_pool_live_blocks(n->core.pool), 0);
    vt_pool_release(n->core.pool);
    vt_stream_fini(&n->stream);
    assert_int_equal(n->memory.live, 0);
}

void tcp_node_settle(struct tcp_node *n)
{
    unsigned rounds = 0;
    do {
        n->core.ev.cause = (struct vt_event_id){0, 1};
        vt_tcp_run(n->tcp);
        assert_true(rounds++ < 10000); /* it answers itself for ever */
    } while (vt_net_run(n->net));
    vt_stream_drain(&n->stream);
}

void tcp_node_inject(struct tcp_node *n, const uint8_t *bytes, uint32_t len, enum vt_csum csum)
{
    struct vt_pbuf *p = vt_pbuf_from(n->core.pool, bytes, len);
    if (p == NULL)
        return; /* the device had no buffer */
    p->csum = (uint8_t)csum;
    p->ev = vt_event_reserve(&n->core.ev);
    n->injected++;
    n->nif.input(&n->nif, p, false);
}

vt_time tcp_node_next(struct tcp_node *n)
{
    return vt_wheel_next(&n->core.wheel);
}

void tcp_node_wait_until(struct tcp_node *n, vt_time when)
{
    vt_time next;
    while ((next = tcp_node_next(n)) <= when) {
        n->core.now = next > n->core.now ? next : n->core.now;
        vt_wheel_run(&n->core.wheel, n->core.now);
        tcp_node_settle(n);
    }
    n->core.now = when;
    vt_wheel_run(&n->core.wheel, when);
}

struct packet *tcp_node_take(struct tcp_node *n)
{
    struct packet *p = n->out;
    if (p == NULL)
        return NULL;
    n->out = p->next;
    if (n->out == NULL)
        n->out_tail = &n->out;
    return p;
}

void tcp_node_forget(struct tcp_node *n)
{
    struct packet *p;
    while ((p = tcp_node_take(n)) != NULL)
        free(p);
}

uint64_t tcp_node_drops(const struct tcp_node *n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < VT_DROP_COUNT; i++)
        sum += n->core.drops[i];
    return sum;
}

uint32_t tcp_node_ip(uint8_t *b, struct vt_ip src, struct vt_ip dst, const uint8_t *seg, uint32_t len,
                     bool sum)
{
    struct vt_ipv4_hdr h = {.src = src,
                            .dst = dst,
                            .header_len = VT_IPV4_HEADER,
                            .total_len = (uint16_t)(VT_IPV4_HEADER + len),
                            .ttl = 64,
                            .protocol = VT_PROTO_TCP,
                            .df = true};
    vt_ipv4_build(b, &h, NULL);
    memmove(b + VT_IPV4_HEADER, seg, len);
    if (sum && len >= VT_TCP_HLEN) {
        uint8_t *t = b + VT_IPV4_HEADER;
        vt_put16(t + 16, 0);
        uint32_t s = vt_sum_pseudo(src, dst, VT_PROTO_TCP, len);
        vt_put16(t + 16, vt_sum_finish(vt_sums_portable.add(s, t, len)));
    }
    return VT_IPV4_HEADER + len;
}

uint64_t test_seed(void)
{
    const char *text = getenv("VT_TEST_SEED");
    return text != NULL ? strtoull(text, NULL, 0) : 1;
}

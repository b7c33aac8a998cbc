#include "fixture.h"

static void *mem_alloc(void *ctx, size_t size)
{
    struct memory *m = ctx;
    void *p;

    m->calls++;
    if (m->fail_at != 0 && (m->calls == m->fail_at || (m->for_good && m->calls > m->fail_at)))
        return NULL;
    p = calloc(1, size);
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
    struct node *n = ctx;

    (void)extra;
    n->event[n->nevents++ % NODE_EVENTS] = *ev;
}

static int output(struct vt_netif *nif, struct vt_pbuf *p, struct vt_ip next_hop)
{
    struct node *n = nif->link;

    assert_true(n->nsent < NODE_SENT);
    n->sent[n->nsent++] = (struct caught){p, next_hop, nif->index};
    return 0;
}

static void up_input(void *ctx, struct vt_pbuf *p, const struct vt_ip_in *in)
{
    struct node *n = ctx;

    n->up[n->nup % NODE_UPS] = *in;
    n->nup++;
    n->up_len = vt_pbuf_read(p, 0, n->up_bytes, PACKET_MAX);
    n->up_cause = n->core.ev.cause;
    n->core.delivered++;
    vt_pbuf_free(p);
}

static bool up_error(void *ctx, const struct vt_icmp_error *err)
{
    struct node *n = ctx;

    n->errors++;
    n->error = *err;
    assert_true(err->quote_len >= 8 && err->quote_len <= sizeof n->quote);
    memcpy(n->quote, err->quote, err->quote_len);
    return n->known;
}

struct node *node_new(uint64_t seed, const struct vt_net_config *config)
{
    struct node *n = calloc(1, sizeof *n);
    struct vt_proto_ops ops = {.input = up_input, .error = up_error, .ctx = n};

    assert_non_null(n);
    n->up_bytes = malloc(PACKET_MAX);
    assert_non_null(n->up_bytes);
    n->allocator = (struct vt_allocator){mem_alloc, mem_free, &n->memory};
    n->core = (struct vt_core){.now = (vt_time)VT_SEC, .name = "n", .mem = n->allocator};
    n->core.sums = &vt_sums_portable;
    n->core.pool = vt_pool_new(&(struct vt_pool_config){.mem = n->allocator});
    n->core.ev.now = &n->core.now;
    n->core.ev.node = 1;
    n->core.ev.stream = &n->stream;
    vt_stream_init(&n->stream, &n->allocator, 1 << 16, true);
    vt_stream_listen(&n->stream, (struct vt_listener){on_event, n});
    vt_wheel_init(&n->core.wheel, n->core.now);
    vt_rng_seed(&n->core.rng, seed, 1);
    n->core.key = (struct vt_sipkey){{vt_rng_u64(&n->core.rng), vt_rng_u64(&n->core.rng)}};
    n->net = vt_net_new(&n->core, config);
    assert_non_null(n->net);
    for (unsigned i = 0; i < NODE_NETIFS; i++) {
        struct vt_netif *nif = &n->nif[i];
        snprintf(nif->name, sizeof nif->name, "eth%u", i);
        nif->core = &n->core;
        nif->flags = VT_IFF_BROADCAST | VT_IFF_CARRIER;
        nif->mtu = 1500;
        nif->output = output;
        nif->link = n;
        vt_net_add_netif(n->net, nif);
    }
    assert_int_equal(vt_net_add_addr(n->net, &n->nif[0], HERE, 24), 0);
    if (config != NULL && config->forward)
        assert_int_equal(vt_net_add_addr(n->net, &n->nif[1], HERE2, 24), 0);
    vt_net_register(n->net, VT_PROTO_UDP, &ops);
    vt_net_register(n->net, VT_PROTO_TCP, &ops);
    return n;
}

void node_forget(struct node *n)
{
    for (unsigned i = 0; i < n->nsent; i++)
        vt_pbuf_free(n->sent[i].p);
    n->nsent = 0;
    n->nup = 0;
    n->errors = 0;
    memset(n->core.drops, 0, sizeof n->core.drops);
    vt_stream_drain(&n->stream);
    n->nevents = 0;
}

void node_free(struct node *n)
{
    node_forget(n);
    vt_net_free(n->net);
    assert_int_equal(n->core.mem_used, 0);
    assert_int_equal(n->core.wheel.armed, 0);
    assert_int_equal(vt_pool_live_pbufs(n->core.pool), 0);
    assert_int_equal(vt_pool_live_blocks(n->core.pool), 0);
    vt_pool_release(n->core.pool);
    vt_stream_fini(&n->stream);
    assert_int_equal(n->memory.live, 0);
    free(n->up_bytes);
    free(n);
}

void node_wait(struct node *n, vt_span span)
{
    vt_time until = vt_time_add(n->core.now, span), next;

    while ((next = vt_wheel_next(&n->core.wheel)) <= until) {
        n->core.now = next > n->core.now ? next : n->core.now;
        vt_wheel_run(&n->core.wheel, n->core.now);
    }
    n->core.now = until;
    vt_wheel_run(&n->core.wheel, until);
}

uint32_t packet(uint8_t *b, const struct spec *s, const void *data, uint32_t len)
{
    struct vt_ipv4_hdr h = {
        .src = s->src,
        .dst = s->dst,
        .header_len = (uint16_t)(VT_IPV4_HEADER + s->options_len),
        .ident = s->ident,
        .offset = s->offset,
        .tos = s->tos,
        .ttl = s->ttl != 0 ? s->ttl : 64,
        .protocol = s->protocol != 0 ? s->protocol : VT_PROTO_UDP,
        .df = s->df,
        .mf = s->mf,
    };
    h.total_len = (uint16_t)(h.header_len + len);
    vt_ipv4_build(b, &h, s->options);
    if (len != 0)
        memcpy(b + h.header_len, data, len);
    return h.header_len + len;
}

uint32_t icmp(uint8_t *b, uint8_t type, uint8_t code, uint16_t ident, uint16_t seq, const void *data,
              uint32_t len)
{
    struct vt_icmp_hdr h = {.type = type, .code = code, .ident = ident, .seq = seq};

    vt_icmp_build(b, &h);
    if (len != 0)
        memcpy(b + VT_ICMP_HEADER, data, len);
    h.checksum = vt_sum_finish(vt_sums_portable.add(0, b, VT_ICMP_HEADER + len));
    vt_icmp_build(b, &h);
    return VT_ICMP_HEADER + len;
}

const uint8_t *pattern(uint8_t first)
{
    static uint8_t bytes[256 + PACKET_MAX];

    for (unsigned i = 0; bytes[1] == 0 && i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    return bytes + first;
}

static void inject_as(struct node *n, unsigned i, const uint8_t *b, uint32_t len, bool group)
{
    struct vt_pbuf *p = vt_pbuf_from(n->core.pool, b, len);

    if (p == NULL)
        return;
    p->ev = vt_event_reserve(&n->core.ev);
    n->nif[i].input(&n->nif[i], p, group);
    vt_stream_drain(&n->stream);
}

void inject(struct node *n, unsigned i, const uint8_t *b, uint32_t len)
{
    inject_as(n, i, b, len, false);
}

void inject_group(struct node *n, unsigned i, const uint8_t *b, uint32_t len)
{
    inject_as(n, i, b, len, true);
}

void inject_packet(struct node *n, unsigned i, const struct spec *s, const void *data, uint32_t len)
{
    uint8_t *b = malloc(PACKET_MAX);

    assert_non_null(b);
    inject(n, i, b, packet(b, s, data, len));
    free(b);
}

uint32_t sent(const struct node *n, unsigned i, struct vt_ipv4_hdr *h, uint8_t *data)
{
    const struct vt_pbuf *p;
    uint8_t head[VT_IPV4_HEADER_MAX];

    assert_true(i < n->nsent);
    p = n->sent[i].p;
    assert_true(p->len >= VT_IPV4_HEADER);
    memset(head, 0, sizeof head);
    vt_pbuf_read(p, 0, head, sizeof head);
    assert_int_equal(vt_ipv4_parse(h, head, p->len), VT_DROP_NONE);
    assert_true(vt_ipv4_sum_ok(head, h->header_len));
    assert_int_equal(h->total_len, p->len);
    return vt_pbuf_read(p, h->header_len, data, PACKET_MAX);
}

int send_pattern(struct node *n, struct vt_ip src, struct vt_ip dst, uint32_t len, bool df)
{
    struct vt_pbuf *p = vt_pbuf_from(n->core.pool, pattern(0), len);
    int err;

    if (p == NULL)
        return -VT_ENOMEM;
    p->ev = vt_event_reserve(&n->core.ev);
    err = vt_ip_output(n->net, p,
                       &(struct vt_ip_out){.src = src, .dst = dst, .protocol = VT_PROTO_UDP, .df = df});
    vt_stream_drain(&n->stream);
    return err;
}

uint64_t drops(const struct node *n)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < VT_DROP_COUNT; i++)
        sum += n->core.drops[i];
    return sum;
}

unsigned events(const struct node *n, unsigned kind)
{
    unsigned count = 0;

    assert_true(n->nevents <= NODE_EVENTS);
    for (unsigned i = 0; i < n->nevents; i++)
        count += n->event[i].kind == kind;
    return count;
}

const struct vt_event *last_event(const struct node *n, unsigned kind)
{
    assert_true(n->nevents <= NODE_EVENTS);
    for (unsigned i = n->nevents; i-- > 0;) {
        if (n->event[i].kind == kind)
            return &n->event[i];
    }
    return NULL;
}

uint64_t test_seed(void)
{
    const char *text = getenv("VT_TEST_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 1;

    printf("# VT_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

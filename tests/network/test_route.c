/* Routes: the table against a search through all of them. */
#include "fixture.h"

#define MAX 300

struct model {
    struct vt_route r[MAX];
    unsigned n;
};

static uint32_t masked(uint32_t ip, unsigned prefix)
{
    return prefix == 0 ? 0 : ip & (UINT32_MAX << (32 - prefix));
}

static const struct vt_route *model_find(const struct model *m, uint32_t ip)
{
    const struct vt_route *best = NULL;

    for (unsigned i = 0; i < m->n; i++) {
        const struct vt_route *r = &m->r[i];
        if (masked(ip, r->prefix) != vt_ip_to4(r->dst) || (r->nif->flags & VT_IFF_UP) == 0)
            continue;
        if (best == NULL || r->prefix > best->prefix ||
            (r->prefix == best->prefix && r->metric < best->metric))
            best = r;
    }
    return best;
}

static int model_index(const struct model *m, const struct vt_route *r)
{
    for (unsigned i = 0; i < m->n; i++) {
        if (m->r[i].prefix == r->prefix && m->r[i].metric == r->metric && vt_ip_eq(m->r[i].dst, r->dst))
            return (int)i;
    }
    return -1;
}

static bool take(void *ctx, const struct vt_route *r)
{
    struct model *m = ctx;

    m->r[m->n++] = *r;
    return m->n < MAX;
}

/* Few bits, so that prefixes nest and meet. */
static uint32_t random_ip(struct vt_rng *rng)
{
    return (uint32_t)vt_rng_u32(rng) & 0xc30f0183u;
}

static void one_step(struct vt_rng *rng, struct node *n, struct model *m)
{
    struct vt_route r = {.prefix = (uint8_t)vt_rng_below(rng, 33),
                         .via = VT_IP_ANY,
                         .nif = &n->nif[vt_rng_below(rng, NODE_NETIFS)],
                         .metric = (uint32_t)vt_rng_below(rng, 3)};
    int i;

    r.dst = vt_ip_from4(masked(random_ip(rng), r.prefix));
    i = model_index(m, &r);
    if (m->n < MAX - 10 && vt_rng_below(rng, 5) != 0) {
        int err = vt_net_route_add(n->net, &r);
        assert_int_equal(err, i < 0 ? 0 : -VT_EEXIST);
        if (err == 0)
            m->r[m->n++] = r;
        return;
    }
    if (m->n != 0 && vt_rng_below(rng, 2) != 0)
        r = m->r[vt_rng_below(rng, m->n)];
    for (r.metric = 0; r.metric < 3 && (i = model_index(m, &r)) < 0; r.metric++)
        ;
    assert_int_equal(vt_net_route_del(n->net, r.dst, r.prefix), i < 0 ? -VT_ENOENT : 0);
    if (i >= 0)
        m->r[i] = m->r[--m->n];
}

static void test_against_model(void **state)
{
    static struct model m;
    struct node *n = node_new(1, NULL);
    struct vt_rng rng;
    unsigned hits = 0;

    (void)state;
    vt_rng_seed(&rng, test_seed(), 0);
    vt_net_route_each(n->net, take, &m);
    assert_int_equal(m.n, 2); /* 127/8 and 10.0.1.0/24 */
    for (unsigned step = 0; step < 3000; step++) {
        one_step(&rng, n, &m);
        n->nif[1].flags ^= vt_rng_below(&rng, 20) == 0 ? VT_IFF_UP : 0;
        for (unsigned k = 0; k < 20; k++) {
            uint32_t ip = random_ip(&rng);
            const struct vt_route *want = model_find(&m, ip), *got = vt_net_route(n->net, vt_ip_from4(ip));
            assert_int_equal(want != NULL, got != NULL);
            if (want == NULL)
                continue;
            hits++;
            assert_int_equal(got->prefix, want->prefix);
            assert_int_equal(got->metric, want->metric);
            assert_ptr_equal(got->nif, want->nif);
            assert_true(vt_ip_eq(got->dst, want->dst));
        }
    }
    assert_true(hits > 10000);
    node_free(n);
}

static bool check_order(void *ctx, const struct vt_route *r)
{
    struct vt_route *last = ctx;

    assert_true(r->prefix >= last->prefix);
    *last = *r;
    return true;
}

static bool stop(void *ctx, const struct vt_route *r)
{
    (void)r;
    ++*(unsigned *)ctx;
    return false;
}

static void test_each(void **state)
{
    struct node *n = node_new(1, NULL);
    struct vt_route r = {.dst = VT_IP4_ANY, .via = PEER}, last = {.prefix = 0};
    unsigned count = 0;

    (void)state;
    assert_int_equal(vt_net_route_add(n->net, &r), 0);
    vt_net_route_each(n->net, check_order, &last);
    assert_int_equal(last.prefix, 24);
    vt_net_route_each(n->net, stop, &count);
    assert_int_equal(count, 1);
    node_free(n);
}

static void test_errors(void **state)
{
    struct vt_net_config config = {.routes_max = 5};
    struct node *n = node_new(1, &config);
    struct vt_route r = {.dst = VT_IP4(172, 16, 0, 0), .prefix = 12, .via = VT_IP4(10, 0, 9, 1)};

    (void)state;
    assert_int_equal(vt_net_route_add(n->net, &r), -VT_ENETUNREACH);
    r.nif = &n->nif[0];
    assert_int_equal(vt_net_route_add(n->net, &r), -VT_ENETUNREACH);
    r.via = HERE; /* ourselves are no gateway */
    assert_int_equal(vt_net_route_add(n->net, &r), -VT_ENETUNREACH);
    r.via = VT_IP_ANY;
    r.prefix = 33;
    assert_int_equal(vt_net_route_add(n->net, &r), -VT_EINVAL);
    r.prefix = 12;
    r.nif = NULL;
    assert_int_equal(vt_net_route_add(n->net, &r), -VT_EINVAL);
    r.dst = VT_IP_ANY;
    r.via = PEER;
    assert_int_equal(vt_net_route_add(n->net, &r), -VT_EINVAL);
    /* Bits behind the prefix do not count. */
    r.dst = VT_IP4(172, 16, 5, 6);
    assert_int_equal(vt_net_route_add(n->net, &r), 0);
    assert_true(vt_ip_eq(vt_net_route(n->net, VT_IP4(172, 17, 0, 1))->dst, VT_IP4(172, 16, 0, 0)));
    r.dst = VT_IP4(172, 16, 0, 0);
    assert_int_equal(vt_net_route_add(n->net, &r), -VT_EEXIST);
    /* The cap: two there were, one is new. */
    for (unsigned i = 0; i < 3; i++) {
        r.dst = VT_IP4(20, i, 0, 0);
        r.prefix = 16;
        assert_int_equal(vt_net_route_add(n->net, &r), i < 2 ? 0 : -VT_ENOSPC);
    }
    assert_int_equal(vt_net_route_del(n->net, VT_IP4(21, 0, 0, 0), 16), -VT_ENOENT);
    assert_int_equal(vt_net_route_del(n->net, VT_IP4(20, 0, 0, 0), 16), 0);
    assert_null(vt_net_route(n->net, VT_IP4(20, 0, 3, 4)));
    assert_null(vt_net_route(n->net, VT_IP_ANY));
    node_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

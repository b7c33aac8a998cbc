/* V87 at this floor: everything that the network floor does, with the N-th allocation failing, for each N. No
 * crash, no leak, and every packet that is lost for it is a counted drop. */
#include "fixture.h"

static void conversation(struct node *n)
{
    uint8_t b[PACKET_MAX];
    struct vt_route r = {.dst = VT_IP4_ANY, .via = PEER2, .nif = &n->nif[1]};
    struct spec s = {.src = PEER, .dst = HERE, .protocol = VT_PROTO_ICMP};

    (void)vt_net_route_add(n->net, &r);
    for (unsigned i = 0; i < 9; i++) {
        r.dst = VT_IP4(20, i, 0, 0);
        r.prefix = 16;
        (void)vt_net_route_add(n->net, &r);
    }
    (void)vt_net_add_addr(n->net, &n->nif[2], VT_IP4(10, 0, 3, 1), 24);
    inject_packet(n, 0, &s, b, icmp(b, VT_ICMP_ECHO, 0, 1, 2, pattern(0), 1400));
    /* Errors: no protocol, TTL, no host, too big. */
    s.protocol = 99;
    inject_packet(n, 0, &s, pattern(0), 700);
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = PEER2, .ttl = 1}, pattern(0), 700);
    n->nif[1].mtu = 576;
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = PEER2, .df = true}, pattern(0), 700);
    /* Cut on the way, put together, timed out. */
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = PEER2}, pattern(0), 1400);
    s = (struct spec){.src = PEER, .dst = HERE, .ident = 1, .mf = true};
    inject_packet(n, 0, &s, pattern(0), 1400);
    s.offset = 1400;
    s.mf = false;
    inject_packet(n, 0, &s, pattern(0), 700);
    s.ident = 2;
    s.offset = 0;
    s.mf = true;
    inject_packet(n, 0, &s, pattern(0), 1400);
    node_wait(n, 60 * VT_SEC);
    /* Sent: whole, in pieces, to ourselves. */
    (void)send_pattern(n, HERE, PEER, 1000, true);
    (void)send_pattern(n, HERE, PEER, 5000, false);
    (void)send_pattern(n, VT_IP4_LOOPBACK, VT_IP4_LOOPBACK, 5000, false);
    while (vt_net_run(n->net))
        ;
}

static void test_v87_every_allocation(void **state)
{
    size_t calls;
    struct node *n = node_new(1, &(struct vt_net_config){.forward = true});

    (void)state;
    calls = n->memory.calls;
    conversation(n);
    calls = n->memory.calls - calls;
    assert_true(calls > 10);
    assert_true(n->nup > 0);
    node_free(n);

    for (unsigned for_good = 0; for_good < 2; for_good++) {
        for (size_t i = 1; i <= calls; i++) {
            n = node_new(1, &(struct vt_net_config){.forward = true});
            n->memory.fail_at = n->memory.calls + i;
            n->memory.for_good = for_good != 0;
            conversation(n);
            node_free(n);
        }
    }
}

/* The object itself. */
static void test_v87_new(void **state)
{
    struct node *n = node_new(1, NULL);
    unsigned failed = 0;

    (void)state;
    for (size_t i = 1; i < 10; i++) {
        struct vt_net *net;
        n->memory.fail_at = n->memory.calls + i;
        net = vt_net_new(&n->core, NULL);
        failed += net == NULL;
        vt_net_free(net);
        n->memory.fail_at = 0;
    }
    assert_int_equal(failed, 2);
    node_free(n);
}

/* What is taken is given back: the same traffic over and over ends with the same memory. */
static void test_steady(void **state)
{
    struct node *n = node_new(1, &(struct vt_net_config){.forward = true});
    size_t used;

    (void)state;
    conversation(n);
    node_forget(n);
    used = n->core.mem_used;
    for (unsigned i = 0; i < 20; i++) {
        conversation(n);
        node_forget(n);
        assert_int_equal(n->core.mem_used, used);
        assert_int_equal(vt_pool_live_pbufs(n->core.pool), 0);
    }
    node_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v87_every_allocation),
        cmocka_unit_test(test_v87_new),
        cmocka_unit_test(test_steady),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

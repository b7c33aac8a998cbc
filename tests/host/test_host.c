/* A host as a whole: building, interfaces, knobs, the poll loop, memory. */
#include "host/fixture.h"

static struct vt_host *lone(struct test_memory *mem, uint64_t seed)
{
    *mem = (struct test_memory){0};
    struct vt_host *h = vt_host_new(&(struct vt_host_config){.seed = seed, .mem = test_allocator(mem)});
    assert_non_null(h);
    return h;
}

static void a_host_needs_no_configuration(void **state)
{
    struct vt_host *h = vt_host_new(NULL);

    (void)state;
    assert_non_null(h);
    assert_string_equal(vt_host_name(h), "host");
    assert_int_equal(vt_host_poll(h, 5), VT_NEVER); /* nothing to do, ever, until something comes */
    vt_host_free(h);
    vt_host_free(NULL);
}

static void attaching_says_what_is_wrong(void **state)
{
    struct test_memory mem;
    struct test_dev dev[4];

    (void)state;
    struct vt_host *h = lone(&mem, 1);
    for (int i = 0; i < 4; i++)
        test_dev_init(&dev[i], 0);
    size_t before = vt_host_memory(h), all = mem.bytes;
    static const char *const bad[] = {"10.0.0.1/33", "10.0.0/24",    "",          "10.0.0.1/",
                                      "127.0.0.2/8", "224.0.0.1/24", "0.0.0.0/0", "fe80::1/64"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(vt_host_attach(h, &dev[0].dev, bad[i]) < 0);
        assert_int_equal(vt_host_memory(h), before); /* and nothing is left of it */
    }
    assert_true(mem.bytes <= all);
    assert_int_equal(vt_host_attach(h, &dev[0].dev, "10.0.0.1/24"), 1);
    assert_int_equal(vt_host_attach(h, &dev[1].dev, "10.0.0.1/24"), -VT_EEXIST);
    assert_int_equal(vt_host_attach(h, &dev[1].dev, NULL), 2);
    assert_int_equal(vt_host_add_addr(h, 2, "10.0.1.1/24"), 0);
    assert_int_equal(vt_host_add_addr(h, 2, "10.0.1.1/24"), -VT_EEXIST);
    assert_int_equal(vt_host_add_addr(h, 3, "10.0.2.1/24"), -VT_ENODEV);
    assert_int_equal(vt_host_add_addr(h, 0, "10.0.2.1/24"), -VT_ENODEV);
    assert_int_equal(vt_host_add_route(h, "default", "10.0.0.254"), 0);
    assert_int_equal(vt_host_add_route(h, "default", "10.0.0.253"), -VT_EEXIST);
    assert_int_equal(vt_host_add_route(h, "10.9.0.0/16", "10.8.0.1"), -VT_ENETUNREACH);
    assert_int_equal(vt_host_add_route(h, "10.9.0.0/16", "gateway"), -VT_EINVAL);
    assert_int_equal(vt_host_add_route(h, "10.9/16", "10.0.0.1"), -VT_EINVAL);
    vt_host_free(h);
    assert_int_equal(mem.count, 0);
}

static void many_interfaces_have_names_and_addresses_of_their_own(void **state)
{
    static struct test_dev dev[12];
    struct test_memory mem;

    (void)state;
    struct vt_host *h = lone(&mem, 1), *other;
    for (int i = 0; i < 12; i++) {
        test_dev_init(&dev[i], i == 11 ? VT_DEV_RAW_IP : 0);
        assert_int_equal(vt_host_attach(h, &dev[i].dev, NULL), i + 1);
    }
    assert_string_equal(vt_host_netif(h, 1)->name, "eth0");
    assert_string_equal(vt_host_netif(h, 11)->name, "eth10");
    assert_null(vt_host_eth(h, 12)); /* a bare device has no Ethernet */
    assert_non_null(vt_host_eth(h, 11));
    assert_null(vt_host_netif(h, 13));
    assert_null(vt_host_port(h, 0));
    for (int i = 1; i <= 11; i++) {
        struct vt_mac m = vt_host_netif(h, i)->mac;
        assert_int_equal(m.b[0] & 3, 2); /* administered here, and one card's */
        for (int k = 1; k < i; k++)
            assert_false(vt_mac_eq(m, vt_host_netif(h, k)->mac));
    }
    /* Two programs' hosts may meet on one link: their seeds keep them apart. */
    struct test_memory mem2;
    other = lone(&mem2, 2);
    test_dev_init(&dev[0], 0);
    vt_host_attach(other, &dev[0].dev, NULL);
    assert_false(vt_mac_eq(vt_host_netif(other, 1)->mac, vt_host_netif(h, 1)->mac));
    vt_host_free(other);
    vt_host_free(h);
}

static void knobs_go_by_their_sysctl_names(void **state)
{
    struct test_memory mem;
    int64_t v;

    (void)state;
    struct vt_host *h = lone(&mem, 1);
    static const struct {
        const char *name;
        int64_t first, good, bad;
    } rows[] = {
        {"net.ipv4.ip_forward", 0, 1, 2},
        {"net.ipv4.ip_default_ttl", 64, 128, 256},
        {"net.ipv4.ipfrag_time", 60, 30, 0},
        {"net.ipv4.icmp_echo_ignore_broadcasts", 1, 0, -1},
        {"net.ipv4.tcp_keepalive_time", 7200, 60, 0},
        {"net.ipv4.conf.all.arp_notify", 0, 1, 2},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(vt_host_sysctl_get(h, rows[i].name, &v), 0);
        assert_int_equal(v, rows[i].first);
        assert_int_equal(vt_host_sysctl_set(h, rows[i].name, rows[i].bad), -VT_EINVAL);
        assert_int_equal(vt_host_sysctl_set(h, rows[i].name, rows[i].good), 0);
        assert_int_equal(vt_host_sysctl_get(h, rows[i].name, &v), 0);
        assert_int_equal(v, rows[i].good);
    }
    assert_int_equal(vt_host_sysctl_get(h, "net.ipv4.no_such", &v), -VT_ENOENT);
    assert_int_equal(vt_host_sysctl_set(h, "net.ipv4.no_such", 1), -VT_ENOENT);
    assert_int_equal(vt_host_sysctl_get(h, NULL, &v), -VT_EFAULT);
    vt_host_free(h);
}

/* RFC 5227 2.3, when asked for: twice, two seconds apart. */
static void a_new_address_is_announced_when_wanted(void **state)
{
    struct test_memory mem;
    struct test_dev dev;

    (void)state;
    struct vt_host *h = lone(&mem, 1);
    test_dev_init(&dev, 0);
    assert_int_equal(vt_host_attach(h, &dev.dev, "10.0.0.1/24"), 1);
    assert_int_equal(vt_host_poll(h, 0), VT_NEVER);
    assert_int_equal(dev.sent.count, 0);
    assert_int_equal(vt_host_sysctl_set(h, "net.ipv4.conf.all.arp_notify", 1), 0);
    assert_int_equal(vt_host_add_addr(h, 1, "10.0.1.1/24"), 0);
    assert_int_equal(vt_host_poll(h, 0), 2 * VT_SEC);
    assert_int_equal(dev.sent.count, 1);
    vt_host_poll(h, 2 * VT_SEC);
    assert_int_equal(dev.sent.count, 2);
    test_dev_fini(&dev);
    vt_host_free(h);
    assert_int_equal(mem.count, 0);
}

/* A host tells of its own birth, ports and addresses, whenever somebody begins to listen. */
static void birth_is_told_first(void **state)
{
    static struct test_events log;
    struct test_memory mem;
    struct test_dev dev;

    (void)state;
    log.n = 0;
    struct vt_host *h = lone(&mem, 1);
    assert_int_equal(vt_host_listen_events(h, test_listener(&log)), 0);
    test_dev_init(&dev, 0);
    assert_int_equal(vt_host_attach(h, &dev.dev, "10.0.0.1/24"), 1);
    vt_host_drain_events(h);
    assert_true(log.n >= 3);
    assert_int_equal(log.ev[0].kind, VT_EV_NODE);
    assert_int_equal(log.ev[0].id, 1);
    assert_int_equal(log.ev[0].u.node.kind, VT_NODE_HOST);
    assert_int_equal(test_count(&log, VT_EV_NODE), 1);
    assert_int_equal(test_find(&log, VT_EV_PORT, 0)->iface, 1);
    assert_int_equal(test_find(&log, VT_EV_ADDR, 0)->iface, 1);
    vt_host_free(h);
    assert_int_equal(mem.count, 0);
}

/* Frames, timers, bursts: the poll says truly when it is to be called again. */
static void the_poll_tells_when_there_is_more(void **state)
{
    struct test_memory mem;
    struct test_dev dev;
    static const uint8_t junk[60];

    (void)state;
    struct vt_host *h = lone(&mem, 1);
    test_dev_init(&dev, 0);
    vt_host_attach(h, &dev.dev, "10.0.0.1/24");
    for (int i = 0; i < 10000; i++)
        vt_pbufq_push(&dev.incoming, vt_frame_new(h, junk, sizeof junk));
    unsigned polls = 0;
    while (vt_host_poll(h, 7) == 7)
        polls++;
    assert_in_range(polls, 2, 10000 / VT_BURST); /* in bounded portions */
    assert_int_equal(dev.incoming.count, 0);
    assert_int_equal(vt_host_drops(h, 0), 10000);   /* not one without a fate */
    assert_int_equal(vt_host_poll(h, 3), VT_NEVER); /* a clock that goes back stands still */
    assert_int_equal(vt_host_core(h)->now, 7);
    vt_host_free(h);
    assert_int_equal(mem.count, 0);
}

/* An acknowledgement that is here stops the retransmission that is due: frames are read before timers run. */
static void frames_come_before_timers(void **state)
{
    static struct test_pair w;
    int c, l, s;

    (void)state;
    test_pair_init_watched(&w, 0);
    test_connect(&w, 80, &c, &l, &s);
    test_pair_pass(&w, VT_SEC);
    assert_int_equal(vt_send(w.a, c, "x", 1, 0), 1);
    vt_time due = vt_host_flush(w.a, w.now);
    vt_host_poll(w.b, w.now); /* it acknowledges */
    assert_true(due > w.now && due != VT_NEVER);
    assert_int_equal(w.dev[0].incoming.count, 1);
    w.now = due; /* and a looks no sooner than when its own timer is due */
    vt_host_poll(w.a, w.now);
    vt_host_drain_events(w.a);
    assert_int_equal(test_count(&w.log_a, VT_EV_TCP_TIMER), 0);
    test_pair_fini(&w);
}

static void frames_for_devices(void **state)
{
    struct test_memory mem;
    uint8_t b[100], got[100];

    (void)state;
    struct vt_host *h = lone(&mem, 1);
    memset(b, 7, sizeof b);
    struct vt_pbuf *f = vt_frame_new(h, b, sizeof b);
    assert_int_equal(vt_frame_len(f), 100);
    assert_int_equal(vt_frame_read(f, got, 10), 10);
    assert_int_equal(vt_frame_read(f, got, 1000), 100);
    assert_memory_equal(got, b, 100);
    vt_host_free(h); /* the frame outlives its host */
    assert_int_equal(vt_frame_len(f), 100);
    vt_frame_free(f);
    assert_int_equal(mem.count, 0);
}

/* A thousand conversations later the host holds what it held before, to the byte. */
static void memory_returns_to_the_start(void **state)
{
    static struct test_pair w;
    char b[256];

    (void)state;
    test_pair_init(&w, 0);
    struct vt_addr to = test_addr_b(80), udp_to = test_addr_b(7);
    int l = vt_socket(w.b, VT_AF_INET, VT_SOCK_STREAM, 0), echo = test_udp(w.b, 7);
    vt_bind(w.b, l, &to);
    vt_listen(w.b, l, 200);
    size_t start_a = 0, start_b = 0;
    for (int round = 0; round < 8; round++) {
        int c[100], s[100], u[100];
        for (int i = 0; i < 100; i++) {
            c[i] = vt_socket(w.a, VT_AF_INET, VT_SOCK_STREAM, 0);
            assert_int_equal(vt_connect(w.a, c[i], &to), -VT_EINPROGRESS);
            u[i] = vt_socket(w.a, VT_AF_INET, VT_SOCK_DGRAM, 0);
            assert_int_equal(vt_sendto(w.a, u[i], b, 100, 0, &udp_to), 100);
        }
        test_pair_pass(&w, 5 * VT_SEC); /* ARP holds only a few back: the others come again */
        for (int i = 0; i < 100; i++) {
            s[i] = vt_accept(w.b, l, NULL);
            assert_true(s[i] >= 0);
            assert_int_equal(vt_send(w.a, c[i], b, sizeof b, 0), sizeof b);
        }
        while (vt_recv(w.b, echo, b, sizeof b, 0) >= 0)
            ;
        test_pair_run(&w);
        for (int i = 0; i < 100; i++) {
            assert_int_equal(vt_recv(w.b, s[i], b, sizeof b, 0), sizeof b);
            vt_close(w.a, c[i]);
            vt_close(w.a, u[i]);
        }
        test_pair_run(&w);
        for (int i = 0; i < 100; i++)
            vt_close(w.b, s[i]);
        test_pair_pass(&w, 600 * VT_SEC); /* TIME-WAIT, and what neighbours remember */
        if (round == 0) {
            start_a = vt_host_memory(w.a);
            start_b = vt_host_memory(w.b);
        }
        assert_int_equal(vt_host_memory(w.a), start_a);
        assert_int_equal(vt_host_memory(w.b), start_b);
        assert_int_equal(vt_pool_live_pbufs(vt_host_core(w.a)->pool), 0);
        assert_int_equal(vt_pool_live_pbufs(vt_host_core(w.b)->pool), 0);
        assert_int_equal(vt_pool_live_blocks(vt_host_core(w.a)->pool), 0);
    }
    test_pair_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_needs_no_configuration),
        cmocka_unit_test(attaching_says_what_is_wrong),
        cmocka_unit_test(many_interfaces_have_names_and_addresses_of_their_own),
        cmocka_unit_test(knobs_go_by_their_sysctl_names),
        cmocka_unit_test(a_new_address_is_announced_when_wanted),
        cmocka_unit_test(birth_is_told_first),
        cmocka_unit_test(the_poll_tells_when_there_is_more),
        cmocka_unit_test(frames_come_before_timers),
        cmocka_unit_test(frames_for_devices),
        cmocka_unit_test(memory_returns_to_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* V87: every allocation fails in its turn, once and for good; nothing is lost, nothing breaks. */
#include "host/fixture.h"

/* A host with everything in it; true when it could be built. */
static bool build(struct test_memory *mem)
{
    static struct test_events log;
    struct test_dev dev, bare;

    test_dev_init(&dev, 0);
    test_dev_init(&bare, VT_DEV_RAW_IP);
    struct vt_host *h = vt_host_new(&(struct vt_host_config){.seed = 1, .mem = test_allocator(mem)});
    if (h == NULL)
        return false;
    log.n = 0;
    bool good = vt_host_listen_events(h, test_listener(&log)) == 0;
    good &= vt_host_attach(h, &dev.dev, "10.0.0.1/24") > 0;
    good &= vt_host_attach(h, &bare.dev, "10.1.0.1/24") > 0;
    good &= vt_host_add_route(h, "default", "10.0.0.254") == 0;
    good &= vt_hosts_add(h, "b.lab", VT_IP4(10, 0, 0, 2)) == 0;
    good &= vt_socket(h, VT_AF_INET, VT_SOCK_STREAM, 0) >= 0;
    good &= vt_socket(h, VT_AF_INET, VT_SOCK_DGRAM, 0) >= 0;
    good &= vt_socket(h, VT_AF_INET, VT_SOCK_DGRAM, 1) >= 0;
    good &= vt_epoll_create(h) >= 0;
    vt_host_poll(h, 1);
    vt_host_free(h);
    test_dev_fini(&dev);
    test_dev_fini(&bare);
    return good;
}

/* UDP both ways, once in fragments; watched by epoll. True when all of it arrived. */
static bool exchange_udp(struct test_pair *w)
{
    static uint8_t big[5000];
    struct vt_addr to = test_addr_b(7), any = test_any(7), from;
    struct vt_epoll_event ev = {VT_POLLIN, 0};

    if (!test_pair_build(w, 0))
        return false;
    int a = vt_socket(w->a, VT_AF_INET, VT_SOCK_DGRAM, 0), b = vt_socket(w->b, VT_AF_INET, VT_SOCK_DGRAM, 0);
    int ep = vt_epoll_create(w->b);
    bool good = vt_bind(w->b, b, &any) == 0;
    good &= vt_epoll_ctl(w->b, ep, VT_EPOLL_CTL_ADD, b, &ev) == 0;
    for (size_t size = 1; size < sizeof big; size *= 17) {
        good &= vt_sendto(w->a, a, big, size, 0, &to) == (long)size;
        test_pair_pass(w, VT_SEC);
        good &= vt_epoll_wait(w->b, ep, &ev, 1) == 1;
        good &= vt_recvfrom(w->b, b, big, sizeof big, 0, &from) == (long)size;
        good &= vt_sendto(w->b, b, big, size, 0, &from) == (long)size;
        test_pair_pass(w, VT_SEC);
        good &= vt_recv(w->a, a, big, sizeof big, 0) == (long)size;
    }
    vt_close(w->a, a);
    vt_close(w->b, b);
    test_pair_pass(w, 60 * VT_SEC); /* what waits for the rest of a datagram is given up */
    test_pair_fini(w);
    return good;
}

/* A connection, bytes both ways, and its end. */
static bool exchange_tcp(struct test_pair *w)
{
    static uint8_t bytes[20000];
    struct vt_addr to = test_addr_b(80);
    size_t got = 0;

    if (!test_pair_build(w, 0))
        return false;
    int l = vt_socket(w->b, VT_AF_INET, VT_SOCK_STREAM, 0),
        c = vt_socket(w->a, VT_AF_INET, VT_SOCK_STREAM, 0);
    bool good = vt_bind(w->b, l, &to) == 0 && vt_listen(w->b, l, 5) == 0;
    good &= vt_connect(w->a, c, &to) == -VT_EINPROGRESS;
    test_pair_pass(w, 5 * VT_SEC);
    int s = vt_accept(w->b, l, NULL);
    good &= s >= 0;
    size_t sent = 0;
    for (int i = 0; i < 40 && got < sizeof bytes; i++) {
        long n = sent < sizeof bytes ? vt_send(w->a, c, bytes + sent, sizeof bytes - sent, 0) : 0;
        sent += n > 0 ? (size_t)n : 0;
        test_pair_pass(w, VT_SEC);
        while ((n = vt_recv(w->b, s, bytes, sizeof bytes, 0)) > 0)
            got += (size_t)n;
    }
    good &= got == sizeof bytes;
    vt_close(w->a, c);
    test_pair_pass(w, VT_SEC);
    vt_close(w->b, s);
    test_pair_pass(w, 300 * VT_SEC);
    test_pair_fini(w);
    return good;
}

static bool udp_world(struct test_memory *mem)
{
    static struct test_pair w;

    memset(&w, 0, sizeof w);
    w.mem = *mem;
    bool good = exchange_udp(&w);
    *mem = w.mem;
    return good;
}

static bool tcp_world(struct test_memory *mem)
{
    static struct test_pair w;

    memset(&w, 0, sizeof w);
    w.mem = *mem;
    bool good = exchange_tcp(&w);
    *mem = w.mem;
    return good;
}

/* Runs `what` with its n-th allocation failing, for each n, until it needs no more; alone, and with all
 * behind it. */
static void fail_everywhere(bool (*what)(struct test_memory *mem))
{
    for (int for_good = 0; for_good < 2; for_good++) {
        unsigned failures = 0;
        for (uint64_t n = 1;; n++) {
            struct test_memory mem = {.fail_at = n, .fail_on = for_good != 0};
            bool good = what(&mem);
            assert_int_equal(mem.count, 0);
            assert_int_equal(mem.bytes, 0);
            failures += !good;
            if (mem.calls < n) {
                assert_true(good);
                break;
            }
        }
        assert_true(failures > 5);
    }
}

static void test_v87_building_a_host(void **state)
{
    (void)state;
    fail_everywhere(build);
}

static void test_v87_a_udp_exchange(void **state)
{
    (void)state;
    fail_everywhere(udp_world);
}

static void test_v87_a_tcp_conversation(void **state)
{
    (void)state;
    fail_everywhere(tcp_world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v87_building_a_host),
        cmocka_unit_test(test_v87_a_udp_exchange),
        cmocka_unit_test(test_v87_a_tcp_conversation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

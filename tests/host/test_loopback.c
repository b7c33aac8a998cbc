/* S07: all of 127/8 is this host; a server and a client on one host talk over it. */
#include "host/fixture.h"

struct fixture {
    struct test_memory mem;
    struct vt_host *h;
    vt_time now;
};

static void init(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->h = vt_host_new(&(struct vt_host_config){.seed = 1, .mem = test_allocator(&f->mem)});
    assert_non_null(f->h);
}

static void fini(struct fixture *f)
{
    vt_host_free(f->h);
    assert_int_equal(f->mem.count, 0);
}

static void pass(struct fixture *f, vt_span span)
{
    vt_time end = f->now + (vt_time)span, next;

    while ((next = vt_host_poll(f->h, f->now)) <= end)
        f->now = next;
    f->now = end;
}

static void s07_datagrams_to_every_loopback_address(void **state)
{
    struct fixture f;
    char b[8];
    struct vt_addr from;
    static const struct vt_ip ips[] = {VT_IP4(127, 0, 0, 1), VT_IP4(127, 0, 0, 2), VT_IP4(127, 1, 2, 3),
                                       VT_IP4(127, 255, 255, 254)};

    (void)state;
    init(&f);
    for (unsigned i = 0; i < 4; i++) {
        struct vt_addr at = {ips[i], 0, 9528};
        int s = vt_socket(f.h, VT_AF_INET, VT_SOCK_DGRAM, 0),
            c = vt_socket(f.h, VT_AF_INET, VT_SOCK_DGRAM, 0);
        assert_int_equal(vt_bind(f.h, s, &at), 0);
        assert_int_equal(vt_sendto(f.h, c, "hello", 5, 0, &at), 5);
        pass(&f, 0);
        assert_int_equal(vt_recvfrom(f.h, s, b, sizeof b, 0, &from), 5);
        assert_true(vt_ip_is_loopback(from.ip));
        assert_int_equal(vt_sendto(f.h, s, "back", 4, 0, &from), 4);
        pass(&f, 0);
        assert_int_equal(vt_recvfrom(f.h, c, b, sizeof b, 0, &from), 4);
        assert_true(vt_addr_eq(from, at));
        vt_close(f.h, s);
        vt_close(f.h, c);
    }
    assert_int_equal(vt_host_drops(f.h, 0), 0);
    fini(&f);
}

/* The notes' own server: 127.0.0.2:9528. */
static void s07_a_conversation_over_127_0_0_2(void **state)
{
    struct fixture f;
    char b[1024];
    struct vt_addr at = {VT_IP4(127, 0, 0, 2), 0, 9528}, elsewhere = {VT_IP4(127, 0, 0, 3), 0, 9528}, peer;

    (void)state;
    init(&f);
    int l = vt_socket(f.h, VT_AF_INET, VT_SOCK_STREAM, 0), c = vt_socket(f.h, VT_AF_INET, VT_SOCK_STREAM, 0);
    int wrong = vt_socket(f.h, VT_AF_INET, VT_SOCK_STREAM, 0);
    assert_int_equal(vt_bind(f.h, l, &at), 0);
    assert_int_equal(vt_listen(f.h, l, 10), 0);
    assert_int_equal(vt_connect(f.h, c, &at), -VT_EINPROGRESS);
    assert_int_equal(vt_connect(f.h, wrong, &elsewhere), -VT_EINPROGRESS);
    pass(&f, 0);
    assert_int_equal(vt_connect(f.h, c, &at), 0);
    assert_int_equal(vt_connect(f.h, wrong, &elsewhere), -VT_ECONNREFUSED);
    int s = vt_accept(f.h, l, &peer);
    assert_true(s >= 0);
    assert_true(vt_ip_is_loopback(peer.ip));
    assert_int_equal(vt_send(f.h, c, "hello", 5, 0), 5);
    pass(&f, 0);
    assert_int_equal(vt_recv(f.h, s, b, sizeof b, 0), 5);
    assert_int_equal(vt_send(f.h, s, b, 5, 0), 5);
    pass(&f, 0);
    assert_int_equal(vt_recv(f.h, c, b, sizeof b, 0), 5);
    assert_memory_equal(b, "hello", 5);
    vt_close(f.h, c);
    pass(&f, 0);
    assert_int_equal(vt_recv(f.h, s, b, sizeof b, 0), 0);
    vt_close(f.h, s);
    pass(&f, 300 * VT_SEC);
    fini(&f);
}

static void s07_localhost_is_127_0_0_1(void **state)
{
    struct fixture f;
    struct vt_addr at = {.port = 7};
    char b[8];

    (void)state;
    init(&f);
    int fd = test_udp(f.h, 7);
    assert_int_equal(vt_getaddrinfo(f.h, "localhost", &at), 0);
    assert_true(vt_addr_eq(at, (struct vt_addr){VT_IP4_LOOPBACK, 0, 7}));
    assert_int_equal(vt_sendto(f.h, fd, "x", 1, 0, &at), 1);
    pass(&f, 0);
    assert_int_equal(vt_recv(f.h, fd, b, sizeof b, 0), 1);
    fini(&f);
}

/* A host's own address on a link is itself too, and does not go out on the link. */
static void ones_own_address_stays_inside(void **state)
{
    struct fixture f;
    struct test_dev dev;
    struct vt_addr at = {VT_IP4(10, 0, 0, 1), 0, 7};
    char b[8];

    (void)state;
    init(&f);
    test_dev_init(&dev, 0);
    assert_int_equal(vt_host_attach(f.h, &dev.dev, "10.0.0.1/24"), 1);
    int fd = test_udp(f.h, 7);
    assert_int_equal(vt_sendto(f.h, fd, "x", 1, 0, &at), 1);
    pass(&f, 0);
    assert_int_equal(vt_recv(f.h, fd, b, sizeof b, 0), 1);
    assert_int_equal(dev.sent.count, 0);
    fini(&f);
}

/* Nobody has the memory to talk to himself without end. */
static void talking_to_oneself_is_bounded(void **state)
{
    struct fixture f;
    static uint8_t big[60000];
    struct vt_addr at = {VT_IP4_LOOPBACK, 0, 7};
    long n = 0;

    (void)state;
    init(&f);
    int fd = test_udp(f.h, 7);
    for (int i = 0; i < 10000; i++)
        vt_sendto(f.h, fd, big, sizeof big, 0, &at);
    pass(&f, 0);
    while (vt_recv(f.h, fd, big, sizeof big, 0) > 0)
        n++;
    assert_true(n > 0 && n < 10);
    assert_int_equal((uint64_t)n + vt_host_drops(f.h, 0), 10000);
    fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s07_datagrams_to_every_loopback_address),
        cmocka_unit_test(s07_a_conversation_over_127_0_0_2),
        cmocka_unit_test(s07_localhost_is_127_0_0_1),
        cmocka_unit_test(ones_own_address_stays_inside),
        cmocka_unit_test(talking_to_oneself_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

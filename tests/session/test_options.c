/* setsockopt and getsockopt, with Linux's numbers, sizes and errors. */
#include "host/fixture.h"

struct fixture {
    struct test_memory mem;
    struct vt_host *h;
    int tcp, udp, ping;
};

static void init(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->h = vt_host_new(&(struct vt_host_config){.seed = 1, .mem = test_allocator(&f->mem)});
    f->tcp = vt_socket(f->h, VT_AF_INET, VT_SOCK_STREAM, 0);
    f->udp = vt_socket(f->h, VT_AF_INET, VT_SOCK_DGRAM, 0);
    f->ping = vt_socket(f->h, VT_AF_INET, VT_SOCK_DGRAM, 1);
}

static void fini(struct fixture *f)
{
    vt_host_free(f->h);
    assert_int_equal(f->mem.count, 0);
}

static int set(struct fixture *f, int fd, int level, int name, int v)
{
    return vt_setsockopt(f->h, fd, level, name, &v, sizeof v);
}

static int get(struct fixture *f, int fd, int level, int name)
{
    int v = -12345;
    size_t len = sizeof v;
    int error = vt_getsockopt(f->h, fd, level, name, &v, &len);

    if (error != 0)
        return error;
    assert_int_equal(len, sizeof v);
    return v;
}

static void what_a_socket_is(void **state)
{
    struct fixture f;

    (void)state;
    init(&f);
    assert_int_equal(get(&f, f.tcp, VT_SOL_SOCKET, VT_SO_TYPE), VT_SOCK_STREAM);
    assert_int_equal(get(&f, f.udp, VT_SOL_SOCKET, VT_SO_TYPE), VT_SOCK_DGRAM);
    assert_int_equal(get(&f, f.ping, VT_SOL_SOCKET, VT_SO_TYPE), VT_SOCK_DGRAM);
    assert_int_equal(get(&f, f.tcp, VT_SOL_SOCKET, VT_SO_PROTOCOL), 6);
    assert_int_equal(get(&f, f.udp, VT_SOL_SOCKET, VT_SO_PROTOCOL), 17);
    assert_int_equal(get(&f, f.ping, VT_SOL_SOCKET, VT_SO_PROTOCOL), 1);
    assert_int_equal(get(&f, f.udp, VT_SOL_SOCKET, VT_SO_DOMAIN), VT_AF_INET);
    assert_int_equal(get(&f, f.udp, VT_SOL_SOCKET, VT_SO_ERROR), 0);
    assert_int_equal(get(&f, f.tcp, VT_SOL_SOCKET, VT_SO_ACCEPTCONN), 0);
    assert_int_equal(vt_listen(f.h, f.tcp, 1), 0);
    assert_int_equal(get(&f, f.tcp, VT_SOL_SOCKET, VT_SO_ACCEPTCONN), 1);
    /* These are facts: they cannot be set. */
    static const int facts[] = {VT_SO_TYPE,  VT_SO_PROTOCOL,   VT_SO_DOMAIN,
                                VT_SO_ERROR, VT_SO_ACCEPTCONN, VT_SO_SNDLOWAT};
    for (unsigned i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        assert_int_equal(set(&f, f.tcp, VT_SOL_SOCKET, facts[i], 1), -VT_ENOPROTOOPT);
        assert_int_equal(set(&f, f.udp, VT_SOL_SOCKET, facts[i], 1), -VT_ENOPROTOOPT);
    }
    fini(&f);
}

/* Each flag is off at first, and reads as it was set, as 0 or 1. */
static void flags_are_kept(void **state)
{
    static const int names[] = {VT_SO_DEBUG,     VT_SO_REUSEADDR, VT_SO_REUSEPORT,
                                VT_SO_BROADCAST, VT_SO_KEEPALIVE, VT_SO_OOBINLINE};
    struct fixture f;

    (void)state;
    init(&f);
    const int fds[] = {f.tcp, f.udp, f.ping};
    for (unsigned k = 0; k < 3; k++) {
        for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
            assert_int_equal(get(&f, fds[k], VT_SOL_SOCKET, names[i]), 0);
            assert_int_equal(set(&f, fds[k], VT_SOL_SOCKET, names[i], 17), 0);
            assert_int_equal(get(&f, fds[k], VT_SOL_SOCKET, names[i]), 1);
            assert_int_equal(set(&f, fds[k], VT_SOL_SOCKET, names[i], 0), 0);
            assert_int_equal(get(&f, fds[k], VT_SOL_SOCKET, names[i]), 0);
        }
        assert_int_equal(set(&f, fds[k], VT_SOL_SOCKET, VT_SO_PRIORITY, 5), 0);
        assert_int_equal(get(&f, fds[k], VT_SOL_SOCKET, VT_SO_PRIORITY), 5);
        assert_int_equal(set(&f, fds[k], VT_SOL_SOCKET, VT_SO_PRIORITY, 7), -VT_EPERM);
        assert_int_equal(set(&f, fds[k], VT_SOL_SOCKET, VT_SO_MARK, 77), 0);
        assert_int_equal(get(&f, fds[k], VT_SOL_SOCKET, VT_SO_MARK), 77);
        assert_int_equal(get(&f, fds[k], VT_SOL_SOCKET, VT_SO_RCVLOWAT), 1);
        assert_int_equal(get(&f, fds[k], VT_SOL_SOCKET, VT_SO_SNDLOWAT), 1);
    }
    fini(&f);
}

static void sizes_and_pointers_are_checked(void **state)
{
    struct fixture f;
    int v = 1;
    size_t len = sizeof v, huge = SIZE_MAX;

    (void)state;
    init(&f);
    const int fds[] = {f.tcp, f.udp, f.ping};
    for (unsigned k = 0; k < 3; k++) {
        static const int names[] = {VT_SO_REUSEADDR, VT_SO_RCVBUF, VT_SO_SNDBUF, VT_SO_KEEPALIVE,
                                    VT_SO_PRIORITY};
        for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
            for (size_t size = 0; size < sizeof v; size++)
                assert_int_equal(vt_setsockopt(f.h, fds[k], VT_SOL_SOCKET, names[i], &v, size), -VT_EINVAL);
            assert_int_equal(vt_setsockopt(f.h, fds[k], VT_SOL_SOCKET, names[i], NULL, 4), -VT_EFAULT);
        }
        assert_int_equal(vt_setsockopt(f.h, fds[k], VT_SOL_SOCKET, VT_SO_REUSEADDR, &v, huge), -VT_EINVAL);
        assert_int_equal(vt_getsockopt(f.h, fds[k], VT_SOL_SOCKET, VT_SO_TYPE, NULL, &len), -VT_EFAULT);
        assert_int_equal(vt_getsockopt(f.h, fds[k], VT_SOL_SOCKET, VT_SO_TYPE, &v, NULL), -VT_EFAULT);
        assert_int_equal(vt_getsockopt(f.h, fds[k], VT_SOL_SOCKET, VT_SO_TYPE, &v, &huge), -VT_EINVAL);
        assert_int_equal(get(&f, fds[k], VT_SOL_SOCKET, 9999), -VT_ENOPROTOOPT);
        assert_int_equal(set(&f, fds[k], VT_SOL_SOCKET, 9999, 1), -VT_ENOPROTOOPT);
        assert_int_equal(get(&f, fds[k], VT_SOL_IP, 9999), -VT_ENOPROTOOPT);
        assert_int_equal(set(&f, fds[k], VT_SOL_IP, 9999, 1), -VT_ENOPROTOOPT);
        assert_int_equal(get(&f, fds[k], 9999, 1), -VT_ENOPROTOOPT);
        assert_int_equal(set(&f, fds[k], 9999, 1, 1), -VT_ENOPROTOOPT);
    }
    /* A shorter place gets the bytes that fit. */
    uint8_t two[4] = {9, 9, 9, 9};
    len = 2;
    assert_int_equal(vt_getsockopt(f.h, f.udp, VT_SOL_SOCKET, VT_SO_TYPE, two, &len), 0);
    assert_int_equal(len, 2);
    assert_int_equal(two[2], 9);
    fini(&f);
}

static void datagram_buffers_are_doubled_and_bounded(void **state)
{
    struct fixture f;

    (void)state;
    init(&f);
    const int fds[] = {f.udp, f.ping};
    for (unsigned k = 0; k < 2; k++) {
        assert_int_equal(get(&f, fds[k], VT_SOL_SOCKET, VT_SO_RCVBUF), 212992);
        assert_int_equal(get(&f, fds[k], VT_SOL_SOCKET, VT_SO_SNDBUF), 212992);
        assert_int_equal(set(&f, fds[k], VT_SOL_SOCKET, VT_SO_RCVBUF, 10000), 0);
        assert_int_equal(get(&f, fds[k], VT_SOL_SOCKET, VT_SO_RCVBUF), 20000);
        assert_int_equal(set(&f, fds[k], VT_SOL_SOCKET, VT_SO_SNDBUF, 10000), 0);
        assert_int_equal(get(&f, fds[k], VT_SOL_SOCKET, VT_SO_SNDBUF), 20000);
        assert_int_equal(set(&f, fds[k], VT_SOL_SOCKET, VT_SO_RCVBUF, 0), 0);
        assert_int_equal(get(&f, fds[k], VT_SOL_SOCKET, VT_SO_RCVBUF), 2304);
        assert_int_equal(set(&f, fds[k], VT_SOL_SOCKET, VT_SO_SNDBUF, 0), 0);
        assert_int_equal(get(&f, fds[k], VT_SOL_SOCKET, VT_SO_SNDBUF), 4608);
        assert_int_equal(set(&f, fds[k], VT_SOL_SOCKET, VT_SO_RCVBUF, INT32_MAX), 0);
        assert_int_equal(get(&f, fds[k], VT_SOL_SOCKET, VT_SO_RCVBUF), 425984);
        assert_int_equal(set(&f, fds[k], VT_SOL_SOCKET, VT_SO_RCVBUF, -1), 0);
        assert_int_equal(get(&f, fds[k], VT_SOL_SOCKET, VT_SO_RCVBUF), 425984);
    }
    fini(&f);
}

static void ip_options(void **state)
{
    struct fixture f;
    uint8_t byte = 9;

    (void)state;
    init(&f);
    const int fds[] = {f.tcp, f.udp, f.ping};
    for (unsigned k = 0; k < 3; k++) {
        assert_int_equal(get(&f, fds[k], VT_SOL_IP, VT_IP_TTL), 64);
        assert_int_equal(set(&f, fds[k], VT_SOL_IP, VT_IP_TTL, 0), -VT_EINVAL);
        assert_int_equal(set(&f, fds[k], VT_SOL_IP, VT_IP_TTL, 256), -VT_EINVAL);
        assert_int_equal(set(&f, fds[k], VT_SOL_IP, VT_IP_TTL, 255), 0);
        assert_int_equal(get(&f, fds[k], VT_SOL_IP, VT_IP_TTL), 255);
        assert_int_equal(set(&f, fds[k], VT_SOL_IP, VT_IP_TTL, -1), 0);
        assert_int_equal(get(&f, fds[k], VT_SOL_IP, VT_IP_TTL), 64);
        assert_int_equal(set(&f, fds[k], VT_SOL_IP, VT_IP_TOS, 0x10), 0);
        assert_int_equal(get(&f, fds[k], VT_SOL_IP, VT_IP_TOS), 0x10);
        assert_int_equal(get(&f, fds[k], VT_SOL_IP, VT_IP_MTU), -VT_ENOTCONN);
    }
    /* BSD's were bytes, and Linux takes them. */
    assert_int_equal(vt_setsockopt(f.h, f.udp, VT_SOL_IP, VT_IP_TTL, &byte, 1), 0);
    assert_int_equal(get(&f, f.udp, VT_SOL_IP, VT_IP_TTL), 9);
    assert_int_equal(get(&f, f.udp, VT_SOL_IP, VT_IP_MTU_DISCOVER), 1);
    assert_int_equal(set(&f, f.udp, VT_SOL_IP, VT_IP_MTU_DISCOVER, 2), 0);
    assert_int_equal(get(&f, f.udp, VT_SOL_IP, VT_IP_MTU_DISCOVER), 2);
    assert_int_equal(set(&f, f.udp, VT_SOL_IP, VT_IP_MTU_DISCOVER, 6), -VT_EINVAL);
    assert_int_equal(set(&f, f.udp, VT_SOL_IP, VT_IP_MTU_DISCOVER, -1), -VT_EINVAL);
    /* The default is the host's. */
    assert_int_equal(vt_host_sysctl_set(f.h, "net.ipv4.ip_default_ttl", 40), 0);
    assert_int_equal(get(&f, f.ping, VT_SOL_IP, VT_IP_TTL), 40);
    fini(&f);
}

static void linger_and_timeouts(void **state)
{
    struct fixture f;
    struct vt_linger linger = {5, 10}, got_linger;
    int64_t tv[2] = {3, 500000}, got[2];
    size_t len;

    (void)state;
    init(&f);
    const int fds[] = {f.tcp, f.udp};
    for (unsigned k = 0; k < 2; k++) {
        len = sizeof got_linger;
        assert_int_equal(vt_setsockopt(f.h, fds[k], VT_SOL_SOCKET, VT_SO_LINGER, &linger, 7), -VT_EINVAL);
        assert_int_equal(vt_setsockopt(f.h, fds[k], VT_SOL_SOCKET, VT_SO_LINGER, &linger, sizeof linger), 0);
        assert_int_equal(vt_getsockopt(f.h, fds[k], VT_SOL_SOCKET, VT_SO_LINGER, &got_linger, &len), 0);
        assert_int_equal(got_linger.onoff, 1);
        assert_int_equal(got_linger.linger, 10);
        for (int name = VT_SO_RCVTIMEO; name <= VT_SO_SNDTIMEO; name++) {
            len = sizeof got;
            assert_int_equal(vt_getsockopt(f.h, fds[k], VT_SOL_SOCKET, name, got, &len), 0);
            assert_true(got[0] == 0 && got[1] == 0);
            assert_int_equal(vt_setsockopt(f.h, fds[k], VT_SOL_SOCKET, name, tv, 15), -VT_EINVAL);
            assert_int_equal(vt_setsockopt(f.h, fds[k], VT_SOL_SOCKET, name, tv, sizeof tv), 0);
            assert_int_equal(vt_getsockopt(f.h, fds[k], VT_SOL_SOCKET, name, got, &len), 0);
            assert_int_equal(len, 16);
            assert_true(got[0] == 3 && got[1] == 500000);
            const int64_t bad[] = {1, 1000000}, negative[] = {1, -1}, huge[] = {INT64_MAX, 0};
            assert_int_equal(vt_setsockopt(f.h, fds[k], VT_SOL_SOCKET, name, bad, 16), -VT_EDOM);
            assert_int_equal(vt_setsockopt(f.h, fds[k], VT_SOL_SOCKET, name, negative, 16), -VT_EDOM);
            assert_int_equal(vt_setsockopt(f.h, fds[k], VT_SOL_SOCKET, name, huge, 16), 0); /* for ever */
            assert_int_equal(vt_getsockopt(f.h, fds[k], VT_SOL_SOCKET, name, got, &len), 0);
            assert_true(got[0] == 0 && got[1] == 0);
        }
    }
    fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_socket_is),
        cmocka_unit_test(flags_are_kept),
        cmocka_unit_test(sizes_and_pointers_are_checked),
        cmocka_unit_test(datagram_buffers_are_doubled_and_bounded),
        cmocka_unit_test(ip_options),
        cmocka_unit_test(linger_and_timeouts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

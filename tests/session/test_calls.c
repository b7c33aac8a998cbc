/* What every call answers to every misuse, as Linux does. */
#include "host/fixture.h"

struct fixture {
    struct test_memory mem;
    struct vt_host *h;
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

static void socket_knows_what_there_is(void **state)
{
    static const struct {
        int domain, type, protocol, result; /* 0: a descriptor */
    } rows[] = {
        {VT_AF_INET, VT_SOCK_STREAM, 0, 0},
        {VT_AF_INET, VT_SOCK_STREAM, 6, 0},
        {VT_AF_INET, VT_SOCK_STREAM | VT_SOCK_NONBLOCK | VT_SOCK_CLOEXEC, 0, 0},
        {VT_AF_INET, VT_SOCK_STREAM, 17, -VT_EPROTONOSUPPORT},
        {VT_AF_INET, VT_SOCK_DGRAM, 0, 0},
        {VT_AF_INET, VT_SOCK_DGRAM, 17, 0},
        {VT_AF_INET, VT_SOCK_DGRAM, 1, 0},
        {VT_AF_INET, VT_SOCK_DGRAM, 6, -VT_EPROTONOSUPPORT},
        {VT_AF_INET, 3, 1, -VT_ESOCKTNOSUPPORT},
        {VT_AF_INET, 5, 0, -VT_ESOCKTNOSUPPORT},
        {VT_AF_INET, 0, 0, -VT_ESOCKTNOSUPPORT},
        {VT_AF_INET, 11, 0, -VT_EINVAL},
        {VT_AF_INET, -1, 0, -VT_EINVAL},
        {VT_AF_INET6, VT_SOCK_STREAM, 0, -VT_EAFNOSUPPORT},
        {1, VT_SOCK_STREAM, 0, -VT_EAFNOSUPPORT},
        {0, VT_SOCK_STREAM, 0, -VT_EAFNOSUPPORT},
    };
    struct fixture f;
    int fds = 0;

    (void)state;
    init(&f);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int r = vt_socket(f.h, rows[i].domain, rows[i].type, rows[i].protocol);
        if (rows[i].result == 0)
            assert_int_equal(r, fds++); /* the lowest that is free */
        else if (r != rows[i].result)
            fail_msg("row %u: %d", i, r);
    }
    fini(&f);
}

/* Every call on a descriptor that is not open, and on one that is no socket. */
static void not_a_descriptor_and_not_a_socket(void **state)
{
    struct fixture f;
    struct vt_addr addr = test_any(7);
    struct vt_buf buf;
    char b[8];
    size_t len = sizeof b;

    (void)state;
    init(&f);
    int ep = vt_epoll_create(f.h);
    const int fds[] = {-1, 5, INT32_MAX, ep}, errors[] = {-VT_EBADF, -VT_EBADF, -VT_EBADF, -VT_ENOTSOCK};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(vt_buf_get(f.h, 8, &buf), 0);
        const long got[] = {
            vt_bind(f.h, fds[i], &addr),
            vt_listen(f.h, fds[i], 1),
            vt_accept(f.h, fds[i], NULL),
            vt_connect(f.h, fds[i], &addr),
            vt_send(f.h, fds[i], b, 1, 0),
            vt_recv(f.h, fds[i], b, 1, 0),
            vt_sendto(f.h, fds[i], b, 1, 0, &addr),
            vt_recvfrom(f.h, fds[i], b, 1, 0, &addr),
            vt_shutdown(f.h, fds[i], VT_SHUT_RDWR),
            vt_getsockname(f.h, fds[i], &addr),
            vt_getpeername(f.h, fds[i], &addr),
            vt_setsockopt(f.h, fds[i], VT_SOL_SOCKET, VT_SO_REUSEADDR, b, 4),
            vt_getsockopt(f.h, fds[i], VT_SOL_SOCKET, VT_SO_TYPE, b, &len),
            vt_send_buf(f.h, fds[i], &buf, 1),
        };
        for (unsigned k = 0; k < sizeof got / sizeof got[0]; k++)
            if (got[k] != errors[i])
                fail_msg("descriptor %d, call %u: %ld", fds[i], k, got[k]);
        vt_buf_release(f.h, &buf);
        assert_int_equal(vt_recv_buf(f.h, fds[i], &buf), errors[i]);
    }
    assert_int_equal(vt_close(f.h, -1), -VT_EBADF);
    assert_int_equal(vt_close(f.h, 5), -VT_EBADF);
    fini(&f);
}

/* What only streams can do. */
static void datagrams_do_not_listen(void **state)
{
    struct fixture f;
    int on = 1, v;
    size_t len = sizeof v;

    (void)state;
    init(&f);
    for (int protocol = 1; protocol <= 17; protocol += 16) {
        int fd = vt_socket(f.h, VT_AF_INET, VT_SOCK_DGRAM, protocol);
        assert_true(fd >= 0);
        assert_int_equal(vt_listen(f.h, fd, 1), -VT_EOPNOTSUPP);
        assert_int_equal(vt_accept(f.h, fd, NULL), -VT_EOPNOTSUPP);
        assert_int_equal(vt_setsockopt(f.h, fd, VT_SOL_TCP, VT_TCP_NODELAY, &on, sizeof on), -VT_ENOPROTOOPT);
        assert_int_equal(vt_getsockopt(f.h, fd, VT_SOL_TCP, VT_TCP_NODELAY, &v, &len), -VT_ENOPROTOOPT);
        assert_int_equal(vt_send(f.h, fd, "x", 1, VT_MSG_OOB), -VT_EOPNOTSUPP);
    }
    int ping = vt_socket(f.h, VT_AF_INET, VT_SOCK_DGRAM, 1);
    struct vt_buf buf;
    assert_int_equal(vt_recv_buf(f.h, ping, &buf), -VT_EOPNOTSUPP);
    fini(&f);
}

static void no_address_and_no_buffer(void **state)
{
    struct fixture f;
    struct vt_addr six = {{{0x20, 1, [15] = 1}}, 0, 7};

    (void)state;
    init(&f);
    int udp = test_udp(f.h, 0), tcp = vt_socket(f.h, VT_AF_INET, VT_SOCK_STREAM, 0);
    int fds[] = {udp, tcp};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(vt_bind(f.h, fds[i], NULL), -VT_EFAULT);
        assert_int_equal(vt_connect(f.h, fds[i], &six), -VT_EAFNOSUPPORT);
        assert_int_equal(vt_send(f.h, fds[i], NULL, 1, 0), -VT_EFAULT);
        assert_int_equal(vt_recv(f.h, fds[i], NULL, 1, 0), -VT_EFAULT);
        assert_int_equal(vt_getsockname(f.h, fds[i], NULL), -VT_EFAULT);
        assert_int_equal(vt_getpeername(f.h, fds[i], NULL), -VT_EFAULT);
        assert_int_equal(vt_send_buf(f.h, fds[i], NULL, 1), -VT_EFAULT);
        assert_int_equal(vt_recv_buf(f.h, fds[i], NULL), -VT_EFAULT);
    }
    assert_int_equal(vt_bind(f.h, tcp, &six), -VT_EAFNOSUPPORT);
    assert_int_equal(vt_connect(f.h, tcp, NULL),
                     -VT_EAFNOSUPPORT); /* AF_UNSPEC; a stream has no such thing */
    assert_int_equal(vt_connect(f.h, udp, NULL), 0);
    assert_int_equal(vt_buf_get(f.h, 1, NULL), -VT_EFAULT);
    fini(&f);
}

/* `::`, a zeroed address, is the wildcard of IPv4 too; and to the wildcard is to oneself. */
static void the_wildcard_is_both_ways(void **state)
{
    struct fixture f;
    struct vt_addr any = {.port = 7}, name;
    char b[4];

    (void)state;
    init(&f);
    int fd = vt_socket(f.h, VT_AF_INET, VT_SOCK_DGRAM, 0);
    assert_int_equal(vt_bind(f.h, fd, &any), 0);
    assert_int_equal(vt_getsockname(f.h, fd, &name), 0);
    assert_true(vt_addr_eq(name, test_any(7)));
    assert_int_equal(vt_sendto(f.h, fd, "x", 1, 0, &any), 1);
    vt_host_flush(f.h, 0);
    assert_int_equal(vt_recvfrom(f.h, fd, b, sizeof b, 0, &name), 1);
    assert_true(vt_ip_eq(name.ip, VT_IP4_LOOPBACK));
    fini(&f);
}

static void poll_masks_and_counts(void **state)
{
    struct fixture f;

    (void)state;
    init(&f);
    int fd = test_udp(f.h, 7);
    struct vt_pollfd p[4] = {
        {.fd = fd, .events = VT_POLLIN},
        {.fd = fd, .events = VT_POLLIN | VT_POLLOUT, .revents = -1},
        {.fd = 42, .events = VT_POLLIN},
        {.fd = -1, .events = VT_POLLIN, .revents = -1},
    };
    assert_int_equal(vt_poll(f.h, p, 4), 2);
    assert_int_equal(p[0].revents, 0);
    assert_int_equal(p[1].revents, VT_POLLOUT);
    assert_int_equal(p[2].revents, VT_POLLNVAL);
    assert_int_equal(p[3].revents, 0);
    assert_int_equal(vt_poll(f.h, NULL, 0), 0);
    assert_int_equal(vt_poll(f.h, NULL, 1), -VT_EFAULT);
    fini(&f);
}

static void buffers_are_checked(void **state)
{
    struct fixture f;
    struct vt_buf buf;
    struct vt_addr self = {VT_IP4_LOOPBACK, 0, 7};

    (void)state;
    init(&f);
    int fd = test_udp(f.h, 7);
    assert_int_equal(vt_connect(f.h, fd, &self), 0);
    assert_int_equal(vt_buf_get(f.h, 100, &buf), 0);
    assert_true(buf.len >= 100);
    assert_int_equal(vt_send_buf(f.h, fd, &buf, buf.len + 1), -VT_EINVAL);
    buf.data = (const uint8_t *)buf.data + 1;
    assert_int_equal(vt_send_buf(f.h, fd, &buf, 1), -VT_EINVAL);
    buf.data = (const uint8_t *)buf.data - 1;
    assert_int_equal(vt_send_buf(f.h, fd, &buf, 0), 0);
    assert_int_equal(vt_send_buf(f.h, fd, &buf, 0), -VT_EFAULT); /* it has gone */
    assert_int_equal(vt_buf_get(f.h, SIZE_MAX, &buf), -VT_EINVAL);
    vt_buf_release(f.h, &buf); /* nothing to release */
    fini(&f);
}

static void descriptors_are_capped(void **state)
{
    struct test_memory mem = {0};
    struct vt_core core = {.mem = test_allocator(&mem)};
    struct vt_sockets *s = vt_sockets_new(&core, &(struct vt_sockets_config){.max = 3});

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(vt_sock_epoll_create(s), i);
    assert_int_equal(vt_sock_epoll_create(s), -VT_EMFILE);
    assert_int_equal(vt_sock_close(s, 1), 0);
    assert_int_equal(vt_sock_epoll_create(s), 1);
    vt_sockets_free(s);
    assert_int_equal(mem.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(socket_knows_what_there_is), cmocka_unit_test(not_a_descriptor_and_not_a_socket),
        cmocka_unit_test(datagrams_do_not_listen),    cmocka_unit_test(no_address_and_no_buffer),
        cmocka_unit_test(the_wildcard_is_both_ways),  cmocka_unit_test(poll_masks_and_counts),
        cmocka_unit_test(buffers_are_checked),        cmocka_unit_test(descriptors_are_capped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Stream sockets: what each call answers in each state, as Linux does. */
#include "host/fixture.h"

static short ready(struct vt_host *h, int fd)
{
    struct vt_pollfd p = {.fd = fd, .events = VT_POLLIN | VT_POLLOUT | VT_POLLPRI | VT_POLLRDHUP};

    vt_poll(h, &p, 1);
    return p.revents;
}

static int so_error(struct vt_host *h, int fd)
{
    int error = -1;
    size_t len = sizeof error;

    assert_int_equal(vt_getsockopt(h, fd, VT_SOL_SOCKET, VT_SO_ERROR, &error, &len), 0);
    return error;
}

static int stream(struct vt_host *h)
{
    int fd = vt_socket(h, VT_AF_INET, VT_SOCK_STREAM, 0);

    assert_true(fd >= 0);
    return fd;
}

static void connecting_is_in_progress_then_done_then_over(void **state)
{
    struct test_pair w;
    struct vt_addr to = test_addr_b(80), name;
    char b[8];

    (void)state;
    test_pair_init(&w, 0);
    int l = stream(w.b), c = stream(w.a);
    assert_int_equal(vt_bind(w.b, l, &to), 0);
    assert_int_equal(vt_listen(w.b, l, 5), 0);
    assert_int_equal(vt_send(w.a, c, "x", 1, 0), -VT_EPIPE);
    assert_int_equal(vt_recv(w.a, c, b, sizeof b, 0), -VT_ENOTCONN);
    assert_int_equal(vt_getpeername(w.a, c, &name), -VT_ENOTCONN);
    assert_int_equal(vt_shutdown(w.a, c, VT_SHUT_RDWR), -VT_ENOTCONN);
    assert_int_equal(ready(w.a, c), VT_POLLOUT | VT_POLLHUP);

    assert_int_equal(vt_connect(w.a, c, &to), -VT_EINPROGRESS);
    assert_int_equal(vt_connect(w.a, c, &to), -VT_EALREADY);
    assert_int_equal(vt_send(w.a, c, "x", 1, 0), -VT_EAGAIN);
    assert_int_equal(vt_recv(w.a, c, b, sizeof b, 0), -VT_EAGAIN);
    assert_int_equal(vt_getpeername(w.a, c, &name), -VT_ENOTCONN);
    assert_int_equal(vt_listen(w.a, c, 5), -VT_EINVAL);
    assert_int_equal(ready(w.a, c), 0);
    test_pair_run(&w);
    assert_int_equal(ready(w.a, c), VT_POLLOUT);
    assert_int_equal(so_error(w.a, c), 0);
    assert_int_equal(vt_connect(w.a, c, &to), 0); /* the first to look is told of the success */
    assert_int_equal(vt_connect(w.a, c, &to), -VT_EISCONN);
    assert_int_equal(vt_listen(w.a, c, 5), -VT_EINVAL);
    assert_int_equal(vt_accept(w.a, c, NULL), -VT_EINVAL);
    assert_int_equal(vt_getpeername(w.a, c, &name), 0);
    assert_true(vt_addr_eq(name, to));
    assert_int_equal(vt_getsockname(w.a, c, &name), 0);
    assert_true(vt_ip_eq(name.ip, test_addr_a(0).ip) && name.port >= VT_PORT_LOW);
    test_pair_fini(&w);
}

static void a_refused_connection_is_told_once_and_may_be_tried_again(void **state)
{
    struct test_pair w;
    struct vt_addr to = test_addr_b(80);
    char b[8];

    (void)state;
    test_pair_init(&w, 0);
    int c = stream(w.a);
    assert_int_equal(vt_connect(w.a, c, &to), -VT_EINPROGRESS);
    test_pair_run(&w);
    assert_int_equal(ready(w.a, c) & (VT_POLLERR | VT_POLLHUP | VT_POLLOUT),
                     VT_POLLERR | VT_POLLHUP | VT_POLLOUT);
    assert_int_equal(vt_connect(w.a, c, &to), -VT_ECONNREFUSED);
    assert_int_equal(vt_connect(w.a, c, &to), -VT_EINPROGRESS);
    test_pair_run(&w);
    assert_int_equal(so_error(w.a, c), VT_ECONNREFUSED);
    assert_int_equal(so_error(w.a, c), 0);
    assert_int_equal(vt_connect(w.a, c, &to), -VT_ECONNABORTED); /* why it failed has been told already */
    assert_int_equal(vt_connect(w.a, c, &to), -VT_EINPROGRESS);
    test_pair_run(&w);
    assert_int_equal(vt_recv(w.a, c, b, sizeof b, 0), -VT_ECONNREFUSED);
    /* And now somebody is there. */
    int l = stream(w.b);
    assert_int_equal(vt_bind(w.b, l, &to), 0);
    assert_int_equal(vt_listen(w.b, l, 5), 0);
    assert_int_equal(vt_connect(w.a, c, &to), -VT_ECONNABORTED);
    assert_int_equal(vt_connect(w.a, c, &to), -VT_EINPROGRESS);
    test_pair_run(&w);
    assert_int_equal(vt_connect(w.a, c, &to), 0);
    test_pair_fini(&w);
}

static void a_listener_only_accepts(void **state)
{
    struct test_pair w;
    struct vt_addr at = test_addr_b(80), peer, name;
    char b[8];

    (void)state;
    test_pair_init(&w, 0);
    int l = stream(w.b), c = stream(w.a);
    assert_int_equal(vt_accept(w.b, l, NULL), -VT_EINVAL);
    assert_int_equal(vt_bind(w.b, l, &at), 0);
    assert_int_equal(vt_bind(w.b, l, &at), -VT_EINVAL);
    assert_int_equal(vt_listen(w.b, l, 5), 0);
    assert_int_equal(vt_listen(w.b, l, 7), 0); /* changes the backlog */
    assert_int_equal(vt_accept(w.b, l, NULL), -VT_EAGAIN);
    assert_int_equal(vt_connect(w.b, l, &at), -VT_EISCONN);
    assert_int_equal(vt_send(w.b, l, "x", 1, 0), -VT_EPIPE);
    assert_int_equal(vt_recv(w.b, l, b, sizeof b, 0), -VT_ENOTCONN);
    assert_int_equal(vt_getpeername(w.b, l, &peer), -VT_ENOTCONN);
    int other = stream(w.b);
    assert_int_equal(vt_bind(w.b, other, &at), -VT_EADDRINUSE);
    assert_int_equal(ready(w.b, l), 0);

    assert_int_equal(vt_connect(w.a, c, &at), -VT_EINPROGRESS);
    test_pair_run(&w);
    assert_int_equal(ready(w.b, l), VT_POLLIN);
    int s = vt_accept(w.b, l, &peer);
    assert_true(s >= 0);
    assert_int_equal(vt_getsockname(w.a, c, &name), 0);
    assert_true(vt_addr_eq(peer, name));
    assert_int_equal(vt_getsockname(w.b, s, &name), 0);
    assert_true(vt_addr_eq(name, at));
    assert_int_equal(ready(w.b, l), 0);
    assert_int_equal(vt_accept(w.b, l, NULL), -VT_EAGAIN);
    /* Its reading shut, it is a plain socket again. */
    assert_int_equal(vt_shutdown(w.b, l, VT_SHUT_RD), 0);
    assert_int_equal(vt_accept(w.b, l, NULL), -VT_EINVAL);
    assert_int_equal(vt_shutdown(w.b, l, VT_SHUT_RD), -VT_ENOTCONN);
    assert_int_equal(vt_send(w.b, s, "x", 1, 0), 1); /* those accepted live on */
    test_pair_fini(&w);
}

/* A group is nobody's peer (RFC 9293 3.9.2.3). */
static void no_connection_is_with_a_group(void **state)
{
    struct test_pair w;
    const struct vt_addr groups[] = {
        {VT_IP4(10, 0, 0, 255), 0, 80}, {VT_IP4_BROADCAST, 0, 80}, {VT_IP4(224, 0, 0, 1), 0, 80}};

    (void)state;
    test_pair_init(&w, 0);
    int c = stream(w.a);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(vt_connect(w.a, c, &groups[i]), -VT_ENETUNREACH);
        assert_int_equal(vt_bind(w.a, c, &groups[i]), -VT_EADDRNOTAVAIL);
    }
    test_pair_fini(&w);
}

static void bytes_cross_and_the_end_is_told(void **state)
{
    struct test_pair w;
    int c, l, s;
    char b[32];
    struct vt_addr from;

    (void)state;
    test_pair_init(&w, 0);
    test_connect(&w, 80, &c, &l, &s);
    assert_int_equal(vt_send(w.a, c, "hello", 5, 0), 5);
    assert_int_equal(vt_send(w.a, c, "world", 5, 0), 5);
    test_pair_pass(&w, VT_SEC); /* the second waits for the first's acknowledgement (Nagle) */
    assert_int_equal(ready(w.b, s), VT_POLLIN | VT_POLLOUT);
    assert_int_equal(vt_recv(w.b, s, b, 3, VT_MSG_PEEK), 3);
    assert_int_equal(vt_recvfrom(w.b, s, b, sizeof b, 0, &from), 10);
    assert_memory_equal(b, "helloworld", 10);
    assert_true(vt_ip_eq(from.ip, test_addr_a(0).ip));
    assert_int_equal(vt_recv(w.b, s, b, sizeof b, 0), -VT_EAGAIN);

    assert_int_equal(vt_shutdown(w.a, c, VT_SHUT_WR), 0);
    assert_int_equal(vt_send(w.a, c, "x", 1, 0), -VT_EPIPE);
    test_pair_run(&w);
    assert_int_equal(ready(w.b, s), VT_POLLIN | VT_POLLOUT | VT_POLLRDHUP);
    assert_int_equal(vt_recv(w.b, s, b, sizeof b, 0), 0);
    assert_int_equal(vt_recv(w.b, s, b, sizeof b, 0), 0);
    assert_int_equal(vt_send(w.b, s, "late", 4, 0), 4); /* half closed: the other half goes on */
    test_pair_run(&w);
    assert_int_equal(vt_recv(w.a, c, b, sizeof b, 0), 4);
    assert_int_equal(vt_close(w.b, s), 0);
    test_pair_run(&w);
    assert_int_equal(vt_recv(w.a, c, b, sizeof b, 0), 0);
    assert_int_equal(vt_close(w.a, c), 0);
    test_pair_fini(&w);
}

/* Linger on, for no time: the connection is broken off, and the peer learns it as a reset. */
static void linger_for_no_time_breaks_off(void **state)
{
    struct test_pair w;
    struct vt_linger now = {1, 0};
    int c, l, s;
    char b[8];

    (void)state;
    test_pair_init(&w, 0);
    test_connect(&w, 80, &c, &l, &s);
    assert_int_equal(vt_setsockopt(w.a, c, VT_SOL_SOCKET, VT_SO_LINGER, &now, sizeof now), 0);
    assert_int_equal(vt_close(w.a, c), 0);
    test_pair_run(&w);
    assert_true((ready(w.b, s) & (VT_POLLERR | VT_POLLHUP)) == (VT_POLLERR | VT_POLLHUP));
    assert_int_equal(vt_recv(w.b, s, b, sizeof b, 0), -VT_ECONNRESET);
    assert_int_equal(vt_recv(w.b, s, b, sizeof b, 0), 0);
    assert_int_equal(vt_send(w.b, s, "x", 1, 0), -VT_EPIPE);
    test_pair_fini(&w);
}

static void an_accepted_socket_has_the_listeners_options(void **state)
{
    struct test_pair w;
    struct vt_linger linger = {1, 7}, got = {0};
    struct vt_addr at = test_addr_b(80);
    int on = 1, v, mark = 99;
    size_t len = sizeof got;

    (void)state;
    test_pair_init(&w, 0);
    int l = stream(w.b), c = stream(w.a);
    assert_int_equal(vt_setsockopt(w.b, l, VT_SOL_SOCKET, VT_SO_LINGER, &linger, sizeof linger), 0);
    assert_int_equal(vt_setsockopt(w.b, l, VT_SOL_SOCKET, VT_SO_KEEPALIVE, &on, sizeof on), 0);
    assert_int_equal(vt_setsockopt(w.b, l, VT_SOL_SOCKET, VT_SO_MARK, &mark, sizeof mark), 0);
    assert_int_equal(vt_setsockopt(w.b, l, VT_SOL_TCP, VT_TCP_NODELAY, &on, sizeof on), 0);
    assert_int_equal(vt_bind(w.b, l, &at), 0);
    assert_int_equal(vt_listen(w.b, l, 5), 0);
    assert_int_equal(vt_connect(w.a, c, &at), -VT_EINPROGRESS);
    test_pair_run(&w);
    int s = vt_accept(w.b, l, NULL);
    assert_int_equal(vt_getsockopt(w.b, s, VT_SOL_SOCKET, VT_SO_LINGER, &got, &len), 0);
    assert_int_equal(got.linger, 7);
    static const struct {
        int level, name, value;
    } rows[] = {{VT_SOL_SOCKET, VT_SO_KEEPALIVE, 1},
                {VT_SOL_SOCKET, VT_SO_MARK, 99},
                {VT_SOL_TCP, VT_TCP_NODELAY, 1},
                {VT_SOL_SOCKET, VT_SO_ACCEPTCONN, 0}};
    for (unsigned i = 0; i < 4; i++) {
        len = sizeof v;
        assert_int_equal(vt_getsockopt(w.b, s, rows[i].level, rows[i].name, &v, &len), 0);
        if (v != rows[i].value)
            fail_msg("option %d: %d", rows[i].name, v);
    }
    test_pair_fini(&w);
}

static void bytes_are_handed_over_without_a_copy(void **state)
{
    struct test_pair w;
    struct vt_buf out, in;
    int c, l, s;
    size_t got = 0;

    (void)state;
    test_pair_init(&w, 0);
    test_connect(&w, 80, &c, &l, &s);
    assert_int_equal(vt_buf_get(w.a, 3000, &out), 0);
    uint8_t *bytes = (uint8_t *)(uintptr_t)out.data;
    for (int i = 0; i < 3000; i++)
        bytes[i] = (uint8_t)(i * 13);
    assert_int_equal(vt_send_buf(w.a, c, &out, 3000), 3000);
    assert_null(out.owner);
    test_pair_run(&w);
    while (got < 3000) {
        long n = vt_recv_buf(w.b, s, &in);
        assert_true(n > 0);
        assert_int_equal(n, in.len);
        /* The receiver reads where the sender wrote: the two hosts share the memory. */
        assert_true((const uint8_t *)in.data >= bytes && (const uint8_t *)in.data + n <= bytes + 3000);
        for (long i = 0; i < n; i++)
            assert_int_equal(((const uint8_t *)in.data)[i], (uint8_t)((got + (size_t)i) * 13));
        got += (size_t)n;
        vt_buf_release(w.b, &in);
    }
    assert_int_equal(vt_recv_buf(w.b, s, &in), -VT_EAGAIN);
    assert_int_equal(vt_shutdown(w.a, c, VT_SHUT_WR), 0);
    test_pair_run(&w);
    assert_int_equal(vt_recv_buf(w.b, s, &in), 0);
    test_pair_fini(&w);
}

/* Sent until the buffers are full, read until they are empty: writability comes back, and epoll tells it
 * once. */
static void a_full_send_buffer_waits_for_room(void **state)
{
    static uint8_t chunk[65536], sink[65536];
    struct test_pair w;
    struct vt_epoll_event ev = {VT_POLLOUT | VT_EPOLLET, 1}, got;
    int c, l, s;
    uint64_t out = 0, in = 0;

    (void)state;
    test_pair_init(&w, 0);
    test_connect(&w, 80, &c, &l, &s);
    int ep = vt_epoll_create(w.a);
    assert_int_equal(vt_epoll_ctl(w.a, ep, VT_EPOLL_CTL_ADD, c, &ev), 0);
    assert_int_equal(vt_epoll_wait(w.a, ep, &got, 1), 1);
    for (;;) {
        long n = vt_send(w.a, c, chunk, sizeof chunk, 0);
        if (n == -VT_EAGAIN)
            break;
        assert_true(n > 0);
        out += (uint64_t)n;
        test_pair_pass(&w, 100 * VT_MSEC);
        assert_true(out < (UINT64_C(1) << 30)); /* bounded */
    }
    assert_int_equal(ready(w.a, c), 0);
    while (vt_epoll_wait(w.a, ep, &got, 1) > 0)
        ;
    while (in < out) {
        long n = vt_recv(w.b, s, sink, sizeof sink, 0);
        if (n == -VT_EAGAIN) {
            test_pair_pass(&w, 100 * VT_MSEC);
            continue;
        }
        assert_true(n > 0);
        in += (uint64_t)n;
    }
    assert_int_equal(in, out);
    test_pair_pass(&w, VT_SEC);
    assert_int_equal(ready(w.a, c), VT_POLLOUT);
    assert_int_equal(vt_epoll_wait(w.a, ep, &got, 1), 1);
    assert_int_equal(vt_epoll_wait(w.a, ep, &got, 1), 0);
    test_pair_fini(&w);
}

static void few_bytes_may_be_too_few_to_tell(void **state)
{
    struct test_pair w;
    struct vt_epoll_event ev = {VT_POLLIN, 1}, got;
    int c, l, s, least = 10;

    (void)state;
    test_pair_init(&w, 0);
    test_connect(&w, 80, &c, &l, &s);
    int ep = vt_epoll_create(w.b);
    assert_int_equal(vt_setsockopt(w.b, s, VT_SOL_SOCKET, VT_SO_RCVLOWAT, &least, sizeof least), 0);
    assert_int_equal(vt_epoll_ctl(w.b, ep, VT_EPOLL_CTL_ADD, s, &ev), 0);
    assert_int_equal(vt_send(w.a, c, "123456789", 9, 0), 9);
    test_pair_pass(&w, VT_SEC);
    assert_int_equal(ready(w.b, s), VT_POLLOUT);
    assert_int_equal(vt_epoll_wait(w.b, ep, &got, 1), 0);
    assert_int_equal(vt_send(w.a, c, "0", 1, 0), 1);
    test_pair_pass(&w, VT_SEC);
    assert_int_equal(ready(w.b, s), VT_POLLIN | VT_POLLOUT);
    assert_int_equal(vt_epoll_wait(w.b, ep, &got, 1), 1);
    least = 1000;
    assert_int_equal(vt_setsockopt(w.b, s, VT_SOL_SOCKET, VT_SO_RCVLOWAT, &least, sizeof least), 0);
    assert_int_equal(vt_epoll_wait(w.b, ep, &got, 1), 0);
    vt_close(w.a, c); /* the end is worth a look, however few came */
    test_pair_pass(&w, VT_SEC);
    assert_int_equal(vt_epoll_wait(w.b, ep, &got, 1), 1);
    test_pair_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connecting_is_in_progress_then_done_then_over),
        cmocka_unit_test(a_refused_connection_is_told_once_and_may_be_tried_again),
        cmocka_unit_test(a_listener_only_accepts),
        cmocka_unit_test(no_connection_is_with_a_group),
        cmocka_unit_test(bytes_cross_and_the_end_is_told),
        cmocka_unit_test(linger_for_no_time_breaks_off),
        cmocka_unit_test(an_accepted_socket_has_the_listeners_options),
        cmocka_unit_test(bytes_are_handed_over_without_a_copy),
        cmocka_unit_test(a_full_send_buffer_waits_for_room),
        cmocka_unit_test(few_bytes_may_be_too_few_to_tell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

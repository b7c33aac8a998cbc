/* ICMP echo as a datagram service: the sockets of ping. */
#include "host/fixture.h"
#include "transport/udp_dgram.h"

static int ping_socket(struct vt_host *h)
{
    int fd = vt_socket(h, VT_AF_INET, VT_SOCK_DGRAM, 1);

    assert_true(fd >= 0);
    return fd;
}

/* An echo request: type 8, a sequence number, and `size` bytes behind its header. */
static long ping(struct vt_host *h, int fd, uint16_t seq, size_t size, const struct vt_addr *to)
{
    uint8_t b[8 + 2000] = {8};

    vt_put16(b + 6, seq);
    for (size_t i = 0; i < size; i++)
        b[8 + i] = (uint8_t)i;
    return vt_sendto(h, fd, b, 8 + size, 0, to);
}

static void an_echo_comes_back_to_its_socket(void **state)
{
    struct test_pair w;
    struct vt_addr to = test_addr_b(0);
    uint8_t b[2048];

    (void)state;
    test_pair_init(&w, 0);
    int one = ping_socket(w.a), two = ping_socket(w.a);
    for (unsigned size = 0; size < 2000; size += 333) {
        struct vt_msg_info info;
        assert_int_equal(ping(w.a, one, 7, size, &to), 8 + size);
        assert_int_equal(ping(w.a, two, 8, size, &to), 8 + size);
        test_pair_run(&w);
        assert_int_equal(vt_recvmsg(w.a, one, b, sizeof b, 0, &info), 8 + size);
        assert_int_equal(b[0], 0);
        assert_int_equal(vt_get16(b + 6), 7);
        assert_int_equal(info.ttl, 64);
        assert_true(vt_ip_eq(info.from.ip, to.ip));
        for (unsigned i = 0; i < size; i++)
            assert_int_equal(b[8 + i], (uint8_t)i);
        assert_int_equal(vt_recv(w.a, two, b, sizeof b, 0), 8 + size);
        assert_int_equal(vt_get16(b + 6), 8);
        assert_int_equal(vt_recv(w.a, two, b, sizeof b, 0), -VT_EAGAIN);
    }
    assert_int_equal(vt_host_drops(w.a, 0) + vt_host_drops(w.b, 0), 0);
    test_pair_fini(&w);
}

/* The identifier stands where a port does. */
static void the_identifier_is_bound_like_a_port(void **state)
{
    struct test_pair w;
    struct vt_addr name = test_any(4711), to = test_addr_b(0), got;
    uint8_t b[64];

    (void)state;
    test_pair_init(&w, 0);
    int fd = ping_socket(w.a), other = ping_socket(w.a);
    assert_int_equal(vt_bind(w.a, fd, &name), 0);
    assert_int_equal(vt_bind(w.a, fd, &name), -VT_EINVAL);
    assert_int_equal(vt_bind(w.a, other, &name), -VT_EADDRINUSE);
    assert_int_equal(vt_connect(w.a, fd, &to), 0);
    assert_int_equal(ping(w.a, fd, 1, 0, NULL), 8);
    test_pair_run(&w);
    assert_int_equal(vt_recv(w.a, fd, b, sizeof b, 0), 8);
    assert_int_equal(vt_get16(b + 4), 4711);
    assert_int_equal(vt_getsockname(w.a, fd, &got), 0);
    assert_int_equal(got.port, 4711);
    vt_close(w.a, fd);
    assert_int_equal(vt_bind(w.a, other, &name), 0);
    test_pair_fini(&w);
}

static void only_echo_requests_may_be_sent(void **state)
{
    struct test_pair w;
    struct vt_addr to = test_addr_b(0), nowhere = {VT_IP4(192, 0, 2, 1), 0, 0},
                   all = {VT_IP4(10, 0, 0, 255), 0, 0};
    uint8_t b[8] = {0};

    (void)state;
    test_pair_init(&w, 0);
    int fd = ping_socket(w.a);
    assert_int_equal(vt_sendto(w.a, fd, b, 8, 0, &to), -VT_EINVAL); /* a reply */
    b[0] = 8;
    assert_int_equal(vt_sendto(w.a, fd, b, 7, 0, &to), -VT_EINVAL);
    b[1] = 1;
    assert_int_equal(vt_sendto(w.a, fd, b, 8, 0, &to), -VT_EINVAL);
    b[1] = 0;
    assert_int_equal(vt_send(w.a, fd, b, 8, 0), -VT_EDESTADDRREQ);
    assert_int_equal(vt_sendto(w.a, fd, b, 8, 0, &nowhere), -VT_ENETUNREACH);
    assert_int_equal(vt_sendto(w.a, fd, b, 8, 0, &all), -VT_EACCES);
    assert_int_equal(vt_sendto(w.a, fd, b, 8, 0, &to), 8);
    test_pair_fini(&w);
}

/* Nobody has the address: ARP gives up, and ping is told, though it is not connected. */
static void an_absent_host_is_an_error(void **state)
{
    struct test_pair w;
    struct vt_addr to = {VT_IP4(10, 0, 0, 77), 0, 0};
    uint8_t b[64];
    struct vt_msg_info info;

    (void)state;
    test_pair_init(&w, 0);
    int fd = ping_socket(w.a);
    assert_int_equal(vt_recvmsg(w.a, fd, b, sizeof b, VT_MSG_ERRQUEUE, &info), -VT_EAGAIN);
    assert_int_equal(ping(w.a, fd, 3, 8, &to), 16);
    assert_int_equal(ping(w.a, fd, 4, 8, &to), 16);
    test_pair_pass(&w, 10 * VT_SEC);
    struct vt_pollfd p = {.fd = fd, .events = VT_POLLIN};
    assert_int_equal(vt_poll(w.a, &p, 1), 1);
    assert_int_equal(p.revents, VT_POLLERR);
    for (uint16_t seq = 3; seq <= 4; seq++) {
        assert_true(vt_recvmsg(w.a, fd, b, sizeof b, VT_MSG_ERRQUEUE, &info) >= 8);
        assert_int_equal(info.icmp_type, 3);
        assert_int_equal(info.icmp_code, 1);
        assert_int_equal(info.error, -VT_EHOSTUNREACH);
        assert_true(vt_ip_eq(info.from.ip, VT_IP4(10, 0, 0, 1)));
        assert_int_equal(b[0], 8);
        assert_int_equal(vt_get16(b + 6), seq);
    }
    /* With the last error taken the socket is as it was. */
    assert_int_equal(vt_poll(w.a, &p, 1), 0);
    assert_int_equal(vt_recv(w.a, fd, b, sizeof b, 0), -VT_EAGAIN);
    /* Who does not ask for the queue gets the error from the call. */
    assert_int_equal(ping(w.a, fd, 5, 8, &to), 16);
    test_pair_pass(&w, 10 * VT_SEC);
    assert_int_equal(vt_recv(w.a, fd, b, sizeof b, 0), -VT_EHOSTUNREACH);
    assert_int_equal(vt_recv(w.a, fd, b, sizeof b, 0), -VT_EAGAIN);
    test_pair_fini(&w);
}

static void errors_beyond_a_few_are_counted(void **state)
{
    struct test_pair w;
    struct vt_addr to = {VT_IP4(10, 0, 0, 77), 0, 0};
    struct vt_msg_info info;
    uint8_t b[64];
    unsigned n = 0;

    (void)state;
    test_pair_init(&w, 0);
    int fd = ping_socket(w.a);
    for (uint16_t seq = 0; seq < 8; seq++) {
        long r = ping(w.a, fd, seq, 0, &to);
        assert_true(r == 8 || r == -VT_EHOSTUNREACH);
    }
    test_pair_pass(&w, 10 * VT_SEC);
    while (vt_recvmsg(w.a, fd, b, sizeof b, VT_MSG_ERRQUEUE, &info) >= 0)
        n++;
    assert_int_equal(n, 4);
    test_pair_fini(&w);
}

static void replies_are_bounded_by_the_receive_buffer(void **state)
{
    struct test_pair w;
    struct vt_addr to = test_addr_b(0);
    uint8_t b[64];
    int size = 1;
    long n = 0;

    (void)state;
    test_pair_init(&w, 0);
    int fd = ping_socket(w.a);
    assert_int_equal(vt_setsockopt(w.a, fd, VT_SOL_SOCKET, VT_SO_RCVBUF, &size, sizeof size), 0);
    for (uint16_t seq = 0; seq < 50; seq++) {
        assert_int_equal(ping(w.a, fd, seq, 0, &to), 8);
        test_pair_run(&w);
    }
    while (vt_recv(w.a, fd, b, sizeof b, 0) == 8)
        n++;
    assert_in_range(n, 1, VT_DGRAM_RCVBUF_MIN / (int)sizeof(struct vt_pbuf) + 1);
    assert_int_equal(vt_host_drops(w.a, VT_DROP_UDP_QUEUE), 50 - n);
    test_pair_fini(&w);
}

/* A reply that nobody waits for: somebody guesses identifiers. */
static void a_reply_to_nobody_is_dropped(void **state)
{
    struct test_pair w;
    struct vt_addr to = test_addr_b(0), elsewhere = {VT_IP4(10, 0, 0, 3), 0, 0};

    (void)state;
    test_pair_init(&w, 0);
    int fd = ping_socket(w.a);
    assert_int_equal(ping(w.a, fd, 1, 0, &to), 8);
    vt_host_poll(w.a, w.now);
    vt_close(w.a, fd);
    test_pair_run(&w);
    assert_int_equal(vt_host_drops(w.a, VT_DROP_ICMP_NO_MATCH), 1);
    fd = ping_socket(w.a);
    assert_int_equal(ping(w.a, fd, 1, 0, &to), 8);
    assert_int_equal(vt_connect(w.a, fd, &elsewhere), 0); /* whose replies alone it wants now */
    test_pair_run(&w);
    assert_int_equal(vt_host_drops(w.a, VT_DROP_ICMP_NO_MATCH), 2);
    test_pair_fini(&w);
}

static void every_step_of_an_echo_names_its_cause(void **state)
{
    struct test_pair w;
    struct vt_addr to = test_addr_b(0);
    uint8_t b[64];

    (void)state;
    test_pair_init(&w, 0);
    int fd = ping_socket(w.a);
    assert_int_equal(ping(w.a, fd, 1, 0, &to), 8);
    test_pair_run(&w);
    assert_int_equal(vt_recv(w.a, fd, b, sizeof b, 0), 8);
    assert_int_equal(vt_host_listen_events(w.a, test_listener(&w.log_a)), 0);
    assert_int_equal(ping(w.a, fd, 2, 0, &to), 8);
    test_pair_run(&w);
    assert_int_equal(vt_recv(w.a, fd, b, sizeof b, 0), 8);
    vt_host_drain_events(w.a);

    const struct vt_event *send = test_find(&w.log_a, VT_EV_SOCK_CALL, 0);
    const struct vt_event *tx = test_find(&w.log_a, VT_EV_ICMP_TX, 0);
    const struct vt_event *rx = test_find(&w.log_a, VT_EV_ICMP_RX, 0);
    const struct vt_event *recv = test_find(&w.log_a, VT_EV_SOCK_CALL, 1);
    assert_ptr_equal(test_cause(&w.log_a, tx), send);
    assert_ptr_equal(test_cause(&w.log_a, test_find(&w.log_a, VT_EV_PORT_TX, 0)), tx);
    assert_int_equal(tx->u.icmp.seq, 2);
    assert_ptr_equal(test_cause(&w.log_a, rx), test_find(&w.log_a, VT_EV_PORT_RX, 0));
    assert_ptr_equal(test_cause(&w.log_a, recv), rx);
    test_pair_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_echo_comes_back_to_its_socket),
        cmocka_unit_test(the_identifier_is_bound_like_a_port),
        cmocka_unit_test(only_echo_requests_may_be_sent),
        cmocka_unit_test(an_absent_host_is_an_error),
        cmocka_unit_test(errors_beyond_a_few_are_counted),
        cmocka_unit_test(replies_are_bounded_by_the_receive_buffer),
        cmocka_unit_test(a_reply_to_nobody_is_dropped),
        cmocka_unit_test(every_step_of_an_echo_names_its_cause),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

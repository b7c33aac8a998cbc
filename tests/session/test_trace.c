/* The events of calls: what is told, when, and what it causes. */
#include "host/fixture.h"
#include "session/socket.h"

static const struct vt_event *call(const struct test_events *log, unsigned kind, enum vt_call which,
                                   unsigned i)
{
    for (unsigned k = 0; k < log->n; k++)
        if (log->ev[k].kind == kind && log->ev[k].u.call.call == which && i-- == 0)
            return &log->ev[k];
    return NULL;
}

static void drain(struct test_pair *w)
{
    vt_host_drain_events(w->a);
    vt_host_drain_events(w->b);
}

static void each_call_is_told_with_its_result(void **state)
{
    struct test_pair w;
    int c, l, s;

    (void)state;
    test_pair_init_watched(&w, 0);
    test_connect(&w, 80, &c, &l, &s);
    drain(&w);
    const struct vt_event *e = call(&w.log_b, VT_EV_SOCK_CALL, VT_CALL_SOCKET, 0);
    assert_non_null(e);
    assert_int_equal(e->u.call.result, l);
    assert_int_equal(e->layer, VT_L_SESSION);
    e = call(&w.log_b, VT_EV_SOCK_CALL, VT_CALL_BIND, 0);
    assert_int_equal(e->u.call.fd, l);
    assert_int_equal(e->u.call.arg, 80);
    e = call(&w.log_b, VT_EV_SOCK_CALL, VT_CALL_LISTEN, 0);
    assert_int_equal(e->u.call.arg, 10);
    assert_int_not_equal(e->conn, 0); /* it made the listener */
    e = call(&w.log_b, VT_EV_SOCK_CALL, VT_CALL_ACCEPT, 0);
    assert_int_equal(e->u.call.fd, l);
    assert_int_equal(e->u.call.result, s);
    assert_int_equal(e->conn, vt_tcp_conn(vt_sock_get(vt_host_sockets(w.b), s)->u.tcb));
    e = call(&w.log_a, VT_EV_SOCK_CALL, VT_CALL_CONNECT, 0);
    assert_int_equal(e->u.call.result, -VT_EINPROGRESS);
    assert_int_equal(call(&w.log_a, VT_EV_SOCK_CALL, VT_CALL_CONNECT, 1)->u.call.result, 0);
    vt_close(w.a, c);
    vt_close(w.a, 77);
    drain(&w);
    e = call(&w.log_a, VT_EV_SOCK_CALL, VT_CALL_CLOSE, 0);
    assert_int_equal(e->u.call.fd, c);
    assert_int_not_equal(e->conn, 0);
    assert_int_equal(call(&w.log_a, VT_EV_SOCK_CALL, VT_CALL_CLOSE, 1)->u.call.result, -VT_EBADF);
    test_pair_fini(&w);
}

/* A call is the cause of what it sets going, though its event is written when it is over. */
static void what_a_call_sets_going_names_it(void **state)
{
    struct test_pair w;
    int c, l, s;
    char b[8];

    (void)state;
    test_pair_init_watched(&w, 0);
    test_connect(&w, 80, &c, &l, &s);
    drain(&w);
    const struct vt_event *connect = call(&w.log_a, VT_EV_SOCK_CALL, VT_CALL_CONNECT, 0);
    assert_ptr_equal(test_cause(&w.log_a, test_find(&w.log_a, VT_EV_TCP_CONN, 0)), connect);
    assert_ptr_equal(test_cause(&w.log_a, test_find(&w.log_a, VT_EV_TCP_STATE, 0)), connect);
    w.log_a.n = w.log_b.n = 0;
    assert_int_equal(vt_send(w.a, c, "hello", 5, 0), 5);
    test_pair_run(&w);
    const struct vt_event *send = call(&w.log_a, VT_EV_SOCK_CALL, VT_CALL_SEND, 0);
    const struct vt_event *tx = test_find(&w.log_a, VT_EV_TCP_TX, 0);
    assert_non_null(tx);
    assert_int_equal(tx->u.seg.len, 5);
    assert_ptr_equal(test_cause(&w.log_a, tx), send);
    /* And who takes what came does so because it came. */
    assert_int_equal(vt_recv(w.b, s, b, sizeof b, 0), 5);
    drain(&w);
    assert_ptr_equal(test_cause(&w.log_b, call(&w.log_b, VT_EV_SOCK_CALL, VT_CALL_RECV, 0)),
                     test_find(&w.log_b, VT_EV_TCP_RX, 0));
    test_pair_fini(&w);
}

/* A loop that asks again and again is told of once. */
static void waiting_is_told_once_in_a_row(void **state)
{
    struct test_pair w;
    int c, l, s;
    char b[8];

    (void)state;
    test_pair_init_watched(&w, 0);
    test_connect(&w, 80, &c, &l, &s);
    drain(&w);
    w.log_b.n = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5; i++) {
            assert_int_equal(vt_recv(w.b, s, b, sizeof b, 0), -VT_EAGAIN);
            assert_int_equal(vt_accept(w.b, l, NULL), -VT_EAGAIN);
        }
        assert_int_equal(vt_send(w.a, c, "x", 1, 0), 1);
        test_pair_pass(&w, VT_SEC);
        assert_int_equal(vt_recv(w.b, s, b, sizeof b, VT_MSG_PEEK), 1); /* only a look: not told */
        assert_int_equal(vt_recv(w.b, s, b, sizeof b, 0), 1);
    }
    drain(&w);
    unsigned waits[VT_CALL_COUNT] = {0}, calls[VT_CALL_COUNT] = {0};
    for (unsigned k = 0; k < w.log_b.n; k++) {
        if (w.log_b.ev[k].kind == VT_EV_SOCK_WAIT)
            waits[w.log_b.ev[k].u.call.call]++;
        if (w.log_b.ev[k].kind == VT_EV_SOCK_CALL)
            calls[w.log_b.ev[k].u.call.call]++;
    }
    assert_int_equal(waits[VT_CALL_RECV], 3);   /* each time after something had come */
    assert_int_equal(waits[VT_CALL_ACCEPT], 1); /* nothing ever came */
    assert_int_equal(calls[VT_CALL_RECV], 3);
    assert_int_equal(calls[VT_CALL_ACCEPT], 0);
    assert_int_equal(test_find(&w.log_b, VT_EV_SOCK_WAIT, 0)->u.call.result, -VT_EAGAIN);
    test_pair_fini(&w);
}

/* Ids are unique, and the same whether or not anybody listens. */
static void ids_do_not_depend_on_listeners(void **state)
{
    uint64_t last[2];
    static struct test_pair w;

    (void)state;
    for (int pass = 0; pass < 2; pass++) {
        int c, l, s;
        char b[8];
        if (pass == 0)
            test_pair_init(&w, 0);
        else
            test_pair_init_watched(&w, 0);
        test_connect(&w, 80, &c, &l, &s);
        vt_send(w.a, c, "hello", 5, 0);
        test_pair_run(&w);
        vt_recv(w.b, s, b, sizeof b, 0);
        vt_recv(w.b, s, b, sizeof b, 0);
        vt_close(w.b, s);
        test_pair_pass(&w, VT_SEC);
        drain(&w);
        last[pass] = vt_host_core(w.b)->ev.count;
        for (unsigned i = 0; i < w.log_b.n; i++)
            for (unsigned k = 0; k < i; k++)
                assert_true(w.log_b.ev[i].id != w.log_b.ev[k].id);
        test_pair_fini(&w);
    }
    assert_int_equal(last[0], last[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_is_told_with_its_result),
        cmocka_unit_test(what_a_call_sets_going_names_it),
        cmocka_unit_test(waiting_is_told_once_in_a_row),
        cmocka_unit_test(ids_do_not_depend_on_listeners),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

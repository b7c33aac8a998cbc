/* How a connection opens: three segments, two SYNs at once, refusals, the queues of a listener, initial
 * numbers, what the SYNs' options agree on (RFC 9293 3.5, 3.7.1, 3.10.1, 3.10.7.1 to 3.10.7.3). */
#include "tcp_rig.h"

/* ---- The three-way handshake ---- */

static void s12_passive_open(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 10);
    assert_int_equal(r->listener->end.state, VT_TCP_LISTEN);
    rig_in(r, "S 0:0(0) win 65535 <mss 1460>");
    rig_out(r, "S. 0:0(0) ack 1 win 64240 <mss 1460>");
    rig_state(r, VT_TCP_SYN_RCVD);
    assert_false(vt_tcp_acceptable(r->listener));
    rig_in(r, ". 1:1(0) ack 1 win 65535");
    rig_quiet(r);
    rig_state(r, VT_TCP_ESTABLISHED);
    assert_true(vt_tcp_poll(r->listener) & VT_POLLIN);
    assert_non_null(rig_accept(r));
    assert_null(rig_accept(r));
    assert_int_equal(rig_info(r).tcpi_state, VT_TCPI_ESTABLISHED);
    rig_free(r);
}

static void s12_active_open(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    assert_int_equal(rig_connect(r, 80), -VT_EINPROGRESS);
    rig_state(r, VT_TCP_SYN_SENT);
    rig_out(r, "S 0:0(0) win 64240 <mss 1460, sackOK, TS val 0 ecr 0, wscale 7>");
    assert_int_equal(vt_tcp_poll(r->tcb) & VT_POLLOUT, 0);
    rig_in(r, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
    rig_out(r, ". 1:1(0) ack 1 <>");
    rig_state(r, VT_TCP_ESTABLISHED);
    assert_true(vt_tcp_poll(r->tcb) & VT_POLLOUT);
    assert_true(r->n.ready_events & VT_POLLOUT);
    rig_free(r);
}

/* The third segment may carry data, and a FIN. */
static void s12_third_segment_with_data(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 10);
    rig_in(r, "S 0:0(0) win 65535 <mss 1460>");
    rig_out(r, "S. 0:0(0) ack 1");
    rig_in(r, "FP. 1:6(5) ack 1 win 65535");
    rig_out(r, ". 1:1(0) ack 7");
    assert_non_null(rig_accept(r));
    rig_state(r, VT_TCP_CLOSE_WAIT);
    assert_int_equal(rig_recv(r, 100), 5);
    assert_int_equal(rig_recv(r, 100), 0);
    rig_free(r);
}

/* RFC 9293 3.10.7.2: text in the SYN is not delivered before it is established; the sender repeats it. */
static void s12_data_on_syn_is_ignored(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 10);
    rig_in(r, "SP 0:10(10) win 65535 <mss 1460>");
    rig_out(r, "S. 0:0(0) ack 1");
    rig_in(r, ". 1:1(0) ack 1 win 65535");
    assert_non_null(rig_accept(r));
    assert_int_equal(rig_recv(r, 100), -VT_EAGAIN);
    rig_free(r);
}

static void s12_data_on_syn_ack_is_ignored(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0)");
    rig_in(r, "SP. 0:10(10) ack 1 win 65535 <mss 1460>");
    rig_out(r, ". 1:1(0) ack 1");
    assert_int_equal(rig_recv(r, 100), -VT_EAGAIN);
    rig_free(r);
}

/* The SYN came, our answer was lost, the peer sends his SYN again. */
static void s12_syn_again(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 10);
    rig_in(r, "S 0:0(0) win 65535 <mss 1460>");
    rig_out(r, "S. 0:0(0) ack 1");
    rig_wait(r, 300 * VT_MSEC);
    rig_in(r, "S 0:0(0) win 65535 <mss 1460>");
    rig_out(r, "S. 0:0(0) ack 1 win 64240 <mss 1460>");
    rig_in(r, ". 1:1(0) ack 1 win 65535");
    assert_non_null(rig_accept(r));
    rig_free(r);
}

/* Our last ACK of the handshake was lost, and the peer sends his SYN,ACK again: it is acknowledged again. */
static void s12_syn_ack_again(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_connected(r, NULL);
    rig_in(r, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
    rig_out(r, ". 1:1(0) ack 1");
    rig_dropped(r, VT_DROP_TCP_WINDOW, 1);
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_free(r);
}

/* ---- Two SYNs at once (MUST-10, RFC 9293 figure 8) ---- */

static void simultaneous(struct rig *r)
{
    rig_open(r);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0) win 64240 <mss 1460, sackOK, TS val 0 ecr 0, wscale 7>");
    rig_in(r, "S 0:0(0) win 4000 <mss 1400, sackOK, TS val 77 ecr 0, wscale 3>");
    rig_out(r, "S. 0:0(0) ack 1 win 64240 <mss 1460, sackOK, TS val 0 ecr 77, wscale 7>");
    rig_state(r, VT_TCP_SYN_RCVD);
}

static void test_must10_simultaneous_open(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    simultaneous(r);
    rig_in(r, "S. 0:0(0) ack 1 win 4000 <mss 1400, sackOK, TS val 78 ecr 0, wscale 3>");
    rig_out(r, ". 1:1(0) ack 1 <TS val 0 ecr 78, sack 0:1>"); /* RFC 2883 4: the SYN came twice */
    rig_state(r, VT_TCP_ESTABLISHED);
    assert_int_equal(rig_info(r).tcpi_snd_wnd, 4000); /* of a SYN: never scaled */
    rig_send(r, 10);
    rig_out(r, "P. 1:11(10) ack 1 <TS val 0 ecr 78>");
    rig_in(r, ". 1:1(0) ack 11 win 500 <TS val 79 ecr 0>");
    assert_int_equal(rig_info(r).tcpi_snd_wnd, 4000);
    rig_free(r);
}

static void test_must10_ends_by_a_plain_ack(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    simultaneous(r);
    rig_in(r, ". 1:1(0) ack 1 win 500 <TS val 78 ecr 0>");
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_free(r);
}

static void test_must10_close_while_opening(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    simultaneous(r);
    assert_int_equal(rig_shutdown(r, VT_SHUT_WR), 0);
    rig_state(r, VT_TCP_SYN_RCVD);
    rig_in(r, "S. 0:0(0) ack 1 win 4000 <mss 1400, sackOK, TS val 78 ecr 0, wscale 3>");
    rig_out(r, "F. 1:1(0) ack 1");
    rig_state(r, VT_TCP_FIN_WAIT1);
    rig_in(r, ". 1:1(0) ack 2 win 500 <TS val 79 ecr 0>");
    rig_state(r, VT_TCP_FIN_WAIT2);
    rig_free(r);
}

static void test_must10_syn_ack_is_repeated(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    simultaneous(r);
    rig_at(r, VT_SEC, "S. 0:0(0) ack 1 win 64240 <mss 1460, sackOK, TS, wscale 7>");
    rig_in(r, "R 1:1(0)");
    rig_state(r, VT_TCP_CLOSED);
    assert_int_equal(vt_tcp_take_error(r->tcb), -VT_ECONNREFUSED);
    rig_free(r);
}

/* ---- Refusals ---- */

/* RFC 9293 3.10.7.1 */
static void test_no_listener(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_in(r, "S 0:0(0) win 65535 <mss 1460>");
    rig_out(r, "R. 0:0(0) ack 1 win 0 <>");
    rig_in(r, ". 1:11(10) ack 777 win 65535");
    rig_out(r, "R 777:777(0) win 0 <>");
    rig_in(r, "FP 1:11(10) win 65535");
    rig_out(r, "R. 0:0(0) ack 12");
    rig_dropped(r, VT_DROP_TCP_NO_CONN, 3);
    rig_free(r);
}

static void test_connection_refused(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0)");
    rig_in(r, "R. 0:0(0) ack 1");
    rig_state(r, VT_TCP_CLOSED);
    assert_true(vt_tcp_poll(r->tcb) & VT_POLLERR);
    assert_true(vt_tcp_poll(r->tcb) & VT_POLLHUP);
    assert_int_equal(rig_send(r, 10), -VT_ECONNREFUSED);
    assert_int_equal(rig_send(r, 10), -VT_EPIPE);
    rig_free(r);
}

/* RFC 9293 3.10.7.3, in its order: ACK, RST, SYN. */
static void test_syn_sent_answers(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0)");
    rig_in(r, "S. 0:0(0) ack 0 win 65535"); /* acknowledges nothing */
    rig_out(r, "R 0:0(0)");
    rig_in(r, "S. 0:0(0) ack 2 win 65535"); /* what was not sent */
    rig_out(r, "R 2:2(0)");
    rig_in(r, ". 9:9(0) ack 1 win 65535"); /* neither SYN nor RST */
    rig_in(r, "R 0:0(0)");                 /* without ACK it may be anybody's */
    rig_in(r, "R. 0:0(0) ack 2");
    rig_in(r, "P 0:10(10)");
    rig_in(r, "- 0:0(0)");
    rig_quiet(r);
    rig_state(r, VT_TCP_SYN_SENT);
    rig_dropped(r, VT_DROP_TCP_SYN_SENT, 7);
    rig_in(r, "S. 0:0(0) ack 1 win 65535");
    rig_out(r, ". 1:1(0) ack 1");
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_free(r);
}

/* RFC 9293 3.10.7.2, in its order: RST, ACK, SYN. */
static void test_listen_answers(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 10);
    rig_in(r, "R 0:0(0)");
    rig_in(r, "R. 0:0(0) ack 5");
    rig_in(r, "SR 0:0(0)");
    rig_quiet(r);
    rig_in(r, ". 0:0(0) ack 5");
    rig_out(r, "R 5:5(0)");
    rig_in(r, "S. 0:0(0) ack 5");
    rig_out(r, "R 5:5(0)");
    rig_in(r, "F 0:0(0)");
    rig_in(r, "P 0:10(10)");
    rig_in(r, "- 0:0(0)");
    rig_quiet(r);
    assert_null(rig_end(r));
    rig_dropped(r, VT_DROP_TCP_LISTEN_FLAGS, 8);
    rig_free(r);
}

/* RFC 9293 3.10.7.4 in SYN-RECEIVED of a passive open. */
static void test_syn_rcvd_answers(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 10);
    rig_in(r, "S 0:0(0) win 65535 <mss 1460>");
    rig_out(r, "S. 0:0(0) ack 1");
    rig_in(r, ". 1:1(0) ack 2"); /* what was not sent */
    rig_out(r, "R 2:2(0)");
    rig_in(r, ". 1:1(0) ack 0");
    rig_out(r, "R 0:0(0)");
    rig_dropped(r, VT_DROP_TCP_ACK_BAD, 2);
    rig_in(r, ". 70000:70000(0) ack 1"); /* outside the window */
    rig_out(r, ". 1:1(0) ack 1");
    rig_dropped(r, VT_DROP_TCP_WINDOW, 1);
    rig_in(r, "P 1:11(10)");
    rig_dropped(r, VT_DROP_TCP_NO_ACK, 1);
    rig_in(r, "S 9:9(0)"); /* RFC 5961 4.2 */
    rig_out(r, ". 1:1(0) ack 1");
    rig_dropped(r, VT_DROP_TCP_SYN_IN_WINDOW, 1);
    rig_in(r, "R 9:9(0)"); /* RFC 5961 3.2: in the window, not exact */
    rig_out(r, ". 1:1(0) ack 1");
    rig_dropped(r, VT_DROP_TCP_RST_BAD, 1);
    rig_in(r, "R 90000:90000(0)");
    rig_quiet(r);
    rig_dropped(r, VT_DROP_TCP_WINDOW, 1);
    rig_state(r, VT_TCP_SYN_RCVD);
    rig_in(r, "R 1:1(0)"); /* back to LISTEN */
    assert_null(rig_end(r));
    assert_int_equal(r->listener->end.state, VT_TCP_LISTEN);
    assert_int_equal(r->listener->listener->requests, 0);
    rig_silence(r, 10 * VT_SEC);
    rig_free(r);
}

static void test_connect_calls(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    struct vt_addr to = {VT_IP4(224, 0, 0, 1), 0, 80};
    assert_int_equal(vt_tcp_connect(r->tcb, &to), -VT_ENETUNREACH); /* MUST-46 */
    to.ip = VT_IP4(192, 0, 2, 255);
    assert_int_equal(vt_tcp_connect(r->tcb, &to), -VT_ENETUNREACH);
    to.ip = VT_IP4(8, 8, 8, 8);
    assert_int_equal(vt_tcp_connect(r->tcb, &to), -VT_ENETUNREACH);
    to = (struct vt_addr){PEER, 0, 0};
    assert_int_equal(vt_tcp_connect(r->tcb, &to), -VT_EADDRNOTAVAIL);
    assert_int_equal(rig_recv(r, 10), -VT_ENOTCONN);
    assert_int_equal(rig_send(r, 10), -VT_EPIPE);
    assert_int_equal(rig_shutdown(r, VT_SHUT_WR), -VT_ENOTCONN);
    struct vt_addr a;
    assert_int_equal(vt_tcp_remote(r->tcb, &a), -VT_ENOTCONN);
    assert_int_equal(rig_connect(r, 80), -VT_EINPROGRESS);
    rig_out(r, "S 0:0(0)");
    to.port = 80;
    assert_int_equal(vt_tcp_connect(r->tcb, &to), -VT_EALREADY);
    assert_int_equal(rig_send(r, 10), -VT_EAGAIN);
    assert_int_equal(rig_recv(r, 10), -VT_EAGAIN);
    assert_int_equal(vt_tcp_listen(r->tcb, 1), -VT_EINVAL);
    rig_in(r, "S. 0:0(0) ack 1");
    rig_out(r, ". 1:1(0) ack 1");
    assert_int_equal(vt_tcp_connect(r->tcb, &to), -VT_EISCONN);
    assert_int_equal(vt_tcp_local(r->tcb, &a), 0);
    assert_true(vt_ip_eq(a.ip, US)); /* MUST-44 */
    assert_int_equal(vt_tcp_remote(r->tcb, &a), 0);
    assert_true(vt_ip_eq(a.ip, PEER) && a.port == 80);
    rig_free(r);
}

/* ---- SYNs that nobody answers ---- */

/* MUST-20 to 23 and Linux: tcp_syn_linear_timeouts 4 that do not double, tcp_syn_retries 6 that do: at 1, 2,
 * 3, 4, 5, 7, 11, 19, 35, 67 s, and the end after 131 s. */
static void test_syn_retries(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0)");
    for (unsigned i = 0; i < 10; i++)
        rig_at(r, VT_SEC << (i < 4 ? 0 : i - 4), "S 0:0(0) win 64240 <mss 1460, sackOK, TS, wscale 7>");
    rig_silence(r, 64 * VT_SEC - 1);
    rig_state(r, VT_TCP_SYN_SENT);
    rig_silence(r, 1);
    rig_state(r, VT_TCP_CLOSED);
    assert_int_equal(vt_tcp_take_error(r->tcb), -VT_ETIMEDOUT);
    rig_free(r);
}

static void test_syn_retries_of_the_socket(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_set(r, VT_SOL_TCP, VT_TCP_SYNCNT, 1);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0)");
    rig_at(r, VT_SEC, "S 0:0(0)");
    rig_at(r, VT_SEC, "S 0:0(0)"); /* of those that do not double */
    rig_silence(r, VT_SEC);        /* and no longer than one that does: 3 s */
    rig_state(r, VT_TCP_CLOSED);
    rig_free(r);
}

/* net.ipv4.tcp_synack_retries 5 */
static void test_syn_ack_retries(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 10);
    rig_in(r, "S 0:0(0) win 65535 <mss 1460>");
    rig_out(r, "S. 0:0(0) ack 1");
    for (unsigned i = 0; i < 5; i++)
        rig_at(r, VT_SEC << i, "S. 0:0(0) ack 1 win 64240 <mss 1460>");
    rig_silence(r, 32 * VT_SEC);
    assert_null(rig_end(r));
    assert_int_equal(r->listener->listener->requests, 0);
    rig_free(r);
}

/* The program gives up. */
static void test_close_in_syn_sent(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0)");
    rig_close(r);
    rig_quiet(r);
    assert_null(rig_end(r));
    rig_silence(r, 200 * VT_SEC);
    rig_in(r, "S. 0:0(0) ack 1");
    rig_out(r, "R 1:1(0)");
    rig_dropped(r, VT_DROP_TCP_NO_CONN, 1);
    rig_free(r);
}

/* ---- The listener's queues, as on Linux ---- */

static void open_from(struct rig *r, uint16_t port, bool answered)
{
    rig_flow(r, SERVER_PORT, port);
    rig_in(r, "S 0:0(0) win 65535 <mss 1460>");
    if (!answered)
        return;
    rig_out(r, "S. 0:0(0) ack 1");
}

/* The SYN queue holds `backlog`; more SYNs are dropped, without an answer (V54 comes to it with cookies). */
static void test_v54_syn_queue(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_knob(r, "net.ipv4.tcp_syncookies", 0);
    rig_listen(r, 3);
    for (uint16_t i = 0; i < 4; i++) /* as Linux: backlog + 1 */
        open_from(r, (uint16_t)(40000 + i), true);
    open_from(r, 40004, false);
    rig_quiet(r);
    rig_dropped(r, VT_DROP_TCP_SYN_QUEUE, 1);
    assert_int_equal(r->n.events[VT_EV_TCP_QUEUE], 1);
    rig_flow(r, SERVER_PORT, 40001);
    rig_in(r, ". 1:1(0) ack 1");
    open_from(r, 40004, true); /* there is room again */
    rig_free(r);
}

/* The accept queue takes backlog + 1; then ACKs and SYNs are dropped, and the half-open one is kept. */
static void test_accept_queue(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_knob(r, "net.ipv4.tcp_syncookies", 0);
    rig_listen(r, 1);
    for (uint16_t i = 0; i < 2; i++) {
        open_from(r, (uint16_t)(40000 + i), true);
        rig_in(r, ". 1:1(0) ack 1");
    }
    open_from(r, 40002, false); /* the accept queue is full: no new one begins */
    rig_dropped(r, VT_DROP_TCP_ACCEPT_QUEUE, 1);
    r->f->iss = 0;
    assert_non_null(rig_accept(r));
    open_from(r, 40002, true);
    open_from(r, 40003, true);
    rig_flow(r, SERVER_PORT, 40004);
    rig_in(r, "S 0:0(0) win 65535 <mss 1460>");
    rig_quiet(r); /* backlog 1: two half-open at a time */
    rig_dropped(r, VT_DROP_TCP_SYN_QUEUE, 1);
    rig_flow(r, SERVER_PORT, 40002);
    rig_in(r, ". 1:1(0) ack 1");
    assert_int_equal(r->listener->listener->accepts, 2);
    rig_free(r);
}

/* An ACK that finds the accept queue full is dropped; the SYN,ACK is repeated, and its answer finds room. */
static void test_accept_queue_ack_dropped(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 2);
    open_from(r, 40000, true);
    open_from(r, 40001, true);
    rig_in(r, ". 1:1(0) ack 1");
    open_from(r, 40002, true);
    assert_int_equal(vt_tcp_listen(r->listener, 0), 0); /* a second call sets the backlog anew */
    rig_in(r, ". 1:6(5) ack 1");
    rig_quiet(r);
    rig_dropped(r, VT_DROP_TCP_ACCEPT_QUEUE, 1);
    rig_state(r, VT_TCP_SYN_RCVD);
    assert_non_null(rig_accept(r));
    rig_wait(r, VT_SEC);
    assert_int_equal(rig_forget(r), 2);
    rig_in(r, ". 1:6(5) ack 1");
    assert_non_null(rig_accept(r));
    assert_int_equal(rig_recv(r, 10), 5);
    rig_wait(r, 40 * VT_MSEC);
    rig_out(r, ". 1:1(0) ack 6");
    rig_free(r);
}

static void test_abort_on_overflow(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_knob(r, "net.ipv4.tcp_abort_on_overflow", 1);
    rig_listen(r, 2);
    open_from(r, 40000, true);
    open_from(r, 40001, true);
    rig_in(r, ". 1:1(0) ack 1");
    vt_tcp_listen(r->listener, 0);
    rig_flow(r, SERVER_PORT, 40000);
    rig_in(r, ". 1:1(0) ack 1");
    rig_out(r, "R 1:1(0)");
    rig_dropped(r, VT_DROP_TCP_ACCEPT_QUEUE, 1);
    assert_null(rig_end(r));
    rig_free(r);
}

/* A listener that goes takes its half-open connections with it, and tells those that were complete. */
static void test_listener_closes(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 5);
    open_from(r, 40000, true);
    open_from(r, 40001, true);
    rig_in(r, ". 1:1(0) ack 1");
    r->tcb = r->listener;
    rig_close(r);
    rig_out(r, "R. 1:1(0) ack 1");
    assert_null(rig_end(r));
    rig_flow(r, SERVER_PORT, 40000);
    assert_null(rig_end(r));
    rig_in(r, ". 1:1(0) ack 1");
    rig_out(r, "R 1:1(0)");
    rig_dropped(r, VT_DROP_TCP_NO_CONN, 1);
    rig_free(r);
}

/* A connection that is reset while it waits is accepted all the same, and says so. */
static void test_reset_in_accept_queue(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 5);
    open_from(r, 40000, true);
    rig_in(r, ". 1:4(3) ack 1");
    rig_in(r, "R 4:4(0)");
    assert_null(rig_end(r));
    assert_non_null(rig_accept(r));
    assert_int_equal(rig_recv(r, 10), 3); /* Linux: what came before the RST can be read */
    assert_int_equal(rig_recv(r, 10), -VT_ECONNRESET);
    assert_int_equal(rig_recv(r, 10), 0);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s12_passive_open),
        cmocka_unit_test(s12_active_open),
        cmocka_unit_test(s12_third_segment_with_data),
        cmocka_unit_test(s12_data_on_syn_is_ignored),
        cmocka_unit_test(s12_data_on_syn_ack_is_ignored),
        cmocka_unit_test(s12_syn_again),
        cmocka_unit_test(s12_syn_ack_again),
        cmocka_unit_test(test_must10_simultaneous_open),
        cmocka_unit_test(test_must10_ends_by_a_plain_ack),
        cmocka_unit_test(test_must10_close_while_opening),
        cmocka_unit_test(test_must10_syn_ack_is_repeated),
        cmocka_unit_test(test_no_listener),
        cmocka_unit_test(test_connection_refused),
        cmocka_unit_test(test_syn_sent_answers),
        cmocka_unit_test(test_listen_answers),
        cmocka_unit_test(test_syn_rcvd_answers),
        cmocka_unit_test(test_connect_calls),
        cmocka_unit_test(test_syn_retries),
        cmocka_unit_test(test_syn_retries_of_the_socket),
        cmocka_unit_test(test_syn_ack_retries),
        cmocka_unit_test(test_close_in_syn_sent),
        cmocka_unit_test(test_v54_syn_queue),
        cmocka_unit_test(test_accept_queue),
        cmocka_unit_test(test_accept_queue_ack_dropped),
        cmocka_unit_test(test_abort_on_overflow),
        cmocka_unit_test(test_listener_closes),
        cmocka_unit_test(test_reset_in_accept_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

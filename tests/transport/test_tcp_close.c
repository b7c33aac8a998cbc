/* How a connection ends: four segments or three, both at once, half, by force; and TIME-WAIT (RFC 9293 3.6,
 * 3.10.4, 3.10.5, 3.10.7.4 eighth; RFC 1337; RFC 6191). */
#include "tcp_rig.h"

/* ---- Four segments ---- */

/* The client closes first: S13's u, v, w. */
static void s13_peer_closes(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "F. 1:1(0) ack 1");
    rig_out(r, ". 1:1(0) ack 2"); /* at once: the program is told */
    rig_state(r, VT_TCP_CLOSE_WAIT);
    assert_true(vt_tcp_poll(r->tcb) & VT_POLLIN);
    assert_true(vt_tcp_poll(r->tcb) & VT_POLLRDHUP);
    assert_false(vt_tcp_poll(r->tcb) & VT_POLLHUP);
    assert_int_equal(rig_recv(r, 10), 0);
    assert_int_equal(rig_send(r, 100), 100); /* half closed: what we still send must still be taken */
    rig_out(r, "P. 1:101(100) ack 2");
    rig_in(r, ". 2:2(0) ack 101");
    rig_close(r);
    rig_out(r, "F. 101:101(0) ack 2");
    rig_state(r, VT_TCP_LAST_ACK);
    rig_in(r, ". 2:2(0) ack 102");
    assert_null(rig_end(r)); /* CLOSED at once: earlier than the closer */
    rig_free(r);
}

static void s13_we_close(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_connected(r, NULL);
    rig_send(r, 10);
    rig_out(r, "P. 1:11(10) ack 1");
    rig_shutdown(r, VT_SHUT_WR);
    rig_out(r, "F. 11:11(0) ack 1"); /* u: one more than the last byte */
    rig_state(r, VT_TCP_FIN_WAIT1);
    rig_in(r, ". 1:1(0) ack 12");
    rig_state(r, VT_TCP_FIN_WAIT2);
    rig_in(r, "P. 1:21(20) ack 12"); /* half closed: we take what comes */
    assert_int_equal(rig_recv(r, 100), 20);
    rig_out(r, ". 12:12(0) ack 21"); /* all is read, and we have no more to say that could carry it */
    rig_in(r, "F. 21:21(0) ack 12");
    rig_out(r, ". 12:12(0) ack 22");
    rig_state(r, VT_TCP_TIME_WAIT);
    assert_int_equal(rig_recv(r, 100), 0);
    rig_close(r);
    rig_silence(r, 60 * VT_SEC - 1);
    rig_state(r, VT_TCP_TIME_WAIT);
    rig_silence(r, 1);
    rig_state(r, VT_TCP_CLOSED); /* 2 MSL: MUST-13 */
    rig_free(r);
}

/* S15: the other has nothing left: ACK and FIN go together. */
static void s15_three_segments(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_close(r);
    rig_out(r, "F. 1:1(0) ack 1");
    rig_in(r, "F. 1:1(0) ack 2");
    rig_out(r, ". 2:2(0) ack 2");
    rig_state(r, VT_TCP_TIME_WAIT);
    rig_free(r);
}

/* S15 seen from the other: a program that closes at the end of the stream, before the burst is over, lets ACK
 * and FIN go in one. */
static void s15_fin_carries_the_ack(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in_burst(r, "F. 1:1(0) ack 1");
    rig_close(r);
    rig_out(r, "F. 1:1(0) ack 2");
    rig_state(r, VT_TCP_LAST_ACK);
    rig_free(r);
}

/* Both close at once: FIN-WAIT-1, CLOSING, TIME-WAIT. */
static void s13_both_close(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_close(r);
    rig_out(r, "F. 1:1(0) ack 1");
    rig_in(r, "F. 1:1(0) ack 1");
    rig_out(r, ". 2:2(0) ack 2");
    rig_state(r, VT_TCP_CLOSING);
    rig_in(r, ". 2:2(0) ack 2");
    rig_state(r, VT_TCP_TIME_WAIT);
    rig_silence(r, 60 * VT_SEC);
    rig_state(r, VT_TCP_CLOSED);
    rig_free(r);
}

/* The peer's FIN meets data of ours that are still to go: our FIN follows them. */
static void s13_both_close_with_data(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, ". 1:1(0) ack 1 win 1460");
    rig_send(r, 1960);
    rig_out(r, ". 1:1461(1460) ack 1");
    rig_shutdown(r, VT_SHUT_WR);
    rig_quiet(r);
    rig_state(r, VT_TCP_FIN_WAIT1);
    rig_in(r, "F. 1:1(0) ack 1 win 1460");
    rig_out(r, ". 1461:1461(0) ack 2");
    rig_state(r, VT_TCP_CLOSING);
    rig_in(r, ". 2:2(0) ack 1461 win 1460");
    rig_out(r, "FP. 1461:1961(500) ack 2");
    rig_state(r, VT_TCP_CLOSING);
    rig_in(r, ". 2:2(0) ack 1961 win 1460"); /* the data, not the FIN */
    rig_state(r, VT_TCP_CLOSING);
    rig_in(r, ". 2:2(0) ack 1962 win 1460");
    rig_state(r, VT_TCP_TIME_WAIT);
    rig_free(r);
}

/* A FIN that came ahead of what it ends waits for it. */
static void test_fin_out_of_order(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "FP. 101:201(100) ack 1");
    rig_out(r, ". 1:1(0) ack 1");
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_in(r, "P. 1:101(100) ack 1");
    rig_out(r, ". 1:1(0) ack 202");
    rig_state(r, VT_TCP_CLOSE_WAIT);
    assert_int_equal(rig_recv(r, 300), 200);
    assert_int_equal(rig_recv(r, 300), 0);
    rig_free(r);
}

static void test_bare_fin_out_of_order(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "F. 101:101(0) ack 1");
    rig_out(r, ". 1:1(0) ack 1");
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_in(r, "P. 1:101(100) ack 1");
    rig_out(r, ". 1:1(0) ack 102");
    rig_state(r, VT_TCP_CLOSE_WAIT);
    rig_free(r);
}

/* A FIN in the middle of what is known to follow is none: the one at the end counts. */
static void test_fin_that_was_passed_is_forgotten(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "F. 51:51(0) ack 1"); /* forged, say */
    rig_out(r, ". 1:1(0) ack 1");
    rig_in(r, "P. 1:101(100) ack 1");
    rig_forget(r);
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_in(r, "F. 101:101(0) ack 1");
    rig_out(r, ". 1:1(0) ack 102");
    rig_state(r, VT_TCP_CLOSE_WAIT);
    rig_free(r);
}

/* The peer did not hear that we took his FIN. Each is answered: the limit on answers to empty segments (V67)
 * is for those that could go on for ever. */
static void test_fin_again_in_close_wait(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "F. 1:1(0) ack 1");
    rig_out(r, ". 1:1(0) ack 2");
    for (unsigned i = 0; i < 3; i++) {
        rig_wait(r, 200 * VT_MSEC);
        rig_in(r, "F. 1:1(0) ack 1");
        rig_out(r, ". 1:1(0) ack 2");
    }
    rig_dropped(r, VT_DROP_TCP_WINDOW, 3);
    rig_state(r, VT_TCP_CLOSE_WAIT);
    rig_free(r);
}

/* Our FIN is lost, and sent again. */
static void test_fin_is_retransmitted(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_shutdown(r, VT_SHUT_WR);
    rig_out(r, "F. 1:1(0) ack 1");
    rig_at(r, RIG_RTO, "F. 1:1(0) ack 1");
    rig_at(r, 2 * RIG_RTO, "F. 1:1(0) ack 1");
    rig_in(r, ". 1:1(0) ack 2");
    rig_state(r, VT_TCP_FIN_WAIT2);
    rig_free(r);
}

/* Data and FIN are lost together; the ACK that comes covers the data only. */
static void test_fin_is_retransmitted_behind_data(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_send(r, 100);
    rig_out(r, "P. 1:101(100) ack 1");
    rig_shutdown(r, VT_SHUT_WR);
    rig_out(r, "F. 101:101(0) ack 1");
    rig_at(r, RIG_RTO, "FP. 1:101(100) ack 1");
    rig_in(r, ". 1:1(0) ack 101");
    rig_at(r, 2 * RIG_RTO, "F. 101:101(0) ack 1"); /* Karn: still backed off */
    rig_in(r, ". 1:1(0) ack 102");
    rig_state(r, VT_TCP_FIN_WAIT2);
    rig_free(r);
}

/* After the peer's FIN there is no text (RFC 9293 3.10.7.4, seventh). */
static void test_text_behind_fin_is_ignored(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "F. 1:1(0) ack 1");
    rig_out(r, ". 1:1(0) ack 2");
    rig_in(r, "P. 2:12(10) ack 1");
    rig_forget(r);
    assert_int_equal(rig_recv(r, 100), 0);
    assert_int_equal(r->tcb->rcv_nxt.v, 5002);
    rig_free(r);
}

static void test_text_behind_fin_that_came_first(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "P. 12:22(10) ack 1");
    rig_out(r, ". 1:1(0) ack 1");
    rig_in(r, "FP. 1:11(10) ack 1");
    rig_out(r, ". 1:1(0) ack 12");
    rig_state(r, VT_TCP_CLOSE_WAIT);
    assert_null(r->tcb->ooo);
    assert_int_equal(rig_recv(r, 100), 10);
    assert_int_equal(rig_recv(r, 100), 0);
    rig_free(r);
}

/* ---- Half close ---- */

static void test_half_close_calls(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    assert_int_equal(rig_shutdown(r, 3), -VT_EINVAL);
    assert_int_equal(rig_shutdown(r, VT_SHUT_WR), 0);
    rig_out(r, "F. 1:1(0) ack 1");
    assert_int_equal(rig_shutdown(r, VT_SHUT_WR), 0);
    rig_quiet(r);
    assert_int_equal(rig_send(r, 1), -VT_EPIPE);
    rig_in(r, ". 1:1(0) ack 2");
    assert_int_equal(rig_recv(r, 1), -VT_EAGAIN);
    rig_silence(r, 3600 * VT_SEC); /* FIN-WAIT-2 has no end while the program lives (RFC 9293 3.6) */
    rig_state(r, VT_TCP_FIN_WAIT2);
    rig_free(r);
}

/* Linux: shutdown(SHUT_RD) tells the program that there is an end, and tells the peer nothing. */
static void test_shut_rd(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    assert_int_equal(rig_shutdown(r, VT_SHUT_RD), 0);
    rig_quiet(r);
    assert_true(vt_tcp_poll(r->tcb) & VT_POLLRDHUP);
    assert_int_equal(rig_recv(r, 10), 0);
    rig_in(r, "P. 1:4(3) ack 1");
    rig_at(r, 40 * VT_MSEC, ". 1:1(0) ack 4");
    assert_int_equal(rig_recv(r, 10), 3);
    assert_int_equal(rig_recv(r, 10), 0);
    rig_free(r);
}

/* Linux: with both directions shut there is nobody for what still comes: RST, and ECONNRESET. */
static void test_text_after_shut_rdwr(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_shutdown(r, VT_SHUT_RDWR);
    rig_out(r, "F. 1:1(0) ack 1");
    assert_true(vt_tcp_poll(r->tcb) & VT_POLLIN);
    rig_in(r, ". 1:1(0) ack 2");
    rig_in(r, "P. 1:4(3) ack 2");
    rig_out(r, "R 2:2(0)");
    rig_dropped(r, VT_DROP_TCP_AFTER_CLOSE, 1);
    rig_state(r, VT_TCP_CLOSED);
    assert_int_equal(vt_tcp_take_error(r->tcb), -VT_ECONNRESET);
    rig_free(r);
}

/* ---- By force ---- */

/* RFC 9293 3.6.1: the program goes, and text comes. */
static void test_text_after_close(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_close(r);
    rig_out(r, "F. 1:1(0) ack 1");
    rig_in(r, "P. 1:4(3) ack 2");
    rig_out(r, "R 2:2(0)");
    rig_dropped(r, VT_DROP_TCP_AFTER_CLOSE, 1);
    assert_null(rig_end(r));
    rig_free(r);
}

/* But not when the text is old: the peer repeats what we had, with his FIN behind it. */
static void test_old_text_after_close(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "P. 1:4(3) ack 1");
    assert_int_equal(rig_recv(r, 10), 3);
    rig_out(r, ". 1:1(0) ack 4");
    rig_close(r);
    rig_out(r, "F. 1:1(0) ack 4");
    rig_in(r, "FP. 1:4(3) ack 2");
    rig_out(r, ". 2:2(0) ack 5");
    rig_state(r, VT_TCP_TIME_WAIT);
    r->drops_ignored = true;
    rig_free(r);
}

/* SHLD-3: bytes that nobody will read. */
static void test_close_with_unread_data(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "P. 1:4(3) ack 1");
    rig_close(r);
    rig_out(r, "R. 1:1(0) ack 4");
    assert_null(rig_end(r));
    rig_free(r);
}

static void test_linger_zero(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_send(r, 10);
    rig_out(r, "P. 1:11(10) ack 1");
    rig_linger0(r);
    rig_out(r, "R. 11:11(0) ack 1");
    assert_null(rig_end(r));
    rig_silence(r, 10 * VT_SEC);
    rig_free(r);
}

/* After a timeout SND.NXT goes back, but what the peer has may be more: a RST must come at the highest number
 * sent, or he does not take it (RFC 5961 3.2). */
static void test_reset_after_a_timeout(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_send(r, 3000);
    rig_out(r, ". 1:1461(1460) ack 1");
    rig_out(r, ". 1461:2921(1460) ack 1");
    rig_out(r, "P. 2921:3001(80) ack 1");
    rig_at(r, RIG_RTO, ". 1:1461(1460) ack 1");
    rig_linger0(r);
    rig_out(r, "R. 3001:3001(0) ack 1");
    rig_free(r);
}

/* A RST in each state. Those of the opening are in test_tcp_open.c. */
static void reset_gives(struct rig *r, int error)
{
    char line[64];
    snprintf(line, sizeof(line), "R %u:%u(0)", r->tcb->rcv_nxt.v - 5000, r->tcb->rcv_nxt.v - 5000);
    rig_in(r, line);
    rig_quiet(r);
    assert_null(rig_end(r));
    rig_state(r, VT_TCP_CLOSED);
    assert_int_equal(vt_tcp_take_error(r->tcb), error);
    assert_int_equal(vt_tcp_take_error(r->tcb), 0);
    rig_free(r);
}

static void test_reset_in_established(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    reset_gives(r, -VT_ECONNRESET);
}

static void test_reset_in_fin_wait(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct rig *r = rig_new(5000);
        rig_accepted(r, NULL);
        rig_shutdown(r, VT_SHUT_WR);
        rig_out(r, "F. 1:1(0) ack 1");
        if (i == 1)
            rig_in(r, ". 1:1(0) ack 2");
        reset_gives(r, -VT_ECONNRESET);
    }
}

static void test_reset_in_close_wait(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "F. 1:1(0) ack 1");
    rig_out(r, ". 1:1(0) ack 2");
    reset_gives(r, -VT_EPIPE);
}

/* Linux: who reads is told of the end that he had been told of; who writes is told of the error. */
static void test_reset_in_close_wait_is_no_read_error(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "F. 1:1(0) ack 1");
    rig_out(r, ". 1:1(0) ack 2");
    rig_in(r, "R 2:2(0)");
    assert_int_equal(rig_recv(r, 10), 0);
    assert_int_equal(rig_send(r, 10), -VT_EPIPE);
    assert_int_equal(vt_tcp_take_error(r->tcb), 0);
    rig_free(r);
}

static void test_reset_in_closing_and_last_ack(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct rig *r = rig_new(5000);
        rig_accepted(r, NULL);
        if (i == 0) {
            rig_shutdown(r, VT_SHUT_WR);
            rig_out(r, "F. 1:1(0) ack 1");
        }
        rig_in(r, "F. 1:1(0) ack 1");
        rig_forget(r);
        if (i == 1) {
            rig_shutdown(r, VT_SHUT_WR);
            rig_out(r, "F. 1:1(0) ack 2");
        }
        rig_state(r, i == 0 ? VT_TCP_CLOSING : VT_TCP_LAST_ACK);
        reset_gives(r, 0);
    }
}

/* ---- Orphans ---- */

/* V65: FIN-WAIT-2 of a program that has gone ends after net.ipv4.tcp_fin_timeout. */
static void test_v65_fin_wait_2_timeout(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_close(r);
    rig_out(r, "F. 1:1(0) ack 1");
    rig_in(r, ". 1:1(0) ack 2");
    rig_silence(r, 60 * VT_SEC - 1);
    rig_state(r, VT_TCP_FIN_WAIT2);
    rig_silence(r, 1);
    assert_null(rig_end(r));
    rig_free(r);
}

static void test_v65_linger2(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_set(r, VT_SOL_TCP, VT_TCP_LINGER2, 5);
    rig_close(r);
    rig_out(r, "F. 1:1(0) ack 1");
    rig_in(r, ". 1:1(0) ack 2");
    rig_silence(r, 5 * VT_SEC - 1);
    rig_state(r, VT_TCP_FIN_WAIT2);
    rig_silence(r, 1);
    assert_null(rig_end(r));
    rig_free(r);
}

/* Linux: a negative TCP_LINGER2 resets instead of waiting in FIN-WAIT-2, whichever comes first, the ACK of
 * the FIN or the close. */
static void test_v65_linger2_negative(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct rig *r = rig_new(5000);
        rig_accepted(r, NULL);
        rig_set(r, VT_SOL_TCP, VT_TCP_LINGER2, -1);
        if (i == 0) {
            rig_close(r);
            rig_out(r, "F. 1:1(0) ack 1");
            rig_in(r, ". 1:1(0) ack 2");
        } else {
            rig_shutdown(r, VT_SHUT_WR);
            rig_out(r, "F. 1:1(0) ack 1");
            rig_in(r, ". 1:1(0) ack 2");
            rig_quiet(r);
            rig_close(r);
        }
        rig_out(r, "R. 2:2(0) ack 1");
        assert_null(rig_end(r));
        rig_free(r);
    }
}

/* V65: LAST-ACK of a program that has gone: net.ipv4.tcp_orphan_retries. */
static void test_v65_last_ack_ends(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_knob(r, "net.ipv4.tcp_orphan_retries", 3);
    rig_in(r, "F. 1:1(0) ack 1");
    rig_out(r, ". 1:1(0) ack 2");
    rig_close(r);
    rig_out(r, "F. 1:1(0) ack 2");
    for (unsigned i = 0; i < 4; i++) /* 3 s from the first: Linux counts retries as the time that they take */
        rig_at(r, RIG_RTO << i, "F. 1:1(0) ack 2");
    rig_silence(r, RIG_RTO << 4);
    assert_null(rig_end(r));
    assert_int_equal(r->n.tcp->orphans, 0);
    rig_free(r);
}

static void test_v65_orphans_are_capped(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_knob(r, "net.ipv4.tcp_max_orphans", 1);
    rig_listen(r, 10);
    struct vt_tcb *tcb[2];
    for (uint16_t i = 0; i < 2; i++) {
        rig_flow(r, SERVER_PORT, (uint16_t)(40000 + i));
        rig_in(r, "S 0:0(0) win 65535 <mss 1460>");
        rig_out(r, "S. 0:0(0) ack 1");
        rig_in(r, ". 1:1(0) ack 1");
        tcb[i] = rig_accept(r);
    }
    rig_flow(r, SERVER_PORT, 40000);
    r->tcb = tcb[0];
    rig_close(r);
    rig_out(r, "F. 1:1(0) ack 1");
    rig_flow(r, SERVER_PORT, 40001);
    r->tcb = tcb[1];
    rig_close(r);
    rig_out(r, "R. 1:1(0) ack 1");
    assert_null(rig_end(r));
    assert_int_equal(r->n.tcp->orphans, 1);
    rig_free(r);
}

/* ---- TIME-WAIT ---- */

static struct rig *time_wait(const char *options)
{
    struct rig *r = rig_new(5000);
    bool ts = options != NULL;
    rig_accepted(r, options);
    rig_close(r);
    rig_out(r, "F. 1:1(0) ack 1");
    rig_in(r, ts ? "F. 1:1(0) ack 2 <TS val 1010 ecr 0>" : "F. 1:1(0) ack 2");
    rig_out(r, ". 2:2(0) ack 2");
    rig_state(r, VT_TCP_TIME_WAIT);
    return r;
}

/* S14 (a): the last ACK was lost: the FIN comes again, is answered, and the wait begins anew. */
static void s14_fin_again(void **state)
{
    (void)state;
    struct rig *r = time_wait(NULL);
    rig_silence(r, 40 * VT_SEC);
    rig_in(r, "F. 1:1(0) ack 2");
    rig_out(r, ". 2:2(0) ack 2");
    rig_in(r, "F. 1:1(0) ack 2"); /* each of them */
    rig_out(r, ". 2:2(0) ack 2");
    rig_silence(r, 60 * VT_SEC - 1);
    rig_state(r, VT_TCP_TIME_WAIT);
    rig_silence(r, 1);
    assert_null(rig_end(r));
    rig_free(r);
}

static void s14_msl_is_a_knob(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_knob(r, "net.ipv4.tcp_msl", 3);
    rig_accepted(r, NULL);
    rig_close(r);
    rig_out(r, "F. 1:1(0) ack 1");
    rig_in(r, "F. 1:1(0) ack 2");
    rig_out(r, ". 2:2(0) ack 2");
    rig_silence(r, 6 * VT_SEC - 1);
    rig_state(r, VT_TCP_TIME_WAIT);
    rig_silence(r, 1);
    assert_null(rig_end(r));
    rig_free(r);
}

/* S14 (b): an old segment of the connection is not taken, and does not lengthen the wait. */
static void s14_old_segments(void **state)
{
    (void)state;
    struct rig *r = time_wait(NULL);
    rig_silence(r, 30 * VT_SEC);
    rig_in(r, ". 2:2(0) ack 2"); /* nothing in it: silence */
    rig_quiet(r);
    rig_in(r, "P. 2:102(100) ack 2");
    rig_out(r, ". 2:2(0) ack 2");
    rig_in(r, "P. 2:102(100) ack 2"); /* text is answered each time */
    rig_out(r, ". 2:2(0) ack 2");
    rig_in(r, ". 900002:900002(0) ack 2"); /* V67: what has none, not twice at once */
    rig_quiet(r);
    rig_dropped(r, VT_DROP_TCP_TIME_WAIT, 4);
    rig_silence(r, 30 * VT_SEC);
    assert_null(rig_end(r));
    rig_free(r);
}

/* V60: no assassination (RFC 1337). */
static void test_v60_reset_in_time_wait(void **state)
{
    (void)state;
    struct rig *r = time_wait(NULL);
    rig_in(r, "R 2:2(0)");
    rig_in(r, "R. 2:2(0) ack 2");
    rig_quiet(r);
    rig_dropped(r, VT_DROP_TCP_TIME_WAIT, 2);
    rig_state(r, VT_TCP_TIME_WAIT);
    rig_knob(r, "net.ipv4.tcp_rfc1337", 0); /* as Linux has it by default */
    rig_in(r, "R 3:3(0)");                  /* not exact */
    rig_dropped(r, VT_DROP_TCP_TIME_WAIT, 1);
    rig_in(r, "R 2:2(0)");
    assert_null(rig_end(r));
    rig_free(r);
}

/* V61: a SYN that is provably newer opens the connection anew (RFC 9293 MAY-2, RFC 6191), and our number is
 * beyond all that were used. */
static void test_v61_newer_syn_by_number(void **state)
{
    (void)state;
    struct rig *r = time_wait(NULL);
    rig_in(r, "S 2:2(0) win 65535 <mss 1460>"); /* RCV.NXT is not beyond RCV.NXT */
    rig_out(r, ". 2:2(0) ack 2");
    rig_dropped(r, VT_DROP_TCP_TIME_WAIT, 1);
    rig_in(r, "S 3:3(0) win 65535 <mss 1460>");
    rig_out(r, "S. 0:0(0) ack 4");
    rig_state(r, VT_TCP_SYN_RCVD);
    rig_in(r, ". 4:4(0) ack 1");
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_free(r);
}

static void test_v61_newer_syn_by_timestamp(void **state)
{
    (void)state;
    struct rig *r = time_wait("mss 1460, TS val 1000 ecr 0");
    rig_in(r, "S -5:-5(0) win 65535 <mss 1460, TS val 1010 ecr 0>"); /* not newer */
    rig_out(r, ". 2:2(0) ack 2");
    rig_dropped(r, VT_DROP_TCP_TIME_WAIT, 1);
    rig_in(r, "S -5:-5(0) win 65535 <mss 1460, TS val 1011 ecr 0>");
    rig_out(r, "S. 0:0(0) ack -4");
    rig_state(r, VT_TCP_SYN_RCVD);
    rig_free(r);
}

/* The clock of RFC 6528 may be behind a connection that was faster than 250 kB/s. */
static void test_v61_our_number_is_larger(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, "mss 1460, wscale 10");
    rig_in(r, ". 1:1(0) ack 1 win 65535");
    for (unsigned i = 0; i < 100; i++) {
        assert_true(rig_send(r, 10000) > 0);
        rig_forget(r);
        char line[64];
        snprintf(line, sizeof(line), ". 1:1(0) ack %u win 65535", (unsigned)r->f->sent + 1);
        rig_in(r, line);
        rig_forget(r);
    }
    uint32_t end = r->tcb->snd_nxt.v;
    rig_close(r);
    rig_forget(r);
    char line[64];
    snprintf(line, sizeof(line), "F. 1:1(0) ack %u", (unsigned)r->f->sent + 2);
    rig_in(r, line);
    rig_forget(r);
    rig_state(r, VT_TCP_TIME_WAIT);
    rig_in(r, "S 100:100(0) win 65535 <mss 1460>");
    rig_out(r, "S. 0:0(0) ack 101");
    assert_true(vt_seq_gt(vt_seq(r->f->iss), vt_seq(end)));
    rig_free(r);
}

static void test_v61_no_listener(void **state)
{
    (void)state;
    struct rig *r = time_wait(NULL);
    r->tcb = r->listener;
    rig_close(r);
    rig_in(r, "S 300:300(0) win 65535 <mss 1460>");
    rig_out(r, ". 2:2(0) ack 2");
    rig_dropped(r, VT_DROP_TCP_TIME_WAIT, 1);
    rig_free(r);
}

/* V65: at the cap the oldest gives way. */
static void test_v65_time_wait_is_capped(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_knob(r, "net.ipv4.tcp_max_tw_buckets", 2);
    rig_listen(r, 10);
    for (uint16_t i = 0; i < 4; i++) {
        rig_flow(r, SERVER_PORT, (uint16_t)(40000 + i));
        rig_in(r, "S 0:0(0) win 65535 <mss 1460>");
        rig_out(r, "S. 0:0(0) ack 1");
        rig_in(r, ". 1:1(0) ack 1");
        assert_non_null(rig_accept(r));
        rig_close(r);
        rig_out(r, "F. 1:1(0) ack 1");
        rig_in(r, "F. 1:1(0) ack 2");
        rig_out(r, ". 2:2(0) ack 2");
    }
    assert_int_equal(r->n.tcp->tw_count, 2);
    rig_state(r, VT_TCP_TIME_WAIT);
    rig_flow(r, SERVER_PORT, 40000);
    assert_null(rig_end(r));
    rig_knob(r, "net.ipv4.tcp_max_tw_buckets", 0);
    rig_flow(r, SERVER_PORT, 40009);
    rig_in(r, "S 0:0(0) win 65535 <mss 1460>");
    rig_out(r, "S. 0:0(0) ack 1");
    rig_in(r, ". 1:1(0) ack 1");
    rig_accept(r);
    rig_close(r);
    rig_out(r, "F. 1:1(0) ack 1");
    rig_in(r, "F. 1:1(0) ack 2");
    rig_out(r, ". 2:2(0) ack 2");
    assert_null(rig_end(r));
    rig_free(r);
}

/* A program that closes late, when TIME-WAIT is over or not. */
static void test_close_in_time_wait(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct rig *r = rig_new(5000);
        rig_accepted(r, NULL);
        rig_in(r, "P. 1:4(3) ack 1");
        rig_shutdown(r, VT_SHUT_WR);
        rig_out(r, "F. 1:1(0) ack 4");
        rig_in(r, "F. 4:4(0) ack 2");
        rig_out(r, ". 2:2(0) ack 5");
        assert_true(vt_tcp_poll(r->tcb) & VT_POLLHUP);
        if (i == 1)
            rig_silence(r, 61 * VT_SEC);
        assert_int_equal(rig_recv(r, 10), 3);
        assert_int_equal(rig_recv(r, 10), 0);
        assert_int_equal(rig_send(r, 10), -VT_EPIPE);
        assert_int_equal(rig_shutdown(r, VT_SHUT_RDWR), -VT_ENOTCONN);
        rig_close(r);
        rig_quiet(r);
        if (i == 0)
            rig_state(r, VT_TCP_TIME_WAIT);
        rig_free(r);
    }
}

/* The whole host goes while connections are in every state: nothing is sent, nothing leaks. */
static void test_free_in_every_state(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 9; i++) {
        struct rig *r = rig_new(5000);
        rig_accepted(r, NULL);
        if (i == 1 || i == 2 || i == 3 || i == 4 || i == 5)
            rig_shutdown(r, VT_SHUT_WR);
        if (i == 2)
            rig_in_burst(r, ". 1:1(0) ack 2");
        if (i == 3 || i == 6 || i == 7)
            rig_in_burst(r, "F. 1:1(0) ack 1");
        if (i == 4)
            rig_in_burst(r, "F. 1:1(0) ack 2");
        if (i == 5) {
            rig_in_burst(r, "P. 1:100(99) ack 2");
            rig_in_burst(r, "P. 300:400(100) ack 2");
        }
        if (i == 7)
            rig_shutdown(r, VT_SHUT_WR);
        if (i == 8) {
            rig_flow(r, SERVER_PORT, 41000);
            rig_forget(r);
            rig_in_burst(r, "S 0:0(0) <mss 1460>");
        }
        tcp_node_settle(&r->n);
        rig_flow(r, SERVER_PORT, CLIENT_PORT);
        tcp_node_forget(&r->n);
        memset(r->held, 0, sizeof(r->held)); /* it is vt_tcp_free() that must end them */
        rig_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s13_peer_closes),
        cmocka_unit_test(s13_we_close),
        cmocka_unit_test(s15_three_segments),
        cmocka_unit_test(s15_fin_carries_the_ack),
        cmocka_unit_test(s13_both_close),
        cmocka_unit_test(s13_both_close_with_data),
        cmocka_unit_test(test_fin_out_of_order),
        cmocka_unit_test(test_bare_fin_out_of_order),
        cmocka_unit_test(test_fin_that_was_passed_is_forgotten),
        cmocka_unit_test(test_fin_again_in_close_wait),
        cmocka_unit_test(test_fin_is_retransmitted),
        cmocka_unit_test(test_fin_is_retransmitted_behind_data),
        cmocka_unit_test(test_text_behind_fin_is_ignored),
        cmocka_unit_test(test_text_behind_fin_that_came_first),
        cmocka_unit_test(test_half_close_calls),
        cmocka_unit_test(test_shut_rd),
        cmocka_unit_test(test_text_after_shut_rdwr),
        cmocka_unit_test(test_text_after_close),
        cmocka_unit_test(test_old_text_after_close),
        cmocka_unit_test(test_close_with_unread_data),
        cmocka_unit_test(test_linger_zero),
        cmocka_unit_test(test_reset_after_a_timeout),
        cmocka_unit_test(test_reset_in_established),
        cmocka_unit_test(test_reset_in_fin_wait),
        cmocka_unit_test(test_reset_in_close_wait),
        cmocka_unit_test(test_reset_in_close_wait_is_no_read_error),
        cmocka_unit_test(test_reset_in_closing_and_last_ack),
        cmocka_unit_test(test_v65_fin_wait_2_timeout),
        cmocka_unit_test(test_v65_linger2),
        cmocka_unit_test(test_v65_linger2_negative),
        cmocka_unit_test(test_v65_last_ack_ends),
        cmocka_unit_test(test_v65_orphans_are_capped),
        cmocka_unit_test(s14_fin_again),
        cmocka_unit_test(s14_msl_is_a_knob),
        cmocka_unit_test(s14_old_segments),
        cmocka_unit_test(test_v60_reset_in_time_wait),
        cmocka_unit_test(test_v61_newer_syn_by_number),
        cmocka_unit_test(test_v61_newer_syn_by_timestamp),
        cmocka_unit_test(test_v61_our_number_is_larger),
        cmocka_unit_test(test_v61_no_listener),
        cmocka_unit_test(test_v65_time_wait_is_capped),
        cmocka_unit_test(test_close_in_time_wait),
        cmocka_unit_test(test_free_in_every_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

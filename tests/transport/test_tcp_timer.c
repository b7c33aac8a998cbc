/* What time does: the keepalive, the user timeout, the end of patience, the RTO (RFC
 * 9293 3.8.1, 3.8.3, 3.8.4; RFC 5482; RFC 6298). */
#include "tcp_rig.h"

/* ---- Keepalive (S16) ---- */

/* Two hours of silence, then a probe every 75 seconds; after ten without an answer the end. */
static void s16_the_client_dies(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_set(r, VT_SOL_SOCKET, VT_SO_KEEPALIVE, 1);
    rig_at(r, 7200 * VT_SEC, ". 0:0(0) ack 1"); /* SHLD-12: a number that is acknowledged already */
    for (unsigned i = 1; i < 10; i++)
        rig_at(r, 75 * VT_SEC, ". 0:0(0) ack 1");
    assert_int_equal(r->n.why[VT_SEG_KEEPALIVE], 10);
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_at(r, 75 * VT_SEC, "R. 1:1(0) ack 1");
    rig_state(r, VT_TCP_CLOSED);
    assert_true(r->n.ready_events & VT_POLLERR);
    assert_int_equal(vt_tcp_take_error(r->tcb), -VT_ETIMEDOUT);
    rig_free(r);
}

/* What the options tell is what happens. */
static void test_keepalive_defaults(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    assert_int_equal(rig_get(r, VT_SOL_TCP, VT_TCP_KEEPIDLE), 7200);
    assert_int_equal(rig_get(r, VT_SOL_TCP, VT_TCP_KEEPINTVL), 75);
    int probes = rig_get(r, VT_SOL_TCP, VT_TCP_KEEPCNT);
    rig_set(r, VT_SOL_SOCKET, VT_SO_KEEPALIVE, 1);
    rig_at(r, 7200 * VT_SEC, ". 0:0(0) ack 1");
    for (int i = 1; i < probes; i++)
        rig_at(r, 75 * VT_SEC, ". 0:0(0) ack 1");
    rig_at(r, 75 * VT_SEC, "R. 1:1(0) ack 1");
    rig_free(r);
}

/* Each arrival begins the wait anew, and each answer. */
static void s16_each_arrival_resets(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_set(r, VT_SOL_SOCKET, VT_SO_KEEPALIVE, 1);
    rig_silence(r, 7199 * VT_SEC);
    rig_in(r, "P. 1:11(10) ack 1");
    rig_at(r, 40 * VT_MSEC, ". 1:1(0) ack 11");
    rig_at(r, 7200 * VT_SEC - 40 * VT_MSEC, ". 0:0(0) ack 11");
    rig_at(r, 75 * VT_SEC, ". 0:0(0) ack 11");
    rig_in(r, ". 11:11(0) ack 1"); /* he is there */
    rig_at(r, 7200 * VT_SEC, ". 0:0(0) ack 11");
    for (unsigned i = 1; i < 9; i++)
        rig_at(r, 75 * VT_SEC, ". 0:0(0) ack 11");
    rig_in(r, ". 11:11(0) ack 1");
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_free(r);
}

/* MUST-25: off by default. */
static void test_must25_keepalive_is_off(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_silence(r, 30 * 86400 * VT_SEC);
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_free(r);
}

static void test_keepalive_of_the_socket(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_set(r, VT_SOL_SOCKET, VT_SO_KEEPALIVE, 1);
    rig_set(r, VT_SOL_TCP, VT_TCP_KEEPIDLE, 10);
    rig_set(r, VT_SOL_TCP, VT_TCP_KEEPINTVL, 2);
    rig_set(r, VT_SOL_TCP, VT_TCP_KEEPCNT, 2);
    rig_at(r, 10 * VT_SEC, ". 0:0(0) ack 1");
    rig_at(r, 2 * VT_SEC, ". 0:0(0) ack 1");
    rig_at(r, 2 * VT_SEC, "R. 1:1(0) ack 1");
    rig_free(r);
}

/* A peer that has forgotten the connection says so. */
static void test_keepalive_meets_a_reset(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_set(r, VT_SOL_SOCKET, VT_SO_KEEPALIVE, 1);
    rig_at(r, 7200 * VT_SEC, ". 0:0(0) ack 1");
    rig_in(r, "R 1:1(0)");
    rig_state(r, VT_TCP_CLOSED);
    assert_int_equal(vt_tcp_take_error(r->tcb), -VT_ECONNRESET);
    rig_free(r);
}

/* MUST-26: not while data are out: retransmission sees to it. */
static void test_must26_not_with_data_out(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_set(r, VT_SOL_SOCKET, VT_SO_KEEPALIVE, 1);
    rig_set(r, VT_SOL_TCP, VT_TCP_KEEPIDLE, 1);
    rig_set(r, VT_SOL_TCP, VT_TCP_KEEPINTVL, 1);
    rig_send(r, 10);
    rig_out(r, "P. 1:11(10) ack 1");
    rig_wait(r, 20 * VT_SEC);
    rig_forget(r);
    assert_int_equal(r->n.why[VT_SEG_KEEPALIVE], 0);
    rig_free(r);
}

/* The peer's keepalive is answered, with or without a byte in it. */
static void test_keepalive_is_answered(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "P. 1:11(10) ack 1");
    rig_at(r, 40 * VT_MSEC, ". 1:1(0) ack 11");
    rig_in(r, ". 10:10(0) ack 1");
    rig_out(r, ". 1:1(0) ack 11");
    rig_dropped(r, VT_DROP_TCP_WINDOW, 1);
    rig_in(r, ". 10:11(1) ack 1");
    rig_out(r, ". 1:1(0) ack 11");
    rig_dropped(r, VT_DROP_TCP_DUPLICATE, 1);
    rig_free(r);
}

/* An accepted connection has its listener's keepalive. */
static void test_keepalive_is_inherited(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 1);
    rig_set(r, VT_SOL_SOCKET, VT_SO_KEEPALIVE, 1);
    rig_set(r, VT_SOL_TCP, VT_TCP_KEEPIDLE, 5);
    rig_in(r, "S 0:0(0) <mss 1460>");
    rig_out(r, "S. 0:0(0) ack 1");
    rig_in(r, ". 1:1(0) ack 1");
    rig_accept(r);
    rig_at(r, 5 * VT_SEC, ". 0:0(0) ack 1");
    rig_free(r);
}

/* ---- Patience ---- */

/* MUST-20, 21: Linux's tcp_retries2 15 stands for 924.6 s from the first retransmission, and ends the
 * connection with the first timeout after that. */
static void test_must20_retries2(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    vt_time begin = r->n.core.now;
    rig_send(r, 10);
    rig_out(r, "P. 1:11(10) ack 1");
    vt_span rto = RIG_RTO, most = 120 * VT_SEC;
    for (unsigned i = 0; i < 16; i++) {
        rig_at(r, rto, "P. 1:11(10) ack 1");
        rto = 2 * rto < most ? 2 * rto : most; /* RFC 6298 5.5, 2.5 */
    }
    rig_silence(r, rto);
    rig_state(r, VT_TCP_CLOSED);
    assert_int_equal(vt_tcp_take_error(r->tcb), -VT_ETIMEDOUT);
    assert_int_equal((r->n.core.now - begin) / (vt_time)VT_SEC, 1044); /* R2 of at least 100 s: SHLD-11 */
    rig_free(r);
}

/* RFC 5482, TCP_USER_TIMEOUT: milliseconds that sent data may go unacknowledged. */
static void test_user_timeout(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_set(r, VT_SOL_TCP, VT_TCP_USER_TIMEOUT, 3000);
    rig_send(r, 10);
    rig_out(r, "P. 1:11(10) ack 1");
    vt_time begin = r->n.core.now;
    for (unsigned i = 0; i < 100 && r->tcb->end.state != VT_TCP_CLOSED; i++) {
        rig_wait(r, 100 * VT_MSEC);
        rig_forget(r);
    }
    rig_state(r, VT_TCP_CLOSED);
    assert_in_range(r->n.core.now - begin, 3 * VT_SEC, 4 * VT_SEC);
    assert_int_equal(vt_tcp_take_error(r->tcb), -VT_ETIMEDOUT);
    rig_free(r);
}

/* It begins anew with each acknowledgement. */
static void test_user_timeout_and_progress(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_set(r, VT_SOL_TCP, VT_TCP_USER_TIMEOUT, 3000);
    for (unsigned i = 0; i < 10; i++) {
        char line[64];
        rig_send(r, 10);
        rig_wait(r, 1500 * VT_MSEC);
        rig_forget(r);
        snprintf(line, sizeof(line), ". 1:1(0) ack %u", 11 + 10 * i);
        rig_in(r, line);
    }
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_silence(r, 100 * VT_SEC);
    rig_free(r);
}

/* Linux: with keepalive it stands in the place of the count of probes. */
static void test_user_timeout_and_keepalive(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_set(r, VT_SOL_SOCKET, VT_SO_KEEPALIVE, 1);
    rig_set(r, VT_SOL_TCP, VT_TCP_KEEPIDLE, 10);
    rig_set(r, VT_SOL_TCP, VT_TCP_KEEPINTVL, 10);
    rig_set(r, VT_SOL_TCP, VT_TCP_USER_TIMEOUT, 25000);
    rig_at(r, 10 * VT_SEC, ". 0:0(0) ack 1");
    rig_at(r, 10 * VT_SEC, ". 0:0(0) ack 1");
    rig_at(r, 10 * VT_SEC, "R. 1:1(0) ack 1");
    assert_int_equal(vt_tcp_take_error(r->tcb), -VT_ETIMEDOUT);
    rig_free(r);
}

static void test_user_timeout_of_a_syn(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_set(r, VT_SOL_TCP, VT_TCP_USER_TIMEOUT, 2500);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0)");
    rig_at(r, VT_SEC, "S 0:0(0)");
    rig_at(r, VT_SEC, "S 0:0(0)");
    rig_silence(r, VT_SEC);
    rig_state(r, VT_TCP_CLOSED);
    assert_int_equal(vt_tcp_take_error(r->tcb), -VT_ETIMEDOUT);
    rig_free(r);
}

/* ---- RTO (RFC 6298) ---- */

/* What the formulas of sections 2.2 and 2.3, with Linux's floor under the variation, make of these round
 * trips, all in milliseconds. */
static void test_rfc6298_vectors(void **state)
{
    (void)state;
    static const unsigned rtts[] = {100, 100, 130, 250, 300, 400, 20, 20, 20, 500, 100};
    double srtt = 100, rttvar = 50;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0)");
    rig_wait(r, rtts[0] * VT_MSEC);
    rig_in(r, "S. 0:0(0) ack 1 <mss 1460>");
    rig_out(r, ". 1:1(0) ack 1");
    for (unsigned i = 1; i < sizeof(rtts) / sizeof(rtts[0]); i++) {
        char line[64];
        double var = 4 * rttvar > 200 ? 4 * rttvar : 200;
        struct vt_tcp_info info = rig_info(r);
        assert_in_range(info.tcpi_rtt, (uint64_t)(srtt * 1000) - 2, (uint64_t)(srtt * 1000) + 2);
        assert_in_range(info.tcpi_rttvar, (uint64_t)(rttvar * 1000) - 2, (uint64_t)(rttvar * 1000) + 2);
        assert_in_range(info.tcpi_rto, (uint64_t)((srtt + var) * 1000) - 9,
                        (uint64_t)((srtt + var) * 1000) + 9);
        assert_true(rtts[i] < srtt + var); /* else it would be sent again, and not timed */
        rig_send(r, 100);
        assert_int_equal(rig_forget(r), 1);
        rig_silence(r, rtts[i] * VT_MSEC);
        snprintf(line, sizeof(line), ". 1:1(0) ack %u", 1 + 100 * i);
        rig_in(r, line);
        double d = srtt > rtts[i] ? srtt - rtts[i] : rtts[i] - srtt;
        rttvar = 0.75 * rttvar + 0.25 * d;
        srtt = 0.875 * srtt + 0.125 * rtts[i];
    }
    rig_free(r);
}

/* RFC 6298 2.1: a second before there is a measurement; 5.7: three when the SYN had to go twice, and text
 * follows. */
static void test_first_rto(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0)");
    assert_int_equal(rig_info(r).tcpi_rto, 1000000);
    rig_at(r, VT_SEC, "S 0:0(0)");
    rig_in(r, "S. 0:0(0) ack 1 <mss 1460>"); /* of which SYN? Karn: no measurement */
    rig_out(r, ". 1:1(0) ack 1");
    assert_int_equal(rig_info(r).tcpi_rtt, 0);
    rig_send(r, 10);
    rig_out(r, "P. 1:11(10) ack 1");
    rig_at(r, 3 * VT_SEC, "P. 1:11(10) ack 1");
    rig_free(r);
}

/* The SYN,ACK is timed when it was sent once; two of them tell nothing (Karn, MUST-18). */
static void test_must18_syn_ack_is_timed_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct rig *r = rig_new(5000);
        rig_listen(r, 1);
        rig_in(r, "S 0:0(0) <mss 1460>");
        rig_out(r, "S. 0:0(0) ack 1");
        rig_wait(r, 300 * VT_MSEC);
        if (i == 1) {
            rig_in(r, "S 0:0(0) <mss 1460>"); /* the peer's SYN again: we answer again */
            rig_out(r, "S. 0:0(0) ack 1");
        }
        rig_in(r, ". 1:1(0) ack 1");
        rig_accept(r);
        assert_int_equal(rig_info(r).tcpi_rtt, i == 0 ? 300000 : 0);
        assert_int_equal(rig_info(r).tcpi_rto, i == 0 ? 900000 : 3000000); /* RFC 6298 5.7 */
        rig_free(r);
    }
}

/* Karn, MUST-18: what was sent twice is not timed; and the backing off stays until something sent once is
 * acknowledged. */
static void test_must18_karn(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_send(r, 10);
    rig_out(r, "P. 1:11(10) ack 1");
    rig_at(r, RIG_RTO, "P. 1:11(10) ack 1");
    rig_wait(r, 300 * VT_MSEC);
    rig_in(r, ". 1:1(0) ack 11");
    assert_int_equal(rig_info(r).tcpi_rtt, 0);      /* 1 ns */
    assert_int_equal(rig_info(r).tcpi_rto, 400000); /* still backed off */
    rig_send(r, 10);
    rig_out(r, "P. 11:21(10) ack 1");
    rig_wait(r, 100 * VT_MSEC);
    rig_in(r, ". 1:1(0) ack 21");
    assert_int_equal(rig_info(r).tcpi_rtt, 12500); /* an eighth of 100 ms */
    assert_in_range(rig_info(r).tcpi_rto, 212400, 212600);
    rig_free(r);
}

/* With timestamps the echo tells which of two is answered (RFC 7323 4.1). */
static void test_rtt_by_timestamp(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, "mss 1460, TS val 1000 ecr 0");
    rig_send(r, 10);
    rig_out(r, "P. 1:11(10) ack 1 <TS val 0 ecr 1000>");
    rig_wait(r, 250 * VT_MSEC);
    rig_out(r, "P. 1:11(10) ack 1 <TS>"); /* at 200 ms */
    rig_wait(r, 50 * VT_MSEC);
    rig_in(r, ". 1:1(0) ack 11 <TS val 1300 ecr 200>"); /* of the second: 100 ms */
    assert_int_equal(rig_info(r).tcpi_rtt, 12500);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s16_the_client_dies),
        cmocka_unit_test(test_keepalive_defaults),
        cmocka_unit_test(s16_each_arrival_resets),
        cmocka_unit_test(test_must25_keepalive_is_off),
        cmocka_unit_test(test_keepalive_of_the_socket),
        cmocka_unit_test(test_keepalive_meets_a_reset),
        cmocka_unit_test(test_must26_not_with_data_out),
        cmocka_unit_test(test_keepalive_is_answered),
        cmocka_unit_test(test_keepalive_is_inherited),
        cmocka_unit_test(test_must20_retries2),
        cmocka_unit_test(test_user_timeout),
        cmocka_unit_test(test_user_timeout_and_progress),
        cmocka_unit_test(test_user_timeout_and_keepalive),
        cmocka_unit_test(test_user_timeout_of_a_syn),
        cmocka_unit_test(test_rfc6298_vectors),
        cmocka_unit_test(test_first_rto),
        cmocka_unit_test(test_must18_syn_ack_is_timed_once),
        cmocka_unit_test(test_must18_karn),
        cmocka_unit_test(test_rtt_by_timestamp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

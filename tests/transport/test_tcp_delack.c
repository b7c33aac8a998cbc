/* When an ACK goes: quick at the start, with the answer of a program that answers, later otherwise (RFC
 * 9293 3.8.6.3, RFC 5681 4.2, and Linux's habits where they leave it open). */
#include "tcp_rig.h"

#define QUICK "net.ipv4.tcp_max_quickacks"

/* `n` segments of 1000 bytes in order from `from` on, each answered at once. */
static uint32_t quick(struct rig *r, uint32_t from, unsigned n)
{
    char line[64];
    for (unsigned i = 0; i < n; i++, from += 1000) {
        snprintf(line, sizeof(line), "P. %u:%u(1000) ack 1", from, from + 1000);
        rig_in(r, line);
        snprintf(line, sizeof(line), ". 1:1(0) ack %u", from + 1000);
        rig_out(r, line);
    }
    return from;
}

/* Sixteen ACKs go at once, so that a sender in slow start hears of each segment; then they wait. */
static void test_quick_at_first(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_knob(r, QUICK, 16);
    rig_accepted(r, "mss 1000");
    uint32_t at = quick(r, 1, 16);
    char line[64];
    snprintf(line, sizeof(line), "P. %u:%u(1000) ack 1", at, at + 1000);
    rig_in(r, line);
    snprintf(line, sizeof(line), ". 1:1(0) ack %u", at + 1000);
    rig_at(r, 40 * VT_MSEC, line);
    rig_free(r);
}

/* No more than fill half the window. */
static void test_quick_within_the_window(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_knob(r, QUICK, 16);
    rig_open(r);
    rig_set(r, VT_SOL_SOCKET, VT_SO_RCVBUF, 8000);
    rig_connect(r, 80);
    rig_forget(r);
    rig_in(r, "S. 0:0(0) ack 1 <mss 1000>");
    rig_forget(r);
    uint32_t wnd = rig_info(r).tcpi_rcv_wnd;
    uint32_t at = quick(r, 1, wnd / (2 * 1000) < 16 ? wnd / (2 * 1000) : 16);
    char line[64];
    snprintf(line, sizeof(line), "P. %u:%u(1000) ack 1", at, at + 1000);
    rig_in(r, line);
    rig_quiet(r);
    rig_wait(r, 200 * VT_MSEC);
    rig_forget(r);
    rig_free(r);
}

/* A program that answers at once: its answers carry the ACKs from then on. */
static void test_answers_end_quick_acks(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_knob(r, QUICK, 16);
    rig_accepted(r, "mss 1000");
    rig_in(r, "P. 1:101(100) ack 1");
    rig_out(r, ". 1:1(0) ack 101");
    assert_int_equal(rig_get(r, VT_SOL_TCP, VT_TCP_QUICKACK), 1);
    assert_int_equal(rig_recv(r, 1000), 100);
    rig_send(r, 50);
    rig_out(r, "P. 1:51(50) ack 101");
    assert_int_equal(rig_get(r, VT_SOL_TCP, VT_TCP_QUICKACK), 0);
    rig_in(r, "P. 101:201(100) ack 51");
    rig_quiet(r);
    assert_int_equal(rig_recv(r, 1000), 100); /* nor at the reading: an answer is expected */
    rig_quiet(r);
    rig_send(r, 50);
    rig_out(r, "P. 51:101(50) ack 201");
    /* No answer this time: the ACK goes alone, and such ACKs are not held back any more. */
    rig_in(r, "P. 201:301(100) ack 101");
    rig_wait(r, 199 * VT_MSEC);
    rig_out(r, ". 101:101(0) ack 301");
    assert_int_equal(rig_get(r, VT_SOL_TCP, VT_TCP_QUICKACK), 1);
    rig_free(r);
}

/* Linux, tcp(7): 0 holds ACKs back, 1 sends what is owed and goes on so, 2 sends that one only. */
static void test_quickack_option(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_knob(r, QUICK, 16);
    rig_accepted(r, "mss 1000");
    rig_set(r, VT_SOL_TCP, VT_TCP_QUICKACK, 0);
    rig_in(r, "P. 1:101(100) ack 1");
    rig_quiet(r);
    assert_int_equal(rig_recv(r, 1000), 100);
    rig_set(r, VT_SOL_TCP, VT_TCP_QUICKACK, 2);
    rig_out(r, ". 1:1(0) ack 101");
    assert_int_equal(rig_get(r, VT_SOL_TCP, VT_TCP_QUICKACK), 0);
    rig_set(r, VT_SOL_TCP, VT_TCP_QUICKACK, 1);
    rig_in(r, "P. 101:201(100) ack 1");
    rig_out(r, ". 1:1(0) ack 201");
    rig_free(r);
}

/* A program that is going to send at once may have its data carry the handshake's ACK. */
static void test_handshake_without_its_ack(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_set(r, VT_SOL_TCP, VT_TCP_QUICKACK, 0);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0)");
    rig_in(r, "S. 0:0(0) ack 1 <mss 1000>");
    rig_quiet(r);
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_send(r, 10);
    rig_out(r, "P. 1:11(10) ack 1");
    rig_free(r);
}

/* And when no data come, it goes by itself. */
static void test_handshake_ack_is_late(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_set(r, VT_SOL_TCP, VT_TCP_QUICKACK, 0);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0)");
    rig_in(r, "S. 0:0(0) ack 1 <mss 1000>");
    rig_at(r, 200 * VT_MSEC, ". 1:1(0) ack 1");
    rig_free(r);
}

/* Reading the last of a small message tells the peer, who may be waiting for it. */
static void test_reading_sends_the_ack(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, "mss 1000");
    rig_in(r, "P. 1:101(100) ack 1");
    rig_quiet(r);
    assert_int_equal(rig_recv(r, 50), 50);
    rig_quiet(r);
    assert_int_equal(rig_recv(r, 50), 50);
    rig_out(r, ". 1:1(0) ack 101");
    rig_silence(r, VT_SEC);
    rig_free(r);
}

/* RFC 5681 4.2: "full" is what this peer's full segments are, whatever we could take. */
static void test_two_small_full_segments(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, "mss 600");
    rig_in(r, ". 1:601(600) ack 1");
    rig_quiet(r);
    rig_in(r, ". 601:1201(600) ack 1");
    rig_out(r, ". 1:1(0) ack 1201");
    assert_int_equal(rig_info(r).tcpi_rcv_mss, 600);
    rig_free(r);
}

/* A peer that repeats itself has lost our ACKs, or never got them: the next go at once. */
static void test_repetition_is_answered_quickly(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, "mss 1000");
    rig_knob(r, QUICK, 16);
    rig_in(r, "P. 1:101(100) ack 1");
    rig_out(r, ". 1:1(0) ack 101");
    rig_send(r, 10);
    rig_out(r, "P. 1:11(10) ack 101");
    rig_in(r, "P. 101:201(100) ack 11");
    rig_quiet(r); /* it waits for an answer */
    rig_in(r, "P. 101:201(100) ack 11");
    rig_out(r, ". 11:11(0) ack 201");
    rig_dropped(r, VT_DROP_TCP_DUPLICATE, 1);
    rig_in(r, "P. 201:301(100) ack 11");
    rig_out(r, ". 11:11(0) ack 301");
    rig_free(r);
}

/* The time that an ACK waits follows the peer's pauses, and is never half a second (MUST-40). */
static void test_ato_follows_pauses(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, "mss 1000");
    char line[64];
    uint32_t at = 1;
    for (unsigned i = 0; i < 40; i++, at += 10) {
        snprintf(line, sizeof(line), "P. %u:%u(10) ack 1", at, at + 10);
        rig_in(r, line);
        rig_wait(r, (vt_span)(10 * (1 + i)) * VT_MSEC);
        rig_forget(r);
        assert_in_range(rig_info(r).tcpi_ato, 20000, 499999);
    }
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quick_at_first),
        cmocka_unit_test(test_quick_within_the_window),
        cmocka_unit_test(test_answers_end_quick_acks),
        cmocka_unit_test(test_quickack_option),
        cmocka_unit_test(test_handshake_without_its_ack),
        cmocka_unit_test(test_handshake_ack_is_late),
        cmocka_unit_test(test_reading_sends_the_ack),
        cmocka_unit_test(test_two_small_full_segments),
        cmocka_unit_test(test_repetition_is_answered_quickly),
        cmocka_unit_test(test_ato_follows_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

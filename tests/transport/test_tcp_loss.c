/* What is lost and what is done about it: the windows of RFC 5681 and 6928, NewReno for peers without SACK
 * (RFC 6582), the SACK scoreboard and RACK with its probe (RFC 2018, 6675, 8985), timeouts (RFC 6298), and
 * taking back what was not called for (RFC 3522, 3708, 4015). */
#include "tcp_rig.h"

#define MSS 1460u
#define RTT (20 * VT_MSEC)

/* A connection with Reno or another, a round trip of 20 ms, a large window and a large send buffer. */
static struct rig *ready(const char *cc, const char *options)
{
    struct rig *r = rig_new(5000);
    rig_listen(r, 10);
    vt_tcp_setopt(r->listener, VT_SOL_TCP, VT_TCP_CONGESTION, cc, strlen(cc));
    int big = 2000000;
    vt_tcp_setopt(r->listener, VT_SOL_SOCKET, VT_SO_SNDBUF, &big, sizeof(big));
    char line[128];
    snprintf(line, sizeof(line), "S 0:0(0) win 65535 <mss 1460, wscale 7%s%s>", options[0] != 0 ? ", " : "",
             options);
    rig_in(r, line);
    rig_out(r, "S. 0:0(0) ack 1");
    rig_wait(r, RTT);
    bool ts = strstr(options, "TS") != NULL;
    rig_in(r, ts ? ". 1:1(0) ack 1 win 10000 <TS val 1020 ecr 0>" : ". 1:1(0) ack 1 win 10000");
    assert_non_null(rig_accept(r));
    return r;
}

/* The n-th full segment of our stream, as a line; `p` when it is the last of what was given: others may push,
 * too, where they end a burst. */
static const char *seg(unsigned n, bool p)
{
    static char line[64];
    snprintf(line, sizeof(line), "%s %u:%u(%u) ack 1", p ? "P." : "p.", 1 + (n - 1) * MSS, 1 + n * MSS, MSS);
    return line;
}

/* An ACK of the first n full segments. */
static void ack(struct rig *r, unsigned n)
{
    char line[64];
    snprintf(line, sizeof(line), ". 1:1(0) ack %u win 10000", 1 + n * MSS);
    rig_in(r, line);
}

/* The same, and a SACK of segments a to b. */
static void sack(struct rig *r, unsigned n, unsigned a, unsigned b)
{
    char line[96];
    snprintf(line, sizeof(line), ". 1:1(0) ack %u win 10000 <sack %u:%u>", 1 + n * MSS, 1 + (a - 1) * MSS,
             1 + b * MSS);
    rig_in(r, line);
}

static void expect(struct rig *r, unsigned from, unsigned to)
{
    for (unsigned i = from; i <= to; i++)
        rig_out(r, seg(i, false));
}

static uint32_t cwnd(const struct rig *r)
{
    return r->tcb->cc.cwnd / MSS;
}

/* ---- Slow start and congestion avoidance ---- */

static void test_iw10_and_slow_start(void **state)
{
    (void)state;
    struct rig *r = ready("reno", "");
    assert_int_equal(rig_info(r).tcpi_snd_cwnd, 10); /* RFC 6928 */
    rig_send(r, 200 * MSS);
    expect(r, 1, 10);
    rig_quiet(r);
    rig_wait(r, RTT);
    ack(r, 1); /* one more for each segment: twice as many a round trip */
    expect(r, 11, 12);
    ack(r, 2);
    expect(r, 13, 14);
    ack(r, 10); /* or eight at once */
    expect(r, 15, 30);
    assert_int_equal(cwnd(r), 20);
    rig_quiet(r);
    rig_free(r);
}

/* ACKs that come in one burst are worth as much as ACKs that come apart. */
static void test_slow_start_in_bursts(void **state)
{
    (void)state;
    struct rig *r = ready("reno", "");
    rig_send(r, 200 * MSS);
    rig_forget(r);
    rig_wait(r, RTT);
    for (unsigned i = 1; i <= 10; i++) {
        char line[64];
        snprintf(line, sizeof(line), ". 1:1(0) ack %u win 10000", 1 + i * MSS);
        rig_in_burst(r, line);
    }
    tcp_node_settle(&r->n);
    assert_int_equal(rig_forget(r), 20);
    assert_int_equal(cwnd(r), 20);
    rig_free(r);
}

/* V59: an ACK for each part of a segment gains nothing (RFC 3465). */
static void test_v59_ack_division(void **state)
{
    (void)state;
    struct rig *r = ready("reno", "");
    rig_send(r, 200 * MSS);
    rig_forget(r);
    for (unsigned i = 1; i <= 146; i++) {
        char line[64];
        snprintf(line, sizeof(line), ". 1:1(0) ack %u win 10000", 1 + i * 10);
        rig_in(r, line);
        rig_forget(r);
    }
    assert_int_equal(cwnd(r), 11);
    rig_free(r);
}

/* V59: nor do duplicates of an ACK, nor ACKs of what was not sent. */
static void test_v59_spoofed_acks(void **state)
{
    (void)state;
    struct rig *r = ready("reno", "");
    rig_send(r, 200 * MSS);
    rig_forget(r);
    ack(r, 5);
    rig_forget(r);
    uint32_t before = r->tcb->cc.cwnd;
    r->drops_ignored = true;
    ack(r, 100);
    rig_forget(r);
    assert_int_equal(r->tcb->cc.cwnd, before);
    uint64_t sent = rig_info(r).tcpi_bytes_sent;
    for (unsigned i = 0; i < 1000; i++) {
        ack(r, 5);
        rig_forget(r);
    }
    assert_true(rig_info(r).tcpi_bytes_sent - sent <= 2 * before); /* no more than what might have left */
    rig_free(r);
}

/* A window that is not used does not grow (RFC 7661). */
static void test_unused_window_does_not_grow(void **state)
{
    (void)state;
    struct rig *r = ready("reno", "");
    for (unsigned i = 1; i <= 30; i++) {
        rig_send(r, MSS);
        rig_out(r, seg(i, true));
        ack(r, i);
    }
    assert_int_equal(cwnd(r), 10);
    rig_free(r);
}

/* RFC 5681 4.1: after a silence longer than the RTO it begins anew with the first window. */
static void test_idle_restart(void **state)
{
    (void)state;
    struct rig *r = ready("reno", "");
    rig_send(r, 60 * MSS);
    unsigned acked = 0;
    while (acked < 60) {
        acked += rig_forget(r);
        rig_wait(r, RTT);
        ack(r, acked);
    }
    assert_true(cwnd(r) > 20);
    rig_silence(r, VT_SEC);
    rig_send(r, 60 * MSS);
    assert_int_equal(rig_forget(r), 10);
    rig_free(r);
}

/* ---- Without SACK: NewReno ---- */

/* RFC 5681 3.2, RFC 3042: the first two duplicates each send something new, the third the first again. */
static void test_fast_retransmit(void **state)
{
    (void)state;
    struct rig *r = ready("reno", "");
    rig_send(r, 200 * MSS);
    expect(r, 1, 10);
    ack(r, 0);
    rig_out(r, seg(11, false));
    ack(r, 0);
    rig_out(r, seg(12, false));
    ack(r, 0);
    rig_out(r, seg(1, false));
    assert_int_equal(r->n.why[VT_SEG_FAST], 1);
    assert_int_equal(rig_info(r).tcpi_ca_state, VT_CA_RECOVERY);
    assert_int_equal(r->tcb->cc.ssthresh, 12 * MSS / 2); /* RFC 5681 eq. 4 */
    rig_free(r);
}

/* RFC 6582: each partial ACK brings the next hole; the recovery ends with all that was out when it began. */
static void test_newreno_partial_acks(void **state)
{
    (void)state;
    struct rig *r = ready("reno", "");
    rig_send(r, 10 * MSS);
    rig_forget(r);
    for (unsigned i = 0; i < 8; i++) { /* 1 and 5 are lost: 8 arrive */
        ack(r, 0);
        if (i == 2)
            rig_out(r, seg(1, false));
        rig_quiet(r);
    }
    rig_wait(r, RTT);
    ack(r, 4);
    rig_out(r, seg(5, false));
    rig_quiet(r);
    assert_int_equal(rig_info(r).tcpi_ca_state, VT_CA_RECOVERY);
    rig_wait(r, RTT);
    ack(r, 10); /* duplicates of this one may be echoes yet (4.1): the state holds until one above it */
    assert_int_equal(rig_info(r).tcpi_ca_state, VT_CA_RECOVERY);
    rig_send(r, MSS);
    rig_out(r, seg(11, true));
    ack(r, 11);
    assert_int_equal(rig_info(r).tcpi_ca_state, VT_CA_OPEN);
    assert_int_equal(r->tcb->cc.cwnd, 5 * MSS);
    assert_int_equal(rig_info(r).tcpi_total_retrans, 2);
    rig_free(r);
}

/* Two duplicates are reordering, not loss. */
static void test_two_duplicates_are_nothing(void **state)
{
    (void)state;
    struct rig *r = ready("reno", "");
    rig_send(r, 10 * MSS);
    rig_forget(r);
    ack(r, 0);
    ack(r, 0);
    ack(r, 3);
    rig_quiet(r);
    assert_int_equal(rig_info(r).tcpi_total_retrans, 0);
    assert_int_equal(rig_info(r).tcpi_ca_state, VT_CA_OPEN);
    rig_free(r);
}

/* RFC 6582 3.2 (2): duplicates of the ACK with which a recovery ended are echoes of it. */
static void test_no_second_recovery_for_the_echo(void **state)
{
    (void)state;
    struct rig *r = ready("reno", "");
    rig_send(r, 30 * MSS);
    expect(r, 1, 10);
    rig_at(r, 2 * RTT + 180 * VT_MSEC, seg(1, false)); /* a timeout, though all had arrived */
    ack(r, 10);                                        /* the ACKs were only slow */
    assert_true(rig_forget(r) >= 2);
    for (unsigned i = 0; i < 4; i++) {
        ack(r, 10); /* our second copies brought these about */
        rig_forget(r);
    }
    assert_int_equal(r->n.why[VT_SEG_FAST], 0);
    rig_free(r);
}

/* V66: a recovery that is more than 2^31 ago does not hold back the next. */
static void test_v66_old_recovery(void **state)
{
    (void)state;
    struct rig *r = ready("reno", "");
    rig_send(r, 200 * MSS);
    rig_forget(r);
    r->tcb->recover = vt_seq_sub(r->tcb->snd_una, 0x7fffe000u); /* as it stands nearly 2 GiB later */
    for (unsigned i = 1; i <= 8; i++) {
        ack(r, i);
        rig_forget(r);
    }
    for (unsigned i = 0; i < 3; i++) {
        ack(r, 8);
        rig_forget(r);
    }
    assert_int_equal(r->n.why[VT_SEG_FAST], 1);
    rig_free(r);
}

/* ---- Timeouts ---- */

/* RFC 5681 3.1: one segment; what was lost goes again in order as ACKs come; slow start up to half. */
static void test_timeout(void **state)
{
    (void)state;
    struct rig *r = ready("reno", "");
    rig_send(r, 10 * MSS);
    expect(r, 1, 9);
    rig_out(r, seg(10, true));
    rig_at(r, RTT + 200 * VT_MSEC, seg(1, false));
    rig_quiet(r);
    assert_int_equal(r->tcb->cc.ssthresh, 5 * MSS);
    assert_int_equal(cwnd(r), 1);
    assert_int_equal(rig_info(r).tcpi_ca_state, VT_CA_LOSS);
    rig_at(r, 2 * (RTT + 200 * VT_MSEC), seg(1, false)); /* RFC 6298 5.5 */
    assert_int_equal(r->tcb->cc.ssthresh, 5 * MSS);      /* the same loss */
    rig_wait(r, RTT);
    ack(r, 1);
    expect(r, 2, 3);
    ack(r, 3);
    expect(r, 4, 7);
    ack(r, 7);
    expect(r, 8, 9);
    rig_out(r, seg(10, true));
    ack(r, 10);
    assert_int_equal(rig_info(r).tcpi_ca_state, VT_CA_LOSS); /* as after RFC 6582's recovery */
    rig_silence(r, 10 * VT_SEC);
    rig_free(r);
}

/* RFC 6298 5.3: an ACK of something new begins the timer anew. */
static void test_timer_begins_anew(void **state)
{
    (void)state;
    struct rig *r = ready("reno", "");
    rig_send(r, 2 * MSS);
    rig_forget(r);
    rig_wait(r, 150 * VT_MSEC);
    ack(r, 1);
    vt_span rto = vt_tcp_rto(r->tcb);
    rig_at(r, rto, seg(2, true));
    rig_free(r);
}

/* ---- With SACK: RACK (RFC 8985) ---- */

static const char *const with_sack = "sackOK";

/* Three segments' worth beyond a hole, and no reordering seen before: it is lost. */
static void test_sack_recovery(void **state)
{
    (void)state;
    struct rig *r = ready("reno", with_sack);
    rig_send(r, 10 * MSS);
    rig_forget(r);
    rig_wait(r, RTT);
    sack(r, 0, 2, 2);
    sack(r, 0, 2, 3);
    rig_quiet(r);
    sack(r, 0, 2, 4);
    rig_out(r, seg(1, false));
    rig_quiet(r);
    assert_int_equal(rig_info(r).tcpi_ca_state, VT_CA_RECOVERY);
    rig_wait(r, RTT);
    ack(r, 10);
    assert_int_equal(rig_info(r).tcpi_ca_state, VT_CA_OPEN);
    assert_int_equal(rig_info(r).tcpi_total_retrans, 1);
    rig_free(r);
}

/* Only the holes go again, all of them in one round trip. */
static void test_sack_holes_only(void **state)
{
    (void)state;
    struct rig *r = ready("reno", with_sack);
    rig_send(r, 10 * MSS);
    rig_forget(r);
    rig_wait(r, RTT);
    char line[160]; /* 1, 4 and 7 are lost */
    snprintf(line, sizeof(line), ". 1:1(0) ack 1 win 10000 <sack %u:%u %u:%u %u:%u>", 1 + 7 * MSS,
             1 + 10 * MSS, 1 + 4 * MSS, 1 + 6 * MSS, 1 + MSS, 1 + 3 * MSS);
    rig_in(r, line);
    rig_out(r, seg(1, false));
    rig_out(r, seg(4, false));
    rig_out(r, seg(7, false));
    rig_quiet(r);
    rig_wait(r, RTT);
    ack(r, 10);
    assert_int_equal(rig_info(r).tcpi_ca_state, VT_CA_OPEN);
    rig_free(r);
}

/* RFC 8985 6.2.5: where one overtook another, a quarter of the round trip is waited, and then it is lost. */
static void test_rack_reordering_timer(void **state)
{
    (void)state;
    struct rig *r = ready("reno", with_sack);
    rig_send(r, 5 * MSS);
    rig_forget(r);
    rig_wait(r, RTT);
    sack(r, 0, 2, 2);
    rig_at(r, RTT / 4, seg(1, false));
    rig_free(r);
}

static void test_rack_reordering_is_no_loss(void **state)
{
    (void)state;
    struct rig *r = ready("reno", with_sack);
    rig_send(r, 5 * MSS);
    rig_forget(r);
    rig_wait(r, RTT);
    sack(r, 0, 2, 2);
    rig_wait(r, RTT / 8);
    ack(r, 5); /* it had only been overtaken */
    rig_silence(r, VT_SEC);
    assert_int_equal(rig_info(r).tcpi_total_retrans, 0);
    rig_free(r);
}

/* RFC 8985 7: the tail is lost; after two round trips the last segment goes again, its SACK tells of the
 * rest. */
static void test_tail_loss_probe(void **state)
{
    (void)state;
    struct rig *r = ready("reno", with_sack);
    rig_send(r, 5 * MSS);
    rig_forget(r);
    rig_at(r, 2 * RTT + 2 * VT_MSEC, seg(5, true));
    assert_int_equal(r->n.why[VT_SEG_TLP], 1);
    rig_wait(r, RTT);
    sack(r, 1, 5, 5); /* 2 to 4 are lost */
    rig_wait(r, RTT);
    assert_true(rig_forget(r) >= 1);
    assert_int_equal(r->n.why[VT_SEG_RTO], 0); /* without a timeout */
    rig_free(r);
}

/* With something new to send the probe is that. */
static void test_tail_loss_probe_of_something_new(void **state)
{
    (void)state;
    struct rig *r = ready("reno", with_sack);
    rig_send(r, 12 * MSS);
    expect(r, 1, 10);
    rig_at(r, 2 * RTT + 2 * VT_MSEC, seg(11, false));
    rig_free(r);
}

/* RFC 8985 7.4.2: the ACK of the probe's end may be the first copy's, only late: no sign of loss. */
static void test_probe_and_a_late_ack(void **state)
{
    (void)state;
    struct rig *r = ready("reno", with_sack);
    rig_send(r, 5 * MSS);
    rig_forget(r);
    rig_at(r, 2 * RTT + 2 * VT_MSEC, seg(5, true));
    ack(r, 5);
    sack(r, 5, 5, 5); /* the copy came too: D-SACK */
    assert_int_equal(cwnd(r), 10);
    rig_send(r, MSS);
    rig_forget(r);
    ack(r, 6);
    assert_int_equal(cwnd(r), 10);
    rig_free(r);
}

/* And where no D-SACK tells of a second copy, the probe repaired a loss, which counts as one. */
static void test_probe_that_repaired(void **state)
{
    (void)state;
    struct rig *r = ready("reno", with_sack);
    rig_send(r, 5 * MSS);
    rig_forget(r);
    rig_at(r, 2 * RTT + 2 * VT_MSEC, seg(5, true));
    ack(r, 5);
    assert_int_equal(cwnd(r), 10);
    rig_send(r, MSS);
    rig_forget(r);
    ack(r, 6);
    assert_true(cwnd(r) < 10);
    rig_free(r);
}

/* A program that goes on writing does not put off what is about to count as lost. */
static void test_reordering_timer_is_not_put_off(void **state)
{
    (void)state;
    struct rig *r = ready("reno", with_sack);
    rig_send(r, 5 * MSS);
    rig_forget(r);
    rig_wait(r, RTT);
    sack(r, 0, 2, 2);
    for (unsigned i = 0; i < 4; i++) {
        rig_wait(r, 2 * VT_MSEC);
        rig_send(r, MSS);
        rig_forget(r);
    }
    assert_int_equal(r->n.why[VT_SEG_FAST], 1);
    rig_free(r);
}

/* V66: HyStart++ counts rounds wherever the numbers begin. */
static void test_v66_hystart_rounds(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 4; k++) {
        struct vt_cc cc = {.ops = &vt_cc_cubic};
        uint32_t base = k * 0x40000000u + 0x10000000u, una = base;
        cc.ops->init(&cc, MSS, 10);
        for (unsigned round = 0; round < 12; round++)
            for (unsigned i = 0; i < 20; i++) {
                una += MSS;
                struct vt_cc_ack a = {.acked = MSS,
                                      .cwnd_limited = true,
                                      .rtt = (50 + 20 * (vt_span)round) * VT_MSEC,
                                      .srtt = 50 * VT_MSEC,
                                      .min_rtt = 50 * VT_MSEC,
                                      .una = vt_seq(una),
                                      .nxt = vt_seq(una + 20 * MSS),
                                      .now = (round + 1) * (vt_time)VT_SEC};
                cc.ops->ack(&cc, &a);
            }
        assert_true(cc.ssthresh != UINT32_MAX); /* the queue that builds up was seen */
    }
}

/* V46: blocks that are inverted, empty, or not of what is out say nothing. */
static void test_v46_bad_blocks(void **state)
{
    (void)state;
    static const char *const blocks[] = {"1461:1",    "1461:1461",  "14601:16000",          "-5000:-4000",
                                         "-100:1461", "1461:20000", "2147480000:2147483000"};
    struct rig *r = ready("reno", with_sack);
    rig_send(r, 10 * MSS);
    rig_forget(r);
    for (unsigned i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
        char line[96];
        snprintf(line, sizeof(line), ". 1:1(0) ack 1 win 10000 <sack %s>", blocks[i]);
        for (unsigned k = 0; k < 4; k++)
            rig_in(r, line);
        assert_int_equal(r->tcb->loss->sent.sacked, 0);
    }
    rig_quiet(r);
    rig_free(r);
}

/* V46, CVE-2019-11478: SACKs of single bytes must not shred the scoreboard. */
static void test_v46_shredding(void **state)
{
    (void)state;
    struct rig *r = ready("reno", with_sack);
    rig_send(r, 10 * MSS);
    rig_forget(r);
    for (unsigned i = 0; i < 2000; i++) {
        char line[96];
        snprintf(line, sizeof(line), ". 1:1(0) ack 1 win 10000 <sack %u:%u>", 10 + 7 * i, 11 + 7 * i);
        rig_in(r, line);
        rig_forget(r);
        assert_in_range(r->tcb->loss->sent.n, 1, 40);
    }
    rig_free(r);
}

/* The same where one record stands for many segments (offload): it is split between segments only. */
static void test_v46_shredding_a_super_segment(void **state)
{
    (void)state;
    struct rig *r = rig_new_with(5000, VT_DEV_TX_CSUM | VT_DEV_TX_TSO4, 0, 1);
    rig_accepted(r, "mss 1460, sackOK");
    rig_set(r, VT_SOL_SOCKET, VT_SO_SNDBUF, 100000);
    rig_send(r, 10 * MSS);
    rig_forget(r);
    assert_int_equal(r->tcb->loss->sent.n, 2);    /* two bursts */
    rig_in(r, ". 1:1(0) ack 1 <sack 2921:5841>"); /* two segments */
    rig_forget(r);
    assert_int_equal(r->tcb->loss->sent.sacked, 2 * MSS);
    for (unsigned i = 0; i < 2000; i++) {
        char line[96];
        snprintf(line, sizeof(line), ". 1:1(0) ack 1 <sack %u:%u>", 10 + 7 * i, 11 + 7 * i);
        rig_in(r, line);
        rig_forget(r);
        assert_in_range(r->tcb->loss->sent.n, 1, 20);
    }
    rig_free(r);
}

/* RFC 2018 8: a SACK may be taken back; after a timeout what was SACKed is sent again if it is not
 * acknowledged. */
static void test_reneging(void **state)
{
    (void)state;
    struct rig *r = ready("reno", with_sack);
    rig_send(r, 5 * MSS);
    rig_forget(r);
    rig_wait(r, RTT);
    sack(r, 0, 2, 5);
    rig_out(r, seg(1, false));
    rig_wait(r, RTT);
    ack(r, 1); /* and nothing of 2 to 5, which he had SACKed */
    for (unsigned acked = 1, i = 0; acked < 5 && i < 60; i++) {
        rig_wait(r, 500 * VT_MSEC);
        if (rig_forget(r) != 0)
            ack(r, ++acked);
    }
    assert_int_equal(vt_tcp_outq(r->tcb), 0);
    rig_free(r);
}

/* ---- Taking it back ---- */

/* RFC 3522: the ACK echoes the first transmission's timestamp: the timeout was for nothing. */
static void test_eifel_undo(void **state)
{
    (void)state;
    struct rig *r = ready("reno", "sackOK, TS val 1000 ecr 0");
    rig_send(r, 10000);
    rig_forget(r);
    uint32_t before = r->tcb->cc.cwnd;
    rig_wait(r, 300 * VT_MSEC); /* a probe, and a timeout */
    rig_wait(r, 200 * VT_MSEC);
    assert_true(rig_forget(r) >= 2);
    assert_int_equal(rig_info(r).tcpi_ca_state, VT_CA_LOSS);
    rig_in(r, ". 1:1(0) ack 1449 win 10000 <TS val 1600 ecr 20>");
    rig_forget(r);
    assert_int_equal(rig_info(r).tcpi_ca_state, VT_CA_OPEN);
    assert_true(r->tcb->cc.cwnd >= before);
    rig_in(r, ". 1:1(0) ack 10001 win 10000 <TS val 1600 ecr 20>");
    rig_free(r);
}

/* RFC 3708: the peer tells that the copy was one. */
static void test_dsack_undo(void **state)
{
    (void)state;
    struct rig *r = ready("reno", with_sack);
    rig_send(r, 10 * MSS);
    rig_forget(r);
    uint32_t before = r->tcb->cc.cwnd;
    rig_wait(r, RTT);
    sack(r, 0, 2, 4);
    rig_out(r, seg(1, false));
    ack(r, 4); /* it had been overtaken by three */
    sack(r, 4, 1, 1);
    assert_int_equal(rig_info(r).tcpi_ca_state, VT_CA_OPEN);
    assert_true(r->tcb->cc.cwnd >= before);
    rig_forget(r);
    rig_free(r);
}

/* ---- Controllers ---- */

static void test_controllers_by_name(void **state)
{
    (void)state;
    struct rig *r = rig_new(1);
    rig_open(r);
    char name[16];
    size_t len = sizeof(name);
    assert_int_equal(vt_tcp_getopt(r->tcb, VT_SOL_TCP, VT_TCP_CONGESTION, name, &len), 0);
    assert_string_equal(name, vt_cc_at(0)->name);
    for (unsigned i = 0; vt_cc_at(i) != NULL; i++)
        assert_ptr_equal(vt_cc_find(vt_cc_at(i)->name, strlen(vt_cc_at(i)->name)), vt_cc_at(i));
    assert_null(vt_cc_find("ren", 3));
    assert_null(vt_cc_find("renoo", 5));
    rig_free(r);
}

/* Every controller: whatever comes, the window is at least a segment, and ssthresh at least two. */
static void test_controllers_hold_their_bounds(void **state)
{
    (void)state;
    struct vt_rng rng;
    struct rig *r = rig_new(1); /* for its memory and its clock */
    vt_rng_seed(&rng, test_seed(), 9);
    for (unsigned c = 0; vt_cc_at(c) != NULL; c++)
        for (unsigned run = 0; run < 50; run++) {
            struct vt_cc cc = {.ops = vt_cc_at(c), .core = &r->n.core};
            uint32_t total = 0, mss = 36 + (uint32_t)vt_rng_below(&rng, 65000);
            vt_time now = vt_rng_below(&rng, 1000) * (vt_time)VT_SEC;
            cc.ops->init(&cc, mss, 10);
            assert_int_equal(cc.cwnd, 10 * mss);
            for (unsigned step = 0; step < 2000; step++) {
                uint32_t flight = (uint32_t)vt_rng_below(&rng, (uint64_t)cc.cwnd + 1);
                now += vt_rng_below(&rng, 50) * (vt_time)VT_MSEC;
                struct vt_cc_ack a = {.acked = 1 + (uint32_t)vt_rng_below(&rng, 4 * (uint64_t)mss),
                                      .cwnd_limited = vt_rng_below(&rng, 4) != 0,
                                      .rtt = (vt_span)vt_rng_below(&rng, 300) * VT_MSEC,
                                      .srtt = 1 + (vt_span)vt_rng_below(&rng, 300) * VT_MSEC,
                                      .min_rtt = VT_MSEC,
                                      .una = vt_seq(step * mss),
                                      .nxt = vt_seq(step * mss + flight),
                                      .now = now};
                switch (vt_rng_below(&rng, 40)) {
                case 0:
                    cc.ops->loss(&cc, flight, now);
                    cc.cwnd = cc.ssthresh;
                    break;
                case 1: cc.ops->timeout(&cc, flight, vt_rng_below(&rng, 2) != 0, now); break;
                case 2: cc.ops->idle(&cc); break;
                case 3:
                    if (cc.ops->undo != NULL)
                        cc.ops->undo(&cc);
                    break;
                case 4:
                    if (cc.ops->event != NULL)
                        cc.ops->event(&cc, VT_CC_TX_START, now);
                    break;
                default:
                    cc.ops->ack(&cc, &a);
                    if (cc.ops->marks != NULL)
                        cc.ops->marks(&cc, a.acked, (uint32_t)vt_rng_below(&rng, a.acked + 1ull), a.una,
                                      a.nxt);
                }
                total += a.acked;
                struct vt_cc_rate s = {.delivered = a.acked * 4,
                                       .interval = (vt_span)vt_rng_below(&rng, 500) * VT_MSEC,
                                       .total = total,
                                       .prior = total - (uint32_t)vt_rng_below(&rng, flight + 1ull),
                                       .acked = a.acked,
                                       .lost = vt_rng_below(&rng, 10) == 0 ? mss : 0,
                                       .in_flight = flight,
                                       .prior_in_flight = flight,
                                       .rtt = a.rtt,
                                       .srtt = a.srtt,
                                       .app_limited = vt_rng_below(&rng, 5) == 0,
                                       .ca = (uint8_t)vt_rng_below(&rng, 5),
                                       .now = now};
                if (cc.ops->control != NULL)
                    cc.ops->control(&cc, &s);
                assert_true(cc.cwnd >= mss);
                assert_true(cc.ssthresh >= 2 * mss);
                assert_true(cc.ops->pace == NULL || cc.ops->pace(&cc) != 0);
            }
            vt_cc_release(&cc);
        }
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_iw10_and_slow_start),
        cmocka_unit_test(test_slow_start_in_bursts),
        cmocka_unit_test(test_v59_ack_division),
        cmocka_unit_test(test_v59_spoofed_acks),
        cmocka_unit_test(test_unused_window_does_not_grow),
        cmocka_unit_test(test_idle_restart),
        cmocka_unit_test(test_fast_retransmit),
        cmocka_unit_test(test_newreno_partial_acks),
        cmocka_unit_test(test_two_duplicates_are_nothing),
        cmocka_unit_test(test_no_second_recovery_for_the_echo),
        cmocka_unit_test(test_v66_old_recovery),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_timer_begins_anew),
        cmocka_unit_test(test_sack_recovery),
        cmocka_unit_test(test_sack_holes_only),
        cmocka_unit_test(test_rack_reordering_timer),
        cmocka_unit_test(test_rack_reordering_is_no_loss),
        cmocka_unit_test(test_tail_loss_probe),
        cmocka_unit_test(test_tail_loss_probe_of_something_new),
        cmocka_unit_test(test_probe_and_a_late_ack),
        cmocka_unit_test(test_probe_that_repaired),
        cmocka_unit_test(test_reordering_timer_is_not_put_off),
        cmocka_unit_test(test_v66_hystart_rounds),
        cmocka_unit_test(test_v46_bad_blocks),
        cmocka_unit_test(test_v46_shredding),
        cmocka_unit_test(test_v46_shredding_a_super_segment),
        cmocka_unit_test(test_reneging),
        cmocka_unit_test(test_eifel_undo),
        cmocka_unit_test(test_dsack_undo),
        cmocka_unit_test(test_controllers_by_name),
        cmocka_unit_test(test_controllers_hold_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

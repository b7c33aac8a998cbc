/* What goes out and when: segments' sizes, Nagle and cork, silly windows, the persist timer, MSS and path
 * MTU, the send buffer, offload (RFC 9293 3.7, 3.8.6; RFC 1122 4.2.3; RFC 1191; RFC 5927). */
#include "tcp_rig.h"

/* ---- Segments ---- */

static void test_full_segments_and_push(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    assert_int_equal(rig_send(r, 4000), 4000);
    rig_out(r, ". 1:1461(1460) ack 1");
    rig_out(r, ". 1461:2921(1460) ack 1");
    rig_out(r, "P. 2921:4001(1080) ack 1"); /* MUST-61 */
    rig_free(r);
}

/* MUST-16: what the timestamps take is taken off each segment. */
static void test_must16_options_are_taken_off(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, "mss 1000, TS val 1000 ecr 0");
    assert_int_equal(rig_info(r).tcpi_snd_mss, 988);
    rig_send(r, 1000);
    rig_out(r, ". 1:989(988) ack 1 <TS val 0 ecr 1000>");
    rig_out(r, "P. 989:1001(12) ack 1 <TS val 0 ecr 1000>");
    rig_free(r);
}

/* MUST-15: a peer that does not say takes 536; MUST-14, 65, 67: we say the link's MTU less 40. */
static void test_must15_default_mss(void **state)
{
    (void)state;
    struct rig *r = rig_new_with(5000, 0, 9000, 1);
    rig_listen(r, 1);
    rig_in(r, "S 0:0(0)");
    rig_out(r, "S. 0:0(0) ack 1 <mss 8960>");
    rig_in(r, ". 1:1(0) ack 1");
    rig_accept(r);
    rig_send(r, 600);
    rig_out(r, ". 1:537(536) ack 1");
    rig_out(r, "P. 537:601(64) ack 1"); /* the first small one goes */
    rig_free(r);
}

static void test_user_mss(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_set(r, VT_SOL_TCP, VT_TCP_MAXSEG, 500);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0) <mss 500, sackOK, TS val 0 ecr 0, wscale 7>");
    rig_in(r, "S. 0:0(0) ack 1 <mss 1460>");
    rig_out(r, ". 1:1(0) ack 1");
    rig_send(r, 500);
    rig_out(r, "P. 1:501(500) ack 1");
    rig_free(r);
}

/* What an interface can cut goes down whole, up to 64 KiB; the last part of it is what is over. */
static void test_super_segments(void **state)
{
    (void)state;
    struct rig *r = rig_new_with(5000, VT_DEV_TX_CSUM | VT_DEV_TX_TSO4, 0, 1);
    rig_accepted(r, NULL);
    rig_send(r, 5000);
    assert_int_equal(r->n.out->gso, 1460);
    assert_true(r->n.out->partial);
    rig_out(r, "P. 1:5001(5000) ack 1");
    rig_in(r, ". 1:1(0) ack 5001");
    rig_send(r, 100);
    assert_int_equal(r->n.out->gso, 0);
    rig_out(r, "P. 5001:5101(100) ack 1");
    rig_free(r);
}

/* 127/8: its MTU is larger than a super-segment may be. */
static void test_s07_loopback(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    struct vt_tcp *tcp = r->n.tcp;
    struct vt_addr at = {VT_IP4(127, 0, 0, 2), 0, 9528};
    struct vt_tcb *l = vt_tcp_open(tcp, &r->n), *c = vt_tcp_open(tcp, &r->n);
    assert_int_equal(vt_tcp_bind(l, &at), 0);
    assert_int_equal(vt_tcp_listen(l, 10), 0);
    assert_int_equal(vt_tcp_connect(c, &at), -VT_EINPROGRESS);
    tcp_node_settle(&r->n);
    struct vt_tcb *s = vt_tcp_accept(l, &r->n);
    assert_non_null(s);
    static uint8_t buf[200000], got[200000];
    for (size_t i = 0; i < sizeof(buf); i++)
        buf[i] = (uint8_t)(i * 7);
    size_t sent = 0, read = 0;
    for (unsigned round = 0; read < sizeof(buf) && round < 1000; round++) {
        long n = sent < sizeof(buf) ? vt_tcp_send(c, buf + sent, sizeof(buf) - sent, 0) : 0;
        sent += n > 0 ? (size_t)n : 0;
        tcp_node_settle(&r->n);
        n = vt_tcp_recv(s, got + read, sizeof(got) - read, 0);
        read += n > 0 ? (size_t)n : 0;
        tcp_node_settle(&r->n);
        if (n <= 0)
            rig_wait(r, 10 * VT_MSEC);
    }
    assert_int_equal(read, sizeof(buf));
    assert_memory_equal(buf, got, sizeof(buf));
    vt_tcp_close(c, false);
    tcp_node_settle(&r->n);
    assert_int_equal(vt_tcp_recv(s, got, 1, 0), 0);
    vt_tcp_close(s, false);
    vt_tcp_close(l, false);
    tcp_node_settle(&r->n);
    rig_wait(r, 61 * VT_SEC);
    assert_null(tcp->all);
    assert_int_equal(tcp->table_used, 0);
    r->n.injected = r->n.core.delivered; /* all of them were its own */
    rig_free(r);
}

/* ---- Nagle and cork ---- */

/* Minshall's form, as on Linux: one small segment may be out. */
static void test_nagle(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_send(r, 10);
    rig_out(r, "P. 1:11(10) ack 1");
    rig_send(r, 10);
    rig_send(r, 10);
    rig_quiet(r);
    rig_send(r, 1440); /* now it is a full one */
    rig_out(r, "P. 11:1471(1460) ack 1");
    rig_send(r, 5);
    rig_quiet(r);
    rig_in(r, ". 1:1(0) ack 11");
    rig_out(r, "P. 1471:1476(5) ack 1"); /* the small one is acknowledged */
    rig_free(r);
}

static void test_minshall(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_send(r, 1460);
    rig_out(r, "P. 1:1461(1460) ack 1");
    rig_send(r, 10); /* no small one is out, though a full one is */
    rig_out(r, "P. 1461:1471(10) ack 1");
    rig_send(r, 10);
    rig_quiet(r);
    rig_free(r);
}

/* MUST-17 */
static void test_must17_nodelay(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_send(r, 10);
    rig_out(r, "P. 1:11(10) ack 1");
    rig_send(r, 10);
    rig_quiet(r);
    rig_set(r, VT_SOL_TCP, VT_TCP_NODELAY, 1); /* lets go what waits */
    rig_out(r, "P. 11:21(10) ack 1");
    rig_send(r, 10);
    rig_out(r, "P. 21:31(10) ack 1");
    rig_free(r);
}

static void test_cork(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_set(r, VT_SOL_TCP, VT_TCP_CORK, 1);
    rig_send(r, 1000);
    rig_quiet(r);
    rig_send(r, 1000);
    rig_out(r, ". 1:1461(1460) ack 1");
    rig_set(r, VT_SOL_TCP, VT_TCP_CORK, 0);
    rig_out(r, "P. 1461:2001(540) ack 1");
    rig_free(r);
}

/* Linux, tcp(7): output is corked for 200 ms at most. */
static void test_cork_has_an_end(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_set(r, VT_SOL_TCP, VT_TCP_CORK, 1);
    rig_send(r, 1000);
    rig_at(r, RIG_RTO, "P. 1:1001(1000) ack 1");
    rig_free(r);
}

static void test_more(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_send_flags(r, 10, VT_MSG_MORE);
    rig_quiet(r);
    rig_send(r, 10);
    rig_out(r, "P. 1:21(20) ack 1");
    rig_in(r, ". 1:1(0) ack 21");
    rig_send_flags(r, 10, VT_MSG_MORE);
    rig_close(r); /* the end goes with it */
    rig_out(r, "FP. 21:31(10) ack 1");
    rig_free(r);
}

/* ---- Silly windows (MUST-38, RFC 9293 3.8.6.2.1) ---- */

static void test_v58_small_window(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, ". 1:1(0) ack 1 win 100");
    rig_send(r, 1000);
    rig_quiet(r); /* 100 is less than a segment and less than half the largest window */
    rig_in(r, ". 1:1(0) ack 1 win 1000"); /* all that there is */
    rig_out(r, "P. 1:1001(1000) ack 1");
    rig_free(r);
}

/* A peer with a small buffer: half of it is worth sending. */
static void test_v58_half_the_largest_window(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 1);
    rig_in(r, "S 0:0(0) win 600 <mss 1460>");
    rig_out(r, "S. 0:0(0) ack 1");
    rig_in(r, ". 1:1(0) ack 1 win 600");
    rig_accept(r);
    rig_send(r, 5000);
    rig_out(r, ". 1:601(600) ack 1");
    rig_in(r, ". 1:1(0) ack 601 win 299");
    rig_quiet(r);
    rig_in(r, ". 1:1(0) ack 601 win 300");
    rig_out(r, ". 601:901(300) ack 1");
    rig_in(r, ". 1:1(0) ack 901 win 10");
    /* The override: a small window that stays is used after a while. */
    rig_at(r, RIG_RTO, "P. 901:911(10) ack 1");
    rig_free(r);
}

/* ---- The shut window (RFC 9293 3.8.6.1) ---- */

static void test_must36_probes(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, ". 1:1(0) ack 1 win 0");
    rig_send(r, 1000);
    rig_quiet(r);
    rig_at(r, RIG_RTO, ". 0:0(0) ack 1"); /* SHLD-29: the first after an RTO; SHLD-30: then doubled */
    rig_in(r, ". 1:1(0) ack 1 win 0");
    rig_at(r, 2 * RIG_RTO, ". 0:0(0) ack 1");
    rig_in(r, ". 1:1(0) ack 1 win 0");
    rig_at(r, 4 * RIG_RTO, ". 0:0(0) ack 1");
    rig_in(r, ". 1:1(0) ack 1 win 2000");
    rig_out(r, "P. 1:1001(1000) ack 1");
    rig_in(r, ". 1:1(0) ack 1001 win 2000");
    rig_silence(r, 60 * VT_SEC);
    rig_free(r);
}

/* MUST-37: for ever, as long as they are answered. */
static void test_must37_shut_for_a_day(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, ". 1:1(0) ack 1 win 0");
    rig_send(r, 1000);
    vt_time end = vt_time_add(r->n.core.now, 86400 * VT_SEC);
    unsigned probes = 0;
    while (r->n.core.now < end) {
        rig_wait(r, VT_SEC);
        for (unsigned n = rig_forget(r); n > 0; n--, probes++)
            rig_in(r, ". 1:1(0) ack 1 win 0");
    }
    assert_in_range(probes, 86400 / 120, 86400 / 120 + 20); /* backed off to two minutes */
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_in(r, ". 1:1(0) ack 1 win 1000");
    rig_out(r, "P. 1:1001(1000) ack 1");
    rig_free(r);
}

/* Unanswered it ends, after net.ipv4.tcp_retries2. */
static void test_probes_without_an_answer(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_knob(r, "net.ipv4.tcp_retries2", 4);
    rig_accepted(r, NULL);
    rig_in(r, ". 1:1(0) ack 1 win 0");
    rig_send(r, 1000);
    for (unsigned i = 0; i < 4; i++)
        rig_at(r, RIG_RTO << i, ". 0:0(0) ack 1");
    rig_silence(r, RIG_RTO << 4);
    rig_state(r, VT_TCP_CLOSED);
    assert_int_equal(vt_tcp_take_error(r->tcb), -VT_ETIMEDOUT);
    rig_free(r);
}

/* MUST-34, 35: a window that shrinks to nothing with bytes out is probed, and the connection lives while the
 * probes are answered; with the window the bytes go. */
static void test_must34_window_shrinks_to_zero(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_send(r, 1000);
    rig_out(r, "P. 1:1001(1000) ack 1");
    rig_in(r, ". 1:1(0) ack 1 win 0");
    vt_time end = vt_time_add(r->n.core.now, 3600 * VT_SEC);
    unsigned probes = 0;
    while (r->n.core.now < end) {
        rig_wait(r, VT_SEC);
        for (unsigned n = rig_forget(r); n > 0; n--, probes++)
            rig_in(r, ". 1:1(0) ack 1 win 0");
    }
    assert_true(probes >= 30);
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_in(r, ". 1:1(0) ack 1 win 1000");
    rig_wait(r, 125 * VT_SEC);
    assert_true(rig_forget(r) > 0);
    rig_in(r, ". 1:1(0) ack 1001 win 1000");
    assert_int_equal(vt_tcp_outq(r->tcb), 0);
    rig_free(r);
}

/* The same with nothing out but the FIN, at a peer whose window is rounded off to nothing. */
static void test_fin_at_a_shut_window(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_shutdown(r, VT_SHUT_WR);
    rig_out(r, "F. 1:1(0) ack 1");
    rig_in(r, ". 1:1(0) ack 1 win 0");
    rig_at(r, RIG_RTO, "F. 1:1(0) ack 1");
    rig_in(r, ". 1:1(0) ack 2 win 0");
    rig_state(r, VT_TCP_FIN_WAIT2);
    rig_free(r);
}

/* SHLD-15, 16: the window shrinks, and what is out beyond it is not sent again before it opens; nothing new
 * goes. */
static void test_window_shrinks(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_send(r, 4380);
    rig_out(r, ". 1:1461(1460) ack 1");
    rig_out(r, ". 1461:2921(1460) ack 1");
    rig_out(r, "P. 2921:4381(1460) ack 1");
    rig_in(r, ". 1:1(0) ack 1461 win 1460");
    rig_send(r, 1460);
    rig_quiet(r);
    rig_at(r, RIG_RTO, ". 1461:2921(1460) ack 1");
    rig_in(r, ". 1:1(0) ack 4381 win 1460");
    rig_out(r, "P. 4381:5841(1460) ack 1");
    rig_free(r);
}

/* An old segment's window does not undo a newer one's (SND.WL1, SND.WL2). */
static void test_old_window_updates(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_send(r, 100);
    rig_out(r, "P. 1:101(100) ack 1");
    rig_in(r, "P. 11:21(10) ack 101 win 3000");
    rig_out(r, ". 101:101(0) ack 1");
    assert_int_equal(rig_info(r).tcpi_snd_wnd, 3000);
    rig_in(r, "P. 1:11(10) ack 101 win 2000"); /* an earlier number */
    rig_out(r, ". 101:101(0) ack 21");
    assert_int_equal(rig_info(r).tcpi_snd_wnd, 3000);
    rig_in(r, ". 21:21(0) ack 1 win 1000"); /* an earlier acknowledgement */
    assert_int_equal(rig_info(r).tcpi_snd_wnd, 3000);
    rig_in(r, ". 21:21(0) ack 101 win 500");
    assert_int_equal(rig_info(r).tcpi_snd_wnd, 500);
    rig_free(r);
}

/* V57: a window of nothing does not hold a connection whose program has gone for ever. */
static void test_v57_orphan_at_a_shut_window(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, ". 1:1(0) ack 1 win 0");
    rig_send(r, 1000);
    rig_close(r);
    for (unsigned i = 0; i < 3600 && rig_end(r) != NULL; i++) {
        rig_wait(r, VT_SEC);
        for (unsigned n = rig_forget(r); n > 0 && rig_end(r) != NULL; n--)
            rig_in(r, ". 1:1(0) ack 1 win 0");
    }
    assert_null(rig_end(r));
    r->drops_ignored = true;
    rig_free(r);
}

/* ---- The send buffer ---- */

static void test_send_buffer(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_set(r, VT_SOL_SOCKET, VT_SO_SNDBUF, 5000);
    assert_int_equal(rig_get(r, VT_SOL_SOCKET, VT_SO_SNDBUF), 10000); /* Linux: doubled */
    rig_in(r, ". 1:1(0) ack 1 win 0");
    /* A burst is taken whole, half of the largest window that there was, though it be more than is free. */
    assert_int_equal(rig_send(r, 50000), 32120);
    assert_int_equal(rig_send(r, 1), -VT_EAGAIN);
    assert_int_equal(vt_tcp_outq(r->tcb), 32120);
    assert_false(vt_tcp_poll(r->tcb) & VT_POLLOUT);
    r->n.ready_events = 0;
    rig_in(r, ". 1:1(0) ack 1 win 65535");
    rig_forget(r);
    rig_in(r, ". 1:1(0) ack 14601 win 65535");
    rig_forget(r);
    rig_in(r, ". 1:1(0) ack 26281 win 65535");
    assert_false(r->n.ready_events & VT_POLLOUT); /* not for every segment: a third must be free */
    rig_in(r, ". 1:1(0) ack 27741 win 65535");
    assert_true(r->n.ready_events & VT_POLLOUT);
    assert_true(vt_tcp_poll(r->tcb) & VT_POLLOUT);
    rig_free(r);
}

static void test_send_block(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    struct vt_block *b = vt_block_new(r->n.core.pool, 2000);
    for (uint32_t i = 0; i < 2000; i++)
        b->data[i] = rig_byte(true, i + 1);
    assert_int_equal(vt_tcp_send_block(r->tcb, b, b->data, 2000), 2000);
    tcp_node_settle(&r->n);
    rig_out(r, ". 1:1461(1460) ack 1");
    rig_out(r, "P. 1461:2001(540) ack 1");
    rig_in(r, ". 1:1(0) ack 1461");
    r->f->sent = 2000;
    rig_send(r, 100); /* bytes of another kind behind them */
    rig_quiet(r);
    rig_in(r, ". 1:1(0) ack 2001");
    rig_out(r, "P. 2001:2101(100) ack 1");
    rig_free(r);
}

/* Many small blocks: a segment holds only so many pieces, and the rest follows. */
static void test_many_small_blocks(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_set(r, VT_SOL_TCP, VT_TCP_CORK, 1);
    for (uint32_t i = 0; i < 40; i++) {
        struct vt_block *b = vt_block_new(r->n.core.pool, 10);
        for (uint32_t k = 0; k < 10; k++)
            b->data[k] = rig_byte(true, i * 10 + k + 1);
        assert_int_equal(vt_tcp_send_block(r->tcb, b, b->data, 10), 10);
    }
    rig_set(r, VT_SOL_TCP, VT_TCP_CORK, 0);
    uint32_t bytes = 0;
    for (unsigned round = 0; bytes < 400 && round < 40; round++) {
        struct packet *p;
        while ((p = tcp_node_take(&r->n)) != NULL) {
            for (uint32_t i = 40; i < p->len; i++)
                assert_int_equal(p->bytes[i], rig_byte(true, ++bytes));
            free(p);
        }
        char line[64];
        snprintf(line, sizeof(line), ". 1:1(0) ack %u", bytes + 1);
        rig_in(r, line);
    }
    assert_int_equal(bytes, 400);
    rig_forget(r);
    rig_free(r);
}

/* ---- Path MTU (RFC 1191, RFC 5927), and what else ICMP says ---- */

static void test_frag_needed(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_send(r, 2000);
    rig_out(r, ". 1:1461(1460) ack 1");
    rig_out(r, "P. 1461:2001(540) ack 1");
    rig_icmp(r, 3, 4, 1000, 1);
    rig_out(r, ". 1:961(960) ack 1");
    rig_out(r, ". 961:1461(500) ack 1");
    rig_quiet(r); /* the other was not too big */
    assert_int_equal(rig_get(r, VT_SOL_IP, VT_IP_MTU), 1000);
    assert_int_equal(rig_info(r).tcpi_snd_mss, 960);
    rig_in(r, ". 1:1(0) ack 2001");
    /* Karn: what was sent again for its size was not timed. */
    assert_int_equal(r->tcb->backoff, 0);
    rig_free(r);
}

/* V36: forged: a number that is not out, no MTU, a tiny MTU. */
static void test_v36_forged_frag_needed(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_send(r, 2000);
    rig_forget(r);
    rig_icmp(r, 3, 4, 600, 0);
    rig_icmp(r, 3, 4, 600, 2001);
    rig_icmp(r, 3, 4, 600, 1000000);
    rig_quiet(r);
    rig_dropped(r, VT_DROP_ICMP_NO_MATCH, 3);
    assert_int_equal(rig_info(r).tcpi_snd_mss, 1460);
    rig_icmp(r, 3, 4, 68, 1);
    rig_forget(r);
    assert_int_equal(rig_info(r).tcpi_snd_mss, 512); /* a floor of 552, as Linux */
    rig_free(r);
    r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_send(r, 2000);
    rig_forget(r);
    rig_icmp(r, 3, 4, 0, 1); /* an old router: RFC 1191 7.1's next plateau */
    rig_forget(r);
    assert_int_equal(rig_get(r, VT_SOL_IP, VT_IP_MTU), 1492);
    rig_free(r);
}

/* V37: on a synchronised connection no ICMP error is the end; when it ends by itself, it says why. */
static void test_v37_hard_errors_are_soft(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_knob(r, "net.ipv4.tcp_retries2", 2);
    rig_accepted(r, NULL);
    rig_send(r, 10);
    rig_out(r, "P. 1:11(10) ack 1");
    rig_icmp(r, 3, 3, 0, 1);
    rig_icmp(r, 3, 2, 0, 1);
    rig_icmp(r, 3, 1, 0, 1);
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_at(r, RIG_RTO, "P. 1:11(10) ack 1");
    rig_at(r, 2 * RIG_RTO, "P. 1:11(10) ack 1");
    rig_at(r, 4 * RIG_RTO, "P. 1:11(10) ack 1");
    rig_silence(r, 8 * RIG_RTO);
    assert_int_equal(vt_tcp_take_error(r->tcb), -VT_EHOSTUNREACH);
    rig_free(r);
}

/* A soft error that was followed by an answer says nothing any more. */
static void test_soft_error_is_forgotten(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_knob(r, "net.ipv4.tcp_retries2", 1);
    rig_accepted(r, NULL);
    rig_send(r, 10);
    rig_out(r, "P. 1:11(10) ack 1");
    rig_icmp(r, 3, 1, 0, 1);
    rig_in(r, ". 1:1(0) ack 11");
    rig_send(r, 10);
    rig_out(r, "P. 11:21(10) ack 1");
    rig_at(r, RIG_RTO, "P. 11:21(10) ack 1");
    rig_at(r, 2 * RIG_RTO, "P. 11:21(10) ack 1");
    rig_silence(r, 4 * RIG_RTO);
    assert_int_equal(vt_tcp_take_error(r->tcb), -VT_ETIMEDOUT);
    rig_free(r);
}

/* Linux: a connection that is being opened hears of it at once. */
static void test_icmp_while_opening(void **state)
{
    (void)state;
    static const struct {
        uint8_t code;
        int error;
    } t[] = {{0, -VT_ENETUNREACH}, {1, -VT_EHOSTUNREACH}, {3, -VT_ECONNREFUSED}, {13, -VT_EHOSTUNREACH}};
    for (unsigned i = 0; i < 4; i++) {
        struct rig *r = rig_new(5000);
        rig_open(r);
        rig_connect(r, 80);
        rig_out(r, "S 0:0(0)");
        rig_icmp(r, 3, t[i].code, 0, 0);
        rig_state(r, VT_TCP_CLOSED);
        assert_int_equal(vt_tcp_take_error(r->tcb), t[i].error);
        rig_free(r);
    }
}

/* MUST-54: time exceeded is soft; MUST-55: a quench is nothing. */
static void test_must54_soft_icmp(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0)");
    rig_icmp(r, 11, 0, 0, 0);
    rig_state(r, VT_TCP_SYN_SENT);
    rig_icmp(r, 4, 0, 0, 0);
    rig_state(r, VT_TCP_SYN_SENT);
    rig_dropped(r, VT_DROP_ICMP_IGNORED, 1);
    rig_in(r, "S. 0:0(0) ack 1");
    rig_out(r, ". 1:1(0) ack 1");
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_segments_and_push),
        cmocka_unit_test(test_must16_options_are_taken_off),
        cmocka_unit_test(test_must15_default_mss),
        cmocka_unit_test(test_user_mss),
        cmocka_unit_test(test_super_segments),
        cmocka_unit_test(test_s07_loopback),
        cmocka_unit_test(test_nagle),
        cmocka_unit_test(test_minshall),
        cmocka_unit_test(test_must17_nodelay),
        cmocka_unit_test(test_cork),
        cmocka_unit_test(test_cork_has_an_end),
        cmocka_unit_test(test_more),
        cmocka_unit_test(test_v58_small_window),
        cmocka_unit_test(test_v58_half_the_largest_window),
        cmocka_unit_test(test_must36_probes),
        cmocka_unit_test(test_must37_shut_for_a_day),
        cmocka_unit_test(test_probes_without_an_answer),
        cmocka_unit_test(test_must34_window_shrinks_to_zero),
        cmocka_unit_test(test_fin_at_a_shut_window),
        cmocka_unit_test(test_window_shrinks),
        cmocka_unit_test(test_old_window_updates),
        cmocka_unit_test(test_v57_orphan_at_a_shut_window),
        cmocka_unit_test(test_send_buffer),
        cmocka_unit_test(test_send_block),
        cmocka_unit_test(test_many_small_blocks),
        cmocka_unit_test(test_frag_needed),
        cmocka_unit_test(test_v36_forged_frag_needed),
        cmocka_unit_test(test_v37_hard_errors_are_soft),
        cmocka_unit_test(test_soft_error_is_forgotten),
        cmocka_unit_test(test_icmp_while_opening),
        cmocka_unit_test(test_must54_soft_icmp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

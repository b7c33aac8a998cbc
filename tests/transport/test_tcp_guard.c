/* What a connection does with segments that are not what they should be: header and options (V42 to V45),
 * numbers, RST, SYN and ACK of a stranger (RFC 9293 3.10.7.4, RFC 5961), old timestamps (RFC 7323 5), every
 * combination of flags. */
#include "network/ipv4_wire.h"
#include "tcp_rig.h"

/* ---- Header ---- */

/* Bytes in place of a segment. */
static void raw(struct rig *r, const uint8_t *seg, uint32_t len, bool sum)
{
    uint8_t ip[200];
    assert_true(len + VT_IPV4_HEADER <= sizeof(ip));
    tcp_node_inject(&r->n, ip, tcp_node_ip(ip, PEER, US, seg, len, sum), VT_CSUM_NONE);
    tcp_node_settle(&r->n);
}

static void segment_of(const struct rig *r, uint8_t *b, uint16_t flags, uint8_t hlen)
{
    struct vt_tcp_hdr h = {.sport = r->f->theirs,
                           .dport = r->f->ours,
                           .seq = vt_seq(r->f->irs + 1),
                           .ack = vt_seq(r->f->iss + 1),
                           .flags = flags,
                           .wnd = 1000,
                           .hlen = hlen};
    vt_tcp_build(b, &h);
}

static void test_v42_short(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    uint8_t b[20];
    segment_of(r, b, VT_RST, 20);
    for (uint32_t len = 0; len < 20; len++)
        raw(r, b, len, false);
    rig_quiet(r);
    rig_dropped(r, VT_DROP_TCP_SHORT, 20);
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_free(r);
}

static void test_v42_data_offset(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    uint8_t b[60] = {0};
    for (uint8_t hlen = 0; hlen < 20; hlen = (uint8_t)(hlen + 4)) {
        segment_of(r, b, VT_RST, hlen);
        raw(r, b, 40, true);
    }
    rig_dropped(r, VT_DROP_TCP_OFFSET, 5);
    for (uint8_t hlen = 24; hlen <= 60; hlen = (uint8_t)(hlen + 4)) {
        segment_of(r, b, VT_RST, hlen);
        raw(r, b, hlen - 1u, true);
    }
    rig_quiet(r);
    rig_dropped(r, VT_DROP_TCP_OFFSET, 10);
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_free(r);
}

/* MUST-3 */
static void test_checksum(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    uint8_t b[21] = {0};
    segment_of(r, b, VT_RST, 20);
    raw(r, b, 20, false);
    b[20] = 1;
    raw(r, b, 21, false);
    rig_dropped(r, VT_DROP_TCP_CHECKSUM, 2);
    rig_state(r, VT_TCP_ESTABLISHED);
    raw(r, b, 21, true);
    rig_state(r, VT_TCP_CLOSED);
    rig_free(r);
}

/* ---- Options ---- */

/* The MSS that we believe after a SYN with these options. */
static uint32_t mss_after(const char *options)
{
    char line[256];
    struct rig *r = rig_new(5000);
    rig_listen(r, 10);
    snprintf(line, sizeof(line), "S 0:0(0) win 65535 <%s>", options);
    rig_in(r, line);
    rig_out(r, "S. 0:0(0) ack 1");
    rig_in(r, ". 1:1(0) ack 1");
    assert_non_null(rig_accept(r));
    uint32_t mss = rig_info(r).tcpi_snd_mss;
    rig_send(r, 5000);
    rig_forget(r);
    rig_free(r);
    return mss;
}

/* V43, MUST-7: parsing ends; MUST-6: what is not known is stepped over. */
static void test_v43_options(void **state)
{
    (void)state;
    assert_int_equal(mss_after(""), 536); /* MUST-15 */
    assert_int_equal(mss_after("mss 1200"), 1200);
    assert_int_equal(mss_after("hex 0001"), 536);       /* END */
    assert_int_equal(mss_after("hex 00020404b0"), 536); /* behind END */
    assert_int_equal(mss_after("hex 0101010101020404b0"), 1200);
    assert_int_equal(mss_after("hex fd04aabb020404b0"), 1200); /* unknown */
    assert_int_equal(mss_after("hex fd00020404b0"), 536);      /* length 0 */
    assert_int_equal(mss_after("hex fd01020404b0"), 536);      /* length 1 */
    assert_int_equal(mss_after("hex fd09020404b0"), 536);      /* beyond the header */
    assert_int_equal(mss_after("hex 020404b0fdff"), 1200);     /* what came before stands */
    assert_int_equal(mss_after("hex 010101fd"), 536);          /* no length */
    assert_int_equal(mss_after("hex 010102"), 536);
    assert_int_equal(mss_after("hex 02040a"), 1460);  /* the padding makes it 2560 */
    assert_int_equal(mss_after("hex 01010204"), 536); /* two bytes of four, and the header is over */
    assert_int_equal(mss_after("hex 020304b0"), 536); /* length wrong for its kind: ignored */
    assert_int_equal(mss_after("hex 02060404b000"), 536);
}

/* V44: CVE-2019-11477, 11479. */
static void test_v44_tiny_mss(void **state)
{
    (void)state;
    assert_int_equal(mss_after("mss 0"), 48);
    assert_int_equal(mss_after("mss 1"), 48);
    assert_int_equal(mss_after("mss 47"), 48);
    assert_int_equal(mss_after("mss 49"), 49);
    assert_int_equal(mss_after("mss 0, TS val 1 ecr 0"), 36);
    assert_int_equal(mss_after("mss 65535"), 1460);
}

static void test_v44_mss_on_other_segments_is_ignored(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, ". 1:1(0) ack 1 <mss 100>");
    assert_int_equal(rig_info(r).tcpi_snd_mss, 1460);
    rig_free(r);
}

/* V45: lengths that are wrong; a shift beyond 14 (RFC 7323 2.3). */
static void test_v45_wrong_lengths(void **state)
{
    (void)state;
    static const struct {
        const char *options, *answer;
    } t[] = {
        {"hex 030307", "S. 0:0(0) ack 1 <mss 1460, wscale 7>"},
        {"hex 03040700", "S. 0:0(0) ack 1 <mss 1460>"},
        {"hex 0302", "S. 0:0(0) ack 1 <mss 1460>"},
        {"hex 0402", "S. 0:0(0) ack 1 <mss 1460, sackOK>"},
        {"hex 040300", "S. 0:0(0) ack 1 <mss 1460>"},
        {"hex 080a0000000500000000", "S. 0:0(0) ack 1 <mss 1460, TS val 0 ecr 5>"},
        {"hex 080900000005000000", "S. 0:0(0) ack 1 <mss 1460>"},
        {"hex 080b000000050000000000", "S. 0:0(0) ack 1 <mss 1460>"},
        {"hex 050a0000000100000002", "S. 0:0(0) ack 1 <mss 1460>"}, /* SACK on a SYN */
    };
    for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        char line[128];
        struct rig *r = rig_new(5000);
        rig_listen(r, 1);
        snprintf(line, sizeof(line), "S 0:0(0) <%s>", t[i].options);
        rig_in(r, line);
        rig_out(r, t[i].answer);
        rig_free(r);
    }
}

static void test_v45_shift_beyond_14(void **state)
{
    (void)state;
    for (unsigned shift = 14; shift <= 16; shift += 2) {
        char options[64];
        struct rig *r = rig_new(5000);
        snprintf(options, sizeof(options), "mss 1460, wscale %u", shift);
        rig_accepted(r, options);
        rig_in(r, ". 1:1(0) ack 1 win 3");
        assert_int_equal(rig_info(r).tcpi_snd_wnd, 3 << 14);
        assert_int_equal(rig_info(r).tcpi_wscale & 15, 14);
        rig_free(r);
    }
    struct rig *r = rig_new(5000); /* 255 is no more than 14 either */
    rig_accepted(r, "hex 0303ff");
    assert_int_equal(rig_info(r).tcpi_wscale & 15, 14);
    rig_free(r);
}

/* Wrong SACK and timestamp options on a segment of an open connection. */
static void test_v45_on_a_connection(void **state)
{
    (void)state;
    static const char *const options[] = {
        "hex 0502",
        "hex 05090000000100000002",
        "hex 050b000000010000000200",
        "hex 050c",
        "hex 0101080a",
        "hex 0101080900000001000000",
        "hex 01010801",
        "hex 010108ff",
    };
    struct rig *r = rig_new(5000);
    rig_accepted(r, "mss 1460, sackOK, TS val 1000 ecr 0");
    uint32_t recent = r->tcb->ts_recent;
    for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        char line[128];
        snprintf(line, sizeof(line), ". 1:1(0) ack 1 <%s>", options[i]);
        rig_in(r, line);
    }
    rig_quiet(r);
    assert_int_equal(r->tcb->ts_recent, recent);
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_free(r);
}

/* ---- Numbers ---- */

/* RFC 9293 3.10.7.4, first: a segment outside the window is answered by where we are. */
static void test_unacceptable_is_answered(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "P. 1:101(100) ack 1");
    rig_wait(r, 40 * VT_MSEC);
    rig_out(r, ". 1:1(0) ack 101");
    rig_in(r, "P. 1:101(100) ack 1"); /* old text, each time */
    rig_out(r, ". 1:1(0) ack 101");
    rig_in(r, "P. 1:101(100) ack 1");
    rig_out(r, ". 1:1(0) ack 101");
    rig_dropped(r, VT_DROP_TCP_DUPLICATE, 2);
    uint32_t edge = r->tcb->rcv_adv.v - 5000;
    char line[64];
    snprintf(line, sizeof(line), "P. %u:%u(10) ack 1", edge, edge + 10);
    rig_in(r, line);
    rig_out(r, ". 1:1(0) ack 101");
    rig_dropped(r, VT_DROP_TCP_WINDOW, 1);
    rig_in(r, "P. -1000000:-999990(10) ack 1");
    rig_out(r, ". 1:1(0) ack 101");
    rig_dropped(r, VT_DROP_TCP_DUPLICATE, 1);
    assert_int_equal(rig_recv(r, 1000), 100);
    rig_free(r);
}

/* RFC 9293 3.4's table at its edges: the first, the last byte in the window. */
static void test_window_edges(void **state)
{
    (void)state;
    struct rig *r = rig_new(0xfffffff0u); /* across 2^32 */
    rig_open(r);
    rig_set(r, VT_SOL_SOCKET, VT_SO_RCVBUF, 2000);
    vt_tcp_close(r->tcb, true);
    memset(r->held, 0, sizeof(r->held));
    rig_accepted(r, NULL);
    uint32_t wnd = r->tcb->rcv_adv.v - r->tcb->rcv_nxt.v;
    char line[64];
    snprintf(line, sizeof(line), "P. %u:%u(1) ack 1", wnd, wnd + 1); /* the last in the window */
    rig_in(r, line);
    rig_out(r, ". 1:1(0) ack 1");
    assert_int_equal(r->tcb->ooo->bytes, 1);
    snprintf(line, sizeof(line), "P. %u:%u(1) ack 1", wnd + 1, wnd + 2);
    rig_in(r, line);
    rig_out(r, ". 1:1(0) ack 1");
    rig_dropped(r, VT_DROP_TCP_WINDOW, 1);
    rig_in(r, "P. 0:2(2) ack 1"); /* one byte old, one new */
    rig_out(r, ". 1:1(0) ack 2");
    assert_int_equal(rig_recv(r, 10), 1);
    rig_free(r);
}

/* An ACK at the right edge of the window is what a peer sends whose text, still under way, fills it: Linux
 * takes it, against the letter of RFC 9293 3.4. */
static void test_ack_at_the_right_edge(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_send(r, 10);
    rig_out(r, "P. 1:11(10) ack 1");
    uint32_t edge = r->tcb->rcv_adv.v - 5000;
    char line[64];
    snprintf(line, sizeof(line), ". %u:%u(0) ack 11", edge, edge);
    rig_in(r, line);
    rig_quiet(r);
    assert_int_equal(vt_tcp_outq(r->tcb), 0);
    rig_free(r);
}

/* Without ACK a segment says nothing (RFC 9293 3.10.7.4, fifth). */
static void test_no_ack(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "P 1:11(10)");
    rig_in(r, "F 1:1(0)");
    rig_in(r, "- 1:1(0)");
    rig_quiet(r);
    rig_dropped(r, VT_DROP_TCP_NO_ACK, 3);
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_free(r);
}

/* ---- RST, SYN, ACK (RFC 5961) ---- */

static void test_v50_reset(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "R 2:2(0)"); /* in the window, not exact */
    rig_out(r, ". 1:1(0) ack 1");
    rig_in(r, "R 60000:60000(0)");
    rig_out(r, ". 1:1(0) ack 1");
    rig_dropped(r, VT_DROP_TCP_RST_BAD, 2);
    rig_in(r, "R 0:0(0)"); /* outside: no answer */
    rig_in(r, "R 2000000:2000000(0)");
    rig_in(r, "R -2000000:-2000000(0)");
    rig_quiet(r);
    rig_dropped(r, VT_DROP_TCP_WINDOW, 3);
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_in(r, "R 1:1(0)");
    rig_quiet(r);
    rig_state(r, VT_TCP_CLOSED);
    rig_free(r);
}

/* MUST-66: RST counts though the window is shut. */
static void test_v50_reset_with_a_shut_window(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_set(r, VT_SOL_SOCKET, VT_SO_RCVBUF, 1152);
    assert_int_equal(rig_connect(r, 80), -VT_EINPROGRESS);
    rig_out(r, "S 0:0(0) win 1152");
    rig_in(r, "S. 0:0(0) ack 1 <mss 1460>");
    rig_out(r, ". 1:1(0) ack 1 win 1152");
    rig_in(r, "P. 1:1153(1152) ack 1");
    rig_wait(r, 40 * VT_MSEC);
    rig_out(r, ". 1:1(0) ack 1153 win 0");
    rig_in(r, "R 1154:1154(0)");
    rig_dropped(r, VT_DROP_TCP_WINDOW, 1);
    rig_in(r, "R 1153:1153(0)");
    rig_state(r, VT_TCP_CLOSED);
    assert_int_equal(rig_recv(r, 3000), 1152);
    assert_int_equal(rig_recv(r, 3000), -VT_ECONNRESET);
    rig_free(r);
}

static void test_v51_syn(void **state)
{
    (void)state;
    static const char *const lines[] = {"S 1:1(0)", "S 100:100(0)", "S. 5:5(0) ack 1", "SF 1:1(0)"};
    for (unsigned i = 0; i < 4; i++) {
        struct rig *r = rig_new(5000);
        rig_accepted(r, NULL);
        rig_in(r, lines[i]);
        rig_out(r, ". 1:1(0) ack 1");
        rig_dropped(r, VT_DROP_TCP_SYN_IN_WINDOW, 1);
        rig_state(r, VT_TCP_ESTABLISHED);
        rig_free(r);
    }
    struct rig *r = rig_new(5000); /* and wherever it lies: RFC 5961 4.2 */
    rig_accepted(r, NULL);
    rig_in(r, "S 9000000:9000000(0)");
    rig_out(r, ". 1:1(0) ack 1");
    rig_state(r, VT_TCP_ESTABLISHED);
    r->drops_ignored = true;
    rig_free(r);
}

/* SND.UNA - MAX.SND.WND <= SEG.ACK <= SND.NXT */
static void test_v52_ack(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_send(r, 1000);
    rig_out(r, "P. 1:1001(1000) ack 1");
    rig_in(r, "P. 1:11(10) ack 1002"); /* what was never sent */
    rig_out(r, ". 1001:1001(0) ack 1");
    rig_in(r, "P. 1:11(10) ack -65535"); /* older than any window */
    rig_out(r, ". 1001:1001(0) ack 1");
    rig_dropped(r, VT_DROP_TCP_ACK_BAD, 2);
    assert_int_equal(rig_recv(r, 100), -VT_EAGAIN);
    rig_in(r, "P. 1:11(10) ack -65534"); /* old, but it may have been delayed: its text is taken */
    rig_at(r, 40 * VT_MSEC, ". 1001:1001(0) ack 11");
    assert_int_equal(rig_recv(r, 100), 10);
    rig_in(r, "P. 11:21(10) ack 1001");
    rig_at(r, 40 * VT_MSEC, ". 1001:1001(0) ack 21");
    rig_free(r);
}

/* V53: challenges are limited per connection, and the limit is not the same every second. */
static void test_v53_challenges_are_limited(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    unsigned least = 1000, most = 0;
    for (unsigned second = 0; second < 30; second++) {
        unsigned n = 0;
        for (unsigned i = 0; i < 50; i++) {
            rig_in(r, "R 2:2(0)");
            n += rig_forget(r);
        }
        least = n < least ? n : least;
        most = n > most ? n : most;
        rig_wait(r, VT_SEC);
    }
    assert_in_range(least, 1, 10);
    assert_in_range(most, 1, 11);
    assert_true(most > least);
    rig_dropped(r, VT_DROP_TCP_RST_BAD, 1500);
    rig_free(r);
}

/* V53: what one connection spends, another does not see (CVE-2016-5696). */
static void test_v53_no_oracle(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    for (unsigned i = 0; i < 50; i++) {
        rig_in(r, "R 2:2(0)");
        rig_forget(r);
    }
    rig_flow(r, SERVER_PORT, 40001);
    rig_in(r, "S 0:0(0) <mss 1460>");
    rig_out(r, "S. 0:0(0) ack 1");
    rig_in(r, ". 1:1(0) ack 1");
    rig_in(r, "R 2:2(0)");
    rig_out(r, ". 1:1(0) ack 1");
    r->drops_ignored = true;
    rig_free(r);
}

/* V56 */
static void test_v56_flood_to_a_closed_port(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    size_t held = r->n.core.mem_used;
    unsigned answers = 0;
    for (unsigned i = 0; i < 1000; i++) {
        rig_in(r, i % 4 == 0 ? "F. 1:1(0) ack 5" : i % 4 == 1 ? ". 1:1(0) ack 5" : "P 1:11(10)");
        struct packet *p = tcp_node_take(&r->n);
        answers += p != NULL;
        free(p);
    }
    assert_int_equal(r->n.core.mem_used, held);
    assert_in_range(answers, 150, 200); /* net.ipv4.tcp_rst_per_second 200, less up to a quarter */
    assert_int_equal(r->n.core.drops[VT_DROP_TCP_NO_CONN], answers);
    assert_int_equal(r->n.core.drops[VT_DROP_TCP_RST_LIMIT], 1000 - answers);
    memcpy(r->drops, r->n.core.drops, sizeof(r->drops));
    rig_wait(r, VT_SEC); /* the next second has its own */
    rig_in(r, ". 1:1(0) ack 5");
    rig_out(r, "R 5:5(0)");
    rig_dropped(r, VT_DROP_TCP_NO_CONN, 1);
    for (unsigned i = 0; i < 10; i++)
        rig_in(r, i % 2 == 0 ? "R 1:1(0)" : "R. 1:1(0) ack 5"); /* a RST is never answered */
    rig_quiet(r);
    rig_dropped(r, VT_DROP_TCP_RST_CLOSED, 10);
    rig_free(r);
}

/* V64: what answers a SYN with a payload, or a payload without a handshake, is no longer than that. */
static void test_v64_no_amplification(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 10);
    rig_in(r, "SP 0:100(100) <mss 1460>");
    struct packet *p = tcp_node_take(&r->n);
    assert_non_null(p);
    assert_true(p->len <= 20 + 24 + 100);
    free(p);
    rig_quiet(r);
    rig_flow(r, SERVER_PORT, 40001);
    rig_in(r, "P. 1:101(100) ack 1");
    rig_out(r, "R 1:1(0) <>");
    rig_quiet(r);
    rig_dropped(r, VT_DROP_TCP_LISTEN_FLAGS, 1);
    rig_free(r);
}

/* V67: two ends that have lost each other do not answer each other's answers for ever. */
static void test_v67_no_ping_pong(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    unsigned answers = 0;
    for (unsigned i = 0; i < 100; i++) {
        rig_in(r, ". 500000:500000(0) ack 1"); /* each is the answer to our last */
        answers += rig_forget(r);
        rig_wait(r, VT_MSEC);
    }
    assert_int_equal(answers, 1);
    rig_wait(r, 500 * VT_MSEC);
    rig_in(r, ". 500000:500000(0) ack 1");
    rig_out(r, ". 1:1(0) ack 1");
    rig_dropped(r, VT_DROP_TCP_WINDOW, 101);
    for (unsigned i = 0; i < 100; i++) { /* the same by the number that is acknowledged */
        rig_in(r, ". 1:1(0) ack 500000");
        rig_forget(r);
    }
    assert_in_range(r->n.why[VT_SEG_CHALLENGE], 1, 11);
    r->drops_ignored = true;
    rig_free(r);
}

/* ---- Timestamps ---- */

static void test_v62_old_timestamp(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, "mss 1460, TS val 1000 ecr 0");
    rig_in(r, "P. 1:11(10) ack 1 <TS val 1005 ecr 0>");
    rig_at(r, 40 * VT_MSEC, ". 1:1(0) ack 11 <TS val 40 ecr 1005>");
    rig_in(r, "P. 11:21(10) ack 1 <TS val 1004 ecr 0>"); /* RFC 7323 5.3 R1 */
    rig_out(r, ". 1:1(0) ack 11 <TS val 40 ecr 1005>");
    rig_dropped(r, VT_DROP_TCP_PAWS, 1);
    rig_in(r, "P. 11:21(10) ack 1 <TS val 1005 ecr 0>"); /* the same is not older */
    rig_at(r, 40 * VT_MSEC, ". 1:1(0) ack 21");
    assert_int_equal(rig_recv(r, 100), 20);
    rig_free(r);
}

/* A RST is exempt (RFC 7323 5.2). */
static void test_v62_reset_is_exempt(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, "mss 1460, TS val 1000 ecr 0");
    rig_in(r, "R 1:1(0) <TS val 5 ecr 0>");
    rig_state(r, VT_TCP_CLOSED);
    rig_free(r);
}

/* A timestamp out of the future on a segment outside the window must not shut out what follows. */
static void test_v62_poisoning(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, "mss 1460, TS val 1000 ecr 0");
    rig_in(r, "P. 9000000:9000010(10) ack 1 <TS val 900000 ecr 0>");
    rig_out(r, ". 1:1(0) ack 1 <TS val 0 ecr 1000>");
    rig_dropped(r, VT_DROP_TCP_WINDOW, 1);
    rig_in(r, "P. 101:111(10) ack 1 <TS val 2000 ecr 0>"); /* beyond the left edge: not taken either */
    rig_out(r, ". 1:1(0) ack 1 <TS val 0 ecr 1000>");
    rig_in(r, "P. 1:101(100) ack 1 <TS val 1001 ecr 0>");
    rig_out(r, ". 1:1(0) ack 111 <TS val 0 ecr 1001>");
    rig_free(r);
}

/* RFC 7323 5.5: after 24 days of silence the last timestamp says nothing. */
static void test_v62_paws_ages(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, "mss 1460, TS val 1000 ecr 0");
    rig_wait(r, 25 * 86400 * VT_SEC);
    rig_in(r, "P. 1:11(10) ack 1 <TS val 5 ecr 0>");
    rig_at(r, 40 * VT_MSEC, ". 1:1(0) ack 11");
    rig_free(r);
}

/* The timestamps wrap. */
static void test_v62_wrap(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 1);
    rig_in(r, "S 0:0(0) <mss 1460, TS val 4294967290 ecr 0>");
    rig_out(r, "S. 0:0(0) ack 1 <mss 1460, TS val 0 ecr 4294967290>");
    rig_in(r, ". 1:1(0) ack 1 <TS val 4294967290 ecr 0>");
    rig_accept(r);
    rig_in(r, "P. 1:11(10) ack 1 <TS val 3 ecr 0>");
    rig_at(r, 40 * VT_MSEC, ". 1:1(0) ack 11 <TS val 40 ecr 3>");
    rig_in(r, "P. 11:21(10) ack 1 <TS val 4294967295 ecr 0>");
    rig_out(r, ". 1:1(0) ack 11");
    rig_dropped(r, VT_DROP_TCP_PAWS, 1);
    rig_free(r);
}

/* RFC 7323 4.3: of two segments that one ACK answers, the echo is the earlier's. */
static void test_timestamp_of_the_earlier_is_echoed(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, "mss 1460, TS val 1000 ecr 0");
    rig_in_burst(r, "P. 1:101(100) ack 1 <TS val 1100 ecr 0>");
    rig_in(r, "P. 101:201(100) ack 1 <TS val 1200 ecr 0>");
    rig_at(r, 40 * VT_MSEC, ". 1:1(0) ack 201 <TS val 40 ecr 1100>");
    rig_free(r);
}

/* ---- Every combination of flags in every state (V63) ---- */

enum {
    STATES = 10
};

/* Brings the rig's connection into the n-th of the states that have one. */
static enum vt_tcp_state bring(struct rig *r, unsigned n)
{
    static const enum vt_tcp_state states[STATES] = {
        VT_TCP_LISTEN,    VT_TCP_SYN_SENT, VT_TCP_SYN_RCVD,   VT_TCP_ESTABLISHED, VT_TCP_FIN_WAIT1,
        VT_TCP_FIN_WAIT2, VT_TCP_CLOSING,  VT_TCP_CLOSE_WAIT, VT_TCP_LAST_ACK,    VT_TCP_TIME_WAIT};
    enum vt_tcp_state s = states[n];
    if (s == VT_TCP_SYN_SENT) {
        rig_open(r);
        rig_connect(r, 80);
    } else if (s == VT_TCP_LISTEN || s == VT_TCP_SYN_RCVD) {
        rig_listen(r, 5);
        if (s == VT_TCP_SYN_RCVD)
            rig_in(r, "S 0:0(0) <mss 1460>");
    } else {
        rig_accepted(r, NULL);
        if (s == VT_TCP_CLOSE_WAIT || s == VT_TCP_LAST_ACK)
            rig_in(r, "F. 1:1(0) ack 1");
        rig_forget(r);
        if (s != VT_TCP_ESTABLISHED && s != VT_TCP_CLOSE_WAIT)
            rig_shutdown(r, VT_SHUT_WR);
        rig_forget(r);
        if (s == VT_TCP_FIN_WAIT2)
            rig_in(r, ". 1:1(0) ack 2");
        if (s == VT_TCP_CLOSING)
            rig_in(r, "F. 1:1(0) ack 1");
        if (s == VT_TCP_TIME_WAIT)
            rig_in(r, "F. 1:1(0) ack 2");
    }
    rig_forget(r);
    if (s != VT_TCP_LISTEN)
        rig_state(r, s);
    return s;
}

/* What may come of a segment, from 3.10.7: the states that a segment may lead to from each, and never an
 * answer to a RST. */
static bool may_move(enum vt_tcp_state from, enum vt_tcp_state to, uint16_t flags)
{
    bool syn = flags & VT_SYN, ack = flags & VT_ACK, rst = flags & VT_RST, fin = flags & VT_FIN;
    if (from == to)
        return true;
    switch (from) {
    case VT_TCP_LISTEN: return to == VT_TCP_SYN_RCVD && syn && !ack && !rst;
    case VT_TCP_SYN_SENT:
        if (rst)
            return to == VT_TCP_CLOSED && ack;
        return syn && to == (ack ? VT_TCP_ESTABLISHED : VT_TCP_SYN_RCVD);
    case VT_TCP_SYN_RCVD:
        if (rst)
            return to == VT_TCP_CLOSED;
        return ack && !syn && to == (fin ? VT_TCP_CLOSE_WAIT : VT_TCP_ESTABLISHED);
    case VT_TCP_TIME_WAIT: return to == VT_TCP_SYN_RCVD && syn && !ack && !rst; /* MAY-2 */
    default: break;
    }
    if (rst)
        return to == VT_TCP_CLOSED;
    if (syn || !ack)
        return false;
    switch (from) {
    case VT_TCP_ESTABLISHED: return to == VT_TCP_CLOSE_WAIT && fin;
    case VT_TCP_FIN_WAIT1:
        return to == VT_TCP_FIN_WAIT2 || (fin && (to == VT_TCP_CLOSING || to == VT_TCP_TIME_WAIT));
    case VT_TCP_FIN_WAIT2: return to == VT_TCP_TIME_WAIT && fin;
    case VT_TCP_CLOSING: return to == VT_TCP_TIME_WAIT;
    case VT_TCP_LAST_ACK: return to == VT_TCP_CLOSED;
    default: return false;
    }
}

static void one_combination(unsigned n, uint16_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
    struct rig *r = rig_new(5000);
    r->drops_ignored = true;
    enum vt_tcp_state from = bring(r, n);
    char line[128], letters[16];
    unsigned k = 0;
    for (unsigned i = 0; i < 9; i++)
        if ((flags >> i & 1) != 0)
            letters[k++] = "FSRP.UEWA"[i];
    if (k == 0)
        letters[k++] = '-';
    letters[k] = 0;
    snprintf(line, sizeof(line), "%s %u:%u(%u) ack %u urg 1", letters, seq, seq + len, len, ack);
    rig_in(r, line);
    const struct vt_tcp_end *e = rig_end(r);
    enum vt_tcp_state to = e != NULL               ? (enum vt_tcp_state)e->state
                           : from == VT_TCP_LISTEN ? VT_TCP_LISTEN
                                                   : VT_TCP_CLOSED;
    if (!may_move(from, to, flags)) {
        print_error("%s in %s led to %s\n", line, vt_tcp_state_name(from), vt_tcp_state_name(to));
        fail();
    }
    if ((flags & VT_RST) != 0 && r->n.why[VT_SEG_RESET] != 0)
        fail_msg("%s was answered with a RST", line);
    rig_forget(r);
    rig_free(r);
}

static void test_v63_every_combination_of_flags(void **state)
{
    (void)state;
    static const uint32_t numbers[][3] = {{0, 1, 0}, {1, 1, 0}, {1, 2, 0}, {2, 2, 0}, {1, 1, 5}, {3, 9, 1}};
    for (unsigned n = 0; n < STATES; n++)
        for (uint16_t flags = 0; flags < 512; flags++) {
            if ((flags & (VT_ECE | VT_CWR | VT_AE)) != 0 && flags % 3 != 0)
                continue; /* nothing looks at these yet: a sample is enough */
            for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                one_combination(n, flags, numbers[i][0], numbers[i][1], numbers[i][2]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v42_short),
        cmocka_unit_test(test_v42_data_offset),
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_v43_options),
        cmocka_unit_test(test_v44_tiny_mss),
        cmocka_unit_test(test_v44_mss_on_other_segments_is_ignored),
        cmocka_unit_test(test_v45_wrong_lengths),
        cmocka_unit_test(test_v45_shift_beyond_14),
        cmocka_unit_test(test_v45_on_a_connection),
        cmocka_unit_test(test_unacceptable_is_answered),
        cmocka_unit_test(test_window_edges),
        cmocka_unit_test(test_ack_at_the_right_edge),
        cmocka_unit_test(test_no_ack),
        cmocka_unit_test(test_v50_reset),
        cmocka_unit_test(test_v50_reset_with_a_shut_window),
        cmocka_unit_test(test_v51_syn),
        cmocka_unit_test(test_v52_ack),
        cmocka_unit_test(test_v53_challenges_are_limited),
        cmocka_unit_test(test_v53_no_oracle),
        cmocka_unit_test(test_v56_flood_to_a_closed_port),
        cmocka_unit_test(test_v64_no_amplification),
        cmocka_unit_test(test_v67_no_ping_pong),
        cmocka_unit_test(test_v62_old_timestamp),
        cmocka_unit_test(test_v62_reset_is_exempt),
        cmocka_unit_test(test_v62_poisoning),
        cmocka_unit_test(test_v62_paws_ages),
        cmocka_unit_test(test_v62_wrap),
        cmocka_unit_test(test_timestamp_of_the_earlier_is_echoed),
        cmocka_unit_test(test_v63_every_combination_of_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

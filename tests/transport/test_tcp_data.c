/* What comes in: order, reassembly and SACK blocks, the window we tell, when we acknowledge, urgent data (RFC
 * 9293 3.8.5, 3.8.6, 3.10.7.4 sixth and seventh; RFC 2018; RFC 5681 4.2). */
#include "tcp_rig.h"

static const char *const sack = "mss 1460, sackOK";

/* ---- When an ACK is sent (RFC 9293 3.8.6.3) ---- */

static void test_delayed_ack(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "P. 1:101(100) ack 1");
    rig_at(r, 40 * VT_MSEC, ". 1:1(0) ack 101"); /* MUST-40: under half a second */
    assert_int_equal(r->n.why[VT_SEG_DELAYED_ACK], 1);
    rig_knob(r, "net.ipv4.tcp_delack_ms", 200);
    rig_in(r, "P. 101:201(100) ack 1");
    rig_wait(r, 100 * VT_MSEC);
    rig_in(r, "P. 201:301(100) ack 1"); /* the timer is not begun anew */
    rig_at(r, 100 * VT_MSEC, ". 1:1(0) ack 301");
    rig_silence(r, VT_SEC);
    rig_free(r);
}

/* SHLD-19: at least every second full-sized segment. */
static void test_every_second_full_segment(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, ". 1:1461(1460) ack 1");
    rig_quiet(r);
    rig_in(r, ". 1461:2921(1460) ack 1");
    rig_out(r, ". 1:1(0) ack 2921");
    rig_in(r, ". 2921:4381(1460) ack 1");
    rig_quiet(r);
    rig_in(r, ". 4381:5841(1460) ack 1");
    rig_out(r, ". 1:1(0) ack 5841");
    rig_silence(r, VT_SEC);
    rig_free(r);
}

/* A burst is answered once (DESIGN: ACKs are collected). */
static void test_burst_is_answered_once(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    for (unsigned i = 0; i < 5; i++) {
        char line[64];
        snprintf(line, sizeof(line), ". %u:%u(1460) ack 1", 1 + 1460 * i, 1461 + 1460 * i);
        rig_in_burst(r, line);
    }
    rig_in(r, ". 7301:8761(1460) ack 1");
    rig_out(r, ". 1:1(0) ack 8761");
    rig_quiet(r);
    rig_free(r);
}

/* What we send carries the ACK. */
static void test_data_carries_the_ack(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "P. 1:101(100) ack 1");
    rig_send(r, 10);
    rig_out(r, "P. 1:11(10) ack 101");
    rig_in(r, ". 101:101(0) ack 11");
    rig_silence(r, VT_SEC);
    rig_free(r);
}

static void test_quickack(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_set(r, VT_SOL_TCP, VT_TCP_QUICKACK, 0);
    rig_in(r, "P. 1:101(100) ack 1");
    assert_int_equal(rig_recv(r, 100), 100);
    rig_quiet(r);
    rig_set(r, VT_SOL_TCP, VT_TCP_QUICKACK, 1);
    rig_out(r, ". 1:1(0) ack 101");
    rig_knob(r, "net.ipv4.tcp_delack_ms", 0);
    rig_in(r, "P. 101:201(100) ack 1");
    rig_out(r, ". 1:1(0) ack 201");
    rig_free(r);
}

/* ---- Out of order, and SACK (RFC 2018) ---- */

/* RFC 5681 4.2: at once and for each, and at once when a hole closes. */
static void test_out_of_order(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in_burst(r, "P. 101:201(100) ack 1");
    rig_in_burst(r, "P. 201:301(100) ack 1");
    tcp_node_settle(&r->n);
    rig_out(r, ". 1:1(0) ack 1 <>"); /* no SACK: it was not agreed */
    rig_out(r, ". 1:1(0) ack 1 <>");
    assert_int_equal(rig_recv(r, 1000), -VT_EAGAIN);
    rig_in(r, "P. 1:51(50) ack 1"); /* part of the hole */
    rig_out(r, ". 1:1(0) ack 51");
    rig_in(r, "P. 51:101(50) ack 1");
    rig_out(r, ". 1:1(0) ack 301");
    assert_int_equal(rig_recv(r, 1000), 300);
    rig_in(r, "P. 301:311(10) ack 1");
    rig_at(r, 40 * VT_MSEC, ". 1:1(0) ack 311"); /* as before */
    rig_free(r);
}

/* RFC 2018 4: the first block is the one that the last segment lies in, then those told of lately. */
static void test_sack_order(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, sack);
    rig_in(r, "P. 101:201(100) ack 1");
    rig_out(r, ". 1:1(0) ack 1 <sack 101:201>");
    rig_in(r, "P. 301:401(100) ack 1");
    rig_out(r, ". 1:1(0) ack 1 <sack 301:401 101:201>");
    rig_in(r, "P. 501:601(100) ack 1");
    rig_out(r, ". 1:1(0) ack 1 <sack 501:601 301:401 101:201>");
    rig_in(r, "P. 701:801(100) ack 1");
    rig_out(r, ". 1:1(0) ack 1 <sack 701:801 501:601 301:401 101:201>");
    rig_in(r, "P. 901:1001(100) ack 1"); /* four are all that there is room for */
    rig_out(r, ". 1:1(0) ack 1 <sack 901:1001 701:801 501:601 301:401>");
    rig_in(r, "P. 201:251(50) ack 1"); /* the oldest grows: it comes first */
    rig_out(r, ". 1:1(0) ack 1 <sack 101:251 901:1001 701:801 501:601>");
    rig_in(r, "P. 401:501(100) ack 1"); /* two become one */
    rig_out(r, ". 1:1(0) ack 1 <sack 301:601 101:251 901:1001 701:801>");
    rig_in(r, "P. 721:731(10) ack 1");                                   /* nothing new, but it lies there */
    rig_out(r, ". 1:1(0) ack 1 <sack 721:731 701:801 301:601 101:251>"); /* RFC 2883 4 */
    rig_in(r, "P. 1:101(100) ack 1"); /* the hole closes: the rest is told of still */
    rig_out(r, ". 1:1(0) ack 251 <sack 701:801 301:601 901:1001>");
    assert_int_equal(rig_recv(r, 1000), 250);
    rig_dropped(r, VT_DROP_TCP_DUPLICATE, 1);
    rig_free(r);
}

/* With timestamps there is room for three. */
static void test_sack_with_timestamps(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, "mss 1460, sackOK, TS val 1000 ecr 0");
    for (unsigned i = 0; i < 4; i++) {
        char line[80];
        snprintf(line, sizeof(line), "P. %u:%u(100) ack 1 <TS val 1000 ecr 0>", 101 + 200 * i, 201 + 200 * i);
        rig_in(r, line);
        if (i < 3)
            rig_forget(r);
    }
    rig_out(r, ". 1:1(0) ack 1 <TS val 0 ecr 1000, sack 701:801 501:601 301:401>");
    rig_free(r);
}

/* Over 2^32 and 2^31 (V66). */
static void test_v66_sack_across_the_wrap(void **state)
{
    (void)state;
    static const uint32_t irs[] = {0xffffff00u, 0x7fffff00u};
    for (unsigned i = 0; i < 2; i++) {
        struct rig *r = rig_new(irs[i]);
        rig_accepted(r, sack);
        rig_in(r, "P. 401:501(100) ack 1");
        rig_out(r, ". 1:1(0) ack 1 <sack 401:501>");
        rig_in(r, "P. 201:301(100) ack 1");
        rig_out(r, ". 1:1(0) ack 1 <sack 201:301 401:501>");
        rig_in(r, "P. 251:451(200) ack 1");
        rig_out(r, ". 1:1(0) ack 1 <sack 251:301 201:501>");
        rig_in(r, "P. 1:201(200) ack 1");
        rig_out(r, ". 1:1(0) ack 501 <>");
        assert_int_equal(rig_recv(r, 1000), 500);
        rig_free(r);
    }
}

/* A later copy with other bytes changes nothing that had come. */
static void test_overlap_keeps_what_came_first(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "P. 101:201(100) ack 1");
    rig_forget(r);
    rig_in(r, "P. 301:401(100) ack 1");
    rig_forget(r);
    r->salt = true;
    rig_in(r, "P. 151:201(50) ack 1");
    rig_forget(r);
    rig_in(r, "P. 301:351(50) ack 1");
    rig_forget(r);
    r->salt = false;
    rig_in(r, "P. 201:301(100) ack 1");
    rig_forget(r);
    rig_in(r, "P. 1:101(100) ack 1");
    rig_out(r, ". 1:1(0) ack 401");
    assert_int_equal(rig_recv(r, 1000), 400); /* which checks each byte */
    r->salt = true;
    rig_in(r, "P. 1:411(410) ack 1"); /* all but the last ten are old */
    r->salt = false;
    rig_wait(r, 40 * VT_MSEC);
    rig_out(r, ". 1:1(0) ack 411");
    uint8_t b[16];
    assert_int_equal(vt_tcp_recv(r->tcb, b, 16, 0), 10);
    assert_int_equal(b[0], (uint8_t)~rig_byte(false, 401));
    rig_dropped(r, VT_DROP_TCP_DUPLICATE, 2);
    rig_free(r);
}

/* V47: the queue is bounded in runs; what is nearest to being of use is still taken. */
static void test_v47_runs_are_capped(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_knob(r, "net.ipv4.tcp_reassembly_ranges", 16);
    rig_accepted(r, sack);
    char line[64];
    for (unsigned i = 0; i < 100; i++) {
        snprintf(line, sizeof(line), "P. %u:%u(1) ack 1", 3 + 2 * i, 4 + 2 * i);
        rig_in(r, line);
        rig_forget(r);
    }
    assert_int_equal(r->tcb->ooo->n, 16);
    rig_dropped(r, VT_DROP_TCP_REASSEMBLY, 84);
    rig_in(r, "P. 1:3(2) ack 1");
    rig_out(r, ". 1:1(0) ack 4");
    rig_free(r);
}

/* Putting small segments together makes room; it must not take away what the buffer is allowed. */
static void test_buffer_does_not_shrink(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    int before = 0, after = 0;
    size_t len = sizeof(int);
    rig_accepted(r, sack);
    assert_int_equal(vt_tcp_getopt(r->tcb, VT_SOL_SOCKET, VT_SO_RCVBUF, &before, &len), 0);
    for (unsigned i = 0; i < 400; i++) { /* each costs a buffer, till they are put together */
        char line[80];
        snprintf(line, sizeof(line), "P. %u:%u(1) ack 1", 1001 + i, 1002 + i);
        rig_in(r, line);
        rig_forget(r);
    }
    assert_int_equal(vt_tcp_getopt(r->tcb, VT_SOL_SOCKET, VT_SO_RCVBUF, &after, &len), 0);
    assert_true(after >= before);
    rig_in(r, "P. 1:1001(1000) ack 1");
    rig_forget(r);
    assert_int_equal(rig_recv(r, 2000), 1400);
    rig_free(r);
}

/* V47, CVE-2018-5390: one byte a segment, in one run, must not hold a kilobyte each. */
static void test_v47_small_segments(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    size_t before = r->n.memory.live;
    char line[64];
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(line, sizeof(line), "P. %u:%u(1) ack 1", 101 + i, 102 + i);
        rig_in(r, line);
        rig_forget(r);
    }
    assert_int_equal(r->tcb->ooo->n, 1);
    assert_in_range(r->n.memory.live - before, 0, 4 << 20);
    rig_in(r, "P. 1:101(100) ack 1");
    rig_forget(r);
    r->drops_ignored = true; /* a cap is as good as an economy */
    rig_free(r);
}

/* The same in order, with nobody reading. */
static void test_v47_small_segments_in_order(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    size_t before = r->n.memory.live;
    char line[64];
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(line, sizeof(line), "P. %u:%u(1) ack 1", 1 + i, 2 + i);
        rig_in(r, line);
        rig_forget(r);
    }
    assert_in_range(r->n.memory.live - before, 0, 1 << 20);
    assert_int_equal(rig_recv(r, 30000), 20000);
    rig_forget(r);
    rig_free(r);
}

/* Every sixteenth in the middle of nowhere, in any order, against bytes in an array. */
struct model {
    uint8_t byte[40000];
    bool have[40000];
    uint32_t next;
};

static void model_in(struct rig *r, struct model *m, uint32_t from, uint32_t len, bool salt)
{
    char line[64];
    snprintf(line, sizeof(line), "P. %u:%u(%u) ack 1", from + 1, from + 1 + len, len);
    r->salt = salt;
    rig_in(r, line);
    rig_forget(r);
    for (uint32_t i = from; i < from + len; i++)
        if (!m->have[i] && i >= m->next) {
            m->have[i] = true;
            m->byte[i] = (uint8_t)(rig_byte(false, i + 1) ^ (salt ? 0xff : 0));
        }
    while (m->next < sizeof(m->have) && m->have[m->next])
        m->next++;
}

static void check_runs(const struct vt_tcb *tcb)
{
    const struct vt_ooo *o = tcb->ooo;
    uint32_t bytes = 0;
    for (uint32_t i = 0; o != NULL && i < o->n; i++) {
        assert_true(vt_seq_lt(o->run[i].from, o->run[i].to));
        assert_true(vt_seq_lt(i == 0 ? tcb->rcv_nxt : o->run[i - 1].to, o->run[i].from));
        uint32_t in_run = 0;
        for (const struct vt_pbuf *p = o->run[i].first; p != NULL; p = p->next)
            in_run += p->len;
        assert_int_equal(in_run, o->run[i].to.v - o->run[i].from.v);
        bytes += in_run;
    }
    assert_int_equal(o != NULL ? o->bytes : 0, bytes);
}

static void reassembly(uint64_t seed)
{
    struct vt_rng rng;
    struct model *m = calloc(1, sizeof(*m));
    vt_rng_seed(&rng, seed, 7);
    struct rig *r = rig_new((uint32_t)vt_rng_u64(&rng));
    r->drops_ignored = true;
    rig_accepted(r, seed % 2 == 0 ? sack : NULL);
    uint32_t total = 2000 + (uint32_t)vt_rng_below(&rng, 20000), read = 0;
    uint32_t largest = seed % 3 == 0 ? 40 : 1460;
    uint8_t got[3000];
    for (unsigned step = 0; m->next < total; step++) {
        bool order = step > 3000 || vt_rng_below(&rng, 4) == 0;
        uint32_t len = 1 + (uint32_t)vt_rng_below(&rng, largest);
        uint32_t from = order ? m->next : (uint32_t)vt_rng_below(&rng, total);
        if (from + len > total)
            len = total - from;
        model_in(r, m, from, len, vt_rng_below(&rng, 3) == 0);
        check_runs(r->tcb);
        assert_int_equal(r->tcb->rcv_nxt.v - r->f->irs - 1, m->next);
        if (vt_rng_below(&rng, 8) == 0 || m->next == total) {
            long n = vt_tcp_recv(r->tcb, got, m->next == total ? sizeof(got) : 1 + vt_rng_below(&rng, 2999),
                                 0);
            if (n > 0) {
                assert_memory_equal(got, m->byte + read, (size_t)n);
                read += (uint32_t)n;
            }
        }
    }
    for (long n; (n = vt_tcp_recv(r->tcb, got, sizeof(got), 0)) > 0; read += (uint32_t)n)
        assert_memory_equal(got, m->byte + read, (size_t)n);
    assert_int_equal(read, total);
    assert_null(r->tcb->ooo);
    assert_int_equal(r->tcb->rcv_truesize, 0);
    tcp_node_settle(&r->n);
    rig_forget(r);
    rig_free(r);
    free(m);
}

static void test_reassembly_against_a_model(void **state)
{
    (void)state;
    uint64_t first = test_seed();
    for (uint64_t seed = first; seed < first + 60; seed++) {
        print_message("# seed %llu\n", (unsigned long long)seed);
        reassembly(seed);
    }
}

/* ---- The window ---- */

/* Never to the left (SHLD-14); in steps of a segment or half the buffer (MUST-39); open again when there is
 * room worth telling of. */
static void test_window_closes_and_opens(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_set(r, VT_SOL_SOCKET, VT_SO_RCVBUF, 8000);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0) win 7300"); /* half of the doubled buffer, in whole segments */
    rig_in(r, "S. 0:0(0) ack 1 <mss 1460>");
    rig_out(r, ". 1:1(0) ack 1 win 7300");
    rig_in(r, ". 1:1461(1460) ack 1");
    rig_in(r, ". 1461:2921(1460) ack 1");
    rig_out(r, ". 1:1(0) ack 2921 win 4380");
    rig_in(r, ". 2921:4381(1460) ack 1");
    rig_in(r, ". 4381:5841(1460) ack 1");
    rig_out(r, ". 1:1(0) ack 5841 win 1460");
    rig_in(r, ". 5841:7301(1460) ack 1");
    rig_at(r, 40 * VT_MSEC, ". 1:1(0) ack 7301 win 0");
    assert_int_equal(rig_recv(r, 1000), 1000); /* less than a segment: silence */
    rig_quiet(r);
    assert_int_equal(rig_recv(r, 460), 460);
    rig_out(r, ". 1:1(0) ack 7301 win 1460");
    assert_int_equal(rig_recv(r, 8000), 5840);
    rig_out(r, ". 1:1(0) ack 7301 win 5840");
    rig_free(r);
}

/* What comes beyond the window is cut off, and a probe of a shut window is answered. */
static void test_beyond_the_window(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_set(r, VT_SOL_SOCKET, VT_SO_RCVBUF, 1152);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0) win 1152");
    rig_in(r, "S. 0:0(0) ack 1 <mss 1460>");
    rig_out(r, ". 1:1(0) ack 1 win 1152");
    rig_in(r, ". 1:1001(1000) ack 1");
    rig_in(r, "FP. 1001:2001(1000) ack 1"); /* 152 of them fit; the FIN does not */
    rig_out(r, ". 1:1(0) ack 1153 win 0");
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_in(r, ". 1153:1154(1) ack 1"); /* a probe with a byte */
    rig_out(r, ". 1:1(0) ack 1153 win 0");
    rig_dropped(r, VT_DROP_TCP_RCVBUF, 1);
    rig_in(r, ". 1152:1152(0) ack 1"); /* a probe without */
    rig_out(r, ". 1:1(0) ack 1153 win 0");
    rig_dropped(r, VT_DROP_TCP_WINDOW, 1);
    assert_int_equal(rig_recv(r, 3000), 1152);
    rig_out(r, ". 1:1(0) ack 1153 win 1000"); /* whole segments, as large as the peer's */
    rig_free(r);
}

/* MUST-66, and RFC 9293 3.10.7.4: the ACK of a segment at a shut window counts. */
static void test_ack_with_a_shut_window(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_set(r, VT_SOL_SOCKET, VT_SO_RCVBUF, 1152);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0) win 1152");
    rig_in(r, "S. 0:0(0) ack 1 <mss 1460>");
    rig_out(r, ". 1:1(0) ack 1 win 1152");
    rig_in(r, "P. 1:1153(1152) ack 1");
    rig_forget(r);
    rig_send(r, 100);
    rig_out(r, "P. 1:101(100) ack 1153 win 0");
    rig_in(r, ". 1153:1154(1) ack 101");
    rig_out(r, ". 101:101(0) ack 1153 win 0");
    rig_dropped(r, VT_DROP_TCP_RCVBUF, 1);
    assert_int_equal(vt_tcp_outq(r->tcb), 0);
    rig_free(r);
}

/* RFC 7323 2.3: the window is shifted, but not that of a SYN. Our edge does not go left by more than the
 * shift rounds off. */
static void test_window_scale(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, "mss 1460, wscale 4");
    rig_in(r, ". 1:1(0) ack 1 win 1000");
    assert_int_equal(rig_info(r).tcpi_snd_wnd, 16000);
    rig_in(r, "P. 1:101(100) ack 1 win 1000");
    rig_at(r, 40 * VT_MSEC, ". 1:1(0) ack 101 win 502"); /* 64240 bytes, rounded up */
    rig_free(r);
}

static void test_no_window_scale_unless_both(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_connected(r, "mss 1460"); /* we offered it, he did not */
    rig_in(r, ". 1:1(0) ack 1 win 1000");
    assert_int_equal(rig_info(r).tcpi_snd_wnd, 1000);
    assert_int_equal(rig_info(r).tcpi_options & 4, 0);
    rig_free(r);
    r = rig_new(5000);
    rig_knob(r, "net.ipv4.tcp_window_scaling", 0);
    rig_knob(r, "net.ipv4.tcp_sack", 0);
    rig_knob(r, "net.ipv4.tcp_timestamps", 0);
    rig_listen(r, 1);
    rig_in(r, "S 0:0(0) <mss 1460, sackOK, TS val 1 ecr 0, wscale 7>");
    rig_out(r, "S. 0:0(0) ack 1 <mss 1460>");
    rig_free(r);
}

/* A program that always leaves something unread must not wear the window down. */
static void test_partial_reads_do_not_leak_window(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, "mss 1460, wscale 7");
    char line[64];
    uint32_t at = 1;
    for (unsigned i = 0; i < 4000; i++) {
        uint32_t len = i % 3 == 0 ? 1460 : 100;
        snprintf(line, sizeof(line), "P. %u:%u(%u) ack 1", at, at + len, len);
        at += len;
        rig_in(r, line);
        if (i != 0)
            rig_recv(r, len); /* one segment behind for ever */
        rig_forget(r);
    }
    uint64_t truesize = 0;
    for (const struct vt_pbuf *p = r->tcb->recvq.first; p != NULL; p = p->next)
        truesize += p->aux[0];
    assert_int_equal(r->tcb->rcv_truesize, truesize);
    rig_free(r);
}

/* ---- Urgent data (RFC 9293 3.8.5, RFC 6093) ---- */

/* As on Linux: the byte before the pointer is out of band; reading stops at it; SIOCATMARK tells. */
static void test_must32_out_of_band(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    assert_int_equal(rig_recv_flags(r, 1, VT_MSG_OOB), -VT_EINVAL);
    rig_in(r, "PU. 1:6(5) ack 1 urg 3");         /* byte 3 is urgent */
    assert_true(r->n.ready_events & VT_POLLPRI); /* MUST-32 */
    assert_true(vt_tcp_poll(r->tcb) & VT_POLLPRI);
    assert_false(vt_tcp_at_mark(r->tcb));
    assert_int_equal(rig_recv(r, 10), 2);
    assert_true(vt_tcp_at_mark(r->tcb));
    uint8_t b = 0;
    assert_int_equal(vt_tcp_recv(r->tcb, &b, 1, VT_MSG_OOB | VT_MSG_PEEK), 1);
    assert_int_equal(b, rig_byte(false, 3));
    assert_int_equal(vt_tcp_recv(r->tcb, &b, 1, VT_MSG_OOB), 1);
    assert_int_equal(vt_tcp_recv(r->tcb, &b, 1, VT_MSG_OOB), -VT_EINVAL);
    assert_false(vt_tcp_poll(r->tcb) & VT_POLLPRI);
    r->f->read++;
    assert_int_equal(rig_recv(r, 10), 2);
    assert_false(vt_tcp_at_mark(r->tcb));
    rig_wait(r, 40 * VT_MSEC);
    rig_out(r, ". 1:1(0) ack 6");
    rig_free(r);
}

static void test_oob_inline(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_set(r, VT_SOL_SOCKET, VT_SO_OOBINLINE, 1);
    rig_in(r, "PU. 1:6(5) ack 1 urg 3");
    assert_int_equal(rig_recv(r, 10), 2);
    assert_true(vt_tcp_at_mark(r->tcb));
    assert_int_equal(rig_recv_flags(r, 1, VT_MSG_OOB), -VT_EINVAL);
    assert_int_equal(rig_recv(r, 10), 3);
    rig_wait(r, 40 * VT_MSEC);
    rig_out(r, ". 1:1(0) ack 6");
    rig_free(r);
}

/* Looking changes nothing: Linux leaves the urgent byte where it is. */
static void test_peek_at_the_mark(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "PU. 1:6(5) ack 1 urg 3");
    assert_int_equal(rig_recv_flags(r, 10, VT_MSG_PEEK), 2);
    assert_int_equal(rig_recv(r, 10), 2);
    r->f->read++;
    assert_int_equal(rig_recv_flags(r, 10, VT_MSG_PEEK), 2);
    assert_int_equal(rig_recv_flags(r, 10, VT_MSG_PEEK), 2);
    assert_true(vt_tcp_at_mark(r->tcb));
    assert_int_equal(rig_recv_flags(r, 1, VT_MSG_OOB), 1);
    assert_int_equal(rig_recv(r, 10), 2);
    rig_wait(r, 40 * VT_MSEC);
    rig_out(r, ". 1:1(0) ack 6");
    rig_free(r);
}

/* MUST-31: of any length; the pointer may be ahead of what has come, and moves only onward. */
static void test_must31_pointer_ahead(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "PU. 1:6(5) ack 1 urg 100");
    assert_true(vt_tcp_poll(r->tcb) & VT_POLLPRI);
    assert_int_equal(rig_recv_flags(r, 1, VT_MSG_OOB), -VT_EAGAIN);
    assert_int_equal(rig_recv(r, 10), 5);
    rig_out(r, ". 1:1(0) ack 6");
    rig_in(r, "PU. 6:101(95) ack 1 urg 20"); /* an older pointer: not back */
    assert_int_equal(rig_recv(r, 200), 94);
    assert_true(vt_tcp_at_mark(r->tcb));
    assert_int_equal(rig_recv_flags(r, 1, VT_MSG_OOB), 1);
    r->f->read++;
    assert_int_equal(rig_recv(r, 200), -VT_EAGAIN);
    rig_wait(r, 40 * VT_MSEC);
    rig_out(r, ". 1:1(0) ack 101");
    rig_free(r);
}

/* V48: no underflow, whatever the pointer says. */
static void test_v48_pointers(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "U. 1:1(0) ack 1 urg 0",        "U. 1:1(0) ack 1 urg 65535", "PU. 1:4(3) ack 1 urg 0",
        "PU. 1:4(3) ack 1 urg 1",       "PU. 1:4(3) ack 1 urg 3",    "PU. 1:4(3) ack 1 urg 65535",
        "P. 1:4(3) ack 1 urg 2", /* no URG: the field says nothing */
        "FU. 1:1(0) ack 1 urg 1",       "FPU. 1:4(3) ack 1 urg 4",   "PU. -9:4(13) ack 1 urg 5",
        "PU. 1000:1003(3) ack 1 urg 2",
    };
    for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct rig *r = rig_new(5000);
        r->drops_ignored = true;
        rig_accepted(r, NULL);
        rig_in(r, lines[i]);
        uint8_t b[16];
        vt_tcp_at_mark(r->tcb);
        vt_tcp_recv(r->tcb, b, 1, VT_MSG_OOB);
        for (unsigned k = 0; k < 10; k++) {
            vt_tcp_recv(r->tcb, b, sizeof(b), k % 2 == 0 ? VT_MSG_PEEK : 0);
            vt_tcp_recv(r->tcb, b, 1, VT_MSG_OOB);
            vt_tcp_poll(r->tcb);
        }
        assert_int_equal(vt_tcp_inq(r->tcb), 0);
        rig_wait(r, VT_SEC);
        rig_forget(r);
        rig_free(r);
    }
}

/* V48: a pointer of 0 marks nothing, wherever the segment lies. */
static void test_v48_zero_is_no_mark(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "PU. 101:111(10) ack 1 urg 0");
    rig_out(r, ". 1:1(0) ack 1");
    assert_false(vt_tcp_poll(r->tcb) & VT_POLLPRI);
    rig_in(r, "P. 1:101(100) ack 1");
    rig_out(r, ". 1:1(0) ack 111");
    assert_int_equal(rig_recv(r, 200), 110); /* and is no gap in the stream */
    rig_free(r);
}

/* MUST-30, MUST-62: we send it too; the pointer is that of the byte behind. */
static void test_must30_send_urgent(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_send_flags(r, 3, VT_MSG_OOB);
    rig_out(r, "PU. 1:4(3) ack 1 urg 3");
    rig_send(r, 5); /* not urgent; but as on Linux no Nagle until the urgent bytes are acknowledged */
    rig_out(r, "P. 4:9(5) ack 1");
    rig_in(r, ". 1:1(0) ack 9");
    rig_send(r, 5);
    rig_out(r, "P. 9:14(5) ack 1");
    rig_send(r, 5); /* now it is back */
    rig_quiet(r);
    rig_in(r, ". 1:1(0) ack 14");
    rig_out(r, "P. 14:19(5) ack 1");
    rig_free(r);
}

/* Urgent bytes further on than the field can tell: 65535 until they are nearer. */
static void test_send_urgent_far_ahead(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, "mss 1460, wscale 7");
    rig_set(r, VT_SOL_SOCKET, VT_SO_SNDBUF, 200000);
    rig_in(r, ". 1:1(0) ack 1 win 2");
    rig_send(r, 70000);
    rig_forget(r);
    rig_send_flags(r, 1, VT_MSG_OOB);
    rig_forget(r);
    rig_in(r, ". 1:1(0) ack 1 win 1000");
    struct packet *p;
    uint32_t last = 0;
    while ((p = tcp_node_take(&r->n)) != NULL) {
        struct vt_tcp_hdr h;
        vt_tcp_parse(p->bytes + 20, p->len - 20, &h);
        if (p->len > 40 && h.seq.v - r->f->iss < 70000) {
            uint32_t ahead = 70002 - (h.seq.v - r->f->iss);
            assert_true(h.flags & VT_URG);
            assert_int_equal(h.urgent, ahead < 65535 ? ahead : 65535);
            last = h.urgent;
        }
        free(p);
    }
    assert_true(last != 0);
    rig_free(r);
}

/* ---- Calls ---- */

static void test_receive_calls(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    rig_in(r, "P. 1:1001(1000) ack 1");
    assert_int_equal(vt_tcp_inq(r->tcb), 1000);
    assert_int_equal(rig_recv_flags(r, 10, VT_MSG_PEEK), 10);
    assert_int_equal(rig_recv(r, 0), 0);
    assert_int_equal(rig_recv_flags(r, 500, VT_MSG_TRUNC), 500); /* dropped */
    assert_int_equal(rig_recv(r, 400), 400);
    struct vt_block *block;
    const uint8_t *data;
    assert_int_equal(vt_tcp_recv_block(r->tcb, &block, &data), 100);
    assert_int_equal(data[0], rig_byte(false, 901));
    assert_int_equal(data[99], rig_byte(false, 1000));
    vt_block_unref(block);
    assert_int_equal(vt_tcp_recv_block(r->tcb, &block, &data), -VT_EAGAIN);
    vt_tcp_run(r->n.tcp);
    rig_out(r, ". 1:1(0) ack 1001");     /* all is read */
    rig_in(r, "P. 1001:1011(10) ack 1"); /* small: it lies in the descriptor */
    assert_int_equal(vt_tcp_recv_block(r->tcb, &block, &data), 10);
    assert_int_equal(data[9], rig_byte(false, 1010));
    vt_block_unref(block);
    rig_in(r, "F. 1011:1011(0) ack 1");
    assert_int_equal(vt_tcp_recv_block(r->tcb, &block, &data), 0);
    rig_out(r, ". 1:1(0) ack 1012");
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delayed_ack),
        cmocka_unit_test(test_every_second_full_segment),
        cmocka_unit_test(test_burst_is_answered_once),
        cmocka_unit_test(test_data_carries_the_ack),
        cmocka_unit_test(test_quickack),
        cmocka_unit_test(test_out_of_order),
        cmocka_unit_test(test_sack_order),
        cmocka_unit_test(test_sack_with_timestamps),
        cmocka_unit_test(test_v66_sack_across_the_wrap),
        cmocka_unit_test(test_overlap_keeps_what_came_first),
        cmocka_unit_test(test_v47_runs_are_capped),
        cmocka_unit_test(test_buffer_does_not_shrink),
        cmocka_unit_test(test_v47_small_segments),
        cmocka_unit_test(test_v47_small_segments_in_order),
        cmocka_unit_test(test_reassembly_against_a_model),
        cmocka_unit_test(test_window_closes_and_opens),
        cmocka_unit_test(test_beyond_the_window),
        cmocka_unit_test(test_ack_with_a_shut_window),
        cmocka_unit_test(test_window_scale),
        cmocka_unit_test(test_no_window_scale_unless_both),
        cmocka_unit_test(test_partial_reads_do_not_leak_window),
        cmocka_unit_test(test_must32_out_of_band),
        cmocka_unit_test(test_oob_inline),
        cmocka_unit_test(test_peek_at_the_mark),
        cmocka_unit_test(test_must31_pointer_ahead),
        cmocka_unit_test(test_v48_pointers),
        cmocka_unit_test(test_v48_zero_is_no_mark),
        cmocka_unit_test(test_must30_send_urgent),
        cmocka_unit_test(test_send_urgent_far_ahead),
        cmocka_unit_test(test_receive_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

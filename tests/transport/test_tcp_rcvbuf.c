/* The receive buffer: how the window grows with what comes and is read, what bounds it, what it costs (RFC
 * 9293 3.8.6; Linux's dynamic right sizing where that leaves it open). */
#include "tcp_rig.h"

#define ROUND (50 * VT_MSEC)

/* A round trip of a sender that fills the window, `len` bytes a segment; the program reads all of it, or
 * nothing. Returns the number of the next byte. */
static uint32_t fill(struct rig *r, uint32_t at, uint32_t len, bool reads)
{
    char line[64];
    uint32_t n = rig_info(r).tcpi_rcv_wnd / len;
    for (uint32_t i = 0; i < n; i++, at += len) {
        snprintf(line, sizeof(line), ". %u:%u(%u) ack 1", at, at + len, len);
        rig_in(r, line);
        rig_forget(r);
    }
    if (reads && n != 0)
        assert_int_equal(rig_recv(r, n * len), n * len);
    rig_forget(r);
    rig_wait(r, ROUND);
    rig_forget(r);
    return at;
}

static struct rig *opened(void)
{
    struct rig *r = rig_new(5000);
    rig_accepted(r, "mss 1460, wscale 7");
    return r;
}

/* A program that keeps pace gets a window that lets the sender double its rate; never beyond tcp_rmem's end.
 */
static void test_window_grows_with_the_reader(void **state)
{
    (void)state;
    struct rig *r = opened();
    uint32_t at = 1, first = rig_info(r).tcpi_rcv_wnd;
    assert_in_range(first, 60000, 65535);
    for (unsigned i = 0; i < 10; i++)
        at = fill(r, at, 1460, true);
    struct vt_tcp_info i = rig_info(r);
    assert_in_range(i.tcpi_rcv_wnd, 8 * first, 6291456);
    assert_in_range(i.tcpi_rcv_rtt, 1, 200000);
    assert_in_range(rig_get(r, VT_SOL_SOCKET, VT_SO_RCVBUF), 131073, 6291456);
    rig_free(r);
}

/* Not where the program has said how large, nor where the knob forbids it. */
static void test_window_stays_as_set(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        struct rig *r = opened();
        if (k == 0)
            rig_set(r, VT_SOL_SOCKET, VT_SO_RCVBUF, 65536);
        else
            rig_knob(r, "net.ipv4.tcp_moderate_rcvbuf", 0);
        uint32_t at = 1, first = rig_info(r).tcpi_rcv_wnd;
        for (unsigned i = 0; i < 8; i++)
            at = fill(r, at, 1460, true);
        assert_in_range(rig_info(r).tcpi_rcv_wnd, first / 2, first + 2000);
        assert_int_equal(rig_get(r, VT_SOL_SOCKET, VT_SO_RCVBUF), 131072);
        rig_free(r);
    }
}

/* Nor where nobody reads: the window closes, and what is held is bounded. */
static void test_nobody_reads(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1460, 700, 513, 100};
    for (unsigned k = 0; k < 4; k++) {
        struct rig *r = opened();
        rig_set(r, VT_SOL_SOCKET, VT_SO_RCVBUF, 65536);
        size_t before = r->n.memory.live;
        uint32_t at = 1;
        for (unsigned i = 0; i < 20; i++)
            at = fill(r, at, sizes[k], false);
        assert_in_range(rig_info(r).tcpi_rcv_wnd, 0, sizes[k] + 128);
        /* The program asked for this much, and small segments cost no more than large ones. */
        assert_in_range(r->n.memory.live - before, 0, 2 * 131072);
        assert_int_equal(rig_recv(r, at), at - 1);
        rig_forget(r);
        rig_free(r);
    }
}

/* Out of order the same: a byte here and there may not hold more than the buffer. */
static void test_scattered_bytes_are_put_together(void **state)
{
    (void)state;
    struct rig *r = opened();
    rig_set(r, VT_SOL_SOCKET, VT_SO_RCVBUF, 65536);
    size_t before = r->n.memory.live;
    char line[64];
    for (uint32_t at = 102; at + 200 < 60000; at += 200) {
        snprintf(line, sizeof(line), ". %u:%u(200) ack 1", at, at + 200);
        rig_in(r, line);
        rig_forget(r);
    }
    assert_in_range(r->n.memory.live - before, 0, 3 * 131072);
    rig_in(r, ". 1:102(101) ack 1");
    rig_forget(r);
    assert_in_range(rig_recv(r, 70000), 30000, 60000);
    r->drops_ignored = true;
    rig_forget(r);
    rig_free(r);
}

/* SHLD-14: whatever comes and is read, the edge never moves to the left. */
static void test_edge_never_moves_left(void **state)
{
    (void)state;
    struct rig *r = opened();
    rig_set(r, VT_SOL_SOCKET, VT_SO_RCVBUF, 20000);
    char line[64];
    uint32_t at = 1, x = 12345;
    struct vt_seq edge = r->tcb->rcv_adv;
    for (unsigned i = 0; i < 3000; i++) {
        x = x * 1664525u + 1013904223u;
        uint32_t len = 1 + (x >> 8) % 1460, room = (uint32_t)vt_seq_diff(r->tcb->rcv_adv, r->tcb->rcv_nxt);
        if (len <= room) {
            snprintf(line, sizeof(line), "P. %u:%u(%u) ack 1", at, at + len, len);
            rig_in(r, line);
            at += len;
        }
        if ((x >> 28) < 6)
            rig_recv(r, (x >> 4) % 4000);
        if ((x >> 27 & 7) == 0)
            rig_wait(r, 200 * VT_MSEC);
        rig_forget(r);
        assert_true(vt_seq_ge(r->tcb->rcv_adv, edge));
        edge = r->tcb->rcv_adv;
    }
    r->drops_ignored = true;
    rig_free(r);
}

/* SO_RCVLOWAT makes room for what is waited for. */
static void test_rcvlowat_makes_room(void **state)
{
    (void)state;
    struct rig *r = opened();
    rig_set(r, VT_SOL_SOCKET, VT_SO_RCVLOWAT, 200000);
    assert_int_equal(rig_get(r, VT_SOL_SOCKET, VT_SO_RCVBUF), 400000);
    uint32_t at = 1;
    for (unsigned i = 0; i < 12 && at < 200000; i++) {
        assert_false(vt_tcp_poll(r->tcb) & VT_POLLIN);
        at = fill(r, at, 1460, false);
    }
    assert_true(at >= 200000);
    assert_true(vt_tcp_poll(r->tcb) & VT_POLLIN);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window_grows_with_the_reader),
        cmocka_unit_test(test_window_stays_as_set),
        cmocka_unit_test(test_nobody_reads),
        cmocka_unit_test(test_scattered_bytes_are_put_together),
        cmocka_unit_test(test_edge_never_moves_left),
        cmocka_unit_test(test_rcvlowat_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

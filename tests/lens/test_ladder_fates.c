/* What became of a packet, as a ladder shows it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scene.h"

static const struct vt_event_id none;

struct stage {
    struct scene scene;
    struct catch out;
    struct vt_ladder *ladder;
};

static struct scene *begin(struct stage *t, const struct vt_ladder_config *config)
{
    memset(t, 0, sizeof *t);
    t->ladder = vt_ladder_new(config, catch_sink(&t->out));
    assert_non_null(t->ladder);
    scene_listen(&t->scene, vt_ladder_event, t->ladder);
    scene_topology(&t->scene);
    return &t->scene;
}

static const char *finish(struct stage *t)
{
    assert_int_equal(vt_ladder_finish(t->ladder), 0);
    return t->out.text != NULL ? t->out.text : "";
}

static void end(struct stage *t)
{
    vt_ladder_free(t->ladder);
    catch_free(&t->out);
}

static void expect(struct stage *t, const char *golden, const char *name)
{
    const char *text = finish(t);
    if (getenv("LENS_GOLDEN") != NULL)
        printf("@@%s\n%s\n", name, text);
    else
        assert_string_equal(text, golden);
    end(t);
}

static void expect_text(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("not there: \"%s\" in\n%s", part, text);
}

/* a's connection 1 with b's port 9528, up; nothing has been sent on it. */
static void up(struct scene *s)
{
    scene_open(s);
}

static struct packet data(struct scene *s, uint32_t seq, const char *text, unsigned why)
{
    return scene_seg(s, A, 1, 40000, B, 9528, VT_PSH | VT_ACK, seq, ISN_B + 1, text, why);
}

static const char golden_lost[] =
    "    time s state       a                                                    b state           time s\n"
    "  0.000000 CLOSED      │          10.0.0.1:40000 → 10.0.0.2:9528            │ LISTEN\n"
    "  0.000000 SYN-SENT    │──────────── SYN seq=x (1000) mss=1460 ────────────▶│ SYN-RCVD      0.002000\n"
    "  0.004000 ESTABLISHED │◀───── SYN,ACK seq=y (5000) ack=x+1 mss=1460 ───────│ SYN-RCVD      0.002000\n"
    "  0.004000 ESTABLISHED │─────────────── ACK seq=x+1 ack=y+1 ───────────────▶│ ESTABLISHED   0.006000\n"
    "                       │  x = 1000, y = 5000: below, numbers count from     │\n"
    "                       │  these, so that x+1 is 1                           │\n"
    "  0.006000 ESTABLISHED │─ PSH,ACK seq=1 ack=1 len=3 ───✗ loss               │ ESTABLISHED\n"
    "                       │  ↳ lost on cable a-s1 (impairment)                 │\n"
    "  0.206000 ESTABLISHED │◦ timer: retransmission                             │ ESTABLISHED\n"
    "  0.206000 ESTABLISHED │───── PSH,ACK seq=1 ack=1 len=3 ──────✗ queue-full  │ ESTABLISHED\n"
    "                       │  ↳ retransmission, timeout                         │\n"
    "                       │  ↳ lost on cable b-s1: the cable's queue was full  │\n"
    "  0.607000 ESTABLISHED │◦ timer: retransmission (2 in a row)                │ ESTABLISHED\n"
    "  0.607000 ESTABLISHED │──────────── PSH,ACK seq=1 ack=1 len=3 ────────────▶│ ESTABLISHED   0.609000\n"
    "                       │  ↳ retransmission, timeout                         │\n"
    "           ESTABLISHED │                             target ✗─ ACK ack=4 ───│ ESTABLISHED   0.609000\n"
    "                       │  ↳ lost on cable b-s1: a targeted fault took it    │\n";

/* Lost on the first cable, lost on the second; the timer, and the segment again, named with its reason. */
static void test_lost_mid_arrow(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){0});
    (void)state;
    up(s);
    struct packet p = data(s, ISN_A + 1, "one", VT_SEG_NEW);
    scene_depart(s, &p, A, S1);
    scene_drop(s, &p, 0, VT_DROP_CABLE_LOSS);
    scene_wait(s, 200 * MS);
    scene_timer(s, A, 1, VT_TCP_TIMER_RTO, 1);
    p = data(s, ISN_A + 1, "one", VT_SEG_RTO);
    scene_hop(s, &p, A, S1);
    scene_depart(s, &p, S1, B);
    scene_drop(s, &p, 0, VT_DROP_CABLE_QUEUE);
    scene_wait(s, 400 * MS);
    scene_timer(s, A, 1, VT_TCP_TIMER_RTO, 2);
    p = data(s, ISN_A + 1, "one", VT_SEG_RTO);
    scene_cross(s, &p, A, B);
    scene_read(s, &p, B, 2, VT_TCP_ESTABLISHED);
    /* And on the way back. */
    p = scene_seg(s, B, 2, 9528, A, 40000, VT_ACK, ISN_B + 1, ISN_A + 4, "", VT_SEG_ACK);
    scene_depart(s, &p, B, S1);
    scene_drop(s, &p, 0, VT_DROP_CABLE_TARGET);
    expect(&t, golden_lost, "lost");
}

static const char golden_damaged[] =
    "    time s state       a                                                    b state           time s\n"
    "  0.000000 CLOSED      │          10.0.0.1:40000 → 10.0.0.2:9528            │ LISTEN\n"
    "  0.000000 SYN-SENT    │──────────── SYN seq=x (1000) mss=1460 ────────────▶│ SYN-RCVD      0.002000\n"
    "  0.004000 ESTABLISHED │◀───── SYN,ACK seq=y (5000) ack=x+1 mss=1460 ───────│ SYN-RCVD      0.002000\n"
    "  0.004000 ESTABLISHED │─────────────── ACK seq=x+1 ack=y+1 ───────────────▶│ ESTABLISHED   0.006000\n"
    "                       │  x = 1000, y = 5000: below, numbers count from     │\n"
    "                       │  these, so that x+1 is 1                           │\n"
    "  0.006000 ESTABLISHED │─ PSH,ACK seq=1 ack=1 len=3 ───✗ bad-fcs            │ ESTABLISHED\n"
    "                       │  ↳ bit 113 flipped; lost on cable a-s1: the frame  │\n"
    "                       │    check sequence does not match (IEEE 802.3       │\n"
    "                       │    3.2.9)                                          │\n"
    "  0.007000 ESTABLISHED │─────────── PSH,ACK seq=1 ack=1 len=3 ─────────────✗│ ESTABLISHED   0.009000\n"
    "                       │  ↳ fast retransmission                             │\n"
    "                       │  ↳ bit 450 flipped; dropped by b: the TCP checksum │\n"
    "                       │    (RFC 9293 3.1)                                  │\n"
    "  0.009000 ESTABLISHED │──────────── PSH,ACK seq=1 ack=1 len=3 ────────────▶│ ESTABLISHED   0.011000\n"
    "                       │  ↳ retransmission, timeout                         │\n"
    "  0.009000 ESTABLISHED │─────────── PSH,ACK seq=1 ack=1 len=3 ─────────────✗│ ESTABLISHED   0.012000\n"
    "                       │  ↳ retransmission, timeout                         │\n"
    "                       │  ↳ dropped by b: all its data had already come     │\n";

/* A flipped bit that the FCS catches, one that only TCP's checksum can, and a copy too many. */
static void test_damaged_and_duplicated(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){0});
    (void)state;
    up(s);
    struct packet p = data(s, ISN_A + 1, "one", VT_SEG_NEW);
    scene_depart(s, &p, A, S1);
    scene_impair(s, &p, VT_IMPAIR_CORRUPT, 113);
    scene_wait(s, MS);
    scene_drop(s, &p, 0, VT_DROP_FCS);
    p = data(s, ISN_A + 1, "one", VT_SEG_FAST);
    scene_depart(s, &p, A, S1);
    scene_impair(s, &p, VT_IMPAIR_CORRUPT_INSIDE, 450);
    scene_wait(s, MS);
    scene_arrive(s, &p, A, S1);
    scene_hop(s, &p, S1, B);
    scene_drop(s, &p, B, VT_DROP_TCP_CHECKSUM);
    p = data(s, ISN_A + 1, "one", VT_SEG_RTO);
    scene_hop(s, &p, A, S1);
    scene_depart(s, &p, S1, B);
    scene_impair(s, &p, VT_IMPAIR_DUPLICATE, 0);
    struct packet copy = p;
    scene_wait(s, MS);
    scene_arrive(s, &p, S1, B);
    scene_read(s, &p, B, 2, VT_TCP_ESTABLISHED);
    scene_wait(s, MS);
    scene_arrive(s, &copy, S1, B);
    copy.id = scene_read(s, &copy, B, 2, VT_TCP_ESTABLISHED);
    scene_drop(s, &copy, B, VT_DROP_TCP_DUPLICATE);
    expect(&t, golden_damaged, "damaged");
}

static const char golden_router_drop[] =
    "    time s state       a                                                    c state           time s\n"
    "  0.000000 CLOSED      │           10.0.0.1:40000 → 10.1.0.1:80             │ CLOSED\n"
    "  0.000000 SYN-SENT    │── SYN seq=x (1000) mss=1460 ────✗ ip-ttl           │ CLOSED\n"
    "                       │  ↳ dropped by r1: its time to live ran out (RFC    │\n"
    "                       │    1812 5.3.1)                                     │\n"
    "  0.004000 SYN-SENT    │◀──────────── ICMP time exceeded ─────────────── r1 │ CLOSED\n";

/* A router ends it: the arrow dies at the router's place on the way, two of three cables on. */
static void test_dropped_by_router(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){0});
    (void)state;
    scene_conn(s, A, 1, 40000, C, 80, 0, 0);
    scene_move(s, A, VT_TCP_CLOSED, VT_TCP_SYN_SENT, none);
    struct packet p = scene_seg(s, A, 1, 40000, C, 80, VT_SYN, ISN_A, 0, "", VT_SEG_NEW);
    scene_hop(s, &p, A, S1);
    scene_hop(s, &p, S1, R1);
    struct vt_event_id seen = p.id;
    scene_drop(s, &p, R1, VT_DROP_IP_TTL);
    struct vt_event icmp = {.kind = VT_EV_ICMP_TX};
    memcpy(icmp.u.icmp.src, scene_ip(R1).b, 16);
    memcpy(icmp.u.icmp.dst, scene_ip(A).b, 16);
    icmp.u.icmp.type = 11;
    struct packet answer = {.tx = icmp};
    answer.id = scene_emit(s, &answer.tx, R1, seen, NULL, 0);
    scene_cross(s, &answer, R1, A);
    scene_read(s, &answer, A, 0, 0);
    expect(&t, golden_router_drop, "router_drop");
}

/* A packet that never left: no route, or the neighbour did not answer. */
static void test_never_left(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){0});
    (void)state;
    up(s);
    struct packet p = data(s, ISN_A + 1, "one", VT_SEG_NEW);
    scene_drop(s, &p, A, VT_DROP_IP_NO_ROUTE);
    expect_text(finish(&t), "✗ ip-no-route");
    expect_text(t.out.text, "dropped by a: no route to its destination");
    end(&t);
}

/* A flood's copies to others end as not theirs: that is no fate of the packet. */
static void test_flood_copies_are_quiet(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){0});
    (void)state;
    up(s);
    struct packet p = data(s, ISN_A + 1, "one", VT_SEG_NEW);
    scene_hop(s, &p, A, S1);
    struct packet other = p;
    scene_depart(s, &other, S1, R1);
    scene_depart(s, &p, S1, B);
    scene_wait(s, MS);
    scene_arrive(s, &other, S1, R1);
    scene_drop(s, &other, R1, VT_DROP_ETH_NOT_OURS);
    scene_arrive(s, &p, S1, B);
    scene_read(s, &p, B, 2, VT_TCP_ESTABLISHED);
    const char *text = finish(&t);
    assert_null(strstr(text, "not-ours"));
    expect_text(text, "PSH,ACK seq=1 ack=1 len=3");
    end(&t);
}

/* The copy for its receiver is lost, those for others arrive: it is lost, and told when the last copy has
 * ended. */
static void test_flood_lost(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){0});
    (void)state;
    up(s);
    struct packet p = data(s, ISN_A + 1, "one", VT_SEG_NEW);
    scene_hop(s, &p, A, S1);
    struct packet other = p;
    scene_depart(s, &p, S1, B);
    scene_drop(s, &p, 0, VT_DROP_CABLE_LOSS);
    scene_depart(s, &other, S1, R1);
    scene_wait(s, MS);
    scene_arrive(s, &other, S1, R1);
    scene_drop(s, &other, R1, VT_DROP_ETH_NOT_OURS);
    expect_text(finish(&t), "lost on cable b-s1");
    assert_null(strstr(t.out.text, "not-ours"));
    end(&t);
}

/* What is still on its way at the end is said to be. */
static void test_open_at_the_end(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){0});
    (void)state;
    up(s);
    struct packet p = data(s, ISN_A + 1, "one", VT_SEG_NEW);
    scene_hop(s, &p, A, S1);
    scene_depart(s, &p, S1, B);
    assert_null(strstr(t.out.text, "len=3"));
    expect_text(finish(&t), "⋯ still on the way");
    end(&t);
}

/* A peer outside the lab, behind a port without a cable: its column is its address, and its segments leave
 * and come. */
static void test_outside(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){0});
    struct vt_event port = {.kind = VT_EV_PORT, .iface = 9};
    (void)state;
    scene_emit(s, &port, S1, none, "tap0", 4);
    scene_conn(s, A, 1, 40000, NODES, 80, 0, 0);
    scene_move(s, A, VT_TCP_CLOSED, VT_TCP_SYN_SENT, none);
    struct packet p = scene_seg(s, A, 1, 40000, NODES, 80, VT_SYN, ISN_A, 0, "", VT_SEG_NEW);
    scene_hop(s, &p, A, S1);
    struct vt_event tx = {.kind = VT_EV_PORT_TX, .iface = 9};
    scene_emit(s, &tx, S1, p.id, NULL, 0);
    /* The answer comes from nowhere. */
    p = (struct packet){.tx = {.kind = VT_EV_TCP_TX}};
    memcpy(p.tx.u.seg.src, scene_ip(NODES).b, 16);
    memcpy(p.tx.u.seg.dst, scene_ip(A).b, 16);
    p.tx.u.seg.sport = 80;
    p.tx.u.seg.dport = 40000;
    p.tx.u.seg.flags = VT_SYN | VT_ACK;
    p.tx.u.seg.seq = 77;
    p.tx.u.seg.ack = ISN_A + 1;
    p.tx.u.seg.wnd = 1000;
    struct vt_event rx = {.kind = VT_EV_PORT_RX, .iface = 9};
    p.id = scene_emit(s, &rx, S1, none, NULL, 0);
    scene_hop(s, &p, S1, A);
    scene_read(s, &p, A, 1, VT_TCP_SYN_SENT);
    const char *text = finish(&t);
    expect_text(text, "192.0.2.1");
    expect_text(text, "SYN seq=x (1000) mss=1460 ────────────▷│");
    expect_text(text, "SYN,ACK seq=y (77) ack=x+1");
    end(&t);
}

/* ---- Hidden connections ---- */

static void page_conversation(struct scene *s, uint16_t port, const char *text)
{
    struct packet p = scene_seg(s, A, 7, port, B, 80, VT_PSH | VT_ACK, 10, 20, text, VT_SEG_NEW);
    scene_cross(s, &p, A, B);
    scene_read(s, &p, B, 8, VT_TCP_ESTABLISHED);
}

/* Marked by one end only, the other end's lines are hidden too; in a whole ladder, those before the mark as
 * well. */
static void test_hidden(void **state)
{
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        struct stage t;
        struct scene *s = begin(&t, &(struct vt_ladder_config){.whole = whole != 0});
        scene_conn(s, A, 7, 50000, B, 80, 0, 0);
        scene_conn(s, B, 8, 80, A, 50000, 1, 0);
        page_conversation(s, 50000, "before");
        scene_wait(s, MS);
        scene_call(s, B, 8, VT_CALL_RECV, 6, false);
        struct vt_event mark = {.kind = VT_EV_TCP_MARK, .conn = 8, .mark = VT_MARK_PAGE};
        memcpy(mark.u.conn.local, scene_ip(B).b, 16);
        memcpy(mark.u.conn.remote, scene_ip(A).b, 16);
        mark.u.conn.lport = 80;
        mark.u.conn.rport = 50000;
        scene_emit(s, &mark, B, none, NULL, 0);
        page_conversation(s, 50000, "after it");
        up(s);
        const char *text = finish(&t);
        assert_null(strstr(text, "len=8"));
        assert_int_equal(strstr(text, "len=6") != NULL, whole == 0);
        expect_text(text, "SYN seq=x (1000)");
        end(&t);
    }
}

static void test_hidden_on_request(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){.hidden = true});
    (void)state;
    scene_conn(s, A, 7, 50000, B, 80, 0, VT_MARK_PAGE);
    page_conversation(s, 50000, "shown");
    expect_text(finish(&t), "len=5");
    end(&t);
}

/* ---- Choosing ---- */

static void test_port(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){.port = 9528});
    (void)state;
    scene_conn(s, A, 7, 50000, B, 80, 0, 0);
    page_conversation(s, 50000, "other");
    up(s);
    const char *text = finish(&t);
    assert_null(strstr(text, "len=5"));
    expect_text(text, "SYN seq=x (1000)");
    end(&t);
}

static void test_calls_and_said(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){.calls = true, .said = true});
    struct vt_event app = {.kind = VT_EV_APP};
    (void)state;
    up(s);
    scene_call(s, A, 1, VT_CALL_SEND, 5, false);
    scene_call(s, B, 2, VT_CALL_RECV, -VT_EAGAIN, true);
    scene_call(s, A, 1, VT_CALL_CLOSE, -VT_EBADF, false);
    scene_emit(s, &app, A, none, "says \"q\"\n", 9);
    const char *text = finish(&t);
    expect_text(text, "◦ send(1024) = 5");
    expect_text(text, "recv(1024) waits ◦");
    expect_text(text, "◦ close(): Bad file descriptor");
    expect_text(text, "◦ \"says \\\"q\\\"\"");
    end(&t);
}

static void test_max_rows(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){.whole = true, .max_rows = 3});
    (void)state;
    up(s);
    scene_close(s, 0, 0);
    const char *text = finish(&t);
    unsigned lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 1 + 3 + 1);
    expect_text(text, " more rows)");
    end(&t);
}

/* What concerns all stands across: lost events, and a cable's new setting. */
static void test_legends(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){0});
    struct vt_event gap = {.kind = VT_EV_GAP, .version = VT_EVENT_VERSION};
    struct vt_event set = {.kind = VT_EV_LINK_SET};
    (void)state;
    up(s);
    gap.time = s->now;
    gap.u.gap.lost[0] = 17;
    vt_ladder_event(t.ladder, &gap, NULL);
    set.u.link.which = 1;
    set.u.link.node_a = S1;
    set.u.link.port_a = 1;
    scene_emit(s, &set, 0, none, "loss 10%", 8);
    const char *text = finish(&t);
    expect_text(text, "17 events were lost here");
    expect_text(text, "cable a-s1, from s1: loss 10%");
    end(&t);
}

/* A segment that a port cut into frames: the frame that died is told by its own numbers. */
static void test_one_frame_of_a_long_segment(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){0});
    char text[2001];
    (void)state;
    memset(text, 'x', 2000);
    text[2000] = '\0';
    s->frames = true;
    up(s);
    struct packet whole = data(s, ISN_A + 1, text, VT_SEG_NEW), piece = whole;
    s->frames = false; /* this piece arrives */
    scene_depart(s, &piece, A, S1);
    s->frames = true;
    vt_put16(s->frame + 16, 40 + 1000); /* this one has the second thousand, and dies */
    vt_put32(s->frame + 38, ISN_A + 1001);
    s->frame_len = 54 + 1000;
    piece = whole;
    scene_depart(s, &piece, A, S1);
    scene_drop(s, &piece, 0, VT_DROP_CABLE_LOSS);
    expect_text(finish(&t), "PSH,ACK seq=1001 ack=1 len=1000");
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lost_mid_arrow),
        cmocka_unit_test(test_damaged_and_duplicated),
        cmocka_unit_test(test_dropped_by_router),
        cmocka_unit_test(test_never_left),
        cmocka_unit_test(test_flood_copies_are_quiet),
        cmocka_unit_test(test_flood_lost),
        cmocka_unit_test(test_open_at_the_end),
        cmocka_unit_test(test_outside),
        cmocka_unit_test(test_hidden),
        cmocka_unit_test(test_hidden_on_request),
        cmocka_unit_test(test_port),
        cmocka_unit_test(test_calls_and_said),
        cmocka_unit_test(test_max_rows),
        cmocka_unit_test(test_legends),
        cmocka_unit_test(test_one_frame_of_a_long_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

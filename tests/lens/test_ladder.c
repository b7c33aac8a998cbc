/* Whole ladders of whole conversations, line by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>

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
    t->scene.frames = true;
    t->ladder = vt_ladder_new(config, catch_sink(&t->out));
    assert_non_null(t->ladder);
    scene_listen(&t->scene, vt_ladder_event, t->ladder);
    scene_topology(&t->scene);
    return &t->scene;
}

static void end(struct stage *t, const char *golden, const char *name)
{
    assert_int_equal(vt_ladder_finish(t->ladder), 0);
    if (getenv("LENS_GOLDEN") != NULL)
        printf("@@%s\n%s\n", name, t->out.text);
    else
        assert_string_equal(t->out.text, golden);
    vt_ladder_free(t->ladder);
    catch_free(&t->out);
}

static const char golden_conversation[] =
    "    time s state       a                                                    b state           time s\n"
    "  0.000000 CLOSED      │          10.0.0.1:40000 → 10.0.0.2:9528            │ LISTEN\n"
    "  0.000000 SYN-SENT    │──────────── SYN seq=x (1000) mss=1460 ────────────▶│ SYN-RCVD      0.002000\n"
    "  0.004000 ESTABLISHED │◀───── SYN,ACK seq=y (5000) ack=x+1 mss=1460 ───────│ SYN-RCVD      0.002000\n"
    "  0.004000 ESTABLISHED │─────────────── ACK seq=x+1 ack=y+1 ───────────────▶│ ESTABLISHED   0.006000\n"
    "                       │  x = 1000, y = 5000: below, numbers count from     │\n"
    "                       │  these, so that x+1 is 1                           │\n"
    "  0.006000 ESTABLISHED │─────── ARP who-has 10.0.0.2 tell 10.0.0.1 ────────▶│ ESTABLISHED   0.008000\n"
    "  0.010000 ESTABLISHED │◀───── ARP 10.0.0.2 is-at 02:00:00:02:00:01 ────────│ ESTABLISHED   0.008000\n"
    "  0.010000 ESTABLISHED │──────── PSH,ACK seq=1 ack=1 len=5 \"hello\" ────────▶│ ESTABLISHED   0.012000\n"
    "  0.014000 ESTABLISHED │◀─ PSH,ACK seq=1 ack=6 len=9 \"hello\\r\\n\\x01\\xff\" ───│ ESTABLISHED   "
    "0.012000\n"
    "  0.014000 ESTABLISHED │──────────── ACK ack=10 [delayed ack] ─────────────▶│ ESTABLISHED   0.016000\n"
    "  0.016000 FIN-WAIT-1  │──────────── FIN,ACK seq=u (6) ack=10 ─────────────▶│ CLOSE-WAIT    0.018000\n"
    "  0.020000 FIN-WAIT-2  │◀──────────── ACK seq=v (10) ack=u+1 ───────────────│ CLOSE-WAIT    0.018000\n"
    "  0.022000 TIME-WAIT   ┊◀────────── FIN,ACK seq=w (10) ack=u+1 ─────────────│ LAST-ACK      0.020000\n"
    "  0.022000 TIME-WAIT   ┊◦ TIME-WAIT begins: for 2 MSL                       │ LAST-ACK\n"
    "  0.022000 TIME-WAIT   ┊─────────────── ACK seq=u+1 ack=w+1 ───────────────▶│ CLOSED        0.024000\n"
    "                       ┊  u = x+6 = 1006, v = y+10 = 5010, w = y+10 = 5010: │\n"
    "                       ┊  closed with four segments                         │\n"
    "                       ⋮                       60 s                         ⋮\n"
    " 60.024000 CLOSED      │◦ 2 MSL (60.002 s) have passed                      │ CLOSED\n";

/* S12, S13: three segments, data, four segments, 2 MSL; ground truth beside each line. */
static void s13_whole_conversation(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){0});
    (void)state;
    scene_open(s);
    struct packet arp = scene_arp(s, A, 1, B);
    scene_cross(s, &arp, A, B);
    scene_read(s, &arp, B, 0, 0);
    arp = scene_arp(s, B, 2, A);
    scene_cross(s, &arp, B, A);
    scene_read(s, &arp, A, 0, 0);
    scene_say(s, A, VT_PSH | VT_ACK, ISN_A + 1, ISN_B + 1, "hello", VT_SEG_NEW);
    scene_say(s, B, VT_PSH | VT_ACK, ISN_B + 1, ISN_A + 6, "hello\r\n\x01\xff", VT_SEG_NEW);
    scene_say(s, A, VT_ACK, ISN_A + 6, ISN_B + 10, "", VT_SEG_DELAYED_ACK);
    scene_close(s, 5, 9);
    scene_wait(s, 60000 * MS);
    struct vt_event_id timer = scene_timer(s, A, 1, VT_TCP_TIMER_TIME_WAIT, 1);
    scene_move(s, A, VT_TCP_TIME_WAIT, VT_TCP_CLOSED, timer);
    end(&t, golden_conversation, "conversation");
}

static const char golden_ascii[] =
    "    time s state       a                                   b state\n"
    "  0.000000 CLOSED      |  10.0.0.1:40000 -> 10.0.0.2:9528  | LISTEN\n"
    "  0.002000 SYN-SENT    |--- SYN seq=x (1000) mss=1460 ---->| SYN-RCVD\n"
    "  0.004000 ESTABLISHED |<- SYN,ACK seq=y (5000) ack=x+1 ---| SYN-RCVD\n"
    "  0.006000 ESTABLISHED |------ ACK seq=x+1 ack=y+1 ------->| ESTABLISHED\n"
    "                       |  x = 1000, y = 5000: below,       |\n"
    "                       |  numbers count from these, so     |\n"
    "                       |  that x+1 is 1                    |\n"
    "  0.008000 ESTABLISHED |- PSH,ACK seq=1 ack=1 len=3 \"\\x~ ->| ESTABLISHED\n"
    "  0.010000 FIN-WAIT-1  |---- FIN,ACK seq=u (4) ack=1 ----->| CLOSE-WAIT\n"
    "  0.012000 FIN-WAIT-2  |<---- ACK seq=v (1) ack=u+1 -------| CLOSE-WAIT\n"
    "  0.014000 TIME-WAIT   :<-- FIN,ACK seq=w (1) ack=u+1 -----| LAST-ACK\n"
    "  0.014000 TIME-WAIT   :* TIME-WAIT begins: for 2 MSL      | LAST-ACK\n"
    "  0.016000 TIME-WAIT   :------ ACK seq=u+1 ack=w+1 ------->| CLOSED\n"
    "                       :  u = x+4 = 1004, v = y+1 = 5001,  |\n"
    "                       :  w = y+1 = 5001: closed with four |\n"
    "                       :  segments                         |\n";

static void test_ascii_narrow(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){.ascii = true, .width = 72});
    (void)state;
    scene_open(s);
    scene_say(s, A, VT_PSH | VT_ACK, ISN_A + 1, ISN_B + 1, "\xe4\xbd\xa0", VT_SEG_NEW);
    scene_close(s, 3, 0);
    end(&t, golden_ascii, "ascii");
}

static const char golden_three[] =
    "    time s state       a                                                    b state           time s\n"
    "  0.000000 CLOSED      │          10.0.0.1:40000 → 10.0.0.2:9528            │ LISTEN\n"
    "  0.000000 SYN-SENT    │──────────── SYN seq=x (1000) mss=1460 ────────────▶│ SYN-RCVD      0.002000\n"
    "  0.004000 ESTABLISHED │◀───── SYN,ACK seq=y (5000) ack=x+1 mss=1460 ───────│ SYN-RCVD      0.002000\n"
    "  0.004000 ESTABLISHED │─────────────── ACK seq=x+1 ack=y+1 ───────────────▶│ ESTABLISHED   0.006000\n"
    "                       │  x = 1000, y = 5000: below, numbers count from     │\n"
    "                       │  these, so that x+1 is 1                           │\n"
    "  0.006000 FIN-WAIT-1  │───────────── FIN,ACK seq=u (1) ack=1 ─────────────▶│ CLOSE-WAIT    0.008000\n"
    "  0.010000 TIME-WAIT   ┊◀─────────── FIN,ACK seq=w (1) ack=u+1 ─────────────│ LAST-ACK      0.008000\n"
    "  0.010000 TIME-WAIT   ┊◦ TIME-WAIT begins: for 2 MSL                       │ LAST-ACK\n"
    "  0.010000 TIME-WAIT   ┊─────────────── ACK seq=u+1 ack=w+1 ───────────────▶│ CLOSED        0.012000\n"
    "                       ┊  u = x+1 = 1001, w = y+1 = 5001: closed with three │\n"
    "                       ┊  segments                                          │\n";

/* S15: the other has nothing left: ACK and FIN go together. */
static void s15_three_segment_close(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){0});
    struct vt_event_id rx, call = {999999, A};
    (void)state;
    scene_open(s);
    scene_move(s, A, VT_TCP_ESTABLISHED, VT_TCP_FIN_WAIT1, call);
    rx = scene_say(s, A, VT_FIN | VT_ACK, ISN_A + 1, ISN_B + 1, "", VT_SEG_NEW);
    scene_move(s, B, VT_TCP_ESTABLISHED, VT_TCP_CLOSE_WAIT, rx);
    scene_move(s, B, VT_TCP_CLOSE_WAIT, VT_TCP_LAST_ACK, (struct vt_event_id){999999, B});
    rx = scene_say(s, B, VT_FIN | VT_ACK, ISN_B + 1, ISN_A + 2, "", VT_SEG_NEW);
    scene_move(s, A, VT_TCP_FIN_WAIT1, VT_TCP_TIME_WAIT, rx);
    rx = scene_say(s, A, VT_ACK, ISN_A + 2, ISN_B + 2, "", VT_SEG_ACK);
    scene_move(s, B, VT_TCP_LAST_ACK, VT_TCP_CLOSED, rx);
    end(&t, golden_three, "three");
}

static const char golden_simultaneous[] =
    "    time s state       a                                                    b state           time s\n"
    "  0.000000 CLOSED      │          10.0.0.1:40000 → 10.0.0.2:9528            │ LISTEN\n"
    "  0.000000 SYN-SENT    │──────────── SYN seq=x (1000) mss=1460 ────────────▶│ SYN-RCVD      0.002000\n"
    "  0.004000 ESTABLISHED │◀───── SYN,ACK seq=y (5000) ack=x+1 mss=1460 ───────│ SYN-RCVD      0.002000\n"
    "  0.004000 ESTABLISHED │─────────────── ACK seq=x+1 ack=y+1 ───────────────▶│ ESTABLISHED   0.006000\n"
    "                       │  x = 1000, y = 5000: below, numbers count from     │\n"
    "                       │  these, so that x+1 is 1                           │\n"
    "  0.006000 FIN-WAIT-1  │───────────── FIN,ACK seq=u (1) ack=1 ─────────────▶│ CLOSING       0.008000\n"
    "  0.008000 CLOSING     │◀──────────── FIN,ACK seq=w (1) ack=1 ──────────────│ FIN-WAIT-1    0.006000\n"
    "  0.008000 CLOSING     │─────────────── ACK seq=u+1 ack=w+1 ───────────────▶┊ TIME-WAIT     0.010000\n"
    "           CLOSING     │                       TIME-WAIT begins: for 2 MSL ◦┊ TIME-WAIT     0.010000\n"
    "  0.012000 TIME-WAIT   ┊◀────────────── ACK seq=w+1 ack=u+1 ────────────────┊ TIME-WAIT     0.010000\n"
    "                       ┊  u = x+1 = 1001, w = y+1 = 5001: both closed at    ┊\n"
    "                       ┊  once                                              ┊\n"
    "  0.012000 TIME-WAIT   ┊◦ TIME-WAIT begins: for 2 MSL                       ┊ TIME-WAIT\n";

/* S13: both close at once (RFC 9293 3.6, figure 13): the FINs cross. */
static void s13_simultaneous_close(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){0});
    struct vt_event_id rx;
    (void)state;
    scene_open(s);
    scene_move(s, A, VT_TCP_ESTABLISHED, VT_TCP_FIN_WAIT1, (struct vt_event_id){999998, A});
    struct packet one = scene_seg(s, A, 1, 40000, B, 9528, VT_FIN | VT_ACK, ISN_A + 1, ISN_B + 1, "",
                                  VT_SEG_NEW);
    scene_depart(s, &one, A, S1);
    scene_move(s, B, VT_TCP_ESTABLISHED, VT_TCP_FIN_WAIT1, (struct vt_event_id){999998, B});
    struct packet two = scene_seg(s, B, 2, 9528, A, 40000, VT_FIN | VT_ACK, ISN_B + 1, ISN_A + 1, "",
                                  VT_SEG_NEW);
    scene_depart(s, &two, B, S1);
    scene_wait(s, MS);
    scene_arrive(s, &one, A, S1);
    scene_depart(s, &one, S1, B);
    scene_arrive(s, &two, B, S1);
    scene_depart(s, &two, S1, A);
    scene_wait(s, MS);
    scene_arrive(s, &one, S1, B);
    rx = scene_read(s, &one, B, 2, VT_TCP_FIN_WAIT1);
    scene_move(s, B, VT_TCP_FIN_WAIT1, VT_TCP_CLOSING, rx);
    scene_arrive(s, &two, S1, A);
    rx = scene_read(s, &two, A, 1, VT_TCP_FIN_WAIT1);
    scene_move(s, A, VT_TCP_FIN_WAIT1, VT_TCP_CLOSING, rx);
    rx = scene_say(s, A, VT_ACK, ISN_A + 2, ISN_B + 2, "", VT_SEG_ACK);
    scene_move(s, B, VT_TCP_CLOSING, VT_TCP_TIME_WAIT, rx);
    rx = scene_say(s, B, VT_ACK, ISN_B + 2, ISN_A + 2, "", VT_SEG_ACK);
    scene_move(s, A, VT_TCP_CLOSING, VT_TCP_TIME_WAIT, rx);
    end(&t, golden_simultaneous, "simultaneous");
}

static const char golden_refused[] =
    "    time s state       a                                                    b state           time s\n"
    "  0.000000 CLOSED      │          10.0.0.1:40000 → 10.0.0.2:9528            │ CLOSED\n"
    "  0.000000 SYN-SENT    │─────────── SYN seq=x (1000) mss=1460 ─────────────✗│ CLOSED        0.002000\n"
    "                       │  ↳ dropped by b: no connection; answered with RST  │\n"
    "                       │    (RFC 9293 3.10.7.1)                             │\n"
    "  0.004000 CLOSED      │◀───────────── RST,ACK seq=0 ack=x+1 ───────────────│ CLOSED        0.002000\n"
    "                       │  ↳ error: Connection refused                       │\n";

/* A SYN to a closed port: dropped with a word, answered with RST, and the error stands with the RST. */
static void test_refused(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){0});
    struct vt_event error = {.kind = VT_EV_TCP_ERROR, .conn = 1};
    (void)state;
    scene_conn(s, A, 1, 40000, B, 9528, 0, 0);
    scene_move(s, A, VT_TCP_CLOSED, VT_TCP_SYN_SENT, none);
    struct packet syn = scene_seg(s, A, 1, 40000, B, 9528, VT_SYN, ISN_A, 0, "", VT_SEG_NEW);
    scene_cross(s, &syn, A, B);
    syn.id = scene_read(s, &syn, B, 0, VT_TCP_CLOSED);
    struct packet rst = scene_seg(s, B, 0, 9528, A, 40000, VT_RST | VT_ACK, 0, ISN_A + 1, "", VT_SEG_RESET);
    scene_drop(s, &syn, B, VT_DROP_TCP_NO_CONN);
    scene_cross(s, &rst, B, A);
    struct vt_event_id rx = scene_read(s, &rst, A, 1, VT_TCP_SYN_SENT);
    error.u.call.result = -VT_ECONNREFUSED;
    scene_emit(s, &error, A, rx, NULL, 0);
    scene_move(s, A, VT_TCP_SYN_SENT, VT_TCP_CLOSED, rx);
    end(&t, golden_refused, "refused");
}

static const char golden_router[] = "    time s state       c                          r1                    "
                                    "      s1                           b state\n"
                                    "  0.000000             │                           │                    "
                                    "       │       listens on port 80 ◦│\n"
                                    "  0.000000 CLOSED      │                           10.1.0.1:40000 → "
                                    "10.0.0.2:80                            │ LISTEN\n"
                                    "  0.001000 SYN-SENT    │──── SYN seq=x (1000) ────▶│                    "
                                    "       │                           │ LISTEN\n"
                                    "  0.002000 SYN-SENT    │                           │──── SYN seq=x "
                                    "(1000) ────▶│                           │ LISTEN\n"
                                    "  0.003000 SYN-SENT    │                           │                    "
                                    "       │──── SYN seq=x (1000) ────▶│ SYN-RCVD\n"
                                    "  0.004000 SYN-SENT    │                           │                    "
                                    "       │◀ SYN,ACK seq=y ack=x+1 ───│ SYN-RCVD\n"
                                    "  0.005000 SYN-SENT    │                           │◀ SYN,ACK seq=y "
                                    "ack=x+1 ───│                           │ SYN-RCVD\n"
                                    "  0.006000 ESTABLISHED │◀ SYN,ACK seq=y ack=x+1 ───│                    "
                                    "       │                           │ SYN-RCVD\n";

/* Columns by name: switch and router are drawn, hop by hop; c's middle states stand under the row. */
static void test_router_between(void **state)
{
    struct stage t;
    struct vt_ladder_config config = {.column = {"c", "r1", "s1", "b"}, .width = 120};
    struct scene *s = begin(&t, &config);
    struct vt_event_id rx;
    (void)state;
    scene_listener(s, B, 1, 80);
    scene_conn(s, C, 1, 40000, B, 80, 0, 0);
    scene_state(s, C, 1, VT_TCP_CLOSED, VT_TCP_SYN_SENT, none);
    struct packet p = scene_seg(s, C, 1, 40000, B, 80, VT_SYN, ISN_A, 0, "", VT_SEG_NEW);
    scene_cross(s, &p, C, B);
    rx = scene_read(s, &p, B, 1, VT_TCP_LISTEN);
    scene_conn(s, B, 2, 80, C, 40000, 1, 0);
    scene_state(s, B, 2, VT_TCP_CLOSED, VT_TCP_SYN_RCVD, rx);
    p = scene_seg(s, B, 2, 80, C, 40000, VT_SYN | VT_ACK, ISN_B, ISN_A + 1, "", VT_SEG_NEW);
    scene_cross(s, &p, B, C);
    rx = scene_read(s, &p, C, 1, VT_TCP_SYN_SENT);
    scene_state(s, C, 1, VT_TCP_SYN_SENT, VT_TCP_ESTABLISHED, rx);
    end(&t, golden_router, "router");
}

static const char golden_beside[] =
    "    time s state       a                                                    c state           time s\n"
    "  0.000000 CLOSED      │           10.0.0.1:40000 → 10.1.0.1:80             │ CLOSED\n"
    "  0.000000 SYN-SENT    │──── ARP who-has 10.0.0.254 tell 10.0.0.1 ─────▷ r1 │ CLOSED\n"
    "  0.004000 SYN-SENT    │◀── ARP 10.0.0.254 is-at 02:00:00:05:00:01 ───── r1 │ CLOSED\n"
    "  0.004000 SYN-SENT    │──────────── SYN seq=x (1000) mss=1460 ────────────▶│ CLOSED        0.007000\n";

/* Without a column for it, the router is a place beside the ladder. */
static void test_router_beside(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){0});
    (void)state;
    scene_conn(s, A, 1, 40000, C, 80, 0, 0);
    scene_move(s, A, VT_TCP_CLOSED, VT_TCP_SYN_SENT, none);
    struct packet p = scene_arp(s, A, 1, R1);
    scene_hop(s, &p, A, S1);
    struct packet flood = p;
    scene_depart(s, &p, S1, R1);
    scene_depart(s, &flood, S1, B);
    scene_wait(s, MS);
    scene_arrive(s, &p, S1, R1);
    scene_read(s, &p, R1, 0, 0);
    scene_arrive(s, &flood, S1, B);
    flood.id = scene_read(s, &flood, B, 0, 0);
    scene_drop(s, &flood, B, VT_DROP_ARP_NOT_OURS);
    p = scene_arp(s, R1, 2, A);
    scene_cross(s, &p, R1, A);
    scene_read(s, &p, A, 0, 0);
    p = scene_seg(s, A, 1, 40000, C, 80, VT_SYN, ISN_A, 0, "", VT_SEG_NEW);
    scene_cross(s, &p, A, C);
    scene_read(s, &p, C, 0, VT_TCP_CLOSED);
    end(&t, golden_beside, "beside");
}

static const char golden_loop[] =
    "    time s state       a (client)                                  a (server) state           time s\n"
    "  0.000000 CLOSED      │          10.0.0.1:40000 → 10.0.0.1:9528            │ LISTEN\n"
    "  0.000000 SYN-SENT    │──────────── SYN seq=x (1000) mss=1460 ────────────▶│ SYN-RCVD      0.000000\n"
    "  0.000000 ESTABLISHED │◀───── SYN,ACK seq=y (5000) ack=x+1 mss=1460 ───────│ SYN-RCVD      0.000000\n";

/* A host that talks to itself has two columns all the same. */
static void s07_loopback(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){0});
    (void)state;
    scene_listener(s, A, 1, 9528);
    scene_conn(s, A, 2, 40000, A, 9528, 0, 0);
    scene_state(s, A, 2, VT_TCP_CLOSED, VT_TCP_SYN_SENT, none);
    struct packet p = scene_seg(s, A, 2, 40000, A, 9528, VT_SYN, ISN_A, 0, "", VT_SEG_NEW);
    struct vt_event_id rx = scene_read(s, &p, A, 1, VT_TCP_LISTEN);
    scene_conn(s, A, 3, 9528, A, 40000, 1, 0);
    scene_state(s, A, 3, VT_TCP_CLOSED, VT_TCP_SYN_RCVD, rx);
    p = scene_seg(s, A, 3, 9528, A, 40000, VT_SYN | VT_ACK, ISN_B, ISN_A + 1, "", VT_SEG_NEW);
    rx = scene_read(s, &p, A, 2, VT_TCP_SYN_SENT);
    scene_state(s, A, 2, VT_TCP_SYN_SENT, VT_TCP_ESTABLISHED, rx);
    end(&t, golden_loop, "loop");
}

/* A line is written as soon as its fate is known, not at the end. */
static void test_streaming(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){0});
    (void)state;
    scene_listener(s, B, 1, 9528);
    scene_conn(s, A, 1, 40000, B, 9528, 0, 0);
    scene_move(s, A, VT_TCP_CLOSED, VT_TCP_SYN_SENT, none);
    struct packet p = scene_seg(s, A, 1, 40000, B, 9528, VT_SYN, ISN_A, 0, "", VT_SEG_NEW);
    scene_cross(s, &p, A, B);
    assert_null(strstr(t.out.text, "SYN seq=x"));
    struct vt_event_id rx = scene_read(s, &p, B, 1, VT_TCP_LISTEN);
    scene_conn(s, B, 2, 9528, A, 40000, 1, 0);
    scene_move(s, B, VT_TCP_CLOSED, VT_TCP_SYN_RCVD, rx);
    p = scene_seg(s, B, 2, 9528, A, 40000, VT_SYN | VT_ACK, ISN_B, ISN_A + 1, "", VT_SEG_NEW);
    scene_depart(s, &p, B, S1);
    scene_wait(s, MS);
    scene_arrive(s, &p, B,
                 S1); /* a millisecond later, the first line is there: with the state that the SYN led to */
    assert_non_null(strstr(t.out.text, "SYN seq=x"));
    assert_non_null(strstr(t.out.text, "SYN-RCVD"));
    assert_null(strstr(t.out.text, "SYN,ACK"));
    vt_ladder_finish(t.ladder);
    vt_ladder_free(t.ladder);
    catch_free(&t.out);
}

/* Every line of a drawing is as wide as it should be: wide characters count two. */
static void test_wide_names(void **state)
{
    struct stage t;
    struct vt_event ev = {.kind = VT_EV_NODE};
    (void)state;
    memset(&t, 0, sizeof t);
    t.ladder = vt_ladder_new(&(struct vt_ladder_config){.column = {"甲", "b", "c"}}, catch_sink(&t.out));
    scene_listen(&t.scene, vt_ladder_event, t.ladder);
    scene_topology(&t.scene);
    ev.u.node.kind = VT_NODE_HOST;
    scene_emit(&t.scene, &ev, A, none, "甲", 3);
    struct packet p = scene_seg(&t.scene, A, 1, 40000, B, 9528, VT_SYN, ISN_A, 0, "", VT_SEG_NEW);
    t.scene.frames = true;
    scene_cross(&t.scene, &p, A, B);
    scene_read(&t.scene, &p, B, 0, VT_TCP_CLOSED);
    assert_int_equal(vt_ladder_finish(t.ladder), 0);
    assert_memory_equal(strstr(t.out.text, "甲"), "甲    ", 7);
    assert_non_null(strstr(t.out.text, "▶│"));
    vt_ladder_free(t.ladder);
    catch_free(&t.out);
}

/* A sink that fails ends the writing, and finish says so; nothing is written after it. */
static void test_sink_fails(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){0});
    (void)state;
    t.out.fail_after = 3;
    scene_open(s);
    scene_close(s, 0, 0);
    assert_int_equal(vt_ladder_finish(t.ladder), -VT_ENOSPC);
    assert_int_equal(t.out.writes, 3);
    vt_ladder_free(t.ladder);
    catch_free(&t.out);
}

/* Colours come only when they are asked for, and each line ends without one. */
static void test_color(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){.color = true});
    (void)state;
    scene_open(s);
    vt_ladder_finish(t.ladder);
    assert_non_null(strstr(t.out.text, "\033[0;1m"));
    for (const char *line = t.out.text, *nl; (nl = strchr(line, '\n')) != NULL; line = nl + 1)
        assert_memory_equal(nl - 4, "\033[0m", 4);
    vt_ladder_free(t.ladder);
    catch_free(&t.out);
}

/* The drawing is the same rows: well-formed, with each label once, and a title that explains. */
static void test_svg(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_ladder_config){.svg = true});
    (void)state;
    scene_open(s);
    scene_say(s, A, VT_PSH | VT_ACK, ISN_A + 1, ISN_B + 1, "<&\">", VT_SEG_NEW);
    assert_null(t.out.text);
    assert_int_equal(vt_ladder_finish(t.ladder), 0);
    assert_memory_equal(t.out.text, "<svg ", 5);
    assert_string_equal(t.out.text + t.out.len - 7, "</svg>\n");
    assert_non_null(strstr(t.out.text, "SYN seq=x (1000)"));
    assert_non_null(strstr(t.out.text, "&lt;&amp;\\&quot;&gt;"));
    assert_non_null(strstr(t.out.text, "<title>The first of three"));
    vt_ladder_free(t.ladder);
    catch_free(&t.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s13_whole_conversation),
        cmocka_unit_test(test_ascii_narrow),
        cmocka_unit_test(s15_three_segment_close),
        cmocka_unit_test(s13_simultaneous_close),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_router_between),
        cmocka_unit_test(test_router_beside),
        cmocka_unit_test(s07_loopback),
        cmocka_unit_test(test_streaming),
        cmocka_unit_test(test_wide_names),
        cmocka_unit_test(test_sink_fails),
        cmocka_unit_test(test_color),
        cmocka_unit_test(test_svg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Causes: from an event's id to the packet it speaks of, through switches and routers; bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <malloc.h>

#include <cmocka.h>

#include "lens/rows.h"
#include "scene.h"

static const struct vt_event_id none;

static void take(void *ctx, const struct vt_event *ev, const void *extra)
{
    (void)extra;
    vt_trace_add(ctx, ev);
}

/* TCP_TX -> PORT_TX -> PORT_RX (switch) -> PORT_TX -> PORT_RX (router) -> IP_FORWARD -> PORT_TX -> PORT_RX ->
 * TCP_RX */
static void test_chain_through_switch_and_router(void **state)
{
    struct scene s = {0};
    struct vt_trace t;
    (void)state;
    assert_true(vt_trace_init(&t, 0));
    scene_listen(&s, take, &t);
    scene_topology(&s);
    struct packet p = scene_seg(&s, A, 1, 40000, C, 80, VT_SYN, 1, 0, "", VT_SEG_NEW);
    struct vt_event_id made = p.id;
    scene_cross(&s, &p, A, C);
    struct vt_event_id read = scene_read(&s, &p, C, 0, VT_TCP_CLOSED);

    struct vt_rec *rx = vt_trace_find(&t, read.node, read.n);
    struct vt_rec *tx = vt_trace_find(&t, made.node, made.n);
    assert_non_null(rx);
    assert_ptr_equal(vt_trace_get(&t, rx->maker), tx);
    assert_int_equal(rx->hops, 3);
    struct vt_rec *first = vt_trace_get(&t, rx->flight);
    assert_int_equal(first->kind, VT_EV_PORT_TX);
    assert_int_equal(first->node, A);
    assert_ptr_equal(vt_trace_port(&t, rx), vt_trace_find(&t, p.id.node, p.id.n));
    static const uint16_t kinds[] = {VT_EV_TCP_RX,     VT_EV_PORT_RX, VT_EV_PORT_TX,
                                     VT_EV_IP_FORWARD, VT_EV_PORT_RX, VT_EV_PORT_TX,
                                     VT_EV_PORT_RX,    VT_EV_PORT_TX, VT_EV_TCP_TX};
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        assert_non_null(rx);
        assert_int_equal(rx->kind, kinds[i]);
        rx = vt_trace_get(&t, rx->parent);
    }
    assert_null(rx);
    /* What the reading causes is another packet, and no part of this one. */
    struct vt_event ack = {.kind = VT_EV_TCP_TX};
    struct vt_event_id id = scene_emit(&s, &ack, C, read, NULL, 0);
    struct vt_rec *answer = vt_trace_find(&t, id.node, id.n);
    assert_ptr_equal(vt_trace_get(&t, answer->maker), answer);
    assert_int_equal(answer->flight, 0);
    struct vt_event move = {.kind = VT_EV_TCP_STATE};
    id = scene_emit(&s, &move, C, read, NULL, 0);
    assert_int_equal(vt_trace_find(&t, id.node, id.n)->maker, 0);
    vt_trace_fini(&t);
}

/* Damage goes with a packet from hop to hop, and ends with it. */
static void test_damage_goes_on(void **state)
{
    struct scene s = {0};
    struct vt_trace t;
    (void)state;
    assert_true(vt_trace_init(&t, 0));
    scene_listen(&s, take, &t);
    struct packet p = scene_seg(&s, A, 1, 40000, B, 80, VT_SYN, 1, 0, "", VT_SEG_NEW);
    scene_hop(&s, &p, A, S1);
    vt_trace_find(&t, p.id.node, p.id.n)->flags |= VT_REC_DAMAGED;
    scene_hop(&s, &p, S1, B);
    assert_true(vt_trace_find(&t, p.id.node, p.id.n)->flags & VT_REC_DAMAGED);
    vt_trace_fini(&t);
}

/* The oldest are forgotten; a reference to one is stale and finds nothing, not what took its place. */
static void test_forgetting(void **state)
{
    struct scene s = {0};
    struct vt_trace t;
    (void)state;
    assert_true(vt_trace_init(&t, 4));
    scene_listen(&s, take, &t);
    struct vt_event ev = {.kind = VT_EV_TCP_TIMER};
    struct vt_event_id first = scene_emit(&s, &ev, A, none, NULL, 0);
    vt_ref ref = vt_trace_find(&t, A, first.n)->ref;
    for (int i = 0; i < 4; i++)
        scene_emit(&s, &ev, A, first, NULL, 0);
    assert_null(vt_trace_find(&t, A, first.n));
    assert_null(vt_trace_get(&t, ref));
    assert_int_equal(t.forgotten, 1);
    struct vt_event_id late = scene_emit(&s, &ev, A, first, NULL, 0);
    assert_int_equal(vt_trace_find(&t, A, late.n)->parent, 0);
    vt_trace_fini(&t);
}

/* Ids need not come in order: a call is written after what it caused. */
static void test_cause_that_comes_later(void **state)
{
    struct scene s = {0};
    struct vt_trace t;
    (void)state;
    assert_true(vt_trace_init(&t, 0));
    scene_listen(&s, take, &t);
    struct vt_event ev = {.kind = VT_EV_TCP_STATE};
    struct vt_event_id id = scene_emit(&s, &ev, A, (struct vt_event_id){2, A}, NULL, 0);
    assert_int_equal(vt_trace_find(&t, A, id.n)->parent, 0);
    scene_emit(&s, &ev, A, none, NULL, 0);
    assert_non_null(vt_trace_find(&t, A, 2));
    vt_trace_fini(&t);
}

/* ---- What all readers hold stays the same, however long they read ---- */

#ifdef __SANITIZE_ADDRESS__
#define EVENTS 250000u /* its allocator tells nothing, and it is slow: what it looks for comes early */
#else
#define EVENTS 1000000u
#endif
#define SETTLED 200000u /* everything that grows to a cap has reached it */

static size_t in_use(void)
{
    return mallinfo2().uordblks;
}

static void round_of(struct scene *s, uint32_t number)
{
    uint16_t port = (uint16_t)(10000 + number % 50000);
    struct vt_event_id rx;
    scene_conn(s, A, number, port, B, 80, 0, 0);
    scene_state(s, A, number, VT_TCP_CLOSED, VT_TCP_SYN_SENT, none);
    struct packet p = scene_seg(s, A, number, port, B, 80, VT_SYN, number, 0, "", VT_SEG_NEW);
    scene_cross(s, &p, A, B);
    rx = scene_read(s, &p, B, 1, VT_TCP_LISTEN);
    scene_conn(s, B, number + 1, 80, A, port, 1, 0);
    scene_state(s, B, number + 1, VT_TCP_CLOSED, VT_TCP_SYN_RCVD, rx);
    p = scene_seg(s, B, number + 1, 80, A, port, VT_SYN | VT_ACK, 7, number + 1, "", VT_SEG_NEW);
    scene_hop(s, &p, B, S1);
    if (number % 3 == 0) {
        scene_depart(s, &p, S1, A);
        scene_drop(s, &p, 0, VT_DROP_CABLE_LOSS);
    } else if (number % 3 == 1) {
        scene_hop(s, &p, S1, A);
        scene_read(s, &p, A, number, VT_TCP_SYN_SENT);
    } else {
        scene_depart(s, &p, S1, A); /* for ever on its way */
    }
    scene_state(s, A, number, VT_TCP_SYN_SENT, VT_TCP_CLOSED, none);
    if (number % 5 != 0) /* every fifth never ends */
        scene_state(s, B, number + 1, VT_TCP_SYN_RCVD, VT_TCP_CLOSED, none);
}

static void ignore_finding(void *ctx, const struct vt_standstill_finding *f)
{
    (void)ctx;
    (void)f;
}

static int ignore_text(void *ctx, const void *bytes, size_t len)
{
    (void)bytes;
    *(uint64_t *)ctx += len;
    return 0;
}

static void test_a_million_events(void **state)
{
    struct scene s = {.frames = true};
    uint64_t written = 0, events = 0;
    struct vt_sink sink = {ignore_text, &written};
    struct vt_ladder *ladder = vt_ladder_new(&(struct vt_ladder_config){0}, sink);
    struct vt_ladder *whole = vt_ladder_new(&(struct vt_ladder_config){.whole = true, .max_rows = 100}, sink);
    struct vt_pcapng *pcapng = vt_pcapng_new(&(struct vt_pcapng_config){0}, sink);
    struct vt_json *json = vt_json_new(sink);
    struct vt_live *live = vt_live_new(&(struct vt_live_config){0});
    struct vt_standstill *still = vt_standstill_new(&(struct vt_standstill_config){.found = ignore_finding});
    (void)state;
    scene_listen(&s, vt_ladder_event, ladder);
    scene_listen(&s, vt_ladder_event, whole);
    scene_listen(&s, vt_pcapng_event, pcapng);
    scene_listen(&s, vt_json_event, json);
    scene_listen(&s, vt_live_event, live);
    scene_listen(&s, vt_standstill_event, still);
    scene_topology(&s);
    size_t before = 0;
    for (uint32_t number = 1; events < EVENTS; number += 2) {
        round_of(&s, number);
        events = 0;
        for (unsigned i = 0; i <= NODES; i++)
            events += s.count[i];
        if (before == 0 && events > SETTLED)
            before = in_use();
    }
    size_t after = in_use();
    /* Frames for ever on their way are followed to a cap of a million; nothing else may grow. */
    assert_true(after < before + (16u << 20));
    char *text;
    assert_true(vt_live_json(live, s.now, false, &text) > 0);
    free(text);
    assert_int_equal(vt_ladder_finish(ladder), 0);
    assert_int_equal(vt_ladder_finish(whole), 0);
    assert_int_equal(vt_pcapng_finish(pcapng), 0);
    assert_true(written > EVENTS);
    vt_ladder_free(ladder);
    vt_ladder_free(whole);
    vt_pcapng_free(pcapng);
    vt_json_free(json);
    vt_live_free(live);
    vt_standstill_free(still);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain_through_switch_and_router),
        cmocka_unit_test(test_damage_goes_on),
        cmocka_unit_test(test_forgetting),
        cmocka_unit_test(test_cause_that_comes_later),
        cmocka_unit_test(test_a_million_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The event stream: order, extra bytes, a ring that is full in both of its manners, listeners that come and
 * go. */
#include "testing.h"

#include "base/events.h"
#include "base/random.h"

struct seen {
    struct vt_event ev[600];
    uint8_t extra[600][64];
    unsigned n;
};

static struct test_memory memory;
static struct vt_allocator mem;
static struct vt_stream stream;
static struct vt_events node;
static vt_time now;
static struct seen seen;

static void see(void *ctx, const struct vt_event *ev, const void *extra)
{
    struct seen *s = ctx;
    assert_int_equal((uintptr_t)ev % 8, 0);
    assert_true((ev->extra != 0) == (extra != NULL));
    if (s->n == 600)
        return;
    s->ev[s->n] = *ev;
    if (extra != NULL)
        memcpy(s->extra[s->n], extra, ev->extra < 64 ? ev->extra : 64);
    s->n++;
}

static void start(size_t cap, bool stall)
{
    memory = (struct test_memory){0};
    mem = test_allocator(&memory);
    assert_int_equal(vt_stream_init(&stream, &mem, cap, stall), 0);
    memset(&seen, 0, sizeof(seen));
    now = 1000;
    node = (struct vt_events){.now = &now, .stream = &stream, .node = 5};
}

static void stop(void)
{
    vt_stream_fini(&stream);
    assert_int_equal(memory.count, 0);
}

static void listen(void)
{
    assert_int_equal(vt_stream_listen(&stream, (struct vt_listener){see, &seen}), 0);
}

/* An event that carries its own number, and `len` bytes of it. */
static void emit(size_t len)
{
    uint8_t extra[300];
    struct vt_event *e = vt_event_begin(&node, VT_EV_TCP_STATE, VT_DOC_RFC9293_3_5);
    if (e == NULL)
        return;
    memset(extra, (int)(node.count & 255), sizeof(extra));
    e->conn = (uint32_t)node.count;
    vt_event_end(&node, e, extra, len);
}

static void a_record_is_filled_in(void **state)
{
    (void)state;
    start(4096, true);
    listen();
    node.cause = (struct vt_event_id){77, 3};
    emit(5);
    node.cause = (struct vt_event_id){0, 3};
    now = 2000;
    emit(0);
    assert_int_equal(seen.n, 0);
    vt_stream_drain(&stream);
    assert_int_equal(seen.n, 2);
    const struct vt_event *e = &seen.ev[0];
    assert_int_equal(e->time, 1000);
    assert_int_equal(e->id, 1);
    assert_int_equal(e->node, 5);
    assert_int_equal(e->cause, 77);
    assert_int_equal(e->cause_node, 3);
    assert_int_equal(e->kind, VT_EV_TCP_STATE);
    assert_int_equal(e->layer, VT_L_TRANSPORT);
    assert_int_equal(e->version, VT_EVENT_VERSION);
    assert_int_equal(e->doc, VT_DOC_RFC9293_3_5);
    assert_int_equal(e->extra, 5);
    assert_memory_equal(seen.extra[0], "\1\1\1\1\1", 5);
    assert_int_equal(seen.ev[1].time, 2000);
    assert_int_equal(seen.ev[1].id, 2);
    assert_int_equal(seen.ev[1].cause, 0);
    assert_int_equal(seen.ev[1].cause_node, 0); /* no cause: no node of it either */
    struct vt_event_id last = vt_events_last(&node);
    assert_int_equal(last.n, 2);
    assert_int_equal(last.node, 5);
    stop();
}

/* The counter does not depend on who watches. */
static void ids_advance_unwatched(void **state)
{
    (void)state;
    start(4096, true);
    emit(0);
    emit(0);
    assert_int_equal(node.count, 2);
    assert_int_equal(stream.used, 0);
    listen();
    emit(0);
    vt_stream_unlisten(&stream, (struct vt_listener){see, &seen}); /* tells what was there */
    emit(0);
    vt_stream_drain(&stream);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.ev[0].id, 3);
    assert_int_equal(node.count, 4);
    struct vt_events alone = {.now = &now};
    assert_null(vt_event_begin(&alone, VT_EV_APP, VT_DOC_NONE));
    vt_event_end(&alone, NULL, NULL, 0);
    assert_int_equal(alone.count, 1);
    stop();
}

/* Any sizes, any ring, drained now and then: nothing is lost, nothing out of order. */
static void a_stalling_ring_loses_nothing(void **state)
{
    (void)state;
    struct vt_rng rng;
    vt_rng_seed(&rng, test_seed(), 1);
    for (size_t cap = 1; cap < 2000; cap += 1 + vt_rng_below(&rng, 50)) {
        start(cap, true);
        listen();
        size_t len[500];
        for (unsigned i = 0; i < 500; i++) {
            len[i] = vt_rng_below(&rng, vt_rng_below(&rng, 2) == 0 ? 20 : 300);
            emit(len[i]);
            if (vt_rng_below(&rng, 20) == 0)
                vt_stream_drain(&stream);
        }
        vt_stream_drain(&stream);
        assert_int_equal(seen.n, 500);
        for (unsigned i = 0; i < 500; i++) {
            assert_int_equal(seen.ev[i].id, i + 1);
            assert_int_equal(seen.ev[i].extra, len[i]);
            for (size_t k = 0; k < len[i] && k < 64; k++)
                assert_int_equal(seen.extra[i][k], (uint8_t)(i + 1));
        }
        stop();
    }
}

/* Records and gaps account for every event: each gap stands where its events were lost. */
static void check_gaps(void)
{
    uint64_t expected = 1;
    for (unsigned i = 0; i < seen.n; i++) {
        const struct vt_event *e = &seen.ev[i];
        if (e->kind == VT_EV_GAP) {
            assert_int_equal(e->id, 0);
            assert_int_equal(e->node, 0);
            assert_int_equal(e->layer, VT_L_HOST);
            assert_true(e->u.gap.lost[0] > 0);
            expected += e->u.gap.lost[0] | (uint64_t)e->u.gap.lost[1] << 32;
        } else {
            assert_int_equal(e->id, expected);
            expected++;
        }
    }
    assert_int_equal(expected, node.count + 1);
}

static void a_full_ring_counts_and_tells(void **state)
{
    (void)state;
    start(4 * sizeof(struct vt_event), false);
    listen();
    for (unsigned i = 0; i < 10; i++) {
        now += 10;
        emit(0);
    }
    vt_stream_drain(&stream);
    assert_int_equal(seen.n, 5);
    assert_int_equal(seen.ev[4].kind, VT_EV_GAP);
    assert_int_equal(seen.ev[4].u.gap.lost[0], 6);
    assert_int_equal(seen.ev[4].time, 1100);
    emit(0);
    vt_stream_drain(&stream);
    assert_int_equal(seen.n, 6);
    assert_int_equal(seen.ev[5].id, 11);
    check_gaps();
    stop();

    /* A long record does not fit, short ones still do: the gap comes between. */
    start(5 * sizeof(struct vt_event), false);
    listen();
    emit(0);
    emit(0);
    emit(300);
    emit(0);
    vt_stream_drain(&stream);
    assert_int_equal(seen.n, 4);
    assert_int_equal(seen.ev[2].kind, VT_EV_GAP);
    check_gaps();
    stop();
}

static void gaps_account_for_all(void **state)
{
    (void)state;
    struct vt_rng rng;
    vt_rng_seed(&rng, test_seed(), 2);
    for (size_t cap = 1; cap < 2000; cap += 1 + vt_rng_below(&rng, 50)) {
        start(cap, false);
        listen();
        for (unsigned i = 0; i < 500; i++) {
            emit(vt_rng_below(&rng, vt_rng_below(&rng, 2) == 0 ? 20 : 300));
            if (vt_rng_below(&rng, 8) == 0)
                vt_stream_drain(&stream);
        }
        vt_stream_drain(&stream);
        check_gaps();
        stop();
    }
}

/* A listener that emits breaks the rule; it must not bring the stream down, nor be told of itself for ever.
 */
static void emit_back(void *ctx, const struct vt_event *ev, const void *extra)
{
    (void)extra;
    unsigned *calls = ctx;
    if (ev->kind == VT_EV_GAP || ++*calls > 3)
        return;
    emit(0);
    emit(0);
    emit(0);
    vt_stream_drain(&stream);
}

static void draining_does_not_nest(void **state)
{
    (void)state;
    unsigned calls = 0;
    start(2 * sizeof(struct vt_event), true);
    listen();
    assert_int_equal(vt_stream_listen(&stream, (struct vt_listener){emit_back, &calls}), 0);
    for (unsigned i = 0; i < 5; i++)
        emit(0);
    vt_stream_drain(&stream);
    assert_false(stream.draining);
    check_gaps();
    stop();
}

struct leaver {
    struct vt_listener self;
    unsigned calls;
};

static void leave(void *ctx, const struct vt_event *ev, const void *extra)
{
    (void)ev;
    (void)extra;
    struct leaver *l = ctx;
    l->calls++;
    vt_stream_unlisten(&stream, l->self);
}

static void listeners_come_and_go(void **state)
{
    (void)state;
    start(4096, true);
    struct leaver l = {.calls = 0};
    l.self = (struct vt_listener){leave, &l};
    assert_int_equal(vt_stream_listen(&stream, l.self), 0);
    listen();
    emit(0);
    emit(0);
    vt_stream_drain(&stream);
    assert_int_equal(l.calls, 1);
    assert_int_equal(seen.n, 2); /* who stands behind the leaver misses nothing */
    assert_int_equal(stream.listeners, 1);
    for (unsigned i = 1; i < VT_STREAM_LISTENERS; i++)
        listen();
    assert_int_equal(vt_stream_listen(&stream, l.self), -VT_ENOSPC);
    stop();
}

static void no_memory(void **state)
{
    (void)state;
    memory = (struct test_memory){.fail_at = 1};
    mem = test_allocator(&memory);
    assert_int_equal(vt_stream_init(&stream, &mem, 4096, true), -VT_ENOMEM);
    vt_stream_fini(&stream);
    assert_int_equal(memory.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_filled_in),         cmocka_unit_test(ids_advance_unwatched),
        cmocka_unit_test(a_stalling_ring_loses_nothing), cmocka_unit_test(a_full_ring_counts_and_tells),
        cmocka_unit_test(gaps_account_for_all),          cmocka_unit_test(draining_does_not_nest),
        cmocka_unit_test(listeners_come_and_go),         cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}

/* Drops: one reason, counted, told with its cause; memory that is counted; timers that keep their cause. */
#include "testing.h"

#include "base/core.h"

static struct test_memory memory;
static struct vt_stream stream;
static struct vt_core core;
static struct vt_event last;
static unsigned events;

static void see(void *ctx, const struct vt_event *ev, const void *extra)
{
    (void)ctx;
    (void)extra;
    last = *ev;
    events++;
}

static int setup(void **state)
{
    (void)state;
    memory = (struct test_memory){0};
    memset(&core, 0, sizeof(core));
    core.mem = test_allocator(&memory);
    core.pool = vt_pool_new(&(struct vt_pool_config){.mem = core.mem});
    core.sums = &vt_sums_portable;
    core.ev = (struct vt_events){.now = &core.now, .stream = &stream, .node = 4};
    vt_wheel_init(&core.wheel, 0);
    events = 0;
    if (vt_stream_init(&stream, &core.mem, 4096, true) < 0)
        return -1;
    return vt_stream_listen(&stream, (struct vt_listener){see, NULL});
}

static int teardown(void **state)
{
    (void)state;
    vt_stream_fini(&stream);
    vt_pool_release(core.pool);
    assert_int_equal(memory.count, 0);
    return 0;
}

static void a_drop_is_counted_told_and_freed(void **state)
{
    (void)state;
    struct vt_pbuf *p = vt_pbuf_from(core.pool, "hello", 5);
    p->ev = (struct vt_event_id){31, 2};
    p->mark = VT_MARK_PAGE;
    core.now = 12345;
    core.ev.cause = (struct vt_event_id){8, 4};
    vt_drop(&core, p, VT_DROP_IP_TTL, 3, 9);
    assert_int_equal(vt_pool_live_pbufs(core.pool), 0);
    assert_int_equal(core.drops[VT_DROP_IP_TTL], 1);
    vt_stream_drain(&stream);
    assert_int_equal(events, 1);
    assert_int_equal(last.kind, VT_EV_DROP);
    assert_int_equal(last.layer, VT_L_NETWORK); /* the floor of the reason */
    assert_int_equal(last.time, 12345);
    assert_int_equal(last.cause, 31); /* what brought the packet here, not what the host is at */
    assert_int_equal(last.cause_node, 2);
    assert_int_equal(last.iface, 3);
    assert_int_equal(last.conn, 9);
    assert_int_equal(last.mark, VT_MARK_PAGE);
    assert_int_equal(last.u.drop.reason, VT_DROP_IP_TTL);
    assert_int_equal(last.u.drop.len, 5);
}

static void a_noted_packet_stays(void **state)
{
    (void)state;
    struct vt_pbuf *p = vt_pbuf_from(core.pool, "hello", 5);
    core.ev.cause = (struct vt_event_id){8, 4};
    vt_drop_note(&core, p, VT_DROP_TCP_NO_CONN, 0, 0);
    vt_drop_note(&core, NULL, VT_DROP_NO_MEMORY, 0, 0);
    assert_int_equal(vt_pool_live_pbufs(core.pool), 1);
    assert_int_equal(core.drops[VT_DROP_TCP_NO_CONN], 1);
    assert_int_equal(core.drops[VT_DROP_NO_MEMORY], 1);
    vt_stream_drain(&stream);
    assert_int_equal(events, 2);
    assert_int_equal(last.cause, 8); /* no packet, no event of its own: the current cause */
    vt_pbuf_free(p);
}

static void nobody_listens(void **state)
{
    (void)state;
    vt_stream_unlisten(&stream, (struct vt_listener){see, NULL});
    vt_drop(&core, vt_pbuf_from(core.pool, "hello", 5), VT_DROP_FCS, 1, 0);
    assert_int_equal(core.drops[VT_DROP_FCS], 1);
    assert_int_equal(core.ev.count, 1);
    assert_int_equal(stream.used, 0);
}

static void memory_is_counted(void **state)
{
    (void)state;
    void *a = vt_alloc(&core, 100), *b = vt_alloc(&core, 50);
    assert_int_equal(core.mem_used, 150);
    memory.fail_at = memory.calls + 1;
    assert_null(vt_alloc(&core, 10));
    assert_int_equal(core.mem_used, 150);
    vt_free(&core, a, 100);
    vt_free(&core, NULL, 100);
    assert_int_equal(core.mem_used, 50);
    vt_free(&core, b, 50);
    assert_int_equal(core.mem_used, 0);
}

static void fires(struct vt_timer *t, vt_time now)
{
    (void)now;
    vt_core_enter_timer(&core, t);
}

static void a_timer_keeps_its_cause(void **state)
{
    (void)state;
    struct vt_timer t = {.fn = fires};
    core.ev.count = 41;
    vt_core_arm(&core, &t, 1000);
    core.ev.count = 99;
    core.ev.cause = (struct vt_event_id){70, 1};
    assert_int_equal(vt_wheel_run(&core.wheel, 1000), 1);
    assert_int_equal(core.ev.cause.n, 41);
    assert_int_equal(core.ev.cause.node, 4);
    vt_core_arm(&core, &t, 2000);
    vt_core_disarm(&core, &t);
    assert_int_equal(vt_wheel_run(&core.wheel, 3000), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_drop_is_counted_told_and_freed), T(a_noted_packet_stays), T(nobody_listens), T(memory_is_counted),
        T(a_timer_keeps_its_cause),
    };
    return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}

/* Counters, and whether every frame has a fate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scene.h"

static const struct vt_event_id none;

static struct vt_stats *begin(struct scene *s)
{
    struct vt_stats *stats = vt_stats_new();
    *s = (struct scene){0};
    assert_non_null(stats);
    scene_listen(s, vt_stats_event, stats);
    scene_topology(s);
    return stats;
}

static void test_counts(void **state)
{
    struct scene s;
    struct vt_stats *stats = begin(&s);
    struct catch out = {0};
    char why[200];
    (void)state;
    scene_open(&s);
    struct packet p = scene_seg(&s, A, 1, 40000, B, 9528, VT_ACK, 1, 1, "x", VT_SEG_RTO);
    scene_depart(&s, &p, A, S1);
    scene_drop(&s, &p, 0, VT_DROP_CABLE_LOSS);
    assert_int_equal(vt_stats_kind(stats, A, VT_EV_TCP_TX), 3);
    assert_int_equal(vt_stats_kind(stats, B, VT_EV_TCP_RX), 2);
    assert_int_equal(vt_stats_kind(stats, VT_STATS_ALL, VT_EV_PORT_TX), 7);
    assert_int_equal(vt_stats_drop(stats, 0, VT_DROP_CABLE_LOSS), 1);
    assert_int_equal(vt_stats_drop(stats, VT_STATS_ALL, VT_DROP_CABLE_LOSS), 1);
    assert_int_equal(vt_stats_drop(stats, A, VT_DROP_CABLE_LOSS), 0);
    assert_int_equal(vt_stats_kind(stats, 99999, VT_EV_TCP_TX), 0);
    assert_int_equal(vt_stats_kind(stats, A, 9999), 0);
    struct vt_stats_frames f;
    vt_stats_frames(stats, &f);
    assert_int_equal(f.sent, 7);
    assert_int_equal(f.delivered, 6);
    assert_int_equal(f.ended, 1);
    assert_int_equal(f.on_the_way, 0);
    assert_int_equal(f.unread, 0);
    assert_true(vt_stats_reconcile(stats, why, sizeof why));
    assert_int_equal(vt_stats_text(stats, catch_sink(&out)), 0);
    assert_non_null(
        strstr(out.text, "frames: 7 sent, 0 copies made; 6 delivered, 1 ended, 0 left, 0 on the way"));
    assert_non_null(strstr(out.text, "1  cables           loss"));
    assert_non_null(strstr(out.text, "every frame has a fate"));
    catch_free(&out);
    vt_stats_free(stats);
}

/* Copies, what is on its way, what left, what came, what nobody read. */
static void test_all_fates(void **state)
{
    struct scene s;
    struct vt_stats *stats = begin(&s);
    struct vt_event port = {.kind = VT_EV_PORT, .iface = 9}, tx = {.kind = VT_EV_PORT_TX, .iface = 9};
    struct vt_event rx = {.kind = VT_EV_PORT_RX, .iface = 9};
    struct vt_stats_frames f;
    (void)state;
    scene_emit(&s, &port, S1, none, "tap0", 4);
    struct packet p = scene_seg(&s, A, 1, 1, B, 2, VT_ACK, 1, 1, "", VT_SEG_ACK);
    scene_depart(&s, &p, A, S1);
    scene_impair(&s, &p, VT_IMPAIR_DUPLICATE, 0);
    struct packet copy = p;
    scene_arrive(&s, &p, A, S1);
    scene_emit(&s, &tx, S1, p.id, NULL, 0);
    scene_arrive(&s, &copy, A, S1);
    scene_depart(&s, &copy, S1, B);
    scene_emit(&s, &rx, S1, none, NULL, 0);
    vt_stats_frames(stats, &f);
    assert_int_equal(f.sent, 3);
    assert_int_equal(f.duplicated, 1);
    assert_int_equal(f.delivered, 2);
    assert_int_equal(f.left, 1);
    assert_int_equal(f.on_the_way, 1);
    assert_int_equal(f.came, 1);
    assert_int_equal(f.unread, 1);
    assert_true(vt_stats_reconcile(stats, NULL, 0));
    vt_stats_free(stats);
}

static void expect_fault(const struct vt_stats *stats, const char *part)
{
    char why[200];
    assert_false(vt_stats_reconcile(stats, why, sizeof why));
    assert_non_null(strstr(why, part));
}

/* What must not be: a frame that arrives twice, a drop without a reason; and what makes it impossible to
 * tell. */
static void test_faults(void **state)
{
    struct scene s;
    struct vt_event gap = {.kind = VT_EV_GAP};
    (void)state;
    struct vt_stats *stats = begin(&s);
    struct packet p = scene_seg(&s, A, 1, 1, B, 2, VT_ACK, 1, 1, "", VT_SEG_ACK), copy;
    scene_depart(&s, &p, A, S1);
    copy = p;
    scene_arrive(&s, &p, A, S1);
    scene_arrive(&s, &copy, A, S1);
    expect_fault(stats, "arrived that had ended");
    vt_stats_free(stats);

    stats = begin(&s);
    p = scene_seg(&s, A, 1, 1, B, 2, VT_ACK, 1, 1, "", VT_SEG_ACK);
    scene_drop(&s, &p, A, VT_DROP_NONE);
    expect_fault(stats, "no reason");
    gap.u.gap.lost[0] = 3;
    vt_stats_event(stats, &gap, NULL);
    expect_fault(stats, "3 events were lost");
    vt_stats_free(stats);
}

/* A super-segment may cross whole, or be cut by a cable: both reconcile. */
static void test_super_segment(void **state)
{
    struct scene s;
    struct vt_stats *stats = begin(&s);
    struct vt_event tx = {.kind = VT_EV_PORT_TX, .iface = 1};
    (void)state;
    tx.u.frame.gso = 1460;
    for (unsigned i = 0; i < 2; i++) {
        struct packet p = {.id = scene_emit(&s, &tx, A, none, NULL, 0)}, copy = p;
        scene_arrive(&s, &p, A, S1);
        for (unsigned k = 0; k < i; k++) {
            p = copy;
            scene_arrive(&s, &p, A, S1);
        }
    }
    assert_true(vt_stats_reconcile(stats, NULL, 0));
    vt_stats_free(stats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_all_fates),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_super_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

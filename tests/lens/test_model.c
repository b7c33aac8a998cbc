/* Topology and connections: who is who, both ends paired, and what is hidden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lens/model.h"
#include "scene.h"

static const struct vt_event_id none;

static void take(void *ctx, const struct vt_event *ev, const void *extra)
{
    vt_model_event(ctx, ev, extra, 0);
}

static void begin(struct scene *s, struct vt_model *m)
{
    *s = (struct scene){0};
    assert_true(vt_model_init(m));
    scene_listen(s, take, m);
    scene_topology(s);
}

static void test_topology(void **state)
{
    struct scene s;
    struct vt_model m;
    char name[VT_NAME];
    (void)state;
    begin(&s, &m);
    assert_string_equal(vt_model_name(&m, R1, name), "r1");
    assert_int_equal(vt_model_node(&m, R1)->kind, VT_NODE_ROUTER);
    assert_string_equal(vt_model_name(&m, 77, name), "node 77");
    assert_string_equal(vt_model_name(&m, VT_OUTSIDE, name), "outside");
    assert_string_equal(vt_model_port(&m, S1, 2)->name, "eth1");
    assert_string_equal(vt_model_link_at(&m, S1, 2)->name, "b-s1");
    assert_null(vt_model_link_at(&m, S1, 9));
    assert_int_equal(vt_model_owner(&m, scene_ip(C).b, A), C);
    assert_int_equal(vt_model_owner(&m, VT_IP4(10, 1, 0, 254).b, A), R1);
    assert_int_equal(vt_model_owner(&m, VT_IP4(127, 0, 0, 2).b, B), B); /* S07: all of 127/8 is one's own */
    assert_int_equal(vt_model_owner(&m, VT_IP4(8, 8, 8, 8).b, B), VT_OUTSIDE);
    assert_int_equal(vt_model_hops(&m, A, B), 2);
    assert_int_equal(vt_model_hops(&m, A, C), 3);
    assert_int_equal(vt_model_hops(&m, A, A), 0);
    vt_model_fini(&m);
}

/* A cable may be told of before its ports, and a listener may come when all has happened. */
static void test_link_before_port(void **state)
{
    struct scene s = {0};
    struct vt_model m;
    struct vt_event link = {.kind = VT_EV_LINK}, port = {.kind = VT_EV_PORT, .iface = 1};
    (void)state;
    assert_true(vt_model_init(&m));
    scene_listen(&s, take, &m);
    link.u.link.which = 1;
    link.u.link.node_a = A;
    link.u.link.port_a = 1;
    link.u.link.node_b = B;
    link.u.link.port_b = 1;
    scene_emit(&s, &link, 0, none, "a-b", 3);
    scene_emit(&s, &port, A, none, "eth0", 4);
    assert_int_equal(vt_model_port(&m, A, 1)->link, 1);
    assert_string_equal(vt_model_port(&m, A, 1)->name, "eth0");
    assert_string_equal(vt_model_port(&m, B, 1)->name, "1");
    vt_model_fini(&m);
}

static const struct vt_pair *pair_of(const struct vt_model *m, uint32_t node, uint32_t conn)
{
    const struct vt_mconn *c = vt_model_conn(m, node, conn);
    assert_non_null(c);
    assert_int_not_equal(c->pair, VT_NO_SLOT);
    return &m->pair[c->pair];
}

static void test_both_ends_are_paired(void **state)
{
    struct scene s;
    struct vt_model m;
    (void)state;
    begin(&s, &m);
    scene_listener(&s, B, 1, 9528);
    scene_conn(&s, A, 1, 40000, B, 9528, 0, 0);
    const struct vt_pair *p = pair_of(&m, A, 1);
    assert_int_equal(p->end[0].node, A);
    assert_int_equal(p->end[1].node, B);
    assert_int_equal(vt_model_state(&m, p, 0), VT_TCP_CLOSED);
    assert_int_equal(vt_model_state(&m, p, 1), VT_TCP_LISTEN); /* there is nobody yet but the listener */
    scene_conn(&s, B, 2, 9528, A, 40000, 1, 0);
    assert_ptr_equal(pair_of(&m, B, 2), p);
    scene_state(&s, B, 2, VT_TCP_CLOSED, VT_TCP_SYN_RCVD, none);
    assert_int_equal(vt_model_state(&m, p, 1), VT_TCP_SYN_RCVD);
    scene_state(&s, B, 2, VT_TCP_SYN_RCVD, VT_TCP_LISTEN, none); /* a passive open that failed is forgotten */
    assert_int_equal(vt_model_state(&m, p, 1), VT_TCP_LISTEN);
    assert_int_equal(p->end[1].conn, VT_NO_SLOT);
    vt_model_fini(&m);
}

/* RFC 9293 3.5, figure 7: both open actively, and it is one connection. */
static void test_simultaneous_open(void **state)
{
    struct scene s;
    struct vt_model m;
    (void)state;
    begin(&s, &m);
    scene_conn(&s, A, 1, 5000, B, 6000, 0, 0);
    scene_conn(&s, B, 1, 6000, A, 5000, 0, 0);
    assert_ptr_equal(pair_of(&m, A, 1), pair_of(&m, B, 1));
    assert_int_equal(pair_of(&m, A, 1)->end[1].node, B);
    vt_model_fini(&m);
}

/* The same addresses and ports again are another connection. */
static void test_name_used_again(void **state)
{
    struct scene s;
    struct vt_model m;
    (void)state;
    begin(&s, &m);
    scene_conn(&s, A, 1, 40000, B, 80, 0, 0);
    scene_conn(&s, B, 2, 80, A, 40000, 1, 0);
    uint64_t first = pair_of(&m, A, 1)->id;
    scene_conn(&s, A, 3, 40000, B, 80, 0, 0);
    assert_int_not_equal(pair_of(&m, A, 3)->id, first);
    scene_conn(&s, B, 4, 80, A, 40000, 1, 0);
    assert_ptr_equal(pair_of(&m, B, 4), pair_of(&m, A, 3));
    assert_int_equal(pair_of(&m, A, 1)->id, first);
    vt_model_fini(&m);
}

/* Where CONN was not seen, the first segments tell. */
static void test_learned_from_segments(void **state)
{
    struct scene s;
    struct vt_model m;
    (void)state;
    begin(&s, &m);
    struct packet p = scene_seg(&s, A, 1, 40000, B, 80, VT_PSH | VT_ACK, 500, 900, "abc", VT_SEG_NEW);
    scene_read(&s, &p, B, 2, VT_TCP_ESTABLISHED);
    assert_ptr_equal(pair_of(&m, A, 1), pair_of(&m, B, 2));
    assert_int_equal(pair_of(&m, A, 1)->end[0].isn, 499); /* so that its first number is 1 */
    assert_false(pair_of(&m, A, 1)->end[0].have_syn);
    vt_model_fini(&m);
}

static uint64_t hidden_pair;
static void note_hidden(void *ctx, uint64_t pair)
{
    (void)ctx;
    hidden_pair = pair;
}

/* Marked late, by the end that did not open it: both ends are hidden from then on. */
static void test_hidden_by_either_end(void **state)
{
    struct scene s;
    struct vt_model m;
    (void)state;
    begin(&s, &m);
    m.hid = note_hidden;
    hidden_pair = 0;
    scene_conn(&s, A, 1, 40000, B, 80, 0, 0);
    scene_conn(&s, B, 2, 80, A, 40000, 1, 0);
    struct vt_event mark = {.kind = VT_EV_TCP_MARK, .conn = 2, .mark = VT_MARK_PAGE};
    memcpy(mark.u.conn.local, scene_ip(B).b, 16);
    memcpy(mark.u.conn.remote, scene_ip(A).b, 16);
    mark.u.conn.lport = 80;
    mark.u.conn.rport = 40000;
    scene_emit(&s, &mark, B, none, NULL, 0);
    assert_true(pair_of(&m, A, 1)->hidden);
    assert_int_equal(hidden_pair, pair_of(&m, A, 1)->id);
    scene_conn(&s, A, 5, 40001, B, 80, 0, 1234); /* another mark hides nothing */
    assert_false(pair_of(&m, A, 5)->hidden);
    vt_model_fini(&m);
}

/* At the cap a closed connection gives way before an open one. */
static void test_cap(void **state)
{
    struct scene s;
    struct vt_model m;
    (void)state;
    begin(&s, &m);
    scene_conn(&s, A, 1, 1, B, 80, 0, 0);
    scene_state(&s, A, 1, VT_TCP_CLOSED, VT_TCP_SYN_SENT, none);
    for (uint32_t i = 2; i <= 3 * VT_MODEL_CONNS; i++) {
        scene_conn(&s, A, i, (uint16_t)(i % 60000), B, 80, 0, 0);
        scene_state(&s, A, i, VT_TCP_CLOSED, VT_TCP_SYN_SENT, none);
        scene_state(&s, A, i, VT_TCP_SYN_SENT, VT_TCP_CLOSED, none);
    }
    assert_non_null(vt_model_conn(&m, A, 1));
    assert_int_equal(pair_of(&m, A, 1)->end[0].port, 1);
    assert_null(vt_model_conn(&m, A, 2));
    assert_true(m.evicted > VT_MODEL_CONNS);
    vt_model_fini(&m);
}

/* Numbers beyond the caps are counted, and nothing else happens. */
static void test_refused(void **state)
{
    struct scene s = {0};
    struct vt_model m;
    struct vt_event ev = {.kind = VT_EV_NODE, .node = VT_MODEL_NODES};
    (void)state;
    assert_true(vt_model_init(&m));
    vt_model_event(&m, &ev, "far", 0);
    ev = (struct vt_event){.kind = VT_EV_LINK};
    vt_model_event(&m, &ev, "none", 0);
    ev.u.link.which = UINT32_MAX;
    vt_model_event(&m, &ev, "far", 0);
    assert_int_equal(m.refused, 3);
    assert_null(vt_model_node(&m, VT_MODEL_NODES));
    (void)s;
    vt_model_fini(&m);
}

/* A name longer than there is room for is cut between characters. */
static void test_long_name(void **state)
{
    struct scene s = {0};
    struct vt_model m;
    struct vt_event ev = {.kind = VT_EV_NODE};
    char name[VT_NAME];
    (void)state;
    assert_true(vt_model_init(&m));
    scene_listen(&s, take, &m);
    scene_emit(&s, &ev, A, none, "你你你你你你你你你你你你", 36);
    assert_string_equal(vt_model_name(&m, A, name), "你你你你你你你你你你");
    vt_model_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topology),
        cmocka_unit_test(test_link_before_port),
        cmocka_unit_test(test_both_ends_are_paired),
        cmocka_unit_test(test_simultaneous_open),
        cmocka_unit_test(test_name_used_again),
        cmocka_unit_test(test_learned_from_segments),
        cmocka_unit_test(test_hidden_by_either_end),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_long_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

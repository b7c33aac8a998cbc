/* S19: two programs that wait for each other for ever are found, and nobody else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scene.h"

struct stage {
    struct scene scene;
    struct vt_standstill *still;
    unsigned found;
    struct vt_standstill_finding last;
    char text[2][400];
};

static void take_finding(void *ctx, const struct vt_standstill_finding *f)
{
    struct stage *t = ctx;
    t->found++;
    t->last = *f;
    for (unsigned i = 0; i < 2; i++) {
        strncpy(t->text[i], f->text[i], sizeof t->text[i] - 1);
    }
}

static struct scene *begin(struct stage *t)
{
    memset(t, 0, sizeof *t);
    t->still = vt_standstill_new(&(struct vt_standstill_config){.found = take_finding, .ctx = t});
    assert_non_null(t->still);
    scene_listen(&t->scene, vt_standstill_event, t->still);
    scene_topology(&t->scene);
    scene_open(&t->scene);
    return &t->scene;
}

static unsigned later(struct stage *t)
{
    scene_wait(&t->scene, 5000 * MS);
    vt_standstill_tick(t->still, t->scene.now);
    unsigned found = t->found;
    t->found = 0;
    return found;
}

static void end(struct stage *t)
{
    vt_standstill_free(t->still);
}

static void recv_waits(struct scene *s, uint32_t node)
{
    scene_call(s, node, node == A ? 1 : 2, VT_CALL_RECV, -VT_EAGAIN, true);
}

static void s19_both_receive(void **state)
{
    struct stage t;
    struct scene *s = begin(&t);
    (void)state;
    recv_waits(s, B);
    assert_int_equal(later(&t), 0); /* the client has not called: it may yet send */
    vt_time since = s->now;
    recv_waits(s, A);
    vt_standstill_tick(t.still, s->now + 999 * MS);
    assert_int_equal(t.found, 0); /* not before it has lasted */
    assert_int_equal(later(&t), 1);
    assert_int_equal(t.last.kind, VT_STANDSTILL_RECEIVE);
    assert_int_equal(t.last.since, since);
    assert_int_equal(t.last.node[0], A);
    assert_int_equal(t.last.node[1], B);
    assert_int_equal(t.last.conn[1], 2);
    assert_non_null(strstr(t.text[VT_LANG_EN], "a 10.0.0.1:40000 - b 10.0.0.2:9528: Both receive"));
    assert_non_null(strstr(t.text[VT_LANG_ZH], "双方都在接收"));
    assert_int_equal(later(&t), 0); /* once */
    end(&t);
}

/* After an exchange, too: everything that was given has been sent and taken. */
static void s19_both_receive_after_data(void **state)
{
    struct stage t;
    struct scene *s = begin(&t);
    (void)state;
    scene_call(s, A, 1, VT_CALL_SEND, 3, false);
    scene_say(s, A, VT_PSH | VT_ACK, ISN_A + 1, ISN_B + 1, "abc", VT_SEG_NEW);
    recv_waits(s, A);
    scene_say(s, B, VT_ACK, ISN_B + 1, ISN_A + 4, "", VT_SEG_ACK);
    scene_call(s, B, 2, VT_CALL_RECV, 3, false);
    recv_waits(s, B);
    assert_int_equal(later(&t), 1);
    /* One goes on, and it stands still again: told again. */
    scene_call(s, A, 1, VT_CALL_SEND, 1, false);
    assert_int_equal(later(&t), 0);
    scene_say(s, A, VT_PSH | VT_ACK, ISN_A + 4, ISN_B + 1, "d", VT_SEG_NEW);
    scene_call(s, B, 2, VT_CALL_RECV, 1, false);
    scene_say(s, B, VT_ACK, ISN_B + 1, ISN_A + 5, "", VT_SEG_ACK);
    recv_waits(s, B);
    assert_int_equal(later(&t), 0); /* a's last call was send */
    recv_waits(s, A);
    assert_int_equal(later(&t), 1);
    end(&t);
}

/* The ordinary cases that look like it. */
static void test_no_false_alarm(void **state)
{
    struct stage t;
    struct scene *s = begin(&t);
    (void)state;
    /* Something is on its way: the client has sent, the server waits for it. */
    scene_call(s, A, 1, VT_CALL_SEND, 3, false);
    struct packet p = scene_seg(s, A, 1, 40000, B, 9528, VT_PSH | VT_ACK, ISN_A + 1, ISN_B + 1, "abc",
                                VT_SEG_NEW);
    recv_waits(s, A);
    recv_waits(s, B);
    assert_int_equal(later(&t), 0);
    /* It was lost: the sender will send it again. */
    scene_depart(s, &p, A, S1);
    scene_drop(s, &p, 0, VT_DROP_CABLE_LOSS);
    assert_int_equal(later(&t), 0);
    /* It came, but is not read yet. */
    scene_say(s, A, VT_PSH | VT_ACK, ISN_A + 1, ISN_B + 1, "abc", VT_SEG_RTO);
    scene_say(s, B, VT_ACK, ISN_B + 1, ISN_A + 4, "", VT_SEG_ACK);
    assert_int_equal(later(&t), 0);
    /* The server read it, answers, and waits; the client has its answer, and is at its prompt: no call waits.
     */
    scene_call(s, B, 2, VT_CALL_RECV, 3, false);
    scene_call(s, B, 2, VT_CALL_SEND, 3, false);
    recv_waits(s, B);
    scene_say(s, B, VT_PSH | VT_ACK, ISN_B + 1, ISN_A + 4, "abc", VT_SEG_NEW);
    scene_call(s, A, 1, VT_CALL_RECV, 3, false);
    scene_say(s, A, VT_ACK, ISN_A + 4, ISN_B + 4, "", VT_SEG_ACK);
    assert_int_equal(later(&t), 0);
    end(&t);
}

/* Data given to send but not sent (Nagle, a small window) will still go. */
static void test_unsent_is_no_standstill(void **state)
{
    struct stage t;
    struct scene *s = begin(&t);
    (void)state;
    scene_call(s, A, 1, VT_CALL_SEND, 3, false);
    recv_waits(s, A);
    recv_waits(s, B);
    assert_int_equal(later(&t), 0);
    end(&t);
}

/* A closed direction ends a recv with 0: nobody waits for ever. */
static void test_half_closed(void **state)
{
    struct stage t;
    struct scene *s = begin(&t);
    (void)state;
    recv_waits(s, A);
    scene_move(s, A, VT_TCP_ESTABLISHED, VT_TCP_FIN_WAIT1, (struct vt_event_id){0, 0});
    recv_waits(s, B);
    assert_int_equal(later(&t), 0);
    end(&t);
}

static void test_page_is_left_out(void **state)
{
    struct stage t;
    struct scene *s = begin(&t);
    struct vt_event mark = {.kind = VT_EV_TCP_MARK, .conn = 1, .mark = VT_MARK_PAGE};
    (void)state;
    memcpy(mark.u.conn.local, scene_ip(A).b, 16);
    memcpy(mark.u.conn.remote, scene_ip(B).b, 16);
    mark.u.conn.lport = 40000;
    mark.u.conn.rport = 9528;
    scene_emit(s, &mark, A, (struct vt_event_id){0, 0}, NULL, 0);
    recv_waits(s, A);
    recv_waits(s, B);
    assert_int_equal(later(&t), 0);
    end(&t);
}

/* ---- Both send ---- */

static void s19_both_send(void **state)
{
    struct stage t;
    struct scene *s = begin(&t);
    (void)state;
    /* Each sends three bytes; each receiver's window is now closed. */
    scene_call(s, A, 1, VT_CALL_SEND, 8, false);
    scene_say(s, A, VT_ACK, ISN_A + 1, ISN_B + 1, "abc", VT_SEG_NEW);
    scene_call(s, B, 2, VT_CALL_SEND, 8, false);
    struct packet p = scene_seg(s, B, 2, 9528, A, 40000, VT_ACK, ISN_B + 1, ISN_A + 4, "def", VT_SEG_NEW);
    scene_cross(s, &p, B, A);
    scene_read(s, &p, A, 1, VT_TCP_ESTABLISHED);
    scene_call(s, A, 1, VT_CALL_SEND, -VT_EAGAIN, true);
    scene_call(s, B, 2, VT_CALL_SEND, -VT_EAGAIN, true);
    assert_int_equal(later(&t), 0); /* the windows are open: the transport will go on */
    struct vt_event full = p.tx;
    full.u.seg.seq = ISN_B + 4;
    full.u.seg.ack = ISN_A + 4;
    full.u.seg.len = 0;
    full.u.seg.wnd = 0;
    scene_emit(s, &full, B, (struct vt_event_id){0, 0}, NULL, 0);
    assert_int_equal(later(&t), 0); /* one way is closed: the other's program may still read */
    full.conn = 1;
    memcpy(full.u.seg.src, scene_ip(A).b, 16);
    memcpy(full.u.seg.dst, scene_ip(B).b, 16);
    full.u.seg.sport = 40000;
    full.u.seg.dport = 9528;
    full.u.seg.seq = ISN_A + 4;
    full.u.seg.ack = ISN_B + 4;
    scene_emit(s, &full, A, (struct vt_event_id){0, 0}, NULL, 0);
    assert_int_equal(later(&t), 1);
    assert_int_equal(t.last.kind, VT_STANDSTILL_SEND);
    assert_non_null(strstr(t.text[VT_LANG_EN], "Both send"));
    assert_non_null(strstr(t.text[VT_LANG_ZH], "双方都在发送"));
    /* One reads, and a window opens: over. */
    scene_call(s, A, 1, VT_CALL_RECV, 3, false);
    assert_int_equal(later(&t), 0);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s19_both_receive),    cmocka_unit_test(s19_both_receive_after_data),
        cmocka_unit_test(test_no_false_alarm), cmocka_unit_test(test_unsent_is_no_standstill),
        cmocka_unit_test(test_half_closed),    cmocka_unit_test(test_page_is_left_out),
        cmocka_unit_test(s19_both_send),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

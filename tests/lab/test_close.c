/* How a connection closes: four segments and who they come from (S13), why TIME-WAIT (S14), and when three
 * suffice (S15). */
#include "scene.h"

#define PORT  9528
#define DELAY (10 * VT_MSEC)
#define MSL2  (60 * VT_SEC)

/* A connection over a cable of 10 ms, with a few bytes said both ways. */
struct talk {
    struct scene s;
    int fd[2];
    size_t mark; /* of the record, before the closing */
};

static const char *const host[2] = {"a", "b"};

static void begin(struct talk *t)
{
    scene_open(&t->s, 13);
    scene_pair(&t->s, "delay 10ms");
    scene_join(&t->s, PORT, &t->fd[0], &t->fd[1]);
    scene_say(&t->s, "a", t->fd[0], "what the client said");
    scene_run(&t->s, VT_SEC);
    scene_hear(&t->s, "b", t->fd[1], "what the client said");
    scene_say(&t->s, "b", t->fd[1], "and the server");
    scene_run(&t->s, VT_SEC);
    scene_hear(&t->s, "a", t->fd[0], "and the server");
    t->mark = scene_mark(&t->s);
}

/* The number behind the last byte that a host sent before the closing. */
static uint32_t next_of(const struct talk *t, const char *node)
{
    struct scene_segs segs;
    uint32_t next = 0;
    scene_segs(&t->s, 0, PORT, &segs);
    for (size_t i = 0; i < segs.n && segs.at[i] < &t->s.event[t->mark].ev; i++)
        if (segs.at[i]->node == scene_node(&t->s, node))
            next = segs.at[i]->u.seg.seq + segs.at[i]->u.seg.len + ((segs.at[i]->u.seg.flags & VT_SYN) != 0);
    return next;
}

static vt_time entered(const struct talk *t, const char *node, unsigned state)
{
    return scene_entered(&t->s, t->mark, node, PORT, state);
}

static void assert_path(const struct talk *t, const char *node, const char *path)
{
    char buf[256];
    assert_string_equal(scene_states(&t->s, t->mark, node, PORT, buf, sizeof buf), path);
}

/* ---- S13 ---- */

/* Four segments, `closer` (0: a, 1: b) first; `last_words` are what the other still says when it is half
 * closed. */
static void four_segments(unsigned closer, const char *last_words)
{
    struct talk t;
    struct scene_segs segs;
    const char *one = host[closer], *other = host[!closer];
    char buf[16];
    size_t said = strlen(last_words);
    begin(&t);
    uint32_t u = next_of(&t, one), v = next_of(&t, other);
    scene_shut(&t.s, one, t.fd[closer]);
    scene_run(&t.s, VT_SEC);
    /* FIN, seq=u: one more than the last byte. Its answer ack=u+1, seq=v. */
    scene_segs(&t.s, t.mark, PORT, &segs);
    assert_int_equal(segs.n, 2);
    const struct vt_event *fin = segs.at[0], *ack = segs.at[1];
    assert_true(scene_is(&t.s, fin, one, VT_FIN | VT_ACK));
    assert_int_equal(fin->u.seg.seq, u);
    assert_int_equal(fin->u.seg.len, 0);
    assert_true(scene_is(&t.s, ack, other, VT_ACK));
    assert_int_equal(ack->u.seg.ack, u + 1);
    assert_int_equal(ack->u.seg.seq, v);
    assert_int_equal(entered(&t, one, VT_TCP_FIN_WAIT1), fin->time);
    assert_int_equal(entered(&t, other, VT_TCP_CLOSE_WAIT), scene_arrival(&t.s, fin)->time);
    assert_int_equal(entered(&t, one, VT_TCP_FIN_WAIT2), scene_arrival(&t.s, ack)->time);
    /* The other's program is told: the end of the stream. The connection is half closed: what it says is
     * still taken. */
    struct vt_pollfd p = {.fd = t.fd[!closer], .events = VT_POLLIN | VT_POLLRDHUP};
    assert_int_equal(vt_poll(scene_enter(&t.s, other), &p, 1), 1);
    assert_int_equal(p.revents, VT_POLLIN | VT_POLLRDHUP);
    assert_int_equal(scene_recv(&t.s, other, t.fd[!closer], buf, sizeof buf), 0);
    if (said > 0) {
        scene_say(&t.s, other, t.fd[!closer], last_words);
        scene_run(&t.s, VT_SEC);
        scene_hear(&t.s, one, t.fd[closer], last_words);
        assert_int_equal(scene_state(&t.s, one, PORT), VT_TCP_FIN_WAIT2);
    }
    /* It has sent everything: FIN, seq=w, ack=u+1. The closer answers ack=w+1, seq=u+1. */
    size_t half = scene_mark(&t.s);
    uint32_t w = v + (uint32_t)said;
    scene_hang_up(&t.s, other, t.fd[!closer]);
    scene_run(&t.s, VT_SEC);
    scene_segs(&t.s, half, PORT, &segs);
    assert_int_equal(segs.n, 2);
    const struct vt_event *fin2 = segs.at[0], *ack2 = segs.at[1];
    assert_true(scene_is(&t.s, fin2, other, VT_FIN | VT_ACK));
    assert_int_equal(fin2->u.seg.seq, w);
    assert_int_equal(fin2->u.seg.ack, u + 1);
    assert_true(scene_is(&t.s, ack2, one, VT_ACK));
    assert_int_equal(ack2->u.seg.ack, w + 1);
    assert_int_equal(ack2->u.seg.seq, u + 1);
    assert_int_equal(scene_recv(&t.s, one, t.fd[closer], buf, sizeof buf), 0);
    scene_hang_up(&t.s, one, t.fd[closer]);
    /* The other is CLOSED when that arrives, the closer 2 MSL after it left: the other ends earlier. */
    scene_run(&t.s, 2 * MSL2);
    assert_path(&t, one, "FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED");
    assert_path(&t, other, "CLOSE-WAIT LAST-ACK CLOSED");
    assert_int_equal(entered(&t, other, VT_TCP_LAST_ACK), fin2->time);
    assert_int_equal(entered(&t, one, VT_TCP_TIME_WAIT), ack2->time);
    assert_int_equal(entered(&t, other, VT_TCP_CLOSED), ack2->time + DELAY);
    assert_int_equal(entered(&t, one, VT_TCP_CLOSED), ack2->time + MSL2);
    assert_int_equal(scene_count(&t.s, t.mark, NULL, VT_EV_TCP_ERROR), 0);
    scene_close(&t.s);
}

static void test_s13_the_client_closes(void **state)
{
    (void)state;
    four_segments(0, "");
}

static void test_s13_the_server_closes(void **state)
{
    (void)state;
    four_segments(1, "");
}

static void test_s13_half_closed_data_still_flow(void **state)
{
    (void)state;
    four_segments(0, "wait, I have not finished");
    four_segments(1, "nor have I");
}

/* Each sends its FIN before the other's has come. */
static void test_s13_both_close_at_once(void **state)
{
    struct talk t;
    struct scene_segs segs;
    (void)state;
    begin(&t);
    uint32_t u[2] = {next_of(&t, "a"), next_of(&t, "b")};
    scene_hang_up(&t.s, "a", t.fd[0]);
    scene_hang_up(&t.s, "b", t.fd[1]);
    scene_run(&t.s, 2 * MSL2);
    scene_segs(&t.s, t.mark, PORT, &segs);
    assert_int_equal(segs.n, 4);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(scene_is(&t.s, segs.at[i], host[i], VT_FIN | VT_ACK));
        assert_int_equal(segs.at[i]->u.seg.seq, u[i]);
        assert_int_equal(segs.at[i]->u.seg.ack, u[!i]); /* it knows nothing of the other's FIN */
        assert_path(&t, host[i], "FIN-WAIT-1 CLOSING TIME-WAIT CLOSED");
        assert_int_equal(entered(&t, host[i], VT_TCP_CLOSED) - entered(&t, host[i], VT_TCP_TIME_WAIT), MSL2);
    }
    for (unsigned i = 2; i < 4; i++) {
        unsigned who = scene_is(&t.s, segs.at[i], "a", VT_ACK) ? 0 : 1;
        assert_true(scene_is(&t.s, segs.at[i], host[who], VT_ACK));
        assert_int_equal(segs.at[i]->u.seg.seq, u[who] + 1);
        assert_int_equal(segs.at[i]->u.seg.ack, u[!who] + 1);
    }
    scene_close(&t.s);
}

/* What the closer had still to send goes before its FIN, which takes the number behind it. */
static void test_s13_the_fin_goes_behind_the_data(void **state)
{
    struct talk t;
    struct scene_segs segs;
    static char page[5000], got[5001];
    (void)state;
    begin(&t);
    memset(page, 'p', sizeof page);
    uint32_t next = next_of(&t, "a");
    assert_int_equal(scene_send(&t.s, "a", t.fd[0], page, sizeof page), sizeof page);
    scene_hang_up(&t.s, "a", t.fd[0]);
    scene_run(&t.s, VT_SEC);
    scene_segs(&t.s, t.mark, PORT, &segs);
    const struct vt_event *fin = NULL;
    for (size_t i = 0; i < segs.n; i++)
        if ((segs.at[i]->u.seg.flags & VT_FIN) != 0)
            fin = segs.at[i];
    assert_non_null(fin);
    assert_int_equal(fin->u.seg.seq + fin->u.seg.len, next + sizeof page);
    assert_int_equal(scene_recv(&t.s, "b", t.fd[1], got, sizeof got), sizeof page);
    assert_memory_equal(got, page, sizeof page);
    assert_int_equal(scene_recv(&t.s, "b", t.fd[1], got, sizeof got), 0);
    scene_close(&t.s);
}

/* ---- S14 ---- */

/* Closes from a's side; the last ACK is lost. */
static void lose_the_last_ack(struct talk *t)
{
    begin(t);
    scene_shut(&t->s, "a", t->fd[0]);
    scene_run(&t->s, VT_SEC);
    scene_fault(&t->s, "a-b", VT_DIR_FORTH, "drop 1st ack");
    scene_hang_up(&t->s, "a", t->fd[0]);
    scene_hang_up(&t->s, "b", t->fd[1]);
}

/* (a) The other repeats its FIN; TIME-WAIT answers, and begins anew. */
static void test_s14_time_wait_answers_the_repeated_fin(void **state)
{
    struct talk t;
    struct scene_segs segs;
    (void)state;
    lose_the_last_ack(&t);
    size_t mark = scene_mark(&t.s);
    scene_run(&t.s, 2 * MSL2);
    scene_segs(&t.s, mark, PORT, &segs);
    assert_int_equal(segs.n, 4);
    assert_true(scene_is(&t.s, segs.at[0], "b", VT_FIN | VT_ACK));
    assert_true(scene_is(&t.s, segs.at[1], "a", VT_ACK)); /* lost */
    assert_null(scene_arrival(&t.s, segs.at[1]));
    assert_true(scene_is(&t.s, segs.at[2], "b", VT_FIN | VT_ACK));
    assert_int_equal(segs.at[2]->u.seg.seq, segs.at[0]->u.seg.seq);
    assert_int_equal(segs.at[2]->u.seg.why, VT_SEG_TLP); /* a FIN is a tail: RFC 8985 7 */
    assert_true(scene_is(&t.s, segs.at[3], "a", VT_ACK));
    assert_int_equal(segs.at[3]->u.seg.ack, segs.at[0]->u.seg.seq + 1);
    assert_path(&t, "a", "FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED");
    assert_path(&t, "b", "CLOSE-WAIT LAST-ACK CLOSED");
    assert_int_equal(entered(&t, "b", VT_TCP_CLOSED), segs.at[3]->time + DELAY);
    assert_int_equal(entered(&t, "a", VT_TCP_CLOSED), segs.at[3]->time + MSL2); /* not since the first */
    assert_int_equal(scene_count(&t.s, mark, NULL, VT_EV_TCP_ERROR), 0);
    scene_close(&t.s);
}

/* Without the wait (MSL 0) nobody is there to answer: the other's FIN meets a RST, and that all it said has
 * come is never confirmed. */
static void test_s14_without_the_wait_the_fin_meets_a_reset(void **state)
{
    struct talk t;
    struct scene_segs segs;
    (void)state;
    begin(&t);
    uint32_t u = next_of(&t, "a"), w = next_of(&t, "b");
    scene_knob(&t.s, "a", "net.ipv4.tcp_msl", 0);
    scene_shut(&t.s, "a", t.fd[0]);
    scene_run(&t.s, VT_SEC);
    scene_fault(&t.s, "a-b", VT_DIR_FORTH, "drop 1st ack");
    scene_hang_up(&t.s, "a", t.fd[0]);
    size_t mark = scene_mark(&t.s);
    scene_hang_up(&t.s, "b", t.fd[1]);
    scene_run(&t.s, 2 * MSL2);
    scene_segs(&t.s, mark, PORT, &segs);
    assert_int_equal(segs.n, 4);
    assert_true(scene_is(&t.s, segs.at[0], "b", VT_FIN | VT_ACK));
    assert_null(scene_arrival(&t.s, segs.at[1])); /* the ACK */
    assert_true(scene_is(&t.s, segs.at[2], "b", VT_FIN | VT_ACK));
    assert_int_equal(segs.at[2]->u.seg.seq, w);
    assert_true(scene_is(&t.s, segs.at[3], "a", VT_RST));
    assert_int_equal(segs.at[3]->u.seg.seq, u + 1);
    assert_path(&t, "a", "FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED");
    assert_int_equal(entered(&t, "a", VT_TCP_CLOSED), entered(&t, "a", VT_TCP_TIME_WAIT));
    assert_path(&t, "b", "CLOSE-WAIT LAST-ACK CLOSED");
    for (size_t i = 0, n = scene_count(&t.s, mark, "b", VT_EV_TCP_RX); i < n; i++)
        assert_int_not_equal(scene_find(&t.s, mark, "b", VT_EV_TCP_RX, i)->u.seg.ack, w + 1);
    scene_close(&t.s);
}

/* (b) So that every segment of this connection has died out. A data segment that a cable holds back for ten
 * seconds comes when the connection is over. With TIME-WAIT its name is still taken, and the old segment is
 * answered and dropped there; the new connection has another. */
static void old_segment(bool wait)
{
    struct talk t;
    char buf[64];
    begin(&t);
    scene_knob(&t.s, "a", "net.ipv4.tcp_msl", wait ? 30 : 0);
    scene_fault(&t.s, "a-b", VT_DIR_BACK, "delay 1st data 10s");
    scene_say(&t.s, "b", t.fd[1], "old");
    scene_run(&t.s, VT_SEC);
    scene_hear(&t.s, "a", t.fd[0], "old"); /* it was sent again */
    scene_hang_up(&t.s, "a", t.fd[0]);
    scene_run(&t.s, VT_SEC);
    scene_hang_up(&t.s, "b", t.fd[1]);
    scene_run(&t.s, VT_SEC);
    assert_int_equal(scene_state(&t.s, "a", PORT), wait ? VT_TCP_TIME_WAIT : VT_TCP_CLOSED);
    /* The program asks for the very same name again. */
    struct vt_host *a = scene_enter(&t.s, "a");
    const struct vt_event *syn = scene_find(&t.s, 0, "a", VT_EV_TCP_TX, 0);
    struct vt_addr local = {.ip = VT_IP4(10, 0, 0, 1), .port = syn->u.seg.sport},
                   peer = scene_addr("10.0.0.2:9528");
    int fd = vt_socket(a, VT_AF_INET, VT_SOCK_STREAM, 0), one = 1,
        listener = scene_listen(&t.s, "b", "10.0.0.2:9528", 1);
    vt_setsockopt(a, fd, VT_SOL_SOCKET, VT_SO_REUSEADDR, &one, sizeof one);
    assert_int_equal(vt_bind(a, fd, &local), 0);
    assert_int_equal(vt_connect(a, fd, &peer), wait ? -VT_EADDRNOTAVAIL : -VT_EINPROGRESS);
    size_t mark = scene_mark(&t.s);
    scene_run(&t.s, 10 * VT_SEC);
    /* The old segment has come. */
    const struct vt_event *late = NULL;
    for (size_t i = 0; late == NULL; i++) {
        late = scene_find(&t.s, mark, "a", VT_EV_TCP_RX, i);
        assert_non_null(late);
        if (late->u.seg.len != 3)
            late = NULL;
    }
    if (wait) {
        assert_int_equal(late->u.seg.state, VT_TCP_TIME_WAIT);
        /* It is dropped, and so is the RST that the answer to it provokes: TIME-WAIT stays (RFC 1337). */
        assert_int_equal(scene_drops(&t.s, mark, "a", VT_DROP_TCP_TIME_WAIT), 2);
        scene_run(&t.s, 2 * MSL2);
        assert_int_equal(entered(&t, "a", VT_TCP_CLOSED) - entered(&t, "a", VT_TCP_TIME_WAIT), MSL2);
    } else {
        /* A connection of the same name is there, and only its numbers and timestamps keep the segment out.
         */
        assert_int_equal(late->u.seg.state, VT_TCP_ESTABLISHED);
        scene_accept(&t.s, "b", listener);
        assert_int_equal(scene_recv(&t.s, "a", fd, buf, sizeof buf), -VT_EAGAIN);
    }
    scene_close(&t.s);
}

static void test_s14_old_segments_die_in_time_wait(void **state)
{
    (void)state;
    old_segment(true);
}

static void test_s14_without_the_wait_they_meet_a_namesake(void **state)
{
    (void)state;
    old_segment(false);
}

/* ---- S15 ---- */

/* The other has nothing left, and its program closes as soon as it is told. With TCP_QUICKACK off its host
 * may hold the ACK of the FIN back for a moment (RFC 9293 3.8.6.3), and then it goes with its own FIN. */
static void test_s15_three_suffice(void **state)
{
    struct talk t;
    struct scene_segs segs;
    int off = 0;
    char buf[8];
    (void)state;
    begin(&t);
    uint32_t u = next_of(&t, "a"), w = next_of(&t, "b");
    assert_int_equal(
        vt_setsockopt(scene_enter(&t.s, "b"), t.fd[1], VT_SOL_TCP, VT_TCP_QUICKACK, &off, sizeof off), 0);
    scene_hang_up(&t.s, "a", t.fd[0]);
    scene_run(&t.s, DELAY);
    assert_int_equal(scene_state(&t.s, "b", PORT), VT_TCP_CLOSE_WAIT);
    assert_int_equal(scene_recv(&t.s, "b", t.fd[1], buf, sizeof buf), 0);
    scene_hang_up(&t.s, "b", t.fd[1]);
    scene_run(&t.s, 2 * MSL2);
    scene_segs(&t.s, t.mark, PORT, &segs);
    assert_int_equal(segs.n, 3);
    assert_true(scene_is(&t.s, segs.at[0], "a", VT_FIN | VT_ACK));
    assert_int_equal(segs.at[0]->u.seg.seq, u);
    assert_true(scene_is(&t.s, segs.at[1], "b", VT_FIN | VT_ACK));
    assert_int_equal(segs.at[1]->u.seg.seq, w);
    assert_int_equal(segs.at[1]->u.seg.ack, u + 1);
    assert_true(scene_is(&t.s, segs.at[2], "a", VT_ACK));
    assert_int_equal(segs.at[2]->u.seg.seq, u + 1);
    assert_int_equal(segs.at[2]->u.seg.ack, w + 1);
    /* The ACK and the FIN of FIN-WAIT-1 come together: it passes through FIN-WAIT-2 in one step. */
    assert_int_equal(entered(&t, "a", VT_TCP_TIME_WAIT), segs.at[2]->time);
    assert_path(&t, "b", "CLOSE-WAIT LAST-ACK CLOSED");
    scene_close(&t.s);
}

/* But one that has something left gets its ACK within the moment: four. */
static void test_s15_four_when_something_is_left(void **state)
{
    struct talk t;
    struct scene_segs segs;
    int off = 0;
    (void)state;
    begin(&t);
    assert_int_equal(
        vt_setsockopt(scene_enter(&t.s, "b"), t.fd[1], VT_SOL_TCP, VT_TCP_QUICKACK, &off, sizeof off), 0);
    scene_hang_up(&t.s, "a", t.fd[0]);
    scene_run(&t.s, VT_SEC);
    scene_segs(&t.s, t.mark, PORT, &segs);
    assert_int_equal(segs.n, 2);
    assert_true(scene_is(&t.s, segs.at[1], "b", VT_ACK));
    assert_true(segs.at[1]->time - scene_arrival(&t.s, segs.at[0])->time <=
                500 * (vt_time)VT_MSEC); /* MUST-40 */
    scene_hang_up(&t.s, "b", t.fd[1]);
    scene_run(&t.s, VT_SEC);
    scene_segs(&t.s, t.mark, PORT, &segs);
    assert_int_equal(segs.n, 4);
    scene_close(&t.s);
}

/* Three to open, since a SYN and an ACK go in one segment: the counts of a whole conversation. */
static void test_s15_three_to_open_four_to_close(void **state)
{
    struct talk t;
    struct scene_segs segs;
    (void)state;
    begin(&t);
    scene_segs(&t.s, 0, PORT, &segs);
    size_t open = 0;
    while (segs.at[open]->u.seg.len == 0)
        open++;
    assert_int_equal(open, 3);
    scene_hang_up(&t.s, "a", t.fd[0]);
    scene_run(&t.s, VT_SEC);
    scene_hang_up(&t.s, "b", t.fd[1]);
    scene_run(&t.s, VT_SEC);
    scene_segs(&t.s, t.mark, PORT, &segs);
    assert_int_equal(segs.n, 4);
    scene_close(&t.s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_s13_the_client_closes),
        cmocka_unit_test(test_s13_the_server_closes),
        cmocka_unit_test(test_s13_half_closed_data_still_flow),
        cmocka_unit_test(test_s13_both_close_at_once),
        cmocka_unit_test(test_s13_the_fin_goes_behind_the_data),
        cmocka_unit_test(test_s14_time_wait_answers_the_repeated_fin),
        cmocka_unit_test(test_s14_without_the_wait_the_fin_meets_a_reset),
        cmocka_unit_test(test_s14_old_segments_die_in_time_wait),
        cmocka_unit_test(test_s14_without_the_wait_they_meet_a_namesake),
        cmocka_unit_test(test_s15_three_suffice),
        cmocka_unit_test(test_s15_four_when_something_is_left),
        cmocka_unit_test(test_s15_three_to_open_four_to_close),
    };
    return cmocka_run_group_tests_name("close", tests, NULL, NULL);
}

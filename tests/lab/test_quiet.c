/* Connections on which nothing happens: the dead client and the keepalive (S16), and the two standstills
 * (S19). */
#include "scene.h"

#define PORT 9528
#define HOUR (3600 * VT_SEC)

/* ---- S16 ---- */

static int one = 1;

/* b keeps alive what a has opened and used. The time of the last arrival at b is returned. */
static vt_time begin(struct scene *s, int *at_a, int *at_b)
{
    scene_open(s, 16);
    scene_pair(s, "delay 1ms");
    scene_join(s, PORT, at_a, at_b);
    assert_int_equal(
        vt_setsockopt(scene_enter(s, "b"), *at_b, VT_SOL_SOCKET, VT_SO_KEEPALIVE, &one, sizeof one), 0);
    scene_say(s, "a", *at_a, "I am here");
    scene_run(s, VT_SEC);
    scene_hear(s, "b", *at_b, "I am here");
    return scene_find(s, 0, "b", VT_EV_TCP_RX, scene_count(s, 0, "b", VT_EV_TCP_RX) - 1)->time;
}

/* The i-th probe from b since `from`; NULL when there are fewer. */
static const struct vt_event *probe(const struct scene *s, size_t from, unsigned i)
{
    const struct vt_event *ev;
    for (size_t at = 0; (ev = scene_find(s, from, "b", VT_EV_TCP_TX, at)) != NULL; at++)
        if (ev->u.seg.why == VT_SEG_KEEPALIVE && i-- == 0)
            return ev;
    return NULL;
}

/* The client's host dies: the cable is cut. Two hours of silence, ten probes 75 seconds apart, and it is
 * over. */
static void test_s16_the_client_dies(void **state)
{
    struct scene s;
    int at_a, at_b;
    char buf[8];
    (void)state;
    vt_time last = begin(&s, &at_a, &at_b);
    uint32_t next = scene_find(&s, 0, "b", VT_EV_TCP_TX, 0)->u.seg.seq + 1;
    scene_impair(&s, "a-b", VT_DIR_BOTH, "cut");
    size_t mark = scene_mark(&s);
    scene_run(&s, 2 * HOUR + 20 * 75 * VT_SEC);
    for (unsigned i = 0; i < 10; i++) {
        const struct vt_event *p = probe(&s, mark, i);
        assert_non_null(p);
        assert_int_equal(p->time - last, 7200 * VT_SEC + i * 75 * VT_SEC);
        /* Below what was acknowledged, so that whoever lives must answer (RFC 9293 3.8.4). */
        assert_int_equal(p->u.seg.seq, next - 1);
        assert_int_equal(p->u.seg.len, 0);
    }
    assert_null(probe(&s, mark, 10));
    assert_int_equal(scene_entered(&s, mark, "b", PORT, VT_TCP_CLOSED) - last,
                     7200 * VT_SEC + 10 * 75 * VT_SEC);
    assert_int_equal(scene_find(&s, mark, "b", VT_EV_TCP_ERROR, 0)->u.call.result, -VT_ETIMEDOUT);
    assert_int_equal(scene_recv(&s, "b", at_b, buf, sizeof buf), -VT_ETIMEDOUT);
    assert_int_equal(scene_recv(&s, "b", at_b, buf, sizeof buf), 0);
    scene_close(&s);
}

/* Each arrival starts the two hours anew. */
static void test_s16_each_arrival_resets(void **state)
{
    struct scene s;
    int at_a, at_b;
    (void)state;
    begin(&s, &at_a, &at_b);
    size_t mark = scene_mark(&s);
    vt_time last = 0;
    for (unsigned hour = 0; hour < 5; hour++) {
        scene_run(&s, HOUR + HOUR / 2);
        scene_say(&s, "a", at_a, "still here");
        scene_run(&s, VT_SEC);
        last = scene_find(&s, mark, "b", VT_EV_TCP_RX, scene_count(&s, mark, "b", VT_EV_TCP_RX) - 1)->time;
        assert_null(probe(&s, mark, 0));
    }
    scene_run(&s, 2 * HOUR - 2 * VT_SEC);
    assert_null(probe(&s, mark, 0));
    scene_run(&s, 2 * VT_SEC);
    assert_non_null(probe(&s, mark, 0));
    assert_int_equal(probe(&s, mark, 0)->time - last, 2 * HOUR);
    scene_close(&s);
}

/* One who lives answers each probe, so that a day of silence ends nothing, and costs 12 probes. */
static void test_s16_a_silent_client_lives(void **state)
{
    struct scene s;
    struct scene_segs segs;
    int at_a, at_b;
    (void)state;
    begin(&s, &at_a, &at_b);
    size_t mark = scene_mark(&s);
    scene_run(&s, 24 * HOUR + HOUR);
    scene_segs(&s, mark, PORT, &segs);
    assert_int_equal(segs.n, 2 * 12);
    for (unsigned i = 0; i < segs.n; i++)
        assert_true(scene_is(&s, segs.at[i], i % 2 == 0 ? "b" : "a", VT_ACK));
    assert_in_range(segs.at[3]->time - segs.at[1]->time, 2 * HOUR,
                    2 * HOUR + 10 * VT_MSEC); /* ARP asks, too */
    assert_int_equal(scene_state(&s, "b", PORT), VT_TCP_ESTABLISHED);
    scene_say(&s, "b", at_b, "good morning");
    scene_run(&s, VT_SEC);
    scene_hear(&s, "a", at_a, "good morning");
    scene_close(&s);
}

/* One cut off for a while, in the middle of the probes: the answer to the next one counts, and the count
 * begins anew. */
static void test_s16_a_client_comes_back(void **state)
{
    struct scene s;
    int at_a, at_b;
    (void)state;
    vt_time last = begin(&s, &at_a, &at_b);
    scene_impair(&s, "a-b", VT_DIR_BOTH, "cut");
    size_t mark = scene_mark(&s);
    scene_run(&s, 2 * HOUR + 8 * 75 * VT_SEC + 50 * VT_SEC);
    assert_non_null(probe(&s, mark, 8));
    scene_impair(&s, "a-b", VT_DIR_BOTH, "heal");
    scene_run(&s, 2 * 75 * VT_SEC);
    const struct vt_event *answered = probe(&s, mark, 9);
    assert_int_equal(answered->time - last, 7200 * VT_SEC + 9 * 75 * VT_SEC);
    assert_non_null(scene_arrival(&s, answered));
    assert_null(probe(&s, mark, 10));
    scene_run(&s, 3 * HOUR);
    const struct vt_event *next = probe(&s, mark, 10);
    assert_in_range(next->time - answered->time, 2 * HOUR, 2 * HOUR + VT_SEC); /* and an ARP exchange */
    assert_int_equal(scene_state(&s, "b", PORT), VT_TCP_ESTABLISHED);
    scene_close(&s);
}

/* One that died and came back without memory says so: RST. (Its goodbye is lost on a cut cable.) */
static void test_s16_a_client_without_memory(void **state)
{
    struct scene s;
    int at_a, at_b;
    char buf[8];
    struct vt_linger forget = {1, 0};
    (void)state;
    begin(&s, &at_a, &at_b);
    scene_impair(&s, "a-b", VT_DIR_BOTH, "cut");
    vt_setsockopt(scene_enter(&s, "a"), at_a, VT_SOL_SOCKET, VT_SO_LINGER, &forget, sizeof forget);
    scene_hang_up(&s, "a", at_a);
    scene_run(&s, HOUR);
    assert_int_equal(scene_state(&s, "a", PORT), VT_TCP_CLOSED);
    assert_int_equal(scene_state(&s, "b", PORT), VT_TCP_ESTABLISHED); /* half open: it knows nothing */
    scene_impair(&s, "a-b", VT_DIR_BOTH, "heal");
    size_t mark = scene_mark(&s);
    scene_run(&s, 2 * HOUR);
    assert_non_null(probe(&s, mark, 0));
    assert_null(probe(&s, mark, 1));
    assert_int_equal(scene_recv(&s, "b", at_b, buf, sizeof buf), -VT_ECONNRESET);
    scene_close(&s);
}

/* Without SO_KEEPALIVE nobody ever asks (RFC 9293 3.8.4: off by default). */
static void test_s16_off_by_default(void **state)
{
    struct scene s;
    int at_a, at_b;
    (void)state;
    scene_open(&s, 16);
    scene_pair(&s, NULL);
    scene_join(&s, PORT, &at_a, &at_b);
    scene_impair(&s, "a-b", VT_DIR_BOTH, "cut");
    size_t mark = scene_mark(&s);
    scene_run(&s, 48 * HOUR);
    assert_int_equal(scene_count(&s, mark, NULL, VT_EV_TCP_TX), 0);
    assert_int_equal(scene_state(&s, "a", PORT), VT_TCP_ESTABLISHED);
    assert_int_equal(scene_state(&s, "b", PORT), VT_TCP_ESTABLISHED);
    scene_close(&s);
}

/* ---- S19 ---- */

struct findings {
    unsigned n;
    struct vt_standstill_finding last;
    char text[1024];
};

static void on_found(void *ctx, const struct vt_standstill_finding *f)
{
    struct findings *found = ctx;
    found->n++;
    found->last = *f;
    snprintf(found->text, sizeof found->text, "%s", f->text[VT_LANG_EN]);
    assert_true(strlen(f->text[VT_LANG_ZH]) > 0);
}

struct standstill {
    struct scene s;
    struct vt_standstill *lens;
    struct findings found;
    int at_a, at_b;
};

static void watch(struct standstill *t)
{
    memset(t, 0, sizeof *t);
    scene_open(&t->s, 19);
    scene_pair(&t->s, "delay 1ms");
    t->lens = vt_standstill_new(&(struct vt_standstill_config){.found = on_found, .ctx = &t->found});
    assert_int_equal(vt_lab_listen(t->s.lab, (struct vt_listener){vt_standstill_event, t->lens}), 0);
    scene_join(&t->s, PORT, &t->at_a, &t->at_b);
}

static void run(struct standstill *t, vt_span span)
{
    scene_run(&t->s, span);
    vt_standstill_tick(t->lens, vt_lab_now(t->s.lab));
}

static void end(struct standstill *t)
{
    vt_lab_unlisten(t->s.lab, (struct vt_listener){vt_standstill_event, t->lens});
    vt_standstill_free(t->lens);
    scene_close(&t->s);
}

/* Both receive: both wait for ever. */
static void test_s19_both_receive(void **state)
{
    struct standstill t;
    char buf[8];
    (void)state;
    watch(&t);
    assert_int_equal(scene_recv(&t.s, "a", t.at_a, buf, sizeof buf), -VT_EAGAIN);
    run(&t, 10 * VT_SEC);
    assert_int_equal(t.found.n, 0); /* one alone that waits is no standstill */
    assert_int_equal(scene_recv(&t.s, "b", t.at_b, buf, sizeof buf), -VT_EAGAIN);
    vt_time since = vt_lab_now(t.s.lab);
    run(&t, 500 * VT_MSEC);
    assert_int_equal(t.found.n, 0); /* not yet for long */
    size_t mark = scene_mark(&t.s);
    run(&t, 24 * HOUR);
    assert_int_equal(t.found.n, 1);
    assert_int_equal(t.found.last.kind, VT_STANDSTILL_RECEIVE);
    assert_int_equal(t.found.last.since, since);
    assert_int_equal(t.found.last.node[0], scene_node(&t.s, "a"));
    assert_int_equal(t.found.last.node[1], scene_node(&t.s, "b"));
    assert_non_null(strstr(t.found.text, "10.0.0.2:9528"));
    /* And truly nothing happened in that day. */
    assert_int_equal(scene_count(&t.s, mark, NULL, VT_EV_TCP_TX), 0);
    /* A word ends it. */
    scene_say(&t.s, "a", t.at_a, "you");
    run(&t, VT_SEC);
    scene_hear(&t.s, "b", t.at_b, "you");
    run(&t, HOUR);
    assert_int_equal(t.found.n, 1);
    end(&t);
}

/* One sends while the other receives: no standstill, however long the one that receives has to wait. */
static void test_s19_one_sends_and_one_receives(void **state)
{
    struct standstill t;
    char buf[8];
    (void)state;
    watch(&t);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(scene_recv(&t.s, "b", t.at_b, buf, sizeof buf), -VT_EAGAIN);
        run(&t, 10 * VT_SEC);
        scene_say(&t.s, "a", t.at_a, "word");
        run(&t, VT_SEC);
        scene_hear(&t.s, "b", t.at_b, "word");
    }
    assert_int_equal(t.found.n, 0);
    end(&t);
}

/* A program at a host: sends as much as goes. */
static size_t send_all(struct standstill *t, const char *host, int fd)
{
    static const char bytes[1000];
    size_t sent = 0;
    long n;
    while ((n = scene_send(&t->s, host, fd, bytes, sizeof bytes)) > 0)
        sent += (size_t)n;
    assert_int_equal(n, -VT_EAGAIN);
    return sent;
}

/* What a host has sent, and what it was last allowed to: both counted from the first byte. */
static void flow_of(const struct scene *s, const char *host, const char *peer, uint32_t *sent, uint32_t *edge)
{
    const struct vt_event *ev;
    uint32_t first = 0;
    *sent = *edge = 0;
    for (size_t i = 0; (ev = scene_find(s, 0, host, VT_EV_TCP_TX, i)) != NULL; i++) {
        if ((ev->u.seg.flags & VT_SYN) != 0)
            first = ev->u.seg.seq + 1;
        else if (ev->u.seg.len > 0 && ev->u.seg.seq + ev->u.seg.len - first > *sent)
            *sent = ev->u.seg.seq + ev->u.seg.len - first;
    }
    for (size_t i = 0; (ev = scene_find(s, 0, peer, VT_EV_TCP_TX, i)) != NULL; i++)
        if ((ev->u.seg.flags & VT_SYN) == 0)
            *edge = ev->u.seg.ack + ev->u.seg.wnd - first;
}

/* Both only send: both windows fill, and both stop. */
static void test_s19_both_send(void **state)
{
    struct standstill t;
    size_t gave_a = 0, gave_b = 0, more = 1, rounds = 0;
    uint32_t sent, edge;
    static char buf[4096];
    (void)state;
    watch(&t);
    while (more > 0 && rounds++ < 1000) {
        more = send_all(&t, "a", t.at_a);
        gave_a += more;
        size_t n = send_all(&t, "b", t.at_b);
        gave_b += n;
        more += n;
        run(&t, 100 * VT_MSEC);
    }
    assert_int_equal(more, 0);
    run(&t, 10 * VT_SEC);
    assert_int_equal(t.found.n, 1);
    assert_int_equal(t.found.last.kind, VT_STANDSTILL_SEND);
    assert_non_null(strstr(t.found.text, "10.0.0.2:9528"));
    /* The windows are full indeed: each has sent up to the edge, and more waits behind. */
    flow_of(&t.s, "a", "b", &sent, &edge);
    assert_int_equal(sent, edge);
    assert_true(gave_a > sent);
    flow_of(&t.s, "b", "a", &sent, &edge);
    assert_int_equal(sent, edge);
    assert_true(gave_b > sent);
    /* For hours there is nothing but window probes, and they change nothing. */
    size_t mark = scene_mark(&t.s);
    run(&t, 5 * HOUR);
    const struct vt_event *ev;
    size_t probes = 0;
    for (size_t i = 0; (ev = scene_find(&t.s, mark, NULL, VT_EV_TCP_TX, i)) != NULL; i++) {
        assert_int_equal(ev->u.seg.len, 0);
        probes += ev->u.seg.why == VT_SEG_PROBE;
    }
    assert_in_range(probes, 200, 400); /* every two minutes, by each (RFC 9293 3.8.6.1) */
    assert_int_equal(t.found.n, 1);
    assert_int_equal(scene_state(&t.s, "a", PORT), VT_TCP_ESTABLISHED);
    /* One that receives at last sets both free. */
    size_t took = 0;
    for (unsigned i = 0; i < 20000 && took < gave_a; i++) {
        long n = scene_recv(&t.s, "b", t.at_b, buf, sizeof buf);
        if (n > 0)
            took += (size_t)n;
        else
            run(&t, 100 * VT_MSEC);
    }
    assert_int_equal(took, gave_a);
    assert_true(send_all(&t, "a", t.at_a) > 0);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_s16_the_client_dies),
        cmocka_unit_test(test_s16_each_arrival_resets),
        cmocka_unit_test(test_s16_a_silent_client_lives),
        cmocka_unit_test(test_s16_a_client_comes_back),
        cmocka_unit_test(test_s16_a_client_without_memory),
        cmocka_unit_test(test_s16_off_by_default),
        cmocka_unit_test(test_s19_both_receive),
        cmocka_unit_test(test_s19_one_sends_and_one_receives),
        cmocka_unit_test(test_s19_both_send),
    };
    return cmocka_run_group_tests_name("quiet", tests, NULL, NULL);
}

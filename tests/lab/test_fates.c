/* Every frame has a fate, every fate a cause: over whole labs, as events tell it and as the nodes count it.
 * (Every other scene is checked so far, too, when it is closed: scene.h.) */
#include "host/host.h"
#include "scene.h"

static struct scene_term terms[8];

static void transfer(struct scene *s, const char *from, const char *to, const char *addr)
{
    char line[96];
    for (unsigned i = 0; i < 2; i++)
        scene_knob(s, i == 0 ? from : to, "net.ipv4.neigh.default.mcast_solicit", 50);
    scene_spawn(s, to, "bulk sink --once 9529", &terms[0]);
    scene_run(s, VT_SEC);
    snprintf(line, sizeof line, "bulk send --bytes 100000 %s:9529", addr);
    scene_spawn(s, from, line, &terms[1]);
    assert_int_equal(scene_wait(s, &terms[1], 3600 * VT_SEC), 0);
    scene_run(s, 600 * VT_SEC);
}

/* Frames that came to a host, and what became of them: delivered, as the host counts, or dropped, as events
 * tell. */
static void assert_host_accounts(const struct scene *s, const char *host)
{
    size_t came = scene_count(s, 0, host, VT_EV_PORT_RX), dropped = 0, drops = 0;
    struct vt_host *h = vt_lab_host(s->lab, host);
    const struct vt_event *ev;
    for (size_t i = 0; (ev = scene_find(s, 0, host, VT_EV_DROP, i)) != NULL; i++) {
        const struct vt_event *of = ev;
        while (of != NULL && !(of->kind == VT_EV_PORT_RX && of->node == ev->node))
            of = of->cause_node == ev->node ? scene_event_of(s, of->cause_node, of->cause) : NULL;
        dropped += of != NULL;
        drops++;
    }
    assert_true(came > 50);
    assert_int_equal(came, vt_host_delivered(h) + dropped);
    assert_int_equal(vt_host_drops(h, VT_DROP_NONE), drops); /* the events and the counters are one account */
}

static void test_two_hosts_and_a_bad_cable(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 6);
    scene_pair(&s, "loss 5% duplicate 5% reorder 5% corrupt 5% corrupt-inside 5% delay 2ms 1ms");
    transfer(&s, "a", "b", "10.0.0.2");
    assert_host_accounts(&s, "a");
    assert_host_accounts(&s, "b");
    /* All of the cable's arts were at work, and nothing else ended frames on it. */
    assert_true(s.ledger.copies > 0);
    assert_true(s.ledger.by_reason[VT_DROP_CABLE_LOSS] > 0);
    assert_true(s.ledger.by_reason[VT_DROP_FCS] > 0);
    assert_int_equal(s.ledger.by_reason[VT_DROP_CABLE_LOSS] + s.ledger.by_reason[VT_DROP_FCS],
                     s.ledger.ended);
    assert_int_equal(ledger_open(&s.ledger), 0);
    scene_close(&s);
}

/* A queue that overflows, a cut in the middle, a switch, a router, a device that is too narrow. */
static void test_a_whole_lab(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 6);
    assert_int_equal(vt_lab_add_switch(s.lab, "s1"), 0);
    scene_host(&s, "a");
    scene_host(&s, "b");
    scene_host(&s, "c");
    assert_non_null(vt_lab_add_host(s.lab, "r1", true, NULL));
    scene_cable(&s, "a", "10.0.0.1/24", "s1", NULL, "delay 1ms");
    scene_cable(&s, "c", "10.0.0.3/24", "s1", NULL, NULL);
    scene_cable(&s, "r1", "10.0.0.254/24", "s1", NULL, "delay 1ms");
    scene_cable(&s, "r1", "10.0.1.254/24", "b", "10.0.1.1/24", "delay 5ms rate 1mbit limit 5");
    assert_int_equal(vt_host_add_route(vt_lab_host(s.lab, "a"), "default", "10.0.0.254"), 0);
    assert_int_equal(vt_host_add_route(vt_lab_host(s.lab, "b"), "default", "10.0.1.254"), 0);
    transfer(&s, "a", "b", "10.0.1.1");
    assert_true(s.ledger.by_reason[VT_DROP_CABLE_QUEUE] > 0);
    /* A cut takes what is on the way, and all that is sent afterwards. */
    scene_spawn(&s, "b", "bulk sink --once 9529", &terms[2]);
    scene_run(&s, VT_SEC);
    scene_spawn(&s, "a", "bulk send --bytes 1000000 10.0.1.1:9529", &terms[3]);
    scene_run(&s, 500 * VT_MSEC);
    scene_impair(&s, "r1-b", VT_DIR_BOTH, "cut");
    scene_run(&s, 60 * VT_SEC);
    assert_true(s.ledger.by_reason[VT_DROP_CABLE_CUT] > 1);
    scene_impair(&s, "r1-b", VT_DIR_BOTH, "heal");
    assert_int_equal(scene_wait(&s, &terms[3], 3600 * VT_SEC), 0);
    scene_run(&s, 600 * VT_SEC);
    assert_int_equal(ledger_open(&s.ledger), 0);
    assert_host_accounts(&s, "a");
    assert_host_accounts(&s, "b");
    scene_close(&s);
}

/* Not one event without a place: a cause that is named is an event that was told, and it was not later. */
static void test_every_cause_is_an_event(void **state)
{
    struct scene s;
    size_t without = 0;
    (void)state;
    scene_open(&s, 6);
    scene_pair(&s, "loss 5% duplicate 5% corrupt 5% corrupt-inside 5% delay 2ms 1ms");
    transfer(&s, "a", "b", "10.0.0.2");
    for (size_t i = 0; i < s.events; i++) {
        const struct vt_event *ev = &s.event[i].ev;
        if (ev->cause == 0) {
            /* What nobody caused: the lab's making, a program's own decisions, a timer of ARP's. */
            without++;
            assert_true(ev->kind != VT_EV_PORT_RX && ev->kind != VT_EV_TCP_RX && ev->kind != VT_EV_DROP &&
                        ev->kind != VT_EV_IMPAIR && ev->kind != VT_EV_PORT_TX);
            continue;
        }
        const struct vt_event *cause = scene_event_of(&s, ev->cause_node, ev->cause);
        assert_non_null(cause);
        assert_true(cause->time <= ev->time);
    }
    assert_true(without < s.events / 5);
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_hosts_and_a_bad_cable),
        cmocka_unit_test(test_a_whole_lab),
        cmocka_unit_test(test_every_cause_is_an_event),
    };
    return cmocka_run_group_tests_name("fates", tests, NULL, NULL);
}

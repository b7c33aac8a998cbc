/* Congestion in whole labs: every controller fills a path, with losses and without; ECN and DCTCP keep queues
 * short; pacing keeps its rate. */
#include "scene.h"

#define BYTES 4000000u

struct run {
    vt_span took;     /* until the sink had all */
    uint64_t marks;   /* segments that a cable marked */
    uint64_t dropped; /* by full queues */
    uint64_t told;    /* times that a sender reduced its window for marks */
};

static void set_words(struct scene *s, const char *name, const char *value)
{
    assert_int_equal(vt_host_sysctl_set_text(scene_enter(s, "a"), name, value), 0);
    assert_int_equal(vt_host_sysctl_set_text(scene_enter(s, "b"), name, value), 0);
}

/* Sends BYTES from a to b over a cable with `impair`, with a controller; `ecn` is the knob. */
static struct run transfer(const char *cc, const char *ecn, const char *impair, uint64_t seed)
{
    struct scene s;
    struct scene_term sink = {0}, sender = {0};
    struct run r = {0};
    char line[96];
    scene_open(&s, seed);
    scene_pair(&s, impair);
    set_words(&s, "net.ipv4.tcp_congestion_control", cc);
    set_words(&s, "net.ipv4.tcp_ecn", ecn);
    size_t mark = scene_mark(&s);
    scene_spawn(&s, "b", "bulk sink --once 7000", &sink);
    scene_run(&s, VT_MSEC);
    snprintf(line, sizeof(line), "bulk send --bytes %u 10.0.0.2:7000", BYTES);
    scene_spawn(&s, "a", line, &sender);
    assert_int_equal(scene_wait(&s, &sender, 600 * VT_SEC), 0);
    assert_int_equal(scene_wait(&s, &sink, 60 * VT_SEC), 0);
    r.took = (vt_span)(sink.ended - VT_MSEC);
    r.dropped = scene_drops(&s, mark, "", VT_DROP_CABLE_QUEUE);
    for (size_t i = 0;; i++) {
        const struct vt_event *ev = scene_find(&s, mark, NULL, VT_EV_IMPAIR, i);
        if (ev == NULL)
            break;
        r.marks += ev->u.impair.kind == VT_IMPAIR_MARK;
    }
    for (size_t i = 0;; i++) {
        const struct vt_event *ev = scene_find(&s, mark, "a", VT_EV_TCP_ECN, i);
        if (ev == NULL)
            break;
        r.told += ev->u.ecn.what == VT_ECN_PEER_TOLD;
    }
    scene_close(&s);
    return r;
}

/* What a transfer takes at least: its bytes, headers and all, at 10 mbit/s, in percent of what it took. */
static unsigned share(const struct run *r)
{
    uint64_t least = BYTES / 1448 * 1538 * 8 * 100; /* ns at 10 mbit/s */
    return (unsigned)(least * 100 / (uint64_t)r->took);
}

static void test_controllers_fill_the_path(void **state)
{
    (void)state;
    static const char *const names[] = {"cubic", "reno", "bbr", "dctcp"};
    for (unsigned i = 0; i < 4; i++) {
        struct run r = transfer(names[i], "0", "rate 10mbit delay 20ms limit 50", 3);
        print_message("# %s: %u%% of the path, %u dropped\n", names[i], share(&r), (unsigned)r.dropped);
        assert_in_range(share(&r), 75, 100);
    }
}

/* One in a hundred is lost for no reason: those that take losses for congestion suffer, BBR does not. */
static void test_bbr_bears_losses(void **state)
{
    (void)state;
    struct run bbr = transfer("bbr", "0", "rate 10mbit delay 20ms limit 100 loss 1%", 4);
    struct run reno = transfer("reno", "0", "rate 10mbit delay 20ms limit 100 loss 1%", 4);
    print_message("# bbr %u%%, reno %u%%\n", share(&bbr), share(&reno));
    assert_in_range(share(&bbr), 70, 100);
    assert_true(share(&reno) < share(&bbr));
}

/* RFC 3168: where the queue marks, the sender slows down and nothing is lost. */
static void test_marks_take_the_place_of_losses(void **state)
{
    (void)state;
    const char *impair = "rate 10mbit delay 5ms limit 200 ecn 20";
    static const char *const names[] = {"cubic", "reno", "dctcp"};
    static const char *const knobs[] = {"1", "3"};
    for (unsigned i = 0; i < 3; i++)
        for (unsigned k = 0; k < 2; k++) {
            struct run r = transfer(names[i], knobs[k], impair, 5);
            print_message("# %s, tcp_ecn %s: %u%%, %u marked, told %u times, %u dropped\n", names[i],
                          knobs[k], share(&r), (unsigned)r.marks, (unsigned)r.told, (unsigned)r.dropped);
            assert_true(r.marks != 0 && r.told != 0);
            assert_int_equal(r.dropped, 0);
            assert_in_range(share(&r), 75, 100);
        }
    struct run off = transfer("cubic", "0", impair, 5);
    assert_int_equal(off.marks, 0);
    assert_int_equal(off.told, 0);
}

/* SO_MAX_PACING_RATE holds, whatever the window would let go. */
static void test_max_pacing_rate(void **state)
{
    (void)state;
    static uint8_t bytes[50000];
    struct scene s;
    int a, b;
    scene_open(&s, 6);
    scene_pair(&s, "delay 1ms");
    scene_join(&s, 7000, &a, &b);
    struct vt_host *h = scene_enter(&s, "a");
    unsigned rate = 100000; /* bytes a second */
    assert_int_equal(vt_setsockopt(h, a, VT_SOL_SOCKET, VT_SO_MAX_PACING_RATE, &rate, sizeof(rate)), 0);
    int big = 400000;
    assert_int_equal(vt_setsockopt(h, a, VT_SOL_SOCKET, VT_SO_SNDBUF, &big, sizeof(big)), 0);
    assert_int_equal(scene_send(&s, "a", a, bytes, sizeof(bytes)), sizeof(bytes));
    scene_run(&s, VT_SEC / 4);
    struct vt_tcp_info info;
    size_t len = sizeof(info);
    assert_int_equal(vt_getsockopt(scene_enter(&s, "a"), a, VT_SOL_TCP, VT_TCP_INFO, &info, &len), 0);
    assert_int_equal(info.tcpi_max_pacing_rate, rate);
    assert_int_equal(info.tcpi_pacing_rate, rate);
    assert_in_range(info.tcpi_bytes_acked, 25000, 25000 + 15 * 1448);
    assert_true(info.tcpi_delivery_rate > rate); /* a burst goes at once: the path takes more */
    scene_run(&s, VT_SEC / 4 + VT_SEC / 10);
    len = sizeof(info);
    assert_int_equal(vt_getsockopt(scene_enter(&s, "a"), a, VT_SOL_TCP, VT_TCP_INFO, &info, &len), 0);
    assert_int_equal(info.tcpi_bytes_acked, sizeof(bytes));
    scene_hang_up(&s, "a", a);
    scene_hang_up(&s, "b", b);
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_controllers_fill_the_path),
        cmocka_unit_test(test_bbr_bears_losses),
        cmocka_unit_test(test_marks_take_the_place_of_losses),
        cmocka_unit_test(test_max_pacing_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

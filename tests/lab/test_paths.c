/* Transfers over paths that are not as they seem: a link in the middle that takes less than its neighbours,
 * with and without word of it; and transfers so long that the numbers wrap. */
#include "scene.h"

/* Bytes of the long transfer: a build that is slow shows with less that it works at all. */
#define FEW "200000000"
#define ALL "4400000000"
#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
static const char *const long_transfer = FEW;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
static const char *const long_transfer = FEW;
#else
static const char *const long_transfer = ALL;
#endif
#else
static const char *const long_transfer = ALL;
#endif

static struct scene_term sink, sender;

/* a and b, two routers, and between these a link that takes 1200 bytes. */
static void narrow(struct scene *s)
{
    scene_host(s, "a");
    scene_host(s, "b");
    assert_non_null(vt_lab_add_host(s->lab, "r1", true, NULL));
    assert_non_null(vt_lab_add_host(s->lab, "r2", true, NULL));
    scene_cable(s, "a", "10.0.0.1/24", "r1", "10.0.0.254/24", "delay 5ms");
    assert_true(vt_lab_add_link_mtu(s->lab, "r1", "10.0.1.1/24", "r2", "10.0.1.2/24", "delay 5ms", 1200) >=
                0);
    scene_cable(s, "r2", "10.0.2.254/24", "b", "10.0.2.1/24", "delay 5ms");
    assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, "a"), "default", "10.0.0.254"), 0);
    assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, "b"), "default", "10.0.2.254"), 0);
    assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, "r1"), "10.0.2.0/24", "10.0.1.2"), 0);
    assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, "r2"), "10.0.0.0/24", "10.0.1.1"), 0);
}

/* What a router says of what is too big never gets back. */
static void silence(struct scene *s)
{
    scene_fault(s, "a-r1", VT_DIR_BACK, "drop 1- icmp");
}

/* Packets that were dropped for their size. */
static unsigned too_big(const struct scene *s)
{
    unsigned n = 0;
    for (size_t i = 0; i < s->events; i++)
        n += s->event[i].ev.kind == VT_EV_DROP && s->event[i].ev.u.drop.reason == VT_DROP_IP_DF;
    return n;
}

static int transfer(struct scene *s, const char *to, const char *bytes, vt_span limit)
{
    char line[96];
    scene_spawn(s, "b", "bulk sink --once 9529", &sink);
    scene_run(s, VT_SEC);
    snprintf(line, sizeof line, "bulk send --bytes %s %s:9529", bytes, to);
    scene_spawn(s, "a", line, &sender);
    int code = scene_wait(s, &sender, limit);
    scene_run(s, 600 * VT_SEC);
    return code;
}

static void test_a_router_that_tells(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 11);
    narrow(&s);
    assert_int_equal(transfer(&s, "10.0.2.1", "300000", 10 * VT_SEC), 0);
    assert_true(too_big(&s) > 0);
    scene_close(&s);
}

/* RFC 2923 2.1: the black hole, in which a connection that trusts ICMP stays. */
static void test_a_black_hole(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 12);
    narrow(&s);
    silence(&s);
    assert_int_equal(transfer(&s, "10.0.2.1", "300000", 600 * VT_SEC), -1);
    scene_close(&s);
}

/* RFC 4821 7.7: and out of which one comes that draws its conclusions (tcp_mtu_probing 1), */
static void test_out_of_a_black_hole(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 13);
    narrow(&s);
    silence(&s);
    scene_knob(&s, "a", "net.ipv4.tcp_mtu_probing", 1);
    assert_int_equal(transfer(&s, "10.0.2.1", "300000", 60 * VT_SEC), 0);
    assert_true(too_big(&s) > 0);
    scene_close(&s);
}

/* or one that tries from the first (tcp_mtu_probing 2), which costs it no timeout. */
static void test_never_in_a_black_hole(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 14);
    narrow(&s);
    silence(&s);
    scene_knob(&s, "a", "net.ipv4.tcp_mtu_probing", 2);
    assert_int_equal(transfer(&s, "10.0.2.1", "3000000", 10 * VT_SEC), 0);
    for (size_t i = 0; i < s.events; i++)
        assert_false(s.event[i].ev.kind == VT_EV_TCP_TIMER &&
                     s.event[i].ev.u.timer.timer == VT_TCP_TIMER_RTO);
    scene_close(&s);
}

/* Past 2 GiB and past 4 GiB, with losses on the way: numbers wrap (RFC 9293 3.4), sums must not. */
static void test_more_than_four_gigabytes(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 15);
    scene_deafen(&s);
    scene_host(&s, "a");
    scene_host(&s, "b");
    assert_true(vt_lab_add_link_mtu(s.lab, "a", "10.0.0.1/24", "b", "10.0.0.2/24", "delay 1ms loss 0.02%",
                                    65535) >= 0);
    assert_int_equal(transfer(&s, "10.0.0.2", long_transfer, 3600 * VT_SEC), 0);
    scene_drop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_router_that_tells),      cmocka_unit_test(test_a_black_hole),
        cmocka_unit_test(test_out_of_a_black_hole),      cmocka_unit_test(test_never_in_a_black_hole),
        cmocka_unit_test(test_more_than_four_gigabytes),
    };
    return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}

/* What a switch does and cannot do (S05), and what a router does about it (S06). */
#include "scene.h"

/* Frames that a node's ports sent, or took in, since `from`. */
static size_t sent(const struct scene *s, size_t from, const char *node)
{
    return scene_count(s, from, node, VT_EV_PORT_TX);
}

static size_t came(const struct scene *s, size_t from, const char *node)
{
    return scene_count(s, from, node, VT_EV_PORT_RX);
}

/* One UDP datagram from a host. */
static void datagram(struct scene *s, const char *host, const char *to)
{
    struct vt_host *h = scene_enter(s, host);
    struct vt_addr addr = scene_addr(to);
    int fd = vt_socket(h, VT_AF_INET, VT_SOCK_DGRAM, 0), one = 1;
    assert_int_equal(vt_setsockopt(h, fd, VT_SOL_SOCKET, VT_SO_BROADCAST, &one, sizeof one), 0);
    assert_int_equal(vt_sendto(h, fd, "hello", 5, 0, &addr), 5);
    vt_close(h, fd);
}

static int receiver(struct scene *s, const char *host, uint16_t port)
{
    struct vt_host *h = scene_enter(s, host);
    struct vt_addr at = {.ip = VT_IP4_ANY, .port = port};
    int fd = vt_socket(h, VT_AF_INET, VT_SOCK_DGRAM, 0);
    assert_int_equal(vt_bind(h, fd, &at), 0);
    return fd;
}

static int ping(struct scene *s, const char *host, const char *to, struct scene_term *term)
{
    char line[64];
    snprintf(line, sizeof line, "ping -c 1 -W 2 %s", to);
    *term = (struct scene_term){0};
    scene_spawn(s, host, line, term);
    return scene_wait(s, term, 60 * VT_SEC);
}

/* ---- S05 ---- */

/* A switch with four hosts. */
static void one_lan(struct scene *s)
{
    static const char *const host[] = {"a", "b", "c", "d"};
    char addr[32];
    scene_open(s, 5);
    assert_int_equal(vt_lab_add_switch(s->lab, "s1"), 0);
    for (unsigned i = 0; i < 4; i++) {
        scene_host(s, host[i]);
        snprintf(addr, sizeof addr, "10.0.0.%u/24", i + 1);
        scene_cable(s, host[i], addr, "s1", NULL, "delay 100us");
    }
}

/* It joins many computers: a broadcast comes to all, and a unicast, once it has learned who is where, to one.
 */
static void test_s05_unicast_and_broadcast(void **state)
{
    static const char *const host[] = {"a", "b", "c", "d"};
    struct scene s;
    struct scene_term term;
    char buf[16];
    int fd[4];
    (void)state;
    one_lan(&s);
    for (unsigned i = 1; i < 4; i++)
        fd[i] = receiver(&s, host[i], 5000);
    datagram(&s, "a", "10.0.0.255:5000");
    scene_run(&s, VT_SEC);
    for (unsigned i = 1; i < 4; i++)
        assert_int_equal(scene_recv(&s, host[i], fd[i], buf, sizeof buf), 5);
    assert_int_equal(ping(&s, "a", "10.0.0.2", &term), 0);
    scene_run(&s, VT_SEC);
    size_t mark = scene_mark(&s);
    assert_int_equal(ping(&s, "a", "10.0.0.2", &term), 0);
    assert_int_equal(came(&s, mark, "b"), 1);
    assert_int_equal(came(&s, mark, "a"), 1);
    assert_int_equal(came(&s, mark, "c"), 0);
    assert_int_equal(came(&s, mark, "d"), 0);
    scene_close(&s);
}

/* Two switches, two cables between them: a loop. */
static void loop(struct scene *s)
{
    scene_open(s, 5);
    assert_int_equal(vt_lab_add_switch(s->lab, "s1"), 0);
    assert_int_equal(vt_lab_add_switch(s->lab, "s2"), 0);
    scene_host(s, "a");
    scene_host(s, "b");
    scene_cable(s, "a", "10.0.0.1/24", "s1", NULL, "delay 100us");
    scene_cable(s, "b", "10.0.0.2/24", "s2", NULL, "delay 100us");
    scene_cable(s, "s1", NULL, "s2", NULL, "delay 100us");
    scene_cable(s, "s1", NULL, "s2", NULL, "delay 100us");
}

/* One broadcast is enough: it goes round, both ways, for ever, and every lap comes to every host again. */
static void test_s05_a_storm_in_a_loop(void **state)
{
    struct scene s;
    (void)state;
    loop(&s);
    scene_run(&s, VT_SEC);
    assert_int_equal(sent(&s, 0, "s1") + sent(&s, 0, "s2"), 0);
    datagram(&s, "a", "10.0.0.255:5000");
    scene_run(&s, VT_SEC);
    size_t mark = scene_mark(&s);
    scene_run(&s, 100 * VT_MSEC);
    assert_int_equal(sent(&s, 0, "a"), 1);
    /* Two laps each 200 us; a lap comes to b once, and back to a, who sent it. */
    assert_in_range(came(&s, mark, "b"), 950, 1050);
    assert_in_range(came(&s, mark, "a"), 950, 1050);
    assert_true(sent(&s, mark, "s1") + sent(&s, mark, "s2") >= 3900);
    /* It does not abate. */
    scene_run(&s, 10 * VT_SEC);
    mark = scene_mark(&s);
    scene_run(&s, 100 * VT_MSEC);
    assert_in_range(came(&s, mark, "b"), 950, 1050);
    scene_close(&s);
}

/* Storm control ends it, and says when it began and when it was over; what is wanted still comes through. */
static void test_s05_storm_control_stops_it(void **state)
{
    struct scene s;
    struct scene_term term;
    (void)state;
    loop(&s);
    datagram(&s, "a", "10.0.0.255:5000");
    scene_run(&s, VT_SEC);
    size_t mark = scene_mark(&s);
    assert_int_equal(vt_lab_set_storm(s.lab, "s1", 100, 10), 0);
    scene_run(&s, VT_SEC);
    assert_true(scene_drops(&s, mark, "s1", VT_DROP_SWITCH_STORM) > 0);
    const struct vt_event *on = scene_find(&s, mark, "s1", VT_EV_STORM, 0);
    assert_non_null(on);
    assert_int_equal(on->u.learn.on, 1);
    /* What goes round must pass s1 each lap, and both copies soon meet their end there. */
    scene_run(&s, 2 * VT_SEC);
    size_t off = 0, ons = 0;
    const struct vt_event *ev;
    for (size_t i = 0; (ev = scene_find(&s, mark, "s1", VT_EV_STORM, i)) != NULL; i++) {
        off += ev->u.learn.on == 0;
        ons += ev->u.learn.on == 1;
    }
    assert_int_equal(off, ons);
    size_t quiet = scene_mark(&s);
    scene_run(&s, VT_SEC);
    assert_int_equal(scene_count(&s, quiet, NULL, VT_EV_PORT_TX), 0);
    /* The next broadcast storms no longer than that, and a conversation is possible. */
    assert_int_equal(ping(&s, "a", "10.0.0.2", &term), 0);
    scene_run(&s, 3 * VT_SEC);
    quiet = scene_mark(&s);
    scene_run(&s, VT_SEC);
    assert_int_equal(sent(&s, quiet, "s1"), 0);
    scene_close(&s);
}

/* So does opening the loop. */
static void test_s05_cutting_the_loop_stops_it(void **state)
{
    struct scene s;
    (void)state;
    loop(&s);
    datagram(&s, "a", "10.0.0.255:5000");
    scene_run(&s, VT_SEC);
    scene_impair(&s, "s1-s2.2", VT_DIR_BOTH, "cut");
    scene_run(&s, VT_SEC);
    size_t mark = scene_mark(&s);
    scene_run(&s, VT_SEC);
    assert_int_equal(scene_count(&s, mark, NULL, VT_EV_PORT_TX), 0);
    scene_close(&s);
}

/* ---- S05, S06: two LANs ---- */

/* a and b on s1, 10.0.0/24; c on s2, 10.0.1/24; with a router between them, or without. */
static void two_lans(struct scene *s, bool router)
{
    scene_open(s, 6);
    assert_int_equal(vt_lab_add_switch(s->lab, "s1"), 0);
    assert_int_equal(vt_lab_add_switch(s->lab, "s2"), 0);
    scene_host(s, "a");
    scene_host(s, "b");
    scene_host(s, "c");
    scene_cable(s, "a", "10.0.0.1/24", "s1", NULL, "delay 100us");
    scene_cable(s, "b", "10.0.0.2/24", "s1", NULL, "delay 100us");
    scene_cable(s, "c", "10.0.1.1/24", "s2", NULL, "delay 100us");
    if (!router)
        return;
    assert_non_null(vt_lab_add_host(s->lab, "r1", true, NULL));
    scene_cable(s, "r1", "10.0.0.254/24", "s1", NULL, "delay 100us");
    scene_cable(s, "r1", "10.0.1.254/24", "s2", NULL, "delay 100us");
    assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, "a"), "default", "10.0.0.254"), 0);
    assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, "b"), "default", "10.0.0.254"), 0);
    assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, "c"), "default", "10.0.1.254"), 0);
}

/* A switch cannot cross from one LAN to another: not even when both are plugged into one cable. */
static void test_s05_a_switch_cannot_cross(void **state)
{
    struct scene s;
    struct scene_term term;
    (void)state;
    two_lans(&s, false);
    assert_int_not_equal(ping(&s, "a", "10.0.1.1", &term), 0);
    datagram(&s, "a", "10.0.0.255:5000");
    scene_run(&s, VT_SEC);
    assert_int_equal(came(&s, 0, "c"), 0);
    /* Joined by a cable the frames do reach c; but it is of another network, and not spoken to, nor answers.
     */
    scene_cable(&s, "s1", NULL, "s2", NULL, "delay 100us");
    size_t mark = scene_mark(&s);
    assert_int_not_equal(ping(&s, "a", "10.0.1.1", &term), 0);
    datagram(&s, "a", "10.0.0.255:5000");
    scene_run(&s, VT_SEC);
    assert_true(came(&s, mark, "c") > 0);
    assert_int_equal(sent(&s, mark, "c"), 0);
    assert_int_equal(scene_count(&s, mark, "c", VT_EV_UDP_RX), 0);
    scene_close(&s);
}

/* A router carries what a switch cannot. */
static void test_s06_a_router_carries_between_lans(void **state)
{
    struct scene s;
    struct scene_term server = {0}, client = {.in = "from one LAN to another\nq\n"}, term;
    (void)state;
    two_lans(&s, true);
    scene_spawn(&s, "c", "echo server 9528", &server);
    scene_run(&s, VT_SEC);
    size_t mark = scene_mark(&s);
    scene_spawn(&s, "a", "echo client 10.0.1.1:9528", &client);
    assert_int_equal(scene_wait(&s, &client, 10 * VT_SEC), 0);
    scene_run(&s, VT_SEC);
    assert_string_equal(client.out, "from one LAN to another\n");
    /* Every segment was passed on once, with a hop less to live. */
    const struct vt_event *ev;
    size_t forwarded = 0;
    for (size_t i = 0; (ev = scene_find(&s, mark, "r1", VT_EV_IP_FORWARD, i)) != NULL; i++) {
        assert_int_equal(ev->u.ip.ttl, 63);
        forwarded++;
    }
    assert_int_equal(forwarded, scene_count(&s, mark, NULL, VT_EV_TCP_TX));
    assert_int_equal(forwarded, scene_count(&s, mark, NULL, VT_EV_TCP_RX));
    /* Each LAN has its own link addresses: nobody in one has heard of the other's. */
    for (size_t i = 0; (ev = scene_find(&s, mark, NULL, VT_EV_NEIGH, i)) != NULL; i++) {
        bool left = ev->node == scene_node(&s, "a") || ev->node == scene_node(&s, "b");
        if (left)
            assert_int_equal(ev->u.neigh.ip[14], 0);
        else if (ev->node == scene_node(&s, "c"))
            assert_int_equal(ev->u.neigh.ip[14], 1);
    }
    assert_int_equal(ping(&s, "b", "10.0.1.1", &term), 0);
    scene_close(&s);
}

/* But no broadcast: a storm in one LAN is none in the other. */
static void test_s06_a_router_keeps_broadcasts_apart(void **state)
{
    struct scene s;
    (void)state;
    two_lans(&s, true);
    datagram(&s, "a", "10.0.0.255:5000");
    datagram(&s, "a", "255.255.255.255:5000");
    scene_run(&s, VT_SEC);
    assert_true(came(&s, 0, "b") >= 2);
    assert_true(came(&s, 0, "r1") >= 2);
    assert_int_equal(came(&s, 0, "c"), 0);
    assert_int_equal(scene_count(&s, 0, "r1", VT_EV_IP_FORWARD), 0);
    scene_close(&s);
}

/* And it says so when it cannot: to whom there is no way, and who has been under way for too long. */
static void test_s06_a_router_tells_why_not(void **state)
{
    struct scene s;
    struct scene_term term = {0};
    (void)state;
    two_lans(&s, true);
    assert_int_equal(ping(&s, "a", "10.9.9.9", &term), 1);
    assert_int_equal(scene_drops(&s, 0, "r1", VT_DROP_IP_NO_ROUTE), 1);
    const struct vt_event *told = scene_find(&s, 0, "a", VT_EV_ICMP_RX, 0);
    assert_non_null(told);
    assert_int_equal(told->u.icmp.type, 3);
    assert_int_equal(told->u.icmp.code, 0);
    size_t mark = scene_mark(&s);
    scene_spawn(&s, "a", "ping -c 1 -W 2 -t 1 10.0.1.1", &term);
    assert_int_equal(scene_wait(&s, &term, 60 * VT_SEC), 1);
    assert_int_equal(scene_drops(&s, mark, "r1", VT_DROP_IP_TTL), 1);
    told = scene_find(&s, mark, "a", VT_EV_ICMP_RX, 0);
    assert_non_null(told);
    assert_int_equal(told->u.icmp.type, 11);
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_s05_unicast_and_broadcast),
        cmocka_unit_test(test_s05_a_storm_in_a_loop),
        cmocka_unit_test(test_s05_storm_control_stops_it),
        cmocka_unit_test(test_s05_cutting_the_loop_stops_it),
        cmocka_unit_test(test_s05_a_switch_cannot_cross),
        cmocka_unit_test(test_s06_a_router_carries_between_lans),
        cmocka_unit_test(test_s06_a_router_keeps_broadcasts_apart),
        cmocka_unit_test(test_s06_a_router_tells_why_not),
    };
    return cmocka_run_group_tests_name("lans", tests, NULL, NULL);
}

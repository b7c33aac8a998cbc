/* Writes captures of scenes into a directory, as NAME.pcapng each: usage: captures DIRECTORY. For
 * test_captures.py. */
#include "application/application.h"
#include "scene.h"

static void act_echo(struct scene *s)
{
    static struct scene_term server, client;
    client.in = "hello\nworld\nq\n";
    scene_pair(s, "delay 1ms");
    scene_spawn(s, "b", "echo server 9528", &server);
    scene_run(s, VT_SEC);
    scene_spawn(s, "a", "echo client 10.0.0.2:9528", &client);
    assert_int_equal(scene_wait(s, &client, 60 * VT_SEC), 0);
    scene_run(s, 100 * VT_SEC);
}

static int page(void *ctx, const char *path, const char *query, struct vt_allocator *mem, void **body,
                size_t *len, const char **type, uint32_t *mark)
{
    (void)ctx;
    (void)query;
    (void)mark;
    if (strcmp(path, "/page") != 0)
        return -VT_ENOENT;
    *len = 100000;
    *body = mem->alloc(mem->ctx, *len);
    if (*body == NULL)
        return -VT_ENOMEM;
    memset(*body, 'x', *len);
    *type = "text/plain";
    return 0;
}

/* Through a switch and a router, on clean cables, where super-segments would cross whole. */
static void act_http(struct scene *s)
{
    static struct vt_http_hook hook = {.page = page};
    static struct scene_term server, client;
    server.hook = &hook;
    assert_int_equal(vt_lab_add_switch(s->lab, "s1"), 0);
    scene_host(s, "a");
    scene_host(s, "b");
    assert_non_null(vt_lab_add_host(s->lab, "r1", true, NULL));
    scene_cable(s, "a", "10.0.0.1/24", "s1", NULL, NULL);
    scene_cable(s, "r1", "10.0.0.254/24", "s1", NULL, NULL);
    scene_cable(s, "r1", "10.0.1.254/24", "b", "10.0.1.1/24", NULL);
    assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, "a"), "default", "10.0.0.254"), 0);
    assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, "b"), "default", "10.0.1.254"), 0);
    scene_spawn(s, "b", "http serve", &server);
    scene_run(s, VT_SEC);
    scene_spawn(s, "a", "http get http://10.0.1.1/page", &client);
    assert_int_equal(scene_wait(s, &client, 60 * VT_SEC), 0);
    scene_spawn(s, "a", "http get -f http://10.0.1.1/none", &client);
    assert_int_equal(scene_wait(s, &client, 60 * VT_SEC), 22);
    scene_run(s, 100 * VT_SEC);
}

/* Echoes, whole and in fragments, and ARP for one who is not there. */
static void act_ping(struct scene *s)
{
    static const char *const lines[] = {"ping -c 3 10.0.0.2", "ping -c 2 -s 4000 10.0.0.2",
                                        "ping -c 1 -W 1 10.0.0.77"};
    scene_pair(s, "delay 1ms");
    for (unsigned i = 0; i < 3; i++) {
        struct scene_term term = {0};
        scene_spawn(s, "a", lines[i], &term);
        assert_int_equal(scene_wait(s, &term, 60 * VT_SEC), i < 2 ? 0 : 1);
    }
    scene_run(s, 100 * VT_SEC);
}

/* Datagrams of many sizes, most of them in fragments, and to nobody: through a router with a narrow cable
 * behind it. */
static void act_udp(struct scene *s)
{
    static const size_t sizes[] = {0, 1, 100, 1472, 1473, 5000, 25000};
    static char bytes[25000], got[25000];
    struct vt_addr to = scene_addr("10.0.1.1:5000"), nobody = scene_addr("10.0.1.1:5001"),
                   at = {.port = 5000};
    int df = 0;
    scene_host(s, "a");
    scene_host(s, "b");
    assert_non_null(vt_lab_add_host(s->lab, "r1", true, NULL));
    scene_cable(s, "a", "10.0.0.1/24", "r1", "10.0.0.254/24", "delay 1ms");
    assert_true(vt_lab_add_link_mtu(s->lab, "r1", "10.0.1.254/24", "b", "10.0.1.1/24", "delay 1ms", 600) > 0);
    assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, "a"), "default", "10.0.0.254"), 0);
    assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, "b"), "default", "10.0.1.254"), 0);
    struct vt_host *b = scene_enter(s, "b"), *a = scene_enter(s, "a");
    at.ip = VT_IP4_ANY;
    int in = vt_socket(b, VT_AF_INET, VT_SOCK_DGRAM, 0), out = vt_socket(a, VT_AF_INET, VT_SOCK_DGRAM, 0);
    assert_int_equal(vt_bind(b, in, &at), 0);
    assert_int_equal(vt_setsockopt(a, out, VT_SOL_IP, VT_IP_MTU_DISCOVER, &df, sizeof df), 0);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 31 % 251);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        vt_lab_touch(s->lab, a);
        assert_int_equal(vt_sendto(a, out, bytes, sizes[i], 0, &to), sizes[i]);
        scene_run(s, VT_SEC);
        assert_int_equal(scene_recv(s, "b", in, got, sizeof got), sizes[i]);
        assert_memory_equal(got, bytes, sizes[i]);
    }
    vt_lab_touch(s->lab, a);
    assert_int_equal(vt_sendto(a, out, bytes, 1000, 0, &nobody), 1000);
    scene_run(s, 100 * VT_SEC);
}

/* Unreachable, time exceeded, fragmentation needed: to echoes, to datagrams and to TCP. */
static void act_icmp_errors(struct scene *s)
{
    static const char *const lines[] = {"ping -c 1 10.9.9.9", "ping -c 1 -t 1 10.0.1.1",
                                        "ping -c 1 -W 1 10.0.1.77"};
    static struct scene_term sink, sender;
    struct vt_addr nobody = scene_addr("10.0.1.1:7777");
    scene_host(s, "a");
    scene_host(s, "b");
    struct vt_host *r1 = vt_lab_add_host(s->lab, "r1", true, NULL),
                   *r2 = vt_lab_add_host(s->lab, "r2", true, NULL);
    assert_true(r1 != NULL && r2 != NULL);
    scene_cable(s, "a", "10.0.0.1/24", "r1", "10.0.0.254/24", "delay 1ms");
    assert_true(vt_lab_add_link_mtu(s->lab, "r1", "10.0.2.1/24", "r2", "10.0.2.2/24", "delay 1ms", 600) > 0);
    scene_cable(s, "r2", "10.0.1.254/24", "b", "10.0.1.1/24", "delay 1ms");
    assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, "a"), "default", "10.0.0.254"), 0);
    assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, "b"), "default", "10.0.1.254"), 0);
    assert_int_equal(vt_host_add_route(r1, "10.0.1.0/24", "10.0.2.2"), 0);
    assert_int_equal(vt_host_add_route(r2, "10.0.0.0/24", "10.0.2.1"), 0);
    for (unsigned i = 0; i < 3; i++) {
        struct scene_term term = {0};
        scene_spawn(s, "a", lines[i], &term);
        assert_int_equal(scene_wait(s, &term, 60 * VT_SEC), 1);
        scene_run(s, 5 * VT_SEC);
    }
    struct vt_host *a = scene_enter(s, "a");
    int fd = vt_socket(a, VT_AF_INET, VT_SOCK_DGRAM, 0);
    assert_int_equal(vt_sendto(a, fd, "hello", 5, 0, &nobody), 5);
    /* TCP's segments may not be fragmented: the router says how long they may be. */
    scene_spawn(s, "b", "bulk sink --once 9529", &sink);
    scene_run(s, VT_SEC);
    scene_spawn(s, "a", "bulk send --bytes 20000 10.0.1.1:9529", &sender);
    assert_int_equal(scene_wait(s, &sender, 60 * VT_SEC), 0);
    scene_run(s, 100 * VT_SEC);
    assert_true(scene_drops(s, 0, "r1", VT_DROP_IP_DF) > 0);
}

/* A refused connection, a reset one, urgent data, keepalive probes, simultaneous goodbyes. */
static void act_tcp(struct scene *s)
{
    struct vt_linger abort = {1, 0};
    int at_a, at_b, one = 1, idle = 10;
    scene_pair(s, "delay 1ms");
    scene_connect(s, "a", "10.0.0.2:1");
    scene_join(s, 9528, &at_a, &at_b);
    scene_say(s, "a", at_a, "calm");
    assert_int_equal(vt_send(scene_enter(s, "a"), at_a, "!", 1, VT_MSG_OOB), 1);
    vt_setsockopt(scene_enter(s, "b"), at_b, VT_SOL_TCP, VT_TCP_KEEPIDLE, &idle, sizeof idle);
    vt_setsockopt(scene_enter(s, "b"), at_b, VT_SOL_SOCKET, VT_SO_KEEPALIVE, &one, sizeof one);
    scene_run(s, 60 * VT_SEC);
    scene_hang_up(s, "a", at_a);
    scene_hang_up(s, "b", at_b);
    scene_run(s, 100 * VT_SEC);
    scene_join(s, 9530, &at_a, &at_b);
    vt_setsockopt(scene_enter(s, "a"), at_a, VT_SOL_SOCKET, VT_SO_LINGER, &abort, sizeof abort);
    scene_hang_up(s, "a", at_a);
    scene_run(s, 100 * VT_SEC);
}

/* Everything that can befall a frame, across a switch, so that damaged frames are also passed on. */
static void act_bad_cable(struct scene *s)
{
    static struct scene_term sink, sender, ping;
    assert_int_equal(vt_lab_add_switch(s->lab, "s1"), 0);
    scene_host(s, "a");
    scene_host(s, "b");
    scene_cable(s, "a", "10.0.0.1/24", "s1", NULL,
                "loss 5% duplicate 5% reorder 5% corrupt 5% corrupt-inside 5% delay 2ms 1ms");
    scene_cable(s, "b", "10.0.0.2/24", "s1", NULL, "delay 1ms corrupt-inside 2%");
    for (unsigned i = 0; i < 2; i++)
        scene_knob(s, i == 0 ? "a" : "b", "net.ipv4.neigh.default.mcast_solicit", 50);
    scene_spawn(s, "b", "bulk sink --once 9529", &sink);
    scene_run(s, VT_SEC);
    scene_spawn(s, "a", "bulk send --bytes 200000 10.0.0.2:9529", &sender);
    assert_int_equal(scene_wait(s, &sender, 3600 * VT_SEC), 0);
    scene_spawn(s, "a", "ping -c 100 -i 0.2 10.0.0.2", &ping);
    scene_wait(s, &ping, 3600 * VT_SEC);
    scene_run(s, 300 * VT_SEC);
}

static const struct {
    const char *name;
    void (*act)(struct scene *s);
} acts[] = {
    {"echo", act_echo},
    {"http", act_http},
    {"ping-arp", act_ping},
    {"udp-fragments", act_udp},
    {"icmp-errors", act_icmp_errors},
    {"tcp", act_tcp},
    {"bad-cable", act_bad_cable},
};

static const char *directory;

static void capture(const char *name, void (*act)(struct scene *s))
{
    char path[512];
    struct scene s;
    snprintf(path, sizeof path, "%s/%s.pcapng", directory, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    scene_open(&s, 5);
    vt_lab_capture(s.lab, true);
    struct vt_pcapng *p = vt_pcapng_new(&(struct vt_pcapng_config){.epoch = VT_LAB_EPOCH * (uint64_t)VT_SEC},
                                        (struct vt_sink){vt_sink_stdio, f});
    assert_non_null(p);
    assert_int_equal(vt_lab_listen(s.lab, (struct vt_listener){vt_pcapng_event, p}), 0);
    act(&s);
    vt_lab_drain_events(s.lab);
    assert_int_equal(vt_pcapng_finish(p), 0);
    vt_lab_unlisten(s.lab, (struct vt_listener){vt_pcapng_event, p});
    vt_pcapng_free(p);
    assert_int_equal(fclose(f), 0);
    scene_close(&s);
}

static void write_captures(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof acts / sizeof acts[0]; i++)
        capture(acts[i].name, acts[i].act);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(write_captures)};
    if (argc != 2)
        return 2;
    directory = argv[1];
    return cmocka_run_group_tests_name("captures", tests, NULL, NULL);
}

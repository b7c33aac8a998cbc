/* What <vitro/lab.h> promises of the lab itself: its clock, its programs, its listeners, its memory. */
#include <stdlib.h>
#include "lab/internal.h"
#include "lab/topology.h"
#include "scene.h"

/* ---- The heap ---- */

static int by_order(const void *a, const void *b)
{
    const struct vt_lab_item *x = *(const struct vt_lab_item *const *)a;
    const struct vt_lab_item *y = *(const struct vt_lab_item *const *)b;
    if (x->when != y->when)
        return x->when < y->when ? -1 : 1;
    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

/* Whatever was pushed and removed in between, what comes out is in the one order. */
static void test_heap_against_sorting(void **state)
{
    enum {
        N = 200
    };
    struct vt_lab_item item[N];
    struct vt_lab_item *in[N], *root = NULL;
    struct vt_rng rng;
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        unsigned n = 0;
        vt_rng_seed(&rng, seed, 0);
        memset(item, 0, sizeof item);
        for (uint32_t i = 0; i < N; i++)
            item[i] = (struct vt_lab_item){.when = vt_rng_below(&rng, 20),
                                           .node = (uint32_t)vt_rng_below(&rng, 5),
                                           .number = i,
                                           .kind = (enum vt_lab_kind)vt_rng_below(&rng, 3)};
        for (unsigned step = 0; step < 2000; step++) {
            struct vt_lab_item *it = &item[vt_rng_below(&rng, N)];
            if (it->queued)
                vt_lab_heap_remove(&root, it);
            else
                vt_lab_heap_push(&root, it);
        }
        for (unsigned i = 0; i < N; i++)
            if (item[i].queued)
                in[n++] = &item[i];
        qsort(in, n, sizeof *in, by_order);
        for (unsigned i = 0; i < n; i++) {
            assert_ptr_equal(root, in[i]);
            vt_lab_heap_remove(&root, root);
        }
        assert_null(root);
    }
}

/* ---- The clock ---- */

static void test_clock_stands_where_it_was_told(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 1);
    scene_pair(&s, "delay 5ms");
    assert_int_equal(vt_lab_now(s.lab), 0);
    assert_int_equal(vt_lab_run(s.lab, 7 * (vt_time)VT_SEC), 7 * (vt_time)VT_SEC);
    assert_int_equal(vt_lab_now(s.lab), 7 * (vt_time)VT_SEC);
    /* Backwards is nowhere. */
    assert_int_equal(vt_lab_run(s.lab, 1), 7 * (vt_time)VT_SEC);
    scene_close(&s);
}

static void test_run_to_the_end_of_time_ends(void **state)
{
    struct scene s;
    struct scene_term t = {0};
    vt_time end;
    (void)state;
    scene_open(&s, 1);
    scene_pair(&s, "delay 5ms");
    scene_spawn(&s, "a", "ping -c 2 10.0.0.2", &t);
    end = vt_lab_run(s.lab, VT_NEVER);
    assert_true(t.exited);
    assert_true(end >= (vt_time)VT_SEC && end < 3600 * (vt_time)VT_SEC);
    scene_close(&s);
}

/* Two switches, three perfect cables between them: a broadcast goes round in no time, and multiplies. The
 * clock goes on all the same, and memory is bounded. */
static void test_v09_a_storm_of_perfect_cables_does_not_stop_the_clock(void **state)
{
    struct vt_lab *lab = vt_lab_new(&(struct vt_lab_config){.seed = 1, .buffers = 4u << 20});
    static const char *const argv[] = {"ping", "-c", "1", "-W", "1", "10.0.0.2"};
    struct vt_lab_memory m;
    (void)state;
    assert_non_null(lab);
    assert_non_null(vt_lab_add_host(lab, "a", false, NULL));
    assert_int_equal(vt_lab_add_switch(lab, "s1"), 0);
    assert_int_equal(vt_lab_add_switch(lab, "s2"), 0);
    assert_true(vt_lab_add_link(lab, "a", "10.0.0.1/24", "s1", NULL, NULL) > 0);
    for (int i = 0; i < 3; i++)
        assert_true(vt_lab_add_link(lab, "s1", NULL, "s2", NULL, NULL) > 0);
    assert_true(vt_lab_spawn(lab, "a", 6, argv, NULL) > 0);
    vt_lab_run(lab, 200 * (vt_time)VT_USEC);
    assert_int_equal(vt_lab_now(lab), 200 * (vt_time)VT_USEC);
    m = vt_lab_memory(lab);
    assert_true(m.bytes < 8u << 20);
    /* Cut, it dies at once. */
    assert_int_equal(vt_lab_impair(lab, 2, VT_DIR_BOTH, "cut", NULL, NULL), 0);
    assert_int_equal(vt_lab_impair(lab, 3, VT_DIR_BOTH, "cut", NULL, NULL), 0);
    assert_int_equal(vt_lab_impair(lab, 4, VT_DIR_BOTH, "cut", NULL, NULL), 0);
    vt_lab_run(lab, 60 * (vt_time)VT_SEC);
    assert_int_equal(vt_lab_memory(lab).pbufs, 0);
    vt_lab_free(lab);
}

/* ---- Building ---- */

static void test_names(void **state)
{
    struct scene s;
    int err;
    bool flipped;
    (void)state;
    scene_open(&s, 1);
    scene_pair(&s, NULL);
    assert_null(vt_lab_add_host(s.lab, "a", false, &err));
    assert_int_equal(err, -VT_EEXIST);
    assert_int_equal(vt_lab_add_switch(s.lab, "b"), -VT_EEXIST);
    assert_null(vt_lab_add_host(s.lab, "", false, &err));
    assert_int_equal(err, -VT_EINVAL);
    assert_null(vt_lab_add_host(s.lab, "a b", false, &err));
    assert_int_equal(err, -VT_EINVAL);
    assert_int_equal(vt_lab_add_link(s.lab, "a", NULL, "nobody", NULL, NULL), -VT_ENOENT);
    assert_int_equal(vt_lab_add_link(s.lab, "a", NULL, "b", NULL, "loss much"), -VT_EINVAL);
    assert_int_equal(vt_lab_add_link(s.lab, "a", "10.0.9.1/24", "b", "10.0.9.2/24", NULL), 2);
    assert_string_equal(vt_lab_link_name(s.lab, 2), "a-b.2");
    assert_int_equal(vt_lab_find_link(s.lab, "a-b", &flipped), 1);
    assert_false(flipped);
    assert_int_equal(vt_lab_find_link(s.lab, "b-a.2", &flipped), 2);
    assert_true(flipped);
    assert_int_equal(vt_lab_find_link(s.lab, "a-c", NULL), 0);
    assert_null(vt_lab_link_name(s.lab, 3));
    assert_null(vt_lab_host(s.lab, "c"));
    scene_close(&s);
}

static void test_names_reach_hosts_made_before_and_after(void **state)
{
    struct scene s;
    struct vt_addr addr = {0};
    (void)state;
    scene_open(&s, 1);
    scene_host(&s, "a");
    assert_int_equal(vt_lab_add_name(s.lab, "www.lab", VT_IP4(10, 0, 0, 2)), 0);
    scene_host(&s, "b");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(vt_getaddrinfo(vt_lab_host(s.lab, i == 0 ? "a" : "b"), "WWW.lab", &addr), 0);
        assert_true(vt_ip_eq(addr.ip, VT_IP4(10, 0, 0, 2)));
    }
    scene_close(&s);
}

/* ---- Programs ---- */

static void test_programs_begin_and_end(void **state)
{
    static const char *const nonsense[] = {"frobnicate"};
    struct scene s;
    struct scene_term server = {0}, client = {0}, wrong = {0};
    int status, number;
    (void)state;
    scene_open(&s, 1);
    scene_pair(&s, "delay 1ms");
    assert_int_equal(vt_lab_spawn(s.lab, "a", 1, nonsense, NULL), -VT_ENOENT);
    assert_int_equal(vt_lab_spawn(s.lab, "x", 1, nonsense, NULL), -VT_ENOENT);
    number = scene_spawn(&s, "b", "echo server 9528", &server);
    assert_false(vt_lab_exited(s.lab, number, &status));
    assert_false(vt_lab_exited(s.lab, 99, &status));
    scene_spawn(&s, "a", "echo clinet", &wrong);
    assert_int_equal(scene_wait(&s, &wrong, VT_SEC), 2);
    scene_spawn(&s, "a", "echo client --say hello 10.0.0.2:9528", &client);
    assert_int_equal(scene_wait(&s, &client, VT_SEC), 0);
    assert_string_equal(client.out, "hello\n");
    vt_lab_stop(s.lab, number);
    assert_int_equal(scene_wait(&s, &server, VT_SEC), 0);
    assert_true(vt_lab_exited(s.lab, number, &status));
    assert_int_equal(status, 0);
    /* One that does not heed is killed. */
    number = scene_spawn(&s, "b", "echo server 9528", &server);
    scene_run(&s, VT_SEC);
    vt_lab_kill(s.lab, number);
    assert_true(server.exited);
    assert_int_equal(server.status, 137);
    assert_true(vt_lab_exited(s.lab, number, &status) && status == 137);
    vt_lab_kill(s.lab, number);
    vt_lab_stop(s.lab, number);
    vt_lab_kick(s.lab, number);
    scene_run(&s, 100 * VT_SEC);
    scene_close(&s);
}

/* Input that comes later, and output that is not taken yet: the program waits for a kick, and spins for
 * neither. */
struct slow {
    const char *in;
    bool ready, takes, ended;
    unsigned reads, writes;
    char out[64];
    size_t len;
};

static long slow_read(void *ctx, void *buf, size_t len)
{
    struct slow *t = ctx;
    size_t n = strlen(t->in);
    t->reads++;
    if (!t->ready)
        return -VT_EAGAIN;
    n = n < len ? n : len;
    memcpy(buf, t->in, n);
    t->in += n;
    return (long)n;
}

static long slow_write(void *ctx, int fd, const void *buf, size_t len)
{
    struct slow *t = ctx;
    assert_int_equal(fd, 1);
    t->writes++;
    if (!t->takes)
        return -VT_EAGAIN;
    len = len < 1 ? len : 1; /* a byte at a time */
    memcpy(t->out + t->len, buf, len);
    t->len += len;
    return (long)len;
}

static void slow_exited(void *ctx, int status)
{
    struct slow *t = ctx;
    assert_int_equal(status, 0);
    t->ended = true;
}

static void test_slow_terminals(void **state)
{
    static const char *const argv[] = {"echo", "client", "10.0.0.2:9528"};
    struct scene s;
    struct scene_term server = {0};
    struct slow t = {.in = "hello\n"};
    struct vt_lab_stdio io = {.read = slow_read, .write = slow_write, .exited = slow_exited, .ctx = &t};
    int number;
    (void)state;
    scene_open(&s, 1);
    scene_pair(&s, "delay 1ms");
    scene_spawn(&s, "b", "echo server 9528", &server);
    scene_run(&s, VT_SEC);
    number = vt_lab_spawn(s.lab, "a", 3, argv, &io);
    scene_run(&s, 100 * VT_SEC);
    assert_false(t.ended);
    assert_true(t.reads > 0 && t.reads < 20);
    t.ready = true;
    vt_lab_kick(s.lab, number);
    scene_run(&s, 100 * VT_SEC);
    assert_false(t.ended);
    assert_true(t.writes > 0 && t.writes < 50);
    t.takes = true;
    for (int i = 0; i < 20 && !t.ended; i++) {
        vt_lab_kick(s.lab, number);
        scene_run(&s, VT_SEC);
    }
    assert_true(t.ended);
    assert_string_equal(t.out, "hello\n");
    scene_run(&s, 100 * VT_SEC);
    scene_close(&s);
}

/* ---- Listeners ---- */

struct told {
    unsigned kinds[VT_EV_COUNT];
    unsigned listening;
    char setting[64];
};

static void tell(void *ctx, const struct vt_event *ev, const void *extra)
{
    struct told *t = ctx;
    t->kinds[ev->kind]++;
    if (ev->kind == VT_EV_TCP_CONN && ev->u.conn.state == VT_TCP_LISTEN)
        t->listening++;
    if (ev->kind == VT_EV_LINK_SET)
        snprintf(t->setting, sizeof t->setting, "%.*s", (int)ev->extra, (const char *)extra);
}

static void test_late_listeners_are_told_what_stands(void **state)
{
    struct vt_lab *lab = vt_lab_new(&(struct vt_lab_config){.seed = 1});
    static const char *const argv[] = {"echo", "server", "9528"};
    struct told t = {0};
    (void)state;
    assert_non_null(vt_lab_add_host(lab, "a", false, NULL));
    assert_non_null(vt_lab_add_host(lab, "r", true, NULL));
    assert_int_equal(vt_lab_add_switch(lab, "s"), 0);
    assert_true(vt_lab_add_link(lab, "a", "10.0.0.1/24", "s", NULL, "loss 1%") > 0);
    assert_true(vt_lab_add_link(lab, "r", "10.0.0.2/24", "s", NULL, NULL) > 0);
    assert_true(vt_lab_spawn(lab, "a", 3, argv, NULL) > 0);
    vt_lab_run(lab, (vt_time)VT_SEC);
    for (int i = 0; i < 50; i++)
        assert_int_equal(vt_lab_impair(lab, 1, VT_DIR_BOTH, i % 2 == 0 ? "loss 2%" : "loss 3%", NULL, NULL),
                         0);
    assert_int_equal(vt_lab_listen(lab, (struct vt_listener){tell, &t}), 0);
    assert_int_equal(t.kinds[VT_EV_NODE], 3);
    assert_int_equal(t.kinds[VT_EV_LINK], 2);
    assert_int_equal(t.kinds[VT_EV_PORT], 4);
    assert_true(t.kinds[VT_EV_ADDR] >= 2);
    assert_int_equal(t.kinds[VT_EV_LINK_SET], 2); /* one for each direction: of fifty, the last */
    assert_string_equal(t.setting, "loss 3%");
    assert_int_equal(t.kinds[VT_EV_TCP_CONN], 1);
    assert_int_equal(t.listening, 1);
    vt_lab_unlisten(lab, (struct vt_listener){tell, &t});
    vt_lab_run(lab, 2 * (vt_time)VT_SEC);
    vt_lab_free(lab);
}

/* ---- Memory ---- */

/* An allocator that fails from the n-th time on, once, or counts. */
struct failing {
    uint64_t calls, fail_at;
    size_t held;
};

static void *fail_alloc(void *ctx, size_t size)
{
    struct failing *f = ctx;
    void *p;
    if (++f->calls == f->fail_at)
        return NULL;
    p = calloc(1, size);
    assert_non_null(p);
    f->held += size;
    return p;
}

static void fail_free(void *ctx, void *p, size_t size)
{
    struct failing *f = ctx;
    if (p == NULL)
        return;
    f->held -= size;
    free(p);
}

/* The built-in lab and its conversation with the n-th allocation failing. */
static void converse(struct failing *f)
{
    static const char *const argv[] = {"echo", "client", "--say", "hello", "b:9528"};
    struct vt_topology_error err;
    struct vt_topology *t = vt_topology_parse(vt_topology_default, strlen(vt_topology_default), "built-in",
                                              &err);
    struct vt_lab_config config = {.seed = 1, .mem = {fail_alloc, fail_free, f}, .events = 4096};
    struct vt_lab *lab;
    assert_non_null(t);
    lab = vt_topology_build(t, &config, &err);
    if (lab != NULL) {
        for (const struct vt_topology_node *n = t->nodes; n != NULL; n = n->next)
            for (const struct vt_topology_program *p = n->programs; p != NULL; p = p->next)
                (void)vt_lab_spawn(lab, n->name, p->argc, p->argv, NULL);
        vt_lab_run(lab, (vt_time)VT_SEC);
        (void)vt_lab_spawn(lab, "a", 5, argv, NULL);
        vt_lab_run(lab, 10 * (vt_time)VT_SEC);
        vt_lab_free(lab);
    }
    vt_topology_free(t);
    assert_int_equal(f->held, 0);
}

static void test_v87_each_allocation_of_a_lab_failing(void **state)
{
    struct failing count = {0};
    (void)state;
    converse(&count);
    assert_true(count.calls > 100);
    for (uint64_t n = 1; n <= count.calls; n++) {
        struct failing f = {.fail_at = n};
        converse(&f);
    }
}

/* A hundred clients come and go: what is held afterwards is what was held before, to the byte. */
static void test_memory_returns(void **state)
{
    struct scene s;
    struct scene_term server = {0};
    static struct scene_term client[100];
    struct vt_lab_memory before, after;
    (void)state;
    scene_open(&s, 1);
    scene_pair(&s, "delay 1ms loss 5%");
    scene_spawn(&s, "b", "echo server --quiet 9528", &server);
    scene_spawn(&s, "a", "echo client --say warm 10.0.0.2:9528", &client[0]);
    scene_run(&s, 1000 * VT_SEC);
    before = vt_lab_memory(s.lab);
    for (int i = 0; i < 100; i++) {
        scene_spawn(&s, "a", "echo client --say hello --say again 10.0.0.2:9528", &client[i]);
        if (i % 5 == 4) /* the server's backlog is 10 */
            scene_run(&s, VT_SEC);
    }
    scene_run(&s, 1000 * VT_SEC);
    for (int i = 0; i < 100; i++)
        if (!client[i].exited || client[i].status != 0)
            fail_msg("client %d: %d, %d: %s", i, client[i].exited, client[i].status, client[i].err);
    after = vt_lab_memory(s.lab);
    assert_int_equal(after.bytes, before.bytes);
    assert_int_equal(after.pbufs, before.pbufs);
    assert_int_equal(after.blocks, before.blocks);
    scene_close(&s);
}

/* ---- Topologies ---- */

static struct vt_lab *build(const char *text)
{
    struct vt_topology_error err;
    struct vt_topology *t = vt_topology_parse(text, strlen(text), "test", &err);
    struct vt_lab *lab = t != NULL ? vt_topology_build(t, &(struct vt_lab_config){.seed = 1}, &err) : NULL;
    if (lab == NULL)
        fail_msg("%u:%u: %s", err.line, err.column, err.text);
    vt_topology_free(t);
    return lab;
}

static bool reaches(struct vt_lab *lab, const char *from, const char *to)
{
    const char *argv[] = {"ping", "-c", "1", "-W", "2", to};
    int status, number = vt_lab_spawn(lab, from, 6, argv, NULL);
    vt_lab_run(lab, vt_lab_now(lab) + 5 * (vt_time)VT_SEC);
    return vt_lab_exited(lab, number, &status) && status == 0;
}

/* Routers find the ways to all networks, over however many others; hosts find the router of their LAN. */
static void test_s06_routes_of_a_topology(void **state)
{
    struct vt_lab *lab = build(
        "hosts: {a: {ip: 10.1.0.1/24}, b: {ip: 10.4.0.1/24}, c: {ip: 10.2.0.9/24}}\n"
        "routers:\n"
        "  r1: {ip: [10.1.0.254/24, 10.2.0.1/24]}\n"
        "  r2: {ip: [10.2.0.2/24, 10.3.0.1/30]}\n"
        "  r3: {ip: [10.3.0.2/30, 10.4.0.254/24]}\n"
        "switches: {s1: , s2: , s3: }\n"
        "links: [[a, s1], [s1, r1], [r1, s2], [c, s2], [s2, s3], [s3, r2], [r2, r3], [b, r3]]\n");
    (void)state;
    assert_true(reaches(lab, "a", "b"));
    assert_true(reaches(lab, "b", "a"));
    assert_true(reaches(lab, "r1", "10.4.0.1"));
    /* Two routers share c's LAN: it is not for the lab to choose. */
    assert_false(reaches(lab, "c", "b"));
    vt_lab_free(lab);
    lab = build("hosts: {a: {ip: [10.1.0.1/24, 10.1.0.2/24]}, c: {ip: 10.2.0.9/24, gateway: 10.2.0.1}}\n"
                "routers: {r1: {ip: [10.1.0.254/24, 10.2.0.1/24]}, r2: {ip: 10.2.0.2/24}}\n"
                "switches: {s2: }\n"
                "links: [[a, r1], [r1, s2], [c, s2], [r2, s2]]\n");
    assert_true(reaches(lab, "c", "10.1.0.2"));
    vt_lab_free(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heap_against_sorting),
        cmocka_unit_test(test_clock_stands_where_it_was_told),
        cmocka_unit_test(test_run_to_the_end_of_time_ends),
        cmocka_unit_test(test_v09_a_storm_of_perfect_cables_does_not_stop_the_clock),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_names_reach_hosts_made_before_and_after),
        cmocka_unit_test(test_programs_begin_and_end),
        cmocka_unit_test(test_slow_terminals),
        cmocka_unit_test(test_late_listeners_are_told_what_stands),
        cmocka_unit_test(test_v87_each_allocation_of_a_lab_failing),
        cmocka_unit_test(test_memory_returns),
        cmocka_unit_test(test_s06_routes_of_a_topology),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Scenes of which every event is known: golden/NAME.txt holds the hash of the whole stream (vt_lab_hash())
 * and the story, a line for each event above the frames. A change that is meant to change them is accepted by
 *
 *     VT_UPDATE_GOLDEN=1 build/tests/lab/test_lab_golden
 *
 * which writes the files anew; what is different then stands in `git diff`, for the reviewer to agree to.
 */
#include "application/application.h"
#include "host/host.h"
#include "scene.h"

/* A scene: builds its lab, and plays. */
struct play {
    const char *name;
    uint64_t seed;
    void (*act)(struct scene *s);
};

/* ---- The scenes ---- */

/* S20 behind a switch: ARP, three segments, texts, four segments, TIME-WAIT. */
static void act_echo(struct scene *s)
{
    static struct scene_term server, client;
    client.in = "hello\n\n\xe4\xbd\xa0\xe5\xa5\xbd\nq\n";
    assert_int_equal(vt_lab_add_switch(s->lab, "s1"), 0);
    scene_host(s, "a");
    scene_host(s, "b");
    scene_cable(s, "a", "10.0.0.1/24", "s1", NULL, "delay 1ms");
    scene_cable(s, "b", "10.0.0.2/24", "s1", NULL, "delay 1ms");
    scene_spawn(s, "b", "echo server 9528", &server);
    scene_run(s, VT_SEC);
    scene_spawn(s, "a", "echo client 10.0.0.2:9528", &client);
    assert_int_equal(scene_wait(s, &client, 60 * VT_SEC), 0);
    scene_run(s, 120 * VT_SEC);
}

static int page(void *ctx, const char *path, const char *query, struct vt_allocator *mem, void **body,
                size_t *len, const char **type, uint32_t *mark)
{
    (void)ctx;
    (void)path;
    (void)query;
    (void)mark;
    *len = 20000;
    *body = mem->alloc(mem->ctx, *len);
    if (*body == NULL)
        return -VT_ENOMEM;
    memset(*body, '.', *len);
    *type = "text/plain";
    return 0;
}

/* A page by name through a router, over a slow cable of which one frame is lost and one comes late. */
static void act_page(struct scene *s)
{
    static struct vt_http_hook hook = {.page = page};
    static struct scene_term server, client;
    server.hook = &hook;
    scene_host(s, "a");
    scene_host(s, "b");
    assert_non_null(vt_lab_add_host(s->lab, "r1", true, NULL));
    scene_cable(s, "a", "10.0.0.1/24", "r1", "10.0.0.254/24", "delay 5ms");
    scene_cable(s, "r1", "10.0.1.254/24", "b", "10.0.1.1/24", "delay 5ms rate 10mbit");
    assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, "a"), "default", "10.0.0.254"), 0);
    assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, "b"), "default", "10.0.1.254"), 0);
    assert_int_equal(vt_lab_add_name(s->lab, "www.lab", VT_IP4(10, 0, 1, 1)), 0);
    scene_fault(s, "b-r1", VT_DIR_FORTH, "drop 4th data");
    scene_fault(s, "b-r1", VT_DIR_FORTH, "delay 9th data 30ms");
    scene_spawn(s, "b", "http serve", &server);
    scene_run(s, VT_SEC);
    scene_spawn(s, "a", "http get http://www.lab/page", &client);
    assert_int_equal(scene_wait(s, &client, 60 * VT_SEC), 0);
    scene_run(s, 120 * VT_SEC);
}

/* Echoes in fragments, to a port where nobody is, to nowhere, and with too few hops to live. */
static void act_ping(struct scene *s)
{
    static const char *const lines[] = {"ping -c 2 -s 4000 10.0.1.1", "ping -c 1 -W 1 10.0.0.77",
                                        "ping -c 1 10.9.9.9", "ping -c 1 -t 1 10.0.1.1"};
    struct vt_addr to = scene_addr("10.0.1.1:7777");
    scene_host(s, "a");
    scene_host(s, "b");
    assert_non_null(vt_lab_add_host(s->lab, "r1", true, NULL));
    scene_cable(s, "a", "10.0.0.1/24", "r1", "10.0.0.254/24", "delay 1ms");
    scene_cable(s, "r1", "10.0.1.254/24", "b", "10.0.1.1/24", "delay 1ms");
    assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, "a"), "default", "10.0.0.254"), 0);
    assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, "b"), "default", "10.0.1.254"), 0);
    for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct scene_term term = {0};
        scene_spawn(s, "a", lines[i], &term);
        assert_int_equal(scene_wait(s, &term, 60 * VT_SEC), i == 0 ? 0 : 1);
    }
    struct vt_host *a = scene_enter(s, "a");
    int fd = vt_socket(a, VT_AF_INET, VT_SOCK_DGRAM, 0);
    assert_int_equal(vt_sendto(a, fd, "hello", 5, 0, &to), 5);
    scene_run(s, VT_SEC);
    scene_hang_up(s, "a", fd);
    scene_run(s, 120 * VT_SEC);
}

/* A transfer over a bad cable: everything that can befall a frame. */
static void act_bad_cable(struct scene *s)
{
    static struct scene_term sink, sender;
    scene_pair(s, "loss 10% duplicate 5% reorder 5% corrupt 5% corrupt-inside 5% delay 2ms 1ms");
    for (unsigned i = 0; i < 2; i++)
        scene_knob(s, i == 0 ? "a" : "b", "net.ipv4.neigh.default.mcast_solicit", 50);
    scene_spawn(s, "b", "bulk sink --once 7000", &sink);
    scene_run(s, VT_SEC);
    scene_spawn(s, "a", "bulk send --bytes 40000 10.0.0.2:7000", &sender);
    assert_int_equal(scene_wait(s, &sender, 3600 * VT_SEC), 0);
    scene_run(s, 300 * VT_SEC);
}

static const struct play plays[] = {
    {"echo", 1, act_echo},
    {"page", 2, act_page},
    {"ping", 3, act_ping},
    {"bad-cable", 4, act_bad_cable},
};
#define PLAYS (sizeof plays / sizeof plays[0])

/* ---- Playing ---- */

static void perform(struct scene *s, const struct play *play, uint64_t seed)
{
    scene_open_as(s, &(struct vt_lab_config){.name = "golden", .seed = seed});
    play->act(s);
    vt_lab_drain_events(s->lab);
}

static char *text_of(const struct scene *s)
{
    char *story = scene_story(s), *text;
    size_t size = strlen(story) + 128;
    text = malloc(size);
    assert_non_null(text);
    snprintf(text, size, "hash %016llx of %zu events\n%s", (unsigned long long)vt_lab_hash(s->lab), s->events,
             story);
    free(story);
    return text;
}

/* ---- Against the files ---- */

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static char *get_file(const char *path)
{
    FILE *f = fopen(path, "r");
    size_t cap = 1 << 22, len;
    char *text = calloc(1, cap);
    if (f == NULL)
        fail_msg("%s cannot be read: is it new? See the top of test_golden.c", path);
    assert_non_null(text);
    len = fread(text, 1, cap - 1, f);
    assert_true(len < cap - 1);
    fclose(f);
    return text;
}

/* Shows where two texts part. */
static void assert_same(const char *name, const char *golden, const char *now)
{
    const char *line_a = strchr(golden, '\n'), *line_b = strchr(now, '\n');
    unsigned number = 1;
    if (strcmp(golden, now) == 0)
        return;
    assert_true(line_a != NULL && line_b != NULL);
    for (const char *a = ++line_a, *b = ++line_b; *a != '\0' && *a == *b; a++, b++) {
        if (*a != '\n')
            continue;
        number++;
        line_a = a + 1;
        line_b = b + 1;
    }
    fail_msg(
        "%s: the story is not the golden one; line %u of it was\n  %.*s\nand is\n  %.*s\n(see the top of "
        "test_golden.c)",
        name, number + 1, (int)strcspn(line_a, "\n"), line_a, (int)strcspn(line_b, "\n"), line_b);
}

static void test_golden_streams(void **state)
{
    const char *update = getenv("VT_UPDATE_GOLDEN");
    (void)state;
    for (unsigned i = 0; i < PLAYS; i++) {
        char path[512];
        struct scene s;
        snprintf(path, sizeof path, "%s/%s.txt", GOLDEN, plays[i].name);
        perform(&s, &plays[i], plays[i].seed);
        char *now = text_of(&s);
        scene_close(&s);
        if (update != NULL && update[0] == '1') {
            put_file(path, now);
        } else {
            char *golden = get_file(path);
            assert_same(plays[i].name, golden, now);
            free(golden);
        }
        free(now);
    }
}

/* ---- Determinism ---- */

static void test_same_seed_same_bytes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PLAYS; i++) {
        struct scene s[2];
        char *text[2];
        for (unsigned k = 0; k < 2; k++) {
            perform(&s[k], &plays[i], plays[i].seed);
            text[k] = text_of(&s[k]);
        }
        assert_int_equal(vt_lab_hash(s[0].lab), vt_lab_hash(s[1].lab));
        assert_string_equal(text[0], text[1]);
        for (unsigned k = 0; k < 2; k++) {
            free(text[k]);
            scene_close(&s[k]);
        }
    }
}

static void test_another_seed_other_bytes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PLAYS; i++) {
        struct scene s[2];
        for (unsigned k = 0; k < 2; k++)
            perform(&s[k], &plays[i], plays[i].seed + k);
        assert_int_not_equal(vt_lab_hash(s[0].lab), vt_lab_hash(s[1].lab));
        for (unsigned k = 0; k < 2; k++)
            scene_close(&s[k]);
    }
}

/* Whichever routine adds up the checksums. */
static void test_portable_sums_same_bytes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PLAYS; i++) {
        struct scene s[2];
        for (unsigned k = 0; k < 2; k++) {
            scene_open_as(&s[k], &(struct vt_lab_config){.seed = plays[i].seed, .sums_portable = k == 1});
            vt_lab_capture(s[k].lab, true); /* so that the sums themselves are in the hash */
            plays[i].act(&s[k]);
            vt_lab_drain_events(s[k].lab);
        }
        assert_int_equal(vt_lab_hash(s[0].lab), vt_lab_hash(s[1].lab));
        for (unsigned k = 0; k < 2; k++)
            scene_close(&s[k]);
    }
}

/* Watching changes nothing: without a listener each node counts as many events, drops and deliveries, at the
 * same time. */
static void test_listening_changes_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PLAYS; i++) {
        struct scene s[2];
        enum vt_node_kind kind;
        const char *name;
        for (unsigned k = 0; k < 2; k++) {
            scene_open_as(&s[k], &(struct vt_lab_config){.name = "golden", .seed = plays[i].seed});
            if (k == 1)
                scene_deafen(&s[k]);
            plays[i].act(&s[k]);
        }
        assert_true(s[0].events > 100);
        assert_int_equal(s[1].events, 0);
        assert_int_equal(vt_lab_now(s[0].lab), vt_lab_now(s[1].lab));
        for (unsigned n = 0; (name = vt_lab_node_name(s[0].lab, n, &kind)) != NULL; n++) {
            if (kind == VT_NODE_SWITCH)
                continue;
            struct vt_host *a = vt_lab_host(s[0].lab, name), *b = vt_lab_host(s[1].lab, name);
            assert_true(vt_host_core(a)->ev.count > 0);
            assert_int_equal(vt_host_core(a)->ev.count, vt_host_core(b)->ev.count);
            assert_int_equal(vt_host_delivered(a), vt_host_delivered(b));
            for (unsigned reason = 0; reason < VT_DROP_COUNT; reason++)
                assert_int_equal(vt_host_drops(a, reason), vt_host_drops(b, reason));
        }
        for (unsigned k = 0; k < 2; k++)
            scene_close(&s[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_streams),
        cmocka_unit_test(test_same_seed_same_bytes),
        cmocka_unit_test(test_another_seed_other_bytes),
        cmocka_unit_test(test_portable_sums_same_bytes),
        cmocka_unit_test(test_listening_changes_nothing),
    };
    return cmocka_run_group_tests_name("golden", tests, NULL, NULL);
}

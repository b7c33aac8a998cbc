/* A lab left alone for 24 virtual hours, with a hundred clients coming and going: afterwards it holds as much
 * memory as before, to the byte, and not one buffer.
 *
 * The lab is at rest when its servers listen, no program else runs, and all that is kept for a while has been
 * let go of: connections in TIME-WAIT (2 MSL, a minute), neighbours (ARP: reachable for 30 s, kept for 60 s
 * more, and asked in between), the switch's addresses (5 minutes). Ten minutes after the last client has gone
 * that is so; before the first has come it is so, too. (Tables that grow with use shrink when they are empty
 * again, so that the memory at rest does not depend on the busiest moment before.)
 */
#include "application/application.h"
#include "base/random.h"
#include "scene.h"

#define CLIENTS 100
#define HOUR    (3600 * VT_SEC)
#define DAY     (24 * HOUR)
#define REST    (600 * VT_SEC)

/* A place for a client: somebody, then nobody for a while, then somebody else. */
struct slot {
    struct day *day;
    int program;  /* 0: nobody */
    vt_time next; /* when a client comes, speaks, or is killed */
    bool browser, doomed;
    unsigned lines; /* still to say before `q` */
    char pending[32];
};

struct day {
    struct scene s;
    struct vt_rng rng;
    struct slot slot[CLIENTS];
    size_t came, went, failed, killed;
    size_t at_once, most;
};

/* ---- Clients ---- */

static long hear_nothing(void *ctx, int fd, const void *buf, size_t len)
{
    (void)ctx;
    (void)fd;
    (void)buf;
    return (long)len;
}

static long next_line(void *ctx, void *buf, size_t len)
{
    struct slot *slot = ctx;
    size_t n = strlen(slot->pending);
    if (n == 0)
        return -VT_EAGAIN;
    assert_true(n <= len);
    memcpy(buf, slot->pending, n);
    slot->pending[0] = '\0';
    return (long)n;
}

static vt_time after(struct day *day, vt_span most)
{
    return vt_time_add(vt_lab_now(day->s.lab), 1 + (vt_span)vt_rng_below(&day->rng, (uint64_t)most));
}

static void leaves(void *ctx, int status)
{
    struct slot *slot = ctx;
    struct day *day = slot->day;
    day->went++;
    day->killed += slot->doomed;
    day->failed += status != 0 && !slot->doomed;
    day->at_once--;
    slot->program = 0;
    slot->next = after(day, 600 * VT_SEC);
}

static void comes(struct day *day, struct slot *slot)
{
    static const char *const echo[] = {"echo", "client", "b.lab:9528"}, *const get[] = {"http", "get",
                                                                                        "http://www.lab/"};
    const char *host = vt_rng_below(&day->rng, 2) == 0 ? "a" : "c";
    struct vt_lab_stdio io = {.read = next_line, .write = hear_nothing, .exited = leaves, .ctx = slot};
    slot->browser = vt_rng_below(&day->rng, 3) == 0;
    slot->doomed = false;
    slot->lines = (unsigned)vt_rng_below(&day->rng, 10);
    slot->pending[0] = '\0';
    slot->program = vt_lab_spawn(day->s.lab, host, 3, slot->browser ? get : echo, &io);
    assert_true(slot->program > 0);
    slot->next = after(day, 300 * VT_SEC);
    day->came++;
    if (++day->at_once > day->most)
        day->most = day->at_once;
}

/* The next thing that a client does; one in twenty is killed in the middle of it. */
static void goes_on(struct day *day, struct slot *slot)
{
    if (slot->program == 0) {
        comes(day, slot);
        return;
    }
    if (vt_rng_below(&day->rng, 20) == 0) {
        slot->doomed = true;
        vt_lab_kill(day->s.lab, slot->program);
        return;
    }
    slot->next = after(day, 300 * VT_SEC);
    if (slot->browser)
        return;
    strcpy(slot->pending, slot->lines > 0 ? "another line\n" : "q\n");
    slot->lines -= slot->lines > 0;
    vt_lab_kick(day->s.lab, slot->program);
}

static struct slot *first_slot(struct day *day)
{
    struct slot *first = &day->slot[0];
    for (unsigned i = 1; i < CLIENTS; i++)
        if (day->slot[i].next < first->next)
            first = &day->slot[i];
    return first;
}

/* ---- The day ---- */

static int page(void *ctx, const char *path, const char *query, struct vt_allocator *mem, void **body,
                size_t *len, const char **type, uint32_t *mark)
{
    (void)ctx;
    (void)path;
    (void)query;
    (void)mark;
    *len = 5000;
    *body = mem->alloc(mem->ctx, *len);
    if (*body == NULL)
        return -VT_ENOMEM;
    memset(*body, '-', *len);
    *type = "text/plain";
    return 0;
}

static void set_up(struct day *day, struct scene_term *echo, struct scene_term *http)
{
    struct scene *s = &day->s;
    s->lab = vt_lab_new(&(struct vt_lab_config){.name = "day", .seed = 24});
    assert_non_null(s->lab);
    assert_int_equal(vt_lab_listen(s->lab, (struct vt_listener){ledger_event, &s->ledger}), 0);
    assert_int_equal(vt_lab_add_switch(s->lab, "s1"), 0);
    scene_host(s, "a");
    scene_host(s, "b");
    scene_host(s, "c");
    assert_non_null(vt_lab_add_host(s->lab, "r1", true, NULL));
    scene_cable(s, "a", "10.0.0.1/24", "s1", NULL, "delay 1ms");
    scene_cable(s, "b", "10.0.0.2/24", "s1", NULL, "delay 1ms loss 1%");
    scene_cable(s, "r1", "10.0.0.254/24", "s1", NULL, NULL);
    scene_cable(s, "r1", "10.0.1.254/24", "c", "10.0.1.1/24", "delay 20ms 10ms");
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, i == 0 ? "a" : "b"), "default", "10.0.0.254"),
                         0);
    assert_int_equal(vt_host_add_route(vt_lab_host(s->lab, "c"), "default", "10.0.1.254"), 0);
    assert_int_equal(vt_lab_add_name(s->lab, "www.lab", VT_IP4(10, 0, 0, 2)), 0);
    assert_int_equal(vt_lab_add_name(s->lab, "b.lab", VT_IP4(10, 0, 0, 2)), 0);
    scene_spawn(s, "b", "echo server --quiet 9528", echo);
    scene_spawn(s, "b", "http serve --quiet", http);
    vt_rng_seed(&day->rng, 24, 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        day->slot[i] = (struct slot){.day = day, .next = (vt_time)(REST + vt_rng_below(&day->rng, HOUR))};
}

static void test_a_day_leaves_no_trace(void **state)
{
    static struct day day;
    static struct scene_term echo, http;
    struct vt_http_hook hook = {.page = page};
    struct vt_lab_memory before, busy = {0}, end;
    (void)state;
    http.hook = &hook;
    set_up(&day, &echo, &http);
    vt_lab_run(day.s.lab, REST);
    before = vt_lab_memory(day.s.lab);
    while (first_slot(&day)->next < DAY) {
        struct slot *slot = first_slot(&day);
        vt_lab_run(day.s.lab, slot->next);
        if (slot->next <= vt_lab_now(day.s.lab)) /* unless it left just now */
            goes_on(&day, slot);
        if (day.came == 1000)
            busy = vt_lab_memory(day.s.lab);
    }
    /* The evening: nobody new comes; who is there says `q`. */
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (day.slot[i].program == 0)
            continue;
        strcpy(day.slot[i].pending, "q\n");
        vt_lab_kick(day.s.lab, day.slot[i].program);
    }
    scene_run(&day.s, HOUR);
    assert_int_equal(day.at_once, 0);
    assert_false(echo.exited || http.exited);
    scene_run(&day.s, REST);
    end = vt_lab_memory(day.s.lab);
    printf("# %zu clients, at most %zu at once, %zu killed, %zu failed; %llu frames; at rest %zu bytes, with "
           "clients "
           "%zu bytes, %zu pbufs, %zu blocks\n",
           day.came, day.most, day.killed, day.failed, (unsigned long long)day.s.ledger.sent, before.bytes,
           busy.bytes, busy.pbufs, busy.blocks);
    assert_true(day.came > 5000);
    assert_true(day.most > CLIENTS / 4);
    assert_int_equal(day.failed, 0);
    assert_true(busy.bytes > before.bytes);
    assert_int_equal(end.pbufs, 0);
    assert_int_equal(end.blocks, 0);
    assert_int_equal(end.bytes, before.bytes);
    scene_cut_all(day.s.lab);
    ledger_check(&day.s.ledger);
    ledger_free(&day.s.ledger);
    vt_lab_free(day.s.lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_day_leaves_no_trace),
    };
    return cmocka_run_group_tests_name("day", tests, NULL, NULL);
}

/* Events that no lab would emit: every reader takes them, and stands. The seed is printed; LENS_SEED replays
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "scene.h"

#define EVENTS 60000

static uint64_t chance;

static uint32_t draw(uint32_t below)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (uint32_t)(chance >> 16) % below;
}

/* Mostly small numbers, so that things meet; sometimes anything. */
static uint32_t number(void)
{
    return draw(20) == 0 ? (uint32_t)chance : draw(8);
}

static void noise(struct vt_event *ev, uint8_t *extra)
{
    *ev = (struct vt_event){.version = VT_EVENT_VERSION};
    for (unsigned i = 0; i < sizeof ev->u.raw; i++)
        ev->u.raw[i] = (uint8_t)(draw(3) == 0 ? draw(256) : draw(4));
    ev->kind = (uint16_t)(draw(50) == 0 ? draw(70) : draw(VT_EV_COUNT));
    if (ev->kind == VT_EV_GAP)
        ev->u.gap.lost[1] = 0; /* the sum is to fit the 63 bits of who reads it back */
    ev->node = number();
    ev->id = draw(10) == 0 ? number() : 1 + draw(3000);
    ev->cause = draw(4) == 0 ? number() : 1 + draw(3000);
    ev->cause_node = number();
    ev->iface = number();
    ev->conn = number();
    ev->doc = (uint16_t)number();
    ev->mark = draw(30) == 0 ? VT_MARK_PAGE : 0;
    ev->extra = draw(3) == 0 ? draw(200) : 0;
    for (uint32_t i = 0; i < ev->extra; i++)
        extra[i] = (uint8_t)draw(256);
    if (ev->extra > 40 && draw(2) == 0) /* something like a frame */
        memcpy(extra + 12, "\x08\x00\x45", 3);
}

static int swallow(void *ctx, const void *bytes, size_t len)
{
    (void)bytes;
    *(uint64_t *)ctx += len;
    return 0;
}

static void ignore(void *ctx, const struct vt_standstill_finding *f)
{
    (void)ctx;
    assert_true(strlen(f->text[0]) > 0);
}

static void test_noise(void **state)
{
    uint64_t written = 0;
    struct vt_sink sink = {swallow, &written};
    struct vt_ladder *ladder[4];
    const struct vt_ladder_config configs[4] = {
        {.calls = true, .said = true, .color = true},
        {.column = {"a", "b", "c"}, .ascii = true, .whole = true, .width = 41},
        {.svg = true, .hidden = true, .memory = 50},
        {.column = {"10.0.0.1"}, .memory = 3},
    };
    struct vt_pcapng *pcapng = vt_pcapng_new(&(struct vt_pcapng_config){.max_held = 7}, sink);
    struct vt_json *json = vt_json_new(sink);
    struct vt_stats *stats = vt_stats_new();
    struct vt_live *live = vt_live_new(&(struct vt_live_config){.rows = 30, .memory = 500});
    struct vt_standstill *still = vt_standstill_new(
        &(struct vt_standstill_config){.hold = -1, .found = ignore});
    const char *given = getenv("LENS_SEED");
    (void)state;
    chance = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u + 1;
    print_message("# LENS_SEED=%llu\n", (unsigned long long)chance);
    struct scene s = {0}; /* a network to make noise in */
    for (unsigned i = 0; i < 4; i++) {
        ladder[i] = vt_ladder_new(&configs[i], sink);
        scene_listen(&s, vt_ladder_event, ladder[i]);
    }
    scene_listen(&s, vt_live_event, live);
    scene_topology(&s);
    vt_time now = 0;
    for (unsigned i = 0; i < EVENTS; i++) {
        struct vt_event ev;
        uint8_t extra[200];
        noise(&ev, extra);
        now += draw(5) == 0 ? draw(2000000000) : 0;
        ev.time = draw(200) == 0 ? number() : now;
        const void *bytes = ev.extra != 0 ? extra : NULL;
        for (unsigned k = 0; k < 4; k++)
            vt_ladder_event(ladder[k], &ev, bytes);
        vt_pcapng_event(pcapng, &ev, bytes);
        vt_json_event(json, &ev, bytes);
        vt_stats_event(stats, &ev, bytes);
        vt_live_event(live, &ev, bytes);
        vt_standstill_event(still, &ev, bytes);
        (void)vt_lens_explain(VT_LANG_ZH, &ev);
        if (i % 5000 == 0) {
            char *text;
            json_error_t error;
            assert_true(vt_live_json(live, now, i % 2 == 0, &text) > 0);
            json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &error);
            if (j == NULL)
                fail_msg("%s", error.text);
            json_decref(j);
            free(text);
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(vt_ladder_finish(ladder[i]), 0);
        vt_ladder_free(ladder[i]);
    }
    assert_int_equal(vt_pcapng_finish(pcapng), 0);
    assert_int_equal(vt_stats_text(stats, sink), 0);
    assert_true(written > 1000000);
    vt_pcapng_free(pcapng);
    vt_json_free(json);
    vt_stats_free(stats);
    vt_live_free(live);
    vt_standstill_free(still);
}

/* A reader that has seen nothing has nothing to say, and says that well. */
static void test_nothing(void **state)
{
    uint64_t written = 0;
    struct vt_sink sink = {swallow, &written};
    struct vt_ladder *ladder = vt_ladder_new(&(struct vt_ladder_config){0}, sink);
    struct vt_ladder *svg = vt_ladder_new(&(struct vt_ladder_config){.svg = true}, sink);
    struct vt_live *live = vt_live_new(&(struct vt_live_config){0});
    char *text;
    (void)state;
    assert_int_equal(vt_ladder_finish(ladder), 0);
    assert_int_equal(written, 0);
    assert_int_equal(vt_ladder_finish(svg), 0);
    assert_true(written > 0);
    assert_true(vt_live_json(live, 0, true, &text) > 0);
    free(text);
    vt_ladder_free(ladder);
    vt_ladder_free(svg);
    vt_live_free(live);
    vt_ladder_free(NULL);
    vt_pcapng_free(NULL);
    vt_json_free(NULL);
    vt_stats_free(NULL);
    vt_live_free(NULL);
    vt_standstill_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_noise), cmocka_unit_test(test_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

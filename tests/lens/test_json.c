/* JSON lines: every kind of event parses, with its fields by name and its enumerations as words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "scene.h"

static const struct vt_event_id none;

struct stage {
    struct scene scene;
    struct catch out;
    struct vt_json *json;
};

static struct scene *begin(struct stage *t)
{
    memset(t, 0, sizeof *t);
    t->json = vt_json_new(catch_sink(&t->out));
    assert_non_null(t->json);
    scene_listen(&t->scene, vt_json_event, t->json);
    return &t->scene;
}

static void end(struct stage *t)
{
    assert_int_equal(vt_json_finish(t->json), 0);
    vt_json_free(t->json);
    catch_free(&t->out);
}

/* The last line. */
static json_t *last(const struct stage *t)
{
    const char *line = t->out.text + t->out.len - 1;
    json_error_t error;
    assert_int_equal(*line, '\n');
    while (line > t->out.text && line[-1] != '\n')
        line--;
    json_t *j = json_loads(line, JSON_REJECT_DUPLICATES, &error);
    if (j == NULL)
        fail_msg("%s: %s", error.text, line);
    return j;
}

static void expect_text(json_t *j, const char *key, const char *value)
{
    const char *is = json_string_value(json_object_get(j, key));
    if (is == NULL || strcmp(is, value) != 0)
        fail_msg("%s is %s, not %s", key, is != NULL ? is : "(none)", value);
}

static void expect_number(json_t *j, const char *key, long long value)
{
    assert_true(json_is_integer(json_object_get(j, key)));
    assert_int_equal(json_integer_value(json_object_get(j, key)), value);
}

static void test_segment(void **state)
{
    struct stage t;
    struct scene *s = begin(&t);
    (void)state;
    scene_topology(s);
    scene_wait(s, 1234);
    struct packet p = scene_seg(s, A, 1, 40000, B, 80, VT_SYN | VT_ACK, 4000000000u, 7, "", VT_SEG_RTO);
    json_t *j = last(&t);
    expect_number(j, "time", 1234);
    expect_text(j, "id", "a#5");
    assert_true(json_is_null(json_object_get(j, "cause")));
    expect_text(j, "kind", "seg-tx");
    expect_number(j, "layer", 4);
    expect_text(j, "node", "a");
    expect_number(j, "conn", 1);
    expect_text(j, "src", "10.0.0.1:40000");
    expect_text(j, "dst", "10.0.0.2:80");
    expect_text(j, "flags", "SYN,ACK");
    expect_number(j, "seq", 4000000000);
    expect_text(j, "why", "retransmission, timeout");
    expect_number(j, "mss", 1460);
    assert_true(json_is_null(json_object_get(j, "wscale")));
    json_decref(j);
    s->frames = true;
    scene_depart(s, &p, A, S1);
    j = last(&t);
    expect_text(j, "cause", "a#5");
    assert_int_equal(strlen(json_string_value(json_object_get(j, "bytes"))), 2 * 54);
    json_decref(j);
    end(&t);
}

/* The order of keys is fixed: the line is the same text for the same event. */
static void test_exact_line(void **state)
{
    struct stage t;
    struct scene *s = begin(&t);
    struct vt_event ev = {.kind = VT_EV_DROP, .doc = VT_DOC_RFC9293_3_5, .iface = 2, .mark = 9};
    (void)state;
    ev.u.drop.reason = VT_DROP_CABLE_LOSS;
    ev.u.drop.len = 60;
    scene_emit(s, &ev, 3, (struct vt_event_id){12, 4}, NULL, 0);
    assert_string_equal(t.out.text,
                        "{\"time\":0,\"id\":\"3#1\",\"cause\":\"4#12\",\"kind\":\"drop\",\"layer\":0,"
                        "\"node\":\"3\",\"iface\":2,"
                        "\"mark\":9,\"doc\":\"RFC 9293 3.5\",\"reason\":\"loss\",\"why\":\"the cable lost it "
                        "(impairment)\",\"len\":60}\n");
    end(&t);
}

/* Every kind there is, with fields full of ones: each is an object with its kind's word. */
static void test_every_kind(void **state)
{
    struct stage t;
    struct scene *s = begin(&t);
    (void)state;
    for (unsigned fill = 0; fill < 128; fill += 0x7f) { /* a reader of JSON may have no more than 63 bits */
        for (unsigned kind = 1; kind < VT_EV_COUNT; kind++) {
            struct vt_event ev = {.kind = (uint16_t)kind, .iface = 1, .conn = 1};
            memset(ev.u.raw, (int)fill, sizeof ev.u.raw);
            scene_emit(s, &ev, A, none, "\xff\"\n", 3);
            json_t *j = last(&t);
            expect_text(j, "kind", vt_event_word(kind));
            json_decref(j);
        }
    }
    end(&t);
}

static void test_words(void **state)
{
    struct stage t;
    struct scene *s = begin(&t);
    struct vt_event ev;
    json_t *j;
    (void)state;
    scene_topology(s);
    j = last(&t);
    expect_text(j, "name", "r1-c");
    expect_text(j, "node_a", "r1");
    json_decref(j);
    ev = (struct vt_event){.kind = VT_EV_IMPAIR};
    ev.u.impair.kind = VT_IMPAIR_CORRUPT_INSIDE;
    scene_emit(s, &ev, 0, none, NULL, 0);
    j = last(&t);
    expect_text(j, "impair", "corrupt-inside");
    expect_text(j, "node", "0"); /* the lab itself has no name */
    json_decref(j);
    ev = (struct vt_event){.kind = VT_EV_SOCK_CALL};
    ev.u.call.call = VT_CALL_RECV;
    ev.u.call.result = -VT_ECONNRESET;
    scene_emit(s, &ev, A, none, NULL, 0);
    j = last(&t);
    expect_text(j, "call", "recv");
    expect_number(j, "result", -104);
    json_decref(j);
    ev = (struct vt_event){.kind = VT_EV_APP};
    scene_emit(s, &ev, A, none, "你好", 6);
    j = last(&t);
    expect_text(j, "text", "你好");
    json_decref(j);
    scene_arp(s, A, 1, B);
    j = last(&t);
    expect_text(j, "op", "request");
    expect_text(j, "sender_mac", "02:00:00:01:00:01");
    expect_text(j, "target_ip", "10.0.0.2");
    json_decref(j);
    end(&t);
}

static void test_failing_sink(void **state)
{
    struct stage t;
    struct scene *s = begin(&t);
    (void)state;
    t.out.fail_after = 2;
    scene_topology(s);
    assert_int_equal(vt_json_finish(t.json), -VT_ENOSPC);
    assert_int_equal(t.out.writes, 2);
    vt_json_free(t.json);
    catch_free(&t.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment),      cmocka_unit_test(test_exact_line),
        cmocka_unit_test(test_every_kind),   cmocka_unit_test(test_words),
        cmocka_unit_test(test_failing_sink),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

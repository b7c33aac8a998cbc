/* The live page's data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "scene.h"

static const struct vt_event_id none;

static json_t *look(struct vt_live *live, struct scene *s, bool hidden)
{
    char *text;
    json_error_t error;
    long len = vt_live_json(live, s->now, hidden, &text);
    assert_int_equal(len, (long)strlen(text));
    json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (j == NULL)
        fail_msg("%s", error.text);
    free(text);
    return j;
}

static struct vt_live *begin(struct scene *s, uint32_t rows)
{
    struct vt_live *live = vt_live_new(&(struct vt_live_config){.title = "a lab", .rows = rows});
    *s = (struct scene){.frames = true};
    assert_non_null(live);
    scene_listen(s, vt_live_event, live);
    scene_topology(s);
    return live;
}

static const char *text_at(json_t *j, const char *key)
{
    const char *text = json_string_value(json_object_get(j, key));
    assert_non_null(text);
    return text;
}

/* The row with this label; NULL: none. */
static json_t *row_with(json_t *j, const char *part)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(j, "rows"), i, row)
    {
        if (strstr(text_at(row, "label"), part) != NULL)
            return row;
    }
    return NULL;
}

static void test_state_of_things(void **state)
{
    struct scene s;
    struct vt_live *live = begin(&s, 0);
    (void)state;
    scene_open(&s);
    scene_say(&s, A, VT_PSH | VT_ACK, ISN_A + 1, ISN_B + 1, "hello", VT_SEG_NEW);
    scene_wait(&s, MS);
    json_t *j = look(live, &s, false);
    assert_string_equal(text_at(j, "title"), "a lab");
    assert_int_equal(json_array_size(json_object_get(j, "nodes")), 5);
    json_t *node = json_array_get(json_object_get(j, "nodes"), 4);
    assert_string_equal(text_at(node, "name"), "r1");
    assert_string_equal(text_at(node, "kind"), "router");
    assert_int_equal(json_array_size(json_object_get(node, "addresses")), 2);
    assert_int_equal(json_array_size(json_object_get(j, "links")), 4);
    assert_int_equal(json_array_size(json_object_get(j, "listeners")), 1);

    json_t *connection = json_array_get(json_object_get(j, "connections"), 0);
    json_t *end = json_array_get(json_object_get(connection, "ends"), 0);
    assert_string_equal(text_at(end, "address"), "10.0.0.1:40000");
    assert_string_equal(text_at(end, "state"), "ESTABLISHED");
    assert_int_equal(json_integer_value(json_object_get(end, "bytes")), 5);
    assert_int_equal(json_integer_value(json_object_get(end, "segments")), 3);

    json_t *row = row_with(j, "\"hello\"");
    assert_non_null(row);
    assert_string_equal(text_at(row, "from_name"), "a");
    assert_string_equal(text_at(row, "to_name"), "b");
    assert_string_equal(text_at(row, "fate"), "arrived");
    assert_string_equal(text_at(row, "why"), "data");
    json_t *why = json_object_get(json_object_get(j, "explain"), "data");
    assert_non_null(strstr(text_at(why, "zh"), "字节流"));
    json_t *counters = json_object_get(j, "counters");
    assert_int_equal(json_integer_value(json_object_get(counters, "sent")), 8);
    assert_int_equal(json_integer_value(json_object_get(counters, "delivered")), 8);
    json_decref(j);
    vt_live_free(live);
}

static void test_losses_and_caps(void **state)
{
    struct scene s;
    struct vt_live *live = begin(&s, 5);
    (void)state;
    scene_open(&s);
    for (unsigned i = 0; i < 10; i++) {
        struct packet p = scene_seg(&s, A, 1, 40000, B, 9528, VT_ACK, ISN_A + 1, ISN_B + 1, "x", VT_SEG_RTO);
        scene_depart(&s, &p, A, S1);
        scene_drop(&s, &p, 0, VT_DROP_CABLE_LOSS);
        scene_wait(&s, MS);
    }
    json_t *j = look(live, &s, false);
    assert_int_equal(json_array_size(json_object_get(j, "rows")), 5);
    json_t *row = json_array_get(json_object_get(j, "rows"), 4);
    assert_string_equal(text_at(row, "fate"), "lost");
    assert_string_equal(text_at(row, "reason"), "loss");
    assert_string_equal(text_at(row, "sent_why"), "retransmission, timeout");
    assert_string_equal(text_at(row, "why"), "drop-loss");
    assert_int_equal(json_integer_value(json_object_get(row, "died")), 250);
    json_t *drops = json_object_get(json_object_get(j, "counters"), "drops");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(drops, 0), "count")), 10);
    json_decref(j);
    vt_live_free(live);
}

/* The page's own connections are left out, also what came before they were marked; and shown when asked for.
 */
static void test_hidden(void **state)
{
    struct scene s;
    struct vt_live *live = begin(&s, 0);
    struct vt_event mark = {.kind = VT_EV_TCP_MARK, .conn = 2, .mark = VT_MARK_PAGE};
    (void)state;
    scene_open(&s);
    scene_wait(&s, MS);
    json_t *j = look(live, &s, false);
    assert_non_null(row_with(j, "SYN seq=x"));
    json_decref(j);
    memcpy(mark.u.conn.local, scene_ip(B).b, 16);
    memcpy(mark.u.conn.remote, scene_ip(A).b, 16);
    mark.u.conn.lport = 9528;
    mark.u.conn.rport = 40000;
    scene_emit(&s, &mark, B, none, NULL, 0);
    scene_say(&s, A, VT_PSH | VT_ACK, ISN_A + 1, ISN_B + 1, "hello", VT_SEG_NEW);
    scene_wait(&s, MS);
    j = look(live, &s, false);
    assert_null(row_with(j, "SYN seq=x"));
    assert_null(row_with(j, "hello"));
    assert_int_equal(json_array_size(json_object_get(j, "connections")), 0);
    json_decref(j);
    j = look(live, &s, true);
    assert_non_null(row_with(j, "SYN seq=x"));
    assert_true(json_is_true(json_object_get(row_with(j, "hello"), "hidden")));
    assert_int_equal(json_array_size(json_object_get(j, "connections")), 1);
    json_decref(j);
    vt_live_free(live);
}

/* S19: the page is told of a standstill, by nothing but the time that it asks at. */
static void s19_findings(void **state)
{
    struct scene s;
    struct vt_live *live = begin(&s, 0);
    (void)state;
    scene_open(&s);
    scene_call(&s, A, 1, VT_CALL_RECV, -VT_EAGAIN, true);
    scene_call(&s, B, 2, VT_CALL_RECV, -VT_EAGAIN, true);
    json_t *j = look(live, &s, false);
    assert_int_equal(json_array_size(json_object_get(j, "findings")), 0);
    json_decref(j);
    scene_wait(&s, 2000 * MS);
    j = look(live, &s, false);
    json_t *finding = json_array_get(json_object_get(j, "findings"), 0);
    assert_string_equal(text_at(finding, "kind"), "receive");
    assert_non_null(strstr(text_at(finding, "en"), "Both receive"));
    json_decref(j);
    vt_live_free(live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_of_things),
        cmocka_unit_test(test_losses_and_caps),
        cmocka_unit_test(test_hidden),
        cmocka_unit_test(s19_findings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Explanations: for everything there is one, in both languages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <vitro/lens.h>
#include "lens/topics.h"

static bool has_chinese(const char *text)
{
    for (const uint8_t *b = (const uint8_t *)text; *b != 0; b++) {
        if (*b >= 0xe4 && *b <= 0xe9)
            return true;
    }
    return false;
}

static void expect(const struct vt_event *ev, const char *key)
{
    assert_string_equal(vt_lens_explain_key(ev), key);
    assert_true(strlen(vt_lens_explain(VT_LANG_EN, ev)) > 10);
    assert_false(has_chinese(vt_lens_explain(VT_LANG_EN, ev)));
    assert_true(has_chinese(vt_lens_explain(VT_LANG_ZH, ev)));
}

/* A reason that somebody adds to <vitro/event.h> needs a line in explain_drop.c. */
static void test_every_drop(void **state)
{
    (void)state;
    for (unsigned reason = 1; reason < VT_DROP_COUNT; reason++) {
        struct vt_event ev = {.kind = VT_EV_DROP};
        ev.u.drop.reason = reason;
        if (!has_chinese(vt_lens_drop_text(VT_LANG_ZH, reason)))
            fail_msg("no Chinese text for the drop \"%s\"", vt_drop_word(reason));
        assert_string_equal(vt_lens_explain(VT_LANG_EN, &ev), vt_drop_text(reason));
        assert_memory_equal(vt_lens_explain_key(&ev), "drop-", 5);
    }
    assert_string_equal(vt_lens_drop_text(VT_LANG_ZH, VT_DROP_COUNT), "?");
}

static void test_every_state_and_timer(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VT_TCP_STATE_COUNT; i++) {
        struct vt_event ev = {.kind = VT_EV_TCP_STATE};
        ev.u.state.to = (uint8_t)i;
        expect(&ev, vt_lens_explain_key(&ev));
        assert_int_not_equal(vt_lens_explain_key(&ev)[0], 0);
    }
    for (unsigned i = 0; i < VT_TCP_TIMER_COUNT; i++) {
        struct vt_event ev = {.kind = VT_EV_TCP_TIMER};
        ev.u.timer.timer = i;
        assert_memory_equal(vt_lens_explain_key(&ev), "timer-", 6);
        expect(&ev, vt_lens_explain_key(&ev));
    }
}

static void test_segments(void **state)
{
    static const struct {
        unsigned flags, why, state, len, wnd;
        const char *key;
    } cases[] = {
        {VT_SYN, VT_SEG_NEW, VT_TCP_SYN_SENT, 0, 1, "syn"},
        {VT_SYN | VT_ACK, VT_SEG_NEW, VT_TCP_SYN_RCVD, 0, 1, "syn-ack"},
        {VT_FIN | VT_ACK, VT_SEG_NEW, VT_TCP_FIN_WAIT1, 0, 1, "fin-first"},
        {VT_FIN | VT_ACK, VT_SEG_NEW, VT_TCP_LAST_ACK, 0, 1, "fin-second"},
        {VT_ACK, VT_SEG_ACK, VT_TCP_CLOSE_WAIT, 0, 1, "ack-of-fin"},
        {VT_ACK, VT_SEG_ACK, VT_TCP_TIME_WAIT, 0, 1, "last-ack-sent"},
        {VT_RST | VT_ACK, VT_SEG_RESET, VT_TCP_CLOSED, 0, 0, "rst"},
        {VT_SYN, VT_SEG_RTO, VT_TCP_SYN_SENT, 0, 1, "retransmission"},
        {VT_ACK, VT_SEG_FAST, VT_TCP_ESTABLISHED, 9, 1, "fast-retransmission"},
        {VT_ACK, VT_SEG_PROBE, VT_TCP_ESTABLISHED, 1, 1, "window-probe"},
        {VT_ACK, VT_SEG_KEEPALIVE, VT_TCP_ESTABLISHED, 0, 1, "keepalive"},
        {VT_ACK, VT_SEG_CHALLENGE, VT_TCP_ESTABLISHED, 0, 1, "challenge-ack"},
        {VT_ACK, VT_SEG_DUP_ACK, VT_TCP_ESTABLISHED, 0, 1, "duplicate-ack"},
        {VT_ACK, VT_SEG_WINDOW, VT_TCP_ESTABLISHED, 0, 1, "window-update"},
        {VT_ACK, VT_SEG_ACK, VT_TCP_ESTABLISHED, 0, 0, "zero-window"},
        {VT_ACK, VT_SEG_DELAYED_ACK, VT_TCP_ESTABLISHED, 0, 1, "delayed-ack"},
        {VT_ACK | VT_PSH, VT_SEG_NEW, VT_TCP_ESTABLISHED, 3, 1, "data"},
        {VT_ACK, VT_SEG_ACK, VT_TCP_ESTABLISHED, 0, 1, "ack"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vt_event ev = {.kind = VT_EV_TCP_TX};
        ev.u.seg.flags = (uint16_t)cases[i].flags;
        ev.u.seg.why = (uint8_t)cases[i].why;
        ev.u.seg.state = (uint8_t)cases[i].state;
        ev.u.seg.len = cases[i].len;
        ev.u.seg.wnd = cases[i].wnd;
        expect(&ev, cases[i].key);
    }
}

/* What the notes ask (S14 to S17, S19) has its answer. */
static void test_questions(void **state)
{
    static const char *const keys[] = {"why-three",          "why-four",        "why-time-wait",
                                       "why-not-two",        "keepalive",       "zero-window",
                                       "standstill-receive", "standstill-send", "stream"};
    (void)state;
    for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_non_null(vt_lens_explain_topic(VT_LANG_EN, keys[i]));
        assert_true(has_chinese(vt_lens_explain_topic(VT_LANG_ZH, keys[i])));
    }
    assert_null(vt_lens_explain_topic(VT_LANG_EN, "no-such-thing"));
}

/* Every topic has its own word and both texts. */
static void test_table(void **state)
{
    static const char *const words[] = {
#define X(key, word, en, zh) word,
        VT_TOPIC_LIST(X)
#undef X
    };
    (void)state;
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(words[i], words[k]);
        assert_true(has_chinese(vt_lens_explain_topic(VT_LANG_ZH, words[i])));
        assert_false(has_chinese(vt_lens_explain_topic(VT_LANG_EN, words[i])));
    }
}

/* Numbers out of range explain nothing, and read nothing beyond the tables. */
static void test_out_of_range(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < VT_EV_COUNT + 3; kind++) {
        struct vt_event ev = {.kind = (uint16_t)kind};
        memset(ev.u.raw, 0xff, sizeof ev.u.raw);
        assert_non_null(vt_lens_explain(VT_LANG_ZH, &ev));
        assert_non_null(vt_lens_explain_key(&ev));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_drop), cmocka_unit_test(test_every_state_and_timer),
        cmocka_unit_test(test_segments),   cmocka_unit_test(test_questions),
        cmocka_unit_test(test_table),      cmocka_unit_test(test_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

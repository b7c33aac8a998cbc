/* The words of events, drops, states and errors: each there, each different where it must be, "?" beyond. */
#include "testing.h"

#include <errno.h>

#include <vitro/event.h>

static void every_number_has_a_word_of_its_own(const char *(*word)(unsigned), unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        assert_string_not_equal(word(i), "?");
        for (unsigned k = from; k < i; k++)
            assert_string_not_equal(word(i), word(k));
    }
    assert_string_equal(word(to), "?");
    assert_string_equal(word(UINT32_MAX), "?");
}

static void words(void **state)
{
    (void)state;
    every_number_has_a_word_of_its_own(vt_event_word, 1, VT_EV_COUNT);
    every_number_has_a_word_of_its_own(vt_drop_word, 1, VT_DROP_COUNT);
    every_number_has_a_word_of_its_own(vt_tcp_state_name, 0, VT_TCP_STATE_COUNT);
    every_number_has_a_word_of_its_own(vt_tcp_state_ss, 0, VT_TCP_STATE_COUNT);
    every_number_has_a_word_of_its_own(vt_tcp_timer_word, 0, VT_TCP_TIMER_COUNT);
    every_number_has_a_word_of_its_own(vt_seg_why_word, 0, VT_SEG_WHY_COUNT);
    every_number_has_a_word_of_its_own(vt_call_word, 0, VT_CALL_COUNT);
    every_number_has_a_word_of_its_own(vt_neigh_state_word, 0, VT_NEIGH_STATE_COUNT);
    every_number_has_a_word_of_its_own(vt_doc_text, 0, VT_DOC_COUNT);
    for (unsigned i = 1; i < VT_DROP_COUNT; i++)
        assert_string_not_equal(vt_drop_text(i), "?");
    assert_string_equal(vt_drop_text(VT_DROP_COUNT), "?");
    assert_string_equal(vt_event_word(VT_EV_NONE), "?");
    assert_string_equal(vt_drop_word(VT_DROP_NONE), "?");
    assert_string_equal(vt_doc_text(VT_DOC_NONE), "");
    assert_string_equal(vt_doc_text(VT_DOC_RFC9293_3_10_7_4), "RFC 9293 3.10.7.4");
    assert_string_equal(vt_tcp_state_name(VT_TCP_SYN_RCVD), "SYN-RCVD");
    assert_string_equal(vt_tcp_state_ss(VT_TCP_SYN_RCVD), "SYN-RECV");
}

static void drops_have_floors(void **state)
{
    (void)state;
    assert_int_equal(vt_drop_layer(VT_DROP_FCS), VT_L_PHYSICAL);
    assert_int_equal(vt_drop_layer(VT_DROP_ETH_RUNT), VT_L_LINK);
    assert_int_equal(vt_drop_layer(VT_DROP_IP_TTL), VT_L_NETWORK);
    assert_int_equal(vt_drop_layer(VT_DROP_TCP_TIME_WAIT), VT_L_TRANSPORT);
    assert_int_equal(vt_drop_layer(VT_DROP_COUNT), VT_L_HOST);
}

/* Our numbers and texts are those of Linux. */
static void errors_are_those_of_linux(void **state)
{
    (void)state;
    static const int numbers[] = {
#define X(name, number, text) number,
        VT_ERRNO_LIST(X)
#undef X
    };
    static const int system[] = {
#define X(name, number, text) name,
        VT_ERRNO_LIST(X)
#undef X
    };
    static const char *const names[] = {
#define X(name, number, text) #name,
        VT_ERRNO_LIST(X)
#undef X
    };
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_int_equal(numbers[i], system[i]);
        assert_string_equal(vt_strerror(numbers[i]), strerror(system[i]));
        assert_string_equal(vt_strerror(-numbers[i]), strerror(system[i]));
        assert_string_equal(vt_errno_name(-numbers[i]), names[i]);
    }
    assert_string_equal(vt_strerror(9999), "Unknown error");
    assert_string_equal(vt_strerror(INT32_MIN), "Unknown error");
    assert_string_equal(vt_errno_name(-9999), "E?");
    assert_string_equal(vt_strerror(0), "Success");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(drops_have_floors),
        cmocka_unit_test(errors_are_those_of_linux),
    };
    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}

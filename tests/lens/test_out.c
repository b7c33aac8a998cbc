/* Text: widths, addresses, times, excerpts, JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "lens/out.h"

static void expect(struct vt_out *o, const char *text)
{
    assert_string_equal(vt_out_string(o), text);
    vt_out_clear(o);
}

static void test_widths(void **state)
{
    (void)state;
    assert_int_equal(vt_text_width("abc"), 3);
    assert_int_equal(vt_text_width("你好"), 4);
    assert_int_equal(vt_text_width("│─▶◀✗┊⋮⋯◦↳…▷◁┼"), 14);
    assert_int_equal(vt_text_width("e\xcc\x81"), 1);        /* a combining accent */
    assert_int_equal(vt_text_width("\xf0\x9f\x98\x80"), 2); /* a face */
    assert_int_equal(vt_text_width("ｱ"), 1);                /* half-width */
    assert_int_equal(vt_text_width("Ａ"), 2);               /* full-width */
    assert_int_equal(vt_text_fit("你好", 3), 3);
    assert_int_equal(vt_text_fit("abc", 9), 3);
}

/* RFC 3629 3: what is no UTF-8 is one byte, and U+FFFD. */
static void test_utf8_strict(void **state)
{
    static const char *const bad[] = {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xff",     "\x80",         "\xe4\xbd"};
    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint32_t c;
        assert_int_equal(vt_utf8_next(bad[i], strlen(bad[i]), &c), 1);
        assert_int_equal(c, 0xfffd);
    }
}

static void test_addresses(void **state)
{
    static const struct {
        uint8_t ip[16];
        const char *text;
    } six[] = {
        {{0}, "::"},
        {{[15] = 1}, "::1"},
        {{0x20, 1, 0x0d, 0xb8, [15] = 1}, "2001:db8::1"},
        {{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, "2001:db8:0:1:1:1:1:1"},
        {{0x20, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}, "2001:0:0:1::1"},
        {{0xfe, 0x80}, "fe80::"},
    };
    struct vt_out o = {0};
    (void)state;
    for (unsigned i = 0; i < sizeof six / sizeof six[0]; i++) { /* RFC 5952 */
        vt_out_ip(&o, six[i].ip);
        expect(&o, six[i].text);
    }
    vt_out_addr(&o, VT_IP4(10, 0, 0, 1).b, 80);
    expect(&o, "10.0.0.1:80");
    vt_out_addr(&o, six[1].ip, 80);
    expect(&o, "[::1]:80");
    vt_out_free(&o);
}

static void test_times(void **state)
{
    struct vt_out o = {0};
    (void)state;
    vt_out_seconds(&o, 12000000, 10);
    expect(&o, "0.012000");
    vt_out_seconds(&o, UINT64_C(7200000040000), 10);
    expect(&o, "7200.00004");
    vt_out_seconds(&o, VT_NEVER, 10);
    expect(&o, "18446744073");
    vt_out_span(&o, UINT64_C(60000000000));
    expect(&o, "60 s");
    vt_out_span(&o, UINT64_C(7200000000000));
    expect(&o, "2 h");
    vt_out_span(&o, 1500000);
    expect(&o, "1.5 ms");
    vt_out_span(&o, 999);
    expect(&o, "999 ns");
    vt_out_free(&o);
}

static void test_excerpts(void **state)
{
    struct vt_out o = {0};
    (void)state;
    vt_out_excerpt(&o, (const uint8_t *)"a\"\\\r\n\0é", 8, false, 40, false);
    expect(&o, "\"a\\\"\\\\\\r\\n\\x00é\"");
    vt_out_excerpt(&o, (const uint8_t *)"你好", 6, false, 40, true);
    expect(&o, "\"\\xe4\\xbd\\xa0\\xe5\\xa5\\xbd\"");
    vt_out_excerpt(&o, (const uint8_t *)"你好你好", 12, false, 5, false);
    expect(&o, "\"你好…\"");
    vt_out_excerpt(&o, (const uint8_t *)"ab\xe4\xbd", 4, true, 40,
                   false); /* a character cut by the excerpt's end */
    expect(&o, "\"ab…\"");
    vt_out_free(&o);
}

static void test_json_text(void **state)
{
    static const char text[] = "a\"\\\n\x01\x7f\xff\xe4\xbd\xa0";
    struct vt_out o = {0};
    struct vt_jw w = {.o = &o};
    (void)state;
    vt_jw_open(&w, NULL, '{');
    vt_jw_text(&w, "t", text);
    vt_jw_open(&w, "list", '[');
    vt_jw_number(&w, NULL, UINT64_MAX >> 1);
    vt_jw_signed(&w, NULL, -5);
    vt_jw_seconds(&w, NULL, 1500000000);
    vt_jw_bool(&w, NULL, true);
    vt_jw_null(&w, NULL);
    vt_jw_hex(&w, NULL, (const uint8_t *)"\x01\xab", 2);
    vt_jw_close(&w, '[');
    vt_jw_close(&w, '{');
    json_error_t error;
    json_t *j = json_loads(o.s, 0, &error);
    assert_non_null(j);
    assert_string_equal(json_string_value(json_object_get(j, "t")),
                        "a\"\\\n\x01\x7f\xef\xbf\xbd\xe4\xbd\xa0");
    json_t *list = json_object_get(j, "list");
    assert_int_equal(json_integer_value(json_array_get(list, 0)), INT64_MAX);
    assert_int_equal(json_integer_value(json_array_get(list, 1)), -5);
    assert_true(json_real_value(json_array_get(list, 2)) == 1.5);
    assert_true(json_is_true(json_array_get(list, 3)));
    assert_true(json_is_null(json_array_get(list, 4)));
    assert_string_equal(json_string_value(json_array_get(list, 5)), "01ab");
    json_decref(j);
    vt_out_free(&o);
}

/* Past the limit a text stays as it was, and says that it failed. */
static void test_limit(void **state)
{
    struct vt_out o = {0};
    (void)state;
    vt_out_text(&o, "as it was");
    vt_out_bytes(&o, "", (size_t)VT_OUT_LIMIT + 1);
    assert_string_equal(o.s, "as it was");
    assert_true(o.failed);
    vt_out_clear(&o);
    while (!o.failed)
        vt_out_repeat(&o, "0123456789abcdef0123456789abcdef", 4096);
    assert_true(o.len < VT_OUT_LIMIT);
    vt_out_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_widths), cmocka_unit_test(test_utf8_strict), cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_times),  cmocka_unit_test(test_excerpts),    cmocka_unit_test(test_json_text),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

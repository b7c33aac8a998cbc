/* The small text helpers of the programs: formatting, UTF-8, numbers, options, endpoints, dates. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>
#include "application/args.h"
#include "application/format.h"
#include "application/http_date.h"
#include "fake.h"

/* Equal to what the C library's printf makes of it. */
#define CHECK(...)                                              \
    do {                                                        \
        char ours[128], libc[128];                              \
        size_t len = vt_format(ours, sizeof ours, __VA_ARGS__); \
        int want = snprintf(libc, sizeof libc, __VA_ARGS__);    \
        assert_string_equal(ours, libc);                        \
        assert_int_equal(len, want);                            \
    } while (0)

static void test_format_as_printf(void **state)
{
    (void)state;
    CHECK("plain");
    CHECK("%d %d %d", 0, -1, 2147483647);
    CHECK("%d", -2147483647 - 1);
    CHECK("[%5d] [%-5d] [%05d] [%05d]", 42, 42, 42, -42);
    CHECK("%u %x %X %08x", 4294967295u, 0xbeefu, 0xbeefu, 0xbeefu);
    CHECK("%ld %lu %lld %llu", -5L, 5UL, INT64_MIN + 0LL, UINT64_MAX + 0ULL);
    CHECK("%zu", (size_t)123456789);
    CHECK("%s|%10s|%-10s|%.2s|%.*s", "abc", "abc", "abc", "abc", 1, "abc");
    CHECK("%c%c%%", 'x', 'y');
    CHECK("%*d|%-*d|", 6, 1, 6, 2);
    CHECK("%016llx", 0x123456789abcdefULL);
}

static void test_format_is_bounded(void **state)
{
    char buf[8];
    struct vt_text t;
    (void)state;
    memset(buf, 'x', sizeof buf);
    assert_int_equal(vt_format(buf, 5, "%s", "abcdefgh"), 4);
    assert_string_equal(buf, "abcd");
    assert_int_equal(buf[5], 'x');
    vt_text_init(&t, buf, sizeof buf);
    vt_text_add(&t, "%s", "1234567");
    assert_false(t.cut);
    vt_text_add(&t, "8");
    assert_true(t.cut);
    assert_string_equal(buf, "1234567");
    vt_text_init(&t, buf, 1);
    vt_text_add(&t, "%d", 5);
    assert_true(t.cut);
    assert_string_equal(buf, "");
}

static void test_utf8(void **state)
{
    static const struct {
        const char *bytes;
        int length;
    } cases[] = {
        {"a", 1},
        {"\xc3\xa9", 2},
        {"\xe4\xbd\xa0", 3},
        {"\xf0\x9f\x98\x80", 4},
        {"\xc3", -1},
        {"\xe4\xbd", -1},
        {"\xf0\x9f\x98", -1},
        {"\x80", 0},             /* a continuation alone */
        {"\xc0\xaf", 0},         /* overlong '/' */
        {"\xe0\x80\xaf", 0},     /* overlong */
        {"\xf0\x80\x80\xaf", 0}, /* overlong */
        {"\xed\xa0\x80", 0},     /* a surrogate */
        {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
        {"\xf5\x80\x80\x80", 0},
        {"\xc3\x28", 0},
        {"\xff", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(vt_utf8_length(cases[i].bytes, strlen(cases[i].bytes)), cases[i].length);
}

static void test_visible_text_cannot_steer_a_terminal(void **state)
{
    char buf[128];
    struct vt_text t;
    (void)state;
    vt_text_init(&t, buf, sizeof buf);
    vt_text_visible(&t, "a\x1b[2J\t\n\x7f\xc2\x9b\xe4\xbd\xa0\xff\0z", 16);
    assert_string_equal(buf, "a\\x1b[2J\t\n\\x7f\\xc2\\x9b\xe4\xbd\xa0\\xff\\x00z");
}

static void test_numbers(void **state)
{
    uint64_t v = 0;
    vt_span span = 0;
    (void)state;
    assert_int_equal(vt_parse_u64("18446744073709551615", 20, UINT64_MAX, &v), 0);
    assert_true(v == UINT64_MAX);
    assert_int_equal(vt_parse_u64("18446744073709551616", 20, UINT64_MAX, &v), -VT_EINVAL);
    assert_int_equal(vt_parse_u64("99999999999999999999", 20, UINT64_MAX, &v), -VT_EINVAL);
    assert_int_equal(vt_parse_u64("", 0, 9, &v), -VT_EINVAL);
    assert_int_equal(vt_parse_u64("+1", 2, 9, &v), -VT_EINVAL);
    assert_int_equal(vt_parse_u64(" 1", 2, 9, &v), -VT_EINVAL);
    assert_int_equal(vt_parse_u64("10", 2, 9, &v), -VT_EINVAL);
    assert_int_equal(vt_span_parse("1.5", &span), 0);
    assert_true(span == VT_SEC + 500 * VT_MSEC);
    assert_int_equal(vt_span_parse(".25", &span), 0);
    assert_true(span == 250 * VT_MSEC);
    assert_int_equal(vt_span_parse("0.0000000019", &span), 0);
    assert_true(span == 1);
    assert_int_equal(vt_span_parse("3", &span), 0);
    assert_true(span == 3 * VT_SEC);
    assert_int_equal(vt_span_parse("", &span), -VT_EINVAL);
    assert_int_equal(vt_span_parse(".", &span), -VT_EINVAL);
    assert_int_equal(vt_span_parse("-1", &span), -VT_EINVAL);
    assert_int_equal(vt_span_parse("1e3", &span), -VT_EINVAL);
    assert_int_equal(vt_span_parse("99999999999", &span), -VT_EINVAL);
}

static void test_endpoints(void **state)
{
    static const struct {
        const char *text, *host_default;
        uint16_t port_default;
        const char *host; /* NULL: refused */
        uint16_t port;
    } cases[] = {
        {"127.0.0.2:9528", NULL, 0, "127.0.0.2", 9528},
        {"b:80", NULL, 0, "b", 80},
        {"b", NULL, 80, "b", 80},
        {"b", NULL, 0, NULL, 0},
        {"9528", "0.0.0.0", 0, "0.0.0.0", 9528},
        {":9528", "0.0.0.0", 0, "0.0.0.0", 9528},
        {":9528", NULL, 0, NULL, 0},
        {"b:65536", NULL, 0, NULL, 0},
        {"b:", NULL, 80, NULL, 0},
        {"b:x", NULL, 80, NULL, 0},
        {"[::1]:80", NULL, 0, "::1", 80},
        {"[::1", NULL, 80, NULL, 0},
        {"[]:80", NULL, 0, NULL, 0},
        {"", NULL, 80, NULL, 0},
    };
    char name[300];
    struct vt_endpoint e;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int err = vt_endpoint_parse(&e, cases[i].text, cases[i].host_default, cases[i].port_default);
        assert_int_equal(err, cases[i].host == NULL ? -VT_EINVAL : 0);
        if (err < 0)
            continue;
        assert_string_equal(e.host, cases[i].host);
        assert_int_equal(e.port, cases[i].port);
    }
    memset(name, 'a', sizeof name);
    memcpy(name + 256, ":80", 4);
    assert_int_equal(vt_endpoint_parse(&e, name, NULL, 0), -VT_EINVAL);
    memcpy(name + 255, ":80", 4);
    assert_int_equal(vt_endpoint_parse(&e, name, NULL, 0), 0);
}

/* What the command line says of itself: exit codes and messages. */
static void check_command(const char *command, int status, const char *err)
{
    static struct fake_process f;
    struct fake_net net;
    fake_net_init(&net, 1);
    memset(&f, 0, sizeof f);
    fake_start(&f, &net, command);
    assert_true(f.p.done);
    assert_int_equal(f.p.status, status);
    if (strstr(f.err, err) == NULL)
        fail_msg("%s: %s", command, f.err);
    fake_end(&f);
    fake_net_check(&net);
    fake_net_fini(&net);
}

static void test_mistakes_in_arguments(void **state)
{
    (void)state;
    check_command("echo", 2, "echo: want 'server' or 'client'");
    check_command("echo --help", 0, "");
    check_command("echo server --help", 0, "");
    check_command("http get -h", 0, "");
    check_command("echo server", 2, "where shall the server listen?");
    check_command("echo server --nonsense 80", 2, "unknown option: --nonsense");
    check_command("echo server -x 80", 2, "unknown option: -x");
    check_command("echo server --backlog", 2, "an option wants a value: --backlog");
    check_command("echo server --backlog many 80", 2, "bad value for --backlog: many");
    check_command("echo server --backlog 0 80", 2, "bad value for --backlog: 0");
    check_command("echo server --once=1 80", 2, "this option takes no value");
    check_command("echo server 80 81", 2, "unexpected argument: 81");
    check_command("echo client b", 2, "want the server's HOST:PORT: b");
    check_command("echo client nowhere:80", 1, "nowhere:80: No such file or directory");
    check_command("http get", 2, "want a URL");
    check_command("http get https://b/", 1, "there is no TLS here");
    check_command("http get http://", 3, "not a URL");
    check_command("http get http://u@b/", 3, "not a URL");
    check_command("http get http://nowhere/", 6, "unknown host");
    check_command("http get http://10.0.0.99/", 7, "Network is unreachable");
    check_command("http get -H nonsense b", 2, "a header is");
    check_command("http frobnicate", 2, "want 'serve' or 'get'");
    check_command("ping", 2, "want a HOST");
    check_command("ping nowhere", 2, "Name or service not known");
    check_command("ping -c 0 b", 2, "bad value for --count: 0");
    check_command("ping -s 65508 b", 2, "bad value for --size: 65508");
    check_command("bulk send b:1", 2, "want --bytes");
    check_command("bulk sink", 2, "want [HOST:]PORT");
}

static void test_http_dates(void **state)
{
    static const struct {
        const char *text;
        uint64_t time;
    } good[] = {
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Tue, 29 Feb 2000 23:59:59 GMT", 951868799},
        {"Wed, 29 Feb 2012 12:00:00 GMT", 1330516800},
        {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
        {"Sun Nov 16 08:49:37 1994", 784975777},
    };
    static const char *const bad[] = {
        "",
        "Sun",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "1994-11-06T08:49:37Z",
    };
    char buf[VT_HTTP_DATE];
    uint64_t t;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(vt_http_date_parse(good[i].text, &t), 0);
        assert_true(t == good[i].time);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (vt_http_date_parse(bad[i], &t) == 0)
            fail_msg("taken: %s", bad[i]);
    assert_string_equal(vt_http_date(buf, 784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
    /* Every day of four centuries, there and back. */
    for (uint64_t day = 0; day < 146097; day++) {
        uint64_t back = 1;
        assert_int_equal(vt_http_date_parse(vt_http_date(buf, day * 86400 + 3661), &back), 0);
        assert_true(back == day * 86400 + 3661);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format_as_printf),
        cmocka_unit_test(test_format_is_bounded),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_visible_text_cannot_steer_a_terminal),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_endpoints),
        cmocka_unit_test(test_mistakes_in_arguments),
        cmocka_unit_test(test_http_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

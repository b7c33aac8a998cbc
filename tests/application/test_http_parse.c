/* The HTTP parsers: heads, bodies, paths. Rows of the failure catalogue: V78, V79, V81, V82. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include <vitro/errno.h>
#include "application/http_body.h"
#include "application/http_parse.h"
#include "base/random.h"

#define HOST "Host: b\r\n"

static struct vt_http_parser parser;

/* Feeds a whole text; returns the status of a refusal, or 0. `used` may be NULL. */
static unsigned parse(const char *text, bool response, size_t *used)
{
    size_t n;
    vt_http_parser_start(&parser, response);
    n = vt_http_parse(&parser, text, strlen(text));
    if (used != NULL)
        *used = n;
    if (parser.state == VT_HTTP_MORE)
        return 1;
    return parser.state == VT_HTTP_DONE ? 0 : parser.status;
}

static unsigned request(const char *text)
{
    return parse(text, false, NULL);
}

static unsigned response(const char *text)
{
    return parse(text, true, NULL);
}

#define REFUSED(text, want)                                      \
    do {                                                         \
        unsigned got_ = request(text);                           \
        if (got_ != (want))                                      \
            fail_msg("%s: %u instead of %u", #text, got_, want); \
    } while (0)

/* ---- Requests ---- */

static void test_request_line(void **state)
{
    size_t used;
    (void)state;
    assert_int_equal(parse("GET /a?b=c HTTP/1.1\r\n" HOST "\r\nrest", false, &used), 0);
    assert_int_equal(used, strlen("GET /a?b=c HTTP/1.1\r\n" HOST "\r\n"));
    assert_int_equal(parser.u.request.method, VT_HTTP_GET);
    assert_string_equal(parser.u.request.target, "/a?b=c");
    assert_int_equal(parser.framing.minor, 1);
    assert_int_equal(request("HEAD / HTTP/1.0\r\n\r\n"), 0);
    assert_int_equal(parser.u.request.method, VT_HTTP_HEAD_METHOD);
    assert_int_equal(parser.framing.minor, 0);
    assert_int_equal(request("\r\nGET / HTTP/1.1\r\n" HOST "\r\n"), 0); /* one empty line before it */
    assert_int_equal(request("GET / HTTP/1.9\r\n" HOST "\r\n"), 0);
    assert_int_equal(request("POST / HTTP/1.1\r\n" HOST "\r\n"), 0);
    assert_int_equal(parser.u.request.method, VT_HTTP_KNOWN);
    assert_int_equal(request("BREW / HTTP/1.1\r\n" HOST "\r\n"), 0);
    assert_int_equal(parser.u.request.method, VT_HTTP_OTHER);
    assert_int_equal(request("get / HTTP/1.1\r\n" HOST "\r\n"), 0); /* methods are case-sensitive */
    assert_int_equal(parser.u.request.method, VT_HTTP_OTHER);
    assert_int_equal(request("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), 0);
    assert_string_equal(parser.u.request.target, "*");
    assert_int_equal(request("GET http://www.lab/x?y HTTP/1.1\r\n" HOST "\r\n"), 0);
    assert_string_equal(parser.u.request.target, "/x?y");
    assert_int_equal(request("GET HTTP://www.lab:80 HTTP/1.1\r\n" HOST "\r\n"), 0);
    assert_string_equal(parser.u.request.target, "/");
    assert_int_equal(request("GET http://www.lab?q HTTP/1.1\r\n" HOST "\r\n"), 0);
    assert_string_equal(parser.u.request.target, "/?q");
    assert_int_equal(request("GET / HTTP/1.1\r\n"), 1);
}

static void test_bad_request_lines(void **state)
{
    (void)state;
    REFUSED("GET /\r\n\r\n", 400); /* HTTP/0.9 */
    REFUSED("GET  / HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET /  HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED(" GET / HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET / HTTP/1.1 \r\n" HOST "\r\n", 400);
    REFUSED("GET\t/\tHTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET x HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET * HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET http:///x HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET http://u@b/x HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET /\x01 HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET /#f HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("G(T / HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET / http/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET / HTTP/1.1x\r\n" HOST "\r\n", 400);
    REFUSED("GET / HTTP/11\r\n" HOST "\r\n", 400);
    REFUSED("GET / HTTP/2.0\r\n" HOST "\r\n", 505);
    REFUSED("GET / HTTP/0.9\r\n" HOST "\r\n", 505);
    REFUSED("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n\r\n", 400); /* no Host */
    REFUSED("GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400);
    REFUSED("\x16\x03\x01\x02\x00\x01\xfc\x03\x03", 400); /* TLS */
}

static void test_connection_and_expect(void **state)
{
    (void)state;
    request("GET / HTTP/1.1\r\n" HOST "Connection: foo , Close\r\n\r\n");
    assert_true(parser.framing.close);
    request("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    assert_true(parser.framing.keep_alive && !parser.framing.close);
    request("GET / HTTP/1.1\r\n" HOST "Connection: closed\r\n\r\n");
    assert_false(parser.framing.close);
    request("GET / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\n\r\n");
    assert_true(parser.u.request.expect_continue);
    request("GET / HTTP/1.1\r\n" HOST "Expect: 200-ok\r\n\r\n");
    assert_true(parser.u.request.expect_other);
}

static void test_ranges(void **state)
{
    static const struct {
        const char *value;
        enum vt_http_range range;
        uint64_t first, last;
    } cases[] = {
        {"bytes=0-99", VT_HTTP_RANGE_SPAN, 0, 99},
        {"BYTES=5-5", VT_HTTP_RANGE_SPAN, 5, 5},
        {"bytes=100-", VT_HTTP_RANGE_FROM, 100, 0},
        {"bytes=-7", VT_HTTP_RANGE_SUFFIX, 0, 7},
        {"bytes=9-1", VT_HTTP_RANGE_NONE, 0, 0},
        {"bytes=0-1,3-4", VT_HTTP_RANGE_NONE, 0, 0},
        {"bytes=", VT_HTTP_RANGE_NONE, 0, 0},
        {"bytes=-", VT_HTTP_RANGE_NONE, 0, 0},
        {"bytes=a-b", VT_HTTP_RANGE_NONE, 0, 0},
        {"bytes=0-18446744073709551616", VT_HTTP_RANGE_NONE, 0, 0},
        {"lines=0-1", VT_HTTP_RANGE_NONE, 0, 0},
        {"0-1", VT_HTTP_RANGE_NONE, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        vt_format(text, sizeof text, "GET / HTTP/1.1\r\n" HOST "Range: %s\r\n\r\n", cases[i].value);
        assert_int_equal(request(text), 0);
        assert_int_equal(parser.u.request.range, cases[i].range);
        if (cases[i].range == VT_HTTP_RANGE_SPAN || cases[i].range == VT_HTTP_RANGE_FROM)
            assert_true(parser.u.request.range_first == cases[i].first);
        if (cases[i].range == VT_HTTP_RANGE_SPAN || cases[i].range == VT_HTTP_RANGE_SUFFIX)
            assert_true(parser.u.request.range_last == cases[i].last);
    }
}

static void test_v78_framing_that_two_readers_see_differently(void **state)
{
    static const char *const te_variants[] = {
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding:",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: ,chunked",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: chun\tked",
    };
    static const char *const lengths[] = {
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: 5, 6",
        "Content-Length:",
        "Content-Length: -1",
        "Content-Length: +5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: 9223372036854775808",
        "Content-Length: 99999999999999999999999",
    };
    char text[300];
    (void)state;
    REFUSED("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400);
    REFUSED("POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 400);
    REFUSED("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501);
    for (size_t i = 0; i < sizeof te_variants / sizeof te_variants[0]; i++) {
        vt_format(text, sizeof text, "POST / HTTP/1.1\r\n" HOST "%s\r\n\r\n", te_variants[i]);
        REFUSED(text, 400);
    }
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        vt_format(text, sizeof text, "POST / HTTP/1.1\r\n" HOST "%s\r\n\r\n", lengths[i]);
        REFUSED(text, 400);
    }
    assert_int_equal(request("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n"), 0);
    assert_true(parser.framing.chunked);
    assert_int_equal(request("POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775807\r\n\r\n"), 0);
    assert_true(parser.framing.length == INT64_MAX);
    /* Of responses alike. */
    assert_int_equal(response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
                     400);
    assert_int_equal(response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"), 400);
}

static void test_v79_line_ends_and_fields(void **state)
{
    (void)state;
    REFUSED("GET / HTTP/1.1\n" HOST "\r\n", 400); /* bare LF */
    REFUSED("GET / HTTP/1.1\r\nHost: b\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "\n", 400);
    REFUSED("GET / HTTP/1.1\r" HOST "\r\n", 400); /* bare CR */
    REFUSED("GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "X: a\r\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400); /* obs-fold */
    REFUSED("GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n folded: 1\r\n" HOST "\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "X : a\r\n\r\n", 400); /* space before the colon */
    REFUSED("GET / HTTP/1.1\r\n" HOST "X\t: a\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "Content-Length : 5\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "nonsense\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "X(: a\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n", 400);
    vt_http_parser_start(&parser, false);
    vt_http_parse(&parser, "GET / HTTP/1.1\r\nX: a\0b\r\n", 24);
    assert_int_equal(parser.status, 400);
    assert_int_equal(request("GET / HTTP/1.1\r\n" HOST "X:a\r\nY: \t b c\xff \t\r\nZ:\r\n\r\n"), 0);
}

/* Runs a body through the decoder in pieces of `piece` bytes. Returns the state; `out` gets the data. */
static enum vt_http_state decode(const char *text, size_t len, size_t piece, char *out, size_t *out_len)
{
    const struct vt_http_framing f = {.minor = 1, .chunked = true};
    struct vt_http_body b;
    size_t at = 0, taken = 0;
    vt_http_body_start(&b, &f, false, false);
    *out_len = 0;
    while (at < len && b.state == VT_HTTP_MORE) {
        size_t n = len - at < piece ? len - at : piece;
        while (n > 0 && b.state == VT_HTTP_MORE) {
            const uint8_t *data;
            size_t data_len;
            taken = vt_http_body_feed(&b, text + at, n, &data, &data_len);
            assert_true(taken > 0);
            memcpy(out + *out_len, data, data_len);
            *out_len += data_len;
            at += taken;
            n -= taken;
        }
    }
    out[*out_len] = 0;
    assert_int_equal(b.taken, *out_len);
    return b.state;
}

static void test_v79_chunked_bodies(void **state)
{
    static const char good[] =
        "5\r\nhello\r\nA;x=y;z=\"q\"\r\n0123456789\r\n001 \r\n!\r\n0\r\nTrailer: x\r\n\r\n";
    static const char *const bad[] = {
        "5\nhello\r\n0\r\n\r\n", /* bare LF */
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n", /* bare CR */
        "5\r\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n", /* longer than told */
        "\r\nhello\r\n0\r\n\r\n",   /* no size */
        ";x\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5g\r\nhello\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFF\r\n", /* sizes that wrap */
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "8000000000000000\r\n",
        "7FFFFFFFFFFFFFF0000000000005\r\n",
        "5;a\x01\r\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "0\r\nno colon\r\n\r\n",
        "0\r\nX : y\r\n\r\n",
        "0\r\n folded\r\n\r\n",
        "0\r\nX: y\n\r\n",
    };
    char out[256];
    size_t len;
    (void)state;
    for (size_t piece = 1; piece <= sizeof good; piece++) {
        assert_int_equal(decode(good, sizeof good - 1, piece, out, &len), VT_HTTP_DONE);
        assert_string_equal(out, "hello0123456789!");
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        for (size_t piece = 1; piece <= 40; piece += 13)
            if (decode(bad[i], strlen(bad[i]), piece, out, &len) != VT_HTTP_BAD)
                fail_msg("taken: %s", bad[i]);
    assert_int_equal(decode("5\r\nhel", 6, 6, out, &len), VT_HTTP_MORE);
}

static void test_v79_extensions_and_trailers_are_bounded(void **state)
{
    const struct vt_http_framing f = {.minor = 1, .chunked = true};
    struct vt_http_body b;
    const uint8_t *data;
    size_t len, i;
    (void)state;
    vt_http_body_start(&b, &f, false, false);
    vt_http_body_feed(&b, "5;", 2, &data, &len);
    for (i = 0; b.state == VT_HTTP_MORE && i < 10 * VT_HTTP_TRAILER; i++)
        vt_http_body_feed(&b, "x", 1, &data, &len);
    assert_int_equal(b.state, VT_HTTP_BAD);
    vt_http_body_start(&b, &f, false, false);
    vt_http_body_feed(&b, "0\r\n", 3, &data, &len);
    for (i = 0; b.state == VT_HTTP_MORE && i < VT_HTTP_TRAILER; i++)
        while (b.state == VT_HTTP_MORE && vt_http_body_feed(&b, "X: y\r\n", 6, &data, &len) == 0)
            ;
    assert_int_equal(b.state, VT_HTTP_BAD);
    assert_true(i < VT_HTTP_TRAILER);
}

static void test_bodies_of_other_framing(void **state)
{
    struct vt_http_framing f = {.minor = 1, .has_length = true, .length = 5};
    struct vt_http_body b;
    const uint8_t *data;
    size_t len;
    (void)state;
    vt_http_body_start(&b, &f, false, false);
    assert_int_equal(vt_http_body_feed(&b, "hel", 3, &data, &len), 3);
    assert_int_equal(b.state, VT_HTTP_MORE);
    assert_int_equal(vt_http_body_feed(&b, "loGET", 5, &data, &len), 2);
    assert_int_equal(b.state, VT_HTTP_DONE);
    vt_http_body_start(&b, &f, true, true);
    assert_int_equal(b.state, VT_HTTP_DONE);
    vt_http_body_start(&b, &f, true, false);
    vt_http_body_eof(&b);
    assert_int_equal(b.state, VT_HTTP_BAD); /* cut short */
    f.has_length = false;
    f.length = 0;
    vt_http_body_start(&b, &f, false, false);
    assert_int_equal(b.state, VT_HTTP_DONE); /* a request without either has none */
    vt_http_body_start(&b, &f, true, false);
    assert_int_equal(vt_http_body_feed(&b, "all", 3, &data, &len), 3);
    assert_int_equal(len, 3);
    vt_http_body_eof(&b);
    assert_int_equal(b.state, VT_HTTP_DONE); /* a response without either ends with the connection */
}

/* ---- Bounds ---- */

static char *repeat(const char *before, char c, size_t n, const char *after)
{
    char *text = malloc(strlen(before) + n + strlen(after) + 1);
    memcpy(text, before, strlen(before));
    memset(text + strlen(before), c, n);
    memcpy(text + strlen(before) + n, after, strlen(after) + 1);
    return text;
}

static void test_v81_long_lines_and_heads(void **state)
{
    static const struct {
        const char *before;
        size_t n;
        const char *after;
        unsigned status;
    } cases[] = {
        {"GET /", VT_HTTP_LINE - 14, " HTTP/1.1\r\n" HOST "\r\n", 0},
        {"GET /", VT_HTTP_LINE - 13, " HTTP/1.1\r\n" HOST "\r\n", 414},
        {"GET /", 1000000, "", 414},
        {"", 1000000, "", 400},
        {"GET / HTTP/1.1\r\n" HOST "X: ", VT_HTTP_LINE - 3, "\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\n" HOST "X: ", VT_HTTP_LINE - 2, "\r\n\r\n", 431},
        {"GET / HTTP/1.1\r\n" HOST "X: ", 1000000, "", 431},
    };
    char *text;
    unsigned fields = 0;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text = repeat(cases[i].before, 'a', cases[i].n, cases[i].after);
        assert_int_equal(request(text), cases[i].status);
        free(text);
    }
    /* Many fields, and many bytes of few. */
    request("GET / HTTP/1.1\r\n");
    while (parser.state == VT_HTTP_MORE && fields++ < 10000)
        vt_http_parse(&parser, "X: y\r\n", 6);
    assert_int_equal(parser.status, 431);
    assert_int_equal(fields, VT_HTTP_FIELDS + 1);
    text = repeat("X: ", 'a', 8000, "\r\n");
    request("GET / HTTP/1.1\r\n");
    for (fields = 0; parser.state == VT_HTTP_MORE && fields < 100; fields++)
        vt_http_parse(&parser, text, strlen(text));
    assert_int_equal(parser.status, 431);
    assert_true(fields <= VT_HTTP_HEAD / 8000 + 1);
    free(text);
}

static void test_long_values_count_as_absent(void **state)
{
    char *text = repeat("GET / HTTP/1.1\r\n" HOST "If-None-Match: ", 'a', 300, "\r\n\r\n");
    (void)state;
    assert_int_equal(request(text), 0);
    assert_string_equal(parser.u.request.if_none_match, "");
    free(text);
    assert_int_equal(
        request("GET / HTTP/1.1\r\n" HOST "If-None-Match: \"a\"\r\nIf-None-Match: \"b\"\r\n\r\n"), 0);
    assert_string_equal(parser.u.request.if_none_match, "\"a\", \"b\"");
}

/* ---- Paths ---- */

static void test_v82_paths(void **state)
{
    static const struct {
        const char *target, *path, *query; /* path NULL: refused */
    } cases[] = {
        {"/", "/", ""},
        {"/a/b.txt?x=1?y", "/a/b.txt", "x=1?y"},
        {"/a%20b", "/a b", ""},
        {"/%e4%bd%a0", "/\xe4\xbd\xa0", ""},
        {"/a/", "/a/", ""},
        {"//a///b//", "/a/b/", ""},
        {"/...", "/...", ""},
        {"/.a/..b/c..", "/.a/..b/c..", ""},
        {"/?../..", "/", "../.."},
        {"/..", NULL, ""},
        {"/../etc/passwd", NULL, ""},
        {"/a/../../b", NULL, ""},
        {"/a/..", NULL, ""},
        {"/a/..?x", NULL, ""},
        {"/a/./b", NULL, ""},
        {"/.", NULL, ""},
        {"/%2e%2e/etc/passwd", NULL, ""},
        {"/%2E./x", NULL, ""},
        {"/.%2e/x", NULL, ""},
        {"/a%2f..%2fb", NULL, ""},
        {"/a%2fb", NULL, ""},
        {"/a%00.txt", NULL, ""},
        {"/a%0d%0aX: y", NULL, ""},
        {"/a%7f", NULL, ""},
        {"/a%5cb", NULL, ""},
        {"/a\\b", NULL, ""},
        {"/..\\..\\x", NULL, ""},
        {"/%", NULL, ""},
        {"/%4", NULL, ""},
        {"/%zz", NULL, ""},
        {"/%252e%252e/x", "/%2e%2e/x", ""}, /* decoded once */
        {"/%c0%ae%c0%ae/x", NULL, ""},      /* overlong dots */
        {"/%ff", NULL, ""},
        {"*", NULL, ""},
        {"a", NULL, ""},
        {"", NULL, ""},
    };
    char path[64];
    const char *query;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int err = vt_http_path(cases[i].target, path, sizeof path, &query);
        if ((err == 0) != (cases[i].path != NULL))
            fail_msg("%s: %s", cases[i].target, err == 0 ? path : "refused");
        if (err < 0)
            continue;
        assert_string_equal(path, cases[i].path);
        assert_string_equal(query, cases[i].query);
    }
    assert_int_equal(vt_http_path("/1234567", path, 9, &query), 0);
    assert_int_equal(vt_http_path("/12345678", path, 9, &query), -VT_EINVAL);
}

/* ---- Responses ---- */

static void test_responses(void **state)
{
    (void)state;
    assert_int_equal(response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"), 0);
    assert_int_equal(parser.u.response.status, 200);
    assert_string_equal(parser.u.response.reason, "OK");
    assert_true(parser.framing.has_length && parser.framing.length == 5 && parser.framing.close);
    assert_int_equal(response("HTTP/1.0 404 Not Found\r\n\r\n"), 0);
    assert_string_equal(parser.u.response.reason, "Not Found");
    assert_int_equal(response("HTTP/1.1 301 \r\nLocation: /x\r\n\r\n"), 0);
    assert_string_equal(parser.u.response.reason, "");
    assert_string_equal(parser.u.response.location, "/x");
    assert_int_equal(response("HTTP/1.1 200\r\n\r\n"), 0);
    assert_int_equal(response("HTTP/1.1 2000 OK\r\n\r\n"), 400);
    assert_int_equal(response("HTTP/1.1 20 OK\r\n\r\n"), 400);
    assert_int_equal(response("HTTP/1.1 099 OK\r\n\r\n"), 400);
    assert_int_equal(response("HTTP/1.1 600 OK\r\n\r\n"), 400);
    assert_int_equal(response("HTTP/2.0 200 OK\r\n\r\n"), 505);
    assert_int_equal(response("\r\nHTTP/1.1 200 OK\r\n\r\n"), 400);
    assert_int_equal(response("SSH-2.0-OpenSSH_9.2\r\n"), 400);
}

/* ---- The same in any pieces ---- */

struct seen {
    uint64_t hash;
    unsigned fields;
};

static void see(void *ctx, const char *name, size_t name_len, const char *value, size_t len)
{
    struct seen *s = ctx;
    struct vt_sipkey key = {{s->hash, s->fields++}};
    s->hash = vt_siphash(&key, name, name_len) ^ (vt_siphash(&key, value, len) << 1);
}

static void test_any_pieces_give_the_same(void **state)
{
    static const char *const texts[] = {
        "\r\nGET /a/b?c HTTP/1.1\r\nHost: www.lab\r\nRange: bytes=1-2\r\nIf-None-Match: \"x\"\r\n\r\nGET ",
        "POST / HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5\r\n",
        "GET / HTTP/1.1\r\nHost: b\r\nX: a\r\n b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: b\n\r\n",
    };
    static struct vt_http_parser whole, split;
    struct vt_rng rng;
    (void)state;
    vt_rng_seed(&rng, 1, 0);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t len = strlen(texts[i]), used;
        struct seen a = {0, 0};
        whole.field = see;
        whole.field_ctx = &a;
        vt_http_parser_start(&whole, false);
        used = vt_http_parse(&whole, texts[i], len);
        for (size_t round = 0; round < len + 200; round++) {
            struct seen b = {0, 0};
            size_t at = 0;
            split.field = see;
            split.field_ctx = &b;
            vt_http_parser_start(&split, false);
            while (at < len && split.state == VT_HTTP_MORE) {
                /* First every position for one cut, then many cuts at random. */
                size_t n = round < len ? (at == 0 ? round : len - at) : 1 + (size_t)vt_rng_below(&rng, 9);
                at += vt_http_parse(&split, texts[i] + at, n < len - at ? n : len - at);
                if (round == 0 && at == 0)
                    at += vt_http_parse(&split, texts[i], len);
            }
            assert_int_equal(at, used);
            assert_int_equal(split.state, whole.state);
            assert_int_equal(split.status, whole.status);
            assert_memory_equal(&split.framing, &whole.framing, sizeof whole.framing);
            assert_string_equal(split.u.request.target, whole.u.request.target);
            assert_true(a.hash == b.hash && a.fields == b.fields);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_line),
        cmocka_unit_test(test_bad_request_lines),
        cmocka_unit_test(test_connection_and_expect),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_v78_framing_that_two_readers_see_differently),
        cmocka_unit_test(test_v79_line_ends_and_fields),
        cmocka_unit_test(test_v79_chunked_bodies),
        cmocka_unit_test(test_v79_extensions_and_trailers_are_bounded),
        cmocka_unit_test(test_bodies_of_other_framing),
        cmocka_unit_test(test_v81_long_lines_and_heads),
        cmocka_unit_test(test_long_values_count_as_absent),
        cmocka_unit_test(test_v82_paths),
        cmocka_unit_test(test_responses),
        cmocka_unit_test(test_any_pieces_give_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

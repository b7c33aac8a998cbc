/* The HTTP server over a network in memory: what it answers, how long it waits, what it holds. */
#include <stdio.h>
#include <stdlib.h>
#include "fake.h"
#include "application/http.h"

static char big[300001];

static const struct fake_file files[] = {
    {"", NULL, 0, 0},
    {"index.html", "<p>root</p>", 784111777, 0},
    {"a.txt", "0123456789", 784111777, 0},
    {"empty.txt", "", 784111777, 0},
    {"big.bin", big, 784111777, 0},
    {"cut.bin", "0123456789", 784111777, 4},
    {"secret", NULL, 0, 0},
    {"dir/", NULL, 0, 0},
    {"dir/z<&>.html", "z", 1, 0},
    {"dir/sub/", NULL, 0, 0},
    {"dir/b c", "b", 1, 0},
    {"page/", NULL, 0, 0},
    {"page/index.html", "<p>page</p>", 1, 0},
    {NULL, NULL, 0, 0},
};

struct bed {
    struct fake_net net;
    struct fake_process server, *list[1];
    char in[1 << 20];
};

static struct bed *new_bed(const char *command, const struct vt_http_hook *hook)
{
    struct bed *b = calloc(1, sizeof *b);
    fake_net_init(&b->net, 1);
    b->list[0] = &b->server;
    b->server.p.files = &fake_files;
    b->server.p.root = (void *)(uintptr_t)files;
    b->server.p.hook = (void *)(uintptr_t)hook;
    assert_int_equal(fake_start(&b->server, &b->net, command), 0);
    return b;
}

static void free_bed(struct bed *b, bool check)
{
    fake_end(&b->server);
    if (check)
        fake_net_check(&b->net);
    fake_net_fini(&b->net);
    free(b);
}

static int setup(void **state)
{
    *state = new_bed("http serve --port 80", NULL);
    return 0;
}

static int teardown(void **state)
{
    free_bed(*state, false);
    return 0;
}

static void settle(struct bed *b)
{
    fake_settle(&b->net, b->list, 1);
}

static void pass(struct bed *b, vt_span span)
{
    fake_run(&b->net, b->list, 1, b->net.now + (vt_time)span);
}

/* Sends a request on a connection and takes what comes; NULL for a reset. */
static const char *ask_on(struct bed *b, int fd, const char *request, bool *ended)
{
    fake_send(&b->net, fd, request);
    for (size_t have = 0;;) {
        long n;
        settle(b);
        n = fake_take(&b->net, fd, b->in + have, sizeof b->in - have, ended);
        if (n < 0)
            return NULL;
        if (n == 0)
            return b->in;
        have += (size_t)n;
    }
}

static const char *ask(struct bed *b, const char *request)
{
    int fd = fake_connect(&b->net, 80);
    const char *answer = ask_on(b, fd, request, NULL);
    fake_api.close(&b->net, fd);
    settle(b);
    return answer;
}

static const char *get(struct bed *b, const char *target, const char *fields)
{
    char text[9000];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: b\r\n%s\r\n", target, fields);
    return ask(b, text);
}

static unsigned status_of(const char *answer)
{
    return answer != NULL && strncmp(answer, "HTTP/1.1 ", 9) == 0 ? (unsigned)atoi(answer + 9) : 0;
}

static const char *body_of(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    return end != NULL ? end + 4 : "";
}

#define HAS(answer, text)                               \
    do {                                                \
        if (strstr(answer, text) == NULL)               \
            fail_msg("no \"%s\" in: %s", text, answer); \
    } while (0)
#define HAS_NOT(answer, text) assert_null(strstr(answer, text))

/* ---- What is answered ---- */

static void test_files(void **state)
{
    struct bed *b = *state;
    const char *a = get(b, "/a.txt", "");
    assert_int_equal(status_of(a), 200);
    HAS(a, "Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n");
    HAS(a, "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    HAS(a, "ETag: \"2ebc98a1-a\"\r\n");
    HAS(a, "Content-Type: text/plain; charset=utf-8\r\n");
    HAS(a, "Content-Length: 10\r\n");
    HAS(a, "Accept-Ranges: bytes\r\n");
    assert_string_equal(body_of(a), "0123456789");
    a = get(b, "/empty.txt", "");
    assert_int_equal(status_of(a), 200);
    HAS(a, "Content-Length: 0\r\n");
    assert_string_equal(body_of(get(b, "/", "")), "<p>root</p>");
    assert_string_equal(body_of(get(b, "/page/", "")), "<p>page</p>");
    a = get(b, "/dir?x=1", "");
    assert_int_equal(status_of(a), 301);
    HAS(a, "Location: /dir/?x=1\r\n");
    a = get(b, "//dir", ""); /* not "Location: //dir/": that is another host */
    HAS(a, "Location: /dir/\r\n");
    assert_int_equal(status_of(get(b, "/nothing", "")), 404);
    assert_int_equal(status_of(get(b, "/a.txt/", "")), 404);
    assert_int_equal(status_of(get(b, "/secret", "")), 403);
    assert_int_equal(status_of(get(b, "/..%2fetc", "")), 400);
    assert_int_equal(status_of(get(b, "http://b/a.txt", "")), 200);
    a = get(b, "/big.bin", "");
    HAS(a, "Content-Type: application/octet-stream\r\n");
    assert_int_equal(strlen(body_of(a)), sizeof big - 1);
    assert_memory_equal(body_of(a), big, sizeof big - 1);
}

static void test_listing(void **state)
{
    struct bed *b = *state;
    const char *a = get(b, "/dir/", "");
    assert_int_equal(status_of(a), 200);
    HAS(a, "Cache-Control: no-store\r\n");
    HAS(a, "<li><a href=\"../\">../</a></li>\n<li><a href=\"./b%20c\">b c</a></li>\n"
           "<li><a href=\"./sub/\">sub/</a></li>\n"
           "<li><a href=\"./z%3C%26%3E.html\">z&lt;&amp;&gt;.html</a></li>\n</ul>");
}

static void test_head(void **state)
{
    struct bed *b = *state;
    const char *a = ask(b, "HEAD /a.txt HTTP/1.1\r\nHost: b\r\n\r\n");
    assert_int_equal(status_of(a), 200);
    HAS(a, "Content-Length: 10\r\n");
    assert_string_equal(body_of(a), "");
    a = ask(b, "HEAD /nothing HTTP/1.1\r\nHost: b\r\n\r\n");
    assert_int_equal(status_of(a), 404);
    assert_string_equal(body_of(a), "");
    a = ask(b, "HEAD /dir/ HTTP/1.1\r\nHost: b\r\n\r\n");
    HAS_NOT(a, "Content-Length: 0");
    assert_string_equal(body_of(a), "");
}

static void test_methods(void **state)
{
    struct bed *b = *state;
    const char *a = ask(b, "POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\r\nx=1");
    assert_int_equal(status_of(a), 405);
    HAS(a, "Allow: GET, HEAD\r\n");
    assert_int_equal(status_of(ask(b, "BREW / HTTP/1.1\r\nHost: b\r\n\r\n")), 501);
    assert_int_equal(status_of(ask(b, "OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n")), 405);
    assert_int_equal(status_of(ask(b, "GET / HTTP/3.0\r\nHost: b\r\n\r\n")), 505);
    assert_int_equal(status_of(ask(b, "nonsense\r\n\r\n")), 400);
}

static void test_ranges(void **state)
{
    static const struct {
        const char *range, *content, *body;
        unsigned status;
    } cases[] = {
        {"bytes=0-0", "bytes 0-0/10", "0", 206},
        {"bytes=2-4", "bytes 2-4/10", "234", 206},
        {"bytes=7-", "bytes 7-9/10", "789", 206},
        {"bytes=5-18446744073709551615", "bytes 5-9/10", "56789", 206},
        {"bytes=0-18446744073709551615", "bytes 0-9/10", "0123456789", 206},
        {"bytes=-3", "bytes 7-9/10", "789", 206},
        {"bytes=-99", "bytes 0-9/10", "0123456789", 206},
        {"bytes=10-", "bytes */10", NULL, 416},
        {"bytes=99-100", "bytes */10", NULL, 416},
        {"bytes=-0", "bytes */10", NULL, 416},
        {"bytes=0-1,4-5", NULL, "0123456789", 200},
        {"lines=0-1", NULL, "0123456789", 200},
    };
    struct bed *b = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char field[100], want[100];
        const char *a;
        snprintf(field, sizeof field, "Range: %s\r\n", cases[i].range);
        a = get(b, "/a.txt", field);
        assert_int_equal(status_of(a), cases[i].status);
        snprintf(want, sizeof want, "Content-Range: %s\r\n", cases[i].content);
        if (cases[i].content != NULL)
            HAS(a, want);
        else
            HAS_NOT(a, "Content-Range");
        if (cases[i].body != NULL)
            assert_string_equal(body_of(a), cases[i].body);
    }
    assert_int_equal(status_of(get(b, "/empty.txt", "Range: bytes=0-\r\n")), 416);
    assert_int_equal(status_of(ask(b, "HEAD /a.txt HTTP/1.1\r\nHost: b\r\nRange: bytes=1-2\r\n\r\n")), 200);
    /* If-Range: the range of what the client has, else the whole. */
    assert_int_equal(status_of(get(b, "/a.txt", "Range: bytes=1-2\r\nIf-Range: \"2ebc98a1-a\"\r\n")), 206);
    assert_int_equal(status_of(get(b, "/a.txt", "Range: bytes=1-2\r\nIf-Range: \"other\"\r\n")), 200);
    assert_int_equal(status_of(get(b, "/a.txt", "Range: bytes=1-2\r\nIf-Range: W/\"2ebc98a1-a\"\r\n")), 200);
    assert_int_equal(
        status_of(get(b, "/a.txt", "Range: bytes=1-2\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n")), 206);
    assert_int_equal(
        status_of(get(b, "/a.txt", "Range: bytes=1-2\r\nIf-Range: Sun, 06 Nov 1994 08:49:38 GMT\r\n")), 200);
}

static void test_conditions(void **state)
{
    static const struct {
        const char *fields;
        unsigned status;
    } cases[] = {
        {"If-None-Match: \"2ebc98a1-a\"\r\n", 304},
        {"If-None-Match: W/\"2ebc98a1-a\"\r\n", 304},
        {"If-None-Match: \"x\", \"2ebc98a1-a\"\r\n", 304},
        {"If-None-Match: *\r\n", 304},
        {"If-None-Match: \"x\"\r\n", 200},
        {"If-None-Match: nonsense\r\n", 200},
        {"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 304},
        {"If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 200},
        {"If-Modified-Since: yesterday\r\n", 200},
        /* If-None-Match outranks the date (RFC 9110 13.1.3) */
        {"If-None-Match: \"x\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 200},
        {"If-Match: \"2ebc98a1-a\"\r\n", 200},
        {"If-Match: W/\"2ebc98a1-a\"\r\n", 412},
        {"If-Match: \"x\"\r\n", 412},
        {"If-Match: *\r\n", 200},
        {"If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 412},
        {"If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 200},
    };
    struct bed *b = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *a = get(b, "/a.txt", cases[i].fields);
        if (status_of(a) != cases[i].status)
            fail_msg("%s: %u", cases[i].fields, status_of(a));
        if (cases[i].status == 304) {
            HAS(a, "ETag: \"2ebc98a1-a\"\r\n");
            assert_string_equal(body_of(a), "");
            HAS_NOT(a, "Content-Length");
        }
    }
}

static void test_persistence(void **state)
{
    static const struct {
        const char *request, *connection; /* NULL: no such field */
        bool ends;
    } cases[] = {
        {"GET /a.txt HTTP/1.1\r\nHost: b\r\n\r\n", NULL, false},
        {"GET /a.txt HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n", "Connection: close\r\n", true},
        {"GET /a.txt HTTP/1.0\r\n\r\n", "Connection: close\r\n", true},
        {"GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "Connection: keep-alive\r\n", false},
        {"GET /%00 HTTP/1.1\r\nHost: b\r\n\r\n", NULL, false}, /* refused, but well framed */
        {"GET / HTTP/1.1\r\nHost : b\r\n\r\n", "Connection: close\r\n", true},
        {"POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\r\nabc", NULL, false},
        {"POST / HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", NULL,
         false},
        {"POST / HTTP/1.1\r\nHost: b\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
         "Connection: close\r\n", true},
        {"GET / HTTP/1.1\r\nHost: b\r\nExpect: x\r\n\r\n", "Connection: close\r\n", true},
    };
    struct bed *b = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = fake_connect(&b->net, 80);
        bool ended;
        const char *a = ask_on(b, fd, cases[i].request, &ended);
        assert_non_null(a);
        if (cases[i].connection != NULL)
            HAS(a, cases[i].connection);
        else
            HAS_NOT(a, "Connection:");
        assert_int_equal(ended, cases[i].ends);
        if (!ended)
            HAS(ask_on(b, fd, "GET /a.txt HTTP/1.1\r\nHost: b\r\n\r\n", NULL), "\r\n\r\n0123456789");
        fake_api.close(&b->net, fd);
        settle(b);
    }
}

static void test_pipelining(void **state)
{
    static const char requests[] = "GET /a.txt HTTP/1.1\r\nHost: b\r\n\r\n"
                                   "HEAD /a.txt HTTP/1.1\r\nHost: b\r\n\r\n"
                                   "POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 4\r\n\r\nGET "
                                   "GET /nothing HTTP/1.1\r\nHost: b\r\n\r\n"
                                   "GET /page/ HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n"
                                   "GET /a.txt HTTP/1.1\r\nHost: b\r\n\r\n";
    struct bed *b = *state;
    for (unsigned round = 0; round < 3; round++) {
        int fd = fake_connect(&b->net, 80);
        bool ended;
        const char *a, *order[] = {"200 OK",  "0123456789HTTP", "200 OK",     "405 Method",
                                   "404 Not", "200 OK",         "<p>page</p>"};
        b->net.max_io = round == 0 ? SIZE_MAX : round == 1 ? 1 : 0; /* whole, byte by byte, at random */
        a = ask_on(b, fd, requests, &ended);
        for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
            HAS(a, order[i]);
            a = strstr(a, order[i]) + (i == 1 ? 10 : 1);
        }
        HAS_NOT(a, "200"); /* nothing is answered behind "close" */
        assert_true(ended);
        fake_api.close(&b->net, fd);
        settle(b);
    }
    assert_int_equal(b->net.live, sizeof(struct vt_http));
}

static void test_v78_smuggled_request_is_not_read(void **state)
{
    struct bed *b = *state;
    int fd = fake_connect(&b->net, 80);
    bool ended;
    const char *a = ask_on(
        b, fd,
        "POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: b\r\n\r\n",
        &ended);
    assert_int_equal(status_of(a), 400);
    HAS(a, "Connection: close\r\n");
    assert_true(ended);
    HAS_NOT(a, "0123456789");
    fake_api.close(&b->net, fd);
}

static void test_v79_bad_chunk_ends_the_connection(void **state)
{
    struct bed *b = *state;
    int fd = fake_connect(&b->net, 80);
    bool ended;
    const char *a = ask_on(b, fd,
                           "POST / HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "3\nabc\r\n0\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: b\r\n\r\n",
                           &ended);
    assert_int_equal(status_of(a), 400);
    assert_true(ended);
    HAS_NOT(a, "0123456789");
    fake_api.close(&b->net, fd);
}

static void test_bodies_are_bounded(void **state)
{
    static char text[200000];
    struct bed *b = *state;
    int fd;
    bool ended;
    const char *a = ask(b, "POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 65537\r\n\r\n");
    assert_int_equal(status_of(a), 413);
    /* A chunked one is as long as it turns out to be. The answer is not lost, though the client still sends.
     */
    snprintf(text, sizeof text,
             "POST / HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n8000\r\n%32768d\r\n"
             "8000\r\n%32768d\r\n8000\r\n",
             1, 2);
    fd = fake_connect(&b->net, 80);
    for (size_t at = 0; text[at] != 0; at += 10000) {
        char piece[10001];
        vt_format(piece, sizeof piece, "%s", text + at);
        fake_send(&b->net, fd, piece);
        settle(b);
    }
    a = ask_on(b, fd, "and sending", &ended);
    assert_int_equal(status_of(a), 413);
    assert_true(ended);
    fake_api.close(&b->net, fd);
}

/* ---- Time ---- */

static void test_v80_slow_head(void **state)
{
    struct bed *b = *state;
    int fd = fake_connect(&b->net, 80);
    bool ended = false;
    long n;
    settle(b);
    /* A byte a second: each alive, the head never whole. */
    fake_send(&b->net, fd, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 9; i++) {
        pass(b, VT_SEC);
        assert_int_equal(fake_take(&b->net, fd, b->in, sizeof b->in, &ended), 0);
        fake_send(&b->net, fd, "X");
    }
    pass(b, VT_SEC + VT_MSEC);
    n = fake_take(&b->net, fd, b->in, sizeof b->in, &ended);
    assert_true(n > 0);
    assert_int_equal(status_of(b->in), 408);
    assert_true(ended);
    /* Nor does it wait for ever for a client that will not go. */
    pass(b, 3 * VT_SEC);
    assert_int_equal(b->net.live, sizeof(struct vt_http));
    fake_api.close(&b->net, fd);
}

static void test_v80_silent_and_idle_connections(void **state)
{
    struct bed *b = *state;
    int silent = fake_connect(&b->net, 80), idle = fake_connect(&b->net, 80);
    bool ended;
    ask_on(b, idle, "GET /a.txt HTTP/1.1\r\nHost: b\r\n\r\n", NULL);
    pass(b, 9 * VT_SEC);
    fake_take(&b->net, silent, b->in, sizeof b->in, &ended);
    assert_false(ended);
    pass(b, 2 * VT_SEC);
    assert_int_equal(fake_take(&b->net, silent, b->in, sizeof b->in, &ended), 0); /* closed without a word */
    assert_true(ended);
    pass(b, 48 * VT_SEC);
    fake_take(&b->net, idle, b->in, sizeof b->in, &ended);
    assert_false(ended);
    pass(b, 2 * VT_SEC);
    assert_int_equal(fake_take(&b->net, idle, b->in, sizeof b->in, &ended), 0);
    assert_true(ended);
    assert_int_equal(b->net.live, sizeof(struct vt_http));
    fake_api.close(&b->net, silent);
    fake_api.close(&b->net, idle);
}

static void test_v80_slow_body(void **state)
{
    struct bed *b = *state;
    int fd = fake_connect(&b->net, 80);
    bool ended = false;
    int seconds = 0;
    fake_send(&b->net, fd, "POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 60000\r\n\r\n");
    for (; seconds < 60 && !ended; seconds++) {
        pass(b, VT_SEC);
        if (fake_take(&b->net, fd, b->in, sizeof b->in, &ended) > 0)
            break;
        fake_send(&b->net, fd, "abc");
    }
    assert_int_equal(status_of(b->in), 408);
    assert_true(seconds < 25);
    fake_api.close(&b->net, fd);
}

static void test_v80_slow_reader(void **state)
{
    struct bed *b = *state;
    int slow, steady;
    char byte[4096];
    bool ended = false;
    long taken = 0;
    int seconds;
    b->net.buffer = 4096;
    slow = fake_connect(&b->net, 80);
    steady = fake_connect(&b->net, 80);
    fake_send(&b->net, slow, "GET /big.bin HTTP/1.1\r\nHost: b\r\n\r\n");
    fake_send(&b->net, steady, "GET /big.bin HTTP/1.1\r\nHost: b\r\n\r\n");
    for (seconds = 0; seconds < 300 && !ended; seconds++) {
        pass(b, VT_SEC);
        assert_int_equal(fake_take(&b->net, slow, byte, 2, &ended), 1); /* one byte a second */
        assert_true(fake_take(&b->net, steady, byte, 1001, NULL) > 0);  /* a kilobyte a second */
        taken += 1000;
        if (b->net.sockets[slow].ended && b->net.sockets[slow].len == 0)
            break;
        if (b->net.sockets[slow].ended)
            ended = true;
    }
    assert_true(seconds >= 59 && seconds < 130); /* cut after a window or two */
    assert_false(b->net.sockets[steady].ended);  /* the other goes on */
    assert_true(taken < 300000);
    fake_api.close(&b->net, slow);
    fake_api.close(&b->net, steady);
}

/* ---- Space ---- */

static void test_v81_memory_is_flat(void **state)
{
    struct bed *b = *state;
    char *line = malloc(60001);
    int fd;
    size_t one = sizeof(struct vt_http) + sizeof(struct vt_http_conn) + sizeof(struct vt_http_work);
    memset(line, 'a', 60000);
    line[60000] = 0;
    fd = fake_connect(&b->net, 80);
    fake_send(&b->net, fd, "GET /");
    settle(b);
    assert_int_equal(status_of(ask_on(b, fd, line, NULL)), 414);
    fake_api.close(&b->net, fd);
    settle(b);
    fd = fake_connect(&b->net, 80);
    fake_send(&b->net, fd, "GET / HTTP/1.1\r\nHost: b\r\nX: ");
    assert_int_equal(status_of(ask_on(b, fd, line, NULL)), 431);
    fake_api.close(&b->net, fd);
    settle(b);
    assert_true(b->net.most <= one);
    assert_true(one < 128 * 1024);
    free(line);
}

static void test_idle_connections_hold_no_buffers(void **state)
{
    struct bed *b = *state;
    int fds[50];
    for (int i = 0; i < 50; i++)
        fds[i] = fake_connect(&b->net, 80);
    for (int i = 0; i < 50; i++)
        ask_on(b, fds[i], "GET /a.txt HTTP/1.1\r\nHost: b\r\n\r\n", NULL);
    assert_int_equal(b->net.live, sizeof(struct vt_http) + 50 * sizeof(struct vt_http_conn));
    for (int i = 0; i < 50; i++)
        fake_api.close(&b->net, fds[i]);
}

static void test_too_many_connections(void **state)
{
    struct bed *b = new_bed("http serve --max-connections 2 8080", NULL);
    int fds[60];
    char text[4096];
    unsigned refused = 0, waiting = 0;
    bool ended;
    (void)state;
    for (int i = 0; i < 60; i++)
        fds[i] = fake_connect(&b->net, 8080);
    settle(b);
    for (int i = 2; i < 60; i++) {
        if (fake_take(&b->net, fds[i], text, sizeof text, &ended) > 0) {
            assert_int_equal(status_of(text), 503);
            HAS(text, "Retry-After:");
            refused++;
        } else {
            waiting++;
        }
    }
    assert_int_equal(refused, 32);
    assert_int_equal(waiting, 26);
    HAS(ask_on(b, fds[0], "GET /a.txt HTTP/1.1\r\nHost: b\r\n\r\n", NULL), "0123456789");
    /* When those who were refused have gone, the waiting get their turn. */
    for (int i = 0; i < 60; i++)
        if (i < 34)
            fake_api.close(&b->net, fds[i]);
    settle(b);
    HAS(ask_on(b, fds[34], "GET /a.txt HTTP/1.1\r\nHost: b\r\n\r\n", NULL), "0123456789");
    for (int i = 34; i < 60; i++)
        fake_api.close(&b->net, fds[i]);
    settle(b);
    free_bed(b, true);
}

static void test_accept_errors_pass(void **state)
{
    struct bed *b = *state;
    int fd = fake_connect(&b->net, 80);
    b->net.accept_error = -VT_EMFILE;
    settle(b);
    HAS(b->server.err, "accept: Too many open files");
    pass(b, 200 * VT_MSEC);
    HAS(ask_on(b, fd, "GET /a.txt HTTP/1.1\r\nHost: b\r\n\r\n", NULL), "0123456789");
    fake_api.close(&b->net, fd);
}

static void test_file_that_shrinks(void **state)
{
    struct bed *b = *state;
    int fd = fake_connect(&b->net, 80);
    bool ended;
    ask_on(b, fd, "GET /cut.bin HTTP/1.1\r\nHost: b\r\n\r\n", &ended);
    assert_true(ended); /* the client sees fewer bytes than told, and not others' bytes */
    fake_api.close(&b->net, fd);
    settle(b);
    HAS(b->server.err, "could not be read to its end");
}

/* ---- The hook ---- */

static int page(void *ctx, const char *path, const char *query, struct vt_allocator *mem, void **body,
                size_t *len, const char **type, uint32_t *mark)
{
    char text[100];
    (void)ctx;
    if (strcmp(path, "/nomem") == 0)
        return -VT_ENOMEM;
    if (strcmp(path, "/broken") == 0)
        return -VT_EIO;
    if (strncmp(path, "/live", 5) != 0)
        return -VT_ENOENT;
    *len = (size_t)snprintf(text, sizeof text, "q=%s", query);
    *body = mem->alloc(mem->ctx, *len);
    if (*body == NULL)
        return -VT_ENOMEM;
    memcpy(*body, text, *len);
    *type = strcmp(path, "/live/evil") == 0 ? "text/plain\r\nSet-Cookie: x=1" : "text/plain";
    *mark = 7;
    return 0;
}

static const struct vt_http_asset assets[] = {
    {"/app.js", "text/javascript", "let x", 5, 7},
    {"/plain", "text/plain", "plain", 5, 0},
};
static const struct vt_http_hook hook = {page, NULL, assets, 2};

static void test_hook_pages_and_assets(void **state)
{
    struct bed *b = *state;
    const char *a = get(b, "/live?a=%20b", "Range: bytes=0-0\r\nIf-None-Match: *\r\n");
    assert_int_equal(status_of(a), 200);
    HAS(a, "Cache-Control: no-store\r\n");
    HAS_NOT(a, "Accept-Ranges");
    assert_string_equal(body_of(a), "q=a=%20b");
    assert_int_equal(status_of(get(b, "/nomem", "")), 503);
    assert_int_equal(status_of(get(b, "/broken", "")), 500);
    assert_string_equal(body_of(get(b, "/a.txt", "")), "0123456789"); /* files stand behind */
    a = get(b, "/app.js", "");
    HAS(a, "Content-Type: text/javascript\r\n");
    HAS(a, "ETag: \"");
    assert_string_equal(body_of(a), "let x");
    assert_string_equal(body_of(get(b, "/app.js", "Range: bytes=4-\r\n")), "x");
    a = ask(b, "HEAD /live HTTP/1.1\r\nHost: b\r\n\r\n");
    HAS(a, "Content-Length: 2\r\n");
    assert_string_equal(body_of(a), "");
}

static void test_marked_connections_are_not_told_of(void **state)
{
    struct bed *b = *state;
    int fd = fake_connect(&b->net, 80), theirs;
    ask_on(b, fd, "GET /plain HTTP/1.1\r\nHost: b\r\n\r\n", NULL);
    theirs = b->net.sockets[fd].peer;
    HAS(b->server.out, "\"GET /plain\" 200 5\n");
    assert_int_equal(b->net.sockets[theirs].mark, 0);
    ask_on(b, fd, "GET /live?secret HTTP/1.1\r\nHost: b\r\n\r\n", NULL);
    assert_int_equal(b->net.sockets[theirs].mark, 7);
    ask_on(b, fd, "GET /app.js HTTP/1.1\r\nHost: b\r\n\r\n", NULL);
    HAS_NOT(b->server.out, "secret");
    HAS_NOT(b->server.out, "app.js");
    fake_api.close(&b->net, fd);
}

static void test_v82_crlf_in_a_response_header(void **state)
{
    struct bed *b = *state;
    const char *a = get(b, "/live/evil", "");
    assert_int_equal(status_of(a), 500);
    HAS_NOT(a, "Set-Cookie");
    /* Nor by way of a path that comes back in Location. */
    a = get(b, "/dir%0d%0aSet-Cookie:x=1", "");
    assert_int_equal(status_of(a), 400);
    HAS_NOT(a, "Set-Cookie");
}

static void test_v82_paths_that_climb(void **state)
{
    static const char *const targets[] = {"/../x",     "/%2e%2e/x", "/a/%2E%2e/%2e%2e/x",
                                          "/a%00.txt", "/a\\..\\x", "/%5c..%5cx"};
    struct bed *b = *state;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        assert_int_equal(status_of(get(b, targets[i], "")), 400);
}

static int setup_hook(void **state)
{
    *state = new_bed("http serve --port 80", &hook);
    return 0;
}

/* ---- The end ---- */

static void test_stop_closes_everything(void **state)
{
    struct bed *b = new_bed("http serve -q 80", NULL);
    int fds[5];
    bool ended;
    (void)state;
    b->net.buffer = 100;
    for (int i = 0; i < 5; i++) {
        fds[i] = fake_connect(&b->net, 80);
        fake_send(&b->net, fds[i], "GET /big.bin HTTP/1.1\r\nHost: b\r\n\r\n");
    }
    settle(b);
    b->server.p.stop = true;
    settle(b);
    assert_true(b->server.p.done);
    assert_int_equal(b->server.p.status, 0);
    fake_end(&b->server);
    for (int i = 0; i < 5; i++) {
        fake_take(&b->net, fds[i], b->in, sizeof b->in, &ended);
        assert_true(ended);
        fake_api.close(&b->net, fds[i]);
    }
    fake_net_check(&b->net);
    fake_net_fini(&b->net);
    free(b);
}

static void test_v87_allocation_failure_at_every_n(void **state)
{
    long n, last = 1000;
    (void)state;
    for (n = 1; n <= last; n++) {
        struct bed *b = calloc(1, sizeof *b);
        int started;
        fake_net_init(&b->net, 1);
        b->list[0] = &b->server;
        b->net.fail_at = n;
        b->server.p.files = &fake_files;
        b->server.p.root = (void *)(uintptr_t)files;
        b->server.p.hook = (void *)(uintptr_t)&hook;
        started = fake_start(&b->server, &b->net, "http serve 80");
        if (started == 0) {
            static const char *const paths[] = {"/a.txt", "/dir/", "/live", "/nothing", "/app.js"};
            for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
                get(b, paths[i], "");
            b->net.fail_at = 0;
            HAS(get(b, "/a.txt", ""), "0123456789"); /* and it serves on */
        } else {
            assert_int_equal(started, 71);
        }
        if (b->net.allocations < n)
            last = n;
        free_bed(b, true);
    }
    assert_true(n > 10 && n < 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_listing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_head, setup, teardown),
        cmocka_unit_test_setup_teardown(test_methods, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_conditions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_persistence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pipelining, setup, teardown),
        cmocka_unit_test_setup_teardown(test_v78_smuggled_request_is_not_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_v79_bad_chunk_ends_the_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bodies_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_v80_slow_head, setup, teardown),
        cmocka_unit_test_setup_teardown(test_v80_silent_and_idle_connections, setup, teardown),
        cmocka_unit_test_setup_teardown(test_v80_slow_body, setup, teardown),
        cmocka_unit_test_setup_teardown(test_v80_slow_reader, setup, teardown),
        cmocka_unit_test_setup_teardown(test_v81_memory_is_flat, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idle_connections_hold_no_buffers, setup, teardown),
        cmocka_unit_test(test_too_many_connections),
        cmocka_unit_test_setup_teardown(test_accept_errors_pass, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_that_shrinks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hook_pages_and_assets, setup_hook, teardown),
        cmocka_unit_test_setup_teardown(test_marked_connections_are_not_told_of, setup_hook, teardown),
        cmocka_unit_test_setup_teardown(test_v82_crlf_in_a_response_header, setup_hook, teardown),
        cmocka_unit_test_setup_teardown(test_v82_paths_that_climb, setup_hook, teardown),
        cmocka_unit_test(test_stop_closes_everything),
        cmocka_unit_test(test_v87_allocation_failure_at_every_n),
    };
    for (size_t i = 0; i + 1 < sizeof big; i++)
        big[i] = (char)('a' + (i * 7 + i / 100) % 26);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

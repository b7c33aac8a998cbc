/* The HTTP client against a server of the test's own: every framing, every way to fail, curl's exit codes. */
#include <stdio.h>
#include <stdlib.h>
#include "application/format.h"
#include "fake.h"

struct bed {
    struct fake_net net;
    struct fake_process client, *list[1];
    int listener, fd;
    char request[16384];
};

static struct bed *new_bed(void)
{
    struct bed *b = calloc(1, sizeof *b);
    fake_net_init(&b->net, 1);
    b->list[0] = &b->client;
    b->listener = fake_listen(&b->net, 80);
    b->fd = -1;
    return b;
}

static void free_bed(struct bed *b)
{
    fake_end(&b->client);
    if (b->fd >= 0)
        fake_api.close(&b->net, b->fd);
    fake_api.close(&b->net, b->listener);
    fake_net_check(&b->net);
    fake_net_fini(&b->net);
    free(b);
}

static void settle(struct bed *b)
{
    fake_settle(&b->net, b->list, 1);
}

/* Starts the client, takes its request. */
static void begin(struct bed *b, const char *command)
{
    assert_int_equal(fake_start(&b->client, &b->net, command), 0);
    settle(b);
    b->fd = fake_api.accept(&b->net, b->listener, NULL);
    assert_true(b->fd >= 0);
    settle(b);
    assert_true(fake_take(&b->net, b->fd, b->request, sizeof b->request, NULL) > 0);
}

static void answer(struct bed *b, const char *text, bool end)
{
    fake_send(&b->net, b->fd, text);
    if (end)
        fake_api.shutdown(&b->net, b->fd, VT_SHUT_WR);
    settle(b);
}

/* One whole get: its exit code; its output stays in *out. */
static int get(const char *command, const char *text, bool end, char *out, size_t cap, char *err,
               size_t err_cap)
{
    struct bed *b = new_bed();
    int status;
    begin(b, command);
    answer(b, text, end);
    assert_true(b->client.p.done);
    status = b->client.p.status;
    vt_format(out, cap, "%s", b->client.out);
    vt_format(err, err_cap, "%s", b->client.err);
    free_bed(b);
    return status;
}

static void test_request(void **state)
{
    struct bed *b = new_bed();
    (void)state;
    begin(b, "http get -H 'X-A: 1' -H 'X-B: 2' -r 0-9 'http://b/a b/\xe4\xbd\xa0?x=1#frag'");
    assert_string_equal(b->request,
                        "GET /a%20b/%E4%BD%A0?x=1 HTTP/1.1\r\nHost: b\r\nUser-Agent: vitro\r\n"
                        "Accept: */*\r\nConnection: close\r\nRange: bytes=0-9\r\nX-A: 1\r\nX-B: 2\r\n\r\n");
    free_bed(b);
    b = new_bed();
    begin(b, "http get -I b:80");
    assert_string_equal(b->request, "HEAD / HTTP/1.1\r\nHost: b:80\r\nUser-Agent: vitro\r\nAccept: */*\r\n"
                                    "Connection: close\r\n\r\n");
    free_bed(b);
}

static void test_answers(void **state)
{
    static const struct {
        const char *command, *answer;
        bool end;
        int status;
        const char *out, *err;
    } cases[] = {
        {"http get b", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 0, "hello", ""},
        {"http get b", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, 0, "", ""},
        {"http get b",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x\r\n!\r\n0\r\n\r\n", false, 0,
         "hello!", ""},
        {"http get b", "HTTP/1.0 200 OK\r\n\r\nuntil the end", true, 0, "until the end", ""},
        {"http get b", "HTTP/1.1 204 No Content\r\n\r\n", false, 0, "", ""},
        {"http get b",
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\n"
         "Content-Length: 2\r\n\r\nok",
         false, 0, "ok", ""},
        {"http get b", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope", false, 0, "nope", ""},
        {"http get -f b", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope", false, 22, "",
         "http: 404 Not Found\n"},
        {"http get b", "HTTP/1.1 301 Moved\r\nLocation: /x\x1b[2J\r\nContent-Length: 0\r\n\r\n", false, 8, "",
         "http: b:80: control character\n"},
        {"http get b", "HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 3\r\n\r\nold", false, 0, "old",
         "http: 301 Moved; it is at /x (not followed)\n"},
        {"http get -i b", "HTTP/1.1 200 OK\r\nX:  y z \r\nContent-Length: 1\r\n\r\n!", false, 0,
         "HTTP/1.1 200 OK\r\nX:  y z\r\nContent-Length: 1\r\n\r\n!", ""},
        {"http get -I b", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", false, 0,
         "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", ""},
        {"http get b", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", true, 18, "hel",
         "http: b:80: the connection ended before the body\n"},
        {"http get b", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true, 18,
         "hello", "http: b:80: the connection ended before the body\n"},
        {"http get b", "", true, 52, "", "http: b:80: it ended the connection without an answer\n"},
        {"http get b", "HTTP/1.1 200 OK\r\nConte", true, 52, "",
         "http: b:80: it ended the connection in the answer's head\n"},
        {"http get b", "SSH-2.0-x\r\n", false, 8, "", "http: b:80: malformed status line\n"},
        {"http get b", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", false, 56, "",
         "http: b:80: malformed chunk size\n"},
        {"http get b", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", false, 8,
         "", "http: b:80: both Content-Length and Transfer-Encoding\n"},
        {"http get b", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", false, 0, "ok", ""},
    };
    char out[1024], err[1024];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int status = get(cases[i].command, cases[i].answer, cases[i].end, out, sizeof out, err, sizeof err);
        if (status != cases[i].status || strcmp(out, cases[i].out) != 0 || strcmp(err, cases[i].err) != 0)
            fail_msg("case %zu: %d\n%s\n%s", i, status, out, err);
    }
}

static void test_verbose(void **state)
{
    char out[1024], err[1024];
    (void)state;
    get("http get -v b", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, out, sizeof out, err,
        sizeof err);
    assert_string_equal(out, "ok");
    assert_string_equal(
        err, "> GET / HTTP/1.1\n> Host: b\n> User-Agent: vitro\n> Accept: */*\n> Connection: close\n"
             "> \n< HTTP/1.1 200 OK\n< Content-Length: 2\n< \n");
}

static void test_connection_fails(void **state)
{
    struct bed *b = new_bed();
    (void)state;
    assert_int_equal(fake_start(&b->client, &b->net, "http get b:81"), 0);
    settle(b);
    assert_true(b->client.p.done);
    assert_int_equal(b->client.p.status, 7);
    assert_string_equal(b->client.err, "http: b:81: Connection refused\n");
    free_bed(b);
    b = new_bed();
    begin(b, "http get b");
    b->net.sockets[b->net.sockets[b->fd].peer].reset = true;
    settle(b);
    assert_int_equal(b->client.p.status, 56);
    free_bed(b);
}

static void test_max_time(void **state)
{
    struct bed *b = new_bed();
    (void)state;
    begin(b, "http get -m 2.5 b");
    answer(b, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello", false);
    fake_run(&b->net, b->list, 1, b->net.now + (vt_time)(2 * VT_SEC));
    assert_false(b->client.p.done);
    fake_run(&b->net, b->list, 1, b->net.now + (vt_time)VT_SEC);
    assert_int_equal(b->client.p.status, 28);
    free_bed(b);
}

/* Whatever the pieces in which it comes and is taken, the output is the same; and it is read no faster than
 * it is taken. */
static void test_pieces_and_back_pressure(void **state)
{
    static char body[200001];
    char head[100];
    (void)state;
    for (size_t i = 0; i + 1 < sizeof body; i++)
        body[i] = (char)('a' + i % 23);
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", sizeof body - 1);
    for (size_t io = 0; io < 3; io++) {
        struct bed *b = new_bed();
        size_t at = 0, len = sizeof body - 1, most = 0;
        begin(b, "http get b");
        b->net.max_io = io == 0 ? SIZE_MAX : io == 1 ? 1000 : 0;
        fake_send(&b->net, b->fd, head);
        b->client.output_room = 1;
        while (!b->client.p.done) {
            size_t waiting;
            while (at < len) {
                long n = fake_api.sendto(&b->net, b->fd, body + at, len - at, 0, NULL);
                if (n <= 0)
                    break;
                at += (size_t)n;
            }
            settle(b);
            waiting = at - b->client.out_len;
            most = waiting > most ? waiting : most;
            b->client.output_room += 5000;
        }
        assert_int_equal(b->client.p.status, 0);
        assert_string_equal(b->client.out, body);
        assert_true(most <= FAKE_BUFFER + 3 * 16384 + 1000);
        free_bed(b);
    }
}

static void test_nobody_reads_the_output(void **state)
{
    struct bed *b = new_bed();
    (void)state;
    begin(b, "http get b");
    b->client.output_room = 0;
    answer(b, "HTTP/1.0 200 OK\r\n\r\nhello", true);
    assert_false(b->client.p.done); /* it waits for its output */
    b->client.p.stop = true;
    settle(b);
    assert_true(b->client.p.done);
    free_bed(b);
}

static void test_a_stuck_output_does_not_spin(void **state)
{
    struct bed *b = new_bed();
    char text[60001];
    (void)state;
    begin(b, "http get b");
    b->client.output_room = 0;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    answer(b, "HTTP/1.0 200 OK\r\n\r\n", false);
    answer(b, text, false);
    b->net.sockets[b->net.sockets[b->fd].peer].reset = true;
    settle(b); /* the harness sees to it that this ends */
    assert_false(b->client.p.done);
    b->client.output_room = SIZE_MAX;
    settle(b);
    assert_int_equal(b->client.p.status, 56);
    free_bed(b);
}

static void test_v87_allocation_failure(void **state)
{
    (void)state;
    for (long n = 1; n < 4; n++) {
        struct bed *b = new_bed();
        b->net.fail_at = n;
        if (fake_start(&b->client, &b->net, "http get b") == 0)
            settle(b);
        else
            assert_int_equal(b->client.p.status, 71);
        free_bed(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_verbose),
        cmocka_unit_test(test_connection_fails),
        cmocka_unit_test(test_max_time),
        cmocka_unit_test(test_pieces_and_back_pressure),
        cmocka_unit_test(test_nobody_reads_the_output),
        cmocka_unit_test(test_a_stuck_output_does_not_spin),
        cmocka_unit_test(test_v87_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

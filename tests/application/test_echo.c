/* The echo program: S18 to S20, and S11, over a network in memory. */
#include <stdio.h>
#include <stdlib.h>
#include "fake.h"
#include "application/echo.h"

struct bed {
    struct fake_net net;
    struct fake_process server, client[4], *list[5];
    unsigned n;
};

static struct bed *new_bed(const char *server, uint64_t seed)
{
    struct bed *b = calloc(1, sizeof *b);
    fake_net_init(&b->net, seed);
    b->list[b->n++] = &b->server;
    assert_int_equal(fake_start(&b->server, &b->net, server), 0);
    return b;
}

static void free_bed(struct bed *b)
{
    for (unsigned i = 0; i < b->n; i++)
        fake_end(b->list[i]);
    fake_net_check(&b->net);
    fake_net_fini(&b->net);
    free(b);
}

static struct fake_process *add_client(struct bed *b, const char *command, const char *input)
{
    struct fake_process *f = &b->client[b->n - 1];
    f->input = input;
    assert_int_equal(fake_start(f, &b->net, command), 0);
    b->list[b->n++] = f;
    return f;
}

static void settle(struct bed *b)
{
    fake_settle(&b->net, b->list, b->n);
}

static void pass(struct bed *b, vt_span span)
{
    fake_run(&b->net, b->list, b->n, b->net.now + (vt_time)span);
}

static void test_s18_the_calls_in_their_order(void **state)
{
    struct bed *b = new_bed("echo server 127.0.0.2:9528", 1);
    struct fake_process *c;
    (void)state;
    assert_int_equal(b->net.sockets[1].kind, FAKE_LISTENER);
    assert_int_equal(b->net.sockets[1].backlog, 10); /* the notes' listen(10) */
    assert_int_equal(VT_ECHO_RECV, 1024);
    c = add_client(b, "echo client 127.0.0.2:9528", "hello\nq\n");
    settle(b);
    assert_true(c->p.done);
    assert_int_equal(c->p.status, 0);
    assert_string_equal(c->out, "hello\n");
    free_bed(b);
}

static void test_s20_conversation_on_a_terminal(void **state)
{
    struct bed *b = new_bed("echo server 9528", 1);
    struct fake_process *c = &b->client[0];
    (void)state;
    c->p.tty = true;
    add_client(b, "echo client b:9528", "hello\n\n\xe4\xbd\xa0\xe5\xa5\xbd\nq\nnever\n");
    settle(b);
    assert_true(c->p.done);
    /* It prompts, sends, prints the answer; an empty line is not sent; `q` leaves. */
    assert_string_equal(c->out, "> hello\n> > \xe4\xbd\xa0\xe5\xa5\xbd\n> ");
    assert_string_equal(c->err, "");
    assert_int_equal(b->net.zero_sends, 0);
    assert_non_null(strstr(b->server.out, "the client's stream ended; 13 bytes repeated"));
    assert_null(strstr(b->server.out, "never"));
    assert_false(b->server.p.done); /* it serves without stopping */
    free_bed(b);
}

static void test_s20_say(void **state)
{
    struct bed *b = new_bed("echo server 9528", 1);
    struct fake_process *c = add_client(b, "echo client --say one --say '' --say 'two words' b:9528",
                                        "unread\n");
    (void)state;
    settle(b);
    assert_string_equal(c->out, "one\ntwo words\n");
    assert_int_equal(c->p.status, 0);
    assert_string_equal(c->input, "unread\n");
    free_bed(b);
}

static void test_s20_end_of_input_leaves(void **state)
{
    struct bed *b = new_bed("echo server 9528", 1);
    struct fake_process *c = add_client(b, "echo client b:9528", "one\r\ntwo");
    (void)state;
    settle(b);
    assert_string_equal(c->out, "one\ntwo\n");
    assert_int_equal(c->p.status, 0);
    free_bed(b);
}

static void test_s20_client_waits_for_a_person(void **state)
{
    struct bed *b = new_bed("echo server 9528", 1);
    struct fake_process *c = &b->client[0];
    (void)state;
    c->p.tty = true;
    c->input_stays = true;
    add_client(b, "echo client b:9528", "one\n");
    settle(b);
    assert_string_equal(c->out, "> one\n> ");
    assert_true(c->p.want_input);
    c->input = "two\nq\n";
    settle(b);
    assert_string_equal(c->out, "> one\n> two\n> ");
    assert_true(c->p.done);
    free_bed(b);
}

static void test_s20_q_ends_the_conversation_at_the_server(void **state)
{
    static const struct {
        const char *sent, *repeated;
        bool ends;
    } cases[] = {
        {"q\n", "q\n", true},
        {"a\nq\r\nb\n", "a\nq\r\n", true},
        {"quit\nqq\n q\nq \n", "quit\nqq\n q\nq \n", false},
        {"aq\nq", "aq\nq", false}, /* a line ends with its line feed */
        {"q\rx\n", "q\rx\n", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t io = 0; io < 3; io++) {
            struct bed *b = new_bed("echo server 9528", i);
            int fd = fake_connect(&b->net, 9528);
            char text[100];
            bool ended;
            b->net.max_io = io == 0 ? SIZE_MAX : io == 1 ? 1 : 0;
            fake_send(&b->net, fd, cases[i].sent);
            settle(b);
            assert_int_equal(fake_take(&b->net, fd, text, sizeof text, &ended), strlen(cases[i].repeated));
            assert_string_equal(text, cases[i].repeated);
            assert_int_equal(ended, cases[i].ends);
            fake_api.close(&b->net, fd);
            settle(b);
            free_bed(b);
        }
}

static void test_s20_goodbye_is_not_a_reset(void **state)
{
    struct bed *b = new_bed("echo server 9528", 1);
    int fd = fake_connect(&b->net, 9528);
    char text[100];
    bool ended;
    (void)state;
    fake_send(&b->net, fd, "q\n");
    settle(b);
    fake_send(&b->net, fd, "still talking\n");
    settle(b);
    fake_send(&b->net, fd, "and on\n");
    settle(b);
    assert_int_equal(fake_take(&b->net, fd, text, sizeof text, &ended), 2);
    assert_string_equal(text, "q\n");
    assert_true(ended);
    /* Who will not go is not waited for longer than two seconds. */
    assert_int_not_equal(b->net.sockets[fd].peer, -1);
    pass(b, 3 * VT_SEC);
    assert_int_equal(b->net.sockets[fd].peer, -1);
    fake_api.close(&b->net, fd);
    free_bed(b);
}

static void test_s20_errors_end_it_with_their_text(void **state)
{
    struct bed *b = new_bed("echo server 9528", 1);
    struct fake_process *c = add_client(b, "echo client b:9527", "");
    int fd;
    (void)state;
    settle(b);
    assert_true(c->p.done);
    assert_int_equal(c->p.status, 1);
    assert_string_equal(c->err, "echo: b:9527: Connection refused\n");
    /* At the server too; and it serves on. */
    fd = fake_connect(&b->net, 9528);
    settle(b);
    b->net.sockets[b->net.sockets[fd].peer].reset = true;
    settle(b);
    assert_non_null(strstr(b->server.out, "ended: Connection reset by peer"));
    fake_api.close(&b->net, fd);
    c = add_client(b, "echo client b:9528", "hello\n");
    settle(b);
    assert_string_equal(c->out, "hello\n");
    free_bed(b);
}

static void test_s20_server_goes_away(void **state)
{
    struct bed *b = new_bed("echo server 9528", 1);
    struct fake_process *c = &b->client[0];
    int listener, fd;
    (void)state;
    listener = fake_listen(&b->net, 9529);
    c->input_stays = true;
    add_client(b, "echo client b:9529", "hello\n");
    settle(b);
    fd = fake_api.accept(&b->net, listener, NULL);
    fake_send(&b->net, fd, "hel"); /* not the whole answer */
    settle(b);
    assert_string_equal(c->out, "");
    fake_api.shutdown(&b->net, fd, VT_SHUT_WR);
    settle(b);
    assert_int_equal(c->p.status, 1);
    assert_string_equal(c->err, "echo: b:9529: the server ended the conversation before its answer\n");
    fake_api.close(&b->net, fd);
    /* While it waits for a person, it is no error. */
    c = &b->client[1];
    c->input_stays = true;
    add_client(b, "echo client b:9529", "");
    settle(b);
    fd = fake_api.accept(&b->net, listener, NULL);
    fake_api.close(&b->net, fd);
    settle(b);
    assert_true(c->p.done);
    assert_int_equal(c->p.status, 0);
    assert_string_equal(c->err, "the server ended the conversation\n");
    fake_api.close(&b->net, listener);
    free_bed(b);
}

static void test_s20_a_false_answer_is_told(void **state)
{
    struct bed *b = new_bed("echo server 9528", 1);
    int listener = fake_listen(&b->net, 9529), fd;
    struct fake_process *c = add_client(b, "echo client b:9529 --say hello", "");
    (void)state;
    settle(b);
    fd = fake_api.accept(&b->net, listener, NULL);
    fake_send(&b->net, fd, "HELLO\n");
    settle(b);
    assert_string_equal(c->err, "echo: the answer differs from what was sent\n");
    assert_int_equal(c->p.status, 1);
    fake_api.close(&b->net, fd);
    fake_api.close(&b->net, listener);
    free_bed(b);
}

static void test_s20_once(void **state)
{
    struct bed *b = new_bed("echo server --once 9528", 1);
    struct fake_process *c = add_client(b, "echo client b:9528 --say hello", "");
    int second = fake_connect(&b->net, 9528);
    (void)state;
    settle(b);
    assert_string_equal(c->out, "hello\n");
    assert_true(b->server.p.done);
    assert_int_equal(b->server.p.status, 0);
    fake_api.close(&b->net, second);
    free_bed(b);
}

static void test_s20_the_notes_loop_would_spin(void **state)
{
    struct bed *b = new_bed("echo server --notes-loop 9528", 1);
    struct fake_process *c = add_client(b, "echo client b:9528 --say hello", "");
    (void)state;
    settle(b);
    assert_string_equal(c->out, "hello\n");
    assert_non_null(strstr(b->server.out, "recv returned 0 1000 times in a row"));
    assert_non_null(strstr(b->server.out, "the client's stream ended"));
    free_bed(b);
}

static void test_s11_answers_in_any_pieces(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct bed *b = new_bed("echo server -q 9528", seed);
        struct vt_rng rng;
        static char input[200001];
        size_t at = 0;
        struct fake_process *c;
        b->net.max_io = 0;
        b->net.buffer = 1 + seed * 13;
        vt_rng_seed(&rng, seed, 5);
        while (at + 3000 < sizeof input && at < 20000 + 8000 * seed) {
            size_t line = (size_t)vt_rng_below(&rng, 8) == 0 ? 2500 : 1 + (size_t)vt_rng_below(&rng, 60);
            for (size_t i = 0; i < line; i++)
                input[at++] = (char)('a' + vt_rng_below(&rng, 16));
            input[at++] = '\n';
        }
        input[at] = 0;
        c = add_client(b, "echo client b:9528", input);
        settle(b);
        assert_true(c->p.done);
        assert_int_equal(c->p.status, 0);
        /* A line of more than 2048 bytes goes as two texts; all else comes back as it went. */
        for (size_t i = 0, j = 0; i < at || j < c->out_len; i++, j++) {
            while (c->out[j] == '\n' && input[i] != '\n')
                j++;
            if (c->out[j] != input[i])
                fail_msg("seed %llu: byte %zu", (unsigned long long)seed, i);
        }
        free_bed(b);
    }
}

static void test_s10_texts_are_utf8(void **state)
{
    struct bed *b = new_bed("echo server -q 9528", 1);
    static char input[6100];
    struct fake_process *c = &b->client[0];
    (void)state;
    /* A line of 2000 characters of three bytes each: no character is torn, wherever a text ends. */
    for (size_t i = 0; i < 6000; i += 3)
        memcpy(input + i, "\xe4\xbd\xa0", 3);
    memcpy(input + 6000, "\nq\n", 4);
    c->p.tty = true;
    add_client(b, "echo client b:9528", input);
    settle(b);
    assert_null(strstr(c->out, "\\x"));
    assert_int_equal(c->p.status, 0);
    free_bed(b);
}

static void test_s19_one_that_only_sends_stands_alone(void **state)
{
    struct bed *b = new_bed("echo server -q 9528", 1);
    int fd = fake_connect(&b->net, 9528);
    struct fake_process *c;
    char junk[4096];
    size_t sent = 0;
    (void)state;
    b->net.buffer = 5000;
    memset(junk, 'x', sizeof junk);
    /* It sends and never reads: its own stream fills, both ways, and stands; */
    for (int i = 0; i < 100; i++) {
        long n = fake_api.sendto(&b->net, fd, junk, sizeof junk, 0, NULL);
        sent += n > 0 ? (size_t)n : 0;
        settle(b);
    }
    assert_int_equal(sent, 2 * 5000 + VT_ECHO_RECV - 5000 % VT_ECHO_RECV);
    /* another is served meanwhile. */
    c = add_client(b, "echo client b:9528 --say hello", "");
    settle(b);
    assert_string_equal(c->out, "hello\n");
    fake_api.close(&b->net, fd);
    settle(b);
    free_bed(b);
}

static void test_many_clients_at_once(void **state)
{
    struct bed *b = new_bed("echo server --max 20 9528", 1);
    int fds[60];
    char text[100];
    unsigned served = 0;
    (void)state;
    for (int i = 0; i < 60; i++) {
        fds[i] = fake_connect(&b->net, 9528);
        fake_send(&b->net, fds[i], "hello\n");
    }
    settle(b);
    for (int i = 0; i < 60; i++)
        served += fake_take(&b->net, fds[i], text, sizeof text, NULL) == 6;
    assert_int_equal(served, 20); /* the others wait in the backlog */
    for (int i = 0; i < 60; i++) {
        fake_api.close(&b->net, fds[i]);
        settle(b);
    }
    assert_int_equal(b->net.live, sizeof(struct vt_echo));
    free_bed(b);
}

static void test_accept_errors_pass(void **state)
{
    struct bed *b = new_bed("echo server -q 9528", 1);
    struct fake_process *c;
    (void)state;
    b->net.accept_error = -VT_EMFILE;
    c = add_client(b, "echo client b:9528 --say hello", "");
    settle(b);
    assert_false(c->p.done);
    assert_non_null(strstr(b->server.err, "accept: Too many open files"));
    pass(b, VT_SEC);
    assert_string_equal(c->out, "hello\n");
    free_bed(b);
}

static void test_output_that_nobody_takes_does_not_stop_the_server(void **state)
{
    struct bed *b = new_bed("echo server 9528", 1);
    int fd = fake_connect(&b->net, 9528);
    char text[100];
    (void)state;
    b->server.output_room = 0;
    for (int i = 0; i < 2000; i++) {
        fake_send(&b->net, fd, "hello\n");
        settle(b);
        assert_int_equal(fake_take(&b->net, fd, text, sizeof text, NULL), 6);
    }
    fake_api.close(&b->net, fd);
    settle(b);
    free_bed(b);
}

static void test_stop(void **state)
{
    struct bed *b = new_bed("echo server 9528", 1);
    struct fake_process *c = &b->client[0];
    (void)state;
    c->input_stays = true;
    add_client(b, "echo client b:9528", "hello\n");
    settle(b);
    b->server.p.stop = true;
    c->p.stop = true;
    settle(b);
    assert_true(b->server.p.done && c->p.done);
    assert_int_equal(b->server.p.status, 0);
    free_bed(b);
}

static void test_a_port_that_is_taken(void **state)
{
    struct bed *b = new_bed("echo server 9528", 1);
    struct fake_process *second = &b->client[0];
    (void)state;
    assert_int_equal(fake_start(second, &b->net, "echo server 9528"), 1);
    assert_string_equal(second->err, "echo: 0.0.0.0:9528: bind: Address already in use\n");
    b->list[b->n++] = second;
    free_bed(b);
}

static void test_v87_allocation_failure_at_every_n(void **state)
{
    (void)state;
    for (long n = 1; n < 8; n++) {
        struct bed *b = calloc(1, sizeof *b);
        int fd;
        char text[16];
        fake_net_init(&b->net, 1);
        b->net.fail_at = n;
        b->list[b->n++] = &b->server;
        if (fake_start(&b->server, &b->net, "echo server 9528") == 0) {
            struct fake_process *c = &b->client[0];
            b->list[b->n++] = c;
            if (fake_start(c, &b->net, "echo client b:9528 --say hello") == 0)
                settle(b);
            /* A second one is served, whatever became of the first. */
            b->net.fail_at = 0;
            fd = fake_connect(&b->net, 9528);
            fake_send(&b->net, fd, "hi\n");
            settle(b);
            assert_int_equal(fake_take(&b->net, fd, text, sizeof text, NULL), 3);
            fake_api.close(&b->net, fd);
            settle(b);
        }
        free_bed(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_s18_the_calls_in_their_order),
        cmocka_unit_test(test_s20_conversation_on_a_terminal),
        cmocka_unit_test(test_s20_say),
        cmocka_unit_test(test_s20_end_of_input_leaves),
        cmocka_unit_test(test_s20_client_waits_for_a_person),
        cmocka_unit_test(test_s20_q_ends_the_conversation_at_the_server),
        cmocka_unit_test(test_s20_goodbye_is_not_a_reset),
        cmocka_unit_test(test_s20_errors_end_it_with_their_text),
        cmocka_unit_test(test_s20_server_goes_away),
        cmocka_unit_test(test_s20_a_false_answer_is_told),
        cmocka_unit_test(test_s20_once),
        cmocka_unit_test(test_s20_the_notes_loop_would_spin),
        cmocka_unit_test(test_s11_answers_in_any_pieces),
        cmocka_unit_test(test_s10_texts_are_utf8),
        cmocka_unit_test(test_s19_one_that_only_sends_stands_alone),
        cmocka_unit_test(test_many_clients_at_once),
        cmocka_unit_test(test_accept_errors_pass),
        cmocka_unit_test(test_output_that_nobody_takes_does_not_stop_the_server),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_a_port_that_is_taken),
        cmocka_unit_test(test_v87_allocation_failure_at_every_n),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

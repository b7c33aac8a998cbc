/* Ping over a network in memory whose echoes come back when and as the test says: the output is iputils' own.
 */
#include <stdio.h>
#include <stdlib.h>
#include "fake.h"

enum how {
    ANSWER,
    LOSE,
    TWICE,
    UNREACHABLE,
    EXPIRED,
    TOO_BIG,
    WRONG_BYTE,
};

struct bed {
    struct fake_net net;
    struct fake_process ping, *list[1];
    const enum how *plan; /* for each echo; the last one goes on */
    unsigned n_plan, sent;
    vt_span delay[16]; /* of each answer; 0: at once */
    struct fake_message late[16];
    vt_time due[16];
    unsigned n_late;
    struct fake_socket *socket;
    size_t last_len;
};

static struct bed *the_bed; /* of on_echo(), which has no context */

static struct fake_message reply_to(const uint8_t *bytes, size_t len)
{
    struct fake_message m = {.len = len};
    memcpy(m.bytes, bytes, len < sizeof m.bytes ? len : sizeof m.bytes);
    m.bytes[0] = 0;
    m.info = (struct vt_msg_info){.from = {.ip = VT_IP4(10, 0, 0, 2)}, .ttl = 64};
    return m;
}

static void on_echo(struct fake_net *net, struct fake_socket *s, const uint8_t *bytes, size_t len)
{
    struct bed *b = the_bed;
    enum how how = b->plan[b->sent < b->n_plan ? b->sent : b->n_plan - 1];
    vt_span delay = b->sent < 16 ? b->delay[b->sent] : 0;
    struct fake_message m = reply_to(bytes, len);
    struct vt_msg_info from_router = {.from = {.ip = VT_IP4(10, 0, 0, 254)}, .error = -VT_EHOSTUNREACH};
    b->socket = s;
    b->last_len = len;
    b->sent++;
    assert_int_equal(bytes[0], 8);
    assert_int_equal(bytes[1], 0);
    if (how == WRONG_BYTE)
        m.bytes[8 + 20] ^= 0xff;
    if (how == UNREACHABLE || how == EXPIRED || how == TOO_BIG) {
        from_router.icmp_type = how == EXPIRED ? 11 : 3;
        from_router.icmp_code = how == UNREACHABLE ? 1 : how == EXPIRED ? 0 : 4;
        from_router.mtu = how == TOO_BIG ? 576 : 0;
        m.bytes[0] = 8;
        m.len = 8;
        m.info = from_router;
        s->errors[s->n_errors++] = m;
        s->error = -VT_EHOSTUNREACH;
        return;
    }
    if (how == LOSE)
        return;
    if (delay > 0) {
        b->late[b->n_late] = m;
        b->due[b->n_late++] = net->now + (vt_time)delay;
        return;
    }
    s->replies[s->n_replies++] = m;
    if (how == TWICE)
        s->replies[s->n_replies++] = m;
}

static struct bed *new_bed(const char *command, const enum how *plan, unsigned n)
{
    struct bed *b = calloc(1, sizeof *b);
    fake_net_init(&b->net, 1);
    the_bed = b;
    b->net.on_echo = on_echo;
    b->list[0] = &b->ping;
    b->plan = plan;
    b->n_plan = n;
    assert_int_equal(fake_start(&b->ping, &b->net, command), 0);
    return b;
}

/* Runs for a while; answers that are late come at their time. */
static void run(struct bed *b, vt_span span)
{
    vt_time until = b->net.now + (vt_time)span;
    while (!b->ping.p.done && b->net.now < until) {
        vt_time next = until;
        fake_settle(&b->net, b->list, 1);
        if (!b->ping.p.done)
            next = vt_time_min(next, b->ping.p.wake);
        for (unsigned i = 0; i < b->n_late; i++)
            next = vt_time_min(next, b->due[i]);
        fake_run(&b->net, b->list, 1, next);
        for (unsigned i = 0; i < b->n_late;) {
            if (b->due[i] > b->net.now) {
                i++;
                continue;
            }
            b->socket->replies[b->socket->n_replies++] = b->late[i];
            b->late[i] = b->late[b->n_late - 1];
            b->due[i] = b->due[--b->n_late];
        }
    }
    fake_settle(&b->net, b->list, 1);
}

static void free_bed(struct bed *b)
{
    fake_end(&b->ping);
    fake_net_check(&b->net);
    fake_net_fini(&b->net);
    free(b);
}

static void test_answers(void **state)
{
    static const enum how plan[] = {ANSWER};
    struct bed *b = new_bed("ping -c 4 -i 2 b", plan, 1);
    (void)state;
    b->delay[0] = 45 * VT_USEC + 678;
    b->delay[1] = 1234 * VT_USEC;
    b->delay[2] = 98765 * VT_USEC;
    b->delay[3] = 987654 * VT_USEC;
    run(b, 60 * VT_SEC);
    assert_true(b->ping.p.done);
    assert_int_equal(b->ping.p.status, 0);
    assert_string_equal(b->ping.out, "PING b (10.0.0.2) 56(84) bytes of data.\n"
                                     "64 bytes from b (10.0.0.2): icmp_seq=1 ttl=64 time=0.045 ms\n"
                                     "64 bytes from b (10.0.0.2): icmp_seq=2 ttl=64 time=1.23 ms\n"
                                     "64 bytes from b (10.0.0.2): icmp_seq=3 ttl=64 time=98.7 ms\n"
                                     "64 bytes from b (10.0.0.2): icmp_seq=4 ttl=64 time=987 ms\n"
                                     "\n--- b ping statistics ---\n"
                                     "4 packets transmitted, 4 received, 0% packet loss, time 6987ms\n"
                                     "rtt min/avg/max/mdev = 0.045/271.924/987.654/415.164 ms\n");
    free_bed(b);
}

static void test_losses(void **state)
{
    static const enum how plan[] = {ANSWER, LOSE, ANSWER};
    struct bed *b = new_bed("ping -c 3 10.0.0.2", plan, 3);
    (void)state;
    run(b, 60 * VT_SEC);
    assert_string_equal(b->ping.out, "PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.\n"
                                     "64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.000 ms\n"
                                     "64 bytes from 10.0.0.2: icmp_seq=3 ttl=64 time=0.000 ms\n"
                                     "\n--- 10.0.0.2 ping statistics ---\n"
                                     "3 packets transmitted, 2 received, 33.3333% packet loss, time 3000ms\n"
                                     "rtt min/avg/max/mdev = 0.000/0.000/0.000/0.000 ms\n");
    assert_int_equal(b->ping.p.status, 0);
    free_bed(b);
}

static void test_no_answer(void **state)
{
    static const enum how plan[] = {LOSE};
    struct bed *b = new_bed("ping -c 2 -W 1.5 b", plan, 1);
    (void)state;
    run(b, 60 * VT_SEC);
    assert_string_equal(b->ping.out, "PING b (10.0.0.2) 56(84) bytes of data.\n"
                                     "\n--- b ping statistics ---\n"
                                     "2 packets transmitted, 0 received, 100% packet loss, time 2500ms\n\n");
    assert_int_equal(b->ping.p.status, 1);
    free_bed(b);
}

static void test_errors(void **state)
{
    static const enum how plan[] = {UNREACHABLE, EXPIRED, TOO_BIG, ANSWER};
    struct bed *b = new_bed("ping -c 4 b", plan, 4);
    (void)state;
    run(b, 60 * VT_SEC);
    assert_string_equal(b->ping.out,
                        "PING b (10.0.0.2) 56(84) bytes of data.\n"
                        "From 10.0.0.254 icmp_seq=1 Destination Host Unreachable\n"
                        "From 10.0.0.254 icmp_seq=2 Time to live exceeded\n"
                        "From 10.0.0.254 icmp_seq=3 Frag needed and DF set (mtu = 576)\n"
                        "64 bytes from b (10.0.0.2): icmp_seq=4 ttl=64 time=0.000 ms\n"
                        "\n--- b ping statistics ---\n"
                        "4 packets transmitted, 1 received, +3 errors, 75% packet loss, time 3000ms\n"
                        "rtt min/avg/max/mdev = 0.000/0.000/0.000/0.000 ms\n");
    free_bed(b);
}

static void test_duplicates_and_wrong_bytes(void **state)
{
    static const enum how plan[] = {TWICE, WRONG_BYTE};
    struct bed *b = new_bed("ping -c 2 -n b", plan, 2);
    (void)state;
    run(b, 60 * VT_SEC);
    assert_string_equal(b->ping.out,
                        "PING b (10.0.0.2) 56(84) bytes of data.\n"
                        "64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.000 ms\n"
                        "64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.000 ms (DUP!)\n"
                        "64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=0.000 ms\n"
                        "wrong data byte #20 should be 0x14 but was 0xeb\n"
                        "\n--- b ping statistics ---\n"
                        "2 packets transmitted, 2 received, +1 duplicates, 0% packet loss, time 1000ms\n"
                        "rtt min/avg/max/mdev = 0.000/0.000/0.000/0.000 ms\n");
    free_bed(b);
}

static void test_options(void **state)
{
    static const enum how plan[] = {ANSWER};
    struct bed *b = new_bed("ping -q -c3 -s 8 -t 5 -i 0.2 b", plan, 1);
    (void)state;
    run(b, 60 * VT_SEC);
    assert_int_equal(b->sent, 3);
    assert_int_equal(b->last_len, 16);
    /* No time stamp finds room in 8 bytes: no times, as in iputils. */
    assert_string_equal(b->ping.out, "PING b (10.0.0.2) 8(36) bytes of data.\n"
                                     "\n--- b ping statistics ---\n"
                                     "3 packets transmitted, 3 received, 0% packet loss, time 400ms\n\n");
    free_bed(b);
    b = new_bed("ping -w 2.5 b", plan, 1);
    run(b, 60 * VT_SEC);
    assert_int_equal(b->sent, 3);
    assert_true(b->ping.p.done);
    free_bed(b);
    b = new_bed("ping b", plan, 1);
    run(b, 100 * VT_SEC + VT_MSEC);
    assert_int_equal(b->sent, 101);
    assert_false(b->ping.p.done);
    b->ping.p.stop = true; /* Ctrl-C: the summary, and the exit code of what was heard */
    run(b, VT_SEC);
    assert_true(b->ping.p.done);
    assert_int_equal(b->ping.p.status, 0);
    assert_non_null(strstr(b->ping.out, "101 packets transmitted, 101 received, 0% packet loss"));
    free_bed(b);
}

static void test_late_answers_and_the_wrap_of_numbers(void **state)
{
    static const enum how plan[] = {ANSWER};
    struct bed *b = new_bed("ping -q -i 0.001 -c 70000 b", plan, 1);
    (void)state;
    run(b, 200 * VT_SEC);
    assert_true(b->ping.p.done);
    assert_non_null(strstr(b->ping.out, "70000 packets transmitted, 70000 received, 0% packet loss"));
    free_bed(b);
    /* An answer that comes after the next echo has left is still that of its own. */
    b = new_bed("ping -c 2 b", plan, 1);
    b->delay[0] = 1500 * VT_MSEC;
    run(b, 60 * VT_SEC);
    assert_non_null(strstr(b->ping.out,
                           "icmp_seq=2 ttl=64 time=0.000 ms\n64 bytes from b (10.0.0.2): icmp_seq=1 "
                           "ttl=64 time=1500 ms\n"));
    free_bed(b);
}

static void test_no_route(void **state)
{
    struct fake_net net;
    struct fake_process *f = calloc(1, sizeof *f), *list[] = {f};
    (void)state;
    fake_net_init(&net, 1);
    assert_int_equal(fake_start(f, &net, "ping 10.0.0.99"), 0);
    fake_settle(&net, list, 1);
    assert_true(f->p.done);
    assert_int_equal(f->p.status, 2);
    assert_string_equal(f->err, "ping: connect: Network is unreachable\n");
    fake_end(f);
    fake_net_check(&net);
    fake_net_fini(&net);
    free(f);
}

static void test_output_that_nobody_takes(void **state)
{
    static const enum how plan[] = {ANSWER};
    struct bed *b = new_bed("ping -c 10 -i 0.1 b", plan, 1);
    (void)state;
    b->ping.output_room = 0;
    run(b, 3 * VT_SEC);
    b->ping.output_room = SIZE_MAX;
    run(b, 60 * VT_SEC);
    assert_true(b->ping.p.done);
    assert_non_null(strstr(b->ping.out, "10 packets transmitted, 10 received"));
    free_bed(b);
}

static void test_v87_allocation_failure(void **state)
{
    static const enum how plan[] = {ANSWER};
    (void)state;
    for (long n = 1; n < 3; n++) {
        struct fake_net net;
        struct fake_process *f = calloc(1, sizeof *f);
        (void)plan;
        fake_net_init(&net, 1);
        net.fail_at = n;
        assert_int_not_equal(fake_start(f, &net, "ping b"), 0);
        fake_end(f);
        fake_net_check(&net);
        fake_net_fini(&net);
        free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_duplicates_and_wrong_bytes),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_late_answers_and_the_wrap_of_numbers),
        cmocka_unit_test(test_no_route),
        cmocka_unit_test(test_output_that_nobody_takes),
        cmocka_unit_test(test_v87_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

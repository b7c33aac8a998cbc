/* The programs on hosts of a lab, over Vitro's own stack, in virtual time: the same text as over the kernel.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include <vitro/lab.h>
#include "application/application.h"
#include "plug/files.h"

#define OUT (256 * 1024)

/* A program, and what it wrote. */
struct job {
    int number;
    const char *input;
    char *out, err[4096];
    size_t len, err_len;
};

static long job_read(void *ctx, void *buf, size_t len)
{
    struct job *j = ctx;
    size_t have = strlen(j->input);
    len = len < have ? len : have;
    memcpy(buf, j->input, len);
    j->input += len;
    return (long)len;
}

static long job_write(void *ctx, int fd, const void *buf, size_t len)
{
    struct job *j = ctx;
    char *to = fd == 1 ? j->out : j->err;
    size_t *at = fd == 1 ? &j->len : &j->err_len, cap = fd == 1 ? OUT : sizeof j->err;
    assert_true(*at + len < cap);
    memcpy(to + *at, buf, len);
    *at += len;
    to[*at] = 0;
    return (long)len;
}

struct bed {
    struct vt_lab *lab;
    struct job jobs[8];
    unsigned n;
};

/* a - s1 - b, and c behind the router r1:   a --- s1 --- b
 *                                                  |
 *                                                 r1 --- c     */
static struct bed *new_bed(uint64_t seed, const char *impair)
{
    struct bed *b = calloc(1, sizeof *b);
    const struct vt_lab_config config = {.seed = seed};
    int err = 0;
    b->lab = vt_lab_new(&config);
    assert_non_null(b->lab);
    assert_non_null(vt_lab_add_host(b->lab, "a", false, &err));
    assert_non_null(vt_lab_add_host(b->lab, "b", false, &err));
    assert_non_null(vt_lab_add_host(b->lab, "c", false, &err));
    assert_non_null(vt_lab_add_host(b->lab, "r1", true, &err));
    assert_int_equal(vt_lab_add_switch(b->lab, "s1"), 0);
    assert_true(vt_lab_add_link(b->lab, "a", "10.0.0.1/24", "s1", NULL, NULL) > 0);
    assert_true(vt_lab_add_link(b->lab, "b", "10.0.0.2/24", "s1", NULL, impair) > 0);
    assert_true(vt_lab_add_link(b->lab, "r1", "10.0.0.254/24", "s1", NULL, NULL) > 0);
    assert_true(vt_lab_add_link(b->lab, "r1", "10.1.0.254/24", "c", "10.1.0.1/24", NULL) > 0);
    for (int i = 0; i < 2; i++)
        vt_host_add_route(vt_lab_host(b->lab, i == 0 ? "a" : "b"), "default", "10.0.0.254");
    vt_host_add_route(vt_lab_host(b->lab, "c"), "default", "10.1.0.254");
    assert_int_equal(vt_lab_add_name(b->lab, "www.lab", VT_IP4(10, 0, 0, 2)), 0);
    return b;
}

static void free_bed(struct bed *b)
{
    vt_lab_free(b->lab);
    for (unsigned i = 0; i < b->n; i++)
        free(b->jobs[i].out);
    free(b);
}

static struct job *spawn(struct bed *b, const char *host, const char *command, const char *input, void *root)
{
    struct job *j = &b->jobs[b->n++];
    const struct vt_lab_stdio io = {.read = job_read,
                                    .write = job_write,
                                    .ctx = j,
                                    .files = root != NULL ? &vt_files_api : NULL,
                                    .root = root};
    char words[1000], *argv[32], *save = NULL;
    int argc = 0;
    j->input = input;
    j->out = calloc(1, OUT);
    snprintf(words, sizeof words, "%s", command);
    for (char *w = strtok_r(words, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    j->number = vt_lab_spawn(b->lab, host, argc, (const char *const *)argv, &io);
    assert_true(j->number > 0);
    return j;
}

static bool has_exited(void *ctx)
{
    void **c = ctx;
    return vt_lab_exited(c[0], *(int *)c[1], NULL);
}

/* Runs until a program has ended; its exit code. */
static int wait_for(struct bed *b, struct job *j)
{
    void *ctx[2] = {b->lab, &j->number};
    int status = -1;
    if (!vt_lab_run_until(b->lab, vt_lab_now(b->lab) + 3600 * (vt_time)VT_SEC, has_exited, ctx))
        fail_msg("not ended: %s%s", j->out, j->err);
    vt_lab_exited(b->lab, j->number, &status);
    return status;
}

static void test_s20_echo_on_lab_hosts(void **state)
{
    struct bed *b = new_bed(1, "delay 5ms");
    struct job *server = spawn(b, "b", "echo server 9528", "", NULL), *client;
    (void)state;
    client = spawn(b, "a", "echo client www.lab:9528", "hello\n\n\xe4\xbd\xa0\xe5\xa5\xbd\nq\n", NULL);
    assert_int_equal(wait_for(b, client), 0);
    assert_string_equal(client->out, "hello\n\xe4\xbd\xa0\xe5\xa5\xbd\n");
    client = spawn(b, "c", "echo client 10.0.0.2:9528 --say again", "", NULL); /* from beyond the router */
    assert_int_equal(wait_for(b, client), 0);
    assert_string_equal(client->out, "again\n");
    vt_lab_run(b->lab, vt_lab_now(b->lab) + (vt_time)VT_SEC);
    assert_false(vt_lab_exited(b->lab, server->number, NULL)); /* it serves without stopping */
    assert_non_null(strstr(server->out, "the client's stream ended; 13 bytes repeated"));
    vt_lab_stop(b->lab, server->number);
    assert_int_equal(wait_for(b, server), 0);
    free_bed(b);
}

static void test_s07_echo_on_one_host_over_127_0_0_2(void **state)
{
    struct bed *b = new_bed(1, NULL);
    struct job *client;
    (void)state;
    spawn(b, "a", "echo server 127.0.0.2:9528", "", NULL);
    client = spawn(b, "a", "echo client 127.0.0.2:9528 --say hello", "", NULL);
    assert_int_equal(wait_for(b, client), 0);
    assert_string_equal(client->out, "hello\n");
    client = spawn(b, "b", "echo client 127.0.0.2:9528 --say hello", "", NULL); /* another host's own */
    assert_int_equal(wait_for(b, client), 1);
    assert_string_equal(client->err, "echo: 127.0.0.2:9528: Connection refused\n");
    free_bed(b);
}

static void test_s20_errors_have_their_text(void **state)
{
    struct bed *b = new_bed(1, NULL);
    struct job *client = spawn(b, "a", "echo client b:9528 --say x", "", NULL);
    (void)state;
    assert_int_equal(wait_for(b, client), 1);
    client = spawn(b, "a", "echo client 10.0.0.2:9528 --say x", "", NULL);
    assert_int_equal(wait_for(b, client), 1);
    assert_string_equal(client->err, "echo: 10.0.0.2:9528: Connection refused\n");
    client = spawn(b, "a", "echo client 10.0.0.77:9528 --say x", "", NULL);
    assert_int_equal(wait_for(b, client), 1);
    assert_string_equal(client->err, "echo: 10.0.0.77:9528: No route to host\n");
    free_bed(b);
}

static void test_http_on_lab_hosts(void **state)
{
    static char place[] = "/tmp/vitro-test-XXXXXX";
    char path[200], command[300];
    struct vt_files *files = NULL;
    struct bed *b = new_bed(1, "loss 2% delay 1ms");
    struct job *client;
    FILE *f;
    (void)state;
    assert_non_null(mkdtemp(place));
    snprintf(path, sizeof path, "%s/big.txt", place);
    f = fopen(path, "w");
    for (int i = 0; i < 20000; i++)
        fprintf(f, "line %d\n", i);
    fclose(f);
    assert_int_equal(vt_files_open(&files, place), 0);
    spawn(b, "b", "http serve", "", files);
    client = spawn(b, "c", "http get http://www.lab/big.txt", "", NULL);
    assert_int_equal(wait_for(b, client), 0);
    assert_memory_equal(client->out, "line 0\nline 1\n", 14);
    assert_string_equal(client->out + client->len - 11, "line 19999\n");
    assert_int_equal(client->len, 208890);
    client = spawn(b, "a", "http get -i -r 0-5 www.lab/big.txt", "", NULL);
    assert_int_equal(wait_for(b, client), 0);
    assert_memory_equal(client->out, "HTTP/1.1 206 Partial Content\r\n", 30);
    assert_string_equal(strstr(client->out, "\r\n\r\n"), "\r\n\r\nline 0");
    client = spawn(b, "a", "http get -f www.lab/nothing", "", NULL);
    assert_int_equal(wait_for(b, client), 22);
    free_bed(b);
    vt_files_close(files);
    snprintf(command, sizeof command, "rm -rf '%s'", place);
    assert_int_equal(system(command), 0);
}

static void test_ping_on_lab_hosts(void **state)
{
    struct bed *b = new_bed(1, "delay 5ms");
    struct job *ping = spawn(b, "a", "ping -c 2 www.lab", "", NULL);
    (void)state;
    assert_int_equal(wait_for(b, ping), 0);
    assert_non_null(strstr(ping->out, "PING www.lab (10.0.0.2) 56(84) bytes of data.\n"
                                      "64 bytes from www.lab (10.0.0.2): icmp_seq=1 ttl=64 time="));
    assert_non_null(strstr(ping->out, "2 packets transmitted, 2 received, 0% packet loss, time 1010ms\n"
                                      "rtt min/avg/max/mdev = 10."));
    ping = spawn(b, "c", "ping -c 1 -q 10.0.0.2", "", NULL);
    assert_int_equal(wait_for(b, ping), 0);
    ping = spawn(b, "c", "ping -c 1 10.0.0.2", "", NULL);
    assert_int_equal(wait_for(b, ping), 0);
    assert_non_null(strstr(ping->out, "ttl=63"));
    ping = spawn(b, "c", "ping -c 1 -t 1 10.0.0.2", "", NULL);
    assert_int_equal(wait_for(b, ping), 1);
    assert_non_null(strstr(ping->out, "From 10.1.0.254 icmp_seq=1 Time to live exceeded\n"));
    ping = spawn(b, "a", "ping -c 1 10.0.0.77", "", NULL); /* nobody there: our own host says so */
    assert_int_equal(wait_for(b, ping), 1);
    assert_non_null(strstr(ping->out, "From 10.0.0.1 icmp_seq=1 Destination Host Unreachable\n"));
    assert_non_null(strstr(ping->out, "1 packets transmitted, 0 received, +1 errors, 100% packet loss"));
    ping = spawn(b, "a", "ping -c 1 -s 9000 10.1.0.1", "", NULL); /* in fragments */
    assert_int_equal(wait_for(b, ping), 0);
    assert_non_null(strstr(ping->out, "9008 bytes from 10.1.0.1: icmp_seq=1 ttl=63"));
    ping = spawn(b, "a", "ping -c 2 127.0.0.1", "", NULL);
    assert_int_equal(wait_for(b, ping), 0);
    assert_non_null(strstr(ping->out, "64 bytes from 127.0.0.1: icmp_seq=2 ttl=64 time=0.0"));
    free_bed(b);
}

static void test_bulk_on_lab_hosts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct bed *b = new_bed(seed, "loss 5% duplicate 2% reorder 2% corrupt 1% delay 2ms");
        struct job *sink = spawn(b, "b", "bulk sink --once 7777", "", NULL);
        struct job *sender = spawn(b, "c", "bulk send --bytes 300k 10.0.0.2:7777", "", NULL);
        assert_int_equal(wait_for(b, sender), 0);
        assert_int_equal(wait_for(b, sink), 0);
        assert_memory_equal(strstr(sink->out, "siphash"), strstr(sender->out, "siphash"), 24);
        free_bed(b);
    }
}

static void test_nothing_is_left(void **state)
{
    struct bed *b = new_bed(1, NULL);
    struct vt_lab_memory before, after;
    (void)state;
    spawn(b, "b", "echo server -q 9528", "", NULL);
    spawn(b, "b", "http serve -q", "", NULL);
    before = (struct vt_lab_memory){0};
    for (int round = 0; round < 3; round++) {
        b->n = 2;
        assert_int_equal(wait_for(b, spawn(b, "a", "echo client 10.0.0.2:9528 --say hello", "", NULL)), 0);
        assert_int_equal(wait_for(b, spawn(b, "a", "http get 10.0.0.2/", "", NULL)), 0);
        assert_int_equal(wait_for(b, spawn(b, "a", "ping -c 1 10.0.0.2", "", NULL)), 0);
        for (unsigned i = 2; i < b->n; i++)
            free(b->jobs[i].out);
        vt_lab_run(b->lab, vt_lab_now(b->lab) + 600 * (vt_time)VT_SEC);
        after = vt_lab_memory(b->lab);
        if (round == 1)
            before = after;
    }
    assert_int_equal(after.bytes, before.bytes);
    assert_int_equal(after.pbufs, before.pbufs);
    assert_int_equal(after.blocks, before.blocks);
    b->n = 2;
    free_bed(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_s20_echo_on_lab_hosts),
        cmocka_unit_test(test_s07_echo_on_one_host_over_127_0_0_2),
        cmocka_unit_test(test_s20_errors_have_their_text),
        cmocka_unit_test(test_http_on_lab_hosts),
        cmocka_unit_test(test_ping_on_lab_hosts),
        cmocka_unit_test(test_bulk_on_lab_hosts),
        cmocka_unit_test(test_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

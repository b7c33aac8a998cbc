/* The readers on a real run: an echo conversation in a lab of hosts, a switch and a router, in virtual time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include <vitro/lab.h>
#include <vitro/lens.h>

#define SECOND UINT64_C(1000000000)

struct text {
    char *s;
    size_t len, cap;
};

static int keep(void *ctx, const void *bytes, size_t len)
{
    struct text *t = ctx;
    if (t->len + len + 1 > t->cap) {
        t->cap = 2 * (t->len + len + 1);
        t->s = realloc(t->s, t->cap);
        assert_non_null(t->s);
    }
    memcpy(t->s + t->len, bytes, len);
    t->len += len;
    t->s[t->len] = '\0';
    return 0;
}

/* a and b at switch s1, c behind router r1; every reader there is. */
struct stage {
    struct vt_lab *lab;
    struct vt_ladder *ladder;
    struct vt_stats *stats;
    struct vt_json *json;
    struct vt_pcapng *pcapng;
    struct vt_standstill *still;
    struct text text, lines, capture;
    unsigned found;
    enum vt_standstill_kind kind;
};

static void take_finding(void *ctx, const struct vt_standstill_finding *f)
{
    struct stage *t = ctx;
    t->found++;
    t->kind = f->kind;
}

static void begin(struct stage *t, const char *impair, const struct vt_ladder_config *config)
{
    memset(t, 0, sizeof *t);
    t->lab = vt_lab_new(&(struct vt_lab_config){.seed = 7});
    assert_non_null(t->lab);
    assert_non_null(vt_lab_add_host(t->lab, "a", false, NULL));
    assert_non_null(vt_lab_add_host(t->lab, "b", false, NULL));
    assert_non_null(vt_lab_add_host(t->lab, "c", false, NULL));
    assert_non_null(vt_lab_add_host(t->lab, "r1", true, NULL));
    assert_int_equal(vt_lab_add_switch(t->lab, "s1"), 0);
    assert_true(vt_lab_add_link(t->lab, "a", "10.0.0.1/24", "s1", NULL, impair) > 0);
    assert_true(vt_lab_add_link(t->lab, "b", "10.0.0.2/24", "s1", NULL, "delay 1ms") > 0);
    assert_true(vt_lab_add_link(t->lab, "r1", "10.0.0.254/24", "s1", NULL, NULL) > 0);
    assert_true(vt_lab_add_link(t->lab, "r1", "10.1.0.254/24", "c", "10.1.0.1/24", NULL) > 0);
    assert_int_equal(vt_host_add_route(vt_lab_host(t->lab, "b"), "default", "10.0.0.254"), 0);
    assert_int_equal(vt_host_add_route(vt_lab_host(t->lab, "c"), "default", "10.1.0.254"), 0);
    vt_lab_capture(t->lab, true);
    t->ladder = vt_ladder_new(config, (struct vt_sink){keep, &t->text});
    t->stats = vt_stats_new();
    t->json = vt_json_new((struct vt_sink){keep, &t->lines});
    t->pcapng = vt_pcapng_new(&(struct vt_pcapng_config){0}, (struct vt_sink){keep, &t->capture});
    t->still = vt_standstill_new(&(struct vt_standstill_config){.found = take_finding, .ctx = t});
    assert_int_equal(vt_lab_listen(t->lab, (struct vt_listener){vt_ladder_event, t->ladder}), 0);
    assert_int_equal(vt_lab_listen(t->lab, (struct vt_listener){vt_stats_event, t->stats}), 0);
    assert_int_equal(vt_lab_listen(t->lab, (struct vt_listener){vt_json_event, t->json}), 0);
    assert_int_equal(vt_lab_listen(t->lab, (struct vt_listener){vt_pcapng_event, t->pcapng}), 0);
    assert_int_equal(vt_lab_listen(t->lab, (struct vt_listener){vt_standstill_event, t->still}), 0);
}

static void echo(struct stage *t, const char *client)
{
    const char *const server_args[] = {"echo", "server", "0.0.0.0:9528"};
    const char *const client_args[] = {"echo", "client", "--say", "hello", "10.0.0.2:9528"};
    assert_true(vt_lab_spawn(t->lab, "b", 3, server_args, NULL) > 0);
    vt_lab_run(t->lab, SECOND);
    assert_true(vt_lab_spawn(t->lab, client, 5, client_args, NULL) > 0);
    vt_lab_run(t->lab, 300 * SECOND);
    vt_lab_drain_events(t->lab);
    assert_int_equal(vt_ladder_finish(t->ladder), 0);
    assert_int_equal(vt_pcapng_finish(t->pcapng), 0);
    vt_standstill_tick(t->still, 400 * SECOND);
}

static void end(struct stage *t)
{
    vt_lab_free(t->lab);
    vt_ladder_free(t->ladder);
    vt_stats_free(t->stats);
    vt_json_free(t->json);
    vt_pcapng_free(t->pcapng);
    vt_standstill_free(t->still);
    free(t->text.s);
    free(t->lines.s);
    free(t->capture.s);
}

/* The parts come one after the other. */
static void expect_in_order(const char *text, const char *const *parts, unsigned n)
{
    const char *at = text;
    for (unsigned i = 0; i < n; i++) {
        const char *found = strstr(at, parts[i]);
        if (found == NULL)
            fail_msg("no \"%s\" behind \"%.40s...\" in\n%s", parts[i], at, text);
        at = found + strlen(parts[i]);
    }
}

static void s12_s13_s20_echo_ladder(void **state)
{
    static const char *const parts[] = {
        "LISTEN",
        "ARP who-has 10.0.0.2 tell 10.0.0.1",
        "ARP 10.0.0.2 is-at",
        "SYN-SENT ",
        "SYN seq=x (",
        "SYN-RCVD",
        "ESTABLISHED",
        "SYN,ACK seq=y (",
        "ack=x+1",
        "ACK seq=x+1 ack=y+1",
        "ESTABLISHED",
        "x = ",
        "y = ",
        "len=6 \"hello\\n\"",
        "len=6 \"hello\\n\"",
        "FIN-WAIT-1",
        "FIN,ACK seq=u (7)",
        "CLOSE-WAIT",
        "FIN-WAIT-2",
        "ACK seq=v (7) ack=u+1",
        "TIME-WAIT",
        "FIN,ACK seq=w (7) ack=u+1",
        "LAST-ACK",
        "ACK seq=u+1 ack=w+1",
        "CLOSED",
        "u = x+7",
        "closed with four segments",
        "2 MSL (60 s) have passed",
    };
    struct stage t;
    char why[200];
    (void)state;
    begin(&t, "delay 1ms", &(struct vt_ladder_config){0});
    echo(&t, "a");
    expect_in_order(t.text.s, parts, sizeof parts / sizeof parts[0]);
    if (!vt_stats_reconcile(t.stats, why, sizeof why))
        fail_msg("%s", why);
    assert_int_equal(t.found, 0); /* the server waits for its next client in accept: no standstill */
    end(&t);
}

/* From c, through router and switch: hop by hop when they have columns. */
static void s06_by_the_router(void **state)
{
    static const char *const parts[] = {"c",
                                        "r1",
                                        "s1",
                                        "b",
                                        "│── SYN seq=x (",
                                        "▶│",
                                        "│── SYN seq=x (",
                                        "▶│",
                                        "ESTABLISHED",
                                        "2 MSL (60 s) have passed"};
    struct stage t;
    (void)state;
    begin(&t, NULL, &(struct vt_ladder_config){.column = {"c", "r1", "s1", "b"}, .width = 130});
    echo(&t, "c");
    expect_in_order(t.text.s, parts, sizeof parts / sizeof parts[0]);
    end(&t);
}

/* Under every impairment frames and fates reconcile, each event is a line of JSON, and the same seed gives
 * the same text. */
static void test_impaired(void **state)
{
    struct stage t[2];
    char why[200];
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        begin(&t[i], "loss 15% delay 5ms 2ms duplicate 10% reorder 5% corrupt 5% corrupt-inside 5%",
              &(struct vt_ladder_config){0});
        echo(&t[i], "a");
        if (!vt_stats_reconcile(t[i].stats, why, sizeof why))
            fail_msg("%s", why);
    }
    assert_string_equal(t[0].text.s, t[1].text.s);
    assert_int_equal(t[0].capture.len, t[1].capture.len);
    assert_memory_equal(t[0].capture.s, t[1].capture.s, t[0].capture.len);
    assert_non_null(strstr(t[0].text.s, "✗"));
    unsigned lines = 0;
    for (char *line = t[0].lines.s, *nl; (nl = strchr(line, '\n')) != NULL; line = nl + 1) {
        json_error_t error;
        json_t *j = json_loadb(line, (size_t)(nl - line), JSON_REJECT_DUPLICATES, &error);
        if (j == NULL)
            fail_msg("%s in %.*s", error.text, (int)(nl - line), line);
        json_decref(j);
        lines++;
    }
    assert_true(lines > 100);
    end(&t[0]);
    end(&t[1]);
}

/* ---- S19, with programs' calls made by hand ---- */

struct two {
    struct vt_host *a, *b;
    int client, server;
};

static struct two connect_two(struct stage *t)
{
    struct vt_addr at = {.ip = VT_IP4(10, 0, 0, 2), .port = 7000};
    struct two w = {.a = vt_lab_host(t->lab, "a"), .b = vt_lab_host(t->lab, "b")};
    int listener = vt_socket(w.b, VT_AF_INET, VT_SOCK_STREAM, 0);
    assert_int_equal(vt_bind(w.b, listener, &at), 0);
    assert_int_equal(vt_listen(w.b, listener, 1), 0);
    w.client = vt_socket(w.a, VT_AF_INET, VT_SOCK_STREAM, 0);
    assert_int_equal(vt_connect(w.a, w.client, &at), -VT_EINPROGRESS);
    vt_lab_run(t->lab, SECOND);
    w.server = vt_accept(w.b, listener, NULL);
    assert_true(w.server >= 0);
    return w;
}

static unsigned found_by(struct stage *t, vt_time until)
{
    vt_lab_run(t->lab, until);
    vt_lab_drain_events(t->lab);
    vt_standstill_tick(t->still, until);
    return t->found;
}

static void s19_both_receive(void **state)
{
    struct stage t;
    char byte;
    (void)state;
    begin(&t, "delay 1ms", &(struct vt_ladder_config){0});
    struct two w = connect_two(&t);
    assert_int_equal(vt_recv(w.b, w.server, &byte, 1, 0), -VT_EAGAIN);
    assert_int_equal(vt_recv(w.a, w.client, &byte, 1, VT_MSG_DONTWAIT), -VT_EAGAIN);
    assert_int_equal(found_by(&t, 10 * SECOND), 0); /* the client looked, but does not wait */
    assert_int_equal(vt_recv(w.a, w.client, &byte, 1, 0), -VT_EAGAIN);
    assert_int_equal(found_by(&t, 20 * SECOND), 1);
    assert_int_equal(t.kind, VT_STANDSTILL_RECEIVE);
    end(&t);
}

/* Sends until no more is taken, over and over while the transport makes room. */
static void fill(struct stage *t, const struct two *w, vt_time until)
{
    static const char much[65536];
    for (vt_time now = vt_lab_now(t->lab); now < until; now += SECOND / 10) {
        while (vt_send(w->a, w->client, much, sizeof much, 0) > 0) {
        }
        while (vt_send(w->b, w->server, much, sizeof much, 0) > 0) {
        }
        vt_lab_run(t->lab, now);
    }
}

static void s19_both_send(void **state)
{
    struct stage t;
    char some[65536];
    (void)state;
    begin(&t, "delay 1ms", &(struct vt_ladder_config){0});
    struct two w = connect_two(&t);
    fill(&t, &w, 20 * SECOND);
    assert_int_equal(found_by(&t, 30 * SECOND), 1);
    assert_int_equal(t.kind, VT_STANDSTILL_SEND);
    /* One reads: both go on. */
    for (unsigned i = 0; i < 100; i++) {
        while (vt_recv(w.b, w.server, some, sizeof some, VT_MSG_DONTWAIT) > 0) {
        }
        vt_lab_run(t.lab, vt_lab_now(t.lab) + SECOND / 10);
    }
    assert_int_equal(found_by(&t, 60 * SECOND), 1);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s12_s13_s20_echo_ladder), cmocka_unit_test(s06_by_the_router),
        cmocka_unit_test(test_impaired),           cmocka_unit_test(s19_both_receive),
        cmocka_unit_test(s19_both_send),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

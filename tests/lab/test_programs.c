/* Programs over a network: the echo's two halves (S01, S20), the same conversation as C/S and as B/S (S02),
 * and that a stream has no boundaries (S11). */
#include "application/application.h"
#include "scene.h"

#define PORT 9528
#define HOUR (3600 * VT_SEC)

/* ---- S01 ---- */

/* The server serves for 24 hours, and every hour a client comes looking for it. */
static void test_s01_a_server_and_its_clients(void **state)
{
    struct scene s;
    struct scene_term server = {0}, client = {.in = "are you there?\nq\n"};
    (void)state;
    scene_open(&s, 1);
    scene_pair(&s, "delay 1ms");
    scene_spawn(&s, "b", "echo server 9528", &server);
    for (unsigned hour = 0; hour < 24; hour++) {
        scene_run(&s, HOUR);
        scene_spawn(&s, "a", "echo client 10.0.0.2:9528", &client);
        assert_int_equal(scene_wait(&s, &client, 10 * VT_SEC), 0);
        assert_string_equal(client.out, "are you there?\n");
        assert_false(server.exited);
    }
    scene_run(&s, VT_SEC);
    /* Each was a connection of its own, accepted and ended. */
    size_t accepted = 0, ends = 0;
    for (size_t i = 0; i < s.events; i++) {
        const struct vt_event *ev = &s.event[i].ev;
        accepted += ev->kind == VT_EV_SOCK_CALL && ev->u.call.call == VT_CALL_ACCEPT &&
                    ev->u.call.result >= 0;
        ends += ev->kind == VT_EV_SOCK_CALL && ev->u.call.call == VT_CALL_RECV && ev->u.call.result == 0 &&
                ev->node == scene_node(&s, "b");
    }
    assert_int_equal(accepted, 24);
    assert_int_equal(ends, 24);
    vt_lab_stop(s.lab, server.program);
    assert_int_equal(scene_wait(&s, &server, VT_SEC), 0);
    /* Nobody listens any more. */
    scene_spawn(&s, "a", "echo client 10.0.0.2:9528", &client);
    assert_int_equal(scene_wait(&s, &client, 10 * VT_SEC), 1);
    assert_non_null(strstr(client.err, "Connection refused"));
    scene_close(&s);
}

/* ---- S02 ---- */

static const char *const texts[] = {"hello", "how-are-you", "goodbye"};
#define TEXTS (sizeof texts / sizeof texts[0])

/* What a conversation cost. */
struct cost {
    size_t bytes, segments;
    vt_time time; /* until the client has its last answer */
};

/* The page that answers a text. */
static int say_page(void *ctx, const char *path, const char *query, struct vt_allocator *mem, void **body,
                    size_t *len, const char **type, uint32_t *mark)
{
    char page[256];
    (void)ctx;
    (void)mark;
    if (strcmp(path, "/") != 0)
        return -VT_ENOENT;
    int n = snprintf(page, sizeof page, "<!doctype html>\n<title>echo</title>\n<p>%s</p>\n", query);
    *body = mem->alloc(mem->ctx, (size_t)n);
    if (*body == NULL)
        return -VT_ENOMEM;
    memcpy(*body, page, (size_t)n);
    *len = (size_t)n;
    *type = "text/html; charset=utf-8";
    return 0;
}

/* Counts what the two hosts sent since `mark`. */
static void count_cost(const struct scene *s, size_t mark, struct cost *cost)
{
    for (size_t i = mark; i < s->events; i++) {
        const struct vt_event *ev = &s->event[i].ev;
        cost->segments += ev->kind == VT_EV_TCP_TX;
        cost->bytes += ev->kind == VT_EV_PORT_TX ? ev->u.frame.len : 0;
    }
}

/* The whole conversation: over one connection to a number, or a page for each text from a name. */
static struct cost converse(bool browser, uint64_t seed, const char *impair)
{
    struct vt_http_hook hook = {.page = say_page};
    struct scene_term server = {.hook = browser ? &hook : NULL},
                      client = {.in = "hello\nhow-are-you\ngoodbye\nq\n"};
    struct cost cost = {0};
    struct scene s;
    char line[128];
    scene_open(&s, seed);
    scene_pair(&s, impair);
    for (unsigned i = 0; i < 2; i++)
        scene_knob(&s, i == 0 ? "a" : "b", "net.ipv4.neigh.default.mcast_solicit", 50);
    assert_int_equal(vt_lab_add_name(s.lab, "www.lab", VT_IP4(10, 0, 0, 2)), 0);
    scene_spawn(&s, "b", browser ? "http serve" : "echo server 9528", &server);
    scene_run(&s, VT_SEC);
    size_t mark = scene_mark(&s);
    vt_time began = vt_lab_now(s.lab);
    if (!browser) {
        scene_spawn(&s, "a", "echo client 10.0.0.2:9528", &client);
        assert_int_equal(scene_wait(&s, &client, HOUR), 0);
        assert_string_equal(client.out, "hello\nhow-are-you\ngoodbye\n");
    }
    for (unsigned i = 0; browser && i < TEXTS; i++) {
        snprintf(line, sizeof line, "http get http://www.lab/?%s", texts[i]);
        scene_spawn(&s, "a", line, &client);
        assert_int_equal(scene_wait(&s, &client, HOUR), 0);
        assert_non_null(strstr(client.out, texts[i]));
    }
    cost.time = client.ended - began;
    scene_run(&s, HOUR); /* the goodbyes count, too */
    count_cost(&s, mark, &cost);
    scene_close(&s);
    return cost;
}

/* On a clean path: B/S needs no client of its own, but more of everything else. */
static void test_s02_a_browser_costs_more_network(void **state)
{
    (void)state;
    struct cost cs = converse(false, 2, "delay 10ms"), bs = converse(true, 2, "delay 10ms");
    printf("# C/S: %zu segments, %zu bytes, %llu ms; B/S: %zu segments, %zu bytes, %llu ms\n", cs.segments,
           cs.bytes, (unsigned long long)(cs.time / (uint64_t)VT_MSEC), bs.segments, bs.bytes,
           (unsigned long long)(bs.time / (uint64_t)VT_MSEC));
    assert_true(bs.segments > cs.segments);
    assert_true(bs.bytes > 2 * cs.bytes);
    /* One handshake and three turns, against three handshakes and three turns (and ARP once, in both). */
    assert_int_equal(cs.time, (1 + 1 + 3) * 20 * VT_MSEC);
    assert_int_equal(bs.time, (1 + 3 + 3) * 20 * VT_MSEC);
}

/* On a lossy one it wavers more: the delay grows by more, and is spread more widely. */
static void test_s02_and_wavers_when_the_network_does(void **state)
{
    enum {
        RUNS = 60
    };
    vt_time cs = 0, bs = 0, cs_worst = 0, bs_worst = 0;
    size_t cs_bytes = 0, bs_bytes = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        struct cost c = converse(false, seed, "delay 10ms loss 10%"),
                    b = converse(true, seed, "delay 10ms loss 10%");
        cs += c.time;
        bs += b.time;
        cs_worst = c.time > cs_worst ? c.time : cs_worst;
        bs_worst = b.time > bs_worst ? b.time : bs_worst;
        cs_bytes += c.bytes;
        bs_bytes += b.bytes;
    }
    printf("# loss 10%%, %d runs: C/S %zu bytes, %llu ms on average, %llu at most; B/S %zu bytes, %llu ms, "
           "%llu\n",
           RUNS, cs_bytes / RUNS, (unsigned long long)(cs / RUNS / (uint64_t)VT_MSEC),
           (unsigned long long)(cs_worst / (uint64_t)VT_MSEC), bs_bytes / RUNS,
           (unsigned long long)(bs / RUNS / (uint64_t)VT_MSEC),
           (unsigned long long)(bs_worst / (uint64_t)VT_MSEC));
    assert_true(bs_bytes > cs_bytes);
    assert_true(bs - RUNS * 140 * (vt_time)VT_MSEC > cs - RUNS * 100 * (vt_time)VT_MSEC);
    assert_true(bs_worst > cs_worst);
}

/* The browser finds its server by a name, and nothing but: a name that nobody knows is no server. */
static void test_s02_by_name(void **state)
{
    struct vt_http_hook hook = {.page = say_page};
    struct scene_term server = {.hook = &hook}, client = {0};
    struct scene s;
    (void)state;
    scene_open(&s, 2);
    scene_pair(&s, NULL);
    assert_int_equal(vt_lab_add_name(s.lab, "www.lab", VT_IP4(10, 0, 0, 2)), 0);
    scene_spawn(&s, "b", "http serve", &server);
    scene_run(&s, VT_SEC);
    scene_spawn(&s, "a", "http get http://WWW.lab/?hi", &client);
    assert_int_equal(scene_wait(&s, &client, 10 * VT_SEC), 0);
    assert_string_equal(client.out, "<!doctype html>\n<title>echo</title>\n<p>hi</p>\n");
    scene_spawn(&s, "a", "http get http://web.lab/?hi", &client);
    assert_int_equal(scene_wait(&s, &client, 10 * VT_SEC), 6);
    scene_close(&s);
}

/* ---- S11 ---- */

/* Many small sends arrive merged: recv knows nothing of them. */
static void test_s11_small_sends_arrive_merged(void **state)
{
    static const char *const words[] = {"TCP ", "is ", "a ", "stream ", "protocol", "."};
    struct scene s;
    int at_a, at_b;
    (void)state;
    scene_open(&s, 11);
    scene_pair(&s, "delay 10ms");
    scene_join(&s, PORT, &at_a, &at_b);
    size_t mark = scene_mark(&s);
    for (unsigned i = 0; i < 6; i++)
        scene_say(&s, "a", at_a, words[i]);
    scene_run(&s, VT_SEC);
    scene_hear(&s, "b", at_b, "TCP is a stream protocol.");
    struct scene_segs segs;
    scene_segs(&s, mark, PORT, &segs);
    size_t data = 0;
    for (size_t i = 0; i < segs.n; i++)
        data += segs.at[i]->u.seg.len > 0;
    assert_in_range(data, 1, 5); /* fewer segments than sends */
    scene_close(&s);
}

/* One large send arrives split: by segments, and by recv(1024). */
static void test_s11_a_large_send_arrives_split(void **state)
{
    static char sent[10000], got[10000];
    struct scene s;
    struct scene_segs segs;
    int at_a, at_b;
    size_t len = 0, pieces = 0, data = 0;
    long n;
    (void)state;
    for (unsigned i = 0; i < sizeof sent; i++)
        sent[i] = (char)(i * 7 % 251);
    scene_open(&s, 11);
    scene_pair(&s, "delay 10ms");
    scene_join(&s, PORT, &at_a, &at_b);
    size_t mark = scene_mark(&s);
    assert_int_equal(scene_send(&s, "a", at_a, sent, sizeof sent), sizeof sent);
    scene_run(&s, VT_SEC);
    while ((n = scene_recv(&s, "b", at_b, got + len, len + 1024 < sizeof got ? 1024 : sizeof got - len)) >
           0) {
        len += (size_t)n;
        pieces++;
        if (len == sizeof got)
            break;
    }
    assert_int_equal(len, sizeof sent);
    assert_memory_equal(got, sent, sizeof sent);
    assert_int_equal(pieces, (sizeof sent + 1023) / 1024);
    scene_segs(&s, mark, PORT, &segs);
    for (size_t i = 0; i < segs.n; i++) {
        assert_true(segs.at[i]->u.seg.len <= 1460);
        data += segs.at[i]->u.seg.len > 0;
    }
    assert_in_range(data, 7, 10);
    scene_close(&s);
}

/* No empty message either: a send of nothing sends nothing. */
static void test_s11_no_empty_message(void **state)
{
    struct scene s;
    int at_a, at_b;
    char buf[8];
    (void)state;
    scene_open(&s, 11);
    scene_pair(&s, NULL);
    scene_join(&s, PORT, &at_a, &at_b);
    size_t mark = scene_mark(&s);
    assert_int_equal(scene_send(&s, "a", at_a, "", 0), 0);
    scene_run(&s, VT_SEC);
    assert_int_equal(scene_count(&s, mark, NULL, VT_EV_TCP_TX), 0);
    assert_int_equal(scene_recv(&s, "b", at_b, buf, sizeof buf), -VT_EAGAIN);
    scene_close(&s);
}

/* ---- S20 ---- */

/* The calls of a program on a host, as "socket bind listen accept recv", one after another; waits are left
 * out. */
static const char *calls_of(const struct scene *s, const char *host, char *buf, size_t size)
{
    size_t len = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < s->events; i++) {
        const struct vt_event *ev = &s->event[i].ev;
        if (ev->kind != VT_EV_SOCK_CALL || ev->node != scene_node(s, host))
            continue;
        len += (size_t)snprintf(buf + len, size - len, "%s%s", len > 0 ? " " : "",
                                vt_call_word(ev->u.call.call));
        if (ev->u.call.call == VT_CALL_SEND || ev->u.call.call == VT_CALL_RECV)
            len += (size_t)snprintf(buf + len, size - len, "=%d", ev->u.call.result);
        assert_true(len < size);
    }
    return buf;
}

/* The whole conversation, call by call: texts in UTF-8, an empty line, `q`. */
static void test_s20_the_conversation(void **state)
{
    static const char nihao[] = "\xe4\xbd\xa0\xe5\xa5\xbd"; /* 6 bytes */
    struct scene s;
    struct scene_term server = {0}, client = {.in = "hello\n\n\xe4\xbd\xa0\xe5\xa5\xbd\nq\n", .tty = true};
    struct scene_segs segs;
    char buf[1024];
    size_t data = 0;
    (void)state;
    scene_open(&s, 20);
    scene_pair(&s, "delay 1ms");
    scene_spawn(&s, "b", "echo server --once 10.0.0.2:9528", &server);
    scene_run(&s, VT_SEC);
    scene_spawn(&s, "a", "echo client 10.0.0.2:9528", &client);
    assert_int_equal(scene_wait(&s, &client, 10 * VT_SEC), 0);
    assert_int_equal(scene_wait(&s, &server, 10 * VT_SEC), 0);
    scene_run(&s, VT_SEC);
    assert_string_equal(calls_of(&s, "a", buf, sizeof buf),
                        "socket connect send=6 recv=6 send=7 recv=7 close");
    assert_string_equal(calls_of(&s, "b", buf, sizeof buf),
                        "socket bind listen accept recv=6 send=6 recv=7 send=7 recv=0 close close");
    /* The notes' numbers: listen(10), recv(1024). */
    bool ten = false, kilo = false;
    for (size_t i = 0; i < s.events; i++) {
        const struct vt_event *ev = &s.event[i].ev;
        if (ev->kind != VT_EV_SOCK_CALL || ev->node != scene_node(&s, "b"))
            continue;
        ten |= ev->u.call.call == VT_CALL_LISTEN && ev->u.call.arg == 10;
        kilo |= ev->u.call.call == VT_CALL_RECV && ev->u.call.arg == 1024;
    }
    assert_true(ten && kilo);
    /* It prompted, and printed the answers; the empty line went nowhere: two texts, two segments each way. */
    assert_non_null(strstr(client.out, "hello\n"));
    assert_non_null(strstr(client.out, nihao));
    assert_true(strlen(client.out) > strlen("hello\n") + strlen(nihao) + 1);
    scene_segs(&s, 0, PORT, &segs);
    for (size_t i = 0; i < segs.n; i++)
        data += segs.at[i]->u.seg.len > 0;
    assert_int_equal(data, 4);
    /* Open by three, closed by four. */
    assert_true(scene_is(&s, segs.at[segs.n - 4], "a", VT_FIN | VT_ACK));
    assert_true(scene_is(&s, segs.at[segs.n - 3], "b", VT_ACK));
    assert_true(scene_is(&s, segs.at[segs.n - 2], "b", VT_FIN | VT_ACK));
    assert_true(scene_is(&s, segs.at[segs.n - 1], "a", VT_ACK));
    scene_close(&s);
}

/* What a program hears is because of what the other said: from call to call. (Why a program says what it
 * says, only the program knows.) */
static void test_s20_hearing_has_its_cause(void **state)
{
    struct scene s;
    struct scene_term server = {0}, client = {.in = "why?\nand because of what?\nq\n"};
    const struct vt_event *call[2][2] = {{NULL}}; /* the last send and recv of a and b */
    (void)state;
    scene_open(&s, 20);
    scene_pair(&s, "delay 1ms");
    scene_spawn(&s, "b", "echo server 9528", &server);
    scene_run(&s, VT_SEC);
    scene_spawn(&s, "a", "echo client 10.0.0.2:9528", &client);
    assert_int_equal(scene_wait(&s, &client, 10 * VT_SEC), 0);
    for (size_t i = 0; i < s.events; i++) {
        const struct vt_event *ev = &s.event[i].ev;
        if (ev->kind == VT_EV_SOCK_CALL && ev->u.call.result > 0 &&
            (ev->u.call.call == VT_CALL_SEND || ev->u.call.call == VT_CALL_RECV))
            call[ev->node - 1][ev->u.call.call == VT_CALL_RECV] = ev;
    }
    assert_true(scene_because(&s, call[1][1], call[0][0]));
    assert_true(scene_because(&s, call[0][1], call[1][0]));
    assert_false(scene_because(&s, call[1][1], call[1][0]));
    scene_close(&s);
}

/* The notes' loop does not take length 0 for the end, and would spin: shown, and bounded. */
static void test_s20_the_notes_loop_would_spin(void **state)
{
    struct scene s;
    struct scene_term server = {0}, client = {.in = "hello\nq\n"};
    size_t zeros = 0;
    (void)state;
    scene_open(&s, 20);
    scene_pair(&s, "delay 1ms");
    scene_spawn(&s, "b", "echo server --notes-loop --once 9528", &server);
    scene_run(&s, VT_SEC);
    scene_spawn(&s, "a", "echo client 10.0.0.2:9528", &client);
    assert_int_equal(scene_wait(&s, &client, 10 * VT_SEC), 0);
    assert_int_equal(scene_wait(&s, &server, 10 * VT_SEC), 0);
    assert_non_null(strstr(server.out, "recv returned 0 1000 times"));
    for (size_t i = 0; i < s.events; i++) {
        const struct vt_event *ev = &s.event[i].ev;
        zeros += ev->kind == VT_EV_SOCK_CALL && ev->u.call.call == VT_CALL_RECV && ev->u.call.result == 0;
    }
    assert_int_equal(zeros, 1000);
    scene_close(&s);
}

/* `q` at the server: the line ends the conversation from its side, after it was repeated like any other. */
static void test_s20_the_server_hears_q(void **state)
{
    struct scene s;
    struct scene_term server = {0};
    char buf[16], path[128];
    (void)state;
    scene_open(&s, 20);
    scene_pair(&s, "delay 1ms");
    scene_spawn(&s, "b", "echo server 9528", &server);
    scene_run(&s, VT_SEC);
    int fd = scene_connect(&s, "a", "10.0.0.2:9528");
    scene_run(&s, VT_SEC);
    scene_say(&s, "a", fd, "one\nq\nnever repeated\n");
    scene_run(&s, VT_SEC);
    scene_hear(&s, "a", fd, "one\nq\n");
    assert_int_equal(scene_recv(&s, "a", fd, buf, sizeof buf), 0);
    scene_hang_up(&s, "a", fd);
    scene_run(&s, 2 * 60 * VT_SEC);
    assert_string_equal(scene_states(&s, 0, "b", PORT, path, sizeof path),
                        "SYN-RCVD ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED");
    assert_false(server.exited);
    scene_close(&s);
}

/* An error ends it too, with its text. */
static void test_s20_an_error_ends_it(void **state)
{
    struct scene s;
    struct scene_term client = {.in = "hello\n"};
    struct vt_linger abort = {1, 0};
    (void)state;
    scene_open(&s, 20);
    scene_pair(&s, "delay 1ms");
    /* The server gives up. */
    int listener = scene_listen(&s, "b", "10.0.0.2:9528", 10);
    scene_spawn(&s, "a", "echo client 10.0.0.2:9528", &client);
    scene_run(&s, VT_SEC);
    int fd = scene_accept(&s, "b", listener);
    scene_hear(&s, "b", fd, "hello\n");
    assert_false(client.exited);
    vt_setsockopt(scene_enter(&s, "b"), fd, VT_SOL_SOCKET, VT_SO_LINGER, &abort, sizeof abort);
    scene_hang_up(&s, "b", fd);
    assert_int_equal(scene_wait(&s, &client, VT_SEC), 1);
    assert_string_equal(client.err, "echo: 10.0.0.2:9528: Connection reset by peer\n");
    /* The network does: nobody acknowledges the text. */
    scene_knob(&s, "a", "net.ipv4.tcp_retries2", 5);
    scene_fault(&s, "a-b", VT_DIR_FORTH, "drop data");
    scene_spawn(&s, "a", "echo client 10.0.0.2:9528", &client);
    assert_int_equal(scene_wait(&s, &client, HOUR), 1);
    assert_string_equal(client.err, "echo: 10.0.0.2:9528: Connection timed out\n");
    /* And nobody is there at all. */
    scene_spawn(&s, "a", "echo client 10.0.0.77:9528", &client);
    assert_int_equal(scene_wait(&s, &client, HOUR), 1);
    assert_string_equal(client.err, "echo: 10.0.0.77:9528: No route to host\n");
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_s01_a_server_and_its_clients),
        cmocka_unit_test(test_s02_a_browser_costs_more_network),
        cmocka_unit_test(test_s02_and_wavers_when_the_network_does),
        cmocka_unit_test(test_s02_by_name),
        cmocka_unit_test(test_s11_small_sends_arrive_merged),
        cmocka_unit_test(test_s11_a_large_send_arrives_split),
        cmocka_unit_test(test_s11_no_empty_message),
        cmocka_unit_test(test_s20_the_conversation),
        cmocka_unit_test(test_s20_hearing_has_its_cause),
        cmocka_unit_test(test_s20_the_notes_loop_would_spin),
        cmocka_unit_test(test_s20_the_server_hears_q),
        cmocka_unit_test(test_s20_an_error_ends_it),
    };
    return cmocka_run_group_tests_name("programs", tests, NULL, NULL);
}

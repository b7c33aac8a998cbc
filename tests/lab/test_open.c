/* How a connection opens (S12), what listen's number means (S18), and that a connection is a channel both
 * ways between two programs of which address and port are the name (S07, S09). */
#include "scene.h"

#define PORT 9528

/* ---- S12 ---- */

static void test_s12_three_segments(void **state)
{
    struct scene s;
    struct scene_segs segs;
    char path[256];
    (void)state;
    scene_open(&s, 12);
    scene_pair(&s, "delay 10ms");
    assert_int_equal(scene_state(&s, "b", PORT), VT_TCP_CLOSED);
    int listener = scene_listen(&s, "b", "10.0.0.2:9528", 10);
    vt_lab_drain_events(s.lab);
    const struct vt_event *listens = scene_find(&s, 0, "b", VT_EV_TCP_STATE, 0);
    assert_int_equal(listens->u.state.from, VT_TCP_CLOSED);
    assert_int_equal(listens->u.state.to, VT_TCP_LISTEN);
    int client = scene_connect(&s, "a", "10.0.0.2:9528");
    scene_run(&s, VT_SEC);

    scene_segs(&s, 0, PORT, &segs);
    assert_int_equal(segs.n, 3);
    const struct vt_event *syn = segs.at[0], *synack = segs.at[1], *ack = segs.at[2];
    uint32_t x = syn->u.seg.seq, y = synack->u.seg.seq;
    /* SYN=1, seq=x: no data. */
    assert_true(scene_is(&s, syn, "a", VT_SYN));
    assert_int_equal(syn->u.seg.len, 0);
    assert_int_equal(syn->u.seg.state, VT_TCP_SYN_SENT);
    /* SYN=1, ACK=1, seq=y, ack=x+1: no data either. */
    assert_true(scene_is(&s, synack, "b", VT_SYN | VT_ACK));
    assert_int_equal(synack->u.seg.len, 0);
    assert_int_equal(synack->u.seg.ack, x + 1);
    assert_int_equal(synack->u.seg.state, VT_TCP_SYN_RCVD);
    /* ACK=1, seq=x+1, ack=y+1. */
    assert_true(scene_is(&s, ack, "a", VT_ACK));
    assert_int_equal(ack->u.seg.len, 0);
    assert_int_equal(ack->u.seg.seq, x + 1);
    assert_int_equal(ack->u.seg.ack, y + 1);
    assert_int_equal(ack->u.seg.state, VT_TCP_ESTABLISHED);
    assert_true(x != 0 && y != 0 && x != y);

    /* Each state is entered when the segment before it arrives, and because of it. */
    assert_string_equal(scene_states(&s, 0, "a", PORT, path, sizeof path), "SYN-SENT ESTABLISHED");
    assert_string_equal(scene_states(&s, 0, "b", PORT, path, sizeof path), "SYN-RCVD ESTABLISHED");
    const struct vt_event *at_b = scene_arrival(&s, syn), *at_a = scene_arrival(&s, synack),
                          *last = scene_arrival(&s, ack);
    assert_int_equal(scene_entered(&s, 0, "a", PORT, VT_TCP_SYN_SENT), 0);
    assert_int_equal(scene_entered(&s, 0, "b", PORT, VT_TCP_SYN_RCVD), at_b->time);
    assert_int_equal(scene_entered(&s, 0, "a", PORT, VT_TCP_ESTABLISHED), at_a->time);
    assert_int_equal(scene_entered(&s, 0, "b", PORT, VT_TCP_ESTABLISHED), last->time);
    assert_int_equal(at_a->time - at_b->time, 10 * VT_MSEC);
    assert_int_equal(last->time - at_a->time, 10 * VT_MSEC);
    assert_true(scene_because(&s, last, syn));

    /* The SYN took one number, the last ACK none. */
    int server = scene_accept(&s, "b", listener);
    size_t mark = scene_mark(&s);
    scene_say(&s, "a", client, "hi");
    scene_run(&s, VT_SEC);
    scene_segs(&s, mark, PORT, &segs);
    assert_int_equal(segs.at[0]->u.seg.seq, x + 1);
    assert_int_equal(segs.at[0]->u.seg.len, 2);
    scene_hear(&s, "b", server, "hi");
    scene_close(&s);
}

/* Where the ACK is lost, the data behind it carry the same acknowledgement, and complete the handshake. */
static void test_s12_third_segment_may_carry_data(void **state)
{
    struct scene s;
    char path[256];
    (void)state;
    scene_open(&s, 12);
    scene_pair(&s, "delay 10ms");
    scene_fault(&s, "a-b", VT_DIR_FORTH, "drop 1st ack");
    int listener = scene_listen(&s, "b", "10.0.0.2:9528", 10);
    int client = scene_connect(&s, "a", "10.0.0.2:9528");
    scene_run(&s, 100 * VT_MSEC);
    assert_int_equal(scene_state(&s, "a", PORT), VT_TCP_ESTABLISHED);
    assert_int_equal(scene_state(&s, "b", PORT), VT_TCP_SYN_RCVD);
    size_t mark = scene_mark(&s);
    scene_say(&s, "a", client, "data in the third");
    scene_run(&s, 11 * VT_MSEC);
    assert_string_equal(scene_states(&s, mark, "b", PORT, path, sizeof path), "ESTABLISHED");
    int server = scene_accept(&s, "b", listener);
    scene_hear(&s, "b", server, "data in the third");
    const struct vt_event *moved = scene_find(&s, mark, "b", VT_EV_TCP_STATE, 0);
    const struct vt_event *carried = scene_find(&s, mark, "a", VT_EV_TCP_TX, 0);
    assert_int_equal(carried->u.seg.len, strlen("data in the third"));
    assert_true(scene_because(&s, moved, carried));
    scene_close(&s);
}

/* Whoever loses the SYN or its answer: it is sent again, with the same numbers, and the connection opens. */
static void test_s12_a_lost_syn_is_sent_again(void **state)
{
    static const struct {
        enum vt_direction dir;
        const char *fault;
    } lost[] = {{VT_DIR_FORTH, "drop 1st syn"}, {VT_DIR_BACK, "drop 1st synack"}};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct scene s;
        struct scene_segs segs;
        scene_open(&s, 12);
        scene_pair(&s, "delay 10ms");
        scene_fault(&s, "a-b", lost[i].dir, lost[i].fault);
        scene_listen(&s, "b", "10.0.0.2:9528", 10);
        scene_connect(&s, "a", "10.0.0.2:9528");
        scene_run(&s, 5 * VT_SEC);
        assert_int_equal(scene_drops(&s, 0, "", VT_DROP_CABLE_TARGET), 1);
        assert_int_equal(scene_state(&s, "a", PORT), VT_TCP_ESTABLISHED);
        assert_int_equal(scene_state(&s, "b", PORT), VT_TCP_ESTABLISHED);
        scene_segs(&s, 0, PORT, &segs);
        for (size_t k = 1; k < segs.n; k++)
            if ((segs.at[k]->u.seg.flags & (VT_SYN | VT_ACK)) == VT_SYN)
                assert_int_equal(segs.at[k]->u.seg.seq, segs.at[0]->u.seg.seq);
        assert_true(scene_entered(&s, 0, "b", PORT, VT_TCP_ESTABLISHED) >= (vt_time)VT_SEC);
        scene_close(&s);
    }
}

/* ---- S18 ---- */

/* Half-open connections: those whose third segment has not come. No more than listen's number of them, and
 * one, as on Linux; what comes beyond is refused where there are no cookies. */
static void test_s18_backlog_bounds_the_half_open(void **state)
{
    enum {
        BACKLOG = 4,
        CLIENTS = 7
    };
    struct scene s;
    (void)state;
    scene_open(&s, 18);
    scene_pair(&s, "delay 1ms");
    scene_knob(&s, "b", "net.ipv4.tcp_syncookies", 0);
    scene_listen(&s, "b", "10.0.0.2:9528", BACKLOG);
    scene_connect(&s, "a", "10.0.0.2:9528"); /* so that both have learned the other's MAC */
    scene_run(&s, 10 * VT_MSEC);
    scene_fault(&s, "a-b", VT_DIR_FORTH, "drop ack"); /* nobody completes any more */
    size_t mark = scene_mark(&s);
    for (unsigned i = 0; i < CLIENTS; i++)
        scene_connect(&s, "a", "10.0.0.2:9528");
    scene_run(&s, 10 * VT_MSEC);
    assert_int_equal(scene_drops(&s, mark, "b", VT_DROP_TCP_SYN_QUEUE), CLIENTS - BACKLOG - 1);
    assert_int_equal(scene_count(&s, mark, "b", VT_EV_TCP_QUEUE), CLIENTS - BACKLOG - 1);
    const struct vt_event *full = scene_find(&s, mark, "b", VT_EV_TCP_QUEUE, 0);
    assert_int_equal(full->u.queue.accept, 0);
    assert_int_equal(full->u.queue.len, BACKLOG + 1);
    assert_int_equal(full->u.queue.limit, BACKLOG);
    size_t answers = 0;
    struct scene_segs segs;
    scene_segs(&s, mark, PORT, &segs);
    for (size_t i = 0; i < segs.n; i++)
        answers += scene_is(&s, segs.at[i], "b", VT_SYN | VT_ACK);
    assert_int_equal(answers, BACKLOG + 1);
    scene_close(&s);
}

/* Complete connections that nobody accepts wait too, as many and one, as on Linux; the others are not told
 * no: they ask again, and come in when there is room. */
static void test_s18_the_rest_wait_and_come_in(void **state)
{
    enum {
        BACKLOG = 3,
        CLIENTS = 6
    };
    struct scene s;
    int client[CLIENTS];
    (void)state;
    scene_open(&s, 18);
    scene_pair(&s, "delay 1ms");
    scene_knob(&s, "b", "net.ipv4.tcp_syncookies", 0);
    int listener = scene_listen(&s, "b", "10.0.0.2:9528", BACKLOG);
    for (unsigned i = 0; i < CLIENTS; i++)
        client[i] = scene_connect(&s, "a", "10.0.0.2:9528");
    scene_run(&s, 100 * VT_MSEC);
    unsigned waiting = 0;
    struct vt_host *b = scene_enter(&s, "b");
    int fd[CLIENTS];
    while (waiting < CLIENTS && (fd[waiting] = vt_accept(b, listener, NULL)) >= 0)
        waiting++;
    assert_in_range(waiting, BACKLOG, BACKLOG + 1);
    for (unsigned round = 0; round < 20 && waiting < CLIENTS; round++) {
        scene_run(&s, 2 * VT_SEC);
        b = scene_enter(&s, "b");
        while (waiting < CLIENTS && (fd[waiting] = vt_accept(b, listener, NULL)) >= 0)
            waiting++;
    }
    assert_int_equal(waiting, CLIENTS);
    /* And each is whole. */
    for (unsigned i = 0; i < CLIENTS; i++)
        scene_say(&s, "a", client[i], "x");
    scene_run(&s, 2 * VT_SEC);
    for (unsigned i = 0; i < CLIENTS; i++)
        scene_hear(&s, "b", fd[i], "x");
    scene_close(&s);
}

/* The notes' own number: ten clients at once find their place without one SYN being turned away. */
static void test_s18_listen_10_takes_ten_at_once(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 18);
    scene_pair(&s, "delay 1ms");
    int at_a, at_b;
    scene_join(&s, 7, &at_a, &at_b); /* so that no SYN has to wait for ARP, which keeps eight */
    int listener = scene_listen(&s, "b", "10.0.0.2:9528", 10);
    for (unsigned i = 0; i < 10; i++)
        scene_connect(&s, "a", "10.0.0.2:9528");
    scene_run(&s, 100 * VT_MSEC);
    for (unsigned i = 0; i < 10; i++)
        scene_accept(&s, "b", listener);
    assert_int_equal(scene_count(&s, 0, "b", VT_EV_TCP_QUEUE), 0);
    assert_int_equal(scene_drops(&s, 0, "b", VT_DROP_TCP_SYN_QUEUE), 0);
    scene_close(&s);
}

/* ---- S09 ---- */

/* Both talk at once, and each hears the other: one channel, two directions. */
static void test_s09_a_channel_both_ways(void **state)
{
    struct scene s;
    int at_a, at_b;
    (void)state;
    scene_open(&s, 9);
    scene_pair(&s, "delay 10ms");
    scene_join(&s, PORT, &at_a, &at_b);
    size_t mark = scene_mark(&s);
    scene_say(&s, "a", at_a, "from the client");
    scene_say(&s, "b", at_b, "from the server");
    scene_run(&s, VT_SEC);
    /* They crossed: each was sent before the other had come. */
    struct scene_segs segs;
    scene_segs(&s, mark, PORT, &segs);
    assert_true(scene_is(&s, segs.at[0], "a", VT_ACK) && scene_is(&s, segs.at[1], "b", VT_ACK));
    assert_int_equal(segs.at[0]->time, segs.at[1]->time);
    assert_int_equal(segs.at[0]->u.seg.ack, segs.at[1]->u.seg.seq);
    assert_int_equal(segs.at[1]->u.seg.ack, segs.at[0]->u.seg.seq);
    scene_hear(&s, "a", at_a, "from the server");
    scene_hear(&s, "b", at_b, "from the client");
    scene_close(&s);
}

/* IP finds the computer, the port finds the program. */
static void test_s09_address_and_port_name_a_program(void **state)
{
    static const char *const name[4] = {"10.0.0.2:9528", "10.0.0.2:9529", "10.0.0.3:9528", "10.0.0.3:9529"};
    struct scene s;
    int listener[4], client[4];
    (void)state;
    scene_open(&s, 9);
    assert_int_equal(vt_lab_add_switch(s.lab, "s1"), 0);
    scene_host(&s, "a");
    scene_host(&s, "b");
    scene_host(&s, "c");
    scene_cable(&s, "a", "10.0.0.1/24", "s1", NULL, NULL);
    scene_cable(&s, "b", "10.0.0.2/24", "s1", NULL, NULL);
    scene_cable(&s, "c", "10.0.0.3/24", "s1", NULL, NULL);
    for (unsigned i = 0; i < 4; i++)
        listener[i] = scene_listen(&s, i < 2 ? "b" : "c", name[i], 10);
    for (unsigned i = 0; i < 4; i++)
        client[i] = scene_connect(&s, "a", name[i]);
    scene_run(&s, VT_SEC);
    for (unsigned i = 0; i < 4; i++)
        scene_say(&s, "a", client[i], name[i]);
    scene_run(&s, VT_SEC);
    for (unsigned i = 0; i < 4; i++) {
        const char *host = i < 2 ? "b" : "c";
        int fd = scene_accept(&s, host, listener[i]);
        scene_hear(&s, host, fd, name[i]);
        assert_int_equal(vt_accept(scene_enter(&s, host), listener[i], NULL), -VT_EAGAIN);
    }
    scene_close(&s);
}

/* ---- S07 ---- */

/* The notes' own server, 127.0.0.2:9528, and its client on one host: no frame leaves it. */
static void test_s07_server_and_client_on_one_host(void **state)
{
    struct scene_term server = {0}, client = {.in = "on one host\nq\n"};
    struct scene s;
    (void)state;
    scene_open(&s, 7);
    scene_pair(&s, NULL);
    scene_run(&s, VT_SEC);
    size_t mark = scene_mark(&s);
    scene_spawn(&s, "a", "echo server 127.0.0.2:9528", &server);
    scene_spawn(&s, "a", "echo client 127.0.0.2:9528", &client);
    assert_int_equal(scene_wait(&s, &client, 10 * VT_SEC), 0);
    assert_string_equal(client.out, "on one host\n");
    const struct vt_event *syn = scene_find(&s, mark, "a", VT_EV_TCP_TX, 0);
    assert_int_equal(syn->u.seg.dst[12], 127);
    assert_int_equal(syn->u.seg.dst[15], 2);
    assert_int_equal(syn->u.seg.src[12], 127);
    assert_int_equal(scene_count(&s, mark, NULL, VT_EV_PORT_TX), 0);
    assert_int_equal(scene_count(&s, mark, NULL, VT_EV_ARP_TX), 0);
    scene_close(&s);
}

static void test_s07_localhost_is_127_0_0_1(void **state)
{
    struct scene_term server = {0}, client = {.in = "by name\nq\n"}, other = {.in = "q\n"};
    struct scene s;
    struct vt_addr addr;
    (void)state;
    scene_open(&s, 7);
    scene_pair(&s, NULL);
    assert_int_equal(vt_getaddrinfo(scene_enter(&s, "a"), "LocalHost", &addr), 0);
    assert_true(vt_ip_eq(addr.ip, VT_IP4_LOOPBACK));
    scene_spawn(&s, "a", "echo server localhost:9528", &server);
    scene_run(&s, VT_SEC);
    assert_non_null(strstr(server.out, "127.0.0.1:9528"));
    scene_spawn(&s, "a", "echo client localhost:9528", &client);
    assert_int_equal(scene_wait(&s, &client, 10 * VT_SEC), 0);
    assert_string_equal(client.out, "by name\n");
    /* It is the host's own: b's localhost is b, where nobody listens, and no frame goes to a. */
    size_t mark = scene_mark(&s);
    scene_spawn(&s, "b", "echo client localhost:9528", &other);
    assert_int_equal(scene_wait(&s, &other, 10 * VT_SEC), 1);
    assert_non_null(strstr(other.err, "Connection refused"));
    assert_int_equal(scene_count(&s, mark, NULL, VT_EV_PORT_TX), 0);
    /* And each address of 127/8 is another name: 127.0.0.2 was not listened on. */
    scene_spawn(&s, "a", "echo client 127.0.0.2:9528", &other);
    assert_int_equal(scene_wait(&s, &other, 10 * VT_SEC), 1);
    scene_close(&s);
}

/* Dotted decimal, from 0.0.0.0 to 255.255.255.255, and nothing beyond. */
static void test_s07_dotted_decimal(void **state)
{
    static const char *const good[] = {"0.0.0.0", "10.0.0.2", "127.255.255.254", "255.255.255.255"};
    static const char *const bad[] = {"256.0.0.1", "1.2.3",      "1.2.3.4.5", "1.2.3.-4",
                                      "1..2.3",    "0x7f.0.0.1", ""};
    struct scene s;
    struct vt_addr addr;
    (void)state;
    scene_open(&s, 7);
    struct vt_host *a = scene_host(&s, "a");
    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
        unsigned b[4];
        assert_int_equal(vt_getaddrinfo(a, good[i], &addr), 0);
        assert_int_equal(sscanf(good[i], "%u.%u.%u.%u", &b[0], &b[1], &b[2], &b[3]), 4);
        assert_true(vt_ip_eq(addr.ip, VT_IP4(b[0], b[1], b[2], b[3])));
    }
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(vt_getaddrinfo(a, bad[i], &addr), -VT_ENOENT);
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_s12_three_segments),
        cmocka_unit_test(test_s12_third_segment_may_carry_data),
        cmocka_unit_test(test_s12_a_lost_syn_is_sent_again),
        cmocka_unit_test(test_s18_backlog_bounds_the_half_open),
        cmocka_unit_test(test_s18_the_rest_wait_and_come_in),
        cmocka_unit_test(test_s18_listen_10_takes_ten_at_once),
        cmocka_unit_test(test_s09_a_channel_both_ways),
        cmocka_unit_test(test_s09_address_and_port_name_a_program),
        cmocka_unit_test(test_s07_server_and_client_on_one_host),
        cmocka_unit_test(test_s07_localhost_is_127_0_0_1),
        cmocka_unit_test(test_s07_dotted_decimal),
    };
    return cmocka_run_group_tests_name("open", tests, NULL, NULL);
}

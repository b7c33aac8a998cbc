/* ICMP: echo, errors that come in, errors that go out, and how many. */
#include "fixture.h"

#define FAR VT_IP4(192, 0, 2, 9)

static int setup(void **state)
{
    struct node *n = node_new(1, NULL);
    struct vt_route r = {.dst = VT_IP4_ANY, .via = PEER};

    assert_int_equal(vt_net_route_add(n->net, &r), 0);
    n->known = true;
    *state = n;
    return 0;
}

static int teardown(void **state)
{
    node_free(*state);
    return 0;
}

static void put_icmp(struct node *n, struct vt_ip dst, const uint8_t *message, uint32_t len)
{
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = dst, .protocol = VT_PROTO_ICMP, .tos = 0x10},
                  message, len);
}

/* An error about a packet of ours: `quoted` is its header, `data` bytes of the pattern its data. */
static void put_error(struct node *n, uint8_t type, uint8_t code, uint16_t mtu, const struct spec *quoted,
                      uint32_t data)
{
    uint8_t quote[PACKET_MAX], message[PACKET_MAX];
    uint32_t len = packet(quote, quoted, pattern(0), data);

    put_icmp(n, HERE, message, icmp(message, type, code, 0, mtu, quote, len < 548 ? len : 548));
}

static const struct spec ours = {
    .src = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 1, 1}},
    .dst = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 9}},
    .df = true,
};

static void test_echo(void **state)
{
    static const uint32_t lens[] = {0, 1, 56, 1472, 5000};
    struct node *n = *state;
    uint8_t message[PACKET_MAX], data[PACKET_MAX], whole[PACKET_MAX];
    struct vt_ipv4_hdr h;
    const struct vt_event *e;

    n->nif[0].mtu = 5100; /* for the arrival in one piece of the last */
    for (unsigned i = 0; i < sizeof lens / sizeof *lens; i++) {
        uint32_t len = icmp(message, VT_ICMP_ECHO, 0, 0x1234, (uint16_t)i, pattern(1), lens[i]), at = 0;
        node_forget(n);
        if (lens[i] == 5000)
            n->nif[0].mtu = 1500;
        put_icmp(n, HERE, message, len);
        assert_int_equal(n->nsent, lens[i] == 5000 ? 4 : 1);
        for (unsigned k = 0; k < n->nsent; k++) {
            uint32_t got = sent(n, k, &h, data);
            memcpy(whole + at, data, got);
            at += got;
        }
        assert_true(vt_ip_eq(h.src, HERE) && vt_ip_eq(h.dst, PEER));
        assert_int_equal(h.tos, 0x10); /* RFC 1122 3.2.2.6 */
        assert_int_equal(h.ttl, 64);
        assert_int_equal(at, len);
        assert_int_equal(whole[0], VT_ICMP_ECHO_REPLY);
        assert_memory_equal(whole + 4, message + 4, len - 4);
        assert_int_equal(vt_sum_finish(vt_sums_portable.add(0, whole, len)), 0);
        e = last_event(n, VT_EV_ICMP_TX);
        assert_int_equal(e->u.icmp.type, VT_ICMP_ECHO_REPLY);
        assert_int_equal(e->u.icmp.ident, 0x1234);
        assert_int_equal(e->u.icmp.seq, i);
        assert_int_equal(e->cause, last_event(n, VT_EV_ICMP_RX)->id);
        assert_int_equal(last_event(n, VT_EV_ICMP_RX)->u.icmp.len, len);
    }
    assert_int_equal(drops(n), 0);
}

static void reply_input(void *ctx, struct vt_pbuf *p, const struct vt_ip_in *in)
{
    unsigned *count = ctx;

    ++*count;
    assert_int_equal(in->protocol, VT_PROTO_ICMP);
    assert_int_equal(vt_pbuf_peek(p, 8)[0], VT_ICMP_ECHO_REPLY);
    vt_pbuf_free(p);
}

static void test_echo_reply_goes_up(void **state)
{
    struct node *n = *state;
    uint8_t message[64];
    uint32_t len = icmp(message, VT_ICMP_ECHO_REPLY, 0, 1, 2, "abc", 3);
    unsigned count = 0;

    put_icmp(n, HERE, message, len);
    assert_dropped(n, VT_DROP_ICMP_NO_MATCH);
    vt_net_register(n->net, VT_PROTO_ICMP, &(struct vt_proto_ops){.input = reply_input, .ctx = &count});
    put_icmp(n, HERE, message, len);
    assert_int_equal(count, 1);
    /* Requests and errors do not. */
    put_icmp(n, HERE, message, icmp(message, VT_ICMP_ECHO, 0, 1, 2, "abc", 3));
    assert_int_equal(count, 1);
    message[9] ^= 1;
    put_icmp(n, HERE, message, len);
    assert_dropped(n, VT_DROP_ICMP_CHECKSUM);
}

static void test_v34_truncated(void **state)
{
    struct node *n = *state;
    uint8_t message[64], quote[64];
    uint32_t len;

    icmp(message, VT_ICMP_ECHO, 0, 1, 2, NULL, 0);
    for (uint32_t cut = 0; cut < 8; cut++) {
        put_icmp(n, HERE, message, cut);
        assert_dropped(n, VT_DROP_ICMP_SHORT);
    }
    /* An error whose quote has no whole IP header, or less than 8 bytes behind it. */
    len = packet(quote, &ours, pattern(0), 8);
    for (uint32_t cut = 0; cut < len; cut++) {
        put_icmp(n, HERE, message, icmp(message, VT_ICMP_UNREACHABLE, VT_ICMP_PORT, 0, 0, quote, cut));
        assert_dropped(n, VT_DROP_ICMP_SHORT);
    }
    put_icmp(n, HERE, message, icmp(message, VT_ICMP_UNREACHABLE, VT_ICMP_PORT, 0, 0, quote, len));
    assert_int_equal(n->errors, 1);
    quote[0] = 0x4f; /* a header of 60 bytes, in a quote of 28 */
    put_icmp(n, HERE, message, icmp(message, VT_ICMP_UNREACHABLE, VT_ICMP_PORT, 0, 0, quote, len));
    assert_dropped(n, VT_DROP_ICMP_SHORT);
    assert_int_equal(n->errors, 1);
    assert_int_equal(n->nsent, 0);
}

static void test_error_goes_up(void **state)
{
    struct node *n = *state;
    struct spec other = ours;

    put_error(n, VT_ICMP_UNREACHABLE, VT_ICMP_PORT, 0, &ours, 40);
    assert_int_equal(n->errors, 1);
    assert_int_equal(n->error.type, VT_ICMP_UNREACHABLE);
    assert_int_equal(n->error.code, VT_ICMP_PORT);
    assert_int_equal(n->error.protocol, VT_PROTO_UDP);
    assert_true(vt_ip_eq(n->error.src, HERE));
    assert_true(vt_ip_eq(n->error.dst, FAR));
    assert_true(vt_ip_eq(n->error.from, PEER));
    assert_int_equal(n->error.mtu, 0);
    assert_int_equal(n->error.quote_len, 40);
    assert_memory_equal(n->quote, pattern(0), 40);
    assert_int_equal(n->core.delivered, 1);
    assert_int_equal(n->core.ev.cause.n, last_event(n, VT_EV_ICMP_RX)->id);
    put_error(n, VT_ICMP_TIME_EXCEEDED, VT_ICMP_TTL, 0, &ours, 400);
    assert_int_equal(n->error.type, VT_ICMP_TIME_EXCEEDED);
    assert_int_equal(n->error.quote_len, 60);
    put_error(n, VT_ICMP_PARAMETER, 0, 0, &ours, 40);
    assert_int_equal(n->errors, 3);
    assert_int_equal(drops(n), 0);

    /* About a packet that is not from here, or not from whom it is sent to, a later fragment, a protocol that
     * nobody speaks, and what the protocol does not know. */
    other.src = VT_IP4(10, 0, 1, 9);
    put_error(n, VT_ICMP_UNREACHABLE, VT_ICMP_PORT, 0, &other, 40);
    assert_dropped(n, VT_DROP_ICMP_NO_MATCH);
    other.src = VT_IP4_LOOPBACK;
    put_error(n, VT_ICMP_UNREACHABLE, VT_ICMP_PORT, 0, &other, 40);
    assert_dropped(n, VT_DROP_ICMP_NO_MATCH);
    other = ours;
    other.offset = 8;
    put_error(n, VT_ICMP_UNREACHABLE, VT_ICMP_PORT, 0, &other, 40);
    assert_dropped(n, VT_DROP_ICMP_NO_MATCH);
    other = ours;
    other.protocol = 99;
    put_error(n, VT_ICMP_UNREACHABLE, VT_ICMP_PORT, 0, &other, 40);
    assert_dropped(n, VT_DROP_ICMP_NO_MATCH);
    assert_int_equal(n->errors, 3);
    n->known = false;
    put_error(n, VT_ICMP_UNREACHABLE, VT_ICMP_PORT, 0, &ours, 40);
    assert_dropped(n, VT_DROP_ICMP_NO_MATCH);
    assert_int_equal(n->errors, 4);
}

/* About these no error is sent, whatever is wrong with them. */
static void test_v35_no_error(void **state)
{
    static const uint8_t errors[] = {3, 4, 5, 11, 12, 1, 2, 7, 30, 42, 255};
    struct node *n = *state;
    struct vt_ip_in in = {.src = PEER, .dst = HERE, .nif = &n->nif[0], .header = 20};
    struct spec about[] = {
        {.src = PEER, .dst = VT_IP4_BROADCAST},
        {.src = PEER, .dst = VT_IP4(10, 0, 1, 255)},
        {.src = PEER, .dst = VT_IP4(224, 0, 0, 1)},
        {.src = PEER, .dst = HERE, .offset = 8},
        {.src = VT_IP4_ANY, .dst = HERE},
        {.src = VT_IP4_BROADCAST, .dst = HERE},
        {.src = VT_IP4(10, 0, 1, 255), .dst = HERE},
        {.src = VT_IP4(224, 0, 0, 1), .dst = HERE},
        {.src = VT_IP4(240, 0, 0, 1), .dst = HERE},
    };
    uint8_t b[128], message[64];
    struct vt_pbuf *p;

    for (unsigned i = 0; i < sizeof about / sizeof *about; i++) {
        p = vt_pbuf_from(n->core.pool, b, packet(b, &about[i], pattern(0), 40));
        vt_icmp_error_send(n->net, p, &in, VT_ICMP_UNREACHABLE, VT_ICMP_PORT, 0);
        vt_pbuf_free(p);
        assert_int_equal(n->nsent, 0);
    }
    for (unsigned i = 0; i < sizeof errors; i++) {
        struct spec s = {.src = PEER, .dst = HERE, .protocol = VT_PROTO_ICMP};
        uint32_t len = icmp(message, errors[i], 0, 0, 0, pattern(0), 28);
        p = vt_pbuf_from(n->core.pool, b, packet(b, &s, message, len));
        vt_icmp_error_send(n->net, p, &in, VT_ICMP_TIME_EXCEEDED, 0, 0);
        vt_pbuf_free(p);
        assert_int_equal(n->nsent, 0);
    }
    in.group = true;
    p = vt_pbuf_from(n->core.pool, b, packet(b, &(struct spec){.src = PEER, .dst = HERE}, pattern(0), 40));
    vt_icmp_error_send(n->net, p, &in, VT_ICMP_UNREACHABLE, VT_ICMP_PORT, 0);
    assert_int_equal(n->nsent, 0);
    /* And about this one it is; about a ping too. */
    in.group = false;
    vt_icmp_error_send(n->net, p, &in, VT_ICMP_UNREACHABLE, VT_ICMP_PORT, 0);
    vt_pbuf_free(p);
    assert_int_equal(n->nsent, 1);
    p = vt_pbuf_from(n->core.pool, b,
                     packet(b, &(struct spec){.src = PEER, .dst = HERE, .protocol = VT_PROTO_ICMP}, message,
                            icmp(message, VT_ICMP_ECHO, 0, 0, 0, NULL, 0)));
    vt_icmp_error_send(n->net, p, &in, VT_ICMP_TIME_EXCEEDED, 0, 0);
    vt_pbuf_free(p);
    assert_int_equal(n->nsent, 2);
}

static uint32_t claim(struct node *n, uint16_t mtu, uint32_t data)
{
    put_error(n, VT_ICMP_UNREACHABLE, VT_ICMP_FRAG_NEEDED, mtu, &ours, data);
    return vt_net_path_mtu(n->net, FAR);
}

static void test_v36_path_mtu(void **state)
{
    struct node *n = *state;

    assert_int_equal(vt_net_path_mtu(n->net, FAR), 1500);
    /* What the protocol does not know is not believed. */
    n->known = false;
    assert_int_equal(claim(n, 1400, 1480), 1500);
    assert_dropped(n, VT_DROP_ICMP_NO_MATCH);
    n->known = true;
    assert_int_equal(claim(n, 1400, 1480), 1400);
    assert_int_equal(n->error.mtu, 1400);
    assert_int_equal(vt_net_path_mtu(n->net, VT_IP4(192, 0, 2, 10)), 1500);
    /* Never up by an error. */
    assert_int_equal(claim(n, 1450, 1480), 1400);
    assert_int_equal(claim(n, 9000, 1480), 1400);
    /* None told: the plateau below the packet's length. */
    assert_int_equal(claim(n, 0, 1380), 1006);
    assert_int_equal(n->error.mtu, 1006);
    /* 68 is what a forger says. */
    assert_int_equal(claim(n, 68, 1380), VT_PMTU_FLOOR);
    assert_int_equal(n->error.mtu, VT_PMTU_FLOOR);
    assert_int_equal(claim(n, 0, 400), VT_PMTU_FLOOR);
    assert_int_equal(claim(n, 1, 1380), VT_PMTU_FLOOR);
    /* RFC 1191 6.3 */
    node_wait(n, 600 * VT_SEC - 1);
    assert_int_equal(vt_net_path_mtu(n->net, FAR), VT_PMTU_FLOOR);
    node_wait(n, 1);
    assert_int_equal(vt_net_path_mtu(n->net, FAR), 1500);
    assert_int_equal(vt_pmtu_claim(0, 65535), 32000);
    assert_int_equal(vt_pmtu_claim(0, 1492), 1006);
    assert_int_equal(vt_pmtu_claim(0, 1493), 1492);
}

/* What is sent keeps to it, from the very next packet, until it is forgotten. */
static void test_v36_output_keeps_to_it(void **state)
{
    struct node *n = *state;
    uint32_t generation;

    assert_int_equal(send_pattern(n, HERE, FAR, 1480, true), 0);
    generation = vt_net_generation(n->net);
    claim(n, 1000, 1480);
    assert_int_not_equal(vt_net_generation(n->net), generation);
    node_forget(n);
    assert_int_equal(send_pattern(n, HERE, FAR, 981, true), -VT_EMSGSIZE);
    assert_int_equal(send_pattern(n, HERE, FAR, 980, true), 0);
    assert_int_equal(n->nsent, 1);
    node_forget(n);
    assert_int_equal(send_pattern(n, HERE, FAR, 1480, false), 0);
    assert_int_equal(n->nsent, 2);
    assert_true(n->sent[0].p->len <= 1000);
    node_wait(n, 600 * VT_SEC);
    node_forget(n);
    assert_int_equal(send_pattern(n, HERE, FAR, 1480, true), 0);
}

/* The table is bounded: many paths, and the last is known all the same. */
static void test_v36_table_is_bounded(void **state)
{
    struct node *n = *state;
    unsigned known = 0;

    for (unsigned i = 0; i < 2000; i++) {
        vt_pmtu_learn(n->net, VT_IP4(172, 16, i >> 8, i & 255), 1200);
        assert_int_equal(vt_net_path_mtu(n->net, VT_IP4(172, 16, i >> 8, i & 255)), 1200);
        node_wait(n, VT_MSEC);
    }
    for (unsigned i = 0; i < 2000; i++)
        known += vt_net_path_mtu(n->net, VT_IP4(172, 16, i >> 8, i & 255)) == 1200;
    assert_int_equal(known, VT_PMTU_SETS * VT_PMTU_WAYS);
}

static void test_v38_source_quench_and_redirect(void **state)
{
    static const uint8_t types[] = {4, 5, 6, 9, 10, 13, 14, 15, 16, 17, 18, 30, 255};
    struct node *n = *state;
    uint8_t quote[128], message[256];
    uint32_t len = packet(quote, &ours, pattern(0), 40), generation = vt_net_generation(n->net);

    for (unsigned i = 0; i < sizeof types; i++) {
        /* A redirect's gateway is a neighbour that is none: 10.0.1.66. */
        put_icmp(n, HERE, message, icmp(message, types[i], 1, 0x0a00, 0x0142, quote, len));
        assert_dropped(n, VT_DROP_ICMP_IGNORED);
    }
    assert_int_equal(n->errors, 0);
    assert_int_equal(n->nsent, 0);
    assert_int_equal(vt_net_generation(n->net), generation);
    assert_int_equal(send_pattern(n, HERE, FAR, 10, false), 0);
    assert_true(vt_ip_eq(n->sent[0].next_hop, PEER));
}

static void test_v39_broadcast_ping(void **state)
{
    struct node *n = *state;
    uint8_t message[64], b[128];
    uint32_t len = icmp(message, VT_ICMP_ECHO, 0, 1, 2, "abc", 3);
    struct spec s = {.src = PEER, .dst = HERE, .protocol = VT_PROTO_ICMP};

    put_icmp(n, VT_IP4_BROADCAST, message, len);
    assert_dropped(n, VT_DROP_ICMP_BROADCAST);
    put_icmp(n, VT_IP4(10, 0, 1, 255), message, len);
    assert_dropped(n, VT_DROP_ICMP_BROADCAST);
    put_icmp(n, VT_IP4(224, 0, 0, 1), message, len);
    assert_dropped(n, VT_DROP_ICMP_BROADCAST);
    inject_group(n, 0, b, packet(b, &s, message, len));
    assert_dropped(n, VT_DROP_ICMP_BROADCAST);
    assert_int_equal(n->nsent, 0);
    /* An error to all is nobody's. */
    len = packet(b, &ours, pattern(0), 40);
    put_icmp(n, VT_IP4_BROADCAST, message, icmp(message, VT_ICMP_UNREACHABLE, VT_ICMP_HOST, 0, 0, b, 28));
    assert_int_equal(n->errors, 0);
    assert_dropped(n, VT_DROP_ICMP_NO_MATCH);
}

/* Who wants to may have them answered: from an address, not from the broadcast. */
static void test_v39_knob(void **state)
{
    struct vt_net_config config = {.echo_broadcast = true};
    struct node *n = node_new(1, &config);
    uint8_t message[64], data[PACKET_MAX];
    struct vt_ipv4_hdr h;

    (void)state;
    put_icmp(n, VT_IP4_BROADCAST, message, icmp(message, VT_ICMP_ECHO, 0, 1, 2, "abc", 3));
    assert_int_equal(n->nsent, 1);
    sent(n, 0, &h, data);
    assert_true(vt_ip_eq(h.src, HERE) && vt_ip_eq(h.dst, PEER));
    node_free(n);
}

/* Asks for `count` errors to `src` at once; returns how many were sent. */
static unsigned burst(struct node *n, struct vt_ip src, unsigned count)
{
    struct spec s = {.src = src, .dst = HERE, .protocol = 99};
    unsigned total = 0;

    for (unsigned i = 0; i < count; i++) {
        inject_packet(n, 0, &s, pattern(0), 40);
        total += n->nsent;
        node_forget(n);
    }
    return total;
}

static void test_v40_rate_limit(void **state)
{
    struct node *n = *state;
    unsigned first = burst(n, PEER, 100), total = 0;

    assert_true(first >= 6 && first <= 20);
    assert_int_equal(vt_net_stats(n->net)->icmp_limited, 100 - first);
    /* The long run keeps to ten a second. */
    for (unsigned i = 0; i < 100; i++) {
        node_wait(n, 100 * VT_MSEC);
        total += burst(n, PEER, 10);
    }
    assert_true(total >= 80 && total <= 120);
    /* What the limit took was made, and has a fate. */
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = HERE, .protocol = 99}, pattern(0), 40);
    if (n->nsent == 0) {
        assert_int_equal(n->core.drops[VT_DROP_ICMP_LIMIT], 1);
        assert_int_equal(n->core.drops[VT_DROP_IP_PROTOCOL], 1);
        assert_int_equal(events(n, VT_EV_ICMP_TX), 1);
    }
}

/* Nobody learns by his own errors how many another was sent: CVE-2020-25705 counted a shared limit. */
static void test_v40_no_oracle(void **state)
{
    struct vt_ip victim = VT_IP4(10, 0, 1, 40), spy = VT_IP4(10, 0, 1, 50);
    unsigned seen[2][64], differ = 0, spread = 0;

    (void)state;
    for (unsigned busy = 0; busy < 2; busy++) {
        for (unsigned i = 0; i < 64; i++) {
            struct node *n = node_new(i, NULL);
            if (busy != 0)
                burst(n, victim, 100);
            seen[busy][i] = burst(n, spy, 100);
            node_free(n);
        }
    }
    /* Each destination has a full bucket, whatever was sent to others... */
    for (unsigned i = 0; i < 64; i++) {
        assert_true(seen[0][i] >= 6 && seen[1][i] >= 6);
        differ += seen[0][i] != seen[1][i];
        spread += seen[0][i] != seen[0][0];
    }
    /* ... and how much one holds is not the same twice. */
    assert_true(differ > 10);
    assert_true(spread > 10);
}

/* The table of buckets is bounded, and an address that comes back to a full one is served. */
static void test_v40_table_is_bounded(void **state)
{
    struct node *n = *state;

    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(burst(n, VT_IP4(10, 77, i >> 8, 1 + (i & 127)), 1), 1);
}

/* A neighbour does not answer to a packet of our own: its protocol is told, softly, and nothing is sent. */
static void test_own_neighbour_unreachable(void **state)
{
    struct node *n = *state;
    struct vt_pbuf *p;

    assert_int_equal(send_pattern(n, HERE, FAR, 100, false), 0);
    p = n->sent[0].p;
    n->nsent = 0;
    n->nif[0].unreachable(&n->nif[0], p);
    assert_int_equal(n->nsent, 0);
    assert_int_equal(n->errors, 1);
    assert_int_equal(n->error.type, VT_ICMP_UNREACHABLE);
    assert_int_equal(n->error.code, VT_ICMP_HOST);
    assert_true(vt_ip_eq(n->error.src, HERE));
    assert_true(vt_ip_eq(n->error.dst, FAR));
    assert_int_equal(n->error.quote_len, 60);
    assert_memory_equal(n->quote, pattern(0), 60);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_echo),
        CASE(test_echo_reply_goes_up),
        CASE(test_v34_truncated),
        CASE(test_error_goes_up),
        CASE(test_v35_no_error),
        CASE(test_v36_path_mtu),
        CASE(test_v36_output_keeps_to_it),
        CASE(test_v36_table_is_bounded),
        CASE(test_v38_source_quench_and_redirect),
        CASE(test_v39_broadcast_ping),
        CASE(test_v39_knob),
        CASE(test_v40_rate_limit),
        CASE(test_v40_no_oracle),
        CASE(test_v40_table_is_bounded),
        CASE(test_own_neighbour_unreachable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

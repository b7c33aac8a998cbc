/* What is asked of a packet that comes in, row by row of the failure catalogue; and whom it is then given to.
 */
#include "fixture.h"

static int setup(void **state)
{
    *state = node_new(1, NULL);
    return 0;
}

static int teardown(void **state)
{
    node_free(*state);
    return 0;
}

/* A good packet for us, the bytes to be spoiled. */
static uint32_t good(uint8_t *b, uint32_t data)
{
    return packet(b, &(struct spec){.src = PEER, .dst = HERE}, pattern(0), data);
}

static void resum(uint8_t *b)
{
    unsigned len = (b[0] & 15u) * 4;

    vt_put16(b + 10, 0);
    vt_put16(b + 10, (uint16_t)~vt_ipv4_fold(vt_ipv4_sum(b, len)));
}

static void test_delivers(void **state)
{
    struct node *n = *state;
    struct spec s = {.src = PEER, .dst = HERE, .ttl = 7, .tos = 0x28};

    inject_packet(n, 0, &s, pattern(3), 1480);
    assert_int_equal(n->nup, 1);
    assert_int_equal(n->up_len, 1480);
    assert_memory_equal(n->up_bytes, pattern(3), 1480);
    assert_true(vt_ip_eq(n->up[0].src, PEER) && vt_ip_eq(n->up[0].dst, HERE));
    assert_ptr_equal(n->up[0].nif, &n->nif[0]);
    assert_int_equal(n->up[0].header, 20);
    assert_int_equal(n->up[0].protocol, VT_PROTO_UDP);
    assert_int_equal(n->up[0].ttl, 7);
    assert_int_equal(n->up[0].tos, 0x28);
    assert_false(n->up[0].group);
    assert_int_equal(drops(n), 0);
    assert_int_equal(vt_net_stats(n->net)->in_delivers, 1);
}

static void test_v11_version_and_header_length(void **state)
{
    struct node *n = *state;
    uint8_t b[128];
    uint32_t len = good(b, 30);

    for (uint32_t cut = 0; cut < 20; cut++) {
        inject(n, 0, b, cut);
        assert_dropped(n, VT_DROP_IP_SHORT);
    }
    for (unsigned version = 0; version < 16; version++) {
        b[0] = (uint8_t)(version << 4 | 5);
        resum(b);
        inject(n, 0, b, len);
        if (version != 4)
            assert_dropped(n, VT_DROP_IP_VERSION);
    }
    assert_int_equal(n->nup, 1);
    for (unsigned ihl = 0; ihl < 5; ihl++) {
        b[0] = (uint8_t)(0x40 | ihl);
        resum(b);
        inject(n, 0, b, len);
        assert_dropped(n, VT_DROP_IP_IHL);
    }
    /* 60 bytes of header in a packet of 50. */
    b[0] = 0x4f;
    inject(n, 0, b, len);
    assert_dropped(n, VT_DROP_IP_IHL);
    assert_int_equal(n->nup, 1);
    assert_int_equal(n->nsent, 0);
}

static void test_v12_total_length(void **state)
{
    struct node *n = *state;
    uint8_t b[128];
    uint32_t len = good(b, 10);

    for (unsigned total = 0; total < 20; total++) {
        vt_put16(b + 2, (uint16_t)total);
        resum(b);
        inject(n, 0, b, len);
        assert_dropped(n, VT_DROP_IP_LENGTH);
    }
    vt_put16(b + 2, (uint16_t)(len + 1));
    resum(b);
    inject(n, 0, b, len);
    assert_dropped(n, VT_DROP_IP_LENGTH);
    vt_put16(b + 2, 0xffff);
    resum(b);
    inject(n, 0, b, len);
    assert_dropped(n, VT_DROP_IP_LENGTH);
    assert_int_equal(n->nup, 0);

    /* Ethernet pads to 46 bytes: what is behind the total length is not the packet's. */
    good(b, 10);
    memset(b + len, 0xee, 46 - len);
    inject(n, 0, b, 46);
    assert_int_equal(n->nup, 1);
    assert_int_equal(n->up_len, 10);
    assert_memory_equal(n->up_bytes, pattern(0), 10);
}

static void test_header_checksum(void **state)
{
    struct node *n = *state;
    uint8_t b[128];
    uint32_t len = good(b, 30);

    b[11] ^= 1;
    inject(n, 0, b, len);
    assert_dropped(n, VT_DROP_IP_CHECKSUM);
    assert_int_equal(n->nup, 0);
}

static void with_options(struct node *n, const uint8_t *options, uint16_t len)
{
    struct spec s = {.src = PEER, .dst = HERE, .options = options, .options_len = len};

    node_forget(n);
    inject_packet(n, 0, &s, pattern(0), 30);
}

static void test_v13_malformed_option(void **state)
{
    static const uint8_t bad[][4] = {
        {7, 0, 0, 0}, {7, 1, 0, 0}, {7, 5, 4, 0}, {1, 1, 1, 7}, {0x94, 255, 0, 0}};
    struct node *n = *state;
    struct vt_ipv4_hdr h;
    uint8_t data[PACKET_MAX];

    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        with_options(n, bad[i], 4);
        assert_int_equal(n->nup, 0);
        assert_dropped(n, VT_DROP_IP_OPTION);
        /* RFC 1122 3.2.2.5: told where. */
        assert_int_equal(n->nsent, 1);
        sent(n, 0, &h, data);
        assert_int_equal(data[0], VT_ICMP_PARAMETER);
        assert_int_equal(data[4], i == 3 ? 23 : 20);
    }
    /* Those that are well formed are stepped over. */
    with_options(n, (const uint8_t[]){7, 7, 4, 0, 0, 0, 0, 1, 68, 4, 5, 0, 0x94, 4, 0, 0}, 16);
    assert_int_equal(n->nup, 1);
    assert_int_equal(n->up_len, 30);
    assert_memory_equal(n->up_bytes, pattern(0), 30);
    /* END ends, whatever follows. */
    with_options(n, (const uint8_t[]){0, 7, 0, 0}, 4);
    assert_int_equal(n->nup, 1);
    assert_int_equal(drops(n), 0);
}

static void test_v14_source_route(void **state)
{
    static const uint8_t lsrr[] = {131, 7, 4, 10, 0, 1, 1, 0}, ssrr[] = {1, 137, 7, 4, 10, 0, 1, 1};
    /* A route whose pointer and length lie. */
    static const uint8_t lies[] = {131, 39, 255, 1, 2, 3, 4, 5};
    uint8_t options[40] = {0};
    struct node *n = *state;

    with_options(n, lsrr, sizeof lsrr);
    assert_dropped(n, VT_DROP_IP_SOURCE_ROUTE);
    with_options(n, ssrr, sizeof ssrr);
    assert_dropped(n, VT_DROP_IP_SOURCE_ROUTE);
    memcpy(options, lies, sizeof lies);
    with_options(n, options, sizeof options);
    assert_dropped(n, VT_DROP_IP_SOURCE_ROUTE);
    /* Behind another option, and the last that there is room for. */
    memset(options, VT_IPOPT_NOP, sizeof options);
    memcpy(options + 37, (const uint8_t[]){131, 3, 4}, 3);
    with_options(n, options, sizeof options);
    assert_dropped(n, VT_DROP_IP_SOURCE_ROUTE);
    assert_int_equal(n->nup, 0);
    assert_int_equal(n->nsent, 0);
    assert_int_equal(vt_net_stats(n->net)->in_delivers, 0);
}

/* An error about a packet with the most of options quotes them, carries none itself, and is no longer than
 * 576 bytes (CVE-2019-12256 copied a route out of the quote into its own header). */
static void test_v14_error_is_bounded(void **state)
{
    struct node *n = *state;
    uint8_t options[40], data[PACKET_MAX];
    struct spec s = {.src = PEER, .dst = HERE, .protocol = 99, .options = options, .options_len = 40};
    struct vt_ipv4_hdr h;
    uint32_t len;

    memset(options, VT_IPOPT_NOP, sizeof options);
    memcpy(options, (const uint8_t[]){7, 39, 40}, 3);
    inject_packet(n, 0, &s, pattern(0), 1400);
    assert_dropped(n, VT_DROP_IP_PROTOCOL);
    assert_int_equal(n->nsent, 1);
    len = sent(n, 0, &h, data);
    assert_int_equal(h.header_len, 20);
    assert_int_equal(h.total_len, 576);
    assert_int_equal(data[0], VT_ICMP_UNREACHABLE);
    assert_int_equal(data[1], VT_ICMP_PROTOCOL);
    assert_int_equal(vt_sum_finish(vt_sums_portable.add(0, data, len)), 0);
    assert_int_equal(data[8], 0x4f);
    assert_memory_equal(data + 28, options, 40);
    assert_memory_equal(data + 68, pattern(0), len - 68);
}

static void test_v15_source_address(void **state)
{
    static const struct vt_ip bad[] = {
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255}}, /* limited broadcast */
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 1, 255}},      /* this network's */
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 1, 0}},        /* and the old form of it */
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 224, 0, 0, 1}},       /* multicast */
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 239, 255, 255, 255}},
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1}}, /* loopback */
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 255, 255, 254}},
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0}}, /* nobody */
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 1, 2, 3}},
    };
    struct node *n = *state;
    struct spec s = {.dst = HERE};

    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        s.src = bad[i];
        s.protocol = VT_PROTO_UDP;
        inject_packet(n, 0, &s, pattern(0), 20);
        assert_dropped(n, VT_DROP_IP_SOURCE);
        s.protocol = 99; /* silent: not even an error */
        inject_packet(n, 0, &s, pattern(0), 20);
        assert_dropped(n, VT_DROP_IP_SOURCE);
    }
    assert_int_equal(n->nup, 0);
    assert_int_equal(n->nsent, 0);
    /* A host without an address may ask all. */
    s = (struct spec){.src = VT_IP4_ANY, .dst = VT_IP4_BROADCAST};
    inject_packet(n, 0, &s, pattern(0), 20);
    assert_int_equal(n->nup, 1);
    assert_true(n->up[0].group);
}

static void test_v16_land(void **state)
{
    struct node *n = *state;
    struct spec s = {.src = HERE, .dst = HERE};
    uint8_t echo[16];

    inject_packet(n, 0, &s, pattern(0), 20);
    assert_dropped(n, VT_DROP_IP_LAND);
    s.protocol = VT_PROTO_ICMP;
    inject_packet(n, 0, &s, echo, icmp(echo, VT_ICMP_ECHO, 0, 1, 1, "ping", 4));
    assert_dropped(n, VT_DROP_IP_LAND);
    assert_false(vt_net_run(n->net));
    assert_int_equal(n->nup, 0);
    assert_int_equal(n->nsent, 0);
}

static void test_martians(void **state)
{
    struct node *n = *state;

    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = VT_IP4(127, 0, 0, 1)}, pattern(0), 20);
    assert_dropped(n, VT_DROP_IP_MARTIAN);
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = VT_IP4(240, 0, 0, 1)}, pattern(0), 20);
    assert_dropped(n, VT_DROP_IP_MARTIAN);
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = VT_IP4_ANY}, pattern(0), 20);
    assert_dropped(n, VT_DROP_IP_MARTIAN);
    inject_packet(n, 0, &(struct spec){.src = VT_IP4(250, 0, 0, 1), .dst = HERE}, pattern(0), 20);
    assert_dropped(n, VT_DROP_IP_MARTIAN);
    assert_int_equal(n->nup, 0);
    assert_int_equal(n->nsent, 0);
}

static void test_not_ours(void **state)
{
    struct node *n = *state;

    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = VT_IP4(10, 0, 1, 3)}, pattern(0), 20);
    assert_dropped(n, VT_DROP_IP_NOT_OURS);
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = VT_IP4(224, 0, 0, 251)}, pattern(0), 20);
    assert_dropped(n, VT_DROP_IP_NOT_OURS);
    assert_int_equal(n->nsent, 0);
    assert_int_equal(n->nup, 0);
}

static void test_groups(void **state)
{

    struct node *n = *state;
    uint8_t b[64];

    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = VT_IP4_BROADCAST}, pattern(0), 20);
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = VT_IP4(10, 0, 1, 255)}, pattern(0), 20);
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = VT_IP4(224, 0, 0, 1)}, pattern(0), 20);
    inject_group(n, 0, b, good(b, 20));
    assert_int_equal(n->nup, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_true(n->up[i].group);
    assert_int_equal(drops(n), 0);
}

/* Nothing is unwrapped unasked: IP in IP is a protocol that nobody speaks here. */
static void test_v23_ip_in_ip(void **state)
{
    struct node *n = *state;
    uint8_t inner[64];
    uint32_t len = good(inner, 20);

    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = HERE, .protocol = 4}, inner, len);
    assert_dropped(n, VT_DROP_IP_PROTOCOL);
    assert_int_equal(n->nup, 0);
}

/* The cause of what a packet sets off is the packet. */
static void test_cause(void **state)
{
    struct node *n = *state;
    uint64_t frame;

    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = HERE}, pattern(0), 20);
    frame = n->core.ev.count;
    assert_int_equal(n->up_cause.n, frame);
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = HERE, .protocol = 99}, pattern(0), 20);
    frame++;
    assert_int_equal(last_event(n, VT_EV_ICMP_TX)->cause, frame);
    assert_int_equal(last_event(n, VT_EV_DROP)->cause, frame);
    assert_int_equal(last_event(n, VT_EV_DROP)->u.drop.reason, VT_DROP_IP_PROTOCOL);
    assert_int_equal(n->sent[0].p->ev.n, last_event(n, VT_EV_ICMP_TX)->id);
}

/* The header is found again where vt_ip_in says, as an error needs it. */
static void test_port_unreachable(void **state)
{
    struct node *n = *state;
    struct vt_ip_in in;
    struct vt_pbuf *p;
    struct vt_ipv4_hdr h;
    uint8_t b[64], data[PACKET_MAX];

    p = vt_pbuf_from(n->core.pool, b, good(b, 20));
    in = (struct vt_ip_in){
        .src = PEER, .dst = HERE, .nif = &n->nif[0], .header = 20, .protocol = VT_PROTO_UDP};
    assert_non_null(vt_pbuf_pull(p, 20));
    vt_icmp_unreachable(n->net, p, &in, VT_ICMP_PORT);
    vt_pbuf_free(p);
    assert_int_equal(n->nsent, 1);
    assert_int_equal(sent(n, 0, &h, data), 8 + 40);
    assert_true(vt_ip_eq(h.src, HERE) && vt_ip_eq(h.dst, PEER));
    assert_int_equal(h.tos, 0xc0);
    assert_int_equal(data[0], VT_ICMP_UNREACHABLE);
    assert_int_equal(data[1], VT_ICMP_PORT);
    assert_memory_equal(data + 8, b, 40);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_delivers),
        CASE(test_v11_version_and_header_length),
        CASE(test_v12_total_length),
        CASE(test_header_checksum),
        CASE(test_v13_malformed_option),
        CASE(test_v14_source_route),
        CASE(test_v14_error_is_bounded),
        CASE(test_v15_source_address),
        CASE(test_v16_land),
        CASE(test_martians),
        CASE(test_not_ours),
        CASE(test_groups),
        CASE(test_v23_ip_in_ip),
        CASE(test_cause),
        CASE(test_port_unreachable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

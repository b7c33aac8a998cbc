/* A router: what it passes on, what it does not, and what it says then. */
#include "fixture.h"

static int setup(void **state)
{
    *state = node_new(1, &(struct vt_net_config){.forward = true});
    return 0;
}

static int teardown(void **state)
{
    node_free(*state);
    return 0;
}

/* The one error that was sent, of this type and code. Returns its four bytes behind the checksum. */
static uint32_t assert_error(struct node *n, uint8_t type, uint8_t code)
{
    struct vt_ipv4_hdr h;
    uint8_t data[PACKET_MAX];

    assert_int_equal(n->nsent, 1);
    sent(n, 0, &h, data);
    assert_int_equal(h.protocol, VT_PROTO_ICMP);
    assert_true(vt_ip_eq(h.src, HERE));
    assert_true(vt_ip_eq(h.dst, PEER));
    assert_int_equal(data[0], type);
    assert_int_equal(data[1], code);
    return vt_get32(data + 4);
}

/* S06: a router carries from one LAN to another what a switch cannot: two hosts, each in its own network, and
 * the router between them. */
static void test_s06_router_carries_between_lans(void **state)
{
    struct node *router = *state;
    uint8_t ask[64], data[PACKET_MAX];
    uint32_t len = icmp(ask, VT_ICMP_ECHO, 0, 1, 2, "hello", 5);
    struct vt_ipv4_hdr h;

    inject_packet(router, 0, &(struct spec){.src = PEER, .dst = PEER2, .protocol = VT_PROTO_ICMP}, ask, len);
    assert_int_equal(router->nsent, 1);
    assert_int_equal(router->sent[0].nif, router->nif[1].index);
    assert_true(vt_ip_eq(router->sent[0].next_hop, PEER2));
    assert_int_equal(sent(router, 0, &h, data), len);
    assert_memory_equal(data, ask, len);
    assert_true(vt_ip_eq(h.src, PEER) && vt_ip_eq(h.dst, PEER2));
    assert_int_equal(h.ttl, 63);

    inject_packet(router, 1, &(struct spec){.src = PEER2, .dst = PEER, .protocol = VT_PROTO_ICMP}, ask, len);
    assert_int_equal(router->nsent, 2);
    assert_int_equal(router->sent[1].nif, router->nif[0].index);
    assert_int_equal(drops(router), 0);
    assert_int_equal(vt_net_stats(router->net)->forwarded, 2);
    assert_int_equal(events(router, VT_EV_IP_FORWARD), 2);
    assert_int_equal(router->sent[1].p->ev.n, last_event(router, VT_EV_IP_FORWARD)->id);
    assert_int_equal(last_event(router, VT_EV_IP_FORWARD)->u.ip.ttl, 63);
    assert_int_equal(last_event(router, VT_EV_IP_FORWARD)->cause + 1,
                     last_event(router, VT_EV_IP_FORWARD)->id);
}

static void test_gateway(void **state)
{
    struct node *n = *state;
    struct vt_route r = {.dst = VT_IP4(172, 16, 0, 0), .prefix = 12, .via = VT_IP4(10, 0, 2, 77)};

    assert_int_equal(vt_net_route_add(n->net, &r), 0);
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = VT_IP4(172, 20, 1, 1)}, pattern(0), 10);
    assert_true(vt_ip_eq(n->sent[0].next_hop, r.via));
    /* Back by the way it came: carried too, no redirect. */
    inject_packet(n, 1, &(struct spec){.src = PEER2, .dst = VT_IP4(172, 20, 1, 1)}, pattern(0), 10);
    assert_int_equal(n->nsent, 2);
    assert_int_equal(events(n, VT_EV_ICMP_TX), 0);
}

static void test_ttl(void **state)
{
    struct node *n = *state;
    struct spec s = {.src = PEER, .dst = PEER2, .ttl = 1};
    uint8_t b[128], data[PACKET_MAX];
    struct vt_ipv4_hdr h;
    uint32_t len;

    inject_packet(n, 0, &s, pattern(0), 40);
    assert_dropped(n, VT_DROP_IP_TTL);
    assert_error(n, VT_ICMP_TIME_EXCEEDED, VT_ICMP_TTL);
    /* The quote is what came, TTL and all. */
    len = packet(b, &s, pattern(0), 40);
    sent(n, 0, &h, data);
    assert_memory_equal(data + 8, b, len);
    node_forget(n);
    len = packet(b, &s, pattern(0), 40);
    b[8] = 0;
    vt_put16(b + 10, vt_sum_update(vt_get16(b + 10), 1 << 8 | b[9], b[9]));
    inject(n, 0, b, len);
    assert_dropped(n, VT_DROP_IP_TTL);
    /* To us it may come with its last. */
    node_forget(n);
    s.dst = HERE;
    inject_packet(n, 0, &s, pattern(0), 40);
    assert_int_equal(n->nup, 1);
}

static void test_no_route(void **state)
{
    struct node *n = *state;

    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = VT_IP4(192, 0, 2, 1)}, pattern(0), 40);
    assert_dropped(n, VT_DROP_IP_NO_ROUTE);
    assert_error(n, VT_ICMP_UNREACHABLE, VT_ICMP_NET);
}

static void test_never_forwarded(void **state)
{
    static const uint8_t dst[][4] = {
        {10, 0, 2, 255}, {10, 0, 2, 0}, {224, 0, 0, 251}, {239, 1, 1, 1}, {169, 254, 3, 4},
    };
    struct node *n = *state;
    struct vt_route r = {.dst = VT_IP4_ANY, .via = PEER2};
    uint8_t b[64];

    assert_int_equal(vt_net_route_add(n->net, &r), 0);
    for (unsigned i = 0; i < sizeof dst / sizeof *dst; i++) {
        struct vt_ip ip = VT_IP4(dst[i][0], dst[i][1], dst[i][2], dst[i][3]);
        inject_packet(n, 0, &(struct spec){.src = PEER, .dst = ip}, pattern(0), 10);
        assert_dropped(n, VT_DROP_IP_NO_FORWARD);
    }
    inject_packet(n, 0, &(struct spec){.src = VT_IP4(169, 254, 1, 1), .dst = PEER2}, pattern(0), 10);
    assert_dropped(n, VT_DROP_IP_NO_FORWARD);
    inject_packet(n, 0, &(struct spec){.src = VT_IP4(10, 0, 2, 255), .dst = VT_IP4(8, 8, 8, 8)}, pattern(0),
                  10);
    assert_dropped(n, VT_DROP_IP_NO_FORWARD);
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = VT_IP4(127, 0, 0, 1)}, pattern(0), 10);
    assert_dropped(n, VT_DROP_IP_MARTIAN);
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = VT_IP4(240, 0, 0, 1)}, pattern(0), 10);
    assert_dropped(n, VT_DROP_IP_MARTIAN);
    inject_packet(n, 0, &(struct spec){.src = HERE2, .dst = PEER2}, pattern(0), 10);
    assert_dropped(n, VT_DROP_IP_LAND);
    inject_group(n, 0, b, packet(b, &(struct spec){.src = PEER, .dst = PEER2}, pattern(0), 10));
    assert_dropped(n, VT_DROP_IP_NO_FORWARD);
    assert_int_equal(n->nsent, 0);
    /* To all on our own link: ours, and nobody else's. */
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = VT_IP4_BROADCAST}, pattern(0), 10);
    assert_int_equal(n->nup, 1);
    assert_int_equal(n->nsent, 0);
}

static void test_frag_needed(void **state)
{
    struct node *n = *state;

    n->nif[1].mtu = 1000;
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = PEER2, .df = true}, pattern(0), 981);
    assert_dropped(n, VT_DROP_IP_DF);
    assert_int_equal(assert_error(n, VT_ICMP_UNREACHABLE, VT_ICMP_FRAG_NEEDED), 1000);
    node_forget(n);
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = PEER2, .df = true}, pattern(0), 980);
    assert_int_equal(n->nsent, 1);
    assert_int_equal(drops(n), 0);
}

/* Cut on the way: the first piece has all options, the others those that are to be copied; and what was a
 * piece already stays one. */
static void test_fragments(void **state)
{
    static const uint8_t options[] = {7, 7, 4, 0, 0, 0, 0, 0x94, 4, 0, 0, 0};
    struct node *n = *state;
    struct spec s = {
        .src = PEER, .dst = PEER2, .ident = 0x1234, .options = options, .options_len = sizeof options};
    uint8_t whole[4096], data[PACKET_MAX];
    struct vt_ipv4_hdr h;
    uint32_t at = 0;

    n->nif[1].mtu = 576;
    for (unsigned part = 0; part < 2; part++) {
        node_forget(n);
        s.offset = part == 0 ? 0 : 1400;
        s.mf = part == 0;
        inject_packet(n, 0, &s, pattern((uint8_t)s.offset), 1400);
        assert_int_equal(n->nsent, 3);
        assert_int_equal(events(n, VT_EV_IP_FORWARD), 1);
        assert_int_equal(events(n, VT_EV_IP_FRAGMENT), 1);
        for (unsigned i = 0; i < 3; i++) {
            uint32_t len = sent(n, i, &h, data);
            assert_int_equal(h.header_len, i == 0 ? 32 : 24);
            assert_int_equal(h.ttl, 63);
            assert_int_equal(h.ident, 0x1234);
            assert_int_equal(h.offset, at);
            assert_int_equal(h.mf, part == 0 || i < 2);
            assert_true(h.total_len <= 576);
            memcpy(whole + at, data, len);
            at += len;
        }
    }
    assert_int_equal(at, 2800);
    assert_memory_equal(whole, pattern(0), 2800);
}

static struct vt_pbuf *super_packet(struct node *n, uint16_t gso_size)
{
    uint8_t b[6000];
    struct spec s = {.src = PEER, .dst = PEER2, .protocol = VT_PROTO_TCP, .df = true};
    struct vt_pbuf *p;

    packet(b, &s, pattern(0), 5020);
    b[20 + 12] = 5 << 4;
    p = vt_pbuf_from(n->core.pool, b, 5040);
    p->gso = VT_GSO_TCP4;
    p->gso_size = gso_size;
    return p;
}

static void test_super_segment(void **state)
{
    struct node *n = *state;

    n->nif[0].input(&n->nif[0], super_packet(n, 1460), false);
    assert_int_equal(n->nsent, 1);
    assert_int_equal(n->sent[0].p->len, 5040);
    assert_int_equal(n->sent[0].p->gso, VT_GSO_TCP4);
    assert_int_equal(n->sent[0].p->gso_size, 1460);
    node_forget(n);
    n->nif[1].mtu = 1499;
    n->nif[0].input(&n->nif[0], super_packet(n, 1460), false);
    assert_dropped(n, VT_DROP_IP_DF);
    assert_int_equal(assert_error(n, VT_ICMP_UNREACHABLE, VT_ICMP_FRAG_NEEDED), 1499);
}

/* A block that somebody else holds too is not written to. */
static void test_shared_block_is_not_written(void **state)
{
    struct node *n = *state;
    uint8_t b[1000], after[1000];
    uint32_t len = packet(b, &(struct spec){.src = PEER, .dst = PEER2}, pattern(0), 900);
    struct vt_pbuf *p = vt_pbuf_from(n->core.pool, b, len), *twin = vt_pbuf_clone(p);

    n->nif[0].input(&n->nif[0], p, false);
    assert_int_equal(n->nsent, 1);
    assert_int_equal(vt_pbuf_read(twin, 0, after, sizeof after), len);
    assert_memory_equal(after, b, len);
    vt_pbuf_free(twin);
}

/* The neighbour of a packet that was passed on does not answer. */
static void test_host_unreachable(void **state)
{
    struct node *n = *state;
    struct vt_pbuf *p;
    uint8_t b[128];

    p = vt_pbuf_from(n->core.pool, b, packet(b, &(struct spec){.src = PEER, .dst = PEER2}, pattern(0), 40));
    n->nif[1].unreachable(&n->nif[1], p);
    assert_error(n, VT_ICMP_UNREACHABLE, VT_ICMP_HOST);
    assert_int_equal(n->sent[0].nif, n->nif[0].index);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_s06_router_carries_between_lans),
        CASE(test_gateway),
        CASE(test_ttl),
        CASE(test_no_route),
        CASE(test_never_forwarded),
        CASE(test_frag_needed),
        CASE(test_fragments),
        CASE(test_super_segment),
        CASE(test_shared_block_is_not_written),
        CASE(test_host_unreachable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

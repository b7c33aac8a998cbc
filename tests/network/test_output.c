/* Sending: headers, sources, groups, identifications, fragments, and the loopback. */
#include "fixture.h"

#define FAR VT_IP4(192, 0, 2, 9)

static int setup(void **state)
{
    struct node *n = node_new(1, NULL);
    struct vt_route r = {.dst = VT_IP4_ANY, .via = PEER};

    assert_int_equal(vt_net_route_add(n->net, &r), 0);
    *state = n;
    return 0;
}

static int teardown(void **state)
{
    node_free(*state);
    return 0;
}

static void test_header(void **state)
{
    struct node *n = *state;
    struct vt_pbuf *p = vt_pbuf_from(n->core.pool, pattern(0), 100);
    struct vt_ip_out out = {.src = HERE, .dst = FAR, .protocol = 6, .ttl = 9, .tos = 0x2e, .df = true};
    struct vt_ipv4_hdr h;
    uint8_t data[PACKET_MAX];

    p->ev = vt_event_reserve(&n->core.ev);
    p->mark = 77;
    assert_int_equal(vt_ip_output(n->net, p, &out), 0);
    assert_int_equal(sent(n, 0, &h, data), 100);
    assert_memory_equal(data, pattern(0), 100);
    assert_true(vt_ip_eq(h.src, HERE) && vt_ip_eq(h.dst, FAR));
    assert_true(h.df && !h.mf && h.offset == 0);
    assert_int_equal(h.protocol, 6);
    assert_int_equal(h.ttl, 9);
    assert_int_equal(h.tos, 0x2e);
    assert_int_equal(h.header_len, 20);
    /* By the gateway, and still the packet that the caller made. */
    assert_true(vt_ip_eq(n->sent[0].next_hop, PEER));
    assert_int_equal(n->sent[0].p->ev.n, n->core.ev.count);
    assert_int_equal(n->sent[0].p->mark, 77);
    /* A neighbour, and the default TTL. */
    assert_int_equal(send_pattern(n, HERE, VT_IP4(10, 0, 1, 7), 1, false), 0);
    sent(n, 1, &h, data);
    assert_int_equal(h.ttl, 64);
    assert_true(vt_ip_eq(n->sent[1].next_hop, VT_IP4(10, 0, 1, 7)));
    assert_int_equal(drops(n), 0);
}

static void test_no_route(void **state)
{
    struct node *n = *state;

    assert_int_equal(vt_net_route_del(n->net, VT_IP4_ANY, 0), 0);
    assert_int_equal(send_pattern(n, HERE, FAR, 10, false), -VT_ENETUNREACH);
    assert_dropped(n, VT_DROP_IP_NO_ROUTE);
    assert_int_equal(send_pattern(n, HERE, VT_IP_ANY, 10, false), -VT_ENETUNREACH);
    assert_dropped(n, VT_DROP_IP_NO_ROUTE);
    assert_int_equal(n->nsent, 0);
}

/* A cached way is not taken once the routes say otherwise, or its interface is down. */
static void test_cache_follows_changes(void **state)
{
    struct node *n = *state;
    struct vt_route r = {.dst = FAR, .prefix = 32, .via = VT_IP4(10, 0, 1, 3)};

    assert_int_equal(send_pattern(n, HERE, FAR, 10, false), 0);
    assert_true(vt_ip_eq(n->sent[0].next_hop, PEER));
    assert_int_equal(vt_net_route_add(n->net, &r), 0);
    assert_int_equal(send_pattern(n, HERE, FAR, 10, false), 0);
    assert_true(vt_ip_eq(n->sent[1].next_hop, r.via));
    n->nif[0].flags &= ~(uint32_t)VT_IFF_UP;
    assert_int_equal(send_pattern(n, HERE, FAR, 10, false), -VT_ENETUNREACH);
    n->nif[0].flags |= VT_IFF_UP;
    assert_int_equal(send_pattern(n, HERE, FAR, 10, false), 0);
    assert_int_equal(n->nsent, 3);
}

static int send_to_group(struct node *n, struct vt_ip dst, bool broadcast)
{
    struct vt_pbuf *p = vt_pbuf_from(n->core.pool, pattern(0), 10);
    struct vt_ip_out out = {.src = HERE, .dst = dst, .protocol = 17, .broadcast = broadcast};

    return vt_ip_output(n->net, p, &out);
}

static void test_broadcast(void **state)
{
    struct node *n = *state;

    assert_int_equal(send_to_group(n, VT_IP4_BROADCAST, false), -VT_EACCES);
    assert_dropped(n, VT_DROP_IP_BROADCAST);
    assert_int_equal(send_to_group(n, VT_IP4(10, 0, 1, 255), false), -VT_EACCES);
    assert_dropped(n, VT_DROP_IP_BROADCAST);
    /* Never to a gateway, although there is a default route. */
    assert_int_equal(send_to_group(n, VT_IP4_BROADCAST, true), 0);
    assert_true(vt_ip_eq(n->sent[0].next_hop, VT_IP4_BROADCAST));
    assert_int_equal(n->sent[0].nif, n->nif[0].index);
    assert_int_equal(send_to_group(n, VT_IP4(10, 0, 1, 255), true), 0);
    assert_true(vt_ip_eq(n->sent[1].next_hop, VT_IP4(10, 0, 1, 255)));
    assert_int_equal(send_to_group(n, VT_IP4(224, 0, 0, 251), false), 0);
    assert_true(vt_ip_eq(n->sent[2].next_hop, VT_IP4(224, 0, 0, 251)));
}

static void test_source(void **state)
{
    struct node *n = *state;
    struct vt_ip src;

    assert_int_equal(vt_net_add_addr(n->net, &n->nif[0], VT_IP4(10, 9, 0, 1), 16), 0);
    assert_int_equal(vt_net_source(n->net, PEER, &src), 0);
    assert_true(vt_ip_eq(src, HERE));
    assert_int_equal(vt_net_source(n->net, VT_IP4(10, 9, 3, 4), &src), 0);
    assert_true(vt_ip_eq(src, VT_IP4(10, 9, 0, 1)));
    assert_int_equal(vt_net_source(n->net, FAR, &src), 0);
    assert_true(vt_ip_eq(src, HERE));
    assert_int_equal(vt_net_source(n->net, VT_IP4(10, 9, 0, 1), &src), 0);
    assert_true(vt_ip_eq(src, VT_IP4(10, 9, 0, 1)));
    assert_int_equal(vt_net_source(n->net, VT_IP4(127, 0, 0, 2), &src), 0);
    assert_true(vt_ip_eq(src, VT_IP4(127, 0, 0, 2)));
    assert_int_equal(vt_net_source(n->net, VT_IP4_BROADCAST, &src), 0);
    assert_true(vt_ip_eq(src, HERE));
    assert_int_equal(vt_net_route_del(n->net, VT_IP4_ANY, 0), 0);
    assert_int_equal(vt_net_source(n->net, FAR, &src), -VT_ENETUNREACH);
}

static uint16_t ident_to(struct node *n, struct vt_ip dst)
{
    struct vt_ipv4_hdr h;
    uint8_t data[PACKET_MAX];

    node_forget(n);
    assert_int_equal(send_pattern(n, HERE, dst, 10, false), 0);
    sent(n, 0, &h, data);
    return h.ident;
}

/* What one peer sees says nothing of what others are sent, nor can it be foretold; and the packets of a flow
 * differ. */
static void test_v24_identification(void **state)
{
    struct node *n = *state, *other = node_new(2, NULL);
    uint16_t first = ident_to(n, VT_IP4(10, 0, 1, 20)), second;
    unsigned near = 0, same = 0;

    for (unsigned i = 0; i < 50; i++)
        ident_to(n, VT_IP4(10, 0, 1, 30));
    second = ident_to(n, VT_IP4(10, 0, 1, 20));
    assert_int_equal((uint16_t)(second - first), 1);
    for (unsigned i = 1; i < 100; i++) {
        uint16_t a = ident_to(n, VT_IP4(10, 0, 1, 100 + i)), b = ident_to(other, VT_IP4(10, 0, 1, 100 + i));
        near += (uint16_t)(a - second) < 300;
        same += a == b;
    }
    assert_true(near < 10);
    assert_true(same < 5);
    node_free(other);
}

/* A packet bigger than the link: in pieces, which fit and make up the whole. */
static void test_fragments(void **state)
{
    struct node *n = *state;
    uint8_t whole[PACKET_MAX], *data = malloc(PACKET_MAX);
    struct vt_ipv4_hdr h, first;
    uint32_t len, at = 0;

    assert_non_null(data);
    n->nif[0].mtu = 999; /* 979 of data: 976 are whole units of 8 */
    assert_int_equal(send_pattern(n, HERE, FAR, 4000, false), 0);
    assert_int_equal(n->nsent, 5);
    sent(n, 0, &first, data);
    for (unsigned i = 0; i < n->nsent; i++) {
        len = sent(n, i, &h, data);
        assert_true(h.total_len <= 999);
        assert_int_equal(h.offset, at);
        assert_int_equal(h.ident, first.ident);
        assert_int_equal(h.mf, i < 4);
        assert_int_equal(len, i < 4 ? 976 : 4000 - 4 * 976);
        memcpy(whole + at, data, len);
        at += len;
        assert_int_equal(n->sent[i].p->ev.n, n->core.ev.count);
    }
    assert_int_equal(at, 4000);
    assert_memory_equal(whole, pattern(0), 4000);
    assert_int_equal(events(n, VT_EV_IP_FRAGMENT), 1);
    assert_int_equal(last_event(n, VT_EV_IP_FRAGMENT)->u.ip.len, 4020);
    assert_int_equal(vt_net_stats(n->net)->frag_ok, 1);
    assert_int_equal(vt_net_stats(n->net)->frag_created, 5);
    /* The next datagram has another identification. */
    node_forget(n);
    assert_int_equal(send_pattern(n, HERE, FAR, 4000, false), 0);
    sent(n, 0, &h, data);
    assert_int_not_equal(h.ident, first.ident);
    free(data);
}

static void test_df(void **state)
{
    struct node *n = *state;

    assert_int_equal(send_pattern(n, HERE, FAR, 1481, true), -VT_EMSGSIZE);
    assert_dropped(n, VT_DROP_IP_DF);
    assert_int_equal(send_pattern(n, HERE, FAR, 65516, false), -VT_EMSGSIZE);
    assert_dropped(n, VT_DROP_TX_TOO_BIG);
    assert_int_equal(send_pattern(n, HERE, FAR, 1480, true), 0);
    assert_int_equal(n->nsent, 1);
}

/* A partial checksum cannot be completed by whoever sees only a piece. */
static void test_fragments_have_their_checksum(void **state)
{
    struct node *n = *state;
    struct vt_pbuf *p = vt_pbuf_from(n->core.pool, pattern(0), 3000);
    struct vt_ip_out out = {.src = HERE, .dst = FAR, .protocol = VT_PROTO_UDP};
    uint8_t whole[PACKET_MAX];
    uint32_t sum = vt_sum_pseudo(HERE, FAR, VT_PROTO_UDP, 3000), at = 0;
    uint8_t *udp = vt_pbuf_own(p, 8);

    vt_put16(udp + 6, vt_sum_fold(sum));
    p->csum = VT_CSUM_PARTIAL;
    p->csum_offset = 6;
    p->csum_span = 3000;
    assert_int_equal(vt_ip_output(n->net, p, &out), 0);
    for (unsigned i = 0; i < n->nsent; i++) {
        const struct vt_pbuf *q = n->sent[i].p;
        assert_int_not_equal(q->csum, VT_CSUM_PARTIAL);
        at += vt_pbuf_read(q, 20, whole + at, 2000);
    }
    assert_int_equal(at, 3000);
    assert_int_equal(vt_sum_finish(vt_sums_portable.add(sum, whole, 3000)), 0);
}

static struct vt_pbuf *super_segment(struct node *n, uint32_t len, uint16_t gso_size)
{
    struct vt_pbuf *p = vt_pbuf_from(n->core.pool, pattern(0), len);

    vt_pbuf_own(p, 20)[12] = 8 << 4; /* a TCP header of 32 bytes */
    p->gso = VT_GSO_TCP4;
    p->gso_size = gso_size;
    return p;
}

static void test_super_segment_goes_whole(void **state)
{
    struct node *n = *state;
    struct vt_ip_out out = {.src = HERE, .dst = FAR, .protocol = VT_PROTO_TCP, .df = true};
    struct vt_ipv4_hdr h;
    uint8_t data[PACKET_MAX];
    uint16_t ident;

    assert_int_equal(vt_ip_output(n->net, super_segment(n, 32 + 10 * 1448, 1448), &out), 0);
    assert_int_equal(n->nsent, 1);
    assert_int_equal(sent(n, 0, &h, data), 32 + 10 * 1448);
    assert_int_equal(n->sent[0].p->gso_size, 1448);
    ident = h.ident;
    /* Its segments have had identifications of their own. */
    assert_int_equal(vt_ip_output(n->net, super_segment(n, 32 + 10 * 1448, 1448), &out), 0);
    sent(n, 1, &h, data);
    assert_true((uint16_t)(h.ident - ident) >= 10);
    /* A segment of it would not fit. */
    assert_int_equal(vt_ip_output(n->net, super_segment(n, 32 + 10 * 1448, 1449), &out), -VT_EMSGSIZE);
    assert_dropped(n, VT_DROP_IP_DF);
}

/* S07: 127.0.0.1 is the loopback, and so is all of 127/8. */
static void test_s07_loopback(void **state)
{
    struct node *n = *state;

    assert_true(vt_net_is_local(n->net, VT_IP4(127, 0, 0, 1)));
    assert_true(vt_net_is_local(n->net, VT_IP4(127, 255, 3, 9)));
    assert_false(vt_net_is_local(n->net, VT_IP4(128, 0, 0, 1)));
    assert_int_equal(vt_net_path_mtu(n->net, VT_IP4(127, 0, 0, 2)), 65535);
    assert_true((vt_net_features(n->net, VT_IP4(127, 0, 0, 2)) & VT_DEV_TX_TSO4) != 0);

    assert_int_equal(send_pattern(n, VT_IP4(127, 0, 0, 1), VT_IP4(127, 0, 0, 2), 40000, false), 0);
    /* Not before the run: the sender is not called from within its own call. */
    assert_int_equal(n->nup, 0);
    assert_true(vt_net_run(n->net));
    assert_int_equal(n->nup, 1);
    assert_int_equal(n->up_len, 40000);
    assert_memory_equal(n->up_bytes, pattern(0), 40000);
    assert_true(vt_ip_eq(n->up[0].src, VT_IP4(127, 0, 0, 1)));
    assert_true(vt_ip_eq(n->up[0].dst, VT_IP4(127, 0, 0, 2)));
    assert_true((n->up[0].nif->flags & VT_IFF_LOOPBACK) != 0);
    assert_false(vt_net_run(n->net));

    /* Our own address on a wire is ourselves too. */
    assert_int_equal(send_pattern(n, HERE, HERE, 100, false), 0);
    assert_true(vt_net_run(n->net));
    assert_int_equal(n->nup, 2);
    assert_int_equal(n->nsent, 0);
    assert_int_equal(drops(n), 0);

    /* And none of it goes out. */
    assert_int_equal(send_pattern(n, VT_IP4(127, 0, 0, 1), PEER, 100, false), -VT_EINVAL);
    assert_dropped(n, VT_DROP_IP_MARTIAN);
    assert_int_equal(n->nsent, 0);
}

static void test_loopback_is_bounded(void **state)
{
    struct node *n = *state;
    unsigned kept = 0;

    for (unsigned i = 0; i < VT_LOOP_MAX + 10; i++)
        assert_int_equal(send_pattern(n, VT_IP4_LOOPBACK, VT_IP4_LOOPBACK, 10, false), 0);
    assert_int_equal(n->core.drops[VT_DROP_TX_BUSY], 10);
    vt_net_run(n->net);
    assert_int_equal(n->nup, VT_LOOP_MAX);
    node_forget(n);
    for (unsigned i = 0; i < 200; i++)
        send_pattern(n, VT_IP4_LOOPBACK, VT_IP4_LOOPBACK, 65000, false);
    kept = 200 - (unsigned)n->core.drops[VT_DROP_TX_BUSY];
    assert_true(kept * 65020u <= VT_LOOP_BYTES && (kept + 1) * 65020u > VT_LOOP_BYTES);
}

/* An echo with ourselves, asked by the loopback: the answer waits for the next run. */
static void test_loopback_echo(void **state)
{
    struct node *n = *state;
    struct vt_ip_out out = {.src = VT_IP4_LOOPBACK, .dst = VT_IP4(127, 0, 0, 9), .protocol = VT_PROTO_ICMP};
    uint8_t b[32];
    uint32_t len = icmp(b, VT_ICMP_ECHO, 0, 5, 6, "abc", 3);
    struct vt_pbuf *p = vt_pbuf_from(n->core.pool, b, len);

    assert_int_equal(vt_ip_output(n->net, p, &out), 0);
    assert_true(vt_net_run(n->net));
    assert_true(vt_net_run(n->net));
    assert_false(vt_net_run(n->net));
    assert_int_equal(vt_net_stats(n->net)->icmp_in, 2);
    assert_dropped(n, VT_DROP_ICMP_NO_MATCH); /* nobody registered for replies here */
}

static void test_addresses(void **state)
{
    struct node *n = *state;
    uint32_t generation = vt_net_generation(n->net);
    const struct vt_event *e;

    assert_int_equal(vt_net_add_addr(n->net, &n->nif[1], HERE, 24), -VT_EEXIST);
    assert_int_equal(vt_net_add_addr(n->net, &n->nif[1], VT_IP4(224, 0, 0, 5), 24), -VT_EINVAL);
    assert_int_equal(vt_net_add_addr(n->net, &n->nif[1], VT_IP4_ANY, 24), -VT_EINVAL);
    assert_int_equal(vt_net_add_addr(n->net, &n->nif[1], VT_IP4(127, 0, 0, 3), 8), -VT_EINVAL);
    assert_int_equal(vt_net_add_addr(n->net, &n->nif[1], VT_IP4(10, 5, 0, 1), 33), -VT_EINVAL);
    assert_int_equal(vt_net_add_addr(n->net, &n->nif[1], VT_IP_ANY, 64), -VT_EINVAL);
    assert_int_equal(vt_net_generation(n->net), generation);
    node_forget(n);
    assert_int_equal(vt_net_add_addr(n->net, &n->nif[1], VT_IP4(10, 5, 0, 1), 30), 0);
    assert_int_not_equal(vt_net_generation(n->net), generation);
    vt_stream_drain(&n->stream);
    e = last_event(n, VT_EV_ADDR);
    assert_non_null(e);
    assert_int_equal(e->iface, n->nif[1].index);
    assert_int_equal(e->u.ifaddr.prefix, 30);
    assert_ptr_equal(vt_net_route(n->net, VT_IP4(10, 5, 0, 2))->nif, &n->nif[1]);
    assert_true(vt_net_is_broadcast(n->net, VT_IP4(10, 5, 0, 3)));
    assert_false(vt_net_is_broadcast(n->net, VT_IP4(10, 5, 0, 2)));
    for (unsigned i = 0; i < VT_NETIF_ADDRS - 1; i++)
        assert_int_equal(vt_net_add_addr(n->net, &n->nif[1], VT_IP4(10, 6, i, 1), 24), 0);
    assert_int_equal(vt_net_add_addr(n->net, &n->nif[1], VT_IP4(10, 7, 0, 1), 24), -VT_ENOSPC);
    assert_null(vt_net_netif(n->net, 99));
    assert_ptr_equal(vt_net_netif(n->net, n->nif[1].index), &n->nif[1]);
    assert_string_equal(vt_net_netifs(n->net)->name, "lo");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_header),
        CASE(test_no_route),
        CASE(test_cache_follows_changes),
        CASE(test_broadcast),
        CASE(test_source),
        CASE(test_v24_identification),
        CASE(test_fragments),
        CASE(test_df),
        CASE(test_fragments_have_their_checksum),
        CASE(test_super_segment_goes_whole),
        CASE(test_s07_loopback),
        CASE(test_loopback_is_bounded),
        CASE(test_loopback_echo),
        CASE(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

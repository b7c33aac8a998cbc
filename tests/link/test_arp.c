/* ARP and the neighbour table: RFC 826, RFC 1122 2.3.2, RFC 5227. */
#include "station.h"

#define BOB_IP  VT_IP4(10, 0, 0, 2)
#define BOB_MAC bed_mac(2)
#define EVE_MAC bed_mac(666)

static int setup(void **state)
{
    static struct station s;
    station_open(&s, NULL);
    *state = &s;
    return 0;
}

/* A small table, so that its caps are near. */
static int setup_small(void **state)
{
    static struct station s;
    station_open(&s, &(struct vt_eth_config){.neigh_max = 8, .pending_max = 3, .pending_total = 10});
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    station_close(*state);
    return 0;
}

static struct vt_arp request(struct vt_ip from, struct vt_mac mac, struct vt_ip for_ip)
{
    return (struct vt_arp){VT_ARP_REQUEST, mac, {{0}}, from, for_ip};
}

/* ---- Asking ---- */

static void test_asks_then_sends_what_waited(void **state)
{
    struct station *s = *state;
    struct vt_arp a;
    struct vt_mac dst;
    uint8_t b[200];
    for (unsigned i = 0; i < 3; i++)
        station_send(s, BOB_IP, 20 + i, 100 + i);
    station_sent_arp(s, &a, &dst);
    assert_true(vt_mac_eq(dst, VT_MAC_BROADCAST));
    assert_int_equal(a.op, VT_ARP_REQUEST);
    assert_true(vt_ip_eq(a.sender_ip, OUR_IP));
    assert_true(vt_ip_eq(a.target_ip, BOB_IP));
    assert_true(vt_mac_is_zero(a.target_mac));
    assert_int_equal(station_sent_count(s), 0); /* once, not per packet */
    struct vt_neigh_row row = station_neighbour(s, BOB_IP);
    assert_int_equal(row.state, VT_NEIGH_INCOMPLETE);
    assert_int_equal(row.pending, 3);

    station_reply(s, BOB_IP, BOB_MAC);
    for (unsigned i = 0; i < 3; i++) { /* in order, each still because of what made it */
        assert_int_equal(station_sent(s, b, sizeof b), 34 + i);
        assert_memory_equal(b, BOB_MAC.b, 6);
        const struct vt_event *tx = bed_find(&s->bed, VT_EV_PORT_TX, 1 + i);
        assert_int_equal(tx->cause, 100 + i);
    }
    row = station_neighbour(s, BOB_IP);
    assert_int_equal(row.state, VT_NEIGH_REACHABLE);
    assert_int_equal(row.pending, 0);
    assert_true(vt_mac_eq(row.mac, BOB_MAC));
    assert_int_equal(s->core.delivered, 1);

    /* The story, by its causes. */
    const struct vt_event *e = bed_find(&s->bed, VT_EV_NEIGH, 0);
    assert_int_equal(e->cause, 100);
    assert_int_equal(e->u.neigh.from, VT_NEIGH_NONE);
    assert_int_equal(e->u.neigh.to, VT_NEIGH_INCOMPLETE);
    const struct vt_event *asked = bed_find(&s->bed, VT_EV_ARP_TX, 0);
    assert_int_equal(asked->cause, 100);
    assert_int_equal(asked->iface, 2);
    assert_int_equal(bed_find(&s->bed, VT_EV_PORT_TX, 0)->cause, asked->id);
    const struct vt_event *answer = bed_find(&s->bed, VT_EV_ARP_RX, 0);
    assert_int_equal(answer->cause, bed_find(&s->bed, VT_EV_PORT_RX, 0)->id);
    assert_int_equal(answer->u.arp.op, 2);
    assert_memory_equal(answer->u.arp.sender_mac, BOB_MAC.b, 6);
    assert_memory_equal(answer->u.arp.sender_ip, "\x0a\0\0\x02", 4);
    e = bed_find(&s->bed, VT_EV_NEIGH, 1);
    assert_int_equal(e->cause, answer->id);
    assert_int_equal(e->u.neigh.to, VT_NEIGH_REACHABLE);
}

static void test_gives_up_after_three(void **state)
{
    struct station *s = *state;
    vt_time start = s->core.now;
    station_send(s, BOB_IP, 20, 100);
    station_send(s, BOB_IP, 20, 101);
    assert_int_equal(station_sent_count(s), 1);
    station_wait(s, VT_SEC - 1);
    assert_int_equal(station_sent_count(s), 0);
    station_wait(s, 1);
    assert_int_equal(station_sent_count(s), 1);
    station_wait(s, VT_SEC);
    assert_int_equal(station_sent_count(s), 1);
    station_wait(s, VT_SEC - 1);
    assert_int_equal(station_neighbour(s, BOB_IP).state, VT_NEIGH_INCOMPLETE);
    station_wait(s, 1);
    assert_int_equal(s->core.now, start + 3 * VT_SEC);
    assert_int_equal(station_neighbour(s, BOB_IP).state, VT_NEIGH_FAILED);
    assert_int_equal(station_sent_count(s), 0);
    assert_int_equal(bed_drops(&s->bed, VT_DROP_NEIGH_FAILED), 2);
    assert_int_equal(s->unreachable, 2); /* the network floor is told, to send ICMP */
    assert_int_equal(bed_find(&s->bed, VT_EV_DROP, 0)->cause, 100);

    /* Each repetition is because of the one before: the timer that it armed. */
    const struct vt_event *first = bed_find(&s->bed, VT_EV_ARP_TX, 0),
                          *again = bed_find(&s->bed, VT_EV_ARP_TX, 1);
    assert_true(again->cause >= first->id && again->cause < again->id);

    /* The next packet asks anew; nothing is sent to a late guest in between. */
    station_reply(s, BOB_IP, BOB_MAC);
    assert_int_equal(bed_drops(&s->bed, VT_DROP_ARP_UNSOLICITED), 1);
    assert_int_equal(station_neighbour(s, BOB_IP).state, VT_NEIGH_FAILED);
    station_send(s, BOB_IP, 20, 102);
    assert_int_equal(station_sent_count(s), 1);
    station_reply(s, BOB_IP, BOB_MAC);
    assert_int_equal(station_neighbour(s, BOB_IP).state, VT_NEIGH_REACHABLE);
    assert_int_equal(station_sent_count(s), 1);
}

static void test_without_an_up_call_packets_are_freed(void **state)
{
    struct station *s = *state;
    s->nif.unreachable = NULL;
    station_send(s, BOB_IP, 20, 1);
    station_wait(s, 3 * VT_SEC);
    assert_int_equal(bed_drops(&s->bed, VT_DROP_NEIGH_FAILED), 1);
}

/* Above may send while it is told of a failure, even to the same neighbour. */
static void resend(struct vt_netif *nif, struct vt_pbuf *p)
{
    struct station *s = nif->net;
    vt_pbuf_free(p);
    if (s->unreachable++ == 0)
        station_send(s, BOB_IP, 20, 7);
}

static void test_the_up_call_may_send(void **state)
{
    struct station *s = *state;
    s->nif.unreachable = resend;
    for (unsigned i = 0; i < 3; i++)
        station_send(s, BOB_IP, 20, 1);
    station_wait(s, 3 * VT_SEC);
    assert_int_equal(s->unreachable, 3);
    struct vt_neigh_row row = station_neighbour(s, BOB_IP);
    assert_int_equal(row.state, VT_NEIGH_INCOMPLETE);
    assert_int_equal(row.pending, 1);
}

/* ---- The life of an entry ---- */

static void test_unused_goes_stale_and_away(void **state)
{
    struct station *s = *state;
    size_t empty = s->core.mem_used;
    station_meet(s, BOB_IP, BOB_MAC);
    station_wait(s, 30 * VT_SEC - 1);
    assert_int_equal(station_neighbour(s, BOB_IP).state, VT_NEIGH_REACHABLE);
    station_wait(s, 1);
    assert_int_equal(station_neighbour(s, BOB_IP).state, VT_NEIGH_STALE);
    station_wait(s, 60 * VT_SEC - 1);
    assert_int_equal(station_neighbours(s).n, 1);
    station_wait(s, 1);
    assert_int_equal(station_neighbours(s).n, 0);
    assert_int_equal(s->core.mem_used, empty); /* to the byte */
    assert_int_equal(station_sent_count(s), 0);
    assert_int_equal(s->core.wheel.armed, 0);
}

static void test_stale_in_use_is_probed_by_unicast(void **state)
{
    struct station *s = *state;
    struct vt_arp a;
    struct vt_mac dst;
    station_meet(s, BOB_IP, BOB_MAC);
    station_wait(s, 40 * VT_SEC);
    station_send(s, BOB_IP, 20, 1);
    assert_int_equal(station_sent_count(s), 1); /* without waiting */
    assert_int_equal(station_neighbour(s, BOB_IP).state, VT_NEIGH_DELAY);
    station_wait(s, 5 * VT_SEC - 1);
    assert_int_equal(station_sent_count(s), 0);
    station_wait(s, 1);
    station_sent_arp(s, &a, &dst);
    assert_true(vt_mac_eq(dst, BOB_MAC)); /* RFC 1122 2.3.2.1 (2): unicast poll */
    assert_true(vt_ip_eq(a.target_ip, BOB_IP));
    assert_int_equal(station_neighbour(s, BOB_IP).state, VT_NEIGH_PROBE);
    station_reply(s, BOB_IP, BOB_MAC);
    assert_int_equal(station_neighbour(s, BOB_IP).state, VT_NEIGH_REACHABLE);

    /* Used all the time: it goes from REACHABLE to DELAY, and is probed without a gap. */
    for (unsigned i = 0; i < 30; i++) {
        station_wait(s, VT_SEC);
        station_send(s, BOB_IP, 20, 1);
    }
    assert_int_equal(station_neighbour(s, BOB_IP).state, VT_NEIGH_DELAY);
    assert_int_equal(station_sent_count(s), 30);
}

static void test_a_silent_neighbour_fails(void **state)
{
    struct station *s = *state;
    station_meet(s, BOB_IP, BOB_MAC);
    station_wait(s, 31 * VT_SEC);
    station_send(s, BOB_IP, 20, 1);
    station_wait(s, 5 * VT_SEC);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(station_neighbour(s, BOB_IP).state, VT_NEIGH_PROBE);
        station_wait(s, VT_SEC);
    }
    assert_int_equal(station_neighbour(s, BOB_IP).state, VT_NEIGH_FAILED);
    assert_int_equal(station_sent_count(s), 1 + 3);
    station_send(s, BOB_IP, 20, 1); /* waits now */
    struct vt_arp a;
    struct vt_mac dst;
    station_sent_arp(s, &a, &dst);
    assert_true(vt_mac_eq(dst, VT_MAC_BROADCAST));
    assert_int_equal(station_neighbour(s, BOB_IP).pending, 1);
}

static void test_advice_saves_the_probe(void **state)
{
    struct station *s = *state;
    vt_eth_confirm(s->eth, BOB_IP); /* of nobody: nothing */
    assert_int_equal(station_neighbours(s).n, 0);
    station_meet(s, BOB_IP, BOB_MAC);
    for (unsigned i = 0; i < 20; i++) {
        station_wait(s, 10 * VT_SEC);
        station_send(s, BOB_IP, 20, 1);
        vt_eth_confirm(s->eth, BOB_IP);
        assert_int_equal(station_neighbour(s, BOB_IP).state, VT_NEIGH_REACHABLE);
    }
    assert_int_equal(station_sent_count(s), 20); /* no ARP among them */
    station_wait(s, 31 * VT_SEC);
    station_send(s, BOB_IP, 20, 1);
    assert_int_equal(station_neighbour(s, BOB_IP).state, VT_NEIGH_DELAY);
    vt_eth_confirm(s->eth, BOB_IP);
    assert_int_equal(station_neighbour(s, BOB_IP).state, VT_NEIGH_REACHABLE);
    station_send(s, VT_IP4(10, 0, 0, 3), 20, 1);
    vt_eth_confirm(s->eth, VT_IP4(10, 0, 0, 3)); /* nobody can have answered there */
    assert_int_equal(station_neighbour(s, VT_IP4(10, 0, 0, 3)).state, VT_NEIGH_INCOMPLETE);
}

static void test_permanent_entries(void **state)
{
    struct station *s = *state;
    station_send(s, BOB_IP, 20, 1);
    assert_int_equal(station_sent_count(s), 1);
    assert_int_equal(vt_eth_neigh_set(s->eth, BOB_IP, BOB_MAC), 0);
    assert_int_equal(station_sent_count(s), 1); /* what waited */
    struct vt_arp a = request(BOB_IP, EVE_MAC, OUR_IP);
    station_arp(s, &a);
    station_reply(s, BOB_IP, EVE_MAC);
    station_wait(s, 1000 * VT_SEC);
    struct vt_neigh_row row = station_neighbour(s, BOB_IP);
    assert_int_equal(row.state, VT_NEIGH_PERMANENT);
    assert_true(vt_mac_eq(row.mac, BOB_MAC));
    assert_int_equal(vt_eth_neigh_del(s->eth, BOB_IP), 0);
    assert_int_equal(vt_eth_neigh_del(s->eth, BOB_IP), -VT_ENOENT);
}

static void test_rows_are_sorted(void **state)
{
    struct station *s = *state;
    for (unsigned i = 0; i < 50; i++)
        station_send(s, VT_IP4(10, 0, 0, 2 + i * 37 % 50), 20, 1);
    struct station_rows r = station_neighbours(s);
    assert_int_equal(r.n, 50);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(r.row[i].ip.b[15], 2 + i);
    station_sent_count(s);
}

/* ---- Answering ---- */

static void test_answers_for_our_addresses_only(void **state)
{
    struct station *s = *state;
    struct vt_arp a = request(BOB_IP, BOB_MAC, OUR_IP), reply;
    struct vt_mac dst;
    s->nif.addr[s->nif.naddrs++] = (struct vt_ifaddr){VT_IP4(192, 168, 1, 1), 24};
    station_arp(s, &a);
    station_sent_arp(s, &reply, &dst);
    assert_int_equal(reply.op, VT_ARP_REPLY);
    assert_true(vt_mac_eq(dst, BOB_MAC)); /* to who asked, not to all */
    assert_true(vt_ip_eq(reply.sender_ip, OUR_IP));
    assert_true(vt_ip_eq(reply.target_ip, BOB_IP));
    assert_true(vt_mac_eq(reply.target_mac, BOB_MAC));
    assert_int_equal(bed_find(&s->bed, VT_EV_ARP_TX, 0)->cause, bed_find(&s->bed, VT_EV_ARP_RX, 0)->id);
    /* RFC 826: who asks is remembered, though not yet believed to hear us. */
    assert_int_equal(station_neighbour(s, BOB_IP).state, VT_NEIGH_STALE);

    a.target_ip = VT_IP4(192, 168, 1, 1);
    station_arp(s, &a);
    station_sent_arp(s, &reply, &dst);
    assert_true(vt_ip_eq(reply.sender_ip, VT_IP4(192, 168, 1, 1)));

    static const uint8_t others[] = {0, 3, 255};
    for (unsigned i = 0; i < 3; i++) {
        a.target_ip = VT_IP4(10, 0, 0, others[i]);
        station_arp(s, &a);
    }
    assert_int_equal(bed_drops(&s->bed, VT_DROP_ARP_NOT_OURS), 3);
    assert_int_equal(station_sent_count(s), 0);

    /* A stranger to our networks is answered, and not remembered. */
    a = request(VT_IP4(172, 16, 0, 1), bed_mac(7), OUR_IP);
    station_arp(s, &a);
    assert_int_equal(station_sent_count(s), 1);
    assert_int_equal(station_neighbours(s).n, 1);
}

/* RFC 5227 2.1.1: a probe has no sender yet. It is answered, so that the prober learns of the conflict. */
static void test_answers_probes(void **state)
{
    struct station *s = *state;
    struct vt_arp a = request(VT_IP4_ANY, BOB_MAC, OUR_IP), reply;
    struct vt_mac dst;
    station_arp(s, &a);
    station_sent_arp(s, &reply, &dst);
    assert_int_equal(reply.op, VT_ARP_REPLY);
    assert_true(vt_ip_is_any(reply.target_ip));
    assert_int_equal(station_neighbours(s).n, 0);
}

/* A request from somebody for whom packets wait tells where they can go. */
static void test_a_request_resolves_too(void **state)
{
    struct station *s = *state;
    station_send(s, BOB_IP, 20, 1);
    assert_int_equal(station_sent_count(s), 1);
    struct vt_arp a = request(BOB_IP, BOB_MAC, VT_IP4(10, 0, 0, 77));
    station_arp(s, &a);
    assert_int_equal(station_sent_count(s), 1);
    assert_int_equal(station_neighbour(s, BOB_IP).state, VT_NEIGH_DELAY);
}

/* Our own frames, come back by a loop, are no conflict. */
static void test_our_own_packets_are_ignored(void **state)
{
    struct station *s = *state;
    struct vt_arp a = request(OUR_IP, OUR_MAC, OUR_IP);
    station_arp(s, &a);
    assert_int_equal(bed_drops(&s->bed, VT_DROP_ARP_NOT_OURS), 1);
    assert_int_equal(station_sent_count(s), 0);
}

/* RFC 5227 2.3: twice, two seconds apart. */
static void test_announces(void **state)
{
    struct station *s = *state;
    struct vt_arp a;
    struct vt_mac dst;
    vt_eth_announce(s->eth, OUR_IP);
    for (unsigned i = 0; i < 2; i++) {
        station_sent_arp(s, &a, &dst);
        assert_true(vt_mac_eq(dst, VT_MAC_BROADCAST));
        assert_int_equal(a.op, VT_ARP_REQUEST);
        assert_true(vt_ip_eq(a.sender_ip, OUR_IP));
        assert_true(vt_ip_eq(a.target_ip, OUR_IP));
        station_wait(s, 2 * VT_SEC - 1);
        assert_int_equal(station_sent_count(s), 0);
        station_wait(s, 1);
    }
    assert_int_equal(station_sent_count(s), 0);
    vt_eth_announce(s->eth, OUR_IP);
    assert_int_equal(station_sent_count(s), 1);
    s->nif.naddrs = 0; /* given up in between */
    station_wait(s, 10 * VT_SEC);
    assert_int_equal(station_sent_count(s), 0);
}

/* ---- The catalogue ---- */

/* V02: every packet under 28 bytes (CVE-2018-16600). */
static void test_v02_short(void **state)
{
    struct station *s = *state;
    uint8_t b[42];
    struct vt_arp a = request(BOB_IP, BOB_MAC, OUR_IP);
    bed_eth(b, VT_MAC_BROADCAST, BOB_MAC, VT_ETHERTYPE_ARP);
    vt_arp_build(b + 14, &a);
    for (uint32_t len = 14; len < 42; len++) {
        station_frame(s, b, len);
        assert_int_equal(bed_drops(&s->bed, VT_DROP_ARP_SHORT), len - 13);
    }
    assert_int_equal(station_sent_count(s), 0);
    assert_int_equal(bed_kinds(&s->bed, VT_EV_ARP_RX), 0);
    station_frame(s, b, 42);
    assert_int_equal(station_sent_count(s), 1);
}

/* V02: other kinds of addresses, or lengths of them, are not ours to read. */
static void test_v02_format(void **state)
{
    struct station *s = *state;
    static const struct {
        unsigned at;
        uint8_t value;
    } wrong[] = {{0, 1}, {1, 6}, {2, 9},  {3, 1}, {4, 0}, {4, 5}, {4, 7}, {4, 255},
                 {5, 0}, {5, 3}, {5, 16}, {6, 1}, {7, 0}, {7, 3}, {7, 8}};
    struct vt_arp a = request(BOB_IP, BOB_MAC, OUR_IP);
    unsigned n = sizeof wrong / sizeof wrong[0];
    for (unsigned i = 0; i < n; i++) {
        uint8_t b[60] = {0};
        bed_eth(b, VT_MAC_BROADCAST, BOB_MAC, VT_ETHERTYPE_ARP);
        vt_arp_build(b + 14, &a);
        b[14 + wrong[i].at] = wrong[i].value;
        station_frame(s, b, sizeof b);
        assert_int_equal(bed_drops(&s->bed, VT_DROP_ARP_FORMAT), i + 1);
    }
    assert_int_equal(station_sent_count(s), 0);
    assert_int_equal(station_neighbours(s).n, 0);
}

/* V03: a reply that nobody asked for makes no entry. */
static void test_v03_unsolicited_reply_makes_no_entry(void **state)
{
    struct station *s = *state;
    station_reply(s, BOB_IP, EVE_MAC);
    struct vt_arp gratuitous = {VT_ARP_REPLY, EVE_MAC, VT_MAC_BROADCAST, BOB_IP, BOB_IP};
    station_arp(s, &gratuitous);
    gratuitous.op = VT_ARP_REQUEST;
    station_arp(s, &gratuitous);
    assert_int_equal(station_neighbours(s).n, 0);
    assert_int_equal(bed_drops(&s->bed, VT_DROP_ARP_UNSOLICITED), 1);
    assert_int_equal(bed_drops(&s->bed, VT_DROP_ARP_NOT_OURS), 2);
    assert_int_equal(station_sent_count(s), 0);
}

/* V03: a claim of another MAC, in whatever form, moves nothing: the MAC that is known is asked. */
static void test_v03_changed_binding_is_probed_first(void **state)
{
    struct station *s = *state;
    const struct vt_arp claims[] = {
        {VT_ARP_REPLY, EVE_MAC, OUR_MAC, BOB_IP, OUR_IP},
        {VT_ARP_REPLY, EVE_MAC, VT_MAC_BROADCAST, BOB_IP, BOB_IP},
        {VT_ARP_REQUEST, EVE_MAC, {{0}}, BOB_IP, BOB_IP},
        {VT_ARP_REQUEST, EVE_MAC, {{0}}, BOB_IP, OUR_IP},
        {VT_ARP_REQUEST, EVE_MAC, {{0}}, BOB_IP, VT_IP4(10, 0, 0, 99)},
    };
    station_meet(s, BOB_IP, BOB_MAC);
    for (unsigned i = 0; i < 5; i++) {
        struct vt_arp a;
        struct vt_mac dst;
        uint8_t b[100];
        station_wait(s, 2 * VT_SEC);
        station_arp(s, &claims[i]);
        struct vt_neigh_row row = station_neighbour(s, BOB_IP);
        assert_int_equal(row.state, VT_NEIGH_PROBE);
        assert_true(vt_mac_eq(row.mac, BOB_MAC));
        station_sent_arp(s, &a, &dst);
        assert_true(vt_mac_eq(dst, BOB_MAC));
        if (claims[i].op == VT_ARP_REQUEST && vt_ip_eq(claims[i].target_ip, OUR_IP))
            assert_int_equal(station_sent_count(s), 1); /* who asks is answered, whoever it is */

        /* Packets meanwhile go where they went, and so they do when the other insists. */
        station_arp(s, &claims[0]);
        station_send(s, BOB_IP, 20, 1);
        assert_int_equal(station_sent(s, b, sizeof b), 34);
        assert_memory_equal(b, BOB_MAC.b, 6);
        station_reply(s, BOB_IP, BOB_MAC);
        row = station_neighbour(s, BOB_IP);
        assert_int_equal(row.state, VT_NEIGH_REACHABLE);
        assert_true(vt_mac_eq(row.mac, BOB_MAC));
        assert_int_equal(station_sent_count(s), 0);
    }
}

/* V03: a stale entry is as hard to move as a fresh one. */
static void test_v03_stale_binding_is_probed_first(void **state)
{
    struct station *s = *state;
    station_meet(s, BOB_IP, BOB_MAC);
    station_wait(s, 40 * VT_SEC);
    struct vt_arp claim = request(BOB_IP, EVE_MAC, OUR_IP);
    station_arp(s, &claim);
    struct vt_neigh_row row = station_neighbour(s, BOB_IP);
    assert_int_equal(row.state, VT_NEIGH_PROBE);
    assert_true(vt_mac_eq(row.mac, BOB_MAC));
    station_sent_count(s);
}

/* A true change: the old card is silent, everybody is asked, the new one answers. */
static void test_v03_true_change_is_believed(void **state)
{
    struct station *s = *state;
    struct vt_arp claim = {VT_ARP_REQUEST, EVE_MAC, {{0}}, BOB_IP, BOB_IP}, a;
    struct vt_mac dst;
    station_meet(s, BOB_IP, BOB_MAC);
    station_wait(s, 5 * VT_SEC);
    station_arp(s, &claim);
    for (unsigned i = 0; i < 3; i++) {
        station_sent_arp(s, &a, &dst);
        assert_true(vt_mac_eq(dst, BOB_MAC));
        station_wait(s, VT_SEC);
    }
    assert_int_equal(station_neighbour(s, BOB_IP).state, VT_NEIGH_INCOMPLETE);
    station_sent_arp(s, &a, &dst);
    assert_true(vt_mac_eq(dst, VT_MAC_BROADCAST));
    station_reply(s, BOB_IP, EVE_MAC);
    struct vt_neigh_row row = station_neighbour(s, BOB_IP);
    assert_int_equal(row.state, VT_NEIGH_REACHABLE);
    assert_true(vt_mac_eq(row.mac, EVE_MAC));
}

/* V03: claims cannot make us flood: one request a second (RFC 1122 2.3.2.1). */
static void test_v03_claims_do_not_make_a_flood(void **state)
{
    struct station *s = *state;
    station_meet(s, BOB_IP, BOB_MAC);
    station_wait(s, 5 * VT_SEC);
    unsigned probes = 0;
    for (unsigned i = 0; i < 1000; i++) {
        station_reply(s, BOB_IP, EVE_MAC);
        station_reply(s, BOB_IP, BOB_MAC);
        probes += station_sent_count(s);
        station_wait(s, 10 * VT_MSEC);
    }
    assert_in_range(probes, 9, 11);
}

/* V04: a scan of 65,000 addresses. Table and queues keep their caps, and whom we talk to is not forgotten. */
static void test_v04_scan_is_capped(void **state)
{
    static struct station s;
    (void)state;
    station_open(&s, NULL);
    s.nif.addr[0] = (struct vt_ifaddr){OUR_IP, 8};
    s.bed.stream.listeners = 0; /* a million events are of no interest */
    station_meet(&s, BOB_IP, BOB_MAC);
    size_t before = s.core.mem_used, worst = 0;
    uint64_t sent = 0;
    for (unsigned i = 0; i < 65000; i++) {
        station_send(&s, VT_IP4(10, 1, i / 255, i % 255), 20, 1);
        sent++;
        station_wait(&s, VT_MSEC);
        if (i % 1000 == 0) { /* the known flow goes on, and is never held up */
            vt_eth_confirm(s.eth, BOB_IP);
            station_sent_count(&s);
            station_send(&s, BOB_IP, 20, 1);
            assert_int_equal(station_sent_count(&s), 1);
            assert_int_equal(station_neighbour(&s, BOB_IP).state, VT_NEIGH_REACHABLE);
        }
        if (i % 64 == 0)
            station_sent_count(&s);
        worst = s.core.mem_used > worst ? s.core.mem_used : worst;
        assert_true(vt_pool_live_pbufs(s.bed.pool) <= 256 + VT_BURST + 64);
    }
    assert_true(worst - before <= 1024 * 256);
    assert_true(station_neighbours(&s).n <= 1024);
    station_wait(&s, 5 * VT_SEC);
    assert_int_equal(s.core.drops[VT_DROP_NEIGH_FULL] + s.core.drops[VT_DROP_NEIGH_FAILED], sent);
    station_wait(&s, 200 * VT_SEC);
    assert_int_equal(station_neighbours(&s).n, 0);
    assert_int_equal(s.core.drops[VT_DROP_NEIGH_FULL] + s.core.drops[VT_DROP_NEIGH_FAILED], sent);
    station_sent_count(&s);
    station_close(&s);
}

/* V04: a full table lets go of what is of no use, the oldest first, and of nothing else. */
static void test_v04_evicts_the_oldest_unused(void **state)
{
    struct station *s = *state;
    for (unsigned i = 0; i < 4; i++)
        station_meet(s, VT_IP4(10, 0, 0, 10 + i), bed_mac(10 + i));
    station_wait(s, 31 * VT_SEC); /* four stale ones, .10 first */
    for (unsigned i = 0; i < 4; i++)
        station_meet(s, VT_IP4(10, 0, 0, 20 + i), bed_mac(20 + i));
    assert_int_equal(station_neighbours(s).n, 8);
    station_send(s, VT_IP4(10, 0, 0, 10), 20, 1); /* .10 is used again */
    for (unsigned i = 0; i < 3; i++)
        station_send(s, VT_IP4(10, 0, 0, 30 + i), 20, 1);
    assert_int_equal(station_neighbours(s).n, 8);
    static const uint8_t left[] = {10, 20, 21, 22, 23, 30, 31, 32};
    struct station_rows r = station_neighbours(s);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(r.row[i].ip.b[15], left[i]);
    station_send(s, VT_IP4(10, 0, 0, 40), 20, 1); /* all in use now */
    assert_int_equal(bed_drops(&s->bed, VT_DROP_NEIGH_FULL), 1);
    assert_int_equal(vt_eth_neigh_set(s->eth, VT_IP4(10, 0, 0, 40), BOB_MAC), -VT_ENOSPC);
    struct vt_arp a = request(VT_IP4(10, 0, 0, 41), bed_mac(41), OUR_IP);
    station_sent_count(s);
    station_arp(s, &a); /* answered, though not remembered */
    assert_int_equal(station_sent_count(s), 1);
    assert_int_equal(station_neighbours(s).n, 8);
}

/* V04: the queue of one neighbour keeps the latest packets (RFC 1122 2.3.2.2), and all queues together a cap.
 */
static void test_v04_pending_queues_are_capped(void **state)
{
    struct station *s = *state;
    uint8_t b[200];
    for (unsigned i = 0; i < 5; i++)
        station_send(s, BOB_IP, 20 + i, 100 + i);
    assert_int_equal(station_neighbour(s, BOB_IP).pending, 3);
    assert_int_equal(bed_drops(&s->bed, VT_DROP_NEIGH_FULL), 2);
    assert_int_equal(bed_find(&s->bed, VT_EV_DROP, 0)->cause, 100);
    for (unsigned i = 3; i < 8; i++)
        for (unsigned k = 0; k < 3; k++)
            station_send(s, VT_IP4(10, 0, 0, i), 20, 1);
    unsigned waiting = 0;
    struct station_rows r = station_neighbours(s);
    for (unsigned i = 0; i < r.n; i++)
        waiting += r.row[i].pending;
    assert_int_equal(waiting, 10);
    assert_int_equal(vt_pool_live_pbufs(s->bed.pool), 10 + 6); /* and six requests at the port */
    station_sent_count(s);
    station_reply(s, BOB_IP, BOB_MAC);
    for (unsigned i = 2; i < 5; i++)
        assert_int_equal(station_sent(s, b, sizeof b), 34 + i);
}

/* V05: somebody claims our address. We say whose it is, once in ten seconds, and keep it. */
static void test_v05_defends_our_address(void **state)
{
    struct station *s = *state;
    const struct vt_arp claims[] = {
        {VT_ARP_REQUEST, EVE_MAC, {{0}}, OUR_IP, OUR_IP},
        {VT_ARP_REPLY, EVE_MAC, OUR_MAC, OUR_IP, OUR_IP},
        {VT_ARP_REQUEST, EVE_MAC, {{0}}, OUR_IP, BOB_IP},
    };
    struct vt_arp a;
    struct vt_mac dst;
    station_arp(s, &claims[0]);
    station_sent_arp(s, &a, &dst);
    assert_true(vt_mac_eq(dst, VT_MAC_BROADCAST));
    assert_int_equal(a.op, VT_ARP_REQUEST);
    assert_true(vt_ip_eq(a.sender_ip, OUR_IP));
    assert_true(vt_ip_eq(a.target_ip, OUR_IP));
    assert_int_equal(bed_find(&s->bed, VT_EV_ARP_TX, 0)->doc, VT_DOC_RFC5227_2_4);
    unsigned said = 1;
    for (unsigned i = 0; i < 6000; i++) { /* a minute of a hundred claims a second */
        station_wait(s, 10 * VT_MSEC);
        station_arp(s, &claims[i % 3]);
        said += station_sent_count(s);
    }
    assert_int_equal(said, 7);
    assert_int_equal(bed_drops(&s->bed, VT_DROP_ARP_CONFLICT), 6001);
    assert_int_equal(station_neighbours(s).n, 0); /* we are no neighbour of ours */
    assert_true(vt_netif_has(&s->nif, OUR_IP));
}

/* V05: each of our addresses is defended by itself. */
static void test_v05_each_address_apart(void **state)
{
    struct station *s = *state;
    s->nif.addr[s->nif.naddrs++] = (struct vt_ifaddr){VT_IP4(10, 0, 1, 1), 24};
    struct vt_arp first = request(OUR_IP, EVE_MAC, OUR_IP);
    struct vt_arp second = request(VT_IP4(10, 0, 1, 1), EVE_MAC, OUR_IP);
    station_arp(s, &first);
    station_arp(s, &second);
    assert_int_equal(station_sent_count(s), 2);
    station_arp(s, &first);
    station_arp(s, &second);
    assert_int_equal(station_sent_count(s), 0);
}

/* V07: senders that nobody can be. */
static void test_v07_bad_sender(void **state)
{
    struct station *s = *state;
    const struct vt_arp wrong[] = {
        {VT_ARP_REQUEST, {{0}}, {{0}}, BOB_IP, OUR_IP},
        {VT_ARP_REQUEST, VT_MAC_BROADCAST, {{0}}, BOB_IP, OUR_IP},
        {VT_ARP_REQUEST, {{1, 0, 0x5e, 0, 0, 1}}, {{0}}, BOB_IP, OUR_IP},
        {VT_ARP_REQUEST, BOB_MAC, {{0}}, VT_IP4(224, 0, 0, 1), OUR_IP},
        {VT_ARP_REQUEST, BOB_MAC, {{0}}, VT_IP4(255, 255, 255, 255), OUR_IP},
        {VT_ARP_REQUEST, BOB_MAC, {{0}}, VT_IP4(10, 0, 0, 255), OUR_IP},
        {VT_ARP_REQUEST, BOB_MAC, {{0}}, VT_IP4(127, 0, 0, 1), OUR_IP},
        {VT_ARP_REPLY, BOB_MAC, OUR_MAC, VT_IP4_ANY, OUR_IP},
    };
    unsigned n = sizeof wrong / sizeof wrong[0];
    for (unsigned i = 0; i < n; i++) {
        uint8_t b[60] = {0};
        bed_eth(b, OUR_MAC, BOB_MAC, VT_ETHERTYPE_ARP); /* the frame's own source is good */
        vt_arp_build(b + 14, &wrong[i]);
        station_frame(s, b, sizeof b);
        assert_int_equal(bed_drops(&s->bed, VT_DROP_ARP_BAD_SENDER), i + 1);
    }
    assert_int_equal(station_neighbours(s).n, 0);
    assert_int_equal(station_sent_count(s), 0);
}

/* ---- Memory ---- */

static void test_frees_what_waits(void **state)
{
    struct station *s = *state;
    for (unsigned i = 0; i < 20; i++)
        station_send(s, VT_IP4(10, 0, 0, 10 + i), 20, 1);
    station_sent_count(s);
    vt_eth_free(s->eth);
    assert_int_equal(bed_drops(&s->bed, VT_DROP_NEIGH_FAILED), 20);
    assert_int_equal(vt_pool_live_pbufs(s->bed.pool), 0);
    assert_int_equal(s->core.mem_used, 0);
    s->eth = vt_eth_new(&s->nif, &s->port, NULL);
}

/* With each allocation failing in turn: everything has a fate, and the table goes on. */
static void test_without_memory(void **state)
{
    struct station *s = *state;
    for (uint64_t fail = 1; fail < 12; fail++) {
        struct vt_ip ip = VT_IP4(10, 0, 0, 100 + fail);
        struct vt_arp a = request(ip, bed_mac(5), OUR_IP);
        vt_pool_trim(s->bed.pool);
        struct vt_pbuf *p = vt_pbuf_from(s->bed.pool, "E", 1);
        s->bed.memory.fail_at = s->bed.memory.calls + fail;
        s->nif.output(&s->nif, p, ip);
        station_wait(s, VT_SEC);
        s->bed.memory.fail_at = 0;
        station_arp(s, &a);
        station_wait(s, 10 * VT_SEC);
        station_sent_count(s);
    }
    station_meet(s, BOB_IP, BOB_MAC);
}

int main(void)
{
#define CASE(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)
#define SMALL(name) cmocka_unit_test_setup_teardown(name, setup_small, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_asks_then_sends_what_waited),
        CASE(test_gives_up_after_three),
        CASE(test_without_an_up_call_packets_are_freed),
        CASE(test_the_up_call_may_send),
        CASE(test_unused_goes_stale_and_away),
        CASE(test_stale_in_use_is_probed_by_unicast),
        CASE(test_a_silent_neighbour_fails),
        CASE(test_advice_saves_the_probe),
        CASE(test_permanent_entries),
        CASE(test_rows_are_sorted),
        CASE(test_answers_for_our_addresses_only),
        CASE(test_answers_probes),
        CASE(test_a_request_resolves_too),
        CASE(test_our_own_packets_are_ignored),
        CASE(test_announces),
        CASE(test_v02_short),
        CASE(test_v02_format),
        CASE(test_v03_unsolicited_reply_makes_no_entry),
        CASE(test_v03_changed_binding_is_probed_first),
        CASE(test_v03_stale_binding_is_probed_first),
        CASE(test_v03_true_change_is_believed),
        CASE(test_v03_claims_do_not_make_a_flood),
        cmocka_unit_test(test_v04_scan_is_capped),
        SMALL(test_v04_evicts_the_oldest_unused),
        SMALL(test_v04_pending_queues_are_capped),
        CASE(test_v05_defends_our_address),
        CASE(test_v05_each_address_apart),
        CASE(test_v07_bad_sender),
        CASE(test_frees_what_waits),
        CASE(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A station for the tests of the link floor: an interface over Ethernet over a device of queues, 10.0.0.1/24.
 */
#ifndef VT_TESTS_LINK_STATION_H
#define VT_TESTS_LINK_STATION_H

#include "../physical/bed.h"
#include "link/arp_wire.h"
#include "link/eth_wire.h"
#include "link/link.h"

struct station {
    struct bed bed;
    struct vt_core core;
    struct bed_dev dev;
    struct vt_port port;
    struct vt_netif nif;
    struct vt_eth *eth;
    struct vt_pbufq up; /* what came up to the network floor */
    unsigned groups;    /* of them, to group addresses */
    unsigned unreachable;
};

#define OUR_IP  VT_IP4(10, 0, 0, 1)
#define OUR_MAC bed_mac(1)

static inline void station_input(struct vt_netif *nif, struct vt_pbuf *p, bool group)
{
    struct station *s = nif->net;
    s->groups += group;
    vt_pbufq_push(&s->up, p);
}

static inline void station_unreachable(struct vt_netif *nif, struct vt_pbuf *p)
{
    struct station *s = nif->net;
    s->unreachable++;
    vt_pbuf_free(p);
}

static inline void station_open(struct station *s, const struct vt_eth_config *config)
{
    memset(s, 0, sizeof *s);
    bed_open(&s->bed);
    bed_core(&s->bed, &s->core, 1);
    bed_dev_open(&s->dev, 0);
    s->nif.core = &s->core;
    s->nif.index = 2;
    s->nif.naddrs = 1;
    s->nif.addr[0] = (struct vt_ifaddr){OUR_IP, 24};
    s->nif.input = station_input;
    s->nif.unreachable = station_unreachable;
    s->nif.net = s;
    s->core.now = 1000 * VT_SEC;
    vt_wheel_init(&s->core.wheel, s->core.now);
    vt_port_init(&s->port, &s->core, &s->dev.dev, 2, "eth0", OUR_MAC);
    s->eth = vt_eth_new(&s->nif, &s->port, config);
    assert_non_null(s->eth);
}

static inline void station_close(struct station *s)
{
    vt_eth_free(s->eth);
    vt_port_flush(&s->port);
    vt_pbufq_clear(&s->up);
    bed_dev_close(&s->dev);
    assert_int_equal(s->core.wheel.armed, 0);
    assert_int_equal(s->core.mem_used, 0);
    bed_close(&s->bed);
}

/* Lets time pass. */
static inline void station_wait(struct station *s, vt_span span)
{
    bed_run(&s->core, s->core.now + (vt_time)span);
}

/* Hands a frame to the station, as its host would. */
static inline void station_frame(struct station *s, const void *bytes, size_t len)
{
    struct vt_pbuf *p = vt_pbuf_from(s->bed.pool, bytes, len), *frames[1];
    assert_non_null(p);
    vt_pbufq_push(&s->dev.in, p);
    assert_int_equal(vt_port_rx(&s->port, frames, 1), 1);
    vt_eth_input(s->eth, frames, 1);
}

/* Hands an ARP packet to it. */
static inline void station_arp(struct station *s, const struct vt_arp *a)
{
    uint8_t b[60] = {0};
    bed_eth(b, a->op == VT_ARP_REPLY ? OUR_MAC : VT_MAC_BROADCAST, a->sender_mac, VT_ETHERTYPE_ARP);
    vt_arp_build(b + 14, a);
    station_frame(s, b, sizeof b); /* padded, as it comes from a wire */
}

static inline void station_reply(struct station *s, struct vt_ip ip, struct vt_mac mac)
{
    station_arp(s, &(struct vt_arp){VT_ARP_REPLY, mac, OUR_MAC, ip, OUR_IP});
}

/* Sends an IP packet of `len` bytes to a neighbour, made by event number `made`. */
static inline void station_send(struct station *s, struct vt_ip ip, uint32_t len, uint64_t made)
{
    uint8_t b[1500] = {0x45};
    struct vt_pbuf *p = vt_pbuf_from(s->bed.pool, b, len);
    p->ev = (struct vt_event_id){made, 1};
    s->nif.output(&s->nif, p, ip);
}

/* The next frame that left, as bytes; its length, 0 when there is none. */
static inline uint32_t station_sent(struct station *s, uint8_t *b, size_t cap)
{
    vt_port_flush(&s->port);
    struct vt_pbuf *p = vt_pbufq_pop(&s->dev.out);
    if (p == NULL)
        return 0;
    uint32_t len = p->len;
    assert_int_equal(vt_pbuf_read(p, 0, b, (uint32_t)cap), len);
    vt_pbuf_free(p);
    return len;
}

/* The next frame that left, which must be ARP. */
static inline void station_sent_arp(struct station *s, struct vt_arp *a, struct vt_mac *dst)
{
    uint8_t b[100];
    assert_int_equal(station_sent(s, b, sizeof b), 42);
    memcpy(dst->b, b, 6);
    assert_memory_equal(b + 6, OUR_MAC.b, 6);
    assert_int_equal(vt_get16(b + 12), VT_ETHERTYPE_ARP);
    assert_int_equal(vt_arp_parse(a, b + 14, 28), VT_DROP_NONE);
    assert_true(vt_mac_eq(a->sender_mac, OUR_MAC));
}

static inline unsigned station_sent_count(struct station *s)
{
    vt_port_flush(&s->port);
    unsigned n = s->dev.out.count;
    vt_pbufq_clear(&s->dev.out);
    return n;
}

struct station_rows {
    unsigned n;
    struct vt_neigh_row row[64];
};

static inline bool station_row(void *ctx, const struct vt_neigh_row *row)
{
    struct station_rows *r = ctx;
    if (r->n < 64)
        r->row[r->n] = *row;
    r->n++;
    return true;
}

static inline struct station_rows station_neighbours(struct station *s)
{
    struct station_rows r = {0};
    vt_eth_neigh_each(s->eth, station_row, &r);
    return r;
}

static inline bool station_find_row(void *ctx, const struct vt_neigh_row *row)
{
    struct vt_neigh_row *wanted = ctx;
    if (!vt_ip_eq(row->ip, wanted->ip))
        return true;
    *wanted = *row;
    return false;
}

/* What is known of one neighbour; state NONE when nothing is. */
static inline struct vt_neigh_row station_neighbour(struct station *s, struct vt_ip ip)
{
    struct vt_neigh_row row = {.ip = ip};
    vt_eth_neigh_each(s->eth, station_find_row, &row);
    return row;
}

/* Makes a neighbour REACHABLE by asking and being answered. */
static inline void station_meet(struct station *s, struct vt_ip ip, struct vt_mac mac)
{
    station_send(s, ip, 20, 0);
    station_reply(s, ip, mac);
    assert_int_equal(station_neighbour(s, ip).state, VT_NEIGH_REACHABLE);
    assert_int_equal(station_sent_count(s), 2);
}

#endif

/* Frames that come in at a station with a small neighbour table, and at a switch, one after another, with
 * packets to neighbours and waits in between. The input is a list of records:
 *
 *     what    bits 0-1: 0 a frame to the station, 1 the same as ARP from its fields, 2 a packet to a
 * neighbour, 3 a frame to the switch; bits 2-7: tenths of seconds to wait before length  one byte bytes
 */
#include "fuzz_link.h"
#include "link/arp_wire.h"
#include "link/link.h"

#define NEIGHBOURS 6
#define PENDING    5
#define LEARNED    8

struct station {
    struct vt_core core;
    struct floor_dev dev;
    struct vt_port port;
    struct vt_netif nif;
    struct vt_eth *eth;
};

struct bridge {
    struct vt_core core;
    struct floor_dev dev[3];
    struct vt_switch *sw;
};

static void take(struct vt_netif *nif, struct vt_pbuf *p, bool group)
{
    (void)group;
    nif->core->delivered++;
    vt_pbuf_free(p);
}

static void unreachable(struct vt_netif *nif, struct vt_pbuf *p)
{
    (void)nif;
    vt_pbuf_free(p);
}

static void station_up(struct station *s)
{
    const struct vt_mac mac = {{2, 0, 0, 0, 0, 1}};
    const struct vt_eth_config config = {.neigh_max = NEIGHBOURS, .pending_max = 2, .pending_total = PENDING};
    memset(s, 0, sizeof *s);
    floor_up(&s->core, 1);
    floor_dev_up(&s->dev, mac);
    vt_port_init(&s->port, &s->core, &s->dev.dev, 1, "eth0", mac);
    s->nif = (struct vt_netif){
        .core = &s->core, .index = 1, .naddrs = 1, .input = take, .unreachable = unreachable};
    s->nif.addr[0] = (struct vt_ifaddr){VT_IP4(10, 0, 0, 1), 24};
    s->eth = vt_eth_new(&s->nif, &s->port, &config);
    FUZZ_CHECK(s->eth != NULL);
}

struct tally {
    struct vt_ip last;
    unsigned rows, pending;
};

static bool count_row(void *ctx, const struct vt_neigh_row *row)
{
    struct tally *t = ctx;
    FUZZ_CHECK(t->rows == 0 || memcmp(t->last.b, row->ip.b, 16) < 0);
    FUZZ_CHECK(row->state != VT_NEIGH_NONE && row->state < VT_NEIGH_STATE_COUNT);
    FUZZ_CHECK(row->pending == 0 || row->state == VT_NEIGH_INCOMPLETE);
    if (row->state != VT_NEIGH_INCOMPLETE && row->state != VT_NEIGH_FAILED)
        FUZZ_CHECK(!vt_mac_is_group(row->mac) && !vt_mac_is_zero(row->mac));
    FUZZ_CHECK(!vt_ip_eq(row->ip, VT_IP4(10, 0, 0, 1)));
    t->last = row->ip;
    t->rows++;
    t->pending += row->pending;
    return true;
}

static void station_check(struct station *s)
{
    struct tally t = {0};
    vt_port_flush(&s->port);
    vt_eth_neigh_each(s->eth, count_row, &t);
    FUZZ_CHECK(t.rows <= NEIGHBOURS && t.pending <= PENDING);
    FUZZ_CHECK(vt_pool_live_pbufs(s->core.pool) == t.pending); /* nothing else is kept */
}

static void station_frame(struct station *s, const uint8_t *b, size_t len)
{
    struct vt_pbuf *frame[1];
    s->dev.in = vt_pbuf_from(s->core.pool, b, len);
    FUZZ_CHECK(vt_port_rx(&s->port, frame, 1) == 1);
    vt_eth_input(s->eth, frame, 1);
}

/* An ARP packet that is well formed but for what the bytes overwrite: they begin at the operation. */
static void station_arp(struct station *s, const uint8_t *b, size_t len)
{
    uint8_t frame[VT_ETH_HLEN + VT_ARP_LEN] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 6, 0, 1, 8, 0, 6, 4};
    static const uint8_t body[] = {0, 1, 2, 0, 0, 0, 0, 9, 10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1};
    memcpy(frame + 20, body, sizeof body);
    for (size_t i = 0; i < len && i < sizeof body; i++)
        frame[20 + i] ^= b[i];
    station_frame(s, frame, sizeof frame);
}

static void station_send(struct station *s, const uint8_t *b, size_t len)
{
    struct vt_pbuf *p = vt_pbuf_from(s->core.pool, b, len);
    struct vt_ip ip = VT_IP4(10, 0, 0, len == 0 ? 2 : 2 + b[0] % 16);
    s->nif.output(&s->nif, p, ip);
}

static bool count_learned(void *ctx, const struct vt_fdb_row *row)
{
    FUZZ_CHECK(!vt_mac_is_group(row->mac) && !vt_mac_is_zero(row->mac));
    FUZZ_CHECK(row->port >= 1 && row->port <= 3);
    return ++*(unsigned *)ctx <= LEARNED;
}

static void bridge_frame(struct bridge *b, const uint8_t *bytes, size_t len)
{
    unsigned rows = 0;
    uint64_t out = 0;
    unsigned port = len == 0 ? 0 : bytes[0] % 3u;
    size_t skip = len != 0;
    b->dev[port].in = vt_pbuf_from(b->core.pool, bytes + skip, len - skip);
    uint64_t was = b->dev[port].out;
    vt_switch_poll(b->sw, b->core.now);
    FUZZ_CHECK(b->dev[port].out == was); /* never back (V09) */
    for (unsigned i = 0; i < 3; i++)
        out += b->dev[i].out;
    FUZZ_CHECK(out < UINT64_MAX);
    vt_switch_fdb_each(b->sw, count_learned, &rows);
    FUZZ_CHECK(rows <= LEARNED);
    FUZZ_CHECK(vt_pool_live_pbufs(b->core.pool) == 0);
}

static void bridge_up(struct bridge *b)
{
    const struct vt_switch_config config = {
        .table_max = LEARNED, .port_quota = 4, .ageing = 5 * VT_SEC, .storm_rate = 20};
    memset(b, 0, sizeof *b);
    floor_up(&b->core, 2);
    b->sw = vt_switch_new(&b->core, &config);
    FUZZ_CHECK(b->sw != NULL);
    for (unsigned i = 0; i < 3; i++) {
        floor_dev_up(&b->dev[i], (struct vt_mac){{0}});
        FUZZ_CHECK(vt_switch_add_port(b->sw, &b->dev[i].dev, "port") == (int)i + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct station s;
    struct bridge b;
    if (size > 16384)
        return 0;
    station_up(&s);
    bridge_up(&b);
    while (size >= 2) {
        uint8_t what = data[0];
        size_t len = data[1];
        data += 2;
        size -= 2;
        if (len > size)
            len = size;
        floor_wait(&s.core, (what >> 2) * 100 * VT_MSEC);
        b.core.now = s.core.now;
        switch (what & 3) {
        case 0: station_frame(&s, data, len); break;
        case 1: station_arp(&s, data, len); break;
        case 2: station_send(&s, data, len); break;
        case 3: bridge_frame(&b, data, len); break;
        }
        station_check(&s);
        data += len;
        size -= len;
    }
    vt_eth_free(s.eth);
    vt_port_flush(&s.port);
    floor_down(&s.core);
    vt_switch_free(b.sw);
    floor_down(&b.core);
    return 0;
}

/* What the link floor shows: Ethernet under an interface, with ARP; and the switch.
 *
 * RFC 894 (IP over Ethernet II), RFC 826 (ARP), RFC 5227 (address conflicts), RFC 1122 2.3.2 (cache).
 */
#ifndef VT_LINK_LINK_H
#define VT_LINK_LINK_H

#include "base/netif.h"
#include "physical/physical.h"

struct vt_eth;

struct vt_eth_config {
    uint32_t neigh_max;     /* entries of the neighbour table, 0: 1024 */
    uint32_t pending_max;   /* packets waiting for one neighbour, 0: 8 */
    uint32_t pending_total; /* and for all, 0: 256 */
    vt_span reachable;      /* 0: 30 s, as Linux's base_reachable_time */
    vt_span retrans;        /* 0: 1 s between requests */
    uint32_t probes;        /* requests to all, 0: 3 */
};

/* Puts Ethernet under `nif` on `port`: sets nif->output, nif->link, nif->mac, nif->features, and nif->mtu
 * where it is 0. Its timers run in the core's wheel and may send: whoever runs the wheel flushes the port
 * afterwards. NULL without memory. */
struct vt_eth *vt_eth_new(struct vt_netif *nif, struct vt_port *port, const struct vt_eth_config *config);
/* Frees it; packets that wait for a neighbour are dropped (NEIGH_FAILED). */
void vt_eth_free(struct vt_eth *eth);
/* How many requests to all go unanswered before a neighbour counts as failed:
 * net.ipv4.neigh.default.mcast_solicit. (A neighbour whose MAC is known is first asked three times, alone.)
 */
void vt_eth_set_probes(struct vt_eth *eth, uint32_t probes);
/* Frames that came in by the port: takes them all. Each is handed on to nif->input, to ARP, or dropped. Sets
 * the current cause to the frame's PORT_RX. */
void vt_eth_input(struct vt_eth *eth, struct vt_pbuf **frames, unsigned n);
/* Announces an address just given to the interface: twice, two seconds apart (RFC 5227 2.3). */
void vt_eth_announce(struct vt_eth *eth, struct vt_ip ip);

/* A row of `ip neigh`. */
struct vt_neigh_row {
    struct vt_ip ip;
    struct vt_mac mac;
    uint8_t state; /* enum vt_neigh_state */
    vt_time updated;
    uint32_t pending;
};
/* Calls `fn` for each neighbour, in the order of their addresses; stops when it returns false. `fn` sees a
 * copy of the table and may change it; without memory for that it sees nothing. */
void vt_eth_neigh_each(struct vt_eth *eth, bool (*fn)(void *ctx, const struct vt_neigh_row *row), void *ctx);
/* A permanent entry; the removal of any entry, with what waits in it. -VT_ENOSPC, -VT_ENOENT. */
int vt_eth_neigh_set(struct vt_eth *eth, struct vt_ip ip, struct vt_mac mac);
int vt_eth_neigh_del(struct vt_eth *eth, struct vt_ip ip);
/* Advice from above that the neighbour answers (RFC 1122 2.3.2.1), so that it need not be probed. */
void vt_eth_confirm(struct vt_eth *eth, struct vt_ip ip);

/* ---- The learning switch (IEEE 802.1D 7: learning, filtering, ageing) ----
 *
 * An address is learned on the port on which it was last seen; it moves to another when it has been silent
 * for a second. At the caps nothing is learned and nothing forgotten: frames to unknown addresses are
 * flooded, as broadcasts are, under storm control. Group and zero sources are dropped, link-local groups are
 * not passed on. */

struct vt_switch;

struct vt_switch_config {
    uint32_t table_max;   /* addresses known, 0: 1024 */
    uint32_t port_quota;  /* addresses learned per port, 0: 256 */
    vt_span ageing;       /* 0: 300 s */
    uint32_t storm_rate;  /* broadcast, multicast and unknown frames per second and port; 0: no control */
    uint32_t storm_burst; /* 0: storm_rate / 10, at least 10 */
};

struct vt_switch *vt_switch_new(struct vt_core *core, const struct vt_switch_config *config);
void vt_switch_free(struct vt_switch *sw);
/* Adds a port over `dev` (which stays the caller's) and returns its index, from 1; or -VT_ENOMEM. */
int vt_switch_add_port(struct vt_switch *sw, struct vt_device *dev, const char *name);
struct vt_port *vt_switch_port(struct vt_switch *sw, unsigned index);
unsigned vt_switch_ports(const struct vt_switch *sw);
/* Runs the timers of its core, then moves frames: at most one burst of each port. Returns when to be called
 * again, `now` when more is waiting. */
vt_time vt_switch_poll(struct vt_switch *sw, vt_time now);
void vt_switch_set_storm(struct vt_switch *sw, uint32_t rate, uint32_t burst);

struct vt_fdb_row {
    struct vt_mac mac;
    unsigned port;
    vt_time seen;
};
void vt_switch_fdb_each(struct vt_switch *sw, bool (*fn)(void *ctx, const struct vt_fdb_row *row), void *ctx);

#endif

/* The filtering database of a switch (IEEE 802.1D 7.9): which port a MAC was last seen on. */
#ifndef VT_LINK_FDB_H
#define VT_LINK_FDB_H

#include "base/core.h"

#define VT_FDB_BUCKETS 65536u /* of the hash table, at most */
/* How long an address must have been silent on its port before it is believed to be on another: a host that
 * moves is, an address that is spoofed, or that runs round a loop, is not (V07). */
#define VT_FDB_HOLD VT_SEC

struct vt_fdb_entry {
    struct vt_fdb_entry *next;          /* of its bucket */
    struct vt_fdb_entry *older, *newer; /* by `seen` */
    struct vt_mac mac;
    uint32_t port;
    vt_time seen;
};

struct vt_fdb {
    struct vt_core *core;
    struct vt_fdb_entry **bucket;
    struct vt_fdb_entry *oldest, *newest;
    uint32_t buckets; /* a power of two */
    uint32_t count, max;
    uint32_t quota; /* addresses of one port, at most (V06) */
    vt_span ageing;
    uint32_t ports;
    uint32_t *learned; /* addresses of each port, from 1 */
    struct vt_timer timer;
};

int vt_fdb_init(struct vt_fdb *f, struct vt_core *core, uint32_t max, uint32_t quota, vt_span ageing);
void vt_fdb_fini(struct vt_fdb *f);
/* The port of a MAC, 0 when it is not known. */
uint32_t vt_fdb_lookup(const struct vt_fdb *f, struct vt_mac mac);
/* A frame from `mac` came in by `port`. Learns it, moves it, or leaves things as they are: at the caps
 * nothing is learned, and nothing that is known is forgotten (V06). Emits LEARN. */
void vt_fdb_learn(struct vt_fdb *f, struct vt_mac mac, uint32_t port);
/* Makes room for ports 1 to `ports`. -VT_ENOMEM. */
int vt_fdb_set_ports(struct vt_fdb *f, uint32_t ports);

#endif

/* The neighbours of an interface: which MAC an address has, and what is known of whether it still answers.
 *
 *                 packet                  reply                     30 s, not used
 *     (none) ---------------> INCOMPLETE --------> REACHABLE ---------------------> STALE -- 60 s --> (none)
 *                              |      ^             ^  |   ^                       |   ^
 *         3 requests, no reply |      | packet      |  |   | reply, or             |   | request
 *                              v      |             |  |   | advice      packet    |   | from it
 *                             FAILED -+             |  |   |                       v   |
 *                              ^                    |  |   +-------- PROBE <---- DELAY |
 *                              |    3 requests,     |  |               |    5 s   ^
 *                              +---- no reply ------|--|---------------+          |
 *                                                   |  +--------------------------+
 *                                                   |        30 s, in use
 *
 * as Linux has it (RFC 4861 7.3.2 for ARP; RFC 1122 2.3.2.1). A claim that a neighbour has another MAC moves
 * the entry to PROBE, where the old one is asked first; only when it is silent is everybody asked.
 */
#ifndef VT_LINK_NEIGH_H
#define VT_LINK_NEIGH_H

#include "arp_wire.h"
#include "link.h"

#define VT_NEIGH_DELAY_TIME     (5 * VT_SEC) /* Linux's delay_first_probe_time */
#define VT_NEIGH_UNICAST_PROBES 3u           /* Linux's ucast_solicit: requests to the MAC that is known */
#define VT_NEIGH_AGEING_TIME                                                                    \
    (60 * VT_SEC)               /* Linux's gc_stale_time: how long one that is not used is kept \
                                 */
#define VT_NEIGH_BUCKETS 65536u /* of the hash table, at most */

struct vt_neigh {
    struct vt_neigh *next; /* of its bucket */
    /* Of those that may go when the table is full (STALE, FAILED), the one longest so first. */
    struct vt_neigh *older, *newer;
    struct vt_eth *eth;
    struct vt_timer timer;
    struct vt_ip ip;
    struct vt_mac mac;
    uint8_t state;   /* enum vt_neigh_state */
    bool suspect;    /* somebody says that it has another MAC */
    uint32_t asked;  /* requests sent in this state */
    vt_time updated; /* when the state changed */
    vt_time confirmed;
    vt_time used;
    vt_time quiet; /* until then a new suspicion makes no request (RFC 1122 2.3.2.1: one a second) */
    struct vt_pbufq pending;
};

struct vt_neigh_table {
    struct vt_neigh **bucket;
    uint32_t buckets; /* a power of two */
    uint32_t count;
    uint32_t pending; /* packets, of all entries */
    struct vt_neigh *oldest, *newest;
};

int vt_neigh_init(struct vt_eth *eth);
/* Frees all entries; what waits in them is dropped. */
void vt_neigh_fini(struct vt_eth *eth);
/* Sends an IP packet to a neighbour, when its MAC is known. Takes the pbuf. */
void vt_neigh_output(struct vt_eth *eth, struct vt_pbuf *p, struct vt_ip ip);
/* A reply to us. Returns VT_DROP_NONE when we had asked. */
enum vt_drop vt_neigh_replied(struct vt_eth *eth, struct vt_ip ip, struct vt_mac mac);
/* A neighbour named its own addresses in passing; to_us when in a request to us, which may make an entry. */
void vt_neigh_heard(struct vt_eth *eth, struct vt_ip ip, struct vt_mac mac, bool to_us);

#endif

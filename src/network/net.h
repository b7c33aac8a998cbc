/* Private to the network floor: the object, and what its files show each other.
 *
 *     net.c          the object, interfaces, addresses, the loopback
 *     route.c        the table of routes
 *     pmtu.c         what is known of paths' MTUs
 *     ipv4_input.c   validation in ordered steps, then here or onward
 *     ipv4_output.c  sending, fragmentation
 *     forward.c      a router's way
 *     frag.c         reassembly
 *     icmp.c         messages in, echo, errors out and their rate
 *     knobs.c        what a sysctl may change
 */
#ifndef VT_NETWORK_NET_H
#define VT_NETWORK_NET_H

#include "network/icmp_wire.h"
#include "network/ipv4_wire.h"
#include "network/network.h"

/* ---- Routes ---- */

struct vt_fib_entry {
    struct vt_route r;
    uint32_t net; /* r.dst, host bits cleared */
};

/* Sorted by prefix length, longest first; then by network; then by metric. `first` and `count` are the run of
 * each prefix length, `lengths` has a bit for each that occurs. */
struct vt_fib {
    struct vt_fib_entry *entry;
    uint32_t n, cap, max;
    uint64_t lengths;
    uint16_t first[33], count[33];
};

void vt_fib_free(struct vt_net *net);
/* Removes every route by this interface. */
void vt_fib_remove_netif(struct vt_net *net, const struct vt_netif *nif);
const struct vt_route *vt_fib_lookup(const struct vt_fib *fib, struct vt_ip dst);

/* ---- Path MTUs (RFC 1191) ---- */

#define VT_PMTU_SETS    16
#define VT_PMTU_WAYS    4
#define VT_PMTU_FLOOR   552            /* Linux's net.ipv4.route.min_pmtu (V36) */
#define VT_PMTU_AGE     (600 * VT_SEC) /* RFC 1191 6.3 */
#define VT_PMTU_UNKNOWN UINT32_MAX

struct vt_pmtu {
    struct vt_ip dst;
    uint32_t mtu;  /* 0: a free entry */
    vt_time until; /* good before this */
};

/* What is known of the path to dst, VT_PMTU_UNKNOWN when nothing, and until when it is. */
uint32_t vt_pmtu_get(struct vt_net *net, struct vt_ip dst, vt_time *until);
/* What "fragmentation needed" says, made sane: a claim of 0 becomes the plateau of RFC 1191 7 below the
 * quoted length; nothing is under the floor. */
uint32_t vt_pmtu_claim(uint32_t claimed, uint32_t quoted_len);
/* Believes that the path to dst carries `mtu`, when that is less than what was known. */
void vt_pmtu_learn(struct vt_net *net, struct vt_ip dst, uint32_t mtu);

/* ---- Sending ---- */

/* The first hop to a destination, found once and good for a generation. Direct-mapped. */
#define VT_HOPS 32

struct vt_cached_hop {
    struct vt_ip dst, next_hop;
    struct vt_netif *nif;
    uint32_t generation; /* 0: a free entry */
};

/* A peer whose packets to one of our addresses have passed every check of addresses, good for a generation.
 * Direct-mapped. */
#define VT_WAYS_IN 8

struct vt_way_in {
    struct vt_ip src, dst;
    const struct vt_netif *nif;
    uint32_t generation; /* 0: a free entry */
};

/* What it takes to send to one peer, worked out once and good for a generation. Direct-mapped. */
#define VT_FLOWS 32

struct vt_flow {
    struct vt_ip src, dst;
    uint32_t generation; /* 0: a free entry */
    uint8_t protocol;
    bool broadcast;
    uint16_t ident_offset;
    struct vt_netif *nif;
    uint32_t *ident; /* this flow's counter */
    struct vt_ip next_hop;
    uint32_t pmtu;
    vt_time pmtu_until;
};

/* Counters of IP identifications, one for each hash of a flow: nobody learns from the packets to him how many
 * go to others (V24, RFC 7739 5.3), and the packets of one flow do not repeat an identification soon. */
#define VT_IDENTS 128

/* The size on the wire that the path's MTU limits: the packet's, or that of the largest segment that a
 * super-segment stands for. `skip` bytes are in front of the TCP header. 0 when the packet is no segment. */
uint32_t vt_ip_unit(struct vt_pbuf *p, uint32_t skip);
/* Where a packet goes next, and how much of one fits through. */
struct vt_hop {
    struct vt_netif *nif;
    struct vt_ip next_hop;
    uint32_t mtu;
};

/* Cuts the datagram of header `h`, `options` (NULL: none) and data `p` into fragments and sends them (RFC
 * 791 3.2). Takes p. 0, -VT_ENOMEM, -VT_EMSGSIZE (the hop cannot carry the header and 8 bytes). */
int vt_ipv4_fragment(struct vt_net *net, struct vt_pbuf *p, const struct vt_ipv4_hdr *h,
                     const uint8_t *options, const struct vt_hop *hop);

/* ---- Receiving ---- */

void vt_ipv4_input(struct vt_netif *nif, struct vt_pbuf *p, bool group);
/* A packet for somebody else, IP header in front, on a router. Takes p. */
void vt_ipv4_forward(struct vt_net *net, struct vt_pbuf *p, struct vt_ipv4_hdr *h, const struct vt_ip_in *in);

/* ---- Reassembly ---- */

#define VT_FRAG_BUCKETS 64

struct vt_frag_queue;

struct vt_frags {
    struct vt_frag_queue *bucket[VT_FRAG_BUCKETS];
    struct vt_frag_queue *oldest, *newest;
    uint32_t count;
    size_t bytes; /* held by fragments and queues */
};

/* Takes a fragment, IP header in front. Returns the whole datagram, its header in front and *h and *in
 * brought up to it, when this was the last that was missing; else NULL. */
struct vt_pbuf *vt_frag_input(struct vt_net *net, struct vt_pbuf *p, struct vt_ipv4_hdr *h,
                              struct vt_ip_in *in);
void vt_frag_free_all(struct vt_net *net);

/* ---- ICMP ---- */

#define VT_ICMP_SETS 16
#define VT_ICMP_WAYS 4

/* How soon one destination may have errors again: a token bucket, kept as the time at which the tokens spent
 * will have come back. */
struct vt_icmp_bucket {
    struct vt_ip dst;
    vt_time refilled;
};

/* A message for us, IP header pulled. Takes p. */
void vt_icmp_input(struct vt_net *net, struct vt_pbuf *p, const struct vt_ip_in *in);
/* The floor below could not reach a neighbour with this packet. Takes p. */
void vt_icmp_neighbour_failed(struct vt_netif *nif, struct vt_pbuf *p);

/* ---- The object ---- */

#define VT_PROTOS     8
#define VT_LOOP_MAX   1024                /* packets to ourselves that wait */
#define VT_LOOP_BYTES (UINT64_C(8) << 20) /* and their bytes */
#define VT_LO_MTU     65535

struct vt_net {
    struct vt_core *core;
    struct vt_net_config config; /* defaults filled in */
    struct vt_net_stats stats;
    struct vt_netif *netifs; /* lo first */
    uint32_t generation;     /* never 0 */
    struct vt_pbufq loop;
    uint8_t proto_slot[256]; /* index into proto plus 1, 0: nobody */
    struct vt_proto_ops proto[VT_PROTOS];
    unsigned protos;
    struct vt_fib fib;
    struct vt_cached_hop hop[VT_HOPS];
    struct vt_flow flow[VT_FLOWS];
    struct vt_way_in way_in[VT_WAYS_IN];
    uint32_t ident[VT_IDENTS];
    struct vt_pmtu pmtu[VT_PMTU_SETS][VT_PMTU_WAYS];
    struct vt_icmp_bucket bucket[VT_ICMP_SETS][VT_ICMP_WAYS];
    struct vt_frags frags;
    struct vt_netif lo;
};

/* Every cached answer is void. */
void vt_net_changed(struct vt_net *net);
/* The first hop of packets from src (which may be VT_IP_ANY) to dst: the interface, and the neighbour on it.
 * NULL when there is no way. */
struct vt_netif *vt_net_first_hop(struct vt_net *net, struct vt_ip src, struct vt_ip dst,
                                  struct vt_ip *next_hop);

/* What a keyed hash is for: the same bytes give unrelated numbers for different uses. */
enum vt_net_hash_use {
    VT_HASH_IDENT = 0x10,
    VT_HASH_FRAG,
    VT_HASH_PMTU,
    VT_HASH_ICMP,
};
/* SipHash of the addresses, `a` and `b` under the node's key. */
uint64_t vt_net_hash(const struct vt_net *net, enum vt_net_hash_use use, struct vt_ip src, struct vt_ip dst,
                     uint8_t a, uint16_t b);

/* True for an address that names one host and no group: whom an answer may be sent to. */
bool vt_net_is_unicast(struct vt_net *net, struct vt_ip ip);

/* Emits an event of kind IP_* about the packet of header h, with the packet's last event as its cause, and
 * makes it the packet's last. */
void vt_net_event_ip(struct vt_net *net, enum vt_event_kind kind, enum vt_doc doc, const struct vt_netif *nif,
                     struct vt_pbuf *p, const struct vt_ipv4_hdr *h);

#endif

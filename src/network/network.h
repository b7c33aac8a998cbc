/* What the network floor shows: sending an IP packet, receiving by protocol, routes, ICMP.
 *
 * RFC 791, 792, 815, 1122 3, 1191, 1812 (routers), 4963, 5722, 5927, 6864.
 */
#ifndef VT_NETWORK_NETWORK_H
#define VT_NETWORK_NETWORK_H

#include "link/link.h"

struct vt_net;

enum vt_ip_protocol {
    VT_PROTO_ICMP = 1,
    VT_PROTO_TCP = 6,
    VT_PROTO_UDP = 17,
};

struct vt_net_config {
    bool forward;             /* a router: net.ipv4.ip_forward */
    uint8_t ttl;              /* net.ipv4.ip_default_ttl, 0: 64 */
    uint32_t frag_max_bytes;  /* net.ipv4.ipfrag_high_thresh, 0: 4 MiB */
    uint32_t frag_max_queues; /* datagrams in reassembly, 0: 256 */
    uint32_t frag_max_parts;  /* fragments of one datagram, 0: 64 */
    vt_span frag_time;        /* 0: 60 s, net.ipv4.ipfrag_time, RFC 1122 3.3.2 */
    uint32_t icmp_rate;       /* errors per second and destination, 0: 10 (token bucket with jitter) */
    bool echo_broadcast;      /* answer broadcast pings: off (V39) */
    uint32_t routes_max;      /* 0: 1024 */
};

struct vt_net *vt_net_new(struct vt_core *core, const struct vt_net_config *config);
void vt_net_free(struct vt_net *net);
/* Work left for the end of a burst: packets to ourselves. Returns true when some were delivered. */
bool vt_net_run(struct vt_net *net);

/* Adds an interface and brings it up: sets nif->input, nif->unreachable, nif->net and VT_IFF_UP, and
 * nif->index when it is 0, to the next free one. The interface stays the caller's, and must outlive `net`.
 * The loopback interface `lo` (127.0.0.1/8, MTU 65535) is made by vt_net_new(); its index is 0, for it has no
 * port: those of the others may be their ports'. A route by an interface without VT_IFF_UP is not taken. */
void vt_net_add_netif(struct vt_net *net, struct vt_netif *nif);
/* Takes an interface back, with its addresses and routes, by which nothing has come yet: one that could not
 * be set up. */
void vt_net_remove_netif(struct vt_net *net, struct vt_netif *nif);
struct vt_netif *vt_net_netif(struct vt_net *net, uint32_t index); /* NULL: none */
struct vt_netif *vt_net_netifs(struct vt_net *net);                /* a list by `next`, lo first */
/* Gives an interface an address and the route to its network. -VT_ENOSPC, -VT_EEXIST, -VT_EINVAL. Emits ADDR.
 */
int vt_net_add_addr(struct vt_net *net, struct vt_netif *nif, struct vt_ip ip, uint8_t prefix);

struct vt_route {
    struct vt_ip dst;
    uint8_t prefix;
    struct vt_ip via; /* VT_IP_ANY: on the link itself */
    struct vt_netif *nif;
    uint32_t metric;
};
/* The longest prefix wins, then the least metric. Bits of dst behind the prefix are cleared; `nif` may be
 * NULL when `via` tells it. -VT_EEXIST (the same prefix and metric), -VT_ENOSPC, -VT_ENOMEM, -VT_EINVAL,
 * -VT_ENETUNREACH (via not on a link). */
int vt_net_route_add(struct vt_net *net, const struct vt_route *route);
/* Removes the route of least metric to this network. -VT_ENOENT, -VT_EINVAL. */
int vt_net_route_del(struct vt_net *net, struct vt_ip dst, uint8_t prefix);
/* Each route, the shortest prefix first; stops when fn returns false. */
void vt_net_route_each(struct vt_net *net, bool (*fn)(void *ctx, const struct vt_route *r), void *ctx);
/* The route in the table to dst, NULL when there is none; our own addresses are not in it. Valid until routes
 * change. */
const struct vt_route *vt_net_route(struct vt_net *net, struct vt_ip dst);
/* Changes with each change of routes, addresses or path MTUs: a cached answer is good while it stands. */
uint32_t vt_net_generation(const struct vt_net *net);

/* True when ip is one of ours: any interface's address, all of 127/8. */
bool vt_net_is_local(struct vt_net *net, struct vt_ip ip);
/* True when ip is a broadcast address of an interface, or 255.255.255.255. */
bool vt_net_is_broadcast(struct vt_net *net, struct vt_ip ip);
/* The source address for packets to dst (RFC 1122 3.3.4.3): the address on the outgoing interface that shares
 * its network, else its first; dst itself when it is ours. 0, or -VT_ENETUNREACH. */
int vt_net_source(struct vt_net *net, struct vt_ip dst, struct vt_ip *src);
/* The largest IP packet that the path to dst carries, as far as known (RFC 1191); at least 68 for IPv4, and
 * never below `552` from what ICMP claims (V36: a floor, as Linux's min_pmtu). */
uint32_t vt_net_path_mtu(struct vt_net *net, struct vt_ip dst);
/* The first hop's alone. */
uint32_t vt_net_hop_mtu(struct vt_net *net, struct vt_ip dst);
/* What the first hop to dst can offload, enum vt_device_features; loopback takes everything. */
uint32_t vt_net_features(struct vt_net *net, struct vt_ip dst);

/* How a packet is to be sent. */
struct vt_ip_out {
    struct vt_ip src, dst;
    uint8_t protocol;
    uint8_t ttl; /* 0: the default */
    uint8_t tos;
    bool df;        /* may not be fragmented */
    bool hop_mtu;   /* only the first hop's MTU counts, not what is known of the path (IP_PMTUDISC_PROBE) */
    bool broadcast; /* dst may be a broadcast address (SO_BROADCAST) */
};
/* Sends a packet whose transport header is in front. Takes the pbuf, whatever happens. p->ev is what made it.
 * A broadcast does not come back to us. 0; -VT_ENETUNREACH, -VT_EMSGSIZE (df, or too long for IP), -VT_EACCES
 * (broadcast), -VT_EINVAL (a source in 127/8, to another host), -VT_ENOMEM, -VT_ENOBUFS (the device takes
 * nothing now); each is a counted drop too. */
int vt_ip_output(struct vt_net *net, struct vt_pbuf *p, const struct vt_ip_out *out);

/* What is known of a packet handed up: its header is pulled off, and lies `header` bytes in front. */
struct vt_ip_in {
    struct vt_ip src, dst;
    struct vt_netif *nif;
    uint16_t header; /* bytes of IP header: vt_pbuf_unpull() by this brings it back */
    uint8_t protocol, ttl, tos;
    bool group; /* sent to a broadcast or multicast address, of IP or of the link */
};
/* An ICMP error about a packet of ours, already checked to have been sent from a local address. */
struct vt_icmp_error {
    uint8_t type, code;
    struct vt_ip src, dst; /* of the packet that it quotes: src is ours */
    struct vt_ip from;     /* who says so */
    uint8_t protocol;
    uint32_t mtu; /* fragmentation needed: the path's MTU by this, made sane (V36): 552 or more; else 0 */
    const uint8_t *quote; /* the quoted transport bytes, 8 to 60 */
    uint32_t quote_len;
};
/* What the floor above registers for a protocol. `input` takes the pbuf. `error` may be NULL; it returns true
 * when the quote matches something of ours (only then is a new path MTU believed: RFC 5927 7). */
struct vt_proto_ops {
    void (*input)(void *ctx, struct vt_pbuf *p, const struct vt_ip_in *in);
    bool (*error)(void *ctx, const struct vt_icmp_error *err);
    void *ctx;
};
/* `protocol` is an IP protocol number. For VT_PROTO_ICMP `input` gets echo replies only, ICMP header still
 * on. Each protocol has one; the table has room for 8 protocols. */
void vt_net_register(struct vt_net *net, uint8_t protocol, const struct vt_proto_ops *ops);

/* Sends an ICMP error about packet `p` (IP header back in front), unless the rules forbid it (RFC 1122 3.2.2,
 * RFC 1812 4.3.2.7, V35) or the rate limit does. `p` stays the caller's. `arg` is the MTU (3, 4), the pointer
 * (12), or 0. */
void vt_icmp_error_send(struct vt_net *net, struct vt_pbuf *p, const struct vt_ip_in *in, uint8_t type,
                        uint8_t code, uint32_t arg);
/* Convenience for the transports: destination unreachable about a packet whose IP header was pulled. */
static inline void vt_icmp_unreachable(struct vt_net *net, struct vt_pbuf *p, const struct vt_ip_in *in,
                                       uint8_t code)
{
    vt_pbuf_unpull(p, in->header);
    vt_icmp_error_send(net, p, in, 3, code, 0);
}

/* A knob by its sysctl name ("net.ipv4.ip_forward"): 0, -VT_ENOENT, -VT_EINVAL (out of range). */
int vt_net_knob_get(const struct vt_net *net, const char *name, int64_t *value);
int vt_net_knob_set(struct vt_net *net, const char *name, int64_t value);
/* The i-th knob's name, NULL past the last. */
const char *vt_net_knob_name(unsigned i);

/* Counters in the shape of /proc/net/snmp. */
struct vt_net_stats {
    uint64_t in_receives, in_delivers, out_requests, forwarded, reasm_ok, reasm_fail, frag_ok, frag_created;
    uint64_t icmp_in, icmp_out, icmp_limited;
};
const struct vt_net_stats *vt_net_stats(const struct vt_net *net);
struct vt_core *vt_net_core(struct vt_net *net);

#endif

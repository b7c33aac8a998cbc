/* What UDP and ping sockets have in common: a bounded queue of datagrams, options, a pending error.
 */
#ifndef VT_TRANSPORT_UDP_DGRAM_H
#define VT_TRANSPORT_UDP_DGRAM_H

#include "transport.h"

/* Buffer sizes as Linux has them, in truesize: what a buffer costs, not what it carries. */
enum {
    VT_DGRAM_BUF_DEFAULT = 212992, /* net.core.rmem_default, wmem_default */
    VT_DGRAM_BUF_MAX = 212992,     /* net.core.rmem_max: what SO_RCVBUF may ask for, before it is doubled */
    VT_DGRAM_RCVBUF_MIN = 2304,
    VT_DGRAM_SNDBUF_MIN = 4608,
};

enum vt_dgram_shut {
    VT_DGRAM_SHUT_RD = 1,
    VT_DGRAM_SHUT_WR = 2,
};

struct vt_dgram {
    void *user;
    struct vt_pbufq queue; /* each with its source, a struct vt_addr, in front of its bytes */
    uint64_t held;         /* truesize of the queue */
    uint32_t rcvbuf, sndbuf;
    uint32_t drops; /* at the full queue */
    uint32_t mark;
    int error; /* pending, negative, or 0 */
    uint8_t shut;
    uint8_t ttl; /* 0: the host's default */
    uint8_t tos;
    uint8_t pmtudisc;
    bool reuseaddr, reuseport, broadcast;
};

void vt_dgram_init(struct vt_dgram *d, void *user);
/* Frees what waits. */
void vt_dgram_fini(struct vt_dgram *d);
/* Queues a datagram with its source and the TTL it came with. False when the queue is full: `p` stays the
 * caller's. One datagram always fits into an empty queue. */
bool vt_dgram_put(struct vt_dgram *d, struct vt_pbuf *p, const struct vt_addr *from, uint8_t ttl);
/* Reads the next datagram; `from` and `ttl` may be NULL. Bytes copied, or with VT_MSG_TRUNC the datagram's
 * length; VT_MSG_PEEK leaves it. The pending error comes first. -VT_EAGAIN; 0 when reading is shut. */
long vt_dgram_get(struct vt_dgram *d, void *buf, size_t len, int flags, struct vt_addr *from, uint8_t *ttl);
/* Takes the next datagram off the queue, its source pulled off into `from` (may be NULL). NULL and `*error`
 * as vt_dgram_get(). */
struct vt_pbuf *vt_dgram_pop(struct vt_dgram *d, struct vt_addr *from, long *error);
unsigned vt_dgram_poll(const struct vt_dgram *d);
int vt_dgram_take_error(struct vt_dgram *d);
void vt_dgram_shutdown(struct vt_dgram *d, int how);
/* Judges an IP packet of `len` bytes to out->dst by IP_MTU_DISCOVER: sets out->df and out->hop_mtu, and
 * `*fits` when it goes whole. -VT_EMSGSIZE where it may not go otherwise. */
int vt_dgram_fits(const struct vt_dgram *d, struct vt_net *net, size_t len, struct vt_ip_out *out,
                  bool *fits);
/* The options of VT_SOL_SOCKET and VT_SOL_IP that datagrams heed. -VT_ENOPROTOOPT for others; VT_IP_MTU is
 * the caller's, who knows the peer. */
int vt_dgram_setopt(struct vt_dgram *d, int level, int name, const void *val, size_t len);
int vt_dgram_getopt(const struct vt_dgram *d, const struct vt_net *net, int level, int name, void *val,
                    size_t *len);

/* What an ICMP error means to a socket: a negative error, 0 when nothing. `*hard` when it ends the exchange
 * (a connected socket is told; RFC 1122 4.1.3.3). */
int vt_dgram_icmp_error(const struct vt_icmp_error *err, bool *hard);

#endif

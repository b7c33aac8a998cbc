/* UDP's insides: the sockets and the two tables that find them.
 *
 * A bound socket is in both tables: by its local port, where binds are checked and group datagrams find
 * everybody; and by its name, the addresses and ports that a datagram must have to be its own. An unconnected
 * socket's name has no remote half, one bound to no address has no local address; a lookup tries the names
 * from the narrowest to the widest. Both tables are keyed by the node's secret, so that nobody outside can
 * choose what collides.
 */
#ifndef VT_TRANSPORT_UDP_H
#define VT_TRANSPORT_UDP_H

#include "udp_dgram.h"

#define VT_UDP_SOCKETS_MAX (1u << 20)
#define VT_UDP_SLOTS_MIN   64

struct vt_udp_sock {
    struct vt_dgram d; /* first: see vt_dgram_put() */
    struct vt_udp *udp;
    struct vt_udp_sock *prev, *next;       /* all sockets, in the order of their binding */
    struct vt_udp_sock *by_port, *by_name; /* the chains of the tables */
    struct vt_addr local, remote;
    bool bound;        /* has a port, and is in the tables */
    bool connected;    /* has a peer */
    bool address_kept; /* the local address was given by bind: it stays when the peer goes */
    bool port_kept;    /* the port was */
};

struct vt_udp {
    struct vt_core *core;
    struct vt_net *net;
    const struct vt_transport_up *up;
    struct vt_sipkey key;
    struct vt_port_picker picker;
    struct vt_udp_sock *first, *last;
    struct vt_udp_sock **ports, **names; /* `slots` chains each */
    uint32_t slots, bound, open;
};

/* ---- udp_table.c ---- */

/* 0 or -VT_ENOMEM; frees. */
int vt_udp_table_init(struct vt_udp *udp);
void vt_udp_table_fini(struct vt_udp *udp);
/* Enters a socket under its addresses, or takes it out. The tables grow and shrink with what is in them. */
void vt_udp_enter(struct vt_udp_sock *s);
void vt_udp_leave(struct vt_udp_sock *s);
/* True when no socket but `s` stands in the way of binding it to `addr` (whose port is not 0). SO_REUSEADDR
 * or SO_REUSEPORT on both lets them share, unless it is to be `alone`. */
bool vt_udp_bindable(const struct vt_udp_sock *s, const struct vt_addr *addr, bool alone);
/* The socket for a datagram from `from` to `to`; NULL when there is none. */
struct vt_udp_sock *vt_udp_find(struct vt_udp *udp, const struct vt_addr *to, const struct vt_addr *from);
/* The next socket after `s` (NULL: the first) that hears what is sent to the group address `to`. */
struct vt_udp_sock *vt_udp_find_group(struct vt_udp *udp, struct vt_udp_sock *s, const struct vt_addr *to,
                                      const struct vt_addr *from);

/* ---- udp.c ---- */

/* Gives an unbound socket a port that nobody has, at `local`, towards `peer`. 0 or -VT_EADDRNOTAVAIL. */
int vt_udp_autobind(struct vt_udp_sock *s, struct vt_ip local, const struct vt_addr *peer);

/* Sends a datagram whose payload is `p`, which it takes. Bytes sent, or an error. */
long vt_udp_output(struct vt_udp_sock *s, struct vt_pbuf *p, const struct vt_addr *to);

/* ---- udp_input.c ---- */

void vt_udp_input(void *ctx, struct vt_pbuf *p, const struct vt_ip_in *in);
bool vt_udp_error(void *ctx, const struct vt_icmp_error *err);

#endif

/* What the transport floor shows to the sockets: TCP, UDP, and ICMP echo as a datagram service.
 *
 * A socket's transport part is an object opened here; the socket above is told of changes by `ready`. Objects
 * of TCP may outlive their socket (TIME-WAIT, data still to be sent): vt_tcp_close() lets go of them.
 */
#ifndef VT_TRANSPORT_TRANSPORT_H
#define VT_TRANSPORT_TRANSPORT_H

#include <vitro/socket.h>
#include "network/network.h"

/* IP_MTU_DISCOVER, Linux's numbers. From PROBE on what ICMP says of paths is not heeded: what fits is what
 * the first hop takes. */
enum vt_pmtudisc {
    VT_PMTUDISC_DONT = 0,      /* never sets DF */
    VT_PMTUDISC_WANT = 1,      /* sets DF on what fits, cuts what does not */
    VT_PMTUDISC_DO = 2,        /* always sets DF; what does not fit is -VT_EMSGSIZE */
    VT_PMTUDISC_PROBE = 3,     /* as DO */
    VT_PMTUDISC_INTERFACE = 4, /* never sets DF; what does not fit is -VT_EMSGSIZE */
    VT_PMTUDISC_OMIT = 5,      /* never sets DF, cuts what does not fit */
};

/* True when routers may cut what is sent so. */
static inline bool vt_pmtudisc_cuts(uint8_t how)
{
    return how == VT_PMTUDISC_DONT || how >= VT_PMTUDISC_INTERFACE;
}

/* Up: something changed that may make `user` ready; `events` are VT_POLL* bits that are now worth a look. */
struct vt_transport_up {
    void (*ready)(void *user, unsigned events);
};

/* Option values, read and written as Linux does: an int; a shorter place gets the bytes that fit. -VT_EFAULT
 * for NULL, -VT_EINVAL for a value shorter than an int. */
static inline int vt_opt_int(const void *val, size_t len, int *out)
{
    if (val == NULL)
        return -VT_EFAULT;
    if (len < sizeof *out)
        return -VT_EINVAL;
    memcpy(out, val, sizeof *out);
    return 0;
}
static inline int vt_opt_put(void *val, size_t *len, const void *src, size_t n)
{
    if (val == NULL || len == NULL)
        return -VT_EFAULT;
    if (*len < n)
        n = *len;
    memcpy(val, src, n);
    *len = n;
    return 0;
}
static inline int vt_opt_put_int(void *val, size_t *len, int v)
{
    return vt_opt_put(val, len, &v, sizeof v);
}

/* ---- TCP ---- */

struct vt_tcp; /* TCP of one host */
struct vt_tcb; /* a connection, a listener, or one to be (RFC 9293 3.3.1) */

/* `secret` keys ISNs (RFC 6528), ports and the table: core->key. NULL without memory. */
struct vt_tcp *vt_tcp_new(struct vt_core *core, struct vt_net *net, const struct vt_transport_up *up);
/* Frees everything, connections included, without sending. */
void vt_tcp_free(struct vt_tcp *tcp);
/* The end of a burst: ACKs due now, and output that became possible. */
void vt_tcp_run(struct vt_tcp *tcp);

/* A knob by its sysctl name ("net.ipv4.tcp_keepalive_time"): 0, -VT_ENOENT, -VT_EINVAL (out of range). Times
 * in the unit that Linux gives them; values are single numbers. */
int vt_tcp_knob_get(const struct vt_tcp *tcp, const char *name, int64_t *value);
int vt_tcp_knob_set(struct vt_tcp *tcp, const char *name, int64_t value);
/* Those that are texts: net.ipv4.tcp_congestion_control and its kin. -VT_ENOENT: there is none of that name;
 * -VT_ENOSPC, -VT_EINVAL. */
int vt_tcp_knob_get_text(const struct vt_tcp *tcp, const char *name, char *buf, size_t size);
int vt_tcp_knob_set_text(struct vt_tcp *tcp, const char *name, const char *text);
/* The i-th knob's name, NULL past the last. */
const char *vt_tcp_knob_name(const struct vt_tcp *tcp, unsigned i);

/* "linux" (as it begins) or "freebsd": habits on the wire, names and defaults of knobs. Knobs set before are
 * forgotten. -VT_ENOENT; -VT_EBUSY: there are sockets already. */
int vt_tcp_set_profile(struct vt_tcp *tcp, const char *name);

/* sendto() to a peer opens fast without being told to (FreeBSD's way; RFC 7413). */
bool vt_tcp_fastopen_implied(const struct vt_tcb *tcb);

/* A new object in CLOSED. NULL without memory. */
struct vt_tcb *vt_tcp_open(struct vt_tcp *tcp, void *user);
/* `addr->port` 0 takes an ephemeral port. -VT_EADDRINUSE, -VT_EADDRNOTAVAIL, -VT_EINVAL (bound already). */
int vt_tcp_bind(struct vt_tcb *tcb, const struct vt_addr *addr);
int vt_tcp_listen(struct vt_tcb *tcb, int backlog);
/* The next connection that is complete, its user set to `user`; NULL when there is none. */
struct vt_tcb *vt_tcp_accept(struct vt_tcb *listener, void *user);
bool vt_tcp_acceptable(const struct vt_tcb *listener);
/* -VT_EINPROGRESS; 0 when the SYN waits for the first bytes (TCP_FASTOPEN_CONNECT), as vt_tcp_deferred()
 * tells. */
int vt_tcp_connect(struct vt_tcb *tcb, const struct vt_addr *peer);
bool vt_tcp_deferred(const struct vt_tcb *tcb);
/* Forgets what it has learnt of servers by Fast Open. */
void vt_tcp_fo_flush(struct vt_tcp *tcp);
/* MSG_FASTOPEN: connects, and sends with the SYN what it may bear (RFC 7413 4.2). `peer` NULL: it was told,
 * and the SYN waits. Bytes taken; -VT_EINPROGRESS when none could be; the errors of vt_tcp_connect(). */
long vt_tcp_send_fastopen(struct vt_tcb *tcb, const struct vt_addr *peer, const void *buf, size_t len,
                          int flags);
/* Bytes copied into the send queue; -VT_EAGAIN when it is full. */
long vt_tcp_send(struct vt_tcb *tcb, const void *buf, size_t len, int flags);
/* All of the bytes, by reference: takes over the caller's reference when it returns more than 0. */
long vt_tcp_send_block(struct vt_tcb *tcb, struct vt_block *block, const uint8_t *data, size_t len);
long vt_tcp_recv(struct vt_tcb *tcb, void *buf, size_t len, int flags);
/* Hands over the next received bytes: `*block` with one reference for the caller. 0 at the end. */
long vt_tcp_recv_block(struct vt_tcb *tcb, struct vt_block **block, const uint8_t **data);
/* The same without taking them, from `off` bytes behind what is next to be read. */
long vt_tcp_peek(struct vt_tcb *tcb, uint32_t off, void *buf, size_t len);
/* When the byte that was read last had come; 0 when none was. What TCP_INQ tells: what may be read, and 1 at
 * the end. */
vt_time vt_tcp_read_stamp(const struct vt_tcb *tcb);
uint32_t vt_tcp_inq_hint(const struct vt_tcb *tcb);
/* VT_SO_TIMESTAMPING; and the oldest notice of the error queue: 0, or -VT_EAGAIN. */
int vt_tcp_set_timestamping(struct vt_tcb *tcb, uint32_t flags);
int vt_tcp_recv_notice(struct vt_tcb *tcb, struct vt_msg_info *info);
bool vt_tcp_notices_wait(const struct vt_tcb *tcb);
int vt_tcp_shutdown(struct vt_tcb *tcb, int how);
/* The socket is gone: closes as RFC 9293 3.10.4 says (a RST when received data was never read), and the
 * object frees itself in time. `linger0`: abort at once. */
void vt_tcp_close(struct vt_tcb *tcb, bool linger0);
/* VT_POLL* bits that hold now. */
unsigned vt_tcp_poll(struct vt_tcb *tcb);
/* The pending error, cleared: SO_ERROR. 0 or a negative error. */
int vt_tcp_take_error(struct vt_tcb *tcb);
int vt_tcp_local(const struct vt_tcb *tcb, struct vt_addr *addr);
int vt_tcp_remote(const struct vt_tcb *tcb, struct vt_addr *addr); /* -VT_ENOTCONN */
/* Options of VT_SOL_TCP and VT_SOL_IP, and those of VT_SOL_SOCKET that TCP acts on (buffers, keepalive,
 * reuse, mark, OOB inline). -VT_ENOPROTOOPT when it is none of those. TCP_INFO and TCP_CONGESTION are read
 * here too. */
int vt_tcp_setopt(struct vt_tcb *tcb, int level, int name, const void *val, size_t len);
int vt_tcp_getopt(const struct vt_tcb *tcb, int level, int name, void *val, size_t *len);
/* Bytes that may be read now; bytes not yet acknowledged (SIOCINQ, SIOCOUTQ); true when the urgent mark is
 * next. */
uint32_t vt_tcp_inq(const struct vt_tcb *tcb);
uint32_t vt_tcp_outq(const struct vt_tcb *tcb);
bool vt_tcp_at_mark(const struct vt_tcb *tcb);
uint32_t vt_tcp_conn(const struct vt_tcb *tcb); /* its number in events */
/* The event that last gave the connection something to do: a segment, a call; 0 for none. */
uint64_t vt_tcp_cause(const struct vt_tcb *tcb);

/* Linux's number (enum vt_tcp_info_state) of an enum vt_tcp_state. */
uint8_t vt_tcp_info_state(unsigned state);

/* A row of `ss -t`. Listeners show the accept queue and the backlog in recvq and sendq. */
struct vt_tcp_row {
    struct vt_addr local, remote;
    uint8_t state; /* enum vt_tcp_state */
    uint32_t recvq, sendq, conn, mark;
    struct vt_tcp_info info; /* of connections with a control block */
    const char *timer;       /* the timer that runs, or NULL */
    vt_time timer_at;
    uint32_t retransmits;
};
/* Every listener, connection, half-open and TIME-WAIT entry; stops when fn returns false. */
void vt_tcp_each(struct vt_tcp *tcp, bool (*fn)(void *ctx, const struct vt_tcp_row *row), void *ctx);

/* ---- UDP (RFC 768, RFC 1122 4.1) ---- */

struct vt_udp;
struct vt_udp_sock;

struct vt_udp *vt_udp_new(struct vt_core *core, struct vt_net *net, const struct vt_transport_up *up);
void vt_udp_free(struct vt_udp *udp);
struct vt_udp_sock *vt_udp_open(struct vt_udp *udp, void *user);
void vt_udp_close(struct vt_udp_sock *s);
int vt_udp_bind(struct vt_udp_sock *s, const struct vt_addr *addr);
int vt_udp_connect(struct vt_udp_sock *s, const struct vt_addr *peer); /* NULL: disconnects */
/* `to` NULL: the connected peer. Errors: -VT_EDESTADDRREQ, -VT_EMSGSIZE, -VT_EPIPE, -VT_EACCES (broadcast),
 * those of vt_ip_output(), and the pending error. */
long vt_udp_send(struct vt_udp_sock *s, const void *buf, size_t len, const struct vt_addr *to);
/* The same with bytes of a block, of which it takes a reference of its own. */
long vt_udp_send_block(struct vt_udp_sock *s, struct vt_block *block, const uint8_t *data, size_t len,
                       const struct vt_addr *to);
/* The datagram's length when flags has VT_MSG_TRUNC, else the bytes copied. */
long vt_udp_recv(struct vt_udp_sock *s, void *buf, size_t len, int flags, struct vt_addr *from);
/* Hands over the next datagram whole: `*block` with one reference for the caller. */
long vt_udp_recv_block(struct vt_udp_sock *s, struct vt_block **block, const uint8_t **data);
/* -VT_ENOTCONN for a socket without a peer, which is shut all the same. */
int vt_udp_shutdown(struct vt_udp_sock *s, int how);
unsigned vt_udp_poll(const struct vt_udp_sock *s);
int vt_udp_take_error(struct vt_udp_sock *s);
int vt_udp_local(const struct vt_udp_sock *s, struct vt_addr *addr);
int vt_udp_remote(const struct vt_udp_sock *s, struct vt_addr *addr); /* -VT_ENOTCONN */
int vt_udp_setopt(struct vt_udp_sock *s, int level, int name, const void *val, size_t len);
int vt_udp_getopt(const struct vt_udp_sock *s, int level, int name, void *val, size_t *len);
struct vt_udp_row {
    struct vt_addr local, remote;
    uint32_t recvq, drops;
};
void vt_udp_each(struct vt_udp *udp, bool (*fn)(void *ctx, const struct vt_udp_row *row), void *ctx);

/* ---- ICMP echo as a datagram service: a datagram is an ICMP echo message, its identifier the socket's ----
 */

struct vt_ping;
struct vt_ping_sock;

struct vt_ping *vt_ping_new(struct vt_core *core, struct vt_net *net, const struct vt_transport_up *up);
void vt_ping_free(struct vt_ping *ping);
struct vt_ping_sock *vt_ping_open(struct vt_ping *ping, void *user);
void vt_ping_close(struct vt_ping_sock *s);
/* The port of an address is the identifier; 0 takes a free one. */
int vt_ping_bind(struct vt_ping_sock *s, const struct vt_addr *addr);
int vt_ping_connect(struct vt_ping_sock *s, const struct vt_addr *peer); /* NULL: disconnects */
/* `buf` starts with an 8-byte ICMP header, type 8 (RFC 792); identifier and checksum are filled in. */
long vt_ping_send(struct vt_ping_sock *s, const void *buf, size_t len, const struct vt_addr *to);
/* The reply, ICMP header first; `ttl` may be NULL. */
long vt_ping_recv(struct vt_ping_sock *s, void *buf, size_t len, int flags, struct vt_addr *from,
                  uint8_t *ttl);
/* The oldest ICMP error about an echo of this socket (a few are kept, the rest counted): the quoted ICMP
 * message, at least its 8 bytes of header. -VT_EAGAIN when there is none. */
long vt_ping_recv_error(struct vt_ping_sock *s, void *buf, size_t len, struct vt_msg_info *info);
unsigned vt_ping_poll(const struct vt_ping_sock *s);
/* An ICMP error about a request of this socket is a pending error, connected or not. */
int vt_ping_take_error(struct vt_ping_sock *s);
int vt_ping_shutdown(struct vt_ping_sock *s, int how);
int vt_ping_local(const struct vt_ping_sock *s, struct vt_addr *addr);
int vt_ping_remote(const struct vt_ping_sock *s, struct vt_addr *addr); /* -VT_ENOTCONN */
int vt_ping_setopt(struct vt_ping_sock *s, int level, int name, const void *val, size_t len);
int vt_ping_getopt(const struct vt_ping_sock *s, int level, int name, void *val, size_t *len);

/* ---- Ephemeral ports ---- */

#define VT_PORT_LOW  32768 /* net.ipv4.ip_local_port_range */
#define VT_PORT_HIGH 60999

/* Picks a port in [low, high] for which in_use() is false, by RFC 6056 3.3.4 (double hash): keyed, so that
 * nobody can guess it (V68), and rarely the same for the same peer. -VT_EADDRNOTAVAIL when all are in use.
 * `table` is the owner's counters. */
#define VT_PORT_COUNTERS 64
struct vt_port_picker {
    struct vt_sipkey key;
    uint32_t counter[VT_PORT_COUNTERS];
};
void vt_port_picker_init(struct vt_port_picker *pk, struct vt_rng *rng);
int vt_port_pick(struct vt_port_picker *pk, struct vt_ip local, struct vt_ip remote, uint16_t rport,
                 uint16_t low, uint16_t high, bool (*in_use)(void *ctx, uint16_t port), void *ctx);

#endif

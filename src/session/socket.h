/* Private to the session floor: a socket, and what each kind of it can do.
 *
 *     session.c     the table, the up-call, names of the calls that end in one line
 *     calls.c       the BSD calls: checks, events, then the kind's function
 *     options.c     setsockopt and getsockopt
 *     sock_tcp.c, sock_udp.c, sock_ping.c   the kinds; tcp_options.c what a TCP socket keeps for itself
 *     epoll.c       readiness
 *     names.c       the hosts table
 *     trace.c       the events of calls
 */
#ifndef VT_SESSION_SOCKET_H
#define VT_SESSION_SOCKET_H

#include "fds.h"
#include "session.h"

struct vt_socket;
struct vt_epoll;

/* What a kind of socket does. A missing function is -VT_EOPNOTSUPP. Addresses come checked and resolved:
 * IPv4, and no wildcard as a destination. */
struct vt_sock_ops {
    int type, protocol; /* 0: not a socket */
    int (*bind)(struct vt_socket *so, const struct vt_addr *addr);
    int (*listen)(struct vt_socket *so, int backlog);
    /* The new descriptor. */
    int (*accept)(struct vt_socket *so, struct vt_addr *peer);
    /* `peer` NULL: disconnect. */
    int (*connect)(struct vt_socket *so, const struct vt_addr *peer);
    long (*send)(struct vt_socket *so, const void *buf, size_t len, int flags, const struct vt_addr *to);
    long (*recv)(struct vt_socket *so, void *buf, size_t len, int flags, struct vt_msg_info *info);
    long (*send_block)(struct vt_socket *so, struct vt_block *block, size_t len);
    long (*recv_block)(struct vt_socket *so, struct vt_block **block, const uint8_t **data);
    int (*shutdown)(struct vt_socket *so, int how);
    void (*close)(struct vt_socket *so);
    /* Frees what the transport would not, when it is freed; may be missing. */
    void (*mute)(struct vt_socket *so);
    int (*local)(const struct vt_socket *so, struct vt_addr *addr);
    int (*remote)(const struct vt_socket *so, struct vt_addr *addr);
    int (*setopt)(struct vt_socket *so, int level, int name, const void *val, size_t len);
    int (*getopt)(const struct vt_socket *so, int level, int name, void *val, size_t *len);
    int (*ioctl)(const struct vt_socket *so, unsigned request, int *value);
    unsigned (*poll)(struct vt_socket *so);
    int (*take_error)(struct vt_socket *so);
    uint32_t (*conn)(const struct vt_socket *so); /* its number in events; may be missing */
};

enum vt_sock_state { /* of a stream socket, as Linux's struct socket has it */
    VT_SOCK_UNCONNECTED,
    VT_SOCK_LISTENING,
    VT_SOCK_CONNECTING,
    VT_SOCK_CONNECTED,
};

/* Boolean options that a kind does not heed, kept because programs set them and read them back. */
enum vt_sock_kept {
    VT_KEPT_DEBUG = 1 << 0,
    VT_KEPT_BROADCAST = 1 << 1,
    VT_KEPT_KEEPALIVE = 1 << 2,
    VT_KEPT_OOBINLINE = 1 << 3,
    VT_KEPT_TIMESTAMP = 1 << 4,
    VT_KEPT_TIMESTAMPNS = 1 << 5,
    VT_KEPT_ZEROCOPY = 1 << 6,
    VT_KEPT_INQ = 1 << 7, /* TCP_INQ */
    VT_KEPT_SELECT_ERR = 1 << 8,
};

/* What accept() hands on from the listener. */
struct vt_sock_opts {
    struct vt_linger linger;
    vt_span rcvtimeo, sndtimeo; /* 0: for ever; negative: not at all */
    int priority;
    int rcvlowat;
    uint32_t kept;     /* enum vt_sock_kept */
    uint32_t stamping; /* VT_SO_TIMESTAMPING */
    int peek_off;      /* VT_SO_PEEK_OFF; below 0: none */
};

struct vt_socket {
    const struct vt_sock_ops *ops;
    struct vt_sockets *table;
    union {
        struct vt_tcb *tcb;
        struct vt_udp_sock *udp;
        struct vt_ping_sock *ping;
    } u;
    struct vt_watch *watches; /* one for each epoll set that watches it */
    struct vt_event_id why;   /* what made it ready last */
    int fd;
    uint8_t state;    /* enum vt_sock_state */
    uint16_t waiting; /* a bit for each enum vt_call that has said "not yet", and has told so */
    uint32_t mark;
    struct vt_sock_opts opts;
};

struct vt_name;

struct vt_sockets {
    struct vt_core *core;
    struct vt_tcp *tcp;
    struct vt_udp *udp;
    struct vt_ping *ping;
    struct vt_net *net;
    struct vt_fds fds;
    struct vt_name *names; /* in the order of their adding */
    uint32_t nnames, names_max;
    void (*on_ready)(void *ctx, int epfd);
    void *on_ready_ctx;
};

/* ---- session.c ---- */

/* The socket of a descriptor, whatever its kind; NULL: -VT_EBADF. */
static inline struct vt_socket *vt_sock_get(const struct vt_sockets *s, int fd)
{
    return vt_fds_get(&s->fds, fd);
}
/* A socket of a kind under a new descriptor, its transport part still missing. `size` is that of the struct
 * that begins with it. NULL and `*error`. vt_sock_free() takes it back. */
struct vt_socket *vt_sock_alloc(struct vt_sockets *s, const struct vt_sock_ops *ops, size_t size, int *error);
void vt_sock_free(struct vt_socket *so, size_t size);
/* The transports' up-call. */
void vt_sock_ready(void *user, unsigned events);

/* ---- The kinds ---- */

extern const struct vt_sock_ops vt_sock_tcp_ops, vt_sock_udp_ops, vt_sock_ping_ops, vt_epoll_ops;
/* Each makes a socket and returns its descriptor, or an error. */
int vt_sock_tcp_new(struct vt_sockets *s);
int vt_sock_udp_new(struct vt_sockets *s);
int vt_sock_ping_new(struct vt_sockets *s);

/* ---- tcp_options.c ---- */

int vt_sock_tcp_setopt(struct vt_socket *so, int level, int name, const void *val, size_t len);
int vt_sock_tcp_getopt(const struct vt_socket *so, int level, int name, void *val, size_t *len);

/* ---- epoll.c ---- */

/* Something may have made `so` ready: every set that watches it is told. */
void vt_epoll_notify(struct vt_socket *so, unsigned events);
/* `so` is about to go: its watches end. */
void vt_epoll_forget(struct vt_socket *so);

/* ---- names.c ---- */

void vt_names_free(struct vt_sockets *s);

/* ---- trace.c ---- */

/* A call under way: its event's id is taken at once, and is the cause of what the call sets in motion; the
 * event is written when the result is known. */
struct vt_call_trace {
    struct vt_event_id id;
    struct vt_event_id before; /* the cause to restore */
    struct vt_event_id cause;  /* the cause of the call itself */
    enum vt_call call;
    int fd;
    uint32_t arg;
};

/* `so` may be NULL: a call that makes a socket, or fails to find one. */
void vt_call_enter(struct vt_sockets *s, struct vt_call_trace *t, enum vt_call call, int fd, size_t arg,
                   const struct vt_socket *so);
/* Writes SOCK_CALL; or SOCK_WAIT for the first of a row of calls that said -VT_EAGAIN, and nothing for the
 * others. `so` may be NULL. Returns `result`. */
long vt_call_leave(struct vt_sockets *s, const struct vt_call_trace *t, struct vt_socket *so, long result);
/* The same without a word: the call was only a look. */
void vt_call_quiet(struct vt_sockets *s, const struct vt_call_trace *t);
/* For a call that ends its socket: `conn` and `mark` were the socket's. */
void vt_call_ended(struct vt_sockets *s, const struct vt_call_trace *t, uint32_t conn, uint32_t mark,
                   long result);

#endif

/* The sockets of a host: the BSD calls with Linux's meanings, numbers and options.
 *
 * Nothing here blocks: a call that would have to wait returns -VT_EAGAIN (connect: -VT_EINPROGRESS), and
 * vt_poll() or an epoll set tells when to try again. A driver that wants blocking calls loops around
 * vt_host_poll(). Errors are negative; a descriptor belongs to its host.
 */
#ifndef VITRO_SOCKET_H
#define VITRO_SOCKET_H

#include <vitro/errno.h>
#include <vitro/types.h>

struct vt_host;

enum {
    VT_AF_INET = 2,
    VT_AF_INET6 = 10,
};
enum {
    VT_SOCK_STREAM = 1,
    VT_SOCK_DGRAM = 2,
    VT_SOCK_NONBLOCK = 04000,   /* accepted and ignored: every socket is */
    VT_SOCK_CLOEXEC = 02000000, /* likewise */
};
enum {
    VT_SHUT_RD = 0,
    VT_SHUT_WR = 1,
    VT_SHUT_RDWR = 2,
};
enum { /* levels */
    VT_SOL_IP = 0,
    VT_SOL_SOCKET = 1,
    VT_SOL_TCP = 6,
    VT_SOL_UDP = 17,
};
enum { /* of VT_SOL_SOCKET */
    VT_SO_DEBUG = 1,
    VT_SO_REUSEADDR = 2,
    VT_SO_TYPE = 3,
    VT_SO_ERROR = 4,
    VT_SO_DONTROUTE = 5,
    VT_SO_BROADCAST = 6,
    VT_SO_SNDBUF = 7,
    VT_SO_RCVBUF = 8,
    VT_SO_KEEPALIVE = 9,
    VT_SO_OOBINLINE = 10,
    VT_SO_PRIORITY = 12,
    VT_SO_LINGER = 13,
    VT_SO_REUSEPORT = 15,
    VT_SO_RCVLOWAT = 18,
    VT_SO_SNDLOWAT = 19,
    VT_SO_RCVTIMEO = 20, /* kept for the driver that blocks; VT_SO_SNDTIMEO too */
    VT_SO_SNDTIMEO = 21,
    VT_SO_SNDBUFFORCE = 32,
    VT_SO_RCVBUFFORCE = 33,
    VT_SO_TIMESTAMP = 29,   /* when received bytes came, with vt_recvmsg(); in microseconds */
    VT_SO_TIMESTAMPNS = 35, /* in nanoseconds */
    VT_SO_MARK = 36,
    VT_SO_TIMESTAMPING = 37, /* VT_SOF_* */
    VT_SO_PEEK_OFF = 42,     /* where the next VT_MSG_PEEK begins; below 0: at what is next to be read */
    VT_SO_SELECT_ERR_QUEUE = 45,
    VT_SO_MAX_PACING_RATE = 47, /* bytes a second, 32 or 64 bits; all ones: none */
    VT_SO_COOKIE = 57,
    VT_SO_ZEROCOPY = 60,
    VT_SO_TIMESTAMP_NEW = 63,
    VT_SO_TIMESTAMPNS_NEW = 64,
    VT_SO_TIMESTAMPING_NEW = 65,
    VT_SO_RCVTIMEO_NEW = 66,
    VT_SO_SNDTIMEO_NEW = 67,
    VT_SO_BUF_LOCK = 72, /* 1: SO_SNDBUF was set, 2: SO_RCVBUF was */
    VT_SO_ACCEPTCONN = 30,
    VT_SO_PROTOCOL = 38,
    VT_SO_DOMAIN = 39,
    VT_SO_MEMINFO = 55, /* nine numbers, as linux/sock_diag.h has them */
};
enum { /* of VT_SOL_IP */
    VT_IP_TOS = 1,
    VT_IP_TTL = 2,
    VT_IP_MTU_DISCOVER = 10,
    VT_IP_MTU = 14,
    VT_IP_FREEBIND = 15,             /* bind() takes an address that is not the host's */
    VT_IP_BIND_ADDRESS_NO_PORT = 24, /* bind() to an address and port 0 leaves the port to connect() */
};
enum { /* of VT_SOL_TCP */
    VT_TCP_NODELAY = 1,
    VT_TCP_MAXSEG = 2,
    VT_TCP_CORK = 3,
    VT_TCP_KEEPIDLE = 4,  /* seconds */
    VT_TCP_KEEPINTVL = 5, /* seconds */
    VT_TCP_KEEPCNT = 6,
    VT_TCP_SYNCNT = 7,
    VT_TCP_LINGER2 = 8, /* seconds in FIN-WAIT-2 */
    VT_TCP_DEFER_ACCEPT = 9,
    VT_TCP_WINDOW_CLAMP = 10,
    VT_TCP_INFO = 11,
    VT_TCP_QUICKACK = 12,
    VT_TCP_CONGESTION = 13,
    VT_TCP_THIN_LINEAR_TIMEOUTS = 16,
    VT_TCP_THIN_DUPACK = 17,  /* taken, and without effect, as on Linux */
    VT_TCP_USER_TIMEOUT = 18, /* milliseconds */
    VT_TCP_REPAIR = 19,       /* refused, with those that go with it */
    VT_TCP_REPAIR_QUEUE = 20,
    VT_TCP_QUEUE_SEQ = 21,
    VT_TCP_REPAIR_WINDOW = 29,
    VT_TCP_IS_MPTCP = 43,  /* 0 */
    VT_TCP_FASTOPEN = 23,  /* of a listener: how many may be open before their handshake ends */
    VT_TCP_TIMESTAMP = 24, /* ours, as it would be sent now */
    VT_TCP_NOTSENT_LOWAT = 25,
    VT_TCP_CC_INFO = 26,          /* what the controller tells of itself; nothing when it does not */
    VT_TCP_FASTOPEN_CONNECT = 30, /* connect() waits for the first bytes, which go with the SYN */
    VT_TCP_FASTOPEN_KEY = 33,     /* 16 bytes, or 32: the key of cookies, and one more that is taken */
    VT_TCP_FASTOPEN_NO_COOKIE = 34,
    VT_TCP_INQ = 36,
    VT_TCP_RTO_MAX_MS = 44,
    VT_TCP_RTO_MIN_US = 45,
};
enum { /* message flags */
    VT_MSG_OOB = 0x01,
    VT_MSG_PEEK = 0x02,
    VT_MSG_TRUNC = 0x20,
    VT_MSG_DONTWAIT = 0x40,
    VT_MSG_EOR = 0x80,
    VT_MSG_WAITALL = 0x100, /* for the driver that blocks; of a send: the caller waits to send the rest */
    VT_MSG_ERRQUEUE = 0x2000,
    VT_MSG_NOSIGNAL = 0x4000,
    VT_MSG_MORE = 0x8000,
    VT_MSG_ZEROCOPY = 0x04000000, /* with VT_SO_ZEROCOPY: a notice tells when the buffer is free */
    VT_MSG_FASTOPEN = 0x20000000, /* opens the connection, the first bytes with the SYN (RFC 7413) */
};
enum { /* readiness */
    VT_POLLIN = 0x0001,
    VT_POLLPRI = 0x0002,
    VT_POLLOUT = 0x0004,
    VT_POLLERR = 0x0008,
    VT_POLLHUP = 0x0010,
    VT_POLLNVAL = 0x0020,
    VT_POLLRDHUP = 0x2000,
};

enum {                    /* requests of vt_ioctl(), each giving a number */
    VT_SIOCINQ = 0x541b,  /* bytes that may be read; of a datagram socket, of the next datagram (FIONREAD) */
    VT_SIOCOUTQ = 0x5411, /* bytes of a stream that the peer has not acknowledged */
    VT_SIOCOUTQNSD = 0x894b, /* bytes of a stream that were not sent yet */
    VT_SIOCATMARK = 0x8905,  /* 1 when the urgent byte is the next to be read */
};

struct vt_linger {
    int onoff;
    int linger; /* seconds */
};

enum { /* VT_SO_TIMESTAMPING, Linux's SOF_TIMESTAMPING_*; those of hardware are kept and tell nothing */
    VT_SOF_TX_SOFTWARE = 1 << 1, /* a notice when the last byte of a write was given to the device */
    VT_SOF_RX_SOFTWARE = 1 << 3,
    VT_SOF_SOFTWARE = 1 << 4,    /* tell of stamps at all */
    VT_SOF_OPT_ID = 1 << 7,      /* notices name the byte, counted from where this was set */
    VT_SOF_TX_SCHED = 1 << 8,    /* when it was queued for the device: here the same moment */
    VT_SOF_TX_ACK = 1 << 9,      /* when it was acknowledged */
    VT_SOF_OPT_TSONLY = 1 << 11, /* notices without the bytes */
    VT_SOF_OPT_STATS = 1 << 12,
    VT_SOF_OPT_ID_TCP = 1 << 16, /* counted from what is written next */
    VT_SOF_TX = VT_SOF_TX_SOFTWARE | VT_SOF_TX_SCHED | VT_SOF_TX_ACK,
    VT_SOF_ALL = (1 << 19) - 1,
};
enum {                               /* which of Linux's control messages a message has: bits of `controls` */
    VT_CONTROL_INQ = 1 << 0,         /* TCP_CM_INQ */
    VT_CONTROL_TIMESTAMP = 1 << 1,   /* SCM_TIMESTAMP */
    VT_CONTROL_TIMESTAMPNS = 1 << 2, /* SCM_TIMESTAMPNS */
    VT_CONTROL_TIMESTAMPING = 1 << 3, /* SCM_TIMESTAMPING, its first stamp */
    VT_CONTROL_RECVERR = 1 << 4,      /* IP_RECVERR */
};
enum { /* vt_msg_err */
    VT_EE_ORIGIN_TIMESTAMPING = 4,
    VT_EE_ORIGIN_ZEROCOPY = 5,
    VT_EE_CODE_ZEROCOPY_COPIED = 1,
};

/* Linux's struct sock_extended_err. A zero-copy notice tells the numbers of writes, from `info` to `data`;
 * one of a timestamp which it is (0 sent, 1 queued, 2 acknowledged) in `info`, and of which byte in `data`.
 */
struct vt_msg_err {
    uint32_t error; /* Linux's number, not negative */
    uint8_t origin, type, code;
    uint32_t info, data;
};

/* What comes with a message besides its bytes, or with an error about one of ours (VT_MSG_ERRQUEUE). */
struct vt_msg_info {
    struct vt_addr from;          /* its sender; of an error, the node that tells of it */
    uint8_t ttl;                  /* as it arrived; 0 when not known */
    uint8_t icmp_type, icmp_code; /* of an error */
    uint32_t mtu;                 /* of an error: the next hop's MTU, 0 when not told */
    int error;                    /* of an error: what a call would have returned, negative */
    int flags;                    /* VT_MSG_*: what is to be known of the message */
    uint32_t controls;            /* VT_CONTROL_*: which of these there are */
    int inq;                      /* bytes that may still be read; at the end of the stream 1 */
    vt_time stamp;                /* the host's time */
    struct vt_msg_err err;
};

struct vt_pollfd {
    int fd;
    short events, revents;
};

enum {
    VT_EPOLL_CTL_ADD = 1,
    VT_EPOLL_CTL_DEL = 2,
    VT_EPOLL_CTL_MOD = 3,
};
#define VT_EPOLLEXCLUSIVE (1u << 28) /* of several sets with this bit one is woken */
#define VT_EPOLLONESHOT   (1u << 30)
#define VT_EPOLLET        (1u << 31)

struct vt_epoll_event {
    uint32_t events; /* VT_POLL* and VT_EPOLL* bits */
    uint64_t data;
};

/* Linux's struct tcp_info (linux/tcp.h), its first 104 bytes and what followed, the same layout. */
struct vt_tcp_info {
    uint8_t tcpi_state, tcpi_ca_state, tcpi_retransmits, tcpi_probes, tcpi_backoff, tcpi_options;
    uint8_t tcpi_wscale;         /* low four bits the peer's scale, high four ours */
    uint8_t tcpi_app_limited;    /* bit 0 */
    uint32_t tcpi_rto, tcpi_ato; /* us */
    uint32_t tcpi_snd_mss, tcpi_rcv_mss;
    uint32_t tcpi_unacked, tcpi_sacked, tcpi_lost, tcpi_retrans, tcpi_fackets;                 /* segments */
    uint32_t tcpi_last_data_sent, tcpi_last_ack_sent, tcpi_last_data_recv, tcpi_last_ack_recv; /* ms ago */
    uint32_t tcpi_pmtu, tcpi_rcv_ssthresh, tcpi_rtt, tcpi_rttvar, tcpi_snd_ssthresh, tcpi_snd_cwnd;
    uint32_t tcpi_advmss, tcpi_reordering, tcpi_rcv_rtt, tcpi_rcv_space, tcpi_total_retrans;
    uint64_t tcpi_pacing_rate, tcpi_max_pacing_rate, tcpi_bytes_acked, tcpi_bytes_received;
    uint32_t tcpi_segs_out, tcpi_segs_in, tcpi_notsent_bytes, tcpi_min_rtt;
    uint32_t tcpi_data_segs_in, tcpi_data_segs_out;
    uint64_t tcpi_delivery_rate, tcpi_busy_time, tcpi_rwnd_limited, tcpi_sndbuf_limited;
    uint32_t tcpi_delivered, tcpi_delivered_ce;
    uint64_t tcpi_bytes_sent, tcpi_bytes_retrans;
    uint32_t tcpi_dsack_dups, tcpi_reord_seen, tcpi_rcv_ooopack, tcpi_snd_wnd;
    uint32_t tcpi_rcv_wnd; /* as last told */
    uint32_t tcpi_rehash;
    uint16_t tcpi_total_rto;            /* timeouts */
    uint16_t tcpi_total_rto_recoveries; /* rows of them that ended */
    uint32_t tcpi_total_rto_time;       /* ms in them */
    uint32_t tcpi_received_ce;          /* packets; the rest is AccECN's (RFC 9768) */
    uint32_t tcpi_delivered_e1_bytes, tcpi_delivered_e0_bytes, tcpi_delivered_ce_bytes;
    uint32_t tcpi_received_e1_bytes, tcpi_received_e0_bytes, tcpi_received_ce_bytes;
    uint32_t tcpi_ecn; /* bits 0-1 the mode, 2-3 the options that were seen, 4-7 why AccECN was given up */
};
/* tcpi_state: Linux's numbers of the states. */
enum vt_tcp_info_state {
    VT_TCPI_ESTABLISHED = 1,
    VT_TCPI_SYN_SENT,
    VT_TCPI_SYN_RECV,
    VT_TCPI_FIN_WAIT1,
    VT_TCPI_FIN_WAIT2,
    VT_TCPI_TIME_WAIT,
    VT_TCPI_CLOSE,
    VT_TCPI_CLOSE_WAIT,
    VT_TCPI_LAST_ACK,
    VT_TCPI_LISTEN,
    VT_TCPI_CLOSING,
};

/* ---- The calls ---- */

/* A new socket: VT_SOCK_STREAM (TCP), VT_SOCK_DGRAM (UDP), or VT_SOCK_DGRAM with protocol 1 (ICMP echo, as
 * Linux's ping sockets). */
int vt_socket(struct vt_host *h, int domain, int type, int protocol);
int vt_bind(struct vt_host *h, int fd, const struct vt_addr *addr);
/* `backlog` bounds the connections waiting to be accepted, and those half open, as on Linux. */
int vt_listen(struct vt_host *h, int fd, int backlog);
/* `peer` may be NULL. */
int vt_accept(struct vt_host *h, int fd, struct vt_addr *peer);
/* -VT_EINPROGRESS while the handshake runs; readiness to write or an error tells its end, VT_SO_ERROR which.
 * `peer` NULL takes a datagram socket off its peer, as AF_UNSPEC does. */
int vt_connect(struct vt_host *h, int fd, const struct vt_addr *peer);
/* Bytes taken; copied. -VT_EPIPE after the end. */
long vt_send(struct vt_host *h, int fd, const void *buf, size_t len, int flags);
/* Bytes read; 0 at the end of the stream. */
long vt_recv(struct vt_host *h, int fd, void *buf, size_t len, int flags);
long vt_sendto(struct vt_host *h, int fd, const void *buf, size_t len, int flags, const struct vt_addr *to);
long vt_recvfrom(struct vt_host *h, int fd, void *buf, size_t len, int flags, struct vt_addr *from);
/* recvfrom() with what came along. With VT_MSG_ERRQUEUE it takes the oldest ICMP error about a request of a
 * ping socket instead: `buf` gets the message that the error quotes; -VT_EAGAIN when there is none. */
long vt_recvmsg(struct vt_host *h, int fd, void *buf, size_t len, int flags, struct vt_msg_info *info);
int vt_shutdown(struct vt_host *h, int fd, int how);
int vt_close(struct vt_host *h, int fd);
int vt_getsockname(struct vt_host *h, int fd, struct vt_addr *addr);
int vt_getpeername(struct vt_host *h, int fd, struct vt_addr *addr);
int vt_setsockopt(struct vt_host *h, int fd, int level, int name, const void *val, size_t len);
int vt_getsockopt(struct vt_host *h, int fd, int level, int name, void *val, size_t *len);
/* -VT_ENOTTY for a request that it does not know. */
int vt_ioctl(struct vt_host *h, int fd, unsigned request, int *value);
/* Fills in revents; returns how many have any. Does not wait. */
int vt_poll(struct vt_host *h, struct vt_pollfd *fds, unsigned n);
int vt_epoll_create(struct vt_host *h);
int vt_epoll_ctl(struct vt_host *h, int epfd, int op, int fd, const struct vt_epoll_event *ev);
/* Up to `max` events, without waiting. */
int vt_epoll_wait(struct vt_host *h, int epfd, struct vt_epoll_event *evs, int max);

/* Zero-copy: a run of received bytes, held until released. Returns bytes, 0 at the end, or an error. */
struct vt_buf {
    const void *data;
    size_t len;
    void *owner; /* the library's */
};
long vt_recv_buf(struct vt_host *h, int fd, struct vt_buf *buf);
void vt_buf_release(struct vt_host *h, struct vt_buf *buf);
/* A writable buffer of at least `size` bytes, and its sending: the first `len` bytes are handed over without
 * a copy (the buffer is the library's from then on). -VT_EAGAIN leaves it with the caller. */
int vt_buf_get(struct vt_host *h, size_t size, struct vt_buf *buf);
long vt_send_buf(struct vt_host *h, int fd, struct vt_buf *buf, size_t len);

/* The hosts table (RFC 952's, in RAM): numbers in text, names in any letter case, "localhost". The address is
 * written, its port left as it is. A name added again has moved. 0, -VT_ENOENT, -VT_ENOSPC, -VT_EINVAL (no
 * name). */
int vt_getaddrinfo(struct vt_host *h, const char *name, struct vt_addr *addr);
int vt_hosts_add(struct vt_host *h, const char *name, struct vt_ip ip);

#endif

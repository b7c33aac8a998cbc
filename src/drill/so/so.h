/* libvitro-packetdrill.so: a host behind packetdrill's own shared-object interface (interface.h), so that the
 * original tool judges us. Time is virtual: it goes on only by what the tool asks.
 *
 *     so.c          making one, its flags, time
 *     so_device.c   the wire: packets in and out
 *     so_fd.c       descriptors, addresses
 *     so_op.c       calls that may wait
 *     so_call.c     calls that make, name and end sockets; options
 *     so_io.c       calls that read and write
 *     so_control.c  control messages
 *     so_poll.c     poll and epoll
 *     so_knobs.c    knobs from the file that shell lines write
 *     so_hook.c     what the tool asks the kernel about our descriptors
 *
 * One lock guards it all. A call that must wait, made by another thread than the one that drives time, parks
 * its attempt: whoever drives time tries it again whenever something has happened, so that it ends at its own
 * virtual time whatever the machine's scheduler does; only then is its thread woken. A call that must wait on
 * the driving thread itself lets time pass. */
#ifndef VT_DRILL_SO_H
#define VT_DRILL_SO_H

#include <pthread.h>
#include "base/pbuf.h"
#include "drill/block.h"
#include "host/host.h"
#include "interface.h"

#define SO_FDS   1024u                    /* descriptors above are not taken */
#define SO_EPOCH (1000 * (vt_time)VT_SEC) /* the host's clock at first: the past is a time like any */

enum so_fd_kind {
    SO_FD_NONE, /* none of ours */
    SO_FD_SOCKET,
    SO_FD_EPOLL,
};

/* By the number of the placeholder, a real descriptor, since the tool closes them by the kernel's close(). */
struct so_fd {
    enum so_fd_kind kind;
    int live; /* the host's */
    bool nonblock;
    bool stream;
};

struct so_flags {
    char *profile; /* NULL: linux */
    bool local_known;
    struct vt_ip local;
    char *knobs; /* NULL: no directory */
    uint32_t mtu;
    uint32_t mss; /* of packets that come in longer than the MTU */
    uint64_t seed;
};

struct so_packet {
    struct so_packet *next;
    vt_time at;
    size_t len;
    uint8_t bytes[];
};

struct so {
    struct so *other; /* the next instance, of so_hook.c */
    pthread_mutex_t lock;
    pthread_cond_t ended; /* a parked call has its result */
    pthread_t driver;     /* the thread that made us: the tool's main one */
    struct so_flags flags;
    struct vt_host *host;
    struct vt_device dev;
    bool attached;
    vt_time now, next; /* the time; when the host wants to be polled */
    struct vt_pbufq in;
    struct so_packet *first, **last; /* sent, and not yet taken */
    struct so_op *parked;
    unsigned waiting; /* threads in a parked call */
    bool looked;      /* the last thing that anybody did was to look at the clock */
    /* The first look at the clock by a thread whose call has just ended shows when it ended. */
    bool told;
    pthread_t told_thread;
    vt_time told_at;
    long ended_tid; /* that thread, as the kernel knows it; 0: there is none with anything left to do */
    struct so_knobs_seen {
        long long sec, nsec, size;
    } knobs_seen;
    unsigned flushes;     /* of Fast Open's cookies, that were asked for */
    uint64_t stray_icmps; /* that were told */
    struct so_fd fd[SO_FDS];
};

/* ---- so.c ---- */

/* Takes the lock, reads the knobs, and enters the host. Every function of the interface that works on the
 * host begins so, and ends with so_leave(), which gives back `result`, -1 with errno for a negative one. */
struct so *so_enter(void *userdata);
long so_leave(struct so *so, long result);
/* Lets the host work, and parked calls look again. */
void so_step(struct so *so);
/* Lets time pass until the host or a parked call has something to do, or until `limit`; false when there was
 * nothing before it. */
bool so_advance_once(struct so *so, vt_time limit);
void so_advance(struct so *so, vt_time to);

/* ---- so_device.c ---- */

void so_device_init(struct so *so);
void so_device_fini(struct so *so);
/* Gives the host its address, if it has none yet. */
void so_attach(struct so *so, struct vt_ip local);
int so_netdev_send(void *userdata, const void *packet, size_t len);
int so_netdev_receive(void *userdata, void *packet, size_t *len, long long *usecs);

/* ---- so_fd.c ---- */

/* NULL when it is none of ours. */
struct so_fd *so_fd(struct so *so, int fd);
/* The host's descriptor; -1 when it is none of ours. */
int so_live(struct so *so, int fd);
/* A placeholder for the host's descriptor `live`, or an error, `live` being closed then. */
long so_fd_new(struct so *so, enum so_fd_kind kind, long live, bool stream, bool nonblock);
/* 0, or an error. A NULL address or AF_UNSPEC gives `any`. */
long so_addr_in(const struct sockaddr *sa, socklen_t len, struct vt_addr *addr, bool *unspec);
void so_addr_out(const struct vt_addr *addr, struct sockaddr *sa, socklen_t *len);
/* so_control.c: what came with a message, and its flags. */
void so_controls_out(const struct vt_msg_info *info, struct msghdr *msg);

/* ---- so_op.c ---- */

/* A call that may have to wait. The caller's, until it is done. */
struct so_op {
    struct so_op *next;
    /* True when the call is done, io.result set. io.moved tells that it has changed something. */
    bool (*attempt)(struct so *so, struct so_op *op);
    bool done;
    vt_time deadline; /* when it ends whatever has come of it */
    long on_timeout;
    vt_time ended;
    pthread_t thread; /* that waits, and its number; 0: the driving one */
    long tid;
    struct drill_io io; /* what it reads or writes; its result */
    void *more;         /* the call's own */
};

/* Runs the call to its end. The result is op->io.result. */
long so_run(struct so *so, struct so_op *op);
/* When a call on the socket gives up: VT_SO_RCVTIMEO or VT_SO_SNDTIMEO from now. */
vt_time so_timeout(struct so *so, int live, int option);
/* An op on this descriptor: its host's number, whether it blocks. False when it is no socket of ours. */
bool so_op_init(struct so *so, struct so_op *op, int fd);
/* Parked calls look again. True when one of them has changed something. */
bool so_retry(struct so *so);

/* ---- so_call.c, so_io.c, so_poll.c ---- */

void so_calls(struct packetdrill_interface *ifc);
void so_io_calls(struct packetdrill_interface *ifc);
void so_poll_calls(struct packetdrill_interface *ifc);
/* The calls that the tool makes of the kernel, though they are about our descriptors. */
int so_getsockopt(void *userdata, int fd, int level, int name, void *value, socklen_t *len);
ssize_t so_sendfile(void *userdata, int out, int in, off_t *offset, size_t len);

/* ---- so_knobs.c, so_hook.c ---- */

void so_read_knobs(struct so *so);
/* Tells those who ask `nstat` what has come to be counted. */
void so_write_counters(struct so *so);
void so_hook(struct so *so);
void so_unhook(struct so *so);

#endif

/* Calls that make, name and end sockets, and their options. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include "network/network.h"
#include "so.h"
#include "transport/transport.h"

/* ---- socket, bind, listen, shutdown ---- */

static int so_socket(void *u, int domain, int type, int protocol)
{
    struct so *so = so_enter(u);
    long live = vt_socket(so->host, domain, type, protocol);
    bool stream = (type & 0xf) == VT_SOCK_STREAM;

    return (int)so_leave(so, so_fd_new(so, SO_FD_SOCKET, live, stream, (type & VT_SOCK_NONBLOCK) != 0));
}

static int so_bind(void *u, int fd, const struct sockaddr *sa, socklen_t len)
{
    struct so *so = so_enter(u);
    struct vt_addr addr;
    bool unspec;
    long result = so_addr_in(sa, len, &addr, &unspec);

    if (result == 0 && unspec)
        result = -VT_EAFNOSUPPORT;
    if (result == 0) {
        so_attach(so, addr.ip);
        result = vt_bind(so->host, so_live(so, fd), &addr);
    }
    return (int)so_leave(so, result);
}

static int so_listen(void *u, int fd, int backlog)
{
    struct so *so = so_enter(u);

    return (int)so_leave(so, vt_listen(so->host, so_live(so, fd), backlog));
}

static int so_shutdown(void *u, int fd, int how)
{
    struct so *so = so_enter(u);
    long result = vt_shutdown(so->host, so_live(so, fd), how);

    so_step(so);
    return (int)so_leave(so, result);
}

/* ---- accept, connect ---- */

static bool try_accept(struct so *so, struct so_op *op)
{
    op->io.result = vt_accept(so->host, op->io.fd, &op->io.addr);
    return op->io.result != -VT_EAGAIN || !op->io.waits;
}

static int so_accept(void *u, int fd, struct sockaddr *sa, socklen_t *len)
{
    struct so *so = so_enter(u);
    struct so_op op;
    long result;

    so_op_init(so, &op, fd);
    op.attempt = try_accept;
    if (op.io.fd >= 0)
        op.deadline = so_timeout(so, op.io.fd, VT_SO_RCVTIMEO);
    result = so_fd_new(so, SO_FD_SOCKET, so_run(so, &op), true, false);
    if (result >= 0)
        so_addr_out(&op.io.addr, sa, len);
    return (int)so_leave(so, result);
}

static bool try_connect(struct so *so, struct so_op *op)
{
    (void)so;
    return drill_io_connect(&op->io);
}

/* The usual address of packetdrill's option --local_ip, when neither the flags nor bind() nor a packet told
 * ours. */
#define USUAL_LOCAL VT_IP4(192, 168, 0, 2)

static int so_connect(void *u, int fd, const struct sockaddr *sa, socklen_t len)
{
    struct so *so = so_enter(u);
    struct so_op op;
    bool unspec;
    long result;

    so_op_init(so, &op, fd);
    result = so_addr_in(sa, len, &op.io.addr, &unspec);
    if (result == 0) {
        so_attach(so, USUAL_LOCAL);
        op.io.has_addr = !unspec;
        op.attempt = try_connect;
        op.on_timeout = -VT_EINPROGRESS;
        if (op.io.fd >= 0)
            op.deadline = so_timeout(so, op.io.fd, VT_SO_SNDTIMEO);
        result = so_run(so, &op);
    }
    return (int)so_leave(so, result);
}

/* ---- close ---- */

struct lingering {
    struct vt_addr local, peer;
    bool there;
};

static bool look(void *ctx, const struct vt_tcp_row *row)
{
    struct lingering *l = ctx;

    if (!vt_addr_eq(row->remote, l->peer) || row->local.port != l->local.port)
        return true;
    l->there = row->state == VT_TCP_FIN_WAIT1 || row->state == VT_TCP_CLOSING ||
               row->state == VT_TCP_LAST_ACK;
    return false;
}

/* Linux: with SO_LINGER close() returns when the peer has all that was sent, FIN included, or when the time
 * is up. */
static bool try_close(struct so *so, struct so_op *op)
{
    struct lingering *l = op->more;

    if (!op->io.started) {
        op->io.result = vt_close(so->host, op->io.fd);
        op->io.started = op->io.moved = true;
    }
    l->there = false;
    if (op->deadline != VT_NEVER)
        vt_tcp_each(vt_host_tcp(so->host), look, l);
    return !l->there;
}

static int so_close(void *u, int fd)
{
    struct so *so = so_enter(u);
    struct so_fd *f = so_fd(so, fd);
    struct vt_linger linger = {0, 0};
    struct lingering l;
    size_t len = sizeof linger;
    struct so_op op;

    if (f == NULL) { /* a pipe's end, or the like */
        pthread_mutex_unlock(&so->lock);
        return close(fd);
    }
    so_op_init(so, &op, fd);
    op.attempt = try_close;
    op.on_timeout = 0;
    op.more = &l;
    if (f->stream && vt_getsockopt(so->host, op.io.fd, VT_SOL_SOCKET, VT_SO_LINGER, &linger, &len) == 0 &&
        linger.onoff != 0 && linger.linger > 0 && vt_getsockname(so->host, op.io.fd, &l.local) == 0 &&
        vt_getpeername(so->host, op.io.fd, &l.peer) == 0)
        op.deadline = vt_time_add(so->now, linger.linger * VT_SEC);
    *f = (struct so_fd){.kind = SO_FD_NONE};
    close(fd);
    return (int)so_leave(so, so_run(so, &op));
}

/* ---- Options ---- */

static int so_setsockopt(void *u, int fd, int level, int name, const void *value, socklen_t len)
{
    struct so *so = so_enter(u);
    long result = vt_setsockopt(so->host, so_live(so, fd), level, name, value, len);

    so_step(so);
    return (int)so_leave(so, result);
}

int so_getsockopt(void *u, int fd, int level, int name, void *value, socklen_t *len)
{
    struct so *so = so_enter(u);
    size_t n = len != NULL ? *len : 0;
    long result = len == NULL ? -VT_EFAULT : vt_getsockopt(so->host, so_live(so, fd), level, name, value, &n);

    if (result >= 0)
        *len = (socklen_t)n;
    return (int)so_leave(so, result);
}

/* Whether a descriptor blocks is the driver's affair: the host's sockets never do. */
static int so_fcntl(void *u, int fd, int cmd, ...)
{
    struct so *so = so_enter(u);
    struct so_fd *f = so_fd(so, fd);
    long result = 0;
    va_list ap;

    va_start(ap, cmd);
    switch (f == NULL ? -1 : cmd) {
    case -1: result = -VT_EBADF; break;
    case F_GETFD:
    case F_SETFD: break;
    case F_GETFL: result = O_RDWR | (f->nonblock ? O_NONBLOCK : 0); break;
    case F_SETFL: f->nonblock = (va_arg(ap, int) & O_NONBLOCK) != 0; break;
    default: result = -VT_EINVAL; break;
    }
    va_end(ap);
    return (int)so_leave(so, result);
}

/* All that are known give a number. */
static int so_ioctl(void *u, int fd, unsigned long request, ...)
{
    struct so *so = so_enter(u);
    int value = 0;
    long result = vt_ioctl(so->host, so_live(so, fd), (unsigned)request, &value);
    va_list ap;

    va_start(ap, request);
    if (result == 0)
        *va_arg(ap, int *) = value;
    va_end(ap);
    return (int)so_leave(so, result);
}

void so_calls(struct packetdrill_interface *ifc)
{
    ifc->socket = so_socket;
    ifc->bind = so_bind;
    ifc->listen = so_listen;
    ifc->accept = so_accept;
    ifc->connect = so_connect;
    ifc->fcntl = so_fcntl;
    ifc->ioctl = so_ioctl;
    ifc->close = so_close;
    ifc->shutdown = so_shutdown;
    ifc->getsockopt = so_getsockopt;
    ifc->setsockopt = so_setsockopt;
}

/* The BSD calls: each checks its arguments, hands the work to the socket's kind, and tells of it in an event.
 */
#include "socket.h"

static int check(const struct vt_socket *so)
{
    if (so == NULL)
        return -VT_EBADF;
    return so->ops->type == 0 ? -VT_ENOTSOCK : 0;
}

/* Only IPv4 is spoken: `::` alone, the wildcard of both families, stands for it too. */
static int check_addr(const struct vt_addr *addr, struct vt_ip any, struct vt_addr *out)
{
    if (addr == NULL)
        return -VT_EFAULT;
    *out = *addr;
    if (vt_ip_is_any(addr->ip))
        out->ip = any;
    else if (!vt_ip_is4(addr->ip))
        return -VT_EAFNOSUPPORT;
    return 0;
}

/* To the wildcard is to this host, as on Linux and BSD. */
static int check_peer(const struct vt_addr *addr, struct vt_addr *out)
{
    return check_addr(addr, VT_IP4_LOOPBACK, out);
}

static int make(struct vt_sockets *s, int domain, int type, int protocol)
{
    type &= ~(VT_SOCK_NONBLOCK | VT_SOCK_CLOEXEC);
    if (domain != VT_AF_INET)
        return -VT_EAFNOSUPPORT;
    if (type < 0 || type > 10)
        return -VT_EINVAL;
    switch (type) {
    case VT_SOCK_STREAM:
        return protocol == 0 || protocol == VT_PROTO_TCP ? vt_sock_tcp_new(s) : -VT_EPROTONOSUPPORT;
    case VT_SOCK_DGRAM:
        if (protocol == VT_PROTO_ICMP)
            return vt_sock_ping_new(s);
        return protocol == 0 || protocol == VT_PROTO_UDP ? vt_sock_udp_new(s) : -VT_EPROTONOSUPPORT;
    default: return -VT_ESOCKTNOSUPPORT;
    }
}

int vt_sock_socket(struct vt_sockets *s, int domain, int type, int protocol)
{
    struct vt_call_trace t;
    int fd;

    vt_call_enter(s, &t, VT_CALL_SOCKET, -1, 0, NULL);
    fd = make(s, domain, type, protocol);
    if (fd >= 0)
        t.fd = fd;
    return (int)vt_call_leave(s, &t, fd >= 0 ? vt_sock_get(s, fd) : NULL, fd);
}

int vt_sock_bind(struct vt_sockets *s, int fd, const struct vt_addr *addr)
{
    struct vt_socket *so = vt_sock_get(s, fd);
    struct vt_call_trace t;
    struct vt_addr local;
    int error = check(so);

    vt_call_enter(s, &t, VT_CALL_BIND, fd, addr != NULL ? addr->port : 0, so);
    if (error == 0)
        error = check_addr(addr, VT_IP4_ANY, &local);
    if (error == 0)
        error = so->ops->bind(so, &local);
    return (int)vt_call_leave(s, &t, so, error);
}

int vt_sock_listen(struct vt_sockets *s, int fd, int backlog)
{
    struct vt_socket *so = vt_sock_get(s, fd);
    struct vt_call_trace t;
    int error = check(so);

    vt_call_enter(s, &t, VT_CALL_LISTEN, fd, backlog < 0 ? 0 : (size_t)backlog, so);
    if (error == 0)
        error = so->ops->listen != NULL ? so->ops->listen(so, backlog) : -VT_EOPNOTSUPP;
    return (int)vt_call_leave(s, &t, so, error);
}

int vt_sock_accept(struct vt_sockets *s, int fd, struct vt_addr *peer)
{
    struct vt_socket *so = vt_sock_get(s, fd);
    struct vt_call_trace t;
    int result = check(so);

    vt_call_enter(s, &t, VT_CALL_ACCEPT, fd, 0, so);
    if (result == 0)
        result = so->ops->accept != NULL ? so->ops->accept(so, peer) : -VT_EOPNOTSUPP;
    if (result >= 0) {
        /* The event bears the number of the new connection. */
        so->waiting &= (uint16_t) ~(1u << VT_CALL_ACCEPT);
        so = vt_sock_get(s, result);
    }
    return (int)vt_call_leave(s, &t, so, result);
}

int vt_sock_connect(struct vt_sockets *s, int fd, const struct vt_addr *peer)
{
    struct vt_socket *so = vt_sock_get(s, fd);
    struct vt_call_trace t;
    struct vt_addr to;
    int error = check(so);

    vt_call_enter(s, &t, VT_CALL_CONNECT, fd, peer != NULL ? peer->port : 0, so);
    if (error == 0 && peer != NULL)
        error = check_peer(peer, &to);
    if (error == 0)
        error = so->ops->connect(so, peer != NULL ? &to : NULL);
    return (int)vt_call_leave(s, &t, so, error);
}

long vt_sock_sendto(struct vt_sockets *s, int fd, const void *buf, size_t len, int flags,
                    const struct vt_addr *to)
{
    struct vt_socket *so = vt_sock_get(s, fd);
    struct vt_call_trace t;
    struct vt_addr peer;
    long result = check(so);

    vt_call_enter(s, &t, VT_CALL_SEND, fd, len, so);
    if (result == 0 && buf == NULL && len != 0)
        result = -VT_EFAULT;
    if (result == 0 && to != NULL)
        result = check_peer(to, &peer);
    if (result == 0)
        result = so->ops->send(so, buf, len, flags, to != NULL ? &peer : NULL);
    return vt_call_leave(s, &t, so, result);
}

long vt_sock_recvmsg(struct vt_sockets *s, int fd, void *buf, size_t len, int flags, struct vt_msg_info *info)
{
    struct vt_socket *so = vt_sock_get(s, fd);
    struct vt_msg_info unwanted;
    struct vt_call_trace t;
    long result = check(so);

    if (info == NULL)
        info = &unwanted;
    *info = (struct vt_msg_info){.from = {.ip = VT_IP_ANY}};
    vt_call_enter(s, &t, VT_CALL_RECV, fd, len, so);
    /* tcp(7): of a stream, MSG_TRUNC throws the bytes away; it needs no place for them. */
    if (result == 0 && buf == NULL && len != 0 &&
        (so->ops->type != VT_SOCK_STREAM || (flags & VT_MSG_TRUNC) == 0))
        result = -VT_EFAULT;
    if (result == 0)
        result = so->ops->recv(so, buf, len, flags, info);
    /* A look at what waits, or at the errors, takes nothing from the stream; and who says MSG_DONTWAIT does
     * not wait when there is nothing: it has other things to do. */
    if ((flags & (VT_MSG_PEEK | VT_MSG_ERRQUEUE)) != 0 ||
        ((flags & VT_MSG_DONTWAIT) != 0 && result == -VT_EAGAIN)) {
        vt_call_quiet(s, &t);
        return result;
    }
    return vt_call_leave(s, &t, so, result);
}

long vt_sock_recvfrom(struct vt_sockets *s, int fd, void *buf, size_t len, int flags, struct vt_addr *from)
{
    struct vt_msg_info info;
    long result = vt_sock_recvmsg(s, fd, buf, len, flags, &info);

    if (from != NULL)
        *from = info.from;
    return result;
}

int vt_sock_shutdown(struct vt_sockets *s, int fd, int how)
{
    struct vt_socket *so = vt_sock_get(s, fd);
    struct vt_call_trace t;
    int error = check(so);

    vt_call_enter(s, &t, VT_CALL_SHUTDOWN, fd, (size_t)(unsigned)how, so);
    if (error == 0 && (how < VT_SHUT_RD || how > VT_SHUT_RDWR))
        error = -VT_EINVAL;
    if (error == 0)
        error = so->ops->shutdown(so, how);
    return (int)vt_call_leave(s, &t, so, error);
}

int vt_sock_close(struct vt_sockets *s, int fd)
{
    struct vt_socket *so = vt_sock_get(s, fd);
    struct vt_call_trace t;
    uint32_t conn, mark;

    /* An epoll set is no socket, and its going no event. A host that is being taken down says nothing either:
     * its transports have gone already. */
    if (so != NULL && (so->ops->type == 0 || s->net == NULL)) {
        so->ops->close(so);
        return 0;
    }
    vt_call_enter(s, &t, VT_CALL_CLOSE, fd, 0, so);
    if (so == NULL)
        return (int)vt_call_leave(s, &t, NULL, -VT_EBADF);
    conn = so->ops->conn != NULL ? so->ops->conn(so) : 0;
    mark = so->mark;
    so->ops->close(so);
    vt_call_ended(s, &t, conn, mark, 0);
    return 0;
}

int vt_sock_getsockname(struct vt_sockets *s, int fd, struct vt_addr *addr)
{
    struct vt_socket *so = vt_sock_get(s, fd);
    int error = check(so);

    if (error == 0 && addr == NULL)
        error = -VT_EFAULT;
    return error != 0 ? error : so->ops->local(so, addr);
}

int vt_sock_getpeername(struct vt_sockets *s, int fd, struct vt_addr *addr)
{
    struct vt_socket *so = vt_sock_get(s, fd);
    int error = check(so);

    if (error == 0 && addr == NULL)
        error = -VT_EFAULT;
    return error != 0 ? error : so->ops->remote(so, addr);
}

/* ---- Without a copy ---- */

long vt_sock_recv_buf(struct vt_sockets *s, int fd, struct vt_buf *buf)
{
    struct vt_socket *so = vt_sock_get(s, fd);
    struct vt_block *block = NULL;
    const uint8_t *data = NULL;
    struct vt_call_trace t;
    long result = check(so);

    vt_call_enter(s, &t, VT_CALL_RECV, fd, 0, so);
    if (result == 0 && buf == NULL)
        result = -VT_EFAULT;
    if (result == 0)
        result = so->ops->recv_block != NULL ? so->ops->recv_block(so, &block, &data) : -VT_EOPNOTSUPP;
    if (buf != NULL)
        *buf = (struct vt_buf){data, result > 0 ? (size_t)result : 0, block};
    return vt_call_leave(s, &t, so, result);
}

void vt_sock_buf_release(struct vt_sockets *s, struct vt_buf *buf)
{
    (void)s;
    if (buf->owner != NULL)
        vt_block_unref(buf->owner);
    *buf = (struct vt_buf){0};
}

int vt_sock_buf_get(struct vt_sockets *s, size_t size, struct vt_buf *buf)
{
    struct vt_block *block;

    if (buf == NULL)
        return -VT_EFAULT;
    *buf = (struct vt_buf){0};
    if (size > INT32_MAX)
        return -VT_EINVAL;
    block = vt_block_new(s->core->pool, size != 0 ? (uint32_t)size : 1);
    if (block == NULL)
        return -VT_ENOBUFS;
    *buf = (struct vt_buf){block->data, block->cap, block};
    return 0;
}

long vt_sock_send_buf(struct vt_sockets *s, int fd, struct vt_buf *buf, size_t len)
{
    struct vt_socket *so = vt_sock_get(s, fd);
    struct vt_call_trace t;
    long result = check(so);

    vt_call_enter(s, &t, VT_CALL_SEND, fd, len, so);
    if (result == 0 && (buf == NULL || buf->owner == NULL))
        result = -VT_EFAULT;
    if (result == 0 && (buf->data != ((struct vt_block *)buf->owner)->data || len > buf->len))
        result = -VT_EINVAL; /* not a buffer of vt_buf_get(), which alone may be written */
    if (result == 0)
        result = so->ops->send_block != NULL ? so->ops->send_block(so, buf->owner, len) : -VT_EOPNOTSUPP;
    if (result >= 0)
        vt_sock_buf_release(s, buf);
    return vt_call_leave(s, &t, so, result);
}

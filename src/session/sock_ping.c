#include "socket.h"

int vt_sock_ping_new(struct vt_sockets *s)
{
    int error;
    struct vt_socket *so = vt_sock_alloc(s, &vt_sock_ping_ops, sizeof *so, &error);

    if (so == NULL)
        return error;
    so->u.ping = vt_ping_open(s->ping, so);
    if (so->u.ping != NULL)
        return so->fd;
    vt_sock_free(so, sizeof *so);
    return -VT_ENOBUFS;
}

static int ping_bind(struct vt_socket *so, const struct vt_addr *addr)
{
    return vt_ping_bind(so->u.ping, addr);
}

static int ping_connect(struct vt_socket *so, const struct vt_addr *peer)
{
    return vt_ping_connect(so->u.ping, peer);
}

static long ping_send(struct vt_socket *so, const void *buf, size_t len, int flags, const struct vt_addr *to)
{
    if ((flags & VT_MSG_OOB) != 0)
        return -VT_EOPNOTSUPP;
    return vt_ping_send(so->u.ping, buf, len, to);
}

static long ping_recv(struct vt_socket *so, void *buf, size_t len, int flags, struct vt_msg_info *info)
{
    if ((flags & VT_MSG_OOB) != 0)
        return -VT_EOPNOTSUPP;
    if ((flags & VT_MSG_ERRQUEUE) != 0)
        return vt_ping_recv_error(so->u.ping, buf, len, info);
    return vt_ping_recv(so->u.ping, buf, len, flags, &info->from, &info->ttl);
}

static int ping_shutdown(struct vt_socket *so, int how)
{
    return vt_ping_shutdown(so->u.ping, how);
}

static void ping_close(struct vt_socket *so)
{
    if (so->table->ping != NULL)
        vt_ping_close(so->u.ping);
    vt_sock_free(so, sizeof *so);
}

static int ping_local(const struct vt_socket *so, struct vt_addr *addr)
{
    return vt_ping_local(so->u.ping, addr);
}

static int ping_remote(const struct vt_socket *so, struct vt_addr *addr)
{
    return vt_ping_remote(so->u.ping, addr);
}

static int ping_setopt(struct vt_socket *so, int level, int name, const void *val, size_t len)
{
    return vt_ping_setopt(so->u.ping, level, name, val, len);
}

static int ping_getopt(const struct vt_socket *so, int level, int name, void *val, size_t *len)
{
    return vt_ping_getopt(so->u.ping, level, name, val, len);
}

static unsigned ping_poll(struct vt_socket *so)
{
    return vt_ping_poll(so->u.ping);
}

static int ping_take_error(struct vt_socket *so)
{
    return vt_ping_take_error(so->u.ping);
}

const struct vt_sock_ops vt_sock_ping_ops = {
    .type = VT_SOCK_DGRAM,
    .protocol = VT_PROTO_ICMP,
    .bind = ping_bind,
    .connect = ping_connect,
    .send = ping_send,
    .recv = ping_recv,
    .shutdown = ping_shutdown,
    .close = ping_close,
    .local = ping_local,
    .remote = ping_remote,
    .setopt = ping_setopt,
    .getopt = ping_getopt,
    .poll = ping_poll,
    .take_error = ping_take_error,
};

#include "socket.h"

int vt_sock_udp_new(struct vt_sockets *s)
{
    int error;
    struct vt_socket *so = vt_sock_alloc(s, &vt_sock_udp_ops, sizeof *so, &error);

    if (so == NULL)
        return error;
    so->u.udp = vt_udp_open(s->udp, so);
    if (so->u.udp != NULL)
        return so->fd;
    vt_sock_free(so, sizeof *so);
    return -VT_ENOBUFS;
}

static int udp_bind(struct vt_socket *so, const struct vt_addr *addr)
{
    return vt_udp_bind(so->u.udp, addr);
}

static int udp_connect(struct vt_socket *so, const struct vt_addr *peer)
{
    return vt_udp_connect(so->u.udp, peer);
}

static long udp_send(struct vt_socket *so, const void *buf, size_t len, int flags, const struct vt_addr *to)
{
    if ((flags & (VT_MSG_OOB | VT_MSG_MORE)) != 0)
        return -VT_EOPNOTSUPP;
    return vt_udp_send(so->u.udp, buf, len, to);
}

static long udp_recv(struct vt_socket *so, void *buf, size_t len, int flags, struct vt_msg_info *info)
{
    if ((flags & VT_MSG_OOB) != 0)
        return -VT_EOPNOTSUPP;
    if ((flags & VT_MSG_ERRQUEUE) != 0)
        return -VT_EAGAIN;
    return vt_udp_recv(so->u.udp, buf, len, flags, &info->from);
}

static long udp_send_block(struct vt_socket *so, struct vt_block *block, size_t len)
{
    return vt_udp_send_block(so->u.udp, block, block->data, len, NULL);
}

static long udp_recv_block(struct vt_socket *so, struct vt_block **block, const uint8_t **data)
{
    return vt_udp_recv_block(so->u.udp, block, data);
}

static int udp_shutdown(struct vt_socket *so, int how)
{
    return vt_udp_shutdown(so->u.udp, how);
}

static void udp_close(struct vt_socket *so)
{
    if (so->table->udp != NULL)
        vt_udp_close(so->u.udp);
    vt_sock_free(so, sizeof *so);
}

static int udp_local(const struct vt_socket *so, struct vt_addr *addr)
{
    return vt_udp_local(so->u.udp, addr);
}

static int udp_remote(const struct vt_socket *so, struct vt_addr *addr)
{
    return vt_udp_remote(so->u.udp, addr);
}

static int udp_ioctl(const struct vt_socket *so, unsigned request, int *value)
{
    char none;
    long n;

    if (request != VT_SIOCINQ)
        return -VT_ENOTTY;
    /* An error that waits is not to be taken by looking. */
    n = (vt_udp_poll(so->u.udp) & VT_POLLERR) == 0
            ? vt_udp_recv(so->u.udp, &none, 0, VT_MSG_PEEK | VT_MSG_TRUNC, NULL)
            : 0;
    *value = n > 0 ? (int)n : 0;
    return 0;
}

static int udp_setopt(struct vt_socket *so, int level, int name, const void *val, size_t len)
{
    return vt_udp_setopt(so->u.udp, level, name, val, len);
}

static int udp_getopt(const struct vt_socket *so, int level, int name, void *val, size_t *len)
{
    return vt_udp_getopt(so->u.udp, level, name, val, len);
}

static unsigned udp_poll(struct vt_socket *so)
{
    return vt_udp_poll(so->u.udp);
}

static int udp_take_error(struct vt_socket *so)
{
    return vt_udp_take_error(so->u.udp);
}

const struct vt_sock_ops vt_sock_udp_ops = {
    .type = VT_SOCK_DGRAM,
    .protocol = VT_PROTO_UDP,
    .bind = udp_bind,
    .connect = udp_connect,
    .send = udp_send,
    .recv = udp_recv,
    .send_block = udp_send_block,
    .recv_block = udp_recv_block,
    .shutdown = udp_shutdown,
    .close = udp_close,
    .local = udp_local,
    .remote = udp_remote,
    .setopt = udp_setopt,
    .getopt = udp_getopt,
    .ioctl = udp_ioctl,
    .poll = udp_poll,
    .take_error = udp_take_error,
};

#include "socket.h"

int vt_sock_tcp_new(struct vt_sockets *s)
{
    int error;
    struct vt_socket *so = vt_sock_alloc(s, &vt_sock_tcp_ops, sizeof *so, &error);

    if (so == NULL)
        return error;
    so->u.tcb = vt_tcp_open(s->tcp, so);
    if (so->u.tcb != NULL)
        return so->fd;
    vt_sock_free(so, sizeof *so);
    return -VT_ENOBUFS;
}

/* Linux's number of the connection's state, as the program could read it itself. */
static uint8_t tcp_state(const struct vt_socket *so)
{
    uint8_t state = VT_TCPI_CLOSE;
    size_t len = sizeof state;

    vt_tcp_getopt(so->u.tcb, VT_SOL_TCP, VT_TCP_INFO, &state, &len);
    return state;
}

static int tcp_bind(struct vt_socket *so, const struct vt_addr *addr)
{
    return vt_tcp_bind(so->u.tcb, addr);
}

static int tcp_listen(struct vt_socket *so, int backlog)
{
    int error;

    if (so->state != VT_SOCK_UNCONNECTED && so->state != VT_SOCK_LISTENING)
        return -VT_EINVAL;
    error = vt_tcp_listen(so->u.tcb, backlog);
    if (error == 0)
        so->state = VT_SOCK_LISTENING;
    return error;
}

static int tcp_accept(struct vt_socket *so, struct vt_addr *peer)
{
    struct vt_socket *child;
    size_t len = sizeof child->mark;
    int error;

    if (so->state != VT_SOCK_LISTENING)
        return -VT_EINVAL;
    if (!vt_tcp_acceptable(so->u.tcb))
        return -VT_EAGAIN;
    child = vt_sock_alloc(so->table, &vt_sock_tcp_ops, sizeof *child, &error);
    if (child == NULL)
        return error; /* the connection waits on, until there is a descriptor for it */
    child->u.tcb = vt_tcp_accept(so->u.tcb, child);
    if (child->u.tcb == NULL) {
        vt_sock_free(child, sizeof *child);
        return -VT_EAGAIN;
    }
    child->state = VT_SOCK_CONNECTED;
    child->opts = so->opts;
    if (so->opts.stamping != 0)
        vt_tcp_set_timestamping(child->u.tcb, so->opts.stamping);
    /* What made it worth reading came to the connection, before there was a socket to be told. */
    child->why = (struct vt_event_id){vt_tcp_cause(child->u.tcb), so->table->core->ev.node};
    vt_tcp_getopt(child->u.tcb, VT_SOL_SOCKET, VT_SO_MARK, &child->mark, &len);
    if (peer != NULL)
        vt_tcp_remote(child->u.tcb, peer);
    return child->fd;
}

/* What became of the connection that connect() began, as Linux tells it: the first call to find it open
 * returns 0, and one that finds it failed returns why and may be followed by another try. */
static int connect_result(struct vt_socket *so)
{
    int error;

    if (vt_tcp_deferred(so->u.tcb))
        return -VT_EISCONN; /* as Linux: to the program it is connected */
    switch (tcp_state(so)) {
    case VT_TCPI_SYN_SENT:
    case VT_TCPI_SYN_RECV: return -VT_EALREADY;
    case VT_TCPI_CLOSE:
        so->state = VT_SOCK_UNCONNECTED;
        error = vt_tcp_take_error(so->u.tcb);
        return error != 0 ? error : -VT_ECONNABORTED;
    default: so->state = VT_SOCK_CONNECTED; return 0;
    }
}

static int tcp_connect(struct vt_socket *so, const struct vt_addr *peer)
{
    int error;

    if (peer == NULL)
        return -VT_EAFNOSUPPORT; /* a stream cannot be taken off its peer */
    if (so->state == VT_SOCK_CONNECTING)
        return connect_result(so);
    if (so->state != VT_SOCK_UNCONNECTED)
        return -VT_EISCONN;
    error = vt_tcp_connect(so->u.tcb, peer);
    if (error == 0 || error == -VT_EINPROGRESS)
        so->state = VT_SOCK_CONNECTING;
    return error;
}

/* MSG_FASTOPEN, or the first bytes after a connect() that waits for them. 0: the connection is open already,
 * and takes the bytes as any other. */
static long tcp_send_first(struct vt_socket *so, const void *buf, size_t len, int flags,
                           const struct vt_addr *to)
{
    int64_t knob = 0;
    long n;

    vt_tcp_knob_get(so->table->tcp, "net.ipv4.tcp_fastopen", &knob);
    if ((knob & 1) == 0 || (to == NULL && !vt_tcp_deferred(so->u.tcb)))
        return -VT_EOPNOTSUPP;
    if (so->state == VT_SOCK_CONNECTING && !vt_tcp_deferred(so->u.tcb))
        return connect_result(so);
    if (so->state == VT_SOCK_LISTENING || so->state == VT_SOCK_CONNECTED)
        return -VT_EISCONN;
    n = vt_tcp_send_fastopen(so->u.tcb, to, buf, len, flags);
    if (n > 0 || n == -VT_EINPROGRESS)
        so->state = VT_SOCK_CONNECTING;
    return n;
}

static long tcp_send(struct vt_socket *so, const void *buf, size_t len, int flags, const struct vt_addr *to)
{
    if ((so->opts.kept & VT_KEPT_ZEROCOPY) == 0)
        flags &= ~VT_MSG_ZEROCOPY;
    /* Linux: a connected stream has its peer, and does not look at another. */
    bool implied = to != NULL && so->state == VT_SOCK_UNCONNECTED && vt_tcp_fastopen_implied(so->u.tcb);

    if ((flags & VT_MSG_FASTOPEN) != 0 || vt_tcp_deferred(so->u.tcb) || implied) {
        long n = tcp_send_first(so, buf, len, flags, to);

        if (n != 0)
            return n;
    }
    if (so->state == VT_SOCK_LISTENING)
        return -VT_EPIPE;
    return vt_tcp_send(so->u.tcb, buf, len, flags);
}

/* What came with the bytes that were read. */
static void tcp_controls(const struct vt_socket *so, struct vt_msg_info *info)
{
    const struct vt_sock_opts *o = &so->opts;

    if ((o->kept & VT_KEPT_INQ) != 0) {
        info->controls |= VT_CONTROL_INQ;
        info->inq = (int)vt_tcp_inq_hint(so->u.tcb);
    }
    info->stamp = vt_tcp_read_stamp(so->u.tcb);
    if (info->stamp == 0)
        return;
    if ((o->kept & VT_KEPT_TIMESTAMPNS) != 0)
        info->controls |= VT_CONTROL_TIMESTAMPNS;
    else if ((o->kept & VT_KEPT_TIMESTAMP) != 0)
        info->controls |= VT_CONTROL_TIMESTAMP;
    if ((o->stamping & VT_SOF_SOFTWARE) != 0 && (o->stamping & VT_SOF_RX_SOFTWARE) != 0)
        info->controls |= VT_CONTROL_TIMESTAMPING;
}

/* SO_PEEK_OFF: each look goes on where the last ended, and reading brings the place nearer. */
static long tcp_take(struct vt_socket *so, void *buf, size_t len, int flags)
{
    int *off = &so->opts.peek_off;
    bool looks = (flags & VT_MSG_PEEK) != 0 && (flags & VT_MSG_OOB) == 0;
    long n;

    if (looks && *off >= 0) {
        n = vt_tcp_peek(so->u.tcb, (uint32_t)*off, buf, len);
        if (n > 0)
            *off += (int)n;
        return n;
    }
    n = vt_tcp_recv(so->u.tcb, buf, len, flags);
    if (n > 0 && !looks && *off > 0)
        *off = *off > n ? *off - (int)n : 0;
    return n;
}

static long tcp_recv(struct vt_socket *so, void *buf, size_t len, int flags, struct vt_msg_info *info)
{
    long n;

    if ((flags & VT_MSG_ERRQUEUE) != 0)
        return vt_tcp_recv_notice(so->u.tcb, info);
    if (so->state == VT_SOCK_LISTENING)
        return -VT_ENOTCONN;
    if (vt_tcp_remote(so->u.tcb, &info->from) != 0)
        info->from = (struct vt_addr){.ip = VT_IP_ANY};
    n = tcp_take(so, buf, len, flags);
    if (n >= 0 && (flags & VT_MSG_OOB) != 0)
        info->flags |= VT_MSG_OOB;
    if (n > 0 && (flags & VT_MSG_OOB) == 0)
        tcp_controls(so, info);
    return n;
}

static long tcp_send_block(struct vt_socket *so, struct vt_block *block, size_t len)
{
    long n;

    if (so->state == VT_SOCK_LISTENING)
        return -VT_EPIPE;
    if (vt_tcp_deferred(so->u.tcb))
        return tcp_send_first(so, block->data, len, 0, NULL); /* a SYN's bytes are copied: they are few */
    /* TCP takes over the reference that it is given, when it takes bytes. */
    n = vt_tcp_send_block(so->u.tcb, vt_block_ref(block), block->data, len);
    if (n <= 0)
        vt_block_unref(block);
    return n;
}

static long tcp_recv_block(struct vt_socket *so, struct vt_block **block, const uint8_t **data)
{
    if (so->state == VT_SOCK_LISTENING)
        return -VT_ENOTCONN;
    return vt_tcp_recv_block(so->u.tcb, block, data);
}

/* Linux: a listener whose reading is shut, and a connection that was only being tried, are plain sockets
 * again. */
static int tcp_shutdown(struct vt_socket *so, int how)
{
    int error;

    if (tcp_state(so) == VT_TCPI_CLOSE)
        return -VT_ENOTCONN;
    error = vt_tcp_shutdown(so->u.tcb, how);
    if (tcp_state(so) == VT_TCPI_CLOSE)
        so->state = VT_SOCK_UNCONNECTED;
    return error;
}

static void tcp_close(struct vt_socket *so)
{
    bool abort = so->opts.linger.onoff != 0 && so->opts.linger.linger == 0;

    if (so->table->tcp != NULL)
        vt_tcp_close(so->u.tcb, abort);
    vt_sock_free(so, sizeof *so);
}

/* A connection that is not one is in no table of TCP's. */
static void tcp_mute(struct vt_socket *so)
{
    if (tcp_state(so) == VT_TCPI_CLOSE)
        vt_tcp_close(so->u.tcb, false);
}

static int tcp_local(const struct vt_socket *so, struct vt_addr *addr)
{
    return vt_tcp_local(so->u.tcb, addr);
}

static int tcp_remote(const struct vt_socket *so, struct vt_addr *addr)
{
    uint8_t state = tcp_state(so);

    if (state == VT_TCPI_CLOSE || state == VT_TCPI_SYN_SENT || state == VT_TCPI_LISTEN)
        return -VT_ENOTCONN;
    return vt_tcp_remote(so->u.tcb, addr);
}

/* SO_RCVLOWAT, tcp(7): no sooner readable than with so many bytes, or half the buffer; the end and errors
 * apart. */
/* Linux: a listener has no queue to ask for; what has no connection yet has empty ones. */
static int tcp_ioctl(const struct vt_socket *so, unsigned request, int *value)
{
    struct vt_tcp_info info = {0};
    size_t len = sizeof info;

    if (request == VT_SIOCATMARK) {
        *value = vt_tcp_at_mark(so->u.tcb);
        return 0;
    }
    if (request != VT_SIOCINQ && request != VT_SIOCOUTQ && request != VT_SIOCOUTQNSD)
        return -VT_ENOTTY;
    if (so->state == VT_SOCK_LISTENING)
        return -VT_EINVAL;
    vt_tcp_getopt(so->u.tcb, VT_SOL_TCP, VT_TCP_INFO, &info, &len);
    if (info.tcpi_state == VT_TCPI_SYN_SENT)
        *value = 0;
    else if (request == VT_SIOCINQ)
        *value = (int)vt_tcp_inq(so->u.tcb);
    else
        *value = (int)(request == VT_SIOCOUTQ ? vt_tcp_outq(so->u.tcb) : info.tcpi_notsent_bytes);
    return 0;
}

static unsigned tcp_poll(struct vt_socket *so)
{
    unsigned events = vt_tcp_poll(so->u.tcb);

    if ((so->opts.kept & VT_KEPT_SELECT_ERR) != 0 && vt_tcp_notices_wait(so->u.tcb))
        events |= VT_POLLPRI;
    return events;
}

static int tcp_take_error(struct vt_socket *so)
{
    return vt_tcp_take_error(so->u.tcb);
}

static uint32_t tcp_conn(const struct vt_socket *so)
{
    return vt_tcp_conn(so->u.tcb);
}

const struct vt_sock_ops vt_sock_tcp_ops = {
    .type = VT_SOCK_STREAM,
    .protocol = VT_PROTO_TCP,
    .bind = tcp_bind,
    .listen = tcp_listen,
    .accept = tcp_accept,
    .connect = tcp_connect,
    .send = tcp_send,
    .recv = tcp_recv,
    .send_block = tcp_send_block,
    .recv_block = tcp_recv_block,
    .shutdown = tcp_shutdown,
    .close = tcp_close,
    .mute = tcp_mute,
    .local = tcp_local,
    .remote = tcp_remote,
    .setopt = vt_sock_tcp_setopt,
    .getopt = vt_sock_tcp_getopt,
    .ioctl = tcp_ioctl,
    .poll = tcp_poll,
    .take_error = tcp_take_error,
    .conn = tcp_conn,
};

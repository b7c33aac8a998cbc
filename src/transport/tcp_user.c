/* The calls of the socket above: open, bind, listen, accept, send, receive, readiness (RFC 9293 3.9.1). */
#include "transport/tcp.h"

struct vt_tcp *vt_tcp_new(struct vt_core *core, struct vt_net *net, const struct vt_transport_up *up)
{
    struct vt_tcp *tcp = vt_alloc(core, sizeof(*tcp));
    if (tcp == NULL)
        return NULL;
    tcp->core = core;
    tcp->net = net;
    tcp->up = up;
    tcp->profile = vt_tcp_profile_find("linux");
    vt_tcp_knobs_init(&tcp->knobs, tcp->profile);
    tcp->cc = vt_cc_at(0);
    vt_port_picker_init(&tcp->picker, &core->rng);
    struct vt_proto_ops ops = {.input = vt_tcp_input, .error = vt_tcp_icmp_error, .ctx = tcp};
    vt_net_register(net, VT_PROTO_TCP, &ops);
    return tcp;
}

/* Lets go of a control block on the way out of the house: nobody is told. */
static void forget(struct vt_tcb *tcb)
{
    if (tcb->listener != NULL) {
        tcb->listener->acc_first = NULL; /* they are reached by tcp->all */
        vt_tcp_listener_close(tcb->listener);
    }
    if (tcb->end.state != VT_TCP_CLOSED && tcb->end.state != VT_TCP_TIME_WAIT)
        vt_tcp_set_state(&tcb->end, VT_TCP_CLOSED, VT_DOC_NONE);
    vt_tcb_release(tcb);
}

void vt_tcp_free(struct vt_tcp *tcp)
{
    if (tcp == NULL)
        return;
    while (tcp->all != NULL)
        forget(tcp->all);
    while (tcp->tw_first != NULL)
        vt_tcp_timewait_free(tcp->tw_first);
    vt_tcp_fo_flush(tcp);
    tcp->dirty = tcp->dirty_last = NULL;
    vt_tcp_run(tcp);
    vt_free(tcp->core, tcp, sizeof(*tcp));
}

int vt_tcp_knob_get(const struct vt_tcp *tcp, const char *name, int64_t *value)
{
    return vt_tcp_knobs_get(&tcp->knobs, tcp->profile, name, value);
}

int vt_tcp_knob_set(struct vt_tcp *tcp, const char *name, int64_t value)
{
    return vt_tcp_knobs_set(&tcp->knobs, tcp->profile, name, value);
}

const char *vt_tcp_knob_name(const struct vt_tcp *tcp, unsigned i)
{
    return vt_tcp_knobs_name(tcp->profile, i);
}

int vt_tcp_set_profile(struct vt_tcp *tcp, const char *name)
{
    const struct vt_tcp_profile *profile = vt_tcp_profile_find(name);
    if (profile == NULL)
        return -VT_ENOENT;
    if (tcp->all != NULL)
        return -VT_EBUSY;
    tcp->profile = profile;
    vt_tcp_knobs_init(&tcp->knobs, profile);
    return 0;
}

struct vt_tcb *vt_tcp_open(struct vt_tcp *tcp, void *user)
{
    struct vt_tcb *tcb = vt_tcb_new(tcp);
    if (tcb != NULL)
        tcb->user = user;
    return tcb;
}

static bool any_owner(void *ctx, uint16_t port)
{
    struct vt_tcp *tcp = ctx;
    return vt_tcp_port_get(tcp, port, false) != NULL || vt_tcp_port_in_table(tcp, port);
}

int vt_tcp_bind(struct vt_tcb *tcb, const struct vt_addr *addr)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    if (tcb->end.state != VT_TCP_CLOSED || vt_tcb_is(tcb, VT_TCBF_BOUND))
        return -VT_EINVAL;
    struct vt_ip ip = vt_ip_is_any(addr->ip) ? VT_IP4_ANY : addr->ip;
    if (!vt_ip_is_any(ip) && !vt_tcb_is(tcb, VT_TCBF_FREEBIND) && !vt_net_is_local(tcp->net, ip))
        return -VT_EADDRNOTAVAIL;
    struct vt_ip was = tcb->end.local.ip;
    tcb->end.local.ip = ip;
    int port = addr->port;
    if (port == 0 && (tcb->open & VT_OPEN_NO_PORT) != 0)
        return 0; /* connect() chooses one that is free towards its peer */
    if (port == 0)
        port = vt_port_pick(&tcp->picker, ip, VT_IP4_ANY, 0, (uint16_t)tcp->knobs.port_low,
                            (uint16_t)tcp->knobs.port_high, any_owner, tcp);
    int err = port < 0 ? -VT_EADDRINUSE : vt_tcp_bind_port(tcb, (uint16_t)port);
    if (err != 0)
        tcb->end.local.ip = was;
    return err;
}

int vt_tcp_listen(struct vt_tcb *tcb, int backlog)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    if (tcb->end.state != VT_TCP_CLOSED && tcb->listener == NULL)
        return -VT_EINVAL;
    int64_t most = tcp->knobs.somaxconn;
    int64_t n = backlog < 0 || backlog > most ? most : backlog;
    if (tcb->listener != NULL) { /* a second call changes the backlog */
        tcb->listener->backlog = (uint32_t)n;
        return 0;
    }
    if (!vt_tcb_is(tcb, VT_TCBF_BOUND)) {
        tcb->open &= (uint16_t)~VT_OPEN_NO_PORT;
        int err = vt_tcp_bind(tcb, &(struct vt_addr){tcb->end.local.ip, 0, 0});
        if (err != 0)
            return err;
    }
    struct vt_tcp_portref *ref = vt_tcp_port_get(tcp, tcb->end.local.port, false);
    for (struct vt_tcb *o = ref->owners; o != NULL; o = o->bound_next)
        if (o != tcb && o->listener != NULL && vt_tcp_clash(o, tcb))
            return -VT_EADDRINUSE;
    tcb->listener = vt_alloc(tcp->core, sizeof(*tcb->listener));
    if (tcb->listener == NULL)
        return -VT_ENOMEM;
    tcb->listener->tcb = tcb;
    tcb->listener->backlog = (uint32_t)n;
    tcb->end.conn = ++tcp->next_conn;
    vt_tcp_emit_conn(&tcb->end, VT_EV_TCP_CONN, 0);
    vt_tcp_set_state(&tcb->end, VT_TCP_LISTEN, VT_DOC_RFC9293_3_5);
    vt_tcp_fo_listen(tcb);
    return 0;
}

bool vt_tcp_acceptable(const struct vt_tcb *listener)
{
    return listener->listener != NULL && listener->listener->acc_first != NULL;
}

struct vt_tcb *vt_tcp_accept(struct vt_tcb *listener, void *user)
{
    struct vt_tcp_listener *l = listener->listener;
    struct vt_tcb *tcb = l != NULL ? l->acc_first : NULL;
    if (tcb == NULL)
        return NULL;
    l->acc_first = tcb->acc_next;
    if (l->acc_first == NULL)
        l->acc_last = NULL;
    l->accepts--;
    tcb->acc_next = NULL;
    tcb->parent = NULL;
    tcb->user = user;
    return tcb;
}

/* ---- Sending ---- */

/* What a call finds before it may send: 0, or its error. */
static int send_check(struct vt_tcb *tcb, int flags)
{
    if (tcb->error != 0)
        return vt_tcp_take_error(tcb);
    switch (tcb->end.state) {
    case VT_TCP_ESTABLISHED:
    case VT_TCP_CLOSE_WAIT: break;
    case VT_TCP_SYN_SENT:
    case VT_TCP_SYN_RCVD:
        if ((tcb->open & VT_OPEN_FO_CHILD) != 0)
            break;
        if ((flags & VT_MSG_WAITALL) != 0)
            tcb->open |= VT_OPEN_WRITER;
        return -VT_EAGAIN;
    default: return -VT_EPIPE;
    }
    return vt_tcb_is(tcb, VT_TCBF_FIN_QUEUED) ? -VT_EPIPE : 0;
}

static long queued(struct vt_tcb *tcb, uint32_t n, int flags)
{
    if ((flags & VT_MSG_OOB) != 0) { /* RFC 9293 3.8.5: urgent up to the end of this */
        tcb->snd_up = vt_seq_add(tcb->snd_una, tcb->sendq.bytes);
        tcb->flags |= VT_TCBF_URG_OUT;
    }
    bool corked = vt_tcb_is(tcb, VT_TCBF_CORK);
    if ((flags & VT_MSG_MORE) != 0)
        tcb->flags |= VT_TCBF_CORK;
    vt_tcp_output(tcb);
    if (!corked)
        tcb->flags &= ~(uint32_t)VT_TCBF_CORK;
    return (long)n;
}

long vt_tcp_send(struct vt_tcb *tcb, const void *buf, size_t len, int flags)
{
    int err = send_check(tcb, flags);
    if (err != 0 || len == 0)
        return err;
    if (!vt_tcp_notice_room(tcb, flags))
        return -VT_ENOBUFS;
    uint32_t want = len < INT32_MAX ? (uint32_t)len : INT32_MAX;
    uint32_t n = vt_tcp_write(tcb, buf, want, flags);
    if (n < len)
        tcb->flags |= VT_TCBF_SEND_BLOCKED;
    if (n == 0)
        return vt_tcp_sndbuf_free(tcb) ? -VT_ENOMEM : -VT_EAGAIN;
    vt_tcp_notice_write(tcb, vt_seq_add(tcb->snd_una, tcb->sendq.bytes - 1), flags);
    return queued(tcb, n, flags);
}

long vt_tcp_send_block(struct vt_tcb *tcb, struct vt_block *block, const uint8_t *data, size_t len)
{
    int err = send_check(tcb, 0);
    if (err != 0 || len == 0)
        return err;
    if (!vt_tcp_sndbuf_free(tcb)) {
        tcb->flags |= VT_TCBF_SEND_BLOCKED;
        return -VT_EAGAIN;
    }
    if (len > INT32_MAX)
        return -VT_EMSGSIZE;
    vt_sendq_begin_unit(&tcb->sendq);
    err = vt_sendq_append(&tcb->sendq, vt_tcp_core(tcb), block, data, (uint32_t)len);
    vt_sendq_mark(&tcb->sendq, err == 0 ? VT_SENDQ_PUSH : 0, 0);
    return err != 0 ? err : queued(tcb, (uint32_t)len, 0);
}

/* ---- Receiving ---- */

struct vt_seq vt_tcp_read_seq(const struct vt_tcb *tcb)
{
    uint32_t fin = vt_tcb_is(tcb, VT_TCBF_FIN_RCVD) ? 1 : 0;
    return vt_seq_sub(tcb->rcv_nxt, (uint32_t)tcb->recvq.bytes + fin);
}

/* The urgent byte is the last before the pointer (RFC 9293 3.8.5). Its distance from the read position; below
 * 0 when it has been passed, or there is none. */
static int64_t mark_ahead(const struct vt_tcb *tcb)
{
    if (!vt_tcb_is(tcb, VT_TCBF_URG_IN))
        return -1;
    return (int64_t)vt_seq_diff(vt_seq_sub(tcb->rcv_up, 1), vt_tcp_read_seq(tcb));
}

bool vt_tcp_at_mark(const struct vt_tcb *tcb)
{
    return mark_ahead(tcb) == 0;
}

/* Steps over n bytes of the receive queue. */
static void consume(struct vt_tcb *tcb, uint32_t n)
{
    while (n != 0) {
        struct vt_pbuf *p = tcb->recvq.first;
        if (tcb->rcv_space != NULL)
            tcb->rcv_space->stamp = p->stamp;
        if (n < p->len) {
            vt_pbuf_skip(p, n);
            tcb->recvq.bytes -= n;
            return;
        }
        n -= p->len;
        tcb->rcv_truesize -= (uint32_t)p->aux[0];
        vt_pbuf_free(vt_pbufq_pop(&tcb->recvq));
    }
    if (tcb->recvq.count == 0)
        tcb->rcv_truesize = 0;
}

static uint32_t copy_out(const struct vt_tcb *tcb, uint32_t off, uint8_t *dst, uint32_t len)
{
    uint32_t done = 0;
    for (const struct vt_pbuf *p = tcb->recvq.first; p != NULL && done < len; p = p->next) {
        if (off >= p->len) {
            off -= p->len;
            continue;
        }
        uint32_t n = p->len - off < len - done ? p->len - off : len - done;
        if (dst != NULL)
            vt_pbuf_read(p, off, dst + done, n);
        done += n;
        off = 0;
    }
    return done;
}

static long recv_oob(struct vt_tcb *tcb, uint8_t *buf, size_t len, int flags)
{
    int64_t at = mark_ahead(tcb);
    if (vt_tcb_is(tcb, VT_TCBF_OOBINLINE) || at < 0 || !vt_tcb_is(tcb, VT_TCBF_OOB_HELD))
        return -VT_EINVAL;
    if (at >= (int64_t)tcb->recvq.bytes)
        return -VT_EAGAIN; /* the pointer came ahead of the byte */
    if (len == 0)
        return 0;
    copy_out(tcb, (uint32_t)at, buf, 1);
    if ((flags & VT_MSG_PEEK) == 0)
        tcb->flags &= ~(uint32_t)VT_TCBF_OOB_HELD;
    return 1;
}

/* What a receive call finds when the queue is empty. */
static long nothing_to_read(struct vt_tcb *tcb)
{
    if (vt_tcb_is(tcb, VT_TCBF_FIN_RCVD)) /* as Linux: the end that was told stays the end */
        return 0;
    if (tcb->error != 0)
        return vt_tcp_take_error(tcb);
    if (vt_tcb_is(tcb, VT_TCBF_SHUT_RD))
        return 0;
    if (tcb->end.state == VT_TCP_CLOSED || tcb->end.state == VT_TCP_LISTEN)
        return tcb->end.conn != 0 && tcb->listener == NULL && tcb->end.remote.port != 0 ? 0 : -VT_ENOTCONN;
    return -VT_EAGAIN;
}

/* Where reading goes on: how many bytes to step over first, and how many may be read then. Reading stops
 * before the urgent mark, and goes on behind it: the marked byte is not part of the stream unless it is to be
 * in line.
 */
struct span {
    uint32_t skip, len;
};

static struct span readable(const struct vt_tcb *tcb)
{
    uint32_t have = (uint32_t)tcb->recvq.bytes;
    int64_t at = mark_ahead(tcb);
    if (at > 0)
        return (struct span){0, at < (int64_t)have ? (uint32_t)at : have};
    uint32_t skip = at == 0 && have != 0 && !vt_tcb_is(tcb, VT_TCBF_OOBINLINE);
    return (struct span){skip, have - skip};
}

/* Steps over bytes that were read or skipped, and lets the mark lapse when it has been passed. */
static void take(struct vt_tcb *tcb, uint32_t n)
{
    if (n == 0)
        return;
    consume(tcb, n);
    if (mark_ahead(tcb) < 0)
        tcb->flags &= ~(uint32_t)(VT_TCBF_URG_IN | VT_TCBF_OOB_HELD);
    if (tcb->end.state < VT_TCP_ESTABLISHED)
        return;
    vt_tcp_rcvbuf_read(tcb);
    vt_tcp_delack_read(tcb, n);
}

long vt_tcp_recv(struct vt_tcb *tcb, void *buf, size_t len, int flags)
{
    if ((flags & VT_MSG_OOB) != 0)
        return recv_oob(tcb, buf, len, flags);
    bool peek = (flags & VT_MSG_PEEK) != 0;
    struct span s = readable(tcb);
    if (s.len == 0) {
        if (!peek)
            take(tcb, s.skip);
        return nothing_to_read(tcb);
    }
    uint32_t n = len < s.len ? (uint32_t)len : s.len;
    bool trunc = (flags & VT_MSG_TRUNC) != 0; /* Linux, tcp(7): the bytes are dropped, not copied */
    copy_out(tcb, s.skip, trunc ? NULL : buf, n);
    if (!peek)
        take(tcb, s.skip + n);
    return (long)n;
}

long vt_tcp_peek(struct vt_tcb *tcb, uint32_t off, void *buf, size_t len)
{
    struct span s = readable(tcb);
    if (off >= s.len)
        return nothing_to_read(tcb);
    uint32_t n = len < s.len - off ? (uint32_t)len : s.len - off;
    copy_out(tcb, s.skip + off, buf, n);
    return (long)n;
}

vt_time vt_tcp_read_stamp(const struct vt_tcb *tcb)
{
    return tcb->rcv_space != NULL ? tcb->rcv_space->stamp : 0;
}

uint32_t vt_tcp_inq_hint(const struct vt_tcb *tcb)
{
    uint32_t inq = (uint32_t)tcb->recvq.bytes;
    return inq == 0 && vt_tcb_is(tcb, VT_TCBF_FIN_RCVD) ? 1 : inq;
}

long vt_tcp_recv_block(struct vt_tcb *tcb, struct vt_block **block, const uint8_t **data)
{
    struct vt_core *core = vt_tcp_core(tcb);
    take(tcb, readable(tcb).skip);
    uint32_t have = readable(tcb).len;
    if (have == 0)
        return nothing_to_read(tcb);
    struct vt_pbuf *p = tcb->recvq.first;
    const struct vt_frag *f = &p->frag[p->first];
    uint32_t n;
    if (p->head_len != 0 || p->nfrags == 0) { /* bytes in the descriptor: they are few */
        n = p->head_len < have ? p->head_len : have;
        struct vt_block *b = vt_block_new(core->pool, n);
        if (b == NULL)
            return -VT_ENOMEM;
        vt_pbuf_read(p, 0, b->data, n);
        *block = b;
        *data = b->data;
    } else {
        n = f->len < have ? f->len : have;
        *block = vt_block_ref(f->block);
        *data = f->data;
    }
    take(tcb, n);
    return (long)n;
}

/* ---- Readiness and names ---- */

unsigned vt_tcp_poll(struct vt_tcb *tcb)
{
    unsigned ev = 0;
    if (tcb->listener != NULL)
        return vt_tcp_acceptable(tcb) ? VT_POLLIN : 0;
    if (tcb->error != 0 || vt_tcp_notices_wait(tcb))
        ev |= VT_POLLERR;
    bool shut_rd = vt_tcb_is(tcb, VT_TCBF_SHUT_RD | VT_TCBF_FIN_RCVD);
    bool shut_wr = vt_tcb_is(tcb, VT_TCBF_FIN_QUEUED);
    if (tcb->end.state == VT_TCP_CLOSED || tcb->end.state == VT_TCP_TIME_WAIT) {
        ev |= VT_POLLOUT | VT_POLLHUP;
        shut_rd = shut_rd || tcb->end.conn != 0;
    }
    if (shut_rd && shut_wr)
        ev |= VT_POLLHUP;
    if (shut_rd)
        ev |= VT_POLLIN | VT_POLLRDHUP;
    if (tcb->end.state == VT_TCP_SYN_SENT || tcb->end.state == VT_TCP_SYN_RCVD) {
        if (vt_tcp_deferred(tcb))
            ev |= VT_POLLOUT; /* it takes bytes: they will go with the SYN */
        if ((tcb->open & VT_OPEN_FO_CHILD) == 0)
            return ev;
    }
    if (vt_tcp_readable(tcb))
        ev |= VT_POLLIN;
    if (vt_tcb_is(tcb, VT_TCBF_OOB_HELD) && vt_tcb_is(tcb, VT_TCBF_URG_IN))
        ev |= VT_POLLPRI;
    if (shut_wr || vt_tcp_writable(tcb))
        ev |= VT_POLLOUT;
    else
        tcb->flags |= VT_TCBF_SEND_BLOCKED; /* who looks in vain wants to hear of it */
    return ev;
}

int vt_tcp_take_error(struct vt_tcb *tcb)
{
    int error = tcb->error;
    tcb->error = 0;
    return error;
}

int vt_tcp_local(const struct vt_tcb *tcb, struct vt_addr *addr)
{
    *addr = tcb->end.local;
    return 0;
}

int vt_tcp_remote(const struct vt_tcb *tcb, struct vt_addr *addr)
{
    if (tcb->end.remote.port == 0)
        return -VT_ENOTCONN;
    *addr = tcb->end.remote;
    return 0;
}

uint32_t vt_tcp_inq(const struct vt_tcb *tcb)
{
    return (uint32_t)tcb->recvq.bytes;
}
uint32_t vt_tcp_outq(const struct vt_tcb *tcb)
{
    return tcb->sendq.bytes;
}
uint64_t vt_tcp_cause(const struct vt_tcb *tcb)
{
    return tcb->cause;
}
uint32_t vt_tcp_conn(const struct vt_tcb *tcb)
{
    return tcb->end.conn;
}

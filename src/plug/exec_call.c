/* A program's calls on its sockets, as the lab answers them. This file asks the operating system. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "exec_internal.h"

#define OPTION_RECVERR 11 /* IP_RECVERR */

static void answer(struct vt_exec *x, const struct vt_exec_msg *to, int result)
{
    struct vt_exec_msg m = {.op = VT_EXEC_REPLY, .cookie = to->cookie, .sock = to->sock, .result = result};
    vt_exec_say(x, &m, NULL, -1);
}

static void answer_addr(struct vt_exec *x, const struct vt_exec_msg *to, int result,
                        const struct vt_addr *addr)
{
    struct vt_exec_msg m = {
        .op = VT_EXEC_REPLY, .cookie = to->cookie, .sock = to->sock, .result = result, .addr = *addr};
    vt_exec_say(x, &m, NULL, -1);
}

/* ---- Calls that wait ---- */

static bool wait_for(struct vt_exec_sock *s, uint64_t cookie)
{
    struct vt_exec_waiter *w = s->nwaiters < VT_EXEC_WAITERS ? calloc(1, sizeof *w) : NULL;
    if (w == NULL)
        return false;
    w->cookie = cookie;
    if (s->waiters == NULL)
        s->waiters_tail = &s->waiters;
    *s->waiters_tail = w;
    s->waiters_tail = &w->next;
    s->nwaiters++;
    return true;
}

static uint64_t next_waiter(struct vt_exec_sock *s)
{
    struct vt_exec_waiter *w = s->waiters;
    uint64_t cookie = w->cookie;
    s->waiters = w->next;
    s->nwaiters--;
    free(w);
    return cookie;
}

/* ---- A socket ---- */

static uint32_t free_id(struct vt_exec *x)
{
    struct vt_exec_sock **more;
    uint32_t cap;
    if (x->nsock < x->cap)
        return ++x->nsock;
    if (x->live < x->nsock)
        for (uint32_t i = 0; i < x->nsock; i++)
            if (x->sock[i] == NULL)
                return i + 1;
    cap = x->cap == 0 ? 64 : x->cap * 2;
    more = cap <= VT_EXEC_SOCKETS ? realloc(x->sock, cap * sizeof(struct vt_exec_sock *)) : NULL;
    if (more == NULL)
        return 0;
    memset(more + x->cap, 0, (cap - x->cap) * sizeof(struct vt_exec_sock *));
    x->sock = more;
    x->cap = cap;
    return ++x->nsock;
}

static void on_end(void *ctx, uint32_t events)
{
    (void)events;
    vt_exec_pump(ctx);
}

/* Takes the host's descriptor, unless it fails. */
struct vt_exec_sock *vt_exec_sock_new(struct vt_exec *x, int vt, bool datagram, int *theirs, int *err)
{
    struct vt_epoll_event ev = {.events = VT_POLLIN | VT_POLLOUT | VT_POLLRDHUP | VT_EPOLLET};
    struct vt_exec_sock *s = calloc(1, sizeof *s);
    uint32_t id = free_id(x);
    int ends[2];
    *err = id == 0 ? -VT_EMFILE : -VT_ENOMEM;
    if (s == NULL || id == 0)
        goto no_memory;
    /* Datagrams keep their bounds in a seqpacket pair, which unlike a datagram pair tells of its other end's
     * closing. */
    if (socketpair(AF_UNIX, (datagram ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_CLOEXEC, 0, ends) < 0) {
        *err = -errno;
        goto no_memory;
    }
    *s = (struct vt_exec_sock){.x = x,
                               .end = {.fd = ends[0], .ready = on_end, .ctx = s},
                               .id = id,
                               .vt = vt,
                               .datagram = datagram,
                               .from = {.ip = VT_IP4_ANY}};
    ev.data = id;
    *err = vt_epoll_ctl(x->host, x->epfd, VT_EPOLL_CTL_ADD, vt, &ev);
    if (*err == 0 && vt_real_add(x->real, &s->end, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) < 0)
        *err = -VT_ENOMEM;
    if (*err < 0) {
        close(ends[0]);
        close(ends[1]);
        goto no_memory;
    }
    x->sock[id - 1] = s;
    x->live++;
    *theirs = ends[1];
    return s;
no_memory:
    free(s);
    return NULL;
}

static void do_socket(struct vt_exec *x, const struct vt_exec_msg *m)
{
    bool datagram = m->a == VT_SOCK_DGRAM;
    struct vt_exec_msg reply = {.op = VT_EXEC_REPLY, .cookie = m->cookie};
    struct vt_exec_sock *s;
    int err, theirs = -1, vt = vt_socket(x->host, VT_AF_INET, m->a, m->b);
    if (vt < 0) {
        answer(x, m, vt);
        return;
    }
    s = vt_exec_sock_new(x, vt, datagram, &theirs, &err);
    if (s == NULL) {
        vt_close(x->host, vt);
        answer(x, m, err);
        return;
    }
    reply.sock = s->id;
    vt_exec_say(x, &reply, NULL, theirs);
}

/* ---- Connecting ---- */

/* Our end holds bytes that only kept the program's from being writable. */
static void drain_fill(struct vt_exec_sock *s)
{
    while (s->fill > 0) {
        size_t most = s->fill < sizeof s->x->scratch ? s->fill : sizeof s->x->scratch;
        ssize_t n = recv(s->end.fd, s->x->scratch, most, MSG_DONTWAIT);
        if (n <= 0)
            return;
        s->fill -= (uint32_t)n;
    }
}

static bool connect_settled(struct vt_exec_sock *s, int *err)
{
    struct vt_pollfd p = {.fd = s->vt, .events = VT_POLLOUT};
    size_t len = sizeof *err;
    *err = 0;
    if (vt_poll(s->x->host, &p, 1) <= 0)
        return false;
    vt_getsockopt(s->x->host, s->vt, VT_SOL_SOCKET, VT_SO_ERROR, err, &len);
    *err = -abs(*err);
    return true;
}

static void settle_connect(struct vt_exec_sock *s)
{
    struct vt_exec_msg to = {.sock = s->id};
    int err;
    if (!connect_settled(s, &err))
        return;
    drain_fill(s);
    s->state = err == 0 ? VT_EXEC_OPEN : VT_EXEC_NEW;
    if (s->nwaiters > 0) {
        while (s->nwaiters > 0) {
            to.cookie = next_waiter(s);
            answer(s->x, &to, err);
        }
        return;
    }
    /* The program finds its end writable, and if it failed also at its end, and asks SO_ERROR why. */
    s->error = err;
    if (err != 0) {
        s->out_shut = true;
        shutdown(s->end.fd, SHUT_WR);
    }
}

static void do_connect(struct vt_exec_sock *s, const struct vt_exec_msg *m)
{
    struct vt_exec *x = s->x;
    int err;
    s->fill += (uint32_t)m->b;
    if (s->state == VT_EXEC_CONNECTING) {
        if (m->a != 0 || !wait_for(s, m->cookie))
            answer(x, m, -VT_EALREADY);
        return;
    }
    if (s->datagram)
        err = vt_exec_connect_datagrams(s, &m->addr);
    else
        err = s->state == VT_EXEC_OPEN ? -VT_EISCONN : vt_connect(x->host, s->vt, &m->addr);
    if (s->datagram || s->state == VT_EXEC_OPEN || (err != 0 && err != -VT_EINPROGRESS)) {
        drain_fill(s);
        answer(x, m, err);
        return;
    }
    s->state = VT_EXEC_CONNECTING;
    if (m->a != 0 || !wait_for(s, m->cookie))
        answer(x, m, -VT_EINPROGRESS);
    vt_exec_settle(s);
}

/* Of a datagram socket: takes it off its peer. */
static void do_disconnect(struct vt_exec_sock *s, const struct vt_exec_msg *m)
{
    answer(s->x, m, s->datagram ? vt_exec_connect_datagrams(s, NULL) : -VT_EAFNOSUPPORT);
}

/* ---- Listening ---- */

static bool acceptable(struct vt_exec_sock *s)
{
    struct vt_pollfd p = {.fd = s->vt, .events = VT_POLLIN};
    return vt_poll(s->x->host, &p, 1) > 0;
}

/* A byte in the program's listening end for a connection that waits: it is readable then. */
static void put_token(struct vt_exec_sock *s)
{
    if (s->tokens < VT_EXEC_TOKENS && send(s->end.fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
        s->tokens++;
}

/* Accepts, and answers. False when nothing could be accepted: then nothing was answered. */
static bool accept_for(struct vt_exec_sock *s, uint64_t cookie)
{
    struct vt_exec *x = s->x;
    struct vt_exec_msg m = {.op = VT_EXEC_REPLY, .cookie = cookie};
    struct vt_exec_sock *child = NULL;
    int theirs = -1, vt = vt_accept(x->host, s->vt, &m.addr);
    m.result = vt < 0 ? vt : 0;
    if (vt == -VT_EAGAIN)
        return false;
    if (vt >= 0) {
        child = vt_exec_sock_new(x, vt, false, &theirs, &m.result);
        if (child == NULL)
            vt_close(x->host, vt);
    }
    if (child != NULL) {
        child->state = VT_EXEC_OPEN;
        m.sock = child->id;
        m.result = 0;
    }
    /* One token less; and none, when nothing waits any more. */
    if (s->tokens > 0) {
        m.b = acceptable(s) ? (int32_t)(s->tokens > 1) : (int32_t)s->tokens;
        s->tokens -= (uint32_t)m.b;
    }
    vt_exec_say(x, &m, NULL, theirs);
    if (child != NULL)
        vt_exec_pump(child);
    return true;
}

static void do_accept(struct vt_exec_sock *s, const struct vt_exec_msg *m)
{
    if (s->state != VT_EXEC_LISTENING) {
        answer(s->x, m, s->datagram ? -VT_EOPNOTSUPP : -VT_EINVAL);
        return;
    }
    if (s->nwaiters == 0 && accept_for(s, m->cookie))
        return;
    if (m->a != 0 || !wait_for(s, m->cookie))
        answer(s->x, m, -VT_EAGAIN);
}

static void settle_accept(struct vt_exec_sock *s)
{
    while (s->nwaiters > 0 && acceptable(s)) {
        uint64_t cookie = next_waiter(s);
        accept_for(s, cookie);
    }
    if (acceptable(s))
        put_token(s);
}

static void do_listen(struct vt_exec_sock *s, const struct vt_exec_msg *m)
{
    int err = vt_listen(s->x->host, s->vt, m->a);
    if (err == 0)
        s->state = VT_EXEC_LISTENING;
    answer(s->x, m, err);
}

void vt_exec_settle(struct vt_exec_sock *s)
{
    if (s->state == VT_EXEC_CONNECTING)
        settle_connect(s);
    else if (s->state == VT_EXEC_LISTENING)
        settle_accept(s);
    if (s->state == VT_EXEC_OPEN && !s->datagram)
        vt_exec_pump(s);
}

/* ---- The others ---- */

static void do_shutdown(struct vt_exec_sock *s, const struct vt_exec_msg *m)
{
    int err;
    if (s->state == VT_EXEC_OPEN) {
        /* What the program wrote before is in our end, and this comes behind it. */
        answer(s->x, m, VT_EXEC_NATIVE);
        return;
    }
    err = s->state == VT_EXEC_ENDED_ ? -VT_ENOTCONN : vt_shutdown(s->x->host, s->vt, m->a);
    if (err == 0 && s->state == VT_EXEC_LISTENING && m->a != VT_SHUT_WR) {
        struct vt_exec_msg to = {.sock = s->id};
        s->state = VT_EXEC_NEW;
        while (s->nwaiters > 0) {
            to.cookie = next_waiter(s);
            answer(s->x, &to, -VT_EINVAL);
        }
        /* Readable, as on Linux: accept() then tells EINVAL. */
        shutdown(s->end.fd, SHUT_WR);
    }
    answer(s->x, m, err);
}

static void do_address(struct vt_exec_sock *s, const struct vt_exec_msg *m)
{
    struct vt_addr addr = {.ip = VT_IP4_ANY};
    int err = m->op == VT_EXEC_LOCAL ? vt_getsockname(s->x->host, s->vt, &addr)
                                     : vt_getpeername(s->x->host, s->vt, &addr);
    answer_addr(s->x, m, err, &addr);
}

static void do_setopt(struct vt_exec_sock *s, const struct vt_exec_msg *m, const uint8_t *data)
{
    int err = vt_setsockopt(s->x->host, s->vt, m->a, m->b, data, m->len);
    /* The C library's resolver gives up where it is refused. Without it, too, an error comes with the next
     * call; the error queue stays empty. */
    if (err == -VT_ENOPROTOOPT && s->datagram && m->a == VT_SOL_IP && m->b == OPTION_RECVERR)
        err = 0;
    answer(s->x, m, err);
}

static void do_getopt(struct vt_exec_sock *s, const struct vt_exec_msg *m)
{
    struct vt_exec_msg reply = {.op = VT_EXEC_REPLY, .cookie = m->cookie, .sock = s->id};
    uint8_t value[512];
    size_t len = m->c < 0 || (size_t)m->c > sizeof value ? sizeof value : (size_t)m->c;
    reply.result = vt_getsockopt(s->x->host, s->vt, m->a, m->b, value, &len);
    if (reply.result == 0 && m->a == VT_SOL_SOCKET && m->b == VT_SO_ERROR && s->error != 0 &&
        len == sizeof(int)) {
        int error = -s->error;
        memcpy(value, &error, sizeof error);
        s->error = 0;
    }
    reply.len = reply.result == 0 ? (uint32_t)len : 0;
    vt_exec_say(s->x, &reply, value, -1);
}

static void do_recv(struct vt_exec_sock *s, const struct vt_exec_msg *m)
{
    if (!s->datagram)
        answer(s->x, m, VT_EXEC_NATIVE);
    else if (vt_exec_datagram_waits(s))
        answer_addr(s->x, m, 0, &s->from);
    else if (s->error != 0) {
        answer(s->x, m, s->error);
        s->error = 0;
    } else if (m->a != 0 || !wait_for(s, m->cookie))
        answer(s->x, m, -VT_EAGAIN);
}

static void do_send(struct vt_exec_sock *s, const struct vt_exec_msg *m, const uint8_t *data)
{
    if (!s->datagram)
        answer(s->x, m, VT_EXEC_NATIVE);
    else
        answer(s->x, m, (int)vt_exec_send_datagram(s, data, m->len, m->a != 0 ? &m->addr : NULL));
}

static void do_ioctl(struct vt_exec_sock *s, const struct vt_exec_msg *m)
{
    struct vt_exec_msg reply = {.op = VT_EXEC_REPLY, .cookie = m->cookie, .sock = s->id};
    int value = 0;
    reply.result = vt_ioctl(s->x->host, s->vt, (unsigned)m->a, &value);
    reply.len = reply.result == 0 ? sizeof value : 0;
    vt_exec_say(s->x, &reply, &value, -1);
}

/* A supervisor that was too slow, or whose program has gone, gives no mark: our end is closed all the same.
 */
static void do_marked(struct vt_exec_sock *s)
{
    if (s->state != VT_EXEC_ENDED_ || s->end.fd < 0)
        return;
    vt_real_remove(s->x->real, &s->end);
    close(s->end.fd);
    s->end.fd = -1;
}

void vt_exec_call(struct vt_exec *x, const struct vt_exec_msg *m, const uint8_t *data)
{
    struct vt_exec_sock *s = m->sock - 1 < x->nsock ? x->sock[m->sock - 1] : NULL;
    if (m->op == VT_EXEC_SOCKET) {
        do_socket(x, m);
        return;
    }
    if (s == NULL) {
        if (m->op != VT_EXEC_TOKEN && m->op != VT_EXEC_MARKED)
            answer(x, m, -VT_EBADF);
        return;
    }
    switch (m->op) {
    case VT_EXEC_BIND: answer(x, m, vt_bind(x->host, s->vt, &m->addr)); break;
    case VT_EXEC_LISTEN: do_listen(s, m); break;
    case VT_EXEC_CONNECT:
        if (m->c != 0)
            do_disconnect(s, m);
        else
            do_connect(s, m);
        break;
    case VT_EXEC_ACCEPT: do_accept(s, m); break;
    case VT_EXEC_SHUTDOWN: do_shutdown(s, m); break;
    case VT_EXEC_LOCAL:
    case VT_EXEC_PEER: do_address(s, m); break;
    case VT_EXEC_SETOPT: do_setopt(s, m, data); break;
    case VT_EXEC_GETOPT: do_getopt(s, m); break;
    case VT_EXEC_SEND: do_send(s, m, data); break;
    case VT_EXEC_RECV: do_recv(s, m); break;
    case VT_EXEC_IOCTL: do_ioctl(s, m); break;
    case VT_EXEC_TOKEN: put_token(s); break;
    case VT_EXEC_MARKED: do_marked(s); break;
    default: answer(x, m, -VT_ENOSYS); break;
    }
}

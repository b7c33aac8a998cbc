/* A program's sockets on a lab's host: the session, and what carries bytes. This file asks the operating
 * system. */
#include "exec_lab.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "exec_internal.h"

#define ROUNDS 32 /* times that one socket is served before others have their turn */

/* ---- What is said to the supervisor ---- */

static bool send_answer(struct vt_exec *x, const void *bytes, size_t len, int fd)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd >= 0) {
        memset(&control, 0, sizeof control);
        msg.msg_control = &control;
        msg.msg_controllen = sizeof control;
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    }
    if (sendmsg(x->rpc.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return true;
    if (errno != EAGAIN && errno != EINTR)
        x->broken = true;
    return false;
}

static void pop_answer(struct vt_exec *x)
{
    struct vt_exec_answer *a = x->answers;
    x->answers = a->next;
    if (x->answers == NULL)
        x->answers_tail = &x->answers;
    x->nanswers--;
    if (a->fd >= 0)
        close(a->fd);
    free(a);
}

static void flush_answers(struct vt_exec *x)
{
    while (x->answers != NULL && !x->broken &&
           send_answer(x, x->answers->bytes, x->answers->len, x->answers->fd))
        pop_answer(x);
    if (!x->broken)
        vt_real_change(x->real, &x->rpc, EPOLLIN | (x->answers != NULL ? (uint32_t)EPOLLOUT : 0));
}

void vt_exec_say(struct vt_exec *x, const struct vt_exec_msg *m, const void *data, int fd)
{
    size_t len = sizeof *m + m->len;
    struct vt_exec_answer *a;
    if (x->broken)
        goto out;
    if (x->answers == NULL) {
        memcpy(x->message, m, sizeof *m);
        if (m->len > 0)
            memcpy(x->message + sizeof *m, data, m->len);
        if (send_answer(x, x->message, len, fd))
            goto out;
    }
    a = x->nanswers < VT_EXEC_ANSWERS ? malloc(sizeof *a + len) : NULL;
    if (a == NULL) {
        x->broken = true;
        vt_real_defer(x->real, &x->end_task);
        goto out;
    }
    *a = (struct vt_exec_answer){.fd = fd, .len = len};
    memcpy(a->bytes, m, sizeof *m);
    if (m->len > 0)
        memcpy(a->bytes + sizeof *m, data, m->len);
    *x->answers_tail = a;
    x->answers_tail = &a->next;
    x->nanswers++;
    vt_real_change(x->real, &x->rpc, EPOLLIN | EPOLLOUT);
    return;
out:
    if (fd >= 0)
        close(fd);
}

/* ---- A socket's end ---- */

static void close_end(struct vt_exec_sock *s)
{
    if (s->end.fd < 0)
        return;
    vt_real_remove(s->x->real, &s->end);
    close(s->end.fd);
    s->end.fd = -1;
}

static void drop_data(struct vt_exec_sock *s)
{
    free(s->in);
    s->in = NULL;
    s->in_len = 0;
    vt_buf_release(s->x->host, &s->out);
}

void vt_exec_sock_free(struct vt_exec_sock *s, bool abort)
{
    static const struct vt_linger linger = {.onoff = 1, .linger = 0};
    struct vt_exec *x = s->x;
    struct vt_exec_msg gone = {.op = VT_EXEC_GONE, .sock = s->id};
    vt_lab_touch(x->lab, x->host);
    drop_data(s);
    if (abort)
        vt_setsockopt(x->host, s->vt, VT_SOL_SOCKET, VT_SO_LINGER, &linger, sizeof linger);
    vt_close(x->host, s->vt);
    close_end(s);
    while (s->waiters != NULL) {
        struct vt_exec_waiter *w = s->waiters;
        s->waiters = w->next;
        free(w);
    }
    x->sock[s->id - 1] = NULL;
    x->live--;
    if (x->rpc.fd >= 0)
        vt_exec_say(x, &gone, NULL, -1);
    free(s);
}

/* Errors and addresses of a connection that has ended can still be asked, of the last ones. Its end is closed
 * when the supervisor has put a byte into it: to the program that is a reset. */
void vt_exec_reset(struct vt_exec_sock *s, int error)
{
    struct vt_exec *x = s->x;
    struct vt_exec_msg m = {.op = VT_EXEC_RESET, .sock = s->id};
    drop_data(s);
    s->error = error;
    s->state = VT_EXEC_ENDED_;
    s->ended_next = NULL;
    *x->ended_tail = s;
    x->ended_tail = &s->ended_next;
    x->nended++;
    vt_exec_say(x, &m, NULL, -1);
    if (x->nended > VT_EXEC_ENDED) {
        struct vt_exec_sock *oldest = x->ended;
        x->ended = oldest->ended_next;
        x->nended--;
        vt_exec_sock_free(oldest, false);
    }
}

static void unlink_ended(struct vt_exec_sock *s)
{
    struct vt_exec *x = s->x;
    for (struct vt_exec_sock **at = &x->ended; *at != NULL; at = &(*at)->ended_next)
        if (*at == s) {
            *at = s->ended_next;
            if (*at == NULL)
                x->ended_tail = at;
            x->nended--;
            return;
        }
}

/* ---- Carrying bytes ---- */

/* True when the program has closed its end (and not only said that it will write no more). */
static bool has_left(struct vt_exec_sock *s)
{
    struct pollfd p = {.fd = s->end.fd};
    if (!s->left)
        s->left = poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0;
    return s->left;
}

/* Keeps what the host did not take. False without memory. */
static bool keep(struct vt_exec_sock *s, const uint8_t *bytes, uint32_t len)
{
    s->in = malloc(len);
    if (s->in == NULL)
        return false;
    memcpy(s->in, bytes, len);
    s->in_at = 0;
    s->in_len = len;
    return true;
}

/* One step of each direction. 1: something moved; 0: nothing can; negative: broken, as a VT_ error. */
static int move_in(struct vt_exec_sock *s)
{
    struct vt_exec *x = s->x;
    const uint8_t *from = x->scratch;
    ssize_t got;
    long n;
    if (s->in_len > 0) {
        n = vt_send(x->host, s->vt, s->in + s->in_at, s->in_len, VT_MSG_NOSIGNAL);
        if (n < 0)
            return n == -VT_EAGAIN ? 0 : (int)n;
        s->in_at += (uint32_t)n;
        s->in_len -= (uint32_t)n;
        if (s->in_len == 0) {
            free(s->in);
            s->in = NULL;
        }
        return n > 0;
    }
    if (s->in_ended) {
        if (!s->in_shut)
            vt_shutdown(x->host, s->vt, VT_SHUT_WR);
        s->in_shut = true;
        return 0;
    }
    got = recv(s->end.fd, x->scratch,
               s->fill > 0 && s->fill < sizeof x->scratch ? s->fill : sizeof x->scratch, MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -VT_ECONNRESET;
    if (got == 0) {
        s->in_ended = true;
        return 1;
    }
    if (s->fill > 0) {
        s->fill -= (uint32_t)got;
        return 1;
    }
    n = vt_send(x->host, s->vt, from, (size_t)got, VT_MSG_NOSIGNAL);
    if (n < 0 && n != -VT_EAGAIN)
        return (int)n;
    n = n < 0 ? 0 : n;
    if (n < got && !keep(s, from + n, (uint32_t)(got - n)))
        return -VT_ENOMEM;
    return 1;
}

static int move_out(struct vt_exec_sock *s)
{
    struct vt_exec *x = s->x;
    long n;
    if (s->out.owner != NULL) {
        const uint8_t *data = s->out.data;
        ssize_t sent = send(s->end.fd, data + s->out_at, s->out.len - s->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        /* The program reads no more: what still comes for it is thrown away, as after SHUT_RD on Linux. */
        s->out_at = sent < 0 ? (uint32_t)s->out.len : s->out_at + (uint32_t)sent;
        if (s->out_at == s->out.len)
            vt_buf_release(x->host, &s->out);
        return 1;
    }
    if (s->out_ended) {
        if (!s->out_shut)
            shutdown(s->end.fd, SHUT_WR);
        s->out_shut = true;
        return 0;
    }
    n = vt_recv_buf(x->host, s->vt, &s->out);
    s->out_at = 0;
    if (n < 0)
        return n == -VT_EAGAIN ? 0 : (int)n;
    s->out_ended = n == 0;
    return 1;
}

/* The program has closed: the connection goes when what it wrote has been taken. What it did not read makes
 * it a reset (RFC 1122 4.2.2.13). */
static bool finish(struct vt_exec_sock *s)
{
    if (!has_left(s) || s->in_len > 0 || !s->in_ended)
        return false;
    vt_exec_sock_free(s, s->out.owner != NULL);
    return true;
}

static void pump_stream(struct vt_exec_sock *s)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        int in = move_in(s), out = in < 0 || has_left(s) ? 0 : move_out(s);
        if (in < 0 || out < 0) {
            if (has_left(s))
                vt_exec_sock_free(s, true);
            else
                vt_exec_reset(s, in < 0 ? in : out);
            return;
        }
        if (finish(s) || (in == 0 && out == 0))
            return;
    }
    /* More is there: both sides are watched edge by edge, and setting the watch anew has the kernel tell
     * again. */
    vt_real_change(s->x->real, &s->end, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

void vt_exec_pump(struct vt_exec_sock *s)
{
    vt_lab_touch(s->x->lab, s->x->host);
    if (s->state == VT_EXEC_ENDED_) {
        if (s->end.fd >= 0 && has_left(s)) {
            unlink_ended(s);
            vt_exec_sock_free(s, false);
        }
        return;
    }
    if (s->state == VT_EXEC_OPEN && !s->datagram) {
        pump_stream(s);
        return;
    }
    if (has_left(s))
        vt_exec_sock_free(s, false);
    else if (s->datagram)
        vt_exec_pump_datagrams(s);
}

/* ---- The session ---- */

static void on_ready(void *ctx)
{
    struct vt_exec *x = ctx;
    vt_real_defer(x->real, &x->task);
}

static void run_ready(void *ctx)
{
    struct vt_exec *x = ctx;
    struct vt_epoll_event evs[64];
    int n;
    while ((n = vt_epoll_wait(x->host, x->epfd, evs, 64)) > 0)
        for (int i = 0; i < n; i++) {
            struct vt_exec_sock *s = evs[i].data <= x->nsock ? x->sock[evs[i].data - 1] : NULL;
            if (s == NULL)
                continue;
            vt_exec_settle(s);
            if (x->sock[evs[i].data - 1] == s)
                vt_exec_pump(s);
        }
}

static void end_session(void *ctx)
{
    struct vt_exec *x = ctx;
    if (x->gone != NULL)
        x->gone(x->ctx, x);
    vt_exec_close(x);
}

static void on_rpc(void *ctx, uint32_t events)
{
    struct vt_exec *x = ctx;
    (void)events;
    flush_answers(x);
    for (unsigned i = 0; i < 64 && !x->broken; i++) {
        struct vt_exec_msg m;
        ssize_t n = recv(x->rpc.fd, x->request, sizeof x->request, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < (ssize_t)sizeof m) {
            x->broken = true;
            break;
        }
        memcpy(&m, x->request, sizeof m);
        if (m.len != (size_t)n - sizeof m) {
            x->broken = true;
            break;
        }
        vt_lab_touch(x->lab, x->host);
        vt_exec_call(x, &m, x->request + sizeof m);
    }
    if (x->broken)
        vt_real_defer(x->real, &x->end_task);
}

struct vt_exec **vt_exec_next(struct vt_exec *x)
{
    return &x->next;
}

int vt_exec_open(struct vt_exec **out, struct vt_real *real, const char *host, int fd,
                 void (*gone)(void *ctx, struct vt_exec *x), void *ctx)
{
    struct vt_exec *x = calloc(1, sizeof *x);
    int err;
    if (x == NULL) {
        close(fd);
        return -ENOMEM;
    }
    x->real = real;
    x->lab = vt_real_lab(real);
    x->host = vt_lab_host(x->lab, host);
    for (unsigned i = 0; x->host != NULL && x->host_name == NULL; i++) {
        const char *name = vt_lab_node_name(x->lab, i, NULL);
        x->host_name = strcmp(name, host) == 0 ? name : NULL;
    }
    x->rpc = (struct vt_real_fd){.fd = fd, .ready = on_rpc, .ctx = x};
    x->task = (struct vt_real_task){.fn = run_ready, .ctx = x};
    x->end_task = (struct vt_real_task){.fn = end_session, .ctx = x};
    x->ended_tail = &x->ended;
    x->answers_tail = &x->answers;
    x->epfd = x->host != NULL ? vt_epoll_create(x->host) : -1;
    err = x->epfd < 0 ? -ENOENT : vt_real_add(real, &x->rpc, EPOLLIN);
    if (err == 0 && vt_lab_watch(x->lab, x->host_name, x->epfd, on_ready, x) < 0)
        err = -ENOMEM;
    if (err < 0) {
        vt_exec_close(x);
        return err;
    }
    x->gone = gone;
    x->ctx = ctx;
    *out = x;
    return 0;
}

void vt_exec_close(struct vt_exec *x)
{
    if (x == NULL)
        return;
    vt_real_cancel(x->real, &x->task);
    vt_real_cancel(x->real, &x->end_task);
    vt_real_remove(x->real, &x->rpc);
    close(x->rpc.fd);
    x->rpc.fd = -1;
    while (x->answers != NULL)
        pop_answer(x);
    for (uint32_t i = 0; i < x->nsock; i++)
        if (x->sock[i] != NULL)
            vt_exec_sock_free(x->sock[i], false);
    free(x->sock);
    if (x->epfd >= 0) {
        vt_lab_unwatch(x->lab, x->host_name, x->epfd);
        vt_close(x->host, x->epfd);
    }
    free(x);
}

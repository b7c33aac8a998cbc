#include "pump.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS 64 /* buffers moved before others have their turn */

void vt_kernel_reset(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(fd);
}

static void close_lab_side(struct vt_pump *pump, bool reset)
{
    struct vt_host *h = pump->plug->host;
    struct vt_linger linger = {.onoff = 1, .linger = 0};
    if (pump->fd < 0)
        return;
    vt_lab_touch(pump->plug->lab, h);
    if (reset)
        vt_setsockopt(h, pump->fd, VT_SOL_SOCKET, VT_SO_LINGER, &linger, sizeof linger);
    vt_close(h, pump->fd);
    pump->fd = -1;
}

void vt_pump_end(struct vt_pump *pump, bool reset)
{
    struct vt_plug *plug = pump->plug;
    vt_real_remove(plug->real, &pump->kernel);
    if (reset)
        vt_kernel_reset(pump->kernel.fd);
    else
        close(pump->kernel.fd);
    close_lab_side(pump, reset);
    if (pump->prev != NULL)
        pump->prev->next = pump->next;
    else
        plug->pumps = pump->next;
    if (pump->next != NULL)
        pump->next->prev = pump->prev;
    plug->npumps--;
    free(pump);
    if (plug->paused && plug->listener.fd >= 0)
        vt_real_defer(plug->real, &plug->task);
}

/* Fills and empties one direction's buffer once. 1: something moved; 0: nothing can; negative: a side is
 * broken. */
static int move_in(struct vt_pump *pump)
{
    struct vt_pump_way *w = &pump->in;
    struct vt_host *h = pump->plug->host;
    long n;
    if (w->len == 0 && !w->ended) {
        n = recv(pump->kernel.fd, w->buf, sizeof w->buf, MSG_DONTWAIT);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -1;
        w->at = 0;
        w->len = (uint32_t)n;
        w->ended = n == 0;
    }
    if (w->len > 0) {
        n = vt_send(h, pump->fd, w->buf + w->at, w->len, VT_MSG_NOSIGNAL);
        if (n < 0)
            return n == -VT_EAGAIN ? 0 : -1;
        w->at += (uint32_t)n;
        w->len -= (uint32_t)n;
        return n > 0;
    }
    if (w->ended && !w->shut) {
        w->shut = true;
        vt_shutdown(h, pump->fd, VT_SHUT_WR);
    }
    return 0;
}

static int move_out(struct vt_pump *pump)
{
    struct vt_pump_way *w = &pump->out;
    long n;
    if (w->len == 0 && !w->ended) {
        n = vt_recv(pump->plug->host, pump->fd, w->buf, sizeof w->buf, VT_MSG_DONTWAIT);
        if (n < 0)
            return n == -VT_EAGAIN ? 0 : -1;
        w->at = 0;
        w->len = (uint32_t)n;
        w->ended = n == 0;
    }
    if (w->len > 0) {
        n = send(pump->kernel.fd, w->buf + w->at, w->len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -1;
        w->at += (uint32_t)n;
        w->len -= (uint32_t)n;
        return n > 0;
    }
    if (w->ended && !w->shut) {
        w->shut = true;
        shutdown(pump->kernel.fd, SHUT_WR);
    }
    return 0;
}

/* True when the connection on the lab's side stands. */
static bool connect_done(struct vt_pump *pump)
{
    struct vt_plug *plug = pump->plug;
    struct vt_pollfd p = {.fd = pump->fd, .events = VT_POLLOUT};
    int err = 0;
    size_t len = sizeof err;
    if (vt_poll(plug->host, &p, 1) <= 0)
        return false;
    vt_getsockopt(plug->host, pump->fd, VT_SOL_SOCKET, VT_SO_ERROR, &err, &len);
    pump->connecting = false;
    if (err != 0)
        plug->refused++;
    if (plug->connected != NULL && !plug->connected(pump, -abs(err)))
        return false;
    if (err != 0) {
        vt_pump_end(pump, true);
        return false;
    }
    return true;
}

void vt_pump_run(struct vt_pump *pump)
{
    vt_lab_touch(pump->plug->lab, pump->plug->host);
    if (pump->connecting && !connect_done(pump))
        return;
    for (unsigned round = 0; round < ROUNDS; round++) {
        int in = move_in(pump), out = in < 0 ? in : move_out(pump);
        if (in < 0 || out < 0) {
            vt_pump_end(pump, true);
            return;
        }
        if (pump->in.shut && pump->out.shut) {
            vt_pump_end(pump, false);
            return;
        }
        if (in == 0 && out == 0)
            return;
    }
    /* More is there. Both sides are watched edge by edge: setting the watch anew has the kernel tell again.
     */
    vt_real_change(pump->plug->real, &pump->kernel, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

static void on_kernel(void *ctx, uint32_t events)
{
    (void)events;
    vt_pump_run(ctx);
}

struct vt_pump *vt_pump_start(struct vt_plug *plug, int kernel_fd, const struct vt_addr *to, int *err)
{
    struct vt_pump *pump = calloc(1, sizeof *pump);
    struct vt_epoll_event ev = {.events = VT_POLLIN | VT_POLLOUT | VT_POLLRDHUP | VT_EPOLLET};
    *err = -VT_ENOMEM;
    if (pump == NULL)
        return NULL;
    vt_lab_touch(plug->lab, plug->host);
    *err = pump->fd = vt_socket(plug->host, VT_AF_INET, VT_SOCK_STREAM, 0);
    if (pump->fd < 0) {
        free(pump);
        return NULL;
    }
    pump->plug = plug;
    pump->connecting = true;
    pump->kernel = (struct vt_real_fd){.fd = kernel_fd, .ready = on_kernel, .ctx = pump};
    ev.data = (uint64_t)(uintptr_t)pump;
    if (plug->mark != 0)
        vt_setsockopt(plug->host, pump->fd, VT_SOL_SOCKET, VT_SO_MARK, &plug->mark, sizeof plug->mark);
    *err = vt_connect(plug->host, pump->fd, to);
    if (*err == -VT_EINPROGRESS)
        *err = 0;
    if (*err == 0)
        *err = vt_epoll_ctl(plug->host, plug->epfd, VT_EPOLL_CTL_ADD, pump->fd, &ev);
    if (*err == 0 && vt_real_add(plug->real, &pump->kernel, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) < 0)
        *err = -VT_ENOMEM;
    if (*err < 0) {
        close_lab_side(pump, true);
        free(pump);
        return NULL;
    }
    pump->next = plug->pumps;
    if (pump->next != NULL)
        pump->next->prev = pump;
    plug->pumps = pump;
    plug->npumps++;
    return pump;
}

/* ---- Plugs ---- */

static void on_ready(void *ctx)
{
    struct vt_plug *plug = ctx;
    vt_real_defer(plug->real, &plug->task);
}

static void on_listener(void *ctx, uint32_t events)
{
    struct vt_plug *plug = ctx;
    (void)events;
    for (unsigned i = 0; i < 64; i++) {
        int one = 1, fd;
        if (plug->npumps + plug->waiting >= VT_PUMP_CONNS) {
            plug->paused = true;
            vt_real_change(plug->real, &plug->listener, 0);
            return;
        }
        fd = accept4(plug->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE) {
                /* Level triggered, it would spin: wait until a connection has ended. */
                plug->paused = true;
                vt_real_change(plug->real, &plug->listener, 0);
            }
            return;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        plug->accepted++;
        plug->accept(plug, fd);
    }
}

/* The lab's sockets that have something. */
static void run_ready(void *ctx)
{
    struct vt_plug *plug = ctx;
    struct vt_epoll_event evs[64];
    int n;
    if (plug->paused && plug->listener.fd >= 0 && plug->npumps + plug->waiting < VT_PUMP_CONNS) {
        plug->paused = false;
        vt_real_change(plug->real, &plug->listener, EPOLLIN);
    }
    /* Each pump is watched once, so one wait does not name it twice; ending one does not free another. */
    while ((n = vt_epoll_wait(plug->host, plug->epfd, evs, 64)) > 0)
        for (int i = 0; i < n; i++)
            vt_pump_run((struct vt_pump *)(uintptr_t)evs[i].data);
}

static int open_listener(const struct vt_addr *listen_at)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(listen_at->port)};
    int one = 1, err, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    memcpy(&sa.sin_addr, listen_at->ip.b + 12, 4);
    /* A listener that ended a moment ago must not keep the port; one that lives still does. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (const struct sockaddr *)&sa, sizeof sa) < 0 || listen(fd, 128) < 0) {
        err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

int vt_plug_open(struct vt_plug *plug, struct vt_real *real, const char *host,
                 const struct vt_addr *listen_at)
{
    int err;
    plug->real = real;
    plug->lab = vt_real_lab(real);
    plug->host_name = host;
    plug->host = vt_lab_host(plug->lab, host);
    plug->task = (struct vt_real_task){.fn = run_ready, .ctx = plug};
    plug->listener = (struct vt_real_fd){.fd = open_listener(listen_at), .ready = on_listener, .ctx = plug};
    if (plug->listener.fd < 0)
        return plug->listener.fd;
    err = vt_real_add(real, &plug->listener, EPOLLIN);
    plug->epfd = err == 0 ? vt_epoll_create(plug->host) : -1;
    if (err == 0 && (plug->epfd < 0 || vt_lab_watch(plug->lab, host, plug->epfd, on_ready, plug) < 0))
        err = -ENOMEM;
    if (err < 0) {
        vt_plug_close(plug);
        return err;
    }
    return 0;
}

void vt_plug_stop(struct vt_plug *plug)
{
    if (plug->listener.fd >= 0) {
        vt_real_remove(plug->real, &plug->listener);
        close(plug->listener.fd);
        plug->listener.fd = -1;
    }
    for (struct vt_pump *p = plug->pumps, *next; p != NULL; p = next) {
        next = p->next;
        vt_pump_end(p, p->connecting);
    }
}

void vt_plug_close(struct vt_plug *plug)
{
    vt_plug_stop(plug);
    vt_real_cancel(plug->real, &plug->task);
    if (plug->epfd >= 0) {
        vt_lab_unwatch(plug->lab, plug->host_name, plug->epfd);
        vt_close(plug->host, plug->epfd);
        plug->epfd = -1;
    }
}

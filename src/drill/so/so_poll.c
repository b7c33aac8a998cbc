/* poll and epoll. */
#include <errno.h>
#include <stdlib.h>
#include "so.h"

#define ENTRIES 1024

/* When a call with this timeout in milliseconds gives up; below zero it never does. */
static void set_timeout(struct so *so, struct so_op *op, int ms)
{
    op->io.waits = ms != 0;
    op->on_timeout = 0;
    if (ms > 0)
        op->deadline = vt_time_add(so->now, ms * VT_MSEC);
}

static bool try_poll(struct so *so, struct so_op *op)
{
    op->io.result = vt_poll(so->host, op->more, (unsigned)op->io.len);
    return op->io.result != 0 || !op->io.waits;
}

static int so_poll(void *u, struct pollfd *fds, nfds_t n, int timeout)
{
    struct so *so = so_enter(u);
    struct vt_pollfd ours[ENTRIES];
    struct so_op op = {.deadline = VT_NEVER, .attempt = try_poll, .more = ours, .io = {.len = n}};
    long result;

    if (n > ENTRIES)
        return (int)so_leave(so, -VT_EINVAL);
    for (nfds_t i = 0; i < n; i++) {
        int live = so_live(so, fds[i].fd);

        /* Below zero is not asked for; what is not open is answered. */
        ours[i] = (struct vt_pollfd){.fd = fds[i].fd < 0 ? -1
                                           : live < 0    ? INT32_MAX
                                                         : live,
                                     .events = fds[i].events};
    }
    set_timeout(so, &op, timeout);
    result = so_run(so, &op);
    for (nfds_t i = 0; i < n; i++)
        fds[i].revents = ours[i].revents;
    return (int)so_leave(so, result);
}

static int so_epoll_create(void *u, int size)
{
    struct so *so = so_enter(u);
    /* Linux: the size means nothing, but must be above zero. */
    long live = size <= 0 ? -VT_EINVAL : vt_epoll_create(so->host);

    return (int)so_leave(so, so_fd_new(so, SO_FD_EPOLL, live, false, false));
}

static int so_epoll_ctl(void *u, int epfd, int op, int fd, struct epoll_event *event)
{
    struct so *so = so_enter(u);
    struct vt_epoll_event ev = {0, 0};

    if (event != NULL)
        ev = (struct vt_epoll_event){.events = event->events, .data = event->data.u64};
    return (int)so_leave(
        so, vt_epoll_ctl(so->host, so_live(so, epfd), op, so_live(so, fd), event != NULL ? &ev : NULL));
}

static bool try_epoll(struct so *so, struct so_op *op)
{
    op->io.result = vt_epoll_wait(so->host, op->io.fd, op->more, (int)op->io.len);
    return op->io.result != 0 || !op->io.waits;
}

static int so_epoll_wait(void *u, int epfd, struct epoll_event *events, int max, int timeout)
{
    struct so *so = so_enter(u);
    struct vt_epoll_event ours[ENTRIES];
    struct so_op op;
    long result;

    so_op_init(so, &op, epfd);
    op.attempt = try_epoll;
    op.more = ours;
    op.io.len = (size_t)(max > ENTRIES ? ENTRIES : max);
    set_timeout(so, &op, timeout);
    result = max <= 0 ? -VT_EINVAL : so_run(so, &op);
    for (long i = 0; i < result; i++) {
        events[i].events = ours[i].events;
        events[i].data.u64 = ours[i].data;
    }
    return (int)so_leave(so, result);
}

void so_poll_calls(struct packetdrill_interface *ifc)
{
    ifc->poll = so_poll;
    ifc->epoll_create = so_epoll_create;
    ifc->epoll_ctl = so_epoll_ctl;
    ifc->epoll_wait = so_epoll_wait;
}

/* Calls that may wait. */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "so.h"

static bool attempt(struct so *so, struct so_op *op)
{
    op->io.moved = false;
    vt_host_enter(so->host, so->now);
    op->done = op->attempt(so, op);
    if (!op->done && so->now >= op->deadline) {
        op->io.result = op->io.done != 0 ? (long)op->io.done : op->on_timeout;
        op->done = true;
    }
    if (op->done)
        op->ended = so->now;
    return op->done;
}

/* Wakes the thread of a call that has ended. The driving thread itself has no number here. */
static void tell(struct so *so, const struct so_op *op)
{
    if (op->tid == 0)
        return;
    so->told = true;
    so->told_thread = op->thread;
    so->told_at = op->ended;
    so->ended_tid = op->tid;
    pthread_cond_broadcast(&so->ended);
}

bool so_retry(struct so *so)
{
    bool moved = false;

    for (struct so_op **at = &so->parked; *at != NULL;) {
        struct so_op *op = *at;

        if (attempt(so, op)) {
            *at = op->next;
            tell(so, op);
            moved = true; /* what it took makes room, and what it gave is to be sent */
        } else {
            moved |= op->io.moved;
            at = &op->next;
        }
    }
    return moved;
}

/* Another thread drives time. */
static void await(struct so *so, struct so_op *op)
{
    so->waiting++;
    while (!op->done)
        pthread_cond_wait(&so->ended, &so->lock);
    so->waiting--;
    pthread_cond_broadcast(&so->ended);
}

/* Nobody else drives time: only timers can end this. */
static void drive(struct so *so, struct so_op *op)
{
    bool more = true;

    while (!op->done && more)
        more = so_advance_once(so, VT_NEVER);
    if (op->done)
        return;
    op->done = true;
    op->io.result = -EDEADLK; /* nothing can ever end it */
    for (struct so_op **at = &so->parked; *at != NULL; at = &(*at)->next)
        if (*at == op) {
            *at = op->next;
            return;
        }
}

long so_run(struct so *so, struct so_op *op)
{
    if (!pthread_equal(pthread_self(), so->driver)) {
        op->thread = pthread_self();
        op->tid = syscall(SYS_gettid);
    }
    if (!attempt(so, op)) {
        op->next = so->parked;
        so->parked = op;
    }
    so_step(so);
    if (!op->done && op->tid == 0)
        drive(so, op);
    else if (!op->done)
        await(so, op);
    return op->io.result;
}

vt_time so_timeout(struct so *so, int live, int option)
{
    int64_t tv[2] = {0, 0}; /* Linux's struct timeval */
    size_t len = sizeof tv;

    if (vt_getsockopt(so->host, live, VT_SOL_SOCKET, option, tv, &len) != 0 || (tv[0] == 0 && tv[1] == 0))
        return VT_NEVER;
    return vt_time_add(so->now, tv[0] * VT_SEC + tv[1] * VT_USEC);
}

bool so_op_init(struct so *so, struct so_op *op, int fd)
{
    const struct so_fd *f = so_fd(so, fd);

    *op = (struct so_op){.deadline = VT_NEVER, .on_timeout = -VT_EAGAIN, .io = {.host = so->host, .fd = -1}};
    if (f == NULL)
        return false;
    op->io.fd = f->live;
    op->io.stream = f->stream;
    op->io.waits = !f->nonblock;
    return true;
}

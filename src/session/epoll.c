/* Readiness as Linux's epoll has it.
 *
 * A set has a list of its watches that may be ready. The transports' up-call puts a watch there, and waiting
 * looks at those only: the cost is that of what is ready, whatever is watched. A level-triggered watch that
 * was told goes to the list's end again, and leaves it when a look finds nothing; an edge-triggered one
 * leaves it when told; a one-shot one is told once and then asleep until it is modified.
 *
 * A set may watch another, which may then watch no set itself: so there are no circles, and no depth.
 */
#include "socket.h"

#define ALWAYS  ((uint32_t)(VT_POLLERR | VT_POLLHUP))              /* told unasked */
#define PRIVATE (VT_EPOLLONESHOT | VT_EPOLLET | VT_EPOLLEXCLUSIVE) /* bits that ask for no event */
/* What may go with VT_EPOLLEXCLUSIVE. */
#define EXCLUSIVE_OK (VT_POLLIN | VT_POLLOUT | VT_POLLERR | VT_POLLHUP | VT_EPOLLET | VT_EPOLLEXCLUSIVE)

struct vt_watch {
    struct vt_epoll *set;
    struct vt_socket *so;
    struct vt_watch *so_next, **so_at;   /* the socket's list */
    struct vt_watch *set_next, **set_at; /* the set's list of all */
    struct vt_watch *next, **at;         /* its list of those that may be ready; `at` NULL: not there */
    uint32_t events;                     /* 0 but for PRIVATE: asleep */
    uint64_t data;
};

struct vt_epoll {
    struct vt_socket so; /* a descriptor of its own kind */
    struct vt_watch *all;
    struct vt_watch *ready, **ready_end;
    bool waited; /* nothing was told of since the last wait: the next readiness is news */
};

static struct vt_epoll *set_of(struct vt_socket *so)
{
    return (struct vt_epoll *)(void *)so;
}

static void enqueue(struct vt_watch *w)
{
    struct vt_epoll *set = w->set;

    w->next = NULL;
    w->at = set->ready_end;
    *w->at = w;
    set->ready_end = &w->next;
}

static void dequeue(struct vt_watch *w)
{
    if (w->at == NULL)
        return;
    *w->at = w->next;
    if (w->next != NULL)
        w->next->at = w->at;
    else
        w->set->ready_end = w->at;
    w->at = NULL;
}

/* A watch became ready: sets that watch its set, and the driver, hear of it when that is news. */
static void wake(struct vt_watch *w)
{
    struct vt_epoll *set = w->set;
    struct vt_sockets *s = set->so.table;

    if (w->at == NULL)
        enqueue(w);
    vt_epoll_notify(&set->so, VT_POLLIN);
    if (set->waited) {
        set->waited = false;
        if (s->on_ready != NULL)
            s->on_ready(s->on_ready_ctx, set->so.fd);
    }
}

void vt_epoll_notify(struct vt_socket *so, unsigned events)
{
    bool one = false; /* of the exclusive watches one has been told that was waiting */

    for (struct vt_watch *w = so->watches; w != NULL; w = w->so_next) {
        bool exclusive = (w->events & VT_EPOLLEXCLUSIVE) != 0, waits = w->set->waited;

        if ((w->events & ~PRIVATE & events) == 0 || (exclusive && one))
            continue;
        wake(w);
        one = one || (exclusive && waits);
    }
}

static uint32_t look(struct vt_watch *w)
{
    return w->so->ops->poll(w->so) & w->events & ~PRIVATE;
}

static void end_watch(struct vt_watch *w)
{
    dequeue(w);
    *w->so_at = w->so_next;
    if (w->so_next != NULL)
        w->so_next->so_at = w->so_at;
    *w->set_at = w->set_next;
    if (w->set_next != NULL)
        w->set_next->set_at = w->set_at;
    vt_free(w->set->so.table->core, w, sizeof *w);
}

void vt_epoll_forget(struct vt_socket *so)
{
    while (so->watches != NULL)
        end_watch(so->watches);
}

/* ---- The set as a descriptor ---- */

static unsigned epoll_poll(struct vt_socket *so)
{
    struct vt_epoll *set = set_of(so);
    struct vt_watch *w, *next;

    for (w = set->ready; w != NULL; w = next) {
        next = w->next;
        if (look(w) != 0)
            return VT_POLLIN;
        dequeue(w);
    }
    set->waited = true;
    return 0;
}

static void epoll_close(struct vt_socket *so)
{
    struct vt_epoll *set = set_of(so);

    while (set->all != NULL)
        end_watch(set->all);
    vt_sock_free(so, sizeof *set);
}

const struct vt_sock_ops vt_epoll_ops = {.poll = epoll_poll, .close = epoll_close};

int vt_sock_epoll_create(struct vt_sockets *s)
{
    struct vt_epoll *set;
    int error;
    struct vt_socket *so = vt_sock_alloc(s, &vt_epoll_ops, sizeof *set, &error);

    if (so == NULL)
        return error;
    set = set_of(so);
    set->ready_end = &set->ready;
    set->waited = true;
    return so->fd;
}

/* ---- Watching ---- */

static bool watches_sets(const struct vt_epoll *set)
{
    for (const struct vt_watch *w = set->all; w != NULL; w = w->set_next)
        if (w->so->ops == &vt_epoll_ops)
            return true;
    return false;
}

static struct vt_watch *find(struct vt_epoll *set, struct vt_socket *so)
{
    struct vt_watch *w = so->watches;

    while (w != NULL && w->set != set)
        w = w->so_next;
    return w;
}

static int add(struct vt_epoll *set, struct vt_socket *so, const struct vt_epoll_event *ev)
{
    struct vt_watch *w, **at = &so->watches;

    if ((ev->events & VT_EPOLLEXCLUSIVE) != 0 &&
        ((ev->events & ~(uint32_t)EXCLUSIVE_OK) != 0 || so->ops == &vt_epoll_ops))
        return -VT_EINVAL;
    if (so->ops == &vt_epoll_ops && (set->so.watches != NULL || watches_sets(set_of(so))))
        return -VT_EINVAL;
    w = vt_alloc(set->so.table->core, sizeof *w);
    if (w == NULL)
        return -VT_ENOMEM;
    w->set = set;
    w->so = so;
    w->events = ev->events | ALWAYS;
    w->data = ev->data;
    /* Exclusive ones stand at the end, in the order of their adding, as on Linux. */
    while ((ev->events & VT_EPOLLEXCLUSIVE) != 0 && *at != NULL)
        at = &(*at)->so_next;
    w->so_next = *at;
    w->so_at = at;
    if (w->so_next != NULL)
        w->so_next->so_at = &w->so_next;
    *at = w;
    w->set_next = set->all;
    w->set_at = &set->all;
    if (w->set_next != NULL)
        w->set_next->set_at = &w->set_next;
    set->all = w;
    if (look(w) != 0)
        wake(w);
    return 0;
}

int vt_sock_epoll_ctl(struct vt_sockets *s, int epfd, int op, int fd, const struct vt_epoll_event *ev)
{
    struct vt_socket *ep = vt_sock_get(s, epfd), *so = vt_sock_get(s, fd);
    struct vt_watch *w;

    if (ep == NULL || so == NULL)
        return -VT_EBADF;
    if (ev == NULL && op != VT_EPOLL_CTL_DEL)
        return -VT_EFAULT;
    if (ep->ops != &vt_epoll_ops || ep == so)
        return -VT_EINVAL;
    w = find(set_of(ep), so);
    switch (op) {
    case VT_EPOLL_CTL_ADD: return w != NULL ? -VT_EEXIST : add(set_of(ep), so, ev);
    case VT_EPOLL_CTL_DEL:
        if (w == NULL)
            return -VT_ENOENT;
        end_watch(w);
        return 0;
    case VT_EPOLL_CTL_MOD:
        if (w == NULL)
            return -VT_ENOENT;
        if (((w->events | ev->events) & VT_EPOLLEXCLUSIVE) != 0)
            return -VT_EINVAL;
        w->events = ev->events | ALWAYS;
        w->data = ev->data;
        if (look(w) != 0)
            wake(w);
        return 0;
    default: return -VT_EINVAL;
    }
}

/* ---- Waiting ---- */

int vt_sock_epoll_wait(struct vt_sockets *s, int epfd, struct vt_epoll_event *evs, int max)
{
    struct vt_socket *ep = vt_sock_get(s, epfd);
    struct vt_watch *w, *end;
    struct vt_epoll *set;
    int n = 0;

    if (ep == NULL)
        return -VT_EBADF;
    if (ep->ops != &vt_epoll_ops || max <= 0)
        return -VT_EINVAL;
    if (evs == NULL)
        return -VT_EFAULT;
    set = set_of(ep);
    /* One round over what is there now: watches told again stand behind `end`, and wait their turn. */
    end = NULL;
    while (n < max && (w = set->ready) != NULL && w != end) {
        uint32_t events = look(w);

        dequeue(w);
        if (events == 0)
            continue;
        evs[n++] = (struct vt_epoll_event){.events = events, .data = w->data};
        if ((w->events & VT_EPOLLONESHOT) != 0) {
            w->events &= PRIVATE;
        } else if ((w->events & VT_EPOLLET) == 0) {
            enqueue(w);
            if (end == NULL)
                end = w;
        }
    }
    set->waited = true;
    return n;
}

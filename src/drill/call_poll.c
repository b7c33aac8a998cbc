/* Calls that ask what is ready: poll, epoll_create, epoll_ctl, epoll_wait. */
#include "op.h"

#define ENTRIES 1024

/* When a call with this timeout in milliseconds gives up; below zero it never does. */
static void set_timeout(struct drill_run *r, struct drill_op *op, int ms)
{
    op->waits = ms != 0;
    op->on_timeout = 0;
    if (ms > 0)
        op->deadline = vt_time_add(r->now, ms * VT_MSEC);
}

/* ---- poll ---- */

static bool number_of(struct drill_run *r, const struct drill_expr *e, const char *field, bool needed,
                      int64_t *value)
{
    const struct drill_expr *v = drill_field(e, field);

    *value = 0;
    if (v == NULL && needed)
        return drill_fail(r->error, e->place, "there is no %s in this", field);
    return v == NULL || drill_value(r, v, value);
}

static bool read_fds(struct drill_run *r, struct drill_op *op)
{
    const struct drill_expr *list = drill_arg(op, 0);
    int64_t fd, events;

    if (list->kind != DRILL_LIST || list->count > ENTRIES)
        return drill_fail(r->error, list->place,
                          "what poll looks at is written [{fd=4, events=POLLIN, revents=POLLIN}]");
    op->n = list->count;
    op->fds = drill_alloc(r->arena, (op->n + 1) * sizeof *op->fds);
    for (const struct drill_expr *e = list->first; e != NULL; e = e->next) {
        struct vt_pollfd *p = &op->fds[op->len++];

        if (!number_of(r, e, "fd", true, &fd) || !number_of(r, e, "events", true, &events))
            return false;
        p->fd = drill_live_fd(r, fd);
        if (p->fd < 0 && fd >= 0)
            p->fd = INT32_MAX; /* not open, which is not the same as -1: not asked for */
        p->events = (short)events;
    }
    return true;
}

static bool check_poll(struct drill_run *r, struct drill_op *op)
{
    const struct drill_expr *e = drill_arg(op, 0)->first;
    int64_t expected;

    for (unsigned i = 0; i < op->n; i++, e = e->next) {
        if (!number_of(r, e, "revents", false, &expected))
            return false;
        if (op->fds[i].revents == expected)
            continue;
        r->error->expected = drill_printf(r->arena, "revents=0x%llx", (long long)expected);
        r->error->actual = drill_printf(r->arena, "revents=0x%x",
                                        (unsigned)(unsigned short)op->fds[i].revents);
        return drill_fail(r->error, e->place, "poll found something else than the script says");
    }
    return true;
}

static bool try_poll(struct drill_run *r, struct drill_op *op)
{
    op->result = vt_poll(r->host, op->fds, op->n);
    return op->result != 0 || !op->waits;
}

bool drill_call_poll(struct drill_run *r, struct drill_op *op)
{
    int n, ms;

    if (!drill_arg_count(r, op, 3, 3) || !read_fds(r, op) || !drill_arg_int(r, op, 1, &n) ||
        !drill_arg_int(r, op, 2, &ms))
        return false;
    if (n != (int)op->n)
        return drill_fail(r->error, op->event->place, "these are %u descriptors, not %d", op->n, n);
    set_timeout(r, op, ms);
    op->attempt = try_poll;
    op->check = check_poll;
    return true;
}

/* ---- epoll ---- */

static bool made_epoll(struct drill_run *r, struct drill_op *op)
{
    struct drill_fd *slot;

    return op->result < 0 || drill_take_fd(r, op, DRILL_FD_EPOLL, &slot);
}

static bool try_epoll_create(struct drill_run *r, struct drill_op *op)
{
    bool one = strcmp(op->call->name, "epoll_create1") == 0;

    /* Linux: the size means nothing, but must be above zero. */
    op->result = !one && op->name <= 0 ? -VT_EINVAL : vt_epoll_create(r->host);
    return true;
}

bool drill_call_epoll_create(struct drill_run *r, struct drill_op *op)
{
    op->gives_fd = true;
    op->attempt = try_epoll_create;
    op->check = made_epoll;
    return drill_arg_count(r, op, 1, 1) && drill_arg_int(r, op, 0, &op->name);
}

/* {events=EPOLLIN, fd=4}, or ptr=, u32= or u64= in place of fd=: numbers that come back as they were given.
 */
static bool read_event(struct drill_run *r, const struct drill_expr *e, struct vt_epoll_event *ev)
{
    static const char *const names[] = {"fd", "ptr", "u32", "u64"};
    int64_t v;

    if (e->kind != DRILL_STRUCT)
        return drill_fail(r->error, e->place, "an event is written {events=EPOLLIN, fd=4}");
    if (!number_of(r, e, "events", true, &v))
        return false;
    ev->events = (uint32_t)v;
    for (unsigned i = 0; i < 4; i++)
        if (drill_field(e, names[i]) != NULL) {
            if (!number_of(r, e, names[i], true, &v))
                return false;
            ev->data = i == 0 || i == 2 ? (uint32_t)v : (uint64_t)v;
            return true;
        }
    return drill_fail(r->error, e->place, "there is no fd, ptr, u32 or u64 in this");
}

static bool try_epoll_ctl(struct drill_run *r, struct drill_op *op)
{
    op->result = vt_epoll_ctl(r->host, op->fd, op->name, op->level, op->events);
    return true;
}

bool drill_call_epoll_ctl(struct drill_run *r, struct drill_op *op)
{
    int fd;

    op->events = drill_alloc(r->arena, sizeof *op->events);
    op->attempt = try_epoll_ctl;
    if (!drill_arg_count(r, op, 4, 4) || !drill_arg_fd(r, op) || !drill_arg_int(r, op, 1, &op->name) ||
        !drill_arg_int(r, op, 2, &fd))
        return false;
    op->level = drill_live_fd(r, fd);
    if (drill_arg(op, 3)->kind != DRILL_STRUCT && op->name == VT_EPOLL_CTL_DEL) {
        op->events = NULL;
        return true;
    }
    return read_event(r, drill_arg(op, 3), op->events);
}

/* The script tells the first of the events; when there is none it must say events=0. */
static bool check_epoll(struct drill_run *r, struct drill_op *op)
{
    struct vt_epoll_event expected = {0}, *actual = op->events;
    const struct drill_expr *e = drill_arg(op, 1);

    if (e->kind == DRILL_ELLIPSIS)
        return true;
    if (!read_event(r, e, &expected))
        return false;
    if (expected.events == actual->events && (op->result <= 0 || expected.data == actual->data))
        return true;
    r->error->expected = drill_printf(r->arena, "{events=0x%x, data=%llu}", expected.events,
                                      (unsigned long long)expected.data);
    r->error->actual = drill_printf(r->arena, "{events=0x%x, data=%llu}", actual->events,
                                    (unsigned long long)actual->data);
    return drill_fail(r->error, e->place, "epoll_wait found something else than the script says");
}

static bool try_epoll_wait(struct drill_run *r, struct drill_op *op)
{
    op->result = vt_epoll_wait(r->host, op->fd, op->events, op->name);
    return op->result != 0 || !op->waits;
}

bool drill_call_epoll_wait(struct drill_run *r, struct drill_op *op)
{
    int ms;

    op->attempt = try_epoll_wait;
    op->check = check_epoll;
    if (!drill_arg_count(r, op, 4, 4) || !drill_arg_fd(r, op) || !drill_arg_int(r, op, 2, &op->name) ||
        !drill_arg_int(r, op, 3, &ms))
        return false;
    if (op->name > ENTRIES)
        return drill_fail(r->error, drill_arg(op, 2)->place, "at most %d events", ENTRIES);
    op->events = drill_alloc(r->arena, (size_t)(op->name > 0 ? op->name : 1) * sizeof *op->events);
    set_timeout(r, op, ms);
    return true;
}

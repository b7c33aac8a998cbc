/* Calls: made, waited for, judged. */
#include "op.h"

#define SETTLE  VT_SEC           /* how long the script waits for a call that is still waiting */
#define LONGEST (86400 * VT_SEC) /* a call without an end time may take a day */

static const struct {
    const char *name;
    drill_prepare *prepare;
} calls[] = {
    {"accept", drill_call_accept},
    {"accept4", drill_call_accept},
    {"bind", drill_call_bind},
    {"close", drill_call_close},
    {"connect", drill_call_connect},
    {"epoll_create", drill_call_epoll_create},
    {"epoll_create1", drill_call_epoll_create},
    {"epoll_ctl", drill_call_epoll_ctl},
    {"epoll_wait", drill_call_epoll_wait},
    {"fcntl", drill_call_fcntl},
    {"getsockopt", drill_call_getsockopt},
    {"ioctl", drill_call_ioctl},
    {"listen", drill_call_listen},
    {"open", drill_call_open},
    {"pipe", drill_call_pipe},
    {"poll", drill_call_poll},
    {"read", drill_call_read},
    {"readv", drill_call_readv},
    {"recv", drill_call_recv},
    {"recvfrom", drill_call_recvfrom},
    {"recvmsg", drill_call_recvmsg},
    {"send", drill_call_send},
    {"sendfile", drill_call_sendfile},
    {"sendmsg", drill_call_sendmsg},
    {"sendto", drill_call_sendto},
    {"setsockopt", drill_call_setsockopt},
    {"shutdown", drill_call_shutdown},
    {"socket", drill_call_socket},
    {"splice", drill_call_splice},
    {"write", drill_call_write},
    {"writev", drill_call_writev},
};

/* Calls of the language that have nothing to do with the network, or that are not here. */
static const char *const refused[] = {"cap_set", "psp_rx_assoc", "psp_tx_assoc"};

static bool prepare(struct drill_run *r, struct drill_op *op)
{
    const char *name = op->call->name;

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(calls[i].name, name) == 0)
            return calls[i].prepare(r, op);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (strcmp(refused[i], name) == 0)
            return drill_skip(r->error, op->event->place, "the call %s is not here", name);
    return drill_fail(r->error, op->event->place, "there is no call %s", name);
}

/* ---- Judging ---- */

static const char *result_text(struct drill_run *r, const struct drill_op *op)
{
    if (op->result >= 0)
        return drill_printf(r->arena, "%s(...) = %ld", op->call->name, op->result);
    return drill_printf(r->arena, "%s(...) = -1 %s", op->call->name,
                        drill_errno_name(r->arena, (int)-op->result));
}

static bool wrong_result(struct drill_run *r, const struct drill_op *op, int64_t expected)
{
    const char *error = op->call->error;

    if (r->error->set)
        return false;
    r->error->expected = drill_printf(r->arena, "%s(...) = %lld%s%s", op->call->name, (long long)expected,
                                      error != NULL ? " " : "", error != NULL ? error : "");
    r->error->actual = result_text(r, op);
    return drill_fail(r->error, op->event->place, "%s returned something else than the script says",
                      op->call->name);
}

static bool judge(struct drill_run *r, struct drill_op *op)
{
    int64_t expected, number;
    long actual = op->result >= 0 ? op->result : -1;

    if (!drill_value(r, op->call->result, &expected))
        return false;
    if (op->gives_fd && expected >= 0 ? actual < 0 : actual != (int)expected)
        return wrong_result(r, op, expected);
    if (op->call->error != NULL) {
        if (!drill_symbol(op->call->error, &number))
            return drill_fail(r->error, op->call->error_place, "there is no error %s", op->call->error);
        if (op->result != -(long)number)
            return wrong_result(r, op, expected);
    }
    return op->check == NULL || op->check(r, op);
}

static bool finish(struct drill_run *r, struct drill_op *op)
{
    int64_t said = op->result;

    /* Of a descriptor the reader knows the script's number. */
    if (op->gives_fd && op->result >= 0 && drill_value(r, op->call->result, &said) && said >= 0)
        drill_tell(r, "%s(...) = %lld", op->call->name, (long long)said);
    else
        drill_tell(r, "%s", result_text(r, op));
    if (!judge(r, op)) {
        if (!r->options->non_fatal_call || r->error->skip)
            return false;
        drill_tell(r, "let pass (--non_fatal): %s", r->error->message);
        *r->error = (struct drill_error){.arena = r->arena};
    }
    if (!op->call->blocking)
        return true;
    return drill_check_time(r, op->event, true, r->now,
                            drill_printf(r->arena, "%s was to return", op->call->name));
}

/* ---- Attempting ---- */

static bool attempt(struct drill_run *r, struct drill_op *op)
{
    op->moved = false;
    vt_host_enter(r->host, r->now);
    if (op->attempt(r, op))
        return true;
    if (r->now < op->deadline)
        return false;
    op->result = op->done != 0 ? (long)op->done : op->on_timeout;
    return true;
}

bool drill_op_step(struct drill_run *r)
{
    struct drill_op *op = r->pending;
    bool done;

    /* What a call takes makes room, and what it gives is sent: that may be all it waited for. */
    for (unsigned n = 0; n < 64 && op != NULL; n++) {
        done = attempt(r, op);
        if (done) {
            r->pending = NULL;
            if (!finish(r, op))
                return false;
        }
        if (!done && !op->moved)
            return true;
        r->next = vt_host_poll(r->host, r->now);
        op = r->pending;
    }
    return true;
}

bool drill_op_settle(struct drill_run *r)
{
    vt_time limit = r->now + (vt_time)SETTLE;
    bool moved = true;

    while (r->pending != NULL && moved)
        if (!drill_advance_once(r, limit, &moved))
            return false;
    if (r->pending == NULL)
        return true;
    return drill_fail(r->error, r->pending->event->place, "%s is still waiting", r->pending->call->name);
}

/* A call that blocks, though the script gives it no time to end: nothing but timers can end it. */
static bool wait_here(struct drill_run *r, struct drill_op *op)
{
    vt_time limit = r->now + (vt_time)LONGEST;
    bool moved = true;

    while (r->pending == op && moved)
        if (!drill_advance_once(r, limit, &moved))
            return false;
    if (r->pending != op)
        return true;
    return drill_fail(
        r->error, op->event->place,
        "%s blocks: say when it ends (`+0 ... 0.1 %s(...)`), or make the descriptor non-blocking",
        op->call->name, op->call->name);
}

bool drill_run_call(struct drill_run *r)
{
    const struct drill_call *call = r->event->call;
    struct drill_op *op = drill_alloc(r->arena, sizeof *op);

    *op = (struct drill_op){.event = r->event,
                            .call = call,
                            .deadline = VT_NEVER,
                            .on_timeout = -VT_EAGAIN,
                            .fd = -1,
                            .script_fd = -1};
    if (call->blocking && !drill_op_settle(r))
        return false;
    vt_host_enter(r->host, r->now);
    if (!prepare(r, op))
        return false;
    if (attempt(r, op))
        return finish(r, op) && drill_step(r);
    if (r->pending != NULL)
        return drill_fail(r->error, op->event->place, "%s blocks while %s is still waiting", call->name,
                          r->pending->call->name);
    r->pending = op;
    if (call->blocking)
        return drill_step(r);
    return drill_step(r) && wait_here(r, op);
}

vt_time drill_op_timeout(struct drill_run *r, const struct drill_op *op, int option)
{
    int64_t tv[2] = {0, 0}; /* Linux's struct timeval */
    size_t len = sizeof tv;

    if (vt_getsockopt(r->host, op->fd, VT_SOL_SOCKET, option, tv, &len) != 0 || (tv[0] == 0 && tv[1] == 0))
        return VT_NEVER;
    return vt_time_add(r->now, tv[0] * VT_SEC + tv[1] * VT_USEC);
}

/* Calls that make, name, join and end sockets. */
#include "op.h"
#include "network/network.h"
#include "transport/transport.h"

/* ---- Descriptors ---- */

bool drill_take_fd(struct drill_run *r, struct drill_op *op, enum drill_fd_kind kind, struct drill_fd **slot)
{
    int64_t number;

    if (!drill_value(r, op->call->result, &number))
        return false;
    if (number < 0 || number >= DRILL_FDS)
        return drill_fail(r->error, op->call->result->place, "a descriptor is a number from 0 to %d",
                          DRILL_FDS - 1);
    *slot = &r->fd[number];
    if ((*slot)->kind != DRILL_FD_FREE)
        return drill_fail(r->error, op->call->result->place, "the descriptor %lld is still open",
                          (long long)number);
    **slot = (struct drill_fd){.kind = kind, .live = (int)op->result};
    return true;
}

/* ---- socket ---- */

static bool socket_made(struct drill_run *r, struct drill_op *op)
{
    struct drill_conn *c;
    struct drill_fd *slot;
    int protocol = op->level;

    if (op->result < 0)
        return true;
    if (!drill_take_fd(r, op, DRILL_FD_SOCKET, &slot))
        return false;
    c = drill_conn_new(r);
    c->state = DRILL_CONN_NEW;
    c->type = op->flags & 0xf;
    if (protocol == 0)
        protocol = c->type == VT_SOCK_STREAM ? VT_PROTO_TCP : VT_PROTO_UDP;
    c->protocol = (uint8_t)protocol;
    c->script_fd = (int)(slot - r->fd);
    slot->conn = c;
    slot->nonblock = (op->flags & VT_SOCK_NONBLOCK) != 0;
    r->under_test = c;
    return true;
}

static bool try_socket(struct drill_run *r, struct drill_op *op)
{
    op->result = vt_socket(r->host, op->name, op->flags, op->level);
    return true;
}

bool drill_call_socket(struct drill_run *r, struct drill_op *op)
{
    op->name = VT_AF_INET;
    if (!drill_arg_count(r, op, 3, 3) || (!drill_arg_any(op, 0) && !drill_arg_int(r, op, 0, &op->name)) ||
        !drill_arg_int(r, op, 1, &op->flags) || !drill_arg_int(r, op, 2, &op->level))
        return false;
    if (op->name == VT_AF_INET6)
        return drill_skip(r->error, op->event->place, "IPv6 is not here yet");
    op->gives_fd = true;
    op->attempt = try_socket;
    op->check = socket_made;
    return true;
}

/* ---- bind, listen, shutdown ---- */

static bool try_bind(struct drill_run *r, struct drill_op *op)
{
    struct drill_conn *c = drill_op_conn(op);

    op->result = vt_bind(r->host, op->fd, op->has_addr ? &op->addr : NULL);
    if (op->result == 0 && c != NULL && c->protocol == VT_PROTO_UDP) {
        c->live.dst = vt_ip_is_any(op->addr.ip) ? r->options->local : op->addr.ip;
        c->live.dport = op->addr.port;
    }
    return true;
}

bool drill_call_bind(struct drill_run *r, struct drill_op *op)
{
    struct vt_addr usual = {.ip = r->options->local, .port = r->options->bind_port};
    int family;

    op->attempt = try_bind;
    return drill_arg_count(r, op, 3, 3) && drill_arg_fd(r, op) && drill_arg_addr(r, op, 1, usual, &family);
}

static bool try_listen(struct drill_run *r, struct drill_op *op)
{
    struct drill_conn *c = drill_op_conn(op);

    op->result = vt_listen(r->host, op->fd, op->name);
    if (op->result == 0 && c != NULL)
        c->state = DRILL_CONN_LISTENING;
    return true;
}

bool drill_call_listen(struct drill_run *r, struct drill_op *op)
{
    op->attempt = try_listen;
    return drill_arg_count(r, op, 2, 2) && drill_arg_fd(r, op) && drill_arg_int(r, op, 1, &op->name);
}

static bool try_shutdown(struct drill_run *r, struct drill_op *op)
{
    op->result = vt_shutdown(r->host, op->fd, op->name);
    return true;
}

bool drill_call_shutdown(struct drill_run *r, struct drill_op *op)
{
    op->attempt = try_shutdown;
    return drill_arg_count(r, op, 2, 2) && drill_arg_fd(r, op) && drill_arg_int(r, op, 1, &op->name);
}

/* ---- accept ---- */

/* The connection that the script's packets have opened, by its peer. */
static struct drill_conn *accepted(struct drill_run *r, const struct vt_addr *peer)
{
    struct drill_conn *c;

    for (c = r->conns; c != NULL; c = c->next)
        if (c->script_fd < 0 && c->live.sport == peer->port && vt_ip_eq(c->live.src, peer->ip))
            return c;
    c = drill_conn_new(r);
    c->state = DRILL_CONN_SYNACK_ACKED;
    c->live.src = peer->ip;
    c->live.sport = peer->port;
    return c;
}

/* As in packetdrill, accept() may take a number that an earlier one has: that connection is out of the
 * script's reach from then on. */
static void give_up_fd(struct drill_run *r, const struct drill_op *op)
{
    int64_t number;

    if (drill_value(r, op->call->result, &number) && number >= 0 && number < DRILL_FDS &&
        r->fd[number].kind == DRILL_FD_SOCKET) {
        r->fd[number].conn->script_fd = -2;
        r->fd[number] = (struct drill_fd){0};
    }
}

static bool accept_made(struct drill_run *r, struct drill_op *op)
{
    struct drill_fd *slot;

    if (op->result < 0)
        return true;
    give_up_fd(r, op);
    if (!drill_take_fd(r, op, DRILL_FD_SOCKET, &slot))
        return false;
    slot->conn = accepted(r, &op->addr);
    slot->conn->script_fd = (int)(slot - r->fd);
    slot->nonblock = (op->flags & VT_SOCK_NONBLOCK) != 0;
    return true;
}

static bool try_accept(struct drill_run *r, struct drill_op *op)
{
    op->result = vt_accept(r->host, op->fd, &op->addr);
    return op->result != -VT_EAGAIN || !op->waits;
}

bool drill_call_accept(struct drill_run *r, struct drill_op *op)
{
    bool four = strcmp(op->call->name, "accept4") == 0;

    if (!drill_arg_count(r, op, four ? 4 : 3, four ? 4 : 3) || !drill_arg_fd(r, op) ||
        (four && !drill_arg_int(r, op, 3, &op->flags)))
        return false;
    op->gives_fd = true;
    op->attempt = try_accept;
    op->check = accept_made;
    op->deadline = drill_op_timeout(r, op, VT_SO_RCVTIMEO);
    return true;
}

/* ---- connect ---- */

void drill_conn_begin(struct drill_run *r, struct drill_conn *c, const struct vt_addr *peer)
{
    if (c == NULL || c->state != DRILL_CONN_NEW)
        return;
    c->state = DRILL_CONN_CONNECTING;
    c->live.src = peer != NULL ? peer->ip : r->options->remote;
    c->live.sport = peer != NULL ? peer->port : r->options->connect_port;
}

static bool try_connect(struct drill_run *r, struct drill_op *op)
{
    return drill_op_io(r, op, drill_io_connect);
}

bool drill_call_connect(struct drill_run *r, struct drill_op *op)
{
    struct vt_addr usual = {.ip = r->options->remote, .port = r->options->connect_port};
    struct drill_conn *c;
    int family;

    if (!drill_arg_count(r, op, 3, 3) || !drill_arg_fd(r, op) || !drill_arg_addr(r, op, 1, usual, &family))
        return false;
    c = drill_op_conn(op);
    if (!op->has_addr && c != NULL)
        c->state = DRILL_CONN_NEW; /* AF_UNSPEC: it is taken off its peer */
    else
        drill_conn_begin(r, c, &op->addr);
    op->attempt = try_connect; /* Linux: it waits until SO_SNDTIMEO, at most */
    op->deadline = drill_op_timeout(r, op, VT_SO_SNDTIMEO);
    op->on_timeout = -VT_EINPROGRESS;
    return true;
}

/* ---- close ---- */

struct lookup {
    struct drill_tuple live;
    bool closing;
};

static bool look(void *ctx, const struct vt_tcp_row *row)
{
    struct lookup *l = ctx;

    if (row->remote.port != l->live.sport || row->local.port != l->live.dport ||
        !vt_ip_eq(row->remote.ip, l->live.src))
        return true;
    l->closing = row->state == VT_TCP_FIN_WAIT1 || row->state == VT_TCP_CLOSING ||
                 row->state == VT_TCP_LAST_ACK;
    return false;
}

/* Linux: with SO_LINGER close() returns when the peer has all that was sent, FIN included, or when the time
 * is up. */
static bool try_close(struct drill_run *r, struct drill_op *op)
{
    struct drill_conn *c = drill_op_conn(op);
    struct lookup l = {.closing = false};

    if (op->fd < 0 && op->script_fd >= 0 && op->script_fd < DRILL_FDS &&
        r->fd[op->script_fd].kind >= DRILL_FD_FILE) {
        r->fd[op->script_fd] = (struct drill_fd){0};
        return drill_attempt_nothing(r, op);
    }
    if (!op->started) {
        op->started = op->moved = true;
        op->result = op->fd >= 0 ? vt_close(r->host, op->fd) : -VT_EBADF;
        if (op->slot != NULL)
            *op->slot = (struct drill_fd){0};
        op->slot = NULL;
        if (op->deadline == VT_NEVER)
            return true;
        l.live = c->live;
    } else {
        l.live = (struct drill_tuple){
            .src = op->addr.ip, .sport = op->addr.port, .dport = (uint16_t)op->name};
    }
    op->addr = (struct vt_addr){.ip = l.live.src, .port = l.live.sport};
    op->name = l.live.dport;
    vt_tcp_each(vt_host_tcp(r->host), look, &l);
    return !l.closing;
}

bool drill_call_close(struct drill_run *r, struct drill_op *op)
{
    struct vt_linger linger = {0, 0};
    size_t len = sizeof linger;

    if (!drill_arg_count(r, op, 1, 1) || !drill_arg_fd(r, op))
        return false;
    op->attempt = try_close;
    op->on_timeout = 0;
    if (drill_op_conn(op) == NULL || drill_op_conn(op)->protocol != VT_PROTO_TCP)
        return true;
    if (vt_getsockopt(r->host, op->fd, VT_SOL_SOCKET, VT_SO_LINGER, &linger, &len) == 0 &&
        linger.onoff != 0 && linger.linger > 0)
        op->deadline = vt_time_add(r->now, linger.linger * VT_SEC);
    return true;
}

/* ---- fcntl ---- */

enum { /* Linux's */
    F_GETFD_ = 1,
    F_SETFD_ = 2,
    F_GETFL_ = 3,
    F_SETFL_ = 4,
    O_RDWR_ = 2,
};

/* Whether a descriptor blocks is the program's affair: the host's sockets never do. */
static bool try_fcntl(struct drill_run *r, struct drill_op *op)
{
    (void)r;
    op->result = 0;
    if (op->slot == NULL)
        op->result = -VT_EBADF;
    else if (op->name == F_GETFL_)
        op->result = O_RDWR_ | (op->slot->nonblock ? VT_SOCK_NONBLOCK : 0);
    else if (op->name == F_SETFL_)
        op->slot->nonblock = (op->flags & VT_SOCK_NONBLOCK) != 0;
    else if (op->name != F_GETFD_ && op->name != F_SETFD_)
        op->result = -VT_EINVAL;
    return true;
}

bool drill_call_fcntl(struct drill_run *r, struct drill_op *op)
{
    op->attempt = try_fcntl;
    if (!drill_arg_count(r, op, 2, 3) || !drill_arg_fd(r, op) || !drill_arg_int(r, op, 1, &op->name))
        return false;
    return op->call->nargs == 2 || drill_arg_int(r, op, 2, &op->flags);
}

/* Calls that read and write. */
#include "op.h"
#include "network/network.h"

#define BYTES_MAX (64 << 20) /* of one call */

/* ---- Buffers ---- */

/* Argument i is ... for a buffer, or 0 for a NULL pointer; argument i + 1 says how long it is. */
static bool buffer(struct drill_run *r, struct drill_op *op, unsigned i)
{
    int64_t pointer = 1;
    int len;

    if (!drill_arg_any(op, i) && !drill_value(r, drill_arg(op, i), &pointer))
        return false;
    if (!drill_arg_any(op, i) && pointer != 0)
        return drill_fail(r->error, drill_arg(op, i)->place, "a buffer is ... or NULL");
    if (!drill_arg_int(r, op, i + 1, &len))
        return false;
    if (len < 0 || len > BYTES_MAX)
        return drill_fail(r->error, drill_arg(op, i + 1)->place, "a call takes up to %d bytes", BYTES_MAX);
    op->len = (size_t)len;
    op->buf = drill_arg_any(op, i) ? drill_alloc(r->arena, op->len + 1) : NULL;
    return true;
}

/* [{..., 100}, {..., 20}]: as one buffer, since a stream does not know where they meet. */
static bool vectors(struct drill_run *r, struct drill_op *op, const struct drill_expr *list, int64_t count)
{
    if (list->kind != DRILL_LIST)
        return drill_fail(r->error, list->place, "buffers are written [{..., 100}, {..., 20}]");
    if (count != (int64_t)list->count)
        return drill_fail(r->error, list->place, "these are %u buffers, not %lld", list->count,
                          (long long)count);
    for (const struct drill_expr *e = list->first; e != NULL; e = e->next) {
        int64_t len;

        if (e->kind != DRILL_STRUCT || e->count != 2 || e->first->kind != DRILL_ELLIPSIS)
            return drill_fail(r->error, e->place, "a buffer is written {..., 100}");
        if (!drill_value(r, e->first->next, &len))
            return false;
        if (len < 0 || len > BYTES_MAX - (int64_t)op->len)
            return drill_fail(r->error, e->place, "a call takes up to %d bytes", BYTES_MAX);
        op->len += (size_t)len;
    }
    op->buf = drill_alloc(r->arena, op->len + 1);
    return true;
}

/* {msg_name(...)=..., msg_iov(1)=[{..., 100}], msg_flags=0, msg_control=[...]} */
static bool message(struct drill_run *r, struct drill_op *op, unsigned i)
{
    const struct drill_expr *e = drill_arg(op, i), *iov = NULL;
    int64_t count = -1;

    if (e->kind != DRILL_STRUCT)
        return drill_fail(r->error, e->place,
                          "a message is written {msg_name(...)=..., msg_iov(1)=[{..., 100}], msg_flags=0}");
    for (const struct drill_expr *f = e->first; f != NULL; f = f->next)
        if (f->kind == DRILL_FIELD && strcmp(f->text, "msg_iov") == 0) {
            iov = f->first;
            count = f->num;
        }
    if (iov == NULL)
        return drill_fail(r->error, e->place, "this message has no msg_iov");
    op->expect = e;
    return vectors(r, op, iov, count >= 0 ? count : (int64_t)iov->count);
}

static bool descriptor(struct drill_run *r, struct drill_op *op, unsigned args)
{
    return drill_arg_count(r, op, args, args) && drill_arg_fd(r, op);
}

static bool flags(struct drill_run *r, struct drill_op *op, unsigned i)
{
    if (!drill_arg_int(r, op, i, &op->flags))
        return false;
    if ((op->flags & (VT_MSG_DONTWAIT | VT_MSG_ERRQUEUE)) != 0)
        op->waits = false;
    return true;
}

/* ---- Reading ---- */

static bool is_stream(const struct drill_op *op)
{
    return drill_op_conn(op) != NULL && drill_op_conn(op)->protocol == VT_PROTO_TCP;
}

bool drill_op_io(struct drill_run *r, struct drill_op *op, bool (*attempt)(struct drill_io *io))
{
    struct drill_io io = {
        .host = r->host,
        .fd = op->fd,
        .stream = is_stream(op),
        .waits = op->waits,
        .flags = op->flags,
        .buf = op->buf,
        .len = op->len,
        .done = op->done,
        .info = op->info,
        .has_addr = op->has_addr,
        .addr = op->addr,
        .started = op->started,
        .opening = op->opening,
    };
    bool done = attempt(&io);

    op->flags = io.flags;
    op->done = io.done;
    op->addr = io.addr;
    op->started = io.started;
    op->opening = io.opening;
    op->moved = io.moved;
    op->result = io.result;
    return done;
}

static bool try_read(struct drill_run *r, struct drill_op *op)
{
    return drill_op_io(r, op, drill_io_read);
}

/* Every byte is in its place: scripts' peers send what drill_byte() tells. */
static bool check_bytes(struct drill_run *r, struct drill_op *op)
{
    struct drill_conn *c = drill_op_conn(op);
    size_t n = op->result > 0 ? (size_t)op->result : 0;
    uint32_t from;

    if (c == NULL || n == 0 || (op->flags & (VT_MSG_OOB | VT_MSG_ERRQUEUE)) != 0 ||
        c->protocol == VT_PROTO_ICMP)
        return true;
    from = is_stream(op) ? c->read : 0;
    if (op->buf != NULL && !c->unsure && (op->flags & VT_MSG_TRUNC) == 0)
        for (uint32_t i = 0; i < n && i < op->len; i++)
            if (op->buf[i] != drill_byte(from + i))
                return drill_fail(r->error, op->event->place,
                                  "byte %u of what %s read is not what the peer sent", i, op->call->name);
    if ((op->flags & VT_MSG_PEEK) == 0)
        c->read += (uint32_t)n;
    return true;
}

bool drill_reads(struct drill_run *r, struct drill_op *op)
{
    op->attempt = try_read;
    op->check = check_bytes;
    if (op->fd >= 0)
        op->deadline = drill_op_timeout(r, op, VT_SO_RCVTIMEO);
    return true;
}

bool drill_call_read(struct drill_run *r, struct drill_op *op)
{
    return descriptor(r, op, 3) && buffer(r, op, 1) && drill_reads(r, op);
}

bool drill_call_readv(struct drill_run *r, struct drill_op *op)
{
    int count;

    return descriptor(r, op, 3) && drill_arg_int(r, op, 2, &count) &&
           vectors(r, op, drill_arg(op, 1), count) && drill_reads(r, op);
}

bool drill_call_recv(struct drill_run *r, struct drill_op *op)
{
    return descriptor(r, op, 4) && buffer(r, op, 1) && flags(r, op, 3) && drill_reads(r, op);
}

bool drill_call_recvfrom(struct drill_run *r, struct drill_op *op)
{
    return descriptor(r, op, 6) && buffer(r, op, 1) && flags(r, op, 3) && drill_reads(r, op);
}

static bool check_message(struct drill_run *r, struct drill_op *op)
{
    return check_bytes(r, op) && drill_check_message(r, op);
}

/* A datagram that was cut tells its whole length, and MSG_TRUNC. */
static bool try_recvmsg(struct drill_run *r, struct drill_op *op)
{
    bool asked = (op->flags & VT_MSG_TRUNC) != 0, datagram = !is_stream(op);
    int kept = op->flags;
    bool done;

    if (datagram)
        op->flags |= VT_MSG_TRUNC;
    done = try_read(r, op);
    op->flags = kept;
    if (!done || op->result <= (long)op->len)
        return done;
    op->info->flags |= VT_MSG_TRUNC;
    if (!asked)
        op->result = (long)op->len;
    return true;
}

bool drill_call_recvmsg(struct drill_run *r, struct drill_op *op)
{
    if (!descriptor(r, op, 3) || !message(r, op, 1) || !flags(r, op, 2) || !drill_reads(r, op))
        return false;
    op->info = drill_alloc(r->arena, sizeof *op->info);
    op->attempt = try_recvmsg;
    op->check = check_message;
    return true;
}

/* ---- Writing ---- */

static bool try_write(struct drill_run *r, struct drill_op *op)
{
    size_t before = op->done;
    bool done = drill_op_io(r, op, drill_io_write);

    if (is_stream(op))
        drill_op_conn(op)->written += (uint32_t)(op->done - before);
    return done;
}

bool drill_writes(struct drill_run *r, struct drill_op *op)
{
    struct drill_conn *c = drill_op_conn(op);

    op->attempt = try_write;
    if (op->fd >= 0)
        op->deadline = drill_op_timeout(r, op, VT_SO_SNDTIMEO);
    for (uint32_t i = 0; op->buf != NULL && i < op->len; i++)
        op->buf[i] = drill_byte((is_stream(op) ? c->written : 0) + i);
    if (c != NULL && c->protocol == VT_PROTO_ICMP && op->buf != NULL && op->len >= 8) {
        memset(op->buf, 0, 8);
        op->buf[0] = 8; /* an echo request; the host fills in the rest of its header (RFC 792) */
        for (uint32_t i = 8; i < op->len; i++)
            op->buf[i] = drill_byte(i - 8);
    }
    return true;
}

bool drill_call_write(struct drill_run *r, struct drill_op *op)
{
    return descriptor(r, op, 3) && buffer(r, op, 1) && drill_writes(r, op);
}

bool drill_call_writev(struct drill_run *r, struct drill_op *op)
{
    int count;

    return descriptor(r, op, 3) && drill_arg_int(r, op, 2, &count) &&
           vectors(r, op, drill_arg(op, 1), count) && drill_writes(r, op);
}

bool drill_call_send(struct drill_run *r, struct drill_op *op)
{
    return descriptor(r, op, 4) && buffer(r, op, 1) && flags(r, op, 3) && drill_writes(r, op);
}

bool drill_call_sendto(struct drill_run *r, struct drill_op *op)
{
    struct vt_addr usual = {.ip = r->options->remote, .port = r->options->connect_port};
    int family;

    if (!descriptor(r, op, 6) || !buffer(r, op, 1) || !flags(r, op, 3) ||
        !drill_arg_addr(r, op, 4, usual, &family))
        return false;
    if (op->has_addr)
        drill_conn_begin(r, drill_op_conn(op), &op->addr);
    return drill_writes(r, op);
}

bool drill_call_sendmsg(struct drill_run *r, struct drill_op *op)
{
    const struct drill_expr *name, *control;

    if (!descriptor(r, op, 3) || !message(r, op, 1) || !flags(r, op, 2))
        return false;
    name = drill_field(op->expect, "msg_name");
    control = drill_field(op->expect, "msg_control");
    if (control != NULL && control->count != 0)
        return drill_skip(r->error, control->place, "sendmsg with control messages is not here");
    if (name != NULL && name->kind == DRILL_ELLIPSIS) {
        op->has_addr = true;
        op->addr = (struct vt_addr){.ip = r->options->remote, .port = r->options->connect_port};
        drill_conn_begin(r, drill_op_conn(op), &op->addr);
    }
    return drill_writes(r, op);
}

/* Options: setsockopt, getsockopt, ioctl. */
#include "op.h"

#define VALUE_MAX 65536 /* bytes of an option's value */

/* ---- setsockopt ---- */

static bool put_int(struct drill_run *r, struct drill_op *op, const struct drill_expr *e, size_t at)
{
    int64_t v;
    int32_t narrow;

    if (e == NULL || !drill_value(r, e, &v))
        return false;
    narrow = (int32_t)(uint32_t)v;
    memcpy(op->buf + at, &narrow, sizeof narrow);
    return true;
}

/* {onoff=1, linger=30}; {tv_sec=1, tv_usec=0} */
static bool put_struct(struct drill_run *r, struct drill_op *op, const struct drill_expr *e)
{
    const struct drill_expr *onoff = drill_field(e, "onoff"), *linger = drill_field(e, "linger");
    const struct drill_expr *sec = drill_field(e, "tv_sec"), *usec = drill_field(e, "tv_usec");
    int64_t tv[2];

    if (onoff != NULL && linger != NULL)
        return put_int(r, op, onoff, 0) && put_int(r, op, linger, 4);
    if (sec != NULL && usec != NULL) {
        if (!drill_value(r, sec, &tv[0]) || !drill_value(r, usec, &tv[1]))
            return false;
        memcpy(op->buf, tv, sizeof tv);
        return true;
    }
    return drill_skip(r->error, e->place, "only {onoff=, linger=} and {tv_sec=, tv_usec=} are known here");
}

static bool put_value(struct drill_run *r, struct drill_op *op)
{
    const struct drill_expr *e = drill_arg(op, 3);
    int64_t v;

    switch (e->kind) {
    case DRILL_LIST:
        if (e->count != 1)
            return drill_fail(r->error, e->place, "an option's value is one number in brackets: [1]");
        return put_int(r, op, e->first, 0);
    case DRILL_STRING: memcpy(op->buf, e->text, e->len < VALUE_MAX ? e->len : VALUE_MAX); return true;
    case DRILL_STRUCT: return put_struct(r, op, e);
    default:
        if (!drill_value(r, e, &v))
            return false;
        if (v != 0)
            return drill_fail(r->error, e->place, "an option's value is [1], \"text\", {...} or NULL");
        op->buf = NULL;
        return true;
    }
}

static bool try_setsockopt(struct drill_run *r, struct drill_op *op)
{
    op->result = vt_setsockopt(r->host, op->fd, op->level, op->name, op->buf, op->len);
    return true;
}

bool drill_call_setsockopt(struct drill_run *r, struct drill_op *op)
{
    int len;

    if (!drill_arg_count(r, op, 5, 5) || !drill_arg_fd(r, op) || !drill_arg_int(r, op, 1, &op->level) ||
        !drill_arg_int(r, op, 2, &op->name) || !drill_arg_int(r, op, 4, &len))
        return false;
    if (len > VALUE_MAX)
        return drill_fail(r->error, drill_arg(op, 4)->place, "a value has at most %d bytes", VALUE_MAX);
    op->len = (size_t)(int64_t)len; /* below zero: as large as the system call would see it */
    op->buf = drill_alloc(r->arena, VALUE_MAX);
    op->attempt = try_setsockopt;
    return put_value(r, op);
}

/* ---- getsockopt ---- */

static bool other_value(struct drill_run *r, const struct drill_op *op, const char *expected,
                        const char *actual)
{
    r->error->expected = expected;
    r->error->actual = actual;
    return drill_fail(r->error, op->event->place, "the option has another value than the script says");
}

static int32_t int_at(const struct drill_op *op, size_t at)
{
    int32_t v;

    memcpy(&v, op->buf + at, sizeof v);
    return v;
}

static bool check_linger(struct drill_run *r, struct drill_op *op, const struct drill_expr *e)
{
    const struct drill_expr *onoff = drill_field(e, "onoff"), *linger = drill_field(e, "linger");
    int64_t on, seconds;

    if (onoff == NULL || linger == NULL)
        return drill_skip(r->error, e->place, "only {onoff=, linger=} is known here");
    if (!drill_value(r, onoff, &on) || !drill_value(r, linger, &seconds))
        return false;
    if (int_at(op, 0) == on && int_at(op, 4) == seconds)
        return true;
    return other_value(r, op,
                       drill_printf(r->arena, "{onoff=%lld, linger=%lld}", (long long)on, (long long)seconds),
                       drill_printf(r->arena, "{onoff=%d, linger=%d}", int_at(op, 0), int_at(op, 4)));
}

static bool check_value(struct drill_run *r, struct drill_op *op, const struct drill_expr *e)
{
    int64_t v;
    int32_t expected;

    switch (e->kind) {
    case DRILL_ELLIPSIS: return true;
    case DRILL_STRING:
        if (e->len == op->len && memcmp(e->text, op->buf, op->len) == 0)
            return true;
        return other_value(r, op, drill_printf(r->arena, "\"%s\"", e->text),
                           drill_printf(r->arena, "\"%.*s\"", (int)op->len, (const char *)op->buf));
    case DRILL_STRUCT: return check_linger(r, op, e);
    case DRILL_LIST: break;
    default: return drill_fail(r->error, e->place, "an option's value is [1], \"text\" or {...}");
    }
    if (e->count != 1 || op->len != 4)
        return drill_fail(r->error, e->place, "a number has 4 bytes: [1], [4]");
    if (e->first->kind == DRILL_ELLIPSIS)
        return true;
    if (!drill_value(r, e->first, &v))
        return false;
    expected = (int32_t)(uint32_t)v;
    if (int_at(op, 0) == expected)
        return true;
    return other_value(r, op, drill_printf(r->arena, "[%d]", expected),
                       drill_printf(r->arena, "[%d]", int_at(op, 0)));
}

static bool check_getsockopt(struct drill_run *r, struct drill_op *op)
{
    int expected;

    if (!drill_arg_bracketed(r, op, 4, &expected))
        return false;
    if (op->len != (size_t)expected) {
        r->error->expected = drill_printf(r->arena, "[%d] bytes", expected);
        r->error->actual = drill_printf(r->arena, "[%zu] bytes", op->len);
        return drill_fail(r->error, op->event->place,
                          "the option's value has another length than the script says");
    }
    return op->result < 0 || check_value(r, op, drill_arg(op, 3));
}

static bool try_getsockopt(struct drill_run *r, struct drill_op *op)
{
    op->result = vt_getsockopt(r->host, op->fd, op->level, op->name, op->buf, &op->len);
    return true;
}

bool drill_call_getsockopt(struct drill_run *r, struct drill_op *op)
{
    int len;

    if (!drill_arg_count(r, op, 5, 5) || !drill_arg_fd(r, op) || !drill_arg_int(r, op, 1, &op->level) ||
        !drill_arg_int(r, op, 2, &op->name) || !drill_arg_bracketed(r, op, 4, &len))
        return false;
    if (len < 0 || len > VALUE_MAX)
        return drill_fail(r->error, drill_arg(op, 4)->place, "a value has 0 to %d bytes", VALUE_MAX);
    op->len = (size_t)len;
    op->buf = drill_alloc(r->arena, VALUE_MAX);
    op->attempt = try_getsockopt;
    op->check = check_getsockopt;
    return true;
}

/* ---- ioctl ---- */

static bool check_ioctl(struct drill_run *r, struct drill_op *op)
{
    int expected;

    if (op->call->nargs < 3 || op->result < 0)
        return true;
    if (!drill_arg_bracketed(r, op, 2, &expected))
        return false;
    if (int_at(op, 0) == expected)
        return true;
    return other_value(r, op, drill_printf(r->arena, "[%d]", expected),
                       drill_printf(r->arena, "[%d]", int_at(op, 0)));
}

static bool try_ioctl(struct drill_run *r, struct drill_op *op)
{
    int value = 0;

    op->result = vt_ioctl(r->host, op->fd, (unsigned)op->name, &value);
    memcpy(op->buf, &value, sizeof value);
    return true;
}

bool drill_call_ioctl(struct drill_run *r, struct drill_op *op)
{
    op->buf = drill_alloc(r->arena, 4);
    op->attempt = try_ioctl;
    op->check = check_ioctl;
    return drill_arg_count(r, op, 2, 3) && drill_arg_fd(r, op) && drill_arg_int(r, op, 1, &op->name);
}

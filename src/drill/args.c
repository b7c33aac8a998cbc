/* Arguments of calls. */
#include "op.h"
#include "base/text.h"

bool drill_arg_count(struct drill_run *r, const struct drill_op *op, unsigned least, unsigned most)
{
    const struct drill_call *c = op->call;

    if (c->nargs >= least && c->nargs <= most)
        return true;
    if (least == most)
        return drill_fail(r->error, op->event->place, "%s takes %u arguments, not %u", c->name, least,
                          c->nargs);
    return drill_fail(r->error, op->event->place, "%s takes %u or %u arguments, not %u", c->name, least, most,
                      c->nargs);
}

const struct drill_expr *drill_arg(const struct drill_op *op, unsigned i)
{
    const struct drill_expr *e = op->call->args;

    while (i-- > 0)
        e = e->next;
    return e;
}

static bool function(struct drill_run *r, const struct drill_expr *e, int64_t *value)
{
    const struct drill_expr *arg = e->first;
    struct vt_ip ip;

    if (strcmp(e->text, "htons") == 0 && e->count == 1)
        return drill_value(r, arg, value);
    if (strcmp(e->text, "inet_addr") == 0 && e->count == 1 && arg->kind == DRILL_STRING) {
        if (vt_ip_parse(&ip, arg->text) != 0 || !vt_ip_is4(ip))
            return drill_fail(r->error, arg->place, "\"%s\" is no IPv4 address", arg->text);
        *value = vt_ip_to4(ip);
        return true;
    }
    return drill_fail(r->error, e->place, "there is no function %s of %u arguments", e->text, e->count);
}

bool drill_value(struct drill_run *r, const struct drill_expr *e, int64_t *value)
{
    int64_t other;

    switch (e->kind) {
    case DRILL_INT: *value = e->num; return true;
    case DRILL_WORD:
        if (drill_symbol(e->text, value))
            return true;
        return drill_fail(r->error, e->place, "what is %s? There is no such symbol", e->text);
    case DRILL_OR:
        if (!drill_value(r, e->first, value) || !drill_value(r, e->first->next, &other))
            return false;
        *value |= other;
        return true;
    case DRILL_CALL: return function(r, e, value);
    default: return drill_fail(r->error, e->place, "this must be a number");
    }
}

/* 32 bits, with a sign or without. */
static bool narrow(struct drill_run *r, const struct drill_expr *e, int *value)
{
    int64_t v;

    if (!drill_value(r, e, &v))
        return false;
    if (v < INT32_MIN || v > UINT32_MAX)
        return drill_fail(r->error, e->place, "%lld does not fit in 32 bits", (long long)v);
    *value = (int)(uint32_t)v;
    return true;
}

bool drill_arg_int(struct drill_run *r, const struct drill_op *op, unsigned i, int *value)
{
    return narrow(r, drill_arg(op, i), value);
}

bool drill_arg_bracketed(struct drill_run *r, const struct drill_op *op, unsigned i, int *value)
{
    const struct drill_expr *e = drill_arg(op, i);

    if (e->kind != DRILL_LIST || e->count != 1)
        return drill_fail(r->error, e->place, "this must be one number in brackets: [4]");
    return narrow(r, e->first, value);
}

int drill_live_fd(const struct drill_run *r, int64_t script_fd)
{
    if (script_fd < 0 || script_fd >= DRILL_FDS || r->fd[script_fd].kind == DRILL_FD_FREE)
        return -1;
    return r->fd[script_fd].live;
}

bool drill_arg_fd(struct drill_run *r, struct drill_op *op)
{
    int number;

    return drill_arg_int(r, op, 0, &number) && drill_number_fd(r, op, number);
}

bool drill_number_fd(struct drill_run *r, struct drill_op *op, int number)
{
    op->script_fd = number;
    op->fd = drill_live_fd(r, op->script_fd);
    op->slot = op->fd >= 0 ? &r->fd[op->script_fd] : NULL;
    op->waits = op->slot != NULL && !op->slot->nonblock;
    return true;
}

const struct drill_expr *drill_field(const struct drill_expr *e, const char *name)
{
    for (const struct drill_expr *f = e->first; f != NULL; f = f->next)
        if (f->kind == DRILL_FIELD && strcmp(f->text, name) == 0)
            return f->first;
    return NULL;
}

static bool sockaddr(struct drill_run *r, struct drill_op *op, const struct drill_expr *e)
{
    const struct drill_expr *family = drill_field(e, "sa_family"), *port = drill_field(e, "sin_port");
    const struct drill_expr *addr = drill_field(e, "sin_addr");
    int64_t v = 0;

    if (family == NULL || port == NULL || addr == NULL)
        return drill_fail(
            r->error, e->place,
            "an address is {sa_family = AF_INET, sin_port = htons(N), sin_addr = inet_addr(\"...\")}");
    if (!drill_value(r, family, &v))
        return false;
    if (v != VT_AF_INET)
        return drill_skip(r->error, family->place, "only addresses of AF_INET are here");
    if (!drill_value(r, port, &v))
        return false;
    op->addr.port = (uint16_t)v;
    if (!drill_value(r, addr, &v))
        return false;
    op->addr.ip = vt_ip_from4((uint32_t)v);
    op->has_addr = true;
    return true;
}

bool drill_arg_addr(struct drill_run *r, struct drill_op *op, unsigned i, struct vt_addr usual, int *family)
{
    const struct drill_expr *e = drill_arg(op, i);

    *family = VT_AF_INET;
    if (e->kind == DRILL_STRUCT)
        return sockaddr(r, op, e);
    if (e->kind != DRILL_ELLIPSIS)
        return narrow(r, e, family);
    op->has_addr = true;
    op->addr = usual;
    return true;
}

/* Control messages: what a script says of msg_flags and msg_control, against what came with a message. */
#include "op.h"

/* One of Linux's control messages. */
struct control {
    int level, type;
    bool is_time, is_error; /* else a number */
    int64_t number;
};

static unsigned controls_of(const struct vt_msg_info *info, struct control *c)
{
    static const struct {
        uint32_t bit;
        struct control c;
    } kinds[] = {
        {VT_CONTROL_TIMESTAMP, {VT_SOL_SOCKET, VT_SO_TIMESTAMP, true, false, 0}},
        {VT_CONTROL_TIMESTAMPNS, {VT_SOL_SOCKET, VT_SO_TIMESTAMPNS, true, false, 0}},
        {VT_CONTROL_TIMESTAMPING, {VT_SOL_SOCKET, VT_SO_TIMESTAMPING, true, false, 0}},
        {VT_CONTROL_RECVERR, {VT_SOL_IP, 11, false, true, 0}}, /* IP_RECVERR */
        {VT_CONTROL_INQ, {VT_SOL_TCP, VT_TCP_INQ, false, false, 0}},
    };
    unsigned n = 0;

    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if ((info->controls & kinds[i].bit) != 0)
            c[n++] = kinds[i].c;
    for (unsigned i = 0; i < n; i++)
        if (!c[i].is_time && !c[i].is_error)
            c[i].number = info->inq;
    return n;
}

static bool differs(struct drill_run *r, const struct drill_expr *e, const char *what, int64_t expected,
                    int64_t actual)
{
    r->error->expected = drill_printf(r->arena, "%s=%lld", what, (long long)expected);
    r->error->actual = drill_printf(r->arena, "%s=%lld", what, (long long)actual);
    return drill_fail(r->error, e->place, "the message came with another %s than the script says", what);
}

static bool check_number(struct drill_run *r, const struct drill_expr *e, const char *field, int64_t actual)
{
    const struct drill_expr *v = drill_field(e, field);
    int64_t expected;

    if (v == NULL || v->kind == DRILL_ELLIPSIS)
        return true;
    if (!drill_value(r, v, &expected))
        return false;
    return expected == actual || differs(r, v, field, expected, actual);
}

static bool check_error(struct drill_run *r, const struct drill_expr *e, const struct vt_msg_err *err)
{
    return check_number(r, e, "ee_errno", err->error) && check_number(r, e, "ee_origin", err->origin) &&
           check_number(r, e, "ee_type", err->type) && check_number(r, e, "ee_code", err->code) &&
           check_number(r, e, "ee_info", err->info) && check_number(r, e, "ee_data", err->data);
}

/* {scm_sec=0, scm_nsec=20000000}: the script's time. */
static bool check_stamp(struct drill_run *r, const struct drill_expr *e, vt_time stamp)
{
    const struct drill_expr *sec = drill_field(e, "scm_sec"), *nsec = drill_field(e, "scm_nsec");
    int64_t s, ns;
    vt_span off;

    if (sec == NULL || nsec == NULL)
        return drill_fail(r->error, e->place, "a timestamp is written {scm_sec=0, scm_nsec=20000000}");
    if (!drill_value(r, sec, &s) || !drill_value(r, nsec, &ns))
        return false;
    off = drill_script_time(r, stamp) - (s * VT_SEC + ns);
    if (off <= r->options->tolerance && off >= -r->options->tolerance)
        return true;
    r->error->expected = drill_time_text(r->arena, s * VT_SEC + ns);
    r->error->actual = drill_time_text(r->arena, drill_script_time(r, stamp));
    return drill_fail(r->error, e->place, "the message is stamped with another time than the script says");
}

static bool check_control(struct drill_run *r, const struct drill_expr *e, const struct control *c,
                          const struct vt_msg_info *info)
{
    const struct drill_expr *data = drill_field(e, "cmsg_data");

    if (!check_number(r, e, "cmsg_level", c->level) || !check_number(r, e, "cmsg_type", c->type))
        return false;
    if (data == NULL || data->kind == DRILL_ELLIPSIS)
        return true;
    if (c->is_error)
        return check_error(r, data, &info->err);
    return c->is_time ? check_stamp(r, data, info->stamp) : check_number(r, e, "cmsg_data", c->number);
}

bool drill_check_message(struct drill_run *r, struct drill_op *op)
{
    const struct drill_expr *flags = drill_field(op->expect, "msg_flags");
    const struct drill_expr *list = drill_field(op->expect, "msg_control");
    const struct drill_expr *e;
    struct control c[8];
    unsigned n = controls_of(op->info, c);
    int64_t expected = 0;

    if (op->result < 0)
        return true;
    if (flags != NULL && !drill_value(r, flags, &expected))
        return false;
    if (expected != op->info->flags)
        return differs(r, flags != NULL ? flags : op->expect, "msg_flags", expected, op->info->flags);
    if (list == NULL)
        return true;
    if (list->count != n)
        return drill_fail(r->error, list->place, "%u control messages came with this message, not %u", n,
                          list->count);
    e = list->first;
    for (unsigned i = 0; i < n; i++, e = e->next)
        if (!check_control(r, e, &c[i], op->info))
            return false;
    return true;
}

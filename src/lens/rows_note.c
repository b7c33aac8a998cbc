/* Notes: what happens at one node, and what concerns all. */
#include "rows.h"

#include <stdio.h>

static void note_timer(struct vt_rows *r, struct vt_out *o, const struct vt_event *ev, struct vt_row *row)
{
    const struct vt_mconn *c = vt_model_conn(&r->model, ev->node, ev->conn);
    if (ev->u.timer.timer == VT_TCP_TIMER_TIME_WAIT) {
        row->flags |= VT_ROWF_TIME_WAIT;
        vt_out_text(o, "2 MSL");
        if (c != NULL && c->state == VT_TCP_TIME_WAIT) {
            vt_out_text(o, " (");
            vt_out_span(o, ev->time - c->since);
            vt_out_char(o, ')');
        }
        vt_out_text(o, " have passed");
        return;
    }
    vt_out_format(o, "timer: %s", vt_tcp_timer_word(ev->u.timer.timer));
    if (ev->u.timer.count > 1)
        vt_out_format(o, " (%u in a row)", ev->u.timer.count);
}

static void note_state(struct vt_rows *r, struct vt_out *o, const struct vt_event *ev, struct vt_row *row)
{
    const struct vt_mconn *c = vt_model_conn(&r->model, ev->node, ev->conn);
    if (ev->u.state.from == VT_TCP_TIME_WAIT) {
        row->flags |= VT_ROWF_TIME_WAIT;
        vt_out_text(o, "2 MSL have passed");
    } else if (ev->u.state.to == VT_TCP_LISTEN || ev->u.state.from == VT_TCP_LISTEN) {
        vt_out_text(o, ev->u.state.to == VT_TCP_LISTEN ? "listens" : "listens no more");
        if (c != NULL && c->lport != 0)
            vt_out_format(o, " on port %u", c->lport);
    } else {
        vt_out_format(o, "%s is over", vt_tcp_state_name(ev->u.state.from));
    }
}

static void note_call(struct vt_out *o, const struct vt_event *ev)
{
    unsigned call = ev->u.call.call;
    vt_out_format(o, "%s(", vt_call_word(call));
    if (call == VT_CALL_LISTEN || call == VT_CALL_SEND || call == VT_CALL_RECV)
        vt_out_format(o, "%u", ev->u.call.arg);
    vt_out_char(o, ')');
    if (ev->kind == VT_EV_SOCK_WAIT || ev->u.call.result == -VT_EINPROGRESS)
        vt_out_text(o, " waits");
    else if (ev->u.call.result < 0)
        vt_out_format(o, ": %s", vt_strerror(ev->u.call.result));
    else if (call == VT_CALL_SEND || call == VT_CALL_RECV)
        vt_out_format(o, " = %d", ev->u.call.result);
}

/* One line of what a program says. */
static void note_said(struct vt_rows *r, struct vt_out *o, const struct vt_event *ev, const void *extra)
{
    size_t len = extra != NULL ? ev->extra : 0;
    const char *text = extra;
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    if (len != 0)
        vt_out_excerpt(o, extra, len, false, 60, r->config.ascii);
}

/* Writes the note's text; false when the event makes none. */
static bool note_text(struct vt_rows *r, struct vt_out *o, const struct vt_event *ev, const void *extra,
                      struct vt_row *row)
{
    switch (ev->kind) {
    case VT_EV_TCP_TIMER: note_timer(r, o, ev, row); return true;
    case VT_EV_TCP_STATE: note_state(r, o, ev, row); return true;
    case VT_EV_TCP_ERROR:
        row->flags |= VT_ROWF_BAD;
        vt_out_format(o, "error: %s", vt_strerror(ev->u.call.result));
        return true;
    case VT_EV_TCP_ECN:
        vt_out_text(o, ev->u.ecn.what == VT_ECN_TOLD_CE ? "marked by the network (CE)"
                                                        : "the peer tells of marks: the window is reduced");
        return true;
    case VT_EV_TCP_QUEUE:
        row->flags |= VT_ROWF_BAD;
        vt_out_format(o, "%s queue is full (%u of %u)", ev->u.queue.accept ? "accept" : "SYN",
                      ev->u.queue.len, ev->u.queue.limit);
        return true;
    case VT_EV_DROP:
        row->flags |= VT_ROWF_BAD;
        row->reason = ev->u.drop.reason;
        vt_out_format(o, "drop: %s", vt_drop_text(ev->u.drop.reason));
        return true;
    case VT_EV_SOCK_CALL:
    case VT_EV_SOCK_WAIT:
        if (!r->config.calls)
            return false;
        note_call(o, ev);
        return true;
    case VT_EV_APP:
        if (!r->config.said)
            return false;
        note_said(r, o, ev, extra);
        return true;
    default: return false;
    }
}

/* What concerns no single node. */
static bool legend_text(struct vt_rows *r, struct vt_out *o, const struct vt_event *ev, const void *extra)
{
    if (ev->kind == VT_EV_GAP) {
        uint64_t lost = (uint64_t)ev->u.gap.lost[1] << 32 | ev->u.gap.lost[0];
        vt_out_format(o, "%llu events were lost here", (unsigned long long)lost);
        return true;
    }
    if (ev->kind != VT_EV_LINK_SET)
        return false;
    char name[VT_NAME];
    const struct vt_mlink *l = vt_model_link(&r->model, ev->u.link.which);
    if (l == NULL || ev->time == l->since) /* how it was laid is no change */
        return false;
    vt_out_format(o, "cable %s, from %s: ", l->name,
                  vt_model_name(&r->model, l->node[vt_model_way(l, ev)], name));
    if (extra != NULL && ev->extra != 0)
        vt_out_bytes(o, extra, ev->extra);
    else
        vt_out_text(o, "faultless");
    return true;
}

/* An error that the row held back has caused belongs to it: "RST ... error: Connection refused". */
static bool belongs_to_held(struct vt_rows *r, const struct vt_event *ev)
{
    const struct vt_rec *held = r->held ? vt_trace_get(&r->trace, r->held_ref) : NULL;
    return ev->kind == VT_EV_TCP_ERROR && held != NULL && ev->cause_node == held->node &&
           ev->cause == held->id;
}

static void add_to_held(struct vt_rows *r, const struct vt_event *ev)
{
    struct vt_out o = {0};
    const char *text = vt_strerror(ev->u.call.result);
    if (strstr(r->row.note, text) != NULL)
        return;
    vt_out_format(&o, "%s%serror: %s", r->row.note, r->row.note[0] != '\0' ? "; " : "", text);
    vt_label_put(r->row.note, sizeof r->row.note, &o);
    vt_out_free(&o);
    r->row.flags |= VT_ROWF_BAD;
}

void vt_rows_note(struct vt_rows *r, const struct vt_event *ev, const void *extra)
{
    static const uint8_t none[16];
    if (r->waiting)
        return;
    if (belongs_to_held(r, ev)) {
        add_to_held(r, ev);
        return;
    }
    struct vt_out o = {0};
    struct vt_row row = vt_rows_blank(r, ev);
    row.kind = VT_ROW_NOTE;
    bool local = note_text(r, &o, ev, extra, &row);
    if (!local) {
        row.kind = VT_ROW_LEGEND;
        if (!legend_text(r, &o, ev, extra)) {
            vt_out_free(&o);
            return;
        }
    }
    vt_label_put(row.label, sizeof row.label, &o);
    vt_out_free(&o);
    const struct vt_mconn *c = vt_model_conn(&r->model, ev->node, ev->conn);
    if (local && c != NULL && c->pair != VT_NO_SLOT) {
        const struct vt_pair *p = &r->model.pair[c->pair];
        if (r->config.port != 0 && p->end[0].port != r->config.port && p->end[1].port != r->config.port)
            return;
        if (!r->config.all && (vt_rows_column(r, p->end[0].node, p->end[0].ip, -1) < 0 ||
                               vt_rows_column(r, p->end[1].node, p->end[1].ip, -1) < 0))
            return;
        vt_rows_of(r, &row, p);
        row.side = c->side;
        row.flags |= p->end[0].node == p->end[1].node ? VT_ROWF_LOOP : 0;
    }
    if (local && !r->config.all && vt_rows_column(r, ev->node, none, -1) < 0)
        return;
    struct vt_rec *rec = vt_trace_find(&r->trace, ev->node, ev->id);
    vt_rows_emit(r, &row, rec != NULL ? rec->ref : 0);
}

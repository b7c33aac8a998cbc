/* The state machine's one setter, and which moves it allows (RFC 9293 3.3.2, figure 5). The table does not
 * drive; it tells a mistake. */
#include "transport/tcp.h"

#include "base/check.h"

#define TO(state) (1u << VT_TCP_##state)

/* From each state, where it may go. SYN-RCVD to LISTEN is a passive open that failed: it is forgotten. */
static const uint16_t moves[VT_TCP_STATE_COUNT] = {
    [VT_TCP_CLOSED] = TO(LISTEN) | TO(SYN_SENT),
    [VT_TCP_LISTEN] = TO(SYN_RCVD) | TO(CLOSED),
    [VT_TCP_SYN_SENT] = TO(ESTABLISHED) | TO(SYN_RCVD) | TO(CLOSED),
    [VT_TCP_SYN_RCVD] = TO(ESTABLISHED) | TO(FIN_WAIT1) | TO(LISTEN) | TO(CLOSED),
    [VT_TCP_ESTABLISHED] = TO(FIN_WAIT1) | TO(CLOSE_WAIT) | TO(CLOSED),
    [VT_TCP_FIN_WAIT1] = TO(FIN_WAIT2) | TO(CLOSING) | TO(TIME_WAIT) | TO(CLOSED),
    [VT_TCP_FIN_WAIT2] = TO(TIME_WAIT) | TO(CLOSED),
    [VT_TCP_CLOSE_WAIT] = TO(LAST_ACK) | TO(CLOSED),
    [VT_TCP_CLOSING] = TO(TIME_WAIT) | TO(CLOSED),
    [VT_TCP_LAST_ACK] = TO(CLOSED),
    [VT_TCP_TIME_WAIT] = TO(CLOSED),
};

bool vt_tcp_move_is_legal(enum vt_tcp_state from, enum vt_tcp_state to)
{
    return (moves[from] >> to & 1) != 0;
}

void vt_tcp_set_state(struct vt_tcp_end *e, enum vt_tcp_state to, enum vt_doc doc)
{
    enum vt_tcp_state from = (enum vt_tcp_state)e->state;
    VT_ASSERT(vt_tcp_move_is_legal(from, to));
    e->state = (uint8_t)to;
    struct vt_events *ev = &e->tcp->core->ev;
    struct vt_event *r = vt_event_begin(ev, VT_EV_TCP_STATE, doc);
    if (r == NULL)
        return;
    r->conn = e->conn;
    r->mark = e->mark;
    r->u.state.from = (uint8_t)from;
    r->u.state.to = (uint8_t)to;
    vt_event_end(ev, r, NULL, 0);
}

void vt_tcp_emit_conn(struct vt_tcp_end *e, enum vt_event_kind kind, uint32_t parent)
{
    struct vt_events *ev = &e->tcp->core->ev;
    struct vt_event *r = vt_event_begin(ev, kind, VT_DOC_NONE);
    if (r == NULL)
        return;
    r->conn = e->conn;
    r->mark = e->mark;
    memcpy(r->u.conn.local, e->local.ip.b, 16);
    memcpy(r->u.conn.remote, e->remote.ip.b, 16);
    r->u.conn.lport = e->local.port;
    r->u.conn.rport = e->remote.port;
    r->u.conn.scope = e->local.scope;
    r->u.conn.parent = parent;
    r->u.conn.state = e->state;
    vt_event_end(ev, r, NULL, 0);
}

void vt_tcp_emit_error(struct vt_tcp_end *e, int error, enum vt_doc doc)
{
    struct vt_events *ev = &e->tcp->core->ev;
    struct vt_event *r = vt_event_begin(ev, VT_EV_TCP_ERROR, doc);
    if (r == NULL)
        return;
    r->conn = e->conn;
    r->mark = e->mark;
    r->u.call.result = error;
    vt_event_end(ev, r, NULL, 0);
}

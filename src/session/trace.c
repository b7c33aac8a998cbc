#include "socket.h"

static uint32_t clip(size_t n)
{
    return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

void vt_call_enter(struct vt_sockets *s, struct vt_call_trace *t, enum vt_call call, int fd, size_t arg,
                   const struct vt_socket *so)
{
    struct vt_events *ev = &s->core->ev;

    t->before = t->cause = ev->cause;
    /* A program that nobody set going has its reason from the socket: it takes what came, or goes on where it
     * had to wait. */
    if (t->cause.n == 0 && so != NULL &&
        (call == VT_CALL_RECV || call == VT_CALL_ACCEPT || (so->waiting & 1u << call) != 0))
        t->cause = so->why;
    t->id = vt_event_reserve(ev);
    t->call = call;
    t->fd = fd;
    t->arg = clip(arg);
    ev->cause = t->id;
}

static void emit(struct vt_sockets *s, const struct vt_call_trace *t, enum vt_event_kind kind, uint32_t conn,
                 uint32_t mark, long result)
{
    struct vt_events *ev = &s->core->ev;
    struct vt_event *e;

    ev->cause = t->cause;
    e = vt_event_begin_reserved(ev, t->id, kind, VT_DOC_NONE);
    if (e != NULL) {
        e->conn = conn;
        e->mark = mark;
        e->u.call.call = t->call;
        e->u.call.fd = t->fd;
        e->u.call.result = result > INT32_MAX ? INT32_MAX : (int32_t)result;
        e->u.call.arg = t->arg;
        vt_event_end(ev, e, NULL, 0);
    }
    ev->cause = t->before;
}

long vt_call_leave(struct vt_sockets *s, const struct vt_call_trace *t, struct vt_socket *so, long result)
{
    uint16_t bit = (uint16_t)(1u << t->call);
    bool wait = result == -VT_EAGAIN || result == -VT_EALREADY;
    uint32_t conn = 0, mark = 0;

    if (so != NULL) {
        if (wait && (so->waiting & bit) != 0) {
            s->core->ev.cause = t->before;
            return result;
        }
        if (wait || result == -VT_EINPROGRESS)
            so->waiting |= bit;
        else
            so->waiting &= (uint16_t)~bit;
        conn = so->ops->conn != NULL ? so->ops->conn(so) : 0;
        mark = so->mark;
    }
    emit(s, t, wait ? VT_EV_SOCK_WAIT : VT_EV_SOCK_CALL, conn, mark, result);
    return result;
}

void vt_call_quiet(struct vt_sockets *s, const struct vt_call_trace *t)
{
    s->core->ev.cause = t->before;
}

void vt_call_ended(struct vt_sockets *s, const struct vt_call_trace *t, uint32_t conn, uint32_t mark,
                   long result)
{
    emit(s, t, VT_EV_SOCK_CALL, conn, mark, result);
}

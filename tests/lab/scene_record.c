/* Finding in a scene's record what should be there. */
#include "scene.h"

uint32_t scene_node(const struct scene *s, const char *name)
{
    const char *at;
    for (uint32_t i = 0; (at = vt_lab_node_name(s->lab, i, NULL)) != NULL; i++)
        if (strcmp(at, name) == 0)
            return i + 1;
    fail_msg("no node %s", name);
    return 0;
}

/* The number of a node in events: NULL any, "" the cables. */
static bool is_on(const struct scene *s, const struct vt_event *ev, const char *node)
{
    if (node == NULL)
        return true;
    return ev->node == (node[0] != '\0' ? scene_node(s, node) : 0);
}

size_t scene_mark(const struct scene *s)
{
    return s->events;
}

const struct vt_event *scene_find(const struct scene *s, size_t from, const char *node, unsigned kind,
                                  size_t i)
{
    for (size_t at = from; at < s->events; at++) {
        const struct vt_event *ev = &s->event[at].ev;
        if (ev->kind == kind && is_on(s, ev, node) && i-- == 0)
            return ev;
    }
    return NULL;
}

size_t scene_count(const struct scene *s, size_t from, const char *node, unsigned kind)
{
    size_t n = 0;
    for (size_t at = from; at < s->events; at++)
        n += s->event[at].ev.kind == kind && is_on(s, &s->event[at].ev, node);
    return n;
}

size_t scene_drops(const struct scene *s, size_t from, const char *node, unsigned reason)
{
    size_t n = 0;
    for (size_t at = from; at < s->events; at++) {
        const struct vt_event *ev = &s->event[at].ev;
        n += ev->kind == VT_EV_DROP && ev->u.drop.reason == reason && is_on(s, ev, node);
    }
    return n;
}

const struct vt_event *scene_event_of(const struct scene *s, uint32_t node, uint64_t id)
{
    for (size_t at = s->events; at-- > 0;)
        if (s->event[at].ev.id == id && s->event[at].ev.node == node)
            return &s->event[at].ev;
    return NULL;
}

bool scene_because(const struct scene *s, const struct vt_event *ev, const struct vt_event *root)
{
    for (unsigned steps = 0; ev != NULL && steps < 1000; steps++) {
        if (ev == root)
            return true;
        ev = ev->cause != 0 ? scene_event_of(s, ev->cause_node, ev->cause) : NULL;
    }
    return false;
}

/* ---- Segments ---- */

void scene_segs(const struct scene *s, size_t from, uint16_t port, struct scene_segs *segs)
{
    segs->n = 0;
    for (size_t at = from; at < s->events; at++) {
        const struct vt_event *ev = &s->event[at].ev;
        if (ev->kind != VT_EV_TCP_TX || (ev->u.seg.sport != port && ev->u.seg.dport != port))
            continue;
        assert_true(segs->n < SCENE_SEGS);
        segs->at[segs->n++] = ev;
    }
}

bool scene_is(const struct scene *s, const struct vt_event *seg, const char *node, unsigned flags)
{
    return is_on(s, seg, node) && (seg->u.seg.flags & ~(unsigned)VT_PSH) == flags;
}

const struct vt_event *scene_arrival(const struct scene *s, const struct vt_event *seg)
{
    for (size_t at = 0; at < s->events; at++) {
        const struct vt_event *ev = &s->event[at].ev;
        if (ev->kind == VT_EV_TCP_RX && ev->u.seg.seq == seg->u.seg.seq &&
            ev->u.seg.sport == seg->u.seg.sport && ev->u.seg.dport == seg->u.seg.dport &&
            ev->u.seg.len == seg->u.seg.len && scene_because(s, ev, seg))
            return ev;
    }
    return NULL;
}

/* ---- Connections ---- */

/* The connection's TCP_CONN event. */
static const struct vt_event *conn_of(const struct scene *s, uint32_t node, uint32_t conn)
{
    for (size_t at = 0; at < s->events; at++) {
        const struct vt_event *ev = &s->event[at].ev;
        if (ev->kind == VT_EV_TCP_CONN && ev->node == node && ev->conn == conn)
            return ev;
    }
    return NULL;
}

/* Whether it is a change of state of a connection, not of a listener, with this port at an end. */
static bool is_move(const struct scene *s, const struct vt_event *ev, const char *node, uint16_t port)
{
    if (ev->kind != VT_EV_TCP_STATE || !is_on(s, ev, node))
        return false;
    const struct vt_event *conn = conn_of(s, ev->node, ev->conn);
    return conn != NULL && conn->u.conn.rport != 0 &&
           (conn->u.conn.lport == port || conn->u.conn.rport == port);
}

char *scene_states(const struct scene *s, size_t from, const char *node, uint16_t port, char *buf,
                   size_t size)
{
    size_t len = 0;
    buf[0] = '\0';
    for (size_t at = from; at < s->events; at++) {
        const struct vt_event *ev = &s->event[at].ev;
        if (!is_move(s, ev, node, port))
            continue;
        len += (size_t)snprintf(buf + len, size - len, "%s%s", len > 0 ? " " : "",
                                vt_tcp_state_name(ev->u.state.to));
        assert_true(len < size);
    }
    return buf;
}

vt_time scene_entered(const struct scene *s, size_t from, const char *node, uint16_t port, unsigned state)
{
    for (size_t at = from; at < s->events; at++) {
        const struct vt_event *ev = &s->event[at].ev;
        if (is_move(s, ev, node, port) && ev->u.state.to == state)
            return ev->time;
    }
    return VT_NEVER;
}

unsigned scene_state(const struct scene *s, const char *node, uint16_t port)
{
    for (size_t at = s->events; at-- > 0;)
        if (is_move(s, &s->event[at].ev, node, port))
            return s->event[at].ev.u.state.to;
    return VT_TCP_CLOSED;
}

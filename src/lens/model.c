/* Connections: who they are, in which state, and which two belong together. */
#include "model.h"

#include <stdlib.h>

#define SCAN 64 /* slots looked at for a closed one before an open one is given up */

bool vt_model_init(struct vt_model *m)
{
    *m = (struct vt_model){0};
    m->conn = calloc(VT_MODEL_CONNS, sizeof *m->conn);
    m->pair = calloc(VT_MODEL_CONNS, sizeof *m->pair);
    if (m->conn == NULL || m->pair == NULL || !vt_index_init(&m->by_conn, VT_MODEL_CONNS) ||
        !vt_index_init(&m->by_pair, VT_MODEL_CONNS)) {
        vt_model_fini(m);
        return false;
    }
    return true;
}

void vt_model_fini(struct vt_model *m)
{
    free(m->node);
    free(m->port);
    free(m->link);
    free(m->addr);
    free(m->conn);
    free(m->pair);
    vt_index_fini(&m->by_port);
    vt_index_fini(&m->by_addr);
    vt_index_fini(&m->by_conn);
    vt_index_fini(&m->by_pair);
    *m = (struct vt_model){0};
}

/* ---- Pairs ---- */

struct vt_pair *vt_model_pair(const struct vt_model *m, uint32_t slot, uint64_t id)
{
    return slot < VT_MODEL_CONNS && id != 0 && m->pair[slot].id == id ? &m->pair[slot] : NULL;
}

/* The same for both directions. */
static uint32_t hash_ends(const uint8_t ip_a[16], uint16_t port_a, const uint8_t ip_b[16], uint16_t port_b)
{
    return vt_model_hash_ip(ip_a, port_a) ^ vt_model_hash_ip(ip_b, port_b);
}

static bool end_is(const struct vt_mend *e, const uint8_t ip[16], uint16_t port)
{
    return e->port == port && memcmp(e->ip, ip, 16) == 0;
}

/* The newest pair between two addresses; *side is the first's end. */
static struct vt_pair *pair_find(const struct vt_model *m, const uint8_t ip[16], uint16_t port,
                                 const uint8_t peer_ip[16], uint16_t peer_port, unsigned *side)
{
    struct vt_pair *best = NULL;
    uint32_t slot = vt_index_first(&m->by_pair, hash_ends(ip, port, peer_ip, peer_port));
    for (; slot != VT_NO_SLOT; slot = vt_index_next(&m->by_pair, slot)) {
        struct vt_pair *p = &m->pair[slot];
        for (unsigned s = 0; s < 2; s++) {
            if (!end_is(&p->end[s], ip, port) || !end_is(&p->end[1 - s], peer_ip, peer_port) ||
                (best != NULL && best->id >= p->id))
                continue;
            best = p;
            *side = s;
        }
    }
    return best;
}

static bool pair_is_over(const struct vt_model *m, const struct vt_pair *p)
{
    for (unsigned s = 0; s < 2; s++) {
        uint32_t slot = p->end[s].conn;
        if (slot != VT_NO_SLOT && m->conn[slot].state != VT_TCP_CLOSED)
            return false;
    }
    return true;
}

static void pair_drop(struct vt_model *m, struct vt_pair *p)
{
    for (unsigned s = 0; s < 2; s++) {
        if (p->end[s].conn != VT_NO_SLOT)
            m->conn[p->end[s].conn].pair = VT_NO_SLOT;
    }
    vt_index_remove(&m->by_pair, vt_model_slot(m, p));
    p->id = 0;
    m->evicted++;
}

static uint32_t pair_slot(struct vt_model *m)
{
    uint32_t first = m->next_slot, slot = first;
    for (unsigned i = 0; i < SCAN; i++) {
        slot = (first + i) % VT_MODEL_CONNS;
        if (m->pair[slot].id == 0 || pair_is_over(m, &m->pair[slot]))
            break;
        slot = first;
    }
    m->next_slot = (slot + 1) % VT_MODEL_CONNS;
    return slot;
}

/* Makes a pair whose opener has the first address; `node` says who has which. */
static struct vt_pair *pair_new(struct vt_model *m, const uint8_t *const ip[2], const uint16_t port[2],
                                const uint32_t node[2], vt_time now)
{
    uint32_t slot = pair_slot(m);
    struct vt_pair *p = &m->pair[slot];
    if (p->id != 0)
        pair_drop(m, p);
    *p = (struct vt_pair){.id = ++m->last_pair, .closer = 2, .opened = now};
    for (unsigned s = 0; s < 2; s++) {
        p->end[s].conn = VT_NO_SLOT;
        p->end[s].node = node[s];
        p->end[s].port = port[s];
        memcpy(p->end[s].ip, ip[s], 16);
    }
    vt_index_add(&m->by_pair, slot, hash_ends(ip[0], port[0], ip[1], port[1]));
    return p;
}

static void pair_hide(struct vt_model *m, struct vt_pair *p, uint32_t mark)
{
    if (mark != VT_MARK_PAGE || p->hidden)
        return;
    p->hidden = true;
    if (m->hid != NULL)
        m->hid(m->ctx, p->id);
}

int vt_model_state(const struct vt_model *m, const struct vt_pair *p, unsigned side)
{
    const struct vt_mend *e = &p->end[side];
    if (e->conn != VT_NO_SLOT)
        return m->conn[e->conn].state;
    if (e->node == VT_OUTSIDE)
        return -1;
    if (e->was)
        return VT_TCP_CLOSED;
    for (uint32_t i = 0; i < VT_MODEL_CONNS; i++) {
        const struct vt_mconn *c = &m->conn[i];
        struct vt_ip any;
        memcpy(any.b, c->local, sizeof any.b);
        if (c->conn != 0 && c->state == VT_TCP_LISTEN && c->node == e->node && c->lport == e->port &&
            (vt_ip_is_any(any) || memcmp(c->local, e->ip, 16) == 0))
            return VT_TCP_LISTEN;
    }
    return VT_TCP_CLOSED;
}

/* ---- Connections ---- */

struct vt_mconn *vt_model_conn(const struct vt_model *m, uint32_t node, uint32_t conn)
{
    if (conn == 0)
        return NULL;
    uint32_t slot = vt_index_first(&m->by_conn, vt_mix(conn, node));
    while (slot != VT_NO_SLOT && (m->conn[slot].conn != conn || m->conn[slot].node != node))
        slot = vt_index_next(&m->by_conn, slot);
    return slot != VT_NO_SLOT ? &m->conn[slot] : NULL;
}

static void conn_unbind(struct vt_model *m, struct vt_mconn *c)
{
    if (c->pair != VT_NO_SLOT)
        m->pair[c->pair].end[c->side].conn = VT_NO_SLOT;
    c->pair = VT_NO_SLOT;
}

static struct vt_mconn *conn_new(struct vt_model *m, const struct vt_event *ev)
{
    uint32_t first = m->next_conn, slot = first;
    for (unsigned i = 0; i < SCAN; i++) {
        slot = (first + i) % VT_MODEL_CONNS;
        if (m->conn[slot].conn == 0 || m->conn[slot].state == VT_TCP_CLOSED)
            break;
        slot = first;
    }
    m->next_conn = (slot + 1) % VT_MODEL_CONNS;
    struct vt_mconn *c = &m->conn[slot];
    if (c->conn != 0) {
        conn_unbind(m, c);
        vt_index_remove(&m->by_conn, slot);
        m->evicted++;
    }
    *c = (struct vt_mconn){.node = ev->node, .conn = ev->conn, .pair = VT_NO_SLOT, .since = ev->time};
    vt_index_add(&m->by_conn, slot, vt_mix(ev->conn, ev->node));
    return c;
}

static void conn_bind(struct vt_model *m, struct vt_mconn *c, struct vt_pair *p, unsigned side)
{
    struct vt_mend *e = &p->end[side];
    if (e->conn != VT_NO_SLOT)
        m->conn[e->conn].pair = VT_NO_SLOT;
    e->conn = (uint32_t)(c - m->conn);
    e->node = c->node;
    e->was = true;
    c->pair = vt_model_slot(m, p);
    c->side = (uint8_t)side;
    pair_hide(m, p, c->mark);
}

/* Finds the pair of a connection that knows both its addresses, or makes it. A passive end joins the pair
 * that its peer's SYN has made, whatever was there before (a half-open entry with a number of its own). An
 * active one joins only where its end is still empty: that is a simultaneous open (RFC 9293 3.5, figure 7).
 */
static void conn_pair(struct vt_model *m, struct vt_mconn *c, bool passive, vt_time now)
{
    unsigned side;
    struct vt_pair *p = pair_find(m, c->local, c->lport, c->remote, c->rport, &side);
    if (p != NULL && (passive ? side == 1 || !p->end[side].was : !p->end[side].was)) {
        conn_bind(m, c, p, side);
        return;
    }
    const uint32_t peer = vt_model_owner(m, c->remote, c->node);
    const uint8_t *const ip[2] = {passive ? c->remote : c->local, passive ? c->local : c->remote};
    const uint16_t port[2] = {passive ? c->rport : c->lport, passive ? c->lport : c->rport};
    const uint32_t node[2] = {passive ? peer : c->node, passive ? c->node : peer};
    conn_bind(m, c, pair_new(m, ip, port, node, now), passive);
}

static void take_conn(struct vt_model *m, const struct vt_event *ev)
{
    struct vt_mconn *c = vt_model_conn(m, ev->node, ev->conn);
    if (ev->conn == 0)
        return;
    bool fresh = c == NULL;
    if (fresh)
        c = conn_new(m, ev);
    memcpy(c->local, ev->u.conn.local, 16);
    memcpy(c->remote, ev->u.conn.remote, 16);
    c->lport = ev->u.conn.lport;
    c->rport = ev->u.conn.rport;
    c->mark = ev->mark;
    if (fresh)
        c->state = ev->u.conn.state;
    if (c->rport != 0 && c->state != VT_TCP_LISTEN && c->pair == VT_NO_SLOT)
        conn_pair(m, c, ev->u.conn.parent != 0 || c->state == VT_TCP_SYN_RCVD, ev->time);
    if (c->pair != VT_NO_SLOT)
        pair_hide(m, &m->pair[c->pair], c->mark);
}

static void take_state(struct vt_model *m, const struct vt_event *ev)
{
    struct vt_mconn *c = vt_model_conn(m, ev->node, ev->conn);
    if (ev->conn == 0)
        return;
    if (c == NULL)
        c = conn_new(m, ev);
    c->state = ev->u.state.to;
    c->since = ev->time;
    if (c->rport != 0 &&
        c->state == VT_TCP_LISTEN) { /* a passive open that failed: it is forgotten (RFC 9293 3.10.7.4) */
        c->state = VT_TCP_CLOSED;
        if (c->pair != VT_NO_SLOT)
            m->pair[c->pair].end[c->side].was = false;
        conn_unbind(m, c);
    }
}

/* ---- Segments ---- */

static uint32_t seg_span(const struct vt_event *ev)
{
    return ev->u.seg.len + ((ev->u.seg.flags & VT_SYN) != 0) + ((ev->u.seg.flags & VT_FIN) != 0);
}

/* Notes what an end has sent. */
static void seg_sent(struct vt_model *m, struct vt_pair *p, unsigned side, const struct vt_event *ev)
{
    struct vt_mend *e = &p->end[side];
    struct vt_mend *peer = &p->end[1 - side];
    uint32_t span = seg_span(ev), seq = ev->u.seg.seq;
    unsigned flags = ev->u.seg.flags;
    bool probe = ev->u.seg.why == VT_SEG_KEEPALIVE || ev->u.seg.why == VT_SEG_PROBE;

    e->segments++;
    m->again = span != 0 && !probe && e->have_next && vt_seq_lt(vt_seq(seq), vt_seq(e->next));
    e->again += m->again;
    if (flags & VT_SYN) {
        e->isn = seq;
        e->have_isn = e->have_syn = true;
    }
    if (!e->have_isn && (flags & VT_RST) == 0) { /* its beginning was not seen: count from what is */
        e->isn = seq - 1;
        e->have_isn = true;
    }
    if (flags & VT_FIN) {
        if (!e->have_fin && p->closer == 1 - side && !p->have_v && ev->u.seg.ack == peer->fin + 1)
            p->three = true;
        e->fin = seq + ev->u.seg.len;
        e->have_fin = true;
        if (p->closer == 2)
            p->closer = (uint8_t)side;
    }
    if ((flags & VT_RST) == 0 && (!e->have_next || vt_seq_gt(vt_seq(seq + span), vt_seq(e->next)))) {
        uint32_t fresh = e->have_next ? seq + span - e->next : span;
        e->bytes += fresh > ev->u.seg.len ? ev->u.seg.len : fresh;
        e->next = seq + span;
        e->have_next = true;
    }
    if ((flags & VT_ACK) == 0 || (flags & VT_RST) != 0)
        return;
    if (p->closer == 1 - side && !p->have_v && !e->have_fin && ev->u.seg.ack == peer->fin + 1) {
        p->v = seq;
        p->have_v = true;
    }
    if (!e->have_ack || vt_seq_ge(vt_seq(ev->u.seg.ack), vt_seq(e->ack))) {
        e->ack = ev->u.seg.ack;
        e->wnd = ev->u.seg.wnd;
        e->have_ack = true;
    }
}

struct vt_pair *vt_model_seg_pair(const struct vt_model *m, const struct vt_event *ev, unsigned *sender)
{
    bool tx = ev->kind == VT_EV_TCP_TX;
    const struct vt_mconn *c = vt_model_conn(m, ev->node, ev->conn);
    if (c != NULL && c->pair != VT_NO_SLOT) {
        *sender = tx ? c->side : 1u - c->side;
        return &m->pair[c->pair];
    }
    return pair_find(m, ev->u.seg.src, ev->u.seg.sport, ev->u.seg.dst, ev->u.seg.dport, sender);
}

static struct vt_pair *seg_pair_new(struct vt_model *m, const struct vt_event *ev, unsigned *sender)
{
    bool tx = ev->kind == VT_EV_TCP_TX;
    const uint32_t src = tx ? ev->node : vt_model_owner(m, ev->u.seg.src, ev->node);
    const uint32_t dst = tx ? vt_model_owner(m, ev->u.seg.dst, ev->node) : ev->node;
    const uint8_t *const ip[2] = {ev->u.seg.src, ev->u.seg.dst};
    const uint16_t port[2] = {ev->u.seg.sport, ev->u.seg.dport};
    const uint32_t node[2] = {src, dst};
    *sender = 0;
    return pair_new(m, ip, port, node, ev->time);
}

/* A connection whose CONN event did not tell its peer, or was not seen: its segments do. */
static void seg_teaches(struct vt_model *m, const struct vt_event *ev)
{
    struct vt_mconn *c = vt_model_conn(m, ev->node, ev->conn);
    bool tx = ev->kind == VT_EV_TCP_TX;
    if (ev->conn == 0 || (c != NULL && (c->pair != VT_NO_SLOT || c->state == VT_TCP_LISTEN)))
        return;
    if (c == NULL) {
        if (ev->u.seg.state == VT_TCP_LISTEN)
            return;
        c = conn_new(m, ev);
        c->state = ev->u.seg.state;
        c->mark = ev->mark;
    }
    memcpy(c->local, tx ? ev->u.seg.src : ev->u.seg.dst, 16);
    memcpy(c->remote, tx ? ev->u.seg.dst : ev->u.seg.src, 16);
    c->lport = tx ? ev->u.seg.sport : ev->u.seg.dport;
    c->rport = tx ? ev->u.seg.dport : ev->u.seg.sport;
    unsigned syn = ev->u.seg.flags & (VT_SYN | VT_ACK);
    conn_pair(m, c, tx ? syn == (VT_SYN | VT_ACK) : syn == VT_SYN, ev->time);
}

static void take_seg(struct vt_model *m, const struct vt_event *ev, vt_ref ref)
{
    unsigned sender;
    seg_teaches(m, ev);
    struct vt_pair *p = vt_model_seg_pair(m, ev, &sender);
    if (p == NULL)
        p = seg_pair_new(m, ev, &sender);
    pair_hide(m, p, ev->mark);
    struct vt_mconn *c = vt_model_conn(m, ev->node, ev->conn);
    if (ev->kind == VT_EV_TCP_TX) {
        seg_sent(m, p, sender, ev);
        if (c != NULL)
            c->last_tx = ref;
    } else {
        if (p->end[sender].node == VT_OUTSIDE)
            seg_sent(m, p, sender, ev);
        if (c != NULL)
            c->last_tx = 0;
    }
}

void vt_model_event(struct vt_model *m, const struct vt_event *ev, const void *extra, vt_ref ref)
{
    m->again = false;
    switch (ev->kind) {
    case VT_EV_TCP_CONN:
    case VT_EV_TCP_MARK: take_conn(m, ev); break;
    case VT_EV_TCP_STATE: take_state(m, ev); break;
    case VT_EV_TCP_TX:
    case VT_EV_TCP_RX: take_seg(m, ev, ref); break;
    case VT_EV_GAP: m->gaps++; break;
    default: vt_model_topology(m, ev, extra); break;
    }
}

/* Which events make a row, and when its fate is known. */
#include "rows.h"

#include <stdio.h>

/* ---- Columns ---- */

static bool is_outside(const struct vt_column *c)
{
    return c->node == VT_OUTSIDE;
}

int vt_rows_column(const struct vt_rows *r, uint32_t node, const uint8_t ip[16], int side)
{
    for (unsigned i = 0; i < r->columns; i++) {
        const struct vt_column *c = &r->column[i];
        if (c->node != node || (c->side >= 0 && side >= 0 && c->side != side))
            continue;
        if (!is_outside(c) || memcmp(c->ip, ip, 16) == 0)
            return (int)i;
    }
    return -1;
}

static bool has_column(const struct vt_rows *r, uint32_t node, const uint8_t ip[16])
{
    return vt_rows_column(r, node, ip, -1) >= 0;
}

static void add_column(struct vt_rows *r, uint32_t node, const uint8_t ip[16], int side)
{
    struct vt_column *c = &r->column[r->columns++];
    char name[VT_NAME];
    struct vt_out text = {0};
    *c = (struct vt_column){.node = node, .side = side};
    memcpy(c->ip, ip, 16);
    if (node == VT_OUTSIDE)
        vt_out_ip(&text, ip);
    else
        vt_out_text(&text, vt_model_name(&r->model, node, name));
    if (side >= 0)
        vt_out_text(&text, side == 0 ? " (client)" : " (server)");
    vt_label_put(c->name, sizeof c->name, &text);
    vt_out_free(&text);
}

static void columns_ready(struct vt_rows *r)
{
    r->waiting = false;
    if (r->config.columns != NULL)
        r->config.columns(r->config.ctx);
}

/* The two ends of a conversation, the one who began it on the left. */
static void choose_ends(struct vt_rows *r, const uint32_t node[2], const uint8_t *const ip[2])
{
    bool loop = node[0] == node[1] && node[0] != VT_OUTSIDE;
    for (int s = 0; s < 2; s++)
        add_column(r, node[s], ip[s], loop ? s : -1);
    columns_ready(r);
}

/* Looks for a node of this name. */
static uint32_t node_named(const struct vt_model *m, const char *name)
{
    for (uint32_t i = 0; i < m->nnodes; i++) {
        if (m->node[i].known && strcmp(m->node[i].name, name) == 0)
            return i;
    }
    return VT_OUTSIDE;
}

/* An IPv4 address in dotted decimal; false for anything else. */
static bool parse_ip4(const char *text, uint8_t ip[16])
{
    unsigned b[4];
    char rest;
    if (sscanf(text, "%3u.%3u.%3u.%3u%c", &b[0], &b[1], &b[2], &b[3], &rest) != 4)
        return false;
    struct vt_ip a = VT_IP4(b[0], b[1], b[2], b[3]);
    memcpy(ip, a.b, 16);
    return b[0] < 256 && b[1] < 256 && b[2] < 256 && b[3] < 256;
}

/* Columns by name: known as soon as all of the lab's are; an address that no node has is outside. */
static void resolve_columns(struct vt_rows *r)
{
    static const uint8_t none[16];
    r->columns = 0;
    for (unsigned i = 0; i < VT_ROWS_COLUMNS && r->config.column[i][0] != '\0'; i++) {
        uint8_t ip[16];
        const char *name = r->config.column[i];
        uint32_t node = node_named(&r->model, name);
        bool address = node == VT_OUTSIDE && parse_ip4(name, ip);
        if (node == VT_OUTSIDE && !address)
            return;
        if (address)
            node = vt_model_owner(&r->model, ip, VT_OUTSIDE);
        add_column(r, node, address ? ip : none, -1);
    }
    columns_ready(r);
}

static bool port_wanted(const struct vt_rows *r, uint16_t a, uint16_t b)
{
    return r->config.port == 0 || a == r->config.port || b == r->config.port;
}

/* The first conversation gives an automatic ladder its columns. */
static void choose_columns(struct vt_rows *r, const struct vt_event *ev)
{
    if (r->config.column[0][0] != '\0') {
        resolve_columns(r);
        return;
    }
    const uint8_t *const ip[2] = {ev->u.udp.src, ev->u.udp.dst};
    const uint32_t node[2] = {ev->node, vt_model_owner(&r->model, ip[1], ev->node)};
    struct vt_ip to;
    memcpy(to.b, ip[1], sizeof to.b);
    if (ev->kind == VT_EV_TCP_CONN) {
        const struct vt_mconn *c = vt_model_conn(&r->model, ev->node, ev->conn);
        const struct vt_pair *p = c != NULL && c->pair != VT_NO_SLOT ? &r->model.pair[c->pair] : NULL;
        if (p == NULL || (p->hidden && !r->config.hidden) || !port_wanted(r, p->end[0].port, p->end[1].port))
            return;
        choose_ends(r, (const uint32_t[2]){p->end[0].node, p->end[1].node},
                    (const uint8_t *const[2]){p->end[0].ip, p->end[1].ip});
    } else if (ev->kind == VT_EV_UDP_TX || ev->kind == VT_EV_ICMP_TX) {
        bool wanted = ev->kind == VT_EV_ICMP_TX ? r->config.port == 0
                                                : port_wanted(r, ev->u.udp.sport, ev->u.udp.dport);
        if (wanted && !vt_ip_is_multicast(to) && (node[1] != VT_OUTSIDE || r->model.nlinks != 0))
            choose_ends(r, node, ip);
    }
}

/* ---- Whether a row belongs on this ladder ---- */

static bool is_router(const struct vt_rows *r, uint32_t node)
{
    const struct vt_mnode *n = vt_model_node(&r->model, node);
    return n != NULL && n->kind == VT_NODE_ROUTER;
}

/* Narrow (TCP and UDP): both ends have a column. ICMP and ARP also between a column and a router, or a place
 * that is no node: then the arrow leaves the ladder. */
static bool wanted(const struct vt_rows *r, const struct vt_row *row, bool narrow)
{
    if (r->config.all)
        return true;
    bool from = has_column(r, row->from, row->ip[0]), to = has_column(r, row->to, row->ip[1]);
    if (from && to)
        return true;
    if (narrow)
        return false;
    uint32_t other = from ? row->to : row->from;
    return (from || to) && (other == VT_OUTSIDE || is_router(r, other));
}

/* ---- Handing out ---- */

static void set_states(struct vt_rows *r, struct vt_row *row)
{
    const struct vt_pair *p = vt_model_pair(&r->model, row->slot, row->context);
    int fixed = row->tcp && row->kind == VT_ROW_ARROW && row->state[row->side] >= 0 ? row->side : -1;
    if (p == NULL)
        return;
    if (row->pair == 0 && (p->hidden || (row->from != p->end[0].node && row->from != p->end[1].node &&
                                         row->to != p->end[0].node && row->to != p->end[1].node)))
        return;
    for (int s = 0; s < 2; s++) {
        row->end_node[s] = p->end[s].node;
        if (s != fixed)
            row->state[s] = (int8_t)vt_model_state(&r->model, p, (unsigned)s);
    }
}

static void hand_out(struct vt_rows *r, struct vt_row *row)
{
    const struct vt_pair *p = vt_model_pair(&r->model, row->slot, row->pair);
    if (p != NULL && p->hidden)
        row->flags |= VT_ROWF_HIDDEN;
    if ((row->flags & VT_ROWF_HIDDEN) != 0 && !r->config.hidden)
        return;
    row->number = ++r->number;
    r->config.row(r->config.ctx, row);
}

void vt_rows_flush(struct vt_rows *r)
{
    if (!r->held)
        return;
    r->held = false;
    set_states(r, &r->row);
    hand_out(r, &r->row);
    struct vt_pair *p = vt_model_pair(&r->model, r->row.slot, r->row.pair);
    while (p != NULL && vt_label_legend(r, p, &r->row)) {
        set_states(r, &r->row);
        hand_out(r, &r->row);
    }
}

/* Holds a row back until what it led to is known: everything that `rx` causes on its node at this time. */
void vt_rows_emit(struct vt_rows *r, const struct vt_row *row, vt_ref rx)
{
    vt_rows_flush(r);
    r->row = *row;
    r->held = true;
    r->held_ref = rx;
}

void vt_rows_tick(struct vt_rows *r, vt_time now)
{
    if (r->held && now > r->row.time)
        vt_rows_flush(r);
}

/* A state change that the held row did not cause must not show in it. */
static bool must_flush(struct vt_rows *r, const struct vt_event *ev)
{
    if (ev->time > r->row.time)
        return true;
    if (ev->kind != VT_EV_TCP_STATE && ev->kind != VT_EV_TCP_CONN)
        return false;
    const struct vt_rec *held = vt_trace_get(&r->trace, r->held_ref);
    const struct vt_rec *cause = vt_trace_find(&r->trace, ev->cause_node, ev->cause);
    if (held == NULL || ev->node != held->node)
        return true;
    if (ev->cause == 0 || cause == held)
        return false;
    return cause == NULL || cause->flight == 0 || cause->flight != held->flight || cause->node != held->node;
}

struct vt_row vt_rows_blank(struct vt_rows *r, const struct vt_event *ev)
{
    return (struct vt_row){.time = ev->time,
                           .sent = ev->time,
                           .from = ev->node,
                           .to = ev->node,
                           .context = r->current,
                           .slot = r->current_slot,
                           .end_node = {VT_OUTSIDE, VT_OUTSIDE},
                           .state = {-1, -1},
                           .why = "",
                           .key = *ev};
}

/* The row speaks of this connection. */
void vt_rows_of(struct vt_rows *r, struct vt_row *row, const struct vt_pair *p)
{
    row->tcp = true;
    row->pair = row->context = r->current = p->id;
    row->slot = r->current_slot = vt_model_slot(&r->model, p);
}

/* ---- Arrows ---- */

/* A packet's two addresses. */
static void ends_of(const struct vt_event *ev, uint8_t src[16], uint8_t dst[16])
{
    if (ev->kind == VT_EV_ARP_TX || ev->kind == VT_EV_ARP_RX) {
        struct vt_ip a = vt_ip_from4(vt_get32(ev->u.arp.sender_ip));
        struct vt_ip b = vt_ip_from4(vt_get32(ev->u.arp.target_ip));
        memcpy(src, a.b, 16);
        memcpy(dst, b.b, 16);
    } else {
        memcpy(src, ev->u.udp.src, 16);
        memcpy(dst, ev->u.udp.dst, 16);
    }
}

/* The last departure before `at` from a node that has a column, else the first of all. */
static struct vt_rec *departure(struct vt_rows *r, struct vt_rec *at)
{
    static const uint8_t none[16];
    struct vt_rec *found = NULL;
    for (struct vt_rec *p = at; p != NULL; p = vt_trace_get(&r->trace, p->parent)) {
        if (p->kind == VT_EV_PORT_TX && p != at) {
            found = p;
            if (!r->config.all && has_column(r, p->node, none) && p->node != at->node)
                break;
        }
        if (vt_is_maker(p->kind))
            break;
    }
    return found;
}

/* Fills in an arrow that ends with `at`, of the packet that `ev` (its making, or its reading) tells of. */
static bool arrow(struct vt_rows *r, struct vt_row *row, const struct vt_event *ev, struct vt_rec *at,
                  uint32_t to)
{
    struct vt_rec *maker = vt_trace_get(&r->trace, at->maker);
    struct vt_rec *from = departure(r, at);
    struct vt_rec *flight = vt_trace_get(&r->trace, at->flight);
    struct vt_rec *bytes = vt_trace_port(&r->trace, at);
    ends_of(ev, row->ip[0], row->ip[1]);
    row->kind = VT_ROW_ARROW;
    row->time = at->time;
    row->sent = from != NULL ? from->time : maker != NULL ? maker->time : at->time;
    row->to = to;
    row->from = maker == NULL ? VT_OUTSIDE : from != NULL ? from->node : maker->node;
    if (maker != NULL && maker->node == to && at->flight == 0)
        row->flags |= VT_ROWF_LOOP;
    if (bytes != NULL && (bytes->flags & VT_REC_DAMAGED) != 0)
        row->flags |= VT_ROWF_DAMAGED;
    if (flight != NULL && flight->f.delivered > 1)
        row->flags |= VT_ROWF_DUPLICATE;
    if ((bytes == NULL || bytes->excerpt_len == 0) && flight != NULL)
        bytes = flight;
    if (ev->kind != VT_EV_TCP_TX && ev->kind != VT_EV_TCP_RX) {
        vt_label_other(r, row, ev, bytes);
        bool narrow = ev->kind == VT_EV_UDP_TX || ev->kind == VT_EV_UDP_RX;
        if (narrow && !port_wanted(r, ev->u.udp.sport, ev->u.udp.dport))
            return false;
        return wanted(r, row, narrow);
    }
    unsigned sender;
    struct vt_pair *p = vt_model_seg_pair(&r->model, ev, &sender);
    if (p == NULL || !port_wanted(r, ev->u.seg.sport, ev->u.seg.dport) || !wanted(r, row, true))
        return false;
    vt_rows_of(r, row, p);
    row->side = (uint8_t)sender;
    if (maker != NULL) {
        row->state[sender] = (int8_t)maker->state;
        row->flags |= (maker->flags & VT_REC_AGAIN) != 0 ? VT_ROWF_AGAIN : 0;
    }
    vt_label_segment(r, row, ev, p, maker, bytes);
    return true;
}

/* A packet was read by the node it was meant for. */
static void arrived(struct vt_rows *r, const struct vt_event *ev, struct vt_rec *rec)
{
    struct vt_rec *flight = vt_trace_get(&r->trace, rec->flight);
    struct vt_rec *port = vt_trace_port(&r->trace, rec);
    struct vt_row row = vt_rows_blank(r, ev);
    if (ev->kind == VT_EV_ARP_RX &&
        vt_model_owner(&r->model, vt_ip_from4(vt_get32(ev->u.arp.target_ip)).b, ev->node) != ev->node)
        return; /* an ARP packet for somebody else: its DROP comes */
    if (flight != NULL) {
        flight->f.delivered++;
        if (flight->f.alive > 0 && port != NULL && (port->flags & VT_REC_RESOLVED) == 0)
            flight->f.alive--;
    }
    if (port != NULL)
        port->flags |= VT_REC_RESOLVED;
    if (r->waiting || !arrow(r, &row, ev, rec, ev->node))
        return;
    if (flight != NULL)
        flight->f.told++;
    if ((row.flags & VT_ROWF_DUPLICATE) != 0)
        snprintf(row.note, sizeof row.note, "a second copy of what had come already");
    vt_rows_emit(r, &row, rec->ref);
}

/* A packet passed a switch or router that has a column. */
static void passed(struct vt_rows *r, struct vt_rec *at)
{
    static const uint8_t none[16];
    struct vt_rec *maker = vt_trace_get(&r->trace, at->maker);
    if (r->waiting || r->config.all || maker == NULL || !has_column(r, at->node, none))
        return;
    struct vt_event ev = vt_rec_event(maker);
    struct vt_row row = vt_rows_blank(r, &ev);
    if (!arrow(r, &row, &ev, at, at->node))
        return;
    vt_rows_emit(r, &row, at->ref);
}

/* Where on its way a packet died, in thousandths of the arrow. */
static uint32_t place(struct vt_rows *r, const struct vt_rec *end, const struct vt_rec *maker, uint32_t to,
                      const struct vt_rec *from)
{
    if (end == NULL)
        return 0;
    unsigned total = vt_model_hops(&r->model, maker->node, to);
    unsigned before = from != NULL && from->hops > 0 ? from->hops - 1u : 0;
    unsigned at = 2u * (end->hops - before) -
                  (end->kind == VT_EV_PORT_TX ? 1u : 0u); /* in halves of a cable */
    if (end->node == to && end->kind == VT_EV_PORT_RX)
        return 1000;
    if (total <= before || total < end->hops)
        total = end->hops + (end->kind == VT_EV_PORT_RX ? 1u : 0u);
    uint32_t where = 1000u * at / (2u * (total - before));
    return where > 1000 ? 1000 : where;
}

/* "lost on cable a-s1: the cable is cut" */
static void tell_death(struct vt_rows *r, struct vt_row *row, const struct vt_flight *f)
{
    char name[VT_NAME];
    struct vt_out o = {0};
    const struct vt_mlink *link = vt_model_link(&r->model, f->link);
    bool cable = vt_drop_layer(f->reason) == VT_L_PHYSICAL && link != NULL;
    if (f->bits != 0)
        vt_out_format(&o, "bit %u flipped%s; ", f->bit, f->bits > 1 ? " (and more)" : "");
    if (cable && f->reason == VT_DROP_CABLE_LOSS)
        vt_out_format(&o, "lost on cable %s (impairment)", link->name);
    else if (cable)
        vt_out_format(&o, "lost on cable %s: %s", link->name, vt_drop_text(f->reason));
    else
        vt_out_format(&o, "dropped by %s: %s", vt_model_name(&r->model, f->node, name),
                      vt_drop_text(f->reason));
    vt_label_put(row->note, sizeof row->note, &o);
    vt_out_free(&o);
    row->reason = f->reason;
    row->fate = cable ? VT_FATE_LOST : VT_FATE_DROPPED;
}

/* A packet that will not come: `at` is where it was last (the DROP, or its departure). */
static void died(struct vt_rows *r, struct vt_rec *at, const struct vt_flight *f, enum vt_row_fate fate,
                 vt_time now)
{
    struct vt_rec *maker = vt_trace_get(&r->trace, at->maker);
    struct vt_rec *end = vt_trace_port(&r->trace, at);
    if (r->waiting || maker == NULL)
        return;
    struct vt_event ev = vt_rec_event(maker);
    if (end != NULL && (end->flags & VT_REC_FRAME) != 0 && ev.kind == VT_EV_TCP_TX) {
        /* One frame of several that a long segment was cut into: its own numbers, not the segment's. */
        struct vt_event frame = {0};
        memcpy(frame.u.raw, end->u, sizeof frame.u.raw);
        ev.u.seg.seq = frame.u.seg.seq;
        ev.u.seg.len = frame.u.seg.len;
        ev.u.seg.flags = frame.u.seg.flags;
    }
    struct vt_row row = vt_rows_blank(r, &ev);
    uint8_t src[16], dst[16];
    ends_of(&ev, src, dst);
    uint32_t to = vt_model_owner(&r->model, dst, maker->node);
    if (!arrow(r, &row, &ev, at, to))
        return;
    row.time = now;
    row.fate = (uint8_t)fate;
    row.died = place(r, end, maker, to, departure(r, at));
    if (fate == VT_FATE_LOST) {
        tell_death(r, &row, f);
        row.key = (struct vt_event){.kind = VT_EV_DROP, .time = now};
        row.key.u.drop.reason = f->reason;
        row.flags |= VT_ROWF_BAD;
    }
    vt_rows_emit(r, &row, at->ref);
}

/* ---- A frame's way ---- */

static void peek(struct vt_rec *rec, const struct vt_event *ev, const void *extra)
{
    struct vt_peek p;
    if (extra == NULL || !vt_peek_frame(&p, extra, ev->extra) || p.payload == NULL)
        return;
    if (p.ip_proto == 6) {
        memcpy(rec->u, p.ev.u.raw, sizeof rec->u);
        rec->flags |= VT_REC_FRAME;
    }
    size_t n = p.payload_have < VT_EXCERPT ? p.payload_have : VT_EXCERPT;
    memcpy(rec->excerpt, p.payload, n);
    rec->excerpt_len = (uint8_t)n;
}

/* It left by a port where no cable of the lab ends, to an address that is none of the lab's. */
static bool leaves(struct vt_rows *r, const struct vt_rec *rec, const struct vt_rec *maker)
{
    const struct vt_mport *port = vt_model_port(&r->model, rec->node, rec->iface);
    uint8_t src[16], dst[16];
    if (maker == NULL || port == NULL || port->link != 0 || r->model.nlinks == 0)
        return false;
    struct vt_event ev = vt_rec_event(maker);
    ends_of(&ev, src, dst);
    return vt_model_owner(&r->model, dst, maker->node) == VT_OUTSIDE;
}

static void departs(struct vt_rows *r, struct vt_rec *rec)
{
    struct vt_rec *flight = vt_trace_get(&r->trace, rec->flight);
    struct vt_rec *before = vt_trace_port(&r->trace, vt_trace_get(&r->trace, rec->parent));
    struct vt_rec *maker = vt_trace_get(&r->trace, rec->maker);
    if (flight == NULL)
        return;
    flight->f.alive++;
    if (before != NULL && before->kind == VT_EV_PORT_RX && (before->flags & VT_REC_RESOLVED) == 0) {
        before->flags |= VT_REC_RESOLVED;
        flight->f.alive--;
    }
    if (!leaves(r, rec, maker))
        return;
    flight->f.alive--;
    if (flight->f.delivered++ != 0)
        return; /* a flood leaves by several ports: one arrow */
    flight->f.told++;
    died(r, rec, &flight->f, VT_FATE_LEFT, rec->time);
}

static void comes(struct vt_rows *r, struct vt_rec *rec)
{
    const struct vt_mnode *n = vt_model_node(&r->model, rec->node);
    if (n != NULL && n->kind == VT_NODE_SWITCH)
        passed(r, rec);
}

static void impaired(struct vt_rows *r, const struct vt_event *ev, struct vt_rec *rec)
{
    struct vt_rec *frame = vt_trace_port(&r->trace, rec);
    struct vt_rec *flight = vt_trace_get(&r->trace, rec->flight);
    if (frame == NULL || flight == NULL)
        return;
    switch (ev->u.impair.kind) {
    case VT_IMPAIR_DUPLICATE: flight->f.alive++; break;
    case VT_IMPAIR_CORRUPT_INSIDE: frame->flags |= VT_REC_DAMAGED; /* fall through */
    case VT_IMPAIR_CORRUPT:
        flight->f.bit = ev->u.impair.bit;
        flight->f.bits = ev->u.impair.count;
        break;
    default: break;
    }
}

/* Drops that every copy of a flooded frame but one meets: they say nothing of the packet. */
static bool is_quiet(unsigned reason)
{
    return reason == VT_DROP_ETH_NOT_OURS || reason == VT_DROP_ARP_NOT_OURS ||
           reason == VT_DROP_SWITCH_SAME_PORT;
}

/* A packet that had been read was then refused: its arrow says so, as long as it is not written. */
static void refused(struct vt_rows *r, const struct vt_event *ev, const struct vt_rec *read)
{
    struct vt_out o = {0};
    char name[VT_NAME];
    vt_out_format(&o, "dropped by %s: %s", vt_model_name(&r->model, ev->node, name),
                  vt_drop_text(ev->u.drop.reason));
    if (r->held && r->held_ref == read->ref) {
        r->row.fate = VT_FATE_DROPPED;
        r->row.died = 1000;
        r->row.reason = ev->u.drop.reason;
        r->row.key = *ev;
        vt_label_put(r->row.note, sizeof r->row.note, &o);
    }
    vt_out_free(&o);
}

static void dropped(struct vt_rows *r, const struct vt_event *ev, struct vt_rec *rec)
{
    struct vt_rec *parent = vt_trace_get(&r->trace, rec->parent);
    struct vt_rec *port = vt_trace_port(&r->trace, parent);
    struct vt_rec *flight = vt_trace_get(&r->trace, rec->flight);
    struct vt_rec *maker = vt_trace_get(&r->trace, rec->maker);
    if (parent != NULL &&
        (parent->kind == VT_EV_TCP_RX || parent->kind == VT_EV_UDP_RX || parent->kind == VT_EV_ICMP_RX)) {
        refused(r, ev, parent);
        return;
    }
    const struct vt_mlink *link = NULL;
    if (port != NULL && port->kind == VT_EV_PORT_TX)
        link = vt_model_link_at(&r->model, port->node, port->iface);
    struct vt_flight f = {.reason = (uint16_t)ev->u.drop.reason,
                          .node = ev->node,
                          .ended = ev->time,
                          .link = link != NULL ? link->which : 0};
    if (flight == NULL) {
        if (maker != NULL) /* it never left */
            died(r, rec, &f, VT_FATE_LOST, ev->time);
        else if (!is_quiet(f.reason))
            vt_rows_note(r, ev, NULL);
        return;
    }
    if (port != NULL && (port->kind == VT_EV_PORT_TX || (port->flags & VT_REC_RESOLVED) == 0)) {
        port->flags |= VT_REC_RESOLVED;
        flight->f.alive -= flight->f.alive > 0;
    }
    if (flight->f.reason == 0 || (is_quiet(flight->f.reason) && !is_quiet(f.reason))) {
        f.alive = flight->f.alive;
        f.delivered = flight->f.delivered;
        f.told = flight->f.told;
        f.bit = flight->f.bit;
        f.bits = flight->f.bits;
        flight->f = f;
    }
    if (flight->f.alive == 0 && flight->f.delivered == 0 && flight->f.told++ == 0)
        died(r, rec, &flight->f, VT_FATE_LOST, ev->time);
}

/* ---- States that no arrow shows ---- */

static void state_changed(struct vt_rows *r, const struct vt_event *ev, struct vt_rec *rec)
{
    struct vt_mconn *c = vt_model_conn(&r->model, ev->node, ev->conn);
    struct vt_rec *tx = c != NULL ? vt_trace_get(&r->trace, c->last_tx) : NULL;
    if (tx != NULL && tx->time == ev->time && tx->parent == rec->parent && tx->parent != 0) {
        tx->state = ev->u.state.to; /* the segment that made the change left before it was told */
        return;
    }
    if (r->held)
        return; /* the row held back led to it, and will show it: see must_flush() */
    bool ends = ev->u.state.to == VT_TCP_CLOSED;
    if (ends || (ev->u.state.to == VT_TCP_LISTEN && ev->u.state.from == VT_TCP_CLOSED))
        vt_rows_note(r, ev, NULL);
}

/* The opener of a conversation between two columns: its first row. */
static void begins(struct vt_rows *r, const struct vt_event *ev)
{
    const struct vt_mconn *c = vt_model_conn(&r->model, ev->node, ev->conn);
    if (c == NULL || c->pair == VT_NO_SLOT || c->side != 0 || r->waiting)
        return;
    struct vt_pair *p = &r->model.pair[c->pair];
    struct vt_row row = vt_rows_blank(r, ev);
    row.kind = VT_ROW_BEGIN;
    row.to = p->end[1].node;
    memcpy(row.ip[0], p->end[0].ip, 16);
    memcpy(row.ip[1], p->end[1].ip, 16);
    if (!port_wanted(r, p->end[0].port, p->end[1].port) || !wanted(r, &row, true))
        return;
    struct vt_out o = {0};
    vt_out_addr(&o, p->end[0].ip, p->end[0].port);
    vt_out_text(&o, r->config.ascii ? " -> " : " → ");
    vt_out_addr(&o, p->end[1].ip, p->end[1].port);
    vt_label_put(row.label, sizeof row.label, &o);
    vt_out_free(&o);
    vt_rows_of(r, &row, p);
    row.flags |= p->end[0].node == p->end[1].node ? VT_ROWF_LOOP : 0;
    vt_rows_emit(r, &row, 0);
}

static void dispatch(struct vt_rows *r, const struct vt_event *ev, const void *extra, struct vt_rec *rec)
{
    switch (ev->kind) {
    case VT_EV_TCP_CONN: begins(r, ev); break;
    case VT_EV_TCP_STATE: state_changed(r, ev, rec); break;
    case VT_EV_TCP_TX:
        rec->state = ev->u.seg.state;
        rec->flags |= r->model.again ? VT_REC_AGAIN : 0;
        break;
    case VT_EV_TCP_RX:
    case VT_EV_UDP_RX:
    case VT_EV_ICMP_RX:
    case VT_EV_ARP_RX: arrived(r, ev, rec); break;
    case VT_EV_PORT_TX:
        peek(rec, ev, extra);
        departs(r, rec);
        break;
    case VT_EV_PORT_RX:
        peek(rec, ev, extra);
        comes(r, rec);
        break;
    case VT_EV_IP_FORWARD: passed(r, rec); break;
    case VT_EV_IMPAIR: impaired(r, ev, rec); break;
    case VT_EV_DROP: dropped(r, ev, rec); break;
    default: vt_rows_note(r, ev, extra); break;
    }
}

void vt_rows_event(struct vt_rows *r, const struct vt_event *ev, const void *extra)
{
    if (r->held && must_flush(r, ev))
        vt_rows_flush(r);
    if (ev->id == 0) { /* a gap: of no node */
        vt_model_event(&r->model, ev, extra, 0);
        vt_rows_note(r, ev, extra);
        return;
    }
    struct vt_rec *rec = vt_trace_add(&r->trace, ev);
    vt_model_event(&r->model, ev, extra, rec->ref);
    if (r->waiting)
        choose_columns(r, ev);
    dispatch(r, ev, extra, rec);
}

/* ---- Beginning and end ---- */

static void still_open(struct vt_rows *r, struct vt_rec *rec)
{
    if (rec->ref == rec->flight && rec->f.alive > 0 && rec->f.delivered == 0 && rec->f.told++ == 0)
        died(r, rec, &rec->f, VT_FATE_OPEN, rec->time);
}

static void forget(void *ctx, struct vt_rec *rec)
{
    still_open(ctx, rec);
}

static void hide(void *ctx, uint64_t pair)
{
    struct vt_rows *r = ctx;
    if (r->config.hid != NULL)
        r->config.hid(r->config.ctx, pair);
}

bool vt_rows_init(struct vt_rows *r, const struct vt_rows_config *config)
{
    *r = (struct vt_rows){.config = *config, .waiting = !config->all};
    if (!vt_model_init(&r->model))
        return false;
    if (!vt_trace_init(&r->trace, config->memory)) {
        vt_model_fini(&r->model);
        return false;
    }
    r->model.hid = hide;
    r->model.ctx = r;
    r->trace.forget = forget;
    r->trace.ctx = r;
    return true;
}

void vt_rows_fini(struct vt_rows *r)
{
    vt_model_fini(&r->model);
    vt_trace_fini(&r->trace);
}

void vt_rows_finish(struct vt_rows *r)
{
    vt_rows_flush(r);
    vt_ref first = r->trace.last > r->trace.cap ? r->trace.last - r->trace.cap + 1 : 1;
    for (vt_ref ref = first; ref <= r->trace.last; ref++) {
        struct vt_rec *rec = vt_trace_get(&r->trace, ref);
        if (rec != NULL)
            still_open(r, rec);
    }
    vt_rows_flush(r);
}

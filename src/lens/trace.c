#include "trace.h"

#include <stdlib.h>

#define TRACE_DEFAULT 16384

bool vt_is_maker(unsigned kind)
{
    return kind == VT_EV_TCP_TX || kind == VT_EV_UDP_TX || kind == VT_EV_ICMP_TX || kind == VT_EV_ARP_TX;
}

bool vt_is_on_way(unsigned kind)
{
    switch (kind) {
    case VT_EV_PORT_TX:
    case VT_EV_PORT_RX:
    case VT_EV_IMPAIR:
    case VT_EV_IP_FORWARD:
    case VT_EV_IP_FRAGMENT:
    case VT_EV_IP_REASSEMBLE:
    case VT_EV_TCP_TX:
    case VT_EV_UDP_TX:
    case VT_EV_ICMP_TX:
    case VT_EV_ARP_TX: return true;
    default: return false;
    }
}

/* Events that belong to the packet that caused them. A TX event of a protocol begins a new packet, whatever
 * caused it; anything else that is not on the way (a state, a timer) has no packet. */
static bool follows_packet(unsigned kind)
{
    switch (kind) {
    case VT_EV_TCP_RX:
    case VT_EV_UDP_RX:
    case VT_EV_ICMP_RX:
    case VT_EV_ARP_RX:
    case VT_EV_DROP: return true;
    default: return vt_is_on_way(kind) && !vt_is_maker(kind);
    }
}

bool vt_trace_init(struct vt_trace *t, uint32_t cap)
{
    *t = (struct vt_trace){.cap = cap != 0 ? cap : TRACE_DEFAULT};
    t->rec = calloc(t->cap, sizeof *t->rec);
    if (t->rec == NULL || !vt_index_init(&t->ix, t->cap)) {
        vt_trace_fini(t);
        return false;
    }
    return true;
}

void vt_trace_fini(struct vt_trace *t)
{
    free(t->rec);
    vt_index_fini(&t->ix);
    *t = (struct vt_trace){0};
}

struct vt_rec *vt_trace_get(struct vt_trace *t, vt_ref ref)
{
    struct vt_rec *r = &t->rec[ref % t->cap];
    return ref != 0 && r->ref == ref ? r : NULL;
}

struct vt_rec *vt_trace_find(struct vt_trace *t, uint32_t node, uint64_t id)
{
    if (id == 0)
        return NULL;
    uint32_t slot = vt_index_first(&t->ix, vt_mix(id, node));
    while (slot != VT_NO_SLOT && (t->rec[slot].id != id || t->rec[slot].node != node))
        slot = vt_index_next(&t->ix, slot);
    return slot != VT_NO_SLOT ? &t->rec[slot] : NULL;
}

static void inherit(struct vt_trace *t, struct vt_rec *r)
{
    struct vt_rec *parent = vt_trace_get(t, r->parent);
    if (vt_is_maker(r->kind)) {
        r->maker = r->ref;
    } else if (parent != NULL && follows_packet(r->kind)) {
        r->maker = parent->maker;
        r->flight = parent->flight;
        r->hops = parent->hops;
        r->flags = parent->flags & VT_REC_DAMAGED;
        r->pair = parent->pair;
        r->pair_id = parent->pair_id;
    }
    if (r->kind == VT_EV_PORT_TX) {
        if (vt_trace_get(t, r->flight) == NULL)
            r->flight = r->ref;
        if (r->hops < UINT8_MAX)
            r->hops++;
    }
}

struct vt_rec *vt_trace_add(struct vt_trace *t, const struct vt_event *ev)
{
    vt_ref ref = t->last + 1;
    uint32_t slot = (uint32_t)(ref % t->cap);
    struct vt_rec *r = &t->rec[slot];
    if (r->ref != 0) {
        if (t->forget != NULL)
            t->forget(t->ctx, r);
        t->forgotten++;
        vt_index_remove(&t->ix, slot);
        r->ref = 0;
    }
    struct vt_rec *parent = vt_trace_find(t, ev->cause_node, ev->cause);
    *r = (struct vt_rec){
        .ref = ref,
        .id = ev->id,
        .node = ev->node,
        .iface = ev->iface,
        .conn = ev->conn,
        .mark = ev->mark,
        .time = ev->time,
        .parent = parent != NULL ? parent->ref : 0,
        .kind = ev->kind,
        .doc = ev->doc,
        .pair = VT_NO_SLOT,
    };
    memcpy(r->u, ev->u.raw, sizeof r->u);
    t->last = ref;
    vt_index_add(&t->ix, slot, vt_mix(ev->id, ev->node));
    inherit(t, r);
    return r;
}

struct vt_rec *vt_trace_port(struct vt_trace *t, struct vt_rec *r)
{
    while (r != NULL && r->kind != VT_EV_PORT_TX && r->kind != VT_EV_PORT_RX) {
        if (vt_is_maker(r->kind))
            return NULL;
        r = vt_trace_get(t, r->parent);
    }
    return r;
}

/* ---- Peeking ---- */

static void peek_tcp(struct vt_peek *p, const uint8_t *tcp, size_t have, size_t len)
{
    if (have < 20)
        return;
    size_t offset = (size_t)(tcp[12] >> 4) * 4;
    if (offset < 20 || offset > len)
        return;
    p->ev.kind = VT_EV_TCP_TX;
    p->ev.u.seg.sport = vt_get16(tcp);
    p->ev.u.seg.dport = vt_get16(tcp + 2);
    p->ev.u.seg.seq = vt_get32(tcp + 4);
    p->ev.u.seg.ack = vt_get32(tcp + 8);
    p->ev.u.seg.flags = (uint16_t)((tcp[12] & 1) << 8 | tcp[13]);
    p->ev.u.seg.wnd = vt_get16(tcp + 14);
    p->ev.u.seg.urgent = vt_get16(tcp + 18);
    p->ev.u.seg.len = (uint32_t)(len - offset);
    p->payload = tcp + offset;
    p->payload_len = len - offset;
    p->payload_have = have > offset ? have - offset : 0;
}

bool vt_peek_frame(struct vt_peek *p, const uint8_t *frame, size_t len)
{
    *p = (struct vt_peek){0};
    if (len < 14)
        return false;
    p->ethertype = vt_get16(frame + 12);
    const uint8_t *ip = frame + 14;
    size_t have = len - 14;
    if (p->ethertype != 0x0800 || have < 20 || ip[0] >> 4 != 4)
        return true;
    size_t ihl = (size_t)(ip[0] & 15) * 4, total = vt_get16(ip + 2);
    if (ihl < 20 || ihl > have || total < ihl)
        return true;
    if (have > total)
        have = total; /* the rest is padding */
    p->ip_proto = ip[9];
    p->fragment = (vt_get16(ip + 6) & 0x1fff) != 0;
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    memcpy(p->ev.u.seg.src, mapped, 12);
    memcpy(p->ev.u.seg.src + 12, ip + 12, 4);
    memcpy(p->ev.u.seg.dst, mapped, 12);
    memcpy(p->ev.u.seg.dst + 12, ip + 16, 4);
    const uint8_t *l4 = ip + ihl;
    have -= ihl;
    total -= ihl;
    if (p->fragment)
        return true;
    if (p->ip_proto == 6) {
        peek_tcp(p, l4, have, total);
    } else if (p->ip_proto == 17 && have >= 8) {
        p->payload = l4 + 8;
        p->payload_len = total - 8;
        p->payload_have = have - 8;
    }
    return true;
}

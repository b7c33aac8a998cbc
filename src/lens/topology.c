/* The model's nodes, ports, cables and addresses. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>

#define HOPS_LINKS 8192 /* in a bigger network nobody asks how far it is */

uint32_t vt_model_hash_ip(const uint8_t ip[16], uint64_t with)
{
    uint64_t x[2];
    memcpy(x, ip, sizeof x);
    return vt_mix(x[0] + with, x[1]);
}

/* Copies a name, cut at a whole character. */
static void copy_name(char *to, size_t size, const struct vt_event *ev, const void *extra)
{
    size_t len = extra == NULL ? 0 : ev->extra;
    if (len >= size)
        len = size - 1;
    if (len != 0)
        memcpy(to, extra, len);
    to[len] = '\0';
    if (extra != NULL && ev->extra >= size) {
        while (len > 0 && ((uint8_t)to[len - 1] & 0xc0) == 0x80)
            len--;
        if (len > 0 && (uint8_t)to[len - 1] >= 0xc0)
            to[len - 1] = '\0';
    }
}

const struct vt_mnode *vt_model_node(const struct vt_model *m, uint32_t id)
{
    return id < m->nnodes && m->node[id].known ? &m->node[id] : NULL;
}

const char *vt_model_name(const struct vt_model *m, uint32_t id, char buf[VT_NAME])
{
    const struct vt_mnode *n = vt_model_node(m, id);
    if (n != NULL)
        snprintf(buf, VT_NAME, "%s", n->name);
    else if (id == VT_OUTSIDE)
        snprintf(buf, VT_NAME, "outside");
    else
        snprintf(buf, VT_NAME, "node %u", id);
    return buf;
}

/* Makes `array` long enough for element `i`. */
static bool reach(void *array, uint32_t *count, uint32_t *cap, uint32_t limit, size_t size, uint32_t i)
{
    if (i >= limit)
        return false;
    while (i >= *cap) {
        if (!vt_grow(array, *cap, cap, limit, size))
            return false;
    }
    if (i >= *count)
        *count = i + 1;
    return true;
}

static void take_node(struct vt_model *m, const struct vt_event *ev, const void *extra)
{
    if (!reach(&m->node, &m->nnodes, &m->cap_nodes, VT_MODEL_NODES, sizeof *m->node, ev->node)) {
        m->refused++;
        return;
    }
    struct vt_mnode *n = &m->node[ev->node];
    n->known = true;
    n->kind = (uint8_t)ev->u.node.kind;
    copy_name(n->name, sizeof n->name, ev, extra);
}

/* ---- Ports ---- */

static struct vt_mport *port_find(const struct vt_model *m, uint32_t node, uint32_t index)
{
    if (m->nports == 0)
        return NULL;
    uint32_t slot = vt_index_first(&m->by_port, vt_mix(index, node));
    while (slot != VT_NO_SLOT && (m->port[slot].index != index || m->port[slot].node != node))
        slot = vt_index_next(&m->by_port, slot);
    return slot != VT_NO_SLOT ? &m->port[slot] : NULL;
}

const struct vt_mport *vt_model_port(const struct vt_model *m, uint32_t node, uint32_t index)
{
    return port_find(m, node, index);
}

static bool ports_grow(struct vt_model *m)
{
    uint32_t before = m->cap_ports;
    struct vt_index ix;
    if (m->nports < before)
        return true;
    if (!vt_grow(&m->port, m->nports, &m->cap_ports, VT_MODEL_PORTS, sizeof *m->port))
        return false;
    if (!vt_index_init(&ix, m->cap_ports)) {
        m->cap_ports = before; /* the array is longer than told: no harm */
        return false;
    }
    for (uint32_t i = 0; i < m->nports; i++)
        vt_index_add(&ix, i, vt_mix(m->port[i].index, m->port[i].node));
    vt_index_fini(&m->by_port);
    m->by_port = ix;
    return true;
}

/* Finds a port, or makes it: a cable may be told of before its ports. */
static struct vt_mport *port_get(struct vt_model *m, uint32_t node, uint32_t index)
{
    struct vt_mport *p = port_find(m, node, index);
    if (p != NULL)
        return p;
    if (!ports_grow(m)) {
        m->refused++;
        return NULL;
    }
    p = &m->port[m->nports];
    *p = (struct vt_mport){.node = node, .index = index};
    snprintf(p->name, sizeof p->name, "%u", index);
    vt_index_add(&m->by_port, m->nports++, vt_mix(index, node));
    return p;
}

static void take_port(struct vt_model *m, const struct vt_event *ev, const void *extra)
{
    struct vt_mport *p = port_get(m, ev->node, ev->iface);
    if (p == NULL)
        return;
    memcpy(p->mac, ev->u.port.mac, sizeof p->mac);
    p->mtu = ev->u.port.mtu;
    if (ev->extra != 0)
        copy_name(p->name, sizeof p->name, ev, extra);
}

/* ---- Cables ---- */

const struct vt_mlink *vt_model_link(const struct vt_model *m, uint32_t which)
{
    return which < m->nlinks && m->link[which].which != 0 ? &m->link[which] : NULL;
}

const struct vt_mlink *vt_model_link_at(const struct vt_model *m, uint32_t node, uint32_t port)
{
    const struct vt_mport *p = port_find(m, node, port);
    return p != NULL ? vt_model_link(m, p->link) : NULL;
}

static void take_link(struct vt_model *m, const struct vt_event *ev, const void *extra)
{
    uint32_t which = ev->u.link.which;
    if (which == 0 || !reach(&m->link, &m->nlinks, &m->cap_links, VT_MODEL_LINKS, sizeof *m->link, which)) {
        m->refused++;
        return;
    }
    struct vt_mlink *l = &m->link[which];
    *l = (struct vt_mlink){.which = which,
                           .since = ev->time,
                           .node = {ev->u.link.node_a, ev->u.link.node_b},
                           .port = {ev->u.link.port_a, ev->u.link.port_b}};
    copy_name(l->name, sizeof l->name, ev, extra);
    for (unsigned i = 0; i < 2; i++) {
        struct vt_mport *p = port_get(m, l->node[i], l->port[i]);
        if (p != NULL)
            p->link = which;
    }
}

unsigned vt_model_way(const struct vt_mlink *link, const struct vt_event *ev)
{
    return ev->u.link.node_a == link->node[1] && ev->u.link.port_a == link->port[1] ? 1 : 0;
}

static void take_link_set(struct vt_model *m, const struct vt_event *ev, const void *extra)
{
    if (vt_model_link(m, ev->u.link.which) == NULL)
        return;
    struct vt_mlink *l = &m->link[ev->u.link.which];
    copy_name(l->setting[vt_model_way(l, ev)], VT_SETTING, ev, extra);
}

unsigned vt_model_hops(const struct vt_model *m, uint32_t from, uint32_t to)
{
    if (from == to || from >= m->nnodes || to >= m->nnodes || m->nlinks > HOPS_LINKS)
        return 0;
    unsigned *far = calloc(m->nnodes, sizeof *far); /* cables from `from`, plus one */
    if (far == NULL)
        return 0;
    far[from] = 1;
    for (unsigned step = 1; far[to] == 0; step++) {
        bool more = false;
        for (uint32_t i = 0; i < m->nlinks; i++) {
            const struct vt_mlink *l = &m->link[i];
            for (unsigned s = 0; s < 2 && l->which != 0; s++) {
                uint32_t a = l->node[s], b = l->node[1 - s];
                if (a < m->nnodes && b < m->nnodes && far[a] == step && far[b] == 0) {
                    far[b] = step + 1;
                    more = true;
                }
            }
        }
        if (!more)
            break;
    }
    unsigned hops = far[to] != 0 ? far[to] - 1 : 0;
    free(far);
    return hops;
}

/* ---- Addresses ---- */

uint32_t vt_model_owner(const struct vt_model *m, const uint8_t ip[16], uint32_t self)
{
    struct vt_ip a;
    memcpy(a.b, ip, sizeof a.b);
    if (vt_ip_is_loopback(a))
        return self;
    if (m->naddrs == 0)
        return VT_OUTSIDE;
    uint32_t slot = vt_index_first(&m->by_addr, vt_model_hash_ip(ip, 0));
    while (slot != VT_NO_SLOT && memcmp(m->addr[slot].ip, ip, 16) != 0)
        slot = vt_index_next(&m->by_addr, slot);
    return slot != VT_NO_SLOT ? m->addr[slot].node : VT_OUTSIDE;
}

static bool addrs_grow(struct vt_model *m)
{
    uint32_t before = m->cap_addrs;
    struct vt_index ix;
    if (m->naddrs < before)
        return true;
    if (!vt_grow(&m->addr, m->naddrs, &m->cap_addrs, VT_MODEL_ADDRS, sizeof *m->addr))
        return false;
    if (!vt_index_init(&ix, m->cap_addrs)) {
        m->cap_addrs = before;
        return false;
    }
    for (uint32_t i = 0; i < m->naddrs; i++)
        vt_index_add(&ix, i, vt_model_hash_ip(m->addr[i].ip, 0));
    vt_index_fini(&m->by_addr);
    m->by_addr = ix;
    return true;
}

static void take_addr(struct vt_model *m, const struct vt_event *ev)
{
    struct vt_ip a;
    memcpy(a.b, ev->u.ifaddr.ip, sizeof a.b);
    if (vt_ip_is_loopback(a)) /* everybody has it */
        return;
    for (uint32_t i = 0; i < m->naddrs; i++) {
        if (m->addr[i].node == ev->node && memcmp(m->addr[i].ip, a.b, 16) == 0)
            return;
    }
    if (!addrs_grow(m)) {
        m->refused++;
        return;
    }
    struct vt_maddr *to = &m->addr[m->naddrs];
    *to = (struct vt_maddr){.prefix = ev->u.ifaddr.prefix, .node = ev->node, .iface = ev->iface};
    memcpy(to->ip, a.b, sizeof to->ip);
    vt_index_add(&m->by_addr, m->naddrs++, vt_model_hash_ip(to->ip, 0));
}

void vt_model_topology(struct vt_model *m, const struct vt_event *ev, const void *extra)
{
    switch (ev->kind) {
    case VT_EV_NODE: take_node(m, ev, extra); break;
    case VT_EV_PORT: take_port(m, ev, extra); break;
    case VT_EV_LINK: take_link(m, ev, extra); break;
    case VT_EV_LINK_SET: take_link_set(m, ev, extra); break;
    case VT_EV_ADDR: take_addr(m, ev); break;
    default: break;
    }
}

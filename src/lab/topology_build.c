/* Building a lab from a topology that was read. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/text.h"
#include "host/host.h"
#include "topology.h"

static bool fail(struct vt_topology_error *err, unsigned line, unsigned column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static bool fail(struct vt_topology_error *err, unsigned line, unsigned column, const char *format, ...)
{
    va_list ap;
    err->line = line;
    err->column = column;
    va_start(ap, format);
    vsnprintf(err->text, sizeof err->text, format, ap);
    va_end(ap);
    return false;
}

/* ---- Nodes and cables ---- */

static bool build_node(struct vt_lab *lab, const struct vt_topology_node *node, struct vt_topology_error *err)
{
    struct vt_host *h;
    int e = 0;
    if (node->kind == VT_NODE_SWITCH) {
        e = vt_lab_add_switch_with(lab, node->name,
                                   &(struct vt_lab_switch){
                                       .ageing = (vt_span)node->ageing * VT_SEC,
                                       .table_max = (uint32_t)node->table,
                                       .port_quota = (uint32_t)node->quota,
                                       .storm_rate = (uint32_t)node->storm,
                                       .storm_burst = (uint32_t)node->burst,
                                   });
        return e == 0 || fail(err, node->line, node->column, "switch '%s': %s", node->name, vt_strerror(e));
    }
    h = vt_lab_add_host(lab, node->name, node->kind == VT_NODE_ROUTER, &e);
    if (h == NULL)
        return fail(err, node->line, node->column, "host '%s': %s", node->name, vt_strerror(e));
    for (const struct vt_topology_pair *s = node->sysctls; s != NULL; s = s->next) {
        e = vt_host_sysctl_set_text(h, s->key, s->value);
        if (e == -VT_ENOENT)
            return fail(err, s->line, s->column, "there is no sysctl '%s'", s->key);
        if (e < 0)
            return fail(err, s->line, s->column, "the sysctl %s cannot be %s: %s", s->key, s->value,
                        vt_strerror(e));
    }
    return true;
}

/* The address for the next link of a node: its i-th for its i-th link. */
static const char *next_addr(const struct vt_topology *t, const struct vt_topology_link *until, unsigned end)
{
    const struct vt_topology_node *node = until->end[end];
    unsigned i = 0;
    for (const struct vt_topology_link *l = t->links; l != NULL; l = l->next) {
        for (unsigned k = 0; k < 2; k++) {
            if (l == until && k == end)
                return i < node->naddrs ? node->addr[i] : NULL;
            i += l->end[k] == node;
        }
    }
    return NULL;
}

static bool build_link(const struct vt_topology *t, struct vt_lab *lab, const struct vt_topology_link *l,
                       struct vt_topology_error *err)
{
    char text[VT_IMPAIR_TEXT];
    int link = vt_lab_add_link_mtu(lab, l->end[0]->name, next_addr(t, l, 0), l->end[1]->name,
                                   next_addr(t, l, 1), NULL, l->mtu);
    int e = link < 0 ? link : 0;
    for (unsigned dir = 0; dir < 2 && e == 0; dir++)
        if (!vt_impair_is_clean(&l->impair[dir]) || l->impair[dir].cut)
            e = vt_lab_impair(lab, (unsigned)link, dir == 0 ? VT_DIR_FORTH : VT_DIR_BACK,
                              vt_impair_text(text, &l->impair[dir]), NULL, NULL);
    for (const struct vt_topology_pair *f = l->faults; f != NULL && e == 0; f = f->next)
        e = vt_lab_fault(lab, (unsigned)link,
                         f->key[1] == 'a'   ? VT_DIR_BACK
                         : f->key[0] == 'f' ? VT_DIR_FORTH
                                            : VT_DIR_BOTH,
                         f->value, NULL, NULL);
    return e == 0 ||
           fail(err, l->line, l->column, "link %s-%s: %s", l->end[0]->name, l->end[1]->name, vt_strerror(e));
}

/* The interface on its first cable. */
static int first_interface(struct vt_host *h)
{
    int i = 1;
    while (i < 64 && vt_host_port(h, i) == NULL)
        i++;
    return i;
}

/* A node with one link has all its addresses on it. */
static bool more_addresses(struct vt_lab *lab, const struct vt_topology_node *node,
                           struct vt_topology_error *err)
{
    struct vt_host *h = vt_lab_host(lab, node->name);
    for (unsigned i = 1; h != NULL && node->nlinks == 1 && i < node->naddrs; i++) {
        int e = vt_host_add_addr(h, first_interface(h), node->addr[i]);
        if (e < 0)
            return fail(err, node->line, node->column, "'%s': the address %s: %s", node->name, node->addr[i],
                        vt_strerror(e));
    }
    return true;
}

/* ---- Routes ---- */

/* An interface of a host or router: the node, its address, and the LAN that it is in. */
struct iface {
    const struct vt_topology_node *node;
    struct vt_ip ip;
    uint8_t prefix;
    unsigned lan;
};

struct map {
    struct iface *iface;
    unsigned n;
    unsigned *lan_of; /* by position among the links */
};

/* The LAN of a link is the least number of a link that it is joined to by switches. */
static void find_lans(const struct vt_topology *t, unsigned *lan)
{
    unsigned n = 0;
    bool changed;
    for (const struct vt_topology_link *l = t->links; l != NULL; l = l->next, n++)
        lan[n] = n;
    do {
        unsigned i = 0;
        changed = false;
        for (const struct vt_topology_link *l = t->links; l != NULL; l = l->next, i++) {
            unsigned k = 0;
            for (const struct vt_topology_link *m = t->links; m != NULL; m = m->next, k++) {
                bool joined = false;
                for (unsigned x = 0; x < 4; x++)
                    joined = joined ||
                             (l->end[x / 2] == m->end[x % 2] && l->end[x / 2]->kind == VT_NODE_SWITCH);
                if (joined && lan[i] > lan[k]) {
                    lan[i] = lan[k];
                    changed = true;
                }
            }
        }
    } while (changed);
}

static void add_iface(struct map *map, const struct vt_topology_node *node, const char *addr, unsigned lan)
{
    struct iface *f = &map->iface[map->n];
    f->node = node;
    f->lan = lan;
    if (vt_ip_parse_prefix(&f->ip, &f->prefix, addr) == 0)
        map->n++;
}

static bool make_map(const struct vt_topology *t, struct map *map)
{
    unsigned links = 0, addrs = 0, i = 0;
    for (const struct vt_topology_link *l = t->links; l != NULL; l = l->next)
        links++;
    for (const struct vt_topology_node *n = t->nodes; n != NULL; n = n->next)
        addrs += n->naddrs;
    map->n = 0;
    map->lan_of = calloc(links + 1, sizeof *map->lan_of);
    map->iface = calloc(addrs + 1, sizeof *map->iface);
    if (map->lan_of == NULL || map->iface == NULL)
        return false;
    find_lans(t, map->lan_of);
    for (const struct vt_topology_link *l = t->links; l != NULL; l = l->next, i++) {
        for (unsigned k = 0; k < 2; k++) {
            const struct vt_topology_node *node = l->end[k];
            const char *addr = node->kind != VT_NODE_SWITCH ? next_addr(t, l, k) : NULL;
            if (addr == NULL)
                continue;
            add_iface(map, node, addr, map->lan_of[i]);
            for (unsigned a = 1; node->nlinks == 1 && a < node->naddrs; a++)
                add_iface(map, node, node->addr[a], map->lan_of[i]);
        }
    }
    return true;
}

static bool neighbours(const struct iface *a, const struct iface *b)
{
    return a->node != b->node && a->lan == b->lan && vt_ip_same_net(a->ip, b->ip, a->prefix);
}

/* The gateway of a host that names none: the router of its LAN, when there is exactly one. */
static const struct iface *only_router(const struct map *map, const struct vt_topology_node *node)
{
    const struct iface *found = NULL;
    for (unsigned i = 0; i < map->n; i++) {
        if (map->iface[i].node != node)
            continue;
        for (unsigned k = 0; k < map->n; k++) {
            if (map->iface[k].node->kind != VT_NODE_ROUTER || !neighbours(&map->iface[i], &map->iface[k]))
                continue;
            if (found != NULL && found->node != map->iface[k].node)
                return NULL;
            if (found == NULL)
                found = &map->iface[k];
        }
    }
    return found;
}

/* Routes of a router to every network that it is not on: by the fewest routers, found breadth first. */
static int route_router(struct vt_host *h, const struct map *map, const struct vt_topology_node *from)
{
    unsigned n = map->n, head = 0, tail = 0;
    unsigned *queue = calloc(n + 1, sizeof *queue), *first = calloc(n + 1, sizeof *first);
    bool *seen = calloc(n + 1, sizeof *seen);
    char dst[VT_IP_TEXT + 4], via[VT_IP_TEXT];
    int err = queue == NULL || first == NULL || seen == NULL ? -VT_ENOMEM : 0;
    for (unsigned i = 0; err == 0 && i < n; i++) {
        if (map->iface[i].node == from) {
            seen[i] = true;
            first[i] = n; /* not yet left */
            queue[tail++] = i;
        }
    }
    while (err == 0 && head < tail) {
        unsigned i = queue[head++];
        for (unsigned k = 0; k < n; k++) {
            if (seen[k] || map->iface[k].node->kind != VT_NODE_ROUTER ||
                !neighbours(&map->iface[i], &map->iface[k]))
                continue;
            /* The neighbour, and all its other sides. */
            for (unsigned o = 0; o < n; o++) {
                if (seen[o] || map->iface[o].node != map->iface[k].node)
                    continue;
                seen[o] = true;
                first[o] = first[i] == n ? k : first[i];
                queue[tail++] = o;
                vt_ip_text(via, map->iface[first[o]].ip);
                snprintf(dst, sizeof dst, "%u.%u.%u.%u/%u", map->iface[o].ip.b[12], map->iface[o].ip.b[13],
                         map->iface[o].ip.b[14], map->iface[o].ip.b[15], map->iface[o].prefix);
                err = vt_host_add_route(h, dst, via);
                if (err == -VT_EEXIST || err == -VT_EINVAL)
                    err = 0; /* it is on that network itself, or knows a way already */
            }
        }
    }
    free(queue);
    free(first);
    free(seen);
    return err;
}

static bool build_routes(struct vt_lab *lab, const struct map *map, const struct vt_topology_node *node,
                         struct vt_topology_error *err)
{
    struct vt_host *h = vt_lab_host(lab, node->name);
    const struct iface *router;
    char via[VT_IP_TEXT];
    int e = 0;
    if (h == NULL)
        return true;
    for (const struct vt_topology_pair *r = node->routes; r != NULL; r = r->next) {
        e = vt_host_add_route(h, r->key, r->value);
        if (e < 0)
            return fail(err, r->line, r->column, "the route '%s via %s': %s", r->key, r->value,
                        e == -VT_ENETUNREACH ? "the gateway is on none of its networks" : vt_strerror(e));
    }
    if (node->gateway != NULL) {
        e = vt_host_add_route(h, "default", node->gateway);
        if (e < 0)
            return fail(err, node->line, node->column, "the gateway %s of '%s': %s", node->gateway,
                        node->name, e == -VT_ENETUNREACH ? "it is on none of its networks" : vt_strerror(e));
    } else if (node->kind == VT_NODE_ROUTER) {
        e = route_router(h, map, node);
    } else if ((router = only_router(map, node)) != NULL) {
        e = vt_host_add_route(h, "default", vt_ip_text(via, router->ip));
    }
    return e >= 0 ||
           fail(err, node->line, node->column, "the routes of '%s': %s", node->name, vt_strerror(e));
}

/* ---- The whole ---- */

static bool build(const struct vt_topology *t, struct vt_lab *lab, struct vt_topology_error *err)
{
    struct map map = {0};
    bool ok = true;
    for (const struct vt_topology_node *n = t->nodes; ok && n != NULL; n = n->next)
        ok = build_node(lab, n, err);
    for (const struct vt_topology_link *l = t->links; ok && l != NULL; l = l->next)
        ok = build_link(t, lab, l, err);
    for (const struct vt_topology_node *n = t->nodes; ok && n != NULL; n = n->next)
        ok = more_addresses(lab, n, err);
    if (ok && !make_map(t, &map))
        ok = fail(err, 0, 0, "no memory");
    for (const struct vt_topology_node *n = t->nodes; ok && n != NULL; n = n->next)
        ok = build_routes(lab, &map, n, err);
    free(map.iface);
    free(map.lan_of);
    for (const struct vt_topology_pair *n = t->names; ok && n != NULL; n = n->next) {
        struct vt_ip ip;
        int e = vt_ip_parse(&ip, n->value);
        e = e == 0 ? vt_lab_add_name(lab, n->key, ip) : e;
        ok = e == 0 || fail(err, n->line, n->column, "the name '%s': %s", n->key, vt_strerror(e));
    }
    return ok;
}

/* A host's own name stands for its first address, where `names` does not say otherwise. */
static void name_hosts(const struct vt_topology *t, struct vt_lab *lab)
{
    for (const struct vt_topology_node *n = t->nodes; n != NULL; n = n->next) {
        const struct vt_topology_pair *p = t->names;
        struct vt_ip ip;
        uint8_t prefix;
        while (p != NULL && strcmp(p->key, n->name) != 0)
            p = p->next;
        if (p == NULL && n->naddrs > 0 && vt_ip_parse_prefix(&ip, &prefix, n->addr[0]) == 0)
            (void)vt_lab_add_name(lab, n->name, ip);
    }
}

struct vt_lab *vt_topology_build(const struct vt_topology *t, const struct vt_lab_config *config,
                                 struct vt_topology_error *err)
{
    struct vt_lab_config c = *config;
    struct vt_lab *lab;
    if (c.name == NULL)
        c.name = t->name;
    lab = vt_lab_new(&c);
    *err = (struct vt_topology_error){0};
    if (lab == NULL) {
        fail(err, 0, 0, "no memory");
        return NULL;
    }
    if (!build(t, lab, err)) {
        vt_lab_free(lab);
        return NULL;
    }
    name_hosts(t, lab);
    if (t->capture)
        vt_lab_capture(lab, true);
    return lab;
}

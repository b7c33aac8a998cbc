/* Building a lab: hosts, switches, cables, names; and the faults of cables. */
#include <stdio.h>
#include "internal.h"

/* ---- Nodes ---- */

struct vt_lab_node *vt_lab_node(const struct vt_lab *lab, const char *name)
{
    for (uint32_t i = 0; i < lab->nnodes; i++)
        if (strcmp(lab->node[i]->name, name) == 0)
            return lab->node[i];
    return NULL;
}

struct vt_host *vt_lab_host(struct vt_lab *lab, const char *name)
{
    struct vt_lab_node *node = vt_lab_node(lab, name);
    return node != NULL ? node->host : NULL;
}

/* A name is a host name label (RFC 1123 2.1), '_' allowed: it stands in cables' names and on command lines.
 */
static bool good_name(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n >= VT_LAB_NAME || name[0] == '-' || name[0] == '.')
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
              c == '-' || c == '.'))
            return false;
    }
    return true;
}

static struct vt_lab_node *add_node(struct vt_lab *lab, const char *name, enum vt_node_kind kind, int *err)
{
    struct vt_lab_node *node;
    if (!good_name(name)) {
        *err = -VT_EINVAL;
        return NULL;
    }
    if (vt_lab_node(lab, name) != NULL) {
        *err = -VT_EEXIST;
        return NULL;
    }
    *err = -VT_ENOMEM;
    if (vt_lab_grow(lab, (void ***)&lab->node, lab->nnodes, &lab->nodes_cap) < 0)
        return NULL;
    node = lab->core.mem.alloc(lab->core.mem.ctx, sizeof *node);
    if (node == NULL)
        return NULL;
    node->lab = lab;
    node->number = lab->nnodes + 1;
    node->kind = kind;
    strncpy(node->name, name, sizeof node->name - 1);
    node->item = (struct vt_lab_item){.node = node->number, .kind = VT_ITEM_NODE};
    *err = 0;
    return node;
}

static void keep_node(struct vt_lab *lab, struct vt_lab_node *node)
{
    lab->node[lab->nnodes++] = node;
    vt_lab_due(lab, &node->item, lab->core.now);
}

static uint64_t derived_seed(const struct vt_lab *lab, uint64_t stream)
{
    struct vt_rng rng;
    vt_rng_seed(&rng, lab->seed, stream);
    return vt_rng_u64(&rng);
}

struct vt_host *vt_lab_add_host(struct vt_lab *lab, const char *name, bool router, int *err)
{
    int dummy;
    struct vt_lab_node *node;
    if (err == NULL)
        err = &dummy;
    node = add_node(lab, name, router ? VT_NODE_ROUTER : VT_NODE_HOST, err);
    if (node == NULL)
        return NULL;
    vt_lab_record_begin(lab);
    node->host = vt_host_new(&(struct vt_host_config){
        .name = node->name,
        .seed = derived_seed(lab, node->number),
        .mem = lab->core.mem,
        .pool = lab->core.pool,
        .stream = &lab->stream,
        .node = node->number,
        .now = lab->core.now,
        .router = router,
        .sums_portable = lab->sums_portable,
        .crypto = lab->core.crypto,
    });
    vt_lab_record_end(lab);
    if (node->host == NULL) {
        lab->core.mem.free(lab->core.mem.ctx, node, sizeof *node);
        *err = -VT_ENOMEM;
        return NULL;
    }
    vt_sockets_on_ready(vt_host_sockets(node->host), vt_lab_on_ready, node);
    for (struct vt_lab_name *n = lab->names; n != NULL; n = n->next)
        (void)vt_hosts_add(node->host, n->name, n->ip);
    keep_node(lab, node);
    return node->host;
}

/* A switch has no host around it: its core is the lab's to make. */
static void init_switch_core(struct vt_lab *lab, struct vt_lab_node *node)
{
    struct vt_core *core = &node->core;
    core->now = lab->core.now;
    core->name = node->name;
    core->mem = lab->core.mem;
    core->pool = lab->core.pool;
    core->sums = lab->core.sums;
    core->ev = (struct vt_events){.now = &core->now, .stream = &lab->stream, .node = node->number};
    vt_wheel_init(&core->wheel, core->now);
    vt_rng_seed(&core->rng, lab->seed, node->number);
    core->key = (struct vt_sipkey){{vt_rng_u64(&core->rng), vt_rng_u64(&core->rng)}};
}

int vt_lab_add_switch(struct vt_lab *lab, const char *name)
{
    return vt_lab_add_switch_with(lab, name, &(struct vt_lab_switch){0});
}

int vt_lab_add_switch_with(struct vt_lab *lab, const char *name, const struct vt_lab_switch *config)
{
    int err;
    struct vt_event *e;
    struct vt_lab_node *node = add_node(lab, name, VT_NODE_SWITCH, &err);
    if (node == NULL)
        return err;
    init_switch_core(lab, node);
    vt_lab_record_begin(lab);
    e = vt_event_begin(&node->core.ev, VT_EV_NODE, VT_DOC_NONE);
    if (e != NULL) {
        e->u.node.kind = VT_NODE_SWITCH;
        vt_event_end(&node->core.ev, e, node->name, strlen(node->name));
    }
    node->sw = vt_switch_new(&node->core, &(struct vt_switch_config){
                                              .table_max = config->table_max,
                                              .port_quota = config->port_quota,
                                              .ageing = config->ageing,
                                              .storm_rate = config->storm_rate,
                                              .storm_burst = config->storm_burst,
                                          });
    vt_lab_record_end(lab);
    if (node->sw == NULL) {
        lab->core.mem.free(lab->core.mem.ctx, node, sizeof *node);
        return -VT_ENOMEM;
    }
    keep_node(lab, node);
    return 0;
}

int vt_lab_set_storm(struct vt_lab *lab, const char *sw, uint32_t rate, uint32_t burst)
{
    struct vt_lab_node *node = vt_lab_node(lab, sw);
    if (node == NULL || node->sw == NULL)
        return -VT_ENOENT;
    vt_switch_set_storm(node->sw, rate, burst);
    return 0;
}

int vt_lab_add_name(struct vt_lab *lab, const char *name, struct vt_ip ip)
{
    struct vt_lab_name *n;
    if (strlen(name) == 0 || strlen(name) >= sizeof n->name)
        return -VT_EINVAL;
    n = lab->core.mem.alloc(lab->core.mem.ctx, sizeof *n);
    if (n == NULL)
        return -VT_ENOMEM;
    n->ip = ip;
    memcpy(n->name, name, strlen(name) + 1);
    n->next = lab->names;
    lab->names = n;
    for (uint32_t i = 0; i < lab->nnodes; i++) {
        int err = lab->node[i]->host != NULL ? vt_hosts_add(lab->node[i]->host, name, ip) : 0;
        if (err < 0)
            return err;
    }
    return 0;
}

/* ---- Cables ---- */

/* "a-b", or "a-b.2" for the second cable between the two. */
static void name_link(const struct vt_lab *lab, struct vt_lab_link *link, const char *a, const char *b)
{
    unsigned same = 1;
    for (uint32_t i = 0; i < lab->nlinks; i++) {
        const char *x = lab->link[i]->end[0].node->name, *y = lab->link[i]->end[1].node->name;
        if ((strcmp(x, a) == 0 && strcmp(y, b) == 0) || (strcmp(x, b) == 0 && strcmp(y, a) == 0))
            same++;
    }
    if (same == 1)
        snprintf(link->name, sizeof link->name, "%s-%s", a, b);
    else
        snprintf(link->name, sizeof link->name, "%s-%s.%u", a, b, same);
}

/* Plugs one end of a cable into its node; returns the port or an error. */
static int plug(struct vt_lab_link *link, unsigned side, struct vt_lab_node *node, const char *addr)
{
    struct vt_lab_end *end = &link->end[side];
    struct vt_device *dev = vt_cable_end(link->cable, side);
    char name[16];
    int port;
    if (node->host != NULL) {
        port = vt_host_attach(node->host, dev, addr);
    } else {
        snprintf(name, sizeof name, "p%u", vt_switch_ports(node->sw) + 1);
        port = vt_switch_add_port(node->sw, dev, name);
    }
    if (port < 0)
        return port;
    end->port = (uint32_t)port;
    return port;
}

static void tell_link(struct vt_lab *lab, const struct vt_lab_link *link)
{
    struct vt_event *e = vt_event_begin(&lab->core.ev, VT_EV_LINK, VT_DOC_NONE);
    if (e == NULL)
        return;
    e->iface = link->number;
    e->u.link.which = link->number;
    e->u.link.node_a = link->end[0].node->number;
    e->u.link.port_a = link->end[0].port;
    e->u.link.node_b = link->end[1].node->number;
    e->u.link.port_b = link->end[1].port;
    vt_event_end(&lab->core.ev, e, link->name, strlen(link->name));
}

static struct vt_lab_link *new_link(struct vt_lab *lab, struct vt_lab_node *a, struct vt_lab_node *b)
{
    struct vt_lab_link *link;
    if (vt_lab_grow(lab, (void ***)&lab->link, lab->nlinks, &lab->links_cap) < 0)
        return NULL;
    link = lab->core.mem.alloc(lab->core.mem.ctx, sizeof *link);
    if (link == NULL)
        return NULL;
    link->lab = lab;
    link->number = lab->nlinks + 1;
    link->cable = vt_cable_new(&lab->core, link->number, derived_seed(lab, (uint64_t)1 << 32 | link->number),
                               vt_lab_cable_wake, link);
    if (link->cable == NULL) {
        lab->core.mem.free(lab->core.mem.ctx, link, sizeof *link);
        return NULL;
    }
    for (unsigned side = 0; side < 2; side++) {
        struct vt_lab_node *node = side == 0 ? a : b;
        link->end[side] = (struct vt_lab_end){
            .item = {.node = node->number, .number = link->number * 2 + side, .kind = VT_ITEM_END},
            .node = node,
            .link = link,
            .side = side,
        };
    }
    name_link(lab, link, a->name, b->name);
    vt_cable_set_observed(link->cable, lab->capture);
    return link;
}

int vt_lab_add_link(struct vt_lab *lab, const char *a, const char *addr_a, const char *b, const char *addr_b,
                    const char *impair)
{
    return vt_lab_add_link_mtu(lab, a, addr_a, b, addr_b, impair, 0);
}

int vt_lab_add_link_mtu(struct vt_lab *lab, const char *a, const char *addr_a, const char *b,
                        const char *addr_b, const char *impair, uint32_t mtu)
{
    struct vt_lab_node *na = vt_lab_node(lab, a), *nb = vt_lab_node(lab, b);
    struct vt_impair im = {0};
    struct vt_lab_link *link;
    size_t where;
    const char *expected;
    int err;
    if (na == NULL || nb == NULL)
        return -VT_ENOENT;
    if (impair != NULL && vt_impair_parse(&im, impair, &where, &expected) < 0)
        return -VT_EINVAL;
    if ((na->sw != NULL && addr_a != NULL) || (nb->sw != NULL && addr_b != NULL))
        return -VT_EINVAL;
    link = new_link(lab, na, nb);
    if (link == NULL)
        return -VT_ENOMEM;
    if (mtu != 0)
        vt_cable_set_mtu(link->cable, mtu);
    vt_lab_record_begin(lab);
    err = plug(link, 0, na, addr_a);
    if (err >= 0)
        err = plug(link, 1, nb, addr_b);
    /* A node keeps what was plugged in: a cable of which one end failed hangs from it, unseen. */
    lab->link[lab->nlinks++] = link;
    if (err >= 0) {
        vt_cable_set_ports(link->cable, na->number, link->end[0].port, nb->number, link->end[1].port);
        tell_link(lab, link);
        if (impair != NULL) {
            vt_cable_set_impair(link->cable, 0, &im);
            vt_cable_set_impair(link->cable, 1, &im);
        }
    }
    vt_lab_record_end(lab);
    vt_lab_due(lab, &na->item, lab->core.now);
    vt_lab_due(lab, &nb->item, lab->core.now);
    return err < 0 ? err : (int)link->number;
}

int vt_lab_add_device(struct vt_lab *lab, const char *sw, struct vt_device *dev)
{
    struct vt_lab_node *node = vt_lab_node(lab, sw);
    struct vt_lab_device *d;
    int port;
    if (node == NULL || node->sw == NULL)
        return -VT_ENOENT;
    d = lab->core.mem.alloc(lab->core.mem.ctx, sizeof *d);
    if (d == NULL)
        return -VT_ENOMEM;
    vt_lab_record_begin(lab);
    port = vt_switch_add_port(node->sw, dev, dev->name);
    vt_lab_record_end(lab);
    if (port < 0) {
        lab->core.mem.free(lab->core.mem.ctx, d, sizeof *d);
        return port;
    }
    d->dev = dev;
    d->node = node;
    d->next = lab->devices;
    lab->devices = d;
    vt_lab_due(lab, &node->item, lab->core.now);
    return port;
}

/* ---- Faults ---- */

unsigned vt_lab_find_link(struct vt_lab *lab, const char *name, bool *flipped)
{
    char back[sizeof lab->link[0]->name];
    for (uint32_t i = 0; i < lab->nlinks; i++) {
        const struct vt_lab_link *link = lab->link[i];
        const char *a = link->end[0].node->name, *b = link->end[1].node->name;
        if (strcmp(link->name, name) == 0) {
            if (flipped != NULL)
                *flipped = false;
            return link->number;
        }
        snprintf(back, sizeof back, "%s-%s%s", b, a, link->name + strlen(a) + 1 + strlen(b));
        if (strcmp(back, name) == 0) {
            if (flipped != NULL)
                *flipped = true;
            return link->number;
        }
    }
    return 0;
}

const char *vt_lab_link_name(const struct vt_lab *lab, unsigned link)
{
    return link >= 1 && link <= lab->nlinks ? lab->link[link - 1]->name : NULL;
}

int vt_lab_impair(struct vt_lab *lab, unsigned link, enum vt_direction dir, const char *text, size_t *where,
                  const char **expected)
{
    struct vt_impair im[2];
    struct vt_cable *cable;
    size_t no_where;
    const char *not_expected;
    if (link == 0 || link > lab->nlinks)
        return -VT_ENOENT;
    cable = lab->link[link - 1]->cable;
    for (unsigned end = 0; end < 2; end++) {
        im[end] = *vt_cable_impair(cable, end);
        if (vt_impair_parse(&im[end], text, where != NULL ? where : &no_where,
                            expected != NULL ? expected : &not_expected) < 0)
            return -VT_EINVAL;
    }
    vt_lab_record_begin(lab);
    if (dir != VT_DIR_BACK)
        vt_cable_set_impair(cable, 0, &im[0]);
    if (dir != VT_DIR_FORTH)
        vt_cable_set_impair(cable, 1, &im[1]);
    vt_lab_record_end(lab);
    return 0;
}

int vt_lab_fault(struct vt_lab *lab, unsigned link, enum vt_direction dir, const char *text, size_t *where,
                 const char **expected)
{
    struct vt_fault fault = {0};
    size_t no_where;
    const char *not_expected;
    int err = 0;
    if (link == 0 || link > lab->nlinks)
        return -VT_ENOENT;
    if (vt_fault_parse(&fault, text, where != NULL ? where : &no_where,
                       expected != NULL ? expected : &not_expected) < 0)
        return -VT_EINVAL;
    if (dir != VT_DIR_BACK)
        err = vt_cable_add_fault(lab->link[link - 1]->cable, 0, &fault);
    if (err == 0 && dir != VT_DIR_FORTH)
        err = vt_cable_add_fault(lab->link[link - 1]->cable, 1, &fault);
    return err;
}

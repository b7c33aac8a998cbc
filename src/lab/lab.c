/* A lab as a whole: its memory, its event stream and who listens to it. */
#include <stdlib.h>
#include "internal.h"

#define EVENT_RING (1u << 20)
#define BUFFERS    (1u << 30)

/* ---- Memory: every byte of a lab is counted ---- */

static void *system_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return calloc(1, size);
}

static void system_free(void *ctx, void *p, size_t size)
{
    (void)ctx;
    (void)size;
    free(p);
}

static void *counted_alloc(void *ctx, size_t size)
{
    struct vt_lab *lab = ctx;
    void *p = lab->user.alloc(lab->user.ctx, size);
    if (p != NULL)
        lab->bytes += size;
    return p;
}

static void counted_free(void *ctx, void *p, size_t size)
{
    struct vt_lab *lab = ctx;
    if (p == NULL)
        return;
    lab->bytes -= size;
    lab->user.free(lab->user.ctx, p, size);
}

int vt_lab_grow(struct vt_lab *lab, void ***array, uint32_t n, uint32_t *cap)
{
    uint32_t more = *cap == 0 ? 16 : *cap * 2;
    void **bigger;
    if (n < *cap)
        return 0;
    bigger = counted_alloc(lab, more * sizeof(void *));
    if (bigger == NULL)
        return -VT_ENOMEM;
    if (n > 0)
        memcpy(bigger, *array, n * sizeof(void *));
    counted_free(lab, *array, *cap * sizeof(void *));
    *array = bigger;
    *cap = more;
    return 0;
}

struct vt_lab_memory vt_lab_memory(const struct vt_lab *lab)
{
    struct vt_pool *pool = lab->core.pool;
    vt_pool_trim(pool);
    return (struct vt_lab_memory){
        .bytes = lab->bytes,
        .pbufs = vt_pool_live_pbufs(pool),
        .blocks = vt_pool_live_blocks(pool),
    };
}

/* ---- Life ---- */

struct vt_lab *vt_lab_new(const struct vt_lab_config *config)
{
    struct vt_allocator user = config->mem;
    const char *name = config->name != NULL ? config->name : "lab";
    struct vt_lab *lab;
    if (user.alloc == NULL)
        user = (struct vt_allocator){.alloc = system_alloc, .free = system_free};
    lab = user.alloc(user.ctx, sizeof *lab);
    if (lab == NULL)
        return NULL;
    lab->user = user;
    lab->bytes = sizeof *lab;
    lab->seed = config->seed;
    lab->real = config->real;
    lab->sums_portable = config->sums_portable;
    lab->core.crypto = config->crypto;
    lab->unix_base = config->unix_time != 0 ? config->unix_time : VT_LAB_EPOCH;
    lab->ready_tail = &lab->ready;
    lab->instant_limit = VT_LAB_INSTANT_STEPS;
    strncpy(lab->name, name, sizeof lab->name - 1);

    lab->core.name = lab->name;
    lab->core.mem = (struct vt_allocator){.alloc = counted_alloc, .free = counted_free, .ctx = lab};
    lab->core.sums = config->sums_portable ? &vt_sums_portable : vt_sums_best();
    vt_rng_seed(&lab->core.rng, lab->seed, 0);
    lab->core.key = (struct vt_sipkey){{vt_rng_u64(&lab->core.rng), vt_rng_u64(&lab->core.rng)}};
    vt_wheel_init(&lab->core.wheel, 0);
    lab->core.pool = vt_pool_new(&(struct vt_pool_config){
        .mem = lab->core.mem, .limit = config->buffers != 0 ? config->buffers : BUFFERS});
    if (lab->core.pool == NULL) {
        user.free(user.ctx, lab, sizeof *lab);
        return NULL;
    }
    if (vt_stream_init(&lab->stream, &lab->core.mem, config->events != 0 ? config->events : EVENT_RING,
                       !config->real) < 0) {
        vt_pool_release(lab->core.pool);
        user.free(user.ctx, lab, sizeof *lab);
        return NULL;
    }
    lab->core.ev = (struct vt_events){.now = &lab->core.now, .stream = &lab->stream};
    return lab;
}

static void free_node(struct vt_lab *lab, struct vt_lab_node *node)
{
    if (node->host != NULL)
        vt_host_free(node->host);
    if (node->sw != NULL)
        vt_switch_free(node->sw);
    counted_free(lab, node, sizeof *node);
}

void vt_lab_free(struct vt_lab *lab)
{
    if (lab == NULL)
        return;
    struct vt_allocator user = lab->user;
    if (lab->nlisteners > 0) {
        lab->nlisteners = 1;
        vt_lab_unlisten(lab, lab->listener[0]);
    }
    vt_lab_process_free_all(lab);
    for (uint32_t i = 0; i < lab->nnodes; i++)
        free_node(lab, lab->node[i]);
    for (uint32_t i = 0; i < lab->nlinks; i++) {
        vt_cable_free(lab->link[i]->cable);
        counted_free(lab, lab->link[i], sizeof *lab->link[i]);
    }
    while (lab->devices != NULL) {
        struct vt_lab_device *d = lab->devices;
        lab->devices = d->next;
        d->dev->ops->close(d->dev);
        counted_free(lab, d, sizeof *d);
    }
    while (lab->names != NULL) {
        struct vt_lab_name *n = lab->names;
        lab->names = n->next;
        counted_free(lab, n, sizeof *n);
    }
    vt_stream_fini(&lab->stream);
    counted_free(lab, lab->node, lab->nodes_cap * sizeof(void *));
    counted_free(lab, lab->link, lab->links_cap * sizeof(void *));
    counted_free(lab, lab->topology, lab->topology_cap);
    vt_pool_release(lab->core.pool);
    user.free(user.ctx, lab, sizeof *lab);
}

const char *vt_lab_node_name(const struct vt_lab *lab, unsigned i, enum vt_node_kind *kind)
{
    if (i >= lab->nnodes)
        return NULL;
    if (kind != NULL)
        *kind = lab->node[i]->kind;
    return lab->node[i]->name;
}

/* ---- Events ---- */

/* The lab itself is the stream's only listener: it hashes and hands on. */
static void on_event(void *ctx, const struct vt_event *ev, const void *extra)
{
    struct vt_lab *lab = ctx;
    struct vt_sipkey key = {{lab->hash, 0}};
    lab->hash = vt_siphash(&key, ev, sizeof *ev);
    if (ev->extra != 0) {
        key = (struct vt_sipkey){{lab->hash, 1}};
        lab->hash = vt_siphash(&key, extra, ev->extra);
    }
    for (unsigned i = 0; i < lab->nlisteners; i++)
        lab->listener[i].event(lab->listener[i].ctx, ev, extra);
}

static bool is_topology(const struct vt_event *ev)
{
    switch (ev->kind) {
    case VT_EV_NODE:
    case VT_EV_PORT:
    case VT_EV_LINK:
    case VT_EV_LINK_SET:
    case VT_EV_ADDR: return true;
    default: return false;
    }
}

static size_t record_size(const struct vt_event *ev)
{
    return (sizeof *ev + ev->extra + 7) & ~(size_t)7;
}

/* Of the settings of one direction of a cable only the last holds: an older record is forgotten. */
static void forget_setting(struct vt_lab *lab, const struct vt_event *of)
{
    size_t at = 0, to = 0;
    while (at < lab->topology_len) {
        const struct vt_event *ev = (const void *)(lab->topology + at);
        size_t size = record_size(ev);
        bool same = ev->kind == VT_EV_LINK_SET && ev->u.link.which == of->u.link.which &&
                    ev->u.link.node_a == of->u.link.node_a && ev->u.link.port_a == of->u.link.port_a;
        if (!same) {
            memmove(lab->topology + to, lab->topology + at, size);
            to += size;
        }
        at += size;
    }
    lab->topology_len = to;
}

/* Keeps a record for late listeners. Without memory they will not hear of it: no more harm than that. */
static void on_topology(void *ctx, const struct vt_event *ev, const void *extra)
{
    struct vt_lab *lab = ctx;
    size_t size = record_size(ev);
    if (!is_topology(ev))
        return;
    if (ev->kind == VT_EV_LINK_SET)
        forget_setting(lab, ev);
    if (lab->topology_len + size > lab->topology_cap) {
        size_t cap = lab->topology_cap * 2 + 4096 + size;
        uint8_t *bigger = counted_alloc(lab, cap);
        if (bigger == NULL)
            return;
        if (lab->topology_len > 0)
            memcpy(bigger, lab->topology, lab->topology_len);
        counted_free(lab, lab->topology, lab->topology_cap);
        lab->topology = bigger;
        lab->topology_cap = cap;
    }
    memcpy(lab->topology + lab->topology_len, ev, sizeof *ev);
    if (ev->extra > 0)
        memcpy(lab->topology + lab->topology_len + sizeof *ev, extra, ev->extra);
    lab->topology_len += size;
}

void vt_lab_record_begin(struct vt_lab *lab)
{
    vt_stream_drain(&lab->stream);
    (void)vt_stream_listen(&lab->stream, (struct vt_listener){.event = on_topology, .ctx = lab});
}

void vt_lab_record_end(struct vt_lab *lab)
{
    vt_stream_drain(&lab->stream);
    vt_stream_unlisten(&lab->stream, (struct vt_listener){.event = on_topology, .ctx = lab});
}

/* ---- Late listeners ---- */

struct late {
    struct vt_listener l;
    struct vt_core *core;
};

static bool tell_connection(void *ctx, const struct vt_tcp_row *row)
{
    struct late *late = ctx;
    struct vt_event ev = {
        .time = late->core->now,
        .node = late->core->ev.node,
        .kind = VT_EV_TCP_CONN,
        .layer = VT_L_TRANSPORT,
        .version = VT_EVENT_VERSION,
        .conn = row->conn,
        .mark = row->mark,
        .u.conn = {.lport = row->local.port,
                   .rport = row->remote.port,
                   .scope = row->local.scope,
                   .state = row->state},
    };
    memcpy(ev.u.conn.local, row->local.ip.b, 16);
    memcpy(ev.u.conn.remote, row->remote.ip.b, 16);
    late->l.event(late->l.ctx, &ev, NULL);
    return true;
}

/* Tells a listener of what stands: the topology, then the connections and listeners. */
static void tell_standing(struct vt_lab *lab, struct vt_listener l)
{
    struct late late = {.l = l};
    for (size_t at = 0; at < lab->topology_len;) {
        const struct vt_event *ev = (const void *)(lab->topology + at);
        l.event(l.ctx, ev, ev + 1);
        at += record_size(ev);
    }
    for (uint32_t i = 0; i < lab->nnodes; i++) {
        if (lab->node[i]->host == NULL)
            continue;
        late.core = vt_host_core(lab->node[i]->host);
        vt_tcp_each(vt_host_tcp(lab->node[i]->host), tell_connection, &late);
    }
}

int vt_lab_listen(struct vt_lab *lab, struct vt_listener l)
{
    if (lab->nlisteners == VT_LAB_LISTENERS)
        return -VT_ENOSPC;
    vt_stream_drain(&lab->stream);
    tell_standing(lab, l);
    lab->listener[lab->nlisteners++] = l;
    if (lab->nlisteners == 1)
        return vt_stream_listen(&lab->stream, (struct vt_listener){.event = on_event, .ctx = lab});
    return 0;
}

void vt_lab_unlisten(struct vt_lab *lab, struct vt_listener l)
{
    vt_stream_drain(&lab->stream);
    for (unsigned i = 0; i < lab->nlisteners; i++) {
        if (lab->listener[i].event != l.event || lab->listener[i].ctx != l.ctx)
            continue;
        lab->listener[i] = lab->listener[--lab->nlisteners];
        if (lab->nlisteners == 0)
            vt_stream_unlisten(&lab->stream, (struct vt_listener){.event = on_event, .ctx = lab});
        return;
    }
}

void vt_lab_capture(struct vt_lab *lab, bool on)
{
    lab->capture = on;
    lab->stream.frames = on;
    for (uint32_t i = 0; i < lab->nlinks; i++)
        vt_cable_set_observed(lab->link[i]->cable, on);
}

void vt_lab_drain_events(struct vt_lab *lab)
{
    vt_stream_drain(&lab->stream);
}

uint64_t vt_lab_hash(const struct vt_lab *lab)
{
    return lab->hash;
}

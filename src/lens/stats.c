/* Counters, and whether every frame has a fate. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_FLIGHTS  (1u << 20) /* frames followed at once; beyond it the oldest are given up, and counted */
#define MAX_ARRIVALS 16384u

struct node_counts {
    uint64_t kind[VT_EV_COUNT];
    uint64_t drop[VT_DROP_COUNT];
    uint64_t again;
};

/* A frame on its way, or one that has arrived and that nothing has come of yet. */
struct followed {
    uint64_t id; /* 0: a free slot */
    uint32_t node;
    uint32_t copies; /* 0: of a super-segment, whose pieces may still come */
    bool pieces;
};

struct table {
    struct followed *slot;
    struct vt_index ix;
    uint32_t count, cap, limit; /* slots ever used; there */
    uint32_t next;              /* the slot tried next, in turn */
};

struct vt_stats {
    struct vt_model model; /* topology only */
    struct node_counts all, *node;
    uint32_t nnodes, cap_nodes;
    struct table flights, arrivals;
    struct vt_stats_frames f;
    uint64_t twice;    /* arrivals or drops of what had ended already */
    uint64_t nameless; /* drops without a reason */
    uint64_t given_up;
};

/* ---- What is followed ---- */

static void table_fini(struct table *t)
{
    free(t->slot);
    vt_index_fini(&t->ix);
}

static struct followed *table_find(struct table *t, uint32_t node, uint64_t id)
{
    if (id == 0 || t->cap == 0)
        return NULL;
    uint32_t s = vt_index_first(&t->ix, vt_mix(id, node));
    while (s != VT_NO_SLOT && (t->slot[s].id != id || t->slot[s].node != node))
        s = vt_index_next(&t->ix, s);
    return s != VT_NO_SLOT ? &t->slot[s] : NULL;
}

static void table_remove(struct table *t, struct followed *f)
{
    vt_index_remove(&t->ix, (uint32_t)(f - t->slot));
    f->id = 0;
    t->count--;
}

static bool table_grow(struct table *t)
{
    uint32_t before = t->cap;
    struct vt_index ix;
    if (!vt_grow(&t->slot, t->cap, &t->cap, t->limit, sizeof *t->slot))
        return false;
    if (!vt_index_init(&ix, t->cap)) {
        t->cap = before;
        return false;
    }
    for (uint32_t i = 0; i < before; i++) {
        if (t->slot[i].id != 0)
            vt_index_add(&ix, i, vt_mix(t->slot[i].id, t->slot[i].node));
    }
    vt_index_fini(&t->ix);
    t->ix = ix;
    t->next = before;
    return true;
}

/* A new entry; when there is no room, the one that has been there about the longest gives way: *lost. NULL
 * without memory. */
static struct followed *table_add(struct table *t, uint32_t node, uint64_t id, bool *lost)
{
    *lost = false;
    if (t->count == t->cap && !table_grow(t)) {
        if (t->cap == 0)
            return NULL;
        t->next %= t->cap;
        *lost = true;
        table_remove(t, &t->slot[t->next]);
    }
    while (t->slot[t->next % t->cap].id != 0)
        t->next++;
    t->next %= t->cap;
    struct followed *f = &t->slot[t->next];
    *f = (struct followed){.id = id, .node = node, .copies = 1};
    vt_index_add(&t->ix, t->next++, vt_mix(id, node));
    t->count++;
    return f;
}

/* ---- Events ---- */

static struct node_counts *counts_of(struct vt_stats *s, uint32_t node)
{
    while (node >= s->cap_nodes) {
        if (node >= VT_MODEL_NODES ||
            !vt_grow(&s->node, s->cap_nodes, &s->cap_nodes, VT_MODEL_NODES, sizeof *s->node))
            return NULL; /* counted with all, not by itself */
    }
    if (node >= s->nnodes)
        s->nnodes = node + 1;
    return &s->node[node];
}

static void departs(struct vt_stats *s, const struct vt_event *ev)
{
    const struct vt_mport *port = vt_model_port(&s->model, ev->node, ev->iface);
    bool lost;
    s->f.sent++;
    if (port != NULL && port->link == 0 && s->model.nlinks != 0) {
        s->f.left++;
        return;
    }
    struct followed *f = table_add(&s->flights, ev->node, ev->id, &lost);
    s->given_up += lost || f == NULL;
    if (f != NULL)
        f->pieces = ev->u.frame.gso != 0;
}

/* One copy of a frame has ended its way. */
static void ends(struct vt_stats *s, struct followed *f)
{
    if (f->copies == 0) { /* a cable has cut a super-segment: this is one piece more */
        s->f.duplicated++;
        return;
    }
    if (--f->copies == 0 && !f->pieces)
        table_remove(&s->flights, f);
}

static void comes(struct vt_stats *s, const struct vt_event *ev)
{
    struct followed *f = table_find(&s->flights, ev->cause_node, ev->cause);
    bool lost;
    if (f != NULL) {
        s->f.delivered++;
        ends(s, f);
    } else if (ev->cause == 0) {
        s->f.came++;
    } else {
        s->twice++;
    }
    table_add(&s->arrivals, ev->node, ev->id, &lost);
    s->f.unread += lost;
}

static void dropped(struct vt_stats *s, const struct vt_event *ev, struct node_counts *n)
{
    unsigned reason = ev->u.drop.reason < VT_DROP_COUNT ? ev->u.drop.reason : 0;
    struct followed *f = table_find(&s->flights, ev->cause_node, ev->cause);
    s->nameless += reason == 0;
    s->all.drop[reason]++;
    if (n != NULL)
        n->drop[reason]++;
    if (f != NULL) {
        s->f.ended++;
        ends(s, f);
    }
}

static void impaired(struct vt_stats *s, const struct vt_event *ev)
{
    struct followed *f = table_find(&s->flights, ev->cause_node, ev->cause);
    if (ev->u.impair.kind != VT_IMPAIR_DUPLICATE || f == NULL)
        return;
    f->copies++;
    s->f.duplicated++;
}

void vt_stats_event(void *stats, const struct vt_event *ev, const void *extra)
{
    struct vt_stats *s = stats;
    unsigned kind = ev->kind < VT_EV_COUNT ? ev->kind : VT_EV_NONE;
    struct followed *read = table_find(&s->arrivals, ev->cause_node, ev->cause);
    struct node_counts *n = counts_of(s, ev->node);
    vt_model_topology(&s->model, ev, extra);
    if (read != NULL)
        table_remove(&s->arrivals, read);
    s->all.kind[kind]++;
    if (n != NULL)
        n->kind[kind]++;
    switch (kind) {
    case VT_EV_PORT_TX: departs(s, ev); break;
    case VT_EV_PORT_RX: comes(s, ev); break;
    case VT_EV_DROP: dropped(s, ev, n); break;
    case VT_EV_IMPAIR: impaired(s, ev); break;
    case VT_EV_GAP: s->f.lost_events += (uint64_t)ev->u.gap.lost[1] << 32 | ev->u.gap.lost[0]; break;
    case VT_EV_TCP_TX:
        if (n != NULL &&
            (ev->u.seg.why == VT_SEG_RTO || ev->u.seg.why == VT_SEG_FAST || ev->u.seg.why == VT_SEG_TLP))
            n->again++;
        break;
    default: break;
    }
}

struct vt_stats *vt_stats_new(void)
{
    struct vt_stats *s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->flights.limit = MAX_FLIGHTS;
        s->arrivals.limit = MAX_ARRIVALS;
    }
    return s;
}

void vt_stats_free(struct vt_stats *s)
{
    if (s == NULL)
        return;
    vt_model_fini(&s->model);
    table_fini(&s->flights);
    table_fini(&s->arrivals);
    free(s->node);
    free(s);
}

/* ---- Answers ---- */

uint64_t vt_stats_kind(const struct vt_stats *stats, uint32_t node, unsigned kind)
{
    if (kind >= VT_EV_COUNT || (node != VT_STATS_ALL && node >= stats->nnodes))
        return 0;
    return node == VT_STATS_ALL ? stats->all.kind[kind] : stats->node[node].kind[kind];
}

uint64_t vt_stats_drop(const struct vt_stats *stats, uint32_t node, unsigned reason)
{
    if (reason >= VT_DROP_COUNT || (node != VT_STATS_ALL && node >= stats->nnodes))
        return 0;
    return node == VT_STATS_ALL ? stats->all.drop[reason] : stats->node[node].drop[reason];
}

void vt_stats_frames(const struct vt_stats *stats, struct vt_stats_frames *frames)
{
    *frames = stats->f;
    for (uint32_t i = 0; i < stats->flights.cap; i++) {
        if (stats->flights.slot[i].id != 0)
            frames->on_the_way += stats->flights.slot[i].copies;
    }
    frames->unread += stats->arrivals.count;
}

bool vt_stats_reconcile(const struct vt_stats *stats, char *why, size_t size)
{
    struct vt_stats_frames f;
    char none[1];
    vt_stats_frames(stats, &f);
    if (why == NULL) {
        why = none;
        size = sizeof none;
    }
    why[0] = '\0';
    uint64_t in = f.sent + f.duplicated, out = f.delivered + f.ended + f.left + f.on_the_way;
    if (f.lost_events != 0)
        snprintf(why, size, "%llu events were lost: nothing can be said", (unsigned long long)f.lost_events);
    else if (stats->given_up != 0)
        snprintf(why, size, "%llu frames were too many to follow", (unsigned long long)stats->given_up);
    else if (stats->nameless != 0)
        snprintf(why, size, "%llu drops have no reason", (unsigned long long)stats->nameless);
    else if (stats->twice != 0)
        snprintf(why, size, "%llu frames arrived that had ended before, or were never sent",
                 (unsigned long long)stats->twice);
    else if (in != out)
        snprintf(why, size,
                 "%llu frames sent and %llu copies made, but %llu delivered, %llu ended, %llu left, %llu "
                 "on the way",
                 (unsigned long long)f.sent, (unsigned long long)f.duplicated,
                 (unsigned long long)f.delivered, (unsigned long long)f.ended, (unsigned long long)f.left,
                 (unsigned long long)f.on_the_way);
    else
        return true;
    return false;
}

/* ---- The table ---- */

static void put_drops(const struct vt_stats *s, struct vt_out *o)
{
    char name[VT_NAME];
    for (unsigned reason = 0; reason < VT_DROP_COUNT; reason++) {
        for (uint32_t i = 0; i < s->nnodes && s->all.drop[reason] != 0; i++) {
            if (s->node[i].drop[reason] == 0)
                continue;
            bool known = vt_model_node(&s->model, i) != NULL;
            vt_out_format(o, "  %8llu  %-16s %-18s %s\n", (unsigned long long)s->node[i].drop[reason],
                          known ? vt_model_name(&s->model, i, name) : "cables", vt_drop_word(reason),
                          vt_drop_text(reason));
        }
    }
}

static void put_nodes(const struct vt_stats *s, struct vt_out *o)
{
    char name[VT_NAME];
    vt_out_format(o, "%-16s %9s %9s %9s %9s %7s %7s %7s\n", "node", "frames tx", "rx", "seg tx", "rx",
                  "again", "timers", "drops");
    for (uint32_t i = 0; i < s->nnodes; i++) {
        const struct node_counts *n = &s->node[i];
        if (vt_model_node(&s->model, i) == NULL)
            continue;
        vt_model_name(&s->model, i, name);
        unsigned width = vt_text_width(name);
        vt_out_text(o, name);
        vt_out_repeat(o, " ", width < 16 ? 16 - width : 0);
        vt_out_format(o, " %9llu %9llu %9llu %9llu %7llu %7llu %7llu\n",
                      (unsigned long long)n->kind[VT_EV_PORT_TX], (unsigned long long)n->kind[VT_EV_PORT_RX],
                      (unsigned long long)n->kind[VT_EV_TCP_TX], (unsigned long long)n->kind[VT_EV_TCP_RX],
                      (unsigned long long)n->again, (unsigned long long)n->kind[VT_EV_TCP_TIMER],
                      (unsigned long long)n->kind[VT_EV_DROP]);
    }
}

int vt_stats_text(const struct vt_stats *stats, struct vt_sink out)
{
    struct vt_out o = {0};
    struct vt_stats_frames f;
    char why[200];
    vt_stats_frames(stats, &f);
    put_nodes(stats, &o);
    vt_out_format(
        &o, "\nframes: %llu sent, %llu copies made; %llu delivered, %llu ended, %llu left, %llu on the way\n",
        (unsigned long long)f.sent, (unsigned long long)f.duplicated, (unsigned long long)f.delivered,
        (unsigned long long)f.ended, (unsigned long long)f.left, (unsigned long long)f.on_the_way);
    if (f.came != 0)
        vt_out_format(&o, "from outside: %llu\n", (unsigned long long)f.came);
    if (stats->all.kind[VT_EV_DROP] != 0) {
        vt_out_text(&o, "drops:\n");
        put_drops(stats, &o);
    }
    bool right = vt_stats_reconcile(stats, why, sizeof why);
    vt_out_format(&o, "%s%s\n", right ? "every frame has a fate" : "does not reconcile: ", why);
    int error = o.failed ? -VT_ENOMEM : out.write(out.ctx, vt_out_string(&o), o.len);
    vt_out_free(&o);
    return error;
}

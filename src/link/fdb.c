#include "fdb.h"
#include <vitro/errno.h>

static struct vt_fdb_entry **bucket_of(const struct vt_fdb *f, struct vt_mac mac)
{
    /* Keyed, so that nobody can choose addresses that all fall into one bucket. */
    uint64_t hash = vt_siphash(&f->core->key, mac.b, sizeof mac.b);
    return &f->bucket[hash & (f->buckets - 1)];
}

static struct vt_fdb_entry *fdb_find(const struct vt_fdb *f, struct vt_mac mac)
{
    struct vt_fdb_entry *e = *bucket_of(f, mac);
    while (e != NULL && !vt_mac_eq(e->mac, mac))
        e = e->next;
    return e;
}

uint32_t vt_fdb_lookup(const struct vt_fdb *f, struct vt_mac mac)
{
    const struct vt_fdb_entry *e = fdb_find(f, mac);
    return e == NULL ? 0 : e->port;
}

static void fdb_tell(struct vt_fdb *f, const struct vt_fdb_entry *entry, bool on)
{
    struct vt_event *e = vt_event_begin(&f->core->ev, VT_EV_LEARN, VT_DOC_IEEE8021D_7);
    if (e == NULL)
        return;
    e->iface = entry->port;
    memcpy(e->u.learn.mac, entry->mac.b, sizeof entry->mac.b);
    e->u.learn.on = on;
    vt_event_end(&f->core->ev, e, NULL, 0);
}

/* The list of entries is in the order of `seen`: what is seen goes to its end. */
static void seen_add(struct vt_fdb *f, struct vt_fdb_entry *e)
{
    e->seen = f->core->now;
    e->newer = NULL;
    e->older = f->newest;
    if (f->newest != NULL)
        f->newest->newer = e;
    else
        f->oldest = e;
    f->newest = e;
}

static void seen_remove(struct vt_fdb *f, struct vt_fdb_entry *e)
{
    if (e->older != NULL)
        e->older->newer = e->newer;
    else
        f->oldest = e->newer;
    if (e->newer != NULL)
        e->newer->older = e->older;
    else
        f->newest = e->older;
}

static void fdb_forget(struct vt_fdb *f, struct vt_fdb_entry *e)
{
    struct vt_fdb_entry **at = bucket_of(f, e->mac);
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    seen_remove(f, e);
    f->count--;
    f->learned[e->port]--;
    fdb_tell(f, e, false);
    vt_free(f->core, e, sizeof *e);
}

static void fdb_arm(struct vt_fdb *f)
{
    if (f->oldest != NULL)
        vt_core_arm(f->core, &f->timer, vt_time_add(f->oldest->seen, f->ageing));
}

static void fdb_timer(struct vt_timer *t, vt_time now)
{
    struct vt_fdb *f = (struct vt_fdb *)(void *)((uint8_t *)t - offsetof(struct vt_fdb, timer));
    vt_core_enter_timer(f->core, t);
    while (f->oldest != NULL && vt_time_add(f->oldest->seen, f->ageing) <= now)
        fdb_forget(f, f->oldest);
    fdb_arm(f);
}

static void fdb_create(struct vt_fdb *f, struct vt_mac mac, uint32_t port)
{
    /* V06: a flood of addresses fills its own port's share, and never pushes out what is known. */
    if (f->count >= f->max || f->learned[port] >= f->quota)
        return;
    struct vt_fdb_entry *e = vt_alloc(f->core, sizeof *e);
    if (e == NULL)
        return; /* frames to it are flooded: slower, not wrong */
    struct vt_fdb_entry **at = bucket_of(f, mac);
    e->next = *at;
    *at = e;
    e->mac = mac;
    e->port = port;
    seen_add(f, e);
    f->count++;
    f->learned[port]++;
    fdb_tell(f, e, true);
    if (!vt_timer_armed(&f->timer))
        fdb_arm(f);
}

void vt_fdb_learn(struct vt_fdb *f, struct vt_mac mac, uint32_t port)
{
    struct vt_fdb_entry *e = fdb_find(f, mac);
    if (e == NULL) {
        fdb_create(f, mac, port);
    } else if (e->port == port) {
        seen_remove(f, e);
        seen_add(f, e);
    } else if (f->core->now >= vt_time_add(e->seen, VT_FDB_HOLD)) {
        fdb_forget(f, e);
        fdb_create(f, mac, port);
    }
}

int vt_fdb_set_ports(struct vt_fdb *f, uint32_t ports)
{
    uint32_t *learned = vt_alloc(f->core, (ports + 1u) * sizeof *learned);
    if (learned == NULL)
        return -VT_ENOMEM;
    if (f->learned != NULL) {
        memcpy(learned, f->learned, (f->ports + 1u) * sizeof *learned);
        vt_free(f->core, f->learned, (f->ports + 1u) * sizeof *learned);
    }
    f->learned = learned;
    f->ports = ports;
    return 0;
}

int vt_fdb_init(struct vt_fdb *f, struct vt_core *core, uint32_t max, uint32_t quota, vt_span ageing)
{
    *f = (struct vt_fdb){.core = core, .buckets = 16, .max = max, .quota = quota, .ageing = ageing};
    f->timer.fn = fdb_timer;
    while (f->buckets < max && f->buckets < VT_FDB_BUCKETS)
        f->buckets *= 2;
    f->bucket = vt_alloc(core, f->buckets * sizeof(struct vt_fdb_entry *));
    return f->bucket == NULL ? -VT_ENOMEM : 0;
}

void vt_fdb_fini(struct vt_fdb *f)
{
    vt_core_disarm(f->core, &f->timer);
    while (f->oldest != NULL)
        fdb_forget(f, f->oldest);
    vt_free(f->core, f->bucket, f->buckets * sizeof(struct vt_fdb_entry *));
    if (f->learned != NULL)
        vt_free(f->core, f->learned, (f->ports + 1u) * sizeof *f->learned);
}

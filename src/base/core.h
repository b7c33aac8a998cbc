/* What every floor of one node is handed: time, memory, buffers, chance, timers, events, the count of fates.
 */
#ifndef VT_BASE_CORE_H
#define VT_BASE_CORE_H

#include <vitro/crypto.h>

#include "events.h"
#include "pbuf.h"
#include "random.h"
#include "sums.h"
#include "wheel.h"

struct vt_core {
    vt_time now; /* set at each entry; never read from a clock */
    const char *name;
    struct vt_allocator mem;
    struct vt_pool *pool;
    const struct vt_sums *sums;
    const struct vt_crypto *crypto; /* NULL: nothing can be signed */
    struct vt_events ev;
    struct vt_wheel wheel;
    struct vt_rng rng;
    struct vt_sipkey key; /* secret of this node: ISNs, tables, ports */
    size_t mem_used;      /* bytes from vt_alloc() now held */
    uint64_t delivered;   /* packets that reached their end here */
    uint64_t drops[VT_DROP_COUNT];
};

/* Zeroed memory, counted; NULL when there is none. vt_free() is told the same size. */
static inline void *vt_alloc(struct vt_core *c, size_t size)
{
    void *p = c->mem.alloc(c->mem.ctx, size);
    if (p != NULL)
        c->mem_used += size;
    return p;
}
static inline void vt_free(struct vt_core *c, void *p, size_t size)
{
    if (p == NULL)
        return;
    c->mem_used -= size;
    c->mem.free(c->mem.ctx, p, size);
}

/* The one way in which a packet ends unwanted: counts the reason, emits DROP with the packet's last event as
 * cause, frees it. `iface` and `conn` may be 0. */
void vt_drop(struct vt_core *c, struct vt_pbuf *p, enum vt_drop reason, uint32_t iface, uint32_t conn);
/* The same for a packet that stays the caller's (it is answered, or its bytes go on): counts and emits. */
void vt_drop_note(struct vt_core *c, const struct vt_pbuf *p, enum vt_drop reason, uint32_t iface,
                  uint32_t conn);

/* Arms a timer and remembers the current event as its cause; when it fires, the host makes that the cause. */
static inline void vt_core_arm(struct vt_core *c, struct vt_timer *t, vt_time when)
{
    t->cause = c->ev.count;
    vt_timer_arm(&c->wheel, t, when);
}
static inline void vt_core_disarm(struct vt_core *c, struct vt_timer *t)
{
    vt_timer_disarm(&c->wheel, t);
}
/* A timer's function calls this first: the event that armed it is now the cause. */
static inline void vt_core_enter_timer(struct vt_core *c, const struct vt_timer *t)
{
    c->ev.cause = (struct vt_event_id){t->cause, c->ev.node};
}

#endif

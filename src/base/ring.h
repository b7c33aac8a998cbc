/* A first-in first-out ring of pointers: the owner's array, a power of two long; never grows, never
 * allocates. */
#ifndef VT_BASE_RING_H
#define VT_BASE_RING_H

#include <vitro/types.h>

#include "check.h"

struct vt_ring {
    void **slot; /* the owner's array of mask + 1 pointers */
    uint32_t mask;
    uint32_t head, tail; /* counters, running on past 2^32: the next to pop, the next to fill */
};

/* `cap` is a power of two. */
static inline void vt_ring_init(struct vt_ring *r, void **slot, uint32_t cap)
{
    VT_ASSERT(cap != 0 && (cap & (cap - 1)) == 0);
    *r = (struct vt_ring){.slot = slot, .mask = cap - 1};
}
static inline uint32_t vt_ring_count(const struct vt_ring *r)
{
    return r->tail - r->head;
}
static inline uint32_t vt_ring_space(const struct vt_ring *r)
{
    return r->mask + 1 - vt_ring_count(r);
}
/* False when it is full. */
static inline bool vt_ring_push(struct vt_ring *r, void *p)
{
    if (vt_ring_space(r) == 0)
        return false;
    r->slot[r->tail++ & r->mask] = p;
    return true;
}
/* NULL when it is empty. */
static inline void *vt_ring_pop(struct vt_ring *r)
{
    return r->head == r->tail ? NULL : r->slot[r->head++ & r->mask];
}
/* The i-th from the front; NULL beyond the last. */
static inline void *vt_ring_at(const struct vt_ring *r, uint32_t i)
{
    return i < vt_ring_count(r) ? r->slot[(r->head + i) & r->mask] : NULL;
}

#endif

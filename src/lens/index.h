/* Finding slots of an array by a hash: chains through the slots themselves. Keys are the caller's to compare.
 */
#ifndef VT_LENS_INDEX_H
#define VT_LENS_INDEX_H

#include <vitro/types.h>

#define VT_NO_SLOT UINT32_MAX

/* Slots 0 to cap - 1, each in at most one chain. */
struct vt_index {
    uint32_t *head, *next;
    uint32_t *hash;
    uint32_t cap, mask;
};

/* For `cap` slots, all out of it. False without memory. */
bool vt_index_init(struct vt_index *ix, uint32_t cap);
void vt_index_fini(struct vt_index *ix);
void vt_index_add(struct vt_index *ix, uint32_t slot, uint32_t hash);
/* The slot must be in the index. */
void vt_index_remove(struct vt_index *ix, uint32_t slot);
/* The slots with this hash, the one added last first; VT_NO_SLOT at the end. */
uint32_t vt_index_first(const struct vt_index *ix, uint32_t hash);
uint32_t vt_index_next(const struct vt_index *ix, uint32_t slot);

/* A mixer for small keys. Nobody outside chooses them in a way that would make chains long on purpose: they
 * are counters and numbers of the lab's own; so it is not keyed. */
static inline uint32_t vt_mix(uint64_t a, uint64_t b)
{
    uint64_t x = (a ^ (b << 32 | b >> 32)) * UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(x ^ x >> 32);
}

/* Makes room for one more element of `size` bytes in a growing array of at most `limit`. False when there is
 * none. */
bool vt_grow(void *array, uint32_t count, uint32_t *cap, uint32_t limit, size_t size);

#endif

#include "index.h"

#include <stdlib.h>

bool vt_index_init(struct vt_index *ix, uint32_t cap)
{
    uint32_t heads = 16;
    while (heads < cap)
        heads *= 2;
    *ix = (struct vt_index){.cap = cap, .mask = heads - 1};
    ix->head = malloc(heads * sizeof *ix->head);
    ix->next = malloc(cap * sizeof *ix->next);
    ix->hash = malloc(cap * sizeof *ix->hash);
    if (ix->head == NULL || ix->next == NULL || ix->hash == NULL) {
        vt_index_fini(ix);
        return false;
    }
    memset(ix->head, 0xff, heads * sizeof *ix->head);
    memset(ix->next, 0xff, cap * sizeof *ix->next);
    memset(ix->hash, 0, cap * sizeof *ix->hash);
    return true;
}

void vt_index_fini(struct vt_index *ix)
{
    free(ix->head);
    free(ix->next);
    free(ix->hash);
    *ix = (struct vt_index){0};
}

void vt_index_add(struct vt_index *ix, uint32_t slot, uint32_t hash)
{
    uint32_t *head = &ix->head[hash & ix->mask];
    ix->hash[slot] = hash;
    ix->next[slot] = *head;
    *head = slot;
}

void vt_index_remove(struct vt_index *ix, uint32_t slot)
{
    uint32_t *at = &ix->head[ix->hash[slot] & ix->mask];
    while (*at != slot)
        at = &ix->next[*at];
    *at = ix->next[slot];
    ix->next[slot] = VT_NO_SLOT;
}

static uint32_t same_hash(const struct vt_index *ix, uint32_t slot, uint32_t hash)
{
    while (slot != VT_NO_SLOT && ix->hash[slot] != hash)
        slot = ix->next[slot];
    return slot;
}

uint32_t vt_index_first(const struct vt_index *ix, uint32_t hash)
{
    return same_hash(ix, ix->head[hash & ix->mask], hash);
}

uint32_t vt_index_next(const struct vt_index *ix, uint32_t slot)
{
    return same_hash(ix, ix->next[slot], ix->hash[slot]);
}

bool vt_grow(void *array, uint32_t count, uint32_t *cap, uint32_t limit, size_t size)
{
    if (count < *cap)
        return true;
    uint32_t more = *cap == 0 ? 16 : *cap * 2;
    if (more > limit)
        more = limit;
    if (count >= more)
        return false;
    void *old;
    memcpy(&old, array, sizeof old);
    void *p = realloc(old, more * size);
    if (p == NULL)
        return false;
    memset((char *)p + *cap * size, 0, (more - *cap) * size);
    memcpy(array, &p, sizeof p); /* the caller's pointer, of whatever type, now holds it */
    *cap = more;
    /* cppcheck-suppress memleak */
    return true;
}

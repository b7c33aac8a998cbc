/* A set of disjoint ranges [from, to) of 32-bit numbers that wrap, in ascending order, with a cap. */
#ifndef VT_BASE_RANGES_H
#define VT_BASE_RANGES_H

#include <vitro/types.h>

struct vt_range {
    struct vt_seq from, to;
};

/* `r` is the owner's array of `cap` ranges. All numbers in a set lie within 2^31 of each other. */
struct vt_ranges {
    struct vt_range *r;
    uint32_t n, cap;
};

/* Adds [from, to), merging with what it touches. -VT_EINVAL when that is empty; -VT_ENOSPC when one range
 * more would exceed the cap; the set is then unchanged. Returns the index of the range that now holds it. */
int vt_ranges_add(struct vt_ranges *s, struct vt_seq from, struct vt_seq to);
/* Removes every number before `seq`. */
void vt_ranges_cut(struct vt_ranges *s, struct vt_seq seq);
/* True when all of [from, to) is in the set. */
bool vt_ranges_has(const struct vt_ranges *s, struct vt_seq from, struct vt_seq to);
/* How many numbers of [from, to) are in the set. */
uint32_t vt_ranges_count(const struct vt_ranges *s, struct vt_seq from, struct vt_seq to);

#endif

#include "ranges.h"

#include <vitro/errno.h>

/* The first range that ends at or after `seq`: the first that a range from there on can touch. */
static uint32_t find(const struct vt_ranges *s, struct vt_seq seq)
{
    uint32_t low = 0, high = s->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (vt_seq_lt(s->r[mid].to, seq))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

int vt_ranges_add(struct vt_ranges *s, struct vt_seq from, struct vt_seq to)
{
    if (vt_seq_ge(from, to))
        return -VT_EINVAL;
    uint32_t first = find(s, from), end = first;
    while (end < s->n && vt_seq_le(s->r[end].from, to))
        end++;
    if (end == first) {
        if (s->n == s->cap)
            return -VT_ENOSPC;
        memmove(&s->r[first + 1], &s->r[first], (s->n - first) * sizeof(s->r[0]));
        s->n++;
    } else {
        from = vt_seq_min(from, s->r[first].from);
        to = vt_seq_max(to, s->r[end - 1].to);
        memmove(&s->r[first + 1], &s->r[end], (s->n - end) * sizeof(s->r[0]));
        s->n -= end - first - 1;
    }
    s->r[first] = (struct vt_range){from, to};
    return (int)first;
}

void vt_ranges_cut(struct vt_ranges *s, struct vt_seq seq)
{
    uint32_t gone = 0;
    while (gone < s->n && vt_seq_le(s->r[gone].to, seq))
        gone++;
    if (gone != 0) {
        s->n -= gone;
        memmove(s->r, s->r + gone, s->n * sizeof(s->r[0]));
    }
    if (s->n != 0)
        s->r[0].from = vt_seq_max(s->r[0].from, seq);
}

bool vt_ranges_has(const struct vt_ranges *s, struct vt_seq from, struct vt_seq to)
{
    if (vt_seq_ge(from, to))
        return true;
    uint32_t i = find(s, to);
    return i < s->n && vt_seq_le(s->r[i].from, from);
}

uint32_t vt_ranges_count(const struct vt_ranges *s, struct vt_seq from, struct vt_seq to)
{
    uint32_t count = 0;
    for (uint32_t i = find(s, from); i < s->n && vt_seq_lt(s->r[i].from, to); i++) {
        int32_t n = vt_seq_diff(vt_seq_min(s->r[i].to, to), vt_seq_max(s->r[i].from, from));
        if (n > 0)
            count += (uint32_t)n;
    }
    return count;
}

/* The slot that `now` lies in (level 0) is a queue in the order of time. Every other slot is a stack, the
 * timer armed last on top: whoever empties one turns it round first, so that timers of one time keep the
 * order in which they were armed, down all the levels. When `now` enters a slot, all the levels below are
 * empty: what was in them was earlier, and has fired. */
#include "wheel.h"

#define SLOTS (1u << VT_WHEEL_BITS)

_Static_assert(VT_WHEEL_SHIFT + VT_WHEEL_LEVELS * VT_WHEEL_BITS == 64, "the levels hold all of vt_time");
_Static_assert(offsetof(struct vt_timer, next) == 0, "a pointer to `next` is a pointer to the timer");

static unsigned shift_of(unsigned level)
{
    return VT_WHEEL_SHIFT + level * VT_WHEEL_BITS;
}

static unsigned index_of(vt_time t, unsigned level)
{
    return (unsigned)(t >> shift_of(level)) & (SLOTS - 1);
}

/* The level of the highest bit in which two times differ. */
static unsigned level_of(vt_time a, vt_time b)
{
    vt_time diff = (a ^ b) >> VT_WHEEL_SHIFT;
    return diff == 0 ? 0 : (63u - (unsigned)__builtin_clzll(diff)) / VT_WHEEL_BITS;
}

void vt_wheel_init(struct vt_wheel *w, vt_time now)
{
    *w = (struct vt_wheel){.now = now, .next = VT_NEVER, .exact = true};
    w->tail = &w->slot[0][index_of(now, 0)];
}

static void link_at(struct vt_timer *t, struct vt_timer **at)
{
    t->next = *at;
    t->pprev = at;
    if (t->next != NULL)
        t->next->pprev = &t->next;
    *at = t;
}

/* Into the slot that `now` lies in: behind every timer that is not later. Most are the latest. */
static void insert_in_order(struct vt_wheel *w, struct vt_timer *t, struct vt_timer **slot)
{
    struct vt_timer **at = w->tail;
    if (at != slot && ((struct vt_timer *)(void *)at)->when > t->when) {
        at = slot;
        while ((*at)->when <= t->when)
            at = &(*at)->next;
    }
    if (at == w->tail)
        w->tail = &t->next;
    link_at(t, at);
}

static void insert(struct vt_wheel *w, struct vt_timer *t)
{
    vt_time place = t->when > w->now ? t->when : w->now;
    unsigned level = level_of(place, w->now), i = index_of(place, level);
    w->busy[level] |= UINT64_C(1) << i;
    if (level == 0 && i == index_of(w->now, 0))
        insert_in_order(w, t, &w->slot[0][i]);
    else
        link_at(t, &w->slot[level][i]);
}

void vt_timer_arm(struct vt_wheel *w, struct vt_timer *t, vt_time when)
{
    vt_timer_disarm(w, t);
    if (when == VT_NEVER)
        return;
    t->when = when;
    insert(w, t);
    w->armed++;
    if (when <= w->next) {
        w->next = when;
        w->exact = true;
    }
}

void vt_timer_disarm(struct vt_wheel *w, struct vt_timer *t)
{
    if (t->pprev == NULL)
        return;
    if (w->tail == &t->next)
        w->tail = t->pprev;
    *t->pprev = t->next;
    if (t->next != NULL) {
        t->next->pprev = t->pprev;
    } else {
        /* When the pointer to it was a slot itself, it was alone there. */
        uintptr_t off = (uintptr_t)t->pprev - (uintptr_t)&w->slot[0][0];
        if (off < sizeof(w->slot)) {
            size_t i = off / sizeof(w->slot[0][0]);
            w->busy[i / SLOTS] &= ~(UINT64_C(1) << i % SLOTS);
        }
    }
    t->next = NULL;
    t->pprev = NULL;
    if (--w->armed == 0) {
        w->next = VT_NEVER;
        w->exact = true;
    } else if (t->when <= w->next) {
        w->exact = false;
    }
}

/* The lowest level, and in it the first slot, that has timers; there is at least one. */
static unsigned first_busy(const struct vt_wheel *w, unsigned *index)
{
    unsigned level = 0;
    while (w->busy[level] == 0)
        level++;
    *index = (unsigned)__builtin_ctzll(w->busy[level]);
    return level;
}

vt_time vt_wheel_next(struct vt_wheel *w)
{
    if (w->exact)
        return w->next;
    unsigned i, level = first_busy(w, &i);
    const struct vt_timer *t = w->slot[level][i];
    w->next = t->when;
    if (level != 0 || i != index_of(w->now, 0)) {
        while ((t = t->next) != NULL)
            w->next = vt_time_min(w->next, t->when);
    }
    w->exact = true;
    return w->next;
}

/* Two lists in order, linked by `next` alone, into one; a's come first among equals. */
static struct vt_timer *merge(struct vt_timer *a, struct vt_timer *b)
{
    struct vt_timer *first = NULL, **end = &first;
    while (a != NULL && b != NULL) {
        struct vt_timer **least = a->when <= b->when ? &a : &b;
        *end = *least;
        end = &(*least)->next;
        *least = *end;
    }
    *end = a != NULL ? a : b;
    return first;
}

/* Sorts a list linked by `next` alone, stably: run[i] holds 2^i timers, earlier ones than run[i - 1]. */
static struct vt_timer *sort(struct vt_timer *list)
{
    struct vt_timer *run[32] = {NULL}, *all = NULL;
    while (list != NULL) {
        struct vt_timer *t = list;
        list = list->next;
        t->next = NULL;
        unsigned i = 0;
        for (; run[i] != NULL; i++) {
            t = merge(run[i], t);
            run[i] = NULL;
        }
        run[i] = t;
    }
    for (unsigned i = 0; i < 32; i++)
        all = merge(run[i], all);
    return all;
}

/* Takes a stack out of its slot, the timer armed first now in front. */
static struct vt_timer *take_slot(struct vt_wheel *w, unsigned level, unsigned i)
{
    struct vt_timer *list = NULL, *t = w->slot[level][i];
    w->slot[level][i] = NULL;
    w->busy[level] &= ~(UINT64_C(1) << i);
    while (t != NULL) {
        struct vt_timer *next = t->next;
        t->next = list;
        list = t;
        t = next;
    }
    return list;
}

/* Moves `now` to the start of the first slot that has timers, and those to where they belong from there. */
static void enter(struct vt_wheel *w, vt_time start, unsigned level, unsigned i)
{
    struct vt_timer *list = take_slot(w, level, i), *first = NULL, **end = &first;
    w->now = start;
    w->tail = &w->slot[0][index_of(start, 0)];
    while (list != NULL) {
        struct vt_timer *t = list;
        list = list->next;
        if ((t->when ^ start) >> VT_WHEEL_SHIFT != 0) {
            insert(w, t);
        } else {
            *end = t;
            end = &t->next;
        }
    }
    *end = NULL;
    /* In order, each is the latest so far, and goes to the tail at once. */
    for (struct vt_timer *t = sort(first), *next; t != NULL; t = next) {
        next = t->next;
        insert(w, t);
    }
}

/* The time at which a slot ahead of `now` begins. */
static vt_time slot_start(const struct vt_wheel *w, unsigned level, unsigned i)
{
    unsigned shift = shift_of(level);
    vt_time above = level + 1 < VT_WHEEL_LEVELS ? w->now >> (shift + VT_WHEEL_BITS) << (shift + VT_WHEEL_BITS)
                                                : 0;
    return above | (vt_time)i << shift;
}

unsigned vt_wheel_run(struct vt_wheel *w, vt_time now)
{
    unsigned fired = 0;
    if (now < w->now)
        now = w->now;
    while (w->armed != 0) {
        unsigned i, level = first_busy(w, &i);
        if (level != 0 || i != index_of(w->now, 0)) {
            vt_time start = slot_start(w, level, i);
            if (start > now)
                break;
            enter(w, start, level, i);
            continue;
        }
        struct vt_timer *t = w->slot[0][i];
        if (t->when > now)
            break;
        if (t->when > w->now)
            w->now = t->when;
        vt_timer_disarm(w, t);
        fired++;
        if (t->fn != NULL)
            t->fn(t, now);
    }
    if (level_of(now, w->now) != 0 || index_of(now, 0) != index_of(w->now, 0))
        w->tail = &w->slot[0][index_of(now, 0)];
    w->now = now;
    return fired;
}

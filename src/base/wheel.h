/* A hierarchical timer wheel: arm, move and disarm in constant time; exact to the nanosecond.
 *
 * Level 0 has slots of 2^16 ns; each level above has slots 64 times as long (Varghese and Lauck, 1987). A
 * timer is in the level of the highest bit in which its time differs from the wheel's, and comes down as its
 * time draws near. Within a slot timers keep their own exact times: none fires early, none late.
 */
#ifndef VT_BASE_WHEEL_H
#define VT_BASE_WHEEL_H

#include <vitro/types.h>

#define VT_WHEEL_SHIFT  16
#define VT_WHEEL_BITS   6
#define VT_WHEEL_LEVELS 8 /* 16 + 8 * 6 = 64 bits: all of vt_time */

struct vt_timer;
typedef void vt_timer_fn(struct vt_timer *t, vt_time now);

/* One timer, embedded in what it serves. Zeroed memory is a disarmed timer without a function. */
struct vt_timer {
    struct vt_timer *next, **pprev; /* pprev NULL: disarmed */
    vt_time when;
    uint64_t cause; /* counter of the event that armed it, on its own node */
    vt_timer_fn *fn;
};

struct vt_wheel {
    vt_time now;            /* every timer due at or before this has fired */
    vt_time next;           /* a time at or before the earliest deadline; VT_NEVER when empty */
    bool exact;             /* `next` is the earliest deadline itself */
    struct vt_timer **tail; /* the end of the slot that `now` is in: that one is kept in the order of time */
    uint64_t busy[VT_WHEEL_LEVELS]; /* a bit for each slot that has timers */
    struct vt_timer *slot[VT_WHEEL_LEVELS][1 << VT_WHEEL_BITS];
    uint32_t armed;
};

void vt_wheel_init(struct vt_wheel *w, vt_time now);
/* Arms t for `when` (the past: at the next run), moving it when it is armed already. VT_NEVER disarms. A
 * timer must not be copied or freed while it is armed. */
void vt_timer_arm(struct vt_wheel *w, struct vt_timer *t, vt_time when);
void vt_timer_disarm(struct vt_wheel *w, struct vt_timer *t);
static inline bool vt_timer_armed(const struct vt_timer *t)
{
    return t->pprev != NULL;
}
/* The exact time of the earliest timer; VT_NEVER when there is none. */
vt_time vt_wheel_next(struct vt_wheel *w);
/* Fires, in the order of their times, and those of one time in the order in which they were armed, every
 * timer due at or before `now`; each is disarmed before its function is called, with the same `now`, and may
 * arm itself or others again. A timer armed for the past while running fires in this run. Returns how many
 * fired. Not to be called from a timer's function. */
unsigned vt_wheel_run(struct vt_wheel *w, vt_time now);

#endif

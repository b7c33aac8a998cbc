/* The clock of a lab: what is due is polled, in one order, and what it wakes becomes due. */
#include "internal.h"

void vt_lab_due(struct vt_lab *lab, struct vt_lab_item *item, vt_time when)
{
    if (when == VT_NEVER)
        return;
    if (when < lab->core.now)
        when = lab->core.now;
    if (item->queued) {
        if (item->when <= when)
            return;
        vt_lab_heap_remove(&lab->heap, item);
    }
    item->when = when;
    vt_lab_heap_push(&lab->heap, item);
}

void vt_lab_not_due(struct vt_lab *lab, struct vt_lab_item *item)
{
    if (item->queued)
        vt_lab_heap_remove(&lab->heap, item);
}

void vt_lab_cable_wake(void *ctx, struct vt_cable *c, unsigned end, vt_time when)
{
    struct vt_lab_link *link = ctx;
    (void)c;
    vt_lab_due(link->lab, &link->end[end].item, when);
}

void vt_lab_touch(struct vt_lab *lab, const struct vt_host *h)
{
    for (uint32_t i = 0; i < lab->nnodes; i++)
        if (lab->node[i]->host == h) {
            vt_host_enter(lab->node[i]->host, lab->core.now);
            vt_lab_due(lab, &lab->node[i]->item, lab->core.now);
        }
}

static void poll_node(struct vt_lab *lab, struct vt_lab_node *node)
{
    vt_time now = lab->core.now, next;
    if (node->host != NULL) {
        next = vt_host_poll(node->host, now);
    } else {
        node->core.now = now;
        next = vt_switch_poll(node->sw, now);
    }
    vt_lab_due(lab, &node->item, next);

    while (node->fired != NULL) {
        struct vt_lab_end *end = node->fired;
        struct vt_device *dev = vt_cable_end(end->link->cable, end->side);
        node->fired = end->next_fired;
        end->fired = false;
        vt_lab_due(lab, &end->item, dev->ops->next(dev));
    }
}

/* Takes the first item off the heap and does what it is there for. */
static void dispatch(struct vt_lab *lab, struct vt_lab_item *item)
{
    vt_lab_heap_remove(&lab->heap, item);
    switch (item->kind) {
    case VT_ITEM_END: {
        struct vt_lab_end *end = (struct vt_lab_end *)item;
        if (!end->fired) {
            end->fired = true;
            end->next_fired = end->node->fired;
            end->node->fired = end;
        }
        /* Behind the other ends of this node that are due at this instant: one poll takes all their frames.
         */
        vt_lab_due(lab, &end->node->item, lab->core.now);
        break;
    }
    case VT_ITEM_NODE: poll_node(lab, (struct vt_lab_node *)item); break;
    case VT_ITEM_PROC: vt_lab_process_ready((struct vt_lab_process *)item); break;
    }
}

/* Sets the clock. */
static void set_now(struct vt_lab *lab, vt_time now)
{
    if (now > lab->core.now) {
        lab->core.now = now;
        lab->instant_steps = 0;
    }
}

/* Too much happens at this instant. False when the clock is already where it may go. */
static bool push_clock(struct vt_lab *lab, vt_time until)
{
    if (lab->core.now >= until) {
        lab->instant_steps = 0;
        return false;
    }
    if (lab->pushed_at != 0 && lab->core.now - lab->pushed_at > (vt_time)VT_MSEC)
        lab->instant_limit = VT_LAB_INSTANT_STEPS;
    else if (lab->instant_limit > VT_LAB_INSTANT_LEAST)
        lab->instant_limit /= 2;
    set_now(lab, vt_time_min(lab->core.now + (vt_time)VT_USEC, until));
    lab->pushed_at = lab->core.now;
    return true;
}

/* Does the next thing that is due at or before `until`, a program's step before a poll. False when there is
 * none. In virtual time the clock goes to it. */
static bool step_one(struct vt_lab *lab, vt_time until)
{
    if (lab->ready != NULL) {
        vt_lab_process_step(lab);
    } else {
        struct vt_lab_item *first = lab->heap;
        if (first == NULL || first->when > until)
            return false;
        if (!lab->real)
            set_now(lab, first->when);
        dispatch(lab, first);
    }
    return ++lab->instant_steps < lab->instant_limit || lab->real || push_clock(lab, until);
}

/* A program outside may have used the hosts' sockets since the last run. */
static void touch_all(struct vt_lab *lab)
{
    for (uint32_t i = 0; i < lab->nnodes; i++)
        vt_lab_due(lab, &lab->node[i]->item, lab->core.now);
}

vt_time vt_lab_now(const struct vt_lab *lab)
{
    return lab->core.now;
}

vt_time vt_lab_run(struct vt_lab *lab, vt_time until)
{
    touch_all(lab);
    while (step_one(lab, until))
        ;
    if (until != VT_NEVER)
        set_now(lab, until);
    vt_lab_drain_events(lab);
    return lab->core.now;
}

bool vt_lab_run_until(struct vt_lab *lab, vt_time until, bool (*stop)(void *ctx), void *ctx)
{
    bool stopped = false;
    touch_all(lab);
    for (;;) {
        vt_lab_drain_events(lab);
        stopped = stop(ctx);
        if (stopped || !step_one(lab, until))
            break;
    }
    if (!stopped && until != VT_NEVER)
        set_now(lab, until);
    vt_lab_drain_events(lab);
    return stopped;
}

vt_time vt_lab_step(struct vt_lab *lab, vt_time now)
{
    /* Bounded, so that a flood inside does not starve the descriptors outside. */
    unsigned budget = 4096;
    set_now(lab, now);
    while (budget > 0 && step_one(lab, now))
        budget--;
    vt_lab_drain_events(lab);
    if (budget == 0)
        return now;
    return lab->heap != NULL ? lab->heap->when : VT_NEVER;
}

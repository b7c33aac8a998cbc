/* The poll loop: frames in, timers, frames out. */
#include "internal.h"

enum {
    ROUNDS = 8,   /* bursts taken from each device in one poll: fair among devices, and to the caller */
    SETTLES = 64, /* exchanges of a host with itself in one poll */
};

void vt_host_enter(struct vt_host *h, vt_time now)
{
    /* A clock that goes back is taken to stand still. */
    if (now > h->core.now)
        h->core.now = now;
    h->core.ev.cause = (struct vt_event_id){0, h->core.ev.node};
}

static void raw_input(struct vt_host_if *i, struct vt_pbuf **frames, unsigned n)
{
    for (unsigned k = 0; k < n; k++) {
        i->nif.core->ev.cause = frames[k]->ev;
        i->nif.rx_packets++;
        i->nif.rx_bytes += frames[k]->len;
        i->nif.input(&i->nif, frames[k], false);
    }
}

/* One burst from each device. True when one of them may have more. */
static bool receive(struct vt_host *h)
{
    bool more = false;

    for (struct vt_host_if *i = h->ifs; i != NULL; i = i->next) {
        struct vt_pbuf *frames[VT_BURST];
        unsigned n = vt_port_rx(&i->port, frames, VT_BURST);

        if (i->eth != NULL)
            vt_eth_input(i->eth, frames, n);
        else
            raw_input(i, frames, n);
        more |= n == VT_BURST;
    }
    return more;
}

static void flush_ports(struct vt_host *h)
{
    for (struct vt_host_if *i = h->ifs; i != NULL; i = i->next)
        vt_port_flush(&i->port);
}

/* The end of a burst: what TCP owes, and what the host has to say to itself, until it is quiet. False when it
 * was not within bounds. */
static bool settle(struct vt_host *h)
{
    struct vt_events *ev = &h->core.ev;

    for (unsigned n = 0; n < SETTLES; n++) {
        ev->cause = (struct vt_event_id){0, ev->node};
        vt_tcp_run(h->tcp);
        ev->cause = (struct vt_event_id){0, ev->node};
        if (!vt_net_run(h->net))
            return true;
    }
    return false;
}

static vt_time finish(struct vt_host *h, bool more)
{
    vt_time next;

    if (!settle(h))
        more = true;
    flush_ports(h);
    h->core.ev.cause = (struct vt_event_id){0, h->core.ev.node};
    if (h->own_stream)
        vt_stream_drain(&h->stream);
    if (more)
        return h->core.now;
    next = vt_wheel_next(&h->core.wheel);
    for (struct vt_host_if *i = h->ifs; i != NULL; i = i->next)
        next = vt_time_min(next, i->port.dev->ops->next(i->port.dev));
    return next > h->core.now ? next : h->core.now;
}

vt_time vt_host_poll(struct vt_host *h, vt_time now)
{
    bool more = true;

    vt_host_enter(h, now);
    /* Frames come before timers: an acknowledgement that is here already stops the retransmission that is due
     * now. */
    for (unsigned round = 0; more && round < ROUNDS; round++) {
        more = receive(h);
        if (!settle(h))
            more = true;
        flush_ports(h);
    }
    vt_wheel_run(&h->core.wheel, h->core.now);
    return finish(h, more);
}

vt_time vt_host_flush(struct vt_host *h, vt_time now)
{
    vt_host_enter(h, now);
    return finish(h, false);
}

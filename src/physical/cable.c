/* A frame's way: its fate is drawn when it is sent; then it waits for the line, is put on it bit by bit,
 * travels, and comes out. All of its times are known at once, so it is queued by the time when it comes out,
 * and nothing has to happen in between.
 *
 * Frames on the way lie in three lanes, so that each lane is in order and grows at its end: those that travel
 * as the cable does; those that were sent ahead, without delay; and those that a targeted fault holds back.
 *
 * A pbuf on the way: `stamp` is when it comes out, aux[0] its FCS if one was taken (CABLE_HAS_FCS), aux[1]
 * when its first bit goes on the line.
 */
#include "cable.h"
#include <vitro/errno.h>
#include "fault.h"
#include "link/eth_wire.h"
#include "network/ipv4_wire.h"
#include "physical.h"

#define CABLE_HAS_FCS       (UINT64_C(1) << 32)
#define CABLE_DEFAULT_LIMIT 1000 /* as tc's queues */
#define CABLE_MTU           1500
#define CABLE_FEATURES_TX   (VT_DEV_TX_CSUM | VT_DEV_TX_TSO4)
#define CABLE_FEATURES_RX   (VT_DEV_RX_CSUM | VT_DEV_RX_GSO)

/* Every kind of chance has a generator of its own: turning corruption on leaves the losses where they were.
 */
enum chance {
    CHANCE_LOSS,
    CHANCE_DUPLICATE,
    CHANCE_REORDER,
    CHANCE_CORRUPT,
    CHANCE_INSIDE,
    CHANCE_JITTER,
    CHANCE_AIMED, /* which bit a targeted fault flips */
    CHANCES
};

enum lane_name {
    LANE_AHEAD,
    LANE_STEADY,
    LANE_HELD,
    LANES
};

struct lane {
    struct vt_pbuf *first, *last;
    struct vt_pbuf *waiting; /* the first that is not yet on the line */
};

/* One direction. */
struct way {
    struct vt_impair im;
    struct vt_fault fault[VT_CABLE_FAULTS];
    unsigned faults;
    struct vt_rng rng[CHANCES];
    struct lane lane[LANES];
    uint32_t in_flight;
    uint32_t waiting;   /* frames of LANE_AHEAD and LANE_STEADY not yet on the line */
    vt_time line_free;  /* when the line has carried all that was given to it */
    vt_time held_until; /* when the last of LANE_HELD goes on the line */
    struct vt_cable_stats stats;
};

struct cable_end {
    struct vt_device dev;
    struct vt_cable *cable;
    unsigned end;
};

struct vt_cable {
    struct vt_core *core;
    void (*wake)(void *ctx, struct vt_cable *c, unsigned end, vt_time when);
    void *ctx;
    uint32_t number;
    uint32_t node[2], port[2];
    bool observed;
    struct cable_end end[2];
    struct way way[2];
};

/* What was drawn for a frame. */
struct fate {
    bool drop, duplicate;
    bool corrupt, corrupt_aimed;
    bool inside, inside_aimed;
    vt_span hold;
};

/* True when super-segments may cross whole: nothing happens to them, and nobody looks. */
static bool way_is_whole(const struct vt_cable *c, unsigned end)
{
    return !c->observed && c->way[end].faults == 0 && vt_impair_is_clean(&c->way[end].im);
}

static void cable_refresh(struct vt_cable *c)
{
    for (unsigned end = 0; end < 2; end++)
        c->end[end].dev.features = (way_is_whole(c, end) ? CABLE_FEATURES_TX : 0u) |
                                   (way_is_whole(c, !end) ? CABLE_FEATURES_RX : 0u);
}

/* The clock is the lab's; a device is told the time by whoever uses it. */
static void cable_enter(struct vt_cable *c, vt_time now)
{
    if (now > c->core->now)
        c->core->now = now;
}

/* ---- Lanes ---- */

static void lane_append(struct lane *l, struct vt_pbuf *p)
{
    p->next = NULL;
    if (l->last == NULL)
        l->first = p;
    else
        l->last->next = p;
    l->last = p;
}

/* Behind all that come out no later: at the end, nearly always. */
static void lane_insert(struct lane *l, struct vt_pbuf *p)
{
    if (l->last == NULL || l->last->stamp <= p->stamp) {
        lane_append(l, p);
        return;
    }
    struct vt_pbuf **at = &l->first;
    while ((*at)->stamp <= p->stamp)
        at = &(*at)->next;
    p->next = *at;
    *at = p;
}

static struct vt_pbuf *lane_pop(struct lane *l)
{
    struct vt_pbuf *p = l->first;
    l->first = p->next;
    if (l->first == NULL)
        l->last = NULL;
    p->next = NULL;
    return p;
}

/* The lane whose head comes out first; NULL when nothing is on the way. Of two at once, the one sent ahead.
 */
static struct lane *way_first(struct way *w)
{
    struct lane *first = NULL;
    for (unsigned i = 0; i < LANES; i++) {
        struct lane *l = &w->lane[i];
        if (l->first != NULL && (first == NULL || l->first->stamp < first->first->stamp))
            first = l;
    }
    return first;
}

static vt_time way_next(struct way *w)
{
    struct lane *l = way_first(w);
    return l == NULL ? VT_NEVER : l->first->stamp;
}

/* Lets time pass for the queue before the line. */
static void way_advance(struct way *w, vt_time now)
{
    if (w->waiting == 0)
        return;
    for (unsigned i = LANE_AHEAD; i <= LANE_STEADY; i++) {
        struct lane *l = &w->lane[i];
        while (l->waiting != NULL && l->waiting->aux[1] <= now) {
            l->waiting = l->waiting->next;
            w->waiting--;
        }
    }
}

/* How many frames wait for the line. The held ones are not in the order of the line, and few. */
static uint32_t way_waiting(struct way *w, vt_time now)
{
    way_advance(w, now);
    uint32_t n = w->waiting;
    if (w->held_until > now)
        for (const struct vt_pbuf *p = w->lane[LANE_HELD].first; p != NULL; p = p->next)
            n += p->aux[1] > now;
    return n;
}

/* ---- Fates ---- */

static void lose(struct vt_cable *c, struct vt_pbuf *p, enum vt_drop reason, uint64_t *counter)
{
    ++*counter;
    vt_drop(c->core, p, reason, c->number, 0);
}

/* Tells what befell a frame; its last event stays the one of its departure, so that all of a hop's fates name
 * it.
 */
static void tell(struct vt_cable *c, const struct vt_pbuf *p, enum vt_impair_kind kind, uint32_t bit,
                 uint32_t count)
{
    struct vt_event *e = vt_event_begin(&c->core->ev, VT_EV_IMPAIR, VT_DOC_NONE);
    if (e == NULL)
        return;
    e->cause = p->ev.n;
    e->cause_node = p->ev.node;
    e->iface = c->number;
    e->mark = p->mark;
    e->u.impair.kind = kind;
    e->u.impair.bit = bit;
    e->u.impair.count = count;
    vt_event_end(&c->core->ev, e, NULL, 0);
}

static bool chance(struct way *w, enum chance which, uint32_t per_billion)
{
    return per_billion != 0 && vt_rng_chance(&w->rng[which], per_billion);
}

/* What the targeted faults want. Each counts every frame of its kind, whatever the others do. */
static void aim(struct way *w, struct vt_pbuf *p, struct fate *f)
{
    struct vt_frame_class class = vt_frame_classify(p);
    for (unsigned i = 0; i < w->faults; i++) {
        struct vt_fault *fault = &w->fault[i];
        if (!vt_fault_hits(fault, &class))
            continue;
        switch (fault->action) {
        case VT_FAULT_DROP: f->drop = true; break;
        case VT_FAULT_DUPLICATE: f->duplicate = true; break;
        case VT_FAULT_CORRUPT: f->corrupt_aimed = true; break;
        case VT_FAULT_CORRUPT_INSIDE: f->inside_aimed = true; break;
        case VT_FAULT_DELAY: f->hold += fault->delay; break;
        }
    }
}

/* Flips one bit. -VT_ENOMEM when the bytes could not be made the frame's own. */
static int flip(struct vt_cable *c, struct vt_pbuf *p, struct vt_rng *rng, enum vt_impair_kind kind)
{
    uint32_t bit = (uint32_t)vt_rng_below(rng, (uint64_t)p->len * 8);
    uint8_t b;
    vt_pbuf_read(p, bit / 8, &b, 1);
    b ^= (uint8_t)(1u << bit % 8); /* bit 0 goes first on the wire (802.3 3.3) */
    int err = vt_pbuf_write(p, bit / 8, &b, 1);
    if (err == 0)
        tell(c, p, kind, bit, 1);
    return err;
}

/* Flips bits as f says. False when there was no memory to do so, and the frame is gone. */
static bool corrupt(struct vt_cable *c, struct way *w, struct vt_pbuf *p, const struct fate *f)
{
    int err = 0;
    if (p->len == 0)
        return true;
    if (f->inside || f->inside_aimed) {
        err = flip(c, p, &w->rng[f->inside ? CHANCE_INSIDE : CHANCE_AIMED], VT_IMPAIR_CORRUPT_INSIDE);
        w->stats.corrupted_inside += err == 0;
    }
    if (err == 0 && (f->corrupt || f->corrupt_aimed)) {
        /* The FCS is the one that the sender made; the far end compares. */
        p->aux[0] = CABLE_HAS_FCS | vt_pbuf_crc32(p);
        err = flip(c, p, &w->rng[f->corrupt ? CHANCE_CORRUPT : CHANCE_AIMED], VT_IMPAIR_CORRUPT);
        w->stats.corrupted += err == 0;
    }
    if (err != 0)
        lose(c, p, VT_DROP_NO_MEMORY, &w->stats.no_memory);
    return err == 0;
}

/* ---- Sending ---- */

/* How long the line is busy with a frame: rounded up, so that no rate is exceeded. */
static vt_span line_time(const struct vt_impair *im, uint32_t len)
{
    if (im->rate == 0)
        return 0;
    uint64_t bytes = (uint64_t)(len < VT_ETH_MIN ? VT_ETH_MIN : len) + VT_CABLE_OVERHEAD;
    return (vt_span)((bytes * 8 * (uint64_t)VT_SEC + im->rate - 1) / im->rate);
}

/* Propagation: delay, plus or minus the jitter. */
static vt_span travel_time(struct way *w)
{
    vt_span delay = w->im.delay, jitter = w->im.jitter;
    if (jitter > 0)
        delay += (vt_span)vt_rng_below(&w->rng[CHANCE_JITTER], 2 * (uint64_t)jitter + 1) - jitter;
    return delay < 0 ? 0 : delay;
}

/* RFC 3168 5: a frame that finds the queue long is marked, where its sender takes that for a loss; the others
 * are let pass until the queue is full. */
static void mark_congestion(struct vt_cable *c, struct way *w, struct vt_pbuf *p, vt_time now)
{
    const uint32_t at = VT_ETH_HLEN;
    if (w->im.ecn == 0 || w->im.rate == 0 || way_waiting(w, now) < w->im.ecn || p->len < at + VT_IPV4_HEADER)
        return;
    uint8_t h[VT_IPV4_HEADER];
    uint8_t type[2];
    vt_pbuf_read(p, at - 2, type, 2);
    vt_pbuf_read(p, at, h, sizeof(h));
    if (vt_get16(type) != VT_ETHERTYPE_IPV4 || h[0] >> 4 != 4 || (h[1] & 3) == 0 || (h[1] & 3) == 3)
        return;
    uint16_t was = vt_get16(h), sum = vt_get16(h + 10);
    h[1] |= 3;
    uint32_t new_sum = (uint32_t)(uint16_t)~sum + (uint16_t)~was + vt_get16(h); /* RFC 1624 eqn. 3 */
    vt_put16(h + 10, (uint16_t)~vt_sum_fold(new_sum));
    if (vt_pbuf_write(p, at, h, 12) != 0)
        return;
    w->stats.marked++;
    tell(c, p, VT_IMPAIR_MARK, 0, 0);
}

/* Puts a frame on its way. */
static void carry(struct vt_cable *c, struct way *w, struct vt_pbuf *p, struct fate *f, vt_time now)
{
    p->aux[0] = 0;
    uint32_t limit = w->im.limit != 0 ? w->im.limit : CABLE_DEFAULT_LIMIT;
    if (w->in_flight >= VT_CABLE_IN_FLIGHT || (w->im.rate != 0 && way_waiting(w, now) >= limit)) {
        lose(c, p, VT_DROP_CABLE_QUEUE, &w->stats.queue_full);
        return;
    }
    mark_congestion(c, w, p, now);
    f->inside = chance(w, CHANCE_INSIDE, w->im.corrupt_inside);
    f->corrupt = chance(w, CHANCE_CORRUPT, w->im.corrupt);
    if (!corrupt(c, w, p, f))
        return;

    vt_time start = now > w->line_free ? now : w->line_free;
    vt_time end = vt_time_add(start, line_time(&w->im, p->len));
    enum lane_name lane = LANE_STEADY;
    p->aux[1] = start;
    w->line_free = end;
    if (f->hold > 0) {
        lane = LANE_HELD;
        p->stamp = vt_time_add(vt_time_add(end, travel_time(w)), f->hold);
        w->held_until = start;
        w->stats.delayed++;
        tell(c, p, VT_IMPAIR_DELAY, 0, 0);
    } else if (chance(w, CHANCE_REORDER, w->im.reorder)) {
        lane = LANE_AHEAD; /* as netem: what is sent ahead has no delay */
        p->stamp = end;
        w->stats.reordered++;
        tell(c, p, VT_IMPAIR_REORDER, 0, 0);
    } else {
        p->stamp = vt_time_add(end, travel_time(w));
    }
    struct lane *l = &w->lane[lane];
    if (lane != LANE_HELD && l->last != NULL && l->last->stamp > p->stamp)
        p->stamp = l->last->stamp; /* neither jitter nor a shortened delay lets frames of a lane overtake */
    lane_insert(l, p);
    w->in_flight++;
    if (lane != LANE_HELD && start > now) {
        w->waiting++;
        if (l->waiting == NULL)
            l->waiting = p;
    }
}

static void send_frame(struct vt_cable *c, struct way *w, struct vt_pbuf *p, vt_time now)
{
    w->stats.sent++;
    if (w->im.cut) {
        lose(c, p, VT_DROP_CABLE_CUT, &w->stats.cut);
        return;
    }
    struct fate f = {0};
    if (w->faults != 0)
        aim(w, p, &f);
    bool lost = chance(w, CHANCE_LOSS, w->im.loss);
    f.duplicate |= chance(w, CHANCE_DUPLICATE, w->im.duplicate);
    if (f.drop) {
        lose(c, p, VT_DROP_CABLE_TARGET, &w->stats.targeted);
        return;
    }
    if (lost) {
        lose(c, p, VT_DROP_CABLE_LOSS, &w->stats.lost);
        return;
    }
    struct vt_pbuf *copy = f.duplicate ? vt_pbuf_clone(p) : NULL;
    if (copy != NULL) {
        copy->ev = p->ev;
        w->stats.duplicated++;
        tell(c, p, VT_IMPAIR_DUPLICATE, 0, 0);
    }
    struct fate second = {.hold = f.hold};
    carry(c, w, p, &f, now);
    if (copy != NULL)
        carry(c, w, copy, &second, now);
}

/* A frame that meets impairments or eyes is a real one: cut, its checksum complete, and verified by nobody
 * yet. */
static void send_real(struct vt_cable *c, struct way *w, struct vt_pbuf *p, vt_time now)
{
    struct vt_pbufq cut = {0};
    if (p->gso != VT_GSO_NONE)
        vt_gso_cut(c->core, p, false, &cut);
    else
        vt_pbufq_push(&cut, p);
    while ((p = vt_pbufq_pop(&cut)) != NULL) {
        int err = p->csum == VT_CSUM_PARTIAL ? vt_pbuf_complete_csum(c->core->sums, p) : 0;
        p->csum = VT_CSUM_NONE;
        if (err == 0)
            send_frame(c, w, p, now);
        else /* it never became a frame that could be sent */
            vt_drop(c->core, p, err == -VT_ENOMEM ? VT_DROP_NO_MEMORY : VT_DROP_BAD_OFFLOAD, c->number, 0);
    }
}

static unsigned cable_tx(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    struct cable_end *e = (struct cable_end *)(void *)dev;
    struct vt_cable *c = e->cable;
    struct way *w = &c->way[e->end];
    vt_time was = way_next(w);
    cable_enter(c, now);
    bool whole = way_is_whole(c, e->end);
    for (unsigned i = 0; i < n; i++) {
        if (whole)
            send_frame(c, w, frames[i], now);
        else
            send_real(c, w, frames[i], now);
    }
    vt_time next = way_next(w);
    if (next < was && c->wake != NULL)
        c->wake(c->ctx, c, !e->end, next);
    return n;
}

/* ---- Receiving ---- */

static unsigned cable_rx(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    struct cable_end *e = (struct cable_end *)(void *)dev;
    struct vt_cable *c = e->cable;
    struct way *w = &c->way[!e->end];
    cable_enter(c, now);
    way_advance(w, now);
    unsigned got = 0;
    while (got < n) {
        struct lane *l = way_first(w);
        if (l == NULL || l->first->stamp > now)
            break;
        struct vt_pbuf *p = lane_pop(l);
        w->in_flight--;
        if (p->aux[0] != 0 && (CABLE_HAS_FCS | vt_pbuf_crc32(p)) != p->aux[0]) {
            lose(c, p, VT_DROP_FCS, &w->stats.fcs_errors);
            continue;
        }
        w->stats.delivered++;
        frames[got++] = p;
    }
    return got;
}

static vt_time cable_next(struct vt_device *dev)
{
    struct cable_end *e = (struct cable_end *)(void *)dev;
    return way_next(&e->cable->way[!e->end]);
}

static int cable_fd(struct vt_device *dev)
{
    (void)dev;
    return -1;
}

/* The ends are the cable's: vt_cable_free() frees them. */
static void cable_close(struct vt_device *dev)
{
    (void)dev;
}

static const struct vt_device_ops cable_ops = {
    .rx_burst = cable_rx,
    .tx_burst = cable_tx,
    .next = cable_next,
    .fd = cable_fd,
    .close = cable_close,
};

/* ---- The cable ---- */

/* Drops all that is on the way. */
static void way_flush(struct vt_cable *c, struct way *w)
{
    struct lane *l;
    while ((l = way_first(w)) != NULL)
        lose(c, lane_pop(l), VT_DROP_CABLE_CUT, &w->stats.cut);
    memset(w->lane, 0, sizeof w->lane);
    w->in_flight = 0;
    w->waiting = 0;
    w->line_free = 0;
    w->held_until = 0;
}

struct vt_cable *vt_cable_new(struct vt_core *core, uint32_t number, uint64_t seed,
                              void (*wake)(void *ctx, struct vt_cable *c, unsigned end, vt_time when),
                              void *ctx)
{
    static const char *const names[2] = {"cable:0", "cable:1"};
    struct vt_cable *c = vt_alloc(core, sizeof *c);
    if (c == NULL)
        return NULL;
    c->core = core;
    c->wake = wake;
    c->ctx = ctx;
    c->number = number;
    for (unsigned end = 0; end < 2; end++) {
        c->end[end].dev = (struct vt_device){.ops = &cable_ops, .mtu = CABLE_MTU, .name = names[end]};
        c->end[end].cable = c;
        c->end[end].end = end;
        for (unsigned i = 0; i < CHANCES; i++)
            vt_rng_seed(&c->way[end].rng[i], seed, (uint64_t)number << 8 | end << 4 | i);
    }
    cable_refresh(c);
    return c;
}

void vt_cable_free(struct vt_cable *c)
{
    if (c == NULL)
        return;
    way_flush(c, &c->way[0]);
    way_flush(c, &c->way[1]);
    vt_free(c->core, c, sizeof *c);
}

struct vt_device *vt_cable_end(struct vt_cable *c, unsigned end)
{
    return &c->end[end].dev;
}

void vt_cable_set_ports(struct vt_cable *c, uint32_t node_0, uint32_t port_0, uint32_t node_1,
                        uint32_t port_1)
{
    c->node[0] = node_0;
    c->port[0] = port_0;
    c->node[1] = node_1;
    c->port[1] = port_1;
}

const struct vt_impair *vt_cable_impair(const struct vt_cable *c, unsigned end)
{
    return &c->way[end].im;
}

void vt_cable_set_impair(struct vt_cable *c, unsigned end, const struct vt_impair *im)
{
    struct way *w = &c->way[end];
    w->im = *im;
    struct vt_event *e = vt_event_begin(&c->core->ev, VT_EV_LINK_SET, VT_DOC_NONE);
    if (e != NULL) {
        char text[VT_IMPAIR_TEXT];
        vt_impair_text(text, im);
        e->iface = c->number;
        e->u.link.which = c->number;
        e->u.link.node_a = c->node[end];
        e->u.link.port_a = c->port[end];
        e->u.link.node_b = c->node[!end];
        e->u.link.port_b = c->port[!end];
        vt_event_end(&c->core->ev, e, text, strlen(text));
    }
    if (im->cut)
        way_flush(c, w);
    cable_refresh(c);
}

int vt_cable_add_fault(struct vt_cable *c, unsigned end, const struct vt_fault *f)
{
    struct way *w = &c->way[end];
    if (w->faults == VT_CABLE_FAULTS)
        return -VT_ENOSPC;
    w->fault[w->faults++] = *f;
    cable_refresh(c);
    return 0;
}

void vt_cable_clear_faults(struct vt_cable *c)
{
    c->way[0].faults = 0;
    c->way[1].faults = 0;
    cable_refresh(c);
}

void vt_cable_set_observed(struct vt_cable *c, bool observed)
{
    c->observed = observed;
    cable_refresh(c);
}

void vt_cable_set_mtu(struct vt_cable *c, uint32_t mtu)
{
    c->end[0].dev.mtu = mtu;
    c->end[1].dev.mtu = mtu;
}

uint32_t vt_cable_way_in_flight(const struct vt_cable *c, unsigned end)
{
    return c->way[end].in_flight;
}

uint32_t vt_cable_in_flight(const struct vt_cable *c)
{
    return c->way[0].in_flight + c->way[1].in_flight;
}

const struct vt_cable_stats *vt_cable_stats(const struct vt_cable *c, unsigned end)
{
    return &c->way[end].stats;
}

#include "eth_wire.h"
#include "fdb.h"
#include "link.h"
#include "sort.h"
#include <vitro/errno.h>

#define STORM_OVER      VT_SEC /* a storm is over when nothing had to be dropped for so long */
#define SWITCH_PORT_MAX 4096u

struct sw_port {
    struct vt_port port;
    struct vt_switch *sw;
    vt_time storm_paid; /* when the frames flooded so far are paid for, at storm_rate */
    bool storming;
    vt_time storm_seen; /* when the last frame was dropped for it */
    struct vt_timer storm_timer;
};

struct vt_switch {
    struct vt_core *core;
    struct vt_fdb fdb;
    uint32_t storm_rate, storm_burst;
    unsigned ports, room;
    struct sw_port **port; /* from 0; numbered from 1 */
};

/* ---- Storm control ---- */

static void storm_tell(struct sw_port *sp, bool on)
{
    struct vt_core *core = sp->sw->core;
    sp->storming = on;
    struct vt_event *e = vt_event_begin(&core->ev, VT_EV_STORM, VT_DOC_NONE);
    if (e == NULL)
        return;
    e->iface = sp->port.index;
    e->u.learn.on = on;
    vt_event_end(&core->ev, e, NULL, 0);
}

static void storm_timer(struct vt_timer *t, vt_time now)
{
    struct sw_port *sp = (struct sw_port *)(void *)((uint8_t *)t - offsetof(struct sw_port, storm_timer));
    vt_time over = vt_time_add(sp->storm_seen, STORM_OVER);
    vt_core_enter_timer(sp->sw->core, t);
    if (over > now)
        vt_core_arm(sp->sw->core, t, over);
    else
        storm_tell(sp, false);
}

/* A token bucket, told by when it will be full again: each frame costs 1/rate, and a burst may be owed. True
 * when the port may flood one more frame. */
static bool storm_allows(struct sw_port *sp)
{
    const struct vt_switch *sw = sp->sw;
    vt_time now = sw->core->now;
    if (sw->storm_rate == 0)
        return true;
    vt_time cost = (vt_time)VT_SEC / sw->storm_rate;
    vt_time paid = sp->storm_paid > now ? sp->storm_paid : now;
    if (paid - now > cost * (sw->storm_burst - 1u))
        return false;
    sp->storm_paid = paid + cost;
    return true;
}

static void storm_drop(struct sw_port *sp, struct vt_pbuf *p)
{
    struct vt_core *core = sp->sw->core;
    sp->storm_seen = core->now;
    if (!sp->storming) {
        storm_tell(sp, true);
        vt_core_arm(core, &sp->storm_timer, vt_time_add(core->now, STORM_OVER));
    }
    vt_drop(core, p, VT_DROP_SWITCH_STORM, sp->port.index, 0);
}

void vt_switch_set_storm(struct vt_switch *sw, uint32_t rate, uint32_t burst)
{
    if (burst == 0)
        burst = rate / 10 > 10 ? rate / 10 : 10;
    sw->storm_rate = rate < (uint32_t)VT_SEC ? rate : (uint32_t)VT_SEC;
    sw->storm_burst = burst;
    for (unsigned i = 0; i < sw->ports; i++)
        sw->port[i]->storm_paid = 0;
}

/* ---- Forwarding ---- */

/* Out of every port but the one that it came from: clones, and at last the frame itself. Takes the pbuf. */
static void switch_flood(struct vt_switch *sw, const struct sw_port *from, struct vt_pbuf *p)
{
    struct vt_port *last = NULL;
    for (unsigned i = 0; i < sw->ports; i++) {
        if (sw->port[i] == from)
            continue;
        if (last != NULL) {
            struct vt_pbuf *copy = vt_pbuf_clone(p);
            if (copy != NULL)
                vt_port_tx(last, copy);
            else
                vt_drop_note(sw->core, p, VT_DROP_NO_MEMORY, last->index, 0);
        }
        last = &sw->port[i]->port;
    }
    if (last != NULL)
        vt_port_tx(last, p);
    else
        vt_drop(sw->core, p, VT_DROP_SWITCH_NO_PORT, from->port.index, 0);
}

/* One frame that came in by `from` (802.1D 7.7). Takes the pbuf. */
static void switch_frame(struct vt_switch *sw, struct sw_port *from, struct vt_pbuf *p)
{
    struct vt_eth_hdr h;
    enum vt_drop bad = vt_eth_parse(&h, vt_pbuf_peek(p, VT_ETH_HLEN), p->len);
    if (bad == VT_DROP_NONE && vt_mac_is_reserved(h.dst))
        bad = VT_DROP_SWITCH_RESERVED;
    if (bad != VT_DROP_NONE) {
        vt_drop(sw->core, p, bad, from->port.index, 0);
        return;
    }
    vt_fdb_learn(&sw->fdb, h.src, from->port.index);
    uint32_t to = vt_mac_is_group(h.dst) ? 0 : vt_fdb_lookup(&sw->fdb, h.dst);
    if (to == from->port.index) {
        vt_drop(sw->core, p, VT_DROP_SWITCH_SAME_PORT, from->port.index, 0);
        return;
    }
    if (to != 0)
        vt_port_tx(&sw->port[to - 1]->port, p);
    else if (storm_allows(from))
        switch_flood(sw, from, p);
    else
        storm_drop(from, p);
}

vt_time vt_switch_poll(struct vt_switch *sw, vt_time now)
{
    struct vt_core *core = sw->core;
    struct vt_pbuf *frames[VT_BURST];
    if (now > core->now)
        core->now = now;
    vt_wheel_run(&core->wheel, now);
    for (unsigned i = 0; i < sw->ports; i++) {
        unsigned n = vt_port_rx(&sw->port[i]->port, frames, VT_BURST);
        for (unsigned k = 0; k < n; k++) {
            core->ev.cause = frames[k]->ev;
            switch_frame(sw, sw->port[i], frames[k]);
        }
    }
    for (unsigned i = 0; i < sw->ports; i++)
        vt_port_flush(&sw->port[i]->port);
    vt_time next = vt_wheel_next(&core->wheel);
    for (unsigned i = 0; i < sw->ports; i++) {
        struct vt_device *dev = sw->port[i]->port.dev;
        next = vt_time_min(next, dev->ops->next(dev));
    }
    return next < now ? now : next;
}

/* ---- The switch ---- */

struct vt_switch *vt_switch_new(struct vt_core *core, const struct vt_switch_config *config)
{
    struct vt_switch_config c = {0};
    if (config != NULL)
        c = *config;
    struct vt_switch *sw = vt_alloc(core, sizeof *sw);
    if (sw == NULL)
        return NULL;
    sw->core = core;
    if (vt_fdb_init(&sw->fdb, core, c.table_max == 0 ? 1024 : c.table_max,
                    c.port_quota == 0 ? 256 : c.port_quota, c.ageing <= 0 ? 300 * VT_SEC : c.ageing) != 0) {
        vt_free(core, sw, sizeof *sw);
        return NULL;
    }
    vt_switch_set_storm(sw, c.storm_rate, c.storm_burst);
    return sw;
}

void vt_switch_free(struct vt_switch *sw)
{
    if (sw == NULL)
        return;
    struct vt_core *core = sw->core;
    vt_fdb_fini(&sw->fdb);
    for (unsigned i = 0; i < sw->ports; i++) {
        struct sw_port *sp = sw->port[i];
        vt_core_disarm(core, &sp->storm_timer);
        vt_free(core, sp, sizeof *sp);
    }
    if (sw->port != NULL)
        vt_free(core, sw->port, sw->room * sizeof *sw->port);
    vt_free(core, sw, sizeof *sw);
}

static int switch_grow(struct vt_switch *sw)
{
    unsigned room = sw->room == 0 ? 8 : sw->room * 2;
    if (room > SWITCH_PORT_MAX || vt_fdb_set_ports(&sw->fdb, room) != 0)
        return -VT_ENOMEM;
    struct sw_port **port = vt_alloc(sw->core, room * sizeof(struct sw_port *));
    if (port == NULL)
        return -VT_ENOMEM;
    if (sw->port != NULL) {
        memcpy(port, sw->port, sw->ports * sizeof(struct sw_port *));
        vt_free(sw->core, sw->port, sw->room * sizeof(struct sw_port *));
    }
    sw->port = port;
    sw->room = room;
    return 0;
}

int vt_switch_add_port(struct vt_switch *sw, struct vt_device *dev, const char *name)
{
    if (sw->ports == sw->room && switch_grow(sw) != 0)
        return -VT_ENOMEM;
    struct sw_port *sp = vt_alloc(sw->core, sizeof *sp);
    if (sp == NULL)
        return -VT_ENOMEM;
    unsigned index = sw->ports + 1;
    uint32_t node = sw->core->ev.node;
    struct vt_mac mac = {
        {0x02, 0x53, (uint8_t)(node >> 8), (uint8_t)node, (uint8_t)(index >> 8), (uint8_t)index}};
    sp->sw = sw;
    sp->storm_timer.fn = storm_timer;
    vt_port_init(&sp->port, sw->core, dev, index, name, mac);
    sw->port[sw->ports++] = sp;
    return (int)index;
}

struct vt_port *vt_switch_port(struct vt_switch *sw, unsigned index)
{
    return index == 0 || index > sw->ports ? NULL : &sw->port[index - 1]->port;
}

unsigned vt_switch_ports(const struct vt_switch *sw)
{
    return sw->ports;
}

static bool row_before(const void *a, const void *b)
{
    const struct vt_fdb_row *x = a, *y = b;
    return memcmp(x->mac.b, y->mac.b, sizeof x->mac.b) < 0;
}

void vt_switch_fdb_each(struct vt_switch *sw, bool (*fn)(void *ctx, const struct vt_fdb_row *row), void *ctx)
{
    size_t count = sw->fdb.count, size = count * sizeof(struct vt_fdb_row), k = 0;
    struct vt_fdb_row *rows = count == 0 ? NULL : vt_alloc(sw->core, size);
    if (rows == NULL)
        return;
    for (const struct vt_fdb_entry *e = sw->fdb.oldest; e != NULL; e = e->newer)
        rows[k++] = (struct vt_fdb_row){e->mac, e->port, e->seen};
    vt_sort(rows, k, sizeof *rows, row_before);
    for (size_t i = 0; i < k && fn(ctx, &rows[i]); i++)
        ;
    vt_free(sw->core, rows, size);
}

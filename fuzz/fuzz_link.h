/* The ground of the fuzzers of the two lowest floors: a node, a device that gives what it is given and looks
 * at what leaves, and a balance of buffers at the end. */
#ifndef VT_FUZZ_LINK_H
#define VT_FUZZ_LINK_H

#include "fuzz.h"

#include "link/eth_wire.h"
#include "physical/physical.h"

struct floor_dev {
    struct vt_device dev;
    struct vt_pbuf *in;
    struct vt_mac from; /* whose frames leave; zero: anybody's */
    uint64_t out;
};

static void *floor_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return calloc(1, size);
}
static void floor_mem_free(void *ctx, void *p, size_t size)
{
    (void)ctx;
    (void)size;
    free(p);
}

static unsigned floor_rx(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    struct floor_dev *d = (struct floor_dev *)(void *)dev;
    (void)now;
    if (n == 0 || d->in == NULL)
        return 0;
    frames[0] = d->in;
    d->in = NULL;
    return 1;
}

/* Whatever came in, what leaves is a frame that fits, from a card that can exist. */
static unsigned floor_tx(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    struct floor_dev *d = (struct floor_dev *)(void *)dev;
    (void)now;
    for (unsigned i = 0; i < n; i++) {
        struct vt_eth_hdr h;
        FUZZ_CHECK(vt_eth_parse(&h, vt_pbuf_peek(frames[i], VT_ETH_HLEN), frames[i]->len) == VT_DROP_NONE);
        FUZZ_CHECK(frames[i]->len <= dev->mtu + VT_ETH_HLEN + VT_VLAN_HLEN);
        FUZZ_CHECK(vt_mac_is_zero(d->from) || vt_mac_eq(h.src, d->from));
        vt_pbuf_free(frames[i]);
        d->out++;
    }
    return n;
}

static vt_time floor_next(struct vt_device *dev)
{
    return ((struct floor_dev *)(void *)dev)->in != NULL ? 0 : VT_NEVER;
}

static void floor_up(struct vt_core *core, uint32_t node)
{
    struct vt_allocator mem = {floor_alloc, floor_mem_free, NULL};
    memset(core, 0, sizeof *core);
    core->mem = mem;
    core->pool = vt_pool_new(&(struct vt_pool_config){.mem = mem});
    FUZZ_CHECK(core->pool != NULL);
    core->sums = &vt_sums_portable;
    core->now = VT_SEC;
    core->ev = (struct vt_events){.now = &core->now, .node = node};
    core->key = (struct vt_sipkey){{1, 2}};
    vt_wheel_init(&core->wheel, core->now);
    vt_rng_seed(&core->rng, 1, node);
}

static void floor_down(struct vt_core *core)
{
    FUZZ_CHECK(core->mem_used == 0 && core->wheel.armed == 0);
    FUZZ_CHECK(vt_pool_live_pbufs(core->pool) == 0 && vt_pool_live_blocks(core->pool) == 0);
    vt_pool_release(core->pool);
}

static void floor_dev_up(struct floor_dev *d, struct vt_mac from)
{
    static const struct vt_device_ops ops = {.rx_burst = floor_rx, .tx_burst = floor_tx, .next = floor_next};
    *d = (struct floor_dev){.dev = {.ops = &ops, .mtu = 1500, .name = "fuzz"}, .from = from};
}

/* Lets time pass, timers included. */
static inline void floor_wait(struct vt_core *core, vt_span span)
{
    vt_time until = vt_time_add(core->now, span);
    for (vt_time next; (next = vt_wheel_next(&core->wheel)) <= until;) {
        core->now = next;
        vt_wheel_run(&core->wheel, next);
    }
    core->now = until;
}

#endif

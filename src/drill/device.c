#include "device.h"

static struct drill_device *of(struct vt_device *dev)
{
    return (struct drill_device *)(void *)dev;
}

static unsigned rx_burst(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    unsigned got = 0;

    (void)now;
    while (got < n && of(dev)->in.first != NULL)
        frames[got++] = vt_pbufq_pop(&of(dev)->in);
    return got;
}

static void keep(struct drill_device *d, const struct vt_pbuf *frame, vt_time now)
{
    struct drill_live *live;
    uint8_t *bytes;

    if (d->sent >= DRILL_SENT_MAX)
        return;
    d->sent++;
    live = drill_alloc(d->arena, sizeof *live);
    bytes = drill_alloc(d->arena, frame->len + 1);
    vt_pbuf_read(frame, 0, bytes, frame->len);
    drill_wire_read(live, bytes, frame->len);
    live->at = now;
    *d->last = live;
    d->last = &live->next;
}

static unsigned tx_burst(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    for (unsigned i = 0; i < n; i++) {
        keep(of(dev), frames[i], now);
        vt_pbuf_free(frames[i]);
    }
    return n;
}

static vt_time next_at(struct vt_device *dev)
{
    return of(dev)->in.first != NULL ? 0 : VT_NEVER;
}

static int fd_of(struct vt_device *dev)
{
    (void)dev;
    return -1;
}

static void close_dev(struct vt_device *dev)
{
    (void)dev;
}

void drill_device_init(struct drill_device *d, struct drill_arena *arena, uint32_t mtu)
{
    static const struct vt_device_ops ops = {rx_burst, tx_burst, next_at, fd_of, close_dev};

    *d = (struct drill_device){
        .dev = {.ops = &ops, .features = VT_DEV_RAW_IP, .mtu = mtu, .name = "drill"},
        .arena = arena,
    };
    d->last = &d->first;
}

void drill_device_fini(struct drill_device *d)
{
    vt_pbufq_clear(&d->in);
}

bool drill_device_inject(struct drill_device *d, struct vt_host *h, const uint8_t *bytes, size_t len,
                         uint32_t mss)
{
    struct vt_pbuf *frame = vt_frame_new(h, bytes, len);

    if (frame == NULL)
        return false;
    if (mss != 0 && len > mss + 60u) {
        frame->gso = VT_GSO_TCP4;
        frame->gso_size = (uint16_t)mss;
        frame->csum = VT_CSUM_VALID;
        d->dev.features |= VT_DEV_RX_GSO | VT_DEV_RX_CSUM;
    }
    vt_pbufq_push(&d->in, frame);
    return true;
}

struct drill_live *drill_device_take(struct drill_device *d)
{
    struct drill_live *live = d->first;

    if (live == NULL)
        return NULL;
    d->first = live->next;
    if (d->first == NULL)
        d->last = &d->first;
    live->next = NULL;
    return live;
}

#include "physical.h"
#include <vitro/errno.h>
#include "gso.h"
#include "link/eth_wire.h"

#define PORT_SCRATCH 2048 /* a frame of a usual MTU; longer ones are recorded by way of the heap */

/* Whether listeners want the frames' bytes. */
static bool port_watched(const struct vt_port *port)
{
    return vt_events_on(&port->core->ev) && port->core->ev.stream->frames;
}

/* Copies a frame as it will lie on a wire: a checksum still to be completed is completed in the copy. */
static void port_copy(const struct vt_core *core, const struct vt_pbuf *p, uint8_t *bytes)
{
    vt_pbuf_read(p, 0, bytes, p->len);
    if (p->csum != VT_CSUM_PARTIAL || p->csum_span > p->len || p->csum_offset + 2u > p->csum_span)
        return;
    uint8_t *start = bytes + (p->len - p->csum_span);
    uint16_t sum = vt_sum_finish(core->sums->add(0, start, p->csum_span));
    vt_put16(start + p->csum_offset, sum);
}

static void port_event_frame(struct vt_port *port, struct vt_event *e, const struct vt_pbuf *p)
{
    struct vt_core *core = port->core;
    uint8_t small[PORT_SCRATCH];
    uint8_t *bytes = p->len <= sizeof small ? small : vt_alloc(core, p->len);
    if (bytes == NULL) { /* the event without its bytes is better than none */
        vt_event_end(&core->ev, e, NULL, 0);
        return;
    }
    port_copy(core, p, bytes);
    vt_event_end(&core->ev, e, bytes, p->len);
    if (bytes != small)
        vt_free(core, bytes, p->len);
}

/* Emits PORT_TX or PORT_RX, caused by the frame's last event, whose place it takes. */
static void port_event(struct vt_port *port, enum vt_event_kind kind, struct vt_pbuf *p)
{
    struct vt_core *core = port->core;
    struct vt_event *e = vt_event_begin(&core->ev, kind, VT_DOC_NONE);
    if (e != NULL) {
        /* A frame that came from outside was caused by nothing that we know. */
        if (p->ev.n != 0 || kind == VT_EV_PORT_RX) {
            e->cause = p->ev.n;
            e->cause_node = p->ev.node;
        }
        e->iface = port->index;
        e->mark = p->mark;
        e->u.frame.len = p->len;
        e->u.frame.gso = p->gso == VT_GSO_NONE ? 0 : p->gso_size;
        e->u.frame.partial = p->csum == VT_CSUM_PARTIAL;
        if (port_watched(port))
            port_event_frame(port, e, p);
        else
            vt_event_end(&core->ev, e, NULL, 0);
    }
    p->ev = vt_events_last(&core->ev);
}

void vt_port_init(struct vt_port *port, struct vt_core *core, struct vt_device *dev, uint32_t index,
                  const char *name, struct vt_mac mac)
{
    memset(port, 0, sizeof *port);
    port->core = core;
    port->dev = dev;
    port->index = index;
    port->mac = mac;
    size_t len = strlen(name);
    if (len >= sizeof port->name)
        len = sizeof port->name - 1;
    memcpy(port->name, name, len);
    struct vt_event *e = vt_event_begin(&core->ev, VT_EV_PORT, VT_DOC_NONE);
    if (e != NULL) {
        e->iface = index;
        memcpy(e->u.port.mac, mac.b, sizeof mac.b);
        e->u.port.mtu = dev->mtu;
        vt_event_end(&core->ev, e, port->name, len);
    }
}

unsigned vt_port_rx(struct vt_port *port, struct vt_pbuf **frames, unsigned n)
{
    unsigned got = port->dev->ops->rx_burst(port->dev, frames, n, port->core->now);
    for (unsigned i = 0; i < got; i++) {
        port->rx_frames++;
        port->rx_bytes += frames[i]->len;
        port_event(port, VT_EV_PORT_RX, frames[i]);
    }
    return got;
}

static void port_drop(struct vt_port *port, struct vt_pbuf *p, enum vt_drop reason)
{
    port->tx_drops++;
    vt_drop(port->core, p, reason, port->index, 0);
}

/* The longest frame that the device carries with this link header: a VLAN tag is not of the MTU (802.1Q). */
static uint32_t port_room(const struct vt_port *port, struct vt_pbuf *p)
{
    if (port->dev->features & VT_DEV_RAW_IP)
        return port->dev->mtu;
    const uint8_t *b = p->len > port->dev->mtu + VT_ETH_HLEN ? vt_pbuf_peek(p, VT_ETH_HLEN) : NULL;
    uint16_t type = b == NULL ? 0 : vt_get16(b + 12);
    bool tagged = type == VT_ETHERTYPE_VLAN || type == VT_ETHERTYPE_QINQ;
    return port->dev->mtu + VT_ETH_HLEN + (tagged ? VT_VLAN_HLEN : 0);
}

/* Hands one frame, as it is to leave, to the burst. */
static void port_gather(struct vt_port *port, struct vt_pbuf *p)
{
    struct vt_core *core = port->core;
    if (p->csum == VT_CSUM_PARTIAL && !(port->dev->features & VT_DEV_TX_CSUM)) {
        int err = vt_pbuf_complete_csum(core->sums, p);
        if (err != 0) {
            port_drop(port, p, err == -VT_ENOMEM ? VT_DROP_NO_MEMORY : VT_DROP_BAD_OFFLOAD);
            return;
        }
    }
    port_event(port, VT_EV_PORT_TX, p);
    port->tx_frames++;
    port->tx_bytes += p->len;
    port->tx[port->ntx++] = p;
    if (port->ntx == VT_BURST)
        vt_port_flush(port);
}

/* A super-segment: whole where the device can cut it and nobody wants to see the frames, else cut here. */
static void port_tx_gso(struct vt_port *port, struct vt_pbuf *p)
{
    bool raw = (port->dev->features & VT_DEV_RAW_IP) != 0;
    struct vt_gso_parts g;
    if (!vt_gso_find(p, raw, &g)) {
        port_drop(port, p, VT_DROP_BAD_OFFLOAD);
        return;
    }
    if (vt_gso_frame_len(p, &g) > port->dev->mtu + (raw ? 0 : VT_ETH_HLEN)) {
        port_drop(port, p, VT_DROP_TX_TOO_BIG);
        return;
    }
    if ((port->dev->features & VT_DEV_TX_TSO4) && p->csum == VT_CSUM_PARTIAL && !port_watched(port)) {
        port_gather(port, p);
        return;
    }
    struct vt_pbufq cut = {0};
    if (vt_gso_cut(port->core, p, raw, &cut) != 0)
        port->tx_drops++; /* counted and told by the cut; what it made goes out */
    while ((p = vt_pbufq_pop(&cut)) != NULL)
        port_gather(port, p);
}

bool vt_port_refuses(struct vt_port *port, struct vt_pbuf *p)
{
    if ((port->dev->features & VT_DEV_TX_FULL) == 0)
        return false;
    port_drop(port, p, VT_DROP_TX_BUSY);
    return true;
}

void vt_port_tx(struct vt_port *port, struct vt_pbuf *frame)
{
    if (vt_port_refuses(port, frame))
        return;
    if (frame->gso != VT_GSO_NONE)
        port_tx_gso(port, frame);
    else if (frame->len > port_room(port, frame))
        port_drop(port, frame, VT_DROP_TX_TOO_BIG);
    else
        port_gather(port, frame);
}

void vt_port_flush(struct vt_port *port)
{
    unsigned n = port->ntx;
    if (n == 0)
        return;
    port->ntx = 0;
    unsigned taken = port->dev->ops->tx_burst(port->dev, port->tx, n, port->core->now);
    for (unsigned i = taken; i < n; i++)
        port_drop(port, port->tx[i], VT_DROP_TX_BUSY);
}

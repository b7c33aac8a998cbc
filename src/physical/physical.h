/* What the physical floor shows to the one above: a port, through which a node's frames leave and come in.
 *
 * A port stands before a device. It emits PORT_TX and PORT_RX, completes checksums and cuts super-segments
 * that its device cannot carry, and gathers frames into bursts.
 */
#ifndef VT_PHYSICAL_PHYSICAL_H
#define VT_PHYSICAL_PHYSICAL_H

#include <vitro/device.h>
#include "base/core.h"

struct vt_port {
    struct vt_core *core; /* of the node whose port it is */
    struct vt_device *dev;
    uint32_t index; /* from 1, on its node; the `iface` of its events */
    struct vt_mac mac;
    char name[16];
    unsigned ntx; /* frames gathered, not yet given to the device */
    struct vt_pbuf *tx[VT_BURST];
    uint64_t rx_frames, rx_bytes, tx_frames, tx_bytes, tx_drops;
};

/* Sets up a port and emits PORT. The device stays the caller's. */
void vt_port_init(struct vt_port *port, struct vt_core *core, struct vt_device *dev, uint32_t index,
                  const char *name, struct vt_mac mac);
/* Takes up to n frames from the device; each carries its PORT_RX event. */
unsigned vt_port_rx(struct vt_port *port, struct vt_pbuf **frames, unsigned n);
/* Whether the device takes nothing now (VT_DEV_TX_FULL): then the packet is dropped (TX_BUSY). */
bool vt_port_refuses(struct vt_port *port, struct vt_pbuf *p);
/* Sends a frame: takes it. It goes out with the next flush, or at once when a burst is full. */
void vt_port_tx(struct vt_port *port, struct vt_pbuf *frame);
/* Gives the gathered frames to the device; what it does not take is dropped (TX_BUSY). */
void vt_port_flush(struct vt_port *port);

/* Cuts a super-segment (Ethernet or raw IP, TCP over IPv4) into frames of gso_size payload each, checksums
 * complete, and pushes them on `out`; takes `p`. On -VT_ENOMEM what could not be made is dropped and counted.
 */
int vt_gso_cut(struct vt_core *core, struct vt_pbuf *p, bool raw_ip, struct vt_pbufq *out);

#endif

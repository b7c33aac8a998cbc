/* A device: where frames come from and go to. Five functions; write them and any medium carries a host.
 *
 * Frames are pbufs, with the link header and without preamble and check sequence. Offload facts travel with
 * them as virtio-net has them: a frame may come with its checksum verified, or partial; a super-segment may
 * be handed down to a device that can cut it.
 */
#ifndef VITRO_DEVICE_H
#define VITRO_DEVICE_H

#include <vitro/types.h>

struct vt_pbuf;
struct vt_device;

#define VT_BURST 64 /* frames of one call, at most, by custom */

enum vt_device_features {
    VT_DEV_TX_CSUM = 1 << 0, /* takes VT_CSUM_PARTIAL */
    VT_DEV_TX_TSO4 = 1 << 1, /* takes VT_GSO_TCP4 super-segments */
    VT_DEV_RX_CSUM = 1 << 2, /* may deliver VT_CSUM_VALID and VT_CSUM_PARTIAL */
    VT_DEV_RX_GSO = 1 << 3,  /* may deliver super-segments */
    VT_DEV_RAW_IP = 1 << 4,  /* frames are IP packets: there is no link header */
    VT_DEV_TX_FULL = 1 << 5, /* takes no frame as long as this is set: who sends is told so at once */
};

struct vt_device_ops {
    /* Takes up to n frames that have arrived by `now`; the caller owns them. Returns how many. */
    unsigned (*rx_burst)(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now);
    /* Gives up to n frames to be sent, in order. Returns how many were taken; those belong to the device, the
     * rest stay the caller's. */
    unsigned (*tx_burst)(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now);
    /* When rx_burst will next have something, as far as the device can know: VT_NEVER for one that a file
     * descriptor announces. */
    vt_time (*next)(struct vt_device *dev);
    /* A descriptor to wait on, or -1. */
    int (*fd)(struct vt_device *dev);
    /* Frees the device. */
    void (*close)(struct vt_device *dev);
};

/* The common head of every device; a device embeds it first in its own struct. */
struct vt_device {
    const struct vt_device_ops *ops;
    uint32_t
        features; /* may change while it runs: a cable that gets impairments stops taking super-segments */
    uint32_t mtu; /* of what the frame carries: 1500 for Ethernet */
    const char *name;
};

#endif

/* A TAP device of Linux (Documentation/networking/tuntap.rst), with virtio-net headers (IFF_VNET_HDR): the
 * kernel's super-segments and partial checksums cross whole. This file asks the operating system. */
#ifndef VT_PHYSICAL_TAP_H
#define VT_PHYSICAL_TAP_H

#include <vitro/device.h>
#include "base/core.h"

/* Opens TAP `name`, made if need be and allowed. The device reads into buffers of core's pool. On success
 * `*dev` is the caller's. Errors: -VT_EPERM, -VT_ENODEV (no /dev/net/tun), -VT_EBUSY (in use), -VT_EINVAL
 * (not a name of an interface, or one of another kind), -VT_ENOMEM. */
int vt_tap_open(struct vt_device **dev, struct vt_core *core, const char *name);
/* The same over an open descriptor, which the device owns when this succeeds. A TAP is used as it was set up,
 * with or without headers; any other descriptor must carry, in each read and write, a little-endian
 * virtio-net header of 10 bytes and one frame (a socket pair of datagrams does). */
int vt_tap_from_fd(struct vt_device **dev, struct vt_core *core, int fd, const char *name);

#endif

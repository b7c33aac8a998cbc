/* The device between a script and the host: packets without a link header, in by the script's hand, out to a
 * list. */
#ifndef VT_DRILL_DEVICE_H
#define VT_DRILL_DEVICE_H

#include <vitro/host.h>
#include "base/pbuf.h"
#include "wire.h"

#define DRILL_SENT_MAX 65536u /* packets of one script: a host that sends more has gone mad */

struct drill_device {
    struct vt_device dev;
    struct drill_arena *arena;
    struct vt_pbufq in;
    struct drill_live *first, **last; /* sent, and not yet taken */
    unsigned sent;                    /* packets, ever */
};

void drill_device_init(struct drill_device *d, struct drill_arena *arena, uint32_t mtu);
void drill_device_fini(struct drill_device *d);
/* Puts a packet before the host, to be read when it is polled next. With `mss` it is told to be a
 * super-segment of segments of that size. False without memory. */
bool drill_device_inject(struct drill_device *d, struct vt_host *h, const uint8_t *bytes, size_t len,
                         uint32_t mss);
/* The oldest packet that was sent, NULL when there is none. */
struct drill_live *drill_device_take(struct drill_device *d);

#endif

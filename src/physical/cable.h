/* A cable: two devices, and the way between them.
 *
 * Each direction has its rate, delay, queue and impairments. Frames of an Ethernet cable carry a CRC-32 over
 * their bytes: a frame whose bits flipped on the wire is dropped at the far end (FCS); `corrupt_inside` flips
 * bits behind the check, as a bad switch does, and only IP, TCP and UDP can tell. All chance comes from the
 * cable's own generator: the same seed, the same fates.
 */
#ifndef VT_PHYSICAL_CABLE_H
#define VT_PHYSICAL_CABLE_H

#include <vitro/device.h>
#include "impair.h"

#define VT_CABLE_FAULTS 16
#define VT_CABLE_IN_FLIGHT                                                          \
    (1u << 18) /* frames on the way in one direction, at most: more are CABLE_QUEUE \
                */
#define VT_CABLE_OVERHEAD \
    24u /* bytes a frame costs on the wire besides itself: preamble, delimiter, FCS, gap */

struct vt_cable;

/* `core` is the lab's: its clock, pool and events (`iface` is the cable's number). `wake` (may be NULL) is
 * called when end `end` (0 or 1) will have a frame at `when`, earlier than any it had; of those behind it,
 * the device's next() tells after each burst. NULL without memory. */
struct vt_cable *vt_cable_new(struct vt_core *core, uint32_t number, uint64_t seed,
                              void (*wake)(void *ctx, struct vt_cable *c, unsigned end, vt_time when),
                              void *ctx);
/* Frees the cable and all frames in it, each dropped (CABLE_CUT) so that totals reconcile. */
void vt_cable_free(struct vt_cable *c);
/* The device at end 0 or 1. Frames sent into end 0 come out of end 1. */
struct vt_device *vt_cable_end(struct vt_cable *c, unsigned end);
/* Says which ports the ends are, for LINK_SET: its `node_a`, `port_a` is the end at which the direction
 * starts. */
void vt_cable_set_ports(struct vt_cable *c, uint32_t node_0, uint32_t port_0, uint32_t node_1,
                        uint32_t port_1);
/* The impairments of the direction that starts at `end`. Setting takes effect for frames sent from now on;
 * `cut` also drops what is on the way. Emits LINK_SET. */
const struct vt_impair *vt_cable_impair(const struct vt_cable *c, unsigned end);
void vt_cable_set_impair(struct vt_cable *c, unsigned end, const struct vt_impair *im);
/* Adds a targeted fault in the direction that starts at `end`. -VT_ENOSPC. */
int vt_cable_add_fault(struct vt_cable *c, unsigned end, const struct vt_fault *f);
void vt_cable_clear_faults(struct vt_cable *c);
/* While set, super-segments do not cross whole: what is captured and drawn is real frames. */
void vt_cable_set_observed(struct vt_cable *c, bool observed);
void vt_cable_set_mtu(struct vt_cable *c, uint32_t mtu);
/* Frames on the way, both directions; and in the direction that starts at `end`. */
uint32_t vt_cable_in_flight(const struct vt_cable *c);
uint32_t vt_cable_way_in_flight(const struct vt_cable *c, unsigned end);

/* Of one direction. What goes in comes out, or is told of: sent + duplicated == delivered + lost + cut +
 * queue_full + targeted + fcs_errors + no_memory + on the way. */
struct vt_cable_stats {
    uint64_t sent, delivered, lost, cut, queue_full, targeted, duplicated, reordered, delayed, marked,
        corrupted, corrupted_inside, fcs_errors, no_memory;
};
const struct vt_cable_stats *vt_cable_stats(const struct vt_cable *c, unsigned end);

#endif

/* Which faults a frame meets. */
#ifndef VT_PHYSICAL_FAULT_H
#define VT_PHYSICAL_FAULT_H

#include "impair.h"

/* What a frame is, as far as faults tell frames apart. */
struct vt_frame_class {
    uint32_t is; /* bit 1 << m for each enum vt_fault_match m that it answers to */
    uint16_t sport, dport;
};

/* Looks at an Ethernet frame. A later fragment of a datagram is of its protocol, without ports. */
struct vt_frame_class vt_frame_classify(struct vt_pbuf *p);
/* Counts the frame if it is of the fault's kind, and tells whether it is one to be hit. */
bool vt_fault_hits(struct vt_fault *f, const struct vt_frame_class *c);

#endif

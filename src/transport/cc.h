/* Congestion control as a table of functions. A controller sees what was acknowledged and what was lost, and
 * answers with a window; it sends nothing. All counts are bytes. */
#ifndef VT_TRANSPORT_CC_H
#define VT_TRANSPORT_CC_H

#include <vitro/types.h>

struct vt_cc_ops;

struct vt_cc {
    const struct vt_cc_ops *ops;
    uint32_t cwnd, ssthresh;
    uint32_t mss;
    uint32_t acked; /* bytes acknowledged since the window last grew (congestion avoidance) */
};

struct vt_cc_ops {
    const char *name; /* as TCP_CONGESTION has it */
    /* The first window: `iw` segments. */
    void (*init)(struct vt_cc *cc, uint32_t mss, uint32_t iw);
    /* `acked` new bytes were acknowledged outside recovery; `flight` were out before. */
    void (*ack)(struct vt_cc *cc, uint32_t acked, uint32_t flight, vt_time now);
    /* A loss was found by duplicate ACKs: sets ssthresh (RFC 5681 eq. 4). */
    void (*loss)(struct vt_cc *cc, uint32_t flight, vt_time now);
    /* The retransmission timer expired: `first` of a row. */
    void (*timeout)(struct vt_cc *cc, uint32_t flight, bool first, vt_time now);
    /* The connection was idle longer than an RTO (RFC 5681 4.1). */
    void (*idle)(struct vt_cc *cc, uint32_t iw);
};

extern const struct vt_cc_ops vt_cc_reno;
/* By name, NULL when there is none. */
const struct vt_cc_ops *vt_cc_find(const char *name, size_t len);

#endif

/* Congestion control as a table of functions. A controller sees what was acknowledged and what was lost, and
 * answers with a window; it sends nothing. All counts are bytes. */
#ifndef VT_TRANSPORT_CC_H
#define VT_TRANSPORT_CC_H

#include <vitro/types.h>

struct vt_cc_ops;

struct vt_reno {
    uint32_t acked; /* bytes acknowledged since the window last grew */
};

struct vt_cubic {
    vt_time epoch; /* when congestion avoidance began; 0: it has not */
    uint64_t k_ms; /* when the cubic reaches w_max again, from there */
    uint64_t rest; /* of divisions, carried on */
    uint64_t w_est_rest;
    uint32_t w_max, w_prior, w_est;
    /* HyStart++ */
    uint32_t samples, css_rounds; /* css_rounds 0: not in conservative slow start */
    struct vt_seq round_end;
    bool in_round; /* round_end counts */
    vt_span round_min_rtt, last_min_rtt, css_baseline;
};

struct vt_cc {
    const struct vt_cc_ops *ops;
    uint32_t cwnd, ssthresh;
    uint32_t mss;
    union {
        struct vt_reno reno;
        struct vt_cubic cubic;
    } u;
};

/* What an ACK of new data, outside recovery, tells. */
struct vt_cc_ack {
    uint32_t acked;    /* bytes newly acknowledged */
    bool cwnd_limited; /* the window had been in use */
    vt_span rtt;       /* this ACK's sample; 0: none */
    vt_span srtt, min_rtt;
    struct vt_seq una, nxt; /* after it */
    vt_time now;
};

struct vt_cc_ops {
    const char *name; /* as TCP_CONGESTION has it */
    /* The first window: `iw` segments. */
    void (*init)(struct vt_cc *cc, uint32_t mss, uint32_t iw);
    void (*ack)(struct vt_cc *cc, const struct vt_cc_ack *a);
    /* Recovery begins: sets ssthresh. `flight` bytes are out. */
    void (*loss)(struct vt_cc *cc, uint32_t flight, vt_time now);
    /* The retransmission timer expired: `first` of a row. */
    void (*timeout)(struct vt_cc *cc, uint32_t flight, bool first, vt_time now);
    /* The connection was idle longer than an RTO (RFC 5681 4.1): the window is about to be made smaller. */
    void (*idle)(struct vt_cc *cc);
};

extern const struct vt_cc_ops vt_cc_reno, vt_cc_cubic;
/* By name, NULL when there is none. */
const struct vt_cc_ops *vt_cc_find(const char *name, size_t len);
/* The i-th, NULL past the last: the first is the default. */
const struct vt_cc_ops *vt_cc_at(unsigned i);

#endif

/* Congestion control as a table of functions. A controller sees what was acknowledged and what was lost, and
 * answers with a window; it sends nothing. All counts are bytes. */
#ifndef VT_TRANSPORT_CC_H
#define VT_TRANSPORT_CC_H

#include <vitro/types.h>

struct vt_cc_ops;
struct vt_core;
struct vt_bbr;

#define VT_CC_SSTHRESH_ANY UINT32_MAX

struct vt_reno {
    uint32_t acked; /* bytes acknowledged since the window last grew */
};

/* What a loss changes of CUBIC's memory, and an undo brings back (RFC 9438 4.9). */
struct vt_cubic_epoch {
    vt_time epoch; /* when congestion avoidance began; 0: it has not */
    uint64_t k_ms; /* when the cubic reaches w_max again, from there */
    uint32_t w_max, w_prior, w_est;
};

struct vt_cubic {
    struct vt_cubic_epoch e, prior;
    vt_time last_ack;
    uint64_t rest; /* of divisions, carried on */
    uint64_t w_est_rest;
    /* HyStart++ */
    uint32_t samples, css_rounds; /* css_rounds 0: not in conservative slow start */
    struct vt_seq round_end;
    bool in_round; /* round_end counts */
    vt_span round_min_rtt, last_min_rtt, css_baseline;
};

struct vt_dctcp {
    struct vt_reno reno;
    uint32_t alpha; /* the share of marked bytes, of DCTCP's 1024 */
    uint32_t acked, marked;
    struct vt_seq round_end;
    bool in_round;
};

struct vt_cc {
    const struct vt_cc_ops *ops;
    uint32_t cwnd, ssthresh;
    uint32_t mss;
    struct vt_core *core; /* of those that ask for memory and randomness */
    union {
        struct vt_reno reno;
        struct vt_cubic cubic;
        struct vt_dctcp dctcp;
        struct vt_bbr *bbr;
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

/* How fast the network delivered, measured over about a round trip up to an ACK (tcp_rate.c). Counts of
 * bytes, lower 32 bits of what was ever delivered. */
struct vt_cc_rate {
    uint32_t delivered;    /* within `interval` */
    vt_span interval;      /* 0: no measure */
    uint32_t total, prior; /* delivered until now, and until the segment was sent that this ACK is of */
    uint32_t acked, lost;  /* by this ACK */
    uint32_t in_flight, prior_in_flight; /* after it and before it */
    vt_span rtt;                         /* 0: none */
    vt_span min_rtt, srtt;
    bool app_limited;      /* the program, not the network, may be what limited it */
    bool mark_app_limited; /* an answer: what is out now says nothing of the path's rate */
    bool ack_delayed;      /* of one segment, that the peer may have kept back */
    uint8_t ca;            /* enum vt_tcp_ca */
    uint32_t burst;        /* bytes in a super-segment */
    uint64_t max_pace;
    vt_time now;
};

enum vt_cc_flag {
    VT_CC_NEEDS_ECN = 1 << 0, /* asks for ECN, and for marks to be told one by one */
    VT_CC_PACES = 1 << 1,     /* pace() is how fast to send */
};

/* What happened to a connection. */
enum vt_cc_event {
    VT_CC_TX_START, /* something is sent where nothing was out */
    VT_CC_RESTART,  /* idle longer than an RTO: the window is about to be made smaller (RFC 5681 4.1) */
    VT_CC_OPEN,     /* a recovery is over, or a reduction by ECN */
};

/* TCP_CC_INFO: Linux's union tcp_cc_info. */
union vt_cc_info {
    struct {
        uint32_t bw_lo, bw_hi;           /* bytes a second */
        uint32_t min_rtt;                /* us */
        uint32_t pacing_gain, cwnd_gain; /* of 256 */
    } bbr;
    struct {
        uint16_t enabled, ce_state;
        uint32_t alpha, ab_ecn, ab_tot;
    } dctcp;
};

struct vt_cc_ops {
    const char *name; /* as TCP_CONGESTION has it */
    uint32_t flags;   /* enum vt_cc_flag */
    /* The first window: `iw` segments. */
    void (*init)(struct vt_cc *cc, uint32_t mss, uint32_t iw);
    /* The connection goes on with cwnd and ssthresh as they are, under this controller; NULL: nothing is kept
     * that would have to be set. */
    void (*take_over)(struct vt_cc *cc);
    void (*release)(struct vt_cc *cc); /* NULL: nothing to free */
    void (*ack)(struct vt_cc *cc, const struct vt_cc_ack *a);
    /* Where it is not NULL the window is its business in all states, and ack() is not called. */
    void (*control)(struct vt_cc *cc, struct vt_cc_rate *r);
    /* Recovery begins: sets ssthresh. `flight` bytes are out. */
    void (*loss)(struct vt_cc *cc, uint32_t flight, vt_time now);
    /* The same where ECN tells of congestion; NULL: as a loss. */
    void (*marked)(struct vt_cc *cc, uint32_t flight, vt_time now);
    /* The retransmission timer expired: `first` of a row. */
    void (*timeout)(struct vt_cc *cc, uint32_t flight, bool first, vt_time now);
    void (*idle)(struct vt_cc *cc); /* VT_CC_RESTART */
    /* NULL where nobody wants to know: */
    void (*event)(struct vt_cc *cc, enum vt_cc_event ev, vt_time now);
    /* The last reduction was not called for: cwnd and ssthresh have been set back already. */
    void (*undo)(struct vt_cc *cc);
    /* Bytes acknowledged, and how many of them the network marked (ECN). */
    void (*marks)(struct vt_cc *cc, uint32_t acked, uint32_t marked, struct vt_seq una, struct vt_seq nxt);
    uint64_t (*pace)(const struct vt_cc *cc);       /* bytes a second */
    uint32_t (*burst_segs)(const struct vt_cc *cc); /* at least so many segments in a super-segment */
    size_t (*info)(const struct vt_cc *cc, union vt_cc_info *info); /* bytes of it */
};

extern const struct vt_cc_ops vt_cc_reno, vt_cc_cubic, vt_cc_bbr, vt_cc_dctcp;
/* By name, NULL when there is none. */
const struct vt_cc_ops *vt_cc_find(const char *name, size_t len);
/* The i-th, NULL past the last: the first is the default. */
const struct vt_cc_ops *vt_cc_at(unsigned i);
/* Begins with the first window, and goes on under another controller. Without memory it is Reno. */
void vt_cc_start(struct vt_cc *cc, uint32_t mss, uint32_t iw);
void vt_cc_switch(struct vt_cc *cc, const struct vt_cc_ops *ops);
void vt_cc_release(struct vt_cc *cc);

/* Reno's growth, for those that share it (RFC 5681 3.1). */
void vt_reno_grow(struct vt_cc *cc, struct vt_reno *reno, uint32_t acked);

#endif

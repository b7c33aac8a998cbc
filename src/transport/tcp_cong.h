/* How much and how fast: writing, windows and bursts, pacing, rates of delivery, marks of congestion, and the
 * controller of a connection. A part of tcp.h, which includes it. */
#ifndef VT_TRANSPORT_TCP_CONG_H
#define VT_TRANSPORT_TCP_CONG_H

#include "transport/cc.h"
#include "transport/tcp_sent.h"
#include "transport/tcp_wire.h"

struct vt_tcb;
struct vt_tcp_ack_info;
struct vt_tcp_agreed;
struct vt_tcp_seg;

/* How congestion is told of (RFC 3168, RFC 9768). */
enum vt_ecn {
    VT_ECN_NONE,
    VT_ECN_CLASSIC,
    VT_ECN_ACCURATE,
};

/* The two bits in the IP header (RFC 3168 5). */
enum vt_ecn_point {
    VT_ECN_NOT_ECT,
    VT_ECN_ECT1,
    VT_ECN_ECT0,
    VT_ECN_CE,
};

/* What net.ipv4.tcp_ecn says. */
enum vt_ecn_knob {
    VT_ECN_KNOB_OFF,
    VT_ECN_KNOB_ON,
    VT_ECN_KNOB_IN,          /* agrees when asked */
    VT_ECN_KNOB_ACCURATE,    /* asks for accurate feedback, and agrees to it */
    VT_ECN_KNOB_ACCURATE_IN, /* agrees to it, asks for RFC 3168's */
    VT_ECN_KNOB_ACCURATE_IN_ONLY,
};

enum vt_ecn_flag {
    VT_ECNF_CWR = 1 << 0,    /* we have reduced, and the peer does not know yet */
    VT_ECNF_DEMAND = 1 << 1, /* a CE came, and no CWR yet: ACKs have ECE */
    VT_ECNF_SEEN = 1 << 2,   /* the peer's segments are ECT */
    VT_ECNF_CE = 1 << 3,     /* DCTCP's receiver: the last one was marked */
};

/* Accurate feedback (RFC 9768 3.2), present where it was agreed on. */
struct vt_accecn {
    uint32_t ce; /* marked segments that came (r.cep less 5) */
    uint32_t ce_untold;
    uint32_t bytes[3]; /* that came, by codepoint less 1 */
    uint32_t peer_ce;  /* marked segments of ours that the peer has told of (s.cep less 5) */
    uint32_t peer_ceb; /* and bytes */
    uint8_t fields_used;
    uint8_t option_due; /* segments that must have the option */
    bool echo_syn, expect_echo, first_ack;
    bool option_seen, peer_ceb_known;
    bool zero_ace, mangled; /* the path spoils the bits: nothing of ours is ECT */
};

/* Pacing: present from the first burst on that is paced. */
struct vt_pace {
    uint64_t most; /* SO_MAX_PACING_RATE, bytes a second; 0: none */
    vt_time next;  /* when the next burst may go */
};

/* The segment, of those that an ACK tells of, that was sent last: what it took along (tcp_rate.c). */
struct vt_tcp_rate_pick {
    bool any, app_limited;
    struct vt_seq to;
    vt_time at;
    uint32_t prior, prior_us, send_us;
};
/* tcp_write.c */
/* Takes bytes that a program writes into the send queue, and may send of them meanwhile; the rest is up to
 * vt_tcp_output(). Returns what was taken: less than `len`
 * when the buffer is full, or without memory. */
uint32_t vt_tcp_write(struct vt_tcb *tcb, const uint8_t *src, uint32_t len, int flags);
/* How long a unit grows: what one super-segment carries, and no more than half the largest window. */
uint32_t vt_tcp_unit_most(const struct vt_tcb *tcb);

/* tcp_pace.c */
#define VT_TCP_RATE_ANY UINT64_MAX
/* Bytes a second that the window comes to; VT_TCP_RATE_ANY while no round trip is known. */
uint64_t vt_tcp_pacing_rate(const struct vt_tcb *tcb);
/* True when the next burst must wait: a timer runs. */
bool vt_tcp_pace_holds(struct vt_tcb *tcb);
void vt_tcp_pace_sent(struct vt_tcb *tcb, uint32_t bytes);
int vt_tcp_set_max_pace(struct vt_tcb *tcb, uint64_t rate);
/* Segments that go in one burst, and as one super-segment where the device cuts those. */
uint32_t vt_tcp_burst_segs(const struct vt_tcb *tcb);

/* tcp_rate.c */
/* A record was made, or sent again. */
void vt_tcp_rate_sent(struct vt_tcb *tcb, struct vt_sent *s);
void vt_tcp_rate_delivered(struct vt_tcb *tcb, const struct vt_sent *s, struct vt_tcp_ack_info *info);
void vt_tcp_rate_sample(struct vt_tcb *tcb, const struct vt_tcp_ack_info *info, struct vt_cc_rate *r);
/* Before a program writes: whether it had left the window unused. */
void vt_tcp_rate_check(struct vt_tcb *tcb);
void vt_tcp_app_limited(struct vt_tcb *tcb);
uint64_t vt_tcp_delivery_rate(const struct vt_tcb *tcb); /* bytes a second */

/* tcp_ecn.c */
void vt_tcp_emit_ecn(struct vt_tcb *tcb, enum vt_ecn_what what, uint32_t count);
/* ECE, CWR and AE of our SYN, and of our SYN,ACK. */
uint16_t vt_tcp_ecn_syn_flags(const struct vt_tcb *tcb);
uint16_t vt_tcp_ecn_synack_flags(const struct vt_tcp_agreed *a, uint32_t retries);
/* What a SYN at listener `l` agrees on, and what the answer to ours does. */
void vt_tcp_ecn_take_syn(const struct vt_tcb *l, const struct vt_tcp_seg *seg, struct vt_tcp_agreed *a);
void vt_tcp_ecn_take_synack(struct vt_tcb *tcb, const struct vt_tcp_seg *seg);
/* The codepoint of a segment that leaves, of which `len` bytes of text; adds to its flags. */
uint8_t vt_tcp_ecn_out(struct vt_tcb *tcb, struct vt_seq seq, uint32_t len, uint16_t *flags);
/* A segment came whose number is acceptable. */
void vt_tcp_ecn_in(struct vt_tcb *tcb, const struct vt_tcp_seg *seg);
/* True when an ACK tells of marks. */
bool vt_tcp_ecn_ack(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, const struct vt_tcp_ack_info *info);
/* It did: the window is reduced, once a window of data. */
void vt_tcp_ecn_congested(struct vt_tcb *tcb);
/* The window was reduced, for whatever reason. */
void vt_tcp_ecn_reduced(struct vt_tcb *tcb);

/* tcp_accecn.c */
void vt_tcp_accecn_start(struct vt_tcb *tcb, bool active);
uint8_t vt_tcp_accecn_out(struct vt_tcb *tcb, uint16_t *flags);
void vt_tcp_accecn_option(struct vt_tcb *tcb, struct vt_tcp_opts *o);
void vt_tcp_accecn_in(struct vt_tcb *tcb, const struct vt_tcp_seg *seg);
/* Before an ACK is counted: the end of the handshake, and whether the peer's option passes. */
void vt_tcp_accecn_hear(struct vt_tcb *tcb, const struct vt_tcp_seg *seg);
/* Segments of ours, newly told to have been marked. */
uint32_t vt_tcp_accecn_ack(struct vt_tcb *tcb, const struct vt_tcp_seg *seg,
                           const struct vt_tcp_ack_info *info, uint32_t segs);

/* tcp_cc.c */
/* An ACK was counted; `pipe` bytes were out before it. */
void vt_tcp_cc_ack(struct vt_tcb *tcb, const struct vt_tcp_ack_info *info, uint32_t pipe);
void vt_tcp_cc_event(struct vt_tcb *tcb, enum vt_cc_event ev);
int vt_tcp_cc_getinfo(const struct vt_tcb *tcb, void *val, size_t *len);     /* TCP_CC_INFO */
int vt_tcp_set_congestion(struct vt_tcb *tcb, const char *name, size_t len); /* -VT_ENOENT */

/* tcp_xmit.c */
/* An IP packet's length has 16 bits: headers and options taken off. */
#define VT_TCP_GSO_MAX (65535u - 40u - 40u)
/* Sends what may be sent, and an ACK if one is owed. */
void vt_tcp_output(struct vt_tcb *tcb);
/* Sends one burst at most of what is new. */
void vt_tcp_output_one(struct vt_tcb *tcb);
/* True when a larger congestion window would have been used. */
bool vt_tcp_cwnd_limited(const struct vt_tcb *tcb);
/* The next new segment, whatever the congestion window says (a probe); false when there is none, or no
 * window. */
bool vt_tcp_send_one_new(struct vt_tcb *tcb);
/* What waits, as far as the peer's window reaches, however little. */
bool vt_tcp_send_forced(struct vt_tcb *tcb);

#endif

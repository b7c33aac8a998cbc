/* TCP inside: the objects of RFC 9293, and which file does what.
 *
 *   tcp_wire    header and options       tcp_table    who is meant: connections, listeners, ports
 *   tcp_input   a segment's way in       tcp_state    the one setter, the legal moves
 *   tcp_syn     a SYN at a listener      tcp_connect  active open
 *   tcp_request half-open connections    tcp_cookie   none of them, under a flood
 *   tcp_ack     what an ACK does         tcp_loss     recovery: begins, goes on, ends
 *   tcp_data    text, reassembly         tcp_sack     holes: what we tell, and what we are told
 *   tcp_write   what a program writes    tcp_xmit     what may be sent now
 *   tcp_output  a segment is built       tcp_timer    every timer
 *   tcp_pace    how fast, in what bursts tcp_rate     how fast it is delivered
 *   tcp_cc      which controller, its ACKs   tcp_ecn, tcp_accecn  marks of congestion
 *   tcp_sent    what is on its way       tcp_rack     what is lost; tcp_newreno: without SACK
 *   tcp_prr     the window in recovery   tcp_undo     taking it back; tcp_frto: after a timeout
 *   tcp_tlp     the tail loss probe      tcp_pmtu     the path's MTU, and probing for it
 *   tcp_close   FIN, RST, letting go     tcp_timewait TIME-WAIT
 *   tcp_rtt     round trips, RTO         cc_*         congestion controllers, a table of functions
 *   tcp_delack  when an ACK goes         tcp_rcvbuf   the receive buffer, the window that is told
 *   tcp_sndbuf  how much may be written  tcp_notice   the error queue: stamps, zero-copy
 *   tcp_user    the socket's calls       tcp_sockopt  options, tcp_info
 *   tcp_auth    keys, who must sign      tcp_sign     what of a segment is signed
 *   tcp_fastopen         data in the SYN, sent       tcp_fastopen_listen  data in the SYN, taken
 *
 * Three kinds of object stand for a connection, by what it is doing: a request (half open, passive), a
 * control block, and a TIME-WAIT entry. All begin with `struct vt_tcp_end`, which is what the table holds.
 */
#ifndef VT_TRANSPORT_TCP_H
#define VT_TRANSPORT_TCP_H

#include "transport/cc.h"
#include "transport/tcp_cong.h"
#include "transport/tcp_auth.h"
#include "transport/tcp_profile.h"
#include "transport/tcp_sendq.h"
#include "transport/tcp_sent.h"
#include "transport/tcp_wire.h"
#include "transport/transport.h"

struct vt_tcp_listener;

enum vt_tcp_kind {
    VT_TCP_KIND_TCB,
    VT_TCP_KIND_REQUEST,
    VT_TCP_KIND_TIMEWAIT,
};

/* One end of a connection: its name, its state, its number. */
struct vt_tcp_end {
    struct vt_tcp *tcp;
    struct vt_addr local, remote;
    uint32_t hash; /* of the name, keyed */
    uint32_t conn; /* number in events */
    uint32_t mark; /* SO_MARK */
    uint8_t kind;  /* enum vt_tcp_kind */
    uint8_t state; /* enum vt_tcp_state; only vt_tcp_set_state() writes it */
    bool in_table;
    struct vt_tcp_portref *port; /* the local port's entry, when it was bound */
};

/* A segment that came in: parsed, checked, with what lies in it. */
struct vt_tcp_seg {
    struct vt_pbuf *p; /* payload only, headers pulled; NULL once its bytes are taken */
    const struct vt_ip_in *in;
    struct vt_addr src, dst;
    struct vt_seq seq, ack;
    const uint8_t *hdr; /* the header as it came, hlen bytes */
    uint32_t len;       /* payload bytes */
    uint32_t wnd;       /* as in the header */
    uint16_t flags;
    uint16_t urgent;
    uint16_t hlen;
    uint16_t gso_size; /* of a super-segment: the payload of each segment that it stands for; else 0 */
    struct vt_tcp_opts opts;
};

/* SEG.LEN of RFC 9293 3.3.1: payload, and one each for SYN and FIN. */
static inline uint32_t vt_tcp_seg_len(const struct vt_tcp_seg *seg)
{
    return seg->len + ((seg->flags & VT_SYN) != 0) + ((seg->flags & VT_FIN) != 0);
}

/* The SYN has been counted: the segment goes on as one without. The urgent pointer counted from it. */
static inline void vt_tcp_take_off_syn(struct vt_tcp_seg *seg)
{
    seg->flags &= (uint16_t)~VT_SYN;
    seg->seq = vt_seq_add(seg->seq, 1);
    seg->urgent = (uint16_t)(seg->urgent - (seg->urgent != 0));
}

/* What was agreed by the options of the SYNs. */
struct vt_tcp_agreed {
    bool wscale, sack, ts;
    uint8_t snd_scale; /* the peer's shift: of windows that come in */
    uint8_t rcv_scale; /* ours */
    uint8_t ecn;       /* enum vt_ecn */
    uint8_t syn_ecn;   /* codepoint that the peer's SYN had */
    uint16_t peer_mss; /* what the peer takes; 536 when it did not say (RFC 9293 3.7.1) */
};

/* A half-open connection at a listener: RFC 9293's SYN-RECEIVED, in small (RFC 4987 3.3, SYN cache). */
struct vt_tcp_request {
    struct vt_tcp_end end;
    struct vt_tcp_listener *listener;
    struct vt_tcp_request *next, *prev; /* the listener's SYN queue, oldest first */
    struct vt_timer timer;
    struct vt_seq iss, irs;
    struct vt_tcp_agreed agreed;
    uint32_t ts_recent, ts_offset;
    uint32_t rcv_wnd;
    vt_time sent;     /* the first SYN,ACK */
    vt_time again_at; /* when his SYN again, or an empty segment out of place, was last answered */
    bool sent_again;  /* which of them was answered nobody can tell (Karn, MUST-18) */
    bool acked;       /* its ACK has come, and could not be taken, or text is waited for */
    uint8_t retries;
    uint8_t ao_keyid, ao_rnext; /* of the SYN, when it was signed by TCP-AO */
};

/* A closed connection that waits for its last segments to die out (RFC 9293 3.6.1). */
struct vt_tcp_timewait {
    struct vt_tcp_end end;
    struct vt_tcp_timewait *next, *prev; /* oldest first */
    struct vt_timer timer;
    struct vt_seq snd_nxt, rcv_nxt;
    uint32_t rcv_wnd;
    uint32_t ts_recent, ts_offset;
    vt_time ts_recent_at;
    vt_time ack_sent; /* the last ACK, for the limit on them */
    struct vt_tcp_auth *auth;
    bool ts;
    uint8_t rcv_scale;
};

/* What makes a control block a listener. */
struct vt_tcp_listener {
    struct vt_tcb *tcb;
    struct vt_tcp_listener *next; /* of the port's entry */
    uint32_t backlog;
    uint32_t requests, accepts; /* in the SYN queue, in the accept queue */
    uint32_t young;             /* requests whose SYN,ACK went once */
    vt_time cookie_at;          /* when a SYN cookie was last sent; 0: never */
    struct vt_tcp_request *req_first, *req_last;
    struct vt_tcb *acc_first, *acc_last; /* complete, by acc_next */
};

/* A local port that somebody bound: its owners, and how many connections it has. */
struct vt_tcp_portref {
    struct vt_tcp_portref *next;
    struct vt_tcb *owners; /* bound control blocks, by bound_next */
    uint32_t ends;         /* connections, half-open ones and TIME-WAITs that came by it */
    uint16_t port;
};

/* The out-of-order queue: runs of bytes beyond RCV.NXT, ascending, none touching another. */
struct vt_run {
    struct vt_seq from, to;
    struct vt_pbuf *first, *last;
};
struct vt_ooo {
    struct vt_run *run;
    uint32_t n, cap;
    uint32_t bytes;
    uint64_t truesize; /* what its buffers cost */
    struct vt_seq
        recent[VT_TCP_MAX_SACKS]; /* a byte of each run that changed lately, newest first (RFC 2018 4) */
    uint8_t nrecent;
};

/* A connection's timers share slots where they exclude each other; see tcp_timer.c. */
enum vt_tcp_slot {
    VT_SLOT_REXMT, /* of enum vt_tcp_rexmt, one at a time */
    VT_SLOT_DELACK,
    VT_SLOT_LIFE, /* keepalive, FIN-WAIT-2 */
    VT_SLOT_PACE, /* the next burst may go */
    VT_SLOTS,
};

/* What the REXMT slot waits for. */
enum vt_tcp_rexmt {
    VT_REXMT_RTO,
    VT_REXMT_PERSIST,
    VT_REXMT_REORDER, /* RACK: time enough for what overtook to be caught up with */
    VT_REXMT_PROBE,   /* TLP: the tail may be lost */
};

/* How it stands with losses; Linux's words and numbers, as tcpi_ca_state has them. */
enum vt_tcp_ca {
    VT_CA_OPEN,     /* nothing is amiss */
    VT_CA_DISORDER, /* duplicate ACKs or SACKs have come, nothing is taken to be lost yet */
    VT_CA_CWR,      /* the window is being reduced without a loss */
    VT_CA_RECOVERY, /* fast recovery */
    VT_CA_LOSS,     /* after a timeout */
};

/* How far F-RTO (RFC 5682) has come since a timeout. */
enum vt_frto {
    VT_FRTO_OFF,
    VT_FRTO_WAIT, /* the first segment has gone again: the next ACKs tell */
    VT_FRTO_NEW,  /* something new goes next, and what is lost waits for an ACK of that */
};

/* Sending and losing: present while something is out, and while an ACK may yet tell of it. */
struct vt_loss {
    struct vt_sentq sent;
    struct vt_seq lost_from; /* nothing before it waits to be sent again */
    struct vt_seq fack;      /* the highest number known to be delivered */
    /* RACK (RFC 8985 5.3): the most recently sent segment that was delivered */
    vt_time rack_at;
    struct vt_seq rack_to;
    vt_span rack_rtt;
    vt_time reorder_at;        /* when the next segment counts as lost; 0: none waits */
    struct vt_seq dsack_round; /* a D-SACK counts again when this is acknowledged */
    uint32_t reno_sacked;      /* segments that duplicate ACKs of a peer without SACK stand for */
    /* PRR (RFC 6937), in bytes */
    uint32_t prior_cwnd, prr_delivered, prr_out;
    /* undoing a reduction that was not called for (RFC 4015, RFC 3708) */
    uint32_t prior_ssthresh; /* 0: the window may not be what it was (ECN) */
    struct vt_seq undo_from; /* SND.UNA when it began */
    int32_t undo_segs;       /* sent again since, and not yet told of by a D-SACK; -1: nothing was */
    uint32_t rexmt_ts;       /* our timestamp at the first retransmission (RFC 3522) */
    uint32_t last_rexmt_ts;  /* and at the last */
    struct vt_seq tlp_end;   /* RFC 8985 7: the end of the probe that is out */
    uint8_t frto;            /* enum vt_frto */
    bool undo, rexmt_ts_set; /* undo_from counts; so does rexmt_ts */
    bool rack_new;           /* something was delivered since losses were looked for */
    bool dsack_round_set;    /* dsack_round counts */
    bool tlp_out, tlp_again; /* a probe awaits its answer; it was a second copy */
    bool lingers;            /* all was acknowledged: kept through one flight more, for a late D-SACK */
    /* use of the congestion window: whether it held us back, and what was out, up to usage_end */
    bool cwnd_limited;
    uint32_t most_out;
    struct vt_seq usage_end;
    uint32_t first_tx_us, delivered_us; /* where the stretch begins that a rate is measured over */
};

enum vt_rcv_flag {
    VT_RCV_SCHED = 1 << 0,   /* an ACK is owed, now or later */
    VT_RCV_PUSHED = 1 << 1,  /* what came may be all that the peer has to say for now */
    VT_RCV_PUSHED2 = 1 << 2, /* and that twice */
    VT_RCV_SLOW = 1 << 3,    /* TCP_QUICKACK is off: the ACK of a FIN may wait, too */
};

/* Receiving: what ACKs wait for (tcp_delack.c), and the window (tcp_rcvbuf.c). */
struct vt_rcv {
    uint32_t ato_ms;   /* how long an ACK waits for data to carry it; 0: no text has come yet */
    uint16_t mss;      /* what is a full segment of this peer's */
    uint16_t last_len; /* of the segment before, when it may become that */
    uint8_t quick;     /* ACKs that go at once */
    uint8_t pingpong;  /* times that the program has answered in time */
    uint8_t flags;     /* enum vt_rcv_flag */
    uint32_t ssthresh; /* no window beyond this is told yet */
    uint32_t clamp;    /* nor ever beyond this (TCP_WINDOW_CLAMP); 0: not set, before the connection is */
    uint32_t lowat;    /* SO_RCVLOWAT */
    uint32_t ooo_segs; /* that came out of order */
};

/* What a receiver measures to size its buffer; from the first text on. */
struct vt_rcv_space {
    uint64_t rtt8; /* eighths of a us; 0: not yet known */
    vt_time rtt_at, at;
    struct vt_seq rtt_seq;
    struct vt_seq seq; /* read up to here when the round trip began */
    uint32_t space;    /* bytes read in the best round trip so far */
    uint32_t last_echo;
    vt_time stamp; /* when the byte read last had come */
};

/* What holds a sender back, Linux's "chronographs": the greater one counts. */
enum vt_chrono_what {
    VT_CHRONO_NONE,   /* nothing is queued */
    VT_CHRONO_BUSY,   /* nothing but the network */
    VT_CHRONO_RWND,   /* the peer's window */
    VT_CHRONO_SNDBUF, /* its own buffer */
};
struct vt_chrono {
    vt_time since;
    uint64_t spent[VT_CHRONO_SNDBUF]; /* ns, by `what` less one */
    uint8_t what;
    uint16_t rtos, rto_rows; /* timeouts, and rows of them without progress between */
    uint64_t rto_spent;      /* ns in such rows */
    vt_time rto_since;
};

enum vt_tcb_flag {
    VT_TCBF_NODELAY = 1 << 0,
    VT_TCBF_CORK = 1 << 1,
    VT_TCBF_KEEPALIVE = 1 << 2,
    VT_TCBF_OOBINLINE = 1 << 3,
    VT_TCBF_REUSEADDR = 1 << 4,
    VT_TCBF_REUSEPORT = 1 << 5,
    VT_TCBF_BOUND = 1 << 6,      /* bind() was called, or an address chosen */
    VT_TCBF_ORPHAN = 1 << 7,     /* its socket is gone */
    VT_TCBF_FIN_QUEUED = 1 << 8, /* the program has no more to send */
    VT_TCBF_FIN_SENT = 1 << 9,
    VT_TCBF_FIN_RCVD = 1 << 10,
    VT_TCBF_SHUT_RD = 1 << 11,
    VT_TCBF_ACK_NOW = 1 << 12,  /* an ACK is owed at once */
    VT_TCBF_DIRTY = 1 << 13,    /* on the list of work for the burst's end */
    VT_TCBF_FREEBIND = 1 << 14, /* IP_FREEBIND */
    VT_TCBF_THIN = 1 << 15,     /* TCP_THIN_LINEAR_TIMEOUTS */
    VT_TCBF_URG_OUT = 1 << 16,  /* snd_up counts */
    VT_TCBF_URG_IN = 1 << 17,   /* rcv_up counts: the mark is not yet passed */
    VT_TCBF_OOB_HELD = 1 << 18, /* the urgent byte has not been read */
    VT_TCBF_SNDBUF_SET = 1 << 19,
    VT_TCBF_RCVBUF_SET = 1 << 20,
    VT_TCBF_REFUSED = 1 << 21,      /* the last segment was not taken by the device: it has not left */
    VT_TCBF_SEND_BLOCKED = 1 << 22, /* the program found the send queue full */
    VT_TCBF_PUSH_OUT = 1 << 25,     /* what waits goes, corked or not: TCP_NODELAY was set just now */
    VT_TCBF_RATE_LIMITED = 1 << 24, /* the program limited the rate of delivery that was measured */
    VT_TCBF_FIN_SEEN = 1 << 26,     /* the peer's FIN has come, at fin_seq; bytes before it may be missing */
};

/* How the connection opens: Fast Open (RFC 7413), and what waits for the handshake's end. */
enum vt_tcp_open {
    VT_OPEN_FO_CONNECT = 1 << 0,   /* TCP_FASTOPEN_CONNECT */
    VT_OPEN_FO_NO_COOKIE = 1 << 1, /* TCP_FASTOPEN_NO_COOKIE */
    VT_OPEN_DEFERRED = 1 << 2,     /* connect() was called, the SYN waits for the first bytes */
    VT_OPEN_FO_OPTION = 1 << 3,    /* our SYN had the option */
    VT_OPEN_FO_EXP = 1 << 4,       /* in the experimental form */
    VT_OPEN_FO_DATA = 1 << 5,      /* our SYN had data */
    VT_OPEN_FO_DONE = 1 << 6,      /* data of the SYN were taken whole: TCPI_OPT_SYN_DATA */
    VT_OPEN_FO_CHILD = 1 << 7,     /* given to the program before its handshake ends */
    VT_OPEN_NO_PORT = 1 << 9,      /* IP_BIND_ADDRESS_NO_PORT */
    VT_OPEN_WRITER = 1 << 8,       /* a program waits to write: its bytes can bear the handshake's ACK */
};

/* Fast Open of one control block, present while needed: the client's until the SYN is answered, a child's
 * until its handshake ends, a listener's for good. */
struct vt_fastopen {
    struct vt_tcp_cookie cookie; /* of the first SYN, or SYN,ACK */
    bool sent;                   /* it has gone: those sent again are plain (RFC 7413 4.1.3) */
    uint32_t syn_data;           /* bytes in the SYN that we sent */
    /* a child's */
    struct vt_tcb *listener;
    struct vt_fastopen *next, **prev; /* of the listener's children */
    /* a listener's */
    uint32_t limit, pending; /* children whose handshake has not ended; those reset of late count */
    struct vt_fastopen *children;
    struct vt_fo_reset *reset_first, *reset_last;
    uint8_t keys; /* set by TCP_FASTOPEN_KEY; 0: the host's */
    uint8_t key[2][16];
};

/* The search for the path's MTU (tcp_pmtu.c): present where the knob asks for it. Sizes are those of IP
 * packets. */
struct vt_tcp_mtup {
    uint32_t low, high; /* what works, and what may */
    uint32_t probe;     /* the one that is out; 0: none */
    struct vt_seq probe_from, probe_to;
    vt_time at; /* when the search began */
    bool enabled;
};

/* The control block (RFC 9293 3.3.1). Sequence variables have the RFC's names. */
struct vt_tcb {
    struct vt_tcp_end end;
    uint32_t flags; /* enum vt_tcb_flag */

    /* send sequence space */
    struct vt_seq snd_una, snd_nxt;
    uint32_t snd_wnd, max_wnd;
    struct vt_seq snd_wl1, snd_wl2;
    struct vt_seq iss, snd_up;
    struct vt_seq pushed;    /* end of the last bytes written that the peer is told to push */
    struct vt_seq snd_small; /* end of the last segment below full size (Nagle, Minshall's form) */
    /* receive sequence space */
    struct vt_seq rcv_nxt;
    struct vt_seq rcv_adv; /* right edge of the window as last told: never moved back (RFC 9293 3.8.6) */
    struct vt_seq irs, rcv_up, fin_seq;
    struct vt_seq last_ack; /* RCV.NXT as last told (RFC 7323 4.3) */

    struct vt_rcv rcv;
    struct vt_rcv_space *rcv_space; /* NULL until text comes */
    struct vt_chrono *chrono;       /* NULL until something is sent */
    struct vt_notices *notices;     /* NULL until something is to be told */

    struct vt_tcp_agreed agreed;
    uint16_t mss;      /* payload bytes of a full segment that we send, options taken off */
    uint16_t adv_mss;  /* what we told the peer */
    uint16_t user_mss; /* TCP_MAXSEG */
    uint32_t pmtu;
    uint32_t net_seen; /* vt_net_generation() when it was looked up */
    struct vt_tcp_mtup *mtup;
    uint32_t ts_recent, ts_offset;
    vt_time ts_recent_at;

    /* round trips (RFC 6298), ns */
    vt_span srtt, rttvar, rto, min_rtt;
    vt_time syn_at; /* when the first SYN went */
    uint8_t backoff;

    /* congestion (RFC 5681) */
    struct vt_cc cc;
    struct vt_loss *loss;  /* NULL while nothing is out and nothing amiss */
    struct vt_seq recover; /* the last recovery ends, or ended, when this is acknowledged (RFC 6582) */
    uint8_t ca;            /* enum vt_tcp_ca */
    uint8_t reo_mult,
        reo_persist;       /* RFC 8985 6.2.4: the reordering window, and recoveries until it is small again */
    uint16_t reordering;   /* segments by which others have overtaken one here; at least the knob */
    uint32_t reord_seen;   /* times that it was seen */
    uint32_t dsack_dups;   /* segments that the peer told it had twice */
    struct vt_accecn *acc; /* NULL without accurate ECN */
    uint32_t delivered_ce; /* segments of ours that were marked */
    uint8_t ecn;           /* enum vt_ecn_flag */
    struct vt_pace *pace;  /* NULL while there is none */
    uint32_t app_limited;  /* until this much is delivered the program limits the rate; 0: it does not */
    uint32_t rate_delivered, rate_us; /* the last rate of delivery: bytes, and how long they took */
    uint32_t cwnd_used;               /* the most that was out since the window was full */
    vt_time cwnd_full_at;             /* when it was */

    struct vt_sendq sendq;
    struct vt_pbufq recvq;
    struct vt_ooo *ooo;
    struct vt_range dsack; /* what came twice, until an ACK has told it (RFC 2883); empty: nothing */
    uint32_t sndbuf, rcvbuf;
    uint32_t rcv_truesize;
    uint32_t notsent_lowat; /* TCP_NOTSENT_LOWAT; 0: the knob */

    /* timers */
    struct vt_timer timer; /* at the earliest of: */
    vt_time deadline[VT_SLOTS];
    uint64_t deadline_cause[VT_SLOTS];
    uint8_t rexmt;       /* enum vt_tcp_rexmt */
    vt_time last_rcv;    /* the last segment in: keepalive counts from here */
    vt_time first_rexmt; /* when the oldest unacknowledged byte was first sent again, or, with nothing out,
                            the first window probe of a row; 0: it was not */
    uint8_t probes;      /* unanswered keepalive or window probes */
    uint8_t retries;
    uint32_t keepidle, keepintvl, keepcnt; /* seconds, seconds, count; 0: the knob */
    uint32_t user_timeout;                 /* ms; 0: none */
    uint32_t rto_min_us, rto_max_ms;       /* TCP_RTO_MIN_US, TCP_RTO_MAX_MS; 0: the knobs */
    int32_t linger2;                       /* seconds; 0: the knob, below 0: none */
    uint8_t syn_retries;                   /* 0: the knob */
    uint8_t defer_accept;                  /* TCP_DEFER_ACCEPT, as a number of SYN,ACKs */
    uint16_t open;                         /* enum vt_tcp_open */
    struct vt_fastopen *fo;                /* NULL while there is none */

    struct vt_tcp_auth *auth; /* NULL: nothing is signed */

    /* the program */
    void *user;
    int error;                        /* what SO_ERROR and the next call tell, negative */
    int soft_error;                   /* what ICMP said, told when it times out */
    struct vt_tcp_listener *listener; /* of a listener */
    struct vt_tcp_listener *parent;   /* while in an accept queue */
    struct vt_tcb *acc_next;
    struct vt_tcb *bound_next, **bound_prev;
    struct vt_tcb *dirty_next;
    struct vt_tcb *all_next, **all_prev;
    uint64_t cause; /* of the work on the dirty list */
    uint8_t tos, ttl;
    uint8_t pmtudisc;     /* IP_MTU_DISCOVER, enum vt_pmtudisc */
    vt_time challenge_at; /* RFC 5961 7: this second's challenge ACKs */
    uint32_t challenges;
    vt_time oow_ack_at; /* the last ACK in answer to an empty segment outside the window (V67) */

    /* counters of tcp_info */
    uint64_t delivered; /* bytes that reached the peer */
    uint64_t bytes_acked, bytes_received, bytes_sent, bytes_retrans;
    uint32_t segs_in, segs_out, data_segs_in, data_segs_out, total_retrans;
    uint32_t delivered_segs; /* segments that reached the peer, without the SYN */
    vt_time last_data_sent, last_data_rcvd, last_ack_rcvd;
};

/* A slot of the table: the hash beside the pointer spares a cold line. */
struct vt_tcp_bucket {
    uint32_t hash;
    struct vt_tcp_end *end;
};

#define VT_TCP_PORT_BUCKETS 64

/* RSTs to some destinations in a second (V56). */
#define VT_RST_BUCKETS 64
struct vt_rst_bucket {
    uint32_t second, count;
};

struct vt_tcp {
    struct vt_core *core;
    struct vt_net *net;
    const struct vt_transport_up *up;
    const struct vt_tcp_profile *profile;
    struct vt_tcp_knobs knobs;
    const struct vt_cc_ops *cc;  /* net.ipv4.tcp_congestion_control */
    struct vt_tcp_bucket *table; /* open addressing, linear probing; a power of two */
    uint32_t table_size, table_used;
    struct vt_tcp_end *found; /* the last one that was found, and is in the table still */
    struct vt_tcp_portref *ports[VT_TCP_PORT_BUCKETS];
    struct vt_port_picker picker;
    struct vt_tcb *dirty, *dirty_last;
    struct vt_tcb *all; /* every control block, by all_next */
    struct vt_tcp_timewait *tw_first, *tw_last;
    uint32_t tw_count, orphans, conns;
    uint32_t auths; /* sockets and TIME-WAITs with keys */
    uint32_t next_conn;
    struct vt_fo_dest *fo_cache; /* cookies and MSSs of servers, tcp_fastopen.c; NULL until there is one */
    vt_time fo_paused_at;        /* when Fast Open was last found to be swallowed on the way */
    uint32_t fo_pauses;          /* how often, in a row */
    uint64_t cookies_sent, cookies_taken, cookies_failed; /* SYN cookies */
    struct vt_rst_bucket rst[VT_RST_BUCKETS];
    struct vt_tcb *free_later; /* freed at the burst's end, when nobody on the stack holds them */
};

static inline struct vt_tcb *vt_tcb_of(struct vt_tcp_end *e)
{
    return (struct vt_tcb *)(void *)e;
}
static inline struct vt_core *vt_tcp_core(const struct vt_tcb *tcb)
{
    return tcb->end.tcp->core;
}
static inline bool vt_tcb_is(const struct vt_tcb *tcb, uint32_t flag)
{
    return (tcb->flags & flag) != 0;
}
/* Payload of the largest segments that we have asked for. */
static inline uint32_t vt_tcp_adv_payload(const struct vt_tcb *tcb)
{
    return tcb->adv_mss - (tcb->agreed.ts ? 12u : 0u);
}

/* tcp_state.c */
void vt_tcp_set_state(struct vt_tcp_end *e, enum vt_tcp_state to, enum vt_doc doc);
bool vt_tcp_move_is_legal(enum vt_tcp_state from, enum vt_tcp_state to);
void vt_tcp_emit_conn(struct vt_tcp_end *e, enum vt_event_kind kind, uint32_t parent);
void vt_tcp_emit_error(struct vt_tcp_end *e, int error, enum vt_doc doc);

/* tcp_table.c */
int vt_tcp_table_add(struct vt_tcp_end *e); /* -VT_ENOMEM, -VT_EADDRINUSE */
void vt_tcp_table_remove(struct vt_tcp_end *e);
/* Puts `to` in the place of `from`, which has the same name. */
void vt_tcp_table_replace(struct vt_tcp_end *from, struct vt_tcp_end *to);
struct vt_tcp_end *vt_tcp_table_find(struct vt_tcp *tcp, const struct vt_addr *local,
                                     const struct vt_addr *remote);
/* Who listens there. Several that share the port divide the connections among them by their names. */
struct vt_tcp_listener *vt_tcp_find_listener(struct vt_tcp *tcp, const struct vt_addr *local,
                                             const struct vt_addr *remote);
struct vt_tcp_portref *vt_tcp_port_get(struct vt_tcp *tcp, uint16_t port, bool make);
void vt_tcp_port_hold(struct vt_tcp_end *e, struct vt_tcp_portref *ref);
void vt_tcp_port_drop(struct vt_tcp_end *e);
/* Linux's rules for two that want one port: they clash when their addresses overlap, unless both reuse and
 * neither listens, or both share the port. */
bool vt_tcp_clash(const struct vt_tcb *a, const struct vt_tcb *b);
int vt_tcp_bind_port(struct vt_tcb *tcb, uint16_t port);
void vt_tcp_unbind(struct vt_tcb *tcb);
bool vt_tcp_port_in_table(struct vt_tcp *tcp, uint16_t port);

/* tcp_input.c */
void vt_tcp_input(void *ctx, struct vt_pbuf *p, const struct vt_ip_in *in);
/* Runs a segment through RFC 9293 3.10.7.4 on a synchronised connection. Takes seg->p. */
void vt_tcp_segment(struct vt_tcb *tcb, struct vt_tcp_seg *seg);
void vt_tcp_drop_seg(struct vt_tcp_end *e, struct vt_tcp_seg *seg, enum vt_drop reason);
/* True when the timestamp is older than the last one taken (PAWS, RFC 7323 5.3). */
bool vt_tcp_paws_old(uint32_t ts_recent, vt_time ts_recent_at, const struct vt_tcp_seg *seg, vt_time now);
/* RFC 9293 3.4: the acceptability test of a segment against a window. */
bool vt_tcp_seq_acceptable(struct vt_seq rcv_nxt, uint32_t rcv_wnd, const struct vt_tcp_seg *seg);

/* tcp_syn.c */
/* `used`: the connection's name was used before, up to this number of ours; NULL: it was not. */
void vt_tcp_listen_segment(struct vt_tcp_listener *l, struct vt_tcp *tcp, struct vt_tcp_seg *seg,
                           const struct vt_seq *used);
void vt_tcp_request_segment(struct vt_tcp_request *r, struct vt_tcp_seg *seg);
void vt_tcp_request_free(struct vt_tcp_request *r, enum vt_doc doc);
/* An ICMP error that quotes a SYN,ACK, or claims to. True when it did. */
bool vt_tcp_request_icmp(struct vt_tcp_request *r, struct vt_seq seq, const struct vt_icmp_error *err);
void vt_tcp_listener_close(struct vt_tcp_listener *l);
void vt_tcp_emit_queue(struct vt_tcp_listener *l, bool accept);
bool vt_tcp_accept_full(const struct vt_tcp_listener *l);
/* What the SYN tells, and what follows from the listener, once the options are agreed. */
void vt_tcp_request_fill(struct vt_tcp_request *r, const struct vt_tcp_listener *l,
                         const struct vt_tcp_seg *seg);

/* tcp_request.c */
/* A request in the listener's SYN queue and in the table, its state LISTEN; NULL without memory. */
struct vt_tcp_request *vt_tcp_request_new(struct vt_tcp_listener *l, const struct vt_tcp_seg *seg);
/* It becomes a control block, still in SYN-RECEIVED, and is put into the accept queue. NULL without memory.
 */
struct vt_tcb *vt_tcp_adopt(struct vt_tcp_request *r, const struct vt_tcp_seg *seg);
/* The ACK of our SYN has come: it becomes a connection. NULL without memory. */
struct vt_tcb *vt_tcp_promote(struct vt_tcp_request *r, const struct vt_tcp_seg *seg);

/* tcp_cookie.c */
/* Answers a SYN with a cookie, and keeps nothing of it. */
void vt_tcp_cookie_send(struct vt_tcp_listener *l, const struct vt_tcp_seg *seg);
/* An ACK at a listener: true when it brought a true cookie, and was dealt with. False: `*reason` to drop it.
 */
bool vt_tcp_cookie_take(struct vt_tcp_listener *l, struct vt_tcp_seg *seg, enum vt_drop *reason);
/* Our window scale: what lets the largest receive buffer be told (RFC 7323 2.3). */
uint8_t vt_tcp_window_shift(const struct vt_tcp *tcp);
void vt_tcp_agree(struct vt_tcp *tcp, const struct vt_tcp_opts *theirs, struct vt_tcp_agreed *a);
struct vt_seq vt_tcp_isn(struct vt_tcp *tcp, const struct vt_addr *local, const struct vt_addr *remote);
uint32_t vt_tcp_ts_offset(struct vt_tcp *tcp, const struct vt_addr *local, const struct vt_addr *remote);

/* tcp_fastopen.c */
struct vt_fastopen *vt_tcp_fo_get(struct vt_tcb *tcb); /* makes it; NULL without memory */
void vt_tcp_fo_free(struct vt_tcb *tcb);
/* True when connect() may wait for bytes that go with the SYN: there is a cookie, or none is needed. */
bool vt_tcp_fo_defers(struct vt_tcb *tcb);
/* Prepares the SYN of an opening that the program wants fast: its option, and as much of the text as it may
 * bear, which goes into the send queue. The bytes taken, or -VT_ENOBUFS. */
long vt_tcp_fo_prepare(struct vt_tcb *tcb, const void *buf, size_t len);
/* Puts the option and the text of a first SYN or SYN,ACK in their places; the bytes of text. */
uint32_t vt_tcp_fo_fill(struct vt_tcb *tcb, struct vt_tcp_opts *o, struct vt_pbuf *p);
/* The SYN,ACK has come, and the connection is established: what is learnt from it. */
void vt_tcp_fo_answered(struct vt_tcb *tcb, const struct vt_tcp_seg *seg);
/* What the SYN bore and the peer has not acknowledged goes again, at once. */
void vt_tcp_fo_resend(struct vt_tcb *tcb);
/* The SYN with data was too big for the path: a plain one goes. */
void vt_tcp_fo_too_big(struct vt_tcb *tcb);
/* A retransmission timer of the connection has run out for the n-th time; `last`: it gives up. */
void vt_tcp_fo_timeout(struct vt_tcb *tcb, uint32_t n, bool last);
void vt_tcp_fo_ended(struct vt_tcb *tcb);

/* tcp_fastopen_listen.c */
int vt_tcp_fo_set_limit(struct vt_tcb *tcb, int limit);
int vt_tcp_fo_set_key(struct vt_tcb *tcb, const void *val, size_t len);
int vt_tcp_fo_get_key(const struct vt_tcb *tcb, void *val, size_t *len);
/* listen() was called: the knob may open every listener. */
void vt_tcp_fo_listen(struct vt_tcb *tcb);
/* Whether a SYN's data may be given to the program at once; `*reply` becomes the option of our SYN,ACK. */
bool vt_tcp_fo_judge(struct vt_tcp_listener *l, const struct vt_tcp_seg *seg, struct vt_tcp_cookie *reply);
/* Counts a child until its handshake ends. -VT_ENOMEM. */
int vt_tcp_fo_child(struct vt_tcp_listener *l, struct vt_tcb *child, const struct vt_tcp_cookie *reply);
void vt_tcp_fo_child_done(struct vt_tcb *child, bool reset);
void vt_tcp_fo_listener_free(struct vt_tcb *listener);

/* tcp_connect.c */
void vt_tcp_syn_sent_segment(struct vt_tcb *tcb, struct vt_tcp_seg *seg);
/* The SYN, or SYN,ACK, had to go `times` times more: what that means for the first window and timeout. */
void vt_tcp_syn_lost(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, uint32_t times);
/* Sets what follows from agreed options, MTU and knobs, once both SYNs are known. */
void vt_tcb_start(struct vt_tcb *tcb);
void vt_tcb_set_mss(struct vt_tcb *tcb);
uint16_t vt_tcp_local_mss(struct vt_tcp *tcp, struct vt_ip remote);
/* What we tell the peer: that, or TCP_MAXSEG. */
uint16_t vt_tcp_adv_mss(struct vt_tcp *tcp, struct vt_ip remote, uint16_t user_mss);
struct vt_tcb *vt_tcb_new(struct vt_tcp *tcp);

/* tcp_ack.c */
/* RFC 9293 3.10.7.4, fifth. False: the segment is unacceptable and was answered; it goes no further. */
bool vt_tcp_step_ack(struct vt_tcb *tcb, struct vt_tcp_seg *seg);
void vt_tcp_update_window(struct vt_tcb *tcb, const struct vt_tcp_seg *seg);

/* tcp_user.c */
/* The number of the first byte not yet read. */
struct vt_seq vt_tcp_read_seq(const struct vt_tcb *tcb);

/* tcp_pmtu.c */
enum vt_tcp_probe {
    VT_PROBE_NONE, /* nothing to be tried: send as ever */
    VT_PROBE_WAIT, /* nothing is to be sent until there is room for a probe */
    VT_PROBE_SENT,
};
/* Looks the path up, and sets the MSS. */
void vt_tcp_pmtu_start(struct vt_tcb *tcb);
void vt_tcp_pmtu_end(struct vt_tcb *tcb);
/* Looks again where routes or what is known of paths have changed. */
void vt_tcp_pmtu_sync(struct vt_tcb *tcb);
/* What ICMP says. */
void vt_tcp_pmtu_lower(struct vt_tcb *tcb, uint32_t mtu);
/* The MTU that segments are made for. */
uint32_t vt_tcp_pmtu_now(const struct vt_tcb *tcb);
/* Timeouts in a row (R1, RFC 9293 3.8.3): perhaps what is so large does not pass. */
void vt_tcp_pmtu_timeouts(struct vt_tcb *tcb);
/* Sends a probe if one is due. */
enum vt_tcp_probe vt_tcp_pmtu_probe(struct vt_tcb *tcb);
bool vt_tcp_pmtu_probing(const struct vt_tcb *tcb);
/* SND.UNA has moved. */
void vt_tcp_pmtu_acked(struct vt_tcb *tcb);
/* Something is lost: true when it is the probe, which is sent again in parts. */
bool vt_tcp_pmtu_failed(struct vt_tcb *tcb);
/* Something goes again: perhaps the probe, in parts. Nothing can be said of it. */
void vt_tcp_pmtu_unclear(struct vt_tcb *tcb);

/* tcp_data.c */
void vt_tcp_step_urg(struct vt_tcb *tcb, struct vt_tcp_seg *seg);
void vt_tcp_step_text(struct vt_tcb *tcb, struct vt_tcp_seg *seg);
void vt_tcp_ooo_clear(struct vt_tcb *tcb);
/* The window that a peer has been told of and may still use. */
static inline uint32_t vt_tcp_rcv_wnd(const struct vt_tcb *tcb)
{
    int32_t w = vt_seq_diff(tcb->rcv_adv, tcb->rcv_nxt);
    return w > 0 ? (uint32_t)w : 0;
}

/* tcp_sack.c */
void vt_tcp_sack_note(struct vt_ooo *ooo, struct vt_seq from);
/* Bytes from `from` up to `to` came again. */
void vt_tcp_dsack_note(struct vt_tcb *tcb, struct vt_seq from, struct vt_seq to);
/* The blocks that the next ACK tells; what came twice is then told. */
void vt_tcp_sack_fill(struct vt_tcb *tcb, struct vt_tcp_opts *o);
/* Enters a segment's SACK blocks into the scoreboard. */
void vt_tcp_sack_take(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, struct vt_tcp_ack_info *info);

/* tcp_output.c */
void vt_tcp_send_syn(struct vt_tcb *tcb);
/* An empty segment with `flags`, from `seq`. Of this and what follows: VT_TCBF_REFUSED tells afterwards
 * whether the device would not take it. */
void vt_tcp_send_empty(struct vt_tcb *tcb, struct vt_seq seq, uint16_t flags, enum vt_seg_why why);
void vt_tcp_send_ack(struct vt_tcb *tcb, enum vt_seg_why why);
/* Payload [seq, seq + len) of the send queue, with PSH and FIN as `more` has them; the FIN only where it
 * falls there. Returns payload and FIN sent; 0 without memory, and when the device did not take it. */
uint32_t vt_tcp_send_data(struct vt_tcb *tcb, struct vt_seq seq, uint32_t len, uint16_t more,
                          enum vt_seg_why why);
/* Sends record i again, at most `most` bytes of it, with PSH where it had that and where `push`. Returns what
 * went. */
uint32_t vt_tcp_retransmit(struct vt_tcb *tcb, uint32_t i, uint32_t most, bool push, enum vt_seg_why why);
/* `fo`: a Fast Open option of the first; NULL: none. */
void vt_tcp_send_synack(struct vt_tcp_request *r, const struct vt_tcp_cookie *fo);
/* An ACK of an entry that has no control block, and a RST to a segment of nobody (RFC 9293 3.10.7.1). */
void vt_tcp_reply_ack(struct vt_tcp_end *e, struct vt_seq seq, struct vt_seq ack, uint16_t wnd,
                      const struct vt_tcp_opts *opts, enum vt_seg_why why);
void vt_tcp_reply_rst(struct vt_tcp *tcp, const struct vt_tcp_seg *seg, uint32_t conn);
/* RFC 5961: an ACK in answer to a suspicious segment, limited per connection (section 7). */
void vt_tcp_challenge(struct vt_tcb *tcb);
/* Puts the control block on the list of work for the burst's end. */
void vt_tcp_mark_dirty(struct vt_tcb *tcb);
uint32_t vt_tcp_ts_now(const struct vt_core *core, uint32_t offset);
/* Bytes sent and not acknowledged, SYN and FIN included. */
static inline uint32_t vt_tcp_flight(const struct vt_tcb *tcb)
{
    return tcb->snd_nxt.v - tcb->snd_una.v;
}

/* tcp_timer.c */
void vt_tcp_timer_set(struct vt_tcb *tcb, enum vt_tcp_slot slot, vt_time when);
void vt_tcp_timer_clear(struct vt_tcb *tcb, enum vt_tcp_slot slot);
void vt_tcp_timer_clear_all(struct vt_tcb *tcb);
void vt_tcp_timer_fired(struct vt_timer *t, vt_time now);
void vt_tcp_request_timer(struct vt_timer *t, vt_time now);
void vt_tcp_emit_timer(struct vt_tcp_end *e, enum vt_tcp_timer timer, uint32_t count);
/* Starts the retransmission timer when something is out, the persist timer when something waits, stops it
 * otherwise. */
void vt_tcp_rearm(struct vt_tcb *tcb, bool sent_new);
/* An ACK has come while the window is probed: it is open, or the next probe counts from here. */
void vt_tcp_persist_ack(struct vt_tcb *tcb);
/* The retransmission timer goes off after `wait`, whatever it was at. */
void vt_tcp_rexmt_in(struct vt_tcb *tcb, vt_span wait);
/* (Re)starts the keepalive, when it is on, and FIN-WAIT-2's timer, as the state asks. */
void vt_tcp_life_restart(struct vt_tcb *tcb);

/* tcp_rtt.c */
void vt_tcp_rtt_sample(struct vt_tcb *tcb, vt_span rtt);
/* The retransmission timeout, backed off; its least and its most. */
vt_span vt_tcp_rto(const struct vt_tcb *tcb);
vt_span vt_tcp_rto_min(const struct vt_tcb *tcb);
vt_span vt_tcp_rto_max(const struct vt_tcb *tcb);

/* tcp_close.c */
void vt_tcp_step_fin(struct vt_tcb *tcb, struct vt_tcp_seg *seg);
/* Our FIN was acknowledged. */
void vt_tcp_fin_acked(struct vt_tcb *tcb);
/* The connection is over: state CLOSED, the program told, the block freed when it is an orphan. */
void vt_tcp_done(struct vt_tcb *tcb, int error, enum vt_doc doc);
/* Sends a RST and is done. */
void vt_tcp_abort(struct vt_tcb *tcb, int error, enum vt_doc doc);
void vt_tcb_release(struct vt_tcb *tcb);
void vt_tcp_wake(struct vt_tcb *tcb, unsigned events);

/* tcp_timewait.c */
/* RFC 6191 3, RFC 9293 3.6.1: whether connect() may use the name of a closed connection anew, its numbers
 * going on behind `*used`. */
bool vt_tcp_timewait_reusable(const struct vt_tcp_timewait *tw, struct vt_seq *used);
/* Hands the connection over to a TIME-WAIT entry; the control block leaves the table. */
void vt_tcp_enter_timewait(struct vt_tcb *tcb);
void vt_tcp_timewait_segment(struct vt_tcp_timewait *tw, struct vt_tcp_seg *seg);
void vt_tcp_timewait_free(struct vt_tcp_timewait *tw);

/* tcp_icmp.c */
bool vt_tcp_icmp_error(void *ctx, const struct vt_icmp_error *err);

#include "transport/tcp_flow.h"
#include "transport/tcp_recovery.h"

#endif

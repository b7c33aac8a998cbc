/* One TCP under test against a peer that the test plays, a segment a line, in virtual time:
 *
 *     rig_in(r, "S 0:0(0) win 65535 <mss 1460>");
 *     rig_out(r, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
 *     rig_in(r, ". 1:1(0) ack 1 win 65535");
 *
 * A line is: flags (S F R P U E W A, and `.` for ACK; `p` for PSH or not; `-` for none), first:behind(bytes),
 * and what follows, each part optional: `ack N`, `win N` (the field as it stands, not scaled), `urg N`,
 * `<options>`. Numbers of our stream count from our ISN, numbers of the peer's from his; a SYN is number 0,
 * data begin at 1.
 *
 * Options: mss N, wscale N, sackOK, sack a:b (up to four), TS val N ecr N, and in what comes in `hex 0204...`
 * for anything at all. Our timestamps count milliseconds from the first that we sent; `TS` alone stands for
 * any.
 *
 * What is not written is not compared, except that flags, numbers and bytes always are. The bytes of either
 * stream are a function of their number: rig_in() fills them in, rig_out() and rig_recv() check them. */
#ifndef TESTS_TRANSPORT_TCP_RIG_H
#define TESTS_TRANSPORT_TCP_RIG_H

#include "tcp_node.h"

#define RIG_FLOWS 64
#define RIG_TCBS  64

#define US   VT_IP4(192, 0, 2, 1)
#define PEER VT_IP4(192, 0, 2, 2)

/* The retransmission timeout after a round trip that took no time: SRTT, at least 1 ns, and the floor of the
 * variation, 200 ms. */
#define RIG_RTO (200 * VT_MSEC + 1)

#define SERVER_PORT 9528
#define CLIENT_PORT 40000

/* The peer's end of one connection. */
struct flow {
    uint16_t ours, theirs; /* ports */
    uint32_t iss, irs;     /* of us, of the peer: where the lines count from */
    bool iss_known;
    uint32_t ts0; /* our first timestamp */
    bool ts_known;
    uint64_t sent; /* bytes given to rig_send() */
    uint64_t read; /* bytes taken by rig_recv() */
};

struct rig {
    struct tcp_node n;
    struct flow flow[RIG_FLOWS];
    struct flow *f; /* the one that lines speak of */
    unsigned flows;
    struct vt_tcb *tcb; /* the control block that calls are made on */
    struct vt_tcb *listener;
    struct vt_tcb *held[RIG_TCBS]; /* to be closed at the end */
    uint64_t drops[VT_DROP_COUNT]; /* looked at so far */
    vt_time mark;                  /* rig_at() counts from here: the last line or call */
    bool salt;                     /* what rig_in() sends has other bytes than it should */
    bool drops_ignored;            /* the test does not account for every drop */
};

/* A rig with default knobs but one: there are no quick ACKs at a connection's start, so that a test of
 * something else need not look at them. `irs` is the peer's ISN. */
struct rig *rig_new(uint32_t irs);
struct rig *rig_new_with(uint32_t irs, uint32_t features, uint32_t mtu, uint64_t seed);
/* Ends the test: closes what is open, checks that all output was looked at, that every drop was accounted for
 * by rig_dropped(), that each packet had one fate, and that memory, buffers and timers are back at zero. */
#define rig_free(r) rig_free_at(r, __FILE__, __LINE__)
void rig_free_at(struct rig *r, const char *file, int line);

/* Lines. rig_in() fails when there is output that has not been looked at. */
#define rig_in(r, line)  rig_in_at(r, line, __FILE__, __LINE__)
#define rig_out(r, line) rig_out_at(r, line, __FILE__, __LINE__)
/* No segment is waiting to be looked at. */
#define rig_quiet(r) rig_quiet_at(r, __FILE__, __LINE__)
/* As rig_in(), without the end of the burst: the next line comes in the same one. */
#define rig_in_burst(r, line) rig_in_burst_at(r, line, __FILE__, __LINE__)
/* Nothing is sent for `span` less a nanosecond from the last line or call; then this is. */
#define rig_at(r, span, line) rig_at_at(r, span, line, __FILE__, __LINE__)
/* Passes time in which nothing is sent. */
#define rig_silence(r, span) rig_silence_at(r, span, __FILE__, __LINE__)
void rig_in_at(struct rig *r, const char *line, const char *file, int no);
void rig_in_burst_at(struct rig *r, const char *line, const char *file, int no);
void rig_out_at(struct rig *r, const char *line, const char *file, int no);
void rig_quiet_at(struct rig *r, const char *file, int no);
void rig_at_at(struct rig *r, vt_span span, const char *line, const char *file, int no);
void rig_silence_at(struct rig *r, vt_span span, const char *file, int no);
/* Passes time; what is sent waits to be looked at. */
void rig_wait(struct rig *r, vt_span span);
/* Forgets what was sent and not looked at; returns how many segments that were. */
unsigned rig_forget(struct rig *r);
/* An ICMP error about our segment of that number. */
void rig_icmp(struct rig *r, uint8_t type, uint8_t code, uint16_t mtu, uint32_t seq);

/* Exactly these drops happened since the last look: one reason, that often. */
#define rig_dropped(r, reason, times) rig_dropped_at(r, reason, times, __FILE__, __LINE__)
void rig_dropped_at(struct rig *r, enum vt_drop reason, uint64_t times, const char *file, int no);

/* Another connection of the peer: to our port `ours`, from his port `theirs`. */
void rig_flow(struct rig *r, uint16_t ours, uint16_t theirs);

/* Calls on r->tcb, each followed by the end of a burst. */
struct vt_tcb *rig_open(struct rig *r); /* it becomes r->tcb */
void rig_listen(struct rig *r, int backlog);
struct vt_tcb *rig_accept(struct rig *r); /* it becomes r->tcb; NULL when there is none */
int rig_connect(struct rig *r, uint16_t port);
/* The next `len` bytes of our stream. */
long rig_send(struct rig *r, size_t len);
long rig_send_flags(struct rig *r, size_t len, int flags);
/* Receives at most `len`; checks the bytes. */
#define rig_recv(r, len)              rig_recv_at(r, len, 0, __FILE__, __LINE__)
#define rig_recv_flags(r, len, flags) rig_recv_at(r, len, flags, __FILE__, __LINE__)
long rig_recv_at(struct rig *r, size_t len, int flags, const char *file, int no);
int rig_shutdown(struct rig *r, int how);
void rig_close(struct rig *r);
void rig_linger0(struct rig *r);
void rig_set(struct rig *r, int level, int name, int value);
int rig_get(struct rig *r, int level, int name);
void rig_knob(struct rig *r, const char *name, int64_t value);
struct vt_tcp_info rig_info(struct rig *r);

#define rig_state(r, want) rig_state_at(r, want, __FILE__, __LINE__)
void rig_state_at(struct rig *r, enum vt_tcp_state want, const char *file, int no);

/* A connection in ESTABLISHED, at r->tcb: accepted, or connected. The SYN has these options, or none.
 * Windows: the peer's field is 65535; ours is never scaled without options. */
void rig_accepted(struct rig *r, const char *options);
void rig_connected(struct rig *r, const char *options);
/* What stands in the table for the rig's flow; NULL: nothing. */
struct vt_tcp_end *rig_end(struct rig *r);

/* The byte at number `at` of a stream (the first has 1). */
static inline uint8_t rig_byte(bool ours, uint64_t at)
{
    uint64_t x = at * UINT64_C(0x9e3779b97f4a7c15) + (ours ? 1 : 2);
    return (uint8_t)(x >> 56 ^ x >> 24);
}

#endif

/* What is on its way: a record for each segment sent and not yet acknowledged (RFC 8985 5.2), in the order of
 * their numbers, and with them the SACK scoreboard (RFC 2018, RFC 6675 3). A super-segment is one record
 * until a SACK splits it; what is SACKed side by side is one record again, so that there are never many more
 * records than holes. Present only while something is out. */
#ifndef VT_TRANSPORT_TCP_SENT_H
#define VT_TRANSPORT_TCP_SENT_H

#include "base/core.h"
#include "base/ranges.h"

enum vt_sent_flag {
    VT_SENT_SACKED = 1 << 0,  /* the peer holds it */
    VT_SENT_LOST = 1 << 1,    /* taken to be lost */
    VT_SENT_RETRANS = 1 << 2, /* on its way again, after it was taken to be lost */
    VT_SENT_AGAIN = 1 << 3,   /* has been sent more than once */
    VT_SENT_PUSH = 1 << 4,    /* its last byte goes with PSH, again too */
    VT_SENT_EOR = 1 << 5,     /* a record ends with it: it is not joined to what follows */
    VT_SENT_FIN = 1 << 6,     /* its last number is the FIN's */
    VT_SENT_BURST = 1 << 7,   /* the burst that it went in ended with it */
    /* those that speak of its end */
    VT_SENT_ENDS = VT_SENT_PUSH | VT_SENT_EOR | VT_SENT_FIN | VT_SENT_BURST,
};

struct vt_sent {
    struct vt_seq from, to;
    uint32_t segs; /* segments that it is on the wire */
    uint16_t size; /* payload of each of them but the last */
    uint8_t flags;
    bool app_limited; /* when it went, the program had no more to send */
    vt_time at;       /* the last transmission */
    /* how delivery stood then, in bytes and in microseconds (tcp_rate.c) */
    uint32_t delivered, delivered_us, first_tx_us;
};

/* A ring of records, oldest first, and what they and their flags sum up to, in bytes and in segments. */
struct vt_sentq {
    struct vt_sent *rec;
    uint32_t head, n, cap; /* cap is a power of two, or 0 */
    uint32_t sacked, lost, retrans;
    uint32_t segs, sacked_segs, lost_segs, retrans_segs;
};

static inline struct vt_sent *vt_sent_at(const struct vt_sentq *q, uint32_t i)
{
    return &q->rec[(q->head + i) & (q->cap - 1)];
}
static inline uint32_t vt_sent_len(const struct vt_sent *s)
{
    return s->to.v - s->from.v;
}

/* Adds a record of segments of `size` bytes each at the end; NULL without memory. */
struct vt_sent *vt_sentq_add(struct vt_sentq *q, struct vt_core *core, struct vt_seq from, struct vt_seq to,
                             uint16_t size, bool fin);
/* True when a record more can be added; makes room if need be. */
bool vt_sentq_room(struct vt_sentq *q, struct vt_core *core);
/* Takes what is before `seq` off the first record, and the record when that is all of it. Needs no memory: an
 * ACK inside a record always counts. */
void vt_sentq_cut(struct vt_sentq *q, struct vt_seq seq);
/* Splits record i at `seq`, which lies inside it. False without memory: it stays whole. */
bool vt_sentq_split(struct vt_sentq *q, struct vt_core *core, uint32_t i, struct vt_seq seq);
/* Makes one record of i and i + 1, which have the same flags but for those that speak of the end, to be sent
 * as segments of `size` bytes. */
void vt_sentq_merge(struct vt_sentq *q, uint32_t i, uint16_t size);
/* What of record i is before `seq` goes over to record i - 1, which is SACKED, and is so, too. Needs no
 * memory. True when that was the whole of record i, which is gone then. */
bool vt_sentq_shift(struct vt_sentq *q, uint32_t i, struct vt_seq seq);
/* The index of the record that holds `seq`, or of the first one behind it; q->n when there is none. */
uint32_t vt_sentq_find(const struct vt_sentq *q, struct vt_seq seq);
/* Changes a record's flags and keeps the sums. */
void vt_sentq_flag(struct vt_sentq *q, struct vt_sent *s, uint8_t set, uint8_t clear);
void vt_sentq_clear(struct vt_sentq *q, struct vt_core *core);

#endif

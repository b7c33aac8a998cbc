/* What is lost, and sending it again: what the files of loss recovery offer each other and the rest of TCP.
 *
 *   tcp_rack     lost by time (RFC 8985)      tcp_newreno  peers without SACK (RFC 6582)
 *   tcp_loss     the course of a recovery     tcp_prr      how much goes meanwhile (RFC 6937)
 *   tcp_undo     recoveries not called for    tcp_frto     timeouts not called for (RFC 5682)
 *   tcp_tlp      probes of the tail (RFC 8985 7)
 */
#ifndef VT_TRANSPORT_TCP_RECOVERY_H
#define VT_TRANSPORT_TCP_RECOVERY_H

#include "transport/tcp.h"

/* tcp_rack.c */
/* What one ACK has brought to light. */
struct vt_tcp_ack_info {
    struct vt_tcp_rate_pick rate;
    struct vt_seq una;   /* SND.UNA before it */
    struct vt_seq fack;  /* the highest number known to be delivered before it */
    uint32_t acked;      /* bytes of data newly acknowledged */
    uint32_t delivered;  /* those, and newly SACKed ones, and second copies that D-SACK tells of */
    uint32_t lost;       /* newly taken to be lost */
    uint32_t segs;       /* of records newly acknowledged */
    vt_span rtt;         /* the round trip of the oldest segment delivered, sent once; 0: none */
    vt_span newest_rtt;  /* of the newest */
    struct vt_seq reord; /* the lowest number, sent once, that came behind what was sent later */
    bool reordered;      /* reord counts */
    bool dup;            /* it repeats the last one and says nothing new (RFC 5681 2) */
    bool dsack;          /* the peer got something twice (RFC 2883) */
    bool dsack_tlp;      /* and that was the loss probe */
    bool advanced;       /* SND.UNA moved */
    bool sacked;         /* something was newly SACKed */
    bool again;          /* something that was acknowledged had been sent more than once */
    bool original;       /* something sent once, before the last timeout, was delivered */
    bool lost_again;     /* what had been sent again was lost again */
    bool reneged;        /* the first byte not acknowledged had been SACKed */
};
/* A record was delivered: the reordering it shows, and RACK's newest (RFC 8985 6.2). */
void vt_tcp_rack_delivered(struct vt_tcb *tcb, const struct vt_sent *s, const struct vt_tcp_seg *seg,
                           struct vt_tcp_ack_info *info);
/* Something came behind what was sent later: takes down by how much (Linux's tcp_reordering). */
void vt_tcp_rack_reordering(struct vt_tcb *tcb, struct vt_tcp_ack_info *info);
/* RFC 8985 6.2.4: the reordering window after this ACK. */
void vt_tcp_rack_window(struct vt_tcb *tcb, const struct vt_tcp_ack_info *info);
/* Marks what has been out too long to be still on its way; sets reorder_at. */
void vt_tcp_rack_detect(struct vt_tcb *tcb, struct vt_tcp_ack_info *info);
void vt_tcp_mark_lost(struct vt_tcb *tcb, struct vt_sent *s, struct vt_tcp_ack_info *info);

/* tcp_newreno.c: peers without SACK (RFC 6582) */
/* `info->segs` were acknowledged: what of them the duplicates had told of is not delivered anew. */
void vt_tcp_newreno_acked(struct vt_tcb *tcb, struct vt_tcp_ack_info *info);
void vt_tcp_newreno_duplicate(struct vt_tcb *tcb, struct vt_tcp_ack_info *info);
void vt_tcp_newreno_detect(struct vt_tcb *tcb, struct vt_tcp_ack_info *info);

/* tcp_loss.c */
/* The record of something just sent; false without memory. */
bool vt_tcp_sent_new(struct vt_tcb *tcb, struct vt_seq from, struct vt_seq to);
/* Makes room for the next record before it is sent. */
bool vt_tcp_loss_ready(struct vt_tcb *tcb);
/* Nothing is out any more. */
void vt_tcp_loss_idle(struct vt_tcb *tcb);
void vt_tcp_loss_free(struct vt_tcb *tcb);
/* After an ACK was counted: begins, goes on with or ends recovery. */
void vt_tcp_loss_ack(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, struct vt_tcp_ack_info *info);
void vt_tcp_loss_timeout(struct vt_tcb *tcb);
void vt_tcp_loss_reorder_timeout(struct vt_tcb *tcb);
/* What is larger than a segment may be now is sent again at once, with no blame on the path (RFC 1191 6.4).
 */
void vt_tcp_loss_resize(struct vt_tcb *tcb);
/* Something that was sent is out again. */
bool vt_tcp_any_again(const struct vt_tcb *tcb);
/* Bytes taken to be in the network (RFC 6675 4, pipe). */
uint32_t vt_tcp_pipe(const struct vt_tcb *tcb);
/* The next record to be sent again; NULL when there is none. `*i` is its index. */
struct vt_sent *vt_tcp_next_lost(struct vt_tcb *tcb, uint32_t *i);
void vt_tcp_emit_cc(struct vt_tcb *tcb, enum vt_doc doc);

/* tcp_prr.c */
static inline bool vt_tcp_reducing(const struct vt_tcb *tcb)
{
    return tcb->ca == VT_CA_CWR || tcb->ca == VT_CA_RECOVERY;
}
/* A reduction begins, for a loss or for ECN's sake, and ends. */
void vt_tcp_prr_begin(struct vt_tcb *tcb);
void vt_tcp_prr_end(struct vt_tcb *tcb);
/* The window while it lasts. */
void vt_tcp_prr(struct vt_tcb *tcb, const struct vt_tcp_ack_info *info);
/* ECN: the window is reduced without a loss; never taken back. */
void vt_tcp_enter_cwr(struct vt_tcb *tcb);

/* tcp_undo.c */
void vt_tcp_undo_begin(struct vt_tcb *tcb);
/* True when what was done since vt_tcp_undo_begin() was not called for. */
bool vt_tcp_may_undo(const struct vt_tcb *tcb, const struct vt_tcp_seg *seg);
/* The echo tells that what was sent first has arrived, or nothing was sent again. */
bool vt_tcp_was_delayed(const struct vt_tcb *tcb, const struct vt_tcp_seg *seg);
void vt_tcp_undo(struct vt_tcb *tcb, bool unmark);

/* tcp_frto.c: an ACK after a timeout (RFC 5682) */
void vt_tcp_frto_ack(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, struct vt_tcp_ack_info *info);

/* tcp_tlp.c: the tail loss probe (RFC 8985 7) */
bool vt_tcp_tlp_wanted(const struct vt_tcb *tcb);
vt_span vt_tcp_tlp_wait(const struct vt_tcb *tcb);
void vt_tcp_tlp_send(struct vt_tcb *tcb);
/* 7.4.2: what an ACK tells of it. */
void vt_tcp_tlp_ack(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, const struct vt_tcp_ack_info *info);

#endif

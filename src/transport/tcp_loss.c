/* What is lost, and sending it again: fast retransmit and fast recovery by RFC 5681 3.2 and RFC 6582
 * (NewReno), and what a timeout does (RFC 5681 3.1, RFC 6298 5). */
#include "transport/tcp.h"

#define DUP_THRESHOLD 3

static void emit_cc(struct vt_tcb *tcb, enum vt_doc doc)
{
    struct vt_events *ev = &vt_tcp_core(tcb)->ev;
    struct vt_event *r = vt_event_begin(ev, VT_EV_TCP_CC, doc);
    if (r == NULL)
        return;
    r->conn = tcb->end.conn;
    r->mark = tcb->end.mark;
    r->u.cc.cwnd = tcb->cc.cwnd;
    r->u.cc.ssthresh = tcb->cc.ssthresh;
    r->u.cc.flight = vt_tcp_flight(tcb);
    r->u.cc.srtt_us = (uint32_t)(tcb->srtt / VT_USEC);
    r->u.cc.rto_us = (uint32_t)(vt_tcp_rto(tcb) / VT_USEC);
    r->u.cc.recovery = vt_tcb_is(tcb, VT_TCBF_RECOVERY);
    vt_event_end(ev, r, NULL, 0);
}

static void enter_recovery(struct vt_tcb *tcb)
{
    tcb->recover = tcb->snd_max;
    tcb->flags |= VT_TCBF_RECOVERY;
    tcb->cc.ops->loss(&tcb->cc, vt_tcp_flight(tcb), vt_tcp_core(tcb)->now);
    vt_tcp_retransmit(tcb, tcb->snd_una, tcb->mss, VT_SEG_FAST);
    tcb->cc.cwnd = tcb->cc.ssthresh + DUP_THRESHOLD * tcb->cc.mss;
    emit_cc(tcb, VT_DOC_RFC5681_3_2);
}

void vt_tcp_dup_ack(struct vt_tcb *tcb)
{
    tcb->dup_acks++;
    if (vt_tcb_is(tcb, VT_TCBF_RECOVERY)) { /* RFC 5681 3.2 (4): each stands for a segment that has left */
        if (tcb->cc.cwnd < UINT32_MAX / 2 && tcb->dup_acks * (uint64_t)tcb->mss <= tcb->max_wnd)
            tcb->cc.cwnd += tcb->cc.mss;
        return;
    }
    /* RFC 6582 3.2 (2): not for duplicates of an ACK that the last recovery or timeout still explains. */
    if (tcb->dup_acks == DUP_THRESHOLD && !vt_tcb_is(tcb, VT_TCBF_RTO_RECOVERY))
        enter_recovery(tcb);
}

/* RFC 6582 3.2 (3): an ACK of some of what was out when recovery began: the next hole is lost as well. */
static void partial_ack(struct vt_tcb *tcb, uint32_t acked)
{
    vt_tcp_retransmit(tcb, tcb->snd_una, tcb->mss, VT_SEG_FAST);
    tcb->cc.cwnd -= acked < tcb->cc.cwnd ? acked : tcb->cc.cwnd;
    if (acked >= tcb->cc.mss || tcb->cc.cwnd < tcb->cc.mss)
        tcb->cc.cwnd += tcb->cc.mss;
}

void vt_tcp_new_ack(struct vt_tcb *tcb, uint32_t acked)
{
    tcb->dup_acks = 0;
    if (vt_tcb_is(tcb, VT_TCBF_RECOVERY)) {
        if (vt_seq_lt(tcb->snd_una, tcb->recover)) {
            partial_ack(tcb, acked);
            return;
        }
        uint32_t flight = vt_tcp_flight(tcb);
        uint32_t least = (flight > tcb->cc.mss ? flight : tcb->cc.mss) + tcb->cc.mss;
        tcb->cc.cwnd = tcb->cc.ssthresh < least ? tcb->cc.ssthresh : least;
        tcb->flags &= ~(uint32_t)VT_TCBF_RECOVERY;
        emit_cc(tcb, VT_DOC_RFC6582_3_2);
    }
    if (vt_tcb_is(tcb, VT_TCBF_RTO_RECOVERY) && vt_seq_ge(tcb->snd_una, tcb->recover)) {
        tcb->flags &= ~(uint32_t)VT_TCBF_RTO_RECOVERY;
        tcb->backoff = 0;
    }
}

void vt_tcp_rto_loss(struct vt_tcb *tcb)
{
    bool first = tcb->retries <= 1;
    tcb->cc.ops->timeout(&tcb->cc, vt_tcp_flight(tcb), first, vt_tcp_core(tcb)->now);
    tcb->flags &= ~(uint32_t)(VT_TCBF_RECOVERY | VT_TCBF_RTT_TIMED);
    tcb->flags |= VT_TCBF_RTO_RECOVERY;
    tcb->recover = tcb->snd_max;
    tcb->dup_acks = 0;
    tcb->snd_nxt = tcb->snd_una; /* everything from here is sent again, as the window opens */
    emit_cc(tcb, VT_DOC_RFC6298_5);
}

/* The tail loss probe (RFC 8985 7): when the last segments of a flight are lost nothing comes behind them
 * that would tell. So after two round trips of silence something new goes, or the last segment again, and the
 * SACK of it shows what is missing, long before the retransmission timeout. */
#include "transport/tcp.h"

#define LEAST_WAIT (2 * VT_MSEC)

bool vt_tcp_tlp_wanted(const struct vt_tcb *tcb)
{
    const struct vt_loss *l = tcb->loss;
    /* 3 and 4 are the values of Linux's knob that mean the probe; what less meant is gone there, too. */
    return l != NULL && tcb->agreed.sack && (tcb->ca == VT_CA_OPEN || tcb->ca == VT_CA_CWR) && !l->tlp_out &&
           tcb->end.tcp->knobs.early_retrans >= 3;
}

vt_span vt_tcp_tlp_wait(const struct vt_tcb *tcb)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    if (tcb->srtt == 0)
        return k->rto_initial_ms * VT_MSEC;
    /* 7.2: one segment by itself may be acknowledged late. WCDelAckT is Linux's least timeout. */
    return 2 * tcb->srtt + (tcb->loss->sent.segs == 1 ? vt_tcp_rto_min(tcb) : LEAST_WAIT);
}

void vt_tcp_tlp_send(struct vt_tcb *tcb)
{
    struct vt_loss *l = tcb->loss;
    l->tlp_again = false;
    if (!vt_tcp_send_one_new(tcb)) {
        /* No new segment can go: the last one again. */
        uint32_t i = l->sent.n - 1;
        struct vt_sent *s = vt_sent_at(&l->sent, i);
        uint32_t last = (s->segs - 1) * s->size;
        if (s->segs > 1 && vt_sentq_split(&l->sent, vt_tcp_core(tcb), i, vt_seq_add(s->from, last)))
            i++;
        if (vt_tcp_retransmit(tcb, i, tcb->mss, false, VT_SEG_TLP) == 0)
            return;
        l->tlp_again = true;
    }
    l->tlp_out = true;
    l->tlp_end = tcb->snd_nxt;
}

/* The probe repaired a loss, which counts as one, though the recovery from it is over already. */
static void repaired(struct vt_tcb *tcb)
{
    vt_tcp_prr_begin(tcb);
    if (tcb->cc.ops->control == NULL)
        tcb->cc.cwnd = tcb->cc.ssthresh;
    tcb->ca = VT_CA_OPEN;
    vt_tcp_emit_cc(tcb, VT_DOC_RFC8985_7);
}

void vt_tcp_tlp_ack(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, const struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    if (!l->tlp_out || vt_seq_lt(seg->ack, l->tlp_end))
        return;
    /* 7.4.2: the ACK of its end may be the first copy's, only late. A D-SACK or a mere duplicate then tells
     * of the second. An ACK beyond it, and no such sign until then: the second was the one that arrived. */
    if (!l->tlp_again || info->dsack_tlp) {
        l->tlp_out = false;
    } else if (vt_seq_gt(seg->ack, l->tlp_end)) {
        l->tlp_out = false;
        if (tcb->ca < VT_CA_RECOVERY)
            repaired(tcb);
    } else if (info->dup && !info->sacked) {
        l->tlp_out = false;
    }
}

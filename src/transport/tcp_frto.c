/* After a timeout: F-RTO (RFC 5682, as Linux has it, with SACK or without) finds out whether anything had
 * been lost at all. The first segment goes again; when the next ACK moves SND.UNA, something new goes instead
 * of what else is taken to be lost, and the ACK after that tells: if it acknowledges, or SACKs, what was sent
 * once and before the timeout, that had only been late. It needs no timestamps. */
#include "transport/tcp.h"

/* The timeout was not called for. False: it was, as far as is known. */
static bool undo_timeout(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, bool by_frto)
{
    if (!by_frto && !vt_tcp_may_undo(tcb, seg))
        return false;
    vt_tcp_undo(tcb, true);
    tcb->retries = 0;
    tcb->loss->frto = VT_FRTO_OFF;
    /* RFC 6582 4.1: without SACK the duplicates of an ACK at `recover` may be echoes of what was sent again:
     * the state holds until something above it is acknowledged. */
    if (!tcb->agreed.sack && vt_seq_eq(tcb->snd_una, tcb->recover))
        return true;
    if (by_frto || tcb->agreed.sack)
        tcb->ca = VT_CA_OPEN;
    return true;
}

/* Something new may be sent now. */
static bool has_new(const struct vt_tcb *tcb)
{
    return tcb->sendq.bytes > vt_tcp_flight(tcb) && tcb->snd_wnd > vt_tcp_flight(tcb);
}

static void frto(struct vt_tcb *tcb, const struct vt_tcp_ack_info *info, bool recovered)
{
    struct vt_loss *l = tcb->loss;
    if (vt_seq_gt(tcb->snd_nxt, tcb->recover)) {
        /* Step 3.a: a duplicate in answer to something new: the losses are real. */
        if (info->sacked || info->dup)
            l->frto = VT_FRTO_OFF;
        else if (l->frto == VT_FRTO_NEW)
            l->frto = VT_FRTO_WAIT;
    } else if (info->advanced && !recovered) {
        tcb->recover = tcb->snd_nxt; /* step 2.b */
        l->frto = has_new(tcb) ? VT_FRTO_NEW : VT_FRTO_OFF;
    }
}

void vt_tcp_frto_ack(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    bool recovered = vt_seq_ge(tcb->snd_una, tcb->recover);
    if (info->advanced && undo_timeout(tcb, seg, false))
        return;
    if (l->frto != VT_FRTO_OFF) {
        if (info->original && undo_timeout(tcb, seg, true)) /* step 3.b */
            return;
        frto(tcb, info, recovered);
        if (l->frto == VT_FRTO_NEW)
            return;
    }
    if (!tcb->agreed.sack && !recovered) {
        /* A duplicate means that something new, sent in step 2.b, has arrived. */
        if (vt_seq_gt(tcb->snd_nxt, tcb->recover))
            vt_tcp_newreno_duplicate(tcb, info);
        else if (info->advanced)
            l->reno_sacked = 0;
    }
}

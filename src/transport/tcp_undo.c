/* Taking back a reduction that was not called for: the echo of a timestamp shows that what was sent first had
 * arrived (Eifel, RFC 3522, RFC 4015), or the peer has told by D-SACK of every second copy (RFC 3708). */
#include "transport/tcp.h"

/* The threshold that would do no harm now: three quarters of the window when it has grown beyond. */
static uint32_t current_ssthresh(const struct vt_tcb *tcb)
{
    uint32_t w = tcb->cc.cwnd / 2 + tcb->cc.cwnd / 4;
    return vt_tcp_reducing(tcb) || tcb->cc.ssthresh > w ? tcb->cc.ssthresh : w;
}

void vt_tcp_undo_begin(struct vt_tcb *tcb)
{
    struct vt_loss *l = tcb->loss;
    l->prior_ssthresh = current_ssthresh(tcb);
    l->prior_cwnd = tcb->cc.cwnd;
    l->undo = true;
    l->undo_from = tcb->snd_una;
    if (!vt_tcp_any_again(tcb))
        l->rexmt_ts_set = false;
    /* D-SACKs may come of second copies that are out already, the loss probe's among them. */
    l->undo_segs = (int32_t)l->sent.retrans_segs + (l->tlp_out && l->tlp_again);
    if (l->undo_segs == 0)
        l->undo_segs = -1;
}

bool vt_tcp_was_delayed(const struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    const struct vt_loss *l = tcb->loss;
    if (!l->rexmt_ts_set) /* nothing was sent again: what is acknowledged was only late */
        return true;
    return tcb->agreed.ts && seg->opts.ts_ok && seg->opts.tsecr != 0 &&
           (int32_t)(seg->opts.tsecr - l->rexmt_ts) < 0;
}

bool vt_tcp_may_undo(const struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    return tcb->loss->undo && (tcb->loss->undo_segs == 0 || vt_tcp_was_delayed(tcb, seg));
}

void vt_tcp_undo(struct vt_tcb *tcb, bool unmark)
{
    struct vt_loss *l = tcb->loss;
    for (uint32_t i = 0; unmark && i < l->sent.n; i++)
        vt_sentq_flag(&l->sent, vt_sent_at(&l->sent, i), 0, VT_SENT_LOST);
    if (l->prior_ssthresh != 0) {
        tcb->cc.cwnd = tcb->cc.cwnd > l->prior_cwnd ? tcb->cc.cwnd : l->prior_cwnd;
        if (tcb->cc.ssthresh < l->prior_ssthresh)
            tcb->cc.ssthresh = l->prior_ssthresh;
        if (tcb->cc.ops->undo != NULL)
            tcb->cc.ops->undo(&tcb->cc);
    }
    l->undo = false;
    l->rack_new = true; /* what is lost is to be looked at again */
    vt_tcp_emit_cc(tcb, VT_DOC_RFC4015);
}

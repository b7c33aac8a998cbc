/* Proportional rate reduction (RFC 6937, RFC 9937): in recovery, and while ECN has the window reduced, what
 * is sent follows what is delivered. */
#include "transport/tcp.h"

static void begin(struct vt_tcb *tcb, void (*cut)(struct vt_cc *, uint32_t, vt_time))
{
    struct vt_loss *l = tcb->loss;
    tcb->recover = tcb->snd_nxt;
    l->tlp_out = false;
    l->prior_cwnd = tcb->cc.cwnd;
    l->prr_delivered = l->prr_out = 0;
    cut(&tcb->cc, vt_tcp_flight(tcb), vt_tcp_core(tcb)->now);
    vt_tcp_ecn_reduced(tcb);
}

void vt_tcp_prr_begin(struct vt_tcb *tcb)
{
    begin(tcb, tcb->cc.ops->loss);
}

void vt_tcp_prr_end(struct vt_tcb *tcb)
{
    if (tcb->cc.ops->control != NULL)
        return;                                  /* the window is that controller's business */
    if (tcb->ca == VT_CA_CWR || tcb->loss->undo) /* unless it was taken back */
        tcb->cc.cwnd = tcb->cc.ssthresh;
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* `n` bytes as whole segments, which is how they leave. */
static uint64_t whole_segments(const struct vt_tcb *tcb, uint64_t n)
{
    return (n + tcb->mss - 1) / tcb->mss * tcb->mss;
}

void vt_tcp_prr(struct vt_tcb *tcb, const struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    uint32_t pipe = vt_tcp_pipe(tcb), ssthresh = tcb->cc.ssthresh;
    if (info->delivered == 0)
        return; /* nothing has left that something could be sent for */
    l->prr_delivered += info->delivered;
    int64_t send;
    if (pipe > ssthresh) { /* in proportion: from the window that was down to ssthresh in a round trip */
        uint64_t share = ((uint64_t)l->prr_delivered * ssthresh + l->prior_cwnd - 1) / l->prior_cwnd;
        send = (int64_t)whole_segments(tcb, share) - (int64_t)l->prr_out;
    } else { /* back up to ssthresh: what was delivered and, where all goes well, as in slow start (PRR-SSRB;
                RFC 9937: only on ACKs of something new that tell of no loss) */
        int64_t owed = (int64_t)l->prr_delivered - (int64_t)l->prr_out;
        send = owed > (int64_t)info->delivered ? owed : (int64_t)info->delivered;
        if (info->advanced && info->lost == 0)
            send += tcb->mss;
        send = send < (int64_t)(ssthresh - pipe) ? send : (int64_t)(ssthresh - pipe);
    }
    if (l->prr_out == 0 && send < (int64_t)tcb->mss)
        send = tcb->mss; /* the first retransmission goes at once */
    tcb->cc.cwnd = pipe + (send > 0 ? min_u32((uint32_t)send, UINT32_MAX - pipe) : 0);
}

void vt_tcp_enter_cwr(struct vt_tcb *tcb)
{
    if (tcb->ca >= VT_CA_CWR || !vt_tcp_loss_ready(tcb))
        return;
    tcb->loss->undo = false;
    tcb->loss->prior_ssthresh = 0;
    begin(tcb, tcb->cc.ops->marked != NULL ? tcb->cc.ops->marked : tcb->cc.ops->loss);
    tcb->ca = VT_CA_CWR;
    vt_tcp_emit_cc(tcb, VT_DOC_RFC5681_3_2);
}

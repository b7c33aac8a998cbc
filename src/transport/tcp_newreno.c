/* Peers without SACK: NewReno (RFC 6582). A duplicate ACK tells that one segment more has left the network,
 * not which; so a count stands for what SACKs would have told, as on Linux, and the first hole is the one at
 * SND.UNA. */
#include "transport/tcp.h"

/* Holes that there must be for duplicates to come, in segments. */
static uint32_t holes(const struct vt_loss *l)
{
    uint32_t lost = l->sent.lost_segs > 1 ? l->sent.lost_segs : 1;
    return lost < l->sent.segs ? lost : l->sent.segs;
}

/* More segments cannot have been delivered than are out beside the holes. When duplicates tell of more,
 * segments were duplicated or have overtaken each other: by as many as are out, and as this ACK took. */
static void limit(struct vt_tcb *tcb, uint32_t taken)
{
    struct vt_loss *l = tcb->loss;
    uint32_t most = l->sent.segs - holes(l);
    if (l->reno_sacked <= most)
        return;
    l->reno_sacked = most;
    uint32_t degree = l->sent.segs + taken, top = (uint32_t)tcb->end.tcp->knobs.max_reordering;
    degree = degree < top ? degree : top;
    tcb->reordering = (uint16_t)(degree > tcb->reordering ? degree : tcb->reordering);
    tcb->reord_seen++;
}

void vt_tcp_newreno_acked(struct vt_tcb *tcb, struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    /* One of them was the hole; the others the duplicates had told of. */
    uint32_t told = info->segs - 1 < l->reno_sacked ? info->segs - 1 : l->reno_sacked;
    uint32_t bytes = told * (uint32_t)tcb->mss;
    info->delivered -= bytes < info->delivered ? bytes : info->delivered - 1;
    l->reno_sacked -= told;
    limit(tcb, info->segs);
    if (info->again) /* nothing tells whether it was the first copy that arrived */
        info->original = false;
}

void vt_tcp_newreno_duplicate(struct vt_tcb *tcb, struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    if (!info->dup || l->sent.n == 0)
        return;
    /* V59: a flood of them stands for no more than was out when the first was missed. */
    uint32_t most = tcb->ca < VT_CA_RECOVERY ? tcb->reordering
                                             : (tcb->recover.v - tcb->snd_una.v + tcb->mss - 1) / tcb->mss;
    uint32_t had = l->reno_sacked;
    if (had >= most)
        return;
    l->reno_sacked++;
    limit(tcb, 0);
    if (l->reno_sacked > had)
        info->delivered += tcb->mss;
}

void vt_tcp_newreno_detect(struct vt_tcb *tcb, struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    bool enough = tcb->ca < VT_CA_RECOVERY && l->reno_sacked >= tcb->reordering;
    bool partial = tcb->ca == VT_CA_RECOVERY && info->advanced; /* RFC 6582 3.2: the next hole */
    if (l->sent.n == 0 || (!enough && !partial))
        return;
    struct vt_sent *s = vt_sent_at(&l->sent, 0);
    if ((s->flags & VT_SENT_LOST) != 0)
        return;
    if (s->segs > 1 && !vt_sentq_split(&l->sent, vt_tcp_core(tcb), 0, vt_seq_add(s->from, s->size)))
        return;
    vt_tcp_mark_lost(tcb, vt_sent_at(&l->sent, 0), info);
}

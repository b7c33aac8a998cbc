/* What is lost: RACK (RFC 8985 6). A segment counts as lost when one sent later, by a reordering window and
 * more, has been delivered; time decides, not the count of duplicates. The window is nothing while no
 * reordering has been seen and three segments' worth were SACKed (the old threshold), a quarter of the round
 * trip otherwise, and grows when D-SACKs show that it was too small. */
#include "transport/tcp.h"

#define DUP_THRESHOLD 3u
#define REO_PERSIST   16 /* RFC 8985 6.2.4: recoveries until the window is small again */
#define REO_MULT_MOST 255

/* RFC 8985 6.2 step 2: `a` was sent after `b`. */
static bool sent_after(vt_time at, struct vt_seq to, const struct vt_sent *s)
{
    return at > s->at || (at == s->at && vt_seq_gt(to, s->to));
}

void vt_tcp_rack_delivered(struct vt_tcb *tcb, const struct vt_sent *s, const struct vt_tcp_seg *seg,
                           struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    struct vt_core *core = vt_tcp_core(tcb);
    vt_span rtt = (vt_span)(core->now - s->at);
    bool again = (s->flags & VT_SENT_AGAIN) != 0;
    if (!again && vt_seq_lt(s->to, info->fack))
        tcb->flags |= VT_TCBF_REORDERING; /* step 3: something sent later came before it, by an earlier ACK */
    l->fack = vt_seq_max(l->fack, s->to);
    if (again) {
        /* Step 2: was it the first transmission that arrived? The echo tells; without it, a round trip too
         * short to be one. */
        if (tcb->agreed.ts && seg->opts.ts_ok) {
            uint32_t at_ms = (uint32_t)(s->at / (vt_time)VT_MSEC) + tcb->ts_offset;
            if ((int32_t)(seg->opts.tsecr - at_ms) < 0)
                return;
        } else if (rtt < tcb->min_rtt) {
            return;
        }
    } else if (info->rtt == 0 || rtt < info->rtt) {
        info->rtt = rtt > 0 ? rtt : 1;
    }
    if (sent_after(l->rack_at, l->rack_to, s))
        return;
    l->rack_rtt = rtt > 0 ? rtt : 1;
    l->rack_at = s->at;
    l->rack_to = s->to;
}

static vt_span reordering_window(const struct vt_tcb *tcb)
{
    const struct vt_loss *l = tcb->loss;
    if (!vt_tcb_is(tcb, VT_TCBF_REORDERING) &&
        (tcb->ca >= VT_CA_RECOVERY || l->sent.sacked >= DUP_THRESHOLD * (uint32_t)tcb->mss))
        return 0;
    vt_span w = tcb->min_rtt / 4 * (tcb->reo_mult != 0 ? tcb->reo_mult : 1);
    return w < tcb->srtt ? w : tcb->srtt;
}

void vt_tcp_mark_lost(struct vt_tcb *tcb, struct vt_sent *s, struct vt_tcp_ack_info *info)
{
    info->lost += vt_sent_len(s);
    vt_sentq_flag(&tcb->loss->sent, s, VT_SENT_LOST, VT_SENT_RETRANS);
}

void vt_tcp_rack_detect(struct vt_tcb *tcb, struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    vt_time now = vt_tcp_core(tcb)->now;
    l->reorder_at = 0;
    if (l->rack_at == 0 && l->rack_rtt == 0)
        return; /* nothing has been delivered yet */
    vt_span window = reordering_window(tcb);
    for (uint32_t i = 0; i < l->sent.n; i++) {
        struct vt_sent *s = vt_sent_at(&l->sent, i);
        if ((s->flags & VT_SENT_AGAIN) == 0 && !sent_after(l->rack_at, l->rack_to, s))
            break; /* all behind it were sent later still, or again and later */
        if ((s->flags & VT_SENT_SACKED) != 0 ||
            (s->flags & (VT_SENT_LOST | VT_SENT_RETRANS)) == VT_SENT_LOST ||
            !sent_after(l->rack_at, l->rack_to, s))
            continue;
        vt_span left = (vt_span)(s->at - now) + l->rack_rtt + window;
        if (left <= 0)
            vt_tcp_mark_lost(tcb, s, info);
        else if (vt_time_add(now, left) > l->reorder_at)
            l->reorder_at = vt_time_add(now, left);
    }
    if (info->dsack) { /* 6.2.4: what was sent again had not been lost */
        tcb->reo_mult = (uint8_t)(tcb->reo_mult < REO_MULT_MOST ? tcb->reo_mult + 1 : REO_MULT_MOST);
        tcb->reo_persist = REO_PERSIST;
    }
}

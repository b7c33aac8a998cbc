/* What is lost: RACK (RFC 8985 6). A segment counts as lost when one sent later, by a reordering window and
 * more, has been delivered; time decides, not the count of duplicates. The window is nothing while no
 * reordering has been seen and three segments were SACKed (the old threshold), a quarter of the round trip
 * otherwise, and grows when D-SACKs show that it was too small. */
#include "transport/tcp.h"

#define REO_PERSIST   16 /* RFC 8985 6.2.4: recoveries until the window is small again */
#define REO_MULT_MOST 255

/* Bits of the knob tcp_recovery. */
enum {
    RACK_STATIC_WINDOW = 2, /* D-SACKs do not widen the reordering window */
    RACK_NO_DUP_THRESH = 4, /* three SACKed segments are no sign by themselves */
};

/* RFC 8985 6.2 step 2: `a` was sent after `b`. */
static bool sent_after(vt_time at, struct vt_seq to, const struct vt_sent *s)
{
    return at > s->at || (at == s->at && vt_seq_gt(to, s->to));
}

/* Step 2: was it the first transmission that arrived? The echo tells; without it, a round trip too short to
 * be one. */
static bool may_be_the_first(const struct vt_tcb *tcb, const struct vt_sent *s, const struct vt_tcp_seg *seg,
                             vt_span rtt)
{
    if (!tcb->agreed.ts || !seg->opts.ts_ok)
        return rtt < tcb->min_rtt;
    uint32_t at_ms = (uint32_t)(s->at / (vt_time)VT_MSEC) + tcb->ts_offset;
    return (int32_t)(seg->opts.tsecr - at_ms) < 0;
}

/* What a record that was sent once tells: the round trip, and that something overtook it. */
static void take_first(struct vt_tcb *tcb, const struct vt_sent *s, struct vt_tcp_ack_info *info, vt_span rtt)
{
    if (info->rtt == 0 || rtt > info->rtt)
        info->rtt = rtt;
    if (info->newest_rtt == 0 || rtt < info->newest_rtt)
        info->newest_rtt = rtt;
    if (vt_seq_le(s->to, tcb->recover))
        info->original = true;
    if (vt_seq_lt(s->from, info->fack) && (!info->reordered || vt_seq_lt(s->from, info->reord))) {
        info->reordered = true; /* step 3: something sent later came before it, by an earlier ACK */
        info->reord = s->from;
    }
}

void vt_tcp_rack_delivered(struct vt_tcb *tcb, const struct vt_sent *s, const struct vt_tcp_seg *seg,
                           struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    vt_span rtt = (vt_span)(vt_tcp_core(tcb)->now - s->at);
    l->fack = vt_seq_max(l->fack, s->to);
    if ((s->flags & VT_SENT_AGAIN) == 0)
        take_first(tcb, s, info, rtt > 0 ? rtt : 1); /* 0 is no sample */
    else if (may_be_the_first(tcb, s, seg, rtt))
        return;
    l->rack_new = true;
    l->rack_rtt = rtt;
    if (sent_after(s->at, s->to, &(struct vt_sent){.at = l->rack_at, .to = l->rack_to})) {
        l->rack_at = s->at;
        l->rack_to = s->to;
    }
}

void vt_tcp_rack_reordering(struct vt_tcb *tcb, struct vt_tcp_ack_info *info)
{
    const struct vt_loss *l = tcb->loss;
    struct vt_seq fack = l->sent.sacked != 0 ? l->fack : tcb->snd_una;
    if (!info->reordered || vt_seq_ge(info->reord, fack))
        return;
    info->reordered = false;
    uint32_t segs = (fack.v - info->reord.v + tcb->mss - 1) / tcb->mss;
    uint32_t most = (uint32_t)tcb->end.tcp->knobs.max_reordering;
    segs = segs < most ? segs : most;
    if (segs > tcb->reordering)
        tcb->reordering = (uint16_t)segs;
    tcb->reord_seen++;
}

void vt_tcp_rack_window(struct vt_tcb *tcb, const struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    if (l->dsack_round_set && vt_seq_ge(tcb->snd_una, l->dsack_round))
        l->dsack_round_set = false;
    if ((tcb->end.tcp->knobs.recovery & RACK_STATIC_WINDOW) != 0)
        return;
    /* 6.2.4: what was sent again had not been lost; once a round trip. A second copy that was our probe says
     * nothing of reordering, nor does one on a path that has shown none. */
    if (info->dsack && !info->dsack_tlp && tcb->reord_seen != 0 && !l->dsack_round_set) {
        tcb->reo_mult = (uint8_t)(tcb->reo_mult < REO_MULT_MOST ? tcb->reo_mult + 1 : REO_MULT_MOST);
        tcb->reo_persist = REO_PERSIST;
        l->dsack_round = tcb->snd_nxt;
        l->dsack_round_set = true;
    } else if (tcb->reo_persist == 0) {
        tcb->reo_mult = 1;
    }
}

static vt_span reordering_window(const struct vt_tcb *tcb)
{
    const struct vt_loss *l = tcb->loss;
    bool by_count = l->sent.sacked_segs >= tcb->reordering &&
                    (tcb->end.tcp->knobs.recovery & RACK_NO_DUP_THRESH) == 0;
    if (tcb->reord_seen == 0 && (tcb->ca >= VT_CA_RECOVERY || by_count))
        return 0;
    vt_span w = tcb->min_rtt / 4 * (tcb->reo_mult != 0 ? tcb->reo_mult : 1);
    return w < tcb->srtt ? w : tcb->srtt;
}

void vt_tcp_mark_lost(struct vt_tcb *tcb, struct vt_sent *s, struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    if ((s->flags & VT_SENT_SACKED) != 0 || (s->flags & (VT_SENT_LOST | VT_SENT_RETRANS)) == VT_SENT_LOST)
        return;
    info->lost += vt_sent_len(s);
    if ((s->flags & (VT_SENT_LOST | VT_SENT_RETRANS)) == (VT_SENT_LOST | VT_SENT_RETRANS))
        info->lost_again = true;
    l->lost_from = vt_seq_min(l->lost_from, s->from);
    vt_sentq_flag(&l->sent, s, VT_SENT_LOST, VT_SENT_RETRANS);
}

void vt_tcp_rack_detect(struct vt_tcb *tcb, struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    vt_time now = vt_tcp_core(tcb)->now;
    l->rack_new = false;
    l->reorder_at = 0;
    vt_span window = reordering_window(tcb);
    for (uint32_t i = 0; i < l->sent.n; i++) {
        struct vt_sent *s = vt_sent_at(&l->sent, i);
        if ((s->flags & VT_SENT_AGAIN) == 0 && !sent_after(l->rack_at, l->rack_to, s))
            break; /* all behind it were sent later still, or again and later */
        if ((s->flags & VT_SENT_SACKED) != 0 ||
            (s->flags & (VT_SENT_LOST | VT_SENT_RETRANS)) == VT_SENT_LOST ||
            !sent_after(l->rack_at, l->rack_to, s))
            continue;
        if ((s->flags & VT_SENT_AGAIN) != 0 && s->at == now)
            continue; /* gone at this very instant: nothing that was sent after it can be here */
        vt_span left = (vt_span)(s->at - now) + l->rack_rtt + window;
        if (left <= 0)
            vt_tcp_mark_lost(tcb, s, info);
        else if (vt_time_add(now, left) > l->reorder_at)
            l->reorder_at = vt_time_add(now, left);
    }
}

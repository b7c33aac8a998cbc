/* What an ACK does: RFC 9293 3.10.7.4, fifth, with RFC 5961 5. */
#include "transport/tcp.h"

/* SYN-RECEIVED of a control block (an active open that met another): the ACK of our SYN. */
static bool syn_rcvd_ack(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    if (!vt_seq_gt(seg->ack, tcb->iss) || !vt_seq_le(seg->ack, tcb->snd_nxt)) {
        vt_tcp_reply_rst(tcb->end.tcp, seg, tcb->end.conn);
        vt_tcp_drop_seg(&tcb->end, seg, VT_DROP_TCP_ACK_BAD);
        return false;
    }
    tcb->snd_una = vt_seq_add(tcb->iss, 1);
    tcb->snd_wnd = seg->wnd;
    if (seg->wnd > tcb->max_wnd) /* RFC 5961 5.2: the largest of all, the SYN's too */
        tcb->max_wnd = seg->wnd;
    tcb->snd_wl1 = seg->seq;
    tcb->snd_wl2 = seg->ack;
    vt_tcp_set_state(&tcb->end, VT_TCP_ESTABLISHED, VT_DOC_RFC9293_3_10_7_4);
    vt_tcp_timer_clear(tcb, VT_SLOT_REXMT);
    if (tcb->retries == 0)
        vt_tcp_rtt_sample(tcb, (vt_span)(vt_tcp_core(tcb)->now - tcb->syn_at));
    tcb->retries = 0;
    tcb->backoff = 0;
    if ((tcb->open & VT_OPEN_FO_DATA) != 0 && vt_seq_eq(seg->ack, tcb->snd_una))
        vt_tcp_fo_resend(tcb); /* a simultaneous opening: of the SYN's text nothing was taken */
    vt_tcp_fo_free(tcb);
    if (vt_tcb_is(tcb, VT_TCBF_FIN_QUEUED))
        vt_tcp_set_state(&tcb->end, VT_TCP_FIN_WAIT1, VT_DOC_RFC9293_3_6);
    vt_tcp_wake(tcb, VT_POLLOUT);
    return true;
}

/* RFC 9293 3.10.7.4: a window from an older segment must not undo a newer one's. */
void vt_tcp_update_window(struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    if (vt_seq_lt(seg->ack, tcb->snd_una))
        return;
    /* As on Linux, an ACK that is newer tells the newer window whatever its number: text that came ahead of a
     * hole has moved SND.WL1 beyond the segments that fill it. */
    if (!vt_seq_gt(seg->ack, tcb->snd_wl2) && !vt_seq_lt(tcb->snd_wl1, seg->seq) &&
        !(vt_seq_eq(tcb->snd_wl1, seg->seq) && vt_seq_eq(tcb->snd_wl2, seg->ack)))
        return;
    tcb->snd_wnd = seg->wnd;
    tcb->snd_wl1 = seg->seq;
    tcb->snd_wl2 = seg->ack;
    if (seg->wnd > tcb->max_wnd)
        tcb->max_wnd = seg->wnd;
}

/* Bytes of data among the numbers that an ACK covers: the FIN is none. */
static uint32_t data_acked(const struct vt_tcb *tcb, struct vt_seq ack)
{
    uint32_t n = ack.v - tcb->snd_una.v;
    return n < tcb->sendq.bytes ? n : tcb->sendq.bytes;
}

/* Takes the records off that are acknowledged. */
static void clean_records(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    vt_span sacked_rtt = info->rtt, sacked_newest = info->newest_rtt;
    uint32_t segs = l != NULL ? l->sent.segs : 0;
    while (l != NULL && l->sent.n != 0) {
        struct vt_sent *s = vt_sent_at(&l->sent, 0);
        if (vt_seq_ge(s->from, seg->ack))
            break;
        struct vt_sent part = *s;
        part.to = vt_seq_min(s->to, seg->ack);
        info->again = info->again || (part.flags & VT_SENT_AGAIN) != 0;
        if ((part.flags & VT_SENT_SACKED) == 0) {
            info->delivered += vt_sent_len(&part);
            vt_tcp_rack_delivered(tcb, &part, seg, info);
            vt_tcp_rate_delivered(tcb, &part, info);
        }
        vt_sentq_cut(&l->sent, part.to);
    }
    if (l == NULL)
        return;
    info->segs = segs - l->sent.segs;
    info->reneged = l->sent.n != 0 && (vt_sent_at(&l->sent, 0)->flags & VT_SENT_SACKED) != 0;
    l->fack = vt_seq_max(l->fack, seg->ack);
    l->lost_from = vt_seq_max(l->lost_from, seg->ack);
    if (l->undo && seg->ack.v - l->undo_from.v > UINT32_C(1) << 30) /* too old a story; and V66 */
        l->undo = false;
    if (info->again) { /* what waited for a retransmission measures that, not the path */
        info->rtt = sacked_rtt;
        info->newest_rtt = sacked_newest;
    }
}

/* A round trip that this ACK measures: of a segment sent once (Karn, MUST-18), or by the echo of its
 * timestamp (RFC 7323 4.1). */
static void take_rtt(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, struct vt_tcp_ack_info *info)
{
    struct vt_core *core = vt_tcp_core(tcb);
    if (info->rtt == 0 && info->advanced && tcb->agreed.ts && seg->opts.ts_ok && seg->opts.tsecr != 0) {
        /* An echo older than the last retransmission says only that ACKs were lost: no measure of the path.
         */
        uint32_t ms = vt_tcp_ts_now(core, tcb->ts_offset) - seg->opts.tsecr;
        if (tcb->loss == NULL || !tcb->loss->rexmt_ts_set ||
            (int32_t)(seg->opts.tsecr - tcb->loss->last_rexmt_ts) >= 0)
            info->rtt = info->newest_rtt = (ms != 0 ? ms : 1) * VT_MSEC;
        tcb->backoff = 0;
    }
    if (info->rtt != 0)
        vt_tcp_rtt_sample(tcb, info->rtt);
    if (info->newest_rtt != 0 && info->newest_rtt < tcb->min_rtt)
        tcb->min_rtt = info->newest_rtt;
}

/* SND.UNA moves to the ACK: what is before it is let go of. */
static void advance(struct vt_tcb *tcb, struct vt_tcp_seg *seg, struct vt_tcp_ack_info *info)
{
    struct vt_seq fin = vt_seq_add(tcb->snd_una, tcb->sendq.bytes);
    info->advanced = true;
    info->acked = data_acked(tcb, seg->ack);
    clean_records(tcb, seg, info);
    vt_sendq_ack(&tcb->sendq, vt_tcp_core(tcb), info->acked);
    tcb->bytes_acked += info->acked;
    tcb->snd_una = seg->ack;
    if (tcb->notices != NULL)
        vt_tcp_notices_acked(tcb);
    tcb->snd_small = vt_seq_max(tcb->snd_small, seg->ack);
    if (vt_tcb_is(tcb, VT_TCBF_URG_OUT) && vt_seq_ge(seg->ack, tcb->snd_up))
        tcb->flags &= ~(uint32_t)VT_TCBF_URG_OUT;
    vt_tcp_chrono_rto_over(tcb);
    tcb->retries = 0;
    tcb->first_rexmt = 0;
    vt_tcp_pmtu_acked(tcb);
    vt_tcp_timer_clear(tcb, VT_SLOT_REXMT); /* RFC 6298 5.2, 5.3: stopped, or started anew by the output */
    if (vt_tcb_is(tcb, VT_TCBF_FIN_SENT) && vt_seq_gt(seg->ack, fin))
        vt_tcp_fin_acked(tcb);
}

/* RFC 5681 2: an ACK that repeats the last one, and says nothing new. */
static bool is_duplicate(const struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    return vt_seq_eq(seg->ack, tcb->snd_una) && seg->len == 0 && (seg->flags & (VT_SYN | VT_FIN)) == 0 &&
           seg->wnd == tcb->snd_wnd;
}

/* Linux's rule for the retransmission timer beside RFC 6298 5.3: a SACK of something sent after the first
 * byte that is missing was (last) sent must not put it off, one of something sent before does. */
static bool sack_restarts_timer(const struct vt_tcb *tcb, const struct vt_tcp_ack_info *info)
{
    const struct vt_sentq *q = &tcb->loss->sent;
    return info->sacked && info->rtt != 0 && q->n != 0 &&
           (vt_time)info->rtt > vt_tcp_core(tcb)->now - vt_sent_at(q, 0)->at;
}

/* Segments that are out and have not been heard of. */
static uint32_t unheard(const struct vt_tcb *tcb)
{
    const struct vt_loss *l = tcb->loss;
    return l == NULL ? 0 : l->sent.segs - l->sent.sacked_segs - l->reno_sacked;
}

static void count_ack(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    struct vt_tcp_ack_info info = {.una = tcb->snd_una, .fack = tcb->snd_una, .dup = is_duplicate(tcb, seg)};
    bool out = tcb->loss != NULL && tcb->loss->sent.n != 0;
    uint32_t pipe = vt_tcp_pipe(tcb), before = unheard(tcb);
    if (tcb->loss != NULL && tcb->loss->sent.sacked != 0)
        info.fack = tcb->loss->fack;
    if (tcb->acc != NULL)
        vt_tcp_accecn_hear(tcb, seg);
    vt_tcp_sack_take(tcb, seg, &info);
    if (vt_seq_gt(seg->ack, tcb->snd_una))
        advance(tcb, seg, &info);
    if (tcb->end.state == VT_TCP_CLOSED || tcb->end.state == VT_TCP_TIME_WAIT || tcb->loss == NULL)
        return; /* the ACK of our FIN was the end, or nothing was out */
    info.dup = info.dup && !info.dsack;
    if (tcb->agreed.sack)
        vt_tcp_rack_reordering(tcb, &info);
    else if (info.segs != 0)
        vt_tcp_newreno_acked(tcb, &info);
    take_rtt(tcb, seg, &info);
    if (tcb->backoff != 0 && info.advanced && !info.again)
        tcb->backoff = 0;
    vt_tcp_rack_window(tcb, &info);
    vt_tcp_tlp_ack(tcb, seg, &info);
    if (!info.advanced && sack_restarts_timer(tcb, &info))
        vt_tcp_timer_clear(tcb, VT_SLOT_REXMT);
    bool marked = vt_tcp_ecn_ack(tcb, seg, &info);
    bool tells = marked || info.dup || info.sacked || info.dsack || tcb->ca != VT_CA_OPEN;
    if (out ? tells : info.dsack)
        vt_tcp_loss_ack(tcb, seg, &info);
    else if (tcb->ca == VT_CA_OPEN)
        tcb->loss->rexmt_ts_set = false;
    if (marked && tcb->loss != NULL)
        vt_tcp_ecn_congested(tcb);
    tcb->delivered += info.delivered;
    uint32_t after = unheard(tcb);
    tcb->delivered_segs += before > after ? before - after : 0;
    vt_tcp_cc_ack(tcb, &info, pipe);
    if (info.advanced && tcb->loss->sent.n == 0)
        vt_tcp_loss_idle(tcb);
}

/* RFC 7323 4.3: the timestamp that lies at the left edge is the one to echo. As on Linux, that of a segment
 * whose ACK is bad is not: a forger should have to guess both numbers. */
static void take_timestamp(struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    if (!tcb->agreed.ts || !seg->opts.ts_ok || vt_seq_gt(seg->seq, tcb->last_ack) ||
        (int32_t)(seg->opts.tsval - tcb->ts_recent) < 0)
        return;
    tcb->ts_recent = seg->opts.tsval;
    tcb->ts_recent_at = vt_tcp_core(tcb)->now;
}

bool vt_tcp_step_ack(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    if ((seg->flags & VT_ACK) == 0) {
        vt_tcp_drop_seg(&tcb->end, seg, VT_DROP_TCP_NO_ACK);
        return false;
    }
    if (tcb->end.state == VT_TCP_SYN_RCVD && !syn_rcvd_ack(tcb, seg))
        return false;
    /* RFC 5961 5.2: SND.UNA - MAX.SND.WND <= SEG.ACK <= SND.NXT */
    if (vt_seq_gt(seg->ack, tcb->snd_nxt) || vt_seq_lt(seg->ack, vt_seq_sub(tcb->snd_una, tcb->max_wnd))) {
        vt_tcp_challenge(tcb);
        vt_tcp_drop_seg(&tcb->end, seg, VT_DROP_TCP_ACK_BAD);
        return false;
    }
    take_timestamp(tcb, seg);
    tcb->last_ack_rcvd = vt_tcp_core(tcb)->now;
    tcb->soft_error = 0; /* the path works after all */
    count_ack(tcb, seg);
    vt_tcp_update_window(tcb, seg);
    vt_tcp_persist_ack(tcb);
    return true;
}

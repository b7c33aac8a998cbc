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
    if (!vt_seq_lt(tcb->snd_wl1, seg->seq) &&
        !(vt_seq_eq(tcb->snd_wl1, seg->seq) && vt_seq_le(tcb->snd_wl2, seg->ack)))
        return;
    bool was_shut = tcb->snd_wnd == 0;
    tcb->snd_wnd = seg->wnd;
    tcb->snd_wl1 = seg->seq;
    tcb->snd_wl2 = seg->ack;
    if (seg->wnd > tcb->max_wnd)
        tcb->max_wnd = seg->wnd;
    if (was_shut && seg->wnd != 0 && tcb->rexmt == VT_REXMT_PERSIST) {
        tcb->backoff = 0;
        vt_tcp_timer_clear(tcb, VT_SLOT_REXMT);
    }
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
    vt_span sacked_rtt = info->rtt;
    info->clean = true;
    while (l != NULL && l->sent.n != 0) {
        struct vt_sent *s = vt_sent_at(&l->sent, 0);
        if (vt_seq_ge(s->from, seg->ack))
            break;
        struct vt_sent part = *s;
        part.to = vt_seq_min(s->to, seg->ack);
        info->clean = info->clean && (part.flags & VT_SENT_AGAIN) == 0;
        if ((part.flags & VT_SENT_SACKED) == 0) {
            info->delivered += vt_sent_len(&part);
            vt_tcp_rack_delivered(tcb, &part, seg, info);
        }
        vt_sentq_cut(&l->sent, part.to);
    }
    if (!info->clean) /* what waited for a retransmission measures that, not the path */
        info->rtt = sacked_rtt;
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
            info->rtt = (ms != 0 ? ms : 1) * VT_MSEC;
        tcb->backoff = 0;
    }
    if (info->rtt != 0)
        vt_tcp_rtt_sample(tcb, info->rtt);
}

static void grow_window(struct vt_tcb *tcb, const struct vt_tcp_ack_info *info)
{
    if (tcb->ca == VT_CA_RECOVERY || tcb->ca == VT_CA_CWR || info->acked == 0)
        return;
    /* What was SACKed before counted for nothing then, and is no part of what this ACK lets grow: as Linux.
     */
    struct vt_cc_ack a = {.acked = info->delivered,
                          .cwnd_limited = vt_tcp_cwnd_limited(tcb),
                          .rtt = info->rtt,
                          .srtt = tcb->srtt,
                          .min_rtt = tcb->min_rtt,
                          .una = tcb->snd_una,
                          .nxt = tcb->snd_nxt,
                          .now = vt_tcp_core(tcb)->now};
    tcb->cc.ops->ack(&tcb->cc, &a);
}

/* SND.UNA moves to the ACK: what is before it is let go of. */
static void advance(struct vt_tcb *tcb, struct vt_tcp_seg *seg, struct vt_tcp_ack_info *info)
{
    struct vt_seq fin = vt_seq_add(tcb->snd_una, tcb->sendq.bytes);
    /* A program may have found the queue full by send, or by poll; and the limit may rise later than the
     * queue falls. */
    if ((vt_tcp_poll(tcb) & VT_POLLOUT) == 0)
        tcb->flags |= VT_TCBF_SEND_BLOCKED;
    info->advanced = true;
    info->acked = data_acked(tcb, seg->ack);
    clean_records(tcb, seg, info);
    vt_sendq_ack(&tcb->sendq, vt_tcp_core(tcb), info->acked);
    tcb->bytes_acked += info->acked;
    tcb->snd_una = seg->ack;
    tcb->snd_small = vt_seq_max(tcb->snd_small, seg->ack);
    if (tcb->ca < VT_CA_RECOVERY) /* it must not stay behind by 2^31 (V66) */
        tcb->recover = vt_seq_max(tcb->recover, vt_seq_sub(seg->ack, 1));
    if (vt_tcb_is(tcb, VT_TCBF_URG_OUT) && vt_seq_ge(seg->ack, tcb->snd_up))
        tcb->flags &= ~(uint32_t)VT_TCBF_URG_OUT;
    tcb->retries = 0;
    tcb->first_rexmt = 0;
    vt_tcp_timer_clear(tcb, VT_SLOT_REXMT); /* RFC 6298 5.2, 5.3: stopped, or started anew by the output */
    if (vt_tcb_is(tcb, VT_TCBF_FIN_SENT) && vt_seq_gt(seg->ack, fin))
        vt_tcp_fin_acked(tcb);
    if (vt_tcb_is(tcb, VT_TCBF_SEND_BLOCKED) && (vt_tcp_poll(tcb) & VT_POLLOUT) != 0) {
        tcb->flags &= ~(uint32_t)VT_TCBF_SEND_BLOCKED;
        vt_tcp_wake(tcb, VT_POLLOUT);
    }
}

/* RFC 5681 2: an ACK that repeats the last one while data are out, and says nothing new. */
static bool is_duplicate(const struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    return vt_seq_eq(seg->ack, tcb->snd_una) && seg->len == 0 && (seg->flags & (VT_SYN | VT_FIN)) == 0 &&
           seg->wnd == tcb->snd_wnd && vt_seq_gt(tcb->snd_nxt, tcb->snd_una);
}

/* A peer without SACK: each duplicate tells that a segment has left (RFC 5681 3.2), but no more of them than
 * can have been out when the first was missed: V59. What it told is not told again by the ACK that follows.
 */
static void count_duplicate(struct vt_tcb *tcb, bool dup, struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    uint32_t told = l->dup_acks * (uint32_t)tcb->mss;
    uint32_t most = tcb->ca < VT_CA_RECOVERY ? 3 * (uint32_t)tcb->mss : tcb->recover.v - tcb->snd_una.v;
    if (info->advanced) {
        uint32_t most_told = info->delivered > tcb->mss ? info->delivered - tcb->mss
                                                        : 0; /* the hole is new */
        info->delivered -= told < most_told ? told : most_told;
    } else if (dup && told < most) {
        l->dup_acks++;
        info->delivered = tcb->mss;
    }
}

static void count_ack(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    struct vt_tcp_ack_info info = {0};
    bool dup = is_duplicate(tcb, seg);
    info.fack = tcb->loss != NULL ? tcb->loss->fack : tcb->snd_una;
    vt_tcp_sack_take(tcb, seg, &info);
    if (vt_seq_gt(seg->ack, tcb->snd_una))
        advance(tcb, seg, &info);
    vt_tcp_tlp_ack(tcb, seg, &info);
    if (tcb->loss == NULL)
        return;
    if (!tcb->agreed.sack)
        count_duplicate(tcb, dup, &info);
    tcb->delivered += info.delivered;
    take_rtt(tcb, seg, &info);
    if (tcb->backoff != 0 && info.advanced && info.clean)
        tcb->backoff = 0;
    if (tcb->end.state == VT_TCP_CLOSED || tcb->end.state == VT_TCP_TIME_WAIT)
        return; /* the ACK of our FIN was the end */
    grow_window(tcb, &info);
    if (info.advanced || info.delivered != 0 || dup || info.dsack)
        vt_tcp_loss_ack(tcb, seg, &info);
    if (tcb->loss->sent.n == 0 && tcb->ca == VT_CA_OPEN)
        vt_tcp_loss_free(tcb);
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
    tcb->last_ack_rcvd = vt_tcp_core(tcb)->now;
    tcb->soft_error = 0; /* the path works after all */
    count_ack(tcb, seg);
    vt_tcp_update_window(tcb, seg);
    return true;
}

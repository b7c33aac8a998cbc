/* What an ACK does: RFC 9293 3.10.7.4, fifth, with RFC 5961 5. */
#include "transport/tcp.h"

/* SYN-RECEIVED of a control block (an active open that met another): the ACK of our SYN. */
static bool syn_rcvd_ack(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    if (!vt_seq_gt(seg->ack, tcb->snd_una) || !vt_seq_le(seg->ack, tcb->snd_nxt)) {
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
    tcb->retries = 0;
    tcb->flags &= ~(uint32_t)VT_TCBF_CONNECTING;
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
    if (was_shut && seg->wnd != 0 && vt_tcb_is(tcb, VT_TCBF_PROBING)) {
        tcb->backoff = 0;
        vt_tcp_timer_clear(tcb, VT_SLOT_REXMT);
    }
}

static void take_rtt(struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    vt_time now = vt_tcp_core(tcb)->now;
    if (vt_tcb_is(tcb, VT_TCBF_RTT_TIMED) && vt_seq_ge(seg->ack, tcb->rtt_seq)) {
        tcb->flags &= ~(uint32_t)VT_TCBF_RTT_TIMED;
        vt_tcp_rtt_sample(tcb, (vt_span)(now - tcb->rtt_at));
    } else if (tcb->agreed.ts && seg->opts.ts_ok && seg->opts.tsecr != 0 && tcb->first_rexmt != 0) {
        /* RFC 7323 4.1: the echo tells which transmission this answers, so that Karn's doubt does not arise.
         * One older than the last retransmission says only that ACKs were lost: no measure of the path. */
        uint32_t ms = vt_tcp_ts_now(vt_tcp_core(tcb), tcb->ts_offset) - seg->opts.tsecr;
        if (ms <= (now - tcb->last_rexmt) / (vt_time)VT_MSEC + 1)
            vt_tcp_rtt_sample(tcb, ms * VT_MSEC);
        tcb->backoff = 0;
    }
}

/* Bytes of data among the numbers that an ACK covers: the FIN is none. */
static uint32_t data_acked(const struct vt_tcb *tcb, struct vt_seq ack)
{
    uint32_t n = ack.v - tcb->snd_una.v;
    return n < tcb->sendq.bytes ? n : tcb->sendq.bytes;
}

static void new_data(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    uint32_t flight = vt_tcp_flight(tcb);
    uint32_t bytes = data_acked(tcb, seg->ack);
    struct vt_seq fin = vt_seq_add(tcb->snd_una, tcb->sendq.bytes);
    take_rtt(tcb, seg);
    vt_sendq_ack(&tcb->sendq, vt_tcp_core(tcb), bytes);
    tcb->bytes_acked += bytes;
    tcb->snd_una = seg->ack;
    tcb->snd_nxt = vt_seq_max(tcb->snd_nxt, seg->ack);
    tcb->snd_small = vt_seq_max(tcb->snd_small, seg->ack);
    if (vt_tcb_is(tcb, VT_TCBF_URG_OUT) && vt_seq_ge(seg->ack, tcb->snd_up))
        tcb->flags &= ~(uint32_t)VT_TCBF_URG_OUT;
    tcb->retries = 0;
    tcb->first_rexmt = 0;
    if (tcb->backoff != 0 && !vt_tcb_is(tcb, VT_TCBF_RTO_RECOVERY))
        tcb->backoff = 0;
    if (!vt_tcb_is(tcb, VT_TCBF_RECOVERY))
        tcb->cc.ops->ack(&tcb->cc, bytes, flight, vt_tcp_core(tcb)->now);
    vt_tcp_new_ack(tcb, bytes);
    vt_tcp_timer_clear(tcb, VT_SLOT_REXMT); /* RFC 6298 5.2, 5.3: stopped, or started anew by the output */
    if (vt_tcb_is(tcb, VT_TCBF_FIN_SENT) && vt_seq_gt(seg->ack, fin))
        vt_tcp_fin_acked(tcb);
    if (vt_tcb_is(tcb, VT_TCBF_SEND_BLOCKED) && (vt_tcp_poll(tcb) & VT_POLLOUT) != 0) {
        tcb->flags &= ~(uint32_t)VT_TCBF_SEND_BLOCKED;
        vt_tcp_wake(tcb, VT_POLLOUT);
    }
}

/* RFC 5681 2: an ACK that repeats the last one while data are out, and says nothing new; or, RFC 6675 2, one
 * that tells of bytes beyond a hole, whatever its window. */
static bool is_duplicate(const struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    return vt_seq_eq(seg->ack, tcb->snd_una) && seg->len == 0 && (seg->flags & (VT_SYN | VT_FIN)) == 0 &&
           (seg->wnd == tcb->snd_wnd || (tcb->agreed.sack && seg->opts.nsacks != 0)) &&
           vt_seq_gt(tcb->snd_max, tcb->snd_una);
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
    if (vt_seq_gt(seg->ack, tcb->snd_max) || vt_seq_lt(seg->ack, vt_seq_sub(tcb->snd_una, tcb->max_wnd))) {
        vt_tcp_challenge(tcb);
        vt_tcp_drop_seg(&tcb->end, seg, VT_DROP_TCP_ACK_BAD);
        return false;
    }
    tcb->last_ack_rcvd = vt_tcp_core(tcb)->now;
    if (vt_seq_gt(seg->ack, tcb->snd_una)) {
        vt_tcp_update_window(tcb, seg);
        new_data(tcb, seg);
    } else {
        if (is_duplicate(tcb, seg))
            vt_tcp_dup_ack(tcb);
        vt_tcp_update_window(tcb, seg);
    }
    return true;
}

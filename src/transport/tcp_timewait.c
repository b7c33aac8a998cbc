/* TIME-WAIT: a small entry keeps the name of a closed connection for 2 MSL, so that a lost last ACK can be
 * given again and old segments die out before the name is used anew (RFC 9293 3.6.1; S14). */
#include "transport/tcp.h"

#define ACK_EVERY (500 * VT_MSEC)

static void tw_unlink(struct vt_tcp_timewait *tw)
{
    struct vt_tcp *tcp = tw->end.tcp;
    if (tw->prev != NULL)
        tw->prev->next = tw->next;
    else
        tcp->tw_first = tw->next;
    if (tw->next != NULL)
        tw->next->prev = tw->prev;
    else
        tcp->tw_last = tw->prev;
    tcp->tw_count--;
}

void vt_tcp_timewait_free(struct vt_tcp_timewait *tw)
{
    struct vt_tcp *tcp = tw->end.tcp;
    vt_tcp_set_state(&tw->end, VT_TCP_CLOSED, VT_DOC_RFC9293_3_6_1);
    vt_core_disarm(tcp->core, &tw->timer);
    vt_tcp_table_remove(&tw->end);
    vt_tcp_port_drop(&tw->end);
    tw_unlink(tw);
    vt_tcp_auth_free(tcp, tw->auth);
    vt_free(tcp->core, tw, sizeof(*tw));
}

static void tw_timer(struct vt_timer *t, vt_time now)
{
    (void)now;
    struct vt_tcp_timewait *tw = (struct vt_tcp_timewait *)(void *)((uint8_t *)t -
                                                                    offsetof(struct vt_tcp_timewait, timer));
    vt_core_enter_timer(tw->end.tcp->core, t);
    vt_tcp_emit_timer(&tw->end, VT_TCP_TIMER_TIME_WAIT, 1);
    vt_tcp_timewait_free(tw);
}

static void tw_start(struct vt_tcp_timewait *tw)
{
    struct vt_core *core = tw->end.tcp->core;
    vt_core_arm(core, &tw->timer, vt_time_add(core->now, 2 * tw->end.tcp->knobs.msl * VT_SEC)); /* MUST-13 */
}

void vt_tcp_enter_timewait(struct vt_tcb *tcb)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    struct vt_core *core = tcp->core;
    vt_tcp_set_state(&tcb->end, VT_TCP_TIME_WAIT, VT_DOC_RFC9293_3_6);
    if (tcp->tw_count >= tcp->knobs.max_tw_buckets && tcp->tw_first != NULL)
        vt_tcp_timewait_free(tcp->tw_first); /* V65: the oldest gives way */
    struct vt_tcp_timewait *tw = tcp->knobs.max_tw_buckets != 0 ? vt_alloc(core, sizeof(*tw)) : NULL;
    if (vt_tcb_is(tcb, VT_TCBF_ACK_NOW)) /* the last of the four */
        vt_tcp_send_ack(tcb, VT_SEG_ACK);
    if (tw == NULL) {
        vt_tcp_done(tcb, 0, VT_DOC_RFC9293_3_6_1);
        return;
    }
    tw->end = tcb->end;
    tw->end.kind = VT_TCP_KIND_TIMEWAIT;
    tw->snd_nxt = tcb->snd_nxt;
    tw->rcv_nxt = tcb->rcv_nxt;
    tw->rcv_wnd = vt_tcp_rcv_wnd(tcb);
    tw->rcv_scale = tcb->agreed.rcv_scale;
    tw->ts = tcb->agreed.ts;
    tw->ts_recent = tcb->ts_recent;
    tw->ts_recent_at = tcb->ts_recent_at;
    tw->ts_offset = tcb->ts_offset;
    tw->auth = tcb->auth;
    tcb->auth = NULL;
    tw->timer.fn = tw_timer;
    tw->prev = tcp->tw_last;
    if (tcp->tw_last != NULL)
        tcp->tw_last->next = tw;
    else
        tcp->tw_first = tw;
    tcp->tw_last = tw;
    tcp->tw_count++;
    if (tcb->end.port == NULL) { /* bound, then connected: the port is still this connection's */
        struct vt_tcp_portref *ref = vt_tcp_port_get(tcp, tcb->end.local.port, false);
        if (ref != NULL)
            vt_tcp_port_hold(&tw->end, ref);
    }
    tcb->end.port = NULL;
    vt_tcp_table_replace(&tcb->end, &tw->end);
    vt_tcp_timer_clear_all(tcb);
    vt_sendq_clear(&tcb->sendq, core);
    vt_tcp_loss_free(tcb);
    vt_tcp_pmtu_end(tcb);
    vt_tcp_ooo_clear(tcb);
    tw_start(tw);
    /* The program may still read what has come; the connection itself is the entry's affair now. */
    if (vt_tcb_is(tcb, VT_TCBF_ORPHAN))
        vt_tcb_release(tcb);
}

static void tw_ack(struct vt_tcp_timewait *tw, enum vt_seg_why why)
{
    struct vt_core *core = tw->end.tcp->core;
    struct vt_tcp_opts o = {
        .ts_ok = tw->ts, .tsval = vt_tcp_ts_now(core, tw->ts_offset), .tsecr = tw->ts_recent};
    vt_tcp_reply_ack(&tw->end, tw->snd_nxt, tw->rcv_nxt, (uint16_t)(tw->rcv_wnd >> tw->rcv_scale), &o, why);
    tw->ack_sent = core->now;
}

/* RFC 6191 and RFC 9293 MAY-2: a SYN that is provably newer may take the name over, at a listener. */
static bool reopen(struct vt_tcp_timewait *tw, struct vt_tcp_seg *seg)
{
    struct vt_tcp *tcp = tw->end.tcp;
    int32_t later = tw->ts && seg->opts.ts_ok ? (int32_t)(seg->opts.tsval - tw->ts_recent) : 0;
    /* RFC 6191 2: the timestamp decides; where it is the same, or there is none, the number does. */
    bool newer = later > 0 || (later == 0 && vt_seq_gt(seg->seq, tw->rcv_nxt));
    struct vt_tcp_listener *l = vt_tcp_find_listener(tcp, &seg->dst, &seg->src);
    if (!newer || l == NULL)
        return false;
    struct vt_seq used = tw->snd_nxt;
    vt_tcp_timewait_free(tw);
    vt_tcp_listen_segment(l, tcp, seg, &used);
    return true;
}

bool vt_tcp_timewait_reusable(const struct vt_tcp_timewait *tw, struct vt_seq *used)
{
    const struct vt_tcp *tcp = tw->end.tcp;
    const struct vt_tcp_knobs *k = &tcp->knobs;
    bool loop = vt_ip_is_loopback(tw->end.local.ip) || vt_ip_is_loopback(tw->end.remote.ip);
    /* The clock of timestamps must have moved on, so that the new connection's are newer than all that may
     * still be on their way; without timestamps nothing tells. */
    bool moved = tcp->core->now - tw->ts_recent_at >= (vt_time)(k->tw_reuse_delay * VT_MSEC);
    if (k->tw_reuse == 0 || (k->tw_reuse == 2 && !loop) || !tw->ts || k->timestamps == 0 || !moved)
        return false;
    *used = tw->snd_nxt;
    return true;
}

void vt_tcp_timewait_segment(struct vt_tcp_timewait *tw, struct vt_tcp_seg *seg)
{
    struct vt_core *core = tw->end.tcp->core;
    if ((seg->flags & VT_RST) != 0) {
        bool exact = vt_seq_eq(seg->seq, tw->rcv_nxt);
        if (exact && tw->end.tcp->knobs.rfc1337 == 0) {
            vt_tcp_timewait_free(tw);
            return;
        }
        vt_tcp_drop_seg(&tw->end, seg, VT_DROP_TCP_TIME_WAIT); /* RFC 1337: no assassination (V60) */
        return;
    }
    if ((seg->flags & (VT_SYN | VT_ACK)) == VT_SYN && reopen(tw, seg))
        return;
    if ((seg->flags & VT_ACK) == 0 && tw->end.tcp->profile->habit.timewait_wants_ack) {
        vt_tcp_drop_seg(&tw->end, seg, VT_DROP_TCP_TIME_WAIT);
        return;
    }
    bool paws = tw->ts && vt_tcp_paws_old(tw->ts_recent, tw->ts_recent_at, seg, core->now);
    bool fin = (seg->flags & VT_FIN) != 0 && (seg->flags & VT_SYN) == 0 && !paws &&
               vt_seq_eq(vt_seq_add(seg->seq, vt_tcp_seg_len(seg)), tw->rcv_nxt);
    if (fin) { /* S14 (a): our last ACK was lost; answer, and begin the wait anew */
        tw_ack(tw, VT_SEG_ACK);
        tw_start(tw);
        return;
    }
    /* Anything else is answered by where we are, unless it is an ACK that adds nothing; what has no text not
     * too often (V67): two ends could answer each other for ever. */
    bool silent = vt_tcp_seg_len(seg) == 0 && !paws && vt_seq_eq(seg->seq, tw->rcv_nxt);
    bool limited = vt_tcp_seg_len(seg) == 0 || (seg->flags & VT_SYN) != 0;
    if (!silent && (!limited || tw->ack_sent == 0 || core->now - tw->ack_sent >= (vt_time)ACK_EVERY))
        tw_ack(tw, VT_SEG_DUP_ACK);
    vt_tcp_drop_seg(&tw->end, seg, VT_DROP_TCP_TIME_WAIT);
}

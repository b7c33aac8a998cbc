/* Passive open: a SYN at a listener makes a small request; the ACK of our SYN,ACK makes it a connection,
 * which waits to be accepted (RFC 9293 3.5, 3.10.7.2; RFC 4987 3.3 for the SYN cache). */
#include "transport/tcp.h"

struct vt_seq vt_tcp_isn(struct vt_tcp *tcp, const struct vt_addr *local, const struct vt_addr *remote)
{
    /* RFC 6528 3: ISN = M + F(addresses, ports, secret); M ticks every 4 us (MUST-8, MUST-9, SHLD-1) */
    uint8_t name[37] = {'i'};
    memcpy(name + 1, local->ip.b, 16);
    memcpy(name + 17, remote->ip.b, 16);
    vt_put16(name + 33, local->port);
    vt_put16(name + 35, remote->port);
    uint32_t m = (uint32_t)(tcp->core->now / (4 * (uint64_t)VT_USEC));
    return vt_seq(m + (uint32_t)vt_siphash(&tcp->core->key, name, sizeof(name)));
}

uint32_t vt_tcp_ts_offset(struct vt_tcp *tcp, const struct vt_addr *local, const struct vt_addr *remote)
{
    /* RFC 7323 7.1: the clock starts elsewhere for each pair of hosts, so that it tells no uptime. */
    uint8_t name[33] = {'t'};
    memcpy(name + 1, local->ip.b, 16);
    memcpy(name + 17, remote->ip.b, 16);
    return (uint32_t)vt_siphash(&tcp->core->key, name, sizeof(name));
}

uint8_t vt_tcp_window_shift(const struct vt_tcp *tcp)
{
    uint8_t shift = 0;
    int64_t most = tcp->knobs.rmem_max > tcp->knobs.core_rmem_max ? tcp->knobs.rmem_max
                                                                  : tcp->knobs.core_rmem_max;
    while (shift < VT_TCP_MAX_SHIFT && most >> shift > UINT16_MAX)
        shift++;
    return shift;
}

void vt_tcp_agree(struct vt_tcp *tcp, const struct vt_tcp_opts *theirs, struct vt_tcp_agreed *a)
{
    const struct vt_tcp_knobs *k = &tcp->knobs;
    *a = (struct vt_tcp_agreed){0};
    a->ts = k->timestamps != 0 && theirs->ts_ok;
    a->sack = k->sack != 0 && theirs->sack_ok;
    a->wscale = k->window_scaling != 0 && theirs->wscale_ok;
    if (a->wscale) {
        a->snd_scale = theirs->wscale;
        a->rcv_scale = vt_tcp_window_shift(tcp);
    }
    a->peer_mss = theirs->mss_ok ? theirs->mss : 536; /* MUST-15 */
    if (a->peer_mss < k->min_snd_mss)                 /* V44: CVE-2019-11477, CVE-2019-11479 */
        a->peer_mss = (uint16_t)k->min_snd_mss;
}

void vt_tcp_emit_queue(struct vt_tcp_listener *l, bool accept)
{
    struct vt_events *ev = &l->tcb->end.tcp->core->ev;
    struct vt_event *r = vt_event_begin(ev, VT_EV_TCP_QUEUE, VT_DOC_NONE);
    if (r == NULL)
        return;
    r->conn = l->tcb->end.conn;
    r->u.queue.len = accept ? l->accepts : l->requests;
    r->u.queue.limit = l->backlog;
    r->u.queue.accept = accept;
    vt_event_end(ev, r, NULL, 0);
}

/* As Linux: the accept queue takes one more than `backlog`, and so does the SYN queue. */
bool vt_tcp_accept_full(const struct vt_tcp_listener *l)
{
    return l->accepts > l->backlog;
}

/* RFC 7413 4.2.2: the SYN bore a true cookie. Its data go to the program now, which may answer them before
 * the handshake ends. False: it opens as any other. */
static bool open_fast(struct vt_tcp_request *r, struct vt_tcp_seg *seg, const struct vt_tcp_cookie *fo)
{
    struct vt_tcp_listener *l = r->listener;
    struct vt_tcb *tcb = vt_tcp_adopt(r, seg);
    if (tcb == NULL)
        return false;
    if (vt_tcp_fo_child(l, tcb, fo) != 0) { /* nobody knows of it yet: it goes as it came */
        vt_tcp_done(tcb, -VT_ENOMEM, VT_DOC_NONE);
        return true;
    }
    tcb->snd_una = tcb->snd_nxt = tcb->snd_small = vt_seq_add(tcb->iss, 1);
    seg->flags &= (uint16_t) ~(VT_SYN | VT_FIN);
    seg->seq = vt_seq_add(seg->seq, 1);
    if (seg->len != 0) {
        tcb->open |= VT_OPEN_FO_DONE;
        tcb->data_segs_in++;
        vt_tcp_step_text(tcb, seg);
    }
    tcb->segs_in++;
    vt_tcp_mark_dirty(tcb);
    vt_tcp_send_syn(tcb);
    vt_tcp_timer_set(tcb, VT_SLOT_REXMT, vt_time_add(vt_tcp_core(tcb)->now, tcb->rto));
    vt_tcp_wake(l->tcb, VT_POLLIN);
    return true;
}

static void done_with(struct vt_tcp *tcp, struct vt_tcp_seg *seg)
{
    if (seg->p == NULL)
        return;
    tcp->core->delivered++;
    vt_pbuf_free(seg->p);
    seg->p = NULL;
}

void vt_tcp_request_fill(struct vt_tcp_request *r, const struct vt_tcp_listener *l,
                         const struct vt_tcp_seg *seg)
{
    struct vt_tcp *tcp = r->end.tcp;
    r->irs = seg->seq;
    vt_tcp_ao_ids(seg, &r->ao_keyid, &r->ao_rnext);
    r->ts_recent = seg->opts.tsval;
    r->ts_offset = vt_tcp_ts_offset(tcp, &r->end.local, &r->end.remote);
    uint32_t mss = vt_tcp_adv_mss(tcp, r->end.remote.ip, l->tcb->user_mss) - (r->agreed.ts ? 12u : 0u);
    r->rcv_wnd = vt_tcp_syn_window(l->tcb, mss);
    r->timer.fn = vt_tcp_request_timer;
}

static void answer_syn(struct vt_tcp_listener *l, struct vt_tcp *tcp, struct vt_tcp_seg *seg,
                       const struct vt_seq *used)
{
    struct vt_tcp_request *r = vt_tcp_request_new(l, seg);
    if (r == NULL) {
        vt_tcp_drop_seg(&l->tcb->end, seg, VT_DROP_NO_MEMORY);
        return;
    }
    vt_tcp_agree(tcp, &seg->opts, &r->agreed);
    vt_tcp_ecn_take_syn(l->tcb, seg, &r->agreed);
    vt_tcp_request_fill(r, l, seg);
    r->iss = vt_tcp_isn(tcp, &r->end.local, &r->end.remote);
    /* RFC 9293 3.6.1, MAY-2 (1): larger than all that the last of that name used, which may have been faster
     * than the clock. */
    if (used != NULL && vt_seq_le(r->iss, *used))
        r->iss = vt_seq_add(*used, UINT16_MAX + 2);
    vt_tcp_emit_conn(&r->end, VT_EV_TCP_CONN, l->tcb->end.conn);
    vt_tcp_set_state(&r->end, VT_TCP_SYN_RCVD, VT_DOC_RFC9293_3_10_7_2);
    struct vt_tcp_cookie fo;
    if (!vt_tcp_fo_judge(l, seg, &fo) || !open_fast(r, seg, &fo)) {
        vt_tcp_send_synack(r, &fo);
        vt_core_arm(tcp->core, &r->timer, vt_time_add(tcp->core->now, tcp->knobs.rto_initial_ms * VT_MSEC));
    }
    done_with(tcp, seg);
}

/* As Linux: a host without SYN cookies keeps the last quarter of tcp_max_syn_backlog for names that it knows;
 * here those are the names of TIME-WAITs. */
static bool backlog_low(const struct vt_tcp_listener *l, const struct vt_seq *used)
{
    const struct vt_tcp_knobs *k = &l->tcb->end.tcp->knobs;
    return k->syncookies == 0 && used == NULL &&
           k->max_syn_backlog - (int64_t)l->requests < k->max_syn_backlog >> 2;
}

/* What happens to a SYN at a listener. Text and FIN in it are left to be sent again, but for Fast Open: S12,
 * a SYN carries no data. */
static void listen_syn(struct vt_tcp_listener *l, struct vt_tcp *tcp, struct vt_tcp_seg *seg,
                       const struct vt_seq *used)
{
    bool full = l->requests > l->backlog; /* V54 */
    bool cookie = tcp->knobs.syncookies == 2 || (full && tcp->knobs.syncookies != 0);
    if (full)
        vt_tcp_emit_queue(l, false);
    if (full && !cookie) {
        vt_tcp_drop_seg(&l->tcb->end, seg, VT_DROP_TCP_SYN_QUEUE);
    } else if (vt_tcp_accept_full(l)) {
        vt_tcp_emit_queue(l, true);
        vt_tcp_drop_seg(&l->tcb->end, seg, VT_DROP_TCP_ACCEPT_QUEUE);
    } else if (cookie) {
        vt_tcp_cookie_send(l, seg);
        done_with(tcp, seg);
    } else if (backlog_low(l, used)) {
        vt_tcp_emit_queue(l, false);
        vt_tcp_drop_seg(&l->tcb->end, seg, VT_DROP_TCP_SYN_QUEUE);
    } else {
        answer_syn(l, tcp, seg, used);
    }
}

void vt_tcp_listen_segment(struct vt_tcp_listener *l, struct vt_tcp *tcp, struct vt_tcp_seg *seg,
                           const struct vt_seq *used)
{
    enum vt_drop reason = VT_DROP_TCP_LISTEN_FLAGS;
    if ((seg->flags & (VT_RST | VT_ACK | VT_SYN)) == VT_SYN) {
        listen_syn(l, tcp, seg, used);
        return;
    }
    if ((seg->flags & (VT_RST | VT_ACK)) == VT_ACK) {
        if (vt_tcp_cookie_take(l, seg, &reason)) {
            done_with(tcp, seg);
            return;
        }
        vt_tcp_reply_rst(tcp, seg, l->tcb->end.conn); /* RFC 9293 3.10.7.2, second */
    }
    vt_tcp_drop_seg(&l->tcb->end, seg, reason);
}

void vt_tcp_listener_close(struct vt_tcp_listener *l)
{
    struct vt_tcp *tcp = l->tcb->end.tcp;
    while (l->req_first != NULL)
        vt_tcp_request_free(l->req_first, VT_DOC_RFC9293_3_6);
    while (l->acc_first != NULL) { /* nobody will accept them: they are told so */
        struct vt_tcb *c = l->acc_first;
        l->acc_first = c->acc_next;
        c->parent = NULL;
        if (c->end.state != VT_TCP_CLOSED)
            vt_tcp_abort(c, -VT_ECONNABORTED, VT_DOC_RFC9293_3_6);
        vt_tcb_release(c);
    }
    l->tcb->listener = NULL;
    vt_free(tcp->core, l, sizeof(*l));
}

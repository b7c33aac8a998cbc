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

static void request_unlink(struct vt_tcp_request *r)
{
    struct vt_tcp_listener *l = r->listener;
    if (r->prev != NULL)
        r->prev->next = r->next;
    else
        l->req_first = r->next;
    if (r->next != NULL)
        r->next->prev = r->prev;
    else
        l->req_last = r->prev;
    l->requests--;
}

void vt_tcp_request_free(struct vt_tcp_request *r, enum vt_doc doc)
{
    struct vt_tcp *tcp = r->end.tcp;
    if (r->end.state == VT_TCP_SYN_RCVD)
        vt_tcp_set_state(&r->end, VT_TCP_LISTEN, doc);
    vt_core_disarm(tcp->core, &r->timer);
    vt_tcp_table_remove(&r->end);
    vt_tcp_port_drop(&r->end);
    request_unlink(r);
    vt_free(tcp->core, r, sizeof(*r));
}

bool vt_tcp_request_icmp(struct vt_tcp_request *r, struct vt_seq seq, const struct vt_icmp_error *err)
{
    enum {
        UNREACHABLE = 3,
        NET = 0,
        HOST = 1,
        TIME_EXCEEDED = 11,
        PARAMETER_PROBLEM = 12
    };
    bool final = err->type == TIME_EXCEEDED || err->type == PARAMETER_PROBLEM ||
                 (err->type == UNREACHABLE && (err->code == NET || err->code == HOST));
    if (!vt_seq_eq(seq, r->iss))
        return false;
    if (final) /* as Linux: nobody waits for it, and the peer will ask again */
        vt_tcp_request_free(r, VT_DOC_RFC9293_3_9_1);
    return true;
}

static void emit_overflow(struct vt_tcp_listener *l, bool accept)
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

/* As Linux: `backlog` bounds both queues, and the accept queue takes one more. */
static bool accept_full(const struct vt_tcp_listener *l)
{
    return l->accepts > l->backlog;
}
static bool syn_full(const struct vt_tcp_listener *l)
{
    uint32_t most = (uint32_t)l->tcb->end.tcp->knobs.max_syn_backlog;
    uint32_t limit = l->backlog < most ? l->backlog : most;
    return l->requests >= (limit != 0 ? limit : 1);
}

static struct vt_tcp_request *request_new(struct vt_tcp_listener *l, struct vt_tcp_seg *seg)
{
    struct vt_tcp *tcp = l->tcb->end.tcp;
    struct vt_tcp_request *r = vt_alloc(tcp->core, sizeof(*r));
    if (r == NULL)
        return NULL;
    r->end.tcp = tcp;
    r->end.kind = VT_TCP_KIND_REQUEST;
    r->end.state = VT_TCP_LISTEN;
    r->end.local = seg->dst;
    r->end.remote = seg->src;
    r->end.mark = l->tcb->end.mark;
    if (vt_tcp_table_add(&r->end) != 0) {
        vt_free(tcp->core, r, sizeof(*r));
        return NULL;
    }
    vt_tcp_port_hold(&r->end, vt_tcp_port_get(tcp, seg->dst.port, false));
    r->end.conn = ++tcp->next_conn;
    r->listener = l;
    r->prev = l->req_last;
    if (l->req_last != NULL)
        l->req_last->next = r;
    else
        l->req_first = r;
    l->req_last = r;
    l->requests++;
    return r;
}

/* The request becomes a control block, still in SYN-RECEIVED, and is put into the accept queue. NULL without
 * memory. */
static struct vt_tcb *adopt(struct vt_tcp_request *r, const struct vt_tcp_seg *seg);

/* RFC 7413 4.2.2: the SYN bore a true cookie. Its data go to the program now, which may answer them before
 * the handshake ends. False: it opens as any other. */
static bool open_fast(struct vt_tcp_request *r, struct vt_tcp_seg *seg, const struct vt_tcp_cookie *fo)
{
    struct vt_tcp_listener *l = r->listener;
    struct vt_tcb *tcb = adopt(r, seg);
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
    vt_tcp_send_syn(tcb);
    vt_tcp_timer_set(tcb, VT_SLOT_REXMT, vt_time_add(vt_tcp_core(tcb)->now, tcb->rto));
    vt_tcp_wake(l->tcb, VT_POLLIN);
    return true;
}

static void answer_syn(struct vt_tcp_listener *l, struct vt_tcp *tcp, struct vt_tcp_seg *seg,
                       const struct vt_seq *used)
{
    struct vt_tcp_request *r = request_new(l, seg);
    if (r == NULL) {
        vt_tcp_drop_seg(&l->tcb->end, seg, VT_DROP_NO_MEMORY);
        return;
    }
    r->irs = seg->seq;
    vt_tcp_ao_ids(seg, &r->ao_keyid, &r->ao_rnext);
    r->iss = vt_tcp_isn(tcp, &r->end.local, &r->end.remote);
    /* RFC 9293 3.6.1, MAY-2 (1): larger than all that the last of that name used, which may have been faster
     * than the clock. */
    if (used != NULL && vt_seq_le(r->iss, *used))
        r->iss = vt_seq_add(*used, UINT16_MAX + 2);
    vt_tcp_agree(tcp, &seg->opts, &r->agreed);
    r->ts_recent = seg->opts.tsval;
    r->ts_offset = vt_tcp_ts_offset(tcp, &r->end.local, &r->end.remote);
    uint32_t mss = vt_tcp_adv_mss(tcp, r->end.remote.ip, l->tcb->user_mss) - (r->agreed.ts ? 12u : 0u);
    r->rcv_wnd = vt_tcp_syn_window(l->tcb, mss);
    r->timer.fn = vt_tcp_request_timer;
    vt_tcp_emit_conn(&r->end, VT_EV_TCP_CONN, l->tcb->end.conn);
    vt_tcp_set_state(&r->end, VT_TCP_SYN_RCVD, VT_DOC_RFC9293_3_10_7_2);
    struct vt_tcp_cookie fo;
    if (!vt_tcp_fo_judge(l, seg, &fo) || !open_fast(r, seg, &fo)) {
        vt_tcp_send_synack(r, &fo);
        vt_core_arm(tcp->core, &r->timer, vt_time_add(tcp->core->now, tcp->knobs.rto_initial_ms * VT_MSEC));
    }
    if (seg->p == NULL)
        return;
    tcp->core->delivered++;
    vt_pbuf_free(seg->p);
    seg->p = NULL;
}

void vt_tcp_listen_segment(struct vt_tcp_listener *l, struct vt_tcp *tcp, struct vt_tcp_seg *seg,
                           const struct vt_seq *used)
{
    enum vt_drop reason = VT_DROP_TCP_LISTEN_FLAGS;
    if ((seg->flags & VT_RST) == 0 && (seg->flags & VT_ACK) != 0) {
        vt_tcp_reply_rst(tcp, seg, l->tcb->end.conn); /* RFC 9293 3.10.7.2, second */
    } else if ((seg->flags & (VT_RST | VT_SYN)) == VT_SYN) {
        if (accept_full(l)) {
            emit_overflow(l, true);
            reason = VT_DROP_TCP_ACCEPT_QUEUE;
        } else if (syn_full(l)) {
            emit_overflow(l, false);
            reason = VT_DROP_TCP_SYN_QUEUE; /* V54 */
        } else {
            /* Text and FIN in the SYN are left to be sent again: S12, a SYN carries no data. */
            answer_syn(l, tcp, seg, used);
            return;
        }
    }
    vt_tcp_drop_seg(&l->tcb->end, seg, reason);
}

/* What a connection takes over from its listener. */
static void inherit(struct vt_tcb *tcb, const struct vt_tcb *l)
{
    tcb->flags |= l->flags & (VT_TCBF_NODELAY | VT_TCBF_KEEPALIVE | VT_TCBF_OOBINLINE | VT_TCBF_REUSEADDR |
                              VT_TCBF_REUSEPORT | VT_TCBF_SNDBUF_SET | VT_TCBF_RCVBUF_SET);
    tcb->sndbuf = l->sndbuf;
    tcb->rcvbuf = l->rcvbuf;
    tcb->user_mss = l->user_mss;
    tcb->rcv = l->rcv;
    tcb->keepidle = l->keepidle;
    tcb->keepintvl = l->keepintvl;
    tcb->keepcnt = l->keepcnt;
    tcb->user_timeout = l->user_timeout;
    tcb->linger2 = l->linger2;
    tcb->tos = l->tos;
    tcb->ttl = l->ttl;
    tcb->cc.ops = l->cc.ops;
}

static struct vt_tcb *adopt(struct vt_tcp_request *r, const struct vt_tcp_seg *seg)
{
    struct vt_tcp_listener *l = r->listener;
    struct vt_tcp *tcp = r->end.tcp;
    struct vt_tcb *tcb = vt_tcb_new(tcp);
    if (tcb == NULL)
        return NULL;
    inherit(tcb, l->tcb);
    tcb->end.local = r->end.local;
    tcb->end.remote = r->end.remote;
    if (!vt_tcp_auth_inherit(tcb, l->tcb, seg)) {
        vt_tcb_release(tcb);
        return NULL;
    }
    tcb->end.conn = r->end.conn;
    tcb->end.mark = r->end.mark;
    tcb->end.state = r->end.state;
    tcb->end.port = r->end.port;
    vt_tcp_table_replace(&r->end, &tcb->end);
    tcb->iss = r->iss;
    tcb->irs = r->irs;
    tcb->snd_una = tcb->snd_nxt = tcb->snd_small = vt_seq_add(r->iss, 1);
    tcb->rcv_nxt = tcb->last_ack = vt_seq_add(r->irs, 1);
    tcb->rcv_adv = vt_seq_add(tcb->rcv_nxt, r->rcv_wnd);
    tcb->snd_wnd = tcb->max_wnd = seg->wnd;
    tcb->snd_wl1 = r->irs;
    tcb->snd_wl2 = r->iss;
    tcb->agreed = r->agreed;
    tcb->ts_recent = r->ts_recent;
    tcb->ts_recent_at = tcp->core->now;
    tcb->ts_offset = r->ts_offset;
    vt_tcp_auth_start(tcb);
    tcb->syn_at = r->sent != 0 ? r->sent : tcp->core->now;
    vt_tcb_start(tcb);
    vt_core_disarm(tcp->core, &r->timer);
    request_unlink(r);
    vt_free(tcp->core, r, sizeof(*r));
    tcb->parent = l;
    if (l->acc_last != NULL)
        l->acc_last->acc_next = tcb;
    else
        l->acc_first = tcb;
    l->acc_last = tcb;
    l->accepts++;
    return tcb;
}

/* The ACK of our SYN has come: the request becomes a connection. NULL without memory. */
static struct vt_tcb *promote(struct vt_tcp_request *r, const struct vt_tcp_seg *seg)
{
    bool sent_once = !r->sent_again;
    struct vt_tcb *tcb = adopt(r, seg);
    if (tcb == NULL)
        return NULL;
    tcb->snd_wl1 = seg->seq;
    tcb->snd_wl2 = seg->ack;
    if (sent_once)
        vt_tcp_rtt_sample(tcb, (vt_span)(vt_tcp_core(tcb)->now - tcb->syn_at));
    vt_tcp_set_state(&tcb->end, VT_TCP_ESTABLISHED, VT_DOC_RFC9293_3_10_7_4);
    return tcb;
}

static void reply(struct vt_tcp_request *r, enum vt_seg_why why)
{
    struct vt_tcp_opts o = {0};
    o.ts_ok = r->agreed.ts;
    o.tsval = vt_tcp_ts_now(r->end.tcp->core, r->ts_offset);
    o.tsecr = r->ts_recent;
    vt_tcp_reply_ack(&r->end, vt_seq_add(r->iss, 1), vt_seq_add(r->irs, 1),
                     (uint16_t)(r->rcv_wnd >> r->agreed.rcv_scale), &o, why);
}

/* Steps one to four of RFC 9293 3.10.7.4 for a request. True: the segment may be the ACK that completes it.
 */
static bool request_checks(struct vt_tcp_request *r, struct vt_tcp_seg *seg)
{
    struct vt_seq rcv_nxt = vt_seq_add(r->irs, 1);
    vt_time now = r->end.tcp->core->now;
    if ((seg->flags & (VT_SYN | VT_ACK | VT_RST)) == VT_SYN && vt_seq_eq(seg->seq, r->irs)) {
        vt_tcp_send_synack(r, NULL); /* the peer's SYN again: our answer was lost */
        return false;
    }
    bool paws = r->agreed.ts && vt_tcp_paws_old(r->ts_recent, now, seg, now);
    if (paws || !vt_tcp_seq_acceptable(rcv_nxt, r->rcv_wnd, seg)) {
        if ((seg->flags & VT_RST) == 0)
            reply(r, VT_SEG_DUP_ACK);
        vt_tcp_drop_seg(&r->end, seg, paws ? VT_DROP_TCP_PAWS : VT_DROP_TCP_WINDOW);
        return false;
    }
    if ((seg->flags & VT_RST) != 0) {
        bool insecure = r->end.tcp->knobs.insecure_rst != 0;
        if (vt_seq_eq(seg->seq, rcv_nxt) || (insecure && vt_seq_in(seg->seq, rcv_nxt, r->rcv_wnd))) {
            vt_tcp_request_free(r, VT_DOC_RFC9293_3_10_7_4); /* a passive open returns to LISTEN */
        } else {
            if (vt_seq_in(seg->seq, rcv_nxt, r->rcv_wnd)) /* RFC 5961 3.2 */
                reply(r, VT_SEG_CHALLENGE);
            vt_tcp_drop_seg(&r->end, seg, VT_DROP_TCP_RST_BAD);
        }
        return false;
    }
    if ((seg->flags & VT_SYN) != 0) {
        reply(r, VT_SEG_CHALLENGE);
        vt_tcp_drop_seg(&r->end, seg, VT_DROP_TCP_SYN_IN_WINDOW);
        return false;
    }
    if ((seg->flags & VT_ACK) == 0) {
        vt_tcp_drop_seg(&r->end, seg, VT_DROP_TCP_NO_ACK);
        return false;
    }
    return true;
}

void vt_tcp_request_segment(struct vt_tcp_request *r, struct vt_tcp_seg *seg)
{
    struct vt_tcp_listener *l = r->listener;
    if (!request_checks(r, seg))
        return;
    if (!vt_seq_eq(seg->ack, vt_seq_add(r->iss, 1))) {
        vt_tcp_reply_rst(r->end.tcp, seg, r->end.conn);
        vt_tcp_drop_seg(&r->end, seg, VT_DROP_TCP_ACK_BAD);
        return;
    }
    if (accept_full(l)) {
        emit_overflow(l, true);
        bool abort = r->end.tcp->knobs.abort_on_overflow != 0;
        if (abort)
            vt_tcp_reply_rst(r->end.tcp, seg, r->end.conn);
        vt_tcp_drop_seg(&r->end, seg, VT_DROP_TCP_ACCEPT_QUEUE);
        if (abort)
            vt_tcp_request_free(r, VT_DOC_NONE);
        return;
    }
    struct vt_tcb *tcb = promote(r, seg);
    if (tcb == NULL) {
        vt_tcp_drop_seg(&r->end, seg, VT_DROP_NO_MEMORY);
        return;
    }
    vt_tcp_segment(tcb, seg); /* text and FIN that came with it */
    vt_tcp_wake(l->tcb, VT_POLLIN);
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

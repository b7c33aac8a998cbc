/* Half-open connections: a request's life at its listener, from its making to the control block that it
 * becomes (RFC 9293 3.10.7.4 in SYN-RECEIVED; RFC 4987 3.3). */
#include "transport/tcp.h"

#define ANSWER_EVERY (500 * VT_MSEC) /* Linux's tcp_invalid_ratelimit */

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
    l->young -= r->retries == 0;
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

struct vt_tcp_request *vt_tcp_request_new(struct vt_tcp_listener *l, const struct vt_tcp_seg *seg)
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
    l->young++;
    return r;
}

/* ---- It becomes a connection ---- */

/* What a connection takes over from its listener. */
static void inherit(struct vt_tcb *tcb, const struct vt_tcb *l)
{
    tcb->flags |= l->flags &
                  (VT_TCBF_NODELAY | VT_TCBF_THIN | VT_TCBF_KEEPALIVE | VT_TCBF_OOBINLINE |
                   VT_TCBF_REUSEADDR | VT_TCBF_REUSEPORT | VT_TCBF_SNDBUF_SET | VT_TCBF_RCVBUF_SET);
    tcb->sndbuf = l->sndbuf;
    tcb->notsent_lowat = l->notsent_lowat;
    tcb->rcvbuf = l->rcvbuf;
    tcb->user_mss = l->user_mss;
    tcb->rcv = l->rcv;
    tcb->keepidle = l->keepidle;
    tcb->keepintvl = l->keepintvl;
    tcb->keepcnt = l->keepcnt;
    tcb->user_timeout = l->user_timeout;
    tcb->rto_min_us = l->rto_min_us;
    tcb->rto_max_ms = l->rto_max_ms;
    tcb->linger2 = l->linger2;
    tcb->tos = l->tos;
    tcb->ttl = l->ttl;
    tcb->pmtudisc = l->pmtudisc;
    tcb->cc.ops = l->cc.ops;
    if (l->pace != NULL)
        vt_tcp_set_max_pace(tcb, l->pace->most);
}

struct vt_tcb *vt_tcp_adopt(struct vt_tcp_request *r, const struct vt_tcp_seg *seg)
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
    vt_tcp_accecn_start(tcb, false);
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

struct vt_tcb *vt_tcp_promote(struct vt_tcp_request *r, const struct vt_tcp_seg *seg)
{
    bool sent_once = r->sent != 0 && !r->sent_again;
    uint32_t lost = r->retries;
    struct vt_tcb *tcb = vt_tcp_adopt(r, seg);
    if (tcb == NULL)
        return NULL;
    tcb->snd_wl1 = seg->seq;
    tcb->snd_wl2 = seg->ack;
    if (sent_once)
        vt_tcp_rtt_sample(tcb, (vt_span)(vt_tcp_core(tcb)->now - tcb->syn_at));
    vt_tcp_syn_lost(tcb, seg, lost);
    vt_tcp_set_state(&tcb->end, VT_TCP_ESTABLISHED, VT_DOC_RFC9293_3_10_7_4);
    return tcb;
}

/* ---- While it is half open ---- */

/* How long the next SYN,ACK waits for its answer. */
static vt_span patience(const struct vt_tcp_request *r)
{
    const struct vt_tcp_knobs *k = &r->end.tcp->knobs;
    vt_span wait = k->rto_initial_ms * VT_MSEC << (r->retries < 16 ? r->retries : 16);
    vt_span most = k->rto_max_ms * VT_MSEC;
    return wait < most ? wait : most;
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

/* What is out of place is answered, but without text not too often (V67). */
static bool may_answer(struct vt_tcp_request *r, const struct vt_tcp_seg *seg)
{
    vt_time now = r->end.tcp->core->now;
    if (vt_tcp_seg_len(seg) != 0 && (seg->flags & VT_SYN) == 0)
        return true;
    if (r->again_at != 0 && now - r->again_at < (vt_time)ANSWER_EVERY)
        return false;
    r->again_at = now;
    return true;
}

/* Steps one to four of RFC 9293 3.10.7.4 for a request. True: the segment may be the ACK that completes it.
 */
static bool request_checks(struct vt_tcp_request *r, struct vt_tcp_seg *seg)
{
    struct vt_seq rcv_nxt = vt_seq_add(r->irs, 1);
    vt_time now = r->end.tcp->core->now;
    if ((seg->flags & (VT_SYN | VT_ACK | VT_RST)) == VT_SYN && vt_seq_eq(seg->seq, r->irs)) {
        if (may_answer(r, seg)) {
            vt_tcp_send_synack(r, NULL); /* the peer's SYN again: our answer was lost */
            vt_core_arm(r->end.tcp->core, &r->timer, vt_time_add(now, patience(r)));
        }
        return false;
    }
    bool paws = r->agreed.ts && vt_tcp_paws_old(r->ts_recent, now, seg, now);
    if (paws || !vt_tcp_seq_acceptable(rcv_nxt, r->rcv_wnd, seg)) {
        if ((seg->flags & VT_RST) == 0 && may_answer(r, seg))
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
    if (seg->len == 0 && (seg->flags & VT_FIN) == 0 && r->retries < l->tcb->defer_accept) {
        r->acked = true; /* TCP_DEFER_ACCEPT: text is waited for */
        vt_tcp_drop_seg(&r->end, seg, VT_DROP_TCP_DEFERRED);
        return;
    }
    if (vt_tcp_accept_full(l)) {
        r->acked = true;
        vt_tcp_emit_queue(l, true);
        bool abort = r->end.tcp->knobs.abort_on_overflow != 0;
        if (abort)
            vt_tcp_reply_rst(r->end.tcp, seg, r->end.conn);
        vt_tcp_drop_seg(&r->end, seg, VT_DROP_TCP_ACCEPT_QUEUE);
        if (abort)
            vt_tcp_request_free(r, VT_DOC_NONE);
        return;
    }
    struct vt_tcb *tcb = vt_tcp_promote(r, seg);
    if (tcb == NULL) {
        vt_tcp_drop_seg(&r->end, seg, VT_DROP_NO_MEMORY);
        return;
    }
    vt_tcp_segment(tcb, seg); /* text and FIN that came with it */
    vt_tcp_wake(l->tcb, VT_POLLIN);
}

/* How often a SYN,ACK is repeated. As Linux: half of a queue that fills is kept for the young, which become
 * connections within a round trip; the old ones are given up sooner then. */
static uint32_t most_retries(const struct vt_tcp_request *r)
{
    const struct vt_tcp_listener *l = r->listener;
    uint32_t most = l->tcb->syn_retries != 0 ? l->tcb->syn_retries
                                             : (uint32_t)r->end.tcp->knobs.synack_retries;
    uint32_t young = 2 * l->young;
    if (2 * l->requests <= (l->backlog > 8 ? l->backlog : 8))
        return most;
    for (; most > 2 && l->requests >= young; young *= 2)
        most--;
    return most;
}

void vt_tcp_request_timer(struct vt_timer *t, vt_time now)
{
    struct vt_tcp_request *r = (struct vt_tcp_request *)(void *)((uint8_t *)t -
                                                                 offsetof(struct vt_tcp_request, timer));
    struct vt_tcp *tcp = r->end.tcp;
    uint32_t defer = r->listener->tcb->defer_accept;
    vt_core_enter_timer(tcp->core, t);
    vt_tcp_emit_timer(&r->end, VT_TCP_TIMER_SYN_ACK, r->retries + 1u);
    bool waits = defer != 0 && r->acked; /* for text: he has our SYN,ACK */
    if (r->retries >= most_retries(r) && (!waits || r->retries >= defer)) {
        vt_tcp_request_free(r, VT_DOC_RFC9293_3_8_4);
        return;
    }
    /* The last of the waiting gives text, or a bare ACK, one more chance. */
    bool again = !waits || r->retries + 1u >= defer;
    r->listener->young -= r->retries == 0;
    r->retries = (uint8_t)(r->retries < UINT8_MAX ? r->retries + 1 : UINT8_MAX);
    if (again)
        vt_tcp_send_synack(r, NULL);
    vt_core_arm(tcp->core, &r->timer, vt_time_add(now, patience(r)));
}

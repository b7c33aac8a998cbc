/* Segments out: what may be sent now, and how a segment is built.
 *
 * Each segment is an event, and the frame that carries it names that event as its cause. Payload goes by
 * reference from the send queue; only the header is written. */
#include "transport/tcp.h"

#define SACKS_MAX 36u /* the SACK option at its longest, padded */

uint32_t vt_tcp_ts_now(const struct vt_core *core, uint32_t offset)
{
    return (uint32_t)(core->now / (uint64_t)VT_MSEC) + offset; /* RFC 7323 5.4: 1 ms */
}

void vt_tcp_mark_dirty(struct vt_tcb *tcb)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    tcb->cause = tcp->core->ev.cause.node == tcp->core->ev.node ? tcp->core->ev.cause.n : tcp->core->ev.count;
    if (vt_tcb_is(tcb, VT_TCBF_DIRTY))
        return;
    tcb->flags |= VT_TCBF_DIRTY;
    tcb->dirty_next = NULL;
    if (tcp->dirty_last != NULL)
        tcp->dirty_last->dirty_next = tcb;
    else
        tcp->dirty = tcb;
    tcp->dirty_last = tcb;
}

/* ---- One segment, whoever sends it ---- */

/* What goes out: the ends' addresses, the header, the options. */
struct out {
    struct vt_tcp *tcp;
    const struct vt_addr *src, *dst;
    struct vt_tcp_hdr h;
    struct vt_tcp_opts o;
    uint32_t conn, mark, wnd; /* wnd in bytes, for the event */
    enum vt_seg_why why;
    uint8_t state, tos, ttl;
    bool cut;     /* routers may cut it to fragments */
    bool hop_mtu; /* whatever is known of the path beyond the first hop */
    struct vt_tcp_sign sign;
    uint16_t gso; /* payload of each segment when it is a super-segment */
};

static void emit_tx(const struct out *s, uint32_t len)
{
    struct vt_event *r = vt_event_begin(&s->tcp->core->ev, VT_EV_TCP_TX, VT_DOC_NONE);
    if (r == NULL)
        return;
    r->conn = s->conn;
    r->mark = s->mark;
    memcpy(r->u.seg.src, s->src->ip.b, 16);
    memcpy(r->u.seg.dst, s->dst->ip.b, 16);
    r->u.seg.sport = s->src->port;
    r->u.seg.dport = s->dst->port;
    r->u.seg.seq = s->h.seq.v;
    r->u.seg.ack = s->h.ack.v;
    r->u.seg.wnd = s->wnd;
    r->u.seg.len = len;
    r->u.seg.flags = s->h.flags;
    r->u.seg.why = (uint8_t)s->why;
    r->u.seg.state = s->state;
    r->u.seg.mss = s->o.mss;
    r->u.seg.wscale = (uint8_t)(s->o.wscale_ok ? s->o.wscale + 1 : 0);
    r->u.seg.sacks = s->o.nsacks;
    r->u.seg.urgent = s->h.urgent;
    r->u.seg.ecn = s->tos & 3;
    vt_event_end(&s->tcp->core->ev, r, NULL, 0);
}

/* Puts the header before the payload in p, the checksum in it, and hands it to IP. Takes p. False when the
 * device would not have it. */
static bool emit_segment(struct out *s, struct vt_pbuf *p)
{
    struct vt_core *core = s->tcp->core;
    uint8_t opts[40];
    s->o.reserved = (uint8_t)vt_tcp_sign_len(s->sign.key);
    uint32_t payload = p->len, olen = s->tcp->profile->habit.bsd_options ? vt_tcp_build_opts_bsd(opts, &s->o)
                                                                         : vt_tcp_build_opts(opts, &s->o);
    olen += vt_tcp_sign_option(&s->sign, opts + olen);
    s->h.hlen = (uint8_t)(VT_TCP_HLEN + olen);
    s->h.sport = s->src->port;
    s->h.dport = s->dst->port;
    uint8_t *b = vt_pbuf_push(p, s->h.hlen);
    memcpy(b + VT_TCP_HLEN, opts, olen);
    uint32_t features = vt_net_features(s->tcp->net, s->dst->ip);
    uint32_t pseudo = vt_sum_pseudo(s->src->ip, s->dst->ip, VT_PROTO_TCP, p->len);
    bool partial = (features & VT_DEV_TX_CSUM) != 0 || s->gso != 0;
    s->h.checksum = partial ? vt_sum_fold(pseudo) : 0;
    vt_tcp_build(b, &s->h);
    if (s->sign.key != NULL)
        vt_tcp_sign(core, &s->sign, &s->src->ip, &s->dst->ip, p);
    if (partial) {
        p->csum = VT_CSUM_PARTIAL;
        p->csum_offset = 16;
        p->csum_span = p->len;
    } else { /* MUST-2 */
        vt_put16(b + 16, vt_sum_finish(vt_pbuf_sum(core->sums, p, 0, p->len, pseudo)));
    }
    if (s->gso != 0) {
        p->gso = VT_GSO_TCP4;
        p->gso_size = s->gso;
    }
    p->mark = s->mark;
    emit_tx(s, payload);
    p->ev = vt_events_last(&core->ev);
    struct vt_ip_out out = {.src = s->src->ip,
                            .dst = s->dst->ip,
                            .protocol = VT_PROTO_TCP,
                            .ttl = s->ttl,
                            .tos = s->tos,
                            .df = !s->cut, /* RFC 1191 */
                            .hop_mtu = s->hop_mtu};
    return vt_ip_output(s->tcp->net, p, &out) != -VT_ENOBUFS;
}

/* ---- Segments of a control block ---- */

static void fill_opts(struct vt_tcb *tcb, struct vt_tcp_opts *o, bool sacks)
{
    if (tcb->agreed.ts) {
        o->ts_ok = true;
        o->tsval = vt_tcp_ts_now(vt_tcp_core(tcb), tcb->ts_offset);
        o->tsecr = tcb->ts_recent;
    }
    if (sacks && tcb->agreed.sack)
        vt_tcp_sack_fill(tcb, o);
    if (sacks && tcb->acc != NULL)
        vt_tcp_accecn_option(tcb, o);
}

/* The window as it goes into a header, and that it has been told. */
static uint16_t tell_window(struct vt_tcb *tcb, uint32_t *bytes)
{
    uint32_t wnd = vt_tcp_rcv_window(tcb);
    uint32_t field = wnd >> tcb->agreed.rcv_scale;
    *bytes = field << tcb->agreed.rcv_scale;
    tcb->rcv_adv = vt_seq_add(tcb->rcv_nxt, *bytes);
    return (uint16_t)field;
}

static void fill_urgent(const struct vt_tcb *tcb, struct vt_seq seq, struct vt_tcp_hdr *h)
{
    /* RFC 9293 3.8.5, MUST-62: the pointer tells the first byte that is not urgent. */
    int32_t ahead = vt_seq_diff(tcb->snd_up, seq);
    if (!vt_tcb_is(tcb, VT_TCBF_URG_OUT) || ahead <= 0)
        return;
    h->flags |= VT_URG;
    h->urgent = (uint16_t)(ahead < INT32_C(65535) ? ahead : INT32_C(65535));
}

/* What the device refuses has not left: the window is reduced as by a mark, and who called tries again later.
 */
static bool send_segment(struct vt_tcb *tcb, struct vt_pbuf *p, struct vt_seq seq, uint16_t flags,
                         enum vt_seg_why why)
{
    struct out s = {.tcp = tcb->end.tcp,
                    .src = &tcb->end.local,
                    .dst = &tcb->end.remote,
                    .conn = tcb->end.conn,
                    .mark = tcb->end.mark,
                    .why = why,
                    .state = tcb->end.state,
                    .tos = tcb->tos,
                    .ttl = tcb->ttl,
                    .cut = vt_pmtudisc_cuts(tcb->pmtudisc),
                    .hop_mtu = tcb->pmtudisc >= VT_PMTUDISC_PROBE};
    s.h.seq = seq;
    s.tos |= vt_tcp_ecn_out(tcb, seq, p->len, &flags);
    s.h.flags = flags;
    if ((flags & VT_ACK) != 0)
        s.h.ack = tcb->rcv_nxt;
    s.gso = p->len > tcb->mss && why != VT_SEG_MTU_PROBE ? tcb->mss : 0;
    s.sign = vt_tcp_sign_of(&tcb->end, seq, false);
    /* RFC 2018 4: blocks go with every ACK, and so with text that leaves them room. */
    fill_opts(tcb, &s.o, p->len == 0 || p->len + SACKS_MAX <= tcb->mss);
    s.h.wnd = tell_window(tcb, &s.wnd);
    if ((flags & VT_RST) != 0 && tcb->end.tcp->profile->habit.reset_window_0)
        s.h.wnd = 0;
    fill_urgent(tcb, seq, &s.h);
    tcb->segs_out++;
    if ((flags & VT_ACK) != 0)
        vt_tcp_delack_sent(tcb);
    tcb->flags &= ~(uint32_t)VT_TCBF_REFUSED;
    if (emit_segment(&s, p))
        return true;
    tcb->flags |= VT_TCBF_REFUSED;
    if (tcb->loss != NULL)
        vt_tcp_enter_cwr(tcb);
    return false;
}

void vt_tcp_send_empty(struct vt_tcb *tcb, struct vt_seq seq, uint16_t flags, enum vt_seg_why why)
{
    struct vt_pbuf *p = vt_pbuf_new(vt_tcp_core(tcb)->pool);
    if (p != NULL)
        send_segment(tcb, p, seq, flags, why);
}

void vt_tcp_send_ack(struct vt_tcb *tcb, enum vt_seg_why why)
{
    vt_tcp_send_empty(tcb, tcb->snd_nxt, VT_ACK, why);
}

uint32_t vt_tcp_send_data(struct vt_tcb *tcb, struct vt_seq seq, uint32_t len, uint16_t more,
                          enum vt_seg_why why)
{
    struct vt_pbuf *p = vt_pbuf_new(vt_tcp_core(tcb)->pool);
    if (p == NULL)
        return 0;
    uint32_t off = seq.v - tcb->snd_una.v;
    uint32_t n = len != 0 ? vt_sendq_slice(&tcb->sendq, off, len, p) : 0;
    if (n > tcb->mss && n < len && why != VT_SEG_MTU_PROBE) { /* out of fragments: full segments only */
        n -= n % tcb->mss;
        vt_pbuf_trim(p, n);
    }
    uint16_t flags = VT_ACK | more;
    if (n < len || n == 0)
        flags &= (uint16_t)~VT_PSH;
    if (n > tcb->mss && why != VT_SEG_MTU_PROBE)
        flags |= VT_PSH; /* as Linux: a burst is worth handing on at its end */
    if (off + n != tcb->sendq.bytes)
        flags &= (uint16_t)~VT_FIN;
    tcb->data_segs_out += n != 0;
    if (n != 0)
        vt_tcp_delack_answered(tcb);
    tcb->bytes_sent += n;
    tcb->last_data_sent = vt_tcp_core(tcb)->now;
    if (!send_segment(tcb, p, seq, flags, why))
        return 0;
    if (tcb->notices != NULL && n != 0)
        vt_tcp_notices_sent(tcb, vt_seq_add(seq, n));
    return n + ((flags & VT_FIN) != 0);
}

/* Small segments that are lost side by side go again as one, as far as a segment reaches. */
static void join_lost(struct vt_sentq *q, uint32_t i, uint16_t mss)
{
    while (i + 1 < q->n) {
        const struct vt_sent *s = vt_sent_at(q, i), *next = vt_sent_at(q, i + 1);
        uint32_t fin = (next->flags & VT_SENT_FIN) != 0;
        if ((s->flags & VT_SENT_LOST) == 0 || ((s->flags ^ next->flags) & ~VT_SENT_ENDS) != 0 ||
            (s->flags & VT_SENT_EOR) != 0 || next->to.v - s->from.v > mss + fin)
            break;
        vt_sentq_merge(q, i, mss);
    }
}

/* What was sent again, for those who must know: the undoing, the timers, the counters. */
static void count_again(struct vt_tcb *tcb, const struct vt_sent *s, uint32_t n, bool probe)
{
    struct vt_loss *l = tcb->loss;
    struct vt_core *core = vt_tcp_core(tcb);
    l->last_rexmt_ts = vt_tcp_ts_now(core, tcb->ts_offset);
    if (!probe && !l->rexmt_ts_set) {
        l->rexmt_ts_set = true;
        l->rexmt_ts = l->last_rexmt_ts;
    }
    if (!probe)
        l->undo_segs = (l->undo_segs > 0 ? l->undo_segs : 0) + (int32_t)s->segs;
    tcb->total_retrans += s->segs;
    tcb->bytes_retrans += n;
}

uint32_t vt_tcp_retransmit(struct vt_tcb *tcb, uint32_t i, uint32_t most, bool push, enum vt_seg_why why)
{
    struct vt_loss *l = tcb->loss;
    join_lost(&l->sent, i, tcb->mss);
    struct vt_sent *s = vt_sent_at(&l->sent, i);
    uint32_t fin = (s->flags & VT_SENT_FIN) != 0; /* it rides on the last segment */
    if (vt_sent_len(s) > most + fin &&
        vt_sentq_split(&l->sent, vt_tcp_core(tcb), i, vt_seq_add(s->from, most)))
        s = vt_sent_at(&l->sent, i);
    uint32_t n = vt_sent_len(s), off = s->from.v - tcb->snd_una.v;
    uint32_t left = off < tcb->sendq.bytes ? tcb->sendq.bytes - off : 0;
    uint16_t more = (uint16_t)((vt_tcb_is(tcb, VT_TCBF_FIN_SENT) ? VT_FIN : 0) |
                               (push || (s->flags & VT_SENT_PUSH) != 0 ? VT_PSH : 0));
    n = vt_tcp_send_data(tcb, s->from, n < left ? n : left, more, why);
    if (tcb->first_rexmt == 0) /* patience counts from the first try, successful or not */
        tcb->first_rexmt = vt_tcp_core(tcb)->now;
    if (n == 0)
        return 0;
    if (n < vt_sent_len(s) && vt_sentq_split(&l->sent, vt_tcp_core(tcb), i, vt_seq_add(s->from, n)))
        s = vt_sent_at(&l->sent, i);
    s->at = vt_tcp_core(tcb)->now;
    vt_tcp_pmtu_unclear(tcb);
    count_again(tcb, s, n, why == VT_SEG_TLP);
    vt_sentq_flag(&l->sent, s, VT_SENT_AGAIN | ((s->flags & VT_SENT_LOST) != 0 ? VT_SENT_RETRANS : 0), 0);
    vt_tcp_rate_sent(tcb, s);
    vt_tcp_pace_sent(tcb, n);
    if (i == 0 && tcb->rexmt == VT_REXMT_RTO) /* the timer is that of the first segment's last copy */
        vt_tcp_timer_clear(tcb, VT_SLOT_REXMT);
    return n;
}

void vt_tcp_send_syn(struct vt_tcb *tcb)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    const struct vt_tcp_knobs *k = &tcp->knobs;
    struct vt_pbuf *p = vt_pbuf_new(tcp->core->pool);
    if (p == NULL)
        return; /* the timer tries again */
    bool ack = tcb->end.state == VT_TCP_SYN_RCVD;
    struct out s = {.tcp = tcp,
                    .src = &tcb->end.local,
                    .dst = &tcb->end.remote,
                    .conn = tcb->end.conn,
                    .mark = tcb->end.mark,
                    .why = tcb->retries != 0 ? VT_SEG_RTO : VT_SEG_NEW,
                    .state = tcb->end.state,
                    .tos = tcb->tos,
                    .ttl = tcb->ttl,
                    .cut = vt_pmtudisc_cuts(tcb->pmtudisc),
                    .hop_mtu = tcb->pmtudisc >= VT_PMTUDISC_PROBE};
    tcb->adv_mss = vt_tcp_adv_mss(tcp, tcb->end.remote.ip, tcb->user_mss);
    if (tcb->pmtu > 40 && tcb->pmtu - 40 < tcb->adv_mss) /* the SYN itself was too big */
        tcb->adv_mss = (uint16_t)(tcb->pmtu - 40);
    s.h.seq = tcb->iss;
    s.h.flags = ack ? VT_SYN | VT_ACK : VT_SYN;
    s.h.flags |= ack ? vt_tcp_ecn_synack_flags(&tcb->agreed, tcb->retries) : vt_tcp_ecn_syn_flags(tcb);
    s.h.ack = ack ? tcb->rcv_nxt : vt_seq(0);
    /* In a simultaneous open the window has been told already. */
    s.wnd = s.h.wnd = ack ? (uint16_t)vt_tcp_rcv_wnd(tcb) : vt_tcp_syn_window(tcb, tcb->adv_mss);
    s.o.mss_ok = true; /* MUST-14, SHLD-5 */
    s.o.mss = tcb->adv_mss;
    s.o.ts_ok = ack ? tcb->agreed.ts : k->timestamps != 0;
    s.o.tsval = vt_tcp_ts_now(tcp->core, tcb->ts_offset);
    s.o.tsecr = ack ? tcb->ts_recent : 0;
    s.o.sack_ok = ack ? tcb->agreed.sack : k->sack != 0;
    s.o.wscale_ok = ack ? tcb->agreed.wscale : k->window_scaling != 0;
    s.o.wscale = vt_tcp_window_shift(tcp);
    s.sign = vt_tcp_sign_of(&tcb->end, tcb->iss, !ack);
    uint32_t text = vt_tcp_fo_fill(tcb, &s.o, p);
    tcb->snd_nxt = vt_seq_max(tcb->snd_nxt, vt_seq_add(tcb->iss, 1 + text));
    tcb->segs_out++;
    if (ack) {
        vt_tcp_delack_sent(tcb);
        tcb->rcv_adv = vt_seq_max(tcb->rcv_adv, vt_seq_add(tcb->rcv_nxt, s.wnd));
    }
    emit_segment(&s, p);
}

/* ---- Segments of those that have no control block ---- */

void vt_tcp_send_synack(struct vt_tcp_request *r, const struct vt_tcp_cookie *fo)
{
    struct vt_tcp *tcp = r->end.tcp;
    const struct vt_tcb *l = r->listener->tcb;
    struct vt_pbuf *p = vt_pbuf_new(tcp->core->pool);
    if (p == NULL)
        return;
    struct out s = {.tcp = tcp,
                    .src = &r->end.local,
                    .dst = &r->end.remote,
                    .conn = r->end.conn,
                    .mark = r->end.mark,
                    .why = !r->end.in_table  ? VT_SEG_COOKIE
                           : r->retries != 0 ? VT_SEG_RTO
                                             : VT_SEG_NEW,
                    .state = r->end.state,
                    .tos = l->tos,
                    .ttl = l->ttl,
                    .cut = vt_pmtudisc_cuts(l->pmtudisc),
                    .hop_mtu = l->pmtudisc >= VT_PMTUDISC_PROBE};
    s.h.seq = r->iss;
    s.h.ack = vt_seq_add(r->irs, 1);
    s.h.flags = VT_SYN | VT_ACK | vt_tcp_ecn_synack_flags(&r->agreed, r->retries);
    if (r->agreed.ecn == VT_ECN_ACCURATE && r->sent == 0 && tcp->knobs.ecn_option != 0)
        s.o.acc = (struct vt_tcp_acc_opt){.fields = 3, .e0b = 1, .e1b = 1}; /* RFC 9768 3.2.3.2.1 */
    s.wnd = s.h.wnd = (uint16_t)r->rcv_wnd;
    s.o.mss_ok = true;
    s.o.mss = vt_tcp_adv_mss(tcp, r->end.remote.ip, l->user_mss);
    s.o.ts_ok = r->agreed.ts;
    s.o.tsval = vt_tcp_ts_now(tcp->core, r->ts_offset);
    s.o.tsecr = r->ts_recent;
    s.o.sack_ok = r->agreed.sack;
    s.o.wscale_ok = r->agreed.wscale;
    s.o.wscale = r->agreed.rcv_scale;
    s.sign = vt_tcp_sign_of(&r->end, r->iss, false);
    if (fo != NULL)
        s.o.fo = *fo;
    r->sent_again = r->sent != 0;
    if (r->sent == 0)
        r->sent = tcp->core->now;
    emit_segment(&s, p);
}

void vt_tcp_reply_ack(struct vt_tcp_end *e, struct vt_seq seq, struct vt_seq ack, uint16_t wnd,
                      const struct vt_tcp_opts *opts, enum vt_seg_why why)
{
    struct vt_pbuf *p = vt_pbuf_new(e->tcp->core->pool);
    if (p == NULL)
        return;
    struct out s = {.tcp = e->tcp,
                    .src = &e->local,
                    .dst = &e->remote,
                    .conn = e->conn,
                    .mark = e->mark,
                    .why = why,
                    .state = e->state,
                    .o = *opts};
    s.h.seq = seq;
    s.h.ack = ack;
    s.h.flags = VT_ACK;
    s.sign = vt_tcp_sign_of(e, seq, false);
    s.wnd = s.h.wnd = wnd;
    emit_segment(&s, p);
}

/* RFC 9293 3.10.7.1: a RST that the sender of `seg` will take: its ACK as our number, or its number
 * acknowledged. */
void vt_tcp_reply_rst(struct vt_tcp *tcp, const struct vt_tcp_seg *seg, uint32_t conn)
{
    if ((seg->flags & VT_RST) != 0) /* V56: a RST is never answered */
        return;
    struct vt_pbuf *p = vt_pbuf_new(tcp->core->pool);
    if (p == NULL)
        return;
    struct out s = {.tcp = tcp,
                    .src = &seg->dst,
                    .dst = &seg->src,
                    .conn = conn,
                    .why = VT_SEG_RESET,
                    .state = VT_TCP_CLOSED};
    s.sign = vt_tcp_sign_rst(tcp, seg);
    if ((seg->flags & VT_ACK) != 0) {
        s.h.seq = seg->ack;
        s.h.flags = VT_RST;
    } else {
        s.h.ack = vt_seq_add(seg->seq, vt_tcp_seg_len(seg));
        s.h.flags = VT_RST | VT_ACK;
    }
    emit_segment(&s, p);
}

void vt_tcp_challenge(struct vt_tcb *tcb)
{
    /* RFC 5961 7, kept per connection and with a jittered limit, so that it tells nothing of others (V53,
     * CVE-2016-5696). */
    struct vt_core *core = vt_tcp_core(tcb);
    if (tcb->challenge_at == 0 || core->now - tcb->challenge_at >= (vt_time)VT_SEC) {
        uint32_t limit = (uint32_t)tcb->end.tcp->knobs.challenge_ack_limit;
        tcb->challenge_at = core->now != 0 ? core->now : 1;
        tcb->challenges = limit / 2 + (uint32_t)vt_rng_below(&core->rng, limit / 2 + 1) + 1;
    }
    if (tcb->challenges == 0)
        return;
    tcb->challenges--;
    vt_tcp_send_ack(tcb, VT_SEG_CHALLENGE);
}

/* Segments out: what may be sent now, and how a segment is built.
 *
 * Each segment is an event, and the frame that carries it names that event as its cause. Payload goes by
 * reference from the send queue; only the header is written. */
#include "transport/tcp.h"

#define SACKS_MAX 36u                  /* the SACK option at its longest, padded */
#define GSO_MAX   (65535u - 40u - 40u) /* an IP packet's length has 16 bits: headers and options taken off */

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
    vt_event_end(&s->tcp->core->ev, r, NULL, 0);
}

/* Puts the header before the payload in p, the checksum in it, and hands it to IP. Takes p. */
static void emit_segment(struct out *s, struct vt_pbuf *p)
{
    struct vt_core *core = s->tcp->core;
    uint8_t opts[40];
    s->o.reserved = (uint8_t)vt_tcp_sign_len(s->sign.key);
    uint32_t payload = p->len, olen = vt_tcp_build_opts(opts, &s->o);
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
                            .df = true}; /* RFC 1191 */
    vt_ip_output(s->tcp->net, p, &out);
}

/* ---- Segments of a control block ---- */

static void fill_opts(struct vt_tcb *tcb, struct vt_tcp_opts *o, bool sacks)
{
    if (tcb->agreed.ts) {
        o->ts_ok = true;
        o->tsval = vt_tcp_ts_now(vt_tcp_core(tcb), tcb->ts_offset);
        o->tsecr = tcb->ts_recent;
    }
    if (sacks && tcb->agreed.sack && tcb->ooo != NULL)
        vt_tcp_sack_fill(tcb, o);
}

/* The window as it goes into a header, and that it has been told. */
static uint16_t tell_window(struct vt_tcb *tcb, uint32_t *bytes)
{
    uint32_t wnd = vt_tcp_rcv_window(tcb);
    uint32_t field = wnd >> tcb->agreed.rcv_scale;
    *bytes = field << tcb->agreed.rcv_scale;
    struct vt_seq edge = vt_seq_add(tcb->rcv_nxt, *bytes);
    if (vt_seq_gt(edge, tcb->rcv_adv))
        tcb->rcv_adv = edge;
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

static void send_segment(struct vt_tcb *tcb, struct vt_pbuf *p, struct vt_seq seq, uint16_t flags,
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
                    .ttl = tcb->ttl};
    s.h.seq = seq;
    s.h.flags = flags;
    if ((flags & VT_ACK) != 0)
        s.h.ack = tcb->rcv_nxt;
    s.gso = p->len > tcb->mss ? tcb->mss : 0;
    s.sign = vt_tcp_sign_of(&tcb->end, seq, false);
    /* RFC 2018 4: blocks go with every ACK, and so with text that leaves them room. */
    fill_opts(tcb, &s.o, p->len == 0 || p->len + SACKS_MAX <= tcb->mss);
    s.h.wnd = tell_window(tcb, &s.wnd);
    fill_urgent(tcb, seq, &s.h);
    tcb->segs_out++;
    if ((flags & VT_ACK) != 0)
        vt_tcp_delack_sent(tcb);
    emit_segment(&s, p);
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

uint32_t vt_tcp_send_data(struct vt_tcb *tcb, struct vt_seq seq, uint32_t len, bool fin, enum vt_seg_why why)
{
    struct vt_pbuf *p = vt_pbuf_new(vt_tcp_core(tcb)->pool);
    if (p == NULL)
        return 0;
    uint32_t off = seq.v - tcb->snd_una.v;
    uint32_t n = len != 0 ? vt_sendq_slice(&tcb->sendq, off, len, p) : 0;
    if (n > tcb->mss && n < len) { /* out of fragments: full segments only */
        n -= n % tcb->mss;
        vt_pbuf_trim(p, n);
    }
    uint16_t flags = VT_ACK;
    bool last = off + n == tcb->sendq.bytes;
    if (n != 0 && last)
        flags |= VT_PSH; /* MUST-61: the last that there is to send */
    if (fin && last)
        flags |= VT_FIN;
    tcb->data_segs_out += n != 0;
    if (n != 0)
        vt_tcp_delack_answered(tcb);
    tcb->bytes_sent += n;
    tcb->last_data_sent = vt_tcp_core(tcb)->now;
    send_segment(tcb, p, seq, flags, why);
    return n + ((flags & VT_FIN) != 0);
}

/* Small segments that are lost side by side go again as one, as far as `most` reaches. */
static void join_lost(struct vt_sentq *q, uint32_t i, uint32_t most)
{
    while (i + 1 < q->n) {
        const struct vt_sent *s = vt_sent_at(q, i), *next = vt_sent_at(q, i + 1);
        if ((s->flags & VT_SENT_LOST) == 0 || s->flags != next->flags || next->to.v - s->from.v > most)
            break;
        vt_sentq_merge(q, i);
    }
}

uint32_t vt_tcp_retransmit(struct vt_tcb *tcb, uint32_t i, uint32_t most, enum vt_seg_why why)
{
    struct vt_loss *l = tcb->loss;
    struct vt_core *core = vt_tcp_core(tcb);
    join_lost(&l->sent, i, most < tcb->mss ? most : tcb->mss);
    struct vt_sent *s = vt_sent_at(&l->sent, i);
    if (vt_sent_len(s) > most && vt_sentq_split(&l->sent, core, i, vt_seq_add(s->from, most)))
        s = vt_sent_at(&l->sent, i);
    uint32_t n = vt_sent_len(s), off = s->from.v - tcb->snd_una.v;
    uint32_t left = off < tcb->sendq.bytes ? tcb->sendq.bytes - off : 0;
    n = vt_tcp_send_data(tcb, s->from, n < left ? n : left, vt_tcb_is(tcb, VT_TCBF_FIN_SENT), why);
    if (n == 0)
        return 0;
    l->last_rexmt_ts = vt_tcp_ts_now(core, tcb->ts_offset);
    if (!l->rexmt_ts_set) {
        l->rexmt_ts_set = true;
        l->rexmt_ts = l->last_rexmt_ts;
    }
    if (tcb->first_rexmt == 0)
        tcb->first_rexmt = core->now;
    tcb->total_retrans++;
    tcb->bytes_retrans += n;
    l->undo_retrans += n;
    s->at = core->now;
    vt_sentq_flag(&l->sent, s, VT_SENT_AGAIN | ((s->flags & VT_SENT_LOST) != 0 ? VT_SENT_RETRANS : 0), 0);
    return n;
}

void vt_tcp_send_syn(struct vt_tcb *tcb)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    const struct vt_tcp_knobs *k = &tcp->knobs;
    struct vt_pbuf *p = vt_pbuf_new(tcp->core->pool);
    bool ack = tcb->end.state == VT_TCP_SYN_RCVD;
    struct out s = {.tcp = tcp,
                    .src = &tcb->end.local,
                    .dst = &tcb->end.remote,
                    .conn = tcb->end.conn,
                    .mark = tcb->end.mark,
                    .why = tcb->retries != 0 ? VT_SEG_RTO : VT_SEG_NEW,
                    .state = tcb->end.state,
                    .tos = tcb->tos,
                    .ttl = tcb->ttl};
    tcb->adv_mss = vt_tcp_adv_mss(tcp, tcb->end.remote.ip, tcb->user_mss);
    s.h.seq = tcb->iss;
    s.h.flags = ack ? VT_SYN | VT_ACK : VT_SYN;
    s.h.ack = ack ? tcb->rcv_nxt : vt_seq(0);
    s.wnd = s.h.wnd = vt_tcp_syn_window(tcb);
    s.o.mss_ok = true; /* MUST-14, SHLD-5 */
    s.o.mss = tcb->adv_mss;
    s.o.ts_ok = ack ? tcb->agreed.ts : k->timestamps != 0;
    s.o.tsval = vt_tcp_ts_now(tcp->core, tcb->ts_offset);
    s.o.tsecr = ack ? tcb->ts_recent : 0;
    s.o.sack_ok = ack ? tcb->agreed.sack : k->sack != 0;
    s.o.wscale_ok = ack ? tcb->agreed.wscale : k->window_scaling != 0;
    s.o.wscale = vt_tcp_window_shift(tcp);
    s.sign = vt_tcp_sign_of(&tcb->end, tcb->iss, !ack);
    tcb->snd_nxt = vt_seq_add(tcb->iss, 1);
    tcb->segs_out++;
    if (p != NULL)
        emit_segment(&s, p);
}

/* ---- Segments of those that have no control block ---- */

void vt_tcp_send_synack(struct vt_tcp_request *r)
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
                    .why = r->retries != 0 ? VT_SEG_RTO : VT_SEG_NEW,
                    .state = r->end.state,
                    .tos = l->tos,
                    .ttl = l->ttl};
    s.h.seq = r->iss;
    s.h.ack = vt_seq_add(r->irs, 1);
    s.h.flags = VT_SYN | VT_ACK;
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
    r->sent_again = r->sent != 0;
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

/* ---- What may be sent now ---- */

/* RFC 9293 3.7.4 and 3.8.6.2.1 (MUST-38): whether `len` bytes, less than a full segment, are worth sending.
 * `all`: nothing would be left behind them. */
static bool worth_sending(const struct vt_tcb *tcb, uint32_t len, bool all)
{
    if (!all) /* the window allows no more: half of the largest that there was is enough */
        return len >= tcb->max_wnd / 2 && (vt_tcp_flight(tcb) == 0 || vt_tcb_is(tcb, VT_TCBF_NODELAY));
    if (vt_tcb_is(tcb, VT_TCBF_FIN_QUEUED))
        return true;
    if (vt_tcb_is(tcb, VT_TCBF_CORK))
        return false;
    if (vt_tcb_is(tcb, VT_TCBF_NODELAY) || vt_tcb_is(tcb, VT_TCBF_URG_OUT))
        return true;
    /* Nagle in Minshall's form, as Linux has it: one small segment may be out. */
    return !(vt_seq_gt(tcb->snd_small, tcb->snd_una) && vt_seq_le(tcb->snd_small, tcb->snd_nxt));
}

/* The numbers that the peer's window and the congestion window leave, from SND.NXT on. */
static uint32_t usable(const struct vt_tcb *tcb)
{
    uint32_t flight = vt_tcp_flight(tcb), pipe = vt_tcp_pipe(tcb);
    uint32_t wnd = tcb->snd_wnd > flight ? tcb->snd_wnd - flight : 0;
    uint32_t cwnd = tcb->cc.cwnd > pipe ? tcb->cc.cwnd - pipe : 0;
    return wnd < cwnd ? wnd : cwnd;
}

static bool can_send(const struct vt_tcb *tcb)
{
    switch (tcb->end.state) {
    case VT_TCP_ESTABLISHED:
    case VT_TCP_CLOSE_WAIT:
    case VT_TCP_FIN_WAIT1:
    case VT_TCP_CLOSING:
    case VT_TCP_LAST_ACK: return true;
    default: return false;
    }
}

/* What was sent: SND.NXT moves, and a record tells of it. */
static bool sent(struct vt_tcb *tcb, uint32_t n)
{
    struct vt_seq from = tcb->snd_nxt;
    tcb->snd_nxt = vt_seq_add(tcb->snd_nxt, n);
    if (n % tcb->mss != 0)
        tcb->snd_small = tcb->snd_nxt;
    if (vt_tcp_flight(tcb) > tcb->sendq.bytes)
        tcb->flags |= VT_TCBF_FIN_SENT;
    if (tcb->ca == VT_CA_RECOVERY)
        tcb->loss->prr_out += n;
    return vt_tcp_sent_new(tcb, from, tcb->snd_nxt);
}

/* Sends the next segment if there is one to be sent. */
static bool send_next(struct vt_tcb *tcb, uint32_t room, uint32_t most)
{
    uint32_t off = vt_tcp_flight(tcb);
    if (off > tcb->sendq.bytes) /* the FIN is out */
        return false;
    uint32_t left = tcb->sendq.bytes - off;
    uint32_t len = left < room ? left : room;
    len = len < most ? len : most;
    bool all = len == left;
    bool fin = all && vt_tcb_is(tcb, VT_TCBF_FIN_QUEUED) && tcb->snd_wnd > off + len;
    if (len == 0 && !fin)
        return false;
    if (len > tcb->mss && len < left)
        len -= len % tcb->mss;
    else if (len > tcb->mss && len % tcb->mss != 0 && !worth_sending(tcb, len % tcb->mss, all))
        len -= len % tcb->mss;
    else if (len < tcb->mss && !fin && !worth_sending(tcb, len, all))
        return false;
    if (!vt_tcp_loss_ready(tcb) || !vt_sentq_room(&tcb->loss->sent, vt_tcp_core(tcb)))
        return false;
    uint32_t n = vt_tcp_send_data(tcb, tcb->snd_nxt, len, fin, VT_SEG_NEW);
    return n != 0 && sent(tcb, n);
}

bool vt_tcp_send_forced(struct vt_tcb *tcb)
{
    uint32_t left = tcb->sendq.bytes - vt_tcp_flight(tcb);
    uint32_t n = left < tcb->snd_wnd ? left : tcb->snd_wnd;
    n = n < tcb->mss ? n : tcb->mss;
    if (n == 0 || !vt_tcp_loss_ready(tcb) || !vt_sentq_room(&tcb->loss->sent, vt_tcp_core(tcb)))
        return false;
    n = vt_tcp_send_data(tcb, tcb->snd_nxt, n, false, VT_SEG_PROBE);
    return n != 0 && sent(tcb, n);
}

bool vt_tcp_send_one_new(struct vt_tcb *tcb)
{
    uint32_t flight = vt_tcp_flight(tcb);
    uint32_t room = tcb->snd_wnd > flight ? tcb->snd_wnd - flight : 0;
    return send_next(tcb, room < tcb->mss ? room : tcb->mss, tcb->mss);
}

/* What is lost goes before what is new (RFC 6675 5 (C)). True when something went. */
static bool send_lost(struct vt_tcb *tcb, uint32_t most)
{
    uint32_t i;
    struct vt_sent *s = vt_tcp_next_lost(tcb, &i);
    if (s == NULL)
        return false;
    uint32_t pipe = vt_tcp_pipe(tcb), room = tcb->cc.cwnd > pipe ? tcb->cc.cwnd - pipe : 0;
    uint32_t want = vt_sent_len(s) < tcb->mss ? vt_sent_len(s) : tcb->mss;
    if (room < want && pipe != 0)
        return false;
    room = room > tcb->mss ? room - room % tcb->mss : tcb->mss;
    uint32_t n = vt_tcp_retransmit(tcb, i, room < most ? room : most,
                                   tcb->ca == VT_CA_LOSS ? VT_SEG_RTO : VT_SEG_FAST);
    if (tcb->ca == VT_CA_RECOVERY)
        tcb->loss->prr_out += n;
    return n != 0;
}

static uint32_t largest(const struct vt_tcb *tcb)
{
    if ((vt_net_features(tcb->end.tcp->net, tcb->end.remote.ip) & VT_DEV_TX_TSO4) == 0)
        return tcb->mss;
    if (tcb->auth != NULL) /* a device cannot sign what it cuts */
        return tcb->mss;
    uint32_t most = GSO_MAX;
    /* Loopback's segments are as large as that. */
    return most > tcb->mss ? most - most % tcb->mss : tcb->mss;
}

/* RFC 5681 4.1: after a silence of an RTO the window says nothing of the path any more. */
static void check_idle(struct vt_tcb *tcb)
{
    vt_time now = vt_tcp_core(tcb)->now;
    if (vt_tcp_flight(tcb) == 0 && tcb->sendq.bytes != 0 && now - tcb->last_data_sent > (vt_time)tcb->rto)
        tcb->cc.ops->idle(&tcb->cc, (uint32_t)tcb->end.tcp->knobs.init_cwnd);
}

/* Whether the congestion window is what held us back: half of it in slow start, all of it later (RFC
 * 7661 4.1, as Linux has it). */
static void note_limit(struct vt_tcb *tcb)
{
    uint32_t pipe = vt_tcp_pipe(tcb);
    tcb->cwnd_limited = tcb->cc.cwnd < tcb->cc.ssthresh ? 2 * (uint64_t)pipe > tcb->cc.cwnd
                                                        : (uint64_t)pipe + tcb->mss > tcb->cc.cwnd;
}

void vt_tcp_output(struct vt_tcb *tcb)
{
    if (can_send(tcb)) {
        check_idle(tcb);
        uint32_t most = largest(tcb);
        struct vt_seq was = tcb->snd_nxt;
        while (send_lost(tcb, most))
            ;
        while (send_next(tcb, usable(tcb), most))
            ;
        note_limit(tcb);
        vt_tcp_rearm(tcb, !vt_seq_eq(was, tcb->snd_nxt));
    }
    if (vt_tcb_is(tcb, VT_TCBF_ACK_NOW) && tcb->end.state >= VT_TCP_ESTABLISHED)
        vt_tcp_send_ack(tcb, VT_SEG_ACK);
}

void vt_tcp_run(struct vt_tcp *tcp)
{
    while (tcp->dirty != NULL) {
        struct vt_tcb *tcb = tcp->dirty;
        tcp->dirty = tcb->dirty_next;
        if (tcp->dirty == NULL)
            tcp->dirty_last = NULL;
        tcb->flags &= ~(uint32_t)VT_TCBF_DIRTY;
        tcp->core->ev.cause = (struct vt_event_id){tcb->cause, tcp->core->ev.node};
        if (tcb->end.state != VT_TCP_CLOSED)
            vt_tcp_output(tcb);
    }
    while (tcp->free_later != NULL) {
        struct vt_tcb *tcb = tcp->free_later;
        tcp->free_later = tcb->acc_next;
        vt_free(tcp->core, tcb, sizeof(*tcb));
    }
}

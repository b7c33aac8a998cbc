/* A segment's way in: parsed and checked, matched to who it is for, and for a synchronised connection the
 * ordered steps of RFC 9293 3.10.7.4, a function a step. */
#include "transport/tcp.h"

#define OOW_ACK_EVERY (500 * VT_MSEC)       /* Linux's tcp_invalid_ratelimit */
#define PAWS_IDLE     (24 * 86400 * VT_SEC) /* RFC 7323 5.5 */

static void emit_rx(struct vt_tcp *tcp, const struct vt_tcp_end *e, const struct vt_tcp_seg *seg,
                    uint32_t scaled)
{
    struct vt_events *ev = &tcp->core->ev;
    struct vt_event *r = vt_event_begin(ev, VT_EV_TCP_RX, VT_DOC_NONE);
    if (r != NULL) {
        r->iface = seg->in->nif->index;
        r->conn = e != NULL ? e->conn : 0;
        r->mark = e != NULL ? e->mark : 0;
        memcpy(r->u.seg.src, seg->src.ip.b, 16);
        memcpy(r->u.seg.dst, seg->dst.ip.b, 16);
        r->u.seg.sport = seg->src.port;
        r->u.seg.dport = seg->dst.port;
        r->u.seg.seq = seg->seq.v;
        r->u.seg.ack = seg->ack.v;
        r->u.seg.wnd = scaled;
        r->u.seg.len = seg->len;
        r->u.seg.flags = seg->flags;
        r->u.seg.state = e != NULL ? e->state : (uint8_t)VT_TCP_CLOSED;
        r->u.seg.mss = seg->opts.mss;
        r->u.seg.wscale = (uint8_t)(seg->opts.wscale_ok ? seg->opts.wscale + 1 : 0);
        r->u.seg.sacks = seg->opts.nsacks;
        r->u.seg.urgent = seg->urgent;
        r->u.seg.ecn = seg->in->tos & 3;
        vt_event_end(ev, r, NULL, 0);
    }
    ev->cause = vt_events_last(ev);
    seg->p->ev = ev->cause;
}

/* Parses and verifies; the headers are pulled off afterwards. */
static enum vt_drop parse(struct vt_tcp *tcp, struct vt_pbuf *p, const struct vt_ip_in *in,
                          struct vt_tcp_seg *seg)
{
    struct vt_tcp_hdr h;
    const uint8_t *b = vt_pbuf_peek(p, VT_TCP_HLEN);
    if (b == NULL)
        return VT_DROP_TCP_SHORT;
    if (vt_tcp_parse(b, p->len, &h) != 0)
        return VT_DROP_TCP_OFFSET;
    if (p->csum == VT_CSUM_NONE) { /* MUST-3 */
        uint32_t sum = vt_sum_pseudo(in->src, in->dst, VT_PROTO_TCP, p->len);
        if (vt_sum_finish(vt_pbuf_sum(tcp->core->sums, p, 0, p->len, sum)) != 0)
            return VT_DROP_TCP_CHECKSUM;
    }
    if (in->group || vt_ip_is_any(in->src)) /* MUST-57, MUST-63 */
        return VT_DROP_TCP_BAD_ADDR;
    b = vt_pbuf_pull(p, h.hlen);
    if (b == NULL)
        return VT_DROP_TCP_OFFSET;
    vt_tcp_parse_opts(b + VT_TCP_HLEN, h.hlen - (uint32_t)VT_TCP_HLEN, (h.flags & VT_SYN) != 0, &seg->opts);
    seg->p = p;
    seg->in = in;
    seg->src = (struct vt_addr){in->src, 0, h.sport};
    seg->dst = (struct vt_addr){in->dst, 0, h.dport};
    seg->hdr = b;
    seg->seq = h.seq;
    seg->ack = h.ack;
    seg->len = p->len;
    seg->wnd = h.wnd;
    seg->flags = h.flags;
    seg->urgent = (h.flags & VT_URG) != 0 ? h.urgent : 0;
    seg->hlen = h.hlen;
    seg->gso_size = p->gso != VT_GSO_NONE ? p->gso_size : 0;
    return VT_DROP_NONE;
}

void vt_tcp_drop_seg(struct vt_tcp_end *e, struct vt_tcp_seg *seg, enum vt_drop reason)
{
    struct vt_pbuf *p = seg->p;
    seg->p = NULL;
    vt_drop(e->tcp->core, p, reason, seg->in->nif->index, e->conn);
}

/* The segment did its work here, and had no text to keep. */
static void consume(struct vt_tcp *tcp, struct vt_tcp_seg *seg)
{
    if (seg->p == NULL)
        return;
    tcp->core->delivered++;
    vt_pbuf_free(seg->p);
    seg->p = NULL;
}

/* V56: no more RSTs to a destination than so many a second, so that a flood from a false source is not passed
 * on to it. Kept by keyed hash, and the number varies, so that nobody can count what is sent to others. */
static bool rst_allowed(struct vt_tcp *tcp, struct vt_ip to)
{
    uint32_t limit = (uint32_t)tcp->knobs.rst_per_second;
    uint32_t second = (uint32_t)(tcp->core->now / (uint64_t)VT_SEC) + 1;
    uint8_t name[21] = {'r'};
    if (limit == 0)
        return true;
    memcpy(name + 1, to.b, 16);
    struct vt_rst_bucket *b = &tcp->rst[vt_siphash(&tcp->core->key, name, 17) % VT_RST_BUCKETS];
    if (b->second != second) {
        vt_put32(name + 17, second);
        b->second = second;
        b->count = limit - (uint32_t)(vt_siphash(&tcp->core->key, name, 21) % (limit / 4 + 1));
    }
    if (b->count == 0)
        return false;
    b->count--;
    return true;
}

/* RFC 9293 3.10.7.1: nobody of that name. */
static void closed_segment(struct vt_tcp *tcp, struct vt_tcp_seg *seg)
{
    bool rst = (seg->flags & VT_RST) != 0;
    enum vt_drop reason = rst ? VT_DROP_TCP_RST_CLOSED : VT_DROP_TCP_NO_CONN;
    if (!rst && rst_allowed(tcp, seg->src.ip))
        vt_tcp_reply_rst(tcp, seg, 0);
    else if (!rst)
        reason = VT_DROP_TCP_RST_LIMIT;
    vt_drop(tcp->core, seg->p, reason, seg->in->nif->index, 0);
}

static uint32_t scale_of(const struct vt_tcp_end *e)
{
    if (e == NULL || e->kind == VT_TCP_KIND_TIMEWAIT)
        return 0;
    if (e->kind == VT_TCP_KIND_REQUEST)
        return ((const struct vt_tcp_request *)(const void *)e)->agreed.snd_scale;
    return ((const struct vt_tcb *)(const void *)e)->agreed.snd_scale;
}

/* Signatures are looked at before anything that the segment says is believed (RFC 2385 4.1, RFC 5925 7.5). */
static bool authentic(struct vt_tcp *tcp, struct vt_tcp_end *e, struct vt_tcp_listener *l,
                      struct vt_tcp_seg *seg)
{
    if (tcp->auths == 0 && (seg->opts.signature == 0 || tcp->core->crypto == NULL))
        return true; /* to a host that cannot sign these are options like any other: MUST-6 */
    enum vt_drop bad = vt_tcp_auth_check(tcp, e, l, seg);
    if (bad == VT_DROP_NONE)
        return true;
    vt_drop(tcp->core, seg->p, bad, seg->in->nif->index, e != NULL ? e->conn : l->tcb->end.conn);
    return false;
}

void vt_tcp_input(void *ctx, struct vt_pbuf *p, const struct vt_ip_in *in)
{
    struct vt_tcp *tcp = ctx;
    struct vt_tcp_seg seg;
    enum vt_drop bad = parse(tcp, p, in, &seg);
    if (bad != VT_DROP_NONE) {
        vt_drop(tcp->core, p, bad, in->nif->index, 0);
        return;
    }
    if ((seg.flags & (VT_SYN | VT_FIN)) == (VT_SYN | VT_FIN) && tcp->knobs.drop_synfin != 0) {
        vt_drop(tcp->core, p, VT_DROP_TCP_LISTEN_FLAGS, in->nif->index, 0);
        return;
    }
    struct vt_tcp_end *e = vt_tcp_table_find(tcp, &seg.dst, &seg.src);
    if (e == NULL) {
        struct vt_tcp_listener *l = vt_tcp_find_listener(tcp, &seg.dst, &seg.src);
        emit_rx(tcp, l != NULL ? &l->tcb->end : NULL, &seg, seg.wnd);
        if (!authentic(tcp, NULL, l, &seg))
            return;
        if (l != NULL)
            vt_tcp_listen_segment(l, tcp, &seg, NULL);
        else
            closed_segment(tcp, &seg);
        return;
    }
    if ((seg.flags & VT_SYN) == 0)
        seg.wnd <<= scale_of(e); /* RFC 7323 2.3: the window of a SYN is never scaled */
    emit_rx(tcp, e, &seg, seg.wnd);
    if (!authentic(tcp, e, NULL, &seg))
        return;
    switch (e->kind) {
    case VT_TCP_KIND_REQUEST: vt_tcp_request_segment((struct vt_tcp_request *)(void *)e, &seg); break;
    case VT_TCP_KIND_TIMEWAIT: vt_tcp_timewait_segment((struct vt_tcp_timewait *)(void *)e, &seg); break;
    default:
        if (e->state == VT_TCP_SYN_SENT)
            vt_tcp_syn_sent_segment(vt_tcb_of(e), &seg);
        else
            vt_tcp_segment(vt_tcb_of(e), &seg);
    }
    consume(tcp, &seg);
}

bool vt_tcp_seq_acceptable(struct vt_seq rcv_nxt, uint32_t rcv_wnd, const struct vt_tcp_seg *seg)
{
    uint32_t len = vt_tcp_seg_len(seg);
    if (rcv_wnd == 0) /* of what does not fit only the ACK, the RST and the urgent pointer count: MUST-66 */
        return vt_seq_eq(seg->seq, rcv_nxt);
    if (len == 0) /* one at the right edge too, as on Linux: a peer whose text fills the window acknowledges
                   * from there, and must be heard while that text is still on its way */
        return vt_seq_in(seg->seq, rcv_nxt, rcv_wnd) || vt_seq_eq(seg->seq, vt_seq_add(rcv_nxt, rcv_wnd));
    return vt_seq_in(seg->seq, rcv_nxt, rcv_wnd) ||
           vt_seq_in(vt_seq_add(seg->seq, len - 1), rcv_nxt, rcv_wnd) ||
           (vt_seq_lt(seg->seq, rcv_nxt) &&
            vt_seq_ge(vt_seq_add(seg->seq, len), vt_seq_add(rcv_nxt, rcv_wnd)));
}

bool vt_tcp_paws_old(uint32_t ts_recent, vt_time ts_recent_at, const struct vt_tcp_seg *seg, vt_time now)
{
    if (!seg->opts.ts_ok || (seg->flags & VT_RST) != 0) /* RFC 7323 5.2: a RST is exempt */
        return false;
    if ((int32_t)(seg->opts.tsval - ts_recent) >= 0)
        return false;
    return now - ts_recent_at < (vt_time)PAWS_IDLE;
}

/* An answer to a segment outside the window is not given too often, lest two confused ends answer each other
 * for ever (V67). */
static bool oow_answer_due(struct vt_tcb *tcb)
{
    vt_time now = vt_tcp_core(tcb)->now;
    if (tcb->oow_ack_at != 0 && now - tcb->oow_ack_at < (vt_time)OOW_ACK_EVERY)
        return false;
    tcb->oow_ack_at = now;
    return true;
}

/* An ACK that says where we are; text that comes again gets one each time. */
static void answer_oow(struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    if ((vt_tcp_seg_len(seg) == 0 || (seg->flags & VT_SYN) != 0) && !oow_answer_due(tcb))
        return;
    if (seg->len != 0 && vt_seq_lt(seg->seq, tcb->rcv_nxt))
        vt_tcp_quick_acks(tcb); /* the peer sends again: perhaps our ACKs are lost */
    vt_tcp_send_ack(tcb, VT_SEG_DUP_ACK);
}

/* The window in which a RST or a SYN counts: as it was told; or, as FreeBSD has it, all the room behind what
 * was acknowledged last, told or not. */
static bool in_reset_window(struct vt_tcb *tcb, struct vt_seq seq)
{
    if (tcb->end.tcp->profile->habit.rst_window)
        return vt_seq_in(seq, tcb->last_ack, vt_tcp_window_select(tcb));
    return vt_seq_in(seq, tcb->rcv_nxt, vt_tcp_rcv_wnd(tcb));
}

/* First: the timestamp, and the sequence number. */
static bool step_sequence(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    bool rst = (seg->flags & VT_RST) != 0;
    if (tcb->agreed.ts && vt_tcp_paws_old(tcb->ts_recent, tcb->ts_recent_at, seg, vt_tcp_core(tcb)->now)) {
        answer_oow(tcb, seg); /* RFC 7323 5.3 R1 */
        vt_tcp_drop_seg(&tcb->end, seg, VT_DROP_TCP_PAWS);
        return false;
    }
    bool wide = tcb->end.tcp->profile->habit.rst_window && (seg->flags & (VT_RST | VT_SYN)) != 0;
    bool ok = wide && in_reset_window(tcb, seg->seq);
    if (!ok && !vt_tcp_seq_acceptable(tcb->rcv_nxt, vt_tcp_rcv_wnd(tcb), seg)) {
        bool old = vt_seq_le(vt_seq_add(seg->seq, vt_tcp_seg_len(seg)), tcb->rcv_nxt) && seg->len != 0;
        if (old && (seg->flags & (VT_RST | VT_SYN)) == 0) /* those bring no text of this connection */
            vt_tcp_dsack_note(tcb, seg->seq, vt_seq_add(seg->seq, seg->len));
        if (!rst)
            answer_oow(tcb, seg);
        vt_tcp_drop_seg(&tcb->end, seg, old ? VT_DROP_TCP_DUPLICATE : VT_DROP_TCP_WINDOW);
        return false;
    }
    return true;
}

/* Second: RST. RFC 5961 3.2: only one exactly at RCV.NXT resets; elsewhere in the window it is challenged;
 * outside, which is where one may still begin whose text reaches into the window, it is not answered. */
static bool step_rst(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    bool told = tcp->profile->habit.resets_told;
    if ((seg->flags & VT_RST) == 0)
        return true;
    bool within = in_reset_window(tcb, seg->seq);
    if (!vt_seq_eq(seg->seq, tcb->rcv_nxt) && !(within && tcp->knobs.insecure_rst != 0)) {
        if (within)
            vt_tcp_challenge(tcb);
        vt_tcp_drop_seg(&tcb->end, seg, VT_DROP_TCP_RST_BAD);
        return false;
    }
    switch (tcb->end.state) {
    case VT_TCP_SYN_RCVD: {
        bool child = (tcb->open & VT_OPEN_FO_CHILD) != 0;
        vt_tcp_fo_child_done(tcb, true);
        vt_tcp_done(tcb, child ? -VT_ECONNRESET : -VT_ECONNREFUSED, VT_DOC_RFC9293_3_10_7_4);
        break;
    }
    case VT_TCP_CLOSE_WAIT:
        vt_tcp_done(tcb, told ? -VT_ECONNRESET : -VT_EPIPE, VT_DOC_RFC9293_3_10_7_4);
        break;
    case VT_TCP_CLOSING:
    case VT_TCP_LAST_ACK: vt_tcp_done(tcb, told ? -VT_ECONNRESET : 0, VT_DOC_RFC9293_3_10_7_4); break;
    default: vt_tcp_done(tcb, -VT_ECONNRESET, VT_DOC_RFC9293_3_10_7_4);
    }
    return false;
}

/* Fourth: SYN. RFC 5961 4.2: in a synchronised state, wherever it lies, a challenge. */
static bool step_syn(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    if ((seg->flags & VT_SYN) == 0)
        return true;
    if (tcb->end.tcp->knobs.insecure_syn != 0) { /* as RFC 793 had it: the connection is reset */
        vt_tcp_drop_seg(&tcb->end, seg, VT_DROP_TCP_SYN_IN_WINDOW);
        vt_tcp_abort(tcb, -VT_ECONNRESET, VT_DOC_RFC9293_3_10_7_4);
        return false;
    }
    vt_tcp_challenge(tcb);
    vt_tcp_drop_seg(&tcb->end, seg, VT_DROP_TCP_SYN_IN_WINDOW);
    return false;
}

/* RFC 9293 3.5, figure 8: in a simultaneous open the peer's SYN comes a second time, with an ACK. The SYN has
 * been counted; the rest goes on as an ACK. */
static void simultaneous_open(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    if (tcb->end.state != VT_TCP_SYN_RCVD || (seg->flags & (VT_SYN | VT_ACK | VT_RST)) != (VT_SYN | VT_ACK))
        return;
    if (seg->len != 0 || !vt_seq_eq(seg->seq, tcb->irs) || !vt_seq_eq(seg->ack, tcb->snd_nxt))
        return;
    /* Linux acknowledges it again as text that comes twice. Ours does where SACK can say what that was (RFC
     * 2883 4); without, the figure has four segments, and the opening is silent. */
    vt_tcp_dsack_note(tcb, tcb->irs, vt_seq_add(tcb->irs, 1));
    if (tcb->agreed.sack && tcb->end.tcp->knobs.dsack != 0)
        tcb->flags |= VT_TCBF_ACK_NOW;
    vt_tcp_take_off_syn(seg);
}

/* RFC 7413 4.2.2, as Linux: the SYN of a fast opening that comes again asks for the SYN,ACK, which was lost.
 */
static bool fast_syn_again(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    if (tcb->end.state != VT_TCP_SYN_RCVD || (tcb->open & VT_OPEN_FO_CHILD) == 0 ||
        (seg->flags & (VT_SYN | VT_ACK | VT_RST | VT_FIN)) != VT_SYN || !vt_seq_eq(seg->seq, tcb->irs))
        return false;
    if (oow_answer_due(tcb))
        vt_tcp_send_syn(tcb);
    vt_tcp_drop_seg(&tcb->end, seg, VT_DROP_TCP_DUPLICATE);
    return true;
}

void vt_tcp_segment(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    tcb->segs_in++;
    tcb->data_segs_in += seg->len != 0;
    if (fast_syn_again(tcb, seg))
        return;
    simultaneous_open(tcb, seg);
    if (!step_sequence(tcb, seg) || !step_rst(tcb, seg) || !step_syn(tcb, seg))
        return;
    tcb->last_rcv = vt_tcp_core(tcb)->now;
    tcb->probes = 0;
    vt_tcp_life_restart(tcb); /* S16: each arrival resets the keepalive */
    if (!vt_tcp_step_ack(tcb, seg) || tcb->end.state == VT_TCP_CLOSED)
        return;
    vt_tcp_ecn_in(tcb, seg);
    vt_tcp_step_urg(tcb, seg);
    vt_tcp_step_text(tcb, seg);
    vt_tcp_step_fin(tcb, seg);
    vt_tcp_mark_dirty(tcb);
}

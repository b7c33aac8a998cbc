/* What may be sent now: the windows, Nagle, silly windows, the size of a burst, idleness. */
#include "transport/tcp.h"

#define DEFER_MOST VT_MSEC /* as Linux: a burst is not kept back for longer, to become larger */

/* RFC 9293 3.7.4 and 3.8.6.2.1 (MUST-38): whether `len` bytes, less than a full segment, are worth sending.
 * `all`: nothing would be left behind them. */
static bool worth_sending(const struct vt_tcb *tcb, uint32_t len, bool all)
{
    if (!all) /* the window allows no more: half of the largest that there was is enough */
        return len >= tcb->max_wnd / 2 && (vt_tcp_flight(tcb) == 0 || vt_tcb_is(tcb, VT_TCBF_NODELAY));
    if (vt_tcb_is(tcb, VT_TCBF_FIN_QUEUED) || vt_tcb_is(tcb, VT_TCBF_PUSH_OUT))
        return true;
    if (vt_tcb_is(tcb, VT_TCBF_CORK))
        return false;
    if (vt_tcb_is(tcb, VT_TCBF_NODELAY) || vt_tcb_is(tcb, VT_TCBF_URG_OUT))
        return true;
    /* Nagle in Minshall's form, as Linux has it: one small segment may be out. */
    return !(vt_seq_gt(tcb->snd_small, tcb->snd_una) && vt_seq_le(tcb->snd_small, tcb->snd_nxt));
}

static bool can_send(const struct vt_tcb *tcb)
{
    switch (tcb->end.state) {
    case VT_TCP_ESTABLISHED:
    case VT_TCP_CLOSE_WAIT:
    case VT_TCP_FIN_WAIT1:
    case VT_TCP_CLOSING:
    case VT_TCP_LAST_ACK: return true;
    case VT_TCP_SYN_RCVD: return (tcb->open & VT_OPEN_FO_CHILD) != 0; /* RFC 7413 4.2.2 */
    default: return false;
    }
}

/* What was sent: SND.NXT moves, and a record tells of it. */
static bool sent(struct vt_tcb *tcb, uint32_t n, uint8_t flags)
{
    struct vt_seq from = tcb->snd_nxt;
    struct vt_sentq *q = &tcb->loss->sent;
    if (q->n == 0) {
        vt_tcp_cc_event(tcb, VT_CC_TX_START);
        tcb->first_rexmt = 0;
    }
    tcb->snd_nxt = vt_seq_add(tcb->snd_nxt, n);
    if (n % tcb->mss != 0)
        tcb->snd_small = tcb->snd_nxt;
    if (vt_tcp_flight(tcb) > tcb->sendq.bytes)
        tcb->flags |= VT_TCBF_FIN_SENT;
    if (vt_tcp_reducing(tcb))
        tcb->loss->prr_out += n;
    if (!vt_tcp_sent_new(tcb, from, tcb->snd_nxt))
        return false;
    vt_sentq_flag(q, vt_sent_at(q, q->n - 1), flags, 0);
    vt_tcp_rate_sent(tcb, vt_sent_at(q, q->n - 1));
    vt_tcp_pace_sent(tcb, n);
    return true;
}

/* Whether the device cuts super-segments; it cannot sign what it cuts, and takes a CWR for the first one's
 * alone, where accurate ECN has a counter in all of them. */
static bool cuts(const struct vt_tcb *tcb)
{
    return tcb->auth == NULL && tcb->acc == NULL &&
           (vt_net_features(tcb->end.tcp->net, tcb->end.remote.ip) & VT_DEV_TX_TSO4) != 0;
}

/* What goes next, in one burst. */
struct burst {
    uint32_t len;
    uint8_t marks; /* enum vt_sendq_mark, of its last byte */
    bool fin;
};

/* Sends a burst: in one super-segment where the device cuts those, segment by segment elsewhere. The same
 * segments get PSH either way: the last of several, and what ends with a write. */
static bool send_burst(struct vt_tcb *tcb, const struct burst *b)
{
    bool super = cuts(tcb), mark = (b->marks & VT_SENDQ_PUSH) != 0 || (b->fin && b->len != 0); /* MUST-61 */
    uint32_t done = 0;
    do {
        uint32_t piece = super || b->len - done < tcb->mss ? b->len - done : tcb->mss;
        bool last = done + piece == b->len;
        bool push = mark || b->len > tcb->mss;
        uint16_t flags = (uint16_t)((last && push ? VT_PSH : 0) | (last && b->fin ? VT_FIN : 0));
        uint8_t record = (uint8_t)((last ? VT_SENT_BURST : 0) | (last && mark ? VT_SENT_PUSH : 0) |
                                   (last && (b->marks & VT_SENDQ_EOR) != 0 ? VT_SENT_EOR : 0));
        if (!vt_tcp_loss_ready(tcb) || !vt_sentq_room(&tcb->loss->sent, vt_tcp_core(tcb)))
            return false;
        uint32_t n = vt_tcp_send_data(tcb, tcb->snd_nxt, piece, flags, VT_SEG_NEW);
        if (n == 0 || !sent(tcb, n, n >= piece ? record : 0))
            return false;
        done += n < piece ? n : piece;
    } while (done < b->len);
    return true;
}

/* What the windows allow of the next bytes, as much as is worth a burst of at most `segs` segments; a small
 * one too when it goes `anyhow`. */
static bool next_burst(const struct vt_tcb *tcb, uint32_t segs, bool anyhow, struct burst *b)
{
    const struct vt_sendq *q = &tcb->sendq;
    uint32_t off = vt_tcp_flight(tcb);
    if (off > q->bytes) /* the FIN is out */
        return false;
    uint32_t left = q->bytes - off, wnd = tcb->snd_wnd > off ? tcb->snd_wnd - off : 0;
    uint64_t most = (uint64_t)(vt_tcb_is(tcb, VT_TCBF_URG_OUT) && segs != 0 ? 1 : segs) * tcb->mss;
    uint32_t len = left < wnd ? left : wnd;
    len = len < most ? len : (uint32_t)most;
    /* A burst ends with a unit, where that is the end of a whole segment: what was written together travels
     * together, as on Linux. */
    uint32_t unit = vt_sendq_unit_end(q, off, len);
    if (unit % tcb->mss == 0)
        len = unit;
    b->len = vt_sendq_reach(q, off, len, &b->marks);
    bool record = b->len < left && (b->marks & VT_SENDQ_EOR) != 0, all = b->len == left;
    uint32_t part = b->len % tcb->mss;
    b->fin = all && vt_tcb_is(tcb, VT_TCBF_FIN_QUEUED) && tcb->snd_wnd > off + b->len;
    if (b->len == 0 && !b->fin)
        return false;
    if (part != 0 && !record && !b->fin) {
        if (b->len < tcb->mss)
            return anyhow || worth_sending(tcb, part, all);
        if (!all || !worth_sending(tcb, part, all)) {
            b->len -= part;
            vt_sendq_reach(q, off, b->len, &b->marks);
        }
    }
    return true;
}

static bool send_next(struct vt_tcb *tcb, uint32_t segs)
{
    struct burst b;
    return next_burst(tcb, segs, false, &b) && send_burst(tcb, &b);
}

bool vt_tcp_send_forced(struct vt_tcb *tcb)
{
    uint32_t left = tcb->sendq.bytes - vt_tcp_flight(tcb);
    uint32_t n = left < tcb->snd_wnd ? left : tcb->snd_wnd;
    n = n < tcb->mss ? n : tcb->mss;
    if (n == 0 || !vt_tcp_loss_ready(tcb) || !vt_sentq_room(&tcb->loss->sent, vt_tcp_core(tcb)))
        return false;
    n = vt_tcp_send_data(tcb, tcb->snd_nxt, n, VT_PSH, VT_SEG_PROBE);
    return n != 0 && sent(tcb, n, VT_SENT_PUSH | VT_SENT_BURST);
}

bool vt_tcp_send_one_new(struct vt_tcb *tcb)
{
    struct burst b; /* RFC 8985 7.3: of what was not sent yet; Nagle does not hold a probe */
    return next_burst(tcb, 1, true, &b) && send_burst(tcb, &b);
}

/* Whether what follows record i was of one burst with it, and goes again at once, too: the window leaves
 * `room` behind it. */
static bool goes_on(const struct vt_tcb *tcb, uint32_t i, uint32_t room)
{
    const struct vt_sentq *q = &tcb->loss->sent;
    if (i + 1 >= q->n || (vt_sent_at(q, i)->flags & VT_SENT_BURST) != 0)
        return false;
    const struct vt_sent *next = vt_sent_at(q, i + 1);
    uint32_t want = vt_sent_len(next) < tcb->mss ? vt_sent_len(next) : tcb->mss;
    return (next->flags & (VT_SENT_LOST | VT_SENT_RETRANS)) == VT_SENT_LOST && room >= want;
}

/* What is lost goes before what is new (RFC 6675 5 (C)). True when something went. Segments of one burst are
 * one again, with PSH on the last of several: `*burst` is where the next is to begin so as to be of it. */
static bool send_lost(struct vt_tcb *tcb, uint32_t most, struct vt_seq *burst)
{
    uint32_t i;
    struct vt_sent *s = vt_tcp_next_lost(tcb, &i);
    if (s == NULL || vt_tcp_pace_holds(tcb))
        return false;
    uint32_t pipe = vt_tcp_pipe(tcb), room = tcb->cc.cwnd > pipe ? tcb->cc.cwnd - pipe : 0;
    uint32_t want = vt_sent_len(s) < tcb->mss ? vt_sent_len(s) : tcb->mss;
    if (room < want && pipe != 0)
        return false;
    bool on = goes_on(tcb, i, room > want ? room - want : 0), push = vt_seq_eq(s->from, *burst) && !on;
    *burst = on ? s->to : tcb->snd_nxt;
    room = room > tcb->mss ? room - room % tcb->mss : tcb->mss;
    uint32_t n = vt_tcp_retransmit(tcb, i, room < most ? room : most, push,
                                   tcb->ca == VT_CA_LOSS ? VT_SEG_RTO : VT_SEG_FAST);
    if (vt_tcp_reducing(tcb))
        tcb->loss->prr_out += n;
    return n != 0;
}

/* Segments that the congestion window leaves; of a whole window half at most, so that two bursts are on their
 * way, as Linux has it. */
static uint32_t cwnd_quota(const struct vt_tcb *tcb)
{
    uint32_t pipe = vt_tcp_pipe(tcb), cwnd = tcb->cc.cwnd, mss = tcb->mss;
    if (pipe >= cwnd)
        return 0;
    uint32_t room = cwnd - pipe, segs = room / mss, half = cwnd / mss / 2;
    if (segs == 0) {
        uint32_t off = vt_tcp_flight(tcb);
        return off <= tcb->sendq.bytes && tcb->sendq.bytes - off <= room ? 1 : 0;
    }
    half = half != 0 ? half : 1;
    return segs < half ? segs : half;
}

/* Whether an ACK that is nearly here makes a burst larger that could go now. Only within a millisecond of the
 * last one: what comes in late goes out at once. `*by_cwnd`: the congestion window is what cuts it short. */
static bool worth_waiting(const struct vt_tcb *tcb, uint32_t segs, bool *by_cwnd)
{
    vt_time now = vt_tcp_core(tcb)->now;
    const struct vt_loss *l = tcb->loss;
    uint32_t off = vt_tcp_flight(tcb), left = tcb->sendq.bytes - off;
    if (l == NULL || l->sent.n == 0 || left <= tcb->mss || tcb->ca != VT_CA_OPEN || /* RFC 3042 */
        now - tcb->last_data_sent >= (vt_time)DEFER_MOST)
        return false;
    uint32_t pipe = vt_tcp_pipe(tcb), wnd = tcb->snd_wnd > off ? tcb->snd_wnd - off : 0;
    uint32_t cwnd = tcb->cc.cwnd > pipe ? tcb->cc.cwnd - pipe : 0, limit = cwnd < wnd ? cwnd : wnd;
    uint64_t whole = tcb->snd_wnd < tcb->cc.cwnd ? tcb->snd_wnd : tcb->cc.cwnd;
    int64_t divisor = tcb->end.tcp->knobs.tso_win_divisor;
    if (limit >= (uint64_t)segs * tcb->mss || (divisor != 0 && limit >= whole / (uint64_t)divisor) ||
        (divisor == 0 && limit > 3 * (uint32_t)tcb->mss))
        return false;
    vt_span ack_in = (vt_span)(vt_sent_at(&l->sent, 0)->at - now) + tcb->srtt;
    if (ack_in > (tcb->srtt / 2 < DEFER_MOST ? tcb->srtt / 2 : DEFER_MOST))
        return false;
    *by_cwnd = cwnd < wnd && cwnd <= left;
    if (*by_cwnd || (cwnd >= wnd && wnd <= left))
        return true;
    uint8_t marks; /* all of it could go; is more to come? */
    vt_sendq_reach(&tcb->sendq, off, left, &marks);
    return !vt_tcb_is(tcb, VT_TCBF_FIN_QUEUED) && (marks & VT_SENDQ_EOR) == 0;
}

/* RFC 5681 4.1, RFC 2861 3.1: after a silence the window says less and less of the path: half of it a
 * timeout, down to the restart window. A knob, since RFC 7661 counts on what was proven before. */
static void check_idle(struct vt_tcb *tcb)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    vt_time now = vt_tcp_core(tcb)->now;
    if (vt_tcp_flight(tcb) != 0 || tcb->sendq.bytes == 0 || tcb->snd_wnd == 0)
        return;
    vt_span silence = (vt_span)(now - tcb->last_data_sent);
    if (k->slow_start_after_idle == 0 || tcb->cc.ops->control != NULL || silence <= tcb->rto)
        return;
    uint64_t iw = (uint64_t)k->init_cwnd * tcb->mss;
    uint32_t cwnd = tcb->cc.cwnd, restart = iw < cwnd ? (uint32_t)iw : cwnd, most = cwnd / 4 * 3;
    if (tcb->cc.ssthresh < most) /* what was found out is not forgotten */
        tcb->cc.ssthresh = most;
    tcb->cc.ops->idle(&tcb->cc);
    while ((silence -= tcb->rto) > 0 && cwnd > restart)
        cwnd /= 2;
    tcb->cc.cwnd = cwnd > restart ? cwnd : restart;
    tcb->cwnd_full_at = now;
    tcb->cwnd_used = 0;
    vt_tcp_emit_cc(tcb, VT_DOC_RFC5681_4_1);
}

/* RFC 2861 3.2: a window that the program did not fill for a whole timeout comes half way down to what it
 * used. */
static void not_filled(struct vt_tcb *tcb)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    vt_time now = vt_tcp_core(tcb)->now;
    uint32_t flight = vt_tcp_flight(tcb);
    if (flight > tcb->cwnd_used)
        tcb->cwnd_used = flight;
    if (k->slow_start_after_idle == 0 || tcb->cc.ops->control != NULL ||
        (vt_span)(now - tcb->cwnd_full_at) < tcb->rto)
        return;
    uint64_t iw = (uint64_t)k->init_cwnd * tcb->mss;
    uint32_t used = iw > tcb->cwnd_used ? (uint32_t)iw : tcb->cwnd_used, most = tcb->cc.cwnd / 4 * 3;
    if (tcb->ca == VT_CA_OPEN && !vt_tcb_is(tcb, VT_TCBF_SEND_BLOCKED) && used < tcb->cc.cwnd) {
        if (tcb->cc.ssthresh < most)
            tcb->cc.ssthresh = most;
        tcb->cc.cwnd = tcb->cc.cwnd / 2 + used / 2;
        vt_tcp_emit_cc(tcb, VT_DOC_RFC5681_4_1);
    }
    tcb->cwnd_used = 0;
    tcb->cwnd_full_at = now;
}

bool vt_tcp_cwnd_limited(const struct vt_tcb *tcb)
{
    const struct vt_loss *l = tcb->loss;
    /* In slow start the window may be twice what was ever out: what was acknowledged proved that much. */
    return l != NULL &&
           (l->cwnd_limited || (tcb->cc.cwnd < tcb->cc.ssthresh && tcb->cc.cwnd / 2 < l->most_out));
}

/* Remembers, over a window of data, whether the congestion window is what held us back, and what was out at
 * most where it was not (RFC 7661's reason, in Linux's form). */
static void note_limit(struct vt_tcb *tcb, bool limited)
{
    struct vt_loss *l = tcb->loss;
    uint32_t flight = vt_tcp_flight(tcb);
    if (l == NULL)
        return;
    if (vt_seq_ge(tcb->snd_una, l->usage_end) || limited || (!l->cwnd_limited && flight > l->most_out)) {
        l->cwnd_limited = limited;
        l->most_out = flight;
        l->usage_end = tcb->snd_nxt;
    }
    if (vt_tcp_cwnd_limited(tcb)) {
        tcb->cwnd_used = 0;
        tcb->cwnd_full_at = vt_tcp_core(tcb)->now;
    } else {
        not_filled(tcb);
    }
}

static void send_new(struct vt_tcb *tcb, bool one)
{
    uint32_t segs = vt_tcp_burst_segs(tcb);
    struct vt_seq was = tcb->snd_nxt;
    bool limited = false;
    if (!one && vt_tcp_pmtu_probe(tcb) == VT_PROBE_WAIT)
        return;
    for (;;) {
        if (vt_tcp_pace_holds(tcb))
            break;
        uint32_t quota = cwnd_quota(tcb);
        quota = quota < segs ? quota : segs;
        if (!one && quota != 0 && worth_waiting(tcb, segs, &limited))
            break;
        if (!send_next(tcb, quota) || one)
            break;
    }
    limited = limited || vt_tcp_pipe(tcb) + tcb->mss > tcb->cc.cwnd;
    if (limited || !vt_seq_eq(was, tcb->snd_nxt))
        note_limit(tcb, limited);
}

/* RFC 5682 2.1 step 2.b: after a timeout something new goes before what is taken to be lost, to find out.
 * True: it has gone, and the rest waits for what its ACK tells. */
static bool new_first(struct vt_tcb *tcb)
{
    if (tcb->loss == NULL || tcb->ca != VT_CA_LOSS || tcb->loss->frto != VT_FRTO_NEW)
        return false;
    send_new(tcb, false);
    if (vt_seq_gt(tcb->snd_nxt, tcb->recover))
        return true;
    tcb->loss->frto = VT_FRTO_OFF;
    return false;
}

static void send_what_may_go(struct vt_tcb *tcb, bool one)
{
    struct vt_seq was = tcb->snd_nxt, burst = was;
    vt_tcp_pmtu_sync(tcb);
    uint32_t most = cuts(tcb) ? VT_TCP_GSO_MAX - VT_TCP_GSO_MAX % tcb->mss : tcb->mss;
    check_idle(tcb);
    if (!new_first(tcb))
        while (send_lost(tcb, most, &burst))
            ;
    send_new(tcb, one);
    vt_tcp_rearm(tcb, !vt_seq_eq(was, tcb->snd_nxt));
}

void vt_tcp_output_one(struct vt_tcb *tcb)
{
    if (can_send(tcb))
        send_what_may_go(tcb, true);
}

static bool fin_is_out(const struct vt_tcb *tcb)
{
    uint8_t s = tcb->end.state;
    return vt_tcb_is(tcb, VT_TCBF_FIN_SENT) && s != VT_TCP_FIN_WAIT2 && s != VT_TCP_TIME_WAIT;
}

void vt_tcp_output(struct vt_tcb *tcb)
{
    if (can_send(tcb))
        send_what_may_go(tcb, false);
    vt_tcp_chrono_update(tcb);
    vt_tcp_sndbuf_check(tcb);
    if (!vt_tcb_is(tcb, VT_TCBF_ACK_NOW) || tcb->end.state < VT_TCP_ESTABLISHED)
        return;
    if (fin_is_out(tcb) && tcb->end.tcp->profile->habit.fin_again)
        vt_tcp_send_empty(tcb, vt_seq_sub(tcb->snd_nxt, 1), VT_ACK | VT_FIN, VT_SEG_ACK);
    else
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
        vt_cc_release(&tcb->cc);
        if (tcb->pace != NULL)
            vt_free(tcp->core, tcb->pace, sizeof(*tcb->pace));
        if (tcb->acc != NULL)
            vt_free(tcp->core, tcb->acc, sizeof(*tcb->acc));
        vt_free(tcp->core, tcb, sizeof(*tcb));
    }
}

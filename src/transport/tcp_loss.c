/* Recovery: what is done when segments are taken to be lost. The states are Linux's (enum vt_tcp_ca): a
 * window that shrinks by proportional rate reduction (RFC 6937), recovery that ends at the highest number
 * that was out when it began (RFC 6582), a timeout (RFC 5681 3.1, RFC 6298 5), the tail loss probe (RFC 8985
 * 7), and taking it all back when nothing had been lost (RFC 3522, RFC 4015, RFC 3708). */
#include "transport/tcp.h"

#define DUP_THRESHOLD 3u
#define TLP_ACK_DELAY (200 * VT_MSEC) /* Linux's: the longest that a peer keeps an ACK back */

void vt_tcp_emit_cc(struct vt_tcb *tcb, enum vt_doc doc)
{
    struct vt_events *ev = &vt_tcp_core(tcb)->ev;
    struct vt_event *r = vt_event_begin(ev, VT_EV_TCP_CC, doc);
    if (r == NULL)
        return;
    r->conn = tcb->end.conn;
    r->mark = tcb->end.mark;
    r->u.cc.cwnd = tcb->cc.cwnd;
    r->u.cc.ssthresh = tcb->cc.ssthresh;
    r->u.cc.flight = vt_tcp_pipe(tcb);
    r->u.cc.srtt_us = (uint32_t)(tcb->srtt / VT_USEC);
    r->u.cc.rto_us = (uint32_t)(vt_tcp_rto(tcb) / VT_USEC);
    r->u.cc.recovery = tcb->ca >= VT_CA_RECOVERY;
    vt_event_end(ev, r, NULL, 0);
}

bool vt_tcp_loss_ready(struct vt_tcb *tcb)
{
    struct vt_core *core = vt_tcp_core(tcb);
    if (tcb->loss == NULL) {
        tcb->loss = vt_alloc(core, sizeof(*tcb->loss));
        if (tcb->loss == NULL)
            return false;
        tcb->loss->fack = tcb->loss->usage_end = tcb->snd_una;
    }
    return true;
}

void vt_tcp_loss_free(struct vt_tcb *tcb)
{
    struct vt_core *core = vt_tcp_core(tcb);
    if (tcb->loss == NULL)
        return;
    vt_sentq_clear(&tcb->loss->sent, core);
    vt_free(core, tcb->loss, sizeof(*tcb->loss));
    tcb->loss = NULL;
    tcb->ca = VT_CA_OPEN;
}

bool vt_tcp_sent_new(struct vt_tcb *tcb, struct vt_seq from, struct vt_seq to)
{
    struct vt_core *core = vt_tcp_core(tcb);
    struct vt_sent *s = vt_sentq_add(&tcb->loss->sent, core, from, to);
    if (s == NULL)
        return false;
    s->at = core->now;
    return true;
}

uint32_t vt_tcp_pipe(const struct vt_tcb *tcb)
{
    uint32_t out = vt_tcp_flight(tcb);
    const struct vt_loss *l = tcb->loss;
    if (l == NULL)
        return out;
    uint32_t gone = l->sent.sacked + l->sent.lost - l->sent.retrans;
    if (!tcb->agreed.sack) { /* each duplicate stands for a segment that has left (RFC 5681 3.2) */
        uint32_t dups = l->dup_acks * (uint32_t)tcb->mss;
        gone += dups < out - gone ? dups : out - gone;
    }
    return out > gone ? out - gone : 0;
}

struct vt_sent *vt_tcp_next_lost(struct vt_tcb *tcb, uint32_t *i)
{
    struct vt_loss *l = tcb->loss;
    if (l == NULL || l->sent.lost == l->sent.retrans)
        return NULL;
    for (*i = 0; *i < l->sent.n; ++*i) {
        struct vt_sent *s = vt_sent_at(&l->sent, *i);
        if ((s->flags & (VT_SENT_LOST | VT_SENT_RETRANS)) == VT_SENT_LOST)
            return s;
    }
    return NULL;
}

/* ---- Beginning, ending, undoing ---- */

/* What must be known to take it back. */
static void remember(struct vt_tcb *tcb)
{
    struct vt_loss *l = tcb->loss;
    l->prior_cwnd = tcb->cc.cwnd;
    l->prior_ssthresh = tcb->cc.ssthresh;
    l->undo = true;
    l->undo_retrans = l->sent.retrans;
    l->rexmt_ts_set = false;
}

static void enter_recovery(struct vt_tcb *tcb)
{
    struct vt_loss *l = tcb->loss;
    tcb->recover = tcb->snd_nxt;
    remember(tcb);
    l->recover_fs = vt_tcp_pipe(tcb);
    l->recover_fs = l->recover_fs > tcb->mss ? l->recover_fs : tcb->mss;
    tcb->cc.ops->loss(&tcb->cc, vt_tcp_flight(tcb), vt_tcp_core(tcb)->now);
    l->prr_delivered = l->prr_out = 0;
    tcb->ca = VT_CA_RECOVERY;
    if (tcb->reo_persist != 0 && --tcb->reo_persist == 0)
        tcb->reo_mult = 0;
    vt_tcp_emit_cc(tcb, VT_DOC_RFC5681_3_2);
}

/* RFC 6937 3.1: in proportion to what is delivered while more than ssthresh is out, then back up to it as in
 * slow start. */
static void rate_reduction(struct vt_tcb *tcb, const struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    uint32_t pipe = vt_tcp_pipe(tcb), ssthresh = tcb->cc.ssthresh;
    int64_t send;
    if (info->delivered == 0 && info->lost == 0)
        return; /* nothing has left that something could be sent for */
    l->prr_delivered += info->delivered;
    if (pipe > ssthresh) {
        send = (int64_t)(((uint64_t)l->prr_delivered * ssthresh + l->recover_fs - 1) / l->recover_fs) -
               (int64_t)l->prr_out;
    } else {
        int64_t limit = (int64_t)l->prr_delivered - (int64_t)l->prr_out;
        limit = limit > (int64_t)info->delivered ? limit : (int64_t)info->delivered;
        limit += tcb->mss;
        send = (int64_t)(ssthresh - pipe);
        send = send < limit ? send : limit;
    }
    if (send < 0)
        send = 0;
    if (l->prr_out == 0 && send < tcb->mss)
        send = tcb->mss; /* the first retransmission goes at once */
    tcb->cc.cwnd = pipe + (uint32_t)send;
}

static void open_again(struct vt_tcb *tcb, enum vt_doc doc)
{
    struct vt_loss *l = tcb->loss;
    if (tcb->ca == VT_CA_RECOVERY || tcb->ca == VT_CA_CWR)
        tcb->cc.cwnd = tcb->cc.ssthresh;
    tcb->ca = VT_CA_OPEN; /* and still backed off, until a round trip is measured: RFC 6298 5.7, Karn */
    l->dup_acks = 0;
    vt_tcp_emit_cc(tcb, doc);
}

/* Nothing had been lost: the window is what it was. */
static void undo(struct vt_tcb *tcb, enum vt_doc doc)
{
    struct vt_loss *l = tcb->loss;
    for (uint32_t i = 0; i < l->sent.n; i++)
        vt_sentq_flag(&l->sent, vt_sent_at(&l->sent, i), 0, VT_SENT_LOST | VT_SENT_RETRANS);
    if (tcb->cc.cwnd < l->prior_cwnd)
        tcb->cc.cwnd = l->prior_cwnd;
    if (tcb->cc.ssthresh < l->prior_ssthresh)
        tcb->cc.ssthresh = l->prior_ssthresh;
    l->undo = false;
    l->dup_acks = 0;
    tcb->ca = VT_CA_OPEN;
    tcb->backoff = 0;
    vt_tcp_emit_cc(tcb, doc);
}

/* RFC 3522 (Eifel): the ACK of a retransmitted segment echoes a time before it was sent again: the first had
 * arrived. RFC 3708: or the peer has told, by D-SACK, of every retransmission that it had it already. */
static bool was_spurious(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, const struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    if (!l->undo || tcb->ca < VT_CA_RECOVERY)
        return false;
    if (info->advanced && tcb->agreed.ts && seg->opts.ts_ok && seg->opts.tsecr != 0 && l->rexmt_ts_set &&
        (int32_t)(seg->opts.tsecr - l->rexmt_ts) < 0)
        return true;
    if (info->dsack && l->undo_retrans != 0) {
        uint32_t len = seg->opts.sack[0].to.v - seg->opts.sack[0].from.v;
        l->undo_retrans -= len < l->undo_retrans ? len : l->undo_retrans;
        return l->undo_retrans == 0;
    }
    return false;
}

/* ---- Peers without SACK (RFC 6582) ---- */

static void mark_first_lost(struct vt_tcb *tcb, struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    struct vt_sent *s = l->sent.n != 0 ? vt_sent_at(&l->sent, 0) : NULL;
    if (s == NULL)
        return;
    if (vt_sent_len(s) > tcb->mss &&
        !vt_sentq_split(&l->sent, vt_tcp_core(tcb), 0, vt_seq_add(s->from, tcb->mss)))
        return;
    vt_tcp_mark_lost(tcb, vt_sent_at(&l->sent, 0), info);
}

static void newreno(struct vt_tcb *tcb, struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    if (tcb->ca == VT_CA_RECOVERY && info->advanced && vt_seq_lt(tcb->snd_una, tcb->recover)) {
        uint32_t segs = (info->acked + tcb->mss - 1) /
                        tcb->mss; /* the hole, and duplicates that it explains */
        l->dup_acks -= segs - 1 < l->dup_acks ? segs - 1 : l->dup_acks;
        mark_first_lost(tcb, info); /* a partial ACK: the next hole is lost as well */
    } else if (info->advanced) {
        l->dup_acks = 0;
    } else if (tcb->ca < VT_CA_RECOVERY && l->dup_acks >= DUP_THRESHOLD &&
               vt_seq_gt(tcb->snd_una, tcb->recover)) {
        mark_first_lost(tcb, info); /* 3.2 (2): more than `recover`, or they are the last recovery's echo */
    }
}

/* ---- The steps after an ACK, and timeouts ---- */

void vt_tcp_tlp_ack(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, const struct vt_tcp_ack_info *info)
{
    if (!vt_tcb_is(tcb, VT_TCBF_TLP_OUT) || vt_seq_lt(seg->ack, tcb->tlp_end))
        return;
    bool beyond = vt_seq_gt(seg->ack, tcb->tlp_end);
    bool harmless = !vt_tcb_is(tcb, VT_TCBF_TLP_AGAIN) || info->dsack || tcb->ca >= VT_CA_CWR;
    /* RFC 8985 7.4.2: the ACK of its end may be the first copy's, only late. One beyond it, and no D-SACK of
     * a second copy until then: the probe repaired a loss, which counts as one. */
    if (harmless || beyond || (!info->advanced && seg->opts.nsacks == 0))
        tcb->flags &= ~(uint32_t)VT_TCBF_TLP_OUT;
    if (harmless || !beyond)
        return;
    tcb->cc.ops->loss(&tcb->cc, vt_tcp_flight(tcb), vt_tcp_core(tcb)->now);
    tcb->cc.cwnd = tcb->cc.ssthresh;
    vt_tcp_emit_cc(tcb, VT_DOC_RFC8985_7);
}

void vt_tcp_loss_ack(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    if (l == NULL)
        return;
    if (was_spurious(tcb, seg, info))
        undo(tcb, VT_DOC_RFC4015);
    if (tcb->ca >= VT_CA_RECOVERY && vt_seq_ge(tcb->snd_una, tcb->recover))
        open_again(tcb, VT_DOC_RFC6582_3_2);
    if (tcb->agreed.sack)
        vt_tcp_rack_detect(tcb, info);
    else
        newreno(tcb, info);
    if (tcb->ca < VT_CA_RECOVERY) {
        if (info->lost != 0)
            enter_recovery(tcb);
        else
            tcb->ca = l->sent.sacked != 0 || l->dup_acks != 0 ? VT_CA_DISORDER : VT_CA_OPEN;
    }
    if (tcb->ca == VT_CA_RECOVERY)
        rate_reduction(tcb, info);
}

void vt_tcp_loss_reorder_timeout(struct vt_tcb *tcb)
{
    struct vt_tcp_ack_info info = {0};
    vt_tcp_rack_detect(tcb, &info);
    if (info.lost == 0)
        return;
    if (tcb->ca < VT_CA_RECOVERY)
        enter_recovery(tcb);
    if (tcb->ca == VT_CA_RECOVERY)
        rate_reduction(tcb, &info);
}

void vt_tcp_loss_timeout(struct vt_tcb *tcb)
{
    struct vt_loss *l = tcb->loss;
    vt_time now = vt_tcp_core(tcb)->now;
    bool first = tcb->ca != VT_CA_LOSS || vt_seq_ge(tcb->snd_una, tcb->recover);
    if (tcb->ca < VT_CA_RECOVERY)
        remember(tcb);
    /* RFC 2018 8: a peer that has SACKed the first byte and does not acknowledge it has let go of it. */
    bool reneged = l->sent.n != 0 && (vt_sent_at(&l->sent, 0)->flags & VT_SENT_SACKED) != 0;
    for (uint32_t i = 0; i < l->sent.n; i++) {
        struct vt_sent *s = vt_sent_at(&l->sent, i);
        if (reneged)
            vt_sentq_flag(&l->sent, s, 0, VT_SENT_SACKED);
        if ((s->flags & VT_SENT_SACKED) != 0)
            continue;
        /* RFC 8985 6.3: the first, and what has been out for a round trip; what has just gone may yet arrive.
         */
        bool old = i == 0 || l->rack_rtt == 0 || reneged || now - s->at >= (vt_time)l->rack_rtt;
        vt_sentq_flag(&l->sent, s, old ? VT_SENT_LOST : 0, VT_SENT_RETRANS);
    }
    tcb->cc.ops->timeout(&tcb->cc, vt_tcp_flight(tcb), first, now);
    tcb->ca = VT_CA_LOSS;
    tcb->cc.cwnd = vt_tcp_pipe(tcb) + tcb->mss;
    tcb->recover = tcb->snd_nxt;
    l->dup_acks = 0;
    tcb->flags &= ~(uint32_t)VT_TCBF_TLP_OUT;
    l->reorder_at = 0;
    vt_tcp_emit_cc(tcb, VT_DOC_RFC6298_5);
}

/* ---- The tail loss probe (RFC 8985 7) ---- */

bool vt_tcp_tlp_wanted(const struct vt_tcb *tcb)
{
    const struct vt_loss *l = tcb->loss;
    return l != NULL && tcb->agreed.sack && tcb->ca == VT_CA_OPEN && l->sent.sacked == 0 &&
           !vt_tcb_is(tcb, VT_TCBF_TLP_OUT) && tcb->srtt != 0 && tcb->end.tcp->knobs.early_retrans != 0;
}

vt_span vt_tcp_tlp_wait(const struct vt_tcb *tcb)
{
    vt_span wait = 2 * tcb->srtt;
    if (vt_tcp_flight(tcb) <= tcb->mss)
        wait += TLP_ACK_DELAY;
    else
        wait += 2 * VT_MSEC;
    return wait;
}

void vt_tcp_tlp_send(struct vt_tcb *tcb)
{
    struct vt_loss *l = tcb->loss;
    struct vt_seq was = tcb->snd_nxt;
    tcb->flags |= VT_TCBF_TLP_OUT;
    tcb->flags &= ~(uint32_t)VT_TCBF_TLP_AGAIN;
    if (vt_tcp_send_one_new(tcb)) {
        tcb->tlp_end = tcb->snd_nxt;
        return;
    }
    /* No new segment can go: the last one again. */
    uint32_t i = l->sent.n - 1;
    struct vt_sent *s = vt_sent_at(&l->sent, i);
    if (vt_sent_len(s) > tcb->mss &&
        vt_sentq_split(&l->sent, vt_tcp_core(tcb), i, vt_seq_sub(s->to, tcb->mss)))
        i++;
    tcb->flags |= VT_TCBF_TLP_AGAIN;
    tcb->tlp_end = was;
    vt_tcp_retransmit(tcb, i, tcb->mss, VT_SEG_TLP);
}

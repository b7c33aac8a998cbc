/* Recovery: what is done when segments are taken to be lost. The states are Linux's (enum vt_tcp_ca): fast
 * recovery, which ends at the highest number that was out when it began (RFC 6675, RFC 6582), and what
 * follows a timeout (RFC 5681 3.1, RFC 6298 5). */
#include "transport/tcp.h"

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
        tcb->loss->fack = tcb->loss->lost_from = tcb->loss->usage_end = tcb->snd_una;
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

void vt_tcp_loss_idle(struct vt_tcb *tcb)
{
    struct vt_loss *l = tcb->loss;
    if (tcb->ca != VT_CA_OPEN)
        return; /* without SACK, until something above `recover` is acknowledged */
    /* A D-SACK of a second copy may come yet, of this flight; not after the next. */
    if ((l->undo || l->tlp_out) && !l->lingers) {
        vt_sentq_clear(&l->sent, vt_tcp_core(tcb));
        l->lingers = true;
        return;
    }
    vt_tcp_loss_free(tcb);
}

bool vt_tcp_sent_new(struct vt_tcb *tcb, struct vt_seq from, struct vt_seq to)
{
    struct vt_core *core = vt_tcp_core(tcb);
    bool fin = vt_tcb_is(tcb, VT_TCBF_FIN_SENT) &&
               vt_seq_eq(to, vt_seq_add(tcb->snd_una, tcb->sendq.bytes + 1));
    struct vt_sent *s = vt_sentq_add(&tcb->loss->sent, core, from, to, tcb->mss, fin);
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
    uint32_t gone = l->sent.sacked + l->sent.lost;
    if (!tcb->agreed.sack) { /* each duplicate stands for a segment that has left (RFC 5681 3.2) */
        uint64_t told = (uint64_t)l->reno_sacked * tcb->mss;
        gone += (uint32_t)(told < out - gone ? told : out - gone);
    }
    return out - gone + l->sent.retrans;
}

bool vt_tcp_any_again(const struct vt_tcb *tcb)
{
    const struct vt_sentq *q = &tcb->loss->sent;
    return q->retrans != 0 || (q->n != 0 && (vt_sent_at(q, 0)->flags & VT_SENT_AGAIN) != 0);
}

struct vt_sent *vt_tcp_next_lost(struct vt_tcb *tcb, uint32_t *i)
{
    struct vt_loss *l = tcb->loss;
    if (l == NULL || l->sent.lost == 0)
        return NULL;
    for (*i = vt_sentq_find(&l->sent, l->lost_from); *i < l->sent.n; ++*i) {
        struct vt_sent *s = vt_sent_at(&l->sent, *i);
        l->lost_from = s->from;
        if ((s->flags & (VT_SENT_LOST | VT_SENT_RETRANS)) == VT_SENT_LOST)
            return s;
    }
    return NULL;
}

/* ---- The steps after an ACK (Linux's order) ---- */

static void enter_recovery(struct vt_tcb *tcb)
{
    struct vt_loss *l = tcb->loss;
    bool reducing = vt_tcp_reducing(tcb);
    vt_tcp_undo_begin(tcb);
    if (reducing)
        l->prior_ssthresh = 0; /* the window is reduced for ECN's sake, too: no taking back */
    else
        vt_tcp_prr_begin(tcb);
    tcb->recover = tcb->snd_nxt;
    tcb->ca = VT_CA_RECOVERY;
    l->lingers = false;
    vt_tcp_emit_cc(tcb, VT_DOC_RFC5681_3_2);
}

/* Nothing is amiss, or not more than that something overtook something. */
static void keep_open(struct vt_tcb *tcb)
{
    const struct vt_loss *l = tcb->loss;
    bool amiss = l->sent.sacked != 0 || l->sent.lost != 0 || l->reno_sacked != 0 || vt_tcp_any_again(tcb);
    tcb->ca = amiss ? VT_CA_DISORDER : VT_CA_OPEN;
}

static void try_to_open(struct vt_tcb *tcb)
{
    if (!vt_tcp_any_again(tcb))
        tcb->loss->rexmt_ts_set = false;
    if (tcb->ca != VT_CA_CWR)
        keep_open(tcb);
}

static bool undo_by_dsack(struct vt_tcb *tcb)
{
    if (!tcb->loss->undo || tcb->loss->undo_segs != 0)
        return false;
    if (tcb->reo_persist < UINT8_MAX)
        tcb->reo_persist++;
    vt_tcp_undo(tcb, false);
    return true;
}

/* All is acknowledged that was out when recovery, or what follows a timeout, began. True: the state holds. */
static bool end_recovery(struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    struct vt_loss *l = tcb->loss;
    if (vt_tcp_may_undo(tcb, seg))
        vt_tcp_undo(tcb, false);
    else if (tcb->reo_persist != 0)
        tcb->reo_persist--;
    if (!tcb->agreed.sack && vt_seq_eq(tcb->snd_una, tcb->recover))
        return true; /* RFC 6582 4.1: duplicates of this ACK may be echoes of what was sent again */
    if (tcb->ca == VT_CA_RECOVERY)
        vt_tcp_prr_end(tcb);
    tcb->ca = VT_CA_OPEN;
    l->frto = VT_FRTO_OFF;
    vt_tcp_emit_cc(tcb, VT_DOC_RFC6582_3_2);
    return false;
}

/* A partial ACK whose echo shows that a hole was filled by what was sent first: reordering, after all. True:
 * what was sent again is still out, and must be seen through. */
static bool undo_partial(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    if (!l->undo || !vt_tcp_was_delayed(tcb, seg))
        return false;
    info->reordered = true;
    info->reord = info->una;
    vt_tcp_rack_reordering(tcb, info);
    if (l->sent.retrans != 0)
        return true;
    if (!vt_tcp_any_again(tcb))
        l->rexmt_ts_set = false;
    vt_tcp_undo(tcb, true);
    keep_open(tcb);
    return false;
}

static void detect(struct vt_tcb *tcb, struct vt_tcp_ack_info *info)
{
    if (!tcb->agreed.sack)
        vt_tcp_newreno_detect(tcb, info);
    else if (tcb->loss->rack_new)
        vt_tcp_rack_detect(tcb, info);
}

/* In fast recovery. True: there is nothing more to do for this ACK. */
static bool go_on(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, struct vt_tcp_ack_info *info)
{
    if (!info->advanced) {
        if (!tcb->agreed.sack)
            vt_tcp_newreno_duplicate(tcb, info);
    } else if (undo_partial(tcb, seg, info)) {
        return true;
    }
    if (undo_by_dsack(tcb))
        try_to_open(tcb);
    detect(tcb, info);
    if (tcb->ca != VT_CA_RECOVERY && tcb->loss->sent.lost != 0)
        enter_recovery(tcb); /* it was reordering, and then a loss as well */
    return true;
}

/* Neither in recovery nor after a timeout. */
static void look_out(struct vt_tcb *tcb, struct vt_tcp_ack_info *info)
{
    if (!tcb->agreed.sack) {
        if (info->advanced)
            tcb->loss->reno_sacked = 0;
        vt_tcp_newreno_duplicate(tcb, info);
    }
    if (tcb->ca <= VT_CA_DISORDER)
        undo_by_dsack(tcb);
    detect(tcb, info);
    if (tcb->loss->sent.lost == 0)
        try_to_open(tcb);
    else if (!vt_tcp_pmtu_failed(tcb))
        enter_recovery(tcb);
}

/* True: the state that ended holds nevertheless, for now. */
static bool check_end(struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    if (vt_seq_lt(tcb->snd_una, tcb->recover))
        return false;
    if (tcb->ca == VT_CA_CWR && !vt_seq_eq(tcb->snd_una, tcb->recover)) {
        vt_tcp_prr_end(tcb);
        tcb->ca = VT_CA_OPEN;
    } else if (tcb->ca == VT_CA_RECOVERY) {
        if (!tcb->agreed.sack)
            tcb->loss->reno_sacked = 0;
        return end_recovery(tcb, seg);
    }
    return false;
}

void vt_tcp_loss_ack(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    if (info->reneged && info->advanced) {
        /* RFC 2018 8: it was SACKed, and is not acknowledged: a little later it counts as lost. */
        vt_span wait = tcb->srtt / 2 > 10 * VT_MSEC ? tcb->srtt / 2 : 10 * VT_MSEC;
        vt_tcp_rexmt_in(tcb, wait);
        return;
    }
    if (tcb->ca == VT_CA_OPEN)
        l->rexmt_ts_set = false;
    else if (check_end(tcb, seg))
        return;
    if (tcb->ca == VT_CA_RECOVERY && go_on(tcb, seg, info))
        return;
    if (tcb->ca == VT_CA_LOSS) {
        vt_tcp_frto_ack(tcb, seg, info);
        if (tcb->ca == VT_CA_LOSS && vt_seq_ge(tcb->snd_una, tcb->recover))
            end_recovery(tcb, seg);
        detect(tcb, info);
        if (tcb->ca != VT_CA_OPEN && !info->lost_again)
            return;
    }
    look_out(tcb, info);
}

void vt_tcp_loss_reorder_timeout(struct vt_tcb *tcb)
{
    struct vt_tcp_ack_info info = {0};
    vt_tcp_rack_detect(tcb, &info);
    if (info.lost == 0 || tcb->ca == VT_CA_RECOVERY || vt_tcp_pmtu_failed(tcb))
        return;
    enter_recovery(tcb);
    info.delivered = tcb->mss; /* as on Linux: one segment may go for what is lost */
    vt_tcp_prr(tcb, &info);
}

/* Everything that has been out long enough counts as lost (RFC 8985 6.3); what has just gone may yet arrive.
 */
static void mark_all_lost(struct vt_tcb *tcb)
{
    struct vt_loss *l = tcb->loss;
    vt_time now = vt_tcp_core(tcb)->now;
    struct vt_tcp_ack_info info = {0};
    /* RFC 2018 8: a peer that has SACKed the first byte and does not acknowledge it has let go of it, and
     * of what else it had SACKed. */
    bool reneged = l->sent.n != 0 && (vt_sent_at(&l->sent, 0)->flags & VT_SENT_SACKED) != 0;
    l->reno_sacked = 0;
    for (uint32_t i = 0; i < l->sent.n; i++) {
        struct vt_sent *s = vt_sent_at(&l->sent, i);
        if (reneged)
            vt_sentq_flag(&l->sent, s, 0, VT_SENT_SACKED);
        else if (i != 0 && tcb->agreed.sack && (vt_span)(now - s->at) < l->rack_rtt)
            continue;
        vt_tcp_mark_lost(tcb, s, &info);
    }
    if (reneged)
        l->fack = tcb->snd_una;
}

void vt_tcp_loss_timeout(struct vt_tcb *tcb)
{
    struct vt_loss *l = tcb->loss;
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    bool fresh = tcb->ca < VT_CA_RECOVERY;
    /* RFC 5681 3.1: a segment lost again does not lower ssthresh again; another one does. */
    bool first = tcb->ca <= VT_CA_DISORDER || vt_seq_le(tcb->recover, tcb->snd_una) ||
                 (tcb->ca == VT_CA_LOSS && tcb->retries == 0);
    /* So many duplicates, and yet no recovery before the timeout: the degree of reordering was too high. */
    uint32_t told = tcb->agreed.sack ? l->sent.sacked_segs : l->reno_sacked;
    if (tcb->ca <= VT_CA_DISORDER && told >= k->reordering && tcb->reordering > k->reordering)
        tcb->reordering = (uint16_t)k->reordering;
    mark_all_lost(tcb);
    if (first)
        vt_tcp_undo_begin(tcb);
    vt_tcp_ecn_reduced(tcb);
    tcb->cc.ops->timeout(&tcb->cc, vt_tcp_flight(tcb), first, vt_tcp_core(tcb)->now);
    tcb->cc.cwnd = vt_tcp_pipe(tcb) + tcb->mss;
    tcb->ca = VT_CA_LOSS;
    tcb->recover = tcb->snd_nxt;
    /* RFC 5682 2.1 step 1, 3.2: not when a recovery was going on, unless the same segment times out again. */
    bool frto = k->frto != 0 && (fresh || tcb->retries != 0) && !vt_tcp_pmtu_probing(tcb);
    l->frto = frto ? VT_FRTO_WAIT : VT_FRTO_OFF;
    vt_tcp_pmtu_unclear(tcb);
    l->tlp_out = false;
    l->lingers = false;
    l->reorder_at = 0;
    vt_tcp_emit_cc(tcb, VT_DOC_RFC6298_5);
}

void vt_tcp_loss_resize(struct vt_tcb *tcb)
{
    struct vt_loss *l = tcb->loss;
    struct vt_tcp_ack_info info = {0};
    for (uint32_t i = 0; l != NULL && i < l->sent.n; i++) {
        struct vt_sent *s = vt_sent_at(&l->sent, i);
        if (s->size > tcb->mss && vt_sent_len(s) > tcb->mss)
            vt_tcp_mark_lost(tcb, s, &info);
    }
    if (l == NULL || l->sent.lost == 0)
        return;
    /* The window stays: no more data are in the network than before. */
    if (tcb->ca != VT_CA_LOSS) {
        tcb->recover = tcb->snd_nxt;
        l->undo = false;
        l->prior_ssthresh = 0;
        l->frto = VT_FRTO_OFF;
        tcb->ca = VT_CA_LOSS;
    }
    vt_tcp_mark_dirty(tcb);
}

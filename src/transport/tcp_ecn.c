/* Explicit congestion notification (RFC 3168): agreeing on it, marks that come in and what is told of them,
 * and what the peer tells of ours. DCTCP's receiver (RFC 8257 3.2) and accurate feedback (RFC 9768,
 * tcp_accecn.c) stand beside it.
 *
 *   SYN                  SYN,ACK            then
 *   ECE CWR              ECE                RFC 3168: a CE is told by ECE until CWR comes
 *   AE ECE CWR           AE, CWR, both or   RFC 9768: the three bits count the CEs
 *                        CWR ECE
 */
#include "transport/tcp.h"

#define ECN_BITS ((uint16_t)(VT_AE | VT_CWR | VT_ECE))

static bool needs_ecn(const struct vt_tcb *tcb)
{
    return (tcb->cc.ops->flags & VT_CC_NEEDS_ECN) != 0;
}

void vt_tcp_emit_ecn(struct vt_tcb *tcb, enum vt_ecn_what what, uint32_t count)
{
    struct vt_events *ev = &vt_tcp_core(tcb)->ev;
    struct vt_event *r = vt_event_begin(ev, VT_EV_TCP_ECN, VT_DOC_RFC3168_6_1);
    if (r == NULL)
        return;
    r->conn = tcb->end.conn;
    r->mark = tcb->end.mark;
    r->u.ecn.what = what;
    r->u.ecn.count = count;
    vt_event_end(ev, r, NULL, 0);
}

/* ---- Agreeing ---- */

/* What our SYN asks for, as long as it is not fallen back from. */
static uint16_t asked(const struct vt_tcb *tcb)
{
    int64_t knob = tcb->end.tcp->knobs.ecn;
    if (knob == VT_ECN_KNOB_ACCURATE)
        return ECN_BITS;
    return knob == VT_ECN_KNOB_ON || knob == VT_ECN_KNOB_ACCURATE_IN || needs_ecn(tcb) ? VT_ECE | VT_CWR : 0;
}

uint16_t vt_tcp_ecn_syn_flags(const struct vt_tcb *tcb)
{
    uint16_t flags = asked(tcb);
    /* RFC 3168 6.1.1.1: the bits may be what keeps the SYN from being answered. RFC 9768 3.1.4.1: of accurate
     * ones a first copy still has them. */
    bool back = tcb->retries > ((flags & VT_AE) != 0 ? 1 : 0);
    return back && tcb->end.tcp->knobs.ecn_fallback != 0 ? 0 : flags;
}

void vt_tcp_ecn_take_syn(const struct vt_tcb *l, const struct vt_tcp_seg *seg, struct vt_tcp_agreed *a)
{
    int64_t knob = l->end.tcp->knobs.ecn;
    uint16_t bits = seg->flags & ECN_BITS, both = VT_ECE | VT_CWR;
    a->ecn = VT_ECN_NONE;
    a->syn_ecn = seg->in->tos & 3;
    if (bits == 0)
        return;
    if (knob >= VT_ECN_KNOB_ACCURATE && bits != both) /* RFC 9768 3.1.2: all that is not known is as good */
        a->ecn = VT_ECN_ACCURATE;
    else if ((bits & both) != both)
        return;
    else if (needs_ecn(l)) /* RFC 8257 3.1: its SYN may be marked, too */
        a->ecn = VT_ECN_CLASSIC;
    else if (knob != VT_ECN_KNOB_OFF && (a->syn_ecn == VT_ECN_NOT_ECT || (bits & VT_AE) != 0))
        a->ecn = VT_ECN_CLASSIC; /* RFC 3168 6.1.1: a SYN is not ECT; one that is comes from who knows whom */
}

uint16_t vt_tcp_ecn_synack_flags(const struct vt_tcp_agreed *a, uint32_t retries)
{
    static const uint16_t accurate[] = {
        /* RFC 9768 3.1.2, table 2: what the SYN had in its IP header */
        [VT_ECN_NOT_ECT] = VT_CWR,
        [VT_ECN_ECT1] = VT_CWR | VT_ECE,
        [VT_ECN_ECT0] = VT_AE,
        [VT_ECN_CE] = VT_AE | VT_CWR,
    };
    if (a->ecn == VT_ECN_CLASSIC)
        return VT_ECE;
    return a->ecn == VT_ECN_ACCURATE && retries < 2 ? accurate[a->syn_ecn] : 0; /* 3.1.4.2 */
}

void vt_tcp_ecn_take_synack(struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    uint16_t bits = seg->flags & ECN_BITS, both = VT_ECE | VT_CWR, ask = asked(tcb);
    struct vt_tcp_agreed *a = &tcb->agreed;
    a->ecn = VT_ECN_NONE;
    a->syn_ecn = seg->in->tos & 3;
    if (ask == 0)
        return;
    if ((seg->flags & VT_ACK) == 0) { /* both open */
        a->ecn = bits == both ? VT_ECN_CLASSIC : VT_ECN_NONE;
    } else if ((bits & ~(unsigned)VT_AE) == VT_ECE) { /* with AE: RFC 3540's nonce, which nobody has */
        a->ecn = VT_ECN_CLASSIC;
    } else if ((ask & VT_AE) != 0 && bits != 0 && bits != ECN_BITS) {
        a->ecn = VT_ECN_ACCURATE;
    }
}

/* ---- Out ---- */

uint8_t vt_tcp_ecn_out(struct vt_tcb *tcb, struct vt_seq seq, uint32_t len, uint16_t *flags)
{
    if ((*flags & VT_RST) != 0)
        return VT_ECN_NOT_ECT;
    if (tcb->acc != NULL)
        return vt_tcp_accecn_out(tcb, flags);
    if (tcb->agreed.ecn != VT_ECN_CLASSIC)
        return VT_ECN_NOT_ECT;
    if ((tcb->ecn & VT_ECNF_DEMAND) != 0 && (*flags & VT_ACK) != 0)
        *flags |= VT_ECE;
    bool fresh = len != 0 && vt_seq_ge(seq, tcb->snd_nxt);
    if (fresh && (tcb->ecn & VT_ECNF_CWR) != 0) { /* 6.1.2: once for each reduction, with something new */
        tcb->ecn &= (uint8_t)~VT_ECNF_CWR;
        *flags |= VT_CWR;
    }
    /* 6.1.4, 6.1.5: neither ACKs nor what is sent again; DCTCP's are all marked (RFC 8257 3.1). */
    return fresh || needs_ecn(tcb) ? VT_ECN_ECT0 : VT_ECN_NOT_ECT;
}

void vt_tcp_ecn_reduced(struct vt_tcb *tcb)
{
    if (tcb->agreed.ecn == VT_ECN_CLASSIC)
        tcb->ecn |= VT_ECNF_CWR;
}

/* ---- In ---- */

/* RFC 8257 3.2: when marking begins or ends, what came before is acknowledged as it was, at once. */
static void dctcp_turn(struct vt_tcb *tcb, bool marked)
{
    bool was = (tcb->ecn & VT_ECNF_CE) != 0;
    if (was == marked)
        return;
    if (!vt_seq_eq(tcb->rcv_nxt, tcb->last_ack))
        vt_tcp_send_ack(tcb, VT_SEG_ACK);
    tcb->ecn = (uint8_t)(marked ? tcb->ecn | VT_ECNF_CE | VT_ECNF_DEMAND
                                : tcb->ecn & ~(VT_ECNF_CE | VT_ECNF_DEMAND));
    vt_tcp_quick_acks(tcb);
}

/* 6.1.3: a mark is told until the sender says that it has heard. */
static void classic_in(struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    uint8_t point = seg->in->tos & 3;
    if ((seg->flags & VT_CWR) != 0) {
        tcb->ecn &= (uint8_t)~VT_ECNF_DEMAND;
        tcb->flags |= VT_TCBF_ACK_NOW; /* its window may be a single segment now */
    }
    if (point == VT_ECN_NOT_ECT) { /* among marked ones: sent again, probably */
        if ((tcb->ecn & VT_ECNF_SEEN) != 0)
            vt_tcp_quick_acks(tcb);
        return;
    }
    if (needs_ecn(tcb))
        dctcp_turn(tcb, point == VT_ECN_CE);
    if (point == VT_ECN_CE && (tcb->ecn & VT_ECNF_DEMAND) == 0) {
        tcb->ecn |= VT_ECNF_DEMAND;
        vt_tcp_quick_acks(tcb);
    }
    if (point == VT_ECN_CE)
        vt_tcp_emit_ecn(tcb, VT_ECN_TOLD_CE, 1);
    tcb->ecn |= VT_ECNF_SEEN;
}

void vt_tcp_ecn_in(struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    if (tcb->acc != NULL)
        vt_tcp_accecn_in(tcb, seg);
    else if (tcb->agreed.ecn == VT_ECN_CLASSIC && seg->len != 0)
        classic_in(tcb, seg);
}

/* ---- What the peer tells ---- */

bool vt_tcp_ecn_ack(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, const struct vt_tcp_ack_info *info)
{
    uint32_t segs = (info->delivered + tcb->mss - 1) / tcb->mss, marked = 0;
    if (tcb->acc != NULL)
        marked = vt_tcp_accecn_ack(tcb, seg, info, segs);
    else if (tcb->agreed.ecn == VT_ECN_CLASSIC && (seg->flags & (VT_ECE | VT_SYN)) == VT_ECE)
        marked = segs != 0 ? segs : 1;
    tcb->delivered_ce += tcb->acc == NULL && segs == 0 ? 0 : marked;
    if (tcb->cc.ops->marks != NULL && info->delivered != 0) {
        uint64_t bytes = (uint64_t)marked * tcb->mss;
        tcb->cc.ops->marks(&tcb->cc, info->delivered,
                           bytes < info->delivered ? (uint32_t)bytes : info->delivered, tcb->snd_una,
                           tcb->snd_nxt);
    }
    return marked != 0;
}

void vt_tcp_ecn_congested(struct vt_tcb *tcb)
{
    if (tcb->loss != NULL)
        tcb->loss->prior_ssthresh = 0; /* whatever was lost or not: the window is not to be what it was */
    if (tcb->ca >= VT_CA_CWR)          /* 6.1.2: once a window of data */
        return;
    vt_tcp_emit_ecn(tcb, VT_ECN_PEER_TOLD, 1);
    vt_tcp_enter_cwr(tcb);
}

/* When an ACK goes: at once, or a little later in the hope that data will carry it (RFC 9293 3.8.6.3, RFC
 * 5681 4.2). The habits are Linux's:
 *
 *   quick      the first ACKs of a connection, and those after a pause or trouble, go at once, so that a
 *              slow-starting sender is not held back; as many as fill half the window, at most
 *              tcp_max_quickacks
 *   pingpong   the program answers what it reads: its answers carry the ACKs, and quick ones would be waste
 *   ATO        how long an ACK waits: follows the peer's pauses, between tcp_delack_ms and 200 ms
 *
 * More than one full segment unacknowledged, a hole or its closing are always answered at once. With the
 * habit `every_second` each ACK waits tcp_delack_ms, or for the next segment; reading sends one when the
 * window has opened by two segments and a quarter of the buffer, or by half of it. */
#include "transport/tcp.h"

#define DELACK_MAX_MS 200u
#define ATO_MAX_MS    500u /* RFC 9293 3.8.6.3, MUST-40: below half a second */
#define MSS_LEAST     88u  /* below this nobody's segments are full */
#define MSS_USUAL     536u /* RFC 9293 3.7.1 */

static uint32_t ato_min(const struct vt_tcb *tcb)
{
    return (uint32_t)tcb->end.tcp->knobs.delack_ms;
}

static uint32_t rto_ms(const struct vt_tcb *tcb)
{
    return (uint32_t)(tcb->rto / VT_MSEC);
}

static bool every_second(const struct vt_tcb *tcb)
{
    return tcb->end.tcp->profile->habit.every_second;
}

static bool in_pingpong(const struct vt_tcb *tcb)
{
    return tcb->rcv.pingpong >= tcb->end.tcp->knobs.pingpong_thresh;
}

static bool in_quick(const struct vt_tcb *tcb)
{
    return tcb->rcv.quick != 0 && !in_pingpong(tcb);
}

/* ---- The size of the peer's segments ---- */

void vt_tcp_rcv_mss_init(struct vt_tcb *tcb)
{
    uint32_t hint = vt_tcp_adv_payload(tcb) < tcb->mss ? vt_tcp_adv_payload(tcb) : tcb->mss;
    uint32_t half = vt_tcp_rcv_wnd(tcb) / 2;
    hint = hint < half ? hint : half;
    hint = hint < MSS_USUAL ? hint : MSS_USUAL;
    tcb->rcv.mss = (uint16_t)(hint > MSS_LEAST ? hint : MSS_LEAST);
}

/* What a full segment of this peer is, is not told by his MSS option: it is learned from what comes. A
 * smaller one is believed when two in a row have it, and neither is small for want of data. */
static void measure_mss(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, uint32_t len)
{
    struct vt_rcv *rcv = &tcb->rcv;
    uint16_t before = rcv->last_len;
    bool push = (seg->flags & VT_PSH) != 0;
    if (seg->gso_size != 0)
        len = seg->gso_size;
    rcv->last_len = 0;
    if (len >= rcv->mss) {
        rcv->mss = (uint16_t)(len < vt_tcp_adv_payload(tcb) ? len : vt_tcp_adv_payload(tcb));
        if (push)
            rcv->flags |= VT_RCV_PUSHED;
        return;
    }
    uint32_t whole = len + seg->hlen;
    uint32_t fixed = VT_TCP_HLEN + (tcb->agreed.ts ? 12u : 0u); /* the header without SACK blocks */
    bool rest = (seg->flags & (VT_PSH | VT_URG | VT_FIN | VT_SYN)) != 0;
    if (whole >= MSS_USUAL + VT_TCP_HLEN || (whole >= MSS_LEAST + VT_TCP_HLEN && !rest)) {
        rcv->last_len = (uint16_t)(whole - fixed);
        if (rcv->last_len == before) {
            rcv->mss = rcv->last_len;
            return;
        }
    }
    rcv->flags |= (rcv->flags & VT_RCV_PUSHED) != 0 ? VT_RCV_PUSHED2 : VT_RCV_PUSHED;
}

/* ---- Quick and delayed ---- */

static void add_quick(struct vt_tcb *tcb)
{
    uint32_t most = (uint32_t)tcb->end.tcp->knobs.max_quickacks;
    uint32_t wnd = tcb->rcv_adv.v - tcb->last_ack.v;
    uint32_t n = wnd / (2 * (uint32_t)tcb->rcv.mss);
    n = n != 0 ? n : 2;
    n = n < most ? n : most;
    if (n > tcb->rcv.quick)
        tcb->rcv.quick = (uint8_t)n;
}

void vt_tcp_quick_acks(struct vt_tcb *tcb)
{
    add_quick(tcb);
    tcb->rcv.pingpong = 0;
    tcb->rcv.ato_ms = ato_min(tcb);
}

void vt_tcp_delack_text(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, uint32_t len)
{
    struct vt_rcv *rcv = &tcb->rcv;
    vt_time now = vt_tcp_core(tcb)->now;
    uint32_t least = ato_min(tcb);
    uint64_t pause = (now - tcb->last_data_rcvd) / (vt_time)VT_MSEC;
    measure_mss(tcb, seg, len);
    if (rcv->ato_ms == 0) { /* the first text */
        add_quick(tcb);
        rcv->ato_ms = least;
    } else if (pause <= least / 2) {
        rcv->ato_ms = rcv->ato_ms / 2 + least / 2;
    } else if (pause < rcv->ato_ms) {
        rcv->ato_ms = rcv->ato_ms / 2 + (uint32_t)pause;
        if (rcv->ato_ms > rto_ms(tcb))
            rcv->ato_ms = rto_ms(tcb);
    } else if (pause > rto_ms(tcb)) { /* the sender may be in slow start again */
        add_quick(tcb);
    }
    tcb->last_data_rcvd = now;
    rcv->flags |= VT_RCV_SCHED;
}

/* How long an ACK may wait: not beyond a round trip, after which the sender would be idle. */
static vt_span delay(const struct vt_tcb *tcb)
{
    const struct vt_rcv *rcv = &tcb->rcv;
    uint32_t least = ato_min(tcb), ato = rcv->ato_ms > least ? rcv->ato_ms : least;
    if (every_second(tcb)) {
        ato = least;
    } else if (ato > least) {
        uint32_t most = in_pingpong(tcb) || (rcv->flags & VT_RCV_PUSHED) != 0 ? DELACK_MAX_MS : ATO_MAX_MS;
        uint32_t rtt = (uint32_t)(tcb->srtt / VT_MSEC);
        if (tcb->srtt != 0) {
            rtt = rtt > least ? rtt : least;
            most = rtt < most ? rtt : most;
        }
        ato = ato < most ? ato : most;
    }
    return (ato < DELACK_MAX_MS ? ato : DELACK_MAX_MS) * VT_MSEC;
}

static void send_later(struct vt_tcb *tcb)
{
    vt_time now = vt_tcp_core(tcb)->now;
    vt_span wait = delay(tcb);
    vt_time when = vt_time_add(now, wait), before = tcb->deadline[VT_SLOT_DELACK];
    if (before != VT_NEVER && before <= vt_time_add(now, wait / 4)) {
        tcb->flags |= VT_TCBF_ACK_NOW; /* it would go in a moment: then it may go now */
        return;
    }
    vt_tcp_timer_set(tcb, VT_SLOT_DELACK, vt_time_min(when, before));
}

void vt_tcp_owe_ack(struct vt_tcb *tcb, bool at_once)
{
    struct vt_rcv *rcv = &tcb->rcv;
    rcv->flags |= VT_RCV_SCHED;
    /* RFC 5681 4.2, RFC 9293 3.8.6.3: at least every second full segment, also where Linux would wait for the
     * program to read them. A byte more than one is two. */
    bool two = every_second(tcb) ? tcb->deadline[VT_SLOT_DELACK] != VT_NEVER
                                 : tcb->rcv_nxt.v - tcb->last_ack.v > rcv->mss;
    bool twice = every_second(tcb) && !vt_seq_eq(tcb->dsack.from, tcb->dsack.to);
    if (at_once || two || twice || in_quick(tcb) || ato_min(tcb) == 0)
        tcb->flags |= VT_TCBF_ACK_NOW;
    else
        send_later(tcb);
}

void vt_tcp_delack_sent(struct vt_tcb *tcb)
{
    struct vt_rcv *rcv = &tcb->rcv;
    if ((rcv->flags & VT_RCV_SCHED) != 0 && rcv->quick != 0) {
        rcv->quick--;
        if (rcv->quick == 0)
            rcv->ato_ms = ato_min(tcb); /* the quick ones have told nothing of how long one may wait */
    }
    rcv->flags &= (uint8_t) ~(VT_RCV_SCHED | VT_RCV_PUSHED | VT_RCV_PUSHED2);
    tcb->flags &= ~(uint32_t)VT_TCBF_ACK_NOW;
    tcb->last_ack = tcb->rcv_nxt;
    vt_tcp_timer_clear(tcb, VT_SLOT_DELACK);
}

void vt_tcp_delack_answered(struct vt_tcb *tcb)
{
    uint64_t since = (vt_tcp_core(tcb)->now - tcb->last_data_rcvd) / (vt_time)VT_MSEC;
    if (since < tcb->rcv.ato_ms && tcb->rcv.pingpong < UINT8_MAX)
        tcb->rcv.pingpong++;
}

void vt_tcp_delack_fired(struct vt_tcb *tcb)
{
    struct vt_rcv *rcv = &tcb->rcv;
    if (in_pingpong(tcb)) { /* no answer came to carry it */
        rcv->pingpong = 0;
        rcv->ato_ms = ato_min(tcb);
    } else {
        uint32_t twice = 2 * rcv->ato_ms;
        rcv->ato_ms = twice < rto_ms(tcb) ? twice : rto_ms(tcb);
    }
    vt_tcp_send_ack(tcb, VT_SEG_DELAYED_ACK);
}

/* ---- The program ---- */

/* FreeBSD's measure of when reading is worth an ACK. */
static bool opened_enough(struct vt_tcb *tcb)
{
    uint32_t told = vt_tcp_rcv_wnd(tcb), window = vt_tcp_rcv_window(tcb);
    uint32_t opened = window > told ? window - told : 0;
    if (2 * (uint64_t)opened >= tcb->rcvbuf)
        return true;
    return opened >= 2u * tcb->mss &&
           (opened >= tcb->rcvbuf / 4 || window <= tcb->rcvbuf / 8 || tcb->rcvbuf <= 8u * tcb->mss);
}

void vt_tcp_delack_read(struct vt_tcb *tcb, uint32_t copied)
{
    const struct vt_rcv *rcv = &tcb->rcv;
    bool now = every_second(tcb) && copied != 0 && opened_enough(tcb);
    if (every_second(tcb)) {
        copied = 0;
    } else if ((rcv->flags & VT_RCV_SCHED) != 0) {
        /* All is read, and what came was small: the peer may be waiting, and no answer is on its way. */
        bool small = (rcv->flags & VT_RCV_PUSHED2) != 0 ||
                     ((rcv->flags & VT_RCV_PUSHED) != 0 && !in_pingpong(tcb));
        now = tcb->rcv_nxt.v - tcb->last_ack.v > rcv->mss || (copied != 0 && small && tcb->recvq.count == 0);
    }
    if (copied != 0 && !now && !vt_tcb_is(tcb, VT_TCBF_FIN_RCVD | VT_TCBF_SHUT_RD)) {
        /* RFC 9293 3.8.6.2.2: room was made: worth a segment when the window becomes twice what it was. */
        uint32_t told = vt_tcp_rcv_wnd(tcb);
        uint32_t window = 2 * (uint64_t)told <= tcb->rcv.clamp ? vt_tcp_window_select(tcb) : 0;
        now = window != 0 && window >= 2 * (uint64_t)told;
    }
    if (!now)
        return;
    tcb->flags |= VT_TCBF_ACK_NOW;
    vt_tcp_mark_dirty(tcb);
}

void vt_tcp_set_quickack(struct vt_tcb *tcb, int v)
{
    tcb->rcv.flags &= (uint8_t)~VT_RCV_SLOW;
    if (v == 0) {
        tcb->rcv.flags |= VT_RCV_SLOW;
        tcb->rcv.pingpong = (uint8_t)tcb->end.tcp->knobs.pingpong_thresh;
        return;
    }
    tcb->rcv.pingpong = 0;
    if ((tcb->end.state != VT_TCP_ESTABLISHED && tcb->end.state != VT_TCP_CLOSE_WAIT) ||
        (tcb->rcv.flags & VT_RCV_SCHED) == 0)
        return;
    tcb->rcv.flags |= VT_RCV_PUSHED;
    vt_tcp_delack_read(tcb, 1);
    if ((v & 1) == 0) /* Linux: an even number asks for this one ACK only */
        tcb->rcv.pingpong = (uint8_t)tcb->end.tcp->knobs.pingpong_thresh;
}

bool vt_tcp_quickack(const struct vt_tcb *tcb)
{
    return !in_pingpong(tcb);
}

/* The ACK of a SYN,ACK: a program that wants no quick ones, or waits to write, sends data in a moment. */
void vt_tcp_ack_synack(struct vt_tcb *tcb)
{
    bool text_follows = (tcb->open & VT_OPEN_WRITER) != 0 || tcb->defer_accept != 0;
    if (!in_pingpong(tcb) && !text_follows) {
        tcb->flags |= VT_TCBF_ACK_NOW;
        return;
    }
    tcb->rcv.flags |= VT_RCV_SCHED;
    vt_tcp_quick_acks(tcb);
    vt_tcp_timer_set(tcb, VT_SLOT_DELACK, vt_time_add(vt_tcp_core(tcb)->now, DELACK_MAX_MS * VT_MSEC));
}

/* How fast to send: the rate that a window a round trip comes to, and what it means for the size of a burst.
 */
#include "transport/tcp.h"

#define UNPACED_SEGS 10u /* the first window goes at once */
#define BURST_SHIFT  10  /* a super-segment carries what is sent in about a millisecond, as on Linux */

static uint64_t window_rate(const struct vt_tcb *tcb)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    if (tcb->srtt == 0)
        return VT_TCP_RATE_ANY;
    /* Faster than the window says, lest the pace be what holds it back: twice in slow start, where it may
     * double. */
    uint64_t percent = (uint64_t)(tcb->cc.cwnd < tcb->cc.ssthresh / 2 ? k->pacing_ss_ratio
                                                                      : k->pacing_ca_ratio);
    uint32_t flight = vt_tcp_flight(tcb);
    uint64_t window = tcb->cc.cwnd > flight ? tcb->cc.cwnd : flight;
    uint64_t us = (uint64_t)(tcb->srtt / VT_USEC);
    return window * percent * 10000 / (us != 0 ? us : 1);
}

uint64_t vt_tcp_pacing_rate(const struct vt_tcb *tcb)
{
    uint64_t rate = tcb->cc.ops->pace != NULL ? tcb->cc.ops->pace(&tcb->cc) : window_rate(tcb);
    uint64_t most = tcb->pace != NULL && tcb->pace->most != 0 ? tcb->pace->most : VT_TCP_RATE_ANY;
    return rate < most ? rate : most;
}

static bool is_paced(const struct vt_tcb *tcb)
{
    return (tcb->cc.ops->flags & VT_CC_PACES) != 0 || (tcb->pace != NULL && tcb->pace->most != 0) ||
           tcb->end.tcp->knobs.pacing != 0;
}

bool vt_tcp_pace_holds(struct vt_tcb *tcb)
{
    if (tcb->pace == NULL || !is_paced(tcb) || tcb->pace->next <= vt_tcp_core(tcb)->now)
        return false;
    vt_tcp_timer_set(tcb, VT_SLOT_PACE, tcb->pace->next);
    return true;
}

static bool pace_ready(struct vt_tcb *tcb)
{
    if (tcb->pace == NULL)
        tcb->pace = vt_alloc(vt_tcp_core(tcb), sizeof(*tcb->pace));
    return tcb->pace != NULL;
}

void vt_tcp_pace_sent(struct vt_tcb *tcb, uint32_t bytes)
{
    uint64_t rate = vt_tcp_pacing_rate(tcb);
    if (!is_paced(tcb) || !pace_ready(tcb))
        return;
    struct vt_pace *p = tcb->pace;
    vt_time now = vt_tcp_core(tcb)->now, from = p->next > now ? p->next : now;
    uint64_t gap = 0, late = from - p->next;
    if (rate != 0 && rate != VT_TCP_RATE_ANY && tcb->bytes_sent >= UNPACED_SEGS * (uint64_t)tcb->mss) {
        gap = (uint64_t)bytes * (uint64_t)VT_SEC / rate;
        gap -= late < gap / 2 ? late : gap / 2; /* what a timer lost is made up for, in part */
    }
    p->next = from + gap;
}

int vt_tcp_set_max_pace(struct vt_tcb *tcb, uint64_t rate)
{
    if (!pace_ready(tcb))
        return -VT_ENOMEM;
    tcb->pace->most = rate != VT_TCP_RATE_ANY ? rate : 0;
    return 0;
}

uint32_t vt_tcp_burst_segs(const struct vt_tcb *tcb)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    uint64_t bytes = vt_tcp_pacing_rate(tcb) >> BURST_SHIFT;
    /* A near peer gets larger ones: it answers before a burst can do harm. */
    uint64_t near = (uint64_t)(tcb->min_rtt / VT_USEC) >> k->tso_rtt_log;
    if (near < 32)
        bytes += VT_TCP_GSO_MAX >> near;
    bytes = bytes < VT_TCP_GSO_MAX ? bytes : VT_TCP_GSO_MAX;
    uint64_t segs = bytes / tcb->mss, most = VT_TCP_GSO_MAX / tcb->mss;
    uint64_t least = tcb->cc.ops->burst_segs != NULL ? tcb->cc.ops->burst_segs(&tcb->cc)
                                                     : (uint64_t)k->min_tso_segs;
    segs = segs > least ? segs : least;
    segs = segs < most ? segs : most;
    return segs != 0 ? (uint32_t)segs : 1;
}

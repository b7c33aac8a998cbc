/* How fast to send: the rate that a window a round trip comes to, and what it means for the size of a burst.
 */
#include "transport/tcp.h"

#define BURST_SHIFT 10 /* a super-segment carries what is sent in about a millisecond, as on Linux */

uint64_t vt_tcp_pacing_rate(const struct vt_tcb *tcb)
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
    segs = segs > (uint64_t)k->min_tso_segs ? segs : (uint64_t)k->min_tso_segs;
    segs = segs < most ? segs : most;
    return segs != 0 ? (uint32_t)segs : 1;
}

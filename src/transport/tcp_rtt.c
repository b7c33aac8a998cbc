/* Round-trip times and the retransmission timeout (RFC 6298). */
#include "transport/tcp.h"

void vt_tcp_rtt_sample(struct vt_tcb *tcb, vt_span rtt)
{
    if (rtt < 1)
        rtt = 1;
    if (tcb->srtt == 0) { /* RFC 6298 2.2: the first */
        tcb->srtt = rtt;
        tcb->rttvar = rtt / 2;
        tcb->min_rtt = rtt;
    } else { /* 2.3: alpha 1/8, beta 1/4 */
        vt_span d = tcb->srtt > rtt ? tcb->srtt - rtt : rtt - tcb->srtt;
        tcb->rttvar += (d - tcb->rttvar) / 4;
        tcb->srtt += (rtt - tcb->srtt) / 8;
        tcb->min_rtt = rtt < tcb->min_rtt ? rtt : tcb->min_rtt;
    }
    /* Linux puts the floor under the variation, so that a timeout is never nearer than the floor to the round
     * trip; RFC 6298 2.4 would have 1 s in all. */
    vt_span floor = vt_tcp_rto_min(tcb);
    vt_span var = 4 * tcb->rttvar > floor ? 4 * tcb->rttvar : floor;
    vt_span most = vt_tcp_rto_max(tcb);
    tcb->rto = tcb->srtt + var < most ? tcb->srtt + var : most;
    tcb->backoff = 0; /* 5.7, and Karn: only a sample ends the backing off */
}

vt_span vt_tcp_rto_min(const struct vt_tcb *tcb)
{
    return (tcb->rto_min_us != 0 ? tcb->rto_min_us : tcb->end.tcp->knobs.rto_min_us) * VT_USEC;
}

vt_span vt_tcp_rto_max(const struct vt_tcb *tcb)
{
    return (tcb->rto_max_ms != 0 ? tcb->rto_max_ms : tcb->end.tcp->knobs.rto_max_ms) * VT_MSEC;
}

vt_span vt_tcp_rto(const struct vt_tcb *tcb)
{
    vt_span most = vt_tcp_rto_max(tcb);
    vt_span rto = tcb->rto;
    for (uint8_t i = 0; i < tcb->backoff && rto < most; i++) /* RFC 6298 5.5 */
        rto *= 2;
    if (tcb->srtt != 0 || tcb->backoff != 0) /* FreeBSD: not on the very first */
        rto += tcb->end.tcp->knobs.rexmit_slop_ms * VT_MSEC;
    return rto < most ? rto : most;
}

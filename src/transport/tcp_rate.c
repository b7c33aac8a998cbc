/* How fast the network delivers (draft-cheng-iccrg-delivery-rate-estimation, as Linux has it). Each segment
 * takes along how much had been delivered when it left, and since when; its ACK gives the rate between. The
 * slower of sending and of acknowledging over that stretch counts, so that neither ACKs in heaps nor bursts
 * deceive.
 *
 * Times are microseconds and counts are bytes, both of 32 bits: differences over a round trip. */
#include "transport/tcp.h"

static uint32_t now_us(const struct vt_tcb *tcb)
{
    return (uint32_t)(vt_tcp_core(tcb)->now / (vt_time)VT_USEC);
}

void vt_tcp_rate_sent(struct vt_tcb *tcb, struct vt_sent *s)
{
    struct vt_loss *l = tcb->loss;
    if (l->sent.n == 1 && (s->flags & VT_SENT_AGAIN) == 0) /* nothing was out: the stretch begins here */
        l->first_tx_us = l->delivered_us = now_us(tcb);
    s->first_tx_us = l->first_tx_us;
    s->delivered_us = l->delivered_us;
    s->delivered = (uint32_t)tcb->delivered;
    s->app_limited = tcb->app_limited != 0;
}

void vt_tcp_rate_delivered(struct vt_tcb *tcb, const struct vt_sent *s, struct vt_tcp_ack_info *info)
{
    struct vt_tcp_rate_pick *k = &info->rate;
    if (k->any && (s->at < k->at || (s->at == k->at && vt_seq_le(s->to, k->to))))
        return; /* the one sent last tells of the shortest stretch */
    uint32_t at_us = (uint32_t)(s->at / (vt_time)VT_USEC);
    *k = (struct vt_tcp_rate_pick){.any = true,
                                   .app_limited = s->app_limited,
                                   .at = s->at,
                                   .to = s->to,
                                   .prior = s->delivered,
                                   .prior_us = s->delivered_us,
                                   .send_us = at_us - s->first_tx_us};
    tcb->loss->first_tx_us = at_us; /* where the next stretch of sending begins */
}

void vt_tcp_rate_sample(struct vt_tcb *tcb, const struct vt_tcp_ack_info *info, struct vt_cc_rate *r)
{
    const struct vt_tcp_rate_pick *k = &info->rate;
    uint32_t total = (uint32_t)tcb->delivered, now = now_us(tcb);
    *r = (struct vt_cc_rate){.total = total, .acked = info->delivered, .lost = info->lost};
    if (tcb->app_limited != 0 && (int32_t)(total - tcb->app_limited) > 0)
        tcb->app_limited = 0; /* what was sent then has arrived */
    if (info->delivered != 0)
        tcb->loss->delivered_us = now;
    if (!k->any || info->reneged)
        return;
    uint32_t ack_us = now - k->prior_us, us = ack_us > k->send_us ? ack_us : k->send_us;
    r->prior = k->prior;
    r->app_limited = k->app_limited;
    r->delivered = total - k->prior;
    /* Less than a round trip: the clock, or what was sent again, deceives. */
    if (us == 0 || us < (uint64_t)(tcb->min_rtt / VT_USEC))
        return;
    r->interval = us * VT_USEC;
    if (!k->app_limited || (uint64_t)r->delivered * tcb->rate_us >= (uint64_t)tcb->rate_delivered * us) {
        tcb->rate_delivered = r->delivered;
        tcb->rate_us = us;
        tcb->flags = k->app_limited ? tcb->flags | VT_TCBF_RATE_LIMITED
                                    : tcb->flags & ~(uint32_t)VT_TCBF_RATE_LIMITED;
    }
}

void vt_tcp_app_limited(struct vt_tcb *tcb)
{
    uint32_t mark = (uint32_t)tcb->delivered + vt_tcp_pipe(tcb);
    tcb->app_limited = mark != 0 ? mark : 1;
}

void vt_tcp_rate_check(struct vt_tcb *tcb)
{
    const struct vt_loss *l = tcb->loss;
    uint32_t flight = vt_tcp_flight(tcb), left = tcb->sendq.bytes > flight ? tcb->sendq.bytes - flight : 0;
    if (left < tcb->mss && vt_tcp_pipe(tcb) < tcb->cc.cwnd &&
        (l == NULL || l->sent.lost == 0 || l->sent.lost <= l->sent.retrans))
        vt_tcp_app_limited(tcb);
}

uint64_t vt_tcp_delivery_rate(const struct vt_tcb *tcb)
{
    return tcb->rate_us != 0 ? (uint64_t)tcb->rate_delivered * 1000000 / tcb->rate_us : 0;
}

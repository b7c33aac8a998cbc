/* Reno: slow start and congestion avoidance by RFC 5681, the initial window by RFC 6928. */
#include "transport/cc.h"

static void reno_init(struct vt_cc *cc, uint32_t mss, uint32_t iw)
{
    cc->mss = mss;
    cc->cwnd = iw * mss;
    cc->ssthresh = VT_CC_SSTHRESH_ANY;
    cc->u.reno.acked = 0;
}

void vt_reno_grow(struct vt_cc *cc, struct vt_reno *reno, uint32_t acked)
{
    if (cc->cwnd < cc->ssthresh) {
        /* RFC 5681 eq. 2 counted in bytes (RFC 3465): splitting an ACK gains nothing (V59). What reaches
         * ssthresh goes on as congestion avoidance. */
        uint32_t room = cc->ssthresh - cc->cwnd, n = acked < room ? acked : room;
        cc->cwnd += n;
        acked -= n;
        if (acked == 0)
            return;
    }
    reno->acked += acked;
    if (reno->acked >= cc->cwnd) { /* one segment a window: RFC 5681 3.1 by RFC 3465 2.1 */
        reno->acked -= cc->cwnd;
        if (cc->cwnd <= UINT32_MAX - cc->mss)
            cc->cwnd += cc->mss;
    }
}

static void reno_ack(struct vt_cc *cc, const struct vt_cc_ack *a)
{
    if (a->cwnd_limited) /* RFC 7661's reason: a window that was not used says nothing of the path */
        vt_reno_grow(cc, &cc->u.reno, a->acked);
}

static uint32_t half(const struct vt_cc *cc, uint32_t flight)
{
    uint32_t h = flight / 2;
    return h > 2 * cc->mss ? h : 2 * cc->mss; /* RFC 5681 eq. 4 */
}

static void reno_loss(struct vt_cc *cc, uint32_t flight, vt_time now)
{
    (void)now;
    cc->ssthresh = half(cc, flight);
    cc->u.reno.acked = 0;
}

static void reno_timeout(struct vt_cc *cc, uint32_t flight, bool first, vt_time now)
{
    (void)now;
    if (first) /* RFC 5681 3.1: a segment lost again does not lower ssthresh again */
        cc->ssthresh = half(cc, flight);
    cc->cwnd = cc->mss;
    cc->u.reno.acked = 0;
}

static void reno_idle(struct vt_cc *cc)
{
    cc->u.reno.acked = 0;
}

const struct vt_cc_ops vt_cc_reno = {
    .name = "reno",
    .init = reno_init,
    .ack = reno_ack,
    .loss = reno_loss,
    .timeout = reno_timeout,
    .idle = reno_idle,
};

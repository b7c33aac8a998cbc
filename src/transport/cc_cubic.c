/* CUBIC (RFC 9438), with HyStart++ (RFC 9406) to leave slow start. In whole numbers: windows in bytes, time
 * in milliseconds, C = 0.4, beta = 0.7. */
#include "transport/cc.h"

/* HyStart++ (RFC 9406 4.3) */
#define MIN_RTT_THRESH (4 * VT_MSEC)
#define MAX_RTT_THRESH (16 * VT_MSEC)
#define RTT_SAMPLES    8u
#define CSS_DIVISOR    4u
#define CSS_ROUNDS     5u

static struct vt_cubic *state(struct vt_cc *cc)
{
    return &cc->u.cubic;
}

/* The whole cube root of x. */
static uint64_t cube_root(uint64_t x)
{
    uint64_t y = 0;
    for (int s = 63; s >= 0; s -= 3) { /* digit by digit, in base 8 */
        y *= 2;
        uint64_t b = 3 * y * (y + 1) + 1;
        if ((x >> s) >= b) {
            x -= b << s;
            y++;
        }
    }
    return y;
}

static void hystart_round(struct vt_cubic *c, struct vt_seq end)
{
    c->round_end = end;
    c->in_round = true;
    c->last_min_rtt = c->round_min_rtt;
    c->round_min_rtt = INT64_MAX;
    c->samples = 0;
}

static void cubic_init(struct vt_cc *cc, uint32_t mss, uint32_t iw)
{
    struct vt_cubic *c = state(cc);
    cc->mss = mss;
    cc->cwnd = iw * mss;
    cc->ssthresh = VT_CC_SSTHRESH_ANY;
    *c = (struct vt_cubic){.round_min_rtt = INT64_MAX, .last_min_rtt = INT64_MAX};
}

/* RFC 9406 4.2: a round whose round trips grew by an eighth is a sign that a queue builds up: grow slower for
 * a while, and if it does not turn out to be chance, leave slow start. */
static void hystart(struct vt_cc *cc, const struct vt_cc_ack *a)
{
    struct vt_cubic *c = state(cc);
    if (a->rtt > 0) {
        c->round_min_rtt = a->rtt < c->round_min_rtt ? a->rtt : c->round_min_rtt;
        c->samples++;
    }
    if (c->samples >= RTT_SAMPLES && c->round_min_rtt != INT64_MAX && c->last_min_rtt != INT64_MAX) {
        vt_span thresh = c->last_min_rtt / 8;
        thresh = thresh < MIN_RTT_THRESH ? MIN_RTT_THRESH : thresh > MAX_RTT_THRESH ? MAX_RTT_THRESH : thresh;
        if (c->css_rounds == 0 && c->round_min_rtt >= c->last_min_rtt + thresh) {
            c->css_baseline = c->round_min_rtt;
            c->css_rounds = 1;
        } else if (c->css_rounds != 0 && c->round_min_rtt < c->css_baseline) {
            c->css_rounds = 0; /* it was chance */
        }
    }
    if (!c->in_round || vt_seq_ge(a->una, c->round_end)) { /* V66: no number stands for "none yet" */
        if (c->css_rounds != 0 && ++c->css_rounds > CSS_ROUNDS)
            cc->ssthresh = cc->cwnd > 2 * cc->mss ? cc->cwnd : 2 * cc->mss; /* RFC 5681 3.1 */
        hystart_round(c, a->nxt);
    }
}

static void slow_start(struct vt_cc *cc, const struct vt_cc_ack *a)
{
    struct vt_cubic *c = state(cc);
    /* RFC 9406 4.2 would have at most L = 8 segments an ACK where sending is not paced. A receiver that joins
     * segments sends one ACK for many more, so, as Linux, all that was acknowledged counts. */
    uint32_t grow = a->acked;
    if (c->css_rounds != 0)
        grow /= CSS_DIVISOR;
    cc->cwnd = cc->cwnd > UINT32_MAX - grow ? UINT32_MAX : cc->cwnd + grow;
    hystart(cc, a);
}

/* RFC 9438 4.2: W_cubic(t) = C (t - K)^3 + W_max */
static uint32_t w_cubic(const struct vt_cc *cc, const struct vt_cubic_epoch *e, uint64_t ms)
{
    uint64_t d = ms > e->k_ms ? ms - e->k_ms : e->k_ms - ms;
    d = d < 100000 ? d : 100000;
    uint64_t off = d * d * d / 1000 * cc->mss / 1000 * 4 / 10000;
    uint64_t w = e->w_max;
    if (ms > e->k_ms)
        w = w + off < UINT32_MAX ? w + off : UINT32_MAX;
    else
        w = off < w ? w - off : 0;
    return (uint32_t)w;
}

static void start_epoch(struct vt_cc *cc, vt_time now)
{
    struct vt_cubic *c = state(cc);
    struct vt_cubic_epoch *e = &c->e;
    e->epoch = now != 0 ? now : 1;
    e->w_est = cc->cwnd;
    c->rest = c->w_est_rest = 0;
    if (e->w_max <=
        cc->cwnd) { /* also after a timeout, and after a slow start that ended by itself: 4.8, 4.10 */
        e->w_max = cc->cwnd;
        e->k_ms = 0;
    } else { /* K = cbrt((W_max - cwnd) / C), segments and seconds */
        e->k_ms = cube_root((uint64_t)(e->w_max - cc->cwnd) * UINT64_C(2500000000) / cc->mss);
    }
}

/* RFC 9438 4.3: what Reno with the same beta would have: alpha = 3 (1 - beta) / (1 + beta) = 9/17 until it
 * reaches the window before the loss, then 1. */
static void grow_w_est(struct vt_cc *cc, uint32_t acked)
{
    struct vt_cubic *c = state(cc);
    uint64_t alpha17 = c->e.w_est < c->e.w_prior ? 9 : 17;
    c->w_est_rest += alpha17 * acked * cc->mss;
    c->e.w_est += (uint32_t)(c->w_est_rest / 17 / cc->cwnd);
    c->w_est_rest %= (uint64_t)17 * cc->cwnd;
}

static void avoid(struct vt_cc *cc, const struct vt_cc_ack *a)
{
    struct vt_cubic *c = state(cc);
    if (c->e.epoch == 0)
        start_epoch(cc, a->now);
    uint64_t ms = (a->now - c->e.epoch) / (vt_time)VT_MSEC;
    uint64_t rtt_ms = (uint64_t)(a->srtt / VT_MSEC);
    grow_w_est(cc, a->acked);
    if (w_cubic(cc, &c->e, ms) < c->e.w_est) { /* 4.3: the Reno-friendly region */
        if (c->e.w_est > cc->cwnd)
            cc->cwnd = c->e.w_est;
        return;
    }
    uint64_t target = w_cubic(cc, &c->e, ms + rtt_ms); /* 4.4, 4.5: in a round trip */
    uint64_t most = cc->cwnd + (uint64_t)cc->cwnd / 2; /* 4.2: at most 1.5 cwnd */
    target = target < most ? target : most;
    if (target <= cc->cwnd)
        return;
    c->rest += (target - cc->cwnd) * a->acked;
    uint64_t grow = c->rest / cc->cwnd;
    c->rest %= cc->cwnd;
    cc->cwnd = cc->cwnd + grow < UINT32_MAX ? cc->cwnd + (uint32_t)grow : UINT32_MAX;
}

/* RFC 9438 5.8: time in which the window was not in use does not count. */
static void skip_time(struct vt_cubic *c, vt_time now)
{
    if (c->e.epoch != 0 && c->last_ack != 0 && now > c->last_ack) {
        c->e.epoch += now - c->last_ack;
        c->e.epoch = c->e.epoch < now ? c->e.epoch : now;
    }
}

static void cubic_ack(struct vt_cc *cc, const struct vt_cc_ack *a)
{
    struct vt_cubic *c = state(cc);
    if (!a->cwnd_limited) /* RFC 7661: a window that was not used says nothing of the path */
        skip_time(c, a->now);
    else if (cc->cwnd < cc->ssthresh)
        slow_start(cc, a);
    else
        avoid(cc, a);
    c->last_ack = a->now;
}

static void cubic_event(struct vt_cc *cc, enum vt_cc_event ev, vt_time now)
{
    struct vt_cubic *c = state(cc);
    if (ev != VT_CC_TX_START)
        return;
    skip_time(c, now);
    c->last_ack = now;
}

static void cubic_loss(struct vt_cc *cc, uint32_t flight, vt_time now)
{
    struct vt_cubic *c = state(cc);
    (void)flight;
    (void)now;
    c->prior = c->e;
    c->e.epoch = 0;
    c->e.w_prior = cc->cwnd;
    /* RFC 9438 4.7: fast convergence, room for newcomers */
    c->e.w_max = cc->cwnd < c->e.w_max ? (uint32_t)((uint64_t)cc->cwnd * 17 / 20) : cc->cwnd;
    uint32_t w = (uint32_t)((uint64_t)cc->cwnd * 7 / 10); /* 4.6 */
    cc->ssthresh = w > 2 * cc->mss ? w : 2 * cc->mss;
    c->css_rounds = 0;
}

static void cubic_timeout(struct vt_cc *cc, uint32_t flight, bool first, vt_time now)
{
    struct vt_cubic *c = state(cc);
    if (first)
        cubic_loss(cc, flight, now);
    c->e.epoch = 0;
    c->e.w_max = 0;      /* 4.8: K = 0, W_max = the window where congestion avoidance begins */
    c->in_round = false; /* slow start begins anew, far from where it last was */
    cc->cwnd = cc->mss;
}

static void cubic_idle(struct vt_cc *cc)
{
    state(cc)->e.epoch = 0;
}

static void cubic_undo(struct vt_cc *cc) /* RFC 9438 4.9 */
{
    state(cc)->e = state(cc)->prior;
}

static void cubic_take_over(struct vt_cc *cc)
{
    *state(cc) = (struct vt_cubic){.round_min_rtt = INT64_MAX, .last_min_rtt = INT64_MAX};
}

const struct vt_cc_ops vt_cc_cubic = {
    .name = "cubic",
    .init = cubic_init,
    .ack = cubic_ack,
    .loss = cubic_loss,
    .timeout = cubic_timeout,
    .idle = cubic_idle,
    .take_over = cubic_take_over,
    .event = cubic_event,
    .undo = cubic_undo,
};

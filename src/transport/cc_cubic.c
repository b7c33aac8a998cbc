/* CUBIC (RFC 9438), with HyStart++ (RFC 9406) to leave slow start. In whole numbers: windows in bytes, time
 * in milliseconds, C = 0.4, beta = 0.7. */
#include "transport/cc.h"

#define SSTHRESH_ANY UINT32_MAX

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
    cc->ssthresh = SSTHRESH_ANY;
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
static uint32_t w_cubic(const struct vt_cc *cc, const struct vt_cubic *c, uint64_t ms)
{
    uint64_t d = ms > c->k_ms ? ms - c->k_ms : c->k_ms - ms;
    d = d < 100000 ? d : 100000;
    uint64_t off = d * d * d / 1000 * cc->mss / 1000 * 4 / 10000;
    uint64_t w = c->w_max;
    if (ms > c->k_ms)
        w = w + off < UINT32_MAX ? w + off : UINT32_MAX;
    else
        w = off < w ? w - off : 0;
    return (uint32_t)w;
}

static void start_epoch(struct vt_cc *cc, vt_time now)
{
    struct vt_cubic *c = state(cc);
    c->epoch = now != 0 ? now : 1;
    c->w_est = cc->cwnd;
    c->rest = 0;
    if (c->w_max <= cc->cwnd) {
        c->w_max = cc->cwnd;
        c->k_ms = 0;
    } else { /* K = cbrt((W_max - cwnd) / C), segments and seconds */
        c->k_ms = cube_root((uint64_t)(c->w_max - cc->cwnd) * UINT64_C(2500000000) / cc->mss);
    }
}

static void avoid(struct vt_cc *cc, const struct vt_cc_ack *a)
{
    struct vt_cubic *c = state(cc);
    if (c->epoch == 0)
        start_epoch(cc, a->now);
    uint64_t ms = (a->now - c->epoch + (vt_time)a->srtt) / (vt_time)VT_MSEC;
    uint64_t target = w_cubic(cc, c, ms);
    uint64_t most = cc->cwnd + (uint64_t)cc->cwnd / 2; /* RFC 9438 4.2: at most 1.5 cwnd */
    target = target < most ? target : most;
    /* 4.3: what Reno with the same beta would have: alpha = 3 (1 - beta) / (1 + beta) = 9/17 until it reaches
     * the window before the loss, then 1 */
    uint64_t alpha17 = c->w_est < c->w_prior ? 9 : 17;
    c->w_est_rest += alpha17 * a->acked * cc->mss;
    c->w_est += (uint32_t)(c->w_est_rest / 17 / cc->cwnd);
    c->w_est_rest %= (uint64_t)17 * cc->cwnd;
    if (target < c->w_est)
        target = c->w_est;
    if (target <= cc->cwnd)
        return;
    c->rest += (target - cc->cwnd) * a->acked;
    uint64_t grow = c->rest / cc->cwnd;
    c->rest %= cc->cwnd;
    cc->cwnd = cc->cwnd + grow < UINT32_MAX ? cc->cwnd + (uint32_t)grow : UINT32_MAX;
}

static void cubic_ack(struct vt_cc *cc, const struct vt_cc_ack *a)
{
    if (!a->cwnd_limited) /* RFC 9438 5.8, RFC 7661: a window that was not used says nothing of the path */
        return;
    if (cc->cwnd < cc->ssthresh)
        slow_start(cc, a);
    else
        avoid(cc, a);
}

static void cubic_loss(struct vt_cc *cc, uint32_t flight, vt_time now)
{
    struct vt_cubic *c = state(cc);
    (void)flight;
    (void)now;
    c->epoch = 0;
    c->w_prior = cc->cwnd;
    /* RFC 9438 4.7: fast convergence, room for newcomers */
    c->w_max = cc->cwnd < c->w_max ? (uint32_t)((uint64_t)cc->cwnd * 17 / 20) : cc->cwnd;
    uint32_t w = (uint32_t)((uint64_t)cc->cwnd * 7 / 10); /* 4.6 */
    cc->ssthresh = w > 2 * cc->mss ? w : 2 * cc->mss;
    c->css_rounds = 0;
}

static void cubic_timeout(struct vt_cc *cc, uint32_t flight, bool first, vt_time now)
{
    if (first)
        cubic_loss(cc, flight, now);
    state(cc)->epoch = 0;
    state(cc)->in_round = false; /* slow start begins anew, far from where it last was */
    cc->cwnd = cc->mss;
}

static void cubic_idle(struct vt_cc *cc)
{
    state(cc)->epoch = 0;
}

const struct vt_cc_ops vt_cc_cubic = {
    .name = "cubic",
    .init = cubic_init,
    .ack = cubic_ack,
    .loss = cubic_loss,
    .timeout = cubic_timeout,
    .idle = cubic_idle,
};

/* BBR, version 1 (draft-cardwell-iccrg-bbr-congestion-control-00), with what Linux adds to it: room for ACKs
 * that come in heaps, and the rate of a policer kept while one is met. A model of the path, its largest
 * delivery rate and its smallest round trip, says how fast to send and how much may be out. Gains are of 256,
 * rates in bytes a second, windows in bytes. */
#include "base/core.h"
#include "transport/cc.h"

#define ONE           256u
#define HIGH_GAIN     739u /* 2 / ln 2: the least that doubles the rate each round trip */
#define DRAIN_GAIN    88u  /* its inverse */
#define CWND_GAIN     (2 * ONE)
#define BW_ROUNDS     10u
#define CYCLE         8u
#define CYCLE_RAND    7u
#define MIN_RTT_LASTS (10 * VT_SEC)
#define PROBE_RTT     (200 * VT_MSEC)
#define LEAST_SEGS    4u
#define FULL_ROUNDS   3u
#define LT_ROUNDS     4u
#define LT_LOSS       50u /* of 256 bytes delivered */
#define LT_LASTS      48u
#define LT_DIFF       500u /* bytes a second that make no difference */
#define AGGR_ROUNDS   5u
#define AGGR_MOST     (100 * VT_MSEC)
#define SLOW_RATE     150000u /* bytes a second below which single segments are sent */
#define RATE_MOST     (UINT64_C(1) << 44)
#define NO_RTT        INT64_MAX
#define RECOVERY      3 /* of enum vt_tcp_ca, whose numbers are Linux's */
#define LOSS          4

enum mode {
    STARTUP,
    DRAIN,
    PROBE_BW,
    PROBE_RTT_MODE
};

/* The largest of a window of rounds: the best, and the best of what came after it, twice. */
struct max_filter {
    struct {
        uint32_t round;
        uint64_t v;
    } s[3];
};

struct vt_bbr {
    struct max_filter bw;
    uint64_t pace;
    vt_span min_rtt;
    vt_time min_rtt_at, probe_rtt_until, cycle_at, ack_epoch_at, lt_at;
    uint64_t full_bw, lt_bw;
    uint32_t rounds, next_round; /* the round ends when this much is delivered */
    uint32_t total, lost;        /* delivered and lost bytes so far */
    uint32_t prior_cwnd, pacing_gain, cwnd_gain;
    uint32_t lt_total, lt_lost, lt_rounds;
    uint32_t ack_epoch_acked, extra_acked[2];
    uint8_t mode, cycle, full_count, prev_ca, extra_rounds, extra_at;
    bool round_start, conserve, idle_restart, probe_rtt_round, full, has_rtt, lt_sampling, lt_use;
};

static void max_update(struct max_filter *f, uint32_t round, uint64_t v)
{
    if (v >= f->s[0].v || round - f->s[2].round > BW_ROUNDS) { /* a new best, or nothing left of the old */
        for (unsigned i = 0; i < 3; i++) {
            f->s[i].round = round;
            f->s[i].v = v;
        }
        return;
    }
    for (unsigned i = 1; i < 3; i++)
        if (v >= f->s[i].v)
            for (unsigned k = i; k < 3; k++) {
                f->s[k].round = round;
                f->s[k].v = v;
            }
    uint32_t age = round - f->s[0].round;
    if (age > BW_ROUNDS) { /* the best is too old: the next takes its place */
        for (unsigned n = 0; n < 2 && round - f->s[0].round > BW_ROUNDS; n++) {
            f->s[0] = f->s[1];
            f->s[1] = f->s[2];
            f->s[2].round = round;
            f->s[2].v = v;
        }
    } else if (f->s[1].round == f->s[0].round && age > BW_ROUNDS / 4) {
        f->s[1].round = f->s[2].round = round;
        f->s[1].v = f->s[2].v = v;
    } else if (f->s[2].round == f->s[1].round && age > BW_ROUNDS / 2) {
        f->s[2].round = round;
        f->s[2].v = v;
    }
}

static uint64_t max_bw(const struct vt_bbr *b)
{
    return b->bw.s[0].v;
}
static uint64_t bw_now(const struct vt_bbr *b)
{
    return b->lt_use ? b->lt_bw : max_bw(b);
}

/* Bytes at `rate` in `t`: within what 64 bits hold, whatever they are. */
static uint64_t amount(uint64_t rate, vt_span t)
{
    uint64_t us = (uint64_t)t / (uint64_t)VT_USEC;
    rate = rate < RATE_MOST ? rate : RATE_MOST;
    us = us < UINT32_MAX ? us : UINT32_MAX;
    return rate / 1000000 * us + rate % 1000000 * us / 1000000;
}

static uint32_t least_segs(const struct vt_bbr *b)
{
    return b->pace < SLOW_RATE ? 1 : 2;
}

/* Bytes of a super-segment, as the pace makes it. */
static uint32_t burst(const struct vt_cc *cc)
{
    const struct vt_bbr *b = cc->u.bbr;
    uint64_t segs = (b->pace >> 10) / cc->mss, most = 65000 / cc->mss;
    segs = segs > least_segs(b) ? segs : least_segs(b);
    segs = segs < most ? segs : most;
    return (uint32_t)(segs < 127 ? segs : 127) * cc->mss;
}

static uint64_t bdp(const struct vt_cc *cc, uint64_t bw, uint32_t gain)
{
    const struct vt_bbr *b = cc->u.bbr;
    if (b->min_rtt == NO_RTT) /* nothing is known */
        return 10 * (uint64_t)cc->mss;
    uint64_t bytes = amount(bw, b->min_rtt) * gain / ONE;
    return (bytes + cc->mss - 1) / cc->mss * cc->mss;
}

/* What must be out beside the product of rate and delay, since segments travel in bursts and ACKs are
 * delayed. */
static uint64_t with_budget(const struct vt_cc *cc, uint64_t cwnd)
{
    const struct vt_bbr *b = cc->u.bbr;
    cwnd += 3 * (uint64_t)burst(cc);
    cwnd = (cwnd / cc->mss + 1) / 2 * 2 * cc->mss;
    if (b->mode == PROBE_BW && b->cycle == 0) /* so that the gain has an effect at small windows */
        cwnd += 2 * cc->mss;
    return cwnd;
}

static uint64_t inflight(const struct vt_cc *cc, uint64_t bw, uint32_t gain)
{
    return with_budget(cc, bdp(cc, bw, gain));
}

static void set_pace(struct vt_cc *cc, const struct vt_cc_rate *r, uint64_t bw, uint32_t gain)
{
    struct vt_bbr *b = cc->u.bbr;
    if (!b->has_rtt && r->srtt > 0) { /* the first round trip: the first window in it */
        uint64_t us = (uint64_t)(r->srtt / VT_USEC);
        b->has_rtt = true;
        b->pace = (uint64_t)cc->cwnd * 1000000 / (us != 0 ? us : 1) * HIGH_GAIN / ONE / 100 * 99;
    }
    bw = bw < RATE_MOST ? bw : RATE_MOST;
    uint64_t rate = bw * gain / ONE / 100 * 99; /* a little less, so that no queue stays */
    rate = r->max_pace != 0 && rate > r->max_pace ? r->max_pace : rate;
    if (b->full || rate > b->pace)
        b->pace = rate;
}

static void save_cwnd(struct vt_cc *cc)
{
    struct vt_bbr *b = cc->u.bbr;
    bool plain = b->prev_ca < RECOVERY && b->mode != PROBE_RTT_MODE;
    if (plain || cc->cwnd > b->prior_cwnd)
        b->prior_cwnd = cc->cwnd;
}

/* ---- The phases ---- */

static void next_phase(struct vt_bbr *b, vt_time now)
{
    b->cycle = (uint8_t)((b->cycle + 1u) % CYCLE);
    b->cycle_at = now;
}

/* Begins anywhere in the cycle but where the rate is lowered, so that flows do not probe together. */
static void begin_probe_bw(struct vt_cc *cc, vt_time now)
{
    struct vt_bbr *b = cc->u.bbr;
    uint64_t random = cc->core != NULL ? vt_rng_below(&cc->core->rng, CYCLE_RAND) : 0;
    b->mode = PROBE_BW;
    b->cycle = (uint8_t)(CYCLE - 1 - random);
    next_phase(b, now);
}

static void begin_mode(struct vt_cc *cc, vt_time now)
{
    if (cc->u.bbr->full)
        begin_probe_bw(cc, now);
    else
        cc->u.bbr->mode = STARTUP;
}

static void check_phase(struct vt_cc *cc, const struct vt_cc_rate *r)
{
    struct vt_bbr *b = cc->u.bbr;
    if (b->mode != PROBE_BW)
        return;
    bool over = b->min_rtt != NO_RTT && (vt_span)(r->now - b->cycle_at) > b->min_rtt;
    uint64_t out = r->prior_in_flight;
    if (b->pacing_gain > ONE)
        over = over && (r->lost != 0 || out + burst(cc) >= inflight(cc, max_bw(b), b->pacing_gain));
    else if (b->pacing_gain < ONE)
        over = over || out <= inflight(cc, max_bw(b), ONE);
    if (over)
        next_phase(b, r->now);
}

static void check_full(struct vt_bbr *b, const struct vt_cc_rate *r)
{
    if (b->full || !b->round_start || r->app_limited)
        return;
    if (max_bw(b) >= b->full_bw + b->full_bw / 4) { /* it still grows by a quarter a round */
        b->full_bw = max_bw(b);
        b->full_count = 0;
        return;
    }
    b->full = ++b->full_count >= FULL_ROUNDS;
}

static void check_drain(struct vt_cc *cc, const struct vt_cc_rate *r)
{
    struct vt_bbr *b = cc->u.bbr;
    if (b->mode == STARTUP && b->full) {
        uint64_t w = inflight(cc, max_bw(b), ONE);
        b->mode = DRAIN;
        cc->ssthresh = w < UINT32_MAX ? (uint32_t)w : UINT32_MAX;
    }
    if (b->mode == DRAIN && r->in_flight <= inflight(cc, max_bw(b), ONE))
        begin_probe_bw(cc, r->now);
}

static void probe_rtt_done(struct vt_cc *cc, vt_time now)
{
    struct vt_bbr *b = cc->u.bbr;
    if (b->probe_rtt_until == 0 || now < b->probe_rtt_until)
        return;
    b->min_rtt_at = now;
    cc->cwnd = cc->cwnd > b->prior_cwnd ? cc->cwnd : b->prior_cwnd;
    begin_mode(cc, now);
}

/* A round trip that was not confirmed for ten seconds is looked for again, with next to nothing out. */
static void update_min_rtt(struct vt_cc *cc, struct vt_cc_rate *r)
{
    struct vt_bbr *b = cc->u.bbr;
    bool old = r->now - b->min_rtt_at > (vt_time)MIN_RTT_LASTS;
    if (r->rtt > 0 && (r->rtt < b->min_rtt || (old && !r->ack_delayed))) {
        b->min_rtt = r->rtt;
        b->min_rtt_at = r->now;
    }
    if (old && !b->idle_restart && b->mode != PROBE_RTT_MODE) {
        save_cwnd(cc);
        b->mode = PROBE_RTT_MODE;
        b->probe_rtt_until = 0;
    }
    if (b->mode == PROBE_RTT_MODE) {
        r->mark_app_limited = true; /* what is delivered meanwhile says nothing of the path */
        if (b->probe_rtt_until == 0 && r->in_flight <= LEAST_SEGS * cc->mss) {
            b->probe_rtt_until = r->now + (vt_time)PROBE_RTT;
            b->probe_rtt_round = false;
            b->next_round = r->total;
        } else if (b->probe_rtt_until != 0) {
            b->probe_rtt_round = b->probe_rtt_round || b->round_start;
            if (b->probe_rtt_round)
                probe_rtt_done(cc, r->now);
        }
    }
    if (r->delivered != 0)
        b->idle_restart = false;
}

static void update_gains(struct vt_bbr *b)
{
    static const uint32_t gains[CYCLE] = {ONE * 5 / 4, ONE * 3 / 4, ONE, ONE, ONE, ONE, ONE, ONE};
    switch (b->mode) {
    case STARTUP: b->pacing_gain = b->cwnd_gain = HIGH_GAIN; break;
    case DRAIN:
        b->pacing_gain = DRAIN_GAIN;
        b->cwnd_gain = HIGH_GAIN;
        break;
    case PROBE_BW:
        b->pacing_gain = b->lt_use ? ONE : gains[b->cycle];
        b->cwnd_gain = CWND_GAIN;
        break;
    default: b->pacing_gain = b->cwnd_gain = ONE;
    }
}

/* ---- A policer: rates of two stretches between losses that agree are the rate that it lets through ---- */

static void lt_interval(struct vt_bbr *b, vt_time now)
{
    b->lt_at = now;
    b->lt_total = b->total;
    b->lt_lost = b->lost;
    b->lt_rounds = 0;
}

static void lt_reset(struct vt_bbr *b, vt_time now)
{
    b->lt_bw = 0;
    b->lt_use = b->lt_sampling = false;
    lt_interval(b, now);
}

static void lt_interval_done(struct vt_bbr *b, uint64_t bw, vt_time now)
{
    uint64_t diff = bw > b->lt_bw ? bw - b->lt_bw : b->lt_bw - bw;
    if (b->lt_bw != 0 && (diff <= b->lt_bw / 8 || diff <= LT_DIFF)) {
        b->lt_bw = (bw + b->lt_bw) / 2;
        b->lt_use = true;
        b->pacing_gain = ONE;
        b->lt_rounds = 0;
        return;
    }
    b->lt_bw = bw;
    lt_interval(b, now);
}

static void lt_sample(struct vt_cc *cc, uint32_t lost_now, bool app_limited, vt_time now)
{
    struct vt_bbr *b = cc->u.bbr;
    if (b->lt_use) {
        if (b->mode == PROBE_BW && b->round_start && ++b->lt_rounds >= LT_LASTS) {
            lt_reset(b, now);
            begin_probe_bw(cc, now);
        }
        return;
    }
    if (!b->lt_sampling) {
        if (lost_now == 0)
            return;
        lt_interval(b, now);
        b->lt_sampling = true;
    }
    if (app_limited) {
        lt_reset(b, now);
        return;
    }
    b->lt_rounds += b->round_start;
    if (b->lt_rounds < LT_ROUNDS)
        return;
    if (b->lt_rounds > 4 * LT_ROUNDS) {
        lt_reset(b, now);
        return;
    }
    uint64_t lost = b->lost - b->lt_lost, delivered = b->total - b->lt_total;
    vt_span t = (vt_span)(now - b->lt_at);
    if (lost_now == 0 || delivered == 0 || lost * ONE < LT_LOSS * delivered || t < VT_MSEC)
        return;
    lt_interval_done(b, delivered * 1000000 / (uint64_t)(t / VT_USEC), now);
}

/* ---- The model ---- */

static void update_bw(struct vt_cc *cc, const struct vt_cc_rate *r)
{
    struct vt_bbr *b = cc->u.bbr;
    b->round_start = false;
    if (r->interval <= 0)
        return;
    if ((int32_t)(r->prior - b->next_round) >= 0) {
        b->next_round = r->total;
        b->rounds++;
        b->round_start = true;
        b->conserve = false;
    }
    lt_sample(cc, r->lost, r->app_limited, r->now);
    uint64_t bw = (uint64_t)r->delivered * 1000000000u / (uint64_t)r->interval;
    if (!r->app_limited || bw >= max_bw(b))
        max_update(&b->bw, b->rounds, bw);
}

/* How far ACKs run ahead of the rate: what comes in heaps must be covered by the window. */
static void update_aggregation(struct vt_cc *cc, const struct vt_cc_rate *r)
{
    struct vt_bbr *b = cc->u.bbr;
    if (r->acked == 0 || r->interval <= 0)
        return;
    if (b->round_start && ++b->extra_rounds >= AGGR_ROUNDS) {
        b->extra_rounds = 0;
        b->extra_at ^= 1;
        b->extra_acked[b->extra_at] = 0;
    }
    uint64_t expected = amount(bw_now(b), (vt_span)(r->now - b->ack_epoch_at));
    if (b->ack_epoch_acked <= expected || b->ack_epoch_acked > UINT32_MAX / 2) {
        b->ack_epoch_acked = 0;
        b->ack_epoch_at = r->now;
        expected = 0;
    }
    b->ack_epoch_acked += r->acked;
    uint64_t extra = b->ack_epoch_acked - (expected < b->ack_epoch_acked ? expected : b->ack_epoch_acked);
    extra = extra < cc->cwnd ? extra : cc->cwnd;
    if (extra > b->extra_acked[b->extra_at])
        b->extra_acked[b->extra_at] = (uint32_t)extra;
}

static uint64_t aggregation(const struct vt_bbr *b)
{
    uint64_t most = amount(bw_now(b), AGGR_MOST);
    uint64_t extra = b->extra_acked[0] > b->extra_acked[1] ? b->extra_acked[0] : b->extra_acked[1];
    return !b->full ? 0 : extra < most ? extra : most;
}

/* In the first round of a recovery as much is sent as is delivered. True: that is the window. */
static bool recover(struct vt_cc *cc, const struct vt_cc_rate *r)
{
    struct vt_bbr *b = cc->u.bbr;
    uint32_t cwnd = cc->cwnd;
    if (r->lost != 0)
        cwnd = cwnd > r->lost + cc->mss ? cwnd - r->lost : cc->mss;
    if (r->ca == RECOVERY && b->prev_ca != RECOVERY) {
        b->conserve = true;
        b->next_round = r->total;
        cwnd = r->in_flight + r->acked;
    } else if (b->prev_ca >= RECOVERY && r->ca < RECOVERY) {
        cwnd = cwnd > b->prior_cwnd ? cwnd : b->prior_cwnd;
        b->conserve = false;
    }
    b->prev_ca = r->ca;
    if (b->conserve && cwnd < r->in_flight + r->acked)
        cwnd = r->in_flight + r->acked;
    cc->cwnd = cwnd > cc->mss ? cwnd : cc->mss;
    return b->conserve;
}

static void set_cwnd(struct vt_cc *cc, const struct vt_cc_rate *r)
{
    struct vt_bbr *b = cc->u.bbr;
    uint32_t least = LEAST_SEGS * cc->mss;
    if (r->acked != 0 && !recover(cc, r)) {
        uint64_t target = with_budget(cc, bdp(cc, bw_now(b), b->cwnd_gain) + aggregation(b));
        uint64_t cwnd = (uint64_t)cc->cwnd + r->acked;
        if (b->full)
            cwnd = cwnd < target ? cwnd : target;
        else if (cc->cwnd >= target && r->total >= 10 * cc->mss)
            cwnd = cc->cwnd;
        cc->cwnd = cwnd < least ? least : cwnd < INT32_MAX ? (uint32_t)cwnd : INT32_MAX;
    }
    if (b->mode == PROBE_RTT_MODE && cc->cwnd > least)
        cc->cwnd = least;
}

static void bbr_control(struct vt_cc *cc, struct vt_cc_rate *r)
{
    struct vt_bbr *b = cc->u.bbr;
    b->total = r->total;
    b->lost += r->lost;
    update_bw(cc, r);
    update_aggregation(cc, r);
    check_phase(cc, r);
    check_full(b, r);
    check_drain(cc, r);
    update_min_rtt(cc, r);
    update_gains(b);
    set_pace(cc, r, bw_now(b), b->pacing_gain);
    set_cwnd(cc, r);
}

/* ---- Beginning and the rest ---- */

static void bbr_take_over(struct vt_cc *cc)
{
    struct vt_bbr *b = vt_alloc(cc->core, sizeof(*b));
    if (b == NULL) { /* without memory it is Reno */
        cc->ops = &vt_cc_reno;
        cc->u.reno.acked = 0;
        return;
    }
    cc->u.bbr = b;
    b->min_rtt = NO_RTT;
    b->min_rtt_at = b->ack_epoch_at = cc->core->now;
    b->pace = (uint64_t)cc->cwnd * 1000 * HIGH_GAIN / ONE / 100 * 99; /* as if a round trip took 1 ms */
    b->mode = STARTUP;
    update_gains(b);
}

static void bbr_init(struct vt_cc *cc, uint32_t mss, uint32_t iw)
{
    cc->mss = mss;
    cc->cwnd = iw * mss;
    cc->ssthresh = VT_CC_SSTHRESH_ANY;
    bbr_take_over(cc);
}

static void bbr_release(struct vt_cc *cc)
{
    if (cc->u.bbr != NULL)
        vt_free(cc->core, cc->u.bbr, sizeof(*cc->u.bbr));
    cc->u.bbr = NULL;
}

static void bbr_ack(struct vt_cc *cc, const struct vt_cc_ack *a)
{
    (void)cc;
    (void)a;
}

static void bbr_loss(struct vt_cc *cc, uint32_t flight, vt_time now)
{
    (void)flight;
    (void)now;
    save_cwnd(cc); /* and ssthresh stays: the model says what to do */
}

static void bbr_timeout(struct vt_cc *cc, uint32_t flight, bool first, vt_time now)
{
    struct vt_bbr *b = cc->u.bbr;
    (void)flight;
    if (first)
        save_cwnd(cc);
    b->prev_ca = LOSS;
    b->full_bw = 0;
    b->round_start = true; /* a timeout ends a round */
    lt_sample(cc, 1, false, now);
    cc->cwnd = cc->mss;
}

static void bbr_idle(struct vt_cc *cc)
{
    (void)cc;
}

static void bbr_event(struct vt_cc *cc, enum vt_cc_event ev, vt_time now)
{
    struct vt_bbr *b = cc->u.bbr;
    if (ev != VT_CC_TX_START || b->total == 0)
        return;
    b->idle_restart = true;
    b->ack_epoch_at = now;
    b->ack_epoch_acked = 0;
    if (b->mode == PROBE_BW && max_bw(b) != 0) /* go on at the rate that was found, no more and no less */
        b->pace = bw_now(b) / 100 * 99;
    else if (b->mode == PROBE_RTT_MODE)
        probe_rtt_done(cc, now);
}

static void bbr_undo(struct vt_cc *cc)
{
    struct vt_bbr *b = cc->u.bbr;
    b->full_bw = 0;
    b->full_count = 0;
    lt_reset(b, cc->core->now);
}

static uint64_t bbr_pace(const struct vt_cc *cc)
{
    return cc->u.bbr != NULL ? cc->u.bbr->pace : UINT64_MAX;
}

static uint32_t bbr_burst_segs(const struct vt_cc *cc)
{
    return least_segs(cc->u.bbr);
}

static size_t bbr_info(const struct vt_cc *cc, union vt_cc_info *info)
{
    const struct vt_bbr *b = cc->u.bbr;
    if (b == NULL)
        return 0;
    info->bbr.bw_lo = (uint32_t)bw_now(b);
    info->bbr.bw_hi = (uint32_t)(bw_now(b) >> 32);
    info->bbr.min_rtt = b->min_rtt != NO_RTT ? (uint32_t)(b->min_rtt / VT_USEC) : UINT32_MAX;
    info->bbr.pacing_gain = b->pacing_gain;
    info->bbr.cwnd_gain = b->cwnd_gain;
    return sizeof(info->bbr);
}

const struct vt_cc_ops vt_cc_bbr = {
    .name = "bbr",
    .flags = VT_CC_PACES,
    .init = bbr_init,
    .take_over = bbr_take_over,
    .release = bbr_release,
    .ack = bbr_ack,
    .control = bbr_control,
    .loss = bbr_loss,
    .timeout = bbr_timeout,
    .idle = bbr_idle,
    .event = bbr_event,
    .undo = bbr_undo,
    .pace = bbr_pace,
    .burst_segs = bbr_burst_segs,
    .info = bbr_info,
};

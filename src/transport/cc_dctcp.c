/* DCTCP (RFC 8257): the window gives way in proportion to the share of bytes that the network marked. The
 * receiver's half, which tells each change of marking at once, is in tcp_ecn.c. */
#include "transport/cc.h"

#define ALPHA_ONE   1024u
#define ALPHA_SHIFT 4 /* g = 1/16 (RFC 8257 4.2) */

static void begin(struct vt_cc *cc)
{
    cc->u.dctcp = (struct vt_dctcp){.alpha = ALPHA_ONE}; /* 3.3: as if all had been marked */
}

static void dctcp_init(struct vt_cc *cc, uint32_t mss, uint32_t iw)
{
    cc->mss = mss;
    cc->cwnd = iw * mss;
    cc->ssthresh = VT_CC_SSTHRESH_ANY;
    begin(cc);
}

static void dctcp_ack(struct vt_cc *cc, const struct vt_cc_ack *a)
{
    if (a->cwnd_limited)
        vt_reno_grow(cc, &cc->u.dctcp.reno, a->acked);
}

/* RFC 8257 3.3, steps 4 to 8: once a window of data. */
static void dctcp_marks(struct vt_cc *cc, uint32_t acked, uint32_t marked, struct vt_seq una,
                        struct vt_seq nxt)
{
    struct vt_dctcp *d = &cc->u.dctcp;
    d->acked += acked;
    d->marked += marked;
    if (d->in_round && vt_seq_lt(una, d->round_end))
        return;
    if (d->in_round && d->acked != 0) {
        uint32_t was = d->alpha >> ALPHA_SHIFT; /* what is less than that goes, too, or it never came to 0 */
        uint64_t share = ((uint64_t)d->marked << (10 - ALPHA_SHIFT)) / d->acked;
        d->alpha = d->alpha - (was != 0 ? was : d->alpha) + (uint32_t)share;
        d->alpha = d->alpha < ALPHA_ONE ? d->alpha : ALPHA_ONE;
    }
    d->acked = d->marked = 0;
    d->round_end = nxt;
    d->in_round = true;
}

static uint32_t at_least_two(const struct vt_cc *cc, uint64_t w)
{
    return w > 2 * (uint64_t)cc->mss ? (uint32_t)w : 2 * cc->mss;
}

static void dctcp_marked(struct vt_cc *cc, uint32_t flight, vt_time now)
{
    (void)flight;
    (void)now;
    /* 3.3, step 9: cwnd = cwnd * (1 - alpha / 2) */
    cc->ssthresh = at_least_two(cc, cc->cwnd - ((uint64_t)cc->cwnd * cc->u.dctcp.alpha >> 11));
}

/* 3.5: a loss is answered as any other controller does. */
static void dctcp_loss(struct vt_cc *cc, uint32_t flight, vt_time now)
{
    (void)flight;
    (void)now;
    cc->ssthresh = at_least_two(cc, cc->cwnd / 2);
    cc->u.dctcp.reno.acked = 0;
}

static void dctcp_timeout(struct vt_cc *cc, uint32_t flight, bool first, vt_time now)
{
    if (first)
        dctcp_loss(cc, flight, now);
    cc->cwnd = cc->mss;
    cc->u.dctcp.in_round = false;
}

static void dctcp_idle(struct vt_cc *cc)
{
    cc->u.dctcp.reno.acked = 0;
}

static size_t dctcp_info(const struct vt_cc *cc, union vt_cc_info *info)
{
    info->dctcp.enabled = 1;
    info->dctcp.alpha = cc->u.dctcp.alpha;
    info->dctcp.ab_ecn = cc->u.dctcp.marked;
    info->dctcp.ab_tot = cc->u.dctcp.acked;
    return sizeof(info->dctcp);
}

const struct vt_cc_ops vt_cc_dctcp = {
    .name = "dctcp",
    .flags = VT_CC_NEEDS_ECN,
    .init = dctcp_init,
    .take_over = begin,
    .ack = dctcp_ack,
    .loss = dctcp_loss,
    .marked = dctcp_marked,
    .timeout = dctcp_timeout,
    .idle = dctcp_idle,
    .marks = dctcp_marks,
    .info = dctcp_info,
};

/* The receive buffer: what bytes cost, the window that is told, and how both grow.
 *
 * A byte costs more than itself: a buffer is charged what it keeps from others, and the window is what is
 * left of `rcvbuf` less a share for that (tcp_adv_win_scale). The window begins small, grows with what comes
 * (`ssthresh`, so that small segments do not promise room they would not fit in), and the buffer grows with
 * what the program reads in a round trip, as Linux's dynamic right sizing does. The edge that was told never
 * moves to the left (RFC 9293 3.8.6, SHLD-14), unless tcp_shrink_window says so. */
#include "transport/tcp.h"

/* Fixed, not sizeof: the windows of a run must not depend on the machine. */
#define PBUF_COST  640u
#define BLOCK_COST 64u
#define SMALL_COST (PBUF_COST + BLOCK_COST + 256u) /* of a buffer with the smallest block */
#define SLACK      8192u /* the last segments within a small window may cost more than the buffer has */

/* ---- What it costs ---- */

uint32_t vt_tcp_charge(struct vt_pbuf *p, const struct vt_pbuf *before)
{
    const struct vt_block *last = before != NULL && before->nfrags != 0
                                      ? before->frag[before->first + before->nfrags - 1].block
                                      : NULL;
    uint64_t cost = PBUF_COST;
    for (unsigned i = 0; i < (unsigned)p->first + p->nfrags; i++) {
        const struct vt_block *b = p->frag[i].block;
        if (b != last) /* segments that share a block keep it together */
            cost += (uint64_t)b->cap + BLOCK_COST;
        last = b;
    }
    p->aux[0] = cost < UINT32_MAX / 2 ? cost : UINT32_MAX / 2;
    return (uint32_t)p->aux[0];
}

static uint32_t used(const struct vt_tcb *tcb)
{
    uint64_t n = tcb->rcv_truesize + (tcb->ooo != NULL ? tcb->ooo->truesize : 0);
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* The share of a space that may be told as window. */
static uint32_t win_from_space(const struct vt_tcb *tcb, uint32_t space)
{
    int64_t scale = tcb->end.tcp->knobs.adv_win_scale;
    return scale <= 0 ? space >> -scale : space - (space >> scale);
}

static uint64_t space_from_win(const struct vt_tcb *tcb, uint64_t win)
{
    int64_t scale = tcb->end.tcp->knobs.adv_win_scale;
    if (scale <= 0)
        return win << -scale;
    return (win << scale) / ((1u << scale) - 1); /* win = space - space / 2^scale */
}

static uint32_t full_space(const struct vt_tcb *tcb)
{
    return win_from_space(tcb, tcb->rcvbuf);
}

static uint32_t free_space(const struct vt_tcb *tcb)
{
    uint32_t n = used(tcb);
    return n < tcb->rcvbuf ? win_from_space(tcb, tcb->rcvbuf - n) : 0;
}

/* ---- Putting together ---- */

/* Copies the bytes of a row of buffers into one of their own. NULL without memory. */
static struct vt_pbuf *copy_row(struct vt_core *core, const struct vt_pbuf *p, uint32_t n)
{
    struct vt_block *b = vt_block_new(core->pool, n);
    struct vt_pbuf *q = b != NULL ? vt_pbuf_new(core->pool) : NULL;
    if (q != NULL) {
        uint32_t at = 0;
        q->ev = p->ev;
        for (; at < n; p = p->next) {
            vt_pbuf_read(p, 0, b->data + at, p->len);
            at += p->len;
            q->stamp = p->stamp;
        }
        vt_pbuf_append(q, b, b->data, n);
    }
    if (b != NULL)
        vt_block_unref(b);
    return q;
}

/* A row of buffers from p on, of at most `most` bytes: bytes, cost, number, and what comes behind it. */
struct row {
    uint32_t len, n;
    uint64_t cost;
    struct vt_pbuf *behind;
};

static struct row row_of(struct vt_pbuf *p, uint32_t most)
{
    struct row r = {0};
    for (; p != NULL && (r.n == 0 || r.len + p->len <= most); p = p->next) {
        r.len += p->len;
        r.cost += p->aux[0];
        r.n++;
    }
    r.behind = p;
    return r;
}

/* Rows of buffers that cost much more than their bytes become one each. Returns what is saved. What has been
 * put together once is not copied again: however often it is called, each byte is copied once. */
static uint64_t compact(struct vt_core *core, struct vt_pbuf **first, struct vt_pbuf **last, uint32_t *count)
{
    uint64_t saved = 0;
    struct vt_pbuf **at = first, *before = NULL;
    while (*at != NULL) {
        struct row r = row_of(*at, 16384);
        if (r.len < 8192)
            r = row_of(*at, 2048); /* the pool's smaller blocks */
        bool wasteful = r.cost > 2 * (uint64_t)r.len && r.cost > SMALL_COST;
        struct vt_pbuf *whole = wasteful ? copy_row(core, *at, r.len) : NULL;
        if (whole != NULL && vt_tcp_charge(whole, NULL) < r.cost) {
            saved += r.cost - whole->aux[0];
            *count -= r.n - 1;
            for (struct vt_pbuf *old = *at, *next; old != r.behind; old = next) {
                next = old->next;
                vt_pbuf_free(old);
            }
            whole->next = r.behind;
            *at = whole;
        } else {
            vt_pbuf_free(whole);
        }
        while (*at != r.behind) {
            before = *at;
            at = &before->next;
        }
    }
    *last = before;
    return saved;
}

struct vt_pbuf *vt_tcp_rcvbuf_slim(struct vt_tcb *tcb, struct vt_pbuf *p)
{
    uint32_t cost = vt_tcp_charge(p, NULL);
    struct vt_pbuf *own = cost > 4 * (uint64_t)p->len + SMALL_COST ? copy_row(vt_tcp_core(tcb), p, p->len)
                                                                   : NULL;
    if (own == NULL)
        return p;
    vt_pbuf_free(p);
    return own;
}

static void compact_all(struct vt_tcb *tcb)
{
    struct vt_core *core = vt_tcp_core(tcb);
    struct vt_ooo *ooo = tcb->ooo;
    uint32_t none = 0;
    for (uint32_t i = 0; ooo != NULL && i < ooo->n; i++)
        ooo->truesize -= compact(core, &ooo->run[i].first, &ooo->run[i].last, &none);
    tcb->rcv_truesize -= (uint32_t)compact(core, &tcb->recvq.first, &tcb->recvq.last, &tcb->recvq.count);
}

bool vt_tcp_rcvbuf_fits(struct vt_tcb *tcb)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    uint32_t most = (uint32_t)k->rmem_max;
    if (used(tcb) <= tcb->rcvbuf)
        return true;
    compact_all(tcb);
    if (used(tcb) <= tcb->rcvbuf)
        return true;
    if (!vt_tcb_is(tcb, VT_TCBF_RCVBUF_SET) && tcb->rcvbuf < most)
        tcb->rcvbuf = used(tcb) < most ? used(tcb) : most;
    if (used(tcb) <= tcb->rcvbuf + SLACK)
        return true;
    uint32_t two = 2 * (uint32_t)tcb->adv_mss;
    tcb->rcv.ssthresh = tcb->rcv.clamp < two ? tcb->rcv.clamp : two;
    return false;
}

/* ---- The window ---- */

uint32_t vt_tcp_initial_window(const struct vt_tcb *tcb, uint32_t mss)
{
    uint32_t space = full_space(tcb);
    if (tcb->end.tcp->profile->habit.whole_window)
        return space;
    if (tcb->rcv.clamp != 0 && space > tcb->rcv.clamp)
        space = tcb->rcv.clamp;
    if (space > mss)
        space -= space % mss;
    /* As Linux: 64 KB at first, whatever the buffer; more is promised as text comes (ssthresh). So the first
     * window behind the SYN, which has no scale, is the one that the SYN told. */
    return space < UINT16_MAX ? space : UINT16_MAX;
}

void vt_tcp_rcvbuf_start(struct vt_tcb *tcb)
{
    struct vt_rcv *rcv = &tcb->rcv;
    uint32_t mss = vt_tcp_adv_payload(tcb), full = full_space(tcb);
    rcv->ssthresh = vt_tcp_initial_window(tcb, mss);
    uint32_t most = (uint32_t)UINT16_MAX << tcb->agreed.rcv_scale; /* what a header can tell */
    full = full < most ? full : most;
    if (rcv->clamp == 0 || rcv->clamp >= full) {
        rcv->clamp = full;
        if (full > 3 * mss) /* Linux's tcp_app_win: a segment is kept back */
            rcv->clamp = full - mss;
    }
    if (rcv->ssthresh > rcv->clamp)
        rcv->ssthresh = rcv->clamp;
    vt_tcp_rcv_mss_init(tcb);
}

void vt_tcp_rcvbuf_reset(struct vt_tcb *tcb)
{
    const struct vt_rcv was = tcb->rcv;
    bool started = was.ssthresh != 0;
    vt_free(vt_tcp_core(tcb), tcb->rcv_space, sizeof(*tcb->rcv_space));
    tcb->rcv_space = NULL;
    vt_free(vt_tcp_core(tcb), tcb->chrono, sizeof(*tcb->chrono));
    tcb->chrono = NULL;
    tcb->rcv = (struct vt_rcv){.lowat = was.lowat,
                               .clamp = started ? 0 : was.clamp,
                               .flags = was.flags & VT_RCV_SLOW,
                               .pingpong = was.pingpong};
}

static uint32_t align_up(uint32_t n, unsigned shift)
{
    uint32_t unit = 1u << shift;
    return (n + unit - 1) & ~(unit - 1);
}

/* tcp_shrink_window: what is free is told, be it less than before. */
static uint32_t select_shrinking(struct vt_tcb *tcb, uint32_t space, uint32_t full, uint32_t mss)
{
    unsigned shift = tcb->agreed.rcv_scale;
    space &= ~((1u << shift) - 1);
    if (space < full / 2) {
        tcb->rcv.quick = 0;
        if (space < full_space(tcb) >> 4 || space < mss || space < 1u << shift)
            return 0;
    }
    return space > tcb->rcv.ssthresh ? align_up(tcb->rcv.ssthresh, shift) : space;
}

/* All the room, by bytes, unless it is a silly one: under a quarter of the buffer and under a segment. */
static uint32_t select_whole(const struct vt_tcb *tcb)
{
    uint64_t bytes = tcb->recvq.bytes;
    uint32_t space = bytes < tcb->rcvbuf ? tcb->rcvbuf - (uint32_t)bytes : 0;
    if (used(tcb) >
        2 * (uint64_t)tcb->rcvbuf + SLACK) /* many small segments: a bound of memory all the same */
        return 0;
    return space < tcb->rcvbuf / 4 && space < tcb->mss ? 0 : space;
}

uint32_t vt_tcp_window_select(struct vt_tcb *tcb)
{
    struct vt_rcv *rcv = &tcb->rcv;
    if (tcb->end.tcp->profile->habit.whole_window)
        return select_whole(tcb);
    unsigned shift = tcb->agreed.rcv_scale;
    uint32_t space = free_space(tcb), allowed = full_space(tcb);
    uint32_t full = rcv->clamp < allowed ? rcv->clamp : allowed;
    uint32_t mss = rcv->mss < full ? rcv->mss : full;
    if (tcb->end.tcp->knobs.shrink_window != 0 && shift != 0)
        return select_shrinking(tcb, space, full, mss);
    if (space < full / 2) {
        rcv->quick = 0; /* the sender is not to be hurried */
        space &= ~((1u << shift) - 1);
        /* RFC 9293 3.8.6.2.2 (MUST-39): rather none than a silly one */
        if (space < allowed >> 4 || space < mss)
            return 0;
    }
    if (space > rcv->ssthresh)
        space = rcv->ssthresh;
    if (shift != 0)
        return align_up(space, shift);
    /* Without a scale: whole segments; and as it was, when that is nearly it. */
    uint32_t was = tcb->rcv_adv.v - tcb->last_ack.v;
    if (was > space || was + mss <= space)
        return mss != 0 ? space - space % mss : 0;
    return mss == full && space > was + full / 2 ? space : was;
}

uint32_t vt_tcp_rcv_window(struct vt_tcb *tcb)
{
    unsigned shift = tcb->agreed.rcv_scale;
    uint32_t told = vt_tcp_rcv_wnd(tcb), wnd = vt_tcp_window_select(tcb);
    uint32_t most = (uint32_t)UINT16_MAX << shift;
    bool shrink = tcb->end.tcp->knobs.shrink_window != 0 && shift != 0;
    if (wnd < told && !shrink) /* SHLD-14: nor by what the shift would round off */
        wnd = align_up(told, shift);
    return wnd < most ? wnd : most;
}

/* ---- Growing ---- */

/* A segment that costs more than its share makes the window grow more slowly, the nearer it is to what the
 * buffer may become. */
static uint32_t grow_slowly(const struct vt_tcb *tcb, uint32_t len, uint32_t cost)
{
    uint32_t share = win_from_space(tcb, cost) >> 1;
    uint32_t window = win_from_space(tcb, (uint32_t)tcb->end.tcp->knobs.rmem_max) >> 1;
    while (tcb->rcv.ssthresh <= window) {
        if (share <= len)
            return 2 * (uint32_t)tcb->rcv.mss;
        share >>= 1;
        window >>= 1;
    }
    return 0;
}

static void grow_window(struct vt_tcb *tcb, uint32_t len, uint32_t cost)
{
    struct vt_rcv *rcv = &tcb->rcv;
    uint32_t space = free_space(tcb);
    uint32_t room = rcv->clamp < space ? rcv->clamp : space;
    if (room <= rcv->ssthresh)
        return;
    room -= rcv->ssthresh;
    uint32_t more = win_from_space(tcb, cost) <= len ? 2 * (uint32_t)tcb->adv_mss
                                                     : grow_slowly(tcb, len, cost);
    if (more == 0)
        return;
    more = more > 2 * len ? more : 2 * len;
    rcv->ssthresh += more < room ? more : room;
    if (tcb->end.tcp->knobs.max_quickacks != 0)
        rcv->quick |= 1; /* the peer should hear of it */
}

/* The receiver's own measure of the round trip: by echoes, or by the time in which a window is filled, which
 * is a round trip at least. Eighths of a microsecond, smoothed. */
static void measured(struct vt_rcv_space *s, uint64_t us, bool of_window)
{
    if (s->rtt8 == 0)
        s->rtt8 = us * 8;
    else if (!of_window)
        s->rtt8 += us - s->rtt8 / 8;
    else if (us * 8 < s->rtt8)
        s->rtt8 = us * 8;
}

static void measure_rtt(struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    struct vt_rcv_space *s = tcb->rcv_space;
    struct vt_core *core = vt_tcp_core(tcb);
    if (tcb->agreed.ts) {
        if (!seg->opts.ts_ok || seg->opts.tsecr == s->last_echo || seg->opts.tsecr == 0 ||
            seg->len < tcb->rcv.mss)
            return;
        s->last_echo = seg->opts.tsecr;
        uint32_t ms = vt_tcp_ts_now(core, tcb->ts_offset) - seg->opts.tsecr;
        if (ms < UINT32_C(1) << 21)
            measured(s, (ms != 0 ? ms : 1) * UINT64_C(1000), false);
        return;
    }
    if (s->rtt_at != 0) {
        if (vt_seq_lt(tcb->rcv_nxt, s->rtt_seq))
            return;
        uint64_t us = (core->now - s->rtt_at) / (vt_time)VT_USEC;
        measured(s, us != 0 ? us : 1, true);
    }
    s->rtt_seq = vt_seq_max(tcb->rcv_adv, tcb->rcv_nxt);
    s->rtt_at = core->now;
}

void vt_tcp_rcvbuf_text(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, uint32_t len, uint32_t cost)
{
    struct vt_core *core = vt_tcp_core(tcb);
    if (tcb->rcv_space == NULL) {
        tcb->rcv_space = vt_alloc(core, sizeof(*tcb->rcv_space));
        if (tcb->rcv_space != NULL) {
            uint32_t ten = 10 * vt_tcp_adv_payload(tcb);
            tcb->rcv_space->space = tcb->rcv.ssthresh < ten ? tcb->rcv.ssthresh : ten;
            tcb->rcv_space->seq = vt_tcp_read_seq(tcb);
            tcb->rcv_space->at = core->now;
        }
    }
    if (tcb->rcv_space != NULL)
        measure_rtt(tcb, seg);
    /* As Linux: no more is promised to one who may never have seen our SYN,ACK (RFC 7413). */
    if (len >= 128 && tcb->end.state != VT_TCP_SYN_RCVD)
        grow_window(tcb, len, cost);
}

/* Once a round trip: the buffer becomes what a sender needs that doubles its rate in the next one, if the
 * program has kept pace. */
void vt_tcp_rcvbuf_read(struct vt_tcb *tcb)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    struct vt_rcv_space *s = tcb->rcv_space;
    vt_time now = vt_tcp_core(tcb)->now;
    if (s == NULL || s->rtt8 == 0 || (now - s->at) / (vt_time)VT_USEC < s->rtt8 / 8)
        return;
    struct vt_seq at = vt_tcp_read_seq(tcb);
    uint32_t copied = at.v - s->seq.v;
    if (copied > s->space) {
        if (k->moderate_rcvbuf != 0 && !vt_tcb_is(tcb, VT_TCBF_RCVBUF_SET)) {
            uint64_t win = 2 * (uint64_t)copied + 16 * vt_tcp_adv_payload(tcb);
            win += 2 * (win * (copied - s->space) / s->space);
            uint64_t buf = space_from_win(tcb, win);
            buf = buf < (uint64_t)k->rmem_max ? buf : (uint64_t)k->rmem_max;
            if (buf > tcb->rcvbuf) {
                tcb->rcvbuf = (uint32_t)buf;
                uint32_t most = (uint32_t)UINT16_MAX << tcb->agreed.rcv_scale, full = full_space(tcb);
                tcb->rcv.clamp = full < most ? full : most;
            }
        }
        s->space = copied;
    }
    s->seq = at;
    s->at = now;
}

/* ---- Options ---- */

void vt_tcp_set_rcvbuf(struct vt_tcb *tcb, int v, int64_t most)
{
    int64_t n = v >= 0 && v < most ? v : v < 0 && most == INT32_MAX ? 0 : most; /* below 0 is much */
    n = n > INT32_MAX / 2 ? INT32_MAX / 2 : n;
    tcb->rcvbuf = (uint32_t)(2 * n < VT_TCP_RCVBUF_MIN ? VT_TCP_RCVBUF_MIN : 2 * n);
    tcb->flags |= VT_TCBF_RCVBUF_SET;
}

int vt_tcp_set_window_clamp(struct vt_tcb *tcb, int v)
{
    struct vt_rcv *rcv = &tcb->rcv;
    uint32_t clamp = v < VT_TCP_RCVBUF_MIN / 2 ? VT_TCP_RCVBUF_MIN / 2 : (uint32_t)v;
    if (v == 0) {
        if (tcb->end.state != VT_TCP_CLOSED)
            return -VT_EINVAL;
        rcv->clamp = 0;
        return 0;
    }
    if (clamp < rcv->clamp) {
        rcv->ssthresh = rcv->ssthresh < clamp ? rcv->ssthresh : clamp;
    } else if (clamp > rcv->clamp) {
        uint32_t wnd = tcb->rcv_adv.v - tcb->last_ack.v;
        wnd = wnd < clamp ? wnd : clamp;
        rcv->ssthresh = rcv->ssthresh > wnd ? rcv->ssthresh : wnd;
    }
    rcv->clamp = clamp;
    return 0;
}

void vt_tcp_set_rcvlowat(struct vt_tcb *tcb, int v)
{
    bool locked = vt_tcb_is(tcb, VT_TCBF_RCVBUF_SET);
    int64_t cap = (locked ? (int64_t)tcb->rcvbuf : tcb->end.tcp->knobs.rmem_max) / 2;
    int64_t n = v < 0 ? INT32_MAX : v;
    n = n < cap ? n : cap;
    tcb->rcv.lowat = (uint32_t)(n != 0 ? n : 1);
    if (vt_tcp_readable(tcb))
        vt_tcp_wake(tcb, VT_POLLIN);
    uint64_t space = space_from_win(tcb, (uint64_t)n);
    if (locked || space <= tcb->rcvbuf)
        return;
    tcb->rcvbuf = (uint32_t)(space < INT32_MAX ? space : INT32_MAX);
    if (tcb->rcv.clamp != 0 && tcb->rcv.clamp < n)
        tcb->rcv.clamp = (uint32_t)n;
}

bool vt_tcp_readable(const struct vt_tcb *tcb)
{
    uint32_t have = (uint32_t)tcb->recvq.bytes;
    if (have == 0)
        return false;
    if (have >= tcb->rcv.lowat)
        return true;
    /* What is waited for may not come before something is read. */
    return used(tcb) > tcb->rcvbuf - (tcb->rcvbuf >> 3) || vt_tcp_rcv_wnd(tcb) <= tcb->rcv.mss;
}

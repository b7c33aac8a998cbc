/* The send buffer: how much a program may hand over before it has to wait, when it is told to go on, and how
 * long what held the connection back (RFC 9293 3.9.1.2; the measures are Linux's).
 *
 * A write begins a new unit (tcp_sendq.h) while the buffer is not full, and fills that, though it be larger
 * than what is left: so a buffer of any size takes whole bursts. The buffer grows with the congestion window,
 * unless the program has set it. */
#include "transport/tcp.h"

#define UNIT_COST                                                                                        \
    1280u             /* of a unit beside its bytes; fixed, so that a run does not depend on the machine \
                       */
#define HEADROOM 640u /* for headers, in the reckoning of what a segment costs */

/* What the queue costs: bytes, and their units. */
static uint64_t cost(const struct vt_tcb *tcb)
{
    uint32_t unit = vt_tcp_unit_most(tcb), bytes = tcb->sendq.bytes;
    return bytes + (uint64_t)((bytes + unit - 1) / unit) * UNIT_COST;
}

static uint32_t notsent(const struct vt_tcb *tcb)
{
    uint32_t flight = vt_tcp_flight(tcb);
    return tcb->sendq.bytes > flight ? tcb->sendq.bytes - flight : 0;
}

static uint32_t lowat(const struct vt_tcb *tcb)
{
    return tcb->notsent_lowat != 0 ? tcb->notsent_lowat : (uint32_t)tcb->end.tcp->knobs.notsent_lowat;
}

bool vt_tcp_sndbuf_free(const struct vt_tcb *tcb)
{
    return cost(tcb) < tcb->sndbuf && notsent(tcb) < lowat(tcb);
}

bool vt_tcp_writable(const struct vt_tcb *tcb)
{
    /* A third free, and less than half of the bound unsent, so that a sender is not woken for each segment.
     */
    uint64_t c = cost(tcb);
    return c < tcb->sndbuf && tcb->sndbuf - c >= c / 2 && 2 * (uint64_t)notsent(tcb) < lowat(tcb);
}

void vt_tcp_sndbuf_expand(struct vt_tcb *tcb)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    uint32_t mss = tcb->agreed.peer_mss > tcb->mss ? tcb->agreed.peer_mss : tcb->mss;
    uint32_t per = 256, segs = tcb->cc.cwnd / (tcb->mss != 0 ? tcb->mss : 1);
    while (per < mss + HEADROOM)
        per *= 2;
    segs = segs > (uint32_t)k->init_cwnd ? segs : (uint32_t)k->init_cwnd;
    segs = segs > tcb->reordering + 1u ? segs : tcb->reordering + 1u;
    /* Twice the window: while one is repaired, the next is written. */
    uint64_t want = 2 * (uint64_t)segs * (per + 256);
    want = want < (uint64_t)k->wmem_max ? want : (uint64_t)k->wmem_max;
    if (!vt_tcb_is(tcb, VT_TCBF_SNDBUF_SET) && want > tcb->sndbuf)
        tcb->sndbuf = (uint32_t)want;
}

void vt_tcp_sndbuf_check(struct vt_tcb *tcb)
{
    if (!vt_tcb_is(tcb, VT_TCBF_SEND_BLOCKED))
        return;
    /* A program that cannot fill the window is what holds it back, or its buffer is: let that grow. */
    if (vt_tcp_pipe(tcb) < tcb->cc.cwnd)
        vt_tcp_sndbuf_expand(tcb);
    if (!vt_tcp_writable(tcb))
        return;
    tcb->flags &= ~(uint32_t)VT_TCBF_SEND_BLOCKED;
    vt_tcp_chrono_stop(tcb, VT_CHRONO_SNDBUF);
    vt_tcp_wake(tcb, VT_POLLOUT);
}

/* ---- What held it back ---- */

static void chrono_set(struct vt_tcb *tcb, enum vt_chrono_what what)
{
    struct vt_chrono *c = tcb->chrono;
    vt_time now = vt_tcp_core(tcb)->now;
    if (c->what != VT_CHRONO_NONE)
        c->spent[c->what - 1] += now - c->since;
    c->since = now;
    c->what = (uint8_t)what;
}

void vt_tcp_chrono_start(struct vt_tcb *tcb, enum vt_chrono_what what)
{
    if (tcb->chrono == NULL)
        tcb->chrono = vt_alloc(vt_tcp_core(tcb), sizeof(*tcb->chrono));
    if (tcb->chrono != NULL && what > tcb->chrono->what)
        chrono_set(tcb, what);
}

void vt_tcp_chrono_stop(struct vt_tcb *tcb, enum vt_chrono_what what)
{
    if (tcb->chrono == NULL)
        return;
    if (tcb->sendq.bytes == 0)
        chrono_set(tcb, VT_CHRONO_NONE);
    else if (tcb->chrono->what == what)
        chrono_set(tcb, VT_CHRONO_BUSY);
}

/* Something waits, the congestion window has room, and the peer's has not. */
static bool held_by_peer(const struct vt_tcb *tcb)
{
    uint32_t left = notsent(tcb), flight = vt_tcp_flight(tcb);
    left = left < tcb->mss ? left : tcb->mss;
    return left != 0 && vt_tcp_pipe(tcb) < tcb->cc.cwnd && (uint64_t)flight + left > tcb->snd_wnd;
}

void vt_tcp_chrono_update(struct vt_tcb *tcb)
{
    if (tcb->sendq.bytes == 0 && tcb->chrono == NULL)
        return;
    if (tcb->sendq.bytes != 0)
        vt_tcp_chrono_start(tcb, VT_CHRONO_BUSY);
    else
        vt_tcp_chrono_stop(tcb, VT_CHRONO_BUSY);
    if (held_by_peer(tcb))
        vt_tcp_chrono_start(tcb, VT_CHRONO_RWND);
    else
        vt_tcp_chrono_stop(tcb, VT_CHRONO_RWND);
    if (notsent(tcb) == 0 && vt_tcb_is(tcb, VT_TCBF_SEND_BLOCKED) && vt_tcp_pipe(tcb) < tcb->cc.cwnd)
        vt_tcp_chrono_start(tcb, VT_CHRONO_SNDBUF);
}

void vt_tcp_chrono_rto(struct vt_tcb *tcb)
{
    struct vt_chrono *c = tcb->chrono;
    if (c == NULL)
        return;
    c->rtos = (uint16_t)(c->rtos + (c->rtos < UINT16_MAX));
    if (c->rto_since != 0)
        return;
    c->rto_rows = (uint16_t)(c->rto_rows + (c->rto_rows < UINT16_MAX));
    c->rto_since = vt_tcp_core(tcb)->now;
}

void vt_tcp_chrono_rto_over(struct vt_tcb *tcb)
{
    struct vt_chrono *c = tcb->chrono;
    if (c == NULL || c->rto_since == 0)
        return;
    c->rto_spent += vt_tcp_core(tcb)->now - c->rto_since;
    c->rto_since = 0;
}

void vt_tcp_chrono_info(const struct vt_tcb *tcb, struct vt_tcp_info *i)
{
    const struct vt_chrono *c = tcb->chrono;
    uint64_t us[VT_CHRONO_SNDBUF] = {0}, busy = 0;
    for (unsigned k = 0; c != NULL && k < VT_CHRONO_SNDBUF; k++) {
        uint64_t ns = c->spent[k] + (c->what == k + 1 ? vt_tcp_core(tcb)->now - c->since : 0);
        us[k] = ns / (uint64_t)VT_USEC;
        busy += us[k];
    }
    if (c != NULL) {
        i->tcpi_total_rto = c->rtos;
        i->tcpi_total_rto_recoveries = c->rto_rows;
        i->tcpi_total_rto_time = (uint32_t)(c->rto_spent / (uint64_t)VT_MSEC);
    }
    i->tcpi_busy_time = busy;
    i->tcpi_rwnd_limited = us[VT_CHRONO_RWND - 1];
    i->tcpi_sndbuf_limited = us[VT_CHRONO_SNDBUF - 1];
}

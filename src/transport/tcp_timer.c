/* Every timer of TCP.
 *
 *   timer        runs from                       until            what it does
 *   -----        ---------                       -----            ------------
 *   RTO          a segment sent, nothing timed   all is acked     sends again, doubles itself (RFC 6298 5)
 *   PERSIST      data wait, nothing is out       window opens     probes the window (RFC 9293 3.8.6.1)
 *   REORDER      something was overtaken         it is acked      takes it to be lost (RFC 8985 6.2.5)
 *   PROBE        the last segment sent           all is acked     sends it again (RFC 8985 7)
 *   DELACK       text came, no ACK owed yet      an ACK leaves    sends the ACK (RFC 9293 3.8.6.3)
 *   PACE         a burst was sent                its time is up   sends the next
 *   KEEPALIVE    the last arrival                the end          probes a silent peer (RFC 9293 3.8.4)
 *   FIN-WAIT-2   orphan, FIN acknowledged        the peer's FIN   lets go (Linux's tcp_fin_timeout)
 *   SYN-ACK      a request's SYN,ACK             its ACK          sends it again, then forgets it
 *   TIME-WAIT    the last segment                2 MSL            lets go (RFC 9293 3.6.1)
 *
 * RTO, PERSIST, REORDER and PROBE exclude each other and share a slot; so do KEEPALIVE and FIN-WAIT-2. A
 * control block has one entry in the wheel, at or before its earliest deadline: a deadline that moves later
 * leaves the entry where it is, and the entry, when it fires, looks again. */
#include "transport/tcp.h"

#define ORPHAN_RETRIES 8u /* Linux's, where its knob is 0 */
#define THIN_RETRIES   6u /* Linux's: timeouts of a thin stream that are not backed off */
#define PERSIST_LEAST  (200 * VT_MSEC)
#define REFUSED_WAIT   (500 * VT_MSEC) /* Linux's: what the device did not take is tried again after this */

void vt_tcp_emit_timer(struct vt_tcp_end *e, enum vt_tcp_timer timer, uint32_t count)
{
    struct vt_events *ev = &e->tcp->core->ev;
    struct vt_event *r = vt_event_begin(ev, VT_EV_TCP_TIMER, VT_DOC_NONE);
    if (r != NULL) {
        r->conn = e->conn;
        r->mark = e->mark;
        r->u.timer.timer = timer;
        r->u.timer.count = count;
        vt_event_end(ev, r, NULL, 0);
    }
    ev->cause = vt_events_last(ev);
}

void vt_tcp_timer_set(struct vt_tcb *tcb, enum vt_tcp_slot slot, vt_time when)
{
    struct vt_core *core = vt_tcp_core(tcb);
    tcb->deadline[slot] = when;
    tcb->deadline_cause[slot] = core->ev.count;
    if (!vt_timer_armed(&tcb->timer) || when < tcb->timer.when)
        vt_core_arm(core, &tcb->timer, when);
}

void vt_tcp_timer_clear(struct vt_tcb *tcb, enum vt_tcp_slot slot)
{
    tcb->deadline[slot] = VT_NEVER;
    if (slot == VT_SLOT_REXMT)
        tcb->rexmt = VT_REXMT_RTO;
}

void vt_tcp_timer_clear_all(struct vt_tcb *tcb)
{
    for (unsigned i = 0; i < VT_SLOTS; i++)
        tcb->deadline[i] = VT_NEVER;
    tcb->rexmt = VT_REXMT_RTO;
    vt_core_disarm(vt_tcp_core(tcb), &tcb->timer);
}

static void set_rexmt(struct vt_tcb *tcb, enum vt_tcp_rexmt what, vt_time when)
{
    if (tcb->user_timeout != 0 && tcb->first_rexmt != 0) /* patience ends when it ends, as Linux has it */
        when = vt_time_min(when, vt_time_add(tcb->first_rexmt, tcb->user_timeout * VT_MSEC));
    tcb->rexmt = (uint8_t)what;
    vt_tcp_timer_set(tcb, VT_SLOT_REXMT, when);
}

void vt_tcp_rexmt_in(struct vt_tcb *tcb, vt_span wait)
{
    set_rexmt(tcb, VT_REXMT_RTO, vt_time_add(vt_tcp_core(tcb)->now, wait));
}

/* When the retransmission timer is due. It begins anew where it was stopped (RFC 6298 5.3), and else goes on;
 * where another timer has its place it counts from the first byte's last transmission, as on Linux. */
static vt_time rto_due(const struct vt_tcb *tcb, bool running)
{
    vt_time now = vt_tcp_core(tcb)->now;
    if (!running || tcb->loss->sent.n == 0)
        return vt_time_add(now, vt_tcp_rto(tcb));
    if (tcb->rexmt == VT_REXMT_RTO)
        return tcb->deadline[VT_SLOT_REXMT];
    vt_time due = vt_time_add(vt_sent_at(&tcb->loss->sent, 0)->at, vt_tcp_rto(tcb));
    return due > now ? due : now;
}

/* Something is out: the nearest of what may have to be done about it. */
static void rearm_out(struct vt_tcb *tcb, bool sent_new)
{
    bool running = tcb->deadline[VT_SLOT_REXMT] != VT_NEVER && tcb->rexmt != VT_REXMT_PERSIST;
    vt_time rto = rto_due(tcb, running);
    if (tcb->loss->reorder_at != 0) { /* RFC 8985 6.2.5 */
        set_rexmt(tcb, VT_REXMT_REORDER, tcb->loss->reorder_at);
    } else if (vt_tcp_tlp_wanted(tcb)) {
        if (running && !sent_new)
            return;
        /* RFC 8985 7.2: no later than the RTO, in whose place it goes then */
        vt_time probe = vt_time_add(vt_tcp_core(tcb)->now, vt_tcp_tlp_wait(tcb));
        set_rexmt(tcb, VT_REXMT_PROBE, vt_time_min(probe, rto));
    } else if (!running || tcb->rexmt != VT_REXMT_RTO) {
        set_rexmt(tcb, VT_REXMT_RTO, rto);
    }
}

static void persist_again(struct vt_tcb *tcb);

void vt_tcp_rearm(struct vt_tcb *tcb, bool sent_new)
{
    if (tcb->end.state == VT_TCP_SYN_RCVD) /* of a fast opening: the timer is the SYN,ACK's */
        return;
    bool out = vt_seq_gt(tcb->snd_nxt, tcb->snd_una);
    bool waits = tcb->sendq.bytes > vt_tcp_flight(tcb) ||
                 (vt_tcb_is(tcb, VT_TCBF_FIN_QUEUED) && !vt_tcb_is(tcb, VT_TCBF_FIN_SENT));
    if (out && tcb->loss != NULL) {
        rearm_out(tcb, sent_new);
    } else if (waits && tcb->deadline[VT_SLOT_PACE] == VT_NEVER) { /* for the window, or, corked, for more:
                                                                      Linux keeps it no longer than 200 ms */
        if (tcb->rexmt != VT_REXMT_PERSIST || tcb->deadline[VT_SLOT_REXMT] == VT_NEVER)
            persist_again(tcb);
    } else {
        vt_tcp_timer_clear(tcb, VT_SLOT_REXMT);
    }
}

void vt_tcp_life_restart(struct vt_tcb *tcb)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    vt_time now = vt_tcp_core(tcb)->now;
    if (tcb->end.state == VT_TCP_FIN_WAIT2 && vt_tcb_is(tcb, VT_TCBF_ORPHAN)) {
        vt_span wait = (tcb->linger2 > 0 ? tcb->linger2 : k->fin_timeout) * VT_SEC;
        if (tcb->deadline[VT_SLOT_LIFE] == VT_NEVER || tcb->deadline[VT_SLOT_LIFE] > vt_time_add(now, wait))
            vt_tcp_timer_set(tcb, VT_SLOT_LIFE, vt_time_add(now, wait));
        return;
    }
    if (!vt_tcb_is(tcb, VT_TCBF_KEEPALIVE) ||
        tcb->end.state < VT_TCP_ESTABLISHED) { /* MUST-25: off by default */
        tcb->deadline[VT_SLOT_LIFE] = VT_NEVER;
        return;
    }
    vt_span idle = (tcb->keepidle != 0 ? tcb->keepidle : k->keepalive_time) * VT_SEC;
    vt_tcp_timer_set(tcb, VT_SLOT_LIFE, vt_time_add(now, idle));
}

/* True when the program's patience (TCP_USER_TIMEOUT, RFC 5482) has run out since `from`. */
static bool user_timed_out(const struct vt_tcb *tcb, vt_time from)
{
    vt_time now = vt_tcp_core(tcb)->now;
    return tcb->user_timeout != 0 && from != 0 && now - from >= tcb->user_timeout * (vt_time)VT_MSEC;
}

static void time_out(struct vt_tcb *tcb)
{
    vt_tcp_done(tcb, tcb->soft_error != 0 ? tcb->soft_error : -VT_ETIMEDOUT, VT_DOC_RFC9293_3_8_4);
}

/* How long the doubling of a first timeout `n` times takes, and one timeout more. */
static vt_span doubled(const struct vt_tcb *tcb, uint32_t n)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    vt_span wait = k->rto_initial_ms * VT_MSEC, most = k->rto_max_ms * VT_MSEC, sum = wait;
    for (; n != 0; n--) {
        wait = 2 * wait < most ? 2 * wait : most;
        sum += wait;
    }
    return sum;
}

/* MUST-22, MUST-23. As Linux: the number counts timeouts that double, the first few do not
 * (tcp_syn_linear_timeouts); and no longer than as if all had. */
static bool syn_waited_enough(const struct vt_tcb *tcb)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    bool active = tcb->end.state == VT_TCP_SYN_SENT, child = (tcb->open & VT_OPEN_FO_CHILD) != 0;
    uint32_t most = (uint32_t)(child ? k->synack_retries + 1 : k->syn_retries);
    if (tcb->syn_retries != 0)
        most = tcb->syn_retries;
    if (user_timed_out(tcb, tcb->syn_at))
        return true;
    if (child) /* RFC 7413: one more, since a program may have it already */
        return tcb->retries >= most;
    if (tcb->retries >= most + (active ? (uint32_t)k->syn_linear_timeouts : 0))
        return true;
    return tcb->user_timeout == 0 && vt_tcp_core(tcb)->now - tcb->syn_at >= (vt_time)doubled(tcb, most);
}

static void syn_timer(struct vt_tcb *tcb)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    bool over = syn_waited_enough(tcb);
    vt_tcp_fo_timeout(tcb, tcb->retries, over);
    if (over) {
        time_out(tcb);
        return;
    }
    tcb->retries++;
    tcb->total_retrans++;
    if (tcb->end.state != VT_TCP_SYN_SENT || tcb->retries > k->syn_linear_timeouts)
        tcb->backoff++;
    vt_tcp_send_syn(tcb);
    vt_tcp_timer_set(tcb, VT_SLOT_REXMT, vt_time_add(vt_tcp_core(tcb)->now, vt_tcp_rto(tcb)));
}

/* Linux gives a count of retransmissions as a time: that which so many of them take, backed off, where the
 * first timeout is the least there is. A peer that is far away is not given up after fewer seconds than one
 * that is near. */
static vt_span retries_time(const struct vt_tcb *tcb, uint32_t retries)
{
    vt_span most = vt_tcp_rto_max(tcb), wait = vt_tcp_rto_min(tcb), sum = 0;
    for (uint32_t i = 0; i <= retries; i++) {
        sum += wait;
        wait = 2 * wait < most ? 2 * wait : most;
    }
    return sum;
}

/* True when what is out has been sent again without success for `retries` times, as a time. */
static bool tried_for(const struct vt_tcb *tcb, uint32_t retries)
{
    return tcb->retries != 0 && tcb->first_rexmt != 0 &&
           (vt_span)(vt_tcp_core(tcb)->now - tcb->first_rexmt) >= retries_time(tcb, retries);
}

/* What a program has left behind is tried for less long: `alive` while the timeout has not grown to its most.
 */
static uint32_t orphan_retries(const struct vt_tcb *tcb, bool alive)
{
    uint32_t n = (uint32_t)tcb->end.tcp->knobs.orphan_retries;
    if (tcb->soft_error != 0 && !alive) /* ICMP told that something is wrong */
        return 0;
    return n == 0 && alive ? ORPHAN_RETRIES : n; /* 100 seconds and more, for the least timeout */
}

/* R2 of RFC 9293 3.8.3 (MUST-20), or the program's patience, is at its end. */
static bool gave_up(const struct vt_tcb *tcb)
{
    uint32_t most = (uint32_t)tcb->end.tcp->knobs.retries2;
    if (vt_tcb_is(tcb, VT_TCBF_ORPHAN))
        most = orphan_retries(tcb, vt_tcp_rto(tcb) < vt_tcp_rto_max(tcb));
    if (tcb->user_timeout != 0)
        return tcb->retries != 0 && user_timed_out(tcb, tcb->first_rexmt);
    return tried_for(tcb, most);
}

/* MUST-34, MUST-37: a window that was shut with bytes out. Sending them again is a probe of it, and, as on
 * Linux, goes on for as long as the peer answers at all. What a program has left behind has no such right. */
static bool probes_by_resending(const struct vt_tcb *tcb)
{
    return tcb->snd_wnd == 0 && !vt_tcb_is(tcb, VT_TCBF_ORPHAN);
}

static bool resending_gave_up(const struct vt_tcb *tcb)
{
    vt_time now = vt_tcp_core(tcb)->now;
    vt_time from = tcb->first_rexmt != 0 ? tcb->first_rexmt : vt_sent_at(&tcb->loss->sent, 0)->at;
    vt_span tried = (vt_span)(now - from), most = 2 * vt_tcp_rto_max(tcb);
    if (tcb->user_timeout != 0) {
        vt_span patience = tcb->user_timeout * VT_MSEC;
        if (tried > patience)
            return true;
        most = patience < most ? patience : most;
    }
    return (vt_span)(now - tcb->last_ack_rcvd) > most && tried > most;
}

/* Thin streams (Linux's tcp_thin_linear_timeouts): with so few segments out there are never duplicates enough
 * for a fast retransmission, so the first timeouts are not backed off. */
static bool is_thin(const struct vt_tcb *tcb)
{
    bool asked = vt_tcb_is(tcb, VT_TCBF_THIN) || tcb->end.tcp->knobs.thin_linear_timeouts != 0;
    return asked && tcb->end.state == VT_TCP_ESTABLISHED && tcb->loss->sent.segs < 4 &&
           tcb->cc.ssthresh != UINT32_MAX && tcb->retries <= THIN_RETRIES;
}

static void rto_timer(struct vt_tcb *tcb)
{
    vt_tcp_emit_timer(&tcb->end, VT_TCP_TIMER_RTO, tcb->retries + 1u);
    if (tcb->end.state == VT_TCP_SYN_SENT || tcb->end.state == VT_TCP_SYN_RCVD) {
        syn_timer(tcb);
        return;
    }
    vt_tcp_chrono_rto(tcb);
    bool probing = probes_by_resending(tcb);
    if (probing ? resending_gave_up(tcb) : gave_up(tcb)) {
        time_out(tcb);
        return;
    }
    vt_tcp_fo_timeout(tcb, tcb->retries, false);
    if (!probing && tried_for(tcb, (uint32_t)tcb->end.tcp->knobs.retries1)) /* MUST-20: R1 */
        vt_tcp_pmtu_timeouts(tcb);
    vt_tcp_loss_timeout(tcb);
    if (!probing && tcb->retries < UINT8_MAX)
        tcb->retries++;
    uint8_t was = tcb->backoff;
    if (is_thin(tcb))
        tcb->backoff = 0;
    else
        tcb->backoff = (uint8_t)(tcb->backoff < 30 ? tcb->backoff + 1 : 30);
    tcb->flags &= ~(uint32_t)VT_TCBF_REFUSED;
    vt_tcp_output(tcb);
    if (vt_tcb_is(tcb, VT_TCBF_REFUSED)) { /* nothing can be said of the path: no backing off */
        tcb->backoff = was;
        vt_tcp_rexmt_in(tcb, REFUSED_WAIT);
    }
}

/* ---- The shut window ---- */

/* Until the next probe: the timeout, backed off (SHLD-29, SHLD-30), but no less than 200 ms however small
 * the knob has that. */
static vt_span persist_wait(const struct vt_tcb *tcb)
{
    vt_span most = vt_tcp_rto_max(tcb), wait = tcb->rto > PERSIST_LEAST ? tcb->rto : PERSIST_LEAST;
    for (uint8_t i = 0; i < tcb->backoff && wait < most; i++)
        wait *= 2;
    return wait < most ? wait : most;
}

static void persist_again(struct vt_tcb *tcb)
{
    set_rexmt(tcb, VT_REXMT_PERSIST, vt_time_add(vt_tcp_core(tcb)->now, persist_wait(tcb)));
}

void vt_tcp_persist_ack(struct vt_tcb *tcb)
{
    if (tcb->rexmt != VT_REXMT_PERSIST || tcb->deadline[VT_SLOT_REXMT] == VT_NEVER || vt_tcp_flight(tcb) != 0)
        return;
    uint32_t next = tcb->sendq.bytes < tcb->mss ? tcb->sendq.bytes : tcb->mss;
    if (tcb->snd_wnd >= (next != 0 ? next : 1)) {
        tcb->backoff = 0;
        tcb->first_rexmt = 0;
        vt_tcp_timer_clear(tcb, VT_SLOT_REXMT);
    } else {
        persist_again(tcb);
    }
}

/* MUST-37: as long as the probes are answered the window may stay shut for ever; but V57: not for what a
 * program has left behind. */
static bool persist_gave_up(const struct vt_tcb *tcb)
{
    uint32_t most = (uint32_t)tcb->end.tcp->knobs.retries2;
    if (user_timed_out(tcb, tcb->first_rexmt))
        return true;
    if (vt_tcb_is(tcb, VT_TCBF_ORPHAN)) {
        bool alive = vt_tcp_rto(tcb) < vt_tcp_rto_max(tcb);
        most = orphan_retries(tcb, alive);
        if (!alive && tcb->backoff >= most)
            return true;
    }
    return tcb->probes >= most;
}

static void persist_timer(struct vt_tcb *tcb)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    vt_tcp_emit_timer(&tcb->end, VT_TCP_TIMER_PERSIST, tcb->probes + 1u);
    if (persist_gave_up(tcb)) {
        if (vt_tcb_is(tcb, VT_TCBF_ORPHAN)) /* nobody else will tell the peer */
            vt_tcp_abort(tcb, -VT_ETIMEDOUT, VT_DOC_RFC9293_3_8_6_1);
        else
            time_out(tcb);
        return;
    }
    if (tcb->first_rexmt == 0)
        tcb->first_rexmt = vt_tcp_core(tcb)->now;
    tcb->probes = (uint8_t)(tcb->probes < UINT8_MAX ? tcb->probes + 1 : UINT8_MAX);
    /* What waits may go in spite of silly-window avoidance (RFC 9293 3.8.6.2.1, the override timeout). At a
     * shut window a number goes that was acknowledged before: the peer must answer with his window (MUST-36).
     */
    tcb->flags &= ~(uint32_t)VT_TCBF_REFUSED;
    if (tcb->snd_wnd != 0 && vt_tcp_send_forced(tcb)) {
        tcb->probes = tcb->backoff = 0;
        tcb->first_rexmt = 0;
        vt_tcp_rearm(tcb, true);
        return;
    }
    if (!vt_tcb_is(tcb, VT_TCBF_REFUSED))
        vt_tcp_send_empty(tcb, vt_seq_sub(tcb->snd_una, 1), VT_ACK, VT_SEG_PROBE);
    if (vt_tcb_is(tcb, VT_TCBF_REFUSED)) {
        set_rexmt(tcb, VT_REXMT_PERSIST, vt_time_add(vt_tcp_core(tcb)->now, REFUSED_WAIT));
        return;
    }
    if (tcb->backoff < k->retries2)
        tcb->backoff++;
    persist_again(tcb);
}

static void keepalive_timer(struct vt_tcb *tcb)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    vt_span intvl = (tcb->keepintvl != 0 ? tcb->keepintvl : k->keepalive_intvl) * VT_SEC;
    uint32_t most = tcb->keepcnt != 0 ? tcb->keepcnt : (uint32_t)k->keepalive_probes;
    vt_time now = vt_tcp_core(tcb)->now;
    if (vt_seq_gt(tcb->snd_nxt, tcb->snd_una) || tcb->deadline[VT_SLOT_REXMT] != VT_NEVER) {
        vt_tcp_timer_set(tcb, VT_SLOT_LIFE,
                         vt_time_add(now, intvl)); /* MUST-26: the other timers see to it */
        return;
    }
    bool over = tcb->user_timeout != 0 ? user_timed_out(tcb, tcb->last_rcv) && tcb->probes != 0
                                       : tcb->probes >= most;
    vt_tcp_emit_timer(&tcb->end, VT_TCP_TIMER_KEEPALIVE, tcb->probes + 1u);
    if (over) {
        vt_tcp_abort(tcb, tcb->soft_error != 0 ? tcb->soft_error : -VT_ETIMEDOUT, VT_DOC_RFC9293_3_8_4);
        return;
    }
    tcb->probes++;
    vt_tcp_send_empty(tcb, vt_seq_sub(tcb->snd_nxt, 1), VT_ACK, VT_SEG_KEEPALIVE); /* SHLD-12 */
    vt_tcp_timer_set(tcb, VT_SLOT_LIFE, vt_time_add(now, intvl));
}

static void rexmt_timer(struct vt_tcb *tcb, enum vt_tcp_rexmt what)
{
    switch (what) {
    case VT_REXMT_PERSIST: persist_timer(tcb); break;
    case VT_REXMT_REORDER:
        vt_tcp_emit_timer(&tcb->end, VT_TCP_TIMER_REORDER, 1);
        vt_tcp_loss_reorder_timeout(tcb);
        vt_tcp_output(tcb);
        break;
    case VT_REXMT_PROBE:
        vt_tcp_emit_timer(&tcb->end, VT_TCP_TIMER_PROBE, 1);
        vt_tcp_tlp_send(tcb);
        vt_tcp_rexmt_in(tcb, vt_tcp_rto(tcb));
        break;
    default: rto_timer(tcb);
    }
}

static void run_slot(struct vt_tcb *tcb, enum vt_tcp_slot slot)
{
    struct vt_core *core = vt_tcp_core(tcb);
    core->ev.cause = (struct vt_event_id){tcb->deadline_cause[slot], core->ev.node};
    enum vt_tcp_rexmt rexmt = (enum vt_tcp_rexmt)tcb->rexmt;
    tcb->deadline[slot] = VT_NEVER;
    switch (slot) {
    case VT_SLOT_REXMT: rexmt_timer(tcb, rexmt); break;
    case VT_SLOT_DELACK:
        vt_tcp_emit_timer(&tcb->end, VT_TCP_TIMER_DELACK, 1);
        vt_tcp_delack_fired(tcb);
        break;
    case VT_SLOT_PACE:
        vt_tcp_emit_timer(&tcb->end, VT_TCP_TIMER_PACING, 1);
        vt_tcp_output(tcb);
        break;
    default:
        if (tcb->end.state == VT_TCP_FIN_WAIT2 && vt_tcb_is(tcb, VT_TCBF_ORPHAN)) {
            vt_tcp_emit_timer(&tcb->end, VT_TCP_TIMER_FIN_WAIT2, 1);
            vt_tcp_done(tcb, 0, VT_DOC_RFC9293_3_6);
        } else {
            keepalive_timer(tcb);
        }
    }
}

void vt_tcp_timer_fired(struct vt_timer *t, vt_time now)
{
    struct vt_tcb *tcb = (struct vt_tcb *)(void *)((uint8_t *)t - offsetof(struct vt_tcb, timer));
    for (unsigned i = 0; i < VT_SLOTS && tcb->end.state != VT_TCP_CLOSED; i++)
        if (tcb->deadline[i] <= now)
            run_slot(tcb, (enum vt_tcp_slot)i);
    if (tcb->end.state == VT_TCP_CLOSED)
        return;
    vt_time next = VT_NEVER;
    for (unsigned i = 0; i < VT_SLOTS; i++)
        next = vt_time_min(next, tcb->deadline[i]);
    if (next != VT_NEVER)
        vt_timer_arm(&vt_tcp_core(tcb)->wheel, &tcb->timer, next);
}

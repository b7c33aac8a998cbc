/* Active open (RFC 9293 3.10.1, 3.10.7.3), and what both sides set up when the SYNs have been exchanged. */
#include "transport/tcp.h"

#define RTO_UNMEASURED (3 * VT_SEC)

struct vt_tcb *vt_tcb_new(struct vt_tcp *tcp)
{
    struct vt_tcb *tcb = vt_alloc(tcp->core, sizeof(*tcb));
    if (tcb == NULL)
        return NULL;
    tcb->end.tcp = tcp;
    tcb->end.kind = VT_TCP_KIND_TCB;
    tcb->pmtudisc = VT_PMTUDISC_WANT;
    tcb->end.state = VT_TCP_CLOSED;
    tcb->end.local.ip = VT_IP4_ANY;
    tcb->end.remote.ip = VT_IP4_ANY;
    tcb->sndbuf = (uint32_t)tcp->knobs.wmem_default;
    tcb->rcvbuf = (uint32_t)tcp->knobs.rmem_default;
    tcb->rcv.lowat = 1;
    tcb->rto = tcp->knobs.rto_initial_ms * VT_MSEC;
    tcb->cc.ops = tcp->cc;
    tcb->cc.core = tcp->core;
    tcb->timer.fn = vt_tcp_timer_fired;
    for (unsigned i = 0; i < VT_SLOTS; i++)
        tcb->deadline[i] = VT_NEVER;
    tcb->all_next = tcp->all;
    tcb->all_prev = &tcp->all;
    if (tcp->all != NULL)
        tcp->all->all_prev = &tcb->all_next;
    tcp->all = tcb;
    return tcb;
}

uint16_t vt_tcp_local_mss(struct vt_tcp *tcp, struct vt_ip remote)
{
    /* RFC 9293 3.7.1, MUST-67: what we can take is the link's MTU less the two headers. */
    const struct vt_route *r = vt_net_route(tcp->net, remote);
    uint32_t mtu = r != NULL ? r->nif->mtu : vt_net_path_mtu(tcp->net, remote);
    uint32_t mss = mtu > 40 ? mtu - 40 : 1;
    return (uint16_t)(mss < UINT16_MAX ? mss : UINT16_MAX);
}

uint16_t vt_tcp_adv_mss(struct vt_tcp *tcp, struct vt_ip remote, uint16_t user_mss)
{
    uint16_t mss = vt_tcp_local_mss(tcp, remote);
    return user_mss != 0 && user_mss < mss ? user_mss : mss;
}

void vt_tcb_set_mss(struct vt_tcb *tcb)
{
    /* MUST-16: Eff.snd.MSS = min(SendMSS + 20, MMS_S) - header - IP options; the timestamps are an option of
     * every segment. */
    uint32_t mtu = vt_tcp_pmtu_now(tcb), path = mtu > 40 ? mtu - 40 : 1;
    uint32_t mss = tcb->agreed.peer_mss < path ? tcb->agreed.peer_mss : path;
    if (tcb->user_mss != 0 && mss > tcb->user_mss)
        mss = tcb->user_mss;
    mss -= tcb->agreed.ts ? 12 : 0;
    mss -= vt_tcp_auth_overhead(tcb);
    tcb->mss = (uint16_t)mss;
    tcb->cc.mss = mss;
}

/* A buffer that is no multiple of full segments leaves a small one over at its end. */
static void round_buffers(struct vt_tcb *tcb)
{
    uint32_t mss = tcb->agreed.ts ? tcb->mss + 12u : tcb->mss;
    tcb->rcvbuf = (tcb->rcvbuf + mss - 1) / mss * mss;
    tcb->sndbuf = (tcb->sndbuf + mss - 1) / mss * mss;
}

void vt_tcb_start(struct vt_tcb *tcb)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    vt_time now = tcp->core->now;
    vt_tcp_pmtu_start(tcb);
    if (tcp->profile->habit.round_buffers)
        round_buffers(tcb);
    vt_cc_start(&tcb->cc, tcb->mss, (uint32_t)tcp->knobs.init_cwnd); /* RFC 6928 */
    tcb->last_rcv = tcb->last_data_sent = tcb->last_data_rcvd = tcb->last_ack_rcvd = now;
    tcb->snd_up = tcb->pushed = tcb->snd_una;
    tcb->cwnd_full_at = now;
    tcb->recover = vt_seq_sub(tcb->snd_una, 1);
    tcb->reordering = (uint16_t)tcp->knobs.reordering;
    tcb->reord_seen = tcb->dsack_dups = 0;
    tcb->reo_mult = 1;
    tcb->reo_persist = 0;
    tcb->rcv_up = tcb->rcv_nxt;
    tcb->adv_mss = vt_tcp_adv_mss(tcp, tcb->end.remote.ip, tcb->user_mss);
    vt_tcp_rcvbuf_start(tcb);
    vt_tcp_sndbuf_expand(tcb);
    vt_tcp_life_restart(tcb);
}

void vt_tcp_syn_lost(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, uint32_t times)
{
    uint32_t first = (uint32_t)(tcb->syn_at / (uint64_t)VT_MSEC) + tcb->ts_offset;
    /* Linux's undo: the answer echoes the first, so that was not lost. */
    bool arrived = tcb->agreed.ts && seg->opts.ts_ok && seg->opts.tsecr == first;
    /* RFC 5681 3.1 would begin with one segment after one loss; as Linux, since a first timeout of 1 s is
     * often too early, after two. */
    if (times > 1 && !arrived)
        tcb->cc.cwnd = tcb->mss;
    if (tcb->srtt == 0) /* RFC 6298 5.7 */
        tcb->rto = RTO_UNMEASURED;
}

struct pick {
    struct vt_tcb *tcb;
    const struct vt_addr *peer;
};

static bool port_taken(void *ctx, uint16_t port)
{
    struct pick *pick = ctx;
    struct vt_tcp *tcp = pick->tcb->end.tcp;
    struct vt_addr local = pick->tcb->end.local;
    local.port = port;
    struct vt_tcp_portref *ref = vt_tcp_port_get(tcp, port, false);
    struct vt_tcp_end *e = vt_tcp_table_find(tcp, &local, pick->peer);
    struct vt_seq used;
    if (ref != NULL && ref->owners != NULL)
        return true;
    if (e == NULL)
        return ref != NULL;
    return e->kind != VT_TCP_KIND_TIMEWAIT ||
           !vt_tcp_timewait_reusable((struct vt_tcp_timewait *)(void *)e, &used);
}

/* The new connection's name may be that of a TIME-WAIT, which then ends. True: it was, and had used numbers
 * up to `*used`. */
static bool take_over(struct vt_tcb *tcb, struct vt_seq *used)
{
    struct vt_tcp_end *e = vt_tcp_table_find(tcb->end.tcp, &tcb->end.local, &tcb->end.remote);
    if (e == NULL || e->kind != VT_TCP_KIND_TIMEWAIT)
        return false;
    struct vt_tcp_timewait *tw = (struct vt_tcp_timewait *)(void *)e;
    if (!vt_tcp_timewait_reusable(tw, used))
        return false;
    vt_tcp_timewait_free(tw);
    return true;
}

static int choose_local(struct vt_tcb *tcb, const struct vt_addr *peer)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    if (vt_ip_is_any(tcb->end.local.ip)) { /* MUST-44 */
        int err = vt_net_source(tcp->net, peer->ip, &tcb->end.local.ip);
        if (err != 0)
            return err;
    } else if (vt_net_route(tcp->net, peer->ip) == NULL && !vt_net_is_local(tcp->net, peer->ip)) {
        return -VT_ENETUNREACH;
    }
    if (tcb->end.local.port != 0)
        return 0;
    struct pick pick = {tcb, peer};
    int port = vt_port_pick(&tcp->picker, tcb->end.local.ip, peer->ip, peer->port,
                            (uint16_t)tcp->knobs.port_low, (uint16_t)tcp->knobs.port_high, port_taken, &pick);
    if (port < 0)
        return port;
    tcb->end.local.port = (uint16_t)port;
    return 0;
}

/* A control block that has been used before starts anew; what the program set stays. `used`: the last of its
 * name had numbers up to this. */
static void begin(struct vt_tcb *tcb, const struct vt_seq *used)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    vt_time now = tcp->core->now;
    tcb->open &= VT_OPEN_FO_CONNECT | VT_OPEN_FO_NO_COOKIE | VT_OPEN_NO_PORT;
    tcb->flags &= VT_TCBF_NODELAY | VT_TCBF_THIN | VT_TCBF_CORK | VT_TCBF_KEEPALIVE | VT_TCBF_OOBINLINE |
                  VT_TCBF_REUSEADDR | VT_TCBF_REUSEPORT | VT_TCBF_BOUND | VT_TCBF_SNDBUF_SET |
                  VT_TCBF_RCVBUF_SET | VT_TCBF_DIRTY;
    tcb->iss = vt_tcp_isn(tcp, &tcb->end.local, &tcb->end.remote);
    if (used != NULL && vt_seq_le(tcb->iss, *used)) /* RFC 6191: behind all that the last of that name used */
        tcb->iss = vt_seq_add(*used, UINT16_MAX + 2);
    tcb->ts_offset = vt_tcp_ts_offset(tcp, &tcb->end.local, &tcb->end.remote);
    tcb->snd_una = tcb->snd_nxt = tcb->iss;
    tcb->snd_small = tcb->snd_up = tcb->iss;
    tcb->rcv_nxt = tcb->rcv_adv = tcb->irs = vt_seq(0);
    vt_tcp_rcvbuf_reset(tcb);
    tcb->srtt = 0;
    tcb->rto = tcp->knobs.rto_initial_ms * VT_MSEC;
    tcb->backoff = tcb->retries = tcb->probes = 0;
    tcb->first_rexmt = 0;
    tcb->total_retrans = tcb->delivered_segs = 0;
    tcb->error = tcb->soft_error = 0;
    tcb->agreed = (struct vt_tcp_agreed){.peer_mss = 536};
    tcb->ecn = 0;
    tcb->pmtu = 0;
    tcb->syn_at = now;
    tcb->end.conn = ++tcp->next_conn;
}

/* Up to SYN-SENT; the SYN itself has not gone. */
static int open_to(struct vt_tcb *tcb, const struct vt_addr *peer)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    if (tcb->listener != NULL)
        return -VT_EISCONN;
    if (tcb->end.state == VT_TCP_SYN_SENT || tcb->end.state == VT_TCP_SYN_RCVD)
        return -VT_EALREADY;
    if (tcb->end.state != VT_TCP_CLOSED)
        return -VT_EISCONN;
    struct vt_addr to = *peer;
    if (vt_ip_is_any(to.ip))
        to.ip = VT_IP4_LOOPBACK;
    if (vt_ip_is_multicast(to.ip) || vt_net_is_broadcast(tcp->net, to.ip)) /* MUST-46 */
        return -VT_ENETUNREACH;
    if (to.port == 0)
        return -VT_EADDRNOTAVAIL;
    struct vt_addr local = tcb->end.local;
    struct vt_seq used = vt_seq(0);
    bool again = false;
    int err = choose_local(tcb, &to);
    if (err == 0) {
        tcb->end.remote = to;
        again = take_over(tcb, &used);
        err = vt_tcp_table_add(&tcb->end);
        if (err == -VT_EADDRINUSE)
            err = -VT_EADDRNOTAVAIL;
    }
    if (err != 0) {
        tcb->end.local = local;
        tcb->end.remote = (struct vt_addr){VT_IP4_ANY, 0, 0};
        return err;
    }
    begin(tcb, again ? &used : NULL);
    vt_tcp_emit_conn(&tcb->end, VT_EV_TCP_CONN, 0);
    vt_tcp_set_state(&tcb->end, VT_TCP_SYN_SENT, VT_DOC_RFC9293_3_5);
    return 0;
}

static void first_syn(struct vt_tcb *tcb)
{
    struct vt_core *core = vt_tcp_core(tcb);
    tcb->open &= (uint16_t)~VT_OPEN_DEFERRED;
    tcb->syn_at = core->now;
    vt_tcp_send_syn(tcb);
    vt_tcp_timer_set(tcb, VT_SLOT_REXMT, vt_time_add(core->now, vt_tcp_rto(tcb)));
}

int vt_tcp_connect(struct vt_tcb *tcb, const struct vt_addr *peer)
{
    int err = open_to(tcb, peer);
    if (err != 0)
        return err;
    if ((tcb->open & VT_OPEN_FO_CONNECT) != 0) {
        if (vt_tcp_fo_defers(tcb)) {
            tcb->open |= VT_OPEN_DEFERRED;
            return 0;
        }
        vt_tcp_fo_prepare(tcb, NULL, 0); /* the SYN asks for a cookie; without memory it is a plain one */
    }
    first_syn(tcb);
    return -VT_EINPROGRESS;
}

bool vt_tcp_deferred(const struct vt_tcb *tcb)
{
    return (tcb->open & VT_OPEN_DEFERRED) != 0;
}

long vt_tcp_send_fastopen(struct vt_tcb *tcb, const struct vt_addr *peer, const void *buf, size_t len,
                          int flags)
{
    if (!vt_tcp_deferred(tcb)) {
        int err = open_to(tcb, peer);
        if (err != 0)
            return err;
    }
    long n = vt_tcp_fo_prepare(tcb, buf, len);
    if (n < 0)
        n = 0; /* a plain SYN needs no memory: the bytes follow */
    if (tcb->end.tcp->profile->habit.fastopen_sendto && (size_t)n < len) { /* those too are taken at once */
        uint32_t more = (uint32_t)(len - (size_t)n < tcb->sndbuf ? len - (size_t)n : tcb->sndbuf);
        n += vt_tcp_write(tcb, (const uint8_t *)buf + n, more, flags);
    }
    if (n != 0 && vt_tcp_notice_room(tcb, flags))
        vt_tcp_notice_write(tcb, vt_seq_add(tcb->iss, (uint32_t)n), flags);
    if ((flags & VT_MSG_WAITALL) != 0 && (size_t)n < len)
        tcb->open |= VT_OPEN_WRITER;
    first_syn(tcb);
    return n != 0 ? n : -VT_EINPROGRESS;
}

/* The peer's SYN is taken: its number, its options. */
static void take_syn(struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    tcb->irs = seg->seq;
    tcb->rcv_nxt = tcb->last_ack = vt_seq_add(seg->seq, 1);
    tcb->rcv_adv = vt_seq_add(tcb->rcv_nxt, vt_tcp_syn_window(tcb, tcb->adv_mss));
    vt_tcp_auth_start(tcb);
    vt_tcp_agree(tcb->end.tcp, &seg->opts, &tcb->agreed);
    vt_tcp_ecn_take_synack(tcb, seg);
    tcb->ts_recent = seg->opts.tsval;
    tcb->ts_recent_at = tcb->end.tcp->core->now;
    tcb->snd_wnd = tcb->max_wnd = seg->wnd;
    tcb->snd_wl1 = seg->seq;
    tcb->snd_wl2 = seg->ack;
}

/* Text that the SYN bore and that is acknowledged with it. */
static void text_acked(struct vt_tcb *tcb, uint32_t n)
{
    vt_sendq_ack(&tcb->sendq, vt_tcp_core(tcb), n);
    tcb->bytes_acked += n;
    tcb->snd_una = vt_seq_add(tcb->iss, 1 + n);
    if (tcb->notices != NULL)
        vt_tcp_notices_acked(tcb);
}

/* RFC 7413 4.2.1: an opening that we made fast may be answered with text and FIN. Of any other they are left
 * to be sent again: S12, and Linux. */
static void take_text(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    vt_tcp_take_off_syn(seg);
    tcb->data_segs_in += seg->len != 0;
    vt_tcp_step_urg(tcb, seg);
    vt_tcp_step_text(tcb, seg);
    vt_tcp_step_fin(tcb, seg);
}

static void established(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    struct vt_core *core = vt_tcp_core(tcb);
    text_acked(tcb, seg->ack.v - tcb->iss.v - 1);
    vt_tcp_timer_clear(tcb, VT_SLOT_REXMT);
    uint32_t lost = tcb->retries;
    tcb->retries = 0;
    tcb->backoff = 0;
    vt_tcp_set_state(&tcb->end, VT_TCP_ESTABLISHED, VT_DOC_RFC9293_3_10_7_3);
    vt_tcp_accecn_start(tcb, true);
    vt_tcb_start(tcb);
    if (lost == 0)
        vt_tcp_rtt_sample(tcb, (vt_span)(core->now - tcb->syn_at));
    else if (tcb->agreed.ts && seg->opts.tsecr != 0) /* RFC 7323 4.1: the echo tells which was answered */
        vt_tcp_rtt_sample(tcb, (vt_span)(vt_tcp_ts_now(core, tcb->ts_offset) - seg->opts.tsecr) *
                                   (vt_span)VT_MSEC);
    vt_tcp_syn_lost(tcb, seg, lost);
    bool fast = (tcb->open & (VT_OPEN_FO_OPTION | VT_OPEN_FO_DATA)) != 0;
    vt_tcp_fo_answered(tcb, seg);
    vt_tcp_ack_synack(tcb);
    tcb->open &= (uint16_t)~VT_OPEN_WRITER;
    if (fast && (seg->len != 0 || (seg->flags & VT_FIN) != 0))
        take_text(tcb, seg);
    vt_tcp_mark_dirty(tcb);
    vt_tcp_wake(tcb, VT_POLLOUT);
}

/* RFC 7323 5.2 names no test in SYN-SENT; as Linux, an echo of a time before our first SYN, or yet to come,
 * is not an answer to it. */
static bool echo_is_ours(const struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    const struct vt_core *core = vt_tcp_core(tcb);
    if (tcb->end.tcp->knobs.timestamps == 0 || !seg->opts.ts_ok || seg->opts.tsecr == 0)
        return true;
    uint32_t first = (uint32_t)(tcb->syn_at / (uint64_t)VT_MSEC) + tcb->ts_offset;
    return seg->opts.tsecr - first <= vt_tcp_ts_now(core, tcb->ts_offset) - first;
}

/* RFC 9293 3.10.7.3, in its order: ACK, RST, SYN. */
void vt_tcp_syn_sent_segment(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    bool ack = (seg->flags & VT_ACK) != 0, rst = (seg->flags & VT_RST) != 0;
    tcb->segs_in++;
    bool answers = vt_seq_gt(seg->ack, tcb->iss) && vt_seq_le(seg->ack, tcb->snd_nxt);
    if (ack && (!answers || !echo_is_ours(tcb, seg))) {
        if (!rst)
            vt_tcp_reply_rst(tcb->end.tcp, seg, tcb->end.conn);
        vt_tcp_drop_seg(&tcb->end, seg, VT_DROP_TCP_SYN_SENT);
        return;
    }
    if (rst) {
        if (ack)
            vt_tcp_done(tcb, -VT_ECONNREFUSED, VT_DOC_RFC9293_3_10_7_3);
        else
            vt_tcp_drop_seg(&tcb->end, seg, VT_DROP_TCP_SYN_SENT);
        return;
    }
    if ((seg->flags & VT_SYN) == 0) {
        vt_tcp_drop_seg(&tcb->end, seg, VT_DROP_TCP_SYN_SENT);
        return;
    }
    take_syn(tcb, seg);
    if (ack) {
        established(tcb, seg);
        return;
    }
    /* Simultaneous open (MUST-10): RFC 9293 3.5, figure 8. */
    vt_tcp_set_state(&tcb->end, VT_TCP_SYN_RCVD, VT_DOC_RFC9293_3_10_7_3);
    vt_tcb_start(tcb);
    vt_tcp_send_syn(tcb);
}

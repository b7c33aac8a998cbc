/* Socket options with Linux's numbers and meanings, tcp_info, and the rows of `ss`. */
#include "transport/tcp.h"

static int get_int(const void *val, size_t len, int *out)
{
    if (len < sizeof(int))
        return -VT_EINVAL;
    memcpy(out, val, sizeof(int));
    return 0;
}

/* Copies out as Linux does: at most what was asked for, `*len` told. */
static int put(void *val, size_t *len, const void *src, size_t size)
{
    if (*len > size)
        *len = size;
    memcpy(val, src, *len);
    return 0;
}

static void set_flag(struct vt_tcb *tcb, uint32_t flag, int on)
{
    if (on != 0)
        tcb->flags |= flag;
    else
        tcb->flags &= ~flag;
}

/* As Linux: doubled, for what a byte costs beside itself. */
static void set_sndbuf(struct vt_tcb *tcb, int v, int64_t most)
{
    int64_t n = v >= 0 && v < most ? v : v < 0 && most == INT32_MAX ? 0 : most; /* below 0 is much */
    n = n < 2304 ? 2304 : n > INT32_MAX / 2 ? INT32_MAX / 2 : n;
    tcb->sndbuf = (uint32_t)(2 * n);
    tcb->flags |= VT_TCBF_SNDBUF_SET;
    vt_tcp_sndbuf_check(tcb);
}

static int set_socket_opt(struct vt_tcb *tcb, int name, int v)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    switch (name) {
    case VT_SO_REUSEADDR: set_flag(tcb, VT_TCBF_REUSEADDR, v); return 0;
    case VT_SO_REUSEPORT: set_flag(tcb, VT_TCBF_REUSEPORT, v); return 0;
    case VT_SO_OOBINLINE: set_flag(tcb, VT_TCBF_OOBINLINE, v); return 0;
    case VT_SO_KEEPALIVE:
        set_flag(tcb, VT_TCBF_KEEPALIVE, v);
        vt_tcp_life_restart(tcb);
        return 0;
    case VT_SO_SNDBUF: set_sndbuf(tcb, v, k->core_wmem_max); return 0;
    case VT_SO_SNDBUFFORCE: set_sndbuf(tcb, v, INT32_MAX); return 0;
    case VT_SO_BUF_LOCK:
        if ((v & ~3) != 0)
            return -VT_EINVAL;
        set_flag(tcb, VT_TCBF_SNDBUF_SET, v & 1);
        set_flag(tcb, VT_TCBF_RCVBUF_SET, v & 2);
        return 0;
    case VT_SO_RCVBUF: vt_tcp_set_rcvbuf(tcb, v, k->core_rmem_max); return 0;
    case VT_SO_RCVBUFFORCE: vt_tcp_set_rcvbuf(tcb, v, INT32_MAX); return 0;
    case VT_SO_RCVLOWAT: vt_tcp_set_rcvlowat(tcb, v); return 0;
    case VT_SO_MARK:
        tcb->end.mark = (uint32_t)v;
        if (tcb->end.conn != 0)
            vt_tcp_emit_conn(&tcb->end, VT_EV_TCP_MARK, 0);
        return 0;
    default: return -VT_ENOPROTOOPT;
    }
}

static int set_ip_opt(struct vt_tcb *tcb, int name, int v)
{
    switch (name) {
    case VT_IP_TOS:
        tcb->tos = (uint8_t)(v & ~3); /* MUST-48, SHLD-21; the last two bits are ECN's */
        return 0;
    case VT_IP_BIND_ADDRESS_NO_PORT:
        tcb->open = (uint16_t)(v != 0 ? tcb->open | VT_OPEN_NO_PORT : tcb->open & ~VT_OPEN_NO_PORT);
        return 0;
    case VT_IP_FREEBIND: set_flag(tcb, VT_TCBF_FREEBIND, v); return 0;
    case VT_IP_TTL: /* MUST-49 */
        if (v != -1 && (v < 1 || v > 255))
            return -VT_EINVAL;
        tcb->ttl = (uint8_t)(v == -1 ? 0 : v);
        return 0;
    case VT_IP_MTU_DISCOVER:
        if (v < VT_PMTUDISC_DONT || v > VT_PMTUDISC_OMIT)
            return -VT_EINVAL;
        tcb->pmtudisc = (uint8_t)v;
        return 0;
    default: return -VT_ENOPROTOOPT;
    }
}

/* Options whose value is a number in a range, kept in a field. */
static int set_number(uint32_t *field, int v, int least, int most)
{
    if (v < least || v > most)
        return -VT_EINVAL;
    *field = (uint32_t)v;
    return 0;
}

/* Linux keeps TCP_DEFER_ACCEPT as the number of SYN,ACKs that go in so many seconds: 1, 3, 7, 15... */
static uint8_t secs_to_retries(const struct vt_tcb *tcb, int seconds)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    int64_t wait = k->rto_initial_ms, period = wait;
    uint8_t n = 0;
    if (seconds <= 0)
        return 0;
    for (n = 1; seconds * INT64_C(1000) > period && n < UINT8_MAX; n++) {
        wait = 2 * wait < k->rto_max_ms ? 2 * wait : k->rto_max_ms;
        period += wait;
    }
    return n;
}

static int64_t retries_to_secs(const struct vt_tcb *tcb, uint8_t n)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    int64_t wait = k->rto_initial_ms, period = 0;
    for (; n != 0; n--) {
        period += wait;
        wait = 2 * wait < k->rto_max_ms ? 2 * wait : k->rto_max_ms;
    }
    return period / 1000;
}

/* Options that a socket must have before it is connected. */
static int set_fast_connect(struct vt_tcb *tcb, int name, int v)
{
    bool connect = name == VT_TCP_FASTOPEN_CONNECT;
    uint16_t bit = connect ? VT_OPEN_FO_CONNECT : VT_OPEN_FO_NO_COOKIE;
    bool listens = tcb->listener != NULL;
    if (v < 0 || v > 1)
        return -VT_EINVAL;
    if (connect && (tcb->end.tcp->knobs.fastopen & 1) == 0)
        return -VT_EOPNOTSUPP;
    if (tcb->end.state != VT_TCP_CLOSED && (connect || !listens))
        return -VT_EINVAL;
    tcb->open = (uint16_t)(v != 0 ? tcb->open | bit : tcb->open & ~bit);
    return 0;
}

static int set_tcp_opt(struct vt_tcb *tcb, int name, int v)
{
    switch (name) {
    case VT_TCP_NODELAY: /* MUST-17 */
        set_flag(tcb, VT_TCBF_NODELAY, v);
        set_flag(tcb, VT_TCBF_PUSH_OUT, v);
        break;
    case VT_TCP_CORK: set_flag(tcb, VT_TCBF_CORK, v); break;
    case VT_TCP_MAXSEG:
        if (v != 0 && (v < 88 || v > 32767))
            return -VT_EINVAL;
        tcb->user_mss = (uint16_t)v;
        return 0;
    case VT_TCP_KEEPCNT: return set_number(&tcb->keepcnt, v, 1, 127);
    case VT_TCP_KEEPIDLE:
    case VT_TCP_KEEPINTVL: {
        int err = set_number(name == VT_TCP_KEEPIDLE ? &tcb->keepidle : &tcb->keepintvl, v, 1, 32767);
        if (err == 0)
            vt_tcp_life_restart(tcb);
        return err;
    }
    case VT_TCP_SYNCNT:
        if (v < 1 || v > 127)
            return -VT_EINVAL;
        tcb->syn_retries = (uint8_t)v;
        return 0;
    case VT_TCP_DEFER_ACCEPT: tcb->defer_accept = secs_to_retries(tcb, v); return 0;
    case VT_TCP_FASTOPEN: return vt_tcp_fo_set_limit(tcb, v);
    case VT_TCP_FASTOPEN_CONNECT:
    case VT_TCP_FASTOPEN_NO_COOKIE: return set_fast_connect(tcb, name, v);
    case VT_TCP_LINGER2: tcb->linger2 = v < 0 ? -1 : v > 120 ? 120 : v; return 0;
    case VT_TCP_WINDOW_CLAMP: return vt_tcp_set_window_clamp(tcb, v);
    case VT_TCP_USER_TIMEOUT: return set_number(&tcb->user_timeout, v, 0, INT32_MAX);
    case VT_TCP_RTO_MAX_MS: return set_number(&tcb->rto_max_ms, v, 1000, 120000);
    case VT_TCP_RTO_MIN_US: return set_number(&tcb->rto_min_us, v, 2000, 120000000);
    case VT_TCP_THIN_LINEAR_TIMEOUTS:
        if (v < 0 || v > 1)
            return -VT_EINVAL;
        set_flag(tcb, VT_TCBF_THIN, v);
        return 0;
    case VT_TCP_QUICKACK: vt_tcp_set_quickack(tcb, v); break;
    case VT_TCP_THIN_DUPACK: /* as Linux: kept for old programs; RACK does what it asked for */
        return v < 0 || v > 1 ? -VT_EINVAL : 0;
    case VT_TCP_REPAIR: /* a connection is not taken apart and put together again here */
    case VT_TCP_REPAIR_QUEUE:
    case VT_TCP_QUEUE_SEQ:
    case VT_TCP_TIMESTAMP:
    case VT_TCP_REPAIR_WINDOW: return -VT_EPERM;
    case VT_TCP_NOTSENT_LOWAT:
        tcb->notsent_lowat = (uint32_t)v;
        vt_tcp_sndbuf_check(tcb);
        return 0;
    default: return -VT_ENOPROTOOPT;
    }
    if (tcb->end.state >= VT_TCP_ESTABLISHED)
        vt_tcp_output(tcb); /* what was held back may go */
    return 0;
}

/* Linux: 32 bits or 64; all ones are no bound. */
static int set_pacing(struct vt_tcb *tcb, const void *val, size_t len)
{
    uint32_t narrow;
    uint64_t rate;
    if (len < sizeof(narrow))
        return -VT_EINVAL;
    memcpy(&narrow, val, sizeof(narrow));
    rate = narrow == UINT32_MAX ? VT_TCP_RATE_ANY : narrow;
    if (len >= sizeof(rate))
        memcpy(&rate, val, sizeof(rate));
    return vt_tcp_set_max_pace(tcb, rate);
}

static int get_pacing(const struct vt_tcb *tcb, void *val, size_t *len)
{
    uint64_t rate = tcb->pace != NULL && tcb->pace->most != 0 ? tcb->pace->most : VT_TCP_RATE_ANY;
    uint32_t narrow = rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX;
    return *len >= sizeof(rate) ? put(val, len, &rate, sizeof(rate)) : put(val, len, &narrow, sizeof(narrow));
}

int vt_tcp_setopt(struct vt_tcb *tcb, int level, int name, const void *val, size_t len)
{
    if (level == VT_SOL_TCP && name == VT_TCP_CONGESTION)
        return vt_tcp_set_congestion(tcb, val, len);
    if (level == VT_SOL_TCP) {
        int auth = vt_tcp_auth_setopt(tcb, name, val, len);
        if (auth != -VT_ENOPROTOOPT)
            return auth;
    }
    if (level == VT_SOL_SOCKET && name == VT_SO_MAX_PACING_RATE)
        return set_pacing(tcb, val, len);
    if (level == VT_SOL_TCP && name == VT_TCP_FASTOPEN_KEY)
        return vt_tcp_fo_set_key(tcb, val, len);
    int v = 0;
    int err = get_int(val, len, &v);
    if (level == VT_SOL_IP && val != NULL && len >= 1 && len < sizeof v) { /* as Linux: a byte will do */
        v = *(const uint8_t *)val;
        err = 0;
    }
    if (err != 0)
        return err;
    switch (level) {
    case VT_SOL_SOCKET: return set_socket_opt(tcb, name, v);
    case VT_SOL_IP: return set_ip_opt(tcb, name, v);
    case VT_SOL_TCP: return set_tcp_opt(tcb, name, v);
    default: return -VT_ENOPROTOOPT;
    }
}

/* ---- Reading ---- */

uint8_t vt_tcp_info_state(unsigned state)
{
    static const uint8_t linux_state[VT_TCP_STATE_COUNT] = {
        [VT_TCP_CLOSED] = VT_TCPI_CLOSE,
        [VT_TCP_LISTEN] = VT_TCPI_LISTEN,
        [VT_TCP_SYN_SENT] = VT_TCPI_SYN_SENT,
        [VT_TCP_SYN_RCVD] = VT_TCPI_SYN_RECV,
        [VT_TCP_ESTABLISHED] = VT_TCPI_ESTABLISHED,
        [VT_TCP_FIN_WAIT1] = VT_TCPI_FIN_WAIT1,
        [VT_TCP_FIN_WAIT2] = VT_TCPI_FIN_WAIT2,
        [VT_TCP_CLOSE_WAIT] = VT_TCPI_CLOSE_WAIT,
        [VT_TCP_CLOSING] = VT_TCPI_CLOSING,
        [VT_TCP_LAST_ACK] = VT_TCPI_LAST_ACK,
        [VT_TCP_TIME_WAIT] = VT_TCPI_TIME_WAIT,
    };
    return linux_state[state];
}

static uint32_t ms_ago(const struct vt_tcb *tcb, vt_time t)
{
    return (uint32_t)((vt_tcp_core(tcb)->now - t) / (vt_time)VT_MSEC);
}

static void fill_info(const struct vt_tcb *tcb, struct vt_tcp_info *i)
{
    uint32_t mss = tcb->mss != 0 ? tcb->mss : 536;
    uint32_t flight = vt_tcp_flight(tcb);
    memset(i, 0, sizeof(*i));
    i->tcpi_state = vt_tcp_info_state(tcb->end.state);
    i->tcpi_ca_state = tcb->ca;
    i->tcpi_retransmits = tcb->retries;
    i->tcpi_probes = tcb->probes;
    i->tcpi_backoff = tcb->backoff;
    i->tcpi_options = (uint8_t)((tcb->agreed.ts ? 1 : 0) | (tcb->agreed.sack ? 2 : 0) |
                                (tcb->agreed.ecn != VT_ECN_NONE ? 8 : 0) |
                                ((tcb->ecn & VT_ECNF_SEEN) != 0 ? 16 : 0) | (tcb->agreed.wscale ? 4 : 0) |
                                ((tcb->open & VT_OPEN_FO_DONE) != 0 ? 32 : 0));
    i->tcpi_wscale = (uint8_t)(tcb->agreed.snd_scale | tcb->agreed.rcv_scale << 4);
    i->tcpi_rto = (uint32_t)(vt_tcp_rto(tcb) / VT_USEC);
    i->tcpi_ato = tcb->rcv.ato_ms * 1000;
    i->tcpi_snd_mss = tcb->mss;
    i->tcpi_rcv_mss = tcb->rcv.mss;
    i->tcpi_unacked = tcb->listener != NULL ? tcb->listener->accepts : 0;
    i->tcpi_sacked = tcb->listener != NULL ? tcb->listener->backlog : 0;
    if (tcb->loss != NULL) {
        i->tcpi_unacked = tcb->loss->sent.segs;
        i->tcpi_sacked = tcb->loss->sent.sacked_segs + tcb->loss->reno_sacked;
        i->tcpi_lost = tcb->loss->sent.lost_segs;
        i->tcpi_retrans = tcb->loss->sent.retrans_segs;
    }
    /* As Linux, the SYN is delivered too once it was acknowledged. */
    i->tcpi_delivered = tcb->delivered_segs + (tcb->end.state >= VT_TCP_ESTABLISHED);
    i->tcpi_last_data_sent = ms_ago(tcb, tcb->last_data_sent);
    i->tcpi_last_data_recv = ms_ago(tcb, tcb->last_data_rcvd);
    i->tcpi_last_ack_recv = ms_ago(tcb, tcb->last_ack_rcvd);
    i->tcpi_pmtu = tcb->pmtu;
    i->tcpi_rcv_ssthresh = tcb->rcv.ssthresh;
    i->tcpi_rtt = (uint32_t)(tcb->srtt / VT_USEC);
    i->tcpi_rttvar = (uint32_t)(tcb->rttvar / VT_USEC);
    i->tcpi_min_rtt = (uint32_t)(tcb->min_rtt / VT_USEC);
    i->tcpi_snd_ssthresh = tcb->cc.ssthresh == UINT32_MAX ? INT32_MAX : tcb->cc.ssthresh / mss;
    i->tcpi_snd_cwnd = tcb->cc.cwnd / mss;
    i->tcpi_advmss = vt_tcp_adv_payload(tcb);
    i->tcpi_delivered_ce = tcb->delivered_ce;
    i->tcpi_pacing_rate = vt_tcp_pacing_rate(tcb);
    i->tcpi_max_pacing_rate = tcb->pace != NULL && tcb->pace->most != 0 ? tcb->pace->most : VT_TCP_RATE_ANY;
    i->tcpi_delivery_rate = vt_tcp_delivery_rate(tcb);
    i->tcpi_app_limited = vt_tcb_is(tcb, VT_TCBF_RATE_LIMITED);
    i->tcpi_reordering = tcb->reordering;
    i->tcpi_reord_seen = tcb->reord_seen;
    i->tcpi_dsack_dups = tcb->dsack_dups;
    if (tcb->rcv_space != NULL) {
        i->tcpi_rcv_rtt = (uint32_t)(tcb->rcv_space->rtt8 / 8);
        i->tcpi_rcv_space = tcb->rcv_space->space;
    }
    i->tcpi_total_retrans = tcb->total_retrans;
    i->tcpi_bytes_acked = tcb->bytes_acked;
    i->tcpi_bytes_received = tcb->bytes_received;
    i->tcpi_bytes_sent = tcb->bytes_sent;
    i->tcpi_bytes_retrans = tcb->bytes_retrans;
    i->tcpi_segs_out = tcb->segs_out;
    i->tcpi_segs_in = tcb->segs_in;
    i->tcpi_data_segs_in = tcb->data_segs_in;
    i->tcpi_data_segs_out = tcb->data_segs_out;
    i->tcpi_notsent_bytes = tcb->sendq.bytes > flight ? tcb->sendq.bytes - flight : 0;
    i->tcpi_snd_wnd = tcb->snd_wnd;
    i->tcpi_rcv_wnd = tcb->rcv_adv.v - tcb->last_ack.v;
    i->tcpi_rcv_ooopack = tcb->rcv.ooo_segs;
    vt_tcp_chrono_info(tcb, i);
}

static int put_int(void *val, size_t *len, int64_t v)
{
    int i = (int)v;
    return put(val, len, &i, sizeof(i));
}

static int get_tcp_opt(const struct vt_tcb *tcb, int name, void *val, size_t *len)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    struct vt_tcp_info info;
    char cc[16] = {0};
    switch (name) {
    case VT_TCP_NODELAY: return put_int(val, len, vt_tcb_is(tcb, VT_TCBF_NODELAY));
    case VT_TCP_CORK: return put_int(val, len, vt_tcb_is(tcb, VT_TCBF_CORK));
    case VT_TCP_MAXSEG:
        return put_int(val, len, tcb->mss != 0 ? tcb->mss : tcb->user_mss != 0 ? tcb->user_mss : 536);
    case VT_TCP_KEEPIDLE: return put_int(val, len, tcb->keepidle != 0 ? tcb->keepidle : k->keepalive_time);
    case VT_TCP_KEEPINTVL:
        return put_int(val, len, tcb->keepintvl != 0 ? tcb->keepintvl : k->keepalive_intvl);
    case VT_TCP_KEEPCNT: return put_int(val, len, tcb->keepcnt != 0 ? tcb->keepcnt : k->keepalive_probes);
    case VT_TCP_SYNCNT: return put_int(val, len, tcb->syn_retries != 0 ? tcb->syn_retries : k->syn_retries);
    case VT_TCP_DEFER_ACCEPT: return put_int(val, len, retries_to_secs(tcb, tcb->defer_accept));
    case VT_TCP_FASTOPEN: return put_int(val, len, tcb->fo != NULL ? tcb->fo->limit : 0);
    case VT_TCP_FASTOPEN_CONNECT: return put_int(val, len, (tcb->open & VT_OPEN_FO_CONNECT) != 0);
    case VT_TCP_FASTOPEN_NO_COOKIE: return put_int(val, len, (tcb->open & VT_OPEN_FO_NO_COOKIE) != 0);
    case VT_TCP_FASTOPEN_KEY: return vt_tcp_fo_get_key(tcb, val, len);
    case VT_TCP_LINGER2: return put_int(val, len, tcb->linger2 != 0 ? tcb->linger2 : k->fin_timeout);
    case VT_TCP_WINDOW_CLAMP: return put_int(val, len, tcb->rcv.clamp);
    case VT_TCP_USER_TIMEOUT: return put_int(val, len, tcb->user_timeout);
    case VT_TCP_RTO_MAX_MS: return put_int(val, len, vt_tcp_rto_max(tcb) / VT_MSEC);
    case VT_TCP_RTO_MIN_US: return put_int(val, len, vt_tcp_rto_min(tcb) / VT_USEC);
    case VT_TCP_THIN_LINEAR_TIMEOUTS: return put_int(val, len, vt_tcb_is(tcb, VT_TCBF_THIN));
    case VT_TCP_NOTSENT_LOWAT: return put_int(val, len, (int)tcb->notsent_lowat);
    case VT_TCP_QUICKACK: return put_int(val, len, vt_tcp_quickack(tcb));
    case VT_TCP_THIN_DUPACK:
    case VT_TCP_REPAIR:
    case VT_TCP_IS_MPTCP: return put_int(val, len, 0);
    case VT_TCP_TIMESTAMP: return put_int(val, len, (int)vt_tcp_ts_now(vt_tcp_core(tcb), tcb->ts_offset));
    case VT_TCP_INFO: fill_info(tcb, &info); return put(val, len, &info, sizeof(info));
    case VT_TCP_CC_INFO: return vt_tcp_cc_getinfo(tcb, val, len);
    case VT_TCP_CONGESTION:
        memcpy(cc, tcb->cc.ops->name, strlen(tcb->cc.ops->name));
        return put(val, len, cc, sizeof(cc));
    default: return vt_tcp_auth_getopt(tcb, name, val, len);
    }
}

/* Linux's SO_MEMINFO, by its order: what is queued and its bounds, in bytes. What a kernel keeps for itself
 * is 0. */
static int get_meminfo(const struct vt_tcb *tcb, void *val, size_t *len)
{
    const uint32_t info[9] = {vt_tcp_inq(tcb), tcb->rcvbuf, 0, tcb->sndbuf, 0, tcb->sendq.bytes, 0, 0, 0};
    return put(val, len, info, sizeof(info));
}

int vt_tcp_getopt(const struct vt_tcb *tcb, int level, int name, void *val, size_t *len)
{
    if (level == VT_SOL_TCP)
        return get_tcp_opt(tcb, name, val, len);
    if (level == VT_SOL_IP) {
        switch (name) {
        case VT_IP_TOS: return put_int(val, len, tcb->tos);
        case VT_IP_BIND_ADDRESS_NO_PORT: return put_int(val, len, (tcb->open & VT_OPEN_NO_PORT) != 0);
        case VT_IP_TTL: return put_int(val, len, tcb->ttl != 0 ? tcb->ttl : 64);
        case VT_IP_MTU_DISCOVER: return put_int(val, len, tcb->pmtudisc);
        case VT_IP_FREEBIND: return put_int(val, len, vt_tcb_is(tcb, VT_TCBF_FREEBIND));
        case VT_IP_MTU: return tcb->pmtu != 0 ? put_int(val, len, tcb->pmtu) : -VT_ENOTCONN;
        default: return -VT_ENOPROTOOPT;
        }
    }
    if (level != VT_SOL_SOCKET)
        return -VT_ENOPROTOOPT;
    switch (name) {
    case VT_SO_REUSEADDR: return put_int(val, len, vt_tcb_is(tcb, VT_TCBF_REUSEADDR));
    case VT_SO_REUSEPORT: return put_int(val, len, vt_tcb_is(tcb, VT_TCBF_REUSEPORT));
    case VT_SO_KEEPALIVE: return put_int(val, len, vt_tcb_is(tcb, VT_TCBF_KEEPALIVE));
    case VT_SO_OOBINLINE: return put_int(val, len, vt_tcb_is(tcb, VT_TCBF_OOBINLINE));
    case VT_SO_SNDBUF: return put_int(val, len, tcb->sndbuf);
    case VT_SO_RCVBUF: return put_int(val, len, tcb->rcvbuf);
    case VT_SO_RCVLOWAT: return put_int(val, len, tcb->rcv.lowat);
    case VT_SO_MARK: return put_int(val, len, tcb->end.mark);
    case VT_SO_MEMINFO: return get_meminfo(tcb, val, len);
    case VT_SO_MAX_PACING_RATE: return get_pacing(tcb, val, len);
    case VT_SO_BUF_LOCK:
        return put_int(val, len,
                       vt_tcb_is(tcb, VT_TCBF_SNDBUF_SET) | vt_tcb_is(tcb, VT_TCBF_RCVBUF_SET) << 1);
    default: return -VT_ENOPROTOOPT;
    }
}

/* ---- Rows ---- */

static const char *running_timer(const struct vt_tcb *tcb, vt_time *at)
{
    unsigned first = 0;
    for (unsigned i = 1; i < VT_SLOTS; i++)
        if (tcb->deadline[i] < tcb->deadline[first])
            first = i;
    *at = tcb->deadline[first];
    if (*at == VT_NEVER)
        return NULL;
    if (first == VT_SLOT_REXMT)
        return tcb->rexmt == VT_REXMT_PERSIST ? "persist" : "on";
    return first == VT_SLOT_DELACK ? "delack" : tcb->end.state == VT_TCP_FIN_WAIT2 ? "timewait" : "keepalive";
}

static void fill_row(struct vt_tcp_end *e, struct vt_tcp_row *row)
{
    *row = (struct vt_tcp_row){
        .local = e->local, .remote = e->remote, .state = e->state, .conn = e->conn, .mark = e->mark};
    row->timer_at = VT_NEVER;
    if (e->kind == VT_TCP_KIND_TIMEWAIT) {
        row->timer = "timewait";
        row->timer_at = ((struct vt_tcp_timewait *)(void *)e)->timer.when;
    } else if (e->kind == VT_TCP_KIND_REQUEST) {
        row->timer = "on";
        row->timer_at = ((struct vt_tcp_request *)(void *)e)->timer.when;
        row->retransmits = ((struct vt_tcp_request *)(void *)e)->retries;
    } else {
        const struct vt_tcb *tcb = vt_tcb_of(e);
        row->recvq = tcb->listener != NULL ? tcb->listener->accepts : vt_tcp_inq(tcb);
        row->sendq = tcb->listener != NULL ? tcb->listener->backlog : vt_tcp_outq(tcb);
        row->retransmits = tcb->retries;
        row->timer = running_timer(tcb, &row->timer_at);
        fill_info(tcb, &row->info);
    }
}

void vt_tcp_each(struct vt_tcp *tcp, bool (*fn)(void *ctx, const struct vt_tcp_row *row), void *ctx)
{
    struct vt_tcp_row row;
    for (unsigned i = 0; i < VT_TCP_PORT_BUCKETS; i++)
        for (struct vt_tcp_portref *ref = tcp->ports[i]; ref != NULL; ref = ref->next)
            for (struct vt_tcb *o = ref->owners; o != NULL; o = o->bound_next) {
                if (o->listener == NULL)
                    continue;
                fill_row(&o->end, &row);
                if (!fn(ctx, &row))
                    return;
            }
    for (uint32_t i = 0; i < tcp->table_size; i++) {
        if (tcp->table[i].end == NULL)
            continue;
        fill_row(tcp->table[i].end, &row);
        if (!fn(ctx, &row))
            return;
    }
}

/* The path's MTU: what ICMP says of it (RFC 1191), and what is found out by trying (RFC 4821, RFC 8899), for
 * paths where the routers that drop what is too big say nothing, or where what they say is lost.
 *
 * The knob tcp_mtu_probing has Linux's values: 0 trusts ICMP; 1 tries when timeouts hint at such a black
 * hole; 2 always does. Then segments are of tcp_base_mss first, and one larger than the others, of data that
 * would have gone anyway, tries half way between what works and what may. Its loss is no sign of congestion.
 */
#include "transport/tcp.h"

#define HEADERS 40u /* of IP and TCP, without options */

enum {
    PROBING_OFF,
    PROBING_WHEN_LOST,
    PROBING_ALWAYS,
};

/* Payload of a segment in a packet of `mtu` bytes, and the other way round; in what every segment has of
 * options. */
static uint32_t overhead(const struct vt_tcb *tcb)
{
    return HEADERS + (tcb->agreed.ts ? 12 : 0) + vt_tcp_auth_overhead(tcb);
}

static uint32_t mss_of(const struct vt_tcb *tcb, uint32_t mtu)
{
    uint32_t o = overhead(tcb);
    return mtu > o ? mtu - o : 1;
}

uint32_t vt_tcp_pmtu_now(const struct vt_tcb *tcb)
{
    const struct vt_tcp_mtup *m = tcb->mtup;
    return m != NULL && m->enabled && m->low < tcb->pmtu ? m->low : tcb->pmtu;
}

static uint32_t path_of(struct vt_tcb *tcb)
{
    struct vt_net *net = tcb->end.tcp->net;
    /* IP_PMTUDISC_PROBE and above do not believe ICMP, whoever it told. */
    return tcb->pmtudisc >= VT_PMTUDISC_PROBE ? vt_net_hop_mtu(net, tcb->end.remote.ip)
                                              : vt_net_path_mtu(net, tcb->end.remote.ip);
}

/* The largest that the peer takes, as far as the link goes. */
static uint32_t search_high(const struct vt_tcb *tcb)
{
    uint32_t high = tcb->agreed.peer_mss;
    if (tcb->user_mss != 0 && tcb->user_mss < high)
        high = tcb->user_mss;
    return high + HEADERS < tcb->pmtu ? high + HEADERS : tcb->pmtu;
}

static void set_path(struct vt_tcb *tcb, uint32_t mtu)
{
    struct vt_tcp_mtup *m = tcb->mtup;
    bool wider = mtu > tcb->pmtu;
    tcb->pmtu = mtu;
    if (m != NULL && wider)
        m->high = search_high(tcb);
    else if (m != NULL && m->high > mtu)
        m->high = mtu;
    vt_tcb_set_mss(tcb);
}

void vt_tcp_pmtu_start(struct vt_tcb *tcb)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    tcb->net_seen = vt_net_generation(tcb->end.tcp->net);
    tcb->pmtu = path_of(tcb);
    vt_tcp_pmtu_end(tcb);
    if (k->mtu_probing != PROBING_OFF)
        tcb->mtup = vt_alloc(vt_tcp_core(tcb), sizeof(*tcb->mtup)); /* without memory it is done without */
    if (tcb->mtup != NULL) {
        tcb->mtup->enabled = k->mtu_probing >= PROBING_ALWAYS;
        tcb->mtup->high = search_high(tcb);
        tcb->mtup->low = (uint32_t)k->base_mss + overhead(tcb);
        tcb->mtup->at = vt_tcp_core(tcb)->now;
    }
    vt_tcb_set_mss(tcb);
}

void vt_tcp_pmtu_end(struct vt_tcb *tcb)
{
    vt_free(vt_tcp_core(tcb), tcb->mtup, sizeof(*tcb->mtup));
    tcb->mtup = NULL;
}

void vt_tcp_pmtu_sync(struct vt_tcb *tcb)
{
    uint32_t now = vt_net_generation(tcb->end.tcp->net);
    if (tcb->net_seen == now)
        return;
    tcb->net_seen = now;
    uint32_t mtu = path_of(tcb), was = tcb->mss;
    if (mtu == tcb->pmtu)
        return;
    set_path(tcb, mtu);
    if (tcb->mss < was)
        vt_tcp_loss_resize(tcb);
}

void vt_tcp_pmtu_lower(struct vt_tcb *tcb, uint32_t mtu)
{
    if (mtu >= tcb->pmtu || tcb->pmtudisc == VT_PMTUDISC_DONT || tcb->pmtudisc >= VT_PMTUDISC_PROBE)
        return;
    set_path(tcb, mtu);
    vt_tcp_loss_resize(tcb); /* RFC 1191 6.4: at once, and no sign of congestion */
}

void vt_tcp_pmtu_timeouts(struct vt_tcb *tcb)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    struct vt_tcp_mtup *m = tcb->mtup;
    if (m == NULL || k->mtu_probing == PROBING_OFF)
        return;
    if (!m->enabled) { /* RFC 4821 7.7: full-stop timeouts may be a black hole: what surely passes */
        m->enabled = true;
        m->at = vt_tcp_core(tcb)->now;
    } else { /* nor does that: less still */
        uint32_t mss = mss_of(tcb, m->low) / 2, floor = (uint32_t)k->mtu_probe_floor;
        mss = mss < k->base_mss ? mss : (uint32_t)k->base_mss;
        floor = floor > k->min_snd_mss ? floor : (uint32_t)k->min_snd_mss;
        m->low = (mss > floor ? mss : floor) + overhead(tcb);
    }
    vt_tcb_set_mss(tcb);
    vt_tcp_emit_cc(tcb, VT_DOC_RFC4821_7);
}

/* Nothing is left to be tried for now; after a while the path may have got wider (RFC 4821 7.8). */
static void begin_again(struct vt_tcb *tcb)
{
    struct vt_tcp_mtup *m = tcb->mtup;
    vt_time now = vt_tcp_core(tcb)->now;
    if ((vt_span)(now - m->at) < tcb->end.tcp->knobs.probe_interval * VT_SEC)
        return;
    m->high = search_high(tcb);
    m->low = tcb->mss + overhead(tcb);
    m->at = now;
}

/* Sends it: SND.NXT moves, and its record is one segment. */
static bool send_probe(struct vt_tcb *tcb, uint32_t size)
{
    struct vt_core *core = vt_tcp_core(tcb);
    struct vt_seq from = tcb->snd_nxt;
    if (!vt_tcp_loss_ready(tcb) || !vt_sentq_room(&tcb->loss->sent, core))
        return false;
    if (vt_tcp_send_data(tcb, from, size, 0, VT_SEG_MTU_PROBE) != size)
        return false;
    tcb->snd_nxt = vt_seq_add(from, size);
    struct vt_sent *s = vt_sentq_add(&tcb->loss->sent, core, from, tcb->snd_nxt, (uint16_t)size, false);
    if (s == NULL)
        return false;
    s->at = core->now;
    tcb->mtup->probe = size + overhead(tcb);
    tcb->mtup->probe_from = from;
    tcb->mtup->probe_to = tcb->snd_nxt;
    return true;
}

enum vt_tcp_probe vt_tcp_pmtu_probe(struct vt_tcb *tcb)
{
    const struct vt_tcp_knobs *k = &tcb->end.tcp->knobs;
    const struct vt_tcp_mtup *m = tcb->mtup;
    /* Options of a varying length would spoil the measure; so would a window that is too small to see the
     * probe's loss by what follows it. */
    if (m == NULL || !m->enabled || m->probe != 0 || tcb->ca != VT_CA_OPEN || tcb->ooo != NULL ||
        tcb->cc.cwnd < 11 * (uint32_t)tcb->mss || vt_tcb_is(tcb, VT_TCBF_URG_OUT))
        return VT_PROBE_NONE;
    uint32_t size = mss_of(tcb, (m->high + m->low) / 2), off = vt_tcp_flight(tcb);
    uint64_t needed = size + (tcb->reordering + UINT64_C(1)) * tcb->mss;
    int64_t least = k->probe_threshold > 1 ? k->probe_threshold : 1;
    if (size > mss_of(tcb, m->high) || (int64_t)m->high - m->low < least) {
        begin_again(tcb);
        return VT_PROBE_NONE;
    }
    uint8_t marks;
    if (off > tcb->sendq.bytes || tcb->sendq.bytes - off < needed || tcb->snd_wnd < needed ||
        vt_sendq_reach(&tcb->sendq, off, size, &marks) != size)
        return VT_PROBE_NONE;
    if (off + needed > tcb->snd_wnd)
        return VT_PROBE_WAIT;
    uint32_t pipe = vt_tcp_pipe(tcb);
    if ((uint64_t)pipe + size > tcb->cc.cwnd) /* until there is room for all of it; not for ever */
        return pipe == 0 ? VT_PROBE_NONE : VT_PROBE_WAIT;
    return send_probe(tcb, size) ? VT_PROBE_SENT : VT_PROBE_NONE;
}

bool vt_tcp_pmtu_probing(const struct vt_tcb *tcb)
{
    return tcb->mtup != NULL && tcb->mtup->probe != 0;
}

void vt_tcp_pmtu_acked(struct vt_tcb *tcb)
{
    struct vt_tcp_mtup *m = tcb->mtup;
    if (!vt_tcp_pmtu_probing(tcb) || vt_seq_lt(tcb->snd_una, m->probe_to))
        return;
    m->low = m->probe;
    m->probe = 0;
    vt_tcb_set_mss(tcb);
    vt_tcp_emit_cc(tcb, VT_DOC_RFC4821_7);
}

bool vt_tcp_pmtu_failed(struct vt_tcb *tcb)
{
    struct vt_tcp_mtup *m = tcb->mtup;
    if (!vt_tcp_pmtu_probing(tcb) || tcb->ca >= VT_CA_CWR || !vt_seq_eq(tcb->snd_una, m->probe_from))
        return false;
    m->high = m->probe - 1;
    m->probe = 0;
    vt_tcp_loss_resize(tcb);
    return true;
}

void vt_tcp_pmtu_unclear(struct vt_tcb *tcb)
{
    if (tcb->mtup != NULL)
        tcb->mtup->probe = 0;
}

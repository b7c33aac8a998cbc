/* SYN cookies (RFC 4987 3.6): when a listener's SYN queue is full, the SYN,ACK's number says all that must be
 * remembered of the SYN, and the ACK brings it back.
 *
 * The number is a keyed hash of the connection's name, and on top of it, in the upper 8 bits, the minute, and
 * in the lower 24 a second hash that holds for that minute alone, plus a place in a table of MSSs. A cookie
 * of an earlier minute is taken, one of the minute before that is not (V55). The peer's timestamp echo brings
 * back the rest of the options: they stand in the lower bits of our timestamp, as on Linux. Without
 * timestamps there are none but the MSS. */
#include "transport/tcp.h"

#define MINUTE (60 * VT_SEC)
#define VALID  2u /* minutes, the one that runs included */

#define TS_WSCALE 0x0fu /* the peer's shift; 15: he offered none */
#define TS_SACK   0x10u
#define TS_ECN    0x20u
#define TS_BITS   6

static const uint16_t msss[] = {536, 1300, 1440, 1460};
#define MSSS (sizeof(msss) / sizeof(msss[0]))

static uint32_t minute(const struct vt_tcp *tcp)
{
    return (uint32_t)(tcp->core->now / (uint64_t)MINUTE);
}

static uint32_t hash(struct vt_tcp *tcp, const struct vt_tcp_seg *seg, uint32_t when, uint8_t which)
{
    uint8_t name[42] = {'c', which};
    memcpy(name + 2, seg->src.ip.b, 16);
    memcpy(name + 18, seg->dst.ip.b, 16);
    vt_put16(name + 34, seg->src.port);
    vt_put16(name + 36, seg->dst.port);
    vt_put32(name + 38, when);
    return (uint32_t)vt_siphash(&tcp->core->key, name, sizeof(name));
}

static uint32_t make(struct vt_tcp *tcp, const struct vt_tcp_seg *seg, uint32_t index)
{
    uint32_t when = minute(tcp);
    return hash(tcp, seg, 0, 0) + seg->seq.v + (when << 24) + ((hash(tcp, seg, when, 1) + index) & 0xffffff);
}

/* The MSS that a cookie holds; 0: it is none of ours, or too old. `irs`: the peer's initial number. */
static uint16_t check(struct vt_tcp *tcp, const struct vt_tcp_seg *seg, uint32_t cookie, uint32_t irs)
{
    uint32_t when = minute(tcp);
    cookie -= hash(tcp, seg, 0, 0) + irs;
    uint32_t age = (when - (cookie >> 24)) & 0xff;
    if (age >= VALID)
        return 0;
    uint32_t index = (cookie - hash(tcp, seg, when - age, 1)) & 0xffffff;
    return index < MSSS ? msss[index] : 0;
}

static uint32_t mss_index(uint16_t mss)
{
    uint32_t i = MSSS - 1;
    while (i != 0 && mss < msss[i])
        i--;
    return i;
}

/* Our timestamp, no later than now, with the options in its lower bits. */
static uint32_t stamp(const struct vt_tcp *tcp, const struct vt_tcp_agreed *a)
{
    uint32_t now = vt_tcp_ts_now(tcp->core, 0), options = a->wscale ? a->snd_scale : TS_WSCALE;
    options |= a->sack ? TS_SACK : 0;
    options |= a->ecn == VT_ECN_CLASSIC ? TS_ECN : 0;
    uint32_t ts = (now >> TS_BITS << TS_BITS) | options;
    return ts > now ? ts - (1u << TS_BITS) : ts;
}

/* The options that an echoed timestamp brings back. False: they are not ours to agree to. */
static bool unstamp(struct vt_tcp *tcp, const struct vt_tcp_seg *seg, uint32_t offset, struct vt_tcp_opts *o)
{
    uint32_t options = seg->opts.tsecr - offset;
    if (!seg->opts.ts_ok)
        return true;
    o->ts_ok = true;
    o->sack_ok = (options & TS_SACK) != 0;
    o->wscale_ok = (options & TS_WSCALE) != TS_WSCALE;
    o->wscale = o->wscale_ok ? (uint8_t)(options & TS_WSCALE) : 0;
    const struct vt_tcp_knobs *k = &tcp->knobs;
    return k->timestamps != 0 && (k->sack != 0 || !o->sack_ok) && (k->window_scaling != 0 || !o->wscale_ok) &&
           o->wscale <= VT_TCP_MAX_SHIFT;
}

void vt_tcp_cookie_send(struct vt_tcp_listener *l, const struct vt_tcp_seg *seg)
{
    struct vt_tcp *tcp = l->tcb->end.tcp;
    struct vt_tcp_request r = {.listener = l};
    struct vt_tcp_opts theirs = {.mss_ok = seg->opts.mss_ok, .mss = seg->opts.mss};
    if (seg->opts.ts_ok && tcp->knobs.timestamps != 0) /* else the ACK could not bring the options back */
        theirs = seg->opts;
    r.end.tcp = tcp;
    r.end.kind = VT_TCP_KIND_REQUEST;
    r.end.state = VT_TCP_LISTEN;
    r.end.local = seg->dst;
    r.end.remote = seg->src;
    r.end.mark = l->tcb->end.mark;
    vt_tcp_agree(tcp, &theirs, &r.agreed);
    if (r.agreed.ts)
        vt_tcp_ecn_take_syn(l->tcb, seg, &r.agreed);
    if (r.agreed.ecn == VT_ECN_ACCURATE) /* one bit cannot bring that back */
        r.agreed.ecn = VT_ECN_NONE;
    vt_tcp_request_fill(&r, l, seg);
    r.iss = vt_seq(make(tcp, seg, mss_index(theirs.mss_ok ? theirs.mss : 536)));
    if (r.agreed.ts)
        r.ts_offset += stamp(tcp, &r.agreed) - vt_tcp_ts_now(tcp->core, 0);
    l->cookie_at = tcp->core->now != 0 ? tcp->core->now : 1;
    tcp->cookies_sent++;
    vt_tcp_send_synack(&r, NULL);
}

/* The SYN as it must have been, of which the cookie tells. NULL without memory. */
static struct vt_tcp_request *rebuild(struct vt_tcp_listener *l, const struct vt_tcp_seg *seg,
                                      const struct vt_tcp_opts *theirs)
{
    struct vt_tcp *tcp = l->tcb->end.tcp;
    struct vt_tcp_request *r = vt_tcp_request_new(l, seg);
    if (r == NULL)
        return NULL;
    vt_tcp_agree(tcp, theirs, &r->agreed);
    vt_tcp_request_fill(r, l, seg);
    if (r->agreed.ts && ((seg->opts.tsecr - r->ts_offset) & TS_ECN) != 0 && tcp->knobs.ecn != 0)
        r->agreed.ecn = VT_ECN_CLASSIC;
    r->irs = vt_seq_sub(seg->seq, 1);
    r->iss = vt_seq_sub(seg->ack, 1);
    vt_tcp_emit_conn(&r->end, VT_EV_TCP_CONN, l->tcb->end.conn);
    vt_tcp_set_state(&r->end, VT_TCP_SYN_RCVD, VT_DOC_RFC9293_3_10_7_2);
    return r;
}

bool vt_tcp_cookie_take(struct vt_tcp_listener *l, struct vt_tcp_seg *seg, enum vt_drop *reason)
{
    struct vt_tcp *tcp = l->tcb->end.tcp;
    struct vt_tcp_opts theirs = {.mss_ok = true};
    /* Only for as long as cookies of ours may be under way: guessing is no use at another time. */
    if (tcp->knobs.syncookies == 0 || l->cookie_at == 0 || (seg->flags & VT_SYN) != 0 ||
        tcp->core->now - l->cookie_at > (vt_time)(VALID * MINUTE))
        return false;
    theirs.mss = check(tcp, seg, seg->ack.v - 1, seg->seq.v - 1);
    if (theirs.mss == 0) {
        *reason = VT_DROP_TCP_COOKIE;
        tcp->cookies_failed++;
        return false;
    }
    tcp->cookies_taken++;
    if (vt_tcp_accept_full(l)) {
        vt_tcp_emit_queue(l, true);
        vt_tcp_drop_seg(&l->tcb->end, seg, VT_DROP_TCP_ACCEPT_QUEUE);
        return true;
    }
    struct vt_tcp_request *r = NULL;
    if (unstamp(tcp, seg, vt_tcp_ts_offset(tcp, &seg->dst, &seg->src), &theirs))
        r = rebuild(l, seg, &theirs);
    if (r == NULL) {
        vt_tcp_drop_seg(&l->tcb->end, seg, VT_DROP_TCP_COOKIE);
        return true;
    }
    seg->wnd <<= r->agreed.snd_scale; /* RFC 7323 2.3 */
    struct vt_tcb *tcb = vt_tcp_promote(r, seg);
    if (tcb == NULL) {
        vt_tcp_request_free(r, VT_DOC_NONE);
        vt_tcp_drop_seg(&l->tcb->end, seg, VT_DROP_NO_MEMORY);
        return true;
    }
    vt_tcp_segment(tcb, seg); /* text and FIN that came with it */
    vt_tcp_wake(l->tcb, VT_POLLIN);
    return true;
}

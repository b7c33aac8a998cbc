/* Fast Open, the client's side (RFC 7413 4.1.3, 4.2): a cookie that a server once gave lets the first bytes
 * go with the SYN.
 *
 * Cookies are kept in sets of a few destinations each; the one unused for longest gives way. With a cookie
 * goes the MSS that the server told, since the next SYN must be sized before he tells it again. */
#include "transport/tcp.h"

#define SETS 64u
#define WAYS 4u

#define OPTION_ROOM 40u /* Linux leaves room for all options that there can be, middleboxes' among them */

enum { /* bits of net.ipv4.tcp_fastopen */
    CLIENT = 1,
    CLIENT_NO_COOKIE = 4,
};

/* What is known of a destination. */
struct vt_fo_dest {
    struct vt_ip local, remote;
    vt_time used;
    uint16_t mss;    /* 0: the place is free */
    bool given_up;   /* it is not asked again */
    uint8_t try_exp; /* 1: the option went unheeded, try the experimental one; 2: that did, too */
    struct vt_tcp_cookie cookie;
};

struct vt_fastopen *vt_tcp_fo_get(struct vt_tcb *tcb)
{
    if (tcb->fo == NULL)
        tcb->fo = vt_alloc(vt_tcp_core(tcb), sizeof(*tcb->fo));
    return tcb->fo;
}

void vt_tcp_fo_free(struct vt_tcb *tcb)
{
    if (tcb->fo == NULL)
        return;
    vt_tcp_fo_child_done(tcb, false);
    vt_tcp_fo_listener_free(tcb);
    vt_free(vt_tcp_core(tcb), tcb->fo, sizeof(*tcb->fo));
    tcb->fo = NULL;
}

/* ---- What is known of destinations ---- */

static struct vt_fo_dest *set_of(struct vt_tcp *tcp, const struct vt_tcb *tcb)
{
    uint8_t name[33] = {'f'};
    memcpy(name + 1, tcb->end.local.ip.b, 16);
    memcpy(name + 17, tcb->end.remote.ip.b, 16);
    return &tcp->fo_cache[vt_siphash(&tcp->core->key, name, sizeof(name)) % SETS * WAYS];
}

static struct vt_fo_dest *find(const struct vt_tcb *tcb)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    if (tcp->fo_cache == NULL)
        return NULL;
    struct vt_fo_dest *set = set_of(tcp, tcb);
    for (unsigned i = 0; i < WAYS; i++)
        if (set[i].mss != 0 && vt_ip_eq(set[i].remote, tcb->end.remote.ip) &&
            vt_ip_eq(set[i].local, tcb->end.local.ip))
            return &set[i];
    return NULL;
}

static struct vt_fo_dest *make(const struct vt_tcb *tcb)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    struct vt_fo_dest *d = find(tcb);
    if (d != NULL)
        return d;
    if (tcp->fo_cache == NULL)
        tcp->fo_cache = vt_alloc(tcp->core, SETS * WAYS * sizeof(*d));
    if (tcp->fo_cache == NULL)
        return NULL;
    struct vt_fo_dest *set = set_of(tcp, tcb);
    d = &set[0];
    for (unsigned i = 1; i < WAYS; i++)
        if (d->mss != 0 && (set[i].mss == 0 || set[i].used < d->used))
            d = &set[i];
    *d = (struct vt_fo_dest){.local = tcb->end.local.ip, .remote = tcb->end.remote.ip};
    return d;
}

void vt_tcp_fo_flush(struct vt_tcp *tcp)
{
    vt_free(tcp->core, tcp->fo_cache, SETS * WAYS * sizeof(*tcp->fo_cache));
    tcp->fo_cache = NULL;
}

static void learn(struct vt_tcb *tcb, uint16_t mss, const struct vt_tcp_cookie *cookie, uint8_t try_exp)
{
    struct vt_fo_dest *d = make(tcb);
    if (d == NULL)
        return;
    d->used = vt_tcp_core(tcb)->now;
    d->mss = mss;
    if (cookie != NULL)
        d->cookie = *cookie;
    else if (try_exp > d->try_exp && d->cookie.len == 0)
        d->try_exp = try_exp;
}

static void give_up(const struct vt_tcb *tcb)
{
    struct vt_fo_dest *d = find(tcb);
    if (d != NULL)
        d->given_up = true;
}

/* ---- Paths that swallow it (RFC 7413 4.1.3.1) ---- */

/* Linux: for as long as the knob says, doubled each time that it happens again, up to 64 times as long. */
static bool paused(const struct vt_tcp *tcp)
{
    uint32_t n = tcp->fo_pauses;
    if (n == 0)
        return false;
    vt_span pause = tcp->knobs.fastopen_blackhole * VT_SEC << (n - 1 < 6 ? n - 1 : 6);
    return tcp->core->now < vt_time_add(tcp->fo_paused_at, pause);
}

static void pause(struct vt_tcp *tcp)
{
    if (tcp->knobs.fastopen_blackhole == 0)
        return;
    tcp->fo_pauses++;
    tcp->fo_paused_at = tcp->core->now;
}

void vt_tcp_fo_timeout(struct vt_tcb *tcb, uint32_t n, bool last)
{
    uint16_t fast = VT_OPEN_FO_OPTION | VT_OPEN_FO_DATA | VT_OPEN_FO_DONE;
    if ((tcb->open & fast) != 0 && (tcb->open & VT_OPEN_FO_CHILD) == 0 && (n == 2 || (n < 2 && last)))
        pause(tcb->end.tcp);
}

void vt_tcp_fo_ended(struct vt_tcb *tcb)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    if ((tcb->open & VT_OPEN_FO_OPTION) == 0)
        return;
    bool fin_alone = vt_tcb_is(tcb, VT_TCBF_FIN_SEEN) && !vt_tcb_is(tcb, VT_TCBF_FIN_RCVD);
    if (tcb->data_segs_in == 0 && fin_alone)
        pause(tcp); /* as Linux: the peer's FIN came, and of what was before it nothing */
    else if (tcb->data_segs_in != 0 && !paused(tcp) && !vt_net_is_local(tcp->net, tcb->end.remote.ip))
        tcp->fo_pauses = 0; /* text has come by a fast opening: the path is well again */
}

/* ---- The SYN ---- */

/* True when text may go with the SYN. `*cookie` is its option, `*mss` the server's, as it was last. */
static bool check(struct vt_tcb *tcb, struct vt_tcp_cookie *cookie, uint16_t *mss)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    struct vt_fo_dest *d = find(tcb);
    *cookie = (struct vt_tcp_cookie){0};
    if (d != NULL) {
        d->used = tcp->core->now;
        *mss = d->mss;
        *cookie = d->cookie;
        if (d->cookie.len == 0)
            cookie->exp = d->try_exp == 1;
    }
    cookie->ok = false;
    if (paused(tcp) || (d != NULL && d->given_up))
        return false;
    if ((tcp->knobs.fastopen & CLIENT_NO_COOKIE) != 0 || (tcb->open & VT_OPEN_FO_NO_COOKIE) != 0)
        return true;
    cookie->ok = true; /* of length 0: a request for one */
    return cookie->len != 0;
}

bool vt_tcp_fastopen_implied(const struct vt_tcb *tcb)
{
    return tcb->end.tcp->profile->habit.fastopen_sendto && tcb->fo != NULL && tcb->fo->limit != 0;
}

bool vt_tcp_fo_defers(struct vt_tcb *tcb)
{
    struct vt_tcp_cookie cookie;
    uint16_t mss = 0;
    return check(tcb, &cookie, &mss);
}

/* How much text a SYN may bear: what fits a segment with all options that there can be. */
static uint32_t space(const struct vt_tcb *tcb, uint16_t server_mss)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    uint32_t path = vt_net_path_mtu(tcp->net, tcb->end.remote.ip);
    uint32_t mss = path > 40 ? path - 40 : 0;
    if (mss > server_mss)
        mss = server_mss;
    if (tcb->user_mss != 0 && mss > tcb->user_mss)
        mss = tcb->user_mss;
    return mss > OPTION_ROOM ? mss - OPTION_ROOM : 0;
}

long vt_tcp_fo_prepare(struct vt_tcb *tcb, const void *buf, size_t len)
{
    struct vt_fastopen *fo = vt_tcp_fo_get(tcb);
    uint16_t mss = vt_tcp_local_mss(tcb->end.tcp, tcb->end.remote.ip);
    if (fo == NULL)
        return -VT_ENOBUFS;
    fo->sent = false;
    fo->syn_data = 0;
    if (!check(tcb, &fo->cookie, &mss)) {
        fo->cookie.len = 0;
        return 0;
    }
    uint32_t room = space(tcb, mss);
    uint32_t want = len < room ? (uint32_t)len : room;
    if (want != 0)
        fo->syn_data = vt_sendq_write(&tcb->sendq, vt_tcp_core(tcb), buf, want);
    return (long)fo->syn_data;
}

uint32_t vt_tcp_fo_fill(struct vt_tcb *tcb, struct vt_tcp_opts *o, struct vt_pbuf *p)
{
    struct vt_fastopen *fo = tcb->fo;
    if (fo == NULL || fo->sent)
        return 0;
    fo->sent = true;
    o->fo = fo->cookie;
    if (tcb->end.state != VT_TCP_SYN_SENT)
        return 0;
    if (fo->cookie.ok)
        tcb->open |= fo->cookie.exp ? VT_OPEN_FO_OPTION | VT_OPEN_FO_EXP : VT_OPEN_FO_OPTION;
    uint32_t n = fo->syn_data != 0 ? vt_sendq_slice(&tcb->sendq, 0, fo->syn_data, p) : 0;
    fo->syn_data = n; /* in one block as it was written, so that it is all of it */
    if (n != 0) {
        tcb->open |= VT_OPEN_FO_DATA;
        tcb->data_segs_out++;
        tcb->bytes_sent += n;
        tcb->last_data_sent = vt_tcp_core(tcb)->now;
    }
    return n;
}

void vt_tcp_fo_too_big(struct vt_tcb *tcb)
{
    /* As a loss of the data alone: the SYN goes again at once, without them and without the option. */
    tcb->total_retrans++;
    vt_tcp_send_syn(tcb);
}

/* ---- The answer ---- */

void vt_tcp_fo_resend(struct vt_tcb *tcb)
{
    if (vt_seq_ge(tcb->snd_una, tcb->snd_nxt) || !vt_tcp_loss_ready(tcb) ||
        !vt_sentq_room(&tcb->loss->sent, vt_tcp_core(tcb)) ||
        !vt_tcp_sent_new(tcb, tcb->snd_una, tcb->snd_nxt))
        return;
    vt_sentq_flag(&tcb->loss->sent, vt_sent_at(&tcb->loss->sent, 0),
                  VT_SENT_LOST | VT_SENT_AGAIN | VT_SENT_PUSH, 0);
    tcb->ca = VT_CA_LOSS; /* as Linux: no growth until it has arrived, and no reduction either */
    tcb->recover = tcb->snd_nxt;
    vt_tcp_mark_dirty(tcb);
}

void vt_tcp_fo_answered(struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    bool option = (tcb->open & VT_OPEN_FO_OPTION) != 0, data = (tcb->open & VT_OPEN_FO_DATA) != 0;
    bool whole = vt_seq_eq(tcb->snd_una, tcb->snd_nxt);
    const struct vt_tcp_cookie *cookie = option && seg->opts.fo.ok && seg->opts.fo.len != 0 ? &seg->opts.fo
                                                                                            : NULL;
    uint8_t try_exp = 0;
    if (!option && !data)
        return;
    /* Linux: a server that took the first SYN and gave no cookie may know the experimental option alone. */
    bool gives_up = tcb->end.tcp->profile->habit.fastopen_gives_up;
    if (option && cookie == NULL && !data && tcb->total_retrans == 0 && !gives_up)
        try_exp = (tcb->open & VT_OPEN_FO_EXP) != 0 ? 2 : 1;
    learn(tcb, seg->opts.mss_ok ? seg->opts.mss : tcb->agreed.peer_mss, cookie, try_exp);
    if (gives_up && option && cookie == NULL && !(data && whole))
        give_up(tcb);
    if (!whole)
        vt_tcp_fo_resend(tcb);
    else if (data)
        tcb->open |= VT_OPEN_FO_DONE;
    vt_tcp_fo_free(tcb);
}

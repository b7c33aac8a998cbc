/* Between a connection and its congestion controller: which it is, what an ACK means to it, and the knobs
 * that are texts. */
#include "transport/tcp.h"

/* ---- ACKs ---- */

static void grow_window(struct vt_tcb *tcb, const struct vt_tcp_ack_info *info)
{
    /* Where reordering is usual, what was only SACKed counts as well; else that waits for its ACK. */
    bool forward = tcb->reordering > tcb->end.tcp->knobs.reordering ? info->delivered != 0 : info->acked != 0;
    if (!forward || info->delivered == 0)
        return;
    /* What was SACKed before counted for nothing then, and is no part of what this ACK lets grow: as Linux.
     */
    struct vt_cc_ack a = {.acked = info->delivered,
                          .cwnd_limited = vt_tcp_cwnd_limited(tcb),
                          .rtt = info->newest_rtt,
                          .srtt = tcb->srtt,
                          .min_rtt = tcb->min_rtt,
                          .una = tcb->snd_una,
                          .nxt = tcb->snd_nxt,
                          .now = vt_tcp_core(tcb)->now};
    tcb->cc.ops->ack(&tcb->cc, &a);
}

static void whole_control(struct vt_tcb *tcb, const struct vt_tcp_ack_info *info, struct vt_cc_rate *r,
                          uint32_t pipe)
{
    r->in_flight = vt_tcp_pipe(tcb);
    r->prior_in_flight = pipe;
    r->rtt = info->newest_rtt;
    r->min_rtt = tcb->min_rtt;
    r->srtt = tcb->srtt;
    r->ack_delayed = info->acked != 0 && info->acked < tcb->mss && !info->again;
    r->ca = tcb->ca;
    r->max_pace = tcb->pace != NULL ? tcb->pace->most : 0;
    r->now = vt_tcp_core(tcb)->now;
    tcb->cc.ops->control(&tcb->cc, r);
    if (r->mark_app_limited)
        vt_tcp_app_limited(tcb);
}

void vt_tcp_cc_ack(struct vt_tcb *tcb, const struct vt_tcp_ack_info *info, uint32_t pipe)
{
    struct vt_cc_rate r;
    vt_tcp_rate_sample(tcb, info, &r);
    if (tcb->cc.ops->control != NULL)
        whole_control(tcb, info, &r, pipe);
    else if (vt_tcp_reducing(tcb))
        vt_tcp_prr(tcb, info);
    else
        grow_window(tcb, info);
}

void vt_tcp_cc_event(struct vt_tcb *tcb, enum vt_cc_event ev)
{
    if (tcb->cc.ops->event != NULL)
        tcb->cc.ops->event(&tcb->cc, ev, vt_tcp_core(tcb)->now);
}

/* ---- Which one ---- */

int vt_tcp_set_congestion(struct vt_tcb *tcb, const char *name, size_t len)
{
    const char *end = memchr(name, 0, len);
    const struct vt_cc_ops *ops = vt_cc_find(name, end != NULL ? (size_t)(end - name) : len);
    if (ops == NULL)
        return -VT_ENOENT;
    vt_cc_switch(&tcb->cc, ops);
    return 0;
}

int vt_tcp_cc_getinfo(const struct vt_tcb *tcb, void *val, size_t *len)
{
    union vt_cc_info info = {0};
    /* Linux: a controller without a tale of its own gives no bytes. */
    size_t n = tcb->cc.ops->info != NULL ? tcb->cc.ops->info(&tcb->cc, &info) : 0;
    *len = *len < n ? *len : n;
    memcpy(val, &info, *len);
    return 0;
}

/* ---- Knobs that are texts ---- */

static const char current[] = "net.ipv4.tcp_congestion_control";
static const char available[] = "net.ipv4.tcp_available_congestion_control";
static const char allowed[] = "net.ipv4.tcp_allowed_congestion_control";

static int put_text(char *buf, size_t size, size_t at, const char *s)
{
    size_t n = strlen(s);
    if (at + n + 1 > size)
        return -VT_ENOSPC;
    memcpy(buf + at, s, n + 1);
    return (int)n;
}

int vt_tcp_knob_get_text(const struct vt_tcp *tcp, const char *name, char *buf, size_t size)
{
    if (strcmp(name, current) == 0) {
        int n = put_text(buf, size, 0, tcp->cc->name);
        return n < 0 ? n : 0;
    }
    if (strcmp(name, available) != 0 && strcmp(name, allowed) != 0)
        return -VT_ENOENT;
    size_t at = 0;
    for (unsigned i = 0; vt_cc_at(i) != NULL; i++) {
        int n = at != 0 ? put_text(buf, size, at, " ") : 0;
        at += n > 0 ? (size_t)n : 0;
        n = n < 0 ? n : put_text(buf, size, at, vt_cc_at(i)->name);
        if (n < 0)
            return n;
        at += (size_t)n;
    }
    return 0;
}

int vt_tcp_knob_set_text(struct vt_tcp *tcp, const char *name, const char *text)
{
    if (strcmp(name, available) == 0 || strcmp(name, allowed) == 0)
        return -VT_EINVAL; /* all that there are may be used */
    if (strcmp(name, current) != 0)
        return -VT_ENOENT;
    const struct vt_cc_ops *ops = vt_cc_find(text, strlen(text));
    if (ops == NULL)
        return -VT_EINVAL; /* Linux says ENOENT, which here says that there is no such knob */
    tcp->cc = ops;
    return 0;
}

/* What ICMP says of our segments (RFC 9293 3.9.2.2, RFC 5927, RFC 1191). */
#include "transport/tcp.h"
#include "transport/udp_dgram.h"

enum {
    UNREACHABLE = 3,
    SOURCE_QUENCH = 4,
};

/* RFC 1191 7.1: the next plateau below, for a router that does not tell. */
static uint32_t plateau(uint32_t mtu)
{
    static const uint16_t table[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 552};
    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i] < mtu)
            return table[i];
    return 552;
}

static void too_big(struct vt_tcb *tcb, const struct vt_icmp_error *err)
{
    uint32_t mtu = err->mtu >= 68 ? err->mtu : plateau(tcb->pmtu);
    mtu = mtu > 552 ? mtu : 552; /* V36: a floor, as Linux's min_pmtu */
    vt_tcp_pmtu_lower(tcb, mtu);
}

/* A SYN that bore text. */
static void syn_too_big(struct vt_tcb *tcb, const struct vt_icmp_error *err)
{
    uint32_t was = vt_net_path_mtu(tcb->end.tcp->net, tcb->end.remote.ip);
    uint32_t mtu = err->mtu >= 68 ? err->mtu : plateau(was);
    mtu = mtu > 552 ? mtu : 552;
    if (tcb->end.state != VT_TCP_SYN_SENT || (tcb->pmtu != 0 && mtu >= tcb->pmtu))
        return;
    tcb->pmtu = mtu;
    vt_tcp_fo_too_big(tcb);
}

bool vt_tcp_icmp_error(void *ctx, const struct vt_icmp_error *err)
{
    struct vt_tcp *tcp = ctx;
    if (err->quote_len < 8 || err->type == SOURCE_QUENCH) /* MUST-55 */
        return false;
    struct vt_addr local = {err->src, 0, vt_get16(err->quote)};
    struct vt_addr remote = {err->dst, 0, vt_get16(err->quote + 2)};
    struct vt_tcp_end *e = vt_tcp_table_find(tcp, &local, &remote);
    struct vt_seq seq = vt_seq(vt_get32(err->quote + 4));
    if (e != NULL && e->kind == VT_TCP_KIND_REQUEST)
        return vt_tcp_request_icmp((struct vt_tcp_request *)(void *)e, seq, err);
    if (e == NULL || e->kind != VT_TCP_KIND_TCB)
        return false;
    struct vt_tcb *tcb = vt_tcb_of(e);
    bool opening = tcb->end.state == VT_TCP_SYN_SENT || tcb->end.state == VT_TCP_SYN_RCVD;
    /* RFC 5927 4.1: only of what is out now */
    if (vt_seq_lt(seq, opening ? tcb->iss : tcb->snd_una) || vt_seq_ge(seq, tcb->snd_nxt))
        return false;
    if (err->type == UNREACHABLE && err->code == 4) {
        if (tcb->end.state >= VT_TCP_ESTABLISHED)
            too_big(tcb, err);
        else if ((tcb->open & VT_OPEN_FO_DATA) != 0)
            syn_too_big(tcb, err);
        return true;
    }
    bool hard;
    int error = vt_dgram_icmp_error(err, &hard);
    if (error == 0)
        return false;
    /* RFC 5927 5.2, V37: on a synchronised connection hard errors are soft, against SHLD-26: a forger could
     * otherwise end it. Of an opening the program hears at once, as on Linux. */
    tcb->soft_error = error;
    vt_tcp_emit_error(&tcb->end, error, VT_DOC_RFC9293_3_9_1);
    /* As Linux: a connection that a program took by Fast Open is to it as good as established. */
    bool taken = (tcb->open & VT_OPEN_FO_CHILD) != 0 && tcb->parent == NULL;
    if (opening && !taken && err->type == UNREACHABLE && tcp->knobs.icmp_may_rst != 0)
        vt_tcp_done(tcb, error, VT_DOC_RFC9293_3_9_1);
    return true;
}

/* What we tell of holes: the SACK option (RFC 2018). */
#include "transport/tcp.h"

/* Remembers the run that begins at `from` as the one that changed last. */
void vt_tcp_sack_note(struct vt_ooo *ooo, struct vt_seq from)
{
    uint8_t keep = 0;
    struct vt_seq was[VT_TCP_MAX_SACKS];
    memcpy(was, ooo->recent, sizeof(was));
    for (uint8_t i = 0; i < ooo->nrecent && keep < VT_TCP_MAX_SACKS - 1; i++)
        if (!vt_seq_eq(was[i], from))
            ooo->recent[1 + keep++] = was[i];
    ooo->recent[0] = from;
    ooo->nrecent = (uint8_t)(keep + 1);
}

static const struct vt_run *run_of(const struct vt_ooo *ooo, struct vt_seq seq)
{
    for (uint32_t i = 0; i < ooo->n; i++)
        if (vt_seq_le(ooo->run[i].from, seq) && vt_seq_lt(seq, ooo->run[i].to))
            return &ooo->run[i];
    return NULL;
}

static bool told(const struct vt_tcp_opts *o, const struct vt_run *r)
{
    for (uint8_t i = 0; i < o->nsacks; i++)
        if (vt_seq_eq(o->sack[i].from, r->from))
            return true;
    return false;
}

void vt_tcp_sack_fill(const struct vt_tcb *tcb, struct vt_tcp_opts *o)
{
    const struct vt_ooo *ooo = tcb->ooo;
    /* RFC 2018 4: the first block is the one that the segment which brought about this ACK lies in; then
     * those told of lately, so that each is told of several times. */
    for (uint8_t i = 0; i < ooo->nrecent && o->nsacks < VT_TCP_MAX_SACKS; i++) {
        const struct vt_run *r = run_of(ooo, ooo->recent[i]);
        if (r != NULL && !told(o, r))
            o->sack[o->nsacks++] = (struct vt_range){r->from, r->to};
    }
    for (uint32_t i = 0; i < ooo->n && o->nsacks < VT_TCP_MAX_SACKS; i++)
        if (!told(o, &ooo->run[i]))
            o->sack[o->nsacks++] = (struct vt_range){ooo->run[i].from, ooo->run[i].to};
}

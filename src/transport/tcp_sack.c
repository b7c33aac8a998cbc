/* Holes: what we tell of ours in the SACK option, and what the peer tells of its own (RFC 2018, RFC 2883). */
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

/* ---- The scoreboard ---- */

/* RFC 2883 4: a first block below the ACK, or inside the second, tells of something that came twice. */
static bool is_dsack(const struct vt_tcp_seg *seg, const struct vt_tcb *tcb)
{
    const struct vt_tcp_opts *o = &seg->opts;
    if (vt_seq_ge(o->sack[0].from, o->sack[0].to) || vt_seq_gt(o->sack[0].to, tcb->snd_nxt))
        return false;
    if (vt_seq_lt(o->sack[0].from, seg->ack))
        return vt_seq_le(o->sack[0].to, seg->ack);
    return o->nsacks > 1 && vt_seq_ge(o->sack[0].from, o->sack[1].from) &&
           vt_seq_le(o->sack[0].to, o->sack[1].to);
}

/* RFC 2018 5, V46: a block that is inverted, or not within what is out, says nothing. */
static bool is_sane(const struct vt_tcb *tcb, const struct vt_range *b)
{
    return vt_seq_lt(b->from, b->to) && vt_seq_ge(b->from, tcb->snd_una) && vt_seq_le(b->to, tcb->snd_nxt);
}

/* Where a record may be split at or near `seq`: between segments only, rounded to the inside of the block. An
 * honest peer has segments; one that SACKs single bytes must not shred the queue (V46, CVE-2019-11478). */
static struct vt_seq boundary(const struct vt_sent *s, struct vt_seq seq, uint32_t mss, bool up)
{
    uint32_t off = seq.v - s->from.v;
    return vt_seq_add(s->from, (off + (up ? mss - 1 : 0)) / mss * mss);
}

static void take_block(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, const struct vt_range *b,
                       struct vt_tcp_ack_info *info)
{
    struct vt_core *core = vt_tcp_core(tcb);
    struct vt_sentq *q = &tcb->loss->sent;
    for (uint32_t i = vt_sentq_find(q, b->from); i < q->n; i++) {
        struct vt_sent *s = vt_sent_at(q, i);
        if (vt_seq_ge(s->from, b->to))
            break;
        if ((s->flags & VT_SENT_SACKED) != 0)
            continue;
        if (vt_seq_lt(s->from, b->from)) { /* the block begins inside it */
            struct vt_seq at = boundary(s, b->from, tcb->mss, true);
            if (vt_seq_lt(at, s->to) && !vt_sentq_split(q, core, i, at))
                return;
            continue;
        }
        if (vt_seq_gt(s->to, b->to)) {
            struct vt_seq at = boundary(s, b->to, tcb->mss, false);
            if (vt_seq_eq(at, s->from) || !vt_sentq_split(q, core, i, at))
                return;
        }
        s = vt_sent_at(q, i);
        vt_tcp_rack_delivered(tcb, s, seg, info);
        info->delivered += vt_sent_len(s);
        vt_sentq_flag(q, s, VT_SENT_SACKED, VT_SENT_LOST | VT_SENT_RETRANS);
    }
}

void vt_tcp_sack_take(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, struct vt_tcp_ack_info *info)
{
    const struct vt_tcp_opts *o = &seg->opts;
    if (!tcb->agreed.sack || o->nsacks == 0)
        return;
    info->dsack = is_dsack(seg, tcb);
    if (tcb->loss == NULL)
        return;
    for (uint8_t i = info->dsack ? 1 : 0; i < o->nsacks; i++)
        if (is_sane(tcb, &o->sack[i]))
            take_block(tcb, seg, &o->sack[i], info);
}

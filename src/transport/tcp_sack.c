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

static bool told(const struct vt_tcp_opts *o, uint8_t first, const struct vt_run *r)
{
    for (uint8_t i = first; i < o->nsacks; i++)
        if (vt_seq_eq(o->sack[i].from, r->from))
            return true;
    return false;
}

void vt_tcp_dsack_note(struct vt_tcb *tcb, struct vt_seq from, struct vt_seq to)
{
    struct vt_range *d = &tcb->dsack;
    if (!tcb->agreed.sack || tcb->end.tcp->knobs.dsack == 0 || vt_seq_ge(from, to))
        return;
    if (vt_seq_eq(d->from, d->to))
        *d = (struct vt_range){from, to};
    else if (vt_seq_le(from, d->to) && vt_seq_ge(to, d->from)) /* RFC 2883 4: one block, contiguous */
        *d = (struct vt_range){vt_seq_min(from, d->from), vt_seq_max(to, d->to)};
}

void vt_tcp_sack_fill(struct vt_tcb *tcb, struct vt_tcp_opts *o)
{
    const struct vt_ooo *ooo = tcb->ooo;
    if (!vt_seq_eq(tcb->dsack.from, tcb->dsack.to)) { /* RFC 2883 4: first, and once */
        o->sack[o->nsacks++] = tcb->dsack;
        tcb->dsack.to = tcb->dsack.from;
    }
    if (ooo == NULL)
        return;
    uint8_t first = o->nsacks;
    /* RFC 2018 4: the first block is the one that the segment which brought about this ACK lies in; then
     * those told of lately, so that each is told of several times. */
    for (uint8_t i = 0; i < ooo->nrecent && o->nsacks < VT_TCP_MAX_SACKS; i++) {
        const struct vt_run *r = run_of(ooo, ooo->recent[i]);
        if (r != NULL && !told(o, first, r))
            o->sack[o->nsacks++] = (struct vt_range){r->from, r->to};
    }
    for (uint32_t i = 0; i < ooo->n && o->nsacks < VT_TCP_MAX_SACKS; i++)
        if (!told(o, first, &ooo->run[i]))
            o->sack[o->nsacks++] = (struct vt_range){ooo->run[i].from, ooo->run[i].to};
}

/* ---- The scoreboard ---- */

/* RFC 2883 4: a first block below the ACK, or inside the second, tells of something that came twice. */
static bool is_dsack(const struct vt_tcp_seg *seg)
{
    const struct vt_range *b = seg->opts.sack;
    if (vt_seq_lt(b[0].from, seg->ack))
        return true;
    return seg->opts.nsacks > 1 && vt_seq_le(b[0].to, b[1].to) && vt_seq_ge(b[0].from, b[1].from);
}

/* Counts what a D-SACK tells of. One of more than was ever in a window, or of more than was ever sent again,
 * is not believed (V46). */
static void take_dsack(struct vt_tcb *tcb, const struct vt_range *b, struct vt_tcp_ack_info *info)
{
    struct vt_loss *l = tcb->loss;
    uint32_t len = b->to.v - b->from.v;
    if (vt_seq_ge(b->from, b->to) || len > tcb->max_wnd || vt_seq_gt(b->to, tcb->snd_nxt))
        return;
    if (vt_seq_eq(b->from, tcb->iss)) /* SYNs that cross both come twice: nothing was sent in vain */
        return;
    uint32_t segs = (len + tcb->mss - 1) / tcb->mss;
    bool probe = l != NULL && segs == 1 && l->tlp_out && vt_seq_eq(l->tlp_end, b->to);
    tcb->dsack_dups += segs;
    if (tcb->dsack_dups > tcb->total_retrans)
        return;
    info->dsack = true;
    info->dsack_tlp = probe;
    info->delivered += len;
    tcb->delivered_segs += segs;
    if (l == NULL || !l->undo || l->undo_segs <= 0)
        return;
    if (vt_seq_le(b->to, tcb->snd_una) && vt_seq_gt(b->to, l->undo_from)) /* its records are gone */
        l->undo_segs -= (uint32_t)l->undo_segs < segs ? l->undo_segs : (int32_t)segs;
}

/* The part of a D-SACK that is still out: those segments did arrive twice. */
static void mark_dsack(struct vt_tcb *tcb, const struct vt_range *b)
{
    struct vt_loss *l = tcb->loss;
    for (uint32_t i = vt_sentq_find(&l->sent, b->from); i < l->sent.n; i++) {
        struct vt_sent *s = vt_sent_at(&l->sent, i);
        if (vt_seq_gt(s->to, b->to))
            break;
        if ((s->flags & VT_SENT_AGAIN) == 0 || vt_seq_lt(s->from, b->from))
            continue;
        if (l->undo && l->undo_segs > 0)
            l->undo_segs -= (uint32_t)l->undo_segs < s->segs ? l->undo_segs : (int32_t)s->segs;
        vt_sentq_flag(&l->sent, s, 0, VT_SENT_RETRANS);
    }
}

/* RFC 2018 5, V46: a block that is inverted, or not within what is out, says nothing. */
static bool is_sane(const struct vt_tcb *tcb, const struct vt_range *b)
{
    return vt_seq_lt(b->from, b->to) && vt_seq_ge(b->from, tcb->snd_una) && vt_seq_le(b->to, tcb->snd_nxt);
}

/* Where a record may be split at or near `seq`: between segments only, rounded to the inside of the block. An
 * honest peer has segments; one that SACKs single bytes must not shred the queue (V46, CVE-2019-11478). */
static struct vt_seq boundary(const struct vt_sent *s, struct vt_seq seq, bool up)
{
    uint32_t off = seq.v - s->from.v;
    return vt_seq_add(s->from, (off + (up ? s->size - 1u : 0)) / s->size * s->size);
}

/* Record i, up to `to`, is with the peer. What is SACKED side by side becomes one record. False: record i is
 * another one now. */
static bool take_record(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, uint32_t i, struct vt_seq to,
                        struct vt_tcp_ack_info *info)
{
    struct vt_core *core = vt_tcp_core(tcb);
    struct vt_sentq *q = &tcb->loss->sent;
    bool behind = i > 0 && (vt_sent_at(q, i - 1)->flags & VT_SENT_SACKED) != 0;
    if (vt_seq_lt(to, vt_sent_at(q, i)->to) && !behind && !vt_sentq_split(q, core, i, to))
        return true;
    struct vt_sent part = *vt_sent_at(q, i);
    part.to = vt_seq_min(part.to, to);
    vt_tcp_rack_delivered(tcb, &part, seg, info);
    vt_tcp_rate_delivered(tcb, &part, info);
    info->delivered += vt_sent_len(&part);
    info->sacked = true;
    if (behind) {
        bool gone = vt_sentq_shift(q, i, part.to);
        if (gone && i < q->n && (vt_sent_at(q, i)->flags & VT_SENT_SACKED) != 0)
            vt_sentq_shift(q, i, vt_sent_at(q, i)->to);
        return !gone;
    }
    vt_sentq_flag(q, vt_sent_at(q, i), VT_SENT_SACKED, VT_SENT_LOST | VT_SENT_RETRANS);
    if (i + 1 < q->n && (vt_sent_at(q, i + 1)->flags & VT_SENT_SACKED) != 0)
        vt_sentq_shift(q, i + 1, vt_sent_at(q, i + 1)->to);
    return true;
}

static void take_block(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, const struct vt_range *b,
                       struct vt_tcp_ack_info *info)
{
    struct vt_core *core = vt_tcp_core(tcb);
    struct vt_sentq *q = &tcb->loss->sent;
    for (uint32_t i = vt_sentq_find(q, b->from); i < q->n;) {
        struct vt_sent *s = vt_sent_at(q, i);
        if (vt_seq_ge(s->from, b->to))
            break;
        if ((s->flags & VT_SENT_SACKED) != 0) {
            i++;
            continue;
        }
        if (vt_seq_lt(s->from, b->from)) { /* the block begins inside it */
            struct vt_seq at = boundary(s, b->from, true);
            if (vt_seq_lt(at, s->to) && !vt_sentq_split(q, core, i, at))
                return;
            i++;
            continue;
        }
        struct vt_seq to = s->to;
        if (vt_seq_gt(to, b->to)) {
            to = boundary(s, b->to, false);
            if (vt_seq_eq(to, s->from))
                return;
        }
        if (take_record(tcb, seg, i, to, info))
            i++;
    }
}

void vt_tcp_sack_take(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, struct vt_tcp_ack_info *info)
{
    const struct vt_tcp_opts *o = &seg->opts;
    if (!tcb->agreed.sack || o->nsacks == 0)
        return;
    bool twice = is_dsack(seg);
    if (twice)
        take_dsack(tcb, &o->sack[0], info);
    if (tcb->loss == NULL)
        return;
    if (info->dsack)
        mark_dsack(tcb, &o->sack[0]);
    for (uint8_t i = twice ? 1 : 0; i < o->nsacks; i++)
        if (is_sane(tcb, &o->sack[i]))
            take_block(tcb, seg, &o->sack[i], info);
    if (tcb->ca != VT_CA_LOSS || tcb->loss->undo)
        vt_tcp_rack_reordering(tcb, info);
}

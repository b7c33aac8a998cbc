/* Text: the urgent pointer, delivery in order, and reassembly (RFC 9293 3.10.7.4, sixth and seventh).
 *
 * Bytes beyond RCV.NXT wait as runs, ascending and apart; a segment that extends a run costs a search among
 * few. What came first stays: a later copy with other bytes changes nothing. */
#include "transport/tcp.h"

#define COALESCE_MAX 512u /* a segment smaller than this is copied behind the last, if that has room */

void vt_tcp_step_urg(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    /* RFC 9293 3.10.7.4, sixth. A pointer of 0 marks nothing (V48). */
    if ((seg->flags & VT_URG) == 0 || seg->urgent == 0)
        return;
    if (tcb->end.state != VT_TCP_ESTABLISHED && tcb->end.state != VT_TCP_FIN_WAIT1 &&
        tcb->end.state != VT_TCP_FIN_WAIT2)
        return;
    struct vt_seq up = vt_seq_add(seg->seq, seg->urgent);
    if (vt_seq_le(up, tcb->rcv_nxt) || (vt_tcb_is(tcb, VT_TCBF_URG_IN) && vt_seq_le(up, tcb->rcv_up)))
        return;
    tcb->rcv_up = up;
    tcb->flags |= VT_TCBF_URG_IN | VT_TCBF_OOB_HELD;
    vt_tcp_wake(tcb, VT_POLLPRI);
}

/* ---- In order ---- */

/* Copies a small segment behind the last one when that one's block has room and nobody else reads it. */
static bool coalesce(struct vt_tcb *tcb, const struct vt_pbuf *p)
{
    struct vt_pbuf *last = tcb->recvq.last;
    if (last == NULL || p->len > COALESCE_MAX || last->nfrags != 1 || last->head_len != 0)
        return false;
    struct vt_frag *f = &last->frag[last->first];
    uint32_t used = (uint32_t)(f->data + f->len - f->block->data);
    if (vt_block_shared(f->block) || f->block->cap - used < p->len)
        return false;
    vt_pbuf_read(p, 0, f->block->data + used, p->len);
    f->len += p->len;
    last->len += p->len;
    last->stamp = p->stamp;
    tcb->recvq.bytes += p->len;
    return true;
}

/* A small segment that begins a row of small ones gets a block of its own to be joined in. */
static struct vt_pbuf *roomy(struct vt_tcb *tcb, struct vt_pbuf *p)
{
    struct vt_core *core = vt_tcp_core(tcb);
    if (p->len > COALESCE_MAX || tcb->recvq.count < 8)
        return p;
    struct vt_block *b = vt_block_new(core->pool, 2048);
    struct vt_pbuf *q = b != NULL ? vt_pbuf_new(core->pool) : NULL;
    if (q == NULL) {
        if (b != NULL)
            vt_block_unref(b);
        return p;
    }
    vt_pbuf_read(p, 0, b->data, p->len);
    vt_pbuf_append(q, b, b->data, p->len);
    vt_block_unref(b);
    q->ev = p->ev;
    q->stamp = p->stamp;
    vt_pbuf_free(p);
    return q;
}

/* Bytes at RCV.NXT go to the program. Takes p. Returns what they cost. */
static uint32_t deliver(struct vt_tcb *tcb, struct vt_pbuf *p)
{
    uint32_t len = p->len;
    tcb->rcv_nxt = vt_seq_add(tcb->rcv_nxt, len);
    tcb->bytes_received += len;
    if (coalesce(tcb, p)) {
        vt_pbuf_free(p);
        return len;
    }
    p = roomy(tcb, p);
    uint32_t cost = vt_tcp_charge(p, tcb->recvq.last);
    tcb->rcv_truesize += cost;
    vt_pbufq_push(&tcb->recvq, p);
    return cost;
}

/* ---- Out of order ---- */

static void run_free(struct vt_run *r)
{
    while (r->first != NULL) {
        struct vt_pbuf *p = r->first;
        r->first = p->next;
        vt_pbuf_free(p);
    }
}

void vt_tcp_ooo_clear(struct vt_tcb *tcb)
{
    struct vt_core *core = vt_tcp_core(tcb);
    struct vt_ooo *ooo = tcb->ooo;
    if (ooo == NULL)
        return;
    for (uint32_t i = 0; i < ooo->n; i++)
        run_free(&ooo->run[i]);
    vt_free(core, ooo->run, ooo->cap * sizeof(*ooo->run));
    vt_free(core, ooo, sizeof(*ooo));
    tcb->ooo = NULL;
}

static void run_remove(struct vt_ooo *ooo, uint32_t i)
{
    memmove(&ooo->run[i], &ooo->run[i + 1], (ooo->n - i - 1) * sizeof(*ooo->run));
    ooo->n--;
}

static bool make_room(struct vt_tcb *tcb)
{
    struct vt_core *core = vt_tcp_core(tcb);
    if (tcb->ooo == NULL)
        tcb->ooo = vt_alloc(core, sizeof(*tcb->ooo));
    struct vt_ooo *ooo = tcb->ooo;
    if (ooo == NULL)
        return false;
    if (ooo->n < ooo->cap)
        return true;
    uint32_t most = (uint32_t)tcb->end.tcp->knobs.ooo_runs;
    uint32_t cap = ooo->cap == 0 ? 4 : ooo->cap * 2;
    cap = cap < most ? cap : most;
    if (ooo->n >= cap) /* V47: bounded */
        return false;
    struct vt_run *run = vt_alloc(core, cap * sizeof(*run));
    if (run == NULL) {
        if (ooo->n == 0)
            vt_tcp_ooo_clear(tcb); /* one without runs is none */
        return false;
    }
    if (ooo->n != 0)
        memcpy(run, ooo->run, ooo->n * sizeof(*run));
    vt_free(core, ooo->run, ooo->cap * sizeof(*run));
    ooo->run = run;
    ooo->cap = cap;
    return true;
}

/* The first run that ends behind seq. */
static uint32_t run_after(const struct vt_ooo *ooo, struct vt_seq seq)
{
    uint32_t low = 0, high = ooo->n;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (vt_seq_gt(ooo->run[mid].to, seq))
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

static void append(struct vt_run *r, struct vt_pbuf *p)
{
    p->next = NULL;
    if (r->last != NULL)
        r->last->next = p;
    else
        r->first = p;
    r->last = p;
    r->to = vt_seq_add(r->to, p->len);
}

static void merge_next(struct vt_ooo *ooo, uint32_t i)
{
    if (i + 1 >= ooo->n || !vt_seq_eq(ooo->run[i].to, ooo->run[i + 1].from))
        return;
    ooo->run[i].last->next = ooo->run[i + 1].first;
    ooo->run[i].last = ooo->run[i + 1].last;
    ooo->run[i].to = ooo->run[i + 1].to;
    run_remove(ooo, i + 1);
}

/* Puts p, which overlaps nothing, before run i. Takes p when it returns true. */
static bool insert_piece(struct vt_tcb *tcb, uint32_t i, struct vt_seq from, struct vt_pbuf *p)
{
    if (!vt_tcp_rcvbuf_fits(tcb))
        return false; /* V47: bounded in memory too */
    struct vt_ooo *ooo = tcb->ooo;
    const struct vt_pbuf *before = ooo != NULL && i > 0 && vt_seq_eq(ooo->run[i - 1].to, from)
                                       ? ooo->run[i - 1].last
                                       : NULL;
    uint32_t len = p->len, cost = vt_tcp_charge(p, before);
    if (before != NULL) {
        append(&ooo->run[i - 1], p);
        i--;
    } else if (ooo != NULL && i < ooo->n && vt_seq_eq(vt_seq_add(from, len), ooo->run[i].from)) {
        p->next = ooo->run[i].first;
        ooo->run[i].first = p;
        ooo->run[i].from = from;
    } else {
        if (!make_room(tcb))
            return false;
        ooo = tcb->ooo;
        memmove(&ooo->run[i + 1], &ooo->run[i], (ooo->n - i) * sizeof(*ooo->run));
        ooo->run[i] = (struct vt_run){.from = from, .to = from};
        ooo->n++;
        append(&ooo->run[i], p);
    }
    ooo->bytes += len;
    ooo->truesize += cost;
    merge_next(ooo, i);
    vt_tcp_sack_note(ooo, ooo->run[i].from);
    return true;
}

/* Keeps what is new of a segment beyond RCV.NXT. False: nothing was new. Takes p. */
static enum vt_drop keep_for_later(struct vt_tcb *tcb, struct vt_seq seq, struct vt_pbuf *p)
{
    bool kept = false, full = false;
    struct vt_seq end = vt_seq_add(seq, p->len);
    while (vt_seq_lt(seq, end)) {
        uint32_t i = tcb->ooo != NULL ? run_after(tcb->ooo, seq) : 0;
        struct vt_run *r = tcb->ooo != NULL && i < tcb->ooo->n ? &tcb->ooo->run[i] : NULL;
        if (r != NULL && vt_seq_le(r->from, seq)) { /* held already, as far as this run goes */
            vt_tcp_sack_note(tcb->ooo, r->from);
            vt_tcp_dsack_note(tcb, seq, vt_seq_min(end, r->to));
            seq = r->to;
            continue;
        }
        struct vt_seq to = r != NULL ? vt_seq_min(end, r->from) : end;
        struct vt_pbuf *piece = vt_pbuf_slice(p, p->len - (end.v - seq.v), to.v - seq.v);
        if (piece != NULL)
            piece = vt_tcp_rcvbuf_slim(tcb, piece);
        if (piece == NULL || !insert_piece(tcb, i, seq, piece)) {
            vt_pbuf_free(piece);
            full = true;
            break;
        }
        kept = true;
        seq = to;
    }
    if (!kept) {
        vt_drop(vt_tcp_core(tcb), p, full ? VT_DROP_TCP_REASSEMBLY : VT_DROP_TCP_DUPLICATE, 0, tcb->end.conn);
        return VT_DROP_TCP_DUPLICATE;
    }
    vt_tcp_core(tcb)->delivered++;
    vt_pbuf_free(p);
    return VT_DROP_NONE;
}

/* The hole before the first run has closed: its bytes are in order now. */
static void drain_runs(struct vt_tcb *tcb)
{
    struct vt_ooo *ooo = tcb->ooo;
    while (ooo != NULL && ooo->n != 0 && vt_seq_le(ooo->run[0].from, tcb->rcv_nxt)) {
        struct vt_run *r = &ooo->run[0];
        struct vt_seq at = r->from;
        while (r->first != NULL) {
            struct vt_pbuf *p = r->first;
            r->first = p->next;
            uint32_t len = p->len;
            uint32_t old = tcb->rcv_nxt.v - at.v;
            ooo->bytes -= len;
            ooo->truesize -= p->aux[0];
            if (old < len) {
                vt_pbuf_skip(p, old);
                deliver(tcb, p);
            } else {
                vt_pbuf_free(p);
            }
            at = vt_seq_add(at, len);
        }
        run_remove(ooo, 0);
    }
    if (ooo != NULL && ooo->n == 0)
        vt_tcp_ooo_clear(tcb);
}

/* ---- The step ---- */

/* Cuts what lies before RCV.NXT and what lies beyond the window. False: nothing is left. */
static bool trim(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    if (vt_seq_lt(seg->seq, tcb->rcv_nxt)) {
        uint32_t old = tcb->rcv_nxt.v - seg->seq.v;
        old = old < seg->len ? old : seg->len;
        vt_pbuf_skip(seg->p, old);
        vt_tcp_dsack_note(tcb, seg->seq, vt_seq_add(seg->seq, old));
        seg->seq = vt_seq_add(seg->seq, old);
        seg->len -= old;
    }
    int32_t over = vt_seq_diff(vt_seq_add(seg->seq, seg->len), vt_seq_max(tcb->rcv_adv, tcb->rcv_nxt));
    if (over > 0) {
        uint32_t cut = (uint32_t)over < seg->len ? (uint32_t)over : seg->len;
        vt_pbuf_trim(seg->p, seg->len - cut);
        seg->len -= cut;
        seg->flags &= (uint16_t)~VT_FIN;
    }
    return seg->len != 0;
}

/* The program has gone, or, as Linux has it, has shut both directions. */
static bool nobody_reads(const struct vt_tcb *tcb)
{
    return vt_tcb_is(tcb, VT_TCBF_ORPHAN) ||
           (vt_tcb_is(tcb, VT_TCBF_SHUT_RD) && vt_tcb_is(tcb, VT_TCBF_FIN_QUEUED));
}

void vt_tcp_step_text(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    if (seg->len == 0)
        return;
    if (tcb->end.state != VT_TCP_ESTABLISHED && tcb->end.state != VT_TCP_FIN_WAIT1 &&
        tcb->end.state != VT_TCP_FIN_WAIT2 && tcb->end.state != VT_TCP_SYN_RCVD)
        return; /* the peer has sent its FIN: there can be no text behind it */
    if (nobody_reads(tcb) && vt_seq_gt(vt_seq_add(seg->seq, seg->len), tcb->rcv_nxt)) {
        /* RFC 9293 3.6.1: the peer must learn that it is lost; not so when it is text that we had. Its ACK is
         * where it stands, and so the number at which it takes a RST (RFC 5961 3.2), whatever of ours is
         * still on its way. */
        vt_tcp_reply_rst(tcb->end.tcp, seg, tcb->end.conn);
        vt_tcp_drop_seg(&tcb->end, seg, VT_DROP_TCP_AFTER_CLOSE);
        seg->len = 0;
        seg->flags &= (uint16_t)~VT_FIN;
        vt_tcp_done(tcb, -VT_ECONNRESET, VT_DOC_RFC9293_3_6_1);
        return;
    }
    bool beyond_adv = vt_seq_ge(seg->seq, tcb->rcv_adv);
    if (!trim(tcb, seg)) {
        /* A window probe, or old text: say where we are; and soon again, since the peer seems to miss ACKs.
         */
        vt_tcp_quick_acks(tcb);
        vt_tcp_owe_ack(tcb, true);
        if (beyond_adv)
            vt_tcp_drop_seg(&tcb->end, seg, VT_DROP_TCP_RCVBUF);
        else
            vt_tcp_drop_seg(&tcb->end, seg, VT_DROP_TCP_DUPLICATE);
        return;
    }
    struct vt_pbuf *p = seg->p;
    seg->p = NULL;
    p->stamp = vt_tcp_core(tcb)->now;
    if (vt_seq_gt(seg->seq, tcb->rcv_nxt)) { /* SHLD-31 */
        keep_for_later(tcb, seg->seq, p);
        /* RFC 5681 4.2: at once and one for each, since the sender counts them. */
        tcb->rcv.flags |= VT_RCV_SCHED;
        tcb->rcv.ooo_segs++;
        vt_tcp_send_ack(tcb, VT_SEG_DUP_ACK);
        return;
    }
    bool holes = tcb->ooo != NULL;
    uint32_t cost = seg->len;
    vt_tcp_rcvbuf_fits(tcb); /* it is kept anyway: there is a window for it, and holes close only by it */
    if (holes && vt_seq_gt(vt_seq_add(seg->seq, seg->len), tcb->ooo->run[0].from)) {
        keep_for_later(tcb, seg->seq, p); /* only the bytes that had not come: those had come first */
    } else {
        vt_tcp_core(tcb)->delivered++;
        cost = deliver(tcb, p);
    }
    drain_runs(tcb);
    vt_tcp_rcvbuf_text(tcb, seg, seg->len, cost);
    vt_tcp_delack_text(tcb, seg, seg->len);
    vt_tcp_owe_ack(tcb, holes);
    if (vt_tcp_readable(tcb))
        vt_tcp_wake(tcb, VT_POLLIN);
}

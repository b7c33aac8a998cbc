#include "transport/tcp_sent.h"

#define SENT_MIN 8u

static bool grow(struct vt_sentq *q, struct vt_core *core)
{
    uint32_t cap = q->cap == 0 ? SENT_MIN : q->cap * 2;
    struct vt_sent *rec = vt_alloc(core, cap * sizeof(*rec));
    if (rec == NULL)
        return false;
    for (uint32_t i = 0; i < q->n; i++)
        rec[i] = *vt_sent_at(q, i);
    vt_free(core, q->rec, q->cap * sizeof(*rec));
    q->rec = rec;
    q->cap = cap;
    q->head = 0;
    return true;
}

bool vt_sentq_room(struct vt_sentq *q, struct vt_core *core)
{
    return q->n < q->cap || grow(q, core);
}

struct vt_sent *vt_sentq_add(struct vt_sentq *q, struct vt_core *core, struct vt_seq from, struct vt_seq to)
{
    if (!vt_sentq_room(q, core))
        return NULL;
    struct vt_sent *s = vt_sent_at(q, q->n++);
    *s = (struct vt_sent){.from = from, .to = to};
    return s;
}

/* Adds (sign 1) or takes off (-1) what a record counts for. */
static void count(struct vt_sentq *q, const struct vt_sent *s, bool add)
{
    uint32_t len = add ? vt_sent_len(s) : 0u - vt_sent_len(s);
    if ((s->flags & VT_SENT_SACKED) != 0)
        q->sacked += len;
    if ((s->flags & VT_SENT_LOST) != 0)
        q->lost += len;
    if ((s->flags & VT_SENT_RETRANS) != 0)
        q->retrans += len;
}

void vt_sentq_cut(struct vt_sentq *q, struct vt_seq seq)
{
    struct vt_sent *s = vt_sent_at(q, 0);
    count(q, s, false);
    s->from = seq;
    if (vt_seq_lt(seq, s->to)) {
        count(q, s, true);
        return;
    }
    q->head = (q->head + 1) & (q->cap - 1);
    q->n--;
}

bool vt_sentq_split(struct vt_sentq *q, struct vt_core *core, uint32_t i, struct vt_seq seq)
{
    if (!vt_sentq_room(q, core))
        return false;
    for (uint32_t k = q->n; k > i; k--)
        *vt_sent_at(q, k) = *vt_sent_at(q, k - 1);
    q->n++;
    vt_sent_at(q, i)->to = seq;
    vt_sent_at(q, i)->flags &= ~(uint32_t)(VT_SENT_PUSH | VT_SENT_EOR);
    vt_sent_at(q, i + 1)->from = seq;
    return true;
}

void vt_sentq_merge(struct vt_sentq *q, uint32_t i)
{
    vt_sent_at(q, i)->to = vt_sent_at(q, i + 1)->to;
    vt_sent_at(q, i)->flags |= vt_sent_at(q, i + 1)->flags;
    for (uint32_t k = i + 1; k + 1 < q->n; k++)
        *vt_sent_at(q, k) = *vt_sent_at(q, k + 1);
    q->n--;
}

uint32_t vt_sentq_find(const struct vt_sentq *q, struct vt_seq seq)
{
    uint32_t low = 0, high = q->n;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (vt_seq_gt(vt_sent_at(q, mid)->to, seq))
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

void vt_sentq_flag(struct vt_sentq *q, struct vt_sent *s, uint32_t set, uint32_t clear)
{
    count(q, s, false);
    s->flags = (s->flags | set) & ~clear;
    count(q, s, true);
}

void vt_sentq_clear(struct vt_sentq *q, struct vt_core *core)
{
    vt_free(core, q->rec, q->cap * sizeof(*q->rec));
    *q = (struct vt_sentq){0};
}

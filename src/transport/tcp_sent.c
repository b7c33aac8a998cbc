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

/* Segments of `size` bytes that `len` numbers make; the FIN rides on the last. */
static uint32_t segments(uint32_t len, uint16_t size, bool fin)
{
    len -= fin;
    return len <= size ? 1 : (len + size - 1) / size;
}

static void recount(struct vt_sent *s)
{
    s->segs = segments(vt_sent_len(s), s->size, (s->flags & VT_SENT_FIN) != 0);
}

/* Adds what a record counts for, or takes it off. */
static void count(struct vt_sentq *q, const struct vt_sent *s, bool add)
{
    uint32_t len = add ? vt_sent_len(s) : 0u - vt_sent_len(s);
    uint32_t segs = add ? s->segs : 0u - s->segs;
    q->segs += segs;
    if ((s->flags & VT_SENT_SACKED) != 0) {
        q->sacked += len;
        q->sacked_segs += segs;
    }
    if ((s->flags & VT_SENT_LOST) != 0) {
        q->lost += len;
        q->lost_segs += segs;
    }
    if ((s->flags & VT_SENT_RETRANS) != 0) {
        q->retrans += len;
        q->retrans_segs += segs;
    }
}

struct vt_sent *vt_sentq_add(struct vt_sentq *q, struct vt_core *core, struct vt_seq from, struct vt_seq to,
                             uint16_t size, bool fin)
{
    if (!vt_sentq_room(q, core))
        return NULL;
    struct vt_sent *s = vt_sent_at(q, q->n++);
    *s = (struct vt_sent){.from = from, .to = to, .size = size, .flags = fin ? VT_SENT_FIN : 0};
    recount(s);
    count(q, s, true);
    return s;
}

/* Opens a place for a record before record i, at the cost of the shorter side. */
static void open_place(struct vt_sentq *q, uint32_t i)
{
    if (i < q->n / 2) {
        q->head = (q->head - 1) & (q->cap - 1);
        q->n++;
        for (uint32_t k = 0; k < i; k++)
            *vt_sent_at(q, k) = *vt_sent_at(q, k + 1);
        return;
    }
    for (uint32_t k = q->n; k > i; k--)
        *vt_sent_at(q, k) = *vt_sent_at(q, k - 1);
    q->n++;
}

static void close_place(struct vt_sentq *q, uint32_t i)
{
    if (i < q->n / 2) {
        for (uint32_t k = i; k > 0; k--)
            *vt_sent_at(q, k) = *vt_sent_at(q, k - 1);
        q->head = (q->head + 1) & (q->cap - 1);
    } else {
        for (uint32_t k = i; k + 1 < q->n; k++)
            *vt_sent_at(q, k) = *vt_sent_at(q, k + 1);
    }
    q->n--;
}

void vt_sentq_cut(struct vt_sentq *q, struct vt_seq seq)
{
    struct vt_sent *s = vt_sent_at(q, 0);
    count(q, s, false);
    s->from = seq;
    if (vt_seq_lt(seq, s->to)) {
        uint32_t had = s->segs;
        recount(s);
        s->segs = s->segs < had ? s->segs : had;
        count(q, s, true);
        return;
    }
    close_place(q, 0);
}

bool vt_sentq_split(struct vt_sentq *q, struct vt_core *core, uint32_t i, struct vt_seq seq)
{
    if (!vt_sentq_room(q, core))
        return false;
    open_place(q, i + 1);
    struct vt_sent *left = vt_sent_at(q, i), *right = vt_sent_at(q, i + 1);
    count(q, left, false);
    *right = *left;
    left->to = right->from = seq;
    left->flags &= (uint8_t)~VT_SENT_ENDS;
    recount(left);
    recount(right);
    count(q, left, true);
    count(q, right, true);
    return true;
}

void vt_sentq_merge(struct vt_sentq *q, uint32_t i, uint16_t size)
{
    struct vt_sent *left = vt_sent_at(q, i);
    const struct vt_sent *right = vt_sent_at(q, i + 1);
    count(q, left, false);
    count(q, right, false);
    left->to = right->to;
    left->flags |= right->flags;
    left->size = size;
    recount(left);
    count(q, left, true);
    close_place(q, i + 1);
}

bool vt_sentq_shift(struct vt_sentq *q, uint32_t i, struct vt_seq seq)
{
    struct vt_sent *left = vt_sent_at(q, i - 1), *s = vt_sent_at(q, i);
    bool whole = vt_seq_ge(seq, s->to);
    count(q, left, false);
    count(q, s, false);
    left->segs += whole ? s->segs : segments(seq.v - s->from.v, s->size, false);
    left->to = whole ? s->to : seq;
    left->at = left->at > s->at ? left->at : s->at; /* were it to be taken back, it would be timed by this */
    left->flags = (uint8_t)((left->flags & ~VT_SENT_ENDS) |
                            (s->flags & (VT_SENT_AGAIN | (whole ? VT_SENT_ENDS : 0))));
    count(q, left, true);
    if (whole) {
        close_place(q, i);
        return true;
    }
    s->from = seq;
    recount(s);
    count(q, s, true);
    return false;
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

void vt_sentq_flag(struct vt_sentq *q, struct vt_sent *s, uint8_t set, uint8_t clear)
{
    count(q, s, false);
    s->flags = (uint8_t)((s->flags | set) & ~clear);
    count(q, s, true);
}

void vt_sentq_clear(struct vt_sentq *q, struct vt_core *core)
{
    vt_free(core, q->rec, q->cap * sizeof(*q->rec));
    *q = (struct vt_sentq){0};
}

/* The ring holds records one behind another and never splits one: a record that does not fit before the end
 * of the buffer starts at its beginning, and what is left at the end is filler. A filler long enough to be a
 * record says so by its kind, VT_EV_NONE; a shorter one is known by its length. */
#include "events.h"

#include <vitro/errno.h>

#include "check.h"

#define RECORD sizeof(struct vt_event)

_Static_assert(sizeof(struct vt_event) == 128, "a record is 128 bytes");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are written as they lie in memory");

static size_t round8(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

int vt_stream_init(struct vt_stream *s, const struct vt_allocator *mem, size_t cap, bool stall)
{
    cap = round8(cap < RECORD ? RECORD : cap);
    *s = (struct vt_stream){.mem = mem, .cap = cap, .stall = stall};
    s->buf = mem->alloc(mem->ctx, cap);
    if (s->buf == NULL) {
        s->cap = 0;
        return -VT_ENOMEM;
    }
    return 0;
}

void vt_stream_fini(struct vt_stream *s)
{
    if (s->buf != NULL)
        s->mem->free(s->mem->ctx, s->buf, s->cap);
    *s = (struct vt_stream){0};
}

int vt_stream_listen(struct vt_stream *s, struct vt_listener l)
{
    /* What is in the ring happened before l came: it is for the others. */
    vt_stream_drain(s);
    if (s->listeners == VT_STREAM_LISTENERS)
        return -VT_ENOSPC;
    s->listener[s->listeners++] = l;
    return 0;
}

void vt_stream_unlisten(struct vt_stream *s, struct vt_listener l)
{
    vt_stream_drain(s);
    for (unsigned i = 0; i < s->listeners; i++) {
        if (s->listener[i].event != l.event || s->listener[i].ctx != l.ctx)
            continue;
        if (s->draining) {
            /* From within a listener: the places must not move under the loop that called it. */
            s->listener[i].event = NULL;
        } else {
            s->listeners--;
            memmove(&s->listener[i], &s->listener[i + 1], (s->listeners - i) * sizeof(l));
        }
        return;
    }
}

static void tell(struct vt_stream *s, const struct vt_event *e, const void *extra)
{
    for (unsigned i = 0; i < s->listeners; i++) {
        if (s->listener[i].event != NULL)
            s->listener[i].event(s->listener[i].ctx, e, extra);
    }
}

static void tell_end(struct vt_stream *s)
{
    s->draining = false;
    unsigned n = 0;
    for (unsigned i = 0; i < s->listeners; i++) {
        if (s->listener[i].event != NULL)
            s->listener[n++] = s->listener[i];
    }
    s->listeners = n;
}

/* Tells that events were lost since the last record. A gap belongs to the stream, not to a node: it takes no
 * id, for the counters do not depend on who watches. */
static struct vt_event gap(const struct vt_stream *s)
{
    return (struct vt_event){
        .time = s->lost_at,
        .kind = VT_EV_GAP,
        .layer = VT_L_HOST,
        .version = VT_EVENT_VERSION,
        .u.gap.lost = {(uint32_t)s->lost, (uint32_t)(s->lost >> 32)},
    };
}

static void take(struct vt_stream *s, size_t n)
{
    s->used -= n;
    s->head += n;
    if (s->head == s->cap || s->used == 0)
        s->head = 0;
}

void vt_stream_drain(struct vt_stream *s)
{
    if (s->draining)
        return;
    s->draining = true;
    while (s->used != 0) {
        const struct vt_event *e = (const void *)(s->buf + s->head);
        size_t to_end = s->cap - s->head;
        if (to_end < RECORD || e->kind == VT_EV_NONE) {
            take(s, to_end);
            continue;
        }
        tell(s, e, e->extra != 0 ? e + 1 : NULL);
        take(s, RECORD + round8(e->extra));
    }
    if (s->lost != 0) {
        struct vt_event e = gap(s);
        s->lost = 0;
        tell(s, &e, NULL);
    }
    tell_end(s);
}

/* A place for a record of n bytes, or NULL when the ring has none. */
static uint8_t *place(struct vt_stream *s, size_t n)
{
    size_t tail = s->head + s->used;
    if (tail >= s->cap)
        tail -= s->cap;
    else if (s->cap - tail < n) {
        size_t filler = s->cap - tail;
        if (s->used + filler + n > s->cap)
            return NULL;
        if (filler >= RECORD)
            ((struct vt_event *)(void *)(s->buf + tail))->kind = VT_EV_NONE;
        s->used += filler;
        tail = 0;
    }
    if (s->used + n > s->cap)
        return NULL;
    s->used += n;
    return s->buf + tail;
}

static bool write_record(struct vt_stream *s, const struct vt_event *e, const void *extra)
{
    size_t padded = round8(e->extra);
    uint8_t *at = place(s, RECORD + padded);
    if (at == NULL)
        return false;
    memcpy(at, e, RECORD);
    if (e->extra != 0) {
        memset(at + RECORD + padded - 8, 0, 8);
        memcpy(at + RECORD, extra, e->extra);
    }
    return true;
}

/* Writes a record, and before it the gap if there is one: both or neither. */
static bool put(struct vt_stream *s, const struct vt_event *e, const void *extra)
{
    size_t used = s->used;
    if (s->lost != 0) {
        struct vt_event g = gap(s);
        if (!write_record(s, &g, NULL))
            return false;
    }
    if (!write_record(s, e, extra)) {
        s->used = used;
        return false;
    }
    s->lost = 0;
    return true;
}

struct vt_event *vt_event_fill(struct vt_events *ev, enum vt_event_kind kind, enum vt_doc doc)
{
    static const uint8_t layers[] = {
#define X(name, layer, word, meaning) [VT_EV_##name] = (layer),
        VT_EVENT_LIST(X)
#undef X
    };
    struct vt_event *e = &ev->stream->scratch;
    *e = (struct vt_event){
        .time = *ev->now,
        .id = ev->count,
        .cause = ev->cause.n,
        .node = ev->node,
        .cause_node = ev->cause.n != 0 ? ev->cause.node : 0,
        .kind = (uint16_t)kind,
        .layer = layers[kind],
        .version = VT_EVENT_VERSION,
        .doc = (uint16_t)doc,
    };
    return e;
}

void vt_event_end(struct vt_events *ev, struct vt_event *e, const void *extra, size_t len)
{
    if (e == NULL)
        return;
    VT_ASSERT(len <= UINT32_MAX - 7);
    struct vt_stream *s = ev->stream;
    e->extra = (uint32_t)len;
    if (put(s, e, extra))
        return;
    if (s->stall && !s->draining) {
        vt_stream_drain(s);
        if (put(s, e, extra))
            return;
        /* Longer than the whole ring: told at once. */
        s->draining = true;
        tell(s, e, extra);
        tell_end(s);
        return;
    }
    s->lost++;
    s->lost_at = e->time;
}

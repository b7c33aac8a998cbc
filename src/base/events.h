/* Emitting events: the writer's side of include/vitro/event.h.
 *
 * A stream is a binary ring of records with its listeners; a lab has one, a lone host one. Each node has a
 * `struct vt_events`: its counter and its current cause, which is set at each entry (a frame, a timer, a
 * call).
 */
#ifndef VT_BASE_EVENTS_H
#define VT_BASE_EVENTS_H

#include <vitro/event.h>

#define VT_STREAM_LISTENERS 8

/* The ring. Records lie one behind another, each `sizeof(struct vt_event) + extra` bytes, rounded up to 8.
 *
 * When a record finds no room: with `stall` the ring is drained on the spot, and nothing is ever lost;
 * without, the record is lost and counted, and one GAP record (id 0, of no node) stands where the lost ones
 * would have. */
struct vt_stream {
    const struct vt_allocator *mem;
    uint8_t *buf;
    size_t cap, head, used; /* bytes; head is where the oldest record lies */
    bool stall;  /* full: drain at once (virtual time); else count a loss and write a GAP (real time) */
    bool frames; /* PORT_TX and PORT_RX carry the frame's bytes */
    bool draining;
    uint64_t lost;   /* since the last record */
    vt_time lost_at; /* when the last of them was */
    unsigned listeners;
    struct vt_listener listener[VT_STREAM_LISTENERS];
    struct vt_event scratch; /* the one record being filled in: of all nodes that share the stream */
};

/* Makes a stream with a ring of `cap` bytes; nothing is recorded until a listener is added. `mem` must
 * outlive it. -VT_ENOMEM. */
int vt_stream_init(struct vt_stream *s, const struct vt_allocator *mem, size_t cap, bool stall);
/* Frees the ring; what nobody drained is forgotten. */
void vt_stream_fini(struct vt_stream *s);
/* Adds or removes a listener, compared by function and context. It sees what happens from then on, and until
 * then: the ring is drained first. -VT_ENOSPC when there are too many. */
int vt_stream_listen(struct vt_stream *s, struct vt_listener l);
void vt_stream_unlisten(struct vt_stream *s, struct vt_listener l);
/* Hands every record in the ring to every listener, in order, and empties it. Listeners may not emit; a call
 * from within a listener does nothing. */
void vt_stream_drain(struct vt_stream *s);

/* A node's end of the stream. `stream` may be NULL. */
struct vt_events {
    uint64_t count;           /* the last id given */
    struct vt_event_id cause; /* why we are running: the frame, timer or call that we were entered for */
    const vt_time *now;
    struct vt_stream *stream;
    uint32_t node;
};

static inline bool vt_events_on(const struct vt_events *ev)
{
    return ev->stream != NULL && ev->stream->listeners != 0;
}

/* The id of the event emitted last on this node. */
static inline struct vt_event_id vt_events_last(const struct vt_events *ev)
{
    return (struct vt_event_id){ev->count, ev->node};
}

/* Takes an id, and when somebody listens returns a cleared record to fill in, to be handed to
 * vt_event_end(). Returns NULL when nobody listens: the id is taken all the same. A stream has one such
 * record: between begin and end nothing else may be begun. */
struct vt_event *vt_event_fill(struct vt_events *ev, enum vt_event_kind kind, enum vt_doc doc);
static inline struct vt_event *vt_event_begin(struct vt_events *ev, enum vt_event_kind kind, enum vt_doc doc)
{
    ev->count++;
    return vt_events_on(ev) ? vt_event_fill(ev, kind, doc) : NULL;
}
/* An id taken before its event is emitted: what a call sets in motion names the call as its cause, and the
 * call is written when its result is known. Ids of a node are unique, but not in order in the stream. */
static inline struct vt_event_id vt_event_reserve(struct vt_events *ev)
{
    ev->count++;
    return vt_events_last(ev);
}
/* As vt_event_begin(), under an id that was reserved. */
static inline struct vt_event *vt_event_begin_reserved(struct vt_events *ev, struct vt_event_id id,
                                                       enum vt_event_kind kind, enum vt_doc doc)
{
    struct vt_event *e = vt_events_on(ev) ? vt_event_fill(ev, kind, doc) : NULL;
    if (e != NULL)
        e->id = id.n;
    return e;
}
/* Writes the record that vt_event_begin() returned, with `len` bytes behind it. Does nothing for NULL. */
void vt_event_end(struct vt_events *ev, struct vt_event *e, const void *extra, size_t len);

#endif

/* From an event's id to what a reader needs of it: the way of a packet, from what made it to where it ended.
 *
 *     TCP_TX -> PORT_TX -> PORT_RX -> PORT_TX (a switch) -> PORT_RX -> IP_FORWARD (a router) -> PORT_TX ->
 * PORT_RX -> TCP_RX
 *
 * The last `cap` events are remembered; older ones are forgotten, first in, first out. A reference to a
 * forgotten one is found to be stale: it never reaches another event.
 */
#ifndef VT_LENS_TRACE_H
#define VT_LENS_TRACE_H

#include <vitro/lens.h>
#include "index.h"

#define VT_EXCERPT 48

/* A reference: the event's number in the trace, from 1. 0 is none. */
typedef uint64_t vt_ref;

enum vt_rec_flags {
    VT_REC_DAMAGED = 1 << 0,   /* the packet's bytes are no longer those that were sent */
    VT_REC_RESOLVED = 1 << 1,  /* of a PORT_RX: it has been passed on, read or dropped */
    VT_REC_CORRUPT = 1 << 2,   /* of a PORT_TX: its bits were flipped on the cable */
    VT_REC_DUPLICATE = 1 << 3, /* of a PORT_TX: the cable made a second copy */
    VT_REC_FRAME = 1 << 4,     /* `seg` and `excerpt` were read from the frame's bytes */
    VT_REC_AGAIN = 1 << 5,     /* of a TCP_TX: its first byte had been sent before */
};

/* How a frame's way ended, kept at its first departure. */
struct vt_flight {
    uint32_t alive;     /* copies on cables and inside nodes */
    uint32_t delivered; /* copies read by their receiver */
    uint32_t told;      /* lines written of it */
    uint16_t reason;    /* enum vt_drop of the copy whose end tells most, 0: none */
    uint32_t node;      /* where that was; for cables the node that sent into it */
    uint32_t link;      /* the cable, 0: a node */
    uint32_t bit, bits; /* flipped */
    vt_time ended;
};

struct vt_rec {
    vt_ref ref;
    uint64_t id;
    uint32_t node, iface, conn, mark;
    vt_time time;
    vt_ref parent; /* the event that caused it */
    vt_ref maker;  /* the TX event of a protocol that made the packet; itself, if it is one */
    vt_ref flight; /* the packet's first departure; itself, if it is one */
    uint16_t kind, doc;
    uint8_t flags;       /* enum vt_rec_flags */
    uint8_t state;       /* of a TCP_TX: the state after it, enum vt_tcp_state */
    uint8_t excerpt_len; /* bytes in excerpt */
    uint8_t hops;        /* cables passed so far */
    uint32_t pair;       /* the connection's slot in the model, VT_NO_SLOT: none */
    uint64_t pair_id;    /* and its number, which tells whether the slot is still that connection's */
    uint8_t u[72];       /* the event's own fields */
    struct vt_flight f;  /* of a flight */
    uint8_t excerpt[VT_EXCERPT];
};

struct vt_trace {
    struct vt_rec *rec;
    struct vt_index ix;
    uint32_t cap;
    vt_ref last;
    /* Called before a record is forgotten; may be NULL. */
    void (*forget)(void *ctx, struct vt_rec *r);
    void *ctx;
    uint64_t forgotten;
};

/* cap 0: 16384. False without memory. */
bool vt_trace_init(struct vt_trace *t, uint32_t cap);
void vt_trace_fini(struct vt_trace *t);
/* Remembers an event, linked to its cause, with maker, flight, damage and hops inherited along a packet's
 * way. */
struct vt_rec *vt_trace_add(struct vt_trace *t, const struct vt_event *ev);
struct vt_rec *vt_trace_find(struct vt_trace *t, uint32_t node, uint64_t id); /* NULL: unknown or forgotten */
struct vt_rec *vt_trace_get(struct vt_trace *t, vt_ref ref);                  /* NULL: none or forgotten */
/* The nearest of r and its causes that is a PORT_TX or PORT_RX of the same packet. */
struct vt_rec *vt_trace_port(struct vt_trace *t, struct vt_rec *r);
/* True for events that make a packet. */
bool vt_is_maker(unsigned kind);
/* True for events on a packet's way: a cause of this kind speaks of the same packet. */
bool vt_is_on_way(unsigned kind);

/* The event's own fields, of a record. */
static inline struct vt_event vt_rec_event(const struct vt_rec *r)
{
    struct vt_event ev = {.time = r->time,
                          .id = r->id,
                          .node = r->node,
                          .kind = r->kind,
                          .doc = r->doc,
                          .version = VT_EVENT_VERSION,
                          .iface = r->iface,
                          .conn = r->conn,
                          .mark = r->mark};
    memcpy(ev.u.raw, r->u, sizeof ev.u.raw);
    return ev;
}

/* ---- What can be read from a frame's bytes ---- */

/* An Ethernet II frame with IPv4 in it, as far as it is whole. `ip_proto` 0: something else. */
struct vt_peek {
    uint16_t ethertype;
    uint8_t ip_proto;
    bool fragment;      /* not the first */
    struct vt_event ev; /* for TCP: u.seg, with sequence numbers, flags and payload length */
    const uint8_t *payload;
    size_t payload_len, payload_have; /* by the headers; of it in these bytes */
};

/* False when there is not even an Ethernet header. */
bool vt_peek_frame(struct vt_peek *p, const uint8_t *frame, size_t len);

#endif

/* pcapng from events (draft-ietf-opsawg-pcapng): section header, an interface for each port, enhanced packets
 * with comments. Packets wait in a queue, in order, until the fate of the first is known. */
#include "model.h"

#include <stdlib.h>

#define MAX_HELD       1024
#define MAX_HELD_BYTES (16u << 20)

#define BLOCK_SECTION   0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET    6u
#define OPT_COMMENT     1u
#define OPT_FLAGS       2u
#define OPT_IF_NAME     2u
#define OPT_IF_MAC      6u
#define OPT_IF_TSRESOL  9u
#define OPT_USERAPPL    4u

enum fate {
    FATE_OPEN, /* not known */
    FATE_ARRIVED,
    FATE_ENDED, /* by `reason` */
    FATE_LEFT,
};

/* A packet waiting to be written. */
struct held {
    uint64_t number; /* in the queue's order, from 1; 0: a free slot */
    bool out;        /* departing */
    bool damaged;    /* its bytes are not those that were sent */
    bool duplicated, flipped, inside;
    uint8_t fate;
    uint16_t reason;
    uint32_t node, port;       /* whose packet */
    uint32_t by;               /* the node that ended it */
    uint32_t to_node, to_port; /* where it arrived */
    uint32_t bit, bits;
    uint64_t id, cause;
    uint32_t cause_node;
    vt_time time;
    uint32_t len, have;
    uint8_t *bytes;
};

struct vt_pcapng {
    struct vt_sinker out;
    uint64_t epoch;
    struct vt_model model; /* topology only */
    struct vt_trace trace;
    struct held *held;
    uint32_t max;
    uint64_t first, last; /* numbers in the queue: first .. last */
    size_t bytes;         /* held */
    uint32_t *idb;        /* by the model's port: its interface's number plus one */
    uint32_t cap_idb, interfaces;
    struct vt_out block, text;
};

/* ---- Blocks ---- */

static void put16(struct vt_out *o, uint32_t v)
{
    uint8_t b[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
    vt_out_bytes(o, b, 2);
}

static void put32(struct vt_out *o, uint32_t v)
{
    put16(o, v & 0xffff);
    put16(o, v >> 16);
}

static void put_padded(struct vt_out *o, const void *bytes, size_t len)
{
    static const uint8_t zero[4];
    vt_out_bytes(o, bytes, len);
    vt_out_bytes(o, zero, (4 - len % 4) % 4);
}

static void put_option(struct vt_out *o, uint32_t code, const void *bytes, size_t len)
{
    if (len > UINT16_MAX)
        len = UINT16_MAX;
    put16(o, code);
    put16(o, (uint32_t)len);
    put_padded(o, bytes, len);
}

static void block_begin(struct vt_pcapng *p, uint32_t type)
{
    vt_out_clear(&p->block);
    put32(&p->block, type);
    put32(&p->block, 0);
}

/* The length stands at both ends of a block. */
static void block_end(struct vt_pcapng *p)
{
    struct vt_out *o = &p->block;
    uint32_t len = (uint32_t)o->len + 4;
    put32(o, len);
    if (o->failed) {
        if (p->out.error == 0)
            p->out.error = -VT_ENOMEM;
        return;
    }
    for (unsigned i = 0; i < 4; i++)
        o->s[4 + i] = (char)(len >> 8 * i);
    vt_sinker_write(&p->out, o->s, o->len);
}

static void write_section(struct vt_pcapng *p, const char *comment)
{
    struct vt_out *o = &p->block;
    block_begin(p, BLOCK_SECTION);
    put32(o, 0x1a2b3c4d); /* little-endian */
    put16(o, 1);
    put16(o, 0);
    put32(o, UINT32_MAX); /* the section's length: not told */
    put32(o, UINT32_MAX);
    if (comment != NULL)
        put_option(o, OPT_COMMENT, comment, strlen(comment));
    put_option(o, OPT_USERAPPL, "Vitro", 5);
    put32(o, 0);
    block_end(p);
}

static void write_interface(struct vt_pcapng *p, const struct vt_mport *port)
{
    char node[VT_NAME];
    struct vt_out *o = &p->block, name = {0};
    static const uint8_t nanoseconds = 9;
    static const uint8_t none[6];
    vt_out_format(&name, "%s:%s", vt_model_name(&p->model, port->node, node), port->name);
    block_begin(p, BLOCK_INTERFACE);
    put16(o, 1); /* LINKTYPE_ETHERNET */
    put16(o, 0);
    put32(o, 0); /* no limit on a packet's bytes */
    put_option(o, OPT_IF_NAME, vt_out_string(&name), name.len);
    if (memcmp(port->mac, none, 6) != 0)
        put_option(o, OPT_IF_MAC, port->mac, 6);
    put_option(o, OPT_IF_TSRESOL, &nanoseconds, 1);
    put32(o, 0);
    block_end(p);
    vt_out_free(&name);
}

/* The interface of a port, written now if it has none. UINT32_MAX: no memory. */
static uint32_t interface_of(struct vt_pcapng *p, uint32_t node, uint32_t index)
{
    const struct vt_mport *port = vt_model_port(&p->model, node, index);
    if (port == NULL) { /* its PORT event was not seen: a port without a name */
        struct vt_event ev = {.kind = VT_EV_PORT, .node = node, .iface = index};
        vt_model_topology(&p->model, &ev, NULL);
        port = vt_model_port(&p->model, node, index);
        if (port == NULL)
            return UINT32_MAX;
    }
    uint32_t slot = (uint32_t)(port - p->model.port);
    while (slot >= p->cap_idb) {
        if (!vt_grow(&p->idb, p->cap_idb, &p->cap_idb, VT_MODEL_PORTS, sizeof *p->idb))
            return UINT32_MAX;
    }
    if (p->idb[slot] == 0) {
        write_interface(p, port);
        p->idb[slot] = ++p->interfaces;
    }
    return p->idb[slot] - 1;
}

/* ---- Comments (their form is told in <vitro/lens.h>) ---- */

static bool by_cable(const struct held *h)
{
    switch (h->reason) {
    case VT_DROP_CABLE_LOSS:
    case VT_DROP_CABLE_TARGET:
    case VT_DROP_CABLE_QUEUE:
    case VT_DROP_CABLE_CUT:
    case VT_DROP_FCS: return true;
    default: return false;
    }
}

static const char *fate_word(const struct held *h)
{
    if (h->flipped || h->damaged)
        return "corrupted";
    switch (h->fate) {
    case FATE_ENDED: return h->out && by_cable(h) ? "lost" : "dropped";
    case FATE_LEFT: return "left";
    case FATE_OPEN: return h->out ? "on the way" : "delivered";
    default: return h->duplicated ? "duplicated" : "delivered";
    }
}

static void put_id(struct vt_pcapng *p, const char *key, uint32_t node, uint64_t id)
{
    char name[VT_NAME];
    if (id != 0)
        vt_out_format(&p->text, "; %s %s#%llu", key, vt_model_name(&p->model, node, name),
                      (unsigned long long)id);
}

static void make_comment(struct vt_pcapng *p, const struct held *h)
{
    struct vt_out *o = &p->text;
    char name[VT_NAME];
    const struct vt_mlink *link = vt_model_link_at(&p->model, h->node, h->port);
    vt_out_clear(o);
    vt_out_format(o, "fate: %s", fate_word(h));
    if (h->damaged)
        vt_out_text(o, "; bytes: damaged");
    if (h->flipped)
        vt_out_format(o, "; bit %u flipped%s%s", h->bit, h->bits > 1 ? " and more" : "",
                      h->inside ? " inside" : "");
    if (h->out && link != NULL && (h->flipped || h->duplicated || (h->fate == FATE_ENDED && by_cable(h))))
        vt_out_format(o, "; on cable %s", link->name);
    if (h->duplicated && h->flipped)
        vt_out_text(o, "; duplicated");
    if (h->fate == FATE_ARRIVED) {
        const struct vt_mport *port = vt_model_port(&p->model, h->to_node, h->to_port);
        vt_out_format(o, "; to %s:%s", vt_model_name(&p->model, h->to_node, name),
                      port != NULL ? port->name : "?");
    }
    if (h->fate == FATE_ENDED) {
        if (!h->out || !by_cable(h))
            vt_out_format(o, "; by %s", vt_model_name(&p->model, h->by, name));
        vt_out_format(o, "; %s: %s", vt_drop_word(h->reason), vt_drop_text(h->reason));
    }
    put_id(p, "event", h->node, h->id);
    put_id(p, "cause", h->cause_node, h->cause);
}

static void write_packet(struct vt_pcapng *p, const struct held *h)
{
    struct vt_out *o = &p->block;
    uint32_t interface = interface_of(p, h->node, h->port);
    uint64_t stamp = h->time + p->epoch;
    uint8_t flags[4] = {h->out ? 2 : 1, 0, 0, 0};
    if (interface == UINT32_MAX)
        return;
    make_comment(p, h);
    block_begin(p, BLOCK_PACKET);
    put32(o, interface);
    put32(o, (uint32_t)(stamp >> 32));
    put32(o, (uint32_t)stamp);
    put32(o, h->have);
    put32(o, h->len > h->have ? h->len : h->have);
    put_padded(o, h->bytes, h->have);
    put_option(o, OPT_COMMENT, p->text.s, p->text.len);
    put_option(o, OPT_FLAGS, flags, 4);
    put32(o, 0);
    block_end(p);
}

/* ---- The queue ---- */

static struct held *held_slot(struct vt_pcapng *p, uint64_t number)
{
    return &p->held[number % p->max];
}

/* The packet that an event's record points to, while it waits. */
static struct held *held_of(struct vt_pcapng *p, const struct vt_rec *r)
{
    struct held *h = r != NULL && r->pair_id != 0 ? held_slot(p, r->pair_id) : NULL;
    return h != NULL && h->number == r->pair_id ? h : NULL;
}

static void write_first(struct vt_pcapng *p)
{
    struct held *h = held_slot(p, p->first++);
    write_packet(p, h);
    p->bytes -= h->have;
    free(h->bytes);
    *h = (struct held){0};
}

/* Writes what is known from the queue's front. What a node did with an arrival is known when time has moved
 * on. */
static void write_known(struct vt_pcapng *p, vt_time now)
{
    while (p->first <= p->last) {
        const struct held *h = held_slot(p, p->first);
        bool known = h->out ? h->fate != FATE_OPEN : h->fate == FATE_ENDED || now > h->time;
        if (!known)
            break;
        write_first(p);
    }
}

static struct held *hold(struct vt_pcapng *p, const struct vt_event *ev, const void *extra,
                         struct vt_rec *rec)
{
    if (p->last - p->first + 1 == p->max)
        write_first(p);
    struct held *h = held_slot(p, p->last + 1);
    uint8_t *bytes = malloc(ev->extra);
    if (bytes == NULL) {
        p->out.error = p->out.error != 0 ? p->out.error : -VT_ENOMEM;
        return NULL;
    }
    memcpy(bytes, extra, ev->extra);
    *h = (struct held){.number = ++p->last,
                       .out = ev->kind == VT_EV_PORT_TX,
                       .node = ev->node,
                       .port = ev->iface,
                       .id = ev->id,
                       .cause = ev->cause,
                       .cause_node = ev->cause_node,
                       .time = ev->time,
                       .len = ev->u.frame.len,
                       .have = ev->extra,
                       .bytes = bytes,
                       .damaged = (rec->flags & VT_REC_DAMAGED) != 0};
    p->bytes += ev->extra;
    rec->pair_id = h->number;
    while (p->bytes > MAX_HELD_BYTES && p->first < p->last)
        write_first(p);
    return h;
}

/* ---- Events ---- */

/* FNV-1a: tells whether a frame arrived as it was sent. */
static uint64_t bytes_hash(const uint8_t *b, size_t len)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++)
        h = (h ^ b[i]) * UINT64_C(0x100000001b3);
    return h;
}

static void departs(struct vt_pcapng *p, const struct vt_event *ev, const void *extra, struct vt_rec *rec)
{
    uint64_t sum = bytes_hash(extra, ev->extra);
    memcpy(rec->excerpt, &sum, sizeof sum);
    struct held *h = hold(p, ev, extra, rec);
    const struct vt_mport *port = vt_model_port(&p->model, ev->node, ev->iface);
    if (h != NULL && port != NULL && port->link == 0 && p->model.nlinks != 0)
        h->fate = FATE_LEFT;
}

static void arrives(struct vt_pcapng *p, const struct vt_event *ev, const void *extra, struct vt_rec *rec)
{
    struct vt_rec *sent = vt_trace_get(&p->trace, rec->parent);
    struct held *h = held_of(p, sent);
    if (h != NULL && h->out && h->fate == FATE_OPEN) {
        h->fate = FATE_ARRIVED;
        h->to_node = ev->node;
        h->to_port = ev->iface;
    }
    rec->pair_id = 0;
    if (sent != NULL && sent->kind == VT_EV_PORT_TX && ev->extra != 0) {
        uint64_t was, is = bytes_hash(extra, ev->extra);
        memcpy(&was, sent->excerpt, sizeof was);
        struct vt_event tx = vt_rec_event(sent);
        if (was != is && tx.u.frame.gso == 0)
            rec->flags |= VT_REC_DAMAGED;
    }
    if (ev->extra != 0)
        hold(p, ev, extra, rec);
}

static void impaired(struct vt_pcapng *p, const struct vt_event *ev, const struct vt_rec *rec)
{
    struct held *h = held_of(p, rec);
    unsigned kind = ev->u.impair.kind;
    if (h == NULL)
        return;
    if (kind == VT_IMPAIR_DUPLICATE)
        h->duplicated = true;
    if (kind != VT_IMPAIR_CORRUPT && kind != VT_IMPAIR_CORRUPT_INSIDE)
        return;
    h->flipped = true;
    h->inside = kind == VT_IMPAIR_CORRUPT_INSIDE;
    h->bit = ev->u.impair.bit;
    h->bits = ev->u.impair.count;
}

static void dropped(struct vt_pcapng *p, const struct vt_event *ev, const struct vt_rec *rec)
{
    struct held *h = held_of(p, rec);
    if (h == NULL || (h->out && h->fate != FATE_OPEN) || h->fate == FATE_ENDED)
        return;
    h->fate = FATE_ENDED;
    h->reason = (uint16_t)ev->u.drop.reason;
    h->by = ev->node;
}

void vt_pcapng_event(void *pcapng, const struct vt_event *ev, const void *extra)
{
    struct vt_pcapng *p = pcapng;
    write_known(p, ev->time);
    vt_model_topology(&p->model, ev, extra);
    if (ev->id == 0)
        return;
    struct vt_rec *rec = vt_trace_add(&p->trace, ev);
    switch (ev->kind) {
    case VT_EV_PORT: interface_of(p, ev->node, ev->iface); break;
    case VT_EV_PORT_TX:
        rec->pair_id = 0; /* not the packet that it was on the last hop */
        if (extra != NULL && ev->extra != 0)
            departs(p, ev, extra, rec);
        break;
    case VT_EV_PORT_RX: arrives(p, ev, extra, rec); break;
    case VT_EV_IMPAIR: impaired(p, ev, rec); break;
    case VT_EV_DROP: dropped(p, ev, rec); break;
    default: break;
    }
}

struct vt_pcapng *vt_pcapng_new(const struct vt_pcapng_config *config, struct vt_sink out)
{
    struct vt_pcapng *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->out.sink = out;
    p->epoch = config->epoch;
    p->max = config->max_held != 0 ? config->max_held : MAX_HELD;
    p->first = 1;
    p->held = calloc(p->max, sizeof *p->held);
    if (p->held == NULL || !vt_trace_init(&p->trace, 0)) {
        free(p->held);
        free(p);
        return NULL;
    }
    write_section(p, config->comment);
    return p;
}

int vt_pcapng_flush(struct vt_pcapng *pcapng)
{
    write_known(pcapng, VT_NEVER);
    return pcapng->out.error;
}

int vt_pcapng_finish(struct vt_pcapng *pcapng)
{
    while (pcapng->first <= pcapng->last)
        write_first(pcapng);
    return pcapng->out.error;
}

void vt_pcapng_free(struct vt_pcapng *p)
{
    if (p == NULL)
        return;
    while (p->first <= p->last)
        free(held_slot(p, p->first++)->bytes);
    free(p->held);
    free(p->idb);
    vt_model_fini(&p->model);
    vt_trace_fini(&p->trace);
    vt_out_free(&p->block);
    vt_out_free(&p->text);
    free(p);
}

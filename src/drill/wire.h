/* Packets as bytes, and as text. */
#ifndef VT_DRILL_WIRE_H
#define VT_DRILL_WIRE_H

#include "script.h"

/* Whom a packet is from and to. */
struct drill_tuple {
    struct vt_ip src, dst;
    uint16_t sport, dport;
};

static inline bool drill_tuple_eq(const struct drill_tuple *a, const struct drill_tuple *b)
{
    return a->sport == b->sport && a->dport == b->dport && vt_ip_eq(a->src, b->src) &&
           vt_ip_eq(a->dst, b->dst);
}

/* The byte at an offset of a stream, or of a datagram: programs write these, and peers send them, so that a
 * byte in a wrong place shows. */
static inline uint8_t drill_byte(uint32_t offset)
{
    return (uint8_t)((offset * 2654435761u) >> 24);
}

/* A packet that the host sent. */
struct drill_live {
    struct drill_live *next;
    vt_time at;
    struct drill_packet k; /* as it is, nothing mapped; nothing left unsaid */
    struct drill_tuple tuple;
    const uint8_t *payload; /* k.len bytes; of ICMP behind its 8 bytes of header */
    const char *bad;        /* NULL, or what about it no receiver would bear */
};

#define DRILL_WIRE_MAX 65535u

/* Writes the packet with its headers and checksums; `payload` may be NULL when k->len is 0. ICMP errors quote
 * a packet of the other direction. Returns the bytes written, 0 when they would be more than
 * DRILL_WIRE_MAX. */
size_t drill_wire_write(const struct drill_packet *k, const struct drill_tuple *t, const uint8_t *payload,
                        uint8_t *out);
/* Reads one; `bytes` must live as long as *live. Never fails: what cannot be read is told in `bad`. */
void drill_wire_read(struct drill_live *live, const uint8_t *bytes, size_t len);

/* The packet as a script would have it, without its time: "> P. 1:1001(1000) ack 1 win 257". With a tuple
 * also its addresses. */
const char *drill_wire_text(struct drill_arena *a, const struct drill_packet *k, const struct drill_tuple *t);
const char *drill_options_text(struct drill_arena *a, const struct drill_packet *k);
/* "S.", "PE", "-". */
const char *drill_flags_text(struct drill_arena *a, const struct drill_packet *k);

/* Steps over options: *at begins at 0. The length of the one at *at (1 for nop and eol), *at moved on; 0 at
 * the end, or where the rest makes no sense. */
unsigned drill_option_next(const struct drill_packet *k, unsigned *at, uint8_t const **option);
/* The timestamps option, kind first; NULL when there is none. */
uint8_t *drill_option_ts(struct drill_packet *k);

#endif

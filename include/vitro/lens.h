/* The lens: what people see of a network, drawn from its events and from nothing else.
 *
 * Each reader is an object with a function `vt_<reader>_event(reader, ev, extra)` that is a listener's
 * `event`:
 *
 *     struct vt_ladder *l = vt_ladder_new(&(struct vt_ladder_config){.width = 100}, sink);
 *     vt_lab_listen(lab, (struct vt_listener){.event = vt_ladder_event, .ctx = l});
 *     ... the lab runs ...
 *     vt_ladder_finish(l);
 *     vt_ladder_free(l);
 *
 * A reader keeps memory of its own, from malloc, and all of it bounded: at a cap the oldest is forgotten, and
 * counted. It wants every event from the topology on (a lab tells it to late listeners). Where frames' bytes
 * are in the events, a ladder shows an excerpt of the data; the pcapng writer needs them.
 */
#ifndef VITRO_LENS_H
#define VITRO_LENS_H

#include <vitro/event.h>

enum vt_lang {
    VT_LANG_EN,
    VT_LANG_ZH,
};

/* Where a reader's text or bytes go. `write` takes all of `len` bytes and returns 0, or a negative number:
 * then the reader writes no more, and its finish function returns that number. */
struct vt_sink {
    int (*write)(void *ctx, const void *bytes, size_t len);
    void *ctx;
};

/* A sink that writes to a stdio stream: ctx is a FILE *. */
int vt_sink_stdio(void *file, const void *bytes, size_t len);

/* ---- The ladder ----
 *
 * One line for each thing that happened between the columns, written when its fate is known: an arrow when it
 * arrives or dies. Beside each line stand the states of the connection's two ends, as they were at the end of
 * that line, and the time at which it left, or came, at that end. On a connection's first lines its numbers
 * have the letters of the textbooks: x and y for the initial numbers, u for the closer's FIN, v for the
 * number of the segment that acknowledges it, w for the other's FIN; all other numbers count from x and y. */

#define VT_LADDER_COLUMNS 8

struct vt_ladder_config {
    /* Names of nodes, or addresses of peers outside the lab, from left to right. None: the two ends of the
     * first conversation that comes (switches and routers in between are left out). Those named are drawn,
     * hop by hop. The strings are copied. */
    const char *column[VT_LADDER_COLUMNS];
    unsigned width;    /* columns of the terminal, 0: 100; at least 40 */
    uint16_t port;     /* only connections with this port at an end; 0: all */
    bool ascii;        /* no box-drawing characters */
    bool color;        /* SGR escape sequences */
    bool whole;        /* write all at the end, without what turned out to be hidden */
    bool svg;          /* a drawing instead of text; is always whole */
    bool hidden;       /* also what is marked VT_MARK_PAGE */
    bool calls;        /* the programs' socket calls, as notes */
    bool said;         /* what programs say (APP), as notes */
    uint32_t max_rows; /* of a whole ladder, 0: 10000; the rest is counted in a last line */
    uint32_t memory;   /* events remembered to find causes, 0: 16384 */
};

struct vt_ladder;
/* NULL without memory. */
struct vt_ladder *vt_ladder_new(const struct vt_ladder_config *config, struct vt_sink out);
void vt_ladder_event(void *ladder, const struct vt_event *ev, const void *extra);
/* Writes what was held back (of what is still on its way: that it is), and, of a whole ladder, everything. 0,
 * or the sink's error. Call it once, at the end. */
int vt_ladder_finish(struct vt_ladder *ladder);
void vt_ladder_free(struct vt_ladder *ladder); /* NULL is allowed */

/* ---- pcapng (draft-ietf-opsawg-pcapng) ----
 *
 * One interface a port, named NODE:PORT, Ethernet, nanoseconds. One packet for each departure (outbound) and
 * each arrival (inbound) of a frame whose bytes are in the event. Its comment has `; ` between its parts:
 *
 *     fate: WORD[; bytes: damaged][; DETAILS...]; event NODE#N[; cause NODE#N]
 *
 * WORD of a departing frame says how its hop ended:
 *     delivered      it arrived (`to NODE:PORT`)
 *     duplicated     it arrived, and a second copy was made
 *     lost           the cable took it: loss, queue, cut, targeted fault (`on cable NAME`, the drop's word
 * and text) corrupted      bits were flipped on this hop (`bit N flipped`, counted from the frame's start;
 * `inside`: behind the FCS; `on cable NAME`), or on an earlier one (`bytes: damaged`) dropped        the
 * device or a node ended it (`by NODE`, the drop's word and text) left           it left by a port at which
 * no cable of the lab ends on the way     not known when it was written WORD of an arrived frame says what
 * the node did with it: delivered (read, or passed on), dropped, or corrupted, when bits of it had been
 * flipped behind the FCS. DETAILS of a corrupted frame tell where it came to, or who dropped it. `bytes:
 * damaged` stands exactly where the packet's bytes, as they lie in the file, are not those that were sent
 * first: only there may a checksum be wrong. */

struct vt_pcapng_config {
    uint64_t epoch;    /* ns since 1970 of the events' time 0 */
    uint32_t max_held; /* packets waiting for their fate, 0: 1024; beyond it the oldest is written as it is */
    const char *comment; /* of the section; NULL: none */
};

struct vt_pcapng;
struct vt_pcapng *vt_pcapng_new(const struct vt_pcapng_config *config, struct vt_sink out);
void vt_pcapng_event(void *pcapng, const struct vt_event *ev, const void *extra);
/* Writes out what may be written already: for a live capture, now and then. 0, or the sink's error. */
int vt_pcapng_flush(struct vt_pcapng *pcapng);
int vt_pcapng_finish(struct vt_pcapng *pcapng);
void vt_pcapng_free(struct vt_pcapng *pcapng);

/* ---- JSON lines ----
 *
 * One object a line for each event: "time" (ns), "id" ("a#12"), "cause" (likewise, or null), "kind", "layer",
 * "node", then "iface", "conn", "mark" and "doc" where they are not zero, then the fields of its kind by
 * their names in <vitro/event.h>, enumerations as words, addresses as text, then "name", "text" or "bytes"
 * (hexadecimal) for what follows the record. The order of the keys is fixed. */

struct vt_json;
struct vt_json *vt_json_new(struct vt_sink out);
void vt_json_event(void *json, const struct vt_event *ev, const void *extra);
int vt_json_finish(struct vt_json *json);
void vt_json_free(struct vt_json *json);

/* ---- Counters ---- */

struct vt_stats;
struct vt_stats *vt_stats_new(void);
void vt_stats_event(void *stats, const struct vt_event *ev, const void *extra);
/* Events of a kind on a node, drops for a reason on a node; node VT_STATS_ALL sums over all. */
#define VT_STATS_ALL UINT32_MAX
uint64_t vt_stats_kind(const struct vt_stats *stats, uint32_t node, unsigned kind);
uint64_t vt_stats_drop(const struct vt_stats *stats, uint32_t node, unsigned reason);
/* What became of all frames: sent + duplicated = delivered + ended + left + on_the_way, each counted by
 * itself. */
struct vt_stats_frames {
    uint64_t sent;       /* departures from a port */
    uint64_t duplicated; /* second copies made by cables */
    uint64_t delivered;  /* arrivals of what was sent */
    uint64_t ended;      /* drops on the way, by cables and devices */
    uint64_t left;       /* departures by ports without a cable: to the outside */
    uint64_t on_the_way;
    uint64_t came;        /* arrivals from outside */
    uint64_t unread;      /* arrivals of which no event tells what the node did with them */
    uint64_t lost_events; /* as GAP events tell: then nothing need reconcile */
};
void vt_stats_frames(const struct vt_stats *stats, struct vt_stats_frames *frames);
/* True when every frame has a fate: the sum holds, nothing ended twice, no drop without a reason. When not,
 * `why` (if not NULL) gets a sentence. Frames still on the way are no fault. */
bool vt_stats_reconcile(const struct vt_stats *stats, char *why, size_t size);
/* The table of all this, as text. 0, or the sink's error. */
int vt_stats_text(const struct vt_stats *stats, struct vt_sink out);
void vt_stats_free(struct vt_stats *stats);

/* ---- Explanations ---- */

/* A sentence or two that say what an event means, and why it is so; "" for those that need none. */
const char *vt_lens_explain(enum vt_lang lang, const struct vt_event *ev);
/* A short fixed word for that explanation ("syn", "drop-loss"), the same in all languages; "" for none. */
const char *vt_lens_explain_key(const struct vt_event *ev);
/* The explanation of a question: "why-three", "why-four", "why-time-wait", "why-not-two", "keepalive", ...
 * and the keys above, drops apart. NULL for an unknown key. */
const char *vt_lens_explain_topic(enum vt_lang lang, const char *key);
/* The meaning of a drop reason: vt_drop_text(), or the same in Chinese. */
const char *vt_lens_drop_text(enum vt_lang lang, unsigned reason);

/* ---- Standstill ----
 *
 * Two programs that wait for each other for ever:
 *
 *   both receive  both ends are ESTABLISHED; the last call of each end's program on this connection is a recv
 * that waits; nothing is unread, unsent, unacknowledged or on the way in either direction. No event of the
 * connection can ever end it. both send     both ends are ESTABLISHED; the last call of each end's program is
 * a send that waits; and in both directions the sender has filled the window that the receiver offered.
 * Window probes change nothing.
 *
 * A program that waits elsewhere (for its keyboard, for a timer, in accept, for another connection) makes no
 * call on this one, or one with MSG_DONTWAIT, which does not wait; so its last call is not one that waits,
 * and there is no standstill. It is told once it has lasted `hold` of the events' time, and once more only
 * when it was resolved in between. Connections that are marked VT_MARK_PAGE are left out.
 */

enum vt_standstill_kind {
    VT_STANDSTILL_RECEIVE = 1,
    VT_STANDSTILL_SEND,
};
struct vt_standstill_finding {
    enum vt_standstill_kind kind;
    vt_time since, told;
    uint32_t node[2], conn[2]; /* the end that opened it, and the other */
    const char *text[2];       /* by enum vt_lang; valid during the call */
};
struct vt_standstill_config {
    vt_span hold; /* 0: 1 s; below zero: at once */
    void (*found)(void *ctx, const struct vt_standstill_finding *finding);
    void *ctx;
};

struct vt_standstill;
struct vt_standstill *vt_standstill_new(const struct vt_standstill_config *config);
void vt_standstill_event(void *standstill, const struct vt_event *ev, const void *extra);
/* The time is now `now`, and no event before it is to come: a standstill makes none, so somebody must say so.
 */
void vt_standstill_tick(struct vt_standstill *standstill, vt_time now);
void vt_standstill_free(struct vt_standstill *standstill);

/* ---- A frame as it lies on the wire ---- */

/* Writes the bits of `wire`: preamble, start delimiter, frame and FCS, in the order in which they go over the
 * cable (least significant bit of each byte first, IEEE 802.3 3.3), field by field with names and values; at
 * the end whether the FCS fits. 0, -1 when it is no such thing (then it says so in a line), or the sink's
 * error. */
int vt_lens_bits(struct vt_sink out, enum vt_lang lang, const uint8_t *wire, size_t len);

/* ---- For the live page ---- */

struct vt_live_config {
    uint32_t rows;     /* ladder rows kept, 0: 200 */
    uint32_t memory;   /* as of a ladder */
    const char *title; /* of the lab; copied */
};

struct vt_live;
struct vt_live *vt_live_new(const struct vt_live_config *config);
void vt_live_event(void *live, const struct vt_event *ev, const void *extra);
/* The state of things at `now` as one JSON object (its form is told in src/lens/live.c): nodes, links,
 * connections, the last rows, counters, findings, explanations. What is marked VT_MARK_PAGE is left out
 * unless `hidden`. `*out` is the caller's, to be freed with free(). Returns its length, or -VT_ENOMEM. */
long vt_live_json(struct vt_live *live, vt_time now, bool hidden, char **out);
void vt_live_free(struct vt_live *live);

#endif

/* The two halves of the bulk program (src/application/bulk.c). */
#ifndef VT_APPLICATION_BULK_H
#define VT_APPLICATION_BULK_H

#include "console.h"
#include "sockets.h"

#define VT_BULK_HEADER 24   /* magic, seed, number of bytes: 8 bytes each, least significant first */
#define VT_BULK_BLOCK  4096 /* what the hash takes at a time */

/* The stream that a seed stands for, made or checked piece by piece, and its hash: SipHash of each block,
 * keyed by the hash so far, so that it can be had without holding the stream. */
struct vt_bulk_stream {
    struct vt_rng rng;
    uint64_t at, hash;
    unsigned have; /* bytes of `block` made and not yet used up: the last ones */
    uint8_t block[VT_BULK_BLOCK];
};

void vt_bulk_start(struct vt_bulk_stream *s, uint64_t seed);
/* The next bytes of the stream, at most `max`: `*len` of them. They stay until vt_bulk_next(). */
const uint8_t *vt_bulk_peek(struct vt_bulk_stream *s, uint64_t max, size_t *len);
/* Goes on by `len` bytes, at most as many as vt_bulk_peek() gave. */
void vt_bulk_next(struct vt_bulk_stream *s, size_t len);
/* The hash of all bytes gone over. */
uint64_t vt_bulk_hash(const struct vt_bulk_stream *s);

struct vt_bulk_conn;

struct vt_bulk {
    struct vt_console console;
    bool sink;
    struct vt_watched sock; /* the sink's listener, the sender's connection */
    struct vt_endpoint to;
    /* the sink's */
    struct vt_bulk_conn *conns;
    uint64_t n_conns, max_conns;
    bool once, accepted;
    vt_time resume; /* no descriptor was to be had: accept again then; VT_NEVER */
    int status;
    /* the sender's */
    unsigned state;
    uint64_t bytes, left;
    vt_time began;
    size_t header_at, verdict_len;
    uint8_t header[VT_BULK_HEADER];
    char verdict[80];
    struct vt_bulk_stream stream;
    char out[4096];
};

int vt_bulk_send_start(struct vt_process *p, struct vt_bulk *b, int argc, char **argv);
void vt_bulk_send_step(struct vt_process *p, struct vt_bulk *b);
int vt_bulk_sink_start(struct vt_process *p, struct vt_bulk *b, int argc, char **argv);
void vt_bulk_sink_step(struct vt_process *p, struct vt_bulk *b);
void vt_bulk_sink_end(struct vt_process *p, struct vt_bulk *b);

/* 64 bits in a header, least significant byte first. */
void vt_bulk_put64(uint8_t *to, uint64_t v);
uint64_t vt_bulk_get64(const uint8_t *from);
extern const char vt_bulk_magic[8];

#endif

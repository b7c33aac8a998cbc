/* What a program has sent and the peer has not yet acknowledged: bytes in counted blocks, from which segments
 * take slices by reference. Offset 0 is the first byte not acknowledged.
 *
 * The bytes form units: a write goes on in the last one while that is not full, and its end is where the mark
 * of the write is put; a write that goes on takes the mark with it. So a peer is told to push where the
 * program paused, and not at every call of one that writes byte by byte. */
#ifndef VT_TRANSPORT_TCP_SENDQ_H
#define VT_TRANSPORT_TCP_SENDQ_H

#include "base/core.h"

enum vt_sendq_mark {
    VT_SENDQ_PUSH = 1 << 0, /* a program's write ended here: the segment that carries this byte has PSH */
    VT_SENDQ_EOR = 1 << 1,  /* a record ends here (MSG_EOR): no segment reaches over it */
    VT_SENDQ_UNIT = 1 << 2, /* a unit ends here */
};

/* A run of bytes in one block. */
struct vt_chunk {
    struct vt_chunk *next;
    struct vt_block *block;
    const uint8_t *data;
    uint32_t len;
    bool ours;     /* we filled the block, and may go on behind `data + len` while there is room */
    uint8_t marks; /* enum vt_sendq_mark, of its last byte */
};

struct vt_sendq {
    struct vt_chunk *first, *last;
    struct vt_chunk *cursor; /* where the last slice ended, so that the next need not search */
    uint32_t cursor_at;      /* offset of the cursor chunk's first byte */
    uint32_t bytes;
    uint32_t unit_at; /* offset of the last unit's first byte, as far as that is not acknowledged */
    bool new_unit;    /* the next byte begins a unit */
};

/* Copies bytes in; returns how many, fewer than `len` when memory runs out. */
uint32_t vt_sendq_write(struct vt_sendq *q, struct vt_core *core, const uint8_t *src, uint32_t len);
/* Appends bytes by reference, taking over the caller's reference of the block. -VT_ENOMEM: it stays the
 * caller's. */
int vt_sendq_append(struct vt_sendq *q, struct vt_core *core, struct vt_block *block, const uint8_t *data,
                    uint32_t len);
/* Adds the bytes [off, off + len) to p as fragments; returns how many fitted. */
uint32_t vt_sendq_slice(struct vt_sendq *q, uint32_t off, uint32_t len, struct vt_pbuf *p);
/* What is written from here on begins a unit. */
void vt_sendq_begin_unit(struct vt_sendq *q);
/* Bytes of the last unit behind offset `sent`. */
uint32_t vt_sendq_unit_len(const struct vt_sendq *q, uint32_t sent);
/* Changes the marks of the last byte. */
void vt_sendq_mark(struct vt_sendq *q, uint8_t set, uint8_t clear);
/* How many of the bytes [off, off + len) one segment may carry: all, or up to the end of a record. *marks is
 * what is marked among them. */
uint32_t vt_sendq_reach(const struct vt_sendq *q, uint32_t off, uint32_t len, uint8_t *marks);
/* Bytes from `off` to the end of the first unit that ends within `len`; `len` when none does. */
uint32_t vt_sendq_unit_end(const struct vt_sendq *q, uint32_t off, uint32_t len);
/* Lets go of the first n bytes: they are acknowledged. */
void vt_sendq_ack(struct vt_sendq *q, struct vt_core *core, uint32_t n);
void vt_sendq_clear(struct vt_sendq *q, struct vt_core *core);

#endif

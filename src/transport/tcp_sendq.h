/* What a program has sent and the peer has not yet acknowledged: bytes in counted blocks, from which segments
 * take slices by reference. Offset 0 is the first byte not acknowledged. */
#ifndef VT_TRANSPORT_TCP_SENDQ_H
#define VT_TRANSPORT_TCP_SENDQ_H

#include "base/core.h"

/* A run of bytes in one block. */
struct vt_chunk {
    struct vt_chunk *next;
    struct vt_block *block;
    const uint8_t *data;
    uint32_t len;
    bool ours; /* we filled the block, and may go on behind `data + len` while there is room */
};

struct vt_sendq {
    struct vt_chunk *first, *last;
    struct vt_chunk *cursor; /* where the last slice ended, so that the next need not search */
    uint32_t cursor_at;      /* offset of the cursor chunk's first byte */
    uint32_t bytes;
};

/* Copies bytes in; returns how many, fewer than `len` when memory runs out. */
uint32_t vt_sendq_write(struct vt_sendq *q, struct vt_core *core, const uint8_t *src, uint32_t len);
/* Appends bytes by reference, taking over the caller's reference of the block. -VT_ENOMEM: it stays the
 * caller's. */
int vt_sendq_append(struct vt_sendq *q, struct vt_core *core, struct vt_block *block, const uint8_t *data,
                    uint32_t len);
/* Adds the bytes [off, off + len) to p as fragments; returns how many fitted. */
uint32_t vt_sendq_slice(struct vt_sendq *q, uint32_t off, uint32_t len, struct vt_pbuf *p);
/* Lets go of the first n bytes: they are acknowledged. */
void vt_sendq_ack(struct vt_sendq *q, struct vt_core *core, uint32_t n);
void vt_sendq_clear(struct vt_sendq *q, struct vt_core *core);

#endif

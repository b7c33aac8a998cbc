#include "transport/tcp_sendq.h"

#include <vitro/errno.h>

#define VT_SENDQ_BLOCK_MIN 2048u
#define VT_SENDQ_BLOCK_MAX 65536u

static struct vt_chunk *chunk_add(struct vt_sendq *q, struct vt_core *core, struct vt_block *block,
                                  const uint8_t *data, uint32_t len)
{
    struct vt_chunk *c = vt_alloc(core, sizeof(*c));
    if (c == NULL)
        return NULL;
    c->block = block;
    c->data = data;
    c->len = len;
    if (q->new_unit) {
        q->new_unit = false;
        q->unit_at = q->bytes;
    } else if (q->last != NULL) { /* the unit goes on, and its mark with it */
        c->marks = q->last->marks;
        q->last->marks = 0;
    }
    if (q->last != NULL)
        q->last->next = c;
    else
        q->first = c;
    q->last = c;
    return c;
}

static void chunk_free(struct vt_core *core, struct vt_chunk *c)
{
    vt_block_unref(c->block);
    vt_free(core, c, sizeof(*c));
}

void vt_sendq_begin_unit(struct vt_sendq *q)
{
    if (q->last != NULL && q->last->len != 0)
        q->last->marks |= VT_SENDQ_UNIT;
    q->new_unit = true;
}

uint32_t vt_sendq_unit_len(const struct vt_sendq *q, uint32_t sent)
{
    uint32_t from = q->unit_at > sent ? q->unit_at : sent;
    return q->bytes > from && !q->new_unit ? q->bytes - from : 0;
}

void vt_sendq_mark(struct vt_sendq *q, uint8_t set, uint8_t clear)
{
    if (q->last != NULL)
        q->last->marks = (uint8_t)((q->last->marks | set) & ~clear);
}

uint32_t vt_sendq_reach(const struct vt_sendq *q, uint32_t off, uint32_t len, uint8_t *marks)
{
    const struct vt_chunk *c = q->cursor;
    uint32_t at = q->cursor_at, end = off + len;
    if (c == NULL || off < at) {
        c = q->first;
        at = 0;
    }
    *marks = 0;
    for (; c != NULL && at + c->len <= end; c = c->next) {
        at += c->len;
        if (at <= off)
            continue;
        *marks |= c->marks;
        if ((c->marks & VT_SENDQ_EOR) != 0)
            return at - off;
    }
    return len;
}

uint32_t vt_sendq_unit_end(const struct vt_sendq *q, uint32_t off, uint32_t len)
{
    const struct vt_chunk *c = q->cursor;
    uint32_t at = q->cursor_at, end = off + len;
    if (c == NULL || off < at) {
        c = q->first;
        at = 0;
    }
    for (; c != NULL && at + c->len <= end; c = c->next) {
        at += c->len;
        if (at > off && (c->marks & VT_SENDQ_UNIT) != 0)
            return at - off;
    }
    return len;
}

/* Bytes that may still be written behind the last chunk. Slices that others hold end before them. */
static uint32_t tail_room(const struct vt_sendq *q)
{
    const struct vt_chunk *c = q->last;
    if (c == NULL || !c->ours)
        return 0;
    return c->block->cap - (uint32_t)(c->data + c->len - c->block->data);
}

/* A unit that begins in the middle of the last block. */
static void share_block(struct vt_sendq *q, struct vt_core *core)
{
    struct vt_chunk *was = q->last;
    if (!q->new_unit || tail_room(q) == 0)
        return;
    struct vt_chunk *c = chunk_add(q, core, was->block, was->data + was->len, 0);
    if (c == NULL)
        return;
    vt_block_ref(c->block);
    c->ours = true;
    was->ours = false;
}

uint32_t vt_sendq_write(struct vt_sendq *q, struct vt_core *core, const uint8_t *src, uint32_t len)
{
    uint32_t done = 0;
    while (done < len) {
        share_block(q, core);
        uint32_t room = q->new_unit ? 0 : tail_room(q);
        if (room == 0) {
            uint32_t want = len - done;
            want = want < VT_SENDQ_BLOCK_MIN ? VT_SENDQ_BLOCK_MIN : want;
            want = want > VT_SENDQ_BLOCK_MAX ? VT_SENDQ_BLOCK_MAX : want;
            struct vt_block *b = vt_block_new(core->pool, want);
            if (b == NULL)
                break;
            struct vt_chunk *c = chunk_add(q, core, b, b->data, 0);
            if (c == NULL) {
                vt_block_unref(b);
                break;
            }
            c->ours = true;
            room = b->cap;
        }
        uint32_t n = len - done < room ? len - done : room;
        struct vt_chunk *c = q->last;
        memcpy(c->block->data + (c->data - c->block->data) + c->len, src + done, n);
        c->len += n;
        done += n;
    }
    q->bytes += done;
    return done;
}

int vt_sendq_append(struct vt_sendq *q, struct vt_core *core, struct vt_block *block, const uint8_t *data,
                    uint32_t len)
{
    if (chunk_add(q, core, block, data, len) == NULL)
        return -VT_ENOMEM;
    q->bytes += len;
    return 0;
}

uint32_t vt_sendq_slice(struct vt_sendq *q, uint32_t off, uint32_t len, struct vt_pbuf *p)
{
    struct vt_chunk *c = q->cursor;
    uint32_t at = q->cursor_at;
    if (c == NULL || off < at) {
        c = q->first;
        at = 0;
    }
    while (c != NULL && off >= at + c->len) {
        at += c->len;
        c = c->next;
    }
    uint32_t done = 0;
    while (c != NULL && done < len) {
        q->cursor = c;
        q->cursor_at = at;
        uint32_t skip = off + done - at;
        uint32_t n = c->len - skip < len - done ? c->len - skip : len - done;
        if (vt_pbuf_append(p, c->block, c->data + skip, n) != 0)
            break;
        done += n;
        at += c->len;
        c = c->next;
    }
    return done;
}

void vt_sendq_ack(struct vt_sendq *q, struct vt_core *core, uint32_t n)
{
    q->bytes -= n;
    q->cursor_at = q->cursor_at >= n ? q->cursor_at - n : 0;
    q->unit_at = q->unit_at >= n ? q->unit_at - n : 0;
    while (n != 0) {
        struct vt_chunk *c = q->first;
        if (n < c->len) {
            c->data += n;
            c->len -= n;
            break;
        }
        n -= c->len;
        q->first = c->next;
        if (q->first == NULL)
            q->last = NULL;
        if (q->cursor == c) {
            q->cursor = NULL;
            q->cursor_at = 0;
        }
        chunk_free(core, c);
    }
    if (q->cursor == q->first)
        q->cursor_at = 0;
}

void vt_sendq_clear(struct vt_sendq *q, struct vt_core *core)
{
    while (q->first != NULL) {
        struct vt_chunk *c = q->first;
        q->first = c->next;
        chunk_free(core, c);
    }
    *q = (struct vt_sendq){0};
}

/* What a packet buffer can do, beyond what is quick enough to stand in the header.
 *
 * These hold between any two calls:
 *   - len is head_len plus the lengths of the fragments in use;
 *   - the first fragment in use has bytes left, unless no fragment has;
 *   - a fragment in use has been pulled from only when the room is empty, for the room comes first; fragments
 *     before `first` have nothing left, and are held for what was pulled from them;
 *   - where anything was pulled from a fragment, nfrags is not 0. */
#include "pbuf.h"

#include <vitro/errno.h>

#include "check.h"

_Static_assert(VT_PBUF_SMALL + VT_PBUF_HEADERS <= VT_PBUF_ROOM, "headers fit in front of a small packet");

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static struct vt_frag *last_frag(struct vt_pbuf *p)
{
    return &p->frag[p->first + p->nfrags - 1];
}

/* Lets go of the first n entries of the fragment array. */
static void release_front(struct vt_pbuf *p, unsigned n)
{
    unsigned all = (unsigned)p->first + p->nfrags;
    for (unsigned i = 0; i < n; i++)
        vt_block_unref(p->frag[i].block);
    memmove(p->frag, p->frag + n, (all - n) * sizeof(p->frag[0]));
    p->first = (uint8_t)(p->first > n ? p->first - n : 0);
    p->nfrags = (uint8_t)(all - n - p->first);
}

/* Bytes were added behind, or taken off there: the checksum reaches to the end. */
static void csum_grow(struct vt_pbuf *p, uint32_t n)
{
    if (p->csum == VT_CSUM_PARTIAL)
        p->csum_span += n;
}

static void csum_shrink(struct vt_pbuf *p, uint32_t n)
{
    if (p->csum != VT_CSUM_PARTIAL)
        return;
    if (p->csum_span >= n && p->csum_span - n >= p->csum_offset + 2u)
        p->csum_span -= n;
    else
        p->csum = VT_CSUM_NONE; /* the field itself is gone */
}

struct vt_pbuf *vt_pbuf_from(struct vt_pool *pool, const void *bytes, size_t len)
{
    if (len > UINT32_MAX)
        return NULL;
    struct vt_pbuf *p = vt_pbuf_new(pool);
    if (p == NULL || len == 0)
        return p;
    if (len <= VT_PBUF_SMALL) {
        memcpy(vt_pbuf_push(p, (uint32_t)len), bytes, len);
        return p;
    }
    struct vt_block *b = vt_block_new(pool, (uint32_t)len);
    if (b == NULL) {
        vt_pbuf_free(p);
        return NULL;
    }
    memcpy(b->data, bytes, len);
    p->frag[0] = (struct vt_frag){.block = b, .data = b->data, .len = (uint32_t)len};
    p->nfrags = 1;
    p->len = (uint32_t)len;
    return p;
}

/* What is known of a packet apart from its bytes. */
static void copy_notes(struct vt_pbuf *to, const struct vt_pbuf *from)
{
    to->mark = from->mark;
    to->ev = from->ev;
    to->stamp = from->stamp;
}

struct vt_pbuf *vt_pbuf_clone(const struct vt_pbuf *p)
{
    struct vt_pbuf *q = vt_pbuf_new(p->pool);
    if (q == NULL)
        return NULL;
    copy_notes(q, p);
    q->len = p->len;
    q->head = p->head;
    q->head_len = p->head_len;
    q->pulled = p->pulled;
    q->first = p->first;
    q->nfrags = p->nfrags;
    q->csum = p->csum;
    q->gso = p->gso;
    q->gso_size = p->gso_size;
    q->csum_offset = p->csum_offset;
    q->csum_span = p->csum_span;
    memcpy(q->aux, p->aux, sizeof(q->aux));
    unsigned start = (unsigned)p->head - p->pulled;
    memcpy(q->room + start, p->room + start, (size_t)p->pulled + p->head_len);
    for (unsigned i = 0; i < (unsigned)p->first + p->nfrags; i++) {
        q->frag[i] = p->frag[i];
        vt_block_ref(q->frag[i].block);
    }
    return q;
}

struct vt_pbuf *vt_pbuf_slice(const struct vt_pbuf *p, uint32_t off, uint32_t len)
{
    if (off > p->len || len > p->len - off)
        return NULL;
    struct vt_pbuf *q = vt_pbuf_new(p->pool);
    if (q == NULL)
        return NULL;
    copy_notes(q, p);
    if (off < p->head_len) {
        uint32_t n = least(len, p->head_len - off);
        memcpy(vt_pbuf_push(q, n), p->room + p->head + off, n);
        off = 0;
        len -= n;
    } else {
        off -= p->head_len;
    }
    for (unsigned i = p->first; len > 0; i++) {
        const struct vt_frag *f = &p->frag[i];
        if (off >= f->len) {
            off -= f->len;
            continue;
        }
        uint32_t n = least(len, f->len - off);
        (void)vt_pbuf_append(q, f->block, f->data + off, n); /* fits: q has no more fragments than p */
        off = 0;
        len -= n;
    }
    return q;
}

uint8_t *vt_pbuf_put(struct vt_pbuf *p, uint32_t n)
{
    if (p->nfrags != 0 || n > VT_PBUF_ROOM)
        return NULL;
    uint32_t end = (uint32_t)p->head + p->head_len;
    if (n > VT_PBUF_ROOM - end) {
        if ((uint32_t)p->head_len + n > VT_PBUF_ROOM - VT_PBUF_HEADERS)
            return NULL;
        uint16_t head = (uint16_t)(VT_PBUF_ROOM - p->head_len - n);
        memmove(p->room + head, p->room + p->head, p->head_len);
        p->head = head;
        end = VT_PBUF_ROOM - n;
    }
    vt_pbuf_forget(p);
    p->head_len = (uint16_t)(p->head_len + n);
    p->len += n;
    csum_grow(p, n);
    return p->room + end;
}

/* Bytes were taken off the first fragment: makes the first that has any left the first. */
static void settle(struct vt_pbuf *p)
{
    while (p->nfrags > 1 && p->frag[p->first].len == 0) {
        p->first++;
        p->nfrags--;
    }
}

/* How far vt_pbuf_unpull() can step back. */
static uint32_t history(const struct vt_pbuf *p)
{
    uint32_t n = p->pulled;
    if (p->nfrags != 0) {
        for (unsigned i = 0; i <= p->first; i++)
            n += p->frag[i].pulled;
    }
    return n;
}

/* Makes the first n bytes header bytes in the room: head_len < n <= len, n <= VT_PBUF_ROOM. What had been
 * pulled before comes along as far as the room holds it, so that it can still be stepped back over. Blocks
 * are held until the packet is freed. */
static void gather(struct vt_pbuf *p, uint32_t n)
{
    uint32_t back = least(history(p), VT_PBUF_ROOM - n);
    vt_pbuf_unpull(p, back);
    vt_pbuf_forget(p);
    n += back;
    if ((uint32_t)p->head + n > VT_PBUF_ROOM) {
        uint16_t head = (uint16_t)(VT_PBUF_ROOM - n);
        memmove(p->room + head, p->room + p->head, p->head_len);
        p->head = head;
    }
    while (p->head_len < n) {
        struct vt_frag *f = &p->frag[p->first];
        uint32_t k = least(n - p->head_len, f->len);
        memcpy(p->room + p->head + p->head_len, f->data, k);
        p->head_len = (uint16_t)(p->head_len + k);
        f->data += k;
        f->len -= k;
        settle(p);
    }
    (void)vt_pbuf_pull(p, back);
}

const uint8_t *vt_pbuf_peek_far(struct vt_pbuf *p, uint32_t n)
{
    if (n > p->len)
        return NULL;
    if (p->head_len == 0 && n <= p->frag[p->first].len)
        return p->frag[p->first].data;
    return vt_pbuf_own(p, n);
}

const uint8_t *vt_pbuf_pull_far(struct vt_pbuf *p, uint32_t n)
{
    const uint8_t *bytes = vt_pbuf_peek_far(p, n);
    if (bytes == NULL || p->head_len >= n)
        return bytes != NULL ? vt_pbuf_pull(p, n) : NULL;
    struct vt_frag *f = &p->frag[p->first];
    f->data += n;
    f->len -= n;
    f->pulled += n;
    p->len -= n;
    settle(p);
    return bytes;
}

void vt_pbuf_unpull(struct vt_pbuf *p, uint32_t n)
{
    /* The fragments first: what was pulled from the room was pulled before them. */
    while (n > 0 && p->nfrags != 0) {
        struct vt_frag *f = &p->frag[p->first];
        uint32_t k = least(n, f->pulled);
        f->data -= k;
        f->len += k;
        f->pulled -= k;
        p->len += k;
        n -= k;
        if (n == 0 || p->first == 0 || p->frag[p->first - 1].pulled == 0)
            break;
        p->first--;
        p->nfrags++;
    }
    VT_ASSERT(n <= p->pulled);
    p->head = (uint16_t)(p->head - n);
    p->head_len = (uint16_t)(p->head_len + n);
    p->pulled = (uint16_t)(p->pulled - n);
    p->len += n;
}

uint8_t *vt_pbuf_own(struct vt_pbuf *p, uint32_t n)
{
    if (n > p->len || n > VT_PBUF_ROOM)
        return NULL;
    if (n > p->head_len)
        gather(p, n);
    return p->room + p->head;
}

void vt_pbuf_skip(struct vt_pbuf *p, uint32_t n)
{
    n = least(n, p->len);
    vt_pbuf_forget(p);
    uint32_t k = least(n, p->head_len);
    p->head = (uint16_t)(p->head + k);
    p->head_len = (uint16_t)(p->head_len - k);
    p->len -= n;
    n -= k;
    unsigned spent = p->first;
    while (spent < (unsigned)p->first + p->nfrags && p->frag[spent].len <= n)
        n -= p->frag[spent++].len;
    if (n > 0) {
        p->frag[spent].data += n;
        p->frag[spent].len -= n;
    }
    if (p->head_len == 0)
        release_front(p, spent);
}

void vt_pbuf_trim(struct vt_pbuf *p, uint32_t len)
{
    if (len >= p->len)
        return;
    uint32_t n = p->len - len;
    csum_shrink(p, n);
    p->len = len;
    while (n > 0 && p->nfrags != 0) {
        struct vt_frag *f = last_frag(p);
        uint32_t k = least(n, f->len);
        f->len -= k;
        n -= k;
        if (f->len != 0 || f->pulled != 0)
            break;
        if (p->nfrags == 1 && p->first != 0)
            break;
        vt_block_unref(f->block);
        p->nfrags--;
    }
    p->head_len = (uint16_t)(p->head_len - n);
}

/* A free entry behind the fragments in use, or NULL. */
static struct vt_frag *next_frag(struct vt_pbuf *p)
{
    if (p->first + p->nfrags == VT_PBUF_FRAGS && p->first != 0) {
        vt_pbuf_forget(p);
        release_front(p, p->first);
    }
    return p->first + p->nfrags == VT_PBUF_FRAGS ? NULL : &p->frag[p->first + p->nfrags];
}

/* True when these bytes lie just behind p's last ones in the same block. */
static bool follows(struct vt_pbuf *p, const struct vt_block *b, const uint8_t *data)
{
    if (p->nfrags == 0)
        return false;
    const struct vt_frag *f = last_frag(p);
    return f->block == b && f->data + f->len == data;
}

int vt_pbuf_append(struct vt_pbuf *p, struct vt_block *b, const uint8_t *data, uint32_t len)
{
    if (len == 0)
        return 0;
    if (follows(p, b, data)) {
        last_frag(p)->len += len;
    } else {
        struct vt_frag *f = next_frag(p);
        if (f == NULL)
            return -VT_ENOSPC;
        *f = (struct vt_frag){.block = vt_block_ref(b), .data = data, .len = len};
        p->nfrags++;
        settle(p);
    }
    p->len += len;
    csum_grow(p, len);
    return 0;
}

/* The place for n bytes behind the last fragment, in its own block, when nobody else holds that: or NULL. */
static uint8_t *tail_room(struct vt_pbuf *p, uint32_t n)
{
    if (p->nfrags == 0)
        return NULL;
    const struct vt_frag *f = last_frag(p);
    size_t end = (size_t)(f->data - f->block->data) + f->len;
    return !vt_block_shared(f->block) && n <= f->block->cap - end ? f->block->data + end : NULL;
}

/* Adds a copy of bytes behind p's, in its last block or in a new one; there is a free fragment. */
static int append_copy(struct vt_pbuf *p, const uint8_t *bytes, uint32_t n)
{
    uint8_t *tail = tail_room(p, n);
    if (tail != NULL) {
        memcpy(tail, bytes, n);
        return vt_pbuf_append(p, last_frag(p)->block, tail, n);
    }
    struct vt_block *b = vt_block_new(p->pool, n);
    if (b == NULL)
        return -VT_ENOMEM;
    memcpy(b->data, bytes, n);
    int err = vt_pbuf_append(p, b, b->data, n);
    vt_block_unref(b); /* the fragment has a reference of its own */
    return err;
}

int vt_pbuf_join(struct vt_pbuf *p, struct vt_pbuf *q)
{
    unsigned need = q->nfrags;
    const struct vt_frag *f = &q->frag[q->first];
    if (q->head_len != 0)
        need += tail_room(p, q->head_len) == NULL;
    else if (q->nfrags != 0 && follows(p, f->block, f->data))
        need--;
    if (p->nfrags + need > VT_PBUF_FRAGS)
        return -VT_ENOSPC;
    if (q->head_len != 0) {
        int err = append_copy(p, q->room + q->head, q->head_len);
        if (err < 0)
            return err;
    }
    for (unsigned i = 0; i < q->nfrags; i++)
        (void)vt_pbuf_append(p, f[i].block, f[i].data, f[i].len);
    vt_pbuf_free(q);
    return 0;
}

unsigned vt_pbuf_spans(const struct vt_pbuf *p, uint32_t off, uint32_t len, struct vt_iovec *iov)
{
    const uint8_t *data = p->room + p->head;
    uint32_t have = p->head_len;
    unsigned n = 0;
    for (unsigned i = p->first;; i++) {
        if (off < have && len > 0) {
            uint32_t k = least(len, have - off);
            iov[n++] = (struct vt_iovec){(void *)(uintptr_t)(data + off), k};
            off = 0;
            len -= k;
        } else {
            off -= least(off, have);
        }
        if (len == 0 || i == (unsigned)p->first + p->nfrags)
            return n;
        data = p->frag[i].data;
        have = p->frag[i].len;
    }
}

uint32_t vt_pbuf_read(const struct vt_pbuf *p, uint32_t off, void *dst, uint32_t len)
{
    struct vt_iovec iov[VT_PBUF_SPANS];
    unsigned n = vt_pbuf_spans(p, off, len, iov);
    uint8_t *to = dst;
    for (unsigned i = 0; i < n; i++) {
        memcpy(to, iov[i].base, iov[i].len);
        to += iov[i].len;
    }
    return (uint32_t)(to - (uint8_t *)dst);
}

int vt_pbuf_write(struct vt_pbuf *p, uint32_t off, const void *src, uint32_t len)
{
    if (off > p->len || len > p->len - off)
        return -VT_EINVAL;
    if (off + len > p->head_len) {
        int err = vt_pbuf_unshare(p);
        if (err < 0)
            return err;
    }
    struct vt_iovec iov[VT_PBUF_SPANS];
    unsigned n = vt_pbuf_spans(p, off, len, iov);
    const uint8_t *from = src;
    for (unsigned i = 0; i < n; i++) {
        memcpy(iov[i].base, from, iov[i].len);
        from += iov[i].len;
    }
    return 0;
}

int vt_pbuf_unshare(struct vt_pbuf *p)
{
    if (p->nfrags == 0 || (p->first + p->nfrags == 1 && !vt_block_shared(p->frag[0].block)))
        return 0;
    /* The copy begins with what was pulled from the fragments. */
    uint32_t back = history(p) - p->pulled;
    uint32_t size = p->len - p->head_len + back;
    struct vt_block *b = vt_block_new(p->pool, size);
    if (b == NULL)
        return -VT_ENOMEM;
    vt_pbuf_unpull(p, back);
    (void)vt_pbuf_read(p, p->head_len, b->data, size);
    for (unsigned i = 0; i < (unsigned)p->first + p->nfrags; i++)
        vt_block_unref(p->frag[i].block);
    p->frag[0] = (struct vt_frag){.block = b, .data = b->data + back, .len = size - back, .pulled = back};
    p->first = 0;
    p->nfrags = 1;
    p->len -= back;
    return 0;
}

uint32_t vt_pbuf_truesize(const struct vt_pbuf *p)
{
    uint64_t size = sizeof(*p);
    for (unsigned i = 0; i < (unsigned)p->first + p->nfrags; i++) {
        const struct vt_block *b = p->frag[i].block;
        if (i == 0 || b != p->frag[i - 1].block)
            size += sizeof(*b) + b->cap;
    }
    return size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
}

void vt_pbufq_clear(struct vt_pbufq *q)
{
    struct vt_pbuf *p;
    while ((p = vt_pbufq_pop(q)) != NULL)
        vt_pbuf_free(p);
}

/* Packet buffers: a private descriptor with room for headers, and payload by reference.
 *
 *      struct vt_pbuf                                   struct vt_block (counted, shared)
 *      +---------------------------------------+        +-----------------------------+
 *      | room: [ free | headers | free ]       |   +--->| refs, cap | data ...        |
 *      |         ^head   ^head+head_len        |   |    +-----------------------------+
 *      | frag[0]: block, data, len  -----------|---+
 *      | frag[1]: ...                          |
 *      +---------------------------------------+
 *
 * The bytes of a packet are its header bytes and then its fragments, in order. Going down, each floor pushes
 * its header in front: vt_pbuf_push() moves `head` back into the free room. Going up, each floor pulls its
 * header off: vt_pbuf_pull() returns a pointer to n contiguous bytes and steps over them; they stay where
 * they are, and vt_pbuf_unpull() steps back (an ICMP error quotes the header it was told of). Where the n
 * bytes lie decides what a pull costs:
 *
 *      in the room                      `head` moves up, and `pulled` counts what lies in front of it;
 *      the room is empty, all n in      the fragment's own `data` moves up, and its `pulled` counts: nothing
 * is the first fragment that has any  copied. The pointer is into the block, and not to be written; anywhere
 * else                    they are gathered: copied into the room, behind the header bytes that are there,
 * together with what had been pulled off before them.
 *
 * A pointer that peek, pull, put, push or own returned is good until the next call that changes the packet.
 *
 * Who may write: the room is its pbuf's own. A block is read-only once it is shared: the sender may still
 * have to retransmit what a receiver already holds. A forwarder calls vt_pbuf_own(), which copies the header
 * into the room. Blocks go back to the pool they came from. Counts are not atomic: a pbuf stays in its shard.
 */
#ifndef VT_BASE_PBUF_H
#define VT_BASE_PBUF_H

#include <vitro/event.h>

#include "check.h"

#define VT_PBUF_FRAGS 8
/* The most that the floors push: Ethernet with tags 22, IPv4 60, TCP 60. */
#define VT_PBUF_HEADERS 142
/* Packets up to this are held in the room whole, with VT_PBUF_HEADERS still free in front of them. */
#define VT_PBUF_SMALL 112
#define VT_PBUF_ROOM  256
/* The most spans that the bytes of one packet lie in. */
#define VT_PBUF_SPANS (1 + VT_PBUF_FRAGS)

struct vt_pool;

/* A counted run of payload bytes. */
struct vt_block {
    struct vt_pool *pool;
    struct vt_block *next; /* the pool's free list */
    uint32_t refs;
    uint32_t cap; /* bytes at `data` */
    uint8_t *data;
};

struct vt_frag {
    struct vt_block *block; /* the pbuf holds one reference */
    const uint8_t *data;
    uint32_t len;
    uint32_t pulled; /* bytes in front of `data` that were pulled off and can be stepped back over */
};

/* What is known of the transport checksum, in virtio-net's terms (VIRTIO 1.1 5.1.6), with one difference: the
 * place of a partial one is told from the packet's end, so that headers may come and go in front of it. It
 * starts at len - csum_span, and its field is csum_offset further (16: TCP, 6: UDP). Bytes added or trimmed
 * behind change csum_span with len. */
enum vt_csum {
    VT_CSUM_NONE,    /* in the packet, not verified */
    VT_CSUM_VALID,   /* verified, or never left memory */
    VT_CSUM_PARTIAL, /* the field holds the pseudo-header's sum: whoever puts it on a wire completes it */
};

enum vt_gso {
    VT_GSO_NONE,
    VT_GSO_TCP4,
    VT_GSO_TCP6,
};

struct vt_pbuf {
    struct vt_pbuf *next; /* of the queue that holds it */
    struct vt_pool *pool;
    uint32_t len;            /* all bytes: headers and fragments */
    uint16_t head, head_len; /* header bytes: room[head .. head + head_len) */
    uint16_t pulled;         /* bytes in front of `head` that were pulled off and can be stepped back over */
    uint8_t first, nfrags;   /* fragments in use: frag[first .. first + nfrags), the first not empty unless */
                             /* all are; those before are held for what was pulled from them, no more */
    uint8_t csum;            /* enum vt_csum */
    uint8_t gso;             /* enum vt_gso */
    uint16_t gso_size;       /* payload bytes of each segment that a super-segment stands for */
    uint16_t csum_offset;    /* VT_CSUM_PARTIAL: where the field lies, from the checksum's start */
    uint32_t csum_span;      /* VT_CSUM_PARTIAL: bytes from the checksum's start to the packet's end */
    uint32_t mark;           /* SO_MARK of the socket that made it */
    struct vt_event_id ev;   /* the last event of its life: what made it, or brought it here */
    vt_time stamp;           /* when it is due, in a cable; when it came, in a queue */
    uint64_t aux[2];         /* the holder's own: a protocol's notes on a queued packet */
    struct vt_frag frag[VT_PBUF_FRAGS];
    uint8_t room[VT_PBUF_ROOM];
};

/* How much a pool may hold, and where it gets it from. */
struct vt_pool_config {
    struct vt_allocator mem;
    size_t limit; /* bytes, 0: none */
};

/* A pool: pbufs and blocks of a few sizes, with free lists. Shared by the hosts of a lab; a counted object
 * that lives until its owner and every buffer of it have let go. Returns NULL without memory. */
struct vt_pool *vt_pool_new(const struct vt_pool_config *config);
/* Lets go of the pool: it is freed when its last buffer comes back. */
void vt_pool_release(struct vt_pool *pool);
/* Gives cached free buffers back to the allocator. */
void vt_pool_trim(struct vt_pool *pool);
/* Buffers handed out and not yet back. */
size_t vt_pool_live_pbufs(const struct vt_pool *pool);
size_t vt_pool_live_blocks(const struct vt_pool *pool);

/* A block of at least `size` bytes, one reference, the caller's. NULL without memory. */
struct vt_block *vt_block_new(struct vt_pool *pool, uint32_t size);
static inline struct vt_block *vt_block_ref(struct vt_block *b)
{
    b->refs++;
    return b;
}
void vt_block_free(struct vt_block *b);
static inline void vt_block_unref(struct vt_block *b)
{
    if (--b->refs == 0)
        vt_block_free(b);
}
static inline bool vt_block_shared(const struct vt_block *b)
{
    return b->refs > 1;
}

/* An empty pbuf with all its room in front. NULL without memory. */
struct vt_pbuf *vt_pbuf_new(struct vt_pool *pool);
/* A pbuf holding a copy of `len` bytes, in a block when they are more than VT_PBUF_SMALL. NULL without
 * memory. */
struct vt_pbuf *vt_pbuf_from(struct vt_pool *pool, const void *bytes, size_t len);
/* Frees the descriptor and lets go of its blocks. NULL is allowed. */
void vt_pbuf_free(struct vt_pbuf *p);
/* A second descriptor of the same bytes: header copied, blocks shared, all that is known of it the same, but
 * in no queue. NULL without memory. */
struct vt_pbuf *vt_pbuf_clone(const struct vt_pbuf *p);
/* A new pbuf of bytes [off, off + len) of p, sharing blocks; header bytes are copied. It has p's mark, event
 * and stamp; of checksum and segments nothing is known. NULL without memory, or when p is shorter. */
struct vt_pbuf *vt_pbuf_slice(const struct vt_pbuf *p, uint32_t off, uint32_t len);

/* Forgets what was pulled off: from here on there is nothing to step back over. */
static inline void vt_pbuf_forget(struct vt_pbuf *p)
{
    p->pulled = 0;
    for (unsigned i = 0; i <= p->first; i++)
        p->frag[i].pulled = 0;
}

/* Opens n bytes in front and returns them, for the caller to write. n must fit the room: floors know their
 * sizes, so this asserts. */
static inline uint8_t *vt_pbuf_push(struct vt_pbuf *p, uint32_t n)
{
    VT_ASSERT(n <= p->head);
    if (p->head_len == 0)
        vt_pbuf_forget(p);
    else
        p->pulled = 0;
    p->head = (uint16_t)(p->head - n);
    p->head_len = (uint16_t)(p->head_len + n);
    p->len += n;
    return p->room + p->head;
}
/* Opens n bytes behind the header bytes of a pbuf without fragments (a small payload, padding). NULL when it
 * has fragments, or when less than VT_PBUF_HEADERS would remain in front of a packet that has to move for it.
 */
uint8_t *vt_pbuf_put(struct vt_pbuf *p, uint32_t n);
const uint8_t *vt_pbuf_peek_far(struct vt_pbuf *p, uint32_t n);
const uint8_t *vt_pbuf_pull_far(struct vt_pbuf *p, uint32_t n);
/* The first n bytes, contiguous, not to be written; NULL when the packet is shorter, or they would have to be
 * gathered and are more than the room. vt_pbuf_pull() also steps over them. */
static inline const uint8_t *vt_pbuf_peek(struct vt_pbuf *p, uint32_t n)
{
    return n <= p->head_len ? p->room + p->head : vt_pbuf_peek_far(p, n);
}
static inline const uint8_t *vt_pbuf_pull(struct vt_pbuf *p, uint32_t n)
{
    if (n > p->head_len)
        return vt_pbuf_pull_far(p, n);
    const uint8_t *bytes = p->room + p->head;
    p->head = (uint16_t)(p->head + n);
    p->head_len = (uint16_t)(p->head_len - n);
    p->pulled = (uint16_t)(p->pulled + n);
    p->len -= n;
    return bytes;
}
/* Steps back over the n bytes pulled last, in one pull or in several. Nothing may have been pushed, put or
 * skipped in between; a gather keeps as much of what was pulled before it as the room holds, and a header
 * more than 256 bytes back is out of reach. Asserts. */
void vt_pbuf_unpull(struct vt_pbuf *p, uint32_t n);
/* The first n bytes, writable: copied into the room when they lie in a block. NULL as vt_pbuf_peek(). */
uint8_t *vt_pbuf_own(struct vt_pbuf *p, uint32_t n);
/* Drops bytes in front, however many, without making them contiguous; and behind, so that at most len remain.
 */
void vt_pbuf_skip(struct vt_pbuf *p, uint32_t n);
void vt_pbuf_trim(struct vt_pbuf *p, uint32_t len);
/* Adds a fragment: takes a reference of its own on the block, or makes the last fragment longer when the
 * bytes follow it in the same block. Nothing to add takes nothing. -VT_ENOSPC when
 * all fragments are in use. */
int vt_pbuf_append(struct vt_pbuf *p, struct vt_block *b, const uint8_t *data, uint32_t len);
/* Moves the bytes of q behind p's and frees q. -VT_ENOSPC when they do not fit, -VT_ENOMEM; p is then as it
 * was, and q stays the caller's. */
int vt_pbuf_join(struct vt_pbuf *p, struct vt_pbuf *q);
/* Copies bytes [off, off + len) out; returns how many there were. */
uint32_t vt_pbuf_read(const struct vt_pbuf *p, uint32_t off, void *dst, uint32_t len);
/* Writes over bytes [off, off + len), unsharing the packet first unless they lie in the room. -VT_ENOMEM;
 * -VT_EINVAL when the packet is shorter. */
int vt_pbuf_write(struct vt_pbuf *p, uint32_t off, const void *src, uint32_t len);
/* Tells where bytes [off, off + len) lie, in order and without copying: fills at most VT_PBUF_SPANS of `iov`
 * and returns how many. They are not to be written. Less is told where the packet is shorter. */
unsigned vt_pbuf_spans(const struct vt_pbuf *p, uint32_t off, uint32_t len, struct vt_iovec *iov);
/* Makes the packet's bytes its own: fragments that are shared, or more than one, become one private block;
 * what lies in the room stays there. What was pulled can still be stepped back over. -VT_ENOMEM. */
int vt_pbuf_unshare(struct vt_pbuf *p);
/* What holding this pbuf costs its holder, in bytes: the descriptor and the blocks it keeps. */
uint32_t vt_pbuf_truesize(const struct vt_pbuf *p);

/* A first-in first-out queue of pbufs, and the bytes in it. */
struct vt_pbufq {
    struct vt_pbuf *first, *last;
    uint32_t count;
    uint64_t bytes;
};

static inline void vt_pbufq_push(struct vt_pbufq *q, struct vt_pbuf *p)
{
    p->next = NULL;
    if (q->last != NULL)
        q->last->next = p;
    else
        q->first = p;
    q->last = p;
    q->count++;
    q->bytes += p->len;
}
static inline struct vt_pbuf *vt_pbufq_pop(struct vt_pbufq *q)
{
    struct vt_pbuf *p = q->first;
    if (p == NULL)
        return NULL;
    q->first = p->next;
    if (q->first == NULL)
        q->last = NULL;
    p->next = NULL;
    q->count--;
    q->bytes -= p->len;
    return p;
}
/* Frees all. */
void vt_pbufq_clear(struct vt_pbufq *q);

#endif

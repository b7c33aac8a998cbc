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
 * header off: vt_pbuf_pull() returns a pointer to n contiguous bytes and steps over them; they stay where they
 * are, and vt_pbuf_unpull() steps back (an ICMP error quotes the header it was told of).
 *
 * Who may write: the room is its pbuf's own. A block is read-only once it is shared: the sender may still have
 * to retransmit what a receiver already holds. A forwarder calls vt_pbuf_own(), which copies the header into
 * the room. Blocks go back to the pool they came from. Counts are not atomic: a pbuf stays in its shard.
 */
#ifndef VT_BASE_PBUF_H
#define VT_BASE_PBUF_H

#include <vitro/event.h>

#define VT_PBUF_ROOM  176 /* Ethernet with tags 22, IPv4 60, TCP 60, and as much again as a tunnel needs */
#define VT_PBUF_FRAGS 8

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
};

/* What is known of the transport checksum, in virtio-net's terms (VIRTIO 1.1 5.1.6). */
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
    uint32_t len; /* all bytes: headers and fragments */
    uint16_t head, head_len; /* header bytes: room[head .. head + head_len) */
    uint8_t first, nfrags;   /* fragments in use: frag[first .. first + nfrags) */
    uint8_t csum;     /* enum vt_csum */
    uint8_t gso;      /* enum vt_gso */
    uint16_t gso_size; /* payload bytes of each segment that a super-segment stands for */
    uint16_t csum_offset; /* VT_CSUM_PARTIAL: where the field lies, from the checksum's start */
    uint32_t csum_span;   /* VT_CSUM_PARTIAL: bytes from the checksum's start to the packet's end */
    uint32_t mark;        /* SO_MARK of the socket that made it */
    struct vt_event_id ev; /* the last event of its life: what made it, or brought it here */
    vt_time stamp;         /* when it is due, in a cable; when it came, in a queue */
    uint64_t aux[2];       /* the holder's own: a protocol's notes on a queued packet */
    struct vt_frag frag[VT_PBUF_FRAGS];
    uint8_t room[VT_PBUF_ROOM];
};

/* How much a pool may hold, and where it gets it from. */
struct vt_pool_config {
    struct vt_allocator mem;
    size_t limit; /* bytes, 0: none */
};

/* A pool: pbufs and blocks of a few sizes, with free lists. Shared by the hosts of a lab; a counted object that
 * lives until its owner and every buffer of it have let go. Returns NULL without memory. */
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
static inline bool vt_block_shared(const struct vt_block *b) { return b->refs > 1; }

/* An empty pbuf with all its room in front. NULL without memory. */
struct vt_pbuf *vt_pbuf_new(struct vt_pool *pool);
/* A pbuf holding a copy of `len` bytes, in a block when they are more than a few. NULL without memory. */
struct vt_pbuf *vt_pbuf_from(struct vt_pool *pool, const void *bytes, size_t len);
/* Frees the descriptor and lets go of its blocks. NULL is allowed. */
void vt_pbuf_free(struct vt_pbuf *p);
/* A second descriptor of the same bytes: header copied, blocks shared. NULL without memory. */
struct vt_pbuf *vt_pbuf_clone(const struct vt_pbuf *p);
/* A new pbuf of bytes [off, off + len) of p, sharing blocks; header bytes are copied. NULL without memory. */
struct vt_pbuf *vt_pbuf_slice(const struct vt_pbuf *p, uint32_t off, uint32_t len);

/* Opens n bytes in front and returns them, for the caller to write. n must fit the room: floors know their
 * sizes, so this asserts. */
uint8_t *vt_pbuf_push(struct vt_pbuf *p, uint32_t n);
/* Opens n bytes behind the header bytes of a pbuf without fragments. NULL when the room is too small. */
uint8_t *vt_pbuf_put(struct vt_pbuf *p, uint32_t n);
/* The first n bytes, contiguous, not to be written; NULL when the packet is shorter, or n is more than the
 * room. vt_pbuf_pull() also steps over them. */
const uint8_t *vt_pbuf_peek(struct vt_pbuf *p, uint32_t n);
const uint8_t *vt_pbuf_pull(struct vt_pbuf *p, uint32_t n);
/* Steps back over the n bytes pulled last. Nothing may have been pushed in between. */
void vt_pbuf_unpull(struct vt_pbuf *p, uint32_t n);
/* The first n bytes, writable: copied into the room when they lie in a block. NULL as vt_pbuf_peek(). */
uint8_t *vt_pbuf_own(struct vt_pbuf *p, uint32_t n);
/* Drops bytes in front, however many, without making them contiguous; and behind, so that len bytes remain. */
void vt_pbuf_skip(struct vt_pbuf *p, uint32_t n);
void vt_pbuf_trim(struct vt_pbuf *p, uint32_t len);
/* Adds a fragment: takes a reference of its own on the block. -VT_ENOSPC when all fragments are in use. */
int vt_pbuf_append(struct vt_pbuf *p, struct vt_block *b, const uint8_t *data, uint32_t len);
/* Moves the bytes of q behind p's and frees q. -VT_ENOSPC when they do not fit, and q stays the caller's. */
int vt_pbuf_join(struct vt_pbuf *p, struct vt_pbuf *q);
/* Copies bytes [off, off + len) out; returns how many there were. */
uint32_t vt_pbuf_read(const struct vt_pbuf *p, uint32_t off, void *dst, uint32_t len);
/* Replaces a shared or scattered packet's bytes by a private contiguous copy, header in room where it fits.
 * -VT_ENOMEM. */
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

/* Pools: where descriptors and blocks come from, and go back to.
 *
 * What is given back waits in a free list of its size, until somebody asks for it, the limit is needed for
 * another size, or the pool is trimmed. */
#include "pbuf.h"

#define CLASSES 4

/* A cable's frame of 64 bytes to 1514, a page of sends, and the largest super-segment: 65535 bytes of IP with
 * the link header and a TAP's in front. Larger blocks are not kept. */
static const uint32_t class_cap[CLASSES] = {256, 2048, 16384, 65536 + 256};

/* With the address sanitizer nothing is kept, so that it sees each use of what was given back. */
#if defined(__SANITIZE_ADDRESS__)
#define KEEP false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEP false
#endif
#endif
#ifndef KEEP
#define KEEP true
#endif

struct vt_pool {
    struct vt_allocator mem;
    size_t limit;
    size_t held; /* bytes of the allocator's, in use or in the free lists; the pool itself apart */
    size_t live_pbufs, live_blocks;
    struct vt_pbuf *pbufs;
    struct vt_block *blocks[CLASSES];
    bool released;
};

struct vt_pool *vt_pool_new(const struct vt_pool_config *config)
{
    struct vt_pool *pool = config->mem.alloc(config->mem.ctx, sizeof(*pool));
    if (pool == NULL)
        return NULL;
    *pool = (struct vt_pool){.mem = config->mem, .limit = config->limit};
    return pool;
}

static void give_back(struct vt_pool *pool, void *p, size_t size)
{
    pool->held -= size;
    pool->mem.free(pool->mem.ctx, p, size);
}

static size_t block_size(uint32_t cap)
{
    return sizeof(struct vt_block) + cap;
}

void vt_pool_trim(struct vt_pool *pool)
{
    while (pool->pbufs != NULL) {
        struct vt_pbuf *p = pool->pbufs;
        pool->pbufs = p->next;
        give_back(pool, p, sizeof(*p));
    }
    for (unsigned i = 0; i < CLASSES; i++) {
        while (pool->blocks[i] != NULL) {
            struct vt_block *b = pool->blocks[i];
            pool->blocks[i] = b->next;
            give_back(pool, b, block_size(b->cap));
        }
    }
}

static void free_when_last(struct vt_pool *pool)
{
    if (pool->released && pool->live_pbufs == 0 && pool->live_blocks == 0) {
        struct vt_allocator mem = pool->mem;
        mem.free(mem.ctx, pool, sizeof(*pool));
    }
}

void vt_pool_release(struct vt_pool *pool)
{
    if (pool == NULL)
        return;
    vt_pool_trim(pool);
    pool->released = true;
    free_when_last(pool);
}

size_t vt_pool_live_pbufs(const struct vt_pool *pool)
{
    return pool->live_pbufs;
}

size_t vt_pool_live_blocks(const struct vt_pool *pool)
{
    return pool->live_blocks;
}

static bool within_limit(const struct vt_pool *pool, size_t size)
{
    return pool->limit == 0 || (size <= pool->limit && pool->held <= pool->limit - size);
}

/* Memory from the allocator; what waits in the free lists makes room when there is none. */
static void *obtain(struct vt_pool *pool, size_t size)
{
    if (!within_limit(pool, size)) {
        vt_pool_trim(pool);
        if (!within_limit(pool, size))
            return NULL;
    }
    void *p = pool->mem.alloc(pool->mem.ctx, size);
    if (p == NULL) {
        vt_pool_trim(pool);
        p = pool->mem.alloc(pool->mem.ctx, size);
    }
    if (p != NULL)
        pool->held += size;
    return p;
}

static unsigned class_of(uint32_t size)
{
    unsigned i = 0;
    while (i < CLASSES && class_cap[i] < size)
        i++;
    return i;
}

struct vt_block *vt_block_new(struct vt_pool *pool, uint32_t size)
{
    unsigned class = class_of(size);
    struct vt_block *b = class < CLASSES ? pool->blocks[class] : NULL;
    if (b != NULL) {
        pool->blocks[class] = b->next;
    } else {
        uint32_t cap = class < CLASSES ? class_cap[class] : size;
        if (cap > UINT32_MAX - sizeof(*b)) /* where size_t has 32 bits */
            return NULL;
        b = obtain(pool, block_size(cap));
        if (b == NULL)
            return NULL;
        b->pool = pool;
        b->cap = cap;
        b->data = (uint8_t *)(b + 1);
    }
    b->next = NULL;
    b->refs = 1;
    pool->live_blocks++;
    return b;
}

void vt_block_free(struct vt_block *b)
{
    struct vt_pool *pool = b->pool;
    unsigned class = class_of(b->cap);
    pool->live_blocks--;
    if (KEEP && class < CLASSES && !pool->released) {
        b->next = pool->blocks[class];
        pool->blocks[class] = b;
        return;
    }
    give_back(pool, b, block_size(b->cap));
    free_when_last(pool);
}

struct vt_pbuf *vt_pbuf_new(struct vt_pool *pool)
{
    struct vt_pbuf *p = pool->pbufs;
    if (p != NULL) {
        pool->pbufs = p->next;
    } else {
        p = obtain(pool, sizeof(*p));
        if (p == NULL)
            return NULL;
        p->pool = pool;
    }
    pool->live_pbufs++;
    /* Field by field: the fragments and the room, most of the struct, need no clearing. */
    p->next = NULL;
    p->len = 0;
    p->head = VT_PBUF_ROOM;
    p->head_len = 0;
    p->pulled = 0;
    p->first = 0;
    p->nfrags = 0;
    p->csum = VT_CSUM_NONE;
    p->gso = VT_GSO_NONE;
    p->gso_size = 0;
    p->csum_offset = 0;
    p->csum_span = 0;
    p->mark = 0;
    p->ev = (struct vt_event_id){0};
    p->stamp = 0;
    p->aux[0] = 0;
    p->aux[1] = 0;
    return p;
}

void vt_pbuf_free(struct vt_pbuf *p)
{
    if (p == NULL)
        return;
    for (unsigned i = 0; i < (unsigned)p->first + p->nfrags; i++)
        vt_block_unref(p->frag[i].block);
    struct vt_pool *pool = p->pool;
    pool->live_pbufs--;
    if (KEEP && !pool->released) {
        p->next = pool->pbufs;
        pool->pbufs = p;
        return;
    }
    give_back(pool, p, sizeof(*p));
    free_when_last(pool);
}

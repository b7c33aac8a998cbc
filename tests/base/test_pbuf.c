/* Packet buffers, case by case. tests/base/test_pbuf_model.c tries everything in any order. */
#include "testing.h"

#include "base/pbuf.h"

static struct test_memory memory;
static struct vt_pool *pool;

static int setup(void **state)
{
    (void)state;
    memory = (struct test_memory){0};
    pool = vt_pool_new(&(struct vt_pool_config){.mem = test_allocator(&memory)});
    return pool == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(vt_pool_live_pbufs(pool), 0);
    assert_int_equal(vt_pool_live_blocks(pool), 0);
    vt_pool_release(pool);
    assert_int_equal(memory.count, 0);
    assert_int_equal(memory.bytes, 0);
    return 0;
}

/* n bytes that tell where they are. */
static const uint8_t *pattern(void)
{
    static uint8_t bytes[4096];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    return bytes;
}

static void assert_bytes(const struct vt_pbuf *p, const uint8_t *bytes, uint32_t len)
{
    uint8_t got[4096];
    assert_int_equal(p->len, len);
    assert_int_equal(vt_pbuf_read(p, 0, got, sizeof(got)), len);
    assert_memory_equal(got, bytes, len);
}

/* A packet whose bytes lie in fragments of the given lengths, each in a block of its own. */
static struct vt_pbuf *scattered(const uint32_t *lens, unsigned n)
{
    struct vt_pbuf *p = vt_pbuf_new(pool);
    const uint8_t *from = pattern();
    for (unsigned i = 0; i < n; i++) {
        struct vt_block *b = vt_block_new(pool, lens[i]);
        memcpy(b->data, from, lens[i]);
        assert_int_equal(vt_pbuf_append(p, b, b->data, lens[i]), 0);
        vt_block_unref(b);
        from += lens[i];
    }
    return p;
}

static void small_packets_lie_in_the_room(void **state)
{
    (void)state;
    struct vt_pbuf *p = vt_pbuf_from(pool, pattern(), VT_PBUF_SMALL);
    assert_int_equal(p->nfrags, 0);
    assert_int_equal(vt_pool_live_blocks(pool), 0);
    assert_bytes(p, pattern(), VT_PBUF_SMALL);
    /* All the headers that the floors push still fit in front. */
    assert_non_null(vt_pbuf_push(p, VT_PBUF_HEADERS));
    vt_pbuf_free(p);
    p = vt_pbuf_from(pool, pattern(), VT_PBUF_SMALL + 1);
    assert_int_equal(p->nfrags, 1);
    assert_bytes(p, pattern(), VT_PBUF_SMALL + 1);
    vt_pbuf_free(p);
    vt_pbuf_free(NULL);
}

static void pull_in_the_room(void **state)
{
    (void)state;
    struct vt_pbuf *p = vt_pbuf_from(pool, pattern(), 60);
    const uint8_t *h = vt_pbuf_pull(p, 14);
    assert_memory_equal(h, pattern(), 14);
    assert_ptr_equal(vt_pbuf_pull(p, 20), h + 14);
    assert_bytes(p, pattern() + 34, 26);
    vt_pbuf_unpull(p, 20);
    assert_bytes(p, pattern() + 14, 46);
    vt_pbuf_unpull(p, 14);
    assert_bytes(p, pattern(), 60);
    vt_pbuf_free(p);
}

static void pull_in_a_fragment_copies_nothing(void **state)
{
    (void)state;
    struct vt_pbuf *p = vt_pbuf_from(pool, pattern(), 1514);
    const uint8_t *block = p->frag[0].block->data;
    assert_ptr_equal(vt_pbuf_peek(p, 14), block);
    assert_ptr_equal(vt_pbuf_pull(p, 14), block);
    assert_ptr_equal(vt_pbuf_pull(p, 20), block + 14);
    assert_int_equal(p->head_len, 0);
    vt_pbuf_unpull(p, 34);
    assert_bytes(p, pattern(), 1514);
    /* Larger than the room, but contiguous all the same. */
    assert_ptr_equal(vt_pbuf_peek(p, 1514), block);
    assert_null(vt_pbuf_peek(p, 1515));
    vt_pbuf_free(p);
}

static void pull_across_pieces_gathers(void **state)
{
    (void)state;
    struct vt_pbuf *p = scattered((const uint32_t[]){24, 5, 1, 400}, 4);
    assert_memory_equal(vt_pbuf_pull(p, 14), pattern(), 14);
    assert_memory_equal(vt_pbuf_pull(p, 20), pattern() + 14, 20); /* 10 bytes of the first, 5, 1, and 4 */
    assert_memory_equal(vt_pbuf_pull(p, 8), pattern() + 34, 8);
    assert_bytes(p, pattern() + 42, 388);
    vt_pbuf_unpull(p, 28); /* an ICMP error quotes from the IP header on */
    assert_bytes(p, pattern() + 14, 416);
    vt_pbuf_unpull(p, 14);
    assert_bytes(p, pattern(), 430);
    vt_pbuf_free(p);

    p = scattered((const uint32_t[]){200, 200}, 2);
    assert_null(vt_pbuf_peek(p, VT_PBUF_ROOM + 1));
    assert_memory_equal(vt_pbuf_peek(p, VT_PBUF_ROOM), pattern(), VT_PBUF_ROOM);
    assert_null(vt_pbuf_pull(p, 401));
    assert_bytes(p, pattern(), 400);
    vt_pbuf_free(p);
}

/* Pulls that end where a fragment ends: the next begins in the next one, and all can be stepped back over. */
static void pull_up_to_a_fragments_end(void **state)
{
    (void)state;
    struct vt_pbuf *p = scattered((const uint32_t[]){14, 20, 30}, 3);
    assert_non_null(vt_pbuf_pull(p, 14));
    assert_non_null(vt_pbuf_pull(p, 20));
    assert_non_null(vt_pbuf_pull(p, 30));
    assert_int_equal(p->len, 0);
    assert_null(vt_pbuf_pull(p, 1));
    vt_pbuf_unpull(p, 64);
    assert_bytes(p, pattern(), 64);
    vt_pbuf_free(p);
}

static void a_forwarder_writes_its_own_copy(void **state)
{
    (void)state;
    struct vt_pbuf *p = vt_pbuf_from(pool, pattern(), 600), *q = vt_pbuf_clone(p);
    assert_true(vt_block_shared(p->frag[0].block));
    assert_non_null(vt_pbuf_pull(q, 14));
    uint8_t *ip = vt_pbuf_own(q, 20);
    ip[8] ^= 0xff;
    assert_bytes(p, pattern(), 600);
    uint8_t expected[586];
    memcpy(expected, pattern() + 14, sizeof(expected));
    expected[8] ^= 0xff;
    assert_bytes(q, expected, sizeof(expected));
    memset(vt_pbuf_push(q, 14), 0xee, 14);
    assert_bytes(p, pattern(), 600);
    assert_int_equal(q->len, 600);
    vt_pbuf_free(p);
    vt_pbuf_free(q);
}

static void clone_knows_what_the_first_knows(void **state)
{
    (void)state;
    struct vt_pbuf *p = vt_pbuf_from(pool, pattern(), 300);
    p->csum = VT_CSUM_PARTIAL;
    p->csum_span = 280;
    p->csum_offset = 16;
    p->gso = VT_GSO_TCP4;
    p->gso_size = 100;
    p->mark = 9;
    p->ev = (struct vt_event_id){7, 3};
    p->stamp = 11;
    p->aux[0] = 12;
    p->aux[1] = 13;
    struct vt_pbufq queue = {0};
    vt_pbufq_push(&queue, p);
    vt_pbufq_push(&queue, vt_pbuf_from(pool, pattern(), 10));
    struct vt_pbuf *q = vt_pbuf_clone(p), *s = vt_pbuf_slice(p, 20, 280);
    assert_null(q->next);
    assert_int_equal(q->csum, VT_CSUM_PARTIAL);
    assert_int_equal(q->csum_span, 280);
    assert_int_equal(q->csum_offset, 16);
    assert_int_equal(q->gso, VT_GSO_TCP4);
    assert_int_equal(q->gso_size, 100);
    assert_int_equal(q->mark, 9);
    assert_int_equal(q->ev.n, 7);
    assert_int_equal(q->ev.node, 3);
    assert_int_equal(q->stamp, 11);
    assert_int_equal(q->aux[0], 12);
    assert_int_equal(q->aux[1], 13);
    assert_int_equal(s->mark, 9);
    assert_int_equal(s->ev.n, 7);
    assert_int_equal(s->csum, VT_CSUM_NONE);
    assert_int_equal(s->gso, VT_GSO_NONE);
    assert_bytes(s, pattern() + 20, 280);
    assert_null(vt_pbuf_slice(p, 20, 281));
    assert_null(vt_pbuf_slice(p, 301, 0));
    vt_pbuf_free(s);
    vt_pbuf_free(q);
    vt_pbufq_clear(&queue);
    assert_int_equal(queue.count, 0);
    assert_int_equal(queue.bytes, 0);
}

static void fragments_have_an_end(void **state)
{
    (void)state;
    struct vt_pbuf *p = vt_pbuf_new(pool);
    struct vt_block *b = vt_block_new(pool, 256);
    memcpy(b->data, pattern(), 256);
    for (unsigned i = 0; i < VT_PBUF_FRAGS; i++)
        assert_int_equal(vt_pbuf_append(p, b, b->data + 2 * i, 1), 0);
    assert_int_equal(vt_pbuf_append(p, b, b->data + 100, 1), -VT_ENOSPC);
    /* What follows the last byte in the same block needs no fragment. */
    assert_int_equal(vt_pbuf_append(p, b, b->data + 2 * VT_PBUF_FRAGS - 1, 3), 0);
    assert_int_equal(p->len, VT_PBUF_FRAGS + 3);
    struct vt_pbuf *q = vt_pbuf_from(pool, pattern(), 200);
    assert_int_equal(vt_pbuf_join(p, q), -VT_ENOSPC);
    assert_int_equal(p->len, VT_PBUF_FRAGS + 3);
    assert_bytes(q, pattern(), 200);
    /* What was pulled off gives its fragments up when they are needed. */
    for (unsigned i = 0; i < 3; i++)
        assert_non_null(vt_pbuf_pull(p, 1));
    assert_int_equal(vt_pbuf_join(p, q), 0);
    assert_int_equal(p->len, VT_PBUF_FRAGS + 200);
    vt_block_unref(b);
    vt_pbuf_free(p);
}

/* A stream of small segments must not cost a block each. */
static void joining_small_packets_fills_one_block(void **state)
{
    (void)state;
    struct vt_pbuf *p = vt_pbuf_from(pool, pattern(), 10);
    uint32_t at = 10;
    for (; at + 10 <= 200; at += 10)
        assert_int_equal(vt_pbuf_join(p, vt_pbuf_from(pool, pattern() + at, 10)), 0);
    assert_int_equal(vt_pool_live_blocks(pool), 1);
    assert_bytes(p, pattern(), at);
    vt_pbuf_free(p);
}

/* Segments cut from one block, put together again, are one fragment. */
static void joining_what_was_cut(void **state)
{
    (void)state;
    struct vt_pbuf *whole = vt_pbuf_from(pool, pattern(), 1600), *p = vt_pbuf_slice(whole, 0, 100);
    for (uint32_t at = 100; at < 1600; at += 100)
        assert_int_equal(vt_pbuf_join(p, vt_pbuf_slice(whole, at, 100)), 0);
    assert_int_equal(p->nfrags, 1);
    assert_bytes(p, pattern(), 1600);
    vt_pbuf_free(p);
    vt_pbuf_free(whole);
}

static void put_keeps_room_for_headers(void **state)
{
    (void)state;
    struct vt_pbuf *p = vt_pbuf_new(pool);
    uint8_t *payload = vt_pbuf_put(p, 56);
    memcpy(payload, pattern(), 56);
    memcpy(vt_pbuf_push(p, 8), pattern() + 100, 8);
    memset(vt_pbuf_put(p, 4), 0, 4); /* padding behind */
    assert_int_equal(p->len, 68);
    assert_memory_equal(vt_pbuf_peek(p, 8), pattern() + 100, 8);
    assert_memory_equal(vt_pbuf_peek(p, 64) + 8, pattern(), 56);
    assert_null(vt_pbuf_put(p, VT_PBUF_ROOM - VT_PBUF_HEADERS - 67));
    assert_non_null(vt_pbuf_put(p, VT_PBUF_ROOM - VT_PBUF_HEADERS - 68));
    assert_non_null(vt_pbuf_push(p, VT_PBUF_HEADERS));
    vt_pbuf_free(p);
    p = vt_pbuf_from(pool, pattern(), 200);
    assert_null(vt_pbuf_put(p, 1));
    vt_pbuf_free(p);
}

static void unshare_makes_private(void **state)
{
    (void)state;
    struct vt_pbuf *p = scattered((const uint32_t[]){34, 100, 100}, 3), *q = vt_pbuf_clone(p);
    assert_non_null(vt_pbuf_pull(q, 14));
    assert_int_equal(vt_pbuf_unshare(q), 0);
    assert_int_equal(q->nfrags, 1);
    assert_false(vt_block_shared(q->frag[0].block));
    vt_pbuf_unpull(q, 14);
    assert_bytes(q, pattern(), 234);
    assert_int_equal(vt_pbuf_write(q, 30, "xyz", 3), 0);
    assert_int_equal(vt_pbuf_write(q, 232, "xyz", 3), -VT_EINVAL);
    assert_int_equal(vt_pbuf_write(q, 235, "xyz", 0), -VT_EINVAL);
    assert_bytes(p, pattern(), 234);
    assert_memory_equal(vt_pbuf_peek(q, 33) + 30, "xyz", 3);
    vt_pbuf_free(p);
    vt_pbuf_free(q);
}

static void skip_lets_blocks_go(void **state)
{
    (void)state;
    struct vt_pbuf *p = scattered((const uint32_t[]){100, 100, 100}, 3);
    uint32_t whole = vt_pbuf_truesize(p);
    assert_true(whole >= 3 * 256 + sizeof(*p));
    vt_pbuf_skip(p, 150);
    assert_int_equal(vt_pool_live_blocks(pool), 2);
    assert_true(vt_pbuf_truesize(p) < whole);
    assert_bytes(p, pattern() + 150, 150);
    vt_pbuf_trim(p, 40);
    assert_int_equal(vt_pool_live_blocks(pool), 1);
    assert_bytes(p, pattern() + 150, 40);
    vt_pbuf_trim(p, 41);
    assert_int_equal(p->len, 40);
    vt_pbuf_skip(p, 1000);
    assert_int_equal(p->len, 0);
    assert_int_equal(vt_pool_live_blocks(pool), 0);
    vt_pbuf_free(p);
}

/* The place of a partial checksum is told from the end: what comes and goes in front does not matter. */
static void csum_span_follows_the_end(void **state)
{
    (void)state;
    struct vt_pbuf *p = vt_pbuf_from(pool, pattern(), 300);
    p->csum = VT_CSUM_PARTIAL;
    p->csum_span = 280;
    p->csum_offset = 16;
    vt_pbuf_push(p, 14);
    assert_non_null(vt_pbuf_pull(p, 34));
    assert_int_equal(p->csum_span, 280);
    vt_pbuf_trim(p, p->len - 30);
    assert_int_equal(p->csum_span, 250);
    assert_int_equal(vt_pbuf_join(p, vt_pbuf_from(pool, pattern(), 10)), 0);
    assert_int_equal(p->csum_span, 260);
    assert_int_equal(p->csum, VT_CSUM_PARTIAL);
    vt_pbuf_trim(p, 17); /* cuts the field */
    assert_int_equal(p->csum, VT_CSUM_NONE);
    vt_pbuf_free(p);
    p = vt_pbuf_from(pool, pattern(), 42);
    p->csum = VT_CSUM_PARTIAL;
    p->csum_span = 8;
    p->csum_offset = 6;
    memset(vt_pbuf_put(p, 18), 0, 18);
    assert_int_equal(p->len - p->csum_span, 34);
    vt_pbuf_free(p);
}

static void queue_is_first_in_first_out(void **state)
{
    (void)state;
    struct vt_pbufq q = {0};
    assert_null(vt_pbufq_pop(&q));
    for (uint32_t i = 1; i <= 3; i++)
        vt_pbufq_push(&q, vt_pbuf_from(pool, pattern(), i));
    assert_int_equal(q.count, 3);
    assert_int_equal(q.bytes, 6);
    for (uint32_t i = 1; i <= 3; i++) {
        struct vt_pbuf *p = vt_pbufq_pop(&q);
        assert_int_equal(p->len, i);
        assert_null(p->next);
        vt_pbuf_free(p);
    }
    assert_null(q.last);
    assert_int_equal(q.bytes, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(small_packets_lie_in_the_room),
        T(pull_in_the_room),
        T(pull_in_a_fragment_copies_nothing),
        T(pull_across_pieces_gathers),
        T(pull_up_to_a_fragments_end),
        T(a_forwarder_writes_its_own_copy),
        T(clone_knows_what_the_first_knows),
        T(fragments_have_an_end),
        T(joining_small_packets_fills_one_block),
        T(joining_what_was_cut),
        T(put_keeps_room_for_headers),
        T(unshare_makes_private),
        T(skip_lets_blocks_go),
        T(csum_span_follows_the_end),
        T(queue_is_first_in_first_out),
    };
    return cmocka_run_group_tests_name("pbuf", tests, NULL, NULL);
}

/* Pools: limits, free lists, life after release, and memory that fails at every possible place. */
#include "testing.h"

#include "base/sums.h"

/* As pool.c: under the address sanitizer nothing is kept. */
#if defined(__SANITIZE_ADDRESS__)
#define POOLS_KEEP_NOTHING 1
#elif defined(__has_feature)
#define POOLS_KEEP_NOTHING __has_feature(address_sanitizer)
#else
#define POOLS_KEEP_NOTHING 0
#endif

static struct vt_pool *new_pool(struct test_memory *m, size_t limit)
{
    return vt_pool_new(&(struct vt_pool_config){.mem = test_allocator(m), .limit = limit});
}

static void blocks_have_classes(void **state)
{
    (void)state;
    struct test_memory m = {0};
    struct vt_pool *pool = new_pool(&m, 0);
    /* The last holds a super-segment: 65535 bytes of IP, and the headers of link and device before it. */
    static const uint32_t sizes[] = {0,     1,      256, 257, 2048, 2049, 16384, 16385, 65535 + 22 + 12,
                                     70000, 1000000};
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct vt_block *b = vt_block_new(pool, sizes[i]);
        assert_true(b->cap >= sizes[i]);
        assert_int_equal(b->refs, 1);
        assert_int_equal((uintptr_t)b->data % 8, 0);
        memset(b->data, 0xaa, b->cap);
        vt_block_unref(b);
    }
    assert_int_equal(vt_pool_live_blocks(pool), 0);
    vt_pool_trim(pool);
    assert_int_equal(m.count, 1); /* the pool itself */
    vt_pool_release(pool);
    assert_int_equal(m.count, 0);
}

static void what_comes_back_is_used_again(void **state)
{
    (void)state;
#if !POOLS_KEEP_NOTHING
    struct test_memory m = {0};
    struct vt_pool *pool = new_pool(&m, 0);
    vt_pbuf_free(vt_pbuf_from(pool, "x", 1));
    vt_block_unref(vt_block_new(pool, 1000));
    uint64_t calls = m.calls;
    for (int i = 0; i < 100; i++) {
        vt_pbuf_free(vt_pbuf_from(pool, "x", 1));
        vt_block_unref(vt_block_new(pool, 1500));
    }
    assert_int_equal(m.calls, calls);
    vt_pool_release(pool);
    assert_int_equal(m.count, 0);
#else
    skip();
#endif
}

static void a_limit_holds(void **state)
{
    (void)state;
    struct test_memory m = {0};
    struct vt_pool *pool = new_pool(&m, 20000);
    struct vt_block *b[20];
    unsigned n = 0;
    while (n < 20 && (b[n] = vt_block_new(pool, 2048)) != NULL)
        n++;
    assert_int_equal(n, 9); /* of 2080 bytes each */
    assert_null(vt_block_new(pool, 16384));
    assert_null(vt_block_new(pool, UINT32_MAX));
    for (unsigned i = 0; i < n; i++)
        vt_block_unref(b[i]);
    /* What waits in one free list makes room for another size. */
    b[0] = vt_block_new(pool, 16384);
    assert_non_null(b[0]);
    assert_true(m.bytes < 20000 + 1000);
    vt_block_unref(b[0]);
    struct vt_pbufq q = {0};
    for (struct vt_pbuf *p; (p = vt_pbuf_new(pool)) != NULL;)
        vt_pbufq_push(&q, p);
    assert_int_equal(q.count, 20000 / sizeof(struct vt_pbuf));
    assert_int_equal(vt_pool_live_pbufs(pool), q.count);
    vt_pbufq_clear(&q);
    vt_pool_release(pool);
    assert_int_equal(m.count, 0);
}

static void a_pool_outlives_its_owner(void **state)
{
    (void)state;
    struct test_memory m = {0};
    struct vt_pool *pool = new_pool(&m, 0);
    uint8_t bytes[500] = {0};
    struct vt_pbuf *p = vt_pbuf_from(pool, bytes, sizeof(bytes)), *q = vt_pbuf_clone(p);
    struct vt_block *b = vt_block_ref(p->frag[0].block);
    vt_pool_release(pool);
    struct vt_pbuf *late = vt_pbuf_slice(q, 10, 20);
    vt_pbuf_free(p);
    vt_pbuf_free(late);
    vt_pbuf_free(q);
    assert_true(m.count > 0);
    vt_block_unref(b);
    assert_int_equal(m.count, 0);
    vt_pool_release(NULL);
}

/* Everything that can ask for memory. False as soon as something did not get any. */
static bool scenario(struct vt_pool *pool)
{
    uint8_t bytes[3000] = {1, 2, 3};
    struct vt_pbuf *p = vt_pbuf_from(pool, bytes, sizeof(bytes)), *q = NULL, *r = NULL, *s = NULL;
    bool done = false;
    if (p == NULL)
        return false;
    if ((q = vt_pbuf_clone(p)) == NULL || (r = vt_pbuf_slice(p, 1, 2000)) == NULL)
        goto out;
    if (vt_pbuf_unshare(q) < 0) {
        assert_int_equal(q->len, 3000);
        goto out;
    }
    if ((s = vt_pbuf_from(pool, bytes, 100)) == NULL)
        goto out;
    if (vt_pbuf_join(r, s) < 0) {
        assert_int_equal(r->len, 2000);
        assert_int_equal(s->len, 100);
        goto out;
    }
    s = NULL;
    r->csum = VT_CSUM_PARTIAL;
    r->csum_span = 1000; /* beyond the room */
    r->csum_offset = 16;
    if (vt_pbuf_complete_csum(&vt_sums_portable, r) < 0) {
        assert_int_equal(r->csum, VT_CSUM_PARTIAL);
        goto out;
    }
    done = true;
out:
    vt_pbuf_free(p);
    vt_pbuf_free(q);
    vt_pbuf_free(r);
    vt_pbuf_free(s);
    return done;
}

static void memory_that_fails_at_every_call(void **state)
{
    (void)state;
    unsigned failed = 0;
    for (uint64_t n = 1;; n++) {
        struct test_memory m = {.fail_at = n, .fail_on = true};
        struct vt_pool *pool = new_pool(&m, 0);
        bool done = pool != NULL && scenario(pool);
        if (pool != NULL) {
            assert_int_equal(vt_pool_live_pbufs(pool), 0);
            assert_int_equal(vt_pool_live_blocks(pool), 0);
        }
        vt_pool_release(pool);
        assert_int_equal(m.count, 0);
        assert_int_equal(m.bytes, 0);
        if (done)
            break;
        failed++;
    }
    assert_true(failed >= 9);
}

/* One refusal is not the end: the free lists are given back, and the allocator is asked again. */
static void a_refusal_empties_the_free_lists(void **state)
{
    (void)state;
    struct test_memory m = {0};
    struct vt_pool *pool = new_pool(&m, 0);
    vt_block_unref(vt_block_new(pool, 16384));
    m.fail_at = m.calls + 1;
    struct vt_block *b = vt_block_new(pool, 100);
    assert_non_null(b);
    assert_int_equal(m.count, 2);
    vt_block_unref(b);
    vt_pool_release(pool);
    assert_int_equal(m.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_have_classes),
        cmocka_unit_test(what_comes_back_is_used_again),
        cmocka_unit_test(a_limit_holds),
        cmocka_unit_test(a_pool_outlives_its_owner),
        cmocka_unit_test(memory_that_fails_at_every_call),
        cmocka_unit_test(a_refusal_empties_the_free_lists),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}

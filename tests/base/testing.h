/* What the tests of base share: memory that is counted and can fail, and a seed that can be replayed. */
#ifndef VT_TESTS_BASE_TESTING_H
#define VT_TESTS_BASE_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <vitro/errno.h>
#include <vitro/types.h>

/* An allocator over malloc: counts what is out, and fails the call numbered `fail_at` (from 1), or all from
 * there on. */
struct test_memory {
    size_t bytes, count;
    uint64_t calls, fail_at;
    bool fail_on;
};

static inline void *test_memory_alloc(void *ctx, size_t size)
{
    struct test_memory *m = ctx;
    m->calls++;
    if (m->fail_at != 0 && (m->calls == m->fail_at || (m->fail_on && m->calls > m->fail_at)))
        return NULL;
    void *p = calloc(1, size);
    assert_non_null(p);
    m->bytes += size;
    m->count++;
    return p;
}

static inline void test_memory_free(void *ctx, void *p, size_t size)
{
    struct test_memory *m = ctx;
    assert_true(m->count > 0 && m->bytes >= size);
    m->bytes -= size;
    m->count--;
    free(p);
}

static inline struct vt_allocator test_allocator(struct test_memory *m)
{
    return (struct vt_allocator){test_memory_alloc, test_memory_free, m};
}

/* The seed of a random test: VT_TEST_SEED, or 1; printed, so that a failure can be replayed. */
static inline uint64_t test_seed(void)
{
    const char *text = getenv("VT_TEST_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 1;
    printf("# VT_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

#endif

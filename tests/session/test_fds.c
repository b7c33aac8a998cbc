/* The table of descriptors, against a table that looks at every number. */
#include "base/testing.h"
#include "session/fds.h"

struct fixture {
    struct test_memory mem;
    struct vt_core core;
    struct vt_fds t;
};

static void init(struct fixture *f, uint32_t max)
{
    memset(f, 0, sizeof *f);
    f->core.mem = test_allocator(&f->mem);
    vt_fds_init(&f->t, &f->core, max);
}

static int items[1 << 17];

static void the_lowest_free_number_is_given(void **state)
{
    static struct fixture f;

    (void)state;
    init(&f, 1 << 20);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(vt_fds_add(&f.t, &items[i]), i);
    for (int i = 0; i < 10000; i++)
        assert_ptr_equal(vt_fds_get(&f.t, i), &items[i]);
    vt_fds_remove(&f.t, 9998);
    vt_fds_remove(&f.t, 4097);
    vt_fds_remove(&f.t, 64);
    vt_fds_remove(&f.t, 0);
    assert_null(vt_fds_get(&f.t, 64));
    assert_int_equal(vt_fds_add(&f.t, &items[0]), 0);
    assert_int_equal(vt_fds_add(&f.t, &items[64]), 64);
    assert_int_equal(vt_fds_add(&f.t, &items[4097]), 4097);
    assert_int_equal(vt_fds_add(&f.t, &items[9998]), 9998);
    assert_int_equal(vt_fds_add(&f.t, &items[10000]), 10000);
    for (int i = 10000; i >= 0; i--)
        vt_fds_remove(&f.t, i);
    assert_int_equal(f.mem.count, 0);
}

static void strange_numbers_are_nobody(void **state)
{
    static struct fixture f;

    (void)state;
    init(&f, 100);
    assert_null(vt_fds_get(&f.t, 0));
    assert_null(vt_fds_first(&f.t));
    assert_int_equal(vt_fds_add(&f.t, &items[0]), 0);
    assert_null(vt_fds_get(&f.t, -1));
    assert_null(vt_fds_get(&f.t, INT32_MIN));
    assert_null(vt_fds_get(&f.t, 64));
    assert_null(vt_fds_get(&f.t, INT32_MAX));
    vt_fds_remove(&f.t, 0);
    assert_int_equal(f.mem.count, 0);
}

static void the_cap_is_kept(void **state)
{
    static struct fixture f;

    (void)state;
    init(&f, 65);
    for (int i = 0; i < 65; i++)
        assert_int_equal(vt_fds_add(&f.t, &items[i]), i);
    assert_int_equal(vt_fds_add(&f.t, &items[65]), -VT_EMFILE);
    vt_fds_remove(&f.t, 10);
    assert_int_equal(vt_fds_add(&f.t, &items[10]), 10);
    while (vt_fds_first(&f.t) != NULL)
        vt_fds_remove(&f.t, (int)((int *)vt_fds_first(&f.t) - items));
    assert_int_equal(f.mem.count, 0);
}

/* Random opening and closing; with a memory that fails now and then, which changes nothing but the answer. */
static void it_does_as_a_plain_table_does(void **state)
{
    static struct fixture f;
    static bool used[1 << 14];
    const unsigned n = 1 << 14;
    struct vt_rng rng;
    unsigned open = 0;

    (void)state;
    init(&f, n);
    vt_rng_seed(&rng, test_seed(), 0);
    for (int step = 0; step < 60000; step++) {
        bool filling = step / 10000 % 2 == 0;
        if (vt_rng_below(&rng, 10) < (filling ? 7 : 3)) {
            unsigned lowest = 0;
            while (lowest < n && used[lowest])
                lowest++;
            bool fail = vt_rng_chance(&rng, 20000000);
            size_t before = f.mem.count;
            f.mem.fail_at = fail ? f.mem.calls + 1 + vt_rng_below(&rng, 2) : 0;
            int fd = vt_fds_add(&f.t, &items[lowest]);
            f.mem.fail_at = 0;
            if (fd == -VT_ENOMEM) {
                assert_true(fail);
                assert_int_equal(f.mem.count, before);
                continue;
            }
            assert_int_equal(fd, lowest);
            used[lowest] = true;
            open++;
        } else if (open > 0) {
            unsigned at = (unsigned)vt_rng_below(&rng, n);
            while (!used[at])
                at = (at + 1) % n;
            vt_fds_remove(&f.t, (int)at);
            used[at] = false;
            open--;
        }
        unsigned probe = (unsigned)vt_rng_below(&rng, n);
        assert_ptr_equal(vt_fds_get(&f.t, (int)probe), used[probe] ? &items[probe] : NULL);
        assert_int_equal(f.t.count, open);
    }
    for (unsigned i = 0; i < n; i++)
        if (used[i])
            vt_fds_remove(&f.t, (int)i);
    assert_int_equal(f.mem.count, 0);
}

/* Memory follows from what is open, not from how it came about. */
static void memory_does_not_remember(void **state)
{
    static struct fixture f;

    (void)state;
    init(&f, 1 << 20);
    for (int i = 0; i < 20; i++)
        vt_fds_add(&f.t, &items[i]);
    size_t before = f.mem.bytes;
    for (int i = 20; i < 100000; i++)
        assert_int_equal(vt_fds_add(&f.t, &items[i]), i);
    for (int i = 20; i < 100000; i++)
        vt_fds_remove(&f.t, i);
    assert_int_equal(f.mem.bytes, before);
    for (int i = 0; i < 20; i++)
        vt_fds_remove(&f.t, i);
    assert_int_equal(f.mem.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lowest_free_number_is_given),
        cmocka_unit_test(strange_numbers_are_nobody),
        cmocka_unit_test(the_cap_is_kept),
        cmocka_unit_test(it_does_as_a_plain_table_does),
        cmocka_unit_test(memory_does_not_remember),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

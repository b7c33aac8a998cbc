/* The ring of pointers: order, its end, and counters that run past 2^32. */
#include "testing.h"

#include "base/ring.h"

static void first_in_first_out(void **state)
{
    (void)state;
    void *slot[4];
    int x[6];
    struct vt_ring r;
    vt_ring_init(&r, slot, 4);
    r.head = r.tail = UINT32_MAX - 1; /* as after four thousand million */
    assert_null(vt_ring_pop(&r));
    for (unsigned i = 0; i < 4; i++)
        assert_true(vt_ring_push(&r, &x[i]));
    assert_false(vt_ring_push(&r, &x[4]));
    assert_int_equal(vt_ring_count(&r), 4);
    assert_ptr_equal(vt_ring_at(&r, 3), &x[3]);
    assert_null(vt_ring_at(&r, 4));
    assert_ptr_equal(vt_ring_pop(&r), &x[0]);
    assert_int_equal(vt_ring_space(&r), 1);
    assert_true(vt_ring_push(&r, &x[4]));
    for (unsigned i = 1; i < 5; i++)
        assert_ptr_equal(vt_ring_pop(&r), &x[i]);
    assert_null(vt_ring_pop(&r));
    assert_int_equal(vt_ring_count(&r), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(first_in_first_out)};
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}

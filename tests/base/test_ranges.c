/* Sets of ranges: case by case, and against a bitmap, where the numbers wrap too. */
#include "testing.h"

#include "base/random.h"
#include "base/ranges.h"

static struct vt_range store[8];

static struct vt_ranges empty(void)
{
    return (struct vt_ranges){.r = store, .cap = 8};
}

static int add(struct vt_ranges *s, uint32_t from, uint32_t to)
{
    return vt_ranges_add(s, vt_seq(from), vt_seq(to));
}

static void merges_what_it_touches(void **state)
{
    (void)state;
    struct vt_ranges s = empty();
    assert_int_equal(add(&s, 100, 200), 0);
    assert_int_equal(add(&s, 300, 400), 1);
    assert_int_equal(add(&s, 0, 50), 0);
    assert_int_equal(s.n, 3);
    assert_int_equal(add(&s, 200, 300), 1);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.r[1].from.v, 100);
    assert_int_equal(s.r[1].to.v, 400);
    assert_int_equal(add(&s, 120, 130), 1);
    assert_int_equal(s.r[1].to.v, 400);
    assert_int_equal(add(&s, 10, 10), -VT_EINVAL);
    assert_int_equal(add(&s, 11, 10), -VT_EINVAL);
    vt_ranges_cut(&s, vt_seq(150));
    assert_int_equal(s.n, 1);
    assert_int_equal(s.r[0].from.v, 150);
}

static void a_full_set_is_left_alone(void **state)
{
    (void)state;
    struct vt_ranges s = empty();
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(add(&s, 10 * i, 10 * i + 5), i);
    assert_int_equal(add(&s, 77, 78), -VT_ENOSPC);
    assert_int_equal(s.n, 8);
    assert_int_equal(vt_ranges_count(&s, vt_seq(0), vt_seq(100)), 40);
    assert_int_equal(add(&s, 72, 78), 7); /* one that needs no range more */
    assert_int_equal(s.n, 8);
}

/* The model: one bit for each of the SPAN numbers from `base` on. */
#define SPAN 600

static bool bits[SPAN];

static void check(const struct vt_ranges *s, uint32_t base, struct vt_rng *rng)
{
    uint32_t n = 0, k = 0;
    for (uint32_t i = 0; i < SPAN; i++) {
        if (!bits[i] || (i > 0 && bits[i - 1]))
            continue;
        uint32_t end = i;
        while (end < SPAN && bits[end])
            end++;
        assert_true(n < s->n);
        assert_int_equal(s->r[n].from.v, base + i);
        assert_int_equal(s->r[n].to.v, base + end);
        n++;
    }
    assert_int_equal(s->n, n);
    uint32_t from = (uint32_t)vt_rng_below(rng, SPAN),
             to = from + (uint32_t)vt_rng_below(rng, SPAN - from + 1);
    for (uint32_t i = from; i < to; i++)
        k += bits[i];
    assert_int_equal(vt_ranges_count(s, vt_seq(base + from), vt_seq(base + to)), k);
    assert_int_equal(vt_ranges_has(s, vt_seq(base + from), vt_seq(base + to)), k == to - from);
}

static void as_a_bitmap_would(void **state)
{
    (void)state;
    static const uint32_t bases[] = {0, UINT32_MAX - SPAN / 2, UINT32_MAX / 2 - SPAN / 2, UINT32_MAX - 3};
    struct vt_rng rng;
    vt_rng_seed(&rng, test_seed(), 1);
    for (unsigned b = 0; b < 4; b++) {
        struct vt_ranges s = empty();
        memset(bits, 0, sizeof(bits));
        for (unsigned round = 0; round < 20000; round++) {
            uint32_t from = (uint32_t)vt_rng_below(&rng, SPAN), len = (uint32_t)vt_rng_below(&rng, 60);
            uint32_t to = from + len < SPAN ? from + len : SPAN;
            if (vt_rng_below(&rng, 4) == 0) {
                from = (uint32_t)vt_rng_below(&rng, vt_rng_below(&rng, 3) == 0 ? SPAN : 100);
                vt_ranges_cut(&s, vt_seq(bases[b] + from));
                memset(bits, 0, from * sizeof(bits[0]));
            } else {
                int at = add(&s, bases[b] + from, bases[b] + to);
                if (at >= 0) {
                    assert_true(vt_seq_le(s.r[at].from, vt_seq(bases[b] + from)));
                    assert_true(vt_seq_ge(s.r[at].to, vt_seq(bases[b] + to)));
                    memset(bits + from, 1, (to - from) * sizeof(bits[0]));
                } else {
                    assert_int_equal(at, from == to ? -VT_EINVAL : -VT_ENOSPC);
                    assert_true(from == to || s.n == s.cap);
                }
            }
            check(&s, bases[b], &rng);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_what_it_touches),
        cmocka_unit_test(a_full_set_is_left_alone),
        cmocka_unit_test(as_a_bitmap_would),
    };
    return cmocka_run_group_tests_name("ranges", tests, NULL, NULL);
}

/* SipHash by its authors' vectors; the generator by its authors' first numbers, and by what it promises. */
#include "testing.h"

#include "base/random.h"

static void siphash_vectors(void **state)
{
    (void)state;
    /* vectors_sip64 of the reference: key 00 01 .. 0f, input 00 01 .. of each length. */
    static const uint8_t expected[16][8] = {
        {0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72}, {0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74},
        {0x5a, 0x4f, 0xa9, 0xd9, 0x09, 0x80, 0x6c, 0x0d}, {0x2d, 0x7e, 0xfb, 0xd7, 0x96, 0x66, 0x67, 0x85},
        {0xb7, 0x87, 0x71, 0x27, 0xe0, 0x94, 0x27, 0xcf}, {0x8d, 0xa6, 0x99, 0xcd, 0x64, 0x55, 0x76, 0x18},
        {0xce, 0xe3, 0xfe, 0x58, 0x6e, 0x46, 0xc9, 0xcb}, {0x37, 0xd1, 0x01, 0x8b, 0xf5, 0x00, 0x02, 0xab},
        {0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93}, {0xb0, 0xe4, 0xa9, 0x0b, 0xdf, 0x82, 0x00, 0x9e},
        {0xf3, 0xb9, 0xdd, 0x94, 0xc5, 0xbb, 0x5d, 0x7a}, {0xa7, 0xad, 0x6b, 0x22, 0x46, 0x2f, 0xb3, 0xf4},
        {0xfb, 0xe5, 0x0e, 0x86, 0xbc, 0x8f, 0x1e, 0x75}, {0x90, 0x3d, 0x84, 0xc0, 0x27, 0x56, 0xea, 0x14},
        {0xee, 0xf2, 0x7a, 0x8e, 0x90, 0xca, 0x23, 0xf7}, {0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1},
    };
    const struct vt_sipkey key = {{0x0706050403020100, 0x0f0e0d0c0b0a0908}};
    uint8_t input[16];
    for (uint8_t len = 0; len < 16; len++) {
        uint64_t hash = vt_siphash(&key, input, len);
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal((uint8_t)(hash >> 8 * i), expected[len][i]);
        input[len] = len;
    }
}

static void the_generators_first_numbers(void **state)
{
    (void)state;
    static const uint64_t expected[] = {
        11520u,
        0u,
        1509978240u,
        1215971899390074240u,
        1216172134540287360u,
        607988272756665600u,
        16172922978634559625u,
        8476171486693032832u,
        10595114339597558777u,
        2904607092377533576u,
    };
    struct vt_rng r = {{1, 2, 3, 4}};
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(vt_rng_u64(&r), expected[i]);
}

static void streams_differ_and_repeat(void **state)
{
    (void)state;
    uint64_t first[64];
    unsigned n = 0;
    for (uint64_t seed = 0; seed < 8; seed++) {
        for (uint64_t stream = 0; stream < 8; stream++, n++) {
            struct vt_rng a, b;
            vt_rng_seed(&a, seed, stream);
            vt_rng_seed(&b, seed, stream);
            first[n] = vt_rng_u64(&a);
            assert_int_equal(first[n], vt_rng_u64(&b));
            for (unsigned i = 0; i < n; i++)
                assert_int_not_equal(first[i], first[n]);
        }
    }
}

static void below_is_even(void **state)
{
    (void)state;
    struct vt_rng r;
    vt_rng_seed(&r, test_seed(), 1);
    for (uint64_t n = 1; n <= 10; n++) {
        unsigned count[10] = {0};
        for (unsigned i = 0; i < 10000; i++) {
            uint64_t v = vt_rng_below(&r, n);
            assert_true(v < n);
            count[v]++;
        }
        for (uint64_t v = 0; v < n; v++) /* more than six standard deviations */
            assert_in_range(count[v], 10000 / n - 250, 10000 / n + 250);
    }
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(vt_rng_below(&r, UINT64_MAX) < UINT64_MAX);
        assert_true(vt_rng_below(&r, (UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
    }
}

static void chances(void **state)
{
    (void)state;
    struct vt_rng r;
    vt_rng_seed(&r, test_seed(), 2);
    unsigned hits = 0;
    for (unsigned i = 0; i < 100000; i++) {
        assert_false(vt_rng_chance(&r, 0));
        assert_true(vt_rng_chance(&r, 1000000000));
        hits += vt_rng_chance(&r, 10000000); /* 1 % */
    }
    assert_in_range(hits, 800, 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_vectors),
        cmocka_unit_test(the_generators_first_numbers),
        cmocka_unit_test(streams_differ_and_repeat),
        cmocka_unit_test(below_is_even),
        cmocka_unit_test(chances),
    };
    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}

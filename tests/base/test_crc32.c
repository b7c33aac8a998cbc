/* CRC-32: known values, the residue of IEEE 802.3, and any cut of the input. */
#include "testing.h"

#include "base/random.h"
#include "base/sums.h"

static void known_values(void **state)
{
    (void)state;
    static const uint8_t zeros[32];
    assert_int_equal(vt_crc32(0, "", 0), 0);
    assert_int_equal(vt_crc32(0, "a", 1), 0xe8b7be43);
    assert_int_equal(vt_crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(vt_crc32(0, zeros, 32), 0x190a55ad);
    assert_int_equal(vt_crc32(0, "The quick brown fox jumps over the lazy dog", 43), 0x414fa339);
}

/* One bit at a time, as the standard has it. */
static uint32_t slowly(const uint8_t *p, size_t len)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < 8 * len; i++) {
        bool bit = ((crc ^ (uint32_t)p[i / 8] >> i % 8) & 1) != 0;
        crc = crc >> 1 ^ (bit ? 0xedb88320 : 0);
    }
    return ~crc;
}

static void as_bit_by_bit_at_any_cut(void **state)
{
    (void)state;
    struct vt_rng rng;
    uint8_t bytes[300];
    vt_rng_seed(&rng, test_seed(), 1);
    for (unsigned round = 0; round < 2000; round++) {
        size_t len = vt_rng_below(&rng, sizeof(bytes) - 12), off = vt_rng_below(&rng, 8);
        size_t cut = vt_rng_below(&rng, len + 1);
        for (size_t i = 0; i < len; i++)
            bytes[off + i] = (uint8_t)vt_rng_u32(&rng);
        uint32_t crc = vt_crc32(vt_crc32(0, bytes + off, cut), bytes + off + cut, len - cut);
        assert_int_equal(crc, slowly(bytes + off, len));
        /* A frame with its FCS behind it, lowest byte first, always leaves the same residue. */
        for (unsigned i = 0; i < 4; i++)
            bytes[off + len + i] = (uint8_t)(crc >> 8 * i);
        assert_int_equal(vt_crc32(0, bytes + off, len + 4), 0x2144df1c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(as_bit_by_bit_at_any_cut),
    };
    return cmocka_run_group_tests_name("crc32", tests, NULL, NULL);
}

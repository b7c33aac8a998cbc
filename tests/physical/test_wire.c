/* S03: what lies on a cable, as bits. */
#include "bed.h"
#include "physical/wire.h"

/* CRC-32 bit by bit, in the order of transmission, straight from IEEE 802.3 3.2.9: the first 32 bits
 * complemented, divided by the generator, the remainder complemented. */
static uint32_t crc_by_the_book(const uint8_t *b, size_t len)
{
    uint32_t rest = 0xffffffff;
    for (size_t i = 0; i < len * 8; i++) {
        uint32_t bit = b[i / 8] >> i % 8 & 1;
        uint32_t top = rest >> 31 ^ bit;
        rest = rest << 1 ^ (top ? 0x04c11db7 : 0);
    }
    return ~rest;
}

static void s03_bits_of_a_frame(void **state)
{
    (void)state;
    uint8_t frame[100], wire[256];
    bed_eth(frame, VT_MAC_BROADCAST, bed_mac(1), 0x0806);
    for (unsigned i = 14; i < 42; i++)
        frame[i] = (uint8_t)(i * 5);

    size_t n = vt_wire_octets(wire, sizeof wire, frame, 42);
    assert_int_equal(n, 8 + 60 + 4);
    assert_int_equal(vt_wire_len(42), n);
    assert_memory_equal(wire, "\x55\x55\x55\x55\x55\x55\x55\xd5", 8);
    assert_memory_equal(wire + 8, frame, 42);
    for (unsigned i = 50; i < 68; i++)
        assert_int_equal(wire[i], 0); /* padded to the least frame */

    /* The FCS goes out from x^31 down, each octet's least significant bit first. */
    uint32_t fcs = crc_by_the_book(wire + 8, 60);
    char bits[8 * 256 + 1];
    vt_wire_bits(bits, wire, n);
    assert_int_equal(strlen(bits), 8 * n);
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(bits[8 * 68 + i], '0' + (char)(fcs >> (31 - i) & 1));
    assert_memory_equal(bits, "101010101010101010101010101010101010101010101010101010101010101011111111",
                        64 - 8);                   /* the preamble's beat */
    assert_memory_equal(bits + 56, "10101011", 8); /* the start delimiter ends it with two ones */
    assert_memory_equal(bits + 64, "11111111", 8); /* the broadcast address */

    static const struct {
        size_t at;
        const char *word;
    } parts[] = {
        {0, "preamble"}, {6, "preamble"}, {7, "start"},    {8, "destination"}, {13, "destination"},
        {14, "source"},  {19, "source"},  {20, "type"},    {21, "type"},       {22, "payload"},
        {49, "payload"}, {50, "padding"}, {67, "padding"}, {68, "fcs"},        {71, "fcs"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        assert_string_equal(vt_wire_part_word(vt_wire_part(parts[i].at, 42)), parts[i].word);
    assert_string_equal(vt_wire_part_word(99), "?");
    assert_int_equal(vt_wire_part(8 + 60, 100), VT_WIRE_PAYLOAD); /* a longer frame has no padding */
    assert_int_equal(vt_wire_part(8 + 100, 100), VT_WIRE_FCS);

    assert_int_equal(vt_wire_octets(wire, n - 1, frame, 42), 0);
    assert_int_equal(vt_wire_octets(wire, sizeof wire, frame, 100), 112);
}

static void s03_every_flipped_bit_is_caught(void **state)
{
    (void)state;
    uint8_t frame[64], wire[128];
    for (unsigned i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i * 37);
    size_t n = vt_wire_octets(wire, sizeof wire, frame, sizeof frame);
    assert_true(vt_wire_fcs_ok(wire, n));
    for (size_t bit = 64; bit < n * 8; bit++) {
        wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(vt_wire_fcs_ok(wire, n));
        wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t cut = 0; cut < n; cut++)
        assert_false(vt_wire_fcs_ok(wire, cut));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s03_bits_of_a_frame),
        cmocka_unit_test(s03_every_flipped_bit_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

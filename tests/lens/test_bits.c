/* S03: a frame as it lies on the wire, bit by bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scene.h"

/* Preamble, delimiter, an ARP request of a for b, padded to 60, and its FCS, as Python's zlib.crc32 gives it.
 */
static size_t arp_on_the_wire(uint8_t *wire)
{
    static const uint8_t frame[] = {
        0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0xd5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0,
        0x01, 0,    0x01, 0x08, 0x06, 0,    0x01, 0x08, 0,    0x06, 0x04, 0,    0x01, 0x02, 0,    0, 0x01,
        0,    0x01, 10,   0,    0,    1,    0,    0,    0,    0,    0,    0,    10,   0,    0,    2,
    };
    static const uint8_t fcs[] = {0xb3, 0x8b, 0xed, 0xfd};
    memset(wire, 0, 72);
    memcpy(wire, frame, sizeof frame);
    memcpy(wire + 68, fcs, 4);
    return 72;
}

static void s03_bits_of_a_frame(void **state)
{
    uint8_t wire[72];
    struct catch out = {0};
    (void)state;
    size_t len = arp_on_the_wire(wire);
    assert_int_equal(vt_lens_bits(catch_sink(&out), VT_LANG_EN, wire, len), 0);
    static const char *const parts[] = {
        "preamble              55 55 55 55  10101010 10101010 10101010 10101010  seven times 10101010",
        "start delimiter       d5           10101011",
        "destination           ff ff ff ff  11111111 11111111 11111111 11111111  ff:ff:ff:ff:ff:ff",
        "source                02 00 00 01  01000000 00000000 00000000 10000000  02:00:00:01:00:01",
        "type                  08 06        00010000 01100000                    ARP",
        "operation             00 01        00000000 10000000                    1",
        "target's IP           0a 00 00 02  01010000 00000000 00000000 01000000  10.0.0.2",
        "padding               00 00 00 00  00000000 00000000 00000000 00000000  18 bytes",
        "fits the frame",
        "72 bytes, 576 bits on the wire",
    };
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strstr(out.text, parts[i]) == NULL)
            fail_msg("not there: \"%s\" in\n%s", parts[i], out.text);
    }
    catch_free(&out);
}

/* Any bit that flips is seen by the check. */
static void s03_a_flipped_bit_is_caught(void **state)
{
    uint8_t wire[72];
    (void)state;
    size_t len = arp_on_the_wire(wire);
    for (unsigned bit = 8 * 8; bit < 8 * 72; bit++) {
        struct catch out = {0};
        wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(vt_lens_bits(catch_sink(&out), VT_LANG_EN, wire, len), 0);
        assert_non_null(strstr(out.text, "does not fit: a bit has flipped"));
        wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
        catch_free(&out);
    }
}

static void test_tcp_fields(void **state)
{
    struct scene s = {0};
    struct catch out = {0};
    uint8_t wire[100] = {0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0xd5};
    (void)state;
    scene_seg(&s, A, 1, 40000, B, 80, VT_PSH | VT_ACK, 1000, 77, "hello", VT_SEG_NEW);
    memcpy(wire + 8, s.frame, s.frame_len);
    assert_int_equal(vt_lens_bits(catch_sink(&out), VT_LANG_ZH, wire, 8 + 60 + 4), 0);
    assert_non_null(strstr(out.text, "TCP 源端口"));
    assert_non_null(strstr(out.text, "PSH,ACK"));
    assert_non_null(strstr(out.text, "68 65 6c 6c"));
    assert_non_null(strstr(out.text, "填充                  00"));
    assert_non_null(strstr(out.text, "10.0.0.2"));
    catch_free(&out);
}

/* What is no such frame is said to be none; every length, and headers that lie, are safe. */
static void test_bad_input(void **state)
{
    uint8_t wire[200];
    struct catch out = {0};
    (void)state;
    memset(wire, 0xff, sizeof wire);
    assert_int_equal(vt_lens_bits(catch_sink(&out), VT_LANG_EN, wire, sizeof wire), -1);
    assert_non_null(strstr(out.text, "no Ethernet frame"));
    catch_free(&out);
    for (unsigned fill = 0; fill < 256; fill += 5) {
        for (unsigned type = 0; type < 2; type++) {
            for (size_t len = 0; len <= 120; len++) {
                uint8_t *exact = malloc(len != 0 ? len : 1);
                memset(exact, (int)fill, len);
                memset(exact, 0x55, len < 7 ? len : 7);
                if (len > 7)
                    exact[7] = 0xd5;
                if (len > 22) {
                    exact[20] = 0x08;
                    exact[21] = type == 0 ? 0 : 6;
                    exact[22] = (uint8_t)(0x40 | (fill & 15));
                }
                int result = vt_lens_bits(catch_sink(&out), VT_LANG_EN, exact, len);
                assert_int_equal(result, len < 26 ? -1 : 0);
                catch_free(&out);
                free(exact);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s03_bits_of_a_frame),
        cmocka_unit_test(s03_a_flipped_bit_is_caught),
        cmocka_unit_test(test_tcp_fields),
        cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

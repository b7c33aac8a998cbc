/* The wire formats by themselves: known bytes in, known fields out, and back. */
#include "fixture.h"

/* A header that tcpdump once printed: UDP from 192.168.0.1 to 192.168.0.199, checksum b861. */
static const uint8_t known[] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                                0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};

static void test_parse_known(void **state)
{
    struct vt_ipv4_hdr h;

    (void)state;
    assert_int_equal(vt_ipv4_parse(&h, known, 0x73), VT_DROP_NONE);
    assert_true(vt_ipv4_sum_ok(known, sizeof known));
    assert_int_equal(h.header_len, 20);
    assert_int_equal(h.total_len, 115);
    assert_int_equal(h.ttl, 64);
    assert_int_equal(h.protocol, VT_PROTO_UDP);
    assert_true(h.df);
    assert_false(h.mf);
    assert_int_equal(h.offset, 0);
    assert_int_equal(h.checksum, 0xb861);
    assert_true(vt_ip_eq(h.src, VT_IP4(192, 168, 0, 1)));
    assert_true(vt_ip_eq(h.dst, VT_IP4(192, 168, 0, 199)));
}

static void test_build_known(void **state)
{
    struct vt_ipv4_hdr h;
    uint8_t b[20];

    (void)state;
    assert_int_equal(vt_ipv4_parse(&h, known, 0x73), VT_DROP_NONE);
    vt_ipv4_build(b, &h, NULL);
    assert_memory_equal(b, known, sizeof b);
}

/* Every header of random fields comes back as it went, and any flipped bit is seen by the checksum. */
static void test_round_trip(void **state)
{
    struct vt_rng rng;
    uint8_t b[60], options[40];

    (void)state;
    vt_rng_seed(&rng, test_seed(), 0);
    memset(options, VT_IPOPT_NOP, sizeof options);
    for (unsigned i = 0; i < 2000; i++) {
        struct vt_ipv4_hdr h = {
            .src = vt_ip_from4(vt_rng_u32(&rng)),
            .dst = vt_ip_from4(vt_rng_u32(&rng)),
            .header_len = (uint16_t)(20 + 4 * vt_rng_below(&rng, 11)),
            .ident = (uint16_t)vt_rng_u32(&rng),
            .offset = (uint16_t)(vt_rng_below(&rng, 8192) * 8),
            .tos = (uint8_t)vt_rng_u32(&rng),
            .ttl = (uint8_t)vt_rng_u32(&rng),
            .protocol = (uint8_t)vt_rng_u32(&rng),
            .df = vt_rng_below(&rng, 2) != 0,
            .mf = vt_rng_below(&rng, 2) != 0,
        };
        struct vt_ipv4_hdr back = {0};
        unsigned bit;

        h.total_len = (uint16_t)(h.header_len + vt_rng_below(&rng, 65536u - h.header_len));
        vt_ipv4_build(b, &h, options);
        assert_int_equal(vt_ipv4_parse(&back, b, h.total_len), VT_DROP_NONE);
        assert_true(vt_ipv4_sum_ok(b, h.header_len));
        assert_true(vt_ip_eq(back.src, h.src) && vt_ip_eq(back.dst, h.dst));
        assert_int_equal(back.header_len, h.header_len);
        assert_int_equal(back.total_len, h.total_len);
        assert_int_equal(back.ident, h.ident);
        assert_int_equal(back.offset, h.offset);
        assert_int_equal(back.tos, h.tos);
        assert_int_equal(back.ttl, h.ttl);
        assert_int_equal(back.protocol, h.protocol);
        assert_true(back.df == h.df && back.mf == h.mf);

        bit = (unsigned)vt_rng_below(&rng, h.header_len * 8u);
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(vt_ipv4_sum_ok(b, h.header_len));
    }
}

/* Walks options that lie at the very end of their memory. Returns how many there were, or -1. */
static int walk(const uint8_t *options, unsigned len, unsigned *at)
{
    uint8_t *exact = malloc(len != 0 ? len : 1);
    struct vt_ipv4_option o;
    int n = 0, more;

    assert_non_null(exact);
    if (len != 0)
        memcpy(exact, options, len);
    *at = 0;
    while ((more = vt_ipv4_option_next(&o, exact, len, at)) == 1)
        n++;
    free(exact);
    return more < 0 ? -1 : n;
}

static void test_v13_option_walk_ends(void **state)
{
    unsigned at;

    (void)state;
    assert_int_equal(walk((const uint8_t[]){1, 1, 0, 0}, 4, &at), 0);
    assert_int_equal(walk((const uint8_t[]){7, 7, 4, 0, 0, 0, 0, 0}, 8, &at), 1);
    assert_int_equal(walk((const uint8_t[]){68, 4, 5, 0, 1, 148, 4, 0}, 8, &at), -1);
    assert_int_equal(walk((const uint8_t[]){68, 4, 5, 0, 148, 4, 0, 0}, 8, &at), 2);
    /* Length 0, 1, beyond the end, and no length at all. */
    assert_int_equal(walk((const uint8_t[]){1, 7, 0, 0}, 4, &at), -1);
    assert_int_equal(at, 1);
    assert_int_equal(walk((const uint8_t[]){7, 1, 0, 0}, 4, &at), -1);
    assert_int_equal(walk((const uint8_t[]){7, 5, 0, 0}, 4, &at), -1);
    assert_int_equal(walk((const uint8_t[]){1, 1, 1, 7}, 4, &at), -1);
    assert_int_equal(at, 3);
    /* Everything that two bytes can say. */
    for (unsigned kind = 0; kind < 256; kind++) {
        for (unsigned len = 0; len < 256; len++) {
            int n = walk((const uint8_t[]){(uint8_t)kind, (uint8_t)len, 0, 0}, 4, &at);
            if (kind == VT_IPOPT_END)
                assert_int_equal(n, 0);
            else if (kind != VT_IPOPT_NOP)
                assert_int_equal(n, len >= 2 && len <= 4 ? 1 : -1);
        }
    }
}

static void test_copied_options(void **state)
{
    const uint8_t options[] = {7, 7, 4, 0, 0, 0, 0, 1, 0x94, 4, 0, 0, 68, 4, 5, 0, 0x82, 3, 9, 0};
    const uint8_t copied[] = {0x94, 4, 0, 0, 0x82, 3, 9, 0};
    uint8_t to[40];

    (void)state;
    assert_int_equal(vt_ipv4_options_copied(to, options, sizeof options), sizeof copied);
    assert_memory_equal(to, copied, sizeof copied);
    assert_int_equal(vt_ipv4_options_copied(to, options, 8), 0);
}

static void test_icmp_round_trip(void **state)
{
    struct vt_icmp_hdr h = {.type = 8, .code = 1, .checksum = 0x1234, .ident = 0xabcd, .seq = 0xef01}, back;
    uint8_t b[8];

    (void)state;
    vt_icmp_build(b, &h);
    assert_memory_equal(b, ((const uint8_t[]){8, 1, 0x12, 0x34, 0xab, 0xcd, 0xef, 0x01}), 8);
    vt_icmp_parse(&back, b);
    assert_memory_equal(&back, &h, sizeof h);
}

/* S07: an IP address is written with dots, from 0.0.0.0 to 255.255.255.255. */
static void test_s07_dotted_decimal(void **state)
{
    static const char *const bad[] = {
        "10.0.0", "10.0.0.256", "10.0.0.0.1", "10.0.0.-1", "10.0.0.01", "10..0.1", ""};
    char text[VT_IP_TEXT];
    struct vt_ip ip;

    (void)state;
    assert_int_equal(vt_ip_parse(&ip, "0.0.0.0"), 0);
    assert_true(vt_ip_eq(ip, VT_IP4_ANY));
    assert_int_equal(vt_ip_parse(&ip, "255.255.255.255"), 0);
    assert_true(vt_ip_eq(ip, VT_IP4_BROADCAST));
    assert_int_equal(vt_ip_parse(&ip, "127.0.0.2"), 0);
    assert_int_equal(vt_ip_to4(ip), 0x7f000002);
    assert_string_equal(vt_ip_text(text, ip), "127.0.0.2");
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(vt_ip_parse(&ip, bad[i]), -VT_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_known),        cmocka_unit_test(test_build_known),
        cmocka_unit_test(test_round_trip),         cmocka_unit_test(test_v13_option_walk_ends),
        cmocka_unit_test(test_copied_options),     cmocka_unit_test(test_icmp_round_trip),
        cmocka_unit_test(test_s07_dotted_decimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

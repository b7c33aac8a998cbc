/* The small types: order of bytes, of sequence numbers where they wrap, times that end, kinds of addresses.
 */
#include "testing.h"

/* RFC 9293 3.4: comparisons hold across the wrap, whatever the number. */
static void test_v66_sequence_numbers_wrap(void **state)
{
    (void)state;
    static const uint32_t at[] = {0, 1, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff};
    static const uint32_t step[] = {1, 2, 1460, 65535, 0x40000000, 0x7fffffff};
    for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        struct vt_seq a = vt_seq(at[i]);
        assert_true(vt_seq_eq(a, a) && vt_seq_le(a, a) && vt_seq_ge(a, a));
        assert_false(vt_seq_lt(a, a) || vt_seq_gt(a, a));
        for (unsigned k = 0; k < sizeof(step) / sizeof(step[0]); k++) {
            struct vt_seq b = vt_seq_add(a, step[k]);
            assert_int_equal(b.v, (uint32_t)(at[i] + step[k]));
            assert_true(vt_seq_lt(a, b) && vt_seq_le(a, b) && vt_seq_gt(b, a) && vt_seq_ge(b, a));
            assert_false(vt_seq_lt(b, a) || vt_seq_le(b, a) || vt_seq_gt(a, b) || vt_seq_ge(a, b));
            assert_false(vt_seq_eq(a, b));
            assert_int_equal(vt_seq_diff(b, a), (int32_t)step[k]);
            assert_int_equal(vt_seq_diff(a, b), -(int32_t)step[k]);
            assert_int_equal(vt_seq_max(a, b).v, b.v);
            assert_int_equal(vt_seq_min(a, b).v, a.v);
            assert_int_equal(vt_seq_sub(b, step[k]).v, a.v);
        }
    }
}

static void test_v66_windows_wrap(void **state)
{
    (void)state;
    struct vt_seq low = vt_seq(0xfffffff0);
    assert_true(vt_seq_in(low, low, 32));
    assert_true(vt_seq_in(vt_seq(0), low, 32));
    assert_true(vt_seq_in(vt_seq(15), low, 32));
    assert_false(vt_seq_in(vt_seq(16), low, 32));
    assert_false(vt_seq_in(vt_seq(0xffffffef), low, 32));
    assert_false(vt_seq_in(low, low, 0));
}

static void bytes_in_network_order(void **state)
{
    (void)state;
    uint8_t b[4];
    vt_put32(b, 0x12345678);
    assert_memory_equal(b, "\x12\x34\x56\x78", 4);
    assert_int_equal(vt_get32(b), 0x12345678);
    assert_int_equal(vt_get16(b + 1), 0x3456);
    vt_put16(b, 0xfedc);
    assert_memory_equal(b, "\xfe\xdc\x56\x78", 4);
    assert_int_equal(vt_be16_get(vt_be16_of(0xfedc)), 0xfedc);
    assert_int_equal(vt_be32_get(vt_be32_of(0xfedcba98)), 0xfedcba98);
    assert_memory_equal(vt_be32_of(0xfedcba98).b, "\xfe\xdc\xba\x98", 4);
}

static void time_ends(void **state)
{
    (void)state;
    assert_int_equal(vt_time_add(5, 7), 12);
    assert_int_equal(vt_time_add(5, -7), 5);
    assert_int_equal(vt_time_add(VT_NEVER - 5, 5), VT_NEVER);
    assert_int_equal(vt_time_add(VT_NEVER - 5, 6), VT_NEVER);
    assert_int_equal(vt_time_add(VT_NEVER, INT64_MAX), VT_NEVER);
}

static void kinds_of_addresses(void **state)
{
    (void)state;
    assert_int_equal(vt_ip_to4(vt_ip_from4(0x0a000001)), 0x0a000001);
    assert_true(vt_ip_eq(vt_ip_from4(0x0a000001), VT_IP4(10, 0, 0, 1)));
    assert_false(vt_ip_is4(VT_IP_ANY));
    assert_true(vt_ip_is4(VT_IP4_ANY));
    assert_false(vt_ip_eq(VT_IP_ANY, VT_IP4_ANY));
    assert_true(vt_ip_is_any(VT_IP_ANY) && vt_ip_is_any(VT_IP4_ANY));
    assert_false(vt_ip_is_any(VT_IP4(0, 0, 0, 1)));
    assert_true(vt_ip_is_loopback(VT_IP4(127, 9, 9, 9)));
    assert_true(vt_ip_is_loopback((struct vt_ip){{[15] = 1}}));
    assert_false(vt_ip_is_loopback((struct vt_ip){{[12] = 127, [15] = 1}}));
    assert_true(vt_ip_is_multicast(VT_IP4(224, 0, 0, 1)) && vt_ip_is_multicast(VT_IP4(239, 255, 255, 255)));
    assert_false(vt_ip_is_multicast(VT_IP4(240, 0, 0, 1)) || vt_ip_is_multicast(VT_IP4(223, 0, 0, 1)));
    assert_true(vt_ip_is_multicast((struct vt_ip){{0xff, 2}}));
    assert_true(vt_mac_is_group(VT_MAC_BROADCAST));
    assert_false(vt_mac_is_group((struct vt_mac){{2, 0xff, 0xff, 0xff, 0xff, 0xff}}));
    assert_true(vt_mac_is_zero((struct vt_mac){{0}}));
    assert_false(vt_mac_is_zero((struct vt_mac){{0, 0, 0, 0, 0, 1}}));
    struct vt_addr a = {.ip = VT_IP4(1, 2, 3, 4), .port = 80}, b = a;
    assert_true(vt_addr_eq(a, b));
    b.scope = 1;
    assert_false(vt_addr_eq(a, b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v66_sequence_numbers_wrap),
        cmocka_unit_test(test_v66_windows_wrap),
        cmocka_unit_test(bytes_in_network_order),
        cmocka_unit_test(time_ends),
        cmocka_unit_test(kinds_of_addresses),
    };
    return cmocka_run_group_tests_name("types", tests, NULL, NULL);
}

/* Addresses as people write them: what is read, what is refused, and what is written. */
#include "testing.h"

#include "base/random.h"
#include "base/text.h"

static void assert_ip(const char *text, const char *canonical)
{
    struct vt_ip ip;
    char buf[VT_IP_TEXT];
    assert_int_equal(vt_ip_parse(&ip, text), 0);
    assert_string_equal(vt_ip_text(buf, ip), canonical);
    struct vt_ip again;
    assert_int_equal(vt_ip_parse(&again, canonical), 0);
    assert_true(vt_ip_eq(ip, again));
}

static void addresses(void **state)
{
    (void)state;
    assert_ip("10.0.0.1", "10.0.0.1");
    assert_ip("0.0.0.0", "0.0.0.0");
    assert_ip("255.255.255.255", "255.255.255.255");
    assert_ip("::", "::");
    assert_ip("::1", "::1");
    assert_ip("1::", "1::");
    assert_ip("::ffff:192.0.2.1", "192.0.2.1");
    assert_ip("::FFFF:c000:201", "192.0.2.1");
    assert_ip("64:ff9b::192.0.2.33", "64:ff9b::c000:221");
    assert_ip("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304");
    assert_ip("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8");
    assert_ip("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0");
    assert_ip("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8");
    /* RFC 5952 4: no leading zeros, the longest run, the first of equal ones, never a single group, small
     * letters. */
    assert_ip("2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1");
    assert_ip("2001:db8:0:0:0:0:2:1", "2001:db8::2:1");
    assert_ip("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
    assert_ip("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");
    assert_ip("2001:DB8::ABCD", "2001:db8::abcd");
    assert_ip("0:0:0:1:0:0:0:0", "0:0:0:1::");
    assert_ip("fe80::ffff:ffff:ffff:ffff", "fe80::ffff:ffff:ffff:ffff");
}

static void what_is_no_address(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "1",
        "1.2.3",
        "1.2.3.",
        "1.2.3.4.",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.00",
        "1.2.3.-4",
        "1.2.3.4 ",
        " 1.2.3.4",
        "0x1.2.3.4",
        "1..2.3",
        "99999999999.1.1.1",
        ":",
        ":::",
        "1:",
        ":1",
        "1:2",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:",
        "1:2:3:4:5:6:7:8:",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8",
        "1::2::3",
        "12345::",
        "g::",
        "::1.2.3",
        "::1.2.3.4.5",
        "::1.2.3.4:5",
        "1:2:3:4:5:6:7:1.2.3.4",
        "::1%2",
        "1.2.3.4%1",
        "[::1]",
        "::1/64",
    };
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct vt_ip ip = VT_IP4(9, 9, 9, 9);
        if (vt_ip_parse(&ip, texts[i]) != -VT_EINVAL)
            fail_msg("\"%s\" was taken for an address", texts[i]);
        assert_int_equal(vt_ip_to4(ip), 0x09090909); /* left alone */
    }
}

static void prefixes(void **state)
{
    (void)state;
    struct vt_ip ip;
    uint8_t prefix;
    assert_int_equal(vt_ip_parse_prefix(&ip, &prefix, "10.1.2.3/24"), 0);
    assert_int_equal(vt_ip_to4(ip), 0x0a010203);
    assert_int_equal(prefix, 24);
    assert_int_equal(vt_ip_parse_prefix(&ip, &prefix, "0.0.0.0/0"), 0);
    assert_int_equal(prefix, 0);
    assert_int_equal(vt_ip_parse_prefix(&ip, &prefix, "10.1.2.3"), 0);
    assert_int_equal(prefix, 32);
    assert_int_equal(vt_ip_parse_prefix(&ip, &prefix, "fe80::1"), 0);
    assert_int_equal(prefix, 128);
    assert_int_equal(vt_ip_parse_prefix(&ip, &prefix, "fe80::/10"), 0);
    assert_int_equal(prefix, 10);
    static const char *const bad[] = {"10.1.2.3/33",  "10.1.2.3/",    "10.1.2.3/-1",
                                      "10.1.2.3/024", "10.1.2.3/24 ", "10.1.2/24",
                                      "::/129",       "/24",          "10.1.2.3//24"};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(vt_ip_parse_prefix(&ip, &prefix, bad[i]), -VT_EINVAL);
}

static void addresses_with_ports(void **state)
{
    (void)state;
    static const char *const good[] = {"10.0.0.1:80", "0.0.0.0:0", "[::1]:65535", "[fe80::1%2]:80",
                                       "[::]:9528"};
    struct vt_addr a;
    char buf[VT_ADDR_TEXT];
    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(vt_addr_parse(&a, good[i]), 0);
        assert_string_equal(vt_addr_text(buf, a), good[i]);
    }
    assert_int_equal(vt_addr_parse(&a, "[fe80::1%2]:80"), 0);
    assert_int_equal(a.scope, 2);
    assert_int_equal(a.port, 80);
    static const char *const bad[] = {"10.0.0.1",
                                      "10.0.0.1:",
                                      "10.0.0.1:65536",
                                      "10.0.0.1:080",
                                      "10.0.0.1:80 ",
                                      "::1:80",
                                      "[::1]",
                                      "[::1]80",
                                      "[10.0.0.1]:80",
                                      "[::1:80",
                                      "[::1%]:80",
                                      "[::1%x]:80",
                                      ":80",
                                      "[]:80",
                                      "10.0.0.1:-1",
                                      "",
                                      "[",
                                      "[::1]:80:1",
                                      "[::1%4294967296]:1"};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (vt_addr_parse(&a, bad[i]) != -VT_EINVAL)
            fail_msg("\"%s\" was taken for an address and port", bad[i]);
    }
}

/* The longest there is fits the sizes that the header names. */
static void the_longest(void **state)
{
    (void)state;
    struct vt_addr a = {.scope = UINT32_MAX, .port = UINT16_MAX};
    memset(a.ip.b, 0xff, 16);
    char buf[VT_ADDR_TEXT];
    assert_int_equal(strlen(vt_addr_text(buf, a)), 58);
    char ip[VT_IP_TEXT];
    assert_int_equal(strlen(vt_ip_text(ip, a.ip)), 39);
    struct vt_addr b;
    assert_int_equal(vt_addr_parse(&b, buf), 0);
    assert_true(vt_addr_eq(a, b));
}

static void link_addresses(void **state)
{
    (void)state;
    struct vt_mac m;
    char buf[VT_MAC_TEXT];
    assert_int_equal(vt_mac_parse(&m, "02:00:00:0a:0B:ff"), 0);
    assert_string_equal(vt_mac_text(buf, m), "02:00:00:0a:0b:ff");
    assert_int_equal(vt_mac_parse(&m, "02-00-00-0a-0b-ff"), 0);
    assert_string_equal(vt_mac_text(buf, m), "02:00:00:0a:0b:ff");
    static const char *const bad[] = {"",
                                      "02",
                                      "02:",
                                      "02:00:00:0a:0b",
                                      "02:00:00:0a:0b:f",
                                      "02:00:00:0a:0b:ff:",
                                      "02:00-00:0a:0b:ff",
                                      "2:0:0:a:b:ff",
                                      "02:00:00:0a:0b:fg",
                                      "0200000a0bff",
                                      "02:00:00:0a:0b:ff:01"};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(vt_mac_parse(&m, bad[i]), -VT_EINVAL);
}

static void what_is_written_can_be_read(void **state)
{
    (void)state;
    struct vt_rng rng;
    vt_rng_seed(&rng, test_seed(), 1);
    for (unsigned i = 0; i < 20000; i++) {
        struct vt_addr a = {.port = (uint16_t)vt_rng_u32(&rng)}, b;
        uint32_t zeros = vt_rng_u32(&rng);
        for (unsigned k = 0; k < 16; k++)
            a.ip.b[k] = (zeros >> k & 1) != 0 || (zeros >> (16 + k / 2) & 1) != 0 ? 0
                                                                                  : (uint8_t)vt_rng_u32(&rng);
        a.scope = vt_rng_below(&rng, 2) == 0 ? 0 : vt_rng_u32(&rng);
        char text[VT_ADDR_TEXT];
        assert_int_equal(vt_addr_parse(&b, vt_addr_text(text, a)), 0);
        assert_true(vt_addr_eq(a, b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(what_is_no_address),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(addresses_with_ports),
        cmocka_unit_test(the_longest),
        cmocka_unit_test(link_addresses),
        cmocka_unit_test(what_is_written_can_be_read),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}

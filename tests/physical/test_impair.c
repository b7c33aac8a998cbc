/* The words of impairments and faults: read, written back, refused with the place of the mistake. */
#include "bed.h"
#include "physical/fault.h"

static struct vt_impair parsed(const char *text)
{
    struct vt_impair im = {0};
    size_t where = 0;
    const char *expected = "";
    int err = vt_impair_parse(&im, text, &where, &expected);
    if (err != 0)
        fail_msg("\"%s\" at %zu: expected %s", text, where, expected);
    return im;
}

static void test_reads_tc_words(void **state)
{
    (void)state;
    struct vt_impair im = parsed(
        "loss 1% delay 20ms 5ms duplicate 0.1% reorder 25% corrupt 0.01% corrupt-inside 2% "
        "rate 10mbit limit 100");
    assert_int_equal(im.loss, 10000000);
    assert_int_equal(im.delay, 20 * VT_MSEC);
    assert_int_equal(im.jitter, 5 * VT_MSEC);
    assert_int_equal(im.duplicate, 1000000);
    assert_int_equal(im.reorder, 250000000);
    assert_int_equal(im.corrupt, 100000);
    assert_int_equal(im.corrupt_inside, 20000000);
    assert_int_equal(im.rate, 10000000);
    assert_int_equal(im.limit, 100);
    assert_false(im.cut);
    assert_false(vt_impair_is_clean(&im));

    assert_int_equal(parsed("rate 56kbit").rate, 56000);
    assert_int_equal(parsed("rate 2.5gbit").rate, 2500000000);
    assert_int_equal(parsed("rate 10Mbit").rate, 10000000);
    assert_int_equal(parsed("rate 9600bit").rate, 9600);
    assert_int_equal(parsed("rate 1.2tbit").rate, 1200000000000);
    assert_int_equal(parsed("delay 1.5s").delay, 1500 * VT_MSEC);
    assert_int_equal(parsed("delay 300us").delay, 300 * VT_USEC);
    assert_int_equal(parsed("delay 0.001us").delay, 1);
    assert_int_equal(parsed("delay 7ns").delay, 7);
    assert_int_equal(parsed("  loss\trandom 100% \n").loss, 1000000000);
    assert_int_equal(parsed("loss 0.0000001%").loss, 1);
    assert_int_equal(parsed("loss 1.50000000000%").loss, 15000000);
    struct vt_impair none = parsed("");
    assert_true(vt_impair_is_clean(&none));
    none = parsed("limit 5");
    assert_true(vt_impair_is_clean(&none));
}

static void test_changes_only_what_is_named(void **state)
{
    (void)state;
    struct vt_impair im = parsed("loss 1% delay 20ms 5ms rate 1mbit");
    size_t where;
    const char *expected;
    assert_int_equal(vt_impair_parse(&im, "loss 2% delay 30ms cut", &where, &expected), 0);
    assert_int_equal(im.loss, 20000000);
    assert_int_equal(im.delay, 30 * VT_MSEC);
    assert_int_equal(im.jitter, 0);
    assert_int_equal(im.rate, 1000000);
    assert_true(im.cut);
    assert_int_equal(vt_impair_parse(&im, "heal", &where, &expected), 0);
    assert_false(im.cut);
    assert_int_equal(im.rate, 1000000);
    assert_int_equal(vt_impair_parse(&im, "clear loss 3%", &where, &expected), 0);
    assert_int_equal(im.rate, 0);
    assert_int_equal(im.loss, 30000000);
}

static void test_says_where_it_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t where;
        const char *says; /* part of what was expected */
    } wrong[] = {
        {"los 1%", 0, "loss"},
        {"loss", 4, "percentage"},
        {"loss 1", 5, "percentage"},
        {"loss 101%", 5, "100%"},
        {"loss 100.0000001%", 5, "100%"},
        {"loss 0.00000001%", 5, "7 decimals"},
        {"loss -1%", 5, "percentage"},
        {"loss 1e3%", 5, "percentage"},
        {"loss 1.%", 5, "percentage"},
        {"loss %", 5, "percentage"},
        {"loss 99999999999999999999999%", 5, "percentage"},
        {"delay 20", 6, "time"},
        {"delay ms", 6, "time"},
        {"delay 20ms 5", 11, "time"},
        {"delay 20ms 5ms 25%", 15, "loss"},
        {"delay 0.5ns", 6, "time"},
        {"delay 86401s", 6, "day"},
        {"delay 18446744073709551617ns", 6, "time"},
        {"loss 1%  rate 10", 14, "10mbit"},
        {"rate 10mbps", 5, "10mbit"},
        {"rate 1001tbit", 5, "10mbit"},
        {"rate 0.5bit", 5, "10mbit"},
        {"limit 1.5", 6, "frames"},
        {"limit 4294967296", 6, "frames"},
        {"limit", 5, "frames"},
        {"loss 1% reorder 1%", 8, "delay"},
        {"cut cut it", 8, "heal"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct vt_impair im = {.loss = 7}, was = im;
        size_t where = 999;
        const char *expected = "";
        if (vt_impair_parse(&im, wrong[i].text, &where, &expected) != -VT_EINVAL || where != wrong[i].where ||
            strstr(expected, wrong[i].says) == NULL)
            fail_msg("\"%s\": at %zu, expected %s", wrong[i].text, where, expected);
        assert_memory_equal(&im, &was, sizeof im); /* all or nothing */
    }
}

static void test_writes_what_it_reads(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "cut",
        "loss 1%",
        "loss 0.0000001%",
        "delay 20ms 5ms",
        "delay 0ns 5ms",
        "cut loss 12.5% delay 1.5s duplicate 100% reorder 3% corrupt-inside 0.5% rate 1.234567mbit limit 7"};
    char buf[VT_IMPAIR_TEXT];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct vt_impair im = parsed(texts[i]);
        assert_string_equal(vt_impair_text(buf, &im), texts[i]);
    }
    /* Any setting survives, and the longest fits. */
    struct vt_rng rng;
    vt_rng_seed(&rng, test_seed(), 0);
    for (unsigned i = 0; i < 2000; i++) {
        struct vt_impair im = {0}, back = {0};
        unsigned shift = (unsigned)vt_rng_below(&rng, 47) * (i != 0);
        im.rate = i == 0 ? UINT64_C(999999999999999)
                         : vt_rng_below(&rng, UINT64_C(1000000000000001)) >> shift;
        im.delay = 86399999999999 >> shift;
        im.jitter = i == 0 ? 86399999999999 : (vt_span)vt_rng_below(&rng, 86400000000001) >> shift;
        im.limit = UINT32_MAX >> shift % 32;
        im.loss = 999999999;
        im.duplicate = (uint32_t)vt_rng_below(&rng, 1000000001);
        im.reorder = (uint32_t)vt_rng_below(&rng, 1000000001) * (im.delay != 0 || im.jitter != 0);
        im.corrupt = (uint32_t)vt_rng_below(&rng, 1000000001);
        im.corrupt_inside = 999999999;
        im.cut = i % 2;
        size_t where;
        const char *expected;
        memset(buf, 'x', sizeof buf);
        vt_impair_text(buf, &im);
        assert_true(memchr(buf, 0, sizeof buf) != NULL);
        assert_int_equal(vt_impair_parse(&back, buf, &where, &expected), 0);
        assert_memory_equal(&im, &back, sizeof im);
    }
}

static void test_reads_faults(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct vt_fault f;
    } good[] = {
        {"drop 3rd ack port 80", {VT_MATCH_ACK, VT_FAULT_DROP, 3, 1, 80, 0, 0}},
        {"drop syn", {VT_MATCH_SYN, VT_FAULT_DROP, 1, 0, 0, 0, 0}},
        {"drop data 2-4", {VT_MATCH_DATA, VT_FAULT_DROP, 2, 3, 0, 0, 0}},
        {"drop 2-4 data", {VT_MATCH_DATA, VT_FAULT_DROP, 2, 3, 0, 0, 0}},
        {"drop data 2-", {VT_MATCH_DATA, VT_FAULT_DROP, 2, 0, 0, 0, 0}},
        {"delay 1st synack 500ms", {VT_MATCH_SYNACK, VT_FAULT_DELAY, 1, 1, 0, 500 * VT_MSEC, 0}},
        {"delay synack 500ms port 80", {VT_MATCH_SYNACK, VT_FAULT_DELAY, 1, 0, 80, 500 * VT_MSEC, 0}},
        {"duplicate fin", {VT_MATCH_FIN, VT_FAULT_DUPLICATE, 1, 0, 0, 0, 0}},
        {"corrupt 11th tcp", {VT_MATCH_TCP, VT_FAULT_CORRUPT, 11, 1, 0, 0, 0}},
        {"corrupt-inside 22nd udp port 53", {VT_MATCH_UDP, VT_FAULT_CORRUPT_INSIDE, 22, 1, 53, 0, 0}},
        {"drop 5 any", {VT_MATCH_ANY, VT_FAULT_DROP, 5, 1, 0, 0, 0}},
        {"drop rst", {VT_MATCH_RST, VT_FAULT_DROP, 1, 0, 0, 0, 0}},
        {"drop arp", {VT_MATCH_ARP, VT_FAULT_DROP, 1, 0, 0, 0, 0}},
        {"drop icmp", {VT_MATCH_ICMP, VT_FAULT_DROP, 1, 0, 0, 0, 0}},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct vt_fault f;
        size_t where = 0;
        const char *expected = "";
        if (vt_fault_parse(&f, good[i].text, &where, &expected) != 0)
            fail_msg("\"%s\" at %zu: expected %s", good[i].text, where, expected);
        const struct vt_fault *g = &good[i].f;
        assert_true(f.match == g->match && f.action == g->action && f.nth == g->nth && f.count == g->count &&
                    f.port == g->port && f.delay == g->delay && f.seen == 0);
    }
    static const struct {
        const char *text;
        size_t where;
        const char *says;
    } wrong[] = {
        {"", 0, "drop"},
        {"lose syn", 0, "drop"},
        {"drop", 4, "which frame"},
        {"drop 3th ack", 5, "3rd"},
        {"drop 11st ack", 5, "3rd"},
        {"drop 0 ack", 5, "3rd"},
        {"drop 4-2 ack", 5, "3rd"},
        {"drop ack 4-2x", 9, "3rd"},
        {"drop 2 ack 3", 11, "range"},
        {"drop ack port", 13, "port"},
        {"drop ack port 0", 14, "port"},
        {"drop ack port 65536", 14, "port"},
        {"drop ack port 1 port 2", 16, "once"},
        {"drop ack 500ms", 9, "3rd"},
        {"delay ack", 9, "how long"},
        {"delay ack 0ms", 10, "3rd"},
        {"drop 4294967296 ack", 5, "3rd"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct vt_fault f;
        size_t where = 999;
        const char *expected = "";
        if (vt_fault_parse(&f, wrong[i].text, &where, &expected) != -VT_EINVAL || where != wrong[i].where ||
            strstr(expected, wrong[i].says) == NULL)
            fail_msg("\"%s\": at %zu, expected %s", wrong[i].text, where, expected);
    }
}

static uint32_t classes(struct bed *bed, const uint8_t *b, size_t len)
{
    struct vt_pbuf *p = vt_pbuf_from(bed->pool, b, len);
    struct vt_frame_class c = vt_frame_classify(p);
    vt_pbuf_free(p);
    return c.is;
}

static void test_tells_frames_apart(void **state)
{
    (void)state;
    static const struct {
        unsigned flags;
        size_t data;
        uint32_t is;
    } tcp[] = {
        {VT_SYN, 0, 1u << VT_MATCH_SYN},
        {VT_SYN | VT_ACK, 0, 1u << VT_MATCH_SYNACK},
        {VT_ACK, 0, 1u << VT_MATCH_ACK},
        {VT_ACK | VT_PSH, 5, 1u << VT_MATCH_DATA},
        {VT_ACK | VT_FIN, 0, 1u << VT_MATCH_FIN},
        {VT_ACK | VT_FIN, 5, 1u << VT_MATCH_FIN | 1u << VT_MATCH_DATA},
        {VT_RST, 0, 1u << VT_MATCH_RST},
        {VT_RST | VT_ACK, 0, 1u << VT_MATCH_RST},
        {0, 0, 0},
    };
    struct bed bed;
    bed_open(&bed);
    uint8_t b[200];
    for (size_t i = 0; i < sizeof tcp / sizeof tcp[0]; i++) {
        size_t len = bed_tcp(b, tcp[i].flags, 1, tcp[i].data, 1000, 80);
        assert_int_equal(classes(&bed, b, len), tcp[i].is | 1u << VT_MATCH_ANY | 1u << VT_MATCH_TCP);
        memset(b + len, 0, 6); /* Ethernet padding is not data */
        assert_int_equal(classes(&bed, b, len + 6), tcp[i].is | 1u << VT_MATCH_ANY | 1u << VT_MATCH_TCP);
    }
    size_t len = bed_tcp(b, VT_SYN, 1, 20, 1000, 80);
    b[23] = 17;
    assert_int_equal(classes(&bed, b, len), 1u << VT_MATCH_ANY | 1u << VT_MATCH_UDP);
    b[23] = 1;
    assert_int_equal(classes(&bed, b, len), 1u << VT_MATCH_ANY | 1u << VT_MATCH_ICMP);
    b[13] = 6;
    assert_int_equal(classes(&bed, b, len), 1u << VT_MATCH_ANY | 1u << VT_MATCH_ARP);

    /* Every truncation: never more than it was, nor beyond its end (the sanitizers watch). */
    len = bed_tcp(b, VT_ACK | VT_PSH, 1, 20, 1000, 80);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(classes(&bed, b, cut) & ~(1u << VT_MATCH_ANY), 0);
    bed_close(&bed);
}

static void test_counts_hits(void **state)
{
    (void)state;
    struct vt_fault f = {.match = VT_MATCH_DATA, .nth = 2, .count = 2, .port = 80};
    const struct vt_frame_class data = {1u << VT_MATCH_DATA, 1000, 80},
                                back = {1u << VT_MATCH_DATA, 80, 1000};
    const struct vt_frame_class other = {1u << VT_MATCH_DATA, 1000, 81}, ack = {1u << VT_MATCH_ACK, 1000, 80};
    assert_false(vt_fault_hits(&f, &data));
    assert_false(vt_fault_hits(&f, &other));
    assert_false(vt_fault_hits(&f, &ack));
    assert_true(vt_fault_hits(&f, &back));
    assert_true(vt_fault_hits(&f, &data));
    assert_false(vt_fault_hits(&f, &data));
    assert_int_equal(f.seen, 4);
    f = (struct vt_fault){.match = VT_MATCH_DATA, .nth = 2};
    assert_false(vt_fault_hits(&f, &data));
    for (unsigned i = 0; i < 10; i++)
        assert_true(vt_fault_hits(&f, &data));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_tc_words),
        cmocka_unit_test(test_changes_only_what_is_named),
        cmocka_unit_test(test_says_where_it_is_wrong),
        cmocka_unit_test(test_writes_what_it_reads),
        cmocka_unit_test(test_reads_faults),
        cmocka_unit_test(test_tells_frames_apart),
        cmocka_unit_test(test_counts_hits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

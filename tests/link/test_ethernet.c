/* Ethernet under an interface: what is taken, what is refused and why. */
#include "station.h"
#include "base/text.h"

static int setup(void **state)
{
    static struct station s;
    station_open(&s, NULL);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    station_close(*state);
    return 0;
}

/* V01: shorter than a header, at every length, and nothing behind it is looked at (the sanitizers watch). */
static void test_v01_runt(void **state)
{
    struct station *s = *state;
    uint8_t b[14] = {0};
    bed_eth(b, OUR_MAC, bed_mac(2), VT_ETHERTYPE_IPV4);
    for (uint32_t len = 0; len < 14; len++) {
        station_frame(s, b, len);
        assert_int_equal(bed_drops(&s->bed, VT_DROP_ETH_RUNT), len + 1);
    }
    station_frame(s, b, 14); /* a frame without payload is IP's to refuse */
    assert_int_equal(s->up.count, 1);
    assert_int_equal(s->core.drops[VT_DROP_ETH_RUNT], 14);
}

/* V01: an 802.3 length that says more than there is; one that is true is merely not spoken here. */
static void test_v01_length_beyond_frame(void **state)
{
    struct station *s = *state;
    uint8_t b[60] = {0};
    static const uint16_t wrong[] = {47, 100, 1500, 1501, 0x05ff};
    static const uint16_t right[] = {0, 3, 46};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        bed_eth(b, OUR_MAC, bed_mac(2), wrong[i]);
        station_frame(s, b, sizeof b);
        assert_int_equal(bed_drops(&s->bed, VT_DROP_ETH_LENGTH), i + 1);
    }
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        bed_eth(b, OUR_MAC, bed_mac(2), right[i]);
        station_frame(s, b, sizeof b);
        assert_int_equal(bed_drops(&s->bed, VT_DROP_ETH_TYPE), i + 1);
    }
    assert_int_equal(s->up.count, 0);
}

/* V07: a source that no card can have. */
static void test_v07_bad_source(void **state)
{
    struct station *s = *state;
    static const uint8_t wrong[3][6] = {
        {0, 0, 0, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x01, 0x00, 0x5e, 0, 0, 1}};
    uint8_t b[60] = {0};
    for (unsigned i = 0; i < 3; i++) {
        bed_eth(b, OUR_MAC, bed_mac(2), VT_ETHERTYPE_IPV4);
        memcpy(b + 6, wrong[i], 6);
        station_frame(s, b, sizeof b);
        assert_int_equal(bed_drops(&s->bed, VT_DROP_ETH_SOURCE), i + 1);
    }
    assert_int_equal(s->up.count, 0);
}

static void test_destinations(void **state)
{
    struct station *s = *state;
    uint8_t b[60] = {0};
    bed_eth(b, OUR_MAC, bed_mac(2), VT_ETHERTYPE_IPV4);
    station_frame(s, b, sizeof b);
    assert_int_equal(s->up.count, 1);
    assert_int_equal(s->groups, 0);
    assert_int_equal(s->up.first->len, 46); /* padding is IP's to take off */
    bed_eth(b, VT_MAC_BROADCAST, bed_mac(2), VT_ETHERTYPE_IPV4);
    station_frame(s, b, sizeof b);
    bed_eth(b, (struct vt_mac){{0x01, 0, 0x5e, 0, 0, 1}}, bed_mac(2), VT_ETHERTYPE_IPV4);
    station_frame(s, b, sizeof b);
    assert_int_equal(s->up.count, 3);
    assert_int_equal(s->groups, 2);
    bed_eth(b, bed_mac(3), bed_mac(2), VT_ETHERTYPE_IPV4);
    station_frame(s, b, sizeof b);
    assert_int_equal(bed_drops(&s->bed, VT_DROP_ETH_NOT_OURS), 1);
    assert_int_equal(s->nif.rx_packets, 3);
    assert_int_equal(s->nif.rx_bytes, 180);
}

static void test_types(void **state)
{
    struct station *s = *state;
    static const uint16_t unspoken[] = {VT_ETHERTYPE_IPV6, VT_ETHERTYPE_VLAN, 0x88cc, 0x0600, 0xffff};
    uint8_t b[60] = {0};
    for (size_t i = 0; i < sizeof unspoken / sizeof unspoken[0]; i++) {
        bed_eth(b, OUR_MAC, bed_mac(2), unspoken[i]);
        station_frame(s, b, sizeof b);
        assert_int_equal(bed_drops(&s->bed, VT_DROP_ETH_TYPE), i + 1);
    }
    assert_int_equal(s->up.count, 0);
}

/* A drop is caused by the arrival of the frame, and is the interface's. */
static void test_drops_name_their_cause(void **state)
{
    struct station *s = *state;
    uint8_t b[60] = {0};
    bed_eth(b, bed_mac(9), bed_mac(2), VT_ETHERTYPE_IPV4);
    station_frame(s, b, sizeof b);
    const struct vt_event *rx = bed_find(&s->bed, VT_EV_PORT_RX, 0), *drop = bed_find(&s->bed, VT_EV_DROP, 0);
    assert_int_equal(drop->cause, rx->id);
    assert_int_equal(drop->iface, 2);
    assert_int_equal(drop->layer, VT_L_LINK);
    assert_int_equal(s->core.ev.cause.n, rx->id);
}

static void test_group_addresses_need_no_arp(void **state)
{
    struct station *s = *state;
    static const struct {
        struct vt_ip ip;
        uint8_t mac[6];
    } groups[] = {
        {VT_IP4(255, 255, 255, 255), {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
        {VT_IP4(10, 0, 0, 255), {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
        {VT_IP4(224, 0, 0, 251), {0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb}},
        {VT_IP4(239, 255, 1, 2), {0x01, 0x00, 0x5e, 0x7f, 0x01, 0x02}}, /* RFC 1112 6.4: 23 bits */
    };
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        uint8_t b[100];
        station_send(s, groups[i].ip, 30, 1);
        assert_int_equal(station_sent(s, b, sizeof b), 44);
        assert_memory_equal(b, groups[i].mac, 6);
        assert_memory_equal(b + 6, OUR_MAC.b, 6);
        assert_int_equal(vt_get16(b + 12), VT_ETHERTYPE_IPV4);
    }
    assert_int_equal(s->nif.tx_packets, 4);
    assert_int_equal(s->nif.tx_bytes, 4 * 44);
}

static void test_sets_the_interface_up(void **state)
{
    struct station *s = *state;
    assert_true(vt_mac_eq(s->nif.mac, OUR_MAC));
    assert_int_equal(s->nif.mtu, 1500);
    assert_int_equal(s->nif.features, 0);
    s->dev.dev.features = VT_DEV_TX_CSUM; /* a device may learn to do more, or less */
    vt_eth_input(s->eth, NULL, 0);
    assert_int_equal(s->nif.features, VT_DEV_TX_CSUM);
}

static void test_without_memory(void **state)
{
    struct station *s = *state;
    for (uint64_t fail = 1;; fail++) {
        struct vt_netif nif = s->nif;
        s->bed.memory.fail_at = s->bed.memory.calls + fail;
        struct vt_eth *eth = vt_eth_new(&nif, &s->port, NULL);
        s->bed.memory.fail_at = 0;
        if (eth != NULL) {
            vt_eth_free(eth);
            assert_null(nif.output);
            break;
        }
    }
}

/* S04: twelve hexadecimal digits; the first six are the vendor's, the last six the card's own. */
static void s04_address_of_a_card(void **state)
{
    struct vt_mac mac;
    char text[VT_MAC_TEXT];
    (void)state;
    assert_int_equal(vt_mac_parse(&mac, "00:1b:21:3C:9d:f8"), 0);
    assert_memory_equal(mac.b, "\x00\x1b\x21\x3c\x9d\xf8", 6);
    assert_string_equal(vt_mac_text(text, mac), "00:1b:21:3c:9d:f8");
    assert_int_equal(vt_mac_parse(&mac, "00-1b-21-3c-9d-f8"), 0);
    assert_int_equal(vt_mac_parse(&mac, "00:1b:21:3c:9d"), -VT_EINVAL);
    assert_int_equal(vt_mac_parse(&mac, "00:1b:21:3c:9d:f8:00"), -VT_EINVAL);
    assert_int_equal(vt_mac_parse(&mac, "00:1b:21:3c:9d:fg"), -VT_EINVAL);
    assert_true(vt_mac_is_group(VT_MAC_BROADCAST));
    assert_false(vt_mac_is_group(mac));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_v01_runt),
        CASE(test_v01_length_beyond_frame),
        CASE(test_v07_bad_source),
        CASE(test_destinations),
        CASE(test_types),
        CASE(test_drops_name_their_cause),
        CASE(test_group_addresses_need_no_arp),
        CASE(test_sets_the_interface_up),
        CASE(test_without_memory),
        cmocka_unit_test(s04_address_of_a_card),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

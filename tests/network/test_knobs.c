/* What a sysctl may read and change, and an interface that is taken back. */
#include "fixture.h"

static int setup(void **state)
{
    *state = node_new(1, &(struct vt_net_config){.forward = true});
    return 0;
}

static int teardown(void **state)
{
    node_free(*state);
    return 0;
}

static int64_t get(struct node *n, const char *name)
{
    int64_t value = -1;

    assert_int_equal(vt_net_knob_get(n->net, name, &value), 0);
    return value;
}

static void test_defaults(void **state)
{
    struct node *n = *state;

    assert_int_equal(get(n, "net.ipv4.ip_forward"), 1);
    assert_int_equal(get(n, "net.ipv4.ip_default_ttl"), 64);
    assert_int_equal(get(n, "net.ipv4.ipfrag_high_thresh"), 4 << 20);
    assert_int_equal(get(n, "net.ipv4.ipfrag_time"), 60);
    assert_int_equal(get(n, "net.ipv4.icmp_errors_per_second"), 10);
    assert_int_equal(get(n, "net.ipv4.icmp_echo_ignore_broadcasts"), 1);
}

/* Each has a name, takes back the value it has, and refuses what is out of range. */
static void test_each(void **state)
{
    struct node *n = *state;
    const char *name;
    int64_t value;
    unsigned i;

    for (i = 0; (name = vt_net_knob_name(i)) != NULL; i++) {
        assert_int_equal(vt_net_knob_get(n->net, name, &value), 0);
        assert_int_equal(vt_net_knob_set(n->net, name, value), 0);
        assert_int_equal(get(n, name), value);
        assert_int_equal(vt_net_knob_set(n->net, name, -1), -VT_EINVAL);
        assert_int_equal(vt_net_knob_set(n->net, name, INT64_MAX), -VT_EINVAL);
        assert_int_equal(get(n, name), value);
    }
    assert_int_equal(i, 6);
    assert_int_equal(vt_net_knob_get(n->net, "net.ipv4.none", &value), -VT_ENOENT);
    assert_int_equal(vt_net_knob_set(n->net, "net.ipv4.none", 1), -VT_ENOENT);
}

static void test_they_act(void **state)
{
    struct node *n = *state;
    struct vt_ipv4_hdr h;
    uint8_t data[PACKET_MAX], echo[16];
    uint32_t len = icmp(echo, VT_ICMP_ECHO, 0, 1, 1, "ping", 4);

    assert_int_equal(vt_net_knob_set(n->net, "net.ipv4.ip_default_ttl", 33), 0);
    assert_int_equal(send_pattern(n, HERE, PEER, 10, false), 0);
    sent(n, 0, &h, data);
    assert_int_equal(h.ttl, 33);
    assert_int_equal(vt_net_knob_set(n->net, "net.ipv4.ip_forward", 0), 0);
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = PEER2}, pattern(0), 10);
    assert_dropped(n, VT_DROP_IP_NOT_OURS);
    node_forget(n);
    assert_int_equal(vt_net_knob_set(n->net, "net.ipv4.icmp_echo_ignore_broadcasts", 0), 0);
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = VT_IP4_BROADCAST, .protocol = VT_PROTO_ICMP}, echo,
                  len);
    assert_int_equal(n->nsent, 1);
    assert_int_equal(vt_net_knob_set(n->net, "net.ipv4.ipfrag_time", 5), 0);
    inject_packet(n, 0, &(struct spec){.src = PEER, .dst = HERE, .mf = true}, pattern(0), 16);
    node_wait(n, 5 * VT_SEC);
    assert_dropped(n, VT_DROP_FRAG_TIMEOUT);
}

/* Nothing of it is left: no route, no address, no remembered way. */
static void test_remove_netif(void **state)
{
    struct node *n = *state;
    struct vt_route r = {.dst = VT_IP4(172, 16, 0, 0), .prefix = 12, .via = PEER2};

    assert_int_equal(vt_net_route_add(n->net, &r), 0);
    assert_int_equal(send_pattern(n, HERE2, VT_IP4(172, 16, 0, 9), 10, false), 0);
    vt_net_remove_netif(n->net, &n->nif[1]);
    assert_null(vt_net_netif(n->net, n->nif[1].index));
    assert_false(vt_net_is_local(n->net, HERE2));
    assert_null(vt_net_route(n->net, PEER2));
    assert_null(vt_net_route(n->net, VT_IP4(172, 16, 0, 9)));
    assert_int_equal(send_pattern(n, HERE2, VT_IP4(172, 16, 0, 9), 10, false), -VT_ENETUNREACH);
    assert_non_null(vt_net_route(n->net, PEER));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_defaults),
        CASE(test_each),
        CASE(test_they_act),
        CASE(test_remove_netif),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

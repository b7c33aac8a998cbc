/* Ephemeral ports (RFC 6056 3.3.4). */
#include "base/testing.h"
#include "transport/transport.h"

#define LOW  VT_PORT_LOW
#define HIGH VT_PORT_HIGH

struct taken {
    bool port[65536];
};

static bool in_use(void *ctx, uint16_t port)
{
    return ((struct taken *)ctx)->port[port];
}

static bool never(void *ctx, uint16_t port)
{
    (void)ctx;
    (void)port;
    return false;
}

static struct vt_port_picker picker(uint64_t seed)
{
    struct vt_port_picker pk;
    struct vt_rng rng;

    vt_rng_seed(&rng, seed, 1);
    vt_port_picker_init(&pk, &rng);
    return pk;
}

static int pick(struct vt_port_picker *pk, uint8_t peer, uint16_t rport)
{
    return vt_port_pick(pk, VT_IP4(10, 0, 0, 1), VT_IP4(10, 0, 0, peer), rport, LOW, HIGH, never, NULL);
}

/* Towards one peer each port follows the last, so that none comes back soon (RFC 6056 3.3.4). */
static void one_peer_gets_all_ports_in_turn(void **state)
{
    struct vt_port_picker pk = picker(1);
    static struct taken seen;
    int first = pick(&pk, 2, 80);

    (void)state;
    memset(&seen, 0, sizeof seen);
    seen.port[first] = true;
    for (int i = 1; i <= HIGH - LOW; i++) {
        int port = pick(&pk, 2, 80);
        assert_in_range(port, LOW, HIGH);
        assert_false(seen.port[port]);
        seen.port[port] = true;
    }
    assert_int_equal(pick(&pk, 2, 80), first);
}

/* What one peer sees tells nothing of what another will: first ports of 200 peers are spread, and differ from
 * host to host. */
static void test_v68_ports_cannot_be_guessed(void **state)
{
    struct vt_port_picker pk = picker(1), other = picker(2);
    unsigned near = 0, same = 0;
    int last = 0;

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        int port = pick(&pk, (uint8_t)i, 80);
        near += i > 0 && abs(port - last) < 64;
        same += port == pick(&other, (uint8_t)i, 80);
        last = port;
    }
    assert_true(near < 10); /* by chance, less than one in 200 each */
    assert_true(same < 3);
}

static void the_peers_port_and_address_both_count(void **state)
{
    struct vt_port_picker a = picker(1), b = picker(1), c = picker(1);
    int x = pick(&a, 2, 80);

    (void)state;
    assert_int_not_equal(x, pick(&b, 3, 80));
    assert_int_not_equal(x, pick(&c, 2, 81));
}

static void a_port_in_use_is_never_given(void **state)
{
    struct vt_port_picker pk = picker(test_seed());
    static struct taken taken;

    (void)state;
    memset(&taken, 0, sizeof taken);
    for (int i = 0; i <= HIGH - LOW; i++) {
        int port = vt_port_pick(&pk, VT_IP4_ANY, VT_IP4_ANY, (uint16_t)(i % 7), LOW, HIGH, in_use, &taken);
        assert_in_range(port, LOW, HIGH);
        assert_false(taken.port[port]);
        taken.port[port] = true;
    }
    assert_int_equal(vt_port_pick(&pk, VT_IP4_ANY, VT_IP4_ANY, 0, LOW, HIGH, in_use, &taken),
                     -VT_EADDRNOTAVAIL);
    taken.port[40000] = false;
    assert_int_equal(vt_port_pick(&pk, VT_IP4_ANY, VT_IP4_ANY, 9, LOW, HIGH, in_use, &taken), 40000);
}

/* The counters run over 2^32 in time: the one free port is found all the same. */
static void a_counter_that_wraps_misses_nothing(void **state)
{
    static struct taken taken;

    (void)state;
    memset(&taken, 1, sizeof taken);
    taken.port[HIGH] = false;
    for (uint32_t i = 0; i < 40; i++) {
        struct vt_port_picker pk = picker(i);
        for (unsigned k = 0; k < VT_PORT_COUNTERS; k++)
            pk.counter[k] = UINT32_MAX - i * 700;
        assert_int_equal(vt_port_pick(&pk, VT_IP4_ANY, VT_IP4_ANY, 1, LOW, HIGH, in_use, &taken), HIGH);
    }
}

static void an_empty_range_has_no_port(void **state)
{
    struct vt_port_picker pk = picker(1);

    (void)state;
    assert_int_equal(vt_port_pick(&pk, VT_IP4_ANY, VT_IP4_ANY, 0, 10, 9, never, NULL), -VT_EADDRNOTAVAIL);
    assert_int_equal(vt_port_pick(&pk, VT_IP4_ANY, VT_IP4_ANY, 0, 9, 9, never, NULL), 9);
    assert_int_equal(vt_port_pick(&pk, VT_IP4_ANY, VT_IP4_ANY, 0, 65535, 65535, never, NULL), 65535);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_peer_gets_all_ports_in_turn),
        cmocka_unit_test(test_v68_ports_cannot_be_guessed),
        cmocka_unit_test(the_peers_port_and_address_both_count),
        cmocka_unit_test(a_port_in_use_is_never_given),
        cmocka_unit_test(a_counter_that_wraps_misses_nothing),
        cmocka_unit_test(an_empty_range_has_no_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which addresses an interface calls its own, on its link, and broadcast. */
#include "testing.h"

#include "base/netif.h"

static void same_net(void **state)
{
    (void)state;
    struct vt_ip a = VT_IP4(10, 1, 2, 3);
    assert_true(vt_ip_same_net(a, VT_IP4(10, 1, 2, 200), 24));
    assert_false(vt_ip_same_net(a, VT_IP4(10, 1, 3, 3), 24));
    assert_true(vt_ip_same_net(a, VT_IP4(10, 1, 3, 3), 23));
    assert_true(vt_ip_same_net(a, VT_IP4(200, 1, 3, 3), 0));
    assert_true(vt_ip_same_net(a, a, 32));
    assert_false(vt_ip_same_net(a, VT_IP4(10, 1, 2, 2), 32));
    assert_true(vt_ip_same_net(a, VT_IP4(10, 1, 2, 2), 31));
    struct vt_ip v6 = {{0xfe, 0x80, [15] = 1}}, other = {{0xfe, 0xbf, [15] = 1}};
    assert_true(vt_ip_same_net(v6, other, 10));
    assert_false(vt_ip_same_net(v6, other, 11));
    assert_true(vt_ip_same_net(v6, v6, 128));
    assert_false(vt_ip_same_net(v6, a, 0)); /* another family is another network */
}

static void an_interface(void **state)
{
    (void)state;
    struct vt_netif nif = {
        .naddrs = 4,
        .addr = {{VT_IP4(10, 1, 2, 3), 24},
                 {VT_IP4(192, 0, 2, 0), 31},
                 {VT_IP4(198, 51, 100, 7), 32},
                 {{{0xfe, 0x80, [15] = 1}}, 64}},
    };
    assert_ptr_equal(vt_netif_on_link(&nif, VT_IP4(10, 1, 2, 77)), &nif.addr[0]);
    assert_ptr_equal(vt_netif_on_link(&nif, VT_IP4(192, 0, 2, 1)), &nif.addr[1]);
    assert_ptr_equal(vt_netif_on_link(&nif, VT_IP4(198, 51, 100, 7)), &nif.addr[2]);
    assert_null(vt_netif_on_link(&nif, VT_IP4(198, 51, 100, 8)));
    assert_null(vt_netif_on_link(&nif, VT_IP_ANY));
    assert_true(vt_netif_has(&nif, VT_IP4(10, 1, 2, 3)));
    assert_true(vt_netif_has(&nif, nif.addr[3].ip));
    assert_false(vt_netif_has(&nif, VT_IP4(10, 1, 2, 4)));
    assert_true(vt_netif_is_broadcast(&nif, VT_IP4(10, 1, 2, 255)));
    assert_true(vt_netif_is_broadcast(&nif, VT_IP4(10, 1, 2, 0)));
    assert_true(vt_netif_is_broadcast(&nif, VT_IP4_BROADCAST));
    assert_false(vt_netif_is_broadcast(&nif, VT_IP4(10, 1, 3, 255)));
    assert_false(vt_netif_is_broadcast(&nif, VT_IP4(10, 1, 2, 3)));
    /* RFC 3021: both addresses of a /31 are hosts; and a /32 is one. */
    assert_false(vt_netif_is_broadcast(&nif, VT_IP4(192, 0, 2, 0)));
    assert_false(vt_netif_is_broadcast(&nif, VT_IP4(192, 0, 2, 1)));
    assert_false(vt_netif_is_broadcast(&nif, VT_IP4(198, 51, 100, 7)));
    assert_false(vt_netif_is_broadcast(&nif, VT_IP_ANY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_net), cmocka_unit_test(an_interface)};
    return cmocka_run_group_tests_name("netif", tests, NULL, NULL);
}

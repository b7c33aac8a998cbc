/* A TAP between Vitro's device and the kernel, in a network namespace of its own: the kernel asks for a
 * neighbour, is answered, and its UDP datagram comes with a checksum that is still to be completed. Needs
 * root and /dev/net/tun. */
#include "bed.h"
#include "link/arp_wire.h"
#include "link/eth_wire.h"
#include "physical/tap.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct bed bed;
static struct vt_core core;
static struct vt_device *tap;

static void set_up_interface(int s)
{
    struct ifreq ifr = {.ifr_name = "vt-test0"};
    struct sockaddr_in in = {.sin_family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, "10.77.0.1", &in.sin_addr), 1);
    memcpy(&ifr.ifr_addr, &in, sizeof in);
    assert_int_equal(ioctl(s, SIOCSIFADDR, &ifr), 0);
    assert_int_equal(inet_pton(AF_INET, "255.255.255.0", &in.sin_addr), 1);
    memcpy(&ifr.ifr_netmask, &in, sizeof in);
    assert_int_equal(ioctl(s, SIOCSIFNETMASK, &ifr), 0);
    ifr.ifr_flags = IFF_UP | IFF_RUNNING;
    assert_int_equal(ioctl(s, SIOCSIFFLAGS, &ifr), 0);
}

/* The next frame of a type, within two seconds; others (the kernel's IPv6 chatter) are passed over. */
static struct vt_pbuf *next_of_type(uint16_t type)
{
    for (unsigned i = 0; i < 200; i++) {
        struct pollfd pfd = {.fd = tap->ops->fd(tap), .events = POLLIN};
        struct vt_pbuf *p;
        if (tap->ops->rx_burst(tap, &p, 1, 0) == 0) {
            poll(&pfd, 1, 10);
            continue;
        }
        const uint8_t *b = vt_pbuf_peek(p, 14);
        if (b != NULL && vt_get16(b + 12) == type)
            return p;
        vt_pbuf_free(p);
    }
    fail_msg("no frame of type %04x", type);
    return NULL;
}

static void test_the_kernel_talks_to_us(void **state)
{
    (void)state;
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    set_up_interface(s);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    assert_int_equal(inet_pton(AF_INET, "10.77.0.2", &to.sin_addr), 1);
    assert_int_equal(sendto(s, "hello", 5, 0, (struct sockaddr *)&to, sizeof to), 5);

    struct vt_pbuf *p = next_of_type(VT_ETHERTYPE_ARP);
    struct vt_arp ask = {0};
    vt_pbuf_pull(p, 14);
    assert_int_equal(vt_arp_parse(&ask, vt_pbuf_peek(p, VT_ARP_LEN), p->len), VT_DROP_NONE);
    assert_true(vt_ip_eq(ask.target_ip, VT_IP4(10, 77, 0, 2)));
    vt_pbuf_free(p);

    struct vt_arp answer = {VT_ARP_REPLY, bed_mac(2), ask.sender_mac, ask.target_ip, ask.sender_ip};
    struct vt_eth_hdr h = {ask.sender_mac, bed_mac(2), VT_ETHERTYPE_ARP};
    p = vt_pbuf_new(bed.pool);
    vt_arp_build(vt_pbuf_push(p, VT_ARP_LEN), &answer);
    vt_eth_build(vt_pbuf_push(p, VT_ETH_HLEN), &h);
    assert_int_equal(tap->ops->tx_burst(tap, &p, 1, 0), 1);

    p = next_of_type(VT_ETHERTYPE_IPV4);
    uint8_t b[100];
    assert_int_equal(p->csum, VT_CSUM_PARTIAL);
    assert_int_equal(vt_pbuf_complete_csum(&vt_sums_portable, p), 0);
    assert_int_equal(vt_pbuf_read(p, 0, b, sizeof b), 14 + 20 + 8 + 5);
    assert_memory_equal(b, bed_mac(2).b, 6);
    assert_memory_equal(b + 42, "hello", 5);
    uint32_t sum = bed_sum(17 + 13, b + 26, 8);
    assert_int_equal(bed_sum(sum, b + 34, 13), 0xffff);
    vt_pbuf_free(p);

    struct vt_device *second = NULL; /* one at a time */
    assert_int_equal(vt_tap_open(&second, &core, "vt-test0"), -VT_EBUSY);
    assert_int_equal(vt_tap_open(&second, &core, "lo"), -VT_EINVAL);
    close(s);
}

int main(void)
{
    if (unshare(CLONE_NEWNET) != 0) {
        puts("needs root: a network namespace of its own cannot be made");
        return 77;
    }
    bed_open(&bed);
    bed_core(&bed, &core, 1);
    int err = vt_tap_open(&tap, &core, "vt-test0");
    if (err == -VT_ENODEV || err == -VT_EPERM) {
        puts("needs /dev/net/tun, which cannot be opened");
        return 77;
    }
    if (err != 0) {
        printf("vt_tap_open: %d\n", err);
        return 1;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_kernel_talks_to_us)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (failed == 0) {
        tap->ops->close(tap);
        bed_close(&bed);
    }
    return failed;
}

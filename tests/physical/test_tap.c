/* virtio-net headers, and a TAP's reading and writing over a socket pair that stands for the kernel. */
#include "bed.h"
#include "physical/tap.h"
#include "physical/vnet_wire.h"

#include <sys/socket.h>
#include <unistd.h>

static void test_header_bytes(void **state)
{
    (void)state;
    const uint8_t bytes[10] = {1, 1, 0x36, 0, 0xb4, 0x05, 0x22, 0, 0x10, 0};
    uint8_t back[10];
    struct vt_vnet_hdr h;
    vt_vnet_parse(&h, bytes);
    assert_int_equal(h.flags, VT_VNET_NEEDS_CSUM);
    assert_int_equal(h.gso_type, VT_VNET_GSO_TCPV4);
    assert_int_equal(h.hdr_len, 54);
    assert_int_equal(h.gso_size, 1460);
    assert_int_equal(h.csum_start, 34);
    assert_int_equal(h.csum_offset, 16);
    vt_vnet_build(back, &h);
    assert_memory_equal(back, bytes, 10);
}

static void test_describes_and_applies(void **state)
{
    (void)state;
    struct bed bed;
    struct vt_vnet_hdr h;
    bed_open(&bed);
    struct vt_pbuf *p = bed_super(&bed, VT_ACK, 1, 5000, 1000);
    vt_vnet_describe(&h, p);
    assert_int_equal(h.flags, VT_VNET_NEEDS_CSUM);
    assert_int_equal(h.gso_type, VT_VNET_GSO_TCPV4);
    assert_int_equal(h.gso_size, 1000);
    assert_int_equal(h.hdr_len, 54);
    assert_int_equal(h.csum_start, 34);
    assert_int_equal(h.csum_offset, 16);
    p->csum = VT_CSUM_NONE;
    p->gso = VT_GSO_NONE;
    p->csum_span = 0;
    assert_int_equal(vt_vnet_apply(p, &h), 0);
    assert_int_equal(p->csum, VT_CSUM_PARTIAL);
    assert_int_equal(p->csum_span, 5020);
    assert_int_equal(p->csum_offset, 16);
    assert_int_equal(p->gso, VT_GSO_TCP4);
    assert_int_equal(p->gso_size, 1000);
    vt_pbuf_free(p);

    p = bed_frame(&bed, bed_mac(1), bed_mac(2), 60);
    vt_vnet_describe(&h, p);
    assert_int_equal(h.flags | h.gso_type | h.csum_start, 0);
    p->csum = VT_CSUM_VALID;
    vt_vnet_describe(&h, p);
    assert_int_equal(h.flags, VT_VNET_DATA_VALID);
    p->csum = VT_CSUM_NONE;
    assert_int_equal(vt_vnet_apply(p, &h), 0);
    assert_int_equal(p->csum, VT_CSUM_VALID);
    vt_pbuf_free(p);
    bed_close(&bed);
}

/* A hostile header never makes anyone look or write outside the frame. */
static void test_headers_that_do_not_fit(void **state)
{
    (void)state;
    static const struct vt_vnet_hdr wrong[] = {
        {VT_VNET_NEEDS_CSUM, 0, 0, 0, 65535, 65535},
        {VT_VNET_NEEDS_CSUM, 0, 0, 0, 153, 0}, /* the field would end one byte behind */
        {VT_VNET_NEEDS_CSUM, 0, 0, 0, 34, 119},
        {VT_VNET_NEEDS_CSUM, 0, 0, 0, 13, 16},        /* within the link header */
        {VT_VNET_NEEDS_CSUM, 3, 54, 1000, 34, 16},    /* UDP: not asked for */
        {VT_VNET_NEEDS_CSUM, 0x81, 54, 1000, 34, 16}, /* ECN: neither */
        {VT_VNET_NEEDS_CSUM, 1, 54, 0, 34, 16},
        {VT_VNET_NEEDS_CSUM, 1, 54, 7, 34, 16},
        {0, 1, 54, 1000, 0, 0}, /* a super-segment whose checksum is done */
        {VT_VNET_NEEDS_CSUM, 1, 54, 1000, 34, 6},
        {VT_VNET_NEEDS_CSUM, 1, 54, 1000, 35, 16},
    };
    struct bed bed;
    bed_open(&bed);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct vt_pbuf *p = bed_partial(&bed, VT_ACK, 1, 100);
        assert_int_equal(p->len, 154);
        assert_int_equal(vt_vnet_apply(p, &wrong[i]), -VT_EINVAL);
        assert_int_equal(p->gso, VT_GSO_NONE);
        vt_pbuf_free(p);
    }
    const struct vt_vnet_hdr edge = {VT_VNET_NEEDS_CSUM, 0, 0, 0, 34, 118};
    struct vt_pbuf *p = bed_partial(&bed, VT_ACK, 1, 100);
    assert_int_equal(vt_vnet_apply(p, &edge), 0); /* the last place that fits */
    vt_pbuf_free(p);
    const struct vt_vnet_hdr segments = {VT_VNET_NEEDS_CSUM, 1, 65535, 1000, 34, 16};
    p = bed_frame(&bed, bed_mac(1), bed_mac(2), 154); /* not even IP */
    assert_int_equal(vt_vnet_apply(p, &segments), -VT_EINVAL);
    vt_pbuf_free(p);
    bed_close(&bed);
}

struct fixture {
    struct bed bed;
    struct vt_core core;
    struct vt_device *dev;
    int kernel;
};

static int setup(void **state)
{
    static struct fixture f;
    int pair[2];
    memset(&f, 0, sizeof f);
    bed_open(&f.bed);
    bed_core(&f.bed, &f.core, 1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    int size = 1 << 20;
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    f.kernel = pair[1];
    assert_int_equal(vt_tap_from_fd(&f.dev, &f.core, pair[0], "tap0"), 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    f->dev->ops->close(f->dev);
    close(f->kernel);
    bed_close(&f->bed);
    return 0;
}

/* Hands the device a frame as the kernel would. */
static void kernel_send(struct fixture *f, struct vt_pbuf *p)
{
    static uint8_t b[70000];
    struct vt_vnet_hdr h;
    vt_vnet_describe(&h, p);
    vt_vnet_build(b, &h);
    uint32_t len = vt_pbuf_read(p, 0, b + 10, sizeof b - 10);
    assert_int_equal(write(f->kernel, b, len + 10), len + 10);
}

static void test_reads_frames_of_every_size(void **state)
{
    struct fixture *f = *state;
    static uint8_t was[70000], is[70000];
    struct vt_pbuf *got[VT_BURST];
    assert_string_equal(f->dev->name, "tap0");
    assert_true(f->dev->ops->next(f->dev) == VT_NEVER);
    assert_true(f->dev->ops->fd(f->dev) >= 0);
    assert_int_equal(f->dev->ops->rx_burst(f->dev, got, VT_BURST, 0), 0); /* nothing there: no waiting */
    /* Around the copy limit, the block, and the largest packet. */
    static const size_t sizes[] = {0, 1, 202, 203, 1446, 1994, 1995, 20000, 65495};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct vt_pbuf *p = sizes[i] < 1446 ? bed_partial(&f->bed, VT_ACK, 1, sizes[i])
                                            : bed_super(&f->bed, VT_ACK, 1, sizes[i], 1446);
        kernel_send(f, p);
        assert_int_equal(f->dev->ops->rx_burst(f->dev, got, VT_BURST, 77), 1);
        assert_int_equal(got[0]->len, p->len);
        assert_int_equal(got[0]->csum, VT_CSUM_PARTIAL);
        assert_int_equal(got[0]->csum_span, p->csum_span);
        assert_int_equal(got[0]->gso, p->gso);
        assert_int_equal(got[0]->stamp, 77);
        vt_pbuf_read(p, 0, was, p->len);
        vt_pbuf_read(got[0], 0, is, p->len);
        assert_memory_equal(was, is, p->len);
        vt_pbuf_free(got[0]);
        vt_pbuf_free(p);
    }
}

static void test_reads_in_bursts(void **state)
{
    struct fixture *f = *state;
    struct vt_pbuf *got[8], *p = bed_frame(&f->bed, bed_mac(1), bed_mac(2), 700);
    for (unsigned i = 0; i < 11; i++)
        kernel_send(f, p);
    vt_pbuf_free(p);
    assert_int_equal(f->dev->ops->rx_burst(f->dev, got, 8, 0), 8);
    for (unsigned i = 0; i < 8; i++)
        vt_pbuf_free(got[i]);
    assert_int_equal(f->dev->ops->rx_burst(f->dev, got, 8, 0), 3);
    for (unsigned i = 0; i < 3; i++)
        vt_pbuf_free(got[i]);
}

static void test_drops_what_does_not_fit(void **state)
{
    struct fixture *f = *state;
    struct vt_pbuf *got[8];
    uint8_t b[100] = {VT_VNET_NEEDS_CSUM, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    assert_int_equal(write(f->kernel, b, sizeof b), sizeof b);
    assert_int_equal(write(f->kernel, b, 10), 10); /* a header without a frame */
    assert_int_equal(write(f->kernel, b, 3), 3);
    b[0] = 0;
    assert_int_equal(write(f->kernel, b, 11), 11); /* one byte is a frame; not a good one */
    assert_int_equal(f->dev->ops->rx_burst(f->dev, got, 8, 0), 1);
    assert_int_equal(got[0]->len, 1);
    vt_pbuf_free(got[0]);
    assert_int_equal(bed_drops(&f->bed, VT_DROP_BAD_OFFLOAD), 3);
}

static void test_writes_frames_whole(void **state)
{
    struct fixture *f = *state;
    static uint8_t was[70000], is[70000];
    struct vt_pbuf *p = bed_super(&f->bed, VT_ACK, 1, 30000, 1446), *kept = vt_pbuf_clone(p);
    assert_int_equal(f->dev->ops->tx_burst(f->dev, &p, 1, 0), 1);
    ssize_t n = read(f->kernel, is, sizeof is);
    assert_int_equal(n, kept->len + 10);
    struct vt_vnet_hdr h;
    vt_vnet_parse(&h, is);
    assert_int_equal(h.gso_size, 1446);
    assert_int_equal(h.csum_start, 34);
    vt_pbuf_read(kept, 0, was, kept->len);
    assert_memory_equal(is + 10, was, kept->len);

    /* In many pieces. */
    p = vt_pbuf_new(f->bed.pool);
    bed_eth(vt_pbuf_push(p, 14), bed_mac(1), bed_mac(2), 0x88b5);
    struct vt_block *block = vt_block_new(f->bed.pool, 1000);
    for (unsigned i = 0; i < 1000; i++)
        block->data[i] = (uint8_t)i;
    for (unsigned i = 0; i < VT_PBUF_FRAGS; i++)
        assert_int_equal(vt_pbuf_append(p, block, block->data + 120 * i, 100), 0);
    vt_block_unref(block);
    assert_int_equal(f->dev->ops->tx_burst(f->dev, &p, 1, 0), 1);
    assert_int_equal(read(f->kernel, is, sizeof is), 10 + 14 + 100 * VT_PBUF_FRAGS);
    for (unsigned i = 0; i < VT_PBUF_FRAGS; i++)
        assert_int_equal(is[24 + 100 * i + 99], (uint8_t)(120 * i + 99));
    vt_pbuf_free(kept);
}

static void test_a_full_kernel_takes_what_it_can(void **state)
{
    struct fixture *f = *state;
    struct vt_pbuf *frames[VT_BURST];
    unsigned taken = VT_BURST, rounds = 0;
    while (taken == VT_BURST && rounds++ < 1000) {
        for (unsigned i = 0; i < VT_BURST; i++)
            frames[i] = bed_frame(&f->bed, bed_mac(1), bed_mac(2), 1500);
        taken = f->dev->ops->tx_burst(f->dev, frames, VT_BURST, 0);
    }
    assert_in_range(taken, 0, VT_BURST - 1);
    for (unsigned i = taken; i < VT_BURST; i++)
        vt_pbuf_free(frames[i]); /* the rest stayed ours */
}

static void test_without_memory_frames_wait(void **state)
{
    struct fixture *f = *state;
    struct vt_pbuf *got[8], *p = bed_frame(&f->bed, bed_mac(1), bed_mac(2), 700);
    kernel_send(f, p);
    vt_pbuf_free(p);
    vt_pool_trim(f->bed.pool);
    f->bed.memory.fail_at = f->bed.memory.calls + 1;
    f->bed.memory.fail_on = true;
    assert_int_equal(f->dev->ops->rx_burst(f->dev, got, 8, 0), 0);
    f->bed.memory.fail_at = 0;
    assert_int_equal(f->dev->ops->rx_burst(f->dev, got, 8, 0), 1);
    vt_pbuf_free(got[0]);
}

static void test_open_says_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    struct vt_device *dev = NULL;
    assert_int_equal(vt_tap_open(&dev, &f->core, "a-name-that-is-too-long"), -VT_EINVAL);
    assert_int_equal(vt_tap_from_fd(&dev, &f->core, -1, "tap0"), -VT_EBADF);
    assert_null(dev);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_bytes),
        cmocka_unit_test(test_describes_and_applies),
        cmocka_unit_test(test_headers_that_do_not_fit),
        CASE(test_reads_frames_of_every_size),
        CASE(test_reads_in_bursts),
        CASE(test_drops_what_does_not_fit),
        CASE(test_writes_frames_whole),
        CASE(test_a_full_kernel_takes_what_it_can),
        CASE(test_without_memory_frames_wait),
        CASE(test_open_says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

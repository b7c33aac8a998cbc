/* The internet checksum: the examples of the standards, all routines against a plain one, packets in pieces.
 */
#include "testing.h"

#include "base/random.h"
#include "base/sums.h"

static struct test_memory memory;
static struct vt_pool *pool;

static int setup(void **state)
{
    (void)state;
    memory = (struct test_memory){0};
    pool = vt_pool_new(&(struct vt_pool_config){.mem = test_allocator(&memory)});
    return pool == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    vt_pool_release(pool);
    return memory.count == 0 ? 0 : -1;
}

/* RFC 1071 4.1, word by word. */
static uint16_t plainly(uint64_t sum, const uint8_t *p, size_t len)
{
    for (; len > 1; len -= 2, p += 2)
        sum += vt_get16(p);
    if (len > 0)
        sum += (uint64_t)p[0] << 8;
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static void examples_of_the_standards(void **state)
{
    (void)state;
    /* RFC 1071 3. */
    static const uint8_t rfc1071[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    assert_int_equal(vt_sums_portable.add(0, rfc1071, 8), 0xddf2);
    assert_int_equal(vt_sum_finish(0xddf2), 0x220d);
    /* An IPv4 header with its checksum sums to all ones. */
    static const uint8_t ip[] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                                 0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
    assert_int_equal(vt_sum_finish(vt_sums_portable.add(0, ip, 20)), 0);
    /* An odd byte at the end is the high byte of a word. */
    assert_int_equal(vt_sums_portable.add(0, "\x12\x34\x56", 3), 0x1234 + 0x5600);
    assert_int_equal(vt_sums_portable.add(5, "", 0), 5);
}

static void every_routine_gives_the_same(void **state)
{
    (void)state;
    static uint8_t bytes[70064], copy[70064];
    struct vt_rng rng;
    vt_rng_seed(&rng, test_seed(), 1);
    const struct vt_sums *routines[] = {&vt_sums_portable, vt_sums_best()};
    for (unsigned round = 0; round < 3000; round++) {
        size_t off = vt_rng_below(&rng, 64), len = vt_rng_below(&rng, round % 50 == 0 ? 70000 : 400);
        size_t to = vt_rng_below(&rng, 64);
        uint32_t start = vt_rng_u32(&rng);
        unsigned kind = (unsigned)vt_rng_below(&rng, 4);
        for (size_t i = 0; i < len; i++)
            bytes[off + i] = kind == 0 ? 0xff : kind == 1 ? 0 : (uint8_t)vt_rng_u32(&rng);
        if (kind == 1)
            start = round % 2 == 0 ? 0 : start;
        uint16_t expected = plainly(start, bytes + off, len);
        for (unsigned r = 0; r < 2; r++) {
            assert_int_equal(routines[r]->add(start, bytes + off, len), expected);
            memset(copy, 0x5a, sizeof(copy));
            assert_int_equal(routines[r]->copy(start, copy + to, bytes + off, len), expected);
            assert_memory_equal(copy + to, bytes + off, len);
            assert_int_equal(copy[to + len] == 0x5a && (to == 0 || copy[to - 1] == 0x5a), 1);
        }
    }
}

static void packets_in_pieces(void **state)
{
    (void)state;
    struct vt_rng rng;
    uint8_t bytes[1200];
    vt_rng_seed(&rng, test_seed(), 2);
    for (unsigned round = 0; round < 2000; round++) {
        struct vt_pbuf *p = vt_pbuf_new(pool);
        uint32_t len = 0;
        for (unsigned i = 0; i < 6; i++) {
            struct vt_block *b = vt_block_new(pool, 200);
            uint32_t n = (uint32_t)vt_rng_below(&rng, 100);
            for (uint32_t k = 0; k < n; k++)
                bytes[len + k] = b->data[k] = (uint8_t)vt_rng_u32(&rng);
            assert_int_equal(vt_pbuf_append(p, b, b->data, n), 0);
            vt_block_unref(b);
            len += n;
        }
        (void)vt_pbuf_own(p, (uint32_t)vt_rng_below(&rng, 50));
        uint32_t off = (uint32_t)vt_rng_below(&rng, len + 1), n = (uint32_t)vt_rng_below(&rng, len - off + 1);
        uint32_t sum = vt_pbuf_sum(vt_sums_best(), p, off, n, 0xabcdef);
        assert_int_equal(vt_sum_fold(sum), plainly(0xabcdef, bytes + off, n));
        assert_int_equal(vt_pbuf_crc32(p), vt_crc32(0, bytes, len));
        vt_pbuf_free(p);
    }
}

static void incremental(void **state)
{
    (void)state;
    /* RFC 1624 4, where the older equation goes wrong. */
    assert_int_equal(vt_sum_update(0xdd2f, 0x5555, 0x3285), 0x0000);
    /* Every change of a word in a header that is not all zeros: as if summed anew, never the other zero. */
    struct vt_rng rng;
    vt_rng_seed(&rng, test_seed(), 3);
    for (unsigned round = 0; round < 100000; round++) {
        uint8_t h[20];
        for (unsigned i = 0; i < 20; i++)
            h[i] = vt_rng_below(&rng, 3) == 0 ? 0xff
                                              : (uint8_t)(vt_rng_below(&rng, 2) * vt_rng_below(&rng, 256));
        h[0] = 0x45;
        unsigned at = 2 * (unsigned)(1 + vt_rng_below(&rng, 9));
        uint16_t was = vt_get16(h + at), checksum = (uint16_t)~plainly(0, h, 20);
        uint16_t is = vt_rng_below(&rng, 2) == 0 ? (uint16_t)vt_rng_u32(&rng)
                                                 : (uint16_t)~plainly(was, h, 20);
        vt_put16(h + at, is);
        assert_int_equal(vt_sum_update(checksum, was, is), (uint16_t)~plainly(0, h, 20));
    }
}

static void pseudo_headers(void **state)
{
    (void)state;
    assert_int_equal(vt_sum_fold(vt_sum_pseudo(VT_IP4(192, 168, 0, 31), VT_IP4(192, 168, 0, 30), 17, 10)),
                     plainly(0, (const uint8_t *)"\xc0\xa8\x00\x1f\xc0\xa8\x00\x1e\x00\x11\x00\x0a", 12));
    /* RFC 8200 8.1: the upper-layer length has 32 bits. */
    uint8_t h[40] = {0xfe, 0x80,     [15] = 1, [16] = 0x20, 0x01,    0x0d,
                     0xb8, [31] = 2, [33] = 1, [35] = 5,    [39] = 6};
    struct vt_ip src, dst;
    memcpy(src.b, h, 16);
    memcpy(dst.b, h + 16, 16);
    assert_int_equal(vt_sum_fold(vt_sum_pseudo(src, dst, 6, 0x10005)), plainly(0, h, 40));
}

/* A UDP datagram of `n` bytes behind `front` bytes of headers, its field holding the pseudo-header's sum. */
static struct vt_pbuf *partial(const uint8_t *payload, uint32_t n, uint32_t front, uint16_t pseudo)
{
    uint8_t bytes[2000] = {0};
    vt_put16(bytes + front, 9528);
    vt_put16(bytes + front + 2, 9529);
    vt_put16(bytes + front + 4, (uint16_t)(8 + n));
    vt_put16(bytes + front + 6, pseudo);
    memcpy(bytes + front + 8, payload, n);
    struct vt_pbuf *p = vt_pbuf_from(pool, bytes, front + 8 + n);
    p->csum = VT_CSUM_PARTIAL;
    p->csum_span = 8 + n;
    p->csum_offset = 6;
    return p;
}

static void partial_sums_are_completed(void **state)
{
    (void)state;
    static const uint32_t fronts[] = {0, 34, 300}; /* the last puts the field beyond the room */
    uint8_t payload[501];
    memset(payload, 0xa7, sizeof(payload));
    for (unsigned i = 0; i < 3; i++) {
        struct vt_pbuf *p = partial(payload, sizeof(payload), fronts[i], 0x1234), *q = vt_pbuf_clone(p);
        assert_int_equal(vt_pbuf_complete_csum(vt_sums_best(), p), 0);
        assert_int_equal(p->csum, VT_CSUM_VALID);
        /* With the pseudo-header, all sums to ones; the copy that shares the block has not changed. */
        assert_int_equal(vt_sum_fold(vt_pbuf_sum(vt_sums_best(), p, fronts[i], p->csum_span, 0x1234)),
                         0xffff);
        uint8_t field[2];
        assert_int_equal(vt_pbuf_read(q, fronts[i] + 6, field, 2), 2);
        assert_int_equal(vt_get16(field), 0x1234);
        assert_int_equal(vt_pbuf_complete_csum(vt_sums_best(), p), 0);
        assert_int_equal(p->csum, VT_CSUM_VALID);
        vt_pbuf_free(p);
        vt_pbuf_free(q);
    }
}

static void a_udp_sum_of_zero_is_sent_as_ones(void **state)
{
    (void)state;
    uint8_t payload[2];
    uint16_t pseudo = 0x1234;
    vt_put16(payload, (uint16_t)~vt_sum_fold(9528u + 9529 + 10 + pseudo));
    struct vt_pbuf *p = partial(payload, 2, 34, pseudo);
    uint8_t field[2];
    assert_int_equal(vt_pbuf_complete_csum(vt_sums_best(), p), 0);
    vt_pbuf_read(p, 40, field, 2);
    assert_int_equal(vt_get16(field), 0xffff);
    vt_pbuf_free(p);
}

static void offsets_outside_the_packet(void **state)
{
    (void)state;
    struct vt_pbuf *p = partial((const uint8_t *)"", 0, 34, 0);
    p->csum_span = 43;
    assert_int_equal(vt_pbuf_complete_csum(vt_sums_best(), p), -VT_EINVAL);
    p->csum_span = 8;
    p->csum_offset = 7;
    assert_int_equal(vt_pbuf_complete_csum(vt_sums_best(), p), -VT_EINVAL);
    p->csum_offset = UINT16_MAX;
    assert_int_equal(vt_pbuf_complete_csum(vt_sums_best(), p), -VT_EINVAL);
    assert_int_equal(p->csum, VT_CSUM_PARTIAL);
    vt_pbuf_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_standards),
        cmocka_unit_test(every_routine_gives_the_same),
        cmocka_unit_test(packets_in_pieces),
        cmocka_unit_test(incremental),
        cmocka_unit_test(pseudo_headers),
        cmocka_unit_test(partial_sums_are_completed),
        cmocka_unit_test(a_udp_sum_of_zero_is_sent_as_ones),
        cmocka_unit_test(offsets_outside_the_packet),
    };
    return cmocka_run_group_tests_name("sums", tests, setup, teardown);
}

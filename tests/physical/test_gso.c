/* Cutting super-segments into the frames that they stand for. */
#include "bed.h"

static void cut_and_check(struct bed *bed, struct vt_core *core, unsigned flags, size_t data, uint16_t size)
{
    struct vt_pbufq out = {0};
    struct vt_pbuf *p = bed_super(bed, flags, 0xffffff00, data, size);
    p->ev = (struct vt_event_id){5, 6};
    p->mark = 9;
    static uint8_t whole[70000];
    vt_pbuf_read(p, 0, whole, p->len);
    assert_int_equal(vt_gso_cut(core, p, false, &out), 0);
    size_t frames = data == 0 ? 1 : (data + size - 1) / size, off = 0;
    assert_int_equal(out.count, frames);
    for (size_t i = 0; i < frames; i++) {
        struct vt_pbuf *q = vt_pbufq_pop(&out);
        const uint8_t *b = bed_check_tcp(q);
        size_t len = q->len - BED_TCP_HEAD;
        assert_true(len <= size);
        assert_int_equal(vt_get32(b + 38), (uint32_t)(0xffffff00u + off)); /* wraps */
        assert_int_equal(vt_get16(b + 18), (uint16_t)(0xfffe + i));
        unsigned expect = flags;
        if (i + 1 < frames)
            expect &= ~(unsigned)(VT_FIN | VT_PSH);
        if (i > 0)
            expect &= ~(unsigned)VT_CWR;
        assert_int_equal(b[47], expect);
        assert_memory_equal(b + BED_TCP_HEAD, whole + BED_TCP_HEAD + off, len);
        assert_int_equal(q->gso, VT_GSO_NONE);
        assert_int_equal(q->csum, VT_CSUM_VALID);
        assert_int_equal(q->ev.n, 5);
        assert_int_equal(q->ev.node, 6);
        assert_int_equal(q->mark, 9);
        off += len;
        vt_pbuf_free(q);
    }
    assert_int_equal(off, data);
}

static void test_frames_are_whole_segments(void **state)
{
    (void)state;
    struct bed bed;
    struct vt_core core;
    bed_open(&bed);
    bed_core(&bed, &core, 1);
    const unsigned flags = VT_ACK | VT_PSH | VT_FIN | VT_CWR | VT_ECE;
    cut_and_check(&bed, &core, flags, 65495, 1460);
    cut_and_check(&bed, &core, flags, 1460, 1460);
    cut_and_check(&bed, &core, flags, 1461, 1460);
    cut_and_check(&bed, &core, flags, 1, 8);
    cut_and_check(&bed, &core, flags, 0, 8);
    cut_and_check(&bed, &core, VT_ACK, 100, 33); /* odd sizes: all in the room */
    cut_and_check(&bed, &core, VT_ACK, 4001, 777);
    bed_close(&bed);
}

static void test_raw_ip(void **state)
{
    (void)state;
    struct bed bed;
    struct vt_core core;
    struct vt_pbufq out = {0};
    bed_open(&bed);
    bed_core(&bed, &core, 1);
    struct vt_pbuf *p = bed_super(&bed, VT_ACK, 1, 5000, 1000);
    vt_pbuf_skip(p, 14);
    assert_int_equal(vt_gso_cut(&core, p, true, &out), 0);
    assert_int_equal(out.count, 5);
    assert_int_equal(out.bytes, 5000 + 5 * 40);
    vt_pbufq_clear(&out);
    bed_close(&bed);
}

/* Each is refused, counted once, and freed. */
static void test_refuses_what_is_no_super_segment(void **state)
{
    (void)state;
    static const struct {
        unsigned at;
        uint8_t value;
    } wrong[] = {
        {12, 0x86}, /* another ethertype */
        {14, 0x65}, /* IPv6 */
        {14, 0x44}, /* a header of 16 bytes */
        {16, 0xff}, /* longer than the frame */
        {17, 39},   /* too short for TCP, with 16 */
        {20, 0x60}, /* more fragments */
        {21, 0x01}, /* a later fragment */
        {23, 17},   /* UDP */
        {46, 0x40}, /* a data offset of 4 words */
    };
    struct bed bed;
    struct vt_core core;
    struct vt_pbufq out = {0};
    bed_open(&bed);
    bed_core(&bed, &core, 1);
    size_t n = sizeof wrong / sizeof wrong[0];
    for (size_t i = 0; i < n; i++) {
        struct vt_pbuf *p = bed_super(&bed, VT_ACK, 1, 100, 50);
        uint8_t *b = vt_pbuf_own(p, 60);
        b[wrong[i].at] = wrong[i].value;
        if (wrong[i].at == 17)
            b[16] = 0;
        assert_int_equal(vt_gso_cut(&core, p, false, &out), -VT_EINVAL);
        assert_int_equal(bed_drops(&bed, VT_DROP_BAD_OFFLOAD), i + 1);
    }
    /* Sizes that would make a flood out of one packet; and none. */
    for (uint16_t size = 0; size < 8; size++)
        assert_int_equal(vt_gso_cut(&core, bed_super(&bed, VT_ACK, 1, 100, size), false, &out), -VT_EINVAL);
    /* Every truncation. */
    for (uint32_t len = 0; len < BED_TCP_HEAD; len++) {
        struct vt_pbuf *p = bed_super(&bed, VT_ACK, 1, 100, 50);
        vt_pbuf_trim(p, len);
        assert_int_equal(vt_gso_cut(&core, p, false, &out), -VT_EINVAL);
    }
    assert_int_equal(out.count, 0);
    bed_close(&bed);
}

/* At every allocation that can fail: what was made is whole, the rest is one counted drop, nothing leaks. */
static void test_without_memory(void **state)
{
    (void)state;
    for (uint64_t fail = 1;; fail++) {
        struct bed bed;
        struct vt_core core;
        struct vt_pbufq out = {0};
        bed_open(&bed);
        bed_core(&bed, &core, 1);
        struct vt_pbuf *p = bed_super(&bed, VT_ACK, 1, 5000, 1000);
        bed.memory.fail_at = bed.memory.calls + fail;
        bed.memory.fail_on = true;
        int err = vt_gso_cut(&core, p, false, &out);
        bed.memory.fail_at = 0;
        assert_int_equal(core.drops[VT_DROP_NO_MEMORY], err == 0 ? 0 : 1);
        while ((p = vt_pbufq_pop(&out)) != NULL) {
            bed_check_tcp(p);
            vt_pbuf_free(p);
        }
        bed_close(&bed);
        if (err == 0)
            break;
        assert_int_equal(err, -VT_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_are_whole_segments),
        cmocka_unit_test(test_raw_ip),
        cmocka_unit_test(test_refuses_what_is_no_super_segment),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

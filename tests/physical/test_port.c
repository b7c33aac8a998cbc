/* The port: what it tells, what it completes and cuts, and what it refuses. */
#include "bed.h"

struct fixture {
    struct bed bed;
    struct vt_core core;
    struct bed_dev dev;
    struct vt_port port;
};

static int setup_with(void **state, uint32_t features)
{
    static struct fixture f;
    bed_open(&f.bed);
    bed_core(&f.bed, &f.core, 7);
    bed_dev_open(&f.dev, features);
    vt_port_init(&f.port, &f.core, &f.dev.dev, 3, "eth0", bed_mac(1));
    *state = &f;
    return 0;
}
static int setup(void **state)
{
    return setup_with(state, 0);
}
static int setup_offload(void **state)
{
    return setup_with(state, VT_DEV_TX_CSUM | VT_DEV_TX_TSO4);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    bed_dev_close(&f->dev);
    bed_close(&f->bed);
    return 0;
}

static void test_tells_of_itself(void **state)
{
    struct fixture *f = *state;
    const struct vt_event *e = bed_find(&f->bed, VT_EV_PORT, 0);
    assert_non_null(e);
    assert_int_equal(e->iface, 3);
    assert_int_equal(e->u.port.mtu, 1500);
    assert_memory_equal(e->u.port.mac, bed_mac(1).b, 6);
    assert_int_equal(f->bed.extra_len, 4);
    assert_memory_equal(f->bed.extra, "eth0", 4);
}

static void test_frames_carry_their_cause(void **state)
{
    struct fixture *f = *state;
    struct vt_pbuf *p = bed_frame(&f->bed, bed_mac(2), bed_mac(1), 100);
    p->ev = (struct vt_event_id){55, 9};
    p->mark = 77;
    f->core.ev.cause = (struct vt_event_id){1, 7}; /* whoever runs now is not the cause */
    vt_port_tx(&f->port, p);
    assert_int_equal(f->dev.out.count, 0); /* gathered */
    vt_port_flush(&f->port);
    assert_int_equal(f->dev.out.count, 1);
    const struct vt_event *e = bed_find(&f->bed, VT_EV_PORT_TX, 0);
    assert_int_equal(e->cause, 55);
    assert_int_equal(e->cause_node, 9);
    assert_int_equal(e->mark, 77);
    assert_int_equal(e->u.frame.len, 100);
    assert_int_equal(e->extra, 0);

    p = vt_pbufq_pop(&f->dev.out);
    assert_int_equal(p->ev.n, e->id);
    assert_int_equal(p->ev.node, 7);
    uint64_t sent = e->id;
    vt_pbufq_push(&f->dev.in, p);
    struct vt_pbuf *in[4];
    assert_int_equal(vt_port_rx(&f->port, in, 4), 1);
    e = bed_find(&f->bed, VT_EV_PORT_RX, 0);
    assert_int_equal(e->cause, sent);
    assert_int_equal(in[0]->ev.n, e->id);

    /* From outside: no cause, not even the one that runs. */
    in[0]->ev = (struct vt_event_id){0};
    vt_pbufq_push(&f->dev.in, in[0]);
    assert_int_equal(vt_port_rx(&f->port, in, 4), 1);
    assert_int_equal(bed_find(&f->bed, VT_EV_PORT_RX, 1)->cause, 0);
    vt_pbuf_free(in[0]);
    assert_int_equal(f->port.tx_frames, 1);
    assert_int_equal(f->port.tx_bytes, 100);
    assert_int_equal(f->port.rx_frames, 2);
}

static void test_bytes_on_request(void **state)
{
    struct fixture *f = *state;
    f->bed.stream.frames = true;
    f->dev.dev.mtu = 9000;
    for (uint32_t len = 60; len < 9014;
         len = len * 3 + 1) { /* small ones, and one beyond the stack's buffer */
        vt_port_tx(&f->port, bed_frame(&f->bed, bed_mac(2), bed_mac(1), len));
        vt_port_flush(&f->port);
        vt_stream_drain(&f->bed.stream);
        struct vt_pbuf *p = vt_pbufq_pop(&f->dev.out);
        uint8_t bytes[9014];
        assert_int_equal(vt_pbuf_read(p, 0, bytes, sizeof bytes), len);
        assert_int_equal(f->bed.extra_len, len);
        assert_memory_equal(f->bed.extra, bytes, len);
        vt_pbuf_free(p);
    }
}

static void test_completes_the_checksum(void **state)
{
    struct fixture *f = *state;
    vt_port_tx(&f->port, bed_partial(&f->bed, 0x18, 1, 333));
    vt_port_flush(&f->port);
    struct vt_pbuf *p = vt_pbufq_pop(&f->dev.out);
    assert_int_not_equal(p->csum, VT_CSUM_PARTIAL);
    bed_check_tcp(p);
    vt_pbuf_free(p);
}

static void test_refuses_an_impossible_checksum(void **state)
{
    struct fixture *f = *state;
    struct vt_pbuf *p = bed_partial(&f->bed, 0x18, 1, 100);
    p->csum_offset = 65000;
    vt_port_tx(&f->port, p);
    assert_int_equal(bed_drops(&f->bed, VT_DROP_BAD_OFFLOAD), 1);
    assert_int_equal(f->port.tx_drops, 1);
}

static void test_offloads_cross_whole(void **state)
{
    struct fixture *f = *state;
    vt_port_tx(&f->port, bed_super(&f->bed, 0x18, 1, 20000, 1460));
    vt_port_flush(&f->port);
    struct vt_pbuf *p = vt_pbufq_pop(&f->dev.out);
    assert_int_equal(p->len, 54 + 20000);
    assert_int_equal(p->gso, VT_GSO_TCP4);
    assert_int_equal(p->csum, VT_CSUM_PARTIAL);
    const struct vt_event *e = bed_find(&f->bed, VT_EV_PORT_TX, 0);
    assert_int_equal(e->u.frame.gso, 1460);
    assert_int_equal(e->u.frame.partial, 1);
    vt_pbuf_free(p);
}

/* What is captured is real frames with right checksums, whatever the device could have done. */
static void test_watched_frames_are_real(void **state)
{
    struct fixture *f = *state;
    f->bed.stream.frames = true;
    vt_port_tx(&f->port, bed_super(&f->bed, 0x18, 1, 3000, 1460));
    assert_int_equal(bed_kinds(&f->bed, VT_EV_PORT_TX), 3);
    vt_port_tx(&f->port, bed_partial(&f->bed, 0x18, 1, 100));
    vt_stream_drain(&f->bed.stream);
    assert_int_equal(f->bed.extra_len, 154);
    assert_int_equal(bed_tcp_sum(f->bed.extra + 14, 120, true), 0xffff);
    vt_port_flush(&f->port);
    assert_int_equal(f->dev.out.count, 4);
}

static void test_cuts_for_a_plain_device(void **state)
{
    struct fixture *f = *state;
    struct vt_pbuf *p = bed_super(&f->bed, 0x18, 1, 65535 - 40, 1460);
    p->ev = (struct vt_event_id){12, 7};
    vt_port_tx(&f->port, p);
    vt_port_flush(&f->port);
    assert_int_equal(f->dev.out.count, 45);
    assert_int_equal(bed_kinds(&f->bed, VT_EV_PORT_TX), 45);
    assert_int_equal(bed_find(&f->bed, VT_EV_PORT_TX, 44)->cause, 12);
    assert_int_equal(f->port.tx_bytes, 65535 - 40 + 45 * 54);
}

static void test_refuses_what_is_too_big(void **state)
{
    struct fixture *f = *state;
    vt_port_tx(&f->port, bed_frame(&f->bed, bed_mac(2), bed_mac(1), 1514));
    assert_int_equal(bed_drops(&f->bed, VT_DROP_TX_TOO_BIG), 0);
    vt_port_tx(&f->port, bed_frame(&f->bed, bed_mac(2), bed_mac(1), 1515));
    assert_int_equal(bed_drops(&f->bed, VT_DROP_TX_TOO_BIG), 1);
    assert_int_equal(bed_find(&f->bed, VT_EV_DROP, 0)->iface, 3);

    /* Four bytes more for a VLAN tag, and no more. */
    for (uint32_t len = 1518; len <= 1519; len++) {
        struct vt_pbuf *p = bed_frame(&f->bed, bed_mac(2), bed_mac(1), len);
        vt_put16(vt_pbuf_own(p, 14) + 12, 0x8100);
        vt_port_tx(&f->port, p);
    }
    assert_int_equal(bed_drops(&f->bed, VT_DROP_TX_TOO_BIG), 2);

    /* A super-segment is measured by its frames: it may have been made for another port. */
    vt_port_tx(&f->port, bed_super(&f->bed, 0x18, 1, 9000, 1461));
    assert_int_equal(bed_drops(&f->bed, VT_DROP_TX_TOO_BIG), 3);
    vt_port_flush(&f->port);
    assert_int_equal(f->dev.out.count, 2);
    assert_int_equal(f->port.tx_drops, 3);
}

static void test_a_busy_device_costs_the_rest(void **state)
{
    struct fixture *f = *state;
    f->dev.accept = 3;
    for (unsigned i = 0; i < 5; i++)
        vt_port_tx(&f->port, bed_frame(&f->bed, bed_mac(2), bed_mac(1), 60));
    vt_port_flush(&f->port);
    assert_int_equal(f->dev.out.count, 3);
    assert_int_equal(bed_drops(&f->bed, VT_DROP_TX_BUSY), 2);
    assert_int_equal(f->core.drops[VT_DROP_TX_BUSY], 2);
}

static void test_a_full_device_is_told_at_once(void **state)
{
    struct fixture *f = *state;
    struct vt_pbuf *p = bed_frame(&f->bed, bed_mac(2), bed_mac(1), 60);
    assert_false(vt_port_refuses(&f->port, p));
    f->dev.dev.features |= VT_DEV_TX_FULL;
    vt_port_tx(&f->port, bed_frame(&f->bed, bed_mac(2), bed_mac(1), 60));
    assert_int_equal(bed_drops(&f->bed, VT_DROP_TX_BUSY), 1); /* before any flush */
    assert_true(vt_port_refuses(&f->port, p));
    assert_int_equal(bed_drops(&f->bed, VT_DROP_TX_BUSY), 2);
    assert_int_equal(f->port.tx_drops, 2);
    f->dev.dev.features &= ~(uint32_t)VT_DEV_TX_FULL;
    vt_port_tx(&f->port, bed_frame(&f->bed, bed_mac(2), bed_mac(1), 60));
    vt_port_flush(&f->port);
    assert_int_equal(f->dev.out.count, 1);
}

static void test_a_full_burst_goes_at_once(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < VT_BURST + 1; i++)
        vt_port_tx(&f->port, bed_frame(&f->bed, bed_mac(2), bed_mac(1), 60));
    assert_int_equal(f->dev.out.count, VT_BURST);
    vt_port_flush(&f->port);
    assert_int_equal(f->dev.out.count, VT_BURST + 1);
}

/* Ids are the same whether anybody listens or not. */
static void test_ids_advance_unheard(void **state)
{
    struct fixture *f = *state;
    uint64_t was = f->core.ev.count;
    f->core.ev.stream = NULL;
    vt_port_tx(&f->port, bed_frame(&f->bed, bed_mac(2), bed_mac(1), 60));
    assert_int_equal(f->core.ev.count, was + 1);
    vt_port_flush(&f->port);
    assert_int_equal(f->dev.out.first->ev.n, was + 1);
}

int main(void)
{
#define CASE(name)    cmocka_unit_test_setup_teardown(name, setup, teardown)
#define OFFLOAD(name) cmocka_unit_test_setup_teardown(name, setup_offload, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_tells_of_itself),
        CASE(test_frames_carry_their_cause),
        CASE(test_bytes_on_request),
        CASE(test_completes_the_checksum),
        CASE(test_refuses_an_impossible_checksum),
        OFFLOAD(test_offloads_cross_whole),
        OFFLOAD(test_watched_frames_are_real),
        CASE(test_cuts_for_a_plain_device),
        CASE(test_refuses_what_is_too_big),
        CASE(test_a_busy_device_costs_the_rest),
        CASE(test_a_full_device_is_told_at_once),
        CASE(test_a_full_burst_goes_at_once),
        CASE(test_ids_advance_unheard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

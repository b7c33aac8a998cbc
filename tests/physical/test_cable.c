/* The cable: exact times, seeded fates, and totals that reconcile. */
#include "bed.h"
#include "physical/cable.h"

struct fixture {
    struct bed bed;
    struct vt_core lab;
    struct vt_cable *cable;
    struct vt_device *a, *b;
    unsigned wakes, woken_end;
    vt_time woken_for;
};

static void wake(void *ctx, struct vt_cable *c, unsigned end, vt_time when)
{
    struct fixture *f = ctx;
    (void)c;
    f->wakes++;
    f->woken_end = end;
    f->woken_for = when;
}

static void open_seeded(struct fixture *f, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    bed_open(&f->bed);
    bed_core(&f->bed, &f->lab, 0);
    f->cable = vt_cable_new(&f->lab, 4, seed, wake, f);
    assert_non_null(f->cable);
    f->a = vt_cable_end(f->cable, 0);
    f->b = vt_cable_end(f->cable, 1);
}

static int setup(void **state)
{
    static struct fixture f;
    open_seeded(&f, 1);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    vt_cable_free(f->cable);
    bed_close(&f->bed);
    return 0;
}

static void impair(struct fixture *f, const char *text)
{
    struct vt_impair im = {0};
    size_t where;
    const char *expected;
    assert_int_equal(vt_impair_parse(&im, text, &where, &expected), 0);
    vt_cable_set_impair(f->cable, 0, &im);
}

static void fault(struct fixture *f, const char *text)
{
    struct vt_fault fault;
    size_t where;
    const char *expected;
    assert_int_equal(vt_fault_parse(&fault, text, &where, &expected), 0);
    assert_int_equal(vt_cable_add_fault(f->cable, 0, &fault), 0);
}

/* Sends a frame into end 0, numbered by its event. */
static void send_pbuf(struct fixture *f, struct vt_pbuf *p, uint64_t number, vt_time now)
{
    p->ev = (struct vt_event_id){number, 9};
    assert_int_equal(f->a->ops->tx_burst(f->a, &p, 1, now), 1);
}
static void send_frame(struct fixture *f, uint32_t len, uint64_t number, vt_time now)
{
    send_pbuf(f, bed_frame(&f->bed, bed_mac(2), bed_mac(1), len), number, now);
}

/* Takes the next frame out of end 1, whenever it comes; returns its number, 0 when there is none. */
static uint64_t take(struct fixture *f, vt_time *when)
{
    struct vt_pbuf *p;
    for (;;) {
        vt_time next = f->b->ops->next(f->b);
        if (next == VT_NEVER)
            return 0;
        if (next > 0) {
            unsigned early = f->b->ops->rx_burst(f->b, &p, 1, next - 1);
            assert_int_equal(early, 0); /* not a nanosecond before */
        }
        *when = next;
        if (f->b->ops->rx_burst(f->b, &p, 1, next) == 1)
            break; /* else it was dropped on arrival */
    }
    assert_int_equal(p->stamp, *when);
    uint64_t number = p->ev.n;
    vt_pbuf_free(p);
    return number;
}

static void reconcile(struct fixture *f)
{
    const struct vt_cable_stats *s = vt_cable_stats(f->cable, 0);
    assert_int_equal(s->sent + s->duplicated, s->delivered + s->lost + s->cut + s->queue_full + s->targeted +
                                                  s->fcs_errors + s->no_memory +
                                                  vt_cable_way_in_flight(f->cable, 0));
    assert_int_equal(s->lost, bed_drops(&f->bed, VT_DROP_CABLE_LOSS));
    assert_int_equal(s->cut, bed_drops(&f->bed, VT_DROP_CABLE_CUT));
    assert_int_equal(s->queue_full, bed_drops(&f->bed, VT_DROP_CABLE_QUEUE));
    assert_int_equal(s->targeted, bed_drops(&f->bed, VT_DROP_CABLE_TARGET));
    assert_int_equal(s->fcs_errors, bed_drops(&f->bed, VT_DROP_FCS));
    assert_int_equal(s->duplicated + s->reordered + s->delayed + s->corrupted + s->corrupted_inside,
                     bed_kinds(&f->bed, VT_EV_IMPAIR));
}

static void test_a_clean_cable_is_instant(void **state)
{
    struct fixture *f = *state;
    vt_time when;
    assert_int_equal(f->a->features, VT_DEV_TX_CSUM | VT_DEV_TX_TSO4 | VT_DEV_RX_CSUM | VT_DEV_RX_GSO);
    assert_int_equal(f->b->ops->next(f->b), VT_NEVER);
    send_frame(f, 100, 1, 5000);
    assert_int_equal(f->wakes, 1);
    assert_int_equal(f->woken_end, 1);
    assert_int_equal(f->woken_for, 5000);
    send_frame(f, 100, 2, 5000);
    assert_int_equal(f->wakes, 1); /* it was awake */
    assert_int_equal(vt_cable_in_flight(f->cable), 2);
    assert_int_equal(take(f, &when), 1);
    assert_int_equal(when, 5000);
    assert_int_equal(take(f, &when), 2);
    assert_int_equal(take(f, &when), 0);
    assert_int_equal(f->a->ops->next(f->a), VT_NEVER); /* nothing comes back */
    assert_int_equal(f->a->ops->fd(f->a), -1);
    reconcile(f);
}

static void test_super_segments_cross_whole(void **state)
{
    struct fixture *f = *state;
    struct vt_pbuf *p;
    send_pbuf(f, bed_super(&f->bed, VT_ACK, 1, 30000, 1460), 1, 0);
    assert_int_equal(f->b->ops->rx_burst(f->b, &p, 1, 0), 1);
    assert_int_equal(p->gso, VT_GSO_TCP4);
    assert_int_equal(p->csum, VT_CSUM_PARTIAL);
    vt_pbuf_free(p);

    /* Whatever looks or harms stops that, in this direction alone; one that is already made is cut here. */
    static const uint32_t tx = VT_DEV_TX_CSUM | VT_DEV_TX_TSO4, rx = VT_DEV_RX_CSUM | VT_DEV_RX_GSO;
    impair(f, "delay 1us");
    assert_int_equal(f->a->features, rx);
    assert_int_equal(f->b->features, tx);
    send_pbuf(f, bed_super(&f->bed, VT_ACK, 1, 3000, 1460), 2, 0);
    struct vt_pbuf *frames[4];
    assert_int_equal(f->b->ops->rx_burst(f->b, frames, 4, 1000), 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(frames[i]->csum, VT_CSUM_NONE); /* nobody has verified it yet */
        bed_check_tcp(frames[i]);
        vt_pbuf_free(frames[i]);
    }
    impair(f, "");
    assert_int_equal(f->a->features, tx | rx);
    vt_cable_set_observed(f->cable, true);
    assert_int_equal(f->a->features | f->b->features, 0);
    vt_cable_set_observed(f->cable, false);
    fault(f, "drop 9th any");
    assert_int_equal(f->a->features, rx);
    vt_cable_clear_faults(f->cable);
    assert_int_equal(f->b->features, tx | rx);
}

/* To the nanosecond: serialisation of the frame with its 24 bytes around it, then propagation. */
static void test_rate_and_delay_are_exact(void **state)
{
    struct fixture *f = *state;
    vt_time when;
    impair(f, "rate 10mbit delay 20ms");
    send_frame(f, 1514, 1, 1000);
    send_frame(f, 42, 2, 1000); /* padded to 60 on the wire */
    send_frame(f, 60, 3, 2000);
    send_frame(f, 61, 4, 40 * VT_MSEC); /* the line has been free for long */
    assert_int_equal(take(f, &when), 1);
    assert_int_equal(when, 1000 + (1514 + 24) * 800 + 20 * VT_MSEC);
    assert_int_equal(take(f, &when), 2);
    assert_int_equal(when, 1000 + (1514 + 24 + 84) * 800 + 20 * VT_MSEC);
    assert_int_equal(take(f, &when), 3);
    assert_int_equal(when, 1000 + (1514 + 24 + 84 + 84) * 800 + 20 * VT_MSEC);
    assert_int_equal(take(f, &when), 4);
    assert_int_equal(when, 40 * VT_MSEC + 85 * 800 + 20 * VT_MSEC);

    /* A rate that does not come out even is never exceeded. */
    impair(f, "rate 7bit");
    send_frame(f, 60, 5, VT_SEC);
    assert_int_equal(take(f, &when), 5);
    assert_int_equal(when, VT_SEC + (84 * 8 * VT_SEC + 6) / 7);
    impair(f, "delay 1ns");
    send_frame(f, 60, 6, 200 * VT_SEC);
    assert_int_equal(take(f, &when), 6);
    assert_int_equal(when, 200 * VT_SEC + 1);
    reconcile(f);
}

static void test_queue_holds_its_limit(void **state)
{
    struct fixture *f = *state;
    vt_time when;
    impair(f, "rate 8mbit limit 3"); /* one byte a microsecond: 84 us a frame */
    for (unsigned i = 1; i <= 6; i++)
        send_frame(f, 60, i, 0);
    /* One on the line, three waiting, two too many. */
    assert_int_equal(vt_cable_in_flight(f->cable), 4);
    assert_int_equal(vt_cable_stats(f->cable, 0)->queue_full, 2);
    const struct vt_event *e = bed_find(&f->bed, VT_EV_DROP, 0);
    assert_int_equal(e->cause, 5);
    assert_int_equal(e->cause_node, 9);
    assert_int_equal(e->iface, 4);
    send_frame(f, 60, 7, 84 * VT_USEC - 1); /* still three waiting */
    send_frame(f, 60, 8, 84 * VT_USEC);     /* the second goes on the line: a place is free */
    assert_int_equal(vt_cable_stats(f->cable, 0)->queue_full, 3);
    const uint64_t order[] = {1, 2, 3, 4, 8, 0};
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(take(f, &when), order[i]);
    reconcile(f);

    /* Without a limit of its own, a rate has tc's; frames on their way after the line do not count. */
    impair(f, "rate 8mbit delay 10s");
    for (unsigned i = 0; i < 1100; i++)
        send_frame(f, 60, i + 1, VT_SEC);
    assert_int_equal(vt_cable_in_flight(f->cable), 1001);
    for (unsigned i = 0; i < 1000; i++)
        send_frame(f, 60, i + 1, 2 * VT_SEC);
    assert_int_equal(vt_cable_in_flight(f->cable), 2001);
    reconcile(f);
}

static void test_held_and_hurried_frames_wait_too(void **state)
{
    struct fixture *f = *state;
    impair(f, "rate 8mbit limit 3 delay 1s reorder 50%");
    fault(f, "delay 2nd any 10ms");
    for (unsigned i = 1; i <= 6; i++)
        send_frame(f, 60, i, 0);
    assert_int_equal(vt_cable_in_flight(f->cable), 4);
    reconcile(f);
}

static void test_jitter_keeps_order(void **state)
{
    struct fixture *f = *state;
    vt_time when, least = VT_NEVER, most = 0;
    impair(f, "delay 10ms 9ms");
    for (unsigned i = 1; i <= 2000; i++)
        send_frame(f, 60, i, i * 10u * VT_USEC);
    vt_time last = 0;
    for (unsigned i = 1; i <= 2000; i++) {
        assert_int_equal(take(f, &when), i);
        assert_true(when >= last);
        last = when;
        vt_time travelled = when - i * 10u * VT_USEC;
        least = travelled < least ? travelled : least;
        most = travelled > most ? travelled : most;
    }
    assert_true(least >= VT_MSEC);
    assert_true(most <= 19 * VT_MSEC);
    assert_true(most - least > 5 * VT_MSEC);

    /* Alone on the cable, the whole range is used, and no more. */
    least = VT_NEVER;
    most = 0;
    for (unsigned i = 1; i <= 2000; i++) {
        send_frame(f, 60, i, i * VT_SEC);
        take(f, &when);
        vt_time travelled = when - i * VT_SEC;
        least = travelled < least ? travelled : least;
        most = travelled > most ? travelled : most;
    }
    assert_in_range(least, VT_MSEC, VT_MSEC + 50 * VT_USEC);
    assert_in_range(most, 19 * VT_MSEC - 50 * VT_USEC, 19 * VT_MSEC);
}

static void test_reorder_sends_ahead(void **state)
{
    struct fixture *f = *state;
    vt_time when, sent[1001];
    impair(f, "delay 10ms reorder 20%");
    for (unsigned i = 1; i <= 1000; i++)
        send_frame(f, 60, i, sent[i] = i * VT_MSEC);
    unsigned ahead = 0, latest = 0, overtaken = 0;
    for (unsigned i = 1; i <= 1000; i++) {
        uint64_t number = take(f, &when);
        assert_true(number != 0);
        if (when == sent[number])
            ahead++;
        else
            assert_int_equal(when, sent[number] + 10 * VT_MSEC);
        if (number < latest)
            overtaken++;
        latest = number > latest ? (unsigned)number : latest;
    }
    assert_int_equal(ahead, vt_cable_stats(f->cable, 0)->reordered);
    assert_in_range(ahead, 150, 250);
    assert_true(overtaken > 500);
    const struct vt_event *e = bed_find(&f->bed, VT_EV_IMPAIR, 0);
    assert_int_equal(e->u.impair.kind, VT_IMPAIR_REORDER);
    assert_int_equal(e->cause_node, 9);
    reconcile(f);
}

static void test_chances_come_true(void **state)
{
    struct fixture *f = *state;
    vt_time when;
    impair(f, "loss 10% duplicate 5% corrupt 2% corrupt-inside 3%");
    for (unsigned i = 0; i < 100; i++) {
        for (unsigned k = 0; k < 500; k++)
            send_frame(f, 60, 1, i);
        while (take(f, &when) != 0)
            ;
    }
    const struct vt_cable_stats *s = vt_cable_stats(f->cable, 0);
    /* Five standard deviations of 50,000 trials. */
    assert_int_equal(s->sent, 50000);
    assert_in_range(s->lost, 5000 - 335, 5000 + 335);
    assert_in_range(s->duplicated, 2250 - 230, 2250 + 230);
    assert_in_range(s->corrupted, 945 - 155, 945 + 155);
    assert_in_range(s->corrupted_inside, 1417 - 190, 1417 + 190);
    assert_int_equal(s->fcs_errors, s->corrupted); /* no single bit escapes a CRC */
    reconcile(f);
}

static void test_certainties(void **state)
{
    struct fixture *f = *state;
    vt_time when;
    impair(f, "loss 100%");
    send_frame(f, 60, 1, 0);
    assert_int_equal(take(f, &when), 0);
    impair(f, "duplicate 100%");
    send_frame(f, 60, 2, 0);
    assert_int_equal(take(f, &when), 2);
    assert_int_equal(take(f, &when), 2);
    assert_int_equal(take(f, &when), 0);
    reconcile(f);
}

/* S03: the check sequence catches the flipped bit, at the far end, and says so. */
static void s03_corruption_is_caught_by_the_fcs(void **state)
{
    struct fixture *f = *state;
    vt_time when;
    impair(f, "corrupt 100% delay 1ms");
    for (unsigned i = 1; i <= 200; i++) {
        send_frame(f, 60 + i, i, i);
        const struct vt_event *e = bed_find(&f->bed, VT_EV_IMPAIR, i - 1);
        assert_int_equal(e->u.impair.kind, VT_IMPAIR_CORRUPT);
        assert_int_equal(e->u.impair.count, 1);
        assert_true(e->u.impair.bit < (60 + i) * 8);
        assert_int_equal(e->cause, i);
    }
    assert_int_equal(bed_drops(&f->bed, VT_DROP_FCS), 0); /* they are on the way */
    assert_int_equal(take(f, &when), 0);
    assert_int_equal(bed_drops(&f->bed, VT_DROP_FCS), 200);
    assert_int_equal(bed_find(&f->bed, VT_EV_DROP, 199)->cause, 200);
    assert_int_equal(bed_find(&f->bed, VT_EV_DROP, 0)->time, VT_MSEC + 1);
    reconcile(f);
}

/* Behind the FCS a flipped bit arrives: exactly the one that the event names, and nobody else's copy of the
 * bytes has it. */
static void test_corruption_inside_arrives(void **state)
{
    struct fixture *f = *state;
    impair(f, "corrupt-inside 100%");
    for (unsigned i = 0; i < 200; i++) {
        struct vt_pbuf *p = bed_partial(&f->bed, VT_ACK | VT_PSH, i, 3 * i), *kept = vt_pbuf_clone(p), *got;
        uint8_t was[1000], is[1000];
        send_pbuf(f, p, i + 1, i);
        assert_int_equal(f->b->ops->rx_burst(f->b, &got, 1, i), 1);
        assert_int_equal(got->csum, VT_CSUM_NONE);
        const struct vt_event *e = bed_find(&f->bed, VT_EV_IMPAIR, i);
        assert_int_equal(e->u.impair.kind, VT_IMPAIR_CORRUPT_INSIDE);
        assert_int_equal(vt_pbuf_complete_csum(&vt_sums_portable, kept), 0);
        uint32_t len = vt_pbuf_read(kept, 0, was, sizeof was);
        assert_int_equal(vt_pbuf_read(got, 0, is, sizeof is), len);
        is[e->u.impair.bit / 8] ^= (uint8_t)(1u << e->u.impair.bit % 8);
        assert_memory_equal(was, is, len); /* the checksum had been completed before */
        vt_pbuf_free(got);
        vt_pbuf_free(kept);
    }
    reconcile(f);
}

static void test_cut_and_heal(void **state)
{
    struct fixture *f = *state;
    vt_time when;
    impair(f, "delay 1s rate 1mbit");
    for (unsigned i = 1; i <= 5; i++)
        send_frame(f, 60, i, 0);
    impair(f, "delay 1s rate 1mbit cut");
    assert_int_equal(vt_cable_in_flight(f->cable), 0);
    send_frame(f, 60, 6, 10);
    assert_int_equal(bed_drops(&f->bed, VT_DROP_CABLE_CUT), 6);
    assert_int_equal(take(f, &when), 0);
    impair(f, "delay 1s rate 1mbit");
    send_frame(f, 60, 7, 100);
    assert_int_equal(take(f, &when), 7);
    assert_int_equal(when, 100 + 84 * 8 * VT_USEC + VT_SEC); /* what was lost holds nothing up */
    reconcile(f);
    const struct vt_event *e = bed_find(&f->bed, VT_EV_LINK_SET, 1);
    assert_int_equal(e->u.link.which, 4);
}

static void test_link_set_names_the_direction(void **state)
{
    struct fixture *f = *state;
    struct vt_impair im = {.loss = 10000000};
    vt_cable_set_ports(f->cable, 10, 1, 20, 2);
    vt_cable_set_impair(f->cable, 1, &im);
    const struct vt_event *e = bed_find(&f->bed, VT_EV_LINK_SET, 0);
    assert_int_equal(e->u.link.node_a, 20);
    assert_int_equal(e->u.link.port_a, 2);
    assert_int_equal(e->u.link.node_b, 10);
    assert_int_equal(e->u.link.port_b, 1);
    assert_int_equal(f->bed.extra_len, 7);
    assert_memory_equal(f->bed.extra, "loss 1%", 7);
    assert_int_equal(vt_cable_impair(f->cable, 1)->loss, 10000000);
    assert_int_equal(vt_cable_impair(f->cable, 0)->loss, 0);
}

static void test_a_shorter_delay_does_not_overtake(void **state)
{
    struct fixture *f = *state;
    vt_time when;
    impair(f, "delay 1s");
    send_frame(f, 60, 1, 0);
    impair(f, "");
    send_frame(f, 60, 2, 0);
    assert_int_equal(take(f, &when), 1);
    assert_int_equal(take(f, &when), 2);
    assert_int_equal(when, VT_SEC);
}

static void test_targeted_faults(void **state)
{
    struct fixture *f = *state;
    uint8_t b[200];
    vt_time when;
    fault(f, "drop 2nd data");
    fault(f, "delay 1st synack 500ms");
    fault(f, "duplicate fin port 80");
    fault(f, "corrupt rst");
    static const struct {
        unsigned flags;
        size_t data;
    } segments[] = {
        {VT_SYN | VT_ACK, 0}, {VT_ACK, 10}, {VT_ACK, 10}, {VT_ACK, 10},
        {VT_ACK | VT_FIN, 0}, {VT_RST, 0},  {VT_ACK, 0},
    };
    for (unsigned i = 0; i < 7; i++) {
        size_t len = bed_tcp(b, segments[i].flags, i, segments[i].data, 1000, 80);
        send_pbuf(f, vt_pbuf_from(f->bed.pool, b, len), i + 1, i);
    }
    const uint64_t order[] = {2, 4, 5, 5, 7, 1, 0};
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(take(f, &when), order[i]);
    assert_int_equal(when, 500 * VT_MSEC);
    const struct vt_cable_stats *s = vt_cable_stats(f->cable, 0);
    assert_int_equal(s->targeted, 1);
    assert_int_equal(s->delayed, 1);
    assert_int_equal(s->duplicated, 1);
    assert_int_equal(s->fcs_errors, 1);
    reconcile(f);

    vt_cable_clear_faults(f->cable);
    struct vt_fault any = {.match = VT_MATCH_ANY, .nth = 1};
    for (unsigned i = 0; i < VT_CABLE_FAULTS; i++)
        assert_int_equal(vt_cable_add_fault(f->cable, 0, &any), 0);
    assert_int_equal(vt_cable_add_fault(f->cable, 0, &any), -VT_ENOSPC);
}

/* Runs one story and returns a digest of everything that was told. */
static uint64_t story(uint64_t seed, const char *text)
{
    struct fixture f;
    struct vt_sipkey key = {{1, 2}};
    vt_time when;
    open_seeded(&f, seed);
    impair(&f, text);
    uint64_t digest = 0;
    for (unsigned i = 1; i <= 500; i++)
        send_frame(&f, 60 + i, i, i * VT_USEC);
    for (uint64_t number; (number = take(&f, &when)) != 0;) {
        uint64_t out[3] = {digest, number, when};
        digest = vt_siphash(&key, out, sizeof out);
    }
    reconcile(&f);
    vt_stream_drain(&f.bed.stream);
    digest ^= vt_siphash(&key, f.bed.ev, f.bed.count * sizeof *f.bed.ev);
    vt_cable_free(f.cable);
    bed_close(&f.bed);
    return digest;
}

static void test_same_seed_same_fates(void **state)
{
    (void)state;
    const char *text =
        "loss 10% delay 20ms 5ms duplicate 5% reorder 10% corrupt 5% corrupt-inside 5% rate 10mbit";
    uint64_t one = story(1, text);
    assert_true(one == story(1, text));
    assert_true(one != story(2, text));
}

/* Another impairment, or more of it, leaves the losses where they were. */
static void test_chances_do_not_disturb_each_other(void **state)
{
    (void)state;
    uint64_t lost[2][500];
    for (unsigned run = 0; run < 2; run++) {
        struct fixture f;
        open_seeded(&f, 3);
        impair(&f,
               run == 0 ? "loss 10%" : "loss 10% duplicate 20% corrupt-inside 20% delay 5ms 5ms reorder 20%");
        for (unsigned i = 1; i <= 500; i++)
            send_frame(&f, 60, i, i);
        for (unsigned i = 0; i < 40; i++)
            lost[run][i] = bed_find(&f.bed, VT_EV_DROP, i)->cause;
        vt_cable_free(f.cable);
        bed_close(&f.bed);
    }
    assert_memory_equal(lost[0], lost[1], 40 * sizeof lost[0][0]);
}

/* Everything at once, changed while it runs: totals hold at each step. */
static void test_totals_always_reconcile(void **state)
{
    struct fixture *f = *state;
    struct vt_rng rng;
    vt_rng_seed(&rng, test_seed(), 0);
    vt_time now = 0;
    for (unsigned step = 0; step < 300; step++) {
        struct vt_impair im = {
            .rate = vt_rng_chance(&rng, 500000000) ? 1000000 + vt_rng_below(&rng, 100000000) : 0,
            .delay = (vt_span)vt_rng_below(&rng, 20 * VT_MSEC),
            .jitter = (vt_span)vt_rng_below(&rng, 30 * VT_MSEC),
            .limit = (uint32_t)vt_rng_below(&rng, 50),
            .loss = (uint32_t)vt_rng_below(&rng, 300000000),
            .duplicate = (uint32_t)vt_rng_below(&rng, 300000000),
            .reorder = (uint32_t)vt_rng_below(&rng, 300000000),
            .corrupt = (uint32_t)vt_rng_below(&rng, 300000000),
            .corrupt_inside = (uint32_t)vt_rng_below(&rng, 300000000),
            .cut = vt_rng_chance(&rng, 50000000),
        };
        vt_cable_set_impair(f->cable, 0, &im);
        if (step % 50 == 25)
            fault(f, "delay any 3-20 7ms");
        if (step % 50 == 0)
            vt_cable_clear_faults(f->cable);
        for (unsigned i = 0; i < 50; i++) {
            now += vt_rng_below(&rng, VT_MSEC);
            if (i % 5 == 0)
                send_pbuf(f, bed_super(&f->bed, VT_ACK, 1, 4000, 1000), 1, now);
            else
                send_frame(f, 60 + (uint32_t)vt_rng_below(&rng, 1400), 1, now);
            struct vt_pbuf *p[8];
            unsigned n = f->b->ops->rx_burst(f->b, p, 8, now);
            while (n != 0) {
                assert_true(p[--n]->stamp <= now);
                vt_pbuf_free(p[n]);
            }
        }
        reconcile(f);
    }
}

static void test_frames_in_flight_are_bounded(void **state)
{
    struct fixture *f = *state;
    f->bed.stream.listeners = 0; /* a quarter of a million events are of no interest */
    impair(f, "delay 1s");
    struct vt_pbuf *p = bed_frame(&f->bed, bed_mac(2), bed_mac(1), 60);
    for (unsigned i = 0; i < VT_CABLE_IN_FLIGHT + 10; i++) {
        struct vt_pbuf *copy = vt_pbuf_clone(p);
        f->a->ops->tx_burst(f->a, &copy, 1, 0);
    }
    vt_pbuf_free(p);
    assert_int_equal(vt_cable_in_flight(f->cable), VT_CABLE_IN_FLIGHT);
    assert_int_equal(f->lab.drops[VT_DROP_CABLE_QUEUE], 10);
}

static void test_without_memory_to_flip(void **state)
{
    struct fixture *f = *state;
    impair(f, "corrupt-inside 100%");
    for (unsigned i = 0; i < 50; i++) { /* some bits lie in the header, which is the frame's own */
        struct vt_pbuf *p = bed_frame(&f->bed, bed_mac(2), bed_mac(1), 1000), *shared = vt_pbuf_clone(p);
        vt_pool_trim(f->bed.pool);
        f->bed.memory.fail_at = f->bed.memory.calls + 1;
        f->bed.memory.fail_on = true;
        send_pbuf(f, p, 1, 0);
        f->bed.memory.fail_at = 0;
        vt_pbuf_free(shared);
    }
    assert_true(vt_cable_stats(f->cable, 0)->no_memory > 0);
    assert_int_equal(f->lab.drops[VT_DROP_NO_MEMORY], vt_cable_stats(f->cable, 0)->no_memory);
    reconcile(f);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_a_clean_cable_is_instant),
        CASE(test_super_segments_cross_whole),
        CASE(test_rate_and_delay_are_exact),
        CASE(test_queue_holds_its_limit),
        CASE(test_held_and_hurried_frames_wait_too),
        CASE(test_jitter_keeps_order),
        CASE(test_reorder_sends_ahead),
        CASE(test_chances_come_true),
        CASE(test_certainties),
        CASE(s03_corruption_is_caught_by_the_fcs),
        CASE(test_corruption_inside_arrives),
        CASE(test_cut_and_heal),
        CASE(test_link_set_names_the_direction),
        CASE(test_a_shorter_delay_does_not_overtake),
        CASE(test_targeted_faults),
        cmocka_unit_test(test_same_seed_same_fates),
        cmocka_unit_test(test_chances_do_not_disturb_each_other),
        CASE(test_totals_always_reconcile),
        CASE(test_frames_in_flight_are_bounded),
        CASE(test_without_memory_to_flip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

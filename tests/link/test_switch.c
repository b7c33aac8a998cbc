/* The learning switch: unicast and broadcast, its tables' caps, and the storm that a loop makes. */
#include "../physical/bed.h"
#include "link/link.h"
#include "physical/cable.h"

#define PORTS 4

struct fixture {
    struct bed bed;
    struct vt_core core;
    struct vt_switch *sw;
    struct bed_dev dev[PORTS]; /* of ports 1 to 4 */
};

static void open_switch(struct fixture *f, const struct vt_switch_config *config)
{
    memset(f, 0, sizeof *f);
    bed_open(&f->bed);
    bed_core(&f->bed, &f->core, 5);
    f->sw = vt_switch_new(&f->core, config);
    assert_non_null(f->sw);
    for (unsigned i = 0; i < PORTS; i++) {
        bed_dev_open(&f->dev[i], 0);
        assert_int_equal(vt_switch_add_port(f->sw, &f->dev[i].dev, "port"), i + 1);
    }
}

static void close_switch(struct fixture *f)
{
    vt_switch_free(f->sw);
    for (unsigned i = 0; i < PORTS; i++)
        bed_dev_close(&f->dev[i]);
    assert_int_equal(f->core.wheel.armed, 0);
    assert_int_equal(f->core.mem_used, 0);
    bed_close(&f->bed);
}

static struct fixture the_fixture;

static int setup(void **state)
{
    open_switch(&the_fixture, NULL);
    *state = &the_fixture;
    return 0;
}

/* Small tables, quick ageing, storm control at 100 frames a second in bursts of 20. */
static int setup_small(void **state)
{
    open_switch(
        &the_fixture,
        &(struct vt_switch_config){
            .table_max = 100, .port_quota = 40, .ageing = 10 * VT_SEC, .storm_rate = 100, .storm_burst = 20});
    *state = &the_fixture;
    return 0;
}

static int teardown(void **state)
{
    close_switch(*state);
    return 0;
}

/* A frame comes in by a port now; it is forwarded. */
static void comes_in(struct fixture *f, unsigned port, struct vt_mac src, struct vt_mac dst)
{
    vt_pbufq_push(&f->dev[port - 1].in, bed_frame(&f->bed, dst, src, 60));
    vt_switch_poll(f->sw, f->core.now);
}

/* By which ports frames left since last asked: one digit a port. */
static unsigned went_out(struct fixture *f)
{
    unsigned out = 0;
    for (unsigned i = 0; i < PORTS; i++) {
        out = out * 10 + f->dev[i].out.count;
        vt_pbufq_clear(&f->dev[i].out);
    }
    return out;
}

struct rows {
    unsigned n;
    struct vt_fdb_row row[2000];
};

static bool add_row(void *ctx, const struct vt_fdb_row *row)
{
    struct rows *r = ctx;
    r->row[r->n++] = *row;
    return r->n < 2000;
}

static const struct rows *table(struct fixture *f)
{
    static struct rows r;
    r.n = 0;
    vt_switch_fdb_each(f->sw, add_row, &r);
    for (unsigned i = 1; i < r.n; i++)
        assert_true(memcmp(r.row[i - 1].mac.b, r.row[i].mac.b, 6) < 0); /* sorted */
    return &r;
}

static unsigned port_of(struct fixture *f, struct vt_mac mac)
{
    const struct rows *r = table(f);
    for (unsigned i = 0; i < r->n; i++)
        if (vt_mac_eq(r->row[i].mac, mac))
            return r->row[i].port;
    return 0;
}

/* S05: unicast and broadcast. */
static void s05_unicast_and_broadcast(void **state)
{
    struct fixture *f = *state;
    const struct vt_mac a = bed_mac(1), b = bed_mac(2);
    comes_in(f, 1, a, VT_MAC_BROADCAST); /* to all, but not back */
    assert_int_equal(went_out(f), 111);
    comes_in(f, 2, b, a); /* a is known: to it alone */
    assert_int_equal(went_out(f), 1000);
    comes_in(f, 1, a, b);
    assert_int_equal(went_out(f), 100);
    comes_in(f, 1, a, bed_mac(9)); /* nobody has heard of 9: to all */
    assert_int_equal(went_out(f), 111);
    comes_in(f, 3, bed_mac(3), (struct vt_mac){{1, 0, 0x5e, 0, 0, 5}});
    assert_int_equal(went_out(f), 1101);

    /* What leaves is because of what came in; what is learned too. */
    const struct vt_event *rx = bed_find(&f->bed, VT_EV_PORT_RX, 1);
    assert_int_equal(rx->iface, 2);
    assert_int_equal(bed_find(&f->bed, VT_EV_PORT_TX, 3)->cause, rx->id);
    const struct vt_event *learn = bed_find(&f->bed, VT_EV_LEARN, 1);
    assert_int_equal(learn->cause, rx->id);
    assert_int_equal(learn->iface, 2);
    assert_memory_equal(learn->u.learn.mac, b.b, 6);
    assert_int_equal(learn->u.learn.on, 1);
}

static void test_ports(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(vt_switch_ports(f->sw), PORTS);
    assert_null(vt_switch_port(f->sw, 0));
    assert_null(vt_switch_port(f->sw, PORTS + 1));
    assert_int_equal(vt_switch_port(f->sw, 3)->index, 3);
    assert_false(vt_mac_eq(vt_switch_port(f->sw, 1)->mac, vt_switch_port(f->sw, 2)->mac));
    struct bed_dev more[20];
    struct vt_port *first = vt_switch_port(f->sw, 1);
    comes_in(f, 1, bed_mac(1), VT_MAC_BROADCAST);
    went_out(f);
    for (unsigned i = 0; i < 20; i++) {
        bed_dev_open(&more[i], 0);
        assert_int_equal(vt_switch_add_port(f->sw, &more[i].dev, "more"), PORTS + 1 + i);
    }
    assert_ptr_equal(vt_switch_port(f->sw, 1), first); /* ports stay where they are */
    comes_in(f, 2, bed_mac(2), VT_MAC_BROADCAST);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(more[i].out.count, 1);
        bed_dev_close(&more[i]);
    }
}

static void test_polls_a_burst_at_a_time(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 2 * VT_BURST + 5; i++)
        vt_pbufq_push(&f->dev[0].in, bed_frame(&f->bed, VT_MAC_BROADCAST, bed_mac(1), 60));
    f->core.now = VT_SEC;
    f->dev[1].accept = f->dev[2].accept = f->dev[3].accept = 1000;
    assert_int_equal(vt_switch_poll(f->sw, VT_SEC), VT_SEC); /* more is waiting */
    assert_int_equal(f->dev[1].out.count, VT_BURST);
    assert_int_equal(vt_switch_poll(f->sw, VT_SEC), VT_SEC);
    assert_int_equal(vt_switch_poll(f->sw, VT_SEC), 301 * VT_SEC); /* when what was learned is old */
    assert_int_equal(f->dev[1].out.count, 2 * VT_BURST + 5);
}

static void test_ageing(void **state)
{
    struct fixture *f = *state;
    size_t empty = f->core.mem_used;
    comes_in(f, 1, bed_mac(1), VT_MAC_BROADCAST);
    f->core.now = 100 * VT_SEC;
    comes_in(f, 2, bed_mac(2), VT_MAC_BROADCAST);
    f->core.now = 200 * VT_SEC;
    comes_in(f, 1, bed_mac(1), VT_MAC_BROADCAST); /* seen again */
    assert_int_equal(vt_switch_poll(f->sw, 300 * VT_SEC), 400 * VT_SEC);
    assert_int_equal(table(f)->n, 2);
    vt_switch_poll(f->sw, 400 * VT_SEC - 1);
    assert_int_equal(port_of(f, bed_mac(2)), 2);
    assert_int_equal(vt_switch_poll(f->sw, 400 * VT_SEC), 500 * VT_SEC);
    assert_int_equal(port_of(f, bed_mac(2)), 0);
    assert_int_equal(port_of(f, bed_mac(1)), 1);
    assert_true(vt_switch_poll(f->sw, 500 * VT_SEC) == VT_NEVER);
    assert_int_equal(table(f)->n, 0);
    assert_int_equal(f->core.mem_used, empty);
    const struct vt_event *e = bed_find(&f->bed, VT_EV_LEARN, 2);
    assert_int_equal(e->u.learn.on, 0);
    assert_int_equal(e->iface, 2);
}

static void test_a_host_that_moves(void **state)
{
    struct fixture *f = *state;
    comes_in(f, 1, bed_mac(1), VT_MAC_BROADCAST);
    f->core.now = 2 * VT_SEC;
    comes_in(f, 3, bed_mac(1), VT_MAC_BROADCAST);
    assert_int_equal(port_of(f, bed_mac(1)), 3);
    assert_int_equal(table(f)->n, 1);
    assert_int_equal(bed_find(&f->bed, VT_EV_LEARN, 1)->u.learn.on, 0);
    assert_int_equal(bed_find(&f->bed, VT_EV_LEARN, 1)->iface, 1);
    assert_int_equal(bed_find(&f->bed, VT_EV_LEARN, 2)->iface, 3);
}

static void test_reserved_groups_stay_here(void **state)
{
    struct fixture *f = *state;
    struct vt_mac mac = {{0x01, 0x80, 0xc2, 0, 0, 0}};
    for (unsigned i = 0; i < 16; i++) {
        mac.b[5] = (uint8_t)i;
        comes_in(f, 1, bed_mac(1), mac);
        assert_int_equal(bed_drops(&f->bed, VT_DROP_SWITCH_RESERVED), i + 1);
    }
    assert_int_equal(went_out(f), 0);
    mac.b[5] = 16;
    comes_in(f, 1, bed_mac(1), mac);
    assert_int_equal(went_out(f), 111);
}

static void test_a_single_port_has_nowhere_to_flood(void **state)
{
    struct fixture *f = *state;
    struct vt_switch *sw = vt_switch_new(&f->core, NULL);
    assert_int_equal(vt_switch_add_port(sw, &f->dev[0].dev, "only"), 1);
    vt_pbufq_push(&f->dev[0].in, bed_frame(&f->bed, VT_MAC_BROADCAST, bed_mac(1), 60));
    vt_switch_poll(sw, 0);
    assert_int_equal(bed_drops(&f->bed, VT_DROP_SWITCH_NO_PORT), 1);
    vt_switch_free(sw);
}

/* Each allocation fails in turn: a frame less here and there, counted, and nothing lost for good. */
static void test_without_memory(void **state)
{
    struct fixture *f = *state;
    for (uint64_t fail = 1; fail < 8; fail++) {
        vt_pool_trim(f->bed.pool);
        struct vt_pbuf *p = bed_frame(&f->bed, VT_MAC_BROADCAST, bed_mac(100 + (unsigned)fail), 400);
        vt_pbufq_push(&f->dev[0].in, p);
        f->bed.memory.fail_at = f->bed.memory.calls + fail;
        f->bed.memory.fail_on = true;
        vt_switch_poll(f->sw, f->core.now);
        f->bed.memory.fail_at = 0;
        unsigned copies = f->dev[1].out.count + f->dev[2].out.count + f->dev[3].out.count;
        went_out(f);
        assert_int_equal(copies + f->core.drops[VT_DROP_NO_MEMORY], 3);
        f->core.drops[VT_DROP_NO_MEMORY] = 0;
    }
    struct bed_dev dev;
    bed_dev_open(&dev, 0);
    for (uint64_t fail = 1;; fail++) {
        f->bed.memory.fail_at = f->bed.memory.calls + fail;
        struct vt_switch *sw = vt_switch_new(&f->core, NULL);
        int port = sw == NULL ? 0 : vt_switch_add_port(sw, &dev.dev, "x");
        f->bed.memory.fail_at = 0;
        vt_switch_free(sw);
        if (port == 1)
            break;
        assert_true(sw == NULL || port == -VT_ENOMEM);
    }
}

/* ---- The catalogue ---- */

static void test_v01_runts_and_false_lengths(void **state)
{
    struct fixture *f = *state;
    uint8_t b[60] = {0};
    bed_eth(b, VT_MAC_BROADCAST, bed_mac(1), 100); /* 100 bytes, it says, of 46 */
    for (uint32_t len = 0; len < 14; len++)
        vt_pbufq_push(&f->dev[0].in, vt_pbuf_from(f->bed.pool, b, len));
    vt_pbufq_push(&f->dev[0].in, vt_pbuf_from(f->bed.pool, b, sizeof b));
    vt_switch_poll(f->sw, 0);
    assert_int_equal(bed_drops(&f->bed, VT_DROP_ETH_RUNT), 14);
    assert_int_equal(bed_drops(&f->bed, VT_DROP_ETH_LENGTH), 1);
    assert_int_equal(went_out(f), 0);
    assert_int_equal(table(f)->n, 0);
}

/* V06: a million sources from one port. */
static void test_v06_flood_of_sources(void **state)
{
    struct fixture *f = *state;
    const struct vt_mac a = bed_mac(1), b = bed_mac(2);
    vt_switch_set_storm(f->sw, 0, 0);
    comes_in(f, 1, a, VT_MAC_BROADCAST);
    comes_in(f, 2, b, VT_MAC_BROADCAST);
    went_out(f);
    f->bed.stream.listeners = 0;
    size_t worst = 0;
    struct vt_pbuf *frame = bed_frame(&f->bed, VT_MAC_BROADCAST, b, 60);
    for (unsigned i = 0; i < 1000000; i++) {
        struct vt_mac mac = bed_mac(0x100000 + i);
        memcpy(vt_pbuf_own(frame, 14) + 6, mac.b, 6);
        vt_pbufq_push(&f->dev[2].in, vt_pbuf_clone(frame));
        if (i % 50000 == 0) { /* the known flow is as it was */
            comes_in(f, 1, a, b);
            vt_pbufq_clear(&f->dev[3].out);
            assert_int_equal(f->dev[1].out.count,
                             f->dev[0].out.count + 1); /* one more than the flood brings */
            went_out(f);
            comes_in(f, 2, b, a);
            went_out(f);
            assert_int_equal(port_of(f, a), 1);
            assert_int_equal(port_of(f, b), 2);
        } else if (i % 32 == 0) {
            vt_switch_poll(f->sw, f->core.now);
            went_out(f);
        }
        worst = f->core.mem_used > worst ? f->core.mem_used : worst;
    }
    vt_switch_poll(f->sw, f->core.now);
    vt_pbuf_free(frame);
    assert_int_equal(table(f)->n, 42); /* two, and port 3's quota of 40 */
    went_out(f);

    /* Nothing is held against the others: port 4 may learn its share, as far as the table goes. */
    for (unsigned i = 0; i < 50; i++)
        comes_in(f, 4, bed_mac(500 + i), VT_MAC_BROADCAST);
    assert_int_equal(table(f)->n, 82);
    for (unsigned i = 0; i < 50; i++)
        comes_in(f, 1, bed_mac(600 + i), VT_MAC_BROADCAST);
    assert_int_equal(table(f)->n, 100);
    assert_int_equal(port_of(f, a), 1);
    went_out(f);

    /* And the flood ages away. */
    f->core.now += 10 * VT_SEC;
    vt_switch_poll(f->sw, f->core.now);
    assert_int_equal(table(f)->n, 0);
}

/* V07: a group or zero source is no card's: not learned, not passed on. */
static void test_v07_bad_source(void **state)
{
    struct fixture *f = *state;
    const struct vt_mac wrong[] = {{{0}}, VT_MAC_BROADCAST, {{1, 0, 0x5e, 0, 0, 1}}};
    for (unsigned i = 0; i < 3; i++) {
        comes_in(f, 1, wrong[i], bed_mac(2));
        assert_int_equal(bed_drops(&f->bed, VT_DROP_ETH_SOURCE), i + 1);
    }
    assert_int_equal(went_out(f), 0);
    assert_int_equal(table(f)->n, 0);
}

/* V07: a source spoofed from another port is not learned while its owner is heard. */
static void test_v07_spoofed_source(void **state)
{
    struct fixture *f = *state;
    const struct vt_mac victim = bed_mac(1), other = bed_mac(2);
    comes_in(f, 2, other, VT_MAC_BROADCAST);
    went_out(f);
    for (unsigned i = 0; i < 100; i++) {
        f->core.now += 500 * VT_MSEC;
        comes_in(f, 1, victim, other);
        f->core.now += 400 * VT_MSEC;
        comes_in(f, 3, victim, other); /* the thief */
        comes_in(f, 2, other, victim);
        assert_int_equal(went_out(f), 1200); /* both reach the other; the answer reaches the owner */
    }
    assert_int_equal(port_of(f, victim), 1);
}

/* V09: a frame for where it came from. */
static void test_v09_never_back(void **state)
{
    struct fixture *f = *state;
    comes_in(f, 1, bed_mac(1), VT_MAC_BROADCAST);
    comes_in(f, 1, bed_mac(2), VT_MAC_BROADCAST);
    assert_int_equal(went_out(f), 222);
    comes_in(f, 1, bed_mac(1), bed_mac(2));
    comes_in(f, 1, bed_mac(1), bed_mac(1));
    assert_int_equal(went_out(f), 0);
    assert_int_equal(bed_drops(&f->bed, VT_DROP_SWITCH_SAME_PORT), 2);
}

/* V09: storm control counts what is flooded, and nothing else; its bucket fills by the nanosecond. */
static void test_v09_storm_control(void **state)
{
    struct fixture *f = *state;
    f->core.now = VT_SEC;
    for (unsigned i = 0; i < 50; i++)
        comes_in(f, 1, bed_mac(1), VT_MAC_BROADCAST);
    assert_int_equal(f->dev[1].out.count, 20); /* the burst */
    assert_int_equal(bed_drops(&f->bed, VT_DROP_SWITCH_STORM), 30);
    assert_int_equal(bed_kinds(&f->bed, VT_EV_STORM), 1);
    const struct vt_event *e = bed_find(&f->bed, VT_EV_STORM, 0);
    assert_int_equal(e->u.learn.on, 1);
    assert_int_equal(e->iface, 1);
    went_out(f);

    comes_in(f, 2, bed_mac(2), VT_MAC_BROADCAST); /* the port next door is not punished */
    comes_in(f, 1, bed_mac(1), bed_mac(2));       /* nor is what has a place to go */
    assert_int_equal(went_out(f), 1111);

    f->core.now += 10 * VT_MSEC - 1;
    comes_in(f, 1, bed_mac(1), VT_MAC_BROADCAST);
    assert_int_equal(went_out(f), 0);
    f->core.now += 1; /* a hundred a second: now one is paid for */
    comes_in(f, 1, bed_mac(1), VT_MAC_BROADCAST);
    comes_in(f, 1, bed_mac(1), bed_mac(77)); /* unknown ones and groups count alike */
    assert_int_equal(went_out(f), 111);

    /* It is over when nothing has been dropped for a second. */
    vt_time over = 2 * VT_SEC + 10 * VT_MSEC;
    vt_switch_poll(f->sw, over - 1);
    assert_int_equal(bed_kinds(&f->bed, VT_EV_STORM), 1);
    assert_int_equal(vt_switch_poll(f->sw, over - 1), over);
    vt_switch_poll(f->sw, over);
    assert_int_equal(bed_kinds(&f->bed, VT_EV_STORM), 2);
    assert_int_equal(bed_find(&f->bed, VT_EV_STORM, 1)->u.learn.on, 0);
    for (unsigned i = 0; i < 30; i++)
        comes_in(f, 1, bed_mac(1), VT_MAC_BROADCAST);
    assert_int_equal(f->dev[1].out.count, 20); /* the burst is there again */
    went_out(f);

    vt_switch_set_storm(f->sw, 0, 0);
    for (unsigned i = 0; i < 30; i++)
        comes_in(f, 1, bed_mac(1), VT_MAC_BROADCAST);
    assert_int_equal(f->dev[1].out.count, 30);
}

/* ---- S05: the broadcast storm ---- */

struct loop {
    struct bed bed;
    struct vt_core lab, core[2];
    struct vt_switch *sw[2];
    struct vt_cable *link[2];
    struct bed_dev host[2];
};

/* Two switches, joined by two cables of 100 Mbit/s and 10 us; a host at each. */
static void loop_open(struct loop *l, uint32_t storm_rate)
{
    memset(l, 0, sizeof *l);
    bed_open(&l->bed);
    bed_core(&l->bed, &l->lab, 0);
    l->bed.stream.listeners = 0;
    for (unsigned i = 0; i < 2; i++) {
        bed_core(&l->bed, &l->core[i], 1 + i);
        l->sw[i] = vt_switch_new(&l->core[i], &(struct vt_switch_config){.storm_rate = storm_rate});
        bed_dev_open(&l->host[i], 0);
        assert_int_equal(vt_switch_add_port(l->sw[i], &l->host[i].dev, "host"), 1);
        l->link[i] = vt_cable_new(&l->lab, 1 + i, 1, NULL, NULL);
        const struct vt_impair im = {.rate = 100000000, .delay = 10 * VT_USEC};
        vt_cable_set_impair(l->link[i], 0, &im);
        vt_cable_set_impair(l->link[i], 1, &im);
    }
    for (unsigned i = 0; i < 2; i++)
        for (unsigned k = 0; k < 2; k++)
            assert_int_equal(vt_switch_add_port(l->sw[i], vt_cable_end(l->link[k], i), "link"), 2 + k);
}

/* Lets the loop run; returns how many frames came to the hosts. */
static uint64_t loop_run(struct loop *l, vt_time *now, vt_span span)
{
    uint64_t heard = 0;
    for (vt_time end = *now + (vt_time)span; *now <= end;) {
        vt_switch_poll(l->sw[0], *now);
        vt_switch_poll(l->sw[1], *now);
        vt_time next = vt_switch_poll(l->sw[0], *now); /* again, now that both have sent */
        next = vt_time_min(next, vt_switch_poll(l->sw[1], *now));
        for (unsigned i = 0; i < 2; i++) {
            heard += l->host[i].out.count;
            vt_pbufq_clear(&l->host[i].out);
        }
        *now = next;
    }
    *now -= *now > 0;
    return heard;
}

static void loop_close(struct loop *l)
{
    for (unsigned i = 0; i < 2; i++) {
        vt_switch_free(l->sw[i]);
        bed_dev_close(&l->host[i]);
    }
    for (unsigned i = 0; i < 2; i++)
        vt_cable_free(l->link[i]);
    bed_close(&l->bed);
}

static void s05_broadcast_storm_and_its_end(void **state)
{
    static struct loop l;
    vt_time now = 0;
    (void)state;

    /* Without control one broadcast goes round for ever. */
    loop_open(&l, 0);
    vt_pbufq_push(&l.host[0].in, bed_frame(&l.bed, VT_MAC_BROADCAST, bed_mac(1), 60));
    uint64_t heard = loop_run(&l, &now, 100 * VT_MSEC);
    assert_true(heard > 10000);
    assert_true(vt_cable_in_flight(l.link[0]) + vt_cable_in_flight(l.link[1]) > 0);

    /* Turned on, control throttles it to the rate at once. */
    vt_switch_set_storm(l.sw[0], 100, 10);
    vt_switch_set_storm(l.sw[1], 100, 10);
    loop_run(&l, &now, 100 * VT_MSEC);
    heard = loop_run(&l, &now, VT_SEC);
    assert_true(heard <= 2 * 2 * 110);
    assert_true(l.core[0].drops[VT_DROP_SWITCH_STORM] + l.core[1].drops[VT_DROP_SWITCH_STORM] > 0);
    loop_close(&l);

    /* With control from the start, and more going round than it allows, the storm ends. */
    now = 0;
    loop_open(&l, 1000);
    for (unsigned i = 0; i < 10; i++)
        vt_pbufq_push(&l.host[0].in, bed_frame(&l.bed, VT_MAC_BROADCAST, bed_mac(1), 60));
    loop_run(&l, &now, 100 * VT_MSEC);
    assert_int_equal(vt_cable_in_flight(l.link[0]) + vt_cable_in_flight(l.link[1]), 0);
    assert_int_equal(loop_run(&l, &now, VT_SEC), 0);
    loop_close(&l);
}

/* Cutting one of the two cables ends it as well: the loop is open. */
static void s05_cutting_the_loop_ends_the_storm(void **state)
{
    static struct loop l;
    vt_time now = 0;
    (void)state;
    loop_open(&l, 0);
    vt_pbufq_push(&l.host[0].in, bed_frame(&l.bed, VT_MAC_BROADCAST, bed_mac(1), 60));
    loop_run(&l, &now, 10 * VT_MSEC);
    const struct vt_impair cut = {.cut = true};
    vt_cable_set_impair(l.link[1], 0, &cut);
    vt_cable_set_impair(l.link[1], 1, &cut);
    loop_run(&l, &now, VT_MSEC);
    assert_int_equal(loop_run(&l, &now, VT_SEC), 0);
    loop_close(&l);
}

int main(void)
{
#define CASE(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)
#define SMALL(name) cmocka_unit_test_setup_teardown(name, setup_small, teardown)
    const struct CMUnitTest tests[] = {
        CASE(s05_unicast_and_broadcast),
        CASE(test_ports),
        CASE(test_polls_a_burst_at_a_time),
        CASE(test_ageing),
        CASE(test_a_host_that_moves),
        CASE(test_reserved_groups_stay_here),
        CASE(test_a_single_port_has_nowhere_to_flood),
        CASE(test_without_memory),
        CASE(test_v01_runts_and_false_lengths),
        SMALL(test_v06_flood_of_sources),
        CASE(test_v07_bad_source),
        CASE(test_v07_spoofed_source),
        CASE(test_v09_never_back),
        SMALL(test_v09_storm_control),
        cmocka_unit_test(s05_broadcast_storm_and_its_end),
        cmocka_unit_test(s05_cutting_the_loop_ends_the_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

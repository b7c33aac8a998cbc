/* Reassembly, row by row of the failure catalogue. */
#include "fixture.h"

static int setup(void **state)
{
    *state = node_new(1, NULL);
    return 0;
}

static int teardown(void **state)
{
    node_free(*state);
    return 0;
}

/* Puts in bytes [off, off + len) of the datagram `ident`, which is the pattern. */
static void part_as(struct node *n, struct spec s, uint16_t off, uint32_t len, bool mf)
{
    s.src = vt_ip_eq(s.src, VT_IP_ANY) ? PEER : s.src;
    s.dst = HERE;
    s.offset = off;
    s.mf = mf;
    inject_packet(n, 0, &s, pattern(0) + off, len);
}

static void part(struct node *n, uint16_t ident, uint16_t off, uint32_t len, bool mf)
{
    part_as(n, (struct spec){.ident = ident}, off, len, mf);
}

static void assert_whole(struct node *n, uint32_t len)
{
    assert_int_equal(n->nup, 1);
    assert_int_equal(n->up_len, len);
    assert_memory_equal(n->up_bytes, pattern(0), len);
    assert_int_equal(n->net->frags.count, 0);
    assert_int_equal(n->net->frags.bytes, 0);
    n->nup = 0;
}

static void test_in_and_out_of_order(void **state)
{
    struct node *n = *state;
    const struct vt_event *e;

    part(n, 1, 0, 1480, true);
    part(n, 1, 1480, 1480, true);
    assert_int_equal(n->nup, 0);
    part(n, 1, 2960, 40, false);
    assert_whole(n, 3000);
    e = last_event(n, VT_EV_IP_REASSEMBLE);
    assert_non_null(e);
    assert_int_equal(e->u.ip.len, 3020);
    assert_int_equal(e->u.ip.ident, 1);
    assert_int_equal(n->up_cause.n, e->id);
    assert_int_equal(e->cause, e->id - 1); /* the last fragment's arrival */
    /* Two of the three ended here, the third ended as the whole. */
    assert_int_equal(n->core.delivered, 3);

    part(n, 2, 2960, 40, false);
    part(n, 2, 0, 1480, true);
    part(n, 2, 1480, 1480, true);
    assert_whole(n, 3000);
    assert_int_equal(drops(n), 0);
    assert_int_equal(vt_net_stats(n->net)->reasm_ok, 2);
}

/* The whole has the first part's header, and can be quoted in an error. */
static void test_header_of_the_whole(void **state)
{
    static const uint8_t options[] = {0x94, 4, 0, 0};
    struct node *n = *state;
    struct spec s = {.protocol = 99, .ttl = 3, .options = options, .options_len = 4};
    struct vt_ipv4_hdr h;
    uint8_t data[PACKET_MAX];

    part_as(n, (struct spec){.protocol = 99, .ttl = 9}, 1000, 200, false);
    part_as(n, s, 0, 1000, true);
    assert_dropped(n, VT_DROP_IP_PROTOCOL);
    assert_int_equal(n->nsent, 1);
    sent(n, 0, &h, data);
    assert_int_equal(vt_ipv4_parse(&h, data + 8, 65535), VT_DROP_NONE);
    assert_true(vt_ipv4_sum_ok(data + 8, 24));
    assert_int_equal(h.total_len, 24 + 1200);
    assert_int_equal(h.ttl, 3);
    assert_false(h.mf);
    assert_int_equal(h.offset, 0);
    assert_memory_equal(data + 28, options, 4);
    assert_memory_equal(data + 32, pattern(0), 400);
}

static void test_v17_ping_of_death(void **state)
{
    struct node *n = *state;

    /* 65528 + 20 of header is beyond 65535, however little data there is. */
    part(n, 1, 0, 1000, true);
    part(n, 1, 65528, 8, false);
    assert_int_equal(n->core.drops[VT_DROP_FRAG_TOO_LONG], 2);
    /* What is left of it goes the same way. */
    part(n, 1, 1000, 64528 - 8, true);
    assert_int_equal(n->core.drops[VT_DROP_FRAG_TOO_LONG], 3);
    assert_int_equal(drops(n), 3);
    assert_int_equal(n->nup, 0);
    node_forget(n);

    /* The longest that there may be. */
    part(n, 2, 0, 32768, true);
    part(n, 2, 32768, 65515 - 32768, false);
    assert_int_equal(n->nup, 1);
    assert_int_equal(n->up_len, 65515);
    assert_int_equal(drops(n), 0);
}

/* The first part's options make the whole too long, though each part by itself is none too long. */
static void test_v17_by_options(void **state)
{
    static const uint8_t options[] = {1, 1, 1, 1};
    struct node *n = *state;

    part(n, 2, 32768, 65515 - 32768, false);
    part_as(n, (struct spec){.ident = 2, .options = options, .options_len = 4}, 0, 32768, true);
    assert_int_equal(n->nup, 0);
    assert_int_equal(n->core.drops[VT_DROP_FRAG_TOO_LONG], 2);
    assert_int_equal(n->net->frags.count, 0);
}

static void test_v18_overlap(void **state)
{
    static const struct {
        uint16_t off;
        uint32_t len;
        bool mf;
    } bad[] = {
        {992, 16, true},     /* into the first */
        {8, 104, true},      /* within it: teardrop */
        {0, 2000, true},     /* over it */
        {1000, 1008, true},  /* into the second */
        {0, 992, true},      /* the first again, shorter */
        {2000, 1000, false}, /* the second again, as the last */
        {2008, 16, true},    /* within the second */
    };

    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct node *n = *state;
        uint16_t ident = (uint16_t)(100 + i);
        node_forget(n);
        part(n, ident, 0, 1000, true);
        part(n, ident, 2000, 1000, true);
        part(n, ident, bad[i].off, bad[i].len, bad[i].mf);
        assert_int_equal(n->core.drops[VT_DROP_FRAG_OVERLAP], 3);
        /* RFC 5722 3: the rest of it too, whether or not it would fit. */
        part(n, ident, 0, 1000, true);
        part(n, ident, 1000, 1000, true);
        part(n, ident, 2000, 1000, true);
        part(n, ident, 3000, 100, false);
        assert_int_equal(n->core.drops[VT_DROP_FRAG_OVERLAP], 7);
        assert_int_equal(drops(n), 7);
        assert_int_equal(n->nup, 0);
    }
    /* Until its time is over. */
    node_wait(*state, 60 * VT_SEC);
    part(*state, 100, 0, 1000, true);
    part(*state, 100, 1000, 1000, false);
    assert_whole(*state, 2000);
}

static void test_v18_two_ends(void **state)
{
    struct node *n = *state;

    part(n, 1, 2000, 100, false);
    part(n, 1, 1000, 100, false);
    assert_int_equal(n->core.drops[VT_DROP_FRAG_OVERLAP], 2);
    part(n, 2, 1000, 100, false);
    part(n, 2, 2000, 80, true);
    assert_int_equal(n->core.drops[VT_DROP_FRAG_OVERLAP], 4);
    part(n, 3, 2000, 80, true);
    part(n, 3, 1000, 100, false);
    assert_int_equal(n->core.drops[VT_DROP_FRAG_OVERLAP], 6);
    assert_int_equal(n->nup, 0);
}

/* RFC 8200 4.5: an exact duplicate is not an overlap; the same range with other bytes is. */
static void test_v18_duplicate(void **state)
{
    struct node *n = *state;
    struct spec s = {.src = PEER, .dst = HERE, .ident = 2, .mf = true};

    part(n, 1, 0, 1000, true);
    part(n, 1, 0, 1000, true);
    assert_dropped(n, VT_DROP_FRAG_DUPLICATE);
    part(n, 1, 1000, 500, false);
    assert_whole(n, 1500);

    part(n, 2, 0, 1000, true);
    inject_packet(n, 0, &s, pattern(1), 1000);
    assert_int_equal(n->core.drops[VT_DROP_FRAG_OVERLAP], 2);
    part(n, 2, 1000, 500, false);
    assert_int_equal(n->nup, 0);
}

static void test_v19_tiny_first_fragment(void **state)
{
    struct node *n = *state;
    struct spec tcp = {.src = PEER, .dst = HERE, .protocol = VT_PROTO_TCP, .mf = true};
    uint8_t header[64] = {0};

    /* RFC 1858 3: ports in one piece, flags in the next. */
    tcp.ident = 1;
    inject_packet(n, 0, &tcp, header, 8);
    assert_dropped(n, VT_DROP_FRAG_TINY);
    tcp.offset = 8;
    tcp.mf = false;
    inject_packet(n, 0, &tcp, header, 40);
    assert_dropped(n, VT_DROP_FRAG_TINY);
    /* The second piece alone. */
    tcp.ident = 2;
    inject_packet(n, 0, &tcp, header, 40);
    assert_dropped(n, VT_DROP_FRAG_TINY);
    /* The header's own length beyond the piece. */
    tcp = (struct spec){.src = PEER, .dst = HERE, .protocol = VT_PROTO_TCP, .mf = true, .ident = 3};
    header[12] = 0xa0;
    inject_packet(n, 0, &tcp, header, 32);
    assert_dropped(n, VT_DROP_FRAG_TINY);
    assert_int_equal(n->nup, 0);
    /* Just so. */
    tcp.ident = 4;
    inject_packet(n, 0, &tcp, header, 40);
    tcp.offset = 40;
    tcp.mf = false;
    inject_packet(n, 0, &tcp, header, 10);
    assert_int_equal(n->nup, 1);
    assert_int_equal(n->up_len, 50);
    assert_int_equal(drops(n), 0);
}

static void test_v20_count(void **state)
{
    struct node *n = *state;

    for (unsigned i = 0; i < 10000; i++)
        part(n, (uint16_t)i, 8, 8, true);
    assert_int_equal(n->net->frags.count, 256);
    assert_int_equal(n->core.drops[VT_DROP_FRAG_LIMIT], 10000 - 256);
    assert_true(n->net->frags.bytes <= 4u << 20);
    /* The oldest went, the newest are there. */
    node_forget(n);
    part(n, 9999, 0, 8, true);
    part(n, 9999, 16, 8, false);
    assert_int_equal(n->nup, 1);
    assert_int_equal(n->up_len, 24);
}

static void test_v20_bytes(void **state)
{
    struct vt_net_config config = {.frag_max_bytes = 100000};
    struct node *n = node_new(1, &config);

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        part(n, (uint16_t)i, 0, 1480, true);
        assert_true(n->net->frags.bytes <= 100000);
        assert_true(n->core.mem_used < 100000 + sizeof *n->net + 10000);
    }
    assert_true(n->net->frags.count > 10);
    assert_int_equal(n->core.drops[VT_DROP_FRAG_LIMIT], 200 - n->net->frags.count);
    node_forget(n);
    part(n, 199, 1480, 20, false);
    assert_int_equal(n->nup, 1);
    node_free(n);
    /* One that is too much by itself. */
    config.frag_max_bytes = 4000;
    n = node_new(1, &config);
    for (unsigned i = 0; i < 10; i++)
        part(n, 7, (uint16_t)(1480 * i), 1480, true);
    assert_true(n->net->frags.bytes <= 4000);
    assert_true(n->core.drops[VT_DROP_FRAG_LIMIT] > 0);
    node_free(n);
}

static void test_v20_parts(void **state)
{
    struct node *n = *state;

    /* Every other one of 65 pieces and more: they never join. */
    for (unsigned i = 0; i < 70; i++)
        part(n, 1, (uint16_t)(16 * i + 8), 8, true);
    assert_int_equal(n->core.drops[VT_DROP_FRAG_LIMIT], 70);
    assert_int_equal(n->net->frags.count, 1);
    assert_true(n->net->frags.bytes < 4000);
    /* As many as may be. */
    for (unsigned i = 64; i-- > 0;)
        part(n, 2, (uint16_t)(8 * i), 8, i != 63);
    assert_int_equal(n->nup, 1);
    assert_int_equal(n->up_len, 512);
    assert_memory_equal(n->up_bytes, pattern(0), 512);
}

static void test_v20_timeout(void **state)
{
    struct node *n = *state;
    struct vt_ipv4_hdr h;
    uint8_t data[PACKET_MAX];

    part(n, 1, 0, 1000, true);
    part(n, 1, 1000, 1000, true);
    part(n, 2, 1000, 1000, true); /* of this one the first is missing */
    node_wait(n, 60 * VT_SEC - 1);
    assert_int_equal(drops(n), 0);
    node_wait(n, 1);
    assert_int_equal(n->core.drops[VT_DROP_FRAG_TIMEOUT], 3);
    assert_int_equal(drops(n), 3);
    assert_int_equal(n->net->frags.count, 0);
    assert_int_equal(n->net->frags.bytes, 0);
    /* RFC 792: only who can be quoted is told. */
    assert_int_equal(n->nsent, 1);
    sent(n, 0, &h, data);
    assert_true(vt_ip_eq(h.src, HERE) && vt_ip_eq(h.dst, PEER));
    assert_int_equal(data[0], VT_ICMP_TIME_EXCEEDED);
    assert_int_equal(data[1], VT_ICMP_REASSEMBLY);
    assert_int_equal(vt_ipv4_parse(&h, data + 8, 65535), VT_DROP_NONE);
    assert_int_equal(h.ident, 1);
    assert_true(h.mf);
    assert_int_equal(h.total_len, 1020);
    assert_memory_equal(data + 28, pattern(0), 500);
    /* Too late. */
    part(n, 1, 2000, 10, false);
    assert_int_equal(n->nup, 0);
}

static void test_v21_length(void **state)
{
    struct node *n = *state;

    for (uint32_t len = 1; len < 8; len++) {
        part(n, 1, 0, 1000 + len, true);
        assert_dropped(n, VT_DROP_FRAG_LENGTH);
    }
    part(n, 1, 8, 0, true);
    assert_dropped(n, VT_DROP_FRAG_LENGTH);
    part(n, 1, 8, 0, false);
    assert_dropped(n, VT_DROP_FRAG_LENGTH);
    assert_int_equal(n->net->frags.count, 0);
    /* The last may have any length. */
    part(n, 1, 0, 1000, true);
    part(n, 1, 1000, 13, false);
    assert_whole(n, 1013);
}

static void test_v22_apart(void **state)
{
    struct node *n = *state;
    struct spec s = {.ident = 5};

    part_as(n, s, 0, 1000, true);
    s.src = VT_IP4(10, 0, 1, 3);
    part_as(n, s, 1000, 100, false);
    s.src = VT_IP_ANY;
    s.protocol = 99;
    part_as(n, s, 1000, 100, false);
    s.protocol = VT_PROTO_UDP;
    s.ident = 6;
    part_as(n, s, 1000, 100, false);
    assert_int_equal(n->nup, 0);
    assert_int_equal(n->net->frags.count, 4);
    s.ident = 5;
    part_as(n, s, 1000, 200, false);
    assert_int_equal(n->nup, 1);
    assert_int_equal(n->up_len, 1200);
    assert_memory_equal(n->up_bytes, pattern(0), 1200);
    assert_int_equal(drops(n), 0);
}

/* RFC 3168 5.3 */
static void test_ecn(void **state)
{
    static const struct {
        uint8_t tos[2];
        int whole; /* -1: dropped */
    } rows[] = {
        {{0, 0}, 0}, {{1, 1}, 1}, {{2, 2}, 2},  {{2, 3}, 3},
        {{3, 2}, 3}, {{3, 3}, 3}, {{0, 3}, -1}, {{3, 0}, -1},
    };
    struct node *n = *state;

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        node_forget(n);
        part_as(n, (struct spec){.tos = (uint8_t)(0x40 | rows[i].tos[0])}, 0, 1000, true);
        part_as(n, (struct spec){.tos = (uint8_t)(0x40 | rows[i].tos[1])}, 1000, 100, false);
        if (rows[i].whole < 0) {
            assert_int_equal(n->core.drops[VT_DROP_FRAG_ECN], 2);
            assert_int_equal(n->nup, 0);
        } else {
            assert_int_equal(n->up[0].tos, 0x40 | rows[i].whole);
        }
        assert_int_equal(n->net->frags.count, 0);
    }
}

/* A group's datagram is a group's, if only one part says so. */
static void test_group(void **state)
{
    struct node *n = *state;
    uint8_t b[1100];
    struct spec s = {.src = PEER, .dst = HERE, .mf = true};

    inject_group(n, 0, b, packet(b, &s, pattern(0), 1000));
    part(n, 0, 1000, 10, false);
    assert_int_equal(n->nup, 1);
    assert_true(n->up[0].group);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_in_and_out_of_order),
        CASE(test_header_of_the_whole),
        CASE(test_v17_ping_of_death),
        CASE(test_v17_by_options),
        CASE(test_v18_overlap),
        CASE(test_v18_two_ends),
        CASE(test_v18_duplicate),
        CASE(test_v19_tiny_first_fragment),
        CASE(test_v20_count),
        CASE(test_v20_bytes),
        CASE(test_v20_parts),
        CASE(test_v20_timeout),
        CASE(test_v21_length),
        CASE(test_v22_apart),
        CASE(test_ecn),
        CASE(test_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

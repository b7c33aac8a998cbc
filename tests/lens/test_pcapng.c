/* pcapng: read back by a small parser, and by tshark where it is installed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "scene.h"

static const struct vt_event_id none;

struct stage {
    struct scene scene;
    struct catch out;
    struct vt_pcapng *pcapng;
};

static struct scene *begin(struct stage *t, const struct vt_pcapng_config *config)
{
    memset(t, 0, sizeof *t);
    t->scene.frames = true;
    t->pcapng = vt_pcapng_new(config, catch_sink(&t->out));
    assert_non_null(t->pcapng);
    scene_listen(&t->scene, vt_pcapng_event, t->pcapng);
    scene_topology(&t->scene);
    return &t->scene;
}

static void end(struct stage *t)
{
    vt_pcapng_free(t->pcapng);
    catch_free(&t->out);
}

/* ---- The parser ---- */

struct reading {
    const uint8_t *at, *end;
    char interface[16][32]; /* their names */
    unsigned interfaces;
    /* of the packet read last */
    uint32_t which, have, len, flags;
    uint64_t time;
    const uint8_t *bytes;
    char comment[300];
};

static uint32_t le32(const uint8_t *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static uint32_t le16(const uint8_t *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8;
}

/* Copies option `code` as text, or returns its first bytes. */
static uint32_t option(const uint8_t *at, const uint8_t *end, uint32_t code, char *text, size_t size)
{
    while (at + 4 <= end && le16(at) != 0) {
        uint32_t len = le16(at + 2);
        assert_true(at + 4 + len <= end);
        if (le16(at) == code) {
            if (text != NULL)
                snprintf(text, size, "%.*s", (int)len, (const char *)at + 4);
            return len >= 4 ? le32(at + 4) : len >= 1 ? at[4] : 0;
        }
        at += 4 + (len + 3) / 4 * 4;
    }
    return 0;
}

/* Steps over one block; true when it was a packet. */
static bool next_block(struct reading *r)
{
    uint32_t type = le32(r->at), len = le32(r->at + 4);
    const uint8_t *body = r->at + 8, *options;
    assert_true(len >= 12 && len % 4 == 0 && r->at + len <= r->end);
    assert_int_equal(le32(r->at + len - 4), len);
    r->at += len;
    const uint8_t *stop = r->at - 4;
    if (type == 0x0a0d0d0a) {
        assert_int_equal(le32(body), 0x1a2b3c4d);
        assert_int_equal(le16(body + 4), 1);
    } else if (type == 1) {
        assert_int_equal(le16(body), 1); /* Ethernet */
        assert_int_equal(option(body + 8, stop, 9, NULL, 0), 9);
        assert_true(r->interfaces < 16);
        option(body + 8, stop, 2, r->interface[r->interfaces++], 32);
    } else {
        assert_int_equal(type, 6);
        r->which = le32(body);
        assert_true(r->which < r->interfaces);
        r->time = (uint64_t)le32(body + 4) << 32 | le32(body + 8);
        r->have = le32(body + 12);
        r->len = le32(body + 16);
        r->bytes = body + 20;
        options = body + 20 + (r->have + 3) / 4 * 4;
        option(options, stop, 1, r->comment, sizeof r->comment);
        r->flags = option(options, stop, 2, NULL, 0);
    }
    return type == 6;
}

static struct reading read_back(const struct stage *t)
{
    return (struct reading){.at = (const uint8_t *)t->out.text,
                            .end = (const uint8_t *)t->out.text + t->out.len};
}

/* The next packet; fails when there is none. */
static void next_packet(struct reading *r)
{
    while (r->at < r->end) {
        if (next_block(r))
            return;
    }
    fail_msg("no more packets");
}

static void expect_packet(struct reading *r, const char *interface, bool out, const char *comment)
{
    next_packet(r);
    assert_string_equal(r->interface[r->which], interface);
    assert_int_equal(r->flags, out ? 2 : 1);
    if (strncmp(r->comment, comment, strlen(comment)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", r->comment, comment);
}

/* ---- Tests ---- */

static void test_delivered(void **state)
{
    struct stage t;
    struct scene *s = begin(
        &t, &(struct vt_pcapng_config){.epoch = UINT64_C(1767225600000000000), .comment = "seed 1"});
    (void)state;
    struct packet p = scene_seg(s, A, 1, 40000, B, 80, VT_SYN, 1, 0, "", VT_SEG_NEW);
    scene_cross(s, &p, A, B);
    scene_read(s, &p, B, 1, VT_TCP_LISTEN);
    assert_int_equal(vt_pcapng_finish(t.pcapng), 0);
    struct reading r = read_back(&t);
    expect_packet(&r, "a:eth0", true, "fate: delivered; to s1:eth0; event a#6; cause a#5");
    assert_int_equal(r.time, UINT64_C(1767225600000000000));
    assert_int_equal(r.have, 54);
    assert_memory_equal(r.bytes, s->frame, 54);
    expect_packet(&r, "s1:eth0", false, "fate: delivered; event s1#5; cause a#6");
    assert_int_equal(r.time, UINT64_C(1767225600001000000));
    expect_packet(&r, "s1:eth1", true, "fate: delivered; to b:eth0");
    expect_packet(&r, "b:eth0", false, "fate: delivered");
    assert_ptr_equal(r.at, r.end);
    assert_int_equal(r.interfaces, 8);
    assert_string_equal(r.interface[7], "r1:eth1");
    end(&t);
}

static void test_fates(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_pcapng_config){0});
    (void)state;
    struct packet p = scene_seg(s, A, 1, 40000, B, 80, VT_SYN, 1, 0, "", VT_SEG_NEW);
    scene_depart(s, &p, A, S1);
    scene_drop(s, &p, 0, VT_DROP_CABLE_LOSS);
    p = scene_seg(s, A, 1, 40000, B, 80, VT_SYN, 1, 0, "", VT_SEG_RTO);
    scene_depart(s, &p, A, S1);
    scene_impair(s, &p, VT_IMPAIR_CORRUPT, 113);
    scene_drop(s, &p, 0, VT_DROP_FCS);
    p = scene_seg(s, A, 1, 40000, B, 80, VT_SYN, 1, 0, "", VT_SEG_RTO);
    scene_depart(s, &p, A, S1);
    scene_drop(s, &p, A, VT_DROP_TX_BUSY);
    p = scene_seg(s, A, 1, 40000, B, 80, VT_SYN, 1, 0, "", VT_SEG_RTO);
    scene_depart(s, &p, A, S1);
    scene_impair(s, &p, VT_IMPAIR_DUPLICATE, 0);
    struct packet copy = p;
    scene_wait(s, MS);
    scene_arrive(s, &p, A, S1);
    scene_arrive(s, &copy, A, S1);
    scene_drop(s, &p, S1, VT_DROP_SWITCH_STORM);
    scene_hop(s, &copy, S1, B);
    copy.id = scene_read(s, &copy, B, 1, VT_TCP_LISTEN);
    scene_drop(s, &copy, B, VT_DROP_TCP_SYN_QUEUE);
    p = scene_seg(s, A, 1, 40000, B, 80, VT_SYN, 1, 0, "", VT_SEG_RTO);
    scene_depart(s, &p, A, S1);
    assert_int_equal(vt_pcapng_finish(t.pcapng), 0);
    struct reading r = read_back(&t);
    expect_packet(&r, "a:eth0", true,
                  "fate: lost; on cable a-s1; loss: the cable lost it (impairment); event");
    expect_packet(&r, "a:eth0", true, "fate: corrupted; bit 113 flipped; on cable a-s1; bad-fcs: ");
    expect_packet(&r, "a:eth0", true, "fate: dropped; by a; tx-busy: ");
    expect_packet(&r, "a:eth0", true, "fate: duplicated; on cable a-s1; to s1:eth0");
    expect_packet(&r, "s1:eth0", false, "fate: dropped; by s1; storm: storm control");
    expect_packet(&r, "s1:eth0", false, "fate: delivered; event");
    expect_packet(&r, "s1:eth1", true, "fate: delivered; to b:eth0");
    expect_packet(&r, "b:eth0", false, "fate: dropped; by b; tcp-syn-queue: ");
    expect_packet(&r, "a:eth0", true, "fate: on the way; event");
    assert_ptr_equal(r.at, r.end);
    end(&t);
}

/* A bit flipped behind the FCS: the departure is as it was made; the arrival, and every copy passed on, is
 * damaged. */
static void test_damaged(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_pcapng_config){0});
    (void)state;
    struct packet p = scene_seg(s, A, 1, 40000, B, 80, VT_PSH | VT_ACK, 1, 1, "abc", VT_SEG_NEW);
    scene_depart(s, &p, A, S1);
    scene_impair(s, &p, VT_IMPAIR_CORRUPT_INSIDE, 432);
    scene_wait(s, MS);
    s->frame[54] ^= 1;
    scene_arrive(s, &p, A, S1);
    scene_hop(s, &p, S1, B);
    scene_drop(s, &p, B, VT_DROP_TCP_CHECKSUM);
    /* Of two copies of one departure, only the one that differs is damaged. */
    p = scene_seg(s, A, 1, 40000, B, 80, VT_PSH | VT_ACK, 1, 1, "abc", VT_SEG_RTO);
    scene_depart(s, &p, A, S1);
    scene_impair(s, &p, VT_IMPAIR_DUPLICATE, 0);
    scene_impair(s, &p, VT_IMPAIR_CORRUPT_INSIDE, 432);
    struct packet copy = p;
    scene_arrive(s, &p, A, S1);
    s->frame[54] ^= 1;
    scene_arrive(s, &copy, A, S1);
    assert_int_equal(vt_pcapng_finish(t.pcapng), 0);
    struct reading r = read_back(&t);
    expect_packet(&r, "a:eth0", true, "fate: corrupted; bit 432 flipped inside; on cable a-s1; to s1:eth0");
    expect_packet(&r, "s1:eth0", false, "fate: corrupted; bytes: damaged; event");
    expect_packet(&r, "s1:eth1", true, "fate: corrupted; bytes: damaged; to b:eth0");
    expect_packet(&r, "b:eth0", false, "fate: corrupted; bytes: damaged; by b; tcp-checksum: ");
    expect_packet(&r, "a:eth0", true,
                  "fate: corrupted; bit 432 flipped inside; on cable a-s1; duplicated; to");
    expect_packet(&r, "s1:eth0", false, "fate: delivered; event");
    expect_packet(&r, "s1:eth0", false, "fate: corrupted; bytes: damaged; event");
    end(&t);
}

static void test_left(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_pcapng_config){0});
    struct vt_event port = {.kind = VT_EV_PORT, .iface = 9}, tx = {.kind = VT_EV_PORT_TX, .iface = 9};
    (void)state;
    scene_emit(s, &port, S1, none, "tap0", 4);
    struct packet p = scene_seg(s, A, 1, 40000, NODES, 80, VT_SYN, 1, 0, "", VT_SEG_NEW);
    scene_hop(s, &p, A, S1);
    tx.u.frame.len = s->frame_len;
    scene_emit(s, &tx, S1, p.id, s->frame, s->frame_len);
    vt_pcapng_finish(t.pcapng);
    struct reading r = read_back(&t);
    next_packet(&r);
    next_packet(&r);
    expect_packet(&r, "s1:tap0", true, "fate: left; event");
    end(&t);
}

/* Written in order and as soon as possible: what is behind an unknown fate waits for it, up to the cap. */
static void test_order_and_cap(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_pcapng_config){.max_held = 4});
    (void)state;
    size_t head = t.out.len;
    struct packet p[6];
    for (unsigned i = 0; i < 6; i++) {
        p[i] = scene_seg(s, A, 1, 40000, B, 80, VT_SYN, i, 0, "", VT_SEG_NEW);
        scene_depart(s, &p[i], A, S1);
        if (i == 3)
            assert_int_equal(t.out.len, head);
    }
    struct reading r = read_back(&t);
    expect_packet(&r, "a:eth0", true, "fate: on the way");
    expect_packet(&r, "a:eth0", true, "fate: on the way");
    assert_ptr_equal(r.at, r.end);
    scene_drop(s, &p[3], 0, VT_DROP_CABLE_LOSS);
    size_t before = t.out.len;
    vt_pcapng_flush(t.pcapng);
    assert_int_equal(t.out.len, before); /* p[2] is still on its way */
    scene_drop(s, &p[2], 0, VT_DROP_CABLE_LOSS);
    vt_pcapng_flush(t.pcapng);
    r.end = (const uint8_t *)t.out.text + t.out.len;
    r.at = (const uint8_t *)t.out.text + before;
    expect_packet(&r, "a:eth0", true, "fate: lost");
    expect_packet(&r, "a:eth0", true, "fate: lost");
    assert_ptr_equal(r.at, r.end);
    assert_int_equal(vt_pcapng_finish(t.pcapng), 0);
    end(&t);
}

/* Events without bytes make no packets, and a failing sink ends the writing. */
static void test_no_bytes_and_failure(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_pcapng_config){0});
    (void)state;
    s->frames = false;
    size_t head = t.out.len;
    struct packet p = scene_seg(s, A, 1, 40000, B, 80, VT_SYN, 1, 0, "", VT_SEG_NEW);
    scene_cross(s, &p, A, B);
    vt_pcapng_flush(t.pcapng);
    assert_int_equal(t.out.len, head);
    s->frames = true;
    t.out.fail_after = 1;
    scene_cross(s, &p, A, B);
    assert_int_equal(vt_pcapng_finish(t.pcapng), -VT_ENOSPC);
    end(&t);
}

/* tshark reads it: names, directions, comments, nothing malformed, and bad checksums exactly where bytes are
 * damaged. */
static void test_tshark(void **state)
{
    struct stage t;
    struct scene *s = begin(&t, &(struct vt_pcapng_config){0});
    char path[] = "/tmp/vitro-lens-XXXXXX", command[400], line[600];
    (void)state;
    if (system("command -v tshark >/dev/null 2>&1") != 0) {
        end(&t);
        skip();
    }
    scene_open(s);
    struct packet p = scene_seg(s, A, 1, 40000, B, 9528, VT_PSH | VT_ACK, ISN_A + 1, ISN_B + 1, "abc",
                                VT_SEG_NEW);
    scene_depart(s, &p, A, S1);
    scene_impair(s, &p, VT_IMPAIR_CORRUPT_INSIDE, 432);
    s->frame[54] ^= 1;
    scene_arrive(s, &p, A, S1);
    scene_hop(s, &p, S1, B);
    scene_drop(s, &p, B, VT_DROP_TCP_CHECKSUM);
    assert_int_equal(vt_pcapng_finish(t.pcapng), 0);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, t.out.text, t.out.len), (ssize_t)t.out.len);
    close(fd);
    snprintf(
        command, sizeof command,
        "tshark -r %s -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -T fields -e frame.interface_name "
        "-e tcp.checksum.status -e ip.checksum.status -e _ws.malformed -e frame.comment 2>/dev/null",
        path);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    unsigned packets = 0, bad = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        char interface[32], tcp[8], ip[8];
        assert_int_equal(sscanf(line, "%31[^\t]\t%7[^\t]\t%7[^\t]\t\tfate: ", interface, tcp, ip), 3);
        bool damaged = strstr(line, "bytes: damaged") != NULL;
        assert_string_equal(tcp, damaged ? "0" : "1");
        assert_string_equal(ip, "1");
        packets++;
        bad += damaged;
    }
    assert_int_equal(pclose(f), 0);
    assert_int_equal(packets, 3 * 4 + 4);
    assert_int_equal(bad, 3);
    unlink(path);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delivered),     cmocka_unit_test(test_fates),
        cmocka_unit_test(test_damaged),       cmocka_unit_test(test_left),
        cmocka_unit_test(test_order_and_cap), cmocka_unit_test(test_no_bytes_and_failure),
        cmocka_unit_test(test_tshark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

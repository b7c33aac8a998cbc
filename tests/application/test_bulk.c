/* The bulk program: every byte checked, both ends agree, and a wrong byte is found. */
#include <stdio.h>
#include <stdlib.h>
#include "fake.h"
#include "application/bulk.h"

struct bed {
    struct fake_net net;
    struct fake_process sink, sender, *list[2];
};

static struct bed *new_bed(const char *sink, uint64_t seed)
{
    struct bed *b = calloc(1, sizeof *b);
    fake_net_init(&b->net, seed);
    b->list[0] = &b->sink;
    b->list[1] = &b->sender;
    assert_int_equal(fake_start(&b->sink, &b->net, sink), 0);
    return b;
}

static void free_bed(struct bed *b)
{
    fake_end(&b->sender);
    fake_end(&b->sink);
    fake_net_check(&b->net);
    fake_net_fini(&b->net);
    free(b);
}

static void test_both_ends_agree(void **state)
{
    static const char *const sizes[] = {"0", "1", "4095", "4096", "4097", "100000", "1M"};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (size_t io = 0; io < 2; io++) {
            struct bed *b = new_bed("bulk sink --once 7777", i);
            char command[100];
            const char *sent, *got;
            b->net.max_io = io == 0 ? SIZE_MAX : i > 5 ? 777 : 0;
            snprintf(command, sizeof command, "bulk send --bytes %s --seed %zu b:7777", sizes[i], i);
            assert_int_equal(fake_start(&b->sender, &b->net, command), 0);
            fake_settle(&b->net, b->list, 2);
            assert_true(b->sender.p.done && b->sink.p.done);
            assert_int_equal(b->sender.p.status, 0);
            assert_int_equal(b->sink.p.status, 0);
            sent = strstr(b->sender.out, "siphash ");
            got = strstr(b->sink.out, "siphash ");
            assert_non_null(sent);
            assert_non_null(got);
            assert_memory_equal(sent, got, 24);
            free_bed(b);
        }
}

static void test_hash_is_of_the_bytes_not_of_the_pieces(void **state)
{
    static struct vt_bulk_stream a, b;
    struct vt_rng rng;
    uint64_t other;
    size_t len;
    (void)state;
    vt_rng_seed(&rng, 1, 0);
    vt_bulk_start(&a, 5);
    vt_bulk_start(&b, 5);
    for (uint64_t left = 50000; left > 0; left -= len) {
        vt_bulk_peek(&a, left, &len);
        vt_bulk_next(&a, len);
    }
    for (uint64_t left = 50000; left > 0; left -= len) {
        vt_bulk_peek(&b, vt_rng_below(&rng, 900), &len);
        len = len < left ? len : (size_t)left;
        vt_bulk_next(&b, len);
    }
    assert_true(vt_bulk_hash(&a) == vt_bulk_hash(&b));
    vt_bulk_start(&b, 6);
    for (uint64_t left = 50000; left > 0; left -= len) {
        vt_bulk_peek(&b, left, &len);
        vt_bulk_next(&b, len);
    }
    other = vt_bulk_hash(&b);
    assert_true(vt_bulk_hash(&a) != other);
}

/* A sender of the test's own, with one byte wrong, or too many, or too few. */
static void test_wrong_streams_are_found(void **state)
{
    static const struct {
        size_t told, sent, wrong_at;
        const char *text;
    } cases[] = {
        {10000, 10000, 9999, "a wrong byte"},
        {10000, 10000, 0, "a wrong byte"},
        {10000, 10001, SIZE_MAX, "more bytes than were told of"},
        {10000, 9999, SIZE_MAX, "its stream ended early"},
        {10000, 0, SIZE_MAX, "its stream ended early"},
        {0, 0, SIZE_MAX, "not a bulk sender"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bed *b = new_bed("bulk sink --once 7777", 1);
        static struct vt_bulk_stream s;
        uint8_t bytes[20000 + VT_BULK_HEADER] = {0};
        size_t len = 0;
        int fd = fake_connect(&b->net, 7777);
        memcpy(bytes, vt_bulk_magic, 8);
        if (cases[i].told == 0)
            bytes[3] = 'x';
        vt_bulk_put64(bytes + 8, 5);
        vt_bulk_put64(bytes + 16, cases[i].told);
        vt_bulk_start(&s, 5);
        for (size_t at = 0; at < cases[i].sent; at += len) {
            const uint8_t *piece = vt_bulk_peek(&s, cases[i].sent - at, &len);
            memcpy(bytes + VT_BULK_HEADER + at, piece, len);
            vt_bulk_next(&s, len);
        }
        if (cases[i].wrong_at != SIZE_MAX)
            bytes[VT_BULK_HEADER + cases[i].wrong_at] ^= 1;
        fake_api.sendto(&b->net, fd, bytes, VT_BULK_HEADER + cases[i].sent, 0, NULL);
        fake_api.shutdown(&b->net, fd, VT_SHUT_WR);
        fake_settle(&b->net, b->list, 1);
        assert_true(b->sink.p.done);
        assert_int_equal(b->sink.p.status, 1);
        if (strstr(b->sink.err, cases[i].text) == NULL)
            fail_msg("%s", b->sink.err);
        fake_api.close(&b->net, fd);
        free_bed(b);
    }
}

static void test_sender_sees_a_false_verdict(void **state)
{
    struct bed *b = new_bed("bulk sink 7777", 1);
    int listener = fake_listen(&b->net, 7778), fd;
    (void)state;
    assert_int_equal(fake_start(&b->sender, &b->net, "bulk send --bytes 10 b:7778"), 0);
    fake_settle(&b->net, b->list, 2);
    fd = fake_api.accept(&b->net, listener, NULL);
    fake_send(&b->net, fd, "10 0000000000000000\n");
    fake_api.shutdown(&b->net, fd, VT_SHUT_WR);
    fake_settle(&b->net, b->list, 2);
    assert_true(b->sender.p.done);
    assert_int_equal(b->sender.p.status, 1);
    assert_non_null(strstr(b->sender.err, "the sink says 10 0000000000000000, and not 10 "));
    fake_api.close(&b->net, fd);
    fake_api.close(&b->net, listener);
    free_bed(b);
}

static void test_many_senders(void **state)
{
    struct bed *b = new_bed("bulk sink --max 3 7777", 1);
    static struct fake_process senders[10], *list[11];
    (void)state;
    b->net.buffer = 3000;
    list[0] = &b->sink;
    for (unsigned i = 0; i < 10; i++) {
        char command[100];
        memset(&senders[i], 0, sizeof senders[i]);
        snprintf(command, sizeof command, "bulk send --bytes 50000 --seed %u b:7777", i);
        assert_int_equal(fake_start(&senders[i], &b->net, command), 0);
        list[i + 1] = &senders[i];
    }
    fake_settle(&b->net, list, 11);
    for (unsigned i = 0; i < 10; i++) {
        assert_true(senders[i].p.done);
        assert_int_equal(senders[i].p.status, 0);
        fake_end(&senders[i]);
    }
    assert_false(b->sink.p.done);
    assert_int_equal(b->net.live, sizeof(struct vt_bulk));
    free_bed(b);
}

static void test_v87_allocation_failure(void **state)
{
    (void)state;
    for (long n = 1; n < 5; n++) {
        struct bed *b = calloc(1, sizeof *b);
        fake_net_init(&b->net, 1);
        b->net.fail_at = n;
        b->list[0] = &b->sink;
        b->list[1] = &b->sender;
        if (fake_start(&b->sink, &b->net, "bulk sink 7777") == 0 &&
            fake_start(&b->sender, &b->net, "bulk send --bytes 10 b:7777") == 0)
            fake_settle(&b->net, b->list, 2);
        free_bed(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ends_agree),
        cmocka_unit_test(test_hash_is_of_the_bytes_not_of_the_pieces),
        cmocka_unit_test(test_wrong_streams_are_found),
        cmocka_unit_test(test_sender_sees_a_false_verdict),
        cmocka_unit_test(test_many_senders),
        cmocka_unit_test(test_v87_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A test bed for the two lowest floors: nodes' cores over counted memory, a record of all events, a device
 * that is a pair of queues, and frames made by hand. Checksums here are computed a byte at a time, on
 * purpose: they share nothing with what is tested. */
#ifndef VT_TESTS_PHYSICAL_BED_H
#define VT_TESTS_PHYSICAL_BED_H

#include "../base/testing.h"
#include "base/core.h"
#include "physical/physical.h"

struct bed {
    struct test_memory memory;
    struct vt_allocator mem;
    struct vt_pool *pool;
    struct vt_stream stream;
    struct vt_event *ev;
    size_t count, room;
    uint64_t kinds[VT_EV_COUNT], drops[VT_DROP_COUNT];
    uint8_t extra[70000]; /* of the last event that had some */
    uint32_t extra_len;
};

static inline void bed_event(void *ctx, const struct vt_event *e, const void *extra)
{
    struct bed *b = ctx;
    if (b->count == b->room) {
        b->room = b->room == 0 ? 1024 : b->room * 2;
        b->ev = realloc(b->ev, b->room * sizeof *b->ev);
        assert_non_null(b->ev);
    }
    b->ev[b->count++] = *e;
    b->kinds[e->kind]++;
    if (e->kind == VT_EV_DROP)
        b->drops[e->u.drop.reason]++;
    if (e->extra != 0 && e->extra <= sizeof b->extra) {
        memcpy(b->extra, extra, e->extra);
        b->extra_len = e->extra;
    }
}

static inline void bed_open(struct bed *b)
{
    memset(b, 0, sizeof *b);
    b->mem = test_allocator(&b->memory);
    b->pool = vt_pool_new(&(struct vt_pool_config){.mem = b->mem});
    assert_non_null(b->pool);
    assert_int_equal(vt_stream_init(&b->stream, &b->mem, 1 << 16, true), 0);
    assert_int_equal(vt_stream_listen(&b->stream, (struct vt_listener){bed_event, b}), 0);
}

/* Ends the bed, and with it every leak. */
static inline void bed_close(struct bed *b)
{
    vt_stream_drain(&b->stream);
    assert_int_equal(vt_pool_live_pbufs(b->pool), 0);
    assert_int_equal(vt_pool_live_blocks(b->pool), 0);
    vt_pool_release(b->pool);
    vt_stream_fini(&b->stream);
    assert_int_equal(b->memory.bytes, 0);
    free(b->ev);
}

static inline void bed_core(struct bed *b, struct vt_core *core, uint32_t node)
{
    memset(core, 0, sizeof *core);
    core->name = "test";
    core->mem = b->mem;
    core->pool = b->pool;
    core->sums = &vt_sums_portable;
    core->ev = (struct vt_events){.now = &core->now, .stream = &b->stream, .node = node};
    vt_wheel_init(&core->wheel, 0);
    vt_rng_seed(&core->rng, 1, node);
    core->key = (struct vt_sipkey){{0x0123456789abcdef, node}};
}

/* Lets a core's time pass, timers included. */
static inline void bed_run(struct vt_core *core, vt_time until)
{
    for (vt_time next; (next = vt_wheel_next(&core->wheel)) <= until;) {
        core->now = next;
        vt_wheel_run(&core->wheel, next);
    }
    core->now = until;
}

/* The nth event of a kind, from 0; NULL when there were fewer. */
static inline const struct vt_event *bed_find(struct bed *b, enum vt_event_kind kind, unsigned nth)
{
    vt_stream_drain(&b->stream);
    for (size_t i = 0; i < b->count; i++)
        if (b->ev[i].kind == kind && nth-- == 0)
            return &b->ev[i];
    return NULL;
}

static inline uint64_t bed_kinds(struct bed *b, enum vt_event_kind kind)
{
    vt_stream_drain(&b->stream);
    return b->kinds[kind];
}

static inline uint64_t bed_drops(struct bed *b, enum vt_drop reason)
{
    vt_stream_drain(&b->stream);
    return b->drops[reason];
}

/* ---- A device ---- */

struct bed_dev {
    struct vt_device dev;
    struct vt_pbufq in, out;
    unsigned accept; /* frames that one tx_burst takes */
};

static inline unsigned bed_dev_rx(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    struct bed_dev *d = (struct bed_dev *)(void *)dev;
    unsigned got = 0;
    (void)now;
    while (got < n && d->in.count != 0)
        frames[got++] = vt_pbufq_pop(&d->in);
    return got;
}

static inline unsigned bed_dev_tx(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    struct bed_dev *d = (struct bed_dev *)(void *)dev;
    unsigned i = 0;
    (void)now;
    for (; i < n && i < d->accept; i++)
        vt_pbufq_push(&d->out, frames[i]);
    return i;
}

static inline vt_time bed_dev_next(struct vt_device *dev)
{
    return ((struct bed_dev *)(void *)dev)->in.count != 0 ? 0 : VT_NEVER;
}

static inline int bed_dev_fd(struct vt_device *dev)
{
    (void)dev;
    return -1;
}

static inline void bed_dev_open(struct bed_dev *d, uint32_t features)
{
    static const struct vt_device_ops ops = {
        .rx_burst = bed_dev_rx, .tx_burst = bed_dev_tx, .next = bed_dev_next, .fd = bed_dev_fd};
    memset(d, 0, sizeof *d);
    d->dev = (struct vt_device){.ops = &ops, .features = features, .mtu = 1500, .name = "bed"};
    d->accept = VT_BURST;
}

static inline void bed_dev_close(struct bed_dev *d)
{
    vt_pbufq_clear(&d->in);
    vt_pbufq_clear(&d->out);
}

/* ---- Frames ---- */

static inline struct vt_mac bed_mac(unsigned i)
{
    return (struct vt_mac){{0x02, 0, (uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
}

/* RFC 1071, word by word. */
static inline uint16_t bed_sum(uint32_t sum, const uint8_t *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 == 0 ? (uint32_t)b[i] << 8 : b[i];
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* The sum over the pseudo-header of a TCP segment in an IPv4 packet, and over the segment. */
static inline uint16_t bed_tcp_sum(const uint8_t *ip, size_t segment, bool with_segment)
{
    uint32_t sum = bed_sum(6 + (uint32_t)segment, ip + 12, 8);
    return with_segment ? bed_sum(sum, ip + 20, segment) : (uint16_t)sum;
}

static inline void bed_eth(uint8_t *b, struct vt_mac dst, struct vt_mac src, uint16_t type)
{
    memcpy(b, dst.b, 6);
    memcpy(b + 6, src.b, 6);
    vt_put16(b + 12, type);
}

#define BED_TCP_HEAD 54

/* Writes an Ethernet frame with a TCP segment, 10.0.0.1 to 10.0.0.2, checksums right; the data are counted
 * bytes. Returns its length. */
static inline size_t bed_tcp(uint8_t *b, unsigned flags, uint32_t seq, size_t data, uint16_t sport,
                             uint16_t dport)
{
    memset(b, 0, BED_TCP_HEAD);
    bed_eth(b, bed_mac(2), bed_mac(1), 0x0800);
    uint8_t *ip = b + 14, *tcp = b + 34;
    ip[0] = 0x45;
    vt_put16(ip + 2, (uint16_t)(40 + data));
    vt_put16(ip + 4, 0xfffe);
    ip[6] = 0x40;
    ip[8] = 64;
    ip[9] = 6;
    memcpy(ip + 12, "\x0a\0\0\x01\x0a\0\0\x02", 8);
    vt_put16(ip + 10, (uint16_t)~bed_sum(0, ip, 20));
    vt_put16(tcp, sport);
    vt_put16(tcp + 2, dport);
    vt_put32(tcp + 4, seq);
    vt_put32(tcp + 8, 0x01020304);
    tcp[12] = 0x50;
    tcp[13] = (uint8_t)flags;
    vt_put16(tcp + 14, 0xffff);
    for (size_t i = 0; i < data; i++)
        b[BED_TCP_HEAD + i] = (uint8_t)(i * 7 + i / 251);
    vt_put16(tcp + 16, (uint16_t)~bed_tcp_sum(ip, 20 + data, true));
    return BED_TCP_HEAD + data;
}

/* The same as a pbuf whose checksum is still to be completed. */
static inline struct vt_pbuf *bed_partial(struct bed *bed, unsigned flags, uint32_t seq, size_t data)
{
    static uint8_t b[70000];
    size_t len = bed_tcp(b, flags, seq, data, 1000, 80);
    vt_put16(b + 34 + 16, bed_tcp_sum(b + 14, 20 + data, false));
    struct vt_pbuf *p = vt_pbuf_from(bed->pool, b, len);
    assert_non_null(p);
    p->csum = VT_CSUM_PARTIAL;
    p->csum_offset = 16;
    p->csum_span = (uint32_t)(20 + data);
    return p;
}

/* A super-segment. */
static inline struct vt_pbuf *bed_super(struct bed *bed, unsigned flags, uint32_t seq, size_t data,
                                        uint16_t size)
{
    struct vt_pbuf *p = bed_partial(bed, flags, seq, data);
    p->gso = VT_GSO_TCP4;
    p->gso_size = size;
    return p;
}

/* A frame of `len` bytes of no particular protocol. */
static inline struct vt_pbuf *bed_frame(struct bed *bed, struct vt_mac dst, struct vt_mac src, uint32_t len)
{
    static uint8_t b[70000];
    bed_eth(b, dst, src, 0x88b5); /* for experiments (IEEE 802) */
    for (uint32_t i = 14; i < len; i++)
        b[i] = (uint8_t)i;
    struct vt_pbuf *p = vt_pbuf_from(bed->pool, b, len);
    assert_non_null(p);
    return p;
}

/* Checks that a frame is whole TCP over IPv4 with right checksums; returns its bytes in a buffer of its own.
 */
static inline const uint8_t *bed_check_tcp(const struct vt_pbuf *p)
{
    static uint8_t b[70000];
    assert_true(p->len >= BED_TCP_HEAD);
    assert_int_equal(vt_pbuf_read(p, 0, b, p->len), p->len);
    assert_int_equal(vt_get16(b + 16), p->len - 14);
    assert_int_equal(bed_sum(0, b + 14, 20), 0xffff);
    assert_int_equal(bed_tcp_sum(b + 14, p->len - 34, true), 0xffff);
    return b;
}

#endif

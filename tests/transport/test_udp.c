/* UDP (RFC 768, RFC 1122 4.1): one host over a bare IP device, datagrams put in and looked at by hand; then
 * two. */
#include "host/fixture.h"
#include "transport/udp.h"
#include "transport/udp_wire.h"

/* ---- One host, whose packets are made and read here ---- */

struct lone {
    struct test_memory mem;
    struct test_dev dev;
    struct vt_host *h;
    vt_time now;
};

static const struct vt_ip us = VT_IP4(10, 0, 0, 1), them = VT_IP4(10, 0, 0, 9);

static void lone_init(struct lone *l, uint32_t features)
{
    memset(l, 0, sizeof *l);
    test_dev_init(&l->dev, VT_DEV_RAW_IP | features);
    l->h = vt_host_new(&(struct vt_host_config){.seed = 1, .mem = test_allocator(&l->mem), .now = VT_SEC});
    assert_non_null(l->h);
    assert_int_equal(vt_host_attach(l->h, &l->dev.dev, "10.0.0.1/24"), 1);
    l->now = VT_SEC;
}

static void lone_fini(struct lone *l)
{
    vt_host_free(l->h);
    test_dev_fini(&l->dev);
    assert_int_equal(l->mem.count, 0);
}

struct datagram {
    struct vt_ip src, dst;
    uint16_t sport, dport;
    uint16_t len; /* as the header says; 0: true */
    uint16_t csum;
    bool given; /* `csum` is to stand as it is */
    const void *data;
    uint32_t size;
    uint32_t padding; /* bytes behind, within the IP packet */
};

static struct datagram to_us(uint16_t dport, const void *data, uint32_t size)
{
    return (struct datagram){
        .src = them, .dst = us, .sport = 5555, .dport = dport, .data = data, .size = size};
}

static void put_ip(uint8_t *b, const struct datagram *d, uint8_t protocol, uint32_t total)
{
    b[0] = 0x45;
    vt_put16(b + 2, (uint16_t)total);
    b[8] = 64;
    b[9] = protocol;
    memcpy(b + 12, d->src.b + 12, 4);
    memcpy(b + 16, d->dst.b + 12, 4);
    vt_put16(b + 10, vt_sum_finish(vt_sums_portable.add(0, b, 20)));
}

static uint16_t udp_sum(const struct datagram *d, const uint8_t *b, uint32_t len)
{
    return vt_sum_finish(vt_sums_portable.add(vt_sum_pseudo(d->src, d->dst, 17, len), b, len));
}

static void inject(struct lone *l, const uint8_t *b, uint32_t len)
{
    vt_pbufq_push(&l->dev.incoming, vt_pbuf_from(vt_host_core(l->h)->pool, b, len));
    vt_host_poll(l->h, l->now);
}

static void receive(struct lone *l, const struct datagram *d)
{
    static uint8_t b[2048];
    uint32_t len = VT_UDP_HEADER + d->size;
    struct vt_udp_hdr h = {d->sport, d->dport, d->len != 0 ? d->len : (uint16_t)len, 0};

    memset(b, 0, sizeof b);
    vt_udp_write(b + 20, &h);
    if (d->size != 0)
        memcpy(b + 28, d->data, d->size);
    h.csum = d->given ? d->csum : udp_sum(d, b + 20, len);
    if (h.csum == 0 && !d->given)
        h.csum = 0xffff;
    vt_udp_write(b + 20, &h);
    put_ip(b, d, 17, 20 + len + d->padding);
    inject(l, b, 20 + len + d->padding);
}

/* The next packet that was sent, whole, at `b`; returns its length, 0 when there is none. */
static uint32_t sent(struct lone *l, uint8_t *b, uint32_t size)
{
    vt_host_flush(l->h, l->now);
    struct vt_pbuf *p = vt_pbufq_pop(&l->dev.sent);
    if (p == NULL)
        return 0;
    uint32_t len = vt_pbuf_read(p, 0, b, size);
    vt_pbuf_free(p);
    return len;
}

static long take(struct lone *l, int fd, char *buf, size_t size)
{
    return vt_recv(l->h, fd, buf, size, 0);
}

/* ---- What comes in ---- */

static void a_datagram_arrives_with_its_source(void **state)
{
    struct lone l;
    char buf[16];
    struct vt_addr from;

    (void)state;
    lone_init(&l, 0);
    int fd = test_udp(l.h, 7);
    receive(&l, &(struct datagram){
                    .src = them, .dst = us, .sport = 5555, .dport = 7, .data = "hello", .size = 5});
    assert_int_equal(vt_recvfrom(l.h, fd, buf, sizeof buf, 0, &from), 5);
    assert_memory_equal(buf, "hello", 5);
    assert_true(vt_addr_eq(from, (struct vt_addr){them, 0, 5555}));
    assert_int_equal(take(&l, fd, buf, sizeof buf), -VT_EAGAIN);
    assert_int_equal(vt_host_delivered(l.h), 1);
    assert_int_equal(vt_host_drops(l.h, 0), 0);
    lone_fini(&l);
}

/* RFC 768: what stands behind the datagram in its packet is no part of it. */
static void bytes_behind_the_datagram_are_cut_off(void **state)
{
    struct lone l;
    char buf[64];
    struct datagram d = to_us(7, "hello", 5);

    (void)state;
    lone_init(&l, 0);
    int fd = test_udp(l.h, 7);
    d.padding = 20;
    receive(&l, &d);
    assert_int_equal(take(&l, fd, buf, sizeof buf), 5);
    lone_fini(&l);
}

static void expect_drop(const struct datagram *d, enum vt_drop reason)
{
    struct lone l;
    char buf[16];

    lone_init(&l, 0);
    int fd = test_udp(l.h, 7);
    receive(&l, d);
    assert_int_equal(take(&l, fd, buf, sizeof buf), -VT_EAGAIN);
    assert_int_equal(vt_host_drops(l.h, reason), 1);
    assert_int_equal(vt_host_drops(l.h, 0), 1);
    assert_int_equal(vt_host_delivered(l.h), 0);
    assert_int_equal(sent(&l, (uint8_t *)buf, sizeof buf), 0);
    lone_fini(&l);
}

static void test_v41_a_length_below_the_header(void **state)
{
    (void)state;
    for (uint16_t len = 1; len < VT_UDP_HEADER; len++) {
        struct datagram d = to_us(7, "hello", 5);
        d.len = len;
        d.given = true; /* no checksum: the length alone tells */
        expect_drop(&d, VT_DROP_UDP_SHORT);
    }
}

static void test_v41_a_length_beyond_the_packet(void **state)
{
    struct datagram d = to_us(7, "hello", 5);

    (void)state;
    d.given = true;
    d.len = VT_UDP_HEADER + 6;
    expect_drop(&d, VT_DROP_UDP_SHORT);
    d.len = 65535;
    expect_drop(&d, VT_DROP_UDP_SHORT);
}

static void test_v41_a_packet_shorter_than_the_header(void **state)
{
    (void)state;
    for (uint32_t len = 0; len < VT_UDP_HEADER; len++) {
        struct datagram d = to_us(7, NULL, 0);
        uint8_t b[28] = {0};
        struct lone l;

        lone_init(&l, 0);
        test_udp(l.h, 7);
        put_ip(b, &d, 17, 20 + len);
        vt_put16(b + 22, 7);
        inject(&l, b, 20 + len);
        assert_int_equal(vt_host_drops(l.h, VT_DROP_UDP_SHORT), 1);
        lone_fini(&l);
    }
}

/* RFC 8200 8.1: IPv6 has no checksum of its own, so that UDP must have one. */
static void test_v41_ipv6_without_a_checksum(void **state)
{
    const struct vt_ip one = {{0xfe, 0x80, [15] = 1}}, two = {{0xfe, 0x80, [15] = 2}};
    struct lone l;

    (void)state;
    lone_init(&l, 0);
    struct vt_udp *udp = vt_host_udp(l.h);
    struct vt_ip_in in = {.src = two, .dst = one, .nif = vt_host_netif(l.h, 1), .protocol = 17, .ttl = 64};
    struct vt_udp_sock *s = vt_udp_open(udp, NULL);
    uint8_t b[12] = {0};
    vt_udp_write(b, &(struct vt_udp_hdr){9, 7, 12, 0});
    /* The address is not this host's: bound by hand, as one that speaks IPv6 would have it. */
    s->local = (struct vt_addr){VT_IP_ANY, 0, 7};
    vt_udp_enter(s);
    vt_udp_input(udp, vt_pbuf_from(vt_host_core(l.h)->pool, b, sizeof b), &in);
    assert_int_equal(vt_host_drops(l.h, VT_DROP_UDP_CHECKSUM), 1);
    assert_int_equal(vt_udp_poll(s) & VT_POLLIN, 0);
    lone_fini(&l);
}

static void a_bad_checksum_drops(void **state)
{
    struct datagram d = to_us(7, "hello", 5);

    (void)state;
    d.given = true;
    d.csum = 0x1234;
    expect_drop(&d, VT_DROP_UDP_CHECKSUM);
}

static void no_checksum_is_none(void **state)
{
    struct lone l;
    char buf[16];
    struct datagram d = to_us(7, "hello", 5);

    (void)state;
    lone_init(&l, 0);
    int fd = test_udp(l.h, 7);
    d.given = true;
    receive(&l, &d);
    assert_int_equal(take(&l, fd, buf, sizeof buf), 5);
    lone_fini(&l);
}

/* RFC 1122 4.1.3.1. */
static void no_port_is_told_to_the_sender(void **state)
{
    struct lone l;
    uint8_t b[128];
    struct datagram d = to_us(7, "hello", 5);

    (void)state;
    lone_init(&l, 0);
    receive(&l, &d);
    assert_int_equal(vt_host_drops(l.h, VT_DROP_UDP_NO_PORT), 1);
    uint32_t len = sent(&l, b, sizeof b);
    assert_true(len >= 20 + 8 + 28);
    assert_int_equal(b[9], 1);
    assert_int_equal(b[20], 3);
    assert_int_equal(b[21], 3);
    assert_memory_equal(b + 28 + 12, them.b + 12, 4); /* it quotes the packet, from its IP header on */
    assert_int_equal(vt_get16(b + 28 + 22), 7);
    lone_fini(&l);
}

/* RFC 1122 3.2.2: no error about what was sent to everybody. */
static void no_port_is_not_told_to_who_broadcast(void **state)
{
    struct lone l;
    uint8_t b[128];
    struct datagram d = to_us(7, "hello", 5);

    (void)state;
    lone_init(&l, 0);
    d.dst = VT_IP4(10, 0, 0, 255);
    receive(&l, &d);
    assert_int_equal(vt_host_drops(l.h, VT_DROP_UDP_NO_PORT), 1);
    assert_int_equal(sent(&l, b, sizeof b), 0);
    lone_fini(&l);
}

/* ---- What goes out ---- */

static long say(struct lone *l, int fd, const void *data, size_t len)
{
    struct vt_addr to = {them, 0, 5555};

    return vt_sendto(l->h, fd, data, len, 0, &to);
}

static void what_is_sent_has_a_good_checksum(void **state)
{
    struct lone l;
    uint8_t b[2048], data[1000];

    (void)state;
    lone_init(&l, 0);
    int fd = test_udp(l.h, 7);
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    for (uint32_t n = 0; n < sizeof data; n += 37) {
        assert_int_equal(say(&l, fd, data, n), n);
        assert_int_equal(sent(&l, b, sizeof b), 28 + n);
        struct datagram d = {.src = us, .dst = them};
        assert_int_not_equal(vt_get16(b + 26), 0);
        assert_int_equal(udp_sum(&d, b + 20, 8 + n), 0);
        assert_memory_equal(b + 28, data, n);
    }
    lone_fini(&l);
}

/* RFC 768: a sum that comes out as 0 is sent as ffff, since 0 says that there is none; whoever makes it. */
static void a_sum_of_zero_is_sent_as_ffff(void **state)
{
    (void)state;
    for (int pass = 0; pass < 2; pass++) {
        struct lone l;
        uint8_t b[64], data[2] = {0, 0};

        lone_init(&l, pass == 0 ? 0 : VT_DEV_TX_CSUM);
        int fd = test_udp(l.h, 7);
        assert_int_equal(say(&l, fd, data, 2), 2);
        vt_host_flush(l.h, l.now);
        struct vt_pbuf *p = vt_pbufq_pop(&l.dev.sent);
        assert_int_equal(vt_pbuf_complete_csum(&vt_sums_portable, p), 0);
        vt_pbuf_read(p, 0, b, sizeof b);
        vt_pbuf_free(p);
        /* These two bytes make the sum of the rest ffff. */
        vt_put16(data, vt_get16(b + 26));
        assert_int_equal(say(&l, fd, data, 2), 2);
        vt_host_flush(l.h, l.now);
        p = vt_pbufq_pop(&l.dev.sent);
        assert_int_equal(vt_pbuf_complete_csum(&vt_sums_portable, p), 0);
        vt_pbuf_read(p, 0, b, sizeof b);
        vt_pbuf_free(p);
        assert_int_equal(vt_get16(b + 26), 0xffff);
        lone_fini(&l);
    }
}

static void a_device_that_sums_gets_the_pseudo_headers_sum(void **state)
{
    struct lone l;

    (void)state;
    lone_init(&l, VT_DEV_TX_CSUM);
    int fd = test_udp(l.h, 7);
    assert_int_equal(say(&l, fd, "hello", 5), 5);
    vt_host_flush(l.h, l.now);
    struct vt_pbuf *p = vt_pbufq_pop(&l.dev.sent);
    assert_int_equal(p->csum, VT_CSUM_PARTIAL);
    assert_int_equal(p->csum_span, 13);
    assert_int_equal(p->csum_offset, 6);
    assert_int_equal(vt_pbuf_complete_csum(&vt_sums_portable, p), 0);
    uint8_t b[64];
    struct datagram d = {.src = us, .dst = them};
    vt_pbuf_read(p, 0, b, sizeof b);
    assert_int_equal(udp_sum(&d, b + 20, 13), 0);
    vt_pbuf_free(p);
    /* What must be cut is summed here: the field is in the first piece only. */
    static uint8_t big[3000];
    assert_int_equal(say(&l, fd, big, sizeof big), sizeof big);
    vt_host_flush(l.h, l.now);
    assert_int_equal(l.dev.sent.count, 3);
    for (p = l.dev.sent.first; p != NULL; p = p->next)
        assert_int_not_equal(p->csum, VT_CSUM_PARTIAL);
    lone_fini(&l);
}

/* Linux's IP_MTU_DISCOVER: by default DF is on what fits. */
static void dont_fragment_follows_the_option(void **state)
{
    static uint8_t big[3000];
    struct lone l;
    uint8_t b[2048];

    (void)state;
    lone_init(&l, 0);
    int fd = test_udp(l.h, 7);
    static const struct {
        int option;
        bool df;
        long big;
    } rows[] = {{VT_PMTUDISC_WANT, true, sizeof big},
                {VT_PMTUDISC_DONT, false, sizeof big},
                {VT_PMTUDISC_DO, true, -VT_EMSGSIZE},
                {VT_PMTUDISC_PROBE, true, -VT_EMSGSIZE}};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(vt_setsockopt(l.h, fd, VT_SOL_IP, VT_IP_MTU_DISCOVER, &rows[i].option, 4), 0);
        assert_int_equal(say(&l, fd, "x", 1), 1);
        assert_true(sent(&l, b, sizeof b) > 0);
        assert_int_equal((b[6] & 0x40) != 0, rows[i].df);
        assert_int_equal(say(&l, fd, big, sizeof big), rows[i].big);
        while (sent(&l, b, sizeof b) > 0)
            assert_int_equal(b[6] & 0x40, 0);
    }
    lone_fini(&l);
}

static void ttl_and_tos_are_as_set(void **state)
{
    struct lone l;
    uint8_t b[64];
    int ttl = 3, tos = 0x10;

    (void)state;
    lone_init(&l, 0);
    int fd = test_udp(l.h, 7);
    assert_int_equal(vt_setsockopt(l.h, fd, VT_SOL_IP, VT_IP_TTL, &ttl, sizeof ttl), 0);
    assert_int_equal(vt_setsockopt(l.h, fd, VT_SOL_IP, VT_IP_TOS, &tos, sizeof tos), 0);
    assert_int_equal(say(&l, fd, "x", 1), 1);
    assert_true(sent(&l, b, sizeof b) > 0);
    assert_int_equal(b[8], 3);
    assert_int_equal(b[1], 0x10);
    lone_fini(&l);
}

/* ---- Errors from the network ---- */

/* An ICMP error about the packet at `b`, of `len` bytes, from the peer. */
static void complain(struct lone *l, const uint8_t *b, uint32_t len, uint8_t type, uint8_t code, uint16_t mtu)
{
    uint8_t e[20 + 8 + 28] = {0};
    struct datagram d = {.src = them, .dst = us};

    assert_true(len >= 28);
    e[20] = type;
    e[21] = code;
    vt_put16(e + 26, mtu);
    memcpy(e + 28, b, 28);
    vt_put16(e + 22, vt_sum_finish(vt_sums_portable.add(0, e + 20, sizeof e - 20)));
    put_ip(e, &d, 1, sizeof e);
    inject(l, e, sizeof e);
}

static void a_connected_socket_learns_that_nobody_is_there(void **state)
{
    struct lone l;
    struct vt_addr to = {them, 0, 5555};
    uint8_t b[64];
    char buf[8];
    int error;
    size_t len = sizeof error;

    (void)state;
    lone_init(&l, 0);
    int fd = test_udp(l.h, 0);
    assert_int_equal(vt_connect(l.h, fd, &to), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(vt_send(l.h, fd, "x", 1, 0), 1);
        uint32_t n = sent(&l, b, sizeof b);
        complain(&l, b, n, 3, 3, 0);
        struct vt_pollfd p = {.fd = fd, .events = VT_POLLIN};
        assert_int_equal(vt_poll(l.h, &p, 1), 1);
        assert_int_equal(p.revents, VT_POLLERR);
        if (i == 0) {
            assert_int_equal(take(&l, fd, buf, sizeof buf), -VT_ECONNREFUSED);
        } else if (i == 1) {
            assert_int_equal(vt_send(l.h, fd, "x", 1, 0), -VT_ECONNREFUSED);
        } else {
            assert_int_equal(vt_getsockopt(l.h, fd, VT_SOL_SOCKET, VT_SO_ERROR, &error, &len), 0);
            assert_int_equal(error, VT_ECONNREFUSED);
        }
        assert_int_equal(take(&l, fd, buf, sizeof buf), -VT_EAGAIN);
    }
    lone_fini(&l);
}

/* RFC 1122 3.2.2.1: host and network unreachable may pass; Linux tells unconnected sockets nothing. */
static void soft_errors_and_strangers_tell_nothing(void **state)
{
    struct lone l;
    struct vt_addr to = {them, 0, 5555};
    uint8_t b[64];
    char buf[8];

    (void)state;
    lone_init(&l, 0);
    int fd = test_udp(l.h, 0), loose = test_udp(l.h, 0);
    assert_int_equal(vt_connect(l.h, fd, &to), 0);
    assert_int_equal(vt_send(l.h, fd, "x", 1, 0), 1);
    uint32_t n = sent(&l, b, sizeof b);
    complain(&l, b, n, 3, 0, 0);
    complain(&l, b, n, 3, 1, 0);
    complain(&l, b, n, 11, 0, 0);
    assert_int_equal(take(&l, fd, buf, sizeof buf), -VT_EAGAIN);
    vt_put16(b + 22, 5556); /* about a peer that it does not have */
    complain(&l, b, n, 3, 3, 0);
    assert_int_equal(take(&l, fd, buf, sizeof buf), -VT_EAGAIN);
    assert_int_equal(vt_host_drops(l.h, VT_DROP_ICMP_NO_MATCH), 1);
    assert_int_equal(vt_sendto(l.h, loose, "x", 1, 0, &to), 1);
    n = sent(&l, b, sizeof b);
    complain(&l, b, n, 3, 3, 0);
    assert_int_equal(take(&l, loose, buf, sizeof buf), -VT_EAGAIN);
    lone_fini(&l);
}

static void a_smaller_path_is_believed_and_told(void **state)
{
    static uint8_t data[1400];
    struct lone l;
    struct vt_addr to = {them, 0, 5555};
    uint8_t b[2048];
    int mtu;
    size_t len = sizeof mtu;

    (void)state;
    lone_init(&l, 0);
    int fd = test_udp(l.h, 0);
    assert_int_equal(vt_getsockopt(l.h, fd, VT_SOL_IP, VT_IP_MTU, &mtu, &len), -VT_ENOTCONN);
    assert_int_equal(vt_connect(l.h, fd, &to), 0);
    assert_int_equal(vt_send(l.h, fd, data, sizeof data, 0), sizeof data);
    uint32_t n = sent(&l, b, sizeof b);
    complain(&l, b, n, 3, 4, 1000);
    assert_int_equal(vt_getsockopt(l.h, fd, VT_SOL_IP, VT_IP_MTU, &mtu, &len), 0);
    assert_int_equal(mtu, 1000);
    assert_int_equal(vt_send(l.h, fd, data, sizeof data, 0), -VT_EMSGSIZE);
    assert_int_equal(vt_send(l.h, fd, data, sizeof data, 0), sizeof data); /* cut, from now on */
    assert_true(sent(&l, b, sizeof b) <= 1000);
    lone_fini(&l);
}

/* ---- Whose datagram ---- */

static void the_narrowest_name_has_it(void **state)
{
    struct lone l;
    char buf[8];
    int on = 1;

    (void)state;
    lone_init(&l, 0);
    int fd[3];
    struct vt_addr names[3] = {{VT_IP4_ANY, 0, 7}, {us, 0, 7}, {us, 0, 7}}, peer = {them, 0, 5555};
    for (int i = 0; i < 3; i++) {
        fd[i] = vt_socket(l.h, VT_AF_INET, VT_SOCK_DGRAM, 0);
        assert_int_equal(vt_setsockopt(l.h, fd[i], VT_SOL_SOCKET, VT_SO_REUSEADDR, &on, sizeof on), 0);
        assert_int_equal(vt_bind(l.h, fd[i], &names[i]), 0);
    }
    assert_int_equal(vt_connect(l.h, fd[2], &peer), 0);
    struct datagram d = to_us(7, "x", 1);
    receive(&l, &d);
    assert_int_equal(take(&l, fd[2], buf, sizeof buf), 1);
    d.sport = 1;
    receive(&l, &d);
    assert_int_equal(take(&l, fd[2], buf, sizeof buf), -VT_EAGAIN);
    assert_int_equal(take(&l, fd[1], buf, sizeof buf), 1);
    vt_close(l.h, fd[1]);
    receive(&l, &d);
    assert_int_equal(take(&l, fd[0], buf, sizeof buf), 1);
    lone_fini(&l);
}

static void a_connected_socket_hears_its_peer_only(void **state)
{
    struct lone l;
    struct vt_addr peer = {them, 0, 5555}, at = {us, 0, 7}, name;
    char buf[8];

    (void)state;
    lone_init(&l, 0);
    int fd = test_udp(l.h, 7);
    assert_int_equal(vt_getpeername(l.h, fd, &name), -VT_ENOTCONN);
    assert_int_equal(vt_connect(l.h, fd, &peer), 0);
    assert_int_equal(vt_getsockname(l.h, fd, &name), 0);
    assert_true(vt_addr_eq(name, at));
    assert_int_equal(vt_getpeername(l.h, fd, &name), 0);
    assert_true(vt_addr_eq(name, peer));
    struct datagram d = to_us(7, "x", 1);
    d.sport = 5556;
    receive(&l, &d);
    assert_int_equal(take(&l, fd, buf, sizeof buf), -VT_EAGAIN);
    assert_int_equal(vt_host_drops(l.h, VT_DROP_UDP_NO_PORT), 1);
    /* Taken off its peer it hears everybody again, at the wildcard, on the port it was bound to. */
    assert_int_equal(vt_connect(l.h, fd, NULL), 0);
    assert_int_equal(vt_getsockname(l.h, fd, &name), 0);
    assert_true(vt_addr_eq(name, test_any(7)));
    receive(&l, &d);
    assert_int_equal(take(&l, fd, buf, sizeof buf), 1);
    lone_fini(&l);
}

static void a_port_taken_by_connect_goes_with_the_peer(void **state)
{
    struct lone l;
    struct vt_addr peer = {them, 0, 5555}, name;

    (void)state;
    lone_init(&l, 0);
    int fd = vt_socket(l.h, VT_AF_INET, VT_SOCK_DGRAM, 0);
    assert_int_equal(vt_connect(l.h, fd, &peer), 0);
    assert_int_equal(vt_getsockname(l.h, fd, &name), 0);
    assert_in_range(name.port, VT_PORT_LOW, VT_PORT_HIGH);
    assert_int_equal(vt_connect(l.h, fd, NULL), 0);
    assert_int_equal(vt_getsockname(l.h, fd, &name), 0);
    assert_true(vt_addr_eq(name, test_any(0)));
    assert_int_equal(vt_send(l.h, fd, "x", 1, 0), -VT_EDESTADDRREQ);
    lone_fini(&l);
}

static void binding_stands_in_the_way(void **state)
{
    struct lone l;
    struct vt_addr any = test_any(7), ours = {us, 0, 7}, lo = {VT_IP4_LOOPBACK, 0, 7}, theirs = {them, 0, 7};
    int on = 1;

    (void)state;
    lone_init(&l, 0);
    int a = vt_socket(l.h, VT_AF_INET, VT_SOCK_DGRAM, 0), b = vt_socket(l.h, VT_AF_INET, VT_SOCK_DGRAM, 0);
    assert_int_equal(vt_bind(l.h, a, &theirs), -VT_EADDRNOTAVAIL);
    assert_int_equal(vt_bind(l.h, a, &ours), 0);
    assert_int_equal(vt_bind(l.h, a, &lo), -VT_EINVAL);
    assert_int_equal(vt_bind(l.h, b, &ours), -VT_EADDRINUSE);
    assert_int_equal(vt_bind(l.h, b, &any), -VT_EADDRINUSE);
    vt_setsockopt(l.h, b, VT_SOL_SOCKET, VT_SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(vt_bind(l.h, b, &any), -VT_EADDRINUSE); /* both must agree */
    vt_setsockopt(l.h, a, VT_SOL_SOCKET, VT_SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(vt_bind(l.h, b, &any), 0);
    int c = vt_socket(l.h, VT_AF_INET, VT_SOCK_DGRAM, 0);
    assert_int_equal(vt_bind(l.h, c, &lo), -VT_EADDRINUSE); /* the wildcard has it */
    vt_close(l.h, b);
    assert_int_equal(vt_bind(l.h, c, &lo), 0); /* another address is another name */
    lone_fini(&l);
}

static void sockets_that_share_a_port_divide_the_peers(void **state)
{
    struct lone l;
    struct vt_addr any = test_any(7);
    int fd[4], on = 1;
    unsigned got[4] = {0};
    char buf[8];

    (void)state;
    lone_init(&l, 0);
    for (int i = 0; i < 4; i++) {
        fd[i] = vt_socket(l.h, VT_AF_INET, VT_SOCK_DGRAM, 0);
        vt_setsockopt(l.h, fd[i], VT_SOL_SOCKET, VT_SO_REUSEPORT, &on, sizeof on);
        assert_int_equal(vt_bind(l.h, fd[i], &any), 0);
    }
    for (uint16_t port = 1; port <= 200; port++) {
        struct datagram d = to_us(7, "x", 1);
        int whose = -1;
        for (int twice = 0; twice < 2; twice++) { /* one peer always goes to one socket */
            d.sport = port;
            receive(&l, &d);
            for (int i = 0; i < 4; i++) {
                if (take(&l, fd[i], buf, sizeof buf) == 1) {
                    assert_true(twice == 0 || whose == i);
                    whose = i;
                }
            }
            assert_true(whose >= 0);
        }
        got[whose]++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(got[i], 25, 80);
    lone_fini(&l);
}

/* ---- Bounds ---- */

static void a_full_receive_buffer_drops_and_counts(void **state)
{
    struct lone l;
    int size = 4096, got;
    size_t len = sizeof got;
    char buf[8];
    long n = 0;

    (void)state;
    lone_init(&l, 0);
    int fd = test_udp(l.h, 7);
    assert_int_equal(vt_setsockopt(l.h, fd, VT_SOL_SOCKET, VT_SO_RCVBUF, &size, sizeof size), 0);
    assert_int_equal(vt_getsockopt(l.h, fd, VT_SOL_SOCKET, VT_SO_RCVBUF, &got, &len), 0);
    assert_int_equal(got, 2 * size); /* Linux doubles it: half is overhead */
    struct datagram d = to_us(7, "x", 1);
    for (int i = 0; i < 100; i++)
        receive(&l, &d);
    while (take(&l, fd, buf, sizeof buf) == 1)
        n++;
    assert_in_range(n, 2,
                    2 * size / (int)sizeof(struct vt_pbuf)); /* what it costs counts, not what it carries */
    assert_int_equal(vt_host_drops(l.h, VT_DROP_UDP_QUEUE), 100 - n);
    assert_int_equal(vt_host_delivered(l.h), n);
    receive(&l, &d); /* and there is room again */
    assert_int_equal(take(&l, fd, buf, sizeof buf), 1);
    lone_fini(&l);
}

static void one_datagram_fits_into_the_smallest_buffer(void **state)
{
    static uint8_t big[1400];
    struct lone l;
    int size = 0, got;
    size_t len = sizeof got;

    (void)state;
    lone_init(&l, 0);
    int fd = test_udp(l.h, 7);
    assert_int_equal(vt_setsockopt(l.h, fd, VT_SOL_SOCKET, VT_SO_RCVBUF, &size, sizeof size), 0);
    assert_int_equal(vt_getsockopt(l.h, fd, VT_SOL_SOCKET, VT_SO_RCVBUF, &got, &len), 0);
    assert_int_equal(got, VT_DGRAM_RCVBUF_MIN);
    struct datagram d = to_us(7, big, sizeof big);
    receive(&l, &d);
    assert_int_equal(vt_recv(l.h, fd, big, sizeof big, 0), sizeof big);
    lone_fini(&l);
}

/* The tables grow and shrink with the sockets; afterwards the host holds what it held. */
static void a_thousand_sockets_come_and_go(void **state)
{
    struct lone l;
    static int fd[1000];
    char buf[8];

    (void)state;
    lone_init(&l, 0);
    size_t before = vt_host_memory(l.h);
    for (int i = 0; i < 1000; i++)
        fd[i] = test_udp(l.h, (uint16_t)(1000 + i));
    assert_true(vt_host_udp(l.h)->slots >= 1000);
    for (int i = 0; i < 1000; i += 7) {
        struct datagram d = to_us((uint16_t)(1000 + i), "x", 1);
        receive(&l, &d);
        assert_int_equal(take(&l, fd[i], buf, sizeof buf), 1);
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(vt_close(l.h, fd[i]), 0);
    assert_int_equal(vt_host_memory(l.h), before);
    lone_fini(&l);
}

/* ---- Reading ---- */

static void peek_trunc_and_empty_datagrams(void **state)
{
    struct lone l;
    char buf[16];

    (void)state;
    lone_init(&l, 0);
    int fd = test_udp(l.h, 7);
    struct datagram d = to_us(7, "hello world", 11);
    receive(&l, &d);
    assert_int_equal(vt_recv(l.h, fd, buf, 5, VT_MSG_PEEK), 5);
    assert_int_equal(vt_recv(l.h, fd, buf, 5, VT_MSG_PEEK | VT_MSG_TRUNC), 11);
    assert_int_equal(vt_recv(l.h, fd, buf, 5, 0), 5); /* and the rest is gone */
    assert_int_equal(vt_recv(l.h, fd, buf, sizeof buf, 0), -VT_EAGAIN);
    d = to_us(7, NULL, 0);
    receive(&l, &d);
    struct vt_pollfd p = {.fd = fd, .events = VT_POLLIN};
    assert_int_equal(vt_poll(l.h, &p, 1), 1);
    assert_int_equal(vt_recv(l.h, fd, buf, sizeof buf, 0), 0);
    assert_int_equal(vt_recv(l.h, fd, buf, sizeof buf, 0), -VT_EAGAIN);
    lone_fini(&l);
}

static void shutdown_is_as_linux_has_it(void **state)
{
    struct lone l;
    struct vt_addr peer = {them, 0, 5555};
    char buf[8];

    (void)state;
    lone_init(&l, 0);
    int fd = test_udp(l.h, 7);
    assert_int_equal(vt_shutdown(l.h, fd, 3), -VT_EINVAL);
    assert_int_equal(vt_connect(l.h, fd, &peer), 0);
    assert_int_equal(vt_shutdown(l.h, fd, VT_SHUT_WR), 0);
    assert_int_equal(vt_send(l.h, fd, "x", 1, 0), -VT_EPIPE);
    assert_int_equal(vt_recv(l.h, fd, buf, sizeof buf, 0), -VT_EAGAIN);
    assert_int_equal(vt_shutdown(l.h, fd, VT_SHUT_RD), 0);
    assert_int_equal(vt_recv(l.h, fd, buf, sizeof buf, 0), 0);
    struct vt_pollfd p = {.fd = fd, .events = VT_POLLIN | VT_POLLRDHUP};
    assert_int_equal(vt_poll(l.h, &p, 1), 1);
    assert_int_equal(p.revents, VT_POLLIN | VT_POLLRDHUP | VT_POLLHUP);
    int loose = test_udp(l.h, 8);
    assert_int_equal(vt_shutdown(l.h, loose, VT_SHUT_WR), -VT_ENOTCONN);
    lone_fini(&l);
}

static void sending_refuses_what_cannot_be(void **state)
{
    static uint8_t big[65536];
    struct lone l;
    struct vt_addr nowhere = {VT_IP4(192, 0, 2, 1), 0, 7}, noport = {them, 0, 0};
    struct vt_addr six = {{{0xfe, 0x80, [15] = 1}}, 1, 7}, all = {VT_IP4(10, 0, 0, 255), 0, 7};
    int on = 1;

    (void)state;
    lone_init(&l, 0);
    int fd = test_udp(l.h, 7);
    assert_int_equal(vt_send(l.h, fd, "x", 1, 0), -VT_EDESTADDRREQ);
    assert_int_equal(vt_sendto(l.h, fd, "x", 1, 0, &nowhere), -VT_ENETUNREACH);
    assert_int_equal(vt_sendto(l.h, fd, "x", 1, 0, &noport), -VT_EINVAL);
    assert_int_equal(vt_sendto(l.h, fd, "x", 1, 0, &six), -VT_EAFNOSUPPORT);
    assert_int_equal(say(&l, fd, big, 65508), -VT_EMSGSIZE);
    assert_int_equal(say(&l, fd, big, 65507), 65507);
    assert_int_equal(vt_sendto(l.h, fd, "x", 1, 0, &all), -VT_EACCES);
    assert_int_equal(vt_connect(l.h, fd, &all), -VT_EACCES);
    vt_setsockopt(l.h, fd, VT_SOL_SOCKET, VT_SO_BROADCAST, &on, sizeof on);
    assert_int_equal(vt_sendto(l.h, fd, "x", 1, 0, &all), 1);
    assert_int_equal(vt_sendto(l.h, fd, "x", 1, VT_MSG_OOB, &all), -VT_EOPNOTSUPP);
    lone_fini(&l);
}

/* ---- Two hosts ---- */

static void a_broadcast_is_everybodys(void **state)
{
    struct test_pair w;
    struct vt_addr all = {VT_IP4_BROADCAST, 0, 7}, subnet = {VT_IP4(10, 0, 0, 255), 0, 7}, from;
    int on = 1;
    char buf[8];

    (void)state;
    test_pair_init(&w, 0);
    int out = test_udp(w.a, 0), fd[2];
    for (int i = 0; i < 2; i++) {
        fd[i] = vt_socket(w.b, VT_AF_INET, VT_SOCK_DGRAM, 0);
        vt_setsockopt(w.b, fd[i], VT_SOL_SOCKET, VT_SO_REUSEADDR, &on, sizeof on);
        struct vt_addr any = test_any(7);
        assert_int_equal(vt_bind(w.b, fd[i], &any), 0);
    }
    vt_setsockopt(w.a, out, VT_SOL_SOCKET, VT_SO_BROADCAST, &on, sizeof on);
    assert_int_equal(vt_sendto(w.a, out, "hi", 2, 0, &all), 2);
    assert_int_equal(vt_sendto(w.a, out, "ho", 2, 0, &subnet), 2);
    test_pair_run(&w);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(vt_recvfrom(w.b, fd[i], buf, sizeof buf, 0, &from), 2);
        assert_memory_equal(buf, "hi", 2);
        assert_true(vt_ip_eq(from.ip, VT_IP4(10, 0, 0, 1)));
        assert_int_equal(vt_recv(w.b, fd[i], buf, sizeof buf, 0), 2);
        assert_int_equal(vt_recv(w.b, fd[i], buf, sizeof buf, 0), -VT_EAGAIN);
    }
    assert_int_equal(vt_host_delivered(w.b), 2); /* two packets, four copies */
    test_pair_fini(&w);
}

static void the_largest_datagram_crosses_in_fragments(void **state)
{
    static uint8_t out[65507], in[65507];

    (void)state;
    for (int pass = 0; pass < 2; pass++) {
        struct test_pair w;
        struct vt_addr to = test_addr_b(7);

        test_pair_init(&w, pass == 0 ? 0 : VT_DEV_TX_CSUM | VT_DEV_RX_CSUM);
        int a = test_udp(w.a, 0), b = test_udp(w.b, 7);
        for (uint32_t len = 1472; len <= 65507; len = len < 3000                        ? len + 1
                                                      : len * 2 > 65507 && len != 65507 ? 65507
                                                                                        : len * 2) {
            for (uint32_t i = 0; i < len; i++)
                out[i] = (uint8_t)(i * 31 + len);
            assert_int_equal(vt_sendto(w.a, a, out, len, 0, &to), len);
            test_pair_run(&w);
            assert_int_equal(vt_recv(w.b, b, in, sizeof in, 0), len);
            assert_memory_equal(in, out, len);
            if (len == 1480)
                len = 2940;
        }
        assert_int_equal(vt_host_drops(w.b, VT_DROP_UDP_CHECKSUM), 0);
        test_pair_fini(&w);
    }
}

/* The whole way of a datagram, each event naming the one before it. */
static void every_step_names_its_cause(void **state)
{
    struct test_pair w;
    struct vt_addr to = test_addr_b(7);
    char buf[8];

    (void)state;
    test_pair_init_watched(&w, 0);
    int a = test_udp(w.a, 0), b = test_udp(w.b, 7);
    assert_int_equal(vt_sendto(w.a, a, "x", 1, 0, &to), 1); /* so that ARP is done */
    test_pair_run(&w);
    assert_int_equal(vt_recv(w.b, b, buf, sizeof buf, 0), 1);
    test_pair_run(&w);
    w.log_a.n = w.log_b.n = 0;

    assert_int_equal(vt_sendto(w.a, a, "hello", 5, 0, &to), 5);
    test_pair_run(&w);
    assert_int_equal(vt_recv(w.b, b, buf, sizeof buf, 0), 5);
    test_pair_run(&w);

    const struct vt_event *call = test_find(&w.log_a, VT_EV_SOCK_CALL, 0);
    const struct vt_event *tx = test_find(&w.log_a, VT_EV_UDP_TX, 0);
    const struct vt_event *port = test_find(&w.log_a, VT_EV_PORT_TX, 0);
    assert_non_null(call);
    assert_int_equal(call->u.call.call, VT_CALL_SEND);
    assert_int_equal(call->u.call.result, 5);
    assert_non_null(tx);
    assert_ptr_equal(test_cause(&w.log_a, tx), call);
    assert_int_equal(tx->u.udp.len, 5);
    assert_int_equal(tx->u.udp.dport, 7);
    assert_ptr_equal(test_cause(&w.log_a, port), tx);

    port = test_find(&w.log_b, VT_EV_PORT_RX, 0);
    const struct vt_event *rx = test_find(&w.log_b, VT_EV_UDP_RX, 0);
    call = test_find(&w.log_b, VT_EV_SOCK_CALL, 0);
    assert_non_null(rx);
    assert_ptr_equal(test_cause(&w.log_b, rx), port);
    assert_int_equal(call->u.call.call, VT_CALL_RECV);
    assert_ptr_equal(test_cause(&w.log_b, call), rx);
    test_pair_fini(&w);
}

static void blocks_are_handed_over_without_a_copy(void **state)
{
    struct lone l;
    struct vt_addr self = {VT_IP4_LOOPBACK, 0, 7};
    struct vt_buf out, in;

    (void)state;
    lone_init(&l, 0);
    int fd = test_udp(l.h, 7);
    assert_int_equal(vt_connect(l.h, fd, &self), 0);
    assert_int_equal(vt_buf_get(l.h, 5000, &out), 0);
    memset((void *)(uintptr_t)out.data, 'v', 5000);
    const void *bytes = out.data;
    assert_int_equal(vt_send_buf(l.h, fd, &out, 5000), 5000);
    assert_null(out.owner);
    vt_host_flush(l.h, l.now);
    assert_int_equal(vt_recv_buf(l.h, fd, &in), 5000);
    assert_ptr_equal(in.data, bytes); /* through all floors, and back */
    assert_int_equal(in.len, 5000);
    vt_buf_release(l.h, &in);
    /* A few bytes lie in the descriptor: those are copied. */
    assert_int_equal(vt_send(l.h, fd, "hi", 2, 0), 2);
    vt_host_flush(l.h, l.now);
    assert_int_equal(vt_recv_buf(l.h, fd, &in), 2);
    assert_memory_equal(in.data, "hi", 2);
    vt_buf_release(l.h, &in);
    assert_int_equal(vt_recv_buf(l.h, fd, &in), -VT_EAGAIN);
    lone_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_datagram_arrives_with_its_source),
        cmocka_unit_test(bytes_behind_the_datagram_are_cut_off),
        cmocka_unit_test(test_v41_a_length_below_the_header),
        cmocka_unit_test(test_v41_a_length_beyond_the_packet),
        cmocka_unit_test(test_v41_a_packet_shorter_than_the_header),
        cmocka_unit_test(test_v41_ipv6_without_a_checksum),
        cmocka_unit_test(a_bad_checksum_drops),
        cmocka_unit_test(no_checksum_is_none),
        cmocka_unit_test(no_port_is_told_to_the_sender),
        cmocka_unit_test(no_port_is_not_told_to_who_broadcast),
        cmocka_unit_test(what_is_sent_has_a_good_checksum),
        cmocka_unit_test(a_sum_of_zero_is_sent_as_ffff),
        cmocka_unit_test(a_device_that_sums_gets_the_pseudo_headers_sum),
        cmocka_unit_test(dont_fragment_follows_the_option),
        cmocka_unit_test(ttl_and_tos_are_as_set),
        cmocka_unit_test(a_connected_socket_learns_that_nobody_is_there),
        cmocka_unit_test(soft_errors_and_strangers_tell_nothing),
        cmocka_unit_test(a_smaller_path_is_believed_and_told),
        cmocka_unit_test(the_narrowest_name_has_it),
        cmocka_unit_test(a_connected_socket_hears_its_peer_only),
        cmocka_unit_test(a_port_taken_by_connect_goes_with_the_peer),
        cmocka_unit_test(binding_stands_in_the_way),
        cmocka_unit_test(sockets_that_share_a_port_divide_the_peers),
        cmocka_unit_test(a_full_receive_buffer_drops_and_counts),
        cmocka_unit_test(one_datagram_fits_into_the_smallest_buffer),
        cmocka_unit_test(a_thousand_sockets_come_and_go),
        cmocka_unit_test(peek_trunc_and_empty_datagrams),
        cmocka_unit_test(shutdown_is_as_linux_has_it),
        cmocka_unit_test(sending_refuses_what_cannot_be),
        cmocka_unit_test(a_broadcast_is_everybodys),
        cmocka_unit_test(the_largest_datagram_crosses_in_fragments),
        cmocka_unit_test(every_step_names_its_cause),
        cmocka_unit_test(blocks_are_handed_over_without_a_copy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Signed TCP: RFC 9235's vectors, and connections between two hosts that share keys or do not. */
#include <vitro/openssl.h>

#include "host/fixture.h"
#include "transport/tcp.h"

/* ---- RFC 9235 ---- */

struct vector {
    const char *section;
    bool cmac, other_options, reply, syn;
    uint32_t client_isn, server_isn;
    const char *packet;
};

#define PAYLOAD(as, ip)                                     \
    "ffffffffffffffffffffffffffffffff00430104" as "00b4" ip \
    "26020601040001000102028000020202000202420002064104"    \
    "0000" as "0208400600640001"                            \
    "0100"

#define CLIENT_TEXT PAYLOAD("dabf", "0a0b0c0d")
#define SERVER_TEXT PAYLOAD("dac0", "ac1b1c1d")

static const struct vector vectors[] = {
    {"4.1.1", false, true, false, true, 0xfbfbab5a, 0x11c14261,
     "45e0004cdd0f4000ff06bf6b0a0b0c0dac1b1c1de9d700b3fbfbab5a00000000e002ffffcac40000020405b401030308"
     "0402080a00155ab7000000001d103d542ee437c6f8ede6d7c4d602e7"},
    {"4.1.2", false, true, true, false, 0xfbfbab5a, 0x11c14261,
     "45e0004c65064000ff063775ac1b1c1d0a0b0c0d00b3e9d711c14261fbfbab5be012ffff37760000020405b401030308"
     "0402080a84a50beb00155ab71d10543deeab0fe24c3010815116b3be"},
    {"4.1.3", false, true, false, false, 0xfbfbab5a, 0x11c14261,
     "45e0008736a14000ff06659f0a0b0c0dac1b1c1de9d700b3fbfbab5b11c14262c0180104a16200000101080a00155ac1"
     "84a50beb1d103d547064cf998cc6c315c2c2e2bf" CLIENT_TEXT},
    {"4.1.4", false, true, true, false, 0xfbfbab5a, 0x11c14261,
     "45e000871fa94000ff067c97ac1b1c1d0a0b0c0d00b3e9d711c14262fbfbab9ec0180100400c00000101080a84a50bf5"
     "00155ac11d10543da63f0ecbbb2e635c954deac7" SERVER_TEXT},
    {"4.2.1", false, false, false, true, 0xcb0efbee, 0xacd5b5e1,
     "45e0004c53994000ff0648e20a0b0c0dac1b1c1dff1200b3cb0efbee00000000e002ffff541f0000020405b401030308"
     "0402080a00024cce000000001d103d5480af3cfeb85368937b8f9ec2"},
    {"4.2.2", false, false, true, false, 0xcb0efbee, 0xacd5b5e1,
     "45e0004c32844000ff0669f7ac1b1c1d0a0b0c0d00b3ff12acd5b5e1cb0efbefe012ffff388e0000020405b401030308"
     "0402080a576772f300024cce1d10543d09306f9acea63a8c68cb9a70"},
    {"4.2.3", false, false, false, false, 0xcb0efbee, 0xacd5b5e1,
     "45e00087a8f54000ff06f34a0a0b0c0dac1b1c1dff1200b3cb0efbefacd5b5e2c01801046c4500000101080a00024cce"
     "576772f31d103d54710608cc696c03a271c93aa5" CLIENT_TEXT},
    {"4.2.4", false, false, true, false, 0xcb0efbee, 0xacd5b5e1,
     "45e0008754374000ff064809ac1b1c1d0a0b0c0d00b3ff12acd5b5e2cb0efc32c018010046b600000101080a576772f3"
     "00024cce1d10543d97766e48ac262de9ae61b4f9" SERVER_TEXT},
    {"5.1.1", true, true, false, true, 0x787a1ddf, 0xfadd6de9,
     "45e0004c7b9f4000ff0620dc0a0b0c0dac1b1c1dc4fa00b3787a1ddf00000000e002ffff5a0f0000020405b401030308"
     "0402080a00017ed0000000001d103d54e477e99c8040765498e55091"},
    {"5.1.2", true, true, true, false, 0x787a1ddf, 0xfadd6de9,
     "45e0004c4bad4000ff0650ceac1b1c1d0a0b0c0d00b3c4fafadd6de9787a1de0e012fffff3f20000020405b401030308"
     "0402080a93f4e9e800017ed01d10543dd6ada7bc4cdd536d1769db5f"},
    {"5.1.3", true, true, false, false, 0x787a1ddf, 0xfadd6de9,
     "45e00087fb4f4000ff06a0f00a0b0c0dac1b1c1dc4fa00b3787a1de0fadd6deac0180104950500000101080a00017ed0"
     "93f4e9e81d103d5477412742fa4dc433eff0973e" CLIENT_TEXT},
    {"5.1.4", true, true, true, false, 0x787a1ddf, 0xfadd6de9,
     "45e00087b9144000ff06e32bac1b1c1d0a0b0c0d00b3c4fafadd6dea787a1e23c0180100e7db00000101080a93f4e9e8"
     "00017ed01d10543df6d965a78382a74845f72dac" SERVER_TEXT},
    {"5.2.1", true, false, false, true, 0x389bed71, 0xd3844a6f,
     "45e0004cf22e4000ff06aa4c0a0b0c0dac1b1c1dda1c00b3389bed7100000000e002ffff70bf0000020405b401030308"
     "0402080a000185e1000000001d103d54c44e60cb31f7c0b1de3d2749"},
    {"5.2.2", true, false, true, false, 0x389bed71, 0xd3844a6f,
     "45e0004c6cc04000ff062fbbac1b1c1d0a0b0c0d00b3da1cd3844a6f389bed72e012ffffe4450000020405b401030308"
     "0402080ace459838000185e11d10543d3a6abb207e49b1be7136db90"},
    {"5.2.3", true, false, false, false, 0x389bed71, 0xd3844a6f,
     "45e00087ee914000ff06adae0a0b0c0dac1b1c1dda1c00b3389bed72d3844a70c0180104885100000101080a000185e1"
     "ce4598381d103d547585e9e9d5c3ec857b96f837" CLIENT_TEXT},
    {"5.2.4", true, false, true, false, 0x389bed71, 0xd3844a6f,
     "45e000876a214000ff06321fac1b1c1d0a0b0c0d00b3da1cd3844a70389bed72c018010004490000"
     "0101080ace459838"
     "000185e11d10543d5c040fd9233304765c0982f4" SERVER_TEXT},
};

static uint32_t unhex(const char *text, uint8_t *b)
{
    uint32_t n = 0;
    for (; text[0] != 0; text += 2, n++) {
        unsigned v = 0;
        assert_int_equal(sscanf(text, "%2x", &v), 1);
        b[n] = (uint8_t)v;
    }
    return n;
}

/* A segment out of an IP packet, as the input of TCP has it. */
static void read_segment(struct vt_pool *pool, const uint8_t *b, uint32_t len, struct vt_tcp_seg *seg)
{
    memset(seg, 0, sizeof(*seg));
    seg->p = vt_pbuf_from(pool, b + 20, len - 20);
    assert_non_null(seg->p);
    seg->hlen = (uint16_t)((b[32] >> 4) * 4);
    seg->hdr = vt_pbuf_pull(seg->p, seg->hlen);
    seg->src.ip = vt_ip_from4(vt_get32(b + 12));
    seg->dst.ip = vt_ip_from4(vt_get32(b + 16));
    seg->len = seg->p->len;
}

static bool holds(struct vt_core *core, const struct vector *v, const uint8_t *b, uint32_t len)
{
    struct vt_tcp_key key = {.alg = v->cmac ? VT_MAC_AES_CMAC : VT_MAC_HMAC_SHA1,
                             .maclen = 12,
                             .other_options = v->other_options,
                             .len = 10,
                             .key = "testvector"};
    struct vt_tcp_sign sign = {.key = &key};
    struct vt_tcp_seg seg;
    sign.src_isn = vt_seq(v->reply ? v->server_isn : v->client_isn);
    sign.dst_isn = vt_seq(v->reply ? v->client_isn : v->syn ? 0 : v->server_isn);
    read_segment(core->pool, b, len, &seg);
    bool ok = vt_tcp_sign_valid(core, &sign, &seg);
    vt_pbuf_free(seg.p);
    return ok;
}

static void test_rfc9235_vectors(void **state)
{
    (void)state;
    struct test_pair w;
    test_pair_init(&w, 0);
    struct vt_core *core = vt_host_core(w.a);
    core->crypto = vt_crypto_openssl();
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        uint8_t b[256];
        uint32_t len = unhex(vectors[i].packet, b);
        if (!holds(core, &vectors[i], b, len))
            fail_msg("RFC 9235 %s: another code", vectors[i].section);
        b[20 + 7]++; /* a number */
        assert_false(holds(core, &vectors[i], b, len));
        b[20 + 7]--;
        b[20 + 27]++; /* another option: it counts when options are covered */
        assert_int_equal(holds(core, &vectors[i], b, len), !vectors[i].other_options);
    }
    test_pair_fini(&w);
}

/* ---- Two hosts ---- */

static void pair_init(struct test_pair *w)
{
    test_pair_init(w, 0);
    vt_host_core(w->a)->crypto = vt_host_core(w->b)->crypto = vt_crypto_openssl();
}

static int set_md5(struct vt_host *h, int fd, struct vt_addr peer, const char *key)
{
    struct vt_tcp_md5sig o = {.addr = peer, .keylen = (uint16_t)strlen(key)};
    memcpy(o.key, key, strlen(key));
    return vt_setsockopt(h, fd, VT_SOL_TCP, VT_TCP_MD5SIG, &o, sizeof(o));
}

static struct vt_tcp_ao_add ao_key(struct vt_addr peer, const char *alg, uint8_t sndid, uint8_t rcvid,
                                   const char *key)
{
    struct vt_tcp_ao_add o = {
        .addr = peer, .prefix = 32, .sndid = sndid, .rcvid = rcvid, .keylen = (uint8_t)strlen(key)};
    memcpy(o.alg_name, alg, strlen(alg));
    memcpy(o.key, key, strlen(key));
    return o;
}

static int set_ao(struct vt_host *h, int fd, struct vt_addr peer, uint8_t sndid, uint8_t rcvid,
                  const char *key)
{
    struct vt_tcp_ao_add o = ao_key(peer, "hmac(sha1)", sndid, rcvid, key);
    return vt_setsockopt(h, fd, VT_SOL_TCP, VT_TCP_AO_ADD_KEY, &o, sizeof(o));
}

static int listener(struct test_pair *w, uint16_t port)
{
    struct vt_addr any = test_any(port);
    int l = vt_socket(w->b, VT_AF_INET, VT_SOCK_STREAM, 0);
    assert_int_equal(vt_bind(w->b, l, &any), 0);
    assert_int_equal(vt_listen(w->b, l, 8), 0);
    return l;
}

static int client(struct test_pair *w)
{
    return vt_socket(w->a, VT_AF_INET, VT_SOCK_STREAM, 0);
}

/* The server's end, or an error after some seconds of trying. */
static int join(struct test_pair *w, int c, int l, uint16_t port)
{
    struct vt_addr to = test_addr_b(port);
    assert_int_equal(vt_connect(w->a, c, &to), -VT_EINPROGRESS);
    test_pair_pass(w, 3 * VT_SEC);
    return vt_accept(w->b, l, NULL);
}

/* Sends `n` bytes and checks that they come as they went. */
static void carry(struct test_pair *w, struct vt_host *from, int s, struct vt_host *to, int r, uint32_t n)
{
    static uint8_t out[4096], in[4096];
    uint32_t sent = 0, got = 0;
    for (unsigned turn = 0; got < n; turn++) {
        assert_true(turn < 10000);
        for (uint32_t i = 0; i < sizeof(out); i++)
            out[i] = (uint8_t)((sent + i) * 31 >> 3);
        long k = sent < n ? vt_send(from, s, out, n - sent < sizeof(out) ? n - sent : sizeof(out), 0) : 0;
        sent += k > 0 ? (uint32_t)k : 0;
        test_pair_pass(w, VT_MSEC);
        while ((k = vt_recv(to, r, in, sizeof(in), 0)) > 0)
            for (long i = 0; i < k; i++, got++)
                assert_int_equal(in[i], (uint8_t)(got * 31 >> 3));
    }
}

static void end(struct test_pair *w, int c, int s)
{
    assert_int_equal(vt_close(w->a, c), 0);
    test_pair_run(w);
    assert_int_equal(vt_close(w->b, s), 0);
    test_pair_pass(w, 120 * VT_SEC);
}

static void test_refused_without_crypto(void **state)
{
    (void)state;
    struct test_pair w;
    test_pair_init(&w, 0);
    int fd = client(&w);
    struct vt_tcp_ao_info info;
    size_t len = sizeof(info);
    assert_int_equal(set_md5(w.a, fd, test_addr_b(0), "secret"), -VT_EOPNOTSUPP);
    assert_int_equal(set_ao(w.a, fd, test_addr_b(0), 1, 1, "secret"), -VT_EOPNOTSUPP);
    assert_int_equal(vt_getsockopt(w.a, fd, VT_SOL_TCP, VT_TCP_AO_INFO, &info, &len), -VT_EOPNOTSUPP);
    test_pair_fini(&w);
}

static void test_md5_connection(void **state)
{
    (void)state;
    struct test_pair w;
    pair_init(&w);
    int l = listener(&w, 179), c = client(&w);
    assert_int_equal(set_md5(w.b, l, test_addr_a(0), "secret"), 0);
    assert_int_equal(set_md5(w.a, c, test_addr_b(0), "secret"), 0);
    int s = join(&w, c, l, 179);
    assert_true(s >= 0);
    carry(&w, w.a, c, w.b, s, 200000);
    carry(&w, w.b, s, w.a, c, 200000);
    struct vt_tcp_info info;
    size_t len = sizeof(info);
    assert_int_equal(vt_getsockopt(w.a, c, VT_SOL_TCP, VT_TCP_INFO, &info, &len), 0);
    assert_int_equal(info.tcpi_snd_mss, 1500 - 40 - 12 - 20); /* the option has its place in each segment */
    end(&w, c, s);
    assert_int_equal(vt_host_drops(w.a, VT_DROP_TCP_MD5) + vt_host_drops(w.b, VT_DROP_TCP_MD5), 0);
    test_pair_fini(&w);
}

/* RFC 2385 4.0: a segment that is not signed as it should be is dropped, and nothing is answered. */
static void test_md5_mismatch(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
    } cases[] = {{"secret", "other"}, {NULL, "secret"}, {"secret", NULL}};
    for (unsigned i = 0; i < 3; i++) {
        struct test_pair w;
        pair_init(&w);
        int l = listener(&w, 179), c = client(&w);
        if (cases[i].b != NULL)
            assert_int_equal(set_md5(w.b, l, test_addr_a(0), cases[i].b), 0);
        if (cases[i].a != NULL)
            assert_int_equal(set_md5(w.a, c, test_addr_b(0), cases[i].a), 0);
        assert_int_equal(join(&w, c, l, 179), -VT_EAGAIN);
        assert_true(vt_host_drops(w.b, VT_DROP_TCP_MD5) >= 2); /* the SYN and its repetitions */
        struct vt_pollfd p = {.fd = c, .events = VT_POLLOUT};
        assert_int_equal(vt_poll(w.a, &p, 1), 0); /* still trying: no RST came */
        test_pair_fini(&w);
    }
}

/* A peer that is not in the key's prefix stays as it was: a listener serves signed and plain peers at once.
 */
static void test_md5_prefix(void **state)
{
    (void)state;
    struct test_pair w;
    pair_init(&w);
    int l = listener(&w, 179), c = client(&w);
    struct vt_tcp_md5sig o = {.addr = {VT_IP4(10, 0, 1, 0), 0, 0},
                              .flags = VT_TCP_MD5SIG_FLAG_PREFIX,
                              .prefixlen = 24,
                              .keylen = 6};
    memcpy(o.key, "secret", 6);
    assert_int_equal(vt_setsockopt(w.b, l, VT_SOL_TCP, VT_TCP_MD5SIG_EXT, &o, sizeof(o)), 0);
    int s = join(&w, c, l, 179);
    assert_true(s >= 0);
    o.addr.ip = VT_IP4(10, 0, 0, 0); /* now it is */
    assert_int_equal(vt_setsockopt(w.b, l, VT_SOL_TCP, VT_TCP_MD5SIG_EXT, &o, sizeof(o)), 0);
    int c2 = client(&w);
    assert_int_equal(join(&w, c2, l, 179), -VT_EAGAIN);
    assert_int_equal(set_md5(w.a, c2, test_addr_b(0), "secret"), 0);
    test_pair_pass(&w, 20 * VT_SEC); /* the next SYN is signed */
    assert_true(vt_accept(w.b, l, NULL) >= 0);
    /* a prefix with bits beyond it, and one too long */
    o.addr.ip = VT_IP4(10, 0, 0, 1);
    assert_int_equal(vt_setsockopt(w.b, l, VT_SOL_TCP, VT_TCP_MD5SIG_EXT, &o, sizeof(o)), -VT_EINVAL);
    o.prefixlen = 33;
    assert_int_equal(vt_setsockopt(w.b, l, VT_SOL_TCP, VT_TCP_MD5SIG_EXT, &o, sizeof(o)), -VT_EINVAL);
    test_pair_fini(&w);
}

/* Keys are told apart by peer and id, and removed again; MD5 and AO do not mix for one peer. */
static void test_keys(void **state)
{
    (void)state;
    struct test_pair w;
    pair_init(&w);
    int fd = client(&w);
    struct vt_addr peer = test_addr_b(0);
    assert_int_equal(set_md5(w.a, fd, peer, ""), -VT_ENOENT);
    assert_int_equal(set_md5(w.a, fd, peer, "secret"), 0);
    assert_int_equal(set_ao(w.a, fd, peer, 1, 1, "secret"), -VT_EKEYREJECTED);
    assert_int_equal(set_md5(w.a, fd, peer, ""), 0);
    assert_int_equal(set_ao(w.a, fd, peer, 1, 2, "secret"), 0);
    assert_int_equal(set_md5(w.a, fd, peer, "secret"), -VT_EKEYREJECTED);
    assert_int_equal(set_ao(w.a, fd, peer, 1, 3, "other"), -VT_EEXIST);
    assert_int_equal(set_ao(w.a, fd, peer, 3, 2, "other"), -VT_EEXIST);
    struct vt_tcp_ao_add add = ao_key(peer, "hmac(sha1)", 3, 4, "other");
    add.set_current = true;
    assert_int_equal(vt_setsockopt(w.a, fd, VT_SOL_TCP, VT_TCP_AO_ADD_KEY, &add, sizeof(add)), 0);
    add = ao_key(peer, "crc32", 5, 5, "other");
    assert_int_equal(vt_setsockopt(w.a, fd, VT_SOL_TCP, VT_TCP_AO_ADD_KEY, &add, sizeof(add)), -VT_ENOENT);
    struct vt_tcp_ao_del del = {.addr = peer, .prefix = 32, .sndid = 3, .rcvid = 4};
    assert_int_equal(vt_setsockopt(w.a, fd, VT_SOL_TCP, VT_TCP_AO_DEL_KEY, &del, sizeof(del)), -VT_EBUSY);
    del.set_current = true;
    del.current_key = 1;
    assert_int_equal(vt_setsockopt(w.a, fd, VT_SOL_TCP, VT_TCP_AO_DEL_KEY, &del, sizeof(del)), 0);
    assert_int_equal(vt_setsockopt(w.a, fd, VT_SOL_TCP, VT_TCP_AO_DEL_KEY, &del, sizeof(del)), -VT_ENOENT);
    struct vt_tcp_ao_info info;
    size_t len = sizeof(info);
    assert_int_equal(vt_getsockopt(w.a, fd, VT_SOL_TCP, VT_TCP_AO_INFO, &info, &len), 0);
    assert_true(info.set_current && info.current_key == 1 && !info.set_rnext);
    unsigned n = 0;
    for (int err = 0; err == 0; n++)
        err = set_ao(w.a, fd, (struct vt_addr){vt_ip_from4(0x0b000000 + n), 0, 0}, 9, 9, "many");
    assert_int_equal(n, VT_TCP_MAX_KEYS); /* bounded: one was there */
    test_pair_fini(&w);
}

static void ao_connection(const char *alg, const char *key, uint8_t flags)
{
    struct test_pair w;
    pair_init(&w);
    int l = listener(&w, 179), c = client(&w);
    struct vt_tcp_ao_add a = ao_key(test_addr_b(0), alg, 61, 84, key),
                         b = ao_key(test_addr_a(0), alg, 84, 61, key);
    a.keyflags = b.keyflags = flags;
    assert_int_equal(vt_setsockopt(w.a, c, VT_SOL_TCP, VT_TCP_AO_ADD_KEY, &a, sizeof(a)), 0);
    assert_int_equal(vt_setsockopt(w.b, l, VT_SOL_TCP, VT_TCP_AO_ADD_KEY, &b, sizeof(b)), 0);
    int s = join(&w, c, l, 179);
    assert_true(s >= 0);
    carry(&w, w.a, c, w.b, s, 50000);
    carry(&w, w.b, s, w.a, c, 50000);
    struct vt_tcp_ao_info info;
    size_t len = sizeof(info);
    assert_int_equal(vt_getsockopt(w.b, s, VT_SOL_TCP, VT_TCP_AO_INFO, &info, &len), 0);
    assert_true(info.pkt_good > 30);
    assert_int_equal(info.pkt_bad + info.pkt_key_not_found + info.pkt_ao_required, 0);
    end(&w, c, s);
    assert_int_equal(vt_host_drops(w.a, VT_DROP_TCP_AO) + vt_host_drops(w.b, VT_DROP_TCP_AO), 0);
    test_pair_fini(&w);
}

static void test_ao_connection(void **state)
{
    (void)state;
    ao_connection("hmac(sha1)", "testvector", 0);
    ao_connection("hmac(sha1)", "testvector", VT_TCP_AO_KEYF_EXCLUDE_OPT);
    ao_connection("cmac(aes128)", "testvector", 0);
    ao_connection("cmac(aes128)", "sixteen bytes ok", 0);
}

static void test_ao_mismatch(void **state)
{
    (void)state;
    struct test_pair w;
    pair_init(&w);
    int l = listener(&w, 179), c = client(&w), c2 = client(&w), c3 = client(&w);
    assert_int_equal(set_ao(w.b, l, test_addr_a(0), 1, 2, "secret"), 0);
    assert_int_equal(set_ao(w.a, c, test_addr_b(0), 2, 1, "other"), 0);
    assert_int_equal(set_ao(w.a, c2, test_addr_b(0), 7, 1, "secret"), 0);
    assert_int_equal(join(&w, c, l, 179), -VT_EAGAIN);
    assert_int_equal(join(&w, c2, l, 179), -VT_EAGAIN);
    assert_int_equal(join(&w, c3, l, 179), -VT_EAGAIN);
    struct vt_tcp_ao_info info;
    size_t len = sizeof(info);
    assert_int_equal(vt_getsockopt(w.b, l, VT_SOL_TCP, VT_TCP_AO_INFO, &info, &len), 0);
    assert_true(info.pkt_bad >= 2 && info.pkt_key_not_found >= 2 && info.pkt_ao_required >= 2);
    assert_int_equal(info.pkt_bad + info.pkt_key_not_found + info.pkt_ao_required,
                     vt_host_drops(w.b, VT_DROP_TCP_AO));
    test_pair_fini(&w);
}

/* RFC 5925 6.1: keys change while data flow: one end asks for the new one, the other follows. */
static void test_ao_rollover(void **state)
{
    (void)state;
    struct test_pair w;
    pair_init(&w);
    int l = listener(&w, 179), c = client(&w);
    assert_int_equal(set_ao(w.b, l, test_addr_a(0), 1, 1, "old"), 0);
    assert_int_equal(set_ao(w.a, c, test_addr_b(0), 1, 1, "old"), 0);
    int s = join(&w, c, l, 179);
    assert_true(s >= 0);
    assert_int_equal(set_ao(w.b, s, test_addr_a(0), 2, 2, "new"), 0);
    assert_int_equal(set_ao(w.a, c, test_addr_b(0), 2, 2, "new"), 0);
    carry(&w, w.a, c, w.b, s, 10000);
    struct vt_tcp_ao_info info = {.set_rnext = true, .rnext = 2};
    size_t len = sizeof(info);
    assert_int_equal(vt_setsockopt(w.b, s, VT_SOL_TCP, VT_TCP_AO_INFO, &info, sizeof(info)), 0);
    carry(&w, w.a, c, w.b, s, 10000);
    assert_int_equal(vt_getsockopt(w.a, c, VT_SOL_TCP, VT_TCP_AO_INFO, &info, &len), 0);
    assert_int_equal(info.current_key, 2); /* as b asked */
    struct vt_tcp_ao_del del = {.addr = test_addr_b(0), .prefix = 32, .sndid = 1, .rcvid = 1};
    del.set_rnext = true;
    del.rnext = 2;
    assert_int_equal(vt_setsockopt(w.a, c, VT_SOL_TCP, VT_TCP_AO_DEL_KEY, &del, sizeof(del)), 0);
    carry(&w, w.a, c, w.b, s, 10000); /* which tells b to follow, before it needs to */
    carry(&w, w.b, s, w.a, c, 10000);
    assert_int_equal(vt_host_drops(w.a, VT_DROP_TCP_AO) + vt_host_drops(w.b, VT_DROP_TCP_AO), 0);
    test_pair_fini(&w);
}

/* RFC 5925 6.2: the numbers wrap, and the upper half that is signed goes on. */
static void test_ao_wrap(void **state)
{
    (void)state;
    struct test_pair w;
    pair_init(&w);
    int l = listener(&w, 179), c = client(&w);
    struct vt_addr from = test_addr_a(40000), to = test_addr_b(179);
    assert_int_equal(set_ao(w.b, l, test_addr_a(0), 1, 1, "secret"), 0);
    assert_int_equal(set_ao(w.a, c, test_addr_b(0), 1, 1, "secret"), 0);
    assert_int_equal(vt_bind(w.a, c, &from), 0);
    uint32_t isn = vt_tcp_isn(vt_host_tcp(w.a), &from, &to).v;
    test_pair_pass(&w,
                   (vt_span)(UINT32_MAX - isn - 30000) * 4 * VT_USEC); /* it ticks every 4 us (RFC 6528) */
    int s = join(&w, c, l, 179);
    assert_true(s >= 0);
    carry(&w, w.a, c, w.b, s, 100000);
    carry(&w, w.b, s, w.a, c, 10000);
    assert_int_equal(vt_host_drops(w.a, VT_DROP_TCP_AO) + vt_host_drops(w.b, VT_DROP_TCP_AO), 0);
    test_pair_fini(&w);
}

/* Without memory for the keys no connection comes of it, and nothing leaks. */
static void test_memory(void **state)
{
    (void)state;
    for (uint64_t at = 1; at < 40; at++) {
        struct test_pair w;
        pair_init(&w);
        int l = listener(&w, 179), c = client(&w);
        assert_int_equal(set_ao(w.b, l, test_addr_a(0), 1, 1, "secret"), 0);
        w.mem.fail_at = w.mem.calls + at;
        if (set_ao(w.a, c, test_addr_b(0), 1, 1, "secret") == 0) {
            struct vt_addr to = test_addr_b(179);
            (void)vt_connect(w.a, c, &to);
            test_pair_pass(&w, 3 * VT_SEC);
        }
        w.mem.fail_at = 0;
        assert_int_equal(vt_host_drops(w.a, VT_DROP_TCP_AO) + vt_host_drops(w.b, VT_DROP_TCP_AO), 0);
        test_pair_fini(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc9235_vectors), cmocka_unit_test(test_refused_without_crypto),
        cmocka_unit_test(test_md5_connection),  cmocka_unit_test(test_md5_mismatch),
        cmocka_unit_test(test_md5_prefix),      cmocka_unit_test(test_keys),
        cmocka_unit_test(test_ao_connection),   cmocka_unit_test(test_ao_mismatch),
        cmocka_unit_test(test_ao_rollover),     cmocka_unit_test(test_ao_wrap),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("transport/tcp_auth", tests, NULL, NULL);
}

/* What TCP makes of the IP header around a segment: addresses that can be no peer's or are not ours alone
 * (RFC 9293 3.9.2.3), and options that mean nothing to it (3.9.2). */
#include "network/ipv4_wire.h"
#include "tcp_rig.h"

#define GROUP     VT_IP4(224, 0, 0, 1)
#define BROADCAST VT_IP4(255, 255, 255, 255)

/* A segment from the peer's port to the server's, in a packet with these IP options. */
static void inject(struct rig *r, struct vt_ip src, struct vt_ip dst, uint16_t flags, const uint8_t *options,
                   uint8_t len)
{
    uint8_t ip[200], seg[VT_TCP_HLEN];
    struct vt_tcp_hdr t = {.sport = CLIENT_PORT,
                           .dport = SERVER_PORT,
                           .seq = vt_seq(5000),
                           .ack = vt_seq(1),
                           .flags = flags,
                           .wnd = 65535,
                           .hlen = VT_TCP_HLEN};
    struct vt_ipv4_hdr h = {.src = src,
                            .dst = dst,
                            .header_len = (uint8_t)(VT_IPV4_HEADER + len),
                            .total_len = (uint16_t)(VT_IPV4_HEADER + len + VT_TCP_HLEN),
                            .ttl = 64,
                            .protocol = VT_PROTO_TCP};
    vt_tcp_build(seg, &t);
    tcp_node_ip(ip, src, dst, seg, VT_TCP_HLEN, true);
    memcpy(seg, ip + VT_IPV4_HEADER, VT_TCP_HLEN); /* with its checksum now */
    vt_ipv4_build(ip, &h, options);
    memcpy(ip + h.header_len, seg, VT_TCP_HLEN);
    tcp_node_inject(&r->n, ip, h.total_len, VT_CSUM_NONE);
    tcp_node_settle(&r->n);
}

/* MUST-57: of a segment to all or to a group nobody hears, be it a SYN or not. */
static void test_must57_to_a_group(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 5);
    const uint16_t flags[] = {VT_SYN, VT_ACK, VT_SYN | VT_ACK, VT_FIN | VT_ACK};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        inject(r, PEER, BROADCAST, flags[i], NULL, 0);
        inject(r, PEER, GROUP, flags[i], NULL, 0);
    }
    rig_quiet(r);
    assert_int_equal(r->listener->listener->requests, 0);
    r->drops_ignored = true;
    assert_int_equal(tcp_node_drops(&r->n), 8);
    rig_free(r);
}

/* MUST-63: a SYN whose source can be no host's opens nothing, and is not answered. */
static void test_must63_from_no_host(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 5);
    const struct vt_ip sources[] = {GROUP, BROADCAST, VT_IP4(0, 0, 0, 0), VT_IP4(127, 0, 0, 1),
                                    VT_IP4(240, 0, 0, 1)};
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
        inject(r, sources[i], US, VT_SYN, NULL, 0);
    rig_quiet(r);
    assert_int_equal(r->listener->listener->requests, 0);
    r->drops_ignored = true;
    assert_int_equal(tcp_node_drops(&r->n), 5);
    rig_free(r);
}

/* MUST-50: IP options that TCP does not understand do not stand in its way; the answer carries none. */
static void test_must50_ip_options(void **state)
{
    (void)state;
    static const uint8_t router_alert[] = {148, 4, 0, 0}, record_route[] = {7, 7, 4, 0, 0, 0, 0, 0},
                         timestamp[] = {68, 8, 5, 0, 0, 0, 0, 0}, unknown[] = {0x9e, 4, 1, 2};
    static const struct {
        const uint8_t *bytes;
        uint8_t len;
    } options[] = {{router_alert, 4}, {record_route, 8}, {timestamp, 8}, {unknown, 4}};
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        struct rig *r = rig_new(5000);
        rig_listen(r, 5);
        rig_flow(r, SERVER_PORT, CLIENT_PORT);
        inject(r, PEER, US, VT_SYN, options[i].bytes, options[i].len);
        struct packet *p = tcp_node_take(&r->n);
        assert_non_null(p);
        assert_int_equal(p->bytes[0], 0x45);
        assert_int_equal(p->bytes[VT_IPV4_HEADER + 13], VT_SYN | VT_ACK);
        free(p);
        rig_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_must57_to_a_group),
        cmocka_unit_test(test_must63_from_no_host),
        cmocka_unit_test(test_must50_ip_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Names and numbers: who may bind what (as Linux), ephemeral ports (RFC 6056), which listener is meant,
 * initial numbers (RFC 6528), options read back, tcp_info, the rows of `ss`. */
#include "tcp_rig.h"

#define ANY   VT_IP4(0, 0, 0, 0)
#define LO1   VT_IP4(127, 0, 0, 1)
#define LO2   VT_IP4(127, 0, 0, 2)
#define REUSE 1u
#define SHARE 2u

/* ---- bind() and listen() ---- */

static struct vt_tcb *open_with(struct rig *r, unsigned options)
{
    int one = 1;
    struct vt_tcb *t = rig_open(r);
    if ((options & REUSE) != 0)
        assert_int_equal(vt_tcp_setopt(t, VT_SOL_SOCKET, VT_SO_REUSEADDR, &one, sizeof(one)), 0);
    if ((options & SHARE) != 0)
        assert_int_equal(vt_tcp_setopt(t, VT_SOL_SOCKET, VT_SO_REUSEPORT, &one, sizeof(one)), 0);
    return t;
}

/* What a 6.18 kernel answers to each pair of sockets that want one port, the second bound when the first is
 * bound only, and when it listens; and to both listening. Taken from a run over every combination. */
static void test_bind_conflicts(void **state)
{
    (void)state;
    const struct {
        struct vt_ip a, b;
        bool overlap;
    } addrs[] = {{LO1, LO1, true}, {ANY, LO1, true}, {LO1, ANY, true}, {ANY, ANY, true}, {LO1, LO2, false}};
    for (unsigned k = 0; k < 5; k++)
        for (unsigned a = 0; a < 4; a++)
            for (unsigned b = 0; b < 4; b++)
                for (unsigned listens = 0; listens < 2; listens++) {
                    struct rig *r = rig_new(1);
                    struct vt_tcb *x = open_with(r, a), *y = open_with(r, b);
                    assert_int_equal(vt_tcp_bind(x, &(struct vt_addr){addrs[k].a, 0, 80}), 0);
                    if (listens)
                        assert_int_equal(vt_tcp_listen(x, 1), 0);
                    bool shared = (a & b & SHARE) != 0, reused = (a & b & REUSE) != 0 && !listens;
                    int want = !addrs[k].overlap || shared || reused ? 0 : -VT_EADDRINUSE;
                    assert_int_equal(vt_tcp_bind(y, &(struct vt_addr){addrs[k].b, 0, 80}), want);
                    if (want == 0) {
                        if (!listens)
                            assert_int_equal(vt_tcp_listen(x, 1), 0);
                        want = addrs[k].overlap && !shared ? -VT_EADDRINUSE : 0;
                        assert_int_equal(vt_tcp_listen(y, 1), want);
                    }
                    rig_free(r);
                }
}

static void test_bind_calls(void **state)
{
    (void)state;
    struct rig *r = rig_new(1);
    struct vt_tcb *t = rig_open(r);
    assert_int_equal(vt_tcp_bind(t, &(struct vt_addr){VT_IP4(192, 0, 2, 77), 0, 80}), -VT_EADDRNOTAVAIL);
    assert_int_equal(vt_tcp_bind(t, &(struct vt_addr){US, 0, 80}), 0);
    assert_int_equal(vt_tcp_bind(t, &(struct vt_addr){US, 0, 81}), -VT_EINVAL); /* bound already */
    struct vt_addr a;
    assert_int_equal(vt_tcp_local(t, &a), 0);
    assert_int_equal(a.port, 80);
    assert_true(vt_ip_eq(a.ip, US));
    rig_close(r);
    t = rig_open(r); /* the port is free again */
    assert_int_equal(vt_tcp_bind(t, &(struct vt_addr){ANY, 0, 80}), 0);
    rig_close(r);
    t = rig_open(r);
    assert_int_equal(vt_tcp_listen(t, 5), 0); /* without bind: an ephemeral port */
    vt_tcp_local(t, &a);
    assert_in_range(a.port, 32768, 60999);
    assert_int_equal(vt_tcp_listen(t, 7), 0);
    assert_int_equal(t->listener->backlog, 7);
    vt_tcp_listen(t, 1 << 20);
    assert_int_equal(t->listener->backlog, 4096); /* net.core.somaxconn */
    vt_tcp_listen(t, -1);
    assert_int_equal(t->listener->backlog, 4096);
    assert_int_equal(rig_shutdown(r, VT_SHUT_RD), 0); /* Linux: a plain socket again */
    assert_int_equal(t->end.state, VT_TCP_CLOSED);
    assert_int_equal(vt_tcp_listen(t, 1), 0);
    rig_free(r);
}

/* A server that comes back while its connections are in TIME-WAIT needs SO_REUSEADDR. */
static void test_bind_and_time_wait(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct rig *r = rig_new(5000);
        rig_accepted(r, NULL);
        rig_close(r);
        rig_out(r, "F. 1:1(0) ack 1");
        rig_in(r, "F. 1:1(0) ack 2");
        rig_out(r, ". 2:2(0) ack 2");
        r->tcb = r->listener;
        rig_close(r);
        rig_state(r, VT_TCP_TIME_WAIT);
        struct vt_tcb *t = open_with(r, i == 1 ? REUSE : 0);
        struct vt_addr at = {ANY, 0, SERVER_PORT};
        assert_int_equal(vt_tcp_bind(t, &at), i == 1 ? 0 : -VT_EADDRINUSE);
        rig_wait(r, 60 * VT_SEC);
        assert_int_equal(vt_tcp_bind(t, &at), i == 1 ? -VT_EINVAL : 0);
        rig_free(r);
    }
}

/* The port stays a connection's own while its listener has gone. */
static void test_bind_and_connections(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_accepted(r, NULL);
    struct vt_tcb *conn = r->tcb;
    r->tcb = r->listener;
    rig_close(r);
    struct vt_tcb *t = open_with(r, 0);
    assert_int_equal(vt_tcp_bind(t, &(struct vt_addr){ANY, 0, SERVER_PORT}), -VT_EADDRINUSE);
    r->tcb = conn;
    rig_linger0(r);
    rig_out(r, "R. 1:1(0) ack 1");
    assert_int_equal(vt_tcp_bind(t, &(struct vt_addr){ANY, 0, SERVER_PORT}), 0);
    rig_free(r);
}

/* ---- Ephemeral ports (V68) ---- */

static void test_v68_ephemeral_ports(void **state)
{
    (void)state;
    uint16_t first[2];
    for (unsigned seed = 0; seed < 2; seed++) {
        struct rig *r = rig_new_with(1, 0, 0, seed + 1);
        uint16_t last = 0;
        unsigned next_to = 0;
        for (unsigned i = 0; i < 40; i++) {
            struct vt_addr a;
            rig_open(r);
            assert_int_equal(rig_connect(r, (uint16_t)(80 + i)), -VT_EINPROGRESS);
            rig_forget(r);
            vt_tcp_local(r->tcb, &a);
            assert_in_range(a.port, 32768, 60999);
            next_to += a.port == last + 1;
            last = a.port;
            if (i == 0)
                first[seed] = a.port;
        }
        assert_true(next_to < 10); /* not one behind another, for different peers */
        rig_free(r);
    }
    assert_int_not_equal(first[0], first[1]);
}

static void test_ephemeral_ports_run_out(void **state)
{
    (void)state;
    struct rig *r = rig_new(1);
    rig_knob(r, "net.ipv4.ip_local_port_min", 40000);
    rig_knob(r, "net.ipv4.ip_local_port_max", 40003);
    for (unsigned i = 0; i < 5; i++) {
        rig_open(r);
        assert_int_equal(rig_connect(r, 80), i < 4 ? -VT_EINPROGRESS : -VT_EADDRNOTAVAIL);
        rig_forget(r);
    }
    assert_int_equal(rig_connect(r, 81), -VT_EINPROGRESS); /* another peer: the same ports */
    rig_forget(r);
    struct vt_tcb *t = rig_open(r);
    assert_int_equal(vt_tcp_bind(t, &(struct vt_addr){ANY, 0, 0}), -VT_EADDRINUSE);
    rig_free(r);
}

/* A bound port may serve several connections, to different peers; one name serves one. */
static void test_connect_from_a_bound_port(void **state)
{
    (void)state;
    struct rig *r = rig_new(1);
    struct vt_tcb *a = open_with(r, REUSE), *b = open_with(r, REUSE);
    struct vt_addr from = {US, 0, 5555}, to = {PEER, 0, 80};
    assert_int_equal(vt_tcp_bind(a, &from), 0);
    assert_int_equal(vt_tcp_bind(b, &from), 0);
    assert_int_equal(vt_tcp_connect(a, &to), -VT_EINPROGRESS);
    assert_int_equal(vt_tcp_connect(b, &to), -VT_EADDRNOTAVAIL);
    to.port = 81;
    assert_int_equal(vt_tcp_connect(b, &to), -VT_EINPROGRESS);
    tcp_node_settle(&r->n);
    tcp_node_forget(&r->n);
    rig_free(r);
}

/* A socket whose connection was refused may try again. */
static void test_connect_again(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0)");
    rig_in(r, "R. 0:0(0) ack 1");
    rig_state(r, VT_TCP_CLOSED);
    vt_tcp_take_error(r->tcb);
    uint32_t conn = vt_tcp_conn(r->tcb);
    rig_wait(r, VT_SEC);
    assert_int_equal(rig_connect(r, 80), -VT_EINPROGRESS);
    assert_true(vt_tcp_conn(r->tcb) != conn);
    rig_out(r, "S 0:0(0)");
    rig_in(r, "S. 0:0(0) ack 1");
    rig_out(r, ". 1:1(0) ack 1");
    rig_state(r, VT_TCP_ESTABLISHED);
    rig_free(r);
}

/* ---- Which listener ---- */

static void test_exact_listener_before_wildcard(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    struct vt_tcb *wild = open_with(r, SHARE), *exact = open_with(r, SHARE);
    vt_tcp_bind(wild, &(struct vt_addr){ANY, 0, SERVER_PORT});
    vt_tcp_bind(exact, &(struct vt_addr){US, 0, SERVER_PORT});
    assert_int_equal(vt_tcp_listen(wild, 5), 0);
    assert_int_equal(vt_tcp_listen(exact, 5), 0);
    r->listener = exact;
    rig_in(r, "S 0:0(0)");
    rig_out(r, "S. 0:0(0) ack 1");
    rig_in(r, ". 1:1(0) ack 1");
    assert_null(vt_tcp_accept(wild, &r->n));
    assert_non_null(rig_accept(r));
    rig_free(r);
}

/* ---- Initial numbers (V49, RFC 6528, MUST-8, 9) ---- */

static uint32_t isn_at(uint64_t seed, vt_span after, uint16_t port)
{
    struct rig *r = rig_new_with(1, 0, 0, seed);
    rig_wait(r, after);
    rig_open(r);
    assert_int_equal(vt_tcp_bind(r->tcb, &(struct vt_addr){US, 0, 33333}), 0);
    rig_connect(r, port);
    rig_out(r, "S 0:0(0)");
    uint32_t isn = r->f->iss;
    rig_free(r);
    return isn;
}

static void test_v49_isn(void **state)
{
    (void)state;
    uint32_t base = isn_at(1, 0, 80);
    assert_int_equal(isn_at(1, VT_SEC, 80) - base, 250000); /* a clock of 4 us, for one name */
    assert_int_equal(isn_at(1, 0, 80), base);
    unsigned near = 0;
    for (uint16_t port = 81; port < 121; port++) { /* another name tells nothing of it */
        uint32_t d = isn_at(1, 0, port) - base;
        near += d < 1 << 24 || d > UINT32_MAX - (1 << 24);
    }
    assert_true(near < 4);
    assert_int_not_equal(isn_at(2, 0, 80), base); /* nor another host's secret */
}

/* The same of the passive side: each SYN,ACK of a new name has a number of its own. */
static void test_v49_isn_passive(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 100);
    uint32_t seen[16];
    for (uint16_t i = 0; i < 16; i++) {
        rig_flow(r, SERVER_PORT, (uint16_t)(50000 + i));
        rig_in(r, "S 0:0(0)");
        rig_out(r, "S. 0:0(0) ack 1");
        seen[i] = r->f->iss;
        for (uint16_t k = 0; k < i; k++)
            assert_true(seen[i] - seen[k] > 1000 && seen[k] - seen[i] > 1000);
    }
    rig_free(r);
}

/* RFC 7323 7.1: our clock begins elsewhere for each peer; for one peer it never goes back. */
static void test_timestamp_offsets(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    struct vt_addr us = {US, 0, 80}, a = {PEER, 0, 1000}, b = {PEER, 0, 1001},
                   c = {VT_IP4(192, 0, 2, 3), 0, 1000};
    assert_int_equal(vt_tcp_ts_offset(r->n.tcp, &us, &a), vt_tcp_ts_offset(r->n.tcp, &us, &b));
    assert_int_not_equal(vt_tcp_ts_offset(r->n.tcp, &us, &a), vt_tcp_ts_offset(r->n.tcp, &us, &c));
    rig_free(r);
}

/* SO_REUSEPORT: listeners on one port share the connections out among them, each connection to the same one
 * however often its SYN comes; one that has gone leaves its share to the others. */
static void test_shared_port_is_spread(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    struct vt_tcb *t[3];
    unsigned n[3] = {0}, left = 0;
    for (unsigned i = 0; i < 3; i++) {
        t[i] = open_with(r, SHARE);
        assert_int_equal(vt_tcp_bind(t[i], &(struct vt_addr){ANY, 0, SERVER_PORT}), 0);
        assert_int_equal(vt_tcp_listen(t[i], 100), 0);
    }
    for (uint16_t i = 0; i < 60; i++) {
        rig_flow(r, SERVER_PORT, (uint16_t)(40000 + i));
        for (unsigned again = 0; again < 2; again++) {
            rig_in(r, "S 0:0(0) win 65535 <mss 1460>");
            rig_out(r, "S. 0:0(0) ack 1");
            rig_wait(r, 600 * VT_MSEC);
            rig_forget(r);
        }
        rig_in(r, "R 1:1(0)");
        rig_in(r, "S 0:0(0) win 65535 <mss 1460>");
        rig_out(r, "S. 0:0(0) ack 1");
        rig_in(r, ". 1:1(0) ack 1");
    }
    for (unsigned i = 0; i < 3; i++) {
        n[i] = t[i]->listener->accepts;
        assert_in_range(n[i], 8, 40);
        left += n[i];
    }
    assert_int_equal(left, 60);
    vt_tcp_shutdown(t[1], VT_SHUT_RD);
    rig_forget(r);
    rig_flow(r, SERVER_PORT, 50000);
    rig_in(r, "S 0:0(0) win 65535 <mss 1460>");
    rig_out(r, "S. 0:0(0) ack 1");
    rig_free(r);
}

/* ---- Options, knobs, tcp_info ---- */

static void test_options_are_read_back(void **state)
{
    (void)state;
    static const struct {
        int level, name, value, want;
    } t[] = {
        {VT_SOL_SOCKET, VT_SO_REUSEADDR, 1, 1},
        {VT_SOL_SOCKET, VT_SO_REUSEPORT, 1, 1},
        {VT_SOL_SOCKET, VT_SO_KEEPALIVE, 1, 1},
        {VT_SOL_SOCKET, VT_SO_OOBINLINE, 1, 1},
        {VT_SOL_SOCKET, VT_SO_SNDBUF, 1, 4608},
        {VT_SOL_SOCKET, VT_SO_RCVBUF, 1, 2304},
        {VT_SOL_SOCKET, VT_SO_SNDBUF, 50000, 100000},
        {VT_SOL_SOCKET, VT_SO_MARK, 7, 7},
        {VT_SOL_TCP, VT_TCP_NODELAY, 5, 1},
        {VT_SOL_TCP, VT_TCP_CORK, 1, 1},
        {VT_SOL_TCP, VT_TCP_MAXSEG, 1000, 1000},
        {VT_SOL_TCP, VT_TCP_KEEPIDLE, 60, 60},
        {VT_SOL_TCP, VT_TCP_KEEPINTVL, 5, 5},
        {VT_SOL_TCP, VT_TCP_KEEPCNT, 3, 3},
        {VT_SOL_TCP, VT_TCP_SYNCNT, 2, 2},
        {VT_SOL_TCP, VT_TCP_LINGER2, 30, 30},
        {VT_SOL_TCP, VT_TCP_USER_TIMEOUT, 9000, 9000},
        {VT_SOL_IP, VT_IP_TOS, 0x10, 0x10},
        {VT_SOL_IP, VT_IP_TTL, 33, 33},
        {VT_SOL_IP, VT_IP_BIND_ADDRESS_NO_PORT, 1, 1},
        {VT_SOL_TCP, VT_TCP_DEFER_ACCEPT, 4, 7},
        {VT_SOL_TCP, VT_TCP_FASTOPEN, 5, 5},
        {VT_SOL_TCP, VT_TCP_FASTOPEN_NO_COOKIE, 1, 1},
    };
    struct rig *r = rig_new(1);
    rig_open(r);
    for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        rig_set(r, t[i].level, t[i].name, t[i].value);
        assert_int_equal(rig_get(r, t[i].level, t[i].name), t[i].want);
    }
    int v = 0;
    struct vt_tcb *tcb = r->tcb;
    assert_int_equal(vt_tcp_setopt(tcb, VT_SOL_TCP, VT_TCP_NODELAY, &v, 3), -VT_EINVAL);
    assert_int_equal(vt_tcp_setopt(tcb, VT_SOL_TCP, 9999, &v, sizeof(v)), -VT_ENOPROTOOPT);
    assert_int_equal(vt_tcp_setopt(tcb, 77, 1, &v, sizeof(v)), -VT_ENOPROTOOPT);
    assert_int_equal(vt_tcp_setopt(tcb, VT_SOL_TCP, VT_TCP_KEEPIDLE, &v, sizeof(v)), -VT_EINVAL);
    assert_int_equal(vt_tcp_setopt(tcb, VT_SOL_TCP, VT_TCP_KEEPCNT, &v, sizeof(v)), -VT_EINVAL);
    assert_int_equal(vt_tcp_setopt(tcb, VT_SOL_TCP, VT_TCP_SYNCNT, &v, sizeof(v)), -VT_EINVAL);
    v = 87;
    assert_int_equal(vt_tcp_setopt(tcb, VT_SOL_TCP, VT_TCP_MAXSEG, &v, sizeof(v)), -VT_EINVAL);
    v = 256;
    assert_int_equal(vt_tcp_setopt(tcb, VT_SOL_IP, VT_IP_TTL, &v, sizeof(v)), -VT_EINVAL);
    assert_int_equal(vt_tcp_setopt(tcb, VT_SOL_TCP, VT_TCP_CONGESTION, "nothing", 7), -VT_ENOENT);
    assert_int_equal(vt_tcp_setopt(tcb, VT_SOL_TCP, VT_TCP_CONGESTION, "reno", 5), 0);
    char name[16];
    size_t len = sizeof(name);
    assert_int_equal(vt_tcp_getopt(tcb, VT_SOL_TCP, VT_TCP_CONGESTION, name, &len), 0);
    assert_string_equal(name, "reno");
    len = 1; /* Linux: a shorter place gets the bytes that fit */
    assert_int_equal(vt_tcp_getopt(tcb, VT_SOL_TCP, VT_TCP_NODELAY, &v, &len), 0);
    assert_int_equal(len, 1);
    rig_free(r);
}

/* MUST-48, 49: TOS and TTL are what was asked for. */
static void test_must49_tos_and_ttl(void **state)
{
    (void)state;
    struct rig *r = rig_new(1);
    rig_open(r);
    rig_set(r, VT_SOL_IP, VT_IP_TOS, 0x28);
    rig_set(r, VT_SOL_IP, VT_IP_TTL, 9);
    rig_connect(r, 80);
    assert_int_equal(r->n.out->bytes[1], 0x28);
    assert_int_equal(r->n.out->bytes[8], 9);
    rig_out(r, "S 0:0(0)");
    rig_free(r);
}

static unsigned every_default_is_in_range(struct rig *r)
{
    int64_t v;
    unsigned n = 0;
    for (const char *name; (name = vt_tcp_knob_name(r->n.tcp, n)) != NULL; n++) {
        assert_int_equal(vt_tcp_knob_get(r->n.tcp, name, &v), 0);
        assert_int_equal(vt_tcp_knob_set(r->n.tcp, name, v), 0);
    }
    return n;
}

static void test_knobs(void **state)
{
    (void)state;
    struct rig *r = rig_new(1);
    int64_t v;
    assert_int_equal(vt_tcp_knob_get(r->n.tcp, "net.ipv4.tcp_fin_timeout", &v), 0);
    assert_int_equal(v, 60);
    assert_int_equal(vt_tcp_knob_set(r->n.tcp, "net.ipv4.tcp_fin_timeout", 1 << 20), -VT_EINVAL);
    assert_int_equal(vt_tcp_knob_set(r->n.tcp, "net.ipv4.tcp_fin_timeout", -1), -VT_EINVAL);
    assert_int_equal(vt_tcp_knob_set(r->n.tcp, "net.ipv4.no_such_knob", 1), -VT_ENOENT);
    assert_int_equal(vt_tcp_knob_get(r->n.tcp, "net.ipv4.no_such_knob", &v), -VT_ENOENT);
    assert_int_equal(vt_tcp_knob_get(r->n.tcp, "net.inet.tcp.keepidle", &v), -VT_ENOENT);
    assert_true(every_default_is_in_range(r) > 20);
    rig_free(r);
}

/* FreeBSD's names and units; one name may stand for two knobs; a profile is chosen before there are sockets.
 */
static void test_knobs_of_freebsd(void **state)
{
    (void)state;
    struct rig *r = rig_new(1);
    int64_t v;
    assert_int_equal(vt_tcp_set_profile(r->n.tcp, "plan9"), -VT_ENOENT);
    assert_int_equal(vt_tcp_set_profile(r->n.tcp, "freebsd"), 0);
    assert_int_equal(vt_tcp_knob_get(r->n.tcp, "net.inet.tcp.keepidle", &v), 0);
    assert_int_equal(v, 7200000); /* ms */
    assert_int_equal(vt_tcp_knob_set(r->n.tcp, "net.inet.tcp.keepidle", 2500), 0);
    assert_int_equal(vt_tcp_knob_get(r->n.tcp, "net.ipv4.tcp_keepalive_time", &v), 0);
    assert_int_equal(v, 3); /* s, rounded up */
    assert_int_equal(vt_tcp_knob_set(r->n.tcp, "net.inet.tcp.rfc1323", 0), 0);
    assert_int_equal(vt_tcp_knob_get(r->n.tcp, "net.ipv4.tcp_timestamps", &v), 0);
    assert_int_equal(v, 0);
    assert_int_equal(vt_tcp_knob_get(r->n.tcp, "net.ipv4.tcp_window_scaling", &v), 0);
    assert_int_equal(v, 0);
    assert_int_equal(vt_tcp_knob_set(r->n.tcp, "net.inet.tcp.msl", -1), -VT_EINVAL);
    assert_int_equal(vt_tcp_knob_set(r->n.tcp, "net.inet.tcp.nothing", 1), -VT_ENOENT);
    assert_true(every_default_is_in_range(r) > 40);
    rig_open(r);
    assert_int_equal(vt_tcp_set_profile(r->n.tcp, "linux"), -VT_EBUSY);
    rig_free(r);
}

static void test_info_is_truthful(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_open(r);
    rig_connect(r, 80);
    rig_out(r, "S 0:0(0)");
    assert_int_equal(rig_info(r).tcpi_state, VT_TCPI_SYN_SENT);
    rig_wait(r, 50 * VT_MSEC);
    rig_in(r, "S. 0:0(0) ack 1 win 30000 <mss 1000, sackOK, TS val 77 ecr 0, wscale 3>");
    rig_out(r, ". 1:1(0) ack 1");
    rig_send(r, 3000);
    rig_forget(r);
    rig_wait(r, 20 * VT_MSEC);
    rig_in(r, "P. 1:101(100) ack 2001 win 4000 <TS val 80 ecr 50>");
    rig_wait(r, 10 * VT_MSEC);
    struct vt_tcp_info i = rig_info(r);
    assert_int_equal(i.tcpi_state, VT_TCPI_ESTABLISHED);
    assert_int_equal(i.tcpi_options & 7, 7); /* timestamps, SACK, window scale */
    assert_int_equal(i.tcpi_wscale, 3 | 7 << 4);
    assert_int_equal(i.tcpi_snd_mss, 988);
    assert_int_equal(i.tcpi_advmss, 1448); /* the timestamps taken off, as Linux has it */
    assert_int_equal(i.tcpi_pmtu, 1500);
    assert_int_equal(i.tcpi_bytes_sent, 3000);
    assert_int_equal(i.tcpi_bytes_acked, 2000);
    assert_int_equal(i.tcpi_bytes_received, 100);
    assert_int_equal(i.tcpi_bytes_retrans, 0);
    assert_int_equal(i.tcpi_unacked, 2);
    assert_int_equal(i.tcpi_notsent_bytes, 0);
    assert_int_equal(i.tcpi_segs_out, 2 + 4);
    assert_int_equal(i.tcpi_data_segs_out, 4);
    assert_int_equal(i.tcpi_segs_in, 2);
    assert_int_equal(i.tcpi_data_segs_in, 1);
    assert_int_equal(i.tcpi_snd_wnd, 32000);
    assert_int_equal(i.tcpi_last_data_recv, 10);
    assert_int_equal(i.tcpi_last_ack_recv, 10);
    assert_int_equal(i.tcpi_last_data_sent, 30);
    assert_int_equal(i.tcpi_min_rtt, 20000);
    assert_int_equal(i.tcpi_ca_state, 0);
    rig_free(r);
}

/* A listener's info has its queues, as Linux's. */
static void test_info_of_a_listener(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 7);
    rig_in(r, "S 0:0(0)");
    rig_out(r, "S. 0:0(0) ack 1");
    rig_in(r, ". 1:1(0) ack 1");
    assert_int_equal(rig_info(r).tcpi_state, VT_TCPI_LISTEN);
    assert_int_equal(rig_info(r).tcpi_unacked, 1);
    assert_int_equal(rig_info(r).tcpi_sacked, 7);
    rig_free(r);
}

static bool count_row(void *ctx, const struct vt_tcp_row *row)
{
    unsigned *n = ctx;
    n[row->state]++;
    return true;
}

static bool first_row(void *ctx, const struct vt_tcp_row *row)
{
    (void)row;
    ++*(unsigned *)ctx;
    return false;
}

static void test_rows(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 7);
    for (uint16_t i = 0; i < 3; i++) {
        rig_flow(r, SERVER_PORT, (uint16_t)(40000 + i));
        rig_in(r, "S 0:0(0)");
        rig_out(r, "S. 0:0(0) ack 1");
        if (i == 0)
            continue;
        rig_in(r, ". 1:1(0) ack 1");
        rig_accept(r);
    }
    rig_close(r);
    rig_out(r, "F. 1:1(0) ack 1");
    rig_in(r, "F. 1:1(0) ack 2");
    rig_out(r, ". 2:2(0) ack 2");
    unsigned n[VT_TCP_STATE_COUNT] = {0}, first = 0;
    vt_tcp_each(r->n.tcp, count_row, n);
    assert_int_equal(n[VT_TCP_LISTEN], 1);
    assert_int_equal(n[VT_TCP_SYN_RCVD], 1);
    assert_int_equal(n[VT_TCP_ESTABLISHED], 1);
    assert_int_equal(n[VT_TCP_TIME_WAIT], 1);
    vt_tcp_each(r->n.tcp, first_row, &first);
    assert_int_equal(first, 1);
    rig_free(r);
}

/* ---- The table ---- */

/* Many connections come and go in a random order: each is found while it is there. */
static void test_table(void **state)
{
    (void)state;
    enum {
        N = 3000
    };
    struct rig *r = rig_new(1);
    struct vt_tcp_end *e = calloc(N, sizeof(*e));
    struct vt_rng rng;
    vt_rng_seed(&rng, test_seed(), 5);
    for (unsigned i = 0; i < N; i++)
        e[i] = (struct vt_tcp_end){.tcp = r->n.tcp,
                                   .local = {US, 0, (uint16_t)(1 + i % 50)},
                                   .remote = {vt_ip_from4(0x0a000000 + i % 7), 0, (uint16_t)(1 + i / 50)}};
    for (unsigned step = 0; step < 30000; step++) {
        struct vt_tcp_end *x = &e[vt_rng_below(&rng, N)];
        struct vt_tcp_end *found = vt_tcp_table_find(r->n.tcp, &x->local, &x->remote);
        assert_ptr_equal(found, x->in_table ? x : NULL);
        if (x->in_table) {
            assert_int_equal(vt_tcp_table_add(x), -VT_EADDRINUSE);
            vt_tcp_table_remove(x);
        } else {
            assert_int_equal(vt_tcp_table_add(x), 0);
        }
    }
    for (unsigned i = 0; i < N; i++)
        vt_tcp_table_remove(&e[i]);
    assert_int_equal(r->n.tcp->table_size, 0);
    free(e);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bind_conflicts),
        cmocka_unit_test(test_bind_calls),
        cmocka_unit_test(test_bind_and_time_wait),
        cmocka_unit_test(test_bind_and_connections),
        cmocka_unit_test(test_v68_ephemeral_ports),
        cmocka_unit_test(test_ephemeral_ports_run_out),
        cmocka_unit_test(test_connect_from_a_bound_port),
        cmocka_unit_test(test_connect_again),
        cmocka_unit_test(test_exact_listener_before_wildcard),
        cmocka_unit_test(test_v49_isn),
        cmocka_unit_test(test_v49_isn_passive),
        cmocka_unit_test(test_timestamp_offsets),
        cmocka_unit_test(test_shared_port_is_spread),
        cmocka_unit_test(test_options_are_read_back),
        cmocka_unit_test(test_must49_tos_and_ttl),
        cmocka_unit_test(test_knobs),
        cmocka_unit_test(test_knobs_of_freebsd),
        cmocka_unit_test(test_info_is_truthful),
        cmocka_unit_test(test_info_of_a_listener),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

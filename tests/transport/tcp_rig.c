#include "tcp_rig.h"

#include "network/icmp_wire.h"
#include "network/ipv4_wire.h"
#include "tcp_line.h"

#define SEGMENT_MAX 65515u

static void fail_line(const char *file, int no, const char *what, const char *expected, const char *actual)
{
    print_error("%s:%d: %s\n  expected  %s\n  actual    %s\n", file, no, what, expected, actual);
    _fail(file, no);
}

/* ---- A rig ---- */

struct rig *rig_new_with(uint32_t irs, uint32_t features, uint32_t mtu, uint64_t seed)
{
    struct rig *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    tcp_node_init(&r->n, US, seed, features, mtu);
    rig_knob(r, "net.ipv4.tcp_max_quickacks", 0);
    rig_flow(r, SERVER_PORT, CLIENT_PORT);
    r->f->irs = irs;
    r->mark = r->n.core.now;
    return r;
}

struct rig *rig_new(uint32_t irs)
{
    return rig_new_with(irs, 0, 0, 1);
}

static void settle(struct rig *r)
{
    tcp_node_settle(&r->n);
    r->mark = r->n.core.now;
}

static void hold(struct rig *r, struct vt_tcb *tcb)
{
    for (unsigned i = 0; i < RIG_TCBS; i++)
        if (r->held[i] == NULL) {
            r->held[i] = tcb;
            return;
        }
    fail_msg("too many control blocks for the rig");
}

static void unhold(struct rig *r, const struct vt_tcb *tcb)
{
    for (unsigned i = 0; i < RIG_TCBS; i++)
        if (r->held[i] == tcb)
            r->held[i] = NULL;
    if (r->listener == tcb)
        r->listener = NULL;
    if (r->tcb == tcb)
        r->tcb = NULL;
}

void rig_free_at(struct rig *r, const char *file, int no)
{
    rig_quiet_at(r, file, no);
    for (unsigned i = 1; i < VT_DROP_COUNT; i++)
        if (!r->drops_ignored && r->n.core.drops[i] != r->drops[i]) {
            print_error("%s:%d: %llu drops not accounted for: %s\n", file, no,
                        (unsigned long long)(r->n.core.drops[i] - r->drops[i]), vt_drop_word(i));
            _fail(file, no);
        }
    assert_int_equal(r->n.core.delivered + tcp_node_drops(&r->n), r->n.injected);
    for (unsigned i = 0; i < RIG_TCBS; i++)
        if (r->held[i] != NULL)
            vt_tcp_close(r->held[i], true);
    tcp_node_fini(&r->n);
    free(r);
}

void rig_flow(struct rig *r, uint16_t ours, uint16_t theirs)
{
    for (unsigned i = 0; i < r->flows; i++)
        if (r->flow[i].ours == ours && r->flow[i].theirs == theirs) {
            r->f = &r->flow[i];
            return;
        }
    assert_true(r->flows < RIG_FLOWS);
    r->f = &r->flow[r->flows++];
    *r->f = (struct flow){.ours = ours, .theirs = theirs, .irs = r->flow[0].irs};
}

/* ---- Lines in ---- */

/* Writes the segment of a line; returns its length. */
static uint32_t build(const struct rig *r, const struct line *l, uint8_t *b)
{
    const struct flow *f = r->f;
    struct vt_tcp_opts o = l->o;
    for (unsigned i = 0; i < o.nsacks; i++) {
        o.sack[i].from = vt_seq_add(o.sack[i].from, f->iss);
        o.sack[i].to = vt_seq_add(o.sack[i].to, f->iss);
    }
    if (o.ts_ok)
        o.tsecr += l->o.tsecr != 0 || (l->flags & VT_SYN) == 0 ? f->ts0 : 0;
    uint32_t olen = vt_tcp_build_opts(b + VT_TCP_HLEN, &o);
    memcpy(b + VT_TCP_HLEN + olen, l->raw, l->raw_len);
    olen += l->raw_len;
    while (olen % 4 != 0)
        b[VT_TCP_HLEN + olen++] = VT_TCPOPT_END;
    struct vt_tcp_hdr h = {.sport = f->theirs,
                           .dport = f->ours,
                           .seq = vt_seq(f->irs + l->from),
                           .ack = vt_seq(l->ack_ok ? f->iss + l->ack : 0),
                           .flags = l->flags,
                           .wnd = (uint16_t)(l->win_ok ? l->win : 65535),
                           .urgent = (uint16_t)l->urg,
                           .hlen = (uint8_t)(VT_TCP_HLEN + olen)};
    vt_tcp_build(b, &h);
    uint32_t at = l->from + ((l->flags & VT_SYN) != 0);
    for (uint32_t i = 0; i < l->len; i++)
        b[h.hlen + i] = (uint8_t)(rig_byte(false, at + i) ^ (r->salt ? 0xff : 0));
    return h.hlen + l->len;
}

void rig_in_burst_at(struct rig *r, const char *text, const char *file, int no)
{
    struct line l;
    const char *bad = line_parse(&l, text);
    if (bad != NULL)
        fail_line(file, no, text, "a line", bad);
    assert_true(l.len <= SEGMENT_MAX - 60);
    uint8_t *b = malloc(2 * 65536);
    assert_non_null(b);
    uint8_t *ip = b + 65536;
    uint32_t len = tcp_node_ip(ip, PEER, US, b, build(r, &l, b), true);
    tcp_node_inject(&r->n, ip, len, VT_CSUM_NONE);
    free(b);
}

void rig_in_at(struct rig *r, const char *text, const char *file, int no)
{
    rig_quiet_at(r, file, no);
    rig_in_burst_at(r, text, file, no);
    settle(r);
}

void rig_icmp(struct rig *r, uint8_t type, uint8_t code, uint16_t mtu, uint32_t seq)
{
    uint8_t b[VT_ICMP_HEADER + VT_IPV4_HEADER + 8], ip[128];
    struct vt_ipv4_hdr quoted = {.src = US,
                                 .dst = PEER,
                                 .header_len = VT_IPV4_HEADER,
                                 .total_len = 1500,
                                 .ttl = 60,
                                 .protocol = VT_PROTO_TCP,
                                 .df = true};
    struct vt_icmp_hdr h = {.type = type, .code = code, .seq = mtu};
    vt_ipv4_build(b + VT_ICMP_HEADER, &quoted, NULL);
    uint8_t *t = b + VT_ICMP_HEADER + VT_IPV4_HEADER;
    vt_put16(t, r->f->ours);
    vt_put16(t + 2, r->f->theirs);
    vt_put32(t + 4, r->f->iss + seq);
    vt_icmp_build(b, &h);
    h.checksum = vt_sum_finish(vt_sums_portable.add(0, b, sizeof(b)));
    vt_icmp_build(b, &h);
    struct vt_ipv4_hdr outer = {.src = VT_IP4(192, 0, 2, 254),
                                .dst = US,
                                .header_len = VT_IPV4_HEADER,
                                .total_len = VT_IPV4_HEADER + sizeof(b),
                                .ttl = 64,
                                .protocol = VT_PROTO_ICMP};
    vt_ipv4_build(ip, &outer, NULL);
    memcpy(ip + VT_IPV4_HEADER, b, sizeof(b));
    tcp_node_inject(&r->n, ip, VT_IPV4_HEADER + sizeof(b), VT_CSUM_NONE);
    settle(r);
}

/* ---- Lines out ---- */

/* Takes a packet apart. NULL, or what is wrong with it. */
static const char *read_packet(struct rig *r, const struct packet *p, struct line *l)
{
    struct vt_ipv4_hdr ip;
    struct vt_tcp_hdr h;
    struct flow *f = r->f;
    memset(l, 0, sizeof(*l));
    if (p->len < VT_IPV4_HEADER || vt_ipv4_parse(&ip, p->bytes, p->len) != VT_DROP_NONE ||
        ip.total_len != p->len || !vt_ipv4_sum_ok(p->bytes, ip.header_len) || ip.protocol != VT_PROTO_TCP)
        return "no proper IP packet with TCP";
    const uint8_t *b = p->bytes + ip.header_len;
    uint32_t len = p->len - ip.header_len;
    if (len < VT_TCP_HLEN || vt_tcp_parse(b, len, &h) != 0)
        return "no TCP header";
    uint32_t sum = vt_sum_pseudo(ip.src, ip.dst, VT_PROTO_TCP, len);
    if (!p->partial && vt_sum_finish(vt_sums_portable.add(sum, b, len)) != 0)
        return "a wrong TCP checksum";
    if (p->partial && h.checksum != vt_sum_fold(sum))
        return "a wrong pseudo-header sum";
    if (!ip.df)
        return "a segment that may be fragmented";
    if (h.sport != f->ours || h.dport != f->theirs)
        return "a segment of another connection";
    vt_tcp_parse_opts(b + VT_TCP_HLEN, h.hlen - (uint32_t)VT_TCP_HLEN, (h.flags & VT_SYN) != 0, &l->o);
    if ((h.flags & VT_SYN) != 0 && (h.flags & VT_RST) == 0) {
        f->iss = h.seq.v;
        f->iss_known = true;
    }
    if (l->o.ts_ok && !f->ts_known) {
        f->ts0 = l->o.tsval;
        f->ts_known = true;
    }
    l->flags = h.flags;
    l->from = h.seq.v - f->iss;
    l->len = len - h.hlen;
    l->to = l->from + l->len;
    l->ack_ok = (h.flags & VT_ACK) != 0;
    l->ack = h.ack.v - (l->ack_ok ? f->irs : 0);
    l->win_ok = true;
    l->win = h.wnd;
    l->urg_ok = (h.flags & VT_URG) != 0;
    l->urg = h.urgent;
    l->opts_ok = true;
    l->o.tsval -= f->ts0;
    for (unsigned i = 0; i < l->o.nsacks; i++) {
        l->o.sack[i].from = vt_seq_sub(l->o.sack[i].from, f->irs);
        l->o.sack[i].to = vt_seq_sub(l->o.sack[i].to, f->irs);
    }
    uint32_t at = l->from + ((h.flags & VT_SYN) != 0);
    for (uint32_t i = 0; i < l->len; i++)
        if (b[h.hlen + i] != rig_byte(true, at + i))
            return "bytes that are not our stream's";
    return NULL;
}

static bool same_options(const struct line *want, const struct line *got)
{
    const struct vt_tcp_opts *a = &want->o, *b = &got->o;
    if (a->mss_ok != b->mss_ok || a->wscale_ok != b->wscale_ok || a->sack_ok != b->sack_ok ||
        a->ts_ok != b->ts_ok || a->mss != b->mss || a->wscale != b->wscale || a->nsacks != b->nsacks)
        return false;
    if (a->ts_ok && !want->ts_any && (a->tsval != b->tsval || a->tsecr != b->tsecr))
        return false;
    return memcmp(a->sack, b->sack, a->nsacks * sizeof(a->sack[0])) == 0;
}

static bool same(const struct line *want, const struct line *got)
{
    uint16_t differ = (uint16_t)((want->flags ^ got->flags) & ~(want->push_any ? VT_PSH : 0));
    return differ == 0 && want->from == got->from && want->len == got->len &&
           (!want->ack_ok || want->ack == got->ack) && (!want->win_ok || want->win == got->win) &&
           (!want->urg_ok || want->urg == got->urg) && (!want->opts_ok || same_options(want, got));
}

void rig_out_at(struct rig *r, const char *text, const char *file, int no)
{
    struct line want, got;
    char actual[LINE_TEXT];
    const char *bad = line_parse(&want, text);
    if (bad != NULL)
        fail_line(file, no, text, "a line", bad);
    struct packet *p = tcp_node_take(&r->n);
    if (p == NULL) {
        fail_line(file, no, "no segment was sent", text, "nothing");
        return;
    }
    bad = read_packet(r, p, &got);
    line_print(actual, &got);
    if (bad != NULL || !same(&want, &got))
        fail_line(file, no, bad != NULL ? bad : "another segment", text, actual);
    free(p);
}

void rig_quiet_at(struct rig *r, const char *file, int no)
{
    struct line got;
    char actual[LINE_TEXT];
    if (r->n.out == NULL)
        return;
    const char *bad = read_packet(r, r->n.out, &got);
    line_print(actual, &got);
    fail_line(file, no, bad != NULL ? bad : "a segment that nobody looked at", "silence", actual);
}

unsigned rig_forget(struct rig *r)
{
    unsigned n = 0;
    struct packet *p;
    struct line l;
    while ((p = tcp_node_take(&r->n)) != NULL) {
        read_packet(r, p, &l);
        free(p);
        n++;
    }
    return n;
}

/* ---- Time ---- */

void rig_wait(struct rig *r, vt_span span)
{
    tcp_node_wait_until(&r->n, vt_time_add(r->n.core.now, span));
    r->mark = r->n.core.now;
}

void rig_silence_at(struct rig *r, vt_span span, const char *file, int no)
{
    rig_quiet_at(r, file, no);
    rig_wait(r, span);
    rig_quiet_at(r, file, no);
}

void rig_at_at(struct rig *r, vt_span span, const char *text, const char *file, int no)
{
    char expected[LINE_TEXT + 64], actual[LINE_TEXT + 64], line[LINE_TEXT];
    struct line got;
    rig_quiet_at(r, file, no);
    vt_time when = vt_time_add(r->mark, span);
    tcp_node_wait_until(&r->n, when);
    if (r->n.out != NULL && r->n.out->at != when) {
        read_packet(r, r->n.out, &got);
        line_print(line, &got);
        snprintf(expected, sizeof(expected), "at %.6f ms: %s", (double)span / 1e6, text);
        snprintf(actual, sizeof(actual), "at %.6f ms: %s", (double)(r->n.out->at - r->mark) / 1e6, line);
        fail_line(file, no, "at another time", expected, actual);
    }
    r->mark = when;
    rig_out_at(r, text, file, no);
}

/* ---- Looking ---- */

void rig_dropped_at(struct rig *r, enum vt_drop reason, uint64_t times, const char *file, int no)
{
    for (unsigned i = 1; i < VT_DROP_COUNT; i++) {
        uint64_t n = r->n.core.drops[i] - r->drops[i], want = i == (unsigned)reason ? times : 0;
        r->drops[i] = r->n.core.drops[i];
        if (n == want)
            continue;
        print_error("%s:%d: drops for %s: expected %llu, actual %llu\n", file, no, vt_drop_word(i),
                    (unsigned long long)want, (unsigned long long)n);
        _fail(file, no);
    }
}

void rig_state_at(struct rig *r, enum vt_tcp_state want, const char *file, int no)
{
    const struct vt_tcp_end *e = rig_end(r);
    unsigned state = e != NULL ? e->state : r->tcb != NULL ? r->tcb->end.state : (unsigned)VT_TCP_CLOSED;
    if (state != want)
        fail_line(file, no, "another state", vt_tcp_state_name(want), vt_tcp_state_name(state));
}

struct vt_tcp_end *rig_end(struct rig *r)
{
    struct vt_addr ours = {US, 0, r->f->ours}, theirs = {PEER, 0, r->f->theirs};
    return vt_tcp_table_find(r->n.tcp, &ours, &theirs);
}

/* ---- Calls ---- */

struct vt_tcb *rig_open(struct rig *r)
{
    r->tcb = vt_tcp_open(r->n.tcp, &r->n);
    assert_non_null(r->tcb);
    hold(r, r->tcb);
    return r->tcb;
}

void rig_listen(struct rig *r, int backlog)
{
    r->listener = rig_open(r);
    assert_int_equal(vt_tcp_bind(r->listener, &(struct vt_addr){VT_IP4_ANY, 0, r->f->ours}), 0);
    assert_int_equal(vt_tcp_listen(r->listener, backlog), 0);
    settle(r);
}

struct vt_tcb *rig_accept(struct rig *r)
{
    struct vt_tcb *tcb = vt_tcp_accept(r->listener, &r->n);
    if (tcb != NULL) {
        hold(r, tcb);
        r->tcb = tcb;
    }
    settle(r);
    return tcb;
}

int rig_connect(struct rig *r, uint16_t port)
{
    int err = vt_tcp_connect(r->tcb, &(struct vt_addr){PEER, 0, port});
    struct vt_addr local;
    settle(r);
    vt_tcp_local(r->tcb, &local);
    uint32_t irs = r->f->irs;
    rig_flow(r, local.port, port);
    r->f->irs = irs;
    return err;
}

long rig_send_flags(struct rig *r, size_t len, int flags)
{
    uint8_t *b = malloc(len != 0 ? len : 1);
    assert_non_null(b);
    for (size_t i = 0; i < len; i++)
        b[i] = rig_byte(true, r->f->sent + 1 + i);
    long n = vt_tcp_send(r->tcb, b, len, flags);
    free(b);
    if (n > 0)
        r->f->sent += (uint64_t)n;
    settle(r);
    return n;
}

long rig_send(struct rig *r, size_t len)
{
    return rig_send_flags(r, len, 0);
}

long rig_recv_at(struct rig *r, size_t len, int flags, const char *file, int no)
{
    uint8_t *b = malloc(len != 0 ? len : 1);
    assert_non_null(b);
    long n = vt_tcp_recv(r->tcb, b, len, flags);
    for (long i = 0; i < n && (flags & (VT_MSG_OOB | VT_MSG_TRUNC)) == 0; i++)
        if (b[i] != rig_byte(false, r->f->read + 1 + (uint64_t)i)) {
            print_error("%s:%d: byte %llu of the peer's stream is another\n", file, no,
                        (unsigned long long)(r->f->read + (uint64_t)i));
            free(b);
            _fail(file, no);
        }
    free(b);
    if (n > 0 && (flags & (VT_MSG_PEEK | VT_MSG_OOB)) == 0)
        r->f->read += (uint64_t)n;
    settle(r);
    return n;
}

int rig_shutdown(struct rig *r, int how)
{
    int err = vt_tcp_shutdown(r->tcb, how);
    settle(r);
    return err;
}

static void close_as(struct rig *r, bool linger0)
{
    struct vt_tcb *tcb = r->tcb;
    unhold(r, tcb);
    vt_tcp_close(tcb, linger0);
    settle(r);
}

void rig_close(struct rig *r)
{
    close_as(r, false);
}

void rig_linger0(struct rig *r)
{
    close_as(r, true);
}

void rig_set(struct rig *r, int level, int name, int value)
{
    assert_int_equal(vt_tcp_setopt(r->tcb, level, name, &value, sizeof(value)), 0);
    settle(r);
}

int rig_get(struct rig *r, int level, int name)
{
    int value = 0;
    size_t len = sizeof(value);
    assert_int_equal(vt_tcp_getopt(r->tcb, level, name, &value, &len), 0);
    return value;
}

void rig_knob(struct rig *r, const char *name, int64_t value)
{
    assert_int_equal(vt_tcp_knob_set(r->n.tcp, name, value), 0);
}

struct vt_tcp_info rig_info(struct rig *r)
{
    struct vt_tcp_info info;
    size_t len = sizeof(info);
    assert_int_equal(vt_tcp_getopt(r->tcb, VT_SOL_TCP, VT_TCP_INFO, &info, &len), 0);
    assert_int_equal(len, sizeof(info));
    return info;
}

/* ---- Ready-made ---- */

void rig_accepted(struct rig *r, const char *options)
{
    char line[256];
    bool ts = options != NULL && strstr(options, "TS") != NULL;
    rig_listen(r, 10);
    snprintf(line, sizeof(line), "S 0:0(0) win 65535 <%s>", options != NULL ? options : "mss 1460");
    rig_in(r, line);
    rig_out(r, "S. 0:0(0) ack 1");
    rig_in(r, ts ? ". 1:1(0) ack 1 win 65535 <TS val 1000 ecr 0>" : ". 1:1(0) ack 1 win 65535");
    assert_non_null(rig_accept(r));
    rig_quiet(r);
}

void rig_connected(struct rig *r, const char *options)
{
    char line[256];
    rig_open(r);
    assert_int_equal(rig_connect(r, 80), -VT_EINPROGRESS);
    rig_out(r, "S 0:0(0)");
    snprintf(line, sizeof(line), "S. 0:0(0) ack 1 win 65535 <%s>", options != NULL ? options : "mss 1460");
    rig_in(r, line);
    rig_out(r, ". 1:1(0) ack 1");
}

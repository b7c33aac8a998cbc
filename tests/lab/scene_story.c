/* A scene's record as text: what happened, when, where and why, in lines that a person can check. */
#include "scene.h"

#define FLOWS 64

/* One direction of a connection, and the number that it began with. */
struct flow {
    uint8_t src[16], dst[16];
    uint16_t sport, dport;
    uint32_t isn;
};

struct story {
    const struct scene *scene;
    char *text;
    size_t len, cap;
    struct flow flow[FLOWS];
    unsigned flows;
};

__attribute__((format(printf, 2, 3))) static void put(struct story *t, const char *format, ...)
{
    va_list args;
    if (t->cap - t->len < 1024) {
        t->cap = t->cap * 2 + 65536;
        t->text = realloc(t->text, t->cap);
        assert_non_null(t->text);
    }
    va_start(args, format);
    int n = vsnprintf(t->text + t->len, t->cap - t->len, format, args);
    va_end(args);
    assert_in_range(n, 0, 1023);
    t->len += (size_t)n;
}

static void put_ip(struct story *t, const uint8_t ip[16])
{
    put(t, "%u.%u.%u.%u", ip[12], ip[13], ip[14], ip[15]);
}

static const char *node_name(const struct story *t, uint32_t node)
{
    const char *name = node > 0 ? vt_lab_node_name(t->scene->lab, node - 1, NULL) : "cable";
    return name != NULL ? name : "?";
}

/* ---- Segments ---- */

static struct flow *flow_of(struct story *t, const uint8_t *src, const uint8_t *dst, uint16_t sport,
                            uint16_t dport)
{
    for (unsigned i = t->flows; i-- > 0;) {
        struct flow *f = &t->flow[i];
        if (f->sport == sport && f->dport == dport && memcmp(f->src, src, 16) == 0 &&
            memcmp(f->dst, dst, 16) == 0)
            return f;
    }
    return NULL;
}

static void put_seg(struct story *t, const struct vt_event *ev)
{
    static const char letters[] = "FSRPAUEC";
    const uint8_t *src = ev->u.seg.src, *dst = ev->u.seg.dst;
    uint16_t sport = ev->u.seg.sport, dport = ev->u.seg.dport;
    struct flow *there = flow_of(t, src, dst, sport, dport), *back;
    if (there == NULL && t->flows < FLOWS) {
        there = &t->flow[t->flows++];
        *there = (struct flow){.sport = sport, .dport = dport};
        memcpy(there->src, src, 16);
        memcpy(there->dst, dst, 16);
    }
    if (there != NULL && (ev->u.seg.flags & VT_SYN) != 0)
        there->isn = ev->u.seg.seq;
    back = flow_of(t, dst, src, dport, sport);
    put_ip(t, src);
    put(t, ":%u > ", sport);
    put_ip(t, dst);
    put(t, ":%u ", dport);
    for (unsigned i = 0; i < 8; i++)
        if ((ev->u.seg.flags & 1u << i) != 0)
            put(t, "%c", letters[i]);
    put(t, " seq %u", ev->u.seg.seq - (there != NULL ? there->isn : 0));
    if ((ev->u.seg.flags & VT_ACK) != 0)
        put(t, " ack %u", ev->u.seg.ack - (back != NULL ? back->isn : 0));
    put(t, " len %u wnd %u", ev->u.seg.len, ev->u.seg.wnd);
    if (ev->u.seg.mss != 0)
        put(t, " mss %u", ev->u.seg.mss);
    if (ev->u.seg.sacks != 0)
        put(t, " sacks %u", ev->u.seg.sacks);
    put(t, " in %s", vt_tcp_state_name(ev->u.seg.state));
    if (ev->kind == VT_EV_TCP_TX && ev->u.seg.why != VT_SEG_NEW)
        put(t, " (%s)", vt_seg_why_word(ev->u.seg.why));
}

/* ---- The others ---- */

static void put_conn(struct story *t, const struct vt_event *ev)
{
    put_ip(t, ev->u.conn.local);
    put(t, ":%u - ", ev->u.conn.lport);
    put_ip(t, ev->u.conn.remote);
    put(t, ":%u", ev->u.conn.rport);
}

static void put_call(struct story *t, const struct vt_event *ev)
{
    put(t, "%s(%d, %u)", vt_call_word(ev->u.call.call), ev->u.call.fd, ev->u.call.arg);
    if (ev->kind == VT_EV_SOCK_CALL)
        put(t, " = %d", ev->u.call.result);
}

static void put_arp(struct story *t, const struct vt_event *ev)
{
    const uint8_t *s = ev->u.arp.sender_ip, *w = ev->u.arp.target_ip;
    put(t, "%s, %u.%u.%u.%u to %u.%u.%u.%u", ev->u.arp.op == 1 ? "request" : "reply", s[0], s[1], s[2], s[3],
        w[0], w[1], w[2], w[3]);
}

static void put_rest(struct story *t, const struct vt_event *ev, const char *extra)
{
    static const char *const impaired[] = {"?",         "duplicated",       "reordered",
                                           "corrupted", "corrupted inside", "held"};
    switch (ev->kind) {
    case VT_EV_TCP_TX:
    case VT_EV_TCP_RX: put_seg(t, ev); break;
    case VT_EV_TCP_CONN: put_conn(t, ev); break;
    case VT_EV_TCP_STATE:
        put(t, "%s to %s", vt_tcp_state_name(ev->u.state.from), vt_tcp_state_name(ev->u.state.to));
        break;
    case VT_EV_TCP_TIMER: put(t, "%s, %u", vt_tcp_timer_word(ev->u.timer.timer), ev->u.timer.count); break;
    case VT_EV_TCP_CC:
        put(t, "cwnd %u ssthresh %u flight %u%s", ev->u.cc.cwnd, ev->u.cc.ssthresh, ev->u.cc.flight,
            ev->u.cc.recovery != 0 ? " recovering" : "");
        break;
    case VT_EV_TCP_ERROR: put(t, "%s", vt_strerror(ev->u.call.result)); break;
    case VT_EV_SOCK_CALL:
    case VT_EV_SOCK_WAIT: put_call(t, ev); break;
    case VT_EV_ARP_TX:
    case VT_EV_ARP_RX: put_arp(t, ev); break;
    case VT_EV_NEIGH:
        put_ip(t, ev->u.neigh.ip);
        put(t, " %s to %s", vt_neigh_state_word(ev->u.neigh.from), vt_neigh_state_word(ev->u.neigh.to));
        break;
    case VT_EV_DROP: put(t, "%s, %u bytes", vt_drop_word(ev->u.drop.reason), ev->u.drop.len); break;
    case VT_EV_IMPAIR:
        put(t, "%s", impaired[ev->u.impair.kind <= VT_IMPAIR_DELAY ? ev->u.impair.kind : 0]);
        if (ev->u.impair.count != 0)
            put(t, ", bit %u", ev->u.impair.bit);
        break;
    case VT_EV_ICMP_TX:
    case VT_EV_ICMP_RX:
        put(t, "type %u code %u, %u bytes", ev->u.icmp.type, ev->u.icmp.code, ev->u.icmp.len);
        break;
    case VT_EV_UDP_TX:
    case VT_EV_UDP_RX: put(t, "%u > %u, %u bytes", ev->u.udp.sport, ev->u.udp.dport, ev->u.udp.len); break;
    case VT_EV_IP_FORWARD:
    case VT_EV_IP_FRAGMENT:
    case VT_EV_IP_REASSEMBLE:
        put_ip(t, ev->u.ip.src);
        put(t, " > ");
        put_ip(t, ev->u.ip.dst);
        put(t, " protocol %u ttl %u, %u bytes at %u", ev->u.ip.protocol, ev->u.ip.ttl, ev->u.ip.len,
            ev->u.ip.offset);
        break;
    case VT_EV_LINK_SET:
    case VT_EV_NODE:
    case VT_EV_LINK:
    case VT_EV_APP: put(t, "%s", extra != NULL ? extra : ""); break;
    default: break;
    }
}

char *scene_story(const struct scene *s)
{
    struct story t = {.scene = s};
    for (size_t i = 0; i < s->events; i++) {
        const struct vt_event *ev = &s->event[i].ev;
        if (ev->kind == VT_EV_PORT_TX || ev->kind == VT_EV_PORT_RX || ev->kind == VT_EV_PORT ||
            ev->kind == VT_EV_ADDR)
            continue;
        put(&t, "%llu.%09llu %s", (unsigned long long)(ev->time / 1000000000u),
            (unsigned long long)(ev->time % 1000000000u), node_name(&t, ev->node));
        if (ev->conn != 0)
            put(&t, " #%u", ev->conn);
        put(&t, " %s ", vt_event_word(ev->kind));
        put_rest(&t, ev, s->event[i].extra);
        put(&t, "\n");
    }
    put(&t, "%s", "");
    return t.text;
}

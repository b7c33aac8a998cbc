#include "scene.h"

#include <stdlib.h>

static const struct vt_event_id none;

void scene_listen(struct scene *s, void (*event)(void *, const struct vt_event *, const void *), void *ctx)
{
    s->listener[s->listeners++] = (struct vt_listener){.event = event, .ctx = ctx};
}

struct vt_event_id scene_emit(struct scene *s, struct vt_event *ev, uint32_t node, struct vt_event_id cause,
                              const void *extra, size_t len)
{
    static const uint8_t layers[VT_EV_COUNT] = {
#define X(name, layer, word, meaning) [VT_EV_##name] = layer,
        VT_EVENT_LIST(X)
#undef X
    };
    ev->time = s->now;
    ev->id = ++s->count[node];
    ev->cause = cause.n;
    ev->cause_node = cause.node;
    ev->node = node;
    ev->layer = layers[ev->kind];
    ev->version = VT_EVENT_VERSION;
    ev->extra = (uint32_t)len;
    for (unsigned i = 0; i < s->listeners; i++)
        s->listener[i].event(s->listener[i].ctx, ev, len != 0 ? extra : NULL);
    return (struct vt_event_id){ev->id, node};
}

void scene_wait(struct scene *s, vt_time span)
{
    s->now += span;
}

struct vt_ip scene_ip(uint32_t node)
{
    switch (node) {
    case A: return VT_IP4(10, 0, 0, 1);
    case B: return VT_IP4(10, 0, 0, 2);
    case C: return VT_IP4(10, 1, 0, 1);
    case R1: return VT_IP4(10, 0, 0, 254);
    default: return VT_IP4(192, 0, 2, 1);
    }
}

/* ---- Topology ---- */

/* The port by which a node reaches its neighbour. */
static uint32_t port_to(uint32_t node, uint32_t neighbour)
{
    if (node == S1)
        return neighbour == A ? 1 : neighbour == B ? 2 : 3;
    return node == R1 && neighbour == C ? 2 : 1;
}

static void make_port(struct scene *s, uint32_t node, uint32_t index, const char *name)
{
    struct vt_event ev = {.kind = VT_EV_PORT, .iface = index};
    const uint8_t mac[6] = {2, 0, 0, (uint8_t)node, 0, (uint8_t)index};
    memcpy(ev.u.port.mac, mac, 6);
    ev.u.port.mtu = 1500;
    scene_emit(s, &ev, node, none, name, strlen(name));
}

static void make_link(struct scene *s, uint32_t which, uint32_t a, uint32_t b, const char *name)
{
    struct vt_event ev = {.kind = VT_EV_LINK, .iface = which};
    ev.u.link.which = which;
    ev.u.link.node_a = a;
    ev.u.link.port_a = port_to(a, b);
    ev.u.link.node_b = b;
    ev.u.link.port_b = port_to(b, a);
    scene_emit(s, &ev, 0, none, name, strlen(name));
}

static void make_addr(struct scene *s, uint32_t node, uint32_t iface, struct vt_ip ip)
{
    struct vt_event ev = {.kind = VT_EV_ADDR, .iface = iface};
    memcpy(ev.u.ifaddr.ip, ip.b, 16);
    ev.u.ifaddr.prefix = 24;
    scene_emit(s, &ev, node, none, NULL, 0);
}

void scene_topology(struct scene *s)
{
    static const struct {
        const char *name;
        uint32_t node, kind, ports;
    } nodes[] = {{"a", A, VT_NODE_HOST, 1},
                 {"b", B, VT_NODE_HOST, 1},
                 {"c", C, VT_NODE_HOST, 1},
                 {"s1", S1, VT_NODE_SWITCH, 3},
                 {"r1", R1, VT_NODE_ROUTER, 2}};
    static const char *const names[] = {"eth0", "eth1", "eth2"};
    for (unsigned i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
        struct vt_event ev = {.kind = VT_EV_NODE};
        ev.u.node.kind = nodes[i].kind;
        scene_emit(s, &ev, nodes[i].node, none, nodes[i].name, strlen(nodes[i].name));
        for (uint32_t port = 1; port <= nodes[i].ports; port++)
            make_port(s, nodes[i].node, port, names[port - 1]);
        if (nodes[i].kind != VT_NODE_SWITCH) {
            make_addr(s, nodes[i].node, 0, VT_IP4_LOOPBACK);
            make_addr(s, nodes[i].node, 1, scene_ip(nodes[i].node));
        }
    }
    make_addr(s, R1, 2, VT_IP4(10, 1, 0, 254));
    make_link(s, 1, A, S1, "a-s1");
    make_link(s, 2, B, S1, "b-s1");
    make_link(s, 3, R1, S1, "r1-s1");
    make_link(s, 4, R1, C, "r1-c");
}

/* ---- Connections ---- */

struct vt_event_id scene_conn(struct scene *s, uint32_t node, uint32_t conn, uint16_t lport, uint32_t peer,
                              uint16_t rport, uint32_t parent, uint32_t mark)
{
    struct vt_event ev = {.kind = VT_EV_TCP_CONN, .conn = conn, .mark = mark};
    memcpy(ev.u.conn.local, scene_ip(node).b, 16);
    memcpy(ev.u.conn.remote, scene_ip(peer).b, 16);
    ev.u.conn.lport = lport;
    ev.u.conn.rport = rport;
    ev.u.conn.parent = parent;
    ev.u.conn.state = VT_TCP_CLOSED;
    return scene_emit(s, &ev, node, none, NULL, 0);
}

struct vt_event_id scene_listener(struct scene *s, uint32_t node, uint32_t conn, uint16_t port)
{
    struct vt_event ev = {.kind = VT_EV_TCP_CONN, .conn = conn};
    memcpy(ev.u.conn.local, VT_IP4_ANY.b, 16);
    memcpy(ev.u.conn.remote, VT_IP4_ANY.b, 16);
    ev.u.conn.lport = port;
    scene_emit(s, &ev, node, none, NULL, 0);
    return scene_state(s, node, conn, VT_TCP_CLOSED, VT_TCP_LISTEN, none);
}

struct vt_event_id scene_state(struct scene *s, uint32_t node, uint32_t conn, unsigned from, unsigned to,
                               struct vt_event_id cause)
{
    struct vt_event ev = {.kind = VT_EV_TCP_STATE, .conn = conn};
    ev.u.state.from = (uint8_t)from;
    ev.u.state.to = (uint8_t)to;
    if (conn < 8)
        s->state[node][conn] = (uint8_t)to;
    return scene_emit(s, &ev, node, cause, NULL, 0);
}

struct vt_event_id scene_call(struct scene *s, uint32_t node, uint32_t conn, unsigned call, int32_t result,
                              bool waits)
{
    struct vt_event ev = {.kind = waits ? VT_EV_SOCK_WAIT : VT_EV_SOCK_CALL, .conn = conn};
    ev.u.call.call = call;
    ev.u.call.fd = 3;
    ev.u.call.result = result;
    ev.u.call.arg = 1024;
    return scene_emit(s, &ev, node, none, NULL, 0);
}

struct vt_event_id scene_timer(struct scene *s, uint32_t node, uint32_t conn, unsigned timer, uint32_t count)
{
    struct vt_event ev = {.kind = VT_EV_TCP_TIMER, .conn = conn};
    ev.u.timer.timer = timer;
    ev.u.timer.count = count;
    return scene_emit(s, &ev, node, none, NULL, 0);
}

/* ---- Packets ---- */

static uint32_t sum_bytes(uint32_t sum, const uint8_t *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum += (uint32_t)b[i] << (i % 2 == 0 ? 8 : 0);
    return sum;
}

static uint16_t sum_finish(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* An Ethernet frame with a good TCP segment in it. */
static void build_tcp(struct scene *s, const struct vt_event *ev, const char *data)
{
    uint8_t *f = s->frame, *ip = f + 14, *tcp = ip + 20;
    size_t n = strlen(data);
    memset(f, 0, 54);
    memcpy(f, "\x02\0\0\2\0\1\x02\0\0\1\0\1\x08\0", 14);
    ip[0] = 0x45;
    vt_put16(ip + 2, (uint16_t)(40 + n));
    ip[8] = 64;
    ip[9] = 6;
    memcpy(ip + 12, ev->u.seg.src + 12, 4);
    memcpy(ip + 16, ev->u.seg.dst + 12, 4);
    vt_put16(ip + 10, sum_finish(sum_bytes(0, ip, 20)));
    vt_put16(tcp, ev->u.seg.sport);
    vt_put16(tcp + 2, ev->u.seg.dport);
    vt_put32(tcp + 4, ev->u.seg.seq);
    vt_put32(tcp + 8, ev->u.seg.ack);
    tcp[12] = 5 << 4;
    tcp[13] = (uint8_t)ev->u.seg.flags;
    vt_put16(tcp + 14, 65535);
    memcpy(tcp + 20, data, n);
    uint32_t sum = sum_bytes(6 + 20 + (uint32_t)n, ip + 12, 8);
    vt_put16(tcp + 16, sum_finish(sum_bytes(sum, tcp, 20 + n)));
    s->frame_len = (uint32_t)(54 + n);
}

struct packet scene_seg(struct scene *s, uint32_t from, uint32_t conn, uint16_t sport, uint32_t to,
                        uint16_t dport, unsigned flags, uint32_t seq, uint32_t ack, const char *data,
                        unsigned why)
{
    struct packet p = {.tx = {.kind = VT_EV_TCP_TX, .conn = conn}};
    memcpy(p.tx.u.seg.src, scene_ip(from).b, 16);
    memcpy(p.tx.u.seg.dst, scene_ip(to).b, 16);
    p.tx.u.seg.sport = sport;
    p.tx.u.seg.dport = dport;
    p.tx.u.seg.flags = (uint16_t)flags;
    p.tx.u.seg.seq = seq;
    p.tx.u.seg.ack = ack;
    p.tx.u.seg.wnd = 65535;
    p.tx.u.seg.len = (uint32_t)strlen(data);
    p.tx.u.seg.why = (uint8_t)why;
    p.tx.u.seg.state = conn < 8 ? s->state[from][conn] : (uint8_t)VT_TCP_ESTABLISHED;
    if (flags & VT_SYN)
        p.tx.u.seg.mss = 1460;
    build_tcp(s, &p.tx, data);
    p.id = scene_emit(s, &p.tx, from, none, NULL, 0);
    return p;
}

struct packet scene_arp(struct scene *s, uint32_t from, unsigned op, uint32_t target)
{
    struct packet p = {.tx = {.kind = VT_EV_ARP_TX, .iface = 1}};
    const uint8_t mac[6] = {2, 0, 0, (uint8_t)from, 0, 1};
    struct vt_ip own = scene_ip(from), other = scene_ip(target);
    memcpy(p.tx.u.arp.sender_mac, mac, 6);
    memcpy(p.tx.u.arp.sender_ip, own.b + 12, 4);
    memcpy(p.tx.u.arp.target_ip, other.b + 12, 4);
    p.tx.u.arp.op = (uint16_t)op;
    p.id = scene_emit(s, &p.tx, from, none, NULL, 0);
    s->frame_len = 42;
    memset(s->frame, 0, 42);
    memcpy(s->frame, "\xff\xff\xff\xff\xff\xff\x02\0\0\1\0\1\x08\x06\0\1\x08\0\6\4\0", 21);
    s->frame[21] = (uint8_t)op;
    memcpy(s->frame + 22, mac, 6);
    memcpy(s->frame + 28, own.b + 12, 4);
    memcpy(s->frame + 38, other.b + 12, 4);
    return p;
}

static void frame_event(struct scene *s, struct packet *p, unsigned kind, uint32_t node, uint32_t port)
{
    struct vt_event ev = {.kind = (uint16_t)kind, .iface = port};
    ev.u.frame.len = s->frame_len;
    p->id = scene_emit(s, &ev, node, p->id, s->frame, s->frames ? s->frame_len : 0);
}

void scene_depart(struct scene *s, struct packet *p, uint32_t from, uint32_t to)
{
    frame_event(s, p, VT_EV_PORT_TX, from, port_to(from, to));
}

void scene_arrive(struct scene *s, struct packet *p, uint32_t from, uint32_t to)
{
    frame_event(s, p, VT_EV_PORT_RX, to, port_to(to, from));
}

void scene_hop(struct scene *s, struct packet *p, uint32_t from, uint32_t to)
{
    scene_depart(s, p, from, to);
    scene_wait(s, MS);
    scene_arrive(s, p, from, to);
}

void scene_forward(struct scene *s, struct packet *p)
{
    struct vt_event ev = {.kind = VT_EV_IP_FORWARD, .iface = 1};
    memcpy(ev.u.ip.src, p->tx.u.seg.src, 16);
    memcpy(ev.u.ip.dst, p->tx.u.seg.dst, 16);
    p->id = scene_emit(s, &ev, R1, p->id, NULL, 0);
}

void scene_cross(struct scene *s, struct packet *p, uint32_t from, uint32_t to)
{
    if (from == C) {
        scene_hop(s, p, C, R1);
        scene_forward(s, p);
        from = R1;
    }
    scene_hop(s, p, from, S1);
    if (to == C) {
        scene_hop(s, p, S1, R1);
        scene_forward(s, p);
        scene_hop(s, p, R1, C);
    } else {
        scene_hop(s, p, S1, to);
    }
}

struct vt_event_id scene_read(struct scene *s, const struct packet *p, uint32_t node, uint32_t conn,
                              unsigned state)
{
    struct vt_event ev = p->tx;
    ev.kind++; /* each RX follows its TX in the list of kinds */
    ev.conn = conn;
    ev.mark = 0;
    ev.iface = 1;
    if (ev.kind == VT_EV_TCP_RX) {
        ev.u.seg.why = 0;
        ev.u.seg.state = (uint8_t)state;
    }
    return scene_emit(s, &ev, node, p->id, NULL, 0);
}

void scene_drop(struct scene *s, struct packet *p, uint32_t node, unsigned reason)
{
    struct vt_event ev = {.kind = VT_EV_DROP};
    ev.u.drop.reason = reason;
    ev.u.drop.len = s->frame_len;
    p->id = scene_emit(s, &ev, node, p->id, NULL, 0);
}

void scene_impair(struct scene *s, const struct packet *p, unsigned kind, uint32_t bit)
{
    struct vt_event ev = {.kind = VT_EV_IMPAIR};
    ev.u.impair.kind = kind;
    ev.u.impair.bit = bit;
    ev.u.impair.count = 1;
    scene_emit(s, &ev, 0, p->id, NULL, 0);
}

/* ---- The conversation ---- */

struct vt_event_id scene_say(struct scene *s, uint32_t from, unsigned flags, uint32_t seq, uint32_t ack,
                             const char *data, unsigned why)
{
    uint32_t to = from == A ? B : A;
    struct packet p = scene_seg(s, from, from == A ? 1 : 2, from == A ? 40000 : 9528, to,
                                from == A ? 9528 : 40000, flags, seq, ack, data, why);
    scene_cross(s, &p, from, to);
    return scene_read(s, &p, to, to == A ? 1 : (flags & (VT_SYN | VT_ACK)) == VT_SYN ? 1 : 2, 0);
}

void scene_move(struct scene *s, uint32_t node, unsigned from, unsigned to, struct vt_event_id cause)
{
    scene_state(s, node, node == A ? 1 : 2, from, to, cause);
}

void scene_open(struct scene *s)
{
    struct vt_event_id rx;
    scene_listener(s, B, 1, 9528);
    scene_conn(s, A, 1, 40000, B, 9528, 0, 0);
    scene_move(s, A, VT_TCP_CLOSED, VT_TCP_SYN_SENT, none);
    rx = scene_say(s, A, VT_SYN, ISN_A, 0, "", VT_SEG_NEW);
    scene_conn(s, B, 2, 9528, A, 40000, 1, 0);
    scene_move(s, B, VT_TCP_CLOSED, VT_TCP_SYN_RCVD, rx);
    rx = scene_say(s, B, VT_SYN | VT_ACK, ISN_B, ISN_A + 1, "", VT_SEG_NEW);
    scene_move(s, A, VT_TCP_SYN_SENT, VT_TCP_ESTABLISHED, rx);
    rx = scene_say(s, A, VT_ACK, ISN_A + 1, ISN_B + 1, "", VT_SEG_ACK);
    scene_move(s, B, VT_TCP_SYN_RCVD, VT_TCP_ESTABLISHED, rx);
}

void scene_close(struct scene *s, uint32_t a_sent, uint32_t b_sent)
{
    uint32_t u = ISN_A + 1 + a_sent, w = ISN_B + 1 + b_sent;
    struct vt_event_id rx, call = {999999, A};
    scene_move(s, A, VT_TCP_ESTABLISHED, VT_TCP_FIN_WAIT1, call);
    rx = scene_say(s, A, VT_FIN | VT_ACK, u, w, "", VT_SEG_NEW);
    scene_move(s, B, VT_TCP_ESTABLISHED, VT_TCP_CLOSE_WAIT, rx);
    rx = scene_say(s, B, VT_ACK, w, u + 1, "", VT_SEG_ACK);
    scene_move(s, A, VT_TCP_FIN_WAIT1, VT_TCP_FIN_WAIT2, rx);
    call = (struct vt_event_id){999999, B};
    scene_move(s, B, VT_TCP_CLOSE_WAIT, VT_TCP_LAST_ACK, call);
    rx = scene_say(s, B, VT_FIN | VT_ACK, w, u + 1, "", VT_SEG_NEW);
    scene_move(s, A, VT_TCP_FIN_WAIT2, VT_TCP_TIME_WAIT, rx);
    rx = scene_say(s, A, VT_ACK, u + 1, w + 1, "", VT_SEG_ACK);
    scene_move(s, B, VT_TCP_LAST_ACK, VT_TCP_CLOSED, rx);
}

/* ---- Catching output ---- */

int catch_write(void *ctx, const void *bytes, size_t len)
{
    struct catch *c = ctx;
    if (c->fail_after != 0 && ++c->writes >= c->fail_after)
        return -VT_ENOSPC;
    if (c->len + len + 1 > c->cap) {
        c->cap = 2 * (c->len + len + 1);
        c->text = realloc(c->text, c->cap);
        if (c->text == NULL)
            abort();
    }
    memcpy(c->text + c->len, bytes, len);
    c->len += len;
    c->text[c->len] = '\0';
    return 0;
}

struct vt_sink catch_sink(struct catch *c)
{
    return (struct vt_sink){.write = catch_write, .ctx = c};
}

void catch_free(struct catch *c)
{
    free(c->text);
    *c = (struct catch){0};
}

/* Events as JSON lines. */
#include "model.h"

#include <stdlib.h>

struct vt_json {
    struct vt_sinker out;
    struct vt_out line;
    struct vt_mnode *node; /* names only */
    uint32_t nnodes, cap_nodes;
};

struct vt_json *vt_json_new(struct vt_sink out)
{
    struct vt_json *j = calloc(1, sizeof *j);
    if (j != NULL)
        j->out.sink = out;
    return j;
}

void vt_json_free(struct vt_json *j)
{
    if (j == NULL)
        return;
    vt_out_free(&j->line);
    free(j->node);
    free(j);
}

int vt_json_finish(struct vt_json *json)
{
    return json->out.error;
}

static void learn_name(struct vt_json *j, const struct vt_event *ev, const void *extra)
{
    if (ev->node >= VT_MODEL_NODES || extra == NULL)
        return;
    while (ev->node >= j->cap_nodes) {
        if (!vt_grow(&j->node, j->cap_nodes, &j->cap_nodes, VT_MODEL_NODES, sizeof *j->node))
            return;
    }
    if (ev->node >= j->nnodes)
        j->nnodes = ev->node + 1;
    size_t len = ev->extra < VT_NAME ? ev->extra : VT_NAME - 1;
    memcpy(j->node[ev->node].name, extra, len);
    j->node[ev->node].name[len] = '\0';
    j->node[ev->node].known = true;
}

/* The name of a node, its number where it has none. */
static void put_node(const struct vt_json *j, struct vt_out *o, uint32_t node)
{
    if (node < j->nnodes && j->node[node].known)
        vt_out_text(o, j->node[node].name);
    else
        vt_out_format(o, "%u", node);
}

static void field_node(struct vt_json *j, struct vt_jw *w, const char *key, uint32_t node)
{
    struct vt_out name = {0};
    put_node(j, &name, node);
    vt_jw_text(w, key, vt_out_string(&name));
    vt_out_free(&name);
}

static void field_id(struct vt_json *j, struct vt_jw *w, const char *key, uint32_t node, uint64_t id)
{
    struct vt_out text = {0};
    if (id == 0) {
        vt_jw_null(w, key);
        return;
    }
    put_node(j, &text, node);
    vt_out_format(&text, "#%llu", (unsigned long long)id);
    vt_jw_text(w, key, vt_out_string(&text));
    vt_out_free(&text);
}

static void field_ip4(struct vt_jw *w, const char *key, const uint8_t ip[4])
{
    struct vt_ip a = vt_ip_from4(vt_get32(ip));
    vt_jw_ip(w, key, a.b);
}

static void field_flags(struct vt_jw *w, const char *key, unsigned flags)
{
    struct vt_out text = {0};
    vt_out_flags(&text, flags);
    vt_jw_text(w, key, flags == 0 ? "" : vt_out_string(&text));
    vt_out_free(&text);
}

/* ---- The fields of each kind ---- */

static void put_topology(struct vt_json *j, struct vt_jw *w, const struct vt_event *ev)
{
    static const char *const kinds[] = {"host", "router", "switch"};
    switch (ev->kind) {
    case VT_EV_NODE: vt_jw_text(w, "what", ev->u.node.kind < 3 ? kinds[ev->u.node.kind] : "?"); break;
    case VT_EV_PORT:
        vt_jw_mac(w, "mac", ev->u.port.mac);
        vt_jw_number(w, "mtu", ev->u.port.mtu);
        break;
    case VT_EV_LINK:
        vt_jw_number(w, "which", ev->u.link.which);
        field_node(j, w, "node_a", ev->u.link.node_a);
        vt_jw_number(w, "port_a", ev->u.link.port_a);
        field_node(j, w, "node_b", ev->u.link.node_b);
        vt_jw_number(w, "port_b", ev->u.link.port_b);
        break;
    case VT_EV_LINK_SET: vt_jw_number(w, "which", ev->u.link.which); break;
    case VT_EV_ADDR:
        vt_jw_ip(w, "ip", ev->u.ifaddr.ip);
        vt_jw_number(w, "prefix", ev->u.ifaddr.prefix);
        break;
    case VT_EV_GAP: vt_jw_number(w, "lost", (uint64_t)ev->u.gap.lost[1] << 32 | ev->u.gap.lost[0]); break;
    default: break;
    }
}

static void put_frame(struct vt_jw *w, const struct vt_event *ev)
{
    static const char *const impairs[] = {"?", "duplicate", "reorder", "corrupt", "corrupt-inside", "delay"};
    switch (ev->kind) {
    case VT_EV_PORT_TX:
    case VT_EV_PORT_RX:
        vt_jw_number(w, "len", ev->u.frame.len);
        vt_jw_number(w, "gso", ev->u.frame.gso);
        vt_jw_bool(w, "partial", ev->u.frame.partial != 0);
        break;
    case VT_EV_DROP:
        vt_jw_text(w, "reason", vt_drop_word(ev->u.drop.reason));
        vt_jw_text(w, "why", vt_drop_text(ev->u.drop.reason));
        vt_jw_number(w, "len", ev->u.drop.len);
        break;
    case VT_EV_IMPAIR:
        vt_jw_text(w, "impair",
                   impairs[ev->u.impair.kind < sizeof impairs / sizeof impairs[0] ? ev->u.impair.kind : 0]);
        vt_jw_number(w, "bit", ev->u.impair.bit);
        vt_jw_number(w, "count", ev->u.impair.count);
        break;
    case VT_EV_LEARN:
    case VT_EV_STORM:
        vt_jw_mac(w, "mac", ev->u.learn.mac);
        vt_jw_bool(w, "on", ev->u.learn.on != 0);
        break;
    default: break;
    }
}

static void put_network(struct vt_jw *w, const struct vt_event *ev)
{
    switch (ev->kind) {
    case VT_EV_ARP_TX:
    case VT_EV_ARP_RX:
        vt_jw_text(w, "op", ev->u.arp.op == 1 ? "request" : ev->u.arp.op == 2 ? "reply" : "?");
        vt_jw_mac(w, "sender_mac", ev->u.arp.sender_mac);
        field_ip4(w, "sender_ip", ev->u.arp.sender_ip);
        vt_jw_mac(w, "target_mac", ev->u.arp.target_mac);
        field_ip4(w, "target_ip", ev->u.arp.target_ip);
        break;
    case VT_EV_NEIGH:
        vt_jw_ip(w, "ip", ev->u.neigh.ip);
        vt_jw_mac(w, "mac", ev->u.neigh.mac);
        vt_jw_text(w, "from", vt_neigh_state_word(ev->u.neigh.from));
        vt_jw_text(w, "to", vt_neigh_state_word(ev->u.neigh.to));
        break;
    case VT_EV_IP_FORWARD:
    case VT_EV_IP_FRAGMENT:
    case VT_EV_IP_REASSEMBLE:
        vt_jw_ip(w, "src", ev->u.ip.src);
        vt_jw_ip(w, "dst", ev->u.ip.dst);
        vt_jw_number(w, "protocol", ev->u.ip.protocol);
        vt_jw_number(w, "ttl", ev->u.ip.ttl);
        vt_jw_number(w, "ident", ev->u.ip.ident);
        vt_jw_number(w, "len", ev->u.ip.len);
        vt_jw_number(w, "offset", ev->u.ip.offset);
        break;
    case VT_EV_ICMP_TX:
    case VT_EV_ICMP_RX:
        vt_jw_ip(w, "src", ev->u.icmp.src);
        vt_jw_ip(w, "dst", ev->u.icmp.dst);
        vt_jw_number(w, "type", ev->u.icmp.type);
        vt_jw_number(w, "code", ev->u.icmp.code);
        vt_jw_number(w, "ident", ev->u.icmp.ident);
        vt_jw_number(w, "seq", ev->u.icmp.seq);
        vt_jw_number(w, "len", ev->u.icmp.len);
        break;
    case VT_EV_UDP_TX:
    case VT_EV_UDP_RX:
        vt_jw_addr(w, "src", ev->u.udp.src, ev->u.udp.sport);
        vt_jw_addr(w, "dst", ev->u.udp.dst, ev->u.udp.dport);
        vt_jw_number(w, "len", ev->u.udp.len);
        break;
    default: break;
    }
}

static void put_segment(struct vt_jw *w, const struct vt_event *ev)
{
    vt_jw_addr(w, "src", ev->u.seg.src, ev->u.seg.sport);
    vt_jw_addr(w, "dst", ev->u.seg.dst, ev->u.seg.dport);
    field_flags(w, "flags", ev->u.seg.flags);
    vt_jw_number(w, "seq", ev->u.seg.seq);
    vt_jw_number(w, "ack", ev->u.seg.ack);
    vt_jw_number(w, "wnd", ev->u.seg.wnd);
    vt_jw_number(w, "len", ev->u.seg.len);
    vt_jw_text(w, "state", vt_tcp_state_name(ev->u.seg.state));
    vt_jw_text(w, "why", ev->kind == VT_EV_TCP_TX ? vt_seg_why_word(ev->u.seg.why) : "");
    vt_jw_number(w, "mss", ev->u.seg.mss);
    if (ev->u.seg.wscale != 0)
        vt_jw_number(w, "wscale", ev->u.seg.wscale - 1u);
    else
        vt_jw_null(w, "wscale");
    vt_jw_number(w, "sacks", ev->u.seg.sacks);
    vt_jw_number(w, "urgent", ev->u.seg.urgent);
}

static void put_transport(struct vt_jw *w, const struct vt_event *ev)
{
    switch (ev->kind) {
    case VT_EV_TCP_CONN:
    case VT_EV_TCP_MARK:
        vt_jw_addr(w, "local", ev->u.conn.local, ev->u.conn.lport);
        vt_jw_addr(w, "remote", ev->u.conn.remote, ev->u.conn.rport);
        vt_jw_number(w, "scope", ev->u.conn.scope);
        vt_jw_number(w, "parent", ev->u.conn.parent);
        vt_jw_text(w, "state", vt_tcp_state_name(ev->u.conn.state));
        break;
    case VT_EV_TCP_STATE:
        vt_jw_text(w, "from", vt_tcp_state_name(ev->u.state.from));
        vt_jw_text(w, "to", vt_tcp_state_name(ev->u.state.to));
        break;
    case VT_EV_TCP_TX:
    case VT_EV_TCP_RX: put_segment(w, ev); break;
    case VT_EV_TCP_TIMER:
        vt_jw_text(w, "timer", vt_tcp_timer_word(ev->u.timer.timer));
        vt_jw_number(w, "count", ev->u.timer.count);
        break;
    case VT_EV_TCP_CC:
        vt_jw_number(w, "cwnd", ev->u.cc.cwnd);
        vt_jw_number(w, "ssthresh", ev->u.cc.ssthresh);
        vt_jw_number(w, "flight", ev->u.cc.flight);
        vt_jw_number(w, "srtt_us", ev->u.cc.srtt_us);
        vt_jw_number(w, "rto_us", ev->u.cc.rto_us);
        vt_jw_bool(w, "recovery", ev->u.cc.recovery != 0);
        break;
    case VT_EV_TCP_ECN:
        vt_jw_text(w, "what", ev->u.ecn.what == VT_ECN_TOLD_CE ? "ce" : "told");
        vt_jw_number(w, "count", ev->u.ecn.count);
        break;
    case VT_EV_TCP_QUEUE:
        vt_jw_text(w, "queue", ev->u.queue.accept ? "accept" : "syn");
        vt_jw_number(w, "len", ev->u.queue.len);
        vt_jw_number(w, "limit", ev->u.queue.limit);
        break;
    case VT_EV_TCP_ERROR:
        vt_jw_signed(w, "result", ev->u.call.result);
        vt_jw_text(w, "error", vt_strerror(ev->u.call.result));
        break;
    case VT_EV_SOCK_CALL:
    case VT_EV_SOCK_WAIT:
        vt_jw_text(w, "call", vt_call_word(ev->u.call.call));
        vt_jw_signed(w, "fd", ev->u.call.fd);
        vt_jw_signed(w, "result", ev->u.call.result);
        vt_jw_number(w, "arg", ev->u.call.arg);
        break;
    case VT_EV_APP: vt_jw_signed(w, "fd", ev->u.call.fd); break;
    default: break;
    }
}

static void put_extra(struct vt_jw *w, const struct vt_event *ev, const void *extra)
{
    if (extra == NULL || ev->extra == 0)
        return;
    switch (ev->kind) {
    case VT_EV_NODE:
    case VT_EV_PORT:
    case VT_EV_LINK: vt_jw_textn(w, "name", extra, ev->extra); break;
    case VT_EV_LINK_SET:
    case VT_EV_APP: vt_jw_textn(w, "text", extra, ev->extra); break;
    default: vt_jw_hex(w, "bytes", extra, ev->extra); break;
    }
}

void vt_json_event(void *json, const struct vt_event *ev, const void *extra)
{
    struct vt_json *j = json;
    if (ev->kind == VT_EV_NODE)
        learn_name(j, ev, extra);
    vt_out_clear(&j->line);
    struct vt_jw w = {.o = &j->line};
    vt_jw_open(&w, NULL, '{');
    vt_jw_number(&w, "time", ev->time);
    field_id(j, &w, "id", ev->node, ev->id);
    field_id(j, &w, "cause", ev->cause_node, ev->cause);
    vt_jw_text(&w, "kind", vt_event_word(ev->kind));
    vt_jw_number(&w, "layer", ev->layer);
    field_node(j, &w, "node", ev->node);
    if (ev->iface != 0)
        vt_jw_number(&w, "iface", ev->iface);
    if (ev->conn != 0)
        vt_jw_number(&w, "conn", ev->conn);
    if (ev->mark != 0)
        vt_jw_number(&w, "mark", ev->mark);
    if (ev->doc != 0)
        vt_jw_text(&w, "doc", vt_doc_text(ev->doc));
    put_topology(j, &w, ev);
    put_frame(&w, ev);
    put_network(&w, ev);
    put_transport(&w, ev);
    put_extra(&w, ev, extra);
    vt_jw_close(&w, '{');
    vt_out_char(&j->line, '\n');
    if (!j->line.failed)
        vt_sinker_write(&j->out, j->line.s, j->line.len);
    else if (j->out.error == 0)
        j->out.error = -VT_ENOMEM;
}

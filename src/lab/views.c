#include "views.h"
#include "base/text.h"
#include "internal.h"

/* One view under construction: a list, and whose rows they are. */
struct view {
    json_t *rows;
    struct vt_lab_node *node;
    const char *dev;
};

static void add_row(struct view *v, json_t *row)
{
    if (row == NULL)
        return;
    json_object_set_new(row, "host", json_string(v->node->name));
    json_array_append_new(v->rows, row);
}

/* Calls `fn` for each host and router that is meant. */
static json_t *each_host(struct vt_lab *lab, const char *host, void (*fn)(struct view *v))
{
    struct view v = {.rows = json_array()};
    for (uint32_t i = 0; v.rows != NULL && i < lab->nnodes; i++) {
        v.node = lab->node[i];
        if (v.node->host == NULL || (host != NULL && strcmp(v.node->name, host) != 0))
            continue;
        vt_host_enter(v.node->host, lab->core.now);
        fn(&v);
    }
    return v.rows;
}

/* ---- ss ---- */

static json_t *addr_json(struct vt_addr addr)
{
    char text[VT_ADDR_TEXT];
    if (addr.port != 0 || !vt_ip_is_any(addr.ip))
        return json_string(vt_addr_text(text, addr));
    return json_string("0.0.0.0:*");
}

static json_t *info_json(const struct vt_tcp_info *i)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "rto_us",
                     (json_int_t)i->tcpi_rto, "rtt_us", (json_int_t)i->tcpi_rtt, "rttvar_us",
                     (json_int_t)i->tcpi_rttvar, "mss", (json_int_t)i->tcpi_snd_mss, "pmtu",
                     (json_int_t)i->tcpi_pmtu, "cwnd", (json_int_t)i->tcpi_snd_cwnd, "ssthresh",
                     (json_int_t)i->tcpi_snd_ssthresh, "unacked", (json_int_t)i->tcpi_unacked, "retrans",
                     (json_int_t)i->tcpi_total_retrans, "bytes_sent", (json_int_t)i->tcpi_bytes_sent,
                     "bytes_acked", (json_int_t)i->tcpi_bytes_acked, "bytes_received",
                     (json_int_t)i->tcpi_bytes_received, "segs_out", (json_int_t)i->tcpi_segs_out, "segs_in",
                     (json_int_t)i->tcpi_segs_in, "snd_wnd", (json_int_t)i->tcpi_snd_wnd, "rcv_wscale",
                     (json_int_t)(i->tcpi_wscale >> 4));
}

static bool tcp_row(void *ctx, const struct vt_tcp_row *row)
{
    struct view *v = ctx;
    vt_time now = vt_host_core(v->node->host)->now;
    json_t *o = json_pack(
        "{s:s,s:s,s:I,s:I,s:o,s:o,s:I,s:I}", "netid", "tcp", "state", vt_tcp_state_ss(row->state), "recvq",
        (json_int_t)row->recvq, "sendq", (json_int_t)row->sendq, "local", addr_json(row->local), "peer",
        addr_json(row->remote), "conn", (json_int_t)row->conn, "mark", (json_int_t)row->mark);
    if (o == NULL)
        return false;
    if (row->timer != NULL)
        json_object_set_new(o, "timer",
                            json_pack("{s:s,s:I,s:I}", "name", row->timer, "expires_us",
                                      (json_int_t)(row->timer_at > now ? (row->timer_at - now) / 1000 : 0),
                                      "retransmits", (json_int_t)row->retransmits));
    if (row->state != VT_TCP_LISTEN && row->info.tcpi_state != 0)
        json_object_set_new(o, "info", info_json(&row->info));
    add_row(v, o);
    return true;
}

static bool udp_row(void *ctx, const struct vt_udp_row *row)
{
    struct view *v = ctx;
    add_row(v, json_pack("{s:s,s:s,s:I,s:I,s:o,s:o}", "netid", "udp", "state",
                         row->remote.port != 0 ? "ESTAB" : "UNCONN", "recvq", (json_int_t)row->recvq, "sendq",
                         (json_int_t)0, "local", addr_json(row->local), "peer", addr_json(row->remote)));
    return true;
}

static void host_sockets(struct view *v)
{
    vt_tcp_each(vt_host_tcp(v->node->host), tcp_row, v);
    vt_udp_each(vt_host_udp(v->node->host), udp_row, v);
}

json_t *vt_view_sockets(struct vt_lab *lab, const char *host)
{
    return each_host(lab, host, host_sockets);
}

/* ---- ip addr ---- */

static json_t *flags_json(const struct vt_netif *nif)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {{VT_IFF_LOOPBACK, "LOOPBACK"},
                 {VT_IFF_BROADCAST, "BROADCAST"},
                 {VT_IFF_UP, "UP"},
                 {VT_IFF_CARRIER, "LOWER_UP"}};
    json_t *flags = json_array();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if ((nif->flags & names[i].flag) != 0)
            json_array_append_new(flags, json_string(names[i].name));
    return flags;
}

static json_t *addresses_json(const struct vt_netif *nif)
{
    json_t *list = json_array();
    char text[VT_IP_TEXT];
    for (unsigned i = 0; i < nif->naddrs; i++)
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:I}", "family", vt_ip_is4(nif->addr[i].ip) ? "inet" : "inet6", "local",
                            vt_ip_text(text, nif->addr[i].ip), "prefixlen", (json_int_t)nif->addr[i].prefix));
    return list;
}

static void host_addrs(struct view *v)
{
    char mac[VT_MAC_TEXT];
    for (struct vt_netif *nif = vt_net_netifs(vt_host_net(v->node->host)); nif != NULL; nif = nif->next)
        add_row(v, json_pack(
                       "{s:I,s:s,s:o,s:I,s:s,s:s,s:o,s:{s:I,s:I,s:I,s:I}}", "ifindex", (json_int_t)nif->index,
                       "ifname", nif->name, "flags", flags_json(nif), "mtu", (json_int_t)nif->mtu,
                       "link_type", (nif->flags & VT_IFF_LOOPBACK) != 0 ? "loopback" : "ether", "address",
                       vt_mac_text(mac, nif->mac), "addr_info", addresses_json(nif), "stats", "rx_packets",
                       (json_int_t)nif->rx_packets, "rx_bytes", (json_int_t)nif->rx_bytes, "tx_packets",
                       (json_int_t)nif->tx_packets, "tx_bytes", (json_int_t)nif->tx_bytes));
}

json_t *vt_view_addrs(struct vt_lab *lab, const char *host)
{
    return each_host(lab, host, host_addrs);
}

/* ---- ip route ---- */

static bool route_row(void *ctx, const struct vt_route *r)
{
    struct view *v = ctx;
    char dst[VT_IP_TEXT + 8] = "default", via[VT_IP_TEXT];
    struct vt_ip source;
    json_t *o;
    if ((r->nif->flags & VT_IFF_LOOPBACK) != 0) /* ip shows these in the table "local" only */
        return true;
    if (r->prefix != 0) {
        size_t n;
        vt_ip_text(dst, r->dst);
        n = strlen(dst);
        if (r->prefix < 32) {
            dst[n] = '/';
            dst[n + 1] = (char)(r->prefix >= 10 ? '0' + r->prefix / 10 : '0' + r->prefix);
            dst[n + 2] = (char)(r->prefix >= 10 ? '0' + r->prefix % 10 : 0);
            dst[n + 3] = 0;
        }
    }
    o = json_pack("{s:s,s:s,s:I}", "dst", dst, "dev", r->nif->name, "metric", (json_int_t)r->metric);
    if (o == NULL)
        return false;
    if (!vt_ip_is_any(r->via))
        json_object_set_new(o, "gateway", json_string(vt_ip_text(via, r->via)));
    else if (vt_net_source(vt_host_net(v->node->host), r->dst, &source) == 0)
        json_object_set_new(o, "prefsrc", json_string(vt_ip_text(via, source)));
    add_row(v, o);
    return true;
}

static void host_routes(struct view *v)
{
    vt_net_route_each(vt_host_net(v->node->host), route_row, v);
}

json_t *vt_view_routes(struct vt_lab *lab, const char *host)
{
    return each_host(lab, host, host_routes);
}

/* ---- ip neigh ---- */

static bool neigh_row(void *ctx, const struct vt_neigh_row *row)
{
    struct view *v = ctx;
    char ip[VT_IP_TEXT], mac[VT_MAC_TEXT];
    vt_time now = vt_host_core(v->node->host)->now;
    json_t *o = json_pack("{s:s,s:s,s:[s],s:I}", "dst", vt_ip_text(ip, row->ip), "dev", v->dev, "state",
                          vt_neigh_state_word(row->state), "updated_s",
                          (json_int_t)((now - row->updated) / (vt_time)VT_SEC));
    if (o == NULL)
        return false;
    if (!vt_mac_is_zero(row->mac))
        json_object_set_new(o, "lladdr", json_string(vt_mac_text(mac, row->mac)));
    add_row(v, o);
    return true;
}

static void host_neighbours(struct view *v)
{
    for (struct vt_netif *nif = vt_net_netifs(vt_host_net(v->node->host)); nif != NULL; nif = nif->next) {
        struct vt_eth *eth = vt_host_eth(v->node->host, (int)nif->index);
        v->dev = nif->name;
        if (eth != NULL)
            vt_eth_neigh_each(eth, neigh_row, v);
    }
}

json_t *vt_view_neighbours(struct vt_lab *lab, const char *host)
{
    return each_host(lab, host, host_neighbours);
}

/* ---- link, nodes, fdb ---- */

static json_t *direction_json(const struct vt_lab_link *link, unsigned end)
{
    char text[VT_IMPAIR_TEXT];
    const struct vt_cable_stats *s = vt_cable_stats(link->cable, end);
    return json_pack("{s:s,s:s,s:s,s:{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}}", "from",
                     link->end[end].node->name, "to", link->end[!end].node->name, "impair",
                     vt_impair_text(text, vt_cable_impair(link->cable, end)), "stats", "sent",
                     (json_int_t)s->sent, "delivered", (json_int_t)s->delivered, "lost", (json_int_t)s->lost,
                     "cut", (json_int_t)s->cut, "queue_full", (json_int_t)s->queue_full, "targeted",
                     (json_int_t)s->targeted, "duplicated", (json_int_t)s->duplicated, "reordered",
                     (json_int_t)s->reordered, "corrupted", (json_int_t)s->corrupted, "corrupted_inside",
                     (json_int_t)s->corrupted_inside, "fcs_errors", (json_int_t)s->fcs_errors);
}

json_t *vt_view_links(struct vt_lab *lab)
{
    json_t *rows = json_array();
    for (uint32_t i = 0; i < lab->nlinks; i++) {
        const struct vt_lab_link *link = lab->link[i];
        json_array_append_new(rows,
                              json_pack("{s:I,s:s,s:I,s:o,s:o}", "number", (json_int_t)link->number, "name",
                                        link->name, "mtu", (json_int_t)vt_cable_end(link->cable, 0)->mtu,
                                        "forth", direction_json(link, 0), "back", direction_json(link, 1)));
    }
    return rows;
}

json_t *vt_view_nodes(struct vt_lab *lab)
{
    static const char *const kinds[] = {"host", "router", "switch"};
    json_t *rows = json_array();
    for (uint32_t i = 0; i < lab->nnodes; i++)
        json_array_append_new(rows, json_pack("{s:I,s:s,s:s}", "number", (json_int_t)lab->node[i]->number,
                                              "name", lab->node[i]->name, "kind", kinds[lab->node[i]->kind]));
    return rows;
}

static bool fdb_row(void *ctx, const struct vt_fdb_row *row)
{
    struct view *v = ctx;
    char mac[VT_MAC_TEXT];
    const struct vt_port *port = vt_switch_port(v->node->sw, row->port);
    vt_time now = v->node->lab->core.now;
    add_row(v, json_pack("{s:s,s:s,s:I}", "mac", vt_mac_text(mac, row->mac), "port",
                         port != NULL ? port->name : "?", "age_s",
                         (json_int_t)((now - row->seen) / (vt_time)VT_SEC)));
    return true;
}

json_t *vt_view_fdb(struct vt_lab *lab)
{
    struct view v = {.rows = json_array()};
    for (uint32_t i = 0; i < lab->nnodes; i++) {
        v.node = lab->node[i];
        if (v.node->sw != NULL)
            vt_switch_fdb_each(v.node->sw, fdb_row, &v);
    }
    return v.rows;
}

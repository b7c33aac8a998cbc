/* Connections: whose packet is it, and how do the script's numbers translate. */
#include "run.h"
#include "network/network.h"
#include "transport/tcp_wire.h"

#define FIRST_PEER_PORT 40001

/* ---- Which connection ---- */

static void give_peer(struct drill_run *r, struct drill_conn *c)
{
    c->live.src = r->options->remote;
    c->live.sport = (uint16_t)(FIRST_PEER_PORT + r->next_port++ % 20000);
    c->live.dst = r->options->local;
    c->live.dport = r->options->bind_port;
}

struct drill_conn *drill_conn_new(struct drill_run *r)
{
    struct drill_conn *c = drill_alloc(r->arena, sizeof *c);

    c->script_fd = -1;
    c->protocol = VT_PROTO_TCP;
    c->type = VT_SOCK_STREAM;
    c->next = r->conns;
    r->conns = c;
    return c;
}

/* A packet for a listener, or for nobody, begins a connection. */
static struct drill_conn *passive(struct drill_run *r, const struct drill_packet *k)
{
    struct drill_conn *c = drill_conn_new(r);

    r->under_test = c;
    c->state = DRILL_CONN_SYN_CAME;
    c->protocol = k->protocol;
    give_peer(r, c);
    if (k->protocol == VT_PROTO_ICMP)
        c->live.sport = c->live.dport = 0;
    if (k->protocol == VT_PROTO_TCP)
        c->live_peer_isn = k->seq;
    return c;
}

static bool speaks(const struct drill_conn *c, const struct drill_packet *k)
{
    return c->protocol == k->protocol || k->protocol == VT_PROTO_ICMP;
}

struct drill_conn *drill_conn_for_line(struct drill_run *r, const struct drill_packet *k)
{
    struct drill_conn *c = r->under_test;
    const uint16_t syn = k->flags & (VT_SYN | VT_ACK);

    if (k->inbound && (c == NULL || (k->protocol == VT_PROTO_TCP && c->state == DRILL_CONN_LISTENING)))
        return passive(r, k);
    if (c == NULL) {
        drill_fail(r->error, r->event->place, "no socket has been opened that could send this packet");
        return NULL;
    }
    if (!k->inbound && k->protocol == VT_PROTO_TCP && syn == VT_SYN && c->state == DRILL_CONN_CONNECTING) {
        c->state = DRILL_CONN_SYN_SENT;
        c->script_isn = k->seq;
        return c;
    }
    if (speaks(c, k) || k->sport != 0 || k->dport != 0)
        return c;
    drill_fail(r->error, r->event->place, "this packet is of another protocol than the socket opened last");
    return NULL;
}

static bool same_ports(const struct drill_packet *k, const struct drill_live *live)
{
    return (k->sport == 0 || k->sport == live->tuple.sport) &&
           (k->dport == 0 || k->dport == live->tuple.dport);
}

/* The host's answer to a connect(), or a datagram: only now it is known from where. */
static bool first_sent(struct drill_conn *c, const struct drill_live *live)
{
    const struct drill_packet *k = &live->k;
    bool syn = (k->flags & (VT_SYN | VT_ACK)) == VT_SYN;

    if (!vt_ip_eq(live->tuple.dst, c->live.src) || k->protocol != c->protocol)
        return false;
    if (k->protocol == VT_PROTO_TCP && (!syn || c->state != DRILL_CONN_SYN_SENT))
        return false;
    if (k->protocol != VT_PROTO_TCP && c->state != DRILL_CONN_CONNECTING)
        return false;
    if (k->protocol != VT_PROTO_ICMP && live->tuple.dport != c->live.sport)
        return false;
    c->live.dst = live->tuple.src;
    c->live.dport = live->tuple.sport;
    if (k->protocol == VT_PROTO_TCP)
        c->live_isn = k->seq;
    return true;
}

bool drill_conn_sent(struct drill_run *r, struct drill_conn *c, const struct drill_packet *k,
                     const struct drill_live *live)
{
    const struct drill_tuple out = {c->live.dst, c->live.src, c->live.dport, c->live.sport};

    if (live->k.protocol == VT_PROTO_ICMP && k->protocol == VT_PROTO_ICMP && c->protocol != VT_PROTO_ICMP)
        return vt_ip_eq(live->tuple.dst, r->options->remote);
    if (k->sport != 0 || k->dport != 0)
        return live->k.protocol == k->protocol && same_ports(k, live);
    if (live->k.protocol == c->protocol && drill_tuple_eq(&live->tuple, &out))
        return true;
    return first_sent(c, live);
}

/* ---- Timestamps ---- */

static struct drill_ts_pair *find_ts(const struct drill_conn *c, uint32_t script)
{
    for (unsigned i = 0; i < c->nts; i++)
        if (c->ts[i].script == script)
            return &c->ts[i];
    return NULL;
}

static void learn_ts(struct drill_run *r, struct drill_conn *c, uint32_t script, uint32_t live)
{
    struct drill_ts_pair *pair = find_ts(c, script);

    if (pair == NULL) {
        if (c->nts == c->ts_cap) {
            unsigned cap = c->ts_cap != 0 ? 2 * c->ts_cap : 16;
            struct drill_ts_pair *more = drill_alloc(r->arena, cap * sizeof *more);

            if (c->nts != 0)
                memcpy(more, c->ts, c->nts * sizeof *more);
            c->ts = more;
            c->ts_cap = cap;
        }
        pair = &c->ts[c->nts++];
        pair->script = script;
    }
    pair->live = live;
    if (!c->ts_known) {
        c->ts_known = true;
        c->first_ts = *pair;
    }
}

/* An echoed timestamp is one that the host sent before. */
static bool map_in_ecr(struct drill_run *r, struct drill_conn *c, struct drill_packet *k)
{
    uint8_t *o = drill_option_ts(k);
    struct drill_ts_pair *pair;
    uint32_t ecr;

    if (o == NULL || (k->flags & VT_ACK) == 0)
        return true;
    ecr = vt_get32(o + 6);
    pair = find_ts(c, ecr);
    if (pair != NULL) {
        vt_put32(o + 6, pair->live);
        return true;
    }
    if (!r->options->ts_ecr_scaled || !c->ts_known)
        return drill_fail(
            r->error, r->event->place,
            "ecr %u: no packet that went out before had this TS val (--tcp_ts_ecr_scaled would reckon it)",
            ecr);
    vt_put32(o + 6, ecr - c->first_ts.script + c->first_ts.live);
    return true;
}

/* ---- Numbers ---- */

static void shift_sacks(struct drill_packet *k, uint32_t by)
{
    unsigned at = 0, len;
    const uint8_t *o;

    while ((len = drill_option_next(k, &at, &o)) != 0) {
        uint8_t *b = k->options + (o - k->options);

        if (b[0] != VT_TCPOPT_SACK)
            continue;
        for (unsigned i = 2; i + 4 <= len; i += 4)
            vt_put32(b + i, vt_get32(b + i) + by);
    }
}

bool drill_map_in(struct drill_run *r, struct drill_conn *c, struct drill_packet *k)
{
    bool syn = (k->flags & VT_SYN) != 0;
    uint32_t ack_by = syn ? c->live_isn - c->script_isn : c->live_isn;

    if (k->protocol == VT_PROTO_ICMP) {
        k->quoted_seq += c->live_isn;
        if (k->quoted_any && c->protocol != VT_PROTO_TCP)
            k->quoted = c->protocol == VT_PROTO_ICMP ? 0 : c->protocol;
        if (k->quoted == 0 && k->len < 8)
            k->len = 8;
        return true;
    }
    if (k->protocol != VT_PROTO_TCP)
        return true;
    if (!syn)
        k->seq += c->live_peer_isn;
    if ((k->flags & VT_ACK) != 0)
        k->ack += ack_by;
    shift_sacks(k, ack_by);
    return map_in_ecr(r, c, k);
}

void drill_map_out(struct drill_conn *c, struct drill_packet *k)
{
    bool syn = (k->flags & VT_SYN) != 0;
    uint32_t ack_by = syn ? 0 : c->live_peer_isn;

    if (k->protocol != VT_PROTO_TCP)
        return;
    k->seq -= syn ? c->live_isn - c->script_isn : c->live_isn;
    if ((k->flags & VT_ACK) != 0)
        k->ack -= ack_by;
    shift_sacks(k, 0 - ack_by);
}

void drill_map_out_ts(struct drill_run *r, struct drill_conn *c, struct drill_packet *k,
                      const struct drill_packet *expected)
{
    struct drill_packet script = *expected;
    uint8_t *ours = drill_option_ts(k), *theirs = drill_option_ts(&script);

    if (ours == NULL || theirs == NULL)
        return;
    learn_ts(r, c, vt_get32(theirs + 2), vt_get32(ours + 2));
    vt_put32(ours + 2, c->first_ts.script + (vt_get32(ours + 2) - c->first_ts.live));
}

/* Is it the packet that the script wants? */
#include "run.h"
#include "network/network.h"
#include "transport/tcp_wire.h"

struct diff {
    struct drill_arena *arena;
    const char *fields;
};

static void differs(struct diff *d, const char *field)
{
    d->fields = d->fields == NULL ? field : drill_printf(d->arena, "%s, %s", d->fields, field);
}

static bool tos_fits(const struct drill_packet *expected, const struct drill_packet *actual)
{
    unsigned ecn = actual->tos & 3;

    switch (expected->tos_check) {
    case DRILL_TOS_ECN: return ecn == expected->tos;
    case DRILL_TOS_ECT01: return ecn == 1 || ecn == 2;
    case DRILL_TOS_BYTE: return actual->tos == expected->tos;
    default: return true;
    }
}

/* ---- Options ---- */

/* A clock of the host's, of which the script knows how fast it goes. */
static bool ts_val_fits(struct drill_run *r, uint32_t expected, uint32_t actual)
{
    vt_span tick = r->options->ts_tick, tolerance = r->options->tolerance;
    vt_span share = r->event->start / (100 * DRILL_PERCENT) * r->options->tolerance_percent;
    int64_t off = (int32_t)(actual - expected);

    if (tick == 0)
        return true;
    return (off < 0 ? -off : off) * tick <= (share > tolerance ? share : tolerance);
}

static bool option_fits(struct drill_run *r, const uint8_t *expected, const uint8_t *actual, unsigned len)
{
    if (len == 1)
        return true;
    if (expected[0] == VT_TCPOPT_TIMESTAMPS && len == 10)
        return ts_val_fits(r, vt_get32(expected + 2), vt_get32(actual + 2)) &&
               (!r->config->strict || memcmp(expected + 6, actual + 6, 4) == 0);
    return memcmp(expected, actual, len) == 0;
}

static bool options_fit(struct drill_run *r, const struct drill_packet *expected,
                        const struct drill_packet *actual)
{
    unsigned i = 0, j = 0;

    if (expected->options_any)
        return true;
    for (;;) {
        const uint8_t *e = NULL, *a = NULL;
        unsigned elen = drill_option_next(expected, &i, &e), alen = drill_option_next(actual, &j, &a);

        if (elen != alen)
            return false;
        if (elen == 0)
            return i == expected->noptions && j == actual->noptions;
        if (e[0] != a[0] || !option_fits(r, e, a, elen))
            return false;
    }
}

/* ---- Payload ---- */

static bool bytes_fit(const uint8_t *payload, uint32_t len, uint32_t offset)
{
    for (uint32_t i = 0; i < len; i++)
        if (payload[i] != drill_byte(offset + i))
            return false;
    return true;
}

/* Segments carry what the program wrote, each byte in its place. What lies outside of that (a probe may
 * repeat a byte that was acknowledged long ago, before the first) is not judged. */
static bool stream_fits(const struct drill_conn *c, const struct drill_packet *k, const uint8_t *payload)
{
    uint32_t offset = (k->flags & VT_SYN) != 0 ? 0 : k->seq - 1;

    if (c->unsure || offset >= c->written || c->written - offset < k->len)
        return true;
    return bytes_fit(payload, k->len, offset);
}

/* ---- All ---- */

static void match_tcp(struct drill_run *r, struct drill_conn *c, struct diff *d, const struct drill_packet *e,
                      const struct drill_packet *a, const uint8_t *payload)
{
    if (e->flags != a->flags)
        differs(d, "flags");
    if (e->seq != a->seq)
        differs(d, "seq");
    if (e->len != a->len)
        differs(d, "length");
    if (e->ack != a->ack)
        differs(d, "ack");
    if (!e->win_any && e->win != a->win)
        differs(d, "win");
    if (e->urg != a->urg)
        differs(d, "urg");
    if (!options_fit(r, e, a))
        differs(d, "options");
    if (d->fields == NULL && !stream_fits(c, a, payload))
        differs(d, "bytes of data");
}

static void match_icmp(struct drill_run *r, struct diff *d, const struct drill_packet *e,
                       const struct drill_packet *a)
{
    if (e->type != a->type)
        differs(d, "ICMP type");
    else if (e->code != a->code)
        differs(d, "ICMP code");
    if (e->mtu >= 0 && e->mtu != a->mtu)
        differs(d, "mtu");
    if (e->quoted == 0 && e->len != a->len)
        differs(d, "length");
    if (r->config->strict && e->id != 0 && e->id != a->id)
        differs(d, "id");
}

const char *drill_match(struct drill_run *r, struct drill_conn *c, const struct drill_packet *e,
                        const struct drill_packet *a, const uint8_t *payload)
{
    struct diff d = {r->arena, NULL};

    if (e->protocol != a->protocol) {
        differs(&d, "protocol");
        return d.fields;
    }
    if (!tos_fits(e, a))
        differs(&d, e->tos_check == DRILL_TOS_BYTE ? "tos" : "ecn");
    if (e->ttl != 0 && e->ttl != a->ttl)
        differs(&d, "ttl");
    switch (e->protocol) {
    case VT_PROTO_TCP: match_tcp(r, c, &d, e, a, payload); break;
    case VT_PROTO_ICMP: match_icmp(r, &d, e, a); break;
    default:
        if (e->len != a->len)
            differs(&d, "length");
        else if (!bytes_fit(payload, a->len, 0))
            differs(&d, "bytes of data");
        break;
    }
    return d.fields;
}

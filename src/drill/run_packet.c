/* Packets: those that come in are made live and put before the host; those that must go out are waited for.
 */
#include "run.h"
#include "network/network.h"

#define PATIENCE  (2 * VT_SEC) /* how long a packet may be late before it is missed */
#define ANY_LIMIT (400 * 86400 * VT_SEC)
#define WAITS     10000000u /* polls in vain */

/* ---- Coming in ---- */

static void fill(uint8_t *bytes, uint32_t len, uint32_t offset)
{
    for (uint32_t i = 0; i < len; i++)
        bytes[i] = drill_byte(offset + i);
}

/* What this packet makes of its connection. */
static void learn_from_line(struct drill_conn *c, const struct drill_packet *k)
{
    const uint16_t flags = k->flags & (VT_SYN | VT_ACK | VT_RST);

    if (k->protocol == VT_PROTO_TCP && flags == VT_SYN && k->seq != c->live_peer_isn &&
        (c->state == DRILL_CONN_SYNACK_SENT || c->state == DRILL_CONN_SYNACK_ACKED)) {
        c->syn_anew = true;
        c->anew_isn = k->seq;
    }
    if (k->protocol == VT_PROTO_TCP && (k->flags & VT_ACK) != 0) {
        if (c->state == DRILL_CONN_SYNACK_SENT)
            c->state = DRILL_CONN_SYNACK_ACKED;
        else if (c->state == DRILL_CONN_SYN_SENT && (k->flags & VT_SYN) != 0) {
            c->state = DRILL_CONN_SYN_ACKED;
            c->live_peer_isn = k->seq;
        }
    }
    if ((k->flags & VT_URG) != 0)
        c->unsure = true;
}

/* A datagram may come to a socket that has sent none: then from the usual peer. */
static void complete_tuple(struct drill_run *r, struct drill_conn *c)
{
    if (vt_ip_is_any(c->live.src)) {
        c->live.src = r->options->remote;
        c->live.sport = r->options->connect_port;
    }
    if (vt_ip_is_any(c->live.dst)) {
        c->live.dst = r->options->local;
        c->live.dport = r->options->bind_port;
    }
}

static bool inject(struct drill_run *r, struct drill_conn *c, const struct drill_packet *k)
{
    struct drill_tuple t = c->live;
    struct drill_packet live = *k;
    uint8_t *payload = drill_alloc(r->arena, k->len + 8);
    size_t len;

    if (k->sport != 0)
        t.sport = k->sport;
    if (k->dport != 0)
        t.dport = k->dport;
    if (k->protocol == VT_PROTO_TCP)
        fill(payload, k->len, (k->flags & VT_SYN) != 0 ? 0 : k->seq - 1);
    else
        fill(payload, k->len, 0);
    if (!drill_map_in(r, c, &live))
        return false;
    drill_tell(r, "%s", drill_wire_text(r->arena, k, NULL));
    len = drill_wire_write(&live, &t, payload, r->scratch);
    if (len == 0)
        return drill_fail(r->error, r->event->place, "this packet is longer than IP can carry");
    if (!drill_device_inject(&r->device, r->host, r->scratch, len, r->options->mss))
        return drill_fail(r->error, r->event->place, "no memory for the packet");
    return drill_step(r);
}

static bool come_in(struct drill_run *r, struct drill_conn *c, const struct drill_packet *k)
{
    if (!drill_advance(r, r->start + (vt_time)r->event->start) ||
        !drill_check_time(r, r->event, false, r->now, "inbound packet"))
        return false;
    learn_from_line(c, k);
    complete_tuple(r, c);
    return inject(r, c, k);
}

/* ---- Going out ---- */

static bool explain(struct drill_run *r, const struct drill_packet *expected, vt_span at,
                    const struct drill_packet *actual, vt_time when, const char *message)
{
    struct drill_packet shown;

    if (r->error->set)
        return false;
    r->error->expected = drill_printf(r->arena, "%s %s", drill_time_text(r->arena, at),
                                      drill_wire_text(r->arena, expected, NULL));
    if (actual != NULL) {
        shown = *actual;
        shown.sport = shown.dport = 0;
        if (expected->ttl == 0)
            shown.ttl = 0;
        shown.tos_check = expected->tos_check;
        shown.tos &= expected->tos_check == DRILL_TOS_BYTE ? 0xff : 3;
        if (expected->tos_check == DRILL_TOS_ECT01)
            shown.tos_check = DRILL_TOS_ECN;
        r->error->actual = drill_printf(r->arena, "%s %s",
                                        drill_time_text(r->arena, drill_script_time(r, when)),
                                        drill_wire_text(r->arena, &shown, NULL));
    }
    return drill_fail(r->error, r->event->place, "%s", message);
}

static void stray(struct drill_run *r, const struct drill_live *live)
{
    drill_tell(r, "%s (of no connection under test)", drill_wire_text(r->arena, &live->k, &live->tuple));
    if (r->stray == NULL)
        r->stray = live;
}

/* The next packet of this connection, waiting for it until `limit`: NULL when none came. False when the
 * script fails meanwhile. */
static bool await(struct drill_run *r, struct drill_conn *c, const struct drill_packet *k, vt_time limit,
                  struct drill_live **live)
{
    bool moved = true;

    for (unsigned n = 0;; n++) {
        if (n == WAITS)
            return drill_fail(r->error, r->event->place, "the host is busy without end, and does not send");
        while ((*live = drill_device_take(&r->device)) != NULL) {
            if (drill_conn_sent(r, c, k, *live))
                return true;
            stray(r, *live);
        }
        if (!moved)
            return true;
        if (!drill_advance_once(r, limit, &moved))
            return false;
    }
}

static vt_time limit_of(const struct drill_run *r)
{
    const struct drill_event *e = r->event;
    vt_span last = e->end > e->start ? e->end : e->start;
    vt_time at = r->start + (vt_time)last;

    if (e->time_kind == DRILL_ANY_TIME)
        return vt_time_add(r->now, ANY_LIMIT);
    return vt_time_add(at > r->now ? at : r->now, PATIENCE);
}

/* Another segment of what the script tells as one: it must go on where the last one ended. */
static bool joins(const struct drill_packet *sum, const struct drill_packet *next)
{
    const uint16_t loose = VT_PSH | VT_FIN | VT_CWR;

    return next->seq == sum->seq + sum->len && next->ack == sum->ack && next->noptions == sum->noptions &&
           ((next->flags ^ sum->flags) & (uint16_t)~loose) == 0;
}

/* As one: the first one's number and CWR, the last one's everything else. */
static void join(struct drill_run *r, struct drill_packet *sum, const uint8_t **payload,
                 const struct drill_packet *next, const uint8_t *more)
{
    uint8_t *bytes = drill_alloc(r->arena, sum->len + next->len + 1);
    struct drill_packet first = *sum;

    memcpy(bytes, *payload, sum->len);
    memcpy(bytes + sum->len, more, next->len);
    *payload = bytes;
    *sum = *next;
    sum->seq = first.seq;
    sum->len = first.len + next->len;
    sum->flags = (uint16_t)((next->flags & ~VT_CWR) | (first.flags & VT_CWR));
}

static void learn_from_sent(struct drill_conn *c, const struct drill_packet *expected,
                            const struct drill_packet *k)
{
    const uint16_t synack = VT_SYN | VT_ACK;

    if ((expected->flags & synack) != synack || k->protocol != VT_PROTO_TCP)
        return;
    if (c->syn_anew && (k->flags & synack) == synack && k->ack == c->anew_isn + 1) {
        c->syn_anew = false;
        c->live_peer_isn = c->anew_isn;
        c->written = c->read = 0;
    } else if (c->state != DRILL_CONN_SYN_CAME)
        return;
    c->state = DRILL_CONN_SYNACK_SENT;
    c->script_isn = expected->seq;
    c->live_isn = k->seq;
}

static void tell_sent(struct drill_run *r, const struct drill_live *live)
{
    struct drill_packet shown = live->k;

    shown.ttl = 0;
    drill_tell(r, "%s", drill_wire_text(r->arena, &shown, NULL));
}

/* Gathers what the script tells as one packet: TCP may cut it as it likes, unless --strict_segments. */
static bool gather(struct drill_run *r, struct drill_conn *c, const struct drill_packet *k,
                   struct drill_packet *sum, const uint8_t **payload, vt_time *at)
{
    struct drill_live *live;
    unsigned n = 0;

    do {
        if (!await(r, c, k, limit_of(r), &live))
            return false;
        if (live == NULL)
            return explain(r, k, r->event->start, n != 0 ? sum : NULL, *at,
                           n != 0 ? "no more of this packet was sent" : "this packet was not sent");
        if (live->bad != NULL)
            return explain(r, k, r->event->start, &live->k, live->at,
                           drill_printf(r->arena, "what was sent is no good: %s", live->bad));
        learn_from_sent(c, k, &live->k);
        drill_map_out(c, &live->k);
        tell_sent(r, live);
        if (n++ == 0) {
            *sum = live->k;
            *payload = live->payload;
        } else if (joins(sum, &live->k)) {
            join(r, sum, payload, &live->k, live->payload);
        } else {
            return explain(
                r, k, r->event->start, &live->k, live->at,
                drill_printf(r->arena, "after %u of %u bytes another packet came", sum->len, k->len));
        }
        *at = live->at;
    } while (k->protocol == VT_PROTO_TCP && sum->protocol == VT_PROTO_TCP && sum->len != 0 &&
             sum->len < k->len && !r->options->strict_segments);
    return true;
}

static bool go_out(struct drill_run *r, struct drill_conn *c, const struct drill_packet *k)
{
    struct drill_packet actual = {0};
    const uint8_t *payload = NULL;
    const char *fields;
    vt_time at = r->now;

    if (!gather(r, c, k, &actual, &payload, &at))
        return false;
    drill_map_out_ts(r, c, &actual, k);
    fields = drill_match(r, c, k, &actual, payload);
    if (fields != NULL)
        return explain(r, k, r->event->start, &actual, at,
                       drill_printf(r->arena, "another packet was sent than the script says: %s differ%s",
                                    fields, strchr(fields, ',') != NULL ? "" : "s"));
    if (drill_check_time(r, r->event, false, at, "outbound packet"))
        return true;
    r->error->expected = drill_printf(r->arena, "%s %s", drill_time_text(r->arena, r->event->start),
                                      drill_wire_text(r->arena, k, NULL));
    r->error->actual = drill_printf(r->arena, "%s %s", drill_time_text(r->arena, drill_script_time(r, at)),
                                    drill_wire_text(r->arena, k, NULL));
    return false;
}

bool drill_run_packet(struct drill_run *r)
{
    const struct drill_packet *k = r->event->packet;
    struct drill_conn *c = drill_conn_for_line(r, k);

    if (c == NULL)
        return false;
    if (k->inbound)
        return come_in(r, c, k);
    if (go_out(r, c, k))
        return true;
    if (!r->options->non_fatal_packet || r->error->skip)
        return false;
    drill_tell(r, "let pass (--non_fatal): %s", r->error->message);
    *r->error = (struct drill_error){.arena = r->arena, .file = r->error->file};
    return true;
}

bool drill_check_leftovers(struct drill_run *r)
{
    const struct drill_live *live = r->stray != NULL ? r->stray : r->device.first;
    const struct drill_tuple *t;

    if (live == NULL)
        return true;
    t = &live->tuple;
    r->error->actual = drill_printf(r->arena, "%s %s",
                                    drill_time_text(r->arena, drill_script_time(r, live->at)),
                                    drill_wire_text(r->arena, &live->k, t));
    return drill_fail(r->error, (struct drill_place){0},
                      "a packet was sent that the script does not tell of");
}

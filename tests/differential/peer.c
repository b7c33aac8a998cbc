/* The peer and the program: what a sequence's steps do, and what comes back. */
#include "differential.h"

#include <stdio.h>
#include <string.h>

uint8_t stream_byte(bool peers, uint32_t at)
{
    return (uint8_t)((at * 2654435761u + (peers ? 77u : 0u)) >> 24);
}

/* The peer's clock of timestamps: a function of the step, so that both stacks see the same. */
static uint32_t clock_of(const struct conn *c)
{
    return 100000 + c->now_step * 10;
}

void peer_begin(struct conn *c, const struct sequence *q, const struct stack *stack, unsigned index)
{
    void *host = c->host;
    memset(c, 0, sizeof *c);
    c->host = host;
    c->q = q;
    c->stack = stack;
    c->our_ip = 10u << 24 | 1;
    c->peer_ip = 10u << 24 | 77u << 16 | (index + 256);
    c->our_port = (uint16_t)(10000 + index);
    c->peer_port = (uint16_t)(20000 + q->seed % 20000);
    c->iss = (uint32_t)(q->seed * 2654435761u) ^ 0x5bd1e995u;
    c->nxt = c->last = 0;
    c->fd = c->listener = -1;
    if (q->opening == OPEN_PASSIVE)
        c->listener = stack->listen(c);
}

static struct reply *note(struct conn *c, uint64_t now)
{
    struct reply *r = &c->reply[c->replies < REPLIES_MAX - 1 ? c->replies++ : REPLIES_MAX - 1];
    *r = (struct reply){.step = c->now_step, .at = now - c->began};
    return r;
}

static void note_call(struct conn *c, long result, uint64_t now)
{
    struct reply *r = note(c, now);
    r->is_call = true;
    r->result = result;
}

/* ---- The peer's segments ---- */

static uint32_t number_of(const struct conn *c, const struct step *s)
{
    switch (s->seq) {
    case SEQ_NXT: return c->nxt + (uint32_t)s->seq_off;
    case SEQ_START: return (uint32_t)s->seq_off;
    case SEQ_LAST: return c->last + (uint32_t)s->seq_off;
    default: return (uint32_t)s->seq_off - c->iss;
    }
}

static uint32_t ack_of(const struct conn *c, const struct step *s)
{
    switch (s->ack) {
    case ACK_ALL: return c->seen + (uint32_t)s->ack_off;
    case ACK_KEPT: return c->kept + (uint32_t)s->ack_off;
    case ACK_HALF: return c->kept + (c->seen - c->kept) / 2 + (uint32_t)s->ack_off;
    default: return (uint32_t)s->ack_off;
    }
}

static void put32(uint8_t *b, uint32_t v)
{
    b[0] = (uint8_t)(v >> 24);
    b[1] = (uint8_t)(v >> 16);
    b[2] = (uint8_t)(v >> 8);
    b[3] = (uint8_t)v;
}

static void put_options(const struct conn *c, const struct step *s, struct segment *g, uint32_t ack)
{
    bool syn = (s->flags & F_SYN) != 0 && s->nopts != 0;
    memcpy(g->opts, s->opts, s->nopts);
    g->nopts = s->nopts;
    if (syn || (c->ts_agreed && !s->no_ts && g->nopts + 12 <= 40)) {
        for (unsigned i = 0; syn && i + 10 <= g->nopts; i++)
            if (g->opts[i] == 8 && g->opts[i + 1] == 10) { /* a SYN's options are given, but for the clock */
                put32(g->opts + i + 2, clock_of(c));
                put32(g->opts + i + 6, (s->flags & F_ACK) != 0 ? c->ts_recent : 0);
                break;
            }
        if (!syn) {
            uint8_t *o = g->opts + g->nopts;
            o[0] = o[1] = 1;
            o[2] = 8;
            o[3] = 10;
            put32(o + 4, s->old_ts ? clock_of(c) - 50000 : clock_of(c));
            put32(o + 8, c->ts_recent);
            g->nopts += 12;
        }
    }
    if (s->sack && c->sack_agreed && c->half - ack - 1 < c->seen - ack - 1 && g->nopts + 12 <= 40) {
        uint8_t *o = g->opts + g->nopts;
        o[0] = o[1] = 1;
        o[2] = 5;
        o[3] = 10;
        put32(o + 4, c->irs + c->half);
        put32(o + 8, c->irs + c->seen);
        g->nopts += 12;
    }
}

static void send_segment(struct conn *c, const struct step *s)
{
    uint8_t frame[FRAME_MAX], data[2048];
    uint32_t number = number_of(c, s), ack = ack_of(c, s);
    uint32_t len = s->len < sizeof data ? s->len : (uint32_t)sizeof data;
    struct segment g = {.src = c->peer_ip,
                        .dst = c->our_ip,
                        .sport = c->peer_port,
                        .dport = c->our_port,
                        .seq = c->iss + number,
                        .ack = (s->flags & F_ACK) != 0 ? c->irs + ack : 0,
                        .flags = s->flags,
                        .wnd = s->wnd,
                        .urgent = s->urgent,
                        .len = len,
                        .data = data,
                        .bad = s->bad_sum};
    uint32_t first = number + ((s->flags & F_SYN) != 0 ? 1 : 0);
    for (uint32_t i = 0; i < len; i++)
        data[i] = stream_byte(true, first + i);
    put_options(c, s, &g, ack);
    if (s->advance) {
        c->last = number;
        c->nxt = number + len + ((s->flags & F_SYN) != 0) + ((s->flags & F_FIN) != 0);
        c->last_len = len;
    }
    if (s->kind == STEP_LOST)
        return;
    if ((s->flags & F_ACK) != 0 && s->ack_off == 0 && s->ack != ACK_START)
        c->kept = ack;
    c->stack->inject(c, frame, wire_build(frame, &g));
}

/* ---- The program ---- */

static void do_recv(struct conn *c, uint32_t most, uint64_t now)
{
    uint8_t buf[8192];
    long n = c->stack->recv(c, buf, most < sizeof buf ? most : sizeof buf);
    struct reply *r;
    note_call(c, n, now);
    r = &c->reply[c->replies - 1];
    for (long i = 0; i < n; i++)
        r->wrong_bytes |= buf[i] != stream_byte(true, 1 + c->read + (uint32_t)i);
    if (n > 0)
        c->read += (uint32_t)n;
}

static void do_send(struct conn *c, uint32_t len, uint64_t now)
{
    uint8_t buf[8192];
    if (len > sizeof buf)
        len = sizeof buf;
    for (uint32_t i = 0; i < len; i++)
        buf[i] = stream_byte(false, 1 + c->written + i);
    long n = c->stack->send(c, buf, len);
    if (n > 0)
        c->written += (uint32_t)n;
    note_call(c, n, now);
}

void peer_step(struct conn *c, unsigned step, uint64_t now)
{
    const struct step *s = &c->q->step[step];
    c->now_step = step;
    c->when[step] = now - c->began;
    switch (s->kind) {
    case STEP_WAIT: return;
    case STEP_SEGMENT:
    case STEP_LOST: send_segment(c, s); return;
    case STEP_CONNECT: note_call(c, c->stack->connect(c), now); return;
    case STEP_ACCEPT:
        if (c->listener < 0 || c->fd >= 0)
            return;
        c->fd = c->stack->accept(c);
        note_call(c, c->fd >= 0 ? 0 : c->fd, now);
        return;
    default: break;
    }
    if (c->fd < 0)
        return;
    switch (s->kind) {
    case STEP_SEND: do_send(c, s->len, now); return;
    case STEP_RECV: do_recv(c, s->len, now); return;
    case STEP_SHUTDOWN: note_call(c, c->stack->shutdown(c), now); return;
    default: note_call(c, c->stack->close(c, c->fd, s->kind == STEP_ABORT), now); c->fd = -1;
    }
}

void peer_end(struct conn *c)
{
    if (c->fd >= 0)
        c->stack->close(c, c->fd, true);
    if (c->listener >= 0)
        c->stack->close(c, c->listener, false);
    c->fd = c->listener = -1;
}

/* ---- What comes back ---- */

static void learn(struct conn *c, const struct segment *s)
{
    if ((s->flags & (F_SYN | F_RST)) == F_SYN && (!c->irs_known || s->seq != c->irs)) {
        c->irs = s->seq; /* of a new connection, when there was one */
        c->irs_known = true;
        c->seen = c->kept = 0;
        c->ts_agreed = c->sack_agreed = false;
        c->stack_shift = 0;
    }
    if ((s->flags & F_SYN) != 0) {
        c->ts_agreed = c->q->ts && wire_option(s, 8) != 0;
        c->sack_agreed = c->q->sack && wire_option(s, 4) != 0;
        uint32_t shift = wire_option(s, 3);
        c->stack_shift = (uint8_t)(c->q->shift != 255 && shift != 0 ? shift - 1 : 0);
    }
    if (wire_option(s, 8) != 0)
        c->ts_recent = wire_option(s, 8);
    uint32_t end = s->seq - c->irs + s->len + ((s->flags & F_SYN) != 0) + ((s->flags & F_FIN) != 0);
    if ((s->flags & F_RST) == 0 && c->irs_known && (int32_t)(end - c->seen) > 0) {
        if (s->len != 0)
            c->half = s->seq - c->irs;
        c->seen = end;
    }
}

void peer_hear(struct conn *c, const uint8_t *bytes, size_t len, uint64_t now)
{
    struct segment s;
    if (!wire_parse(&s, bytes, len))
        return;
    if (c->q->opening == OPEN_ACTIVE && s.dport == c->peer_port)
        c->our_port = s.sport;
    if (s.dport != c->peer_port || s.sport != c->our_port)
        return;
    learn(c, &s);
    struct reply *r = note(c, now);
    r->flags = s.flags;
    /* RFC 9293 3.10.7.1: a RST of nobody has number 0, which counts from nowhere. */
    r->seq = s.seq == 0 && (s.flags & F_RST) != 0 ? 0 : s.seq - c->irs;
    r->ack = (s.flags & F_ACK) != 0 ? s.ack - c->iss : 0;
    r->len = s.len;
    r->urgent = (s.flags & F_URG) != 0 ? s.urgent : 0;
    r->wrong_sum = s.bad;
    uint32_t bytes_open = (s.flags & F_SYN) != 0 ? s.wnd : (uint32_t)s.wnd << c->stack_shift;
    r->wnd = bytes_open;
    r->window = (s.flags & F_RST) != 0 || bytes_open == 0 ? WINDOW_SHUT
                : bytes_open < 536                        ? WINDOW_SMALL
                                                          : WINDOW_OPEN;
    for (uint32_t i = 0; i < s.len; i++)
        r->wrong_bytes |= s.data[i] != stream_byte(false, r->seq + i);
    wire_options(r->opts, sizeof r->opts, &s, c->iss);
}

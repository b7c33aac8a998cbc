/* The steps of a conversation, from a seed: an opening, a middle of good and bad weather, an end, and what
 * comes after it. */
#include "differential.h"

#include <stdio.h>
#include <string.h>

struct maker {
    struct sequence *q;
    uint64_t state;
    uint32_t mss; /* of the peer's payloads */
    bool fin;     /* the peer has sent his */
};

static uint64_t random64(struct maker *m)
{
    uint64_t z = m->state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint32_t below(struct maker *m, uint32_t n)
{
    return (uint32_t)(random64(m) >> 32) % n;
}

static bool chance(struct maker *m, uint32_t percent)
{
    return below(m, 100) < percent;
}

static struct step *put(struct maker *m, enum step_kind kind, const char *name)
{
    static struct step none;
    if (m->q->steps >= STEPS_MAX - 1)
        return &none;
    struct step *s = &m->q->step[m->q->steps++];
    *s = (struct step){.kind = kind, .wnd = 20000};
    snprintf(s->name, sizeof s->name, "%s", name);
    return s;
}

static struct step *segment(struct maker *m, const char *name, uint8_t flags, uint32_t len)
{
    struct step *s = put(m, STEP_SEGMENT, name);
    s->flags = flags;
    s->len = len;
    return s;
}

static struct step *call(struct maker *m, enum step_kind kind, const char *name, uint32_t len)
{
    struct step *s = put(m, kind, name);
    s->len = len;
    return s;
}

static void wait(struct maker *m, unsigned steps)
{
    for (unsigned i = 0; i < steps; i++)
        put(m, STEP_WAIT, "wait");
}

/* ---- SYNs ---- */

static void option(struct step *s, uint8_t kind, uint8_t len, uint32_t value)
{
    if (s->nopts + len > 40)
        return;
    uint8_t *o = s->opts + s->nopts;
    o[0] = kind;
    if (len > 1)
        o[1] = len;
    for (uint8_t i = 2; i < len; i++)
        o[i] = (uint8_t)(len - 1 - i < 4 ? value >> (8 * (len - 1 - i)) : 0);
    s->nopts += len;
}

static void odd_options(struct maker *m, struct step *s)
{
    switch (below(m, 6)) {
    case 0: option(s, 254, 6, 0xaabbccdd); break; /* unknown, to be skipped */
    case 1: option(s, 76, 2, 0); break;
    case 2: option(s, 1, 1, 0); break;
    case 3: /* the end of the list, and an MSS behind it that is none */
        option(s, 0, 1, 0);
        option(s, 2, 4, 100);
        break;
    case 4: /* an MSS of a wrong length */ option(s, 2, 3, 7); break;
    default: /* a length beyond the header */ option(s, 253, 2, 0); s->opts[s->nopts - 1] = 40;
    }
}

static void syn_options(struct maker *m, struct step *s)
{
    static const uint16_t sizes[] = {1460, 1460, 1460, 1000, 536, 1400, 9000, 200};
    struct sequence *q = m->q;
    m->mss = 1460;
    q->ts = chance(m, 50);
    q->sack = chance(m, 60);
    q->shift = 255;
    bool odd_first = chance(m, 6);
    if (odd_first)
        odd_options(m, s);
    bool dead = odd_first && s->nopts >= 2 && (s->opts[s->nopts - 1] == 40 || s->opts[0] == 0);
    if (chance(m, 90))
        option(s, 2, 4, sizes[below(m, sizeof sizes / sizeof *sizes)]);
    if (q->sack)
        option(s, 4, 2, 0);
    if (q->ts)
        option(s, 8, 10, 0);
    if (chance(m, 60)) {
        uint8_t shift = (uint8_t)(chance(m, 10) ? 15 : below(m, 9));
        option(s, 3, 3, shift);
        q->shift = shift > 14 ? 14 : shift;
    }
    if (!odd_first && chance(m, 6))
        odd_options(m, s);
    if (s->nopts == 0)
        option(s, 1, 1, 0);
    if (dead) { /* nobody reads what is behind */
        q->ts = q->sack = false;
        q->shift = 255;
    }
}

static struct step *syn(struct maker *m, uint8_t flags)
{
    struct step *s = segment(m, "syn", flags, 0);
    s->seq = SEQ_START;
    s->advance = true;
    s->wnd = 65535;
    syn_options(m, s);
    return s;
}

/* ---- Bad weather ---- */

static void odd_numbers(struct maker *m, struct step *s)
{
    static const int32_t offsets[] = {-1, 1, 100, 3000, 20000, -3000, 80000, 0x40000000, -0x40000000};
    s->seq_off = offsets[below(m, sizeof offsets / sizeof *offsets)];
}

static void odd_ack(struct maker *m, struct step *s)
{
    static const int32_t offsets[] = {1, 100, -1, 70000, -70000, -200, 0x40000000, -0x40000000};
    s->ack_off = offsets[below(m, sizeof offsets / sizeof *offsets)];
}

/* A segment that belongs nowhere; for any state. */
static void odd_segment(struct maker *m)
{
    static const uint8_t kinds[] = {F_RST,
                                    F_RST | F_ACK,
                                    F_SYN,
                                    F_SYN | F_ACK,
                                    F_ACK,
                                    F_ACK | F_PSH,
                                    F_FIN,
                                    F_FIN | F_ACK,
                                    0,
                                    F_PSH,
                                    F_URG,
                                    F_FIN | F_SYN | F_RST | F_PSH | F_ACK | F_URG,
                                    F_SYN | F_FIN,
                                    F_SYN | F_RST,
                                    F_URG | F_ACK,
                                    F_FIN | F_PSH | F_URG,
                                    F_ACK | F_ECE,
                                    F_ACK | F_CWR};
    uint8_t flags = kinds[below(m, sizeof kinds)];
    if (chance(m, 40)) /* those that do most */
        flags = kinds[below(m, 5)];
    struct step *s = segment(m, "odd", flags, chance(m, 30) ? 1 + below(m, 600) : 0);
    if (chance(m, (flags & F_RST) != 0 ? 85 : 50)) /* the exact RST ends it all */
        odd_numbers(m, s);
    if (chance(m, 30))
        odd_ack(m, s);
    if ((flags & F_URG) != 0)
        s->urgent = (uint16_t)below(m, 3);
    s->no_ts = chance(m, 10);
    s->old_ts = chance(m, 10);
    s->bad_sum = chance(m, 5);
    if (chance(m, 10))
        s->wnd = (uint16_t)below(m, 3000);
}

static struct step *data(struct maker *m, const char *name, uint32_t len)
{
    struct step *s = segment(m, name, F_ACK | (chance(m, 50) ? F_PSH : 0), len);
    s->advance = true;
    return s;
}

static uint32_t some(struct maker *m)
{
    return 1 + below(m, chance(m, 50) ? 100 : m->mss);
}

/* The peer's stream: in order, out of it, twice, overlapping, lost and sent again. */
static void peers_data(struct maker *m)
{
    uint32_t a = some(m), b = some(m);
    struct step *s;
    switch (below(m, 10)) {
    case 0: /* the second first */
        s = data(m, "lost", a);
        s->kind = STEP_LOST;
        data(m, "beyond a hole", b);
        s = segment(m, "the hole", F_ACK, a);
        s->seq_off = -(int32_t)(a + b);
        break;
    case 1: /* twice */
        data(m, "data", a);
        s = segment(m, "again", F_ACK, a);
        s->seq_off = -(int32_t)a;
        break;
    case 2: /* overlapping on both sides */
        data(m, "data", a);
        s = data(m, "overlapping", b + a / 2);
        s->seq_off = -(int32_t)(a / 2);
        break;
    case 3: /* two holes */
        s = data(m, "lost", a);
        s->kind = STEP_LOST;
        data(m, "beyond a hole", b);
        s = data(m, "lost", a);
        s->kind = STEP_LOST;
        data(m, "beyond two holes", b);
        s = segment(m, "the second hole", F_ACK, a);
        s->seq_off = -(int32_t)(a + b);
        s = segment(m, "the first hole", F_ACK, a);
        s->seq_off = -(int32_t)(2 * a + 2 * b);
        break;
    default: data(m, "data", a);
    }
}

static void programs_data(struct maker *m)
{
    call(m, STEP_SEND, "send", chance(m, 60) ? 1 + below(m, 300) : 1 + below(m, 4000));
    struct step *s;
    switch (below(m, 8)) {
    case 0: /* half of it, then all */
        s = segment(m, "half", F_ACK, 0);
        s->ack = ACK_HALF;
        segment(m, "all", F_ACK, 0);
        break;
    case 1: /* duplicates: was it lost? */
        for (unsigned i = 1 + below(m, 3); i-- != 0;) {
            s = segment(m, "duplicate", F_ACK, 0);
            s->ack = ACK_KEPT;
            s->sack = chance(m, 60);
        }
        segment(m, "all", F_ACK, 0);
        break;
    case 2: /* no answer for a while */
        wait(m, 1 + below(m, 6));
        segment(m, "late", F_ACK, 0);
        break;
    case 3: data(m, "with data", some(m)); break;
    case 4: /* the window shuts, and opens */
        segment(m, "shut", F_ACK, 0)->wnd = 0;
        call(m, STEP_SEND, "send", 1 + below(m, 1000));
        wait(m, below(m, 6));
        segment(m, "open", F_ACK, 0);
        segment(m, "all", F_ACK, 0);
        break;
    default: segment(m, "all", F_ACK, 0);
    }
}

static void middle(struct maker *m, unsigned n)
{
    while (n-- != 0) {
        switch (below(m, 17)) {
        case 0:
        case 1:
        case 2:
        case 3: peers_data(m); break;
        case 4:
        case 5:
        case 6:
        case 7:
        case 8:
        case 9: programs_data(m); break;
        case 10: call(m, STEP_RECV, "recv", chance(m, 70) ? 8192 : 1 + below(m, 500)); break;
        case 11:
        case 12: wait(m, 1); break;
        case 13: data(m, "data", some(m)); break;
        case 14: programs_data(m); break;
        default: odd_segment(m);
        }
    }
}

/* ---- The end ---- */

static void peers_fin(struct maker *m)
{
    struct step *s = segment(m, "fin", F_FIN | F_ACK, chance(m, 20) ? some(m) : 0);
    if (chance(m, 10)) { /* behind a hole */
        s->kind = STEP_LOST;
        s->flags = F_ACK;
        s->len = some(m);
        s->advance = true;
        uint32_t len = s->len;
        segment(m, "fin beyond a hole", F_FIN | F_ACK, 0)->advance = true;
        s = segment(m, "the hole", F_ACK, len);
        s->seq_off = -(int32_t)len - 1;
    } else {
        s->advance = true;
    }
    m->fin = true;
}

static void end(struct maker *m)
{
    bool ours_first = chance(m, 50);
    if (chance(m, 70))
        call(m, STEP_RECV, "recv", 8192);
    if (!ours_first)
        peers_fin(m);
    else
        call(m, chance(m, 40) ? STEP_SHUTDOWN : STEP_CLOSE, "close", 0);
    if (chance(m, 25))
        odd_segment(m);
    if (chance(m, 60))
        segment(m, "all", F_ACK, 0);
    if (ours_first)
        peers_fin(m);
    else
        call(m, chance(m, 10) ? STEP_ABORT : STEP_CLOSE, "close", 0);
    if (chance(m, 25))
        odd_segment(m);
    segment(m, "all", F_ACK, 0);
    if (chance(m, 30)) {
        struct step *s = segment(m, "fin again", F_FIN | F_ACK, 0);
        s->seq_off = -1;
    }
    for (unsigned i = below(m, 4); i-- != 0;)
        odd_segment(m);
    if (ours_first && chance(m, 50))
        call(m, STEP_CLOSE, "close", 0);
    wait(m, 1);
}

/* ---- The opening ---- */

static void open_passive(struct maker *m)
{
    if (chance(m, 15))
        odd_segment(m); /* to the listener; its numbers count from 0 */
    struct step *s = syn(m, F_SYN | (chance(m, 5) ? F_PSH : 0) | (chance(m, 3) ? F_URG : 0));
    if (chance(m, 5))
        s->len = 0;
    if (chance(m, 15)) { /* the SYN again */
        struct step again = *s;
        struct step *t = put(m, STEP_SEGMENT, "syn again");
        *t = again;
        snprintf(t->name, sizeof t->name, "syn again");
    }
    if (chance(m, 20))
        odd_segment(m);
    if (chance(m, 10)) { /* an ACK of what was never sent */
        s = segment(m, "bad third", F_ACK, 0);
        s->ack_off = chance(m, 50) ? 1 : -1;
    }
    s = segment(m, "third", F_ACK, 0);
    if (chance(m, 20)) {
        s->len = some(m);
        s->advance = true;
    }
    call(m, STEP_ACCEPT, "accept", 0);
}

static void open_active(struct maker *m)
{
    call(m, STEP_CONNECT, "connect", 0);
    if (chance(m, 15))
        odd_segment(m);
    struct step *s;
    if (chance(m, 12)) { /* both at once */
        syn(m, F_SYN);
        struct step again = m->q->step[m->q->steps - 1];
        if (chance(m, 70)) {
            s = put(m, STEP_SEGMENT, "syn,ack");
            *s = again;
            s->flags = F_SYN | F_ACK;
            snprintf(s->name, sizeof s->name, "syn,ack");
        } else {
            segment(m, "ack", F_ACK, 0);
        }
    } else {
        if (chance(m, 5)) { /* of another SYN */
            s = segment(m, "bad syn,ack", F_SYN | F_ACK, 0);
            s->seq = SEQ_START;
            s->ack_off = chance(m, 50) ? 1 : -1;
        }
        syn(m, F_SYN | F_ACK);
    }
    wait(m, below(m, 2));
}

void sequence_make(struct sequence *q, uint64_t seed)
{
    struct maker m = {.q = q, .state = seed * UINT64_C(0x2545f4914f6cdd1d) + 1, .mss = 1460};
    memset(q, 0, sizeof *q);
    q->seed = seed;
    q->shift = 255;
    uint32_t kind = below(&m, 100);
    q->opening = kind < 55 ? OPEN_PASSIVE : kind < 95 ? OPEN_ACTIVE : OPEN_NOBODY;
    if (q->opening == OPEN_NOBODY) {
        for (unsigned i = 4 + below(&m, 6); i-- != 0;)
            odd_segment(&m);
        return;
    }
    if (q->opening == OPEN_PASSIVE)
        open_passive(&m);
    else
        open_active(&m);
    middle(&m, 4 + below(&m, 10));
    end(&m);
}

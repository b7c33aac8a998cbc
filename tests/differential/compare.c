/* Lines up what came back from the two: step by step, in order. A timer's segment may fall on the other side
 * of a step's edge: then its time decides. */
#include "differential.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The kernel's ticks are 4 ms, above 256 ms its wheel turns by 32 ms and above 2 s by 256, and the machine
 * has other things to do: what a timer sends may come late by an eighth of the silence before it, and this.
 */
#define TIMER_SLACK (30 * MS)

static bool same(const struct reply *a, const struct reply *b)
{
    /* A peer who has shifted his own numbers by an odd SYN shows wrong bytes to both. */
    if (a->is_call != b->is_call || a->wrong_bytes != b->wrong_bytes || a->wrong_sum || b->wrong_sum)
        return false;
    if (a->is_call)
        return a->result == b->result;
    return a->flags == b->flags && a->seq == b->seq && a->ack == b->ack && a->len == b->len &&
           a->urgent == b->urgent && a->window == b->window && strcmp(a->opts, b->opts) == 0;
}

/* ---- In words ---- */

static void tell_reply(const char *who, const struct reply *r)
{
    static const char letters[] = "FSRP.UEW";
    static const char *const windows[] = {"shut", "small", "open"};
    if (r == NULL) {
        printf("    %-6s  nothing\n", who);
        return;
    }
    printf("    %-6s  %6.1f ms  ", who, (double)r->at / 1e6);
    if (r->is_call) {
        printf("call = %ld%s\n", r->result, r->wrong_bytes ? ", WRONG BYTES" : "");
        return;
    }
    for (int i = 0; i < 8; i++)
        if ((r->flags & 1 << i) != 0)
            putchar(letters[i]);
    printf(" %u:%u(%u)", r->seq, r->seq + r->len, r->len);
    if ((r->flags & F_ACK) != 0)
        printf(" ack %u", r->ack);
    printf(" win %u (%s) <%s>%s%s\n", r->wnd, windows[r->window], r->opts,
           r->wrong_bytes ? " WRONG BYTES" : "", r->wrong_sum ? " WRONG CHECKSUM" : "");
}

static void tell_step(const struct sequence *q, unsigned i)
{
    static const char letters[] = "FSRP.UEW";
    static const char *const seqs[] = {"nxt", "start", "last", "zero"};
    static const char *const acks[] = {"all", "kept", "half", "start"};
    const struct step *s = &q->step[i];
    printf("  %2u %s", i, s->name);
    if (s->kind == STEP_SEGMENT || s->kind == STEP_LOST) {
        printf(": ");
        for (int b = 0; b < 8; b++)
            if ((s->flags & 1 << b) != 0)
                putchar(letters[b]);
        printf(" %s%+d (%u)", seqs[s->seq], s->seq_off, s->len);
        if ((s->flags & F_ACK) != 0)
            printf(" ack %s%+d", acks[s->ack], s->ack_off);
        printf(" win %u%s%s%s%s", s->wnd, s->no_ts ? " no TS" : "", s->old_ts ? " old TS" : "",
               s->sack ? " sack" : "", s->bad_sum ? " bad checksum" : "");
        if ((s->flags & F_URG) != 0)
            printf(" urg %u", s->urgent);
        if (s->nopts != 0)
            for (unsigned b = 0; b < s->nopts; b++)
                printf("%s%02x", b == 0 ? " options " : "", s->opts[b]);
    } else if (s->len != 0) {
        printf(" %u", s->len);
    }
    putchar('\n');
}

static void tell_all(const struct conn *k, const struct conn *v)
{
    static const char *const openings[] = {"passive", "active", "nobody"};
    printf("seed %llu, %s open, ts %d, sack %d, shift %u\n", (unsigned long long)k->q->seed,
           openings[k->q->opening], k->q->ts, k->q->sack, k->q->shift);
    for (unsigned i = 0; i < k->q->steps; i++) {
        tell_step(k->q, i);
        for (unsigned r = 0; r < k->replies; r++)
            if (k->reply[r].step == i)
                tell_reply("kernel", &k->reply[r]);
        for (unsigned r = 0; r < v->replies; r++)
            if (v->reply[r].step == i)
                tell_reply("vitro", &v->reply[r]);
    }
}

/* ---- Lining up ---- */

struct mark {
    bool k[REPLIES_MAX], v[REPLIES_MAX]; /* matched */
};

/* The longest common row of the replies of one step. */
static void match_step(const struct conn *k, const struct conn *v, unsigned k0, unsigned kn, unsigned v0,
                       unsigned vn, struct mark *m)
{
    static uint16_t len[REPLIES_MAX + 1][REPLIES_MAX + 1];
    memset(len, 0, sizeof len[0] * (kn + 1));
    for (unsigned i = kn; i-- != 0;) {
        len[i][vn] = 0;
        for (unsigned j = vn; j-- != 0;) {
            uint16_t down = len[i + 1][j], right = len[i][j + 1];
            len[i][j] = same(&k->reply[k0 + i], &v->reply[v0 + j]) ? (uint16_t)(len[i + 1][j + 1] + 1)
                        : down > right                             ? down
                                                                   : right;
        }
    }
    for (unsigned i = 0, j = 0; i < kn && j < vn;) {
        if (same(&k->reply[k0 + i], &v->reply[v0 + j])) {
            m->k[k0 + i++] = m->v[v0 + j++] = true;
        } else if (len[i + 1][j] >= len[i][j + 1]) {
            i++;
        } else {
            j++;
        }
    }
}

static unsigned run_of(const struct conn *c, unsigned from, unsigned step)
{
    unsigned n = 0;
    while (from + n < c->replies && c->reply[from + n].step == step)
        n++;
    return n;
}

/* How far two timers that were started alike may be apart. */
static uint64_t slack_of(const struct conn *k, const struct reply *r)
{
    unsigned step = r->step;
    while (step != 0 && k->q->step[step].kind == STEP_WAIT)
        step--;
    return TIMER_SLACK + (r->at > k->when[step] ? (r->at - k->when[step]) / 8 : 0);
}

static void match_late(const struct conn *k, const struct conn *v, struct mark *m)
{
    for (unsigned i = 0; i < k->replies; i++)
        for (unsigned j = 0; j < v->replies && !m->k[i]; j++) {
            int64_t apart = (int64_t)(k->reply[i].at - v->reply[j].at);
            if (m->v[j] || k->reply[i].is_call ||
                (apart < 0 ? -apart : apart) > (int64_t)slack_of(k, &k->reply[i]))
                continue;
            if (same(&k->reply[i], &v->reply[j]))
                m->k[i] = m->v[j] = true;
        }
}

static const struct class *class_of(const struct difference *d)
{
    for (unsigned i = 0; i < class_count; i++)
        if (classes[i].is(d))
            return &classes[i];
    return NULL;
}

/* Judges the differences of one step. False when the two went apart for good. */
static bool judge(struct difference *d, const struct mark *m, unsigned k0, unsigned kn, unsigned v0,
                  unsigned vn, struct tally *t, bool *fine, enum telling telling)
{
    for (unsigned i = k0, j = v0;;) {
        while (i < k0 + kn && m->k[i])
            i++;
        while (j < v0 + vn && m->v[j])
            j++;
        if (i == k0 + kn && j == v0 + vn)
            return true;
        d->k = i < k0 + kn ? &d->kernel->reply[i] : NULL;
        d->v = j < v0 + vn ? &d->vitro->reply[j] : NULL;
        if (d->k != NULL && d->v != NULL && !d->k->is_call && !d->v->is_call &&
            (d->k->len == 0) != (d->v->len == 0) &&
            d->k->at / MS != d->v->at / MS) { /* no pair: the earlier first */
            if (d->k->at < d->v->at)
                d->v = NULL;
            else
                d->k = NULL;
        }
        i += d->k != NULL;
        j += d->v != NULL;
        const struct class *c = class_of(d);
        t->replies++;
        if (c == NULL) {
            t->unclassified++;
            *fine = false;
        } else {
            t->classified++;
            t->class[c - classes]++;
        }
        if (telling == TELL_ALL || (c == NULL && telling == TELL_UNCLASSIFIED)) {
            printf("seed %llu, step %u: %s\n", (unsigned long long)d->q->seed, d->step,
                   c != NULL ? c->name : "UNCLASSIFIED");
            tell_step(d->q, d->step);
            tell_reply("kernel", d->k);
            tell_reply("vitro", d->v);
        }
        if (c == NULL || c->ends)
            return false;
    }
}

bool compare(const struct conn *k, const struct conn *v, struct tally *t, enum telling telling)
{
    static struct mark m;
    struct difference d = {.q = k->q, .kernel = k, .vitro = v};
    bool fine = true;
    memset(&m, 0, sizeof m);
    for (unsigned step = 0, i = 0, j = 0; step < k->q->steps; step++) {
        unsigned kn = run_of(k, i, step), vn = run_of(v, j, step);
        match_step(k, v, i, kn, j, vn, &m);
        i += kn;
        j += vn;
    }
    match_late(k, v, &m);
    t->sequences++;
    if (telling == TELL_ALL)
        tell_all(k, v);
    for (unsigned step = 0, i = 0, j = 0; step < k->q->steps; step++) {
        unsigned kn = run_of(k, i, step), vn = run_of(v, j, step);
        for (unsigned n = 0; n < kn; n++)
            t->replies += m.k[i + n];
        d.step = step;
        if (!judge(&d, &m, i, kn, j, vn, t, &fine, telling)) {
            t->cut++;
            break;
        }
        i += kn;
        j += vn;
    }
    return fine;
}

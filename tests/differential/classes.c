/* The differences that are agreed upon: a row each, and for each a question that tells whether a difference
 * is one of them. What a row calls ours is what the document asks for, or leaves free. */
#include "differential.h"

#include <string.h>

#define LIMIT (550 * MS) /* Linux's net.ipv4.tcp_invalid_ratelimit, and a tick or two */

static const struct step *step_of(const struct difference *d)
{
    return &d->q->step[d->step];
}

static bool from_peer(const struct difference *d)
{
    return step_of(d)->kind == STEP_SEGMENT;
}

static bool both(const struct difference *d)
{
    return d->k != NULL && d->v != NULL && !d->k->is_call && !d->v->is_call;
}

/* The flags but for PSH, URG and the two of ECN. */
static unsigned main_flags(const struct reply *r)
{
    return r->flags & (F_SYN | F_ACK | F_FIN | F_RST);
}

static bool is_ack(const struct reply *r)
{
    return r != NULL && !r->is_call && main_flags(r) == F_ACK && r->len == 0;
}

static bool is_rst(const struct reply *r)
{
    return r != NULL && !r->is_call && (r->flags & F_RST) != 0;
}

/* Alike but for the options. */
static bool alike(const struct reply *a, const struct reply *b)
{
    return a->flags == b->flags && a->seq == b->seq && a->ack == b->ack && a->len == b->len &&
           a->window == b->window && !a->wrong_bytes && !b->wrong_bytes && !a->wrong_sum && !b->wrong_sum;
}

/* The options but for SACK blocks, which are the last, and for the echoed timestamp. */
static void plain(char *to, const char *from)
{
    char *at;
    strcpy(to, from);
    at = strstr(to, "nop,nop,sack ");
    if (at != NULL)
        *(at != to ? at - 1 : at) = 0;
    at = strstr(to, "TS ecr ");
    if (at == NULL)
        return;
    const char *end = strchr(at, ',');
    memmove(at + 6, end != NULL ? end : "", strlen(end != NULL ? end : "") + 1);
}

static bool same_plain(const struct reply *a, const struct reply *b)
{
    char x[120], y[120];
    plain(x, a->opts);
    plain(y, b->opts);
    return strcmp(x, y) == 0;
}

static const char *blocks(const struct reply *r)
{
    const char *at = strstr(r->opts, "sack ");
    return at != NULL ? at : "";
}

/* This end has answered a segment by an ACK within the time in which it answers no second one. */
static bool has_just_answered(const struct conn *c, const struct reply *other)
{
    for (unsigned i = 0; i < c->replies; i++)
        if (other != NULL && is_ack(&c->reply[i]) && c->reply[i].at < other->at &&
            other->at - c->reply[i].at < LIMIT)
            return true;
    return false;
}

/* It is half open: our reply stands behind the SYN, and nothing of ours was ever acknowledged or sent. */
static bool is_half_open(const struct difference *d)
{
    return d->q->opening == OPEN_PASSIVE && is_ack(d->v) && d->v->seq == 1;
}

/* The last of the peer's segments, or calls, that did something: where this step's replies come from. */
static uint64_t since_step(const struct difference *d, const struct reply *r)
{
    return r->at - (r->at > d->kernel->when[d->step] ? d->kernel->when[d->step] : r->at);
}

static bool is_data(const struct reply *r)
{
    return r != NULL && !r->is_call && r->len != 0;
}

/* A segment was lost, or seemed to be, for either: it was told so, or sent something twice. */
static bool has_lost(const struct difference *d)
{
    for (unsigned i = 0; i <= d->step; i++)
        if (d->q->step[i].kind == STEP_SEGMENT && d->q->step[i].ack != ACK_ALL)
            return true;
    for (unsigned i = 1; i < d->kernel->replies && d->kernel->reply[i].step <= d->step; i++)
        for (unsigned j = 0; j < i; j++)
            if (is_data(&d->kernel->reply[i]) && is_data(&d->kernel->reply[j]) &&
                d->kernel->reply[i].seq == d->kernel->reply[j].seq)
                return true;
    return false;
}

/* One of the peer's segments so far is such. */
static bool went_before(const struct difference *d, bool (*is)(const struct step *))
{
    for (unsigned i = 0; i <= d->step; i++)
        if (d->q->step[i].kind == STEP_SEGMENT && is(&d->q->step[i]))
            return true;
    return false;
}

/* ---- The questions ---- */

static bool ts_recent(const struct difference *d)
{
    return both(d) && alike(d->k, d->v) && same_plain(d->k, d->v) && strcmp(blocks(d->k), blocks(d->v)) == 0;
}

static bool no_ack_bit(const struct difference *d)
{
    return from_peer(d) && (step_of(d)->flags & (F_ACK | F_SYN | F_RST)) == 0 && d->k == NULL && is_ack(d->v);
}

static bool limit(const struct difference *d)
{
    if (!from_peer(d))
        return false;
    return (d->k == NULL && is_ack(d->v) && has_just_answered(d->kernel, d->v)) ||
           (d->v == NULL && is_ack(d->k) && has_just_answered(d->vitro, d->k));
}

/* We have sent nothing yet but SYN,ACKs and what stands behind them. */
static bool is_opening(const struct difference *d)
{
    for (unsigned i = 0; i < d->vitro->replies && d->vitro->reply[i].step <= d->step; i++)
        if (!d->vitro->reply[i].is_call && !is_rst(&d->vitro->reply[i]) && d->vitro->reply[i].seq > 1)
            return false;
    return true;
}

static bool request_order(const struct difference *d)
{
    bool ours = d->v == NULL ? is_opening(d) || has_just_answered(d->vitro, d->k) : is_half_open(d);
    return from_peer(d) && d->q->opening == OPEN_PASSIVE && (step_of(d)->flags & F_ACK) != 0 &&
           is_rst(d->k) && ours;
}

static bool request_syn(const struct difference *d)
{
    return from_peer(d) && is_half_open(d) && (step_of(d)->flags & F_SYN) != 0 && is_rst(d->k) &&
           is_ack(d->v);
}

static bool met_options(const struct difference *d)
{
    return both(d) && d->q->opening == OPEN_ACTIVE && main_flags(d->k) == (F_SYN | F_ACK) &&
           alike(d->k, d->v);
}

static bool syn_again(const struct difference *d)
{
    return d->q->opening == OPEN_ACTIVE && d->v == NULL && d->k != NULL && !d->k->is_call &&
           main_flags(d->k) == F_SYN && from_peer(d) && (step_of(d)->flags & F_ACK) != 0;
}

static bool fin_sack(const struct difference *d)
{
    if (!both(d) || !alike(d->k, d->v) || !same_plain(d->k, d->v) || blocks(d->k)[0] == 0)
        return false;
    for (unsigned i = 0; i <= d->step; i++)
        if (d->q->step[i].kind == STEP_SEGMENT && (d->q->step[i].flags & F_FIN) != 0)
            return true;
    return false;
}

/* Our block alone: text that came twice. */
static bool fin_dsack(const struct difference *d)
{
    if (!both(d) || !alike(d->k, d->v) || !same_plain(d->k, d->v) || blocks(d->k)[0] != 0)
        return false;
    for (unsigned i = 0; i <= d->step; i++)
        if (d->q->step[i].kind == STEP_SEGMENT && (d->q->step[i].flags & F_FIN) != 0)
            return true;
    return false;
}

static bool request_challenge(const struct difference *d)
{
    return from_peer(d) && (step_of(d)->flags & F_RST) != 0 && d->k == NULL && is_half_open(d);
}

static bool old_ack(const struct difference *d)
{
    return from_peer(d) && d->k == NULL && is_ack(d->v) && step_of(d)->old_ts && step_of(d)->len == 0 &&
           (step_of(d)->flags & (F_SYN | F_FIN | F_RST)) == 0;
}

/* Acknowledges what lies before our first byte. */
static bool ghost_ack(const struct difference *d)
{
    if (!from_peer(d) || (step_of(d)->flags & F_ACK) == 0 || step_of(d)->ack_off >= 0)
        return false;
    if (d->k == NULL || d->v == NULL)
        return step_of(d)->len != 0 ? is_ack(d->v) : is_ack(d->k);
    return is_ack(d->k) && is_ack(d->v) && (d->v->ack != d->k->ack || strcmp(d->v->opts, d->k->opts) != 0);
}

static bool is_small(const struct step *s)
{
    return s->wnd < 3000;
}
static bool smaller_window(const struct difference *d)
{
    return is_data(d->k) && d->v == NULL && went_before(d, is_small);
}

static bool is_old_rst(const struct step *s)
{
    return (s->flags & F_RST) != 0 && s->old_ts;
}
static bool request_rst(const struct difference *d)
{
    return d->q->opening == OPEN_PASSIVE && d->q->ts && is_rst(d->v) && d->v->seq == 1 && !is_rst(d->k) &&
           went_before(d, is_old_rst);
}

static bool points_at_nothing(const struct step *s)
{
    return (s->flags & F_URG) != 0 && s->urgent == 0;
}
static bool urgent_zero(const struct difference *d)
{
    return d->k != NULL && d->v != NULL && d->k->is_call && d->v->is_call &&
           went_before(d, points_at_nothing);
}

/* Behind both FINs. */
static bool last_window(const struct difference *d)
{
    struct reply k;
    if (!both(d) || !is_ack(d->k))
        return false;
    for (const struct reply *r = d->kernel->reply; r != d->k; r++)
        if (!r->is_call && (r->flags & F_FIN) != 0) {
            k = *d->k;
            k.window = d->v->window;
            return alike(&k, d->v) && same_plain(d->k, d->v);
        }
    return false;
}

static bool is_rst_of_fin(const struct step *s)
{
    return (s->flags & F_RST) != 0 && s->seq_off == -1;
}
static bool rst_of_fin(const struct difference *d)
{
    return (d->k == NULL || is_rst(d->k)) && went_before(d, is_rst_of_fin);
}

static bool met_ack(const struct difference *d)
{
    return from_peer(d) && d->q->opening == OPEN_ACTIVE &&
           (step_of(d)->flags & (F_SYN | F_ACK)) == (F_SYN | F_ACK) && is_ack(d->k) && d->k->seq == 1 &&
           d->v == NULL;
}

static bool syn_fin(const struct difference *d)
{
    return from_peer(d) && (step_of(d)->flags & (F_SYN | F_FIN | F_RST | F_ACK)) == (F_SYN | F_FIN) &&
           d->k == NULL && d->v != NULL && main_flags(d->v) == (F_SYN | F_ACK);
}

/* A length beyond the header, or under 2. */
static bool is_malformed(const struct step *s)
{
    for (unsigned i = 0; i < s->nopts && s->opts[i] != 0;) {
        unsigned len = s->opts[i] == 1 ? 1 : i + 1 < s->nopts ? s->opts[i + 1] : 0;
        if (len == 0 || (len < 2 && s->opts[i] != 1) || i + len > s->nopts)
            return true;
        i += len;
    }
    return false;
}

static bool malformed(const struct difference *d)
{
    return from_peer(d) && is_malformed(step_of(d)) && d->k == NULL && d->v != NULL;
}

/* The kernel's end is half open still: its ACK is that of its last SYN,ACK. */
static bool is_request(const struct difference *d)
{
    bool request = false;
    for (unsigned i = 0; i < d->kernel->replies && &d->kernel->reply[i] != d->k; i++)
        if (main_flags(&d->kernel->reply[i]) == (F_SYN | F_ACK) && !d->kernel->reply[i].is_call)
            request = d->kernel->reply[i].ack == d->k->ack;
    return request && d->k->seq == 1;
}

static bool request_echo(const struct difference *d)
{
    bool refused = d->k != NULL && d->k->is_call && d->k->result == -11 && d->v != NULL && d->v->result == 0;
    bool answered = is_ack(d->k) && is_request(d) && (d->v == NULL || is_ack(d->v));
    if (d->q->opening != OPEN_PASSIVE || !d->q->ts || !(refused || answered))
        return false;
    for (unsigned i = 0; i < d->kernel->replies;
         i++) /* the request sent an ACK, whose clock the peer echoed */
        if (is_ack(&d->kernel->reply[i]) && d->kernel->reply[i].seq == 1 &&
            d->kernel->reply[i].step < d->step)
            return true;
    return false;
}

static bool fin_after_close(const struct difference *d)
{
    if (!from_peer(d) || (step_of(d)->flags & F_FIN) == 0 || !is_rst(d->k) || !is_ack(d->v))
        return false;
    for (unsigned i = 0; i < d->step; i++)
        if (d->q->step[i].kind == STEP_CLOSE)
            return true;
    return false;
}

/* Only one of them, and not at once: a timer has sent it. */
static bool timer(const struct difference *d)
{
    const struct reply *r = d->k != NULL ? d->k : d->v;
    if ((d->k != NULL && d->v != NULL) || r->is_call || (r->flags & F_RST) != 0)
        return false;
    return step_of(d)->kind == STEP_WAIT || since_step(d, r) > 2 * MS;
}

static bool push(const struct difference *d)
{
    struct reply k;
    if (!both(d) || !is_data(d->k) || !is_data(d->v))
        return false;
    k = *d->k;
    k.flags ^= F_PSH;
    return alike(&k, d->v) && same_plain(d->k, d->v);
}

static bool window(const struct difference *d)
{
    bool k = d->k != NULL && !d->k->is_call && (is_data(d->k) || (d->k->flags & F_FIN) != 0);
    bool v = d->v != NULL && !d->v->is_call && (is_data(d->v) || (d->v->flags & F_FIN) != 0);
    return k != v && has_lost(d);
}

static bool beside_data(const struct difference *d)
{
    if (d->k != NULL || !is_ack(d->v))
        return false;
    for (unsigned i = 0; i < d->kernel->replies; i++)
        if (d->kernel->reply[i].step == d->step && is_data(&d->kernel->reply[i]) &&
            d->kernel->reply[i].ack == d->v->ack)
            return true;
    return false;
}

static bool fin_late(const struct difference *d)
{
    return from_peer(d) && (step_of(d)->flags & F_FIN) != 0 &&
           ((d->k == NULL && is_ack(d->v)) || (d->v == NULL && is_ack(d->k)));
}

static bool rest_of_window(const struct difference *d)
{
    return d->v == NULL && is_data(d->k) && d->k->len < 1388;
}

static bool sack_room(const struct difference *d)
{
    return both(d) && is_data(d->k) && is_data(d->v) && d->k->seq == d->v->seq && d->k->len < d->v->len &&
           strstr(d->k->opts, "sack ") != NULL && strstr(d->v->opts, "sack ") == NULL;
}

static bool text_on_fin(const struct difference *d)
{
    if (!from_peer(d) || step_of(d)->len == 0 || !is_rst(d->k) || is_rst(d->v))
        return false;
    for (unsigned i = 0; i < d->step; i++)
        if (d->q->step[i].kind == STEP_SEGMENT && (d->q->step[i].flags & F_FIN) != 0)
            return true;
    return false;
}

static bool reset_below(const struct difference *d)
{
    return from_peer(d) && (step_of(d)->flags & F_RST) != 0 &&
           step_of(d)->len + ((step_of(d)->flags & F_SYN) != 0) != 0 && is_ack(d->k) && d->v == NULL;
}

const struct class classes[] = {
    {"timestamp of what is refused", ts_recent,
     "TS.Recent is taken from a segment only when its ACK has been judged",
     "TS.Recent is taken once the window has been judged, as in R3",
     "RFC 7323 5.3, R2 and R3: what lies outside of the window is refused before, what lies in it counts",
     false},
    {"no ACK, SYN or RST bit", no_ack_bit, "dropped before its number is looked at",
     "its number is looked at first: an ACK when it is outside of the window",
     "RFC 9293 3.10.7.4, first: \"check sequence number\"; the ACK bit is the fifth", false},
    {"half open: the echo of an ACK", request_echo, "a timestamp echo later than its last SYN,ACK is refused",
     "any echo of ours is taken",
     "RFC 7323 5.3 knows no such check; the ACK in between carried a timestamp too", true},
    {"an ACK of what was before", ghost_ack,
     "an ACK older than all bytes that it was ever acknowledged is challenged",
     "one older by more than the largest window is", "RFC 5961 5.2: SND.UNA - MAX.SND.WND =< SEG.ACK", true},
    {"limit of ACKs", limit, "one ACK in 500 ms answers all that is out of place, of both kinds",
     "one in 500 ms answers empty segments outside of the window; challenges have a limit of their own",
     "RFC 5961 7: \"an implementation SHOULD include an ACK throttling mechanism\", which is free", false},
    {"half open: the ACK before the number", request_order,
     "a wrong acknowledgement is answered by a RST at once",
     "an ACK when the number is outside of the window",
     "RFC 9293 3.10.7.4, first and fifth: the number is judged before the acknowledgement", true},
    {"half open: a SYN in the window", request_syn, "RST, and back to LISTEN",
     "a challenge ACK, and nothing changes",
     "RFC 9293 3.10.7.4, fourth, and RFC 5961 4.2: a blind SYN must not end it", true},
    {"simultaneous open: options", met_options, "its SYN,ACK repeats all options of its SYN",
     "only what the peer's SYN offers", "RFC 7323 1.3 and 2.2: a SYN,ACK carries them only in answer", true},
    {"SYN again after a bad answer", syn_again, "after the RST its SYN goes again 8 ms later",
     "the SYN goes again when its timer says so", "RFC 9293 3.10.7.3, first: RST, \"and return\"", false},
    {"a FIN in SACK", fin_sack, "a FIN beyond a hole is kept, and told of as a block of one number",
     "a FIN beyond a hole is remembered, not counted in a block", "RFC 2018 3: blocks are \"of data\"",
     false},
    {"SYN and FIN", syn_fin, "dropped", "a SYN; the FIN is left to come again",
     "RFC 9293 3.10.7.2, third: \"any other control or text should be queued for later\"", true},
    {"malformed options", malformed, "the segment is dropped", "the options from there on are ignored",
     "RFC 9293 3.1, MUST-7: prepared \"to handle an illegal option length\"", true},
    {"FIN beyond a hole after close", fin_after_close, "a RST: bytes before it will come that nobody reads",
     "an ACK; the RST when such bytes come",
     "RFC 9293 3.6.1, SHLD-3: \"if new data is received after CLOSE\"", true},
    {"text over a FIN", text_on_fin, "text where the FIN was: a RST", "ignored",
     "RFC 9293 3.10.7.4, seventh, CLOSE-WAIT: \"this should not occur\"; \"ignore the segment text\"", true},
    {"a RST below the window", reset_below, "a challenge ACK when text behind it reaches into the window",
     "dropped", "RFC 5961 3.2 (1): the sequence number itself is outside of the window: \"silently drop\"",
     false},
    {"came twice, with the FIN", fin_dsack, "what came twice is forgotten when the FIN has come",
     "it is told of in the ACK of the FIN", "RFC 2883 4: \"the first SACK block\" reports it in the next ACK",
     false},
    {"an old empty ACK", old_ack, "dropped by its timestamp in silence", "an ACK",
     "RFC 7323 5.3, R1: \"send an acknowledgment\"", false},
    {"an urgent pointer of 0", urgent_zero,
     "the byte of the segment's own number is urgent, and is taken out", "nothing is urgent",
     "RFC 9293 3.10.7.4, sixth: only SEG.UP beyond RCV.NXT counts; RFC 6093 3.1", true},
    {"the window after both FINs", last_window, "shifted, agreed or not", "what it was",
     "RFC 9293 3.6.1: nothing more can come that it would be for", false},
    {"half open: a RST in the window", request_challenge, "dropped", "a challenge ACK",
     "RFC 5961 3.2 (3): in the window, not exact: \"MUST send an acknowledgment (challenge ACK)\"", false},
    {"half open: a RST with an old timestamp", request_rst, "refused by its timestamp",
     "taken: it is exactly at RCV.NXT", "RFC 7323 5.2: timestamps are not judged on a RST", true},
    {"a RST at the FIN", rst_of_fin, "a RST one before RCV.NXT, where the FIN was, ends the connection",
     "it is outside of the window", "RFC 5961 3.2 (1): \"silently drop\"", true},
    {"simultaneous open: a last ACK", met_ack, "the peer's SYN,ACK is acknowledged once more",
     "only with SACK, which can tell why", "RFC 9293 3.5, figure 8: four segments", false},
    {"PSH of a burst", push, "a burst is cut where its own clock and quota have it", "where ours have it",
     "RFC 9293 3.9.1.2: PSH is set in the last segment; in others it is free", false},
    {"an ACK beside data", beside_data, "the data that could go at the same time carry the ACK",
     "a duplicate is sent at once, before them",
     "RFC 5681 4.2: an ACK \"immediately\"; in what segment is free", false},
    {"the ACK of a FIN", fin_late, "may be delayed, by more than a step",
     "at once, as the program must be told anyway", "RFC 9293 3.8.6.3, MUST-40: within half a second", false},
    {"a smaller window", smaller_window,
     "of the same number and the same ACK only a larger window is taken, or 0",
     "the window is what the last of the same number said",
     "RFC 9293 3.10.7.4, fifth: SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK", true},
    {"the rest of a window", rest_of_window, "a small segment fills the peer's window to its edge",
     "it waits until the window has room for a whole one", "RFC 9293 3.8.6.2.1, MUST-38: no silly windows",
     true},
    {"room for SACK", sack_room, "every segment of text tells of the holes, and is shorter by it",
     "full segments of text do not", "RFC 2018 4: \"SHOULD\" in ACKs that do not advance; text is free",
     true},
    {"window after a loss", window, "proportional rate reduction counts otherwise after duplicates",
     "as RFC 6937 counts", "RFC 6937 3, RFC 5681 3.2: the window is a bound, not a number to be filled",
     true},
    {"timers", timer, "fires up to an eighth late: its wheel is coarser the further away",
     "fires to the nanosecond", "RFC 6298 4: \"clock granularity\"", true},
};
const unsigned class_count = sizeof classes / sizeof *classes;

/* The live page's data: the state of things as one JSON object.
 *
 *   {"version": 1, "title": "lab", "time": 1.500000000,
 *    "nodes": [{"id": 1, "name": "a", "kind": "host", "addresses": ["10.0.0.1/24"], "sent": 5, "received": 4,
 * "drops": 0}], "links": [{"which": 1, "name": "a-s1", "a": 1, "b": 3, "setting": ["loss 1%", ""]}],
 * "connections":
 * [{"id": 1, "opened": 0.1, "hidden": false, "ends": [end, end]}], end: {"node": 1 or null, "address":
 * "10.0.0.1:40000", "state": "ESTABLISHED" or null, "segments": 4, "bytes": 6, "again": 0, "window": 65535}
 *    "listeners": [{"node": 2, "address": "0.0.0.0:80"}],
 *    "rows": [{"n": 7, "kind": "arrow"|"note"|"legend"|"begin", "time": 1.2, "sent": 1.1, "from": 1, "to": 2,
 *              "from_name": "a", "to_name": "b", "label": "SYN ...", "sent_why": "retransmission, timeout",
 *              "note": "", "fate":
 * "arrived"|"lost"|"dropped"|"left"|"open", "died": 500, "reason": "loss", "again": true, "duplicate": true,
 * "damaged": true, "bad": true, "loop": true, "pair": 1, "side": 0, "states": [{"node": 1, "state":
 * "SYN-SENT"}, ...], "why": "syn"}], "counters": {"sent": 9, "duplicated": 0, "delivered": 9, "ended": 0,
 * "left": 0, "on_the_way": 0, "came": 0, "drops": [{"reason": "loss", "count": 1}]}, "findings": [{"kind":
 * "receive"|"send", "since": 3.0, "en": "...", "zh": "..."}], "explain": {"syn": {"en": "...", "zh": "..."},
 * ...}, "lost_events": 0}
 *
 * A node that is none of the lab's is null. Times are seconds. Keys of a row that would be false or empty are
 * left out, but for those needed to draw it. `explain` has what the rows' `why` and the states name.
 */
#include "rows.h"

#include <stdlib.h>

#define ROWS        200
#define FINDINGS    16
#define CONNECTIONS 500 /* shown at most: all that live, and the latest that are closed */
#define CLOSED      20

struct finding {
    unsigned kind;
    vt_time since;
    uint32_t node[2], conn[2];
    char *text[2];
};

/* The last rows: those at first .. first + n - 1, each modulo the cap. */
struct ring {
    struct vt_row *row;
    uint64_t first;
    uint32_t n;
};

struct vt_live {
    struct vt_rows rows;
    struct vt_stats *stats;
    struct vt_standstill *standstill;
    char *title;
    /* What is hidden has a ring of its own: the page, which asks every second, does not push out what it
     * shows. */
    struct ring shown, hidden;
    uint32_t max;
    struct finding finding[FINDINGS];
    unsigned findings; /* ever; the last are kept */
};

/* ---- Taking in ---- */

static struct vt_row *row_at(const struct vt_live *l, const struct ring *r, uint32_t i)
{
    return &r->row[(r->first + i) % l->max];
}

static void keep_row(const struct vt_live *l, struct ring *r, const struct vt_row *row)
{
    if (r->n == l->max)
        r->first++;
    else
        r->n++;
    *row_at(l, r, r->n - 1) = *row;
}

static void take_row(void *ctx, const struct vt_row *row)
{
    struct vt_live *l = ctx;
    keep_row(l, (row->flags & VT_ROWF_HIDDEN) != 0 ? &l->hidden : &l->shown, row);
}

/* Moves the rows of a pair over to those that are hidden. */
static void take_hidden(void *ctx, uint64_t pair)
{
    struct vt_live *l = ctx;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->shown.n; i++) {
        struct vt_row *row = row_at(l, &l->shown, i);
        if (row->pair == pair) {
            row->flags |= VT_ROWF_HIDDEN;
            keep_row(l, &l->hidden, row);
        } else {
            if (kept != i)
                *row_at(l, &l->shown, kept) = *row;
            kept++;
        }
    }
    l->shown.n = kept;
}

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

static void take_finding(void *ctx, const struct vt_standstill_finding *found)
{
    struct vt_live *l = ctx;
    struct finding *f = &l->finding[l->findings++ % FINDINGS];
    free(f->text[0]);
    free(f->text[1]);
    *f = (struct finding){.kind = found->kind,
                          .since = found->since,
                          .text = {copy_text(found->text[0]), copy_text(found->text[1])}};
}

void vt_live_event(void *live, const struct vt_event *ev, const void *extra)
{
    struct vt_live *l = live;
    vt_rows_event(&l->rows, ev, extra);
    vt_stats_event(l->stats, ev, extra);
    vt_standstill_event(l->standstill, ev, extra);
}

struct vt_live *vt_live_new(const struct vt_live_config *config)
{
    struct vt_live *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    struct vt_rows_config rc = {
        .all = true, .hidden = true, .memory = config->memory, .row = take_row, .hid = take_hidden, .ctx = l};
    struct vt_standstill_config sc = {.found = take_finding, .ctx = l};
    l->max = config->rows != 0 ? config->rows : ROWS;
    l->shown.row = calloc(l->max, sizeof *l->shown.row);
    l->hidden.row = calloc(l->max, sizeof *l->hidden.row);
    l->title = copy_text(config->title != NULL ? config->title : "lab");
    l->stats = vt_stats_new();
    l->standstill = vt_standstill_new(&sc);
    if (l->shown.row == NULL || l->hidden.row == NULL || l->title == NULL || l->stats == NULL ||
        l->standstill == NULL || !vt_rows_init(&l->rows, &rc)) {
        vt_live_free(l);
        return NULL;
    }
    return l;
}

void vt_live_free(struct vt_live *l)
{
    if (l == NULL)
        return;
    vt_rows_fini(&l->rows);
    vt_stats_free(l->stats);
    vt_standstill_free(l->standstill);
    for (unsigned i = 0; i < FINDINGS; i++) {
        free(l->finding[i].text[0]);
        free(l->finding[i].text[1]);
    }
    free(l->title);
    free(l->shown.row);
    free(l->hidden.row);
    free(l);
}

/* ---- Writing ---- */

static void put_node_id(struct vt_jw *w, const char *key, uint32_t node)
{
    if (node == VT_OUTSIDE)
        vt_jw_null(w, key);
    else
        vt_jw_number(w, key, node);
}

static uint64_t node_drops(const struct vt_live *l, uint32_t node)
{
    return vt_stats_kind(l->stats, node, VT_EV_DROP);
}

static void put_nodes(const struct vt_live *l, struct vt_jw *w)
{
    static const char *const kinds[] = {"host", "router", "switch"};
    const struct vt_model *m = &l->rows.model;
    vt_jw_open(w, "nodes", '[');
    for (uint32_t i = 0; i < m->nnodes; i++) {
        const struct vt_mnode *n = &m->node[i];
        if (!n->known)
            continue;
        vt_jw_open(w, NULL, '{');
        vt_jw_number(w, "id", i);
        vt_jw_text(w, "name", n->name);
        vt_jw_text(w, "kind", n->kind < 3 ? kinds[n->kind] : "host");
        vt_jw_open(w, "addresses", '[');
        for (uint32_t k = 0; k < m->naddrs; k++) {
            if (m->addr[k].node != i)
                continue;
            struct vt_out text = {0};
            vt_out_ip(&text, m->addr[k].ip);
            vt_out_format(&text, "/%u", m->addr[k].prefix);
            vt_jw_text(w, NULL, vt_out_string(&text));
            vt_out_free(&text);
        }
        vt_jw_close(w, '[');
        vt_jw_number(w, "sent", vt_stats_kind(l->stats, i, VT_EV_PORT_TX));
        vt_jw_number(w, "received", vt_stats_kind(l->stats, i, VT_EV_PORT_RX));
        vt_jw_number(w, "drops", node_drops(l, i));
        vt_jw_close(w, '{');
    }
    vt_jw_close(w, '[');
}

static void put_links(const struct vt_live *l, struct vt_jw *w)
{
    const struct vt_model *m = &l->rows.model;
    vt_jw_open(w, "links", '[');
    for (uint32_t i = 0; i < m->nlinks; i++) {
        const struct vt_mlink *k = &m->link[i];
        if (k->which == 0)
            continue;
        vt_jw_open(w, NULL, '{');
        vt_jw_number(w, "which", k->which);
        vt_jw_text(w, "name", k->name);
        vt_jw_number(w, "a", k->node[0]);
        vt_jw_number(w, "b", k->node[1]);
        vt_jw_open(w, "setting", '[');
        vt_jw_text(w, NULL, k->setting[0]);
        vt_jw_text(w, NULL, k->setting[1]);
        vt_jw_close(w, '[');
        vt_jw_close(w, '{');
    }
    vt_jw_close(w, '[');
}

static void put_end(const struct vt_live *l, struct vt_jw *w, const struct vt_pair *p, unsigned side)
{
    const struct vt_mend *e = &p->end[side];
    int state = vt_model_state(&l->rows.model, p, side);
    vt_jw_open(w, NULL, '{');
    put_node_id(w, "node", e->node);
    vt_jw_addr(w, "address", e->ip, e->port);
    if (state >= 0)
        vt_jw_text(w, "state", vt_tcp_state_name((unsigned)state));
    else
        vt_jw_null(w, "state");
    vt_jw_number(w, "segments", e->segments);
    vt_jw_number(w, "bytes", e->bytes);
    vt_jw_number(w, "again", e->again);
    vt_jw_number(w, "window", e->wnd);
    vt_jw_close(w, '{');
}

static bool is_over(const struct vt_live *l, const struct vt_pair *p)
{
    return vt_model_state(&l->rows.model, p, 0) <= VT_TCP_CLOSED &&
           vt_model_state(&l->rows.model, p, 1) <= VT_TCP_CLOSED;
}

static int by_newest(const void *a, const void *b)
{
    const struct vt_pair *x = *(const struct vt_pair *const *)a, *y = *(const struct vt_pair *const *)b;
    return x->id < y->id ? 1 : x->id > y->id ? -1 : 0;
}

/* The newest first; of the closed only a few. */
static void put_connections(const struct vt_live *l, struct vt_jw *w, bool hidden)
{
    const struct vt_model *m = &l->rows.model;
    const struct vt_pair **list = malloc(VT_MODEL_CONNS * sizeof(const struct vt_pair *));
    unsigned n = 0, shown = 0, closed = 0;
    for (uint32_t i = 0; i < VT_MODEL_CONNS && list != NULL; i++) {
        if (m->pair[i].id != 0 && (hidden || !m->pair[i].hidden))
            list[n++] = &m->pair[i];
    }
    if (n != 0)
        qsort(list, n, sizeof(const struct vt_pair *), by_newest);
    vt_jw_open(w, "connections", '[');
    for (unsigned i = 0; i < n && shown < CONNECTIONS; i++) {
        const struct vt_pair *p = list[i];
        if (is_over(l, p) && ++closed > CLOSED)
            continue;
        shown++;
        vt_jw_open(w, NULL, '{');
        vt_jw_number(w, "id", p->id);
        vt_jw_seconds(w, "opened", p->opened);
        vt_jw_bool(w, "hidden", p->hidden);
        vt_jw_open(w, "ends", '[');
        put_end(l, w, p, 0);
        put_end(l, w, p, 1);
        vt_jw_close(w, '[');
        vt_jw_close(w, '{');
    }
    vt_jw_close(w, '[');
    free(list);
}

static void put_listeners(const struct vt_live *l, struct vt_jw *w)
{
    const struct vt_model *m = &l->rows.model;
    vt_jw_open(w, "listeners", '[');
    for (uint32_t i = 0; i < VT_MODEL_CONNS; i++) {
        const struct vt_mconn *c = &m->conn[i];
        if (c->conn == 0 || c->state != VT_TCP_LISTEN)
            continue;
        vt_jw_open(w, NULL, '{');
        vt_jw_number(w, "node", c->node);
        vt_jw_addr(w, "address", c->local, c->lport);
        vt_jw_close(w, '{');
    }
    vt_jw_close(w, '[');
}

static void put_flag(struct vt_jw *w, const char *key, const struct vt_row *row, unsigned flag)
{
    if ((row->flags & flag) != 0)
        vt_jw_bool(w, key, true);
}

static void put_end_name(const struct vt_live *l, struct vt_jw *w, const char *key, const struct vt_row *row,
                         bool to)
{
    char name[VT_NAME];
    uint32_t node = to ? row->to : row->from;
    if (node == VT_OUTSIDE)
        vt_jw_ip(w, key, row->ip[to]);
    else
        vt_jw_text(w, key, vt_model_name(&l->rows.model, node, name));
}

static void put_row(const struct vt_live *l, struct vt_jw *w, const struct vt_row *row)
{
    static const char *const kinds[] = {"arrow", "note", "legend", "begin"};
    static const char *const fates[] = {"arrived", "lost", "dropped", "left", "open"};
    vt_jw_open(w, NULL, '{');
    vt_jw_number(w, "n", row->number);
    vt_jw_text(w, "kind", kinds[row->kind]);
    vt_jw_seconds(w, "time", row->time);
    vt_jw_seconds(w, "sent", row->sent);
    put_node_id(w, "from", row->from);
    put_node_id(w, "to", row->to);
    put_end_name(l, w, "from_name", row, false);
    put_end_name(l, w, "to_name", row, true);
    vt_jw_text(w, "label", row->label);
    if (row->why[0] != '\0')
        vt_jw_text(w, "sent_why", row->why);
    if (row->note[0] != '\0')
        vt_jw_text(w, "note", row->note);
    vt_jw_text(w, "fate", fates[row->fate]);
    if (row->reason != 0) {
        vt_jw_number(w, "died", row->died);
        vt_jw_text(w, "reason", vt_drop_word(row->reason));
    }
    put_flag(w, "again", row, VT_ROWF_AGAIN);
    put_flag(w, "duplicate", row, VT_ROWF_DUPLICATE);
    put_flag(w, "damaged", row, VT_ROWF_DAMAGED);
    put_flag(w, "bad", row, VT_ROWF_BAD);
    put_flag(w, "loop", row, VT_ROWF_LOOP);
    put_flag(w, "hidden", row, VT_ROWF_HIDDEN);
    if (row->pair != 0) {
        vt_jw_number(w, "pair", row->pair);
        vt_jw_number(w, "side", row->side);
    }
    vt_jw_open(w, "states", '[');
    for (unsigned s = 0; s < 2 && row->tcp; s++) {
        if (row->state[s] < 0)
            continue;
        vt_jw_open(w, NULL, '{');
        vt_jw_number(w, "side", s);
        put_node_id(w, "node", row->end_node[s]);
        vt_jw_text(w, "state", vt_tcp_state_name((unsigned)row->state[s]));
        vt_jw_close(w, '{');
    }
    vt_jw_close(w, '[');
    vt_jw_text(w, "why", vt_lens_explain_key(&row->key));
    vt_jw_close(w, '{');
}

static int by_number(const void *a, const void *b)
{
    const struct vt_row *x = *(const struct vt_row *const *)a, *y = *(const struct vt_row *const *)b;
    return (x->number > y->number) - (x->number < y->number);
}

static void put_rows(const struct vt_live *l, struct vt_jw *w, bool hidden)
{
    uint32_t n = l->shown.n + (hidden ? l->hidden.n : 0);
    const struct vt_row **rows = calloc(n + 1, sizeof *rows);
    vt_jw_open(w, "rows", '[');
    for (uint32_t i = 0; rows != NULL && i < n; i++)
        rows[i] = i < l->shown.n ? row_at(l, &l->shown, i) : row_at(l, &l->hidden, i - l->shown.n);
    if (rows != NULL && hidden)
        qsort(rows, n, sizeof *rows, by_number);
    for (uint32_t i = 0; rows != NULL && i < n; i++)
        put_row(l, w, rows[i]);
    vt_jw_close(w, '[');
    free(rows);
}

static void put_counters(const struct vt_live *l, struct vt_jw *w)
{
    struct vt_stats_frames f;
    vt_stats_frames(l->stats, &f);
    vt_jw_open(w, "counters", '{');
    vt_jw_number(w, "sent", f.sent);
    vt_jw_number(w, "duplicated", f.duplicated);
    vt_jw_number(w, "delivered", f.delivered);
    vt_jw_number(w, "ended", f.ended);
    vt_jw_number(w, "left", f.left);
    vt_jw_number(w, "on_the_way", f.on_the_way);
    vt_jw_number(w, "came", f.came);
    vt_jw_open(w, "drops", '[');
    for (unsigned reason = 1; reason < VT_DROP_COUNT; reason++) {
        uint64_t n = vt_stats_drop(l->stats, VT_STATS_ALL, reason);
        if (n == 0)
            continue;
        vt_jw_open(w, NULL, '{');
        vt_jw_text(w, "reason", vt_drop_word(reason));
        vt_jw_number(w, "count", n);
        vt_jw_text(w, "en", vt_lens_drop_text(VT_LANG_EN, reason));
        vt_jw_text(w, "zh", vt_lens_drop_text(VT_LANG_ZH, reason));
        vt_jw_close(w, '{');
    }
    vt_jw_close(w, '[');
    vt_jw_close(w, '{');
}

static void put_findings(const struct vt_live *l, struct vt_jw *w)
{
    unsigned first = l->findings > FINDINGS ? l->findings - FINDINGS : 0;
    vt_jw_open(w, "findings", '[');
    for (unsigned i = first; i < l->findings; i++) {
        const struct finding *f = &l->finding[i % FINDINGS];
        vt_jw_open(w, NULL, '{');
        vt_jw_text(w, "kind", f->kind == VT_STANDSTILL_RECEIVE ? "receive" : "send");
        vt_jw_seconds(w, "since", f->since);
        vt_jw_text(w, "en", f->text[0] != NULL ? f->text[0] : "");
        vt_jw_text(w, "zh", f->text[1] != NULL ? f->text[1] : "");
        vt_jw_close(w, '{');
    }
    vt_jw_close(w, '[');
}

/* One explanation, once: `seen` is the keys so far, each between blanks. */
static void put_explanation(struct vt_jw *w, struct vt_out *seen, const struct vt_event *ev)
{
    const char *key = vt_lens_explain_key(ev);
    char find[80];
    struct vt_out o = {0};
    if (key[0] == '\0')
        return;
    vt_out_format(&o, " %s ", key);
    bool fits = o.len < sizeof find;
    if (fits)
        memcpy(find, vt_out_string(&o), o.len + 1);
    vt_out_free(&o);
    if (!fits || strstr(vt_out_string(seen), find) != NULL)
        return;
    vt_out_text(seen, find);
    vt_jw_open(w, key, '{');
    vt_jw_text(w, "en", vt_lens_explain(VT_LANG_EN, ev));
    vt_jw_text(w, "zh", vt_lens_explain(VT_LANG_ZH, ev));
    vt_jw_close(w, '{');
}

static void put_topic(struct vt_jw *w, const char *key)
{
    vt_jw_open(w, key, '{');
    vt_jw_text(w, "en", vt_lens_explain_topic(VT_LANG_EN, key));
    vt_jw_text(w, "zh", vt_lens_explain_topic(VT_LANG_ZH, key));
    vt_jw_close(w, '{');
}

static void put_explain(const struct vt_live *l, struct vt_jw *w)
{
    static const char *const topics[] = {"why-three", "why-four", "why-time-wait", "why-not-two", "stream"};
    struct vt_out seen = {0};
    vt_jw_open(w, "explain", '{');
    for (unsigned i = 0; i < sizeof topics / sizeof topics[0]; i++)
        put_topic(w, topics[i]);
    for (unsigned state = 0; state < VT_TCP_STATE_COUNT; state++) {
        struct vt_event ev = {.kind = VT_EV_TCP_STATE};
        ev.u.state.to = (uint8_t)state;
        put_explanation(w, &seen, &ev);
    }
    for (uint32_t i = 0; i < l->shown.n; i++)
        put_explanation(w, &seen, &row_at(l, &l->shown, i)->key);
    for (uint32_t i = 0; i < l->hidden.n; i++)
        put_explanation(w, &seen, &row_at(l, &l->hidden, i)->key);
    vt_jw_close(w, '{');
    vt_out_free(&seen);
}

long vt_live_json(struct vt_live *live, vt_time now, bool hidden, char **out)
{
    struct vt_out o = {0};
    struct vt_jw w = {.o = &o};
    struct vt_stats_frames f;
    *out = NULL;
    vt_rows_tick(&live->rows, now);
    vt_standstill_tick(live->standstill, now);
    vt_stats_frames(live->stats, &f);
    vt_jw_open(&w, NULL, '{');
    vt_jw_number(&w, "version", 1);
    vt_jw_text(&w, "title", live->title);
    vt_jw_seconds(&w, "time", now);
    put_nodes(live, &w);
    put_links(live, &w);
    put_connections(live, &w, hidden);
    put_listeners(live, &w);
    put_rows(live, &w, hidden);
    put_counters(live, &w);
    put_findings(live, &w);
    put_explain(live, &w);
    vt_jw_number(&w, "lost_events", f.lost_events);
    vt_jw_close(&w, '{');
    if (o.failed || o.s == NULL) {
        vt_out_free(&o);
        return -VT_ENOMEM;
    }
    *out = o.s;
    return (long)o.len;
}

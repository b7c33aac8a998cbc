/* Two programs that wait for each other for ever. What counts as that is told in <vitro/lens.h>. */
#include "model.h"

#include <stdlib.h>

/* What is known of a connection's program. Beside the model's connections, slot by slot. */
struct program {
    uint32_t node, conn; /* whose: a slot may have been used anew */
    uint8_t waits;       /* enum vt_call of the last call, when that waits; VT_CALL_COUNT: it does not */
    uint32_t gave, took; /* bytes handed to send, and taken by recv, modulo 2^32 */
};

/* What is known of a pair; beside the model's pairs. */
struct watch {
    uint64_t pair; /* whose */
    uint8_t kind;  /* enum vt_standstill_kind, 0: none */
    bool told;
    vt_time since;
};

struct vt_standstill {
    struct vt_standstill_config config;
    struct vt_model model;
    struct program *program;
    struct watch *watch;
    uint32_t pending; /* watches that are to be told some day */
    vt_time due;      /* no earlier than this */
};

struct vt_standstill *vt_standstill_new(const struct vt_standstill_config *config)
{
    struct vt_standstill *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->config = *config;
    s->config.hold = config->hold == 0 ? VT_SEC : config->hold < 0 ? 0 : config->hold;
    s->due = VT_NEVER;
    s->program = calloc(VT_MODEL_CONNS, sizeof *s->program);
    s->watch = calloc(VT_MODEL_CONNS, sizeof *s->watch);
    if (s->program == NULL || s->watch == NULL || !vt_model_init(&s->model)) {
        vt_standstill_free(s);
        return NULL;
    }
    return s;
}

void vt_standstill_free(struct vt_standstill *s)
{
    if (s == NULL)
        return;
    vt_model_fini(&s->model);
    free(s->program);
    free(s->watch);
    free(s);
}

static struct program *program_of(struct vt_standstill *s, const struct vt_mconn *c)
{
    struct program *p = &s->program[c - s->model.conn];
    if (p->node != c->node || p->conn != c->conn)
        *p = (struct program){.node = c->node, .conn = c->conn, .waits = VT_CALL_COUNT};
    return p;
}

/* ---- Whether it stands still ---- */

/* An end's connection and program; false when it has none, or is not ESTABLISHED, or its numbers are not
 * known. */
static bool end_of(struct vt_standstill *s, const struct vt_pair *p, unsigned side, struct program **program)
{
    const struct vt_mend *e = &p->end[side];
    if (e->conn == VT_NO_SLOT || s->model.conn[e->conn].state != VT_TCP_ESTABLISHED || !e->have_syn ||
        !e->have_ack)
        return false;
    *program = program_of(s, &s->model.conn[e->conn]);
    return true;
}

static unsigned kind_of(struct vt_standstill *s, const struct vt_pair *p)
{
    struct program *program[2];
    bool receive = true, send = true;
    if (p->hidden || !end_of(s, p, 0, &program[0]) || !end_of(s, p, 1, &program[1]))
        return 0;
    for (unsigned i = 0; i < 2; i++) {
        const struct vt_mend *e = &p->end[i], *peer = &p->end[1 - i];
        uint32_t sent = e->next - e->isn - 1;
        /* All that the program gave is sent, acknowledged, and taken by the other. */
        receive &= program[i]->waits == VT_CALL_RECV && program[i]->gave == sent && peer->ack == e->next &&
                   program[1 - i]->took == sent;
        /* It has sent up to the edge of the window that the other offered last. */
        send &= program[i]->waits == VT_CALL_SEND &&
                vt_seq_ge(vt_seq(e->next), vt_seq(peer->ack + peer->wnd));
    }
    return receive ? VT_STANDSTILL_RECEIVE : send ? VT_STANDSTILL_SEND : 0;
}

static void look(struct vt_standstill *s, const struct vt_pair *p, vt_time now)
{
    struct watch *w = &s->watch[vt_model_slot(&s->model, p)];
    unsigned kind = kind_of(s, p);
    if (w->pair != p->id) {
        s->pending -= w->kind != 0 && !w->told;
        *w = (struct watch){.pair = p->id};
    }
    if (kind == w->kind)
        return;
    s->pending -= w->kind != 0 && !w->told;
    *w = (struct watch){.pair = p->id, .kind = (uint8_t)kind, .since = now};
    if (kind == 0)
        return;
    s->pending++;
    s->due = vt_time_min(s->due, vt_time_add(now, s->config.hold));
}

/* ---- Telling ---- */

static void tell(struct vt_standstill *s, struct watch *w, const struct vt_pair *p, vt_time now)
{
    struct vt_standstill_finding f = {
        .kind = (enum vt_standstill_kind)w->kind, .since = w->since, .told = now};
    const char *key = w->kind == VT_STANDSTILL_RECEIVE ? "standstill-receive" : "standstill-send";
    struct vt_out text[2] = {{0}, {0}};
    char name[2][VT_NAME];
    for (unsigned i = 0; i < 2; i++) {
        f.node[i] = p->end[i].node;
        f.conn[i] = s->model.conn[p->end[i].conn].conn;
        vt_model_name(&s->model, f.node[i], name[i]);
    }
    for (unsigned lang = 0; lang < 2; lang++) {
        vt_out_format(&text[lang], "%s ", name[0]);
        vt_out_addr(&text[lang], p->end[0].ip, p->end[0].port);
        vt_out_format(&text[lang], " - %s ", name[1]);
        vt_out_addr(&text[lang], p->end[1].ip, p->end[1].port);
        vt_out_format(&text[lang], lang == VT_LANG_ZH ? "：%s" : ": %s",
                      vt_lens_explain_topic((enum vt_lang)lang, key));
        f.text[lang] = vt_out_string(&text[lang]);
    }
    s->config.found(s->config.ctx, &f);
    vt_out_free(&text[0]);
    vt_out_free(&text[1]);
    w->told = true;
    s->pending--;
}

void vt_standstill_tick(struct vt_standstill *s, vt_time now)
{
    if (s->pending == 0 || now < s->due)
        return;
    s->due = VT_NEVER;
    for (uint32_t i = 0; i < VT_MODEL_CONNS; i++) {
        struct watch *w = &s->watch[i];
        const struct vt_pair *p = vt_model_pair(&s->model, i, w->pair);
        if (w->kind == 0 || w->told || p == NULL || kind_of(s, p) != w->kind)
            continue;
        vt_time when = vt_time_add(w->since, s->config.hold);
        if (now >= when)
            tell(s, w, p, now);
        else
            s->due = vt_time_min(s->due, when);
    }
}

/* ---- Events ---- */

static void called(struct vt_standstill *s, const struct vt_event *ev)
{
    const struct vt_mconn *c = vt_model_conn(&s->model, ev->node, ev->conn);
    if (c == NULL)
        return;
    struct program *p = program_of(s, c);
    bool waits = ev->kind == VT_EV_SOCK_WAIT;
    p->waits = (uint8_t)(waits ? ev->u.call.call : VT_CALL_COUNT);
    if (waits || ev->u.call.result <= 0)
        return;
    if (ev->u.call.call == VT_CALL_SEND)
        p->gave += (uint32_t)ev->u.call.result;
    else if (ev->u.call.call == VT_CALL_RECV)
        p->took += (uint32_t)ev->u.call.result;
}

void vt_standstill_event(void *standstill, const struct vt_event *ev, const void *extra)
{
    struct vt_standstill *s = standstill;
    vt_standstill_tick(s, ev->time);
    vt_model_event(&s->model, ev, extra, 0);
    if (ev->kind == VT_EV_SOCK_CALL || ev->kind == VT_EV_SOCK_WAIT)
        called(s, ev);
    const struct vt_mconn *c = vt_model_conn(&s->model, ev->node, ev->conn);
    if (c != NULL && c->pair != VT_NO_SLOT)
        look(s, &s->model.pair[c->pair], ev->time);
    if (s->config.hold == 0)
        vt_standstill_tick(s, ev->time);
}

#include "parse.h"

/* ---- Tokens ---- */

bool drill_next(struct drill_parser *p)
{
    return drill_lex(&p->lex, &p->token);
}

bool drill_is_char(const struct drill_parser *p, char c)
{
    return p->token.kind == TOK_CHAR && p->token.ch == c;
}

bool drill_is_word(const struct drill_parser *p, const char *word)
{
    return p->token.kind == TOK_WORD && strcmp(p->token.text, word) == 0;
}

bool drill_take_char(struct drill_parser *p, char c, bool *taken)
{
    *taken = drill_is_char(p, c);
    return *taken ? drill_next(p) : true;
}

bool drill_take_word(struct drill_parser *p, const char *word, bool *taken)
{
    *taken = drill_is_word(p, word);
    return *taken ? drill_next(p) : true;
}

bool drill_unexpected(struct drill_parser *p, const char *wanted)
{
    return drill_fail(p->error, p->token.place, "wanted %s, found %s", wanted,
                      drill_token_text(p->arena, &p->token));
}

bool drill_want_char(struct drill_parser *p, char c, const char *where)
{
    if (!drill_is_char(p, c))
        return drill_unexpected(p, drill_printf(p->arena, "'%c' %s", c, where));
    return drill_next(p);
}

bool drill_want_word(struct drill_parser *p, const char *word, const char *where)
{
    if (!drill_is_word(p, word))
        return drill_unexpected(p, drill_printf(p->arena, "'%s' %s", word, where));
    return drill_next(p);
}

bool drill_want_int(struct drill_parser *p, int64_t least, int64_t most, const char *what, int64_t *value)
{
    if (p->token.kind != TOK_INT && p->token.kind != TOK_HEX)
        return drill_unexpected(p, what);
    if (p->token.num < least || p->token.num > most)
        return drill_fail(p->error, p->token.place, "%s must be %lld to %lld", what, (long long)least,
                          (long long)most);
    *value = p->token.num;
    return drill_next(p);
}

/* Digits behind the ninth are below the clock, and are let fall. */
static bool to_span(const char *text, vt_span *span)
{
    int64_t sec = 0, nsec = 0, unit = VT_SEC / 10;
    const char *c = text;

    for (; *c >= '0' && *c <= '9'; c++) {
        if (sec > INT64_MAX / VT_SEC / 20)
            return false;
        sec = sec * 10 + (*c - '0');
    }
    if (*c == '.')
        for (c++; *c >= '0' && *c <= '9'; c++, unit /= 10)
            nsec += (*c - '0') * unit;
    *span = sec * VT_SEC + nsec;
    return *c == 0;
}

bool drill_want_time(struct drill_parser *p, vt_span *time)
{
    if (p->token.kind != TOK_INT && p->token.kind != TOK_FLOAT)
        return drill_unexpected(p, "a time in seconds");
    if (!to_span(p->token.text, time))
        return drill_fail(p->error, p->token.place, "'%s' is no time", p->token.text);
    return drill_next(p);
}

/* ---- Events ---- */

static bool parse_time(struct drill_parser *p, struct drill_event *e)
{
    bool plus, range;

    e->place = p->token.place;
    if (drill_is_char(p, '*')) {
        e->time_kind = DRILL_ANY_TIME;
        return drill_next(p);
    }
    if (!drill_take_char(p, '+', &plus) || !drill_want_time(p, &e->start) || !drill_take_char(p, '~', &range))
        return false;
    e->time_kind = plus ? range ? DRILL_AFTER_RANGE : DRILL_AFTER : range ? DRILL_AT_RANGE : DRILL_AT;
    e->end = e->start;
    if (!range)
        return true;
    if (plus && !drill_want_char(p, '+', "before the end of a range that began with '+'"))
        return false;
    if (!drill_want_time(p, &e->end))
        return false;
    if (e->end < e->start)
        return drill_fail(p->error, e->place, "this range of time ends before it begins");
    return true;
}

static bool parse_text(struct drill_parser *p, struct drill_event *e, enum drill_event_kind kind)
{
    e->kind = kind;
    e->text = p->token.text;
    e->text_place = p->token.place;
    return drill_next(p);
}

static bool parse_action(struct drill_parser *p, struct drill_event *e)
{
    switch (p->token.kind) {
    case TOK_SHELL: return parse_text(p, e, DRILL_SHELL);
    case TOK_CODE: return parse_text(p, e, DRILL_CODE);
    case TOK_WORD:
    case TOK_ELLIPSIS: e->kind = DRILL_SYSCALL; return drill_parse_call(p, &e->call);
    default: break;
    }
    if (!drill_is_char(p, '<') && !drill_is_char(p, '>'))
        return drill_unexpected(p, "'<', '>', a call, a shell line or a code block");
    e->kind = DRILL_PACKET;
    return drill_parse_packet(p, &e->packet);
}

static bool check_event(struct drill_parser *p, const struct drill_event *e)
{
    if (e->time_kind == DRILL_AT || e->time_kind == DRILL_AFTER)
        return true;
    if (e->kind == DRILL_PACKET && !e->packet->inbound)
        return true;
    return drill_fail(p->error, e->place, "only a packet that goes out may have %s",
                      e->time_kind == DRILL_ANY_TIME ? "the time '*'" : "a range of time");
}

/* Takes the events, up to a shell line without a time, which is the last thing of a script, or its end. */
static bool parse_events(struct drill_parser *p)
{
    struct drill_event **end = &p->script->events, *e;

    while (p->token.kind != TOK_END && p->token.kind != TOK_SHELL) {
        e = drill_alloc(p->arena, sizeof *e);
        if (!parse_time(p, e) || !parse_action(p, e) || !check_event(p, e))
            return false;
        *end = e;
        end = &e->next;
    }
    if (p->script->events == NULL)
        return drill_unexpected(p, "an event: a time, and what happens then");
    return true;
}

/* ---- Options, then the whole ---- */

static bool parse_options(struct drill_parser *p)
{
    while (p->token.kind == TOK_OPTION) {
        struct drill_token name = p->token;
        const char *value;

        if (!drill_lex_value(&p->lex, &value) ||
            !drill_set_option(&p->script->options, name.text, value, name.place, p->error) || !drill_next(p))
            return false;
    }
    return true;
}

static bool command_line_options(struct drill_parser *p, const char *const *options, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        size_t len = strcspn(options[i], "=");
        const char *name = drill_strndup(p->arena, options[i], len);
        const char *value = options[i][len] == '=' ? options[i] + len + 1 : NULL;

        if (!drill_set_option(&p->script->options, name, value, (struct drill_place){0}, p->error))
            return false;
    }
    return true;
}

static bool parse_script(struct drill_parser *p, const char *const *options, unsigned noptions)
{
    if (!drill_next(p) || !parse_options(p) || !command_line_options(p, options, noptions))
        return false;
    if (strcmp(p->script->options.ip_version, "ipv4") != 0)
        return drill_skip(p->error, (struct drill_place){0}, "%s is not here yet",
                          p->script->options.ip_version);
    if (p->token.kind == TOK_SHELL) {
        p->script->init = p->token.text;
        p->script->init_place = p->token.place;
        if (!drill_next(p))
            return false;
    }
    if (!parse_events(p))
        return false;
    if (p->token.kind == TOK_SHELL) {
        p->script->cleanup = p->token.text;
        p->script->cleanup_place = p->token.place;
        if (!drill_next(p))
            return false;
    }
    if (p->token.kind != TOK_END)
        return drill_unexpected(p, "the end of the script after the last shell line");
    return true;
}

bool drill_parse(struct drill_script *script, const char *text, size_t len, const char *const *options,
                 unsigned noptions, struct drill_error *error)
{
    struct drill_options *o = &script->options;
    struct drill_parser p = {
        .lex = {.text = drill_conditions(error->arena, text, len, options, noptions),
                .len = len,
                .place = {1, 1},
                .options = o,
                .error = error,
                .arena = error->arena},
        .script = script,
        .arena = error->arena,
        .error = error,
    };

    *o = (struct drill_options){
        .local = VT_IP4(192, 168, 0, 2),
        .remote = VT_IP4(192, 0, 2, 1),
        .gateway = VT_IP4(192, 168, 0, 1),
        .prefix = 16,
        .bind_port = 8080,
        .connect_port = 8080,
        .mtu = 1500,
        .tolerance = 4 * VT_MSEC,
        .tolerance_percent = 12 * DRILL_PERCENT + DRILL_PERCENT / 2,
        .ip_version = "ipv4",
    };
    return parse_script(&p, options, noptions);
}

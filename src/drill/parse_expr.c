/* Calls: ... 0.2 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = -1 EINVAL (Invalid argument) */
#include "parse.h"

#define DEPTH 32 /* of expressions in expressions */

static bool parse_expr(struct drill_parser *p, struct drill_expr **expr);

static struct drill_expr *new_expr(struct drill_parser *p, enum drill_expr_kind kind)
{
    struct drill_expr *e = drill_alloc(p->arena, sizeof *e);

    e->kind = kind;
    e->place = p->token.place;
    return e;
}

/* ---- Strings ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The character that a backslash stands for, C's way; *s is behind the backslash, and moves on. */
static char escape(const char **s)
{
    static const char names[] = "abfnrtv", values[] = "\a\b\f\n\r\t\v";
    const char *at;
    int v = 0, digits = 0;
    char c = *(*s)++;

    if (c == 'x') {
        for (; digits < 2 && hex_digit(**s) >= 0; digits++)
            v = v * 16 + hex_digit(*(*s)++);
        return digits != 0 ? (char)v : 'x';
    }
    if (c >= '0' && c <= '7') {
        for (v = c - '0'; digits < 2 && **s >= '0' && **s <= '7'; digits++)
            v = v * 8 + (*(*s)++ - '0');
        return (char)v;
    }
    at = strchr(names, c);
    return at != NULL && c != 0 ? values[at - names] : c;
}

static bool parse_string(struct drill_parser *p, struct drill_expr **expr)
{
    struct drill_expr *e = new_expr(p, DRILL_STRING);
    size_t len = 0;
    char *text = NULL;

    *expr = e;
    while (p->token.kind == TOK_STRING) {
        const char *s = p->token.text, *end = s + p->token.len;
        char *longer = drill_alloc(p->arena, len + p->token.len + 1);

        if (text != NULL)
            memcpy(longer, text, len);
        text = longer;
        while (s < end) {
            if (*s == '\\' && s + 1 < end) {
                s++;
                text[len++] = escape(&s);
            } else {
                text[len++] = *s++;
            }
        }
        if (!drill_next(p))
            return false;
    }
    e->text = text;
    e->len = len;
    /* "abc"... as strace cuts a long string short. */
    return p->token.kind == TOK_ELLIPSIS ? drill_next(p) : true;
}

/* ---- Lists ---- */

/* Expressions with commas between, up to `end`, which is taken. */
static bool parse_list(struct drill_parser *p, char end, struct drill_expr **first, unsigned *count)
{
    bool more = !drill_is_char(p, end);

    *count = 0;
    while (more) {
        if (!parse_expr(p, first))
            return false;
        first = &(*first)->next;
        ++*count;
        if (!drill_take_char(p, ',', &more))
            return false;
    }
    return drill_want_char(p, end, "after the last of these");
}

static bool parse_bracket(struct drill_parser *p, struct drill_expr **expr)
{
    bool list = drill_is_char(p, '[');
    struct drill_expr *e = new_expr(p, list ? DRILL_LIST : DRILL_STRUCT);

    *expr = e;
    return drill_next(p) && parse_list(p, list ? ']' : '}', &e->first, &e->count);
}

/* ---- Words, and what they begin ---- */

static bool parse_word(struct drill_parser *p, struct drill_expr **expr)
{
    struct drill_expr *e = new_expr(p, DRILL_WORD), *field;
    bool call, equals;

    e->text = p->token.text;
    *expr = e;
    if (!drill_next(p) || !drill_take_char(p, '(', &call))
        return false;
    if (call) {
        e->kind = DRILL_CALL;
        if (!parse_list(p, ')', &e->first, &e->count))
            return false;
    }
    if (!drill_take_char(p, '=', &equals))
        return false;
    if (!equals)
        return true;
    field = new_expr(p, DRILL_FIELD);
    field->place = e->place;
    field->text = e->text;
    field->num = call && e->count == 1 && e->first->kind == DRILL_INT ? e->first->num : -1; /* msg_iov(2) */
    *expr = field;
    return parse_expr(p, &field->first);
}

static bool parse_primary(struct drill_parser *p, struct drill_expr **expr)
{
    switch (p->token.kind) {
    case TOK_ELLIPSIS: *expr = new_expr(p, DRILL_ELLIPSIS); return drill_next(p);
    case TOK_INT:
    case TOK_HEX:
        *expr = new_expr(p, DRILL_INT);
        (*expr)->num = p->token.num;
        return drill_next(p);
    case TOK_STRING: return parse_string(p, expr);
    case TOK_WORD: return parse_word(p, expr);
    default: break;
    }
    if (drill_is_char(p, '[') || drill_is_char(p, '{'))
        return parse_bracket(p, expr);
    return drill_unexpected(p, "an argument");
}

static bool parse_or(struct drill_parser *p, struct drill_expr **expr)
{
    struct drill_expr *e;
    bool more;

    if (!parse_primary(p, expr))
        return false;
    /* "a = b | c" took the rest with it. */
    for (;;) {
        if (!drill_take_char(p, '|', &more))
            return false;
        if (!more)
            return true;
        e = new_expr(p, DRILL_OR);
        e->place = (*expr)->place;
        e->first = *expr;
        e->count = 2;
        *expr = e;
        if (!parse_primary(p, &e->first->next))
            return false;
    }
}

static bool parse_expr(struct drill_parser *p, struct drill_expr **expr)
{
    bool ok;

    if (++p->depth > DEPTH)
        return drill_fail(p->error, p->token.place, "more than %d expressions in one another", DEPTH);
    ok = parse_or(p, expr);
    p->depth--;
    return ok;
}

/* ---- The call ---- */

/* (Resource temporarily unavailable), (flags O_RDWR): said for the reader. */
static bool parse_note(struct drill_parser *p)
{
    struct drill_place place = p->token.place;

    if (!drill_is_char(p, '('))
        return true;
    while (!drill_is_char(p, ')')) {
        if (p->token.kind == TOK_END)
            return drill_fail(p->error, place, "this ( has no )");
        if (!drill_next(p))
            return false;
    }
    return drill_next(p);
}

static bool parse_end(struct drill_parser *p, struct drill_call *c)
{
    bool plus;

    c->blocking = p->token.kind == TOK_ELLIPSIS;
    if (!c->blocking)
        return true;
    return drill_next(p) && drill_take_char(p, '+', &plus) && drill_want_time(p, &c->end);
}

bool drill_parse_call(struct drill_parser *p, struct drill_call **call)
{
    struct drill_call *c = drill_alloc(p->arena, sizeof *c);

    *call = c;
    if (!parse_end(p, c))
        return false;
    if (p->token.kind != TOK_WORD)
        return drill_unexpected(p, "the name of a call");
    c->name = p->token.text;
    if (!drill_next(p) || !drill_want_char(p, '(', "after the name of a call") ||
        !parse_list(p, ')', &c->args, &c->nargs) || !drill_want_char(p, '=', "before the result of a call") ||
        !parse_expr(p, &c->result))
        return false;
    if (p->token.kind == TOK_WORD) {
        c->error = p->token.text;
        c->error_place = p->token.place;
        if (!drill_next(p))
            return false;
    }
    return parse_note(p);
}

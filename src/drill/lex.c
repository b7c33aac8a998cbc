#include "lex.h"

#include "base/text.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The character n places on; 0 past the end. */
static char at(const struct drill_lexer *lex, size_t n)
{
    return lex->pos + n < lex->len ? lex->text[lex->pos + n] : 0;
}

static void step(struct drill_lexer *lex, size_t n)
{
    for (; n > 0 && lex->pos < lex->len; n--) {
        if (lex->text[lex->pos++] == '\n') {
            lex->place.line++;
            lex->place.column = 1;
        } else {
            lex->place.column++;
        }
    }
}

/* ---- White space and comments ---- */

static bool skip_comment(struct drill_lexer *lex)
{
    struct drill_place place = lex->place;

    if (at(lex, 1) == '/') {
        while (lex->pos < lex->len && at(lex, 0) != '\n')
            step(lex, 1);
        return true;
    }
    step(lex, 2);
    while (lex->pos < lex->len && !(at(lex, 0) == '*' && at(lex, 1) == '/'))
        step(lex, 1);
    if (lex->pos >= lex->len)
        return drill_fail(lex->error, place, "this comment does not end");
    step(lex, 2);
    return true;
}

static bool skip(struct drill_lexer *lex)
{
    while (lex->pos < lex->len) {
        if (is_space(at(lex, 0)))
            step(lex, 1);
        else if (at(lex, 0) == '/' && (at(lex, 1) == '/' || at(lex, 1) == '*')) {
            if (!skip_comment(lex))
                return false;
        } else
            break;
    }
    return true;
}

/* ---- What lies between two marks ---- */

/* "..." or `...`, in which a backslash takes the next character with it. */
static bool lex_quoted(struct drill_lexer *lex, struct drill_token *t, char quote, enum drill_token_kind kind)
{
    size_t n = 1;

    while (lex->pos + n < lex->len && at(lex, n) != quote)
        n += at(lex, n) == '\\' ? 2 : 1;
    if (lex->pos + n >= lex->len)
        return drill_fail(lex->error, t->place, "this %c has no end", quote);
    t->kind = kind;
    t->text = drill_strndup(lex->arena, lex->text + lex->pos + 1, n - 1);
    t->len = n - 1;
    step(lex, n + 1);
    return true;
}

static bool lex_code(struct drill_lexer *lex, struct drill_token *t)
{
    size_t n = 2;

    while (lex->pos + n < lex->len && !(at(lex, n) == '}' && at(lex, n + 1) == '%'))
        n++;
    if (lex->pos + n >= lex->len)
        return drill_fail(lex->error, t->place, "this %%{ has no }%%");
    t->kind = TOK_CODE;
    t->text = drill_strndup(lex->arena, lex->text + lex->pos + 2, n - 2);
    t->len = n - 2;
    step(lex, n + 2);
    return true;
}

/* ---- Numbers, words, addresses: how long each would be here ---- */

static size_t run(const struct drill_lexer *lex, size_t from, bool (*is)(char))
{
    size_t n = from;

    while (is(at(lex, n)))
        n++;
    return n - from;
}

static size_t int_len(const struct drill_lexer *lex)
{
    size_t sign = at(lex, 0) == '-', digits = run(lex, sign, is_digit);

    return digits != 0 ? sign + digits : 0;
}

static size_t hex_len(const struct drill_lexer *lex)
{
    size_t digits;

    if (at(lex, 0) != '0' || at(lex, 1) != 'x')
        return 0;
    digits = run(lex, 2, is_hex);
    return digits != 0 ? 2 + digits : 0;
}

static size_t float_len(const struct drill_lexer *lex)
{
    size_t n = at(lex, 0) == '-', digits;

    n += run(lex, n, is_digit);
    if (at(lex, n) != '.')
        return 0;
    digits = run(lex, n + 1, is_digit);
    return digits != 0 ? n + 1 + digits : 0;
}

static size_t ip4_len(const struct drill_lexer *lex)
{
    size_t n = 0;

    for (unsigned i = 0; i < 4; i++) {
        size_t digits = run(lex, n, is_digit);

        if (digits == 0)
            return 0;
        n += digits;
        if (i < 3 && at(lex, n++) != '.')
            return 0;
    }
    return n;
}

static bool is_ip6(char c)
{
    return is_hex(c) || c == ':' || c == '.';
}

/* Sequence numbers look like the beginning of an address, 1:1001; but no address has neither "::" nor seven
 * colons. */
static size_t ip6_len(const struct drill_lexer *lex)
{
    size_t n = run(lex, 0, is_ip6), colons = 0;
    bool twice = false;
    char text[VT_IP_TEXT];
    struct vt_ip ip;

    for (size_t i = 0; i < n; i++) {
        colons += at(lex, i) == ':';
        twice |= at(lex, i) == ':' && at(lex, i + 1) == ':';
    }
    if (!twice && colons < 7)
        return 0;
    for (n = n < sizeof text - 1 ? n : sizeof text - 1; n > 1; n--) {
        memcpy(text, lex->text + lex->pos, n);
        text[n] = 0;
        if (strchr(text, ':') != NULL && vt_ip_parse(&ip, text) == 0)
            return n;
    }
    return 0;
}

/* ---- Definitions ---- */

static bool to_int(const char *s, size_t len, int64_t *value)
{
    bool minus = len != 0 && s[0] == '-';
    int base = 10;
    uint64_t v = 0;
    size_t i = minus;

    if (len - i > 2 && s[i] == '0' && s[i + 1] == 'x') {
        base = 16;
        i += 2;
    }
    if (i >= len)
        return false;
    for (; i < len; i++) {
        int digit = is_digit(s[i]) ? s[i] - '0' : is_hex(s[i]) ? (s[i] | 0x20) - 'a' + 10 : 99;

        if (digit >= base || v > (UINT64_MAX - (uint64_t)digit) / (uint64_t)base)
            return false;
        v = v * (uint64_t)base + (uint64_t)digit;
    }
    if (v > (base == 16 ? UINT64_MAX : INT64_MAX))
        return false;
    *value = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

/* A word that --define gave a meaning becomes that: a string, a shell line, a number, or another word. */
static void define(struct drill_lexer *lex, struct drill_token *t)
{
    const struct drill_define *d = lex->options->defines;
    size_t len;

    while (d != NULL && strcmp(d->name, t->text) != 0)
        d = d->next;
    if (d == NULL)
        return;
    len = strlen(d->value);
    if (len >= 2 && (d->value[0] == '"' || d->value[0] == '`') && d->value[len - 1] == d->value[0]) {
        t->kind = d->value[0] == '"' ? TOK_STRING : TOK_SHELL;
        t->text = drill_strndup(lex->arena, d->value + 1, len - 2);
        t->len = len - 2;
        return;
    }
    t->text = d->value;
    t->len = len;
    if (to_int(d->value, len, &t->num))
        t->kind = TOK_INT;
}

/* ---- A token ---- */

static bool lex_longest(struct drill_lexer *lex, struct drill_token *t)
{
    static const enum drill_token_kind kind[] = {TOK_FLOAT, TOK_INT, TOK_HEX, TOK_WORD, TOK_IPV4, TOK_IPV6};
    const size_t len[] = {float_len(lex),       int_len(lex), hex_len(lex),
                          run(lex, 0, is_word), ip4_len(lex), ip6_len(lex)};
    unsigned best = 0;

    for (unsigned i = 1; i < sizeof len / sizeof *len; i++)
        if (len[i] > len[best])
            best = i;
    if (len[best] == 0) {
        t->kind = TOK_CHAR;
        t->ch = at(lex, 0);
        step(lex, 1);
        return true;
    }
    t->kind = kind[best];
    t->len = len[best];
    t->text = drill_strndup(lex->arena, lex->text + lex->pos, len[best]);
    step(lex, len[best]);
    /* A run of digits too long for a number may still be a cookie. */
    if ((t->kind == TOK_INT || t->kind == TOK_HEX) && !to_int(t->text, t->len, &t->num))
        t->kind = TOK_WORD;
    if (t->kind == TOK_WORD)
        define(lex, t);
    return true;
}

bool drill_lex(struct drill_lexer *lex, struct drill_token *t)
{
    size_t n;

    if (!skip(lex))
        return false;
    *t = (struct drill_token){.place = lex->place, .text = ""};
    if (lex->pos >= lex->len)
        return true;
    switch (at(lex, 0)) {
    case 0: return drill_fail(lex->error, lex->place, "a zero byte: this is no text");
    case '"': return lex_quoted(lex, t, '"', TOK_STRING);
    case '`': return lex_quoted(lex, t, '`', TOK_SHELL);
    default: break;
    }
    if (at(lex, 0) == '%' && at(lex, 1) == '{')
        return lex_code(lex, t);
    if (at(lex, 0) == '.' && at(lex, 1) == '.' && at(lex, 2) == '.') {
        t->kind = TOK_ELLIPSIS;
        step(lex, 3);
        return true;
    }
    n = run(lex, 2, is_word);
    if (at(lex, 0) == '-' && at(lex, 1) == '-' && n != 0) {
        t->kind = TOK_OPTION;
        t->text = drill_strndup(lex->arena, lex->text + lex->pos + 2, n);
        t->len = n;
        step(lex, n + 2);
        return true;
    }
    return lex_longest(lex, t);
}

bool drill_lex_value(struct drill_lexer *lex, const char **value)
{
    struct drill_place place;
    char quote = 0;
    size_t n = 0;

    *value = NULL;
    while (at(lex, 0) == ' ' || at(lex, 0) == '\t')
        step(lex, 1);
    if (at(lex, 0) != '=')
        return true;
    step(lex, 1);
    while (at(lex, 0) == ' ' || at(lex, 0) == '\t')
        step(lex, 1);
    place = lex->place;
    for (; lex->pos + n < lex->len; n++) {
        char c = at(lex, n);

        if (quote != 0) {
            quote = c == quote ? 0 : quote;
        } else if (is_space(c)) {
            break;
        } else if (c == '"' || c == '`') {
            quote = c;
        }
    }
    if (quote != 0)
        return drill_fail(lex->error, place, "this %c has no end", quote);
    if (n >= 2 && at(lex, 0) == '"' && at(lex, n - 1) == '"')
        *value = drill_strndup(lex->arena, lex->text + lex->pos + 1, n - 2);
    else
        *value = drill_strndup(lex->arena, lex->text + lex->pos, n);
    step(lex, n);
    return true;
}

const char *drill_token_text(struct drill_arena *a, const struct drill_token *t)
{
    switch (t->kind) {
    case TOK_END: return "the end of the script";
    case TOK_STRING: return drill_printf(a, "\"%s\"", t->text);
    case TOK_SHELL: return "a shell line";
    case TOK_CODE: return "a code block";
    case TOK_OPTION: return drill_printf(a, "--%s", t->text);
    case TOK_ELLIPSIS: return "'...'";
    case TOK_CHAR: return drill_printf(a, "'%c'", t->ch);
    default: return drill_printf(a, "'%s'", t->text);
    }
}

/* Running a code block: assert, print, assignments, if; expressions as Python has them. */
#include <stdlib.h>
#include "code.h"

#define DEPTH 64

struct variable {
    struct variable *next;
    const char *name;
    struct drill_value value;
};

struct drill_code {
    struct variable *variables;
};

/* The reader of one block: text, where it stands, and what is known. */
struct code {
    struct drill_run *r;
    const struct drill_facts *facts;
    const char *text;
    size_t pos, end;          /* of the statement that is read */
    struct drill_place place; /* of the block */
    unsigned depth, open;     /* brackets: inside of them a line's end is space */
};

static bool eval(struct code *c, bool live, struct drill_value *out);

/* ---- Characters ---- */

static struct drill_place place_of(const struct code *c, size_t pos)
{
    struct drill_place p = c->place;

    /* The block's text begins behind its "%{". */
    p.column += 2;
    for (size_t i = 0; i < pos; i++) {
        if (c->text[i] == '\n') {
            p.line++;
            p.column = 1;
        } else {
            p.column++;
        }
    }
    return p;
}

static bool wrong(struct code *c, const char *message)
{
    return drill_fail(c->r->error, place_of(c, c->pos), "%s", message);
}

static char peek(const struct code *c, size_t n)
{
    return c->pos + n < c->end ? c->text[c->pos + n] : 0;
}

static bool is_name(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '_';
}

static void skip(struct code *c)
{
    for (;;) {
        char ch = peek(c, 0);

        if (ch == '#')
            while (c->pos < c->end && peek(c, 0) != '\n')
                c->pos++;
        else if (ch == ' ' || ch == '\t' || ch == '\r' || (ch == '\n' && c->open > 0))
            c->pos++;
        else if (ch == '\\' && peek(c, 1) == '\n')
            c->pos += 2;
        else
            return;
    }
}

/* Takes `op` when it stands here; a word only when it ends there. */
static bool take(struct code *c, const char *op)
{
    size_t len = strlen(op);

    skip(c);
    for (size_t i = 0; i < len; i++)
        if (peek(c, i) != op[i])
            return false;
    if (is_name(op[0]) && is_name(peek(c, len)))
        return false;
    c->pos += len;
    return true;
}

static const char *word(struct code *c)
{
    size_t n = 0;

    skip(c);
    while (is_name(peek(c, n)))
        n++;
    if (n == 0 || (peek(c, 0) >= '0' && peek(c, 0) <= '9'))
        return NULL;
    c->pos += n;
    return drill_strndup(c->r->arena, c->text + c->pos - n, n);
}

/* ---- Literals ---- */

static bool number(struct code *c, struct drill_value *out)
{
    const char *s = c->text + c->pos;
    char *end_int, *end_float;
    unsigned long long v = strtoull(s, &end_int, 0);
    double f = strtod(s, &end_float);

    if (end_float > end_int) {
        *out = (struct drill_value){.kind = DRILL_V_FLOAT, .f = f};
        c->pos += (size_t)(end_float - s);
    } else {
        *out = (struct drill_value){.kind = DRILL_V_INT, .i = v};
        c->pos += (size_t)(end_int - s);
    }
    return is_name(peek(c, 0)) ? wrong(c, "this is no number") : true;
}

static bool string(struct code *c, struct drill_value *out)
{
    char quote = peek(c, 0), *text = drill_alloc(c->r->arena, c->end - c->pos + 1);
    size_t n = 0;

    for (c->pos++; peek(c, 0) != quote; c->pos++) {
        if (peek(c, 0) == 0 || peek(c, 0) == '\n')
            return wrong(c, "this text does not end");
        if (peek(c, 0) == '\\') {
            c->pos++;
            text[n++] = peek(c, 0) == 'n' ? '\n' : peek(c, 0) == 't' ? '\t' : peek(c, 0);
        } else {
            text[n++] = peek(c, 0);
        }
    }
    c->pos++;
    *out = (struct drill_value){.kind = DRILL_V_TEXT, .s = text};
    return true;
}

/* ---- Lists of expressions ---- */

/* Up to `end`, which is taken; *comma tells whether one stood in it. */
static bool list(struct code *c, bool live, char end, struct drill_value *out, bool *comma)
{
    unsigned cap = 0;

    *comma = false;
    *out = (struct drill_value){.kind = DRILL_V_TUPLE};
    c->open++;
    for (;;) {
        skip(c);
        if (peek(c, 0) == end)
            break;
        if (out->n == cap) {
            struct drill_value *more = drill_alloc(c->r->arena, (cap = cap * 2 + 4) * sizeof *more);

            if (out->n != 0)
                memcpy(more, out->item, out->n * sizeof *more);
            out->item = more;
        }
        if (!eval(c, live, &out->item[out->n]))
            return false;
        out->n++;
        if (!take(c, ","))
            break;
        *comma = true;
    }
    skip(c);
    if (peek(c, 0) != end)
        return wrong(c, end == ')' ? "wanted ')'" : "wanted ']'");
    c->pos++;
    c->open--;
    return true;
}

static bool extreme(struct code *c, const char *op, const struct drill_value *args, struct drill_value *out)
{
    const struct drill_value *item = args->n == 1 && args->item[0].kind == DRILL_V_TUPLE ? args->item[0].item
                                                                                         : args->item;
    unsigned n = item == args->item ? args->n : args->item[0].n;
    const char *why;
    bool better;

    if (n == 0)
        return wrong(c, "of nothing there is neither least nor most");
    *out = item[0];
    for (unsigned i = 1; i < n; i++) {
        if (!drill_v_compare(op, &item[i], out, &better, &why))
            return wrong(c, why);
        if (better)
            *out = item[i];
    }
    return true;
}

static bool call(struct code *c, bool live, const char *name, struct drill_value *out)
{
    struct drill_value args, zero = {.kind = DRILL_V_INT};
    const char *why = NULL, *text = "";
    bool comma, below;

    if (!list(c, live, ')', &args, &comma))
        return false;
    *out = (struct drill_value){.kind = DRILL_V_NONE};
    if (!live)
        return true;
    if (strcmp(name, "print") == 0) {
        for (unsigned i = 0; i < args.n; i++)
            text = drill_printf(c->r->arena, "%s%s%s", text, i != 0 ? " " : "",
                                drill_v_text(c->r->arena, &args.item[i], false));
        drill_tell(c->r, "%s", text);
        return true;
    }
    if (strcmp(name, "min") == 0 || strcmp(name, "max") == 0)
        return extreme(c, name[1] == 'i' ? "<" : ">", &args, out);
    if (args.n != 1)
        return wrong(c, "this wants one argument");
    *out = args.item[0];
    if (strcmp(name, "abs") == 0) {
        if (!drill_v_compare("<", out, &zero, &below, &why) ||
            (below && !drill_v_unary('-', &args.item[0], out, &why)))
            return wrong(c, why);
    } else if (strcmp(name, "str") == 0) {
        *out = (struct drill_value){.kind = DRILL_V_TEXT,
                                    .s = drill_v_text(c->r->arena, &args.item[0], false)};
    } else if (strcmp(name, "len") == 0) {
        *out = (struct drill_value){.kind = DRILL_V_INT,
                                    .i = out->kind == DRILL_V_TEXT ? (drill_wide)strlen(out->s) : out->n};
    } else if (strcmp(name, "bool") == 0) {
        *out = (struct drill_value){.kind = DRILL_V_BOOL, .i = drill_v_true(&args.item[0])};
    } else if (strcmp(name, "int") == 0 || strcmp(name, "float") == 0 || strcmp(name, "round") == 0) {
        double f = out->kind == DRILL_V_FLOAT ? out->f + (name[0] == 'r' ? (out->f < 0 ? -0.5 : 0.5) : 0)
                                              : (double)out->i;

        if (name[0] == 'f')
            *out = (struct drill_value){.kind = DRILL_V_FLOAT, .f = f};
        else if (out->kind == DRILL_V_FLOAT)
            *out = (struct drill_value){.kind = DRILL_V_INT, .i = (drill_wide)f};
    } else {
        return drill_skip(c->r->error, place_of(c, c->pos), "the function %s is not here", name);
    }
    return true;
}

/* ---- Expressions, the tightest first ---- */

static bool lookup(struct code *c, const char *name, struct drill_value *out)
{
    const struct variable *v = c->r->code->variables;

    while (v != NULL && strcmp(v->name, name) != 0)
        v = v->next;
    if (v != NULL) {
        *out = v->value;
        return true;
    }
    *out = (struct drill_value){.kind = DRILL_V_INT};
    if (drill_facts_get(c->facts, name, &out->i))
        return true;
    c->pos -= strlen(name);
    return drill_fail(c->r->error, place_of(c, c->pos), "there is no %s%s", name,
                      strncmp(name, "tcpi_", 5) == 0 ? ": the host does not tell it, or no connection is open"
                                                     : "");
}

static bool name_or_call(struct code *c, bool live, struct drill_value *out)
{
    static const struct {
        const char *name;
        struct drill_value value;
    } known[] = {{"True", {.kind = DRILL_V_BOOL, .i = 1}},
                 {"False", {.kind = DRILL_V_BOOL}},
                 {"None", {.kind = DRILL_V_NONE}}};
    const char *name = word(c);

    if (name == NULL)
        return wrong(c, "wanted a value");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0) {
            *out = known[i].value;
            return true;
        }
    if (take(c, "("))
        return call(c, live, name, out);
    *out = (struct drill_value){.kind = DRILL_V_NONE};
    return !live || lookup(c, name, out);
}

static bool primary(struct code *c, bool live, struct drill_value *out)
{
    struct drill_value more;
    const char *why;
    bool comma;

    skip(c);
    if ((peek(c, 0) >= '0' && peek(c, 0) <= '9') || peek(c, 0) == '.')
        return number(c, out);
    if (peek(c, 0) == '\'' || peek(c, 0) == '"') {
        if (!string(c, out))
            return false;
        for (skip(c); peek(c, 0) == '\'' || peek(c, 0) == '"'; skip(c))
            if (!string(c, &more) || !drill_v_binary(c->r->arena, "+", out, &more, out, &why))
                return false;
        return true;
    }
    if (take(c, "[")) /* a list is as good as a tuple */
        return list(c, live, ']', out, &comma);
    if (!take(c, "("))
        return name_or_call(c, live, out);
    if (!list(c, live, ')', out, &comma))
        return false;
    if (out->n == 1 && !comma)
        *out = out->item[0];
    return true;
}

static bool unary(struct code *c, bool live, struct drill_value *out);

static bool power(struct code *c, bool live, struct drill_value *out)
{
    struct drill_value x, y;
    const char *why = NULL;

    if (!primary(c, live, &x))
        return false;
    *out = x;
    if (!take(c, "**"))
        return true;
    if (!unary(c, live, &y))
        return false;
    return !live || drill_v_binary(c->r->arena, "**", &x, &y, out, &why) || wrong(c, why);
}

static bool unary(struct code *c, bool live, struct drill_value *out)
{
    struct drill_value x;
    const char *why = NULL;
    char op;
    bool ok;

    skip(c);
    op = peek(c, 0);
    if (op != '-' && op != '+' && op != '~')
        return power(c, live, out);
    c->pos++;
    if (++c->depth > DEPTH)
        return wrong(c, "too deep");
    ok = unary(c, live, &x);
    c->depth--;
    if (!ok)
        return false;
    *out = x;
    return !live || drill_v_unary(op, &x, out, &why) || wrong(c, why);
}

/* Binary operators, the tightest level first; of a level, those that begin like another stand in front. */
#define LEVELS 6
static const char *const operators[LEVELS][5] = {
    {"//", "/", "*", "%"}, {"+", "-"}, {"<<", ">>"}, {"&"}, {"^"}, {"|"},
};

/* Not a part of a longer one: `a ** b` is no product, `a += b` no sum. */
static bool take_operator(struct code *c, const char *op)
{
    size_t len = strlen(op);

    skip(c);
    if (strcmp(op, "*") == 0 && peek(c, 1) == '*')
        return false;
    if (peek(c, len) == '=' && op[0] != '<' && op[0] != '>')
        return false;
    return take(c, op);
}

static bool binary(struct code *c, bool live, unsigned level, struct drill_value *out)
{
    struct drill_value x, y;
    const char *why = NULL;
    unsigned i = 0;

    if (level == 0 ? !unary(c, live, out) : !binary(c, live, level - 1, out))
        return false;
    while (i < 5 && operators[level][i] != NULL) {
        const char *op = operators[level][i];

        if (!take_operator(c, op)) {
            i++;
            continue;
        }
        x = *out;
        if (level == 0 ? !unary(c, live, &y) : !binary(c, live, level - 1, &y))
            return false;
        if (live && !drill_v_binary(c->r->arena, op, &x, &y, out, &why))
            return wrong(c, why);
        i = 0;
    }
    return true;
}

static const char *comparison(struct code *c, bool *negated)
{
    static const char *const ops[] = {"<=", ">=", "==", "!=", "<", ">"};

    *negated = false;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (take(c, ops[i]))
            return ops[i];
    if (take(c, "in"))
        return "in";
    if (take(c, "is")) {
        *negated = take(c, "not");
        return "is";
    }
    if (take(c, "not")) {
        *negated = true;
        return take(c, "in") ? "in" : NULL;
    }
    return NULL;
}

/* a < b <= c is a < b and b <= c. */
static bool compare(struct code *c, bool live, struct drill_value *out)
{
    struct drill_value x, y;
    bool all = true, any = false, one = false, negated;
    const char *op, *why = NULL;

    if (!binary(c, live, LEVELS - 1, &x))
        return false;
    *out = x;
    while ((op = comparison(c, &negated)) != NULL) {
        any = true;
        if (!binary(c, live, LEVELS - 1, &y))
            return false;
        if (live && !drill_v_compare(op, &x, &y, &one, &why))
            return wrong(c, why);
        all = all && one != negated;
        x = y;
    }
    if (any)
        *out = (struct drill_value){.kind = DRILL_V_BOOL, .i = all};
    return true;
}

static bool negation(struct code *c, bool live, struct drill_value *out)
{
    bool ok;

    if (!take(c, "not"))
        return compare(c, live, out);
    if (++c->depth > DEPTH)
        return wrong(c, "too deep");
    ok = negation(c, live, out);
    c->depth--;
    *out = (struct drill_value){.kind = DRILL_V_BOOL, .i = ok && !drill_v_true(out)};
    return ok;
}

static bool conjunction(struct code *c, bool live, struct drill_value *out)
{
    struct drill_value y;

    if (!negation(c, live, out))
        return false;
    while (take(c, "and")) {
        bool go_on = live && drill_v_true(out);

        if (!negation(c, go_on, &y))
            return false;
        if (go_on)
            *out = y;
    }
    return true;
}

static bool disjunction(struct code *c, bool live, struct drill_value *out)
{
    struct drill_value y;

    if (!conjunction(c, live, out))
        return false;
    while (take(c, "or")) {
        bool go_on = live && !drill_v_true(out);

        if (!conjunction(c, go_on, &y))
            return false;
        if (go_on)
            *out = y;
    }
    return true;
}

/* a if b else c: what is tested stands behind, so the front is read twice. */
static bool eval(struct code *c, bool live, struct drill_value *out)
{
    struct drill_value test, other;
    size_t start = c->pos, behind;
    bool ok = true;

    if (++c->depth > DEPTH)
        return wrong(c, "too deep");
    ok = disjunction(c, false, out);
    if (ok && take(c, "if")) {
        ok = disjunction(c, live, &test) && (take(c, "else") || wrong(c, "wanted 'else'"));
        ok = ok && eval(c, live && !drill_v_true(&test), &other);
        behind = c->pos;
        if (ok && live && drill_v_true(&test)) {
            c->pos = start;
            ok = disjunction(c, true, out);
            c->pos = behind;
        } else {
            *out = other;
        }
    } else if (ok && live) {
        c->pos = start;
        ok = disjunction(c, true, out);
    }
    c->depth--;
    return ok;
}

/* ---- Statements ---- */

static bool assign(struct code *c, const char *name, const struct drill_value *value)
{
    struct variable *v = c->r->code->variables;

    while (v != NULL && strcmp(v->name, name) != 0)
        v = v->next;
    if (v == NULL) {
        v = drill_alloc(c->r->arena, sizeof *v);
        v->name = name;
        v->next = c->r->code->variables;
        c->r->code->variables = v;
    }
    v->value = *value;
    return true;
}

static const char *statement_text(struct code *c, size_t from, size_t to)
{
    while (to > from && strchr(" \t\r\n", c->text[to - 1]) != NULL)
        to--;
    return drill_strndup(c->r->arena, c->text + from, to - from);
}

static bool run_assert(struct code *c)
{
    struct drill_value v, message = {.kind = DRILL_V_NONE};
    size_t from, to;

    skip(c);
    from = c->pos;
    if (!eval(c, true, &v))
        return false;
    to = c->pos;
    if (take(c, ",") && !eval(c, !drill_v_true(&v), &message))
        return false;
    if (drill_v_true(&v))
        return true;
    c->r->error->expected = statement_text(c, from, to);
    if (message.kind != DRILL_V_NONE)
        c->r->error->actual = drill_v_text(c->r->arena, &message, false);
    c->pos = from;
    return wrong(c, "this does not hold");
}

/* x = 1, x += 1, or an expression for its own sake. */
static bool run_expression(struct code *c)
{
    static const char *const ops[] = {"+", "-", "*", "//", "/", "%", "&", "|", "^", "<<", ">>"};
    struct drill_value v, old;
    size_t start = c->pos;
    const char *name = word(c), *why = NULL;

    skip(c);
    if (name != NULL && peek(c, 0) == '=' && peek(c, 1) != '=') {
        c->pos++;
        return eval(c, true, &v) && assign(c, name, &v);
    }
    for (size_t i = 0; name != NULL && i < sizeof ops / sizeof *ops; i++) {
        if (!take(c, drill_printf(c->r->arena, "%s=", ops[i])))
            continue;
        if (!lookup(c, name, &old) || !eval(c, true, &v))
            return false;
        if (!drill_v_binary(c->r->arena, ops[i], &old, &v, &v, &why))
            return wrong(c, why);
        return assign(c, name, &v);
    }
    c->pos = start;
    return eval(c, true, &v);
}

static bool run_simple(struct code *c)
{
    static const char *const strangers[] = {"import", "from", "def",    "for",    "while", "class",
                                            "try",    "with", "return", "global", "lambda"};

    for (;;) {
        skip(c);
        if (peek(c, 0) == 0 || peek(c, 0) == '\n')
            return true;
        for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
            if (take(c, strangers[i]))
                return drill_skip(c->r->error, place_of(c, c->pos), "'%s' is not here", strangers[i]);
        if (!take(c, "pass") && !(take(c, "assert") ? run_assert(c) : run_expression(c)))
            return false;
        skip(c);
        if (peek(c, 0) != 0 && peek(c, 0) != '\n' && !take(c, ";"))
            return wrong(c, "wanted the end of the statement");
    }
}

/* ---- Blocks, by how far their lines are indented ---- */

/* The next line that holds something: c->pos at its first character; its indent, -1 at the end. */
static int next_line(struct code *c)
{
    for (;;) {
        int indent = 0;

        while (peek(c, 0) == ' ' || peek(c, 0) == '\t') {
            indent += peek(c, 0) == '\t' ? 8 - indent % 8 : 1;
            c->pos++;
        }
        if (peek(c, 0) == '#')
            while (peek(c, 0) != 0 && peek(c, 0) != '\n')
                c->pos++;
        if (peek(c, 0) == 0)
            return -1;
        if (peek(c, 0) != '\n' && peek(c, 0) != '\r')
            return indent;
        c->pos++;
    }
}

static bool run_block(struct code *c, int indent, bool live);

/* Passes over a statement without looking into it. */
static void pass_over(struct code *c)
{
    unsigned open = 0;
    char quote = 0;

    for (; peek(c, 0) != 0 && (peek(c, 0) != '\n' || open > 0); c->pos++) {
        char ch = peek(c, 0);

        if (quote != 0)
            quote = ch == quote ? 0 : quote;
        else if (ch == '\'' || ch == '"')
            quote = ch;
        else if (strchr("([{", ch) != NULL)
            open++;
        else if (strchr(")]}", ch) != NULL && open > 0)
            open--;
    }
}

/* What follows a colon: the rest of the line, or the lines that are further in. */
static bool run_suite(struct code *c, int indent, bool live)
{
    size_t line;
    int inner;

    if (!take(c, ":"))
        return wrong(c, "wanted ':'");
    skip(c);
    if (peek(c, 0) != 0 && peek(c, 0) != '\n') {
        if (live)
            return run_simple(c);
        pass_over(c);
        return true;
    }
    line = c->pos;
    inner = next_line(c);
    if (inner <= indent)
        return wrong(c, "wanted a line that is further in");
    c->pos = line;
    return run_block(c, inner, live);
}

static bool run_if(struct code *c, int indent, bool live)
{
    struct drill_value v;
    bool done = false;

    for (;;) {
        size_t line;
        bool now;

        if (!eval(c, live && !done, &v))
            return false;
        now = live && !done && drill_v_true(&v);
        if (!run_suite(c, indent, now))
            return false;
        done |= now;
        line = c->pos;
        if (next_line(c) != indent) {
            c->pos = line;
            return true;
        }
        if (take(c, "elif"))
            continue;
        if (take(c, "else"))
            return run_suite(c, indent, live && !done);
        c->pos = line;
        return true;
    }
}

/* Lines of this indent, until one that is further out. */
static bool run_block(struct code *c, int indent, bool live)
{
    for (;;) {
        size_t line = c->pos;
        int here = next_line(c);

        if (here < indent) {
            c->pos = here < 0 ? c->pos : line;
            return true;
        }
        if (here > indent)
            return wrong(c, "this line is further in than the one before");
        if (take(c, "if")) {
            if (!run_if(c, indent, live))
                return false;
        } else if (!live) {
            pass_over(c);
        } else if (!run_simple(c)) {
            return false;
        }
    }
}

/* Where `next_line` begins to count the first line is behind "%{": blanks there mean nothing. */
bool drill_run_code(struct drill_run *r)
{
    const char *text = r->event->text;
    struct drill_conn *under_test = r->under_test;
    struct code c = {.r = r, .text = text, .end = strlen(text), .place = r->event->text_place};
    int fd = -1, indent;
    size_t start;

    if (r->code == NULL)
        r->code = drill_alloc(r->arena, sizeof *r->code);
    if (under_test != NULL && under_test->script_fd >= 0 && r->fd[under_test->script_fd].conn == under_test)
        fd = r->fd[under_test->script_fd].live;
    c.facts = drill_facts_new(r, fd);
    start = strspn(text, " \t");
    c.pos = start;
    if (next_line(&c) < 0)
        return true;
    if (memchr(text, '\n', c.pos) == NULL) {
        /* The first statement stands on the line of "%{". */
        c.pos = start;
        indent = 0;
    } else {
        c.pos = (size_t)((const char *)memrchr(text, '\n', c.pos) - text) + 1;
        start = c.pos;
        indent = next_line(&c);
        c.pos = start;
    }
    if (!run_block(&c, indent, true))
        return false;
    return next_line(&c) < 0 || wrong(&c, "this line is further out than the first");
}

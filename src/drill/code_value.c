#include <math.h>
#include <stdlib.h>
#include "code.h"

static bool is_int(const struct drill_value *v)
{
    return v->kind == DRILL_V_INT || v->kind == DRILL_V_BOOL;
}

static bool is_number(const struct drill_value *v)
{
    return is_int(v) || v->kind == DRILL_V_FLOAT;
}

static double to_float(const struct drill_value *v)
{
    return v->kind == DRILL_V_FLOAT ? v->f : (double)v->i;
}

bool drill_v_true(const struct drill_value *v)
{
    switch (v->kind) {
    case DRILL_V_NONE: return false;
    case DRILL_V_FLOAT: return fpclassify(v->f) != FP_ZERO;
    case DRILL_V_TEXT: return v->s[0] != 0;
    case DRILL_V_TUPLE: return v->n != 0;
    default: return v->i != 0;
    }
}

/* ---- Text ---- */

static const char *int_text(struct drill_arena *a, drill_wide i)
{
    char digits[48], *at = digits + sizeof digits;
    unsigned __int128 u = i < 0 ? -(unsigned __int128)i : (unsigned __int128)i;

    *--at = 0;
    do
        *--at = (char)('0' + (int)(u % 10));
    while ((u /= 10) != 0);
    if (i < 0)
        *--at = '-';
    return drill_printf(a, "%s", at);
}

static const char *tuple_text(struct drill_arena *a, const struct drill_value *v)
{
    const char *text = "";

    for (unsigned i = 0; i < v->n; i++)
        text = drill_printf(a, "%s%s%s", text, i != 0 ? ", " : "", drill_v_text(a, &v->item[i], true));
    return drill_printf(a, v->n == 1 ? "(%s,)" : "(%s)", text);
}

const char *drill_v_text(struct drill_arena *a, const struct drill_value *v, bool quoted)
{
    switch (v->kind) {
    case DRILL_V_NONE: return "None";
    case DRILL_V_BOOL: return v->i != 0 ? "True" : "False";
    case DRILL_V_INT: return int_text(a, v->i);
    case DRILL_V_FLOAT: return drill_printf(a, "%.12g", v->f);
    case DRILL_V_TEXT: return quoted ? drill_printf(a, "'%s'", v->s) : v->s;
    case DRILL_V_TUPLE: return tuple_text(a, v);
    }
    return "";
}

/* One conversion of 'text %d' % value. */
static const char *convert(struct drill_arena *a, const char *flags, char c, const struct drill_value *v)
{
    char format[40];

    if (strchr("dui", c) != NULL && is_number(v)) {
        snprintf(format, sizeof format, "%%%ss", flags);
        return drill_printf(a, format,
                            v->kind == DRILL_V_FLOAT ? int_text(a, (drill_wide)v->f) : int_text(a, v->i));
    }
    if (strchr("xXo", c) != NULL && is_int(v)) {
        snprintf(format, sizeof format, "%%%sll%c", flags, c);
        return drill_printf(a, format, (long long)v->i);
    }
    if (strchr("feg", c) != NULL && is_number(v)) {
        snprintf(format, sizeof format, "%%%s%c", flags, c);
        return drill_printf(a, format, to_float(v));
    }
    if (c != 's' && c != 'r')
        return NULL;
    snprintf(format, sizeof format, "%%%ss", flags);
    return drill_printf(a, format, drill_v_text(a, v, c == 'r'));
}

static bool format_text(struct drill_arena *a, const char *format, const struct drill_value *v,
                        struct drill_value *out, const char **why)
{
    const struct drill_value *item = v->kind == DRILL_V_TUPLE ? v->item : v;
    unsigned left = v->kind == DRILL_V_TUPLE ? v->n : 1;
    const char *text = "", *s = format;

    while (*s != 0) {
        size_t plain = strcspn(s, "%"), flags;
        const char *piece;

        text = drill_printf(a, "%s%.*s", text, (int)plain, s);
        s += plain;
        if (*s == 0)
            break;
        if (*++s == '%') {
            text = drill_printf(a, "%s%%", text);
            s++;
            continue;
        }
        flags = strspn(s, "0123456789.-+ #");
        piece = left != 0 && flags < 16 && s[flags] != 0
                    ? convert(a, drill_strndup(a, s, flags), s[flags], item)
                    : NULL;
        if (piece == NULL) {
            *why = "the text's % and its values do not fit";
            return false;
        }
        item++;
        left--;
        text = drill_printf(a, "%s%s", text, piece);
        s += flags + 1;
    }
    *out = (struct drill_value){.kind = DRILL_V_TEXT, .s = text};
    return true;
}

/* ---- Arithmetic ---- */

static drill_wide floor_div(drill_wide x, drill_wide y)
{
    drill_wide q = x / y;

    return x % y != 0 && (x < 0) != (y < 0) ? q - 1 : q;
}

static bool power(drill_wide x, drill_wide n, drill_wide *out)
{
    *out = 1;
    for (; n > 0; n--)
        if (__builtin_mul_overflow(*out, x, out))
            return false;
    return true;
}

static bool int_binary(const char *op, drill_wide x, drill_wide y, drill_wide *out, const char **why)
{
    bool over = false;

    *why = "the numbers are too large";
    if ((op[0] == '/' || op[0] == '%') && y == 0) {
        *why = "division by zero";
        return false;
    }
    if ((strcmp(op, "<<") == 0 || strcmp(op, ">>") == 0 || strcmp(op, "**") == 0) && (y < 0 || y > 126))
        return false;
    if (strcmp(op, "+") == 0)
        over = __builtin_add_overflow(x, y, out);
    else if (strcmp(op, "-") == 0)
        over = __builtin_sub_overflow(x, y, out);
    else if (strcmp(op, "*") == 0)
        over = __builtin_mul_overflow(x, y, out);
    else if (strcmp(op, "**") == 0)
        over = !power(x, y, out);
    else if (strcmp(op, "//") == 0)
        *out = floor_div(x, y);
    else if (strcmp(op, "%") == 0)
        *out = x - floor_div(x, y) * y;
    else if (strcmp(op, "<<") == 0)
        over = __builtin_mul_overflow(x, (drill_wide)1 << (int)y, out);
    else if (strcmp(op, ">>") == 0)
        *out = x >> (int)y;
    else
        *out = op[0] == '&' ? (x & y) : op[0] == '|' ? (x | y) : (x ^ y);
    return !over;
}

static bool float_binary(const char *op, double x, double y, struct drill_value *out, const char **why)
{
    double v;

    if (strcmp(op, "+") == 0)
        v = x + y;
    else if (strcmp(op, "-") == 0)
        v = x - y;
    else if (strcmp(op, "*") == 0)
        v = x * y;
    else if (op[0] == '/' && fpclassify(y) == FP_ZERO) {
        *why = "division by zero";
        return false;
    } else if (strcmp(op, "/") == 0)
        v = x / y;
    else if (strcmp(op, "//") == 0)
        v = floor(x / y);
    else if (strcmp(op, "**") == 0)
        v = pow(x, y);
    else {
        *why = "this cannot be reckoned with fractions";
        return false;
    }
    *out = (struct drill_value){.kind = DRILL_V_FLOAT, .f = v};
    return true;
}

bool drill_v_binary(struct drill_arena *a, const char *op, const struct drill_value *x,
                    const struct drill_value *y, struct drill_value *out, const char **why)
{
    drill_wide sum;

    if (x->kind == DRILL_V_TEXT && strcmp(op, "%") == 0)
        return format_text(a, x->s, y, out, why);
    if (x->kind == DRILL_V_TEXT && y->kind == DRILL_V_TEXT && strcmp(op, "+") == 0) {
        *out = (struct drill_value){.kind = DRILL_V_TEXT, .s = drill_printf(a, "%s%s", x->s, y->s)};
        return true;
    }
    if (!is_number(x) || !is_number(y)) {
        *why = "this can be reckoned with numbers only";
        return false;
    }
    if (x->kind == DRILL_V_FLOAT || y->kind == DRILL_V_FLOAT || strcmp(op, "/") == 0)
        return float_binary(op, to_float(x), to_float(y), out, why);
    /* `out` may be one of the two. */
    if (!int_binary(op, x->i, y->i, &sum, why))
        return false;
    *out = (struct drill_value){.kind = DRILL_V_INT, .i = sum};
    return true;
}

bool drill_v_unary(char op, const struct drill_value *x, struct drill_value *out, const char **why)
{
    *out = *x;
    if (!is_number(x) || (op == '~' && !is_int(x))) {
        *why = "this can be reckoned with numbers only";
        return false;
    }
    if (out->kind == DRILL_V_BOOL)
        out->kind = DRILL_V_INT;
    if (op == '-') {
        out->i = -x->i;
        out->f = -x->f;
    } else if (op == '~') {
        out->i = ~x->i;
    }
    return true;
}

/* ---- Comparison ---- */

static int order(const struct drill_value *x, const struct drill_value *y)
{
    double a, b;

    if (x->kind == DRILL_V_TEXT)
        return strcmp(x->s, y->s);
    if (is_int(x) && is_int(y))
        return x->i < y->i ? -1 : x->i > y->i;
    a = to_float(x);
    b = to_float(y);
    return a < b ? -1 : a > b;
}

static bool equal(const struct drill_value *x, const struct drill_value *y)
{
    if (x->kind == DRILL_V_TUPLE && y->kind == DRILL_V_TUPLE) {
        for (unsigned i = 0; i < x->n && x->n == y->n; i++)
            if (!equal(&x->item[i], &y->item[i]))
                return false;
        return x->n == y->n;
    }
    if (is_number(x) && is_number(y))
        return order(x, y) == 0;
    if (x->kind == DRILL_V_TEXT && y->kind == DRILL_V_TEXT)
        return strcmp(x->s, y->s) == 0;
    return x->kind == DRILL_V_NONE && y->kind == DRILL_V_NONE;
}

bool drill_v_compare(const char *op, const struct drill_value *x, const struct drill_value *y, bool *out,
                     const char **why)
{
    int sign;

    if (strcmp(op, "==") == 0 || strcmp(op, "!=") == 0 || strcmp(op, "is") == 0) {
        *out = equal(x, y) != (op[0] == '!');
        return true;
    }
    if (strcmp(op, "in") == 0 && y->kind == DRILL_V_TUPLE) {
        *out = false;
        for (unsigned i = 0; i < y->n; i++)
            *out |= equal(x, &y->item[i]);
        return true;
    }
    if (!(is_number(x) && is_number(y)) && !(x->kind == DRILL_V_TEXT && y->kind == DRILL_V_TEXT)) {
        *why = "these cannot be compared";
        return false;
    }
    sign = order(x, y);
    *out = op[0] == '<' ? sign < 0 || (op[1] == '=' && sign == 0) : sign > 0 || (op[1] == '=' && sign == 0);
    return true;
}

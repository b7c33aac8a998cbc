#include "scan.h"

const struct vt_unit vt_units_time[] = {
    {"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {NULL, 0},
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool word_at(struct vt_scan *s, size_t at)
{
    while (is_space(s->text[at]))
        at++;
    s->at = at;
    while (s->text[at] != '\0' && !is_space(s->text[at]))
        at++;
    s->len = at - s->at;
    return s->len != 0;
}

bool vt_scan_first(struct vt_scan *s, const char *text)
{
    s->text = text;
    return word_at(s, 0);
}

bool vt_scan_next(struct vt_scan *s)
{
    return word_at(s, s->at + s->len);
}

bool vt_scan_is(const struct vt_scan *s, const char *word)
{
    return strlen(word) == s->len && memcmp(s->text + s->at, word, s->len) == 0;
}

bool vt_scan_digit(const struct vt_scan *s)
{
    return s->len != 0 && is_digit(s->text[s->at]);
}

bool vt_scan_digits(const struct vt_scan *s, size_t *i, uint64_t max, uint64_t *value)
{
    const char *w = s->text + s->at;
    size_t from = *i;
    *value = 0;
    for (; *i < s->len && is_digit(w[*i]); ++*i) {
        uint64_t digit = (uint64_t)(w[*i] - '0');
        if (digit > max || *value > (max - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    return *i != from;
}

bool vt_scan_number(const struct vt_scan *s, uint64_t max, uint64_t *value)
{
    size_t i = 0;
    return vt_scan_digits(s, &i, max, value) && i == s->len;
}

/* The factor of the unit that fills the word from i on; 0 when there is none of that name. */
static uint64_t unit_factor(const struct vt_scan *s, size_t i, const struct vt_unit *units)
{
    for (; units->word != NULL; units++) {
        size_t len = strlen(units->word), k = 0;
        if (len != s->len - i)
            continue;
        while (k < len && lower(s->text[s->at + i + k]) == units->word[k])
            k++;
        if (k == len)
            return units->factor;
    }
    return 0;
}

bool vt_scan_measure(const struct vt_scan *s, const struct vt_unit *units, uint64_t max, uint64_t *value)
{
    size_t i = 0;
    uint64_t whole, part = 0;
    if (!vt_scan_digits(s, &i, max, &whole))
        return false;
    size_t digits = 0;
    if (i < s->len && s->text[s->at + i] == '.') {
        size_t from = ++i;
        if (!vt_scan_digits(s, &i, UINT64_C(999999999999999999), &part))
            return false;
        digits = i - from;
    }
    uint64_t factor = unit_factor(s, i, units);
    if (factor == 0)
        return false;
    if (whole > max / factor)
        return false;
    *value = whole * factor;
    for (; digits != 0; digits--) { /* part / 10^digits of the unit, which must come out even */
        if (part % 10 == 0)
            part /= 10;
        else if (factor % 10 == 0)
            factor /= 10;
        else
            return false;
    }
    if (part > (max - *value) / factor)
        return false;
    *value += part * factor;
    return true;
}

char *vt_put_text(char *to, const char *text)
{
    size_t len = strlen(text);
    memcpy(to, text, len + 1);
    return to + len;
}

char *vt_put_decimal(char *to, uint64_t value, uint64_t factor)
{
    char digits[20];
    unsigned n = 0;
    uint64_t whole = value / factor, part = value % factor;
    do
        digits[n++] = (char)('0' + whole % 10);
    while ((whole /= 10) != 0);
    while (n != 0)
        *to++ = digits[--n];
    if (part != 0)
        *to++ = '.';
    /* Ten times the rest, rather than a tenth of the factor: the factor is never 0. */
    for (; part != 0; part %= factor) {
        part *= 10;
        *to++ = (char)('0' + part / factor);
    }
    *to = '\0';
    return to;
}

char *vt_put_measure(char *to, uint64_t value, const struct vt_unit *units)
{
    const struct vt_unit *u = units;
    while (u[1].word != NULL && value >= u[1].factor)
        u++;
    return vt_put_text(vt_put_decimal(to, value, u->factor), u->word);
}

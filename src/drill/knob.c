/* Knobs by what scripts say: text. */
#include "knob.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME 128

/* ---- Numbers ---- */

static bool factor(const char **s, int64_t *value)
{
    char *end;

    while (**s == ' ')
        ++*s;
    if (**s == '(') {
        ++*s;
        if (!drill_arithmetic(s, value) || **s != ')')
            return false;
        ++*s;
    } else {
        *value = strtoll(*s, &end, 0);
        if (end == *s)
            return false;
        *s = end;
    }
    while (**s == ' ')
        ++*s;
    return true;
}

static bool product(const char **s, int64_t *value)
{
    int64_t v;

    if (!factor(s, value))
        return false;
    while (**s == '*') {
        ++*s;
        if (!factor(s, &v) || __builtin_mul_overflow(*value, v, value))
            return false;
    }
    return true;
}

bool drill_arithmetic(const char **s, int64_t *value)
{
    int64_t v;

    if (!product(s, value))
        return false;
    while (**s == '+' || **s == '-') {
        bool plus = *(*s)++ == '+';

        if (!product(s, &v) ||
            (plus ? __builtin_add_overflow(*value, v, value) : __builtin_sub_overflow(*value, v, value)))
            return false;
    }
    return true;
}

/* A number at *s, up to white space or the end. */
static bool number(const char **s, int64_t *value)
{
    while (**s == ' ' || **s == '\t')
        ++*s;
    return drill_arithmetic(s, value) && (**s == 0 || **s == '\t' || (*s)[-1] == ' ');
}

/* ---- Knobs ---- */

/* The parts of "4096 131072 6291456", and of "1024 65535": each number has a knob of its own. */
static void part_name(char *part, size_t size, const char *name, unsigned n, unsigned i)
{
    static const char *const triple[] = {"_min", "_default", "_max"};
    size_t len = strlen(name);

    if (n == 2 && len > 6 && strcmp(name + len - 6, "_range") == 0)
        len -= 6;
    snprintf(part, size, "%.*s%s", (int)len, name, n == 2 && i == 1 ? "_max" : triple[i]);
}

static int set_many(struct vt_host *h, const char *name, const int64_t *value, unsigned n)
{
    int error = -VT_ENOENT;

    for (unsigned i = 0; i < n; i++) {
        char part[NAME];
        int e;

        part_name(part, sizeof part, name, n, i);
        e = vt_host_sysctl_set(h, part, value[i]);
        if (e == -VT_EINVAL)
            return e;
        if (e == 0)
            error = 0;
    }
    return error;
}

/* The key of Fast Open cookies: four words of 32 bits in hexadecimal, joined by hyphens. */
static int set_fastopen_key(struct vt_host *h, const char *name, const char *value)
{
    const char *s = value;

    for (unsigned i = 0; i < 4; i++) {
        char *end, part[NAME];
        unsigned long word = strtoul(s, &end, 16);

        snprintf(part, sizeof part, "%s_%u", name, i);
        if (end == s || *end != (i < 3 ? '-' : 0) || vt_host_sysctl_set(h, part, (int64_t)word) != 0)
            return -VT_EINVAL;
        s = end + 1;
    }
    return 0;
}

int drill_knob_set(struct vt_host *h, const char *name, const char *value)
{
    int64_t v[3];
    const char *s = value;
    unsigned n = 0;

    if (strcmp(name, "net.ipv4.tcp_fastopen_key") == 0)
        return set_fastopen_key(h, name, value);
    while (*s != 0 && n < 3 && number(&s, &v[n]))
        n++;
    if (n == 0 || *s != 0) /* a word */
        return vt_host_sysctl_set_text(h, name, value);
    return n == 1 ? vt_host_sysctl_set(h, name, v[0]) : set_many(h, name, v, n);
}

/* Arguments, errors, and what the terminal is. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cli.h"
#include "lab/yaml_read.h"

static void say(const char *verb, const char *format, va_list ap)
{
    fflush(stdout);
    fprintf(stderr, "vitro %s: ", verb);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
}

int cli_error(const char *verb, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    say(verb, format, ap);
    va_end(ap);
    return 1;
}

int cli_usage(const char *verb, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    say(verb, format, ap);
    va_end(ap);
    fprintf(stderr, "`vitro %s --help` tells more\n", verb);
    return 2;
}

const char *cli_nearest(const char *word, const char *const *words, size_t n)
{
    return vt_nearest(word, words, n);
}

bool cli_number(const char *text, uint64_t most, uint64_t *value)
{
    char *end;
    unsigned long long v;
    if (text[0] < '0' || text[0] > '9' || strlen(text) > 19)
        return false;
    v = strtoull(text, &end, 10);
    *value = v;
    return *end == 0 && v <= most;
}

bool cli_lang(const char *text, enum vt_lang *lang)
{
    *lang = text != NULL && strcmp(text, "zh") == 0 ? VT_LANG_ZH : VT_LANG_EN;
    return text == NULL || strcmp(text, "zh") == 0 || strcmp(text, "en") == 0;
}

unsigned cli_width(void)
{
    struct winsize size;
    if (isatty(1) && ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        return size.ws_col < 160 ? size.ws_col : 160;
    return 100;
}

/* ---- Options ---- */

static const struct cli_option *find(const struct cli_option *options, size_t n, const char *name, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (options[i].name != NULL && strlen(options[i].name) == len &&
            memcmp(options[i].name, name, len) == 0)
            return &options[i];
    return NULL;
}

static int unknown_option(const struct cli_verb *verb, const struct cli_option *options, size_t n,
                          const char *arg)
{
    const char *names[64], *near;
    size_t count = 0;
    for (size_t i = 0; i < n && count < 64; i++)
        if (options[i].name != NULL)
            names[count++] = options[i].name;
    near = strncmp(arg, "--", 2) == 0 ? cli_nearest(arg + 2, names, count) : NULL;
    if (near != NULL)
        return cli_usage(verb->name, "there is no option '%s'; did you mean '--%s'?", arg, near);
    return cli_usage(verb->name, "there is no option '%s'", arg);
}

/* The option at argv[*i]: -1 when it was taken. */
static int take(const struct cli_verb *verb, const struct cli_option *options, size_t n, int argc,
                char **argv, int *i)
{
    const char *arg = argv[*i], *value = NULL;
    const struct cli_option *o = NULL;
    if (arg[1] == '-') {
        size_t len = strcspn(arg + 2, "=");
        o = find(options, n, arg + 2, len);
        value = arg[2 + len] == '=' ? arg + 2 + len + 1 : NULL;
    } else {
        for (size_t k = 0; k < n; k++)
            if (options[k].letter != 0 && options[k].letter == arg[1])
                o = &options[k];
        value = o != NULL && o->value != NULL && arg[2] != 0 ? arg + 2 : NULL;
        /* Flags may stand together: -tln. */
        for (const char *p = arg + 1; o != NULL && o->flag != NULL && *p != 0; p++) {
            const struct cli_option *flag = NULL;
            for (size_t k = 0; k < n; k++)
                if (options[k].letter == *p && options[k].flag != NULL)
                    flag = &options[k];
            if (flag == NULL)
                return unknown_option(verb, options, n, arg);
            *flag->flag = true;
        }
    }
    if (o == NULL)
        return unknown_option(verb, options, n, arg);
    if (o->value == NULL) {
        if (value != NULL)
            return cli_usage(verb->name, "the option '%s' takes no value", arg);
        if (o->flag != NULL)
            *o->flag = true;
        return -1;
    }
    if (value == NULL && *i + 1 >= argc)
        return cli_usage(verb->name, "the option '%s' wants a value", arg);
    *o->value = value != NULL ? value : argv[++*i];
    return -1;
}

int cli_options(const struct cli_verb *verb, const struct cli_option *options, size_t n, int *argc,
                char **argv)
{
    int others = 1;
    bool ended = false;
    for (int i = 1; i < *argc; i++) {
        int code;
        if (ended || argv[i][0] != '-' || argv[i][1] == 0) {
            argv[others++] = argv[i];
            continue;
        }
        if (strcmp(argv[i], "--") == 0) {
            ended = true;
            continue;
        }
        if (strcmp(argv[i], "--help") == 0) {
            fputs(verb->usage, stdout);
            return 0;
        }
        code = take(verb, options, n, *argc, argv, &i);
        if (code >= 0)
            return code;
    }
    *argc = others;
    argv[others] = NULL;
    return -1;
}

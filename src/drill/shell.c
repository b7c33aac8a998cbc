/* Shell lines: `sysctl -q net.ipv4.tcp_sack=0` and its kin, mapped onto the host's knobs.
 *
 * No shell is started. What a script may ask for:
 *
 *     sysctl [-q] [-w] NAME=VALUE...      knobs; a triple ("4096 131072 6291456") sets NAME_min, NAME_default
 *                                         and NAME_max
 *     .../set_sysctls.py /proc/sys/PATH=VALUE...   the same, as google's suite writes it
 *     echo VALUE > /proc/sys/PATH         the same
 *     sleep SECONDS                       time passes
 *     nstat, grep; rm, dd; sockstat       shell_text.c, files.c, sockstat.c
 *     FILE.sh                             a file of such lines, in which unknown knobs are let pass
 *     ip tcp_metrics flush                Fast Open's cookies are forgotten
 *     /tmp/sysctl_restore_....sh          nothing: each script has a host of its own
 *     tc qdisc add|replace dev D root Q   Q is fq: connections are paced (net.ipv4.tcp_pacing), else not
 *     tc, ethtool                         else nothing: they prepare a kernel's device
 *
 * Everything else is refused by name, and the script skipped. */
#include <limits.h>
#include <stdlib.h>
#include "knob.h"
#include "op.h"

#define NESTING 4
#define WORDS   128

struct shell {
    struct drill_run *r;
    const char *file;         /* NULL: the script itself */
    struct drill_place place; /* of the command */
    unsigned depth;
};

/* ---- Knobs ---- */

static bool no_knob(struct shell *sh, const char *name, const char *value)
{
    if (sh->file != NULL) {
        drill_tell(sh->r, "%s: there is no knob %s (%s): let pass", sh->file, name, value);
        return true;
    }
    return drill_skip(sh->r->error, sh->place, "there is no knob %s", name);
}

static bool bad_value(struct shell *sh, const char *name, const char *value)
{
    if (sh->file != NULL) {
        drill_tell(sh->r, "%s: %s=%s: no such value: let pass", sh->file, name, value);
        return true;
    }
    return drill_skip(sh->r->error, sh->place, "%s=%s: the knob takes no such value", name, value);
}

static bool set_knob(struct shell *sh, const char *name, const char *value)
{
    int error;

    error = drill_knob_set(sh->r->host, name, value);
    if (error == 0)
        return true;
    return error == -VT_ENOENT ? no_knob(sh, name, value) : bad_value(sh, name, value);
}

/* NAME=VALUE, the name with dots or as a path below /proc/sys. */
static bool assign(struct shell *sh, char *word)
{
    char *equals = strchr(word, '=');

    if (equals == NULL)
        return drill_skip(sh->r->error, sh->place, "'%s': wanted NAME=VALUE", word);
    *equals = 0;
    if (strncmp(word, "/proc/sys/", 10) == 0)
        word += 10;
    for (char *c = word; *c != 0; c++)
        *c = *c == '/' ? '.' : *c;
    return set_knob(sh, word, equals + 1);
}

/* ---- Commands ---- */

static bool run_text(struct shell *sh, const char *text);

static bool cmd_sysctl(struct shell *sh, char **word, unsigned n)
{
    for (unsigned i = 1; i < n; i++)
        if (word[i][0] != '-' && !assign(sh, word[i]))
            return false;
    return true;
}

static bool cmd_set_sysctls(struct shell *sh, char **word, unsigned n)
{
    for (unsigned i = 1; i < n; i++)
        if (!assign(sh, word[i]))
            return false;
    return true;
}

static bool cmd_echo(struct shell *sh, char **word, unsigned n)
{
    if (n == 4 && strcmp(word[2], ">") == 0 && strncmp(word[3], "/proc/sys/", 10) == 0)
        return assign(sh, drill_printf(sh->r->arena, "%s=%s", word[3], word[1]));
    return true;
}

static bool cmd_sleep(struct shell *sh, char **word, unsigned n)
{
    double seconds = n == 2 ? strtod(word[1], NULL) : 0;

    if (!(seconds >= 0 && seconds < 1e6))
        return drill_skip(sh->r->error, sh->place, "sleep: wanted seconds");
    return drill_advance(sh->r, sh->r->now + (vt_time)(seconds * 1e9));
}

static const char *beside(struct shell *sh, const char *name)
{
    const char *path = sh->r->script->path, *slash = strrchr(path, '/');

    if (name[0] == '/' || slash == NULL)
        return name;
    return drill_printf(sh->r->arena, "%.*s%s", (int)(slash - path + 1), path, name);
}

static bool cmd_file(struct shell *sh, const char *name)
{
    const char *base = strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name;
    struct shell inner = {.r = sh->r, .depth = sh->depth + 1};
    size_t len;
    char *text;

    if (strncmp(base, "sysctl_restore_", 15) == 0)
        return true;
    if (inner.depth > NESTING)
        return drill_skip(sh->r->error, sh->place, "%s: files call files without end", name);
    inner.file = beside(sh, name);
    text = drill_read_file(sh->r->arena, inner.file, &len);
    if (text == NULL)
        return drill_skip(sh->r->error, sh->place, "the shell line runs %s, which cannot be read", name);
    /* Links that were checked out as files hold the path of what they mean. */
    if (strchr(text, '\n') == NULL && strchr(text, ' ') == NULL && len > 3 &&
        strcmp(text + len - 3, ".sh") == 0) {
        const char *slash = strrchr(name, '/');

        return cmd_file(
            &inner,
            slash == NULL ? text : drill_printf(sh->r->arena, "%.*s%s", (int)(slash - name + 1), name, text));
    }
    inner.place = sh->place;
    return run_text(&inner, text);
}

/* "ip route change ... mtu lock N advmss N initcwnd N": one route matters to a script, so that its MTU is set
 * at the device; what a host tells as its MSS follows from it. */
static bool change_route(struct shell *sh, char **word, unsigned n)
{
    for (unsigned i = 3; i < n; i++) {
        bool lock = strcmp(word[i], "mtu") == 0 && i + 1 < n && strcmp(word[i + 1], "lock") == 0;
        const char *value = i + 1 + lock < n ? word[i + 1 + lock] : "";
        long number = strtol(value, NULL, 10);

        if (strcmp(word[i], "initcwnd") == 0 &&
            vt_host_sysctl_set(sh->r->host, "net.ipv4.tcp_init_cwnd", number) != 0)
            return bad_value(sh, "initcwnd", value);
        if (strcmp(word[i], "mtu") != 0)
            continue;
        if (number < 68 || number > sh->r->options->mtu)
            return bad_value(sh, "mtu", value);
        vt_host_netif(sh->r->host, 1)->mtu = (uint32_t)number;
    }
    return true;
}

static bool cmd_ip(struct shell *sh, char **word, unsigned n)
{
    if (n > 2 && strcmp(word[1], "route") == 0 && strcmp(word[2], "change") == 0)
        return change_route(sh, word, n);
    if (n < 2 || strcmp(word[1], "tcp_metrics") != 0)
        return drill_skip(sh->r->error, sh->place, "of ip, only tcp_metrics and route change are understood");
    vt_tcp_fo_flush(vt_host_tcp(sh->r->host));
    return true;
}

/* Of the kernel's queues only what it has TCP do matters here: before fq, each connection is paced; and one
 * of `limit 0` takes nothing, until it is replaced or deleted. */
static bool cmd_tc(struct shell *sh, char **word, unsigned n)
{
    struct vt_device *dev = &sh->r->device.dev;

    if (n < 3 || strcmp(word[1], "qdisc") != 0)
        return true;
    if (strcmp(word[n - 2], "limit") == 0 && strcmp(word[n - 1], "0") == 0)
        dev->features |= VT_DEV_TX_FULL;
    else
        dev->features &= ~(uint32_t)VT_DEV_TX_FULL;
    if (n > 6 && strcmp(word[5], "root") == 0)
        vt_host_sysctl_set(sh->r->host, "net.ipv4.tcp_pacing", strcmp(word[6], "fq") == 0);
    return true;
}

static bool ends_with(const char *s, const char *end)
{
    size_t a = strlen(s), b = strlen(end);

    return a >= b && strcmp(s + a - b, end) == 0;
}

static bool run_command(struct shell *sh, char **word, unsigned n)
{
    static const char *const nothing[] = {"ethtool", "true", ":", "set", "modprobe", "exit"};
    const char *name = word[0];

    drill_tell(sh->r, "$ %s%s", name, n > 1 ? " ..." : "");
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        if (strcmp(name, nothing[i]) == 0)
            return true;
    if (strcmp(name, "tc") == 0)
        return cmd_tc(sh, word, n);
    if (strcmp(name, "ip") == 0)
        return cmd_ip(sh, word, n);
    if (strcmp(name, "sysctl") == 0)
        return cmd_sysctl(sh, word, n);
    if (strcmp(name, "echo") == 0)
        return cmd_echo(sh, word, n);
    if (strcmp(name, "nstat") == 0 || strcmp(name, "grep") == 0)
        return drill_shell_text(sh->r, sh->place, word, n);
    if (strcmp(name, "rm") == 0 || strcmp(name, "/bin/rm") == 0)
        return drill_shell_rm(sh->r, word, n);
    if (strcmp(name, "dd") == 0 || strcmp(name, "/bin/dd") == 0)
        return drill_shell_dd(sh->r, sh->place, word, n);
    if (strcmp(name, "sockstat") == 0)
        return drill_sockstat(sh->r, sh->place, word, n);
    if (strcmp(name, "sleep") == 0)
        return cmd_sleep(sh, word, n);
    if (ends_with(name, "set_sysctls.py"))
        return cmd_set_sysctls(sh, word, n);
    if (ends_with(name, ".sh"))
        return cmd_file(sh, name);
    if (sh->file != NULL) {
        drill_tell(sh->r, "%s: '%s' is not here: let pass", sh->file, name);
        return true;
    }
    return drill_skip(sh->r->error, sh->place, "the shell line '%s' is not one of those that are understood",
                      name);
}

/* ---- Words ---- */

struct words {
    char *word[WORDS];
    unsigned n;
};

/* $(( ... )) at *s: its value. */
static bool expand(struct shell *sh, const char **s, char **out)
{
    int64_t v;

    *s += 3;
    if (!drill_arithmetic(s, &v) || (*s)[0] != ')' || (*s)[1] != ')')
        return drill_skip(sh->r->error, sh->place, "$(( )): only + - * of numbers");
    *s += 2;
    *out += sprintf(*out, "%lld", (long long)v);
    return true;
}

/* The next word of a command; quotes join, a backslash takes the next character, a line's end behind it is
 * nothing. Words are no longer than what they are made of, but for numbers. */
static bool next_word(struct shell *sh, const char **s, struct words *w)
{
    char *text = drill_alloc(sh->r->arena, strlen(*s) + 32), *out = text;
    char quote = 0;

    for (; **s != 0; ++*s) {
        if (quote == 0 && strchr(" \t\n;", **s) != NULL)
            break;
        if (**s == quote)
            quote = 0;
        else if (quote == 0 && (**s == '"' || **s == '\''))
            quote = **s;
        else if (strncmp(*s, "$((", 3) == 0 && quote != '\'') {
            if (!expand(sh, s, &out))
                return false;
            --*s;
        } else if (**s == '\\' && quote != '\'' && (*s)[1] != 0) {
            ++*s;
            if (**s != '\n')
                *out++ = **s;
        } else {
            *out++ = **s;
        }
    }
    if (w->n < WORDS && (out != text || quote == 0))
        w->word[w->n++] = text;
    return true;
}

/* "> /dev/null", "2>&1", "|| true": no part of the command's arguments here. */
static void trim(struct words *w)
{
    for (unsigned i = 0; i < w->n; i++) {
        const char *word = w->word[i];

        if (strcmp(word, "2>&1") == 0 || strncmp(word, "2>", 2) == 0 || strcmp(word, "&>") == 0 ||
            strcmp(word, ">/dev/null") == 0 ||
            (strcmp(word, ">") == 0 && i + 1 < w->n && strcmp(w->word[i + 1], "/dev/null") == 0)) {
            w->n = i;
            return;
        }
    }
}

static bool end_command(struct shell *sh, struct words *w)
{
    struct words other = {.n = 0};
    bool done;

    for (unsigned i = 0; i < w->n; i++)
        if (strcmp(w->word[i], "||") == 0) {
            other.n = w->n - i - 1;
            memcpy(other.word, w->word + i + 1, other.n * sizeof *other.word);
            w->n = i;
        }
    trim(w);
    trim(&other);
    done = w->n == 0 || run_command(sh, w->word, w->n);
    w->n = 0;
    if (!done && other.n != 0) { /* what is not here has failed: A || B goes on with B */
        *sh->r->error = (struct drill_error){.arena = sh->r->arena};
        done = run_command(sh, other.word, other.n);
    }
    return done;
}

static bool run_text(struct shell *sh, const char *s)
{
    struct words w = {.n = 0};

    while (*s != 0) {
        if (*s == ' ' || *s == '\t' || (s[0] == '\\' && s[1] == '\n')) {
            s += s[0] == '\\' ? 2 : 1;
        } else if (*s == '\n' || *s == ';') {
            s++;
            if (!end_command(sh, &w))
                return false;
        } else if (*s == '#') {
            while (*s != 0 && *s != '\n')
                s++;
        } else if (s[0] == '&' && s[1] == '&') {
            s += 2;
            if (!end_command(sh, &w))
                return false;
        } else if (!next_word(sh, &s, &w)) {
            return false;
        }
    }
    return end_command(sh, &w);
}

bool drill_run_shell(struct drill_run *r, const char *text, struct drill_place place)
{
    struct shell sh = {.r = r, .place = place};

    return run_text(&sh, text) && drill_step(r);
}

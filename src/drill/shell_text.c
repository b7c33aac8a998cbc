/* Commands that print, and what looks for something in it: `nstat | grep NAME`, `grep PATTERN /proc/net/tcp |
 * grep PATTERN`. A line that finds nothing fails, as its exit code would have it. */
#include "op.h"
#include "transport/transport.h"

#define TEXT 65536

struct text {
    char *bytes;
    size_t len;
};

static void add(struct text *t, const char *line)
{
    size_t n = strlen(line);

    if (t->len + n >= TEXT)
        return;
    memcpy(t->bytes + t->len, line, n + 1);
    t->len += n;
}

/* ---- nstat ---- */

static const struct {
    const char *name;
    enum vt_drop reason;
} counters[DRILL_COUNTERS] = {
    {"TcpExtOutOfWindowIcmps", VT_DROP_ICMP_NO_MATCH},
};

/* What has grown since it was asked last. */
static void nstat(struct drill_run *r, struct text *t)
{
    for (size_t i = 0; i < DRILL_COUNTERS; i++) {
        uint64_t now = vt_host_drops(r->host, counters[i].reason);

        if (now != r->counted[i])
            add(t, drill_printf(r->arena, "%-32s%-16llu 0.0\n", counters[i].name,
                                (unsigned long long)(now - r->counted[i])));
        r->counted[i] = now;
    }
}

/* ---- /proc/net/tcp ---- */

struct proc {
    struct drill_run *r;
    struct text *t;
    unsigned rows;
};

/* The kernel prints the address as a number of its own byte order: a little-endian one, as most are. */
static uint32_t swapped(struct vt_ip ip)
{
    return __builtin_bswap32(vt_ip_to4(ip));
}

static bool row(void *ctx, const struct vt_tcp_row *row)
{
    struct proc *p = ctx;

    add(p->t, drill_printf(p->r->arena, "%4u: %08X:%04X %08X:%04X %02X %08X:%08X\n", p->rows++,
                           swapped(row->local.ip), row->local.port, swapped(row->remote.ip), row->remote.port,
                           vt_tcp_info_state(row->state), (unsigned)row->sendq, (unsigned)row->recvq));
    return true;
}

/* ---- grep ---- */

/* Keeps the lines that hold the pattern, a text without magic. */
static void keep(struct text *t, const char *pattern)
{
    char *out = t->bytes;

    for (char *line = t->bytes, *end; *line != 0; line = end) {
        size_t n = strcspn(line, "\n");
        char after = line[n];

        end = line + n + (after != 0);
        line[n] = 0;
        if (strstr(line, pattern) != NULL) {
            memmove(out, line, n);
            out += n;
            *out++ = '\n';
        }
    }
    *out = 0;
    t->len = (size_t)(out - t->bytes);
}

/* A pattern, then files, of which only those of /proc are known. NULL: it is written otherwise. */
static const char *pattern_of(char **word, unsigned n, struct drill_run *r, struct text *t)
{
    struct proc p = {r, t, 0};
    unsigned i = 1;

    while (i < n && word[i][0] == '-' && strcmp(word[i], "-q") == 0)
        i++;
    if (i >= n || word[i][0] == '-' || strpbrk(word[i], "*[]^$\\.") != NULL)
        return NULL;
    for (unsigned k = i + 1; k < n; k++) {
        if (strcmp(word[k], "/proc/net/tcp") == 0)
            vt_tcp_each(vt_host_tcp(r->host), row, &p);
        else if (strcmp(word[k], "/proc/net/tcp6") != 0)
            return NULL;
    }
    return word[i];
}

bool drill_shell_text(struct drill_run *r, struct drill_place place, char **word, unsigned n)
{
    struct text t = {drill_alloc(r->arena, TEXT), 0};
    bool asked = false;
    unsigned end;

    t.bytes[0] = 0;
    for (unsigned i = 0; i < n; i = end + 1) {
        for (end = i; end < n && strcmp(word[end], "|") != 0; end++) {
        }
        if (end == i || (strcmp(word[i], "nstat") != 0 && strcmp(word[i], "grep") != 0))
            return drill_skip(r->error, place, "of pipes, only nstat and grep are understood here");
        if (strcmp(word[i], "nstat") == 0) {
            nstat(r, &t);
            continue;
        }
        const char *pattern = pattern_of(word + i, end - i, r, &t);

        if (pattern == NULL)
            return drill_skip(r->error, place,
                              "of grep, only a text, and of files /proc/net/tcp, are understood here");
        keep(&t, pattern);
        asked = true;
    }
    if (asked && t.len == 0)
        return drill_fail(r->error, place, "the shell line found nothing");
    return true;
}

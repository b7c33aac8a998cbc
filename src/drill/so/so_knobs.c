/* Knobs and counters: the shell lines of a script are run by the tool, by a real shell. What they set comes
 * to us by a file of NAME=VALUE lines, DIRECTORY/sysctl.PID, which is read again whenever it has changed. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "drill/knob.h"
#include "so.h"
#include "transport/transport.h"

#define LINE 4096

static char *trim(char *s)
{
    size_t n;

    s += strspn(s, " \t\"");
    n = strlen(s);
    while (n != 0 && strchr(" \t\r\n\"", s[n - 1]) != NULL)
        s[--n] = 0;
    return s;
}

/* Knobs that the host does not have are let pass, as scripts set what they know of a kernel. The file is read
 * as a whole each time; what was flushed by a line that was there before is not flushed again. */
static void read_line(struct so *so, char *line, unsigned *flushes)
{
    char *equals = strchr(line, '=');
    const char *name, *value;

    if (equals == NULL)
        return;
    *equals = 0;
    name = trim(line);
    value = trim(equals + 1);
    if (strcmp(name, "tx_full") == 0)
        so->dev.features = (so->dev.features & ~(uint32_t)VT_DEV_TX_FULL) |
                           (strcmp(value, "0") != 0 ? (uint32_t)VT_DEV_TX_FULL : 0);
    else if (strcmp(name, "tcp_metrics") != 0)
        drill_knob_set(so->host, name, value);
    else if (strcmp(value, "flush") == 0 && ++*flushes > so->flushes)
        vt_tcp_fo_flush(vt_host_tcp(so->host));
}

void so_read_knobs(struct so *so)
{
    char path[4096], line[LINE];
    struct stat st;
    struct so_knobs_seen seen;
    unsigned flushes = 0;
    FILE *file;

    if (so->flags.knobs == NULL ||
        (size_t)snprintf(path, sizeof path, "%s/sysctl.%ld", so->flags.knobs, (long)getpid()) >=
            sizeof path ||
        stat(path, &st) != 0)
        return;
    seen = (struct so_knobs_seen){st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_size};
    if (memcmp(&seen, &so->knobs_seen, sizeof seen) == 0)
        return;
    file = fopen(path, "r");
    if (file == NULL)
        return;
    so->knobs_seen = seen;
    while (fgets(line, sizeof line, file) != NULL)
        read_line(so, line, &flushes);
    so->flushes = flushes;
    fclose(file);
}

void so_write_counters(struct so *so)
{
    uint64_t n = vt_host_drops(so->host, VT_DROP_ICMP_NO_MATCH);
    char path[4096];
    FILE *file;

    if (so->flags.knobs == NULL || n == so->stray_icmps)
        return;
    so->stray_icmps = n;
    snprintf(path, sizeof path, "%s/nstat.%ld", so->flags.knobs, (long)getpid());
    file = fopen(path, "w");
    if (file == NULL)
        return;
    fprintf(file, "TcpExtOutOfWindowIcmps %llu 0.0\n", (unsigned long long)n);
    fclose(file);
}

/* Knobs: the shell lines of a script are run by the tool, by a real shell. What they set comes to us by a
 * file of NAME=VALUE lines, DIRECTORY/sysctl.PID, which is read again whenever it has changed. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "drill/knob.h"
#include "so.h"

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

/* Knobs that the host does not have are let pass, as scripts set what they know of a kernel. */
static void read_line(struct so *so, char *line)
{
    char *equals = strchr(line, '=');

    if (equals == NULL)
        return;
    *equals = 0;
    drill_knob_set(so->host, trim(line), trim(equals + 1));
}

void so_read_knobs(struct so *so)
{
    char path[4096], line[LINE];
    struct stat st;
    struct so_knobs_seen seen;
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
        read_line(so, line);
    fclose(file);
}

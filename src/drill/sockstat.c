/* `sockstat -4 -P tcp [-p PORT] -s | grep ... | grep -c STATE | grep N`: how FreeBSD's scripts ask for the
 * state of sockets. It is counted, and the count compared. */
#include <stdlib.h>
#include "op.h"
#include "transport/transport.h"

static const struct {
    const char *name;
    uint8_t state;
} states[] = {
    {"CLOSED", VT_TCP_CLOSED},        {"LISTEN", VT_TCP_LISTEN},           {"SYN_SENT", VT_TCP_SYN_SENT},
    {"SYN_RCVD", VT_TCP_SYN_RCVD},    {"ESTABLISHED", VT_TCP_ESTABLISHED}, {"CLOSE_WAIT", VT_TCP_CLOSE_WAIT},
    {"FIN_WAIT_1", VT_TCP_FIN_WAIT1}, {"FIN_WAIT_2", VT_TCP_FIN_WAIT2},    {"CLOSING", VT_TCP_CLOSING},
    {"LAST_ACK", VT_TCP_LAST_ACK},    {"TIME_WAIT", VT_TCP_TIME_WAIT},
};

struct count {
    int state;
    uint16_t port; /* 0: any */
    unsigned n;
};

static bool look(void *ctx, const struct vt_tcp_row *row)
{
    struct count *c = ctx;

    if (row->state == c->state && (c->port == 0 || row->local.port == c->port || row->remote.port == c->port))
        c->n++;
    return true;
}

/* A closed socket is in no table: only its descriptor knows it. */
static void count_closed(struct drill_run *r, struct count *c)
{
    for (unsigned i = 0; i < DRILL_FDS; i++) {
        struct vt_tcp_info info;
        size_t len = sizeof info;

        if (r->fd[i].conn == NULL ||
            vt_getsockopt(r->host, r->fd[i].live, VT_SOL_TCP, VT_TCP_INFO, &info, &len) != 0)
            continue;
        c->n += info.tcpi_state == VT_TCPI_CLOSE;
    }
}

static int state_of(const char *name)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(states[i].name, name) == 0)
            return states[i].state;
    return -1;
}

bool drill_sockstat(struct drill_run *r, struct drill_place place, char **word, unsigned n)
{
    struct count c = {.state = -1};
    const char *wanted = NULL;
    char text[16];

    for (unsigned i = 1; i + 1 < n; i++) {
        if (strcmp(word[i], "-p") == 0)
            c.port = (uint16_t)strtoul(word[i + 1], NULL, 10);
        else if (strcmp(word[i], "-c") == 0)
            c.state = state_of(word[i + 1]);
        else if (strcmp(word[i], "grep") == 0 && i + 2 == n)
            wanted = word[i + 1];
    }
    if (c.state < 0 || wanted == NULL)
        return drill_skip(r->error, place, "of sockstat, only `... | grep -c STATE | grep N` is understood");
    vt_tcp_each(vt_host_tcp(r->host), look, &c);
    if (c.state == VT_TCP_CLOSED)
        count_closed(r, &c);
    snprintf(text, sizeof text, "%u", c.n);
    if (strstr(text, wanted) != NULL)
        return true;
    return drill_fail(r->error, place, "sockstat: %s connections are in that state, the script wants %s",
                      text, wanted);
}

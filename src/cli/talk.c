/* The conversation that `demo` and `run` show: S20 of the notes, a text of two scripts in UTF-8. */
#include "cli.h"
#include "host/host.h"

const char *const cli_talk_argv[] = {"echo",       "client", "--say", "hello", "--say",
                                     "你好，世界", "--say",  "q",     "b:9528"};
const int cli_talk_argc = sizeof cli_talk_argv / sizeof *cli_talk_argv;

struct search {
    bool time_wait, found;
};

static bool look(void *ctx, const struct vt_tcp_row *row)
{
    struct search *s = ctx;
    if (row->state != VT_TCP_LISTEN && row->mark != VT_MARK_PAGE &&
        !(s->time_wait && row->state == VT_TCP_TIME_WAIT))
        s->found = true;
    return !s->found;
}

bool cli_quiet(struct vt_lab *lab, bool time_wait)
{
    struct search s = {.time_wait = time_wait};
    const char *name;
    for (unsigned i = 0; (name = vt_lab_node_name(lab, i, NULL)) != NULL && !s.found; i++) {
        struct vt_host *h = vt_lab_host(lab, name);
        if (h != NULL)
            vt_tcp_each(vt_host_tcp(h), look, &s);
    }
    return !s.found;
}

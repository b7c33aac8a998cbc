/* The ladder of a run, drawn from its events. */
#include <stdlib.h>
#include <vitro/lens.h>
#include "base/text.h"
#include "run.h"

#define WIDTH 110

struct text {
    char *bytes;
    size_t len, cap;
};

static int append(void *ctx, const void *bytes, size_t len)
{
    struct text *t = ctx;

    if (t->cap - t->len < len + 1) {
        size_t cap = 2 * t->cap + len + 4096;
        char *more = realloc(t->bytes, cap);

        if (more == NULL)
            return -1;
        t->bytes = more;
        t->cap = cap;
    }
    memcpy(t->bytes + t->len, bytes, len);
    t->len += len;
    t->bytes[t->len] = 0;
    return 0;
}

/* Events, their time counted from the script's beginning. */
static void hear(void *ctx, const struct vt_event *ev, const void *extra)
{
    struct vt_event copy = *ev;

    copy.time = ev->time > DRILL_EPOCH ? ev->time - DRILL_EPOCH : 0;
    vt_ladder_event(ctx, &copy, extra);
}

/* The lens takes a frame to have left for the outside when its port has no link, in a network that has some:
 * it is told of one, between two others. */
static void tell_of_a_link(struct vt_ladder *ladder)
{
    struct vt_event ev = {.version = VT_EVENT_VERSION, .kind = VT_EV_LINK, .layer = VT_L_PHYSICAL};

    ev.u.link.which = 1;
    ev.u.link.node_a = 1001;
    ev.u.link.node_b = 1002;
    ev.u.link.port_a = ev.u.link.port_b = 1;
    vt_ladder_event(ladder, &ev, NULL);
}

void drill_listen(struct drill_run *r)
{
    if (r->ladder == NULL)
        return;
    tell_of_a_link(r->ladder);
    vt_host_listen_events(r->host, (struct vt_listener){.event = hear, .ctx = r->ladder});
}

void drill_run_ladder(struct drill_run *r, bool (*body)(struct drill_run *r), char **text)
{
    struct text t = {NULL, 0, 0};
    char peer[VT_IP_TEXT];

    if (!r->config->ladder) {
        body(r);
        return;
    }
    r->ladder = vt_ladder_new(
        &(struct vt_ladder_config){.column = {"host", vt_ip_text(peer, r->options->remote)},
                                   .width = WIDTH,
                                   .whole = true,
                                   .calls = true},
        (struct vt_sink){append, &t});
    body(r);
    if (r->ladder != NULL)
        vt_ladder_finish(r->ladder);
    vt_ladder_free(r->ladder);
    *text = t.bytes;
}

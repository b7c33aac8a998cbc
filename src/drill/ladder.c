/* The ladder of a run, drawn from its events. */
#include <stdlib.h>
#include <vitro/lens.h>
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

void drill_run_ladder(struct drill_run *r, bool (*body)(struct drill_run *r), char **text)
{
    struct text t = {NULL, 0, 0};

    if (!r->config->ladder) {
        body(r);
        return;
    }
    r->ladder = vt_ladder_new(&(struct vt_ladder_config){.width = WIDTH, .whole = true, .calls = true},
                              (struct vt_sink){append, &t});
    body(r);
    if (r->ladder != NULL)
        vt_ladder_finish(r->ladder);
    vt_ladder_free(r->ladder);
    *text = t.bytes;
}

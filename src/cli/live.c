/* The lab's page: its state as JSON, made by the lens from events, and the web assets. */
#include <stdlib.h>
#include <string.h>
#include "application/application.h"
#include "assets.h"
#include "cli.h"

struct cli_live {
    struct vt_lab *lab;
    struct vt_live *live;
    struct vt_http_hook hook;
    struct vt_http_asset asset[];
};

/* /live.json, with ?hidden=1 also what is marked as the page's. */
static int page(void *ctx, const char *path, const char *query, struct vt_allocator *mem, void **body,
                size_t *len, const char **type, uint32_t *mark)
{
    struct cli_live *l = ctx;
    char *text;
    long n;
    if (strcmp(path, "/live.json") != 0)
        return -VT_ENOENT;
    vt_lab_drain_events(l->lab);
    n = vt_live_json(l->live, vt_lab_now(l->lab), strcmp(query, "hidden=1") == 0, &text);
    if (n < 0)
        return (int)n;
    *body = mem->alloc(mem->ctx, (size_t)n);
    if (*body == NULL) {
        free(text);
        return -VT_ENOMEM;
    }
    memcpy(*body, text, (size_t)n);
    free(text);
    *len = (size_t)n;
    *type = "application/json";
    *mark = VT_MARK_PAGE;
    return 0;
}

struct cli_live *cli_live_new(struct vt_lab *lab, const char *title)
{
    struct cli_live *l = calloc(1, sizeof *l + vt_web_asset_count * sizeof l->asset[0]);
    if (l == NULL)
        return NULL;
    l->lab = lab;
    l->live = vt_live_new(&(struct vt_live_config){.title = title});
    if (l->live == NULL ||
        vt_lab_listen(lab, (struct vt_listener){.event = vt_live_event, .ctx = l->live}) < 0) {
        vt_live_free(l->live);
        free(l);
        return NULL;
    }
    for (size_t i = 0; i < vt_web_asset_count; i++) {
        const struct vt_asset *a = &vt_web_assets[i];
        l->asset[i] = (struct vt_http_asset){a->path, a->type, a->data, a->len, VT_MARK_PAGE};
    }
    l->hook = (struct vt_http_hook){
        .page = page, .ctx = l, .assets = l->asset, .n_assets = vt_web_asset_count};
    return l;
}

struct vt_http_hook *cli_live_hook(struct cli_live *live)
{
    return &live->hook;
}

void cli_live_free(struct cli_live *live)
{
    if (live == NULL)
        return;
    vt_lab_unlisten(live->lab, (struct vt_listener){.event = vt_live_event, .ctx = live->live});
    vt_live_free(live->live);
    free(live);
}

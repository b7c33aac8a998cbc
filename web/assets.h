/* The live page's files, embedded (tools/embed). */
#ifndef VT_WEB_ASSETS_H
#define VT_WEB_ASSETS_H

#include <stddef.h>

struct vt_asset {
    const char *path; /* "/live.js"; "/" for the page itself */
    const char *type; /* for Content-Type */
    const void *data;
    size_t len;
};

extern const struct vt_asset vt_web_assets[];
extern const size_t vt_web_asset_count;

#endif

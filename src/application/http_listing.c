/* The page that lists a directory: names in the order of their bytes, directories with a '/'. */
#include <vitro/errno.h>
#include "http.h"

#define LIST_NAMES 1000 /* more are not shown, and the page says so */
#define LIST_BYTES 65536
#define NAME_MAX   256

struct entry {
    uint32_t at; /* of its name in `names` */
    bool dir;
};

/* What is gathered first. */
struct list {
    uint32_t n, used;
    bool more;
    struct entry entry[LIST_NAMES];
    char names[LIST_BYTES];
};

void vt_http_put_path(struct vt_text *t, const char *path)
{
    for (const char *c = path; *c != 0; c++) {
        bool plain = (vt_lower(*c) >= 'a' && vt_lower(*c) <= 'z') || vt_is_digit(*c) ||
                     vt_is_one_of(*c, "-._~/");
        if (plain)
            vt_text_put(t, c, 1);
        else
            vt_text_add(t, "%%%02X", (unsigned)(uint8_t)*c);
    }
}

static void put_html(struct vt_text *t, const char *text)
{
    for (const char *c = text; *c != 0; c++) {
        switch (*c) {
        case '&': vt_text_add(t, "&amp;"); break;
        case '<': vt_text_add(t, "&lt;"); break;
        case '>': vt_text_add(t, "&gt;"); break;
        case '"': vt_text_add(t, "&quot;"); break;
        default: vt_text_put(t, c, 1); break;
        }
    }
}

static int gather(struct vt_process *p, void *dir, struct list *l)
{
    for (;;) {
        struct vt_file_info info;
        char name[NAME_MAX];
        uint32_t len;
        int got = p->files->list(p->root, dir, name, sizeof name, &info);
        if (got == -VT_ENAMETOOLONG)
            continue;
        if (got <= 0)
            return got;
        len = (uint32_t)strlen(name) + 1;
        if (l->n == LIST_NAMES || l->used + len > sizeof l->names) {
            l->more = true;
            return 0;
        }
        l->entry[l->n++] = (struct entry){l->used, info.dir};
        memcpy(l->names + l->used, name, len);
        l->used += len;
    }
}

/* Shell's sort: a thousand entries at most, and no qsort() in the core. */
static void sort(struct list *l)
{
    static const uint32_t gaps[] = {301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++)
        for (uint32_t i = gaps[g]; i < l->n; i++) {
            struct entry e = l->entry[i];
            uint32_t at = i;
            while (at >= gaps[g] && strcmp(l->names + l->entry[at - gaps[g]].at, l->names + e.at) > 0) {
                l->entry[at] = l->entry[at - gaps[g]];
                at -= gaps[g];
            }
            l->entry[at] = e;
        }
}

static void write_page(struct vt_text *t, const struct list *l, const char *path)
{
    vt_text_add(t, "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>");
    put_html(t, path);
    vt_text_add(t, "</title>\n<h1>");
    put_html(t, path);
    vt_text_add(t, "</h1>\n<ul>\n");
    if (path[1] != 0)
        vt_text_add(t, "<li><a href=\"../\">../</a></li>\n");
    for (uint32_t i = 0; i < l->n; i++) {
        const char *name = l->names + l->entry[i].at, *slash = l->entry[i].dir ? "/" : "";
        /* "./" first: a name with a ':' would be read as a URL's scheme (RFC 3986 4.2). */
        vt_text_add(t, "<li><a href=\"./");
        vt_http_put_path(t, name);
        vt_text_add(t, "%s\">", slash);
        put_html(t, name);
        vt_text_add(t, "%s</a></li>\n", slash);
    }
    vt_text_add(t, "</ul>\n%s</html>\n", l->more ? "<p>There are more.</p>\n" : "");
}

/* The most that a page can take: each byte of a name three times in the link and six in the text. */
static size_t page_size(const struct list *l, const char *path)
{
    return 512 + strlen(path) * 12 + (size_t)l->used * 9 + (size_t)l->n * 40;
}

int vt_http_listing(struct vt_process *p, void *dir, const char *path, void **page, size_t *size, size_t *len)
{
    struct list *l = p->mem.alloc(p->mem.ctx, sizeof *l);
    struct vt_text t;
    int err;
    if (l == NULL)
        return -VT_ENOMEM;
    err = gather(p, dir, l);
    if (err == 0) {
        *size = page_size(l, path);
        *page = p->mem.alloc(p->mem.ctx, *size);
        err = *page != NULL ? 0 : -VT_ENOMEM;
    }
    if (err == 0) {
        sort(l);
        vt_text_init(&t, *page, *size);
        write_page(&t, l, path);
        *len = t.len;
    }
    p->mem.free(p->mem.ctx, l, sizeof *l);
    return err;
}

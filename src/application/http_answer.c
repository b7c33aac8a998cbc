/* What is answered to a request: pages of the program, pages made by the hook, files (RFC 9110). */
#include <vitro/errno.h>
#include "base/random.h"
#include "http.h"
#include "http_date.h"

/* What stands at a path. */
struct found {
    const char *type;
    uint64_t length;
    uint64_t mtime; /* seconds since 1970 */
    bool dated;     /* mtime is known */
    bool dynamic;   /* made for this request: neither kept nor cut into ranges */
    char etag[40];  /* "" for none */
};

static struct vt_process *process(const struct vt_http_conn *c)
{
    return c->http->console.p;
}

void vt_http_source_end(struct vt_process *p, struct vt_http_source *s)
{
    if (s->owned != NULL)
        p->mem.free(p->mem.ctx, s->owned, s->owned_len);
    if (s->file != NULL && p->files != NULL)
        p->files->close(p->root, s->file);
    *s = (struct vt_http_source){.left = 0};
}

/* ---- Words ---- */

const char *vt_http_reason(unsigned status)
{
    switch (status) {
    case 200: return "OK";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
    }
}

const char *vt_http_type(const char *path)
{
    static const char *const types[][2] = {
        {"html", "text/html; charset=utf-8"},
        {"htm", "text/html; charset=utf-8"},
        {"css", "text/css; charset=utf-8"},
        {"js", "text/javascript; charset=utf-8"},
        {"mjs", "text/javascript; charset=utf-8"},
        {"txt", "text/plain; charset=utf-8"},
        {"md", "text/markdown; charset=utf-8"},
        {"csv", "text/csv; charset=utf-8"},
        {"json", "application/json"},
        {"xml", "application/xml"},
        {"yaml", "application/yaml"},
        {"yml", "application/yaml"},
        {"svg", "image/svg+xml"},
        {"png", "image/png"},
        {"jpg", "image/jpeg"},
        {"jpeg", "image/jpeg"},
        {"gif", "image/gif"},
        {"webp", "image/webp"},
        {"ico", "image/vnd.microsoft.icon"},
        {"woff2", "font/woff2"},
        {"wasm", "application/wasm"},
        {"pdf", "application/pdf"},
        {"gz", "application/gzip"},
        {"zip", "application/zip"},
        {"mp3", "audio/mpeg"},
        {"mp4", "video/mp4"},
        {"webm", "video/webm"},
    };
    const char *ending = NULL;
    for (const char *c = path; *c != 0; c++) {
        if (*c == '.')
            ending = c + 1;
        else if (*c == '/')
            ending = NULL;
    }
    for (size_t i = 0; ending != NULL && i < sizeof types / sizeof types[0]; i++)
        if (vt_text_is(ending, strlen(ending), types[i][0]))
            return types[i][1];
    return "application/octet-stream";
}

/* ---- The head ---- */

/* RFC 9110 5.5: a value with a line end or a NUL would be a head of somebody else's making. The whole answer
 * is given up then. */
static void put_field(struct vt_http_work *w, const char *name, const char *value)
{
    for (const char *c = value; *c != 0; c++)
        if (((uint8_t)*c < 0x20 && *c != '\t') || *c == 0x7f) {
            w->head.cut = true;
            return;
        }
    vt_text_add(&w->head, "%s: %s\r\n", name, value);
}

static void begin_head(struct vt_http_conn *c, unsigned status)
{
    struct vt_http_work *w = c->work;
    char date[VT_HTTP_DATE];
    w->status = (uint16_t)status;
    w->length = 0;
    vt_text_init(&w->head, w->out, sizeof w->out);
    vt_text_add(&w->head, "HTTP/1.1 %u %s\r\n", status, vt_http_reason(status));
    put_field(w, "Date", vt_http_date(date, process(c)->unix_time));
    put_field(w, "Server", "vitro");
    put_field(w, "X-Content-Type-Options", "nosniff");
}

static void put_length(struct vt_http_work *w, uint64_t length)
{
    vt_text_add(&w->head, "Content-Length: %llu\r\n", (unsigned long long)length);
}

/* Ends the head; a body of `length` bytes follows, but not to HEAD. False when the head cannot be sent. */
static bool end_head(struct vt_http_work *w)
{
    if (w->close)
        put_field(w, "Connection", "close");
    else if (w->parser.framing.minor == 0)
        put_field(w, "Connection", "keep-alive");
    vt_text_put(&w->head, "\r\n", 2);
    w->out_at = 0;
    w->out_len = w->head.len;
    return !w->head.cut;
}

static bool is_head(const struct vt_http_work *w)
{
    return w->parser.state == VT_HTTP_DONE && w->parser.u.request.method == VT_HTTP_HEAD_METHOD;
}

/* A small page that says what the status says: `extra` is a field line of its own, or "". */
static void answer_page(struct vt_http_conn *c, unsigned status, const char *why, const char *name,
                        const char *value)
{
    struct vt_http_work *w = c->work;
    char page[512];
    size_t len = vt_format(page, sizeof page,
                           "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>%u %s</title>\n"
                           "<h1>%u %s</h1>\n<p>%s</p>\n</html>\n",
                           status, vt_http_reason(status), status, vt_http_reason(status), why);
    vt_http_source_end(process(c), &w->source);
    begin_head(c, status);
    if (name != NULL)
        put_field(w, name, value);
    put_field(w, "Content-Type", "text/html; charset=utf-8");
    put_length(w, len);
    if (!end_head(w)) {
        w->close = true;
        w->out_len = vt_format(
            w->out, sizeof w->out,
            "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        w->status = 500;
        return;
    }
    if (is_head(w))
        return;
    w->length = len;
    memcpy(w->out + w->out_len, page, len);
    w->out_len += len;
}

void vt_http_answer_error(struct vt_http_conn *c, uint16_t status, const char *why, bool close)
{
    c->work->close = c->work->close || close;
    if (status == 405)
        answer_page(c, status, why, "Allow", "GET, HEAD"); /* RFC 9110 15.5.6 */
    else if (status == 503)
        answer_page(c, status, why, "Retry-After", "5");
    else
        answer_page(c, status, why, NULL, NULL);
}

static void refuse(struct vt_http_conn *c, uint16_t status, const char *why)
{
    vt_http_answer_error(c, status, why, false);
}

/* ---- Conditions (RFC 9110 13) ---- */

/* Is `etag` in a list of tags? A weak one ("W/") matches where `weak` allows it (RFC 9110 8.8.3.2). */
static bool tag_in(const char *list, const char *etag, bool weak)
{
    size_t len = strlen(etag);
    const char *at = list;
    while (*at == ' ' || *at == '\t' || *at == ',')
        at++;
    if (at[0] == '*' && at[1] == 0)
        return true;
    while (*at != 0) {
        bool is_weak = at[0] == 'W' && at[1] == '/';
        const char *tag = is_weak ? at + 2 : at, *end;
        if (*tag != '"')
            return false;
        for (end = tag + 1; *end != 0 && *end != '"';)
            end++;
        if (*end == 0)
            return false;
        end++;
        if ((weak || !is_weak) && len > 0 && (size_t)(end - tag) == len && memcmp(tag, etag, len) == 0)
            return true;
        for (at = end; *at == ' ' || *at == '\t' || *at == ',';)
            at++;
    }
    return false;
}

/* RFC 9110 13.2.2: 412, 304, or 0 to go on. */
static unsigned judge(const struct vt_http_request *r, const struct found *f)
{
    uint64_t date;
    if (r->if_match[0] != 0) {
        if (!tag_in(r->if_match, f->etag, false))
            return 412;
    } else if (r->if_unmodified_since[0] != 0 && f->dated &&
               vt_http_date_parse(r->if_unmodified_since, &date) == 0 && f->mtime > date) {
        return 412;
    }
    if (r->if_none_match[0] != 0)
        return tag_in(r->if_none_match, f->etag, true) ? 304 : 0;
    if (r->if_modified_since[0] != 0 && f->dated && vt_http_date_parse(r->if_modified_since, &date) == 0 &&
        f->mtime <= date)
        return 304;
    return 0;
}

/* RFC 9110 13.1.5: a range of what the client has, or the whole. */
static bool if_range_holds(const struct vt_http_request *r, const struct found *f)
{
    uint64_t date;
    if (r->if_range[0] == 0)
        return true;
    if (r->if_range[0] == '"')
        return strcmp(r->if_range, f->etag) == 0;
    return f->dated && vt_http_date_parse(r->if_range, &date) == 0 && f->mtime == date;
}

/* RFC 9110 14.1.2: the first byte and the number of them. 206, 416, or 200 for the whole. */
static unsigned choose_range(const struct vt_http_request *r, const struct found *f, uint64_t *first,
                             uint64_t *n)
{
    *first = 0;
    *n = f->length;
    if (r->range == VT_HTTP_RANGE_NONE || r->method != VT_HTTP_GET || f->dynamic || !if_range_holds(r, f))
        return 200;
    if (r->range == VT_HTTP_RANGE_SUFFIX) {
        if (r->range_last == 0 || f->length == 0)
            return 416;
        *n = r->range_last < f->length ? r->range_last : f->length;
        *first = f->length - *n;
        return 206;
    }
    if (r->range_first >= f->length)
        return 416;
    *first = r->range_first;
    *n = f->length - *first;
    if (r->range == VT_HTTP_RANGE_SPAN && r->range_last - r->range_first + 1 < *n &&
        r->range_last != UINT64_MAX)
        *n = r->range_last - r->range_first + 1;
    return 206;
}

static void skip(struct vt_http_source *s, uint64_t first, uint64_t n)
{
    if (s->memory != NULL)
        s->memory += first;
    s->offset = first;
    s->left = n;
}

/* Answers with what was found; `source` is set, with all its bytes. */
static void answer_found(struct vt_http_conn *c, const struct found *f)
{
    struct vt_http_work *w = c->work;
    const struct vt_http_request *r = &w->parser.u.request;
    char text[80], date[VT_HTTP_DATE];
    uint64_t first = 0, n = 0;
    unsigned status = f->dynamic ? 0 : judge(r, f);
    if (status == 412) {
        refuse(c, 412, "it has changed");
        return;
    }
    if (status == 0)
        status = choose_range(r, f, &first, &n);
    if (status == 416) {
        vt_format(text, sizeof text, "bytes */%llu", (unsigned long long)f->length);
        answer_page(c, 416, "the range lies beyond the end", "Content-Range", text);
        return;
    }
    begin_head(c, status);
    if (f->etag[0] != 0)
        put_field(w, "ETag", f->etag);
    /* RFC 9110 8.8.2.1: not later than the Date of this answer. */
    if (f->dated && f->mtime <= process(c)->unix_time)
        put_field(w, "Last-Modified", vt_http_date(date, f->mtime));
    put_field(w, "Cache-Control", f->dynamic ? "no-store" : "no-cache");
    if (status != 304) {
        put_field(w, "Content-Type", f->type);
        if (!f->dynamic)
            put_field(w, "Accept-Ranges", "bytes");
        put_length(w, n);
    }
    if (status == 206) {
        vt_format(text, sizeof text, "bytes %llu-%llu/%llu", (unsigned long long)first,
                  (unsigned long long)(first + n - 1), (unsigned long long)f->length);
        put_field(w, "Content-Range", text);
    }
    if (!end_head(w)) {
        refuse(c, 500, "the answer's head could not be made");
        return;
    }
    if (status == 304 || is_head(w)) {
        vt_http_source_end(process(c), &w->source);
        return;
    }
    w->length = n;
    skip(&w->source, first, n);
}

/* ---- What there is ---- */

static void mark(struct vt_http_conn *c, uint32_t value)
{
    struct vt_process *p = process(c);
    if (value == 0 || c->marked)
        return;
    p->api->setsockopt(p->net, c->sock.fd, VT_SOL_SOCKET, VT_SO_MARK, &value, sizeof value);
    c->marked = true;
}

static bool answer_asset(struct vt_http_conn *c, const struct vt_http_hook *hook)
{
    static const struct vt_sipkey key = {{0, 0}};
    struct vt_http_work *w = c->work;
    for (size_t i = 0; i < hook->n_assets; i++) {
        const struct vt_http_asset *a = &hook->assets[i];
        struct found f = {.type = a->type, .length = a->len};
        if (strcmp(a->path, w->path) != 0)
            continue;
        mark(c, a->mark);
        vt_format(f.etag, sizeof f.etag, "\"%016llx\"",
                  (unsigned long long)vt_siphash(&key, a->data, a->len));
        w->source.memory = a->data;
        answer_found(c, &f);
        return true;
    }
    return false;
}

static bool answer_hook(struct vt_http_conn *c, const struct vt_http_hook *hook, const char *query)
{
    struct vt_http_work *w = c->work;
    struct vt_process *p = process(c);
    struct found f = {.type = "application/octet-stream", .dynamic = true};
    void *body = NULL;
    size_t len = 0;
    uint32_t value = 0;
    int err;
    if (hook->page == NULL)
        return false;
    err = hook->page(hook->ctx, w->path, query, &p->mem, &body, &len, &f.type, &value);
    if (err == -VT_ENOENT)
        return false;
    mark(c, value);
    if (err < 0) {
        refuse(c, err == -VT_ENOMEM ? 503 : 500, vt_strerror(err));
        return true;
    }
    f.length = len;
    w->source.memory = body;
    w->source.owned = body;
    w->source.owned_len = len;
    answer_found(c, &f);
    return true;
}

static void file_error(struct vt_http_conn *c, int err)
{
    switch (-err) {
    case VT_EACCES:
    case VT_EPERM: refuse(c, 403, "not for reading"); break;
    case VT_ENOMEM:
    case VT_EMFILE:
    case VT_ENFILE: refuse(c, 503, vt_strerror(err)); break;
    case VT_EIO: refuse(c, 500, vt_strerror(err)); break;
    default: refuse(c, 404, "there is nothing here"); break;
    }
}

static void answer_file(struct vt_http_conn *c, const char *path, void *file, const struct vt_file_info *info)
{
    struct found f = {.type = vt_http_type(path), .length = info->size, .mtime = info->mtime, .dated = true};
    vt_format(f.etag, sizeof f.etag, "\"%llx-%llx\"", (unsigned long long)info->mtime,
              (unsigned long long)info->size);
    c->work->source.file = file;
    answer_found(c, &f);
}

/* RFC 9110 15.4.2: links relative to a directory want its '/'. */
static void answer_moved(struct vt_http_conn *c, const char *query)
{
    char location[2048];
    struct vt_text t;
    vt_text_init(&t, location, sizeof location);
    vt_http_put_path(&t, c->work->path);
    vt_text_add(&t, "/%s%s", *query != 0 ? "?" : "", query);
    if (t.cut)
        refuse(c, 404, "there is nothing here");
    else
        answer_page(c, 301, "it is a directory", "Location", location);
}

static void answer_directory(struct vt_http_conn *c, void *dir)
{
    struct vt_http_work *w = c->work;
    struct vt_process *p = process(c);
    struct vt_file_info info;
    struct found f = {.type = "text/html; charset=utf-8", .dynamic = true};
    size_t len = strlen(w->path), size = 0, page_len = 0;
    void *file = NULL, *page = NULL;
    int err = -VT_ENOENT;
    if (len + sizeof "index.html" <= sizeof w->path) {
        memcpy(w->path + len, "index.html", sizeof "index.html");
        err = p->files->open(p->root, w->path + 1, &info, &file);
        w->path[len] = 0;
    }
    if (err == 0 && !info.dir) {
        p->files->close(p->root, dir);
        answer_file(c, "index.html", file, &info);
        return;
    }
    if (err == 0)
        p->files->close(p->root, file);
    err = p->files->list != NULL ? vt_http_listing(p, dir, w->path, &page, &size, &page_len) : -VT_EACCES;
    p->files->close(p->root, dir);
    if (err < 0) {
        file_error(c, err);
        return;
    }
    f.length = page_len;
    w->source.memory = page;
    w->source.owned = page;
    w->source.owned_len = size;
    answer_found(c, &f);
}

static void answer_path(struct vt_http_conn *c, const char *query)
{
    struct vt_http_work *w = c->work;
    struct vt_process *p = process(c);
    struct vt_file_info info;
    size_t len = strlen(w->path);
    bool slash = w->path[len - 1] == '/';
    void *file = NULL;
    int err;
    if (p->files == NULL) {
        refuse(c, 404, "there is nothing here");
        return;
    }
    if (slash)
        w->path[len - 1] = 0;
    err = p->files->open(p->root, len > 1 ? w->path + 1 : "", &info, &file);
    if (slash)
        w->path[len - 1] = '/';
    if (err == 0 && info.dir && slash) {
        answer_directory(c, file);
    } else if (err == 0 && info.dir) {
        p->files->close(p->root, file);
        answer_moved(c, query);
    } else if (err == 0 && slash) {
        p->files->close(p->root, file);
        refuse(c, 404, "there is nothing here");
    } else if (err == 0) {
        answer_file(c, w->path, file, &info);
    } else {
        file_error(c, err);
    }
}

void vt_http_answer(struct vt_http_conn *c)
{
    struct vt_http_work *w = c->work;
    const struct vt_http_request *r = &w->parser.u.request;
    const struct vt_http_hook *hook = process(c)->hook;
    const char *query;
    if (r->method == VT_HTTP_OTHER)
        refuse(c, 501, "an unknown method");
    else if (r->method == VT_HTTP_KNOWN)
        refuse(c, 405, "things here can only be read");
    else if (vt_http_path(r->target, w->path, sizeof w->path, &query) < 0)
        refuse(c, 400, "malformed path");
    else if (hook == NULL || (!answer_asset(c, hook) && !answer_hook(c, hook, query)))
        answer_path(c, query);
}

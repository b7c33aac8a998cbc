/* The HTTP client: one request, one answer, whatever frames its body; no faster than its output is taken. */
#include "http.h"

/* curl's exit codes. */
enum {
    EXIT_URL = 3,
    EXIT_RESOLVE = 6,
    EXIT_CONNECT = 7,
    EXIT_PROTOCOL = 8,
    EXIT_PARTIAL = 18,
    EXIT_STATUS = 22,
    EXIT_TIME = 28,
    EXIT_EMPTY = 52,
    EXIT_RECV = 56,
};

#define STEP_ROUNDS    256
#define PROGRESS_EVERY VT_SEC

static void fail(struct vt_http *http, int status, const char *what)
{
    vt_console_error(&http->console, "%s:%u: %s", http->u.client.to.host, http->u.client.to.port, what);
    vt_console_end(&http->console, status);
}

/* ---- The request ---- */

/* "http://host:port/path" into its parts. `*path` points into the URL, at '/' or '?' or its end. */
static int split_url(struct vt_endpoint *to, const char *url, const char **path, char *authority, size_t cap)
{
    size_t len = 0;
    if (strlen(url) > 7 && vt_text_is(url, 7, "http://"))
        url += 7;
    while (url[len] != 0 && url[len] != '/' && url[len] != '?' && url[len] != '#')
        len++;
    if (len == 0 || len >= cap || memchr(url, '@', len) != NULL)
        return -VT_EINVAL;
    for (size_t i = 0; i < len; i++)
        if ((uint8_t)url[i] <= 0x20 || (uint8_t)url[i] >= 0x7f)
            return -VT_EINVAL;
    memcpy(authority, url, len);
    authority[len] = 0;
    *path = url + len;
    return vt_endpoint_parse(to, authority, NULL, 80);
}

/* The path as a target: what a URL may not hold as %XX, the fragment left off. */
static void put_target(struct vt_text *t, const char *path)
{
    if (*path != '/')
        vt_text_put(t, "/", 1);
    for (; *path != 0 && *path != '#'; path++) {
        if ((uint8_t)*path > 0x20 && (uint8_t)*path < 0x7f)
            vt_text_put(t, path, 1);
        else
            vt_text_add(t, "%%%02X", (unsigned)(uint8_t)*path);
    }
}

static bool put_headers(struct vt_text *t, const struct vt_option_list *headers)
{
    for (unsigned i = 0; i < headers->n; i++) {
        const char *line = headers->text[i], *value;
        size_t name_len, len;
        if (vt_http_split_field(line, strlen(line), &name_len, &value, &len) < 0)
            return false;
        for (const char *c = line; *c != 0; c++)
            if ((uint8_t)*c < 0x20 && *c != '\t')
                return false;
        vt_text_add(t, "%s\r\n", line);
    }
    return true;
}

static int make_request(struct vt_process *p, struct vt_http_client *c, const char *url, const char *range,
                        const struct vt_option_list *headers)
{
    char authority[300];
    const char *path;
    struct vt_text t;
    if (strlen(url) > 8 && vt_text_is(url, 8, "https://")) {
        vt_process_error(p, "%s: there is no TLS here; use http://", url);
        return 1;
    }
    if (split_url(&c->to, url, &path, authority, sizeof authority) < 0) {
        vt_process_error(p, "%s: not a URL of the form http://HOST[:PORT]/PATH", url);
        return EXIT_URL;
    }
    vt_text_init(&t, c->request, sizeof c->request);
    vt_text_add(&t, "%s ", c->head_only ? "HEAD" : "GET");
    put_target(&t, path);
    vt_text_add(&t, " HTTP/1.1\r\nHost: %s\r\nUser-Agent: vitro\r\nAccept: */*\r\nConnection: close\r\n",
                authority);
    if (range != NULL)
        vt_text_add(&t, "Range: bytes=%s\r\n", range);
    if (!put_headers(&t, headers) || (range != NULL && memchr(range, '\n', strlen(range)) != NULL))
        return vt_usage_error(p, "a header is 'Name: value', on one line", "");
    vt_text_put(&t, "\r\n", 2);
    if (t.cut) {
        vt_process_error(p, "%.100s...: too long", url);
        return EXIT_URL;
    }
    c->request_len = t.len;
    return 0;
}

/* ---- The answer's head ---- */

/* A line of the head, in two parts: to standard output for -I and -i, to standard error for -v. */
static void show(struct vt_http *http, const char *head, size_t head_len, const char *tail, size_t tail_len)
{
    const struct vt_http_client *c = &http->u.client;
    if (c->include || c->head_only) {
        vt_console_put(&http->console, head, head_len);
        vt_console_put(&http->console, tail, tail_len);
        vt_console_put(&http->console, "\r\n", 2);
    }
    if (c->verbose)
        vt_console_note(&http->console, "< %.*s%.*s\n", (int)head_len, head, (int)tail_len, tail);
}

static void show_status(struct vt_http *http)
{
    const struct vt_http_parser *parser = &http->u.client.parser;
    const struct vt_http_response *r = &parser->u.response;
    char line[32];
    size_t n = vt_format(line, sizeof line, "HTTP/1.%u %u ", parser->framing.minor, r->status);
    show(http, line, n, r->reason, strlen(r->reason));
}

static void on_field(void *ctx, const char *name, size_t name_len, const char *value, size_t len)
{
    struct vt_http *http = ctx;
    if (http->u.client.parser.fields == 1)
        show_status(http);
    /* What stands between name and value is shown as it came. */
    show(http, name, (size_t)(value - name), value, len);
    (void)name_len;
}

static void show_request(struct vt_http *http)
{
    const struct vt_http_client *c = &http->u.client;
    const char *line = c->request;
    while (line < c->request + c->request_len) {
        const char *end = memchr(line, '\r', (size_t)(c->request + c->request_len - line));
        vt_console_note(&http->console, "> %.*s\n", (int)(end - line), line);
        line = end + 2;
    }
}

static void head_done(struct vt_http *http)
{
    struct vt_http_client *c = &http->u.client;
    const struct vt_http_response *r = &c->parser.u.response;
    bool none = c->head_only || r->status == 204 || r->status == 304;
    if (c->parser.fields == 0)
        show_status(http);
    show(http, "", 0, "", 0);
    if (r->status < 200) { /* RFC 9110 15.2: interim; the answer follows */
        vt_http_parser_start(&c->parser, true);
        return;
    }
    if (r->status >= 300 && r->status < 400 && r->location[0] != 0) {
        char location[VT_CONSOLE_LINE];
        struct vt_text t;
        vt_text_init(&t, location, sizeof location - 64);
        vt_text_visible(&t, r->location, strlen(r->location));
        vt_console_error(&http->console, "%u %s; it is at %s (not followed)", r->status, r->reason, location);
    }
    vt_http_body_start(&c->body, &c->parser.framing, true, none);
    if (c->fail && r->status >= 400) {
        vt_console_error(&http->console, "%u %s", r->status, r->reason);
        vt_console_end(&http->console, EXIT_STATUS);
        return;
    }
    c->state = VT_HTTP_GET_BODY;
    if (c->body.state == VT_HTTP_DONE)
        vt_console_end(&http->console, 0);
}

/* ---- The conversation. Each of these returns true when it can go on at once. ---- */

static bool connecting(struct vt_process *p, struct vt_http *http)
{
    struct vt_http_client *c = &http->u.client;
    int up = vt_connected(p, &c->sock);
    if (up < 0)
        fail(http, EXIT_CONNECT, vt_strerror(up));
    if (up <= 0)
        return false;
    c->state = VT_HTTP_GET_SENDING;
    if (c->verbose)
        show_request(http);
    return true;
}

static bool sending(struct vt_process *p, struct vt_http *http)
{
    struct vt_http_client *c = &http->u.client;
    long n = vt_send_some(p, c->sock.fd, c->request + c->sent, c->request_len - c->sent, 0);
    if (n == -VT_EAGAIN) {
        vt_watch(p, &c->sock, VT_POLLOUT, c);
        return false;
    }
    if (n < 0) {
        fail(http, EXIT_RECV, vt_strerror((int)n));
        return false;
    }
    c->sent += (size_t)n;
    if (c->sent == c->request_len) {
        c->state = VT_HTTP_GET_HEAD;
        vt_watch(p, &c->sock, VT_POLLIN, c);
    }
    return true;
}

static void ended_early(struct vt_http *http)
{
    struct vt_http_client *c = &http->u.client;
    if (c->state == VT_HTTP_GET_HEAD) {
        fail(http, EXIT_EMPTY,
             c->parser.bytes == 0 ? "it ended the connection without an answer"
                                  : "it ended the connection in the answer's head");
        return;
    }
    vt_http_body_eof(&c->body);
    if (c->body.state == VT_HTTP_DONE)
        vt_console_end(&http->console, 0);
    else
        fail(http, EXIT_PARTIAL, c->body.why);
}

static bool read_more(struct vt_process *p, struct vt_http *http)
{
    struct vt_http_client *c = &http->u.client;
    long n = vt_recv_some(p, c->sock.fd, c->in, sizeof c->in);
    if (n == -VT_EAGAIN)
        return false;
    if (n < 0)
        fail(http, EXIT_RECV, vt_strerror((int)n));
    else if (n == 0)
        ended_early(http);
    c->in_at = 0;
    c->in_len = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static bool reading_head(struct vt_http *http)
{
    struct vt_http_client *c = &http->u.client;
    size_t n;
    /* All that a piece of input can print finds room, or it waits. */
    if ((c->include || c->head_only) && vt_console_room(&http->console) < sizeof c->in + 4096)
        return false;
    n = vt_http_parse(&c->parser, c->in + c->in_at, c->in_len);
    c->in_at += n;
    c->in_len -= n;
    if (c->parser.state == VT_HTTP_BAD)
        fail(http, EXIT_PROTOCOL, c->parser.why);
    else if (c->parser.state == VT_HTTP_DONE)
        head_done(http);
    return true;
}

static bool reading_body(struct vt_http *http)
{
    struct vt_http_client *c = &http->u.client;
    const uint8_t *data;
    size_t room, len, n;
    char *to = vt_console_reserve(&http->console, &room);
    if (room == 0)
        return false;
    n = vt_http_body_feed(&c->body, c->in + c->in_at, c->in_len < room ? c->in_len : room, &data, &len);
    c->in_at += n;
    c->in_len -= n;
    if (len > 0)
        memcpy(to, data, len);
    vt_console_commit(&http->console, len);
    if (c->body.state == VT_HTTP_BAD)
        fail(http, EXIT_RECV, c->body.why);
    else if (c->body.state == VT_HTTP_DONE)
        vt_console_end(&http->console, 0);
    return true;
}

static bool move(struct vt_process *p, struct vt_http *http)
{
    struct vt_http_client *c = &http->u.client;
    switch (c->state) {
    case VT_HTTP_GET_CONNECTING: return connecting(p, http);
    case VT_HTTP_GET_SENDING: return sending(p, http);
    default: break;
    }
    if (c->in_len == 0 && !read_more(p, http))
        return false;
    return c->state == VT_HTTP_GET_HEAD ? reading_head(http) : reading_body(http);
}

/* ---- Telling ---- */

static void tell_progress(struct vt_process *p, struct vt_http *http, bool last)
{
    struct vt_http_client *c = &http->u.client;
    uint64_t ms = (p->now - c->began) / (uint64_t)VT_MSEC, bytes = c->body.taken,
             of = c->parser.framing.length;
    uint64_t rate = ms > 0 ? bytes / ms : 0; /* bytes a millisecond: kB/s */
    if (!c->progress || (!last && p->now < c->told + (uint64_t)PROGRESS_EVERY))
        return;
    c->told = p->now;
    vt_console_note(&http->console, "%llu", (unsigned long long)bytes);
    if (c->parser.framing.has_length)
        vt_console_note(&http->console, " of %llu", (unsigned long long)of);
    vt_console_note(&http->console, " bytes in %llu.%03llu s, %llu kB/s\n", (unsigned long long)(ms / 1000),
                    (unsigned long long)(ms % 1000), (unsigned long long)rate);
}

/* Reading goes on as the output is taken: while it is stuck, the socket is not watched for input. */
static void watch_again(struct vt_process *p, struct vt_http *http)
{
    struct vt_http_client *c = &http->u.client;
    if (c->state == VT_HTTP_GET_HEAD || c->state == VT_HTTP_GET_BODY)
        vt_watch(p, &c->sock, c->in_len > 0 ? 0 : VT_POLLIN, c);
    p->wake = c->deadline;
    if (c->progress)
        p->wake = vt_time_min(p->wake, vt_time_add(c->told, PROGRESS_EVERY));
}

void vt_http_get_step(struct vt_process *p, struct vt_http *http)
{
    struct vt_http_client *c = &http->u.client;
    unsigned round = 0;
    if (p->stop) {
        vt_console_end(&http->console, 130);
        return;
    }
    if (p->now >= c->deadline) {
        fail(http, EXIT_TIME, "it took too long");
        return;
    }
    while (round < STEP_ROUNDS && !http->console.ending && move(p, http)) {
        vt_console_flush(&http->console);
        round++;
    }
    if (http->console.out.broken)
        vt_console_end(&http->console, EXIT_RECV); /* nobody reads what we write */
    tell_progress(p, http, http->console.ending);
    if (http->console.ending)
        return;
    watch_again(p, http);
    if (round == STEP_ROUNDS)
        p->wake = p->now;
}

int vt_http_get_start(struct vt_process *p, struct vt_http *http, int argc, char **argv)
{
    struct vt_http_client *c = &http->u.client;
    struct vt_option_list headers = {.n = 0};
    const char *url = NULL, *range = NULL;
    vt_span max_time = 0;
    struct vt_addr peer;
    int n, err;
    const struct vt_option options[] = {
        {.name = "head", .letter = 'I', .kind = VT_OPTION_FLAG, .to = &c->head_only},
        {.name = "include", .letter = 'i', .kind = VT_OPTION_FLAG, .to = &c->include},
        {.name = "verbose", .letter = 'v', .kind = VT_OPTION_FLAG, .to = &c->verbose},
        {.name = "fail", .letter = 'f', .kind = VT_OPTION_FLAG, .to = &c->fail},
        {.name = "header", .letter = 'H', .kind = VT_OPTION_LIST, .to = &headers},
        {.name = "range", .letter = 'r', .kind = VT_OPTION_TEXT, .to = &range},
        {.name = "max-time",
         .letter = 'm',
         .kind = VT_OPTION_SPAN,
         .to = &max_time,
         .min = 1,
         .max = INT64_MAX},
        {.name = "progress", .kind = VT_OPTION_FLAG, .to = &c->progress},
    };
    n = vt_options_read(p, options, sizeof options / sizeof options[0], argc, argv, &url, 1);
    if (n < 0)
        return p->status;
    if (n == 0)
        return vt_usage_error(p, "want a URL", "");
    err = make_request(p, c, url, range, &headers);
    if (err != 0)
        return err;
    c->deadline = max_time > 0 ? vt_time_add(p->now, max_time) : VT_NEVER;
    c->began = c->told = p->now;
    vt_http_parser_start(&c->parser, true);
    c->parser.field = on_field;
    c->parser.field_ctx = http;
    err = vt_endpoint_resolve(p, &c->to, &peer);
    if (err < 0) {
        vt_process_error(p, "%s: unknown host", c->to.host);
        return EXIT_RESOLVE;
    }
    err = vt_open_connection(p, &peer, &c->sock, c);
    if (err < 0) {
        vt_process_error(p, "%s:%u: %s", c->to.host, c->to.port, vt_strerror(err));
        return EXIT_CONNECT;
    }
    return 0;
}

void vt_http_get_end(struct vt_process *p, struct vt_http *http)
{
    vt_unwatch(p, &http->u.client.sock);
}

#include <vitro/errno.h>
#include "http_parse.h"

void vt_http_parser_start(struct vt_http_parser *p, bool response)
{
    vt_http_field_fn *field = p->field;
    void *ctx = p->field_ctx;
    memset(p, 0, offsetof(struct vt_http_parser, line));
    p->field = field;
    p->field_ctx = ctx;
    p->response = response;
}

static void bad(struct vt_http_parser *p, uint16_t status, const char *why)
{
    p->state = VT_HTTP_BAD;
    p->status = status;
    p->why = why;
}

/* ---- Characters (RFC 9110 5.6.2, RFC 3986) ---- */

static bool is_alpha(char c)
{
    return vt_lower(c) >= 'a' && vt_lower(c) <= 'z';
}

static bool is_token_char(char c)
{
    return is_alpha(c) || vt_is_digit(c) || vt_is_one_of(c, "!#$%&'*+-.^_`|~");
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* ---- The first line ---- */

/* "HTTP/1.1": the version's two digits. */
static bool read_version(struct vt_http_parser *p, const char *text, size_t len)
{
    if (len != 8 || memcmp(text, "HTTP/", 5) != 0 || !vt_is_digit(text[5]) || text[6] != '.' ||
        !vt_is_digit(text[7])) {
        bad(p, 400, "malformed HTTP version");
        return false;
    }
    if (text[5] != '1') {
        bad(p, 505, "HTTP version not supported");
        return false;
    }
    /* RFC 9110 2.5: a higher minor version of a major one that we speak is read as our own. */
    p->framing.minor = text[7] == '0' ? 0 : 1;
    return true;
}

static void read_method(struct vt_http_request *r, const char *text, size_t len)
{
    static const char *const known[] = {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"};
    vt_format(r->method_text, sizeof r->method_text, "%.*s", (int)len, text);
    r->method = VT_HTTP_OTHER;
    /* Methods are case-sensitive (RFC 9110 9.1). */
    if (len == 3 && memcmp(text, "GET", 3) == 0)
        r->method = VT_HTTP_GET;
    else if (len == 4 && memcmp(text, "HEAD", 4) == 0)
        r->method = VT_HTTP_HEAD_METHOD;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strlen(known[i]) == len && memcmp(text, known[i], len) == 0)
            r->method = VT_HTTP_KNOWN;
}

/* uri-host [":" port] (RFC 9110 7.2), its characters only; user information ("@") is not allowed. */
static bool is_authority(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_alpha(text[i]) && !vt_is_digit(text[i]) && !vt_is_one_of(text[i], "-._~!$&'()*+,;=%[]:"))
            return false;
    return true;
}

static bool read_target(struct vt_http_parser *p, const char *text, size_t len)
{
    struct vt_http_request *r = &p->u.request;
    for (size_t i = 0; i < len; i++)
        if ((uint8_t)text[i] <= 0x20 || (uint8_t)text[i] >= 0x7f || text[i] == '#')
            return false;
    if (len > 7 && vt_text_is(text, 7, "http://")) {
        /* RFC 9112 3.2.2: a server must take the absolute-form too. Its authority replaces Host. */
        size_t end = 7;
        while (end < len && text[end] != '/' && text[end] != '?')
            end++;
        if (end == 7 || !is_authority(text + 7, end - 7))
            return false;
        text += end;
        len -= end;
        if (len == 0 || text[0] == '?') {
            r->target[0] = '/';
            memcpy(r->target + 1, text, len);
            r->target[len + 1] = 0;
            return true;
        }
    } else if (len == 0 || (text[0] != '/' && r->method != VT_HTTP_KNOWN)) {
        return false; /* "*" and "host:port" are of OPTIONS and CONNECT (RFC 9112 3.2.3, 3.2.4) */
    }
    memcpy(r->target, text, len);
    r->target[len] = 0;
    return true;
}

/* method SP request-target SP HTTP-version (RFC 9112 3), single spaces. */
static void read_request_line(struct vt_http_parser *p)
{
    const char *line = p->line, *space = memchr(line, ' ', p->line_len), *version = NULL;
    size_t method_len = space != NULL ? (size_t)(space - line) : 0, rest;
    if (method_len == 0) {
        bad(p, 400, "malformed request line");
        return;
    }
    for (size_t i = 0; i < method_len; i++)
        if (!is_token_char(line[i])) {
            bad(p, 400, "malformed method");
            return;
        }
    rest = p->line_len - method_len - 1;
    version = memchr(space + 1, ' ', rest);
    if (version == NULL) {
        bad(p, 400, "malformed request line");
        return;
    }
    if (!read_version(p, version + 1, (size_t)(line + p->line_len - version - 1)))
        return;
    read_method(&p->u.request, line, method_len);
    if (!read_target(p, space + 1, (size_t)(version - space - 1)))
        bad(p, 400, "malformed request target");
}

/* HTTP-version SP 3DIGIT SP [reason] (RFC 9112 4). */
static void read_status_line(struct vt_http_parser *p)
{
    struct vt_http_response *r = &p->u.response;
    const char *line = p->line;
    uint64_t status = 0;
    if (p->line_len < 12 || line[8] != ' ' || vt_parse_u64(line + 9, 3, 599, &status) < 0 || status < 100 ||
        (p->line_len > 12 && line[12] != ' ')) {
        bad(p, 400, "malformed status line");
        return;
    }
    if (!read_version(p, line, 8))
        return;
    r->status = (uint16_t)status;
    if (p->line_len > 13)
        vt_format(r->reason, sizeof r->reason, "%.*s", (int)p->line_len - 13, line + 13);
}

/* ---- Fields ---- */

int vt_http_split_field(const char *line, size_t len, size_t *name_len, const char **value, size_t *value_len)
{
    const char *colon = len > 0 ? memchr(line, ':', len) : NULL, *end = line + len, *v;
    if (colon == NULL || colon == line)
        return -VT_EINVAL;
    /* RFC 9112 5.1: no white space before the colon; RFC 9112 5.2: a line that starts with some folds the one
     * before (obs-fold). Neither is a token. */
    for (const char *c = line; c < colon; c++)
        if (!is_token_char(*c))
            return -VT_EINVAL;
    v = colon + 1;
    while (v < end && is_space(*v))
        v++;
    while (end > v && is_space(end[-1]))
        end--;
    *name_len = (size_t)(colon - line);
    *value = v;
    *value_len = (size_t)(end - v);
    return 0;
}

static void read_host(struct vt_http_parser *p, const char *value, size_t len)
{
    if (p->u.request.has_host || !is_authority(value, len))
        bad(p, 400, "bad Host");
    p->u.request.has_host = true;
}

/* RFC 9112 6.3: a length that is not one number, or is told twice, cannot be trusted to frame anything. */
static void read_length(struct vt_http_parser *p, const char *value, size_t len)
{
    if (p->framing.has_length || vt_parse_u64(value, len, INT64_MAX, &p->framing.length) < 0)
        bad(p, 400, "bad Content-Length");
    p->framing.has_length = true;
}

/* RFC 9112 6.1: we know the coding "chunked", once, and alone. Others of the registry are 501; what is
 * written so that another reader may see "chunked" where we do not is 400. */
static void read_transfer_encoding(struct vt_http_parser *p, const char *value, size_t len)
{
    static const char *const known[] = {"gzip, chunked", "deflate, chunked", "compress, chunked",
                                        "x-gzip, chunked", "x-compress, chunked"};
    if (!p->has_te && vt_text_is(value, len, "chunked")) {
        p->framing.chunked = true;
        p->has_te = true;
        return;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (!p->has_te && vt_text_is(value, len, known[i])) {
            bad(p, 501, "transfer coding not implemented");
            return;
        }
    bad(p, 400, "bad Transfer-Encoding");
}

/* The next member of a comma-separated list (RFC 9110 5.6.1); false at its end. */
static bool next_member(const char **at, const char *end, const char **member, size_t *len)
{
    const char *from = *at, *to;
    while (from < end && (is_space(*from) || *from == ','))
        from++;
    for (to = from; to < end && *to != ',';)
        to++;
    *at = to;
    while (to > from && is_space(to[-1]))
        to--;
    *member = from;
    *len = (size_t)(to - from);
    return *len > 0;
}

static void read_connection(struct vt_http_parser *p, const char *value, size_t len)
{
    const char *at = value, *member;
    size_t n;
    while (next_member(&at, value + len, &member, &n)) {
        if (vt_text_is(member, n, "close"))
            p->framing.close = true;
        else if (vt_text_is(member, n, "keep-alive"))
            p->framing.keep_alive = true;
    }
}

static void read_expect(struct vt_http_parser *p, const char *value, size_t len)
{
    if (vt_text_is(value, len, "100-continue"))
        p->u.request.expect_continue = true;
    else
        p->u.request.expect_other = true;
}

/* RFC 9110 14.1.1, 14.2: one range of bytes; anything else may be ignored, and is. */
static void read_range(struct vt_http_parser *p, const char *value, size_t len)
{
    struct vt_http_request *r = &p->u.request;
    const char *dash, *end = value + len;
    bool first, last;
    if (r->range != VT_HTTP_RANGE_NONE || len < 7 || !vt_text_is(value, 6, "bytes="))
        return;
    value += 6;
    dash = memchr(value, '-', (size_t)(end - value));
    if (dash == NULL)
        return;
    first = vt_parse_u64(value, (size_t)(dash - value), UINT64_MAX, &r->range_first) == 0;
    last = vt_parse_u64(dash + 1, (size_t)(end - dash - 1), UINT64_MAX, &r->range_last) == 0;
    if (first && dash + 1 == end)
        r->range = VT_HTTP_RANGE_FROM;
    else if (first && last && r->range_first <= r->range_last)
        r->range = VT_HTTP_RANGE_SPAN;
    else if (last && dash == value)
        r->range = VT_HTTP_RANGE_SUFFIX;
}

/* Keeps a value, or adds it to the list that is there (RFC 9110 5.3). */
static void keep(char *to, const char *value, size_t len)
{
    struct vt_text t;
    size_t had = strlen(to);
    vt_text_init(&t, to + had, VT_HTTP_VALUE - had);
    if (had > 0)
        vt_text_put(&t, ", ", 2);
    vt_text_put(&t, value, len);
    if (t.cut)
        to[0] = 0;
}

static void read_request_field(struct vt_http_parser *p, const char *name, size_t name_len, const char *value,
                               size_t len)
{
    struct vt_http_request *r = &p->u.request;
    if (vt_text_is(name, name_len, "Host"))
        read_host(p, value, len);
    else if (vt_text_is(name, name_len, "Expect"))
        read_expect(p, value, len);
    else if (vt_text_is(name, name_len, "Range"))
        read_range(p, value, len);
    else if (vt_text_is(name, name_len, "If-Range"))
        keep(r->if_range, value, len);
    else if (vt_text_is(name, name_len, "If-Match"))
        keep(r->if_match, value, len);
    else if (vt_text_is(name, name_len, "If-None-Match"))
        keep(r->if_none_match, value, len);
    else if (vt_text_is(name, name_len, "If-Modified-Since"))
        keep(r->if_modified_since, value, len);
    else if (vt_text_is(name, name_len, "If-Unmodified-Since"))
        keep(r->if_unmodified_since, value, len);
}

static void read_field(struct vt_http_parser *p)
{
    const char *value;
    size_t name_len, len;
    if (++p->fields > VT_HTTP_FIELDS) {
        bad(p, 431, "too many fields");
        return;
    }
    if (vt_http_split_field(p->line, p->line_len, &name_len, &value, &len) < 0) {
        bad(p, 400, is_space(p->line[0]) ? "folded field" : "malformed field");
        return;
    }
    if (vt_text_is(p->line, name_len, "Content-Length"))
        read_length(p, value, len);
    else if (vt_text_is(p->line, name_len, "Transfer-Encoding"))
        read_transfer_encoding(p, value, len);
    else if (vt_text_is(p->line, name_len, "Connection"))
        read_connection(p, value, len);
    else if (!p->response)
        read_request_field(p, p->line, name_len, value, len);
    else if (vt_text_is(p->line, name_len, "Location"))
        keep(p->u.response.location, value, len);
    if (p->field != NULL && p->state != VT_HTTP_BAD)
        p->field(p->field_ctx, p->line, name_len, value, len);
}

/* The empty line: what can be judged only of the whole head. */
static void finish(struct vt_http_parser *p)
{
    p->state = VT_HTTP_DONE;
    if (p->framing.chunked && p->framing.has_length)
        /* RFC 9112 6.1: both frame the message, and not alike: smuggling. */
        bad(p, 400, "both Content-Length and Transfer-Encoding");
    else if (p->framing.chunked && p->framing.minor == 0)
        bad(p, 400, "Transfer-Encoding in HTTP/1.0"); /* RFC 9112 6.1: faulty framing */
    else if (!p->response && !p->u.request.has_host && p->framing.minor == 1)
        bad(p, 400, "no Host"); /* RFC 9112 3.2 */
}

static void read_line(struct vt_http_parser *p)
{
    if (p->started && p->line_len == 0) {
        finish(p);
    } else if (p->started) {
        read_field(p);
    } else if (p->line_len == 0 && !p->response && !p->skipped) {
        p->skipped = true; /* RFC 9112 2.2: one empty line before a request is ignored */
    } else {
        p->started = true;
        if (p->response)
            read_status_line(p);
        else
            read_request_line(p);
    }
    p->line_len = 0;
}

static void line_too_long(struct vt_http_parser *p)
{
    if (p->started)
        bad(p, 431, "field too long");
    else if (!p->response && memchr(p->line, ' ', 32) != NULL)
        bad(p, 414, "request target too long"); /* RFC 9112 3 */
    else
        bad(p, 400, "malformed first line");
}

size_t vt_http_parse(struct vt_http_parser *p, const void *bytes, size_t len)
{
    const char *in = bytes;
    size_t at = 0;
    while (at < len && p->state == VT_HTTP_MORE) {
        char c = in[at++];
        p->bytes++;
        /* RFC 9112 2.2: a line ends with CR LF. A bare CR or LF is a second reader's line end. */
        if (p->cr || c == '\n') {
            if (!p->cr || c != '\n') {
                bad(p, 400, p->cr ? "bare CR" : "bare LF");
                break;
            }
            p->cr = false;
            read_line(p);
        } else if (c == '\r') {
            p->cr = true;
        } else if (((uint8_t)c < 0x20 && c != '\t') || c == 0x7f) {
            bad(p, 400, "control character"); /* RFC 9110 5.5 */
        } else if (p->line_len == VT_HTTP_LINE) {
            line_too_long(p);
        } else {
            p->line[p->line_len++] = c;
        }
        if (p->state == VT_HTTP_MORE && p->bytes >= VT_HTTP_HEAD)
            bad(p, 431, "head too long");
    }
    return at;
}

/* ---- The path ---- */

/* The next character of a path, decoded: its value, or -1 for what may not stand there. */
static int decode(const char **at)
{
    const char *c = *at;
    int high, low, v = (uint8_t)*c;
    *at = c + 1;
    if (v == '%') {
        high = vt_hex_digit(c[1]);
        low = high >= 0 ? vt_hex_digit(c[2]) : -1;
        if (low < 0)
            return -1;
        v = high * 16 + low;
        *at = c + 3;
        /* RFC 3986 2.2: an encoded '/' is data, which a path of files has no place for. */
        if (v == '/')
            return -1;
    }
    return v < 0x20 || v == 0x7f || v == '\\' ? -1 : v;
}

/* A complete segment: "." and ".." climb (RFC 3986 3.3). Nothing that we serve needs them. */
static bool is_dots(const char *segment, size_t len)
{
    return (len == 1 && segment[0] == '.') || (len == 2 && segment[0] == '.' && segment[1] == '.');
}

int vt_http_path(const char *target, char *path, size_t cap, const char **query)
{
    const char *at = target;
    size_t len = 0, segment = 1;
    if (*at != '/')
        return -VT_EINVAL;
    while (*at != 0 && *at != '?') {
        bool slash = *at == '/';
        int c = decode(&at);
        if (c < 0)
            return -VT_EINVAL;
        if (slash) {
            if (len > 0 && is_dots(path + segment, len - segment))
                return -VT_EINVAL;
            if (len > 0 && path[len - 1] == '/')
                continue; /* "//" names nothing else than "/" */
            segment = len + 1;
        }
        if (len + 1 >= cap)
            return -VT_EINVAL;
        path[len++] = (char)c;
    }
    if (is_dots(path + segment, len - segment))
        return -VT_EINVAL;
    path[len] = 0;
    for (size_t i = 0; i < len;) {
        int n = vt_utf8_length(path + i, len - i);
        if (n <= 0)
            return -VT_EINVAL;
        i += (size_t)n;
    }
    *query = *at == '?' ? at + 1 : at;
    return 0;
}

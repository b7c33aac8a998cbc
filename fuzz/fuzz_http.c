/* HTTP heads, bodies and paths: whatever the bytes and the pieces in which they come, the parsers read the
 * same, take no byte beyond the end of what they read, and hand on no path that climbs. The first byte
 * chooses requests or responses, the second the size of the pieces. */
#include "fuzz.h"

#include <string.h>
#include "application/http_body.h"
#include "application/http_date.h"
#include "application/http_parse.h"

struct message {
    struct vt_http_parser head;
    struct vt_http_body body;
    size_t used;
    uint64_t data, hash; /* bytes of the body, and what they were */
};

static struct message whole, pieces;

static void field(void *ctx, const char *name, size_t name_len, const char *value, size_t len)
{
    struct message *m = ctx;
    FUZZ_CHECK(name_len > 0);
    for (size_t i = 0; i < len; i++) {
        FUZZ_CHECK(value[i] != '\r' && value[i] != '\n' && value[i] != 0);
        m->hash = m->hash * 1099511628211u + (uint8_t)value[i];
    }
    for (size_t i = 0; i < name_len; i++) {
        FUZZ_CHECK(name[i] > ' ' && name[i] != ':');
        m->hash = m->hash * 1099511628211u + (uint8_t)name[i];
    }
}

/* Feeds at most `piece` bytes at a time. */
static void read_message(struct message *m, const uint8_t *bytes, size_t len, bool response, size_t piece)
{
    m->used = 0;
    m->data = 0;
    m->hash = 14695981039346656037u;
    m->head.field = field;
    m->head.field_ctx = m;
    memset(&m->body, 0, sizeof m->body);
    vt_http_parser_start(&m->head, response);
    while (m->used < len && m->head.state == VT_HTTP_MORE) {
        size_t n = len - m->used < piece ? len - m->used : piece,
               took = vt_http_parse(&m->head, bytes + m->used, n);
        FUZZ_CHECK(took > 0 && took <= n);
        m->used += took;
    }
    FUZZ_CHECK(m->head.line_len <= VT_HTTP_LINE);
    if (m->head.state != VT_HTTP_DONE)
        return;
    vt_http_body_start(&m->body, &m->head.framing, response, false);
    while (m->used < len && m->body.state == VT_HTTP_MORE) {
        size_t n = len - m->used < piece ? len - m->used : piece, data_len, took;
        const uint8_t *data;
        took = vt_http_body_feed(&m->body, bytes + m->used, n, &data, &data_len);
        FUZZ_CHECK(took > 0 && took <= n && data_len <= took);
        FUZZ_CHECK(data >= bytes + m->used && data + data_len <= bytes + m->used + took);
        for (size_t i = 0; i < data_len; i++)
            m->hash = m->hash * 1099511628211u + data[i];
        m->data += data_len;
        m->used += took;
    }
    FUZZ_CHECK(m->body.taken == m->data);
}

static void check_head(const struct vt_http_parser *p)
{
    if (p->state == VT_HTTP_BAD) {
        FUZZ_CHECK(p->why != NULL && p->status >= 400 && p->status <= 505);
        return;
    }
    if (p->state != VT_HTTP_DONE)
        return;
    FUZZ_CHECK(!(p->framing.chunked && p->framing.has_length));
    FUZZ_CHECK(p->framing.length <= INT64_MAX);
    if (p->response)
        FUZZ_CHECK(p->u.response.status >= 100 && p->u.response.status <= 599);
    else
        FUZZ_CHECK(p->u.request.target[0] != 0 && (p->u.request.has_host || p->framing.minor == 0));
}

static void check_path(const char *target)
{
    static char path[VT_HTTP_LINE + 1];
    const char *query;
    size_t len;
    if (vt_http_path(target, path, sizeof path, &query) < 0)
        return;
    len = strlen(path);
    FUZZ_CHECK(path[0] == '/');
    FUZZ_CHECK(strstr(path, "//") == NULL && strstr(path, "/../") == NULL && strstr(path, "/./") == NULL);
    FUZZ_CHECK(len < 3 || strcmp(path + len - 3, "/..") != 0);
    FUZZ_CHECK(strcmp(path + len - 2 + (len < 2), "/.") != 0 || len < 2);
    FUZZ_CHECK(strchr(path, '\\') == NULL);
    for (size_t i = 0; i < len; i++)
        FUZZ_CHECK((uint8_t)path[i] >= 0x20 && path[i] != 0x7f);
    FUZZ_CHECK(query >= target && query <= target + strlen(target));
}

static void check_date(const uint8_t *data, size_t size)
{
    char text[64], again[VT_HTTP_DATE];
    uint64_t t, back;
    size_t n = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, n);
    text[n] = 0;
    if (vt_http_date_parse(text, &t) < 0 || t > 253402300799)
        return;
    FUZZ_CHECK(vt_http_date_parse(vt_http_date(again, t), &back) == 0 && back == t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool response;
    size_t piece;
    if (size < 2)
        return 0;
    response = (data[0] & 1) != 0;
    piece = (size_t)data[1] % 16 + 1;
    data += 2;
    size -= 2;
    read_message(&whole, data, size, response, SIZE_MAX);
    read_message(&pieces, data, size, response, piece);
    FUZZ_CHECK(whole.head.state == pieces.head.state && whole.body.state == pieces.body.state);
    FUZZ_CHECK(whole.head.status == pieces.head.status);
    FUZZ_CHECK(whole.used == pieces.used && whole.data == pieces.data && whole.hash == pieces.hash);
    check_head(&whole.head);
    if (whole.head.state == VT_HTTP_DONE && !response)
        check_path(whole.head.u.request.target);
    check_date(data, size);
    return 0;
}

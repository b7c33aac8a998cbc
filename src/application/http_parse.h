/* The heads of HTTP/1.1 messages, strictly: bytes in, a checked small struct out (RFC 9112, RFC 9110).
 *
 * Where RFC 9112 lets a recipient be lenient (bare LF, obs-fold, several equal Content-Lengths), this one is
 * not: two parsers that repair a message differently are what request smuggling lives on.
 *
 * Bytes may come in any pieces; the result is the same. Memory is the parser's own, of fixed size.
 */
#ifndef VT_APPLICATION_HTTP_PARSE_H
#define VT_APPLICATION_HTTP_PARSE_H

#include "format.h"

#define VT_HTTP_LINE   8192  /* the longest line, its end not counted (RFC 9112 3: at least 8000) */
#define VT_HTTP_HEAD   65536 /* the longest head */
#define VT_HTTP_FIELDS 100
#define VT_HTTP_VALUE  256 /* the longest value that is kept; of a longer one the field counts as absent */

enum vt_http_method {
    VT_HTTP_GET,
    VT_HTTP_HEAD_METHOD,
    VT_HTTP_KNOWN, /* POST and its kin: a method that we know and do not serve: 405 */
    VT_HTTP_OTHER, /* 501 */
};

enum vt_http_range {
    VT_HTTP_RANGE_NONE,   /* absent, or one that we ignore (several, another unit, malformed) */
    VT_HTTP_RANGE_FROM,   /* bytes=first- */
    VT_HTTP_RANGE_SPAN,   /* bytes=first-last */
    VT_HTTP_RANGE_SUFFIX, /* bytes=-last: the last `last` bytes */
};

/* What frames the message's body and outlives it (RFC 9112 6, 9.3): of requests and responses alike. */
struct vt_http_framing {
    uint8_t minor;          /* HTTP/1.minor, 0 or 1 */
    bool close, keep_alive; /* from Connection */
    bool chunked;
    bool has_length;
    uint64_t length;
};

struct vt_http_request {
    enum vt_http_method method;
    char method_text[16];
    char target[VT_HTTP_LINE + 1]; /* origin-form: "/path?query"; "*" */
    bool has_host;
    bool expect_continue, expect_other;
    enum vt_http_range range;
    uint64_t range_first, range_last;
    /* "" when absent */
    char if_range[VT_HTTP_VALUE], if_match[VT_HTTP_VALUE], if_none_match[VT_HTTP_VALUE];
    char if_modified_since[VT_HTTP_VALUE], if_unmodified_since[VT_HTTP_VALUE];
};

struct vt_http_response {
    uint16_t status;
    char reason[VT_HTTP_VALUE];
    char location[VT_HTTP_VALUE];
};

enum vt_http_state {
    VT_HTTP_MORE, /* wants bytes */
    VT_HTTP_DONE, /* the head is complete */
    VT_HTTP_BAD,  /* `status` and `why` */
};

/* A field that was read, for whoever wants to see all: `value` without the white space around it. */
typedef void vt_http_field_fn(void *ctx, const char *name, size_t name_len, const char *value, size_t len);

struct vt_http_parser {
    enum vt_http_state state;
    bool response;   /* reads responses, not requests */
    bool started;    /* the first line is complete */
    bool skipped;    /* an empty line before it was skipped */
    bool cr;         /* a CR came: a LF must follow */
    bool has_te;     /* a Transfer-Encoding field came */
    uint16_t status; /* VT_HTTP_BAD: what a server answers: 400, 414, 431, 501, 505 */
    const char *why; /* VT_HTTP_BAD: in a few words */
    uint32_t fields, bytes;
    uint32_t line_len;
    vt_http_field_fn *field; /* NULL: nobody */
    void *field_ctx;
    struct vt_http_framing framing;
    union {
        struct vt_http_request request;
        struct vt_http_response response;
    } u;
    char line[VT_HTTP_LINE];
};

/* Makes ready for the next head; `response` says which kind. Keeps field and field_ctx. */
void vt_http_parser_start(struct vt_http_parser *p, bool response);
/* Takes bytes up to the end of the head; returns how many it took. Then look at `state`. */
size_t vt_http_parse(struct vt_http_parser *p, const void *bytes, size_t len);
/* True when not one byte of a head has come. */
static inline bool vt_http_parser_fresh(const struct vt_http_parser *p)
{
    return p->bytes == 0;
}

/* A field line, "name: value" (RFC 9112 5): 0 with its parts, or -VT_EINVAL. Of heads, and of the trailers of
 * chunked bodies. */
int vt_http_split_field(const char *line, size_t len, size_t *name_len, const char **value,
                        size_t *value_len);

/* The target's path, decoded, and its query. The path starts with '/', has no empty, "." or ".." segments, no
 * NUL, control character or backslash, whether written plainly or as %XX, no encoded '/', and is UTF-8; it
 * ends with '/' when the target's does. `path` has room for `cap` bytes. `*query` points into the target, at
 * its end when there is none. 0, or -VT_EINVAL. */
int vt_http_path(const char *target, char *path, size_t cap, const char **query);

#endif

/* The body of an HTTP/1.1 message, taken out of its framing (RFC 9112 6, 7). */
#ifndef VT_APPLICATION_HTTP_BODY_H
#define VT_APPLICATION_HTTP_BODY_H

#include "http_parse.h"

#define VT_HTTP_TRAILER (16 * 1024) /* the longest trailer, and the longest sum of chunk extensions */

struct vt_http_body {
    enum vt_http_state state;
    const char *why; /* VT_HTTP_BAD */
    bool chunked, until_close;
    uint8_t step;   /* of a chunked body: where in its notation */
    bool cr;        /* a CR came: a LF must follow */
    uint8_t digits; /* of the chunk's size, read so far */
    uint64_t left;  /* bytes still to come of the body, or of the chunk */
    uint64_t taken; /* bytes of the body, so far */
    uint32_t spent; /* bytes of extensions and trailer */
    uint32_t line_len;
    char line[VT_HTTP_VALUE]; /* of the trailer: as much as is needed to judge its form */
};

/* A request's body is chunked, as long as told, or empty. A response's ends with the connection when it is
 * neither (RFC 9112 6.3); `none` says that there is none whatever the fields say: to HEAD, of 1xx, 204, 304.
 */
void vt_http_body_start(struct vt_http_body *b, const struct vt_http_framing *f, bool response, bool none);
/* Takes bytes; returns how many. `*data`, `*data_len`: bytes of the body among them, one run, maybe none.
 * Call again while it takes some, and the state is VT_HTTP_MORE. */
size_t vt_http_body_feed(struct vt_http_body *b, const void *bytes, size_t len, const uint8_t **data,
                         size_t *data_len);
/* The connection ended: VT_HTTP_DONE when that is the body's end too, else VT_HTTP_BAD (RFC 9112 8). */
void vt_http_body_eof(struct vt_http_body *b);

#endif

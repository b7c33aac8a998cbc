#include <vitro/errno.h>
#include "http_body.h"

/* chunk = size [extensions] CRLF data CRLF; last-chunk = "0" [extensions] CRLF; then the trailer, field lines
 * up to an empty one (RFC 9112 7.1). */
enum {
    STEP_SIZE,
    STEP_EXTENSION,
    STEP_DATA,
    STEP_DATA_END,
    STEP_TRAILER,
};

static void bad(struct vt_http_body *b, const char *why)
{
    b->state = VT_HTTP_BAD;
    b->why = why;
}

void vt_http_body_start(struct vt_http_body *b, const struct vt_http_framing *f, bool response, bool none)
{
    memset(b, 0, sizeof *b);
    if (none) {
        b->state = VT_HTTP_DONE;
    } else if (f->chunked) {
        b->chunked = true;
    } else if (f->has_length || !response) {
        b->left = f->has_length ? f->length : 0;
        if (b->left == 0)
            b->state = VT_HTTP_DONE;
    } else {
        b->until_close = true;
    }
}

void vt_http_body_eof(struct vt_http_body *b)
{
    if (b->state != VT_HTTP_MORE)
        return;
    if (b->until_close)
        b->state = VT_HTTP_DONE;
    else
        bad(b, "the connection ended before the body");
}

static void read_size_digit(struct vt_http_body *b, char c)
{
    int digit = vt_hex_digit(c);
    if (digit >= 0) {
        /* A size that does not fit is refused, not wrapped: no chunk is that long. */
        if (b->left > (uint64_t)INT64_MAX / 16 - 1)
            bad(b, "chunk size too large");
        b->left = b->left * 16 + (uint64_t)digit;
        b->digits = 1;
    } else if (b->digits != 0 && (c == ';' || c == ' ' || c == '\t')) {
        b->step = STEP_EXTENSION;
    } else {
        bad(b, "malformed chunk size");
    }
}

static void trailer_line(struct vt_http_body *b)
{
    size_t name_len, value_len;
    const char *value;
    if (b->line_len == 0) {
        b->state = VT_HTTP_DONE;
        return;
    }
    if (vt_http_split_field(b->line, b->line_len, &name_len, &value, &value_len) < 0)
        bad(b, "malformed trailer");
    b->line_len = 0;
}

static void end_of_line(struct vt_http_body *b)
{
    switch (b->step) {
    case STEP_SIZE:
        if (b->digits == 0) {
            bad(b, "malformed chunk size");
            return;
        }
        /* fall through */
    case STEP_EXTENSION:
        b->digits = 0;
        b->step = b->left > 0 ? STEP_DATA : STEP_TRAILER;
        break;
    case STEP_DATA_END: b->step = STEP_SIZE; break;
    default: trailer_line(b); break;
    }
}

static void read_framing(struct vt_http_body *b, char c)
{
    if (b->cr || c == '\n') {
        if (!b->cr || c != '\n') {
            bad(b, b->cr ? "bare CR in a chunked body" : "bare LF in a chunked body");
            return;
        }
        b->cr = false;
        end_of_line(b);
        return;
    }
    if (c == '\r') {
        b->cr = true;
        return;
    }
    if (((uint8_t)c < 0x20 && c != '\t') || c == 0x7f || b->step == STEP_DATA_END) {
        bad(b, "malformed chunked body");
        return;
    }
    if (b->step == STEP_SIZE) {
        read_size_digit(b, c);
        return;
    }
    if (++b->spent > VT_HTTP_TRAILER)
        bad(b, "chunk extensions or trailer too long");
    else if (b->step == STEP_TRAILER && b->line_len < sizeof b->line)
        b->line[b->line_len++] = c;
}

size_t vt_http_body_feed(struct vt_http_body *b, const void *bytes, size_t len, const uint8_t **data,
                         size_t *data_len)
{
    const uint8_t *in = bytes;
    size_t at = 0;
    *data_len = 0;
    *data = in;
    while (b->state == VT_HTTP_MORE && at < len && b->chunked && b->step != STEP_DATA)
        read_framing(b, (char)in[at++]);
    if (b->state != VT_HTTP_MORE || at == len)
        return at;
    *data = in + at;
    *data_len = b->until_close || b->left > len - at ? len - at : (size_t)b->left;
    b->taken += *data_len;
    at += *data_len;
    if (b->until_close)
        return at;
    b->left -= *data_len;
    if (b->left == 0 && b->chunked)
        b->step = STEP_DATA_END;
    else if (b->left == 0)
        b->state = VT_HTTP_DONE;
    return at;
}

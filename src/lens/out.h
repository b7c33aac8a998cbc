/* Text being made: a growing buffer, addresses and times as people write them, widths on a terminal, JSON. */
#ifndef VT_LENS_OUT_H
#define VT_LENS_OUT_H

#include <vitro/lens.h>

#define VT_OUT_LIMIT (64u << 20) /* bytes of one text: more is a fault of the caller */

/* `s` is always a string. When memory runs out, or the limit is reached, `failed` is set, and the text stays
 * as it was. Zero it before the first use. */
struct vt_out {
    char *s;
    size_t len, cap;
    bool failed;
};

void vt_out_free(struct vt_out *o);
/* Empties it; the memory stays. */
void vt_out_clear(struct vt_out *o);
void vt_out_bytes(struct vt_out *o, const void *bytes, size_t len);
void vt_out_text(struct vt_out *o, const char *text);
void vt_out_char(struct vt_out *o, char c);
void vt_out_repeat(struct vt_out *o, const char *text, unsigned n);
void vt_out_format(struct vt_out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The text so far, "" when there is none. */
const char *vt_out_string(const struct vt_out *o);

/* Addresses: IPv4 dotted, IPv6 by RFC 5952, both in 16 bytes. A port follows as `:port`, IPv6 then in
 * brackets. */
void vt_out_ip(struct vt_out *o, const uint8_t ip[16]);
void vt_out_addr(struct vt_out *o, const uint8_t ip[16], uint16_t port);
void vt_out_mac(struct vt_out *o, const uint8_t mac[6]);
/* Seconds with a fraction, in `width` (10 to 20) characters at most, if the whole ones fit: 0.012000,
 * 86400.00001. */
void vt_out_seconds(struct vt_out *o, vt_time ns, unsigned width);
/* A span for reading: 60 s, 1.5 s, 200 ms, 2 h. */
void vt_out_span(struct vt_out *o, vt_time ns);
/* Flags of a segment: "SYN,ACK". */
void vt_out_flags(struct vt_out *o, unsigned flags);
/* Data for a reader: quoted, control characters and what is no UTF-8 escaped, cut with an ellipsis behind
 * `width` columns. `more`: there is more data than is at hand. */
void vt_out_excerpt(struct vt_out *o, const uint8_t *bytes, size_t len, bool more, unsigned width,
                    bool ascii);

/* Decodes one character: its length in bytes, 1 with *c = 0xfffd for a byte that begins none; 0 at the end.
 */
unsigned vt_utf8_next(const char *s, size_t len, uint32_t *c);
/* How many columns of a terminal a character takes: 0, 1 or 2 (Unicode Standard Annex 11: Wide and
 * Fullwidth). */
unsigned vt_char_width(uint32_t c);
unsigned vt_text_width(const char *s);
/* The bytes of s that fit into `width` columns, no character cut. */
size_t vt_text_fit(const char *s, unsigned width);

/* JSON. A comma is set where one is needed; `key` may be NULL within an array. */
struct vt_jw {
    struct vt_out *o;
    bool comma;
};
void vt_jw_open(struct vt_jw *w, const char *key, char bracket); /* '{' or '[' */
void vt_jw_close(struct vt_jw *w, char bracket);
void vt_jw_text(struct vt_jw *w, const char *key, const char *text);
void vt_jw_textn(struct vt_jw *w, const char *key, const char *text, size_t len);
void vt_jw_number(struct vt_jw *w, const char *key, uint64_t n);
void vt_jw_signed(struct vt_jw *w, const char *key, int64_t n);
void vt_jw_seconds(struct vt_jw *w, const char *key, vt_time ns);
void vt_jw_bool(struct vt_jw *w, const char *key, bool b);
void vt_jw_null(struct vt_jw *w, const char *key);
void vt_jw_ip(struct vt_jw *w, const char *key, const uint8_t ip[16]);
void vt_jw_addr(struct vt_jw *w, const char *key, const uint8_t ip[16], uint16_t port);
void vt_jw_mac(struct vt_jw *w, const char *key, const uint8_t mac[6]);
void vt_jw_hex(struct vt_jw *w, const char *key, const uint8_t *bytes, size_t len);

/* A sink that has failed stays silent; `error` keeps its number. */
struct vt_sinker {
    struct vt_sink sink;
    int error;
};
void vt_sinker_write(struct vt_sinker *s, const void *bytes, size_t len);

#endif

/* Text into a bounded buffer, with printf's notation and without a C library. */
#ifndef VT_APPLICATION_FORMAT_H
#define VT_APPLICATION_FORMAT_H

#include <stdarg.h>
#include <vitro/types.h>

#if defined(__GNUC__)
#define VT_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define VT_PRINTF(text, first)
#endif

/* A text under construction: always ends in 0, which `len` does not count. What does not fit is left off, and
 * `cut` says so. */
struct vt_text {
    char *buf;
    size_t cap, len;
    bool cut;
};

/* `cap` is at least 1. */
void vt_text_init(struct vt_text *t, char *buf, size_t cap);
void vt_text_put(struct vt_text *t, const void *bytes, size_t len);
/* Of printf: d u x X s c %, with - 0 width .precision and * for either, and l ll z before d u x. A NULL
 * string is "(null)". Others are written as they stand. */
void vt_text_add(struct vt_text *t, const char *format, ...) VT_PRINTF(2, 3);
void vt_text_vadd(struct vt_text *t, const char *format, va_list args) VT_PRINTF(2, 0);
/* The same into `buf`, from its start; returns its length. */
size_t vt_format(char *buf, size_t cap, const char *format, ...) VT_PRINTF(3, 4);
/* Bytes as a person may safely see them on a terminal: UTF-8 as it is, control characters and what is not
 * UTF-8 (RFC 3629) as \xNN; tab and line feed stay. */
void vt_text_visible(struct vt_text *t, const void *bytes, size_t len);

/* The length (1 to 4) of the UTF-8 character at `bytes` (RFC 3629 4); 0 when it is none, -1 when `len` cuts
 * it off. `len` is at least 1. */
int vt_utf8_length(const void *bytes, size_t len);

/* Letters of ASCII only, whatever the locale. */
static inline char vt_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}
static inline bool vt_is_digit(char c)
{
    return c >= '0' && c <= '9';
}
/* Is it one of the characters of `set`? A 0 is not. */
static inline bool vt_is_one_of(char c, const char *set)
{
    while (*set != 0 && *set != c)
        set++;
    return *set != 0;
}
/* The value of a hexadecimal digit, or -1. */
static inline int vt_hex_digit(char c)
{
    if (vt_is_digit(c))
        return c - '0';
    c = vt_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
/* True when `len` bytes equal the word `word`, letter case aside. */
bool vt_text_is(const char *bytes, size_t len, const char *word);
/* A decimal number, digits only, at most `max`: 0, or -VT_EINVAL. */
int vt_parse_u64(const char *bytes, size_t len, uint64_t max, uint64_t *value);

#endif

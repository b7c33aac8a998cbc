#include <vitro/errno.h>
#include "format.h"

void vt_text_init(struct vt_text *t, char *buf, size_t cap)
{
    *t = (struct vt_text){.buf = buf, .cap = cap};
    buf[0] = 0;
}

void vt_text_put(struct vt_text *t, const void *bytes, size_t len)
{
    size_t room = t->cap - 1 - t->len;
    if (len > room) {
        len = room;
        t->cut = true;
    }
    if (len == 0)
        return;
    memcpy(t->buf + t->len, bytes, len);
    t->len += len;
    t->buf[t->len] = 0;
}

/* How one value is to be written. */
struct spec {
    bool left, zero;
    int width, precision; /* precision -1: none */
    int size;             /* of an integer argument: 0 int, 1 long, 2 long long, 3 size_t */
};

static void pad(struct vt_text *t, char c, long n)
{
    while (n-- > 0)
        vt_text_put(t, &c, 1);
}

static void put_padded(struct vt_text *t, const struct spec *s, const char *text, size_t len)
{
    long n = s->width - (long)len;
    if (!s->left)
        pad(t, ' ', n);
    vt_text_put(t, text, len);
    if (s->left)
        pad(t, ' ', n);
}

static void put_number(struct vt_text *t, const struct spec *s, uint64_t v, unsigned base, bool upper,
                       bool minus)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[24];
    size_t at = sizeof text;
    do {
        text[--at] = digits[v % base];
        v /= base;
    } while (v != 0);
    if (s->zero && !s->left) {
        if (minus)
            vt_text_put(t, "-", 1);
        pad(t, '0', s->width - (long)(sizeof text - at) - (minus ? 1 : 0));
        vt_text_put(t, text + at, sizeof text - at);
        return;
    }
    if (minus)
        text[--at] = '-';
    put_padded(t, s, text + at, sizeof text - at);
}

static void put_string(struct vt_text *t, const struct spec *s, const char *text)
{
    size_t len = 0;
    if (text == NULL)
        text = "(null)";
    if (s->precision < 0)
        len = strlen(text);
    else
        while (len < (size_t)s->precision && text[len] != 0)
            len++;
    put_padded(t, s, text, len);
}

static const char *read_number(const char *f, int *value)
{
    *value = 0;
    while (vt_is_digit(*f)) {
        if (*value < 10000)
            *value = *value * 10 + (*f - '0');
        f++;
    }
    return f;
}

/* va_list may be an array type, whose address a function cannot take from its parameter: it travels inside.
 */
struct arguments {
    va_list list;
};

static const char *read_spec(const char *f, struct spec *s, struct arguments *args)
{
    *s = (struct spec){.precision = -1};
    for (; *f == '-' || *f == '0'; f++) {
        s->left = s->left || *f == '-';
        s->zero = s->zero || *f == '0';
    }
    if (*f == '*') {
        s->width = va_arg(args->list, int);
        f++;
    } else {
        f = read_number(f, &s->width);
    }
    if (*f == '.') {
        f++;
        if (*f == '*') {
            s->precision = va_arg(args->list, int);
            f++;
        } else {
            f = read_number(f, &s->precision);
        }
    }
    if (*f == 'z') {
        s->size = 3;
        f++;
    }
    for (; *f == 'l' && s->size < 2; f++)
        s->size++;
    return f;
}

static uint64_t unsigned_argument(int size, struct arguments *args)
{
    switch (size) {
    case 1: return va_arg(args->list, unsigned long);
    case 2: return va_arg(args->list, unsigned long long);
    case 3: return va_arg(args->list, size_t);
    default: return va_arg(args->list, unsigned);
    }
}

static int64_t signed_argument(int size, struct arguments *args)
{
    switch (size) {
    case 1: return va_arg(args->list, long);
    case 2: return va_arg(args->list, long long);
    case 3: return (int64_t)va_arg(args->list, ptrdiff_t);
    default: return va_arg(args->list, int);
    }
}

static void put_value(struct vt_text *t, char kind, const struct spec *s, struct arguments *args)
{
    char c;
    int64_t v;
    switch (kind) {
    case 'd':
        v = signed_argument(s->size, args);
        put_number(t, s, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10, false, v < 0);
        break;
    case 'u': put_number(t, s, unsigned_argument(s->size, args), 10, false, false); break;
    case 'x': put_number(t, s, unsigned_argument(s->size, args), 16, false, false); break;
    case 'X': put_number(t, s, unsigned_argument(s->size, args), 16, true, false); break;
    case 's': put_string(t, s, va_arg(args->list, const char *)); break;
    case 'c':
        c = (char)va_arg(args->list, int);
        put_padded(t, s, &c, 1);
        break;
    default: vt_text_put(t, &kind, 1); break;
    }
}

void vt_text_vadd(struct vt_text *t, const char *format, va_list list)
{
    struct arguments args;
    va_copy(args.list, list);
    while (*format != 0) {
        size_t plain = 0;
        struct spec s;
        while (format[plain] != 0 && format[plain] != '%')
            plain++;
        vt_text_put(t, format, plain);
        format += plain;
        if (*format == 0)
            break;
        format = read_spec(format + 1, &s, &args);
        if (*format == 0)
            break;
        put_value(t, *format++, &s, &args);
    }
    va_end(args.list);
}

void vt_text_add(struct vt_text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vt_text_vadd(t, format, args);
    va_end(args);
}

size_t vt_format(char *buf, size_t cap, const char *format, ...)
{
    struct vt_text t;
    va_list args;
    vt_text_init(&t, buf, cap);
    va_start(args, format);
    vt_text_vadd(&t, format, args);
    va_end(args);
    return t.len;
}

/* RFC 3629 4: no overlong forms, no surrogates, nothing above U+10FFFF. */
int vt_utf8_length(const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    uint8_t low = 0x80, high = 0xbf;
    int n;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        n = 2;
    else if (p[0] >= 0xe0 && p[0] <= 0xef)
        n = 3;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        n = 4;
    else
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf4)
        high = 0x8f;
    for (int i = 1; i < n; i++) {
        if ((size_t)i == len)
            return -1;
        if (p[i] < low || p[i] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return n;
}

void vt_text_visible(struct vt_text *t, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    while (len > 0) {
        int n = vt_utf8_length(p, len);
        bool control = n == 1 && (p[0] < 0x20 || p[0] == 0x7f) && p[0] != '\t' && p[0] != '\n';
        bool c1 = n == 2 && p[0] == 0xc2 && p[1] < 0xa0;
        if (n <= 0 || control || c1) {
            vt_text_add(t, "\\x%02x", (unsigned)p[0]);
            n = 1;
        } else {
            vt_text_put(t, p, (size_t)n);
        }
        p += n;
        len -= (size_t)n;
    }
}

bool vt_text_is(const char *bytes, size_t len, const char *word)
{
    for (size_t i = 0; i < len; i++)
        if (word[i] == 0 || vt_lower(bytes[i]) != vt_lower(word[i]))
            return false;
    return word[len] == 0;
}

int vt_parse_u64(const char *bytes, size_t len, uint64_t max, uint64_t *value)
{
    uint64_t v = 0;
    if (len == 0)
        return -VT_EINVAL;
    for (size_t i = 0; i < len; i++) {
        uint64_t digit = (uint64_t)(bytes[i] - '0');
        if (!vt_is_digit(bytes[i]) || v > (UINT64_MAX - digit) / 10)
            return -VT_EINVAL;
        v = v * 10 + digit;
    }
    if (v > max)
        return -VT_EINVAL;
    *value = v;
    return 0;
}

/* The growing buffer, addresses, times, excerpts. */
#include "out.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void vt_out_free(struct vt_out *o)
{
    free(o->s);
    *o = (struct vt_out){0};
}

void vt_out_clear(struct vt_out *o)
{
    o->len = 0;
    o->failed = false;
    if (o->s != NULL)
        o->s[0] = '\0';
}

const char *vt_out_string(const struct vt_out *o)
{
    return o->s != NULL ? o->s : "";
}

/* Makes room for `more` bytes and the 0. */
static bool out_room(struct vt_out *o, size_t more)
{
    if (o->failed || more > VT_OUT_LIMIT) {
        o->failed = true;
        return false;
    }
    if (more < o->cap && o->len < o->cap - more)
        return true;
    size_t cap = o->cap != 0 ? o->cap : 256;
    while (cap <= VT_OUT_LIMIT && cap <= o->len + more)
        cap *= 2;
    char *s = cap > VT_OUT_LIMIT ? NULL : realloc(o->s, cap);
    if (s == NULL) {
        o->failed = true;
        return false;
    }
    o->s = s;
    o->cap = cap;
    return true;
}

void vt_out_bytes(struct vt_out *o, const void *bytes, size_t len)
{
    if (!out_room(o, len))
        return;
    if (len != 0)
        memcpy(o->s + o->len, bytes, len);
    o->len += len;
    o->s[o->len] = '\0';
}

void vt_out_text(struct vt_out *o, const char *text)
{
    vt_out_bytes(o, text, strlen(text));
}

void vt_out_char(struct vt_out *o, char c)
{
    vt_out_bytes(o, &c, 1);
}

void vt_out_repeat(struct vt_out *o, const char *text, unsigned n)
{
    while (n-- > 0)
        vt_out_text(o, text);
}

void vt_out_format(struct vt_out *o, const char *format, ...)
{
    char small[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (n < 0)
        return;
    if ((size_t)n < sizeof small) {
        vt_out_bytes(o, small, (size_t)n);
        return;
    }
    if (!out_room(o, (size_t)n))
        return;
    va_start(args, format);
    vsnprintf(o->s + o->len, (size_t)n + 1, format, args);
    va_end(args);
    o->len += (size_t)n;
}

/* Finds the longest run of two or more zero groups, the first of equals (RFC 5952 4.2). */
static void longest_zeros(const uint16_t group[8], unsigned *at, unsigned *count)
{
    *at = 8;
    *count = 1;
    for (unsigned i = 0; i < 8; i++) {
        unsigned n = 0;
        while (i + n < 8 && group[i + n] == 0)
            n++;
        if (n > *count) {
            *at = i;
            *count = n;
        }
    }
}

void vt_out_ip(struct vt_out *o, const uint8_t ip[16])
{
    struct vt_ip a;
    memcpy(a.b, ip, sizeof a.b);
    if (vt_ip_is4(a)) {
        vt_out_format(o, "%u.%u.%u.%u", ip[12], ip[13], ip[14], ip[15]);
        return;
    }
    uint16_t group[8];
    for (unsigned i = 0; i < 8; i++)
        group[i] = vt_get16(ip + 2 * i);
    unsigned at, count;
    longest_zeros(group, &at, &count);
    for (unsigned i = 0; i < 8; i++) {
        if (i == at) {
            vt_out_text(o, "::");
            i += count - 1;
        } else {
            vt_out_format(o, "%s%x", i == 0 || i == at + count ? "" : ":", group[i]);
        }
    }
}

void vt_out_addr(struct vt_out *o, const uint8_t ip[16], uint16_t port)
{
    struct vt_ip a;
    memcpy(a.b, ip, sizeof a.b);
    bool brackets = !vt_ip_is4(a);
    vt_out_text(o, brackets ? "[" : "");
    vt_out_ip(o, ip);
    vt_out_format(o, "%s:%u", brackets ? "]" : "", port);
}

void vt_out_mac(struct vt_out *o, const uint8_t mac[6])
{
    for (unsigned i = 0; i < 6; i++)
        vt_out_format(o, "%s%02x", i == 0 ? "" : ":", mac[i]);
}

void vt_out_seconds(struct vt_out *o, vt_time ns, unsigned width)
{
    char whole[24], fraction[16];
    int n = snprintf(whole, sizeof whole, "%llu", (unsigned long long)(ns / 1000000000u));
    snprintf(fraction, sizeof fraction, "%09llu", (unsigned long long)(ns % 1000000000u));
    int digits = (int)width - n - 1;
    if (digits > 6)
        digits = 6;
    if (digits <= 0)
        vt_out_text(o, whole);
    else
        vt_out_format(o, "%s.%.*s", whole, digits, fraction);
}

/* n / unit with up to three digits behind the point, zeros at the end left out. */
static void out_scaled(struct vt_out *o, vt_time ns, vt_time unit, const char *name)
{
    char fraction[8];
    snprintf(fraction, sizeof fraction, "%03u", (unsigned)(ns % unit * 1000 / unit));
    size_t n = 3;
    while (n > 0 && fraction[n - 1] == '0')
        n--;
    fraction[n] = '\0';
    vt_out_format(o, "%llu%s%s %s", (unsigned long long)(ns / unit), n != 0 ? "." : "", fraction, name);
}

void vt_out_span(struct vt_out *o, vt_time ns)
{
    static const struct {
        vt_time from, unit;
        const char *name;
    } units[] = {
        {UINT64_C(172800000000000), UINT64_C(86400000000000), "d"},
        {UINT64_C(7200000000000), UINT64_C(3600000000000), "h"},
        {UINT64_C(300000000000), UINT64_C(60000000000), "min"},
        {1000000000, 1000000000, "s"},
        {1000000, 1000000, "ms"},
        {1000, 1000, "us"},
    };
    for (unsigned i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (ns >= units[i].from) {
            out_scaled(o, ns, units[i].unit, units[i].name);
            return;
        }
    }
    vt_out_format(o, "%llu ns", (unsigned long long)ns);
}

void vt_out_flags(struct vt_out *o, unsigned flags)
{
    /* SYN and FIN first, as people speak of them. */
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {{VT_SYN, "SYN"}, {VT_FIN, "FIN"}, {VT_RST, "RST"}, {VT_PSH, "PSH"}, {VT_ACK, "ACK"},
                 {VT_URG, "URG"}, {VT_ECE, "ECE"}, {VT_CWR, "CWR"}, {VT_AE, "AE"}};
    bool first = true;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((flags & names[i].bit) == 0)
            continue;
        vt_out_format(o, "%s%s", first ? "" : ",", names[i].name);
        first = false;
    }
    if (first)
        vt_out_text(o, "no flags");
}

/* One character of an excerpt, escaped where it must be. */
static void excerpt_char(char buf[24], const uint8_t *bytes, unsigned n, uint32_t c, bool ascii)
{
    static const char escaped[] = "\n\r\t\"\\", letters[] = "nrt\"\\";
    const char *known = c != 0 && c < 0x80 ? strchr(escaped, (int)c) : NULL;
    bool plain = c >= 0x20 && c < 0x7f;
    bool wide = c >= 0xa0 && c != 0xfffd && !ascii && vt_char_width(c) != 0;
    if (known != NULL) {
        snprintf(buf, 24, "\\%c", letters[known - escaped]);
    } else if (plain || wide) {
        memcpy(buf, bytes, n);
        buf[n] = '\0';
    } else {
        for (unsigned i = 0; i < n; i++)
            snprintf(buf + 4u * i, 5, "\\x%02x", bytes[i]);
    }
}

void vt_out_excerpt(struct vt_out *o, const uint8_t *bytes, size_t len, bool more, unsigned width, bool ascii)
{
    unsigned used = 0;
    vt_out_char(o, '"');
    for (size_t at = 0; at < len;) {
        uint32_t c;
        char one[24];
        unsigned n = vt_utf8_next((const char *)bytes + at, len - at, &c);
        if (c == 0xfffd && more && len - at < 4)
            break; /* a character cut by the end of what is at hand */
        excerpt_char(one, bytes + at, n, c, ascii);
        if (used + vt_text_width(one) > width) {
            more = true;
            break;
        }
        used += vt_text_width(one);
        vt_out_text(o, one);
        at += n;
    }
    vt_out_text(o, more ? (ascii ? "..." : "…") : "");
    vt_out_char(o, '"');
}

void vt_sinker_write(struct vt_sinker *s, const void *bytes, size_t len)
{
    if (s->error == 0 && len != 0)
        s->error = s->sink.write(s->sink.ctx, bytes, len);
}

int vt_sink_stdio(void *file, const void *bytes, size_t len)
{
    return fwrite(bytes, 1, len, file) == len ? 0 : -VT_EIO;
}

/* JSON (RFC 8259), written from left to right. */
#include "out.h"

static void jw_quote(struct vt_out *o, const char *text, size_t len)
{
    vt_out_char(o, '"');
    for (size_t at = 0; at < len;) {
        uint32_t c;
        unsigned n = vt_utf8_next(text + at, len - at, &c);
        if (c == '"' || c == '\\')
            vt_out_format(o, "\\%c", (int)c);
        else if (c == '\n')
            vt_out_text(o, "\\n");
        else if (c < 0x20 || c == 0x7f)
            vt_out_format(o, "\\u%04x", (unsigned)c);
        else if (c == 0xfffd)
            vt_out_text(o, "\xef\xbf\xbd"); /* bytes that are no UTF-8 */
        else
            vt_out_bytes(o, text + at, n);
        at += n;
    }
    vt_out_char(o, '"');
}

static void jw_begin(struct vt_jw *w, const char *key)
{
    if (w->comma)
        vt_out_char(w->o, ',');
    w->comma = true;
    if (key != NULL)
        vt_out_format(w->o, "\"%s\":", key);
}

void vt_jw_open(struct vt_jw *w, const char *key, char bracket)
{
    jw_begin(w, key);
    vt_out_char(w->o, bracket);
    w->comma = false;
}

void vt_jw_close(struct vt_jw *w, char bracket)
{
    vt_out_char(w->o, bracket == '{' ? '}' : ']');
    w->comma = true;
}

void vt_jw_textn(struct vt_jw *w, const char *key, const char *text, size_t len)
{
    jw_begin(w, key);
    jw_quote(w->o, text, len);
}

void vt_jw_text(struct vt_jw *w, const char *key, const char *text)
{
    vt_jw_textn(w, key, text, strlen(text));
}

void vt_jw_number(struct vt_jw *w, const char *key, uint64_t n)
{
    jw_begin(w, key);
    vt_out_format(w->o, "%llu", (unsigned long long)n);
}

void vt_jw_signed(struct vt_jw *w, const char *key, int64_t n)
{
    jw_begin(w, key);
    vt_out_format(w->o, "%lld", (long long)n);
}

void vt_jw_seconds(struct vt_jw *w, const char *key, vt_time ns)
{
    jw_begin(w, key);
    vt_out_format(w->o, "%llu.%09llu", (unsigned long long)(ns / 1000000000u),
                  (unsigned long long)(ns % 1000000000u));
}

void vt_jw_bool(struct vt_jw *w, const char *key, bool b)
{
    jw_begin(w, key);
    vt_out_text(w->o, b ? "true" : "false");
}

void vt_jw_null(struct vt_jw *w, const char *key)
{
    jw_begin(w, key);
    vt_out_text(w->o, "null");
}

void vt_jw_ip(struct vt_jw *w, const char *key, const uint8_t ip[16])
{
    jw_begin(w, key);
    vt_out_char(w->o, '"');
    vt_out_ip(w->o, ip);
    vt_out_char(w->o, '"');
}

void vt_jw_addr(struct vt_jw *w, const char *key, const uint8_t ip[16], uint16_t port)
{
    jw_begin(w, key);
    vt_out_char(w->o, '"');
    vt_out_addr(w->o, ip, port);
    vt_out_char(w->o, '"');
}

void vt_jw_mac(struct vt_jw *w, const char *key, const uint8_t mac[6])
{
    jw_begin(w, key);
    vt_out_char(w->o, '"');
    vt_out_mac(w->o, mac);
    vt_out_char(w->o, '"');
}

void vt_jw_hex(struct vt_jw *w, const char *key, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    jw_begin(w, key);
    vt_out_char(w->o, '"');
    for (size_t i = 0; i < len; i++) {
        char two[2] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
        vt_out_bytes(w->o, two, 2);
    }
    vt_out_char(w->o, '"');
}

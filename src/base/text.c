#include "text.h"

#include <vitro/errno.h>

static char *write_decimal(char *at, uint32_t v)
{
    char digits[10];
    unsigned n = 0;
    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    while (n > 0)
        *at++ = digits[--n];
    return at;
}

static char hex_digit(unsigned v)
{
    return "0123456789abcdef"[v & 15];
}

static char *write_hex(char *at, uint32_t v)
{
    bool begun = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
        unsigned digit = v >> shift & 15;
        begun = begun || digit != 0 || shift == 0;
        if (begun)
            *at++ = hex_digit(digit);
    }
    return at;
}

static char *write_ip4(char *at, const uint8_t b[4])
{
    for (unsigned i = 0; i < 4; i++) {
        if (i != 0)
            *at++ = '.';
        at = write_decimal(at, b[i]);
    }
    return at;
}

static char *write_ip6(char *at, const uint8_t b[16])
{
    /* RFC 5952 4.2: "::" stands for the longest run of two zero groups or more, the first of equal ones. */
    unsigned best = 8, best_len = 1, run = 0;
    for (unsigned i = 0; i < 8; i++) {
        run = vt_get16(b + 2 * i) == 0 ? run + 1 : 0;
        if (run > best_len) {
            best_len = run;
            best = i + 1 - run;
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        if (i == best) {
            *at++ = ':';
            *at++ = ':';
            i += best_len - 1;
            continue;
        }
        if (i != 0 && i != best + best_len)
            *at++ = ':';
        at = write_hex(at, vt_get16(b + 2 * i));
    }
    return at;
}

static char *write_ip(char *at, struct vt_ip ip)
{
    return vt_ip_is4(ip) ? write_ip4(at, ip.b + 12) : write_ip6(at, ip.b);
}

char *vt_ip_text(char *buf, struct vt_ip ip)
{
    *write_ip(buf, ip) = 0;
    return buf;
}

char *vt_addr_text(char *buf, struct vt_addr addr)
{
    char *at = buf;
    bool brackets = !vt_ip_is4(addr.ip);
    if (brackets)
        *at++ = '[';
    at = write_ip(at, addr.ip);
    if (addr.scope != 0) {
        *at++ = '%';
        at = write_decimal(at, addr.scope);
    }
    if (brackets)
        *at++ = ']';
    *at++ = ':';
    *write_decimal(at, addr.port) = 0;
    return buf;
}

char *vt_mac_text(char *buf, struct vt_mac mac)
{
    char *at = buf;
    for (unsigned i = 0; i < 6; i++) {
        if (i != 0)
            *at++ = ':';
        *at++ = hex_digit(mac.b[i] >> 4);
        *at++ = hex_digit(mac.b[i]);
    }
    *at = 0;
    return buf;
}

/* The readers below step over what they read; each returns NULL when the text is not what it should be. */

/* A decimal number up to `max`, without leading zeros. */
static const char *read_decimal(const char *at, uint32_t max, uint32_t *v)
{
    const char *start = at;
    uint64_t n = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        n = n * 10 + (uint64_t)(*at - '0');
        if (n > max)
            return NULL;
    }
    if (at == start || (*start == '0' && at != start + 1))
        return NULL;
    *v = (uint32_t)n;
    return at;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One to `max` hexadecimal digits. */
static const char *read_hex(const char *at, unsigned max, uint32_t *v)
{
    unsigned n = 0;
    *v = 0;
    for (; n < max && hex_value(*at) >= 0; n++)
        *v = *v << 4 | (uint32_t)hex_value(*at++);
    return n == 0 || hex_value(*at) >= 0 ? NULL : at;
}

static const char *read_ip4(const char *at, uint8_t b[4])
{
    for (unsigned i = 0; i < 4; i++) {
        uint32_t v;
        if (i != 0 && *at++ != '.')
            return NULL;
        at = read_decimal(at, 255, &v);
        if (at == NULL)
            return NULL;
        b[i] = (uint8_t)v;
    }
    return at;
}

/* RFC 4291 2.2: up to eight groups, "::" once for as many zeros as are missing, the last two perhaps dotted.
 */
static const char *read_ip6(const char *at, uint8_t b[16])
{
    uint8_t groups[16] = {0};
    unsigned n = 0, gap = 16; /* bytes read; how many of them stand before "::" */
    if (at[0] == ':' && at[1] == ':') {
        gap = 0;
        at += 2;
    }
    while (n < 16 && (hex_value(*at) >= 0 || n != gap)) {
        uint32_t v;
        const char *after = n <= 12 ? read_ip4(at, groups + n) : NULL;
        if (after != NULL) {
            at = after;
            n += 4;
            break;
        }
        at = read_hex(at, 4, &v);
        if (at == NULL)
            return NULL;
        vt_put16(groups + n, (uint16_t)v);
        n += 2;
        if (n == 16 || *at != ':')
            break;
        if (at[1] == ':') {
            if (gap != 16)
                return NULL;
            gap = n;
            at += 2;
        } else {
            at++;
        }
    }
    /* RFC 5952 4.2.2 notwithstanding, "::" may stand for a single group when read. */
    if (gap == 16 ? n != 16 : n > 14)
        return NULL;
    if (gap == 16)
        gap = n;
    memset(b, 0, 16);
    memcpy(b, groups, gap);
    memcpy(b + 16 - (n - gap), groups + gap, n - gap);
    return at;
}

static const char *read_ip(const char *at, struct vt_ip *ip)
{
    *ip = VT_IP4_ANY;
    const char *after = read_ip4(at, ip->b + 12);
    return after != NULL ? after : read_ip6(at, ip->b);
}

int vt_ip_parse(struct vt_ip *ip, const char *text)
{
    struct vt_ip v;
    const char *end = read_ip(text, &v);
    if (end == NULL || *end != 0)
        return -VT_EINVAL;
    *ip = v;
    return 0;
}

int vt_ip_parse_prefix(struct vt_ip *ip, uint8_t *prefix, const char *text)
{
    struct vt_ip v;
    const char *at = read_ip(text, &v);
    if (at == NULL)
        return -VT_EINVAL;
    uint32_t bits = vt_ip_is4(v) ? 32 : 128;
    if (*at == '/')
        at = read_decimal(at + 1, bits, &bits);
    if (at == NULL || *at != 0)
        return -VT_EINVAL;
    *ip = v;
    *prefix = (uint8_t)bits;
    return 0;
}

int vt_addr_parse(struct vt_addr *addr, const char *text)
{
    struct vt_addr v = {.scope = 0};
    uint32_t port;
    const char *at = text + (*text == '[');
    at = read_ip(at, &v.ip);
    /* Brackets keep an IPv6 address and its port apart (RFC 3986 3.2.2); IPv4 is written without. */
    if (at == NULL || vt_ip_is4(v.ip) != (*text != '['))
        return -VT_EINVAL;
    if (*at == '%')
        at = read_decimal(at + 1, UINT32_MAX, &v.scope);
    if (at != NULL && *text == '[')
        at = *at == ']' ? at + 1 : NULL;
    if (at == NULL || *at != ':')
        return -VT_EINVAL;
    at = read_decimal(at + 1, UINT16_MAX, &port);
    if (at == NULL || *at != 0)
        return -VT_EINVAL;
    v.port = (uint16_t)port;
    *addr = v;
    return 0;
}

int vt_mac_parse(struct vt_mac *mac, const char *text)
{
    struct vt_mac v;
    const char *at = text;
    for (unsigned i = 0; i < 6; i++) {
        if (i != 0) {
            if ((*at != ':' && *at != '-') || *at != text[2])
                return -VT_EINVAL;
            at++;
        }
        if (hex_value(at[0]) < 0 || hex_value(at[1]) < 0)
            return -VT_EINVAL;
        v.b[i] = (uint8_t)(hex_value(at[0]) << 4 | hex_value(at[1]));
        at += 2;
    }
    if (*at != 0)
        return -VT_EINVAL;
    *mac = v;
    return 0;
}

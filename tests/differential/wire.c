#include "differential.h"

#include <stdio.h>
#include <string.h>

static uint32_t get16(const uint8_t *b)
{
    return (uint32_t)b[0] << 8 | b[1];
}
static uint32_t get32(const uint8_t *b)
{
    return get16(b) << 16 | get16(b + 2);
}
static void put16(uint8_t *b, uint32_t v)
{
    b[0] = (uint8_t)(v >> 8);
    b[1] = (uint8_t)v;
}
static void put32(uint8_t *b, uint32_t v)
{
    put16(b, v >> 16);
    put16(b + 2, v);
}

static uint32_t add(uint32_t sum, const uint8_t *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum += (uint32_t)b[i] << (i % 2 == 0 ? 8 : 0);
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Of a TCP segment and its pseudo-header; 0 when the checksum in it is right. */
static uint16_t tcp_sum(const uint8_t *ip, size_t hlen, size_t len)
{
    return fold(add(add((uint32_t)(6 + len - hlen), ip + 12, 8), ip + hlen, len - hlen));
}

size_t wire_build(uint8_t *out, const struct segment *s)
{
    size_t hlen = 20 + (s->nopts + 3) / 4 * 4, len = 20 + hlen + s->len;
    uint8_t *t = out + 20;
    memset(out, 0, 20 + hlen);
    out[0] = 0x45;
    put16(out + 2, (uint32_t)len);
    out[6] = 0x40;
    out[8] = 64;
    out[9] = 6;
    put32(out + 12, s->src);
    put32(out + 16, s->dst);
    put16(out + 10, fold(add(0, out, 20)));
    put16(t, s->sport);
    put16(t + 2, s->dport);
    put32(t + 4, s->seq);
    put32(t + 8, s->ack);
    t[12] = (uint8_t)(hlen / 4 << 4);
    t[13] = s->flags;
    put16(t + 14, s->wnd);
    put16(t + 18, s->urgent);
    memcpy(t + 20, s->opts, s->nopts);
    if (s->len != 0)
        memcpy(t + hlen, s->data, s->len);
    put16(t + 16, tcp_sum(out, 20, len) ^ (s->bad ? 0x5555u : 0u));
    return len;
}

bool wire_parse(struct segment *s, const uint8_t *b, size_t len)
{
    *s = (struct segment){0};
    if (len < 40 || b[0] >> 4 != 4 || b[9] != 6)
        return false;
    size_t ihl = (size_t)(b[0] & 15) * 4, total = get16(b + 2);
    if (total > len || ihl + 20 > total)
        return false;
    const uint8_t *t = b + ihl;
    size_t hlen = (size_t)(t[12] >> 4) * 4;
    if (hlen < 20 || ihl + hlen > total)
        return false;
    s->src = get32(b + 12);
    s->dst = get32(b + 16);
    s->sport = (uint16_t)get16(t);
    s->dport = (uint16_t)get16(t + 2);
    s->seq = get32(t + 4);
    s->ack = get32(t + 8);
    s->flags = t[13];
    s->wnd = (uint16_t)get16(t + 14);
    s->urgent = (uint16_t)get16(t + 18);
    s->nopts = (unsigned)(hlen - 20);
    memcpy(s->opts, t + 20, s->nopts);
    s->data = t + hlen;
    s->len = (uint32_t)(total - ihl - hlen);
    s->bad = tcp_sum(b, ihl, total) != 0;
    return true;
}

/* The option at *at, which moves on; NULL at the end. */
static const uint8_t *next_option(const struct segment *s, unsigned *at, unsigned *len)
{
    const uint8_t *o = s->opts + *at;
    if (*at >= s->nopts || o[0] == 0)
        return NULL;
    *len = o[0] == 1 ? 1 : *at + 1 < s->nopts ? o[1] : 0;
    if (*len == 0 || *at + *len > s->nopts || (o[0] != 1 && *len < 2))
        return NULL;
    *at += *len;
    return o;
}

uint32_t wire_option(const struct segment *s, uint8_t kind)
{
    const uint8_t *o;
    for (unsigned at = 0, len; (o = next_option(s, &at, &len)) != NULL;) {
        if (o[0] != kind)
            continue;
        if (kind == 3 && len == 3)
            return o[2] + 1u;
        if (kind == 4)
            return 1;
        if (kind == 2 && len == 4)
            return get16(o + 2);
        if (kind == 8 && len == 10)
            return get32(o + 2);
    }
    return 0;
}

void wire_options(char *text, size_t size, const struct segment *s, uint32_t base)
{
    size_t n = 0;
    const uint8_t *o;
    text[0] = 0;
    for (unsigned at = 0, len; (o = next_option(s, &at, &len)) != NULL && n + 40 < size;) {
        n += (size_t)snprintf(text + n, size - n, "%s", n != 0 ? "," : "");
        if (o[0] == 1)
            n += (size_t)snprintf(text + n, size - n, "nop");
        else if (o[0] == 2 && len == 4)
            n += (size_t)snprintf(text + n, size - n, "mss %u", get16(o + 2));
        else if (o[0] == 3 && len == 3)
            n += (size_t)snprintf(text + n, size - n, "wscale %u", o[2]);
        else if (o[0] == 4 && len == 2)
            n += (size_t)snprintf(text + n, size - n, "sackOK");
        else if (o[0] == 8 && len == 10)
            n += (size_t)snprintf(text + n, size - n, "TS ecr %u", get32(o + 6));
        else if (o[0] == 5)
            for (unsigned i = 2; i + 8 <= len && n + 30 < size; i += 8)
                n += (size_t)snprintf(text + n, size - n, "%s%u:%u", i == 2 ? "sack " : " ",
                                      get32(o + i) - base, get32(o + i + 4) - base);
        else
            n += (size_t)snprintf(text + n, size - n, "kind %u", o[0]);
    }
}

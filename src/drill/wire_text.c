/* Packets as text, the way scripts have them. */
#include <stdio.h>
#include "base/text.h"
#include "icmp_name.h"
#include "network/network.h"
#include "tcp_option.h"
#include "transport/tcp_wire.h"
#include "wire.h"

#define TEXT 1024

struct writer {
    char text[TEXT];
    size_t len;
};

static void put(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct writer *w, const char *format, ...)
{
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(w->text + w->len, TEXT - w->len, format, ap);
    va_end(ap);
    if (n > 0)
        w->len = w->len + (size_t)n < TEXT ? w->len + (size_t)n : TEXT - 1;
}

/* ---- Options ---- */

static void put_hex(struct writer *w, const char *name, const uint8_t *b, unsigned len)
{
    put(w, "%s%s", name, len != 0 ? " " : "");
    for (unsigned i = 0; i < len; i++)
        put(w, "%02x", b[i]);
}

static void put_sacks(struct writer *w, const uint8_t *o, unsigned len)
{
    put(w, "sack");
    for (unsigned i = 2; i + 8 <= len; i += 8)
        put(w, " %u:%u", vt_get32(o + i), vt_get32(o + i + 4));
}

static void put_accecn(struct writer *w, const uint8_t *o, unsigned len)
{
    static const char *const order[2][3] = {{"e0b", "ceb", "e1b"}, {"e1b", "ceb", "e0b"}};

    put(w, "ECN");
    for (unsigned i = 0; i < 3 && 5 + 3 * i <= len; i++) {
        const uint8_t *b = o + 2 + 3 * (size_t)i;

        put(w, " %s %u", order[o[0] == DRILL_OPT_ACCECN1][i], (unsigned)b[0] << 16 | vt_get16(b + 1));
    }
}

static void put_option(struct writer *w, const uint8_t *o, unsigned len)
{
    switch (o[0]) {
    case VT_TCPOPT_END: put(w, "eol"); return;
    case VT_TCPOPT_NOP: put(w, "nop"); return;
    case VT_TCPOPT_MSS:
        if (len == 4)
            put(w, "mss %u", vt_get16(o + 2));
        break;
    case VT_TCPOPT_WSCALE:
        if (len == 3)
            put(w, "wscale %u", o[2]);
        break;
    case VT_TCPOPT_SACK_PERMITTED:
        if (len == 2)
            put(w, "sackOK");
        break;
    case VT_TCPOPT_SACK: put_sacks(w, o, len); return;
    case VT_TCPOPT_TIMESTAMPS:
        if (len == 10)
            put(w, "TS val %u ecr %u", vt_get32(o + 2), vt_get32(o + 6));
        break;
    case DRILL_OPT_MD5: put_hex(w, "md5", o + 2, len - 2); return;
    case DRILL_OPT_FASTOPEN: put_hex(w, "FO", o + 2, len - 2); return;
    case DRILL_OPT_ACCECN0:
    case DRILL_OPT_ACCECN1: put_accecn(w, o, len); return;
    case DRILL_OPT_EXPERIMENT:
        if (len >= 4 && vt_get16(o + 2) == DRILL_FASTOPEN_MAGIC) {
            put_hex(w, "FOEXP", o + 4, len - 4);
            return;
        }
        put(w, "option 254 of %u bytes", len);
        return;
    default: put(w, "option %u of %u bytes", o[0], len); return;
    }
    /* One of the common ones, but not of its length. */
    if (w->len != 0 && (w->text[w->len - 1] == '<' || w->text[w->len - 1] == ','))
        put(w, "option %u of %u bytes", o[0], len);
}

static void put_options(struct writer *w, const struct drill_packet *k)
{
    unsigned at = 0, len;
    const uint8_t *o;

    if (k->options_any) {
        put(w, "<...>");
        return;
    }
    put(w, "<");
    while ((len = drill_option_next(k, &at, &o)) != 0) {
        if (w->text[w->len - 1] != '<')
            put(w, ",");
        put_option(w, o, len);
    }
    if (at < k->noptions)
        put(w, "%s%u bytes that are no option", at != 0 ? "," : "", k->noptions - at);
    put(w, ">");
}

const char *drill_options_text(struct drill_arena *a, const struct drill_packet *k)
{
    struct writer w = {.len = 0};

    put_options(&w, k);
    return drill_strndup(a, w.text, w.len);
}

/* ---- Headers ---- */

static void put_flags(struct writer *w, const struct drill_packet *k)
{
    static const char names[] = "SFRPUEWA.";
    static const uint16_t bits[] = {VT_SYN, VT_FIN, VT_RST, VT_PSH, VT_URG, VT_ECE, VT_CWR, VT_AE, VT_ACK};
    const uint16_t ecn = VT_ECE | VT_CWR | VT_AE;
    bool any = k->ace;

    for (unsigned i = 0; i < sizeof bits / sizeof *bits; i++) {
        if ((k->flags & bits[i]) == 0 || (k->ace && (bits[i] & ecn) != 0))
            continue;
        put(w, "%c", names[i]);
        any = true;
    }
    if (k->ace)
        put(w, "%d",
            ((k->flags & VT_ECE) != 0) + 2 * ((k->flags & VT_CWR) != 0) + 4 * ((k->flags & VT_AE) != 0));
    if (!any)
        put(w, "-");
}

const char *drill_flags_text(struct drill_arena *a, const struct drill_packet *k)
{
    struct writer w = {.len = 0};

    put_flags(&w, k);
    return drill_strndup(a, w.text, w.len);
}

static void put_ip(struct writer *w, const struct drill_packet *k)
{
    static const char *const ecn[] = {"noecn", "ect1", "ect0", "ce"};

    if (k->ttl != 0 && k->tos_check == DRILL_TOS_ANY)
        put(w, "(ttl %u) ", k->ttl);
    switch (k->tos_check) {
    case DRILL_TOS_ANY: break;
    case DRILL_TOS_ECT01: put(w, "[ect01] "); return;
    case DRILL_TOS_ECN: put(w, "[%s] ", ecn[k->tos & 3]); return;
    case DRILL_TOS_BYTE:
        if (k->tos != 0)
            put(w, "[tos 0x%x] ", k->tos);
        break;
    }
}

static void put_tcp(struct writer *w, const struct drill_packet *k)
{
    put_flags(w, k);
    put(w, " %u:%u(%u)", k->seq, k->seq + k->len, k->len);
    if ((k->flags & VT_ACK) != 0 || k->ack != 0)
        put(w, " ack %u", k->ack);
    if (!k->win_any)
        put(w, " win %u", k->win);
    if (k->urg != 0)
        put(w, " urg %u", k->urg);
    if (k->noptions == 0 && !k->options_any)
        return;
    put(w, " ");
    put_options(w, k);
}

static void put_icmp(struct writer *w, const struct drill_packet *k)
{
    const char *type = drill_icmp_type_name(k->type), *code = drill_icmp_code_name(k->type, k->code);

    put(w, "icmp ");
    if (type != NULL)
        put(w, "%s", type);
    else
        put(w, "type_%u", k->type);
    if (code != NULL)
        put(w, " %s", code);
    else if (k->code != 0)
        put(w, " code_%u", k->code);
    if (k->mtu >= 0)
        put(w, " mtu %u", (unsigned)k->mtu);
    if (k->id != 0)
        put(w, " id %u", k->id);
    if (k->quoted == 0)
        put(w, " [raw (%u)]", k->len);
}

const char *drill_wire_text(struct drill_arena *a, const struct drill_packet *k, const struct drill_tuple *t)
{
    struct writer w = {.len = 0};
    char src[VT_IP_TEXT], dst[VT_IP_TEXT];

    put(&w, "%c ", k->inbound ? '<' : '>');
    if (t != NULL)
        put(&w, "%s:%u > %s:%u ", vt_ip_text(src, t->src), t->sport, vt_ip_text(dst, t->dst), t->dport);
    else if (k->sport != 0 || k->dport != 0)
        put(&w, "%u > %u ", k->sport, k->dport);
    put_ip(&w, k);
    switch (k->protocol) {
    case VT_PROTO_TCP: put_tcp(&w, k); break;
    case VT_PROTO_UDP: put(&w, "udp (%u)", k->len); break;
    case VT_PROTO_ICMP: put_icmp(&w, k); break;
    default: put(&w, "protocol %u", k->protocol); break;
    }
    return drill_strndup(a, w.text, w.len);
}

/* TCP options: mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7. */
#include "parse.h"
#include "tcp_option.h"
#include "transport/tcp_wire.h"

/* Room for an option of `len` bytes: its kind and length are written. NULL, with the error told, when it
 * would be more than the 40 bytes that a header holds. */
static uint8_t *put(struct drill_parser *p, struct drill_packet *k, uint8_t kind, unsigned len)
{
    uint8_t *b = k->options + k->noptions;

    if (k->noptions + len > DRILL_TCP_OPTIONS) {
        drill_fail(p->error, p->token.place, "these are more options than the 40 bytes of a header hold");
        return NULL;
    }
    k->noptions = (uint8_t)(k->noptions + len);
    b[0] = kind;
    if (len > 1)
        b[1] = (uint8_t)len;
    return b;
}

static bool put_number(struct drill_parser *p, struct drill_packet *k, uint8_t kind, unsigned size,
                       const char *what)
{
    int64_t v;
    uint8_t *b;

    if (!drill_want_int(p, 0, (INT64_C(1) << (8 * size)) - 1, what, &v))
        return false;
    b = put(p, k, kind, 2 + size);
    for (unsigned i = 0; b != NULL && i < size; i++)
        b[2 + i] = (uint8_t)(v >> (8 * (size - 1 - i)));
    return b != NULL;
}

static bool parse_timestamp(struct drill_parser *p, struct drill_packet *k)
{
    int64_t val, ecr;
    uint8_t *b;

    if (!drill_want_word(p, "val", "after TS") || !drill_want_int(p, 0, UINT32_MAX, "a timestamp", &val) ||
        !drill_want_word(p, "ecr", "after TS val") || !drill_want_int(p, 0, UINT32_MAX, "a timestamp", &ecr))
        return false;
    b = put(p, k, VT_TCPOPT_TIMESTAMPS, 10);
    if (b == NULL)
        return false;
    vt_put32(b + 2, (uint32_t)val);
    vt_put32(b + 6, (uint32_t)ecr);
    return true;
}

static bool parse_sack(struct drill_parser *p, struct drill_packet *k)
{
    uint8_t *option = put(p, k, VT_TCPOPT_SACK, 2), *block;
    int64_t from, to;

    if (option == NULL)
        return false;
    do {
        if (!drill_want_int(p, 0, UINT32_MAX, "a sequence number", &from) ||
            !drill_want_char(p, ':', "between sequence numbers") ||
            !drill_want_int(p, 0, UINT32_MAX, "a sequence number", &to))
            return false;
        block = put(p, k, 0, 8);
        if (block == NULL)
            return false;
        vt_put32(block, (uint32_t)from);
        vt_put32(block + 4, (uint32_t)to);
        option[1] = (uint8_t)(option[1] + 8);
    } while (p->token.kind == TOK_INT);
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Bytes in hexadecimal, as many as there are, at most `most`; none when `optional`. */
static bool parse_hex(struct drill_parser *p, bool optional, unsigned most, uint8_t *bytes, unsigned *n)
{
    const char *s = p->token.text;

    *n = 0;
    if (p->token.kind != TOK_WORD && p->token.kind != TOK_INT)
        return optional ? true : drill_unexpected(p, "bytes in hexadecimal");
    for (; s[0] != 0; s += 2) {
        int high = hex_digit(s[0]), low = s[1] != 0 ? hex_digit(s[1]) : -1;

        if (high < 0 || low < 0)
            return drill_unexpected(p, "bytes in hexadecimal, two digits each");
        if (*n == most)
            return drill_fail(p->error, p->token.place, "these are more than %u bytes", most);
        bytes[(*n)++] = (uint8_t)(high << 4 | low);
    }
    return drill_next(p);
}

static bool parse_blob(struct drill_parser *p, struct drill_packet *k, uint8_t kind, bool optional,
                       unsigned most)
{
    uint8_t bytes[DRILL_TCP_OPTIONS], *b;
    unsigned n, front = kind == DRILL_OPT_EXPERIMENT ? 2 : 0;

    if (!parse_hex(p, optional, most, bytes, &n))
        return false;
    b = put(p, k, kind, 2 + front + n);
    if (b == NULL)
        return false;
    if (front != 0)
        vt_put16(b + 2, DRILL_FASTOPEN_MAGIC);
    memcpy(b + 2 + front, bytes, n);
    return true;
}

/* RFC 9768 3.2.3: three counters of 24 bits, CE between the two others; of those at the end, some may be
 * missing. */
static bool parse_accecn(struct drill_parser *p, struct drill_packet *k)
{
    static const char *const order[2][3] = {{"e0b", "ceb", "e1b"}, {"e1b", "ceb", "e0b"}};
    unsigned first = drill_is_word(p, "e1b");
    uint8_t *option = put(p, k, first ? DRILL_OPT_ACCECN1 : DRILL_OPT_ACCECN0, 2), *b;
    int64_t v;

    if (option == NULL)
        return false;
    for (unsigned i = 0; i < 3; i++) {
        bool taken;

        if (!drill_take_word(p, order[first][i], &taken))
            return false;
        if (!taken)
            return i != 0 ? true : drill_unexpected(p, "e0b or e1b");
        if (!drill_want_int(p, 0, 0xffffff, "a counter of 24 bits", &v))
            return false;
        b = put(p, k, 0, 3);
        if (b == NULL)
            return false;
        b[0] = (uint8_t)(v >> 16);
        vt_put16(b + 1, (uint16_t)v);
        option[1] = (uint8_t)(option[1] + 3);
    }
    return true;
}

static bool parse_one(struct drill_parser *p, struct drill_packet *k)
{
    struct drill_token name = p->token;

    if (name.kind != TOK_WORD)
        return drill_unexpected(p, "a TCP option");
    if (!drill_next(p))
        return false;
    if (strcmp(name.text, "nop") == 0)
        return put(p, k, VT_TCPOPT_NOP, 1) != NULL;
    if (strcmp(name.text, "eol") == 0)
        return put(p, k, VT_TCPOPT_END, 1) != NULL;
    if (strcmp(name.text, "mss") == 0)
        return put_number(p, k, VT_TCPOPT_MSS, 2, "an MSS");
    if (strcmp(name.text, "wscale") == 0)
        return put_number(p, k, VT_TCPOPT_WSCALE, 1, "a shift count");
    if (strcmp(name.text, "sackOK") == 0)
        return put(p, k, VT_TCPOPT_SACK_PERMITTED, 2) != NULL;
    if (strcmp(name.text, "sack") == 0)
        return parse_sack(p, k);
    if (strcmp(name.text, "TS") == 0)
        return parse_timestamp(p, k);
    if (strcmp(name.text, "md5") == 0)
        return parse_blob(p, k, DRILL_OPT_MD5, false, 16);
    if (strcmp(name.text, "FO") == 0)
        return parse_blob(p, k, DRILL_OPT_FASTOPEN, true, 38);
    if (strcmp(name.text, "FOEXP") == 0)
        return parse_blob(p, k, DRILL_OPT_EXPERIMENT, true, 36);
    if (strcmp(name.text, "ECN") == 0)
        return parse_accecn(p, k);
    return drill_fail(p->error, name.place, "there is no TCP option '%s'", name.text);
}

bool drill_parse_tcp_options(struct drill_parser *p, struct drill_packet *k)
{
    bool more = true;

    while (more)
        if (!parse_one(p, k) || !drill_take_char(p, ',', &more))
            return false;
    return true;
}

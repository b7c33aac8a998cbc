/* Packets: < [ect0] P. 1:1001(1000) ack 1 win 257 <nop,nop,TS val 200 ecr 100> and their kin. */
#include <vitro/event.h>
#include "network/network.h"
#include "parse.h"

/* ---- What is said of the IP header ---- */

static bool parse_tos(struct drill_parser *p, struct drill_packet *k, bool *taken)
{
    static const struct {
        const char *word;
        enum drill_tos_check check;
        uint8_t tos;
    } words[] = {
        {"noecn", DRILL_TOS_ECN, 0}, {"ect1", DRILL_TOS_ECN, 1},    {"ect0", DRILL_TOS_ECN, 2},
        {"ce", DRILL_TOS_ECN, 3},    {"ect01", DRILL_TOS_ECT01, 0}, {"tos", DRILL_TOS_BYTE, 0},
    };
    int64_t v = 0;

    *taken = false;
    for (size_t i = 0; i < sizeof words / sizeof *words && !*taken; i++) {
        if (!drill_take_word(p, words[i].word, taken))
            return false;
        if (!*taken)
            continue;
        k->tos_check = words[i].check;
        k->tos = words[i].tos;
        if (words[i].check == DRILL_TOS_BYTE) {
            if (!drill_want_int(p, 0, 255, "a TOS byte", &v))
                return false;
            k->tos = (uint8_t)v;
        }
    }
    return true;
}

static bool parse_ip_fact(struct drill_parser *p, struct drill_packet *k)
{
    bool taken;
    int64_t v;

    if (!parse_tos(p, k, &taken))
        return false;
    if (taken)
        return true;
    if (drill_is_word(p, "flowlabel"))
        return drill_skip(p->error, p->token.place, "flow labels are IPv6's, which is not here yet");
    if (!drill_is_word(p, "ttl"))
        return drill_unexpected(p, "noecn, ect0, ect1, ect01, ce, tos or ttl");
    if (!drill_next(p) || !drill_want_int(p, 0, 255, "a TTL", &v))
        return false;
    k->ttl = (uint8_t)v;
    return true;
}

static bool parse_ip_info(struct drill_parser *p, struct drill_packet *k)
{
    char end = drill_is_char(p, '(') ? ')' : ']';
    bool more = drill_is_char(p, '(') || drill_is_char(p, '[');
    struct drill_place place = p->token.place;

    if (!more)
        return true;
    while (more)
        if (!drill_next(p) || !parse_ip_fact(p, k))
            return false;
        else
            more = drill_is_char(p, ',');
    if (k->tos_check == DRILL_TOS_ECT01 && k->inbound)
        return drill_fail(p->error, place, "[ect01] is for packets that go out");
    return drill_want_char(p, end, "after what is said of the IP header");
}

/* A whole header in front means that the packet travels inside of another. */
static bool refuse_tunnels(struct drill_parser *p)
{
    static const char *const words[] = {"ipv4", "ipv6", "gre", "GREv0", "mpls", "encap"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (drill_is_word(p, words[i]))
            return drill_skip(p->error, p->token.place, "packets inside of packets (%s) are not here",
                              words[i]);
    return true;
}

static bool parse_ports(struct drill_parser *p, struct drill_packet *k)
{
    int64_t from, to;

    if (p->token.kind != TOK_INT)
        return true;
    if (!drill_want_int(p, 0, 65535, "a source port", &from) ||
        !drill_want_char(p, '>', "between the ports") ||
        !drill_want_int(p, 0, 65535, "a destination port", &to))
        return false;
    k->sport = (uint16_t)from;
    k->dport = (uint16_t)to;
    return true;
}

/* ---- TCP ---- */

static bool flag_char(struct drill_parser *p, struct drill_packet *k, char c)
{
    static const char names[] = "FSRP.UEWA";
    const char *at = strchr(names, c);

    if (c >= '0' && c <= '7') {
        unsigned n = (unsigned)(c - '0');

        if (k->ace || (k->flags & (VT_ECE | VT_CWR | VT_AE)) != 0)
            return drill_fail(p->error, p->token.place, "the ECN flags are told twice");
        k->ace = true;
        k->flags |= (uint16_t)((n & 1 ? VT_ECE : 0) | (n & 2 ? VT_CWR : 0) | (n & 4 ? VT_AE : 0));
        return true;
    }
    if (at == NULL || c == 0)
        return drill_fail(p->error, p->token.place, "'%c' is no TCP flag; those are %s, and 0 to 7", c,
                          names);
    if (k->ace && strchr("EWA", c) != NULL)
        return drill_fail(p->error, p->token.place, "the ECN flags are told twice");
    k->flags |= (uint16_t)(1u << (at - names));
    return true;
}

static bool flag_chars(struct drill_parser *p, struct drill_packet *k)
{
    for (const char *c = p->token.text; *c != 0; c++)
        if (!flag_char(p, k, *c))
            return false;
    return drill_next(p);
}

/* A word, a dot, a dot with a number, or a word and one of these; '-' for no flag at all. */
static bool parse_flags(struct drill_parser *p, struct drill_packet *k)
{
    bool word = p->token.kind == TOK_WORD;

    if (drill_is_char(p, '-'))
        return drill_next(p);
    if (word && !flag_chars(p, k))
        return false;
    if (p->token.kind == TOK_FLOAT)
        return flag_chars(p, k);
    if (drill_is_char(p, '.'))
        return flag_char(p, k, '.') && drill_next(p);
    return word ? true : drill_unexpected(p, "TCP flags, 'udp' or 'icmp'");
}

/* 1:1001(1000) */
static bool parse_seq(struct drill_parser *p, uint32_t *seq, uint32_t *len)
{
    struct drill_place place = p->token.place;
    int64_t from, to, n;

    if (!drill_want_int(p, 0, UINT32_MAX, "a sequence number", &from) ||
        !drill_want_char(p, ':', "between sequence numbers") ||
        !drill_want_int(p, 0, UINT32_MAX, "a sequence number", &to) ||
        !drill_want_char(p, '(', "before the number of bytes") ||
        !drill_want_int(p, 0, 65535 - 40, "a number of bytes", &n) ||
        !drill_want_char(p, ')', "after the number of bytes"))
        return false;
    if ((uint32_t)(from + n) != (uint32_t)to)
        return drill_fail(p->error, place, "%lld:%lld(%lld): from the first to the second it is %u bytes",
                          (long long)from, (long long)to, (long long)n, (uint32_t)to - (uint32_t)from);
    *seq = (uint32_t)from;
    *len = (uint32_t)n;
    return true;
}

/* `word` and a number, when they are there. */
static bool parse_number(struct drill_parser *p, const char *word, int64_t most, bool *there, int64_t *value)
{
    if (!drill_take_word(p, word, there))
        return false;
    return *there ? drill_want_int(p, 0, most, drill_printf(p->arena, "a number after %s", word), value)
                  : true;
}

static bool parse_bracketed_options(struct drill_parser *p, struct drill_packet *k)
{
    struct drill_place place = p->token.place;

    if (!drill_is_char(p, '<'))
        return true;
    if (!drill_next(p))
        return false;
    if (p->token.kind == TOK_ELLIPSIS) {
        if (k->inbound)
            return drill_fail(p->error, place, "<...> is for packets that go out");
        k->options_any = true;
        return drill_next(p) && drill_want_char(p, '>', "after the options");
    }
    if (!drill_parse_tcp_options(p, k) || !drill_want_char(p, '>', "after the options"))
        return false;
    if (k->noptions % 4 != 0)
        return drill_fail(p->error, place,
                          "these options are %u bytes, which is no multiple of 4: pad with nop", k->noptions);
    return true;
}

static bool parse_tcp(struct drill_parser *p, struct drill_packet *k)
{
    struct drill_place place = p->token.place;
    int64_t ack = 0, win = 0, urg = 0;
    bool there;

    k->protocol = VT_PROTO_TCP;
    if (!parse_ports(p, k) || !parse_flags(p, k) || !parse_seq(p, &k->seq, &k->len) ||
        !parse_number(p, "ack", UINT32_MAX, &there, &ack) ||
        !parse_number(p, "win", UINT16_MAX, &there, &win))
        return false;
    k->win_any = !there;
    if (k->inbound && !there)
        return drill_fail(p->error, place, "a segment that comes in must tell its window (win)");
    if (!parse_number(p, "urg", UINT16_MAX, &there, &urg))
        return false;
    k->ack = (uint32_t)ack;
    k->win = (uint16_t)win;
    k->urg = (uint16_t)urg;
    return parse_bracketed_options(p, k);
}

/* ---- UDP and ICMP ---- */

static bool parse_udp(struct drill_parser *p, struct drill_packet *k)
{
    int64_t len;

    k->protocol = VT_PROTO_UDP;
    if (!drill_next(p) || !parse_ports(p, k) || !drill_want_char(p, '(', "before the number of bytes") ||
        !drill_want_int(p, 0, 65535 - 28, "a number of bytes", &len))
        return false;
    k->len = (uint32_t)len;
    return drill_want_char(p, ')', "after the number of bytes");
}

/* [1:1001(1000)], [udp (100)] or [raw (64)]: the packet that the message quotes, or its own length. */
static bool parse_quoted(struct drill_parser *p, struct drill_packet *k)
{
    bool udp, raw = false;
    int64_t len;

    k->quoted = VT_PROTO_TCP;
    k->quoted_any = !drill_is_char(p, '[');
    if (k->quoted_any)
        return true;
    if (!drill_next(p) || !drill_take_word(p, "udp", &udp) || (!udp && !drill_take_word(p, "raw", &raw)))
        return false;
    if (!udp && !raw) {
        if (!parse_seq(p, &k->quoted_seq, &k->quoted_len))
            return false;
        return drill_want_char(p, ']', "after the packet that is quoted");
    }
    if (!drill_want_char(p, '(', "before the number of bytes") ||
        !drill_want_int(p, 0, 65535 - 48, "a number of bytes", &len) ||
        !drill_want_char(p, ')', "after the number of bytes"))
        return false;
    k->quoted = udp ? VT_PROTO_UDP : 0;
    k->quoted_len = udp ? (uint32_t)len : 0;
    k->len = raw ? (uint32_t)len : 0;
    if (raw && len < 8)
        return drill_fail(p->error, p->token.place, "an ICMP message has 8 bytes at least");
    return drill_want_char(p, ']', "after the packet that is quoted");
}

static bool parse_icmp(struct drill_parser *p, struct drill_packet *k)
{
    struct drill_place place;
    int64_t id = 0;
    bool there;

    k->protocol = VT_PROTO_ICMP;
    if (!drill_next(p) || !drill_parse_icmp(p, k))
        return false;
    place = p->token.place;
    if (!parse_number(p, "mtu", UINT16_MAX, &there, &k->mtu))
        return false;
    if (there && (k->type != 3 || k->code != 4))
        return drill_fail(p->error, place, "mtu belongs to 'unreachable frag_needed'");
    if (!parse_number(p, "id", UINT16_MAX, &there, &id))
        return false;
    k->id = (uint16_t)id;
    return parse_quoted(p, k);
}

bool drill_parse_packet(struct drill_parser *p, struct drill_packet **packet)
{
    struct drill_packet *k = drill_alloc(p->arena, sizeof *k);

    *packet = k;
    k->inbound = drill_is_char(p, '<');
    k->mtu = -1;
    if (!drill_next(p) || !refuse_tunnels(p) || !parse_ip_info(p, k) || !refuse_tunnels(p))
        return false;
    if (drill_is_word(p, "udp"))
        return parse_udp(p, k);
    if (drill_is_word(p, "icmp"))
        return parse_icmp(p, k);
    return parse_tcp(p, k);
}

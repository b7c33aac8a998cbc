#include "fault.h"
#include <vitro/errno.h>
#include "link/eth_wire.h"
#include "network/ipv4_wire.h"
#include "scan.h"
#include "transport/tcp_wire.h"

#define BIT(match) (UINT32_C(1) << (match))

enum {
    PROTO_ICMP = 1,
    PROTO_TCP = 6,
    PROTO_UDP = 17
};

static uint32_t classify_tcp(const struct vt_tcp_hdr *tcp, uint32_t data)
{
    uint32_t is = 0;
    if (data != 0)
        is |= BIT(VT_MATCH_DATA);
    if (tcp->flags & VT_FIN)
        is |= BIT(VT_MATCH_FIN);
    if (tcp->flags & VT_RST)
        is |= BIT(VT_MATCH_RST);
    if (tcp->flags & VT_SYN)
        is |= tcp->flags & VT_ACK ? BIT(VT_MATCH_SYNACK) : BIT(VT_MATCH_SYN);
    else if ((tcp->flags & VT_ACK) && is == 0)
        is |= BIT(VT_MATCH_ACK);
    return is;
}

/* The transport header at offset l4 of `len` bytes, of an unfragmented packet or a first fragment. */
static void classify_transport(struct vt_frame_class *c, struct vt_pbuf *p, uint32_t l4, uint32_t len,
                               uint8_t protocol)
{
    uint32_t head = protocol == PROTO_TCP ? VT_TCP_HLEN : 8;
    const uint8_t *b = len < head ? NULL : vt_pbuf_peek(p, l4 + head);
    if (b == NULL)
        return;
    c->sport = vt_get16(b + l4);
    c->dport = vt_get16(b + l4 + 2);
    struct vt_tcp_hdr tcp;
    if (protocol == PROTO_TCP && vt_tcp_parse(b + l4, len, &tcp) == 0)
        c->is |= classify_tcp(&tcp, len - tcp.hlen);
}

struct vt_frame_class vt_frame_classify(struct vt_pbuf *p)
{
    struct vt_frame_class c = {.is = BIT(VT_MATCH_ANY)};
    const uint8_t *b = vt_pbuf_peek(p, VT_ETH_HLEN);
    uint16_t type = b == NULL ? 0 : vt_get16(b + 12);
    if (type == VT_ETHERTYPE_ARP)
        c.is |= BIT(VT_MATCH_ARP);
    if (type != VT_ETHERTYPE_IPV4)
        return c;
    struct vt_ipv4_hdr ip;
    b = vt_pbuf_peek(p, VT_ETH_HLEN + VT_IPV4_HEADER);
    if (b == NULL || vt_ipv4_parse(&ip, b + VT_ETH_HLEN, p->len - VT_ETH_HLEN) != VT_DROP_NONE)
        return c;
    if (ip.protocol == PROTO_ICMP)
        c.is |= BIT(VT_MATCH_ICMP);
    if (ip.protocol == PROTO_UDP)
        c.is |= BIT(VT_MATCH_UDP);
    if (ip.protocol == PROTO_TCP)
        c.is |= BIT(VT_MATCH_TCP);
    if (ip.offset == 0 && (ip.protocol == PROTO_TCP || ip.protocol == PROTO_UDP))
        classify_transport(&c, p, VT_ETH_HLEN + ip.header_len, (uint32_t)(ip.total_len - ip.header_len),
                           ip.protocol);
    return c;
}

bool vt_fault_hits(struct vt_fault *f, const struct vt_frame_class *c)
{
    if ((c->is & BIT(f->match)) == 0)
        return false;
    if (f->port != 0 && c->sport != f->port && c->dport != f->port)
        return false;
    if (f->seen != UINT32_MAX)
        f->seen++;
    return f->seen >= f->nth && (f->count == 0 || f->seen - f->nth < f->count);
}

/* ---- The text ---- */

struct word {
    const char *word;
    int value;
};

static const struct word actions[] = {
    {"drop", VT_FAULT_DROP},       {"duplicate", VT_FAULT_DUPLICATE},
    {"corrupt", VT_FAULT_CORRUPT}, {"corrupt-inside", VT_FAULT_CORRUPT_INSIDE},
    {"delay", VT_FAULT_DELAY},     {NULL, 0},
};
static const struct word matches[] = {
    {"any", VT_MATCH_ANY},   {"arp", VT_MATCH_ARP}, {"icmp", VT_MATCH_ICMP},     {"udp", VT_MATCH_UDP},
    {"tcp", VT_MATCH_TCP},   {"syn", VT_MATCH_SYN}, {"synack", VT_MATCH_SYNACK}, {"ack", VT_MATCH_ACK},
    {"data", VT_MATCH_DATA}, {"fin", VT_MATCH_FIN}, {"rst", VT_MATCH_RST},       {NULL, 0},
};

#define EXPECTED_ACTION "one of: drop, duplicate, corrupt, corrupt-inside, delay"
#define EXPECTED_MATCH  "which frame: [3rd] any, arp, icmp, udp, tcp, syn, synack, ack, data, fin or rst"
#define EXPECTED_RANGE  "which ones, counted from 1: 3rd, 3, 2-4 or 2-"
#define EXPECTED_REST   "a range such as 2-4, \"port\" and a number, or the time of a delay; each once"
#define EXPECTED_PORT   "a port from 1 to 65535"
#define EXPECTED_TIME   "how long to delay, such as 500ms"

static bool lookup(const struct vt_scan *s, const struct word *words, int *value)
{
    for (; words->word != NULL; words++) {
        if (vt_scan_is(s, words->word)) {
            *value = words->value;
            return true;
        }
    }
    return false;
}

/* "st", "nd", "rd" or "th", whichever the number ends in: "1st", "12th", "23rd". */
static bool is_ordinal(const struct vt_scan *s, size_t i, uint64_t n)
{
    static const char *const suffix[4] = {"th", "st", "nd", "rd"};
    unsigned which = n % 10 <= 3 && n / 10 % 10 != 1 ? (unsigned)(n % 10) : 0;
    return s->len - i == 2 && memcmp(s->text + s->at + i, suffix[which], 2) == 0;
}

/* "3rd", "3", "2-4", "2-": all from there on. */
static bool parse_range(const struct vt_scan *s, struct vt_fault *f)
{
    size_t i = 0;
    uint64_t from, to;
    if (!vt_scan_digits(s, &i, UINT32_MAX, &from) || from == 0)
        return false;
    f->nth = (uint32_t)from;
    f->count = 1;
    if (i == s->len || is_ordinal(s, i, from))
        return true;
    if (s->text[s->at + i++] != '-')
        return false;
    f->count = 0;
    if (i == s->len)
        return true;
    if (!vt_scan_digits(s, &i, UINT32_MAX, &to) || i != s->len || to < from)
        return false;
    f->count = (uint32_t)(to - from + 1);
    return f->count != 0;
}

/* What may follow the kind of frame: a range, a port, a time; each at most once. */
static const char *parse_rest(struct vt_scan *s, struct vt_fault *f, bool ranged)
{
    uint64_t value;
    for (; s->len != 0; vt_scan_next(s)) {
        if (vt_scan_is(s, "port") && f->port == 0) {
            vt_scan_next(s);
            if (!vt_scan_number(s, 65535, &value) || value == 0)
                return EXPECTED_PORT;
            f->port = (uint16_t)value;
        } else if (f->action == VT_FAULT_DELAY && f->delay == 0 &&
                   vt_scan_measure(s, vt_units_time, VT_SCAN_TIME_MAX, &value) && value != 0) {
            f->delay = (vt_span)value;
        } else if (vt_scan_digit(s) && !ranged) {
            if (!parse_range(s, f))
                return EXPECTED_RANGE;
            ranged = true;
        } else {
            return EXPECTED_REST;
        }
    }
    return f->action == VT_FAULT_DELAY && f->delay == 0 ? EXPECTED_TIME : NULL;
}

static const char *parse_fault(struct vt_scan *s, struct vt_fault *f)
{
    int value;
    if (!lookup(s, actions, &value))
        return EXPECTED_ACTION;
    f->action = (enum vt_fault_action)value;
    f->nth = 1;
    vt_scan_next(s);
    bool ranged = vt_scan_digit(s);
    if (ranged) {
        if (!parse_range(s, f))
            return EXPECTED_RANGE;
        vt_scan_next(s);
    }
    if (!lookup(s, matches, &value))
        return EXPECTED_MATCH;
    f->match = (enum vt_fault_match)value;
    vt_scan_next(s);
    return parse_rest(s, f, ranged);
}

int vt_fault_parse(struct vt_fault *f, const char *text, size_t *where, const char **expected)
{
    struct vt_fault read = {0};
    struct vt_scan s;
    vt_scan_first(&s, text);
    const char *wrong = parse_fault(&s, &read);
    if (wrong != NULL) {
        *where = s.at;
        *expected = wrong;
        return -VT_EINVAL;
    }
    *f = read;
    return 0;
}

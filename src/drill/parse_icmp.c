#include "icmp_name.h"
#include "parse.h"

#define UNREACHABLE 3

static const char *const types[] = {
    [0] = "echo_reply",          [3] = "unreachable",
    [4] = "source_quench",       [5] = "redirect",
    [8] = "echo_request",        [11] = "time_exceeded",
    [12] = "parameter_problem",  [13] = "timestamp_request",
    [14] = "timestamp_reply",    [15] = "information_request",
    [16] = "information_reply",  [17] = "address_mask_request",
    [18] = "address_mask_reply",
};
#define TYPES (sizeof types / sizeof *types)

static const char *const codes[] = {
    "net_unreachable",
    "host_unreachable",
    "protocol_unreachable",
    "port_unreachable",
    "frag_needed",
    "source_route_failed",
    "net_unknown",
    "host_unknown",
    "source_host_isolated",
    "net_prohibited",
    "host_prohibited",
    "net_unreachable_for_tos",
    "host_unreachable_for_tos",
    "packet_filtered",
    "precedence_violation",
    "precedence_cutoff",
};
#define CODES (sizeof codes / sizeof *codes)

const char *drill_icmp_type_name(uint8_t type)
{
    return type < TYPES ? types[type] : NULL;
}

const char *drill_icmp_code_name(uint8_t type, uint8_t code)
{
    return type == UNREACHABLE && code < CODES ? codes[code] : NULL;
}

/* A name of the table, or PREFIX and a number: type_3. */
static bool parse_name(struct drill_parser *p, const char *prefix, const char *const *names, size_t n,
                       uint8_t *value)
{
    const char *word = p->token.text;
    size_t len = strlen(prefix);
    unsigned v = 0;

    for (size_t i = 0; i < n; i++)
        if (names[i] != NULL && strcmp(names[i], word) == 0) {
            *value = (uint8_t)i;
            return drill_next(p);
        }
    if (strncmp(word, prefix, len) == 0 && word[len] != 0) {
        for (word += len; *word >= '0' && *word <= '9' && v < 256; word++)
            v = v * 10 + (unsigned)(*word - '0');
        if (*word == 0 && v < 256) {
            *value = (uint8_t)v;
            return drill_next(p);
        }
    }
    return drill_unexpected(p, drill_printf(p->arena, "an ICMP name, or %sN", prefix));
}

bool drill_parse_icmp(struct drill_parser *p, struct drill_packet *k)
{
    if (p->token.kind != TOK_WORD)
        return drill_unexpected(p, "an ICMP type");
    if (!parse_name(p, "type_", types, TYPES, &k->type))
        return false;
    if (p->token.kind != TOK_WORD || drill_is_word(p, "mtu") || drill_is_word(p, "id"))
        return true;
    return parse_name(p, "code_", codes, k->type == UNREACHABLE ? CODES : 0, &k->code);
}

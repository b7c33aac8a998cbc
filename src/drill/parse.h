/* Recursive descent, one token ahead. Every function returns false when the script is wrong, the error told.
 */
#ifndef VT_DRILL_PARSE_H
#define VT_DRILL_PARSE_H

#include "lex.h"

struct drill_parser {
    struct drill_lexer lex;
    struct drill_token token; /* the next one, not yet taken */
    struct drill_script *script;
    struct drill_arena *arena;
    struct drill_error *error;
    unsigned depth; /* of expressions in expressions */
};

/* ---- parse.c ---- */

/* Takes the next token. */
bool drill_next(struct drill_parser *p);
bool drill_is_char(const struct drill_parser *p, char c);
bool drill_is_word(const struct drill_parser *p, const char *word);
/* Takes it when it is that: *taken tells. */
bool drill_take_char(struct drill_parser *p, char c, bool *taken);
bool drill_take_word(struct drill_parser *p, const char *word, bool *taken);
bool drill_want_char(struct drill_parser *p, char c, const char *where);
bool drill_want_word(struct drill_parser *p, const char *word, const char *where);
/* A number from `least` to `most`, called `what` when it is not one. */
bool drill_want_int(struct drill_parser *p, int64_t least, int64_t most, const char *what, int64_t *value);
/* "PLACE: wanted X, found Y". */
bool drill_unexpected(struct drill_parser *p, const char *wanted);
/* Seconds, with or without a fraction. */
bool drill_want_time(struct drill_parser *p, vt_span *time);
/* Options: one, and what follows when all are known. */
bool drill_set_option(struct drill_options *o, const char *name, const char *value, struct drill_place place,
                      struct drill_error *error);

/* ---- parse_packet.c, parse_tcp_options.c, parse_icmp.c, parse_expr.c ---- */

bool drill_parse_packet(struct drill_parser *p, struct drill_packet **packet);
/* What stands between < and >. */
bool drill_parse_tcp_options(struct drill_parser *p, struct drill_packet *packet);
bool drill_parse_call(struct drill_parser *p, struct drill_call **call);
bool drill_parse_icmp(struct drill_parser *p, struct drill_packet *packet);

/* ---- condition.c ---- */

/* The text without what #ifdef and #ifndef leave out; blanks stand in its place. */
const char *drill_conditions(struct drill_arena *arena, const char *text, size_t len,
                             const char *const *options, unsigned noptions);

#endif

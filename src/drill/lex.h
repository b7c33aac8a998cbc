/* Tokens of a script. Of several that could begin at a place, the longest is taken. */
#ifndef VT_DRILL_LEX_H
#define VT_DRILL_LEX_H

#include "script.h"

enum drill_token_kind {
    TOK_END,
    TOK_WORD,
    TOK_INT,    /* num; a sign belongs to it */
    TOK_HEX,    /* num */
    TOK_FLOAT,  /* text */
    TOK_STRING, /* text, escapes as they stand */
    TOK_SHELL,  /* `text` */
    TOK_CODE,   /* %{text}% */
    TOK_OPTION, /* --text */
    TOK_ELLIPSIS,
    TOK_IPV4,
    TOK_IPV6,
    TOK_CHAR, /* ch: any other */
};

struct drill_token {
    enum drill_token_kind kind;
    struct drill_place place;
    const char *text;
    size_t len;
    int64_t num;
    char ch;
};

struct drill_lexer {
    const char *text;
    size_t len, pos;
    struct drill_place place;
    struct drill_options *options; /* whose definitions replace words */
    struct drill_error *error;
    struct drill_arena *arena;
};

/* The next token. False when there is none that is well formed; the error is told. */
bool drill_lex(struct drill_lexer *lex, struct drill_token *token);
/* After an option's name: its value, up to white space, "" when there is none. */
bool drill_lex_value(struct drill_lexer *lex, const char **value);
/* The token as an error message shows it. */
const char *drill_token_text(struct drill_arena *a, const struct drill_token *token);

#endif

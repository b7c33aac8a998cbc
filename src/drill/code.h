/* Code blocks: the small part of Python that scripts use to look into a connection. */
#ifndef VT_DRILL_CODE_H
#define VT_DRILL_CODE_H

#include "run.h"

typedef __int128 drill_wide; /* holds every field of struct tcp_info, and what is reckoned from it */

enum drill_value_kind {
    DRILL_V_NONE,
    DRILL_V_BOOL, /* i */
    DRILL_V_INT,  /* i */
    DRILL_V_FLOAT,
    DRILL_V_TEXT,
    DRILL_V_TUPLE,
};

struct drill_value {
    enum drill_value_kind kind;
    drill_wide i;
    double f;
    const char *s;
    struct drill_value *item;
    unsigned n;
};

/* ---- code_value.c: false with *why when the operation makes no sense ---- */

bool drill_v_true(const struct drill_value *v);
/* + - * / // % ** & | ^ << >> */
bool drill_v_binary(struct drill_arena *a, const char *op, const struct drill_value *x,
                    const struct drill_value *y, struct drill_value *out, const char **why);
/* < <= == != >= >, "in" */
bool drill_v_compare(const char *op, const struct drill_value *x, const struct drill_value *y, bool *out,
                     const char **why);
/* - + ~ */
bool drill_v_unary(char op, const struct drill_value *x, struct drill_value *out, const char **why);
/* As print() shows it; `quoted`: as a tuple shows its items. */
const char *drill_v_text(struct drill_arena *a, const struct drill_value *v, bool quoted);

/* ---- code_names.c: what the connection says of itself ---- */

struct drill_facts;
/* Asks the descriptor, -1 for none. */
struct drill_facts *drill_facts_new(struct drill_run *r, int fd);
/* The value of a name; false when it is none, or the host does not tell it. */
bool drill_facts_get(const struct drill_facts *f, const char *name, drill_wide *value);

#endif

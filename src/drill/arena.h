/* The memory of one run: taken piece by piece, given back all at once. */
#ifndef VT_DRILL_ARENA_H
#define VT_DRILL_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct drill_chunk;

struct drill_arena {
    struct drill_chunk *chunks;
};

/* Zeroed and aligned for anything. Never NULL: without memory the process ends. */
void *drill_alloc(struct drill_arena *a, size_t size);
char *drill_strndup(struct drill_arena *a, const char *s, size_t len);
char *drill_printf(struct drill_arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *drill_vprintf(struct drill_arena *a, const char *format, va_list ap);
void drill_arena_free(struct drill_arena *a);

/* A place in a script, from 1. */
struct drill_place {
    unsigned line, column;
};

/* What is wrong, told once: the first error stands. */
struct drill_error {
    struct drill_arena *arena;
    bool set;
    bool skip; /* not the host's fault, nor the script's: it asks for what we do not have */
    const char *file;
    struct drill_place place;
    const char *message, *expected, *actual;
};

/* Both return false, so that a function can end with them. */
bool drill_fail(struct drill_error *e, struct drill_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool drill_skip(struct drill_error *e, struct drill_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

#include "arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 16384

struct drill_chunk {
    struct drill_chunk *next;
    size_t used, size;
    _Alignas(max_align_t) unsigned char bytes[];
};

static struct drill_chunk *new_chunk(struct drill_arena *a, size_t size)
{
    struct drill_chunk *c = malloc(sizeof *c + size);

    if (c == NULL) {
        fputs("out of memory\n", stderr);
        abort();
    }
    *c = (struct drill_chunk){.next = a->chunks, .size = size};
    a->chunks = c;
    return c;
}

void *drill_alloc(struct drill_arena *a, size_t size)
{
    struct drill_chunk *c = a->chunks;
    void *p;

    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (c == NULL || c->size - c->used < size)
        c = new_chunk(a, size > CHUNK ? size : CHUNK);
    p = c->bytes + c->used;
    c->used += size;
    return memset(p, 0, size);
}

char *drill_strndup(struct drill_arena *a, const char *s, size_t len)
{
    char *copy = drill_alloc(a, len + 1);

    memcpy(copy, s, len);
    return copy;
}

char *drill_vprintf(struct drill_arena *a, const char *format, va_list ap)
{
    va_list again;
    char *text;
    int len;

    va_copy(again, ap);
    len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    text = drill_alloc(a, len < 0 ? 1 : (size_t)len + 1);
    if (len > 0)
        vsnprintf(text, (size_t)len + 1, format, ap);
    return text;
}

char *drill_printf(struct drill_arena *a, const char *format, ...)
{
    va_list ap;
    char *text;

    va_start(ap, format);
    text = drill_vprintf(a, format, ap);
    va_end(ap);
    return text;
}

void drill_arena_free(struct drill_arena *a)
{
    while (a->chunks != NULL) {
        struct drill_chunk *c = a->chunks;

        a->chunks = c->next;
        free(c);
    }
}

static void set(struct drill_error *e, bool skip, struct drill_place place, const char *format, va_list ap)
{
    if (e->set)
        return;
    e->set = true;
    e->skip = skip;
    e->place = place;
    e->message = drill_vprintf(e->arena, format, ap);
}

bool drill_fail(struct drill_error *e, struct drill_place place, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    set(e, false, place, format, ap);
    va_end(ap);
    return false;
}

bool drill_skip(struct drill_error *e, struct drill_place place, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    set(e, true, place, format, ap);
    va_end(ap);
    return false;
}

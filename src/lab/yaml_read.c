#include "yaml_read.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Memory ---- */

struct vt_arena_block {
    struct vt_arena_block *next;
    max_align_t bytes[];
};

void *vt_arena_alloc(struct vt_arena *a, size_t size)
{
    struct vt_arena_block *b = calloc(1, sizeof *b + size);
    if (b == NULL)
        return NULL;
    b->next = a->blocks;
    a->blocks = b;
    return b->bytes;
}

char *vt_arena_text(struct vt_arena *a, const char *text, size_t len)
{
    char *copy = vt_arena_alloc(a, len + 1);
    if (copy != NULL)
        memcpy(copy, text, len);
    return copy;
}

void vt_arena_free(struct vt_arena *a)
{
    while (a->blocks != NULL) {
        struct vt_arena_block *b = a->blocks;
        a->blocks = b->next;
        free(b);
    }
}

/* ---- Errors ---- */

bool vt_yaml_fail(struct vt_yaml *y, const yaml_node_t *at, const char *format, ...)
{
    va_list ap;
    if (y->err->text[0] != 0)
        return false;
    y->err->line = at != NULL ? (unsigned)at->start_mark.line + 1 : 1;
    y->err->column = at != NULL ? (unsigned)at->start_mark.column + 1 : 1;
    va_start(ap, format);
    vsnprintf(y->err->text, sizeof y->err->text, format, ap);
    va_end(ap);
    return false;
}

/* Edit distance (Levenshtein 1965) of short words; `most` and more are all the same. */
static unsigned distance(const char *a, const char *b, unsigned most)
{
    unsigned row[32], n = (unsigned)strlen(a), m = (unsigned)strlen(b);
    if (n >= 32 || m >= 32)
        return most;
    for (unsigned i = 0; i <= n; i++)
        row[i] = i;
    for (unsigned j = 1; j <= m; j++) {
        unsigned diagonal = row[0];
        row[0] = j;
        for (unsigned i = 1; i <= n; i++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[i];
            if (row[i] + 1 < best)
                best = row[i] + 1;
            if (row[i - 1] + 1 < best)
                best = row[i - 1] + 1;
            row[i] = best;
        }
    }
    return row[n] < most ? row[n] : most;
}

const char *vt_nearest(const char *word, const char *const *words, size_t n)
{
    const char *best = NULL;
    unsigned limit = strlen(word) <= 3 ? 2 : 3, least = limit;
    for (size_t i = 0; i < n; i++) {
        unsigned d = distance(word, words[i], limit);
        if (d < least) {
            least = d;
            best = words[i];
        }
    }
    return best;
}

bool vt_yaml_unknown_key(struct vt_yaml *y, const yaml_node_t *key, const char *where,
                         const char *const *known, size_t n)
{
    const char *word = (const char *)key->data.scalar.value, *near = vt_nearest(word, known, n);
    char list[160] = "";
    if (near != NULL)
        return vt_yaml_fail(y, key, "unknown key '%s' in %s; did you mean '%s'?", word, where, near);
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", known[i]);
    }
    return vt_yaml_fail(y, key, "unknown key '%s' in %s; expected one of: %s", word, where, list);
}

/* ---- Nodes ---- */

const yaml_node_t *vt_yaml_node(struct vt_yaml *y, int index)
{
    return yaml_document_get_node(y->doc, index);
}

static const char *kind_of(const yaml_node_t *node)
{
    switch (node->type) {
    case YAML_SCALAR_NODE: return "a single value";
    case YAML_SEQUENCE_NODE: return "a list";
    case YAML_MAPPING_NODE: return "a mapping";
    default: return "nothing";
    }
}

/* `x:` with nothing behind it. */
static bool is_null(const yaml_node_t *node)
{
    const char *v = (const char *)node->data.scalar.value;
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (*v == 0 || strcmp(v, "~") == 0 || strcmp(v, "null") == 0);
}

static bool key_seen(struct vt_yaml *y, const yaml_node_t *node, const yaml_node_pair_t *until,
                     const char *key)
{
    for (const yaml_node_pair_t *p = node->data.mapping.pairs.start; p < until; p++)
        if (strcmp((const char *)vt_yaml_node(y, p->key)->data.scalar.value, key) == 0)
            return true;
    return false;
}

bool vt_yaml_mapping(struct vt_yaml *y, const yaml_node_t *node, const char *what, vt_yaml_pair_fn *fn,
                     void *ctx)
{
    if (is_null(node))
        return true;
    if (node->type != YAML_MAPPING_NODE)
        return vt_yaml_fail(y, node, "expected %s, a mapping {key: value, ...}, not %s", what, kind_of(node));
    for (const yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = vt_yaml_node(y, p->key), *value = vt_yaml_node(y, p->value);
        const char *text;
        if (key->type != YAML_SCALAR_NODE)
            return vt_yaml_fail(y, key, "expected a key in %s, not %s", what, kind_of(key));
        text = (const char *)key->data.scalar.value;
        if (strlen(text) != key->data.scalar.length)
            return vt_yaml_fail(y, key, "a key in %s holds a NUL", what);
        if (key_seen(y, node, p, text))
            return vt_yaml_fail(y, key, "'%s' stands twice in %s", text, what);
        if (!fn(y, ctx, key, text, value))
            return false;
    }
    return true;
}

bool vt_yaml_list(struct vt_yaml *y, const yaml_node_t *node, vt_yaml_item_fn *fn, void *ctx)
{
    if (is_null(node))
        return true;
    if (node->type != YAML_SEQUENCE_NODE)
        return fn(y, ctx, node);
    for (const yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top; i++)
        if (!fn(y, ctx, vt_yaml_node(y, *i)))
            return false;
    return true;
}

bool vt_yaml_text(struct vt_yaml *y, const yaml_node_t *node, const char *what, const char **text)
{
    if (node->type != YAML_SCALAR_NODE)
        return vt_yaml_fail(y, node, "expected %s, not %s", what, kind_of(node));
    if (strlen((const char *)node->data.scalar.value) != node->data.scalar.length)
        return vt_yaml_fail(y, node, "expected %s, without a NUL", what);
    *text = vt_arena_text(y->arena, (const char *)node->data.scalar.value, node->data.scalar.length);
    return *text != NULL || vt_yaml_fail(y, node, "no memory");
}

bool vt_yaml_number(struct vt_yaml *y, const yaml_node_t *node, const char *what, uint64_t least,
                    uint64_t most, uint64_t *value)
{
    const char *text = "", *p;
    uint64_t v = 0;
    if (!vt_yaml_text(y, node, what, &text))
        return false;
    for (p = text; *p >= '0' && *p <= '9' && p - text < 19; p++)
        v = v * 10 + (uint64_t)(*p - '0');
    if (p == text || *p != 0 || v < least || v > most)
        return vt_yaml_fail(y, node, "expected %s from %llu to %llu, not '%s'", what,
                            (unsigned long long)least, (unsigned long long)most, text);
    *value = v;
    return true;
}

bool vt_yaml_bool(struct vt_yaml *y, const yaml_node_t *node, bool *value)
{
    const char *text = "";
    if (!vt_yaml_text(y, node, "true or false", &text))
        return false;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return vt_yaml_fail(y, node, "expected true or false, not '%s'", text);
    *value = text[0] == 't';
    return true;
}

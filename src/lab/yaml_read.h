/* Reading a YAML document (libyaml's document API) strictly: every mistake is told with line and column and
 * with what was expected; a key that nobody knows is a mistake. */
#ifndef VT_LAB_YAML_READ_H
#define VT_LAB_YAML_READ_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>
#include "topology.h"

/* Memory that is freed all at once. */
struct vt_arena {
    struct vt_arena_block *blocks;
};
void *vt_arena_alloc(struct vt_arena *a, size_t size); /* zeroed; NULL without memory */
char *vt_arena_text(struct vt_arena *a, const char *text, size_t len);
void vt_arena_free(struct vt_arena *a);

struct vt_yaml {
    yaml_document_t *doc;
    struct vt_arena *arena;
    struct vt_topology_error *err;
};

/* Sets the error, at a node (NULL: at the start), unless there is one already. Returns false. */
bool vt_yaml_fail(struct vt_yaml *y, const yaml_node_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A node of the document by its index. */
const yaml_node_t *vt_yaml_node(struct vt_yaml *y, int index);

/* The nearest of `n` words to `word` for a "did you mean"; NULL when none is near. */
const char *vt_nearest(const char *word, const char *const *words, size_t n);

/* Requires a mapping, calls `fn` for each key. Keys are scalars, each at most once. `what` is what the
 * mapping is, for the error. */
typedef bool vt_yaml_pair_fn(struct vt_yaml *y, void *ctx, const yaml_node_t *key_node, const char *key,
                             const yaml_node_t *value);
bool vt_yaml_mapping(struct vt_yaml *y, const yaml_node_t *node, const char *what, vt_yaml_pair_fn *fn,
                     void *ctx);
/* A list, or a single item that stands for a list of one. */
typedef bool vt_yaml_item_fn(struct vt_yaml *y, void *ctx, const yaml_node_t *item);
bool vt_yaml_list(struct vt_yaml *y, const yaml_node_t *node, vt_yaml_item_fn *fn, void *ctx);
/* The key is none of these: the error, with the nearest. */
bool vt_yaml_unknown_key(struct vt_yaml *y, const yaml_node_t *key, const char *where,
                         const char *const *known, size_t n);

/* Scalars: `what` is what was expected. The text is the arena's. */
bool vt_yaml_text(struct vt_yaml *y, const yaml_node_t *node, const char *what, const char **text);
bool vt_yaml_number(struct vt_yaml *y, const yaml_node_t *node, const char *what, uint64_t least,
                    uint64_t most, uint64_t *value);
bool vt_yaml_bool(struct vt_yaml *y, const yaml_node_t *node, bool *value);

#endif

#include "fds.h"

#include <vitro/errno.h>

#define BITS  6
#define SLOTS (1u << BITS)

struct vt_fds_node {
    uint64_t used; /* a bit for each slot that has something */
    uint64_t full; /* and for each below which nothing is free */
    void *slot[SLOTS];
};

void vt_fds_init(struct vt_fds *t, struct vt_core *core, uint32_t max)
{
    const uint32_t most = 1u << (BITS * VT_FDS_LEVELS);

    *t = (struct vt_fds){.core = core, .max = max < most ? max : most};
}

/* Frees what stands above the table without need. */
static void prune(struct vt_fds *t)
{
    struct vt_fds_node *root;

    while ((root = t->root) != NULL) {
        if (root->used == 0)
            t->root = NULL;
        else if (t->levels > 1 && root->used == 1)
            t->root = root->slot[0];
        else
            return;
        t->levels--;
        vt_free(t->core, root, sizeof *root);
    }
}

/* `level` counts from 0 at the leaves. */
static int add(struct vt_fds *t, struct vt_fds_node *node, unsigned level, void *item)
{
    unsigned i = (unsigned)__builtin_ctzll(~node->full);
    uint64_t bit = UINT64_C(1) << i;
    struct vt_fds_node *child;
    int rest;

    if (level == 0) {
        node->slot[i] = item;
        node->used |= bit;
        node->full |= bit;
        return (int)i;
    }
    child = node->slot[i];
    if (child == NULL) {
        child = vt_alloc(t->core, sizeof *child);
        if (child == NULL)
            return -VT_ENOMEM;
        node->slot[i] = child;
        node->used |= bit;
    }
    rest = add(t, child, level - 1, item);
    if (child->used == 0) {
        node->slot[i] = NULL;
        node->used &= ~bit;
        vt_free(t->core, child, sizeof *child);
    }
    if (rest < 0)
        return rest;
    if (child->full == UINT64_MAX)
        node->full |= bit;
    return (int)(i << (BITS * level)) | rest;
}

int vt_fds_add(struct vt_fds *t, void *item)
{
    int fd;

    if (t->count >= t->max)
        return -VT_EMFILE;
    if (t->root == NULL || t->root->full == UINT64_MAX) {
        struct vt_fds_node *root = vt_alloc(t->core, sizeof *root);

        if (root == NULL)
            return -VT_ENOMEM;
        if (t->root != NULL) {
            root->slot[0] = t->root;
            root->used = root->full = 1;
        }
        t->root = root;
        t->levels++;
    }
    fd = add(t, t->root, t->levels - 1, item);
    if (fd < 0)
        prune(t);
    else
        t->count++;
    return fd;
}

void *vt_fds_get(const struct vt_fds *t, int fd)
{
    void *at = t->root;

    if (fd < 0 || at == NULL || (uint32_t)fd >> (BITS * t->levels) != 0)
        return NULL;
    for (unsigned level = t->levels; level-- > 0 && at != NULL;)
        at = ((struct vt_fds_node *)at)->slot[((uint32_t)fd >> (BITS * level)) % SLOTS];
    return at;
}

static void take_out(struct vt_fds *t, struct vt_fds_node *node, unsigned level, uint32_t fd)
{
    unsigned i = (fd >> (BITS * level)) % SLOTS;
    uint64_t bit = UINT64_C(1) << i;
    struct vt_fds_node *child;

    node->full &= ~bit;
    if (level > 0) {
        child = node->slot[i];
        take_out(t, child, level - 1, fd);
        if (child->used != 0)
            return;
        vt_free(t->core, child, sizeof *child);
    }
    node->slot[i] = NULL;
    node->used &= ~bit;
}

void vt_fds_remove(struct vt_fds *t, int fd)
{
    take_out(t, t->root, t->levels - 1, (uint32_t)fd);
    t->count--;
    prune(t);
}

void *vt_fds_first(const struct vt_fds *t)
{
    void *at = t->root;

    for (unsigned level = t->levels; level-- > 0 && at != NULL;) {
        struct vt_fds_node *node = at;

        at = node->slot[__builtin_ctzll(node->used)];
    }
    return at;
}

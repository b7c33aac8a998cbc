/* The table of descriptors: a tree of 64-way nodes, in which the lowest free number is found by looking at
 * one word a level. A node exists only while something is in it, so that the memory follows from what is open
 * and from nothing else.
 */
#ifndef VT_SESSION_FDS_H
#define VT_SESSION_FDS_H

#include "base/core.h"

#define VT_FDS_LEVELS 4 /* 64^4 descriptors at most */

struct vt_fds_node;

struct vt_fds {
    struct vt_core *core;
    struct vt_fds_node *root;
    unsigned levels;
    uint32_t count, max;
};

void vt_fds_init(struct vt_fds *t, struct vt_core *core, uint32_t max);
/* Enters an item (not NULL) under the lowest free number, which it returns; -VT_EMFILE at the cap,
 * -VT_ENOMEM. */
int vt_fds_add(struct vt_fds *t, void *item);
/* NULL when there is none. */
void *vt_fds_get(const struct vt_fds *t, int fd);
/* Takes out an item that is there. */
void vt_fds_remove(struct vt_fds *t, int fd);
/* The item of the lowest number; NULL when the table is empty. */
void *vt_fds_first(const struct vt_fds *t);

#endif

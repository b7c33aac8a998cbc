/* What the files that read a topology share. */
#ifndef VT_LAB_TOPOLOGY_PARSE_H
#define VT_LAB_TOPOLOGY_PARSE_H

#include "topology.h"
#include "yaml_read.h"

struct vt_topology_memory {
    struct vt_topology t;
    struct vt_arena arena;
};

struct vt_topology_reader {
    struct vt_yaml y;
    struct vt_topology *t;
    struct vt_topology_memory *memory;
};

/* A reader within a node or a link. */
struct vt_topology_here {
    struct vt_topology_reader *r;
    struct vt_topology_node *node;
    struct vt_topology_link *link;
    unsigned directions; /* of an impairment: bit 0 forth, bit 1 back */
    bool second;         /* options of links are read twice: what depends on the others, the second time */
};

/* topology.c */
struct vt_topology_node *vt_topology_find(const struct vt_topology *t, const char *name);
/* The same, or NULL with the error "there is no ..." set. */
struct vt_topology_node *vt_topology_need(struct vt_topology_reader *r, const yaml_node_t *at,
                                          const char *name);
void *vt_topology_new(struct vt_topology_reader *r, size_t size);
bool vt_topology_add_pair(struct vt_topology_reader *r, struct vt_topology_pair **list, const yaml_node_t *at,
                          const char *key, const char *value);

/* topology_links.c */
bool vt_topology_take_links(struct vt_topology_reader *r, const yaml_node_t *value);
/* What can only be seen when all is read: addresses and links of each node fit together. */
bool vt_topology_check(struct vt_topology_reader *r);

/* topology_programs.c */
vt_yaml_item_fn vt_topology_take_service, vt_topology_take_run; /* ctx: a struct vt_topology_here */
vt_yaml_item_fn vt_topology_take_forward;                       /* ctx: the reader */
bool vt_topology_take_socks(struct vt_topology_reader *r, const yaml_node_t *value);

#endif

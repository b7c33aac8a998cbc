/* A topology file (docs/TOPOLOGY.md): read, checked whole, and built.
 *
 * Reading finds every mistake that can be found without building, with its place; building makes a lab of it.
 * What reaches outside (forwards, SOCKS, TAPs) is only told: whoever runs the lab in real time opens it.
 */
#ifndef VT_LAB_TOPOLOGY_H
#define VT_LAB_TOPOLOGY_H

#include <vitro/lab.h>
#include "physical/impair.h"

#define VT_TOPOLOGY_BYTES (1u << 20) /* of a file, at most */
#define VT_TOPOLOGY_ADDRS 256        /* addresses of one node, at most */

struct vt_topology_error {
    unsigned line, column; /* from 1; 0: of the whole */
    char text[320];
};

/* A program that runs with the lab. */
struct vt_topology_program {
    struct vt_topology_program *next;
    int argc;
    const char **argv;
    const char *root;  /* NULL: no files */
    const char *input; /* NULL: empty */
    bool service;      /* of `serve`, not `run` */
    bool live;         /* an http server that shows the lab's page */
    unsigned line, column;
};

struct vt_topology_pair {
    struct vt_topology_pair *next;
    const char *key, *value;
    unsigned line, column;
};

struct vt_topology_node {
    struct vt_topology_node *next;
    const char *name;
    enum vt_node_kind kind;
    unsigned naddrs, nlinks;
    const char *addr[VT_TOPOLOGY_ADDRS];
    const char *gateway;              /* NULL: none said */
    struct vt_topology_pair *sysctls; /* name, number */
    struct vt_topology_pair *routes;  /* "10.2.0.0/16", gateway */
    struct vt_topology_program *programs;
    uint64_t storm, burst, ageing, table, quota; /* of a switch; ageing in seconds */
    unsigned line, column;
};

struct vt_topology_link {
    struct vt_topology_link *next;
    struct vt_topology_node *end[2];
    struct vt_impair impair[2];      /* forth, back */
    struct vt_topology_pair *faults; /* key: "both", "forth", "back" */
    uint32_t mtu;                    /* 0: 1500 */
    unsigned line, column;
};

/* "127.0.0.1:8001 -> b:80 via c" */
struct vt_topology_forward {
    struct vt_topology_forward *next;
    struct vt_addr listen;
    const char *host; /* a node or a name */
    uint16_t port;
    const char *via; /* NULL: from the target itself */
    bool page;       /* the target is the lab's own live page: its connections are marked */
    unsigned line, column;
};

struct vt_topology {
    const char *file; /* as named in errors */
    const char *dir;  /* where relative paths start; "" for the current directory */
    const char *name; /* NULL: not said */
    bool has_seed, capture;
    uint64_t seed;
    struct vt_topology_node *nodes;
    struct vt_topology_link *links;
    struct vt_topology_pair *names; /* name, address */
    struct vt_topology_pair *taps;  /* device, switch */
    struct vt_topology_forward *forwards;
    bool socks;
    struct vt_addr socks_listen;
    const char *socks_from;
    void *memory;
};

/* Reads a topology text; `file` names it in errors and says where relative paths start. NULL with *err set.
 */
struct vt_topology *vt_topology_parse(const char *text, size_t len, const char *file,
                                      struct vt_topology_error *err);
/* The same of a file. */
struct vt_topology *vt_topology_read(const char *path, struct vt_topology_error *err);
void vt_topology_free(struct vt_topology *t);
/* Another forward, written as in the file; it takes the place of those to the same target. And another place
 * for the SOCKS port, "none" for none. False with *err set. */
bool vt_topology_set_forward(struct vt_topology *t, const char *text, struct vt_topology_error *err);
bool vt_topology_set_socks(struct vt_topology *t, const char *text, struct vt_topology_error *err);
/* The lab that is built in (docs/TOPOLOGY.md shows it). */
extern const char vt_topology_default[];

/* Builds it. `config` as for vt_lab_new(). NULL with *err set. */
struct vt_lab *vt_topology_build(const struct vt_topology *t, const struct vt_lab_config *config,
                                 struct vt_topology_error *err);

#endif

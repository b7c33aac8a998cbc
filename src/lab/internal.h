/* The inside of a lab, for the files of this folder.
 *
 * The clock is a heap of items ordered by (time, node, kind, number): a cable's end that will have a frame, a
 * node that wants to be polled, a program that wants to be woken. The order has no ties, so that a run in
 * virtual time is a function of topology, programs and seed.
 */
#ifndef VT_LAB_INTERNAL_H
#define VT_LAB_INTERNAL_H

#include <vitro/lab.h>
#include "application/application.h"
#include "host/host.h"
#include "physical/cable.h"

#define VT_LAB_NAME      64   /* bytes of a node's name, with its 0 */
#define VT_LAB_LISTENERS 64   /* who may listen at once */
#define VT_LAB_EXITS     1024 /* exit codes remembered */
/* Steps at one instant after which the clock is moved on by a microsecond, so that a loop of perfect cables
 * (a storm takes no time there) cannot stop it for ever. Each time halves the limit, down to the least, until
 * the clock has moved on by a millisecond without. */
#define VT_LAB_INSTANT_STEPS 200000
#define VT_LAB_INSTANT_LEAST 64

enum vt_lab_kind {
    VT_ITEM_END,  /* a frame comes out of a cable */
    VT_ITEM_NODE, /* a node is to be polled */
    VT_ITEM_PROC, /* a program is to be stepped */
};

/* An entry of the clock's pairing heap (Fredman and others, 1986); it lies in what it wakes. */
struct vt_lab_item {
    vt_time when;
    uint32_t node, number;
    enum vt_lab_kind kind;
    bool queued;
    struct vt_lab_item *child, *next, *prev; /* prev: the elder sibling, or the parent of the eldest */
};

void vt_lab_heap_push(struct vt_lab_item **root, struct vt_lab_item *item);
void vt_lab_heap_remove(struct vt_lab_item **root, struct vt_lab_item *item);

struct vt_lab_node;
struct vt_lab_link;

struct vt_lab_end {
    struct vt_lab_item item; /* first: items are cast back */
    struct vt_lab_node *node;
    struct vt_lab_link *link;
    unsigned side;                 /* which end of the cable: 0 or 1 */
    uint32_t port;                 /* the port or interface that it is plugged into */
    bool fired;                    /* its frame is due: ask the cable again after the node's poll */
    struct vt_lab_end *next_fired; /* of its node */
};

struct vt_lab_link {
    struct vt_lab *lab;
    uint32_t number;
    struct vt_cable *cable;
    char name[2 * VT_LAB_NAME + 16];
    struct vt_lab_end end[2];
};

/* A device plugged into a switch from outside. */
struct vt_lab_device {
    struct vt_device *dev;
    struct vt_lab_node *node;
    struct vt_lab_device *next;
};

/* Who is told when an epoll set of a host has something ready. */
struct vt_lab_watch {
    struct vt_lab_watch *next;
    int epfd;
    void (*ready)(void *ctx);
    void *ctx;
};

struct vt_lab_node {
    struct vt_lab_item item; /* first */
    struct vt_lab *lab;
    uint32_t number;
    enum vt_node_kind kind;
    char name[VT_LAB_NAME];
    struct vt_host *host; /* hosts and routers */
    struct vt_switch *sw; /* switches */
    struct vt_core core;  /* of a switch */
    struct vt_lab_end *fired;
    struct vt_lab_watch *watches;
};

struct vt_lab_process {
    struct vt_lab_item item; /* first */
    struct vt_process p;
    struct vt_lab_node *node;
    struct vt_lab_stdio io;
    struct vt_lab_watch watch;
    struct vt_lab_process *next, *next_ready;
    int number;
    bool started, ready;
    int argc;
    char **argv;
    size_t argv_size; /* bytes of the one block that argv is */
    void *root;       /* files.c's */
    /* Standard input is read ahead while the program wants it, so that it is stepped only when there is some.
     */
    unsigned in_from, in_to;
    bool in_eof, in_eof_told;
    char in[512];
};

struct vt_lab {
    struct vt_core core; /* node 0: the lab itself, and its cables */
    char name[VT_LAB_NAME];
    uint64_t seed;
    bool real, capture, running;
    bool sums_portable;
    struct vt_allocator user; /* where memory really comes from; core.mem counts */
    size_t bytes;
    struct vt_stream stream;
    struct vt_lab_item *heap;
    uint64_t instant_steps, instant_limit;
    vt_time pushed_at; /* when the clock was last moved on so */

    struct vt_lab_node **node; /* node[number - 1] */
    uint32_t nnodes, nodes_cap;
    struct vt_lab_link **link; /* link[number - 1] */
    uint32_t nlinks, links_cap;
    struct vt_lab_device *devices;
    struct vt_lab_name *names;

    struct vt_lab_process *processes, *ready, **ready_tail;
    int last_process;
    struct {
        int number, status;
    } exits[VT_LAB_EXITS];
    unsigned nexits;
    uint64_t unix_base; /* seconds since 1970 at time 0 */

    unsigned nlisteners;
    struct vt_listener listener[VT_LAB_LISTENERS];
    uint64_t hash;
    uint8_t *topology; /* records kept for late listeners */
    size_t topology_len, topology_cap;
};

struct vt_lab_name {
    struct vt_lab_name *next;
    struct vt_ip ip;
    char name[256];
};

/* lab.c */
struct vt_lab_node *vt_lab_node(const struct vt_lab *lab, const char *name);
/* Topology events made between the two are also kept for late listeners. */
void vt_lab_record_begin(struct vt_lab *lab);
void vt_lab_record_end(struct vt_lab *lab);
/* Grows an array of pointers that is full. -VT_ENOMEM. */
int vt_lab_grow(struct vt_lab *lab, void ***array, uint32_t n, uint32_t *cap);

/* clock.c */
/* Has the item due at `when`, or earlier if it already was. */
void vt_lab_due(struct vt_lab *lab, struct vt_lab_item *item, vt_time when);
void vt_lab_not_due(struct vt_lab *lab, struct vt_lab_item *item);
/* The cable's wake function; ctx is the link. */
void vt_lab_cable_wake(void *ctx, struct vt_cable *c, unsigned end, vt_time when);

/* process.c */
void vt_lab_process_step(struct vt_lab *lab); /* the first of the ready ones */
void vt_lab_process_ready(struct vt_lab_process *proc);
void vt_lab_process_free_all(struct vt_lab *lab);
/* The function for vt_sockets_on_ready(); ctx is the node. */
void vt_lab_on_ready(void *ctx, int epfd);

#endif

/* What the readers share: the topology, and the connections with both their ends paired.
 *
 * Caps: VT_MODEL_NODES nodes, VT_MODEL_PORTS ports, VT_MODEL_LINKS links, VT_MODEL_ADDRS addresses. What
 * comes beyond them has no name ("node 70000") and is counted in `refused`. Of VT_MODEL_CONNS connections and
 * listeners, and as many pairs, an old closed one gives way to a new one, or, when none is closed, an old
 * one; `evicted` counts them.
 */
#ifndef VT_LENS_MODEL_H
#define VT_LENS_MODEL_H

#include "out.h"
#include "trace.h"

#define VT_MODEL_NODES 65536u
#define VT_MODEL_PORTS 262144u
#define VT_MODEL_LINKS 131072u
#define VT_MODEL_ADDRS 131072u
#define VT_MODEL_CONNS 4096u
#define VT_NAME        32
#define VT_SETTING     128

/* The number of a node that is none of the lab's. */
#define VT_OUTSIDE UINT32_MAX

struct vt_mnode {
    bool known;
    uint8_t kind; /* enum vt_node_kind */
    char name[VT_NAME];
};
struct vt_mport {
    uint32_t node, index;
    uint32_t link; /* the number of the cable plugged in, 0: none */
    uint32_t mtu;
    uint8_t mac[6];
    char name[VT_NAME];
};
struct vt_mlink {
    uint32_t which; /* 0: unknown */
    uint32_t node[2], port[2];
    char name[2 * VT_NAME];
    char setting[2][VT_SETTING]; /* impairments of the way that begins at either end, "" for none */
    vt_time since;
};
struct vt_maddr {
    uint8_t ip[16];
    uint8_t prefix;
    uint32_t node, iface;
};

/* A connection or listener of one node. */
struct vt_mconn {
    uint32_t node, conn; /* conn 0: a free slot */
    uint8_t local[16], remote[16];
    uint16_t lport, rport;
    uint8_t state; /* enum vt_tcp_state */
    uint8_t side;  /* which end of its pair it is */
    uint32_t mark;
    uint32_t pair;  /* slot, VT_NO_SLOT: none */
    vt_time since;  /* when its state was entered */
    vt_ref last_tx; /* its last segment, while the next state change may still belong to it */
};

/* One end of a pair, and what it has sent. */
struct vt_mend {
    uint32_t node; /* or VT_OUTSIDE */
    uint32_t conn; /* slot of the connection, VT_NO_SLOT: not yet, or no longer, there */
    uint8_t ip[16];
    uint16_t port;
    bool was; /* it had a connection */
    bool have_isn, have_syn, have_fin, have_next, have_ack;
    uint32_t isn,
        fin; /* sequence numbers of its SYN (without have_syn: one below the first seen) and of its FIN */
    uint32_t next;                   /* one past the last it sent */
    uint32_t ack;                    /* the last number it acknowledged */
    uint32_t wnd;                    /* the window that it offered with it */
    uint64_t segments, bytes, again; /* sent; segments sent again */
};

/* A connection, both ends. end[0] opened it. */
struct vt_pair {
    uint64_t id; /* from 1, never used again; 0: a free slot */
    struct vt_mend end[2];
    bool hidden; /* one of its ends is marked VT_MARK_PAGE */
    bool have_v;
    bool three;     /* the other's FIN was also the first to acknowledge the closer's */
    uint8_t closer; /* the end that sent the first FIN; 2: none yet */
    uint8_t told;   /* what a ladder has said of it: bits of its own */
    uint32_t v;     /* the number of the segment that acknowledged the closer's FIN alone */
    vt_time opened;
};

struct vt_model {
    struct vt_mnode *node; /* by number */
    struct vt_mport *port;
    struct vt_mlink *link; /* by number */
    struct vt_maddr *addr;
    struct vt_mconn *conn;
    struct vt_pair *pair;
    uint32_t nnodes, cap_nodes, nports, cap_ports, nlinks, cap_links, naddrs, cap_addrs;
    uint32_t next_conn, next_slot; /* where the search for a slot begins */
    struct vt_index by_port, by_addr, by_conn, by_pair;
    uint64_t last_pair; /* the number given last */
    uint64_t refused, evicted, gaps;
    bool again; /* the TCP_TX taken in last sent nothing new, or less than it holds */
    /* Told when a pair turns out to be hidden. May be NULL. */
    void (*hid)(void *ctx, uint64_t pair_id);
    void *ctx;
};

/* False without memory. */
bool vt_model_init(struct vt_model *m);
void vt_model_fini(struct vt_model *m);
/* Takes in what an event tells of topology and connections. `ref`: the event's in a trace, or 0. */
void vt_model_event(struct vt_model *m, const struct vt_event *ev, const void *extra, vt_ref ref);

const struct vt_mnode *vt_model_node(const struct vt_model *m, uint32_t id); /* NULL: unknown */
const struct vt_mport *vt_model_port(const struct vt_model *m, uint32_t node,
                                     uint32_t index);                           /* NULL: unknown */
const struct vt_mlink *vt_model_link(const struct vt_model *m, uint32_t which); /* NULL: unknown */
/* Which way a LINK_SET speaks of: 0 from the cable's first end, 1 from its second. */
unsigned vt_model_way(const struct vt_mlink *link, const struct vt_event *ev);
/* The cable at a port, NULL for none. */
const struct vt_mlink *vt_model_link_at(const struct vt_model *m, uint32_t node, uint32_t port);
/* The node that has this address, or VT_OUTSIDE. Loopback addresses are of `self`. */
uint32_t vt_model_owner(const struct vt_model *m, const uint8_t ip[16], uint32_t self);
/* Cables on the shortest way between two nodes; 0: none, or the same node. */
unsigned vt_model_hops(const struct vt_model *m, uint32_t from, uint32_t to);
/* A node's name: its own, "node 7", or "outside". Returns buf. */
const char *vt_model_name(const struct vt_model *m, uint32_t id, char buf[VT_NAME]);

struct vt_mconn *vt_model_conn(const struct vt_model *m, uint32_t node, uint32_t conn); /* NULL: unknown */
/* The pair that a TCP_TX or TCP_RX belongs to, after the event was taken in, and which end sent it. NULL:
 * none. */
struct vt_pair *vt_model_seg_pair(const struct vt_model *m, const struct vt_event *ev, unsigned *sender);
struct vt_pair *vt_model_pair(const struct vt_model *m, uint32_t slot, uint64_t id); /* NULL: gone */
static inline uint32_t vt_model_slot(const struct vt_model *m, const struct vt_pair *p)
{
    return (uint32_t)(p - m->pair);
}
/* The state of an end, as its node told it; before it has a connection, that of a listener there, or CLOSED;
 * -1 for a peer outside. */
int vt_model_state(const struct vt_model *m, const struct vt_pair *p, unsigned side);

/* Of the model's own files. */
void vt_model_topology(struct vt_model *m, const struct vt_event *ev, const void *extra);
uint32_t vt_model_hash_ip(const uint8_t ip[16], uint64_t with);

#endif

/* Two hosts in one process, joined by a wire that is nothing but a ring of pointers each way. */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include <vitro/device.h>
#include <vitro/host.h>

#include "bench.h"

#define WIRE_FRAMES 4096

struct wire_way {
    struct vt_pbuf *frame[WIRE_FRAMES];
    unsigned put, got;
};

struct wire_end {
    struct vt_device dev;
    struct wire_way *out, *in;
};

struct pair_config {
    bool sums;    /* checksums are computed and verified; else the wire takes them for granted */
    bool gso;     /* super-segments cross whole */
    bool eth;     /* Ethernet frames and ARP; else bare IP packets */
    bool stock;   /* all knobs as they come; else no timestamps, so that a segment has 1,460 bytes */
    uint32_t mtu; /* 0: 1500 */
};

struct pair {
    struct vt_host *a, *b;
    struct wire_end end[2];
    struct wire_way way[2];
    struct vt_pool *pool;
    vt_time now;
    bool real; /* the clock is the system's; else it moves a microsecond a turn */
};

/* a is 10.0.0.1, b is 10.0.0.2. Ends the program on any failure. */
void pair_init(struct pair *p, const struct pair_config *config);
void pair_fini(struct pair *p);
/* Reads the arguments --sums --gso --eth --stock --mtu. */
struct pair_config pair_args(int argc, char **argv);
/* One turn of both hosts. */
void pair_turn(struct pair *p);
/* A connection: listens on b's `port`, connects from a, runs until both ends stand. */
void pair_connect(struct pair *p, uint16_t port, int *from, int *to);
/* Sets an option that is an int; ends the program on failure. */
void pair_setopt(struct vt_host *h, int fd, int level, int name, int value);

#endif

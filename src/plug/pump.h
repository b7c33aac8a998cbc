/* Carrying bytes between a kernel's TCP socket and a lab host's, as if they were one connection: data both
 * ways with back-pressure, each direction ended apart (half close), a reset passed on as a reset. */
#ifndef VT_PLUG_PUMP_H
#define VT_PLUG_PUMP_H

#include "lab/real.h"

#define VT_PUMP_BUF   16384
#define VT_PUMP_CONNS 1024 /* connections of one plug at a time; more wait in the kernel's backlog */

struct vt_plug;

/* One direction: bytes [at, at + len) wait. */
struct vt_pump_way {
    uint32_t at, len;
    bool ended; /* its source has ended */
    bool shut;  /* and its sink was told */
    char buf[VT_PUMP_BUF];
};

struct vt_pump {
    struct vt_pump *next, *prev;
    struct vt_plug *plug;
    struct vt_real_fd kernel;
    int fd; /* on the lab's host */
    bool connecting;
    bool done;
    struct vt_pump_way in;  /* kernel to lab */
    struct vt_pump_way out; /* lab to kernel */
};

/* What is common to the plugs that carry connections from a kernel's listener to one of the lab's hosts. */
struct vt_plug {
    struct vt_real *real;
    struct vt_lab *lab;
    const char *host_name; /* where the lab's ends of the connections are */
    struct vt_host *host;
    int epfd;
    struct vt_real_fd listener;
    struct vt_real_task task;
    struct vt_pump *pumps;
    unsigned npumps;
    bool paused; /* not accepting */
    uint32_t mark;
    uint64_t accepted, refused; /* connections so far; those to which the lab's side said no */
    /* A connection was accepted: starts what comes before the pumping. Takes the descriptor. */
    void (*accept)(struct vt_plug *plug, int fd);
    /* What else is to be done for a pump whose lab side is not connected; NULL: nothing. The connection has
     * come about (err 0) or failed. Returns false when the pump was ended. */
    bool (*connected)(struct vt_pump *pump, int err);
    /* Connections not yet pumps count too. */
    unsigned waiting;
};

/* Listens on an address of the kernel's. 0, or a negative errno, with nothing left open. */
int vt_plug_open(struct vt_plug *plug, struct vt_real *real, const char *host, const struct vt_addr *listen);
/* Stops accepting; connections end in order. */
void vt_plug_stop(struct vt_plug *plug);
/* Resets what is left, and closes. */
void vt_plug_close(struct vt_plug *plug);

/* Connects from the plug's host to `to`, and pumps between that and `kernel_fd`, which it takes. NULL, the
 * descriptor still the caller's, with *err negative (VT_). */
struct vt_pump *vt_pump_start(struct vt_plug *plug, int kernel_fd, const struct vt_addr *to, int *err);
/* Moves what can be moved. The pump may be gone afterwards. */
void vt_pump_run(struct vt_pump *pump);
/* Ends it; `reset`: both sides see a reset. */
void vt_pump_end(struct vt_pump *pump, bool reset);
/* Closes a kernel descriptor so that its peer sees a reset. */
void vt_kernel_reset(int fd);

#endif

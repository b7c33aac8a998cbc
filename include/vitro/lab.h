/* A lab: hosts, switches, routers and cables under one clock.
 *
 * In virtual time the next thing happens at once, and a run is a function of topology, programs and seed. In
 * real time the same lab is driven by the system's clock.
 */
#ifndef VITRO_LAB_H
#define VITRO_LAB_H

#include <vitro/device.h>
#include <vitro/event.h>
#include <vitro/host.h>

struct vt_lab;
struct vt_program;
struct vt_process;

struct vt_lab_config {
    const char *name; /* NULL: "lab" */
    uint64_t seed;
    struct vt_allocator mem; /* zeroed: malloc and free */
    bool real;     /* the clock is the system's: the stream then counts losses instead of stalling */
    size_t events; /* bytes of the event ring, 0: 1 MiB */
    bool sums_portable;
};

/* NULL without memory. Free ends all programs, frees all hosts and cables. */
struct vt_lab *vt_lab_new(const struct vt_lab_config *config);
void vt_lab_free(struct vt_lab *lab);

/* ---- Building ---- */

/* Names are unique among hosts, routers and switches. Each returns NULL (no memory) or -VT_EEXIST, -VT_EINVAL
 * by `*err`, which may be NULL. */
struct vt_host *vt_lab_add_host(struct vt_lab *lab, const char *name, bool router, int *err);
int vt_lab_add_switch(struct vt_lab *lab, const char *name);
/* Joins two nodes by a cable; `addr_a` and `addr_b` ("10.0.0.1/24" or NULL) are for the interfaces of hosts.
 * `impair` is in tc's words, for both directions, or NULL. The cable is called "a-b" ("a-b.2" for the
 * second). Returns its number, from 1; -VT_ENOENT (no such node), -VT_EINVAL (impairment), -VT_EEXIST
 * (address). */
int vt_lab_add_link(struct vt_lab *lab, const char *a, const char *addr_a, const char *b, const char *addr_b,
                    const char *impair);
/* Plugs a device into a switch as a port (a TAP, a VM); the lab closes it. */
int vt_lab_add_device(struct vt_lab *lab, const char *sw, struct vt_device *dev);
/* A name that every host resolves, those added later too. */
int vt_lab_add_name(struct vt_lab *lab, const char *name, struct vt_ip ip);

struct vt_host *vt_lab_host(struct vt_lab *lab, const char *name); /* NULL: none */

/* ---- Faults ---- */

/* Which direction of a cable: from its first-named node to its second, back, or both. */
enum vt_direction {
    VT_DIR_BOTH,
    VT_DIR_FORTH,
    VT_DIR_BACK,
};
/* A cable by name: "a-s1", or "s1-a" (FORTH is then from s1 to a). 0 when there is none; `*flipped` tells
 * that it was named backwards. */
unsigned vt_lab_find_link(struct vt_lab *lab, const char *name, bool *flipped);
/* Changes the impairments named in `text` (tc's words, "cut", "heal", "clear"). -VT_EINVAL with `*where` and
 * `*expected`, both may be NULL. */
int vt_lab_impair(struct vt_lab *lab, unsigned link, enum vt_direction dir, const char *text, size_t *where,
                  const char **expected);
/* A targeted fault: "drop 3rd ack", "delay 1st synack 500ms" (src/physical/impair.h). */
int vt_lab_fault(struct vt_lab *lab, unsigned link, enum vt_direction dir, const char *text, size_t *where,
                 const char **expected);

/* ---- Programs ---- */

/* Starts a program of the house on a host, at the next step. Output goes to `out` (NULL: nowhere), input
 * comes from `in` (NULL: an empty input). Returns its number, from 1, or an error. */
struct vt_lab_stdio {
    long (*read)(void *ctx, void *buf, size_t len);
    long (*write)(void *ctx, int fd, const void *buf, size_t len);
    void (*exited)(void *ctx, int status); /* may be NULL */
    void *ctx;
};
int vt_lab_spawn(struct vt_lab *lab, const char *host, int argc, const char *const *argv,
                 const struct vt_lab_stdio *io);
/* Asks it to end (Ctrl-C). */
void vt_lab_stop(struct vt_lab *lab, int program);
/* True when it has ended; `*status` is its exit code. */
bool vt_lab_exited(struct vt_lab *lab, int program, int *status);
/* Its input or output became ready again: step it. */
void vt_lab_kick(struct vt_lab *lab, int program);

/* ---- Running ---- */

vt_time vt_lab_now(const struct vt_lab *lab);
/* Virtual time: runs until `until`, or until nothing is left to happen. Returns the time reached. */
vt_time vt_lab_run(struct vt_lab *lab, vt_time until);
/* The same until `stop` returns true (asked after each step), at most until `until`. True when it did. */
bool vt_lab_run_until(struct vt_lab *lab, vt_time until, bool (*stop)(void *ctx), void *ctx);
/* Real time: does all that is due at `now`; returns when to be called again at the latest. */
vt_time vt_lab_step(struct vt_lab *lab, vt_time now);

/* ---- Seeing ---- */

int vt_lab_listen(struct vt_lab *lab, struct vt_listener l);
void vt_lab_unlisten(struct vt_lab *lab, struct vt_listener l);
/* Frames' bytes in PORT_TX and PORT_RX events; super-segments then no longer cross whole. */
void vt_lab_capture(struct vt_lab *lab, bool on);
void vt_lab_drain_events(struct vt_lab *lab);
/* SipHash (key 0) of every event record and extra byte so far, when somebody listens. */
uint64_t vt_lab_hash(const struct vt_lab *lab);
/* Bytes of memory held, and buffers out of the pool: what a lab at rest must return to. */
struct vt_lab_memory {
    size_t bytes, pbufs, blocks;
};
struct vt_lab_memory vt_lab_memory(const struct vt_lab *lab);

#endif

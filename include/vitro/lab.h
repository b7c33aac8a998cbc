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
struct vt_file_api;

struct vt_lab_config {
    const char *name; /* NULL: "lab" */
    uint64_t seed;
    struct vt_allocator mem; /* zeroed: malloc and free */
    bool real;      /* the clock is the system's: the stream then counts losses instead of stalling */
    size_t events;  /* bytes of the event ring, 0: 1 MiB */
    size_t buffers; /* bytes of packets at most, 0: 1 GiB; what finds no room is dropped (NO_MEMORY) */
    bool sums_portable;
    const struct vt_crypto *crypto; /* of every host; NULL: no signed TCP */
    uint64_t unix_time; /* seconds since 1970 at time 0, for programs that need a date; 0: VT_LAB_EPOCH */
};

#define VT_LAB_EPOCH UINT64_C(1767225600) /* 2026-01-01 00:00:00 UTC */

/* NULL without memory. Free ends all programs (their `exited` is not called), frees all hosts and
 * cables; listeners hear what happened before it, and nothing of it. */
struct vt_lab *vt_lab_new(const struct vt_lab_config *config);
void vt_lab_free(struct vt_lab *lab);

/* ---- Building ---- */

/* Names are unique among hosts, routers and switches. Each returns NULL (no memory) or -VT_EEXIST, -VT_EINVAL
 * by `*err`, which may be NULL. */
struct vt_host *vt_lab_add_host(struct vt_lab *lab, const char *name, bool router, int *err);
int vt_lab_add_switch(struct vt_lab *lab, const char *name);
/* The same with other values than usual; 0 in a field is the usual. */
struct vt_lab_switch {
    vt_span ageing;      /* of an address that was learned: 300 s */
    uint32_t table_max;  /* addresses known: 1024 */
    uint32_t port_quota; /* addresses learned at one port: 256 */
    uint32_t
        storm_rate; /* storm control: broadcast, multicast and unknown frames a second and port; 0: none */
    uint32_t storm_burst; /* a tenth of it, at least 10 */
};
int vt_lab_add_switch_with(struct vt_lab *lab, const char *name, const struct vt_lab_switch *config);
/* Joins two nodes by a cable; `addr_a` and `addr_b` ("10.0.0.1/24" or NULL) are for the interfaces of hosts.
 * `impair` is in tc's words, for both directions, or NULL. The cable is called "a-b" ("a-b.2" for the
 * second). Returns its number, from 1; -VT_ENOENT (no such node), -VT_EINVAL (impairment), -VT_EEXIST
 * (address). */
int vt_lab_add_link(struct vt_lab *lab, const char *a, const char *addr_a, const char *b, const char *addr_b,
                    const char *impair);
/* The same for a cable that carries IP packets up to `mtu` bytes, 0: 1500. */
int vt_lab_add_link_mtu(struct vt_lab *lab, const char *a, const char *addr_a, const char *b,
                        const char *addr_b, const char *impair, uint32_t mtu);
/* Plugs a device into a switch as a port (a TAP, a VM); the lab closes it. */
int vt_lab_add_device(struct vt_lab *lab, const char *sw, struct vt_device *dev);
/* A name that every host resolves, those added later too. */
int vt_lab_add_name(struct vt_lab *lab, const char *name, struct vt_ip ip);

/* Storm control of a switch: broadcast, multicast and unknown frames per second and port, 0 for none; `burst`
 * 0: a tenth of it, at least 10. -VT_ENOENT. */
int vt_lab_set_storm(struct vt_lab *lab, const char *sw, uint32_t rate, uint32_t burst);

struct vt_host *vt_lab_host(struct vt_lab *lab, const char *name); /* NULL: none */
/* The i-th node, from 0, in order of creation, and what it is; NULL past the last. */
const char *vt_lab_node_name(const struct vt_lab *lab, unsigned i, enum vt_node_kind *kind);
/* A cable's name; NULL when there is none of that number. */
const char *vt_lab_link_name(const struct vt_lab *lab, unsigned link);

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

/* What a program is given. Zeroed: an empty input, an output that goes nowhere, no files. */
struct vt_lab_stdio {
    /* Bytes, 0 at the end, -VT_EAGAIN: nothing now, and vt_lab_kick() will tell. */
    long (*read)(void *ctx, void *buf, size_t len);
    /* Bytes taken, or -VT_EAGAIN: nothing now, and vt_lab_kick() will tell. */
    long (*write)(void *ctx, int fd, const void *buf, size_t len);
    void (*exited)(void *ctx, int status); /* it has ended; its number is no longer to be used */
    void *ctx;
    bool tty;                        /* standard output is a terminal */
    const struct vt_file_api *files; /* what it may read (src/application/application.h), NULL: nothing */
    void *root;                      /* of `files`; stays the caller's */
    void *hook;                      /* the program's own: for "http" a struct vt_http_hook */
};
/* Starts a program of the house on a host, at the next step. Returns its number, from 1; -VT_ENOENT (no such
 * host or program), -VT_ENOMEM. */
int vt_lab_spawn(struct vt_lab *lab, const char *host, int argc, const char *const *argv,
                 const struct vt_lab_stdio *io);
/* Asks it to end (Ctrl-C). */
void vt_lab_stop(struct vt_lab *lab, int program);
/* Ends it at once, whatever it does: exit code 137. */
void vt_lab_kill(struct vt_lab *lab, int program);
/* True when it has ended; `*status`, which may be NULL, is its exit code (-1 for one of long ago: the last
 * thousand are remembered). */
bool vt_lab_exited(struct vt_lab *lab, int program, int *status);
/* Its input or output became ready again: step it. */
void vt_lab_kick(struct vt_lab *lab, int program);

/* ---- Running ---- */

vt_time vt_lab_now(const struct vt_lab *lab);
/* Virtual time: runs until `until`, at which the clock then stands; for VT_NEVER, until nothing is left to
 * happen. Returns the time reached. */
vt_time vt_lab_run(struct vt_lab *lab, vt_time until);
/* The same until `stop` returns true (asked after each step), at most until `until`. True when it did. */
bool vt_lab_run_until(struct vt_lab *lab, vt_time until, bool (*stop)(void *ctx), void *ctx);
/* Real time: does all that is due at `now`; returns when to be called again at the latest. */
vt_time vt_lab_step(struct vt_lab *lab, vt_time now);
/* To be called before the sockets of a host are used from outside while the lab runs: brings the host's clock
 * up to the lab's, and has it polled at the next step. (vt_lab_run() and vt_lab_run_until() poll every host
 * first.) */
void vt_lab_touch(struct vt_lab *lab, const struct vt_host *h);
/* Calls `ready`, from within a step, when the epoll set `epfd` of a host goes from nothing ready to something
 * ready. -VT_ENOENT, -VT_ENOMEM. */
int vt_lab_watch(struct vt_lab *lab, const char *host, int epfd, void (*ready)(void *ctx), void *ctx);
void vt_lab_unwatch(struct vt_lab *lab, const char *host, int epfd);

/* ---- Seeing ---- */

/* A listener. One that comes late is first told what stands: the NODE, PORT, LINK, LINK_SET and ADDR events
 * of the topology, and a TCP_CONN of its own (id 0, with the state it is in) for each connection and
 * listener. Listeners may not call the lab. -VT_ENOSPC when there are 64. */
int vt_lab_listen(struct vt_lab *lab, struct vt_listener l);
void vt_lab_unlisten(struct vt_lab *lab, struct vt_listener l);
/* Frames' bytes in PORT_TX and PORT_RX events; super-segments then no longer cross whole. */
void vt_lab_capture(struct vt_lab *lab, bool on);
void vt_lab_drain_events(struct vt_lab *lab);
/* A hash of every event so far while somebody listened: SipHash of each record, and of its extra bytes, keyed
 * by the hash before it. */
uint64_t vt_lab_hash(const struct vt_lab *lab);
/* Bytes of memory held, and buffers out of the pool: what a lab at rest must return to. */
struct vt_lab_memory {
    size_t bytes, pbufs, blocks;
};
struct vt_lab_memory vt_lab_memory(const struct vt_lab *lab);

#endif

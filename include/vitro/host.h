/* A host: a whole network stack in one object. It asks the operating system for nothing: time, frames, memory
 * and randomness are handed in.
 *
 *     struct vt_host *h = vt_host_new(&(struct vt_host_config){.name = "a", .seed = 1});
 *     vt_host_attach(h, device, "10.0.0.1/24");
 *     for (;;) {
 *         vt_time next = vt_host_poll(h, now);
 *         ... wait until `next`, or until the device has frames ...
 *     }
 */
#ifndef VITRO_HOST_H
#define VITRO_HOST_H

#include <vitro/crypto.h>
#include <vitro/device.h>
#include <vitro/event.h>
#include <vitro/socket.h>

struct vt_pool;
struct vt_stream;

struct vt_host_config {
    const char *name;               /* kept by copy; NULL: "host" */
    uint64_t seed;                  /* keys, ISNs, ports: give it the system's randomness where it matters */
    const char *profile;            /* TCP's habits and knobs: "linux" (NULL) or "freebsd" */
    struct vt_allocator mem;        /* zeroed: malloc and free of the C library */
    struct vt_pool *pool;           /* NULL: one of its own */
    struct vt_stream *stream;       /* NULL: one of its own, made when somebody listens */
    const struct vt_crypto *crypto; /* for TCP-MD5 and TCP-AO; NULL: those options are refused */
    uint32_t node;                  /* its number in events, 0: 1 */
    vt_time now;                    /* the time at its birth */
    bool router;                    /* forwards packets */
    bool sums_portable;             /* the portable checksum routine, whatever the processor has */
};

/* NULL without memory, or when there is no such profile. */
struct vt_host *vt_host_new(const struct vt_host_config *config);
/* Frees the host and everything in it, without sending. Devices stay the caller's. */
void vt_host_free(struct vt_host *h);

/* Attaches a device as the next interface ("eth0", "eth1", ...) with an address "10.0.0.1/24", or NULL for
 * none. Returns the interface's index, or an error. */
int vt_host_attach(struct vt_host *h, struct vt_device *dev, const char *addr);
/* A second address for interface `index`. */
int vt_host_add_addr(struct vt_host *h, int index, const char *addr);
/* A route, "10.1.0.0/16" or "default", via a gateway on a link, "10.0.0.254". */
int vt_host_add_route(struct vt_host *h, const char *dst, const char *via);

/* Takes the frames that have arrived, runs the timers that are due, sends. Returns when to call again at the
 * latest
 * (`now` itself when there is more to do; VT_NEVER when only a frame or a call can change anything). */
vt_time vt_host_poll(struct vt_host *h, vt_time now);
/* Sends what calls since the last poll have made, without taking frames. Returns as vt_host_poll(). */
vt_time vt_host_flush(struct vt_host *h, vt_time now);

/* Frames, for who writes a device (<vitro/device.h>). A new one is a copy of the bytes, NULL without memory;
 * reading copies out at most `size` bytes and returns how many. */
struct vt_pbuf *vt_frame_new(struct vt_host *h, const void *bytes, size_t len);
size_t vt_frame_len(const struct vt_pbuf *frame);
size_t vt_frame_read(const struct vt_pbuf *frame, void *bytes, size_t size);
void vt_frame_free(struct vt_pbuf *frame);

const char *vt_host_name(const struct vt_host *h);
/* A knob by its sysctl name: "net.ipv4.tcp_keepalive_time". 0, -VT_ENOENT, -VT_EINVAL. */
int vt_host_sysctl_get(struct vt_host *h, const char *name, int64_t *value);
int vt_host_sysctl_set(struct vt_host *h, const char *name, int64_t value);
/* The same as text, for any knob: some have words, "net.ipv4.tcp_congestion_control". Reading writes a text
 * of at most `size` bytes with its end; -VT_ENOSPC. */
int vt_host_sysctl_get_text(struct vt_host *h, const char *name, char *buf, size_t size);
int vt_host_sysctl_set_text(struct vt_host *h, const char *name, const char *text);
/* Adds a listener to the host's own stream. */
int vt_host_listen_events(struct vt_host *h, struct vt_listener l);
/* Hands waiting events to the listeners; vt_host_poll() does so too. */
void vt_host_drain_events(struct vt_host *h);
/* How many packets ended here for this reason (enum vt_drop); all of them for VT_DROP_NONE. */
uint64_t vt_host_drops(const struct vt_host *h, unsigned reason);
uint64_t vt_host_delivered(const struct vt_host *h);
/* Bytes of memory now held, buffers of the pool apart. */
size_t vt_host_memory(const struct vt_host *h);

#endif

/* A lab in real time: one thread, one epoll set. It waits for descriptors and for the lab's next deadline,
 * and does nothing in between. */
#ifndef VT_LAB_REAL_H
#define VT_LAB_REAL_H

#include <vitro/lab.h>

struct vt_real;

/* Work put off to the end of the lab's step, because the lab may not be called from within it. Zeroed but for
 * fn and ctx. */
struct vt_real_task {
    void (*fn)(void *ctx);
    void *ctx;
    bool queued;
    struct vt_real_task *next, **at;
};

/* A descriptor that is waited for. The owner embeds it; `ready` gets the EPOLL* bits of <sys/epoll.h>. */
struct vt_real_fd {
    int fd;
    void (*ready)(void *ctx, uint32_t events);
    void *ctx;
};

/* Opens TAP `name` and plugs it into switch `sw`. The errors of vt_tap_open() (src/physical/tap.h),
 * -VT_ENOENT. Before vt_real_new(). */
int vt_real_add_tap(struct vt_lab *lab, const char *sw, const char *name);
/* The lab must have been made with `real`; its clock starts at 0 with this call. The descriptors of its
 * devices are waited for. NULL with errno set. */
struct vt_real *vt_real_new(struct vt_lab *lab);
/* The lab stays. */
void vt_real_free(struct vt_real *real);
struct vt_lab *vt_real_lab(struct vt_real *real);

/* Starts, changes or ends the waiting for f->fd; removing does not close. 0, or a negative errno. */
int vt_real_add(struct vt_real *real, struct vt_real_fd *f, uint32_t events);
int vt_real_change(struct vt_real *real, struct vt_real_fd *f, uint32_t events);
void vt_real_remove(struct vt_real *real, struct vt_real_fd *f);
/* Has the task run before the next wait. A task may queue itself again: it then runs after the descriptors
 * that are ready have had their turn. */
void vt_real_defer(struct vt_real *real, struct vt_real_task *task);
void vt_real_cancel(struct vt_real *real, struct vt_real_task *task);

/* The clock, and the lab brought up to it: before calling the lab's hosts from a descriptor's function. */
vt_time vt_real_now(struct vt_real *real);
/* `fn` is called for SIGINT, SIGTERM and SIGHUP, which are then blocked. 0, or a negative errno. */
int vt_real_signals(struct vt_real *real, void (*fn)(void *ctx, int signal), void *ctx);
/* Runs until vt_real_stop(), at most until `until` on the lab's clock; returns true when stopped. */
bool vt_real_run(struct vt_real *real, vt_time until);
void vt_real_stop(struct vt_real *real);

#endif

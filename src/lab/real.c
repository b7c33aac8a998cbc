/* The driver of a lab in real time. This file asks the operating system. */
#include "real.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "internal.h"
#include "physical/tap.h"

#define BATCH 64

struct vt_real {
    struct vt_lab *lab;
    vt_time origin; /* CLOCK_MONOTONIC at the lab's time 0 */
    int epoll;
    struct vt_real_fd timer, signals;
    vt_time armed; /* what the timer is set to, VT_NEVER: off */
    struct vt_real_task *tasks, **tasks_tail;
    struct vt_real_fd *devices;
    unsigned ndevices;
    void (*on_signal)(void *ctx, int signal);
    void *signal_ctx;
    bool stopped;
    /* Removed descriptors must not be told of what the same wait had found. */
    struct epoll_event events[BATCH];
    int nevents, event;
};

static vt_time monotonic(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (vt_time)ts.tv_sec * (vt_time)VT_SEC + (vt_time)ts.tv_nsec;
}

static vt_time real_time(const struct vt_real *real)
{
    return monotonic() - real->origin;
}

vt_time vt_real_now(struct vt_real *real)
{
    vt_time now = real_time(real);
    if (now > real->lab->core.now)
        real->lab->core.now = now;
    return real->lab->core.now;
}

struct vt_lab *vt_real_lab(struct vt_real *real)
{
    return real->lab;
}

/* ---- Descriptors ---- */

int vt_real_add(struct vt_real *real, struct vt_real_fd *f, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = f};
    return epoll_ctl(real->epoll, EPOLL_CTL_ADD, f->fd, &ev) < 0 ? -errno : 0;
}

int vt_real_change(struct vt_real *real, struct vt_real_fd *f, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = f};
    return epoll_ctl(real->epoll, EPOLL_CTL_MOD, f->fd, &ev) < 0 ? -errno : 0;
}

void vt_real_remove(struct vt_real *real, struct vt_real_fd *f)
{
    epoll_ctl(real->epoll, EPOLL_CTL_DEL, f->fd, NULL);
    for (int i = real->event + 1; i < real->nevents; i++)
        if (real->events[i].data.ptr == f)
            real->events[i].data.ptr = NULL;
}

static void on_timer(void *ctx, uint32_t events)
{
    struct vt_real *real = ctx;
    uint64_t expirations;
    (void)events;
    if (read(real->timer.fd, &expirations, sizeof expirations) > 0)
        real->armed = VT_NEVER;
}

/* A device has frames: its switch is to be polled. */
static void on_device(void *ctx, uint32_t events)
{
    struct vt_lab_device *d = ctx;
    (void)events;
    vt_lab_due(d->node->lab, &d->node->item, d->node->lab->core.now);
}

static int add_devices(struct vt_real *real)
{
    unsigned n = 0;
    for (struct vt_lab_device *d = real->lab->devices; d != NULL; d = d->next)
        n++;
    real->devices = calloc(n + 1, sizeof *real->devices);
    if (real->devices == NULL)
        return -ENOMEM;
    for (struct vt_lab_device *d = real->lab->devices; d != NULL; d = d->next) {
        struct vt_real_fd *f = &real->devices[real->ndevices];
        int err;
        *f = (struct vt_real_fd){.fd = d->dev->ops->fd(d->dev), .ready = on_device, .ctx = d};
        if (f->fd < 0)
            continue;
        err = vt_real_add(real, f, EPOLLIN);
        if (err < 0)
            return err;
        real->ndevices++;
    }
    return 0;
}

int vt_real_add_tap(struct vt_lab *lab, const char *sw, const char *name)
{
    struct vt_device *dev;
    int err = vt_tap_open(&dev, &lab->core, name);
    if (err < 0)
        return err;
    err = vt_lab_add_device(lab, sw, dev);
    if (err < 0)
        dev->ops->close(dev);
    return err;
}

struct vt_real *vt_real_new(struct vt_lab *lab)
{
    struct vt_real *real = calloc(1, sizeof *real);
    int err;
    if (real == NULL)
        return NULL;
    real->lab = lab;
    real->origin = monotonic() - lab->core.now;
    real->armed = VT_NEVER;
    real->tasks_tail = &real->tasks;
    real->signals.fd = -1;
    real->timer = (struct vt_real_fd){
        .fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), .ready = on_timer, .ctx = real};
    real->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (real->epoll < 0 || real->timer.fd < 0)
        err = -errno;
    else
        err = vt_real_add(real, &real->timer, EPOLLIN);
    if (err == 0)
        err = add_devices(real);
    if (err < 0) {
        vt_real_free(real);
        errno = -err;
        return NULL;
    }
    return real;
}

void vt_real_free(struct vt_real *real)
{
    if (real == NULL)
        return;
    if (real->signals.fd >= 0)
        close(real->signals.fd);
    if (real->timer.fd >= 0)
        close(real->timer.fd);
    if (real->epoll >= 0)
        close(real->epoll);
    free(real->devices);
    free(real);
}

/* ---- Signals ---- */

static void on_signalfd(void *ctx, uint32_t events)
{
    struct vt_real *real = ctx;
    struct signalfd_siginfo info;
    (void)events;
    while (read(real->signals.fd, &info, sizeof info) == (ssize_t)sizeof info)
        real->on_signal(real->signal_ctx, (int)info.ssi_signo);
}

int vt_real_signals(struct vt_real *real, void (*fn)(void *ctx, int signal), void *ctx)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    real->on_signal = fn;
    real->signal_ctx = ctx;
    real->signals = (struct vt_real_fd){
        .fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), .ready = on_signalfd, .ctx = real};
    return real->signals.fd < 0 ? -errno : vt_real_add(real, &real->signals, EPOLLIN);
}

/* ---- Tasks ---- */

void vt_real_defer(struct vt_real *real, struct vt_real_task *task)
{
    if (task->queued)
        return;
    task->queued = true;
    task->next = NULL;
    task->at = real->tasks_tail;
    *real->tasks_tail = task;
    real->tasks_tail = &task->next;
}

void vt_real_cancel(struct vt_real *real, struct vt_real_task *task)
{
    if (!task->queued)
        return;
    *task->at = task->next;
    if (task->next != NULL)
        task->next->at = task->at;
    else
        real->tasks_tail = task->at;
    task->queued = false;
}

/* Runs the tasks that are queued now; what they queue waits for the next time. */
static void run_tasks(struct vt_real *real)
{
    struct vt_real_task mark = {0};
    vt_real_defer(real, &mark);
    while (real->tasks != &mark) {
        struct vt_real_task *task = real->tasks;
        vt_real_cancel(real, task);
        task->fn(task->ctx);
    }
    vt_real_cancel(real, &mark);
}

/* ---- The loop ---- */

static void arm(struct vt_real *real, vt_time when)
{
    struct itimerspec spec = {0};
    vt_time at;
    if (when == real->armed)
        return;
    real->armed = when;
    if (when != VT_NEVER) {
        at = real->origin + when;
        spec.it_value.tv_sec = (time_t)(at / (vt_time)VT_SEC);
        spec.it_value.tv_nsec = (long)(at % (vt_time)VT_SEC);
    }
    timerfd_settime(real->timer.fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void wait_events(struct vt_real *real, int timeout)
{
    real->nevents = epoll_wait(real->epoll, real->events, BATCH, timeout);
    vt_real_now(real);
    for (real->event = 0; real->event < real->nevents; real->event++) {
        const struct epoll_event *ev = &real->events[real->event];
        struct vt_real_fd *f = ev->data.ptr;
        if (f != NULL)
            f->ready(f->ctx, ev->events);
    }
    real->nevents = 0;
}

bool vt_real_run(struct vt_real *real, vt_time until)
{
    real->stopped = false;
    while (!real->stopped) {
        vt_time now = real_time(real), next;
        if (now >= until)
            break;
        next = vt_lab_step(real->lab, now);
        run_tasks(real);
        /* A task may have given a host something to do, or queued another. */
        if (real->tasks != NULL || real->lab->ready != NULL ||
            (real->lab->heap != NULL && real->lab->heap->when <= now))
            next = now;
        else if (real->lab->heap != NULL)
            next = real->lab->heap->when;
        next = vt_time_min(next, until);
        if (real->stopped)
            break;
        if (next > now)
            arm(real, next);
        wait_events(real, next <= now ? 0 : -1);
    }
    return real->stopped;
}

void vt_real_stop(struct vt_real *real)
{
    real->stopped = true;
}

/* A program of the house as a process of its own: the kernel's sockets, clock, input and output. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include "files.h"
#include "kernel_sockets.h"

/* POSIX: a pipe that can be written to takes this many bytes at once without waiting. */
#define WRITE_MAX 4096

/* Signals belong to the process, and so does what they leave behind. */
static volatile sig_atomic_t asked_to_stop;

static void on_signal(int number)
{
    asked_to_stop = 1;
    signal(number, SIG_DFL); /* the second one is not asked */
}

static vt_time clock_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (vt_time)ts.tv_sec * (vt_time)VT_SEC + (vt_time)ts.tv_nsec;
}

static void *zeroed(void *ctx, size_t size)
{
    (void)ctx;
    return calloc(1, size > 0 ? size : 1);
}

static void release(void *ctx, void *p, size_t size)
{
    (void)ctx;
    (void)size;
    free(p);
}

/* Input and output stay in the mode that they came in, since others may share them: readiness is asked for
 * first, and then no more is read or written than cannot block. */
static bool ready(int fd, short events)
{
    struct pollfd pfd = {.fd = fd, .events = events};
    return poll(&pfd, 1, 0) > 0;
}

static long read_input(void *io, void *buf, size_t len)
{
    ssize_t n;
    (void)io;
    if (!ready(STDIN_FILENO, POLLIN))
        return -VT_EAGAIN;
    n = read(STDIN_FILENO, buf, len);
    return n >= 0 ? (long)n : vt_error_from_errno(errno);
}

static long write_output(void *io, int fd, const void *buf, size_t len)
{
    ssize_t n;
    (void)io;
    if (!ready(fd, POLLOUT))
        return -VT_EAGAIN;
    n = write(fd, buf, len < WRITE_MAX ? len : WRITE_MAX);
    return n >= 0 ? (long)n : vt_error_from_errno(errno);
}

/* Sleeps until something is to be done. */
static void wait_for_work(const struct vt_process *p, const sigset_t *unblocked)
{
    struct pollfd fds[4] = {{.fd = p->epfd, .events = POLLIN}};
    struct timespec ts, *timeout = NULL;
    nfds_t n = 1;
    if (p->want_input)
        fds[n++] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    if (p->want_output) {
        /* One of the two is stuck, and which is not told: the one that is free must not make this spin. */
        bool out = ready(STDOUT_FILENO, POLLOUT), err = ready(STDERR_FILENO, POLLOUT);
        if (!out || err)
            fds[n++] = (struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT};
        if (!err || out)
            fds[n++] = (struct pollfd){.fd = STDERR_FILENO, .events = POLLOUT};
    }
    if (p->wake != VT_NEVER) {
        vt_time now = clock_now(), span = p->wake > now ? p->wake - now : 0;
        ts = (struct timespec){(time_t)(span / (vt_time)VT_SEC), (long)(span % (vt_time)VT_SEC)};
        timeout = &ts;
    }
    if (p->stop || asked_to_stop == 0)
        ppoll(fds, n, timeout, unblocked);
}

static void run(struct vt_process *p, const sigset_t *unblocked)
{
    while (!p->done) {
        wait_for_work(p, unblocked);
        p->now = clock_now();
        p->unix_time = (uint64_t)time(NULL);
        p->stop = asked_to_stop != 0;
        p->program->step(p);
    }
}

static void seed(struct vt_rng *rng)
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        random = clock_now();
    vt_rng_seed(rng, random, 0);
}

int vt_kernel_run_with(const struct vt_program *program, int argc, char **argv,
                       const struct vt_kernel_run_options *options)
{
    const struct sigaction act = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    struct sigaction was_int, was_term, was_pipe;
    struct vt_files *files = NULL;
    struct vt_rng rng;
    sigset_t block, was;
    struct vt_process p = {
        .program = program,
        .api = &vt_kernel_api,
        .mem = {zeroed, release, NULL},
        .epfd = -1,
        .rng = &rng,
        .now = clock_now(),
        .unix_time = (uint64_t)time(NULL),
        .read = read_input,
        .write = write_output,
        .tty = isatty(STDOUT_FILENO) == 1,
        .hook = options != NULL ? options->hook : NULL,
    };
    if (options != NULL && options->root != NULL) {
        int err = vt_files_open(&files, options->root);
        if (err < 0) {
            fprintf(stderr, "%s: %s: %s\n", program->name, options->root, vt_strerror(err));
            return 1;
        }
        p.files = &vt_files_api;
        p.root = files;
    }
    seed(&rng);
    asked_to_stop = 0;
    sigemptyset(&block);
    sigaddset(&block, SIGINT);
    sigaddset(&block, SIGTERM);
    sigprocmask(SIG_BLOCK, &block, &was);
    sigaction(SIGINT, &act, &was_int);
    sigaction(SIGTERM, &act, &was_term);
    sigaction(SIGPIPE, &ignore, &was_pipe);
    if (vt_process_start(&p, program, argc, argv) == 0)
        run(&p, &was);
    vt_process_end(&p);
    sigaction(SIGINT, &was_int, NULL);
    sigaction(SIGTERM, &was_term, NULL);
    sigaction(SIGPIPE, &was_pipe, NULL);
    sigprocmask(SIG_SETMASK, &was, NULL);
    vt_files_close(files);
    return p.status;
}

int vt_kernel_run(const struct vt_program *program, int argc, char **argv)
{
    return vt_kernel_run_with(program, argc, argv, NULL);
}

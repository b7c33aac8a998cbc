/* The supervisor of `vitro exec`: starts the program under the filter, serves its calls, and ends with it. */
#include "exec.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "exec_filter.h"
#include "exec_super.h"

/* What the child says before it becomes the program: the listener's number in it, or what failed. */
struct word {
    int listener, error;
    bool ran; /* it was execvp() that failed */
};

static void child(int pipe, pid_t parent, const sigset_t *mask, char **argv)
{
    struct word w = {0};
    char go;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(VT_EXEC_LAB_GONE);
    sigprocmask(SIG_SETMASK, mask, NULL);
    signal(SIGPIPE, SIG_DFL);
    w.listener = vt_exec_filter();
    w.error = w.listener < 0 ? -w.listener : 0;
    if (write(pipe, &w, sizeof w) != (ssize_t)sizeof w || w.error != 0 || read(pipe, &go, 1) != 1)
        _exit(VT_EXEC_LAB_GONE);
    close(w.listener);
    if (argv == NULL)
        _exit(0);
    execvp(argv[0], argv);
    w = (struct word){.error = errno, .ran = true};
    if (write(pipe, &w, sizeof w) < 0)
        _exit(VT_EXEC_LAB_GONE);
    _exit(w.error == ENOENT ? 127 : 126);
}

/* Starts it, up to where it waits for us; *pipe is to be written one byte to. The listener, or a negative
 * errno. */
static int start(pid_t *pid, int *pipe, const sigset_t *mask, char **argv)
{
    int ends[2], listener;
    pid_t me = getpid();
    struct word w;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    *pid = fork();
    if (*pid == 0) {
        close(ends[0]);
        child(ends[1], me, mask, argv);
    }
    close(ends[1]);
    *pipe = ends[0];
    if (*pid < 0)
        return -errno;
    if (read(*pipe, &w, sizeof w) != (ssize_t)sizeof w)
        return -EPIPE;
    if (w.error != 0)
        return -w.error;
    /* Asked for by a call of ours: one of the child's own would itself be held by the filter. */
    listener = vt_super_borrow(*pid, w.listener);
    return listener;
}

int vt_exec_check(void)
{
    sigset_t mask;
    pid_t pid = -1;
    int pipe = -1, listener;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    listener = start(&pid, &pipe, &mask, NULL);
    if (listener >= 0) {
        (void)!write(pipe, "", 1);
        close(listener);
    }
    if (pipe >= 0)
        close(pipe);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return listener < 0 ? -listener : 0;
}

static int open_signals(sigset_t *old)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaddset(&set, signals[i]);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, old) < 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* True when the program has ended. */
static bool reap(pid_t pid, struct vt_exec_status *status)
{
    int how;
    bool ended = false;
    for (pid_t who; (who = waitpid(-1, &how, WNOHANG)) > 0;)
        if (who == pid) {
            ended = true;
            status->code = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
            status->signal = WIFSIGNALED(how) ? WTERMSIG(how) : 0;
        }
    return ended;
}

static bool on_signals(int fd, pid_t pid, struct vt_exec_status *status)
{
    struct signalfd_siginfo info;
    bool ended = false;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
        int number = (int)info.ssi_signo;
        if (number == SIGCHLD)
            ended = reap(pid, status) || ended;
        /* Of a terminal's keys the program hears itself. */
        else if (info.ssi_code <= 0)
            kill(pid, number);
    }
    return ended;
}

/* Whatever processes it has left: we are their parent, when theirs have gone. */
static void kill_rest(pid_t keep)
{
    char path[64];
    for (unsigned round = 0; round < 1000; round++) {
        FILE *f;
        int pid;
        bool any = false;
        snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
        f = fopen(path, "re");
        while (f != NULL && fscanf(f, "%d", &pid) == 1)
            if (pid != keep) {
                any = true;
                kill(pid, SIGKILL);
                waitpid(pid, NULL, 0);
            }
        if (f != NULL)
            fclose(f);
        if (!any)
            return;
    }
}

static void serve(struct vt_super *s, pid_t pid, struct vt_exec_status *status)
{
    bool ended = false;
    while (!ended && !s->lab_gone) {
        struct pollfd p[3] = {{.fd = s->listener, .events = POLLIN},
                              {.fd = s->rpc, .events = POLLIN},
                              {.fd = s->signals, .events = POLLIN}};
        if (poll(p, 3, -1) < 0)
            continue;
        if (p[1].revents != 0)
            vt_super_on_message(s);
        if ((p[0].revents & POLLIN) != 0)
            vt_super_on_call(s);
        if (p[2].revents != 0 || (p[0].revents & POLLHUP) != 0)
            ended = on_signals(s->signals, pid, status);
    }
    if (!ended) {
        status->code = VT_EXEC_LAB_GONE;
        status->how = "the lab has gone";
        status->signal = 0;
    }
}

static struct vt_exec_status failed(int err, const char *how)
{
    return (struct vt_exec_status){.code = VT_EXEC_LAB_GONE, .error = err, .how = how};
}

struct vt_exec_status vt_exec_program(int rpc, char **argv, pid_t keep)
{
    struct vt_exec_status status = {0};
    struct vt_super *s = calloc(1, sizeof *s);
    struct word w;
    sigset_t mask;
    pid_t pid = -1;
    int pipe = -1;
    if (s == NULL || seccomp_notify_alloc(&s->req, &s->resp) != 0) {
        free(s);
        return failed(ENOMEM, "no memory");
    }
    s->rpc = rpc;
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    s->signals = open_signals(&mask);
    s->listener = start(&pid, &pipe, &mask, argv);
    if (s->listener < 0) {
        status = failed(-s->listener, "the system lets no seccomp listener be made");
    } else {
        if (write(pipe, "", 1) != 1 || read(pipe, &w, sizeof w) != (ssize_t)sizeof w)
            w = (struct word){0};
        if (w.error != 0)
            status = (struct vt_exec_status){
                .code = w.error == ENOENT ? 127 : 126, .error = w.error, .how = argv[0]};
        else
            serve(s, pid, &status);
        close(s->listener);
    }
    close(rpc);
    close(pipe);
    if (pid > 0 && status.how != NULL)
        kill(pid, SIGKILL);
    kill_rest(keep);
    close(s->signals);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    vt_super_free(s);
    free(s);
    return status;
}

/* vitro exec: a program of this machine on the sockets of a lab's host. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "cli.h"
#include "plug/control.h"
#include "plug/exec.h"

static const char usage[] =
    "usage: vitro exec [OPTIONS] HOST -- PROGRAM [ARGUMENTS]\n"
    "\n"
    "Runs an unmodified program of this machine on the TCP and UDP of a lab's host, without rights: what it\n"
    "listens on and connects to is in the lab, everything else (files, terminal) is this machine's.\n"
    "docs/PROGRAMS.md tells which programs are known to work, and what is different.\n"
    "\n"
    "  -L, --lab L  in which lab, when several run; a name with a '/' or ending in .yaml is a topology "
    "file:\n"
    "               its lab is started, and ends with the program\n"
    "  --seed N     of that lab's chance\n"
    "\n"
    "The exit code is the program's, and it ends by the same signal. 125: the lab has gone, or the system "
    "does\n"
    "not let it be done (`vitro doctor` tells why); 126 and 127: the program cannot be run, or is not "
    "there.\n";

/* ---- A lab for the length of a program ---- */

static bool is_file(const char *lab)
{
    size_t len = lab != NULL ? strlen(lab) : 0;
    return lab != NULL && (strchr(lab, '/') != NULL || (len > 5 && strcmp(lab + len - 5, ".yaml") == 0));
}

static bool answers(const char *name)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = fd >= 0 && vt_control_path(sa.sun_path, name, false) == 0 &&
               connect(fd, (const struct sockaddr *)&sa, sizeof sa) == 0;
    if (fd >= 0)
        close(fd);
    return yes;
}

/* In a process group of its own: Ctrl-C is the program's, and the lab must outlive it. */
static pid_t start_lab(const char *file, const char *name, const char *seed)
{
    char *argv[9] = {"vitro", "lab", "--quiet", "--name", (char *)(uintptr_t)name, NULL};
    int n = 5;
    pid_t pid;
    if (seed != NULL) {
        argv[n++] = "--seed";
        argv[n++] = (char *)(uintptr_t)seed;
    }
    argv[n] = (char *)(uintptr_t)file;
    pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        execv("/proc/self/exe", argv);
        _exit(VT_EXEC_LAB_GONE);
    }
    for (unsigned i = 0; pid > 0 && i < 2000; i++) {
        struct timespec pause = {.tv_nsec = 5000000};
        if (answers(name))
            return pid;
        if (waitpid(pid, NULL, WNOHANG) == pid)
            return -1;
        nanosleep(&pause, NULL);
    }
    if (pid > 0)
        kill(pid, SIGKILL);
    return -1;
}

static void end_lab(pid_t pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

/* ---- The program ---- */

/* The socket over which its calls go; the lab has the other end. */
static int open_session(const struct cli_verb *verb, const char *lab, const char *host)
{
    struct cli_client *c = cli_connect(verb->name, lab);
    json_t *result = NULL;
    int ends[2] = {-1, -1};
    if (c == NULL)
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        cli_error(verb->name, "%s", strerror(errno));
    else
        result = cli_call_with(c, json_pack("{s:s,s:s}", "do", "exec", "host", host), &ends[1], 1);
    if (ends[1] >= 0)
        close(ends[1]);
    if (result == NULL && ends[0] >= 0) {
        close(ends[0]);
        ends[0] = -1;
    }
    json_decref(result);
    cli_disconnect(c);
    return ends[0];
}

static int explain(const struct cli_verb *verb, const struct vt_exec_status *status)
{
    if (status->how == NULL)
        return status->code;
    if (status->error == EBUSY)
        cli_error(verb->name,
                  "this is under a seccomp listener already (a container, or another vitro exec): "
                  "only one can be");
    else if (status->error != 0)
        cli_error(verb->name, "%s: %s", status->how, strerror(status->error));
    else
        cli_error(verb->name, "%s", status->how);
    return status->code;
}

/* Ends as the program did, so that a shell sees the same. */
static void die_by(int number)
{
    struct rlimit none = {0, 0};
    sigset_t set;
    setrlimit(RLIMIT_CORE, &none);
    signal(number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(number);
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    const char *lab = NULL, *seed = NULL;
    const struct cli_option options[] = {{"lab", 'L', NULL, &lab}, {"seed", 0, NULL, &seed}};
    char name[32];
    struct vt_exec_status status;
    pid_t pid = -1;
    int split = 1, code, rpc;
    while (split < argc && strcmp(argv[split], "--") != 0)
        split++;
    code = split;
    argv[split < argc ? split : argc] = NULL;
    code = cli_options(verb, options, 2, &code, argv);
    if (code >= 0)
        return code;
    if (argv[1] == NULL || argv[2] != NULL || split + 1 >= argc)
        return cli_usage(verb->name, "expected HOST -- PROGRAM [ARGUMENTS]");
    if (seed != NULL && !is_file(lab))
        return cli_usage(verb->name, "--seed is for a lab that this starts: --lab FILE.yaml");
    if (is_file(lab)) {
        snprintf(name, sizeof name, "exec-%d", (int)getpid());
        pid = start_lab(lab, name, seed);
        if (pid < 0)
            return VT_EXEC_LAB_GONE;
        lab = name;
    }
    rpc = open_session(verb, lab, argv[1]);
    if (rpc < 0) {
        end_lab(pid);
        return VT_EXEC_LAB_GONE;
    }
    status = vt_exec_program(rpc, argv + split + 1, pid);
    end_lab(pid);
    code = explain(verb, &status);
    if (status.signal != 0)
        die_by(status.signal);
    return code;
}

const struct cli_verb cli_exec = {.name = "exec",
                                  .summary = "a program of this machine on the sockets of a lab's host",
                                  .usage = usage,
                                  .run = run};

/* vitro echo, http, ping, bulk: programs of the house, on a host of a running lab or over the kernel's
 * sockets. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "application/application.h"
#include "cli.h"
#include "plug/kernel_sockets.h"

static const char common[] =
    "\n"
    "Where it runs:\n"
    "  --on HOST    as which host of the lab (the first)\n"
    "  -L, --lab L  in which lab, when several run\n"
    "  --kernel     over this machine's own sockets instead of a lab's: the same program\n";

struct where {
    const char *lab, *on, *root;
    bool kernel;
};

static int help(const struct vt_program *program)
{
    fputs(program->usage, stdout);
    fputs(common, stdout);
    if (strcmp(program->name, "http") == 0)
        puts("  --root DIR   the files that `serve` shows (none)");
    puts("\nExit codes are the program's; Ctrl-C asks it to stop, a second one ends it.");
    return 0;
}

/* Takes out of the arguments what is not the program's. -1 to go on. */
static int take_where(const struct vt_program *program, struct where *w, int *argc, char **argv)
{
    const struct {
        const char *name;
        const char **value;
    } options[] = {{"--on", &w->on}, {"--lab", &w->lab}, {"-L", &w->lab}, {"--root", &w->root}};
    int others = 1;
    for (int i = 1; i < *argc; i++) {
        bool taken = false;
        if (strcmp(argv[i], "--") == 0) {
            while (i < *argc)
                argv[others++] = argv[i++];
            break;
        }
        if (strcmp(argv[i], "--help") == 0)
            return help(program);
        if (strcmp(argv[i], "--kernel") == 0) {
            w->kernel = true;
            continue;
        }
        for (size_t k = 0; k < sizeof options / sizeof *options && !taken; k++) {
            size_t len = strlen(options[k].name);
            if (strcmp(options[k].name, "--root") == 0 && strcmp(program->name, "http") != 0)
                continue;
            if (strcmp(argv[i], options[k].name) == 0) {
                if (i + 1 == *argc)
                    return cli_usage(program->name, "the option '%s' wants a value", argv[i]);
                *options[k].value = argv[++i];
                taken = true;
            } else if (strncmp(argv[i], options[k].name, len) == 0 && argv[i][len] == '=') {
                *options[k].value = argv[i] + len + 1;
                taken = true;
            }
        }
        if (!taken)
            argv[others++] = argv[i];
    }
    *argc = others;
    argv[others] = NULL;
    return -1;
}

/* ---- On a lab's host ---- */

/* A lab in the background may not read our terminal: what is typed is handed on through a pipe. */
struct relay {
    int from, to; /* -1: none, or ended */
    size_t at, len;
    char buf[4096];
};

static int open_input(struct relay *r)
{
    int fds[2], fd;
    r->from = r->to = -1;
    if (fcntl(0, F_GETFD) < 0)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (!isatty(0))
        return fcntl(0, F_DUPFD_CLOEXEC, 3);
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -1;
    fd = fds[1];
    fcntl(fd, F_SETFL, O_NONBLOCK);
    r->from = 0;
    r->to = fd;
    return fds[0];
}

static void end_relay(struct relay *r)
{
    if (r->to >= 0)
        close(r->to);
    r->from = r->to = -1;
}

static void relay_in(struct relay *r)
{
    ssize_t n = read(r->from, r->buf, sizeof r->buf);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) {
        end_relay(r);
        return;
    }
    r->at = 0;
    r->len = (size_t)n;
}

static void relay_out(struct relay *r)
{
    ssize_t n = write(r->to, r->buf + r->at, r->len);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n < 0) {
        end_relay(r);
        return;
    }
    r->at += (size_t)n;
    r->len -= (size_t)n;
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Until the program has ended: input, signals, and its exit code. */
static int attend(struct cli_client *c, struct relay *r, int signals)
{
    unsigned stops = 0;
    for (;;) {
        struct pollfd p[4] = {
            {.fd = cli_client_fd(c), .events = POLLIN},
            {.fd = signals, .events = POLLIN},
            {.fd = r->len == 0 ? r->from : -1, .events = POLLIN},
            {.fd = r->to, .events = r->len > 0 ? POLLOUT : 0},
        };
        struct signalfd_siginfo info;
        /* A line that came together with the one before is not in the socket any more. */
        if (poll(p, 4, cli_has_read(c) ? 0 : -1) < 0 && errno != EINTR)
            return 1;
        if (p[1].revents != 0 && read(signals, &info, sizeof info) > 0)
            cli_send(c, json_pack("{s:s}", "do", ++stops == 1 ? "stop" : "kill"), NULL, 0);
        if (p[2].revents != 0)
            relay_in(r);
        else if (p[3].revents != 0 && r->len > 0)
            relay_out(r);
        else if ((p[3].revents & (POLLERR | POLLHUP)) != 0)
            end_relay(r);
        if (p[0].revents != 0 || cli_has_read(c)) {
            json_t *line = cli_next(c);
            const json_t *status = json_object_get(line, "exit");
            int code = (int)json_integer_value(status);
            bool ended = line == NULL || status != NULL;
            json_decref(line);
            if (line == NULL)
                return cli_error("run", "the lab has gone");
            if (ended)
                return code;
        }
    }
}

static json_t *make_request(const struct where *w, const char *host, int argc, char **argv)
{
    json_t *list = json_array(), *req;
    char path[PATH_MAX];
    for (int i = 0; i < argc; i++)
        json_array_append_new(list, json_string(argv[i]));
    req = json_pack("{s:s,s:s,s:o,s:b}", "do", "run", "host", host, "argv", list, "tty", isatty(1));
    if (w->root != NULL && req != NULL)
        json_object_set_new(req, "root", json_string(realpath(w->root, path) != NULL ? path : w->root));
    return req;
}

static int run_on_lab(const struct vt_program *program, const struct where *w, int argc, char **argv)
{
    struct cli_client *c = cli_connect(program->name, w->lab);
    char *first = NULL;
    struct relay relay = {.from = -1, .to = -1};
    json_t *result = NULL;
    int code = 1, signals, fds[3];
    if (c == NULL)
        return 1;
    if (w->on == NULL)
        first = cli_first_host(c);
    if (w->on == NULL && first == NULL) {
        cli_disconnect(c);
        return 1;
    }
    signals = open_signals();
    fds[0] = open_input(&relay);
    fds[1] = 1;
    fds[2] = 2;
    fflush(stdout);
    if (signals < 0 || fds[0] < 0)
        cli_error(program->name, "%s", strerror(errno));
    else
        result = cli_call_with(c, make_request(w, w->on != NULL ? w->on : first, argc, argv), fds, 3);
    if (fds[0] >= 0)
        close(fds[0]);
    if (result != NULL)
        code = attend(c, &relay, signals);
    end_relay(&relay);
    json_decref(result);
    free(first);
    cli_disconnect(c);
    return code;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    const struct vt_program *program = vt_program_find(verb->name);
    struct where w = {0};
    int code = take_where(program, &w, &argc, argv);
    if (code >= 0)
        return code;
    if (w.kernel) {
        struct vt_kernel_run_options options = {.root = w.root};
        if (w.on != NULL || w.lab != NULL)
            return cli_usage(verb->name, "--kernel is for no lab: --on and --lab do not go with it");
        return vt_kernel_run_with(program, argc, argv, &options);
    }
    return run_on_lab(program, &w, argc, argv);
}

const struct cli_verb cli_echo = {
    .name = "echo", .summary = "the echo server, and its client", .usage = "", .run = run};
const struct cli_verb cli_http = {
    .name = "http", .summary = "a web server, and a client that gets a page", .usage = "", .run = run};
const struct cli_verb cli_ping = {
    .name = "ping", .summary = "ICMP echoes to a host", .usage = "", .run = run};
const struct cli_verb cli_bulk = {
    .name = "bulk", .summary = "bytes as fast as they go, checked at the other end", .usage = "", .run = run};

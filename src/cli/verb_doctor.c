/* vitro doctor: what works on this machine, and why the rest does not. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/sums.h"
#include "cli.h"
#include "plug/control.h"
#include "plug/exec.h"

static const char usage[] =
    "usage: vitro doctor [-j]\n"
    "\n"
    "Says what works on this machine, and of what does not, why, and what would help.\n"
    "\n"
    "  -j, --json  JSON\n";

struct report {
    bool json;
    json_t *rows;
};

static void tell(struct report *r, const char *what, bool works, const char *note)
{
    if (r->json)
        json_array_append_new(r->rows,
                              json_pack("{s:s,s:b,s:s}", "what", what, "works", works, "note", note));
    else
        printf("%-4s %-28s %s\n", works ? "yes" : "no", what, note);
}

static void check_tun(struct report *r)
{
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    const char *note = "plugs a switch of a lab into the kernel";
    if (fd < 0)
        note = errno == ENOENT ? "there is no /dev/net/tun: modprobe tun, as root"
                               : "not allowed: as root, make the TAP once: ip tuntap add dev tap0 mode tap "
                                 "user $USER vnet_hdr";
    else
        close(fd);
    tell(r, "TAP devices", fd >= 0, note);
}

static void check_port(struct report *r, uint16_t port, const char *what, const char *busy)
{
    struct sockaddr_in sa = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool works;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    works = fd >= 0 && bind(fd, (const struct sockaddr *)&sa, sizeof sa) == 0;
    tell(r, what, works, works ? "free for the built-in lab" : busy);
    if (fd >= 0)
        close(fd);
}

static void check_ping(struct report *r)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
    tell(r, "ping --kernel", fd >= 0,
         fd >= 0 ? "the kernel's ping sockets are open to this user"
                 : "as root: sysctl net.ipv4.ping_group_range='0 2147483647'");
    if (fd >= 0)
        close(fd);
}

static void check_exec(struct report *r)
{
    struct rlimit files = {0};
    char note[160];
    int err = vt_exec_check();
    if (err == 0)
        snprintf(note, sizeof note, "programs run on a lab's sockets");
    else if (err == EBUSY)
        snprintf(note, sizeof note,
                 "under a seccomp listener already: outside of this container it would work");
    else
        snprintf(note, sizeof note,
                 "no seccomp listener (%s): Linux 5.14 or later, and ptrace among a user's own",
                 strerror(err));
    tell(r, "exec", err == 0, note);
    getrlimit(RLIMIT_NOFILE, &files);
    snprintf(note, sizeof note, "%llu at once, %llu at most (ulimit -Hn)", (unsigned long long)files.rlim_cur,
             (unsigned long long)files.rlim_max);
    tell(r, "open files", files.rlim_cur >= 1024, note);
}

static bool in_path(const char *name)
{
    const char *path = getenv("PATH");
    char full[512];
    while (path != NULL && *path != 0) {
        size_t len = strcspn(path, ":");
        snprintf(full, sizeof full, "%.*s/%s", (int)len, path, name);
        if (access(full, X_OK) == 0)
            return true;
        path += len + (path[len] == ':');
    }
    return false;
}

static void check_tool(struct report *r, const char *name, const char *use)
{
    char note[160];
    bool there = in_path(name);
    snprintf(note, sizeof note, "%s%s", there ? "" : "not installed; ", use);
    tell(r, name, there, note);
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    struct report r = {.rows = json_array()};
    const struct cli_option options[] = {{"json", 'j', &r.json, NULL}};
    char path[VT_CONTROL_PATH];
    int err, code = cli_options(verb, options, 1, &argc, argv);
    if (code < 0 && argc > 1)
        code = cli_usage(verb->name, "'%s' was not expected", argv[1]);
    if (code < 0) {
        tell(&r, "demo, lab, run", true, "need nothing");
        tell(&r, "checksums", true, vt_sums_best()->name);
        err = vt_control_path(path, "lab", true);
        tell(&r, "control socket", err == 0, err == 0 ? path : strerror(-err));
        check_port(&r, 8001, "port 8001", "in use: vitro run --forward '127.0.0.1:PORT -> b:80'");
        check_port(&r, 1080, "port 1080", "in use: vitro run --socks 127.0.0.1:PORT");
        check_tun(&r);
        check_ping(&r);
        check_exec(&r);
        check_tool(&r, "wireshark", "vitro trace -w - | wireshark -k -i -");
        check_tool(&r, "tshark", "the same in the terminal");
        check_tool(&r, "chromium", "a browser for the lab's page");
        if (r.json) {
            json_dumpf(r.rows, stdout, JSON_COMPACT);
            putchar('\n');
        }
        code = 0;
    }
    json_decref(r.rows);
    return code;
}

const struct cli_verb cli_doctor = {
    .name = "doctor", .summary = "what works on this machine, and why not", .usage = usage, .run = run};

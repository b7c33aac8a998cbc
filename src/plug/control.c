/* The control socket: requests and their answers. This file asks the operating system. */
#include "control.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "control_internal.h"
#include "lab/views.h"

/* ---- Where it is ---- */

/* A directory that is ours alone: else another user could put a socket of his own there. */
static int check_dir(const char *dir)
{
    struct stat st;
    if (lstat(dir, &st) < 0)
        return -errno;
    return S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 077) == 0 ? 0 : -EPERM;
}

int vt_control_path(char path[VT_CONTROL_PATH], const char *name, bool make)
{
    const char *run = getenv("XDG_RUNTIME_DIR");
    char dir[VT_CONTROL_PATH];
    int n, err;
    if (run != NULL && run[0] == '/')
        n = snprintf(dir, sizeof dir, "%s/vitro", run);
    else
        n = snprintf(dir, sizeof dir, "/tmp/vitro-%u", (unsigned)geteuid());
    if (n < 0 || (size_t)n >= sizeof dir)
        return -ENAMETOOLONG;
    if (make && mkdir(dir, 0700) < 0 && errno != EEXIST)
        return -errno;
    err = check_dir(dir);
    if (err < 0)
        return err;
    n = snprintf(path, VT_CONTROL_PATH, "%s/%s.sock", dir, name);
    return n < 0 || n >= VT_CONTROL_PATH ? -ENAMETOOLONG : 0;
}

/* ---- Answers ---- */

void vt_control_say(struct vt_control_client *c, json_t *object)
{
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (text == NULL || !vt_control_put(c, text, strlen(text), OUT_ANSWERS) ||
        !vt_control_put(c, "\n", 1, OUT_ANSWERS))
        c->broken = true;
    free(text);
    vt_real_defer(c->control->real, &c->task);
}

static void answer(struct vt_control_client *c, json_t *result)
{
    vt_control_say(c, json_pack("{s:i,s:b,s:o}", "vitro", VT_CONTROL_VERSION, "ok", 1, "result",
                                result != NULL ? result : json_null()));
}

static void refuse(struct vt_control_client *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void refuse(struct vt_control_client *c, const char *format, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    vt_control_say(c, json_pack("{s:i,s:b,s:s}", "vitro", VT_CONTROL_VERSION, "ok", 0, "error", text));
}

/* ---- Requests ---- */

/* The request's host; true, with *host NULL, when it names none. */
static bool get_host(struct vt_control_client *c, const json_t *req, const char **host)
{
    *host = json_string_value(json_object_get(req, "host"));
    if (*host == NULL || vt_lab_host(c->control->lab, *host) != NULL)
        return true;
    refuse(c, "there is no host '%s' in this lab", *host);
    return false;
}

static void do_sockets(struct vt_control_client *c, const json_t *req)
{
    const char *host;
    if (get_host(c, req, &host))
        answer(c, vt_view_sockets(c->control->lab, host));
}

static void do_addrs(struct vt_control_client *c, const json_t *req)
{
    const char *host;
    if (get_host(c, req, &host))
        answer(c, vt_view_addrs(c->control->lab, host));
}

static void do_routes(struct vt_control_client *c, const json_t *req)
{
    const char *host;
    if (get_host(c, req, &host))
        answer(c, vt_view_routes(c->control->lab, host));
}

static void do_neighbours(struct vt_control_client *c, const json_t *req)
{
    const char *host;
    if (get_host(c, req, &host))
        answer(c, vt_view_neighbours(c->control->lab, host));
}

static void do_links(struct vt_control_client *c, const json_t *req)
{
    (void)req;
    answer(c, vt_view_links(c->control->lab));
}

static void do_nodes(struct vt_control_client *c, const json_t *req)
{
    (void)req;
    answer(c, vt_view_nodes(c->control->lab));
}

static void do_fdb(struct vt_control_client *c, const json_t *req)
{
    (void)req;
    answer(c, vt_view_fdb(c->control->lab));
}

static void do_info(struct vt_control_client *c, const json_t *req)
{
    const struct vt_lab *lab = c->control->lab;
    (void)req;
    answer(c, json_pack("{s:s,s:i,s:I,s:I,s:o}", "name", lab->name, "pid", (int)getpid(), "seed",
                        (json_int_t)lab->seed, "time", (json_int_t)lab->core.now, "nodes",
                        vt_view_nodes(c->control->lab)));
}

static bool direction(const char *word, bool flipped, enum vt_direction *dir)
{
    if (word == NULL || strcmp(word, "both") == 0)
        *dir = VT_DIR_BOTH;
    else if (strcmp(word, "forth") == 0)
        *dir = flipped ? VT_DIR_BACK : VT_DIR_FORTH;
    else if (strcmp(word, "back") == 0)
        *dir = flipped ? VT_DIR_FORTH : VT_DIR_BACK;
    else
        return false;
    return true;
}

/* impair and fault: the same arguments, and the same errors. */
static void change_link(struct vt_control_client *c, const json_t *req, bool fault)
{
    struct vt_lab *lab = c->control->lab;
    const char *name = json_string_value(json_object_get(req, "link"));
    const char *text = json_string_value(json_object_get(req, "text"));
    const char *expected = "";
    enum vt_direction dir;
    size_t where = 0;
    bool flipped = false;
    unsigned link = name != NULL ? vt_lab_find_link(lab, name, &flipped) : 0;
    json_t *rows;
    int err;
    if (link == 0) {
        refuse(c, "there is no link '%s' in this lab", name != NULL ? name : "");
        return;
    }
    if (text == NULL || !direction(json_string_value(json_object_get(req, "dir")), flipped, &dir)) {
        refuse(c, "expected text, and dir: both, forth or back");
        return;
    }
    err = fault ? vt_lab_fault(lab, link, dir, text, &where, &expected)
                : vt_lab_impair(lab, link, dir, text, &where, &expected);
    if (err == -VT_EINVAL) {
        refuse(c, "at '%s': expected %s", where < strlen(text) ? text + where : "the end", expected);
        return;
    }
    if (err < 0) {
        refuse(c, "%s",
               err == -VT_ENOSPC ? "that cable has as many faults as it can have" : vt_strerror(err));
        return;
    }
    rows = vt_view_links(lab);
    answer(c, json_incref(json_array_get(rows, link - 1)));
    json_decref(rows);
}

static void do_impair(struct vt_control_client *c, const json_t *req)
{
    change_link(c, req, false);
}

static void do_fault(struct vt_control_client *c, const json_t *req)
{
    change_link(c, req, true);
}

static void do_run(struct vt_control_client *c, const json_t *req)
{
    const json_t *list = json_object_get(req, "argv");
    size_t argc = json_array_size(list);
    const char *host, *argv[256], *root = json_string_value(json_object_get(req, "root"));
    int number;
    if (!get_host(c, req, &host))
        return;
    for (size_t i = 0; i < argc && i < sizeof argv / sizeof *argv; i++)
        if ((argv[i] = json_string_value(json_array_get(list, i))) == NULL)
            argc = 0;
    if (host == NULL || argc == 0 || argc > sizeof argv / sizeof *argv) {
        refuse(c, "expected a host, and argv: a list of 1 to %zu texts", sizeof argv / sizeof *argv);
        return;
    }
    if (c->program != 0 || c->npassed != 3) {
        refuse(c, c->program != 0 ? "a program runs on this connection already"
                                  : "expected three descriptors with the request");
        return;
    }
    number = vt_control_run(c, host, (int)argc, argv, json_is_true(json_object_get(req, "tty")), root);
    if (number < 0 && root != NULL && vt_program_find(argv[0]) != NULL)
        refuse(c, "cannot read the directory %s: %s", root, vt_strerror(number));
    else if (number < 0)
        refuse(c, number == -VT_ENOENT ? "there is no program '%s'" : "'%s' could not be started", argv[0]);
    else
        answer(c, json_pack("{s:i}", "program", number));
}

static void exec_gone(void *ctx, struct vt_exec *x)
{
    struct vt_control *control = ctx;
    for (struct vt_exec **at = &control->execs; *at != NULL; at = vt_exec_next(*at))
        if (*at == x) {
            *at = *vt_exec_next(x);
            return;
        }
}

/* A program outside on a host's sockets: it speaks over the descriptor that came along, from here on without
 * this connection. */
static void do_exec(struct vt_control_client *c, const json_t *req)
{
    struct vt_control *control = c->control;
    struct vt_exec *x;
    const char *host;
    int err;
    if (!get_host(c, req, &host))
        return;
    if (host == NULL || c->npassed != 1) {
        refuse(c, "expected a host, and one descriptor with the request");
        return;
    }
    c->npassed = 0;
    err = vt_exec_open(&x, control->real, host, c->passed[0], exec_gone, control);
    if (err < 0) {
        refuse(c, err == -ENOENT ? "'%s' is a switch: a program needs a host" : "no memory for %s", host);
        return;
    }
    *vt_exec_next(x) = control->execs;
    control->execs = x;
    answer(c, json_null());
}

static void do_stop(struct vt_control_client *c, const json_t *req)
{
    (void)req;
    if (c->program != 0)
        vt_lab_stop(c->control->lab, c->program);
}

static void do_kill(struct vt_control_client *c, const json_t *req)
{
    (void)req;
    if (c->program != 0)
        vt_lab_kill(c->control->lab, c->program);
}

static void do_trace(struct vt_control_client *c, const json_t *req)
{
    if (c->tracing) {
        refuse(c, "this connection follows the events already");
        return;
    }
    answer(c, json_null());
    vt_control_start_trace(c, json_is_true(json_object_get(req, "frames")));
}

static void do_quit(struct vt_control_client *c, const json_t *req)
{
    (void)req;
    answer(c, json_null());
    c->control->quit(c->control->ctx);
}

static const struct {
    const char *word;
    void (*fn)(struct vt_control_client *c, const json_t *req);
} requests[] = {
    {"info", do_info},
    {"sockets", do_sockets},
    {"addrs", do_addrs},
    {"routes", do_routes},
    {"neighbours", do_neighbours},
    {"links", do_links},
    {"nodes", do_nodes},
    {"fdb", do_fdb},
    {"impair", do_impair},
    {"fault", do_fault},
    {"run", do_run},
    {"exec", do_exec},
    {"stop", do_stop},
    {"kill", do_kill},
    {"trace", do_trace},
    {"quit", do_quit},
};

static void handle(struct vt_control_client *c, const char *line, size_t len)
{
    json_error_t error;
    json_t *req = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
    const char *word = json_string_value(json_object_get(req, "do"));
    size_t i = 0;
    if (req == NULL)
        refuse(c, "not JSON: %s", error.text);
    else if (json_integer_value(json_object_get(req, "vitro")) != VT_CONTROL_VERSION)
        refuse(c, "this lab speaks version %d of the control protocol", VT_CONTROL_VERSION);
    else if (word == NULL)
        refuse(c, "expected \"do\"");
    else {
        while (i < sizeof requests / sizeof *requests && strcmp(requests[i].word, word) != 0)
            i++;
        if (i == sizeof requests / sizeof *requests)
            refuse(c, "there is no request '%s'", word);
        else
            requests[i].fn(c, req);
    }
    json_decref(req);
}

/* ---- Clients ---- */

static void drop_passed(struct vt_control_client *c)
{
    for (unsigned i = 0; i < c->npassed; i++)
        close(c->passed[i]);
    c->npassed = 0;
}

static void hang_up(struct vt_control_client *c)
{
    if (c->sock.fd < 0)
        return;
    vt_control_stop_trace(c);
    drop_passed(c);
    vt_real_remove(c->control->real, &c->sock);
    close(c->sock.fd);
    c->sock.fd = -1;
    c->out_len = 0;
    if (c->program != 0) {
        /* Nobody listens to it any more. Asked to stop, it would write; killed, it is gone at once. */
        vt_lab_stop(c->control->lab, c->program);
        vt_control_close_streams(c);
    }
}

void vt_control_client_free(struct vt_control_client *c)
{
    struct vt_control *control = c->control;
    hang_up(c);
    vt_real_cancel(control->real, &c->task);
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        control->clients = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    control->nclients--;
    free(c->in);
    free(c->out);
    free(c);
}

/* After a step of the lab, or a request: sends, and lets go of who is gone. */
static void on_task(void *ctx)
{
    struct vt_control_client *c = ctx;
    vt_control_flush(c);
    if (c->broken)
        hang_up(c);
    if (c->sock.fd < 0 && c->program == 0)
        vt_control_client_free(c);
}

/* Keeps descriptors that came along: those of the last message that had some. */
static void take_passed(struct vt_control_client *c, struct msghdr *msg)
{
    for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h != NULL; h = CMSG_NXTHDR(msg, h)) {
        int fds[16];
        size_t n;
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        n = n < 16 ? n : 16;
        memcpy(fds, CMSG_DATA(h), n * sizeof(int));
        drop_passed(c);
        for (size_t i = 0; i < n; i++) {
            if (i < 3)
                c->passed[c->npassed++] = fds[i];
            else
                close(fds[i]);
        }
    }
}

static void read_requests(struct vt_control_client *c)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(16 * sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = c->in + c->in_len, .iov_len = VT_CONTROL_LINE - c->in_len};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(c->sock.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    char *end;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        hang_up(c);
        return;
    }
    take_passed(c, &msg);
    c->in_len += (size_t)n;
    while (c->sock.fd >= 0 && (end = memchr(c->in, '\n', c->in_len)) != NULL) {
        size_t used = (size_t)(end - c->in) + 1;
        handle(c, c->in, used - 1);
        c->in_len -= used;
        memmove(c->in, c->in + used, c->in_len);
    }
    if (c->in_len == VT_CONTROL_LINE) {
        refuse(c, "a line of more than %d bytes", VT_CONTROL_LINE);
        vt_control_flush(c);
        c->broken = true;
    }
}

static void on_client(void *ctx, uint32_t events)
{
    struct vt_control_client *c = ctx;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0)
        read_requests(c);
    vt_real_defer(c->control->real, &c->task);
}

static void on_listener(void *ctx, uint32_t events)
{
    struct vt_control *control = ctx;
    int fd = accept4(control->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct vt_control_client *c;
    (void)events;
    if (fd < 0)
        return;
    c = control->nclients < VT_CONTROL_CLIENTS ? calloc(1, sizeof *c) : NULL;
    if (c != NULL)
        c->in = malloc(VT_CONTROL_LINE);
    if (c == NULL || c->in == NULL) {
        free(c);
        close(fd);
        return;
    }
    c->control = control;
    c->sock = (struct vt_real_fd){.fd = fd, .ready = on_client, .ctx = c};
    c->task = (struct vt_real_task){.fn = on_task, .ctx = c};
    for (unsigned i = 0; i < 3; i++)
        c->std[i].wait.fd = -1;
    c->next = control->clients;
    if (c->next != NULL)
        c->next->prev = c;
    control->clients = c;
    control->nclients++;
    if (vt_real_add(control->real, &c->sock, EPOLLIN | EPOLLRDHUP) < 0)
        vt_control_client_free(c);
}

/* ---- The socket ---- */

/* True when somebody answers at the path. */
static bool answered(const struct sockaddr_un *sa)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)sa, sizeof *sa) == 0;
    if (fd >= 0)
        close(fd);
    return yes;
}

static int listen_at(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int err, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
    err = bind(fd, (const struct sockaddr *)&sa, sizeof sa) < 0 ? -errno : 0;
    if (err == -EADDRINUSE && !answered(&sa)) {
        /* Left behind by a lab that did not end in order. */
        unlink(path);
        err = bind(fd, (const struct sockaddr *)&sa, sizeof sa) < 0 ? -errno : 0;
    }
    if (err == 0 && (chmod(path, 0600) < 0 || listen(fd, 16) < 0)) {
        err = -errno;
        unlink(path);
    }
    if (err < 0) {
        close(fd);
        return err;
    }
    return fd;
}

int vt_control_open(struct vt_control **out, struct vt_real *real, const char *name, void (*quit)(void *ctx),
                    void *ctx)
{
    struct vt_control *control = calloc(1, sizeof *control);
    int err;
    if (control == NULL)
        return -ENOMEM;
    control->real = real;
    control->lab = vt_real_lab(real);
    control->quit = quit;
    control->ctx = ctx;
    control->listener = (struct vt_real_fd){.fd = -1, .ready = on_listener, .ctx = control};
    err = vt_control_path(control->path, name, true);
    if (err == 0)
        err = control->listener.fd = listen_at(control->path);
    if (err >= 0)
        err = vt_real_add(real, &control->listener, EPOLLIN);
    if (err < 0) {
        if (control->listener.fd >= 0) {
            close(control->listener.fd);
            unlink(control->path);
        }
        free(control);
        return err;
    }
    *out = control;
    return 0;
}

unsigned vt_control_programs(const struct vt_control *control)
{
    return control->nprograms;
}

void vt_control_stop_programs(struct vt_control *control)
{
    for (struct vt_control_client *c = control->clients; c != NULL; c = c->next)
        if (c->program != 0)
            vt_lab_stop(control->lab, c->program);
}

void vt_control_close(struct vt_control *control)
{
    if (control == NULL)
        return;
    vt_real_remove(control->real, &control->listener);
    close(control->listener.fd);
    unlink(control->path);
    while (control->execs != NULL) {
        struct vt_exec *x = control->execs;
        control->execs = *vt_exec_next(x);
        vt_exec_close(x);
    }
    for (struct vt_control_client *c = control->clients, *next; c != NULL; c = next) {
        next = c->next;
        if (c->program != 0)
            vt_lab_kill(control->lab, c->program);
        vt_control_flush(c);
        vt_control_client_free(c);
    }
    free(control);
}

/* The client's side of a lab's control socket (src/plug/control.h). */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "cli.h"
#include "plug/control.h"

struct cli_client {
    const char *verb;
    int fd;
    size_t at, len;
    char buf[65536];
};

static int connect_to(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
    if (connect(fd, (const struct sockaddr *)&sa, sizeof sa) < 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

/* The names of labs whose socket is there, as many as fit. */
static unsigned running(char names[][64], unsigned most)
{
    char path[VT_CONTROL_PATH], *slash;
    unsigned n = 0;
    DIR *dir;
    if (vt_control_path(path, "x", false) < 0)
        return 0;
    slash = strrchr(path, '/');
    *slash = 0;
    dir = opendir(path);
    if (dir == NULL)
        return 0;
    for (const struct dirent *e = readdir(dir); e != NULL && n < most; e = readdir(dir)) {
        size_t len = strlen(e->d_name);
        char full[VT_CONTROL_PATH];
        int fd;
        if (len < 6 || len - 5 >= 64 || strcmp(e->d_name + len - 5, ".sock") != 0)
            continue;
        if (snprintf(full, sizeof full, "%s/%s", path, e->d_name) >= (int)sizeof full ||
            (fd = connect_to(full)) < 0)
            continue;
        close(fd);
        memcpy(names[n], e->d_name, len - 5);
        names[n++][len - 5] = 0;
    }
    closedir(dir);
    return n;
}

static void explain_none(const char *verb, const char *name, char names[][64], unsigned n)
{
    if (n == 0) {
        cli_error(verb, "no lab is running; start one with `vitro run` in another terminal");
        return;
    }
    fflush(stdout);
    fprintf(stderr, "vitro %s: %s%s%s; choose one with -L:", verb,
            name != NULL ? "there is no lab '" : "several labs run", name != NULL ? name : "",
            name != NULL ? "'" : "");
    for (unsigned i = 0; i < n; i++)
        fprintf(stderr, " %s", names[i]);
    fputc('\n', stderr);
}

struct cli_client *cli_connect(const char *verb, const char *name)
{
    char path[VT_CONTROL_PATH], names[16][64];
    const char *wanted = name != NULL ? name : getenv("VITRO_LAB");
    struct cli_client *c;
    int fd = -ENOENT;
    unsigned n = 0;
    if (wanted != NULL && strchr(wanted, '/') == NULL) {
        if (vt_control_path(path, wanted, false) == 0)
            fd = connect_to(path);
    } else if (wanted == NULL) {
        if (vt_control_path(path, "lab", false) == 0)
            fd = connect_to(path);
        if (fd < 0 && (n = running(names, 16)) == 1 && vt_control_path(path, names[0], false) == 0)
            fd = connect_to(path);
    }
    if (fd < 0) {
        if (n == 0)
            n = running(names, 16);
        explain_none(verb, wanted, names, n);
        return NULL;
    }
    c = calloc(1, sizeof *c);
    if (c == NULL) {
        close(fd);
        cli_error(verb, "no memory");
        return NULL;
    }
    c->verb = verb;
    c->fd = fd;
    return c;
}

void cli_disconnect(struct cli_client *c)
{
    if (c == NULL)
        return;
    close(c->fd);
    free(c);
}

int cli_client_fd(struct cli_client *c)
{
    return c->fd;
}

/* ---- Lines ---- */

static bool send_all(int fd, const char *text, size_t len, const int *fds, unsigned n)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(3 * sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    while (len > 0) {
        struct iovec iov = {.iov_base = (void *)(uintptr_t)text, .iov_len = len};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
        ssize_t sent;
        if (n > 0) {
            struct cmsghdr *h = &control.head;
            msg.msg_control = &control;
            msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
            h->cmsg_level = SOL_SOCKET;
            h->cmsg_type = SCM_RIGHTS;
            h->cmsg_len = CMSG_LEN(n * sizeof(int));
            memcpy(CMSG_DATA(h), fds, n * sizeof(int));
        }
        sent = sendmsg(fd, &msg, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        n = 0;
        text += sent;
        len -= (size_t)sent;
    }
    return true;
}

bool cli_send(struct cli_client *c, json_t *request, const int *fds, unsigned n)
{
    char *text = NULL;
    bool ok = request != NULL &&
              json_object_set_new(request, "vitro", json_integer(VT_CONTROL_VERSION)) == 0 &&
              (text = json_dumps(request, JSON_COMPACT)) != NULL;
    json_decref(request);
    ok = ok && send_all(c->fd, text, strlen(text), fds, n) && send_all(c->fd, "\n", 1, NULL, 0);
    free(text);
    return ok;
}

long cli_read(struct cli_client *c, void *buf, size_t len)
{
    if (c->len > 0) {
        len = len < c->len ? len : c->len;
        memcpy(buf, c->buf + c->at, len);
        c->at += len;
        c->len -= len;
        return (long)len;
    }
    return read(c->fd, buf, len);
}

bool cli_has_read(const struct cli_client *c)
{
    return c->len > 0;
}

json_t *cli_next(struct cli_client *c)
{
    char *line = NULL;
    size_t len = 0;
    json_t *object = NULL;
    for (;;) {
        const char *end = memchr(c->buf + c->at, '\n', c->len);
        size_t part = end != NULL ? (size_t)(end - (c->buf + c->at)) + 1 : c->len;
        char *more = realloc(line, len + part + 1);
        ssize_t n;
        if (more == NULL)
            break;
        line = more;
        memcpy(line + len, c->buf + c->at, part);
        len += part;
        c->at += part;
        c->len -= part;
        if (end != NULL) {
            object = json_loadb(line, len, 0, NULL);
            break;
        }
        n = read(c->fd, c->buf, sizeof c->buf);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        c->at = 0;
        c->len = (size_t)n;
    }
    free(line);
    return object;
}

json_t *cli_call_with(struct cli_client *c, json_t *request, const int *fds, unsigned n)
{
    json_t *answer = cli_send(c, request, fds, n) ? cli_next(c) : NULL, *result = NULL;
    if (answer == NULL)
        cli_error(c->verb, "the lab has gone");
    else if (!json_is_true(json_object_get(answer, "ok")))
        cli_error(c->verb, "%s", json_string_value(json_object_get(answer, "error")));
    else
        result = json_incref(json_object_get(answer, "result"));
    json_decref(answer);
    return result;
}

json_t *cli_call(struct cli_client *c, json_t *request)
{
    return cli_call_with(c, request, NULL, 0);
}

char *cli_first_host(struct cli_client *c)
{
    json_t *nodes = cli_call(c, json_pack("{s:s}", "do", "nodes")), *node;
    char *name = NULL;
    size_t i;
    json_array_foreach(nodes, i, node)
    {
        const char *kind = json_string_value(json_object_get(node, "kind"));
        if (name == NULL && kind != NULL && strcmp(kind, "host") == 0)
            name = strdup(json_string_value(json_object_get(node, "name")));
    }
    json_decref(nodes);
    if (nodes != NULL && name == NULL)
        cli_error(c->verb, "there is no host in this lab");
    return name;
}

/* A control client's streams: what is sent to it, the events it follows, and the program that it runs. */
#include "control_internal.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- What is sent ---- */

bool vt_control_put(struct vt_control_client *c, const void *bytes, size_t len, size_t limit)
{
    if (c->sock.fd < 0 || c->broken)
        return true;
    if (c->out_len + len > limit)
        return false;
    if (c->out_at + c->out_len + len > c->out_cap && c->out_at > 0) {
        memmove(c->out, c->out + c->out_at, c->out_len);
        c->out_at = 0;
    }
    if (c->out_len + len > c->out_cap) {
        size_t cap = c->out_cap * 2 > c->out_len + len ? c->out_cap * 2 : c->out_len + len + 4096;
        char *more = realloc(c->out, cap);
        if (more == NULL)
            return false;
        c->out = more;
        c->out_cap = cap;
    }
    memcpy(c->out + c->out_at + c->out_len, bytes, len);
    c->out_len += len;
    vt_real_defer(c->control->real, &c->task);
    return true;
}

void vt_control_flush(struct vt_control_client *c)
{
    while (c->sock.fd >= 0 && c->out_len > 0) {
        ssize_t n = send(c->sock.fd, c->out + c->out_at, c->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            if (errno != EAGAIN)
                c->broken = true;
            break;
        }
        c->out_at += (size_t)n;
        c->out_len -= (size_t)n;
    }
    if (c->out_len == 0)
        c->out_at = 0;
    if (c->sock.fd >= 0 && !c->broken)
        vt_real_change(c->control->real, &c->sock,
                       EPOLLIN | EPOLLRDHUP | (c->out_len > 0 ? (uint32_t)EPOLLOUT : 0));
}

/* ---- Events ---- */

static bool put_record(struct vt_control_client *c, const struct vt_event *ev, const void *extra)
{
    if (c->out_len + sizeof *ev + ev->extra > OUT_EVENTS)
        return false;
    return vt_control_put(c, ev, sizeof *ev, OUT_EVENTS) &&
           (ev->extra == 0 || vt_control_put(c, extra, ev->extra, OUT_EVENTS));
}

static void on_event(void *ctx, const struct vt_event *ev, const void *extra)
{
    struct vt_control_client *c = ctx;
    if (c->lost > 0 && c->out_len < OUT_EVENTS / 2) {
        struct vt_event gap = {
            .time = c->lost_at,
            .kind = VT_EV_GAP,
            .version = VT_EVENT_VERSION,
            .u.gap.lost = {(uint32_t)c->lost, (uint32_t)(c->lost >> 32)},
        };
        if (put_record(c, &gap, NULL))
            c->lost = 0;
    }
    /* Once some were lost, half of the room must be free again: gaps are then few and long. */
    if (c->lost > 0 || !put_record(c, ev, extra)) {
        c->lost++;
        c->lost_at = ev->time;
    }
}

void vt_control_start_trace(struct vt_control_client *c, bool frames)
{
    c->tracing = vt_lab_listen(c->control->lab, (struct vt_listener){.event = on_event, .ctx = c}) == 0;
    if (frames && c->tracing) {
        c->capturing = true;
        if (c->control->ncaptures++ == 0)
            vt_lab_capture(c->control->lab, true);
    }
}

void vt_control_stop_trace(struct vt_control_client *c)
{
    if (c->tracing)
        vt_lab_unlisten(c->control->lab, (struct vt_listener){.event = on_event, .ctx = c});
    if (c->capturing && --c->control->ncaptures == 0)
        vt_lab_capture(c->control->lab, false);
    c->tracing = c->capturing = false;
}

/* ---- A program's standard streams ----
 *
 * The descriptors are shared with the client and its shell: they may not be made non-blocking. So each read
 * or write is preceded by a poll, and is small enough not to block after it. */

static void on_stream(void *ctx, uint32_t events)
{
    struct vt_control_stream *s = ctx;
    (void)events;
    vt_lab_kick(s->client->control->lab, s->client->program);
}

/* Waits, once, for the descriptor. */
static void await(struct vt_control_stream *s, uint32_t events)
{
    struct vt_real *real = s->client->control->real;
    int err = s->added ? vt_real_change(real, &s->wait, events | EPOLLONESHOT)
                       : vt_real_add(real, &s->wait, events | EPOLLONESHOT);
    s->added = s->added || err == 0;
}

static bool ready(struct vt_control_stream *s, short events)
{
    struct pollfd p = {.fd = s->wait.fd, .events = events};
    return s->always || poll(&p, 1, 0) > 0;
}

static long stream_read(void *ctx, void *buf, size_t len)
{
    struct vt_control_stream *s = &((struct vt_control_client *)ctx)->std[0];
    ssize_t n;
    if (s->wait.fd < 0)
        return 0;
    if (!ready(s, POLLIN)) {
        await(s, EPOLLIN);
        return -VT_EAGAIN;
    }
    n = read(s->wait.fd, buf, len < 4096 ? len : 4096);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        await(s, EPOLLIN);
        return -VT_EAGAIN;
    }
    return n > 0 ? (long)n : 0;
}

static long stream_write(void *ctx, int fd, const void *buf, size_t len)
{
    struct vt_control_stream *s = &((struct vt_control_client *)ctx)->std[fd == 2 ? 2 : 1];
    /* POSIX: a pipe that is ready takes PIPE_BUF bytes. A terminal promises less. */
    size_t most = isatty(s->wait.fd) ? 256 : 4096;
    ssize_t n;
    if (s->wait.fd < 0)
        return -VT_EPIPE;
    if (!ready(s, POLLOUT)) {
        await(s, EPOLLOUT);
        return -VT_EAGAIN;
    }
    n = write(s->wait.fd, buf, len < most ? len : most);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        await(s, EPOLLOUT);
        return -VT_EAGAIN;
    }
    return n >= 0 ? (long)n : -VT_EPIPE;
}

void vt_control_close_streams(struct vt_control_client *c)
{
    for (unsigned i = 0; i < 3; i++) {
        struct vt_control_stream *s = &c->std[i];
        if (s->wait.fd < 0)
            continue;
        if (s->added)
            vt_real_remove(c->control->real, &s->wait);
        close(s->wait.fd);
        *s = (struct vt_control_stream){.wait = {.fd = -1}};
    }
}

static void ended(struct vt_control_client *c)
{
    vt_control_close_streams(c);
    vt_files_close(c->files);
    c->files = NULL;
}

static void on_exit_status(void *ctx, int status)
{
    struct vt_control_client *c = ctx;
    c->program = 0;
    c->control->nprograms--;
    ended(c);
    vt_control_say(c, json_pack("{s:i,s:i}", "vitro", VT_CONTROL_VERSION, "exit", status));
    vt_real_defer(c->control->real, &c->task);
}

int vt_control_run(struct vt_control_client *c, const char *host, int argc, const char *const *argv, bool tty,
                   const char *root)
{
    struct vt_lab_stdio io = {
        .read = stream_read, .write = stream_write, .exited = on_exit_status, .ctx = c, .tty = tty};
    int number = root != NULL ? vt_files_open(&c->files, root) : 0;
    if (number < 0)
        return number;
    if (root != NULL) {
        io.files = &vt_files_api;
        io.root = c->files;
    }
    for (unsigned i = 0; i < 3; i++) {
        struct stat st;
        struct vt_control_stream *s = &c->std[i];
        *s = (struct vt_control_stream){.wait = {.fd = c->passed[i], .ready = on_stream, .ctx = s},
                                        .client = c};
        /* epoll takes what can be waited for; files and most devices cannot. */
        s->always = fstat(s->wait.fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
    }
    c->npassed = 0;
    number = vt_lab_spawn(c->control->lab, host, argc, argv, &io);
    if (number < 0) {
        ended(c);
        return number;
    }
    c->program = number;
    c->control->nprograms++;
    return number;
}

/* SOCKS5 (RFC 1928) on the kernel's side of a lab. */
#include "socks_wire.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "plug.h"
#include "pump.h"

/* A client that has not yet asked for its connection. */
struct waiting {
    struct waiting *next, *prev;
    struct vt_socks *socks;
    struct vt_real_fd kernel;
    bool greeted;
    size_t len;
    uint8_t buf[VT_SOCKS_REQUEST_MAX];
};

struct vt_socks {
    struct vt_plug plug; /* first */
    struct waiting *waiting;
};

/* Replies are a few bytes into an empty send buffer: they fit, or the client is gone. */
static bool say(int fd, const void *bytes, size_t len)
{
    return send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

static bool reply(int fd, uint8_t code)
{
    uint8_t out[VT_SOCKS_REPLY];
    vt_socks_reply(out, code);
    return say(fd, out, sizeof out);
}

static uint8_t code_of(int err)
{
    switch (err) {
    case 0: return VT_SOCKS_OK;
    case -VT_ECONNREFUSED: return VT_SOCKS_REFUSED;
    case -VT_ENETUNREACH: return VT_SOCKS_NET_UNREACHABLE;
    case -VT_EHOSTUNREACH:
    case -VT_EHOSTDOWN:
    case -VT_ENOENT: return VT_SOCKS_HOST_UNREACHABLE;
    case -VT_ETIMEDOUT: return VT_SOCKS_TTL_EXPIRED;
    default: return VT_SOCKS_FAILURE;
    }
}

/* Takes it out of those waiting; the descriptor stays open. */
static int release(struct waiting *w)
{
    int fd = w->kernel.fd;
    vt_real_remove(w->socks->plug.real, &w->kernel);
    if (w->prev != NULL)
        w->prev->next = w->next;
    else
        w->socks->waiting = w->next;
    if (w->next != NULL)
        w->next->prev = w->prev;
    w->socks->plug.waiting--;
    free(w);
    return fd;
}

static bool on_connected(struct vt_pump *pump, int err)
{
    if (reply(pump->kernel.fd, code_of(err)) && err == 0)
        return true;
    vt_pump_end(pump, false);
    return false;
}

static void open_connection(struct waiting *w, const struct vt_socks_request *req)
{
    struct vt_plug *plug = &w->socks->plug;
    struct vt_addr to = {.ip = req->ip};
    int err = 0, fd = release(w);
    if (req->name[0] != 0) {
        vt_lab_touch(plug->lab, plug->host);
        err = vt_getaddrinfo(plug->host, req->name, &to);
    }
    to.port = req->port;
    if (err == 0 && vt_pump_start(plug, fd, &to, &err) != NULL)
        return;
    plug->refused++;
    reply(fd, code_of(err));
    close(fd);
}

/* What has come so far: the greeting, then the request. */
static void look(struct waiting *w)
{
    struct vt_socks_request req;
    size_t used;
    int r;
    if (!w->greeted) {
        uint8_t method;
        r = vt_socks_greeting(w->buf, w->len, &used, &method);
        if (r == 0)
            return;
        if (r < 0 || !say(w->kernel.fd, (const uint8_t[]){5, method}, 2) || method != 0) {
            close(release(w));
            return;
        }
        w->greeted = true;
        w->len -= used;
        memmove(w->buf, w->buf + used, w->len);
    }
    r = vt_socks_parse(w->buf, w->len, &used, &req);
    if (r == 0)
        return;
    if (r < 0) {
        reply(w->kernel.fd, (uint8_t)-r);
        close(release(w));
        return;
    }
    open_connection(w, &req);
}

static void on_client(void *ctx, uint32_t events)
{
    struct waiting *w = ctx;
    /* What follows the request belongs to the connection: it is left in the kernel until then. */
    uint8_t peeked[VT_SOCKS_REQUEST_MAX];
    size_t room = sizeof w->buf - w->len, want;
    ssize_t n = recv(w->kernel.fd, peeked, room, MSG_DONTWAIT | MSG_PEEK);
    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        close(release(w));
        return;
    }
    memcpy(w->buf + w->len, peeked, (size_t)n);
    want = vt_socks_length(w->buf, w->len + (size_t)n, w->greeted);
    want = want > w->len ? want - w->len : 0;
    if (want > (size_t)n)
        want = (size_t)n;
    n = recv(w->kernel.fd, peeked, want, MSG_DONTWAIT);
    if (n > 0)
        w->len += (size_t)n;
    look(w);
}

static void on_accept(struct vt_plug *plug, int fd)
{
    struct vt_socks *s = (struct vt_socks *)plug;
    struct waiting *w = calloc(1, sizeof *w);
    if (w == NULL) {
        vt_kernel_reset(fd);
        return;
    }
    w->socks = s;
    w->kernel = (struct vt_real_fd){.fd = fd, .ready = on_client, .ctx = w};
    if (vt_real_add(plug->real, &w->kernel, EPOLLIN | EPOLLRDHUP) < 0) {
        vt_kernel_reset(fd);
        free(w);
        return;
    }
    w->next = s->waiting;
    if (w->next != NULL)
        w->next->prev = w;
    s->waiting = w;
    plug->waiting++;
}

int vt_socks_open(struct vt_socks **out, struct vt_real *real, const struct vt_addr *listen_at,
                  const char *from)
{
    struct vt_socks *s;
    int err;
    if (vt_lab_host(vt_real_lab(real), from) == NULL)
        return -ENOENT;
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return -ENOMEM;
    s->plug.accept = on_accept;
    s->plug.connected = on_connected;
    s->plug.epfd = -1;
    err = vt_plug_open(&s->plug, real, from, listen_at);
    if (err < 0) {
        free(s);
        return err;
    }
    *out = s;
    return 0;
}

void vt_socks_stop(struct vt_socks *s)
{
    for (struct waiting *w = s->waiting, *next; w != NULL; w = next) {
        next = w->next;
        close(release(w));
    }
    vt_plug_stop(&s->plug);
}

void vt_socks_close(struct vt_socks *s)
{
    if (s == NULL)
        return;
    vt_socks_stop(s);
    vt_plug_close(&s->plug);
    free(s);
}

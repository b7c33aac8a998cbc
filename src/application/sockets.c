#include "sockets.h"
#include "base/text.h"
#include "console.h"

int vt_watch(struct vt_process *p, struct vt_watched *w, uint32_t events, void *data)
{
    struct vt_epoll_event ev = {.events = events, .data = (uint64_t)(uintptr_t)data};
    int err;
    if (w->added ? w->events == events : events == 0)
        return 0;
    /* A hang-up is told whatever is watched for, again and again: who cannot act on it must not hear of it.
     */
    if (events == 0) {
        w->added = false;
        return p->api->epoll_ctl(p->net, p->epfd, VT_EPOLL_CTL_DEL, w->fd, NULL);
    }
    err = p->api->epoll_ctl(p->net, p->epfd, w->added ? VT_EPOLL_CTL_MOD : VT_EPOLL_CTL_ADD, w->fd, &ev);
    if (err < 0)
        return err;
    w->added = true;
    w->events = events;
    return 0;
}

void vt_unwatch(struct vt_process *p, struct vt_watched *w)
{
    if (w->fd < 0)
        return;
    if (w->added)
        p->api->epoll_ctl(p->net, p->epfd, VT_EPOLL_CTL_DEL, w->fd, NULL);
    p->api->close(p->net, w->fd);
    *w = (struct vt_watched){.fd = -1};
}

int vt_open_listener(struct vt_process *p, const struct vt_endpoint *e, int backlog, struct vt_watched *w,
                     struct vt_addr *local)
{
    const int on = 1;
    const char *what = "resolve";
    int err = vt_endpoint_resolve(p, e, local);
    *w = (struct vt_watched){.fd = -1};
    if (err == 0) {
        what = "socket";
        err = w->fd = p->api->socket(p->net, VT_AF_INET, VT_SOCK_STREAM, 0);
    }
    if (err >= 0) {
        /* A server that is started again must not wait for the TIME-WAITs of its last life. */
        p->api->setsockopt(p->net, w->fd, VT_SOL_SOCKET, VT_SO_REUSEADDR, &on, sizeof on);
        what = "bind";
        err = p->api->bind(p->net, w->fd, local);
    }
    if (err >= 0) {
        what = "listen";
        err = p->api->listen(p->net, w->fd, backlog);
    }
    if (err >= 0)
        err = p->api->getsockname(p->net, w->fd, local);
    if (err >= 0)
        return 0;
    vt_process_error(p, "%s:%u: %s: %s", e->host, e->port, what, vt_strerror(err));
    vt_unwatch(p, w);
    return 1;
}

int vt_open_connection(struct vt_process *p, const struct vt_addr *peer, struct vt_watched *w, void *data)
{
    int err;
    *w = (struct vt_watched){.fd = -1};
    err = w->fd = p->api->socket(p->net, VT_AF_INET, VT_SOCK_STREAM, 0);
    if (err < 0)
        return err;
    err = p->api->connect(p->net, w->fd, peer);
    if (err == 0 || err == -VT_EINPROGRESS)
        err = vt_watch(p, w, VT_POLLOUT, data);
    if (err < 0)
        vt_unwatch(p, w);
    return err;
}

int vt_connected(struct vt_process *p, const struct vt_watched *w)
{
    struct vt_addr peer;
    int err = vt_pending_error(p, w->fd);
    if (err < 0)
        return err;
    return p->api->getpeername(p->net, w->fd, &peer) == 0 ? 1 : 0;
}

int vt_pending_error(struct vt_process *p, int fd)
{
    int err = 0;
    size_t len = sizeof err;
    int got = p->api->getsockopt(p->net, fd, VT_SOL_SOCKET, VT_SO_ERROR, &err, &len);
    if (got < 0)
        return got;
    return err > 0 ? -err : err;
}

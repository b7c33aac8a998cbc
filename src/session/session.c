#include "socket.h"

enum {
    MAX_DEFAULT = 1048576,
    NAMES_DEFAULT = 1024,
};

struct vt_sockets *vt_sockets_new(struct vt_core *core, const struct vt_sockets_config *config)
{
    struct vt_sockets *s = vt_alloc(core, sizeof *s);
    uint32_t max = config != NULL && config->max != 0 ? config->max : MAX_DEFAULT;

    if (s == NULL)
        return NULL;
    s->core = core;
    s->names_max = config != NULL && config->hosts_max != 0 ? config->hosts_max : NAMES_DEFAULT;
    vt_fds_init(&s->fds, core, max);
    return s;
}

const struct vt_transport_up *vt_sockets_up(void)
{
    static const struct vt_transport_up up = {vt_sock_ready};

    return &up;
}

void vt_sockets_bind(struct vt_sockets *s, struct vt_tcp *tcp, struct vt_udp *udp, struct vt_ping *ping,
                     struct vt_net *net)
{
    s->tcp = tcp;
    s->udp = udp;
    s->ping = ping;
    s->net = net;
}

void vt_sockets_mute(struct vt_sockets *s)
{
    struct vt_socket *so;

    for (int fd = 0, left = (int)s->fds.count; left > 0; fd++) {
        so = vt_sock_get(s, fd);
        if (so == NULL)
            continue;
        left--;
        if (so->ops->mute != NULL)
            so->ops->mute(so);
    }
    vt_sockets_bind(s, NULL, NULL, NULL, NULL);
    s->on_ready = NULL;
}

void vt_sockets_free(struct vt_sockets *s)
{
    struct vt_socket *so;

    if (s == NULL)
        return;
    while ((so = vt_fds_first(&s->fds)) != NULL)
        vt_sock_close(s, so->fd);
    vt_names_free(s);
    vt_free(s->core, s, sizeof *s);
}

void vt_sockets_on_ready(struct vt_sockets *s, void (*fn)(void *ctx, int epfd), void *ctx)
{
    s->on_ready = fn;
    s->on_ready_ctx = ctx;
}

struct vt_socket *vt_sock_alloc(struct vt_sockets *s, const struct vt_sock_ops *ops, size_t size, int *error)
{
    struct vt_socket *so = vt_alloc(s->core, size);

    *error = -VT_ENOMEM;
    if (so == NULL)
        return NULL;
    so->ops = ops;
    so->table = s;
    so->opts.rcvlowat = 1;
    so->opts.peek_off = -1;
    so->fd = vt_fds_add(&s->fds, so);
    if (so->fd >= 0)
        return so;
    *error = so->fd;
    vt_free(s->core, so, size);
    return NULL;
}

void vt_sock_free(struct vt_socket *so, size_t size)
{
    struct vt_sockets *s = so->table;

    vt_epoll_forget(so);
    vt_fds_remove(&s->fds, so->fd);
    vt_free(s->core, so, size);
}

void vt_sock_ready(void *user, unsigned events)
{
    struct vt_socket *so = user;
    const struct vt_events *ev = &so->table->core->ev;

    so->why = ev->cause.n != 0 ? ev->cause : vt_events_last(ev);
    vt_epoll_notify(so, events);
}

int vt_sock_poll(struct vt_sockets *s, struct vt_pollfd *fds, unsigned n)
{
    int ready = 0;

    if (fds == NULL && n != 0)
        return -VT_EFAULT;
    for (unsigned i = 0; i < n; i++) {
        struct vt_socket *so = vt_sock_get(s, fds[i].fd);
        unsigned events = VT_POLLNVAL;

        /* POSIX: a negative descriptor is passed over; error and hang-up are told unasked. */
        if (fds[i].fd < 0)
            events = 0;
        else if (so != NULL)
            events = so->ops->poll(so) & ((unsigned)(uint16_t)fds[i].events | VT_POLLERR | VT_POLLHUP);
        fds[i].revents = (short)events;
        ready += events != 0;
    }
    return ready;
}

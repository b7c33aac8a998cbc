/* The session floor as a socket table: each call is that floor's own. */
#include "application.h"
#include "session/session.h"

static int session_socket(void *net, int domain, int type, int protocol)
{
    return vt_sock_socket(net, domain, type, protocol);
}
static int session_bind(void *net, int fd, const struct vt_addr *addr)
{
    return vt_sock_bind(net, fd, addr);
}
static int session_listen(void *net, int fd, int backlog)
{
    return vt_sock_listen(net, fd, backlog);
}
static int session_accept(void *net, int fd, struct vt_addr *peer)
{
    return vt_sock_accept(net, fd, peer);
}
static int session_connect(void *net, int fd, const struct vt_addr *peer)
{
    return vt_sock_connect(net, fd, peer);
}
static long session_sendto(void *net, int fd, const void *buf, size_t len, int flags,
                           const struct vt_addr *to)
{
    return vt_sock_sendto(net, fd, buf, len, flags, to);
}
static long session_recvfrom(void *net, int fd, void *buf, size_t len, int flags, struct vt_addr *from)
{
    return vt_sock_recvfrom(net, fd, buf, len, flags, from);
}
static long session_recvmsg(void *net, int fd, void *buf, size_t len, int flags, struct vt_msg_info *info)
{
    return vt_sock_recvmsg(net, fd, buf, len, flags, info);
}
static int session_shutdown(void *net, int fd, int how)
{
    return vt_sock_shutdown(net, fd, how);
}
static int session_close(void *net, int fd)
{
    return vt_sock_close(net, fd);
}
static int session_getsockname(void *net, int fd, struct vt_addr *addr)
{
    return vt_sock_getsockname(net, fd, addr);
}
static int session_getpeername(void *net, int fd, struct vt_addr *addr)
{
    return vt_sock_getpeername(net, fd, addr);
}
static int session_setsockopt(void *net, int fd, int level, int name, const void *val, size_t len)
{
    return vt_sock_setsockopt(net, fd, level, name, val, len);
}
static int session_getsockopt(void *net, int fd, int level, int name, void *val, size_t *len)
{
    return vt_sock_getsockopt(net, fd, level, name, val, len);
}
static int session_epoll_create(void *net)
{
    return vt_sock_epoll_create(net);
}
static int session_epoll_ctl(void *net, int epfd, int op, int fd, const struct vt_epoll_event *ev)
{
    return vt_sock_epoll_ctl(net, epfd, op, fd, ev);
}
static int session_epoll_wait(void *net, int epfd, struct vt_epoll_event *evs, int max)
{
    return vt_sock_epoll_wait(net, epfd, evs, max);
}
static int session_resolve(void *net, const char *name, struct vt_addr *addr)
{
    return vt_sock_getaddrinfo(net, name, addr);
}

const struct vt_socket_api vt_session_api = {
    .socket = session_socket,
    .bind = session_bind,
    .listen = session_listen,
    .accept = session_accept,
    .connect = session_connect,
    .sendto = session_sendto,
    .recvfrom = session_recvfrom,
    .recvmsg = session_recvmsg,
    .shutdown = session_shutdown,
    .close = session_close,
    .getsockname = session_getsockname,
    .getpeername = session_getpeername,
    .setsockopt = session_setsockopt,
    .getsockopt = session_getsockopt,
    .epoll_create = session_epoll_create,
    .epoll_ctl = session_epoll_ctl,
    .epoll_wait = session_epoll_wait,
    .resolve = session_resolve,
};

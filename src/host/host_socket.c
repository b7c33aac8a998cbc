/* The public socket calls: the session floor's, of this host. */
#include "internal.h"

int vt_socket(struct vt_host *h, int domain, int type, int protocol)
{
    return vt_sock_socket(h->sockets, domain, type, protocol);
}

int vt_bind(struct vt_host *h, int fd, const struct vt_addr *addr)
{
    return vt_sock_bind(h->sockets, fd, addr);
}

int vt_listen(struct vt_host *h, int fd, int backlog)
{
    return vt_sock_listen(h->sockets, fd, backlog);
}

int vt_accept(struct vt_host *h, int fd, struct vt_addr *peer)
{
    return vt_sock_accept(h->sockets, fd, peer);
}

int vt_connect(struct vt_host *h, int fd, const struct vt_addr *peer)
{
    return vt_sock_connect(h->sockets, fd, peer);
}

long vt_send(struct vt_host *h, int fd, const void *buf, size_t len, int flags)
{
    return vt_sock_sendto(h->sockets, fd, buf, len, flags, NULL);
}

long vt_recv(struct vt_host *h, int fd, void *buf, size_t len, int flags)
{
    return vt_sock_recvfrom(h->sockets, fd, buf, len, flags, NULL);
}

long vt_sendto(struct vt_host *h, int fd, const void *buf, size_t len, int flags, const struct vt_addr *to)
{
    return vt_sock_sendto(h->sockets, fd, buf, len, flags, to);
}

long vt_recvfrom(struct vt_host *h, int fd, void *buf, size_t len, int flags, struct vt_addr *from)
{
    return vt_sock_recvfrom(h->sockets, fd, buf, len, flags, from);
}

long vt_recvmsg(struct vt_host *h, int fd, void *buf, size_t len, int flags, struct vt_msg_info *info)
{
    return vt_sock_recvmsg(h->sockets, fd, buf, len, flags, info);
}

int vt_shutdown(struct vt_host *h, int fd, int how)
{
    return vt_sock_shutdown(h->sockets, fd, how);
}

int vt_close(struct vt_host *h, int fd)
{
    return vt_sock_close(h->sockets, fd);
}

int vt_getsockname(struct vt_host *h, int fd, struct vt_addr *addr)
{
    return vt_sock_getsockname(h->sockets, fd, addr);
}

int vt_getpeername(struct vt_host *h, int fd, struct vt_addr *addr)
{
    return vt_sock_getpeername(h->sockets, fd, addr);
}

int vt_setsockopt(struct vt_host *h, int fd, int level, int name, const void *val, size_t len)
{
    return vt_sock_setsockopt(h->sockets, fd, level, name, val, len);
}

int vt_getsockopt(struct vt_host *h, int fd, int level, int name, void *val, size_t *len)
{
    return vt_sock_getsockopt(h->sockets, fd, level, name, val, len);
}

int vt_ioctl(struct vt_host *h, int fd, unsigned request, int *value)
{
    return vt_sock_ioctl(h->sockets, fd, request, value);
}

int vt_poll(struct vt_host *h, struct vt_pollfd *fds, unsigned n)
{
    return vt_sock_poll(h->sockets, fds, n);
}

int vt_epoll_create(struct vt_host *h)
{
    return vt_sock_epoll_create(h->sockets);
}

int vt_epoll_ctl(struct vt_host *h, int epfd, int op, int fd, const struct vt_epoll_event *ev)
{
    return vt_sock_epoll_ctl(h->sockets, epfd, op, fd, ev);
}

int vt_epoll_wait(struct vt_host *h, int epfd, struct vt_epoll_event *evs, int max)
{
    return vt_sock_epoll_wait(h->sockets, epfd, evs, max);
}

long vt_recv_buf(struct vt_host *h, int fd, struct vt_buf *buf)
{
    return vt_sock_recv_buf(h->sockets, fd, buf);
}

void vt_buf_release(struct vt_host *h, struct vt_buf *buf)
{
    vt_sock_buf_release(h->sockets, buf);
}

int vt_buf_get(struct vt_host *h, size_t size, struct vt_buf *buf)
{
    return vt_sock_buf_get(h->sockets, size, buf);
}

long vt_send_buf(struct vt_host *h, int fd, struct vt_buf *buf, size_t len)
{
    return vt_sock_send_buf(h->sockets, fd, buf, len);
}

int vt_getaddrinfo(struct vt_host *h, const char *name, struct vt_addr *addr)
{
    return vt_sock_getaddrinfo(h->sockets, name, addr);
}

int vt_hosts_add(struct vt_host *h, const char *name, struct vt_ip ip)
{
    return vt_sock_hosts_add(h->sockets, name, ip);
}

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/text.h"
#include "kernel_sockets.h"

int vt_error_from_errno(int error)
{
    switch (error) {
#define X(name, number, text) \
    case name: return -VT_##name;
        VT_ERRNO_LIST(X)
#undef X
    default: return -VT_EIO;
    }
}

static int result(int r)
{
    return r >= 0 ? r : vt_error_from_errno(errno);
}

static long long_result(ssize_t r)
{
    return r >= 0 ? (long)r : vt_error_from_errno(errno);
}

/* ---- Addresses ---- */

static int to_sockaddr(struct sockaddr_in *sin, const struct vt_addr *addr)
{
    if (!vt_ip_is4(addr->ip) && !vt_ip_is_any(addr->ip))
        return -VT_EAFNOSUPPORT;
    *sin = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(addr->port)};
    sin->sin_addr.s_addr = htonl(vt_ip_is4(addr->ip) ? vt_ip_to4(addr->ip) : INADDR_ANY);
    return 0;
}

static struct vt_addr from_sockaddr(const struct sockaddr_in *sin)
{
    return (struct vt_addr){.ip = vt_ip_from4(ntohl(sin->sin_addr.s_addr)), .port = ntohs(sin->sin_port)};
}

/* ---- The table ---- */

static int kernel_socket(void *net, int domain, int type, int protocol)
{
    const int on = 1;
    bool ping = type == VT_SOCK_DGRAM && protocol == IPPROTO_ICMP;
    int fd;
    (void)net;
    if (domain != VT_AF_INET)
        return -VT_EAFNOSUPPORT;
    fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    /* What recvmsg() tells of: how far an answer came, and errors with their sender. */
    if (fd >= 0 && ping) {
        setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
        setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    }
    return result(fd);
}

static int kernel_bind(void *net, int fd, const struct vt_addr *addr)
{
    struct sockaddr_in sin;
    int err = to_sockaddr(&sin, addr);
    (void)net;
    return err < 0 ? err : result(bind(fd, (const struct sockaddr *)&sin, sizeof sin));
}

static int kernel_listen(void *net, int fd, int backlog)
{
    (void)net;
    return result(listen(fd, backlog));
}

static int kernel_accept(void *net, int fd, struct vt_addr *peer)
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    socklen_t len = sizeof sin;
    int new_fd = accept4(fd, (struct sockaddr *)&sin, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    (void)net;
    if (new_fd >= 0 && peer != NULL)
        *peer = from_sockaddr(&sin);
    return result(new_fd);
}

static int kernel_connect(void *net, int fd, const struct vt_addr *peer)
{
    struct sockaddr_in sin;
    int err = to_sockaddr(&sin, peer);
    (void)net;
    return err < 0 ? err : result(connect(fd, (const struct sockaddr *)&sin, sizeof sin));
}

static long kernel_sendto(void *net, int fd, const void *buf, size_t len, int flags, const struct vt_addr *to)
{
    struct sockaddr_in sin;
    int err = to != NULL ? to_sockaddr(&sin, to) : 0;
    (void)net;
    if (err < 0)
        return err;
    return long_result(sendto(fd, buf, len, flags | MSG_NOSIGNAL,
                              to != NULL ? (const struct sockaddr *)&sin : NULL,
                              to != NULL ? sizeof sin : 0));
}

static long kernel_recvfrom(void *net, int fd, void *buf, size_t len, int flags, struct vt_addr *from)
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    socklen_t sin_len = sizeof sin;
    ssize_t n = recvfrom(fd, buf, len, flags, (struct sockaddr *)&sin, &sin_len);
    (void)net;
    if (n >= 0 && from != NULL && sin_len == sizeof sin)
        *from = from_sockaddr(&sin);
    return long_result(n);
}

static void read_error(struct vt_msg_info *info, const struct sock_extended_err *e)
{
    const struct sockaddr_in *offender = (const struct sockaddr_in *)SO_EE_OFFENDER(e);
    info->error = vt_error_from_errno((int)e->ee_errno);
    if (e->ee_origin == SO_EE_ORIGIN_ICMP) {
        info->icmp_type = e->ee_type;
        info->icmp_code = e->ee_code;
    } else if (e->ee_errno == EMSGSIZE) {
        /* Of our own machine: what a router would have said. */
        info->icmp_type = ICMP_DEST_UNREACH;
        info->icmp_code = ICMP_FRAG_NEEDED;
    }
    if (info->icmp_type == ICMP_DEST_UNREACH && info->icmp_code == ICMP_FRAG_NEEDED)
        info->mtu = e->ee_info;
    if (offender->sin_family == AF_INET)
        info->from = from_sockaddr(offender);
}

static long kernel_recvmsg(void *net, int fd, void *buf, size_t len, int flags, struct vt_msg_info *info)
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    struct iovec iov = {buf, len};
    union {
        struct cmsghdr align;
        char room[512];
    } control;
    struct msghdr m = {.msg_name = &sin,
                       .msg_namelen = sizeof sin,
                       .msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &m, flags);
    (void)net;
    if (n < 0)
        return vt_error_from_errno(errno);
    *info = (struct vt_msg_info){.from = from_sockaddr(&sin)};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
        int ttl;
        if (c->cmsg_level != IPPROTO_IP)
            continue;
        if (c->cmsg_type == IP_TTL) {
            memcpy(&ttl, CMSG_DATA(c), sizeof ttl);
            info->ttl = (uint8_t)ttl;
        } else if (c->cmsg_type == IP_RECVERR) {
            read_error(info, (const struct sock_extended_err *)(const void *)CMSG_DATA(c));
        }
    }
    return (long)n;
}

static int kernel_shutdown(void *net, int fd, int how)
{
    (void)net;
    return result(shutdown(fd, how));
}

static int kernel_close(void *net, int fd)
{
    (void)net;
    return result(close(fd));
}

static int kernel_getsockname(void *net, int fd, struct vt_addr *addr)
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    socklen_t len = sizeof sin;
    int r = getsockname(fd, (struct sockaddr *)&sin, &len);
    (void)net;
    if (r == 0)
        *addr = from_sockaddr(&sin);
    return result(r);
}

static int kernel_getpeername(void *net, int fd, struct vt_addr *addr)
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    socklen_t len = sizeof sin;
    int r = getpeername(fd, (struct sockaddr *)&sin, &len);
    (void)net;
    if (r == 0)
        *addr = from_sockaddr(&sin);
    return result(r);
}

static int kernel_setsockopt(void *net, int fd, int level, int name, const void *val, size_t len)
{
    (void)net;
    return result(setsockopt(fd, level, name, val, (socklen_t)len));
}

static int kernel_getsockopt(void *net, int fd, int level, int name, void *val, size_t *len)
{
    socklen_t n = (socklen_t)*len;
    int r = getsockopt(fd, level, name, val, &n);
    (void)net;
    *len = n;
    return result(r);
}

static int kernel_epoll_create(void *net)
{
    (void)net;
    return result(epoll_create1(EPOLL_CLOEXEC));
}

static int kernel_epoll_ctl(void *net, int epfd, int op, int fd, const struct vt_epoll_event *ev)
{
    struct epoll_event e = {0};
    (void)net;
    if (ev != NULL) {
        e.events = ev->events; /* the bits are Linux's */
        e.data.u64 = ev->data;
    }
    return result(epoll_ctl(epfd, op, fd, &e));
}

static int kernel_epoll_wait(void *net, int epfd, struct vt_epoll_event *evs, int max)
{
    struct epoll_event e[64];
    int n = epoll_wait(epfd, e, max < 64 ? max : 64, 0);
    (void)net;
    for (int i = 0; i < n; i++)
        evs[i] = (struct vt_epoll_event){.events = e[i].events, .data = e[i].data.u64};
    return result(n);
}

static int kernel_resolve(void *net, const char *name, struct vt_addr *addr)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    struct vt_ip number;
    int err;
    (void)net;
    *addr = (struct vt_addr){.port = 0};
    if (vt_ip_parse(&number, name) == 0) {
        addr->ip = number;
        return 0;
    }
    err = getaddrinfo(name, NULL, &hints, &found);
    if (err != 0)
        return err == EAI_MEMORY ? -VT_ENOMEM : err == EAI_SYSTEM ? vt_error_from_errno(errno) : -VT_ENOENT;
    *addr = from_sockaddr((const struct sockaddr_in *)(const void *)found->ai_addr);
    freeaddrinfo(found);
    return 0;
}

const struct vt_socket_api vt_kernel_api = {
    .socket = kernel_socket,
    .bind = kernel_bind,
    .listen = kernel_listen,
    .accept = kernel_accept,
    .connect = kernel_connect,
    .sendto = kernel_sendto,
    .recvfrom = kernel_recvfrom,
    .recvmsg = kernel_recvmsg,
    .shutdown = kernel_shutdown,
    .close = kernel_close,
    .getsockname = kernel_getsockname,
    .getpeername = kernel_getpeername,
    .setsockopt = kernel_setsockopt,
    .getsockopt = kernel_getsockopt,
    .epoll_create = kernel_epoll_create,
    .epoll_ctl = kernel_epoll_ctl,
    .epoll_wait = kernel_epoll_wait,
    .resolve = kernel_resolve,
};

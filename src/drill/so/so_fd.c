/* Descriptors and addresses: the tool's and the host's. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>
#include "so.h"

struct so_fd *so_fd(struct so *so, int fd)
{
    return fd >= 0 && fd < (int)SO_FDS && so->fd[fd].kind != SO_FD_NONE ? &so->fd[fd] : NULL;
}

int so_live(struct so *so, int fd)
{
    const struct so_fd *f = so_fd(so, fd);

    return f != NULL ? f->live : -1;
}

long so_fd_new(struct so *so, enum so_fd_kind kind, long live, bool stream, bool nonblock)
{
    int fd;

    if (live < 0)
        return live;
    fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0 || fd >= (int)SO_FDS) {
        if (fd >= 0)
            close(fd);
        vt_close(so->host, (int)live);
        return -VT_EMFILE;
    }
    so->fd[fd] = (struct so_fd){.kind = kind, .live = (int)live, .stream = stream, .nonblock = nonblock};
    return fd;
}

long so_addr_in(const struct sockaddr *sa, socklen_t len, struct vt_addr *addr, bool *unspec)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;

    *unspec = false;
    if (sa == NULL)
        return -VT_EFAULT;
    if (len < sizeof sa->sa_family)
        return -VT_EINVAL;
    *unspec = sa->sa_family == AF_UNSPEC;
    if (*unspec)
        return 0;
    if (sa->sa_family != AF_INET)
        return -VT_EAFNOSUPPORT;
    if (len < sizeof *in)
        return -VT_EINVAL;
    *addr = (struct vt_addr){.ip = vt_ip_from4(ntohl(in->sin_addr.s_addr)), .port = ntohs(in->sin_port)};
    return 0;
}

void so_addr_out(const struct vt_addr *addr, struct sockaddr *sa, socklen_t *len)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(addr->port)};

    if (sa == NULL || len == NULL)
        return;
    in.sin_addr.s_addr = htonl(vt_ip_to4(addr->ip));
    memcpy(sa, &in, *len < sizeof in ? *len : sizeof in);
    *len = sizeof in;
}

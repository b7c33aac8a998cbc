/* Calls that read and write. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "so.h"

#define BYTES_MAX ((size_t)64 << 20) /* of one call */

/* ---- Buffers ---- */

/* The bytes of all buffers, -1 for what the kernel would refuse. */
static long total(const struct iovec *iov, size_t n)
{
    size_t sum = 0;

    if (n > IOV_MAX)
        return -VT_EINVAL;
    for (size_t i = 0; i < n; i++) {
        if (iov[i].iov_len > BYTES_MAX - sum)
            return -VT_EINVAL;
        sum += iov[i].iov_len;
    }
    return (long)sum;
}

/* Between the buffers and one run of bytes: a stream does not know where they meet. */
static void scatter(const struct iovec *iov, size_t n, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < n && len != 0; i++) {
        size_t part = iov[i].iov_len < len ? iov[i].iov_len : len;

        if (part != 0)
            memcpy(iov[i].iov_base, bytes, part);
        bytes += part;
        len -= part;
    }
}

static void gather(const struct iovec *iov, size_t n, uint8_t *bytes)
{
    for (size_t i = 0; i < n; i++) {
        if (iov[i].iov_len != 0)
            memcpy(bytes, iov[i].iov_base, iov[i].iov_len);
        bytes += iov[i].iov_len;
    }
}

/* ---- Reading ---- */

static bool try_read(struct so *so, struct so_op *op)
{
    (void)so;
    return drill_io_read(&op->io);
}

static void reads(struct so *so, struct so_op *op, int fd, int flags)
{
    so_op_init(so, op, fd);
    op->attempt = try_read;
    op->io.flags = flags;
    if ((flags & (VT_MSG_DONTWAIT | VT_MSG_ERRQUEUE)) != 0)
        op->io.waits = false;
    if (op->io.fd >= 0)
        op->deadline = so_timeout(so, op->io.fd, VT_SO_RCVTIMEO);
}

static ssize_t so_recvfrom(void *u, int fd, void *buf, size_t len, int flags, struct sockaddr *sa,
                           socklen_t *salen)
{
    struct so *so = so_enter(u);
    struct so_op op;
    long result;

    reads(so, &op, fd, flags);
    op.io.buf = buf;
    op.io.len = len;
    result = so_run(so, &op);
    if (result >= 0 && !op.io.stream)
        so_addr_out(&op.io.addr, sa, salen);
    else if (result >= 0 && salen != NULL)
        *salen = 0; /* a stream's segments do not say */
    return so_leave(so, result);
}

static ssize_t so_recv(void *u, int fd, void *buf, size_t len, int flags)
{
    return so_recvfrom(u, fd, buf, len, flags, NULL, NULL);
}

/* A pipe's end is the kernel's. */
static bool is_ours(void *u, int fd)
{
    struct so *so = u;
    bool ours;

    pthread_mutex_lock(&so->lock);
    ours = so_fd(so, fd) != NULL;
    pthread_mutex_unlock(&so->lock);
    return ours;
}

static ssize_t so_read(void *u, int fd, void *buf, size_t len)
{
    return is_ours(u, fd) ? so_recv(u, fd, buf, len, 0) : read(fd, buf, len);
}

/* Reads into one run of bytes, then into the buffers. */
static long read_vectors(struct so *so, struct so_op *op, const struct iovec *iov, size_t n)
{
    long len = total(iov, n), result;

    if (len < 0)
        return len;
    op->io.len = (size_t)len;
    op->io.buf = malloc(op->io.len + 1);
    if (op->io.buf == NULL)
        return -VT_ENOMEM;
    result = so_run(so, op);
    if (result > 0 && (op->io.flags & VT_MSG_TRUNC) == 0)
        scatter(iov, n, op->io.buf, (size_t)result < op->io.len ? (size_t)result : op->io.len);
    free(op->io.buf);
    return result;
}

static ssize_t so_readv(void *u, int fd, const struct iovec *iov, int n)
{
    struct so *so;
    struct so_op op;

    if (!is_ours(u, fd))
        return readv(fd, iov, n);
    so = so_enter(u);
    reads(so, &op, fd, 0);
    return so_leave(so, n < 0 ? -VT_EINVAL : read_vectors(so, &op, iov, (size_t)n));
}

static ssize_t so_recvmsg(void *u, int fd, struct msghdr *msg, int flags)
{
    struct so *so = so_enter(u);
    struct vt_msg_info info = {.ttl = 0};
    struct so_op op;
    long result;

    reads(so, &op, fd, flags);
    op.io.info = &info;
    result = read_vectors(so, &op, msg->msg_iov, msg->msg_iovlen);
    if (result >= 0) {
        so_controls_out(&info, msg);
        if (op.io.stream)
            msg->msg_namelen = 0;
        else
            so_addr_out(&info.from, msg->msg_name, &msg->msg_namelen);
    }
    return so_leave(so, result);
}

/* ---- Writing ---- */

static bool try_write(struct so *so, struct so_op *op)
{
    (void)so;
    return drill_io_write(&op->io);
}

/* `buf` is only read. */
static long writes(struct so *so, int fd, const void *buf, size_t len, int flags, const struct sockaddr *sa,
                   socklen_t salen)
{
    struct so_op op;
    bool unspec = false;
    long error = 0;

    so_op_init(so, &op, fd);
    op.attempt = try_write;
    memcpy(&op.io.buf, &buf, sizeof op.io.buf);
    op.io.len = len;
    op.io.flags = flags;
    if ((flags & VT_MSG_DONTWAIT) != 0)
        op.io.waits = false;
    if (op.io.fd >= 0)
        op.deadline = so_timeout(so, op.io.fd, VT_SO_SNDTIMEO);
    if (sa != NULL)
        error = so_addr_in(sa, salen, &op.io.addr, &unspec);
    op.io.has_addr = sa != NULL && !unspec;
    return error != 0 ? error : so_run(so, &op);
}

static ssize_t so_sendto(void *u, int fd, const void *buf, size_t len, int flags, const struct sockaddr *sa,
                         socklen_t salen)
{
    struct so *so = so_enter(u);

    return so_leave(so, writes(so, fd, buf, len, flags, sa, salen));
}

static ssize_t so_send(void *u, int fd, const void *buf, size_t len, int flags)
{
    return so_sendto(u, fd, buf, len, flags, NULL, 0);
}

static ssize_t so_write(void *u, int fd, const void *buf, size_t len)
{
    return is_ours(u, fd) ? so_sendto(u, fd, buf, len, 0, NULL, 0) : write(fd, buf, len);
}

static long write_vectors(struct so *so, int fd, const struct iovec *iov, size_t n, int flags,
                          const struct sockaddr *sa, socklen_t salen)
{
    long len = total(iov, n), result;
    uint8_t *bytes;

    if (len < 0)
        return len;
    bytes = malloc((size_t)len + 1);
    if (bytes == NULL)
        return -VT_ENOMEM;
    gather(iov, n, bytes);
    result = writes(so, fd, bytes, (size_t)len, flags, sa, salen);
    free(bytes);
    return result;
}

static ssize_t so_writev(void *u, int fd, const struct iovec *iov, int n)
{
    struct so *so;

    if (!is_ours(u, fd))
        return writev(fd, iov, n);
    so = so_enter(u);
    return so_leave(so, n < 0 ? -VT_EINVAL : write_vectors(so, fd, iov, (size_t)n, 0, NULL, 0));
}

static ssize_t so_sendmsg(void *u, int fd, const struct msghdr *msg, int flags)
{
    struct so *so = so_enter(u);

    return so_leave(
        so, write_vectors(so, fd, msg->msg_iov, msg->msg_iovlen, flags, msg->msg_name, msg->msg_namelen));
}

/* ---- pipe, splice, sendfile ---- */

static int so_pipe(void *u, int fd[2])
{
    (void)u;
    return pipe(fd);
}

#define SPLICE_MAX 65536u /* a pipe holds no more */

static long u_ioctl(void *u, int fd, unsigned request, int *value)
{
    struct so *so = so_enter(u);

    return so_leave(so, vt_ioctl(so->host, so_live(so, fd), request, value));
}

/* From a socket to a pipe: no more is taken than the pipe has room for. */
static ssize_t splice_in(void *u, int in, int out, size_t len, int flags)
{
    uint8_t bytes[SPLICE_MAX];
    struct pollfd room = {.fd = out, .events = POLLOUT};
    int mark = 0;
    ssize_t n;

    /* Linux never takes the urgent byte by splice(): where it is the next, nothing comes. */
    if (u_ioctl(u, in, VT_SIOCATMARK, &mark) == 0 && mark != 0)
        return 0;
    if (poll(&room, 1, 0) != 1) {
        errno = EAGAIN;
        return -1;
    }
    n = so_recv(u, in, bytes, len < sizeof bytes ? len : sizeof bytes, flags);
    return n > 0 ? write(out, bytes, (size_t)n) : n;
}

static ssize_t splice_out(void *u, int in, int out, size_t len, int flags)
{
    uint8_t bytes[SPLICE_MAX];
    ssize_t n = read(in, bytes, len < sizeof bytes ? len : sizeof bytes);

    return n > 0 ? so_send(u, out, bytes, (size_t)n, flags) : n;
}

static int so_splice(void *u, int in, loff_t *in_offset, int out, loff_t *out_offset, size_t len,
                     unsigned flags)
{
    int message = (flags & SPLICE_F_NONBLOCK) != 0 ? MSG_DONTWAIT : 0;

    if (is_ours(u, in))
        return (int)splice_in(u, in, out, len, message);
    if (is_ours(u, out))
        return (int)splice_out(u, in, out, len, message | ((flags & SPLICE_F_MORE) != 0 ? MSG_MORE : 0));
    return (int)splice(in, in_offset, out, out_offset, len, flags);
}

ssize_t so_sendfile(void *u, int out, int in, off_t *offset, size_t len)
{
    uint8_t *bytes = malloc(len < BYTES_MAX ? len + 1 : BYTES_MAX);
    ssize_t n = -1;

    if (bytes == NULL || len >= BYTES_MAX)
        errno = bytes == NULL ? ENOMEM : EINVAL;
    else
        n = offset != NULL ? pread(in, bytes, len, *offset) : read(in, bytes, len);
    if (n > 0)
        n = so_send(u, out, bytes, (size_t)n, 0);
    if (n > 0 && offset != NULL)
        *offset += n;
    free(bytes);
    return n;
}

void so_io_calls(struct packetdrill_interface *ifc)
{
    ifc->read = so_read;
    ifc->readv = so_readv;
    ifc->recv = so_recv;
    ifc->recvfrom = so_recvfrom;
    ifc->recvmsg = so_recvmsg;
    ifc->write = so_write;
    ifc->writev = so_writev;
    ifc->send = so_send;
    ifc->sendto = so_sendto;
    ifc->sendmsg = so_sendmsg;
    ifc->pipe = so_pipe;
    ifc->splice = so_splice;
}

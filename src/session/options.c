/* setsockopt, getsockopt and ioctl: what every socket has is here, the rest is its kind's. */
#include "socket.h"

#define USEC INT64_C(1000000)

/* Linux's struct timeval of a 64-bit machine. */
struct timeval64 {
    int64_t sec, usec;
};

static int set_timeout(vt_span *out, const void *val, size_t len)
{
    struct timeval64 tv;

    if (len < sizeof tv)
        return -VT_EINVAL;
    memcpy(&tv, val, sizeof tv);
    if (tv.usec < 0 || tv.usec >= USEC)
        return -VT_EDOM;
    if (tv.sec < 0)
        *out = -1;
    else if (tv.sec >= INT64_MAX / VT_SEC)
        *out = 0;
    else
        *out = tv.sec * VT_SEC + tv.usec * VT_USEC;
    return 0;
}

static int get_timeout(vt_span timeout, void *val, size_t *len)
{
    struct timeval64 tv = {0};

    if (timeout > 0) {
        tv.sec = timeout / VT_SEC;
        tv.usec = timeout % VT_SEC / VT_USEC;
    }
    return vt_opt_put(val, len, &tv, sizeof tv);
}

static int set_linger(struct vt_linger *out, const void *val, size_t len)
{
    if (len < sizeof *out)
        return -VT_EINVAL;
    memcpy(out, val, sizeof *out);
    out->onoff = out->onoff != 0;
    return 0;
}

static uint32_t kept_bit(int name)
{
    switch (name) {
    case VT_SO_DEBUG: return VT_KEPT_DEBUG;
    case VT_SO_BROADCAST: return VT_KEPT_BROADCAST;
    case VT_SO_KEEPALIVE: return VT_KEPT_KEEPALIVE;
    case VT_SO_OOBINLINE: return VT_KEPT_OOBINLINE;
    default: return 0;
    }
}

/* Options of VT_SOL_SOCKET that the kind does not know: kept, for they are every socket's on Linux. */
static int set_common(struct vt_socket *so, int name, const void *val, size_t len)
{
    uint32_t bit = kept_bit(name);
    int v, error;

    if (bit == 0 && name != VT_SO_PRIORITY && name != VT_SO_RCVLOWAT)
        return -VT_ENOPROTOOPT;
    error = vt_opt_int(val, len, &v);
    if (error != 0)
        return error;
    if (name == VT_SO_RCVLOWAT) {
        so->opts.rcvlowat = v < 0 ? INT32_MAX : v != 0 ? v : 1;
    } else if (name == VT_SO_PRIORITY) {
        if (v < 0 || v > 6)
            return -VT_EPERM; /* the others are an administrator's */
        so->opts.priority = v;
    } else {
        so->opts.kept = v != 0 ? so->opts.kept | bit : so->opts.kept & ~bit;
    }
    return 0;
}

int vt_sock_setsockopt(struct vt_sockets *s, int fd, int level, int name, const void *val, size_t len)
{
    struct vt_socket *so = vt_sock_get(s, fd);
    int error;

    if (so == NULL)
        return -VT_EBADF;
    if (so->ops->type == 0)
        return -VT_ENOTSOCK;
    if (val == NULL)
        return -VT_EFAULT;
    if (len > INT32_MAX)
        return -VT_EINVAL;
    if (level == VT_SOL_SOCKET) {
        switch (name) {
        case VT_SO_LINGER: return set_linger(&so->opts.linger, val, len);
        case VT_SO_RCVTIMEO:
        case VT_SO_RCVTIMEO_NEW: return set_timeout(&so->opts.rcvtimeo, val, len);
        case VT_SO_SNDTIMEO:
        case VT_SO_SNDTIMEO_NEW: return set_timeout(&so->opts.sndtimeo, val, len);
        default: break;
        }
    }
    error = so->ops->setopt(so, level, name, val, len);
    if (error == -VT_ENOPROTOOPT && level == VT_SOL_SOCKET)
        error = set_common(so, name, val, len);
    if (error == 0 && level == VT_SOL_SOCKET && name == VT_SO_MARK)
        memcpy(&so->mark, val, sizeof so->mark);
    return error;
}

static int get_common(struct vt_socket *so, int name, void *val, size_t *len)
{
    uint32_t bit = kept_bit(name);

    switch (name) {
    case VT_SO_PRIORITY: return vt_opt_put_int(val, len, so->opts.priority);
    case VT_SO_RCVLOWAT: return vt_opt_put_int(val, len, so->opts.rcvlowat);
    case VT_SO_SNDLOWAT: return vt_opt_put_int(val, len, 1);
    default: break;
    }
    if (bit == 0)
        return -VT_ENOPROTOOPT;
    return vt_opt_put_int(val, len, (so->opts.kept & bit) != 0);
}

int vt_sock_getsockopt(struct vt_sockets *s, int fd, int level, int name, void *val, size_t *len)
{
    struct vt_socket *so = vt_sock_get(s, fd);
    int error;

    if (so == NULL)
        return -VT_EBADF;
    if (so->ops->type == 0)
        return -VT_ENOTSOCK;
    if (val == NULL || len == NULL)
        return -VT_EFAULT;
    if (*len > INT32_MAX)
        return -VT_EINVAL;
    if (level == VT_SOL_SOCKET) {
        switch (name) {
        case VT_SO_ERROR: return vt_opt_put_int(val, len, -so->ops->take_error(so));
        case VT_SO_TYPE: return vt_opt_put_int(val, len, so->ops->type);
        case VT_SO_PROTOCOL: return vt_opt_put_int(val, len, so->ops->protocol);
        case VT_SO_DOMAIN: return vt_opt_put_int(val, len, VT_AF_INET);
        case VT_SO_ACCEPTCONN: return vt_opt_put_int(val, len, so->state == VT_SOCK_LISTENING);
        case VT_SO_LINGER: return vt_opt_put(val, len, &so->opts.linger, sizeof so->opts.linger);
        case VT_SO_RCVTIMEO:
        case VT_SO_RCVTIMEO_NEW: return get_timeout(so->opts.rcvtimeo, val, len);
        case VT_SO_SNDTIMEO:
        case VT_SO_SNDTIMEO_NEW: return get_timeout(so->opts.sndtimeo, val, len);
        default: break;
        }
    }
    error = so->ops->getopt(so, level, name, val, len);
    if (error == -VT_ENOPROTOOPT && level == VT_SOL_SOCKET)
        error = get_common(so, name, val, len);
    return error;
}

int vt_sock_ioctl(struct vt_sockets *s, int fd, unsigned request, int *value)
{
    struct vt_socket *so = vt_sock_get(s, fd);

    if (so == NULL)
        return -VT_EBADF;
    if (value == NULL)
        return -VT_EFAULT;
    return so->ops->ioctl != NULL ? so->ops->ioctl(so, request, value) : -VT_ENOTTY;
}

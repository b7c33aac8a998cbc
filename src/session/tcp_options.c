/* Options of a TCP socket that the socket keeps: they change what calls tell, not what the connection does.
 */
#include "socket.h"

static uint32_t bit_of(int level, int name)
{
    if (level == VT_SOL_TCP)
        return name == VT_TCP_INQ ? VT_KEPT_INQ : 0;
    switch (level == VT_SOL_SOCKET ? name : 0) {
    case VT_SO_TIMESTAMP:
    case VT_SO_TIMESTAMP_NEW: return VT_KEPT_TIMESTAMP;
    case VT_SO_TIMESTAMPNS:
    case VT_SO_TIMESTAMPNS_NEW: return VT_KEPT_TIMESTAMPNS;
    case VT_SO_SELECT_ERR_QUEUE: return VT_KEPT_SELECT_ERR;
    case VT_SO_ZEROCOPY: return VT_KEPT_ZEROCOPY;
    default: return 0;
    }
}

static int set_bit(struct vt_socket *so, uint32_t bit, int v)
{
    const uint32_t stamps = VT_KEPT_TIMESTAMP | VT_KEPT_TIMESTAMPNS;

    if ((bit == VT_KEPT_INQ || bit == VT_KEPT_ZEROCOPY) && v != 0 && v != 1)
        return -VT_EINVAL;
    if ((bit & stamps) != 0) /* Linux: the one set last is the one that counts */
        so->opts.kept &= ~stamps;
    so->opts.kept = v != 0 ? so->opts.kept | bit : so->opts.kept & ~bit;
    return 0;
}

static int set_stamping(struct vt_socket *so, int v)
{
    int error = vt_tcp_set_timestamping(so->u.tcb, (uint32_t)v);

    if (error == 0)
        so->opts.stamping = (uint32_t)v;
    return error;
}

int vt_sock_tcp_setopt(struct vt_socket *so, int level, int name, const void *val, size_t len)
{
    uint32_t bit = bit_of(level, name);
    bool stamping = level == VT_SOL_SOCKET && (name == VT_SO_TIMESTAMPING || name == VT_SO_TIMESTAMPING_NEW);
    bool off = level == VT_SOL_SOCKET && name == VT_SO_PEEK_OFF;
    int v, error;

    if (bit == 0 && !stamping && !off)
        return vt_tcp_setopt(so->u.tcb, level, name, val, len);
    error = vt_opt_int(val, len, &v);
    if (error != 0)
        return error;
    if (stamping)
        return set_stamping(so, v);
    if (!off)
        return set_bit(so, bit, v);
    so->opts.peek_off = v < 0 ? -1 : v;
    return 0;
}

int vt_sock_tcp_getopt(const struct vt_socket *so, int level, int name, void *val, size_t *len)
{
    uint32_t bit = bit_of(level, name);
    uint64_t cookie = vt_tcp_conn(so->u.tcb);

    if (bit != 0)
        return vt_opt_put_int(val, len, (so->opts.kept & bit) != 0);
    switch (level == VT_SOL_SOCKET ? name : 0) {
    case VT_SO_TIMESTAMPING:
    case VT_SO_TIMESTAMPING_NEW: return vt_opt_put_int(val, len, (int)so->opts.stamping);
    case VT_SO_PEEK_OFF: return vt_opt_put_int(val, len, so->opts.peek_off);
    case VT_SO_COOKIE:
        return *len < sizeof cookie ? -VT_EINVAL : vt_opt_put(val, len, &cookie, sizeof cookie);
    default: return vt_tcp_getopt(so->u.tcb, level, name, val, len);
    }
}

#include "block.h"

static bool ready(const struct drill_io *io, short events)
{
    struct vt_pollfd p = {.fd = io->fd, .events = events};

    return vt_poll(io->host, &p, 1) != 0;
}

static uint8_t *at(const struct drill_io *io)
{
    return io->buf != NULL ? io->buf + io->done : NULL;
}

/* A blocking read waits until there is something, with MSG_WAITALL until it is all: Linux wakes it when
 * poll() would find the socket readable. Nothing waits for an urgent byte. */
bool drill_io_read(struct drill_io *io)
{
    bool waits = io->waits && (io->flags & VT_MSG_OOB) == 0;
    bool all = waits && io->stream && (io->flags & VT_MSG_WAITALL) != 0 && (io->flags & VT_MSG_PEEK) == 0;
    long n;

    if (waits && io->len != 0 && !ready(io, VT_POLLIN | VT_POLLRDHUP))
        return false;
    if (io->info != NULL)
        n = vt_recvmsg(io->host, io->fd, at(io), io->len - io->done, io->flags, io->info);
    else
        n = vt_recvfrom(io->host, io->fd, at(io), io->len - io->done, io->flags, &io->addr);
    if (n == -VT_EAGAIN && waits)
        return false;
    if (n > 0)
        io->done += (size_t)n;
    io->moved = n > 0;
    if (n > 0 && all && io->done < io->len)
        return false;
    io->result = io->done != 0 ? (long)io->done : n;
    return true;
}

static uint8_t tcp_state(const struct drill_io *io)
{
    uint8_t state = VT_TCPI_CLOSE;
    size_t len = sizeof state;

    vt_getsockopt(io->host, io->fd, VT_SOL_TCP, VT_TCP_INFO, &state, &len);
    return state;
}

/* What became of an opening that a blocking write waited for: 0, or its error. */
static long opened(const struct drill_io *io)
{
    int error = 0;
    size_t len = sizeof error;

    if (tcp_state(io) == VT_TCPI_CLOSE)
        vt_getsockopt(io->host, io->fd, VT_SOL_SOCKET, VT_SO_ERROR, &error, &len);
    return -error;
}

/* A write that opens the connection waits, whatever the SYN has taken, until that is open. True: it goes on.
 */
static bool goes_on(struct drill_io *io, bool *done)
{
    *done = false;
    if (tcp_state(io) == VT_TCPI_SYN_SENT || tcp_state(io) == VT_TCPI_SYN_RECV)
        return false;
    io->opening = false;
    io->result = opened(io);
    if (io->result == 0 && io->done == io->len && io->len != 0)
        io->result = (long)io->done;
    *done = io->result != 0;
    return !*done;
}

/* A blocking write of a stream ends when all of it is taken. It goes on when poll() finds room: Linux wakes
 * it then. */
bool drill_io_write(struct drill_io *io)
{
    bool all = io->waits && io->stream, done;
    long n;

    if (io->opening) {
        if (!goes_on(io, &done))
            return done;
    } else if (io->started && !ready(io, VT_POLLOUT)) {
        return false;
    }
    io->started = true;
    n = vt_sendto(io->host, io->fd, at(io), io->len - io->done, io->flags | (all ? VT_MSG_WAITALL : 0),
                  io->has_addr ? &io->addr : NULL);
    io->moved = n > 0;
    if (n > 0)
        io->done += (size_t)n;
    /* FreeBSD's way, an address and no MSG_FASTOPEN, has taken the bytes and waits for nobody. */
    all = all && (!io->has_addr || (io->flags & VT_MSG_FASTOPEN) != 0 || n != (long)io->len);
    io->flags &= ~VT_MSG_FASTOPEN;
    io->opening = all && (n > 0 || n == -VT_EINPROGRESS) && tcp_state(io) == VT_TCPI_SYN_SENT;
    if (io->opening || (io->waits && n == -VT_EAGAIN) || (all && n > 0 && io->done < io->len))
        return false;
    io->result = io->done != 0 ? (long)io->done : n;
    return true;
}

/* Linux: connect() of a blocking socket waits until it is known what becomes of it. */
bool drill_io_connect(struct drill_io *io)
{
    io->result = vt_connect(io->host, io->fd, io->has_addr ? &io->addr : NULL);
    io->moved = !io->started;
    io->started = true;
    return !io->waits || (io->result != -VT_EINPROGRESS && io->result != -VT_EALREADY);
}

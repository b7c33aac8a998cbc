/* What every program does with its sockets: watch them, listen, connect. */
#ifndef VT_APPLICATION_SOCKETS_H
#define VT_APPLICATION_SOCKETS_H

#include "args.h"

/* A socket in the process's epoll set. */
struct vt_watched {
    int fd; /* -1: none */
    uint32_t events;
    bool added;
};

/* Watches for `events`, errors and hang-ups; for 0, for nothing at all. `data` comes back in the epoll event.
 * Does nothing when that is so already. 0 or an error. */
int vt_watch(struct vt_process *p, struct vt_watched *w, uint32_t events, void *data);
/* Stops watching, and closes. */
void vt_unwatch(struct vt_process *p, struct vt_watched *w);

/* Opens a listening socket, not yet watched; `local` gets its address. 0, or an exit code with a message
 * written. */
int vt_open_listener(struct vt_process *p, const struct vt_endpoint *e, int backlog, struct vt_watched *w,
                     struct vt_addr *local);
/* Starts a connection and watches it for writing: vt_connected() tells how it went. 0, or an error of
 * socket() or connect(). */
int vt_open_connection(struct vt_process *p, const struct vt_addr *peer, struct vt_watched *w, void *data);
/* 1: connected; 0: the handshake still runs; or the error that ended it. */
int vt_connected(struct vt_process *p, const struct vt_watched *w);
/* The error that waits on a socket, which clears it; 0 for none. */
int vt_pending_error(struct vt_process *p, int fd);

/* Sends and receives on a connection. */
static inline long vt_send_some(struct vt_process *p, int fd, const void *buf, size_t len, int flags)
{
    return p->api->sendto(p->net, fd, buf, len, flags | VT_MSG_NOSIGNAL, NULL);
}
static inline long vt_recv_some(struct vt_process *p, int fd, void *buf, size_t len)
{
    return p->api->recvfrom(p->net, fd, buf, len, 0, NULL);
}

#endif

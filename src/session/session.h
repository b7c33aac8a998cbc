/* The socket layer of a host: descriptors, readiness, epoll sets, names. The public calls of <vitro/socket.h>
 * are these, with the host in place of its `struct vt_sockets`.
 *
 * A socket says nothing of what lies below it: that is the transports' affair.
 */
#ifndef VT_SESSION_SESSION_H
#define VT_SESSION_SESSION_H

#include <vitro/socket.h>
#include "transport/transport.h"

struct vt_sockets;

struct vt_sockets_config {
    uint32_t max;       /* descriptors, 0: 1048576 */
    uint32_t hosts_max; /* names, 0: 1024 */
};

/* The table. The transports are made later, since they need vt_sockets_up(); bind them with
 * vt_sockets_bind(). */
struct vt_sockets *vt_sockets_new(struct vt_core *core, const struct vt_sockets_config *config);
const struct vt_transport_up *vt_sockets_up(void);
void vt_sockets_bind(struct vt_sockets *s, struct vt_tcp *tcp, struct vt_udp *udp, struct vt_ping *ping,
                     struct vt_net *net);
/* The host is about to be taken down: lets go of the transports without a word. What only a socket holds is
 * freed, the rest is theirs to free. Afterwards nothing but vt_sockets_free() may be called. */
void vt_sockets_mute(struct vt_sockets *s);
/* Closes every descriptor (connections end as at a process's exit, unless muted) and frees the table. */
void vt_sockets_free(struct vt_sockets *s);

/* Called when an epoll set goes from nothing ready to something ready: a driver then steps the program that
 * owns it, which takes events until vt_sock_epoll_wait() has no more. It comes from the depths of a packet's
 * way: `fn` only notes it, and calls nothing here. It is not called again until the set has been waited on.
 * One per host. */
void vt_sockets_on_ready(struct vt_sockets *s, void (*fn)(void *ctx, int epfd), void *ctx);

int vt_sock_socket(struct vt_sockets *s, int domain, int type, int protocol);
int vt_sock_bind(struct vt_sockets *s, int fd, const struct vt_addr *addr);
int vt_sock_listen(struct vt_sockets *s, int fd, int backlog);
int vt_sock_accept(struct vt_sockets *s, int fd, struct vt_addr *peer);
int vt_sock_connect(struct vt_sockets *s, int fd, const struct vt_addr *peer);
long vt_sock_sendto(struct vt_sockets *s, int fd, const void *buf, size_t len, int flags,
                    const struct vt_addr *to);
long vt_sock_recvfrom(struct vt_sockets *s, int fd, void *buf, size_t len, int flags, struct vt_addr *from);
/* recvfrom() with what came along. With VT_MSG_ERRQUEUE it takes the oldest error about a datagram of ours
 * instead: `buf` gets the bytes that the error quotes, from the transport's header on. -VT_EAGAIN when there
 * is none. Of ping sockets; others give `from` only, and no errors. */
long vt_sock_recvmsg(struct vt_sockets *s, int fd, void *buf, size_t len, int flags,
                     struct vt_msg_info *info);
int vt_sock_shutdown(struct vt_sockets *s, int fd, int how);
int vt_sock_close(struct vt_sockets *s, int fd);
int vt_sock_getsockname(struct vt_sockets *s, int fd, struct vt_addr *addr);
int vt_sock_getpeername(struct vt_sockets *s, int fd, struct vt_addr *addr);
int vt_sock_setsockopt(struct vt_sockets *s, int fd, int level, int name, const void *val, size_t len);
int vt_sock_getsockopt(struct vt_sockets *s, int fd, int level, int name, void *val, size_t *len);
int vt_sock_ioctl(struct vt_sockets *s, int fd, unsigned request, int *value);
int vt_sock_poll(struct vt_sockets *s, struct vt_pollfd *fds, unsigned n);
int vt_sock_epoll_create(struct vt_sockets *s);
int vt_sock_epoll_ctl(struct vt_sockets *s, int epfd, int op, int fd, const struct vt_epoll_event *ev);
int vt_sock_epoll_wait(struct vt_sockets *s, int epfd, struct vt_epoll_event *evs, int max);
long vt_sock_recv_buf(struct vt_sockets *s, int fd, struct vt_buf *buf);
void vt_sock_buf_release(struct vt_sockets *s, struct vt_buf *buf);
int vt_sock_buf_get(struct vt_sockets *s, size_t size, struct vt_buf *buf);
long vt_sock_send_buf(struct vt_sockets *s, int fd, struct vt_buf *buf, size_t len);
int vt_sock_getaddrinfo(struct vt_sockets *s, const char *name, struct vt_addr *addr);
int vt_sock_hosts_add(struct vt_sockets *s, const char *name, struct vt_ip ip);
/* The i-th name of the table; false past the last. */
bool vt_sock_hosts_get(struct vt_sockets *s, unsigned i, const char **name, struct vt_ip *ip);

#endif

/* The interface by which packetdrill asks a stack that is a shared object (its option --so_filename).
 *
 * The object exports packetdrill_interface_init(), which is given the text of --so_flags (NULL when there is
 * none) and fills in this struct. All functions take `userdata` first. They are the system calls of their
 * names, errors being -1 with errno, and a network device that is the tool's wire:
 *
 *     netdev_send      a packet comes in: an IP packet, without a link header
 *     netdev_receive   the next packet that went out, and when; *count is the buffer's size, then the
 * packet's, 0 when there will be none usleep           the tool lets time pass gettimeofday     the tool asks
 * the time; just before an event it does nothing else, so time must go on by it
 */
#ifndef VT_DRILL_SO_INTERFACE_H
#define VT_DRILL_SO_INTERFACE_H

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

struct packetdrill_interface {
    void *userdata;
    void (*free)(void *u);
    int (*socket)(void *u, int domain, int type, int protocol);
    int (*bind)(void *u, int fd, const struct sockaddr *addr, socklen_t len);
    int (*listen)(void *u, int fd, int backlog);
    int (*accept)(void *u, int fd, struct sockaddr *addr, socklen_t *len);
    int (*connect)(void *u, int fd, const struct sockaddr *addr, socklen_t len);
    ssize_t (*read)(void *u, int fd, void *buf, size_t len);
    ssize_t (*readv)(void *u, int fd, const struct iovec *iov, int n);
    ssize_t (*recv)(void *u, int fd, void *buf, size_t len, int flags);
    ssize_t (*recvfrom)(void *u, int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
                        socklen_t *addrlen);
    ssize_t (*recvmsg)(void *u, int fd, struct msghdr *msg, int flags);
    ssize_t (*write)(void *u, int fd, const void *buf, size_t len);
    ssize_t (*writev)(void *u, int fd, const struct iovec *iov, int n);
    ssize_t (*send)(void *u, int fd, const void *buf, size_t len, int flags);
    ssize_t (*sendto)(void *u, int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                      socklen_t addrlen);
    ssize_t (*sendmsg)(void *u, int fd, const struct msghdr *msg, int flags);
    int (*fcntl)(void *u, int fd, int cmd, ...);
    int (*ioctl)(void *u, int fd, unsigned long request, ...);
    int (*close)(void *u, int fd);
    int (*shutdown)(void *u, int fd, int how);
    int (*getsockopt)(void *u, int fd, int level, int name, void *value, socklen_t *len);
    int (*setsockopt)(void *u, int fd, int level, int name, const void *value, socklen_t len);
    int (*poll)(void *u, struct pollfd *fds, nfds_t n, int timeout);
    int (*netdev_send)(void *u, const void *packet, size_t len);
    int (*netdev_receive)(void *u, void *packet, size_t *len, long long *usecs);
    int (*usleep)(void *u, useconds_t usecs);
    int (*gettimeofday)(void *u, struct timeval *tv, struct timezone *tz);
    int (*epoll_create)(void *u, int size);
    int (*epoll_ctl)(void *u, int epfd, int op, int fd, struct epoll_event *event);
    int (*epoll_wait)(void *u, int epfd, struct epoll_event *events, int max, int timeout);
    int (*pipe)(void *u, int fd[2]);
    int (*splice)(void *u, int in, loff_t *in_offset, int out, loff_t *out_offset, size_t len,
                  unsigned flags);
};

void packetdrill_interface_init(const char *flags, struct packetdrill_interface *ifc);

#endif

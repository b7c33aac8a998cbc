/* The calls of a program that runs under `vitro exec`: taken from its registers and memory, given to the lab,
 * and answered. The notification's id is looked at before anything is believed that was read of the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include "exec_super.h"

/* ---- Sockets ---- */

static struct vt_super_sock *find(struct vt_super *s, ino_t inode)
{
    struct vt_super_sock *k = s->bucket[inode % VT_SUPER_BUCKETS];
    while (k != NULL && k->inode != inode)
        k = k->next;
    return k;
}

static struct vt_super_sock *by_id(struct vt_super *s, uint32_t id)
{
    return id - 1 < s->nids ? s->by_id[id - 1] : NULL;
}

static void forget(struct vt_super *s, uint32_t id)
{
    struct vt_super_sock *k = by_id(s, id), **at;
    if (k == NULL)
        return;
    s->by_id[id - 1] = NULL;
    for (at = &s->bucket[k->inode % VT_SUPER_BUCKETS]; *at != k; at = &(*at)->next)
        ;
    *at = k->next;
    while (k->backs != NULL) {
        struct vt_super_back *b = k->backs;
        k->backs = b->next;
        close(b->fd);
        free(b);
    }
    free(k);
}

static struct vt_super_sock *add(struct vt_super *s, uint32_t id, int fd, bool datagram)
{
    struct vt_super_sock *k = calloc(1, sizeof *k), **more;
    struct stat st;
    if (k == NULL || id == 0 || fstat(fd, &st) < 0)
        goto failed;
    if (id > s->nids) {
        uint32_t n = id * 2;
        more = realloc(s->by_id, n * sizeof(struct vt_super_sock *));
        if (more == NULL)
            goto failed;
        memset(more + s->nids, 0, (n - s->nids) * sizeof(struct vt_super_sock *));
        s->by_id = more;
        s->nids = n;
    }
    forget(s, id);
    *k = (struct vt_super_sock){.inode = st.st_ino, .id = id, .datagram = datagram, .pid = -1};
    k->next = s->bucket[k->inode % VT_SUPER_BUCKETS];
    s->bucket[k->inode % VT_SUPER_BUCKETS] = k;
    s->by_id[id - 1] = k;
    return k;
failed:
    free(k);
    return NULL;
}

void vt_super_free(struct vt_super *s)
{
    for (uint32_t i = 0; i < s->nids; i++)
        forget(s, i + 1);
    free(s->by_id);
    free(s->calls);
    seccomp_notify_free(s->req, s->resp);
}

/* ---- Answers ---- */

/* False when the call is no more: a signal came, or its process has gone. */
static bool respond(struct vt_super *s, uint64_t id, int64_t result, bool native)
{
    memset(s->resp, 0, sizeof *s->resp);
    s->resp->id = id;
    if (native)
        s->resp->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    else if (result < 0)
        s->resp->error = (int)result;
    else
        s->resp->val = result;
    return ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SEND, s->resp) == 0 || errno != ENOENT;
}

static bool valid(struct vt_super *s, uint64_t id)
{
    return ioctl(s->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* Gives the program a descriptor as the call's result. False when the call is no more. */
static bool inject(struct vt_super *s, const struct vt_super_call *c, struct vt_super_sock *k, int fd,
                   int flags)
{
    struct seccomp_notif_addfd add_fd = {.id = c->id,
                                         .flags = SECCOMP_ADDFD_FLAG_SEND,
                                         .srcfd = (uint32_t)fd,
                                         .newfd_flags = (flags & SOCK_CLOEXEC) != 0 ? O_CLOEXEC : 0};
    int got;
    if ((flags & SOCK_NONBLOCK) != 0)
        fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
    got = ioctl(s->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add_fd);
    if (got < 0 && errno != ENOENT)
        respond(s, c->id, -errno, false); /* its limit of open files */
    if (got < 0)
        return errno != ENOENT;
    k->pid = c->pid;
    k->fd = got;
    return true;
}

/* ---- To the lab ---- */

static struct vt_super_call *new_call(struct vt_super *s, uint64_t *cookie)
{
    const struct seccomp_notif *req = s->req;
    struct vt_super_call *c;
    uint32_t i = 0;
    while (i < s->ncalls && s->calls[i].used)
        i++;
    if (i == s->ncalls) {
        uint32_t n = s->ncalls == 0 ? 64 : s->ncalls * 2;
        c = realloc(s->calls, n * sizeof *c);
        if (c == NULL)
            return NULL;
        memset(c + s->ncalls, 0, (n - s->ncalls) * sizeof *c);
        s->calls = c;
        s->ncalls = n;
    }
    c = &s->calls[i];
    c->used = true;
    c->generation++;
    c->id = req->id;
    c->pid = (pid_t)req->pid;
    c->nr = req->data.nr;
    memcpy(c->args, req->data.args, sizeof c->args);
    *cookie = (uint64_t)c->generation << 32 | i;
    return c;
}

static void send_message(struct vt_super *s, const struct vt_exec_msg *m, const void *data)
{
    memcpy(s->message, m, sizeof *m);
    if (m->len > 0)
        memcpy(s->message + sizeof *m, data, m->len);
    if (send(s->rpc, s->message, sizeof *m + m->len, MSG_NOSIGNAL) < 0)
        s->lab_gone = true;
}

/* Gives the call to the lab; its reply is worked on by finish(). */
static void ask(struct vt_super *s, struct vt_exec_msg m, const void *data)
{
    if (!valid(s, s->req->id))
        return;
    if (new_call(s, &m.cookie) == NULL)
        respond(s, s->req->id, -ENOMEM, false);
    else
        send_message(s, &m, data);
}

static void fail(struct vt_super *s, int err)
{
    respond(s, s->req->id, err, false);
}

static void let_go(struct vt_super *s)
{
    respond(s, s->req->id, 0, true);
}

static bool nonblocking(pid_t pid, int number)
{
    int fd = vt_super_borrow(pid, number), flags = fd >= 0 ? fcntl(fd, F_GETFL) : 0;
    if (fd >= 0)
        close(fd);
    return (flags & O_NONBLOCK) != 0;
}

/* ---- socket() ---- */

static void refuse(struct vt_super *s, const char *what)
{
    fprintf(stderr, "vitro exec: process %u asked for %s, which a lab's host does not have\n", s->req->pid,
            what);
    fail(s, -EPERM);
}

static void call_socket(struct vt_super *s)
{
    const __u64 *a = s->req->data.args;
    int family = (int)a[0], type = (int)a[1] & 0xf, protocol = (int)a[2];
    struct vt_exec_msg m = {.op = VT_EXEC_SOCKET, .a = type, .b = protocol};
    if (family == AF_PACKET)
        refuse(s, "a packet socket (AF_PACKET)");
    else if (family == AF_INET && type == SOCK_RAW)
        refuse(s, "a raw socket (SOCK_RAW)");
    else if (family == AF_INET)
        ask(s, m, NULL);
    else if (family == AF_INET6 || (family == AF_NETLINK && protocol == NETLINK_ROUTE))
        /* Programs then do without: names are resolved for IPv4, whatever interfaces the machine has. */
        fail(s, -EAFNOSUPPORT);
    else
        let_go(s);
}

/* ---- Calls that name one ---- */

/* nscd and systemd-resolved would answer for the machine: the program is to ask a nameserver. */
static void call_unix_connect(struct vt_super *s)
{
    const __u64 *a = s->req->data.args;
    struct sockaddr_un sa;
    size_t len = a[2] < sizeof sa ? (size_t)a[2] : sizeof sa;
    memset(&sa, 0, sizeof sa);
    if (vt_super_read((pid_t)s->req->pid, a[1], &sa, len) && sa.sun_family == AF_UNIX &&
        (strncmp(sa.sun_path, "/run/systemd/resolve/", 21) == 0 ||
         strncmp(sa.sun_path, "/var/run/nscd/", 14) == 0 || strncmp(sa.sun_path, "/run/nscd/", 10) == 0))
        fail(s, -ENOENT);
    else
        let_go(s);
}

/* Bytes that make the program's end unwritable until the lab takes them: a non-blocking connect() is settled
 * when it is writable. */
static int32_t fill(struct vt_super *s, pid_t pid, int number)
{
    struct pollfd p = {.fd = vt_super_borrow(pid, number), .events = POLLOUT};
    int32_t sum = 0;
    memset(s->data, 0, sizeof s->data);
    while (p.fd >= 0 && poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP)) == 0 && sum < (1 << 24)) {
        ssize_t n = send(p.fd, s->data, 57344, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n <= 0)
            break;
        sum += (int32_t)n;
    }
    if (p.fd >= 0)
        close(p.fd);
    return sum;
}

static void call_connect(struct vt_super *s, struct vt_super_sock *k)
{
    const __u64 *a = s->req->data.args;
    pid_t pid = (pid_t)s->req->pid;
    struct vt_exec_msg m = {.op = VT_EXEC_CONNECT, .sock = k->id};
    int err = vt_super_read_addr(pid, a[1], a[2], &m.addr);
    if (err < 0) {
        fail(s, err);
        return;
    }
    m.c = err;
    m.a = nonblocking(pid, (int)a[0]);
    if (m.a != 0 && m.c == 0 && !k->datagram && !k->tried)
        m.b = fill(s, pid, (int)a[0]);
    k->tried = true;
    ask(s, m, NULL);
}

static void call_bind(struct vt_super *s, struct vt_super_sock *k)
{
    const __u64 *a = s->req->data.args;
    struct vt_exec_msg m = {.op = VT_EXEC_BIND, .sock = k->id};
    int err = vt_super_read_addr((pid_t)s->req->pid, a[1], a[2], &m.addr);
    if (err != 0)
        fail(s, err < 0 ? err : -EAFNOSUPPORT);
    else
        ask(s, m, NULL);
}

static void finish_accept(struct vt_super *s, const struct vt_super_call *c, struct vt_exec_msg *m, int fd);

static void call_accept(struct vt_super *s, struct vt_super_sock *k)
{
    struct vt_super_back *b = k->backs;
    struct vt_exec_msg m = {.op = VT_EXEC_ACCEPT, .sock = k->id};
    if (b != NULL) {
        uint64_t cookie;
        struct vt_super_call *c = new_call(s, &cookie);
        k->backs = b->next;
        if (c != NULL) {
            b->m.b = 1; /* its token */
            finish_accept(s, c, &b->m, b->fd);
            c->used = false;
        }
        free(b);
        return;
    }
    m.a = nonblocking((pid_t)s->req->pid, (int)s->req->data.args[0]);
    ask(s, m, NULL);
}

static void call_setsockopt(struct vt_super *s, struct vt_super_sock *k)
{
    const __u64 *a = s->req->data.args;
    struct vt_exec_msg m = {.op = VT_EXEC_SETOPT, .sock = k->id, .a = (int)a[1], .b = (int)a[2]};
    m.len = a[4] < 4096 ? (uint32_t)a[4] : 4096;
    if (!vt_super_read((pid_t)s->req->pid, a[3], s->data, m.len))
        fail(s, -EFAULT);
    else
        ask(s, m, s->data);
}

static void call_getsockopt(struct vt_super *s, struct vt_super_sock *k)
{
    const __u64 *a = s->req->data.args;
    struct vt_exec_msg m = {.op = VT_EXEC_GETOPT, .sock = k->id, .a = (int)a[1], .b = (int)a[2]};
    if (!vt_super_read((pid_t)s->req->pid, a[4], &m.c, sizeof m.c))
        fail(s, -EFAULT);
    else
        ask(s, m, NULL);
}

/* ---- Datagrams with addresses ---- */

static void send_datagram(struct vt_super *s, struct vt_super_sock *k, uint64_t addr, uint64_t addr_len,
                          ssize_t len)
{
    struct vt_exec_msg m = {.op = VT_EXEC_SEND, .sock = k->id, .a = 1};
    int err = len < 0 ? (int)len : vt_super_read_addr((pid_t)s->req->pid, addr, addr_len, &m.addr);
    if (err != 0) {
        fail(s, err < 0 ? err : -EAFNOSUPPORT);
        return;
    }
    m.len = (uint32_t)len;
    ask(s, m, s->data);
}

static void call_sendto(struct vt_super *s, struct vt_super_sock *k)
{
    const __u64 *a = s->req->data.args;
    ssize_t len = (ssize_t)a[2];
    if (!k->datagram)
        fail(s, -EISCONN);
    else if (a[2] > sizeof s->data)
        fail(s, -EMSGSIZE);
    else if (!vt_super_read((pid_t)s->req->pid, a[1], s->data, (size_t)len))
        fail(s, -EFAULT);
    else
        send_datagram(s, k, a[4], a[5], len);
}

/* sendmsg() and sendmmsg(), of which the first message is sent: a count smaller than was asked is allowed. */
static void call_sendmsg(struct vt_super *s, struct vt_super_sock *k)
{
    const __u64 *a = s->req->data.args;
    pid_t pid = (pid_t)s->req->pid;
    struct msghdr msg;
    if (!k->datagram || !vt_super_read(pid, a[1], &msg, sizeof msg) || msg.msg_name == NULL)
        let_go(s);
    else
        send_datagram(s, k, (uintptr_t)msg.msg_name, msg.msg_namelen,
                      vt_super_gather(pid, (uintptr_t)msg.msg_iov, msg.msg_iovlen, s->data, sizeof s->data));
}

static void call_recv(struct vt_super *s, struct vt_super_sock *k)
{
    const __u64 *a = s->req->data.args;
    pid_t pid = (pid_t)s->req->pid;
    bool plain = s->req->data.nr == SYS_recvfrom;
    int flags = (int)(plain || s->req->data.nr == SYS_recvmmsg ? a[3] : a[2]);
    struct vt_exec_msg m = {.op = VT_EXEC_RECV, .sock = k->id};
    struct msghdr msg;
    if ((flags & MSG_ERRQUEUE) != 0)
        fail(s, -EAGAIN);
    else if (!k->datagram ||
             (!plain && (!vt_super_read(pid, a[1], &msg, sizeof msg) || msg.msg_name == NULL)))
        let_go(s);
    else {
        m.a = (flags & MSG_DONTWAIT) != 0 || nonblocking(pid, (int)a[0]);
        ask(s, m, NULL);
    }
}

static void simple(struct vt_super *s, struct vt_super_sock *k, enum vt_exec_op op)
{
    struct vt_exec_msg m = {.op = op, .sock = k->id, .a = (int)s->req->data.args[1]};
    ask(s, m, NULL);
}

static void on_socket(struct vt_super *s, struct vt_super_sock *k)
{
    k->pid = (pid_t)s->req->pid;
    k->fd = (int)s->req->data.args[0];
    if (k->owed_call != 0 && k->owed_call == s->req->data.nr) {
        int owed = k->owed;
        k->owed_call = 0;
        fail(s, owed);
        return;
    }
    switch (s->req->data.nr) {
    case SYS_bind: call_bind(s, k); break;
    case SYS_listen: simple(s, k, VT_EXEC_LISTEN); break;
    case SYS_connect: call_connect(s, k); break;
    case SYS_accept:
    case SYS_accept4: call_accept(s, k); break;
    case SYS_shutdown: simple(s, k, VT_EXEC_SHUTDOWN); break;
    case SYS_getsockname: simple(s, k, VT_EXEC_LOCAL); break;
    case SYS_getpeername: simple(s, k, VT_EXEC_PEER); break;
    case SYS_setsockopt: call_setsockopt(s, k); break;
    case SYS_getsockopt: call_getsockopt(s, k); break;
    case SYS_sendto: call_sendto(s, k); break;
    case SYS_sendmsg:
    case SYS_sendmmsg: call_sendmsg(s, k); break;
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg: call_recv(s, k); break;
    default: let_go(s); break;
    }
}

void vt_super_on_call(struct vt_super *s)
{
    struct vt_super_sock *k;
    ino_t inode;
    memset(s->req, 0, sizeof *s->req);
    if (ioctl(s->listener, SECCOMP_IOCTL_NOTIF_RECV, s->req) < 0)
        return;
    if (s->req->data.nr == SYS_socket) {
        call_socket(s);
        return;
    }
    inode = vt_super_inode((pid_t)s->req->pid, (int)s->req->data.args[0]);
    k = inode != 0 ? find(s, inode) : NULL;
    if (k != NULL && valid(s, s->req->id))
        on_socket(s, k);
    else if (s->req->data.nr == SYS_connect)
        call_unix_connect(s);
    else
        let_go(s);
}

/* ---- Replies ---- */

static void finish_socket(struct vt_super *s, const struct vt_super_call *c, const struct vt_exec_msg *m,
                          int fd)
{
    struct vt_super_sock *k = m->result == 0 && fd >= 0
                                  ? add(s, m->sock, fd, ((int)c->args[1] & 0xf) == SOCK_DGRAM)
                                  : NULL;
    if (k == NULL)
        respond(s, c->id, m->result < 0 ? m->result : -ENOMEM, false);
    else
        inject(s, c, k, fd, (int)c->args[1]);
    if (fd >= 0)
        close(fd);
}

static void drain_tokens(const struct vt_super_call *c, int n)
{
    char tokens[256];
    int fd = n > 0 ? vt_super_borrow(c->pid, (int)c->args[0]) : -1;
    if (fd < 0)
        return;
    if (recv(fd, tokens, (size_t)n < sizeof tokens ? (size_t)n : sizeof tokens, MSG_DONTWAIT) < 0)
        fprintf(stderr, "vitro exec: a listener's token is missing\n");
    close(fd);
}

/* Nobody took the connection: it waits in front of the others, and makes the listener readable. */
static void put_back(struct vt_super *s, const struct vt_super_call *c, const struct vt_exec_msg *m, int fd)
{
    ino_t inode = vt_super_inode(c->pid, (int)c->args[0]);
    struct vt_super_sock *k = inode != 0 ? find(s, inode) : NULL;
    struct vt_super_back *b = k != NULL ? calloc(1, sizeof *b) : NULL;
    struct vt_exec_msg token = {.op = VT_EXEC_TOKEN};
    if (b == NULL) {
        close(fd);
        return;
    }
    *b = (struct vt_super_back){.next = k->backs, .m = *m, .fd = fd};
    k->backs = b;
    token.sock = k->id;
    send_message(s, &token, NULL);
}

static void finish_accept(struct vt_super *s, const struct vt_super_call *c, struct vt_exec_msg *m, int fd)
{
    int flags = c->nr == SYS_accept4 ? (int)c->args[3] : 0;
    struct vt_super_sock *k;
    drain_tokens(c, m->b);
    if (m->result < 0 || fd < 0) {
        respond(s, c->id, m->result < 0 ? m->result : -ENOMEM, false);
        return;
    }
    k = by_id(s, m->sock);
    if (k == NULL)
        k = add(s, m->sock, fd, false);
    if (k != NULL)
        k->tried = true;
    if (k == NULL || (valid(s, c->id) && !vt_super_write_addr(c->pid, c->args[1], c->args[2], &m->addr)))
        respond(s, c->id, k == NULL ? -ENOMEM : -EFAULT, false);
    else if (!inject(s, c, k, fd, flags)) {
        put_back(s, c, m, fd);
        return;
    }
    close(fd);
}

static void finish_getsockopt(struct vt_super *s, const struct vt_super_call *c, const struct vt_exec_msg *m,
                              const uint8_t *data)
{
    int len = (int)m->len;
    bool written = m->result != 0 || !valid(s, c->id) ||
                   (vt_super_write(c->pid, c->args[3], data, m->len) &&
                    vt_super_write(c->pid, c->args[4], &len, sizeof len));
    respond(s, c->id, written ? m->result : -EFAULT, false);
}

/* Reads the datagram that lies in the program's end, for the program. */
static void finish_recv(struct vt_super *s, const struct vt_super_call *c, const struct vt_exec_msg *m)
{
    bool plain = c->nr == SYS_recvfrom;
    int flags = (int)(plain || c->nr == SYS_recvmmsg ? c->args[3] : c->args[2]), fd;
    struct msghdr msg = {.msg_namelen = 0};
    uint64_t length_at = c->args[1] + offsetof(struct msghdr, msg_namelen);
    size_t room;
    ssize_t n, copied;
    if (m->result != 0) {
        respond(s, c->id, m->result, false);
        return;
    }
    if (!valid(s, c->id)) /* interrupted: the datagram stays where it is */
        return;
    fd = vt_super_borrow(c->pid, (int)c->args[0]);
    n = fd >= 0 ? recv(fd, s->data, sizeof s->data, MSG_DONTWAIT | (flags & MSG_PEEK)) : -1;
    if (n < 0)
        n = -EAGAIN;
    if (fd >= 0)
        close(fd);
    if (n >= 0 && plain) {
        room = c->args[2];
        copied = n < (ssize_t)room ? n : (ssize_t)room;
        if (!vt_super_write(c->pid, c->args[1], s->data, (size_t)copied) ||
            !vt_super_write_addr(c->pid, c->args[4], c->args[5], &m->addr))
            n = -EFAULT;
        else if ((flags & MSG_TRUNC) == 0)
            n = copied;
    } else if (n >= 0 && vt_super_read(c->pid, c->args[1], &msg, sizeof msg)) {
        room = vt_super_iov_bytes(c->pid, (uintptr_t)msg.msg_iov, msg.msg_iovlen, sizeof s->data);
        copied = n < (ssize_t)room ? n : (ssize_t)room;
        if (vt_super_scatter(c->pid, (uintptr_t)msg.msg_iov, msg.msg_iovlen, s->data, (size_t)copied) < 0 ||
            !vt_super_write_addr(c->pid, (uintptr_t)msg.msg_name, length_at, &m->addr))
            n = -EFAULT;
        msg.msg_controllen = 0;
        msg.msg_flags = n > copied ? MSG_TRUNC : 0;
        msg.msg_namelen = 16;
        vt_super_write(c->pid, c->args[1], &msg, sizeof msg);
        if (n >= 0 && (flags & MSG_TRUNC) == 0)
            n = copied;
    }
    if (n >= 0 && c->nr == SYS_recvmmsg) {
        unsigned len = (unsigned)n;
        vt_super_write(c->pid, c->args[1] + sizeof msg, &len, sizeof len);
        n = 1;
    }
    respond(s, c->id, n, false);
}

static void finish_send(struct vt_super *s, const struct vt_super_call *c, const struct vt_exec_msg *m)
{
    unsigned len = (unsigned)m->result;
    int64_t result = m->result;
    if (c->nr == SYS_sendmmsg && result >= 0) {
        vt_super_write(c->pid, c->args[1] + sizeof(struct msghdr), &len, sizeof len);
        result = 1;
    }
    respond(s, c->id, result, false);
}

/* Times after which a native read or write gives up, and when it is readable: of the program's end, too. */
static bool also_native(const struct vt_super_call *c)
{
    return c->nr == SYS_setsockopt && (int)c->args[1] == SOL_SOCKET &&
           ((int)c->args[2] == SO_RCVTIMEO || (int)c->args[2] == SO_SNDTIMEO ||
            (int)c->args[2] == SO_RCVLOWAT);
}

static void finish_plain(struct vt_super *s, const struct vt_super_call *c, const struct vt_exec_msg *m)
{
    struct vt_super_sock *k = by_id(s, m->sock);
    bool native = c->nr == SYS_shutdown ? m->result == 1 : m->result == 0 && also_native(c);
    if (respond(s, c->id, m->result, native) || k == NULL)
        return;
    /* A signal came: the call is made again, and must not be done twice. */
    if (c->nr == SYS_connect || c->nr == SYS_bind || c->nr == SYS_listen) {
        k->owed_call = c->nr;
        k->owed = m->result;
    }
}

static void finish(struct vt_super *s, const struct vt_super_call *c, struct vt_exec_msg *m,
                   const uint8_t *data, int fd)
{
    switch (c->nr) {
    case SYS_socket: finish_socket(s, c, m, fd); break;
    case SYS_accept:
    case SYS_accept4: finish_accept(s, c, m, fd); break;
    case SYS_getsockopt: finish_getsockopt(s, c, m, data); break;
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendmmsg: finish_send(s, c, m); break;
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg: finish_recv(s, c, m); break;
    case SYS_getsockname:
    case SYS_getpeername:
        if (m->result == 0 && valid(s, c->id) &&
            !vt_super_write_addr(c->pid, c->args[1], c->args[2], &m->addr))
            m->result = -EFAULT;
        respond(s, c->id, m->result, false);
        break;
    default: finish_plain(s, c, m); break;
    }
}

/* A byte in the program's queue to the lab makes the lab's closing a reset. */
static void mark(struct vt_super *s, uint32_t id)
{
    struct vt_exec_msg m = {.op = VT_EXEC_MARKED, .sock = id};
    const struct vt_super_sock *k = by_id(s, id);
    int fd = -1;
    if (k != NULL && vt_super_inode(k->pid, k->fd) == k->inode)
        fd = vt_super_borrow(k->pid, k->fd);
    if (fd >= 0) {
        /* Fails when the program writes no more: then it sees the end of the stream. */
        (void)!send(fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        close(fd);
    }
    send_message(s, &m, NULL);
}

static int passed_fd(struct msghdr *msg)
{
    struct cmsghdr *h = CMSG_FIRSTHDR(msg);
    int fd = -1;
    if (h != NULL && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(h), sizeof fd);
    return fd;
}

void vt_super_on_message(struct vt_super *s)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = s->message, .iov_len = sizeof s->message};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct vt_exec_msg m;
    ssize_t n = recvmsg(s->rpc, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    int fd;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < (ssize_t)sizeof m) {
        s->lab_gone = true;
        return;
    }
    memcpy(&m, s->message, sizeof m);
    fd = passed_fd(&msg);
    if (m.op == VT_EXEC_GONE)
        forget(s, m.sock);
    else if (m.op == VT_EXEC_RESET)
        mark(s, m.sock);
    else if (m.op == VT_EXEC_REPLY && (uint32_t)m.cookie < s->ncalls) {
        struct vt_super_call *c = &s->calls[(uint32_t)m.cookie];
        if (c->used && c->generation == (uint32_t)(m.cookie >> 32)) {
            struct vt_super_call copy = *c;
            c->used = false;
            memcpy(s->data, s->message + sizeof m, m.len);
            finish(s, &copy, &m, s->data, fd);
        }
    }
}

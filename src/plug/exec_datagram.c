/* Datagrams between a program's end and its socket on the host. This file asks the operating system.
 *
 * At most one datagram lies in the program's end, so that its sender is known; the rest wait in the host's
 * socket, which is bounded. */
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "exec_internal.h"

#define DNS_PORT 53
#define ROUNDS   64

bool vt_exec_datagram_waits(const struct vt_exec_sock *s)
{
    int waits = 0;
    return s->end.fd >= 0 && ioctl(s->end.fd, SIOCOUTQ, &waits) == 0 && waits > 0;
}

static void tell_receivers(struct vt_exec_sock *s)
{
    struct vt_exec_msg m = {.op = VT_EXEC_REPLY, .sock = s->id, .addr = s->from};
    struct vt_exec_waiter *w = s->waiters;
    if (w == NULL)
        return;
    m.cookie = w->cookie;
    s->waiters = w->next;
    s->nwaiters--;
    free(w);
    vt_exec_say(s->x, &m, NULL, -1);
}

/* True for an address at which no node of the lab lives: a nameserver that only the machine knows. */
static bool outside(struct vt_exec *x, struct vt_ip ip)
{
    struct vt_addr addr = {.ip = ip};
    int fd;
    if (vt_ip_is_loopback(ip))
        return true;
    for (unsigned i = 0; vt_lab_node_name(x->lab, i, NULL) != NULL; i++) {
        struct vt_host *h = vt_lab_host(x->lab, vt_lab_node_name(x->lab, i, NULL));
        fd = h != NULL ? vt_socket(h, VT_AF_INET, VT_SOCK_DGRAM, 0) : -1;
        if (fd < 0)
            continue;
        if (vt_bind(h, fd, &addr) == 0) {
            vt_close(h, fd);
            return false;
        }
        vt_close(h, fd);
    }
    return true;
}

int vt_exec_connect_datagrams(struct vt_exec_sock *s, const struct vt_addr *peer)
{
    s->resolver = peer != NULL && peer->port == DNS_PORT && outside(s->x, peer->ip);
    if (!s->resolver)
        return vt_connect(s->x->host, s->vt, peer);
    s->nameserver = *peer;
    return 0;
}

/* Queries to a nameserver that is none of the lab's are answered by the lab itself. True when it was one. */
static bool resolve(struct vt_exec_sock *s, const uint8_t *data, size_t len, const struct vt_addr *to)
{
    uint8_t text[1024];
    size_t n;
    if (to->port != DNS_PORT || !outside(s->x, to->ip))
        return false;
    n = vt_exec_resolve(s->x->host, data, len, text, sizeof text);
    if (n > 0 && s->end.fd >= 0 && send(s->end.fd, text, n, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
        s->from = *to;
        tell_receivers(s);
    }
    return true;
}

long vt_exec_send_datagram(struct vt_exec_sock *s, const void *data, size_t len, const struct vt_addr *to)
{
    const struct vt_addr *asked = to == NULL && s->resolver ? &s->nameserver : to;
    if (asked != NULL && resolve(s, data, len, asked))
        return (long)len;
    return vt_sendto(s->x->host, s->vt, data, len, 0, to);
}

void vt_exec_pump_datagrams(struct vt_exec_sock *s)
{
    struct vt_exec *x = s->x;
    ssize_t got;
    long n;
    for (unsigned i = 0; i < ROUNDS; i++) {
        got = recv(s->end.fd, x->scratch, sizeof x->scratch, MSG_DONTWAIT);
        if (got < 0)
            break;
        n = vt_exec_send_datagram(s, x->scratch, (size_t)got, NULL);
        if (n < 0 && n != -VT_EAGAIN)
            s->error = (int)n;
    }
    while (!vt_exec_datagram_waits(s)) {
        struct vt_addr from;
        n = vt_recvfrom(x->host, s->vt, x->scratch, sizeof x->scratch, VT_MSG_DONTWAIT, &from);
        if (n < 0) {
            if (n != -VT_EAGAIN)
                s->error = (int)n;
            break;
        }
        if (send(s->end.fd, x->scratch, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            break;
        s->from = from;
        tell_receivers(s);
    }
}

/* The kernel's TCP: a TUN device in a network namespace of our own, many conversations at once. */
#include "differential.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int tun = -1;

static uint64_t clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 * MS + (uint64_t)t.tv_nsec;
}

static const char *write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return path;
    ssize_t n = write(fd, text, strlen(text));
    close(fd);
    return n == (ssize_t)strlen(text) ? NULL : path;
}

/* What the two must have alike, and what of the kernel's own doing would stand between the two: buffers that
 * decide the window's scale, memory of earlier connections, ACKs put off to save work. */
static const char *const sysctls[][2] = {
    {"/proc/sys/net/ipv4/tcp_rmem", "4096 131072 6291456"},
    {"/proc/sys/net/ipv4/tcp_no_metrics_save", "1"},
    {"/proc/sys/net/ipv4/tcp_rfc1337", "1"},
    {"/proc/sys/net/ipv4/tcp_ecn", "0"},
    {"/proc/sys/net/ipv4/tcp_fastopen", "0"},
    {"/proc/sys/net/ipv4/tcp_comp_sack_nr", "0"},
    {"/proc/sys/net/ipv4/tcp_backlog_ack_defer", "0"},
    {"/proc/sys/net/ipv6/conf/all/disable_ipv6", "1"},
};

static const char *set_up(void)
{
    struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
    struct sockaddr_in *sin = (struct sockaddr_in *)(void *)&ifr.ifr_addr;
    snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "peers");
    if ((tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0)
        return "there is no /dev/net/tun";
    if (ioctl(tun, TUNSETIFF, &ifr) < 0)
        return "no TUN device can be made";
    /* The kernel shall gather segments as it does on a real card. */
    if (ioctl(tun, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) < 0)
        return "the TUN device takes no large segments";
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifr.ifr_qlen = 20000;
    ioctl(s, SIOCSIFTXQLEN, &ifr);
    *sin = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(10u << 24 | 1)};
    int err = ioctl(s, SIOCSIFADDR, &ifr);
    sin->sin_addr.s_addr = htonl(255u << 24);
    err |= ioctl(s, SIOCSIFNETMASK, &ifr);
    ifr.ifr_flags = IFF_UP | IFF_RUNNING;
    err |= ioctl(s, SIOCSIFFLAGS, &ifr);
    close(s);
    if (err != 0)
        return "the TUN device cannot be given an address";
    for (size_t i = 0; i < sizeof sysctls / sizeof *sysctls; i++) {
        const char *failed = write_file(sysctls[i][0], sysctls[i][1]);
        if (failed != NULL && i < 4)
            return failed;
    }
    return NULL;
}

const char *kernel_open(void)
{
    if (unshare(CLONE_NEWNET) != 0) {
        char map[64];
        uid_t uid = getuid();
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
            return "no network namespace can be made";
        snprintf(map, sizeof map, "0 %u 1", (unsigned)uid);
        if (write_file("/proc/self/uid_map", map) != NULL)
            return "no user namespace can be made";
    }
    return set_up();
}

void kernel_close(void)
{
    close(tun);
    tun = -1;
}

/* ---- Calls ---- */

static int result(long r)
{
    return r < 0 ? -errno : (int)r;
}

static int open_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4); /* no pacing, and the same on the other side */
    return fd;
}

static struct sockaddr_in addr_of(uint32_t ip, uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip)};
}

static int do_listen(struct conn *c)
{
    struct sockaddr_in a = addr_of(0, c->our_port);
    int fd = open_socket(), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 8) != 0) {
        perror("listen");
        return -1;
    }
    return fd;
}

static int do_connect(struct conn *c)
{
    struct sockaddr_in a = addr_of(c->peer_ip, c->peer_port);
    c->fd = open_socket();
    return result(connect(c->fd, (struct sockaddr *)&a, sizeof a));
}

static int do_accept(struct conn *c)
{
    return result(accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
}
static long do_send(struct conn *c, const void *buf, size_t len)
{
    return result(send(c->fd, buf, len, MSG_NOSIGNAL));
}
static long do_recv(struct conn *c, void *buf, size_t len)
{
    return result(recv(c->fd, buf, len, 0));
}
static int do_shutdown(struct conn *c)
{
    return result(shutdown(c->fd, SHUT_WR));
}

static int do_close(struct conn *c, int fd, bool abort)
{
    struct linger linger = {1, 0};
    (void)c;
    if (abort)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    return result(close(fd));
}

static void inject(struct conn *c, const uint8_t *bytes, size_t len)
{
    struct virtio_net_hdr head = {0};
    struct iovec v[2] = {{&head, sizeof head}, {(void *)(uintptr_t)bytes, len}};
    (void)c;
    if (writev(tun, v, 2) < 0)
        perror("TUN");
}

static const struct stack kernel = {
    "kernel", do_listen, do_connect, do_accept, do_send, do_recv, do_shutdown, do_close, inject,
};

/* ---- Many at once ---- */

/* What a card would do: a large segment goes out as many, with PSH and FIN on the last. */
static void hear(struct conn *c, const struct virtio_net_hdr *head, const uint8_t *bytes, size_t len)
{
    uint8_t frame[FRAME_MAX];
    struct segment whole, part;
    uint64_t now = clock_now();
    if ((head->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0) {
        peer_hear(c, bytes, len, now);
        return;
    }
    if (!wire_parse(&whole, bytes, len))
        return;
    uint32_t most = head->gso_type != VIRTIO_NET_HDR_GSO_NONE ? head->gso_size : whole.len;
    uint32_t at = 0;
    do {
        part = whole;
        part.bad = false;
        part.seq += at;
        part.data += at;
        part.len = whole.len - at < most ? whole.len - at : most;
        if (at + part.len < whole.len)
            part.flags &= (uint8_t) ~(F_PSH | F_FIN);
        peer_hear(c, frame, wire_build(frame, &part), now);
        at += part.len;
    } while (at < whole.len);
}

static void hear_all(struct conn *c, unsigned first, unsigned n)
{
    static uint8_t bytes[sizeof(struct virtio_net_hdr) + 65536];
    for (ssize_t len; (len = read(tun, bytes, sizeof bytes)) > 0;) {
        struct virtio_net_hdr head;
        const uint8_t *ip = bytes + sizeof head;
        if (len < (ssize_t)sizeof head + 20 || ip[0] >> 4 != 4)
            continue;
        memcpy(&head, bytes, sizeof head);
        uint32_t index = ((uint32_t)ip[18] << 8 | ip[19]) - 256 - first;
        if (ip[17] == 77 && index < n)
            hear(&c[index], &head, ip, (size_t)len - sizeof head);
    }
}

static void listen_until(struct conn *c, unsigned first, unsigned n, uint64_t until)
{
    for (;;) {
        uint64_t now = clock_now();
        struct pollfd p = {.fd = tun, .events = POLLIN};
        hear_all(c, first, n);
        if (now >= until)
            return;
        poll(&p, 1, (int)((until - now) / MS) + 1);
    }
}

void kernel_run(struct conn *c, unsigned first, unsigned n, uint64_t period)
{
    unsigned most = 0;
    uint64_t begin = clock_now();
    for (unsigned i = 0; i < n; i++) {
        const struct sequence *q = c[i].q;
        peer_begin(&c[i], q, &kernel, first + i);
        c[i].began = begin;
        most = q->steps > most ? q->steps : most;
    }
    for (unsigned step = 0; step < most; step++) {
        for (unsigned i = 0; i < n; i++) {
            hear_all(c, first, n);
            c[i].now_step = step; /* beyond the last: what comes is no longer looked at */
            if (step >= c[i].q->steps)
                continue;
            peer_step(&c[i], step, clock_now());
            hear_all(c, first, n);
        }
        listen_until(c, first, n, begin + (step + 1) * period);
    }
    for (unsigned i = 0; i < n; i++)
        peer_end(&c[i]);
    listen_until(c, first, n, clock_now() + 20 * MS);
}

/* A Vitro host behind a device that keeps nothing: what is sent is heard at once. Time is virtual. */
#include "differential.h"

#include <stdlib.h>
#include <string.h>
#include <vitro/host.h>

#define BIRTH (1000 * (vt_time)VT_SEC)

struct side {
    struct vt_device dev; /* first */
    struct vt_host *host;
    struct conn *c;
    struct vt_pbuf *in;
    vt_time now;
};

static unsigned rx_burst(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    struct side *s = (struct side *)(void *)dev;
    (void)now;
    if (n == 0 || s->in == NULL)
        return 0;
    frames[0] = s->in;
    s->in = NULL;
    return 1;
}

static unsigned tx_burst(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    struct side *s = (struct side *)(void *)dev;
    uint8_t bytes[FRAME_MAX];
    for (unsigned i = 0; i < n; i++) {
        size_t len = vt_frame_read(frames[i], bytes, sizeof bytes);
        peer_hear(s->c, bytes, len, now - BIRTH);
        vt_frame_free(frames[i]);
    }
    return n;
}

static vt_time next_at(struct vt_device *dev)
{
    return ((struct side *)(void *)dev)->in != NULL ? 0 : VT_NEVER;
}

static int no_fd(struct vt_device *dev)
{
    (void)dev;
    return -1;
}

static void no_close(struct vt_device *dev)
{
    (void)dev;
}

static struct side *side_of(const struct conn *c)
{
    return c->host;
}

static struct vt_addr addr_of(uint32_t ip, uint16_t port)
{
    struct vt_addr a = {.port = port};
    a.ip.b[10] = a.ip.b[11] = 255;
    for (int i = 0; i < 4; i++)
        a.ip.b[12 + i] = (uint8_t)(ip >> (24 - 8 * i));
    return a;
}

static int open_socket(struct conn *c)
{
    struct vt_host *h = side_of(c)->host;
    int fd = vt_socket(h, VT_AF_INET, VT_SOCK_STREAM, 0);
    vt_setsockopt(h, fd, VT_SOL_TCP, VT_TCP_CONGESTION, "reno", 4);
    return fd;
}

static int do_listen(struct conn *c)
{
    struct vt_addr a = addr_of(0, c->our_port);
    struct vt_host *h = side_of(c)->host;
    int fd = open_socket(c);
    vt_bind(h, fd, &a);
    vt_listen(h, fd, 8);
    return fd;
}

static int do_connect(struct conn *c)
{
    struct vt_addr a = addr_of(c->peer_ip, c->peer_port);
    c->fd = open_socket(c);
    return vt_connect(side_of(c)->host, c->fd, &a);
}

static int do_accept(struct conn *c)
{
    return vt_accept(side_of(c)->host, c->listener, NULL);
}
static long do_send(struct conn *c, const void *buf, size_t len)
{
    return vt_send(side_of(c)->host, c->fd, buf, len, VT_MSG_NOSIGNAL);
}
static long do_recv(struct conn *c, void *buf, size_t len)
{
    return vt_recv(side_of(c)->host, c->fd, buf, len, 0);
}
static int do_shutdown(struct conn *c)
{
    return vt_shutdown(side_of(c)->host, c->fd, VT_SHUT_WR);
}

static int do_close(struct conn *c, int fd, bool abort)
{
    struct vt_linger linger = {1, 0};
    if (abort)
        vt_setsockopt(side_of(c)->host, fd, VT_SOL_SOCKET, VT_SO_LINGER, &linger, sizeof linger);
    return vt_close(side_of(c)->host, fd);
}

static void inject(struct conn *c, const uint8_t *bytes, size_t len)
{
    side_of(c)->in = vt_frame_new(side_of(c)->host, bytes, len);
}

static const struct stack vitro = {
    "vitro", do_listen, do_connect, do_accept, do_send, do_recv, do_shutdown, do_close, inject,
};

/* Lets time pass until `when`. */
static void advance(struct side *s, vt_time when)
{
    vt_time next = vt_host_poll(s->host, s->now);
    while (next <= when) {
        s->now = next > s->now ? next : s->now;
        next = vt_host_poll(s->host, s->now);
    }
    s->now = when;
    vt_host_poll(s->host, s->now);
}

/* The kernel of the other side is told the same; a knob that is not there has nothing to be set. */
static const struct {
    const char *name;
    int64_t value;
} knobs[] = {{"net.ipv4.tcp_rfc1337", 1}, {"net.ipv4.tcp_ecn", 0}, {"net.ipv4.tcp_fastopen", 0}};

void vitro_run(struct conn *c, const struct sequence *q, const struct conn *like, unsigned index,
               uint64_t period)
{
    static const struct vt_device_ops ops = {rx_burst, tx_burst, next_at, no_fd, no_close};
    struct side s = {
        .dev = {.ops = &ops, .features = VT_DEV_RAW_IP, .mtu = 1500, .name = "peer"}, .c = c, .now = BIRTH};
    s.host = vt_host_new(&(struct vt_host_config){.seed = q->seed + 1, .now = BIRTH});
    if (s.host == NULL)
        abort();
    for (size_t i = 0; i < sizeof knobs / sizeof *knobs; i++)
        vt_host_sysctl_set(s.host, knobs[i].name, knobs[i].value);
    vt_host_attach(s.host, &s.dev, "10.0.0.1/8");
    c->host = &s;
    peer_begin(c, q, &vitro, index);
    for (unsigned i = 0; i < q->steps; i++) {
        vt_time when = BIRTH + (like != NULL ? like->when[i] : i * period);
        advance(&s, when);
        vt_host_flush(s.host, s.now);
        peer_step(c, i, s.now - BIRTH);
        advance(&s, s.now);
    }
    advance(&s, s.now + period);
    c->now_step = q->steps;
    peer_end(c);
    vt_host_free(s.host);
    c->host = NULL;
}

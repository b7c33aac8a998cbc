#include "pair.h"

#include "base/pbuf.h"
#include "host/host.h"

/* ---- The wire ---- */

static unsigned wire_rx(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    struct wire_way *w = ((struct wire_end *)(void *)dev)->in;
    unsigned got = 0;
    (void)now;
    while (got < n && w->got != w->put)
        frames[got++] = w->frame[w->got++ % WIRE_FRAMES];
    return got;
}

static unsigned wire_tx(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    struct wire_way *w = ((struct wire_end *)(void *)dev)->out;
    unsigned i = 0;
    (void)now;
    while (i < n && w->put - w->got < WIRE_FRAMES)
        w->frame[w->put++ % WIRE_FRAMES] = frames[i++];
    return i;
}

static vt_time wire_next(struct vt_device *dev)
{
    const struct wire_way *w = ((struct wire_end *)(void *)dev)->in;
    return w->got != w->put ? 0 : VT_NEVER;
}

static int wire_fd(struct vt_device *dev)
{
    (void)dev;
    return -1;
}

static void wire_close(struct vt_device *dev)
{
    (void)dev;
}

static const struct vt_device_ops wire_ops = {wire_rx, wire_tx, wire_next, wire_fd, wire_close};

/* ---- The pair ---- */

struct pair_config pair_args(int argc, char **argv)
{
    return (struct pair_config){
        .sums = bench_arg(argc, argv, "sums", 0) != 0,
        .gso = bench_arg(argc, argv, "gso", 0) != 0,
        .eth = bench_arg(argc, argv, "eth", 0) != 0,
        .stock = bench_arg(argc, argv, "stock", 0) != 0,
        .mtu = (uint32_t)bench_arg(argc, argv, "mtu", 1500),
    };
}

static struct vt_host *make_host(struct pair *p, const struct pair_config *c, unsigned n, const char *addr)
{
    struct vt_host *h = vt_host_new(&(struct vt_host_config){
        .name = n == 0 ? "a" : "b", .seed = n + 1, .pool = p->pool, .node = n + 1, .now = p->now});
    if (h == NULL || vt_host_attach(h, &p->end[n].dev, addr) < 0)
        bench_fail("no memory");
    if (!c->stock && vt_host_sysctl_set(h, "net.ipv4.tcp_timestamps", 0) != 0)
        bench_fail("no such knob");
    return h;
}

void pair_init(struct pair *p, const struct pair_config *c)
{
    memset(p, 0, sizeof(*p));
    p->now = VT_SEC;
    p->pool = vt_pool_new(&(struct vt_pool_config){.mem = vt_host_malloc()});
    for (unsigned i = 0; i < 2; i++) {
        uint32_t features = c->eth ? 0 : VT_DEV_RAW_IP;
        if (!c->sums)
            features |= VT_DEV_TX_CSUM | VT_DEV_RX_CSUM;
        if (c->gso)
            features |= VT_DEV_TX_CSUM | VT_DEV_RX_CSUM | VT_DEV_TX_TSO4 | VT_DEV_RX_GSO;
        p->end[i].dev = (struct vt_device){
            .ops = &wire_ops, .features = features, .mtu = c->mtu != 0 ? c->mtu : 1500, .name = "wire"};
        p->end[i].out = &p->way[i];
        p->end[i].in = &p->way[!i];
    }
    p->a = make_host(p, c, 0, "10.0.0.1/24");
    p->b = make_host(p, c, 1, "10.0.0.2/24");
}

void pair_fini(struct pair *p)
{
    vt_host_free(p->a);
    vt_host_free(p->b);
    for (unsigned i = 0; i < 2; i++)
        while (p->way[i].got != p->way[i].put)
            vt_pbuf_free(p->way[i].frame[p->way[i].got++ % WIRE_FRAMES]);
    vt_pool_release(p->pool);
}

void pair_turn(struct pair *p)
{
    p->now = p->real ? (vt_time)bench_clock(CLOCK_MONOTONIC) : p->now + (vt_time)VT_USEC;
    vt_host_poll(p->a, p->now);
    vt_host_poll(p->b, p->now);
}

void pair_setopt(struct vt_host *h, int fd, int level, int name, int value)
{
    if (vt_setsockopt(h, fd, level, name, &value, sizeof(value)) != 0)
        bench_fail("setsockopt");
}

void pair_connect(struct pair *p, uint16_t port, int *from, int *to)
{
    struct vt_addr any = {.ip = VT_IP4_ANY, .port = port}, dst = {.ip = VT_IP4(10, 0, 0, 2), .port = port};
    int listener = vt_socket(p->b, VT_AF_INET, VT_SOCK_STREAM, 0);
    if (vt_bind(p->b, listener, &any) != 0 || vt_listen(p->b, listener, 16) != 0)
        bench_fail("listen");
    if (*from < 0)
        *from = vt_socket(p->a, VT_AF_INET, VT_SOCK_STREAM, 0);
    if (vt_connect(p->a, *from, &dst) != -VT_EINPROGRESS)
        bench_fail("connect");
    *to = -1;
    for (unsigned i = 0; i < 1000 && *to < 0; i++) {
        pair_turn(p);
        *to = vt_accept(p->b, listener, NULL);
    }
    if (*to < 0)
        bench_fail("accept");
    vt_close(p->b, listener);
    pair_turn(p);
}

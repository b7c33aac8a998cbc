/* Connections that are opened, carry 64 bytes each way, and are closed by a four-way goodbye: how many in a
 * second. Each leaves a TIME-WAIT entry for its real time, since the clock is the system's.
 *
 * usage: connect [--sums] [--eth] [--stock] [--virtual] [--count N] [--at-once N] [--ports N]
 *
 * --at-once connections are under way together; they go to --ports different ports, so that enough names are
 * to be had. --virtual moves the clock a microsecond a turn instead, for callgrind. */
#include "pair.h"

#define SIZE     64
#define PORT     7000
#define MAX_OPEN 1024

struct conn {
    int from, to;
    bool asked, answered;
};

struct connects {
    struct pair pair;
    uint64_t ports, at_once, count, begun, done;
    int listener[MAX_OPEN];
    struct conn conn[MAX_OPEN];
    struct vt_epoll_event ready[MAX_OPEN];
    int poll_a, poll_b;
    uint8_t buf[SIZE];
};

static void watch(struct vt_host *h, int set, int fd, uint32_t events, uint64_t data)
{
    struct vt_epoll_event ev = {events, data};
    if (vt_epoll_ctl(h, set, VT_EPOLL_CTL_ADD, fd, &ev) != 0)
        bench_fail("epoll_ctl");
}

static void begin(struct connects *c, unsigned slot)
{
    struct vt_addr to = {.ip = VT_IP4(10, 0, 0, 2), .port = (uint16_t)(PORT + c->begun % c->ports)};
    struct vt_host *a = c->pair.a;
    int fd = vt_socket(a, VT_AF_INET, VT_SOCK_STREAM, 0);
    int error = vt_connect(a, fd, &to);
    if (error != -VT_EINPROGRESS) {
        fprintf(stderr, "connect %llu: %d\n", (unsigned long long)c->begun, error);
        bench_fail("connect");
    }
    c->conn[slot] = (struct conn){.from = fd, .to = -1};
    c->begun++;
    watch(a, c->poll_a, fd, VT_POLLOUT, slot);
}

/* The client: asks when it is connected, reads the answer, says goodbye first. */
static void client(struct connects *c, unsigned slot)
{
    struct conn *k = &c->conn[slot];
    struct vt_host *a = c->pair.a;
    if (!k->asked) {
        if (vt_send(a, k->from, c->buf, SIZE, 0) != SIZE)
            bench_fail("the handshake failed");
        k->asked = true;
        struct vt_epoll_event ev = {VT_POLLIN, slot};
        vt_epoll_ctl(a, c->poll_a, VT_EPOLL_CTL_MOD, k->from, &ev);
        return;
    }
    if (!k->answered && vt_recv(a, k->from, c->buf, SIZE, 0) == SIZE) {
        k->answered = true;
        vt_close(a, k->from);
        c->done++;
        if (c->begun < c->count)
            begin(c, slot);
    }
}

/* The server: answers what comes, and closes when the client has. */
static void server(struct connects *c, int fd)
{
    struct vt_host *b = c->pair.b;
    long n = vt_recv(b, fd, c->buf, SIZE, 0);
    if (n > 0)
        vt_send(b, fd, c->buf, (size_t)n, 0);
    else if (n == 0)
        vt_close(b, fd);
}

static void accept_all(struct connects *c, int listener)
{
    int fd;
    while ((fd = vt_accept(c->pair.b, listener, NULL)) >= 0)
        watch(c->pair.b, c->poll_b, fd, VT_POLLIN, (uint64_t)fd);
}

static void turn(struct connects *c)
{
    int n = vt_epoll_wait(c->pair.b, c->poll_b, c->ready, MAX_OPEN);
    for (int i = 0; i < n; i++) {
        if (c->ready[i].data >> 32 != 0)
            accept_all(c, (int)(uint32_t)c->ready[i].data);
        else
            server(c, (int)c->ready[i].data);
    }
    n = vt_epoll_wait(c->pair.a, c->poll_a, c->ready, MAX_OPEN);
    for (int i = 0; i < n; i++)
        client(c, (unsigned)c->ready[i].data);
    vt_host_flush(c->pair.b, c->pair.now);
    pair_turn(&c->pair);
}

static void run(struct connects *c)
{
    uint64_t turns = 0;
    for (unsigned i = 0; i < c->at_once && c->begun < c->count; i++)
        begin(c, i);
    while (c->done < c->count) {
        turn(c);
        if (++turns > c->count * 1000)
            bench_fail("connections stand still");
    }
}

void bench_measured(void *ctx)
{
    run(ctx);
}

static void set_up(struct connects *c)
{
    c->poll_a = vt_epoll_create(c->pair.a);
    c->poll_b = vt_epoll_create(c->pair.b);
    vt_host_sysctl_set(c->pair.a, "net.ipv4.tcp_max_tw_buckets", 100000000);
    for (uint64_t i = 0; i < c->ports; i++) {
        struct vt_addr any = {.ip = VT_IP4_ANY, .port = (uint16_t)(PORT + i)};
        int fd = vt_socket(c->pair.b, VT_AF_INET, VT_SOCK_STREAM, 0);
        if (vt_bind(c->pair.b, fd, &any) != 0 || vt_listen(c->pair.b, fd, 4096) != 0)
            bench_fail("listen");
        watch(c->pair.b, c->poll_b, fd, VT_POLLIN, UINT64_C(1) << 32 | (uint32_t)fd);
    }
}

int main(int argc, char **argv)
{
    static struct connects c;
    struct pair_config config = pair_args(argc, argv);
    struct bench_result r = {.count = bench_arg(argc, argv, "count", 300000)};
    c.ports = bench_arg(argc, argv, "ports", 64);
    c.at_once = bench_arg(argc, argv, "at-once", 64);
    if (c.ports > MAX_OPEN || c.ports == 0 || c.at_once > MAX_OPEN || c.at_once == 0)
        bench_fail("--ports and --at-once are 1 to 1024");
    pair_init(&c.pair, &config);
    c.pair.real = bench_arg(argc, argv, "virtual", 0) == 0;
    pair_turn(&c.pair);
    set_up(&c);
    c.count = c.at_once;
    run(&c);
    c.count += r.count;
    r.bytes = r.count * SIZE * 2;
    bench_begin(&r);
    bench_measured(&c);
    bench_end(&r);
    bench_print(&r);
    fprintf(stderr, "connect: a holds %zu bytes at the end\n", vt_host_memory(c.pair.a));
    pair_fini(&c.pair);
    return 0;
}

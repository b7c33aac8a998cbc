/* What is held: resident memory by idle connections, or by idle hosts.
 *
 * usage: memory --conns N | --hosts N
 *
 * --conns: connections between two hosts, each having carried 64 bytes each way, both ends counted.
 * Prints "count", the ends or hosts, and "bytes", by which the process grew. */
#include <unistd.h>

#include "pair.h"

#define SIZE     64
#define PORT     7000
#define PER_PORT 20000u

static uint64_t resident(void)
{
    unsigned long long size = 0, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%llu %llu", &size, &pages) != 2)
        bench_fail("/proc/self/statm");
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int listen_at(struct pair *p, uint16_t port)
{
    struct vt_addr any = {.ip = VT_IP4_ANY, .port = port};
    int fd = vt_socket(p->b, VT_AF_INET, VT_SOCK_STREAM, 0);
    if (vt_bind(p->b, fd, &any) != 0 || vt_listen(p->b, fd, 16) != 0)
        bench_fail("listen");
    return fd;
}

static void one(struct pair *p, int listener, uint16_t port)
{
    struct vt_addr to = {.ip = VT_IP4(10, 0, 0, 2), .port = port};
    uint8_t buf[SIZE] = {0};
    int out = vt_socket(p->a, VT_AF_INET, VT_SOCK_STREAM, 0), in = -1;
    if (vt_connect(p->a, out, &to) != -VT_EINPROGRESS)
        bench_fail("connect");
    for (unsigned i = 0; i < 100 && in < 0; i++) {
        pair_turn(p);
        in = vt_accept(p->b, listener, NULL);
    }
    vt_send(p->a, out, buf, SIZE, 0);
    pair_turn(p);
    if (vt_recv(p->b, in, buf, SIZE, 0) != SIZE)
        bench_fail("recv");
    vt_send(p->b, in, buf, SIZE, 0);
    pair_turn(p);
    pair_turn(p);
    if (vt_recv(p->a, out, buf, SIZE, 0) != SIZE)
        bench_fail("recv");
    p->now += (vt_time)(10 * VT_USEC);
}

static void conns(struct pair *p, uint64_t n)
{
    int listener = -1;
    for (uint64_t i = 0; i < n; i++) {
        uint16_t port = (uint16_t)(PORT + i / PER_PORT);
        if (i % PER_PORT == 0)
            listener = listen_at(p, port);
        one(p, listener, port);
    }
    for (unsigned i = 0; i < 1000; i++) { /* until the last delayed ACK has gone */
        p->now += (vt_time)VT_MSEC;
        pair_turn(p);
    }
}

static void hosts(struct pair *p, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (vt_host_new(&(struct vt_host_config){
                .name = "idle", .seed = i, .pool = p->pool, .node = (uint32_t)i + 3}) == NULL)
            bench_fail("no memory");
}

int main(int argc, char **argv)
{
    static struct pair p;
    struct pair_config config = {.stock = true};
    struct bench_result r = {0};
    uint64_t n_conns = bench_arg(argc, argv, "conns", 0), n_hosts = bench_arg(argc, argv, "hosts", 0);
    pair_init(&p, &config);
    uint64_t before = resident();
    bench_begin(&r);
    conns(&p, n_conns);
    hosts(&p, n_hosts);
    bench_end(&r);
    r.count = 2 * n_conns + n_hosts;
    r.bytes = resident() - before;
    bench_print(&r);
    return 0; /* what is held goes with the process */
}

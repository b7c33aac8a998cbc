/* A TCP client of plain BSD sockets: the other half of tcpserv.
 *
 * usage: tcpcli bulk | request | connect ADDRESS PORT COUNT [PORTS]
 *
 *   bulk     writes COUNT bytes to a sink, and waits until it has read all
 *   request  COUNT requests and responses of 64 bytes on one connection; prints median and p99 too
 *   connect  COUNT connections, 64 under way at once, to PORTS ports in turn: 64 bytes each way each, closed
 *            by the client first */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../bench.h"

#define BLOCK   65536
#define SIZE    64
#define AT_ONCE 64

static struct sockaddr_in to;
static char block[BLOCK];

static int connected(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        bench_fail("tcpcli: connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void bulk(struct bench_result *r)
{
    int fd = connected();
    uint64_t left = r->count;
    while (left > 0) {
        ssize_t n = write(fd, block, left < BLOCK ? left : BLOCK);
        if (n <= 0)
            bench_fail("tcpcli: write");
        left -= (uint64_t)n;
    }
    shutdown(fd, SHUT_WR);
    if (read(fd, block, 1) != 0) /* the sink closes when it has read all */
        bench_fail("tcpcli: read");
    r->bytes = r->count;
    close(fd);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void request(struct bench_result *r)
{
    int fd = connected();
    uint64_t *took = calloc(r->count, sizeof(*took));
    if (took == NULL)
        bench_fail("no memory");
    for (uint64_t i = 0; i < r->count; i++) {
        uint64_t begun = bench_clock(CLOCK_MONOTONIC);
        ssize_t got = 0, n;
        if (write(fd, block, SIZE) != SIZE)
            bench_fail("tcpcli: write");
        for (; got < SIZE; got += n)
            if ((n = read(fd, block, SIZE)) <= 0)
                bench_fail("tcpcli: read");
        took[i] = bench_clock(CLOCK_MONOTONIC) - begun;
    }
    qsort(took, r->count, sizeof(*took), by_size);
    r->p50_ns = took[r->count / 2];
    r->p99_ns = took[r->count * 99 / 100];
    r->bytes = r->count * 2 * SIZE;
    free(took);
    close(fd);
}

static void begin(int set, unsigned port)
{
    struct sockaddr_in at = to;
    at.sin_port = htons((uint16_t)(ntohs(to.sin_port) + port));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0 && errno != EINPROGRESS)
        bench_fail("tcpcli: connect");
    struct epoll_event ev = {.events = EPOLLOUT, .data.fd = fd};
    epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev);
}

static void connects(struct bench_result *r, unsigned ports)
{
    struct epoll_event ev[AT_ONCE];
    int set = epoll_create1(0);
    uint64_t begun = 0, done = 0;
    while (begun < AT_ONCE && begun < r->count)
        begin(set, (unsigned)(begun++ % ports));
    while (done < r->count) {
        int n = epoll_wait(set, ev, AT_ONCE, 10000);
        if (n <= 0)
            bench_fail("tcpcli: connections stand still");
        for (int i = 0; i < n; i++) {
            int fd = ev[i].data.fd;
            if ((ev[i].events & EPOLLOUT) != 0) {
                struct epoll_event in = {.events = EPOLLIN, .data.fd = fd};
                if (write(fd, block, SIZE) != SIZE)
                    bench_fail("tcpcli: no connection");
                epoll_ctl(set, EPOLL_CTL_MOD, fd, &in);
                continue;
            }
            if (read(fd, block, SIZE) != SIZE)
                bench_fail("tcpcli: no answer");
            close(fd);
            done++;
            if (begun < r->count)
                begin(set, (unsigned)(begun++ % ports));
        }
    }
    r->bytes = r->count * 2 * SIZE;
}

int main(int argc, char **argv)
{
    struct bench_result r = {0};
    if (argc < 5)
        bench_fail("usage: tcpcli bulk | request | connect ADDRESS PORT COUNT [PORTS]");
    to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3]))};
    if (inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
        bench_fail("tcpcli: no such address");
    r.count = strtoull(argv[4], NULL, 10);
    bench_begin(&r);
    if (strcmp(argv[1], "bulk") == 0)
        bulk(&r);
    else if (strcmp(argv[1], "request") == 0)
        request(&r);
    else
        connects(&r, argc > 5 ? (unsigned)atoi(argv[5]) : 1);
    bench_end(&r);
    bench_print(&r);
    return 0;
}

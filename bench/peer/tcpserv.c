/* A TCP server of plain BSD sockets: the peer's half, and what other stacks are measured against.
 *
 * usage: tcpserv sink | echo PORT [PORTS]
 *
 * Listens on PORT and the PORTS - 1 that follow. `sink` reads until the end of each stream and then closes;
 * `echo` sends back what comes. Says "ready", and runs until it is killed. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../bench.h"

#define EVENTS 256
#define BLOCK  65536

static char block[BLOCK];

static int listen_at(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 4096) != 0)
        bench_fail("tcpserv: listen");
    return fd;
}

static void watch(int set, int fd, bool listener)
{
    struct epoll_event ev = {.events = EPOLLIN,
                             .data.u64 = (uint64_t)(uint32_t)fd | (listener ? UINT64_C(1) << 32 : 0)};
    if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev) != 0)
        bench_fail("tcpserv: epoll_ctl");
}

static void accept_all(int set, int listener)
{
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        watch(set, fd, false);
    }
}

static void serve(int fd, bool echo)
{
    ssize_t n;
    while ((n = read(fd, block, BLOCK)) > 0) {
        if (echo && write(fd, block, (size_t)n) != n)
            break;
        if (n < BLOCK)
            return;
    }
    if (n == 0)
        close(fd);
}

int main(int argc, char **argv)
{
    struct epoll_event ev[EVENTS];
    if (argc < 3 || (strcmp(argv[1], "sink") != 0 && strcmp(argv[1], "echo") != 0))
        bench_fail("usage: tcpserv sink | echo PORT [PORTS]");
    bool echo = argv[1][0] == 'e';
    int set = epoll_create1(0), ports = argc > 3 ? atoi(argv[3]) : 1;
    for (int i = 0; i < ports; i++)
        watch(set, listen_at((uint16_t)(atoi(argv[2]) + i)), true);
    puts("ready");
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(set, ev, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (ev[i].data.u64 >> 32 != 0)
                accept_all(set, (int)(uint32_t)ev[i].data.u64);
            else
                serve((int)(uint32_t)ev[i].data.u64, echo);
        }
    }
}

/* The shared object for packetdrill, driven as the tool drives it: every function of its interface, calls
 * that wait on a second thread, knobs from a file, virtual time. Two of its hosts stand face to face; what
 * one sends is handed to the other by hand. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>
#include "drill/so/interface.h"

#define A            0xc0a80001u /* 192.168.0.1 */
#define B            0xc0000201u /* 192.0.2.1 */
#define PORT         8080
#define SOL_TCP_     6
#define TCP_NODELAY_ 1
#define TCP_INFO_    11

struct end {
    struct packetdrill_interface i;
    uint8_t packet[65536];
    size_t len;
    long long at; /* of the packet, in us */
};

static void (*init)(const char *, struct packetdrill_interface *);
static struct end ends[2];
static struct packetdrill_interface *const a = &ends[0].i, *const b = &ends[1].i;

static struct sockaddr_in address(uint32_t ip, uint16_t port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};

    sa.sin_addr.s_addr = htonl(ip);
    return sa;
}

static int bound(struct packetdrill_interface *i, int type, uint32_t ip, uint16_t port)
{
    struct sockaddr_in sa = address(ip, port);
    int fd = i->socket(i->userdata, AF_INET, type, 0);

    assert_true(fd >= 0);
    assert_int_equal(i->bind(i->userdata, fd, (struct sockaddr *)&sa, sizeof sa), 0);
    return fd;
}

static int dial(struct packetdrill_interface *i, int fd, uint32_t ip, uint16_t port)
{
    struct sockaddr_in sa = address(ip, port);

    return i->connect(i->userdata, fd, (struct sockaddr *)&sa, sizeof sa);
}

static void unblock(struct packetdrill_interface *i, int fd)
{
    assert_int_equal(i->fcntl(i->userdata, fd, F_GETFL), O_RDWR);
    assert_int_equal(i->fcntl(i->userdata, fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
    assert_int_equal(i->fcntl(i->userdata, fd, F_GETFL), O_RDWR | O_NONBLOCK);
}

static struct end *end_of(struct packetdrill_interface *i)
{
    return (struct end *)(void *)i;
}

/* The next packet of one end; its length, 0: there will be none. */
static size_t take(struct packetdrill_interface *i)
{
    struct end *e = end_of(i);

    e->len = sizeof e->packet;
    assert_int_equal(i->netdev_receive(i->userdata, e->packet, &e->len, &e->at), 0);
    return e->len;
}

static void hand(struct packetdrill_interface *from, struct packetdrill_interface *to, unsigned n)
{
    while (n-- != 0) {
        assert_true(take(from) != 0);
        assert_int_equal(to->netdev_send(to->userdata, end_of(from)->packet, end_of(from)->len), 0);
    }
}

/* Hands packets over until this many bytes of a stream were among them: acknowledgements may be between. */
static void hand_bytes(struct packetdrill_interface *from, struct packetdrill_interface *to, size_t bytes)
{
    const struct end *e = end_of(from);
    size_t done = 0;

    while (done < bytes) {
        hand(from, to, 1);
        done += e->len - 20 - (size_t)(e->packet[32] >> 4) * 4;
    }
    assert_int_equal(done, bytes);
}

static long long now(struct packetdrill_interface *i)
{
    struct timeval tv;

    assert_int_equal(i->gettimeofday(i->userdata, &tv, NULL), 0);
    return tv.tv_sec * 1000000LL + tv.tv_usec;
}

static int begin(void **state)
{
    (void)state;
    init("local=192.168.0.1", a);
    init(NULL, b);
    return 0;
}

static int end(void **state)
{
    (void)state;
    a->free(a->userdata);
    b->free(b->userdata);
    return 0;
}

/* B listens, A connects: descriptors of the connection at both ends, which send at once. */
static void joined(int *at_a, int *at_b, int *listener)
{
    struct sockaddr_in peer;
    socklen_t len = sizeof peer;
    int one = 1;

    *listener = bound(b, SOCK_STREAM, B, PORT);
    assert_int_equal(b->listen(b->userdata, *listener, 5), 0);
    *at_a = a->socket(a->userdata, AF_INET, SOCK_STREAM, IPPROTO_TCP);
    unblock(a, *at_a);
    assert_int_equal(dial(a, *at_a, B, PORT), -1);
    assert_int_equal(errno, EINPROGRESS);
    hand(a, b, 1);
    hand(b, a, 1);
    hand(a, b, 1);
    *at_b = b->accept(b->userdata, *listener, (struct sockaddr *)&peer, &len);
    assert_true(*at_b >= 0);
    assert_int_equal(len, sizeof peer);
    assert_int_equal(ntohl(peer.sin_addr.s_addr), A);
    assert_true(peer.sin_port != 0);
    assert_int_equal(a->setsockopt(a->userdata, *at_a, SOL_TCP_, TCP_NODELAY_, &one, sizeof one), 0);
    assert_int_equal(b->setsockopt(b->userdata, *at_b, SOL_TCP_, TCP_NODELAY_, &one, sizeof one), 0);
}

/* ---- The interface ---- */

static void test_every_function_is_there(void **state)
{
    void *functions[33];

    (void)state;
    assert_int_equal(sizeof *a, sizeof functions);
    memcpy(functions, a, sizeof functions);
    for (unsigned k = 0; k < 33; k++)
        assert_non_null(functions[k]);
}

static void test_errors_are_errno(void **state)
{
    char c;

    (void)state;
    assert_int_equal(a->listen(a->userdata, 900, 1), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(a->socket(a->userdata, AF_INET6, SOCK_STREAM, 0), -1);
    assert_int_equal(errno, EAFNOSUPPORT);
    assert_int_equal(a->recv(a->userdata, -1, &c, 1, 0), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(a->epoll_create(a->userdata, 0), -1);
    assert_int_equal(errno, EINVAL);
}

/* The tool closes by the kernel's close() what the script has left open. */
static void test_descriptors_are_real(void **state)
{
    int fd = a->socket(a->userdata, AF_INET, SOCK_STREAM, 0);

    (void)state;
    assert_true(fcntl(fd, F_GETFD) >= 0);
    assert_int_equal(a->close(a->userdata, fd), 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    fd = a->socket(a->userdata, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(close(fd), 0);
}

static void test_streams_carry_bytes(void **state)
{
    char in[100];
    struct iovec out[2] = {{(char[]){"two "}, 4}, {(char[]){"parts"}, 5}}, into[2] = {{in, 3}, {in + 3, 97}};
    struct msghdr msg = {.msg_iov = out, .msg_iovlen = 2}, got = {.msg_iov = into, .msg_iovlen = 2};
    int x, y, l, value = 0;

    (void)state;
    joined(&x, &y, &l);
    assert_int_equal(a->write(a->userdata, x, "hello", 5), 5);
    hand(a, b, 1);
    assert_int_equal(b->ioctl(b->userdata, y, FIONREAD, &value), 0);
    assert_int_equal(value, 5);
    assert_int_equal(b->read(b->userdata, y, in, sizeof in), 5);
    assert_memory_equal(in, "hello", 5);
    assert_int_equal(b->writev(b->userdata, y, out, 2), 9);
    assert_int_equal(b->send(b->userdata, y, "!", 1, 0), 1);
    hand_bytes(b, a, 10);
    assert_int_equal(a->readv(a->userdata, x, into, 2), 10);
    assert_memory_equal(in, "two parts!", 10);
    assert_int_equal(a->sendmsg(a->userdata, x, &msg, 0), 9);
    hand_bytes(a, b, 9);
    assert_int_equal(b->recvmsg(b->userdata, y, &got, 0), 9);
    assert_memory_equal(in, "two parts", 9);
    assert_int_equal(b->shutdown(b->userdata, y, SHUT_WR), 0);
    assert_int_equal(a->close(a->userdata, x), 0);
    assert_int_equal(b->close(b->userdata, y), 0);
    assert_int_equal(b->close(b->userdata, l), 0);
}

static void test_datagrams_tell_their_sender(void **state)
{
    int x = bound(a, SOCK_DGRAM, A, 1000), y = bound(b, SOCK_DGRAM, B, 2000);
    struct sockaddr_in to = address(B, 2000), from;
    socklen_t len = sizeof from;
    char in[10];

    (void)state;
    assert_int_equal(a->sendto(a->userdata, x, "abc", 3, 0, (struct sockaddr *)&to, sizeof to), 3);
    hand(a, b, 1);
    assert_int_equal(b->recvfrom(b->userdata, y, in, sizeof in, MSG_DONTWAIT, (struct sockaddr *)&from, &len),
                     3);
    assert_int_equal(ntohl(from.sin_addr.s_addr), A);
    assert_int_equal(ntohs(from.sin_port), 1000);
    assert_int_equal(b->recv(b->userdata, y, in, sizeof in, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

static void test_options(void **state)
{
    int fd = a->socket(a->userdata, AF_INET, SOCK_STREAM, 0), value = 1;
    socklen_t len = sizeof value;

    (void)state;
    assert_int_equal(a->setsockopt(a->userdata, fd, SOL_TCP_, TCP_NODELAY_, &value, sizeof value), 0);
    value = 0;
    assert_int_equal(a->getsockopt(a->userdata, fd, SOL_TCP_, TCP_NODELAY_, &value, &len), 0);
    assert_int_equal(value, 1);
    assert_int_equal(a->setsockopt(a->userdata, fd, SOL_TCP_, 9999, &value, sizeof value), -1);
    assert_int_equal(errno, ENOPROTOOPT);
}

static void test_poll_and_epoll(void **state)
{
    struct epoll_event want = {.events = EPOLLIN, .data.u64 = 42}, found[4];
    struct pollfd p = {.events = POLLIN | POLLOUT};
    int x, y, l, ep = b->epoll_create(b->userdata, 1);
    long long before;

    (void)state;
    joined(&x, &y, &l);
    assert_int_equal(b->epoll_ctl(b->userdata, ep, EPOLL_CTL_ADD, y, &want), 0);
    p.fd = y;
    assert_int_equal(b->poll(b->userdata, &p, 1, 0), 1);
    assert_int_equal(p.revents, POLLOUT);
    before = now(b);
    assert_int_equal(b->epoll_wait(b->userdata, ep, found, 4, 250), 0);
    assert_in_range(now(b) - before, 250000, 250010);
    assert_int_equal(a->write(a->userdata, x, "1", 1), 1);
    hand(a, b, 1);
    assert_int_equal(b->epoll_wait(b->userdata, ep, found, 4, -1), 1);
    assert_int_equal(found[0].events, EPOLLIN);
    assert_int_equal(found[0].data.u64, 42);
    p = (struct pollfd){.fd = 901, .events = POLLIN};
    assert_int_equal(b->poll(b->userdata, &p, 1, 0), 1);
    assert_int_equal(p.revents, POLLNVAL);
}

static void test_pipes_and_files(void **state)
{
    int x, y, l, p[2];
    char in[10];
    FILE *file = tmpfile();
    off_t offset = 2;

    (void)state;
    joined(&x, &y, &l);
    assert_int_equal(a->pipe(a->userdata, p), 0);
    assert_int_equal(a->write(a->userdata, p[1], "pipe", 4), 4);
    assert_int_equal(a->splice(a->userdata, p[0], NULL, x, NULL, 100, 0), 4);
    hand(a, b, 1);
    assert_int_equal(b->splice(b->userdata, y, NULL, p[1], NULL, 100, 0), 4);
    assert_int_equal(b->read(b->userdata, p[0], in, sizeof in), 4);
    assert_memory_equal(in, "pipe", 4);
    /* The tool asks the kernel for sendfile(): it is led to us all the same. */
    assert_non_null(file);
    assert_int_equal(fwrite("a file", 1, 6, file), 6);
    assert_int_equal(fflush(file), 0);
    assert_int_equal(sendfile(x, fileno(file), &offset, 100), 4);
    assert_int_equal(offset, 6);
    hand_bytes(a, b, 4);
    assert_int_equal(b->read(b->userdata, y, in, sizeof in), 4);
    assert_memory_equal(in, "file", 4);
    fclose(file);
    assert_int_equal(a->close(a->userdata, p[0]), 0);
    assert_int_equal(a->close(a->userdata, p[1]), 0);
}

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED __has_feature(address_sanitizer)
#else
#define SANITIZED false
#endif

/* Its code blocks read TCP_INFO by the kernel's getsockopt(). */
static void test_tcp_info_by_the_kernels_call(void **state)
{
    uint8_t info[512] = {0};
    socklen_t len = sizeof info;
    int x, y, l, value, kernel = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    if (SANITIZED) { /* the sanitizer's own getsockopt() stands before the kernel's */
        close(kernel);
        skip();
    }
    joined(&x, &y, &l);
    assert_int_equal(getsockopt(x, SOL_TCP_, TCP_INFO_, info, &len), 0);
    assert_int_equal(info[0], 1); /* established */
    assert_true(len >= 280);
    len = sizeof value;
    assert_int_equal(getsockopt(kernel, SOL_SOCKET, SO_TYPE, &value, &len), 0);
    assert_int_equal(value, SOCK_STREAM);
    close(kernel);
}

/* ---- Time ---- */

static void test_time_is_virtual(void **state)
{
    int fd = a->socket(a->userdata, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    long long before = now(a), first;

    (void)state;
    assert_int_equal(now(a) - before, 1); /* spinning must end */
    assert_int_equal(a->usleep(a->userdata, 5000000), 0);
    assert_int_equal(now(a) - before, 5000001);
    assert_int_equal(take(a), 0); /* there will never be one */
    assert_int_equal(dial(a, fd, B, PORT), -1);
    assert_true(take(a) != 0);
    first = end_of(a)->at;
    assert_true(take(a) != 0); /* the retransmission, RFC 6298 2.1: waiting for it lets time pass */
    assert_int_equal(end_of(a)->at - first, 1000000);
}

struct waiting {
    struct packetdrill_interface *i;
    int fd;
    bool accept;
    volatile long tid;
    long result;
    long long ended;
    char in[16];
};

static void *wait_in_a_call(void *arg)
{
    struct waiting *w = arg;

    w->tid = syscall(SYS_gettid);
    if (w->accept)
        w->result = w->i->accept(w->i->userdata, w->fd, NULL, NULL);
    else
        w->result = w->i->recv(w->i->userdata, w->fd, w->in, sizeof w->in, 0);
    w->ended = now(w->i);
    return NULL;
}

/* As the tool does: the call is under way when its thread sleeps. */
static pthread_t start(struct waiting *w)
{
    char path[64], stat[512];
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, wait_in_a_call, w), 0);
    for (;;) {
        FILE *file;
        size_t n;

        snprintf(path, sizeof path, "/proc/self/task/%ld/stat", w->tid);
        file = w->tid != 0 ? fopen(path, "r") : NULL;
        if (file == NULL)
            continue;
        n = fread(stat, 1, sizeof stat - 1, file);
        fclose(file);
        stat[n] = 0;
        if (strstr(stat, ") S ") != NULL)
            return thread;
        sched_yield();
    }
}

static void test_calls_wait_on_a_second_thread(void **state)
{
    struct waiting accepting = {.i = b, .accept = true}, receiving = {.i = b};
    int fd = a->socket(a->userdata, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    pthread_t thread;
    long long before;

    (void)state;
    accepting.fd = bound(b, SOCK_STREAM, B, PORT);
    assert_int_equal(b->listen(b->userdata, accepting.fd, 5), 0);
    thread = start(&accepting);
    assert_int_equal(dial(a, fd, B, PORT), -1);
    hand(a, b, 1);
    hand(b, a, 1);
    before = now(b);
    hand(a, b, 1);
    /* Whatever time does before the thread gets to run: the call ended when the packet came. */
    assert_int_equal(b->usleep(b->userdata, 3000000), 0);
    pthread_join(thread, NULL);
    assert_true(accepting.result >= 0);
    assert_in_range(accepting.ended, before, before + 1);

    receiving.fd = (int)accepting.result;
    thread = start(&receiving);
    assert_int_equal(b->usleep(b->userdata, 100000), 0);
    before = now(b);
    assert_int_equal(a->write(a->userdata, fd, "woken", 5), 5);
    hand(a, b, 1);
    assert_true(take(b) != 0); /* the acknowledgement */
    pthread_join(thread, NULL);
    assert_int_equal(receiving.result, 5);
    assert_memory_equal(receiving.in, "woken", 5);
    assert_in_range(receiving.ended, before, before + 1);
}

/* Nobody else lets time pass then: only timers can end it. */
static void test_a_call_that_waits_on_the_first_thread_drives_time(void **state)
{
    int fd = bound(a, SOCK_STREAM, A, PORT);
    struct timeval tv = {.tv_sec = 7};
    long long before = now(a);

    (void)state;
    assert_int_equal(a->setsockopt(a->userdata, fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv), 0);
    assert_int_equal(a->listen(a->userdata, fd, 1), 0);
    assert_int_equal(a->accept(a->userdata, fd, NULL, NULL), -1);
    assert_int_equal(errno, EAGAIN);
    assert_in_range(now(a) - before, 7000000, 7000010);
    tv.tv_sec = 0;
    assert_int_equal(a->setsockopt(a->userdata, fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv), 0);
    assert_int_equal(a->accept(a->userdata, fd, NULL, NULL), -1);
    assert_int_equal(errno, EDEADLK); /* nothing can ever end it */
}

static void test_a_waiting_call_ends_with_the_host(void **state)
{
    struct packetdrill_interface i;
    struct waiting w = {.i = &i, .accept = true};
    pthread_t thread;

    (void)state;
    init("", &i);
    w.fd = bound(&i, SOCK_STREAM, A, PORT);
    assert_int_equal(i.listen(i.userdata, w.fd, 1), 0);
    w.i = &i;
    thread = start(&w);
    /* Its thread may not look at a clock that is gone. */
    i.gettimeofday = a->gettimeofday;
    struct packetdrill_interface freed = i;
    i.userdata = a->userdata;
    freed.free(freed.userdata);
    pthread_join(thread, NULL);
    assert_int_equal(w.result, -1);
}

/* ---- Knobs ---- */

static void put_knobs(const char *path, const char *text)
{
    FILE *file = fopen(path, "a");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static size_t syn_length(struct packetdrill_interface *i)
{
    int fd = i->socket(i->userdata, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    assert_int_equal(dial(i, fd, B, PORT), -1);
    assert_true(take(i) != 0);
    i->close(i->userdata, fd);
    return end_of(i)->len;
}

static void test_knobs_come_from_a_file(void **state)
{
    char dir[] = "/tmp/vitro-so-XXXXXX", flags[100], path[100];

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(flags, sizeof flags, "local=192.168.0.1,knobs=%s,mtu=1400,seed=3", dir);
    snprintf(path, sizeof path, "%s/sysctl.%ld", dir, (long)getpid());
    a->free(a->userdata);
    init(flags, a);
    assert_int_equal(syn_length(a), 20 + 40); /* MSS, SACK, timestamps, scale */
    put_knobs(path, "net.ipv4.tcp_timestamps=0\nnet.ipv4.tcp_nothing_of_ours=1\n");
    assert_int_equal(syn_length(a), 20 + 32);
    put_knobs(path, "net.ipv4.tcp_sack = 0\nnet.ipv4.tcp_rmem=4096 131072 6291456\n");
    assert_int_equal(syn_length(a), 20 + 28);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(test_every_function_is_there),
        TEST(test_errors_are_errno),
        TEST(test_descriptors_are_real),
        TEST(test_streams_carry_bytes),
        TEST(test_datagrams_tell_their_sender),
        TEST(test_options),
        TEST(test_poll_and_epoll),
        TEST(test_pipes_and_files),
        TEST(test_tcp_info_by_the_kernels_call),
        TEST(test_time_is_virtual),
        TEST(test_calls_wait_on_a_second_thread),
        TEST(test_a_call_that_waits_on_the_first_thread_drives_time),
        TEST(test_a_waiting_call_ends_with_the_host),
        TEST(test_knobs_come_from_a_file),
    };
    void *so = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    void *symbol = so != NULL ? dlsym(so, "packetdrill_interface_init") : NULL;

    if (symbol == NULL) {
        fprintf(stderr, "usage: %s libvitro-packetdrill.so: %s\n", argv[0], argc == 2 ? dlerror() : "which?");
        return 1;
    }
    memcpy(&init, &symbol, sizeof init);
    return cmocka_run_group_tests_name("so", tests, NULL, NULL);
}

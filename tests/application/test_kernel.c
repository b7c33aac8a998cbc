/* The programs over the kernel's own sockets, each a process of its own: the same text as in a lab (S01,
 * S20), with the system's tools as its peers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "plug/kernel_sockets.h"

#define PATIENCE 20000 /* ms: for what is expected at once */

struct child {
    pid_t pid;
    int in, out, err;
    char text[65536]; /* its output so far */
    size_t len;
};

static bool alone; /* the next program has a network of its own: a loopback, and leave to ping */

static int live_alone(void)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd;
    if (unshare(CLONE_NEWNET) != 0)
        return -1;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) != 0)
        return -1;
    close(fd);
    fd = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0 0", 3) != 3)
        return -1;
    return close(fd);
}

#define NOT_ALONE 99 /* exit code: there was no network of its own to be had */

/* A program of the house in a process of its own; the words are its arguments. */
static void spawn(struct child *c, const char *root, const char *command)
{
    int in[2], out[2], err[2];
    memset(c, 0, sizeof *c);
    assert_int_equal(pipe2(in, O_CLOEXEC) + pipe2(out, O_CLOEXEC) + pipe2(err, O_CLOEXEC), 0);
    c->pid = fork();
    assert_true(c->pid >= 0);
    if (c->pid == 0) {
        struct vt_kernel_run_options options = {.root = root};
        char words[1000], *argv[32], *save = NULL;
        int argc = 0;
        alarm(60);
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(err[1], 2);
        close(in[1]);
        if (alone && live_alone() != 0)
            _exit(NOT_ALONE);
        snprintf(words, sizeof words, "%s", command);
        for (char *w = strtok_r(words, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
            argv[argc++] = w;
        argv[argc] = NULL;
        _exit(vt_kernel_run_with(vt_program_find(argv[0]), argc, argv, &options));
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    c->in = in[1];
    c->out = out[0];
    c->err = err[0];
}

/* Reads its output until `text` is there; false at its end, or when patience ends. */
static bool wait_for(struct child *c, const char *text)
{
    while (text == NULL || strstr(c->text, text) == NULL) {
        struct pollfd pfd = {.fd = c->out, .events = POLLIN};
        ssize_t n;
        if (poll(&pfd, 1, PATIENCE) <= 0)
            return false;
        n = read(c->out, c->text + c->len, sizeof c->text - 1 - c->len);
        if (n <= 0)
            return false;
        c->len += (size_t)n;
        c->text[c->len] = 0;
    }
    return true;
}

/* Its exit code; its output to the end is then in text, its error output in `err`. */
static int finish(struct child *c, char *err, size_t cap)
{
    int status;
    ssize_t n;
    size_t len = 0;
    if (c->in >= 0)
        close(c->in);
    wait_for(c, NULL);
    while (err != NULL && len < cap - 1 && (n = read(c->err, err + len, cap - 1 - len)) > 0)
        len += (size_t)n;
    if (err != NULL)
        err[len] = 0;
    close(c->out);
    close(c->err);
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int stop(struct child *c)
{
    kill(c->pid, SIGINT);
    return finish(c, NULL, 0);
}

/* The port that a server says it listens on. */
static unsigned port_of(struct child *c)
{
    const char *colon;
    assert_true(wait_for(c, "\n"));
    colon = strstr(c->text, "127.0.0.2:");
    assert_non_null(colon);
    return (unsigned)atoi(colon + 10);
}

static void test_s01_server_and_clients_are_programs_of_their_own(void **state)
{
    struct child server, client[3];
    char command[200], err[1000];
    unsigned port;
    (void)state;
    spawn(&server, NULL, "echo server 127.0.0.2:0");
    port = port_of(&server);
    for (int i = 0; i < 3; i++) { /* all at once */
        snprintf(command, sizeof command, "echo client 127.0.0.2:%u", port);
        spawn(&client[i], NULL, command);
    }
    for (int i = 2; i >= 0; i--) { /* and in another order than they came */
        char text[100];
        int n = snprintf(text, sizeof text, "\xe4\xbd\xa0\xe5\xa5\xbd %d\n\nagain\nq\n", i);
        assert_int_equal(write(client[i].in, text, (size_t)n), n);
        assert_int_equal(finish(&client[i], err, sizeof err), 0);
        snprintf(text, sizeof text, "\xe4\xbd\xa0\xe5\xa5\xbd %d\nagain\n", i);
        assert_string_equal(client[i].text, text);
        assert_string_equal(err, "");
    }
    assert_int_equal(waitpid(server.pid, NULL, WNOHANG), 0); /* it serves without stopping */
    assert_int_equal(stop(&server), 0);
    assert_non_null(strstr(server.text, "the client's stream ended; 15 bytes repeated"));
}

static void test_s20_the_other_end_is_anything_that_speaks_tcp(void **state)
{
    struct child server;
    struct sockaddr_in to = {.sin_family = AF_INET};
    char heard[100000], *text = malloc(100000);
    size_t at = 0;
    int fd, flags;
    (void)state;
    spawn(&server, NULL, "echo server --once 127.0.0.2:0");
    to.sin_port = htons((uint16_t)port_of(&server));
    inet_pton(AF_INET, "127.0.0.2", &to.sin_addr);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    memset(text, 'x', 99998);
    memcpy(text + 99997, "\nq\n", 3);
    flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    /* Both ways at once, so that neither stands still; a line `q` ends it, after it too was repeated. */
    for (size_t sent = 0;;) {
        struct pollfd pfd = {.fd = fd, .events = (short)(POLLIN | (sent < 100000 ? POLLOUT : 0))};
        ssize_t n;
        assert_true(poll(&pfd, 1, PATIENCE) > 0);
        n = sent < 100000 ? send(fd, text + sent, 100000 - sent, MSG_NOSIGNAL) : 0;
        sent += n > 0 ? (size_t)n : 0;
        n = recv(fd, heard + at, sizeof heard - at, 0);
        if (n == 0)
            break;
        at += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(at, 100000);
    assert_memory_equal(heard, text, 100000);
    close(fd);
    free(text);
    assert_int_equal(finish(&server, NULL, 0), 0); /* --once: the server ended by itself */
}

static void test_s20_an_error_ends_it_with_its_text(void **state)
{
    struct child client, first, second;
    char command[100], err[1000];
    unsigned port;
    (void)state;
    spawn(&first, NULL, "echo server 127.0.0.2:0");
    port = port_of(&first);
    snprintf(command, sizeof command, "echo server 127.0.0.2:%u", port);
    spawn(&second, NULL, command);
    assert_int_equal(finish(&second, err, sizeof err), 1);
    assert_non_null(strstr(err, "bind: Address already in use"));
    assert_int_equal(stop(&first), 0);
    snprintf(command, sizeof command, "echo client --say x 127.0.0.2:%u", port);
    spawn(&client, NULL, command);
    assert_int_equal(finish(&client, err, sizeof err), 1);
    assert_non_null(strstr(err, "Connection refused"));
}

/* ---- HTTP ---- */

static char root[] = "/tmp/vitro-test-XXXXXX";

static void write_file(const char *name, const char *text, size_t len)
{
    char path[200];
    FILE *f;
    snprintf(path, sizeof path, "%s/%s", root, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    fclose(f);
}

static int make_root(void **state)
{
    char *big = malloc(5000000), path[200];
    (void)state;
    if (mkdtemp(root) == NULL)
        return -1;
    for (size_t i = 0; i < 5000000; i++)
        big[i] = (char)(i * 2654435761u >> 13);
    write_file("big.bin", big, 5000000);
    write_file("a.txt", "0123456789", 10);
    free(big);
    snprintf(path, sizeof path, "%s/out", root);
    return symlink("/etc/hostname", path);
}

static int remove_root(void **state)
{
    char command[300];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

/* What a shell command prints, up to `cap`; its exit code. */
static int shell(char *out, size_t cap, const char *format, ...)
{
    char command[2000];
    va_list args;
    size_t n;
    FILE *f;
    int status;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    f = popen(command, "r");
    assert_non_null(f);
    n = fread(out, 1, cap - 1, f);
    out[n] = 0;
    status = pclose(f);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_curl_gets_files(void **state)
{
    struct child server;
    char out[10000];
    unsigned port;
    (void)state;
    if (shell(out, sizeof out, "command -v curl") != 0) {
        print_message("curl is not installed\n");
        skip();
    }
    spawn(&server, root, "http serve 127.0.0.2:0");
    port = port_of(&server);
    shell(out, sizeof out, "curl -s --max-time 20 http://127.0.0.2:%u/a.txt", port);
    assert_string_equal(out, "0123456789");
    assert_int_equal(shell(out, sizeof out,
                           "curl -s --max-time 20 http://127.0.0.2:%u/big.bin | cmp - %s/big.bin", port,
                           root),
                     0);
    shell(out, sizeof out, "curl -s --max-time 20 -r 2-4 -w ' %%{http_code}' http://127.0.0.2:%u/a.txt",
          port);
    assert_string_equal(out, "234 206");
    shell(out, sizeof out, "curl -sI --max-time 20 http://127.0.0.2:%u/a.txt", port);
    assert_non_null(strstr(out, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(out, "Content-Length: 10\r\n"));
    shell(out, sizeof out,
          "curl -s --max-time 20 -o /dev/null -o /dev/null -w '%%{num_connects}' "
          "http://127.0.0.2:%u/a.txt http://127.0.0.2:%u/a.txt",
          port, port);
    assert_string_equal(out, "10"); /* the second goes over the first one's connection */
    shell(out, sizeof out,
          "curl -s --max-time 20 -d x=1 -o /dev/null -w '%%{http_code}' http://127.0.0.2:%u/", port);
    assert_string_equal(out, "405");
    shell(out, sizeof out,
          "head -c 1000000 /dev/zero 2>&- | curl -s --max-time 20 -T - -o /dev/null -w '%%{http_code}' "
          "http://127.0.0.2:%u/x",
          port);
    assert_string_equal(out, "405"); /* it asked for leave first (Expect) */
    shell(out, sizeof out,
          "head -c 1000000 /dev/zero 2>&- | curl -s --max-time 20 -H Expect: -T - -o /dev/null -w "
          "'%%{http_code}' http://127.0.0.2:%u/x",
          port);
    assert_string_equal(out, "413");
    shell(out, sizeof out,
          "curl -s --max-time 20 --path-as-is -o /dev/null -w '%%{http_code}' "
          "http://127.0.0.2:%u/../../etc/passwd",
          port);
    assert_string_equal(out, "400");
    shell(out, sizeof out, "curl -s --max-time 20 -o /dev/null -w '%%{http_code}' http://127.0.0.2:%u/out",
          port);
    assert_string_equal(out, "403"); /* a link that leads out */
    shell(out, sizeof out,
          "for i in 1 2 3 4 5 6 7 8; do curl -s --max-time 20 http://127.0.0.2:%u/big.bin | cmp - %s/big.bin "
          "&& "
          "printf x & done; wait",
          port, root);
    assert_string_equal(out, "xxxxxxxx");
    assert_int_equal(stop(&server), 0);
}

static void test_our_client_gets_from_our_server(void **state)
{
    struct child server, client;
    char command[200], err[1000];
    (void)state;
    spawn(&server, root, "http serve 127.0.0.2:0");
    snprintf(command, sizeof command, "http get -i http://127.0.0.2:%u/a.txt", port_of(&server));
    spawn(&client, NULL, command);
    assert_int_equal(finish(&client, err, sizeof err), 0);
    assert_memory_equal(client.text, "HTTP/1.1 200 OK\r\n", 17);
    assert_non_null(strstr(client.text, "\r\n\r\n0123456789"));
    assert_string_equal(err, "");
    assert_int_equal(stop(&server), 0);
}

static void test_v80_slow_client_over_the_kernel(void **state)
{
    struct child server;
    struct sockaddr_in to = {.sin_family = AF_INET};
    char heard[2000];
    ssize_t n;
    int fd, sent = 0;
    (void)state;
    spawn(&server, root, "http serve --header-timeout 0.3 127.0.0.2:0");
    to.sin_port = htons((uint16_t)port_of(&server));
    inet_pton(AF_INET, "127.0.0.2", &to.sin_addr);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, "GET / HTTP/1.1\r\n", 16, 0), 16);
    do { /* a byte every 50 ms: never silent, never done */
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        if (poll(&pfd, 1, 50) > 0)
            break;
        send(fd, "x", 1, MSG_NOSIGNAL);
    } while (++sent < 400);
    assert_in_range(sent, 4, 399);
    n = recv(fd, heard, sizeof heard - 1, 0);
    assert_true(n > 12);
    assert_memory_equal(heard, "HTTP/1.1 408", 12);
    close(fd);
    assert_int_equal(stop(&server), 0);
}

/* ---- The rest ---- */

static void test_bulk_over_the_kernel(void **state)
{
    struct child sink, sender;
    char command[200], err[1000];
    (void)state;
    spawn(&sink, NULL, "bulk sink --once 127.0.0.2:0");
    snprintf(command, sizeof command, "bulk send --bytes 5M --seed 3 127.0.0.2:%u", port_of(&sink));
    spawn(&sender, NULL, command);
    assert_int_equal(finish(&sender, err, sizeof err), 0);
    assert_int_equal(finish(&sink, err, sizeof err), 0);
    assert_memory_equal(strstr(sink.text, "siphash"), strstr(sender.text, "siphash"), 24);
}

static void test_ping_over_the_kernel(void **state)
{
    struct child ping;
    char err[1000];
    int status;
    (void)state;
    alone = true;
    spawn(&ping, NULL, "ping -c 2 -i 0.05 127.0.0.1");
    status = finish(&ping, err, sizeof err);
    if (status == NOT_ALONE) {
        alone = false;
        print_message("no network namespace to be had\n");
        skip();
    }
    assert_int_equal(status, 0);
    assert_memory_equal(ping.text,
                        "PING 127.0.0.1 (127.0.0.1) 56(84) bytes of data.\n"
                        "64 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=",
                        97);
    assert_non_null(strstr(ping.text, "2 packets transmitted, 2 received, 0% packet loss, time "));
    spawn(&ping, NULL, "ping -c 1 10.0.0.2");
    assert_int_equal(finish(&ping, err, sizeof err), 2);
    assert_string_equal(err, "ping: connect: Network is unreachable\n");
    alone = false;
}

static void test_errors_by_name(void **state)
{
    const struct vt_socket_api *api = &vt_kernel_api;
    struct vt_addr addr = {.ip = VT_IP4(127, 0, 0, 2)}, v6 = {.ip = {{0x20, 1}}, .port = 80};
    int fd = api->socket(NULL, VT_AF_INET, VT_SOCK_STREAM, 0), epfd = api->epoll_create(NULL), error = 1;
    struct vt_epoll_event ev = {.events = VT_POLLIN | VT_POLLOUT, .data = UINT64_C(0x123456789abcdef0)},
                          got[4];
    size_t len = sizeof error;
    char byte;
    (void)state;
    assert_true(fd >= 0 && epfd >= 0);
    assert_int_equal(api->socket(NULL, VT_AF_INET6, VT_SOCK_STREAM, 0), -VT_EAFNOSUPPORT);
    assert_int_equal(api->connect(NULL, fd, &v6), -VT_EAFNOSUPPORT);
    assert_int_equal(api->recvfrom(NULL, fd, &byte, 1, 0, NULL), -VT_ENOTCONN);
    assert_int_equal(api->bind(NULL, fd, &addr), 0);
    assert_int_equal(api->getsockname(NULL, fd, &addr), 0);
    assert_true(addr.port != 0 && vt_ip_eq(addr.ip, VT_IP4(127, 0, 0, 2)));
    assert_int_equal(api->epoll_ctl(NULL, epfd, VT_EPOLL_CTL_ADD, fd, &ev), 0);
    assert_int_equal(api->epoll_ctl(NULL, epfd, VT_EPOLL_CTL_ADD, fd, &ev), -VT_EEXIST);
    assert_int_equal(api->connect(NULL, fd, &(struct vt_addr){.ip = VT_IP4(127, 0, 0, 3), .port = 1}),
                     -VT_EINPROGRESS);
    for (int i = 0; i < 100 && api->epoll_wait(NULL, epfd, got, 4) == 0; i++)
        poll(NULL, 0, 10);
    assert_true((got[0].events & VT_POLLERR) != 0);
    assert_true(got[0].data == UINT64_C(0x123456789abcdef0));
    assert_int_equal(api->getsockopt(NULL, fd, VT_SOL_SOCKET, VT_SO_ERROR, &error, &len), 0);
    assert_int_equal(error, VT_ECONNREFUSED);
    assert_int_equal(api->close(NULL, fd), 0);
    assert_int_equal(api->close(NULL, fd), -VT_EBADF);
    assert_int_equal(api->close(NULL, epfd), 0);
    assert_int_equal(vt_error_from_errno(EHOSTUNREACH), -VT_EHOSTUNREACH);
    assert_int_equal(vt_error_from_errno(EXDEV), -VT_EIO); /* none of ours */
    assert_int_equal(api->resolve(NULL, "localhost", &addr), 0);
    assert_true(vt_ip_is_loopback(addr.ip));
    assert_int_equal(api->resolve(NULL, "no such name", &addr), -VT_ENOENT);
}

static void test_a_signal_asks_it_to_stop(void **state)
{
    struct child client;
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    char command[100];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)state;
    /* A server that never accepts: the client waits, and a signal ends it. */
    inet_pton(AF_INET, "127.0.0.2", &at.sin_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 5), 0);
    getsockname(fd, (struct sockaddr *)&at, &len);
    snprintf(command, sizeof command, "http get http://127.0.0.2:%u/", ntohs(at.sin_port));
    spawn(&client, NULL, command);
    poll(NULL, 0, 100);
    assert_int_equal(stop(&client), 130);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_s01_server_and_clients_are_programs_of_their_own),
        cmocka_unit_test(test_s20_the_other_end_is_anything_that_speaks_tcp),
        cmocka_unit_test(test_s20_an_error_ends_it_with_its_text),
        cmocka_unit_test(test_curl_gets_files),
        cmocka_unit_test(test_our_client_gets_from_our_server),
        cmocka_unit_test(test_v80_slow_client_over_the_kernel),
        cmocka_unit_test(test_bulk_over_the_kernel),
        cmocka_unit_test(test_ping_over_the_kernel),
        cmocka_unit_test(test_errors_by_name),
        cmocka_unit_test(test_a_signal_asks_it_to_stop),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, make_root, remove_root);
}

/* An echo server, or a client that says "hello", whose segments carry MD5 signatures (RFC 2385), on a TAP:
 * the kernel is at its other end.
 *
 * usage: signed_echo TAP OURS PEER KEY [PORT-OF-A-SERVER-AT-PEER]
 *
 * As a server it listens on 179 and runs until it is ended. As a client it prints what comes back, closes
 * and, when the peer has closed too, exits. Its last line is the count of segments that were dropped for
 * their signature. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <vitro/openssl.h>
#include <vitro/tcp_auth.h>

#include "base/text.h"
#include "host/host.h"
#include "physical/tap.h"

static volatile sig_atomic_t ended;

static void end(int signal)
{
    (void)signal;
    ended = 1;
}

static vt_time clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (vt_time)t.tv_sec * (vt_time)VT_SEC + (vt_time)t.tv_nsec;
}

static int signed_socket(struct vt_host *h, struct vt_ip peer, const char *key)
{
    int fd = vt_socket(h, VT_AF_INET, VT_SOCK_STREAM, 0);
    struct vt_tcp_md5sig md5 = {.addr = {.ip = peer}, .keylen = (uint16_t)strlen(key)};
    memcpy(md5.key, key, strlen(key));
    return vt_setsockopt(h, fd, VT_SOL_TCP, VT_TCP_MD5SIG, &md5, sizeof(md5)) == 0 ? fd : -1;
}

/* What one connection of the server does when something may have come. False: it is over. */
static bool echo(struct vt_host *h, int fd)
{
    char buf[4096];
    long n;
    while ((n = vt_recv(h, fd, buf, sizeof(buf), 0)) > 0)
        vt_send(h, fd, buf, (size_t)n, 0); /* the test sends little: it fits */
    if (n == -VT_EAGAIN)
        return true;
    vt_close(h, fd);
    return false;
}

static void serve(struct vt_host *h, int listener, int *conn)
{
    if (*conn < 0)
        *conn = vt_accept(h, listener, NULL);
    if (*conn >= 0 && !echo(h, *conn))
        *conn = -1;
}

static void talk(struct vt_host *h, int fd, bool *said)
{
    char buf[256];
    long n;
    if (!*said && vt_send(h, fd, "hello", 5, 0) == 5)
        *said = true;
    while ((n = vt_recv(h, fd, buf, sizeof(buf), 0)) > 0) {
        printf("%.*s\n", (int)n, buf);
        fflush(stdout);
        vt_shutdown(h, fd, VT_SHUT_WR);
    }
    ended = n != -VT_EAGAIN && n != -VT_ENOTCONN;
}

int main(int argc, char **argv)
{
    struct vt_device *dev = NULL;
    struct vt_addr at = {.ip = VT_IP4_ANY, .port = 179};
    struct vt_ip peer;
    char address[64];
    int conn = -1;
    bool said = false;
    if (argc < 5 || vt_ip_parse(&peer, argv[3]) != 0)
        return 2;
    struct vt_host *h = vt_host_new(&(struct vt_host_config){
        .name = "signed", .seed = (uint64_t)clock_now(), .crypto = vt_crypto_openssl(), .now = clock_now()});
    if (h == NULL || vt_tap_open(&dev, vt_host_core(h), argv[1]) != 0)
        return 1;
    snprintf(address, sizeof(address), "%s/24", argv[2]);
    vt_host_attach(h, dev, address);
    signal(SIGTERM, end);
    int fd = signed_socket(h, peer, argv[4]);
    if (argc == 5)
        vt_bind(h, fd, &at);
    if (argc == 5 && vt_listen(h, fd, 4) != 0)
        return 1;
    at = (struct vt_addr){.ip = peer, .port = (uint16_t)atoi(argc > 5 ? argv[5] : "0")};
    printf("ready\n");
    fflush(stdout);
    for (bool begun = argc == 5; !ended;) {
        vt_time now = clock_now(), next = vt_host_poll(h, now);
        if (!begun) {
            begun = true;
            vt_connect(h, fd, &at);
        }
        if (argc == 5)
            serve(h, fd, &conn);
        else
            talk(h, fd, &said);
        next = vt_host_poll(h, clock_now()) < next ? now : next;
        struct pollfd p = {.fd = dev->ops->fd(dev), .events = POLLIN};
        poll(&p, 1, next == VT_NEVER ? 100 : 5);
    }
    if (argc > 5)
        vt_close(h, fd);
    vt_host_poll(h, clock_now());
    printf("%llu\n", (unsigned long long)vt_host_drops(h, VT_DROP_TCP_MD5));
    fflush(stdout);
    dev->ops->close(dev); /* before the host: its buffers are of the host's pool */
    vt_host_free(h);
    return 0;
}

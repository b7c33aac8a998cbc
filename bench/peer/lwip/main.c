/* The in-process cases with lwIP: one instance (it has globals) with two interfaces, raw API, bare IP
 * packets.
 *
 * usage: lwip stream [--sums] [--bytes N] | request [--sums] [--count N] | connect [--sums] [--count N]
 *
 * What leaves one interface is copied once, as a driver would (lwIP keeps a segment's own buffer for
 * retransmission and may not share it), and is then given to the other. Data is copied when it is written and
 * when it is read. ACKs are lwIP's own: one for every second segment, and one at each quarter of the window
 * that the program has read. */
#include "../../bench.h"

#include "lwip/init.h"
#include "lwip/ip4_frag.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"

#define RING 8192
#define READ 65536
#define SIZE 64

struct ring {
    struct pbuf *p[RING];
    unsigned put, got;
};

enum mode {
    STREAM,
    REQUEST,
    CONNECT,
};

static struct netif netif[2];
static struct ring ring[2];
static struct tcp_pcb *listener, *client;
static enum mode mode;
static uint64_t goal, sent, got, segments;
static u32_t clock_ms;
static uint8_t out[READ], in[READ];

u32_t sys_now(void)
{
    return clock_ms;
}

/* ---- The wire ---- */

static err_t wire_output(struct netif *n, struct pbuf *p, const ip4_addr_t *to)
{
    struct ring *r = &ring[n == &netif[0]];
    struct pbuf *q = pbuf_clone(PBUF_RAW, PBUF_POOL, p);
    (void)to;
    if (q == NULL)
        return ERR_MEM;
    if (p->tot_len > 40 + SIZE)
        segments++;
    r->p[r->put++ % RING] = q;
    return ERR_OK;
}

static err_t wire_init(struct netif *n)
{
    n->name[0] = 'w';
    n->mtu = 1500;
    n->output = wire_output;
    n->flags |= NETIF_FLAG_UP | NETIF_FLAG_LINK_UP;
    return ERR_OK;
}

static void turn(void)
{
    static unsigned turns;
    for (unsigned i = 0; i < 2; i++)
        while (ring[i].got != ring[i].put) {
            struct pbuf *p = ring[i].p[ring[i].got++ % RING];
            if (netif[i].input(p, &netif[i]) != ERR_OK)
                pbuf_free(p);
        }
    if (++turns % 1024 == 0) { /* the clock is the wall's, looked at now and then */
        clock_ms = (u32_t)(bench_clock(CLOCK_MONOTONIC) / 1000000u);
        sys_check_timeouts();
    }
}

/* ---- Both programs ---- */

static void connect_one(void);

static void client_send(struct tcp_pcb *pcb)
{
    while (mode == STREAM && sent < goal && tcp_sndbuf(pcb) > 0) {
        uint64_t left = goal - sent;
        u16_t n = tcp_sndbuf(pcb) < 16384 ? tcp_sndbuf(pcb) : 16384;
        n = n > left ? (u16_t)left : n;
        if (tcp_write(pcb, out, n, TCP_WRITE_FLAG_COPY) != ERR_OK)
            break;
        sent += n;
    }
    tcp_output(pcb);
}

static void ask(struct tcp_pcb *pcb)
{
    if (tcp_write(pcb, out, SIZE, TCP_WRITE_FLAG_COPY) != ERR_OK)
        bench_fail("lwip: write");
    tcp_output(pcb);
}

static err_t client_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (p == NULL)
        return ERR_OK;
    pbuf_copy_partial(p, in, p->tot_len, 0);
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    got++;
    if (mode == CONNECT) {
        tcp_recv(pcb, NULL);
        if (tcp_close(pcb) != ERR_OK)
            bench_fail("lwip: close");
    } else if (got < goal) {
        ask(pcb);
    }
    return ERR_OK;
}

static err_t server_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (p == NULL)
        return tcp_close(pcb);
    u16_t len = p->tot_len;
    pbuf_copy_partial(p, in, len, 0);
    tcp_recved(pcb, len);
    pbuf_free(p);
    if (mode == STREAM)
        got += len;
    else if (tcp_write(pcb, in, len, TCP_WRITE_FLAG_COPY) == ERR_OK)
        tcp_output(pcb);
    return ERR_OK;
}

static err_t accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    (void)err;
    tcp_nagle_disable(pcb);
    tcp_recv(pcb, server_recv);
    return ERR_OK;
}

static err_t connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    (void)err;
    client = pcb;
    tcp_nagle_disable(pcb);
    tcp_recv(pcb, client_recv);
    if (mode == CONNECT)
        ask(pcb);
    return ERR_OK;
}

static void connect_one(void)
{
    static unsigned n;
    struct tcp_pcb *pcb = tcp_new();
    ip_addr_t to = IPADDR4_INIT_BYTES(10, 0, 1, 1), from = IPADDR4_INIT_BYTES(10, 0, 0, 1);
    if (pcb == NULL || tcp_bind(pcb, &from, (u16_t)(6000 + n++ % 50000)) != ERR_OK ||
        tcp_connect(pcb, &to, 5001, connected) != ERR_OK)
        bench_fail("lwip: connect");
}

/* ---- The cases ---- */

static void work(uint64_t count)
{
    uint64_t done = got;
    if (mode == CONNECT) {
        for (uint64_t i = 0; i < count; i++) {
            connect_one();
            while (got == done + i || ring[0].got != ring[0].put || ring[1].got != ring[1].put)
                turn();
        }
        return;
    }
    goal = got + count;
    if (mode == REQUEST)
        ask(client);
    while (got < goal) {
        if (mode == STREAM)
            client_send(client);
        turn();
    }
}

void bench_measured(void *ctx)
{
    work(*(uint64_t *)ctx);
}

static void set_up(bool sums)
{
    ip4_addr_t mask = IPADDR4_INIT_BYTES(255, 255, 255, 0);
    ip4_addr_t at[2] = {IPADDR4_INIT_BYTES(10, 0, 0, 1), IPADDR4_INIT_BYTES(10, 0, 1, 1)};
    lwip_init();
    for (unsigned i = 0; i < 2; i++) {
        netif_add(&netif[i], &at[i], &mask, NULL, NULL, wire_init, ip_input);
        NETIF_SET_CHECKSUM_CTRL(&netif[i], sums ? NETIF_CHECKSUM_ENABLE_ALL : NETIF_CHECKSUM_DISABLE_ALL);
    }
    struct tcp_pcb *pcb = tcp_new();
    tcp_bind(pcb, IP_ADDR_ANY, 5001);
    listener = tcp_listen_with_backlog(pcb, 255);
    tcp_accept(listener, accepted);
}

int main(int argc, char **argv)
{
    struct bench_result r = {0};
    if (argc < 2)
        bench_fail("usage: lwip stream | request | connect");
    mode = argv[1][0] == 's' ? STREAM : argv[1][0] == 'r' ? REQUEST : CONNECT;
    set_up(bench_arg(argc, argv, "sums", 0) != 0);
    r.bytes = bench_arg(argc, argv, "bytes", UINT64_C(1) << 28);
    r.count = bench_arg(argc, argv, "count", mode == CONNECT ? 20000 : 500000);
    if (mode != CONNECT) {
        connect_one();
        for (unsigned i = 0; i < 10000 && client == NULL; i++)
            turn();
        if (client == NULL)
            bench_fail("lwip: no connection");
    }
    uint64_t todo = mode == STREAM ? r.bytes : r.count;
    work(todo / 16);
    segments = 0;
    bench_begin(&r);
    bench_measured(&todo);
    bench_end(&r);
    if (mode == STREAM)
        r.count = segments;
    else
        r.bytes = r.count * 2 * SIZE;
    bench_print(&r);
    return 0;
}

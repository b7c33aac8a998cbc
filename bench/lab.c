/* Frames that the cables of a lab carry in a second of wall time: a bulk stream host - switch - host.
 *
 * usage: lab [--events] [--ms N]
 *
 * The cables have 10 Gbit/s and so super-segments are cut: each frame is one. --events has a listener that
 * hears every event. Prints "count", frames carried: one on two cables counts twice. */
#include <vitro/lab.h>

#include "bench.h"

#define PORT  5001
#define BLOCK 65536

struct run {
    struct vt_lab *lab;
    struct vt_host *a, *b;
    int out, in;
    uint64_t bytes, events;
    uint64_t until; /* virtual ns */
};

static void hear(void *ctx, const struct vt_event *ev, const void *extra)
{
    (void)ev;
    (void)extra;
    ((struct run *)ctx)->events++;
}

static void turn(struct run *r)
{
    static uint8_t block[BLOCK];
    long n;
    vt_lab_touch(r->lab, r->a);
    vt_lab_touch(r->lab, r->b);
    while (vt_send(r->a, r->out, block, BLOCK, 0) > 0)
        ;
    while ((n = vt_recv(r->b, r->in, block, BLOCK, 0)) > 0)
        r->bytes += (uint64_t)n;
}

static void run(struct run *r)
{
    while (vt_lab_now(r->lab) < r->until) {
        vt_lab_run(r->lab, vt_lab_now(r->lab) + (vt_time)(100 * VT_USEC));
        turn(r);
    }
}

void bench_measured(void *ctx)
{
    run(ctx);
}

static void open_lab(struct run *r)
{
    struct vt_addr any = {.ip = VT_IP4_ANY, .port = PORT}, to = {.ip = VT_IP4(10, 0, 0, 2), .port = PORT};
    r->lab = vt_lab_new(&(struct vt_lab_config){.seed = 1});
    r->a = vt_lab_add_host(r->lab, "a", false, NULL);
    r->b = vt_lab_add_host(r->lab, "b", false, NULL);
    if (vt_lab_add_switch(r->lab, "s") < 0 ||
        vt_lab_add_link(r->lab, "a", "10.0.0.1/24", "s", NULL, "rate 10gbit delay 10us") < 0 ||
        vt_lab_add_link(r->lab, "b", "10.0.0.2/24", "s", NULL, "rate 10gbit delay 10us") < 0)
        bench_fail("no lab");
    int listener = vt_socket(r->b, VT_AF_INET, VT_SOCK_STREAM, 0);
    r->out = vt_socket(r->a, VT_AF_INET, VT_SOCK_STREAM, 0);
    if (vt_bind(r->b, listener, &any) != 0 || vt_listen(r->b, listener, 1) != 0 ||
        vt_connect(r->a, r->out, &to) != -VT_EINPROGRESS)
        bench_fail("connect");
    vt_lab_run(r->lab, 10 * VT_MSEC);
    r->in = vt_accept(r->b, listener, NULL);
    if (r->in < 0)
        bench_fail("accept");
}

static uint64_t segments(struct run *r)
{
    struct vt_tcp_info out, in;
    size_t len = sizeof(out);
    if (vt_getsockopt(r->a, r->out, VT_SOL_TCP, VT_TCP_INFO, &out, &len) != 0 ||
        vt_getsockopt(r->b, r->in, VT_SOL_TCP, VT_TCP_INFO, &in, &len) != 0)
        bench_fail("tcp_info");
    return (uint64_t)out.tcpi_segs_out + in.tcpi_segs_out;
}

int main(int argc, char **argv)
{
    static struct run r;
    struct bench_result result = {0};
    open_lab(&r);
    if (bench_arg(argc, argv, "events", 0) != 0 && vt_lab_listen(r.lab, (struct vt_listener){hear, &r}) != 0)
        bench_fail("listen");
    r.until = vt_lab_now(r.lab) + 50 * VT_MSEC;
    run(&r);
    r.until = vt_lab_now(r.lab) + bench_arg(argc, argv, "ms", 300) * VT_MSEC;
    uint64_t before = segments(&r), bytes = r.bytes;
    bench_begin(&result);
    bench_measured(&r);
    bench_end(&result);
    result.count = 2 * (segments(&r) - before);
    result.bytes = r.bytes - bytes;
    bench_print(&result);
    vt_lab_free(r.lab);
    return 0;
}

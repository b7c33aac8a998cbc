/* Requests and responses of 64 bytes over one connection in one process.
 *
 * usage: request [--sums] [--eth] [--stock] [--count N] */
#include "pair.h"

#define SIZE 64

struct requests {
    struct pair pair;
    int from, to;
    uint64_t count;
};

/* One message across: sends it from h, turns until the other end has it. */
static void across(struct pair *p, struct vt_host *h, int out, struct vt_host *peer, int in)
{
    uint8_t message[SIZE] = {1};
    long got = 0, n;
    if (vt_send(h, out, message, SIZE, 0) != SIZE)
        bench_fail("send");
    for (unsigned turns = 0; got < SIZE; turns++) {
        if (turns > 1000)
            bench_fail("no answer");
        vt_host_flush(h, p->now);
        p->now += (vt_time)VT_USEC;
        vt_host_poll(peer, p->now);
        if ((n = vt_recv(peer, in, message, SIZE, 0)) > 0)
            got += n;
    }
}

static void run(struct requests *q)
{
    struct pair *p = &q->pair;
    for (uint64_t i = 0; i < q->count; i++) {
        across(p, p->a, q->from, p->b, q->to);
        across(p, p->b, q->to, p->a, q->from);
    }
}

void bench_measured(void *ctx)
{
    run(ctx);
}

int main(int argc, char **argv)
{
    static struct requests q;
    struct pair_config config = pair_args(argc, argv);
    struct bench_result r = {.count = bench_arg(argc, argv, "count", 500000)};
    pair_init(&q.pair, &config);
    q.from = -1;
    pair_connect(&q.pair, 5002, &q.from, &q.to);
    pair_setopt(q.pair.a, q.from, VT_SOL_TCP, VT_TCP_NODELAY, 1);
    pair_setopt(q.pair.b, q.to, VT_SOL_TCP, VT_TCP_NODELAY, 1);
    q.count = 100;
    run(&q);
    q.count = r.count;
    r.bytes = r.count * SIZE * 2;
    bench_begin(&r);
    bench_measured(&q);
    bench_end(&r);
    bench_print(&r);
    pair_fini(&q.pair);
    return 0;
}

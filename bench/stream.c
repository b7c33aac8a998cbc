/* A stream from one host to another in one process: what a data segment costs, both ends, ACKs and all.
 *
 * usage: stream [--sums] [--gso] [--eth] [--stock] [--mtu N] [--zero-copy] [--window BYTES] [--write BYTES]
 *               [--bytes N]
 *
 * --zero-copy hands buffers over, out and in. --window 0 leaves both buffers to tune themselves. */
#include "pair.h"

#define READ 65536 /* bytes that one recv() asks for */

struct stream {
    struct pair pair;
    int from, to;
    bool zero_copy;
    uint64_t write, bytes, sent, got, bytes_measured;
    uint64_t check; /* of what was read without a copy: it is looked at */
    uint8_t *out, *in;
};

static void send_some(struct stream *s)
{
    while (s->sent < s->bytes) {
        struct vt_buf buf;
        long n;
        if (s->zero_copy) {
            if (vt_buf_get(s->pair.a, s->write, &buf) != 0)
                return;
            n = vt_send_buf(s->pair.a, s->from, &buf, s->write);
            if (n < 0)
                vt_buf_release(s->pair.a, &buf);
        } else {
            n = vt_send(s->pair.a, s->from, s->out, s->write, 0);
        }
        if (n <= 0)
            return;
        s->sent += (uint64_t)n;
    }
}

static void receive_all(struct stream *s)
{
    long n;
    if (!s->zero_copy) {
        while ((n = vt_recv(s->pair.b, s->to, s->in, READ, 0)) > 0)
            s->got += (uint64_t)n;
        return;
    }
    struct vt_buf buf;
    while ((n = vt_recv_buf(s->pair.b, s->to, &buf)) > 0) {
        s->check += *(const uint8_t *)buf.data;
        s->got += (uint64_t)n;
        vt_buf_release(s->pair.b, &buf);
    }
}

static void run(struct stream *s, uint64_t bytes)
{
    uint64_t idle = 0;
    s->bytes += bytes;
    while (s->got < s->bytes) {
        uint64_t was = s->got;
        send_some(s);
        pair_turn(&s->pair);
        receive_all(s);
        vt_host_flush(s->pair.b, s->pair.now);
        idle = s->got == was ? idle + 1 : 0;
        if (idle > 10000000)
            bench_fail("the stream stands still");
    }
}

static uint64_t data_segments(struct stream *s)
{
    struct vt_tcp_info info;
    size_t len = sizeof(info);
    if (vt_getsockopt(s->pair.a, s->from, VT_SOL_TCP, VT_TCP_INFO, &info, &len) != 0)
        bench_fail("tcp_info");
    return info.tcpi_data_segs_out;
}

void bench_measured(void *ctx)
{
    struct stream *s = ctx;
    run(s, s->bytes_measured);
}

static void open_stream(struct stream *s, int window)
{
    s->out = calloc(1, s->write);
    s->in = calloc(1, READ);
    if (s->out == NULL || s->in == NULL)
        bench_fail("no memory");
    s->from = vt_socket(s->pair.a, VT_AF_INET, VT_SOCK_STREAM, 0);
    if (window != 0)
        pair_setopt(s->pair.a, s->from, VT_SOL_SOCKET, VT_SO_SNDBUF, window);
    pair_connect(&s->pair, 5001, &s->from, &s->to);
    if (window != 0)
        pair_setopt(s->pair.b, s->to, VT_SOL_SOCKET, VT_SO_RCVBUF, window);
}

int main(int argc, char **argv)
{
    static struct stream s;
    struct pair_config config = pair_args(argc, argv);
    struct bench_result r = {.bytes = bench_arg(argc, argv, "bytes", UINT64_C(1) << 28)};
    pair_init(&s.pair, &config);
    s.zero_copy = bench_arg(argc, argv, "zero-copy", 0) != 0;
    s.write = bench_arg(argc, argv, "write", 16384);
    open_stream(&s, (int)bench_arg(argc, argv, "window", 65536));
    run(&s, r.bytes / 16); /* so that windows are open and caches are warm */
    s.bytes_measured = r.bytes;
    uint64_t before = data_segments(&s);
    bench_begin(&r);
    bench_measured(&s);
    bench_end(&r);
    r.count = data_segments(&s) - before;
    bench_print(&r);
    pair_fini(&s.pair);
    free(s.out);
    free(s.in);
    return 0;
}

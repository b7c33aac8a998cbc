/* The sender: a header, the bytes, the end of its stream; then the sink's verdict. */
#include "bulk.h"

#define STEP_SENDS 256

enum {
    CONNECTING,
    SENDING_HEADER,
    SENDING,
    WAITING, /* for the verdict: "BYTES HASH\n" */
};

static void fail(struct vt_bulk *b, const char *what)
{
    vt_console_error(&b->console, "%s:%u: %s", b->to.host, b->to.port, what);
    vt_console_end(&b->console, 1);
}

int vt_bulk_send_start(struct vt_process *p, struct vt_bulk *b, int argc, char **argv)
{
    uint64_t seed = 1;
    const char *where = NULL;
    struct vt_addr peer;
    int n, err;
    b->bytes = UINT64_MAX;
    const struct vt_option options[] = {
        {.name = "bytes", .letter = 'n', .kind = VT_OPTION_NUMBER, .to = &b->bytes, .max = INT64_MAX},
        {.name = "seed", .kind = VT_OPTION_NUMBER, .to = &seed, .max = UINT64_MAX},
    };
    n = vt_options_read(p, options, sizeof options / sizeof options[0], argc, argv, &where, 1);
    if (n < 0)
        return p->status;
    if (b->bytes == UINT64_MAX)
        return vt_usage_error(p, "want --bytes", "");
    if (n == 0 || vt_endpoint_parse(&b->to, where, NULL, 0) < 0)
        return vt_usage_error(p, "want HOST:PORT", n > 0 ? where : "");
    err = vt_endpoint_resolve(p, &b->to, &peer);
    if (err == 0)
        err = vt_open_connection(p, &peer, &b->sock, b);
    if (err < 0) {
        vt_process_error(p, "%s:%u: %s", b->to.host, b->to.port, vt_strerror(err));
        return 1;
    }
    b->left = b->bytes;
    memcpy(b->header, vt_bulk_magic, 8);
    vt_bulk_put64(b->header + 8, seed);
    vt_bulk_put64(b->header + 16, b->bytes);
    vt_bulk_start(&b->stream, seed);
    return 0;
}

static void finish(struct vt_process *p, struct vt_bulk *b)
{
    char want[sizeof b->verdict];
    uint64_t us = (p->now - b->began) / (uint64_t)VT_USEC;
    size_t len = vt_format(want, sizeof want, "%llu %016llx\n", (unsigned long long)b->bytes,
                           (unsigned long long)vt_bulk_hash(&b->stream));
    if (b->verdict_len != len || memcmp(b->verdict, want, len) != 0) {
        vt_console_error(&b->console, "the sink says %.*s, and not %.*s",
                         b->verdict_len > 0 ? (int)b->verdict_len - 1 : 7,
                         b->verdict_len > 0 ? b->verdict : "nothing", (int)len - 1, want);
        vt_console_end(&b->console, 1);
        return;
    }
    vt_console_print(&b->console, "sent %llu bytes, siphash %016llx, in %llu.%06llu s, %llu kbit/s\n",
                     (unsigned long long)b->bytes, (unsigned long long)vt_bulk_hash(&b->stream),
                     (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000),
                     (unsigned long long)(us > 0 ? b->bytes * 8000 / us : 0));
    vt_console_end(&b->console, 0);
}

/* Sends some of `len` bytes: how many, or 0 when it has to wait or has failed. */
static size_t send_some(struct vt_process *p, struct vt_bulk *b, const void *bytes, size_t len)
{
    long n = vt_send_some(p, b->sock.fd, bytes, len, 0);
    if (n >= 0)
        return (size_t)n;
    if (n == -VT_EAGAIN)
        vt_watch(p, &b->sock, VT_POLLOUT, b);
    else
        fail(b, vt_strerror((int)n));
    return 0;
}

static bool move(struct vt_process *p, struct vt_bulk *b)
{
    const uint8_t *bytes;
    size_t len;
    long n;
    switch (b->state) {
    case CONNECTING:
        n = vt_connected(p, &b->sock);
        if (n < 0)
            fail(b, vt_strerror((int)n));
        b->began = p->now;
        b->state = n > 0 ? SENDING_HEADER : CONNECTING;
        return n > 0;
    case SENDING_HEADER:
        len = send_some(p, b, b->header + b->header_at, VT_BULK_HEADER - b->header_at);
        b->header_at += len;
        if (b->header_at == VT_BULK_HEADER)
            b->state = SENDING;
        return len > 0;
    case SENDING:
        if (b->left == 0) {
            p->api->shutdown(p->net, b->sock.fd, VT_SHUT_WR);
            vt_watch(p, &b->sock, VT_POLLIN, b);
            b->state = WAITING;
            return true;
        }
        bytes = vt_bulk_peek(&b->stream, b->left, &len);
        len = send_some(p, b, bytes, len);
        vt_bulk_next(&b->stream, len);
        b->left -= len;
        return len > 0;
    default:
        if (b->verdict_len == sizeof b->verdict) {
            fail(b, "too long a verdict");
            return false;
        }
        n = vt_recv_some(p, b->sock.fd, b->verdict + b->verdict_len, sizeof b->verdict - b->verdict_len);
        if (n == 0)
            finish(p, b);
        else if (n > 0)
            b->verdict_len += (size_t)n;
        else if (n != -VT_EAGAIN)
            fail(b, vt_strerror((int)n));
        return n > 0;
    }
}

void vt_bulk_send_step(struct vt_process *p, struct vt_bulk *b)
{
    unsigned round = 0;
    while (round < STEP_SENDS && !b->console.ending && move(p, b))
        round++;
    if (round == STEP_SENDS)
        p->wake = p->now;
}

/* The sink: checks every byte of every connection against the seed that its header names. */
#include "base/text.h"
#include "bulk.h"

#define STEP_EVENTS 16
#define STEP_ROUNDS 64
#define CONN_READS  64
#define RECV        16384
#define RESUME_TIME (100 * VT_MSEC)

struct vt_bulk_conn {
    struct vt_watched sock;
    struct vt_process *p;
    struct vt_bulk_conn *prev, *next;
    uint64_t bytes, got; /* told of by the header, received */
    size_t header_len, verdict_at, verdict_len;
    vt_time began;
    uint8_t header[VT_BULK_HEADER];
    char verdict[64];
    char name[VT_ADDR_TEXT];
    struct vt_bulk_stream stream;
};

int vt_bulk_sink_start(struct vt_process *p, struct vt_bulk *b, int argc, char **argv)
{
    const char *where = NULL;
    struct vt_addr local;
    char text[VT_ADDR_TEXT];
    int n, status;
    b->max_conns = 64;
    b->resume = VT_NEVER;
    const struct vt_option options[] = {
        {.name = "once", .kind = VT_OPTION_FLAG, .to = &b->once},
        {.name = "max", .kind = VT_OPTION_NUMBER, .to = &b->max_conns, .min = 1, .max = 100000},
    };
    n = vt_options_read(p, options, sizeof options / sizeof options[0], argc, argv, &where, 1);
    if (n < 0)
        return p->status;
    if (n == 0 || vt_endpoint_parse(&b->to, where, "0.0.0.0", 0) < 0)
        return vt_usage_error(p, "want [HOST:]PORT", n > 0 ? where : "");
    status = vt_open_listener(p, &b->to, 128, &b->sock, &local);
    if (status != 0)
        return status;
    if (vt_watch(p, &b->sock, VT_POLLIN, NULL) < 0)
        return 1;
    vt_console_print(&b->console, "sink on %s\n", vt_addr_text(text, local));
    return 0;
}

static void finish(struct vt_bulk *b, struct vt_bulk_conn *c, const char *wrong)
{
    struct vt_process *p = c->p;
    uint64_t us = (p->now - c->began) / (uint64_t)VT_USEC;
    if (wrong != NULL) {
        vt_console_error(&b->console, "%s: %s, after %llu bytes", c->name, wrong, (unsigned long long)c->got);
        b->status = 1;
    } else {
        vt_console_print(&b->console, "%s: %llu bytes, siphash %016llx, in %llu.%06llu s\n", c->name,
                         (unsigned long long)c->got, (unsigned long long)vt_bulk_hash(&c->stream),
                         (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000));
    }
    vt_unwatch(p, &c->sock);
    if (c->next != NULL)
        c->next->prev = c->prev;
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        b->conns = c->next;
    b->n_conns--;
    p->mem.free(p->mem.ctx, c, sizeof *c);
    if (b->once)
        vt_console_end(&b->console, b->status);
}

/* Compares received bytes with the stream's. NULL, or what is wrong. */
static const char *check(struct vt_bulk_conn *c, const uint8_t *bytes, size_t len)
{
    while (len > 0 && c->header_len < VT_BULK_HEADER) {
        c->header[c->header_len++] = *bytes++;
        len--;
        if (c->header_len < VT_BULK_HEADER)
            continue;
        if (memcmp(c->header, vt_bulk_magic, 8) != 0)
            return "not a bulk sender";
        vt_bulk_start(&c->stream, vt_bulk_get64(c->header + 8));
        c->bytes = vt_bulk_get64(c->header + 16);
    }
    if (len > 0 && len > c->bytes - c->got)
        return "more bytes than were told of";
    while (len > 0) {
        size_t n;
        const uint8_t *want = vt_bulk_peek(&c->stream, len, &n);
        if (memcmp(want, bytes, n) != 0)
            return "a wrong byte";
        vt_bulk_next(&c->stream, n);
        bytes += n;
        len -= n;
        c->got += n;
    }
    return NULL;
}

static void send_verdict(struct vt_bulk *b, struct vt_bulk_conn *c)
{
    while (c->verdict_at < c->verdict_len) {
        long n = vt_send_some(c->p, c->sock.fd, c->verdict + c->verdict_at, c->verdict_len - c->verdict_at,
                              0);
        if (n == -VT_EAGAIN) {
            vt_watch(c->p, &c->sock, VT_POLLOUT, c);
            return;
        }
        if (n < 0) {
            finish(b, c, vt_strerror((int)n));
            return;
        }
        c->verdict_at += (size_t)n;
    }
    finish(b, c, NULL);
}

static void ended(struct vt_bulk *b, struct vt_bulk_conn *c)
{
    if (c->header_len < VT_BULK_HEADER || c->got < c->bytes) {
        finish(b, c, "its stream ended early");
        return;
    }
    c->verdict_len = vt_format(c->verdict, sizeof c->verdict, "%llu %016llx\n", (unsigned long long)c->got,
                               (unsigned long long)vt_bulk_hash(&c->stream));
    send_verdict(b, c);
}

static void hear(struct vt_bulk *b, struct vt_bulk_conn *c)
{
    uint8_t bytes[RECV];
    if (c->verdict_len > 0) {
        send_verdict(b, c);
        return;
    }
    for (unsigned i = 0; i < CONN_READS; i++) {
        const char *wrong;
        long n = vt_recv_some(c->p, c->sock.fd, bytes, sizeof bytes);
        if (n == -VT_EAGAIN)
            return;
        if (n == 0) {
            ended(b, c);
            return;
        }
        wrong = n < 0 ? vt_strerror((int)n) : check(c, bytes, (size_t)n);
        if (wrong != NULL) {
            finish(b, c, wrong);
            return;
        }
    }
}

static bool accepting(const struct vt_process *p, const struct vt_bulk *b)
{
    return b->n_conns < b->max_conns && !(b->once && b->accepted) &&
           (b->resume == VT_NEVER || p->now >= b->resume);
}

static void accept_senders(struct vt_process *p, struct vt_bulk *b)
{
    while (accepting(p, b)) {
        struct vt_addr peer;
        struct vt_bulk_conn *c;
        int fd = p->api->accept(p->net, b->sock.fd, &peer);
        if (fd == -VT_EAGAIN)
            return;
        if (fd < 0) {
            b->resume = vt_time_add(p->now, RESUME_TIME);
            return;
        }
        c = p->mem.alloc(p->mem.ctx, sizeof *c);
        if (c == NULL) {
            vt_console_error(&b->console, "a sender turned away: %s", vt_strerror(VT_ENOMEM));
            p->api->close(p->net, fd);
            continue;
        }
        c->p = p;
        c->sock.fd = fd;
        c->began = p->now;
        c->next = b->conns;
        if (c->next != NULL)
            c->next->prev = c;
        b->conns = c;
        b->n_conns++;
        b->accepted = true;
        vt_addr_text(c->name, peer);
        if (vt_watch(p, &c->sock, VT_POLLIN, c) < 0)
            finish(b, c, vt_strerror(VT_ENOMEM));
    }
}

void vt_bulk_sink_step(struct vt_process *p, struct vt_bulk *b)
{
    struct vt_epoll_event evs[STEP_EVENTS];
    for (unsigned round = 0; round < STEP_ROUNDS && !b->console.ending; round++) {
        int n;
        if (p->now >= b->resume)
            b->resume = VT_NEVER;
        vt_watch(p, &b->sock, accepting(p, b) ? VT_POLLIN : 0, NULL);
        n = p->api->epoll_wait(p->net, p->epfd, evs, STEP_EVENTS);
        for (int i = 0; i < n && !b->console.ending; i++) {
            if (evs[i].data == 0)
                accept_senders(p, b);
            else
                hear(b, (struct vt_bulk_conn *)(uintptr_t)evs[i].data);
        }
        if (n <= 0) {
            p->wake = b->resume;
            return;
        }
    }
    p->wake = p->now;
}

void vt_bulk_sink_end(struct vt_process *p, struct vt_bulk *b)
{
    while (b->conns != NULL) {
        struct vt_bulk_conn *c = b->conns;
        b->conns = c->next;
        vt_unwatch(p, &c->sock);
        p->mem.free(p->mem.ctx, c, sizeof *c);
    }
}

/* The bulk program: a seeded stream of bytes as fast as it goes, and a sink that checks every one of them. */
#include "bulk.h"
#include "base/random.h"

const char vt_bulk_magic[8] = {'v', 't', 'b', 'u', 'l', 'k', '1', '\n'};

static const char usage[] =
    "usage: bulk send --bytes N [--seed S] HOST:PORT\n"
    "       bulk sink [--once] [--max N] [HOST:]PORT\n"
    "\n"
    "The sender sends N bytes that the seed stands for; the sink checks each of them, and answers with their "
    "number\n"
    "and their SipHash, which the sender compares with its own. Both tell of them.\n"
    "\n"
    "  --bytes N  how many (k, M and G are powers of ten)\n"
    "  --seed S   of the bytes (1)\n"
    "  --once     the sink ends after one connection\n"
    "  --max N    connections at a time (64); more wait in the backlog\n"
    "\n"
    "Exit codes: 0 all bytes were right, 1 they were not, 2 a mistake in the arguments.\n";

void vt_bulk_put64(uint8_t *to, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        to[i] = (uint8_t)(v >> (8 * i));
}

uint64_t vt_bulk_get64(const uint8_t *from)
{
    uint64_t v = 0;
    for (unsigned i = 8; i-- > 0;)
        v = v << 8 | from[i];
    return v;
}

/* ---- The stream ---- */

void vt_bulk_start(struct vt_bulk_stream *s, uint64_t seed)
{
    memset(s, 0, sizeof *s);
    vt_rng_seed(&s->rng, seed, 0);
}

const uint8_t *vt_bulk_peek(struct vt_bulk_stream *s, uint64_t max, size_t *len)
{
    if (s->have == 0) {
        for (unsigned i = 0; i < VT_BULK_BLOCK; i += 8)
            vt_bulk_put64(s->block + i, vt_rng_u64(&s->rng));
        s->have = VT_BULK_BLOCK;
    }
    *len = s->have < max ? s->have : (size_t)max;
    return s->block + VT_BULK_BLOCK - s->have;
}

static uint64_t hash_on(const struct vt_bulk_stream *s, size_t len)
{
    const struct vt_sipkey key = {{s->hash, s->at - len}};
    return vt_siphash(&key, s->block, len);
}

void vt_bulk_next(struct vt_bulk_stream *s, size_t len)
{
    s->have -= (unsigned)len;
    s->at += len;
    if (s->have == 0)
        s->hash = hash_on(s, VT_BULK_BLOCK);
}

uint64_t vt_bulk_hash(const struct vt_bulk_stream *s)
{
    return s->have == 0 ? s->hash : hash_on(s, VT_BULK_BLOCK - s->have);
}

/* ---- The program ---- */

static int start(struct vt_process *p, int argc, char **argv)
{
    struct vt_bulk *b = p->state;
    vt_console_init(&b->console, p, b->out, sizeof b->out);
    b->sock.fd = -1;
    if (argc >= 2 && strcmp(argv[1], "send") == 0)
        return vt_bulk_send_start(p, b, argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "sink") == 0) {
        b->sink = true;
        return vt_bulk_sink_start(p, b, argc - 1, argv + 1);
    }
    if (argc >= 2 && argv[1][0] == '-' && vt_options_read(p, NULL, 0, argc, argv, NULL, 0) == VT_OPTIONS_DONE)
        return p->status;
    return vt_usage_error(p, "want 'send' or 'sink'", "");
}

/* A program that has ended may still wait for its output to be taken: not with its sockets open. */
static void close_all(struct vt_process *p, struct vt_bulk *b)
{
    vt_bulk_sink_end(p, b);
    vt_unwatch(p, &b->sock);
}

static void step(struct vt_process *p)
{
    struct vt_bulk *b = p->state;
    p->wake = VT_NEVER;
    vt_console_flush(&b->console);
    if (p->stop)
        vt_console_end(&b->console, b->sink ? b->status : 130);
    else if (!b->console.ending && b->sink)
        vt_bulk_sink_step(p, b);
    else if (!b->console.ending)
        vt_bulk_send_step(p, b);
    if (b->console.ending)
        close_all(p, b);
    vt_console_step(&b->console);
}

static void end(struct vt_process *p)
{
    struct vt_bulk *b = p->state;
    if (b->console.p != NULL)
        close_all(p, b);
}

const struct vt_program vt_program_bulk = {
    .name = "bulk",
    .summary = "a seeded stream of bytes, and a sink that checks it",
    .usage = usage,
    .state = sizeof(struct vt_bulk),
    .start = start,
    .step = step,
    .end = end,
};

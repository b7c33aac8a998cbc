/* Two hosts over a channel that loses, doubles, delays, reorders and damages packets, in virtual time:
 * whatever a seed brings, both programs read the bytes that the other wrote, both ends get to CLOSED, and no
 * memory is left. VT_TEST_SEED=n replays one seed. */
#include "tcp_node.h"

#include "network/ipv4_wire.h"

#define A_IP  VT_IP4(192, 0, 2, 1)
#define B_IP  VT_IP4(192, 0, 2, 2)
#define SEEDS 300

/* What a seed decides on: chances in 1000. */
struct weather {
    uint32_t loss, dup, damage;
    vt_span delay, jitter;
    uint32_t features;
    uint32_t mtu[2];
};

struct flying {
    struct flying *next;
    vt_time due;
    struct packet *p;
    unsigned to;
    bool damaged;
};

/* One end's program: writes `total` bytes, reads to the end, and closes as it was told to. */
struct program {
    struct vt_tcb *tcb;
    uint64_t total, written, read;
    bool half_close; /* shuts its writing when it has written; else closes when it has read the end too */
    bool ended;      /* has read the end */
    bool shut, closed;
    int error;
};

struct world {
    struct tcp_node n[2];
    struct program prog[2];
    struct vt_tcb *listener;
    struct flying *flying;
    struct weather w;
    struct vt_rng rng;
    uint64_t seed, carried;
};

static uint8_t byte_at(unsigned who, uint64_t i)
{
    uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15) + who;
    return (uint8_t)(x >> 56 ^ x >> 21);
}

static uint64_t below(struct world *w, uint64_t n)
{
    return vt_rng_below(&w->rng, n);
}
static bool chance(struct world *w, uint32_t of_1000)
{
    return below(w, 1000) < of_1000;
}

/* ---- The channel ---- */

static void launch(struct world *w, unsigned to, const struct packet *p, vt_time at)
{
    struct flying *f = calloc(1, sizeof(*f));
    f->p = malloc(sizeof(*p) + p->len);
    memcpy(f->p, p, sizeof(*p) + p->len);
    f->to = to;
    f->due = at + (vt_time)w->w.delay + (w->w.jitter != 0 ? below(w, (uint64_t)w->w.jitter) : 0);
    if (chance(w, w->w.damage)) {
        uint32_t bit = (uint32_t)below(w, p->len * 8);
        f->p->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        f->damaged = true;
    }
    struct flying **at_link = &w->flying;
    while (*at_link != NULL && (*at_link)->due <= f->due)
        at_link = &(*at_link)->next;
    f->next = *at_link;
    *at_link = f;
}

static void collect(struct world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        struct packet *p;
        while ((p = tcp_node_take(&w->n[i])) != NULL) {
            w->carried++;
            assert_true(p->gso != 0 || p->len <= w->n[i].nif.mtu);
            if (!chance(w, w->w.loss)) {
                launch(w, 1 - i, p, p->at);
                if (chance(w, w->w.dup))
                    launch(w, 1 - i, p, p->at);
            }
            free(p);
        }
    }
}

static void land(struct world *w)
{
    struct flying *f = w->flying;
    w->flying = f->next;
    /* A partial checksum that was damaged on the way was not on a wire: let it be found as any other is. */
    enum vt_csum csum = f->p->partial ? (f->damaged ? VT_CSUM_NONE : VT_CSUM_VALID) : VT_CSUM_NONE;
    tcp_node_inject(&w->n[f->to], f->p->bytes, f->p->len, csum);
    free(f->p);
    free(f);
}

/* ---- The programs ---- */

static void write_some(struct world *w, unsigned who)
{
    struct program *p = &w->prog[who];
    uint8_t buf[5000];
    while (p->written < p->total && chance(w, 800)) {
        uint64_t want = 1 + below(w, chance(w, 500) ? 100 : sizeof(buf));
        want = want < p->total - p->written ? want : p->total - p->written;
        for (uint64_t i = 0; i < want; i++)
            buf[i] = byte_at(who, p->written + i);
        long n = vt_tcp_send(p->tcb, buf, want, chance(w, 50) ? VT_MSG_MORE : 0);
        if (n < 0) {
            p->error = n == -VT_EAGAIN ? p->error : (int)n;
            return;
        }
        p->written += (uint64_t)n;
    }
}

static void read_some(struct world *w, unsigned who)
{
    struct program *p = &w->prog[who];
    uint8_t buf[8000];
    while (!p->ended && chance(w, 850)) {
        long n = vt_tcp_recv(p->tcb, buf, 1 + below(w, sizeof(buf)), 0);
        if (n == 0)
            p->ended = true;
        else if (n < 0)
            p->error = n == -VT_EAGAIN ? p->error : (int)n;
        if (n <= 0)
            return;
        for (long i = 0; i < n; i++)
            assert_int_equal(buf[i], byte_at(1 - who, p->read + (uint64_t)i));
        p->read += (uint64_t)n;
        assert_true(p->read <= w->prog[1 - who].written);
    }
}

static void step_program(struct world *w, unsigned who)
{
    struct program *p = &w->prog[who];
    if (p->tcb == NULL && who == 1)
        p->tcb = vt_tcp_accept(w->listener, &w->n[1]);
    if (p->tcb == NULL || p->closed || p->tcb->end.state == VT_TCP_SYN_SENT)
        return; /* shutdown() now would end it (Linux) */
    if (!p->shut)
        write_some(w, who);
    read_some(w, who);
    if (p->written == p->total && !p->shut && (p->half_close || p->ended)) {
        p->shut = true;
        assert_int_equal(vt_tcp_shutdown(p->tcb, VT_SHUT_WR), 0);
    }
    if (p->shut && p->ended) {
        vt_tcp_close(p->tcb, false);
        p->closed = true;
    }
    assert_int_equal(p->error, 0);
}

/* ---- Whole runs ---- */

static void check_tcb(const struct vt_tcb *tcb)
{
    assert_true(vt_seq_le(tcb->snd_una, tcb->snd_nxt));
    uint64_t bytes = 0;
    for (const struct vt_pbuf *p = tcb->recvq.first; p != NULL; p = p->next)
        bytes += p->len;
    assert_int_equal(bytes, tcb->recvq.bytes);
    const struct vt_loss *l = tcb->loss;
    if (l == NULL)
        return;
    uint32_t sacked = 0, lost = 0, retrans = 0;
    struct vt_seq at = tcb->snd_una;
    for (uint32_t i = 0; i < l->sent.n; i++) {
        const struct vt_sent *s = vt_sent_at(&l->sent, i);
        assert_int_equal(s->from.v, at.v);
        assert_true(vt_seq_lt(s->from, s->to));
        at = s->to;
        sacked += s->flags & VT_SENT_SACKED ? vt_sent_len(s) : 0;
        lost += s->flags & VT_SENT_LOST ? vt_sent_len(s) : 0;
        retrans += s->flags & VT_SENT_RETRANS ? vt_sent_len(s) : 0;
    }
    assert_int_equal(at.v, tcb->snd_nxt.v);
    assert_int_equal(sacked, l->sent.sacked);
    assert_int_equal(lost, l->sent.lost);
    assert_int_equal(retrans, l->sent.retrans);
}

static void choose(struct world *w)
{
    static const uint32_t losses[] = {0, 0, 10, 50, 200};
    w->w.loss = losses[below(w, 5)];
    w->w.dup = chance(w, 400) ? 100 : 0;
    w->w.damage = chance(w, 250) ? 50 : 0;
    w->w.delay = (vt_span)below(w, 60) * VT_MSEC;
    w->w.jitter = chance(w, 500) ? (vt_span)(1 + below(w, 40)) * VT_MSEC : 0;
    w->w.features = chance(w, 300) ? VT_DEV_TX_CSUM | VT_DEV_TX_TSO4 | VT_DEV_RX_CSUM | VT_DEV_RX_GSO : 0;
    for (unsigned i = 0; i < 2; i++)
        w->w.mtu[i] = chance(w, 200) ? 576 + (uint32_t)below(w, 8000) : 1500;
    for (unsigned i = 0; i < 2; i++) {
        w->prog[i].total = chance(w, 150) ? 0 : below(w, chance(w, 300) ? 300000 : 20000);
        w->prog[i].half_close = chance(w, 600);
    }
    if (!w->prog[0].half_close && !w->prog[1].half_close)
        w->prog[below(w, 2)].half_close = true; /* one must begin */
}

/* V66: lets the clock, which the ISNs follow (RFC 6528), run to where one end's numbers are about to pass
 * 2^32 or 2^31. */
static void near_the_wrap(struct world *w)
{
    struct vt_addr a = {A_IP, 0, 40000}, b = {B_IP, 0, 9528};
    assert_int_equal(vt_tcp_bind(w->prog[0].tcb, &a), 0);
    uint32_t isn = chance(w, 500) ? vt_tcp_isn(w->n[0].tcp, &a, &b).v : vt_tcp_isn(w->n[1].tcp, &b, &a).v;
    uint32_t want = (chance(w, 500) ? 0 : UINT32_C(0x80000000)) - (uint32_t)below(w, 20000);
    want -= (uint32_t)(w->w.delay / (4 * VT_USEC));
    vt_time then = w->n[0].core.now + (uint64_t)(want - isn) * 4 * (uint64_t)VT_USEC;
    for (unsigned i = 0; i < 2; i++)
        tcp_node_wait_until(&w->n[i], then);
}

static void set_up(struct world *w)
{
    static const char *const features[] = {"net.ipv4.tcp_timestamps", "net.ipv4.tcp_sack",
                                           "net.ipv4.tcp_window_scaling"};
    choose(w);
    for (unsigned i = 0; i < 2; i++) {
        tcp_node_init(&w->n[i], i == 0 ? A_IP : B_IP, w->seed * 2 + i, w->w.features,
                      w->w.mtu[0] < w->w.mtu[1] ? w->w.mtu[0] : w->w.mtu[1]);
        w->n[i].core.ev.node = i + 1;
        for (unsigned k = 0; k < 3; k++)
            if (chance(w, 250))
                assert_int_equal(vt_tcp_knob_set(w->n[i].tcp, features[k], 0), 0);
        if (chance(w, 300))
            assert_int_equal(
                vt_tcp_knob_set(w->n[i].tcp, "net.ipv4.tcp_rmem_default", 2304 + (int64_t)below(w, 20000)),
                0);
        /* Sequence numbers begin anywhere, near the wrap too (V66): the ISN is a hash of the key and the
         * clock. */
        vt_tcp_knob_set(w->n[i].tcp, "net.ipv4.tcp_retries2", 100);
        vt_tcp_knob_set(w->n[i].tcp, "net.ipv4.tcp_orphan_retries", 100);
        vt_tcp_knob_set(w->n[i].tcp, "net.ipv4.tcp_syn_retries", 100);
        vt_tcp_knob_set(w->n[i].tcp, "net.ipv4.tcp_synack_retries", 100);
    }
    struct vt_addr at = {B_IP, 0, 9528};
    w->listener = vt_tcp_open(w->n[1].tcp, &w->n[1]);
    assert_int_equal(vt_tcp_bind(w->listener, &at), 0);
    assert_int_equal(vt_tcp_listen(w->listener, 10), 0);
    w->prog[0].tcb = vt_tcp_open(w->n[0].tcp, &w->n[0]);
    if (chance(w, 300)) {
        int one = 1;
        vt_tcp_setopt(w->prog[0].tcb, VT_SOL_TCP, VT_TCP_NODELAY, &one, sizeof(one));
    }
    if (chance(w, 500))
        vt_tcp_setopt(w->prog[0].tcb, VT_SOL_TCP, VT_TCP_CONGESTION, "reno", 4);
    if (chance(w, 500))
        near_the_wrap(w);
    assert_int_equal(vt_tcp_connect(w->prog[0].tcb, &at), -VT_EINPROGRESS);
}

static bool done(const struct world *w)
{
    return w->prog[0].closed && w->prog[1].closed && w->flying == NULL && w->n[0].tcp->table_used == 0 &&
           w->n[1].tcp->table_used == 0;
}

static vt_time next_time(struct world *w)
{
    vt_time next = w->flying != NULL ? w->flying->due : VT_NEVER;
    for (unsigned i = 0; i < 2; i++)
        next = vt_time_min(next, tcp_node_next(&w->n[i]));
    /* The programs look in now and then, late sometimes. */
    vt_time look = vt_time_add(w->n[0].core.now, (vt_span)(1 + below(w, 30)) * VT_MSEC);
    bool waiting = !w->prog[0].closed || !w->prog[1].closed;
    return waiting ? vt_time_min(next, look) : next;
}

static void run(uint64_t seed)
{
    struct world *w = calloc(1, sizeof(*w));
    w->seed = seed;
    vt_rng_seed(&w->rng, seed, 3);
    set_up(w);
    vt_time end = vt_time_add(w->n[0].core.now, 100000 * VT_SEC);
    for (unsigned step = 0; !done(w); step++) {
        for (unsigned i = 0; i < 2; i++) {
            step_program(w, i);
            tcp_node_settle(&w->n[i]);
            for (const struct vt_tcb *t = w->n[i].tcp->all; t != NULL; t = t->all_next)
                check_tcb(t);
        }
        collect(w);
        vt_time next = next_time(w);
        if (next > end || w->carried > 200000) {
            print_error("seed %llu: no end: a wrote %llu of %llu, b %llu of %llu; read %llu and %llu\n",
                        (unsigned long long)seed, (unsigned long long)w->prog[0].written,
                        (unsigned long long)w->prog[0].total, (unsigned long long)w->prog[1].written,
                        (unsigned long long)w->prog[1].total, (unsigned long long)w->prog[0].read,
                        (unsigned long long)w->prog[1].read);
            fail();
        }
        while (w->flying != NULL && w->flying->due <= next && (step % 2 == 0 || chance(w, 700)))
            land(w);
        for (unsigned i = 0; i < 2; i++)
            tcp_node_wait_until(&w->n[i], next > w->n[i].core.now ? next : w->n[i].core.now);
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(w->prog[i].read, w->prog[1 - i].total);
        assert_int_equal(w->prog[i].written, w->prog[i].total);
    }
    vt_tcp_close(w->listener, false);
    for (unsigned i = 0; i < 2; i++)
        tcp_node_fini(&w->n[i]);
    free(w);
}

static void test_v66_two_hosts(void **state)
{
    (void)state;
    const char *many = getenv("VT_TEST_SEEDS");
    uint64_t first = test_seed(), n = getenv("VT_TEST_SEED") != NULL ? 1 : SEEDS;
    n = many != NULL ? strtoull(many, NULL, 0) : n;
    for (uint64_t seed = first; seed < first + n; seed++) {
        print_message("# VT_TEST_SEED=%llu\n", (unsigned long long)seed);
        run(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_v66_two_hosts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

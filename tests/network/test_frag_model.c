/* Reassembly against a model of bytes: random datagrams, cut at random, their parts in random order, some
 * twice, some lost, some lying about their bytes, many datagrams at once. What comes up must be what was
 * sent, and come up exactly when the model says so. */
#include "fixture.h"

#define DATAGRAMS 6
#define PARTS     40
#define LARGEST   9000

struct part {
    unsigned datagram;
    uint16_t off;
    uint32_t len;
    bool mf, lies;
};

struct datagram {
    uint8_t bytes[LARGEST];
    uint32_t len;
    uint8_t got[LARGEST];
    uint32_t have;
    bool spoiled, done;
};

static void cut(struct vt_rng *rng, struct datagram *d, unsigned which, struct part *parts, unsigned *n)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < d->len; i++)
        d->bytes[i] = (uint8_t)vt_rng_u32(rng);
    while (at < d->len) {
        uint32_t len = 8 + (uint32_t)vt_rng_below(rng, 120) * 8;
        struct part p = {.datagram = which, .off = (uint16_t)at};

        if (at == 0 && len < 64)
            len = 64;
        if (len > d->len - at)
            len = d->len - at;
        p.len = len;
        p.mf = at + len < d->len;
        at += len;
        if (vt_rng_below(rng, 40) == 0)
            continue; /* lost */
        parts[(*n)++] = p;
        if (vt_rng_below(rng, 8) == 0)
            parts[(*n)++] = p; /* duplicated */
        if (vt_rng_below(rng, 60) == 0) {
            p.lies = true;
            parts[(*n)++] = p;
        }
    }
}

/* What the model makes of a part: updates it, and says whether the datagram is complete by it. */
static bool model_takes(struct datagram *d, const struct part *p)
{
    unsigned held = 0;

    if (d->spoiled)
        return false;
    for (uint32_t i = 0; i < p->len; i++)
        held += d->got[p->off + i];
    if (held != 0) {
        /* The same cuts: it is there whole, as it was or (once a lie came first) otherwise. */
        assert_int_equal(held % p->len, 0);
        if ((held == p->len) != !p->lies)
            d->spoiled = true;
        return false;
    }
    for (uint32_t i = 0; i < p->len; i++)
        d->got[p->off + i] = p->lies ? 2 : 1;
    d->have += p->len;
    return d->have == d->len;
}

static void put(struct node *n, struct vt_rng *rng, const struct datagram *d, const struct part *p,
                uint16_t ident)
{
    uint8_t data[LARGEST];
    struct spec s = {.src = PEER, .dst = HERE, .ident = ident, .offset = p->off, .mf = p->mf};

    memcpy(data, d->bytes + p->off, p->len);
    if (p->lies)
        data[vt_rng_below(rng, p->len)] ^= 0x10;
    inject_packet(n, 0, &s, data, p->len);
}

static void one_round(struct vt_rng *rng, unsigned *whole)
{
    static struct datagram d[DATAGRAMS];
    static struct part parts[DATAGRAMS * PARTS * 30];
    struct node *n = node_new(vt_rng_u64(rng), NULL);
    unsigned count = 0;

    memset(d, 0, sizeof d);
    for (unsigned i = 0; i < DATAGRAMS; i++) {
        d[i].len = 200 + (uint32_t)vt_rng_below(rng, LARGEST - 200);
        cut(rng, &d[i], i, parts, &count);
    }
    for (unsigned i = count; i > 1; i--) {
        unsigned j = (unsigned)vt_rng_below(rng, i);
        struct part t = parts[i - 1];
        parts[i - 1] = parts[j];
        parts[j] = t;
    }
    for (unsigned i = 0; i < count; i++) {
        struct datagram *of = &d[parts[i].datagram];
        unsigned ups = n->nup;
        bool complete;

        if (of->done)
            continue; /* what comes later begins a new datagram, of which the model knows nothing */
        complete = model_takes(of, &parts[i]);
        put(n, rng, of, &parts[i], (uint16_t)parts[i].datagram);
        assert_int_equal(n->nup - ups, complete);
        if (!complete)
            continue;
        of->done = true;
        ++*whole;
        assert_int_equal(n->up_len, of->len);
        for (uint32_t k = 0; k < of->len; k++) {
            if (of->got[k] == 1)
                assert_int_equal(n->up_bytes[k], of->bytes[k]);
        }
    }
    node_wait(n, 61 * VT_SEC);
    assert_int_equal(n->net->frags.count, 0);
    assert_int_equal(n->net->frags.bytes, 0);
    node_free(n);
}

static void test_against_model(void **state)
{
    struct vt_rng rng;
    unsigned whole = 0;

    (void)state;
    vt_rng_seed(&rng, test_seed(), 0);
    for (unsigned i = 0; i < 150; i++)
        one_round(&rng, &whole);
    /* The rounds were worth it: many came through, many did not. */
    assert_true(whole > 150 && whole < 150 * DATAGRAMS - 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "random.h"

static uint64_t rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static uint64_t load_le64(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 = rotl(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t m)
{
    s->v3 ^= m;
    sip_round(s);
    sip_round(s);
    s->v0 ^= m;
}

uint64_t vt_siphash(const struct vt_sipkey *key, const void *bytes, size_t len)
{
    /* The initial state spells "somepseudorandomlygeneratedbytes". */
    struct sip s = {
        key->k[0] ^ 0x736f6d6570736575u,
        key->k[1] ^ 0x646f72616e646f6du,
        key->k[0] ^ 0x6c7967656e657261u,
        key->k[1] ^ 0x7465646279746573u,
    };
    const uint8_t *p = bytes;
    size_t left = len;
    for (; left >= 8; left -= 8, p += 8)
        sip_word(&s, load_le64(p, 8));
    sip_word(&s, load_le64(p, left) | (uint64_t)len << 56);
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void vt_rng_seed(struct vt_rng *r, uint64_t seed, uint64_t stream)
{
    /* Both are scrambled before they meet, so that (1, 2) and (2, 1), or neighbours, have nothing in common.
     */
    uint64_t state = splitmix(&seed);
    stream ^= 0x5851f42d4c957f2du;
    state ^= rotl(splitmix(&stream), 23);
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix(&state);
}

uint64_t vt_rng_u64(struct vt_rng *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t vt_rng_below(struct vt_rng *r, uint64_t n)
{
    /* Draws as many bits as n - 1 has, until they are below n: under two draws on average, no bias, no
     * division. */
    if (n <= 1)
        return 0;
    unsigned drop = (unsigned)__builtin_clzll(n - 1);
    uint64_t v;
    do {
        v = vt_rng_u64(r) >> drop;
    } while (v >= n);
    return v;
}

bool vt_rng_chance(struct vt_rng *r, uint32_t per_billion)
{
    if (per_billion == 0)
        return false;
    return vt_rng_below(r, 1000000000) < per_billion;
}

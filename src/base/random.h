/* Keyed hashing (SipHash-2-4, Aumasson and Bernstein 2012) and a seeded generator (xoshiro256**, Blackman and
 * Vigna 2018; the state grown from the seed by SplitMix64). Neither is for secrecy of data: the hash keeps
 * tables and initial sequence numbers unguessable, the generator makes a run a function of its seed. */
#ifndef VT_BASE_RANDOM_H
#define VT_BASE_RANDOM_H

#include <vitro/types.h>

struct vt_sipkey {
    uint64_t k[2];
};

uint64_t vt_siphash(const struct vt_sipkey *key, const void *bytes, size_t len);

struct vt_rng {
    uint64_t s[4];
};

/* Streams of different `stream` from one seed are independent. */
void vt_rng_seed(struct vt_rng *r, uint64_t seed, uint64_t stream);
uint64_t vt_rng_u64(struct vt_rng *r);
static inline uint32_t vt_rng_u32(struct vt_rng *r)
{
    return (uint32_t)(vt_rng_u64(r) >> 32);
}
/* Uniform in [0, n), without bias; n > 0. */
uint64_t vt_rng_below(struct vt_rng *r, uint64_t n);
/* True with a probability of `per_billion` in 10^9. */
bool vt_rng_chance(struct vt_rng *r, uint32_t per_billion);

#endif

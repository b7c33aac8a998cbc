/* The checksum by AVX2: 64 bytes a turn. The attribute, not the compiler's switches, allows the instructions,
 * so that the rest of the archive runs on any processor of the family. */
#include "sums.h"

#if defined(__x86_64__)

#define AVX2 __attribute__((target("avx2")))

typedef uint64_t lanes __attribute__((vector_size(32)));

AVX2 static inline lanes load(const uint8_t *p)
{
    lanes v;
    memcpy(&v, p, sizeof(v));
    return v;
}

/* The 32-bit halves of each lane apart, so that nothing is carried for 2^31 turns. */
AVX2 static inline lanes halves(lanes v)
{
    return (v & 0xffffffff) + (v >> 32);
}

/* The four sums in network order, on top of a partial sum. */
AVX2 static inline uint32_t finish(uint32_t sum, lanes total)
{
    uint64_t words = 0;
    for (int i = 0; i < 4; i++)
        words += (total[i] & 0xffffffff) + (total[i] >> 32);
    words = (words & 0xffffffff) + (words >> 32);
    words = (words & 0xffffffff) + (words >> 32);
    return (uint32_t)vt_sum_fold(sum) + __builtin_bswap16(vt_sum_fold((uint32_t)words));
}

AVX2 static uint32_t add_avx2(uint32_t sum, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    if (len >= 64) {
        lanes a = {0}, b = {0};
        for (; len >= 64; len -= 64, p += 64) {
            a += halves(load(p));
            b += halves(load(p + 32));
        }
        sum = finish(sum, a + b);
    }
    return vt_sums_portable.add(sum, p, len);
}

AVX2 static uint32_t copy_avx2(uint32_t sum, void *dst, const void *src, size_t len)
{
    const uint8_t *p = src;
    uint8_t *q = dst;
    if (len >= 64) {
        lanes a = {0}, b = {0};
        for (; len >= 64; len -= 64, p += 64, q += 64) {
            lanes v = load(p), w = load(p + 32);
            memcpy(q, &v, sizeof(v));
            memcpy(q + 32, &w, sizeof(w));
            a += halves(v);
            b += halves(w);
        }
        sum = finish(sum, a + b);
    }
    return vt_sums_portable.copy(sum, q, p, len);
}

static const struct vt_sums avx2 = {"avx2", add_avx2, copy_avx2};

const struct vt_sums *vt_sums_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") ? &avx2 : NULL;
}

#else

const struct vt_sums *vt_sums_avx2(void)
{
    return NULL;
}

#endif

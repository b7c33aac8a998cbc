/* The checksum by AVX2: 64 bytes a turn. The attribute, not the compiler's switches, allows the instructions,
 * so that the rest of the archive runs on any processor of the family. */
#include "sums.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

/* Eight 32-bit words, added to four 64-bit sums: their halves apart, so that nothing is carried for 2^32
 * turns. */
AVX2 static inline __m256i add_words(__m256i sum, __m256i v)
{
    __m256i low = _mm256_and_si256(v, _mm256_set1_epi64x(0xffffffff));
    return _mm256_add_epi64(sum, _mm256_add_epi64(low, _mm256_srli_epi64(v, 32)));
}

/* The four sums in network order, on top of a partial sum. */
AVX2 static inline uint32_t finish(uint32_t sum, __m256i a, __m256i b)
{
    uint64_t lane[4], words = 0;
    a = _mm256_add_epi64(a, b);
    _mm256_storeu_si256((__m256i *)(void *)lane, a);
    for (int i = 0; i < 4; i++)
        words += (lane[i] & 0xffffffff) + (lane[i] >> 32);
    words = (words & 0xffffffff) + (words >> 32);
    words = (words & 0xffffffff) + (words >> 32);
    return (uint32_t)vt_sum_fold(sum) + __builtin_bswap16(vt_sum_fold((uint32_t)words));
}

AVX2 static uint32_t add_avx2(uint32_t sum, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    if (len >= 64) {
        __m256i a = _mm256_setzero_si256(), b = a;
        for (; len >= 64; len -= 64, p += 64) {
            a = add_words(a, _mm256_loadu_si256((const __m256i *)(const void *)p));
            b = add_words(b, _mm256_loadu_si256((const __m256i *)(const void *)(p + 32)));
        }
        sum = finish(sum, a, b);
    }
    return vt_sums_portable.add(sum, p, len);
}

AVX2 static uint32_t copy_avx2(uint32_t sum, void *dst, const void *src, size_t len)
{
    const uint8_t *p = src;
    uint8_t *q = dst;
    if (len >= 64) {
        __m256i a = _mm256_setzero_si256(), b = a;
        for (; len >= 64; len -= 64, p += 64, q += 64) {
            __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
            __m256i w = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
            _mm256_storeu_si256((__m256i *)(void *)q, v);
            _mm256_storeu_si256((__m256i *)(void *)(q + 32), w);
            a = add_words(a, v);
            b = add_words(b, w);
        }
        sum = finish(sum, a, b);
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

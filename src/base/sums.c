#include "sums.h"

#include <vitro/errno.h>

static uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* The sum of the last bytes, fewer than 8. A word counts the same at any even place, and the last byte of an
 * odd number as if a zero followed. */
static uint64_t load_tail(const uint8_t *p, size_t n)
{
    uint32_t four = 0;
    uint16_t two = 0, one = 0;
    if ((n & 4) != 0) {
        memcpy(&four, p, 4);
        p += 4;
    }
    if ((n & 2) != 0) {
        memcpy(&two, p, 2);
        p += 2;
    }
    if ((n & 1) != 0)
        memcpy(&one, p, 1);
    return (uint64_t)four + two + one;
}

static uint64_t add_carry(uint64_t a, uint64_t b)
{
    uint64_t sum = a + b;
    return sum + (sum < b);
}

/* One's complement sums do not mind the byte order in which the words are read (RFC 1071 2(B)): they are
 * added as the machine has them, 64 bits at a time, and only the result is turned. */
static uint32_t finish64(uint32_t sum, uint64_t words)
{
    words = (words & 0xffffffff) + (words >> 32);
    words = (words & 0xffffffff) + (words >> 32);
    uint16_t folded = vt_sum_fold((uint32_t)words);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    folded = __builtin_bswap16(folded);
#endif
    return vt_sum_fold(vt_sum_fold(sum) + folded);
}

static uint32_t add_portable(uint32_t sum, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    uint64_t a = 0, b = 0;
    for (; len >= 16; len -= 16, p += 16) {
        a = add_carry(a, load64(p));
        b = add_carry(b, load64(p + 8));
    }
    if (len >= 8) {
        a = add_carry(a, load64(p));
        p += 8;
        len -= 8;
    }
    return finish64(sum, add_carry(add_carry(a, b), load_tail(p, len)));
}

static uint32_t copy_portable(uint32_t sum, void *dst, const void *src, size_t len)
{
    const uint8_t *p = src;
    uint8_t *q = dst;
    uint64_t a = 0;
    for (; len >= 8; len -= 8, p += 8, q += 8) {
        uint64_t v = load64(p);
        memcpy(q, &v, 8);
        a = add_carry(a, v);
    }
    for (size_t i = 0; i < len; i++)
        q[i] = p[i];
    return finish64(sum, add_carry(a, load_tail(p, len)));
}

const struct vt_sums vt_sums_portable = {"portable", add_portable, copy_portable};

const struct vt_sums *vt_sums_best(void)
{
    const struct vt_sums *fast = vt_sums_avx2();
    return fast != NULL ? fast : &vt_sums_portable;
}

uint32_t vt_sum_pseudo(struct vt_ip src, struct vt_ip dst, uint8_t protocol, uint32_t len)
{
    unsigned from = vt_ip_is4(src) && vt_ip_is4(dst) ? 12 : 0;
    uint64_t sum = (uint64_t)protocol + len;
    for (unsigned i = from; i < 16; i += 4)
        sum += (uint64_t)vt_get32(src.b + i) + vt_get32(dst.b + i);
    return (uint32_t)((sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32));
}

uint32_t vt_pbuf_sum(const struct vt_sums *sums, const struct vt_pbuf *p, uint32_t off, uint32_t len,
                     uint32_t sum)
{
    struct vt_iovec iov[VT_PBUF_SPANS];
    unsigned n = vt_pbuf_spans(p, off, len, iov);
    bool odd = false;
    for (unsigned i = 0; i < n; i++) {
        uint32_t part = sums->add(0, iov[i].base, iov[i].len);
        if (odd) /* what begins at an odd byte has its bytes the other way round (RFC 1071 2(B)) */
            part = __builtin_bswap16((uint16_t)part);
        sum = (uint32_t)vt_sum_fold(sum) + part;
        odd ^= iov[i].len % 2 != 0;
    }
    return sum;
}

uint16_t vt_sum_update(uint16_t checksum, uint16_t was, uint16_t is)
{
    /* RFC 1624 eqn. 3: HC' = ~(~HC + ~m + m'). It never makes 0xffff of a sum that is not all zeros, as
     * RFC 1141's does. */
    return vt_sum_finish((uint32_t)(uint16_t)~checksum + (uint16_t)~was + is);
}

int vt_pbuf_complete_csum(const struct vt_sums *sums, struct vt_pbuf *p)
{
    if (p->csum != VT_CSUM_PARTIAL)
        return 0;
    if (p->csum_span > p->len || p->csum_offset + 2u > p->csum_span)
        return -VT_EINVAL;
    uint32_t start = p->len - p->csum_span;
    uint16_t sum = vt_sum_finish(vt_pbuf_sum(sums, p, start, p->csum_span, 0));
    if (p->csum_offset == 6 && sum == 0) /* RFC 768: zero means none was computed */
        sum = 0xffff;
    uint32_t field = start + p->csum_offset;
    uint8_t *at = vt_pbuf_own(p, field + 2);
    if (at != NULL) {
        vt_put16(at + field, sum);
    } else {
        uint8_t bytes[2];
        vt_put16(bytes, sum);
        int err = vt_pbuf_write(p, field, bytes, 2);
        if (err < 0)
            return err;
    }
    p->csum = VT_CSUM_VALID;
    return 0;
}

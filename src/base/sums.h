/* The internet checksum (RFC 1071) and its incremental form (RFC 1624), and CRC-32 of IEEE 802.3.
 *
 * A partial sum is a 32-bit accumulator of 16-bit words in network order, folded when it is finished.
 */
#ifndef VT_BASE_SUMS_H
#define VT_BASE_SUMS_H

#include "pbuf.h"

/* The routines of one machine: chosen once, held by the host, the same results everywhere. */
struct vt_sums {
    const char *name;
    /* Adds `len` bytes to a partial sum; an odd last byte counts as the high byte of a word. The result is
     * folded to 16 bits, so that many may be added up before the next fold. */
    uint32_t (*add)(uint32_t sum, const void *bytes, size_t len);
    /* The same while copying. */
    uint32_t (*copy)(uint32_t sum, void *dst, const void *src, size_t len);
};

extern const struct vt_sums vt_sums_portable;
/* The same by 256-bit registers; NULL where the processor has none. */
const struct vt_sums *vt_sums_avx2(void);
/* The fastest for this processor. */
const struct vt_sums *vt_sums_best(void);

/* Folds a partial sum to 16 bits. */
static inline uint16_t vt_sum_fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)(sum + (sum >> 16));
}
/* And complements it: the checksum field's value in host order. */
static inline uint16_t vt_sum_finish(uint32_t sum)
{
    return (uint16_t)~vt_sum_fold(sum);
}
/* The pseudo-header of TCP and UDP (RFC 9293 3.1, RFC 8200 8.1): the partial sum of addresses, protocol and
 * length. IPv4 when both are v4-mapped. */
uint32_t vt_sum_pseudo(struct vt_ip src, struct vt_ip dst, uint8_t protocol, uint32_t len);
/* The partial sum of bytes [off, off + len) of a packet. */
uint32_t vt_pbuf_sum(const struct vt_sums *sums, const struct vt_pbuf *p, uint32_t off, uint32_t len,
                     uint32_t sum);
/* The new checksum after a 16-bit field changed from `was` to `is` (RFC 1624 eqn. 3), all in host order. */
uint16_t vt_sum_update(uint16_t checksum, uint16_t was, uint16_t is);
/* Completes a VT_CSUM_PARTIAL packet in place: afterwards it is VT_CSUM_VALID. Other packets are left alone.
 * The field is taken into the room when it lies in a block. A UDP checksum (csum_offset 6) that comes out as
 * 0 is written as 0xffff (RFC 768). -VT_ENOMEM, -VT_EINVAL when the offsets lie outside the packet. */
int vt_pbuf_complete_csum(const struct vt_sums *sums, struct vt_pbuf *p);

/* CRC-32 as Ethernet's FCS has it; start with 0, feed on. */
uint32_t vt_crc32(uint32_t crc, const void *bytes, size_t len);
uint32_t vt_pbuf_crc32(const struct vt_pbuf *p);

#endif

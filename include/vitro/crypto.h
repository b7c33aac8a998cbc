/* Message authentication, handed in: what TCP-MD5 (RFC 2385) and TCP-AO (RFC 5925, RFC 5926) sign with. A
 * host without one refuses those options with -VT_EOPNOTSUPP. An adapter for OpenSSL is in <vitro/openssl.h>.
 */
#ifndef VITRO_CRYPTO_H
#define VITRO_CRYPTO_H

#include <vitro/types.h>

enum vt_mac_alg {
    VT_MAC_MD5,       /* a plain digest of the pieces, 16 bytes (RFC 1321); the key is one of them */
    VT_MAC_HMAC_SHA1, /* 20 bytes (RFC 2104) */
    VT_MAC_AES_CMAC,  /* 16 bytes; the key has 16 (RFC 4493) */
};
#define VT_MAC_MAX 20 /* bytes of the longest */

struct vt_crypto {
    void *ctx;
    /* Writes the code of the n pieces, one behind the other, to `out`. 0, or -VT_EOPNOTSUPP for an algorithm
     * that it does not have. `key` may be NULL when `keylen` is 0. */
    int (*mac)(void *ctx, enum vt_mac_alg alg, const uint8_t *key, size_t keylen,
               const struct vt_iovec *pieces, unsigned n, uint8_t *out);
};

#endif

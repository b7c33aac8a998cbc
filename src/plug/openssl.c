/* OpenSSL's libcrypto behind struct vt_crypto. */
#include <vitro/openssl.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <vitro/errno.h>

static int digest(const struct vt_iovec *pieces, unsigned n, uint8_t *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_md5(), NULL) == 1;
    for (unsigned i = 0; ok && i < n; i++)
        ok = EVP_DigestUpdate(ctx, pieces[i].base, pieces[i].len) == 1;
    ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok ? 0 : -VT_EOPNOTSUPP; /* a build or a policy without MD5 */
}

/* A keyed code of the kind `mac`, over the digest or cipher `under`. */
static int keyed(const char *mac, const char *parameter, const char *under, const uint8_t *key, size_t keylen,
                 const struct vt_iovec *pieces, unsigned n, uint8_t *out)
{
    static const uint8_t none[1];
    char name[16];
    size_t len = strlen(under) + 1;
    memcpy(name, under, len); /* OpenSSL's parameters are not const */
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(parameter, name, 0), OSSL_PARAM_construct_end()};
    EVP_MAC *alg = EVP_MAC_fetch(NULL, mac, NULL);
    EVP_MAC_CTX *ctx = alg != NULL ? EVP_MAC_CTX_new(alg) : NULL;
    bool ok = ctx != NULL && EVP_MAC_init(ctx, key != NULL ? key : none, keylen, params) == 1;
    for (unsigned i = 0; ok && i < n; i++)
        ok = EVP_MAC_update(ctx, pieces[i].base, pieces[i].len) == 1;
    ok = ok && EVP_MAC_final(ctx, out, &len, VT_MAC_MAX) == 1;
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(alg);
    return ok ? 0 : -VT_EOPNOTSUPP;
}

static int openssl_mac(void *ctx, enum vt_mac_alg alg, const uint8_t *key, size_t keylen,
                       const struct vt_iovec *pieces, unsigned n, uint8_t *out)
{
    (void)ctx;
    switch (alg) {
    case VT_MAC_MD5: return digest(pieces, n, out);
    case VT_MAC_HMAC_SHA1: return keyed("HMAC", OSSL_MAC_PARAM_DIGEST, "SHA1", key, keylen, pieces, n, out);
    case VT_MAC_AES_CMAC:
        return keyed("CMAC", OSSL_MAC_PARAM_CIPHER, "AES-128-CBC", key, keylen, pieces, n, out);
    }
    return -VT_EOPNOTSUPP;
}

const struct vt_crypto *vt_crypto_openssl(void)
{
    static const struct vt_crypto crypto = {.mac = openssl_mac};
    return &crypto;
}

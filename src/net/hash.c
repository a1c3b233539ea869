/* SPDX-License-Identifier: BSD-2-Clause */
/* CHAP's hash functions by OpenSSL (RFC 1994; IANA ppp-numbers: 5 MD5, 6 SHA-1, 7 SHA-256, 8
 * SHA3-256). */
#include "net/net_int.h"

#include <openssl/evp.h>

static const char *name_of(enum iscsi_chap_alg alg)
{
    switch (alg) {
    case ISCSI_CHAP_MD5:
        return "MD5";
    case ISCSI_CHAP_SHA1:
        return "SHA1";
    case ISCSI_CHAP_SHA256:
        return "SHA256";
    case ISCSI_CHAP_SHA3_256:
        return "SHA3-256";
    }
    return NULL;
}

/* Fetched per use: a login is rare, and a provider may be switched (FIPS) while we run. */
bool net_hash(void *arg, enum iscsi_chap_alg alg, const struct iovec *parts, int n,
              uint8_t ret_digest[32], size_t *ret_len)
{
    (void)arg;
    const char *name = name_of(alg);
    EVP_MD *md = name ? EVP_MD_fetch(NULL, name, NULL) : NULL;
    EVP_MD_CTX *ctx = md ? EVP_MD_CTX_new() : NULL;
    unsigned len = 0;
    bool ok = ctx && EVP_MD_get_size(md) <= 32 && EVP_DigestInit_ex2(ctx, md, NULL);
    for (int i = 0; ok && i < n; i++)
        ok = EVP_DigestUpdate(ctx, parts[i].iov_base, parts[i].iov_len);
    ok = ok && EVP_DigestFinal_ex(ctx, ret_digest, &len);
    *ret_len = len;
    EVP_MD_CTX_free(ctx);
    EVP_MD_free(md);
    return ok;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests: the hashes of CHAP, from the library that the product uses too. */
#include "iscsi/test_peer.h"

#include <openssl/evp.h>

bool test_hash(void *arg, enum iscsi_chap_alg alg, const struct iovec *parts, int n,
               uint8_t ret_digest[32], size_t *ret_len)
{
    (void)arg;
    const EVP_MD *md = alg == ISCSI_CHAP_MD5      ? EVP_md5()
                       : alg == ISCSI_CHAP_SHA1   ? EVP_sha1()
                       : alg == ISCSI_CHAP_SHA256 ? EVP_sha256()
                                                  : EVP_sha3_256();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned len = 0;
    EVP_DigestInit_ex(ctx, md, NULL);
    for (int i = 0; i < n; i++)
        EVP_DigestUpdate(ctx, parts[i].iov_base, parts[i].iov_len);
    EVP_DigestFinal_ex(ctx, ret_digest, &len);
    EVP_MD_CTX_free(ctx);
    *ret_len = len;
    return true;
}

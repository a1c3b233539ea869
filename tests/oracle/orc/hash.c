/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-256 by libcrypto, apart from OpenZFS's headers. */
#include "orc.h"

#include <openssl/evp.h>
#include <stdio.h>

struct hash *hash_new(void)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL))
        die("no SHA-256");
    return (struct hash *)ctx;
}

void hash_add(struct hash *h, const void *bytes, size_t len)
{
    EVP_DigestUpdate((EVP_MD_CTX *)h, bytes, len);
}

void hash_end(struct hash *h, char ret_hex[65])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_DigestFinal_ex((EVP_MD_CTX *)h, sum, &n);
    EVP_MD_CTX_free((EVP_MD_CTX *)h);
    for (unsigned i = 0; i < 32; i++)
        snprintf(ret_hex + 2 * i, 3, "%02x", sum[i]);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/radius_testing.h"

#include "base/check.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

bool radius_test_md5(const struct iovec *parts, int n, uint8_t ret_digest[RADIUS_MD5_LEN])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_md5(), NULL);
    for (int i = 0; ok && i < n; i++)
        ok = EVP_DigestUpdate(ctx, parts[i].iov_base, parts[i].iov_len);
    ok = ok && EVP_DigestFinal_ex(ctx, ret_digest, NULL);
    EVP_MD_CTX_free(ctx);
    return ok;
}

const uint8_t *radius_test_attr(const uint8_t *p, size_t len, enum radius_attr attr,
                                size_t *ret_len)
{
    for (size_t at = sizeof(struct radius_hdr); at + 2 <= len; at += p[at + 1]) {
        if (p[at + 1] < 2 || at + p[at + 1] > len)
            break;
        if (p[at] == attr) {
            *ret_len = p[at + 1] - 2u;
            return p + at + 2;
        }
    }
    return NULL;
}

void radius_test_sign(uint8_t *p, size_t len, const uint8_t request[RADIUS_MD5_LEN],
                      const char *secret)
{
    const size_t head = offsetof(struct radius_hdr, authenticator);
    const be16 total = be16_make((uint16_t)len);
    size_t n;
    memcpy(p + offsetof(struct radius_hdr, len), total.b, sizeof(total.b));
    memcpy(p + head, request, RADIUS_MD5_LEN);
    const uint8_t *mac = radius_test_attr(p, len, RADIUS_MESSAGE_AUTHENTICATOR, &n);
    if (mac && n == RADIUS_MD5_LEN) {
        uint8_t *at = p + (mac - p);
        memset(at, 0, RADIUS_MD5_LEN);
        uint8_t digest[RADIUS_MD5_LEN];
        check(HMAC(EVP_md5(), secret, (int)strlen(secret), p, len, digest, NULL) != NULL);
        memcpy(at, digest, sizeof(digest));
    }
    const struct iovec parts[] = {
        {p,                         len           },
        {(void *)(uintptr_t)secret, strlen(secret)}
    };
    uint8_t digest[RADIUS_MD5_LEN];
    check(radius_test_md5(parts, ARRAY_LEN(parts), digest));
    memcpy(p + head, digest, sizeof(digest));
}

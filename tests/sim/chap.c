/* SPDX-License-Identifier: BSD-2-Clause */
/* CHAP's answer: hash of identifier, secret, challenge (RFC 1994 4.1). */
#include "ini_int.h"

#include <openssl/evp.h>
#include <string.h>

static const char *const names[] = {
    [5] = "MD5", [6] = "SHA1", [7] = "SHA256", [8] = "SHA3-256"};

bool chap_response(unsigned alg, uint8_t id, const char *secret, const uint8_t *challenge,
                   size_t challenge_len, uint8_t ret_digest[32], size_t *ret_len)
{
    unsigned len = 0;
    uint8_t text[1 + 256 + 1024];
    size_t secret_len = strlen(secret), n = 1 + secret_len + challenge_len;
    if (alg >= ARRAY_LEN(names) || !names[alg] || n > sizeof(text))
        return false;
    text[0] = id;
    memcpy(text + 1, secret, secret_len);
    memcpy(text + 1 + secret_len, challenge, challenge_len);
    bool ok = EVP_Digest(text, n, ret_digest, &len, EVP_get_digestbyname(names[alg]), NULL);
    *ret_len = len;
    return ok;
}

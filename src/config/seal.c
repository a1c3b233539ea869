/* SPDX-License-Identifier: BSD-2-Clause */
/* The cipher is OpenSSL's; here is what goes in and how it is written down. */
#include "config/seal.h"

#include "base/endian.h"
#include "base/text.h"
#include "config/config_int.h"
#include "config/json_parse.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT  "zsan-sealed"
#define VERSION 1
#define TAG_LEN 16

int seal_key_make(const void *bytes, size_t len, struct seal_key *ret_key, struct err *reterr)
{
    static const char purpose[] =
        "zsan secrets 1"; /* the same key for something else is another one */
    unsigned n = 0;
    if (len < SEAL_KEY_MIN)
        return err_set(reterr, -EINVAL, "a key has at least %d random bytes, not %zu",
                       SEAL_KEY_MIN, len);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) &&
              EVP_DigestUpdate(c, purpose, sizeof(purpose)) &&
              EVP_DigestUpdate(c, bytes, len) && EVP_DigestFinal_ex(c, ret_key->bytes, &n);
    EVP_MD_CTX_free(c);
    return ok ? 0 : err_set(reterr, -ENOMEM, "out of memory");
}

/* ---- hex --------------------------------------------------------------------------------- */

static json_t *hex(const uint8_t *bytes, size_t len)
{
    char *text = malloc(2 * len + 1);
    if (!text)
        return NULL;
    hex_encode(bytes, len, text);
    json_t *j = json_stringn(text, 2 * len);
    free(text);
    return j;
}

/* malloc'd; NULL: no text of whole bytes, or no memory. */
static uint8_t *unhex(const json_t *j, size_t *ret_len)
{
    const char *text = json_string_value(j);
    size_t n = json_string_length(j);
    uint8_t *bytes = text ? malloc(n / 2 + 1) : NULL;
    if (bytes && !hex_decode(text, n, bytes)) {
        free(bytes);
        return NULL;
    }
    *ret_len = n / 2;
    return bytes;
}

/* ---- the cipher -------------------------------------------------------------------------- */

/* One direction; in and out may be the same. decrypt: tag is checked, else it is filled in. */
static bool crypt(const struct seal_key *key, const uint8_t *nonce, uint64_t number,
                  bool encrypt, uint8_t *bytes, size_t len, uint8_t tag[TAG_LEN])
{
    uint8_t beside[8];
    int n;
    store_be64(beside, number);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key->bytes, nonce, encrypt) &&
              (encrypt || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag)) &&
              EVP_CipherUpdate(c, NULL, &n, beside, sizeof(beside)) &&
              EVP_CipherUpdate(c, bytes, &n, bytes, (int)len) &&
              EVP_CipherFinal_ex(c, bytes + n, &n) &&
              (!encrypt || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, tag));
    EVP_CIPHER_CTX_free(c);
    return ok;
}

/* ---- documents --------------------------------------------------------------------------- */

bool seal_is(const json_t *doc)
{
    const char *format = json_string_value(json_object_get(doc, "format"));
    return format && strcmp(format, FORMAT) == 0;
}

int seal(const struct seal_key *key, const uint8_t nonce[SEAL_NONCE_LEN], uint64_t number,
         const json_t *doc, json_t **ret_sealed)
{
    uint8_t tag[TAG_LEN];
    char *text = json_dumps(doc, JSON_COMPACT);
    size_t len = text ? strlen(text) : 0;
    json_t *j = NULL;
    if (text && crypt(key, nonce, number, true, (uint8_t *)text, len, tag))
        j = json_pack("{s:s, s:i, s:o, s:o, s:o}", "format", FORMAT, "version", VERSION,
                      "nonce", hex(nonce, SEAL_NONCE_LEN), "tag", hex(tag, sizeof(tag)), "data",
                      hex((uint8_t *)text, len));
    if (text)
        wipe(text, len);
    free(text);
    *ret_sealed = j;
    return j ? 0 : -ENOMEM;
}

static int open_it(const struct seal_key *key, uint64_t number, const uint8_t *nonce,
                   uint8_t *tag, uint8_t *data, size_t len, json_t **ret_doc,
                   struct err *reterr)
{
    if (!crypt(key, nonce, number, false, data, len, tag))
        return err_set(reterr, -EKEYREJECTED,
                       "sealed with another key (--secrets-key), or changed since");
    return json_parse((char *)data, len, CONFIG_DEPTH_MAX, ret_doc, reterr);
}

int unseal(const struct seal_key *key, uint64_t number, json_t *doc, json_t **ret_doc,
           struct err *reterr)
{
    size_t nnonce = 0, ntag = 0, len = 0;
    if (!seal_is(doc)) {
        *ret_doc = json_incref(doc);
        return 0;
    }
    if (!key)
        return err_set(
            reterr, -ENOKEY,
            "the secrets are sealed: give zsand their key (--secrets-key FILE, or the "
            "credential zsan-secrets-key)");
    uint8_t *nonce = unhex(json_object_get(doc, "nonce"), &nnonce);
    uint8_t *tag = unhex(json_object_get(doc, "tag"), &ntag);
    uint8_t *data = unhex(json_object_get(doc, "data"), &len);
    int rc = -EBADMSG;
    if (json_integer_value(json_object_get(doc, "version")) == VERSION && nonce && tag &&
        data && nnonce == SEAL_NONCE_LEN && ntag == TAG_LEN && len <= INT32_MAX)
        rc = open_it(key, number, nonce, tag, data, len, ret_doc, reterr);
    else
        err_set(reterr, rc, "no sealed document of a version that is known");
    if (data)
        wipe(data, len);
    free(data);
    free(tag);
    free(nonce);
    return rc;
}

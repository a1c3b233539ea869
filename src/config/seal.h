/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A document that only the holder of a key can read or change: AES-256-GCM, with the number of its generation
 * as what is authenticated beside it, so that an old one cannot be put in a newer one's place.
 *   {"format": "zsan-sealed", "version": 1, "nonce": HEX, "tag": HEX, "data": HEX}
 * Pure.
 */
#ifndef CONFIG_SEAL_H
#define CONFIG_SEAL_H

#include "base/err.h"
#include "base/util.h"

#include <jansson.h>

#define SEAL_KEY_MIN   32 /* bytes of a key file, random ones */
#define SEAL_NONCE_LEN 12

struct seal_key {
    uint8_t bytes[32];
};
/* What the bytes of a key file stand for. -EINVAL: too few. */
int seal_key_make(const void *bytes, size_t len, struct seal_key *ret_key, struct err *reterr);

bool seal_is(const json_t *doc);
/* A new reference in *ret_sealed. The nonce is random and never used twice with a key. -ENOMEM. */
int seal(const struct seal_key *key, const uint8_t nonce[SEAL_NONCE_LEN], uint64_t number,
         const json_t *doc, json_t **ret_sealed);
/* A new reference to what was sealed, or to doc itself when it isn't. key NULL: there is none. -ENOKEY: one is needed;
 * -EKEYREJECTED: another one, or not what was sealed; -EBADMSG: no sealed document at all. */
int unseal(const struct seal_key *key, uint64_t number, json_t *doc, json_t **ret_doc,
           struct err *reterr);

#endif

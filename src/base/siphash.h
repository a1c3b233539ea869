/* SPDX-License-Identifier: BSD-2-Clause */
/* SipHash-2-4 (Aumasson, Bernstein 2012): a keyed 64-bit hash. With a secret random key equal
 * hashes tell of equal inputs without their bytes being compared; with a fixed key it is a
 * checksum against accidents. */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include "base/util.h"

struct siphash_key {
    uint8_t b[16];
};
uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t len);

#endif

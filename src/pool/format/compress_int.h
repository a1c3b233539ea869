/* SPDX-License-Identifier: BSD-2-Clause */
/* Decoders of our own, of formats that nobody else has. Each fills exactly dlen bytes; -EBADMSG:
 * the bytes are no such stream. They look at no byte past the one that completes the output. */
#ifndef POOL_FORMAT_COMPRESS_INT_H
#define POOL_FORMAT_COMPRESS_INT_H

#include "base/util.h"

int lzjb_decode(const uint8_t *src, size_t slen, uint8_t *dst, size_t dlen);
int zle_decode(const uint8_t *src, size_t slen, uint8_t *dst, size_t dlen);

#endif

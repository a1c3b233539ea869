/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers, sizes, hex and bounded strings, all strict: the whole string or nothing. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/util.h"

/* 2 * len lower-case digits and a NUL. */
void hex_encode(const uint8_t *p, size_t len, char *ret_str);
/* nchars must be even; writes nchars / 2 bytes. False on any other character. */
bool hex_decode(const char *s, size_t nchars, uint8_t *ret_bytes);

/* Decimal digits only, no sign, no space, no overflow. */
bool text_to_u64(const char *s, uint64_t *ret_value);
/* A size in bytes: digits with an optional suffix K M G T P E (powers of 1024; "KiB", "kb"
 * too). */
bool text_to_size(const char *s, uint64_t *ret_bytes);
/* "1.5G", "512B", as zfs prints them. */
void text_from_size(uint64_t bytes, char *ret_str, size_t cap);

/* Copies with a NUL; false when it did not fit whole (then ret_str is empty). */
bool text_copy(char *ret_str, size_t cap, const char *s);

#endif

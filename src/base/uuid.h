/* SPDX-License-Identifier: BSD-2-Clause */
/* UUIDs (RFC 9562) from bytes that the caller drew. */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include "base/util.h"

struct uuid {
    uint8_t b[16];
};
#define UUID_STR_LEN 36 /* without the NUL */

/* Version 4 from 16 random bytes. */
struct uuid uuid_v4(const uint8_t random[16]);
void uuid_format(const struct uuid *u, char ret_str[UUID_STR_LEN + 1]);
bool uuid_parse(const char *s, struct uuid *ret_uuid);

#endif

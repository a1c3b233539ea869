/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/uuid.h"

#include "base/text.h"

#include <string.h>

struct uuid uuid_v4(const uint8_t random[16])
{
    struct uuid u;
    memcpy(u.b, random, sizeof(u.b));
    u.b[6] = (uint8_t)((u.b[6] & 0x0f) | 0x40);
    u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
    return u;
}

static bool dash_before(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void uuid_format(const struct uuid *u, char ret_str[UUID_STR_LEN + 1])
{
    char *p = ret_str;
    for (size_t i = 0; i < sizeof(u->b); i++) {
        if (dash_before(i))
            *p++ = '-';
        hex_encode(&u->b[i], 1, p);
        p += 2;
    }
    *p = '\0';
}

bool uuid_parse(const char *s, struct uuid *ret_uuid)
{
    struct uuid u;
    if (strlen(s) != UUID_STR_LEN)
        return false;
    for (size_t i = 0; i < sizeof(u.b); i++) {
        if (dash_before(i) && *s++ != '-')
            return false;
        if (!hex_decode(s, 2, &u.b[i]))
            return false;
        s += 2;
    }
    *ret_uuid = u;
    return true;
}

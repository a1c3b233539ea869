/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void hex_encode(const uint8_t *p, size_t len, char *ret_str)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        *ret_str++ = digits[p[i] >> 4];
        *ret_str++ = digits[p[i] & 15];
    }
    *ret_str = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_decode(const char *s, size_t nchars, uint8_t *ret_bytes)
{
    if (nchars % 2 != 0)
        return false;
    for (size_t i = 0; i < nchars; i += 2) {
        int hi = hex_digit(s[i]);
        int lo = hi < 0 ? -1 : hex_digit(s[i + 1]);
        if (lo < 0)
            return false;
        ret_bytes[i / 2] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

/* Reads digits; *s is left at the first other character. False: no digit, or overflow. */
static bool digits(const char **s, uint64_t *ret_value)
{
    const char *p = *s;
    uint64_t v = 0;
    for (; *p >= '0' && *p <= '9'; p++)
        if (ckd_mul_u64(&v, v, 10) || ckd_add_u64(&v, v, (uint64_t)(*p - '0')))
            return false;
    if (p == *s)
        return false;
    *s = p;
    *ret_value = v;
    return true;
}

bool text_to_u64(const char *s, uint64_t *ret_value)
{
    uint64_t v;
    if (!digits(&s, &v) || *s != '\0')
        return false;
    *ret_value = v;
    return true;
}

bool text_to_size(const char *s, uint64_t *ret_bytes)
{
    static const char units[] = "BKMGTPE";
    uint64_t v;
    if (!digits(&s, &v))
        return false;
    if (*s != '\0') {
        const char *u = strchr(units, *s & ~0x20);
        if (!u)
            return false;
        if (ckd_mul_u64(&v, v, (uint64_t)1 << (10 * (u - units))))
            return false;
        s++;
        if (u != units && *s != '\0' && strcasecmp(s, "B") != 0 && strcasecmp(s, "iB") != 0)
            return false;
        if (u == units && *s != '\0')
            return false;
    }
    *ret_bytes = v;
    return true;
}

void text_from_size(uint64_t bytes, char *ret_str, size_t cap)
{
    static const char units[] = " KMGTPE";
    unsigned u = 0;
    while (u < 6 && bytes >> (10 * (u + 1)) != 0)
        u++;
    uint64_t unit = (uint64_t)1 << (10 * u);
    double value = (double)bytes / (double)unit;
    if (u == 0)
        snprintf(ret_str, cap, "%lluB", (unsigned long long)bytes);
    else if (bytes % unit == 0)
        snprintf(ret_str, cap, "%llu%c", (unsigned long long)(bytes / unit), units[u]);
    else
        snprintf(ret_str, cap, "%.*f%c", value < 10 ? 2 : value < 100 ? 1 : 0, value, units[u]);
}

bool text_copy(char *ret_str, size_t cap, const char *s)
{
    size_t len = strlen(s);
    if (len >= cap) {
        if (cap > 0)
            ret_str[0] = '\0';
        return false;
    }
    memcpy(ret_str, s, len + 1);
    return true;
}

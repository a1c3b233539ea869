/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text is the one part of iSCSI that has a grammar, and the part where every peer had its
 * holes: so each reader here takes the whole string or nothing, knows its bounds before it
 * writes, and compares whole tokens. Nothing is guessed: "55" is not 5, an odd number of
 * hexadecimal digits is no bytes.
 */
#include "iscsi/text.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* 6.1: a key label; '#' for the X# extensions. */
static bool key_ok(const char *key, size_t len)
{
    if (len == 0 || len > TEXT_KEY_MAX || !is_letter(key[0]))
        return false;
    for (size_t i = 1; i < len; i++)
        if (!is_letter(key[i]) && !is_digit(key[i]) && !strchr(".+-@_#", key[i]))
            return false;
    return true;
}

static bool value_ok(const char *value)
{
    for (; *value != '\0'; value++)
        if ((unsigned char)*value < 0x20 || *value == 0x7f)
            return false;
    return true;
}

enum text_got text_next(char **p, char *end, const char **ret_key, const char **ret_value)
{
    char *at = *p;
    while (at < end && *at == '\0')
        at++;
    *p = at;
    if (at == end)
        return TEXT_END;
    char *nul = memchr(at, '\0', (size_t)(end - at));
    char *eq = nul ? memchr(at, '=', (size_t)(nul - at)) : NULL;
    if (!eq || !key_ok(at, (size_t)(eq - at)) || !value_ok(eq + 1))
        return TEXT_BAD;
    *eq = '\0';
    *ret_key = at;
    *ret_value = eq + 1;
    *p = nul + 1;
    return TEXT_PAIR;
}

/* The value of a digit in bases up to 16, or 16. */
static uint32_t digit_value(char c)
{
    if (is_digit(c))
        return (uint32_t)(c - '0');
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10 : 16;
}

static bool has_prefix(const char *s, char letter)
{
    return s[0] == '0' && (s[1] | 0x20) == letter;
}

bool text_number(const char *s, uint32_t *ret_value)
{
    uint32_t base = 10;
    if (has_prefix(s, 'x')) {
        base = 16;
        s += 2;
    }
    if (*s == '\0')
        return false;
    uint64_t v = 0;
    for (; *s != '\0'; s++) {
        uint32_t d = digit_value(*s);
        if (d >= base)
            return false;
        v = v * base + d;
        if (v > UINT32_MAX)
            return false;
    }
    *ret_value = (uint32_t)v;
    return true;
}

bool text_bool(const char *s, uint32_t *ret_value)
{
    bool yes = strcmp(s, "Yes") == 0;
    if (!yes && strcmp(s, "No") != 0)
        return false;
    *ret_value = yes;
    return true;
}

bool text_token(const char **p, char *ret_token, size_t cap)
{
    const char *at = *p;
    size_t len = strcspn(at, ",");
    if (len == 0 || len >= cap)
        return false;
    if (at[len] == ',' && at[len + 1] == '\0')
        return false;
    memcpy(ret_token, at, len);
    ret_token[len] = '\0';
    *p = at + len + (at[len] == ',');
    return true;
}

static bool from_hex(const char *s, uint8_t *ret_bytes, size_t cap, size_t *ret_len)
{
    size_t digits = strlen(s);
    if (digits == 0 || digits % 2 != 0 || digits / 2 > cap)
        return false;
    for (size_t i = 0; i < digits; i += 2) {
        uint32_t hi = digit_value(s[i]), lo = digit_value(s[i + 1]);
        if (hi > 15 || lo > 15)
            return false;
        ret_bytes[i / 2] = (uint8_t)(hi << 4 | lo);
    }
    *ret_len = digits / 2;
    return true;
}

/* RFC 4648 4: the value of a base64 character, or 64. */
static uint32_t base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a') + 26;
    if (is_digit(c))
        return (uint32_t)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

static bool from_base64(const char *s, uint8_t *ret_bytes, size_t cap, size_t *ret_len)
{
    size_t chars = strlen(s);
    if (chars == 0 || chars % 4 != 0)
        return false;
    size_t fill = s[chars - 1] != '=' ? 0 : s[chars - 2] != '=' ? 1 : 2;
    size_t len = chars / 4 * 3 - fill;
    if (len > cap)
        return false;
    uint32_t bits = 0;
    for (size_t i = 0, out = 0; i < chars; i++) {
        uint32_t v = i >= chars - fill ? 0 : base64_value(s[i]);
        if (v > 63)
            return false;
        bits = bits << 6 | v;
        if (i % 4 == 3)
            for (int shift = 16; shift >= 0 && out < len; shift -= 8)
                ret_bytes[out++] = (uint8_t)(bits >> shift);
    }
    *ret_len = len;
    return true;
}

bool text_binary(const char *s, uint8_t *ret_bytes, size_t cap, size_t *ret_len)
{
    if (has_prefix(s, 'x'))
        return from_hex(s + 2, ret_bytes, cap, ret_len);
    if (has_prefix(s, 'b'))
        return from_base64(s + 2, ret_bytes, cap, ret_len);
    return false;
}

void text_put(struct wbuf *w, const char *key, const char *value)
{
    wb_str(w, key);
    wb_u8(w, '=');
    wb_str(w, value);
    wb_u8(w, 0);
}

void text_from_number(uint32_t v, char ret_str[TEXT_NUMBER_CAP])
{
    char digits[TEXT_NUMBER_CAP];
    size_t n = 0;
    do
        digits[n++] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    for (size_t i = 0; i < n; i++)
        ret_str[i] = digits[n - 1 - i];
    ret_str[n] = '\0';
}

void text_put_number(struct wbuf *w, const char *key, uint32_t value)
{
    char digits[TEXT_NUMBER_CAP];
    text_from_number(value, digits);
    text_put(w, key, digits);
}

void text_put_binary(struct wbuf *w, const char *key, const uint8_t *p, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    wb_str(w, key);
    wb_str(w, "=0x");
    for (size_t i = 0; i < len; i++) {
        wb_u8(w, (uint8_t)digits[p[i] >> 4]);
        wb_u8(w, (uint8_t)digits[p[i] & 15]);
    }
    wb_u8(w, 0);
}

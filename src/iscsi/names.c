/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A name is what grants, secrets and reservations hang on, so there must be one spelling of
 * it: RFC 3722 folds it to lower case and leaves letters, digits, '.', '-' and ':'. Names
 * outside ASCII would need Unicode tables; no initiator sends them and they are refused.
 */
#include "iscsi/names.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

/* 4.2.7.2: yyyy-mm.domain, then perhaps ':' and anything. */
static bool iqn_ok(const char *s)
{
    static const char form[] = "dddd-dd.";
    for (size_t i = 0; form[i] != '\0'; i++)
        if (form[i] == 'd' ? !is_digit(s[i]) : s[i] != form[i])
            return false;
    unsigned month = (unsigned)(s[5] - '0') * 10 + (unsigned)(s[6] - '0');
    if (month < 1 || month > 12)
        return false;
    const char *domain = s + sizeof(form) - 1;
    return is_lower(domain[0]) || is_digit(domain[0]);
}

static bool hex_ok(const char *s, size_t digits)
{
    if (strlen(s) != digits)
        return false;
    for (; *s != '\0'; s++)
        if (!is_digit(*s) && !(*s >= 'a' && *s <= 'f'))
            return false;
    return true;
}

static bool form_ok(const char *s)
{
    if (strncmp(s, "iqn.", 4) == 0)
        return iqn_ok(s + 4);
    if (strncmp(s, "eui.", 4) == 0)
        return hex_ok(s + 4, 16);
    if (strncmp(s, "naa.", 4) == 0)
        return hex_ok(s + 4, 16) || hex_ok(s + 4, 32);
    return false;
}

bool iscsi_name_normalise(const char *s, char ret_name[ISCSI_NAME_MAX + 1])
{
    char name[ISCSI_NAME_MAX + 1];
    size_t len = 0;
    for (; s[len] != '\0'; len++) {
        char c = s[len];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c | 0x20);
        if (len == ISCSI_NAME_MAX || (!is_lower(c) && !is_digit(c) && !strchr(".-:", c)))
            return false;
        name[len] = c;
    }
    name[len] = '\0';
    if (!form_ok(name))
        return false;
    memcpy(ret_name, name, len + 1);
    return true;
}

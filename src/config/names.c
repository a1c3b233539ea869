/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names. Object names are ours, so they are narrow: what fits a file name, a command line and a
 * log line unquoted. iSCSI names come from initiators and are compared byte by byte after
 * normalising, hence strict: a name that two parties could spell differently is refused at
 * entry (RFC 7143 4.2.7, RFC 3722).
 */
#include "config/names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}
static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f');
}
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool iscsi_name_like(const char *name)
{
    return strncasecmp(name, "iqn.", 4) == 0 || strncasecmp(name, "eui.", 4) == 0 ||
           strncasecmp(name, "naa.", 4) == 0;
}

static bool plain_name(const char *name, size_t len)
{
    bool good = len > 0 && len <= NAME_MAX_LEN && !iscsi_name_like(name);
    for (size_t i = 0; good && i < len; i++) {
        char c = lower(name[i]);
        good = is_lower(c) || is_digit(c) || c == '_' || (i > 0 && (c == '.' || c == '-'));
    }
    return good;
}

int volume_name_check(const char *name, struct err *reterr)
{
    const char *slash = strchr(name, '/');
    bool good = strlen(name) < CFG_NAME_LEN;
    if (!slash)
        return name_check("volume", name, reterr);
    for (const char *part = name; good && slash; part = slash + 1, slash = strchr(part, '/'))
        good = plain_name(part, (size_t)(slash - part));
    if (good && plain_name(strrchr(name, '/') + 1, strlen(strrchr(name, '/') + 1)))
        return 0;
    return err_set(
        reterr, -EINVAL,
        "volume \"%.80s\": each part of its name is letters, digits, dots, dashes and "
        "underscores; call it otherwise and give --dataset",
        name);
}

int name_check(const char *kind, const char *name, struct err *reterr)
{
    if (plain_name(name, strlen(name)))
        return 0;
    return err_set(
        reterr, -EINVAL,
        "%s \"%.40s\": a name is 1 to %d letters, digits, dots, dashes and underscores, "
        "begins with a letter or digit, and does not look like an iSCSI name",
        kind, name, NAME_MAX_LEN);
}

static bool all_hex(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_hex(s[i]))
            return false;
    return true;
}

/* YYYY-MM. */
static bool date_ok(const char *s)
{
    for (int i = 0; i < 7; i++)
        if (i == 4 ? s[i] != '-' : !is_digit(s[i]))
            return false;
    int month = (s[5] - '0') * 10 + (s[6] - '0');
    return month >= 1 && month <= 12 && s[7] == '.';
}

/* The reversed domain name up to the end or a colon: labels of letters, digits and dashes. */
static bool domain_ok(const char *s)
{
    size_t label = 0;
    for (; *s != '\0' && *s != ':'; s++) {
        if (*s == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if (is_lower(*s) || is_digit(*s) || *s == '-') {
            label++;
        } else {
            return false;
        }
    }
    return label > 0;
}

static bool iqn_ok(const char *name)
{
    if (!date_ok(name + 4) || !domain_ok(name + 12))
        return false;
    for (const char *s = name; *s; s++)
        if (!is_lower(*s) && !is_digit(*s) && !strchr("-.:", *s))
            return false;
    return name[strlen(name) - 1] != ':';
}

static bool iscsi_name_ok(const char *name)
{
    size_t len = strlen(name);
    if (strncmp(name, "iqn.", 4) == 0)
        return len > 12 && iqn_ok(name);
    if (strncmp(name, "eui.", 4) == 0)
        return len == 20 && all_hex(name + 4, 16);
    if (strncmp(name, "naa.", 4) == 0)
        return (len == 20 || len == 36) && all_hex(name + 4, len - 4);
    return false;
}

int cfg_iscsi_name_normalise(const char *name, char ret_name[CFG_NAME_LEN], struct err *reterr)
{
    char norm[CFG_NAME_LEN];
    size_t len = strlen(name);
    if (len >= sizeof(norm))
        return err_set(reterr, -ENAMETOOLONG,
                       "\"%.40s...\" is longer than an iSCSI name may be (%d bytes)", name,
                       CFG_NAME_LEN - 1);
    for (size_t i = 0; i <= len; i++)
        norm[i] = lower(name[i]);
    if (!iscsi_name_ok(norm))
        return err_set(
            reterr, -EINVAL,
            "\"%.120s\" is no iSCSI name: give iqn.YYYY-MM.DOMAIN:TEXT (letters, digits, "
            "dots, dashes, colons), eui. or naa.",
            name);
    memcpy(ret_name, norm, len + 1);
    return 0;
}

int iqn_prefix_check(const char *prefix, struct err *reterr)
{
    char norm[CFG_NAME_LEN];
    if (strncmp(prefix, "iqn.", 4) == 0 && !strchr(prefix, ':') && strlen(prefix) <= 100 &&
        cfg_iscsi_name_normalise(prefix, norm, NULL) == 0 && strcmp(norm, prefix) == 0)
        return 0;
    return err_set(
        reterr, -EINVAL,
        "iqn_prefix \"%.60s\" must be iqn.YYYY-MM.DOMAIN in lower case: a domain you owned in "
        "that month, reversed",
        prefix);
}

int iqn_make(const char *prefix, const char *host, const char *name,
             char ret_name[CFG_NAME_LEN])
{
    char made[CFG_NAME_LEN];
    int n = snprintf(made, sizeof(made), "%s:%s.%s", prefix, host, name);
    if (n < 0 || (size_t)n >= sizeof(made))
        return -ENAMETOOLONG;
    for (char *c = made + strlen(prefix) + 1; *c; c++) {
        *c = lower(*c);
        if (!is_lower(*c) && !is_digit(*c) && *c != '.')
            *c = '-';
    }
    return cfg_iscsi_name_normalise(made, ret_name, NULL);
}

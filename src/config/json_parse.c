/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON from outside. jansson's parser recurses once per level of nesting (up to 2048), more
 * than a fiber's stack holds; so depth is counted first, without recursion. Pure.
 */
#include "config/json_parse.h"

#include <errno.h>

/* The deepest nesting of brackets outside strings. */
static unsigned depth_of(const char *text, size_t len)
{
    unsigned depth = 0, deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '['))
            depth++;
        else if (!in_string && (c == '}' || c == ']') && depth > 0)
            depth--;
        deepest = MAX(deepest, depth);
    }
    return deepest;
}

int json_parse(const char *text, size_t len, unsigned depth_max, json_t **ret_json,
               struct err *reterr)
{
    if (len > CONFIG_TEXT_MAX)
        return err_set(reterr, -EFBIG, "JSON text of %zu bytes is over the limit of %u", len,
                       CONFIG_TEXT_MAX);
    if (depth_of(text, len) > depth_max)
        return err_set(reterr, -E2BIG, "JSON nested deeper than %u levels", depth_max);
    json_error_t e;
    json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!j)
        return err_set(reterr, -EINVAL, "line %d, column %d: %.120s", e.line, e.column, e.text);
    *ret_json = j;
    return 0;
}

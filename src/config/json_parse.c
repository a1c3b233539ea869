/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON from outside. jansson's parser recurses once per level of nesting (up to 2048), more
 * than a fiber's stack holds; so depth is counted first, without recursion, and the values with
 * it, for a byte of text can become a hundred of memory. Pure.
 */
#include "config/json_parse.h"

#include <errno.h>

struct survey {
    unsigned depth, deepest;
    size_t values;
};

static void survey_char(struct survey *v, char c)
{
    v->depth += c == '{' || c == '[';
    v->depth -= (c == '}' || c == ']') && v->depth > 0;
    v->values += c == '{' || c == '[' || c == ',';
    v->deepest = MAX(v->deepest, v->depth);
}

/* The deepest nesting of brackets outside strings, and how many values there can be. */
static struct survey survey(const char *text, size_t len)
{
    struct survey v = {.values = 1};
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        if (in_string && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            in_string = !in_string;
        else if (!in_string)
            survey_char(&v, text[i]);
    }
    return v;
}

int json_parse(const char *text, size_t len, unsigned depth_max, json_t **ret_json,
               struct err *reterr)
{
    if (len > CONFIG_TEXT_MAX)
        return err_set(reterr, -EFBIG, "JSON text of %zu bytes is over the limit of %u", len,
                       CONFIG_TEXT_MAX);
    const struct survey v = survey(text, len);
    if (v.values > JSON_VALUES_MAX)
        return err_set(reterr, -E2BIG, "JSON of more than %u values", JSON_VALUES_MAX);
    if (v.deepest > depth_max)
        return err_set(reterr, -E2BIG, "JSON nested deeper than %u levels", depth_max);
    json_error_t e;
    json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!j)
        return err_set(reterr, -EINVAL, "line %d, column %d: %.120s", e.line, e.column, e.text);
    *ret_json = j;
    return 0;
}

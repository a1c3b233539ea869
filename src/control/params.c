/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parameters to structs, by tables. Strict: every member of the object is named by a row, has
 * its type and lies in its range, and no required one is missing; so a method only meets values
 * that it was written for. An error names the parameter.
 */
#include "control/rpc.h"

#include "base/buf.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int refuse(struct rpc_error *e, const char *field, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
static int refuse(struct rpc_error *e, const char *field, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->err.msg, sizeof(e->err.msg), fmt, ap);
    va_end(ap);
    snprintf(e->field, sizeof(e->field), "%s", field);
    e->code = RPC_PARAMS;
    return RPC_PARAMS;
}

static int decode_text(const struct param *p, const json_t *v, const char **ret_text,
                       struct rpc_error *e)
{
    if (!json_is_string(v))
        return refuse(e, p->name, "\"%s\" must be a text", p->name);
    if (json_string_length(v) > p->max)
        return refuse(e, p->name, "\"%s\" has more than %llu bytes", p->name,
                      (unsigned long long)p->max);
    *ret_text = json_string_value(v);
    return 0;
}

static int decode_uint(const struct param *p, const json_t *v, uint64_t *ret_value,
                       struct rpc_error *e)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return refuse(e, p->name, "\"%s\" must be a whole number that is not negative",
                      p->name);
    uint64_t n = (uint64_t)json_integer_value(v);
    if (n < p->min || n > p->max)
        return refuse(e, p->name, "\"%s\" must be from %llu to %llu", p->name,
                      (unsigned long long)p->min, (unsigned long long)p->max);
    *ret_value = n;
    return 0;
}

static int decode_enum(const struct param *p, const json_t *v, int *ret_value,
                       struct rpc_error *e)
{
    char all[160];
    struct wbuf w = wbuf_make(all, sizeof(all) - 1);
    for (const struct param_name *n = p->names; n->text; n++) {
        if (json_is_string(v) && strcmp(json_string_value(v), n->text) == 0) {
            *ret_value = n->value;
            return 0;
        }
        wb_str(&w, n == p->names ? "" : ", ");
        wb_str(&w, n->text);
    }
    all[wb_stored(&w)] = '\0';
    return refuse(e, p->name, "\"%s\" must be one of: %s", p->name, all);
}

static int decode_tags(const struct param *p, const json_t *v, struct api_tags *t,
                       struct rpc_error *e)
{
    if (!json_is_array(v) || json_array_size(v) > RPC_LIST_MAX || json_array_size(v) == 0)
        return refuse(e, p->name, "\"%s\" must be a list of one to %d tags", p->name,
                      RPC_LIST_MAX);
    t->given = true;
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *tag = json_array_get(v, i);
        json_int_t n = json_integer_value(tag);
        if (!json_is_integer(tag) || n < 1 || n > UINT16_MAX)
            return refuse(e, p->name, "\"%s\" lists tags: numbers from 1 to 65535", p->name);
        t->tag[t->n++] = (uint16_t)n;
    }
    return 0;
}

static int decode_names(const struct param *p, const json_t *v, struct api_names *names,
                        struct rpc_error *e)
{
    int rc = 0;
    if (!json_is_array(v) || json_array_size(v) > RPC_LIST_MAX)
        return refuse(e, p->name, "\"%s\" must be a list of at most %d texts", p->name,
                      RPC_LIST_MAX);
    names->given = true;
    for (size_t i = 0; rc == 0 && i < json_array_size(v); i++)
        rc = decode_text(p, json_array_get(v, i), &names->name[names->n++], e);
    return rc;
}

static int decode_one(const struct param *p, const json_t *v, char *args, struct rpc_error *e)
{
    void *at = args + p->off;
    switch (p->type) {
    case P_TEXT:
        return decode_text(p, v, at, e);
    case P_UINT:
        return decode_uint(p, v, at, e);
    case P_ENUM:
        return decode_enum(p, v, at, e);
    case P_TAGS:
        return decode_tags(p, v, at, e);
    case P_NAMES:
        return decode_names(p, v, at, e);
    case P_BOOL:
        if (!json_is_boolean(v))
            return refuse(e, p->name, "\"%s\" must be true or false", p->name);
        *(bool *)at = json_is_true(v);
        return 0;
    case P_JSON:
        if (!json_is_object(v))
            return refuse(e, p->name, "\"%s\" must be an object", p->name);
        *(const json_t **)at = v;
        return 0;
    }
    return 0;
}

/* Looks for a member that no row names. */
static int check_known(const json_t *obj, const struct param *p, size_t n, struct rpc_error *e)
{
    for (void *it = json_object_iter((json_t *)(uintptr_t)obj); it;
         it = json_object_iter_next((json_t *)(uintptr_t)obj, it)) {
        const char *key = json_object_iter_key(it);
        size_t i = 0;
        while (i < n && strcmp(p[i].name, key) != 0)
            i++;
        if (i == n)
            return refuse(e, key, "there is no parameter \"%.60s\" here", key);
    }
    return 0;
}

int params_decode(const json_t *obj, const struct param *p, size_t n, void *args,
                  struct rpc_error *reterr)
{
    int rc = check_known(obj, p, n, reterr);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const json_t *v = json_object_get(obj, p[i].name);
        if (!v && p[i].required)
            return refuse(reterr, p[i].name, "\"%s\" is missing", p[i].name);
        if (!v)
            continue;
        rc = decode_one(&p[i], v, args, reterr);
        if (p[i].has)
            *(bool *)((char *)args + p[i].has_off) = true;
    }
    return rc;
}

/* What one parameter adds to the subject; NULL: nothing. */
static const char *subject_of(const struct param *p, const void *at, char number[24])
{
    if (p->type == P_BOOL)
        return *(const bool *)at ? p->name : NULL;
    if (!p->pos)
        return NULL;
    if (p->type == P_TEXT)
        return *(const char *const *)at;
    if (p->type != P_UINT)
        return NULL;
    snprintf(number, 24, "%llu", (unsigned long long)*(const uint64_t *)at);
    return number;
}

void params_subject(const struct param *p, size_t n, const void *args, char *ret_text,
                    size_t cap)
{
    struct wbuf w = wbuf_make(ret_text, cap - 1);
    for (size_t i = 0; i < n; i++) {
        char number[24];
        const char *text = subject_of(&p[i], (const char *)args + p[i].off, number);
        if (!text)
            continue;
        wb_str(&w, w.len > 0 ? " " : "");
        wb_str(&w, text);
    }
    ret_text[wb_stored(&w)] = '\0';
}

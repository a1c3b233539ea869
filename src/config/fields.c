/* SPDX-License-Identifier: BSD-2-Clause */
/* The table-driven reader and writer of JSON objects. Pure but for the memory that jansson
 * takes. */
#include "config/fields.h"

#include "base/text.h"
#include "base/uuid.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct field *field_find(const struct field *f, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(f[i].name, name) == 0)
            return &f[i];
    return NULL;
}

static void list_fields(const struct field *f, size_t n, char *ret_text, size_t cap)
{
    size_t len = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < n && len < cap; i++)
        len += (size_t)snprintf(ret_text + len, cap - len, "%s%s", i ? ", " : "", f[i].name);
}

static int unknown_member(const struct field *f, size_t n, const char *name, const char *what,
                          struct err *reterr)
{
    char known[140];
    list_fields(f, n, known, sizeof(known));
    return err_set(reterr, -EINVAL, "%s: there is no \"%.40s\"; known: %s", what, name, known);
}

static int wrong_type(const struct field *f, const char *what, const char *want,
                      struct err *reterr)
{
    return err_set(reterr, -EINVAL, "%s: \"%s\" must be %s", what, f->name, want);
}

static int read_str(const json_t *j, const struct field *f, char *ret_str, const char *what,
                    struct err *reterr)
{
    if (!json_is_string(j))
        return wrong_type(f, what, "a string", reterr);
    if (json_string_length(j) >= f->cap)
        return err_set(reterr, -EINVAL, "%s: \"%s\" is longer than %zu bytes", what, f->name,
                       f->cap - 1);
    memcpy(ret_str, json_string_value(j), json_string_length(j) + 1);
    return 0;
}

static uint64_t type_max(enum field_type t)
{
    return t == F_U16 ? UINT16_MAX : t == F_U32 ? UINT32_MAX : INT64_MAX;
}

static int read_number(const json_t *j, const struct field *f, void *ret_value,
                       const char *what, struct err *reterr)
{
    uint64_t max = f->max ? f->max : type_max(f->type);
    json_int_t v = json_integer_value(j);
    if (!json_is_integer(j))
        return wrong_type(f, what, "a whole number", reterr);
    if (v < 0 || (uint64_t)v < f->min || (uint64_t)v > max)
        return err_set(reterr, -EINVAL, "%s: \"%s\" is %lld but must be from %llu to %llu",
                       what, f->name, (long long)v, (unsigned long long)f->min,
                       (unsigned long long)max);
    if (f->type == F_U16)
        *(uint16_t *)ret_value = (uint16_t)v;
    else if (f->type == F_U32)
        *(uint32_t *)ret_value = (uint32_t)v;
    else
        *(uint64_t *)ret_value = (uint64_t)v;
    return 0;
}

static int read_enum(const json_t *j, const struct field *f, int *ret_value, const char *what,
                     struct err *reterr)
{
    const char *text = json_string_value(j);
    char known[120] = "one of";
    for (int i = 0; f->names[i]; i++) {
        if (text && strcmp(text, f->names[i]) == 0) {
            *ret_value = i;
            return 0;
        }
        size_t len = strlen(known);
        snprintf(known + len, sizeof(known) - len, " %s", f->names[i]);
    }
    return wrong_type(f, what, known, reterr);
}

static int read_field(const json_t *j, const struct field *f, char *base, const char *what,
                      struct err *reterr)
{
    if (f->type == F_NESTED)
        return 0;
    void *at = base + f->off;
    switch (f->type) {
    case F_NESTED:
        break;
    case F_STR:
        return read_str(j, f, at, what, reterr);
    case F_BOOL:
        if (!json_is_boolean(j))
            return wrong_type(f, what, "true or false", reterr);
        *(bool *)at = json_is_true(j);
        return 0;
    case F_U16:
    case F_U32:
    case F_U64:
        return read_number(j, f, at, what, reterr);
    case F_UUID:
        if (!json_is_string(j) || !uuid_parse(json_string_value(j), at))
            return wrong_type(f, what, "a UUID", reterr);
        return 0;
    case F_ENUM:
        return read_enum(j, f, at, what, reterr);
    }
    return 0;
}

int fields_read(const json_t *obj, const struct field *f, size_t n, void *base,
                const char *what, struct err *reterr)
{
    if (!json_is_object(obj))
        return err_set(reterr, -EINVAL, "%s must be a JSON object {...}", what);
    const char *key;
    const json_t *value;
    field_each(obj, key, value)
    {
        const struct field *row = field_find(f, n, key);
        if (!row)
            return unknown_member(f, n, key, what, reterr);
        int rc = read_field(value, row, base, what, reterr);
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < n; i++)
        if (f[i].required && !json_object_get(obj, f[i].name))
            return err_set(reterr, -EINVAL, "%s: \"%s\" is missing", what, f[i].name);
    return 0;
}

static size_t type_size(const struct field *f)
{
    switch (f->type) {
    case F_NESTED:
        return 0;
    case F_STR:
        return f->cap;
    case F_BOOL:
        return sizeof(bool);
    case F_U16:
        return sizeof(uint16_t);
    case F_U32:
        return sizeof(uint32_t);
    case F_U64:
        return sizeof(uint64_t);
    case F_UUID:
        return sizeof(struct uuid);
    case F_ENUM:
        return sizeof(int);
    }
    return 0;
}

static json_t *make_value(const struct field *f, const void *at)
{
    char text[UUID_STR_LEN + 1];
    switch (f->type) {
    case F_NESTED:
        return NULL;
    case F_STR:
        return json_string(at);
    case F_BOOL:
        return json_boolean(*(const bool *)at);
    case F_U16:
        return json_integer(*(const uint16_t *)at);
    case F_U32:
        return json_integer(*(const uint32_t *)at);
    case F_U64:
        return json_integer((json_int_t) * (const uint64_t *)at);
    case F_UUID:
        uuid_format(at, text);
        return json_string(text);
    case F_ENUM:
        return json_string(f->names[*(const int *)at]);
    }
    return NULL;
}

static bool is_default(const struct field *f, const char *base, const char *defaults)
{
    if (!defaults)
        return false;
    if (f->type == F_STR)
        return strcmp(base + f->off, defaults + f->off) == 0;
    return memcmp(base + f->off, defaults + f->off, type_size(f)) == 0;
}

int fields_write(json_t *obj, const struct field *f, size_t n, const void *base,
                 const void *defaults)
{
    for (size_t i = 0; i < n; i++) {
        if (f[i].type == F_NESTED)
            continue;
        if (!f[i].always && is_default(&f[i], base, defaults)) {
            json_object_del(obj, f[i].name);
            continue;
        }
        if (json_object_set_new(obj, f[i].name,
                                make_value(&f[i], (const char *)base + f[i].off)) != 0)
            return -ENOMEM;
    }
    return 0;
}

static int field_nested(const json_t *obj, const char *name, const char *what, json_type type,
                        const json_t **ret_json, struct err *reterr)
{
    const json_t *j = json_object_get(obj, name);
    if (j && json_typeof(j) != type)
        return err_set(reterr, -EINVAL, "%s: \"%s\" must be %s", what, name,
                       type == JSON_OBJECT ? "an object {...}" : "a list [...]");
    *ret_json = j;
    return 0;
}

int field_object(const json_t *obj, const char *name, const char *what, const json_t **ret_json,
                 struct err *reterr)
{
    return field_nested(obj, name, what, JSON_OBJECT, ret_json, reterr);
}

int field_array(const json_t *obj, const char *name, const char *what, const json_t **ret_json,
                struct err *reterr)
{
    return field_nested(obj, name, what, JSON_ARRAY, ret_json, reterr);
}

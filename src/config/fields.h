/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON objects to C structs and back, by tables: one row per member of the object. The row is
 * the only place that knows the member's name, type and limits, so reading, writing and what an
 * error says cannot drift apart. Strict: a member that no row names is an error.
 */
#ifndef CONFIG_FIELDS_H
#define CONFIG_FIELDS_H

#include "base/err.h"

#include <jansson.h>
#include <stdint.h>

enum field_type {
    F_NESTED, /* read by code of its own; fields_read() only knows that it may be there */
    F_STR,    /* char[cap] */
    F_BOOL,   /* bool */
    F_U16,    /* unsigned numbers within [min, max] */
    F_U32,
    F_U64,
    F_UUID, /* struct uuid */
    F_ENUM, /* an enum's int; names[value] is its text, NULL ends the list */
};
struct field {
    const char *name;
    enum field_type type;
    size_t off;               /* in the struct */
    size_t cap;               /* F_STR: bytes with the NUL */
    uint64_t min, max;        /* F_U..: max 0: what the type holds */
    const char *const *names; /* F_ENUM */
    bool required;
    bool always; /* written even when it equals the default */
};
#define FIELD(st, member, ftype, ...)                                                          \
    {                                                                                          \
        .name = #member, .type = (ftype), .off = offsetof(st, member), __VA_ARGS__             \
    }
#define FIELD_STR(st, member, ...)                                                             \
    {                                                                                          \
        .name = #member, .type = F_STR, .off = offsetof(st, member),                           \
        .cap = sizeof(((st *)NULL)->member), __VA_ARGS__                                       \
    }

/* Sets in *base what obj holds; the rest keeps its value (the default). what names the object
 * in errors: `volume "a"`. -EINVAL. */
int fields_read(const json_t *obj, const struct field *f, size_t n, void *base,
                const char *what, struct err *reterr);
/* Sets members in obj from *base; those equal to *defaults (may be NULL) are left out unless
 * the row says always. -ENOMEM. */
int fields_write(json_t *obj, const struct field *f, size_t n, const void *base,
                 const void *defaults);

/* A member that must be an object (a list) when it is there: *ret_json is NULL when it is not.
 * -EINVAL. Borrowed. */
int field_object(const json_t *obj, const char *name, const char *what, const json_t **ret_json,
                 struct err *reterr);
int field_array(const json_t *obj, const char *name, const char *what, const json_t **ret_json,
                struct err *reterr);
/* Members of an object in order of insertion, and elements of a list; both take NULL. */
#define field_each(obj, key, value)                                                            \
    for (void *it_ = json_object_iter((json_t *)(uintptr_t)(obj));                             \
         it_ && ((key) = json_object_iter_key(it_), (value) = json_object_iter_value(it_));    \
         it_ = json_object_iter_next((json_t *)(uintptr_t)(obj), it_))

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Building results: a builder remembers that memory ran out, so that code that adds twenty
 * members checks once. Values that mean "none" are left out. Pure. */
#ifndef CONTROL_JSON_UTIL_H
#define CONTROL_JSON_UTIL_H

#include "base/err.h"

#include <jansson.h>
#include <stdint.h>

struct jb {
    bool bad; /* memory ran out; what was built so far is not whole */
};

json_t *jb_object(struct jb *b);
json_t *jb_list(struct jb *b);
/* Members. v is taken over. "" and NULL texts are left out; bytes that are not UTF-8 become
 * question marks. */
void jb_put(struct jb *b, json_t *obj, const char *key, json_t *v);
void jb_text(struct jb *b, json_t *obj, const char *key, const char *text);
void jb_uint(struct jb *b, json_t *obj, const char *key, uint64_t v);
void jb_bool(struct jb *b, json_t *obj, const char *key, bool v);
/* Elements. */
void jb_push(struct jb *b, json_t *list, json_t *v);
void jb_push_text(struct jb *b, json_t *list, const char *text);
/* Hands result over to *ret_result, or drops it: 0 or -ENOMEM. */
int jb_done(struct jb *b, json_t *result, json_t **ret_result, struct err *reterr);
/* The same with an object without members; with the list's only element, and the list is dropped (rc < 0: it wasn't
 * found, and rc is returned); with the list, dropped when rc < 0. */
int jb_done_nothing(json_t **ret_result, struct err *reterr);
int jb_done_only(struct jb *b, json_t *list, int rc, json_t **ret_result, struct err *reterr);
int jb_done_list(struct jb *b, json_t *list, int rc, json_t **ret_result, struct err *reterr);

/* A JSON text of any bytes. NULL: no memory. */
json_t *json_any_text(const char *text);

#endif

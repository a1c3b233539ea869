/* SPDX-License-Identifier: BSD-2-Clause */
/* Small things around jansson. Its texts must be UTF-8, while aliases and names come from the
 * network, so every text goes through json_any_text(). */
#include "control/json_util.h"

#include "base/util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

json_t *json_any_text(const char *text)
{
    json_t *j = json_string(text);
    if (j)
        return j;
    char *copy = strdup(text);
    for (char *p = copy; p && *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    j = copy ? json_string(copy) : NULL;
    free(copy);
    return j;
}

static json_t *keep(struct jb *b, json_t *j)
{
    b->bad |= j == NULL;
    return j;
}

json_t *jb_object(struct jb *b)
{
    return keep(b, json_object());
}

json_t *jb_list(struct jb *b)
{
    return keep(b, json_array());
}

void jb_put(struct jb *b, json_t *obj, const char *key, json_t *v)
{
    b->bad |= json_object_set_new(obj, key, v) != 0;
}

void jb_text(struct jb *b, json_t *obj, const char *key, const char *text)
{
    if (text && text[0])
        jb_put(b, obj, key, json_any_text(text));
}

void jb_uint(struct jb *b, json_t *obj, const char *key, uint64_t v)
{
    jb_put(b, obj, key, json_integer((json_int_t)MIN(v, (uint64_t)INT64_MAX)));
}

void jb_bool(struct jb *b, json_t *obj, const char *key, bool v)
{
    jb_put(b, obj, key, json_boolean(v));
}

void jb_push(struct jb *b, json_t *list, json_t *v)
{
    b->bad |= json_array_append_new(list, v) != 0;
}

void jb_push_text(struct jb *b, json_t *list, const char *text)
{
    jb_push(b, list, json_any_text(text));
}

int jb_done(struct jb *b, json_t *result, json_t **ret_result, struct err *reterr)
{
    if (b->bad) {
        json_decref(result);
        return err_set(reterr, -ENOMEM, "out of memory");
    }
    *ret_result = result;
    return 0;
}

int jb_done_nothing(json_t **ret_result, struct err *reterr)
{
    struct jb b = {false};
    return jb_done(&b, jb_object(&b), ret_result, reterr);
}

int jb_done_only(struct jb *b, json_t *list, int rc, json_t **ret_result, struct err *reterr)
{
    json_t *only = json_incref(json_array_get(list, 0));
    json_decref(list);
    return jb_done_list(b, only, rc, ret_result, reterr);
}

int jb_done_list(struct jb *b, json_t *list, int rc, json_t **ret_result, struct err *reterr)
{
    if (rc < 0) {
        json_decref(list);
        return rc;
    }
    return jb_done(b, list, ret_result, reterr);
}

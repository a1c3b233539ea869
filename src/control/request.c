/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines to requests. The order of checks is the order in which an answer can be more precise:
 * depth and syntax (no id is known yet), the envelope, the method, its parameters. Stricter
 * than JSON-RPC 2.0 where being lax hides mistakes of callers: members that the envelope does
 * not know, two members of one name, batches, requests that want no answer, are refused. Pure:
 * bytes in, a request or an error out.
 */
#include "base/util.h"
#include "config/json_parse.h"
#include "control/json_util.h"
#include "control/rpc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_TEXT_MAX 64 /* bytes */

static int refuse(struct rpc_error *e, enum rpc_code code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
static int refuse(struct rpc_error *e, enum rpc_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->err.msg, sizeof(e->err.msg), fmt, ap);
    va_end(ap);
    e->code = code;
    return code;
}

static int parse_text(const char *text, size_t len, json_t **ret_root, struct rpc_error *e)
{
    if (len > RPC_LINE_MAX)
        return refuse(e, RPC_INVALID, "a request has at most %u bytes", RPC_LINE_MAX);
    int rc = json_parse(text, len, RPC_DEPTH_MAX, ret_root, &e->err);
    if (rc < 0)
        e->code = rc == -E2BIG ? RPC_INVALID : RPC_PARSE;
    return rc < 0 ? (int)e->code : 0;
}

static int check_members(const json_t *root, struct rpc_error *e)
{
    static const char *const known[] = {"jsonrpc", "id", "method", "params"};
    for (void *it = json_object_iter((json_t *)(uintptr_t)root); it;
         it = json_object_iter_next((json_t *)(uintptr_t)root, it)) {
        const char *key = json_object_iter_key(it);
        size_t i = 0;
        while (i < ARRAY_LEN(known) && strcmp(known[i], key) != 0)
            i++;
        if (i == ARRAY_LEN(known))
            return refuse(e, RPC_INVALID, "a request has no member \"%.60s\"", key);
    }
    return 0;
}

static bool good_id(const json_t *id)
{
    return json_is_integer(id) || (json_is_string(id) && json_string_length(id) <= ID_TEXT_MAX);
}

static int parse_envelope(struct request *r, struct rpc_error *e)
{
    if (json_is_array(r->root))
        return refuse(e, RPC_INVALID, "batches are not taken: send one request a line");
    if (!json_is_object(r->root))
        return refuse(e, RPC_INVALID, "a request is an object");
    const json_t *id = json_object_get(r->root, "id");
    if (good_id(id))
        r->id = id;
    const char *version = json_string_value(json_object_get(r->root, "jsonrpc"));
    if (!version || strcmp(version, "2.0") != 0)
        return refuse(e, RPC_INVALID, "\"jsonrpc\" must be \"2.0\"");
    if (!id)
        return refuse(e, RPC_INVALID,
                      "\"id\" is missing: requests without an answer are not taken");
    if (!r->id)
        return refuse(e, RPC_INVALID,
                      "\"id\" must be a whole number or a text of at most %d bytes",
                      ID_TEXT_MAX);
    return check_members(r->root, e);
}

static int by_name(const void *key, const void *row)
{
    return strcmp(key, ((const struct method *)row)->name);
}

static int find_method(struct request *r, struct rpc_error *e)
{
    const char *name = json_string_value(json_object_get(r->root, "method"));
    if (!name)
        return refuse(e, RPC_INVALID, "\"method\" must be the name of a method");
    r->method =
        bsearch(name, control_methods, control_nmethods, sizeof(*control_methods), by_name);
    if (!r->method)
        return refuse(e, RPC_NO_METHOD, "there is no method \"%.60s\"", name);
    return 0;
}

static int parse_params(struct request *r, struct rpc_error *e)
{
    const json_t *params = json_object_get(r->root, "params");
    const struct method *m = r->method;
    if (params && !json_is_object(params))
        return refuse(e, RPC_PARAMS, "\"params\" must be an object: parameters have names");
    r->args = calloc(1, m->args_size);
    if (!r->args) {
        e->err.code = -ENOMEM;
        return refuse(e, RPC_FAILED, "out of memory");
    }
    return params_decode(params, m->params, m->nparams, r->args, e);
}

int request_parse(const char *text, size_t len, struct request *ret_request,
                  struct rpc_error *reterr)
{
    *ret_request = (struct request){.root = NULL};
    int rc = parse_text(text, len, &ret_request->root, reterr);
    if (rc == 0)
        rc = parse_envelope(ret_request, reterr);
    if (rc == 0)
        rc = find_method(ret_request, reterr);
    return rc ? rc : parse_params(ret_request, reterr);
}

void request_free(struct request *r)
{
    json_decref(r->root);
    free(r->args);
    *r = (struct request){.root = NULL};
}

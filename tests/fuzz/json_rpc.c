/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line of the control socket from any bytes. What is taken has a method, an id and arguments
 * in their ranges; what is refused has a code and says why; both can be answered with one line
 * of JSON that is not broken by what came in. (That it sees was tried: without the check of a
 * text's length in params.c it fails within a second.)
 */
#include "base/check.h"
#include "control/rpc.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_number(const struct param *p, const void *at)
{
    uint64_t v = *(const uint64_t *)at;
    check(v >= p->min && v <= p->max);
}

static void check_enum(const struct param *p, const void *at)
{
    const struct param_name *n = p->names;
    while (n->text && n->value != *(const int *)at)
        n++;
    check(n->text != NULL);
}

static void check_names(const struct param *p, const struct api_names *names)
{
    check(names->n <= RPC_LIST_MAX);
    for (unsigned i = 0; i < names->n; i++)
        check(strlen(names->name[i]) <= p->max);
}

/* One argument that was given. */
static void check_given(const struct param *p, const void *at)
{
    const char *text;
    switch (p->type) {
    case P_TEXT:
        text = *(const char *const *)at;
        check(strlen(text) <= p->max);
        return;
    case P_UINT:
        check_number(p, at);
        return;
    case P_ENUM:
        check_enum(p, at);
        return;
    case P_NAMES:
        check_names(p, at);
        return;
    case P_TAGS:
        check(((const struct api_tags *)at)->n <= RPC_LIST_MAX);
        return;
    case P_JSON:
        check(json_is_object(*(json_t *const *)at));
        return;
    case P_BOOL:
        return;
    }
}

static void check_taken(const struct request *r)
{
    const json_t *params = json_object_get(r->root, "params");
    char subject[64];
    check(r->id && r->method && r->args);
    for (size_t i = 0; i < r->method->nparams; i++) {
        const struct param *p = &r->method->params[i];
        bool given = json_object_get(params, p->name) != NULL;
        check(given || !p->required);
        if (p->has)
            check(*((const bool *)r->args + p->has_off) == given);
        if (given)
            check_given(p, (const char *)r->args + p->off);
    }
    check(json_object_size(params) <= r->method->nparams);
    params_subject(r->method->params, r->method->nparams, r->args, subject, sizeof(subject));
    check(strlen(subject) < sizeof(subject));
}

/* One line, that a client can read. */
static void check_answer(const struct request *r, const struct rpc_error *e)
{
    char *line;
    size_t n;
    int rc = e->code ? answer_error(r->id, e, &line, &n)
                     : answer_result(r->id, json_object(), &line, &n);
    check(rc == 0 && n > 0 && line[n - 1] == '\n' && !memchr(line, '\n', n - 1));
    json_t *j = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
    check(j && (!r->id || json_equal(json_object_get(j, "id"), r->id)));
    json_decref(j);
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct request r;
    struct rpc_error e = {.field = ""};
    int rc = request_parse((const char *)bytes, len, &r, &e);
    if (rc == 0)
        check_taken(&r);
    else
        check(rc == (int)e.code && e.err.msg[0] != '\0');
    check_answer(&r, &e);
    request_free(&r);
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools remember what was done to them, wherever they go: a command that changed a pool or a dataset, and
 * worked, goes into the pool's own history, in words close to what was typed. Parks.
 */
#include "base/util.h"
#include "control/control_int.h"
#include "control/pools.h"

#include <stdio.h>
#include <string.h>

#define COMMAND_MAX 1024u

struct text {
    char s[COMMAND_MAX];
    size_t len;
};

/* What doesn't fit is cut. */
static void add(struct text *t, const char *before, const char *word)
{
    int n = snprintf(t->s + t->len, sizeof(t->s) - t->len, "%s%s", before, word);
    if (n > 0)
        t->len = MIN(t->len + (size_t)n, sizeof(t->s) - 1);
}

static void add_value(struct text *t, const char *before, const json_t *v)
{
    char number[24];
    const json_t *each;
    size_t i;
    if (json_is_string(v)) {
        add(t, before, json_string_value(v));
    } else if (json_is_integer(v)) {
        snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(v));
        add(t, before, number);
    } else if (json_is_array(v)) {
        json_array_foreach(v, i, each) add_value(t, i == 0 ? before : " ", each);
    }
}

static void add_flag(struct text *t, const char *key, const json_t *v)
{
    char before[64];
    snprintf(before, sizeof(before), json_is_true(v) ? " --%.50s" : " %.50s=", key);
    if (json_is_true(v))
        add(t, before, "");
    else if (!json_is_false(v))
        add_value(t, before, v);
}

static int remember_here(struct pool *p, void *arg, struct err *reterr)
{
    const struct text *t = arg;
    return pool_history_log(p, t->s, reterr);
}

void remember(struct control *c, const struct request *r)
{
    static const struct {
        const char *object, *command;
    } kinds[] = {
        {"pool.",    "zsan pool "   },
        {"dataset.", "zsan dataset "},
        {"volume.",  "zsan volume " },
    };
    const json_t *params = json_object_get(r->root, "params"), *v;
    const char *name = json_string_value(json_object_get(params, "name")), *key;
    const char *dataset = json_string_value(json_object_get(params, "dataset"));
    bool volume = strncmp(r->method->name, "volume.", 7) == 0;
    struct text t = {.len = 0};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        size_t len = strlen(kinds[i].object);
        if (strncmp(r->method->name, kinds[i].object, len) == 0)
            add(&t, kinds[i].command, r->method->name + len);
    }
    /* One that lies in no pool has none to remember it. */
    if (t.len == 0 || !name || (volume && !dataset && !strchr(name, '/')))
        return;
    add(&t, " ", name);
    json_object_foreach((json_t *)(uintptr_t)params, key, v)
    {
        if (strcmp(key, "name") != 0)
            add_flag(&t, key, v);
    }
    /* One that has just left cannot be told. */
    pools_with_dataset(c->env.pools, dataset ? dataset : name, remember_here, &t, NULL);
}

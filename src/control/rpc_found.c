/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools that could be imported, and what a pool keeps beside its data: properties, and the history
 * of what was done to it. Parks.
 */
#include "base/cleanup.h"
#include "control/api_gen.h"
#include "control/control_int.h"
#include "control/pool_words.h"
#include "control/pools.h"
#include "run/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is there ----------------------------------------------------------------------- */

static json_t *found_json(struct jb *b, const struct pool_found *f)
{
    char guid[24];
    json_t *j = jb_object(b), *disks = jb_list(b);
    snprintf(guid, sizeof(guid), "%llu", (unsigned long long)f->guid);
    jb_text(b, j, "name", f->name);
    jb_text(b, j, "guid", guid);
    jb_text(b, j, "state", f->state);
    jb_text(b, j, "health", f->health);
    jb_bool(b, j, "can_import", f->can_import);
    jb_bool(b, j, "read_only", f->read_only);
    jb_text(b, j, "host", f->hostname);
    jb_text(b, j, "reason", f->reason);
    for (unsigned i = 0; i < f->ndisks; i++) {
        json_t *d = jb_object(b);
        jb_uint(b, d, "depth", f->disks[i].depth);
        jb_text(b, d, "name", f->disks[i].name);
        jb_text(b, d, "state", f->disks[i].state);
        jb_text(b, d, "note", f->disks[i].note);
        jb_push(b, disks, d);
    }
    jb_put(b, j, "vdevs", disks);
    return j;
}

int rpc_pool_found(struct control *c, const struct args_pool_found *a, json_t **ret_result,
                   struct err *reterr)
{
    struct err why = {.code = 0};
    struct jb b = {false};
    struct pool_found *found = NULL;
    unsigned n = 0;
    static const char *const everywhere[] = {POOLS_BY_ID, NULL};
    char **paths = a->devices.n > 0 ? disks_expand(&a->devices, &why) : NULL;
    if (why.code)
        return err_set(reterr, why.code, "%s", why.msg);
    int rc = pool_scan_devices(paths ? (const char *const *)paths : everywhere,
                               pools_hostid(c->env.pools), &found, &n, reterr);
    names_free(paths);
    if (rc < 0)
        return rc;
    json_t *list = jb_list(&b);
    for (unsigned i = 0; i < n; i++)
        jb_push(&b, list, found_json(&b, &found[i]));
    pool_found_free(found, n);
    return jb_done(&b, list, ret_result, reterr);
}

/* ---- properties -------------------------------------------------------------------------- */

struct getting {
    struct jb b;
    json_t *list;
    const char *name, *property; /* NULL: all */
};

static int get_one(struct pool *p, struct getting *g, const char *property, struct err *reterr)
{
    char value[1024];
    const char *source = "-";
    int rc = pool_prop_get(p, property, value, sizeof(value), &source, reterr);
    if (rc == 0)
        jb_push(&g->b, g->list, property_json(&g->b, g->name, property, value, source));
    return rc;
}

static int get_here(struct pool *p, void *arg, struct err *reterr)
{
    struct getting *g = arg;
    const char *name;
    int rc = 0;
    if (g->property && strcmp(g->property, "all") != 0)
        return get_one(p, g, g->property, reterr);
    for (unsigned i = 0; rc == 0 && (name = pool_prop_name(i)); i++)
        rc = get_one(p, g, name, reterr);
    return rc;
}

int rpc_pool_get(struct control *c, const struct args_pool_get *a, json_t **ret_result,
                 struct err *reterr)
{
    struct getting g = {.name = a->name, .property = a->property};
    g.list = jb_list(&g.b);
    int rc = pools_with(c->env.pools, a->name, get_here, &g, reterr);
    return jb_done_list(&g.b, g.list, rc, ret_result, reterr);
}

static int set_here(struct pool *p, void *arg, struct err *reterr)
{
    const struct args_pool_set *a = arg;
    return pool_prop_set(p, a->property, a->value, reterr);
}

int rpc_pool_set(struct control *c, const struct args_pool_set *a, json_t **ret_result,
                 struct err *reterr)
{
    struct args_pool_set copy = *a;
    int rc = pools_with(c->env.pools, a->name, set_here, &copy, reterr);
    return rc < 0 ? rc : jb_done_nothing(ret_result, reterr);
}

/* ---- damage ------------------------------------------------------------------------------ */

struct damage {
    struct jb b;
    json_t *list;
    const char *pool;
};

static int damage_entry(void *arg, const struct pool_error *e)
{
    struct damage *d = arg;
    char name[CFG_DATASET_LEN + sizeof(e->dataset) + 1];
    json_t *j = jb_object(&d->b);
    bool own = strcmp(e->dataset, "<metadata>") == 0 || !e->dataset[0];
    snprintf(name, sizeof(name), "%s%s%s", d->pool, own ? "" : "/", own ? "" : e->dataset);
    jb_text(&d->b, j, "dataset", name);
    jb_uint(&d->b, j, "object", e->object);
    jb_uint(&d->b, j, "offset", e->offset);
    jb_uint(&d->b, j, "length", e->len);
    jb_push(&d->b, d->list, j);
    return 0;
}

static int errors_here(struct pool *p, void *arg, struct err *reterr)
{
    (void)reterr;
    return pool_errors(p, damage_entry, arg);
}

int rpc_pool_errors(struct control *c, const struct args_pool_errors *a, json_t **ret_result,
                    struct err *reterr)
{
    struct damage d = {.pool = a->name};
    d.list = jb_list(&d.b);
    int rc = pools_with(c->env.pools, a->name, errors_here, &d, reterr);
    return jb_done_list(&d.b, d.list, rc, ret_result, reterr);
}

/* ---- history ----------------------------------------------------------------------------- */

struct past {
    struct jb b;
    json_t *list;
    bool internal;
};

static int past_entry(void *arg, const struct pool_history_entry *e)
{
    struct past *h = arg;
    if (e->internal && !h->internal)
        return 0;
    json_t *j = jb_object(&h->b);
    jb_uint(&h->b, j, "time", e->time);
    if (e->txg)
        jb_uint(&h->b, j, "txg", e->txg);
    jb_bool(&h->b, j, "internal", e->internal);
    jb_text(&h->b, j, "what", e->what);
    jb_text(&h->b, j, "text", e->text);
    jb_text(&h->b, j, "host", e->hostname);
    jb_push(&h->b, h->list, j);
    return 0;
}

static int history_here(struct pool *p, void *arg, struct err *reterr)
{
    (void)reterr;
    return pool_history(p, past_entry, arg);
}

int rpc_pool_history(struct control *c, const struct args_pool_history *a, json_t **ret_result,
                     struct err *reterr)
{
    struct past h = {.internal = a->internal};
    h.list = jb_list(&h.b);
    int rc = pools_with(c->env.pools, a->name, history_here, &h, reterr);
    return jb_done_list(&h.b, h.list, rc, ret_result, reterr);
}

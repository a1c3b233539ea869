/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datasets of pools: folders, and the volumes in them whether they are served or not. What is
 * served is the configuration's business too: it follows when a dataset goes or gets another name, and settings that it
 * keeps of a volume are changed through it. Parks.
 */
#include "base/cleanup.h"
#include "base/text.h"
#include "control/api_gen.h"
#include "control/control_int.h"
#include "control/pools.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 100000 /* datasets in an answer */

/* ---- listing ----------------------------------------------------------------------------- */

static uint64_t number(struct pool *p, const char *dataset, const char *property)
{
    char value[32];
    uint64_t n = 0;
    if (pool_get(p, dataset, property, value, sizeof(value), NULL, NULL) == 0 &&
        text_to_u64(value, &n))
        return n;
    return 0;
}

static void whole_name(const struct pool *p, const char *below, char *ret, size_t cap)
{
    const char *between = below[0] && below[0] != '@' ? "/" : "";
    snprintf(ret, cap, "%s%s%s", pool_name(p), between, below);
}

/* -EINVAL: there is no such property. */
static int put_properties(struct jb *b, json_t *j, struct pool *p, const char *dataset,
                          const char *name, const struct api_names *wanted, struct err *reterr)
{
    CLEANUP(freep) char *value = malloc(POOL_VALUE_MAX);
    char source[POOL_SOURCE_MAX];
    json_t *list = jb_list(b);
    int rc = value ? 0 : -ENOMEM;
    for (unsigned i = 0; rc == 0 && i < wanted->n; i++) {
        const char *property = wanted->name[i];
        rc = pool_get(p, dataset, property, value, POOL_VALUE_MAX, source, reterr);
        if (rc == 0)
            jb_push(b, list, property_json(b, name, property, value, source));
    }
    jb_put(b, j, "properties", list);
    return rc;
}

static json_t *dataset_json(struct jb *b, struct pool *p, const struct pool_dataset *d,
                            const char *name)
{
    static const char *const types[] = {
        [POOL_FOLDER] = "folder", [POOL_VOLUME] = "volume", [POOL_SNAPSHOT] = "snapshot"};
    json_t *j = jb_object(b);
    jb_text(b, j, "name", name);
    jb_text(b, j, "type", types[d->type]);
    jb_uint(b, j, "used", number(p, d->name, "used"));
    if (d->type != POOL_SNAPSHOT)
        jb_uint(b, j, "available", number(p, d->name, "available"));
    jb_uint(b, j, "referenced", number(p, d->name, "referenced"));
    if (d->type != POOL_FOLDER)
        jb_uint(b, j, "size", number(p, d->name, "volsize"));
    return j;
}

struct listing {
    struct jb b;
    json_t *list;
    const char *below;
    unsigned depth, types;
    const struct api_names *properties; /* NULL: none */
};

static int list_one(struct listing *l, struct pool *p, const struct pool_dataset *d,
                    struct err *reterr)
{
    char name[2 * CFG_DATASET_LEN + 2];
    whole_name(p, d->name, name, sizeof(name));
    json_t *j = dataset_json(&l->b, p, d, name);
    int rc = 0;
    if (l->properties && l->properties->n > 0)
        rc = put_properties(&l->b, j, p, d->name, name, l->properties, reterr);
    jb_push(&l->b, l->list, j);
    return rc;
}

static int list_here(struct pool *p, void *arg, struct err *reterr)
{
    struct listing *l = arg;
    CLEANUP(freep) struct pool_dataset *all = NULL;
    unsigned n;
    int rc = pool_list(p, l->below, l->depth, l->types, &all, &n, reterr);
    for (unsigned i = 0; rc == 0 && i < MIN(n, (unsigned)LIST_MAX); i++) {
        rc = list_one(l, p, &all[i], reterr);
        fiber_maybe_yield();
    }
    return rc;
}

/* Those of all pools that are online. */
static int list_pools(struct control *c, struct listing *l, struct err *reterr)
{
    CLEANUP(freep) struct held_info *all = NULL;
    unsigned n;
    if (pools_list(c->env.pools, &all, &n) < 0)
        return err_set(reterr, -ENOMEM, "out of memory");
    int rc = 0;
    for (unsigned i = 0; i < n && rc != -EINVAL; i++)
        rc = pools_with(c->env.pools, all[i].name, list_here, l, reterr);
    return rc == -EINVAL ? rc : 0; /* one that is not online is left out */
}

int rpc_dataset_list(struct control *c, const struct args_dataset_list *a, json_t **ret_result,
                     struct err *reterr)
{
    struct listing l = {.depth = a->has_depth ? (unsigned)a->depth : UINT_MAX,
                        .types = POOL_FOLDER | POOL_VOLUME | (a->snapshots ? POOL_SNAPSHOT : 0),
                        .below = a->name ? dataset_below(a->name) : "",
                        .properties = &a->properties};
    l.list = jb_list(&l.b);
    int rc = a->name ? pools_with_dataset(c->env.pools, a->name, list_here, &l, reterr)
                     : list_pools(c, &l, reterr);
    return jb_done_list(&l.b, l.list, rc, ret_result, reterr);
}

/* ---- making and unmaking ----------------------------------------------------------------- */

static int create_here(struct pool *p, void *arg, struct err *reterr)
{
    const struct args_dataset_create *a = arg;
    const char *name = dataset_below(a->name);
    const struct pool_volume_want volume = {.name = name,
                                            .size = a->size,
                                            .block_size = (uint32_t)a->volblocksize,
                                            .reserve = a->thick,
                                            .make_parents = a->parents,
                                            .compression = a->compression,
                                            .checksum = a->checksum};
    const struct pool_prop props[] = {
        {"compression", a->compression},
        {"checksum",    a->checksum   }
    };
    struct pool_prop given[ARRAY_LEN(props)];
    struct pool_folder_want folder = {.name = name, .make_parents = a->parents, .props = given};
    if (a->has_size)
        return pool_volume_create(p, &volume, reterr);
    for (unsigned i = 0; i < ARRAY_LEN(props); i++)
        if (props[i].value)
            given[folder.nprops++] = props[i];
    return pool_folder_create(p, &folder, reterr);
}

/* The dataset as a change left it. */
static int done(struct control *c, const char *name, json_t **ret_result, struct err *reterr)
{
    struct listing l = {.depth = 0,
                        .types = POOL_FOLDER | POOL_VOLUME | POOL_SNAPSHOT,
                        .below = dataset_below(name)};
    l.list = jb_list(&l.b);
    int rc = pools_with_dataset(c->env.pools, name, list_here, &l, reterr);
    return jb_done_only(&l.b, l.list, rc, ret_result, reterr);
}

static int check_below(const char *name, struct err *reterr)
{
    return strchr(name, '/')
               ? 0
               : err_set(reterr, -EINVAL, "%.60s: a dataset has a name like POOL/NAME", name);
}

int rpc_dataset_create(struct control *c, const struct args_dataset_create *a,
                       json_t **ret_result, struct err *reterr)
{
    struct args_dataset_create copy = *a;
    if (!a->has_size && (a->has_volblocksize || a->thick))
        return err_set(reterr, -EINVAL, "%.60s: a volume has a --size, a folder has no blocks",
                       a->name);
    int rc = check_below(a->name, reterr);
    if (rc == 0)
        rc = pools_with_dataset(c->env.pools, a->name, create_here, &copy, reterr);
    return rc < 0 ? rc : done(c, a->name, ret_result, reterr);
}

static int destroy_here(struct pool *p, void *arg, struct err *reterr)
{
    const struct args_dataset_destroy *a = arg;
    return pool_dataset_destroy(p, dataset_below(a->name), a->recursive, reterr);
}

/* What would be refused is refused before the configuration changes. */
static int may_go_here(struct pool *p, void *arg, struct err *reterr)
{
    const struct args_dataset_destroy *a = arg;
    CLEANUP(freep) struct pool_dataset *all = NULL;
    unsigned n;
    int rc = pool_list(p, dataset_below(a->name), UINT_MAX,
                       POOL_FOLDER | POOL_VOLUME | POOL_SNAPSHOT, &all, &n, reterr);
    if (rc == 0 && n > 1 && !a->recursive)
        return err_set(reterr, -EBUSY,
                       "%.80s has children or snapshots: destroy them first, or use -r "
                       "(--recursive)",
                       a->name);
    for (unsigned i = 0; rc == 0 && i < n; i++)
        if (all[i].type == POOL_SNAPSHOT)
            rc = err_set(reterr, -EBUSY, "%.60s/%.80s is a snapshot: destroy it first",
                         pool_name(p), all[i].name);
    return rc;
}

int rpc_dataset_destroy(struct control *c, const struct args_dataset_destroy *a,
                        json_t **ret_result, struct err *reterr)
{
    struct args_dataset_destroy copy = *a;
    int rc = check_below(a->name, reterr);
    if (rc == 0)
        rc = pools_with_dataset(c->env.pools, a->name, may_go_here, &copy, reterr);
    if (rc == 0)
        rc = datasets_forget(c, a->name, a->force, reterr);
    if (rc == 0)
        rc = pools_with_dataset(c->env.pools, a->name, destroy_here, &copy, reterr);
    return rc < 0 ? rc : jb_done_nothing(ret_result, reterr);
}

struct renaming {
    const char *from, *to;
};

static int rename_here(struct pool *p, void *arg, struct err *reterr)
{
    const struct renaming *r = arg;
    return pool_rename(p, dataset_below(r->from), dataset_below(r->to), reterr);
}

static int rename_dataset(struct control *c, const char *from, const char *to, void *arg,
                          struct err *reterr)
{
    struct renaming r = {from, to};
    (void)arg;
    return pools_with_dataset(c->env.pools, from, rename_here, &r, reterr);
}

int rpc_dataset_rename(struct control *c, const struct args_dataset_rename *a,
                       json_t **ret_result, struct err *reterr)
{
    size_t len = strcspn(a->name, "/");
    int rc = check_below(a->name, reterr);
    if (rc == 0)
        rc = check_below(a->new_name, reterr);
    if (rc == 0 && strncmp(a->name, a->new_name, len + 1) != 0)
        rc = err_set(reterr, -EINVAL, "%.60s: a dataset stays in its pool", a->name);
    if (rc == 0)
        rc = datasets_rename(c, a->name, a->new_name, rename_dataset, NULL, reterr);
    return rc < 0 ? rc : done(c, a->new_name, ret_result, reterr);
}

/* ---- properties -------------------------------------------------------------------------- */

struct getting {
    struct jb b;
    json_t *list;
    const char *name, *property;
};

json_t *property_json(struct jb *b, const char *of, const char *property, const char *value,
                      const char *source)
{
    json_t *j = jb_object(b);
    jb_text(b, j, "dataset", of);
    jb_text(b, j, "property", property);
    jb_text(b, j, "value", value);
    jb_text(b, j, "source", source);
    return j;
}

static int put_property(void *arg, const char *property, const char *value, const char *source)
{
    struct getting *g = arg;
    jb_push(&g->b, g->list, property_json(&g->b, g->name, property, value, source));
    return 0;
}

static int get_here(struct pool *p, void *arg, struct err *reterr)
{
    struct getting *g = arg;
    const char *below = dataset_below(g->name);
    char source[POOL_SOURCE_MAX];
    if (!g->property || strcmp(g->property, "all") == 0)
        return pool_get_all(p, below, put_property, g, reterr);
    CLEANUP(freep) char *value = malloc(POOL_VALUE_MAX);
    int rc = value ? pool_get(p, below, g->property, value, POOL_VALUE_MAX, source, reterr)
                   : -ENOMEM;
    return rc < 0 ? rc : put_property(g, g->property, value, source);
}

int rpc_dataset_get(struct control *c, const struct args_dataset_get *a, json_t **ret_result,
                    struct err *reterr)
{
    struct getting g = {.name = a->name, .property = a->property};
    g.list = jb_list(&g.b);
    int rc = pools_with_dataset(c->env.pools, a->name, get_here, &g, reterr);
    return jb_done_list(&g.b, g.list, rc, ret_result, reterr);
}

struct setting {
    const char *name, *property, *value; /* value NULL: inherit */
};

static int set_here(struct pool *p, void *arg, struct err *reterr)
{
    const struct setting *s = arg;
    return pool_set(p, dataset_below(s->name), s->property, s->value, reterr);
}

/* ---- what a served volume's own verbs are for ---------------------------------------------- */

static int set_size(struct control *c, const char *volume, const char *value,
                    json_t **ret_result, struct err *reterr)
{
    struct args_volume_resize a = {.name = volume, .has_size = true};
    return text_to_u64(value, &a.size)
               ? rpc_volume_resize(c, &a, ret_result, reterr)
               : err_set(reterr, -EINVAL, "volsize: %.40s is no number of bytes", value);
}

static int set_sync(struct control *c, const char *volume, const char *value,
                    json_t **ret_result, struct err *reterr)
{
    CLEANUP(freep) struct args_volume_set *a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    a->name = volume;
    a->has_sync = true;
    for (a->sync = VOL_SYNC_ALWAYS; a->sync <= VOL_SYNC_DISABLED; a->sync++)
        if (strcmp(volume_sync_name((enum volume_sync)a->sync), value) == 0)
            return rpc_volume_set(c, a, ret_result, reterr);
    return err_set(reterr, -EINVAL, "sync: %.40s is none of always, standard, disabled", value);
}

static int set_readonly(struct control *c, const char *volume, const char *value,
                        json_t **ret_result, struct err *reterr)
{
    CLEANUP(freep) struct args_volume_set *a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    a->name = volume;
    a->has_read_only = true;
    a->read_only = strcmp(value, "on") == 0;
    return a->read_only || strcmp(value, "off") == 0
               ? rpc_volume_set(c, a, ret_result, reterr)
               : err_set(reterr, -EINVAL, "readonly: %.40s is neither on nor off", value);
}

static const struct of_volume {
    const char *property;
    int (*set)(struct control *c, const char *volume, const char *value, json_t **ret_result,
               struct err *reterr);
} of_volumes[] = {
    {"volsize",  set_size    },
    {"sync",     set_sync    },
    {"readonly", set_readonly},
};

static const struct of_volume *of_volume(const char *property)
{
    for (unsigned i = 0; i < ARRAY_LEN(of_volumes); i++)
        if (strcmp(of_volumes[i].property, property) == 0)
            return &of_volumes[i];
    return NULL;
}

static int change(struct control *c, struct setting *s, json_t **ret_result, struct err *reterr)
{
    int rc = pools_with_dataset(c->env.pools, s->name, set_here, s, reterr);
    return rc < 0 ? rc : jb_done_nothing(ret_result, reterr);
}

int rpc_dataset_set(struct control *c, const struct args_dataset_set *a, json_t **ret_result,
                    struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    const struct cfg_volume *v = volume_of_dataset(cfg, a->name);
    const struct of_volume *own = v ? of_volume(a->property) : NULL;
    json_t *volume = NULL;
    if (!own)
        return change(c, &(struct setting){a->name, a->property, a->value}, ret_result, reterr);
    int rc = own->set(c, v->name, a->value, &volume, reterr);
    json_decref(volume);
    return rc < 0 ? rc : jb_done_nothing(ret_result, reterr);
}

int rpc_dataset_inherit(struct control *c, const struct args_dataset_inherit *a,
                        json_t **ret_result, struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    const struct cfg_volume *v = volume_of_dataset(cfg, a->name);
    if (v && of_volume(a->property))
        return err_set(reterr, -EBUSY,
                       "%.100s is served by volume \"%.60s\", which has its own %s: set it "
                       "instead",
                       a->name, v->name, a->property);
    return change(c, &(struct setting){a->name, a->property, NULL}, ret_result, reterr);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The operator's verbs on datasets: each is a task of the sync fiber. */
#include "pool/pool_int.h"
#include "pool/zil/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DESTROY_BLOCKS 100000u /* freed in one txg */

/* Splits "a/b/c" into its parent (in buf) and last component. */
static const char *split(const char *name, char buf[DSL_NAME_MAX + 1])
{
    const char *slash = strrchr(name, '/');
    size_t len = slash ? (size_t)(slash - name) : 0;
    memcpy(buf, name, len);
    buf[len] = 0;
    return slash ? slash + 1 : name;
}

static struct dsl_dir *find(struct pool *p, const char *name, struct err *reterr)
{
    struct dsl_dir *dd = dsl_find(&p->dsl, name);
    if (!dd || (dd->head && dsl_dataset_is_going(dd->head))) {
        err_set(reterr, E(-ENOENT), "pool %s has no dataset %s", p->name, name);
        return NULL;
    }
    return dd;
}

/* ---- creating a volume ------------------------------------------------------------------------------------ */

/* OpenZFS zvol_volsize_to_reservation(): the data, and indirect blocks and dnodes uncompressed, two copies each. */
static uint64_t full_reservation(const struct pool *p, uint64_t size, uint32_t block_size)
{
    uint64_t blocks = size / block_size, meta = 7;
    uint64_t data = blocks * pool_block_cost(p, block_size);
    const uint64_t per_level = 1ull << (INDIRECT_SHIFT - BP_SHIFT);
    while (blocks > 1) {
        blocks = (blocks + per_level - 1) / per_level;
        meta += blocks;
    }
    return data + meta * 2 * (1ull << INDIRECT_SHIFT);
}

struct create_task {
    struct pool *p;
    const struct pool_volume_want *want;
    uint64_t compress, checksum; /* UINT64_MAX: inherit */
};

static int parents_make(struct pool *p, const char *path, struct dsl_dir **ret,
                        struct err *reterr)
{
    char above[DSL_NAME_MAX + 1];
    *ret = dsl_find(&p->dsl, path);
    if (*ret)
        return 0;
    struct dsl_dir *parent;
    const char *component = split(path, above);
    int r = parents_make(p, above, &parent, reterr);
    return r ? r
             : dsl_create(parent, component, OBJSET_ZFS, run_wall() / NS_PER_SEC, ret, reterr);
}

static int volume_objects(struct objset *os, uint64_t size, uint32_t block_size)
{
    struct object_props data = {.type = DMU_ZVOL, .block_size = block_size};
    uint64_t id;
    int r = object_create(os, ZVOL_DATA, &data, &id);
    if (r == 0)
        r = zap_create(os, DMU_ZVOL_PROP, DMU_NONE, 0, &id);
    if (r == 0 && id != ZVOL_PROPS)
        r = E(-EIO);
    return r ? r : zap_set_u64(os, ZVOL_PROPS, "size", size);
}

static int create_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct create_task *t = arg;
    const struct pool_volume_want *w = t->want;
    uint32_t bs = w->block_size ? w->block_size : VOLBLOCK_DEFAULT;
    uint64_t reserve = w->reserve ? full_reservation(t->p, w->size, bs) : 0;
    char above[DSL_NAME_MAX + 1];
    const char *component = split(w->name, above);
    struct dsl_dir *parent = dsl_find(&t->p->dsl, above), *dd;
    (void)txg;
    if (dsl_find(&t->p->dsl, w->name))
        return err_set(reterr, E(-EEXIST), "dataset %s/%s exists already", t->p->name, w->name);
    if (!parent && !w->make_parents)
        return err_set(reterr, E(-ENOENT), "pool %s has no dataset %s", t->p->name, above);
    if (reserve > dsl_dir_available(parent ? parent : t->p->dsl.root, pool_available(t->p)))
        return err_set(reterr, E(-ENOSPC),
                       "volume %s: reserving %" PRIu64 " bytes doesn't fit; make it sparse",
                       w->name, reserve);
    int r = parent ? 0 : parents_make(t->p, above, &parent, reterr);
    if (r == 0)
        r = dsl_create(parent, component, OBJSET_ZVOL, run_wall() / NS_PER_SEC, &dd, reterr);
    if (r)
        return r;
    r = volume_objects(dd->head->os, w->size, bs);
    if (r == 0 && t->compress != UINT64_MAX)
        r = dsl_prop_set_u64(dd, "compression", t->compress);
    if (r == 0 && t->checksum != UINT64_MAX)
        r = dsl_prop_set_u64(dd, "checksum", t->checksum);
    if (r == 0 && reserve)
        r = dsl_set_refreservation(dd, reserve);
    return r;
}

struct word {
    const char *text;
    uint64_t value;
};
static const struct word compressions[] = {
    {"off", ZCOMP_OFF},
    {"on",  ZCOMP_ON },
    {"lz4", ZCOMP_LZ4},
};
static const struct word checksums[] = {
    {"on",        ZCHECK_ON       },
    {"fletcher4", ZCHECK_FLETCHER4},
    {"sha256",    ZCHECK_SHA256   },
};
static const struct word syncs[] = {
    {"standard", 0},
    {"always",   1},
    {"disabled", 2},
};
static const struct word switches[] = {
    {"off", 0},
    {"on",  1},
};

static bool word_find(const struct word *words, size_t n, const char *text, uint64_t *ret)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i].text, text) == 0) {
            *ret = words[i].value;
            return true;
        }
    return false;
}

static int volume_check(const struct pool_volume_want *w, struct create_task *t,
                        struct err *reterr)
{
    uint32_t bs = w->block_size ? w->block_size : VOLBLOCK_DEFAULT;
    int r = dsl_name_check(w->name, reterr);
    if (r)
        return r;
    if (!is_pow2(bs) || bs < VOLBLOCK_MIN || bs > BLOCK_MAX)
        return err_set(reterr, E(-EINVAL),
                       "volblocksize %u: must be a power of two from %u to %u", bs,
                       VOLBLOCK_MIN, BLOCK_MAX);
    if (w->size == 0 || w->size % bs || w->size > INT64_MAX / 2)
        return err_set(reterr, E(-EINVAL), "size %" PRIu64 ": must be a multiple of %u",
                       w->size, bs);
    t->compress = t->checksum = UINT64_MAX;
    if (w->compression &&
        !word_find(compressions, ARRAY_LEN(compressions), w->compression, &t->compress))
        return err_set(reterr, E(-EINVAL), "compression %s: must be off or lz4",
                       w->compression);
    if (w->checksum && !word_find(checksums, ARRAY_LEN(checksums), w->checksum, &t->checksum))
        return err_set(reterr, E(-EINVAL), "checksum %s: must be fletcher4 or sha256",
                       w->checksum);
    return 0;
}

int pool_volume_create(struct pool *p, const struct pool_volume_want *want, struct err *reterr)
{
    struct create_task t = {.p = p, .want = want};
    int r = volume_check(want, &t, reterr);
    return r ? r : txg_run(p, create_task, &t, reterr);
}

/* ---- destroying --------------------------------------------------------------------------------------------- */

struct name_task {
    struct pool *p;
    const char *name, *to;
};

struct destroy_task {
    struct pool *p;
    const char *name;
    struct dsl_dir *dd; /* found when the task runs */
    int left;           /* 1: another step is needed */
};

/* A log that a crash left and nobody replayed goes with its volume. */
static int log_drop(struct pool *p, struct dsl_dataset *ds, struct err *reterr)
{
    int r = dsl_dataset_open(ds, reterr);
    if (r)
        return r;
    if (!zil_needs_replay(ds)) {
        dsl_dataset_close(ds);
        return 0;
    }
    ds->close_committed = true;
    return zil_discard(p, ds);
}

static int destroy_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct destroy_task *t = arg;
    (void)txg;
    t->dd = find(t->p, t->name, reterr);
    if (!t->dd)
        return -ENOENT;
    if (t->dd->head->sync)
        return err_set(reterr, E(-EBUSY), "volume %s/%s is in use", t->p->name, t->name);
    t->left = 1;
    int r = dsl_destroy_begin(t->dd, reterr);
    return r ? r : log_drop(t->p, t->dd->head, reterr);
}

static int step_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct destroy_task *t = arg;
    (void)txg, (void)reterr;
    t->left = dsl_destroy_step(t->dd, DESTROY_BLOCKS);
    return MIN(t->left, 0);
}

static int steps_run(struct destroy_task *t, struct err *reterr)
{
    int r = 0;
    while (r == 0 && t->left > 0)
        r = txg_run(t->p, step_task, t, reterr);
    return r;
}

int pool_volume_destroy(struct pool *p, const char *name, struct err *reterr)
{
    struct destroy_task t = {.p = p, .name = name};
    int r = txg_run(p, destroy_task, &t, reterr);
    return r ? r : steps_run(&t, reterr);
}

int pool_destroys_finish(struct pool *p, struct err *reterr)
{
    struct dsl_dir *dd = NULL;
    while ((dd = dsl_next(&p->dsl, dd))) {
        if (!dd->parent || !dsl_dataset_is_going(dd->head) ||
            dsl_dataset_type(dd->head) != OBJSET_ZVOL)
            continue;
        struct destroy_task t = {.p = p, .dd = dd, .left = 1};
        int r = steps_run(&t, reterr);
        if (r)
            return r;
        dd = NULL; /* it is gone: from the start */
    }
    return 0;
}

/* ---- renaming ------------------------------------------------------------------------------------------------ */

static int rename_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct name_task *t = arg;
    char above[DSL_NAME_MAX + 1];
    const char *component = split(t->to, above);
    struct dsl_dir *dd = find(t->p, t->name, reterr), *parent;
    (void)txg;
    if (!dd || !(parent = find(t->p, above, reterr)))
        return -ENOENT;
    return dsl_rename(dd, parent, component, reterr);
}

int pool_rename(struct pool *p, const char *from, const char *to, struct err *reterr)
{
    struct name_task t = {.p = p, .name = from, .to = to};
    int r = dsl_name_check(to, reterr);
    return r ? r : txg_run(p, rename_task, &t, reterr);
}

/* ---- properties ------------------------------------------------------------------------------------------------ */

static const struct property {
    const char *name;
    const struct word *words; /* NULL: bytes */
    size_t nwords;
    int (*set)(struct dsl_dir *dd, uint64_t v); /* NULL: just the property */
} properties[] = {
    {"compression",    compressions, ARRAY_LEN(compressions), NULL                  },
    {"checksum",       checksums,    ARRAY_LEN(checksums),    NULL                  },
    {"sync",           syncs,        ARRAY_LEN(syncs),        NULL                  },
    {"readonly",       switches,     ARRAY_LEN(switches),     NULL                  },
    {"reservation",    NULL,         0,                       dsl_set_reservation   },
    {"refreservation", NULL,         0,                       dsl_set_refreservation},
};

struct set_task {
    struct pool *p;
    const char *dataset, *name, *value;
    const struct property *prop; /* NULL: a user property */
    uint64_t number;
};

static int set_apply(struct set_task *t, struct dsl_dir *dd)
{
    int r;
    if (t->prop && t->prop->set)
        return t->prop->set(dd, t->value ? t->number : 0);
    if (!t->value) {
        r = dsl_prop_remove(dd, t->name);
        return r == -ENOENT ? 0 : r;
    }
    return t->prop ? dsl_prop_set_u64(dd, t->name, t->number)
                   : dsl_prop_set_str(dd, t->name, t->value);
}

static int set_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct set_task *t = arg;
    struct dsl_dir *dd = find(t->p, t->dataset, reterr);
    (void)txg;
    if (!dd)
        return -ENOENT;
    const struct dsl_dir_phys *d = dsl_dir_phys(dd);
    uint64_t has = t->prop && t->prop->set == dsl_set_reservation
                       ? le64_get(d->reserved)
                       : le64_get(d->used_breakdown[DD_REFRSRV]);
    if (t->prop && t->prop->set && t->value && t->number > has &&
        t->number - has > dsl_dir_available(dd->parent, pool_available(t->p)))
        return err_set(reterr, E(-ENOSPC), "%s %s: the pool has not that much left", t->name,
                       t->value);
    return set_apply(t, dd);
}

static int value_parse(struct set_task *t, struct err *reterr)
{
    char *end;
    if (!t->value)
        return 0;
    if (t->prop->words)
        return word_find(t->prop->words, t->prop->nwords, t->value, &t->number)
                   ? 0
                   : err_set(reterr, E(-EINVAL), "%s: %s is none of its values", t->name,
                             t->value);
    t->number = strtoull(t->value, &end, 10);
    return *end || end == t->value
               ? err_set(reterr, E(-EINVAL), "%s: %s is no number of bytes", t->name, t->value)
               : 0;
}

int pool_set(struct pool *p, const char *dataset, const char *property, const char *value,
             struct err *reterr)
{
    struct set_task t = {.p = p, .dataset = dataset, .name = property, .value = value};
    for (unsigned i = 0; i < ARRAY_LEN(properties); i++)
        if (strcmp(properties[i].name, property) == 0)
            t.prop = &properties[i];
    if (!t.prop && !strchr(property, ':'))
        return err_set(reterr, E(-EINVAL), "no such property: %s", property);
    if (strlen(property) > ZAP_NAME_MAX || (value && strlen(value) >= ZAP_VALUE_MAX))
        return err_set(reterr, E(-E2BIG), "property %.32s: too long", property);
    int r = t.prop ? value_parse(&t, reterr) : 0;
    return r ? r : txg_run(p, set_task, &t, reterr);
}

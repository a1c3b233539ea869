/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Heads: their objsets, what is born and killed in them, writing them in a txg. A killed block that a snapshot still
 * has (birth up to the previous snapshot's txg) goes to the deadlist; any other gives its space back.
 */
#include "base/mutant.h"
#include "pool/dsl/dsl_int.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void dataset_born(struct objset *os, const struct bp *bp)
{
    struct dsl_dataset *ds = objset_owner(os);
    struct bp_sums s = block_sums(ds->dir->dsl->b, bp);
    ds->delta.ref += (int64_t)s.used;
    ds->delta.comp += (int64_t)s.comp;
    ds->delta.uncomp += (int64_t)s.uncomp;
    ds->delta.unique += (int64_t)s.used;
    ds->delta.dir_comp += (int64_t)s.comp;
    ds->delta.dir_uncomp += (int64_t)s.uncomp;
}

/* The previous snapshot alone has the block now, if it was born after the one before. */
static int snapshot_gains(struct dsl_dataset *ds, const struct bp *bp, uint64_t used)
{
    struct object *obj;
    int r = object_hold(ds->dir->dsl->mos, le64_get(dsl_dataset_phys(ds)->prev_snap), &obj);
    if (r)
        return r;
    const struct dsl_dataset_phys *prev = object_bonus(obj);
    if (object_bonus_len(obj) < sizeof(*prev))
        r = E(-EBADMSG);
    else if (le64_get(prev->next_snap) == ds->id &&
             bp_birth(bp) > le64_get(prev->prev_snap_txg)) {
        struct dsl_dataset_phys *p = object_bonus_change(obj);
        le64_add(&p->unique, (int64_t)used);
    }
    object_release(obj);
    return r;
}

static int dataset_killed(struct objset *os, const struct bp *bp)
{
    struct dsl_dataset *ds = objset_owner(os);
    struct dsl *dsl = ds->dir->dsl;
    struct bp_sums s = block_sums(dsl->b, bp);
    if (mutant_on(MUTANT_MISCOUNTED_USED) && bp_level(bp) > 0)
        s.used = 0;
    ds->delta.ref -= (int64_t)s.used;
    ds->delta.comp -= (int64_t)s.comp;
    ds->delta.uncomp -= (int64_t)s.uncomp;
    if (bp_birth(bp) > le64_get(dsl_dataset_phys(ds)->prev_snap_txg)) {
        ds->delta.unique -= (int64_t)s.used;
        ds->delta.dir_comp -= (int64_t)s.comp;
        ds->delta.dir_uncomp -= (int64_t)s.uncomp;
        return bp_ndvas(bp) ? block_free(dsl->b, dsl->txg, bp) : 0;
    }
    if (bp_birth(bp) > ds->dir->origin_txg)
        ds->delta.to_snap += (int64_t)s.used;
    int r = deadlist_add(dsl, &ds->deadlist, bp, &s);
    return r ? r : snapshot_gains(ds, bp, s.used);
}

static const struct objset_ops dataset_ops = {.born = dataset_born, .killed = dataset_killed};

/* ---- in memory --------------------------------------------------------------------------------- */

int dataset_load(struct dsl_dir *dd, uint64_t id, struct dsl_dataset **ret_ds,
                 struct err *reterr)
{
    struct dsl_dataset *ds = calloc(1, sizeof(*ds));
    if (!ds)
        return err_set(reterr, E(-ENOMEM), "no memory for dataset %s", dd->name);
    ds->dir = dd;
    ds->id = id;
    list_init(&ds->dirty_node);
    int r = object_hold(dd->dsl->mos, id, &ds->obj);
    if (r == 0 && (object_bonus_len(ds->obj) < sizeof(struct dsl_dataset_phys) ||
                   le64_get(dsl_dataset_phys(ds)->dir) != dd->id))
        r = E(-EBADMSG);
    if (r) {
        dataset_unload(ds);
        return err_set(reterr, r, "dataset %s: object %llu is not its head", dd->name,
                       (unsigned long long)id);
    }
    ds->deadlist.id = le64_get(dsl_dataset_phys(ds)->deadlist);
    *ret_ds = ds;
    return 0;
}

void dataset_unload(struct dsl_dataset *ds)
{
    list_remove(&ds->dirty_node);
    if (ds->os)
        objset_close(ds->os);
    object_release(ds->obj);
    free(ds->deadlist.e);
    free(ds);
}

int dataset_open_new(struct dsl_dataset *ds, enum objset_type type, struct err *reterr)
{
    struct objset *os;
    struct bp bp;
    do {
        bp = dsl_dataset_phys(ds)->bp;
        int r = objset_open(ds->dir->dsl->b, &bp, type, &dataset_ops, ds, &os, reterr);
        if (r)
            return r;
        /* Others may have opened it meanwhile, or written it and closed it again. */
        if (ds->opens == 0 && memcmp(&bp, &dsl_dataset_phys(ds)->bp, sizeof(bp)) == 0)
            ds->os = os;
        else
            objset_close(os);
    } while (!ds->os);
    ds->opens++;
    ds->type = objset_type(ds->os);
    return 0;
}

int dsl_dataset_open(struct dsl_dataset *ds, struct err *reterr)
{
    if (ds->opens > 0) {
        ds->opens++;
        return 0;
    }
    if (bp_is_hole(&dsl_dataset_phys(ds)->bp))
        return err_set(reterr, E(-EBADMSG), "dataset %s has no content", ds->dir->name);
    return dataset_open_new(ds, OBJSET_NONE, reterr);
}

void dsl_dataset_close(struct dsl_dataset *ds)
{
    if (--ds->opens == 0) {
        objset_close(ds->os);
        ds->os = NULL;
    }
}

/* ---- a txg --------------------------------------------------------------------------------------- */

/* Where a method is asked for that we don't write, OpenZFS's own default takes its place. */
void dsl_dataset_policy(struct dsl_dataset *ds, struct objset_policy *ret)
{
    uint64_t compress = ZCOMP_OFF, checksum = ZCHECK_ON, copies = 1;
    dsl_prop_u64(ds->dir, "compression", &compress, NULL);
    dsl_prop_u64(ds->dir, "checksum", &checksum, NULL);
    dsl_prop_u64(ds->dir, "copies", &copies, NULL);
    bool strong = checksum == ZCHECK_SHA256;
    copies = MAX(1u, MIN(copies, BP_DVAS));
    uint8_t lz4 = ds->dir->dsl->lz4 ? ZCOMP_LZ4 : ZCOMP_OFF;
    *ret = (struct objset_policy){
        .data_compress = compress == ZCOMP_OFF ? ZCOMP_OFF : lz4,
        .data_checksum = strong ? ZCHECK_SHA256 : ZCHECK_FLETCHER4,
        .data_copies = (uint8_t)copies,
        .meta_compress = lz4,
        .meta_checksum = strong ? ZCHECK_SHA256 : ZCHECK_FLETCHER4,
        .meta_copies = (uint8_t)MIN(copies + 1, BP_DVAS),
    };
}

void dsl_dataset_dirty(struct dsl_dataset *ds)
{
    if (list_empty(&ds->dirty_node))
        list_push(&ds->dir->dsl->dirty, &ds->dirty_node);
}

static int dataset_sync(struct dsl_dataset *ds)
{
    struct objset_policy policy;
    struct bp bp;
    dsl_dataset_policy(ds, &policy);
    objset_set_policy(ds->os, &policy);
    objset_begin(ds->os, ds->dir->dsl->txg);
    int r = ds->sync ? ds->sync(ds->arg, ds->dir->dsl->txg) : 0;
    if (r || !objset_is_dirty(ds->os))
        return r;
    r = objset_sync(ds->os, &bp);
    if (r)
        return r;
    dataset_change(ds)->bp = bp;
    dsl_dataset_settle(ds);
    return 0;
}

int dsl_sync(struct dsl *dsl)
{
    struct dsl_dataset *ds;
    list_for_each (ds, &dsl->dirty, dirty_node) {
        int r = dataset_sync(ds);
        if (r)
            return r;
    }
    return 0;
}

void dsl_committed(struct dsl *dsl)
{
    struct list *n;
    while ((n = list_pop(&dsl->dirty))) {
        struct dsl_dataset *ds = list_entry(n, struct dsl_dataset, dirty_node);
        objset_committed(ds->os);
        if (ds->committed)
            ds->committed(ds->arg, dsl->txg);
        for (; ds->close_committed > 0; ds->close_committed--)
            dsl_dataset_close(ds);
    }
}

enum objset_type dsl_dataset_type(struct dsl_dataset *ds)
{
    if (ds->type == OBJSET_NONE && dsl_dataset_open(ds, NULL) == 0) {
        ds->type = objset_type(ds->os);
        dsl_dataset_close(ds);
    }
    return ds->type;
}

bool dsl_dataset_is_going(const struct dsl_dataset *ds)
{
    return le64_get(dsl_dataset_phys(ds)->flags) & DS_FLAG_INCONSISTENT;
}

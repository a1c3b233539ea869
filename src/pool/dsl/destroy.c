/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Destroying a volume or an empty folder (OpenZFS dsl_destroy_head()). A volume's blocks are freed over as many txgs as it takes,
 * with the dataset marked inconsistent, so that an import after a crash, ours or OpenZFS's, goes on with it. What is
 * left then, the objset's own few blocks and the records, goes in the last txg.
 */
#include "pool/dsl/dsl_int.h"

#include <errno.h>

int dsl_destroy_begin(struct dsl_dir *dd, struct err *reterr)
{
    char name[DSL_NAME_MAX + 1];
    uint64_t snapshots;
    dsl_dir_name(dd, name);
    if (!dd->parent)
        return err_set(reterr, E(-EINVAL), "the root dataset goes with its pool only");
    if (!list_empty(&dd->children))
        return err_set(reterr, E(-EBUSY), "dataset %s has children: destroy them first", name);
    int r = zap_count(dd->dsl->mos, le64_get(dsl_dataset_phys(dd->head)->snapnames_zap),
                      &snapshots);
    if (r)
        return err_set(reterr, r, "dataset %s: its snapshots cannot be read", name);
    if (snapshots)
        return err_set(reterr, E(-EBUSY), "dataset %s has %llu snapshots", name,
                       (unsigned long long)snapshots);
    struct dsl_dataset_phys *p = dataset_change(dd->head);
    p->flags = le64_make(le64_get(p->flags) | DS_FLAG_INCONSISTENT);
    return 0;
}

/* ---- freeing what is in it ----------------------------------------------------------------------- */

/* 1: there is more, or something was freed in this txg. */
static int free_content(struct dsl_dir *dd, uint64_t max_blocks)
{
    struct dsl_dataset *ds = dd->head;
    struct object *obj;
    if (ds->destroy_next == UINT64_MAX)
        return 0;
    int r = dsl_dataset_open(ds, NULL);
    if (r)
        return r;
    objset_begin(ds->os, dd->dsl->txg);
    r = object_hold(ds->os, ZVOL_DATA, &obj);
    if (r == 0) {
        uint64_t end = object_max_block(obj) + 1, next;
        r = object_free_blocks(obj, ds->destroy_next, end - MIN(end, ds->destroy_next),
                               max_blocks, &next);
        if (r == 0)
            ds->destroy_next = next >= end ? UINT64_MAX : next;
        object_release(obj);
    } else if (r == -ENOENT) {
        ds->destroy_next = UINT64_MAX;
        r = 0;
    }
    if (r == 0)
        dsl_dataset_dirty(ds);
    return r ? r : 1;
}

struct rest {
    struct dsl *dsl;
    uint64_t min_birth;
};

static int rest_free(void *arg, const struct bp *bp, uint64_t object, unsigned level,
                     uint64_t blkid)
{
    struct rest *rest = arg;
    (void)object, (void)level, (void)blkid;
    return bp_ndvas(bp) ? block_free(rest->dsl->b, rest->dsl->txg, bp) : 0;
}

/* The objset block, the dnodes and whatever else is left, then what accounting says of it. */
static int free_rest(struct dsl_dir *dd)
{
    const struct dsl_dataset_phys *p = dsl_dataset_phys(dd->head);
    struct rest rest = {dd->dsl, le64_get(p->prev_snap_txg)};
    struct traverse t = {
        .min_birth = rest.min_birth,
        .hint = BLOCK_STREAM,
        .visit = rest_free,
        .arg = &rest,
    };
    int r = objset_traverse(dd->dsl->b, &p->bp, &t);
    if (r)
        return r;
    const struct dsl_dir_phys *d = dsl_dir_phys(dd);
    int64_t by[DD_USED_NUM];
    for (unsigned i = 0; i < DD_USED_NUM; i++)
        by[i] = -(int64_t)le64_get(d->used_breakdown[i]);
    int64_t comp = -(int64_t)le64_get(d->compressed), un = -(int64_t)le64_get(d->uncompressed);
    r = dsl_set_reservation(dd, 0);
    if (r == 0)
        dsl_dir_charge(dd, by, comp, un);
    return r;
}

/* ---- the records --------------------------------------------------------------------------------- */

/* The origin of a clone loses it. */
static int origin_leave(struct dsl_dir *dd)
{
    struct dsl *dsl = dd->dsl;
    uint64_t origin = le64_get(dsl_dir_phys(dd)->origin);
    if (origin == dsl->origin_snap)
        return origin_count(dsl, dd->head->id, -1);
    struct object *snap, *dir;
    int r = object_hold(dsl->mos, origin, &snap);
    if (r)
        return r;
    struct dsl_dataset_phys *p = object_bonus_change(snap);
    le64_add(&p->num_children, -1);
    uint64_t clones = le64_get(p->next_clones), snap_dir = le64_get(p->dir);
    object_release(snap);
    r = zap_remove_int(dsl->mos, clones, dd->head->id);
    if (r == 0)
        r = object_hold(dsl->mos, snap_dir, &dir);
    if (r)
        return r;
    clones = le64_get(((const struct dsl_dir_phys *)object_bonus(dir))->clones_zap);
    object_release(dir);
    return zap_remove_int(dsl->mos, clones, dd->head->id);
}

static int records_destroy(struct dsl_dir *dd)
{
    struct dsl *dsl = dd->dsl;
    const struct dsl_dir_phys *d = dsl_dir_phys(dd);
    const struct dsl_dataset_phys *p = dsl_dataset_phys(dd->head);
    const uint64_t objects[] = {
        le64_get(p->snapnames_zap),
        dd->head->id,
        le64_get(d->props_zap),
        le64_get(d->child_zap),
        le64_get(d->deleg_zap),
        le64_get(d->clones_zap),
        dd->id,
    };
    uint64_t parent_zap = le64_get(dsl_dir_phys(dd->parent)->child_zap);
    int r = zap_remove(dsl->mos, parent_zap, dd->name);
    if (r == 0)
        r = origin_leave(dd);
    if (r == 0)
        r = deadlist_destroy(dsl, le64_get(p->deadlist));
    dir_unload(dd);
    for (unsigned i = 0; r == 0 && i < ARRAY_LEN(objects); i++)
        r = objects[i] ? object_destroy(dsl->mos, objects[i]) : 0;
    return r;
}

int dsl_destroy_step(struct dsl_dir *dd, uint64_t max_blocks)
{
    int r = free_content(dd, max_blocks);
    if (r)
        return r;
    while (dd->head->opens > 0)
        dsl_dataset_close(dd->head);
    r = free_rest(dd);
    return r ? r : records_destroy(dd);
}

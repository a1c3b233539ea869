/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Destroying a volume or an empty folder (OpenZFS dsl_destroy_head()). A volume's blocks are freed over as many txgs as it takes,
 * with the dataset marked inconsistent, so that an import after a crash, ours or OpenZFS's, goes on with it. What is
 * left then, the objset's own few blocks and the records, goes in the last txg.
 */
#include "pool/dsl/dsl_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file system with more objects has files: it isn't ours to free, and not in one txg. */
#define FOLDER_OBJECTS 64u

/* -EBUSY, with as many names as there is room for. */
static int snapshots_refuse(struct dsl_dir *dd, const char *name, struct err *reterr)
{
    struct dsl_snapshot *snaps = NULL;
    unsigned n = 0;
    char names[128] = "";
    int r = dsl_snapshots(dd, &snaps, &n);
    for (unsigned i = 0; r == 0 && i < n; i++) {
        size_t at = strlen(names);
        int len = snprintf(names + at, sizeof(names) - at, " @%s", snaps[i].name);
        if (len < 0 || (size_t)len >= sizeof(names) - at) {
            names[at] = 0;
            break;
        }
    }
    free(snaps);
    if (r)
        return err_set(reterr, r, "dataset %s: its snapshots cannot be read", name);
    if (n)
        return err_set(reterr, E(-EBUSY),
                       "dataset %.64s has %u snapshots:%s: destroy them first", name, n, names);
    return 0;
}

/* What receives left half done looks the same, but for what they keep to go on with, which makes the record a ZAP. */
bool dsl_destroy_is_ours(struct dsl_dir *dd)
{
    return dd->parent && dd->head && dsl_dataset_is_going(dd->head) &&
           object_type(dd->head->obj) == DMU_DSL_DATASET &&
           (dsl_dataset_type(dd->head) == OBJSET_ZVOL ||
            bp_fill(&dsl_dataset_phys(dd->head)->bp) <= FOLDER_OBJECTS);
}

int dsl_destroy_begin(struct dsl_dir *dd, struct err *reterr)
{
    char name[DSL_NAME_MAX + 1];
    dsl_dir_name(dd, name);
    if (!dd->parent)
        return err_set(reterr, E(-EINVAL), "the root dataset goes with its pool only");
    if (!list_empty(&dd->children))
        return err_set(reterr, E(-EBUSY), "dataset %s has children: destroy them first", name);
    int r = snapshots_refuse(dd, name, reterr);
    if (r)
        return r;
    if (dsl_dataset_type(dd->head) != OBJSET_ZVOL &&
        bp_fill(&dsl_dataset_phys(dd->head)->bp) > FOLDER_OBJECTS)
        return err_set(reterr, E(-EBUSY), "folder %s holds files: destroy it with OpenZFS",
                       name);
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
    if (r || dd->holds > 0)
        return r ? r : 1;
    while (dd->head->opens > 0)
        dsl_dataset_close(dd->head);
    r = free_rest(dd);
    return r ? r : records_destroy(dd);
}

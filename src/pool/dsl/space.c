/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Space accounting (OpenZFS dsl_dir_diduse_space(), dsl_dataset_block_born() and _kill()). While a txg is written, what is born
 * and killed is summed per dataset (struct dsl_delta); when the dataset is done the sums go to its record and
 * up the directories once. That gives the same numbers as block by block, because what a reservation absorbs depends
 * only on the values before and after.
 *
 * The MOS counts itself: its totals stand in $MOS's record, which is in the MOS. So that record and the root's are dirtied
 * before the MOS is planned (touch) and get their numbers when every MOS block has its place (settle).
 */
#include "pool/dsl/dsl_int.h"

#include <assert.h>
#include <errno.h>

/* What a directory takes from its parent. */
static uint64_t taken(const struct dsl_dir_phys *p)
{
    uint64_t used = le64_get(p->used), reserved = le64_get(p->reserved);
    return MAX(used, reserved);
}

void dsl_dir_charge(struct dsl_dir *dd, const int64_t by[DD_USED_NUM], int64_t comp,
                    int64_t uncomp)
{
    int64_t step[DD_USED_NUM];
    for (unsigned i = 0; i < DD_USED_NUM; i++)
        step[i] = by[i];
    for (; dd; dd = dd->parent) {
        struct dsl_dir_phys *p = dir_change(dd);
        uint64_t before = taken(p);
        int64_t used = 0;
        for (unsigned i = 0; i < DD_USED_NUM; i++) {
            le64_add(&p->used_breakdown[i], step[i]);
            used += step[i];
            step[i] = 0;
        }
        le64_add(&p->used, used);
        le64_add(&p->compressed, comp);
        le64_add(&p->uncompressed, uncomp);
        /* The reservation gives up what the children's use now fills, or takes it back. */
        int64_t up = (int64_t)(taken(p) - before);
        step[DD_CHILD] = used;
        step[DD_CHILD_RSRV] = up - used;
    }
}

/* The part of a refreservation that the dataset's own blocks don't fill. */
static uint64_t unfilled(uint64_t refreservation, uint64_t unique)
{
    return refreservation > unique ? refreservation - unique : 0;
}

static uint64_t refreservation(const struct dsl_dir *dd)
{
    uint64_t v = 0;
    dsl_prop_u64(dd, "refreservation", &v, NULL);
    return v;
}

void dsl_dataset_settle(struct dsl_dataset *ds)
{
    struct dsl_delta d = ds->delta;
    ds->delta = (struct dsl_delta){0};
    struct dsl_dataset_phys *p = object_bonus_change(ds->obj);
    uint64_t reserve = refreservation(ds->dir), before = unfilled(reserve, le64_get(p->unique));
    le64_add(&p->referenced, d.ref);
    le64_add(&p->compressed, d.comp);
    le64_add(&p->uncompressed, d.uncomp);
    le64_add(&p->unique, d.unique);
    uint64_t after = unfilled(reserve, le64_get(p->unique));
    int64_t by[DD_USED_NUM] = {
        [DD_HEAD] = d.unique - d.to_snap,
        [DD_SNAP] = d.to_snap,
        [DD_REFRSRV] = (int64_t)(after - before),
    };
    dsl_dir_charge(ds->dir, by, d.dir_comp, d.dir_uncomp);
}

/* The property beside the record; 0: none. */
static int limit_set(struct dsl_dir *dd, const char *name, uint64_t bytes)
{
    int r = bytes ? dsl_prop_set_u64(dd, name, bytes) : dsl_prop_remove(dd, name);
    return r == -ENOENT ? 0 : r;
}

int dsl_set_quota(struct dsl_dir *dd, uint64_t bytes)
{
    int r = limit_set(dd, "quota", bytes);
    if (r == 0)
        dir_change(dd)->quota = le64_make(bytes);
    return r;
}

int dsl_set_refquota(struct dsl_dir *dd, uint64_t bytes)
{
    return limit_set(dd, "refquota", bytes);
}

int dsl_set_reservation(struct dsl_dir *dd, uint64_t bytes)
{
    int r = limit_set(dd, "reservation", bytes);
    if (r)
        return r;
    struct dsl_dir_phys *p = dir_change(dd);
    uint64_t before = taken(p);
    p->reserved = le64_make(bytes);
    int64_t by[DD_USED_NUM] = {[DD_CHILD_RSRV] = (int64_t)(taken(p) - before)};
    if (dd->parent)
        dsl_dir_charge(dd->parent, by, 0, 0);
    return 0;
}

int dsl_set_refreservation(struct dsl_dir *dd, uint64_t bytes)
{
    uint64_t unique = le64_get(dsl_dataset_phys(dd->head)->unique);
    uint64_t before = unfilled(refreservation(dd), unique);
    int r = limit_set(dd, "refreservation", bytes);
    if (r)
        return r;
    int64_t by[DD_USED_NUM] = {[DD_REFRSRV] = (int64_t)(unfilled(bytes, unique) - before)};
    dsl_dir_charge(dd, by, 0, 0);
    return 0;
}

/* What a charge of that much to dd comes to at the ancestor above it (would_change()). */
static int64_t reaches(const struct dsl_dir *dd, int64_t by, const struct dsl_dir *ancestor)
{
    for (; dd != ancestor; dd = dd->parent) {
        const struct dsl_dir_phys *p = dsl_dir_phys(dd);
        uint64_t used = le64_get(p->used), reserved = le64_get(p->reserved);
        by = (int64_t)(MAX(used + (uint64_t)by, reserved) - MAX(used, reserved));
    }
    return by;
}

/* Climbs to the root: each level's quota, and its unused reservation as an extra of its own (OpenZFS
 * dsl_dir_space_available()). As if the ancestor used delta less. */
static uint64_t available_after(const struct dsl_dir *dd, uint64_t capacity,
                                const struct dsl_dir *ancestor, uint64_t delta)
{
    const struct dsl_dir_phys *p = dsl_dir_phys(dd);
    uint64_t used = le64_get(p->used), quota = le64_get(p->quota);
    uint64_t reserved = le64_get(p->reserved), avail = UINT64_MAX;
    if (quota == 0)
        quota = UINT64_MAX;
    if (dd->parent)
        avail = available_after(dd->parent, capacity, ancestor, delta);
    else
        quota = MIN(quota, capacity);
    if (reserved > used && avail != UINT64_MAX)
        avail += MIN(reserved - used, UINT64_MAX - avail);
    if (dd == ancestor) {
        used -= MIN(used, delta);
        avail += MIN(delta, UINT64_MAX - avail);
    }
    return MIN(avail, quota > used ? quota - used : 0);
}

uint64_t dsl_dir_available(const struct dsl_dir *dd, uint64_t capacity)
{
    return available_after(dd, capacity, NULL, 0);
}

bool dsl_dir_fits(const struct dsl_dir *dd, const struct dsl_dir *parent, uint64_t capacity)
{
    const struct dsl_dir *common = parent;
    const struct dsl_dir *up = dd->parent;
    for (; common; common = common->parent) {
        for (up = dd->parent; up && up != common; up = up->parent)
            ;
        if (up)
            break;
    }
    uint64_t space = taken(dsl_dir_phys(dd));
    int64_t less = reaches(dd->parent, -(int64_t)space, common);
    return available_after(parent, capacity, common, (uint64_t)-less) >= space;
}

uint64_t dsl_dataset_available(const struct dsl_dataset *ds, uint64_t capacity)
{
    const struct dsl_dataset_phys *p = dsl_dataset_phys(ds);
    uint64_t avail = dsl_dir_available(ds->dir, capacity), quota = 0;
    uint64_t referenced = le64_get(p->referenced);
    avail += unfilled(refreservation(ds->dir), le64_get(p->unique));
    if (dsl_prop_u64(ds->dir, "refquota", &quota, NULL) && quota)
        avail = MIN(avail, quota > referenced ? quota - referenced : 0);
    return avail;
}

void dsl_mos_touch(struct dsl *dsl)
{
    dir_change(dsl->mos_dir);
    dir_change(dsl->root);
}

void dsl_mos_settle(struct dsl *dsl)
{
    int64_t by[DD_USED_NUM] = {[DD_HEAD] = dsl->mos_used};
    int64_t comp = dsl->mos_comp, uncomp = dsl->mos_uncomp;
    dsl->mos_used = dsl->mos_comp = dsl->mos_uncomp = 0;
    dsl_dir_charge(dsl->mos_dir, by, comp, uncomp);
}

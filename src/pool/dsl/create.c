/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * New pools' skeletons and new datasets (OpenZFS dsl_pool_create(), dsl_dir_create_sync(),
 * dsl_dataset_create_sync()). Every ordinary dataset is a clone of the empty snapshot $ORIGIN@$ORIGIN, which
 * counts and lists them.
 *
 * An error after the first change leaves the txg half made: the pool doesn't commit it.
 */
#include "pool/dsl/dsl_int.h"
#include "pool/format/features.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define ENABLED_TXG       "com.delphix:enabled_txg"
#define FREE_BPOBJ_BLOCK  (128u << 10)
#define SYNC_BPLIST_BLOCK (16u << 10)
#define FSID_GUID_BITS    56

/* ---- records -------------------------------------------------------------------------------------- */

static int dir_create(struct dsl *dsl, uint64_t parent, uint64_t origin, uint64_t wall_sec,
                      uint64_t *ret_id)
{
    struct object_props props = {
        .type = DMU_DSL_DIR,
        .bonus_type = DMU_DSL_DIR,
        .bonus_len = sizeof(struct dsl_dir_phys),
        .block_size = 512,
    };
    uint64_t prop_zap, child_zap;
    struct object *obj;
    int r = object_create(dsl->mos, 0, &props, ret_id);
    if (r == 0)
        r = zap_create(dsl->mos, DMU_DSL_PROPS, DMU_NONE, 0, &prop_zap);
    if (r == 0)
        r = zap_create(dsl->mos, DMU_DSL_DIR_CHILD_MAP, DMU_NONE, 0, &child_zap);
    if (r == 0)
        r = object_hold(dsl->mos, *ret_id, &obj);
    if (r)
        return r;
    struct dsl_dir_phys *p = object_bonus_change(obj);
    p->creation_time = le64_make(wall_sec);
    p->parent = le64_make(parent);
    p->origin = le64_make(origin);
    p->props_zap = le64_make(prop_zap);
    p->child_zap = le64_make(child_zap);
    p->flags = le64_make(DD_FLAG_USED_BREAKDOWN);
    object_release(obj);
    return 0;
}

struct dataset_want {
    uint64_t dir, prev_snap, prev_snap_txg, creation_txg, wall_sec;
    bool snapshot; /* $ORIGIN@$ORIGIN: no names, a deadlist without keys */
};

static void dataset_fill(struct dsl_dataset_phys *p, const struct dataset_want *w,
                         uint64_t names, uint64_t deadlist)
{
    uint64_t guids[2];
    do
        run_random(guids, sizeof(guids));
    while (guids[0] << (64 - FSID_GUID_BITS) == 0 || guids[1] == 0);
    p->dir = le64_make(w->dir);
    p->prev_snap = le64_make(w->prev_snap);
    p->prev_snap_txg = le64_make(w->prev_snap_txg);
    p->snapnames_zap = le64_make(names);
    p->creation_time = le64_make(w->wall_sec);
    p->creation_txg = le64_make(w->creation_txg);
    p->deadlist = le64_make(deadlist);
    p->fsid_guid = le64_make(guids[0] & ((1ull << FSID_GUID_BITS) - 1));
    p->guid = le64_make(guids[1]);
    p->flags = le64_make(DS_FLAG_UNIQUE_ACCURATE);
}

static int dataset_create(struct dsl *dsl, const struct dataset_want *w, uint64_t *ret_id)
{
    struct object_props props = {
        .type = DMU_DSL_DATASET,
        .bonus_type = DMU_DSL_DATASET,
        .bonus_len = sizeof(struct dsl_dataset_phys),
        .block_size = 512,
    };
    uint64_t names = 0, deadlist = 0;
    struct object *obj;
    int r = object_create(dsl->mos, 0, &props, ret_id);
    if (r == 0 && !w->snapshot)
        r = zap_create(dsl->mos, DMU_DSL_DS_SNAP_MAP, DMU_NONE, 0, &names);
    if (r == 0)
        r = deadlist_create(dsl, &deadlist, !w->snapshot);
    if (r == 0)
        r = object_hold(dsl->mos, *ret_id, &obj);
    if (r)
        return r;
    dataset_fill(object_bonus_change(obj), w, names, deadlist);
    object_release(obj);
    return 0;
}

/* Changes one field of an object's record. */
static int record_set(struct dsl *dsl, uint64_t id, size_t at, uint64_t v)
{
    struct object *obj;
    int r = object_hold(dsl->mos, id, &obj);
    if (r)
        return r;
    le64 le = le64_make(v);
    memcpy((uint8_t *)object_bonus_change(obj) + at, &le, sizeof(le));
    object_release(obj);
    return 0;
}
#define DIR_SET(dsl, id, field, v) record_set(dsl, id, offsetof(struct dsl_dir_phys, field), v)
#define DATASET_SET(dsl, id, field, v)                                                         \
    record_set(dsl, id, offsetof(struct dsl_dataset_phys, field), v)

/* A dataset springs from $ORIGIN@$ORIGIN (by 1) or leaves it (by -1). */
int origin_count(struct dsl *dsl, uint64_t dataset, int by)
{
    struct object *snap;
    int r = object_hold(dsl->mos, dsl->origin_snap, &snap);
    if (r)
        return r;
    struct dsl_dataset_phys *p = object_bonus_change(snap);
    le64_add(&p->num_children, by);
    object_release(snap);
    int (*change)(struct objset *, uint64_t, uint64_t) = by > 0 ? zap_add_int : zap_remove_int;
    r = change(dsl->mos, dsl->origin_clones, dataset);
    return r ? r : change(dsl->mos, dsl->origin_dir_clones, dataset);
}

/* ---- a dataset ---------------------------------------------------------------------------------- */

static int create_records(struct dsl *dsl, uint64_t parent, uint64_t wall_sec, uint64_t txg,
                          uint64_t *ret_dir)
{
    uint64_t dataset;
    int r = dir_create(dsl, parent, dsl->origin_snap, wall_sec, ret_dir);
    if (r)
        return r;
    struct dataset_want w = {
        .dir = *ret_dir,
        .prev_snap = dsl->origin_snap,
        .prev_snap_txg = TXG_ORIGIN,
        .creation_txg = txg,
        .wall_sec = wall_sec,
    };
    r = dataset_create(dsl, &w, &dataset);
    if (r == 0)
        r = DIR_SET(dsl, *ret_dir, head_dataset, dataset);
    return r ? r : origin_count(dsl, dataset, 1);
}

static int create_check(struct dsl_dir *parent, const char *component, struct err *reterr)
{
    char above[DSL_NAME_MAX + 1];
    int r = dsl_name_check(component, reterr);
    if (r)
        return r;
    if (strchr(component, '/'))
        return err_set(reterr, E(-EINVAL), "name %s: not a single component", component);
    dsl_dir_name(parent, above);
    if (strlen(above) + 1 + strlen(component) + parent->dsl->name_over > DSL_NAME_MAX)
        return err_set(reterr, E(-ENAMETOOLONG), "%s/%s: longer than %u characters", above,
                       component, DSL_NAME_MAX);
    struct dsl_dir *there = dsl_child(parent, component);
    if (there)
        return err_set(
            reterr, E(-EEXIST), "dataset %s%s%s %s", above, *above ? "/" : "", component,
            there->head && dsl_dataset_is_going(there->head) ? "is still being destroyed"
                                                             : "exists already");
    if (parent->parent && dsl_dataset_type(parent->head) == OBJSET_ZVOL)
        return err_set(reterr, E(-EINVAL), "%s is a volume: it can't hold datasets", above);
    return 0;
}

int dsl_create(struct dsl_dir *parent, const char *component, enum objset_type type,
               uint64_t wall_sec, struct dsl_dir **ret_dd, struct err *reterr)
{
    struct dsl *dsl = parent->dsl;
    struct dsl_dir *dd;
    uint64_t id;
    int r = create_check(parent, component, reterr);
    if (r)
        return r;
    r = create_records(dsl, parent->id, wall_sec, dsl->txg, &id);
    if (r == 0)
        r = zap_set_u64(dsl->mos, le64_get(dsl_dir_phys(parent)->child_zap), component, id);
    if (r)
        return err_set(reterr, r, "dataset %s: its records cannot be written", component);
    r = dir_load(dsl, parent, component, id, &dd, reterr);
    if (r == 0)
        r = dataset_open_new(dd->head, type, reterr);
    if (r)
        return r;
    dd->head->close_committed++;
    objset_begin(dd->head->os, dsl->txg);
    dsl_dataset_dirty(dd->head);
    *ret_dd = dd;
    return 0;
}

/* ---- a pool's skeleton -------------------------------------------------------------------------- */

static int link_zap(struct dsl *dsl, const char *key, uint8_t type, uint64_t *ret_id)
{
    int r = zap_create(dsl->mos, type, DMU_NONE, 0, ret_id);
    return r ? r : zap_set_u64(dsl->mos, DMU_OBJECT_DIRECTORY, key, *ret_id);
}

static int link_bpobj(struct dsl *dsl, const char *key, uint32_t block_size)
{
    uint64_t id;
    int r = bpobj_create(dsl->mos, block_size, &id);
    return r ? r : zap_set_u64(dsl->mos, DMU_OBJECT_DIRECTORY, key, id);
}

static int features_create(struct dsl *dsl, uint64_t txg)
{
    uint64_t described, dated = 0;
    int r = link_zap(dsl, "features_for_read", DMU_ZAP_METADATA, &dsl->feat_read);
    if (r == 0)
        r = link_zap(dsl, "features_for_write", DMU_ZAP_METADATA, &dsl->feat_write);
    if (r == 0)
        r = link_zap(dsl, "feature_descriptions", DMU_ZAP_METADATA, &described);
    if (r == 0)
        r = link_zap(dsl, "feature_enabled_txg", DMU_ZAP_METADATA, &dsl->feat_enabled_txg);
    unsigned n;
    const struct feature *f = feature_table(&n);
    for (; r == 0 && n > 0; n--, f++) {
        if (!(f->flags & FEATURE_CREATE))
            continue;
        uint64_t zap = f->flags & FEATURE_READ_ONLY_OK ? dsl->feat_write : dsl->feat_read;
        r = zap_set_u64(dsl->mos, zap, f->guid, f->flags & FEATURE_AT_ONCE ? 1 : 0);
        if (r == 0 && strcmp(f->guid, ENABLED_TXG) != 0) {
            r = zap_set_u64(dsl->mos, dsl->feat_enabled_txg, f->guid, txg);
            dated++;
        }
    }
    return r ? r : zap_set_u64(dsl->mos, dsl->feat_write, ENABLED_TXG, dated);
}

/* A directory of the pool's own below the root. */
static int special_dir(struct dsl *dsl, uint64_t root, const char *name, uint64_t wall_sec,
                       uint64_t *ret_id)
{
    uint64_t child_zap;
    struct object *obj;
    int r = dir_create(dsl, root, 0, wall_sec, ret_id);
    if (r == 0)
        r = object_hold(dsl->mos, root, &obj);
    if (r)
        return r;
    const struct dsl_dir_phys *p = object_bonus(obj);
    child_zap = le64_get(p->child_zap);
    object_release(obj);
    return zap_set_u64(dsl->mos, child_zap, name, *ret_id);
}

/* $ORIGIN: an empty head and its one snapshot, which all datasets are clones of. */
static int origin_create(struct dsl *dsl, uint64_t root, uint64_t wall_sec)
{
    uint64_t dir, head, names;
    int r = special_dir(dsl, root, "$ORIGIN", wall_sec, &dir);
    struct dataset_want w = {
        .dir = dir,
        .creation_txg = TXG_ORIGIN,
        .wall_sec = wall_sec,
        .snapshot = true,
    };
    if (r == 0)
        r = dataset_create(dsl, &w, &dsl->origin_snap);
    w.snapshot = false;
    w.prev_snap = dsl->origin_snap;
    w.prev_snap_txg = TXG_ORIGIN;
    if (r == 0)
        r = dataset_create(dsl, &w, &head);
    if (r == 0)
        r = zap_create(dsl->mos, DMU_NEXT_CLONES, DMU_NONE, 0, &dsl->origin_clones);
    if (r == 0)
        r = zap_create(dsl->mos, DMU_DSL_CLONES, DMU_NONE, 0, &dsl->origin_dir_clones);
    if (r == 0)
        r = DATASET_SET(dsl, dsl->origin_snap, next_snap, head);
    if (r == 0)
        r = DATASET_SET(dsl, dsl->origin_snap, num_children, 1);
    if (r == 0)
        r = DATASET_SET(dsl, dsl->origin_snap, next_clones, dsl->origin_clones);
    if (r == 0)
        r = DIR_SET(dsl, dir, head_dataset, head);
    if (r == 0)
        r = DIR_SET(dsl, dir, clones_zap, dsl->origin_dir_clones);
    struct object *obj;
    if (r || (r = object_hold(dsl->mos, head, &obj)) != 0)
        return r;
    const struct dsl_dataset_phys *p = object_bonus(obj);
    names = le64_get(p->snapnames_zap);
    object_release(obj);
    return zap_set_u64(dsl->mos, names, "$ORIGIN", dsl->origin_snap);
}

/* The root directory is made first and gets its head when there is an origin to spring from. */
static int root_create(struct dsl *dsl, uint64_t wall_sec)
{
    uint64_t root, dataset, unused;
    int r = dir_create(dsl, 0, 0, wall_sec, &root);
    if (r == 0)
        r = zap_set_u64(dsl->mos, DMU_OBJECT_DIRECTORY, "root_dataset", root);
    if (r == 0)
        r = special_dir(dsl, root, "$MOS", wall_sec, &unused);
    if (r == 0)
        r = special_dir(dsl, root, "$FREE", wall_sec, &unused);
    if (r == 0)
        r = origin_create(dsl, root, wall_sec);
    struct dataset_want w = {
        .dir = root,
        .prev_snap = dsl->origin_snap,
        .prev_snap_txg = TXG_ORIGIN,
        .creation_txg = TXG_ORIGIN,
        .wall_sec = wall_sec,
    };
    if (r == 0)
        r = dataset_create(dsl, &w, &dataset);
    if (r == 0)
        r = DIR_SET(dsl, root, head_dataset, dataset);
    if (r == 0)
        r = DIR_SET(dsl, root, origin, dsl->origin_snap);
    return r ? r : origin_count(dsl, dataset, 1);
}

int dsl_skeleton(struct dsl *dsl, struct blocks *b, struct objset *mos, uint64_t txg,
                 uint64_t wall_sec)
{
    uint64_t directory;
    struct err err;
    dsl->mos = mos;
    int r = zap_create(mos, DMU_OBJECT_DIRECTORY, DMU_NONE, 0, &directory);
    if (r)
        return r;
    assert(directory == DMU_OBJECT_DIRECTORY); /* the first object of all */
    r = zap_set_u64(mos, directory, "deflate", 1);
    if (r == 0)
        r = zap_set_u64(mos, directory, "creation_version", ZFS_VERSION);
    if (r == 0)
        r = link_bpobj(dsl, "free_bpobj", FREE_BPOBJ_BLOCK);
    if (r == 0)
        r = link_bpobj(dsl, "sync_bplist", SYNC_BPLIST_BLOCK);
    if (r == 0)
        r = features_create(dsl, txg);
    if (r == 0)
        r = root_create(dsl, wall_sec);
    if (r == 0)
        r = dsl_load(dsl, b, mos, &err);
    if (r)
        return r;
    dsl->txg = txg;
    r = dataset_open_new(dsl->root->head, OBJSET_ZFS, &err);
    if (r)
        return r;
    dsl->root->head->close_committed++;
    objset_begin(dsl->root->head->os, txg);
    dsl_dataset_dirty(dsl->root->head);
    return 0;
}

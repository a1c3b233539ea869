/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening and closing a volume, and what of the contract is neither reading nor writing. */
#include "pool/zvol/zvol_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int pvol_flush(struct volume *v)
{
    struct zil *zil = pvol_of(v)->zil;
    return zil ? zil_flush(zil) : 0;
}

void volume_size_is(struct dsl_dataset *ds, uint64_t size)
{
    if (ds->sync != pvol_sync)
        return;
    struct pvol *pv = ds->arg;
    pv->v.geo.size = size;
    pv->commits++;
    shortcut_drop(pv, 0, UINT64_MAX); /* what is cut off goes without this volume's tables */
    volume_changed(&pv->v, VOL_CHANGED_SIZE);
}

static int pvol_resize(struct volume *v, uint64_t new_size)
{
    struct pvol *pv = pvol_of(v);
    char name[DSL_NAME_MAX + 1];
    if (new_size == 0)
        return 0;
    int r = suspend_pass(pv->p);
    if (r)
        return r;
    dsl_dir_name(pv->ds->dir, name); /* it may have been renamed since it was opened */
    return pool_volume_resize(pv->p, name, new_size, NULL);
}

static int pvol_space(struct volume *v, struct volume_space *ret)
{
    struct pvol *pv = pvol_of(v);
    ret->used = le64_get(dsl_dataset_phys(pv->ds)->referenced);
    ret->available = dsl_dataset_available(pv->ds, pool_capacity(pv->p));
    ret->warn_below = pool_warn_below(pv->p, ret->available);
    return 0;
}

static void pvol_close(struct volume *v)
{
    struct pvol *pv = pvol_of(v);
    ahead_stop(pv);
    if (pv->p->txgs.running)
        txg_wait(pv->p, 0);
    shortcut_drop(pv, 0, UINT64_MAX);
    zil_close(pv->zil);
    for (unsigned i = 0; i < TXG_SLOTS; i++) {
        pv->dirty[i].unplace = pvol_place_forget;
        pvol_count_dirty(pv, -(int64_t)pv->dirty[i].nblocks);
        vdirty_clear(&pv->dirty[i]);
    }
    list_remove(&pv->node);
    pv->ds->sync = NULL;
    pv->ds->committed = NULL;
    object_release(pv->data);
    dsl_dataset_close(pv->ds);
    pv->p->open_volumes--;
    free(pv);
}

static const struct volume_ops pvol_ops = {
    .engine = "pool",
    .read = pvol_read,
    .write = pvol_write,
    .write_zeroes = pvol_write_zeroes,
    .discard = pvol_discard,
    .flush = pvol_flush,
    .extents = pvol_extents,
    .resize = pvol_resize,
    .space = pvol_space,
    .get_attr = pvol_get_attr,
    .set_attr = pvol_set_attr,
    .list_attr = pvol_list_attr,
    .close = pvol_close,
};

bool pool_volume_is(struct volume *v, const char *dataset)
{
    const struct pvol *pv = pvol_of(v);
    char below[DSL_NAME_MAX + 1];
    size_t len = strlen(pv->p->name);
    if (v->ops != &pvol_ops)
        return false;
    dsl_dir_name(pv->ds->dir, below);
    return strncmp(dataset, pv->p->name, len) == 0 && dataset[len] == '/' &&
           strcmp(dataset + len + 1, below) == 0;
}

/* ---- opening ----------------------------------------------------------------------------------------------------------- */

static enum volume_sync sync_of(const struct dsl_dir *dd)
{
    static const enum volume_sync by_value[] = {VOL_SYNC_STANDARD, VOL_SYNC_ALWAYS,
                                                VOL_SYNC_DISABLED};
    uint64_t v;
    if (!dsl_prop_u64(dd, "sync", &v, NULL) || v >= ARRAY_LEN(by_value))
        return VOL_SYNC_ALWAYS;
    return by_value[v];
}

static bool is_read_only(const struct pvol *pv)
{
    uint64_t on = 0;
    dsl_prop_u64(pv->ds->dir, "readonly", &on, NULL);
    return pv->p->read_only || on;
}

/* Compression and checksum are looked up for every txg. */
int volumes_follow(struct pool *p)
{
    struct pvol *pv;
    bool stricter = false;
    list_for_each (pv, &p->volumes, node) {
        pvol_cost_set(pv);
        enum volume_sync sync = sync_of(pv->ds->dir);
        bool read_only = is_read_only(pv);
        if (sync == pv->v.sync && read_only == pv->v.geo.read_only)
            continue;
        stricter = stricter || (sync != pv->v.sync && sync != VOL_SYNC_DISABLED);
        pv->v.sync = sync;
        pv->v.write_cache = sync != VOL_SYNC_ALWAYS;
        pv->v.geo.read_only = read_only;
        volume_changed(&pv->v, VOL_CHANGED_POLICY);
    }
    return stricter ? txg_wait(p, 0) : 0;
}

static void geometry(struct pvol *pv, uint64_t size)
{
    pv->v.geo = (struct volume_geometry){
        .size = size,
        .block_size = 512,
        .physical_block = 4096,
        .unmap_granularity = pv->bs,
        .atomic_max = ATOMIC_MAX,
        .thin = true,
        .read_only = is_read_only(pv),
        .rotational = true, /* nobody asked the disks */
    };
}

/* The volume's id: its dataset's guid, which no other dataset has. */
static struct uuid volume_id(uint64_t pool_guid, uint64_t guid)
{
    struct uuid id;
    memcpy(id.b, &pool_guid, 8);
    memcpy(id.b + 8, &guid, 8);
    return id;
}

static int open_objects(struct pvol *pv, uint64_t *ret_size, struct err *reterr)
{
    int r = dsl_dataset_open(pv->ds, reterr);
    if (r)
        return r;
    r = objset_type(pv->ds->os) == OBJSET_ZVOL
            ? 0
            : err_set(reterr, E(-EINVAL), "%s is no volume", pv->ds->dir->name);
    if (r == 0)
        r = zap_get_u64(pv->ds->os, ZVOL_PROPS, "size", ret_size);
    if (r == 0)
        r = object_hold(pv->ds->os, ZVOL_DATA, &pv->data);
    if (r == 0) {
        pv->bs = object_block_size(pv->data);
        if (!is_pow2(pv->bs) || pv->bs < 512 || *ret_size % pv->bs)
            r = err_set(reterr, E(-EBADMSG), "volume %s: its size is no whole blocks",
                        pv->ds->dir->name);
    }
    if (r) {
        object_release(pv->data);
        dsl_dataset_close(pv->ds);
    }
    return r;
}

/* What a crash in the middle of shrinking left goes. */
static int tail_free(struct pvol *pv, struct err *reterr)
{
    if (pv->p->read_only || object_max_block(pv->data) < pv->v.geo.size / pv->bs)
        return 0;
    return volume_tail_free(pv->p, pv->ds->dir, pv->v.geo.size, pv->bs, reterr);
}

/* Without them reading takes longer, no more. */
static void shortcuts_make(struct pool *p)
{
    struct cache_stats st;
    cache_stats(p->blocks.cache, &st);
    if (!p->shortcuts)
        p->shortcuts = shortcuts_new(st.budget);
}

/* dd is held. */
static int dir_open(struct pool *p, struct dsl_dir *dd, const char *name, struct volume **ret_v,
                    struct err *reterr)
{
    uint64_t size;
    struct pvol *pv = calloc(1, sizeof(*pv));
    if (!pv)
        return err_set(reterr, E(-ENOMEM), "volume %s: no memory", name);
    pv->p = p;
    pv->ds = dd->head;
    waitq_init(&pv->ahead.idle);
    shortcuts_make(p);
    int r = open_objects(pv, &size, reterr);
    if (r) {
        free(pv);
        return r;
    }
    if (dd->head->sync || dsl_dataset_is_going(dd->head)) { /* since this began */
        object_release(pv->data);
        dsl_dataset_close(pv->ds);
        free(pv);
        return err_set(reterr, E(-EBUSY), "volume %s/%s is in use", p->name, name);
    }
    for (unsigned i = 0; i < TXG_SLOTS; i++)
        vdirty_init(&pv->dirty[i], pvol_unplace, pv);
    pvol_cost_set(pv);
    pv->guid = le64_get(dsl_dataset_phys(pv->ds)->guid);
    struct uuid id = volume_id(p->guid, pv->guid);
    volume_init(&pv->v, &pvol_ops, name, &id, sync_of(dd));
    geometry(pv, size);
    pv->ds->sync = pvol_sync;
    pv->ds->committed = pvol_committed;
    pv->ds->arg = pv;
    list_push(&p->volumes, &pv->node);
    p->open_volumes++;
    r = pvol_log_start(pv, reterr);
    if (r == 0)
        r = tail_free(pv, reterr);
    if (r) {
        pvol_close(&pv->v);
        return r;
    }
    *ret_v = &pv->v;
    return 0;
}

int pool_volume_open(struct pool *p, const char *name, struct volume **ret_v,
                     struct err *reterr)
{
    struct dsl_dir *dd = dsl_find(&p->dsl, name);
    if (!dd || !dd->head || dsl_dataset_is_going(dd->head))
        return err_set(reterr, E(-ENOENT), "pool %s has no volume %s", p->name, name);
    if (dd->head->sync)
        return err_set(reterr, E(-EBUSY), "volume %s/%s is open already", p->name, name);
    dsl_dir_hold(dd);
    int r = dir_open(p, dd, name, ret_v, reterr);
    dsl_dir_release(dd);
    return r;
}

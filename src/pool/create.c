/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Creating a pool (OpenZFS spa_create()): checks that touch no byte of the disks, then labels wiped, the skeleton, and a first commit,
 * which writes labels and the first uberblock in the usual order. A crash before it leaves disks without labels.
 */
#include "pool/format/features.h"
#include "pool/pool_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *type;
    unsigned nparity, min_leaves;
} layouts[] = {
    [LAYOUT_SINGLE] = {NULL,     0, 1},
      [LAYOUT_MIRROR] = {"mirror", 0, 2},
    [LAYOUT_RAIDZ1] = {"raidz",  1, 2},
      [LAYOUT_RAIDZ2] = {"raidz",  2, 3},
    [LAYOUT_RAIDZ3] = {"raidz",  3, 4},
};

static uint64_t new_guid(void)
{
    uint64_t guid;
    do
        run_random(&guid, sizeof(guid));
    while (guid == 0);
    return guid;
}

/* ---- checks ------------------------------------------------------------------------------------------- */

static int check_disk(const struct pool_create_want *want, const char *path, bool *ret_blockdev,
                      struct err *reterr)
{
    struct file_opts opts = {.mode = FILE_RDONLY};
    struct file *f;
    struct label_info label;
    int r = file_open(path, &opts, &f, reterr);
    if (r)
        return r;
    *ret_blockdev = file_info(f)->is_blockdev;
    uint64_t size = label_psize(file_info(f)->size);
    r = label_read(f, UINT64_MAX, &label, NULL);
    file_close(f);
    if (size < VDEV_MIN_SIZE)
        r = err_set(reterr, E(-EINVAL), "%s: smaller than 64 MiB", path);
    if (r == -ENODATA)
        return 0;
    if (r)
        return r == -EINVAL ? r : 0;
    uint64_t state = POOL_STATE_ACTIVE;
    const char *name = "?";
    nv_get_u64(label.config, "state", &state);
    nv_get_str(label.config, "name", &name);
    if (!want->force && state != POOL_STATE_DESTROYED)
        r = err_set(reterr, E(-EBUSY), "%s belongs to pool %s (%s): use -f to overwrite it",
                    path, name, state == POOL_STATE_EXPORTED ? "exported" : "perhaps in use");
    nv_free(label.config);
    return r;
}

static int check_twice(const struct pool_create_want *want, struct err *reterr)
{
    for (unsigned g = 0; g < want->ngroups; g++)
        for (unsigned i = 0; i < want->groups[g].n; i++)
            for (unsigned h = 0; h <= g; h++)
                for (unsigned k = 0; k < (h == g ? i : want->groups[h].n); k++)
                    if (strcmp(want->groups[g].paths[i], want->groups[h].paths[k]) == 0)
                        return err_set(reterr, E(-EINVAL), "%s is named twice",
                                       want->groups[g].paths[i]);
    return 0;
}

static int check_want(const struct pool_create_want *want, struct err *reterr)
{
    int r = pool_name_check(want->name, reterr);
    if (r)
        return r;
    if (want->ngroups == 0)
        return err_set(reterr, E(-EINVAL), "pool %s needs at least one disk", want->name);
    if (want->ashift && (want->ashift < ASHIFT_MIN || want->ashift > ASHIFT_MAX))
        return err_set(reterr, E(-EINVAL), "ashift %u: must be %u to %u", want->ashift,
                       ASHIFT_MIN, ASHIFT_MAX);
    for (unsigned g = 0; g < want->ngroups; g++) {
        const struct pool_group *group = &want->groups[g];
        if (group->n < layouts[group->layout].min_leaves)
            return err_set(reterr, E(-EINVAL), "a %s of parity %u needs at least %u disks",
                           layouts[group->layout].type, layouts[group->layout].nparity,
                           layouts[group->layout].min_leaves);
        if (!want->force && (group->layout != want->groups[0].layout))
            return err_set(reterr, E(-EINVAL),
                           "the groups have different redundancy: use -f if that is meant");
    }
    return check_twice(want, reterr);
}

/* ---- the tree -------------------------------------------------------------------------------------------- */

static struct nv *leaf_nv(const char *path, bool blockdev, unsigned id)
{
    struct nv *nv = nv_new();
    if (!nv || nv_add_str(nv, "type", blockdev ? "disk" : "file") || nv_add_u64(nv, "id", id) ||
        nv_add_u64(nv, "guid", new_guid()) || nv_add_str(nv, "path", path) ||
        (blockdev && nv_add_u64(nv, "whole_disk", 0))) {
        nv_free(nv);
        return NULL;
    }
    return nv;
}

static int group_nv(const struct pool_create_want *want, unsigned g, struct nv **ret,
                    struct err *reterr)
{
    const struct pool_group *group = &want->groups[g];
    struct nv **leaves = calloc(group->n, sizeof(struct nv *)), *nv = NULL;
    int r = leaves ? 0 : E(-ENOMEM);
    for (unsigned i = 0; r == 0 && i < group->n; i++) {
        bool blockdev;
        r = check_disk(want, group->paths[i], &blockdev, reterr);
        bool top = group->layout == LAYOUT_SINGLE;
        if (r == 0 && !(leaves[i] = leaf_nv(group->paths[i], blockdev, top ? g : i)))
            r = E(-ENOMEM);
    }
    if (r == 0 && group->layout == LAYOUT_SINGLE) {
        *ret = leaves[0];
        free(leaves);
        return 0;
    }
    if (r == 0) {
        nv = nv_new();
        if (!nv || nv_add_str(nv, "type", layouts[group->layout].type) ||
            nv_add_u64(nv, "id", g) || nv_add_u64(nv, "guid", new_guid()) ||
            (layouts[group->layout].nparity &&
             nv_add_u64(nv, "nparity", layouts[group->layout].nparity)))
            r = E(-ENOMEM);
    }
    if (r == 0) {
        r = nv_add_nvs(nv, "children", leaves, group->n);
        *ret = nv;
        return r;
    }
    for (unsigned i = 0; leaves && i < group->n; i++)
        nv_free(leaves[i]);
    free(leaves);
    nv_free(nv);
    return r;
}

static int tree_make(const struct pool_create_want *want, uint64_t guid, struct vdev **ret_root,
                     struct err *reterr)
{
    struct nv **tops = calloc(want->ngroups, sizeof(struct nv *)), *nv = nv_new();
    unsigned n = 0;
    int r = tops && nv ? 0 : E(-ENOMEM);
    while (r == 0 && n < want->ngroups) {
        r = group_nv(want, n, &tops[n], reterr);
        if (r == 0)
            n++;
    }
    if (r == 0 && (nv_add_str(nv, "type", "root") || nv_add_u64(nv, "id", 0) ||
                   nv_add_u64(nv, "guid", guid)))
        r = E(-ENOMEM);
    if (r == 0) {
        r = nv_add_nvs(nv, "children", tops, n);
        tops = NULL;
        n = 0;
    }
    if (r == 0)
        r = vdev_parse(nv, ret_root, reterr);
    while (n > 0)
        nv_free(tops[--n]);
    free(tops);
    nv_free(nv);
    return r;
}

/* ---- the pool -------------------------------------------------------------------------------------------- */

static int disks_take(struct pool *p, const struct pool_create_want *want, struct err *reterr)
{
    struct vdev *leaf;
    int r = vdev_open(p->root, 0, false, reterr);
    for (unsigned i = 0; r == 0 && (leaf = vdev_leaf(p->root, i)); i++)
        if (!leaf->file)
            r = reterr && reterr->code
                    ? reterr->code
                    : err_set(reterr, E(-EBUSY), "%s cannot be opened", leaf->path);
    for (unsigned i = 0; r == 0 && i < p->root->nchildren; i++)
        r = vdev_layout(p->root->child[i], want->ashift, reterr);
    for (unsigned i = 0; r == 0 && (leaf = vdev_leaf(p->root, i)); i++) {
        r = label_erase(leaf);
        if (r)
            err_set(reterr, r, "%s: its labels cannot be written", leaf->path);
    }
    return r;
}

/* Features that are active from the start. */
static void features_note(struct pool *p)
{
    unsigned n;
    const struct feature *f = feature_table(&n);
    for (; n > 0; n--, f++)
        if ((f->flags & FEATURE_CREATE) && (f->flags & FEATURE_AT_ONCE))
            pool_feature_active(p, f);
    p->spacemap_histogram = true;
}

static int first_commit(struct pool *p, struct err *reterr)
{
    uint64_t txg = TXG_INITIAL;
    const struct bp hole = {0};
    int r = objset_open(&p->blocks, &hole, OBJSET_META, &mos_ops, p, &p->mos, reterr);
    if (r == 0)
        r = commit_begin(p, txg);
    if (r == 0)
        r = dsl_skeleton(&p->dsl, &p->blocks, p->mos, txg, run_wall() / NS_PER_SEC);
    for (unsigned i = 0; r == 0 && i < p->root->nchildren; i++)
        r = maps_create(p, p->root->child[i]);
    /* What acknowledged means, and that a kernel shouldn't mount the folder. */
    if (r == 0)
        r = dsl_prop_set_u64(p->dsl.root, "sync", 1);
    if (r == 0)
        r = dsl_prop_set_u64(p->dsl.root, "compression", ZCOMP_LZ4);
    if (r == 0)
        r = dsl_prop_set_u64(p->dsl.root, "canmount", 0);
    p->config_dirty = true;
    if (r == 0)
        r = history_internal(p, txg, "create", "pool version %u", ZFS_VERSION);
    if (r == 0)
        r = commit(p, txg);
    if (r && !(reterr && reterr->code))
        err_set(reterr, r, "pool %s cannot be written", p->name);
    return r;
}

int pool_create(const struct pool_create_want *want, struct pool **ret_pool, struct err *reterr)
{
    int r = check_want(want, reterr);
    if (r)
        return r;
    struct pool *p = pool_new(want->name, &want->opts);
    if (!p)
        return err_set(reterr, E(-ENOMEM), "pool %s: no memory", want->name);
    p->guid = new_guid();
    r = tree_make(want, p->guid, &p->root, reterr);
    if (r == 0)
        r = disks_take(p, want, reterr);
    if (r == 0)
        r = pool_tables(p, &want->opts, TXG_INITIAL - 1, reterr);
    if (r == 0) {
        features_note(p);
        r = first_commit(p, reterr);
    }
    if (r == 0)
        r = pool_start(p, TXG_INITIAL, reterr);
    if (r) {
        pool_close(p);
        return r;
    }
    suspend_arm(p);
    *ret_pool = p;
    return 0;
}

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

static int check_want(const struct pool_create_want *want, const struct groups_want *groups,
                      struct err *reterr)
{
    int r = pool_name_check(want->name, reterr);
    if (r)
        return r;
    if (want->ngroups == 0)
        return err_set(reterr, E(-EINVAL), "pool %s needs at least one disk", want->name);
    if (want->ashift && (want->ashift < ASHIFT_MIN || want->ashift > ASHIFT_MAX))
        return err_set(reterr, E(-EINVAL), "ashift %u: must be %u to %u", want->ashift,
                       ASHIFT_MIN, ASHIFT_MAX);
    return groups_check(groups, reterr);
}

/* ---- the pool -------------------------------------------------------------------------------------------- */

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
    if (r == 0 && p->nspares)
        r = spares_write(p);
    p->config_dirty = true;
    if (r == 0)
        r = history_internal(p, txg, "create", "pool version %u", ZFS_VERSION);
    if (r == 0)
        r = commit(p, txg);
    if (r && !(reterr && reterr->code))
        err_set(reterr, r, "pool %s cannot be written", p->name);
    return r;
}

/* The pool in memory, and its disks open; no byte of them is written yet. */
static int prepare(const struct pool_create_want *want, struct pool **ret_pool,
                   struct new_disks *ret_disks, struct err *reterr)
{
    const struct groups_want groups = {
        .groups = want->groups,
        .ngroups = want->ngroups,
        .spares = want->spares,
        .nspares = want->nspares,
        .ashift = want->ashift,
        .force = want->force,
    };
    int r = check_want(want, &groups, reterr);
    if (r)
        return r;
    struct pool *p = pool_new(want->name, &want->opts);
    if (!p)
        return err_set(reterr, E(-ENOMEM), "pool %s: no memory", want->name);
    p->guid = pool_new_guid();
    r = new_disks_open(p, &groups, p->guid, ret_disks, reterr);
    if (r)
        pool_close(p);
    else
        *ret_pool = p;
    return r;
}

int pool_create_check(const struct pool_create_want *want, struct err *reterr)
{
    struct new_disks disks;
    struct pool *p;
    int r = prepare(want, &p, &disks, reterr);
    if (r)
        return r;
    new_disks_done(&disks);
    pool_close(p);
    return 0;
}

int pool_create(const struct pool_create_want *want, struct pool **ret_pool, struct err *reterr)
{
    struct new_disks disks;
    struct pool *p;
    int r = prepare(want, &p, &disks, reterr);
    if (r)
        return r;
    r = new_disks_label(p, &disks, reterr);
    p->root = disks.root;
    disks.root = NULL;
    new_disks_done(&disks);
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

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing a txg (docs/design/11-pool-engine.md, "A commit"; OpenZFS spa_sync(), vdev_config_sync()).
 *
 * The order on disk: data and metadata, flush; labels 0 and 2 if the configuration changed, flush; the uberblock,
 * flush; labels 1 and 3. A crash anywhere leaves either the old uberblock with labels that are not newer, or the new one.
 *
 * When too few disks are left on the way, the commit waits until they are back and then begins again with the first write. All
 * that it writes again is the same as before, so it doesn't matter how far it had come.
 */
#include "base/mutant.h"
#include "base/step.h"
#include "pool/txg/txg.h"

#include <assert.h>
#include <errno.h>

#define TRIES_MAX 1000u /* with all disks there, as it seems */
#include <string.h>

/* ---- the MOS's blocks ---------------------------------------------------------------------------- */

static void mos_count(struct pool *p, const struct bp *bp, int64_t sign)
{
    struct bp_sums s = block_sums(&p->blocks, bp);
    p->dsl.mos_used += sign * (int64_t)s.used;
    p->dsl.mos_comp += sign * (int64_t)s.comp;
    p->dsl.mos_uncomp += sign * (int64_t)s.uncomp;
}

static void mos_born(struct objset *os, const struct bp *bp)
{
    mos_count(objset_owner(os), bp, 1);
}

static int mos_killed(struct objset *os, const struct bp *bp)
{
    struct pool *p = objset_owner(os);
    mos_count(p, bp, -1);
    return bp_ndvas(bp) ? block_free(&p->blocks, p->dsl.txg, bp) : 0;
}

const struct objset_ops mos_ops = {.born = mos_born, .killed = mos_killed};

int commit_begin(struct pool *p, uint64_t txg)
{
    p->dsl.txg = txg;
    p->blocks.batch = vbatch_new(p->root, txg);
    if (!p->blocks.batch)
        return E(-ENOMEM);
    vbatch_may_keep(p->blocks.batch, p->dirty_max / 4);
    objset_begin(p->mos, txg);
    return 0;
}

/*
 * Places everything: the maps need room for what placing the MOS allocates and frees, and that room is in the MOS. Each
 * round only adds; it ends when the room that was reserved before the last one was enough.
 */
static int mos_place(struct pool *p, uint64_t txg)
{
    unsigned placed;
    do {
        int r = maps_reserve(p, txg);
        if (r == 0)
            r = objset_plan(p->mos, &placed);
        if (r)
            return r;
        p->commit_stats.plan_rounds++;
        p->commit_stats.mos_blocks += placed;
    } while (placed > 0);
    return 0;
}

static int mos_write(struct pool *p, uint64_t txg, struct bp *ret_bp)
{
    dsl_mos_touch(&p->dsl);
    int r = mos_place(p, txg);
    if (r == 0)
        r = maps_write(p, txg);
    if (r)
        return r;
    dsl_mos_settle(&p->dsl);
    return objset_write(p->mos, ret_bp);
}

/* ---- labels and uberblock ---------------------------------------------------------------------------- */

struct label_maker {
    const struct pool *p;
    uint64_t txg;
};

static struct nv *make_label(void *arg, struct vdev *leaf)
{
    const struct label_maker *m = arg;
    return config_label(m->p, leaf, m->txg);
}

static int labels_write(struct pool *p, uint64_t txg, unsigned half)
{
    struct label_maker m = {p, txg};
    for (unsigned i = 0; i < p->root->nchildren; i++) {
        if (p->root->child[i]->type == VDEV_HOLE)
            continue;
        int r = label_write(p->root->child[i], half, make_label, &m);
        if (r)
            return r;
    }
    return vdev_flush(p->root);
}

static int uberblock_commit(struct pool *p, uint64_t txg, const struct bp *rootbp)
{
    struct uberblock ub = {
        .version = ZFS_VERSION,
        .txg = txg,
        .guid_sum = vdev_guid_sum(p->root),
        .timestamp = run_wall() / NS_PER_SEC,
        .software_version = ZFS_VERSION,
        .mmp_magic = MMP_MAGIC,
        .rootbp = *rootbp,
    };
    uint64_t changes = p->root->changes;
    int r = uberblock_write(p->root, &ub);
    if (r == 0)
        r = vdev_flush(p->root);
    if (r == 0 && p->root->changes != changes)
        r = E(-EIO); /* who was away meanwhile and is back hasn't got it */
    if (r)
        return r;
    uberblock_promised(p->root, txg);
    p->ub = ub;
    return 0;
}

/* ---- all of it ----------------------------------------------------------------------------------------- */

struct plan {
    uint64_t txg;
    bool config; /* has changed */
    struct bp rootbp;
};

/* All that is to be in memory for the txg, with its blocks on their way. */
static int prepare(struct pool *p, struct plan *plan)
{
    int r = dtl_sync(p, plan->txg);
    if (r == 0)
        r = dsl_sync(&p->dsl);
    if (r == 0)
        r = errlog_sync(p);
    plan->config = p->config_dirty;
    p->config_dirty = false;
    if (r == 0 && plan->config)
        r = config_write(p, plan->txg);
    return r ? r : mos_write(p, plan->txg, &plan->rootbp);
}

static void space_settle(struct pool *p, uint64_t txg)
{
    maps_committed(p, txg);
    space_committed(p->space, txg, blocks_oldest_reader(&p->blocks));
}

/* All that has to be on disk, from the beginning. */
static int settle(struct pool *p, const struct plan *plan)
{
    step_begin(STEP_COMMIT_WRITE);
    int r = mutant_on(MUTANT_UBERBLOCK_BEFORE_FLUSH) ? vbatch_wait(p->blocks.batch)
                                                     : vbatch_finish(p->blocks.batch);
    step_end(STEP_COMMIT_WRITE, r);
    if (r == 0 && plan->config)
        r = IN_STEP(STEP_LABEL_HALF_0, labels_write(p, plan->txg, 0));
    if (r == 0)
        r = IN_STEP(STEP_UBERBLOCK, uberblock_commit(p, plan->txg, &plan->rootbp));
    if (r == 0 && plan->config)
        r = IN_STEP(STEP_LABEL_HALF_1, labels_write(p, plan->txg, 1));
    return r;
}

static void committed(struct pool *p, uint64_t txg)
{
    objset_committed(p->mos);
    dsl_committed(&p->dsl);
    /* Last: until every tree is the new one, a reader who begins may follow an old one. */
    blocks_committed(&p->blocks, txg);
    if (!mutant_on(MUTANT_REUSE_BEFORE_DURABLE))
        space_settle(p, txg);
    p->commit_stats.commits++;
}

int commit(struct pool *p, uint64_t txg)
{
    struct plan plan = {.txg = txg};
    if (!p->blocks.batch)
        return E(-EIO); /* a change of the disks was not finished */
    int r = IN_STEP(STEP_COMMIT_WRITE, prepare(p, &plan));
    if (r == 0 && mutant_on(MUTANT_REUSE_BEFORE_DURABLE))
        space_settle(p, txg);
    for (unsigned tries = 0; r == 0 && (r = settle(p, &plan)) == -EIO && tries < TRIES_MAX;
         tries++)
        r = suspend_wait(p);
    vbatch_free(p->blocks.batch);
    p->blocks.batch = NULL;
    if (r == 0)
        committed(p, txg);
    return r;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk joins: attach, replace, a spare (OpenZFS spa_vdev_attach()). It is checked and opened; then in one txg, in which nothing
 * but a failing disk can refuse it any more, its labels are blanked and it comes to stand beside another one, below a mirror or an
 * interposed vdev. disks.c says in which order.
 */
#include "pool/disks.h"

#include "base/log.h"
#include "base/step.h"
#include "pool/scan/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a disk joins ---------------------------------------------------------------------------- */

static int join_check(const struct disk_change *c, const struct vdev *leaf, struct err *reterr)
{
    enum vdev_type above = leaf->parent->type;
    const char *path = disk_path(leaf);
    if (above == VDEV_REPLACING)
        return err_set(
            reterr, E(-EBUSY),
            "%s is part of a replacement: wait for its end, or detach one of the two", path);
    if (above == VDEV_SPARE && (c->between != VDEV_REPLACING || leaf->is_spare))
        return err_set(reterr, E(-EBUSY),
                       "%s: a spare is in use there: detach it, or replace the failed disk",
                       path);
    if (c->between == VDEV_MIRROR && above == VDEV_RAIDZ)
        return err_set(reterr, E(-EINVAL),
                       "%s is part of a raidz, which cannot be mirrored: replace it instead",
                       path);
    return 0;
}

/* Its successor gets the path. */
static int leave_path(struct vdev *leaf)
{
    char *old = NULL;
    if (asprintf(&old, "%s" OLD_SUFFIX, disk_path(leaf)) < 0)
        return E(-ENOMEM);
    free(leaf->path);
    free(leaf->open_path);
    leaf->path = old;
    leaf->open_path = NULL;
    return 0;
}

static int join(struct disk_change *c, struct vdev *leaf)
{
    struct vdev *above = leaf->parent;
    int r = c->same_path ? leave_path(leaf) : 0;
    if (r == 0 && (c->between != VDEV_MIRROR || above->type != VDEV_MIRROR))
        r = vdev_interpose(leaf, c->between, pool_new_guid(), &above);
    if (r == 0)
        r = vdev_add_child(above, c->fresh);
    if (r == 0)
        c->fresh = NULL;
    return r;
}

static int join_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct disk_change *c = arg;
    struct pool *p = c->p;
    struct vdev *leaf, *fresh = c->fresh;
    int r = disk_again(c, &leaf, reterr);
    if (r == 0)
        r = join_check(c, leaf, reterr);
    if (r == 0 && leaf->parent->type == VDEV_MIRROR && leaf->parent->nchildren >= 32)
        r = err_set(reterr, E(-E2BIG), "%s: its mirror has enough disks", disk_path(leaf));
    if (r == 0)
        r = txg_set_add(&fresh->dtl, TXG_INITIAL, p->txgs.open + 1);
    if (r == 0 && !fresh->is_spare && (r = label_erase(fresh)) != 0)
        err_set(reterr, r, "%s: its labels cannot be written", fresh->path);
    if (r)
        return r;
    fresh->dtl_dirty = true;
    fresh->resilver_txg = fresh->create_txg = txg;
    r = tree_change_begin(p);
    if (r == 0)
        r = join(c, leaf);
    r = tree_change_end(p, txg, r);
    return r ? err_set(reterr, r, "pool %s: its tree of disks cannot be changed", p->name) : 0;
}

static enum step step_of(const struct disk_change *c)
{
    return c->between == VDEV_MIRROR      ? STEP_ATTACH
           : c->between == VDEV_REPLACING ? STEP_REPLACE
                                          : STEP_SPARE_IN;
}

static int run_join(struct disk_change *c, struct err *reterr)
{
    int r = IN_STEP(step_of(c), txg_run(c->p, join_task, c, reterr));
    if (c->fresh)
        vdev_free(c->fresh);
    scan_poke(c->p);
    care_poke(c->p);
    return r;
}

/* Opens a new disk that is to stand beside the leaf. */
static int fresh_disk(struct disk_change *c, const char *path, bool force, struct err *reterr)
{
    struct leaf_want want = {.path = path};
    struct vdev *leaf;
    if (spare_of(c->p, path))
        return err_set(reterr, E(-EBUSY),
                       "%s is a hot spare of pool %s: remove it from the spares first", path,
                       c->p->name);
    int r = disk_check(path, force, &want.facts, reterr);
    if (r == 0)
        r = disk_again(c, &leaf, reterr);
    if (r)
        return r;
    want.like = leaf->top;
    return leaf_new(&want, &c->fresh, reterr);
}

int pool_attach(struct pool *p, const char *disk, const char *new_disk, bool force,
                struct err *reterr)
{
    struct disk_change c = {.p = p, .between = VDEV_MIRROR};
    struct vdev *leaf;
    int r = disk_find(p, disk, &leaf, reterr);
    if (r == 0)
        r = join_check(&c, leaf, reterr);
    if (r)
        return r;
    c.guid = leaf->guid;
    r = fresh_disk(&c, new_disk, force, reterr);
    if (r == 0)
        r = run_join(&c, reterr);
    if (r == 0)
        disk_report(p, "attach", disk, new_disk);
    return r;
}

int disk_spare(struct pool *p, uint64_t guid, uint64_t spare, struct err *reterr)
{
    struct disk_change c = {.p = p, .guid = guid, .between = VDEV_SPARE};
    const struct pool_spare *s = spare_find(p, spare);
    struct vdev *leaf;
    int r = s ? disk_again(&c, &leaf, reterr) : E(-ENOENT);
    if (r == 0)
        r = join_check(&c, leaf, reterr);
    if (r == 0)
        r = spare_take(p, s, leaf->top, &c.fresh, reterr);
    if (r)
        return r;
    c.fresh->is_spare = true;
    disk_report(p, "spare", disk_path(leaf), s->path);
    return run_join(&c, reterr);
}

/* The old disk is gone, or failed; whatever is at its path now takes its place. */
static int same_path(struct disk_change *c, struct vdev *leaf, char **ret_path,
                     struct err *reterr)
{
    if (leaf->state >= VDEV_DEGRADED)
        return err_set(reterr, E(-EBUSY), "%s works: name the disk that is to replace it",
                       disk_path(leaf));
    c->same_path = true;
    *ret_path = strdup(disk_path(leaf));
    vdev_close(leaf);
    return *ret_path ? 0 : err_set(reterr, E(-ENOMEM), "pool %s: no memory", c->p->name);
}

int pool_replace(struct pool *p, const char *disk, const char *new_disk, bool force,
                 struct err *reterr)
{
    struct disk_change c = {.p = p, .between = VDEV_REPLACING};
    const struct pool_spare *s;
    char *path = NULL;
    struct vdev *leaf;
    int r = disk_find(p, disk, &leaf, reterr);
    if (r == 0 && new_disk && (s = spare_of(p, new_disk)))
        return disk_spare(p, leaf->guid, s->guid, reterr);
    if (r == 0)
        r = join_check(&c, leaf, reterr);
    if (r)
        return r;
    c.guid = leaf->guid;
    if (!new_disk)
        r = same_path(&c, leaf, &path, reterr);
    if (r == 0)
        r = fresh_disk(&c, new_disk ? new_disk : path, force, reterr);
    if (r == 0)
        r = run_join(&c, reterr);
    if (r == 0)
        disk_report(p, "replace", disk, new_disk ? new_disk : path);
    free(path);
    return r;
}

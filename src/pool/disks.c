/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks come and go: add, attach, replace, detach, offline, online, clear (OpenZFS
 * spa_vdev_add(), spa_vdev_attach(), spa_vdev_detach()). Each is a change of the tree by a sync
 * task, so it is in one txg: the labels of all disks, the MOS's config and the guid sum say the
 * same, whenever the power fails.
 *
 * - A new disk's labels are blank until that txg writes them. It lacks every txg up to the open
 *   one, whose log blocks may be on the others already; resilver begins by itself.
 * - Space of a new group is allocated only when the txg is on disk: a log block on it would be
 *   lost with a crash before that, and what was acknowledged with it.
 * - A disk that leaves keeps its labels until the txg without it is on disk; then they are
 *   erased, or a spare gets a spare's label again.
 *
 * A change that fails in the middle for lack of memory leaves the txg without a batch, and so
 * it is never committed.
 */
#include "pool/disks.h"

#include "base/log.h"
#include "pool/scan/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- finding ------------------------------------------------------------------------------ */

/* The only disk whose path ends so: a disk that is gone can still be called as pool status shows it. */
static struct vdev *disk_called(const struct pool *p, const char *name)
{
    struct vdev *leaf, *found = NULL;
    for (unsigned i = 0; (leaf = vdev_leaf(p->root, i)); i++) {
        const char *slash = leaf->path ? strrchr(leaf->path, '/') : NULL;
        if (!slash || strcmp(slash + 1, name) != 0)
            continue;
        if (found)
            return NULL;
        found = leaf;
    }
    return found;
}

struct vdev *disk_of(const struct pool *p, const char *disk)
{
    char *end;
    struct vdev *leaf;
    uint64_t guid = strtoull(disk, &end, 10);
    for (unsigned i = 0; (leaf = vdev_leaf(p->root, i)); i++)
        if ((*end == 0 && leaf->guid == guid) || strcmp(leaf->path, disk) == 0 ||
            (leaf->open_path && strcmp(leaf->open_path, disk) == 0))
            return leaf;
    return strchr(disk, '/') ? NULL : disk_called(p, disk);
}

const char *disk_path(const struct vdev *leaf)
{
    return leaf->open_path ? leaf->open_path : leaf->path;
}

int disk_find(const struct pool *p, const char *disk, struct vdev **ret_leaf,
              struct err *reterr)
{
    if (p->read_only)
        return err_set(reterr, E(-EROFS), "pool %s is imported read-only", p->name);
    *ret_leaf = disk_of(p, disk);
    if (*ret_leaf)
        return 0;
    return err_set(reterr, E(-ENOENT), "pool %s: %s is none of its disks", p->name, disk);
}

/* The leaf, in the sync fiber: it may be gone by now. */
int disk_again(const struct disk_change *c, struct vdev **ret_leaf, struct err *reterr)
{
    *ret_leaf = vdev_find(c->p->root, c->guid);
    if (*ret_leaf && vdev_is_leaf(*ret_leaf))
        return 0;
    return err_set(reterr, E(-ENOENT), "pool %s: disk %" PRIu64 " has left it", c->p->name,
                   c->guid);
}

void disk_report(const struct pool *p, const char *what, const char *disk, const char *by)
{
    log_info("pool.disks", KV("pool", "%s", p->name), KV("what", "%s", what),
             KV("disk", "%s", disk), KV("by", "%s", by));
}

/* ---- changing the tree in the syncing txg --------------------------------------------------- */

/* Nothing is in the batch yet: tasks run before datasets are written. */
int tree_change_begin(struct pool *p)
{
    int r = vbatch_wait(p->blocks.batch);
    vbatch_free(p->blocks.batch);
    p->blocks.batch = NULL;
    vdev_change_begin(p->root);
    return r;
}

int tree_change_end(struct pool *p, uint64_t txg, int r)
{
    for (unsigned i = 0; i < p->root->nchildren; i++)
        space_replace_top(p->space, p->root->child[i]);
    vdev_change_end(p->root);
    p->config_dirty = true;
    if (r == 0)
        r = blocks_vdevs_changed(&p->blocks);
    if (r == 0 && !(p->blocks.batch = vbatch_new(p->root, txg)))
        r = E(-ENOMEM);
    return r;
}

/* ---- out of service, and back ---------------------------------------------------------------------- */

static int offline_task(void *arg, uint64_t txg, struct err *reterr)
{
    const struct disk_change *c = arg;
    struct vdev *leaf;
    int r = disk_again(c, &leaf, reterr);
    (void)txg;
    if (r || leaf->offline)
        return r;
    if (!vdev_whole_without(leaf->top, leaf))
        return err_set(reterr, E(-EBUSY),
                       "pool %s: %s holds what no other disk has: wait until the others are "
                       "resilvered, or attach one",
                       c->p->name, disk_path(leaf));
    leaf->offline = true;
    vdev_close(leaf);
    c->p->config_dirty = true;
    return 0;
}

static int online_task(void *arg, uint64_t txg, struct err *reterr)
{
    const struct disk_change *c = arg;
    struct err why = {0};
    struct vdev *leaf;
    int r = disk_again(c, &leaf, reterr);
    (void)txg;
    if (r || leaf->state >= VDEV_DEGRADED)
        return r;
    leaf->offline = leaf->faulted = leaf->degraded = false;
    c->p->config_dirty = true;
    r = vdev_reopen(c->p->root, c->guid, c->p->guid, &why);
    return r ? err_set(reterr, E(-ENXIO), "pool %s: %s cannot be opened: %s", c->p->name,
                       disk_path(leaf), why.msg)
             : 0;
}

static int run_task(struct pool *p, const char *disk,
                    int (*fn)(void *arg, uint64_t txg, struct err *reterr), struct err *reterr)
{
    struct disk_change c = {.p = p};
    struct vdev *leaf;
    int r = disk_find(p, disk, &leaf, reterr);
    if (r)
        return r;
    c.guid = leaf->guid;
    r = txg_run(p, fn, &c, reterr);
    care_poke(p);
    return r;
}

int pool_offline(struct pool *p, const char *disk, struct err *reterr)
{
    return run_task(p, disk, offline_task, reterr);
}

int pool_online(struct pool *p, const char *disk, struct err *reterr)
{
    return run_task(p, disk, online_task, reterr);
}

/* Its errors are forgotten; one that had failed is opened anew, when the disks know what it lacks: if it came back in the middle of a
 * commit and the power failed, its uberblock would say that it lacks nothing. 0, or why that fails. */
static int leaf_clear(struct pool *p, struct vdev *leaf, struct err *reterr)
{
    struct vdev_stats *s = &leaf->stats;
    s->read_errors = s->write_errors = s->checksum_errors = 0;
    if (leaf->offline || leaf->state >= VDEV_HEALTHY)
        return 0;
    uint64_t guid = leaf->guid; /* it may leave the pool meanwhile */
    leaf->faulted = leaf->degraded = false;
    if (leaf->dtl_dirty && !p->suspended.on && vdev_usable(p->root))
        txg_wait(p, 0);
    return vdev_reopen(p->root, guid, p->guid, reterr);
}

static int clear_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct disk_change *c = arg;
    (void)txg, (void)reterr;
    c->p->config_dirty = true;
    return 0;
}

/* The disks are opened before a txg is asked for, which a suspended pool could not write. */
int pool_clear(struct pool *p, const char *disk, bool give_up, struct err *reterr)
{
    struct disk_change c = {.p = p};
    struct vdev *leaf, *only = NULL;
    int r = disk ? disk_find(p, disk, &only, reterr) : 0;
    if (r)
        return r;
    uint64_t guid = only ? only->guid : 0; /* it may leave the pool meanwhile */
    for (unsigned i = 0; (leaf = vdev_leaf(p->root, i)); i++) {
        if (guid && leaf->guid != guid)
            continue;
        struct err why = {0};
        if (leaf_clear(p, leaf, &why) && disk && !give_up)
            r = err_set(reterr, E(-ENXIO), "pool %s: %s cannot be opened: %s", p->name, disk,
                        why.msg);
    }
    for (unsigned i = 0; give_up && (leaf = vdev_leaf(p->root, i)); i++)
        if ((!guid || leaf->guid == guid) && vdev_give_up(leaf))
            disk_report(p, "give up", disk_path(leaf), "");
    disk_report(p, "clear", disk ? disk : "all", "");
    if (p->read_only)
        return r;
    int w = txg_resume(p, r ? NULL : reterr);
    if (w == 0)
        w = txg_run(p, clear_task, &c, r ? NULL : reterr);
    scan_poke(p);
    care_poke(p);
    return r ? r : w;
}

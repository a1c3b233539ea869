/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk leaves: detached by the operator, replaced, or a spare that goes back (OpenZFS spa_vdev_detach()). What the MOS had of it
 * alone goes in the same txg; its labels change when that is on disk.
 */
#include "pool/disks.h"

#include "base/log.h"
#include "base/step.h"
#include "pool/scan/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define ZAP_MAP "com.delphix:vdev_zap_map"

/* ---- a disk leaves ----------------------------------------------------------------------------- */

static int leave_check(const struct pool *p, const struct vdev *leaf, struct err *reterr)
{
    enum vdev_type above = leaf->parent->type;
    if (above != VDEV_MIRROR && above != VDEV_REPLACING && above != VDEV_SPARE)
        return err_set(reterr, E(-EINVAL),
                       "pool %s: %s is no side of a mirror: only those can be detached",
                       p->name, disk_path(leaf));
    if (vdev_whole_without(leaf->top, leaf))
        return 0;
    return err_set(reterr, E(-EBUSY),
                   "pool %s: %s holds what no other disk has: wait until the others are "
                   "resilvered",
                   p->name, disk_path(leaf));
}

/* What the MOS had of the leaf alone. */
static int leaf_objects_free(struct pool *p, struct vdev *leaf)
{
    uint64_t map = 0;
    int r = leaf->dtl_object ? map_object_destroy(p, leaf->dtl_object) : 0;
    leaf->dtl_object = 0;
    if (r || !leaf->zap_leaf)
        return r;
    r = zap_get_u64(p->mos, DMU_OBJECT_DIRECTORY, ZAP_MAP, &map);
    if (r == 0)
        r = zap_remove_int(p->mos, map, leaf->zap_leaf);
    if (r == 0)
        r = object_destroy(p->mos, leaf->zap_leaf);
    leaf->zap_leaf = 0;
    return r;
}

/* The one that stays gets back the path that its successor had. */
static void regain_path(struct vdev *leaf)
{
    size_t len = strlen(leaf->path), cut = sizeof(OLD_SUFFIX) - 1;
    if (len > cut && strcmp(leaf->path + len - cut, OLD_SUFFIX) == 0)
        leaf->path[len - cut] = 0;
}

/* Takes the leaf out; *ret_stays: the spare that is an ordinary disk from now on, if any. */
static void leave(struct vdev *leaf, struct vdev **ret_stays)
{
    struct vdev *above = leaf->parent;
    enum vdev_type type = above->type;
    bool last = leaf->id == above->nchildren - 1;
    *ret_stays = NULL;
    vdev_take_out(leaf);
    if (above->nchildren > 1)
        return;
    struct vdev *stays = above->child[0];
    vdev_dissolve(above);
    if (type == VDEV_REPLACING && last && vdev_is_leaf(stays))
        regain_path(stays);
    stays->unspare = false;
    if (type == VDEV_SPARE && stays->is_spare)
        *ret_stays = stays;
}

static int leave_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct disk_change *c = arg;
    struct pool *p = c->p;
    struct vdev *leaf, *stays = NULL;
    int r = disk_again(c, &leaf, reterr);
    if (r == 0)
        r = leave_check(p, leaf, reterr);
    if (r)
        return r;
    r = tree_change_begin(p);
    if (r == 0) {
        c->gone = leaf;
        leave(leaf, &stays);
    }
    uint64_t guid = stays ? stays->guid : 0;
    r = tree_change_end(p, txg, r);
    if (r == 0)
        r = leaf_objects_free(p, leaf);
    if (r == 0 && stays) {
        stays->is_spare = false;
        spare_forget(p, guid);
        r = spares_write(p);
    }
    return r ? err_set(reterr, r, "pool %s: its tree of disks cannot be changed", p->name) : 0;
}

int disk_detach(struct pool *p, uint64_t guid, struct err *reterr)
{
    struct disk_change c = {.p = p, .guid = guid};
    int r = IN_STEP(STEP_LEAVE, txg_run(p, leave_task, &c, reterr));
    struct vdev *leaf = c.gone;
    if (!leaf)
        return r;
    if (r == 0)
        disk_report(p, "detach", disk_path(leaf), "");
    if (r == 0 && leaf->file && leaf->state >= VDEV_DEGRADED)
        r = leaf->is_spare ? label_write_spare(leaf, leaf->guid) : label_erase(leaf);
    if (r && c.p->txgs.failed == 0)
        log_warn("pool.labels_left", KV("pool", "%s", p->name), KV("disk", "%s", leaf->path),
                 KV("error", "%s", strerror(-r)));
    vdev_free(leaf);
    care_poke(p);
    return c.p->txgs.failed ? r : 0;
}

int pool_detach(struct pool *p, const char *disk, struct err *reterr)
{
    struct vdev *leaf;
    int r = disk_find(p, disk, &leaf, reterr);
    if (r == 0)
        r = leave_check(p, leaf, reterr);
    return r ? r : disk_detach(p, leaf->guid, reterr);
}

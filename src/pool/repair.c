/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operator's verbs around repair: scrub, its figures, and taking a disk out of service for
 * a while. A disk that comes back lacks what was written meanwhile, which its dirty time log
 * knows; the scan fiber brings it up to date without being asked.
 */
#include "pool/pool_int.h"
#include "pool/scan/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- scrub ------------------------------------------------------------------------------- */

int pool_scrub(struct pool *p, enum pool_scrub_verb verb, struct err *reterr)
{
    switch (verb) {
    case POOL_SCRUB_START:
        return scan_scrub(p, reterr);
    case POOL_SCRUB_PAUSE:
        return scan_pause(p, reterr);
    case POOL_SCRUB_CANCEL:
        return scan_cancel(p, reterr);
    }
    return E(-EINVAL);
}

/* Seconds, if it goes on as fast as it did. */
static uint64_t seconds_left(const struct scan_record *r)
{
    uint64_t now = run_wall() / NS_PER_SEC;
    if (r->state != SCAN_SCANNING || r->paused || r->examined == 0 || now <= r->start ||
        r->examined >= r->to_examine)
        return 0;
    double rate = (double)r->examined / (double)(now - r->start);
    return (uint64_t)((double)(r->to_examine - r->examined) / rate) + 1;
}

void pool_scan_status(const struct pool *p, struct pool_scan_status *ret)
{
    static const enum pool_scan_state states[] = {
        [SCAN_NEVER] = POOL_SCAN_NEVER,
        [SCAN_SCANNING] = POOL_SCAN_RUNNING,
        [SCAN_FINISHED] = POOL_SCAN_FINISHED,
        [SCAN_CANCELLED] = POOL_SCAN_CANCELLED,
    };
    struct scan_record r = scan_now(p);
    *ret = (struct pool_scan_status){
        .state = r.paused ? POOL_SCAN_PAUSED : states[r.state],
        .resilver = r.func == SCAN_RESILVER,
        .examined = r.examined,
        .to_examine = r.to_examine,
        .repaired = r.repaired,
        .errors = r.errors,
        .start = r.start,
        .end = r.end,
        .seconds_left = seconds_left(&r),
    };
}

void pool_scan_wait(struct pool *p)
{
    scan_wait(p);
}

/* ---- disks ------------------------------------------------------------------------------- */

struct disk_change {
    struct pool *p;
    const char *disk;
};

static int disk_find(const struct disk_change *c, struct vdev **ret_leaf, struct err *reterr)
{
    char *end;
    uint64_t guid = strtoull(c->disk, &end, 10);
    for (unsigned i = 0; (*ret_leaf = vdev_leaf(c->p->root, i)); i++) {
        const struct vdev *leaf = *ret_leaf;
        if ((*end == 0 && leaf->guid == guid) || strcmp(leaf->path, c->disk) == 0 ||
            (leaf->open_path && strcmp(leaf->open_path, c->disk) == 0))
            return 0;
    }
    return err_set(reterr, E(-ENOENT), "pool %s: %s is none of its disks", c->p->name, c->disk);
}

/* Whether all that vd holds can be read without the leaf. */
static bool whole_without(const struct vdev *vd, const struct vdev *leaf)
{
    unsigned without = 0;
    if (vd->nchildren == 0)
        return vd != leaf && vd->state >= VDEV_DEGRADED && vd->dtl.n == 0;
    for (unsigned i = 0; i < vd->nchildren; i++)
        without += !whole_without(vd->child[i], leaf);
    return without <= (vd->type == VDEV_RAIDZ ? vd->nparity : vd->nchildren - 1);
}

static int offline(void *arg, uint64_t txg, struct err *reterr)
{
    const struct disk_change *c = arg;
    struct vdev *leaf;
    int r = disk_find(c, &leaf, reterr);
    (void)txg;
    if (r || leaf->offline)
        return r;
    if (!whole_without(leaf->top, leaf))
        return err_set(reterr, E(-EBUSY),
                       "pool %s: %s holds what no other disk has: wait until the others are "
                       "resilvered, or attach one",
                       c->p->name, c->disk);
    leaf->offline = true;
    vdev_close(leaf);
    c->p->config_dirty = true;
    return 0;
}

static int online(void *arg, uint64_t txg, struct err *reterr)
{
    const struct disk_change *c = arg;
    struct err why = {0};
    struct vdev *leaf;
    int r = disk_find(c, &leaf, reterr);
    (void)txg;
    if (r || leaf->state >= VDEV_DEGRADED)
        return r;
    leaf->offline = leaf->faulted = false;
    c->p->config_dirty = true;
    r = vdev_open(c->p->root, c->p->guid, false, &why);
    if (r)
        return err_set(reterr, r, "pool %s: %s cannot be opened: no memory", c->p->name,
                       c->disk);
    if (leaf->state < VDEV_DEGRADED)
        return err_set(reterr, E(-ENXIO), "pool %s: %s cannot be opened%s%s", c->p->name,
                       c->disk, why.code ? ": " : "", why.msg);
    return 0;
}

int pool_offline(struct pool *p, const char *disk, struct err *reterr)
{
    struct disk_change c = {p, disk};
    return txg_run(p, offline, &c, reterr);
}

int pool_online(struct pool *p, const char *disk, struct err *reterr)
{
    struct disk_change c = {p, disk};
    return txg_run(p, online, &c, reterr);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* More groups and hot spares for a pool (OpenZFS spa_vdev_add()). disks.c says in which order. */
#include "pool/disks.h"

#include "base/log.h"
#include "base/step.h"
#include "pool/scan/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- more groups --------------------------------------------------------------------------------- */

static void born(struct vdev *vd, uint64_t txg)
{
    vd->create_txg = txg;
    for (unsigned i = 0; i < vd->nchildren; i++)
        born(vd->child[i], txg);
}

static int add_tops(struct disk_change *c, uint64_t txg)
{
    struct vdev *from = c->fresh;
    int r = 0;
    while (r == 0 && c->ntops < from->nchildren) {
        struct vdev *top = from->child[c->ntops];
        top->parent = NULL;
        r = vdev_add_child(c->p->root, top);
        if (r) {
            top->parent = from;
            break;
        }
        born(top, txg);
        c->ntops++;
    }
    memmove(from->child, from->child + c->ntops,
            (from->nchildren - c->ntops) * sizeof(struct vdev *));
    from->nchildren -= c->ntops;
    return r;
}

static int add_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct disk_change *c = arg;
    struct pool *p = c->p;
    int r = new_disks_label(p, c->disks, reterr);
    if (r)
        return r;
    if (c->fresh) {
        c->first = p->root->nchildren;
        r = tree_change_begin(p);
        if (r == 0)
            r = add_tops(c, txg);
        r = tree_change_end(p, txg, r);
        for (unsigned i = 0; r == 0 && i < c->ntops; i++)
            r = maps_create(p, p->root->child[c->first + i]);
    }
    if (r == 0 && p->nspares)
        r = spares_write(p);
    return r ? err_set(reterr, r, "pool %s: its tree of disks cannot be changed", p->name) : 0;
}

static int add_check(const struct pool *p, const struct groups_want *w, struct err *reterr)
{
    if (p->read_only)
        return err_set(reterr, E(-EROFS), "pool %s is imported read-only", p->name);
    if (w->ngroups + w->nspares == 0)
        return err_set(reterr, E(-EINVAL), "pool %s: no disk to add", p->name);
    for (unsigned i = 0; i < p->root->nchildren; i++) {
        const struct vdev *top = p->root->child[i];
        if (w->ngroups == 0 || w->force || top->type == VDEV_HOLE || top->is_log)
            continue;
        if (!layout_like(w->groups[0].layout, top))
            return err_set(
                reterr, E(-EINVAL),
                "pool %s has groups of other redundancy: use --force if that is meant",
                p->name);
        break;
    }
    return groups_check(w, reterr);
}

/* The txg is on disk, so its space may be used. */
static int space_join(const struct disk_change *c, struct err *reterr)
{
    struct pool *p = c->p;
    int r = 0;
    for (unsigned i = 0; r == 0 && i < c->ntops; i++)
        r = space_add_top(p->space, p->root->child[c->first + i]);
    return r ? err_set(reterr, r,
                       "pool %s: no memory for the new disks' space maps: they are used after "
                       "the next import",
                       p->name)
             : 0;
}

static void add_report(const struct pool *p, const struct groups_want *w)
{
    for (unsigned g = 0; g < w->ngroups; g++)
        for (unsigned i = 0; i < w->groups[g].n; i++)
            disk_report(p, "add", w->groups[g].paths[i], "");
    for (unsigned i = 0; i < w->nspares; i++)
        disk_report(p, "add spare", w->spares[i], "");
}

/* The new disks open; no byte of them is written yet. */
static int add_open(struct pool *p, struct groups_want *w, struct new_disks *ret,
                    struct err *reterr)
{
    w->min_ashift = MIN(p->blocks.min_ashift, ASHIFT_MAX);
    int r = add_check(p, w, reterr);
    return r ? r : new_disks_open(p, w, pool_new_guid(), ret, reterr);
}

int pool_add_check(struct pool *p, const struct pool_group *groups, unsigned ngroups,
                   const char *const *spares, unsigned nspares, bool force, struct err *reterr)
{
    struct groups_want w = {groups, ngroups, spares, nspares, .force = force};
    struct new_disks disks;
    int r = add_open(p, &w, &disks, reterr);
    if (r == 0)
        new_disks_done(&disks);
    return r;
}

int pool_add(struct pool *p, const struct pool_group *groups, unsigned ngroups,
             const char *const *spares, unsigned nspares, bool force, struct err *reterr)
{
    struct groups_want w = {groups, ngroups, spares, nspares, .force = force};
    struct new_disks disks;
    int r = add_open(p, &w, &disks, reterr);
    if (r)
        return r;
    struct disk_change c = {.p = p, .fresh = disks.root, .disks = &disks};
    r = IN_STEP(STEP_ADD, txg_run(p, add_task, &c, reterr));
    if (r) {
        new_disks_refused(p, &disks);
        return r;
    }
    new_disks_done(&disks);
    add_report(p, &w);
    care_poke(p);
    return space_join(&c, reterr);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Health. A leaf's state is its own; an interior vdev's follows from its children's. A leaf
 * that fails has lost whatever it took since its last good flush: these txgs go to its dirty
 * time log at once. When, counting that, not enough leaves hold them, that is a loss: nothing that
 * was written before it may be acknowledged until it was written again.
 */
#include "pool/vdev/vdev_int.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

const char *vdev_state_name(enum vdev_state s)
{
    static const char *const names[] = {
        [VDEV_CLOSED] = "CLOSED",     [VDEV_OFFLINE] = "OFFLINE", [VDEV_REMOVED] = "REMOVED",
        [VDEV_CANT_OPEN] = "UNAVAIL", [VDEV_FAULTED] = "FAULTED", [VDEV_DEGRADED] = "DEGRADED",
        [VDEV_HEALTHY] = "ONLINE",
    };
    return names[s];
}

enum vdev_state vdev_closed_state(const struct vdev *leaf)
{
    if (leaf->offline)
        return VDEV_OFFLINE;
    if (leaf->faulted)
        return VDEV_FAULTED;
    return leaf->removed ? VDEV_REMOVED : VDEV_CLOSED;
}

unsigned vdev_tolerance(const struct vdev *vd)
{
    if (vd->type == VDEV_ROOT)
        return 0;
    return vd->type == VDEV_RAIDZ ? vd->nparity : vd->nchildren - 1;
}

/* From the children's states, which are right. */
static enum vdev_state state_above(const struct vdev *vd)
{
    unsigned gone = 0, hurt = 0;
    for (unsigned i = 0; i < vd->nchildren; i++) {
        gone += vd->child[i]->state < VDEV_DEGRADED;
        hurt += vd->child[i]->state < VDEV_HEALTHY;
    }
    if (gone > vdev_tolerance(vd))
        return VDEV_CANT_OPEN;
    return hurt ? VDEV_DEGRADED : VDEV_HEALTHY;
}

void vdev_propagate(struct vdev *vd)
{
    if (vd->type == VDEV_HOLE)
        vd->state = VDEV_HEALTHY;
    if (vd->nchildren == 0)
        return;
    for (unsigned i = 0; i < vd->nchildren; i++)
        vdev_propagate(vd->child[i]);
    vd->state = state_above(vd);
}

bool vdev_usable(const struct vdev *root)
{
    for (unsigned i = 0; i < root->nchildren; i++) {
        const struct vdev *top = root->child[i];
        if (top->type != VDEV_HOLE && (top->state < VDEV_DEGRADED || !top->ashift))
            return false;
    }
    return true;
}

struct vdev *vdev_root_of(struct vdev *vd)
{
    while (vd->parent)
        vd = vd->parent;
    return vd;
}

void vdev_set_state(struct vdev *leaf, enum vdev_state state)
{
    if (leaf->state == state)
        return;
    struct vdev *root = vdev_root_of(leaf);
    if (leaf->state < VDEV_DEGRADED && state >= VDEV_DEGRADED) {
        leaf->given_up = false;
        root->news++;
    }
    leaf->state = state;
    for (struct vdev *vd = leaf->parent; vd; vd = vd->parent)
        vd->state = state_above(vd);
    root->changes++;
}

int leaf_missed(struct vdev *leaf, uint64_t start, uint64_t end)
{
    uint64_t txg = start;
    while (txg < end && txg_set_has(&leaf->dtl, txg))
        txg++;
    if (txg == end)
        return 0;
    leaf->dtl_dirty = true;
    return txg_set_add(&leaf->dtl, start, end);
}

/* Whether enough leaves have all of [start, end); away: counting those that may yet come back. */
static bool holds(const struct vdev *vd, uint64_t start, uint64_t end, bool away)
{
    unsigned without = 0;
    if (vd->nchildren == 0)
        return (leaf_up(vd) || (away && !vd->given_up)) &&
               !txg_set_overlaps(&vd->dtl, start, end);
    for (unsigned i = 0; i < vd->nchildren; i++)
        without += !holds(vd->child[i], start, end, away);
    return without <= vdev_tolerance(vd);
}

bool vdev_wants(const struct vdev *top, uint64_t birth)
{
    /* What they took and was not flushed when they went they may have, whatever their logs say. */
    bool few = top->state < VDEV_DEGRADED;
    return few || (!holds(top, birth, birth + 1, false) && holds(top, birth, birth + 1, true));
}

bool vdev_give_up(struct vdev *leaf)
{
    if (leaf_up(leaf) || leaf->given_up)
        return false;
    struct vdev *root = vdev_root_of(leaf);
    leaf->given_up = true;
    root->news++;
    root->changes++;
    return true;
}

/* What it took since its last good flush, it lacks. True: and so does its top-level vdev. */
static bool forget_unflushed(struct vdev *leaf)
{
    const struct unflushed_run *r;
    bool lost = leaf->top->state < VDEV_DEGRADED; /* labels have no txg that would tell */
    for (unsigned i = 0; (r = unflushed_next(&leaf->io->unflushed, &i)); i++)
        lost |= leaf_missed(leaf, r->lo, r->hi) < 0 || !holds(leaf->top, r->lo, r->hi, false);
    return lost;
}

void leaf_fail(struct vdev *leaf, int err, const char *doing)
{
    bool gone = err == -ENXIO || err == -ENODEV;
    if (!leaf_up(leaf))
        return;
    leaf->removed = gone;
    leaf->faulted = !gone;
    leaf->failed_to = gone ? NULL : doing;
    vdev_set_state(leaf, gone ? VDEV_REMOVED : VDEV_FAULTED);
    log_warn("vdev.fail", KV("path", "%s", leaf->path), KV("guid", "%" PRIu64, leaf->guid),
             KV("doing", "%s", doing), KV("error", "%s", strerror(-err)));
    if (forget_unflushed(leaf))
        vdev_root_of(leaf)->losses++;
}

/* ---- too many errors --------------------------------------------------------------------- */

bool vdev_whole_without(const struct vdev *vd, const struct vdev *leaf)
{
    unsigned without = 0;
    if (vd->nchildren == 0)
        return vd != leaf && vd->state >= VDEV_DEGRADED && vd->dtl.n == 0;
    for (unsigned i = 0; i < vd->nchildren; i++)
        without += !vdev_whole_without(vd->child[i], leaf);
    return without <= vdev_tolerance(vd);
}

bool vdev_fault(struct vdev *root, uint64_t guid, const char *doing)
{
    gate_enter(root);
    struct vdev *leaf = vdev_find(root, guid);
    bool there = leaf && leaf_up(leaf);
    if (there)
        leaf_flush(leaf); /* what it took until now it need not lack */
    there = there && vdev_whole_without(leaf->top, leaf);
    if (there)
        leaf_fail(leaf, -EIO, doing);
    gate_leave(root);
    return there;
}

/* No change that resilver would have to begin again for: it has what it had. */
void vdev_degrade(struct vdev *leaf)
{
    if (leaf->state != VDEV_HEALTHY)
        return;
    leaf->degraded = true;
    leaf->state = VDEV_DEGRADED;
    for (struct vdev *vd = leaf->parent; vd; vd = vd->parent)
        vd->state = state_above(vd);
    log_warn("vdev.degrade", KV("path", "%s", leaf->path), KV("guid", "%" PRIu64, leaf->guid),
             KV("read", "%" PRIu64, leaf->stats.read_errors),
             KV("checksum", "%" PRIu64, leaf->stats.checksum_errors));
}

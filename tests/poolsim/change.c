/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operator who changes the tree of disks while everybody works on it, and what befalls disks meanwhile. What he does next
 * follows from the tree as it is, so that he goes on wherever a power cut left it: disks that belong to nobody may join, with
 * whatever labels they have from before; those that failed are brought back or replaced.
 *
 * A disk may be lost only when the others of its group hold everything: one that is being resilvered is no redundancy
 * yet, and neither is one that fails or has rotten. As far as the pool says what a disk lacks: if that is not so, data are
 * gone.
 */
#include "story.h"

#include "base/check.h"
#include "pool/pool_int.h"
#include "run/sim/sim_disks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TOPS_MAX  6u
#define SIDES_MAX 4u     /* of a mirror */
#define SPARE_MS  30000u /* a spare is there by then */
#define PATIENCE  600u   /* looks until something has come to its end, of 100 ms */

/* ---- looking at the tree --------------------------------------------------------------------------------------------- */

typedef bool leaf_fn(const struct story *st, const struct vdev *leaf);

static const char *path_of(const struct vdev *leaf)
{
    return leaf->open_path ? leaf->open_path : leaf->path;
}

static bool leaf_sound(const struct story *st, const struct vdev *leaf)
{
    bool rotten = st->rotten && strcmp(path_of(leaf), st->rotten) == 0;
    return leaf->state == VDEV_HEALTHY && leaf->dtl.n == 0 && !rotten;
}

/* The one for whose sake the others will leave at any moment, perhaps before anybody notices that it is lost; NULL: none. */
static const struct vdev *heir(const struct vdev *vd)
{
    const struct vdev *c = vd->nchildren ? vd->child[0] : NULL;
    if (vd->type == VDEV_REPLACING)
        c = vd->child[vd->nchildren - 1];
    else if (vd->type != VDEV_SPARE)
        return NULL;
    return c->state >= VDEV_DEGRADED && c->dtl.n == 0 ? c : NULL;
}

/* Everything that vd holds can be read though one leaf is lost. */
static bool sound(const struct story *st, const struct vdev *vd, const struct vdev *lost)
{
    unsigned n = 0;
    if (heir(vd))
        return sound(st, heir(vd), lost);
    if (vdev_is_leaf(vd))
        return vd != lost && leaf_sound(st, vd);
    for (unsigned i = 0; i < vd->nchildren; i++)
        n += sound(st, vd->child[i], lost);
    return n >= (vd->type == VDEV_RAIDZ ? vd->nchildren - vd->nparity : 1);
}

static bool can_be_lost(const struct story *st, const struct vdev *leaf)
{
    return leaf->state == VDEV_HEALTHY && sound(st, leaf->top, leaf);
}

/* Both of them, if it stands below an interposed one. */
static bool is_changing(const struct vdev *leaf)
{
    return leaf->parent->type == VDEV_REPLACING || leaf->parent->type == VDEV_SPARE;
}

static bool is_alone(const struct story *st, const struct vdev *leaf)
{
    (void)st;
    return !is_changing(leaf);
}

static bool can_be_attached_to(const struct story *st, const struct vdev *leaf)
{
    const struct vdev *above = leaf->parent;
    (void)st;
    return leaf == leaf->top || (above->type == VDEV_MIRROR && above->nchildren < SIDES_MAX);
}

static bool has_siblings(const struct vdev *leaf)
{
    return leaf->parent->type == VDEV_MIRROR || is_changing(leaf);
}

static bool can_leave(const struct story *st, const struct vdev *leaf)
{
    return has_siblings(leaf) && sound(st, leaf->top, leaf);
}

static bool is_new(const struct story *st, const struct vdev *leaf)
{
    return leaf->dtl.n > 0 && leaf->state == VDEV_HEALTHY && sound(st, leaf->top, leaf);
}

static bool can_get_spare(const struct story *st, const struct vdev *leaf)
{
    return leaf != leaf->top && !leaf->is_spare && !is_changing(leaf) && can_be_lost(st, leaf);
}

/* One of those that fit, drawn: its guid; 0: there is none. */
static uint64_t leaf_draw(struct story *st, leaf_fn *fits)
{
    const struct vdev *leaf;
    uint64_t found = 0, n = 0;
    for (unsigned i = 0; (leaf = vdev_leaf(st->pool->root, i)); i++)
        if (fits(st, leaf) && one_in(st, ++n))
            found = leaf->guid;
    return found;
}

static struct vdev *leaf_of(const struct story *st, uint64_t guid)
{
    struct vdev *leaf = vdev_find(st->pool->root, guid);
    return leaf && vdev_is_leaf(leaf) ? leaf : NULL;
}

/* The disk that a leaf is. */
static const char *disk_path_of(const struct story *st, uint64_t guid)
{
    const struct vdev *leaf = leaf_of(st, guid);
    for (unsigned i = 0; leaf && i < st->ndisks; i++)
        if (strcmp(path_of(leaf), st->paths[i]) == 0)
            return st->paths[i];
    return NULL;
}

static void get_well(struct story *st, const char *path)
{
    sim_plug(st->run, path);
    sim_fail_writes(st->run, path, 0, 0);
}

/* A disk that works and is neither in the tree nor a spare, drawn; NULL: there is none. */
static const char *free_draw(struct story *st)
{
    const char *found = NULL;
    uint64_t n = 0;
    for (unsigned i = 0; i < st->ndisks; i++)
        if (!disk_of(st->pool, st->paths[i]) && !spare_of(st->pool, st->paths[i]) &&
            one_in(st, ++n))
            found = st->paths[i];
    if (found)
        get_well(st, found);
    return found;
}

static void name_of(uint64_t guid, char ret[24])
{
    snprintf(ret, 24, "%" PRIu64, guid);
}

/* What is refused because of what is going on just now is no news. True: it was done. */
static bool done(struct story *st, const char *what, int r, const struct err *err)
{
    if (r == 0)
        return true;
    if (st->closing)
        return false;
    if (r != -EBUSY && r != -ENOENT)
        story_fail("%s fails: %s (%d)", what, err->msg, r);
    st->n.refused++;
    return false;
}

/* ---- one change ------------------------------------------------------------------------------------------------------ */

static bool replace_by(struct story *st, uint64_t guid, const char *by)
{
    struct err err = {0};
    char name[24];
    name_of(guid, name);
    bool ok = done(st, "replacing a disk", pool_replace(st->pool, name, by, true, &err), &err);
    st->n.replaced += ok;
    return ok;
}

static bool change_replace(struct story *st)
{
    uint64_t guid = leaf_draw(st, is_alone);
    const char *by = free_draw(st);
    return guid && by && replace_by(st, guid, by);
}

static bool change_attach(struct story *st)
{
    struct err err = {0};
    char name[24];
    uint64_t guid = leaf_draw(st, can_be_attached_to);
    const char *by = free_draw(st);
    if (!guid || !by)
        return false;
    name_of(guid, name);
    int r = pool_attach(st->pool, name, by, true, &err);
    bool ok = done(st, "attaching a disk", r, &err);
    st->n.attached += ok;
    return ok;
}

/* Also what joined and is not done yet. */
static bool change_leave(struct story *st)
{
    struct err err = {0};
    char name[24];
    uint64_t guid = leaf_draw(st, can_leave);
    if (!guid)
        return false;
    name_of(guid, name);
    int r = pool_detach(st->pool, name, &err);
    const struct vdev *leaf = leaf_of(st, guid);
    if (r == -EINVAL && leaf && !has_siblings(leaf))
        r = -EBUSY; /* the replacement that it was part of ended meanwhile */
    bool ok = done(st, "detaching a disk", r, &err);
    st->n.detached += ok;
    return ok;
}

/* A mirror, or one disk, which can then not be lost. */
static bool change_add(struct story *st)
{
    const char *disks[2];
    struct err err = {0};
    struct pool_group group = {LAYOUT_SINGLE, 1, disks};
    if (one_in(st, 2))
        group = (struct pool_group){LAYOUT_MIRROR, 2, disks};
    if (st->pool->root->nchildren >= TOPS_MAX)
        return false;
    disks[0] = free_draw(st);
    for (unsigned i = 0; i < 10 && (i == 0 || disks[1] == disks[0]); i++)
        disks[1] = free_draw(st);
    if (!disks[0] || (group.n == 2 && disks[1] == disks[0]))
        return false;
    int r = pool_add(st->pool, &group, 1, NULL, 0, true, &err);
    bool ok = done(st, "adding a group", r, &err);
    st->n.added += ok;
    return ok;
}

/* ---- losing disks ---------------------------------------------------------------------------------------------------- */

static void notice(struct story *st)
{
    int r = pool_sync(st->pool);
    if (r)
        story_fail("pool_sync fails without a disk that can be spared: %s", strerror(-r));
}

/* Pulled out, or it takes no write any more. */
static void lose(struct story *st, uint64_t guid, bool pull)
{
    const char *path = disk_path_of(st, guid);
    if (pull)
        sim_unplug(st->run, path);
    else
        sim_fail_writes(st->run, path, 1, EIO);
    fiber_sleep_until(run_now() + draw(st, 10 * NS_PER_MS), NULL);
    notice(st);
}

/* A new disk, blank, where the old one was. */
static void swap_disk(struct story *st, const char *path)
{
    struct sim_inode *in = sim_names_find(st->disks, path);
    sim_inode_resize(in, 0);
    sim_inode_resize(in, DISK_SIZE);
    sim_inode_flushed(in, in->seq);
    st->n.swapped++;
}

/* A leaf that failed or is missing comes back, or a blank disk that is there now takes its place. */
static void mend_leaf(struct story *st, uint64_t guid)
{
    struct err err = {0};
    char name[24];
    const char *path = disk_path_of(st, guid);
    if (path)
        get_well(st, path);
    name_of(guid, name);
    if (pool_offline(st->pool, name, &err) == 0 && pool_online(st->pool, name, &err) == 0) {
        st->n.returned++;
        return;
    }
    if (!leaf_of(st, guid) || pool_detach(st->pool, name, &err) == 0)
        return;
    const char *by = free_draw(st);
    if (path && one_in(st, 2))
        by = NULL;
    int r = pool_replace(st->pool, name, by, true, &err);
    st->n.replaced_in_place += r == 0 && !by;
    st->n.replaced += r == 0 && by;
    done(st, "replacing a lost disk", r, &err);
}

static bool is_lost(const struct story *st, const struct vdev *leaf)
{
    (void)st;
    return leaf->state < VDEV_HEALTHY;
}

static void mend(struct story *st)
{
    uint64_t guid = leaf_draw(st, is_lost);
    if (guid && !st->closing)
        mend_leaf(st, guid);
}

/* For good, or it comes back while others copy what it had. */
static bool change_lose(struct story *st)
{
    uint64_t guid = leaf_draw(st, can_be_lost);
    const char *path = guid ? disk_path_of(st, guid) : NULL;
    if (!path)
        return false;
    lose(st, guid, true);
    if (one_in(st, 2))
        swap_disk(st, path);
    const char *by = free_draw(st);
    if (one_in(st, 2) && by && leaf_of(st, guid))
        replace_by(st, guid, by);
    else
        mend_leaf(st, guid);
    return true;
}

/* In the middle of its resilver. */
static bool change_lose_new(struct story *st)
{
    uint64_t guid = leaf_draw(st, is_new);
    if (!guid || !disk_path_of(st, guid))
        return false;
    st->n.lost_in_resilver++;
    lose(st, guid, one_in(st, 2));
    if (one_in(st, 2))
        mend(st);
    return true;
}

/* ---- rot ------------------------------------------------------------------------------------------------------------- */

/* Nobody looks at what a new disk has got already. */
static bool can_rot(const struct story *st, const struct vdev *leaf)
{
    return !is_changing(leaf) && leaf->dtl.n == 0 && can_be_lost(st, leaf);
}

/* Until it has left or a scrub has seen all of it, the disk is no redundancy. */
static bool change_rot(struct story *st)
{
    uint64_t guid = st->rotten ? 0 : leaf_draw(st, can_rot);
    const char *path = guid ? disk_path_of(st, guid) : NULL, *by;
    if (!path)
        return false;
    st->rotten = path;
    for (uint64_t i = 1 + draw(st, 8); i > 0; i--) {
        uint64_t off = ROT_FIRST + draw(st, DISK_SIZE / 4);
        sim_rot(st->run, path, off, 1 + draw(st, MIB));
        st->n.rots++;
    }
    if (one_in(st, 2) && (by = free_draw(st)))
        replace_by(st, guid, by);
    return true;
}

/* What a log held at that time is in the tree before; scrubs don't visit it. */
static void rot_away(struct story *st)
{
    struct pool_scan_status s;
    if (disk_of(st->pool, st->rotten)) {
        notice(st);
        /* One that began before doesn't look at what was written since, nor again at what it has seen. */
        pool_scrub(st->pool, POOL_SCRUB_CANCEL, NULL);
        if (pool_scrub(st->pool, POOL_SCRUB_START, NULL))
            return;
        pool_scan_wait(st->pool);
        pool_scan_status(st->pool, &s);
        if (s.errors)
            story_fail("%" PRIu64 " blocks of a rotten disk cannot be repaired", s.errors);
        if (st->closing || s.state != POOL_SCAN_FINISHED || !disks_whole(st))
            return;
    }
    st->rotten = NULL;
}

/* ---- spares ---------------------------------------------------------------------------------------------------------- */

static bool is_idle_spare(const struct story *st)
{
    struct pool_spare_info s;
    for (unsigned i = 0; pool_spare(st->pool, i, &s); i++)
        if (!s.in_use)
            return true;
    return false;
}

static bool spare_there(struct story *st)
{
    struct err err = {0};
    if (is_idle_spare(st))
        return true;
    const char *path = free_draw(st);
    return path &&
           done(st, "adding a spare", pool_add(st->pool, NULL, 0, &path, 1, true, &err), &err);
}

/* An idle one belongs to nobody again. */
static bool spare_away(struct story *st)
{
    struct pool_spare_info s;
    struct err err = {0};
    for (unsigned i = 0; pool_spare(st->pool, i, &s); i++)
        if (!s.in_use)
            return done(st, "removing a spare", pool_remove_spare(st->pool, s.path, &err),
                        &err);
    return false;
}

/* One that can be used: a spare, too, may have been pulled out, or a blank disk was put in its place while it was in use. */
static bool is_spare_there(const struct story *st)
{
    struct pool_spare_info s;
    for (unsigned i = 0; pool_spare(st->pool, i, &s); i++)
        if (!s.in_use && !sim_is_unplugged(st->run, s.path) && strcmp(s.state, "UNAVAIL") != 0)
            return true;
    return false;
}

/* Or another disk was given it, or it went away. */
static bool has_spare(const struct story *st, uint64_t guid)
{
    const struct vdev *leaf = leaf_of(st, guid);
    return !leaf || leaf->parent->type == VDEV_SPARE || !is_spare_there(st);
}

/* It takes over by itself: at once when a disk has failed, after a while when it is missing. */
static void await_spare(struct story *st, uint64_t guid)
{
    uint64_t until = run_deadline_ms(SPARE_MS);
    st->patient = true;
    while (!st->closing && !has_spare(st, guid)) {
        if (run_now() > until)
            story_fail("no spare takes over for disk %" PRIu64, guid);
        fiber_sleep_until(run_deadline_ms(100), NULL);
    }
    st->patient = false;
    st->n.spares_in += !st->closing;
}

static bool change_spare(struct story *st)
{
    uint64_t guid = spare_there(st) ? leaf_draw(st, can_get_spare) : 0;
    if (!guid || !disk_path_of(st, guid))
        return false;
    lose(st, guid, one_in(st, 3));
    await_spare(st, guid);
    if (one_in(st, 2))
        pool_scan_wait(st->pool);
    if (st->closing || !leaf_of(st, guid))
        return true;
    const char *by = free_draw(st);
    if (one_in(st, 3) && by)
        replace_by(st, guid, by);
    else if (!one_in(st, 2) || !change_leave(st))
        mend_leaf(st, guid);
    return true;
}

/* ---- the operator ---------------------------------------------------------------------------------------------------- */

static const struct {
    bool (*fn)(struct story *st); /* false: nothing fits */
    enum step step;               /* that it leads to */
    unsigned weight;
} changes[] = {
    {change_replace,  STEP_REPLACE,  4},
    {change_attach,   STEP_ATTACH,   3},
    {change_leave,    STEP_LEAVE,    2},
    {change_add,      STEP_ADD,      1},
    {change_spare,    STEP_SPARE_IN, 3},
    {change_lose,     STEP_RESILVER, 4},
    {change_lose_new, STEP_COUNT,    4},
    {change_rot,      STEP_COUNT,    2},
};

/* The one that the cutter waits for; ARRAY_LEN(changes): it is none of them. */
static unsigned change_aimed_at(const struct story *st)
{
    unsigned k = 0;
    while (k < ARRAY_LEN(changes) && (st->aim == STEP_COUNT || changes[k].step != st->aim))
        k++;
    return k;
}

static unsigned change_weight(unsigned k)
{
    return changes[k].weight;
}

/* Where nothing fits, there may be too few disks that belong to nobody. */
static void change_something(struct story *st)
{
    unsigned k = change_aimed_at(st);
    if (k == ARRAY_LEN(changes) || one_in(st, 4))
        k = draw_weighted(st, change_weight, ARRAY_LEN(changes));
    if (!changes[k].fn(st) && !spare_away(st))
        change_leave(st);
}

/* All that was begun comes to its end by itself once all disks are well. */
static void come_to_an_end(struct story *st)
{
    for (unsigned i = 0; !st->closing && !disks_whole(st); i++) {
        if (i == PATIENCE)
            story_fail("disks are well, and the pool does not become whole");
        mend(st);
        pool_scan_wait(st->pool);
        if (!disks_whole(st))
            fiber_sleep_until(run_deadline_ms(100), NULL);
    }
}

void changing(void *arg)
{
    struct story *st = arg;
    while (!st->closing) {
        bool aims = change_aimed_at(st) < ARRAY_LEN(changes);
        fiber_sleep_until(run_now() + draw(st, 20 * NS_PER_MS), NULL);
        if (!one_in(st, aims ? 2 : 3))
            come_to_an_end(st);
        if (!st->closing && st->rotten && disks_whole(st))
            rot_away(st);
        else if (!st->closing && !aims && disks_whole(st) && one_in(st, 3))
            disks_prove(st);
        if (!st->closing)
            change_something(st);
    }
    waitgroup_done(&st->troubles);
}

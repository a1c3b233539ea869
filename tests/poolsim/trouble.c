/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What befalls disks, of those that the layout can spare: nobody may notice. Either the same few rot and fail in all worlds of
 * a story; or any of them is pulled out and put back, the next one only when the pool says that all are whole
 * again: if that is not so, the data are gone. Or so many are pulled out that the pool cannot go on: then nothing is
 * acknowledged and nobody gets an error, and all goes on when they are back. Besides, any disk may be slow for a while.
 */
#include "story.h"

#include "base/check.h"
#include "pool/pool_int.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ---- rot ------------------------------------------------------------------------------------------------------------- */

/* The first ones of each group. */
static const char *weak_draw(struct story *st)
{
    uint64_t group = draw(st, st->ngroups);
    return st->paths[group * st->group_disks + draw(st, st->spare)];
}

static void rot(void *arg)
{
    struct story *st = arg;
    const char *path = weak_draw(st);
    if (one_in(st, 3))
        sim_fail_writes(st->run, path, 10, EIO);
    if (one_in(st, 3))
        sim_fail_flush(st->run, path, 5, EIO);
    if (one_in(st, 3))
        sim_fail_reads(st->run, path, 10, EIO);
    while (!st->closing) {
        uint64_t off = ROT_FIRST + draw(st, DISK_SIZE - ROT_FIRST - 2 * MIB);
        sim_rot(st->run, weak_draw(st), off, 1 + draw(st, MIB));
        st->n.rots++;
        fiber_sleep_until(run_now() + draw(st, 40 * NS_PER_MS), NULL);
    }
}

/* ---- going away and coming back -------------------------------------------------------------------------------------- */

static struct vdev *leaf_of(const struct story *st, const char *path)
{
    struct vdev *leaf;
    for (unsigned i = 0; (leaf = vdev_leaf(st->pool->root, i)); i++)
        if (strcmp(leaf->path, path) == 0)
            return leaf;
    story_fail("disk %s is none of the pool's any more", path);
}

/* As far as the pool knows, every disk has all that it ought to. */
bool disks_whole(const struct story *st)
{
    const struct vdev *leaf;
    for (unsigned i = 0; (leaf = vdev_leaf(st->pool->root, i)); i++)
        if (leaf->state != VDEV_HEALTHY || leaf->dtl.n)
            return false;
    return true;
}

/* A disk that is away is missed by the next commit at the latest. */
static void pull(struct story *st, const char *path)
{
    sim_unplug(st->run, path);
    st->n.unplugged++;
    fiber_sleep_until(run_now() + draw(st, 40 * NS_PER_MS), NULL);
    if (one_in(st, 3))
        sim_plug(st->run, path); /* nobody saw it go, perhaps */
    int r = pool_sync(st->pool);
    if (r)
        story_fail("pool_sync fails without %s: %s", path, strerror(-r));
    if (!st->closing && leaf_of(st, path)->state >= VDEV_DEGRADED)
        story_fail("nobody noticed that %s went away", path);
}

/* Taken out of service first, so that the pool lets go of what it had opened. */
static void put_back(struct story *st, const char *path)
{
    struct err err = {0};
    sim_plug(st->run, path);
    if (pool_offline(st->pool, path, &err) || pool_online(st->pool, path, &err))
        story_fail("disk %s does not come back: %s", path, err.msg);
}

/* A pool that is whole has nothing to repair, unless somebody stops the scrub. */
void disks_prove(struct story *st)
{
    struct pool_scan_status s;
    if (pool_scrub(st->pool, POOL_SCRUB_START, NULL))
        return;
    pool_scan_wait(st->pool);
    pool_scan_status(st->pool, &s);
    if (s.errors || s.repaired)
        story_fail("disks that are whole had %" PRIu64 " bytes to be repaired, %" PRIu64
                   " blocks could not be",
                   s.repaired, s.errors);
    st->n.proofs += s.state == POOL_SCAN_FINISHED;
}

/* As many of one group as it can spare. */
static void going(void *arg)
{
    struct story *st = arg;
    while (!st->closing) {
        fiber_sleep_until(run_now() + draw(st, 20 * NS_PER_MS), NULL);
        pool_scan_wait(st->pool);
        if (st->closing || !disks_whole(st))
            continue;
        if (one_in(st, 2))
            disks_prove(st);
        uint64_t first = draw(st, st->ngroups) * st->group_disks;
        uint64_t k = draw(st, st->group_disks), n = 1 + draw(st, st->spare);
        for (uint64_t i = 0; i < n; i++)
            pull(st, st->paths[first + (k + i) % st->group_disks]);
        for (uint64_t i = 0; i < n && !st->closing; i++)
            put_back(st, st->paths[first + (k + i) % st->group_disks]);
        st->n.resilvers++;
    }
    waitgroup_done(&st->troubles);
}

/* ---- too many are gone ----------------------------------------------------------------------------------------------- */

static void pull_too_many(struct story *st)
{
    uint64_t first = draw(st, st->ngroups) * st->group_disks, k = draw(st, st->group_disks);
    uint64_t n = st->spare + 1 + draw(st, st->group_disks - st->spare);
    for (uint64_t i = 0; i < n; i++) {
        sim_unplug(st->run, st->paths[first + (k + i) % st->group_disks]);
        if (one_in(st, 4))
            fiber_sleep_until(run_now() + draw(st, 20 * NS_PER_MS), NULL);
    }
    for (unsigned i = 0; i < 50 && !pool_suspended(st->pool) && !st->closing; i++)
        fiber_sleep_until(run_deadline_ms(10), NULL);
    st->n.suspensions += pool_suspended(st->pool);
}

void disks_await(struct story *st)
{
    for (unsigned i = 0; pool_suspended(st->pool); i++) {
        if (i == 300)
            story_fail("all disks are there, and the pool stays suspended");
        fiber_sleep_until(run_deadline_ms(100), NULL);
    }
}

/* By itself or because the operator says so. Disks that nobody missed yet fail later, and all that comes again. */
static void come_back(struct story *st)
{
    struct err err = {0};
    if (one_in(st, 2))
        fiber_sleep_until(run_now() + draw(st, 8000 * NS_PER_MS), NULL);
    for (unsigned i = 0; i < st->ndisks; i++)
        sim_plug(st->run, st->paths[i]);
    if (one_in(st, 2)) {
        int r = pool_clear(st->pool, NULL, false, &err);
        if (r && r != -EAGAIN)
            story_fail("clear fails though all disks are there: %s", err.msg);
        st->n.clears++;
    }
    disks_await(st);
}

static void losing(void *arg)
{
    struct story *st = arg;
    while (!st->closing) {
        fiber_sleep_until(run_now() + draw(st, 100 * NS_PER_MS), NULL);
        pool_scan_wait(st->pool);
        if (st->closing || !disks_whole(st))
            continue;
        pull_too_many(st);
        come_back(st);
    }
    int r = pool_sync(st->pool);
    if (r)
        story_fail("pool_sync fails with all disks back: %s", strerror(-r));
    waitgroup_done(&st->troubles);
}

/* ---- slowness -------------------------------------------------------------------------------------------------------- */

static void stall(void *arg)
{
    struct story *st = arg;
    while (!st->closing) {
        sim_stall_disk(st->run, st->paths[draw(st, st->ndisks)],
                       run_now() + draw(st, 100 * NS_PER_MS));
        st->n.stalls++;
        fiber_sleep_until(run_now() + draw(st, 400 * NS_PER_MS), NULL);
    }
}

void trouble_start(struct story *st)
{
    bool now = one_in(st, 2);
    if (st->trouble == TROUBLE_ROT && now)
        check(fiber_start(rot, st, "rot"));
    if (st->trouble == TROUBLE_GOING) {
        waitgroup_add(&st->troubles, 1);
        check(fiber_start(going, st, "going"));
    }
    if (st->trouble == TROUBLE_LOST) {
        waitgroup_add(&st->troubles, 1);
        check(fiber_start(losing, st, "losing"));
    }
    if (st->trouble == TROUBLE_CHANGING) {
        waitgroup_add(&st->troubles, 1);
        check(fiber_start(changing, st, "changing"));
    }
    if (one_in(st, 6))
        check(fiber_start(stall, st, "stall"));
}

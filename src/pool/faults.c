/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When errors are too many (as OpenZFS's zfs-diagnosis and zfs-retire see it). Ten in ten minutes: a disk that cannot read is used
 * no more, as long as the others hold everything; one that reads wrong bytes, or cannot be done without, is used as before
 * and said to be degraded. Either gets a spare. A write that fails ends a disk's use at once (leaf_fail()).
 *
 * A disk that lacks blocks has no errors counted for them, so one that was away is not judged by what it missed.
 */
#include "pool/pool_int.h"

#define ERRORS_MOST 10u
#define WATCH_NS    (600 * NS_PER_SEC)

/* A new stretch of time begins, or somebody cleared the counters. */
static bool begins_anew(const struct vdev *leaf)
{
    return leaf->watch.since == 0 || run_now() - leaf->watch.since > WATCH_NS ||
           leaf->stats.read_errors < leaf->watch.read ||
           leaf->stats.checksum_errors < leaf->watch.checksum;
}

static void begin_anew(struct vdev *leaf, bool cleared)
{
    leaf->watch.since = run_now();
    leaf->watch.read = cleared ? 0 : leaf->stats.read_errors;
    leaf->watch.checksum = cleared ? 0 : leaf->stats.checksum_errors;
}

/* Parks. */
static bool judge(struct pool *p, struct vdev *leaf)
{
    uint64_t guid = leaf->guid;
    uint64_t reads = leaf->stats.read_errors - leaf->watch.read;
    uint64_t wrong = leaf->stats.checksum_errors - leaf->watch.checksum;
    if (reads < ERRORS_MOST && (wrong < ERRORS_MOST || leaf->degraded))
        return false;
    begin_anew(leaf, false);
    if (reads >= ERRORS_MOST && vdev_fault(p->root, guid, "read"))
        return true;
    leaf = vdev_find(p->root, guid);
    if (!leaf || leaf->state != VDEV_HEALTHY)
        return false;
    vdev_degrade(leaf);
    return true;
}

bool faults_look(struct pool *p)
{
    struct vdev *leaf;
    bool found = false;
    for (unsigned i = 0; (leaf = vdev_leaf(p->root, i)); i++) {
        if (!leaf->file || leaf->state < VDEV_DEGRADED)
            continue;
        if (begins_anew(leaf))
            begin_anew(leaf, leaf->watch.since == 0 ||
                                 leaf->stats.read_errors < leaf->watch.read ||
                                 leaf->stats.checksum_errors < leaf->watch.checksum);
        found |= judge(p, leaf);
    }
    return found;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sizes of a top-level vdev: its sector, how much of it can be allocated, the size of its
 * metaslabs, how it counts in accounting. OpenZFS's rules, so that both engines cut a disk in
 * the same way.
 */
#include "pool/vdev/vdev_int.h"

#include <errno.h>
#include <inttypes.h>

#define ASHIFT_DEFAULT  12u
#define MS_SHIFT_MIN    24u
#define MS_SHIFT_NORMAL 29u
#define MS_SHIFT_LIMIT  34u
#define MS_COUNT_MIN    16u
#define MS_COUNT_NORMAL 200u
#define MS_COUNT_MAX    131072u

/* Index of the highest bit, counted from 1. */
static unsigned highbit(uint64_t v)
{
    return v ? 64u - (unsigned)__builtin_clzll(v) : 0;
}

/* log2, rounded up. */
static unsigned shift_of(uint64_t size)
{
    return highbit(size - 1);
}

/* The smallest ashift that every disk takes, and the one that fits them best. */
static void wanted_ashift(const struct vdev *top, unsigned *ret_least, unsigned *ret_best)
{
    const struct vdev *leaf;
    unsigned least = ASHIFT_MIN, best = ASHIFT_MIN;
    for (unsigned i = 0; (leaf = vdev_leaf(top, i)); i++) {
        const struct file_info *info = file_info(leaf->file);
        best = MAX(best, shift_of(info->physical_block));
        if (info->is_blockdev)
            least = MAX(least, shift_of(info->logical_block));
        if (leaf->type == VDEV_DISK)
            best = MAX(best, ASHIFT_DEFAULT);
    }
    *ret_least = least;
    *ret_best = MAX(least, MIN(best, ASHIFT_MAX));
}

static int choose_ashift(struct vdev *top, unsigned ashift, struct err *reterr)
{
    unsigned least, best;
    wanted_ashift(top, &least, &best);
    if (ashift == 0)
        ashift = best;
    if (ashift < ASHIFT_MIN || ashift > ASHIFT_MAX)
        return err_set(reterr, E(-EINVAL), "ashift %u: %u to %u are possible", ashift,
                       ASHIFT_MIN, ASHIFT_MAX);
    if (ashift < least)
        return err_set(reterr, E(-EINVAL), "ashift %u: these disks need at least %u", ashift,
                       least);
    top->ashift = ashift;
    return 0;
}

/* Files whose units are larger than the sectors can't be used direct. */
static int fit_files(struct vdev *top, struct err *reterr)
{
    struct vdev *leaf;
    for (unsigned i = 0; (leaf = vdev_leaf(top, i)); i++) {
        if (file_info(leaf->file)->dio_align <= 1u << top->ashift)
            continue;
        file_close(leaf->file);
        leaf->file = NULL;
        int rc = leaf_open_file(leaf, false, top->ashift, reterr);
        if (rc < 0) {
            vdev_set_state(leaf, VDEV_CANT_OPEN);
            return rc;
        }
    }
    return 0;
}

static uint64_t usable_size(const struct vdev *vd)
{
    uint64_t least = UINT64_MAX;
    if (vd->nchildren == 0)
        return vd->psize - LABEL_FRONT - LABEL_BACK;
    for (unsigned i = 0; i < vd->nchildren; i++)
        least = MIN(least, usable_size(vd->child[i]));
    return vd->type == VDEV_RAIDZ ? least * vd->nchildren : least;
}

static unsigned metaslab_shift(uint64_t asize)
{
    unsigned shift = MS_SHIFT_NORMAL;
    if (asize >> MS_SHIFT_NORMAL < MS_COUNT_MIN)
        shift = MAX(highbit(asize / MS_COUNT_MIN), MS_SHIFT_MIN);
    else if (asize >> MS_SHIFT_NORMAL > MS_COUNT_NORMAL)
        shift = highbit(asize / MS_COUNT_NORMAL);
    if (shift > MS_SHIFT_LIMIT) {
        shift = MS_SHIFT_LIMIT;
        if (asize >> shift > MS_COUNT_MAX)
            shift = highbit(asize / MS_COUNT_MAX);
    }
    return shift;
}

int vdev_layout(struct vdev *top, unsigned ashift, struct err *reterr)
{
    struct vdev *leaf;
    for (unsigned i = 0; (leaf = vdev_leaf(top, i)); i++) {
        if (!leaf_up(leaf))
            return err_set(reterr, E(-ENXIO), "%s is not open", leaf->path);
    }
    int rc = choose_ashift(top, ashift, reterr);
    rc = rc < 0 ? rc : fit_files(top, reterr);
    if (rc < 0)
        return rc;
    top->asize = usable_size(top);
    top->ms_shift = metaslab_shift(top->asize);
    vdev_set_deflate(top);
    return 0;
}

uint64_t vdev_asize(const struct vdev *top, uint64_t psize)
{
    if (top->type == VDEV_RAIDZ)
        return raidz_asize(psize, top->ashift, top->nchildren, top->nparity);
    return round_up(psize, 1ull << top->ashift);
}

void vdev_set_deflate(struct vdev *vd)
{
    for (unsigned i = 0; vd->type == VDEV_ROOT && i < vd->nchildren; i++)
        vdev_set_deflate(vd->child[i]);
    if (vd->type != VDEV_ROOT && vd->ashift)
        vd->deflate_ratio = (uint32_t)(BLOCK_MAX / (vdev_asize(vd, BLOCK_MAX) >> SECTOR_SHIFT));
}

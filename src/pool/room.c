/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much fits. There are two accounts. The books (dsl/space.c) count what datasets use and have reserved, in bytes as
 * OpenZFS deflates them, against the pool's capacity: its size less the slop; the differences are what `available` says,
 * to the byte as OpenZFS would. The disks count what is allocated, what was freed but may not be used yet, and what the
 * dirty blocks may take at most.
 */
#include "pool/pool_int.h"

#define SLOP_SHIFT 5 /* OpenZFS keeps 1/32 back for frees and its own needs */
#define SLOP_MIN   (128ull << 20)
#define SLOP_MAX   (128ull << 30)
/* OpenZFS sets one metaslab aside for the intent log where a top-level vdev has more than so many. */
#define LOG_METASLABS 64u

/* ---- the books ---------------------------------------------------------------------------------------------- */

struct dspace {
    uint64_t normal, log; /* deflated bytes */
};

static struct dspace dspace(const struct pool *p)
{
    struct dspace d = {0, 0};
    for (unsigned i = 0; i < p->root->nchildren; i++) {
        const struct vdev *top = p->root->child[i];
        unsigned n = space_nmetaslabs(p->space, top);
        if (top->type == VDEV_HOLE || top->is_log || n == 0)
            continue;
        uint64_t one = ((1ull << top->ms_shift) >> SECTOR_SHIFT) * top->deflate_ratio;
        unsigned log = n > LOG_METASLABS ? 1 : 0;
        d.normal += one * (n - log);
        d.log += one * log;
    }
    return d;
}

static uint64_t slop(struct dspace d)
{
    uint64_t slop = MIN(d.normal >> SLOP_SHIFT, SLOP_MAX);
    slop -= MIN(d.log, slop / 2);
    return MAX(slop, MIN(d.normal / 2, SLOP_MIN));
}

uint64_t pool_capacity(const struct pool *p)
{
    struct dspace d = dspace(p);
    uint64_t kept = slop(d) + p->dsl.leftover;
    return d.normal > kept ? d.normal - kept : 0;
}

/* ---- the disks ------------------------------------------------------------------------------------------------ */

/* A top-level vdev's bytes as the books count them: without what parity takes of a 128 KiB block. */
static uint64_t deflated(const struct pool *p, uint64_t bytes)
{
    uint32_t ratio = UINT32_MAX;
    for (unsigned i = 0; i < p->blocks.nvdevs; i++)
        if (p->blocks.ratios[i])
            ratio = MIN(ratio, p->blocks.ratios[i]);
    return ratio == UINT32_MAX ? bytes : (bytes >> SECTOR_SHIFT) * ratio;
}

uint64_t pool_block_cost(const struct pool *p, uint64_t psize)
{
    uint64_t most = psize;
    for (unsigned i = 0; i < p->root->nchildren; i++) {
        const struct vdev *top = p->root->child[i];
        if (top->type == VDEV_HOLE || top->is_log)
            continue;
        most = MAX(most, (vdev_asize(top, psize) >> SECTOR_SHIFT) * top->deflate_ratio);
    }
    return most;
}

uint64_t pool_available(const struct pool *p)
{
    struct space_totals t = space_totals(p->space);
    uint64_t kept = MAX(t.size >> SLOP_SHIFT, MIN(SLOP_MIN, t.size / 2));
    uint64_t taken = t.allocated + t.deferred + kept;
    uint64_t left = taken < t.size ? deflated(p, t.size - taken) : 0;
    return left > p->dirty_cost ? left - p->dirty_cost : 0;
}

void pool_space(const struct pool *p, struct pool_space *ret)
{
    struct space_totals t = space_totals(p->space);
    *ret = (struct pool_space){t.size, t.allocated,
                               dsl_dir_available(p->dsl.root, pool_capacity(p))};
}

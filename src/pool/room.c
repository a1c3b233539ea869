/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much fits. There are two accounts. The books (dsl/space.c) count what datasets use and have reserved, in bytes as
 * OpenZFS deflates them, against the pool's capacity: its size less the slop; the differences are what `available` says,
 * to the byte as OpenZFS would. The disks count what is allocated, what was freed but may not be used yet, and what the
 * dirty blocks may take at most.
 *
 * The threshold is a percentage in a user property; crossing it raises an event and warns who serves the volumes, once
 * until it has been left behind by a margin. It is looked at after each txg.
 */
#include "base/log.h"
#include "pool/pool_int.h"

#include <inttypes.h>
#include <stdlib.h>

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

static uint64_t left_beside(const struct pool *p, uint64_t taken, unsigned shift)
{
    uint64_t size = space_totals(p->space).size;
    taken += MAX(size >> SLOP_SHIFT, MIN(SLOP_MIN, size / 2)) >> shift;
    return taken < size ? deflated(p, size - taken) : 0;
}

uint64_t pool_disks_left(const struct pool *p, unsigned shift)
{
    struct space_totals t = space_totals(p->space);
    return left_beside(p, t.allocated + t.deferred, shift);
}

uint64_t pool_disks_room(const struct pool *p)
{
    return left_beside(p, space_totals(p->space).allocated, 0);
}

bool pool_held_back(const struct pool *p)
{
    return space_totals(p->space).deferred > 0;
}

void pool_space(const struct pool *p, struct pool_space *ret)
{
    struct space_totals t = space_totals(p->space);
    *ret = (struct pool_space){t.size, t.allocated,
                               dsl_dir_available(p->dsl.root, pool_capacity(p))};
}

/* ---- the threshold ---------------------------------------------------------------------------------------------- */

#define HYSTERESIS 2u /* percent below a threshold that it is left behind */

static uint64_t threshold_of(const struct pool *p)
{
    const char *text;
    char *end;
    if (!dsl_prop_str(p->dsl.root, POOL_THRESHOLD, &text, NULL))
        return POOL_THRESHOLD_DEFAULT;
    uint64_t v = strtoull(text, &end, 10);
    return *end || end == text || v > 100 ? 0 : v; /* "off" */
}

/* What must be allocated to be above the threshold, for one who is or isn't. */
static uint64_t mark(bool above, uint64_t percent, uint64_t size)
{
    return size / 100 * (percent - (above ? MIN(percent, HYSTERESIS) : 0));
}

int threshold_cross(bool *above, uint64_t percent, uint64_t used, uint64_t size)
{
    bool now = percent && used >= mark(*above, percent, size);
    int crossed = (int)now - (int)*above;
    *above = now;
    return crossed;
}

uint64_t pool_warn_below(const struct pool *p, uint64_t available)
{
    struct space_totals t = space_totals(p->space);
    uint64_t percent = threshold_of(p), at = mark(p->filling, percent, t.size);
    if (!percent)
        return 0;
    if (p->filling)
        return available + 1 + deflated(p, t.allocated - MIN(t.allocated, at));
    uint64_t room = deflated(p, at - MIN(t.allocated, at));
    return available > room ? available - room : 0;
}

void pool_watch(struct pool *p)
{
    struct space_totals t = space_totals(p->space);
    uint64_t limit = threshold_of(p);
    int crossed = threshold_cross(&p->filling, limit, t.allocated, t.size);
    if (crossed)
        volumes_threshold(p);
    switch (crossed) {
    case 1:
        log_warn("pool.filling", KV("pool", "%s", p->name), KV("threshold", "%" PRIu64, limit),
                 KV("allocated", "%" PRIu64, t.allocated), KV("size", "%" PRIu64, t.size));
        break;
    case -1:
        log_info("pool.relaxed", KV("pool", "%s", p->name), KV("threshold", "%" PRIu64, limit),
                 KV("allocated", "%" PRIu64, t.allocated), KV("size", "%" PRIu64, t.size));
        break;
    }
}

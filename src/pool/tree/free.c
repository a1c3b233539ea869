/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Freeing ranges of blocks. The largest subtrees that lie inside the range go as a whole: every
 * pointer below is handed to the owner, and one dirty record stands for the hole that is left.
 * Where the range or the caller's limit cuts through a subtree, smaller ones go, down to single
 * blocks. What was dirty inside is forgotten. So the memory that a free takes is that of the
 * path to its two ends, however long it is.
 */
#include "pool/tree/tree_int.h"

#include <errno.h>
#include <string.h>

/* ---- giving a subtree back --------------------------------------------------------------- */

static int subtree_kill(struct object *obj, unsigned level, uint64_t blkid,
                        const struct bp *slot, uint64_t *killed);

static int children_kill(struct object *obj, unsigned level, uint64_t blkid, struct iobuf *buf,
                         uint64_t *killed)
{
    uint64_t n = 1ull << dn_epbs(&obj->dn), seen = 0;
    struct ahead ahead;
    int rc = 0;
    ahead_begin(&ahead, obj->os->blocks);
    for (uint64_t i = 0; rc == 0 && i < n; i++) {
        uint64_t child = blkid * n + i;
        const struct bp *slot = &bps_of(buf)[i];
        for (seen = MAX(seen, i + 1); level > 1 && seen < n && !ahead_full(&ahead); seen++)
            ahead_read(&ahead, &bps_of(buf)[seen]);
        if (bp_is_hole(slot) && (level == 1 || !dirty_find(obj, level - 1, child)))
            continue;
        rc = subtree_kill(obj, level - 1, child, slot, killed);
        fiber_maybe_yield();
    }
    ahead_end(&ahead);
    return rc;
}

/* Everything below the pointer in slot and its block too. A dirty indirect block is newer than
 * what slot points to; a subtree that is a hole by its record is gone already. */
static int subtree_kill(struct object *obj, unsigned level, uint64_t blkid,
                        const struct bp *slot, uint64_t *killed)
{
    const struct dirty *d = dirty_find(obj, level, blkid);
    struct bp bp = *slot;
    struct iobuf *buf = NULL;
    int rc = 0;
    if (level > 0 && d && d->killed)
        return 0;
    if (level > 0 && d && d->buf) {
        buf = d->buf;
        iobuf_ref(buf);
    } else if (level > 0 && !bp_is_hole(&bp)) {
        rc = tree_read_indirect(obj->os->blocks, &obj->dn, level, &bp, &buf);
    }
    if (buf)
        rc = children_kill(obj, level, blkid, buf, killed);
    iobuf_put(buf);
    if (rc == 0 && !bp_is_hole(&bp)) {
        rc = object_kill(obj, &bp);
        *killed += level == 0;
    }
    return rc;
}

int object_kill_all(struct object *obj)
{
    uint64_t n = 0;
    unsigned top = obj->dn.nlevels - 1u;
    for (unsigned i = 0; i < obj->dn.nblkptr; i++) {
        int rc = subtree_kill(obj, top, i, dnode_bp(&obj->dn, i), &n);
        if (rc != 0)
            return rc;
    }
    if (obj->dn.flags & DNODE_SPILL && obj->dn.extra_slots == 0) {
        struct bp spill;
        memcpy(&spill, obj->dn.tail + sizeof(obj->dn.tail) - BP_SIZE, sizeof(spill));
        int rc = object_kill(obj, &spill);
        if (rc != 0)
            return rc;
    }
    dirty_clear(obj, false);
    return 0;
}

/* ---- the range --------------------------------------------------------------------------- */

struct range {
    struct object *obj;
    uint64_t at, end; /* what is left */
    uint64_t limit;  /* where subtrees have to end: end, or never when nothing lies behind it */
    uint64_t budget; /* level-0 blocks */
};

/* Whether the subtree of the level that begins at the range's start lies inside. */
static bool fits(const struct range *r, unsigned level)
{
    uint64_t mask = (1ull << span_shift(r->obj, level)) - 1, last;
    return (r->at & mask) == 0 && !ckd_add_u64(&last, r->at, mask) && last < r->limit;
}

/* A hole takes the place of the subtree, whose blocks were given back. */
static int subtree_cut(struct range *r, unsigned level, const struct bp *bp)
{
    struct object *obj = r->obj;
    uint64_t blkid = r->at >> span_shift(obj, level), n = 0;
    int rc = subtree_kill(obj, level, blkid, bp, &n);
    if (rc != 0)
        return rc;
    dirty_drop(obj, level, blkid);
    struct dirty *d = dirty_get(obj, level, blkid);
    if (!d)
        return -ENOMEM;
    d->killed = true;
    r->budget -= MIN(n, r->budget);
    return 0;
}

/* One block; the walk gives it back when it is settled. */
static int block_cut(struct range *r, const struct bp *bp)
{
    struct dirty *d = dirty_find(r->obj, 0, r->at);
    if (!d && bp_is_hole(bp))
        return 0;
    d = dirty_get(r->obj, 0, r->at);
    if (!d)
        return -ENOMEM;
    dirty_set_hole(r->obj, d);
    r->budget--;
    return 0;
}

/* The subtree at the range's start, if its pointer is a hole, goes by forgetting what is dirty
 * in it. */
static bool only_dirty(const struct range *r, unsigned level, const struct bp *bp)
{
    uint64_t blkid = r->at >> span_shift(r->obj, level);
    struct dirty *d = dirty_below(r->obj, level, blkid);
    if (!bp_is_hole(bp) || dirty_find(r->obj, level, blkid))
        return false;
    while (d && d->level == 0 && dirty_pos(d) >> span_shift(r->obj, level) == blkid)
        d = dirty_from(r->obj, d->key + 1);
    return !d || dirty_pos(d) >> span_shift(r->obj, level) != blkid;
}

/* Frees at the range's start as much as one subtree has, *ret_level: its level. */
static int range_step(struct range *r, unsigned *ret_level)
{
    struct object *obj = r->obj;
    unsigned level = obj->dn.nlevels - 1u, found;
    struct bp bp; /* a hole also when there is one above */
    for (;; level--) {
        if (level > 0 && !fits(r, level))
            continue;
        uint64_t blkid = r->at >> span_shift(obj, level);
        int rc = tree_lookup(obj->os->blocks, &obj->dn, obj, level, blkid, &bp, &found);
        *ret_level = level;
        if (rc != 0)
            return rc;
        if (level == 0)
            return block_cut(r, &bp);
        if (only_dirty(r, level, &bp)) {
            dirty_drop(obj, level, blkid);
            return 0;
        }
        if (bp_fill(&bp) <= r->budget)
            return subtree_cut(r, level, &bp);
    }
}

int object_free_blocks(struct object *obj, uint64_t first, uint64_t n, uint64_t max_blocks,
                       uint64_t *ret_next)
{
    uint64_t end, all = dn_max_block(&obj->dn) + 1;
    if (ckd_add_u64(&end, first, n))
        end = UINT64_MAX;
    struct range r = {.obj = obj, .at = first, .end = MIN(end, all), .budget = max_blocks};
    r.limit = end >= all ? UINT64_MAX : end;
    check(!obj->os->written);
    while (r.at < r.end && r.budget > 0) {
        unsigned level;
        int rc = range_step(&r, &level);
        if (rc != 0)
            return rc;
        r.at = ((r.at >> span_shift(obj, level)) + 1) << span_shift(obj, level);
        fiber_maybe_yield();
    }
    object_dirty(obj);
    if (r.at >= r.end && end >= all && first < all)
        obj->dn.maxblkid = le64_make(first > 0 ? first - 1 : 0);
    *ret_next = r.at >= r.end ? end : r.at;
    return 0;
}

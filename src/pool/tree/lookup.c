/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding a block: from the dnode's pointers down through indirect blocks. Two views: the last
 * committed tree, for readers beside the sync fiber (they hold a reader's ticket, so what they
 * find stays on disk while they follow it), and the tree as it is now, where dirty records hide
 * what they replace.
 *
 * A walk takes a copy of the pointer before it parks, so a commit in between does no harm: the
 * old tree is still there. Pointers and their blocks come from disk: level and size are checked
 * before a block is used.
 */
#include "pool/tree/tree_int.h"

#include <errno.h>
#include <string.h>

int dn_sane(struct dnode_phys *dn)
{
    int rc = dnode_check(dn, NULL);
    if (rc != 0)
        return rc;
    return dn_max_block(dn) < dn_capacity(dn) ? 0 : E(-EBADMSG);
}

int tree_read_indirect(struct blocks *b, const struct dnode_phys *dn, unsigned level,
                       const struct bp *bp, struct iobuf **ret_buf)
{
    if (bp_is_embedded(bp) || bp_level(bp) != level || bp_lsize(bp) != level_size(dn, level))
        return E(-EBADMSG);
    return block_read(b, bp, BLOCK_NORMAL, ret_buf);
}

static int leaf_check(const struct dnode_phys *dn, const struct bp *bp)
{
    return bp_level(bp) == 0 && bp_lsize(bp) == dn_block_size(dn) ? 0 : E(-EBADMSG);
}

int tree_read_leaf(struct blocks *b, const struct dnode_phys *dn, const struct bp *bp,
                   struct iobuf **ret_buf)
{
    int rc = leaf_check(dn, bp);
    return rc ? rc : block_read(b, bp, BLOCK_NORMAL, ret_buf);
}

/* One step down: from the pointer to block idx of level l to the pointer in its slot. */
static int step(struct blocks *b, const struct dnode_phys *dn, const struct object *live,
                unsigned l, uint64_t idx, uint64_t slot, struct bp *bp)
{
    const struct dirty *d = live ? dirty_find(live, l, idx) : NULL;
    struct iobuf *buf = d ? d->buf : NULL;
    if (buf) {
        *bp = bps_of(buf)[slot];
        return 0;
    }
    if (d || bp_is_hole(bp))
        return -ENOENT;
    int rc = tree_read_indirect(b, dn, l, bp, &buf);
    if (rc != 0)
        return rc;
    *bp = bps_of(buf)[slot];
    iobuf_put(buf);
    return 0;
}

int tree_lookup(struct blocks *b, const struct dnode_phys *dn, const struct object *live,
                unsigned level, uint64_t blkid, struct bp *ret_bp, unsigned *ret_level)
{
    const struct dnode_phys shape = {.indirect_shift = dn->indirect_shift};
    unsigned epbs = dn_epbs(dn), l = dn->nlevels - 1u;
    check_cmp(level, <=, l);
    uint64_t idx = blkid >> epbs * (l - level);
    struct bp bp = {0};
    int rc = idx < dn->nblkptr ? 0 : -ENOENT;
    if (rc == 0)
        memcpy(&bp, dn->tail + idx * BP_SIZE, sizeof(bp));
    while (rc == 0 && l > level) {
        uint64_t below = blkid >> epbs * (l - 1 - level);
        rc = step(b, &shape, live, l, idx, below & ((1u << epbs) - 1), &bp);
        if (rc == 0) {
            idx = below;
            l--;
        }
    }
    if (rc != 0 && rc != -ENOENT)
        return rc;
    *ret_bp = rc == 0 ? bp : (struct bp){0};
    *ret_level = l;
    return 0;
}

/* ---- as the sync fiber sees it ----------------------------------------------------------- */

int live_read(struct object *obj, uint64_t blkid, struct iobuf **ret_buf)
{
    const struct dirty *d = dirty_find(obj, 0, blkid);
    struct bp bp = {0};
    unsigned level;
    int rc = 0;
    *ret_buf = NULL;
    if (d && d->what == DIRTY_DATA) {
        iobuf_ref(d->buf);
        *ret_buf = d->buf;
        return 0;
    }
    if (d && d->what == DIRTY_ADOPTED)
        bp = *d->adopted;
    else if (!d && blkid <= dn_max_block(&obj->dn))
        rc = tree_lookup(obj->os->blocks, &obj->dn, obj, 0, blkid, &bp, &level);
    if (rc != 0 || bp_is_hole(&bp))
        return rc;
    return tree_read_leaf(obj->os->blocks, &obj->dn, &bp, ret_buf);
}

/* The first level-0 block in [from, to) that is dirty and no hole, or to. */
static uint64_t next_dirty(const struct object *obj, uint64_t from, uint64_t to)
{
    struct dirty *d = dirty_from(obj, dirty_key(obj, 0, from));
    while (d && dirty_pos(d) < to && (d->level > 0 || d->what == DIRTY_HOLE))
        d = dirty_from(obj, d->key + 1);
    return d ? MIN(to, dirty_pos(d)) : to;
}

int live_next(struct object *obj, uint64_t blkid, uint64_t *ret_blkid)
{
    while (blkid <= dn_max_block(&obj->dn)) {
        const struct dirty *d = dirty_find(obj, 0, blkid);
        struct bp bp = {0};
        unsigned level = 0;
        int rc = d ? 0 : tree_lookup(obj->os->blocks, &obj->dn, obj, 0, blkid, &bp, &level);
        if (rc != 0)
            return rc;
        if ((d && d->what != DIRTY_HOLE) || !bp_is_hole(&bp)) {
            *ret_blkid = blkid;
            return 0;
        }
        uint64_t end = ((blkid >> span_shift(obj, level)) + 1) << span_shift(obj, level);
        blkid = next_dirty(obj, blkid + 1, end);
        fiber_maybe_yield();
    }
    return -ENOENT;
}

/* ---- as readers see it ------------------------------------------------------------------- */

int object_lookup(struct object *obj, uint64_t blkid, struct bp *ret_bp)
{
    const struct dnode_phys *dn = &obj->committed;
    unsigned level;
    if (dn->type == DMU_NONE || blkid > dn_max_block(dn)) {
        memset(ret_bp, 0, sizeof(*ret_bp));
        return 0;
    }
    const struct dnode_phys shape = {.dblk_sectors = dn->dblk_sectors};
    struct bp bp;
    int rc = tree_lookup(obj->os->blocks, dn, NULL, 0, blkid, &bp, &level);
    if (rc == 0 && !bp_is_hole(&bp))
        rc = leaf_check(&shape, &bp);
    if (rc == 0)
        *ret_bp = bp;
    return rc;
}

/* Blocks from blkid on below one and the same hole, or 1 for a block that is there. */
static int run_step(struct object *obj, uint64_t blkid, uint64_t *ret_n, bool *ret_hole)
{
    const struct dnode_phys *dn = &obj->committed;
    if (dn->type == DMU_NONE || blkid > dn_max_block(dn)) {
        *ret_n = UINT64_MAX - blkid;
        *ret_hole = true;
        return 0;
    }
    unsigned epbs = dn_epbs(dn), level;
    struct bp bp;
    int rc = tree_lookup(obj->os->blocks, dn, NULL, 0, blkid, &bp, &level);
    if (rc != 0)
        return rc;
    *ret_hole = bp_is_hole(&bp);
    *ret_n = (((blkid >> epbs * level) + 1) << epbs * level) - blkid;
    return 0;
}

int object_run(struct object *obj, uint64_t blkid, uint64_t max, uint64_t *ret_n,
               bool *ret_hole)
{
    uint64_t n = 0, more = 0;
    bool hole = false, first = true, same = true;
    while (n < max && same) {
        bool now;
        int rc = run_step(obj, blkid + n, &more, &now);
        if (rc != 0)
            return rc;
        if (first)
            hole = now;
        first = false;
        same = now == hole;
        if (same)
            n += MIN(more, max - n);
        fiber_maybe_yield();
    }
    *ret_n = n;
    *ret_hole = hole;
    return 0;
}

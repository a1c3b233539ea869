/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Visiting every block of an objset as it is on disk: the objset block, the meta-dnode's
 * blocks, and at each dnode block the blocks of its objects. Parents come before children,
 * offsets in ascending order. A pointer that is not younger than min_birth has nothing younger
 * below it, since a block is written anew whenever something below it is.
 *
 * The recursion goes through two trees of at most six levels; each step of it holds one block.
 */
#include "pool/tree/tree_int.h"

#include <errno.h>
#include <string.h>

struct tour {
    struct blocks *b;
    const struct traverse *t;
};
/* A tree: whose blocks these are, and what they have to look like. */
struct trunk {
    uint64_t object;
    const struct dnode_phys *dn;
};

static int visit_pointer(struct tour *u, const struct trunk *tr, const struct bp *bp,
                         unsigned level, uint64_t blkid);
static int visit_object(struct tour *u, const struct dnode_phys *dn, uint64_t object);

static int failed(const struct tour *u, const struct trunk *tr, const struct bp *bp,
                  unsigned level, uint64_t blkid, int err)
{
    if (!u->t->failed)
        return err;
    return u->t->failed(u->t->arg, bp, tr->object, level, blkid, err);
}

static bool is_meta(const struct trunk *tr)
{
    return tr->dn->type == DMU_DNODE;
}

static int visit_children(struct tour *u, const struct trunk *tr, struct iobuf *buf,
                          unsigned level, uint64_t blkid)
{
    unsigned epbs = dn_epbs(tr->dn);
    for (uint64_t i = 0; i < 1u << epbs; i++) {
        int rc = visit_pointer(u, tr, &bps_of(buf)[i], level - 1, (blkid << epbs) + i);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- where a walk begins ----------------------------------------------------------------- */

enum side { BEFORE, AROUND, AHEAD };

static uint64_t shift_up(uint64_t n, unsigned by)
{
    return n > UINT64_MAX >> by ? UINT64_MAX : n << by;
}

/* On which side of the start the blocks below this one are. */
static enum side side_of(const struct tour *u, const struct trunk *tr, unsigned level,
                         uint64_t blkid)
{
    const struct traverse *t = u->t;
    unsigned shift = level * dn_epbs(tr->dn);
    uint64_t first = shift_up(blkid, shift), end = shift_up(blkid + 1, shift);
    uint64_t at = is_meta(tr) ? t->start_object / DNODES_PER_BLOCK : t->start_blkid;
    bool inside =
        is_meta(tr) && (t->start_object % DNODES_PER_BLOCK != 0 || t->start_blkid != 0);
    if (!is_meta(tr) && tr->object > t->start_object)
        return AHEAD;
    if (end <= at)
        return BEFORE;
    return first < at || (first == at && inside) ? AROUND : AHEAD;
}

/* ---- the walk ---------------------------------------------------------------------------- */

/* A dnode that makes no sense is reported with the pointer to its block. */
static int visit_dnodes(struct tour *u, const struct trunk *tr, const struct bp *bp,
                        struct iobuf *buf, uint64_t blkid)
{
    unsigned step = 1;
    for (unsigned i = 0; i < DNODES_PER_BLOCK; i += step) {
        struct dnode_phys *dn = (struct dnode_phys *)(void *)(buf->p + i * DNODE_SIZE);
        uint64_t id = blkid * DNODES_PER_BLOCK + i;
        step = dn->type == DMU_NONE ? 1 : dn->extra_slots + 1u;
        if (dn->type == DMU_NONE || id < u->t->start_object)
            continue;
        bool sane =
            dn_sane(dn) == 0 && dn->type != DMU_DNODE && id > 0 && i + step <= DNODES_PER_BLOCK;
        int rc = sane ? visit_object(u, dn, id) : failed(u, tr, bp, 0, blkid, E(-EBADMSG));
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* What the block has below it. */
static int visit_below(struct tour *u, const struct trunk *tr, const struct bp *bp,
                       unsigned level, uint64_t blkid)
{
    struct iobuf *buf;
    int rc = block_read(u->b, bp, u->t->hint, &buf);
    if (rc != 0)
        return failed(u, tr, bp, level, blkid, rc);
    rc = level > 0 ? visit_children(u, tr, buf, level, blkid)
                   : visit_dnodes(u, tr, bp, buf, blkid);
    iobuf_put(buf);
    return rc;
}

static int visit_pointer(struct tour *u, const struct trunk *tr, const struct bp *bp,
                         unsigned level, uint64_t blkid)
{
    if (bp_is_hole(bp) || bp_birth(bp) <= u->t->min_birth)
        return 0;
    enum side side = side_of(u, tr, level, blkid);
    if (side == BEFORE)
        return 0;
    fiber_maybe_yield();
    int rc = block_check(u->b, bp);
    if (rc == 0 && (bp_level(bp) != level || bp_lsize(bp) != level_size(tr->dn, level)))
        rc = E(-EBADMSG);
    if (rc != 0)
        return failed(u, tr, bp, level, blkid, rc);
    if (side == AHEAD)
        rc = u->t->visit(u->t->arg, bp, tr->object, level, blkid);
    if (rc == 0 && (level > 0 || is_meta(tr)))
        rc = visit_below(u, tr, bp, level, blkid);
    return rc;
}

/* The spill block lies behind all slots of the dnode and has a size of its own. */
static int visit_spill(struct tour *u, const struct trunk *tr)
{
    const uint8_t *end = (const uint8_t *)tr->dn + (tr->dn->extra_slots + 1u) * DNODE_SIZE;
    struct bp bp;
    memcpy(&bp, end - BP_SIZE, sizeof(bp));
    if (bp_is_hole(&bp) || bp_birth(&bp) <= u->t->min_birth)
        return 0;
    int rc = block_check(u->b, &bp);
    if (rc == 0 && bp_level(&bp) != 0)
        rc = E(-EBADMSG);
    return rc ? failed(u, tr, &bp, 0, TRAVERSE_SPILL, rc)
              : u->t->visit(u->t->arg, &bp, tr->object, 0, TRAVERSE_SPILL);
}

static int visit_dnode(struct tour *u, const struct dnode_phys *dn, uint64_t object)
{
    const struct trunk tr = {object, dn};
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < dn->nblkptr; i++)
        rc = visit_pointer(u, &tr, (const struct bp *)(const void *)(dn->tail + i * BP_SIZE),
                           dn->nlevels - 1u, i);
    if (rc == 0 && dn->flags & DNODE_SPILL)
        rc = visit_spill(u, &tr);
    return rc;
}

static int visit_object(struct tour *u, const struct dnode_phys *dn, uint64_t object)
{
    int rc = u->t->dnode ? u->t->dnode(u->t->arg, dn, object) : 0;
    if (rc == TRAVERSE_SKIP)
        return 0;
    return rc ? rc : visit_dnode(u, dn, object);
}

/* A dnode that lies in the objset block itself. */
static int visit_root_dnode(struct tour *u, const struct trunk *root, const struct bp *bp,
                            struct dnode_phys *dn, uint64_t object)
{
    bool meta = object == 0;
    if (dn->type == DMU_NONE && !meta)
        return 0;
    bool sane = dn_sane(dn) == 0 && dn->extra_slots == 0 && (dn->type == DMU_DNODE) == meta &&
                (!meta || dn_block_size(dn) == DNODE_BLOCK);
    return sane ? visit_dnode(u, dn, object)
                : failed(u, root, bp, TRAVERSE_ROOT, 0, E(-EBADMSG));
}

static int visit_roots(struct tour *u, const struct trunk *root, const struct bp *bp,
                       struct iobuf *buf)
{
    struct objset_phys *phys = (struct objset_phys *)(void *)buf->p;
    int rc = visit_root_dnode(u, root, bp, &phys->meta, 0);
    if (rc == 0 && bp_lsize(bp) >= offsetof(struct objset_phys, projectused)) {
        rc = visit_root_dnode(u, root, bp, &phys->userused, TRAVERSE_USERUSED);
        if (rc == 0)
            rc = visit_root_dnode(u, root, bp, &phys->groupused, TRAVERSE_GROUPUSED);
    }
    if (rc == 0 && bp_lsize(bp) >= sizeof(*phys))
        rc = visit_root_dnode(u, root, bp, &phys->projectused, TRAVERSE_PROJECTUSED);
    return rc;
}

int objset_traverse(struct blocks *b, const struct bp *objset_bp, const struct traverse *t)
{
    struct tour u = {b, t};
    const struct trunk root = {0, NULL};
    const struct bp bp = *objset_bp;
    struct iobuf *buf;
    if (bp_is_hole(&bp) || bp_birth(&bp) <= t->min_birth)
        return 0;
    int rc = block_check(b, &bp);
    if (rc == 0 && (bp_type(&bp) != DMU_OBJSET || bp_level(&bp) != 0 || bp_is_embedded(&bp) ||
                    bp_lsize(&bp) < 1024))
        rc = E(-EBADMSG);
    if (rc != 0)
        return failed(&u, &root, &bp, TRAVERSE_ROOT, 0, rc);
    if (t->start_object == 0 && t->start_blkid == 0)
        rc = t->visit(t->arg, &bp, 0, TRAVERSE_ROOT, 0);
    if (rc != 0)
        return rc;
    rc = block_read(b, &bp, t->hint, &buf);
    if (rc != 0)
        return failed(&u, &root, &bp, TRAVERSE_ROOT, 0, rc);
    rc = visit_roots(&u, &root, &bp, buf);
    iobuf_put(buf);
    return rc;
}

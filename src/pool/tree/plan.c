/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MOS's commit in two steps. What the MOS says depends on where it lies: space maps record
 * its own blocks, the root directory counts them. So first everything gets its place, which
 * fixes what is allocated and freed and what every object uses; then contents are made; then
 * checksums are computed from the bottom up. That works because MOS blocks are not compressed:
 * their size is known before their content.
 *
 * Planning may be repeated when more became dirty: what has a place keeps it.
 */
#include "pool/tree/tree_int.h"

#include <errno.h>
#include <string.h>

/* ---- places ------------------------------------------------------------------------------ */

static bool is_hole(const struct object *obj, unsigned level, const struct dirty *rec)
{
    if (!rec->buf)
        return rec->what == DIRTY_HOLE;
    if (level > 0)
        return all_holes(obj, rec->buf);
    return object_is_meta(obj) && fill_of(obj, 0, rec->buf) == 0;
}

static int settle_place(struct walk *w, unsigned level, struct dirty *rec, struct iobuf *buf,
                        struct bp *slot)
{
    struct bp new = {0};
    int rc = 0;
    (void)buf;
    bool hole = is_hole(w->obj, level, rec);
    if (rec->settled && hole == bp_is_hole(slot))
        return 0;
    if (rec->what == DIRTY_ADOPTED) {
        new = *rec->adopted;
    } else if (!hole) {
        struct block_want want = want_of(w->obj, level);
        rc = block_place(w->obj->os->blocks, w->obj->os->txg, &want, &new);
    }
    if (rc == 0)
        rc = walk_replace(w, level, rec, slot, &new);
    rec->settled = true;
    rec->killed = false;
    return rc;
}

static int place_tree(struct object *obj, unsigned *placed)
{
    struct walk w = {.obj = obj, .settle = settle_place, .keep = true};
    int rc = walk_object(&w);
    *placed += (unsigned)w.changes;
    return rc;
}

static int place_phys(struct objset *os, unsigned *placed)
{
    struct bp old = os->bp;
    const struct block_want want = {
        .lsize = sizeof(os->phys),
        .type = DMU_OBJSET,
        .checksum = os->policy.meta_checksum,
        .copies = os->policy.meta_copies,
    };
    if (os->placed)
        return 0;
    int rc = block_place(os->blocks, os->txg, &want, &os->bp);
    if (rc != 0)
        return rc;
    os->placed = true;
    ++*placed;
    os->ops->born(os, &os->bp);
    return bp_is_hole(&old) ? 0 : os->ops->killed(os, &old);
}

int objset_plan(struct objset *os, unsigned *ret_placed)
{
    struct object *obj;
    unsigned placed = 0;
    int rc = 0;
    check(!os->written);
    list_for_each (obj, &os->dirty, node) {
        rc = place_tree(obj, &placed);
        if (rc == 0)
            rc = object_store(obj);
        if (rc != 0)
            return rc;
    }
    if (os->is_dirty) {
        rc = place_tree(&os->meta, &placed);
        if (rc == 0)
            rc = place_phys(os, &placed);
    }
    if (rc == 0)
        *ret_placed = placed;
    return rc;
}

/* ---- contents ---------------------------------------------------------------------------- */

static int settle_put(struct walk *w, unsigned level, struct dirty *rec, struct iobuf *buf,
                      struct bp *slot)
{
    struct bp new;
    check(rec->settled);
    if (rec->what != DIRTY_DATA || bp_is_hole(slot))
        return 0;
    check_cmp(bp_psize(slot), ==, level_size(&w->obj->dn, level));
    block_put(w->obj->os->blocks, slot, fill_of(w->obj, level, buf), buf, &new);
    *slot = new;
    return 0;
}

static int put_tree(struct object *obj)
{
    struct walk w = {.obj = obj, .settle = settle_put, .keep = true};
    return walk_object(&w);
}

/* The block was made dirty by the plan. */
static void store_planned(struct object *obj)
{
    struct dirty *d = dirty_find(&obj->os->meta, 0, obj->id / DNODES_PER_BLOCK);
    check(d && d->buf && d->settled);
    memcpy(d->buf->p + obj->id % DNODES_PER_BLOCK * DNODE_SIZE, &obj->dn, sizeof(obj->dn));
}

static int put_phys(struct objset *os)
{
    uint64_t fill = 0;
    struct iobuf *buf = iobuf_get(sizeof(os->phys));
    if (!buf)
        return -ENOMEM;
    for (unsigned i = 0; i < os->meta.dn.nblkptr; i++)
        fill += bp_fill(dnode_bp(&os->meta.dn, i));
    os->phys.meta = os->meta.dn;
    memcpy(buf->p, &os->phys, sizeof(os->phys));
    struct bp placed = os->bp;
    block_put(os->blocks, &placed, fill, buf, &os->bp);
    iobuf_put(buf);
    return 0;
}

int objset_write(struct objset *os, struct bp *ret_bp)
{
    struct object *obj;
    int rc = 0;
    check(!os->written);
    if (os->is_dirty) {
        check(os->placed);
        list_for_each (obj, &os->dirty, node) {
            rc = put_tree(obj);
            if (rc != 0)
                return rc;
            store_planned(obj);
        }
        rc = put_tree(&os->meta);
        if (rc == 0)
            rc = put_phys(os);
        if (rc != 0)
            return rc;
        os->written = true;
    }
    *ret_bp = os->bp;
    return 0;
}

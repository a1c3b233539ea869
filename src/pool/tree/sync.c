/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing a volume's objset in the syncing txg: each dirty object's blocks bottom up, then the
 * blocks of dnodes, then the objset block, each as soon as its content is final. Blocks are
 * compressed and go where the allocator says; nothing needs a second look.
 */
#include "pool/tree/tree_int.h"

#include <errno.h>
#include <string.h>

/* The block's new pointer: a hole, what was adopted, or where it was written. */
static int put_block(struct object *obj, unsigned level, struct dirty *rec, struct iobuf *buf,
                     struct bp *ret_bp)
{
    memset(ret_bp, 0, sizeof(*ret_bp));
    if (rec && rec->what == DIRTY_ADOPTED)
        *ret_bp = *rec->adopted;
    if (!buf || (level > 0 && all_holes(obj, buf)))
        return 0;
    struct block_want want = want_of(obj, level);
    struct squeezed done;
    want.fill = fill_of(obj, level, buf);
    if (object_is_meta(obj) && want.fill == 0)
        return 0;
    bool ahead = rec && squeeze_take(rec, &done);
    if (ahead)
        want.squeezed = &done;
    int rc = block_write(obj->os->blocks, obj->os->txg, &want, buf, ret_bp);
    if (ahead)
        squeezed_free(&done);
    return rc;
}

static int settle_write(struct walk *w, unsigned level, struct dirty *rec, struct iobuf *buf,
                        struct bp *slot)
{
    struct bp new;
    if (rec && rec->settled)
        return 0;
    int rc = put_block(w->obj, level, rec, buf, &new);
    if (rc == 0)
        rc = walk_replace(w, level, rec, slot, &new);
    if (rec)
        rec->settled = true;
    return rc;
}

static int write_tree(struct object *obj)
{
    struct walk w = {.obj = obj, .settle = settle_write};
    struct squeeze s;
    struct block_want want = want_of(obj, 0);
    squeeze_begin(&s, obj->os->blocks, &want);
    if (!object_is_meta(obj) && block_squeeze_pays(&want, UINT64_MAX))
        w.squeeze = &s;
    int rc = walk_object(&w);
    squeeze_end(&s);
    return rc;
}

static int write_phys(struct objset *os)
{
    struct bp old = os->bp;
    struct iobuf *buf = iobuf_get(sizeof(os->phys));
    if (!buf)
        return -ENOMEM;
    struct block_want want = {
        .lsize = sizeof(os->phys),
        .type = DMU_OBJSET,
        .compress = os->policy.meta_compress,
        .checksum = os->policy.meta_checksum,
        .copies = os->policy.meta_copies,
    };
    for (unsigned i = 0; i < os->meta.dn.nblkptr; i++)
        want.fill += bp_fill(dnode_bp(&os->meta.dn, i));
    os->phys.meta = os->meta.dn;
    memcpy(buf->p, &os->phys, sizeof(os->phys));
    int rc = block_write(os->blocks, os->txg, &want, buf, &os->bp);
    iobuf_put(buf);
    if (rc != 0)
        return rc;
    os->ops->born(os, &os->bp);
    return bp_is_hole(&old) ? 0 : os->ops->killed(os, &old);
}

int objset_sync(struct objset *os, struct bp *ret_bp)
{
    struct object *obj;
    int rc = 0;
    check(!os->written);
    if (os->is_dirty) {
        list_for_each (obj, &os->dirty, node) {
            rc = write_tree(obj);
            if (rc == 0)
                rc = object_store(obj);
            if (rc != 0)
                return rc;
        }
        rc = write_tree(&os->meta);
        if (rc == 0)
            rc = write_phys(os);
        if (rc != 0)
            return rc;
        os->written = true;
    }
    *ret_bp = os->bp;
    return 0;
}

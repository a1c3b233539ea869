/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Verifying all that is stored of a block. The device tree reads every mirror side and all
 * parity of one copy and repairs what differs; a copy that has nothing good left is rewritten
 * here from another one. Gangs are verified header by header and part by part. Nothing goes
 * through the cache.
 */
#include "pool/block/block_int.h"

#include <errno.h>

/* One copy: 0 when it is good now. */
static int copy_scrub(struct blocks *b, const struct bp *bp, const struct dva *dva,
                      uint8_t *scratch, uint64_t *repaired)
{
    struct bp want = *bp;
    struct vdev *top;
    if (!dva_top(b, dva, &top))
        return E(-EBADMSG);
    const struct vdev_read r = copy_access(b, &want, dva, IO_SCAN);
    return vdev_scrub(top, &r, scratch, repaired);
}

static int scrub_nested(struct blocks *b, const struct bp *bp, unsigned depth,
                        uint64_t *repaired);

static int gang_scrub(struct blocks *b, const struct bp *bp, unsigned i, unsigned depth,
                      uint64_t *repaired)
{
    struct gang_header h;
    int rc = depth > GANG_DEPTH_MAX ? E(-EBADMSG) : gang_header_read(b, bp, i, repaired, &h);
    if (rc == 0 && !gang_header_fits(&h, bp))
        rc = E(-EBADMSG);
    for (unsigned c = 0; rc == 0 && i == 0 && c < GANG_CHILDREN; c++) {
        if (!bp_is_hole(&h.child[c]))
            rc = scrub_nested(b, &h.child[c], depth + 1, repaired);
    }
    return rc;
}

/* *ret_bad: a bit for each copy that is not good now. The last error, 0: all are good. */
static int scrub_copies(struct blocks *b, const struct bp *bp, unsigned depth,
                        uint64_t *repaired, unsigned *ret_bad)
{
    int err = 0;
    struct iobuf *scratch = iobuf_get(raw_room(b, bp_psize(bp)));
    if (!scratch)
        return -ENOMEM;
    for (unsigned i = 0; i < bp_ndvas(bp); i++) {
        struct dva dva = bp_dva(bp, i);
        int rc = dva.gang ? gang_scrub(b, bp, i, depth, repaired)
                          : copy_scrub(b, bp, &dva, scratch->p, repaired);
        if (rc != 0) {
            *ret_bad |= 1u << i;
            err = graver(err, rc);
        }
    }
    iobuf_put(scratch);
    return err;
}

/* Reads the block the ordinary way and rewrites the copies that are bad as a whole. */
static int repair_from_others(struct blocks *b, const struct bp *bp, unsigned depth,
                              unsigned bad, uint64_t *repaired)
{
    struct iobuf *buf = iobuf_get(raw_room(b, bp_psize(bp)));
    if (!buf)
        return -ENOMEM;
    int rc = raw_read(b, bp, IO_SCAN, depth, buf->p);
    for (unsigned i = 0; rc == 0 && i < BP_DVAS && !b->read_only; i++) {
        struct dva dva = bp_dva(bp, i);
        struct vdev *top;
        if (bad & 1u << i && !dva.gang && dva_top(b, &dva, &top) &&
            vdev_write(top, dva.off, buf->p, bp_psize(bp), bp_phys_birth(bp), IO_SCAN) == 0)
            *repaired += bp_psize(bp);
    }
    iobuf_put(buf);
    return rc;
}

static int scrub_nested(struct blocks *b, const struct bp *bp, unsigned depth,
                        uint64_t *repaired)
{
    unsigned bad = 0;
    int rc = block_check(b, bp);
    if (rc == 0)
        rc = scrub_copies(b, bp, depth, repaired, &bad);
    if (bad != 0 && bp_ndvas(bp) > 1)
        rc = repair_from_others(b, bp, depth, bad, repaired);
    return rc;
}

int block_scrub(struct blocks *b, const struct bp *bp, uint64_t *ret_repaired)
{
    struct bp own = *bp;
    uint64_t changes;
    int rc;
    *ret_repaired = 0;
    if (bp_is_hole(bp) || bp_is_embedded(bp))
        return 0;
    do {
        changes = b->root->changes;
        rc = scrub_nested(b, &own, 0, ret_repaired);
    } while (rc == -ENXIO && blocks_wait(b, changes));
    if (rc != 0 && b->on_error && rc != -ENOMEM)
        b->on_error(b->on_error_arg, &(struct block_error){.bp = &own, .err = rc});
    return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing and freeing blocks in the syncing txg. What is written goes into the txg's batch,
 * which sorts it; nothing is on disk before the batch is through. A compressed block is made in
 * the scratch buffer and leaves it by one pass that copies and checksums; an uncompressed one
 * is written from the caller's own buffer.
 */
#include "pool/block/block_int.h"

#include "base/check.h"

#include <errno.h>
#include <string.h>

static int make_plain(struct blocks *b, uint64_t txg, const struct block_want *w,
                      unsigned depth, const struct squeezed *s, struct iobuf *data,
                      struct bp *ret_bp, struct iobuf **ret_raw)
{
    struct cksum sum = s->sum;
    int rc = block_alloc(b, txg, w, w->lsize, ZCOMP_OFF, depth, ret_bp);
    if (rc != 0)
        return rc;
    if (!w->squeezed)
        check(cksum_compute(w->checksum, data->p, w->lsize, &sum));
    bp_set_cksum(ret_bp, &sum);
    iobuf_ref(data);
    *ret_raw = data;
    return 0;
}

/* What squeezed left in a buffer that is not much too large is written from there. src: psize bytes, copied before anything can
 * park. */
static struct iobuf *small_buf(const struct block_want *w, const struct squeezed *s,
                               const uint8_t *src, struct cksum *sum)
{
    if (w->squeezed && s->psize > s->buf->cap / 2) {
        iobuf_ref(s->buf);
        return s->buf;
    }
    struct iobuf *buf = iobuf_get(s->psize);
    if (buf && !w->squeezed && w->checksum == ZCHECK_FLETCHER4) {
        *sum = cksum_fletcher4_copy(buf->p, src, s->psize);
    } else if (buf) {
        memcpy(buf->p, src, s->psize);
        check(w->squeezed || cksum_compute(w->checksum, buf->p, s->psize, sum));
    }
    return buf;
}

static int make_compressed(struct blocks *b, uint64_t txg, const struct block_want *w,
                           unsigned depth, const struct squeezed *s, const uint8_t *src,
                           struct bp *ret_bp, struct iobuf **ret_raw)
{
    struct cksum sum = s->sum;
    struct iobuf *buf = small_buf(w, s, src, &sum);
    if (!buf)
        return -ENOMEM;
    int rc = block_alloc(b, txg, w, s->psize, w->compress, depth, ret_bp);
    if (rc != 0) {
        iobuf_put(buf);
        return rc;
    }
    bp_set_cksum(ret_bp, &sum);
    *ret_raw = buf;
    return 0;
}

/* What nobody squeezed before: into the scratch buffer, without the checksum. */
static void squeeze_now(struct blocks *b, const struct block_want *want,
                        const struct iobuf *data, struct squeezed *ret)
{
    *ret = (struct squeezed){.done = true};
    if (want->compress <= ZCOMP_OFF)
        return;
    ret->zero = block_is_zero(data->p, want->lsize);
    if (!ret->zero && want->lsize <= BLOCK_MAX)
        ret->psize = compress_block(b->comp, want->compress, data->p, want->lsize, b->scratch,
                                    b->min_ashift);
}

static int make(struct blocks *b, uint64_t txg, const struct block_want *want, unsigned depth,
                struct iobuf *data, struct bp *ret_bp, struct iobuf **ret_raw)
{
    struct block_want w = *want;
    struct squeezed now;
    if (w.squeezed && !w.squeezed->done)
        w.squeezed = NULL;
    if (!w.squeezed)
        squeeze_now(b, &w, data, &now);
    const struct squeezed *s = w.squeezed ? w.squeezed : &now;
    *ret_raw = NULL;
    if (s->zero) {
        bp_make_hole(ret_bp, w.lsize, w.type, w.level, 0);
        return 0;
    }
    const uint8_t *small = w.squeezed && s->buf ? s->buf->p : b->scratch;
    int rc = s->psize ? make_compressed(b, txg, &w, depth, s, small, ret_bp, ret_raw)
                      : make_plain(b, txg, &w, depth, s, data, ret_bp, ret_raw);
    if (rc == 0)
        cache_insert(b->cache, ret_bp, data);
    return rc;
}

int block_make(struct blocks *b, uint64_t txg, const struct block_want *want,
               struct iobuf *data, struct bp *ret_bp, struct iobuf **ret_raw)
{
    return make(b, txg, want, GANG_DEPTH_MAX, data, ret_bp, ret_raw);
}

int block_write(struct blocks *b, uint64_t txg, const struct block_want *want,
                struct iobuf *data, struct bp *ret_bp)
{
    struct iobuf *raw;
    int rc = make(b, txg, want, 0, data, ret_bp, &raw);
    if (rc == 0 && raw)
        block_queue(b, ret_bp, raw);
    if (rc == 0)
        iobuf_put(raw);
    return rc;
}

int block_place(struct blocks *b, uint64_t txg, const struct block_want *want,
                struct bp *ret_bp)
{
    return block_alloc(b, txg, want, want->lsize, ZCOMP_OFF, 0, ret_bp);
}

void block_put(struct blocks *b, const struct bp *placed, uint64_t fill, struct iobuf *data,
               struct bp *ret_bp)
{
    struct cksum sum;
    *ret_bp = *placed;
    check(cksum_compute(bp_checksum(placed), data->p, bp_psize(placed), &sum));
    bp_set_cksum(ret_bp, &sum);
    bp_set_fill(ret_bp, fill);
    block_queue(b, ret_bp, data);
    cache_insert(b->cache, ret_bp, data);
}

/* ---- freeing ----------------------------------------------------------------------------- */

static int free_nested(struct blocks *b, uint64_t txg, const struct bp *bp, unsigned depth);

/* Of the first copy that has it. */
static int free_gang_header(struct blocks *b, const struct bp *bp, unsigned depth,
                            struct gang_header *ret)
{
    int rc = 0;
    for (unsigned i = 0; depth <= GANG_DEPTH_MAX && i < bp_ndvas(bp); i++) {
        int one = gang_header_read(b, bp, i, NULL, ret);
        if (one == 0)
            return 0;
        rc = graver(rc, one);
    }
    return rc ? rc : E(-EBADMSG);
}

/* The parts first: afterwards the header may not be read any more. */
static int free_gang(struct blocks *b, uint64_t txg, const struct bp *bp, unsigned depth)
{
    struct gang_header h;
    int rc;
    uint64_t changes;
    do {
        changes = b->root->changes;
        rc = free_gang_header(b, bp, depth, &h);
    } while (rc == -ENXIO && blocks_wait(b, changes));
    for (unsigned c = 0; rc == 0 && c < GANG_CHILDREN; c++) {
        if (!bp_is_hole(&h.child[c]))
            rc = free_nested(b, txg, &h.child[c], depth + 1);
    }
    return rc;
}

static int free_nested(struct blocks *b, uint64_t txg, const struct bp *bp, unsigned depth)
{
    int rc = block_check(b, bp);
    if (rc == 0 && bp_dva(bp, 0).gang && gang_unplace(b, txg, bp))
        return 0; /* it has not been written yet */
    if (rc == 0 && bp_dva(bp, 0).gang)
        rc = free_gang(b, txg, bp, depth);
    for (unsigned i = 0; rc == 0 && i < bp_ndvas(bp); i++) {
        struct dva dva = bp_dva(bp, i);
        if (dva.gang)
            dva.asize = vdev_asize(b->root->child[dva.vdev], GANG_HEADER);
        rc = space_free_dva(b->space, txg, &dva);
    }
    return rc;
}

/* What a volume holds is found in its tables until the txg that frees it is on disk, so nobody needs it in the cache. Metadata is
 * read through the old tree until then; a volume's would fill the cache with what nobody reads: a txg writes an indirect block of
 * 128 KiB for each that it touches. */
static bool is_data(const struct bp *bp)
{
    return bp_type(bp) == DMU_ZVOL && bp_level(bp) == 0;
}

int block_free(struct blocks *b, uint64_t txg, const struct bp *bp)
{
    struct bp own = *bp;
    if (bp_is_embedded(bp))
        return 0;
    if (is_data(bp))
        cache_forget(b->cache, bp);
    else
        cache_leave(b->cache, bp);
    return free_nested(b, txg, &own, 0);
}

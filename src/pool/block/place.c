/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a block goes: whole, as long as there is a free run for it, else in up to three parts that a gang header names, each of
 * which may be a gang again (OpenZFS zio_write_gang_block()). A pool whose free space is all small holes can so write the large
 * blocks of its own tree, and a txg never fails for want of a long run.
 *
 * Where there is no room for as many copies as are wanted, fewer are made: the format counts them nowhere, and a pool that is all
 * but full had better commit.
 *
 * A gang is made in two steps like any block: its places first, all of them, for the books and the maps want to know; then, with the
 * content, its header and the parts are sealed and queued. What is between the two is kept in a list by the place of the header.
 */
#include "pool/block/block_int.h"

#include "base/check.h"
#include "base/mutant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUIRKY_GANG 16u /* every so many blocks is one, should a story ask for that */

struct gang_plan {
    struct list node;
    struct dva at; /* its first header */
    struct iobuf *header;
    struct iobuf *part[GANG_CHILDREN]; /* NULL: a gang, or none */
};

static struct gang_header *header_of(const struct gang_plan *g)
{
    return (struct gang_header *)g->header->p;
}

static enum space_use use_of(const struct block_want *w)
{
    return w->level > 0 || dmu_type_is_metadata(w->type) ? SPACE_META : SPACE_DATA;
}

static void point(const struct block_want *w, uint64_t txg, uint32_t psize, unsigned compress,
                  struct bp *ret_bp)
{
    const struct bp_props props = {
        .lsize = w->lsize,
        .psize = psize,
        .type = w->type,
        .level = w->level,
        .compress = (uint8_t)compress,
        .checksum = w->checksum,
    };
    bp_make(ret_bp, &props, txg);
    bp_set_fill(ret_bp, w->fill);
}

/* ---- gangs that are being made --------------------------------------------------------------------------------- */

static void plan_free(struct gang_plan *g)
{
    list_remove(&g->node);
    iobuf_put(g->header);
    for (unsigned c = 0; c < GANG_CHILDREN; c++)
        iobuf_put(g->part[c]);
    free(g);
}

static struct gang_plan *plan_new(struct blocks *b)
{
    struct gang_plan *g = calloc(1, sizeof(*g));
    if (!g)
        return NULL;
    list_push(&b->gangs, &g->node);
    g->header = iobuf_get(raw_room(b, GANG_HEADER));
    if (!g->header) {
        plan_free(g);
        return NULL;
    }
    memset(g->header->p, 0, g->header->cap);
    return g;
}

static struct gang_plan *plan_of(const struct blocks *b, const struct bp *bp)
{
    struct dva at = bp_dva(bp, 0);
    struct gang_plan *g;
    list_for_each (g, &b->gangs, node)
        if (g->at.vdev == at.vdev && g->at.off == at.off)
            return g;
    return NULL;
}

void gangs_forget(struct blocks *b)
{
    struct gang_plan *g, *next;
    if (!b->gangs.next)
        return; /* they were never made */
    list_for_each_safe (g, next, &b->gangs, node)
        plan_free(g);
}

static uint64_t header_asize(const struct blocks *b, const struct dva *dva)
{
    return vdev_asize(b->root->child[dva->vdev], GANG_HEADER);
}

/* Gives back a block that was placed and not written, with all that is below it. */
static void unplace(struct blocks *b, uint64_t txg, const struct bp *bp)
{
    struct gang_plan *g = bp_dva(bp, 0).gang ? plan_of(b, bp) : NULL;
    for (unsigned c = 0; g && c < GANG_CHILDREN; c++)
        unplace(b, txg, &header_of(g)->child[c]);
    for (unsigned i = 0; i < bp_ndvas(bp); i++) {
        struct dva dva = bp_dva(bp, i);
        if (dva.gang)
            dva.asize = header_asize(b, &dva);
        space_undo(b->space, txg, &dva);
    }
    if (g)
        plan_free(g);
}

bool gang_unplace(struct blocks *b, uint64_t txg, const struct bp *bp)
{
    bool planned = plan_of(b, bp) != NULL;
    if (planned)
        unplace(b, txg, bp);
    return planned;
}

/* ---- places ---------------------------------------------------------------------------------------------------- */

/* The header lies in one copy more than the parts, where there is room. */
static int headers_place(struct blocks *b, uint64_t txg, unsigned copies,
                         struct dva dva[BP_DVAS])
{
    unsigned most = MIN(copies + 1, BP_DVAS);
    int rc = space_alloc(b->space, txg, GANG_HEADER, most, SPACE_META, dva);
    return rc == -ENOSPC && most > copies
               ? space_alloc(b->space, txg, GANG_HEADER, copies, SPACE_META, dva)
               : rc;
}

/* A header's asize counts what lies below it in the copy of the same number. */
static void count_child(struct dva dva[BP_DVAS], const struct bp *child)
{
    for (unsigned i = 0; i < bp_ndvas(child); i++)
        dva[i].asize += bp_dva(child, i).asize;
}

/* Part c of those that psize bytes are cut into; *left: what is not yet cut. */
static int part_place(struct blocks *b, uint64_t txg, const struct block_want *w,
                      struct gang_plan *g, unsigned c, uint32_t *left, unsigned depth)
{
    unsigned slots = GANG_CHILDREN - c;
    uint64_t even = round_up((*left + slots - 1) / slots, 1ull << b->min_ashift);
    uint32_t n = (uint32_t)MIN(even, *left);
    struct bp *child = &header_of(g)->child[c];
    const struct block_want part = {
        .lsize = n, .type = DMU_NONE, .checksum = w->checksum, .copies = w->copies};
    *left -= n;
    if (n == 0)
        return 0;
    int rc = block_alloc(b, txg, &part, n, ZCOMP_OFF, depth, child);
    if (rc == 0 && !bp_dva(child, 0).gang && !(g->part[c] = iobuf_get(n)))
        rc = -ENOMEM;
    return rc;
}

static int gang_place(struct blocks *b, uint64_t txg, const struct block_want *w,
                      uint32_t psize, unsigned depth, struct bp *ret_bp)
{
    struct dva dva[BP_DVAS];
    uint32_t left = psize;
    if (psize <= 1u << b->min_ashift || depth >= GANG_DEPTH_MAX)
        return -ENOSPC;
    struct gang_plan *g = plan_new(b);
    if (!g)
        return -ENOMEM;
    int rc = headers_place(b, txg, w->copies, dva);
    if (rc != 0) {
        plan_free(g);
        return rc;
    }
    for (unsigned i = 0; i < BP_DVAS && dva[i].asize; i++) {
        dva[i].gang = true;
        bp_set_dva(ret_bp, i, &dva[i]);
    }
    g->at = dva[0];
    for (unsigned c = 0; rc == 0 && c < GANG_CHILDREN; c++) {
        rc = part_place(b, txg, w, g, c, &left, depth + 1);
        if (rc == 0)
            count_child(dva, &header_of(g)->child[c]);
    }
    if (rc != 0) {
        unplace(b, txg, ret_bp);
        return rc;
    }
    for (unsigned i = 0; i < bp_ndvas(ret_bp); i++)
        bp_set_dva(ret_bp, i, &dva[i]);
    return 0;
}

static int whole_place(struct blocks *b, uint64_t txg, const struct block_want *w,
                       uint32_t psize, struct bp *ret_bp)
{
    struct dva dva[BP_DVAS];
    if (quirk_on(QUIRK_GANGS) && psize > 1u << b->min_ashift && ++b->nplaced % QUIRKY_GANG == 0)
        return -ENOSPC;
    int rc = space_alloc(b->space, txg, psize, w->copies, use_of(w), dva);
    for (unsigned i = 0; rc == 0 && i < w->copies; i++)
        bp_set_dva(ret_bp, i, &dva[i]);
    return rc;
}

int block_alloc(struct blocks *b, uint64_t txg, const struct block_want *w, uint32_t psize,
                unsigned compress, unsigned depth, struct bp *ret_bp)
{
    struct block_want want = *w;
    int rc = -ENOSPC;
    for (want.copies = (uint8_t)MIN(MAX(w->copies, 1u), BP_DVAS); want.copies; want.copies--) {
        point(&want, txg, psize, compress, ret_bp);
        rc = whole_place(b, txg, &want, psize, ret_bp);
        if (rc == -ENOSPC)
            rc = gang_place(b, txg, &want, psize, depth, ret_bp);
        if (rc != -ENOSPC)
            break;
    }
    if (rc != 0)
        memset(ret_bp, 0,
               sizeof(*ret_bp)); /* a gang above it that is given up mustn't find places */
    return rc == 0 ? 0 : E(rc);
}

/* ---- content --------------------------------------------------------------------------------------------------- */

static void queue_at(struct blocks *b, const struct bp *bp, struct iobuf *buf, uint32_t len)
{
    for (unsigned i = 0; i < bp_ndvas(bp); i++) {
        struct dva dva = bp_dva(bp, i);
        iobuf_ref(buf);
        vbatch_add(b->batch, b->root->child[dva.vdev], dva.off, buf, len);
    }
}

static void gang_queue(struct blocks *b, const struct bp *bp, const uint8_t *data)
{
    struct gang_plan *g = plan_of(b, bp);
    check(g);
    for (unsigned c = 0; c < GANG_CHILDREN; c++) {
        struct bp *child = &header_of(g)->child[c];
        struct cksum sum;
        uint32_t n = bp_psize(child);
        if (bp_is_hole(child))
            continue;
        check(cksum_compute(bp_checksum(child), data, n, &sum));
        bp_set_cksum(child, &sum);
        if (g->part[c]) {
            memcpy(g->part[c]->p, data, n);
            queue_at(b, child, g->part[c], n);
        } else {
            gang_queue(b, child, data);
        }
        data += n;
    }
    const struct cksum verifier = {
        {g->at.vdev, g->at.off, bp_phys_birth(bp), 0}
    };
    cksum_seal(g->header->p, GANG_HEADER, &verifier);
    queue_at(b, bp, g->header, GANG_HEADER);
    plan_free(g);
}

void block_queue(struct blocks *b, const struct bp *bp, struct iobuf *buf)
{
    check(b->batch);
    if (bp_dva(bp, 0).gang)
        gang_queue(b, bp, buf->p);
    else
        queue_at(b, bp, buf, bp_psize(bp));
}

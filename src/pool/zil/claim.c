/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logs that an unclean stop left (OpenZFS zil_claim(), zil_replay()). Blocks born after the last uberblock are in no space map: before
 * anything is allocated they are claimed, so that nobody writes over them. When the volume is opened its records are
 * applied, and in one txg the header is cleared and the blocks are freed.
 *
 * What a disk missed of the txgs that the stop cut off stands in no dirty time log. So claiming makes all copies right, and disks
 * that are away then count as lacking those txgs (import.c).
 *
 * The walk is the same for all four (claiming, replaying, repairing, discarding): from the header's pointer on, each block is met by its
 * pointer first and then read. The last one, allocated but never written, is met and not read.
 */
#include "base/mutant.h"
#include "base/progress.h"
#include "base/step.h"
#include "pool/zil/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct log_walk {
    struct pool *p;
    uint64_t
        last_blk_seq; /* blocks beyond are not this log's: claimed up to here; UINT64_MAX: no limit */
    /* A block's pointer, before it is read. Not 0: an error, but 1: the log ends before it. */
    int (*meet)(void *arg, const struct bp *bp);
    /* A record. The same. */
    int (*record)(void *arg, const struct zil_record *rec);
    void *arg;
    uint64_t
        *repaired; /* not NULL: blocks are verified on all disks and repaired; counts bytes */
};

struct seal_check {
    const struct bp *bp;
    struct bp *next;
    uint32_t *used;
};

static bool seal_ok(void *arg, const uint8_t *data)
{
    struct seal_check *c = arg;
    return zil_block_parse((uint8_t *)(uintptr_t)data, c->bp, c->next, c->used);
}

static int log_block_try(const struct log_walk *w, const struct bp *bp, struct iobuf *buf,
                         struct bp *ret_next, uint32_t *ret_used)
{
    struct dva dva = bp_dva(bp, 0);
    struct seal_check check = {bp, ret_next, ret_used};
    struct vdev *top = w->p->root->child[dva.vdev];
    struct vdev_read r = {
        .off = dva.off,
        .birth = bp_birth(bp),
        .psize = bp_lsize(bp),
        .class = w->repaired ? IO_SCAN : IO_READ,
        .repair = w->repaired && !w->p->blocks.read_only,
        .speculative = true,
        .ok = seal_ok,
        .arg = &check,
    };
    return w->repaired ? vdev_scrub(top, &r, buf->p, w->repaired) : vdev_read(top, &r, buf->p);
}

/* 0; -EBADMSG: nothing valid is there: the log's end; -ENXIO: disks that are away may have it. Waits for disks once the pool is up. */
static int log_block_read(const struct log_walk *w, const struct bp *bp, struct iobuf *buf,
                          struct bp *ret_next, uint32_t *ret_used)
{
    struct blocks *b = &w->p->blocks;
    uint64_t changes;
    int r;
    do {
        changes = b->root->changes;
        r = log_block_try(w, bp, buf, ret_next, ret_used);
    } while (r == -ENXIO && blocks_wait(b, changes));
    return r;
}

static int records_walk(const struct log_walk *w, const uint8_t *block, uint32_t used)
{
    struct zil_record rec;
    uint32_t pos = ZIL_BLOCK_HEADER;
    int more, r = 0;
    while (r == 0 && (more = zil_record_next(block, used, &pos, &rec)) != 0) {
        if (more < 0)
            return more;
        r = w->record ? w->record(w->arg, &rec) : 0;
    }
    return r;
}

static int log_walk(const struct log_walk *w, const struct bp *first)
{
    struct bp bp = *first, next;
    struct iobuf *buf = iobuf_get(BLOCK_MAX);
    int r = buf ? 0 : E(-ENOMEM);
    while (r == 0 && zil_bp_seq(&bp) <= w->last_blk_seq) {
        uint32_t used;
        r = zil_bp_check(&bp, NULL);
        if (r == 0)
            r = block_check(&w->p->blocks, &bp);
        if (r == 0)
            r = w->meet ? w->meet(w->arg, &bp) : 0;
        if (r)
            break;
        r = log_block_read(w, &bp, buf, &next, &used);
        if (r == -EBADMSG) {
            r = 1;
            break;
        }
        if (r == 0)
            r = records_walk(w, buf->p, used);
        bp = next;
    }
    iobuf_put(buf);
    return r > 0 ? 0 : r;
}

static const struct zil_header *header_of(const struct dsl_dataset *ds)
{
    return objset_zil(ds->os);
}

/* ---- claiming ----------------------------------------------------------------------------------------------- */

struct claim {
    struct pool *p;
    uint64_t
        first; /* txg after the one that was opened: what is born in it or later is in no space map */
    uint64_t blk_seq, lr_seq, nblocks, nrecords;
    uint64_t repaired;
};

static int claim_space(struct claim *c, const struct bp *bp)
{
    if (bp_birth(bp) < c->first || mutant_on(MUTANT_UNCLAIMED_LOG))
        return 0; /* in the space maps */
    for (unsigned i = 0; i < bp_ndvas(bp); i++) {
        struct dva dva = bp_dva(bp, i);
        int r = space_claim(c->p->space, c->p->dsl.txg, &dva);
        if (r)
            return r;
    }
    return 0;
}

static int claim_block(void *arg, const struct bp *bp)
{
    struct claim *c = arg;
    int r = claim_space(c, bp);
    /* What is allocated by the tree can't be the log's: it ended before. */
    if (r == -EEXIST)
        return 1;
    if (r == 0) {
        c->blk_seq = zil_bp_seq(bp);
        c->nblocks++;
    }
    return r;
}

static int claim_record(void *arg, const struct zil_record *rec)
{
    struct claim *c = arg;
    if (rec->type == ZIL_WRITE && !bp_is_hole(&rec->bp) && bp_birth(&rec->bp) >= c->first) {
        struct iobuf *buf;
        int r = block_check(&c->p->blocks, &rec->bp);
        if (r == 0)
            r = block_read(&c->p->blocks, &rec->bp, BLOCK_STREAM, &buf);
        if (r)
            return r == -EBADMSG || r == -EIO ? 1 : r; /* never reached the disk */
        iobuf_put(buf);
        r = claim_space(c, &rec->bp);
        if (r)
            return r == -EEXIST ? 1 : r;
        uint64_t repaired;
        block_scrub(&c->p->blocks, &rec->bp, &repaired); /* one good copy is there */
    }
    c->lr_seq = rec->seq;
    c->nrecords++;
    return 0;
}

int zil_check(struct pool *p, struct dsl_dataset *ds, struct err *reterr)
{
    int r = dsl_dataset_open(ds, reterr);
    if (r)
        return r;
    const struct zil_header *h = header_of(ds);
    struct log_walk w = {.p = p, .last_blk_seq = UINT64_MAX};
    struct bp first = h->log;
    if (le64_get(h->claim_txg))
        w.last_blk_seq = le64_get(h->claim_blk_seq);
    r = bp_is_hole(&first) ? 0 : log_walk(&w, &first);
    if (r)
        err_set(reterr, r, "dataset %s: its intent log cannot be followed", ds->dir->name);
    dsl_dataset_close(ds);
    return r;
}

int zil_claim(struct pool *p, struct dsl_dataset *ds, uint64_t txg, struct err *reterr)
{
    int r = dsl_dataset_open(ds, reterr);
    if (r)
        return r;
    const struct zil_header *h = header_of(ds);
    struct claim c = {.p = p, .first = p->ub.txg + 1};
    struct log_walk w = {p, UINT64_MAX, claim_block, claim_record, &c, &c.repaired};
    struct bp first = h->log;
    bool unclaimed = !bp_is_hole(&first) && le64_get(h->claim_txg) == 0;
    bool needed = !bp_is_hole(&first) && (le64_get(h->flags) & ZIL_REPLAY_NEEDED);
    if (unclaimed) {
        r = IN_STEP(STEP_CLAIM, log_walk(&w, &first));
        if (r)
            err_set(reterr, r, "dataset %s: its intent log cannot be followed", ds->dir->name);
    }
    if (unclaimed && r == 0) {
        struct zil_header *mine = objset_zil(ds->os);
        uint64_t flags = ZIL_CLAIM_LR_SEQ_VALID;
        needed = c.nrecords > 0 || c.nblocks > 1;
        if (needed)
            flags |= ZIL_REPLAY_NEEDED;
        objset_begin(ds->os, txg);
        mine->claim_txg = le64_make(c.first);
        mine->claim_blk_seq = le64_make(c.blk_seq);
        mine->claim_lr_seq = le64_make(c.lr_seq);
        mine->flags = le64_make(le64_get(mine->flags) | flags);
        objset_dirty(ds->os);
        dsl_dataset_dirty(ds);
        ds->close_committed = true;
    } else {
        dsl_dataset_close(ds);
    }
    if (r == 0 && needed && p->replay)
        p->replay->all++;
    return r;
}

bool zil_needs_replay(const struct dsl_dataset *ds)
{
    const struct zil_header *h = header_of(ds);
    return !bp_is_hole(&h->log);
}

/* ---- replaying ---------------------------------------------------------------------------------------------- */

struct replay {
    struct pool *p;
    const struct zil_header *h;
    uint64_t last_seq; /* 0: no record was met yet */
    zil_apply_fn apply;
    void *arg;
};

/* Several volumes may be at it at once; they are told of together. */
static void replay_began(struct progress *g)
{
    if (!g)
        return;
    if (g->step == 0)
        progress_begin(g, 1, 0, run_now());
    else
        g->step++;
    g->nth++;
}

static void replay_ended(struct progress *g)
{
    if (g)
        g->step--;
}

/* How many there are is known once the first one is. */
static void replay_came_to(struct replay *rp, uint64_t seq)
{
    if (rp->last_seq == 0) {
        rp->last_seq = seq - 1;
        if (le64_get(rp->h->flags) & ZIL_CLAIM_LR_SEQ_VALID)
            progress_more(rp->p->replay, le64_get(rp->h->claim_lr_seq) - rp->last_seq);
    }
    if (seq > rp->last_seq)
        progress_done(rp->p->replay, seq - rp->last_seq);
    rp->last_seq = seq;
}

static int replay_record(void *arg, const struct zil_record *rec)
{
    struct replay *rp = arg;
    if (rec->seq <= le64_get(rp->h->replay_seq) || rec->txg < le64_get(rp->h->claim_txg))
        return 0;
    if ((le64_get(rp->h->flags) & ZIL_CLAIM_LR_SEQ_VALID) &&
        rec->seq > le64_get(rp->h->claim_lr_seq))
        return 1;
    replay_came_to(rp, rec->seq);
    if (rec->type != ZIL_WRITE && rec->type != ZIL_TRUNCATE)
        return E(-EOPNOTSUPP);
    if (rec->type == ZIL_TRUNCATE || rec->data || bp_is_hole(&rec->bp))
        return rp->apply(rp->arg, rec, NULL, 0);
    struct iobuf *buf;
    int r = block_read(&rp->p->blocks, &rec->bp, BLOCK_STREAM, &buf);
    if (r)
        return r;
    r = rp->apply(rp->arg, rec, buf->p, bp_lsize(&rec->bp));
    iobuf_put(buf);
    return r;
}

int zil_replay(struct pool *p, struct dsl_dataset *ds, zil_apply_fn apply, void *arg,
               struct err *reterr)
{
    struct zil_header h = *header_of(ds);
    struct replay rp = {.p = p, .h = &h, .apply = apply, .arg = arg};
    struct log_walk w = {p, le64_get(h.claim_blk_seq), NULL, replay_record, &rp, NULL};
    if (bp_is_hole(&h.log) || !(le64_get(h.flags) & ZIL_REPLAY_NEEDED))
        return 0;
    replay_began(p->replay);
    int r = IN_STEP(STEP_REPLAY, log_walk(&w, &h.log));
    replay_ended(p->replay);
    return r ? err_set(reterr, r, "volume %s: its intent log cannot be replayed", ds->dir->name)
             : 0;
}

/* ---- repairing ------------------------------------------------------------------------------------------------------ */

struct repair {
    struct pool *p;
    const struct zil_header *h;
    uint64_t repaired, errors;
};

static int repair_record(void *arg, const struct zil_record *rec)
{
    struct repair *rp = arg;
    uint64_t repaired = 0;
    if (rec->type != ZIL_WRITE || bp_is_hole(&rec->bp) ||
        bp_birth(&rec->bp) < le64_get(rp->h->claim_txg) ||
        rec->seq > le64_get(rp->h->claim_lr_seq))
        return 0;
    int r = block_scrub(&rp->p->blocks, &rec->bp, &repaired);
    rp->repaired += repaired;
    rp->errors += r != 0 && r != -ENOMEM;
    return r == -ENOMEM ? r : 0;
}

static int header_at(struct pool *p, const struct bp *bp, struct zil_header *ret)
{
    struct iobuf *buf;
    int r = block_read(&p->blocks, bp, BLOCK_STREAM, &buf);
    if (r)
        return r;
    memcpy(ret, buf->p + offsetof(struct objset_phys, zil), sizeof(*ret));
    iobuf_put(buf);
    return 0;
}

int zil_scrub(struct pool *p, const struct bp *bp, uint64_t *ret_repaired, uint64_t *ret_errors)
{
    struct zil_header h;
    struct repair rp = {.p = p, .h = &h};
    int r = bp_is_hole(bp) ? -ENOENT : header_at(p, bp, &h);
    if (r == -ENOMEM)
        return r;
    if (r || bp_is_hole(&h.log) || !(le64_get(h.flags) & ZIL_REPLAY_NEEDED))
        return 0; /* an unreadable objset block is its walk's to count */
    struct log_walk w = {p, le64_get(h.claim_blk_seq), NULL, repair_record, &rp, &rp.repaired};
    r = log_walk(&w, &h.log);
    *ret_repaired += rp.repaired;
    *ret_errors += rp.errors + (r != -ENOMEM && r != 0);
    return r == -ENOMEM ? r : 0;
}

/* ---- discarding -------------------------------------------------------------------------------------------------- */

struct discard {
    struct pool *p;
    uint64_t claim_txg,
        last_seq; /* records beyond were not claimed: what they point to is others' */
};

static int discard_dvas(struct discard *d, const struct bp *bp)
{
    int r = 0;
    for (unsigned i = 0; r == 0 && i < bp_ndvas(bp); i++) {
        struct dva dva = bp_dva(bp, i);
        r = space_free_dva(d->p->space, d->p->dsl.txg, &dva);
    }
    return r;
}

static int discard_block(void *arg, const struct bp *bp)
{
    return discard_dvas(arg, bp);
}

static int discard_record(void *arg, const struct zil_record *rec)
{
    struct discard *d = arg;
    if (rec->seq > d->last_seq)
        return 1;
    if (rec->type != ZIL_WRITE || bp_is_hole(&rec->bp) || bp_birth(&rec->bp) < d->claim_txg)
        return 0;
    return discard_dvas(d, &rec->bp);
}

int zil_discard(struct pool *p, struct dsl_dataset *ds)
{
    struct zil_header h = *header_of(ds);
    bool valid = le64_get(h.flags) & ZIL_CLAIM_LR_SEQ_VALID;
    struct discard d = {p, le64_get(h.claim_txg),
                        valid ? le64_get(h.claim_lr_seq) : UINT64_MAX};
    struct log_walk w = {p, le64_get(h.claim_blk_seq), discard_block, discard_record, &d, NULL};
    int r = bp_is_hole(&h.log) ? 0 : log_walk(&w, &h.log);
    if (r)
        return r;
    objset_begin(ds->os, p->dsl.txg);
    memset(objset_zil(ds->os), 0, sizeof(struct zil_header));
    objset_dirty(ds->os);
    dsl_dataset_dirty(ds);
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Going through all that the pool holds, beside those who change it: the MOS, and every dataset
 * that the MOS knows, snapshots included.
 *
 * What is followed is always the last committed tree, under a reader's ticket, so that no block
 * is written again while it is being repaired. Tickets hold back the reuse of space; therefore
 * one lasts only for some blocks, then the walk goes on from the same place in what is the
 * committed tree by then. Nothing is missed by that: blocks that were there when the scan began
 * and are there still lie where they lay, and younger ones need no visit.
 *
 * Datasets share blocks. Those born before a dataset's previous snapshot belong to that one too
 * and are left to it. Snapshots that come or go meanwhile change which dataset a block is left
 * to, so datasets are gone through again until each has been walked from where its previous
 * snapshot is.
 */
#include "pool/scan/scan_int.h"
#include "pool/zil/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TICKET_BLOCKS 512u /* visited before the ticket is renewed */

/* What ends a traversal, besides errors. */
enum { ENOUGH = 2, STOP, FOUND };

/* ---- finding datasets -------------------------------------------------------------------- */

struct find {
    uint64_t id;
    struct dsl_dataset_phys phys;
};

static int no_visit(void *arg, const struct bp *bp, uint64_t object, unsigned level,
                    uint64_t blkid)
{
    (void)arg, (void)bp, (void)object, (void)level, (void)blkid;
    return 0;
}

static int find_dataset(void *arg, const struct dnode_phys *dn, uint64_t object)
{
    struct find *f = arg;
    if (dn->bonus_type != DMU_DSL_DATASET || le16_get(dn->bonus_len) < sizeof(f->phys))
        return TRAVERSE_SKIP;
    f->id = object;
    memcpy(&f->phys, dn->tail + dn->nblkptr * BP_SIZE, sizeof(f->phys));
    return FOUND;
}

/* The first dataset from id on, as of the last commit; -ENOENT: none. Needs a ticket. */
static int dataset_from(struct scan *s, uint64_t id, struct find *ret)
{
    const struct traverse t = {
        .start_object = id, .visit = no_visit, .dnode = find_dataset, .arg = ret};
    int r = objset_traverse(&s->p->blocks, &s->p->ub.rootbp, &t);
    if (r == FOUND)
        return 0;
    return r ? r : -ENOENT;
}

static int dataset_get(struct scan *s, uint64_t id, struct find *ret)
{
    int r = dataset_from(s, id, ret);
    return r == 0 && ret->id != id ? -ENOENT : r;
}

/* Blocks born up to then are another's: the newest snapshot's that was there when the scan
 * began. */
static int dataset_min(struct scan *s, const struct find *f, uint64_t *ret_min)
{
    struct find prev = *f;
    uint64_t txg = le64_get(f->phys.prev_snap_txg);
    *ret_min = s->now.min_txg;
    while (txg > s->now.max_txg) {
        uint64_t last = txg;
        int r = dataset_get(s, le64_get(prev.phys.prev_snap), &prev);
        if (r)
            return r;
        txg = le64_get(prev.phys.prev_snap_txg);
        if (txg >= last)
            return E(-EBADMSG);
    }
    if (le64_get(prev.phys.prev_snap))
        *ret_min = MAX(*ret_min, txg);
    return 0;
}

/* ---- one objset -------------------------------------------------------------------------- */

struct walk {
    struct scan *s;
    uint64_t id;            /* the dataset's, 0: the MOS */
    uint64_t object, blkid; /* where to go on */
    unsigned left;          /* visits under this ticket */
};

static bool pauses_here(struct walk *w, uint64_t object, unsigned level, uint64_t blkid)
{
    if (w->left > 0) {
        w->left--;
        return false;
    }
    if (level != 0 || blkid == TRAVERSE_SPILL || object >= TRAVERSE_PROJECTUSED)
        return false;
    w->object = object ? object : blkid * DNODES_PER_BLOCK;
    w->blkid = object ? blkid : 0;
    return true;
}

static struct bookmark bookmark(const struct walk *w, uint64_t object, unsigned level,
                                uint64_t blkid)
{
    return (struct bookmark){w->id, object, level == TRAVERSE_ROOT ? UINT64_MAX : level, blkid};
}

static int visit(void *arg, const struct bp *bp, uint64_t object, unsigned level,
                 uint64_t blkid)
{
    struct walk *w = arg;
    struct scan *s = w->s;
    if (scan_interrupted(s) || s->error)
        return STOP;
    if (pauses_here(w, object, level, blkid))
        return ENOUGH;
    const struct bookmark at = bookmark(w, object, level, blkid);
    if (bp_ndvas(bp) == 0 || bp_birth(bp) > s->now.max_txg)
        return 0;
    for (unsigned i = 0; i < bp_ndvas(bp); i++)
        s->now.examined += bp_dva(bp, i).asize;
    if (s->now.func == SCAN_SCRUB || lacking_birth(s->p, bp_phys_birth(bp)))
        job_start(s, bp, &at);
    return 0;
}

/* Counted where it was verified, unless it is only its content that makes no sense. */
static int failed(void *arg, const struct bp *bp, uint64_t object, unsigned level,
                  uint64_t blkid, int err)
{
    const struct walk *w = arg;
    struct scan *s = w->s;
    const struct bookmark at = bookmark(w, object, level, blkid);
    if (err == -ENOMEM)
        return err;
    job_wait_all(s);
    if (memcmp(&s->bad, bp, sizeof(*bp)) == 0)
        return 0;
    s->now.errors++;
    if (err != -ENXIO)
        errlog_add(s->p, &at);
    return 0;
}

/* id 0: the MOS. */
static int root_of(struct scan *s, uint64_t id, struct bp *ret_bp)
{
    struct find f;
    if (id == 0) {
        *ret_bp = s->p->ub.rootbp;
        return 0;
    }
    int r = dataset_get(s, id, &f);
    if (r == 0)
        *ret_bp = f.phys.bp;
    return r;
}

static int walk_some(struct walk *w, uint64_t min)
{
    struct scan *s = w->s;
    const struct traverse t = {
        .min_birth = min,
        .start_object = w->object,
        .start_blkid = w->blkid,
        .hint = BLOCK_STREAM,
        .visit = visit,
        .failed = failed,
        .arg = w,
    };
    struct bp bp;
    w->left = TICKET_BLOCKS;
    uint64_t ticket = blocks_reader_enter(&s->p->blocks);
    int r = root_of(s, w->id, &bp);
    /* A log that waits for its volume to be opened is read then, be it after years. */
    if (r == 0 && w->id && w->object == 0 && w->blkid == 0)
        r = zil_scrub(s->p, &bp, &s->now.repaired, &s->now.errors);
    if (r == 0)
        r = objset_traverse(&s->p->blocks, &bp, &t);
    job_wait_all(s);
    blocks_reader_leave(&s->p->blocks, ticket);
    return r;
}

/* A dataset that is gone meanwhile has nothing left to look at. */
static int walk_objset(struct scan *s, uint64_t id, uint64_t min)
{
    struct walk w = {.s = s, .id = id, .object = s->place.object, .blkid = s->place.blkid};
    int r;
    s->place = (struct scan_place){.there = true, .id = id, .min = min};
    do {
        s->place.object = w.object;
        s->place.blkid = w.blkid;
        r = scan_keep(s);
        if (r == 0)
            r = walk_some(&w, min);
    } while (r == ENOUGH);
    if (r == STOP)
        return s->error ? s->error : -ECANCELED;
    s->place.object = s->place.blkid = 0;
    return r == -ENOENT ? 0 : r;
}

/* ---- all of them ------------------------------------------------------------------------- */

/* Where it is remembered how far back the dataset was walked; NULL: no memory. */
static struct scan_walked *walked_at(struct scan *s, uint64_t id)
{
    for (unsigned i = 0; i < s->nwalked; i++)
        if (s->walked[i].id == id)
            return &s->walked[i];
    if (s->nwalked == s->cap) {
        unsigned cap = MAX(2 * s->cap, 64u);
        struct scan_walked *more = realloc(s->walked, cap * sizeof(*more));
        if (!more)
            return NULL;
        s->walked = more;
        s->cap = cap;
    }
    s->walked[s->nwalked] = (struct scan_walked){.id = id, .min = UINT64_MAX};
    return &s->walked[s->nwalked++];
}

/* The next dataset from *id on and what of it to look at. */
static int next_dataset(struct scan *s, uint64_t *id, uint64_t *ret_min)
{
    struct find f;
    uint64_t ticket = blocks_reader_enter(&s->p->blocks);
    int r = dataset_from(s, *id, &f);
    if (r == 0) {
        *id = f.id;
        r = dataset_min(s, &f, ret_min);
        if (r == -ENOENT)
            r = E(-EBADMSG); /* a snapshot that its successor speaks of */
    }
    blocks_reader_leave(&s->p->blocks, ticket);
    return r;
}

/* Goes through the datasets once; *ret_walked: how many had to be looked at. */
static int walk_datasets(struct scan *s, unsigned *ret_walked)
{
    uint64_t id = 1, min;
    int r;
    *ret_walked = 0;
    for (; (r = next_dataset(s, &id, &min)) == 0; id++) {
        struct scan_walked *before = walked_at(s, id);
        if (!before)
            return E(-ENOMEM);
        if (before->min <= min)
            continue;
        before->min = min;
        ++*ret_walked;
        r = walk_objset(s, id, min);
        if (r)
            return r;
    }
    return r == -ENOENT ? 0 : r;
}

int scan_walk(struct scan *s, bool go_on)
{
    unsigned walked;
    s->error = 0;
    int r =
        go_on ? walk_objset(s, s->place.id, s->place.min) : walk_objset(s, 0, s->now.min_txg);
    do {
        if (r == 0)
            r = walk_datasets(s, &walked);
    } while (r == 0 && walked > 0);
    return r ? r : s->error;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Falling back to an older uberblock (OpenZFS import -F and -FX). All that a commit wrote was on disk and flushed before its
 * uberblock was, so a newest tree that cannot be read has rotted, or a disk lied; and every older state lacks something that
 * was acknowledged, the operators' own changes at least. So nobody goes back without having been asked: the refusal says what
 * asking would give.
 *
 * The rings of uberblocks have the candidates, newest first. The newest TXG_HOLD_BACK + 1 of them are whole unless damaged,
 * since what they point to has not been given away yet; older ones may have been written over, and are tried only when that
 * was asked for too. A candidate must let itself be loaded like any pool; besides, all space maps must make sense, and all
 * metadata that is younger than what the oldest safe state has (for the unsafe ones: all metadata) must be readable.
 */
#include "pool/import_int.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CANDIDATES_MAX 512u

struct candidates {
    struct uberblock v[CANDIDATES_MAX];
    unsigned n;
};

/* ---- candidates ----------------------------------------------------------------------------------------- */

/* The better one of each txg. */
static void candidate_add(void *arg, const struct uberblock *ub)
{
    struct candidates *c = arg;
    for (unsigned i = 0; i < c->n; i++)
        if (c->v[i].txg == ub->txg) {
            if (uberblock_better(ub, &c->v[i]))
                c->v[i] = *ub;
            return;
        }
    if (c->n < CANDIDATES_MAX)
        c->v[c->n++] = *ub;
}

static int newest_first(const void *a, const void *b)
{
    const struct uberblock *x = a, *y = b;
    return x->txg < y->txg ? 1 : x->txg > y->txg ? -1 : 0;
}

static struct candidates *candidates_gather(const struct found *f)
{
    const struct file_opts opts = {.mode = FILE_RDONLY};
    struct candidates *c = calloc(1, sizeof(*c));
    for (unsigned i = 0; c && i < f->n; i++) {
        struct file *file;
        if (!f->v[i]->label.ashift || file_open(f->v[i]->path, &opts, &file, NULL))
            continue;
        label_uberblocks(file, f->v[i]->label.ashift, candidate_add, c);
        file_close(file);
    }
    if (c)
        qsort(c->v, c->n, sizeof(c->v[0]), newest_first);
    return c;
}

static bool is_safe(const struct import *im, const struct uberblock *ub)
{
    return ub->txg + TXG_HOLD_BACK >= im->newest.txg;
}

static uint64_t seconds_back(const struct import *im, const struct uberblock *ub)
{
    return im->newest.timestamp > ub->timestamp ? im->newest.timestamp - ub->timestamp : 0;
}

/* ---- whether one is whole --------------------------------------------------------------------------------- */

struct look {
    struct pool *p;
    bool contents; /* level 0 is metadata too */
};

/* The walk itself reads what has pointers in it. */
static int look_at_block(void *arg, const struct bp *bp, uint64_t object, unsigned level,
                         uint64_t blkid)
{
    const struct look *l = arg;
    struct iobuf *buf;
    (void)object, (void)blkid;
    fiber_maybe_yield();
    if (level != 0 || !l->contents)
        return 0;
    int r = block_read(&l->p->blocks, bp, BLOCK_STREAM, &buf);
    if (r == 0)
        iobuf_put(buf);
    return r;
}

static int look_at_objset(struct pool *p, const struct bp *bp, uint64_t min_birth, bool mos)
{
    struct look l = {p, mos};
    struct traverse t = {
        .min_birth = min_birth, .hint = BLOCK_STREAM, .visit = look_at_block, .arg = &l};
    return bp_is_hole(bp) ? 0 : objset_traverse(&p->blocks, bp, &t);
}

static int whole_check(struct import *im)
{
    struct pool *p = im->p;
    uint64_t oldest =
        im->newest.txg > TXG_HOLD_BACK + 1 ? im->newest.txg - TXG_HOLD_BACK - 1 : 0;
    uint64_t min_birth = is_safe(im, &p->ub) ? oldest : 0;
    struct dsl_dir *dd = NULL;
    int r = space_check(p->space);
    if (r == 0)
        r = look_at_objset(p, &p->ub.rootbp, min_birth, true);
    while (r == 0 && (dd = dsl_next(&p->dsl, dd)))
        if (dd->head)
            r = look_at_objset(p, &dsl_dataset_phys(dd->head)->bp, min_birth, false);
    if (r)
        err_set(im->err, r, "pool %s: its state of txg %" PRIu64 " is damaged", p->name,
                p->ub.txg);
    return r;
}

static int candidate_try(struct import *im, const struct uberblock *ub)
{
    im->p->ub = *ub;
    im->err->code = 0;
    int r = import_load(im);
    if (r)
        return r;
    r = whole_check(im);
    if (r)
        import_unload(im->p);
    return r;
}

/* Only these say something about a candidate; with all others none would do. */
static bool goes_on(int r)
{
    return r != -ENOMEM && r != -EBUSY && r != -EOPNOTSUPP;
}

/* The newest one that is whole, loaded; NULL: none. first: what is wrong with the newest one, if nothing was known yet. */
static const struct uberblock *candidates_try(struct import *im, const struct candidates *c,
                                              bool safe, struct err *first)
{
    for (unsigned i = 0; i < c->n; i++) {
        if (is_safe(im, &c->v[i]) != safe)
            continue;
        int r = candidate_try(im, &c->v[i]);
        if (r == 0)
            return &c->v[i];
        if (!goes_on(r) || first->code == 0)
            *first = *im->err;
        if (!goes_on(r))
            return NULL;
    }
    return NULL;
}

/* ---- what it means ------------------------------------------------------------------------------------------ */

static int nothing_found(struct import *im, const struct candidates *c, const struct err *why)
{
    if (!goes_on(why->code))
        return err_set(im->err, why->code, "%s", why->msg);
    return err_set(im->err, why->code ? why->code : E(-EBADMSG),
                   "%.170s; none of its %u states is whole%s", why->msg, c->n,
                   im->want->rewind_far ? "" : " that import --rewind may try");
}

static int would_go_back(struct import *im, const struct uberblock *ub, const struct err *why)
{
    return err_set(im->err, why->code,
                   "%.150s; import %s would go back %" PRIu64 " seconds, to txg %" PRIu64,
                   why->msg, is_safe(im, ub) ? "--rewind" : "--rewind-far",
                   seconds_back(im, ub), ub->txg);
}

/* Not asked to go back: looks how far it would be, without claiming to write. */
static int rewind_tell(struct import *im, const struct candidates *c)
{
    struct pool *p = im->p;
    struct err why = *im->err;
    bool read_only = p->read_only;
    p->read_only = true;
    const struct uberblock *ub = candidates_try(im, c, true, &why);
    if (!ub && goes_on(why.code))
        ub = candidates_try(im, c, false, &why);
    if (ub)
        import_unload(p);
    p->read_only = read_only;
    return ub ? would_go_back(im, ub, &why) : nothing_found(im, c, &why);
}

static int rewind_do(struct import *im, const struct candidates *c)
{
    struct err why = {0};
    const struct uberblock *ub = candidates_try(im, c, true, &why);
    if (!ub && im->want->rewind_far && goes_on(why.code))
        ub = candidates_try(im, c, false, &why);
    if (!ub)
        return nothing_found(im, c, &why);
    if (ub->txg != im->newest.txg && !im->want->dry_run)
        log_warn("pool.rewind", KV("pool", "%s", im->p->name), KV("txg", "%" PRIu64, ub->txg),
                 KV("newest", "%" PRIu64, im->newest.txg),
                 KV("seconds_lost", "%" PRIu64, seconds_back(im, ub)));
    return 0;
}

int import_rewind(struct import *im)
{
    struct candidates *c = candidates_gather(im->f);
    if (!c)
        return err_set(im->err, E(-ENOMEM), "pool %s: no memory", im->p->name);
    int r = im->want->rewind || im->want->rewind_far ? rewind_do(im, c) : rewind_tell(im, c);
    free(c);
    return r;
}

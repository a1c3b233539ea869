/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a leaf has taken and may still forget. Completed writes are numbered; a flush covers
 * those with a number up to the one at its submission, and only if it succeeds. Flushes may
 * overlap: each proves what it was submitted after, none borrows from another that is under
 * way. For a failed flush the txgs of what was not covered are needed. A few txgs are under way
 * at a time, and now and then the birth of a block that was repaired; eight runs remember them.
 * Should that be too few, the nearest run grows to take the txg in: that says too much, never
 * too little.
 */
#include "pool/vdev/vdev_int.h"

static bool is_live(const struct unflushed *u, const struct unflushed_run *r)
{
    return r->seq > u->flushed;
}

static uint64_t distance(const struct unflushed_run *r, uint64_t txg)
{
    if (txg < r->lo)
        return r->lo - txg;
    return txg < r->hi ? 0 : txg - r->hi + 1;
}

/* The run that has the txg, else a free one, else the nearest. */
static struct unflushed_run *run_for(struct unflushed *u, uint64_t txg)
{
    struct unflushed_run *free = NULL, *nearest = NULL;
    for (unsigned i = 0; i < UNFLUSHED_RUNS; i++) {
        struct unflushed_run *r = &u->run[i];
        if (!is_live(u, r))
            free = r;
        else if (!nearest || distance(r, txg) < distance(nearest, txg))
            nearest = r;
    }
    if (!free || (nearest && distance(nearest, txg) == 0))
        return nearest;
    *free = (struct unflushed_run){.lo = txg, .hi = txg + 1};
    return free;
}

void unflushed_wrote(struct unflushed *u, uint64_t txg)
{
    u->written++;
    if (txg == 0)
        return;
    struct unflushed_run *r = run_for(u, txg);
    r->lo = MIN(r->lo, txg);
    r->hi = MAX(r->hi, txg + 1);
    r->seq = u->written;
}

void unflushed_flushed(struct unflushed *u, uint64_t seq)
{
    u->flushed = MAX(u->flushed, seq);
}

const struct unflushed_run *unflushed_next(const struct unflushed *u, unsigned *i)
{
    while (*i < UNFLUSHED_RUNS && !is_live(u, &u->run[*i]))
        ++*i;
    return *i < UNFLUSHED_RUNS ? &u->run[*i] : NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a leaf has taken and may still forget. Completed writes are numbered; a flush covers those with a number up to
 * the one at its submission, and only if it succeeds. Flushes may overlap: each proves what it was submitted
 * after, none borrows from another that is under way. For a failed flush the txgs of what was not covered are needed; a few
 * txgs are under way at a time, so eight slots by txg remember them exactly. Should two txgs meet in
 * a slot, the older one stays: that says too much, never too little.
 */
#include "pool/vdev/vdev_int.h"

void unflushed_wrote(struct unflushed *u, uint64_t txg)
{
    unsigned i = txg % ARRAY_LEN(u->recent);
    u->written++;
    if (txg == 0)
        return;
    if (u->recent[i].seq <= u->flushed || u->recent[i].txg > txg)
        u->recent[i].txg = txg;
    u->recent[i].seq = u->written;
    u->max_txg = MAX(u->max_txg, txg);
}

void unflushed_flushed(struct unflushed *u, uint64_t seq)
{
    u->flushed = MAX(u->flushed, seq);
}

bool unflushed_range(const struct unflushed *u, uint64_t *ret_lo, uint64_t *ret_hi)
{
    uint64_t lo = UINT64_MAX;
    for (unsigned i = 0; i < ARRAY_LEN(u->recent); i++) {
        if (u->recent[i].seq > u->flushed)
            lo = MIN(lo, u->recent[i].txg);
    }
    if (lo == UINT64_MAX)
        return false;
    *ret_lo = lo;
    *ret_hi = u->max_txg + 1;
    return true;
}

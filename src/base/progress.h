/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How far something long has come: written by who does it, and read from anywhere, a little late and never torn. All take NULL, for
 * when nobody asks.
 */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    _Atomic(uint32_t) step;     /* what the owner says it means; 0: nothing is under way */
    _Atomic(uint64_t) done, of; /* units of this step; of 0: nobody knows */
    _Atomic(uint64_t) since;    /* run_now() when it began */
    _Atomic(uint32_t) nth, all; /* which of several, where the owner counts them */
};

static inline void progress_begin(struct progress *p, uint32_t step, uint64_t of, uint64_t now)
{
    if (!p)
        return;
    atomic_store_explicit(&p->done, 0, memory_order_relaxed);
    atomic_store_explicit(&p->of, of, memory_order_relaxed);
    atomic_store_explicit(&p->since, now, memory_order_relaxed);
    atomic_store_explicit(&p->step, step, memory_order_relaxed);
}
static inline void progress_end(struct progress *p)
{
    if (p)
        atomic_store_explicit(&p->step, 0, memory_order_relaxed);
}
static inline void progress_done(struct progress *p, uint64_t units)
{
    if (p)
        atomic_fetch_add_explicit(&p->done, units, memory_order_relaxed);
}
/* There is more of it than was known. */
static inline void progress_more(struct progress *p, uint64_t units)
{
    if (p)
        atomic_fetch_add_explicit(&p->of, units, memory_order_relaxed);
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A log-linear histogram (as HdrHistogram has it): every power of two is cut into HIST_STEPS
 * equal steps, so the width of a bucket is at most 1/64 of its value whatever the value is.
 * Values under HIST_STEPS have a bucket each and are exact. The maximum is kept apart, exact.
 */
#include "hist.h"

#include "base/util.h"

static unsigned bucket_of(uint64_t ns)
{
    if (ns < HIST_STEPS)
        return (unsigned)ns;
    ns = MIN(ns, (UINT64_C(1) << HIST_MAX_BITS) - 1);
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - HIST_SUB_BITS;
    return shift * HIST_STEPS + (unsigned)(ns >> shift);
}

/* The largest value that falls into a bucket. */
static uint64_t bucket_top(unsigned i)
{
    if (i < HIST_STEPS)
        return i;
    unsigned shift = i / HIST_STEPS - 1;
    uint64_t step = i % HIST_STEPS + HIST_STEPS;
    return ((step + 1) << shift) - 1;
}

void hist_add(struct hist *h, uint64_t ns)
{
    h->bucket[bucket_of(ns)]++;
    h->count++;
    h->sum += ns;
    h->max = MAX(h->max, ns);
}

void hist_merge(struct hist *dst, const struct hist *src)
{
    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        dst->bucket[i] += src->bucket[i];
    dst->count += src->count;
    dst->sum += src->sum;
    dst->max = MAX(dst->max, src->max);
}

uint64_t hist_below(const struct hist *h, unsigned power)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < (power - HIST_SUB_BITS + 1) * HIST_STEPS; i++)
        sum += h->bucket[i];
    return sum;
}

uint64_t hist_quantile(const struct hist *h, double share)
{
    if (h->count == 0)
        return 0;
    uint64_t rank = (uint64_t)(share * (double)h->count), seen = 0;
    rank = MIN(rank, h->count - 1);
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen > rank)
            return MIN(bucket_top(i), h->max);
    }
    return h->max;
}

double hist_mean(const struct hist *h)
{
    return h->count == 0 ? 0 : (double)h->sum / (double)h->count;
}

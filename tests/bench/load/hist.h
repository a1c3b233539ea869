/* SPDX-License-Identifier: BSD-2-Clause */
/* Latency histogram with a bounded relative error, fixed size, no allocation. */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>

#define HIST_SUB_BITS 6  /* 64 steps per power of two: error <= 1.6 % */
#define HIST_MAX_BITS 37 /* values are cut at 2^37 ns = 137 s */
#define HIST_STEPS    (1u << HIST_SUB_BITS)
#define HIST_BUCKETS  ((HIST_MAX_BITS - HIST_SUB_BITS + 1) * HIST_STEPS)

struct hist {
    uint64_t count;
    uint64_t sum; /* ns */
    uint64_t max; /* ns, exact */
    uint64_t bucket[HIST_BUCKETS];
};

void hist_add(struct hist *h, uint64_t ns);
/* Adds everything in src to dst. */
void hist_merge(struct hist *dst, const struct hist *src);
/* Entries below 2^power ns; power: HIST_SUB_BITS to HIST_MAX_BITS. */
uint64_t hist_below(const struct hist *h, unsigned power);
/* The value in ns that the given share (0..1) of all entries doesn't exceed; 0 when empty. */
uint64_t hist_quantile(const struct hist *h, double share);
/* Arithmetic mean in ns; 0 when empty. */
double hist_mean(const struct hist *h);

#endif

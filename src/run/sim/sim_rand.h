/* SPDX-License-Identifier: BSD-2-Clause */
/* The simulation's random streams: xoshiro256** (Blackman and Vigna), seeded through
 * splitmix64. */
#ifndef RUN_SIM_SIM_RAND_H
#define RUN_SIM_SIM_RAND_H

#include "base/util.h"

struct sim_rand {
    uint64_t s[4];
};

/* stream separates the uses of one seed: drawing more from one does not disturb the others. */
void sim_rand_seed(struct sim_rand *r, uint64_t seed, uint64_t stream);
uint64_t sim_rand_next(struct sim_rand *r);
/* 0 .. n-1; 0 when n is 0. */
uint64_t sim_rand_below(struct sim_rand *r, uint64_t n);
/* lo .. hi, both included. */
uint64_t sim_rand_range(struct sim_rand *r, uint64_t lo, uint64_t hi);
/* True once in n draws on average; never when n is 0. */
bool sim_rand_one_in(struct sim_rand *r, uint64_t n);
/* 1 .. max, every order of magnitude equally likely: sizes that find edges. */
uint64_t sim_rand_size(struct sim_rand *r, uint64_t max);
void sim_rand_bytes(struct sim_rand *r, void *ret_bytes, size_t len);

/* One step of the trace hash: order matters, equal histories give equal hashes. */
static inline uint64_t sim_hash(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15ull;
    return h ^ (h >> 29);
}

#endif

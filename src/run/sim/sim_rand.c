/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Randomness that replays. All that the simulated world decides is drawn from streams of one
 * seed; nothing here or above may look at addresses, real time or the process's own entropy.
 */
#include "run/sim/sim_rand.h"

#include <string.h>

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = *x += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

void sim_rand_seed(struct sim_rand *r, uint64_t seed, uint64_t stream)
{
    uint64_t x = seed;
    x = splitmix(&x) ^ (stream * 0xd1342543de82ef95ull);
    for (size_t i = 0; i < ARRAY_LEN(r->s); i++)
        r->s[i] = splitmix(&x);
}

static uint64_t rotl(uint64_t v, int k)
{
    return v << k | v >> (64 - k);
}

uint64_t sim_rand_next(struct sim_rand *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t sim_rand_below(struct sim_rand *r, uint64_t n)
{
    return n ? sim_rand_next(r) % n : 0; /* the bias is 2^-32 for all that we draw */
}

uint64_t sim_rand_range(struct sim_rand *r, uint64_t lo, uint64_t hi)
{
    return hi <= lo ? lo : lo + sim_rand_below(r, hi - lo + 1);
}

bool sim_rand_one_in(struct sim_rand *r, uint64_t n)
{
    return n && sim_rand_below(r, n) == 0;
}

uint64_t sim_rand_size(struct sim_rand *r, uint64_t max)
{
    if (max <= 1)
        return 1;
    unsigned bits = 64 - (unsigned)__builtin_clzll(max);
    uint64_t cap = UINT64_MAX >> (64 - 1 - sim_rand_below(r, bits));
    return 1 + sim_rand_below(r, MIN(cap, max));
}

void sim_rand_bytes(struct sim_rand *r, void *ret_bytes, size_t len)
{
    uint8_t *p = ret_bytes;
    while (len) {
        uint64_t v = sim_rand_next(r);
        size_t n = MIN(len, sizeof(v));
        memcpy(p, &v, n);
        p += n;
        len -= n;
    }
}

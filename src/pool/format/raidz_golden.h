/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cases of tests/golden/raidz.txt, and a line of it: RAIDZ_SIZES blocks, all their columns, the places and the bytes with
 * parity, as one 64-bit FNV-1a sum. Shared by the program that asks OpenZFS and the test that asks us; includes nothing of either.
 */
#ifndef POOL_FORMAT_RAIDZ_GOLDEN_H
#define POOL_FORMAT_RAIDZ_GOLDEN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define RAIDZ_SIZE_MAX (128u << 10)
#define RAIDZ_SIZES    12u /* cases that share a line */

struct raidz_case {
    unsigned nchildren, nparity, ashift;
    uint32_t size;
    uint64_t off;
};

/* Case i: all widths and parities, both sector sizes, sizes from one sector to 128 KiB, at places that begin on each child,
 * with bit 20 of the offset set and clear. False: there are no more. */
static inline bool raidz_case_get(unsigned i, struct raidz_case *ret)
{
    static const uint16_t sectors[2][RAIDZ_SIZES] = {
        {1, 2, 3, 5, 8, 13, 31, 64, 100, 255, 256, 16}, /* of 512 bytes */
        {1, 2, 3, 4, 5, 6,  7,  8,  11,  16,  31,  32}, /* of 4096 bytes */
    };
    const unsigned size = i % RAIDZ_SIZES, place = i / RAIDZ_SIZES % 4, small = i / 48 % 2;
    unsigned shape = i / 96;
    for (unsigned n = 2; n <= 20; n++)
        for (unsigned p = 1; p <= 3 && p < n; p++) {
            if (shape-- > 0)
                continue;
            const unsigned ashift = small ? 9 : 12;
            *ret = (struct raidz_case){
                n, p, ashift, (uint32_t)sectors[!small][size] << ashift,
                /* the start moves over the children; 1 MiB boundaries within and between */
                ((uint64_t)(place * 7 + size * 3) << ashift) + (place % 2 ? 0x100000u : 0) +
                    (place > 1 ? 0x3fff00000u : 0)};
            return true;
        }
    return false;
}

static inline void raidz_case_fill(const struct raidz_case *k, uint8_t *ret)
{
    uint32_t x = 12345u + k->size + k->nchildren;
    for (uint32_t i = 0; i < k->size; i++) {
        x = x * 1664525u + 1013904223u;
        ret[i] = (uint8_t)(x >> 24);
    }
}

struct raidz_hash {
    uint64_t v;
};
static inline struct raidz_hash raidz_hash_start(void)
{
    return (struct raidz_hash){0xcbf29ce484222325u};
}
static inline void raidz_hash_bytes(struct raidz_hash *h, const uint8_t *p, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        h->v = (h->v ^ p[i]) * 0x100000001b3u;
}
static inline void raidz_hash_number(struct raidz_hash *h, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        h->v = (h->v ^ (uint8_t)(v >> 8 * i)) * 0x100000001b3u;
}

/* "WIDTH PARITY ASHIFT OFFSET: SUM", the offset of the line's last case. */
static inline int raidz_line(char *ret, size_t cap, const struct raidz_case *last,
                             const struct raidz_hash *h)
{
    return snprintf(ret, cap, "%u %u %u %llx: %016llx\n", last->nchildren, last->nparity,
                    last->ashift, (unsigned long long)last->off, (unsigned long long)h->v);
}

#endif

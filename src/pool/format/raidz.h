/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RAIDZ geometry and parity (OpenZFS vdev_raidz.c, vdev_raidz_math.c): where a block's columns lie,
 * Galois-field parity, reconstruction of any lost columns. Parity by ISA-L. Pure.
 */
#ifndef POOL_FORMAT_RAIDZ_H
#define POOL_FORMAT_RAIDZ_H

#include "pool/format/zfs.h"

#define RAIDZ_MAX_CHILDREN 255u
#define RAIDZ_MAX_PARITY   3u

struct raidz_col {
    uint32_t child;
    uint32_t
        len; /* bytes on the child; all of a block's parity columns are as long as its longest data column */
    uint64_t off;      /* bytes on the child's address space */
    uint32_t data_off; /* of data columns: where its bytes begin in the block */
};
struct raidz_map {
    uint32_t ncols, nparity;
    struct raidz_col col[RAIDZ_MAX_CHILDREN];
};

/* psize to asize, bytes. */
uint64_t raidz_asize(uint64_t psize, unsigned ashift, unsigned nchildren, unsigned nparity);
/* Columns 0..nparity-1 are parity. off: in the top-level vdev's address space; size: stored size, a
 * multiple of the sector, > 0. */
void raidz_map_make(struct raidz_map *ret_map, uint64_t off, uint32_t size, unsigned ashift,
                    unsigned nchildren, unsigned nparity);

/* Computes all parity columns: col[i] points at column i's bytes, data columns borrowed. */
void raidz_parity(const struct raidz_map *map, uint8_t *const col[]);
/* Recomputes the columns in lost[] (nlost <= nparity, data or parity) from the others. -EINVAL: more are
 * lost than there is parity. */
int raidz_reconstruct(const struct raidz_map *map, uint8_t *const col[], const uint32_t *lost,
                      unsigned nlost);

#endif

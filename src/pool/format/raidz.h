/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RAIDZ geometry and parity (OpenZFS vdev_raidz.c, vdev_raidz_math.c): where a block's columns
 * lie, Galois-field parity, reconstruction of any lost columns. Parity by ISA-L. Pure.
 */
#ifndef POOL_FORMAT_RAIDZ_H
#define POOL_FORMAT_RAIDZ_H

#include "pool/format/zfs.h"

#define RAIDZ_MAX_CHILDREN 255u
#define RAIDZ_MAX_PARITY   3u

/* A block's place. Columns are not listed but calculated: raidz_col(). Parity comes first:
 * columns 0 .. nparity - 1. The first `big` columns are a sector longer than the others. */
struct raidz_map {
    uint32_t ncols, nparity, nchildren;
    uint32_t ashift;
    uint32_t first;   /* child of column 0, but for the swap */
    uint32_t rows;    /* sectors of a short column */
    uint32_t big;     /* columns, parity among them, that are one sector longer; 0: none */
    uint32_t skipped; /* sectors allocated behind the block and not used */
    uint64_t off;     /* bytes on the children: the row that the block begins in */
    bool swap;        /* raidz1: columns 0 and 1 have exchanged places */
};
struct raidz_col {
    uint32_t child;
    uint32_t len;      /* bytes */
    uint64_t off;      /* bytes on the child's address space */
    uint32_t data_off; /* of data columns: where its bytes begin in the block */
};

/* psize to asize, bytes. */
uint64_t raidz_asize(uint64_t psize, unsigned ashift, unsigned nchildren, unsigned nparity);
/* off: in the top-level vdev's address space; size: stored size, a multiple of the sector, >
 * 0. */
void raidz_map_make(struct raidz_map *ret_map, uint64_t off, uint32_t size, unsigned ashift,
                    unsigned nchildren, unsigned nparity);
/* Column c < ncols. Parity columns are as long as the longest data column. */
struct raidz_col raidz_col(const struct raidz_map *map, unsigned c);
/* The i-th skipped sector (i < skipped): len bytes of padding on a child. */
struct raidz_col raidz_skip(const struct raidz_map *map, unsigned i);

/* All bytes that these two work on are aligned to 64 bytes. Neither parks or allocates. */

/* Computes all parity columns: col[c] points at column c's bytes, data columns borrowed. */
void raidz_parity(const struct raidz_map *map, uint8_t *const col[]);
/* Recomputes the columns in lost[] (ascending, data or parity) from the others. -EINVAL: more
 * are lost than there is parity. */
int raidz_reconstruct(const struct raidz_map *map, uint8_t *const col[], const uint32_t *lost,
                      unsigned nlost);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests: files in the simulated world as vdevs, free space over them, blocks; txgs without
 * labels. */
#ifndef POOL_BLOCK_BLOCK_FIXTURE_H
#define POOL_BLOCK_BLOCK_FIXTURE_H

#include "base/check.h"
#include "pool/block/block.h"
#include "volume/expect.h"

#define TANK_FILES 6u

struct tank_shape {
    unsigned tops, width; /* width 1: plain files, else mirrors of so many */
    unsigned ashift;
    uint64_t size; /* of a file */
    uint64_t cache;
};
struct tank {
    struct vdev *root;
    struct space *space;
    struct blocks b;
    uint64_t txg; /* committed, or being written */
    unsigned nfiles, errors;
};
void tank_new(struct tank *t, const struct tank_shape *shape);
void tank_free(struct tank *t);
void tank_begin(struct tank *t);
/* All that was queued is on disk. */
void tank_written(struct tank *t);
/* And committed. */
void tank_end(struct tank *t);
void tank_path(unsigned file, char ret[16]);
/* Overwrites a copy's bytes with garbage, in one file of its vdev. */
void tank_spoil(struct tank *t, const struct bp *bp, unsigned copy, unsigned side);
/* Forgets everything cached. */
void tank_chill(struct tank *t);

#endif

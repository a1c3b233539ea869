/* SPDX-License-Identifier: BSD-2-Clause */
/* What a random load does next; the same everywhere for the same seed. */
#ifndef ORC_LOAD_H
#define ORC_LOAD_H

#include <stdint.h>

struct load {
    uint64_t state, size, block; /* of the volume, bytes */
};
struct step {
    enum { STEP_WRITE, STEP_DISCARD, STEP_SYNC } kind;
    uint64_t off, len;
};
struct load load_make(uint64_t seed, uint64_t size, uint64_t block);
/* The next step; fills data (at least LOAD_MAX bytes) of a write. */
struct step load_next(struct load *l, uint8_t *data);
#define LOAD_MAX (256u << 10)

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* A random load on a volume, checked byte by byte against an array. For unit tests of any
 * engine in any world. */
#ifndef STORE_MODEL_H
#define STORE_MODEL_H

#include "volume/expect.h"
#include "volume/volume.h"

struct model_params {
    uint64_t seed;
    unsigned fibers, ops; /* ops of each fiber */
    bool fixed_size;      /* it cannot grow */
};
/* Runs the load on a fresh volume (all zeros) of some MiB; e records the first deviation.
 * Parks. */
void model_run(struct expect *e, struct volume *v, const struct model_params *p);

#endif

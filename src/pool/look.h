/* SPDX-License-Identifier: BSD-2-Clause */
/* A dataset that is being looked at: a copy of its records, and what else there is to know, so that nobody who changes it
 * meanwhile is in the way. */
#ifndef POOL_LOOK_H
#define POOL_LOOK_H

#include "pool/pool_int.h"

struct look {
    struct pool *p;
    struct dsl_dir *dd; /* held */
    bool snapshot;
    enum pool_dataset_type type;
    uint64_t id;
    struct dsl_dir_phys dir;
    struct dsl_dataset_phys ds;
    struct nv *own;                /* a snapshot's own properties */
    uint64_t volsize;              /* of a volume or its snapshot */
    uint32_t volblocksize;         /* of a volume */
    uint64_t available, written;   /* bytes */
    char origin[DSL_NAME_MAX + 1]; /* below the pool; "": no clone */
};
/* By its name below the pool. -ENOENT. Parks. */
int look_begin(struct pool *p, const char *name, struct look *ret, struct err *reterr);
void look_end(struct look *l);
/* The directory is there, and not being made or destroyed. */
bool look_is_there(const struct dsl_dir *dd);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests: an objset on simulated disks whose owner counts and frees, and an audit of the
 * whole tree. */
#ifndef POOL_TREE_TREE_FIXTURE_H
#define POOL_TREE_TREE_FIXTURE_H

#include "pool/block/block_fixture.h"
#include "pool/tree/tree_int.h"

struct grove {
    struct expect *e;
    struct tank tank;
    struct objset *os;
    struct bp bp; /* committed */
    enum objset_type type;
    struct objset_policy policy;
    struct bp_sums sums; /* born less killed */
    uint64_t space_before;
    uint32_t random;
};

extern const struct objset_ops grove_ops; /* count and free */

uint32_t grove_random(struct grove *g, uint32_t n); /* below n */
void grove_new(struct grove *g, struct expect *e, enum objset_type type, uint64_t seed);
void grove_free(struct grove *g);
void grove_begin(struct grove *g);
/* Writes, commits, audits. A MOS is planned in some rounds. */
void grove_commit(struct grove *g);
/* Opens it anew from disk, with nothing cached. */
void grove_reopen(struct grove *g);
/* Walks what is on disk: sums, `used` of every dnode, fill counts, maxblkid, no wrong
 * object. */
void grove_audit(struct grove *g);

#endif

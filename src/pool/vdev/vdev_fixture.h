/* SPDX-License-Identifier: BSD-2-Clause */
/* For the tests of this room: a top-level vdev over files /d0, /d1, ... of a simulated
 * world, and blocks whose bytes follow from a seed. */
#ifndef POOL_VDEV_VDEV_FIXTURE_H
#define POOL_VDEV_VDEV_FIXTURE_H

#include "pool/vdev/vdev_int.h"
#include "volume/expect.h"

#define KIB       1024u
#define MIB       (1u << 20)
#define RIG_LEAF  100u /* guid of leaf i: RIG_LEAF + i */
#define RIG_TOP   50u
#define RIG_GUID  7u
#define RIG_DISKS 20u

struct rig_want {
    const char *type; /* "file": a single disk; "mirror", "raidz" */
    unsigned n, nparity;
    unsigned ashift; /* 0: 12 */
};
struct rig {
    struct vdev *root, *top, *leaf[RIG_DISKS];
    struct run *run;
    unsigned n;
};

/* As the operator's words make it; caller frees. */
struct nv *rig_tree(const struct rig_want *w);
/* Creates the files and opens them as a new pool. Parks. */
void rig_make(struct rig *r, const struct rig_want *w);
/* The same disks again, from a tree. */
void rig_reopen(struct rig *r);
void rig_free(struct rig *r);
const char *rig_path(unsigned i);

/* len bytes that belong to the seed. */
void seeded_fill(uint8_t *bytes, uint32_t len, uint64_t seed);
struct seeded {
    uint64_t seed;
    uint32_t len;
    unsigned asked;
};
bool seeded_ok(void *arg, const uint8_t *data); /* arg: struct seeded */

int rig_write(struct rig *r, uint64_t off, uint32_t size, uint64_t seed, uint64_t txg);
/* Reads with repair and checks that the bytes are the seed's when 0 is returned. */
int rig_read(struct rig *r, uint64_t off, uint32_t size, uint64_t seed, uint64_t birth);
/* As rig_read, but by scrub. */
int rig_scrub(struct rig *r, uint64_t off, uint32_t size, uint64_t seed, uint64_t birth,
              uint64_t *ret_repaired);
/* Flips bits in a leaf's part of [off, off + len) of its own address space. */
void rig_rot(struct rig *r, unsigned leaf, uint64_t off, uint64_t len);

#endif

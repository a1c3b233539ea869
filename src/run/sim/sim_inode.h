/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One simulated file: what it reads as, what is durable, and in order everything that separates
 * the two. No fibers, no time: sim_file.c adds those.
 */
#ifndef RUN_SIM_SIM_INODE_H
#define RUN_SIM_SIM_INODE_H

#include "base/list.h"
#include "run/sim/sim.h"
#include "run/sim/sim_pages.h"
#include "run/sim/sim_rand.h"

struct sim_inode {
    struct list node; /* in sim_disks.inodes, ascending ino */
    uint64_t ino;
    unsigned refs; /* names, open files, pending name changes */
    unsigned mode;
    bool is_dir;
    const void *locked_by; /* the open file with the exclusive lock */
    struct sim_pages cur, dur;
    uint64_t size, dur_size;
    struct list log; /* of struct sim_change: not durable yet, oldest first */
    uint64_t seq;    /* of the newest change */
};

/* What became of unflushed sectors, summed up over a cut. */
struct sim_settled {
    uint64_t kept, lost;
    uint64_t torn; /* writes of which some sectors were kept and some lost */
};

struct sim_inode *sim_inode_new(uint64_t ino);
void sim_inode_free(struct sim_inode *in);

/* Bytes of pages that a write to the range would newly allocate. */
uint64_t sim_inode_needs(const struct sim_inode *in, uint64_t off, uint64_t len);
void sim_inode_write(struct sim_inode *in, uint64_t off, const void *bytes, size_t len);
/* Zeros; holes: gives up the pages that lie inside. */
void sim_inode_zero(struct sim_inode *in, uint64_t off, uint64_t len, bool holes);
void sim_inode_resize(struct sim_inode *in, uint64_t size);
/* Flips a bit in each sector of the range, in what is durable too. */
void sim_inode_rot(struct sim_inode *in, uint64_t off, uint64_t len, struct sim_rand *r);

/* Everything up to change seq is durable now. */
void sim_inode_flushed(struct sim_inode *in, uint64_t seq);
/* A flush failed: each of those changes became durable or never will, though it can still be
 * read. */
void sim_inode_flush_failed(struct sim_inode *in, uint64_t seq, struct sim_rand *r);
/* The power went: the file reads as what survived. */
void sim_inode_cut(struct sim_inode *in, enum sim_cut how, struct sim_rand *r,
                   struct sim_settled *sum);

#endif

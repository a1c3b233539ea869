/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this room share. Everything runs on the pool's home reactor. */
#ifndef POOL_VDEV_VDEV_INT_H
#define POOL_VDEV_VDEV_INT_H

#include "pool/vdev/vdev.h"

#define VDEV_MAX_COPIES 64u /* leaves below a mirror or an interposed vdev */

/* ---- fan.c: the same for many, at the same time ------------------------------------------ */

/* Runs fn(arg, i) for all i below n, at most width at a time, and waits for all. With too
 * few fibers left it takes longer, no more. Parks. */
void fan_out(unsigned n, unsigned width, void (*fn)(void *arg, unsigned i), void *arg);

/* ---- queue.c: who may use a leaf now ----------------------------------------------------- */

struct io_queue {
    unsigned active[IO_CLASSES], waiting[IO_CLASSES];
    struct waitq turn[IO_CLASSES], drained;
};
void queue_init(struct io_queue *q);
void queue_enter(struct io_queue *q, enum io_class class); /* parks */
void queue_leave(struct io_queue *q, enum io_class class);
/* Those that are under way or wait. */
unsigned queue_load(const struct io_queue *q);
void queue_drain(struct io_queue *q); /* parks until the load is 0 */

/* ---- unflushed.c: what a failed flush would lose ----------------------------------------- */

/* Counts completed writes. A flush covers those that were counted when it was submitted. */
#define UNFLUSHED_RUNS 8u
struct unflushed_run {
    uint64_t lo, hi; /* txgs [lo, hi) */
    uint64_t seq;    /* of the last write */
};
struct unflushed {
    uint64_t written, flushed; /* sequence numbers */
    struct unflushed_run run[UNFLUSHED_RUNS];
};
void unflushed_wrote(struct unflushed *u, uint64_t txg); /* txg 0: labels, rewritten copies */
void unflushed_flushed(struct unflushed *u, uint64_t seq);
/* Txgs of writes that no good flush has covered: from the i-th run on, NULL when there is
 * none. */
const struct unflushed_run *unflushed_next(const struct unflushed *u, unsigned *i);

struct leaf_io {
    struct io_queue queue;
    struct list reads[IO_CLASSES]; /* that nobody reads yet (leaf_read.c) */
    struct unflushed unflushed;
    unsigned flushing; /* flushes under way, that nobody may join */
};

/* ---- parse.c, state.c -------------------------------------------------------------------- */

/* Open and good enough to be written and read. */
static inline bool leaf_up(const struct vdev *leaf)
{
    return leaf->file && leaf->state >= VDEV_DEGRADED;
}
const char *vdev_type_name(enum vdev_type type);
/* What a leaf without file is, by its flags. */
enum vdev_state vdev_closed_state(const struct vdev *leaf);
struct vdev *vdev_root_of(struct vdev *vd);
void vdev_set_state(struct vdev *leaf, enum vdev_state state); /* and those above */
/* The leaf doesn't have the blocks of [start, end). -ENOMEM. */
int leaf_missed(struct vdev *leaf, uint64_t start, uint64_t end);
/* The leaf fails for good because of an error of doing: it lacks whatever was not flushed. */
void leaf_fail(struct vdev *leaf, int err, const char *doing);
/* Whether what was written to a top-level vdev in that txg cannot be read as its leaves are, and could be if some that are away
 * came back. */
bool vdev_wants(const struct vdev *top, uint64_t birth);
/* How many of a vdev's children may be missing: nparity, all but one of a mirror's. */
unsigned vdev_tolerance(const struct vdev *vd);

/* ---- shape.c ----------------------------------------------------------------------------- */

/* Around every I/O that walks the tree; vd: the root or a top-level vdev. enter parks while
 * the tree is being changed and returns vd, or what stands in its place by then. */
struct vdev *gate_enter(struct vdev *vd);
void gate_leave(struct vdev *vd);
void gate_bury(struct vdev *root); /* frees the dead */

/* ---- open.c ------------------------------------------------------------------------------ */

/* Opens the leaf's file; not direct where the file wants larger units than sectors of 1 <<
 * ashift (0: not known yet). Doesn't change the state. Parks. */
int leaf_open_file(struct vdev *leaf, bool read_only, unsigned ashift, struct err *reterr);

/* ---- leaf.c, leaf_read.c: I/O of one leaf, offsets on its own address space (past the front labels) --- */

/* Counted, queued, in the leaf's turn. -EIO when the leaf is not up or fails meanwhile. All
 * park. */
int leaf_read(struct vdev *leaf, uint64_t off, uint8_t *dst, uint32_t len, enum io_class class);
int leaf_write(struct vdev *leaf, uint64_t off, const struct sgl *from, uint64_t txg,
               enum io_class class);
int leaf_rewrite(struct vdev *leaf, uint64_t off, const uint8_t *right, uint32_t len,
                 enum io_class class); /* repair: counts as such */
/* Labels: off from the device's start. */
int leaf_write_label(struct vdev *leaf, uint64_t off, const uint8_t *bytes, uint32_t len);
int leaf_flush(struct vdev *leaf);

/* ---- copies.c: leaves that hold the same bytes ------------------------------------------- */

struct copy {
    struct vdev *leaf;
    bool lacks; /* its DTL has the birth */
    bool bad;   /* failed, or its bytes are not the block's */
};
struct copies {
    unsigned n;
    struct copy v[VDEV_MAX_COPIES];
};
/* The leaves below group that are up, in the order in which they are to be tried. */
void copies_of(struct copies *ret_copies, const struct vdev *group, uint64_t off,
               uint64_t birth);

int copies_read(struct vdev *top, const struct vdev_read *r, uint8_t *dst);
int copies_scrub(struct vdev *top, const struct vdev_read *r, uint8_t *scratch,
                 uint64_t *ret_repaired);

/* Compares every leaf of group with the right bytes and rewrites those that differ; those
 * that lack the birth unseen. known: the leaf whose bytes are known to be right (NULL:
 * none). Adds to *ret_repaired. Parks. */
int copies_settle(struct vdev *group, const struct vdev_read *r, uint64_t off,
                  const uint8_t *right, uint32_t len, const struct vdev *known,
                  uint64_t *ret_repaired);

/* ---- raidz_read.c ------------------------------------------------------------------------ */

int raidz_read(struct vdev *top, const struct vdev_read *r, uint8_t *dst);
int raidz_scrub(struct vdev *top, const struct vdev_read *r, uint8_t *scratch,
                uint64_t *ret_repaired);

/* ---- stripe.c: one block on its way to the leaves ---------------------------------------- */

struct stripe_col {
    struct vdev *group; /* the leaf, or the vdev whose leaves all take these bytes */
    uint64_t off;       /* on the group's address space */
    uint8_t *p;
    uint32_t len;
    bool took; /* by some leaf */
};
struct stripe {
    struct vdev *top;
    struct iobuf *parity[RAIDZ_MAX_PARITY];
    bool failed;
    unsigned ncols, tolerance; /* columns; how many may be missing */
    struct stripe_col col[];
};
/* Columns and parity of the len bytes (whole sectors, aligned) at data, which live as long
 * as the stripe. NULL: no memory. */
struct stripe *stripe_new(struct vdev *top, uint64_t off, uint8_t *data, uint32_t len);
void stripe_free(struct stripe *s);

/* A column's way to one leaf. */
struct piece {
    struct stripe *stripe; /* NULL: padding that may be left out */
    struct vdev *leaf;
    uint64_t off;
    uint8_t *p;
    uint32_t len;
    uint32_t col;
    bool took;
};
struct pieces {
    struct piece *v;
    unsigned n, cap;
};
int pieces_add(struct pieces *l, const struct piece *p); /* -ENOMEM */
/* When all writes have ended: which blocks are on enough leaves, of those what the others
 * missed. First all lists are gathered, then the stripes judged, then the lists marked. */
void pieces_gather(const struct pieces *l);
void stripe_judge(struct stripe *s);
int pieces_mark(const struct pieces *l, uint64_t txg); /* -ENOMEM */

extern const uint8_t vdev_zeros[1u << 16]; /* page-aligned */

#endif

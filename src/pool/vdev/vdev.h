/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device tree: leaves (a file or a whole disk), mirrors, raidz, the interposed `replacing`
 * and `spare`; reading with verification and repair, writing, flushing, labels, dirty time
 * logs. Everything lives on the pool's home reactor. Calls that say so park.
 */
#ifndef POOL_VDEV_VDEV_H
#define POOL_VDEV_VDEV_H

#include "pool/format/label.h"
#include "pool/format/nv.h"
#include "pool/format/raidz.h"
#include "run/file.h"

enum vdev_type {
    VDEV_ROOT,
    VDEV_FILE,
    VDEV_DISK,
    VDEV_MIRROR,
    VDEV_RAIDZ,
    VDEV_REPLACING,
    VDEV_SPARE,
    VDEV_MISSING,
    VDEV_HOLE, /* a removed log vdev's place */
};
enum vdev_state {
    VDEV_CLOSED,
    VDEV_OFFLINE,   /* by the operator */
    VDEV_REMOVED,   /* the device went away */
    VDEV_CANT_OPEN, /* missing, or another pool's */
    VDEV_FAULTED,   /* too many errors, or a failed flush */
    VDEV_DEGRADED,  /* works, but a child doesn't */
    VDEV_HEALTHY,
};
const char *
vdev_state_name(enum vdev_state s); /* "ONLINE", "DEGRADED", ... as zpool prints them */

/* A set of txgs as sorted, disjoint, non-adjacent ranges [start, end). */
struct txg_range {
    uint64_t start, end;
};
struct txg_set {
    struct txg_range *v;
    unsigned n, cap;
};
int txg_set_add(struct txg_set *s, uint64_t start, uint64_t end); /* -ENOMEM */
/* When that takes memory and there is none, the set stays as it is: a leaf then counts as
 * lacking more than it does. */
void txg_set_remove(struct txg_set *s, uint64_t start, uint64_t end);
bool txg_set_has(const struct txg_set *s, uint64_t txg);
/* Whether some txg of [start, end) is in it. */
bool txg_set_overlaps(const struct txg_set *s, uint64_t start, uint64_t end);
void txg_set_clear(struct txg_set *s);

struct vdev_stats {
    uint64_t reads, writes, flushes;
    uint64_t bytes_read, bytes_written;
    uint64_t read_errors, write_errors, checksum_errors, repaired;
};

/* Private, in the root: I/O inside, or somebody who changes the tree or opens and closes disks. */
struct vdev_gate {
    unsigned inside;
    bool changing;
    struct waitq q;
    struct fmutex opening;
    struct vdev *dead; /* taken out, and perhaps still in the hands of who waits here */
};

struct vdev {
    enum vdev_type type;
    uint32_t id; /* among siblings */
    uint64_t guid, create_txg;
    struct vdev *parent,
        *top; /* top: the top-level vdev this is or is below; NULL for the root */
    struct vdev **child;
    unsigned nchildren;
    enum vdev_state state;
    struct vdev_stats stats;
    uint32_t slot;     /* index in the tree's list of leaves, as of the last vbatch_new() */
    struct nv *origin; /* as read: pairs that we don't interpret are kept from here */
    struct vdev_gate gate;
    uint64_t changes; /* root: goes up whenever a state below it changes, for those who watch */
    /* Root: goes up whenever something that was written and not yet flushed came to be on too few
     * leaves. Who promises that it is on stable storage looks before the first write and after
     * the flush. */
    uint64_t losses;
    /* Root: goes up whenever waiting for leaves may be over: one came into use, or was given up. */
    uint64_t news;

    /* top-level */
    uint32_t ashift;
    uint64_t asize;    /* bytes allocatable */
    uint64_t ms_array; /* MOS object */
    uint32_t ms_shift;
    uint32_t nparity;           /* raidz */
    uint32_t deflate_ratio;     /* accounting: dsize = (asize / 512) * ratio */
    uint64_t zap_top, zap_leaf; /* MOS objects, 0: none */
    bool is_log;

    /* leaf */
    char *path;
    char *open_path; /* where it was found; NULL: at path */
    struct file *file;
    struct err *refused; /* what vdev_open() had against it; NULL: nothing */
    uint64_t psize;      /* bytes, whole labels */
    uint64_t dtl_object; /* MOS object, 0: never missed anything */
    struct txg_set dtl;  /* txgs that this leaf lacks */
    bool dtl_dirty;
    bool offline, faulted, removed, is_spare, unspare;
    bool given_up; /* it is away, and nobody waits for what only it holds (vdev_give_up) */
    uint64_t resilver_txg;
    uint64_t
        promised;  /* txg of the newest uberblock that a flush of ours has covered; 0: none */
    bool degraded; /* it has given too many wrong bytes; used as before */
    const char *
        failed_to; /* "write", "read", "flush": what it was faulted for; NULL: not known (before the import) */
    struct {
        uint64_t since, read, checksum; /* run_now(), and the errors that were counted then */
    } watch;                            /* the caretaker's */
    uint64_t
        missing_since;  /* the caretaker's: when it was first seen missing; 0: it is there */
    struct leaf_io *io; /* private: the queue, and what is not flushed yet */
};

/* ---- the tree ---------------------------------------------------------------------------- */

/* Builds a tree from a config's vdev_tree (a root, or one top-level vdev). -EBADMSG names
 * what is wrong: unknown type, ids out of place, impossible parity. */
int vdev_parse(const struct nv *tree, struct vdev **ret_root, struct err *reterr);
/* "mirror", "raidz", "file", ... as the format has it. */
const char *vdev_kind(const struct vdev *vd);
/* The tree as the format stores it; mos: with the keys that only the MOS copy has. NULL: no
 * memory. */
struct nv *vdev_to_nv(const struct vdev *vd, bool mos);
/* Closes files and frees. Parks. */
void vdev_free(struct vdev *vd); /* NULL is fine */
/* Sum of all guids, as the uberblock has it. */
uint64_t vdev_guid_sum(const struct vdev *root);
struct vdev *vdev_find(struct vdev *root, uint64_t guid);
/* The i-th leaf below vd, NULL past the end: for (i = 0; (leaf = vdev_leaf(vd, i)); i++) */
struct vdev *vdev_leaf(const struct vdev *vd, unsigned i);
bool vdev_is_leaf(const struct vdev *vd);

/* Opens every leaf that is not open yet, offline or faulted: exclusive, direct, the size
 * fits, its label belongs to pool_guid (0: not looked at: a new pool) and is not older than what
 * was promised of it. A leaf that fails is CANT_OPEN; states go up the tree. read_only: opens for
 * reading. Errors only when no memory. reterr: the first leaf's reason. Parks. */
int vdev_open(struct vdev *root, uint64_t pool_guid, bool read_only, struct err *reterr);
/* Opens anew what failed while it was in use: leaves whose device went away or could not be
 * opened, with faulted those too that took an error; those whose device was exchanged unseen fail
 * first. As vdev_open(). Parks. */
int vdev_retry(struct vdev *root, uint64_t pool_guid, bool faulted, struct err *reterr);
/* Closes, if need be, and opens one leaf. 0, or why it can't be opened; -ENOENT. Parks. */
int vdev_reopen(struct vdev *root, uint64_t guid, uint64_t pool_guid, struct err *reterr);
/* Waits for the I/O of all leaves below vd and closes their files; they are CLOSED, or what
 * their flags say. For offline, detach, clear (which resets `faulted` and opens again).
 * Parks. */
void vdev_close(struct vdev *vd);
/* States of the interior from the leaves'. */
void vdev_propagate(struct vdev *root);
/* Too many errors of a leaf that is up: it is used no more, or it is used and said to be bad.
 * Persistent: a config has to be written. The former flushes first, which parks, and does
 * nothing (false) when the others don't hold everything. */
bool vdev_fault(struct vdev *root, uint64_t guid, const char *doing);
void vdev_degrade(struct vdev *leaf);
/* The leaf, if it is away, is not waited for any more: what only it holds counts as damaged until it is back. False: it
 * is there, or was given up before. */
bool vdev_give_up(struct vdev *leaf);
/* Whether all that vd holds can be read without the leaf. */
bool vdev_whole_without(const struct vdev *vd, const struct vdev *leaf);
/* Whether every top-level vdev has enough children to be read and written. */
bool vdev_usable(const struct vdev *root);

/* Sizes for a new top-level vdev from its open leaves: ashift (0: from the largest physical
 * block, at least 12 for disks, 9..13), asize, metaslab shift, deflate ratio. */
int vdev_layout(struct vdev *top, unsigned ashift, struct err *reterr);
void vdev_set_deflate(struct vdev *top); /* for a tree that was read */
/* psize to asize on this top-level vdev, bytes. */
uint64_t vdev_asize(const struct vdev *top, uint64_t psize);

/* ---- changing the tree ------------------------------------------------------------------- */

/* Between these two the tree may be changed: begin waits for all I/O to end, what comes
 * later waits for the end. No vbatch may exist, and the caller does no I/O in between. begin
 * parks. */
void vdev_change_begin(struct vdev *root);
void vdev_change_end(struct vdev *root);
/* Adds a child behind the others: a top-level vdev to the root, a disk to a mirror or an
 * interposed vdev. Takes over child on success. -ENOMEM, -E2BIG. */
int vdev_add_child(struct vdev *parent, struct vdev *child);
/* Puts a new vdev of type mirror, replacing or spare into vd's place, with vd as its only
 * child. At the top it takes over vd's sizes, metaslabs and vdev_zap_top. -ENOMEM. */
int vdev_interpose(struct vdev *vd, enum vdev_type type, uint64_t guid, struct vdev **ret_vd);
/* Takes one of several children out of its parent; the caller frees it after the end of the
 * change. */
void vdev_take_out(struct vdev *vd);
/* Lets the only child of a mirror or an interposed vdev take its place; vd is gone then. At
 * the top the child takes over vd's guid too, and what vdev_interpose() had moved. */
void vdev_dissolve(struct vdev *vd);

/* ---- block I/O on a top-level vdev ------------------------------------------------------- */

/* In order of precedence. */
enum io_class { IO_LOG, IO_READ, IO_TXG, IO_PREFETCH, IO_SCAN, IO_CLASSES };

/* Memory that is read into or written from is aligned as an iobuf's, or it is copied. A
 * write that fails with an error of the device faults the leaf; it is not tried again. */

/* Reads psize bytes at off; tries other copies or reconstructs until ok(arg, data) holds,
 * then rewrites the bad ones when repair is set. birth: physical; leaves that lack it come
 * last. -EBADMSG: no combination passes (dst then holds the last try); -EIO: not enough of
 * them can be read; -ENXIO: neither, but leaves that are away may have it, or just came or went;
 * -ENOMEM. dst has room for psize rounded up to sectors and is an iobuf's.
 * ok may be NULL (nothing to verify by). Parks. */
struct vdev_read {
    uint64_t off, birth;
    uint32_t psize;
    enum io_class class;
    bool repair;
    /* It may never have been written, or on some leaves only, as at the end of a log: what doesn't verify is no leaf's fault
     * (OpenZFS: ZIO_FLAG_SPECULATIVE). */
    bool speculative;
    bool (*ok)(void *arg, const uint8_t *data);
    void *arg;
};
int vdev_read(struct vdev *top, const struct vdev_read *r, uint8_t *dst);
/* For scrub: as above, but reads every copy and all parity and repairs each bad one when
 * repair is set, also those that only lack the birth (resilver); adds to *ret_repaired what
 * was rewritten, bytes. */
int vdev_scrub(struct vdev *top, const struct vdev_read *r, uint8_t *scratch,
               uint64_t *ret_repaired);
/* Writes size bytes (rounded up to sectors with zeros) of one block; at least as many leaves
 * as can be read back from took it, or -EIO. Leaves that failed get txg into their dirty
 * time log. Parks. */
int vdev_write(struct vdev *top, uint64_t off, const uint8_t *src, uint32_t size, uint64_t txg,
               enum io_class class);

/* A txg's writes: sorted and merged into large extents per leaf. */
struct vbatch;
struct vbatch *vbatch_new(struct vdev *root, uint64_t txg); /* NULL: no memory */
/* It flushes on its way when it holds more than that of buffers that nobody else has, compressed blocks' above all; 32 MiB may
 * always be. */
void vbatch_may_keep(struct vbatch *b, uint64_t bytes);
/* Adds one block. Takes over the reference to buf, whose first size bytes are the block and don't
 * change any more; what is behind them in its last sector becomes zero. Issues what has gathered
 * and parks when more than 16 MiB wait. Errors come from vbatch_wait(). */
void vbatch_add(struct vbatch *b, struct vdev *top, uint64_t off, struct iobuf *buf,
                uint32_t size);
/* Issues all, waits for all: 0, -EIO when some block is on too few leaves. Parks. */
int vbatch_wait(struct vbatch *b);
/* The same and flushes: 0: every block that was ever added is on stable storage on enough leaves.
 * -EIO: too few leaves are left; calling it again when there are more writes all blocks again.
 * Parks. */
int vbatch_finish(struct vbatch *b);
void vbatch_free(struct vbatch *b);

/* Writes some blocks at once, merged as a txg's are; buffers are borrowed. Errors as vdev_write(). Parks. */
struct vdev_block {
    uint32_t top; /* child of the root */
    uint64_t off;
    struct iobuf *buf;
    uint32_t size;
};
int vdev_write_blocks(struct vdev *root, const struct vdev_block *v, unsigned n, uint64_t txg,
                      enum io_class class);

/* Flushes all leaves that were written since their last flush (a flush covers only writes
 * completed before it was submitted; nobody joins one in flight). A leaf whose flush fails
 * is faulted and lacks everything since its last good flush. -EIO: too few are left. What failed
 * and came back before the flush is not seen by it: compare root->losses. Parks. */
int vdev_flush(struct vdev *root);
/* The same for the leaves below one top-level vdev: what a log write needs. */
int vdev_flush_top(struct vdev *top);

/* ---- labels ------------------------------------------------------------------------------ */

/* What a device says of itself: the newest config among its labels whose txg is at most
 * max_txg (UINT64_MAX: any; the oldest if there is none), and its best uberblock up to there. The labels of inactive
 * spares count too, with no txg in them. -ENODATA: no label of a pool. Parks. */
struct label_info {
    struct nv *config; /* caller frees */
    bool has_ub;
    struct uberblock ub;
    unsigned ashift;
    /* Another of its labels names this other pool; 0: they agree. Nobody can know whose it is. */
    uint64_t other_pool;
    char other_name[64];
};
int label_read(struct file *f, uint64_t max_txg, struct label_info *ret, struct err *reterr);
/* Calls fn for every valid uberblock in the rings of all its labels, in no order. -EIO and the like; -ENOMEM. Parks. */
int label_uberblocks(struct file *f, unsigned ashift,
                     void (*fn)(void *arg, const struct uberblock *ub), void *arg);
/* Writes the config into labels 0 and 2 (half 0) or 1 and 3 (half 1) of every leaf of top;
 * the config of a leaf is made by make(arg, leaf) (NULL: no memory). 0 when enough leaves
 * took it. Parks. */
int label_write(struct vdev *top, unsigned half,
                struct nv *(*make)(void *arg, struct vdev *leaf), void *arg);
/* Writes the uberblock to all labels of every leaf that is up; -EIO when none of a top-level
 * vdev took it. Parks. */
int uberblock_write(struct vdev *root, const struct uberblock *ub);
/* It is flushed everywhere: the leaves that are up have promised to hold it. */
void uberblock_promised(struct vdev *root, uint64_t txg);

/* Makes an open leaf an inactive hot spare, as its labels say it. Parks. */
int label_write_spare(struct vdev *leaf, uint64_t guid);
/* Zeros all four labels of an open leaf, uberblocks of another pool's life included, and
 * flushes: for a leaf that joins a pool or leaves one. Parks. */
int label_erase(struct vdev *leaf);

#endif

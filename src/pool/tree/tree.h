/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects: objsets, dnodes, indirect blocks, what is dirty in the syncing txg, ZAP objects.
 * OpenZFS dmu.h, dnode.c, dbuf.c, zap.c.
 *
 * An objset is changed by one fiber only, the pool's sync fiber, in one txg at a time, so
 * nothing here locks. What changes is kept as dirty blocks in memory until objset_sync()
 * (volumes) or objset_plan() and objset_write() (the MOS) put it on disk. Readers of volumes
 * run beside it: they follow object_lookup(), which sees the last committed tree until
 * objset_committed() switches over.
 */
#ifndef POOL_TREE_TREE_H
#define POOL_TREE_TREE_H

#include "pool/block/block.h"
#include "pool/format/dnode.h"
#include "pool/format/zap.h"

struct objset;
struct object;

/* What the owner of an objset learns: it counts space and decides what becomes of blocks that
 * are replaced. */
struct objset_ops {
    void (*born)(struct objset *os, const struct bp *bp);
    /* A block that was on disk at the last commit (or written earlier in this txg) is no longer
     * part of the objset. The owner frees it or puts it on a deadlist. May park. */
    int (*killed)(struct objset *os, const struct bp *bp);
};
/* How an objset's blocks are written. */
struct objset_policy {
    uint8_t data_compress, data_checksum, data_copies; /* level 0 of non-metadata types */
    uint8_t meta_compress, meta_checksum, meta_copies;
};

/* ---- objsets ----------------------------------------------------------------------------- */

/* Opens the objset that bp points to; a hole makes a new, empty one of the type (dirty from the
 * start). Parks. */
int objset_open(struct blocks *b, const struct bp *bp, enum objset_type type,
                const struct objset_ops *ops, void *owner, struct objset **ret_os,
                struct err *reterr);
/* No object is held. What is dirty is forgotten. NULL is fine. */
void objset_close(struct objset *os);
void *objset_owner(struct objset *os);
enum objset_type objset_type(const struct objset *os);
struct blocks *objset_blocks(struct objset *os);
void objset_set_policy(struct objset *os, const struct objset_policy *p);
/* The intent log's header in the objset block; changing it needs objset_dirty(). */
struct zil_header *objset_zil(struct objset *os);
void objset_dirty(struct objset *os);
bool objset_is_dirty(const struct objset *os);
/* Bytes that the dirty blocks hold in memory. */
uint64_t objset_dirty_bytes(const struct objset *os);

/* Which txg changes belong to; before the first change in it. */
void objset_begin(struct objset *os, uint64_t txg);
/* Writes everything dirty, bottom up, in the txg: data first, dnodes, meta-dnode, objset block.
 * *ret_bp: where the objset is now (the old one was killed). Nothing may change afterwards
 * until objset_committed(): once per txg. -ENOSPC, -EIO: the txg cannot go on. Parks. */
int objset_sync(struct objset *os, struct bp *ret_bp);
/* The MOS in two steps. plan: brings all ancestors of what is dirty into memory and gives every
 * dirty block a place, killing the old ones; *ret_placed: how many pointers this call changed.
 * Called again until nothing new was dirtied. write: contents are final; checksums bottom up,
 * queues the writes. Objects' `used` are up to date after plan. */
int objset_plan(struct objset *os, unsigned *ret_placed);
int objset_write(struct objset *os, struct bp *ret_bp);
/* The txg is on disk: readers see the new tree at once; then dirty blocks are dropped (which
 * may park). */
void objset_committed(struct objset *os);

/* ---- objects ----------------------------------------------------------------------------- */

struct object_props {
    uint8_t type, bonus_type;
    uint16_t bonus_len;
    uint32_t block_size;    /* bytes: multiple of 512 */
    uint8_t indirect_shift; /* 0: INDIRECT_SHIFT */
    uint8_t compress;       /* of the dnode; 0: inherit */
};
/* A new object, at id want (0: the lowest free one from 1 on; -EEXIST when taken). Its bonus is
 * zero. Parks. */
int object_create(struct objset *os, uint64_t want, const struct object_props *props,
                  uint64_t *ret_id);
/* Frees all blocks and the dnode. Small objects only (everything in this txg); nobody holds it.
 * Parks. */
int object_destroy(struct objset *os, uint64_t id);
/* -ENOENT: no such object; -EBADMSG. Counted; the same object for all holders. Any fiber
 * (others than the sync fiber with a reader's ticket). Parks. */
int object_hold(struct objset *os, uint64_t id, struct object **ret_obj);
void object_release(struct object *obj); /* NULL is fine */
/* How its level-0 blocks are written. */
struct block_want object_data_want(const struct object *obj);
/* The next object in use after id; -ENOENT: none. Parks. */
int object_next(struct objset *os, uint64_t id, uint64_t *ret_id);

uint64_t object_id(const struct object *obj);
unsigned object_type(const struct object *obj);
uint32_t object_block_size(const struct object *obj);
/* Highest block ever written and not cut off since; 0 also when none. */
uint64_t object_max_block(const struct object *obj);
uint64_t object_used(const struct object *obj); /* bytes (dsize) */
unsigned object_bonus_len(const struct object *obj);
const void *object_bonus(const struct object *obj);
/* To be changed by the caller; the object is dirty. */
void *object_bonus_change(struct object *obj);
/* While it has at most one block: microzaps grow. What is there is cut or filled up with zeros.
 * -EBUSY. Parks. */
int object_set_block_size(struct object *obj, uint32_t block_size);
/* The bonus changes kind and length; what it held stays, cut or filled up with zeros. -EBUSY:
 * pointers are in the way. */
int object_set_bonus(struct object *obj, uint8_t bonus_type, uint16_t bonus_len);
int object_set_type(struct object *obj, uint8_t type);

/* Plain bytes, as the sync fiber sees them: dirty ones first. Past what was written: zeros.
 * Parks. */
int object_read(struct object *obj, uint64_t off, void *dst, size_t len);
int object_write(struct object *obj, uint64_t off, const void *src, size_t len);
/* A block's buffer to change in place, dirty from now on; fresh: the old content doesn't matter
 * (zeros then). The bytes stay where they are until the block is set, freed or resized, or
 * somebody else begins to read it. Parks. */
int object_block_change(struct object *obj, uint64_t blkid, bool fresh, uint8_t **ret_bytes);
/* Replaces a whole block by buf (a reference is taken) or, NULL, by a hole. */
int object_block_set(struct object *obj, uint64_t blkid, struct iobuf *buf);
/* Replaces a whole block by one that is on disk already (an indirect log record's); born, not
 * written. -EBADMSG: it is no level-0 block of this object's size. */
int object_block_adopt(struct object *obj, uint64_t blkid, const struct bp *bp);
/* Frees blocks [first, first + n): whole subtrees at once. At most max_blocks level-0 blocks in
 * this txg; *ret_next is where to go on, first + n when all is done. Parks. */
int object_free_blocks(struct object *obj, uint64_t first, uint64_t n, uint64_t max_blocks,
                       uint64_t *ret_next);

/* For readers beside the sync fiber: the pointer of a block in the last committed tree; a hole
 * where there is none. Needs a reader's ticket to be held. Parks. */
int object_lookup(struct object *obj, uint64_t blkid, struct bp *ret_bp);
/* The run of level-0 blocks from blkid on that are all holes or all not, at most max: for
 * extents. Parks. */
int object_run(struct object *obj, uint64_t blkid, uint64_t max, uint64_t *ret_n,
               bool *ret_hole);

/* ---- traversal, for scrub, destroy and accounting ------------------------------------------- */

/* Every block below a pointer that is younger than min_birth, parents before children. */
/* The level of the objset block itself (object 0, blkid 0), which comes first. */
#define TRAVERSE_ROOT  UINT32_MAX
#define TRAVERSE_SPILL UINT64_MAX /* the blkid of a dnode's spill block (level 0) */
/* What hangs off the objset block besides the meta-dnode has numbers from the other end. */
#define TRAVERSE_USERUSED    UINT64_MAX
#define TRAVERSE_GROUPUSED   (UINT64_MAX - 1)
#define TRAVERSE_PROJECTUSED (UINT64_MAX - 2)
#define TRAVERSE_SKIP        1 /* from dnode(): the object's blocks are of no interest */
struct traverse {
    uint64_t min_birth;
    /* Where a walk begins that was interrupted: blocks are not visited when all that they lead to
     * comes before this level-0 block of this object, nor when some of it does (they were, on the
     * way there). 0, 0: everything. What hangs off the objset block comes after all objects. */
    uint64_t start_object, start_blkid;
    enum block_hint hint;
    /* The place of a block that is no hole: object (0: the meta-dnode), level, blkid. Not 0
     * ends the walk with it. May park. */
    int (*visit)(void *arg, const struct bp *bp, uint64_t object, unsigned level,
                 uint64_t blkid);
    /* A block that can't be read, or whose pointer or dnodes make no sense: its subtree is
     * skipped when this returns 0. NULL: the walk ends. */
    int (*failed)(void *arg, const struct bp *bp, uint64_t object, unsigned level,
                  uint64_t blkid, int err);
    /* An object, before its blocks; dn is there during the call only. 0, TRAVERSE_SKIP, or what
     * ends the walk. NULL: nobody asks. */
    int (*dnode)(void *arg, const struct dnode_phys *dn, uint64_t object);
    void *arg;
};
/* Follows what is on disk, so not beside changes to the same tree without a reader's ticket.
 * Parks. */
int objset_traverse(struct blocks *b, const struct bp *objset_bp, const struct traverse *t);

/* ---- ZAP objects: small names to numbers or bytes; micro where it fits, else fat --------- */

int zap_create(struct objset *os, uint8_t type, uint8_t bonus_type, uint16_t bonus_len,
               uint64_t *ret_id);
/* -ENOENT; -EOVERFLOW: the value is no single u64. */
int zap_get_u64(struct objset *os, uint64_t id, const char *name, uint64_t *ret);
/* Text (int size 1, NUL included on disk), malloc'd. */
int zap_get_str(struct objset *os, uint64_t id, const char *name, char **ret);
int zap_set_u64(struct objset *os, uint64_t id, const char *name, uint64_t v);
int zap_set_str(struct objset *os, uint64_t id, const char *name, const char *v);
int zap_set_u64s(struct objset *os, uint64_t id, const char *name, const uint64_t *v,
                 unsigned n);
int zap_get(struct objset *os, uint64_t id, const char *name, struct zap_value *ret);
int zap_remove(struct objset *os, uint64_t id, const char *name); /* -ENOENT */
/* fn may not change the ZAP. Not 0 ends the walk with it. */
int zap_iterate(struct objset *os, uint64_t id, zap_entry_fn fn, void *arg);
int zap_count(struct objset *os, uint64_t id, uint64_t *ret);
/* Sets of numbers: the key is the number in hex, the value the number (deadlists' keys, clone
 * lists). */
int zap_add_int(struct objset *os, uint64_t id, uint64_t n);
int zap_remove_int(struct objset *os, uint64_t id, uint64_t n);
int zap_set_int(struct objset *os, uint64_t id, uint64_t n, uint64_t value);

#endif

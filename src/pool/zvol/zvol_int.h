/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The volume contract on a dataset of type ZVOL: object 1 holds the data, object 2 the size.
 *
 * A write changes whole blocks in memory, in the table of the open txg; a part of a block is merged with its old content
 * first. The sync fiber hands a txg's table to the tree and the table is dropped when the uberblock is on disk, so a reader
 * finds the newest version by asking the tables from the open txg down, then the committed tree. A block that a reader may
 * hold is never changed in place but copied.
 *
 * A write holds its txg from its first block to its last, so all of it is in one txg.
 */
#ifndef POOL_ZVOL_ZVOL_INT_H
#define POOL_ZVOL_ZVOL_INT_H

#include "pool/pool_int.h"
#include "pool/zil/log.h"
#include "pool/zvol/dirty.h"

#define ATOMIC_MAX (128u << 10) /* in one record of the log, or in one txg */

/* A sequential reader. */
struct ahead_stream {
    uint64_t next;         /* block that comes if it goes on */
    uint64_t fetched;      /* blocks below are cached or on their way */
    uint32_t hits, window; /* reads in a row; blocks */
    uint64_t used;
};
struct ahead {
    struct ahead_stream stream[8];
    uint64_t clock;
    unsigned fibers;
    bool stopping;
    struct waitq idle;
};

struct pvol {
    struct volume v;
    struct pool *p;
    struct dsl_dataset *ds;
    struct object *data;
    struct zil *zil; /* NULL: read-only */
    uint32_t bs;     /* volblocksize, bytes */
    unsigned copies, meta_copies;
    uint64_t block_cost; /* of a dirty block on disk, at most */
    uint64_t ndirty;     /* blocks, of all txgs */
    uint64_t dirty_cost; /* what they add to the pool's */
    uint64_t guid;
    struct vdirty dirty[TXG_SLOTS];
    uint64_t commits; /* of txgs that changed it */
    struct ahead ahead;
    struct list node; /* in the pool's list of open volumes */
    bool full;        /* a write was refused */
};

static inline struct pvol *pvol_of(struct volume *v)
{
    return container_of(v, struct pvol, v);
}

/* ---- read.c ------------------------------------------------------------------------------ */

/* The newest version in memory up to txg. True: *ret_buf, or NULL for zeros. */
bool pvol_find_dirty(const struct pvol *pv, uint64_t txg, uint64_t blkid,
                     struct iobuf **ret_buf);
/* The block as of txg: a buffer with a reference, NULL for zeros. Parks. */
int pvol_block_get(struct pvol *pv, uint64_t txg, uint64_t blkid, enum block_hint hint,
                   struct iobuf **ret_buf);
int pvol_read(struct volume *v, uint64_t off, uint64_t len, struct sgl *out);
int pvol_extents(struct volume *v, uint64_t off, uint64_t len, uint64_t *ret_len,
                 enum volume_extent *ret_state);

/* ---- write.c ----------------------------------------------------------------------------- */

int pvol_write(struct volume *v, uint64_t off, const struct sgl *data, unsigned flags);
int pvol_write_zeroes(struct volume *v, uint64_t off, uint64_t len, bool may_unmap,
                      unsigned flags);
int pvol_discard(struct volume *v, uint64_t off, uint64_t len, unsigned flags);
/* What writing and zeroing do to the tables of txg, which the caller holds. Park. */
int pvol_change(struct pvol *pv, uint64_t txg, uint64_t off, const struct sgl *data);
int pvol_zero(struct pvol *pv, uint64_t txg, uint64_t off, uint64_t len);
/* So many blocks more are dirty, or fewer. */
void pvol_count_dirty(struct pvol *pv, int64_t blocks);

/* ---- room.c ------------------------------------------------------------------------------ */

/* Room for a write of len bytes at off is promised until it is given back, when what is dirty counts itself. -ENOSPC. Parks. */
int pvol_room_take(struct pvol *pv, uint64_t off, uint64_t len, uint64_t *ret_cost);
void pvol_room_give(struct pvol *pv, uint64_t cost);
/* What dirty blocks cost, by the properties; those that are dirty now, too. */
void pvol_cost_set(struct pvol *pv);
/* So many blocks are dirty now. */
void pvol_cost_follow(struct pvol *pv);
/* After a txg: is there room again? */
void pvol_watch(struct pvol *pv);

/* ---- throttle.c -------------------------------------------------------------------------- */

/* Waits as long as becomes a writer of len bytes at off while much is dirty. logged: what it writes will be durable before its txg
 * is. Parks. */
void throttle_wait(struct pvol *pv, uint64_t off, uint64_t len, bool logged);
/* A txg with so many dirty bytes is about to be written. */
void throttle_sync_begins(struct pool *p, uint64_t bytes);

/* ---- shortcut.c -------------------------------------------------------------------------- */

/* The block of the committed tree if it is cached and was read before, with a reference; else NULL. */
struct iobuf *shortcut_find(const struct pvol *pv, uint64_t blkid);
/* bp is where the committed tree has the block. */
void shortcut_set(const struct pvol *pv, uint64_t blkid, const struct bp *bp);
/* The tree is about to have others. */
void shortcut_drop(const struct pvol *pv, uint64_t first, uint64_t n);

/* ---- ahead.c ----------------------------------------------------------------------------- */

/* Blocks [first, last] are being read: what a sequential reader wants next is read ahead. missed: not all are in memory. */
void ahead_note(struct pvol *pv, uint64_t first, uint64_t last, bool missed);
/* Until nothing is read ahead any more. Parks. */
void ahead_stop(struct pvol *pv);

/* ---- direct.c ---------------------------------------------------------------------------- */

/* Writes n dirty blocks of txg, which the caller holds, to their places and queues the records that point to them. The ticket
 * to commit; 0: some have none, they are still just dirty. May park. */
uint64_t pvol_direct(struct pvol *pv, uint64_t txg, uint64_t first, unsigned n);
/* Takes it over. True: the tree may adopt the pointer; false: *ret_bp is to be freed and the block to be written. */
bool pvol_place_take(struct vplace *pl, struct bp *ret_bp);
/* Each takes it over (arg: the pvol): the block has newer content, and the space is given back; the pool is closed as it is. */
void pvol_unplace(void *arg, struct vplace *pl);
void pvol_place_forget(void *arg, struct vplace *pl);

/* ---- sync.c ------------------------------------------------------------------------------ */

/* Hands the txg's table to the tree; drops it. For the dataset, in the sync fiber. */
int pvol_sync(void *arg, uint64_t txg);
void pvol_committed(void *arg, uint64_t txg);

/* ---- attr.c ------------------------------------------------------------------------------ */

int pvol_get_attr(struct volume *v, const char *name, char **ret_value);
int pvol_set_attr(struct volume *v, const char *name, const char *value);
int pvol_list_attr(struct volume *v, const char *prefix, char ***ret_names);

/* ---- replay.c ---------------------------------------------------------------------------- */

/* Applies what a crash left in the log, and opens a new one. Parks. */
int pvol_log_start(struct pvol *pv, struct err *reterr);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The intent log of a volume (OpenZFS zil.c): what makes a write durable before its txg is. A chain of blocks, each naming the next,
 * already allocated one; its root stands in the volume's objset, so it moves only when a txg is written.
 *
 * Rules (docs/design/11-pool-engine.md): a record is acknowledged after its block and all before it are on stable
 * storage; a writer holds its txg open until its record is queued; the chain of an open volume always has one allocated,
 * unwritten block at its end, from before the first record until the volume is closed.
 */
#ifndef POOL_ZIL_LOG_H
#define POOL_ZIL_LOG_H

#include "pool/format/zil.h"
#include "pool/txg/txg.h"

/* Bytes of data, whole sectors, that fit into one record. */
#define ZIL_DATA_MAX                                                                           \
    round_down(ZIL_BLOCK_MAX - ZIL_BLOCK_HEADER - sizeof(struct zil_write_phys), 512u)

struct zil;

/* Gives the dataset, a volume of blocks of block_size bytes, a rooted chain, committed when this returns. Its objset is open.
 * -ENOSPC. Parks. */
int zil_open(struct pool *p, struct dsl_dataset *ds, uint32_t block_size, struct zil **ret_zil,
             struct err *reterr);
/* Everything logged is in the tree (the caller waited for the txg): frees the chain, durable when it returns. Parks. */
void zil_close(struct zil *z); /* NULL is fine */

/* Queue records of txg, which the caller holds; the order among records that overlap is the order in which they are queued. A write
 * becomes one of up to ZIL_DATA_MAX bytes, or several that end where volume blocks do. data: references are taken. Returns the
 * ticket to commit, 0: no memory, or a whole block that is larger than a record (the caller waits for the txg instead). */
uint64_t zil_write(struct zil *z, uint64_t txg, uint64_t off, const struct sgl *data);
uint64_t zil_truncate(struct zil *z, uint64_t txg, uint64_t off, uint64_t len);
/* A write of a whole volume block that goes to its place in the pool, bp, at once, together with others of the same zil_data. */
struct zil_data;
uint64_t zil_write_indirect(struct zil *z, uint64_t txg, uint64_t off, uint64_t len,
                            const struct bp *bp, struct zil_data *data);
/* Starts writing what is queued, if nobody does. Never parks. */
void zil_kick(struct zil *z);
/* Waits until the record is durable, in the log or in its txg. Parks. */
int zil_commit(struct zil *z, uint64_t ticket);

/* Changes of txg, which the caller holds, that nobody waits for yet. zil_skip(): one that is not logged, however small. */
void zil_defer_write(struct zil *z, uint64_t txg, uint64_t off, const struct sgl *data);
void zil_defer_truncate(struct zil *z, uint64_t txg, uint64_t off, uint64_t len);
void zil_skip(struct zil *z, uint64_t txg);
/* Makes all of them durable, in the log or in their txg. Parks. */
int zil_flush(struct zil *z);

/* ---- data blocks that records point to (data.c) ---------------------------------------------------------------- */

/* The log's flush covers them too. Counted; the maker has one reference. NULL: no memory. */
struct zil_data *zil_data_new(uint64_t losses);
struct zil_data *zil_data_ref(struct zil_data *d);
void zil_data_put(struct zil_data *d); /* NULL is fine */
/* They are written, or it failed; touches: on the tops of these pointers. */
void zil_data_touches(struct zil_data *d, const struct bp *bp);
void zil_data_written(struct zil_data *d, int result);
/* A flush has covered them: they may stay where they are. */
bool zil_data_is_durable(const struct zil_data *d);

/* In the sync fiber, before the objset is written: gives back the blocks whose records are all in the tree once txg is. */
int zil_sync(struct zil *z, uint64_t txg);
/* txg is on disk. */
void zil_committed(struct zil *z, uint64_t txg);
/* Whether the log has something to give back at txg, so that its dataset takes part in it. */
bool zil_wants_sync(const struct zil *z, uint64_t txg);

/* ---- after an unclean stop (claim.c) --------------------------------------------------------------- */

/* Whether a head's log can be followed, without changing anything: what zil_claim() would say. Parks. */
int zil_check(struct pool *p, struct dsl_dataset *ds, struct err *reterr);
/* Claims the log of a dataset in the syncing txg, before anything is allocated in it: every block of it, and what its records point to,
 * is allocated from then on. -EBADMSG, -EOPNOTSUPP: the log can't be followed safely. Parks. */
int zil_claim(struct pool *p, struct dsl_dataset *ds, uint64_t txg, struct err *reterr);
/* Whether a head's log must be replayed before it is served. */
bool zil_needs_replay(const struct dsl_dataset *ds);
/* Calls apply for each record that isn't in the tree yet, in order. Data of records that point to a block are read. */
typedef int (*zil_apply_fn)(void *arg, const struct zil_record *rec, const uint8_t *block,
                            uint32_t block_len);
int zil_replay(struct pool *p, struct dsl_dataset *ds, zil_apply_fn apply, void *arg,
               struct err *reterr);
/* Repairs the claimed log, if there is one, of the dataset whose objset block bp points to: every copy and all parity of its blocks and
 * of what its records point to. Adds to *ret_repaired, bytes, and *ret_errors, blocks. The caller has a reader's ticket. -ENOMEM. Parks. */
int zil_scrub(struct pool *p, const struct bp *bp, uint64_t *ret_repaired,
              uint64_t *ret_errors);
/* In the syncing txg: everything that was replayed is in the tree: frees the claimed chain and clears the header. Parks. */
int zil_discard(struct pool *p, struct dsl_dataset *ds);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the files of this room: queue.c, chain.c, log.c, data.c. */
#ifndef POOL_ZIL_LOG_INT_H
#define POOL_ZIL_LOG_INT_H

#include "pool/zil/log.h"

/* ---- the log --------------------------------------------------------------------------------- */

struct record {
    struct list node;
    uint64_t ticket, txg, off, len;
    struct sgl data;        /* of an immediate write; else empty */
    struct bp bp;           /* of an indirect one; else a hole */
    struct zil_data *block; /* the same */
    uint64_t deferred; /* bytes that it holds while nobody waits for it; 0: somebody does */
};

struct block {
    struct list node;
    struct bp bp;
    uint64_t last_txg; /* the newest txg of a record in it */
    bool written;
    bool held; /* the txg of its birth: the block that names it is still being written */
};

/* Which top-level vdevs were written to, by id modulo: what a group has to flush. */
struct tops {
    bool v[64];
};
static inline bool *tops_at(struct tops *t, uint64_t id)
{
    return &t->v[id % ARRAY_LEN(t->v)];
}

#define ZIL_GROUPS 4u
/* What is written, and flushed, at once. */
struct group {
    struct zil *z;
    uint64_t number;
    struct list records;
    struct waitgroup writes; /* of its blocks, side by side */
    int result;
    uint64_t last_txg; /* the newest txg of a record in its blocks */
    uint64_t losses;   /* the root's, before its first write */
    struct tops tops;
};

struct zil {
    struct pool *p;
    struct dsl_dataset *ds;
    struct list queue;   /* of records */
    struct list chain;   /* of blocks; the last one is not written */
    uint32_t block_size; /* of the volume */
    uint64_t next_ticket, wanted, taken, durable;
    uint64_t unlogged; /* the newest txg that has a change which was never queued */
    uint64_t next_seq; /* of records in the log */
    struct group group[ZIL_GROUPS]; /* by number */
    uint64_t written, settled; /* the last group that is; those between are being settled */
    bool leading;              /* the fiber is there that writes groups */
    bool quick; /* the last flush took so little time that the next group needn't wait for it */
    bool broken;      /* the chain ended early: records wait for their txg */
    uint64_t renewed; /* the txg in which the header names a new chain; 0: none */
    int error;        /* why nothing becomes durable any more */
    uint32_t guess;
    struct waitq done;
};

static inline bool zil_is_busy(const struct zil *z)
{
    return z->leading || z->settled < z->written;
}

/* ---- queue.c --------------------------------------------------------------------------------- */

void record_free(struct zil *z, struct record *rec);
/* What the txg, on disk now, has made durable with nobody waiting for it leaves the queue. */
void queue_drop_synced(struct zil *z, uint64_t txg);

/* ---- chain.c --------------------------------------------------------------------------------- */

static inline struct block *chain_tail(struct zil *z)
{
    return list_entry(z->chain.prev, struct block, node);
}
/* The size of a block that is to hold so many bytes, as far as one can. */
uint32_t block_size_for(uint64_t bytes);
/* Appends a block, allocated in the open txg, which stays held. Parks. */
int chain_append(struct zil *z, uint32_t size);
/* The writes that name the newest blocks are over. One that failed may have reached a disk all the same, so what it names stays
 * allocated until the chain is renewed. */
void chain_let_go(struct zil *z);

/* ---- data.c ---------------------------------------------------------------------------------- */

/* Waits until the blocks are written: 0 and their tops added, or why they are not. Parks. */
int zil_data_wait(struct zil_data *d, struct tops *add);
bool zil_data_is_lost(const struct zil_data *d, uint64_t losses); /* some of it may be */
void zil_data_flushed(struct zil_data *d);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The chain of a log's blocks: how it grows, what a txg gives back of it, how it begins and ends.
 *
 * A block is allocated before the one that names it is written, and its txg is held until that is over (OpenZFS holds its tx
 * the same way): else a power cut between the two would leave it allocated and named by nobody.
 *
 * A chain that broke ends there: what follows the gap would not be found. A txg that has all that it holds puts a new one in
 * its place, which is used once the header that names it is on disk.
 */
#include "pool/zil/log_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GUESS_MIN (8u << 10)

/* ---- blocks ------------------------------------------------------------------------------------------------- */

uint32_t block_size_for(uint64_t bytes)
{
    uint64_t size = round_up(MAX(bytes, (uint64_t)GUESS_MIN), ZIL_BLOCK_MIN);
    return (uint32_t)MIN(size, BLOCK_MAX);
}

/* The block after prev (NULL: the first of a chain), allocated in txg, which is held or syncing. */
static int block_new(struct zil *z, uint64_t txg, const struct bp *prev, uint32_t size,
                     struct block **ret_block)
{
    struct dva dva[BP_DVAS];
    struct block *b = calloc(1, sizeof(*b));
    if (!b)
        return E(-ENOMEM);
    int r = space_alloc(z->p->space, txg, size, 1, SPACE_LOG, dva);
    if (r) {
        free(b);
        return r;
    }
    if (prev) {
        zil_bp_next(&b->bp, prev, size, txg);
    } else {
        uint64_t random[2];
        run_random(random, sizeof(random));
        zil_bp_make(&b->bp, size, txg, random, z->ds->id);
    }
    bp_set_dva(&b->bp, 0, &dva[0]);
    *ret_block = b;
    return 0;
}

int chain_append(struct zil *z, uint32_t size)
{
    struct block *b;
    uint64_t txg = txg_hold(z->p);
    int r = block_new(z, txg, &chain_tail(z)->bp, size, &b);
    if (r) {
        txg_release(z->p, txg);
        return r;
    }
    txg_changed(z->p);
    b->held = true;
    list_push(&z->chain, &b->node);
    return 0;
}

void chain_let_go(struct zil *z)
{
    for (struct list *at = z->chain.prev; at != &z->chain; at = at->prev) {
        struct block *b = list_entry(at, struct block, node);
        if (!b->held)
            break; /* so are all before it: the chain may be long */
        txg_release(z->p, bp_birth(&b->bp));
        b->held = false;
    }
}

/* ---- the sync fiber's side -------------------------------------------------------------------------------------- */

/* The first block can go: its records are in the tree when txg is, and the chain goes on behind it. */
static bool first_is_done(const struct zil *z, uint64_t txg)
{
    const struct block *b = list_entry(z->chain.next, struct block, node);
    return b->node.next != &z->chain && b->written && b->last_txg <= txg &&
           bp_birth(&b->bp) <= txg;
}

/* Everything that a broken chain holds is in the tree when txg is. */
static bool can_renew(const struct zil *z, uint64_t txg)
{
    const struct block *b;
    if (!z->broken || zil_is_busy(z) || z->renewed)
        return false;
    list_for_each (b, &z->chain, node)
        if (b->last_txg > txg)
            return false;
    return true;
}

bool zil_wants_sync(const struct zil *z, uint64_t txg)
{
    return (!list_empty(&z->chain) && first_is_done(z, txg)) || can_renew(z, txg);
}

/* Which block the header names after txg: the first that may hold what is not in the tree. */
static void header_set(struct zil *z)
{
    struct zil_header *h = objset_zil(z->ds->os);
    memset(h, 0, sizeof(*h));
    if (!list_empty(&z->chain))
        h->log = list_entry(z->chain.next, struct block, node)->bp;
    objset_dirty(z->ds->os);
}

static int block_free_first(struct zil *z, uint64_t txg)
{
    struct block *b = list_entry(z->chain.next, struct block, node);
    struct dva dva = bp_dva(&b->bp, 0);
    list_remove(&b->node);
    free(b);
    return space_free_dva(z->p->space, txg, &dva);
}

/* Without space for a new chain there is none, until a later txg finds some. */
static int chain_renew(struct zil *z, uint64_t txg)
{
    struct block *first;
    int r = 0;
    while (r == 0 && !list_empty(&z->chain))
        r = block_free_first(z, txg);
    if (r == 0 && block_new(z, txg, NULL, block_size_for(z->guess), &first) == 0) {
        list_push(&z->chain, &first->node);
        z->renewed = txg;
    }
    return r;
}

int zil_sync(struct zil *z, uint64_t txg)
{
    int r = 0;
    if (!zil_wants_sync(z, txg))
        return 0;
    if (can_renew(z, txg))
        r = chain_renew(z, txg);
    while (r == 0 && !list_empty(&z->chain) && first_is_done(z, txg))
        r = block_free_first(z, txg);
    header_set(z);
    return r;
}

void zil_committed(struct zil *z, uint64_t txg)
{
    queue_drop_synced(z, txg);
    if (z->renewed != txg)
        return;
    z->renewed = 0;
    z->broken = false;
}

/* ---- opening and closing ------------------------------------------------------------------------------------------ */

/* In one txg, so that no power cut falls between the allocation and the header that names it. */
static int root_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct zil *z = arg;
    struct block *first;
    int r = block_new(z, txg, NULL, block_size_for(z->guess), &first);
    if (r)
        return err_set(reterr, r, "no space for an intent log");
    list_push(&z->chain, &first->node);
    objset_begin(z->ds->os, txg);
    dsl_dataset_dirty(z->ds);
    header_set(z);
    return 0;
}

/* A closed log: all its blocks go, in the txg in which the header no longer names them. */
static int unroot_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct zil *z = arg;
    int r = 0;
    (void)reterr;
    objset_begin(z->ds->os, txg);
    dsl_dataset_dirty(z->ds);
    while (r == 0 && !list_empty(&z->chain))
        r = block_free_first(z, txg);
    header_set(z);
    return r;
}

static void zil_free(struct zil *z)
{
    struct record *rec, *next;
    list_for_each_safe (rec, next, &z->queue, node)
        record_free(z, rec);
    while (!list_empty(&z->chain)) {
        struct block *b = list_entry(z->chain.next, struct block, node);
        list_remove(&b->node);
        free(b);
    }
    free(z);
}

int zil_open(struct pool *p, struct dsl_dataset *ds, uint32_t block_size, struct zil **ret_zil,
             struct err *reterr)
{
    struct zil *z = calloc(1, sizeof(*z));
    if (!z)
        return err_set(reterr, E(-ENOMEM), "no memory for an intent log");
    z->p = p;
    z->ds = ds;
    z->block_size = block_size;
    z->next_seq = 1;
    z->guess = GUESS_MIN;
    list_init(&z->queue);
    list_init(&z->chain);
    waitq_init(&z->done);
    int r = txg_run(p, root_task, z, reterr);
    if (r)
        zil_free(z);
    else
        *ret_zil = z;
    return r;
}

void zil_close(struct zil *z)
{
    if (!z)
        return;
    while (zil_is_busy(z))
        waitq_wait(&z->done, NO_DEADLINE, NULL);
    txg_run(z->p, unroot_task, z, NULL);
    zil_free(z);
}

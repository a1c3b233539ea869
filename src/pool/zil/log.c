/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Group commit: one fiber, started when there is something to do, writes all that is queued into as many blocks as it takes,
 * flushes once, and wakes everybody whose record that covered. Who comes meanwhile is the next group. Writers queue their
 * record before they change memory, so reading the rest of a block that is written in part goes on beside the log.
 *
 * A block's size is fixed when the block before it is sealed, so it is a guess: the mean of the last groups. A record too
 * large for the block at hand is preceded by an empty block that names a larger one.
 *
 * A block is allocated before the one that names it is written, and its txg is held until that is over (OpenZFS holds its tx
 * the same way): else a power cut between the two would leave it allocated and named by nobody.
 *
 * When the log cannot be written (no space for the next block, too few disks, or disks that went and came back before the
 * flush) records become durable with their txg. The chain ends there: what follows the gap would not be found. A txg that has
 * all that the chain holds puts a new one in its place, which is used once the header that names it is on disk.
 */
#include "pool/zil/log_int.h"

#include "base/mutant.h"
#include "base/step.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GUESS_MIN (8u << 10)

struct record {
    struct list node;
    uint64_t ticket, txg, off, len;
    struct sgl data;        /* of an immediate write; else empty */
    struct bp bp;           /* of an indirect one; else a hole */
    struct zil_data *block; /* the same */
};

struct block {
    struct list node;
    struct bp bp;
    uint64_t last_txg; /* the newest txg of a record in it */
    bool written;
    bool held; /* the txg of its birth: the block that names it is still being written */
};

struct zil {
    struct pool *p;
    struct dsl_dataset *ds;
    struct list queue; /* of records */
    struct list chain; /* of blocks; the last one is not written */
    uint64_t next_ticket, durable;
    uint64_t next_seq; /* of records in the log */
    bool leading;      /* the fiber is there */
    bool broken;       /* the chain ended early: records wait for their txg */
    uint64_t renewed;  /* the txg in which the header names a new chain; 0: none */
    int error;         /* why nothing becomes durable any more */
    uint32_t guess;
    struct waitq done;
    struct zil_stats stats;
};

static struct block *chain_tail(struct zil *z)
{
    return list_entry(z->chain.prev, struct block, node);
}

/* ---- queueing --------------------------------------------------------------------------------------------- */

static struct record *record_queue(struct zil *z, uint64_t txg, uint64_t off, uint64_t len)
{
    struct record *rec = malloc(sizeof(*rec));
    if (!rec)
        return NULL;
    *rec = (struct record){.ticket = ++z->next_ticket, .txg = txg, .off = off, .len = len};
    sgl_init(&rec->data);
    list_push(&z->queue, &rec->node);
    return rec;
}

static void record_free(struct record *rec)
{
    list_remove(&rec->node);
    sgl_clear(&rec->data);
    zil_data_put(rec->block);
    free(rec);
}

uint64_t zil_write(struct zil *z, uint64_t txg, uint64_t off, const struct sgl *data)
{
    uint64_t ticket = 0;
    for (uint64_t at = 0; at < data->len; at += ZIL_DATA_MAX) {
        uint64_t n = MIN(ZIL_DATA_MAX, data->len - at);
        struct record *rec = record_queue(z, txg, off + at, n);
        if (!rec)
            return 0;
        if (sgl_slice(&rec->data, data, at, n)) {
            record_free(rec);
            return 0;
        }
        ticket = rec->ticket;
    }
    return ticket;
}

uint64_t zil_truncate(struct zil *z, uint64_t txg, uint64_t off, uint64_t len)
{
    struct record *rec = record_queue(z, txg, off, len);
    return rec ? rec->ticket : 0;
}

uint64_t zil_write_indirect(struct zil *z, uint64_t txg, uint64_t off, uint64_t len,
                            const struct bp *bp, struct zil_data *data)
{
    struct record *rec = record_queue(z, txg, off, len);
    if (!rec)
        return 0;
    rec->bp = *bp;
    rec->block = zil_data_ref(data);
    return rec->ticket;
}

/* ---- blocks ------------------------------------------------------------------------------------------------- */

static uint32_t block_size_for(uint64_t bytes)
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

/* Allocated in the open txg, which stays held. */
static int block_new_held(struct zil *z, const struct bp *prev, uint32_t size,
                          struct block **ret_block)
{
    uint64_t txg = txg_hold(z->p);
    int r = block_new(z, txg, prev, size, ret_block);
    if (r) {
        txg_release(z->p, txg);
        return r;
    }
    txg_changed(z->p);
    (*ret_block)->held = true;
    return 0;
}

/* ---- a group ------------------------------------------------------------------------------------------------- */

/* Writes of one group go out side by side. */
struct group {
    struct zil *z;
    struct waitgroup writes;
    int result;
    uint64_t last_txg;
    struct tops tops;
};
struct block_write {
    struct group *g;
    struct block *b;
    struct iobuf *buf;
    uint32_t len;
};

static void log_block_write(void *arg)
{
    struct block_write *w = arg;
    struct dva dva = bp_dva(&w->b->bp, 0);
    struct vdev *top = w->g->z->p->root->child[dva.vdev];
    /* A leaf that misses it lacks its birth, as for any block; its records may be of other txgs, or none be in it. */
    int r = vdev_write(top, dva.off, w->buf->p, w->len, bp_birth(&w->b->bp), IO_LOG);
    if (r)
        w->g->result = r;
    else
        w->b->written = true;
    *tops_at(&w->g->tops, dva.vdev) = true;
    iobuf_put(w->buf);
    waitgroup_done(&w->g->writes);
    free(w);
}

/* What must reach the disk: on raidz the whole block, with its parity. */
static uint32_t bytes_to_write(const struct zil *z, const struct bp *bp, uint32_t used)
{
    const struct vdev *top = z->p->root->child[bp_dva(bp, 0).vdev];
    bool whole = top->type == VDEV_RAIDZ && !mutant_on(MUTANT_LOG_PREFIX);
    return whole ? bp_lsize(bp) : (uint32_t)round_up(used, ZIL_BLOCK_MIN);
}

/* Seals the tail, which buf holds, names the next block and starts the write. Takes over buf. */
static int block_finish(struct group *g, struct iobuf *buf, uint32_t used, uint32_t next_size)
{
    struct zil *z = g->z;
    struct block *b = chain_tail(z), *next = NULL;
    struct block_write *w = malloc(sizeof(*w));
    int r = w ? block_new_held(z, &b->bp, next_size, &next) : E(-ENOMEM);
    if (r) {
        free(w);
        iobuf_put(buf);
        return r;
    }
    zil_block_seal(buf->p, &b->bp, &next->bp, used);
    b->last_txg = g->last_txg;
    list_push(&z->chain, &next->node);
    *w = (struct block_write){g, b, buf, bytes_to_write(z, &b->bp, used)};
    z->stats.blocks++;
    z->stats.bytes += w->len;
    waitgroup_add(&g->writes, 1);
    if (!fiber_start(log_block_write, w, "pool-log"))
        log_block_write(w);
    return 0;
}

static struct iobuf *block_buffer(const struct zil *z)
{
    uint32_t size = bp_lsize(&list_entry(z->chain.prev, struct block, node)->bp);
    struct iobuf *buf = iobuf_get(size);
    if (buf)
        memset(buf->p, 0, size);
    return buf;
}

static bool is_truncation(const struct record *rec)
{
    return rec->data.len == 0 && !rec->block;
}

static void record_put(struct zil *z, const struct record *rec, uint8_t *block, uint32_t *used)
{
    struct zil_record r = {
        .type = is_truncation(rec) ? ZIL_TRUNCATE : ZIL_WRITE,
        .txg = rec->txg,
        .seq = z->next_seq++,
        .offset = rec->off,
        .length = rec->len,
        .bp = rec->bp,
    };
    uint8_t *place = zil_record_put(block, used, &r);
    if (place)
        sgl_copy_out(&rec->data, 0, place, rec->len);
    z->stats.records++;
}

static uint32_t record_bytes(const struct record *rec)
{
    return is_truncation(rec) ? zil_record_size(ZIL_TRUNCATE, 0)
                              : zil_record_size(ZIL_WRITE, rec->data.len);
}

/* Bytes that the queued records take from rec on. */
static uint64_t bytes_from(const struct list *records, struct list *at)
{
    uint64_t bytes = ZIL_BLOCK_HEADER;
    for (; at != records; at = at->next)
        bytes += record_bytes(list_entry(at, struct record, node));
    return bytes;
}

static int group_fill(struct group *g, struct list *records)
{
    struct zil *z = g->z;
    struct iobuf *buf = NULL;
    uint32_t used = ZIL_BLOCK_HEADER;
    struct record *rec;
    list_for_each (rec, records, node) {
        if (rec->txg <= z->p->txgs.synced)
            continue; /* in the tree already */
        while (!buf || used + record_bytes(rec) > bp_lsize(&chain_tail(z)->bp)) {
            int r = 0;
            if (buf)
                r = block_finish(g, buf, used, block_size_for(bytes_from(records, &rec->node)));
            if (r)
                return r;
            used = ZIL_BLOCK_HEADER;
            buf = block_buffer(z);
            if (!buf)
                return E(-ENOMEM);
        }
        g->last_txg = MAX(g->last_txg, rec->txg);
        record_put(z, rec, buf->p, &used);
    }
    return buf ? block_finish(g, buf, used, block_size_for(z->guess)) : 0;
}

static int group_flush(struct group *g)
{
    struct vdev *root = g->z->p->root;
    for (unsigned i = 0; i < root->nchildren; i++) {
        if (!*tops_at(&g->tops, i))
            continue;
        int r = vdev_flush_top(root->child[i]);
        if (r)
            return r;
    }
    return 0;
}

/* The blocks that records point to are written. Parks. */
static int group_wait_data(struct group *g, struct list *records)
{
    struct record *rec;
    int r = 0;
    list_for_each (rec, records, node)
        if (rec->block && r == 0)
            r = zil_data_wait(rec->block, &g->tops);
    return r;
}

/* A disk went and came back with the group, or with what it points to, before the flush. losses: before the group. */
static bool group_is_lost(const struct zil *z, struct list *records, uint64_t losses)
{
    uint64_t now = z->p->root->losses;
    struct record *rec;
    bool lost = losses != now;
    list_for_each (rec, records, node)
        lost |= rec->block && zil_data_is_lost(rec->block, now);
    return lost;
}

/* The writes are over. One that failed may have reached a disk all the same, so what it names stays allocated until the chain is
 * renewed. */
static void group_let_go(struct zil *z)
{
    for (struct list *at = z->chain.prev; at != &z->chain; at = at->prev) {
        struct block *b = list_entry(at, struct block, node);
        if (!b->held)
            break; /* so are all before it: the chain may be long */
        txg_release(z->p, bp_birth(&b->bp));
        b->held = false;
    }
}

static int group_write(struct zil *z, struct list *records)
{
    struct group g = {.z = z};
    struct record *rec;
    waitgroup_init(&g.writes);
    if (z->broken)
        return E(-EIO);
    uint64_t losses = z->p->root->losses;
    uint64_t bytes = bytes_from(records, records->next);
    z->guess = (uint32_t)MIN((3ull * z->guess + bytes) / 4, BLOCK_MAX);
    step_begin(STEP_LOG_WRITE);
    int r = group_fill(&g, records);
    waitgroup_wait(&g.writes);
    group_let_go(z);
    step_end(STEP_LOG_WRITE, r);
    if (r == 0)
        r = g.result;
    if (r == 0 && !mutant_on(MUTANT_ACK_BEFORE_DATA))
        r = group_wait_data(&g, records);
    if (r == 0)
        r = IN_STEP(STEP_LOG_FLUSH, group_flush(&g));
    if (r == 0 && group_is_lost(z, records, losses))
        r = E(-EIO);
    list_for_each (rec, records, node)
        if (rec->block && r == 0)
            zil_data_flushed(rec->block);
    z->stats.commits++;
    return r;
}

/* Makes durable all that is queued. */
static int lead(struct zil *z)
{
    struct list records;
    struct record *rec, *next;
    uint64_t last_ticket = 0, last_txg = 0;
    list_init(&records);
    list_splice(&records, &z->queue);
    list_for_each (rec, &records, node) {
        last_ticket = rec->ticket;
        last_txg = MAX(last_txg, rec->txg);
    }
    int r = group_write(z, &records);
    if (r) {
        z->broken = true;
        z->stats.fallbacks++;
        r = txg_wait(z->p, last_txg);
    }
    list_for_each_safe (rec, next, &records, node)
        record_free(rec);
    if (r == 0)
        z->durable = MAX(z->durable, last_ticket);
    return r;
}

static void log_fiber(void *arg)
{
    struct zil *z = arg;
    while (!list_empty(&z->queue) && z->error == 0) {
        z->error = lead(z);
        waitq_wake_all(&z->done);
    }
    z->leading = false;
    waitq_wake_all(&z->done);
}

void zil_kick(struct zil *z)
{
    if (!z->leading && !list_empty(&z->queue))
        z->leading = fiber_start(log_fiber, z, "pool-log") != NULL;
}

int zil_commit(struct zil *z, uint64_t ticket)
{
    if (mutant_on(MUTANT_ACK_BEFORE_LOG))
        return 0;
    while (z->durable < ticket && z->error == 0) {
        zil_kick(z);
        if (z->leading) {
            waitq_wait(&z->done, NO_DEADLINE, NULL);
        } else { /* no fiber to be had: the caller's own */
            z->leading = true;
            log_fiber(z);
        }
    }
    return z->durable < ticket ? z->error : 0;
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
    if (!z->broken || z->leading || z->renewed)
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
        record_free(rec);
    while (!list_empty(&z->chain)) {
        struct block *b = list_entry(z->chain.next, struct block, node);
        list_remove(&b->node);
        free(b);
    }
    free(z);
}

int zil_open(struct pool *p, struct dsl_dataset *ds, struct zil **ret_zil, struct err *reterr)
{
    struct zil *z = calloc(1, sizeof(*z));
    if (!z)
        return err_set(reterr, E(-ENOMEM), "no memory for an intent log");
    z->p = p;
    z->ds = ds;
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
    while (z->leading)
        waitq_wait(&z->done, NO_DEADLINE, NULL);
    txg_run(z->p, unroot_task, z, NULL);
    zil_free(z);
}

void zil_stats(const struct zil *z, struct zil_stats *ret)
{
    *ret = z->stats;
}

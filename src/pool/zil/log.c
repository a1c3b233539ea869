/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Group commit: one fiber, started when there is something to do, writes all that is queued into as many blocks as it takes,
 * flushes once, and wakes everybody whose record that covered. Who comes meanwhile is the next group. Writers queue their
 * record before they change memory, so reading the rest of a block that is written in part goes on beside the log.
 *
 * Where a flush is quick, it takes about as long as a group's writes: then the next groups are written, and flushed, beside it, by
 * which disks with a memory of their own do half as much again. One is durable when those before it are, too. Where a flush takes
 * long, a group gathers all who come meanwhile: to write it earlier would make it smaller, and nothing sooner.
 *
 * A block's size is fixed when the block before it is sealed, so it is a guess: the mean of the last groups. A record too
 * large for the block at hand is preceded by an empty block that names a larger one.
 *
 * When the log cannot be written (no space for the next block, too few disks, or disks that went and came back before the
 * flush) records become durable with their txg.
 */
#include "pool/zil/log_int.h"

#include "base/mutant.h"
#include "base/step.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- a group ------------------------------------------------------------------------------------------------- */

#define QUICK_FLUSH (1 * NS_PER_MS)

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
    struct block *b = chain_tail(z);
    struct block_write *w = malloc(sizeof(*w));
    int r = w ? chain_append(z, next_size) : E(-ENOMEM);
    if (r) {
        free(w);
        iobuf_put(buf);
        return r;
    }
    zil_block_seal(buf->p, &b->bp, &chain_tail(z)->bp, used);
    b->last_txg = g->last_txg;
    *w = (struct block_write){g, b, buf, bytes_to_write(z, &b->bp, used)};
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

static int group_fill(struct group *g)
{
    struct zil *z = g->z;
    struct list *records = &g->records;
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

/* Its blocks are written: 0, or why they are not. Parks. */
static int group_write(struct group *g)
{
    struct zil *z = g->z;
    if (z->broken)
        return E(-EIO);
    uint64_t bytes = bytes_from(&g->records, g->records.next);
    z->guess = (uint32_t)MIN((3ull * z->guess + bytes) / 4, BLOCK_MAX);
    step_begin(STEP_LOG_WRITE);
    int r = group_fill(g);
    waitgroup_wait(&g->writes);
    chain_let_go(z);
    step_end(STEP_LOG_WRITE, r);
    return r ? r : g->result;
}

/* The blocks that records point to are written. Parks. */
static int group_wait_data(struct group *g)
{
    struct record *rec;
    int r = 0;
    list_for_each (rec, &g->records, node)
        if (rec->block && r == 0)
            r = zil_data_wait(rec->block, &g->tops);
    return r;
}

static int group_flush(struct group *g)
{
    struct zil *z = g->z;
    const struct vdev *root = z->p->root;
    uint64_t began = run_now_precise();
    for (unsigned i = 0; i < root->nchildren; i++) {
        if (!*tops_at(&g->tops, i))
            continue;
        int r = vdev_flush_top(root->child[i]);
        if (r)
            return r;
    }
    z->quick = run_now_precise() - began < QUICK_FLUSH || quirk_on(QUIRK_QUICK);
    return 0;
}

/* A disk went and came back with the group, or with what it points to, before the flush. */
static bool group_is_lost(struct group *g)
{
    uint64_t now = g->z->p->root->losses;
    struct record *rec;
    bool lost = g->losses != now;
    list_for_each (rec, &g->records, node)
        lost |= rec->block && zil_data_is_lost(rec->block, now);
    return lost;
}

/* All that its records need, and its blocks, are on stable storage: 0, or why they are not. Parks. */
static int group_make_durable(struct group *g)
{
    struct record *rec;
    int r = mutant_on(MUTANT_ACK_BEFORE_DATA) ? 0 : group_wait_data(g);
    if (r == 0)
        r = IN_STEP(STEP_LOG_FLUSH, group_flush(g));
    if (r == 0 && group_is_lost(g))
        r = E(-EIO);
    list_for_each (rec, &g->records, node)
        if (rec->block && r == 0)
            zil_data_flushed(rec->block);
    return r;
}

static void acknowledge(struct zil *z, uint64_t ticket)
{
    z->durable = MAX(z->durable, ticket);
    waitq_wake_all(&z->done);
}

/* Who replays the log stops at the first group that is not there. Parks. */
static void wait_for_earlier(const struct group *g)
{
    struct zil *z = g->z;
    if (z->settled + 1 == g->number)
        return;
    step_begin(STEP_LOG_AHEAD);
    while (z->settled + 1 < g->number)
        waitq_wait(&z->done, NO_DEADLINE, NULL);
    step_end(STEP_LOG_AHEAD, 0);
}

/* Its writers may go on: the log has their records, or their txgs are written. Parks. */
static void group_settle(struct group *g)
{
    struct zil *z = g->z;
    struct record *rec, *next;
    uint64_t last_ticket = 0, last_txg = 0;
    list_for_each (rec, &g->records, node) {
        last_ticket = rec->ticket;
        last_txg = MAX(last_txg, rec->txg);
    }
    int r = g->result ? g->result : group_make_durable(g);
    if (r == 0 && mutant_on(MUTANT_ACK_OUT_OF_ORDER))
        acknowledge(z, last_ticket);
    wait_for_earlier(g);
    if (r || z->broken) {
        z->broken = true;
        r = txg_wait(z->p, last_txg);
    }
    list_for_each_safe (rec, next, &g->records, node)
        record_free(z, rec);
    if (r)
        z->error = r;
    z->settled = g->number;
    queue_drop_synced(z, z->p->txgs.synced);
    acknowledge(z, r ? 0 : last_ticket);
}

static void settle_fiber(void *arg)
{
    group_settle(arg);
}

/* Writes all that is queued, and has it settled. */
static void lead(struct zil *z)
{
    uint64_t number = z->written + 1;
    struct group *g = &z->group[number % ZIL_GROUPS];
    while (number - z->settled > (z->quick ? ZIL_GROUPS : 1))
        waitq_wait(&z->done, NO_DEADLINE, NULL);
    *g = (struct group){.z = z, .number = number, .losses = z->p->root->losses};
    list_init(&g->records);
    waitgroup_init(&g->writes);
    list_splice(&g->records, &z->queue);
    z->taken = list_entry(g->records.prev, struct record, node)->ticket;
    g->result = group_write(g);
    z->written = number;
    if (!z->quick || !fiber_start(settle_fiber, g, "pool-log"))
        group_settle(g);
}

static void log_fiber(void *arg)
{
    struct zil *z = arg;
    while (!list_empty(&z->queue) && z->taken < z->wanted && z->error == 0)
        lead(z);
    z->leading = false;
    queue_drop_synced(z, z->p->txgs.synced);
    waitq_wake_all(&z->done);
}

/* Starts writing the queue up to a ticket, unless it is being written. */
static void want(struct zil *z, uint64_t ticket)
{
    z->wanted = MAX(z->wanted, ticket);
    if (!z->leading && !list_empty(&z->queue))
        z->leading = fiber_start(log_fiber, z, "pool-log") != NULL;
}

void zil_kick(struct zil *z)
{
    want(z, z->next_ticket);
}

int zil_commit(struct zil *z, uint64_t ticket)
{
    if (mutant_on(MUTANT_ACK_BEFORE_LOG))
        return 0;
    while (z->durable < ticket && z->error == 0) {
        want(z, ticket);
        if (zil_is_busy(z)) {
            waitq_wait(&z->done, NO_DEADLINE, NULL);
        } else { /* no fiber to be had: the caller's own */
            z->leading = true;
            log_fiber(z);
        }
    }
    return z->durable < ticket ? z->error : 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Group commit: one fiber, started when there is something to do, writes all that is queued into as many blocks as it takes,
 * flushes once, and wakes everybody whose record that covered. Who comes meanwhile is the next group. Writers queue their
 * record before they change memory, so reading the rest of a block that is written in part goes on beside the log.
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
    chain_let_go(z);
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
        record_free(z, rec);
    if (r == 0)
        z->durable = MAX(z->durable, last_ticket);
    return r;
}

static void log_fiber(void *arg)
{
    struct zil *z = arg;
    while (!list_empty(&z->queue) && z->durable < z->wanted && z->error == 0) {
        z->error = lead(z);
        waitq_wake_all(&z->done);
    }
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
        if (z->leading) {
            waitq_wait(&z->done, NO_DEADLINE, NULL);
        } else { /* no fiber to be had: the caller's own */
            z->leading = true;
            log_fiber(z);
        }
    }
    return z->durable < ticket ? z->error : 0;
}

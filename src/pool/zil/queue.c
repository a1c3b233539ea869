/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records on their way into the log. What overlaps is queued in the order in which it happened, whoever waits for it or not, and
 * one that somebody waits for takes along all before it: so replaying never puts old content over new.
 *
 * A record never ends inside a block of the volume, so that a power cut leaves all of a write in a block or nothing.
 *
 * A change that nobody waits for is deferred: its record holds on to the data until somebody flushes or its txg is on disk. What
 * records may so hold is bounded; a change that finds no room is durable with its txg, for which a flush then waits. Nothing is
 * lost by that: so much at once is cheaper to write as a txg than twice.
 */
#include "pool/zil/log_int.h"

#include <errno.h>
#include <stdlib.h>

#define DEFER_SHARE 32u           /* deferred data hold this part of what may be dirty, */
#define DEFER_MOST  (64ull << 20) /* and no more bytes than that */

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

/* Ends what record_defer() began. */
static void record_undefer(struct zil *z, struct record *rec)
{
    for (unsigned i = 0; rec->deferred && i < rec->data.n; i++) {
        struct iobuf *buf = rec->data.v[i].buf;
        if (buf) {
            iobuf_ref(buf);
            iobuf_unkeep(buf);
        }
    }
    z->p->log_deferred -= rec->deferred;
}

void record_free(struct zil *z, struct record *rec)
{
    record_undefer(z, rec);
    list_remove(&rec->node);
    sgl_clear(&rec->data);
    zil_data_put(rec->block);
    free(rec);
}

/* How much of [off, end) the next record takes; 0: a block of the volume fits into none. */
static uint64_t record_len(const struct zil *z, uint64_t off, uint64_t end)
{
    if (end - off <= ZIL_DATA_MAX)
        return end - off;
    uint64_t to = round_down(off + ZIL_DATA_MAX, z->block_size);
    return to > off ? to - off : 0;
}

static struct record *write_queue(struct zil *z, uint64_t txg, uint64_t off, uint64_t n,
                                  const struct sgl *data, uint64_t at)
{
    struct record *rec = n ? record_queue(z, txg, off, n) : NULL;
    if (rec && sgl_slice(&rec->data, data, at, n)) {
        record_free(z, rec);
        return NULL;
    }
    return rec;
}

uint64_t zil_write(struct zil *z, uint64_t txg, uint64_t off, const struct sgl *data)
{
    uint64_t ticket = 0;
    for (uint64_t at = 0, n; at < data->len; at += n) {
        n = record_len(z, off + at, off + data->len);
        struct record *rec = write_queue(z, txg, off + at, n, data, at);
        if (!rec)
            return 0;
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

/* ---- changes that nobody waits for ----------------------------------------------------------------- */

void zil_skip(struct zil *z, uint64_t txg)
{
    z->unlogged = MAX(z->unlogged, txg);
}

/* What a record holds is known when it is made, so there may be one too many. */
static bool may_defer(const struct zil *z, uint64_t bytes)
{
    return z->p->log_deferred + bytes <= MIN(z->p->dirty_max / DEFER_SHARE, DEFER_MOST);
}

/* Its buffers are held for long, so they count here and no more as data on their way (iobuf_keep()). */
static void record_defer(struct zil *z, struct record *rec)
{
    rec->deferred = sizeof(*rec);
    for (unsigned i = 0; i < rec->data.n; i++) {
        struct iobuf *buf = rec->data.v[i].buf;
        if (buf) {
            iobuf_keep(buf);
            rec->deferred += buf->cap;
        }
    }
    z->p->log_deferred += rec->deferred;
}

void zil_defer_write(struct zil *z, uint64_t txg, uint64_t off, const struct sgl *data)
{
    for (uint64_t at = 0, n; at < data->len; at += n) {
        n = record_len(z, off + at, off + data->len);
        struct record *rec =
            may_defer(z, n) ? write_queue(z, txg, off + at, n, data, at) : NULL;
        if (!rec) {
            zil_skip(z, txg);
            return;
        }
        record_defer(z, rec);
    }
}

void zil_defer_truncate(struct zil *z, uint64_t txg, uint64_t off, uint64_t len)
{
    struct record *rec = may_defer(z, sizeof(*rec)) ? record_queue(z, txg, off, len) : NULL;
    if (rec)
        record_defer(z, rec);
    else
        zil_skip(z, txg);
}

int zil_flush(struct zil *z)
{
    uint64_t all = z->next_ticket;
    int r = z->unlogged > z->p->txgs.synced ? txg_wait(z->p, z->unlogged) : 0;
    return r ? r : zil_commit(z, all);
}

void queue_drop_synced(struct zil *z, uint64_t txg)
{
    struct record *rec, *next;
    if (zil_is_busy(z))
        return; /* what was taken comes before these */
    list_for_each_safe (rec, next, &z->queue, node) {
        if (rec->txg > txg)
            return;
        z->taken = z->durable = rec->ticket;
        record_free(z, rec);
    }
}

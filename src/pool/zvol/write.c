/* SPDX-License-Identifier: BSD-2-Clause */
/* Changing: admission, merging parts of blocks, the log. */
#include "pool/zvol/zvol_int.h"

#include <errno.h>
#include <string.h>

#define DIRECT_MIN (32u << 10)

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* A fresh buffer with the old content (NULL: zeros). */
static struct iobuf *copy_of(const struct pvol *pv, const struct iobuf *old)
{
    struct iobuf *buf = iobuf_get(pv->bs);
    if (!buf)
        return NULL;
    if (old)
        memcpy(buf->p, old->p, pv->bs);
    else
        memset(buf->p, 0, pv->bs);
    return buf;
}

void pvol_count_dirty(struct pvol *pv, int64_t blocks)
{
    pv->p->dirty_bytes += (uint64_t)blocks * pv->bs;
    pv->ndirty += (uint64_t)blocks;
    pvol_cost_follow(pv);
}

static int dirty_add(struct pvol *pv, uint64_t txg, uint64_t blkid, struct iobuf *buf)
{
    int r = vdirty_add(&pv->dirty[txg % TXG_SLOTS], blkid, buf);
    if (r)
        iobuf_put(buf);
    else
        pvol_count_dirty(pv, 1);
    return r;
}

/* The block's buffer in txg to write into; whole: its old content doesn't matter. May park (reading, and for writers of the
 * txg before, who may yet change other parts of this block). */
static int block_change(struct pvol *pv, uint64_t txg, uint64_t blkid, bool whole,
                        struct iobuf **ret_buf)
{
    struct vdirty *d = &pv->dirty[txg % TXG_SLOTS];
    struct vblock *b = vdirty_find(d, blkid);
    struct iobuf *old = NULL;
    if (!b && !whole) {
        txg_wait_older(pv->p, txg);
        int r = pvol_block_get(pv, txg, blkid, BLOCK_NORMAL, &old);
        if (r)
            return r;
        b = vdirty_find(d, blkid); /* others ran meanwhile */
    }
    if (b && b->place) {
        d->unplace(d->arg, b->place);
        b->place = NULL;
    }
    if (b && b->buf->refs > 1) {
        struct iobuf *mine = copy_of(pv, b->buf);
        if (mine)
            vdirty_replace(b, mine);
        *ret_buf = mine;
        iobuf_put(old);
        return mine ? 0 : E(-ENOMEM);
    }
    int r = 0;
    if (b) {
        *ret_buf = b->buf;
    } else {
        *ret_buf = whole ? iobuf_get(pv->bs) : copy_of(pv, old);
        r = *ret_buf ? dirty_add(pv, txg, blkid, *ret_buf) : E(-ENOMEM);
    }
    iobuf_put(old);
    return r;
}

int pvol_change(struct pvol *pv, uint64_t txg, uint64_t off, const struct sgl *data)
{
    for (uint64_t done = 0; done < data->len;) {
        uint64_t at = (off + done) % pv->bs, n = MIN(pv->bs - at, data->len - done);
        struct iobuf *buf;
        int r = block_change(pv, txg, (off + done) / pv->bs, n == pv->bs, &buf);
        if (r)
            return r;
        sgl_copy_out(data, done, buf->p + at, n);
        done += n;
        fiber_maybe_yield();
    }
    return 0;
}

/* What every change begins with: 0 and the txg that it holds. The range is looked at again, for the volume may have shrunk while
 * this waited. */
static int change_begin(struct pvol *pv, uint64_t off, uint64_t len, uint64_t *ret_txg)
{
    if (pv->p->txgs.failed)
        return pv->p->txgs.failed;
    int r = suspend_pass(pv->p);
    if (r)
        return r;
    if (off + len > pv->v.geo.size)
        return E(-EINVAL);
    *ret_txg = txg_hold(pv->p);
    txg_changed(pv->p);
    return 0;
}

/* A write also needs room, promised until *ret_cost is given back, and waits while too much is dirty. */
static int write_begin(struct pvol *pv, uint64_t off, uint64_t len, unsigned flags,
                       uint64_t *ret_txg, uint64_t *ret_cost)
{
    if (pv->p->txgs.failed)
        return pv->p->txgs.failed;
    int r = suspend_pass(pv->p);
    if (r == 0)
        r = pvol_room_take(pv, off, len, ret_cost);
    if (r)
        return r;
    throttle_wait(pv, off, len, flags & VOL_FUA);
    r = change_begin(pv, off, len, ret_txg);
    if (r)
        pvol_room_give(pv, *ret_cost);
    return r;
}

/* Lets go of the txg; durable when the log has the record (ticket 0: there is none), else when the txg is written. */
static int change_end(struct pvol *pv, uint64_t txg, unsigned flags, uint64_t ticket, int r)
{
    txg_release(pv->p, txg);
    if (r || !(flags & VOL_FUA))
        return r;
    return ticket ? zil_commit(pv->zil, ticket) : txg_wait(pv->p, txg);
}

/* The ticket; 0: nobody waits for it. */
static uint64_t log_truncate(struct pvol *pv, uint64_t txg, uint64_t off, uint64_t len,
                             unsigned flags, int r)
{
    if (r)
        return 0;
    if (flags & VOL_FUA)
        return zil_truncate(pv->zil, txg, off, len);
    zil_defer_truncate(pv->zil, txg, off, len);
    return 0;
}

/* Bytes [at, at + len) of the write at off; 0 also when there is nothing to log. */
static uint64_t log_part(struct pvol *pv, uint64_t txg, uint64_t off, const struct sgl *data,
                         uint64_t at, uint64_t len, bool *ret_failed)
{
    struct sgl part;
    uint64_t ticket = 0;
    if (len == 0)
        return 0;
    sgl_init(&part);
    if (sgl_slice(&part, data, at, len) == 0)
        ticket = zil_write(pv->zil, txg, off + at, &part);
    sgl_clear(&part);
    *ret_failed |= ticket == 0;
    return ticket;
}

/* A large write: its whole blocks go to their places, what is left of it into the log. The ticket, 0: wait for the txg. */
static uint64_t change_large(struct pvol *pv, uint64_t txg, uint64_t off,
                             const struct sgl *data, int *ret_r)
{
    uint64_t first = (off + pv->bs - 1) / pv->bs, last = (off + data->len) / pv->bs;
    uint64_t head = first * pv->bs - off, tail = last * pv->bs - off;
    bool failed = false;
    uint64_t a = log_part(pv, txg, off, data, 0, head, &failed);
    uint64_t b = log_part(pv, txg, off, data, tail, data->len - tail, &failed);
    zil_kick(pv->zil);
    *ret_r = pvol_change(pv, txg, off, data);
    if (*ret_r)
        return 0;
    uint64_t c = pvol_direct(pv, txg, first, (unsigned)(last - first));
    if (c == 0)
        c = log_part(pv, txg, off, data, head, tail - head, &failed);
    return failed ? 0 : MAX(MAX(a, b), c);
}

/* The record is queued first: the log is written beside the copying, and the reading, of what is around a partly written block. */
static uint64_t change_logged(struct pvol *pv, uint64_t txg, uint64_t off,
                              const struct sgl *data, int *ret_r)
{
    uint64_t ticket = zil_write(pv->zil, txg, off, data);
    zil_kick(pv->zil);
    fiber_yield(); /* the log's write leaves at the end of this turn, with all who came in it */
    *ret_r = pvol_change(pv, txg, off, data);
    return ticket;
}

/* Whole blocks that make a write worth to be written twice not even for a moment. */
static bool is_large(const struct pvol *pv, uint64_t off, uint64_t len)
{
    uint64_t first = (off + pv->bs - 1) / pv->bs, last = (off + len) / pv->bs;
    return last > first && (last - first) * pv->bs >= DIRECT_MIN;
}

/* Where a change becomes durable, and where it is all or nothing, is decided here: a record, a place, or the txg. */
static int change_somehow(struct pvol *pv, uint64_t txg, uint64_t off, const struct sgl *data,
                          unsigned flags, uint64_t *ret_ticket)
{
    bool whole = off % pv->bs == 0 && data->len == pv->bs;
    bool one = flags & VOL_ATOMIC && !whole; /* a block is one thing anyway */
    int r = 0;
    if (one && data->len > ZIL_DATA_MAX) {
        zil_skip(pv->zil, txg);
        return pvol_change(pv, txg, off, data);
    }
    if (!(flags & VOL_FUA)) {
        zil_defer_write(pv->zil, txg, off, data);
        return pvol_change(pv, txg, off, data);
    }
    if (!one && is_large(pv, off, data->len))
        *ret_ticket = change_large(pv, txg, off, data, &r);
    else
        *ret_ticket = change_logged(pv, txg, off, data, &r);
    return r;
}

int pvol_write(struct volume *v, uint64_t off, const struct sgl *data, unsigned flags)
{
    struct pvol *pv = pvol_of(v);
    uint64_t txg, cost, ticket = 0;
    int r = write_begin(pv, off, data->len, flags, &txg, &cost);
    if (r)
        return r;
    r = change_somehow(pv, txg, off, data, flags, &ticket);
    pvol_room_give(pv, cost);
    return change_end(pv, txg, flags, ticket, r);
}

/* The part of a block that isn't freed whole. */
static int zero_part(struct pvol *pv, uint64_t txg, uint64_t off, uint64_t len)
{
    struct iobuf *buf;
    if (len == 0)
        return 0;
    int r = block_change(pv, txg, off / pv->bs, false, &buf);
    if (r == 0)
        memset(buf->p + off % pv->bs, 0, len);
    return r;
}

int pvol_zero(struct pvol *pv, uint64_t txg, uint64_t off, uint64_t len)
{
    uint64_t end = off + len;
    uint64_t first = (off + pv->bs - 1) / pv->bs, last = end / pv->bs, dropped = 0;
    if (first > last || first * pv->bs > end)
        return zero_part(pv, txg, off, len);
    int r = zero_part(pv, txg, off, first * pv->bs - off);
    if (r == 0 && last > first)
        r = vdirty_free_run(&pv->dirty[txg % TXG_SLOTS], first, last - first, &dropped);
    pvol_count_dirty(pv, -(int64_t)dropped);
    return r ? r : zero_part(pv, txg, last * pv->bs, end - last * pv->bs);
}

int pvol_write_zeroes(struct volume *v, uint64_t off, uint64_t len, bool may_unmap,
                      unsigned flags)
{
    struct pvol *pv = pvol_of(v);
    uint64_t txg;
    (void)may_unmap; /* zeros are holes here */
    int r = change_begin(pv, off, len, &txg);
    if (r)
        return r;
    r = pvol_zero(pv, txg, off, len);
    return change_end(pv, txg, flags, log_truncate(pv, txg, off, len, flags, r), r);
}

static int whole_discard(struct pvol *pv, uint64_t first, uint64_t n, unsigned flags)
{
    uint64_t dropped = 0, txg;
    int r = change_begin(pv, first * pv->bs, n * pv->bs, &txg);
    if (r)
        return r;
    r = vdirty_free_run(&pv->dirty[txg % TXG_SLOTS], first, n, &dropped);
    pvol_count_dirty(pv, -(int64_t)dropped);
    uint64_t ticket = log_truncate(pv, txg, first * pv->bs, n * pv->bs, flags, r);
    return change_end(pv, txg, flags, ticket, r);
}

/* What is a hole already stays one, but perhaps only memory knows of it. */
static int hole_discard(struct pvol *pv, uint64_t off, uint64_t len, unsigned flags)
{
    uint64_t txg;
    int r = flags & VOL_FUA ? change_begin(pv, off, len, &txg) : 0;
    if (r || !(flags & VOL_FUA))
        return r;
    return change_end(pv, txg, flags, log_truncate(pv, txg, off, len, flags, 0), 0);
}

/* A block of which a part goes stays; the part reads as zeros all the same. */
static int part_discard(struct volume *v, uint64_t off, uint64_t len, unsigned flags)
{
    enum volume_extent state;
    uint64_t run;
    int r = len ? pvol_extents(v, off, len, &run, &state) : 0;
    if (r || len == 0)
        return r;
    return state == VOL_HOLE ? hole_discard(pvol_of(v), off, len, flags)
                             : pvol_write_zeroes(v, off, len, true, flags);
}

int pvol_discard(struct volume *v, uint64_t off, uint64_t len, unsigned flags)
{
    struct pvol *pv = pvol_of(v);
    uint64_t first = (off + pv->bs - 1) / pv->bs, last = (off + len) / pv->bs;
    uint64_t head = MIN(first * pv->bs, off + len), tail = MAX(last * pv->bs, head);
    int r = part_discard(v, off, head - off, flags);
    if (r == 0 && last > first)
        r = whole_discard(pv, first, last - first, flags);
    return r ? r : part_discard(v, tail, off + len - tail, flags);
}

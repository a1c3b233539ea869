/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Large durable writes don't go through the log twice: their blocks are compressed, placed and written at once, the log gets
 * records that point to them (OpenZFS WR_INDIRECT), and the txg adopts the pointers. A place counts only when the log's flush
 * has covered it; a block that is changed again in the same txg, or whose txg comes first, gives its place back, which nobody
 * uses before that is harmless: space that a txg frees is held back.
 *
 * The txg is held until the blocks are on their way's end, so that what it adopts or frees is never still being written.
 */
#include "base/mutant.h"
#include "pool/zvol/zvol_int.h"

#include <errno.h>
#include <stdlib.h>

#define LATE (2 * NS_PER_MS) /* of the quirk */

struct vplace {
    struct bp bp;
    struct zil_data *data;
};

struct direct {
    struct pvol *pv;
    uint64_t txg;
    struct zil_data *data;
    struct squeezed *small; /* of each block; NULL: it is compressed when it gets its place */
    unsigned n;
    struct vdev_block write[]; /* room for BP_DVAS each */
};

bool pvol_place_take(struct vplace *pl, struct bp *ret_bp)
{
    bool durable = zil_data_is_durable(pl->data);
    *ret_bp = pl->bp;
    pvol_place_forget(NULL, pl);
    return durable;
}

/* The txg is the one in which it was born, which is held. block_make() makes no gangs, so freeing doesn't park. */
void pvol_unplace(void *arg, struct vplace *pl)
{
    struct pvol *pv = arg;
    block_free(&pv->p->blocks, bp_birth(&pl->bp), &pl->bp);
    pvol_place_forget(pv, pl);
}

void pvol_place_forget(void *arg, struct vplace *pl)
{
    (void)arg;
    zil_data_put(pl->data);
    free(pl);
}

/* ---- writing ----------------------------------------------------------------------------- */

static void direct_free(struct direct *d)
{
    for (unsigned i = 0; i < d->n; i++)
        iobuf_put(d->write[i].buf);
    zil_data_put(d->data);
    free(d);
}

static void direct_fiber(void *arg)
{
    struct direct *d = arg;
    if (quirk_on(QUIRK_QUICK))
        fiber_sleep_until(run_now() + LATE, NULL);
    int r = vdev_write_blocks(d->pv->p->root, d->write, d->n, d->txg, IO_LOG);
    zil_data_written(d->data, r);
    txg_release(d->pv->p, d->txg);
    direct_free(d);
}

static void write_add(struct direct *d, const struct bp *bp, struct iobuf *raw)
{
    for (unsigned i = 0; i < bp_ndvas(bp); i++) {
        struct dva dva = bp_dva(bp, i);
        iobuf_ref(raw);
        d->write[d->n++] = (struct vdev_block){dva.vdev, dva.off, raw, bp_psize(bp)};
    }
    zil_data_touches(d->data, bp);
}

static struct vblock *block_of(const struct direct *d, uint64_t blkid)
{
    return vdirty_find(&d->pv->dirty[d->txg % TXG_SLOTS], blkid);
}

/* What takes long is done on a helper thread first; meanwhile others may change a block, which then has another buffer. Parks. */
static void squeeze_first(struct direct *d, uint64_t first, unsigned n)
{
    struct block_want want = object_data_want(d->pv->data);
    if (!block_squeeze_pays(&want, n * want.lsize) ||
        !(d->small = calloc(n, sizeof(*d->small))))
        return;
    for (unsigned i = 0; i < n; i++) {
        const struct vblock *b = block_of(d, first + i);
        if (b && !b->place) {
            iobuf_ref(b->buf);
            d->small[i].from = b->buf;
        }
    }
    block_squeeze(&d->pv->p->blocks, &want, d->small, n, want.lsize);
}

static void small_free(struct direct *d, unsigned n)
{
    for (unsigned i = 0; d->small && i < n; i++)
        squeezed_free(&d->small[i]);
    free(d->small);
    d->small = NULL;
}

/* One block gets its place and its record. The ticket; 0: it stays as it was. May park. */
static uint64_t block_place_now(struct direct *d, uint64_t blkid, const struct squeezed *small)
{
    struct pvol *pv = d->pv;
    struct vblock *b = block_of(d, blkid);
    struct block_want want = object_data_want(pv->data);
    struct vplace *pl = malloc(sizeof(*pl));
    struct iobuf *raw, *buf = b ? b->buf : NULL;
    if (!pl || !buf || b->place) {
        free(pl);
        return 0;
    }
    iobuf_ref(buf); /* from now on it isn't changed in place */
    if (small && small->from == buf)
        want.squeezed = small;
    *pl = (struct vplace){.data = zil_data_ref(d->data)};
    int r = block_make(&pv->p->blocks, d->txg, &want, buf, &pl->bp, &raw);
    b = block_of(d, blkid);
    bool same = b && b->buf == buf && !b->place;
    iobuf_put(buf);
    if (r || !raw) {
        pvol_place_forget(pv, pl);
        return r ? 0 : zil_truncate(pv->zil, d->txg, blkid * pv->bs, pv->bs);
    }
    write_add(d, &pl->bp, raw);
    iobuf_put(raw);
    uint64_t ticket =
        same ? zil_write_indirect(pv->zil, d->txg, blkid * pv->bs, pv->bs, &pl->bp, d->data)
             : 0;
    if (ticket)
        b->place = pl;
    else
        pvol_unplace(pv, pl);
    return ticket;
}

uint64_t pvol_direct(struct pvol *pv, uint64_t txg, uint64_t first, unsigned n)
{
    struct direct *d = calloc(1, sizeof(*d) + (size_t)n * BP_DVAS * sizeof(d->write[0]));
    uint64_t ticket = 0;
    if (!d)
        return 0;
    *d = (struct direct){.pv = pv, .txg = txg, .data = zil_data_new(pv->p->root->losses)};
    bool good = d->data != NULL;
    if (good)
        squeeze_first(d, first, n);
    for (unsigned i = 0; good && i < n; i++) {
        uint64_t t = block_place_now(d, first + i, d->small ? &d->small[i] : NULL);
        ticket = MAX(ticket, t);
        good = t != 0;
        fiber_maybe_yield();
    }
    small_free(d, n);
    if (d->n == 0) {
        if (d->data)
            zil_data_written(d->data, 0);
        direct_free(d);
        return good ? ticket : 0;
    }
    txg_hold_more(pv->p, txg);
    if (!fiber_start(direct_fiber, d, "pool-direct"))
        direct_fiber(d);
    zil_kick(pv->zil);
    return good ? ticket : 0;
}

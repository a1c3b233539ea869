/* SPDX-License-Identifier: BSD-2-Clause */
/* The sync fiber's side: a txg's table goes into the tree. */
#include "pool/zvol/zvol_int.h"

#include <errno.h>
#include <stdlib.h>

static int sync_freed(struct pvol *pv, const struct vdirty *d)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < d->nfreed; i++) {
        uint64_t end = MIN(d->freed[i].first + d->freed[i].n, object_max_block(pv->data) + 1);
        uint64_t next;
        if (d->freed[i].first < end)
            r = object_free_blocks(pv->data, d->freed[i].first, end - d->freed[i].first,
                                   UINT64_MAX, &next);
    }
    return r;
}

/* One that the intent log wrote stays where it is. */
static int sync_block(struct pvol *pv, uint64_t txg, struct vblock *b)
{
    struct vplace *place = b->place;
    struct bp bp;
    b->place = NULL;
    if (place && pvol_place_take(place, &bp))
        return object_block_adopt(pv->data, b->blkid, &bp);
    int r = place ? block_free(&pv->p->blocks, txg, &bp) : 0;
    return r ? r : object_block_set(pv->data, b->blkid, b->buf);
}

int pvol_sync(void *arg, uint64_t txg)
{
    struct pvol *pv = arg;
    struct vdirty *d = &pv->dirty[txg % TXG_SLOTS];
    int r = pv->zil ? zil_sync(pv->zil, txg) : 0;
    if (r == 0)
        r = sync_freed(pv, d);
    struct vblock **v = vdirty_sorted(d);
    if (!v && d->nblocks)
        return E(-ENOMEM);
    for (size_t i = 0; r == 0 && i < d->nblocks; i++) {
        r = sync_block(pv, txg, v[i]);
        fiber_maybe_yield();
    }
    free(v);
    return r;
}

/* What the table had is now in the tree that readers follow: block by block, with its shortcut. There may be a hundred thousand,
 * so others run in between; the txg counts as written only afterwards, so they look here first. */
static void table_clear(struct pvol *pv, struct vdirty *d)
{
    size_t at = 0;
    uint64_t blkid;
    for (size_t i = 0; i < d->nfreed; i++)
        shortcut_drop(pv, d->freed[i].first, d->freed[i].n);
    vdirty_clear_freed(d);
    while (vdirty_clear_next(d, &at, &blkid)) {
        shortcut_drop(pv, blkid, 1);
        pvol_count_dirty(pv, -1);
        fiber_maybe_yield();
    }
    vdirty_clear(d);
}

void pvol_committed(void *arg, uint64_t txg)
{
    struct pvol *pv = arg;
    struct vdirty *d = &pv->dirty[txg % TXG_SLOTS];
    pv->commits++;
    table_clear(pv, d);
    if (pv->zil)
        zil_committed(pv->zil, txg);
    pvol_watch(pv);
}

int volumes_before_sync(struct pool *p, uint64_t txg)
{
    struct pvol *pv;
    uint64_t bytes = 0;
    list_for_each (pv, &p->volumes, node) {
        const struct vdirty *d = &pv->dirty[txg % TXG_SLOTS];
        bytes += d->nblocks * pv->bs;
        if (!vdirty_empty(d) || (pv->zil && zil_wants_sync(pv->zil, txg)))
            dsl_dataset_dirty(pv->ds);
    }
    throttle_sync_begins(p, bytes);
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The sync fiber's side: a txg's table goes into the tree. */
#include "pool/zvol/zvol_int.h"

#include <errno.h>
#include <stdlib.h>

int pvol_sync(void *arg, uint64_t txg)
{
    struct pvol *pv = arg;
    struct vdirty *d = &pv->dirty[txg % TXG_SLOTS];
    int r = pv->zil ? zil_sync(pv->zil, txg) : 0;
    for (size_t i = 0; r == 0 && i < d->nfreed; i++) {
        uint64_t end = MIN(d->freed[i].first + d->freed[i].n, object_max_block(pv->data) + 1);
        uint64_t next;
        if (d->freed[i].first < end)
            r = object_free_blocks(pv->data, d->freed[i].first, end - d->freed[i].first,
                                   UINT64_MAX, &next);
    }
    struct vblock **v = vdirty_sorted(d);
    if (!v && d->nblocks)
        return E(-ENOMEM);
    for (size_t i = 0; r == 0 && i < d->nblocks; i++) {
        r = object_block_set(pv->data, v[i]->blkid, v[i]->buf);
        fiber_maybe_yield();
    }
    free(v);
    return r;
}

void pvol_committed(void *arg, uint64_t txg)
{
    struct pvol *pv = arg;
    struct vdirty *d = &pv->dirty[txg % TXG_SLOTS];
    pvol_count_dirty(pv, -(int64_t)d->nblocks);
    vdirty_clear(d);
    pvol_watch(pv);
}

int volumes_before_sync(struct pool *p, uint64_t txg)
{
    struct pvol *pv;
    list_for_each (pv, &p->volumes, node)
        if (!vdirty_empty(&pv->dirty[txg % TXG_SLOTS]) ||
            (pv->zil && zil_wants_sync(pv->zil, txg)))
            dsl_dataset_dirty(pv->ds);
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Replaying the log that an unclean stop left. */
#include "pool/zvol/zvol_int.h"

#include <errno.h>

static int replay_write(struct pvol *pv, uint64_t txg, uint64_t off, const uint8_t *data,
                        uint64_t len)
{
    struct sgl sgl;
    sgl_init(&sgl);
    int r = sgl_alloc(&sgl, len);
    if (r == 0) {
        sgl_copy_in(&sgl, 0, data, len);
        r = pvol_change(pv, txg, off, &sgl);
    }
    sgl_clear(&sgl);
    return r;
}

/* block: of an indirect record, the whole volume block around its range. */
static int replay_apply(void *arg, const struct zil_record *rec, const uint8_t *block,
                        uint32_t block_len)
{
    struct pvol *pv = arg;
    uint64_t end;
    if (ckd_add_u64(&end, rec->offset, rec->length))
        return E(-EBADMSG);
    if (rec->offset >= pv->v.geo.size)
        return 0; /* it has shrunk since */
    uint64_t len = MIN(end, pv->v.geo.size) - rec->offset;
    if (block && (block_len != pv->bs || rec->offset % pv->bs + len > pv->bs))
        return E(-EBADMSG);
    throttle_wait(pv, rec->offset, block || rec->data ? len : 0, false);
    uint64_t txg = txg_hold(pv->p);
    txg_changed(pv->p);
    int r = 0;
    if (block)
        r = replay_write(pv, txg, rec->offset, block + rec->offset % pv->bs, len);
    else if (rec->data)
        r = replay_write(pv, txg, rec->offset, rec->data, len);
    else
        r = pvol_zero(pv, txg, rec->offset, len);
    txg_release(pv->p, txg);
    return r;
}

static int discard_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct pvol *pv = arg;
    (void)txg, (void)reterr;
    return zil_discard(pv->p, pv->ds);
}

/* Every record is applied again when we crash in between: the header changes only when all of them are in the tree. */
int pvol_log_start(struct pvol *pv, struct err *reterr)
{
    int r = 0;
    if (zil_needs_replay(pv->ds)) {
        if (pv->p->read_only)
            return err_set(reterr, E(-EROFS),
                           "volume %s has an intent log to replay: import the pool writable",
                           pv->v.name);
        r = zil_replay(pv->p, pv->ds, replay_apply, pv, reterr);
        if (r == 0)
            r = txg_run(pv->p, discard_task, pv, reterr);
    }
    return r || pv->p->read_only ? r : zil_open(pv->p, pv->ds, pv->bs, &pv->zil, reterr);
}

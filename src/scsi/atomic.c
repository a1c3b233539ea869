/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * WRITE ATOMIC(16) (SBC-4): after a power loss all of it is there or none. Offered where the
 * engine promises that for single writes (geometry.atomic_max; the op table hides the command
 * elsewhere), with no alignment, granularity or boundary of its own, so one volume write is
 * enough. A part of the data makes no sense and is refused. Runs on the LU's home; parks.
 */
#include "scsi/block.h"

void op_write_atomic(struct scsi_lu *lu, struct scsi_task *t)
{
    const struct cdb_write_atomic *cdb = (const void *)t->cdb;
    struct blk_range r = {be64_get(cdb->lba), be16_get(cdb->nblk)};
    struct range_lock lock;
    struct sgl data;
    if (!blk_inside(lu, t, r))
        return;
    if (be16_get(cdb->boundary) != 0) { /* MAXIMUM ATOMIC BOUNDARY SIZE is 0 */
        task_bad_cdb(t, offsetof(struct cdb_write_atomic, boundary), -1);
        return;
    }
    if (blk_bytes(lu, r.nblk) > MIN(lu->vol->geo.atomic_max, SCSI_XFER_MAX_BYTES)) {
        task_bad_cdb(t, offsetof(struct cdb_write_atomic, nblk), -1);
        return;
    }
    sgl_init(&data);
    if (blk_pull_all(t, &data) && blk_lock(lu, t, &lock, r)) {
        blk_write(lu, t, r.lba, &data, blk_flags(t) | VOL_ATOMIC);
        range_unlock(lu, &lock);
    }
    sgl_clear(&data);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SYNCHRONIZE CACHE(10) and (16) (SBC-4). A volume is flushed whole, whatever range is asked
 * for. IMMED=1 lets the device answer before the blocks are on the medium; it answers after,
 * because a host that learns of a failed flush only by a deferred error has lost the data by
 * then. Under sync=always there is nothing left to flush. Runs on the LU's home; parks.
 */
#include "scsi/block.h"

void op_sync_cache(struct scsi_lu *lu, struct scsi_task *t)
{
    struct blk_range r = blk_decode(t->cdb);
    if (!blk_inside(lu, t, r))
        return;
    int err = volume_flush(lu->vol);
    if (err != 0)
        task_errno(t, err, r.lba);
    else
        task_good(t);
}

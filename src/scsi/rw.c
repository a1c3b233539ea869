/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * READ and WRITE, (6) to (16): the hot path. A READ leaves references to the volume's own
 * buffers in data_in and allocates nothing. A WRITE pulls its data first and takes the range
 * lock afterwards, so that a host that is slow to send holds up nobody; between the lock and
 * the volume there is no wait, and task_commit() is the last chance to abort.
 *
 * DPO is a hint that nothing here could use. FUA on a READ asks for what is on the medium: what
 * the cache holds newer is written there first. Runs on the LU's home; parks.
 */
#include "scsi/block.h"

void op_read(struct scsi_lu *lu, struct scsi_task *t)
{
    struct blk_range r = blk_decode(t->cdb);
    if (!blk_check(lu, t, r))
        return;
    if (t->in_max < t->data_len)
        r.nblk = (t->in_max + lu_block(lu) - 1) / lu_block(lu);
    int err = blk_flags(t) & VOL_FUA ? volume_flush(lu->vol) : 0;
    if (err != 0)
        task_errno(t, err, r.lba);
    else if (blk_read(lu, t, r, &t->data_in))
        task_good(t);
}

void op_write(struct scsi_lu *lu, struct scsi_task *t)
{
    struct blk_range r = blk_decode(t->cdb);
    struct range_lock lock;
    struct sgl data;
    if (!blk_check(lu, t, r))
        return;
    sgl_init(&data);
    if (blk_pull(t, &data) && blk_lock(lu, t, &lock, r)) {
        if (blk_fill_last(lu, t, r.lba, &data))
            blk_write(lu, t, r.lba, &data, blk_flags(t));
        range_unlock(lu, &lock);
    }
    sgl_clear(&data);
}

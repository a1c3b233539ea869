/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ORWRITE(16) (SBC-4): sets in the blocks every bit that is set in the data, as one step under
 * the range lock. The data must be there in full. Runs on the LU's home; parks.
 */
#include "scsi/block.h"

#define STRIDE 512u /* divides every block size */

/* data |= old, both as long as each other. */
static void merge(struct sgl *data, const struct sgl *old)
{
    uint8_t a[STRIDE], b[STRIDE];
    for (uint64_t at = 0; at < data->len; at += STRIDE) {
        sgl_copy_out(data, at, a, STRIDE);
        sgl_copy_out(old, at, b, STRIDE);
        for (size_t i = 0; i < STRIDE; i++)
            a[i] |= b[i];
        sgl_copy_in(data, at, a, STRIDE);
    }
}

/* A copy of data that we may change: what was pulled may be shared with the transport. False:
 * the task has ended. */
static bool own_copy(struct scsi_task *t, const struct sgl *data, struct sgl *ret_copy)
{
    uint8_t bytes[STRIDE];
    int err = sgl_alloc(ret_copy, data->len);
    if (err != 0) {
        task_errno(t, err, 0);
        return false;
    }
    for (uint64_t at = 0; at < data->len; at += STRIDE) {
        sgl_copy_out(data, at, bytes, STRIDE);
        sgl_copy_in(ret_copy, at, bytes, STRIDE);
    }
    return true;
}

/* Under the range lock. Ends the task. Parks. */
static void read_or_write(struct scsi_lu *lu, struct scsi_task *t, struct blk_range r,
                          struct sgl *data)
{
    struct sgl old;
    sgl_init(&old);
    bool ok = blk_read(lu, t, r, &old);
    if (ok)
        merge(data, &old);
    sgl_clear(&old);
    if (ok)
        blk_write(lu, t, r.lba, data, blk_flags(t));
}

void op_orwrite(struct scsi_lu *lu, struct scsi_task *t)
{
    struct blk_range r = blk_decode(t->cdb);
    struct range_lock lock;
    struct sgl sent, data;
    if (!blk_check(lu, t, r))
        return;
    sgl_init(&sent);
    sgl_init(&data);
    if (blk_pull_all(t, &sent) && own_copy(t, &sent, &data) && blk_lock(lu, t, &lock, r)) {
        read_or_write(lu, t, r, &data);
        range_unlock(lu, &lock);
    }
    sgl_clear(&sent);
    sgl_clear(&data);
}

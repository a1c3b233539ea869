/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * COMPARE AND WRITE (SBC-4): the lock primitive of clustered file systems (VAAI ATS). Reading,
 * comparing and writing happen under the range lock that every other write of the LU takes too,
 * so nothing comes between on any path through any target. An aborted one either never touched
 * the volume or is waited for (task_commit): a host that times out and retries must not find
 * its own write and take it for another host's.
 *
 * Data-out is the verify instance, then the write instance, as long as each other; anything
 * else is refused before a byte is compared. Runs on the LU's home; parks.
 */
#include "scsi/block.h"

#include "base/mutant.h"

/* Compares the first half of data with what is there. False: the task has ended, 0E/1D/00 with
 * the offset. Parks. */
static bool compare(struct scsi_lu *lu, struct scsi_task *t, struct blk_range r,
                    const struct sgl *data)
{
    struct sgl now;
    uint64_t diff = 0;
    sgl_init(&now);
    bool ok = blk_read(lu, t, r, &now);
    if (ok)
        diff = sgl_compare(data, 0, &now, 0, now.len);
    sgl_clear(&now);
    if (diff != 0) {
        lu->stats.caw_miscompares++;
        task_miscompare(t, diff - 1);
    }
    return ok && diff == 0;
}

static void compare_and_write(struct scsi_lu *lu, struct scsi_task *t, struct blk_range r,
                              const struct sgl *data)
{
    struct sgl fresh;
    struct range_lock lock;
    struct blk_range held = r;
    if (mutant_on(MUTANT_CAW_WITHOUT_LOCK))
        held.nblk = 0;
    if (!blk_lock(lu, t, &lock, held))
        return;
    sgl_init(&fresh);
    if (compare(lu, t, r, data)) {
        int err = sgl_slice(&fresh, data, data->len / 2, data->len / 2);
        if (err != 0)
            task_errno(t, err, r.lba);
        else
            blk_write(lu, t, r.lba, &fresh, blk_flags(t));
    }
    sgl_clear(&fresh);
    range_unlock(lu, &lock);
}

void op_caw(struct scsi_lu *lu, struct scsi_task *t)
{
    const struct cdb_caw *cdb = (const void *)t->cdb;
    struct blk_range r = {be64_get(cdb->lba), cdb->nblk};
    struct sgl data;
    static_assert(SCSI_CAW_MAX_BLOCKS == UINT8_MAX, "the CDB's field cannot ask for more");
    if (!blk_inside(lu, t, r))
        return;
    lu->stats.caw++;
    sgl_init(&data);
    if (blk_pull_all(t, &data))
        compare_and_write(lu, t, r, &data);
    sgl_clear(&data);
    lu->stats.caw_ns_max = MAX(lu->stats.caw_ns_max, run_now_precise() - t->arrived);
}

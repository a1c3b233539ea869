/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GET LBA STATUS(16) (SBC-4): which blocks are mapped and which are holes, from the volume's
 * extents. One descriptor per run, as far as its 32-bit length goes. The answer is as long as
 * the allocation length has room for, and bounded. A LU that isn't thin is one mapped run. Runs
 * on the LU's home; parks.
 */
#include "scsi/block.h"

#define DESCS_MAX 256u /* in one answer */

struct run {
    struct blk_range r;
    enum volume_extent state;
};

/* The run that starts at lba. 0 or the volume's error. Parks. */
static int find_run(struct scsi_lu *lu, uint64_t lba, struct run *ret_run)
{
    struct run run = {
        {lba, MIN(lu_blocks(lu) - lba, UINT32_MAX)},
        VOL_MAPPED
    };
    uint64_t len;
    if (lu->vol->geo.thin) {
        int err = volume_extents(lu->vol, blk_bytes(lu, lba), blk_bytes(lu, run.r.nblk), &len,
                                 &run.state);
        if (err != 0)
            return err;
        run.r.nblk = len / lu_block(lu);
    }
    *ret_run = run;
    return 0;
}

static void put_run(struct wbuf *w, const struct run *run)
{
    wb_be64(w, run->r.lba);
    wb_be32(w, (uint32_t)run->r.nblk);
    wb_u8(w, run->state == VOL_HOLE ? LBA_STATUS_DEALLOCATED : LBA_STATUS_MAPPED);
    wb_zero(w, 3);
}

/* Fills w until it or the LU is full. 0 or the volume's error. Parks. */
static int put_runs(struct scsi_lu *lu, struct wbuf *w, uint64_t lba)
{
    do {
        struct run run;
        int err = find_run(lu, lba, &run);
        if (err != 0)
            return err;
        put_run(w, &run);
        lba += run.r.nblk;
    } while (lba < lu_blocks(lu) && w->len + LBA_STATUS_DESC_LEN <= w->cap);
    return 0;
}

void op_get_lba_status(struct scsi_lu *lu, struct scsi_task *t)
{
    const struct cdb_lba_status *cdb = (const void *)t->cdb;
    uint32_t alloc = be32_get(cdb->alloc_len);
    struct wbuf w;
    if (!blk_inside(lu, t, (struct blk_range){be64_get(cdb->lba), 1}))
        return;
    if (!task_wbuf(t, alloc, LBA_STATUS_HEADER_LEN + DESCS_MAX * LBA_STATUS_DESC_LEN, &w))
        return;
    wb_zero(&w, LBA_STATUS_HEADER_LEN);
    int err = put_runs(lu, &w, be64_get(cdb->lba));
    if (err != 0) {
        task_errno(t, err, be64_get(cdb->lba));
        return;
    }
    wb_patch_be32(&w, 0, (uint32_t)w.len - 4); /* bytes after the length field */
    task_reply(t, &w, alloc);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the block commands share. Data lengths follow one rule (SAM-5 residuals, RFC 7143
 * 11.4.5): the CDB says how much a command wants to move (t->data_len, filled from the op table
 * before the handler runs), the transport how much the initiator has room or data for; the
 * lesser of the two moves and the transport reports the difference. Commands for which a part
 * of the data has no meaning refuse the difference instead (blk_pull_all). Runs on the LU's
 * home.
 */
#include "scsi/block.h"

enum cdb_group { GROUP_6 = 0, GROUP_10 = 1, GROUP_10B = 2, GROUP_16 = 4, GROUP_12 = 5 };

struct blk_range blk_decode(const uint8_t cdb[16])
{
    const struct cdb10_rw *c10 = (const void *)cdb;
    const struct cdb12_rw *c12 = (const void *)cdb;
    const struct cdb16_rw *c16 = (const void *)cdb;
    const struct cdb6_rw *c6 = (const void *)cdb;

    switch (CDB_GROUP(cdb[0])) {
    case GROUP_10:
    case GROUP_10B:
        return (struct blk_range){be32_get(c10->lba), be16_get(c10->nblk)};
    case GROUP_12:
        return (struct blk_range){be32_get(c12->lba), be32_get(c12->nblk)};
    case GROUP_16:
        return (struct blk_range){be64_get(c16->lba), be32_get(c16->nblk)};
    default:
        return (struct blk_range){be24_get(c6->lba) & CDB6_LBA_MASK,
                                  c6->nblk ? c6->nblk : 256u};
    }
}

uint8_t blk_length_field(const uint8_t cdb[16])
{
    static const uint8_t at[] = {
        [GROUP_6] = offsetof(struct cdb6_rw, nblk),
        [GROUP_10] = offsetof(struct cdb10_rw, nblk),
        [GROUP_10B] = offsetof(struct cdb10_rw, nblk),
        [GROUP_16] = offsetof(struct cdb16_rw, nblk),
        [GROUP_12] = offsetof(struct cdb12_rw, nblk),
    };
    return at[CDB_GROUP(cdb[0])];
}

bool blk_inside(const struct scsi_lu *lu, struct scsi_task *t, struct blk_range r)
{
    uint64_t end = lu_blocks(lu);
    if (r.lba <= end && r.nblk <= end - r.lba)
        return true;
    struct sense s = {.key = SK_ILLEGAL_REQUEST,
                      .asc = 0x21, /* LOGICAL BLOCK ADDRESS OUT OF RANGE */
                      .has_info = true,
                      .info = MAX(r.lba, end)}; /* the first block that is not there */
    task_sense(t, &s);
    return false;
}

bool blk_check(const struct scsi_lu *lu, struct scsi_task *t, struct blk_range r)
{
    if (!blk_inside(lu, t, r))
        return false;
    if (r.nblk <= SCSI_XFER_MAX_BYTES / lu_block(lu))
        return true;
    task_bad_cdb(t, blk_length_field(t->cdb), -1);
    return false;
}

unsigned blk_flags(const struct scsi_task *t)
{
    return (t->op->flags & OP_DPOFUA) && (t->cdb[1] & CDB_FUA) ? VOL_FUA : 0;
}

static bool pull(struct scsi_task *t, uint64_t len, struct sgl *data)
{
    int err = len ? t->ops->pull(t, 0, len, data) : 0;
    if (err != 0)
        task_errno(t, err, 0);
    return err == 0;
}

bool blk_pull(struct scsi_task *t, struct sgl *data)
{
    return pull(t, MIN(t->data_len, t->out_len), data);
}

bool blk_pull_all(struct scsi_task *t, struct sgl *data)
{
    if (t->out_len == t->data_len)
        return pull(t, t->data_len, data);
    task_check(t, SK_ILLEGAL_REQUEST, 0x0e03); /* INVALID FIELD IN COMMAND INFORMATION UNIT */
    return false;
}

bool blk_lock(struct scsi_lu *lu, struct scsi_task *t, struct range_lock *l, struct blk_range r)
{
    int err = range_lock(lu, l, r.lba, r.nblk, &t->cancel);
    if (err != 0)
        task_errno(t, err, r.lba);
    return err == 0;
}

bool blk_admit(struct scsi_lu *lu, struct scsi_task *t, uint64_t bytes)
{
    int err = volume_admit(lu->vol, bytes, &t->cancel);
    if (err != 0)
        task_errno(t, err, 0);
    return err == 0;
}

bool blk_read(struct scsi_lu *lu, struct scsi_task *t, struct blk_range r, struct sgl *data)
{
    if (r.nblk != 0 && !blk_admit(lu, t, blk_bytes(lu, r.nblk)))
        return false;
    int err = volume_read(lu->vol, blk_bytes(lu, r.lba), blk_bytes(lu, r.nblk), data);
    if (err != 0)
        task_errno(t, err, r.lba);
    return err == 0;
}

bool blk_fill_last(struct scsi_lu *lu, struct scsi_task *t, uint64_t lba, struct sgl *data)
{
    uint32_t block = lu_block(lu), part = (uint32_t)(data->len % block);
    struct blk_range last = {lba + data->len / block, 1};
    struct sgl old;
    if (part == 0)
        return true;
    sgl_init(&old);
    bool ok = blk_read(lu, t, last, &old);
    int err = ok ? sgl_slice(data, &old, part, block - part) : 0;
    sgl_clear(&old);
    if (err != 0)
        task_errno(t, err, lba);
    return ok && err == 0;
}

void blk_write(struct scsi_lu *lu, struct scsi_task *t, uint64_t lba, const struct sgl *data,
               unsigned flags)
{
    if ((data->len != 0 && !blk_admit(lu, t, data->len)) || !task_commit(t))
        return;
    int err = volume_write(lu->vol, blk_bytes(lu, lba), data, flags);
    if (err != 0)
        task_errno(t, err, lba);
    else
        task_good(t);
}

void task_miscompare(struct scsi_task *t, uint64_t info)
{
    struct sense s = {.key = SK_MISCOMPARE,
                      .asc = 0x1d, /* MISCOMPARE DURING VERIFY OPERATION */
                      .has_info = true,
                      .info = info};
    task_sense(t, &s);
}

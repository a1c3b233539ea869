/* SPDX-License-Identifier: BSD-2-Clause */
/* What the block commands share: where a CDB points, whether that is inside the LU, and
 * data-out that fits it. */
#ifndef SCSI_BLOCK_H
#define SCSI_BLOCK_H

#include "scsi/limits.h"
#include "scsi/ops.h"
#include "wire/scsi_block.h"

/* Logical blocks. */
struct blk_range {
    uint64_t lba, nblk;
};

/* LBA and length of a READ-like CDB of 6, 10, 12 or 16 bytes (READ, WRITE, VERIFY, ORWRITE,
 * PRE-FETCH, WRITE SAME, ...). */
struct blk_range blk_decode(const uint8_t cdb[16]);
/* False: outside the LU, the task has ended 05/21/00. Zero blocks are inside up to and
 * including the LBA behind the last. */
bool blk_inside(const struct scsi_lu *lu, struct scsi_task *t, struct blk_range r);
/* blk_inside(), and not more than the MAXIMUM TRANSFER LENGTH (05/24/00 at the length
 * field). */
bool blk_check(const struct scsi_lu *lu, struct scsi_task *t, struct blk_range r);
/* First byte of the CDB's length field, for field pointers. */
uint8_t blk_length_field(const uint8_t cdb[16]);
/* VOL_FUA where the CDB's FUA bit asks for it; for rows with OP_DPOFUA only. */
unsigned blk_flags(const struct scsi_task *t);

static inline uint64_t blk_bytes(const struct scsi_lu *lu, uint64_t nblk)
{
    return nblk * lu_block(lu);
}

/* Pulls exactly the data-out that the CDB asks for (t->data_len). False: the task has ended,
 * cancelled or 05/0E/03 because the initiator sends more or less: for commands that mean
 * nothing with a part of their data. Parks. */
bool blk_pull_all(struct scsi_task *t, struct sgl *data);
/* Pulls as much of it as the initiator sends; an overflow or underflow is left to the residual.
 * False: cancelled. Parks. */
bool blk_pull(struct scsi_task *t, struct sgl *data);

/* An initiator that sends a part of a block overwrites that part of it: completes the last
 * block of data with what is there. Under the range lock of the caller. False: the task has
 * ended. Parks. */
bool blk_fill_last(struct scsi_lu *lu, struct scsi_task *t, uint64_t lba, struct sgl *data);
/* Waits for the volume's limits, cancelled with the task. False: cancelled, the task has ended.
 * Parks. */
bool blk_admit(struct scsi_lu *lu, struct scsi_task *t, uint64_t bytes);
/* Commits the task, writes data (whole blocks) at the LBA, ends the task. Under the range lock
 * of the caller. Parks. */
void blk_write(struct scsi_lu *lu, struct scsi_task *t, uint64_t lba, const struct sgl *data,
               unsigned flags);
/* Reads blocks for a command of its own use, not to send. False: the task has ended. Parks. */
bool blk_read(struct scsi_lu *lu, struct scsi_task *t, struct blk_range r, struct sgl *data);
/* The range lock, cancelled with the task. False: cancelled, the task has ended. Parks. */
bool blk_lock(struct scsi_lu *lu, struct scsi_task *t, struct range_lock *l,
              struct blk_range r);

/* Ends the task 0E/1D/00, with where the difference is. */
void task_miscompare(struct scsi_task *t, uint64_t info);

#endif

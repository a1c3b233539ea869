/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VERIFY and WRITE AND VERIFY, (10) to (16). BYTCHK says what with (SBC-4):
 *   00b  nothing: the blocks must be readable, which on a checksumming volume means intact
 *   01b  as many blocks from the initiator;  INFORMATION is the offset of the first difference
 *   11b  one block from the initiator, with each;  INFORMATION is the LBA that differs
 * 10b is reserved, and so is 11b in WRITE AND VERIFY. Blocks are read in pieces, so a long
 * VERIFY keeps little memory and lets others run. Runs on the LU's home; parks.
 */
#include "scsi/block.h"

#define PIECE_BYTES (1u << 20)

enum { BYTCHK_NONE = 0, BYTCHK_ALL = 1, BYTCHK_ONE = 3 };

/* Where a piece of the medium, from its byte off on, differs from data: 1 + offset, 0:
 * nowhere. */
static uint64_t differs(const struct scsi_lu *lu, const struct sgl *data, unsigned bytchk,
                        const struct sgl *piece, uint64_t off)
{
    uint32_t block = lu_block(lu);
    if (bytchk == BYTCHK_ALL && off < data->len) {
        uint64_t at = sgl_compare(data, off, piece, 0, MIN(piece->len, data->len - off));
        return at ? off + at : 0;
    }
    for (uint64_t at = 0; bytchk == BYTCHK_ONE && at < piece->len; at += block)
        if (sgl_compare(data, 0, piece, at, data->len) != 0)
            return off + at + 1;
    return 0;
}

static bool verify_piece(struct scsi_lu *lu, struct scsi_task *t, struct blk_range r,
                         uint64_t off, const struct sgl *data, unsigned bytchk)
{
    struct sgl piece;
    uint64_t diff = 0;
    sgl_init(&piece);
    bool ok = blk_read(lu, t, r, &piece);
    if (ok)
        diff = differs(lu, data, bytchk, &piece, off);
    sgl_clear(&piece);
    if (diff != 0)
        task_miscompare(t, bytchk == BYTCHK_ONE ? r.lba + (diff - 1 - off) / lu_block(lu)
                                                : diff - 1);
    return ok && diff == 0;
}

/* Ends the task. Parks. */
static void verify(struct scsi_lu *lu, struct scsi_task *t, struct blk_range r,
                   const struct sgl *data, unsigned bytchk)
{
    uint64_t step = PIECE_BYTES / lu_block(lu);
    for (uint64_t done = 0; done < r.nblk && !t->aborting; done += step) {
        struct blk_range piece = {r.lba + done, MIN(step, r.nblk - done)};
        if (!verify_piece(lu, t, piece, blk_bytes(lu, done), data, bytchk))
            return;
        fiber_maybe_yield();
    }
    task_good(t);
}

void op_verify(struct scsi_lu *lu, struct scsi_task *t)
{
    struct blk_range r = blk_decode(t->cdb);
    unsigned bytchk = CDB_BYTCHK(t->cdb[1]);
    struct sgl data;
    if (bytchk == 2) {
        task_bad_cdb(t, 1, CDB_BYTCHK_BIT);
        return;
    }
    if (!blk_check(lu, t, r))
        return;
    sgl_init(&data);
    if (bytchk == BYTCHK_ONE ? blk_pull_all(t, &data) : blk_pull(t, &data))
        verify(lu, t, r, &data, bytchk);
    sgl_clear(&data);
}

/* Under the range lock, so that what is verified is what was written. Verifies what was
 * sent. */
static void write_and_verify(struct scsi_lu *lu, struct scsi_task *t, struct blk_range r,
                             struct sgl *data)
{
    struct range_lock lock;
    if (!blk_lock(lu, t, &lock, r))
        return;
    if (blk_fill_last(lu, t, r.lba, data)) {
        r.nblk = data->len / lu_block(lu);
        blk_write(lu, t, r.lba, data, VOL_FUA);
        if (t->status == SCSI_STATUS_GOOD && !t->aborting)
            verify(lu, t, r, data, CDB_BYTCHK(t->cdb[1]));
    }
    range_unlock(lu, &lock);
}

void op_write_verify(struct scsi_lu *lu, struct scsi_task *t)
{
    struct blk_range r = blk_decode(t->cdb);
    struct sgl data;
    if (CDB_BYTCHK(t->cdb[1]) > BYTCHK_ALL) {
        task_bad_cdb(t, 1, CDB_BYTCHK_BIT);
        return;
    }
    if (!blk_check(lu, t, r))
        return;
    sgl_init(&data);
    if (blk_pull(t, &data))
        write_and_verify(lu, t, r, &data);
    sgl_clear(&data);
}

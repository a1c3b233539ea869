/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * WRITE SAME(10) and (16): one block of data-out, or zeros without any (NDOB), over a range;
 * UNMAP=1 allows holes where the data are zeros. Zeros go to the volume as one operation and
 * are never written out. Other data are laid side by side in one buffer, which is written again
 * and again under one range lock; one flush follows the last piece, and an abort ends it
 * between two.
 *
 * WSNZ is 0: a length of zero means to the last block, and is refused like any other that
 * exceeds the MAXIMUM WRITE SAME LENGTH (SBC-4, WRITE SAME(10)). ANCHOR is refused by the op
 * table: a copy-on-write pool cannot promise room for a later write of the same block. Runs on
 * the LU's home; parks.
 */
#include "scsi/block.h"

#include <errno.h>
#include <string.h>

/* The block of data-out at the start of a buffer with room for len bytes. NULL: the task has
 * ended. Parks. */
static struct iobuf *pull_block(struct scsi_lu *lu, struct scsi_task *t, uint64_t len)
{
    struct iobuf *buf = iobuf_get(MIN(len, IOBUF_MAX));
    struct sgl data;
    if (!buf) {
        task_errno(t, -ENOMEM, 0);
        return NULL;
    }
    sgl_init(&data);
    bool ok = blk_pull_all(t, &data);
    if (ok)
        sgl_copy_out(&data, 0, buf->p, lu_block(lu));
    sgl_clear(&data);
    if (ok)
        return buf;
    iobuf_put(buf);
    return NULL;
}

static bool is_zero(const uint8_t *p, size_t len)
{
    return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

/* Repeats the first block bytes to the end of len. */
static void spread(uint8_t *p, size_t block, size_t len)
{
    for (size_t have = block; have < len; have *= 2)
        memcpy(p + have, p, MIN(have, len - have));
}

static int write_pieces(struct scsi_lu *lu, struct scsi_task *t, struct iobuf *buf,
                        uint64_t off, uint64_t len)
{
    uint64_t step = MIN(len, buf->cap);
    spread(buf->p, lu_block(lu), step);
    for (uint64_t done = 0; done < len && !t->aborting; done += step) {
        struct sg piece = {buf, buf->p, (uint32_t)MIN(step, len - done)};
        struct sgl data = {.v = &piece, .n = 1, .cap = 1, .len = piece.len};
        int err = volume_admit(lu->vol, data.len, &t->cancel);
        if (err == 0)
            err = volume_write(lu->vol, off + done, &data, VOL_LATER);
        if (err != 0)
            return err;
        fiber_maybe_yield();
    }
    return volume_settle(lu->vol);
}

static int write_zeros(struct scsi_lu *lu, struct scsi_task *t, uint64_t off, uint64_t len)
{
    int err = volume_admit(lu->vol, 0, &t->cancel);
    return err != 0 ? err
                    : volume_write_zeroes(lu->vol, off, len, t->cdb[1] & WRITE_SAME_UNMAP, 0);
}

/* buf NULL: zeros. Ends the task. Parks. */
static void write_same(struct scsi_lu *lu, struct scsi_task *t, struct blk_range r,
                       struct iobuf *buf)
{
    uint64_t off = blk_bytes(lu, r.lba), len = blk_bytes(lu, r.nblk);
    struct range_lock lock;
    int err = 0;
    if (!blk_lock(lu, t, &lock, r))
        return;
    if (task_commit(t)) {
        if (buf && !is_zero(buf->p, lu_block(lu)))
            err = write_pieces(lu, t, buf, off, len);
        else
            err = write_zeros(lu, t, off, len);
    }
    range_unlock(lu, &lock);
    if (err != 0)
        task_errno(t, err, r.lba);
    else
        task_good(t);
}

void op_write_same(struct scsi_lu *lu, struct scsi_task *t)
{
    struct blk_range r = blk_decode(t->cdb);
    if (!blk_inside(lu, t, r))
        return;
    if (r.nblk == 0)
        r.nblk = lu_blocks(lu) - r.lba;
    if (r.nblk > SCSI_WRITE_SAME_MAX_BYTES / lu_block(lu)) {
        task_bad_cdb(t, blk_length_field(t->cdb), -1);
        return;
    }
    if (t->data_len == 0) { /* NDOB */
        write_same(lu, t, r, NULL);
        return;
    }
    struct iobuf *buf = pull_block(lu, t, MAX(blk_bytes(lu, r.nblk), lu_block(lu)));
    if (buf)
        write_same(lu, t, r, buf);
    iobuf_put(buf);
}

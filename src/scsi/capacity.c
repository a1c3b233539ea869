/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * READ CAPACITY(10) and (16) (SBC-4). Thin volumes say so (LBPME), and that holes read as zeros
 * (LBPRZ): ESXi takes a LU for thin by nothing else. LU's home; doesn't park.
 */
#include "scsi/block.h"

void op_read_capacity10(struct scsi_lu *lu, struct scsi_task *t)
{
    uint8_t bytes[8];
    struct wbuf w = wbuf_make(bytes, sizeof(bytes));
    wb_be32(&w,
            (uint32_t)MIN(lu_blocks(lu) - 1, UINT32_MAX)); /* all ones: ask READ CAPACITY(16) */
    wb_be32(&w, lu_block(lu));
    task_reply(t, &w, sizeof(bytes));
}

/* Logical blocks per physical block, as a power of two. */
static uint8_t physical_exponent(const struct scsi_lu *lu)
{
    uint8_t exponent = 0;
    while (((uint64_t)lu_block(lu) << exponent) < lu->vol->geo.physical_block && exponent < 15)
        exponent++;
    return exponent;
}

void op_read_capacity16(struct scsi_lu *lu, struct scsi_task *t)
{
    uint8_t bytes[CAPACITY16_LEN];
    struct wbuf w = wbuf_make(bytes, sizeof(bytes));
    bool thin = lu->vol->geo.thin && lu->vol->geo.unmap_granularity != 0;
    wb_be64(&w, lu_blocks(lu) - 1);
    wb_be32(&w, lu_block(lu));
    wb_u8(&w, 0); /* no protection information */
    wb_u8(&w, physical_exponent(lu));
    wb_be16(&w, thin ? (CAPACITY16_LBPME | CAPACITY16_LBPRZ) << 8
                     : 0); /* and lowest aligned LBA 0 */
    wb_zero(&w, sizeof(bytes) - w.len);
    task_reply(t, &w, load_be32(t->cdb + 10));
}

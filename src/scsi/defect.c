/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * READ DEFECT DATA(10) and (12) (SBC-4): the lists that were asked for, in the format that was
 * asked for, empty. A volume has no defects of its own; those of disks are the pool's business.
 * LU's home; doesn't park.
 */
#include "scsi/block.h"

#define READ_DEFECT_DATA_12 0xb7

void op_read_defect(struct scsi_lu *lu, struct scsi_task *t)
{
    uint8_t bytes[8] = {0}; /* reserved, lists and format; then zeros: generation and length */
    bool twelve = t->cdb[0] == READ_DEFECT_DATA_12;
    struct wbuf w = wbuf_make(bytes, sizeof(bytes));
    (void)lu;
    wb_u8(&w, 0);
    wb_u8(&w, t->cdb[twelve ? 1 : 2] & DEFECT_LISTS_AND_FORMAT);
    wb_zero(&w, twelve ? 6 : 2);
    task_reply(t, &w, twelve ? load_be32(t->cdb + 6) : load_be16(t->cdb + 7));
}

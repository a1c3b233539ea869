/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PRE-FETCH(10) and (16) (SBC-4). The answer GOOD means that not all blocks are in the cache
 * for later reads, CONDITION MET that they are: a volume has no cache that could be asked to
 * keep blocks, so the range is checked and the answer is always GOOD. Runs on the LU's home;
 * doesn't park.
 */
#include "scsi/block.h"

void op_prefetch(struct scsi_lu *lu, struct scsi_task *t)
{
    if (blk_inside(lu, t, blk_decode(t->cdb)))
        task_good(t);
}

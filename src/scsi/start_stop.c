/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TEST UNIT READY and START STOP UNIT (SBC-4 5.31). A stopped LU refuses what needs its medium
 * with 02/04/02 until it is started again; nothing is loaded or ejected, and there are no power
 * conditions. On the LU's home; a stop flushes and parks.
 */
#include "scsi/ops.h"

#define NO_FLUSH 0x04 /* CDB byte 4 */
#define START    0x01

/* All that it asks was answered by the common checks. */
void op_test_unit_ready(struct scsi_lu *lu, struct scsi_task *t)
{
    (void)lu;
    task_good(t);
}

void op_start_stop(struct scsi_lu *lu, struct scsi_task *t)
{
    bool start = t->cdb[4] & START;
    if (!start && !(t->cdb[4] & NO_FLUSH)) {
        int rc = volume_flush(lu->vol);
        if (rc < 0) {
            task_errno(t, rc, 0);
            return;
        }
    }
    lu->stopped = !start;
    task_good(t);
}

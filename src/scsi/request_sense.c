/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REQUEST SENSE (SPC-4 6.39): reports and clears a unit attention, else why the LU is not
 * ready, else nothing. The sense is data here and the status is GOOD, whatever it says. LU's
 * home, or the nexus's without a LU; does not park.
 */
#include "scsi/ops.h"

#define DESC 0x01 /* CDB byte 1: descriptor format */

static struct sense sense_now(const struct scsi_lu *lu, const struct scsi_task *t)
{
    struct sense s = {.key = SK_NO_SENSE};
    if (!t->itl)
        s = (struct sense){.key = SK_ILLEGAL_REQUEST, .asc = ASC_LUN_NOT_SUPPORTED >> 8};
    else if (!lu)
        s = (struct sense){.key = SK_NOT_READY, .asc = 0x04, .ascq = 0x01};
    else if (ua_take(t->itl, &s))
        return s;
    else if (lu->stopped)
        s = (struct sense){.key = SK_NOT_READY, .asc = 0x04, .ascq = 0x02};
    else if (alua_state(lu, t->itl->who->target.alua_group) == ALUA_STANDBY)
        s = (struct sense){.key = SK_NOT_READY, .asc = 0x04, .ascq = 0x0b};
    return s;
}

void op_request_sense(struct scsi_lu *lu, struct scsi_task *t)
{
    uint8_t bytes[SCSI_SENSE_MAX];
    struct sense s = sense_now(lu, t);
    struct wbuf w = wbuf_make(bytes, sizeof(bytes));
    w.len = sense_encode(&s, t->cdb[1] & DESC, bytes, sizeof(bytes));
    task_reply(t, &w, t->cdb[4]);
}

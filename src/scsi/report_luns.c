/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REPORT LUNS (SPC-4 6.33): the nexus's own map, ascending, LUN 0 first. Answered by the nexus,
 * on its home, whatever LUN it was sent to. Telling the inventory takes UA REPORTED LUNS DATA
 * HAS CHANGED off all LUs. Parks for that.
 */
#include "scsi/ops.h"
#include "wire/scsi_report.h"

#define HEADER_LEN 8
#define LUN_LEN    8
#define REPORT_MAX (HEADER_LEN + (SCSI_MAX_LUN + 1u) * LUN_LEN)

void op_report_luns(struct scsi_lu *lu, struct scsi_task *t)
{
    size_t alloc = load_be32(t->cdb + 6);
    uint8_t select = t->cdb[2];
    struct wbuf w;
    uint16_t lun;
    (void)lu;
    if (select > SELECT_REPORT_ALL) {
        task_bad_cdb(t, 2, 7);
        return;
    }
    if (!task_wbuf(t, alloc, REPORT_MAX, &w))
        return;
    wb_zero(&w, HEADER_LEN);
    if (select != SELECT_REPORT_WELL_KNOWN) { /* there are no well known LUs */
        for (uint32_t from = 0; nexus_next_lun(t->nexus, from, &lun); from = lun + 1u) {
            uint8_t field[LUN_LEN];
            scsi_lun_encode(lun, field);
            wb_bytes(&w, field, sizeof(field));
        }
    }
    wb_patch_be32(&w, 0, (uint32_t)(w.len - HEADER_LEN));
    task_reply(t, &w, alloc);
    nexus_inventory_told(t->nexus);
}

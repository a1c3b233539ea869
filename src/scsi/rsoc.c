/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REPORT SUPPORTED OPERATION CODES and TASK MANAGEMENT FUNCTIONS (SPC-4 6.35, 6.36): the op
 * table, told. On the LU's home; does not park.
 */
#include "scsi/ops.h"
#include "wire/scsi_report.h"

#define ONE_HEADER_LEN 4

enum options { ALL, ONE_OPCODE, ONE_SERVICE_ACTION, ONE_EITHER };

static bool is_present(const struct scsi_op *op, const struct scsi_lu *lu)
{
    return !op->present || op->present(lu);
}

static void timeouts(const struct scsi_op *op, struct wbuf *w)
{
    struct scsi_rsoc_timeouts d = {
        .len = be16_make(sizeof(d) - sizeof(d.len)),
        .recommended_s = be32_make(op->timeout_s),
    };
    wb_bytes(w, &d, sizeof(d));
}

static void report_all(struct scsi_lu *lu, struct scsi_task *t, bool rctd, size_t alloc)
{
    size_t n;
    const struct scsi_op *ops = scsi_ops(&n);
    struct wbuf w;
    size_t max =
        sizeof(be32) + n * (sizeof(struct scsi_rsoc_entry) + sizeof(struct scsi_rsoc_timeouts));
    if (!task_wbuf(t, alloc, max, &w))
        return;
    wb_be32(&w, 0);
    for (size_t i = 0; i < n; i++) {
        struct scsi_rsoc_entry e = {
            .opcode = ops[i].opcode,
            .service_action = be16_make(ops[i].service_action),
            .flags = (uint8_t)((ops[i].has_sa ? RSOC_SERVACTV : 0) | (rctd ? RSOC_CTDP : 0)),
            .cdb_len = be16_make(ops[i].cdb_len),
        };
        if (!is_present(&ops[i], lu))
            continue;
        wb_bytes(&w, &e, sizeof(e));
        if (rctd)
            timeouts(&ops[i], &w);
    }
    wb_patch_be32(&w, 0, (uint32_t)(w.len - sizeof(be32)));
    task_reply(t, &w, alloc);
}

/* op NULL: it is not supported. */
static void report_one(struct scsi_lu *lu, struct scsi_task *t, const struct scsi_op *op,
                       bool rctd, size_t alloc)
{
    uint8_t bytes[ONE_HEADER_LEN + 16 + sizeof(struct scsi_rsoc_timeouts)], usage[16];
    struct wbuf w = wbuf_make(bytes, sizeof(bytes));
    bool ctdp = op && rctd;
    wb_u8(&w, 0);
    wb_u8(&w,
          (uint8_t)((op ? RSOC_SUPPORTED : RSOC_NOT_SUPPORTED) | (ctdp ? RSOC_ONE_CTDP : 0)));
    wb_be16(&w, op ? op->cdb_len : 0);
    if (op) {
        scsi_op_usage(op, lu, usage);
        wb_bytes(&w, usage, op->cdb_len);
    }
    if (ctdp)
        timeouts(op, &w);
    task_reply(t, &w, alloc);
}

/* The row that is asked for; NULL: there is none here. A row without service actions is found
 * whatever was asked. */
static const struct scsi_op *requested(const struct scsi_lu *lu, const uint8_t *cdb,
                                       bool *ret_has_sa)
{
    const uint16_t sa = load_be16(cdb + 4);
    const uint8_t wanted[2] = {cdb[3], (uint8_t)(sa & SCSI_SA_MASK)};
    bool known;
    const struct scsi_op *op = scsi_op_find(wanted, &known);
    *ret_has_sa = op ? op->has_sa : known;
    if (op && ((op->has_sa && sa > SCSI_SA_MASK) || !is_present(op, lu)))
        return NULL;
    return op;
}

void op_report_opcodes(struct scsi_lu *lu, struct scsi_task *t)
{
    enum options options = (enum options)(t->cdb[2] & RSOC_OPTIONS);
    bool rctd = t->cdb[2] & RSOC_RCTD, has_sa = false;
    size_t alloc = load_be32(t->cdb + 6);
    const struct scsi_op *op = NULL;
    if (options == ALL) {
        report_all(lu, t, rctd, alloc);
        return;
    }
    if (options > ONE_EITHER) {
        task_bad_cdb(t, 2, 2);
        return;
    }
    op = requested(lu, t->cdb, &has_sa);
    if (options == ONE_OPCODE && has_sa) { /* SPC-4 table 207: has service actions: an error */
        task_bad_cdb(t, 2, 2);
        return;
    }
    if (options == ONE_SERVICE_ACTION && op && !has_sa) {
        task_bad_cdb(t, 2, 2);
        return;
    }
    if (options == ONE_EITHER && op && !has_sa && load_be16(t->cdb + 4) != 0)
        op = NULL;
    report_one(lu, t, op, rctd, alloc);
}

/* What an initiator can ask for: cold reset and wakeup do not exist for iSCSI, there is no ACA,
 * and the queries and the I_T nexus reset that tmf.c knows have codes only from
 * iSCSIProtocolLevel 2 on (RFC 7144), which is not negotiated. */
void op_report_tmfs(struct scsi_lu *lu, struct scsi_task *t)
{
    uint8_t bytes[sizeof(struct scsi_rstmf) + RSTMF_EXTENDED_LEN] = {0};
    bool extended = t->cdb[2] & RSTMF_REPD;
    struct scsi_rstmf r = {
        .flags0 = TMFS_ABORT_TASK | TMFS_ABORT_TASK_SET | TMFS_CLEAR_TASK_SET | TMFS_LU_RESET |
                  TMFS_TARGET_RESET,
        .additional_len = extended ? RSTMF_EXTENDED_LEN : 0,
    };
    struct wbuf w = wbuf_make(bytes, sizeof(bytes));
    (void)lu;
    wb_bytes(&w, &r, sizeof(r));
    if (extended)
        wb_zero(&w, RSTMF_EXTENDED_LEN); /* no timeouts told */
    task_reply(t, &w, load_be32(t->cdb + 6));
}

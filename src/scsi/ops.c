/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The op table: everything that is true of a command before it is executed. One row per opcode,
 * or per service action, ascending. From the same rows come the check of reserved bits with its
 * field pointer, reservation conflicts, ordering, write protection, admission of data, REPORT
 * SUPPORTED OPCODES and docs/scsi-commands.md, so that they cannot drift apart. Read-only after
 * compilation; any reactor.
 *
 * usage[] lists the bits that the device server looks at, by CDB byte. Byte 0 and the service
 * action are not repeated there: scsi_op_usage() puts them in. Protection information, NACA and
 * what the standards call obsolete are left out, so that they are refused with INVALID FIELD IN
 * CDB.
 */
#include "scsi/ops.h"

/* clang-format off */
#define F1  0xff
#define F2  F1, F1
#define F4  F2, F2
#define F8  F4, F4
#define Z2  0, 0
#define Z4  0, 0, 0, 0

/* GROUP NUMBER (SBC-4): a label for statistics by group, which are kept for none (GROUP_SUP 0):
 * accepted, without effect. */
#define GROUP 0x3f

/* CDBs that differ only in byte 1: an LBA, a length, nothing else. */
#define USE_LBA6          { 0, 0x1f, F2, F1, 0 }
#define USE_LBA10(byte1)  { 0, byte1, F4, GROUP, F2, 0 }
#define USE_LBA12(byte1)  { 0, byte1, F4, F4, GROUP, 0 }
#define USE_LBA16(byte1)  { 0, byte1, F8, F4, GROUP, 0 }

#define DPO_FUA      0x18
#define DPO_BYTCHK   0x16
#define IMMED        0x02
#define BLOCK_READ   .order = ORDER_READ, .pr = PR_READ, .timeout_s = 30
#define BLOCK_WRITE  .order = ORDER_WRITE, .pr = PR_WRITE, .timeout_s = 30
#define SA(n)        .has_sa = true, .service_action = (n)

/* clang-format on */

static bool has_atomic(const struct scsi_lu *lu)
{
    return lu->vol->geo.atomic_max != 0;
}
/* WRITE SAME with UNMAP=1 only where blocks can be given back (SBC-4 5.52). */
static void usage_write_same(const struct scsi_lu *lu, uint8_t usage[16])
{
    if (!lu_unmaps(lu))
        usage[1] &= (uint8_t)~0x08;
}

/* clang-format off */
static const struct scsi_op ops[] = {
    { "TEST UNIT READY", op_test_unit_ready, .opcode = 0x00, .cdb_len = 6,
      .order = ORDER_FREE, .pr = PR_ANY, .guard = GUARD_ANY, .timeout_s = 10 },
    { "REQUEST SENSE", op_request_sense, .opcode = 0x03, .cdb_len = 6,
      .usage = { 0, 0x01, Z2, F1, 0 },
      .flags = OP_DATA_IN | OP_UA_OWN | OP_NO_MEDIUM | OP_NO_LU | OP_RESERVE_ANY,
      .order = ORDER_FREE, .pr = PR_ANY, .guard = GUARD_ANY, .xfer = XFER_BYTES_4, .timeout_s = 10 },
    { "READ(6)", op_read, .opcode = 0x08, .cdb_len = 6, .usage = USE_LBA6,
      .flags = OP_DATA_IN, .xfer = XFER_BLOCKS_6, BLOCK_READ },
    { "WRITE(6)", op_write, .opcode = 0x0a, .cdb_len = 6, .usage = USE_LBA6,
      .flags = OP_DATA_OUT | OP_WRITES, .xfer = XFER_BLOCKS_6, BLOCK_WRITE },
    { "INQUIRY", op_inquiry, .opcode = 0x12, .cdb_len = 6, .usage = { 0, 0x01, F1, F2, 0 },
      .flags = OP_DATA_IN | OP_UA_KEEP | OP_NO_MEDIUM | OP_NO_LU | OP_RESERVE_ANY,
      .order = ORDER_FREE, .pr = PR_ANY, .guard = GUARD_ANY, .xfer = XFER_BYTES_3_16, .timeout_s = 10 },
    { "MODE SELECT(6)", op_mode_select, .opcode = 0x15, .cdb_len = 6,
      .usage = { 0, 0x11, Z2, F1, 0 },
      .flags = OP_DATA_OUT | OP_NO_MEDIUM, .order = ORDER_MODE, .pr = PR_WRITE,
      .xfer = XFER_BYTES_4, .timeout_s = 30 },
    { "RESERVE(6)", op_reserve, .opcode = 0x16, .cdb_len = 6,
      .order = ORDER_FREE, .pr = PR_SPECIAL, .timeout_s = 30 },
    { "RELEASE(6)", op_release, .opcode = 0x17, .cdb_len = 6, .flags = OP_RESERVE_ANY,
      .order = ORDER_FREE, .pr = PR_SPECIAL, .guard = GUARD_ANY, .timeout_s = 30 },
    { "MODE SENSE(6)", op_mode_sense, .opcode = 0x1a, .cdb_len = 6,
      .usage = { 0, 0x08, F2, F1, 0 },
      .flags = OP_DATA_IN | OP_NO_MEDIUM, .order = ORDER_FREE, .pr = PR_READ, .guard = GUARD_ANY,
      .xfer = XFER_BYTES_4, .timeout_s = 10 },
    { "START STOP UNIT", op_start_stop, .opcode = 0x1b, .cdb_len = 6,
      .usage = { 0, 0x01, Z2, 0x05, 0 },
      .flags = OP_NO_MEDIUM, .order = ORDER_MODE, .pr = PR_START, .timeout_s = 30 },
    { "READ CAPACITY(10)", op_read_capacity10, .opcode = 0x25, .cdb_len = 10,
      .flags = OP_DATA_IN, .order = ORDER_FREE, .pr = PR_ANY, .guard = GUARD_ANY,
      .xfer = XFER_8_BYTES, .timeout_s = 10 },
    { "READ(10)", op_read, .opcode = 0x28, .cdb_len = 10, .usage = USE_LBA10(DPO_FUA),
      .flags = OP_DATA_IN | OP_DPOFUA, .xfer = XFER_BLOCKS_10, BLOCK_READ },
    { "WRITE(10)", op_write, .opcode = 0x2a, .cdb_len = 10, .usage = USE_LBA10(DPO_FUA),
      .flags = OP_DATA_OUT | OP_WRITES | OP_DPOFUA, .xfer = XFER_BLOCKS_10, BLOCK_WRITE },
    { "WRITE AND VERIFY(10)", op_write_verify, .opcode = 0x2e, .cdb_len = 10,
      .usage = USE_LBA10(DPO_BYTCHK),
      .flags = OP_DATA_OUT | OP_WRITES, .xfer = XFER_BLOCKS_10, BLOCK_WRITE },
    { "VERIFY(10)", op_verify, .opcode = 0x2f, .cdb_len = 10, .usage = USE_LBA10(DPO_BYTCHK),
      .flags = OP_DATA_OUT, .xfer = XFER_VERIFY_10, BLOCK_READ },
    { "PRE-FETCH(10)", op_prefetch, .opcode = 0x34, .cdb_len = 10,
      .usage = USE_LBA10(IMMED), BLOCK_READ },
    { "SYNCHRONIZE CACHE(10)", op_sync_cache, .opcode = 0x35, .cdb_len = 10,
      .usage = USE_LBA10(IMMED),
      .order = ORDER_SYNC, .pr = PR_WRITE, .timeout_s = 60 },
    { "READ DEFECT DATA(10)", op_read_defect, .opcode = 0x37, .cdb_len = 10,
      .usage = { 0, 0, 0x1f, Z4, F2, 0 },
      .flags = OP_DATA_IN, .order = ORDER_FREE, .pr = PR_READ,
      .xfer = XFER_BYTES_7_16, .timeout_s = 10 },
    { "WRITE SAME(10)", op_write_same, .opcode = 0x41, .cdb_len = 10, .usage = USE_LBA10(0x08),
      .flags = OP_DATA_OUT | OP_WRITES, .order = ORDER_WRITE, .pr = PR_WRITE,
      .xfer = XFER_ONE_BLOCK,
      .timeout_s = 60, .usage_hook = usage_write_same },
    { "UNMAP", op_unmap, .opcode = 0x42, .cdb_len = 10, .usage = { 0, 0, Z4, GROUP, F2, 0 },
      .flags = OP_DATA_OUT | OP_WRITES, .order = ORDER_WRITE, .pr = PR_WRITE,
      .xfer = XFER_BYTES_7_16,
      .timeout_s = 60, .present = lu_unmaps },
    { "LOG SENSE", op_log_sense, .opcode = 0x4d, .cdb_len = 10,
      .usage = { 0, 0, F2, 0, F2, F2, 0 },
      .flags = OP_DATA_IN | OP_NO_MEDIUM | OP_RESERVE_ANY, .order = ORDER_FREE, .pr = PR_ANY, .guard = GUARD_ANY,
      .xfer = XFER_BYTES_7_16, .timeout_s = 10 },
    { "MODE SELECT(10)", op_mode_select, .opcode = 0x55, .cdb_len = 10,
      .usage = { 0, 0x11, Z4, 0, F2, 0 },
      .flags = OP_DATA_OUT | OP_NO_MEDIUM, .order = ORDER_MODE, .pr = PR_WRITE,
      .xfer = XFER_BYTES_7_16, .timeout_s = 30 },
    { "RESERVE(10)", op_reserve, .opcode = 0x56, .cdb_len = 10,
      .order = ORDER_FREE, .pr = PR_SPECIAL, .timeout_s = 30 },
    { "RELEASE(10)", op_release, .opcode = 0x57, .cdb_len = 10, .flags = OP_RESERVE_ANY,
      .order = ORDER_FREE, .pr = PR_SPECIAL, .guard = GUARD_ANY, .timeout_s = 30 },
    { "MODE SENSE(10)", op_mode_sense, .opcode = 0x5a, .cdb_len = 10,
      .usage = { 0, 0x18, F2, Z2, 0, F2, 0 },
      .flags = OP_DATA_IN | OP_NO_MEDIUM, .order = ORDER_FREE, .pr = PR_READ, .guard = GUARD_ANY,
      .xfer = XFER_BYTES_7_16, .timeout_s = 10 },

#define PR_IN  op_pr_in, .opcode = 0x5e, .cdb_len = 10, .usage = { 0, 0, Z4, 0, F2, 0 }, \
      .flags = OP_DATA_IN | OP_NO_MEDIUM, .order = ORDER_FREE, .pr = PR_ANY, .guard = GUARD_ANY, \
      .xfer = XFER_BYTES_7_16, .timeout_s = 30
    { "PERSISTENT RESERVE IN/READ KEYS", PR_IN, SA(0x00) },
    { "PERSISTENT RESERVE IN/READ RESERVATION", PR_IN, SA(0x01) },
    { "PERSISTENT RESERVE IN/REPORT CAPABILITIES", PR_IN, SA(0x02) },
    { "PERSISTENT RESERVE IN/READ FULL STATUS", PR_IN, SA(0x03) },
#define PR_OUT op_pr_out, .opcode = 0x5f, .cdb_len = 10, .usage = { 0, 0, F1, Z2, F4, 0 }, \
      .flags = OP_DATA_OUT | OP_NO_MEDIUM, .order = ORDER_FREE, .pr = PR_SPECIAL, \
      .xfer = XFER_BYTES_5_32, .timeout_s = 30
    { "PERSISTENT RESERVE OUT/REGISTER", PR_OUT, SA(0x00) },
    { "PERSISTENT RESERVE OUT/RESERVE", PR_OUT, SA(0x01) },
    { "PERSISTENT RESERVE OUT/RELEASE", PR_OUT, SA(0x02) },
    { "PERSISTENT RESERVE OUT/CLEAR", PR_OUT, SA(0x03) },
    { "PERSISTENT RESERVE OUT/PREEMPT", PR_OUT, SA(0x04) },
    { "PERSISTENT RESERVE OUT/PREEMPT AND ABORT", PR_OUT, SA(0x05) },
    { "PERSISTENT RESERVE OUT/REGISTER AND IGNORE EXISTING KEY", PR_OUT, SA(0x06) },
    { "PERSISTENT RESERVE OUT/REGISTER AND MOVE", PR_OUT, SA(0x07) },

    { "EXTENDED COPY(LID1)", op_xcopy, .opcode = 0x83, SA(0x00), .cdb_len = 16,
      .usage = { 0, 0, Z4, Z4, F4, Z2 },
      .flags = OP_DATA_OUT, .order = ORDER_FREE, .pr = PR_WRITE,
      .xfer = XFER_BYTES_10_32, .timeout_s = 120 },
#define COPY_RESULTS op_receive_copy_results, .opcode = 0x84, .cdb_len = 16, \
      .usage = { 0, 0, F1, Z4, Z2, 0, F4, Z2 }, .flags = OP_DATA_IN, \
      .order = ORDER_FREE, .pr = PR_READ, .guard = GUARD_ANY, .xfer = XFER_BYTES_10_32, .timeout_s = 10
    { "RECEIVE COPY RESULTS/COPY STATUS", COPY_RESULTS, SA(0x00) },
    { "RECEIVE COPY RESULTS/RECEIVE DATA", COPY_RESULTS, SA(0x01) },
    { "RECEIVE COPY RESULTS/OPERATING PARAMETERS", COPY_RESULTS, SA(0x03) },
    { "RECEIVE COPY RESULTS/FAILED SEGMENT DETAILS", COPY_RESULTS, SA(0x04) },

    { "READ(16)", op_read, .opcode = 0x88, .cdb_len = 16, .usage = USE_LBA16(DPO_FUA),
      .flags = OP_DATA_IN | OP_DPOFUA, .xfer = XFER_BLOCKS_16, BLOCK_READ },
    { "COMPARE AND WRITE", op_caw, .opcode = 0x89, .cdb_len = 16,
      .usage = { 0, DPO_FUA, F8, Z2, 0, F1, GROUP, 0 },
      .flags = OP_DATA_OUT | OP_WRITES | OP_DPOFUA, .xfer = XFER_CAW, BLOCK_WRITE },
    { "WRITE(16)", op_write, .opcode = 0x8a, .cdb_len = 16, .usage = USE_LBA16(DPO_FUA),
      .flags = OP_DATA_OUT | OP_WRITES | OP_DPOFUA, .xfer = XFER_BLOCKS_16, BLOCK_WRITE },
    { "ORWRITE(16)", op_orwrite, .opcode = 0x8b, .cdb_len = 16, .usage = USE_LBA16(DPO_FUA),
      .flags = OP_DATA_OUT | OP_WRITES | OP_DPOFUA, .xfer = XFER_BLOCKS_16, BLOCK_WRITE },
    { "WRITE AND VERIFY(16)", op_write_verify, .opcode = 0x8e, .cdb_len = 16,
      .usage = USE_LBA16(DPO_BYTCHK),
      .flags = OP_DATA_OUT | OP_WRITES, .xfer = XFER_BLOCKS_16, BLOCK_WRITE },
    { "VERIFY(16)", op_verify, .opcode = 0x8f, .cdb_len = 16, .usage = USE_LBA16(DPO_BYTCHK),
      .flags = OP_DATA_OUT, .xfer = XFER_VERIFY_16, BLOCK_READ },
    { "PRE-FETCH(16)", op_prefetch, .opcode = 0x90, .cdb_len = 16,
      .usage = USE_LBA16(IMMED), BLOCK_READ },
    { "SYNCHRONIZE CACHE(16)", op_sync_cache, .opcode = 0x91, .cdb_len = 16,
      .usage = USE_LBA16(IMMED),
      .order = ORDER_SYNC, .pr = PR_WRITE, .timeout_s = 60 },
    { "WRITE SAME(16)", op_write_same, .opcode = 0x93, .cdb_len = 16, .usage = USE_LBA16(0x09),
      .flags = OP_DATA_OUT | OP_WRITES, .order = ORDER_WRITE, .pr = PR_WRITE,
      .xfer = XFER_ONE_BLOCK_NDOB,
      .timeout_s = 60, .usage_hook = usage_write_same },
    { "WRITE ATOMIC(16)", op_write_atomic, .opcode = 0x9c, .cdb_len = 16,
      .usage = USE_LBA16(DPO_FUA),
      .flags = OP_DATA_OUT | OP_WRITES | OP_DPOFUA, .xfer = XFER_BLOCKS_ATOMIC, BLOCK_WRITE,
      .present = has_atomic },
    { "READ CAPACITY(16)", op_read_capacity16, .opcode = 0x9e, SA(0x10), .cdb_len = 16,
      .usage = { 0, 0, Z4, Z4, F4, Z2 },
      .flags = OP_DATA_IN, .order = ORDER_FREE, .pr = PR_ANY, .guard = GUARD_ANY,
      .xfer = XFER_BYTES_10_32, .timeout_s = 10 },
    { "GET LBA STATUS", op_get_lba_status, .opcode = 0x9e, SA(0x12), .cdb_len = 16,
      .usage = { 0, 0, F8, F4, Z2 },
      .flags = OP_DATA_IN, .xfer = XFER_BYTES_10_32, BLOCK_READ },

    { "REPORT LUNS", op_report_luns, .opcode = 0xa0, .cdb_len = 12,
      .usage = { 0, 0, F1, Z2, 0, F4, Z2 },
      .flags = OP_DATA_IN | OP_UA_KEEP | OP_NO_MEDIUM | OP_NO_LU | OP_RESERVE_ANY,
      .order = ORDER_FREE, .pr = PR_ANY, .guard = GUARD_ANY, .xfer = XFER_BYTES_6_32, .timeout_s = 10 },
    { "REPORT IDENTIFYING INFORMATION", op_report_ident, .opcode = 0xa3, SA(0x05),
      .cdb_len = 12,
      .usage = { 0, 0, Z4, F4, 0xfe, 0 }, .flags = OP_DATA_IN | OP_NO_MEDIUM,
      .order = ORDER_FREE, .pr = PR_ANY, .guard = GUARD_ANY, .xfer = XFER_BYTES_6_32, .timeout_s = 10 },
    { "REPORT TARGET PORT GROUPS", op_report_tpg, .opcode = 0xa3, SA(0x0a), .cdb_len = 12,
      .usage = { 0, 0xe0, Z4, F4, Z2 }, .flags = OP_DATA_IN | OP_NO_MEDIUM,
      .order = ORDER_FREE, .pr = PR_ANY, .guard = GUARD_ANY, .xfer = XFER_BYTES_6_32, .timeout_s = 10 },
    { "REPORT SUPPORTED OPERATION CODES", op_report_opcodes, .opcode = 0xa3, SA(0x0c),
      .cdb_len = 12,
      .usage = { 0, 0, 0x87, F1, F2, F4, Z2 }, .flags = OP_DATA_IN | OP_NO_MEDIUM,
      .order = ORDER_FREE, .pr = PR_READ, .guard = GUARD_ANY, .xfer = XFER_BYTES_6_32, .timeout_s = 10 },
    { "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", op_report_tmfs, .opcode = 0xa3, SA(0x0d),
      .cdb_len = 12,
      .usage = { 0, 0, 0x80, Z2, 0, F4, Z2 }, .flags = OP_DATA_IN | OP_NO_MEDIUM,
      .order = ORDER_FREE, .pr = PR_READ, .guard = GUARD_ANY, .xfer = XFER_BYTES_6_32, .timeout_s = 10 },
    { "SET IDENTIFYING INFORMATION", op_set_ident, .opcode = 0xa4, SA(0x06), .cdb_len = 12,
      .usage = { 0, 0, Z4, F4, 0xfe, 0 }, .flags = OP_DATA_OUT | OP_NO_MEDIUM,
      .order = ORDER_MODE, .pr = PR_WRITE, .xfer = XFER_BYTES_6_32, .timeout_s = 30 },
    { "SET TARGET PORT GROUPS", op_set_tpg, .opcode = 0xa4, SA(0x0a), .cdb_len = 12,
      .usage = { 0, 0, Z4, F4, Z2 }, .flags = OP_DATA_OUT | OP_NO_MEDIUM,
      .order = ORDER_MODE, .pr = PR_WRITE, .xfer = XFER_BYTES_6_32, .timeout_s = 30 },
    { "READ(12)", op_read, .opcode = 0xa8, .cdb_len = 12, .usage = USE_LBA12(DPO_FUA),
      .flags = OP_DATA_IN | OP_DPOFUA, .xfer = XFER_BLOCKS_12, BLOCK_READ },
    { "WRITE(12)", op_write, .opcode = 0xaa, .cdb_len = 12, .usage = USE_LBA12(DPO_FUA),
      .flags = OP_DATA_OUT | OP_WRITES | OP_DPOFUA, .xfer = XFER_BLOCKS_12, BLOCK_WRITE },
    { "WRITE AND VERIFY(12)", op_write_verify, .opcode = 0xae, .cdb_len = 12,
      .usage = USE_LBA12(DPO_BYTCHK),
      .flags = OP_DATA_OUT | OP_WRITES, .xfer = XFER_BLOCKS_12, BLOCK_WRITE },
    { "VERIFY(12)", op_verify, .opcode = 0xaf, .cdb_len = 12, .usage = USE_LBA12(DPO_BYTCHK),
      .flags = OP_DATA_OUT, .xfer = XFER_VERIFY_12, BLOCK_READ },
    { "READ DEFECT DATA(12)", op_read_defect, .opcode = 0xb7, .cdb_len = 12,
      .usage = { 0, 0x1f, F4, F4, Z2 },
      .flags = OP_DATA_IN, .order = ORDER_FREE, .pr = PR_READ,
      .xfer = XFER_BYTES_6_32, .timeout_s = 10 },
};
/* clang-format on */

const struct scsi_op *scsi_ops(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(ops);
    return ops;
}

/* The first row with the opcode or a greater one. */
static size_t first_row(uint8_t opcode)
{
    size_t lo = 0, hi = ARRAY_LEN(ops);
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (ops[mid].opcode < opcode)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const struct scsi_op *scsi_op_find(const uint8_t *cdb, bool *ret_opcode_known)
{
    size_t i = first_row(cdb[0]);
    *ret_opcode_known = i < ARRAY_LEN(ops) && ops[i].opcode == cdb[0];
    for (; i < ARRAY_LEN(ops) && ops[i].opcode == cdb[0]; i++)
        if (!ops[i].has_sa || ops[i].service_action == (cdb[1] & SCSI_SA_MASK))
            return &ops[i];
    return NULL;
}

void scsi_op_usage(const struct scsi_op *op, const struct scsi_lu *lu, uint8_t ret_usage[16])
{
    memcpy(ret_usage, op->usage, sizeof(op->usage));
    ret_usage[0] = op->opcode;
    if (op->usage_hook && lu)
        op->usage_hook(lu, ret_usage);
    if (op->has_sa)
        ret_usage[1] = (uint8_t)((ret_usage[1] & ~SCSI_SA_MASK) | op->service_action);
}

const char *scsi_cdb_name(const uint8_t cdb[16])
{
    bool known;
    const struct scsi_op *op = scsi_op_find(cdb, &known);
    return op ? op->name : known ? "unknown service action" : "unknown opcode";
}

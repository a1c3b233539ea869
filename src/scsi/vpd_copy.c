/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Third-party copy (SPC-4 7.8.17): which commands there are, read from the op table, and the
 * limits that EXTENDED COPY enforces. LU's home; does not park.
 */
#include "scsi/limits.h"
#include "scsi/vpd.h"
#include "wire/scsi_copy.h"
#include "wire/scsi_inquiry.h"

#define OPCODE_EXTENDED_COPY 0x83
#define OPCODE_RECEIVE_COPY  0x84

/* Descriptors have a length in bytes that is a multiple of four, with their list's own length
 * in front. */
static void list_descriptor(struct wbuf *w, uint16_t type, const uint8_t *list, size_t len)
{
    size_t padded = round_up(len + 1, 4);
    wb_be16(w, type);
    wb_be16(w, (uint16_t)padded);
    wb_u8(w, (uint8_t)len);
    wb_bytes(w, list, len);
    wb_zero(w, padded - len - 1);
}

static void service_actions(struct wbuf *w, uint8_t opcode)
{
    size_t n;
    const struct scsi_op *ops = scsi_ops(&n);
    size_t len_at = w->len + 1;
    wb_u8(w, opcode);
    wb_u8(w, 0);
    for (size_t i = 0; i < n; i++)
        if (ops[i].opcode == opcode)
            wb_u8(w, ops[i].service_action);
    uint8_t len = (uint8_t)(w->len - len_at - 1);
    wb_patch(w, len_at, &len, 1);
}

static void supported_commands(struct wbuf *w)
{
    uint8_t bytes[2 * (2 + 32)];
    struct wbuf list = wbuf_make(bytes, sizeof(bytes));
    service_actions(&list, OPCODE_EXTENDED_COPY);
    service_actions(&list, OPCODE_RECEIVE_COPY);
    list_descriptor(w, TPC_SUPPORTED_COMMANDS, bytes, list.len);
}

void vpd_copy(const struct scsi_lu *lu, const struct scsi_itl *itl, struct wbuf *w)
{
    static const uint8_t descriptors[] = {COPY_SEGMENT_BLOCKS, COPY_SEGMENT_BYTES,
                                          COPY_CSCD_IDENTIFICATION};
    struct scsi_tpc_parameters params = {
        .type = be16_make(TPC_PARAMETER_DATA),
        .len = be16_make(sizeof(params) - 4),
        .max_cscds = be16_make(SCSI_COPY_MAX_CSCDS),
        .max_segments = be16_make(SCSI_COPY_MAX_SEGMENTS),
        .max_list_bytes = be32_make(SCSI_COPY_MAX_LIST_BYTES),
    };
    struct scsi_tpc_general general = {
        .type = be16_make(TPC_GENERAL_COPY),
        .len = be16_make(sizeof(general) - 4),
        .concurrent = be32_make(SCSI_COPY_MAX_CONCURRENT),
        .identified_concurrent = be32_make(SCSI_COPY_MAX_CONCURRENT),
        .max_segment_bytes = be32_make(SCSI_COPY_MAX_SEGMENT_BYTES),
        .segment_granularity = (uint8_t)__builtin_ctz(lu_block(lu)),
    };
    (void)itl;
    supported_commands(w);
    wb_bytes(w, &params, sizeof(params));
    list_descriptor(w, TPC_SUPPORTED_DESCRIPTORS, descriptors, sizeof(descriptors));
    wb_bytes(w, &general, sizeof(general));
}

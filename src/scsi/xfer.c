/* SPDX-License-Identifier: BSD-2-Clause */
/* How many bytes a CDB asks to move, by the op row's xfer. Pure. */
#include "scsi/scsi_int.h"

#define BLOCK_MAX    4096u /* the largest logical block there is (volume_geometry) */
#define BYTCHK_SHIFT 1
#define BYTCHK_MASK  0x06
#define NDOB         0x01

/* VERIFY: BYTCHK 00b compares nothing, 01b all blocks, 11b one block with each (SBC-4 5.40). */
static uint64_t verify_blocks(const uint8_t *cdb, uint64_t blocks)
{
    switch ((cdb[1] & BYTCHK_MASK) >> BYTCHK_SHIFT) {
    case 1:
        return blocks;
    case 3:
        return blocks ? 1 : 0;
    default:
        return 0;
    }
}

uint64_t scsi_op_xfer(const struct scsi_op *op, const uint8_t *cdb, uint32_t block_size)
{
    switch (op->xfer) {
    case XFER_NONE:
        return 0;
    case XFER_BLOCKS_6: /* 0 means 256, SBC-4 5.14 */
        return (uint64_t)(cdb[4] ? cdb[4] : 256) * block_size;
    case XFER_BLOCKS_10:
        return (uint64_t)load_be16(cdb + 7) * block_size;
    case XFER_BLOCKS_12:
        return (uint64_t)load_be32(cdb + 6) * block_size;
    case XFER_BLOCKS_16:
        return (uint64_t)load_be32(cdb + 10) * block_size;
    case XFER_BLOCKS_ATOMIC:
        return (uint64_t)load_be16(cdb + 12) * block_size;
    case XFER_VERIFY_10:
        return verify_blocks(cdb, load_be16(cdb + 7)) * block_size;
    case XFER_VERIFY_12:
        return verify_blocks(cdb, load_be32(cdb + 6)) * block_size;
    case XFER_VERIFY_16:
        return verify_blocks(cdb, load_be32(cdb + 10)) * block_size;
    case XFER_ONE_BLOCK:
        return block_size;
    case XFER_ONE_BLOCK_NDOB:
        return cdb[1] & NDOB ? 0 : block_size;
    case XFER_CAW:
        return 2ull * cdb[13] * block_size;
    case XFER_8_BYTES:
        return 8;
    case XFER_BYTES_4:
        return cdb[4];
    case XFER_BYTES_3_16:
        return load_be16(cdb + 3);
    case XFER_BYTES_7_16:
        return load_be16(cdb + 7);
    case XFER_BYTES_5_32:
        return load_be32(cdb + 5);
    case XFER_BYTES_6_32:
        return load_be32(cdb + 6);
    case XFER_BYTES_10_32:
        return load_be32(cdb + 10);
    }
    return 0;
}

uint64_t scsi_cdb_data_bound(const uint8_t cdb[16])
{
    bool known;
    const struct scsi_op *op = scsi_op_find(cdb, &known);
    return op ? scsi_op_xfer(op, cdb, BLOCK_MAX) : 0;
}

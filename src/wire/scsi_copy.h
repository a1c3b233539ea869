/* SPDX-License-Identifier: BSD-2-Clause */
/* EXTENDED COPY(LID1) and RECEIVE COPY RESULTS as bytes (SPC-4). CSCD: copy source and copy
 * destination. */
#ifndef WIRE_SCSI_COPY_H
#define WIRE_SCSI_COPY_H

#include "base/endian.h"

#include <assert.h>
#include <stddef.h>

struct cdb_copy { /* both commands */
    uint8_t opcode, service_action;
    uint8_t list_id; /* RECEIVE COPY RESULTS */
    uint8_t rsvd3[7];
    be32 len; /* parameter list or allocation length */
    uint8_t rsvd14, control;
};
static_assert(sizeof(struct cdb_copy) == 16, "SPC-4 EXTENDED COPY(LID1)");

struct copy_list {
    uint8_t list_id;
    uint8_t flags;
    be16 cscds_len; /* bytes */
    uint8_t rsvd4[4];
    be32 segments_len; /* bytes */
    be32 inline_len;
};
static_assert(sizeof(struct copy_list) == 16, "SPC-4 EXTENDED COPY(LID1)");
#define COPY_LIST_ID_USAGE(flags) (((flags) >> 3) & 3)
#define COPY_LIST_ID_USAGE_BIT    4
#define COPY_LIST_ID_HOLD         0 /* results are kept */
#define COPY_LIST_ID_RESERVED     1
#define COPY_LIST_ID_DISCARD      2 /* results may be forgotten */
#define COPY_LIST_ID_NONE         3 /* the list identifier says nothing */

enum copy_descriptor {
    COPY_SEGMENT_BLOCKS = 0x02, /* from block device to block device */
    COPY_SEGMENT_BYTES = 0x0a,  /* the same, in bytes and with offsets */
    COPY_CSCD_IDENTIFICATION = 0xe4,
};

struct copy_cscd {
    uint8_t type;
    uint8_t peripheral; /* LU ID type and NUL, both ignored; device type in the low five bits */
    be16 rel_initiator_port;
    uint8_t code_set;
    uint8_t designator_type; /* association and type, as in VPD 83 */
    uint8_t rsvd6;
    uint8_t designator_len;
    uint8_t designator[20];
    uint8_t pad;
    be24 block_len; /* bytes */
};
static_assert(sizeof(struct copy_cscd) == 32, "SPC-4 identification CSCD descriptor");
#define COPY_PERIPHERAL_MASK 0x1f
#define COPY_DESIGNATOR_MASK 0x3f
#define COPY_DESIGNATOR_NAA  0x03 /* association: the LU */

struct copy_segment_header {
    uint8_t type;
    uint8_t flags;
    be16 len;                 /* bytes that follow this field */
    be16 source, destination; /* index into the CSCD list */
};
#define COPY_SEGMENT_DC 0x02 /* the number of blocks counts those of the destination */

struct copy_segment_blocks {
    struct copy_segment_header h;
    uint8_t rsvd8[2];
    be16 nblk;
    be64 source_lba, destination_lba;
};
static_assert(sizeof(struct copy_segment_blocks) == 28, "SPC-4 block device to block device");

struct copy_segment_bytes {
    struct copy_segment_header h;
    be32 nbytes;
    be64 source_lba, destination_lba;
    be16 source_offset, destination_offset; /* bytes behind the LBA */
};
static_assert(sizeof(struct copy_segment_bytes) == 32, "SPC-4 block to block with offset");

enum copy_results_sa {
    COPY_STATUS = 0x00,
    COPY_RECEIVE_DATA = 0x01,
    COPY_OPERATING_PARAMETERS = 0x03,
    COPY_FAILED_SEGMENT_DETAILS = 0x04,
};

struct copy_status {
    be32 available; /* bytes that follow this field */
    uint8_t status;
    be16 segments; /* done */
    uint8_t units; /* of the count: 0, bytes */
    be32 transferred;
};
static_assert(sizeof(struct copy_status) == 12, "SPC-4 COPY STATUS");
#define COPY_IN_PROGRESS 0x00
#define COPY_DONE        0x01
#define COPY_FAILED      0x02

struct copy_parameters {
    be32 available;
    uint8_t flags;
    uint8_t rsvd5[3];
    be16 max_cscds, max_segments;
    be32 max_list_len, max_segment_len;
    be32 max_inline, held_data, max_stream;
    uint8_t rsvd32[2];
    be16 total_concurrent;
    uint8_t max_concurrent;
    uint8_t segment_granularity, inline_granularity, held_granularity; /* powers of two */
    uint8_t rsvd40[3];
    uint8_t ntypes; /* of descriptors, which follow */
};
static_assert(sizeof(struct copy_parameters) == 44, "SPC-4 OPERATING PARAMETERS");
#define COPY_SNLID 0x01 /* list identifier usage NONE is supported */

struct copy_failed {
    be32 available;
    uint8_t rsvd4[52];
    uint8_t status; /* of the EXTENDED COPY */
    uint8_t rsvd57;
    be16 sense_len;
    /* sense data */
};
static_assert(sizeof(struct copy_failed) == 60, "SPC-4 FAILED SEGMENT DETAILS");

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* INQUIRY data and vital product data as bytes: SPC-4 6.6 and 7.8, SBC-4 6.6. */
#ifndef WIRE_SCSI_INQUIRY_H
#define WIRE_SCSI_INQUIRY_H

#include "base/endian.h"

#include <assert.h>
#include <stddef.h>

#define INQUIRY_EVPD 0x01 /* CDB byte 1 */

/* Peripheral qualifier and device type. */
#define PERIPHERAL_DISK 0x00 /* 000b, direct access block device */
#define PERIPHERAL_NONE 0x7f /* 011b, 1Fh: there is and will be nothing at this LUN */

#define INQUIRY_VERSIONS 8
struct scsi_inquiry {
    uint8_t peripheral;
    uint8_t rmb;
    uint8_t version;
    uint8_t format;         /* INQUIRY_HISUP, response data format 2 */
    uint8_t additional_len; /* bytes after this one */
    uint8_t flags5, flags6, flags7;
    uint8_t vendor[8], product[16], revision[4];
    uint8_t vendor_specific[20];
    uint8_t rsvd56[2];
    be16 versions[INQUIRY_VERSIONS];
    uint8_t rsvd74[22];
};
static_assert(sizeof(struct scsi_inquiry) == 96, "SPC-4 6.6.2");
static_assert(offsetof(struct scsi_inquiry, vendor) == 8, "SPC-4 6.6.2");
static_assert(offsetof(struct scsi_inquiry, versions) == 58, "SPC-4 6.6.2");

#define INQUIRY_SPC4      0x06 /* version */
#define INQUIRY_FORMAT    0x02
#define INQUIRY_HISUP     0x10 /* LUNs follow SAM's hierarchical structure */
#define INQUIRY_TPGS_BOTH 0x30 /* flags5: implicit and explicit target port groups */
#define INQUIRY_3PC       0x08 /* flags5: third-party copy */
#define INQUIRY_MULTIP    0x10 /* flags6: several ports */
#define INQUIRY_CMDQUE    0x02 /* flags7 */
/* Version descriptors, SPC-4 table 148. */
#define VERSION_SAM5  0x00a0
#define VERSION_SPC4  0x0460
#define VERSION_SBC3  0x04c0
#define VERSION_ISCSI 0x0960

struct scsi_vpd_header {
    uint8_t peripheral;
    uint8_t page;
    be16 len; /* bytes after this header */
};
static_assert(sizeof(struct scsi_vpd_header) == 4, "SPC-4 7.8.1");

/* SPC-4 7.8.6.1: one designation descriptor's head. */
struct scsi_designator {
    uint8_t code_set; /* DESIG_PROTOCOL_*, DESIG_CODE_* */
    uint8_t type;     /* DESIG_PIV, DESIG_OF_*, DESIG_TYPE_* */
    uint8_t rsvd2;
    uint8_t len; /* bytes after this head */
};
static_assert(sizeof(struct scsi_designator) == 4, "SPC-4 7.8.6.1");
#define DESIG_PROTOCOL_ISCSI 0x50
#define DESIG_CODE_BINARY    0x01
#define DESIG_CODE_ASCII     0x02
#define DESIG_CODE_UTF8      0x03
#define DESIG_PIV            0x80 /* the protocol identifier is valid */
#define DESIG_OF_LU          0x00
#define DESIG_OF_PORT        0x10
#define DESIG_OF_DEVICE      0x20
#define DESIG_TYPE_T10       0x01
#define DESIG_TYPE_NAA       0x03
#define DESIG_TYPE_REL_PORT  0x04
#define DESIG_TYPE_GROUP     0x05
#define DESIG_TYPE_NAME      0x08

/* SPC-4 7.8.7 */
struct scsi_vpd_extended {
    uint8_t flags4, flags5, flags6, flags7, flags8, flags9;
    be16 selftest_minutes;
    uint8_t flags12;
    uint8_t max_sense_len;
    uint8_t rsvd14[50];
};
static_assert(sizeof(struct scsi_vpd_extended) == 60, "SPC-4 7.8.7");
#define EXT_HEADSUP 0x04 /* flags5 */
#define EXT_ORDSUP  0x02
#define EXT_SIMPSUP 0x01
#define EXT_V_SUP   0x01 /* flags6: a volatile cache */
#define EXT_LUICLR  0x01 /* flags7: REPORT LUNS clears 3F/0E on every LU */

/* SPC-4 7.8.9: mode page policy descriptor. */
struct scsi_vpd_policy {
    uint8_t page, subpage; /* 3F/FF: all that have no descriptor of their own */
    uint8_t policy;        /* 0: shared by all nexuses */
    uint8_t rsvd3;
};
static_assert(sizeof(struct scsi_vpd_policy) == 4, "SPC-4 7.8.9");

/* SBC-4 6.6.4 */
struct scsi_vpd_block_limits {
    uint8_t wsnz;
    uint8_t max_caw_blocks;
    be16 granularity; /* of optimal transfers, blocks */
    be32 max_transfer, optimal_transfer, max_prefetch;
    be32 max_unmap_lbas, max_unmap_descs;
    be32 unmap_granularity, unmap_alignment; /* the alignment with UGAVALID */
    be64 max_write_same;
    be32 max_atomic, atomic_alignment, atomic_granularity;
    be32 max_atomic_bounded, max_atomic_boundary;
};
static_assert(sizeof(struct scsi_vpd_block_limits) == 60, "SBC-4 6.6.4");
static_assert(offsetof(struct scsi_vpd_block_limits, max_write_same) == 32, "SBC-4 6.6.4");
#define LIMITS_UGAVALID 0x80000000u

/* SBC-4 6.6.2 */
struct scsi_vpd_characteristics {
    be16 rotation; /* ROTATION_* */
    uint8_t product_type;
    uint8_t form_factor; /* 0: not reported */
    uint8_t flags8;
    uint8_t rsvd9[55];
};
static_assert(sizeof(struct scsi_vpd_characteristics) == 60, "SBC-4 6.6.2");
#define ROTATION_UNKNOWN 0x0000
#define ROTATION_NONE    0x0001 /* solid state */

/* SBC-4 6.6.5 */
struct scsi_vpd_provisioning {
    uint8_t threshold_exponent;
    uint8_t flags5;
    uint8_t type;
    uint8_t rsvd7;
};
static_assert(sizeof(struct scsi_vpd_provisioning) == 4, "SBC-4 6.6.5");
#define PROVISIONING_LBPU    0x80 /* flags5: UNMAP */
#define PROVISIONING_LBPWS   0x40 /* WRITE SAME(16) with UNMAP */
#define PROVISIONING_LBPWS10 0x20
#define PROVISIONING_LBPRZ   0x04 /* unmapped blocks read as zeros */
#define PROVISIONING_FULL    0x00 /* type */
#define PROVISIONING_THIN    0x02

/* SPC-4 7.8.17: third-party copy descriptors. */
#define TPC_SUPPORTED_COMMANDS    0x0001
#define TPC_PARAMETER_DATA        0x0004
#define TPC_SUPPORTED_DESCRIPTORS 0x0008
#define TPC_GENERAL_COPY          0x8001
struct scsi_tpc_parameters {
    be16 type, len;
    uint8_t rsvd4[4];
    be16 max_cscds, max_segments;
    be32 max_list_bytes, max_inline_bytes;
    uint8_t rsvd20[12];
};
static_assert(sizeof(struct scsi_tpc_parameters) == 32, "SPC-4 7.8.17.7");
struct scsi_tpc_general {
    be16 type, len;
    be32 concurrent, identified_concurrent;
    be32 max_segment_bytes;
    uint8_t segment_granularity, inline_granularity; /* powers of two, bytes */
    uint8_t rsvd18[18];
};
static_assert(sizeof(struct scsi_tpc_general) == 36, "SPC-4 7.8.17.13");

#endif

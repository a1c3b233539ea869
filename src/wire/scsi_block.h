/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block commands as bytes (SBC-4): CDBs by length, parameter lists and parameter data. Fields
 * that all CDBs of one length share lie at the same place, so one struct per length serves
 * READ, WRITE, VERIFY and their kin.
 */
#ifndef WIRE_SCSI_BLOCK_H
#define WIRE_SCSI_BLOCK_H

#include "base/endian.h"

#include <assert.h>
#include <stddef.h>

/* The CDB's length is the opcode's top three bits (SPC-4, operation code). */
#define CDB_GROUP(opcode) ((opcode) >> 5)

struct cdb6_rw {
    uint8_t opcode;
    be24 lba;     /* 21 bits */
    uint8_t nblk; /* 0: 256 */
    uint8_t control;
};
static_assert(sizeof(struct cdb6_rw) == 6, "SBC-2 READ(6)");
#define CDB6_LBA_MASK 0x1fffffu

struct cdb10_rw {
    uint8_t opcode, flags;
    be32 lba;
    uint8_t group;
    be16 nblk;
    uint8_t control;
};
static_assert(sizeof(struct cdb10_rw) == 10, "SBC-4 READ(10)");

struct cdb12_rw {
    uint8_t opcode, flags;
    be32 lba, nblk;
    uint8_t group, control;
};
static_assert(sizeof(struct cdb12_rw) == 12, "SBC-4 READ(12)");

struct cdb16_rw {
    uint8_t opcode, flags;
    be64 lba;
    be32 nblk;
    uint8_t group, control;
};
static_assert(sizeof(struct cdb16_rw) == 16, "SBC-4 READ(16)");

/* flags */
#define CDB_DPO           0x10
#define CDB_FUA           0x08
#define CDB_BYTCHK(flags) (((flags) >> 1) & 3)
#define CDB_BYTCHK_BIT    2 /* the field's most significant bit, for field pointers */
#define CDB_IMMED         0x02
#define WRITE_SAME_UNMAP  0x08
#define WRITE_SAME_NDOB   0x01

struct cdb_caw { /* COMPARE AND WRITE */
    uint8_t opcode, flags;
    be64 lba;
    uint8_t rsvd10[3];
    uint8_t nblk;
    uint8_t group, control;
};
static_assert(offsetof(struct cdb_caw, nblk) == 13, "SBC-4 COMPARE AND WRITE");

struct cdb_write_atomic { /* WRITE ATOMIC(16) */
    uint8_t opcode, flags;
    be64 lba;
    be16 boundary; /* blocks, 0: none */
    be16 nblk;
    uint8_t group, control;
};
static_assert(offsetof(struct cdb_write_atomic, nblk) == 12, "SBC-4 WRITE ATOMIC(16)");

struct cdb_unmap { /* UNMAP */
    uint8_t opcode, flags, rsvd2[4], group;
    be16 list_len; /* bytes */
    uint8_t control;
};
static_assert(sizeof(struct cdb_unmap) == 10, "SBC-4 UNMAP");

struct unmap_header {
    be16 data_len;  /* bytes that follow this field */
    be16 descs_len; /* bytes of descriptors */
    uint8_t rsvd4[4];
};
struct unmap_desc {
    be64 lba;
    be32 nblk;
    uint8_t rsvd12[4];
};
static_assert(sizeof(struct unmap_header) == 8 && sizeof(struct unmap_desc) == 16,
              "SBC-4 UNMAP");

struct cdb_lba_status { /* GET LBA STATUS(16) */
    uint8_t opcode, service_action;
    be64 lba;
    be32 alloc_len;
    uint8_t report_type, control;
};
static_assert(sizeof(struct cdb_lba_status) == 16, "SBC-4 GET LBA STATUS(16)");
#define LBA_STATUS_HEADER_LEN 8 /* parameter data length, then 4 reserved bytes */
#define LBA_STATUS_DESC_LEN                                                                    \
    16 /* LBA, number of blocks, provisioning status, 3 reserved bytes */
#define LBA_STATUS_MAPPED      0x0
#define LBA_STATUS_DEALLOCATED 0x1

/* READ CAPACITY(16). */
#define CAPACITY16_LEN   32
#define CAPACITY16_LBPME 0x80
#define CAPACITY16_LBPRZ 0x40

/* READ DEFECT DATA: which lists are wanted, and in what format. */
#define DEFECT_LISTS_AND_FORMAT 0x1f

#endif

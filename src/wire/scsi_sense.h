/* SPDX-License-Identifier: BSD-2-Clause */
/* Sense data as it travels: SPC-4 4.5. */
#ifndef WIRE_SCSI_SENSE_H
#define WIRE_SCSI_SENSE_H

#include "base/endian.h"

#include <assert.h>
#include <stddef.h>

#define SENSE_FIXED_CURRENT      0x70
#define SENSE_DESCRIPTOR_CURRENT 0x72
#define SENSE_INFO_VALID         0x80 /* with the response code: INFORMATION is meant */

/* SPC-4 4.5.3: fixed format. */
struct scsi_sense_fixed {
    uint8_t response; /* SENSE_FIXED_CURRENT, SENSE_INFO_VALID */
    uint8_t rsvd1;
    uint8_t key; /* bits 3-0 */
    be32 information;
    uint8_t additional_len; /* bytes after this one */
    be32 command_specific;
    uint8_t asc, ascq;
    uint8_t fru;
    uint8_t key_specific[3];
};
static_assert(sizeof(struct scsi_sense_fixed) == 18, "SPC-4 4.5.3");
static_assert(offsetof(struct scsi_sense_fixed, asc) == 12, "SPC-4 4.5.3");

/* SPC-4 4.5.2: descriptor format. */
struct scsi_sense_header {
    uint8_t response; /* SENSE_DESCRIPTOR_CURRENT */
    uint8_t key;
    uint8_t asc, ascq;
    uint8_t rsvd4[3];
    uint8_t additional_len;
};
static_assert(sizeof(struct scsi_sense_header) == 8, "SPC-4 4.5.2.1");

struct scsi_sense_information {
    uint8_t type;           /* 0x00 */
    uint8_t additional_len; /* 0x0a */
    uint8_t valid;          /* bit 7 */
    uint8_t rsvd3;
    be64 information;
};
static_assert(sizeof(struct scsi_sense_information) == 12, "SPC-4 4.5.2.2");

struct scsi_sense_key_specific {
    uint8_t type;           /* 0x02 */
    uint8_t additional_len; /* 0x06 */
    uint8_t rsvd2[2];
    uint8_t key_specific[3];
    uint8_t rsvd7;
};
static_assert(sizeof(struct scsi_sense_key_specific) == 8, "SPC-4 4.5.2.4");

/* Ahead of the sense data that it forwards. */
struct scsi_sense_forwarded {
    uint8_t type;           /* 0x0c */
    uint8_t additional_len; /* 2 and the sense data */
    uint8_t source;         /* SENSE_FROM_* */
    uint8_t status;
};
static_assert(sizeof(struct scsi_sense_forwarded) == 4, "SPC-4 4.5.2.7");
#define SENSE_FROM_COPY_SOURCE      1
#define SENSE_FROM_COPY_DESTINATION 2

/* First byte of the sense key specific field, SPC-4 4.5.2.4.2. */
#define SKS_VALID       0x80
#define SKS_FIELD_CDB   0x40 /* C/D: the error is in the CDB, not in the parameter list */
#define SKS_BIT_VALID   0x08 /* BPV: bits 2-0 tell the bit */
#define SKS_SEGMENT_BIT 0x20 /* SD, copy commands: relative to the segment descriptor */

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Mode parameters as bytes: SPC-4 7.5, SBC-4 6.5. */
#ifndef WIRE_SCSI_MODE_H
#define WIRE_SCSI_MODE_H

#include "base/endian.h"

#include <assert.h>
#include <stddef.h>

/* MODE SENSE, CDB */
#define MODE_DBD          0x08 /* byte 1: no block descriptors */
#define MODE_LLBAA        0x10 /* byte 1 of (10): long LBAs accepted */
#define MODE_PC_SHIFT     6    /* byte 2 */
#define MODE_PAGE_MASK    0x3f
#define MODE_ALL_PAGES    0x3f
#define MODE_ALL_SUBPAGES 0xff
/* MODE SELECT, CDB byte 1 */
#define MODE_PF 0x10
#define MODE_SP 0x01

#define MODE_WP     0x80 /* device-specific parameter */
#define MODE_DPOFUA 0x10

struct scsi_mode_header6 {
    uint8_t len; /* bytes after this field */
    uint8_t medium;
    uint8_t device_specific;
    uint8_t blkdesc_len;
};
static_assert(sizeof(struct scsi_mode_header6) == 4, "SPC-4 7.5.5");

struct scsi_mode_header10 {
    be16 len;
    uint8_t medium;
    uint8_t device_specific;
    uint8_t long_lba; /* bit 0: block descriptors are of the long form */
    uint8_t rsvd5;
    be16 blkdesc_len;
};
static_assert(sizeof(struct scsi_mode_header10) == 8, "SPC-4 7.5.5");

struct scsi_mode_blkdesc {
    be32 nblk; /* all ones: more than fits */
    uint8_t rsvd4;
    be24 block_len;
};
static_assert(sizeof(struct scsi_mode_blkdesc) == 8, "SBC-4 6.5.2.2");

struct scsi_mode_blkdesc_long {
    be64 nblk;
    uint8_t rsvd8[4];
    be32 block_len;
};
static_assert(sizeof(struct scsi_mode_blkdesc_long) == 16, "SBC-4 6.5.2.3");

/* First byte of a page. */
#define MODE_PS  0x80 /* can be saved */
#define MODE_SPF 0x40 /* subpage format: a header of four bytes */

#define PAGE_RW_RECOVERY          0x01
#define PAGE_DISCONNECT           0x02
#define PAGE_CACHING              0x08
#define PAGE_CONTROL              0x0a
#define PAGE_EXCEPTIONS           0x1c
#define SUBPAGE_CONTROL_EXTENSION 0x01
#define SUBPAGE_PROVISIONING      0x02

/* By byte of the page, its header included. */
#define RECOVERY_AWRE      0x80 /* 2 */
#define RECOVERY_ARRE      0x40
#define CACHING_WCE        0x04 /* 2 */
#define CONTROL_TST        0xe0 /* 2 */
#define CONTROL_TST_SHIFT  5
#define CONTROL_D_SENSE    0x04
#define CONTROL_GLTSD      0x02
#define CONTROL_QAM_FREE   0x10 /* 3: unrestricted reordering */
#define CONTROL_QERR       0x06
#define CONTROL_QERR_SHIFT 1
#define CONTROL_SWP        0x08 /* 4 */
#define CONTROL_TAS        0x40 /* 5 */
#define EXTENSION_IALUAE   0x01 /* 4: implicit asymmetric access */
#define EXCEPTIONS_DEXCPT  0x08 /* 2 */
#define PROVISIONING_SITUA 0x01 /* 4: one initiator is told */
struct scsi_mode_threshold {
    uint8_t flags;    /* THRESHOLD_* */
    uint8_t resource; /* as the log page's parameter code */
    uint8_t rsvd2[2];
    be32 count;
};
static_assert(sizeof(struct scsi_mode_threshold) == 8, "SBC-4 6.5.9");
#define THRESHOLD_ENABLED    0x80
#define THRESHOLD_DECREASING 0x00 /* arming: tells when the resource falls below the count */
#define THRESHOLD_AVAILABLE  0x01 /* resource */

#endif

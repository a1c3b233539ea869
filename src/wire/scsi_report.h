/* SPDX-License-Identifier: BSD-2-Clause */
/* What the REPORT commands return, and SET TARGET PORT GROUPS takes, as bytes: SPC-4 6.31 ff.
 * */
#ifndef WIRE_SCSI_REPORT_H
#define WIRE_SCSI_REPORT_H

#include "base/endian.h"

#include <assert.h>
#include <stddef.h>

/* ---- REPORT LUNS, SPC-4 6.33 ---- */
#define SELECT_REPORT_ADDRESSED  0x00
#define SELECT_REPORT_WELL_KNOWN 0x01
#define SELECT_REPORT_ALL        0x02

/* ---- REPORT/SET TARGET PORT GROUPS, SPC-4 6.37 and 6.45 ---- */
#define RTPG_FORMAT_SHIFT  5 /* CDB byte 1 */
#define RTPG_LENGTH_ONLY   0 /* parameter data format: header of four bytes */
#define RTPG_EXTENDED      1
#define RTPG_EXTENDED_TYPE 0x10 /* RETURN DATA FORMAT 001b */

struct scsi_rtpg_extended {
    be32 len; /* bytes after this field */
    uint8_t format;
    uint8_t transition_seconds;
    uint8_t rsvd6[2];
};
static_assert(sizeof(struct scsi_rtpg_extended) == 8, "SPC-4 6.37");

struct scsi_rtpg_group {
    uint8_t state; /* PREF 80h, asymmetric access state 3-0 */
    uint8_t supported;
    be16 group;
    uint8_t rsvd4;
    uint8_t status;
    uint8_t vendor;
    uint8_t nports;
};
static_assert(sizeof(struct scsi_rtpg_group) == 8, "SPC-4 6.37");
#define RTPG_SUP_OPTIMIZED     0x01 /* supported */
#define RTPG_SUP_NON_OPTIMIZED 0x02
#define RTPG_SUP_STANDBY       0x04
#define RTPG_STATUS_NONE       0x00
#define RTPG_STATUS_BY_SET     0x01
#define RTPG_STATUS_IMPLICIT   0x02 /* the server's own doing */

struct scsi_rtpg_port {
    be16 obsolete;
    be16 rel_port_id;
};
static_assert(sizeof(struct scsi_rtpg_port) == 4, "SPC-4 6.37");

struct scsi_stpg_entry {
    uint8_t state;
    uint8_t rsvd1;
    be16 group; /* or relative port */
};
static_assert(sizeof(struct scsi_stpg_entry) == 4, "SPC-4 6.45");
#define STPG_HEADER_LEN 4

/* ---- REPORT SUPPORTED OPERATION CODES, SPC-4 6.35 ---- */
#define RSOC_RCTD          0x80 /* CDB byte 2: return command timeouts descriptors */
#define RSOC_OPTIONS       0x07
#define RSOC_SERVACTV      0x01 /* all commands: the entry has a service action */
#define RSOC_CTDP          0x02 /* all commands: a timeouts descriptor follows */
#define RSOC_ONE_CTDP      0x80 /* one command */
#define RSOC_NOT_SUPPORTED 0x01
#define RSOC_SUPPORTED     0x03 /* in conformance with the standard */

struct scsi_rsoc_entry {
    uint8_t opcode;
    uint8_t rsvd1;
    be16 service_action;
    uint8_t rsvd4;
    uint8_t flags; /* RSOC_SERVACTV, RSOC_CTDP */
    be16 cdb_len;
};
static_assert(sizeof(struct scsi_rsoc_entry) == 8, "SPC-4 6.35.2");

struct scsi_rsoc_timeouts {
    be16 len; /* bytes after this field: 0Ah */
    uint8_t rsvd2;
    uint8_t command_specific;
    be32 nominal_s; /* 0: not told */
    be32 recommended_s;
};
static_assert(sizeof(struct scsi_rsoc_timeouts) == 12, "SPC-4 6.35.4");

/* ---- REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS, SPC-4 6.36 ---- */
#define RSTMF_REPD 0x80 /* CDB byte 2: extended parameter data */
struct scsi_rstmf {
    uint8_t flags0, flags1;
    uint8_t rsvd2;
    uint8_t additional_len; /* 0Ch in the extended format */
};
static_assert(sizeof(struct scsi_rstmf) == 4, "SPC-4 6.36");
#define TMFS_ABORT_TASK     0x80 /* flags0 */
#define TMFS_ABORT_TASK_SET 0x40
#define TMFS_CLEAR_ACA      0x20
#define TMFS_CLEAR_TASK_SET 0x10
#define TMFS_LU_RESET       0x08
#define TMFS_QUERY_TASK     0x04
#define TMFS_TARGET_RESET   0x02
#define TMFS_WAKEUP         0x01
#define TMFS_QUERY_ASYNC    0x04 /* flags1 */
#define TMFS_QUERY_TASK_SET 0x02
#define TMFS_NEXUS_RESET    0x01
#define RSTMF_EXTENDED_LEN  12

/* ---- REPORT/SET IDENTIFYING INFORMATION, SPC-4 6.32 and 6.43 ---- */
#define IDENT_TYPE_SHIFT     1 /* CDB byte 10 */
#define IDENT_TYPE_LU        0x00
#define IDENT_TYPE_TEXT      0x01 /* UTF-8 with a NUL */
#define IDENT_TYPE_SUPPORTED 0x7f
#define IDENT_MAX_LU         64
#define IDENT_MAX_TEXT       256
struct scsi_ident_supported {
    uint8_t type; /* bits 7-1 */
    uint8_t rsvd1;
    be16 max_len;
};
static_assert(sizeof(struct scsi_ident_supported) == 4, "SPC-4 6.32.3");

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* PERSISTENT RESERVE IN and OUT as bytes (SPC-4), and the TransportIDs of iSCSI (SPC-4
 * 7.6.4.6). */
#ifndef WIRE_SCSI_PR_H
#define WIRE_SCSI_PR_H

#include "base/endian.h"

#include <assert.h>
#include <stddef.h>

enum pr_in_sa {
    PR_READ_KEYS,
    PR_READ_RESERVATION,
    PR_REPORT_CAPABILITIES,
    PR_READ_FULL_STATUS
};
enum pr_out_sa {
    PR_REGISTER,
    PR_RESERVE,
    PR_RELEASE,
    PR_CLEAR,
    PR_PREEMPT,
    PR_PREEMPT_AND_ABORT,
    PR_REGISTER_AND_IGNORE,
    PR_REGISTER_AND_MOVE,
};
#define PR_SA_MASK 0x1f

/* Reservation types. From WRITE_EX_REG on every registered nexus has access; the _ALL types
 * have no single holder. */
enum pr_type {
    PR_TYPE_NONE = 0,
    PR_WRITE_EX = 1,
    PR_EX_ACCESS = 3,
    PR_WRITE_EX_REG = 5,
    PR_EX_ACCESS_REG = 6,
    PR_WRITE_EX_ALL = 7,
    PR_EX_ACCESS_ALL = 8,
};

struct cdb_pr_out {
    uint8_t opcode, service_action;
    uint8_t scope_type; /* scope in the high nibble: 0, the LU; type in the low one */
    uint8_t rsvd3[2];
    be32 list_len;
    uint8_t control;
};
static_assert(sizeof(struct cdb_pr_out) == 10, "SPC-4 PERSISTENT RESERVE OUT");

struct pr_out_list {
    be64 key, sa_key;
    uint8_t obsolete16[4];
    uint8_t flags;
    uint8_t rsvd21, obsolete22[2];
    /* with SPEC_I_PT: be32 length, TransportIDs */
};
static_assert(sizeof(struct pr_out_list) == 24, "SPC-4 PERSISTENT RESERVE OUT");
#define PR_OUT_APTPL         0x01
#define PR_OUT_ALL_TG_PT     0x04
#define PR_OUT_SPEC_I_PT     0x08
#define PR_OUT_SPEC_I_PT_BIT 3

struct pr_move_list {
    be64 key, sa_key;
    uint8_t rsvd16;
    uint8_t flags;
    be16 rel_port_id;
    be32 id_len; /* of the one TransportID that follows */
};
static_assert(sizeof(struct pr_move_list) == 24, "SPC-4 REGISTER AND MOVE");
#define PR_MOVE_APTPL 0x01
#define PR_MOVE_UNREG 0x02

/* READ RESERVATION: header, then one descriptor or none. */
#define PR_RESERVATION_LEN 16

struct pr_capabilities {
    be16 len; /* 8 */
    uint8_t flags;
    uint8_t more; /* TMV, ALLOW COMMANDS, PTPL_A */
    be16 types;
    uint8_t rsvd6[2];
};
static_assert(sizeof(struct pr_capabilities) == 8, "SPC-4 REPORT CAPABILITIES");
#define PR_CAP_CRH       0x10
#define PR_CAP_SIP_C     0x08
#define PR_CAP_ATP_C     0x04
#define PR_CAP_PTPL_C    0x01
#define PR_CAP_TMV       0x80
#define PR_CAP_ALLOW_TUR 0x10 /* TEST UNIT READY is allowed; no promise for others */
#define PR_CAP_PTPL_A    0x01
#define PR_CAP_TYPES     0xea01 /* all six */

struct pr_full_status {
    be64 key;
    uint8_t rsvd8[4];
    uint8_t flags;      /* holder */
    uint8_t scope_type; /* of the reservation it holds, else 0 */
    uint8_t rsvd14[4];
    be16 rel_port_id;
    be32 id_len;
    /* TransportID */
};
static_assert(sizeof(struct pr_full_status) == 24, "SPC-4 READ FULL STATUS");
#define PR_FULL_R_HOLDER 0x01

/* iSCSI TransportID: this header, then the name with NUL and padding to a multiple of four. */
struct transport_id {
    uint8_t format_protocol;
    uint8_t rsvd1;
    be16 len; /* bytes that follow */
};
static_assert(sizeof(struct transport_id) == 4, "SPC-4 7.6.4.6");
#define TRANSPORT_ID_FORMAT(b)   ((b) >> 6)
#define TRANSPORT_ID_PROTOCOL(b) ((b)&0x3f) /* reserved bits and all: they must be 0 */
#define TRANSPORT_ID_DEVICE      0          /* name of the initiator: all its ports */
#define TRANSPORT_ID_PORT        1          /* name,i,0xISID */
#define TRANSPORT_ID_ISCSI       0x05
#define TRANSPORT_ID_MIN_LEN     20 /* of what follows the header */

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PDUs an initiator sends and gets, RFC 7143 section 11. Written apart from src/wire on
 * purpose: a wrong offset there must not be cancelled out by the same one here.
 */
#ifndef BENCH_RAW_PDU_H
#define BENCH_RAW_PDU_H

#include "base/endian.h"

#include <assert.h>
#include <stddef.h>

#define RAW_HEADER    48u
#define RAW_NO_TAG    UINT32_C(0xffffffff)
#define RAW_IMMEDIATE 0x40u /* in the opcode byte of a request: bypasses CmdSN order */
#define RAW_FINAL     0x80u /* in the flags byte */

enum raw_opcode {
    RAW_NOP_OUT = 0x00,
    RAW_SCSI_COMMAND = 0x01,
    RAW_LOGIN = 0x03,
    RAW_DATA_OUT = 0x05,
    RAW_LOGOUT = 0x06,
    RAW_NOP_IN = 0x20,
    RAW_SCSI_RESPONSE = 0x21,
    RAW_LOGIN_RESPONSE = 0x23,
    RAW_DATA_IN = 0x25,
    RAW_LOGOUT_RESPONSE = 0x26,
    RAW_R2T = 0x31,
    RAW_ASYNC = 0x32,
    RAW_REJECT = 0x3f,
};

/* 11.2.1, and everything that targets send at the same place in every PDU. */
struct raw_header {
    uint8_t opcode, flags;
    uint8_t response; /* SCSI Response: iSCSI response code */
    uint8_t status;   /* SCSI Response and Data-In: SCSI status */
    uint8_t ahs_words;
    be24 data_len;
    be64 lun;
    be32 itt, ttt;
    be32 stat_sn, exp_cmd_sn, max_cmd_sn;
    be32 data_sn; /* Data-In; R2T: R2TSN */
    be32 offset;  /* Data-In, R2T: of the buffer */
    be32 len;     /* R2T: desired length; Data-In, SCSI Response: residual count */
};
static_assert(sizeof(struct raw_header) == RAW_HEADER, "RFC 7143 11.2.1");
static_assert(offsetof(struct raw_header, offset) == 40, "RFC 7143 11.7, 11.8");

#define RAW_DATA_IN_STATUS 0x01u /* Data-In: the status comes with it */
#define RAW_RESIDUAL       0x06u /* Data-In, SCSI Response: overflow or underflow */

/* 11.3 */
struct raw_command {
    uint8_t opcode, flags;
    uint8_t rsvd2[2];
    uint8_t ahs_words;
    be24 data_len;
    be64 lun;
    be32 itt;
    be32 expected_len; /* bytes the command transfers */
    be32 cmd_sn, exp_stat_sn;
    uint8_t cdb[16];
};
static_assert(sizeof(struct raw_command) == RAW_HEADER, "RFC 7143 11.3");

#define RAW_COMMAND_READ   0x40u
#define RAW_COMMAND_WRITE  0x20u
#define RAW_COMMAND_SIMPLE 0x01u /* task attribute */

/* 11.7 */
struct raw_data_out {
    uint8_t opcode, flags;
    uint8_t rsvd2[2];
    uint8_t ahs_words;
    be24 data_len;
    be64 lun;
    be32 itt, ttt;
    be32 rsvd24, exp_stat_sn, rsvd32;
    be32 data_sn, offset, rsvd44;
};
static_assert(sizeof(struct raw_data_out) == RAW_HEADER, "RFC 7143 11.7");

/* 11.12 Login, 11.14 Logout, 11.18 NOP-Out: what differs lies in the first 16 bytes. */
struct raw_request {
    uint8_t opcode, flags;
    uint8_t version_max, version_min;
    uint8_t ahs_words;
    be24 data_len;
    union {
        struct {
            uint8_t isid[6];
            be16 tsih;
        };
        be64 lun;
    };
    be32 itt;
    be32 ttt; /* NOP-Out; Login and Logout: CID in the upper half */
    be32 cmd_sn, exp_stat_sn;
    uint8_t rsvd32[16];
};
static_assert(sizeof(struct raw_request) == RAW_HEADER, "RFC 7143 11.12");

#define RAW_LOGIN_TRANSIT 0x80u

/* 11.13 */
struct raw_login_response {
    uint8_t opcode, flags;
    uint8_t version_max, version_active;
    uint8_t ahs_words;
    be24 data_len;
    uint8_t isid[6];
    be16 tsih;
    be32 itt, rsvd20;
    be32 stat_sn, exp_cmd_sn, max_cmd_sn;
    uint8_t status_class, status_detail;
    uint8_t rsvd38[10];
};
static_assert(sizeof(struct raw_login_response) == RAW_HEADER, "RFC 7143 11.13");

/* Flat addressing above 255, peripheral below (SAM-5 4.7). */
static inline be64 raw_lun(uint32_t lun)
{
    uint64_t v = lun < 256 ? lun : 0x4000u | lun;
    return be64_make(v << 48);
}

#endif

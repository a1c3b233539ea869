/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every PDU of RFC 7143 section 11 as it lies on the wire: one struct for each basic header
 * segment, its masks beside it. All fields are bytes or byte-order types, so a header may be
 * read in place from any buffer of ISCSI_BHS_LEN bytes and no struct is padded.
 */
#ifndef WIRE_ISCSI_H
#define WIRE_ISCSI_H

#include "base/endian.h"

#include <assert.h>
#include <stddef.h>

#define ISCSI_BHS_LEN    48          /* bytes, 11.2.1 */
#define ISCSI_AHS_MAX    (255 * 4)   /* bytes, TotalAHSLength counts words in one byte */
#define ISCSI_DIGEST_LEN 4           /* bytes, CRC32C, least significant byte first */
#define ISCSI_TAG_NONE   0xffffffffu /* reserved value of every tag, 11.2.1.8 */
#define ISCSI_VERSION    0x00        /* of RFC 3720 and RFC 7143 */

/* 11.2.1.2. Initiators send the first ten, targets the others. */
enum iscsi_opcode {
    ISCSI_OP_NOP_OUT = 0x00,
    ISCSI_OP_SCSI_CMD = 0x01,
    ISCSI_OP_TMF_REQ = 0x02,
    ISCSI_OP_LOGIN_REQ = 0x03,
    ISCSI_OP_TEXT_REQ = 0x04,
    ISCSI_OP_DATA_OUT = 0x05,
    ISCSI_OP_LOGOUT_REQ = 0x06,
    ISCSI_OP_SNACK = 0x10,
    ISCSI_OP_NOP_IN = 0x20,
    ISCSI_OP_SCSI_RSP = 0x21,
    ISCSI_OP_TMF_RSP = 0x22,
    ISCSI_OP_LOGIN_RSP = 0x23,
    ISCSI_OP_TEXT_RSP = 0x24,
    ISCSI_OP_DATA_IN = 0x25,
    ISCSI_OP_LOGOUT_RSP = 0x26,
    ISCSI_OP_R2T = 0x31,
    ISCSI_OP_ASYNC = 0x32,
    ISCSI_OP_REJECT = 0x3f,
};
#define ISCSI_OP_MASK   0x3f
#define ISCSI_IMMEDIATE 0x40 /* in the opcode byte of a request, 11.2.1.1 */
#define ISCSI_FINAL     0x80 /* in the flags byte of most PDUs */

/* 11.2.1: what every header has. */
struct iscsi_bhs {
    uint8_t opcode;
    uint8_t flags;
    uint8_t spec2[2];
    uint8_t ahs_words; /* unit: 4 bytes */
    be24 data_len;     /* bytes, padding excluded */
    be64 lun;
    be32 itt;
    be32 spec20;
    be32 cmd_sn; /* requests that are numbered; stat_sn in target PDUs */
    be32 exp_stat_sn;
    uint8_t spec32[16];
};
static_assert(sizeof(struct iscsi_bhs) == ISCSI_BHS_LEN, "RFC 7143 11.2.1");
static_assert(offsetof(struct iscsi_bhs, itt) == 16, "RFC 7143 11.2.1");

/* What every PDU of a target has: the numbers of 4.2.2 lie at the same place in each. */
struct iscsi_target_bhs {
    uint8_t opcode;
    uint8_t flags;
    uint8_t spec2[2];
    uint8_t ahs_words;
    be24 data_len;
    be64 lun;
    be32 itt;
    be32 spec20;
    be32 stat_sn;
    be32 exp_cmd_sn;
    be32 max_cmd_sn;
    uint8_t spec36[12];
};
static_assert(sizeof(struct iscsi_target_bhs) == ISCSI_BHS_LEN, "RFC 7143 11.2.1");
static_assert(offsetof(struct iscsi_target_bhs, max_cmd_sn) == 32, "RFC 7143 11.4");

/* 11.2.2: additional header segments, each filled up to a multiple of four bytes. */
struct iscsi_ahs {
    be16 len; /* bytes behind the type byte */
    uint8_t type;
    uint8_t first; /* of the specific bytes */
};
static_assert(sizeof(struct iscsi_ahs) == 4, "RFC 7143 11.2.2");
#define ISCSI_AHS_TYPE_MASK   0x3f
#define ISCSI_AHS_EXT_CDB     0x01 /* 11.2.2.3 */
#define ISCSI_AHS_BIDI_LENGTH 0x02 /* 11.2.2.4 */

/* 11.3: SCSI Command. */
struct iscsi_scsi_cmd {
    uint8_t opcode;
    uint8_t flags;
    uint8_t rsvd2[2];
    uint8_t ahs_words;
    be24 data_len;
    be64 lun;
    be32 itt;
    be32 edtl; /* bytes, Expected Data Transfer Length */
    be32 cmd_sn;
    be32 exp_stat_sn;
    uint8_t cdb[16];
};
static_assert(sizeof(struct iscsi_scsi_cmd) == ISCSI_BHS_LEN, "RFC 7143 11.3");
static_assert(offsetof(struct iscsi_scsi_cmd, cdb) == 32, "RFC 7143 11.3");
#define ISCSI_CMD_READ      0x40
#define ISCSI_CMD_WRITE     0x20
#define ISCSI_CMD_ATTR_MASK 0x07

/* 11.4: SCSI Response. */
struct iscsi_scsi_rsp {
    uint8_t opcode;
    uint8_t flags;
    uint8_t response;
    uint8_t status;
    uint8_t ahs_words;
    be24 data_len;
    uint8_t rsvd8[8];
    be32 itt;
    be32 snack_tag;
    be32 stat_sn;
    be32 exp_cmd_sn;
    be32 max_cmd_sn;
    be32 exp_data_sn;
    be32 bidi_residual; /* bytes */
    be32 residual;      /* bytes */
};
static_assert(sizeof(struct iscsi_scsi_rsp) == ISCSI_BHS_LEN, "RFC 7143 11.4");
static_assert(offsetof(struct iscsi_scsi_rsp, residual) == 44, "RFC 7143 11.4");
#define ISCSI_RSP_BIDI_OVERFLOW  0x10
#define ISCSI_RSP_BIDI_UNDERFLOW 0x08
#define ISCSI_RSP_OVERFLOW       0x04 /* Data-In uses the same bits */
#define ISCSI_RSP_UNDERFLOW      0x02

/* 11.5: Task Management Function Request; the function is in the low seven bits of flags. */
struct iscsi_tmf_req {
    uint8_t opcode;
    uint8_t flags;
    uint8_t rsvd2[2];
    uint8_t ahs_words;
    be24 data_len;
    be64 lun;
    be32 itt;
    be32 ref_itt;
    be32 cmd_sn;
    be32 exp_stat_sn;
    be32 ref_cmd_sn;
    be32 exp_data_sn;
    uint8_t rsvd40[8];
};
static_assert(sizeof(struct iscsi_tmf_req) == ISCSI_BHS_LEN, "RFC 7143 11.5");
static_assert(offsetof(struct iscsi_tmf_req, ref_cmd_sn) == 32, "RFC 7143 11.5");
#define ISCSI_TMF_FUNCTION_MASK 0x7f
enum iscsi_tmf_function {
    ISCSI_TMF_ABORT_TASK = 1,
    ISCSI_TMF_ABORT_TASK_SET = 2,
    ISCSI_TMF_CLEAR_ACA = 3,
    ISCSI_TMF_CLEAR_TASK_SET = 4,
    ISCSI_TMF_LUN_RESET = 5,
    ISCSI_TMF_TARGET_WARM_RESET = 6,
    ISCSI_TMF_TARGET_COLD_RESET = 7,
    ISCSI_TMF_TASK_REASSIGN = 8,
};

/* 11.6: Task Management Function Response. */
struct iscsi_tmf_rsp {
    uint8_t opcode;
    uint8_t flags;
    uint8_t response;
    uint8_t rsvd3;
    uint8_t ahs_words;
    be24 data_len;
    uint8_t rsvd8[8];
    be32 itt;
    be32 rsvd20;
    be32 stat_sn;
    be32 exp_cmd_sn;
    be32 max_cmd_sn;
    uint8_t rsvd36[12];
};
static_assert(sizeof(struct iscsi_tmf_rsp) == ISCSI_BHS_LEN, "RFC 7143 11.6");
enum iscsi_tmf_response {
    ISCSI_TMF_RSP_COMPLETE = 0,
    ISCSI_TMF_RSP_NO_TASK = 1,
    ISCSI_TMF_RSP_NO_LUN = 2,
    ISCSI_TMF_RSP_ALLEGIANT = 3,
    ISCSI_TMF_RSP_NO_REASSIGN = 4,
    ISCSI_TMF_RSP_NOT_SUPPORTED = 5,
    ISCSI_TMF_RSP_NOT_AUTHORIZED = 6,
    ISCSI_TMF_RSP_REJECTED = 255,
};

/* 11.7: SCSI Data-Out. */
struct iscsi_data_out {
    uint8_t opcode;
    uint8_t flags;
    uint8_t rsvd2[2];
    uint8_t ahs_words;
    be24 data_len;
    be64 lun;
    be32 itt;
    be32 ttt; /* ISCSI_TAG_NONE: unsolicited */
    be32 rsvd24;
    be32 exp_stat_sn;
    be32 rsvd32;
    be32 data_sn;
    be32 offset; /* bytes from the start of the transfer */
    be32 rsvd44;
};
static_assert(sizeof(struct iscsi_data_out) == ISCSI_BHS_LEN, "RFC 7143 11.7");
static_assert(offsetof(struct iscsi_data_out, offset) == 40, "RFC 7143 11.7");

/* 11.7: SCSI Data-In. */
struct iscsi_data_in {
    uint8_t opcode;
    uint8_t flags;
    uint8_t rsvd2;
    uint8_t status; /* with ISCSI_DATA_IN_STATUS */
    uint8_t ahs_words;
    be24 data_len;
    be64 lun;
    be32 itt;
    be32 ttt;
    be32 stat_sn; /* with ISCSI_DATA_IN_STATUS */
    be32 exp_cmd_sn;
    be32 max_cmd_sn;
    be32 data_sn;
    be32 offset;   /* bytes */
    be32 residual; /* bytes, with ISCSI_DATA_IN_STATUS */
};
static_assert(sizeof(struct iscsi_data_in) == ISCSI_BHS_LEN, "RFC 7143 11.7");
static_assert(offsetof(struct iscsi_data_in, data_sn) == 36, "RFC 7143 11.7");
#define ISCSI_DATA_IN_ACK    0x40
#define ISCSI_DATA_IN_STATUS 0x01

/* 11.8: Ready To Transfer. */
struct iscsi_r2t {
    uint8_t opcode;
    uint8_t flags;
    uint8_t rsvd2[2];
    uint8_t ahs_words;
    be24 data_len;
    be64 lun;
    be32 itt;
    be32 ttt;
    be32 stat_sn; /* the next one; not advanced */
    be32 exp_cmd_sn;
    be32 max_cmd_sn;
    be32 r2t_sn;
    be32 offset; /* bytes */
    be32 len;    /* bytes */
};
static_assert(sizeof(struct iscsi_r2t) == ISCSI_BHS_LEN, "RFC 7143 11.8");
static_assert(offsetof(struct iscsi_r2t, r2t_sn) == 36, "RFC 7143 11.8");

/* 11.9: Asynchronous Message. */
struct iscsi_async {
    uint8_t opcode;
    uint8_t flags;
    uint8_t rsvd2[2];
    uint8_t ahs_words;
    be24 data_len;
    be64 lun;
    be32 itt; /* ISCSI_TAG_NONE */
    be32 rsvd20;
    be32 stat_sn;
    be32 exp_cmd_sn;
    be32 max_cmd_sn;
    uint8_t event;
    uint8_t vcode;
    be16 param1, param2, param3;
    be32 rsvd44;
};
static_assert(sizeof(struct iscsi_async) == ISCSI_BHS_LEN, "RFC 7143 11.9");
static_assert(offsetof(struct iscsi_async, param1) == 38, "RFC 7143 11.9");
enum iscsi_async_event {
    ISCSI_ASYNC_SENSE = 0,
    ISCSI_ASYNC_LOGOUT_REQUEST = 1,
    ISCSI_ASYNC_CONNECTION_DROP = 2,
    ISCSI_ASYNC_SESSION_DROP = 3,
};

/* 11.10 and 11.11: Text Request and Text Response. */
struct iscsi_text_req {
    uint8_t opcode;
    uint8_t flags;
    uint8_t rsvd2[2];
    uint8_t ahs_words;
    be24 data_len;
    be64 lun;
    be32 itt;
    be32 ttt;
    be32 cmd_sn;
    be32 exp_stat_sn;
    uint8_t rsvd32[16];
};
static_assert(sizeof(struct iscsi_text_req) == ISCSI_BHS_LEN, "RFC 7143 11.10");
struct iscsi_text_rsp {
    uint8_t opcode;
    uint8_t flags;
    uint8_t rsvd2[2];
    uint8_t ahs_words;
    be24 data_len;
    be64 lun;
    be32 itt;
    be32 ttt;
    be32 stat_sn;
    be32 exp_cmd_sn;
    be32 max_cmd_sn;
    uint8_t rsvd36[12];
};
static_assert(sizeof(struct iscsi_text_rsp) == ISCSI_BHS_LEN, "RFC 7143 11.11");
#define ISCSI_TEXT_CONTINUE 0x40 /* C, in login PDUs too */

/* 11.12 and 11.13: Login Request and Login Response. */
struct iscsi_login_req {
    uint8_t opcode;
    uint8_t flags;
    uint8_t version_max, version_min;
    uint8_t ahs_words;
    be24 data_len;
    uint8_t isid[6];
    be16 tsih;
    be32 itt;
    be16 cid;
    be16 rsvd22;
    be32 cmd_sn;
    be32 exp_stat_sn;
    uint8_t rsvd32[16];
};
static_assert(sizeof(struct iscsi_login_req) == ISCSI_BHS_LEN, "RFC 7143 11.12");
static_assert(offsetof(struct iscsi_login_req, cmd_sn) == 24, "RFC 7143 11.12");
struct iscsi_login_rsp {
    uint8_t opcode;
    uint8_t flags;
    uint8_t version_max, version_active;
    uint8_t ahs_words;
    be24 data_len;
    uint8_t isid[6];
    be16 tsih;
    be32 itt;
    be32 rsvd20;
    be32 stat_sn;
    be32 exp_cmd_sn;
    be32 max_cmd_sn;
    be16 status; /* class << 8 | detail */
    uint8_t rsvd38[10];
};
static_assert(sizeof(struct iscsi_login_rsp) == ISCSI_BHS_LEN, "RFC 7143 11.13");
static_assert(offsetof(struct iscsi_login_rsp, status) == 36, "RFC 7143 11.13");
#define ISCSI_LOGIN_TRANSIT 0x80
#define ISCSI_LOGIN_CSG(f)  ((f) >> 2 & 3)
#define ISCSI_LOGIN_NSG(f)  ((f)&3)
enum iscsi_stage {
    ISCSI_STAGE_SECURITY = 0,
    ISCSI_STAGE_OPERATIONAL = 1,
    ISCSI_STAGE_FULL = 3
};

/* 11.13.5, class << 8 | detail. */
enum iscsi_login_status {
    ISCSI_LOGIN_OK = 0x0000,
    ISCSI_LOGIN_MOVED_TEMP = 0x0101,
    ISCSI_LOGIN_MOVED_PERM = 0x0102,
    ISCSI_LOGIN_INITIATOR_ERROR = 0x0200,
    ISCSI_LOGIN_AUTH_FAILED = 0x0201,
    ISCSI_LOGIN_NOT_AUTHORIZED = 0x0202,
    ISCSI_LOGIN_NOT_FOUND = 0x0203,
    ISCSI_LOGIN_REMOVED = 0x0204,
    ISCSI_LOGIN_BAD_VERSION = 0x0205,
    ISCSI_LOGIN_TOO_MANY_CONNECTIONS = 0x0206,
    ISCSI_LOGIN_MISSING_PARAMETER = 0x0207,
    ISCSI_LOGIN_NOT_IN_SESSION = 0x0208,
    ISCSI_LOGIN_BAD_SESSION_TYPE = 0x0209,
    ISCSI_LOGIN_NO_SESSION = 0x020a,
    ISCSI_LOGIN_BAD_REQUEST = 0x020b,
    ISCSI_LOGIN_TARGET_ERROR = 0x0300,
    ISCSI_LOGIN_UNAVAILABLE = 0x0301,
    ISCSI_LOGIN_OUT_OF_RESOURCES = 0x0302,
};

/* 11.14 and 11.15: Logout Request (reason in the low seven bits of flags) and Logout
 * Response. */
struct iscsi_logout_req {
    uint8_t opcode;
    uint8_t flags;
    uint8_t rsvd2[2];
    uint8_t ahs_words;
    be24 data_len;
    uint8_t rsvd8[8];
    be32 itt;
    be16 cid;
    be16 rsvd22;
    be32 cmd_sn;
    be32 exp_stat_sn;
    uint8_t rsvd32[16];
};
static_assert(sizeof(struct iscsi_logout_req) == ISCSI_BHS_LEN, "RFC 7143 11.14");
#define ISCSI_LOGOUT_REASON_MASK 0x7f
enum iscsi_logout_reason {
    ISCSI_LOGOUT_SESSION = 0,
    ISCSI_LOGOUT_CONNECTION = 1,
    ISCSI_LOGOUT_RECOVERY = 2,
};
struct iscsi_logout_rsp {
    uint8_t opcode;
    uint8_t flags;
    uint8_t response;
    uint8_t rsvd3;
    uint8_t ahs_words;
    be24 data_len;
    uint8_t rsvd8[8];
    be32 itt;
    be32 rsvd20;
    be32 stat_sn;
    be32 exp_cmd_sn;
    be32 max_cmd_sn;
    be32 rsvd36;
    be16 time2wait, time2retain; /* seconds */
    be32 rsvd44;
};
static_assert(sizeof(struct iscsi_logout_rsp) == ISCSI_BHS_LEN, "RFC 7143 11.15");
static_assert(offsetof(struct iscsi_logout_rsp, time2wait) == 40, "RFC 7143 11.15");
enum iscsi_logout_response {
    ISCSI_LOGOUT_RSP_OK = 0,
    ISCSI_LOGOUT_RSP_NO_CID = 1,
    ISCSI_LOGOUT_RSP_NO_RECOVERY = 2,
    ISCSI_LOGOUT_RSP_FAILED = 3,
};

/* 11.17: Reject; its data is the header of the PDU that was refused. */
struct iscsi_reject {
    uint8_t opcode;
    uint8_t flags;
    uint8_t reason;
    uint8_t rsvd3;
    uint8_t ahs_words;
    be24 data_len;
    uint8_t rsvd8[8];
    be32 itt; /* ISCSI_TAG_NONE */
    be32 rsvd20;
    be32 stat_sn;
    be32 exp_cmd_sn;
    be32 max_cmd_sn;
    be32 data_sn;
    uint8_t rsvd40[8];
};
static_assert(sizeof(struct iscsi_reject) == ISCSI_BHS_LEN, "RFC 7143 11.17");
enum iscsi_reject_reason {
    ISCSI_REJECT_DATA_DIGEST = 0x02,
    ISCSI_REJECT_SNACK = 0x03,
    ISCSI_REJECT_PROTOCOL = 0x04,
    ISCSI_REJECT_NOT_SUPPORTED = 0x05,
    ISCSI_REJECT_IMMEDIATE = 0x06,
    ISCSI_REJECT_TASK_IN_PROGRESS = 0x07,
    ISCSI_REJECT_BAD_DATA_ACK = 0x08,
    ISCSI_REJECT_BAD_FIELD = 0x09,
    ISCSI_REJECT_NO_RESOURCES = 0x0a,
    ISCSI_REJECT_NEGOTIATION_RESET = 0x0b,
    ISCSI_REJECT_WAITING_LOGOUT = 0x0c,
};

/* 11.18 and 11.19: NOP-Out and NOP-In. */
struct iscsi_nop_out {
    uint8_t opcode;
    uint8_t flags;
    uint8_t rsvd2[2];
    uint8_t ahs_words;
    be24 data_len;
    be64 lun;
    be32 itt;
    be32 ttt;
    be32 cmd_sn;
    be32 exp_stat_sn;
    uint8_t rsvd32[16];
};
static_assert(sizeof(struct iscsi_nop_out) == ISCSI_BHS_LEN, "RFC 7143 11.18");
struct iscsi_nop_in {
    uint8_t opcode;
    uint8_t flags;
    uint8_t rsvd2[2];
    uint8_t ahs_words;
    be24 data_len;
    be64 lun;
    be32 itt;
    be32 ttt;
    be32 stat_sn;
    be32 exp_cmd_sn;
    be32 max_cmd_sn;
    uint8_t rsvd36[12];
};
static_assert(sizeof(struct iscsi_nop_in) == ISCSI_BHS_LEN, "RFC 7143 11.19");

/* 11.16: SNACK Request. */
struct iscsi_snack {
    uint8_t opcode;
    uint8_t flags;
    uint8_t rsvd2[2];
    uint8_t ahs_words;
    be24 data_len;
    be64 lun;
    be32 itt;
    be32 ttt;
    be32 rsvd24;
    be32 exp_stat_sn;
    uint8_t rsvd32[8];
    be32 begin, run;
};
static_assert(sizeof(struct iscsi_snack) == ISCSI_BHS_LEN, "RFC 7143 11.16");

#endif

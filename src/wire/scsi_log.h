/* SPDX-License-Identifier: BSD-2-Clause */
/* Log pages as bytes: SPC-4 7.3, SBC-4 6.4. */
#ifndef WIRE_SCSI_LOG_H
#define WIRE_SCSI_LOG_H

#include "base/endian.h"

#include <assert.h>
#include <stddef.h>

#define LOG_PAGE_MASK 0x3f
#define LOG_SPF       0x40 /* subpage format */

struct scsi_log_header {
    uint8_t page; /* LOG_SPF */
    uint8_t subpage;
    be16 len; /* bytes after this header */
};
static_assert(sizeof(struct scsi_log_header) == 4, "SPC-4 7.3.2");

struct scsi_log_param {
    be16 code;
    uint8_t control; /* format and linking */
    uint8_t len;     /* bytes after this head */
};
static_assert(sizeof(struct scsi_log_param) == 4, "SPC-4 7.3.2");
#define LOG_BINARY_LIST 0x03 /* control: a binary list parameter */

/* SBC-4 6.4.5, page 0C: logical block provisioning resource count. */
struct scsi_log_resource {
    struct scsi_log_param head;
    be32 count; /* threshold units */
    uint8_t scope;
    uint8_t rsvd9[3];
};
static_assert(sizeof(struct scsi_log_resource) == 12, "SBC-4 6.4.5");
#define LOG_RESOURCE_AVAILABLE 0x0001
#define LOG_RESOURCE_USED      0x0002
#define LOG_SCOPE_THIS_LU      0x01
#define LOG_SCOPE_SHARED       0x02

/* SPC-4 7.3.10, page 19: general statistics and performance. */
struct scsi_log_access {
    struct scsi_log_param head; /* code 0001h */
    be64 reads, writes;
    be64 blocks_received, blocks_transmitted;
    be64 read_intervals, write_intervals;
    be64 weighted_commands, weighted_intervals;
};
static_assert(sizeof(struct scsi_log_access) == 68, "SPC-4 7.3.10.2");
struct scsi_log_idle {
    struct scsi_log_param head; /* code 0002h */
    be64 intervals;
};
static_assert(sizeof(struct scsi_log_idle) == 12, "SPC-4 7.3.10.3");
struct scsi_log_interval {
    struct scsi_log_param head; /* code 0003h */
    be32 exponent;              /* negative powers of ten of a second */
    be32 integer;
};
static_assert(sizeof(struct scsi_log_interval) == 12, "SPC-4 7.3.10.4");

#endif

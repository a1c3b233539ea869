/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * INQUIRY (SPC-4 6.6). Answered for every LUN: where nothing is mapped with qualifier 011b and
 * type 1Fh, so that hosts scan on, and where a volume is still to come as the disk that it will
 * be. LU's home, or the nexus's without a LU; does not park.
 */
#include "scsi/ops.h"
#include "scsi/vpd.h"
#include "wire/scsi_inquiry.h"

static void ascii(uint8_t *field, size_t len, const char *s)
{
    struct wbuf w = wbuf_make(field, len);
    wb_ascii(&w, s, len);
}

static uint8_t peripheral(const struct scsi_task *t)
{
    return t->itl ? PERIPHERAL_DISK : PERIPHERAL_NONE;
}

static void standard(const struct scsi_lu *lu, struct scsi_task *t)
{
    struct scsi_inquiry inq = {
        .peripheral = peripheral(t),
        .version = INQUIRY_SPC4,
        .format = INQUIRY_HISUP | INQUIRY_FORMAT,
        .additional_len = sizeof(inq) - 5,
        .flags5 = INQUIRY_TPGS_BOTH | INQUIRY_3PC,
        .flags6 = INQUIRY_MULTIP,
        .flags7 = INQUIRY_CMDQUE,
        .versions = {be16_make(VERSION_SAM5), be16_make(VERSION_ISCSI), be16_make(VERSION_SPC4),
                     be16_make(VERSION_SBC3)},
    };
    const struct scsi_identity *id = lu ? scsi_lu_identity(lu) : NULL;
    ascii(inq.vendor, sizeof(inq.vendor), id ? id->vendor : SCSI_VENDOR);
    ascii(inq.product, sizeof(inq.product), id ? id->product : SCSI_PRODUCT);
    ascii(inq.revision, sizeof(inq.revision), id ? id->revision : SCSI_REVISION);
    struct wbuf w = wbuf_make(&inq, sizeof(inq));
    w.len = sizeof(inq);
    task_reply(t, &w, load_be16(t->cdb + 3));
}

void op_inquiry(struct scsi_lu *lu, struct scsi_task *t)
{
    if (t->cdb[1] & INQUIRY_EVPD) {
        vpd_reply(lu, t, peripheral(t));
        return;
    }
    if (t->cdb[2] != 0) { /* a page code without EVPD */
        task_bad_cdb(t, 2, 7);
        return;
    }
    standard(lu, t);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Vital product data: a table of pages, each with a builder that writes what follows the page's
 * header. */
#ifndef SCSI_VPD_H
#define SCSI_VPD_H

#include "scsi/scsi_int.h"

/* Answers INQUIRY with EVPD=1. lu NULL: nothing there, or not yet. */
void vpd_reply(struct scsi_lu *lu, struct scsi_task *t, uint8_t peripheral);

typedef void vpd_build(const struct scsi_lu *lu, const struct scsi_itl *itl, struct wbuf *w);
/* vpd_ids.c */
vpd_build vpd_serial;      /* 80 */
vpd_build vpd_designators; /* 83 */
vpd_build vpd_ports;       /* 88 */
/* vpd_block.c */
vpd_build vpd_block_limits;    /* B0 */
vpd_build vpd_characteristics; /* B1 */
vpd_build vpd_provisioning;    /* B2 */
/* vpd_copy.c */
vpd_build vpd_copy; /* 8F */

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one command may ask for: enforced by the block commands, told to initiators in VPD B0, so that both read the same
 * numbers. Bytes, unless they say otherwise; a LU divides by its block size.
 *
 * One command's work is bounded, so that a COMPARE AND WRITE behind it keeps its 8 seconds (ESXi): a WRITE SAME writes
 * at most 256 MiB, an UNMAP frees at most 512 MiB.
 */
#ifndef SCSI_LIMITS_H
#define SCSI_LIMITS_H

#define SCSI_XFER_MAX_BYTES       (32u << 20)  /* MAXIMUM TRANSFER LENGTH */
#define SCSI_CAW_MAX_BLOCKS       255u         /* MAXIMUM COMPARE AND WRITE LENGTH */
#define SCSI_WRITE_SAME_MAX_BYTES (256u << 20) /* MAXIMUM WRITE SAME LENGTH; WSNZ is 0 */
#define SCSI_UNMAP_MAX_BYTES                                                                   \
    (512u << 20)                  /* MAXIMUM UNMAP LBA COUNT, all descriptors together */
#define SCSI_UNMAP_MAX_DESCS 256u /* MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT */

/* EXTENDED COPY: RECEIVE COPY RESULTS/OPERATING PARAMETERS and VPD 8F. */
#define SCSI_COPY_MAX_CSCDS         16u         /* MAXIMUM CSCD DESCRIPTOR COUNT */
#define SCSI_COPY_MAX_SEGMENTS      16u         /* MAXIMUM SEGMENT DESCRIPTOR COUNT */
#define SCSI_COPY_MAX_LIST_BYTES    4096u       /* MAXIMUM DESCRIPTOR LIST LENGTH */
#define SCSI_COPY_MAX_SEGMENT_BYTES (64u << 20) /* MAXIMUM SEGMENT LENGTH */
#define SCSI_COPY_MAX_CONCURRENT    16u         /* TOTAL CONCURRENT COPIES */

#endif

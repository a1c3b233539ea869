/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the LU is as a block device (SBC-4 6.6): its limits, as limits.h has them for the
 * commands that enforce them, and the truth about its volume. VMFS reclaims space by itself
 * only when the unmap granularity is told, and is at most 1 MiB. LU's home; does not park.
 */
#include "scsi/limits.h"
#include "scsi/vpd.h"
#include "wire/scsi_inquiry.h"

#define OPTIMAL_TRANSFER_BYTES (1u << 20)

static be32 blocks(const struct scsi_lu *lu, uint64_t bytes)
{
    return be32_make((uint32_t)MIN(bytes / lu_block(lu), UINT32_MAX));
}

static void unmap_limits(const struct scsi_lu *lu, struct scsi_vpd_block_limits *p)
{
    const struct volume_geometry *g = &lu->vol->geo;
    if (!lu_unmaps(lu))
        return;
    p->max_unmap_lbas = blocks(lu, SCSI_UNMAP_MAX_BYTES);
    p->max_unmap_descs = be32_make(SCSI_UNMAP_MAX_DESCS);
    p->unmap_granularity = blocks(lu, MAX(g->unmap_granularity, lu_block(lu)));
    p->unmap_alignment =
        be32_make(LIMITS_UGAVALID | (uint32_t)(g->unmap_alignment / lu_block(lu)));
}

void vpd_block_limits(const struct scsi_lu *lu, const struct scsi_itl *itl, struct wbuf *w)
{
    const struct volume_geometry *g = &lu->vol->geo;
    struct scsi_vpd_block_limits p = {
        .max_caw_blocks = SCSI_CAW_MAX_BLOCKS,
        .granularity =
            be16_make((uint16_t)(MAX(g->physical_block, lu_block(lu)) / lu_block(lu))),
        .max_transfer = blocks(lu, SCSI_XFER_MAX_BYTES),
        .optimal_transfer = blocks(lu, OPTIMAL_TRANSFER_BYTES),
        .max_write_same = be64_make(SCSI_WRITE_SAME_MAX_BYTES / lu_block(lu)),
        .max_atomic = blocks(lu, MIN(g->atomic_max, SCSI_XFER_MAX_BYTES)),
    };
    (void)itl;
    unmap_limits(lu, &p);
    wb_bytes(w, &p, sizeof(p));
}

void vpd_characteristics(const struct scsi_lu *lu, const struct scsi_itl *itl, struct wbuf *w)
{
    struct scsi_vpd_characteristics p = {
        .rotation = be16_make(lu->vol->geo.rotational ? ROTATION_UNKNOWN : ROTATION_NONE),
    };
    (void)itl;
    wb_bytes(w, &p, sizeof(p));
}

void vpd_provisioning(const struct scsi_lu *lu, const struct scsi_itl *itl, struct wbuf *w)
{
    struct scsi_vpd_provisioning p = {.type = PROVISIONING_FULL};
    (void)itl;
    if (lu_unmaps(lu)) {
        p.threshold_exponent = (uint8_t)threshold_exponent(lu);
        p.flags5 =
            PROVISIONING_LBPU | PROVISIONING_LBPWS | PROVISIONING_LBPWS10 | PROVISIONING_LBPRZ;
        p.type = PROVISIONING_THIN;
    }
    wb_bytes(w, &p, sizeof(p));
}

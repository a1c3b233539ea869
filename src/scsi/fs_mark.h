/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File systems by the marks that they leave in their first blocks, and partitions to look into. Pure: bytes in,
 * answers out; whatever the bytes are.
 */
#ifndef SCSI_FS_MARK_H
#define SCSI_FS_MARK_H

#include <stddef.h>
#include <stdint.h>

enum fs_kind {
    FS_NONE,
    FS_EXT,
    FS_XFS,
    FS_NTFS,
    FS_REFS,
    FS_VMFS,
    FS_GFS2,
    FS_OCFS2,
    FS_COUNT
};
/* "ext4", "VMFS"; "" of FS_NONE. */
const char *fs_name(enum fs_kind k);

/* Where marks may lie, from the start of a volume or partition: bytes to be read. */
struct fs_window {
    uint32_t off, len;
};
#define FS_WINDOWS    3
#define FS_WINDOW_MAX (16u << 10)
extern const struct fs_window fs_windows[FS_WINDOWS];
/* What has left its mark in that window, of which len bytes are there. */
enum fs_kind fs_guess(unsigned window, const uint8_t *bytes, size_t len);

#define FS_HEAD_LEN       (64u << 10) /* of the volume, for its partition table */
#define FS_PARTITIONS_MAX 16u
/* Byte offsets at which the partitions of an MBR or GPT start, the first of them, as far as they begin below size. The
 * table of a GPT is looked for in head alone; logical partitions of an MBR are not. Returns how many. */
unsigned fs_partitions(const uint8_t *head, size_t len, uint32_t block, uint64_t size,
                       uint64_t ret_off[FS_PARTITIONS_MAX]);

#endif

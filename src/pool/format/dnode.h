/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dnodes, objset blocks and the records in their bonus buffers, as they are on disk (OpenZFS
 * sys/dnode.h, dmu_objset.h, dsl_dir.h, dsl_dataset.h, dsl_deadlist.h, bpobj.h, space_map.h).
 */
#ifndef POOL_FORMAT_DNODE_H
#define POOL_FORMAT_DNODE_H

#include "pool/format/bp.h"

#define DNODE_CORE       64u                                 /* before the first pointer */
#define DNODE_MAX_BONUS  (DNODE_SIZE - DNODE_CORE - BP_SIZE) /* 320 */
#define DNODE_USED_BYTES 1u                                  /* flags: `used` counts bytes */
#define DNODE_SPILL      4u
#define DNODE_MAX_LEVELS 6u

/* Indirect blocks are 1 << shift bytes. */
#define DNODE_INDIRECT_SHIFT_MIN 10u
#define DNODE_INDIRECT_SHIFT_MAX 17u

struct dnode_phys {
    uint8_t type, indirect_shift, nlevels, nblkptr;
    uint8_t bonus_type, checksum, compress, flags;
    le16 dblk_sectors; /* of 512 bytes */
    le16 bonus_len;
    uint8_t extra_slots;
    uint8_t pad[3];
    le64 maxblkid;
    le64 used;
    uint8_t pad2[32];
    uint8_t tail[DNODE_SIZE - DNODE_CORE]; /* pointers, then the bonus */
};
static_assert(sizeof(struct dnode_phys) == DNODE_SIZE, "dnode_phys_t");

static inline struct bp *dnode_bp(struct dnode_phys *dn, unsigned i)
{
    return (struct bp *)(void *)(dn->tail + i * BP_SIZE);
}
static inline uint8_t *dnode_bonus(struct dnode_phys *dn)
{
    return dn->tail + dn->nblkptr * BP_SIZE;
}
/* min(3, 1 + (320 - bonus_len) / 128): what OpenZFS's debug checks want. */
unsigned dnode_nblkptr(unsigned bonus_len);
/* What reading relies on: levels, shifts, counts and lengths lie within the 512 bytes (large dnodes:
 * (extra_slots + 1) * 512, only the first 512 are looked at). -EBADMSG names the field; a free
 * slot (type 0) is no dnode either. -EOPNOTSUPP: data blocks larger than BLOCK_MAX_READ. Not
 * checked: maxblkid, which bounds nothing, and the pointers (bp_check() when they are followed). */
int dnode_check(const struct dnode_phys *dn, struct err *reterr);

struct zil_header {
    le64 claim_txg, replay_seq;
    struct bp log;
    le64 claim_blk_seq;
    le64 flags;
    le64 claim_lr_seq;
    le64 pad[3];
};
static_assert(sizeof(struct zil_header) == 192, "zil_header_t");
#define ZIL_REPLAY_NEEDED      1u
#define ZIL_CLAIM_LR_SEQ_VALID 2u

struct objset_phys {
    struct dnode_phys meta;
    struct zil_header zil;
    le64 type; /* enum objset_type */
    le64 flags;
    uint8_t macs[64];
    uint8_t pad[1024 - 512 - 192 - 16 - 64];
    struct dnode_phys userused, groupused, projectused;
    uint8_t pad2[4096 - 2560];
};
static_assert(sizeof(struct objset_phys) == 4096, "objset_phys_t");

enum dd_used { DD_HEAD, DD_SNAP, DD_CHILD, DD_CHILD_RSRV, DD_REFRSRV, DD_USED_NUM };
struct dsl_dir_phys {
    le64 creation_time, head_dataset, parent, origin, child_zap;
    le64 used, compressed, uncompressed, quota, reserved;
    le64 props_zap, deleg_zap, flags;
    le64 used_breakdown[DD_USED_NUM];
    le64 clones_zap;
    le64 pad[13];
};
static_assert(sizeof(struct dsl_dir_phys) == 256, "dsl_dir_phys_t");
#define DD_FLAG_USED_BREAKDOWN 1u

struct dsl_dataset_phys {
    le64 dir, prev_snap, prev_snap_txg, next_snap, snapnames_zap, num_children;
    le64 creation_time, creation_txg, deadlist;
    le64 referenced, compressed, uncompressed, unique;
    le64 fsid_guid, guid, flags;
    struct bp bp;
    le64 next_clones, props, userrefs;
    le64 pad[5];
};
static_assert(sizeof(struct dsl_dataset_phys) == 320, "dsl_dataset_phys_t");
#define DS_FLAG_INCONSISTENT    1u
#define DS_FLAG_UNIQUE_ACCURATE 4u
#define DS_FLAG_DEFER_DESTROY   8u

struct deadlist_phys {
    le64 used, comp, uncomp;
    le64 pad[37];
};
static_assert(sizeof(struct deadlist_phys) == 320, "dsl_deadlist_phys_t");

struct bpobj_phys {
    le64 num_blkptrs, bytes, comp, uncomp, subobjs, num_subobjs;
};
static_assert(sizeof(struct bpobj_phys) == 48, "bpobj_phys_t");

struct space_map_phys {
    le64 object, length, alloc; /* alloc: signed */
    le64 pad[5];
    le64 histogram[32]; /* only with feature spacemap_histogram (bonus of 320 bytes) */
};
static_assert(sizeof(struct space_map_phys) == 320, "space_map_phys_t");
#define SPACE_MAP_BONUS_SMALL 24u

#endif

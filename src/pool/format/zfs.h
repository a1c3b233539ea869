/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers of the OpenZFS on-disk format (version 5000): sizes, enumerations, object types. The
 * names are OpenZFS's own where it has some (sys/fs/zfs.h, sys/dmu.h, sys/spa.h).
 */
#ifndef POOL_FORMAT_ZFS_H
#define POOL_FORMAT_ZFS_H

#include "base/util.h"

#define SECTOR_SHIFT 9 /* block pointers count in units of 512 bytes */

#define ZFS_VERSION      5000u
#define TXG_INITIAL      4u /* the first one of a new pool */
#define TXG_ORIGIN       1u /* creation of $ORIGIN and the root dataset */
#define TXG_HOLD_BACK    2u /* a block freed in T may be written again from T + 1 + this on */
#define TXG_END          (1ull << 62) /* no pool lives so long: sums of txgs cannot wrap */
#define LABEL_SIZE       (256u << 10)
#define LABEL_FRONT      (4u << 20)   /* two labels and the boot area: DVA offset 0 is here */
#define LABEL_BACK       (512u << 10) /* two labels */
#define VDEV_MIN_SIZE    (64ull << 20)
#define ASHIFT_MIN       9u
#define ASHIFT_MAX       13u          /* that we create; up to 16 is read */
#define BLOCK_MAX        (128u << 10) /* largest block we write */
#define BLOCK_MAX_READ   (1u << 20)   /* with large_blocks */
#define INDIRECT_SHIFT   17u          /* 128 KiB: 1024 block pointers */
#define SPACE_MAP_SHIFT  14u          /* indirect blocks of space maps */
#define DNODE_SIZE       512u
#define DNODE_BLOCK      (16u << 10) /* 32 dnodes */
#define DNODES_PER_BLOCK (DNODE_BLOCK / DNODE_SIZE)
#define VOLBLOCK_MIN     (4u << 10)
#define VOLBLOCK_DEFAULT (16u << 10)

enum zfs_checksum {
    ZCHECK_INHERIT,
    ZCHECK_ON,
    ZCHECK_OFF,
    ZCHECK_LABEL,
    ZCHECK_GANG,
    ZCHECK_ZILOG,
    ZCHECK_FLETCHER2,
    ZCHECK_FLETCHER4,
    ZCHECK_SHA256,
    ZCHECK_ZILOG2,
    ZCHECK_NOPARITY,
    ZCHECK_SHA512,
    ZCHECK_SKEIN,
    ZCHECK_EDONR,
    ZCHECK_COUNT
};

enum zfs_compress {
    ZCOMP_INHERIT,
    ZCOMP_ON,
    ZCOMP_OFF,
    ZCOMP_LZJB,
    ZCOMP_EMPTY,
    ZCOMP_GZIP_1,
    ZCOMP_GZIP_9 = 13,
    ZCOMP_ZLE,
    ZCOMP_LZ4,
    ZCOMP_ZSTD,
    ZCOMP_COUNT
};

enum dmu_type {
    DMU_NONE,
    DMU_OBJECT_DIRECTORY,
    DMU_OBJECT_ARRAY,
    DMU_PACKED_NVLIST,
    DMU_PACKED_NVLIST_SIZE,
    DMU_BPOBJ,
    DMU_BPOBJ_HDR,
    DMU_SPACE_MAP_HEADER,
    DMU_SPACE_MAP,
    DMU_INTENT_LOG,
    DMU_DNODE,
    DMU_OBJSET,
    DMU_DSL_DIR,
    DMU_DSL_DIR_CHILD_MAP,
    DMU_DSL_DS_SNAP_MAP,
    DMU_DSL_PROPS,
    DMU_DSL_DATASET,
    DMU_ZNODE,
    DMU_PLAIN_FILE_CONTENTS = 19,
    DMU_ZVOL = 23,
    DMU_ZVOL_PROP,
    DMU_ERROR_LOG = 28,
    DMU_SPA_HISTORY,
    DMU_SPA_HISTORY_OFFSETS,
    DMU_POOL_PROPS,
    DMU_NEXT_CLONES = 37,
    DMU_DEADLIST = 50,
    DMU_DEADLIST_HDR,
    DMU_DSL_CLONES,
    DMU_BPOBJ_SUBOBJ,
    DMU_ZAP_METADATA = 0xc4, /* new style: ZAP, metadata */
    DMU_U64_METADATA = 0xc3,
};
/* True: counts as metadata (two copies in a dataset, compressed as such, "uncompressed" is
 * psize). Indirect blocks are metadata whatever their type. */
bool dmu_type_is_metadata(unsigned type);
/* A type that version 5000 knows, new-style ones included; DMU_NONE is one (children of gangs). */
bool dmu_type_valid(unsigned type);

/* Objects of a volume's objset. */
#define ZVOL_DATA  1u
#define ZVOL_PROPS 2u

enum objset_type { OBJSET_NONE, OBJSET_META, OBJSET_ZFS, OBJSET_ZVOL };

enum pool_state {
    POOL_STATE_ACTIVE,
    POOL_STATE_EXPORTED,
    POOL_STATE_DESTROYED,
    POOL_STATE_SPARE,
    POOL_STATE_L2CACHE,
};

#endif

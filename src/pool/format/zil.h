/* SPDX-License-Identifier: BSD-2-Clause */
/* Intent-log blocks and records (OpenZFS zil.h, zil.c). Pure. The header is in dnode.h. */
#ifndef POOL_FORMAT_ZIL_H
#define POOL_FORMAT_ZIL_H

#include "pool/format/bp.h"

#define ZIL_BLOCK_MIN 4096u
#define ZIL_BLOCK_HEADER                                                                       \
    184u /* chain structure at the block's start: zeros, next, used, seal */

#define ZIL_WRITE    9u
#define ZIL_TRUNCATE 10u

/* common: type, length, txg, seq; then the body */
struct zil_write_phys {
    le64 type, len, txg, seq;
    le64 object, offset, length, blkoff;
    struct bp bp;
};
static_assert(sizeof(struct zil_write_phys) == 192, "lr_write_t");
struct zil_truncate_phys {
    le64 type, len, txg, seq;
    le64 object, offset, length;
};
static_assert(sizeof(struct zil_truncate_phys) == 56, "lr_truncate_t");

struct zil_record {
    uint64_t type, txg, seq;
    uint64_t offset, length; /* bytes of the volume */
    const uint8_t *data; /* immediate write: length bytes, borrowed from the block; else NULL */
    struct bp bp;        /* indirect write: the whole volume block; else a hole */
};

/* The pointer of the first block of a new chain and of the one after prev: identity words
 * {random, random, dataset object, seq}; the caller sets the DVA. */
void zil_bp_make(struct bp *ret_bp, uint32_t size, uint64_t birth, const uint64_t random[2],
                 uint64_t dataset);
void zil_bp_next(struct bp *ret_bp, const struct bp *prev, uint32_t size, uint64_t birth);
uint64_t zil_bp_seq(const struct bp *bp);

/* Bytes of a record on disk. */
uint32_t zil_record_size(uint64_t type, uint64_t data_len);
/* Appends a record to a block being filled at *used (bytes, ZIL_BLOCK_HEADER at first), which the caller
 * found to have room; advances *used. data may be NULL: the caller fills in the returned place. */
uint8_t *zil_record_put(uint8_t *block, uint32_t *used, const struct zil_record *rec);
/* Completes a block: chain structure, checksum over round_up(used, 4096). */
void zil_block_seal(uint8_t *block, const struct bp *bp, const struct bp *next, uint32_t used);
/* Verifies a block that bp points to and gives the next pointer and used bytes. False: the log ends here. */
bool zil_block_parse(const uint8_t *block, const struct bp *bp, struct bp *ret_next,
                     uint32_t *ret_used);
/* The record at *pos (ZIL_BLOCK_HEADER at first), advances. 1: a record; 0: no more; -EBADMSG: broken;
 * -EOPNOTSUPP: a type that no volume has (*ret->type is set). */
int zil_record_next(const uint8_t *block, uint32_t used, uint32_t *pos, struct zil_record *ret);

#endif

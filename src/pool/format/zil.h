/* SPDX-License-Identifier: BSD-2-Clause */
/* Intent-log blocks and records (OpenZFS zil.h, zil.c). Pure. The header is in dnode.h. */
#ifndef POOL_FORMAT_ZIL_H
#define POOL_FORMAT_ZIL_H

#include "pool/format/bp.h"

#define ZIL_BLOCK_MIN 4096u
#define ZIL_BLOCK_MAX (128u << 10)
#define ZIL_BLOCK_HEADER                                                                       \
    184u              /* chain structure at the block's start: zeros, next, used, seal */
#define ZIL_OBJECT 1u /* the data of a volume */

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
    uint64_t object;         /* ZIL_OBJECT in the log of a volume */
    uint64_t offset, length; /* bytes of the volume */
    const uint8_t *data; /* immediate write: length bytes, borrowed from the block; else NULL */
    struct bp
        bp; /* indirect write: the whole volume block around the range; a hole: it is zeros */
};

/* The pointer of the first block of a new chain and of the one after prev: identity words
 * {random, random, dataset object, seq from 1 on}; the caller sets the DVA. size: bytes, a multiple of
 * ZIL_BLOCK_MIN up to ZIL_BLOCK_MAX. */
void zil_bp_make(struct bp *ret_bp, uint32_t size, uint64_t birth, const uint64_t random[2],
                 uint64_t dataset);
void zil_bp_next(struct bp *ret_bp, const struct bp *prev, uint32_t size, uint64_t birth);
uint64_t zil_bp_seq(const struct bp *bp);
/* A log block that we can read: of today's kind, of a right size. Where it lies is bp_check()'s business.
 * -EOPNOTSUPP names what is wrong: such a log can't be followed. */
int zil_bp_check(const struct bp *bp, struct err *reterr);

/* Bytes of a record on disk. */
uint32_t zil_record_size(uint64_t type, uint64_t data_len);
/* Appends a record to a block being filled at *used (bytes, ZIL_BLOCK_HEADER at first), which the caller
 * found to have room; advances *used. A write whose bp is a hole is immediate: its place for length bytes is
 * returned, filled with data unless that is NULL. Else NULL is returned. rec->object is not looked at. */
uint8_t *zil_record_put(uint8_t *block, uint32_t *used, const struct zil_record *rec);
/* Completes a block: chain structure, zeros up to round_up(used, 4096), the checksum over all that. Only
 * those bytes need to be written, but on raidz, where the rest of the block must be zeros and written too. */
void zil_block_seal(uint8_t *block, const struct bp *bp, const struct bp *next, uint32_t used);
/* Verifies a block that bp points to (zil_bp_check() was content) and gives the next pointer and used bytes.
 * False: the log ends before this block. The block is written to, and is as it was at the end. */
bool zil_block_parse(uint8_t *block, const struct bp *bp, struct bp *ret_next,
                     uint32_t *ret_used);
/* The record at *pos (ZIL_BLOCK_HEADER at first), advances. 1: a record; 0: no more; -EBADMSG: broken, the
 * walk can't go on; -EOPNOTSUPP: a type that no volume has (ret->type is set, the walk may go on). */
int zil_record_next(const uint8_t *block, uint32_t used, uint32_t *pos, struct zil_record *ret);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block pointers: 128 bytes, sixteen little-endian words (OpenZFS sys/spa.h, blkptr_t). Kept in
 * memory as they are on disk; sizes and offsets are bytes here. All functions are pure.
 */
#ifndef POOL_FORMAT_BP_H
#define POOL_FORMAT_BP_H

#include "base/endian.h"
#include "base/err.h"
#include "pool/format/zfs.h"

#include <assert.h>

#define BP_DVAS  3u
#define BP_SIZE  128u
#define BP_SHIFT 7u

struct bp {
    le64 w[16];
};
static_assert(sizeof(struct bp) == BP_SIZE, "blkptr_t");

#define DVA_ASIZE_MASK 0xffffffull /* of a DVA's first word: asize in sectors */
/* Data virtual address. asize 0: not used. */
struct dva {
    uint64_t off;   /* bytes from the 4 MiB mark of the top-level vdev's address space */
    uint64_t asize; /* bytes allocated: with parity, padding */
    uint32_t vdev;  /* id of the top-level vdev */
    bool gang;
};

/* The 256-bit checksum field. */
struct cksum {
    uint64_t w[4];
};

/* What a pointer says of its block besides where it is. */
struct bp_props {
    uint32_t lsize, psize; /* bytes; multiples of 512 */
    uint8_t type;          /* enum dmu_type */
    uint8_t level;
    uint8_t compress; /* enum zfs_compress, 2.. */
    uint8_t checksum; /* enum zfs_checksum, 2.. */
};

static inline uint64_t bp_word(const struct bp *bp, unsigned i)
{
    return le64_get(bp->w[i]);
}
static inline void bp_word_set(struct bp *bp, unsigned i, uint64_t v)
{
    bp->w[i] = le64_make(v);
}
static inline bool bp_is_embedded(const struct bp *bp)
{
    return bp_word(bp, 6) >> 39 & 1;
}
/* No data: the block reads as zeros. Tells by the DVA, since a hole may carry a birth. */
static inline bool bp_is_hole(const struct bp *bp)
{
    return !bp_is_embedded(bp) && bp_word(bp, 0) == 0 && bp_word(bp, 1) == 0;
}
static inline unsigned bp_type(const struct bp *bp)
{
    return bp_word(bp, 6) >> 48 & 0xff;
}
static inline unsigned bp_level(const struct bp *bp)
{
    return bp_word(bp, 6) >> 56 & 0x1f;
}
static inline unsigned bp_compress(const struct bp *bp)
{
    return bp_word(bp, 6) >> 32 & 0x7f;
}
/* Of an embedded pointer: the kind of payload. */
static inline unsigned bp_checksum(const struct bp *bp)
{
    return bp_word(bp, 6) >> 40 & 0xff;
}
static inline bool bp_is_little_endian(const struct bp *bp)
{
    return bp_word(bp, 6) >> 63;
}
/* Others may share the block, and a table of the pool (DDT) counts them. Not of an embedded pointer. */
static inline bool bp_is_dedup(const struct bp *bp)
{
    return bp_word(bp, 6) >> 62 & 1;
}
/* Bytes; right for embedded pointers too. A hole stores nothing (psize 0), and one that was never
 * written doesn't know its lsize either (0). */
uint32_t bp_lsize(const struct bp *bp);
uint32_t bp_psize(const struct bp *bp);
/* Logical birth: when it was written. */
static inline uint64_t bp_birth(const struct bp *bp)
{
    return bp_word(bp, 10);
}
/* When its space was allocated; equals the logical birth but for moved blocks. */
static inline uint64_t bp_phys_birth(const struct bp *bp)
{
    uint64_t phys = bp_word(bp, 9);
    return phys ? phys : bp_birth(bp);
}
static inline uint64_t bp_fill(const struct bp *bp)
{
    return bp_is_embedded(bp) ? 1 : bp_word(bp, 11);
}
struct dva bp_dva(const struct bp *bp, unsigned i);
/* DVAs in use: 0 for holes and embedded pointers. */
unsigned bp_ndvas(const struct bp *bp);
struct cksum bp_cksum(const struct bp *bp);
/* Counts as metadata by its level or type. */
bool bp_is_metadata(const struct bp *bp);

/* Makes a little-endian pointer without DVAs, checksum and fill. */
void bp_make(struct bp *ret_bp, const struct bp_props *props, uint64_t birth);
void bp_set_dva(struct bp *bp, unsigned i, const struct dva *dva);
void bp_set_cksum(struct bp *bp, const struct cksum *sum);
static inline void bp_set_fill(struct bp *bp, uint64_t fill)
{
    bp_word_set(bp, 11, fill);
}
/* A hole that tells when it came to be (feature hole_birth); birth 0: never written, all zero. */
void bp_make_hole(struct bp *ret_bp, uint32_t lsize, unsigned type, unsigned level,
                  uint64_t birth);
/* The payload of an embedded pointer (bp_psize() bytes, at most 112) copied out. */
void bp_embedded_payload(const struct bp *bp, uint8_t ret_bytes[112]);

/* What every reader relies on: the fields are within what the format allows and we can read,
 * each DVA lies in a vdev below nvdevs whose size is sizes[vdev] (bytes; 0: a hole among the
 * vdevs). -EBADMSG names the field; -EOPNOTSUPP: it is of a kind we don't read (encrypted,
 * big-endian, a checksum or size of others). Holes and embedded pointers are checked by their own
 * rules. Not checked: births against the pool's txg. */
int bp_check(const struct bp *bp, const uint64_t *sizes, unsigned nvdevs, struct err *reterr);

/* ---- accounting (OpenZFS bp_get_dsize, BP_GET_UCSIZE) -------------------------------------- */

/* Bytes as the DSL counts them; dsize is found with the deflate ratios of the pool's top-level
 * vdevs (vdev.h). psize: 0 for holes and embedded ones. ucsize: lsize for level-0 data, else
 * psize; an embedded data block counts its lsize. */
struct bp_sums {
    uint64_t used, comp, uncomp;
};
uint64_t bp_dsize(const struct bp *bp, const uint32_t *ratios, unsigned nvdevs);
struct bp_sums bp_sums(const struct bp *bp, const uint32_t *ratios, unsigned nvdevs);

#endif

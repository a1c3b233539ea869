/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ZAP blocks (OpenZFS zap_impl.h, zap_leaf.h, zap_micro.c): the layout of a micro block, of a fat
 * header and of a leaf, with look-up, insertion and removal inside one block. Pure but for malloc;
 * tree/zap.c walks the object. Blocks from a disk go through mzap_check(), fzap_header_get() or
 * zleaf_check() once; everything else relies on them.
 */
#ifndef POOL_FORMAT_ZAP_H
#define POOL_FORMAT_ZAP_H

#include "base/endian.h"
#include "base/err.h"

#define ZAP_MICRO        0x8000000000000003ull
#define ZAP_HEADER       0x8000000000000001ull
#define ZAP_LEAF         0x8000000000000000ull
#define ZAP_MAGIC        0x2f52ab2abull
#define ZAP_NAME_MAX     255u /* without the NUL */
#define ZAP_VALUE_MAX    8192u
#define MZAP_NAME_MAX    49u
#define MZAP_ENTRY       64u
#define MZAP_MAX         (128u << 10) /* bytes of the largest micro one */
#define FZAP_SHIFT_MIN   9u           /* fat blocks have 1 << shift bytes */
#define FZAP_SHIFT_MAX   17u
#define ZLEAF_PREFIX_MAX 48u /* bits of a hash that can tell leaves apart */
#define FZAP_BLOCK_SHIFT 14u /* of the fat ones that we make */

/* A value: n integers of int_size bytes each. A string has int_size 1 and its NUL counts. */
struct zap_value {
    uint8_t int_size; /* 1, 2, 4, 8 */
    uint32_t n;
    uint8_t *bytes; /* n * int_size bytes, host order */
};

/* Flags of a fat header. */
#define ZAP_FLAG_HASH64     1u /* 48 bits of the hash are used, else 28 */
#define ZAP_FLAG_UINT64_KEY 2u
#define ZAP_FLAG_PRE_HASHED 4u
/* Normalisation: names are hashed in upper case (ASCII: all that a dataset's name may have). */
#define ZAP_NORM_UPPER 2u

/* The hash of a name of len bytes (without NUL): its top 28 bits, 48 with ZAP_FLAG_HASH64. salt is not 0. */
uint64_t zap_hash(uint64_t salt, const char *name, size_t len, unsigned flags);

/* ---- micro: one block, string -> u64 -------------------------------------------------------- */

/* len: a multiple of 512, at most MZAP_MAX. The salt must not be 0. */
void mzap_init(uint8_t *block, size_t len, uint64_t salt, uint64_t normflags);
/* -EBADMSG: not a micro block, or a name without an end. */
int mzap_check(const uint8_t *block, size_t len, struct err *reterr);
bool mzap_lookup(const uint8_t *block, size_t len, const char *name, uint64_t *ret_value);
/* 0; -ENOSPC: the block is full; -ENAMETOOLONG: has to become fat. Replaces an existing value. The
 * object may have grown since: new bytes after the entries are zero. */
int mzap_put(uint8_t *block, size_t len, const char *name, uint64_t value);
bool mzap_remove(uint8_t *block, size_t len, const char *name);
/* The entry at *pos (0 at first) or the next one in use; false at the end. name: NUL-terminated, borrowed. */
bool mzap_next(const uint8_t *block, size_t len, size_t *pos, const char **ret_name,
               uint64_t *ret_value);

/* ---- fat: header ---------------------------------------------------------------------------- */

struct fzap_header {
    uint64_t table_block, table_blocks, table_shift, next_block, blocks_copied;
    uint64_t free_block, leaves, entries, salt, normflags, flags;
};
/* Writes the header into block 0 of len bytes and leaves the rest of it alone. */
void fzap_header_put(uint8_t *block, size_t len, const struct fzap_header *h);
/* -EBADMSG: not such a header, or a field out of range; -EOPNOTSUPP: keys that are not strings. After it the
 * table has 1 << table_shift entries, embedded or in table_blocks blocks. */
int fzap_header_get(const uint8_t *block, size_t len, struct fzap_header *ret,
                    struct err *reterr);
/* The hash that says where a name is: its top table_shift bits index the table. */
uint64_t fzap_hash(const struct fzap_header *h, const char *name);
/* Entries of the table embedded in block 0 begin at len / 2; there are 1 << fzap_embedded_shift(). */
static inline unsigned fzap_embedded_shift(unsigned block_shift)
{
    return block_shift - 4;
}

/* ---- fat: leaf ------------------------------------------------------------------------------ */

void zleaf_init(uint8_t *leaf, unsigned block_shift, uint64_t prefix, unsigned prefix_len);
/* Everything later calls rely on: chunk numbers inside, each chunk used once, lengths right, names whole,
 * entries in the bucket of their hash. -EBADMSG. */
int zleaf_check(const uint8_t *leaf, unsigned block_shift, struct err *reterr);
uint64_t zleaf_prefix(const uint8_t *leaf);
unsigned zleaf_prefix_len(const uint8_t *leaf);
unsigned zleaf_entries(const uint8_t *leaf);
/* -ENOENT, -ENOMEM; the value's bytes are malloc'd. */
int zleaf_lookup(const uint8_t *leaf, unsigned block_shift, uint64_t hash, const char *name,
                 struct zap_value *ret);
/* Inserts or replaces. -ENOSPC: the leaf must be split; -E2BIG: not even an empty one has room. The leaf is
 * as it was then. */
int zleaf_put(uint8_t *leaf, unsigned block_shift, uint64_t hash, const char *name,
              const struct zap_value *value);
/* -ENOENT. */
int zleaf_remove(uint8_t *leaf, unsigned block_shift, uint64_t hash, const char *name);
/* Makes `to` the sibling of leaf: moves there what has the next prefix bit set, and lengthens both
 * prefixes by that bit. */
void zleaf_split(uint8_t *leaf, uint8_t *to, unsigned block_shift);
/* Calls fn for every entry; name and value are borrowed for the call. fn returns 0 to go on; anything else
 * ends the walk and is returned. -ENOMEM. */
typedef int (*zap_entry_fn)(void *arg, const char *name, const struct zap_value *value);
int zleaf_iterate(const uint8_t *leaf, unsigned block_shift, zap_entry_fn fn, void *arg);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ZAP blocks (OpenZFS zap_impl.h, zap_leaf.h, zap_micro.c): the layout of a micro block, of a fat
 * header and of a leaf, with look-up, insertion and removal inside one block. Pure; tree/zap.c walks the object.
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
#define FZAP_BLOCK_SHIFT 14u /* of the fat ones that we make */

/* A value: n integers of size bytes, in host order in 8-byte numbers when size is 8, as bytes when it is 1. */
struct zap_value {
    uint8_t int_size; /* 1, 2, 4, 8 */
    uint32_t n;
    uint8_t *bytes; /* n * int_size bytes, host order */
};

/* Top 28 bits of the hash of a name (without NUL); flags ZAP_FLAG_HASH64: 48 bits. */
#define ZAP_FLAG_HASH64     1u
#define ZAP_FLAG_UINT64_KEY 2u
uint64_t zap_hash(uint64_t salt, const char *name, size_t len, unsigned flags);

/* ---- micro: one block, string -> u64 -------------------------------------------------------- */

void mzap_init(uint8_t *block, size_t len, uint64_t salt, uint64_t normflags);
bool mzap_lookup(const uint8_t *block, size_t len, const char *name, uint64_t *ret_value);
/* 0; -ENOSPC: the block is full; -ENAMETOOLONG: has to become fat. Replaces an existing value. */
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
void fzap_header_put(uint8_t *block, size_t len, const struct fzap_header *h);
/* -EBADMSG: magic or a field out of range for blocks of 1 << shift bytes. */
int fzap_header_get(const uint8_t *block, size_t len, struct fzap_header *ret,
                    struct err *reterr);
/* Entries of the table embedded in block 0 begin at len / 2. */

/* ---- fat: leaf ------------------------------------------------------------------------------ */

void zleaf_init(uint8_t *leaf, unsigned block_shift, uint64_t prefix, unsigned prefix_len);
/* Everything later calls rely on: chunk numbers inside, chains without loops. -EBADMSG. */
int zleaf_check(const uint8_t *leaf, unsigned block_shift, struct err *reterr);
unsigned zleaf_prefix_len(const uint8_t *leaf);
/* -ENOENT; the value's bytes are malloc'd. */
int zleaf_lookup(const uint8_t *leaf, unsigned block_shift, uint64_t hash, const char *name,
                 struct zap_value *ret);
/* Inserts or replaces. -ENOSPC: the leaf must be split. */
int zleaf_put(uint8_t *leaf, unsigned block_shift, uint64_t hash, const char *name,
              const struct zap_value *value);
/* -ENOENT. */
int zleaf_remove(uint8_t *leaf, unsigned block_shift, uint64_t hash, const char *name);
/* Moves to the fresh leaf `to` what has the next prefix bit set, and lengthens both prefixes. */
void zleaf_split(uint8_t *leaf, uint8_t *to, unsigned block_shift);
/* Calls fn for every entry; value borrowed for the call. fn returns 0 to go on. */
typedef int (*zap_entry_fn)(void *arg, const char *name, const struct zap_value *value);
int zleaf_iterate(const uint8_t *leaf, unsigned block_shift, zap_entry_fn fn, void *arg);

#endif

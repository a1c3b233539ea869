/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fat ZAPs as objects: a header block, a table of leaf numbers indexed by the top bits of a
 * name's hash, and leaves. A leaf stands for all hashes with a prefix; a full one splits in two
 * by the next bit, which takes half of its table entries. When the prefix is as long as the
 * table's index, the table doubles first: out of the header's half block into a block of its
 * own, then into twice as many blocks at the end of the object.
 *
 * What is on disk is checked where it is used: a leaf is whole, and its prefix is the one that
 * the table led to. So a walk over the table meets every leaf once, whatever the table says.
 */
#include "pool/tree/zap_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t block_size(const struct fzap *z)
{
    return 1u << z->shift;
}

/* ---- the header -------------------------------------------------------------------------- */

int fzap_open(struct object *obj, struct fzap *ret)
{
    struct iobuf *buf;
    uint32_t bs = object_block_size(obj);
    int rc = live_read(obj, 0, &buf);
    if (rc != 0)
        return rc;
    ret->obj = obj;
    ret->shift = (unsigned)__builtin_ctz(bs);
    rc = buf ? fzap_header_get(buf->p, bs, &ret->h, NULL) : E(-EBADMSG);
    iobuf_put(buf);
    return rc;
}

static int header_store(struct fzap *z)
{
    uint8_t *bytes;
    int rc = object_block_change(z->obj, 0, false, &bytes);
    if (rc == 0)
        fzap_header_put(bytes, block_size(z), &z->h);
    return rc;
}

int fzap_format(struct object *obj, uint64_t salt, uint64_t normflags, struct fzap *ret)
{
    uint8_t *bytes;
    struct fzap z = {.obj = obj, .shift = (unsigned)__builtin_ctz(object_block_size(obj))};
    z.h = (struct fzap_header){
        .table_shift = fzap_embedded_shift(z.shift),
        .free_block = 2,
        .leaves = 1,
        .salt = salt,
        .normflags = normflags,
    };
    int rc = object_block_change(obj, 1, true, &bytes);
    if (rc != 0)
        return rc;
    zleaf_init(bytes, z.shift, 0, 0);
    rc = object_block_change(obj, 0, true, &bytes);
    if (rc != 0)
        return rc;
    for (uint32_t at = block_size(&z) / 2; at < block_size(&z); at += sizeof(uint64_t))
        memcpy(bytes + at, &(le64){{1}}, sizeof(le64));
    *ret = z;
    return header_store(&z);
}

/* ---- the table --------------------------------------------------------------------------- */

static uint64_t table_at(const struct fzap *z, uint64_t i)
{
    uint64_t start =
        z->h.table_blocks ? z->h.table_block << z->shift : (uint64_t)block_size(z) / 2;
    return start + i * sizeof(le64);
}

static int table_get(const struct fzap *z, uint64_t i, uint64_t *ret_blk)
{
    le64 blk;
    int rc = object_read(z->obj, table_at(z, i), &blk, sizeof(blk));
    if (rc == 0)
        *ret_blk = le64_get(blk);
    return rc;
}

static int table_set(const struct fzap *z, uint64_t i, uint64_t n, uint64_t blk)
{
    int rc = 0;
    const le64 v = le64_make(blk);
    for (uint64_t end = i + n; rc == 0 && i < end; i++)
        rc = object_write(z->obj, table_at(z, i), &v, sizeof(v));
    return rc;
}

/* Writes the table's entries [i, i + n) twice each into block `to`. */
static int table_double(const struct fzap *z, uint64_t i, uint64_t n, uint64_t to)
{
    uint8_t *bytes;
    int rc = object_block_change(z->obj, to, true, &bytes);
    for (uint64_t k = 0; rc == 0 && k < n; k++) {
        le64 v;
        rc = object_read(z->obj, table_at(z, i + k), &v, sizeof(v));
        memcpy(bytes + 2 * k * sizeof(v), &v, sizeof(v));
        memcpy(bytes + (2 * k + 1) * sizeof(v), &v, sizeof(v));
    }
    return rc;
}

/* OpenZFS doubles a table a block at a time, so one may be found half copied. The old table is
 * good: the copy is dropped. */
static int drop_half_copy(struct fzap *z)
{
    uint64_t next, blk = z->h.next_block, n = z->h.table_blocks * 2;
    z->h.next_block = z->h.blocks_copied = 0;
    if (blk == 0 || n == 0 || n > z->h.free_block || blk > z->h.free_block - n)
        return 0;
    return object_free_blocks(z->obj, blk, n, UINT64_MAX, &next);
}

static int table_grow(struct fzap *z)
{
    uint64_t next, half = 1ull << (z->shift - 4); /* half a block's entries */
    struct fzap_header h = z->h;
    h.table_block = h.free_block;
    h.table_blocks = MAX(2 * h.table_blocks, 1u);
    h.free_block += h.table_blocks;
    h.table_shift++;
    int rc = 0;
    for (uint64_t b = 0; rc == 0 && b < h.table_blocks; b++)
        rc = table_double(z, b * half, half, h.table_block + b);
    if (rc == 0 && z->h.table_blocks > 0)
        rc = object_free_blocks(z->obj, z->h.table_block, z->h.table_blocks, UINT64_MAX, &next);
    if (rc == 0)
        z->h = h;
    return rc ? rc : header_store(z);
}

/* ---- leaves ------------------------------------------------------------------------------ */

static uint64_t top_bits(uint64_t hash, unsigned n)
{
    return n > 0 ? hash >> (64 - n) : 0;
}

/* The leaf is whole and is the one for table entry i. */
static int leaf_check(const struct fzap *z, const uint8_t *leaf, uint64_t i)
{
    int rc = zleaf_check(leaf, z->shift, NULL);
    if (rc != 0)
        return rc;
    unsigned len = zleaf_prefix_len(leaf);
    bool ok = len <= z->h.table_shift && zleaf_prefix(leaf) == i >> (z->h.table_shift - len);
    return ok ? 0 : E(-EBADMSG);
}

static int leaf_find(const struct fzap *z, uint64_t i, uint64_t *ret_blk)
{
    uint64_t blk;
    int rc = table_get(z, i, &blk);
    if (rc == 0 && (blk == 0 || blk >= z->h.free_block))
        rc = E(-EBADMSG);
    if (rc == 0)
        *ret_blk = blk;
    return rc;
}

/* Shared; the caller puts it. */
static int leaf_get(const struct fzap *z, uint64_t i, struct iobuf **ret_buf)
{
    uint64_t blk;
    struct iobuf *buf = NULL;
    int rc = leaf_find(z, i, &blk);
    if (rc == 0)
        rc = live_read(z->obj, blk, &buf);
    if (rc == 0)
        rc = buf ? leaf_check(z, buf->p, i) : E(-EBADMSG);
    if (rc == 0)
        *ret_buf = buf;
    else
        iobuf_put(buf);
    return rc;
}

static int leaf_change(const struct fzap *z, uint64_t i, uint64_t *ret_blk, uint8_t **ret_leaf)
{
    struct iobuf *buf;
    int rc = leaf_get(z, i, &buf);
    if (rc != 0)
        return rc;
    iobuf_put(buf);
    rc = leaf_find(z, i, ret_blk);
    return rc ? rc : object_block_change(z->obj, *ret_blk, false, ret_leaf);
}

/* Splits the leaf of table entry i. */
static int leaf_split(struct fzap *z, uint64_t i)
{
    uint64_t blk;
    uint8_t *leaf, *to;
    unsigned hash_bits = z->h.flags & ZAP_FLAG_HASH64 ? 48 : 28;
    int rc = leaf_change(z, i, &blk, &leaf);
    if (rc != 0)
        return rc;
    unsigned len = zleaf_prefix_len(leaf);
    if (len >= hash_bits)
        return E(-ENOSPC);
    if (len == z->h.table_shift && (rc = table_grow(z)) != 0)
        return rc;
    rc = object_block_change(z->obj, z->h.free_block, true, &to);
    if (rc == 0)
        rc = object_block_change(z->obj, blk, false, &leaf);
    if (rc != 0)
        return rc;
    zleaf_split(leaf, to, z->shift);
    unsigned rest = (unsigned)z->h.table_shift - (len + 1);
    rc = table_set(z, zleaf_prefix(to) << rest, 1ull << rest, z->h.free_block);
    z->h.free_block++;
    z->h.leaves++;
    return rc ? rc : header_store(z);
}

/* ---- entries ----------------------------------------------------------------------------- */

int fzap_get(struct fzap *z, const char *name, struct zap_value *ret)
{
    struct iobuf *buf;
    uint64_t hash = fzap_hash(&z->h, name);
    int rc = leaf_get(z, top_bits(hash, (unsigned)z->h.table_shift), &buf);
    if (rc != 0)
        return rc;
    rc = zleaf_lookup(buf->p, z->shift, hash, name, ret);
    iobuf_put(buf);
    return rc;
}

int fzap_put(struct fzap *z, const char *name, const struct zap_value *value)
{
    uint64_t hash = fzap_hash(&z->h, name), blk;
    int rc = z->h.next_block ? drop_half_copy(z) : 0;
    while (rc == 0) {
        uint8_t *leaf;
        uint64_t i = top_bits(hash, (unsigned)z->h.table_shift);
        rc = leaf_change(z, i, &blk, &leaf);
        if (rc != 0)
            return rc;
        unsigned had = zleaf_entries(leaf);
        rc = zleaf_put(leaf, z->shift, hash, name, value);
        if (rc == 0) {
            z->h.entries += zleaf_entries(leaf) - had;
            return header_store(z);
        }
        if (rc == -ENOSPC)
            rc = leaf_split(z, i);
    }
    return rc;
}

int fzap_remove(struct fzap *z, const char *name)
{
    uint64_t hash = fzap_hash(&z->h, name), blk;
    uint64_t i = top_bits(hash, (unsigned)z->h.table_shift);
    struct zap_value had;
    uint8_t *leaf;
    int rc = fzap_get(z, name, &had);
    if (rc != 0)
        return rc;
    free(had.bytes);
    rc = leaf_change(z, i, &blk, &leaf);
    if (rc == 0)
        rc = zleaf_remove(leaf, z->shift, hash, name);
    if (rc != 0)
        return rc;
    z->h.entries -= MIN(z->h.entries, 1u);
    return header_store(z);
}

int fzap_iterate(struct fzap *z, zap_entry_fn fn, void *arg)
{
    uint64_t i = 0, end = 1ull << z->h.table_shift;
    while (i < end) {
        struct iobuf *buf;
        int rc = leaf_get(z, i, &buf);
        if (rc != 0)
            return rc;
        unsigned len = zleaf_prefix_len(buf->p);
        rc = zleaf_iterate(buf->p, z->shift, fn, arg);
        iobuf_put(buf);
        if (rc != 0)
            return rc;
        i += 1ull << (z->h.table_shift - len);
        fiber_maybe_yield();
    }
    return 0;
}

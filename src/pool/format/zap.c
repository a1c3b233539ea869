/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ZAPs without their leaves: the hash, the micro block and the fat header. A micro block is a flat
 * array of names and numbers, searched from its start: it has at most 2047 entries of 64 bytes, and
 * pools of ours have a few dozen. Entries with the same hash are told apart by a differentiator, the
 * smallest that is free; OpenZFS asserts that it is unique.
 */
#include "pool/format/zap.h"

#include "base/check.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* ---- hash ----------------------------------------------------------------------------------- */

/* CRC-64 of the reflected polynomial 0xc96c5795d7870f42, by half bytes. */
static const uint64_t crc_half[16] = {
    0x0000000000000000, 0x7d9ba13851336649, 0xfb374270a266cc92, 0x86ace348f355aadb,
    0x64b62bcaebc387a1, 0x192d8af2baf0e1e8, 0x9f8169ba49a54b33, 0xe21ac88218962d7a,
    0xc96c5795d7870f42, 0xb4f7f6ad86b4690b, 0x325b15e575e1c3d0, 0x4fc0b4dd24d2a599,
    0xadda7c5f3c4488e3, 0xd041dd676d77eeaa, 0x56ed3e2f9e224471, 0x2b769f17cf112238,
};

static uint8_t ascii_upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

static uint64_t hash_name(uint64_t salt, const char *name, size_t len, uint64_t flags,
                          uint64_t normflags)
{
    const unsigned bits = flags & ZAP_FLAG_HASH64 ? 48 : 28;
    uint64_t h = salt;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)name[i];
        h ^= normflags & ZAP_NORM_UPPER ? ascii_upper(c) : c;
        h = h >> 4 ^ crc_half[h & 15];
        h = h >> 4 ^ crc_half[h & 15];
    }
    return h & ~(UINT64_MAX >> bits);
}

uint64_t zap_hash(uint64_t salt, const char *name, size_t len, unsigned flags)
{
    return hash_name(salt, name, len, flags, 0);
}

/* ---- micro ---------------------------------------------------------------------------------- */

struct mzap_header {
    le64 type, salt, normflags;
    uint8_t pad[40];
};
static_assert(sizeof(struct mzap_header) == MZAP_ENTRY, "mzap_phys_t");

struct mzap_entry {
    le64 value;
    le32 cd;
    uint8_t pad[2];
    char name[MZAP_NAME_MAX + 1]; /* empty: the entry is free */
};
static_assert(sizeof(struct mzap_entry) == MZAP_ENTRY, "mzap_ent_phys_t");

/* Entry i; the header stands in the place of entry 0. */
static struct mzap_entry *entry_at(uint8_t *block, size_t i)
{
    return (struct mzap_entry *)(void *)(block + i * MZAP_ENTRY);
}
static const struct mzap_entry *entry_at_const(const uint8_t *block, size_t i)
{
    return (const struct mzap_entry *)(const void *)(block + i * MZAP_ENTRY);
}

/* The entry's number, 0: there is none. */
static size_t entry_find(const uint8_t *block, size_t len, const char *name)
{
    for (size_t i = 1; i < len / MZAP_ENTRY; i++) {
        if (strcmp(entry_at_const(block, i)->name, name) == 0 && name[0] != '\0')
            return i;
    }
    return 0;
}

/* The smallest differentiator that no entry of the same hash has: below 2047, as entries are. */
static uint32_t free_cd(const uint8_t *block, size_t len, const char *name)
{
    struct mzap_header h;
    uint8_t used[MZAP_MAX / MZAP_ENTRY / 8] = {0};
    memcpy(&h, block, sizeof(h));
    const uint64_t salt = le64_get(h.salt), norm = le64_get(h.normflags);
    const uint64_t hash = hash_name(salt, name, strlen(name), 0, norm);
    for (size_t i = 1; i < len / MZAP_ENTRY; i++) {
        const struct mzap_entry *e = entry_at_const(block, i);
        uint32_t cd = le32_get(e->cd);
        if (e->name[0] != '\0' && cd < MZAP_MAX / MZAP_ENTRY &&
            hash_name(salt, e->name, strlen(e->name), 0, norm) == hash)
            used[cd / 8] |= (uint8_t)(1u << cd % 8);
    }
    uint32_t cd = 0;
    while (used[cd / 8] >> cd % 8 & 1)
        cd++;
    return cd;
}

void mzap_init(uint8_t *block, size_t len, uint64_t salt, uint64_t normflags)
{
    check(len >= 512 && len <= MZAP_MAX && len % 512 == 0 && salt != 0);
    memset(block, 0, len);
    struct mzap_header h = {
        .type = le64_make(ZAP_MICRO),
        .salt = le64_make(salt),
        .normflags = le64_make(normflags),
    };
    memcpy(block, &h, sizeof(h));
}

int mzap_check(const uint8_t *block, size_t len, struct err *reterr)
{
    struct mzap_header h;
    if (len < 512 || len > MZAP_MAX || len % 512 != 0)
        return err_set(reterr, E(-EBADMSG), "a micro ZAP of %zu bytes", len);
    memcpy(&h, block, sizeof(h));
    if (le64_get(h.type) != ZAP_MICRO)
        return err_set(reterr, E(-EBADMSG), "not a micro ZAP: its first word is %#llx",
                       (unsigned long long)le64_get(h.type));
    for (size_t i = 1; i < len / MZAP_ENTRY; i++) {
        const struct mzap_entry *e = entry_at_const(block, i);
        if (memchr(e->name, '\0', sizeof(e->name)) == NULL)
            return err_set(reterr, E(-EBADMSG), "ZAP entry %zu: its name has no end", i);
    }
    return 0;
}

bool mzap_lookup(const uint8_t *block, size_t len, const char *name, uint64_t *ret_value)
{
    size_t i = entry_find(block, len, name);
    if (i == 0)
        return false;
    *ret_value = le64_get(entry_at_const(block, i)->value);
    return true;
}

int mzap_put(uint8_t *block, size_t len, const char *name, uint64_t value)
{
    const size_t name_len = strlen(name);
    check(name_len > 0);
    if (name_len > MZAP_NAME_MAX)
        return -ENAMETOOLONG;
    size_t i = entry_find(block, len, name);
    if (i != 0) {
        entry_at(block, i)->value = le64_make(value);
        return 0;
    }
    for (i = 1; i < len / MZAP_ENTRY; i++) {
        if (entry_at(block, i)->name[0] == '\0')
            break;
    }
    if (i == len / MZAP_ENTRY)
        return -ENOSPC;
    struct mzap_entry e = {
        .value = le64_make(value),
        .cd = le32_make(free_cd(block, len, name)),
    };
    memcpy(e.name, name, name_len);
    memcpy(entry_at(block, i), &e, sizeof(e));
    return 0;
}

bool mzap_remove(uint8_t *block, size_t len, const char *name)
{
    size_t i = entry_find(block, len, name);
    if (i == 0)
        return false;
    memset(entry_at(block, i), 0, MZAP_ENTRY);
    return true;
}

bool mzap_next(const uint8_t *block, size_t len, size_t *pos, const char **ret_name,
               uint64_t *ret_value)
{
    for (size_t i = *pos + 1; i < len / MZAP_ENTRY; i++) {
        const struct mzap_entry *e = entry_at_const(block, i);
        if (e->name[0] == '\0')
            continue;
        *pos = i;
        *ret_name = e->name;
        *ret_value = le64_get(e->value);
        return true;
    }
    return false;
}

/* ---- fat: header ---------------------------------------------------------------------------- */

struct fzap_phys {
    le64 type, magic;
    le64 table_block, table_blocks, table_shift, next_block, blocks_copied;
    le64 free_block, leaves, entries, salt, normflags, flags;
};
static_assert(sizeof(struct fzap_phys) == 104, "zap_phys_t");

static unsigned shift_of(size_t len)
{
    return (unsigned)__builtin_ctzll(len);
}

static bool is_fat_size(size_t len)
{
    return is_pow2(len) && len >= 1u << FZAP_SHIFT_MIN && len <= 1u << FZAP_SHIFT_MAX;
}

void fzap_header_put(uint8_t *block, size_t len, const struct fzap_header *h)
{
    check(is_fat_size(len) && h->salt != 0);
    struct fzap_phys p = {
        .type = le64_make(ZAP_HEADER),
        .magic = le64_make(ZAP_MAGIC),
        .table_block = le64_make(h->table_block),
        .table_blocks = le64_make(h->table_blocks),
        .table_shift = le64_make(h->table_shift),
        .next_block = le64_make(h->next_block),
        .blocks_copied = le64_make(h->blocks_copied),
        .free_block = le64_make(h->free_block),
        .leaves = le64_make(h->leaves),
        .entries = le64_make(h->entries),
        .salt = le64_make(h->salt),
        .normflags = le64_make(h->normflags),
        .flags = le64_make(h->flags),
    };
    memcpy(block, &p, sizeof(p));
}

/* The table is either the upper half of block 0 or whole blocks before free_block: a power of two of them,
 * as many as its entries take. */
static const char *table_fault(const struct fzap_header *h, unsigned block_shift)
{
    if (h->free_block == 0 || h->free_block > UINT64_MAX >> block_shift)
        return "the number of its blocks";
    if (h->table_blocks == 0)
        return h->table_block != 0 || h->table_shift != fzap_embedded_shift(block_shift)
                   ? "the size of its own table"
                   : NULL;
    if (!is_pow2(h->table_blocks) || h->table_blocks > 1u << 28 ||
        h->table_shift != block_shift - 3 + shift_of(h->table_blocks))
        return "the size of its table";
    if (h->table_block == 0 || h->table_blocks > h->free_block ||
        h->table_block > h->free_block - h->table_blocks)
        return "the place of its table";
    return NULL;
}

int fzap_header_get(const uint8_t *block, size_t len, struct fzap_header *ret,
                    struct err *reterr)
{
    struct fzap_phys p;
    if (!is_fat_size(len))
        return err_set(reterr, E(-EBADMSG), "a fat ZAP of blocks of %zu bytes", len);
    memcpy(&p, block, sizeof(p));
    if (le64_get(p.type) != ZAP_HEADER || le64_get(p.magic) != ZAP_MAGIC)
        return err_set(reterr, E(-EBADMSG), "not the header of a ZAP");
    const struct fzap_header h = {
        .table_block = le64_get(p.table_block),
        .table_blocks = le64_get(p.table_blocks),
        .table_shift = le64_get(p.table_shift),
        .next_block = le64_get(p.next_block),
        .blocks_copied = le64_get(p.blocks_copied),
        .free_block = le64_get(p.free_block),
        .leaves = le64_get(p.leaves),
        .entries = le64_get(p.entries),
        .salt = le64_get(p.salt),
        .normflags = le64_get(p.normflags),
        .flags = le64_get(p.flags),
    };
    if (h.flags & (ZAP_FLAG_UINT64_KEY | ZAP_FLAG_PRE_HASHED))
        return err_set(reterr, E(-EOPNOTSUPP), "a ZAP whose keys are not strings");
    if (h.flags & ~(uint64_t)ZAP_FLAG_HASH64 || h.normflags & ~(uint64_t)ZAP_NORM_UPPER)
        return err_set(reterr, E(-EOPNOTSUPP), "a ZAP with flags %#llx, normalisation %#llx",
                       (unsigned long long)h.flags, (unsigned long long)h.normflags);
    const char *fault = table_fault(&h, shift_of(len));
    if (fault)
        return err_set(reterr, E(-EBADMSG), "a ZAP whose header is wrong about %s", fault);
    *ret = h;
    return 0;
}

uint64_t fzap_hash(const struct fzap_header *h, const char *name)
{
    return hash_name(h->salt, name, strlen(name), h->flags, h->normflags);
}

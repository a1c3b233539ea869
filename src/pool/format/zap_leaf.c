/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One leaf of a fat ZAP: buckets of hashes, and chunks of 24 bytes. An entry is one chunk that names two
 * chains of array chunks, its name (with its NUL) and its value; integers in values are big-endian, all
 * else is little-endian. A bucket is a chain of entries in the order of their differentiators. Free
 * chunks form a list. A leaf from a disk goes through zleaf_check(); the rest believes what it reads.
 */
#include "pool/format/zap.h"

#include "base/check.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LEAF_MAGIC    0x2ab1eafu
#define LEAF_CDSORTED 1u
#define CHAIN_END     0xffffu
#define CHUNK_SIZE    24u
#define ARRAY_BYTES   21u
#define HEADER_SIZE   48u
#define CHUNKS_MAX    5118u /* of 128 KiB */

enum chunk_type { CHUNK_ARRAY = 251, CHUNK_ENTRY = 252, CHUNK_FREE = 253 };

struct leaf_phys {
    le64 type;
    uint8_t pad[8];
    le64 prefix;
    le32 magic;
    le16 nfree, nentries, prefix_len, free_head;
    uint8_t flags;
    uint8_t pad2[11];
};
static_assert(sizeof(struct leaf_phys) == HEADER_SIZE, "zap_leaf_phys_t");

struct entry_chunk {
    uint8_t type, int_size;
    le16 next, name, name_len, value, value_n; /* name_len counts the NUL */
    le32 cd;
    le64 hash;
};
static_assert(sizeof(struct entry_chunk) == CHUNK_SIZE, "zap_leaf_chunk_t, l_entry");

struct array_chunk { /* a free chunk has the same place for next */
    uint8_t type;
    uint8_t bytes[ARRAY_BYTES];
    le16 next;
};
static_assert(sizeof(struct array_chunk) == CHUNK_SIZE, "zap_leaf_chunk_t, l_array");

/* A leaf taken apart. */
struct leaf {
    struct leaf_phys *h;
    le16 *bucket;
    uint8_t *chunks;
    unsigned bucket_shift, nchunks;
};

static struct leaf leaf_of(uint8_t *p, unsigned block_shift)
{
    const unsigned nbuckets = 1u << (block_shift - 5);
    return (struct leaf){
        .h = (struct leaf_phys *)(void *)p,
        .bucket = (le16 *)(void *)(p + HEADER_SIZE),
        .chunks = p + HEADER_SIZE + 2 * nbuckets,
        .bucket_shift = block_shift - 5,
        .nchunks = ((1u << block_shift) - 2 * nbuckets) / CHUNK_SIZE - 2,
    };
}
static struct leaf leaf_of_const(const uint8_t *p, unsigned block_shift)
{
    return leaf_of((uint8_t *)(uintptr_t)p, block_shift);
}

static struct entry_chunk *entry_at(const struct leaf *l, unsigned c)
{
    return (struct entry_chunk *)(void *)(l->chunks + c * CHUNK_SIZE);
}
static struct array_chunk *array_at(const struct leaf *l, unsigned c)
{
    return (struct array_chunk *)(void *)(l->chunks + c * CHUNK_SIZE);
}
static unsigned chunks_for(size_t bytes)
{
    return (unsigned)((bytes + ARRAY_BYTES - 1) / ARRAY_BYTES);
}
static size_t value_bytes(const struct entry_chunk *e)
{
    return (size_t)le16_get(e->value_n) * e->int_size;
}
/* The bucket of a hash: the bits behind the prefix. */
static unsigned bucket_of(const struct leaf *l, uint64_t hash)
{
    return (unsigned)(hash << le16_get(l->h->prefix_len) >> (64 - l->bucket_shift));
}

/* ---- chunks --------------------------------------------------------------------------------- */

static unsigned chunk_take(struct leaf *l)
{
    unsigned c = le16_get(l->h->free_head);
    check_cmp(c, <, l->nchunks);
    l->h->free_head = array_at(l, c)->next;
    l->h->nfree = le16_make((uint16_t)(le16_get(l->h->nfree) - 1));
    return c;
}

static void chunk_give(struct leaf *l, unsigned c)
{
    struct array_chunk *a = array_at(l, c);
    memset(a, 0, sizeof(*a));
    a->type = CHUNK_FREE;
    a->next = l->h->free_head;
    l->h->free_head = le16_make((uint16_t)c);
    l->h->nfree = le16_make((uint16_t)(le16_get(l->h->nfree) + 1));
}

/* Where byte i of an array of big-endian integers stands in host order, and the reverse. */
static size_t host_index(size_t i, unsigned int_size)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return i ^ (int_size - 1); /* int_size is a power of two */
#else
    return i;
#endif
}

/* Stores integers in a new chain and returns its first chunk. */
static le16 chain_make(struct leaf *l, const uint8_t *bytes, size_t len, unsigned int_size)
{
    le16 first = le16_make(CHAIN_END), *link = &first;
    for (size_t i = 0; i < len;) {
        const unsigned c = chunk_take(l);
        struct array_chunk *a = array_at(l, c);
        *a = (struct array_chunk){.type = CHUNK_ARRAY, .next = le16_make(CHAIN_END)};
        for (unsigned k = 0; k < ARRAY_BYTES && i < len; k++, i++)
            a->bytes[k] = bytes[host_index(i, int_size)];
        *link = le16_make((uint16_t)c);
        link = &a->next;
    }
    return first;
}

static void chain_free(struct leaf *l, le16 first)
{
    for (unsigned c = le16_get(first); c != CHAIN_END;) {
        unsigned next = le16_get(array_at(l, c)->next);
        chunk_give(l, c);
        c = next;
    }
}

static void chain_read(const struct leaf *l, le16 first, uint8_t *ret_bytes, size_t len,
                       unsigned int_size)
{
    unsigned c = le16_get(first);
    for (size_t i = 0; i < len; c = le16_get(array_at(l, c)->next)) {
        for (unsigned k = 0; k < ARRAY_BYTES && i < len; k++, i++)
            ret_bytes[host_index(i, int_size)] = array_at(l, c)->bytes[k];
    }
}

static bool chain_equals(const struct leaf *l, le16 first, const char *bytes, size_t len)
{
    for (unsigned c = le16_get(first); len > 0; c = le16_get(array_at(l, c)->next)) {
        const size_t n = MIN(len, (size_t)ARRAY_BYTES);
        if (memcmp(array_at(l, c)->bytes, bytes, n) != 0)
            return false;
        bytes += n;
        len -= n;
    }
    return true;
}

/* ---- entries -------------------------------------------------------------------------------- */

/* The link that points at the entry, NULL: there is none. */
static le16 *entry_link(const struct leaf *l, uint64_t hash, const char *name)
{
    const size_t name_len = strlen(name) + 1;
    le16 *link = &l->bucket[bucket_of(l, hash)];
    for (unsigned c; (c = le16_get(*link)) != CHAIN_END; link = &entry_at(l, c)->next) {
        const struct entry_chunk *e = entry_at(l, c);
        if (le64_get(e->hash) == hash && le16_get(e->name_len) == name_len &&
            chain_equals(l, e->name, name, name_len))
            return link;
    }
    return NULL;
}

/* Puts an entry into its bucket, behind those with smaller differentiators. */
static void entry_insert(struct leaf *l, unsigned c)
{
    struct entry_chunk *e = entry_at(l, c);
    le16 *link = &l->bucket[bucket_of(l, le64_get(e->hash))];
    for (unsigned at; (at = le16_get(*link)) != CHAIN_END; link = &entry_at(l, at)->next) {
        if (le32_get(entry_at(l, at)->cd) > le32_get(e->cd))
            break;
    }
    e->next = *link;
    *link = le16_make((uint16_t)c);
}

/* The smallest differentiator that no entry of this hash has. A leaf of OpenZFS's old days need not be
 * sorted, hence the restart. */
static uint32_t free_cd(const struct leaf *l, uint64_t hash)
{
    uint32_t cd = 0;
    unsigned c = le16_get(l->bucket[bucket_of(l, hash)]);
    while (c != CHAIN_END) {
        const struct entry_chunk *e = entry_at(l, c);
        if (le64_get(e->hash) == hash && le32_get(e->cd) == cd) {
            cd++;
            c = le16_get(l->bucket[bucket_of(l, hash)]);
        } else {
            c = le16_get(e->next);
        }
    }
    return cd;
}

static void value_store(struct leaf *l, struct entry_chunk *e, const struct zap_value *v)
{
    e->int_size = v->int_size;
    e->value_n = le16_make((uint16_t)v->n);
    e->value = chain_make(l, v->bytes, (size_t)v->n * v->int_size, v->int_size);
}

/* ---- check ---------------------------------------------------------------------------------- */

/* What has been found so far: each chunk may be used once. */
struct check_state {
    struct leaf l;
    uint8_t seen[(CHUNKS_MAX + 7) / 8];
    unsigned nentries, nfree;
};

/* True: chunk c is inside, of that type, and not used before. */
static bool claim_chunk(struct check_state *st, unsigned c, enum chunk_type type)
{
    if (c >= st->l.nchunks || st->l.chunks[c * CHUNK_SIZE] != type ||
        st->seen[c / 8] >> c % 8 & 1)
        return false;
    st->seen[c / 8] |= (uint8_t)(1u << c % 8);
    return true;
}

/* True: the chain has as many chunks as len bytes take. */
static bool claim_chain(struct check_state *st, le16 first, size_t len)
{
    unsigned c = le16_get(first);
    for (unsigned n = chunks_for(len); n > 0; n--) {
        if (!claim_chunk(st, c, CHUNK_ARRAY))
            return false;
        c = le16_get(array_at(&st->l, c)->next);
    }
    return c == CHAIN_END;
}

/* True: n bytes, the last one and no other a NUL. */
static bool name_is_whole(const struct leaf *l, const struct entry_chunk *e)
{
    char name[ZAP_NAME_MAX + 1];
    const size_t n = le16_get(e->name_len);
    chain_read(l, e->name, (uint8_t *)name, n, 1);
    return strnlen(name, n) == n - 1;
}

/* NULL, or what is wrong with an entry of the given bucket. */
static const char *entry_fault(struct check_state *st, unsigned c, unsigned bucket)
{
    const struct leaf *l = &st->l;
    const struct entry_chunk *e = entry_at(l, c);
    const unsigned prefix_len = le16_get(l->h->prefix_len), name_len = le16_get(e->name_len);
    const uint64_t hash = le64_get(e->hash);
    if (bucket_of(l, hash) != bucket ||
        (prefix_len != 0 && hash >> (64 - prefix_len) != le64_get(l->h->prefix)))
        return "its hash";
    if (!is_pow2(e->int_size) || e->int_size > 8)
        return "the size of its integers";
    if (name_len < 2 || name_len > ZAP_NAME_MAX + 1 || !claim_chain(st, e->name, name_len) ||
        !name_is_whole(l, e))
        return "its name";
    if (!claim_chain(st, e->value, value_bytes(e)))
        return "its value";
    return NULL;
}

static int check_bucket(struct check_state *st, unsigned bucket, struct err *reterr)
{
    const struct leaf *l = &st->l;
    for (unsigned c = le16_get(l->bucket[bucket]); c != CHAIN_END;) {
        const char *fault = claim_chunk(st, c, CHUNK_ENTRY) ? entry_fault(st, c, bucket)
                                                            : "the chain of its bucket";
        if (fault)
            return err_set(reterr, E(-EBADMSG), "ZAP leaf: chunk %u is wrong about %s", c,
                           fault);
        st->nentries++;
        c = le16_get(entry_at(l, c)->next);
    }
    return 0;
}

int zleaf_check(const uint8_t *leaf, unsigned block_shift, struct err *reterr)
{
    check(block_shift >= FZAP_SHIFT_MIN && block_shift <= FZAP_SHIFT_MAX);
    struct check_state st = {.l = leaf_of_const(leaf, block_shift)};
    const struct leaf_phys *h = st.l.h;
    if (le64_get(h->type) != ZAP_LEAF || le32_get(h->magic) != LEAF_MAGIC)
        return err_set(reterr, E(-EBADMSG), "not a ZAP leaf");
    const unsigned prefix_len = le16_get(h->prefix_len);
    if (prefix_len > ZLEAF_PREFIX_MAX || le64_get(h->prefix) >> prefix_len != 0)
        return err_set(reterr, E(-EBADMSG), "ZAP leaf: its prefix");
    for (unsigned b = 0; b < 1u << st.l.bucket_shift; b++) {
        int rc = check_bucket(&st, b, reterr);
        if (rc != 0)
            return rc;
    }
    for (unsigned c = le16_get(h->free_head); c != CHAIN_END;) {
        if (!claim_chunk(&st, c, CHUNK_FREE))
            return err_set(reterr, E(-EBADMSG), "ZAP leaf: chunk %u is not free", c);
        st.nfree++;
        c = le16_get(array_at(&st.l, c)->next);
    }
    if (st.nfree != le16_get(h->nfree) || st.nentries != le16_get(h->nentries))
        return err_set(reterr, E(-EBADMSG),
                       "ZAP leaf: %u free chunks and %u entries, not %u and %u", st.nfree,
                       st.nentries, le16_get(h->nfree), le16_get(h->nentries));
    return 0;
}

/* ---- the leaf ------------------------------------------------------------------------------- */

void zleaf_init(uint8_t *leaf, unsigned block_shift, uint64_t prefix, unsigned prefix_len)
{
    check(block_shift >= FZAP_SHIFT_MIN && block_shift <= FZAP_SHIFT_MAX);
    check(prefix_len <= ZLEAF_PREFIX_MAX && prefix >> prefix_len == 0);
    memset(leaf, 0, 1ull << block_shift);
    struct leaf l = leaf_of(leaf, block_shift);
    *l.h = (struct leaf_phys){
        .type = le64_make(ZAP_LEAF),
        .prefix = le64_make(prefix),
        .magic = le32_make(LEAF_MAGIC),
        .prefix_len = le16_make((uint16_t)prefix_len),
        .free_head = le16_make(CHAIN_END),
        .flags = LEAF_CDSORTED,
    };
    memset(l.bucket, 0xff, sizeof(le16) << l.bucket_shift);
    for (unsigned c = l.nchunks; c-- > 0;)
        chunk_give(&l, c);
}

uint64_t zleaf_prefix(const uint8_t *leaf)
{
    return le64_get(leaf_of_const(leaf, FZAP_SHIFT_MIN).h->prefix);
}

unsigned zleaf_prefix_len(const uint8_t *leaf)
{
    return le16_get(leaf_of_const(leaf, FZAP_SHIFT_MIN).h->prefix_len);
}

unsigned zleaf_entries(const uint8_t *leaf)
{
    return le16_get(leaf_of_const(leaf, FZAP_SHIFT_MIN).h->nentries);
}

/* A copy of an entry's value. -ENOMEM. */
static int value_copy(const struct leaf *l, const struct entry_chunk *e, struct zap_value *ret)
{
    const size_t len = value_bytes(e);
    uint8_t *bytes = malloc(len ? len : 1);
    if (!bytes)
        return -ENOMEM;
    chain_read(l, e->value, bytes, len, e->int_size);
    *ret = (struct zap_value){e->int_size, le16_get(e->value_n), bytes};
    return 0;
}

int zleaf_lookup(const uint8_t *leaf, unsigned block_shift, uint64_t hash, const char *name,
                 struct zap_value *ret)
{
    const struct leaf l = leaf_of_const(leaf, block_shift);
    const le16 *link = entry_link(&l, hash, name);
    return link ? value_copy(&l, entry_at(&l, le16_get(*link)), ret) : -ENOENT;
}

/* Chunks that a new entry takes. */
static unsigned entry_chunks(const char *name, const struct zap_value *v)
{
    return 1 + chunks_for(strlen(name) + 1) + chunks_for((size_t)v->n * v->int_size);
}

static void entry_make(struct leaf *l, uint64_t hash, const char *name,
                       const struct zap_value *value)
{
    const size_t name_len = strlen(name) + 1;
    const uint32_t cd = free_cd(l, hash);
    const unsigned c = chunk_take(l);
    struct entry_chunk *e = entry_at(l, c);
    *e = (struct entry_chunk){
        .type = CHUNK_ENTRY,
        .name_len = le16_make((uint16_t)name_len),
        .cd = le32_make(cd),
        .hash = le64_make(hash),
    };
    e->name = chain_make(l, (const uint8_t *)name, name_len, 1);
    value_store(l, e, value);
    entry_insert(l, c);
    l->h->nentries = le16_make((uint16_t)(le16_get(l->h->nentries) + 1));
}

int zleaf_put(uint8_t *leaf, unsigned block_shift, uint64_t hash, const char *name,
              const struct zap_value *value)
{
    struct leaf l = leaf_of(leaf, block_shift);
    const size_t bytes = (size_t)value->n * value->int_size;
    check(name[0] != '\0' && strlen(name) <= ZAP_NAME_MAX);
    check(is_pow2(value->int_size) && value->int_size <= 8 && bytes <= ZAP_VALUE_MAX);
    if (entry_chunks(name, value) > l.nchunks)
        return -E2BIG;
    const le16 *link = entry_link(&l, hash, name);
    if (!link) {
        if (entry_chunks(name, value) > le16_get(l.h->nfree))
            return -ENOSPC;
        entry_make(&l, hash, name, value);
        return 0;
    }
    struct entry_chunk *e = entry_at(&l, le16_get(*link));
    if (chunks_for(bytes) > le16_get(l.h->nfree) + chunks_for(value_bytes(e)))
        return -ENOSPC;
    chain_free(&l, e->value);
    value_store(&l, e, value);
    return 0;
}

int zleaf_remove(uint8_t *leaf, unsigned block_shift, uint64_t hash, const char *name)
{
    struct leaf l = leaf_of(leaf, block_shift);
    le16 *link = entry_link(&l, hash, name);
    if (!link)
        return -ENOENT;
    const unsigned c = le16_get(*link);
    const struct entry_chunk *e = entry_at(&l, c);
    *link = e->next;
    chain_free(&l, e->name);
    chain_free(&l, e->value);
    chunk_give(&l, c);
    l.h->nentries = le16_make((uint16_t)(le16_get(l.h->nentries) - 1));
    return 0;
}

/* ---- split ---------------------------------------------------------------------------------- */

/* Moves a chain to another leaf. */
static le16 chain_move(struct leaf *from, struct leaf *to, le16 chain)
{
    le16 first = le16_make(CHAIN_END), *link = &first;
    for (unsigned c = le16_get(chain); c != CHAIN_END;) {
        const unsigned n = chunk_take(to), next = le16_get(array_at(from, c)->next);
        *array_at(to, n) = *array_at(from, c);
        array_at(to, n)->next = le16_make(CHAIN_END);
        *link = le16_make((uint16_t)n);
        link = &array_at(to, n)->next;
        chunk_give(from, c);
        c = next;
    }
    return first;
}

/* Moves an entry that is in no bucket. */
static void entry_move(struct leaf *from, struct leaf *to, unsigned c)
{
    const unsigned n = chunk_take(to);
    struct entry_chunk *e = entry_at(to, n);
    *e = *entry_at(from, c);
    e->name = chain_move(from, to, e->name);
    e->value = chain_move(from, to, e->value);
    entry_insert(to, n);
    chunk_give(from, c);
    from->h->nentries = le16_make((uint16_t)(le16_get(from->h->nentries) - 1));
    to->h->nentries = le16_make((uint16_t)(le16_get(to->h->nentries) + 1));
}

void zleaf_split(uint8_t *leaf, uint8_t *to, unsigned block_shift)
{
    const unsigned old_len = zleaf_prefix_len(leaf);
    const uint64_t old_prefix = zleaf_prefix(leaf);
    check(old_len < ZLEAF_PREFIX_MAX);
    zleaf_init(to, block_shift, old_prefix << 1 | 1, old_len + 1);
    struct leaf l = leaf_of(leaf, block_shift), sibling = leaf_of(to, block_shift);
    l.h->prefix = le64_make(old_prefix << 1);
    l.h->prefix_len = le16_make((uint16_t)(old_len + 1));
    /* Buckets go by the bits behind the prefix: all of them change. */
    memset(l.bucket, 0xff, sizeof(le16) << l.bucket_shift);
    for (unsigned c = 0; c < l.nchunks; c++) {
        if (entry_at(&l, c)->type != CHUNK_ENTRY)
            continue;
        if (le64_get(entry_at(&l, c)->hash) >> (63 - old_len) & 1)
            entry_move(&l, &sibling, c);
        else
            entry_insert(&l, c);
    }
}

/* ---- walk ----------------------------------------------------------------------------------- */

static int visit(const struct leaf *l, const struct entry_chunk *e, zap_entry_fn fn, void *arg)
{
    char name[ZAP_NAME_MAX + 1];
    struct zap_value value;
    chain_read(l, e->name, (uint8_t *)name, le16_get(e->name_len), 1);
    int rc = value_copy(l, e, &value);
    if (rc != 0)
        return rc;
    rc = fn(arg, name, &value);
    free(value.bytes);
    return rc;
}

int zleaf_iterate(const uint8_t *leaf, unsigned block_shift, zap_entry_fn fn, void *arg)
{
    const struct leaf l = leaf_of_const(leaf, block_shift);
    for (unsigned b = 0; b < 1u << l.bucket_shift; b++) {
        for (unsigned c = le16_get(l.bucket[b]); c != CHAIN_END;) {
            const struct entry_chunk *e = entry_at(&l, c);
            int rc = visit(&l, e, fn, arg);
            if (rc != 0)
                return rc;
            c = le16_get(e->next);
        }
    }
    return 0;
}

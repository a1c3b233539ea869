/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ZAP blocks. The first byte chooses: any bytes as a micro block, as a fat header or as a leaf, which, if the
 * check lets them through, are walked, looked up, changed and split; or a sequence of insertions and removals in a
 * sound leaf, compared with a plain table. A leaf stays sound whatever is done to it.
 */
#include "base/check.h"
#include "base/util.h"
#include "pool/format/zap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SALT 0x123457u

/* size bytes of data in a block of exactly len bytes, the rest zero; the caller frees it. */
static uint8_t *block_of(const uint8_t *data, size_t size, size_t len)
{
    uint8_t *block = calloc(1, len);
    check(block != NULL);
    memcpy(block, data, MIN(size, len));
    return block;
}

static void micro(const uint8_t *data, size_t size)
{
    const size_t len = MAX(round_down(size, 512), 512u);
    uint8_t *block = block_of(data, size, len);
    struct err err;
    memcpy(block, "\3\0\0\0\0\0\0\200", 8);
    if (mzap_check(block, len, &err) == 0) {
        const char *name;
        uint64_t v, got;
        for (size_t pos = 0; mzap_next(block, len, &pos, &name, &v);)
            check(name[0] != '\0' && strlen(name) <= MZAP_NAME_MAX &&
                  mzap_lookup(block, len, name, &got));
        int rc = mzap_put(block, len, "new", 42);
        check(rc == -ENOSPC || (mzap_lookup(block, len, "new", &v) && v == 42));
        check(mzap_remove(block, len, "new") == (rc == 0));
        check(mzap_check(block, len, &err) == 0);
    }
    free(block);
}

static void header(const uint8_t *data, size_t size)
{
    static uint8_t again[1u << 14];
    uint8_t *block = block_of(data, size, sizeof(again));
    struct fzap_header h, h2;
    struct err err;
    if (fzap_header_get(block, sizeof(again), &h, &err) == 0) {
        check(h.free_block > 0 && h.table_shift >= fzap_embedded_shift(14));
        check(h.table_blocks == 0 || h.table_block + h.table_blocks <= h.free_block);
        if (h.salt != 0) {
            fzap_header_put(again, sizeof(again), &h);
            check(fzap_header_get(again, sizeof(again), &h2, &err) == 0);
            check(memcmp(&h, &h2, sizeof(h)) == 0);
        }
        (void)fzap_hash(&h, "name");
    }
    free(block);
}

/* ---- any leaf ------------------------------------------------------------------------------- */

struct walk {
    unsigned n;
    uint64_t bytes;
};
static int visit(void *arg, const char *name, const struct zap_value *value)
{
    struct walk *w = arg;
    check(name[0] != '\0' && strlen(name) <= ZAP_NAME_MAX);
    w->n++;
    for (uint32_t i = 0; i < value->n * value->int_size; i++)
        w->bytes += value->bytes[i];
    return 0;
}

static unsigned count(const uint8_t *leaf, unsigned shift)
{
    struct walk w = {0};
    check(zleaf_iterate(leaf, shift, visit, &w) == 0);
    return w.n;
}

static void leaf_use(uint8_t *leaf, uint8_t *sibling, unsigned shift, uint64_t low)
{
    struct err err;
    struct zap_value got, v = {8, 1, (uint8_t *)&low};
    const unsigned prefix_len = zleaf_prefix_len(leaf), before = count(leaf, shift);
    const uint64_t hash =
        (prefix_len ? zleaf_prefix(leaf) << (64 - prefix_len) : 0) | low >> prefix_len >> 1;
    check(before == zleaf_entries(leaf));
    const int found = zleaf_lookup(leaf, shift, hash, "new", &got);
    if (found == 0)
        free(got.bytes);
    const int rc = zleaf_put(leaf, shift, hash, "new", &v);
    check(zleaf_check(leaf, shift, &err) == 0);
    check(rc == 0 || rc == -ENOSPC);
    check(zleaf_entries(leaf) == before + (rc == 0 && found != 0));
    if (prefix_len < ZLEAF_PREFIX_MAX) {
        const unsigned all = zleaf_entries(leaf);
        zleaf_split(leaf, sibling, shift);
        check(zleaf_check(leaf, shift, &err) == 0 && zleaf_check(sibling, shift, &err) == 0);
        check(count(leaf, shift) + count(sibling, shift) == all);
        if (zleaf_prefix_len(leaf) > 0 && hash >> (63 - prefix_len) & 1)
            leaf = sibling;
    }
    check((zleaf_remove(leaf, shift, hash, "new") == 0) == (rc == 0 || found == 0));
    check(zleaf_check(leaf, shift, &err) == 0);
}

static void any_leaf(const uint8_t *data, size_t size, unsigned shift)
{
    uint8_t *leaf = block_of(data, size, 1ull << shift);
    uint8_t *sibling = block_of(data, 0, 1ull << shift);
    struct err err;
    uint64_t low = 0;
    memcpy(&low, data, MIN(size, sizeof(low)));
    memcpy(leaf, "\0\0\0\0\0\0\0\200", 8);
    memcpy(leaf + 24, "\xaf\x1e\xab\x02", 4);
    if (zleaf_check(leaf, shift, &err) == 0)
        leaf_use(leaf, sibling, shift, low);
    free(leaf);
    free(sibling);
}

/* ---- a sound leaf against a table ----------------------------------------------------------- */

#define NAMES        32u
#define SMALL        10u /* leaves of 1 KiB: full after a few entries */
#define SMALL_CHUNKS 38u

struct model {
    bool present[NAMES];
    uint8_t fill[NAMES], int_size[NAMES];
    uint32_t n[NAMES];
};

static uint64_t name_make(unsigned i, char ret_name[24])
{
    snprintf(ret_name, 24, i % 3 ? "n%u" : "a-longer-name-%08u", i);
    /* Few hash bits: buckets get long, and names with one hash are told apart. */
    return zap_hash(SALT, ret_name, strlen(ret_name), 0) & 0xc000000000000000;
}

static void model_put(struct model *m, uint8_t *leaf, unsigned i, uint8_t a, uint8_t b)
{
    static uint8_t bytes[8 * 64];
    char name[24];
    const struct zap_value v = {(uint8_t)(1u << a % 4), b % 64u, bytes};
    memset(bytes, b, sizeof(bytes));
    const int rc = zleaf_put(leaf, SMALL, name_make(i, name), name, &v);
    check(rc == 0 || rc == -ENOSPC || rc == -E2BIG);
    if (rc == 0) {
        m->present[i] = true;
        m->fill[i] = b;
        m->int_size[i] = v.int_size;
        m->n[i] = v.n;
    }
}

static void model_compare(const struct model *m, const uint8_t *leaf)
{
    struct zap_value got;
    unsigned n = 0, chunks = 0; /* of 21 bytes; none may be lost */
    for (unsigned i = 0; i < NAMES; i++) {
        char name[24];
        const uint64_t hash = name_make(i, name);
        n += m->present[i];
        if (zleaf_lookup(leaf, SMALL, hash, name, &got) != 0) {
            check(!m->present[i]);
            continue;
        }
        check(m->present[i] && got.int_size == m->int_size[i] && got.n == m->n[i]);
        for (uint32_t k = 0; k < got.n * got.int_size; k++)
            check(got.bytes[k] == m->fill[i]);
        chunks += 1 + (unsigned)(strlen(name) + 21) / 21 + (got.n * got.int_size + 20) / 21;
        free(got.bytes);
    }
    check(zleaf_entries(leaf) == n && count(leaf, SMALL) == n);
    check(chunks + leaf[28] == SMALL_CHUNKS);
}

static void sequence(const uint8_t *data, size_t size)
{
    struct model m = {0};
    struct err err;
    uint8_t *leaf = block_of(data, 0, 1u << SMALL);
    zleaf_init(leaf, SMALL, 0, 0);
    for (size_t i = 0; i + 3 <= size && i < 3 * 1000; i += 3) {
        const unsigned at = data[i] % NAMES;
        char name[24];
        if (data[i] & 0x80) {
            const bool removed = zleaf_remove(leaf, SMALL, name_make(at, name), name) == 0;
            check(removed == m.present[at]);
            m.present[at] = false;
        } else {
            model_put(&m, leaf, at, data[i + 1], data[i + 2]);
        }
        check(zleaf_check(leaf, SMALL, &err) == 0);
    }
    model_compare(&m, leaf);
    free(leaf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    switch (data[0] % 5) {
    case 0:
        micro(data + 1, size - 1);
        break;
    case 1:
        header(data + 1, size - 1);
        break;
    case 2:
        any_leaf(data + 1, size - 1, 9);
        break;
    case 3:
        any_leaf(data + 1, size - 1, 14);
        break;
    default:
        sequence(data + 1, size - 1);
    }
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Leaves of fat ZAPs: what is put in comes out, chunks are neither lost nor used twice, and what a disk
 * may say is refused. */
#include "pool/format/zap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SHIFT 14u
#define SIZE  (1u << SHIFT)
#define SALT  0x123457u

static uint8_t leaf[SIZE], other[SIZE];

static uint64_t hash(const char *name)
{
    return zap_hash(SALT, name, strlen(name), 0);
}

static int put_u64(uint8_t *to, const char *name, uint64_t v)
{
    const struct zap_value value = {8, 1, (uint8_t *)&v};
    return zleaf_put(to, SHIFT, hash(name), name, &value);
}

static uint64_t get_u64(const uint8_t *from, const char *name)
{
    struct zap_value value;
    uint64_t v;
    assert_int_equal(zleaf_lookup(from, SHIFT, hash(name), name, &value), 0);
    assert_int_equal(value.int_size, 8);
    assert_int_equal(value.n, 1);
    memcpy(&v, value.bytes, sizeof(v));
    free(value.bytes);
    return v;
}

static void assert_sound(const uint8_t *l)
{
    struct err err;
    assert_int_equal(zleaf_check(l, SHIFT, &err), 0);
}

static unsigned free_chunks(const uint8_t *l)
{
    return (unsigned)(l[28] | l[29] << 8);
}

static void test_layout(void **state)
{
    (void)state;
    zleaf_init(leaf, SHIFT, 5, 3);
    assert_sound(leaf);
    assert_int_equal(free_chunks(leaf), 638);
    assert_int_equal(zleaf_prefix(leaf), 5);
    assert_int_equal(zleaf_prefix_len(leaf), 3);
    static const uint8_t head[] = {0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0,    0,    0,    0,
                                   0, 0, 5, 0, 0, 0, 0, 0,    0, 0, 0xaf, 0x1e, 0xab, 0x02};
    assert_memory_equal(leaf, head, sizeof(head));
    zleaf_init(leaf, SHIFT, 0, 0);
    put_u64(leaf, "ab", 0x0102030405060708);
    /* The first chunks: the entry, its name with the NUL, its value with the high byte first. */
    const uint8_t *chunk = leaf + 48 + 2 * 512;
    assert_int_equal(chunk[0], 252);
    assert_int_equal(chunk[1], 8);
    assert_int_equal(chunk[6], 3);
    assert_memory_equal(chunk + 24, "\373ab\0", 4);
    assert_memory_equal(chunk + 48, "\373\1\2\3\4\5\6\7\10\0", 10);
}

static void test_values_come_back(void **state)
{
    (void)state;
    static const struct {
        uint8_t int_size;
        uint32_t n;
    } rows[] = {
        {1, 1   },
        {1, 32  },
        {1, 8192},
        {2, 21  },
        {4, 100 },
        {8, 24  },
        {8, 1000},
        {8, 0   }
    };
    static uint8_t bytes[8192];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct zap_value v = {rows[i].int_size, rows[i].n, bytes};
        struct zap_value got;
        zleaf_init(leaf, SHIFT, 0, 0);
        assert_int_equal(zleaf_put(leaf, SHIFT, hash("k"), "k", &v), 0);
        assert_sound(leaf);
        assert_int_equal(zleaf_lookup(leaf, SHIFT, hash("k"), "k", &got), 0);
        assert_int_equal(got.int_size, v.int_size);
        assert_int_equal(got.n, v.n);
        assert_memory_equal(got.bytes, bytes, (size_t)v.n * v.int_size);
        free(got.bytes);
    }
}

static void test_replace_and_remove_give_chunks_back(void **state)
{
    (void)state;
    static uint8_t zeros[ZAP_VALUE_MAX];
    const struct zap_value big = {1, 8000, zeros}, bigger = {1, 8192, zeros};
    zleaf_init(leaf, SHIFT, 0, 0);
    const unsigned all = free_chunks(leaf);
    assert_int_equal(zleaf_put(leaf, SHIFT, hash("prop"), "prop", &big), 0);
    /* Both values at a time would not fit. */
    assert_int_equal(zleaf_put(leaf, SHIFT, hash("prop"), "prop", &bigger), 0);
    assert_int_equal(put_u64(leaf, "prop", 3), 0);
    assert_int_equal(zleaf_entries(leaf), 1);
    assert_int_equal(free_chunks(leaf), all - 3);
    assert_int_equal(zleaf_remove(leaf, SHIFT, hash("prop"), "prop"), 0);
    assert_int_equal(zleaf_remove(leaf, SHIFT, hash("prop"), "prop"), -ENOENT);
    assert_int_equal(free_chunks(leaf), all);
    assert_int_equal(zleaf_entries(leaf), 0);
    assert_sound(leaf);
}

static void test_full_leaf_is_left_alone(void **state)
{
    (void)state;
    static uint8_t before[SIZE];
    char name[24];
    unsigned n = 0;
    int rc;
    zleaf_init(leaf, SHIFT, 0, 0);
    do {
        memcpy(before, leaf, SIZE);
        snprintf(name, sizeof(name), "entry-%u", n++);
    } while ((rc = put_u64(leaf, name, n)) == 0);
    assert_int_equal(rc, -ENOSPC);
    assert_memory_equal(leaf, before, SIZE);
    assert_int_equal(zleaf_entries(leaf), 638 / 3);
    assert_int_equal(put_u64(leaf, "entry-0", 7), 0);
}

static void test_what_never_fits_is_told_apart(void **state)
{
    (void)state;
    static uint8_t zeros[ZAP_VALUE_MAX], small[512];
    const struct zap_value v = {1, 400, zeros};
    zleaf_init(small, 9, 0, 0);
    assert_int_equal(zleaf_put(small, 9, hash("k"), "k", &v), -E2BIG);
}

static void test_equal_hashes_are_told_apart(void **state)
{
    (void)state;
    static const char *const same[] = {"a1c22c8738dd766d", "32cf481056fad1db",
                                       "a01eeb58ff3572b"};
    zleaf_init(leaf, SHIFT, 0, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(put_u64(leaf, same[i], i), 0);
    /* Entries take chunks 0, 3, 6; their differentiators lie at 12. */
    const uint8_t *chunks = leaf + 48 + 2 * 512;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(chunks[3 * i * 24 + 12], i);
        assert_int_equal(get_u64(leaf, same[i]), i);
    }
    assert_int_equal(zleaf_remove(leaf, SHIFT, hash(same[0]), same[0]), 0);
    assert_int_equal(get_u64(leaf, same[2]), 2);
    assert_int_equal(put_u64(leaf, same[0], 9), 0);
    assert_int_equal(chunks[0 * 24 + 12],
                     0); /* the smallest that is free, first in its bucket */
    assert_int_equal(get_u64(leaf, same[0]), 9);
    assert_sound(leaf);
}

static void test_split_parts_by_the_next_bit(void **state)
{
    (void)state;
    char name[24];
    unsigned n = 0, here = 0, there = 0;
    zleaf_init(leaf, SHIFT, 0, 0);
    for (;; n++) {
        snprintf(name, sizeof(name), "entry-%u", n);
        if (put_u64(leaf, name, n) != 0)
            break;
    }
    zleaf_split(leaf, other, SHIFT);
    assert_sound(leaf);
    assert_sound(other);
    assert_int_equal(zleaf_prefix(leaf), 0);
    assert_int_equal(zleaf_prefix(other), 1);
    assert_int_equal(zleaf_prefix_len(leaf), 1);
    for (unsigned i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "entry-%u", i);
        const bool moved = hash(name) >> 63;
        assert_int_equal(get_u64(moved ? other : leaf, name), i);
        (*(moved ? &there : &here))++;
    }
    assert_int_equal(zleaf_entries(leaf), here);
    assert_int_equal(zleaf_entries(other), there);
    assert_in_range(here, n / 4, n);
    assert_in_range(there, n / 4, n);
}

struct seen {
    unsigned n, stop_after;
    uint64_t sum;
};
static int see(void *arg, const char *name, const struct zap_value *value)
{
    struct seen *s = arg;
    uint64_t v;
    assert_int_equal(value->int_size, 8);
    memcpy(&v, value->bytes, sizeof(v));
    assert_int_equal(strtoull(name, NULL, 16), v);
    s->sum += v;
    return ++s->n == s->stop_after ? 42 : 0;
}

static void test_walk(void **state)
{
    (void)state;
    struct seen s = {0};
    zleaf_init(leaf, SHIFT, 0, 0);
    put_u64(leaf, "1", 1);
    put_u64(leaf, "20", 0x20);
    put_u64(leaf, "300", 0x300);
    assert_int_equal(zleaf_iterate(leaf, SHIFT, see, &s), 0);
    assert_int_equal(s.n, 3);
    assert_int_equal(s.sum, 0x321);
    s = (struct seen){.stop_after = 2};
    assert_int_equal(zleaf_iterate(leaf, SHIFT, see, &s), 42);
    assert_int_equal(s.n, 2);
}

static void test_check_refuses(void **state)
{
    (void)state;
    enum {
        CHUNKS = 48 + 2 * 512,
        NAME = CHUNKS + 24,
        VALUE = CHUNKS + 48,
        NEXT_FREE = CHUNKS + 72
    };
    static const struct {
        size_t at;
        uint8_t byte;
    } rows[] = {
        {0,              1   }, /* type */
        {16,             1   }, /* a prefix of no bits that is not 0 */
        {24,             0   }, /* magic */
        {28,             0   }, /* free chunks */
        {30,             2   }, /* entries */
        {32,             49  }, /* prefix length */
        {34,             0   }, /* the list of free chunks begins at the entry */
        {CHUNKS,         251 }, /* the entry is an array */
        {CHUNKS + 1,     3   }, /* integers of 3 bytes */
        {CHUNKS + 2,     0   }, /* the bucket's chain loops */
        {CHUNKS + 4,     2   }, /* its name is its value */
        {CHUNKS + 5,     0xff}, /* its name lies outside */
        {CHUNKS + 6,     1   }, /* an empty name */
        {CHUNKS + 6,     30  }, /* a name longer than its chain */
        {CHUNKS + 10,    3   }, /* a value longer than its chain */
        {CHUNKS + 23,    0xee}, /* a hash of another bucket */
        {NAME,           253 }, /* the name's chunk is free */
        {NAME + 1,       0   }, /* a NUL inside the name */
        {NAME + 4,       'x' }, /* no NUL at its end */
        {NAME + 22,      2   }, /* a chain that is too long */
        {NEXT_FREE,      251 }, /* a free chunk that isn't */
        {NEXT_FREE + 22, 3   }, /* free chunks in a circle */
    };
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        zleaf_init(leaf, SHIFT, 0, 0);
        put_u64(leaf, "abc", 1);
        assert_sound(leaf);
        leaf[rows[i].at] = rows[i].byte;
        assert_int_equal(zleaf_check(leaf, SHIFT, &err), -EBADMSG);
    }
}

static void test_check_refuses_a_foreign_prefix(void **state)
{
    (void)state;
    struct err err;
    const uint64_t prefix = hash("abc") >> 60;
    zleaf_init(leaf, SHIFT, prefix, 4);
    put_u64(leaf, "abc", 1);
    assert_sound(leaf);
    leaf[16] ^= 1;
    assert_int_equal(zleaf_check(leaf, SHIFT, &err), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_values_come_back),
        cmocka_unit_test(test_replace_and_remove_give_chunks_back),
        cmocka_unit_test(test_full_leaf_is_left_alone),
        cmocka_unit_test(test_what_never_fits_is_told_apart),
        cmocka_unit_test(test_equal_hashes_are_told_apart),
        cmocka_unit_test(test_split_parts_by_the_next_bit),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_check_refuses),
        cmocka_unit_test(test_check_refuses_a_foreign_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Micro blocks and fat headers. The hashes were computed by an independent program that reads pools of
 * OpenZFS. */
#include "pool/format/zap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_hash_equals_openzfs(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t bits28, bits48;
    } rows[] = {
        {"root_dataset", 0xd2ed96c000000000, 0xd2ed96c3e07d0000},
        {"$MOS",         0x6148ba5000000000, 0x6148ba5f25620000},
        {"a",            0x595e4a0000000000, 0x595e4a0894040000},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const size_t len = strlen(rows[i].name);
        assert_true(zap_hash(0xb5a3, rows[i].name, len, 0) == rows[i].bits28);
        assert_true(zap_hash(0xb5a3, rows[i].name, len, ZAP_FLAG_HASH64) == rows[i].bits48);
    }
}

static void test_upper_case_names_hash_alike(void **state)
{
    (void)state;
    struct fzap_header h = {.salt = 0xb5a3};
    assert_true(fzap_hash(&h, "snap-1a") != fzap_hash(&h, "SNAP-1A"));
    h.normflags = ZAP_NORM_UPPER;
    assert_true(fzap_hash(&h, "snap-1a") == fzap_hash(&h, "SNAP-1A"));
    assert_true(fzap_hash(&h, "snap-1a") == zap_hash(h.salt, "SNAP-1A", 7, 0));
}

/* ---- micro ---------------------------------------------------------------------------------- */

static void test_micro_keeps_names_and_numbers(void **state)
{
    (void)state;
    uint8_t block[512];
    uint64_t v;
    struct err err;
    mzap_init(block, sizeof(block), 0x1234567, 0);
    assert_int_equal(mzap_check(block, sizeof(block), &err), 0);
    assert_false(mzap_lookup(block, sizeof(block), "size", &v));
    assert_int_equal(mzap_put(block, sizeof(block), "size", 8u << 20), 0);
    assert_int_equal(mzap_put(block, sizeof(block), "other", 1), 0);
    assert_int_equal(mzap_put(block, sizeof(block), "size", 9u << 20), 0);
    assert_true(mzap_lookup(block, sizeof(block), "size", &v));
    assert_int_equal(v, 9u << 20);
    assert_true(mzap_remove(block, sizeof(block), "size"));
    assert_false(mzap_remove(block, sizeof(block), "size"));
    assert_false(mzap_lookup(block, sizeof(block), "size", &v));
    assert_true(mzap_lookup(block, sizeof(block), "other", &v));
    assert_false(mzap_lookup(block, sizeof(block), "", &v)); /* a free entry is no entry */
}

static void test_micro_layout(void **state)
{
    (void)state;
    uint8_t block[512];
    static const uint8_t type[8] = {3, 0, 0, 0, 0, 0, 0, 0x80};
    mzap_init(block, sizeof(block), 0x0102, ZAP_NORM_UPPER);
    assert_int_equal(mzap_put(block, sizeof(block), "$MOS", 0x23), 0);
    assert_memory_equal(block, type, sizeof(type));
    assert_int_equal(block[8], 0x02);
    assert_int_equal(block[9], 0x01);
    assert_int_equal(block[16], ZAP_NORM_UPPER);
    assert_int_equal(block[64], 0x23);
    assert_memory_equal(block + 64 + 14, "$MOS\0\0", 6);
}

static void test_micro_fills_and_grows(void **state)
{
    (void)state;
    uint8_t block[1024] = {0};
    char name[8];
    uint64_t v;
    mzap_init(block, 512, 1, 0);
    for (unsigned i = 0; i < 7; i++) {
        snprintf(name, sizeof(name), "v%u", i);
        assert_int_equal(mzap_put(block, 512, name, i), 0);
    }
    assert_int_equal(mzap_put(block, 512, "v7", 7), -ENOSPC);
    assert_int_equal(mzap_put(block, 512, "v6", 66), 0);
    assert_int_equal(mzap_put(block, 1024, "v7", 7), 0);
    assert_true(mzap_lookup(block, 1024, "v7", &v) && v == 7);
    assert_true(mzap_lookup(block, 1024, "v6", &v) && v == 66);
}

static void test_micro_refuses_long_names(void **state)
{
    (void)state;
    uint8_t block[512];
    char name[MZAP_NAME_MAX + 2];
    uint64_t v;
    memset(name, 'n', sizeof(name));
    name[MZAP_NAME_MAX + 1] = '\0';
    mzap_init(block, sizeof(block), 1, 0);
    assert_int_equal(mzap_put(block, sizeof(block), name, 1), -ENAMETOOLONG);
    name[MZAP_NAME_MAX] = '\0';
    assert_int_equal(mzap_put(block, sizeof(block), name, 1), 0);
    assert_true(mzap_lookup(block, sizeof(block), name, &v) && v == 1);
}

/* Three names of the same 28 bits under this salt. */
static void test_micro_tells_equal_hashes_apart(void **state)
{
    (void)state;
    static const char *const same[] = {"a1c22c8738dd766d", "32cf481056fad1db",
                                       "a01eeb58ff3572b"};
    uint8_t block[512];
    mzap_init(block, sizeof(block), 0x123457, 0);
    assert_int_equal(mzap_put(block, sizeof(block), "between", 9), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(mzap_put(block, sizeof(block), same[i], i), 0);
    const uint8_t *cd = block + MZAP_ENTRY + 8;
    assert_int_equal(cd[0 * MZAP_ENTRY], 0);
    assert_int_equal(cd[1 * MZAP_ENTRY], 0);
    assert_int_equal(cd[2 * MZAP_ENTRY], 1);
    assert_int_equal(cd[3 * MZAP_ENTRY], 2);
    assert_true(mzap_remove(block, sizeof(block), same[1]));
    assert_int_equal(mzap_put(block, sizeof(block), same[1], 7), 0);
    assert_int_equal(cd[2 * MZAP_ENTRY], 1);
}

static void test_micro_walk_sees_each_once(void **state)
{
    (void)state;
    uint8_t block[512];
    const char *name;
    uint64_t v, sum = 0;
    size_t pos = 0;
    unsigned n = 0;
    mzap_init(block, sizeof(block), 1, 0);
    assert_false(mzap_next(block, sizeof(block), &pos, &name, &v));
    mzap_put(block, sizeof(block), "a", 1);
    mzap_put(block, sizeof(block), "b", 2);
    mzap_put(block, sizeof(block), "c", 4);
    mzap_remove(block, sizeof(block), "b");
    for (pos = 0; mzap_next(block, sizeof(block), &pos, &name, &v); n++) {
        assert_int_equal(name[0], v == 1 ? 'a' : 'c');
        sum += v;
    }
    assert_int_equal(n, 2);
    assert_int_equal(sum, 5);
}

static void test_micro_check_refuses(void **state)
{
    (void)state;
    uint8_t block[1024];
    struct err err;
    mzap_init(block, sizeof(block), 1, 0);
    assert_int_equal(mzap_check(block, 256, &err), -EBADMSG);
    assert_int_equal(mzap_check(block, 1000, &err), -EBADMSG);
    memset(block + 2 * MZAP_ENTRY + 14, 'x', 50);
    assert_int_equal(mzap_check(block, sizeof(block), &err), -EBADMSG);
    assert_non_null(strstr(err.msg, "entry 2"));
    mzap_init(block, sizeof(block), 1, 0);
    block[0] = 1;
    assert_int_equal(mzap_check(block, sizeof(block), &err), -EBADMSG);
}

/* ---- fat header ----------------------------------------------------------------------------- */

static const struct fzap_header embedded = {
    .table_shift = 10,
    .free_block = 2,
    .leaves = 1,
    .entries = 12,
    .salt = 0xb5a3,
};

static void test_header_comes_back(void **state)
{
    (void)state;
    static uint8_t block[16384];
    const struct fzap_header external = {
        .table_block = 2,
        .table_blocks = 4,
        .table_shift = 13,
        .next_block = 6,
        .blocks_copied = 1,
        .free_block = 14,
        .leaves = 3,
        .entries = 900,
        .salt = 1,
        .normflags = ZAP_NORM_UPPER,
        .flags = ZAP_FLAG_HASH64,
    };
    struct fzap_header h;
    struct err err;
    fzap_header_put(block, sizeof(block), &embedded);
    assert_int_equal(fzap_header_get(block, sizeof(block), &h, &err), 0);
    assert_memory_equal(&h, &embedded, sizeof(h));
    fzap_header_put(block, sizeof(block), &external);
    assert_int_equal(fzap_header_get(block, sizeof(block), &h, &err), 0);
    assert_memory_equal(&h, &external, sizeof(h));
    assert_int_equal(block[104], 0);
}

static void test_header_refuses(void **state)
{
    (void)state;
    static uint8_t block[16384];
    static const struct {
        size_t at; /* of the byte that is set */
        uint8_t byte;
        int rc;
    } rows[] = {
        {0,  0x00, -EBADMSG   }, /* type: a leaf */
        {8,  0x00, -EBADMSG   }, /* magic */
        {16, 0x01, -EBADMSG   }, /* a table outside without blocks */
        {24, 0x01, -EBADMSG   }, /* table blocks, not as the shift says */
        {32, 0x0b, -EBADMSG   }, /* shift */
        {56, 0x00, -EBADMSG   }, /* no blocks */
        {63, 0x80, -EBADMSG   }, /* more blocks than bytes can be counted */
        {96, 0x02, -EOPNOTSUPP}, /* keys are numbers */
        {96, 0x04, -EOPNOTSUPP}, /* keys are hashes */
        {96, 0x08, -EOPNOTSUPP},
        {88, 0x04, -EOPNOTSUPP}, /* Unicode normalisation */
    };
    struct fzap_header h;
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fzap_header_put(block, sizeof(block), &embedded);
        block[rows[i].at] = rows[i].byte;
        assert_int_equal(fzap_header_get(block, sizeof(block), &h, &err), rows[i].rc);
    }
    assert_int_equal(fzap_header_get(block, 12000, &h, &err), -EBADMSG);
}

static void test_header_refuses_a_table_past_the_end(void **state)
{
    (void)state;
    static uint8_t block[16384];
    struct fzap_header h = embedded;
    struct err err;
    h.table_blocks = 2;
    h.table_shift = 12;
    h.table_block = 1;
    h.free_block = 3;
    fzap_header_put(block, sizeof(block), &h);
    assert_int_equal(fzap_header_get(block, sizeof(block), &h, &err), 0);
    h.table_block = 2;
    fzap_header_put(block, sizeof(block), &h);
    assert_int_equal(fzap_header_get(block, sizeof(block), &h, &err), -EBADMSG);
    h.table_block = 0;
    fzap_header_put(block, sizeof(block), &h);
    assert_int_equal(fzap_header_get(block, sizeof(block), &h, &err), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_equals_openzfs),
        cmocka_unit_test(test_upper_case_names_hash_alike),
        cmocka_unit_test(test_micro_keeps_names_and_numbers),
        cmocka_unit_test(test_micro_layout),
        cmocka_unit_test(test_micro_fills_and_grows),
        cmocka_unit_test(test_micro_refuses_long_names),
        cmocka_unit_test(test_micro_tells_equal_hashes_apart),
        cmocka_unit_test(test_micro_walk_sees_each_once),
        cmocka_unit_test(test_micro_check_refuses),
        cmocka_unit_test(test_header_comes_back),
        cmocka_unit_test(test_header_refuses),
        cmocka_unit_test(test_header_refuses_a_table_past_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

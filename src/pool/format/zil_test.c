/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks and records of the intent log: sizes as OpenZFS left them on a disk, chains that prove themselves,
 * records that a disk may break. */
#include "pool/format/zil.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint64_t identity[2] = {0x1122334455667788, 0x99aabbccddeeff00};
static uint8_t block[ZIL_BLOCK_MAX], data[ZIL_BLOCK_MAX];

static struct bp first_bp(uint32_t size)
{
    const struct dva dva = {.off = 0x301c000, .asize = size, .vdev = 0};
    struct bp bp;
    zil_bp_make(&bp, size, 23, identity, 73);
    bp_set_dva(&bp, 0, &dva);
    return bp;
}

static struct bp next_bp(const struct bp *prev, uint32_t size)
{
    const struct dva dva = {.off = 0x303b000, .asize = size, .vdev = 0};
    struct bp bp;
    zil_bp_next(&bp, prev, size, 24);
    bp_set_dva(&bp, 0, &dva);
    return bp;
}

static void test_pointers_of_a_chain(void **state)
{
    (void)state;
    const struct bp a = first_bp(4096), b = next_bp(&a, 12288);
    struct err err;
    assert_true(zil_bp_seq(&a) == 1 && zil_bp_seq(&b) == 2);
    const struct cksum sum = bp_cksum(&b);
    assert_true(sum.w[0] == identity[0] && sum.w[1] == identity[1] && sum.w[2] == 73);
    assert_true(bp_lsize(&b) == 12288 && bp_psize(&b) == 12288 && bp_birth(&b) == 24);
    assert_int_equal(bp_type(&b), DMU_INTENT_LOG);
    assert_int_equal(bp_checksum(&b), ZCHECK_ZILOG2);
    assert_int_equal(bp_compress(&b), ZCOMP_OFF);
    assert_true(bp_fill(&b) == 0);
    assert_int_equal(zil_bp_check(&a, &err), 0);
    assert_int_equal(zil_bp_check(&b, &err), 0);
}

static void test_foreign_pointers_are_refused(void **state)
{
    (void)state;
    const struct bp good = first_bp(8192);
    const struct dva dva = bp_dva(&good, 0);
    const struct bp_props rows[] = {
        {8192,       8192,       DMU_ZVOL,       0, ZCOMP_OFF, ZCHECK_ZILOG2},
        {8192,       8192,       DMU_INTENT_LOG, 1, ZCOMP_OFF, ZCHECK_ZILOG2},
        {8192,       8192,       DMU_INTENT_LOG, 0, ZCOMP_LZ4, ZCHECK_ZILOG2},
        {8192,       8192,       DMU_INTENT_LOG, 0, ZCOMP_OFF, ZCHECK_ZILOG },
        {8192,       4096,       DMU_INTENT_LOG, 0, ZCOMP_OFF, ZCHECK_ZILOG2},
        {2048,       2048,       DMU_INTENT_LOG, 0, ZCOMP_OFF, ZCHECK_ZILOG2},
        {4608,       4608,       DMU_INTENT_LOG, 0, ZCOMP_OFF, ZCHECK_ZILOG2},
        {256u << 10, 256u << 10, DMU_INTENT_LOG, 0, ZCOMP_OFF, ZCHECK_ZILOG2},
    };
    struct err err;
    struct bp bp;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bp_make(&bp, &rows[i], 23);
        bp_set_dva(&bp, 0, &dva);
        assert_int_equal(zil_bp_check(&bp, &err), -EOPNOTSUPP);
    }
    memset(&bp, 0, sizeof(bp));
    assert_int_equal(zil_bp_check(&bp, &err), -EOPNOTSUPP);
}

/* One WRITE of 4096 bytes at 0x11000 left 4472 bytes used in a block of 12288. */
static void test_sizes_of_openzfs(void **state)
{
    (void)state;
    uint32_t used = ZIL_BLOCK_HEADER;
    const struct zil_record rec = {.type = ZIL_WRITE,
                                   .txg = 24,
                                   .seq = 1,
                                   .offset = 0x11000,
                                   .length = 4096,
                                   .data = data};
    assert_int_equal(zil_record_size(ZIL_WRITE, 4096), 4288);
    assert_int_equal(zil_record_size(ZIL_WRITE, 1), 200);
    assert_int_equal(zil_record_size(ZIL_WRITE, 0), 192);
    assert_int_equal(zil_record_size(ZIL_TRUNCATE, 0), 56);
    assert_non_null(zil_record_put(block, &used, &rec));
    assert_int_equal(used, 4472);
}

static void test_records_come_back(void **state)
{
    (void)state;
    const struct bp a = first_bp(12288), b = next_bp(&a, 4096);
    const struct bp_props props = {16384, 16384, DMU_ZVOL, 0, ZCOMP_OFF, ZCHECK_FLETCHER4};
    const struct dva dva = {.off = 0x40000, .asize = 16384};
    struct zil_record indirect = {.type = ZIL_WRITE, .txg = 25, .seq = 3, .length = 16384};
    const struct zil_record direct = {
        .type = ZIL_WRITE, .txg = 24, .seq = 1, .offset = 77824, .length = 513, .data = data};
    const struct zil_record discard = {
        .type = ZIL_TRUNCATE, .txg = 24, .seq = 2, .offset = 1u << 20, .length = 4096};
    bp_make(&indirect.bp, &props, 25);
    bp_set_dva(&indirect.bp, 0, &dva);
    for (size_t i = 0; i < 513; i++)
        data[i] = (uint8_t)(i * 3);
    memset(block, 0xee, sizeof(block));

    uint32_t used = ZIL_BLOCK_HEADER, got_used, pos = ZIL_BLOCK_HEADER;
    zil_record_put(block, &used, &direct);
    assert_null(zil_record_put(block, &used, &discard));
    assert_null(zil_record_put(block, &used, &indirect));
    zil_block_seal(block, &a, &b, used);

    struct bp next;
    struct zil_record r;
    assert_true(zil_block_parse(block, &a, &next, &got_used));
    assert_memory_equal(&next, &b, sizeof(b));
    assert_int_equal(got_used, used);
    assert_int_equal(zil_record_next(block, used, &pos, &r), 1);
    assert_true(r.type == ZIL_WRITE && r.txg == 24 && r.seq == 1 && r.object == ZIL_OBJECT);
    assert_true(r.offset == 77824 && r.length == 513 && bp_is_hole(&r.bp));
    assert_memory_equal(r.data, data, 513);
    assert_int_equal(r.data[513] | r.data[519], 0); /* padding */
    assert_int_equal(zil_record_next(block, used, &pos, &r), 1);
    assert_true(r.type == ZIL_TRUNCATE && r.offset == 1u << 20 && r.length == 4096 && !r.data);
    assert_int_equal(zil_record_next(block, used, &pos, &r), 1);
    assert_true(r.txg == 25 && r.seq == 3 && !r.data);
    assert_memory_equal(&r.bp, &indirect.bp, sizeof(r.bp));
    assert_int_equal(zil_record_next(block, used, &pos, &r), 0);
}

static void test_data_can_be_filled_in_place(void **state)
{
    (void)state;
    const struct zil_record rec = {.type = ZIL_WRITE, .length = 12, .seq = 1};
    uint32_t used = ZIL_BLOCK_HEADER, pos = ZIL_BLOCK_HEADER;
    struct zil_record r;
    memset(block, 0xee, sizeof(block));
    uint8_t *place = zil_record_put(block, &used, &rec);
    memcpy(place, "twelve bytes", 12);
    assert_int_equal(zil_record_next(block, used, &pos, &r), 1);
    assert_ptr_equal(r.data, place);
    assert_memory_equal(r.data, "twelve bytes\0\0\0\0", 16);
}

static void test_seal_covers_whole_4k_units(void **state)
{
    (void)state;
    const struct bp a = first_bp(12288), b = next_bp(&a, 4096);
    struct bp next;
    uint32_t used;
    memset(block, 0xee, sizeof(block));
    zil_block_seal(block, &a, &b, 4472);
    assert_int_equal(block[4472] | block[8191], 0);
    assert_int_equal(block[8192], 0xee); /* what is not written is not summed either */
    assert_true(zil_block_parse(block, &a, &next, &used));
    block[8192] = 0;
    assert_true(zil_block_parse(block, &a, &next, &used));
    block[8191] = 1;
    assert_false(zil_block_parse(block, &a, &next, &used));
}

static void test_block_that_does_not_belong_ends_the_log(void **state)
{
    (void)state;
    const struct bp a = first_bp(4096), b = next_bp(&a, 4096), c = next_bp(&b, 4096);
    struct bp hole = {0}, next;
    uint32_t used;
    zil_block_seal(block, &a, &b, 1000);
    assert_true(zil_block_parse(block, &a, &next, &used));
    assert_false(zil_block_parse(block, &b, &next, &used)); /* an older block of the chain */
    struct bp stranger;
    const uint64_t others[2] = {identity[0], identity[1] + 1};
    zil_bp_make(&stranger, 4096, 23, others, 73);
    assert_false(zil_block_parse(block, &stranger, &next, &used));
    zil_block_seal(block, &a, &c, 1000); /* skips one */
    assert_false(zil_block_parse(block, &a, &next, &used));
    zil_block_seal(block, &a, &hole, 1000);
    assert_false(zil_block_parse(block, &a, &next, &used));
    memset(block, 0, sizeof(block));
    assert_false(zil_block_parse(block, &a, &next, &used));
}

static void test_parse_leaves_the_block_as_it_was(void **state)
{
    (void)state;
    static uint8_t before[4096];
    const struct bp a = first_bp(4096), b = next_bp(&a, 4096);
    struct bp next;
    uint32_t used;
    zil_block_seal(block, &a, &b, 1000);
    memcpy(before, block, sizeof(before));
    assert_true(zil_block_parse(block, &a, &next, &used));
    assert_memory_equal(block, before, sizeof(before));
    block[999] ^= 1;
    before[999] ^= 1;
    assert_false(zil_block_parse(block, &a, &next, &used));
    assert_memory_equal(block, before, sizeof(before));
}

static void test_every_flipped_bit_of_the_chain_is_noticed(void **state)
{
    (void)state;
    const struct bp a = first_bp(4096), b = next_bp(&a, 4096);
    struct bp next;
    uint32_t used;
    zil_block_seal(block, &a, &b, ZIL_BLOCK_HEADER);
    for (unsigned bit = 0; bit < 8 * ZIL_BLOCK_HEADER; bit++) {
        block[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(zil_block_parse(block, &a, &next, &used));
        block[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(zil_block_parse(block, &a, &next, &used));
}

static void test_broken_records_are_refused(void **state)
{
    (void)state;
    enum { R = ZIL_BLOCK_HEADER };
    static const struct {
        size_t at;
        uint8_t byte;
        int rc;
    } rows[] = {
        {R + 0,  8,    -EOPNOTSUPP}, /* a create: volumes have none */
        {R + 7,  0x80, -EOPNOTSUPP}, /* the flag of case-insensitive names */
        {R + 8,  0,    -EBADMSG   }, /* shorter than itself */
        {R + 8,  201,  -EBADMSG   }, /* not whole words */
        {R + 9,  1,    -EBADMSG   }, /* past the used part */
        {R + 48, 9,    -EBADMSG   }, /* more data than the record holds */
        {R + 47, 0xff, 1          }, /* an offset far out is the volume's business */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct zil_record rec = {
            .type = ZIL_WRITE, .offset = 8, .length = 8, .data = data, .seq = 1};
        uint32_t used = R, pos = R;
        struct zil_record r;
        zil_record_put(block, &used, &rec);
        block[rows[i].at] = rows[i].byte;
        assert_int_equal(zil_record_next(block, used, &pos, &r), rows[i].rc);
        assert_int_equal(pos, rows[i].rc == -EBADMSG ? R : used);
    }
}

static void test_ranges_that_wrap_are_refused(void **state)
{
    (void)state;
    const struct zil_record rec = {
        .type = ZIL_TRUNCATE, .offset = UINT64_MAX - 10, .length = 11, .seq = 1};
    uint32_t used = ZIL_BLOCK_HEADER, pos = ZIL_BLOCK_HEADER;
    struct zil_record r;
    zil_record_put(block, &used, &rec);
    assert_int_equal(zil_record_next(block, used, &pos, &r), -EBADMSG);
}

static void test_cut_records_are_refused(void **state)
{
    (void)state;
    const struct zil_record rec = {.type = ZIL_TRUNCATE, .length = 8, .seq = 1};
    uint32_t used = ZIL_BLOCK_HEADER;
    struct zil_record r;
    zil_record_put(block, &used, &rec);
    for (uint32_t cut = 1; cut < 56; cut++) {
        uint32_t pos = ZIL_BLOCK_HEADER;
        assert_int_equal(zil_record_next(block, used - cut, &pos, &r), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pointers_of_a_chain),
        cmocka_unit_test(test_foreign_pointers_are_refused),
        cmocka_unit_test(test_sizes_of_openzfs),
        cmocka_unit_test(test_records_come_back),
        cmocka_unit_test(test_data_can_be_filled_in_place),
        cmocka_unit_test(test_seal_covers_whole_4k_units),
        cmocka_unit_test(test_block_that_does_not_belong_ends_the_log),
        cmocka_unit_test(test_parse_leaves_the_block_as_it_was),
        cmocka_unit_test(test_every_flipped_bit_of_the_chain_is_noticed),
        cmocka_unit_test(test_broken_records_are_refused),
        cmocka_unit_test(test_ranges_that_wrap_are_refused),
        cmocka_unit_test(test_cut_records_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

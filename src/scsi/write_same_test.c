/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/block_testing.h"

#include <errno.h>

static struct fix_cmd *write_same(struct fix *f, unsigned flags, uint64_t lba, uint32_t nblk,
                                  int byte)
{
    struct fix_cmd *c =
        cmd_new(f, f->a, "93 %02x %016" PRIx64 " %08" PRIx32 " 00 00", flags, lba, nblk);
    if (!(flags & WRITE_SAME_NDOB))
        cmd_out_byte(c, lu_block(f->lu), byte);
    return cmd_run(f, c);
}
static uint64_t used(struct fix *f)
{
    struct volume_space space = {0};
    EXPECT_EQ(f, volume_space(f->vol, &space), 0);
    return space.used;
}

FIX_TEST(a_block_is_repeated_over_the_range)
{
    static const uint32_t lengths[] = {1, 2, 7, 2047, 2048, 2049, 5000};
    for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
        struct fix_cmd *c = cmd_new(f, f->a, "41 00 00000064 00 %04x 00", lengths[i]);
        uint8_t *p = pattern(512, i);
        fix_out(c, p, 512);
        EXPECT_GOOD(f, cmd_run(f, c));
        EXPECT_EQ(f, c->t.data_len, 512);
        for (uint32_t at = 0; at < lengths[i]; at += 1 + lengths[i] / 5) {
            c = read_blocks(f, 100 + at, 1);
            EXPECT(f, memcmp(c->in, p, 512) == 0);
        }
        EXPECT(f, memcmp(read_blocks(f, 100 + lengths[i] - 1, 1)->in, p, 512) == 0);
        EXPECT(f, memcmp(read_blocks(f, 100 + lengths[i], 1)->in, p, 512) != 0);
        EXPECT(f, holds_byte(f, 99, 1, 0));
        free(p);
    }
}

FIX_TEST(zeros_are_never_written_out)
{
    static const unsigned flags[] = {0, WRITE_SAME_UNMAP, WRITE_SAME_NDOB,
                                     WRITE_SAME_NDOB | WRITE_SAME_UNMAP};
    for (unsigned i = 0; i < ARRAY_LEN(flags); i++) {
        EXPECT_GOOD(f, write_byte(f, 0, 1024, 'x'));
        gate_fail(f, 1u << VOL_OP_WRITE, -EIO); /* only zero operations may come */
        EXPECT_GOOD(f, write_same(f, flags[i], 0, 1024, 0));
        gate_fail(f, 0, 0);
        EXPECT(f, holds_byte(f, 0, 1024, 0));
        if (flags[i] & WRITE_SAME_UNMAP)
            EXPECT_EQ(f, used(f), 0);
    }
    EXPECT_EQ(f, f->last->t.data_len, 1024 * 512);
}

FIX_TEST(unmap_with_other_data_writes_them)
{
    EXPECT_GOOD(f, write_same(f, WRITE_SAME_UNMAP, 3, 9, 0xa6));
    EXPECT(f, holds_byte(f, 3, 9, 0xa6));
}

FIX_TEST(a_length_of_zero_goes_to_the_end)
{
    const uint64_t end = 131072;
    EXPECT_GOOD(f, write_byte(f, end - 3, 3, 'x'));
    EXPECT_GOOD(f, write_same(f, WRITE_SAME_UNMAP, end - 2, 0, 0));
    EXPECT(f, holds_byte(f, end - 3, 1, 'x'));
    EXPECT(f, holds_byte(f, end - 2, 2, 0));
    EXPECT_GOOD(f, write_same(f, 0, end, 0, 1));
    EXPECT_CHECK(f, write_same(f, 0, end + 1, 0, 1), SK_ILLEGAL_REQUEST, 0x2100);
    EXPECT_CHECK(f, write_same(f, 0, end - 1, 2, 1), SK_ILLEGAL_REQUEST, 0x2100);
}

FIX_TEST_WITH(a_range_over_the_limit_is_refused, .size = 1ull << 30)
{
    const uint32_t most = SCSI_WRITE_SAME_MAX_BYTES / 512;
    EXPECT_GOOD(f, write_same(f, WRITE_SAME_UNMAP, 0, most, 0));
    struct fix_cmd *c = write_same(f, WRITE_SAME_UNMAP, 0, most + 1, 0);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2400);
    EXPECT_CDB_FIELD(f, c, 10, -1);
    EXPECT_CHECK(f, write_same(f, 0, 0, 0, 0), SK_ILLEGAL_REQUEST, 0x2400);
    EXPECT_GOOD(f, write_same(f, WRITE_SAME_UNMAP, (1u << 21) - most, 0, 0));
}

FIX_TEST(data_out_that_is_not_one_block_is_refused)
{
    static const size_t sent[] = {0, 256, 1024};
    for (unsigned i = 0; i < ARRAY_LEN(sent); i++) {
        struct fix_cmd *c = cmd_new(f, f->a, "41 08 00000000 00 0001 00");
        cmd_out_byte(c, sent[i], 'A');
        EXPECT_CHECK(f, cmd_run(f, c), SK_ILLEGAL_REQUEST, 0x0e03);
    }
}

FIX_TEST(anchor_is_refused)
{
    struct fix_cmd *c = fix_do(f, f->a, "93 18 0000000000000000 00000001 00 00");
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2400);
    EXPECT_CDB_FIELD(f, c, 1, 4);
}

FIX_TEST_WITH(without_thin_provisioning_unmap_is_refused, .not_thin = true)
{
    EXPECT_GOOD(f, write_same(f, 0, 0, 2, 7));
    struct fix_cmd *c = write_same(f, WRITE_SAME_UNMAP, 0, 1, 0);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2400);
    EXPECT_CDB_FIELD(f, c, 1, 3);
}

FIX_TEST(errors_end_it)
{
    gate_fail(f, 1u << VOL_OP_WRITE | 1u << VOL_OP_ZERO, -ENOSPC);
    EXPECT_CHECK(f, write_same(f, 0, 0, 9, 1), SK_DATA_PROTECT, 0x2707);
    EXPECT_CHECK(f, write_same(f, 0, 0, 9, 0), SK_DATA_PROTECT, 0x2707);
}

/* Under one range lock to its end, and an abort stops it between two pieces. */
FIX_TEST(an_abort_stops_it_between_pieces)
{
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *c = cmd_new(f, f->a, "93 00 0000000000000000 00004000 00 00"); /* 8 MiB */
    cmd_out_byte(c, 512, 'p');
    fix_start(c);
    fix_settle();
    lu_abort_mark(f->lu, NULL, NULL, NULL);
    gate_open(f);
    fix_wait(c);
    EXPECT_EQ(f, c->outcome, SCSI_ABORTED);
    EXPECT(f, holds_byte(f, 0, 1, 'p'));
    EXPECT(f, holds_byte(f, 0x3fff, 1, 0));
    fix_free(c);

    c = cmd_new(f, f->a,
                "93 00 0000000000000000 00004000 00 00"); /* aborted before its data came */
    cmd_out_byte(c, 512, 'q');
    c->data_held = true;
    fix_start(c);
    fix_settle();
    lu_abort_mark(f->lu, NULL, NULL, NULL);
    fix_wait(c);
    EXPECT(f, holds_byte(f, 0, 1, 'p'));
    fix_free(c);
}

FIX_TEST(an_abort_stops_one_that_waits_for_its_range)
{
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *holder = cmd_new(f, f->a, "2a 00 00000000 00 0001 00");
    struct fix_cmd *c = cmd_new(f, f->b, "93 01 0000000000000000 00000002 00 00");
    cmd_out_byte(holder, 512, 'h');
    fix_start(holder);
    fix_start(c);
    fix_settle();
    lu_abort_mark(f->lu, c->t.itl, NULL, NULL);
    fix_wait(c);
    EXPECT_EQ(f, c->outcome, SCSI_ABORTED);
    gate_open(f);
    fix_wait(holder);
    EXPECT(f, holds_byte(f, 0, 1, 'h'));
    fix_free(holder);
    fix_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_block_is_repeated_over_the_range),
        cmocka_unit_test(test_zeros_are_never_written_out),
        cmocka_unit_test(test_unmap_with_other_data_writes_them),
        cmocka_unit_test(test_a_length_of_zero_goes_to_the_end),
        cmocka_unit_test(test_a_range_over_the_limit_is_refused),
        cmocka_unit_test(test_data_out_that_is_not_one_block_is_refused),
        cmocka_unit_test(test_anchor_is_refused),
        cmocka_unit_test(test_without_thin_provisioning_unmap_is_refused),
        cmocka_unit_test(test_errors_end_it),
        cmocka_unit_test(test_an_abort_stops_it_between_pieces),
        cmocka_unit_test(test_an_abort_stops_one_that_waits_for_its_range),
    };
    return cmocka_run_group_tests_name("write_same", tests, NULL, NULL);
}
